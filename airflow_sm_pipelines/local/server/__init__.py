"""The process that serves the local AWS: HTTP, routing, fault rules, recorded calls."""
