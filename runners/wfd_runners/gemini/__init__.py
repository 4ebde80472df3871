"""Gemini CLI: how it is launched, and what it says."""
