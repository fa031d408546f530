"""The requests of each step type: what is sent, in which order, with names and tags, in the API's own types."""
