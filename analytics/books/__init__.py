"""The books: from the readings of registers to trusted consumption, and how every figure came to be."""
