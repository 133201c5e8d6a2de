"""What is around every page: the visit, the way in, header, language and appearance."""
