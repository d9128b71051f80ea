#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names of content of 16 GiB and more, by docs/formats/pack.md alone.

An implementation of BLAKE3 and of the lists of cells that shares nothing with firn's, slow and short.

  cell_names.py check PACK.MD    compares the table of examples there with what this computes
  cell_names.py name FILE        prints the name of a file (4 s for each MiB that is not zeros)
"""
import os
import re
import sys

# ---- BLAKE3 (the paper's section 2) ----

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, CONTEXT, MATERIAL = 1, 2, 4, 8, 32, 64
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def compress(cv, words, counter, length, flags):
    v = [*cv, *IV[:4], counter & 0xFFFFFFFF, counter >> 32, length, flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(QUARTERS):
            va = (v[a] + v[b] + words[2 * i]) & 0xFFFFFFFF
            x = v[d] ^ va
            vd = x >> 16 | x << 16 & 0xFFFFFFFF
            vc = (v[c] + vd) & 0xFFFFFFFF
            x = v[b] ^ vc
            vb = x >> 12 | x << 20 & 0xFFFFFFFF
            va = (va + vb + words[2 * i + 1]) & 0xFFFFFFFF
            x = vd ^ va
            vd = x >> 8 | x << 24 & 0xFFFFFFFF
            vc = (vc + vd) & 0xFFFFFFFF
            x = vb ^ vc
            v[a], v[b], v[c], v[d] = va, x >> 7 | x << 25 & 0xFFFFFFFF, vc, vd
        words = [words[i] for i in PERMUTATION]
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def words_of(block):
    block = block.ljust(64, b"\0")
    return [int.from_bytes(block[i:i + 4], "little") for i in range(0, 64, 4)]


def subtree(data, key, counter, flags, root):
    """The chaining value of some chunks in a row."""
    if len(data) <= 1024:
        cv = key
        blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
        for i, block in enumerate(blocks):
            first = CHUNK_START if i == 0 else 0
            last = CHUNK_END | root if i == len(blocks) - 1 else 0
            cv = compress(cv, words_of(block), counter, len(block), flags | first | last)
        return cv
    left = 1024
    while left * 2 < len(data):
        left *= 2
    pair = (subtree(data[:left], key, counter, flags, 0) +
            subtree(data[left:], key, counter + left // 1024, flags, 0))
    return compress(key, list(pair), 0, 64, flags | PARENT | root)


def blake3(data, key=IV, flags=0):
    return b"".join(word.to_bytes(4, "little") for word in subtree(data, key, 0, flags, ROOT))


def derive_key(context, material):
    return blake3(material, words_of(blake3(context.encode(), flags=CONTEXT))[:8], MATERIAL)


# ---- lists of cells ----

CELL, ITEMS = 1 << 20, 2048


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def list_of(level, size, items):
    """items: {number: name}."""
    out = bytes([0, 1, level]) + varint(size)
    following = 0
    for number, name in sorted(items.items()):
        out += varint(number - following) + name
        following = number + 1
    return out


def name_of(size, cells):
    """cells: {number: the cell's bytes}, of those that are not all zeros."""
    items = {number: blake3(data) for number, data in cells.items()}
    level, span = 0, CELL
    while True:
        span *= ITEMS
        lists = {}
        for number, name in items.items():
            lists.setdefault(number // ITEMS, {})[number % ITEMS] = name
        if size <= span:
            return derive_key("firn 2026-11-22 list of cells, form 1", list_of(level, size, lists.get(0, {})))
        items = {number: derive_key("firn 2026-11-22 list of cells, form 1",
                                    list_of(level, min(span, size - number * span), inside))
                 for number, inside in lists.items()}
        level += 1


def content_name(size, parts):
    """parts: {offset: bytes}, the rest zeros; no part crosses the end of a cell."""
    cells = {}
    for offset, data in parts.items():
        number = offset // CELL
        length = min(CELL, size - number * CELL)
        cell = cells.setdefault(number, bytearray(length))
        cell[offset % CELL:offset % CELL + len(data)] = data
    return name_of(size, {number: bytes(cell) for number, cell in cells.items()})


# ---- what is asked ----

def check(path):
    assert blake3(b"").hex().startswith("af1349b9f5f9a1a6a0404dea36dcc949")
    assert blake3(bytes(i % 251 for i in range(3073))).hex().startswith("7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe6")
    assert derive_key("BLAKE3 2019-12-27 16:29:52 test vectors context", b"").hex().startswith("2cc39783c223154fea8dfb7c1b1660f2")
    rows = re.findall(r"^\| (\d+) \| (.*?) \| `([0-9a-f]{64})` \|$", open(path, encoding="utf-8").read(), re.M)
    assert len(rows) >= 6, "the table of examples is not there"
    for size, parts, name in rows:
        found = content_name(int(size), {int(offset): text.encode()
                                         for text, offset in re.findall(r"`(\w+)` at (\d+)", parts)})
        if found.hex() != name:
            sys.exit(f"{size} bytes with {parts}: {found.hex()}, not {name}")
    print(f"{len(rows)} names as documented")


def name(path):
    size = os.path.getsize(path)
    cells = {}
    with open(path, "rb") as file:
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // CELL * CELL
            except OSError:
                break
            file.seek(at)
            data = file.read(min(CELL, size - at))
            if data.strip(b"\0"):
                cells[at // CELL] = data
            at += CELL
    print(name_of(size, cells).hex())


if __name__ == "__main__":
    {"check": check, "name": name}[sys.argv[1]](sys.argv[2])
