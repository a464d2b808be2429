"""Notebooks to report."""
