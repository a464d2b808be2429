"""Pixels and prompts to answers."""
