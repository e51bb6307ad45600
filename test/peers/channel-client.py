"""Connects to a path, sends a datagram to another, and stays until its standard input ends."""

import socket
import sys

stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
stream.connect(sys.argv[1])
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", sys.argv[2])
sys.stdin.read()
