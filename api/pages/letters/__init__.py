"""Dead letters: searching, reading, taking in again."""
