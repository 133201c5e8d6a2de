"""The live page: a site at one instant."""
