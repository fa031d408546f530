"""Jobs of all kinds: their operations and states."""
