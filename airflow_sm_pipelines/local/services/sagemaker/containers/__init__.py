"""The containers of jobs: requests as commands, files and variables."""
