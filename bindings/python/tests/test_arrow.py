# SPDX-License-Identifier: Apache-2.0
"""Arrow streams out and in through the PyCapsule interface: by capsules alone, and judged by pyarrow, polars, DuckDB, pandas and numpy."""

import datetime
import decimal
import gc
import threading

import pytest

import firn

ROWS = 5000


@pytest.fixture
def trades(store):
    table = store.create_table("trades", "id i64, kind text, price decimal(12, 2), day date, at timestamp, data blob, vec vector(2), primary key (id)")
    day = datetime.date(2026, 1, 1)
    table.load({"id": i, "kind": None if i % 7 == 0 else "abc"[i % 3], "price": decimal.Decimal(i) / 4, "day": day + datetime.timedelta(i % 100),
                "at": datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=i), "data": b"x" * (i % 5), "vec": [i, -i]} for i in range(ROWS))
    return table


def test_capsules_without_a_judge(store, trades):
    copy = store.create_table_from("copy", trades, key=["id"])
    assert len(copy) == ROWS and copy[77] == trades[77] and copy.key == ("id",)
    numbered = store.create_table_from("numbered", trades.scan("kind, price", "id < 10"))
    assert numbered.key == ("row",) and len(numbered) == 10
    assert copy.load(trades.scan(["id + 1000000 as id", "kind"])) == ROWS
    assert copy.load(trades.scan(["id + 2000000 as id", "kind"], "id < 5").__arrow_c_stream__()) == 5
    with pytest.raises(firn.Exists):
        copy.load(trades)
    with pytest.raises(firn.Exists):
        store.create_table_from("copy", trades)
    with pytest.raises(firn.Invalid):  # a null in the key
        store.create_table_from("twice", trades.scan("kind, price"), key=["kind"])
    assert "twice" not in store.tables()
    assert repr(trades.__arrow_c_schema__()).startswith('<capsule object "arrow_schema"')
    with pytest.raises(TypeError):
        store.create_table_from("x", [1])
    scan = trades.scan()
    capsule = scan.__arrow_c_stream__()
    assert copy.load(trades.scan("id + 3000000 as id", "id = 1")) == 1
    trades.delete(0)  # which the scan still sees, however often it is read
    assert scan.fetchone()["id"] == 0 and scan.columns[0].name == "id"
    assert len(store.create_table_from("again", scan, key=["id"])) == ROWS and scan.fetchone()["id"] == 1
    scan.close()
    del capsule
    for wrong in (trades.scan(limit=0), trades.scan(progress=print)):
        with pytest.raises(firn.Invalid):
            wrong.__arrow_c_stream__()
    with pytest.raises(firn.Closed):
        scan.__arrow_c_stream__()
    used = trades.scan("id + 4000000 as id").__arrow_c_stream__()
    copy.load(used)
    with pytest.raises(firn.Invalid):
        copy.load(used)


def test_a_stream_keeps_the_store_or_is_closed_with_it(tmp_path):
    for close in (False, True):
        store = firn.open(tmp_path / f"s{close}")
        table = store.create_table("t", "id i64, primary key (id)")
        table.load({"id": i} for i in range(10))
        capsule = table.__arrow_c_stream__()
        with firn.memory() as other:
            if close:
                store.close()
                target = other.create_table("t", "id i64, primary key (id)")
                with pytest.raises(firn.Error, match="closed"):
                    target.load(capsule)
            else:
                del store, table
                gc.collect()
                assert len(other.create_table_from("t", capsule, key=["id"])) == 10
                del capsule
        gc.collect()
        firn.open(tmp_path / f"s{close}").close()


try:
    import pyarrow as pa
except ImportError:
    pa = None


def slow(test):
    return pytest.mark.slow(pytest.mark.skipif(pa is None, reason="no pyarrow")(test))


@slow
def test_pyarrow(store, trades):
    whole = pa.table(trades)
    whole.validate(full=True)
    assert whole.num_rows == ROWS and whole.schema.field("price").type == pa.decimal128(12, 2) and str(whole.schema.field("vec").type).startswith("fixed_size_list")
    assert whole.slice(10, 1).to_pylist()[0]["price"] == trades[10]["price"]
    assert pa.schema(trades) == whole.schema
    assert pa.table(trades.scan("kind, count(*) as n", group_by="kind", order_by="kind")).to_pydict()["kind"] == [None, "a", "b", "c"]
    names = trades.store.create_table("names", "kind text, id i64, title text, primary key (kind, id)")
    names.insert_many([{"kind": kind, "id": i, "title": f"{kind} {i}"} for kind in "ab" for i in range(3)])
    joined = {"columns": "id, kind, title, price", "join": names.scan("kind as code, title"), "on": "kind = code"}
    table = pa.table(trades.scan(**joined))
    assert table.num_rows > 1024 and table.to_pylist() == trades.scan(**joined).fetchall()
    reader = pa.RecordBatchReader.from_stream(trades.scan("id"))
    assert sum(batch.num_rows for batch in reader) == ROWS
    back = store.create_table_from("back", whole, key=["id"])
    assert pa.table(back).equals(whole)
    big = pa.table({"id": [1, 2], "x": ["a", None]})
    table = store.create_table_from("big", big.to_reader(max_chunksize=1), key="id")
    assert table[2] == {"id": 2, "x": None}

    def batches():
        yield from big.to_batches()
        raise ValueError("the producer failed")

    with pytest.raises(firn.Error, match="producer failed"):
        table.load(pa.RecordBatchReader.from_batches(big.schema, batches()))
    with store.snapshot() as snapshot:
        trades.delete(1)
        assert pa.table(snapshot.table("trades")).num_rows == ROWS and pa.table(trades).num_rows == ROWS - 1


@slow
def test_values_outlive_the_store(tmp_path):
    with firn.open(tmp_path / "s") as store:
        table = store.create_table("t", "id i64, name text, primary key (id)")
        table.load({"id": i, "name": f"name {i}"} for i in range(ROWS))
        store.compact()
        whole = pa.table(table)
    assert whole.column("name")[ROWS - 1].as_py() == f"name {ROWS - 1}"
    whole.validate(full=True)


@slow
def test_polars(store, trades):
    polars = pytest.importorskip("polars", reason="no polars")
    frame = polars.DataFrame(trades.scan("id, kind, price, day"))
    assert frame.shape == (ROWS, 4) and frame.filter(polars.col("kind") == "a").height == sum(1 for _ in trades.scan("id", "kind = 'a'"))
    taken = store.create_table_from("frame", frame, key=["id"])
    assert taken[5]["price"] == trades[5]["price"]


@slow
def test_duckdb(trades):
    duckdb = pytest.importorskip("duckdb", reason="no DuckDB")
    connection = duckdb.connect()
    goods = trades.scan("id, kind, price")  # a name that DuckDB finds
    assert goods is not None
    rows = connection.sql("select kind, count(*), sum(price) from goods group by kind order by kind").fetchall()
    mine = trades.scan("kind, count(*), sum(price)", group_by="kind", order_by="kind", as_tuples=True).fetchall()
    assert sorted(rows, key=str) == sorted(mine, key=str) and len(rows) == 4
    assert connection.sql("select count(*) from trades").fetchall() == [(ROWS,)]


@slow
def test_pandas_and_numpy(store, trades):
    pandas = pytest.importorskip("pandas", reason="no pandas")
    numpy = pytest.importorskip("numpy", reason="no numpy")
    frame = pandas.DataFrame.from_arrow(trades.scan("id, kind"))
    assert len(frame) == ROWS
    taken = store.create_table_from("frame", pandas.DataFrame({"id": [1, 2], "x": [0.5, 1.5]}), key=["id"])
    assert taken[2]["x"] == 1.5
    assert trades.search("vec", numpy.array([7, -7], dtype=numpy.float64), 1, metric="l2")[0].key == (7,)
    assert trades.search("vec", numpy.arange(4, dtype=numpy.float32)[::2], 1, metric="l2")
    assert numpy.asarray(trades[3]["vec"]).tolist() == [3.0, -3.0]
    trades.update({"id": 3, "vec": numpy.array([1, 2]), "data": numpy.bytes_(b"q")})
    assert trades[numpy.int64(3)]["vec"].tolist() == [1, 2]


@slow
def test_streams_from_many_threads(trades):
    counts = []

    def read():
        for _ in range(5):
            counts.append(pa.table(trades.scan("id, kind", "id >= ?", params=[100])).num_rows)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [ROWS - 100] * 20
