# SPDX-License-Identifier: Apache-2.0
"""SQL over the store that Python has open, by sqlite3 with firn's extension out of the same file."""

import asyncio
import contextlib
import gc
import itertools
import os
import signal
import sqlite3
import threading
import time
from decimal import Decimal

import pytest

import firn
import firn.aio

needs_loading = pytest.mark.skipif(not hasattr(sqlite3.Connection, "enable_load_extension"), reason="this Python's sqlite3 cannot load extensions")


@pytest.fixture
def goods(store):
    table = store.create_table("goods", "id i64, name text, price decimal(8, 2), primary key (id)")
    table.insert_many({"id": i, "name": f"n{i}", "price": i} for i in range(10))
    return table


def test_sql_and_python_see_the_same_store(store, goods):
    assert store.sql("SELECT name FROM goods WHERE id = ?", (3,)).fetchall() == [("n3",)]
    store.sql("INSERT INTO goods (id, name) VALUES (:id, :name)", {"id": 77, "name": "by sql"})
    assert goods[77]["name"] == "by sql"
    goods.delete(77)
    assert store.sql("SELECT count(*), max(price) FROM goods").fetchone() == (10, 9.0)
    store.create_table("later", "id i64, primary key (id)")
    store.keyspace("words")["a"] = "b"
    assert store.sql("SELECT count(*) FROM later").fetchone() == (0,)
    assert store.sql("SELECT * FROM words").fetchall() == [("a", "b", None)]
    store.sql("ALTER TABLE goods ADD COLUMN stock INTEGER DEFAULT 4")
    assert goods[1]["stock"] == 4
    with pytest.raises(sqlite3.IntegrityError):
        store.sql("INSERT INTO goods (id) VALUES (1)")
    with pytest.raises(sqlite3.OperationalError):
        store.sql("SELECT nothing")
    cursor = store.sql("SELECT * FROM goods")
    cursor.fetchone()
    store.close()
    assert store.closed
    with pytest.raises(firn.Closed):
        store.sql("SELECT 1")


def test_definitions_go_to_the_store(store, goods):
    assert store.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)").fetchall() == []
    store.sql("INSERT INTO notes (text) VALUES (?)", ("one",))
    assert [row["text"] for row in store.table("notes").scan()] == ["one"]
    store.sql("-- with a word before\nalter table notes ADD COLUMN stars INTEGER DEFAULT 3").fetchall()
    store.sql("CREATE INDEX by_stars ON notes (stars)")
    assert store.table("notes")[1] == {"id": 1, "text": "one", "stars": 3}
    store.sql("CREATE TEMP TABLE mine (id)")
    store.sql("INSERT INTO mine VALUES (1)")
    store.sql("DROP TABLE mine")
    store.sql("SELECT 'drop table goods'").fetchall()
    assert sorted(store.tables()) == ["goods", "notes"]
    store.sql("DROP TABLE goods")
    store.sql("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY)")
    assert store.tables() == ["notes"]
    with pytest.raises(sqlite3.Error, match="no such table: goods"):
        store.sql("SELECT * FROM goods")
    with pytest.raises(sqlite3.Error, match="notes"):
        store.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")


@needs_loading
def test_connections_of_ones_own(store, goods):
    connection = store.connect()
    assert connection.execute("SELECT count(*) FROM goods").fetchone() == (10,)
    other = sqlite3.connect(":memory:")
    firn.load_sqlite(other)
    other.execute("SELECT firn_attach(?)", (store.path,)).fetchall()  # which is lent by now
    assert other.execute("SELECT count(*) FROM goods").fetchone() == (10,)
    with pytest.raises(firn.Misuse, match="sqlite3"):
        store.close()  # the store does not know this one
    assert len(goods) == 10
    other.close()


def test_close_closes_connections(tmp_path):
    store = firn.open(tmp_path / "s")
    store.create_table("t", "id i64, primary key (id)").insert_many({"id": i} for i in range(100))
    one, two = store.connect(), store.connect(name="another")
    half_read = one.execute("SELECT * FROM t")
    half_read.fetchone()
    two.execute("BEGIN")
    two.execute("INSERT INTO t (id) VALUES (1000)")
    store.close()
    for connection in (one, two):
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
    with firn.open(tmp_path / "s") as store:
        assert len(store.table("t")) == 100


@needs_loading
def test_an_exception_is_not_replaced(tmp_path):
    with pytest.raises(ValueError, match="mine"), firn.open(tmp_path / "s") as store:
        connection = store.connect()
        connection.execute("SELECT 1").fetchall()
        raise ValueError("mine")
    assert store.closed
    other = sqlite3.connect(":memory:")
    firn.load_sqlite(other)
    with pytest.raises(ValueError, match="mine"), firn.open(tmp_path / "s") as store:
        store.sql("SELECT 1")
        other.execute("SELECT firn_attach(?)", (store.path,)).fetchall()
        raise ValueError("mine")
    assert not store.closed
    other.close()
    store.close()

    async def work():
        async with firn.aio.open(tmp_path / "s") as store:
            store.sql("SELECT 1")
            connection = sqlite3.connect(":memory:")
            firn.load_sqlite(connection)
            connection.execute("SELECT firn_attach(?)", (store.path,)).fetchall()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        asyncio.run(work())


@pytest.mark.parametrize("order", list(itertools.permutations(["store", "connection", "cursor", "stranger"])))
@needs_loading
def test_stores_and_connections_are_collected_in_any_order(tmp_path, order):
    store = firn.open(tmp_path / "s")
    store.create_table("t", "id i64, primary key (id)").insert_many({"id": i} for i in range(100))
    things = {"store": store, "connection": store.connect(), "stranger": sqlite3.connect(":memory:")}
    things["cursor"] = things["connection"].execute("SELECT * FROM t")
    assert things["cursor"].fetchone() == (0,)
    firn.load_sqlite(things["stranger"])
    things["stranger"].execute("SELECT firn_attach(?)", (store.path,)).fetchall()
    del store
    for name in order[:-1]:
        del things[name]
    gc.collect()
    if order[-1] in ("connection", "stranger"):
        assert things[order[-1]].execute("SELECT count(*) FROM t").fetchone() == (100,)
        with pytest.raises(firn.Busy):
            firn.open(tmp_path / "s")
    things.clear()
    gc.collect()
    firn.open(tmp_path / "s").close()


def test_memory_stores_and_read_only_ones(tmp_path):
    with firn.memory() as one, firn.memory() as two:
        for number, store in enumerate((one, two)):
            store.create_table("t", "id i64, primary key (id)").insert({"id": number})
        assert one.sql("SELECT id FROM t").fetchall() == [(0,)] and two.sql("SELECT id FROM t").fetchall() == [(1,)]
    with firn.open(tmp_path / "s") as writer:
        writer.create_table("t", "id i64, primary key (id)").insert({"id": 5})
        with firn.open(tmp_path / "s", read_only=True) as reader:
            assert writer.sql("SELECT id FROM t").fetchall() == [(5,)]
            assert reader.sql("SELECT id FROM t").fetchall() == [(5,)]
    with firn.open(tmp_path / "s", read_only=True) as reader:
        assert reader.sql("SELECT id FROM t").fetchall() == [(5,)]
        with pytest.raises(sqlite3.OperationalError, match="read-only|readonly"):
            reader.sql("INSERT INTO t (id) VALUES (6)")
        with firn.open(tmp_path / "s") as writer:  # the reader has not opened it for writing
            assert writer.sql("SELECT id FROM t").fetchall() == [(5,)]


def test_from_many_threads(store, goods):
    def work(base):
        for number in range(20):
            store.sql("INSERT INTO goods (id) VALUES (?)", (base + number,))
            assert store.sql("SELECT count(*) FROM goods WHERE id >= ? AND id < ?", (base, base + 100)).fetchone() == (number + 1,)

    threads = [threading.Thread(target=work, args=(base,)) for base in (1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(goods) == 70


def test_without_close(tmp_path):
    store = firn.open(tmp_path / "s")
    store.create_table("t", "id i64, primary key (id)")
    cursor = store.sql("SELECT * FROM t")
    del store
    gc.collect()
    assert cursor.fetchall() == []


def test_a_sqlite3_without_extensions(store):
    class Poor:
        pass

    with pytest.raises(firn.Unsupported, match="cannot load extensions"):
        firn.load_sqlite(Poor())


def test_connections_without_loading(store, goods, monkeypatch):
    class Module:
        Connection = type("Connection", (), {})  # without enable_load_extension
        connect = staticmethod(sqlite3.connect)
        OperationalError = sqlite3.OperationalError

    monkeypatch.setattr(firn._sqlite, "sqlite3", Module)
    for _ in range(3):
        connection = store.connect()
        assert connection.execute("SELECT count(*) FROM goods").fetchone() == (10,)
        with pytest.raises(sqlite3.OperationalError, match="opens nothing but its own store"):
            connection.execute("SELECT firn_attach('elsewhere')")
    threads = [threading.Thread(target=lambda: store.connect().execute("SELECT 1")) for _ in range(4)]
    for thread in threads:
        thread.start()
    # Nobody else's connections have anything of firn, in this thread or beside it.
    for _ in range(20):
        with contextlib.closing(sqlite3.connect(":memory:")) as other, pytest.raises(sqlite3.OperationalError, match="no such function"):
            other.execute("SELECT firn_attach('elsewhere')")
    for thread in threads:
        thread.join()


def test_decimals_are_parameters(store):
    table = store.create_table("t", "id i64, price decimal(18, 2), whole decimal(9, 0), primary key (id), index by_price (price)")
    store.sql("INSERT INTO t VALUES (1, ?, ?)", (Decimal("3.20"), Decimal("4E1")))
    store.sql("INSERT INTO t VALUES (2, :price, :whole)", {"price": Decimal("9007199254740993.25"), "whole": Decimal(10)})
    assert table[1] == {"id": 1, "price": Decimal("3.20"), "whole": Decimal("40")} and table[2]["price"] == Decimal("9007199254740993.25")
    for statement, parameters, ids in [
        ("price = ?", [Decimal("3.2")], [1]), ("price > ?", (Decimal("3.19"),), [1, 2]), ("price > ?", (Decimal("3.20"),), [2]),
        ("price BETWEEN ? AND ?", (Decimal(3), Decimal("10.5")), [1]), ("whole > ?", (Decimal("9.5"),), [1, 2]), ("whole = ?", (Decimal("40.0"),), [1]),
        ("price IN (?)", (Decimal("3.20"),), [1]),
        # An expression is no column: SQLite compares it with a number only.
        ("whole * 2 > CAST(? AS REAL)", (Decimal("19"),), [1, 2]), ("+price < CAST(? AS REAL)", (Decimal("10"),), [1]), ("whole * 2 > ?", (Decimal("19"),), []),
    ]:
        assert store.sql("SELECT id FROM t WHERE " + statement + " ORDER BY id", parameters).fetchall() == [(i,) for i in ids], statement


def foreign(path, script):
    """A database file of somebody else, whose schema calls functions that its maker had."""
    db = sqlite3.connect(path)
    for name in "firn_drop", "firn_checkpoint", "firn_attach", "firn_restore", "firn_undo", "firn_create", "firn_detach", "firn_confine", "firn_at":
        for count in range(4):
            db.create_function(name, count, lambda *values: 1, deterministic=True)
    db.executescript(script)
    db.close()


@pytest.mark.parametrize("confined", [True, False])
def test_a_foreign_file_has_no_effect(store, goods, tmp_path, confined):
    new = str(tmp_path / "new")
    functions = [("firn_drop", "'goods'"), ("firn_checkpoint", "'x'"), ("firn_attach", f"'{new}', 'create'"), ("firn_create", "'DROP TABLE goods'"),
                 ("firn_detach", "'store'"), ("firn_at", "'goods', 'latest'")]
    places = ["CREATE TABLE notes(a, CHECK({0} IS NOT NULL))", "CREATE TABLE notes(a, b DEFAULT({0}))",
              "CREATE TABLE notes(a); CREATE TRIGGER r AFTER INSERT ON notes BEGIN SELECT {0}; END",
              "CREATE TABLE notes(a); CREATE VIEW v AS SELECT {0}"]
    connection = store.connect(confined=confined)
    for i, ((name, arguments), place) in enumerate(itertools.product(functions, places)):
        path = str(tmp_path / f"foreign{i}.db")
        foreign(path, place.format(f"{name}({arguments})"))
        for run in store.sql, connection.execute:
            run("ATTACH ? AS f", (path,))
            for text in "INSERT INTO f.notes(a) VALUES (1)", "PRAGMA f.quick_check", "PRAGMA f.integrity_check", "SELECT * FROM f.v", "UPDATE f.notes SET a = 2":
                try:
                    run(text).fetchall()
                except sqlite3.Error:
                    pass
            run("DETACH f")
            assert store.tables() == ["goods"]
            assert store.checkpoints() == []
    assert not (tmp_path / "new").exists()
    assert store.sql("SELECT count(*) FROM goods").fetchone() == (10,)


def test_connections_are_confined(store, goods, tmp_path):
    path = str(tmp_path / "other")
    firn.open(path).close()
    for run in store.sql, store.connect().execute:
        for text in "SELECT firn_attach(?)", "SELECT firn_attach(?, 'create')", "SELECT * FROM firn_log(?)":
            with pytest.raises(sqlite3.OperationalError, match="opens nothing but its own store"):
                run(text, (path,)).fetchall()
        with pytest.raises(sqlite3.OperationalError):
            run("SELECT fts3_tokenizer('x', ?)", (b"A" * 8,)).fetchall()
        with pytest.raises(sqlite3.OperationalError):
            run("SELECT load_extension('x')").fetchall()
        assert run("PRAGMA trusted_schema").fetchone() == (0,)
        with pytest.raises(sqlite3.Error):  # of another kind by the version of Python
            run("SELECT '" + "x" * (5 << 20) + "'")
    connection = store.connect(confined=False)
    assert connection.execute("SELECT firn_attach(?)", (path,)).fetchall() == [("other",)]


def test_isolation_of_a_connection(store):
    store.create_table("t", "id i64, primary key (id)")
    connection = store.connect()
    connection.execute("INSERT INTO t VALUES (1)")
    connection.rollback()
    assert store.sql("SELECT count(*) FROM t").fetchone() == (1,)
    connection = store.connect(isolation_level="DEFERRED")
    connection.execute("INSERT INTO t VALUES (2)")
    connection.rollback()
    with pytest.raises(ZeroDivisionError), connection:
        connection.execute("INSERT INTO t VALUES (3)")
        raise ZeroDivisionError
    assert store.sql("SELECT count(*) FROM t").fetchone() == (1,)
    with connection:
        connection.execute("INSERT INTO t VALUES (4)")
    assert store.sql("SELECT max(id) FROM t").fetchone() == (4,)


def test_a_connection_finds_what_others_have_made(store):
    store.create_table("t", "id i64, primary key (id)")
    connection = store.connect()
    assert connection.execute("SELECT * FROM t").fetchall() == []
    store.create_table("u", "id i64, primary key (id)")
    assert connection.execute("SELECT * FROM u").fetchall() == []
    store.table("t").add_column("n i64 default 7")
    connection.execute("INSERT INTO t (id, n) VALUES (1, 8)")
    assert connection.execute("SELECT n FROM t").fetchall() == [(8,)]


def test_closing_beside_statements(tmp_path):
    for _ in range(5):
        store = firn.open(tmp_path / "s")
        if "t" not in store.tables():
            store.create_table("t", "id i64, primary key (id)")
            store.table("t").insert_many([{"id": i} for i in range(2000)])
        ended = []

        def read():
            try:
                while True:
                    cursor = store.sql("SELECT a.id FROM t a, t b WHERE a.id + b.id = 7")
                    cursor.fetchone()
                    list(cursor)
            except (firn.Error, sqlite3.Error) as error:
                ended.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        store.close()
        for thread in threads:
            thread.join()
        assert len(ended) == 4


def test_a_signal_ends_a_statement(store):
    endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c"
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        store.sql(endless).fetchall()
    timer.join()
    connection = store.connect()
    timer = threading.Timer(0.2, connection.interrupt)
    timer.start()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute(endless).fetchall()
    timer.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)
