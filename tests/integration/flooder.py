"""A client process that sends what it has on standard input again and again, and throws away what comes back.

    flooder.py PORT     a line on standard output for each time it was sent
"""

import contextlib
import socket
import sys
import threading

from clients import upgrade_request


class Broker:
    def __init__(self, port):
        self.port = port


def read(connection):
    with contextlib.suppress(OSError):
        while connection.recv(1 << 20):
            pass


def main():
    port, wire = int(sys.argv[1]), sys.stdin.buffer.read()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(upgrade_request(Broker(port)).encode())
        threading.Thread(target=read, args=(connection,), daemon=True).start()
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(wire)
                print(flush=True)


if __name__ == "__main__":
    main()
