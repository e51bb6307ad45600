"""Starts a command with one end of a pair, its last argument, and prints what it sends as JSON."""

import json
import os
import socket
import subprocess
import sys

ours, theirs = socket.socketpair()
ours.settimeout(5)
end = theirs.fileno()
child = subprocess.Popen([*sys.argv[1:], str(end)], pass_fds=[end])
theirs.close()

data, fds, flags, _ = socket.recv_fds(ours, 1024, 8)
with os.fdopen(fds[0]) as file:
    text = file.read()
after, later_fds, _, _ = socket.recv_fds(ours, 1024, 8)
print(
    json.dumps(
        {
            "data": data.decode(),
            "descriptors": len(fds),
            "truncated": bool(flags & socket.MSG_CTRUNC),
            "text": text,
            "after": after.decode(),
            "laterDescriptors": len(later_fds),
            "exitCode": child.wait(5),
        }
    )
)
