"""Runs to numbers, tables, figures."""
