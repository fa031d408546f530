"""What all SageMaker resources share: keys, the table, listing, tags."""
