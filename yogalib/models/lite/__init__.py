"""CLIP-lite: its image tower (tower.py), its weights, their card and their licence."""
