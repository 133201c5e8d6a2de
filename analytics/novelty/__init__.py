"""Novelty: how unlike all before it a reading is, for series nobody has told us anything about."""
