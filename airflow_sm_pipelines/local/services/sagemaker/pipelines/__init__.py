"""Pipelines as the service keeps them: created, updated, listed, described. The local AWS runs none."""
