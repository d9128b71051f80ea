#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# bench/vector/likes.py NAME DIRECTORY COUNT [FVECS]: synthetic vectors of one more kind as base.fvecs and query.fvecs, the same in each run;
# 1,000 more are the queries. Each kind is hard for an index in a way of its own:
#   sift   128 small whole numbers, as histograms of gradients are: not negative, many of them zero, clipped and normalized
#   lsa    200 numbers whose variances fall, as in latent semantic analysis: heavy tails, a few topics that most rows have, length 1
#   gauss  64 independent normal numbers: there are no neighborhoods that an index could use
#   mixed  any number of vectors like those of the file FVECS: two of these in a mixture, with some noise
import pathlib
import sys

import numpy

QUERIES = 1000


def sift(random, count):
    def normal(*shape):
        return random.normal(size=shape).astype(numpy.float32)

    patterns, directions = normal(2000, 24), normal(24, 128)
    latent = patterns[random.integers(0, len(patterns), count)] * 0.8 + normal(count, 24) * 0.7
    rows = numpy.maximum(latent @ directions + normal(count, 128) * 1.5 - 2, 0)
    for _ in range(2):
        rows = numpy.minimum(rows / (numpy.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), 0.2)
    return numpy.floor(rows * 512)


def lsa(random, count):
    deviations = 1 / numpy.arange(1, 201) ** 0.6
    topics = random.normal(size=(300, 200)) * deviations * 1.2
    rows = random.standard_t(4, size=(count, 200)) * deviations + topics[random.zipf(1.5, count) % len(topics)]
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def gauss(random, count):
    return random.normal(size=(count, 64))


def mixed(random, count):
    width = int(numpy.fromfile(sys.argv[4], dtype="<i4", count=1)[0]) + 1
    given = numpy.fromfile(sys.argv[4], dtype="<f4").reshape(-1, width)[:, 1:]
    rows = numpy.empty((count, width - 1), dtype="<f4")
    for begin in range(0, count, 100000):
        part = rows[begin : begin + 100000]
        ones, others = given[random.integers(0, len(given), (2, len(part)))]
        weights = random.uniform(0, 0.35, (len(part), 1))
        part[:] = ones * (1 - weights) + others * weights + random.normal(size=part.shape) * given.std(0) * 0.15
    return rows


def write(path, rows):
    count, dimensions = rows.shape
    out = numpy.empty((count, dimensions + 1), dtype="<f4")
    out[:, 0] = numpy.array([dimensions], dtype="<i4").view("<f4")[0]
    out[:, 1:] = rows
    out.tofile(path)


def main():
    name, directory, count = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    rows = {"sift": sift, "lsa": lsa, "gauss": gauss, "mixed": mixed}[name](numpy.random.default_rng(11), count + QUERIES)
    write(directory / "base.fvecs", rows[:-QUERIES])
    write(directory / "query.fvecs", rows[-QUERIES:])


main()
