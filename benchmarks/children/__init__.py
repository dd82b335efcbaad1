"""Programs that races run in fresh processes."""
