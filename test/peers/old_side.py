"""The old side: hands on what this process holds, and takes back if the new process dies."""

import os

from hand_over import HandOver
from mark import ABORTED, RELEASED, SERVES, Mark
from wire import MAX_DESCRIPTORS, Violation, Wire

VERSIONS = [1]
BATCHES_IN_FLIGHT = 2
HELLO_TIMEOUT_S = 5
READY_TIMEOUT_S = 60
PROBATION_S = 5
DRAIN_TIMEOUT_S = 30


class OldSide:
    """Answers at the rendezvous socket, which is the last of the listeners.

    In state `committed` it can take back, in `released` it only finishes.
    Simpler than the page in one thing: what was not claimed is not bound again after a take-back.
    """

    def __init__(self, loop, server, listeners, generation, release, tell):
        self._loop = loop
        self._server = server
        self._listeners = listeners
        self._generation = generation
        self._release_before = release
        self._tell = tell
        self._wire = None
        self._mark = None
        self._timers = []

    def open(self, answers=True):
        """Serves: accepts at the listeners, and answers at the rendezvous socket."""
        self._state = "serving"
        self._server.open(self._listeners[:-1])
        self._server.on_rest = lambda: None
        if answers:
            self.answer()

    def answer(self):
        """Answers at the rendezvous socket. In a ramp that comes later."""
        self._loop.watch(self._listeners[-1].sock, self._connect)

    def _connect(self):
        try:
            sock, _ = self._listeners[-1].sock.accept()
        except BlockingIOError:
            return
        wire = Wire(sock)
        denied = None
        if self._wire is not None:
            denied = "ERR_HANDOFF_BUSY"
        elif wire.peer_uid() not in (os.getuid(), 0):
            denied = "ERR_HANDOFF_PEER_DENIED"
        if denied:
            wire.send("refuse", code=denied, reason="cannot hand over")
            return wire.close()
        self._wire, self._state = wire, "offer"
        self._set_deadline(HELLO_TIMEOUT_S)
        self._loop.watch(wire, self._read)

    def _read(self):
        wire = self._wire
        try:
            messages = wire.receive()
            for name, fields, descriptors in messages or ():
                for descriptor in descriptors:
                    os.close(descriptor)
                if wire is self._wire:
                    self._take(name, fields)
            if messages is None:
                self._end("ERR_HANDOFF_PEER_GONE")
        except Violation as violation:
            self._fail(violation.code, str(violation))

    def _take(self, name, fields):
        match (self._state, name):
            case (_, "abort"):
                self._end(fields["code"])
            case ("offer", "hello"):
                self._offer(fields["versions"], fields.get("accepts", []))
            case ("send", "ack") if self._acked < fields["received"] <= self._sent:
                self._acked = fields["received"]
                self._send_batch()
            case ("send", "ready") if self._acked == len(self._listeners):
                takes = fields.get("takes", {})
                http = frozenset(key for key, kinds in takes.items() if "http" in kinds)
                self._commit(frozenset(fields["claimed"]), http)
            case ("committed" | "released", "adopted"):
                self._hand_over.note_adopted(fields["received"])
                self._check_drained()
            case ("committed" | "released", "ended"):
                pass  # Nothing is kept here of what is acked.
            case ("committed" | "released", "release"):
                self._note_release()
            case _:
                raise Violation(f"{name} in {self._state}")

    def _offer(self, versions, accepts):
        common = set(versions) & set(VERSIONS)
        if not common:
            self._wire.send("refuse", code="ERR_HANDOFF_VERSION", reason="cannot hand over")
            return self._end("ERR_HANDOFF_VERSION")
        if "mark" in accepts:
            self._send_mark()
        # If this process dies now, its successor goes on alone: nobody else may take back.
        self._release_before()
        self._state = "send"
        self._sent = self._acked = 0
        self._set_deadline(READY_TIMEOUT_S)
        self._wire.send(
            "manifest",
            version=max(common),
            generation=self._generation,
            pid=os.getpid(),
            listeners=[listener.entry for listener in self._listeners],
        )
        for _ in range(BATCHES_IN_FLIGHT):
            self._send_batch()

    def _send_mark(self):
        self._mark, other = Mark.pair()
        self._wire.send("mark", [other.fileno()])
        other.close()
        self._loop.watch(self._mark, self._look)

    def _look(self):
        """The new process has left a word, or has died: then the channel ends too."""
        mark = self._mark
        mark.look()
        if mark.ended:
            self._loop.unwatch(mark)
        if self._state != "committed":
            return
        if mark.says(RELEASED):
            self._note_release()
        elif mark.says(SERVES) and not self._served:
            self._served = True
            self._exit_if_done()

    def _note_release(self):
        self._state = "released"
        self._hand_over.stop()
        self._exit_if_done()

    def _send_batch(self):
        batch = self._listeners[self._sent : self._sent + MAX_DESCRIPTORS]
        if batch:
            first, self._sent = self._sent, self._sent + len(batch)
            self._wire.send("listeners", [one.sock.fileno() for one in batch], first=first)

    def _commit(self, claimed, http):
        self._cancel_timers()
        self._shut(claimed)
        self._state = "committed"
        self._wire.send("committed")
        self._tell("committed")
        self._drained = self._probation_over = False
        self._served = self._mark is None  # One that knows no mark has to be believed.
        self._forced = 0
        self._at_start = len(self._server.connections)
        self._timers = [
            self._loop.after(PROBATION_S, self._end_probation),
            self._loop.after(DRAIN_TIMEOUT_S, self._force),
        ]
        if not {listener.key for listener in self._listeners[:-1]} <= http:
            self._server.give_notice()
        self._hand_over = HandOver(self._wire, self._server, http)
        self._server.on_rest = self._check_drained
        self._check_drained()

    def _shut(self, claimed):
        *listeners, rendezvous = self._listeners
        self._server.shut()
        self._loop.unwatch(rendezvous.sock)
        for listener in listeners:
            if listener.key not in claimed:
                # Open, it would swallow clients: nobody answers there any more.
                unlink_own(listener.entry)
                listener.sock.close()
                self._listeners.remove(listener)

    def _check_drained(self):
        if self._drained:
            return
        self._hand_over.pump()
        if self._server.connections or self._hand_over.pending:
            return
        self._drained = True
        handed_over = self._hand_over.handed_over
        ended = max(0, self._at_start - handed_over - self._forced)
        if self._wire is not None:
            self._wire.send("drained", drained=ended, handedOver=handed_over, forced=self._forced)
        self._exit_if_done()

    def _force(self):
        self._hand_over.stop()
        self._forced = len(self._server.connections)
        self._server.close_all()

    def _end_probation(self):
        self._probation_over = True
        if self._mark is not None:
            self._mark.look()
        self._exit_if_done()

    def _exit_if_done(self):
        over = self._probation_over and self._served and not (self._mark and self._mark.ended)
        if self._drained and (over or self._state == "released"):
            self._tell("exit")
            self._loop.stop()

    def _end(self, code):
        """The new process has died or given up: abort, or take back, or nothing any more."""
        if self._state == "committed" and self._mark and self._mark.says(RELEASED):
            self._state = "released"
        self._hang_up()
        if self._state == "released":
            return self._check_drained()
        self._cancel_timers()
        if self._state == "committed":
            self._tell(f"taken back {code}")
            return self.open()
        self._tell(f"aborted {code}")
        self._state = "serving"

    def _fail(self, code, reason):
        """The new process broke the protocol; after the commit it serves nevertheless."""
        if self._state in ("offer", "send"):
            if self._mark is not None:
                self._mark.leave(ABORTED)
            self._wire.send("abort", code=code, reason=reason)
            return self._end(code)
        self._turn_deaf()
        self._state = "released"
        self._check_drained()
        self._exit_if_done()

    def _hang_up(self):
        self._turn_deaf().close()
        if self._mark is not None:
            self._loop.unwatch(self._mark)
            self._mark.close()
            self._mark = None

    def _turn_deaf(self):
        """Says nothing more. The channel stays open where nobody closes it: its end means death."""
        self._loop.unwatch(self._wire)
        self._last_wire, self._wire = self._wire, None
        if self._state in ("committed", "released"):
            self._hand_over.stop()
        return self._last_wire

    def _set_deadline(self, seconds):
        self._cancel_timers()
        expire = lambda: self._fail("ERR_HANDOFF_TIMEOUT", f"nothing within {seconds} s")
        self._timers = [self._loop.after(seconds, expire)]

    def _cancel_timers(self):
        for cancel in self._timers:
            cancel()
        self._timers = []


def unlink_own(entry):
    """Removes the path of a Unix listener, if it still is the socket that was bound there."""
    if "inode" not in entry:
        return
    try:
        place = os.lstat(entry["address"])
    except FileNotFoundError:
        return
    if f"{place.st_dev}:{place.st_ino}" == entry["inode"]:
        os.unlink(entry["address"])
