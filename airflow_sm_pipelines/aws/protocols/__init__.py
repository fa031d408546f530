"""How services create, observe and stop resources: one base class, and subclasses that override what differs."""
