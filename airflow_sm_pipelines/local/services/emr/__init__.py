"""Amazon EMR: clusters that are only a list of steps, and steps that really run here as processes."""
