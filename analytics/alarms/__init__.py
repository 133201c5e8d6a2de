"""Alarms: findings that somebody has to answer, from the first call to the last (ISA-18.2)."""
