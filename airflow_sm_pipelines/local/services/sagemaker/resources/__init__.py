"""The common parts of all SageMaker resources: keys, the table, listing, tags."""
