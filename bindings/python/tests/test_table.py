# SPDX-License-Identifier: Apache-2.0
"""Tables: rows as dicts, every type both ways, scans, loads, text, differences."""

import array
import ctypes
import datetime
import decimal
import io
import os
import uuid

import pytest

import firn

UTC = datetime.timezone.utc
ALL = """id i64 auto, b bool, small i8, big u64, half f32, whole f64, price decimal(12, 2), day date, moment timestamp,
         name text not null default 'none', data blob, uid uuid, vec vector(3), primary key (id)"""
ROW = {
    "b": True, "small": -128, "big": 2**64 - 1, "half": 0.5, "whole": 1e300, "price": decimal.Decimal("-12.30"),
    "day": datetime.date(1, 1, 1), "moment": datetime.datetime(2026, 11, 24, 12, 30, 1, 250000, UTC), "name": "ü\0x", "data": b"\0\xff",
    "uid": uuid.UUID(int=7), "vec": array.array("f", [1, 2.5, -3]),
}


@pytest.fixture
def goods(store):
    table = store.create_table(
        "goods", "id i64, kind text, price decimal(8, 2), stock i32 default 0, primary key (id), unique index by_kind (kind, id)")
    table.insert_many({"id": i, "kind": "abc"[i % 3], "price": decimal.Decimal(i) / 4, "stock": i} for i in range(1000))
    return table


def test_every_type_both_ways(store):
    table = store.create_table("t", ALL)
    assert table.insert(ROW) == 1 and table.insert({"name": "only"}) == 2
    assert table[1] == {"id": 1, **ROW}
    assert list(table[1]) == [column.name for column in table.columns] and table.key == ("id",)
    empty = table[2]
    assert empty.pop("id") == 2 and empty.pop("name") == "only" and set(empty.values()) == {None}
    for name, given, read in [
        ("price", 3, decimal.Decimal("3.00")), ("price", "4.5", decimal.Decimal("4.50")), ("day", "2026-01-31", datetime.date(2026, 1, 31)),
        ("moment", datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)),
        ("moment", datetime.datetime(2026, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
         datetime.datetime(2026, 1, 1, tzinfo=UTC)),
        ("uid", str(uuid.UUID(int=9)), uuid.UUID(int=9)), ("uid", uuid.UUID(int=10).bytes, uuid.UUID(int=10)), ("vec", [1, 2, 3], array.array("f", [1, 2, 3])),
        ("vec", (0.5, 0, 0), array.array("f", [0.5, 0, 0])), ("vec", array.array("d", [1, 2, 3]), array.array("f", [1, 2, 3])), ("b", 0, False),
        ("whole", 7, 7.0), ("data", memoryview(b"xy"), b"xy"), ("data", bytearray(b"z"), b"z"), ("small", True, 1), ("b", "true", True),
    ]:
        table.update({"id": 1, name: given})
        assert table[1][name] == read, name
    for name, wrong in [
        ("small", 128), ("small", 1.5), ("big", -1), ("big", 2**64), ("price", decimal.Decimal("0.001")), ("day", "31.1.2026"), ("name", None),
        ("name", b"x"), ("vec", [1, 2]), ("vec", [1, 2, float("nan")]), ("uid", b"short"), ("day", datetime.time(1)),
    ]:
        with pytest.raises((firn.Invalid, firn.Limit, TypeError)):
            table.update({"id": 1, name: wrong})
    assert table.check() == 2


def test_rows_and_keys(goods):
    assert len(goods) == 1000 and bool(goods) and 5 in goods and 1000 not in goods and (5,) in goods
    assert goods.get(5, columns=["stock", "kind"]) == {"stock": 5, "kind": "c"} and goods.get(-1) is None and goods.get(-1, 0) == 0
    assert goods.get(("c", 5), index="by_kind")["id"] == 5 and goods.get(("a", 5), index="by_kind") is None
    assert [row and row["id"] for row in goods.get_many([1, 5000, 2])] == [1, None, 2]
    assert goods.get_many([(3,)], columns="stock") == [{"stock": 3}]
    goods.upsert({"id": 5, "kind": "x"})
    assert goods[5]["stock"] == 0
    assert goods.add(5, "stock", 3) == 3 and goods.add(5, "stock", -1) == 2
    goods.delete(5)
    for wrong in (lambda: goods[5], lambda: goods.delete(5), lambda: goods.update({"id": 5, "stock": 1}), lambda: goods.insert({"id": 5, "nope": 1}),
                  lambda: goods.get(1, columns=["nope"]), lambda: goods.get(1, index="nope"), lambda: goods.store.table("nope")):
        with pytest.raises(firn.NotFound):
            wrong()
    for wrong in (lambda: goods.insert([1, 2]), lambda: goods.insert({1: 2}), lambda: goods.scan(params="x")):
        with pytest.raises((TypeError, firn.NotFound)):
            wrong()
    with pytest.raises(firn.Invalid):
        goods[(1, 2)]
    with pytest.raises(firn.Exists):
        goods.insert_many([{"id": 5, "kind": "a"}, {"id": 6, "kind": "a"}])
    assert 5 not in goods
    goods.delete_range(10, 19)
    goods.delete_range(lower=900)
    assert len(goods) == 1000 - 1 - 10 - 100


def test_a_table_without_rows_is_false(store, tmp_path):
    table = store.create_table("t", "a i32, b i32, primary key (a, b)")
    assert not table
    with store.transaction() as txn:
        inside = txn.table(table)
        inside.insert({"a": 1, "b": 1})
        assert inside and not table
    assert table
    table.delete((1, 1))
    assert not table
    with firn.open(tmp_path / "other") as other:
        closed = other.create_table("t", "a i32, primary key (a)")
    with pytest.raises(firn.Closed):
        bool(closed)


def test_a_scan_joins_another_one(goods):
    kinds = goods.store.create_table("kinds", "kind text, title text, primary key (kind)")
    kinds.insert_many([{"kind": "a", "title": "first"}, {"kind": "b", "title": "second"}, {"kind": "z", "title": "none"}])
    titles = kinds.scan("kind as code, title")
    scan = goods.scan("id, title", "id < 5", join=titles, on="kind = code", as_tuples=True)
    assert scan.fetchall() == [(0, "first"), (1, "second"), (3, "first"), (4, "second")]
    assert len(titles.fetchall()) == 3  # it can be read and joined again
    grouped = goods.scan("title, count(*)", join=titles, on="kind = code", group_by="title", order_by="1", as_tuples=True)
    assert grouped.fetchall() == [("first", 334), ("second", 333)]
    with goods.store.transaction() as txn:
        txn.table(kinds).insert({"kind": "c", "title": "third"})
        inside = txn.table(goods).scan("count(*)", join=txn.table(kinds).scan("kind as code, title"), on="kind = code", as_tuples=True)
        assert inside.fetchone() == (1000,)
    for wrong in (lambda: goods.scan(join=titles), lambda: goods.scan(on="id = id"), lambda: goods.scan(join=kinds.scan(), on="kind = kind"),
                  lambda: goods.scan(join=kinds.scan(limit=0), on="kind = kind"), lambda: goods.scan(join=titles, on="id = code")):
        with pytest.raises(firn.Invalid):
            wrong()
    with pytest.raises(TypeError):
        goods.scan(join="x", on="y")
    titles.close()
    with pytest.raises(firn.Closed):
        goods.scan("id", join=titles, on="kind = code")


def test_scans(goods):
    assert [row["id"] for row in goods.scan("id", "kind = ? and stock < ?", params=["a", 10])] == [0, 3, 6, 9]
    scan = goods.scan(["kind", "count(*) as n", "sum(price)"], group_by="kind", order_by=["kind desc"], as_tuples=True)
    assert [column.name for column in scan.columns][:2] == ["kind", "n"] and scan.columns[2].type == "decimal"
    rows = scan.fetchall()
    assert [row[:2] for row in rows] == [("c", 333), ("b", 333), ("a", 334)] and isinstance(rows[0][2], decimal.Decimal)
    assert goods.scan(where="price > ?", params=[decimal.Decimal("249.5")], columns="id", as_tuples=True).fetchall() == [(999,)]
    assert goods.scan("id", limit=2, offset=3, as_tuples=True).fetchall() == [(3,), (4,)]
    assert goods.scan("id", limit=0).fetchall() == []
    assert [r["id"] for r in goods.scan("id", lower=10, upper=12)] == [10, 11, 12]
    assert [r["id"] for r in goods.scan("id", index="by_kind", lower="b", upper="b", descending=True, limit=2)] == [997, 994]
    assert sum(1 for _ in goods) == 1000
    with goods.scan() as scan:
        assert scan.fetchone()["id"] == 0
    with pytest.raises(firn.Closed):
        scan.fetchone()
    for wrong in ({"where": "nope = 1"}, {"where": "kind ="}, {"where": "id = ?"}, {"order_by": "7"}, {"index": "nope"}):
        with pytest.raises((firn.Invalid, firn.NotFound)):
            goods.scan(**wrong)
    with pytest.raises(RuntimeError):
        def stop(progress):
            raise RuntimeError
        for _ in range(200):
            goods.scan("sum(stock)", progress=stop, group_by="id % 7").fetchall()
        raise RuntimeError  # too fast to report anything
    empty = goods.scan(where="id < 0")
    assert empty.fetchone() is None and empty.fetchone() is None


def test_a_transaction_reads_the_definition_that_it_began_with(store, goods):
    store.create_table("changing", "id i64 primary key, a i64, b text")
    changing = store.table("changing")
    changing.upsert({"id": 1, "a": 2, "b": "three"})
    with store.transaction() as txn:
        mine = txn.table("changing")
        before = mine.get(1)
        changing.drop_column("b")
        changing.add_column("c i64")
        late = txn.table("changing")
        for table in (mine, late):
            assert table.get(1) == before == {"id": 1, "a": 2, "b": "three"}
            assert table.get_many([1, 2]) == [before, None]
            assert table.get(1, columns=["b"]) == {"b": "three"}
            assert "b text" in table.definition and "c i64" not in table.definition
    assert changing.get(1) == {"id": 1, "a": 2, "c": None}


def test_transactions_and_snapshots(store, goods):
    with store.snapshot() as snapshot, pytest.raises(ZeroDivisionError), store.transaction() as txn:
        mine = txn.table(goods)
        mine.insert({"id": 2000, "kind": "z"})
        mine.insert_many([{"id": 2001}])
        assert 2000 in mine and 2000 not in goods and len(mine) == 1002 and mine.get_many([2000])[0]["kind"] == "z"
        rows = mine.scan("id", "id >= 2000", as_tuples=True)
        assert next(rows) == (2000,)
        for wrong in (lambda: mine.__arrow_c_stream__(), lambda: mine.load([]), lambda: mine.import_text(io.BytesIO(b""))):
            with pytest.raises(firn.Invalid):
                wrong()
        old = snapshot.table("goods")
        goods.delete(1)
        assert 1 in old and len(old) == 1000 and snapshot.tables() == ["goods"] and "snapshot" in repr(old)
        for wrong in (lambda: old.delete(2), lambda: old.insert({"id": 1}), lambda: old.insert_many([{}]), lambda: old.add_column("x i64"),
                      lambda: old.load([{"id": 1}])):
            with pytest.raises(firn.ReadOnly):
                wrong()
        1 / 0
    with pytest.raises(firn.Closed):
        next(rows)
    assert 2000 not in goods
    with store.transaction() as txn:
        txn.table("goods").upsert_many([{"id": 3000, "kind": "q"}])
    assert goods[3000]["kind"] == "q"


def test_loads(store):
    table = store.create_table("t", "id i64, name text, primary key (id)")
    assert table.load({"id": i, "name": f"n{i}"} for i in range(3000, 0, -1)) == 3000
    assert len(table) == 3000 and table[7] == {"id": 7, "name": "n7"}
    assert table.load([]) == 0 and table.load([{"name": "first", "id": -1}, {"id": -2}]) == 2 and table[-2]["name"] is None
    for wrong in ([{"id": 7}], [{"id": 9000}, {"id": 9000}], [{"id": 9001}, {"id": 9002, "name": 5}], [{"id": 9003}, {"name": "x", "id": 9004}]):
        with pytest.raises(firn.Error):
            table.load(wrong)

    def failing():
        yield {"id": 9005}
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        table.load(failing())
    with pytest.raises(firn.Misuse):
        table.load(({"id": 9006}, store.close())[0] for _ in range(1))
    with pytest.raises(TypeError):
        table.load(5)
    assert len(table) == 3002
    assert table.load([{"id": 9007}]) == 1


def test_changing_a_table(store):
    table = store.create_table("t", "id i64, primary key (id)")
    table.insert({"id": 1})
    table.add_column("price decimal(12, 2) default 1.5")
    assert table[1] == {"id": 1, "price": decimal.Decimal("1.50")}
    table.rename_column("price", "cost")
    table.add_index("by_cost", ["cost"])
    assert [row["id"] for row in table.scan("id", index="by_cost")] == [1] and "by_cost" in table.definition
    table.drop_index("by_cost")
    table.set_default("cost", "2.25")
    table.insert({"id": 2})
    table.set_default("cost")
    table.insert({"id": 3})
    assert [row["cost"] for row in table.scan("cost")] == [decimal.Decimal("1.50"), decimal.Decimal("2.25"), None]
    for wrong in (lambda: table.set_default("none", 1), lambda: table.set_default("cost", "much"), lambda: table.set_default("cost", "1.234")):
        with pytest.raises((firn.Invalid, firn.NotFound)):
            wrong()
    table.delete_range(lower=2)
    table.drop_column("cost")
    assert table[1] == {"id": 1}
    for wrong in ("a i64, b i64", "a", ""):
        with pytest.raises(firn.Invalid):
            table.add_column(wrong)
    other = store.table("t")
    store.checkpoint("before")
    table.add_column("x i64")
    assert other[1] == {"id": 1, "x": None}
    store.restore("before")
    assert other[1] == {"id": 1}
    assert store.tables() == ["t"] and store.create_table("t", "id i64, primary key (id)", exists_ok=True).name == "t"
    with pytest.raises(firn.Exists):
        store.create_table("t", "id i64, primary key (id)")
    store.drop_table("t")
    with pytest.raises(firn.Error):
        table[1]


def test_differences(store):
    table = store.create_table("t", "id i64, name text, n i32, primary key (id)")
    table.insert_many([{"id": 1, "name": "a", "n": 1}, {"id": 2, "name": "b", "n": 2}])
    store.checkpoint("one")
    table.update({"id": 1, "n": 5})
    table.delete(2)
    table.insert({"id": 3})
    rows = store.diff_table("t", "one")
    assert [(row.kind, row.changed) for row in rows] == [("changed", ("n",)), ("removed", ()), ("added", ())]
    assert rows[0].before == {"id": 1, "name": "a", "n": 1} and rows[0].after["n"] == 5 and rows[1].after is None and rows[2].before is None
    with pytest.raises(firn.NotFound):
        store.diff_table("nope", "one")


def test_text_in_and_out(store, tmp_path):
    table = store.create_table("t", "id i64, name text, price decimal(6, 2), primary key (id)")
    path = tmp_path / "in.csv"
    path.write_text("id,name,price\n1,tea,3.20\n2,\"a \"\"b\"\"\",\n")
    assert table.import_text(path) == firn.ImportResult(2, 0, path.stat().st_size, 0)
    assert table[2] == {"id": 2, "name": 'a "b"', "price": None}
    out = io.BytesIO()
    assert table.export_text(out) == 2 and out.getvalue() == path.read_bytes()
    text = io.StringIO()
    assert table.export_text(text, kind="json", columns=["id", "name"]) == 2 and text.getvalue().startswith('{"id":1,"name":"tea"}')
    table.export_text(str(tmp_path / "out.csv"), header=False, delimiter=";")
    assert (tmp_path / "out.csv").read_text().startswith("1;tea;3.20\n")
    rejected = []
    result = table.import_text(io.StringIO("id,name\n3,x\nfour,y\n1,again\n"), on_reject=lambda *a: rejected.append(a), on_conflict="skip")
    assert (result.rows, result.rejected, result.skipped) == (1, 1, 1) and rejected[0][:2] == (3, "four,y")
    assert table.import_text(io.BytesIO(b'{"id": 9, "other": 1}\n'), kind="json", ignore_unknown=True).rows == 1
    with pytest.raises(firn.Exists):
        table.import_text(path)
    with pytest.raises(firn.Invalid):
        table.import_text(io.BytesIO(b"id,name\n5\n"))

    class Failing:
        def read(self, size):
            raise RuntimeError("unplugged")

        def write(self, data):
            raise RuntimeError("unplugged")

    class Using(Failing):
        def read(self, size):
            return len(table)

    class Wrong(Failing):
        def read(self, size):
            return 5

    for call, wanted in ((lambda: table.import_text(Failing()), RuntimeError), (lambda: table.export_text(Failing()), RuntimeError),
                         (lambda: table.import_text(Using()), firn.Misuse), (lambda: table.import_text(Wrong()), TypeError),
                         (lambda: table.import_text(tmp_path / "none"), FileNotFoundError),
                         (lambda: table.import_text(path, kind="xml"), firn.Invalid), (lambda: table.import_text(path, delimiter="ab"), firn.Invalid)):
        with pytest.raises(wanted):
            call()

    def refuse(line, text, why):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.import_text(io.StringIO("id,name\nfour,y\n"), on_reject=refuse)
    assert len(table) == 4


def test_searches(store):
    table = store.create_table("docs", "id i64, lang text, title text, vec vector(4), primary key (id)")
    table.load({"id": i, "lang": "en" if i % 2 else "fr", "title": f"t{i}", "vec": [i, 1, 0, 0]} for i in range(200))
    hits = table.search("vec", [100, 1, 0, 0], 3, metric="l2", columns=["title"])
    assert [hit.key for hit in hits] == [(100,), (99,), (101,)] and hits[0].distance == 0 and hits[0].row == {"title": "t100"}
    for query in (array.array("f", [100, 1, 0, 0]), array.array("d", [100, 1, 0, 0]), (100, 1, 0, 0), array.array("f", [100, 1, 0, 0]).tobytes(),
                  memoryview(array.array("f", [100, 1, 0, 0]))):
        assert table.search("vec", query, k=1, metric="l2")[0].key == (100,)
    assert [hit.key[0] for hit in table.search("vec", [100, 1, 0, 0], 2, metric="l2", where="lang = ?", params=["en"])] == [99, 101]
    table.add_vector_index("near", "vec", metric="l2", m=8)
    store.compact()
    assert table.search("vec", [5, 1, 0, 0], 1, metric="l2", ef=50)[0].key == (5,) == table.search("vec", [5, 1, 0, 0], 1, exact=True, metric="l2", recall=0.9)[0].key
    with store.snapshot() as snapshot:
        table.delete(5)
        assert snapshot.table("docs").search("vec", [5, 1, 0, 0], 1, metric="l2")[0].key == (5,)
    table.drop_index("near")
    for wrong in (lambda: table.search("vec", [1, 2]), lambda: table.search("vec", [1, 2, 3, float("inf")]), lambda: table.search("title", [1, 2, 3, 4]),
                  lambda: table.search("vec", [1, 2, 3, 4], metric="manhattan"), lambda: table.search("vec", b"123"),
                  lambda: table.search("vec", [1, 2, 3, 4], metric="")):
        with pytest.raises(firn.Invalid):
            wrong()
    with pytest.raises(TypeError):
        table.search("vec", "1,2,3,4")


def test_searches_for_several_queries(store):
    table = store.create_table("docs", "id i64, lang text, vec vector(2), primary key (id)")
    assert table.search_many("vec", [[1, 1]]).distances.tolist() == []
    table.load({"id": i, "lang": "en" if i % 2 else "fr", "vec": [i, 1]} for i in range(200))
    queries = [[100, 1], [3.25, 1], [-7, 1]]
    found = table.search_many("vec", queries, 2, metric="l2")
    assert found.distances.shape == found.keys.shape == (3, 2)
    assert found.keys.tolist() == [[100, 99], [3, 4], [0, 1]] and found.distances.tolist() == [[0, 1], [0.0625, 0.5625], [49, 64]]
    flat = memoryview(array.array("f", sum(queries, []))).cast("B").cast("f", (3, 2))
    for same in (flat, [array.array("f", query) for query in queries], tuple(map(tuple, queries))):
        assert table.search_many("vec", same, 2, metric="l2").keys == found.keys
    few = table.search_many("vec", queries, 3, metric="l2", where="id = ? or id < 0", params=[5])
    assert few.keys.tolist() == [[5], [5], [5]]
    assert table.search_many("vec", [], 3).keys.tolist() == [] == table.search_many("vec", queries, 0).keys.tolist()
    words = store.create_table("words", "lang text, word text, vec vector(2), primary key (lang, word)")
    words.insert({"lang": "en", "word": "tea", "vec": [1, 2]})
    assert words.search_many("vec", queries).keys == [[("en", "tea")]] * 3
    for wrong in ([[1, 2, 3]], [[1, float("nan")]]):
        with pytest.raises(firn.Invalid):
            table.search_many("vec", wrong)
    with pytest.raises(firn.Invalid, match="multiple of 4 bytes, not 3"):
        table.search("vec", b"123")
    for wrong, error in (([[1, 2], [1]], ValueError), ([1, 2], TypeError), (5, TypeError), ([b"123"], ValueError)):
        with pytest.raises(error):
            table.search_many("vec", wrong)
    numpy = pytest.importorskip("numpy", reason="no numpy")
    for kind in (numpy.float32, numpy.float64):
        again = table.search_many("vec", numpy.array(queries, dtype=kind), 2, metric="l2")
        assert numpy.asarray(again.distances).shape == (3, 2) and again.keys == found.keys
    turned = numpy.array([[100, 3.25, -7], [1, 1, 1]], dtype=numpy.float32).T
    assert table.search_many("vec", turned, 2, metric="l2").keys == found.keys


def test_numbers_that_are_not_negative(store):
    table = store.create_table("v", "id i64, vec vector(2), primary key (id)")
    for wrong, name in ((lambda: table.scan(limit=-1), "limit"), (lambda: table.scan(offset=-1), "offset"), (lambda: table.scan(threads=-1), "threads"),
                        (lambda: table.search("vec", [1, 2], -1), "k"), (lambda: table.search("vec", [1, 2], ef=-1), "ef"),
                        (lambda: table.add_vector_index("i", "vec", m=-1), "m")):
        with pytest.raises(firn.Invalid, match=f"^{name} must not be negative$"):
            wrong()
    with pytest.raises(firn.Invalid, match="^limit does not fit in 64 bits$"):
        table.scan(limit=1 << 64)


TYPED = "id i64, b bool, small i8, price decimal(8, 2), day date, moment timestamp, real f64, name text, vec vector(2), primary key (id)"


def refused(table, name, given):
    with pytest.raises((firn.Error, TypeError, ValueError, OverflowError)) as caught:
        table.insert({"id": 1, name: given})
    assert str(caught.value).startswith(f"column {name}") and str(caught.value).count("column") == 1
    assert 1 not in table
    return str(caught.value)


def test_numbers_are_no_times_and_floats_no_decimals(store):
    table = store.create_table("t", TYPED)
    for name in ("day", "moment"):
        for wrong in (0, 1764180000, True, 1.5, 10**30):
            assert "give a datetime.datetime, a datetime.date or a str" in refused(table, name, wrong)
    assert "not the number 3.2; give a decimal.Decimal, a str or an int" in refused(table, "price", 3.20)
    keyed = store.create_table("k", "moment timestamp, primary key (moment)")
    with pytest.raises(firn.Invalid, match="column moment, timestamp: not the number 5; give"):
        keyed[5]


def test_errors_name_the_column(store):
    table = store.create_table("t", TYPED)
    for name, wrong in [("small", 10**30), ("small", -10**30), ("real", 10**400), ("small", object()), ("name", 1j), ("vec", ["x"]), ("vec", "x"), ("vec", 5),
                        ("moment", datetime.time(1)), ("small", 200), ("name", None.__class__)]:
        refused(table, name, wrong)


def test_types_of_numpy_and_pandas(store):
    numpy = pytest.importorskip("numpy", reason="no numpy")
    table = store.create_table("t", TYPED)
    for number, (name, given, read) in enumerate([
        ("b", numpy.bool_(True), True), ("b", numpy.bool_(False), False), ("small", numpy.int8(5), 5), ("real", numpy.float32(1.5), 1.5),
        ("moment", numpy.datetime64("2026-01-31T12:30:01.25"), datetime.datetime(2026, 1, 31, 12, 30, 1, 250000, UTC)),
        ("moment", numpy.datetime64("2026-01-31T12:30:01.250000000"), datetime.datetime(2026, 1, 31, 12, 30, 1, 250000, UTC)),
        ("moment", numpy.datetime64("2026-01-31"), datetime.datetime(2026, 1, 31, tzinfo=UTC)), ("moment", numpy.datetime64("NaT"), None),
        ("day", numpy.datetime64("2026-01-31"), datetime.date(2026, 1, 31)), ("day", numpy.datetime64("2026-01-31T00:00:00"), datetime.date(2026, 1, 31)),
        ("day", numpy.datetime64("NaT"), None),
    ]):
        table.insert({"id": number, name: given})
        assert table[number][name] == read, given
    assert table.scan("id", "b = ?", params=[numpy.bool_(True)]).fetchall() == [{"id": 0}]
    assert table.scan("id", "day = ?", params=[numpy.datetime64("2026-01-31")]).fetchall() == [{"id": 8}, {"id": 9}]
    table.delete(1)
    assert "finer than a microsecond" in refused(table, "moment", numpy.datetime64("2026-01-31T12:30:01.000000001"))
    for name, wrong in (("day", numpy.datetime64("2026-01-31T12:00")), ("small", numpy.datetime64("2026-01-31")), ("small", numpy.timedelta64(1, "s"))):
        refused(table, name, wrong)
    pandas = pytest.importorskip("pandas", reason="no pandas")
    for name in ("b", "small", "price", "day", "moment", "real", "name", "vec"):
        for null in (pandas.NaT, pandas.NA):
            table.upsert({"id": 1, name: null})
            assert table[1][name] is None
    table.set_default("small", 5)
    table.set_default("small", pandas.NA)
    table.upsert({"id": 1})
    assert table[1]["small"] is None


def test_what_is_missing_is_named(store):
    ks, table = store.keyspace("a"), store.create_table("k", "a text, b i64, primary key (a, b)")
    for key, text in ((b"miss\xff\"\\", 'there is no key "miss\\xff\\x22\\x5c"'), ("x" * 61, f'there is no key "{"x" * 60}"...')):
        with pytest.raises(firn.NotFound) as caught:
            ks[key]
        assert str(caught.value) == text
        with store.transaction() as txn, pytest.raises(firn.NotFound) as caught:
            del txn.keyspace(ks)[key]
        assert str(caught.value) == text
    with pytest.raises(firn.NotFound, match=r"there is no row with the key \('x', 5\)$"):
        table["x", 5]
    with pytest.raises(firn.NotFound, match=r"there is no row with the key \('xxx.*\.\.\.$"):
        table["x" * 100, 5]


def test_vectors_of_numbers_in_any_byte_order(store):
    table = store.create_table("vectors", "id i64 primary key, v vector(3)")
    for number, kind in enumerate((ctypes.c_float, ctypes.c_float.__ctype_be__, ctypes.c_float.__ctype_le__, ctypes.c_double.__ctype_be__, ctypes.c_int16.__ctype_be__)):
        table.insert({"id": number, "v": (kind * 3)(1, -2, 300)})
        assert table[number]["v"] == array.array("f", [1, -2, 300])
    with pytest.raises(TypeError):
        table.insert({"id": 9, "v": memoryview(b"abcd").cast("c")})


def test_vectors_of_numpy_in_any_format(store):
    numpy = pytest.importorskip("numpy", reason="no numpy")
    table = store.create_table("vectors", "id i64 primary key, v vector(3)")
    for number, kind in enumerate(("<f2", ">f2", ">f4", ">f8", ">i8", "<u2")):
        table.insert({"id": number, "v": numpy.array([1, 2, 300], dtype=kind)})
        assert table[number]["v"] == array.array("f", [1, 2, 300]), kind
    for wrong in (numpy.array(["1", "2", "3"]), numpy.array([1j, 2, 3]), numpy.array([[1, 2, 3]], dtype=">f4")):
        with pytest.raises((TypeError, NotImplementedError, firn.Error)):
            table.insert({"id": 99, "v": wrong})


def test_the_number_of_a_descriptor_is_no_path(store, tmp_path):
    table = store.create_table("words", "id i64 primary key")
    with open(tmp_path / "out", "wb") as file:
        for call in (lambda: table.export_text(file.fileno()), lambda: table.import_text(file.fileno())):
            with pytest.raises(TypeError):
                call()
        file.write(b"still open")
    assert (tmp_path / "out").read_bytes() == b"still open"
    table.export_text(str(tmp_path / "a")), table.export_text(tmp_path / "b"), table.export_text(os.fsencode(tmp_path / "c"))
