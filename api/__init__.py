"""What people and machines ask: REST, live stream, gate decisions, pages."""
