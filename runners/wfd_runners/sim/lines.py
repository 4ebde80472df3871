"""Whole lines onto stdout, whatever signal comes in between."""

import os


class Interrupted(Exception):
    """SIGINT came: say so and end."""


class Lines:
    def __init__(self) -> None:
        self._is_writing = False
        self._is_interrupted = False

    def on_sigint(self, number: int, frame: object) -> None:
        self._is_interrupted = True
        if not self._is_writing:
            self._raise()

    def write(self, line: bytes) -> None:
        """Write one line and its newline, all of it or, before its first byte, Interrupted."""
        self._is_writing = True
        data = memoryview(line + b"\n")
        while data:
            data = data[os.write(1, data) :]
        self._is_writing = False
        if self._is_interrupted:
            self._raise()

    def _raise(self) -> None:
        self._is_interrupted = False
        raise Interrupted
