"""Sends the descriptor of a file to whoever started it, over descriptor 3."""

import socket
import tempfile

with socket.socket(fileno=3) as channel, tempfile.TemporaryFile() as file:
    file.write(b"Hello from child process!\n")
    file.seek(0)
    socket.send_fds(channel, [b"x"], [file.fileno()])
