"""The registry: everything that is not a reading, in SQL (SQLite or PostgreSQL), one file a concept."""
