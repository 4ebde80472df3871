"""Texts in the encodings that `working-tree-encoding` names."""

_BOM = "\ufeff"


def in_utf8(data: bytes, encoding: str | None) -> bytes | None:
    """A file's text as a blob would have it; None if it is not in its encoding, or in one unknown.

    Without an encoding the bytes are the text.
    """
    if encoding is None:
        return data
    try:
        text = data.decode(encoding.upper().removesuffix("-BOM"))
    except (LookupError, UnicodeDecodeError):
        return None
    return text.removeprefix(_BOM).encode("utf-8", "surrogatepass")


def is_utf8_instead(data: bytes, encoding: str) -> bool:
    """Whether a file that should have characters of two or four bytes is in UTF-8.

    git would take its bytes two by two, and write nonsense.
    """
    if not encoding.upper().replace("-", "").startswith(("UTF16", "UTF32")):
        return False
    return bool(data) and b"\0" not in data and in_utf8(data, "utf-8") is not None
