# SPDX-License-Identifier: Apache-2.0
"""What firn raises: one class for each code of firn/error.h, all derived from Error."""

from __future__ import annotations

from typing import Optional

from ._results import Pulled


class Error(Exception):
    """An error of firn. code is the number of firn/error.h, errno the operating system's number, or 0."""

    def __init__(self, text: str = "", code: int = 0, errno: int = 0) -> None:
        super().__init__(text, code, errno)
        self.code = code
        self.errno = errno

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class Busy(Error):
    """Locked by another process or thread: try again."""


class Conflict(Error):
    """Another change came first: redo the transaction."""


class Cancelled(Error):
    """The operation was cancelled."""


class Invalid(Error, ValueError):
    """An argument is not valid."""


class NotFound(Error, KeyError):
    """There is no such key, table, checkpoint or store."""

    __str__ = Error.__str__


class Exists(Error):
    """It exists already."""


class Limit(Error):
    """Beyond a documented limit."""


class Misuse(Error):
    """A handle is used in a way that its state does not allow: in a forked process, by two threads at once."""


class Closed(Misuse):
    """The store, or what was opened from it, is closed."""


class InputOutput(Error):
    """The operating system could not read or write."""


class NoSpace(Error):
    """No space left on the disk."""


class NoMemory(Error, MemoryError):
    """Out of memory."""


class Denied(Error):
    """The user may not do that."""


class ReadOnly(Error):
    """It cannot be written."""


class Unsupported(Error):
    """Not supported here."""


class Corrupt(Error):
    """Damaged data; the text names the file and the place. pulled: what a pull brought beside it."""

    pulled: Optional[Pulled] = None


class Newer(Error):
    """Written by a newer version of firn."""


class Untrusted(Error):
    """A store that this user did not create here."""


class Failed(Error):
    """The handle failed earlier: close it and open it again."""


class Internal(Error):
    """An error in firn itself."""


Locked = Busy

BY_CODE: dict[int, type[Error]] = {
    -1: Busy,
    -2: Conflict,
    -3: Cancelled,
    -4: Invalid,
    -5: NotFound,
    -6: Exists,
    -7: Limit,
    -8: Misuse,
    -9: InputOutput,
    -10: NoSpace,
    -11: NoMemory,
    -12: Denied,
    -13: ReadOnly,
    -14: Unsupported,
    -15: Corrupt,
    -16: Newer,
    -17: Failed,
    -18: Internal,
    -19: Untrusted,
}
