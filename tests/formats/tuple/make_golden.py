#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden files of tuples and typed keys from docs/formats/tuple.md and key.md alone, without any of
firn's code. tests/unit/tuple/test_tuple_format.c says what is in them.

Usage: make_golden.py DIRECTORY
"""
import pathlib
import struct
import sys

NAN = bytes.fromhex("010000000000f87f")


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def zigzag(number):
    return 2 * number if number >= 0 else -2 * number - 1


def tuple_of(columns):
    """columns: (number, form, what follows the tag)."""
    out, before = b"", None
    for number, form, rest in columns:
        gap = number if before is None else number - before - 1
        out += varint(gap << 3 | form) + rest
        before = number
    return out


def sized(data):
    return varint(len(data)) + data


def key_i64(number):
    return struct.pack(">Q", number + (1 << 63))


def key_u64(number):
    return struct.pack(">Q", number)


def key_f64(number):
    bits = struct.unpack(">Q", struct.pack(">d", number))[0]
    return struct.pack(">Q", bits ^ ((1 << 64) - 1) if bits >> 63 else bits | 1 << 63)


def key_text(data):
    return data.replace(b"\0", b"\0\xff") + b"\0\1"


def all_tuple():
    return tuple_of(
        [
            (1, 1, varint(zigzag(0))),
            (2, 1, varint(zigzag(-1))),
            (3, 1, varint(zigzag(-(1 << 63)))),
            (4, 1, varint(zigzag((1 << 63) - 1))),
            (5, 6, b""),
            (6, 7, b""),
            (7, 2, varint(2)),
            (8, 2, varint((1 << 64) - 1)),
            (20, 3, struct.pack("<f", -1.5)),
            (21, 4, struct.pack("<d", -0.0)),
            (22, 4, NAN),
            (23, 0, b""),
            (24, 5, sized(b"")),
            (300, 5, sized("Größe".encode())),
            (301, 5, sized(bytes(range(200)))),
            (65535, 0, b""),
        ]
    )


def all_key():
    return (
        b"\1"  # bool
        + key_i64(-5)
        + key_u64((1 << 64) - 1)
        + key_f64(-2.5)
        + key_f64(0.0)
        + bytes.fromhex("fff8000000000000")  # a NaN
        + key_text(b"a\0b")
        + key_text(b"")
        + bytes(range(16))  # uuid
    )


def index_key():
    return b"\0" + b"\1" + key_text(b"Oslo") + b"\1" + key_i64(7) + b"\0"


def main():
    directory = pathlib.Path(sys.argv[1])
    for name, data in (("all.tuple", all_tuple()), ("all.key", all_key()), ("index.key", index_key())):
        (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
