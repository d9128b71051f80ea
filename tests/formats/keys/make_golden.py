#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden keys files from docs/formats/keys.md alone, without any of firn's code: with libsodium's XChaCha20-Poly1305 and Argon2id.

Usage: make_golden.py DIRECTORY

first.keys: one master key, one slot, for a key file: what a machine whose random bytes are 00 01 02 … writes first. all.keys: three master keys,
slots of each kind. recovery.txt: the recovery code of all.keys.
"""
import ctypes
import os
import struct
import sys

from blake3_derive import blake3, derive

SODIUM = ctypes.CDLL("libsodium.so.23")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NAME = "firn 2026-11-28 keys file "


def seal(key, bound, message):
    out = ctypes.create_string_buffer(len(message) + 16)
    size = ctypes.c_ulonglong()
    assert SODIUM.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, ctypes.byref(size), message, ctypes.c_ulonglong(len(message)), bound, ctypes.c_ulonglong(len(bound)), None, bytes(24), key) == 0
    return out.raw


def argon2id(passphrase, salt, passes, kib):
    out = ctypes.create_string_buffer(32)
    assert SODIUM.crypto_pwhash(out, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)), salt, ctypes.c_ulonglong(passes),
                                ctypes.c_size_t(kib << 10), 2) == 0
    return out.raw


def times(a, b):
    product = 0
    for bit in range(3):
        product ^= a << bit if b >> bit & 1 else 0
    for bit in (6, 5):
        product ^= 0x25 << bit - 5 if product >> bit & 1 else 0
    return product


def recovery(secret):
    bits = int.from_bytes(secret, "big")
    values = [bits >> 5 * i & 31 for i in range(31, -1, -1)]
    groups = []
    for i in range(8):
        group = values[4 * i:4 * i + 4]
        check = i + 1
        for j, value in enumerate(group):
            check ^= times(value, j + 2)
        groups.append("".join(ALPHABET[value] for value in group + [check]))
    return "-".join(groups)


def slot(kind, number, identity, salt, ring_key, secret, label=b"", passes=0, kib=0, added=0):
    material = argon2id(secret, salt, passes, kib) if kind == 1 else secret
    key = derive(NAME + "slot", bytes([kind]) + identity + salt + material)
    head = struct.pack("<BBHIIIq", kind, len(label), number, passes, kib, 0, added) + salt + derive(NAME + "slot check", key)[:16]
    return head + seal(key, identity + head, ring_key) + label.ljust(64, b"\0")


def keys(generation, identity, ring_salt, ring_key, slots, next_slot, masters):
    file = b"firnkeys" + struct.pack("<II", 1, generation) + identity + ring_salt + struct.pack("<HHI", len(slots), next_slot, len(masters))
    file += bytes(24) + b"".join(slots)
    plain = b"".join(struct.pack("<Iq", number, made) + key for number, made, key in masters)
    file += seal(derive(NAME + "ring", ring_key + ring_salt), file, plain)
    return file + blake3(file)


def main():
    counting = bytes(range(256))
    identity, ring_key = counting[:16], counting[:32]
    first = keys(1, identity, counting[:32], ring_key, [slot(2, 1, identity, counting[:16], ring_key, counting[:32], "büro".encode(), added=1000)], 2,
                 [(1, 1000, counting[:32])])
    ring_key = counting[100:132]
    slots = [slot(1, 2, identity, counting[40:56], ring_key, b"correct horse", b"ada", 2, 64, 1795320499107024996),
             slot(2, 3, identity, counting[60:76], ring_key, counting * 8),
             slot(3, 7, identity, counting[80:96], ring_key, counting[200:220], b"x" * 64, added=-1)]
    everything = keys(41, identity, counting[150:182], ring_key, slots, 9,
                      [(1, 0, counting[1:33]), (2, 1795320499107024996, counting[2:34]), (5, 1, counting[5:37])])
    for name, data in (("first.keys", first), ("all.keys", everything), ("recovery.txt", recovery(counting[200:220]).encode() + b"\n")):
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)


main()
