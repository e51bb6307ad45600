"""After the commit, old side: connections go over, each as soon as it is at rest."""

from wire import MAX_DESCRIPTORS, Violation

BATCHES_IN_FLIGHT = 2
IDLE_MS = 5_000


class HandOver:
    """`keys` are those of the listeners whose connections the new process takes."""

    def __init__(self, wire, server, keys):
        self._wire = wire
        self._server = server
        self._keys = keys
        self._in_flight = []
        self.handed_over = 0

    @property
    def pending(self):
        return bool(self._in_flight)

    def pump(self):
        while len(self._in_flight) < BATCHES_IN_FLIGHT:
            batch = self._server.take_quiescent(self._keys, MAX_DESCRIPTORS)
            if not batch:
                return
            self._in_flight.append(batch)
            descriptors = [connection.sock.fileno() for connection in batch]
            items = [{"idleMs": IDLE_MS} for _ in batch]
            self._wire.send("connections", descriptors, key=batch[0].key, kind="http", items=items)

    def note_adopted(self, received):
        batch = self._in_flight.pop(0) if self._in_flight else []
        if not batch or received != self.handed_over + len(batch):
            raise Violation(f"{received} connections adopted")
        self.handed_over = received
        for connection in batch:
            connection.sock.close()

    def stop(self):
        """What is not acked was never touched by the new process: it is served here again."""
        self._keys = frozenset()
        for batch in self._in_flight:
            for connection in batch:
                self._server.adopt(connection.key, connection.sock, IDLE_MS)
        self._in_flight = []
