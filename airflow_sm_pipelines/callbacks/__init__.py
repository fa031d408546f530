"""The Callback step, whole: its token and message, its wait, and everything that can answer it."""
