"""A client: connects to port 25 of an address, says EHLO and QUIT, prints what it is told.

Arguments: the address to connect from, and the one to connect to."""
import socket
import sys

with socket.create_connection((sys.argv[2], 25), timeout=20, source_address=(sys.argv[1], 0)) as connection:
    lines = connection.makefile("rb")
    for command in [b"EHLO client.example\r\n", b"QUIT\r\n", b""]:
        reply = lines.readline()
        while reply[3:4] == b"-":
            sys.stdout.write(reply.decode())
            reply = lines.readline()
        sys.stdout.write(reply.decode())
        if not reply.startswith(b"2"):
            break
        connection.sendall(command)
