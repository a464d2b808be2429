"""Commands beside the study."""
