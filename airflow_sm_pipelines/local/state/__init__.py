"""What the local AWS remembers: moto's state in memory, and the state file that outlives the process."""
