"""How consumption came about: periods with their quality, the journal."""
