"""One class per step type that waits for something outside of AWS jobs."""
