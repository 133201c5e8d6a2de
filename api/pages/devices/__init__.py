"""Devices: the list, one device, its trend."""
