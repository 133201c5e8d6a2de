"""People: who is in, what they eat, and the days of both."""
