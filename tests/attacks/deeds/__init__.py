"""What the attacks do."""
