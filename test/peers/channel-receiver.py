"""Receives descriptors on descriptor 3 with the least room for them, and prints their text."""

import os
import socket

channel = socket.socket(fileno=3)
data, fds, _, _ = socket.recv_fds(channel, 1024, 1)
print(data.decode(), *(os.read(fd, 1024).decode() for fd in fds), flush=True)
