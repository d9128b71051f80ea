# SPDX-License-Identifier: Apache-2.0
"""The half of Store and Keyspace that is easier in Python."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import inspect
import os
import random
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Callable, Literal, Optional, TypeVar, Union

from . import _firn
from ._errors import Conflict, Exists, NotFound, Unsupported

T = TypeVar("T")
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Seconds = Union[float, int, datetime.timedelta, None]
Durability = Optional[Literal["default", "full", "os"]]
Compression = Optional[Literal["default", "none", "lz4", "zstd"]]
Isolation = Literal["default", "snapshot", "serializable"]
_MISSING = object()
_may_define = re.compile(r"\b(create|alter|drop)\b", re.IGNORECASE)


class _Connection(sqlite3.Connection):
    """A connection that knows its cursors: a statement that one of them has not finished keeps SQLite from closing it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._cursors: "weakref.WeakSet[sqlite3.Cursor]" = weakref.WeakSet()
        super().__init__(*args, **options)

    def cursor(self, *args: Any, **options: Any) -> Any:
        cursor = super().cursor(*args, **options)
        self._cursors.add(cursor)
        return cursor

    # sqlite3's own make their cursors without cursor().

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor().executescript(*args)

    def close(self) -> None:
        for cursor in list(self._cursors):
            with contextlib.suppress(sqlite3.Error):  # another thread uses it, and the store will say so
                cursor.close()
        super().close()


class Store(_firn.Store):
    """An open store. Use firn.open() to make one."""

    __slots__ = ("_connection", "_connections", "_lock", "__weakref__")

    _connection: Optional[sqlite3.Connection]
    _connections: "weakref.WeakSet[sqlite3.Connection]"

    def __init__(self, *args: Any, **options: Any) -> None:
        self._connection = None
        self._connections = weakref.WeakSet()
        self._lock = threading.Lock()

    def connect(self, *, name: str = "store", confined: bool = True) -> sqlite3.Connection:
        """A new connection of sqlite3, in memory, that has the tables and keyspaces of the store as its own (docs/sql.md). The store
        stays open as long as the connection, unless Store.close closes both. Unsupported if this Python's sqlite3 cannot load
        extensions. A confined connection opens no other store and no saved directory by its path, whatever its statements say, and has
        SQLite's settings for files of others (firn_confine)."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=_Connection)
        try:
            load_sqlite(connection)
            if confined:
                self._confine(connection)
            self._attach(connection, name)
        except BaseException:
            connection.close()
            raise
        self._connections.add(connection)
        return connection

    def _confine(self, connection: sqlite3.Connection) -> None:
        for count in 1, 2:  # which SQLite replaces only while no statement runs
            connection.create_function("fts3_tokenizer", count, _refuse)
        connection.execute("SELECT firn_confine(?)", (self._lend(),)).fetchall()

    def _attach(self, connection: sqlite3.Connection, name: str) -> None:
        options = ["name=" + name] + (["read-only"] if self.read_only else [])
        connection.execute(f"SELECT firn_attach(?{', ?' * len(options)})", [self._lend(), *options]).fetchall()

    def sql(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Runs a statement of SQL over the tables and keyspaces of the store, and gives the cursor of sqlite3. CREATE TABLE, ALTER TABLE
        and DROP TABLE change the store, unless they say TEMP. Each statement is a transaction of its own unless it begins one. A
        decimal.Decimal is passed as its text, which a column is compared with as a number; beside an expression write
        CAST(? AS REAL). Errors of the statement are those of sqlite3."""
        if isinstance(parameters, Mapping):
            parameters = {name: _parameter(value) for name, value in parameters.items()}
        elif isinstance(parameters, (tuple, list)):
            parameters = [_parameter(value) for value in parameters]
        with self._lock:
            if self._connection is None:
                self._connection = self.connect()
            else:  # there may be new tables
                self._attach(self._connection, "store")
            cursor = self._connection.cursor()
        if _may_define.search(statement) and cursor.execute("SELECT firn_is_definition(?)", (statement,)).fetchone()[0]:
            statement, parameters = "SELECT 1 WHERE firn_create(?) IS NOT NULL", (statement,)
        try:
            return cursor.execute(statement, parameters)
        finally:
            self._changed()

    def close(self) -> None:
        """Closes everything that was opened from the store, its connections of sqlite3 too, and then the store."""
        with self._lock:
            self._connection = None
            for connection in list(self._connections):
                connection.close()
        super().close()

    def __exit__(self, kind: Optional[type[BaseException]], *exception: Any) -> None:
        try:
            self.close()
        except Exception:  # an exception that is under way says more
            if kind is None:
                raise

    def run(
        self,
        work: Callable[[_firn.Transaction], T],
        *,
        isolation: Isolation = "snapshot",
        durability: Durability = None,
        attempts: int = 100,
    ) -> T:
        """Calls work with a transaction and commits it; gives what work gives. On a Conflict all of it is repeated after a short
        random wait, up to attempts times, so work must have no effects besides the transaction. It is a plain function: one that
        gives an awaitable is refused with TypeError, and what it wrote is rolled back."""
        if inspect.iscoroutinefunction(work):
            raise TypeError("work is a plain function, not a coroutine function: a transaction does not wait for the event loop")
        wait = 0.0005
        for attempt in range(1, attempts + 1):
            try:
                with self.transaction(isolation=isolation, durability=durability) as txn:
                    result = work(txn)
                    if inspect.isawaitable(result):
                        if inspect.iscoroutine(result):
                            result.close()
                        raise TypeError("work gave an awaitable: it has to be a plain function, which has done its work when it returns")
                    return result
            except Conflict:
                if attempt >= attempts:
                    raise
            time.sleep(random.random() * wait)
            wait = min(wait * 2, 0.1)
        raise ValueError("attempts is at least 1")


def _refuse(*arguments: Any) -> None:
    raise Unsupported("fts3_tokenizer is not available", -14)


def _parameter(value: Any) -> Any:
    return format(value, "f") if isinstance(value, decimal.Decimal) else value


def load_sqlite(connection: sqlite3.Connection) -> None:
    """Loads firn's extension into a connection of sqlite3: firn_attach(path) and what else docs/sql.md describes."""
    if not hasattr(connection, "enable_load_extension"):
        raise Unsupported("the sqlite3 of this Python cannot load extensions: use a Python that is built with --enable-loadable-sqlite-extensions, such as Debian's", -14)
    connection.enable_load_extension(True)
    try:
        connection.load_extension(_firn.__file__)
    except sqlite3.OperationalError as error:
        raise Unsupported(f"sqlite3 could not load firn's extension: {error}", -14) from error
    finally:
        connection.enable_load_extension(False)


def open(
    path: Path,
    *,
    create: bool = True,
    exclusive: bool = False,
    read_only: bool = False,
    durability: Durability = None,
    lock_timeout: Seconds = None,
    memory_bytes: int = 0,
    threads: int = 0,
    compression: Compression = None,
    read_pending: bool = False,
) -> Store:
    """Opens the store in a directory, which is created if it is missing.

    exclusive: fail if it exists. durability: 'full' or 'os'. lock_timeout: seconds to wait for another writer. memory_bytes: at least
    1 MiB; 0 is the default of 256 MiB. compression: 'none', 'lz4' or 'zstd'. With read_only the path may also be a file that
    Store.export wrote.
    """
    return Store(
        path,
        create=create,
        exclusive=exclusive,
        read_only=read_only,
        durability=durability,
        lock_timeout=lock_timeout,
        memory_bytes=memory_bytes,
        threads=threads,
        compression=compression,
        read_pending=read_pending,
    )


def memory(
    limit_bytes: int = 2**64 - 1, *, durability: Durability = None, memory_bytes: int = 0, threads: int = 0, compression: Compression = None
) -> Store:
    """Opens a new store in memory, which is gone when it is closed."""
    return Store(None, limit_bytes=limit_bytes, durability=durability, memory_bytes=memory_bytes, threads=threads, compression=compression)


# ---- the rest of a mapping ----


def _pop(self: _firn.Keyspace, key: Any, default: Any = _MISSING) -> Any:
    """Removes a key and gives its value; without it the default, or NotFound."""
    try:
        value = self[key]
    except NotFound:
        if default is _MISSING:
            raise
        return default
    self.delete(key)
    return value


def _popitem(self: _firn.Keyspace) -> Any:
    """Removes the last entry and gives it; NotFound if there is none."""
    with self.items(reverse=True) as items:
        for key, value in items:
            self.delete(key)
            return key, value
    raise NotFound("the keyspace is empty", -5)


def _setdefault(self: _firn.Keyspace, key: Any, default: Any) -> bytes:
    """The value of a key, after it was set to the default if it had none."""
    try:
        self.insert(key, default)
    except Exists:
        pass
    return self[key]


def _update(self: _firn.Keyspace, other: Any = (), **more: Any) -> None:
    """Sets the entries of a mapping, or of pairs, in one commit."""
    pairs: Iterable[Any] = other.items() if isinstance(other, Mapping) else other
    if self.in_transaction:
        for key, value in pairs:
            self[key] = value
        for key, value in more.items():
            self[key] = value
        return
    with self.store.batch() as batch:
        for key, value in pairs:
            batch.put(self, key, value)
        for key, value in more.items():
            batch.put(self, key, value)


def _clear(self: _firn.Keyspace) -> None:
    """Deletes all entries, in one small commit."""
    with self.keys(reverse=True) as keys:
        last = next(keys, None)
    if last is None:
        return
    if self.in_transaction:
        self.delete_range(b"", last)
        self.delete(last)
        return
    with self.store.batch() as batch:
        batch.delete_range(self, b"", last)
        batch.delete(self, last)


def _reversed(self: _firn.Keyspace) -> _firn.Iterator[bytes]:
    """The keys, from the last one to the first."""
    return self.keys(reverse=True)


def _bytes_of(given: Any) -> bytes:
    return given.encode() if isinstance(given, str) else bytes(given)


def _contains(self: _firn.Iterator[Any], wanted: Any) -> bool:
    """Whether the range has this now: a key or an item is looked up, a value is searched for. The iterator stays where it is."""
    kind, keyspace, start, stop, prefix = self._range
    if kind == "values":
        wanted = _bytes_of(wanted)
        with keyspace.values(start, stop, prefix=prefix) as values:
            return any(value == wanted for value in values)
    key, value = wanted if kind == "items" else (wanted, None)
    found = keyspace.get(key)
    if found is None or (value is not None and found != _bytes_of(value)):
        return False
    key = _bytes_of(key)
    return (
        (start is None or key >= _bytes_of(start))
        and (stop is None or key < _bytes_of(stop))
        and (prefix is None or key.startswith(_bytes_of(prefix)))
    )


_mapping = {"pop": _pop, "popitem": _popitem, "setdefault": _setdefault, "update": _update, "clear": _clear, "__reversed__": _reversed}
for _name, _function in _mapping.items():
    _function.__name__ = _name
    setattr(_firn.Keyspace, _name, _function)
setattr(_firn.Iterator, "__contains__", _contains)
MutableMapping.register(_firn.Keyspace)
