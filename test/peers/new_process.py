"""A server that takes over from a socket-handoff process, and hands on to the next.

    HANDOFF_RENDEZVOUS=/run/app/rendezvous.sock python3 new_process.py [ramp]

Written from docs/protocol.md alone, with the standard library of Python 3.10 on Linux.
"""

import os
import socket
import sys

from http_server import HttpServer
from loop import Loop
from mark import RELEASED, SERVES
from new_side import NewSide, Refused, connect
from old_side import OldSide
from pace import Pace
from wire import Violation


def main():
    birth = NewSide(connect(os.environ.pop("HANDOFF_RENDEZVOUS")), "ramp" in sys.argv)
    try:
        manifest, listeners = birth.receive()
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except EOFError as error:
        sys.exit(f"{error}")  # It could bind what it did not get; this one only ever replaces.
    except (Violation, TimeoutError) as error:
        birth.abort(getattr(error, "code", "ERR_HANDOFF_TIMEOUT"), str(error))
        sys.exit(f"aborted: {error}")

    for listener in listeners:
        if listener.entry["protocol"] == "udp":
            listener.sock.close()  # It would swallow datagrams: nothing here answers them.
    listeners = [listener for listener in listeners if listener.entry["protocol"] != "udp"]
    listeners.sort(key=lambda listener: listener.key == "rendezvous")
    keys = [listener.key for listener in listeners[:-1]]

    process = Process(birth.wire, birth.mark, listeners, manifest["generation"] + 1)
    try:
        messages = birth.commit(keys, http=keys)
        process.serve(messages, birth.ramps)
    except Refused as refused:
        sys.exit(f"refused: {refused}")


class Process:
    """What happens after the commit."""

    def __init__(self, before, mark, listeners, generation):
        self._before = before
        self._mark = mark  # Absent where the process before knows none.
        self._by_key = {listener.key: listener for listener in listeners}
        self._generation = generation
        self._adopted = 0
        self._pace = None  # Of a ramp under way.
        self._loop = Loop()
        self._server = HttpServer(self._loop)
        self._old_side = OldSide(
            self._loop, self._server, listeners, generation, self._release, self._tell
        )

    def serve(self, messages, ramps):
        """`messages` are those that came behind `committed` in one read."""
        self._old_side.open(answers=not ramps)
        self._leave(SERVES)
        self._tell("serving beside the old process" if ramps else "serving")
        if ramps:
            self._pace = Pace(self._loop, self._before)
        self._loop.watch(self._before, self._hear)
        self._take(messages)
        self._loop.run()

    def _release(self):
        """The process before this one need not take back any more."""
        self._leave(RELEASED)
        if self._before is not None:
            self._before.send("release")

    def _leave(self, word):
        if self._mark is not None:
            self._mark.leave(word)

    def _hear(self):
        try:
            messages = self._before.receive()
        except Violation:
            self._release()
            if self._pace is not None:
                self._pace.end()  # Whether the old process accepts, only its end would tell.
            return self._loop.unwatch(self._before)  # It stays open: its end would mean death.
        if messages is not None:
            return self._take(messages)
        self._loop.unwatch(self._before)
        self._end_ramp()
        self._before.close()
        self._before = None
        if self._mark is not None:
            self._mark.close()
            self._mark = None

    def _take(self, messages):
        for name, fields, descriptors in messages:
            if name == "connections":
                self._adopt(fields, descriptors)
            elif name == "ramped":
                self._end_ramp()
            elif name == "drained":
                self._tell(f"old process drained {fields}")

    def _end_ramp(self):
        if self._pace is None:
            return
        self._pace.end()
        self._pace = None
        self._tell("serving")
        self._old_side.answer()

    def _adopt(self, fields, descriptors):
        # The ack comes before anything is read: what is not acked the old process serves again.
        self._adopted += len(descriptors)
        self._before.send("adopted", received=self._adopted)
        for descriptor, item in zip(descriptors, fields["items"], strict=True):
            sock = socket.socket(fileno=descriptor)
            if is_connection(sock, self._by_key[fields["key"]]):
                self._server.adopt(fields["key"], sock, item["idleMs"])
            else:
                sock.close()

    def _tell(self, what):
        print(f"{what} {os.getpid()} {self._generation}", flush=True)


def is_connection(sock, listener):
    """Whether the kernel says that a socket is such as come from a listener."""
    return (
        sock.type == socket.SOCK_STREAM
        and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 0
        and (sock.family == socket.AF_UNIX) == (listener.entry["protocol"] == "unix")
    )


if __name__ == "__main__":
    main()
