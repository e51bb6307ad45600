"""One end of the mark: words of one byte each, which the kernel keeps for the other side."""

import os
import socket

SERVES, RELEASED, ABORTED = b"S", b"R", b"A"


class Mark:
    """Owns its socket."""

    def __init__(self, sock):
        self._sock = sock
        self._sock.setblocking(False)
        self._left = set()
        self._seen = b""
        self.ended = False

    @staticmethod
    def pair():
        """Returns the end to keep, and the socket to send and close."""
        own, other = socket.socketpair()
        return Mark(own), other

    @staticmethod
    def of(descriptors):
        """Takes the end that came, or raises ValueError."""
        if len(descriptors) == 1:
            sock = socket.socket(fileno=descriptors[0])
            facts = (sock.family, sock.type)
            listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if facts == (socket.AF_UNIX, socket.SOCK_STREAM) and not listens:
                return Mark(sock)
            sock.detach()
        for descriptor in descriptors:
            os.close(descriptor)
        raise ValueError("the descriptor of the mark")

    def fileno(self):
        return self._sock.fileno()

    def leave(self, word):
        if word in self._left:
            return
        self._left.add(word)
        try:
            self._sock.send(word)
        except OSError:
            pass  # The other side is dead.

    def look(self):
        """Reads all that is there, without waiting."""
        while not self.ended:
            try:
                data = self._sock.recv(64)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            self._seen += data
            self.ended = data == b""

    def says(self, word):
        self.look()
        return word in self._seen

    def close(self):
        self._sock.close()
