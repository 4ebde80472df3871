"""What a stream says that means nothing to us, kept short."""

from wfd.domain.signal import Noise
from wfd_runners.fields import clip

MAX_NOISE = 200  # characters, or bytes of a line


def noise(words: object) -> tuple[Noise]:
    return (Noise(clip(str(words), MAX_NOISE)),)


def no_event(line: bytes) -> tuple[Noise, ...]:
    """Of a line that holds no event: half a line, a warning, nothing at all."""
    return (Noise(line[:MAX_NOISE].decode("utf-8", "replace")),) if line.strip() else ()
