"""What can be told of a definition before it runs: its graph, its requests, the values of its expressions."""
