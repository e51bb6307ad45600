"""The channel: frames and descriptors, as docs/protocol.md has them."""

import json
import os
import socket
import struct

TYPES = {
    "hello": 1,
    "refuse": 2,
    "manifest": 3,
    "listeners": 4,
    "ack": 5,
    "ready": 6,
    "committed": 7,
    "drained": 8,
    "release": 9,
    "abort": 10,
    "connections": 11,
    "adopted": 12,
    "ended": 14,
    "mark": 17,
    "pace": 19,
    "ramped": 20,
}
NAMES = {number: name for name, number in TYPES.items()}

MAX_PAYLOAD_BYTES = 1 << 20
MAX_DESCRIPTORS = 250
# What the kernel sends at once: a read with less room would lose the rest.
ROOM = 253


class Violation(Exception):
    """The peer broke the protocol."""

    def __init__(self, reason, code="ERR_HANDOFF_PROTOCOL"):
        super().__init__(reason)
        self.code = code


class Wire:
    """One end of a channel. Owns its socket."""

    def __init__(self, sock):
        self.sock = sock
        self._bytes = b""
        self._descriptors = []

    def fileno(self):
        return self.sock.fileno()

    def peer_uid(self):
        pid, uid, gid = struct.unpack(
            "3i", self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        return uid

    def send(self, name, descriptors=(), **fields):
        self.send_bytes(frame(name, fields, len(descriptors)), descriptors)

    def send_bytes(self, data, descriptors=()):
        try:
            sent = socket.send_fds(self.sock, [data], list(descriptors))
            self.sock.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError):
            pass  # Whoever reads finds the end of the channel, and perhaps a reason before it.

    def receive(self):
        """Reads once. Returns the messages that are complete, or None at the end of the channel."""
        try:
            data, descriptors, flags, _ = socket.recv_fds(
                self.sock, 65_536, ROOM, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return None
        self._descriptors += descriptors
        if flags & socket.MSG_CTRUNC:
            raise Violation("descriptors were lost", "ERR_HANDOFF_TRUNCATED")
        if data == b"":
            return None
        self._bytes += data
        return list(self._complete())

    def _complete(self):
        while len(self._bytes) >= 6:
            length, number, count = struct.unpack_from(">IBB", self._bytes)
            if not 1 <= length <= MAX_PAYLOAD_BYTES or count > MAX_DESCRIPTORS:
                raise Violation(f"a frame of {length} bytes with {count} descriptors")
            if number not in NAMES:
                raise Violation(f"message type {number}")
            if len(self._bytes) < 6 + length:
                return
            if len(self._descriptors) < count:
                raise Violation(f"{count} descriptors announced, {len(self._descriptors)} came")
            fields = read_object(self._bytes[6 : 6 + length])
            descriptors, self._descriptors = self._descriptors[:count], self._descriptors[count:]
            self._bytes = self._bytes[6 + length :]
            yield NAMES[number], fields, descriptors
        if self._bytes == b"" and self._descriptors:
            raise Violation("descriptors without a frame")

    def close(self):
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []
        self.sock.close()


def frame(name, fields, descriptors=0):
    payload = json.dumps(fields).encode()
    return struct.pack(">IBB", len(payload), TYPES[name], descriptors) + payload


def read_object(payload):
    try:
        fields = json.loads(payload)
    except ValueError as error:
        raise Violation("a payload that is not JSON") from error
    if not isinstance(fields, dict):
        raise Violation("a payload that is no object")
    return fields
