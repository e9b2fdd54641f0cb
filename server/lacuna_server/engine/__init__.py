"""The engine: one process that holds the model for all editor windows of a user, and what is needed to talk to it."""
