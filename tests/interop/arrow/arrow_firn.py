# SPDX-License-Identifier: Apache-2.0
"""arrow_firn.py: as much of libfirn through ctypes as arrow_streams.py needs, and the structs of Arrow's C interfaces."""

import ctypes
from ctypes import POINTER, Structure, Union, byref, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint32
from ctypes import c_uint, c_uint64, c_void_p

TEXT_SIZE = 1016
NULL, BOOL, I64, U64, F32, F64, DECIMAL, DATE, TIMESTAMP, TEXT, BLOB, UUID, VECTOR = 0, 1, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18


class Error(Structure):
    _fields_ = [("code", c_int), ("os_errno", c_int), ("text", c_char * TEXT_SIZE)]


class Slice(Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t)]


class Column(Structure):
    _fields_ = [("name", c_char_p), ("type", c_int), ("precision", c_uint32), ("scale", c_uint32), ("dimensions", c_uint32),
                ("not_null", c_bool), ("is_auto", c_bool), ("has_bloom_filter", c_bool), ("default_value", c_void_p)]


class Index(Structure):
    _fields_ = [("name", c_char_p), ("columns", POINTER(c_char_p)), ("column_count", c_size_t), ("is_unique", c_bool)]


class As(Union):
    _fields_ = [("boolean", c_bool), ("i64", c_int64), ("u64", c_uint64), ("f32", c_float), ("f64", c_double), ("bytes", Slice)]


class Value(Structure):
    _fields_ = [("type", c_int), ("as_", As)]


class Bound(Structure):
    _fields_ = [("values", POINTER(Value)), ("count", c_size_t), ("exclusive", c_bool)]


class RowOptions(Structure):
    _fields_ = [("size", c_size_t), ("txn", c_void_p), ("durability", c_int), ("ttl_ms", c_uint64), ("columns", POINTER(c_char_p))]


class Callbacks(Structure):
    _fields_ = [("on_notice", c_void_p), ("on_progress", c_void_p), ("ctx", c_void_p)]


class ScanOptions(Structure):
    """firn_scan_options of firn/scan.h"""

    _fields_ = [
        ("size", c_size_t), ("txn", c_void_p), ("snapshot", c_void_p), ("select", c_char_p), ("where", c_char_p),
        ("parameters", POINTER(Value)), ("parameter_count", c_size_t), ("group_by", c_char_p), ("order_by", c_char_p),
        ("limit", c_uint64), ("offset", c_uint64), ("index", c_char_p), ("lower", Bound), ("upper", Bound),
        ("descending", c_bool), ("threads", c_uint), ("memory_bytes", c_uint64), ("callbacks", Callbacks),
    ]


class ArrowSchema(Structure):
    pass


class ArrowArray(Structure):
    pass


class ArrowStream(Structure):
    pass


RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, POINTER(ArrowSchema))
RELEASE_ARRAY = ctypes.CFUNCTYPE(None, POINTER(ArrowArray))
RELEASE_STREAM = ctypes.CFUNCTYPE(None, POINTER(ArrowStream))
GET_SCHEMA = ctypes.CFUNCTYPE(c_int, POINTER(ArrowStream), POINTER(ArrowSchema))
GET_NEXT = ctypes.CFUNCTYPE(c_int, POINTER(ArrowStream), POINTER(ArrowArray))
GET_LAST_ERROR = ctypes.CFUNCTYPE(c_char_p, POINTER(ArrowStream))
ArrowSchema._fields_ = [
    ("format", c_char_p), ("name", c_char_p), ("metadata", c_void_p), ("flags", c_int64), ("n_children", c_int64),
    ("children", POINTER(POINTER(ArrowSchema))), ("dictionary", POINTER(ArrowSchema)), ("release", RELEASE_SCHEMA),
    ("private_data", c_void_p),
]
ArrowArray._fields_ = [
    ("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64), ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)), ("children", POINTER(POINTER(ArrowArray))), ("dictionary", POINTER(ArrowArray)),
    ("release", RELEASE_ARRAY), ("private_data", c_void_p),
]
ArrowStream._fields_ = [
    ("get_schema", GET_SCHEMA), ("get_next", GET_NEXT), ("get_last_error", GET_LAST_ERROR), ("release", RELEASE_STREAM),
    ("private_data", c_void_p),
]


class Failure(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Stream:
    """A stream that anything with Arrow's PyCapsule interface takes, once; released here if nothing took it."""

    def __init__(self):
        self.c = ArrowStream()

    def address(self):
        return ctypes.addressof(self.c)

    def __arrow_c_stream__(self, requested_schema=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [c_void_p, c_char_p, c_void_p]
        # No destructor: the struct lives as long as this object, which outlives its one use.
        return new(self.address(), b"arrow_array_stream", None)

    def release(self):
        if self.c.release:
            self.c.release(byref(self.c))
        assert not self.c.release, "a released stream still has its release"


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.firn_release.argtypes = [c_void_p]
        self.c.firn_release.restype = None
        self.c.firn_txn_close.argtypes = [c_void_p]
        self.c.firn_txn_close.restype = None

    def call(self, name, *arguments):
        err = Error()
        code = getattr(self.c, name)(*arguments, byref(err))
        if code != 0:
            raise Failure(code, err.text.decode("utf-8", "replace"))


class Store:
    def __init__(self, library, path):
        self.library = library
        self.handle = c_void_p()
        library.call("firn_store_open", path.encode(), None, byref(self.handle))

    def close(self):
        self.library.call("firn_store_close", self.handle)

    def create(self, name, text):
        definition = c_void_p()
        table = c_void_p()
        self.library.call("firn_table_def_parse_sized", text.encode(), c_size_t(ctypes.sizeof(Column)),
                          c_size_t(ctypes.sizeof(Index)), byref(definition))
        self.library.call("firn_table_create", self.handle, name.encode(), definition, byref(table))
        self.library.c.firn_release(definition)
        return Table(self, table)

    def definition_of(self, schema, *key):
        """The text of a definition that fits an ArrowSchema."""
        names = (c_char_p * len(key))(*[name.encode() for name in key])
        out = c_void_p()
        self.library.call("firn_arrow_definition", byref(schema), names, c_size_t(len(key)), byref(out))
        text = ctypes.string_at(out).decode()
        self.library.c.firn_release(out)
        return text


class Table:
    def __init__(self, store, handle):
        self.store = store
        self.library = store.library
        self.handle = handle

    def upsert(self, rows):
        """Lists of Values; all rows in one transaction."""
        txn = c_void_p()
        self.library.call("firn_txn_begin", self.store.handle, None, byref(txn))
        options = RowOptions(size=ctypes.sizeof(RowOptions), txn=txn)
        for row in rows:
            values = (Value * len(row))(*row)
            self.library.call("firn_table_upsert", self.handle, byref(options), values, c_size_t(len(row)))
        self.library.call("firn_txn_commit", txn, None)
        self.library.c.firn_txn_close(txn)

    def delete(self, key):
        self.library.call("firn_table_delete", self.handle, None, byref(key), c_size_t(1))

    def scan(self, **texts):
        options = ScanOptions(size=ctypes.sizeof(ScanOptions), threads=1)
        for name, value in texts.items():
            setattr(options, name, value.encode() if isinstance(value, str) else value)
        scan = c_void_p()
        self.library.call("firn_scan_open", self.handle, byref(options), byref(scan))
        return scan

    def stream(self, **texts):
        stream = Stream()
        self.library.call("firn_scan_to_arrow", self.scan(**texts), byref(stream.c))
        return stream

    def take(self, stream):
        """Imports a Stream; returns the number of rows."""
        rows = c_uint64()
        self.library.call("firn_table_import_arrow", self.handle, byref(stream.c), None, byref(rows))
        return rows.value


def value_of(kind, value, scale=0):
    """A Value of a Python value, and what it refers to, which must live as long."""
    result = Value(type=NULL)
    if value is None:
        return result
    result.type = kind
    if kind == BOOL:
        result.as_.boolean = value
    elif kind == U64:
        result.as_.u64 = value
    elif kind == F32:
        result.as_.f32 = value
    elif kind == F64:
        result.as_.f64 = value
    elif kind in (TEXT, BLOB, UUID, VECTOR):
        data = value.encode() if isinstance(value, str) else bytes(value)
        result.kept = ctypes.create_string_buffer(data, len(data) + 1)
        result.as_.bytes = Slice(ctypes.addressof(result.kept), len(data))
    else:
        result.as_.i64 = value
    return result
