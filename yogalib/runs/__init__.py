"""Asked, planned, made once, kept."""
