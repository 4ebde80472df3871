"""The nouns and their legal moves. No IO, and nothing of ours is imported."""
