"""A TCP relay that can go silent: what it is given is acknowledged and never delivered, so that TCP sees nothing wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 65536


class Relay:
    """Forwards connections to one server until it is told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._ear = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._ear.getsockname()[1]
        self.silent = False
        """Swallow every byte, also of new connections, which are accepted."""
        self._lost: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def lose_connections(self) -> None:
        """Swallow every byte of the connections there are, as after a fail-over; new ones get through."""
        self._lost |= self._open

    def close(self) -> None:
        """End all connections."""
        # a thread that waits in accept() is not woken by close() alone
        with contextlib.suppress(OSError):
            self._ear.shutdown(socket.SHUT_RDWR)
        self._ear.close()
        for one in list(self._open):
            _end(one)

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._ear.accept()
            except OSError:
                return
            far = socket.create_connection(self._server)
            self._open |= {near, far}
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if not self.silent and source not in self._lost:
                    target.sendall(data)
        if not self.silent and source not in self._lost:  # a silent network does not tell of an end either
            _end(target)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    """Relay to a server, until the end of the block."""
    running = Relay(host, port)
    try:
        yield running
    finally:
        running.close()
