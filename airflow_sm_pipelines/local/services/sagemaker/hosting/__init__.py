"""Endpoints, their configurations and inference components. Nothing is behind them."""
