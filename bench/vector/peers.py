#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# bench/vector/peers.py: the truth, and the peers of the vector benchmark from their Python wheels.
#
#     peers.py truth DATA METRIC K                              writes DATA/truth.ivecs and DATA/truth-{50,10,1}.ivecs
#     peers.py version ENGINE
#     peers.py exact ENGINE DATA METRIC K SECONDS               each query over all rows
#     peers.py batch faiss DATA METRIC K SECONDS                200 queries in one call
#     peers.py index ENGINE INDEX DATA METRIC M EF_CONSTRUCTION THREADS
#     peers.py sweep ENGINE INDEX DATA METRIC K SECONDS SHARE EF...
#     peers.py serve ENGINE INDEX DATA METRIC K EF
#     peers.py open ENGINE INDEX DATA METRIC K
#
# ENGINE is faiss, usearch (of f32, of bf16 with -bf16), hnswlib or sqlite-vec; only FAISS and usearch have graphs here (hnswlib's are
# measured by peer_hnswlib.cpp). Queries are asked one at a time, as bench_vector_firn asks them. Lines as there.
import importlib.metadata
import os
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


SHARES = (50, 10, 1)


def parts(count):
    """Which of 100 parts each row is in, as in vector_firn.c."""
    return (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) & np.uint64(0xFFFFFFFF)) % np.uint64(100)


def truth(data, metric, k):
    """A first look in single precision, far more than k rows of which are measured again."""
    base = read_fvecs(f"{data}/base.fvecs")
    queries = read_fvecs(f"{data}/query.fvecs")
    write_truth(f"{data}/truth.ivecs", base, np.arange(len(base)), queries, metric, k)
    part = parts(len(base))
    for share in SHARES:
        rows = np.flatnonzero(part < share)
        write_truth(f"{data}/truth-{share}.ivecs", np.ascontiguousarray(base[rows]), rows, queries, metric, k)


def write_truth(path, base, numbers, queries, metric, k):
    squares = (base**2).sum(axis=1)
    lengths = np.sqrt(squares)
    lengths[lengths == 0] = 1
    k = min(k, len(base))
    out = np.empty((len(queries), k + 1), dtype=np.int32)
    out[:, 0] = k
    most = min(len(base), k + 20)
    for begin in range(0, len(queries), 50):
        some = queries[begin : begin + 50]
        dots = some @ base.T
        rough = squares - 2 * dots if metric == "l2" else -dots if metric == "dot" else -dots / lengths
        near = np.argpartition(rough, most - 1, axis=1)[:, :most]
        for i, rows in enumerate(near):
            rows = np.sort(rows)
            order = np.argsort(distances(base[rows], some[i], metric), kind="stable")
            out[begin + i, 1:] = numbers[rows[order[:k]]]
    out.tofile(path)


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


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def line(engine, workload, parameter, value, by_cpu, unit, recall=0.0):
    print(f"{engine}\t{workload}\t{parameter}\t{value:.6g}\t{by_cpu:.6g}\t{unit}\t{recall:.4f}", flush=True)


class Clock:
    def __init__(self):
        self.wall, self.cpu = time.monotonic(), time.process_time()

    def taken(self):
        return time.monotonic() - self.wall, time.process_time() - self.cpu


def measure(engine, workload, parameter, ask, queries, wanted, k, seconds):
    answers = []
    clock = Clock()
    while clock.taken()[0] < seconds or len(answers) < 3:
        answers.append(ask(queries[len(answers) % len(queries)], k))
    wall, cpu = clock.taken()
    hits = sum(len(set(map(int, found)) & set(map(int, wanted[i % len(queries)][:k]))) for i, found in enumerate(answers))
    line(engine, workload, parameter, len(answers) / wall, len(answers) / cpu, "queries/s", hits / (k * len(answers)))


def exact(engine, data, metric, k, seconds):
    base = read_fvecs(f"{data}/base.fvecs")
    queries = read_fvecs(f"{data}/query.fvecs")
    wanted = read_fvecs(f"{data}/truth.ivecs", np.int32)
    ask = ENGINES[engine][1](base, metric, 1)
    for query in queries[:10]:
        ask(query, k)
    measure(engine, "exact", 1, ask, queries, wanted, k, seconds)


BATCH = 200


def batch(engine, data, metric, k, seconds):
    import faiss

    base = normalized(read_fvecs(f"{data}/base.fvecs"), metric)
    queries = normalized(read_fvecs(f"{data}/query.fvecs"), metric)
    wanted = read_fvecs(f"{data}/truth.ivecs", np.int32)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(base.shape[1]) if metric == "l2" else faiss.IndexFlatIP(base.shape[1])
    index.add(base)
    parts = [slice(i, i + BATCH) for i in range(0, len(queries) - BATCH + 1, BATCH)]
    found = index.search(queries[parts[0]], k)[1]
    hits = sum(len(set(map(int, row)) & set(map(int, true[:k]))) for row, true in zip(found, wanted))
    calls = 0
    clock = Clock()
    while clock.taken()[0] < seconds or calls < 3:
        index.search(queries[parts[calls % len(parts)]], k)
        calls += 1
    wall, cpu = clock.taken()
    line(engine, "batch", 1, calls * BATCH / wall, calls * BATCH / cpu, "queries/s", hits / (k * BATCH))


class Faiss:
    def __init__(self, metric, _engine):
        import faiss

        self.faiss, self.metric, self.parameters = faiss, metric, faiss.SearchParametersHNSW()

    def build(self, base, m, ef, threads, path):
        faiss = self.faiss
        faiss.omp_set_num_threads(threads)
        index = faiss.IndexHNSWFlat(base.shape[1], m, faiss.METRIC_L2 if self.metric == "l2" else faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = ef
        index.add(base)
        return lambda: faiss.write_index(index, path)

    def open(self, path):
        self.faiss.omp_set_num_threads(1)
        self.index = self.faiss.read_index(path)

    def set(self, ef, share):
        self.parameters = self.faiss.SearchParametersHNSW(efSearch=ef)
        if share < 100:
            self.bits = np.packbits(parts(self.index.ntotal) < share, bitorder="little")
            self.selector = self.faiss.IDSelectorBitmap(self.index.ntotal, self.faiss.swig_ptr(self.bits))
            self.parameters.sel = self.selector

    def ask(self, query, k):
        return self.index.search(query[None], k, params=self.parameters)[1][0]


class Usearch:
    def __init__(self, metric, engine):
        self.metric, self.kind = metric, "bf16" if engine.endswith("-bf16") else "f32"

    def new(self, n, m=16, ef=200):
        from usearch.index import Index

        return Index(ndim=n, metric="l2sq" if self.metric == "l2" else "ip", dtype=self.kind, connectivity=m, expansion_add=ef)

    def build(self, base, m, ef, threads, path):
        index = self.new(base.shape[1], m, ef)
        index.add(np.arange(len(base)), base, threads=threads)
        return lambda: index.save(path)

    def open(self, path):
        from usearch.index import Index

        self.index = Index.restore(path)

    def set(self, ef, share):
        if share < 100:
            sys.exit("usearch: its Python interface has no filters")
        self.index.expansion_search = ef

    def ask(self, query, k):
        return self.index.search(query, k, threads=1).keys


GRAPHS = {"faiss": Faiss, "usearch": Usearch, "usearch-bf16": Usearch}


def graph(what, engine, path, data, metric, *arguments):
    peer = GRAPHS[engine](metric, engine)
    queries = normalized(read_fvecs(f"{data}/query.fvecs"), metric)
    if what == "index":
        m, ef, threads = map(int, arguments)
        base = normalized(read_fvecs(f"{data}/base.fvecs"), metric)
        clock = Clock()
        save = peer.build(base, m, ef, threads, path)
        wall, cpu = clock.taken()
        line(engine, "build", threads, len(base) / wall, len(base) / cpu, "vectors/s")
        save()
        return
    k = int(arguments[0])
    if what == "open":
        clock = Clock()
        peer.open(path)
        peer.ask(queries[0], k)
        wall, cpu = clock.taken()
        line(engine, "open", 1, wall * 1000, cpu * 1000, "ms")
        return
    share = int(arguments[2]) if what == "sweep" else 100
    wanted = read_fvecs(f"{data}/truth-{share}.ivecs" if share < 100 else f"{data}/truth.ivecs", np.int32)
    before = resident()
    peer.open(path)
    if what == "serve":
        peer.set(int(arguments[1]), 100)
        hits = sum(len(set(map(int, peer.ask(query, k))) & set(map(int, row[:k]))) for query, row in zip(queries, wanted))
        bytes_each = (resident() - before) / count_of(data)
        line(engine, "memory", arguments[1], bytes_each, bytes_each, "bytes/vector", hits / (k * len(queries)))
        return
    for i, ef in enumerate(arguments[3:]):
        peer.set(int(ef), share)
        clock = Clock()
        for query in queries[: len(queries) if i == 0 else 20]:
            if clock.taken()[0] < 1:
                peer.ask(query, k)
        measure(engine, f"filter-{share}" if share < 100 else "walk", ef, peer.ask, queries, wanted, k, float(arguments[1]))


def count_of(data):
    with open(f"{data}/base.fvecs", "rb") as file:
        width = 4 * (int.from_bytes(file.read(4), "little") + 1)
        return file.seek(0, os.SEEK_END) // width


def main(what, *arguments):
    if what == "truth":
        truth(arguments[0], arguments[1], int(arguments[2]))
    elif what == "version":
        print(arguments[0], importlib.metadata.version(ENGINES[arguments[0]][0]))
    elif what == "exact":
        engine, data, metric, k, seconds = arguments
        exact(engine, data, metric, int(k), float(seconds))
    elif what == "batch":
        engine, data, metric, k, seconds = arguments
        batch(engine, data, metric, int(k), float(seconds))
    elif what in ("index", "sweep", "serve", "open"):
        graph(what, *arguments)
    else:
        sys.exit("usage: peers.py truth|version|exact|index|sweep|serve|open ...")


main(*sys.argv[1:])
