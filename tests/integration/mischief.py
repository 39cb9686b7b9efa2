"""A proxy that lies about one message: for whoever claims to find out when a broker loses or damages something."""

import contextlib
import socket
import threading

from clients import PATIENCE

TARGET = 5  # which message it is, counted from 0


def frame(payload):
    assert len(payload) < 65536
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + payload


def cut_frames(data):
    """(whole frames as (bytes, payload), the rest) of a server's unfragmented frames."""
    found = []
    while len(data) >= 2:
        length, at = data[1] & 127, 2
        if length == 126:
            length, at = int.from_bytes(data[2:4], "big"), 4
        if len(data) < at + length or len(data) < at:
            break
        found.append((data[:at + length], data[at:at + length]))
        data = data[at + length:]
    return found, data


def swallow(_payload):
    return [b""]


def double(payload):
    return [frame(payload), frame(payload)]


def damage(payload):
    return [frame(payload.replace(b"~", b"-"))]


def tell_a_gap(_payload):
    return [frame(b'{"op":"gap","channel":"bench","lost":1}')]


def garble_the_marker(payload):
    return [frame(payload.replace(b"@@", b"@-"))]


def end(_payload):
    return [b"\x88\x02\x03\xf4"]  # 1012


def break_the_protocol(_payload):
    return [b"\xf1\x01x"]


class Proxy:
    """Between clients and a broker; `mischief(payload)` makes of one message the frames that arrive instead. The
    mischief "swap" sends it behind the next one."""

    def __init__(self, broker, mischief):
        self.upstream = ("127.0.0.1", broker.port)
        self.mischief = mischief
        self.seen = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.listener.getsockname()[1]}/message"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.upstream, timeout=PATIENCE)
                server.settimeout(None)
                self.sockets += [client, server]
                threading.Thread(target=self._relay, args=(client, server), daemon=True).start()
                threading.Thread(target=self._relay_frames, args=(server, client), daemon=True).start()

    @staticmethod
    def _relay(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _relay_frames(self, server, client):
        with contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += server.recv(65536)
            head, _, data = data.partition(b"\r\n\r\n")
            client.sendall(head + b"\r\n\r\n")
            held = b""
            while True:
                frames, data = cut_frames(data)
                for whole, payload in frames:
                    if not payload.startswith(b'{"op":"message"'):
                        client.sendall(whole)
                        continue
                    number, self.seen = self.seen, self.seen + 1
                    if number == TARGET and self.mischief == "swap":
                        held = whole
                    elif number == TARGET:
                        client.sendall(b"".join(self.mischief(payload)))
                    else:
                        client.sendall(whole + held)
                        held = b""
                more = server.recv(65536)
                if not more:
                    client.shutdown(socket.SHUT_WR)
                    return
                data += more

    def close(self):
        for one in self.sockets:
            one.close()
