"""Faces: what people and programs see of the daemon. They send commands and read rows."""
