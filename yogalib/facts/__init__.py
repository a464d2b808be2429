"""What is known before any picture."""
