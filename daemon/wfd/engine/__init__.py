"""The engine: one loop or one story per file."""
