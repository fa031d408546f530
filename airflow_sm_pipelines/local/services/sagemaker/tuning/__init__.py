"""Tuning jobs and their trials."""
