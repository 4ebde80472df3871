"""One file per intent of a user, each a function of a transaction and its values."""
