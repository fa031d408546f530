"""What has changed between two definitions, and what that means for caches and for the DAG."""
