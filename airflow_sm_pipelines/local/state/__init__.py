"""The state of the local AWS: moto's in memory, and the state file that outlives the process."""
