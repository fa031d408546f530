"""What a job runs: the plans of containers."""
