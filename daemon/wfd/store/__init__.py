"""The store: SQLite, one writer, group commit."""
