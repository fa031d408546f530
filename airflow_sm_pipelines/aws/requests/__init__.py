"""What is sent to AWS for a step: requests, their names and tags, in the API's own types."""
