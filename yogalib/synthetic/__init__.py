"""The embedded default: posed figures that stand in for Yoga-82."""
