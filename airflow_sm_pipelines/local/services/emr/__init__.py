"""Amazon EMR: clusters that are only lists of steps, and steps that run as processes of this machine."""
