# SPDX-License-Identifier: Apache-2.0
"""The keys that open an encrypted store, or an encrypted remote of a workspace.

A secret is a str, which is a passphrase, or bytes, which are what is in a key file. key is what opens the store or remote now, if
neither the session keyring nor the environment does: a str is a passphrase or a recovery code, bytes are what is in a key file.
lock_timeout: seconds to wait for another writer.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from . import _firn
from ._results import Keys, RecoveryCode
from ._store import Cipher, Key, Path, Seconds

Secret = Union[str, bytes]


def keys_list(path: Path) -> Keys:
    """The keys of a store, or of a file that Store.export wrote. Needs none of them."""
    return _firn._keys("list", path)


def keys_add(path: Path, secret: Secret, *, label: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None) -> int:
    """Adds a secret that opens a store from now on, and gives the number of its slot: a str is a passphrase, bytes are what is in a
    key file, of which at least 32 are random. label is for people."""
    return _firn._keys("add", path, secret=secret, label=label, key=key, lock_timeout=lock_timeout)


def keys_add_recovery(path: Path, *, label: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None) -> RecoveryCode:
    """Makes up a recovery code that opens a store from now on, to be written down: it is nowhere else."""
    return _firn._keys("add_recovery", path, label=label, key=key, lock_timeout=lock_timeout)


def keys_change(path: Path, number: int, secret: Secret, *, key: Key = None, lock_timeout: Seconds = None) -> None:
    """Another secret of the same kind for a slot. The master keys stay, and the old secret still opens older copies of FIRN.keys.
    NotFound if there is no such slot."""
    _firn._keys("change", path, number=number, secret=secret, key=key, lock_timeout=lock_timeout)


def keys_remove(path: Path, number: int, *, key: Key = None, lock_timeout: Seconds = None) -> None:
    """Removes a slot. NotFound if there is none of this number, Invalid if it is the last one."""
    _firn._keys("remove", path, number=number, key=key, lock_timeout=lock_timeout)


def keys_rotate(path: Path, *, key: Key = None, lock_timeout: Seconds = None) -> None:
    """Adds a master key, with which all new files of a store are encrypted. Older files keep theirs until keys_rekey."""
    _firn._keys("rotate", path, key=key, lock_timeout=lock_timeout)


def keys_replace(path: Path, secret: Secret, *, label: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None) -> int:
    """Sets one new secret in place of all that open a store, and rotates: what opened it so far opens nothing that is written from now
    on. Gives the number of the slot. keys_rekey, or Workspace.gc with rekey=True, does the rest."""
    return _firn._keys("replace", path, secret=secret, label=label, key=key, lock_timeout=lock_timeout)


def keys_encrypt(path: Path, *, cipher: Cipher = "automatic", key: Key = None, lock_timeout: Seconds = None) -> None:
    """Begins to make a store in clear an encrypted one, which key opens from now on, or else what the environment gives. New files
    are encrypted; keys_rekey, or Workspace.gc with rekey=True, writes the others anew, and ends the change. Exists if the store is
    encrypted already."""
    _firn._keys("encrypt", path, cipher=cipher, key=key, lock_timeout=lock_timeout)


def keys_decrypt(path: Path, *, key: Key = None, lock_timeout: Seconds = None) -> None:
    """Begins to make an encrypted store one in clear; keys_rekey, or Workspace.gc with rekey=True, does the rest. Invalid if it is in
    clear, Conflict if it has remotes, because it keeps what opens them."""
    _firn._keys("decrypt", path, key=key, lock_timeout=lock_timeout)


def keys_remember(path: Path, seconds: int, *, key: Key = None, lock_timeout: Seconds = None) -> None:
    """Lets all programs of this login session open a store for so many seconds. Unsupported without a session keyring."""
    _firn._keys("remember", path, seconds=seconds, key=key, lock_timeout=lock_timeout)


def keys_forget(path: Optional[Path] = None) -> int:
    """Ends that, for one store or, without a path, for all of them; gives for how many."""
    return _firn._keys("forget_all", "") if path is None else _firn._keys("forget", path)


# ---- of remotes ----


def _list(self: _firn.Workspace, remote: Optional[str] = None) -> Keys:
    """The keys of an encrypted remote, by its name or URL; without one, of the only remote, or of 'origin'. Needs none of them."""
    return _firn._keys("list", self, remote=remote)


def _add(
    self: _firn.Workspace,
    secret: Secret,
    *,
    remote: Optional[str] = None,
    label: Optional[str] = None,
    key: Key = None,
    lock_timeout: Seconds = None,
) -> int:
    """Adds a secret that opens a remote from now on, as keys_add does for a store. key: what opens the remote now, instead of what an
    encrypted store keeps of it and of the key of the workspace."""
    return _firn._keys("add", self, remote=remote, secret=secret, label=label, key=key, lock_timeout=lock_timeout)


def _add_recovery(
    self: _firn.Workspace,
    *,
    remote: Optional[str] = None,
    label: Optional[str] = None,
    key: Key = None,
    lock_timeout: Seconds = None,
) -> RecoveryCode:
    """Makes up a recovery code that opens a remote from now on, to be written down: it is nowhere else."""
    return _firn._keys("add_recovery", self, remote=remote, label=label, key=key, lock_timeout=lock_timeout)


def _change(
    self: _firn.Workspace, number: int, secret: Secret, *, remote: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None
) -> None:
    """Another secret of the same kind for a slot of a remote, as keys_change."""
    _firn._keys("change", self, remote=remote, number=number, secret=secret, key=key, lock_timeout=lock_timeout)


def _remove(
    self: _firn.Workspace, number: int, *, remote: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None
) -> None:
    """Removes a slot of a remote. NotFound if there is none of this number, Invalid if it is the last one."""
    _firn._keys("remove", self, remote=remote, number=number, key=key, lock_timeout=lock_timeout)


def _rotate(self: _firn.Workspace, *, remote: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None) -> None:
    """Adds a master key, with which this store, and each machine that has met it, encrypts what it sends to the remote."""
    _firn._keys("rotate", self, remote=remote, key=key, lock_timeout=lock_timeout)


def _replace(
    self: _firn.Workspace,
    secret: Secret,
    *,
    remote: Optional[str] = None,
    label: Optional[str] = None,
    key: Key = None,
    lock_timeout: Seconds = None,
) -> int:
    """Sets one new secret in place of all that open a remote, as keys_replace does for a store. Other machines have to be given it."""
    return _firn._keys("replace", self, remote=remote, secret=secret, label=label, key=key, lock_timeout=lock_timeout)


def _remember(
    self: _firn.Workspace, seconds: int, *, remote: Optional[str] = None, key: Key = None, lock_timeout: Seconds = None
) -> None:
    """Lets all programs of this login session open a remote for so many seconds. Unsupported without a session keyring."""
    _firn._keys("remember", self, remote=remote, seconds=seconds, key=key, lock_timeout=lock_timeout)


def _forget(self: _firn.Workspace, remote: Optional[str] = None) -> int:
    """Ends that; gives for how many remotes."""
    return _firn._keys("forget", self, remote=remote)


_methods: list[Callable[..., Any]] = [_list, _add, _add_recovery, _change, _remove, _rotate, _replace, _remember, _forget]
for _function in _methods:
    _function.__name__ = "remote_keys" + _function.__name__
    setattr(_firn.Workspace, _function.__name__, _function)
