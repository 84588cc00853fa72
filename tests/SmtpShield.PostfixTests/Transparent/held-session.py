"""A client that connects, prints the greeting, and says QUIT when it is told to by a line.

Arguments: the address to connect from, and the one to connect to."""
import socket
import sys

with socket.create_connection((sys.argv[2], 25), timeout=20, source_address=(sys.argv[1], 0)) as connection:
    lines = connection.makefile("rb")
    print(lines.readline().decode().strip(), flush=True)
    sys.stdin.readline()
    try:
        connection.sendall(b"QUIT\r\n")
        print(lines.readline().decode().strip())
    except ConnectionResetError:
        print("reset")
