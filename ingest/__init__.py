"""From the bus to the store: decode, validate, write, and only then acknowledge; what cannot be taken is parked."""
