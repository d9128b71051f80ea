# SPDX-License-Identifier: Apache-2.0
"""arrow_streams.py LIBRARY: others judge the Arrow streams of libfirn, and firn takes theirs.

Out: a table with every type, with nulls and with edges of each type, is scanned in several ways; each stream is read by pyarrow
(validated in full), by polars and by DuckDB with SQL, and what they read is compared with a model in Python. Then schemas, arrays, parts of
arrays and streams are released in every order, and what is not released must still be right.

In: streams of pyarrow (chunks, slices, dictionaries, wide offsets), polars (views) and DuckDB go into a table, which must have their rows
afterwards. Streams that are malformed, fail or do not fit are refused: the table is as before, and the stream released.

FIRN_TEST_SEED sets the seed, which is printed. The last line counts; the status is 1 if anything failed.
"""

import datetime
import decimal
import faulthandler
import math
import os
import random
import struct
import sys
import tempfile
import traceback
import uuid
from ctypes import addressof, byref, c_void_p, create_string_buffer

import duckdb
import polars
import pyarrow as pa

import arrow_firn as f

ROWS = 5000
LONG_ROWS = 140000  # more than two arrays of at most 65,536
EPOCH = datetime.datetime(1970, 1, 1)
DAY = datetime.date(1970, 1, 1)
DAYS = (-719162, 2932896)  # 0001-01-01 to 9999-12-31

# name, type as text, kind of its values, what values there are: edges, then a function of a random number generator
WORDS = ["", "a", "twelve bytes", "thirteen byte", "Grüße", "日本語", "x" * 300, "a,b\"c\n", "🜨"]


def integers(bits, signed):
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return [low, high, 0, 1], lambda r: r.randint(low, high)


def floats(width):
    def one(r):
        value = r.choice([r.uniform(-1e6, 1e6), float(r.randint(-1000, 1000)), r.randint(0, 999) / 10])
        return struct.unpack("f", struct.pack("f", value))[0] if width == 32 else value

    tiny = struct.unpack("f", struct.pack("I", 1))[0] if width == 32 else 5e-324
    return [0.0, -0.0, math.inf, -math.inf, math.nan, tiny, -1.5], one


COLUMNS = [
    ("id", "i64", f.I64, None),
    ("grp", "i32", f.I64, ([0], lambda r: r.randint(0, 9))),
    ("b", "bool", f.BOOL, ([True, False], lambda r: r.random() < 0.5)),
    ("i8", "i8", f.I64, integers(8, True)),
    ("i16", "i16", f.I64, integers(16, True)),
    ("i32", "i32", f.I64, integers(32, True)),
    ("i64", "i64", f.I64, integers(64, True)),
    ("u8", "u8", f.U64, integers(8, False)),
    ("u16", "u16", f.U64, integers(16, False)),
    ("u32", "u32", f.U64, integers(32, False)),
    ("u64", "u64", f.U64, integers(64, False)),
    ("f32", "f32", f.F32, floats(32)),
    ("f64", "f64", f.F64, floats(64)),
    ("price", "decimal(12, 2)", f.DECIMAL, ([0, -1, 10**12 - 1, -(10**12) + 1], lambda r: r.randint(-(10**6), 10**6))),
    ("fine", "decimal(18, 6)", f.DECIMAL, ([10**18 - 1, -(10**18) + 1, 5], lambda r: r.randint(-(10**18) + 1, 10**18 - 1))),
    ("day", "date", f.DATE, (list(DAYS) + [0, -1], lambda r: r.randint(0, 20000))),
    ("at", "timestamp", f.TIMESTAMP, ([DAYS[0] * 86400 * 10**6, DAYS[1] * 86400 * 10**6 + 86399999999, -1], lambda r: r.randint(0, 2 * 10**15))),
    ("txt", "text", f.TEXT, (WORDS, lambda r: r.choice(WORDS) + str(r.randint(0, 99)))),
    ("word", "text", f.TEXT, (["one"], lambda r: r.choice(["one", "two", "three", "a longer one of them"]))),
    ("blob", "blob", f.BLOB, ([b"", b"\0", b"\xff" * 20], lambda r: r.randbytes(r.randint(0, 40)))),
    ("uid", "uuid", f.UUID, ([bytes(16), b"\xff" * 16], lambda r: r.randbytes(16))),
    ("vec", "vector(3)", f.VECTOR, ([struct.pack("<3f", 0, -1.5, 1e30)], lambda r: struct.pack("<3f", r.random(), -r.random(), r.randint(0, 9)))),
]
NAMES = [name for name, _, _, _ in COLUMNS]
KINDS = {name: kind for name, _, kind, _ in COLUMNS}
SCALES = {"price": 2, "fine": 6}
LENT_ROWS = 40000
LENT_NAMES = ["id", "u64", "f64", "f32", "uid", "vec"]  # without nulls, and nothing makes them smaller
DEFINITION = ", ".join(f"{name} {kind}{' not null' if name in ('id', 'grp') else ''}" for name, kind, _, _ in COLUMNS) + ", primary key (id)"

results = {"passed": 0, "failed": 0, "rows": 0}


def check(what):
    """Counts a function as one test and runs it."""

    def run(function):
        try:
            function()
            results["passed"] += 1
        except Exception:  # whatever it is, the others are to run
            results["failed"] += 1
            print(f"FAILED: {what}")
            traceback.print_exc(file=sys.stdout)

    return run


def same(given, expected, what):
    if given != expected:
        if isinstance(given, list) and isinstance(expected, list):
            assert len(given) == len(expected), f"{what}: {len(given)} values for {len(expected)}"
            i = next(i for i, (a, b) in enumerate(zip(given, expected)) if a != b)
            raise AssertionError(f"{what}, value {i}: {given[i]!r} for {expected[i]!r}")
        raise AssertionError(f"{what}: {given!r} for {expected!r}")


# ---- the model ----


def random_row(r, number):
    row = {"id": number, "grp": r.randint(0, 9)}
    for name, _, _, (edges, one) in COLUMNS[2:]:
        chance = r.random()
        row[name] = None if chance < 0.1 else r.choice(edges) if chance < 0.25 else one(r)
    return row


def float_bits(value, width):
    if math.isnan(value):
        return "nan"
    return struct.pack("f" if width == 32 else "d", value)


def plain_decimal(scale):
    return lambda value: decimal.Decimal(value).scaleb(-scale) if isinstance(value, int) else decimal.Decimal(value)


PLAIN = {  # of the kinds of which a reader may give a value in another form than the model
    f.F32: lambda value: float_bits(value, 32),
    f.F64: lambda value: float_bits(value, 64),
    f.DATE: lambda value: value if isinstance(value, int) else (value - DAY).days,
    f.TIMESTAMP: lambda value: value if isinstance(value, int) else (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1),
    f.UUID: lambda value: value.bytes if isinstance(value, uuid.UUID) else bytes(value),
    f.VECTOR: lambda value: struct.unpack("<3f", value) if isinstance(value, bytes) else tuple(value),
    f.BLOB: bytes,
}


def plain(name, values):
    """Values of the model, or of a reader, in one form for comparing."""
    kind = KINDS.get(name)
    one = plain_decimal(SCALES[name]) if kind == f.DECIMAL else PLAIN.get(kind)
    return [None if value is None else one(value) for value in values] if one else list(values)


def plain_rows(rows, names):
    return {name: plain(name, [row[name] for row in rows]) for name in names}


def firn_row(row):
    return [f.value_of(KINDS[name], row[name]) for name in NAMES]


# ---- readers of a stream: each gives a dictionary of lists ----


def by_pyarrow(stream):
    table = pa.RecordBatchReader._import_from_c(stream.address()).read_all()
    table.validate(full=True)
    for column in table.columns:
        column.validate(full=True)
    return {name: table.column(name).to_pylist() for name in table.column_names}


def by_polars(stream):
    frame = polars.DataFrame(stream)
    return {name: frame[name].to_list() for name in frame.columns}


def connect():
    """To DuckDB, with one thread, which keeps an order, and no attempt to fetch extensions."""
    return duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False})


def by_duckdb(stream):
    """With SQL over the stream. Times with a zone would need an extension: they are read as microseconds."""
    with connect() as connection:
        relation = connection.sql("select * from stream")
        names = relation.columns
        zoned = [f'epoch_us("{name}")' if "ZONE" in str(kind) else f'"{name}"' for name, kind in zip(names, relation.types)]
        rows = relation.select(", ".join(zoned)).fetchall()
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


READERS = {"pyarrow": by_pyarrow, "polars": by_polars, "DuckDB": by_duckdb}


def in_one_order(columns, names):
    """The rows of these columns, in an order that depends on them alone."""
    return dict(zip(names, map(list, zip(*sorted(zip(*(columns[name] for name in names)))))))


def judge(what, table, expected, names, in_order=True, **texts):
    """Lets all readers read the same scan; expected is a list of rows."""
    wanted = plain_rows(expected, names)
    if not in_order:
        wanted = in_one_order(wanted, names)
    for reader, read in READERS.items():

        @check(f"{what}, by {reader}")
        def _(reader=reader, read=read):
            stream = table.stream(**texts)
            try:
                given = read(stream)
            finally:
                stream.release()
            same(sorted(given), sorted(names), "columns")
            given = {name: plain(name, given[name]) for name in names}
            if not in_order:
                given = in_one_order(given, names)
            for name in names:
                same(given[name], wanted[name], name)
            results["rows"] += len(expected)


def scan_in_many_ways(when, table, rows):
    """rows: of the model, by id."""
    in_order = [rows[number] for number in sorted(rows)]
    judge(f"{when}: all", table, in_order, NAMES)
    judge(f"{when}: some columns, filtered", table, [row for row in in_order if row["i32"] is not None and row["i32"] > 0],
          ["txt", "id", "price"], select="txt, id, price", where="i32 > 0")
    judge(f"{when}: null", table, [row for row in in_order if row["txt"] is None], ["id", "txt"], select="id, txt", where="txt is null")
    judge(f"{when}: none", table, [], NAMES, where="id < 0")
    judge(f"{when}: a text of few", table, [row for row in in_order if row["word"] == "two"], ["id", "word"], select="id, word",
          where="word = 'two'")
    ordered = sorted(in_order, key=lambda row: row["id"])
    ordered.sort(key=lambda row: (row["i16"] is not None, row["i16"] or 0), reverse=True)
    judge(f"{when}: ordered", table, ordered[:100], ["id", "i16"], select="id, i16", order_by="i16 desc, id", limit=100)
    groups = {}
    for row in in_order:
        group = groups.setdefault(row["grp"], {"grp": row["grp"], "n": 0, "s": None})
        group["n"] += 1
        if row["i16"] is not None:
            group["s"] = (group["s"] or 0) + row["i16"]
    judge(f"{when}: grouped", table, list(groups.values()), ["grp", "n", "s"], in_order=False, select="grp, count(*) as n, sum(i16) as s",
          group_by="grp")
    judge(f"{when}: computed", table, [{"id": row["id"], "twice": 2 * row["id"]} for row in in_order], ["id", "twice"],
          select="id, 2 * id as twice")

    @check(f"{when}: aggregates in DuckDB's SQL over the stream")
    def _():
        stream = table.stream(select="id, i16, word, price, b")
        with connect() as connection:
            given = connection.sql("select count(*), sum(i16), count(distinct word), sum(price), count(*) filter (b) from stream").fetchall()
        stream.release()
        words = {row["word"] for row in in_order} - {None}
        same(given, [(len(in_order), sum(row["i16"] or 0 for row in in_order), len(words),
                      sum(value or 0 for value in plain("price", [row["price"] for row in in_order])), sum(bool(row["b"]) for row in in_order))], "aggregates")


# ---- lifetimes ----


def next_array(stream):
    array = f.ArrowArray()
    code = stream.c.get_next(byref(stream.c), byref(array))
    assert code == 0, f"get_next: {code}"
    return array if array.release else None


def schema_of(stream):
    schema = f.ArrowSchema()
    code = stream.c.get_schema(byref(stream.c), byref(schema))
    assert code == 0 and schema.release, f"get_schema: {code}"
    return schema


def batch_of(array, schema):
    """Imports both; they are released with what is returned."""
    batch = pa.RecordBatch._import_from_c(addressof(array), addressof(schema))
    assert not array.release and not schema.release
    batch.validate(full=True)
    return batch


def moved(struct_):
    """What Arrow calls moving: the bytes go elsewhere, the old place is marked as released."""
    kind = type(struct_)
    copy = kind.from_buffer_copy(struct_)
    struct_.release = kind._fields_[[name for name, _ in kind._fields_].index("release")][1]()
    return copy


def lifetimes(table, rows, long, long_rows):
    """long: a table of some columns that has more rows than an array of a stream."""
    in_order = [rows[number] for number in sorted(rows)]
    wanted = plain_rows(in_order, NAMES)
    long_names = list(long_rows[0])
    long_wanted = plain_rows(long_rows, long_names)

    def compare(batch, first, names=NAMES, wanted=wanted):
        for i, name in enumerate(names):
            given = plain(name, batch.column(i).to_pylist())
            same(given, wanted[name][first : first + batch.num_rows], name)

    @check("the schema can be asked for again, and outlives the stream")
    def _():
        stream = table.stream()
        schemas = [schema_of(stream) for _ in range(3)]
        schemas[1].release(byref(schemas[1]))
        stream.release()
        names = [pa.Schema._import_from_c(addressof(schema)).names for schema in (schemas[2], schemas[0])]
        same(names, [NAMES, NAMES], "names")

    for order in ("stream first", "stream last", "stream between"):

        @check(f"arrays outlive what they came from: {order}")
        def _(order=order):
            stream = long.stream()
            schema = schema_of(stream)
            schemas = [schema_of(stream) for _ in range(2)]
            arrays = [next_array(stream) for _ in range(3)]
            first = [0, arrays[0].length, arrays[0].length + arrays[1].length]
            if order == "stream first":
                stream.release()
            # The second is thrown away unread.
            arrays[1].release(byref(arrays[1]))
            assert not arrays[1].release, "a released array still has its release"
            compare(batch_of(arrays[2], schemas[0]), first[2], long_names, long_wanted)
            if order == "stream between":
                stream.release()
            compare(batch_of(arrays[0], schemas[1]), 0, long_names, long_wanted)
            schema.release(byref(schema))
            stream.release()

    @check("children that are moved out outlive their parent")
    def _():
        stream = table.stream()
        schema = schema_of(stream)
        array = next_array(stream)
        stream.release()
        children = [moved(array.children[i].contents) for i in range(array.n_children)]
        types = [moved(schema.children[i].contents) for i in range(schema.n_children)]
        length = array.length
        array.release(byref(array))
        schema.release(byref(schema))
        for i in reversed(range(len(children))):
            column = pa.Array._import_from_c(addressof(children[i]), addressof(types[i]))
            column.validate(full=True)
            same(plain(NAMES[i], column.to_pylist()), wanted[NAMES[i]][:length], NAMES[i])

    @check("the end stays the end")
    def _():
        stream = table.stream(select="id")
        count = 0
        while (array := next_array(stream)) is not None:
            count += array.length
            array.release(byref(array))
        assert next_array(stream) is None and next_array(stream) is None
        same(count, len(in_order), "rows")
        stream.release()

    @check("a stream is released unread, or read in part")
    def _():
        table.stream().release()
        stream = table.stream()
        array = next_array(stream)
        stream.release()
        array.release(byref(array))

    @check("two streams at once")
    def _():
        one, other = table.stream(), table.stream(select="id")
        first = next_array(one)
        same(by_pyarrow(other)["id"], [row["id"] for row in in_order], "id")
        compare(batch_of(first, schema_of(one)), 0)
        one.release()

    @check("a scan that fails says so through the stream")
    def _():
        stream = table.stream(select="id, i64 * i64 as huge")
        try:
            by_pyarrow(stream)
        except (OSError, pa.ArrowException) as error:
            assert str(error), "no text"
        else:
            raise AssertionError("nobody noticed")
        finally:
            stream.release()


# ---- streams of others ----


def lent(store, r):
    """Columns that a file has as Arrow has them: the streams give the memory of the store's cache. Returns what must still be right when
    the store is closed."""
    kinds = {name: kind for name, kind, _, _ in COLUMNS}
    table = store.create("lent", ", ".join(f"{name} {kinds[name]} not null" for name in LENT_NAMES) + ", primary key (id)")
    rows = []
    for number in range(LENT_ROWS):
        real = r.random() * 1e9
        single = struct.unpack("f", struct.pack("f", real))[0]
        vector = struct.pack("<3f", r.random(), -r.random(), r.random())
        rows.append({"id": number, "u64": r.getrandbits(64), "f64": real, "f32": single, "uid": r.randbytes(16), "vec": vector})
    for at in range(0, LENT_ROWS, 10000):
        table.upsert([[f.value_of(KINDS[name], row[name]) for name in LENT_NAMES] for row in rows[at : at + 10000]])
    store.library.call("firn_store_compact", store.handle, None)
    judge("values that are lent", table, rows, LENT_NAMES)
    judge("some of them", table, [row for row in rows if row["id"] > 100], LENT_NAMES, where="id > 100")

    def read():
        stream = table.stream()
        given = pa.RecordBatchReader._import_from_c(stream.address()).read_all()
        stream.release()
        return given

    first, second = read(), read()

    @check("two reads give values in one place")
    def _():
        for name in ("u64", "uid"):
            for a, b in zip(first.column(name).chunks, second.column(name).chunks):
                same(a.buffers()[1].address, b.buffers()[1].address, name)
        a, b = first.column("vec").chunk(0), second.column("vec").chunk(0)
        same(a.values.buffers()[1].address, b.values.buffers()[1].address, "vec")

    return first, plain_rows(rows, LENT_NAMES)


def still_right(table, wanted):
    table.validate(full=True)
    for name in LENT_NAMES:
        same(plain(name, table.column(name).to_pylist()), wanted[name], name)


def arrow_table(rows):
    types = {
        "id": pa.int64(), "grp": pa.int32(), "b": pa.bool_(), "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(),
        "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(), "f32": pa.float32(), "f64": pa.float64(),
        "price": pa.decimal128(12, 2), "fine": pa.decimal128(18, 6), "day": pa.date32(), "at": pa.timestamp("us", "UTC"),
        "txt": pa.string(), "word": pa.string(), "blob": pa.binary(), "uid": pa.binary(16), "vec": pa.list_(pa.float32(), 3),
    }

    def arrow_value(name, value):
        if value is None or name not in ("price", "fine", "vec"):
            return value
        return list(struct.unpack("<3f", value)) if name == "vec" else plain(name, [value])[0]

    return pa.table({name: pa.array([arrow_value(name, row[name]) for row in rows], types[name]) for name in NAMES})


class Given(f.Stream):
    """A stream of another producer."""

    def __init__(self, reader):
        super().__init__()
        reader._export_to_c(self.address())


def reader_of(thing):
    return pa.RecordBatchReader.from_stream(thing)


def take_streams(store, rows):
    in_order = [rows[number] for number in sorted(rows)]
    whole = arrow_table(in_order)
    pieces = pa.concat_tables([whole.slice(at, size) for at, size in ((0, 1), (1, 6), (7, 70), (77, 1023), (1100, len(in_order)))])
    wide = whole.cast(pa.schema([
        pa.field(x.name, pa.large_string() if x.name == "txt" else pa.large_binary() if x.name == "blob" else x.type) for x in whole.schema]))
    coded = whole.set_column(NAMES.index("word"), "word", whole.column("word").dictionary_encode())
    views = whole.cast(pa.schema([
        pa.field(x.name, pa.string_view() if x.name == "txt" else pa.binary_view() if x.name == "blob" else x.type) for x in whole.schema]))
    shuffled = whole.take(pa.array(random.Random(7).sample(range(len(in_order)), len(in_order))))
    other_order = whole.select(list(reversed(NAMES)))
    connection = connect()
    simple = [name for name in NAMES if name not in ("vec", "uid")]
    sources = {
        "pyarrow": (lambda: whole.to_reader(), NAMES), "pyarrow, chunks of 10": (lambda: whole.to_reader(max_chunksize=10), NAMES),
        "pyarrow, slices": (lambda: pieces.to_reader(), NAMES), "pyarrow, wide offsets": (lambda: wide.to_reader(), NAMES),
        "pyarrow, a dictionary": (lambda: coded.to_reader(), NAMES), "pyarrow, views": (lambda: views.to_reader(), NAMES),
        "pyarrow, rows in no order": (lambda: shuffled.to_reader(), NAMES), "pyarrow, columns in another order": (lambda: other_order.to_reader(), NAMES),
        "polars": (lambda: reader_of(polars.DataFrame(whole.select(simple))), simple),
        "DuckDB": (lambda: connection.from_arrow(whole).select(", ".join(f'"{name}"' for name in simple)).to_arrow_reader(100), simple),
        "firn": (lambda: reader_of(store.source.stream()), NAMES),
    }
    for number, (source, (make, names)) in enumerate(sources.items()):
        table = store.create(f"taken{number}", DEFINITION)

        @check(f"a stream of {source} is taken")
        def _(table=table, make=make):
            stream = Given(make())
            same(table.take(stream), len(in_order), "rows")
            assert not stream.c.release, "the stream was not released"

        expected = [{name: row[name] if name in names else None for name in NAMES} for row in in_order]
        judge(f"rows taken of {source}", table, expected, NAMES)


class Altered(f.Stream):
    """A stream of one batch, of which `alter` changes the schema or the array before anybody sees it."""

    def __init__(self, batch, alter_schema=None, alter_array=None):
        super().__init__()
        self.left = 1
        self.alive = 0
        self.released = 0
        self.kept = []

        def lend(struct_, alter):
            original = type(struct_).from_buffer_copy(struct_)
            if alter is None:
                return
            kind = f.RELEASE_SCHEMA if isinstance(struct_, f.ArrowSchema) else f.RELEASE_ARRAY
            undo = alter(struct_)

            def release(address):
                undo(address.contents)
                address.contents.release = original.release
                self.alive -= 1
                original.release(address)

            callback = kind(release)
            self.kept.append(callback)
            self.alive += 1
            struct_.release = callback

        def get_schema(_, out):
            batch.schema._export_to_c(addressof(out.contents))
            lend(out.contents, alter_schema)
            return 0

        def get_next(_, out):
            if self.left == 0:
                out.contents.release = f.RELEASE_ARRAY()
                return 0
            self.left -= 1
            batch._export_to_c(addressof(out.contents))
            lend(out.contents, alter_array)
            return 0

        def release(address):
            self.released += 1
            address.contents.release = f.RELEASE_STREAM()

        self.c.get_schema = f.GET_SCHEMA(get_schema)
        self.c.get_next = f.GET_NEXT(get_next)
        self.c.get_last_error = f.GET_LAST_ERROR(lambda _: None)
        self.c.release = f.RELEASE_STREAM(release)


def setting(child, field, value):
    """Alters one field of a struct, or of its child of that number. What it returns takes that back before the release, when the struct
    may lie elsewhere."""

    def alter(struct_):
        def target(one):
            return one if child is None else one.children[child].contents

        before = getattr(target(struct_), field)
        setattr(target(struct_), field, value)
        return lambda one: setattr(target(one), field, before)

    return alter


def with_buffer(child, number, content):
    """Puts other bytes in the place of a buffer; None: none."""
    kept = create_string_buffer(content, len(content)) if content is not None else None

    def alter(struct_):
        buffers = struct_.children[child].contents.buffers
        before = buffers[number]
        buffers[number] = addressof(kept) if kept is not None else None

        def undo(_):
            buffers[number] = before

        return undo

    return alter


def refuse_streams(store):
    table = store.create("refused", "id i64, small i8, name text not null, price decimal(6, 2), primary key (id)")
    good = pa.record_batch({"id": pa.array([1, 2, 3], pa.int64()), "small": pa.array([1, None, 3], pa.int8()),
                            "name": pa.array(["a", "b", "c"]), "price": pa.array([decimal.Decimal("1.50"), None, None], pa.decimal128(6, 2))})
    table.take(Given(pa.table({"id": [100], "small": pa.array([1], pa.int8()), "name": ["x"]}).to_reader()))

    def unchanged():
        stream = table.stream(select="id")
        same(by_pyarrow(stream)["id"], [100], "rows of the table")
        stream.release()

    def refuses(what, make):
        @check(f"refused: {what}")
        def _():
            stream = make()
            try:
                table.take(stream)
            except f.Failure as failure:
                assert failure.code < 0 and str(failure), failure
            else:
                raise AssertionError("it was taken")
            assert not stream.c.release, "the stream was not released"
            if isinstance(stream, Altered):
                same((stream.released, stream.alive), (1, 0), "releases of the stream, and what was not released")
            unchanged()

    def replaced(name, array):
        return lambda: Given(pa.table(good).set_column(good.schema.get_field_index(name), name, array).to_reader())

    def failing():
        def batches():
            yield good
            raise ValueError("the producer failed")

        return Given(pa.RecordBatchReader.from_batches(good.schema, batches()))

    refuses("a column that the table does not have", lambda: Given(pa.table(good).append_column("other", pa.array([1, 2, 3])).to_reader()))
    refuses("no key", lambda: Given(pa.table(good).drop_columns(["id"]).to_reader()))
    refuses("a null in the key", replaced("id", pa.array([1, None, 3], pa.int64())))
    refuses("a null where none may be", replaced("name", pa.array(["a", None, "c"])))
    refuses("a number that is too large", replaced("small", pa.array([1, 2, 300], pa.int64())))
    refuses("a decimal that is too large", replaced("price", pa.array([decimal.Decimal("12345678.50")] * 3, pa.decimal128(12, 2))))
    refuses("a text for a number", replaced("small", pa.array(["1", "2", "3"])))
    refuses("a list for a number", replaced("small", pa.array([[1], [2], [3]])))
    refuses("a struct for a text", replaced("name", pa.array([{"a": 1}] * 3)))
    refuses("a key twice in the stream", replaced("id", pa.array([1, 2, 2], pa.int64())))
    refuses("a key that is there", replaced("id", pa.array([1, 2, 100], pa.int64())))
    refuses("text that is not UTF-8", lambda: Altered(good, alter_array=with_buffer(2, 2, b"a\xffc")))
    refuses("offsets that descend", lambda: Altered(good, alter_array=with_buffer(2, 1, struct.pack("<4i", 0, 3, 1, 3))))
    refuses("a negative offset", lambda: Altered(good, alter_array=with_buffer(2, 1, struct.pack("<4i", -1, 1, 2, 3))))
    refuses("a producer that fails", failing)
    deep = pa.array([1, 2, 3])
    for _ in range(60):
        deep = pa.StructArray.from_arrays([deep], ["x"])
    refuses("deep nesting", replaced("name", deep))
    refuses("a format that is none", lambda: Altered(good, alter_schema=setting(1, "format", b"?!")))
    refuses("an empty format", lambda: Altered(good, alter_schema=setting(1, "format", b"")))
    refuses("a column without a format", lambda: Altered(good, alter_schema=setting(1, "format", None)))
    refuses("a schema that is no struct", lambda: Altered(good, alter_schema=setting(None, "format", b"l")))
    refuses("a decimal of endless width", lambda: Altered(good, alter_schema=setting(3, "format", b"d:99999999999999999999,2")))
    refuses("more children than the schema has", lambda: Altered(good, alter_array=setting(None, "n_children", 5)))
    refuses("fewer children", lambda: Altered(good, alter_array=setting(None, "n_children", 2)))
    refuses("a negative number of children", lambda: Altered(good, alter_array=setting(None, "n_children", -1)))
    refuses("a negative length", lambda: Altered(good, alter_array=setting(None, "length", -1)))
    refuses("a length that overflows", lambda: Altered(good, alter_array=setting(None, "length", (1 << 63) - 1)))
    refuses("an offset that overflows", lambda: Altered(good, alter_array=setting(1, "offset", (1 << 63) - 1)))
    refuses("a negative offset of a column", lambda: Altered(good, alter_array=setting(1, "offset", -1)))
    refuses("a column that is too short", lambda: Altered(good, alter_array=setting(1, "length", 2)))
    refuses("a column of too few buffers", lambda: Altered(good, alter_array=setting(2, "n_buffers", 2)))
    refuses("a column without values", lambda: Altered(good, alter_array=with_buffer(0, 1, None)))
    refuses("texts without offsets", lambda: Altered(good, alter_array=with_buffer(2, 1, None)))
    refuses("nulls without a bitmap", lambda: Altered(good, alter_array=with_buffer(1, 0, None)))

    @check("a good stream is taken after all of these")
    def _():
        same(table.take(Given(pa.table(good).to_reader())), 3, "rows")
        stream = table.stream()
        same(by_pyarrow(stream)["id"], [1, 2, 3, 100], "id")


def definitions(store, rows):
    whole = arrow_table([rows[number] for number in sorted(rows)])

    def define(schema, *key):
        c = f.ArrowSchema()
        schema._export_to_c(addressof(c))
        try:
            return store.definition_of(c, *key)
        finally:
            c.release(byref(c))

    for number, key in enumerate((["id"], ["grp", "id"], [])):

        @check(f"a table of a definition that fits a schema, key {key}")
        def _(number=number, key=key):
            table = store.create(f"defined{number}", define(whole.schema, *key))
            same(table.take(Given(whole.to_reader())), len(rows), "rows")
            stream = table.stream(select="id, txt, price", order_by="id")
            given = by_pyarrow(stream)
            wanted = plain_rows([rows[number] for number in sorted(rows)], ["id", "txt", "price"])
            for name, values in wanted.items():
                same(plain(name, given[name]), values, name)

    for what, schema, key in (("a map", pa.schema([("id", pa.int64()), ("m", pa.map_(pa.string(), pa.int32()))]), ["id"]),
                              ("a key that is not there", pa.schema([("id", pa.int64())]), ["other"])):

        @check(f"no definition fits {what}")
        def _(schema=schema, key=key):
            try:
                define(schema, *key)
            except f.Failure as failure:
                assert failure.code < 0
            else:
                raise AssertionError("it was defined")


def main():
    seed = int(os.environ.get("FIRN_TEST_SEED", "1"))
    print(f"seed {seed}", flush=True)
    faulthandler.enable(sys.stdout)
    library = f.Library(os.path.abspath(sys.argv[1]))
    r = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="firn-arrow.") as directory:
        store = f.Store(library, os.path.join(directory, "store"))
        table = store.create("t", DEFINITION)
        store.source = table
        rows = {}

        def put(numbers):
            new = {number: random_row(r, number) for number in numbers}
            rows.update(new)
            table.upsert([firn_row(row) for row in new.values()])

        put(range(ROWS))
        scan_in_many_ways("in the memtable", table, rows)
        library.call("firn_store_flush", store.handle)
        scan_in_many_ways("in a run", table, rows)
        put(r.sample(range(ROWS), 300))
        for number in r.sample(sorted(rows), 200):
            table.delete(f.value_of(f.I64, number))
            del rows[number]
        scan_in_many_ways("in a run and the memtable", table, rows)
        library.call("firn_store_compact", store.handle, None)
        scan_in_many_ways("compacted", table, rows)
        long = store.create("long", "id i64, txt text, i16 i16, primary key (id)")
        long_rows = [{"id": number, "txt": None if number % 3 == 0 else WORDS[number % 7], "i16": number % 1000} for number in range(LONG_ROWS)]
        for at in range(0, LONG_ROWS, 10000):
            long.upsert([[f.value_of(KINDS[name], row[name]) for name in row] for row in long_rows[at : at + 10000]])
        lifetimes(table, rows, long, long_rows)
        definitions(store, rows)
        take_streams(store, rows)
        refuse_streams(store)
        kept, wanted = lent(store, r)

        @check("the store closes: no scan is left open")
        def _():
            store.close()

        @check("values that are lent outlive the store")
        def _():
            still_right(kept, wanted)

    print(f"count: {results['rows']} rows read by others from Arrow streams")
    print(f"arrow_streams: {results['passed']} passed, {results['failed']} failed")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
