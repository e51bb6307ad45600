"""Reports to the old process how late the event loop of this one is, while both accept."""

import time

FIRST_S = 0.02
INTERVAL_S = 0.05
MEASURED_S = 0.002


class Pace:
    def __init__(self, loop, wire):
        self._loop = loop
        self._wire = wire
        self._late = []
        self._measure()
        self._wait(FIRST_S)

    def end(self):
        self._cancel_measure()
        self._cancel_report()

    def _wait(self, seconds):
        self._cancel_report = self._loop.after(seconds, self._report)

    def _measure(self):
        due = time.monotonic() + MEASURED_S

        def note():
            self._late.append(time.monotonic() - due)
            self._measure()

        self._cancel_measure = self._loop.after(MEASURED_S, note)

    def _report(self):
        # Each weighs as much as the time that it took: a client comes at any moment.
        took = [late + MEASURED_S for late in self._late] or [MEASURED_S]
        mean = sum(t * t for t in took) / sum(took) - MEASURED_S
        most = max(took) - MEASURED_S
        self._late = []
        self._wire.send("pace", meanUs=round(max(0, mean) * 1e6), mostUs=round(max(0, most) * 1e6))
        self._wait(INTERVAL_S)
