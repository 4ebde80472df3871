"""What a service manager is told, as systemd's sd_notify(3) has it; nothing where there is none."""

import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress

_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """Datagrams to the socket of whoever has started this process. Never blocks, never raises."""

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s  # it must hear of us so often; None: it does not listen
        self._status = ""
        self._is_ready = False

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str], pid: int) -> "ServiceManager":
        """As the environment tells, which then no longer does: no child may speak for us."""
        address, usec, of = (environ.pop(name, "") for name in _OURS)
        if not address.startswith(("/", "@")):
            return cls()
        is_for_us = usec.isdigit() and int(usec) > 0 and of in ("", str(pid))
        return cls(address, int(usec) / 1e6 if is_for_us else None)

    def ready(self, status: str) -> None:
        self._is_ready = True
        self._status = status
        self._tell("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """One line for a person; told when it is another than before."""
        if status != self._status:
            self._status = status
            self._tell(f"STATUS={status}")

    def reloading(self) -> None:
        """Before a start is over and after a stop has begun it is nobody's business."""
        if self._is_ready:
            self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self, status: str) -> None:
        if self._is_ready:
            self.ready(status)

    def stopping(self, status: str, within_ms: int) -> None:
        """We end by ourselves, and need so long for it, whatever the unit's own limit is."""
        self._is_ready = False
        self._status = status
        self._tell("STOPPING=1", f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={within_ms * 1000}")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        address = self._address
        if address.startswith("@"):  # in the abstract name space of Linux
            address = f"\0{address[1:]}"
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto("\n".join(lines).encode(), address)
