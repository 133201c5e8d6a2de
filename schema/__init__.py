"""What is said: quantities, readings, events and findings. Pure values, no I/O."""
