"""A small event loop: what is readable, and what is due."""

import heapq
import itertools
import selectors
import time


class Loop:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._due = []
        self._count = itertools.count()
        self._running = True

    def watch(self, fileobj, callback):
        self._selector.register(fileobj, selectors.EVENT_READ, callback)

    def unwatch(self, fileobj):
        if fileobj in self._selector.get_map():
            self._selector.unregister(fileobj)

    def after(self, seconds, callback):
        """Calls back once. Returns the undo."""
        timer = [time.monotonic() + seconds, next(self._count), callback]
        heapq.heappush(self._due, timer)

        def cancel():
            timer[2] = lambda: None

        return cancel

    def run(self):
        while self._running:
            wait = max(0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(wait):
                # An earlier callback of this turn may have closed it.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()

    def stop(self):
        self._running = False
