"""An HTTP/1.1 server for GET, on listeners that come and go, with connections that can move."""

import os
import socket


class Connection:
    def __init__(self, key, sock):
        self.key = key
        self.sock = sock
        self.unanswered = b""
        self.forget_idle = lambda: None


class HttpServer:
    def __init__(self, loop):
        self._loop = loop
        self._accepting = []
        self._notice = False
        self.connections = set()
        self.on_rest = lambda: None

    def open(self, listeners):
        """Accepts from now on."""
        self._notice = False
        for listener in listeners:
            listener.sock.setblocking(False)
            self._accepting.append(listener)
            self._loop.watch(listener.sock, lambda listener=listener: self._accept(listener))

    def shut(self):
        """Accepts no more; connections live on, and the listeners stay open."""
        for listener in self._accepting:
            self._loop.unwatch(listener.sock)
        self._accepting = []

    def give_notice(self):
        """Each connection ends with its next answer."""
        self._notice = True

    def adopt(self, key, sock, idle_ms=0):
        """Serves a connection; it is closed if its client says nothing for so long, 0: for ever."""
        connection = Connection(key, sock)
        self.connections.add(connection)
        self._loop.watch(sock, lambda: self._read(connection))
        if idle_ms > 0:
            connection.forget_idle = self._loop.after(
                idle_ms / 1000, lambda: self._close(connection)
            )

    def take_quiescent(self, keys, limit):
        """Lets go of connections of one listener that stand between two requests."""
        resting = [c for c in self.connections if c.key in keys and c.unanswered == b""]
        taken = [c for c in resting if c.key == resting[0].key][:limit]
        for connection in taken:
            self._let_go(connection)
        return taken

    def close_all(self):
        for connection in list(self.connections):
            self._close(connection)

    def _accept(self, listener):
        try:
            sock, _ = listener.sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # Somebody else took it, or it is gone.
        self.adopt(listener.key, sock)

    def _read(self, connection):
        try:
            data = connection.sock.recv(65_536)
        except ConnectionResetError:
            data = b""
        if data == b"":
            return self._close(connection)
        connection.forget_idle()
        connection.unanswered += data
        while b"\r\n\r\n" in connection.unanswered:
            request, _, connection.unanswered = connection.unanswered.partition(b"\r\n\r\n")
            if not self._answer(connection, b"connection: close" in request.lower()):
                return self._close(connection)
        self.on_rest()

    def _answer(self, connection, last):
        last = last or self._notice
        body = b"hello from python\n"
        head = [
            "HTTP/1.1 200 OK",
            f"x-pid: {os.getpid()}",
            f"content-length: {len(body)}",
            f"connection: {'close' if last else 'keep-alive'}",
        ]
        try:
            connection.sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return not last

    def _let_go(self, connection):
        connection.forget_idle()
        self.connections.discard(connection)
        self._loop.unwatch(connection.sock)

    def _close(self, connection):
        self._let_go(connection)
        try:
            # Who handed it over may keep a copy for a while: a close alone would not end it.
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The client was faster.
        connection.sock.close()
        self.on_rest()
