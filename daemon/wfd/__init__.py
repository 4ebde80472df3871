"""wfd turns intent into finished, checked work by running coding agents headless."""

__version__ = "0.1.0"
