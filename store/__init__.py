"""Where it rests: time series behind one port, and the registry database."""
