"""Savings: contracts, their baselines and the avoided energy against them (IPMVP)."""
