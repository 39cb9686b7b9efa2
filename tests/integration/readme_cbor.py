"""CBOR (RFC 8949), as much of it as crier.v1.cbor has: no tags."""

import struct


def _head(major, value):
    for size, (info, form) in {24: (value, ">B"), 1 << 8: (24, ">BB"), 1 << 16: (25, ">BH"), 1 << 32: (26, ">BI"),
                               1 << 64: (27, ">BQ")}.items():
        if value < size:
            return struct.pack(form, major << 5 | info, *([value] if size > 24 else []))
    raise ValueError(value)


def encode(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    return _head(5, len(value)) + b"".join(encode(key) + encode(item) for key, item in value.items())


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data), "CBOR that ends too soon"
        return self.data[self.at - count:self.at]

    def value(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7 and info in (25, 26, 27):
            return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[info], self.take(1 << (info - 24)))[0]
        assert info < 28, f"CBOR of additional information {info}"
        count = info if info < 24 else int.from_bytes(self.take(1 << (info - 24)), "big")
        if major < 2:
            return count if major == 0 else -1 - count
        if major < 4:
            chunk = self.take(count)
            return chunk if major == 2 else chunk.decode()
        if major == 4:
            return [self.value() for _ in range(count)]
        if major == 5:
            return {self.value(): self.value() for _ in range(count)}
        assert major == 7, "a tag"
        return {20: False, 21: True, 22: None}[count]


def decode(data):
    reader = _Reader(data)
    value = reader.value()
    assert reader.at == len(data), "bytes behind the value"
    return value
