#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden files of the record log from docs/formats/log.md alone, without any of firn's code.

Usage: make_golden.py DIRECTORY

closed-000001.log, closed-000002.log: a log of two segments, closed. The first segment ends with NEXT, the second has two
records and END. reopened-000002.log: the second segment after it was opened, one record appended, and closed again.
cut-000001.log: a log that crashed: the second record is torn, the third one whole and not durable.
sealed-000001.log: an encrypted log of one segment: an epoch with two records, closed, an epoch with one record, closed. The master key number 1 is
00 01 02 … 1f. With libsodium's XChaCha20-Poly1305.
"""
import ctypes
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "keys"))
from blake3_derive import derive  # noqa: E402

END, NEXT, EPOCH, USER = 1, 2, 3, 16
SEALED = 2
MASTER = bytes(range(32))


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def segment(number, salt, previous_salt=0, previous_end=0, oldest=1, flags=0):
    head = b"firnlog\n" + struct.pack("<IIQQQQQ", 1, flags, number, salt, previous_salt, previous_end, oldest)
    head += bytes(124 - len(head))
    return head + struct.pack("<I", crc32c(head))


def record(salt, offset, durable, kind, payload=b""):
    head = struct.pack("<IIBB", len(payload), durable // 8, kind, 0)
    h = crc32c(head, crc32c(struct.pack("<QQ", salt, offset)))
    rest = struct.pack("<H", (h ^ h >> 16) & 0xFFFF) + payload
    rest += bytes(-(16 + len(payload)) % 8)
    return struct.pack("<I", crc32c(rest, h)) + head + rest


class Log:
    def __init__(self, **fields):
        self.salt = fields["salt"]
        self.bytes = segment(**fields)
        self.durable = 128

    def add(self, kind, payload=b""):
        self.bytes += record(self.salt, len(self.bytes), self.durable, kind, payload)

    def sync(self):
        self.durable = len(self.bytes)

    def seal(self, kind):
        self.sync()
        self.add(kind)


class Sealed(Log):
    def __init__(self, **fields):
        super().__init__(flags=SEALED, **fields)
        self.place = struct.pack("<QQ", fields["number"], fields["salt"])

    def epoch(self, random):
        self.begins_at = len(self.bytes)
        self.key = derive("firn 2026-11-28 log key", MASTER + self.place + random)
        self.add(EPOCH, struct.pack("<II", 1, 1) + derive("firn 2026-11-28 master key check", MASTER)[:8] + random)

    def encrypt(self, kind, plain):
        sodium = ctypes.CDLL("libsodium.so.23")
        offset = len(self.bytes)
        bound = self.place + struct.pack("<QQIIBB", self.begins_at, offset, len(plain) + 16, self.durable // 8, kind, 0)
        nonce = bytes(16) + struct.pack("<Q", offset // 8)
        out = ctypes.create_string_buffer(len(plain) + 16)
        size = ctypes.c_ulonglong()
        assert sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            out, ctypes.byref(size), plain, ctypes.c_ulonglong(len(plain)), bound, ctypes.c_ulonglong(len(bound)), None, nonce, self.key) == 0
        self.add(kind, out.raw)


def main(directory):
    first = Log(number=1, salt=0x0123456789ABCDEF)
    first.add(USER, b"first")
    first.sync()
    first.add(200, bytes(range(256)))
    end = len(first.bytes)
    first.seal(NEXT)
    second = Log(number=2, salt=0xFEDCBA9876543210, previous_salt=first.salt, previous_end=end)
    second.add(USER, b"")
    second.sync()
    second.add(255, b"exactly sixteen.")
    second.seal(END)
    closed = second.bytes
    second.durable = len(closed) - 16  # of END itself nobody knows whether it is durable
    second.add(17, b"after the end")
    second.seal(END)
    cut = Log(number=1, salt=0x5555AAAA5555AAAA)
    cut.add(USER, b"kept")
    torn_at = len(cut.bytes)
    cut.add(USER, b"torn" * 10)
    cut.add(USER, b"never durable")
    torn = bytearray(cut.bytes)
    torn[torn_at + 30] ^= 0xFF
    sealed = Sealed(number=1, salt=0x0123456789ABCDEF)
    sealed.epoch(bytes(range(100, 116)))
    sealed.encrypt(USER, b"first")
    sealed.sync()
    sealed.encrypt(200, b"")
    sealed.seal(END)
    sealed.epoch(bytes(range(200, 216)))
    sealed.encrypt(255, b"exactly sixteen.")
    sealed.seal(END)
    for name, data in [("closed-000001.log", first.bytes), ("closed-000002.log", closed),
                       ("reopened-000002.log", second.bytes), ("cut-000001.log", bytes(torn)),
                       ("sealed-000001.log", sealed.bytes)]:
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main(sys.argv[1])
