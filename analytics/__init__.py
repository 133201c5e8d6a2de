"""What readings mean: books from registers, findings, alarms, targets and contracts."""
