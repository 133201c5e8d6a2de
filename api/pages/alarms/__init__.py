"""Alarms: lists, one alarm, its care, acknowledging by a link."""
