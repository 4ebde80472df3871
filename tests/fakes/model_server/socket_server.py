"""HTTP/1.1 with the socket in hand: answers that stop half-way, and silence."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.model_server.seen import Json, Request


class Exchange(BaseHTTPRequestHandler):
    """One request after the other on one connection, and the ways to answer it."""

    protocol_version = "HTTP/1.1"
    server: "SocketServer"

    def handle_request(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = _object(self.rfile.read(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = self.path.partition("?")[0]
        self.server.answer(self, Request(self.command, path, headers, body))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815

    def gives(
        self, body: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole JSON answer."""
        raw = json.dumps(body).encode()
        kind = {"content-type": "application/json", "content-length": str(len(raw))}
        self._head(status, kind | dict(headers or {}))
        if self.command != "HEAD":
            self.wfile.write(raw)

    def streams(self, chunks: Iterable[bytes], kind: str = "text/event-stream") -> None:
        """The headers and these chunks as they are; the end of the stream is left open."""
        self._head(200, {"content-type": kind, "transfer-encoding": "chunked"})
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.flush()

    def ends(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def drops(self) -> None:
        """Nothing more; a stream that has begun lacks its end."""
        self.close_connection = True

    def is_silent(self) -> None:
        """Say nothing until the client goes or the server closes."""
        self.wfile.flush()
        while self.connection.recv(4096):
            continue
        self.drops()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the requests are recorded."""


class SocketServer(ThreadingHTTPServer):
    """On loopback, a thread for each connection, and a close that ends them all."""

    daemon_threads = False  # so that the close waits for them

    def __init__(self, port: int, answer: Callable[[Exchange, Request], None]) -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Exchange)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return self.server_port

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes in the middle is part of the play; anything else is a bug here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _object(raw: bytes) -> Json:
    """The JSON object in it, or an empty one: telemetry and the like may be anything."""
    with suppress(ValueError):
        value = json.loads(raw)
        return value if isinstance(value, dict) else {}
    return {}
