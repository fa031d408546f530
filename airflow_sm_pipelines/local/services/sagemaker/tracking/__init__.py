"""Experiments, trials and their components; lineage."""
