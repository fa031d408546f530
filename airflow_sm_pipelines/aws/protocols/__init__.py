"""How each service creates, observes, lists and stops what steps need."""
