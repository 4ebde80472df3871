"""A span of time in words."""


def duration(ms: int) -> str:
    """The two largest units: '850ms', '12s', '3m 10s', '2h 5m', '4d 3h'."""
    if ms < 1000:
        return f"{ms}ms"
    seconds = ms // 1000
    for big, small, size, part in (
        ("d", "h", 86400, 3600),
        ("h", "m", 3600, 60),
        ("m", "s", 60, 1),
    ):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            return f"{whole}{big} {rest // part}{small}" if rest // part else f"{whole}{big}"
    return f"{seconds}s"
