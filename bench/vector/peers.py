#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# bench/vector/peers.py truth|version|exact ...: the truth, and the peers of the vector benchmark from their Python wheels.
#
#     peers.py truth DATA METRIC K                            writes DATA/truth.ivecs
#     peers.py version ENGINE
#     peers.py exact ENGINE DATA METRIC K THREADS SECONDS     queries a second, each over all rows
#
# ENGINE is faiss, usearch, hnswlib or sqlite-vec. Queries are asked one at a time, as bench_vector_firn asks them. Lines as there.
import importlib.metadata
import resource
import sys
import time

import numpy as np


def read_fvecs(path, kind=np.float32):
    raw = np.fromfile(path, dtype=np.int32)
    width = raw[0] + 1
    return np.ascontiguousarray(raw.reshape(-1, width)[:, 1:].view(kind))


def distances(base, query, metric):
    """In double precision, of a few rows."""
    base = base.astype(np.float64)
    query = query.astype(np.float64)
    if metric == "l2":
        return ((base - query) ** 2).sum(axis=1)
    dots = base @ query
    if metric == "dot":
        return -dots
    lengths = np.sqrt((base**2).sum(axis=1) * (query**2).sum())
    return np.where(lengths > 0, 1 - dots / np.where(lengths > 0, lengths, 1), 1.0)


def truth(data, metric, k):
    """A first look in single precision, far more than k rows of which are measured again."""
    base = read_fvecs(f"{data}/base.fvecs")
    queries = read_fvecs(f"{data}/query.fvecs")
    squares = (base**2).sum(axis=1)
    lengths = np.sqrt(squares)
    lengths[lengths == 0] = 1
    out = np.empty((len(queries), k + 1), dtype=np.int32)
    out[:, 0] = k
    most = min(len(base), k + 90)
    for begin in range(0, len(queries), 50):
        some = queries[begin : begin + 50]
        dots = some @ base.T
        rough = squares - 2 * dots if metric == "l2" else -dots if metric == "dot" else -dots / lengths
        near = np.argpartition(rough, most - 1, axis=1)[:, :most]
        for i, rows in enumerate(near):
            rows = np.sort(rows)
            order = np.argsort(distances(base[rows], some[i], metric), kind="stable")
            out[begin + i, 1:] = rows[order[:k]]
    out.tofile(f"{data}/truth.ivecs")


def normalized(vectors, metric):
    if metric != "cosine":
        return vectors
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1))


def make_faiss(base, metric, threads):
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatL2(base.shape[1]) if metric == "l2" else faiss.IndexFlatIP(base.shape[1])
    index.add(normalized(base, metric))
    return lambda query, k: index.search(normalized(query[None], metric), k)[1][0]


def make_usearch(base, metric, threads):
    from usearch.index import search, MetricKind

    kind = {"l2": MetricKind.L2sq, "dot": MetricKind.IP, "cosine": MetricKind.Cos}[metric]
    return lambda query, k: search(base, query, k, kind, exact=True, threads=threads).keys


def make_hnswlib(base, metric, threads):
    import hnswlib

    index = hnswlib.BFIndex(space={"l2": "l2", "dot": "ip", "cosine": "cosine"}[metric], dim=base.shape[1])
    index.init_index(max_elements=len(base))
    index.add_items(base)
    return lambda query, k: index.knn_query(query[None], k)[0][0]


def make_sqlite(base, metric, threads):
    import sqlite3
    import sqlite_vec

    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    sqlite_vec.load(db)
    name = {"l2": "l2", "cosine": "cosine"}[metric]
    db.execute(f"create virtual table t using vec0(v float[{base.shape[1]}] distance_metric={name})")
    db.executemany("insert into t(rowid, v) values (?, ?)", ((i + 1, row.tobytes()) for i, row in enumerate(base)))
    text = "select rowid - 1 from t where v match ? and k = ?"
    return lambda query, k: [row[0] for row in db.execute(text, (query.tobytes(), k))]


ENGINES = {
    "faiss": ("faiss-cpu", make_faiss),
    "usearch": ("usearch", make_usearch),
    "hnswlib": ("hnswlib", make_hnswlib),
    "sqlite-vec": ("sqlite-vec", make_sqlite),
}


def line(engine, workload, value, unit, recall):
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{engine}\t{workload}\t{value:.6g}\t{unit}\t{recall:.4f}\t{rss}", flush=True)


def exact(engine, data, metric, k, threads, seconds):
    base = read_fvecs(f"{data}/base.fvecs")
    queries = read_fvecs(f"{data}/query.fvecs")
    wanted = read_fvecs(f"{data}/truth.ivecs", np.int32)
    ask = ENGINES[engine][1](base, metric, threads)
    for query in queries[:10]:
        ask(query, k)
    answers = []
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        answers.append(ask(queries[len(answers) % len(queries)], k))
    taken = time.monotonic() - begun
    hits = sum(len(set(map(int, found)) & set(map(int, wanted[i % len(queries)][:k]))) for i, found in enumerate(answers))
    line(engine, "exact", len(answers) / taken, "queries/s", hits / (k * len(answers)))


def main(what, *arguments):
    if what == "truth":
        truth(arguments[0], arguments[1], int(arguments[2]))
    elif what == "version":
        print(arguments[0], importlib.metadata.version(ENGINES[arguments[0]][0]))
    elif what == "exact":
        engine, data, metric, k, threads, seconds = arguments
        exact(engine, data, metric, int(k), int(threads), float(seconds))
    else:
        sys.exit("usage: peers.py truth|version|exact ...")


main(*sys.argv[1:])
