#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the golden chunks as docs/formats/chunk.md describes them, without any code of firn, and compares the
values, the bounds and the counts of nulls with those that test_encoding_format.c puts in. Prints "ok"."""
import math
import pathlib
import struct
import sys

COUNT = 1100
BLOCK = 1024
I64, U64, F32, F64, BYTES = 1, 2, 3, 4, 5
PLAIN, CONSTANT, RLE, DICTIONARY, FRAME, DELTA, ALP, FSST, FRONT = range(1, 10)
NUMBER = {I64: "<q", U64: "<Q", F32: "<f", F64: "<d"}
MASK = (1 << 64) - 1


def le(data):
    return int.from_bytes(data, "little")


class Cursor:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, size):
        piece = self.data[self.at : self.at + size]
        assert len(piece) == size, "cut off"
        self.at += size
        return piece

    def number(self, size):
        return le(self.take(size))


def unpack(cursor, count, width):
    data = cursor.take((count * width + 7) // 8)
    if count < BLOCK:
        whole = le(data)
        return [whole >> (i * width) & ((1 << width) - 1) for i in range(count)]
    lanes, word = (32, 32) if width <= 32 else (16, 64)
    size = word // 8
    words = [le(data[i : i + size]) for i in range(0, len(data), size)]
    out = []
    for i in range(count):
        lane = sum(words[k * lanes + i % lanes] << (k * word) for k in range(len(words) // lanes))
        out.append(lane >> (i // lanes * width) & ((1 << width) - 1))
    return out


def of_order(order, kind):
    """The bits of a number of that order."""
    if kind == U64:
        return order
    if kind == I64:
        return (order - (1 << 63)) & MASK
    bits = 32 if kind == F32 else 64
    top = 1 << (bits - 1)
    return order ^ top if order & top else order ^ ((1 << bits) - 1)


class Chunk:
    def __init__(self, data, kind, fixed):
        self.data, self.kind, self.fixed = data, kind, fixed
        self.encoding, found, flags, self.field = data[0], data[1], data[2], data[3]
        self.count = le(data[4:8])
        assert found == kind and flags & ~3 == 0
        self.has_nulls, self.all_null = bool(flags & 1), bool(flags & 2)
        self.size = {F32: 4, BYTES: fixed}.get(kind, 8)
        cursor = Cursor(data, 8)
        self.read_part(cursor)
        self.records = []
        if self.all_null or (self.encoding == CONSTANT and not self.has_nulls):
            assert cursor.at == len(data)
            return
        blocks = (self.count + BLOCK - 1) // BLOCK
        for _ in range(blocks):
            self.records.append(self.read_record(cursor))
        zeros = cursor.take(-cursor.at % 8)
        assert not any(zeros)
        self.base = cursor.at
        assert self.base + self.records[-1]["end"] == len(data)

    def read_part(self, cursor):
        if self.encoding == CONSTANT and not self.all_null:
            size = self.size if self.kind != BYTES or self.fixed else cursor.number(4)
            self.constant = cursor.take(size)
        elif self.encoding in (RLE, FRAME, DELTA):
            self.minimum, self.divisor = cursor.number(8), cursor.number(8)
            assert self.divisor != 0
        elif self.encoding == DICTIONARY:
            entries = cursor.number(4)
            if self.kind == BYTES and not self.fixed:
                total, width = cursor.number(4), cursor.number(1)
                ends = [cursor.number(width) for _ in range(entries)]
                whole = cursor.take(total)
                self.entries = [whole[a:b] for a, b in zip([0] + ends[:-1], ends)]
                assert ends[-1] == total
                assert self.entries == sorted(set(self.entries))
            else:
                self.entries = [cursor.take(self.size) for _ in range(entries)]
        elif self.encoding == ALP:
            self.exponent, self.factor = cursor.number(1), cursor.number(1)
        elif self.encoding == FSST:
            symbols = cursor.number(1)
            padded = [cursor.take(8) for _ in range(symbols)]
            self.symbols = [s[: cursor.number(1)] for s in padded]

    def read_record(self, cursor):
        record = {"end": cursor.number(4), "nulls": cursor.number(2) if self.has_nulls else 0}
        is_fixed = self.kind == BYTES and self.fixed
        if not (self.encoding == CONSTANT or (self.encoding == PLAIN and (self.kind != BYTES or is_fixed))):
            record["width"] = cursor.number(1)
        if self.encoding in (RLE, DICTIONARY, FRAME, DELTA):
            record["min_code"], record["max_code"] = cursor.number(self.field), cursor.number(self.field)
        is_real = self.kind in (F32, F64)
        if is_real and self.encoding != CONSTANT:
            record["flags"] = cursor.number(1)
        if self.encoding != CONSTANT and (is_real or (self.encoding == PLAIN and self.kind in (I64, U64))):
            record["min"], record["max"] = cursor.take(self.size), cursor.take(self.size)
        if self.kind == BYTES and self.encoding not in (CONSTANT, DICTIONARY):
            small, large = cursor.number(1), cursor.number(1)
            record["cut"] = bool(large & 128)
            record["min"] = cursor.take(self.field)[:small]
            record["max"] = cursor.take(self.field)[: large & 127]
        return record

    def blocks(self):
        at = 0
        for i, record in enumerate(self.records):
            n = min(BLOCK, self.count - i * BLOCK)
            cursor = Cursor(self.data[: self.base + record["end"]], self.base + at)
            valid = [record["nulls"] == 0] * n
            if 0 < record["nulls"] < n:
                mask = le(cursor.take((n + 7) // 8))
                assert mask >> n == 0
                valid = [bool(mask >> j & 1) for j in range(n)]
            assert valid.count(False) == record["nulls"]
            values = self.read_block(cursor, record, n)
            assert cursor.at == self.base + record["end"], (cursor.at, record)
            at = record["end"]
            yield record, [v if ok else None for v, ok in zip(values, valid)]

    def values(self):
        if self.all_null:
            return [None] * self.count
        if not self.records:
            return [self.constant] * self.count
        return [v for _, block in self.blocks() for v in block]

    def bytes_of(self, bits):
        return (bits & ((1 << (8 * self.size)) - 1)).to_bytes(self.size, "little")

    def decode(self, code):
        if self.encoding == DICTIONARY:
            return self.entries[code]
        return self.bytes_of(of_order((self.minimum + self.divisor * code) & MASK, self.kind))

    def pieces(self, cursor, n, width, least):
        sizes = [s + least for s in unpack(cursor, n, width)]
        return [cursor.take(s) for s in sizes]

    def read_block(self, cursor, record, n):
        if self.encoding == CONSTANT:
            return [self.constant] * n
        if self.encoding == PLAIN:
            if self.kind != BYTES or self.fixed:
                return [cursor.take(self.size) for _ in range(n)]
            least = cursor.number(4)
            return self.pieces(cursor, n, record["width"], least)
        if self.encoding == RLE:
            runs = cursor.number(2)
            codes = unpack(cursor, runs, record["width"])
            last = unpack(cursor, runs, 10)
            assert last[-1] == n - 1 and last == sorted(set(last))
            out = []
            for code, end in zip(codes, last):
                out += [self.decode(code + record["min_code"])] * (end + 1 - len(out))
            return out
        if self.encoding in (DICTIONARY, FRAME):
            codes = [c + record["min_code"] for c in unpack(cursor, n, record["width"])]
            assert max(codes) <= record["max_code"]
            return [self.decode(c) for c in codes]
        if self.encoding == DELTA:
            code, least = cursor.number(self.field), cursor.number(8)
            steps = unpack(cursor, n, record["width"])
            assert steps[0] == 0
            codes = [code]
            for step in steps[1:]:
                codes.append((codes[-1] + least + step) & MASK)
            return [self.decode(c) for c in codes]
        if self.encoding == ALP:
            (least,), exceptions = struct.unpack("<q", cursor.take(8)), cursor.number(2)
            numbers = [d + least for d in unpack(cursor, n, record["width"])]
            places = [cursor.number(2) for _ in range(exceptions)]
            values = [cursor.take(self.size) for _ in range(exceptions)]
            power, inverse = float(10**self.factor), float("1e-%d" % self.exponent)
            out = [struct.pack(NUMBER[self.kind], float(d) * power * inverse) for d in numbers]
            for place, value in zip(places, values):
                out[place] = value
            return out
        if self.encoding == FSST:
            total, least = cursor.number(4), cursor.number(4)
            out = []
            for piece in self.pieces(cursor, n, record["width"], least):
                text, at = b"", 0
                while at < len(piece):
                    if piece[at] == 255:
                        at += 1
                        text += piece[at : at + 1]
                    else:
                        text += self.symbols[piece[at]]
                    at += 1
                out.append(text)
            assert sum(map(len, out)) == total
            return out
        assert self.encoding == FRONT
        total, shared_width = cursor.number(4), cursor.number(1)
        shared = unpack(cursor, n, shared_width)
        suffixes = self.pieces(cursor, n, record["width"], 0)
        out, before = [], b""
        for i, (share, suffix) in enumerate(zip(shared, suffixes)):
            before = b"" if i % 16 == 0 else before
            assert share <= len(before)
            text = before[:share] + suffix
            before = text or before
            out.append(text)
        assert sum(map(len, out)) == total
        return out


def f32(x):
    return struct.pack("<f", x)


def f64(x):
    return struct.pack("<d", x)


def i64(x):
    return struct.pack("<q", x)


def u64(x):
    return struct.pack("<Q", x)


WORDS = [b"red", b"green", b"", b"blue", b"ultramarine, or nearly so"]
REALS = [3.25, -0.0, 1e300, 0.0, -7.5]
GOLDEN = {
    "plain-i64": (PLAIN, I64, 0, lambda i: None if i % 7 == 3 else i64(i * 7919 % 1000 * 1000003 - 500)),
    "plain-f32": (PLAIN, F32, 0, lambda i: {5: b"\x01\0\xc0\x7f", 6: b"\0\0\0\x80"}.get(i, f32(i * 0.5 - 100))),
    "plain-text": (PLAIN, BYTES, 0, lambda i: None if i % 11 == 0 else b"text %d" % (i * i)),
    "plain-uuid": (PLAIN, BYTES, 16, lambda i: None if i == 1050 else bytes((i + j) & 255 for j in range(16))),
    "constant-f64": (CONSTANT, F64, 0, lambda i: f64(-0.0) if i % 2 == 0 else None),
    "constant-text": (CONSTANT, BYTES, 0, lambda i: b"always the same"),
    "constant-null": (CONSTANT, U64, 0, lambda i: None),
    "rle-i64": (RLE, I64, 0, lambda i: None if 500 <= i < 600 else i64(i // 100 * 10 - 30)),
    "dictionary-text": (DICTIONARY, BYTES, 0, lambda i: None if i % 13 == 5 else WORDS[i * i % 5]),
    "dictionary-f64": (DICTIONARY, F64, 0, lambda i: u64(0x7FF8000000000001) if i % 100 == 99 else f64(REALS[i % 5])),
    "frame-u64": (FRAME, U64, 0, lambda i: u64((1 << 63) + 1000 * (i * 31 % 50)) if i < 1024 and i % 3 else None),
    "delta-i64": (DELTA, I64, 0, lambda i: i64(1700000000000000 + i * 1000000 + i * i % 7 * 250)),
    "alp-f64": (ALP, F64, 0, lambda i: None if i % 17 == 4 else f64(i * 3.14159265358979 if i % 500 == 499 else i * 37 / 100)),
    "alp-f32": (ALP, F32, 0, lambda i: f32(i * 3 / 10)),
    "fsst-text": (FSST, BYTES, 0, lambda i: None if i % 19 == 0 else b"https://example.org/items/%d/detail?page=%d" % (i * 77, i % 9)),
    "front-text": (FRONT, BYTES, 0, lambda i: None if i % 23 == 7 else b"customer#%09d" % (i * 3)),
}


def check_bounds(record, kind, values):
    there = [v for v in values if v is not None]
    if "min" not in record:
        return
    if kind == BYTES:
        if there:
            assert record["min"] == min(there)[:16] and record["max"] == max(there)[:16]
            assert record["cut"] == (len(max(there)) > 16)
        return
    numbers = [struct.unpack(NUMBER[kind], v)[0] for v in there]
    real = [x for x in numbers if x == x]
    if kind in (F32, F64):
        assert bool(record["flags"] & 1) == (not real)
        assert bool(record["flags"] & 2) == (len(real) < len(numbers))
    if real:
        low, high = struct.unpack(NUMBER[kind], record["min"])[0], struct.unpack(NUMBER[kind], record["max"])[0]
        assert low == min(real) and high == max(real)
        assert kind in (I64, U64) or (low != 0 or math.copysign(1, low) > 0)


def main():
    here = pathlib.Path(__file__).parent
    names = {path.stem for path in here.glob("*.chunk")}
    assert names == set(GOLDEN), names ^ set(GOLDEN)
    for name, (encoding, kind, fixed, make) in GOLDEN.items():
        chunk = Chunk((here / (name + ".chunk")).read_bytes(), kind, fixed)
        assert chunk.encoding == encoding and chunk.count == COUNT
        expected = [make(i) for i in range(COUNT)]
        found = chunk.values()
        assert found == expected, name
        for record, values in chunk.blocks() if chunk.records else ():
            check_bounds(record, kind, values)
    print("ok, %d chunks" % len(GOLDEN))
    return 0


if __name__ == "__main__":
    sys.exit(main())
