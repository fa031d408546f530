"""What can be told of a first run by asking AWS, without changing anything: permissions, quotas, what must be there."""
