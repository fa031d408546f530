"""Running a job's container command as a process on this machine."""
