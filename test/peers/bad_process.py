"""A new process that misbehaves in the way that its argument names, and prints what it is told."""

import os
import select
import sys

from new_side import NewSide, connect
from wire import MAX_PAYLOAD_BYTES, TYPES, frame

HELLO = {"versions": [1], "pid": os.getpid()}


def gives_up(wire):
    NewSide(wire).receive()
    wire.send("abort", code="ERR_HANDOFF_APP_FAILED", reason="cannot take over: told to fail")


def talks_garbage(wire):
    wire.send_bytes(b"\xde\xad\xbe\xef" * 100)


def wants_version_0(wire):
    wire.send("hello", versions=[0], pid=os.getpid())


def says_no_json(wire):
    wire.send_bytes(b"\0\0\0\4" + bytes([TYPES["hello"], 0]) + b"{]}\xff")


def announces_too_much(wire):
    wire.send_bytes((MAX_PAYLOAD_BYTES + 1).to_bytes(4, "big") + bytes([TYPES["hello"], 0]))


def lacks_descriptors(wire):
    wire.send_bytes(frame("hello", HELLO, descriptors=3), [0])


def sends_stray_descriptors(wire):
    wire.send_bytes(frame("hello", HELLO), [0, 1, 2])


def acks_more_than_came(wire):
    NewSide(wire).receive()
    wire.send("ack", received=1_000)


def is_ready_too_early(wire):
    wire.send("hello", **HELLO)
    wire.send("ready", claimed=[])


def hangs_up_before_the_manifest(wire):
    wire.send("hello", **HELLO)
    wire.close()


def hangs_up_before_ready(wire):
    NewSide(wire).receive()
    wire.close()


def hangs_up_after_ready(wire):
    commit_blindly(wire, NewSide(wire).receive())
    wire.close()


def leaves_the_commit_unread(wire):
    """The old process reads a reset then, not an end of file."""
    commit_blindly(wire, NewSide(wire).receive())
    select.select([wire], [], [])
    wire.close()


def hangs_up_after_commit(wire):
    birth = NewSide(wire)
    _, listeners = birth.receive()
    birth.commit([listener.key for listener in listeners], http=[])
    wire.close()


def gives_up_after_commit(wire):
    commit_blindly(wire, NewSide(wire).receive())
    wire.send("abort", code="ERR_HANDOFF_LISTEN_FAILED", reason="cannot take over: told to fail")


def claims_nothing(wire):
    NewSide(wire).receive()
    wire.send("ready", claimed=[])
    wire.close()


def commit_blindly(wire, received):
    _, listeners = received
    wire.send("ready", claimed=[listener.key for listener in listeners])


def listen(wire):
    """Prints all that the old process says, until it closes the channel."""
    while (messages := wire.receive()) is not None:
        for name, fields, _ in messages:
            print("told", name, fields.get("code", ""), flush=True)


if __name__ == "__main__":
    channel = connect(os.environ["HANDOFF_RENDEZVOUS"])
    globals()[sys.argv[1]](channel)
    if channel.fileno() >= 0:
        listen(channel)
