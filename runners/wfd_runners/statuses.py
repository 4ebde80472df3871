"""What an HTTP status of a model's API means, whichever CLI passes it on."""

from wfd.domain.outcome import Kind

KINDS = {
    401: Kind.AUTH,
    402: Kind.AUTH,
    403: Kind.AUTH,
    404: Kind.USAGE,  # the model, or the address
    408: Kind.TRANSIENT,
    409: Kind.TRANSIENT,
    413: Kind.POISONED,
    429: Kind.RATE_LIMITED,
    499: Kind.TRANSIENT,
}


def by_status(status: int | None) -> Kind | None:
    """The kind of failure that a status is certain of, or None."""
    if status is not None and status >= 500:
        return Kind.TRANSIENT
    return KINDS.get(status or 0)
