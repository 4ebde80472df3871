"""That something has happened, for any number who wait for the next time."""

import anyio


class News:
    def __init__(self) -> None:
        self._event = anyio.Event()

    def next(self) -> anyio.Event:
        """What the next news sets. To be asked for before looking, so that none is missed."""
        return self._event

    def came(self) -> None:
        self._event.set()
        self._event = anyio.Event()
