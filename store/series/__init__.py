"""Time series: one port, and an adapter for each place readings can rest in."""
