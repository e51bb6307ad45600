"""The new side, until the commit: receives the listeners of the old process and checks each."""

import os
import socket
import stat
from dataclasses import dataclass

from mark import ABORTED, Mark
from wire import Violation, Wire

VERSIONS = [1]
READY_TIMEOUT_S = 60
COMMIT_TIMEOUT_S = 10


class Refused(Exception):
    """The old process said no, or gave up."""


@dataclass
class Listener:
    entry: dict
    sock: socket.socket

    @property
    def key(self):
        return self.entry["key"]


def connect(path):
    """Connects to the old process, if nobody else could have put a socket at the path."""
    directory, place = os.lstat(os.path.dirname(path)), os.lstat(path)
    ours = directory.st_uid == os.getuid() == place.st_uid
    if not ours or not stat.S_ISDIR(directory.st_mode) or directory.st_mode & 0o022:
        raise PermissionError(f"others could have put a socket at {path}")
    if not stat.S_ISSOCK(place.st_mode):
        raise PermissionError(f"{path} is not a socket")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(READY_TIMEOUT_S)
    sock.connect(path)
    return Wire(sock)


class NewSide:
    """Takes over; a failure on the way aborts, and the old process serves on."""

    def __init__(self, wire, wants_ramp=False):
        self.wire = wire
        self._messages = iter(())
        self._wants_ramp = wants_ramp
        self.mark = None
        self.ramps = False  # The old process has committed, and accepts still.

    def receive(self):
        """Returns the manifest and its listeners, in their order."""
        accepts = ["mark", "ramp"] if self._wants_ramp else ["mark"]
        self.wire.send("hello", versions=VERSIONS, pid=os.getpid(), accepts=accepts)
        manifest, _ = self._expect("manifest")
        entries = manifest["listeners"]
        check_manifest(manifest, entries)
        listeners = []
        while len(listeners) < len(entries):
            batch, descriptors = self._expect("listeners")
            listeners += self._check_batch(batch, descriptors, entries, len(listeners))
            self.wire.send("ack", received=len(listeners))
        return manifest, listeners

    def commit(self, claimed, http):
        """Says that this process can serve, and waits until the old one lets it accept."""
        self.wire.sock.settimeout(COMMIT_TIMEOUT_S)
        takes = {key: ["http"] for key in http}
        self.wire.send("ready", claimed=claimed, takes=takes)
        try:
            committed, _ = self._expect("committed")
            self.ramps = self._wants_ramp and committed.get("ramp", False)
        except EOFError:
            pass  # It may have committed before it died, and nobody else will serve.
        except TimeoutError:
            # It died just now, and the end of the channel is on its way.
            if self.mark is None or self.mark.says(ABORTED) or not self.mark.ended:
                raise
        self.wire.sock.settimeout(None)
        return list(self._messages)

    def abort(self, code, reason):
        self.wire.send("abort", code=code, reason=reason)
        self.wire.close()

    def _expect(self, wanted):
        name, fields, descriptors = self._next()
        if name == "mark" and wanted == "manifest" and self.mark is None:
            self.mark = take_mark(descriptors)
            return self._expect(wanted)
        if name == wanted:
            return fields, descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        if name in ("refuse", "abort"):
            raise Refused(f"{fields['code']} {fields['reason']}")
        raise Violation(f"{name} instead of {wanted}")

    def _next(self):
        while True:
            for message in self._messages:
                return message
            messages = self.wire.receive()
            if messages is None:
                self._check_not_aborted()
                raise EOFError("the old process is gone")
            self._messages = iter(messages)

    def _check_not_aborted(self):
        """An end that was written on the mark before is no death."""
        if self.mark is not None and self.mark.says(ABORTED):
            raise Refused("ERR_HANDOFF_PEER_GONE the old process gave up")

    @staticmethod
    def _check_batch(batch, descriptors, entries, received):
        first = batch["first"]
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        fits = first == received and 0 < len(sockets) <= len(entries) - first
        pairs = list(zip(entries[first:], sockets))
        if not fits or not all(agrees(entry, sock) for entry, sock in pairs):
            for sock in sockets:
                sock.close()
            raise Violation("a batch is not as announced", "ERR_HANDOFF_DESCRIPTOR_MISMATCH")
        return [Listener(entry, sock) for entry, sock in pairs]


def take_mark(descriptors):
    try:
        return Mark.of(descriptors)
    except ValueError as error:
        raise Violation(str(error), "ERR_HANDOFF_DESCRIPTOR_MISMATCH") from error


def check_manifest(manifest, entries):
    keys = [entry["key"] for entry in entries]
    if manifest["version"] not in VERSIONS:
        raise Violation(f"version {manifest['version']}", "ERR_HANDOFF_VERSION")
    if len(set(keys)) != len(keys) or "rendezvous" not in keys:
        raise Violation("the keys of the manifest", "ERR_HANDOFF_DESCRIPTOR_MISMATCH")


def agrees(entry, sock):
    """Whether the kernel says of a socket what its entry says."""
    stream = entry["protocol"] != "udp"
    facts = (sock.type, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    if facts != ((socket.SOCK_STREAM, 1) if stream else (socket.SOCK_DGRAM, 0)):
        return False
    address = entry["address"]
    if entry["protocol"] == "unix":
        return sock.family == socket.AF_UNIX and path_of(sock) == address
    if sock.family != (socket.AF_INET6 if ":" in address else socket.AF_INET):
        return False
    only = sock.family == socket.AF_INET6 and bool(
        sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    )
    place = (address, entry["port"], entry["ipv6Only"])
    return (*sock.getsockname()[:2], only) == place


def path_of(sock):
    name = sock.getsockname()
    return name if isinstance(name, str) else os.fsdecode(name).replace("\0", "@", 1)
