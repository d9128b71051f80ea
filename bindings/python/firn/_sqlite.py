# SPDX-License-Identifier: Apache-2.0
"""Connections of sqlite3 that have firn's extension, and that threads and signals may interrupt."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import sys
import threading
import weakref
from typing import Any, Callable, Optional

from . import _firn
from ._errors import Unsupported

_next = sqlite3.Cursor.__next__
_TICK = 50_000  # steps of SQLite's machine: some milliseconds
_NEWS = ("no such table", "no such column", "has no column named")


class Cursor(sqlite3.Cursor):
    """A cursor that works only while its connection's lock is held."""

    connection: "Connection"

    def __init__(self, connection: "Connection") -> None:
        self._lock = connection.lock
        super().__init__(connection)

    def execute(self, *args: Any) -> Any:
        return self.connection.in_turn(super().execute, *args)

    def executemany(self, *args: Any) -> Any:
        return self.connection.in_turn(super().executemany, *args)

    def executescript(self, *args: Any) -> Any:
        return self.connection.in_turn(super().executescript, *args)

    def fetchone(self) -> Any:
        return self.connection.in_turn(super().fetchone)

    def fetchmany(self, *args: Any, **options: Any) -> Any:
        return self.connection.in_turn(lambda: sqlite3.Cursor.fetchmany(self, *args, **options))

    def fetchall(self) -> Any:
        return self.connection.in_turn(super().fetchall)

    def __next__(self) -> Any:
        with self._lock:  # in_turn, without its price for each row
            try:
                return _next(self)
            except sqlite3.OperationalError as error:
                self.connection.tell(error)
                raise

    def close(self) -> None:
        self.connection.in_turn(super().close)


class Connection(sqlite3.Connection):
    """A connection that another thread may close: it waits for the statement that runs, and then ends all cursors, because one that has
    not finished keeps SQLite from closing. Ctrl-C ends a statement in the main thread. Where a statement names a table or a column that is
    not there, the store is asked for new ones first."""

    look_again: Optional[Callable[[], None]]

    def __init__(self, *args: Any, **options: Any) -> None:
        self._cursors: "weakref.WeakSet[sqlite3.Cursor]" = weakref.WeakSet()
        self.lock = threading.RLock()
        self._raised: Optional[BaseException] = None
        self._is_asked = False
        self.look_again = None
        super().__init__(*args, **options)
        reference = weakref.ref(self)

        def tick() -> int:
            # Signals are handled where Python runs, as here, and not while SQLite does.
            try:
                return 0
            except BaseException as error:  # of a signal's handler
                connection = reference()
                if connection is not None:
                    connection._raised = error
                return 1

        self.set_progress_handler(tick, _TICK)

    def in_turn(self, call: Callable[..., Any], *args: Any) -> Any:
        """Calls a method of sqlite3 while no other thread does."""
        with self.lock:
            self._raised, self._is_asked = None, False
            try:
                try:
                    return call(*args)
                except sqlite3.OperationalError as error:
                    if self.look_again is None or self.in_transaction or not any(text in str(error) for text in _NEWS):
                        raise
                again, self.look_again = self.look_again, None  # which runs statements itself
                try:
                    again()
                finally:
                    self.look_again = again
                return call(*args)
            except sqlite3.OperationalError as error:
                self.tell(error)
                raise

    def tell(self, error: sqlite3.OperationalError) -> None:
        """Raises the exception of a signal's handler, if that is what interrupted a statement."""
        if str(error) == "interrupted" and not self._is_asked:
            # sqlite3 drops one that comes before tick can catch it.
            raise self._raised or KeyboardInterrupt() from None

    def interrupt(self) -> None:
        self._is_asked = True
        super().interrupt()

    def cursor(self, factory: Any = Cursor) -> Any:
        with self.lock:
            cursor = super().cursor(factory)
            self._cursors.add(cursor)
        return cursor

    # sqlite3's own make their cursors without cursor().

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor().executescript(*args)

    def commit(self) -> None:
        self.in_turn(super().commit)

    def rollback(self) -> None:
        self.in_turn(super().rollback)

    def close(self) -> None:
        with self.lock:
            for cursor in list(self._cursors):
                with contextlib.suppress(sqlite3.Error):
                    cursor.close()
            super().close()


def load_sqlite(connection: sqlite3.Connection) -> None:
    """Loads firn's extension into a connection of sqlite3: firn_attach(path) and what else docs/sql.md describes."""
    if not hasattr(connection, "enable_load_extension"):
        raise Unsupported("the sqlite3 of this Python cannot load extensions: make the connection with store.connect(), or use a Python that is built with --enable-loadable-sqlite-extensions", -14)
    connection.enable_load_extension(True)
    try:
        connection.load_extension(_firn.__file__)
    except sqlite3.OperationalError as error:
        raise Unsupported(f"sqlite3 could not load firn's extension: {error}", -14) from error
    finally:
        connection.enable_load_extension(False)


def connect() -> Connection:
    """A connection in memory that has firn's extension, also where sqlite3 cannot load extensions."""
    options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False, "factory": Connection}
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        connection: Connection = sqlite3.connect(":memory:", **options)
        try:
            load_sqlite(connection)
        except BaseException:
            connection.close()
            raise
        return connection
    _register()
    _firn._sql_await(True)
    try:
        connection = sqlite3.connect(":memory:", **options)
    finally:
        _firn._sql_await(False)
    return connection


@functools.lru_cache(maxsize=None)
def _register() -> None:
    """Makes the SQLite library below sqlite3 call firn for each connection; firn leaves those alone that it does not await."""
    import ctypes

    entry = ctypes.c_void_p(_firn._sql_entry())
    try:
        library = ctypes.CDLL(getattr(sys.modules["_sqlite3"], "__file__", None))  # with the libraries that it is linked to
        code = library.sqlite3_auto_extension(entry)
    except (OSError, AttributeError) as error:
        raise Unsupported("the sqlite3 of this Python can have no extensions: use a Python that is built with --enable-loadable-sqlite-extensions, such as Debian's", -14) from error
    if code != 0:
        raise MemoryError
