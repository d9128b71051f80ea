# SPDX-License-Identifier: Apache-2.0
"""Keys of encrypted stores and of encrypted remotes."""

import datetime

import pytest

import firn

KEY = bytes(range(48))
OTHER = bytes(range(100, 148))


@pytest.fixture(autouse=True)
def nobody_else(tmp_path, monkeypatch):
    """Nothing opens a store but what the test gives."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("FIRN_KEY_FILE", "FIRN_KEY_COMMAND", "FIRN_REMOTE_KEY_FILE", "FIRN_REMOTE_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path):
    with firn.open(tmp_path / "store", cipher="aes-256-gcm", key=KEY) as store:
        store.keyspace("words")["a"] = "winter"
    return tmp_path / "store"


def opens(path, key):
    try:
        with firn.open(path, key=key) as store:
            return store.keyspace("words")["a"] == b"winter"
    except firn.Denied:
        return False


def files_with(path, text):
    return [file for file in path.rglob("*") if file.is_file() and text in file.read_bytes()]


def test_slots(path):
    keys = firn.keys_list(path)
    assert (keys.cipher, keys.master_keys, keys.is_remembered, keys.is_kept, keys.state) == ("aes-256-gcm", 1, False, False, "settled")
    assert [(slot.number, slot.kind, slot.label) for slot in keys.slots] == [(1, "file", "")]
    assert abs(keys.slots[0].added - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(hours=1)
    assert firn.keys_add(path, "correct horse", label="ada", key=KEY) == 2
    assert opens(path, "correct horse") and opens(path, KEY) and not opens(path, "wrong horse")
    firn.keys_change(path, 2, "battery staple", key=KEY)
    assert opens(path, "battery staple") and not opens(path, "correct horse")
    made = firn.keys_add_recovery(path, label="in the safe", key="battery staple")
    assert made.number == 3 and len(made.code) > 20 and opens(path, made.code)
    assert [(slot.kind, slot.label) for slot in firn.keys_list(path).slots] == [("file", ""), ("passphrase", "ada"), ("recovery", "in the safe")]
    firn.keys_remove(path, 1, key=made.code)
    assert not opens(path, KEY)
    firn.keys_remove(path, 2, key=made.code)
    with pytest.raises(firn.Invalid):
        firn.keys_remove(path, 3, key=made.code)
    with pytest.raises(firn.NotFound):
        firn.keys_change(path, 9, KEY, key=made.code)


def test_what_cannot_be_meant(path, tmp_path):
    for call in (lambda: firn.keys_add(path, OTHER, key=OTHER), lambda: firn.keys_rotate(path), lambda: firn.keys_rekey(path, key=OTHER),
                 lambda: firn.keys_decrypt(path, key=OTHER)):
        with pytest.raises(firn.Denied):
            call()
    for call in (lambda: firn.keys_add(path, None, key=KEY), lambda: firn.keys_add(path, 5, key=KEY), lambda: firn.keys_list(None),
                 lambda: firn.keys_add(path, OTHER, KEY), lambda: firn.keys_rekey(path, key=KEY, progress=5)):
        with pytest.raises(TypeError):
            call()
    for call in (lambda: firn.keys_add(path, b"short", key=KEY), lambda: firn.keys_add(path, "", key=KEY), lambda: firn.keys_encrypt(path, cipher="rot13"),
                 lambda: firn.keys_change(path, -1, OTHER, key=KEY), lambda: firn.keys_list("")):
        with pytest.raises(firn.Invalid):
            call()
    with pytest.raises(firn.NotFound):
        firn.keys_list(tmp_path / "nothing")
    with firn.open(path, key=KEY), pytest.raises(firn.Busy):
        firn.keys_rotate(path, key=KEY, lock_timeout=0)
    assert opens(path, KEY) and len(firn.keys_list(path).slots) == 1


def test_rotation(path):
    firn.keys_rotate(path, key=KEY)
    assert firn.keys_list(path).master_keys == 2
    seen = []
    done = firn.keys_rekey(path, key=KEY, progress=seen.append)
    assert done.rekeyed > 0 and (done.left, done.packs) == (0, 0)
    assert firn.keys_list(path).master_keys == 1 and opens(path, KEY)
    assert firn.keys_rekey(path, key=KEY).rekeyed == 0


def test_all_keys_are_replaced_by_one(path):
    code = firn.keys_add_recovery(path, key=KEY).code
    with pytest.raises(TypeError):
        firn.keys_replace(path, None, key=KEY)
    assert firn.keys_replace(path, OTHER, label="the new one", key=KEY) == 3
    assert opens(path, OTHER) and not opens(path, KEY) and not opens(path, code)
    keys = firn.keys_list(path)
    assert [slot.label for slot in keys.slots] == ["the new one"] and keys.master_keys == 2


def test_a_store_in_clear_becomes_encrypted_and_clear_again(tmp_path):
    path = tmp_path / "store"
    with firn.open(path) as store:
        store.keyspace("words")["a"] = "winter"
    assert files_with(path, b"winter") and firn.keys_list(path) == ("none", [], 0, False, False, "settled")
    with pytest.raises(firn.Denied):
        firn.keys_encrypt(path)
    firn.keys_encrypt(path, cipher="aes-256-gcm", key="correct horse")
    assert firn.keys_list(path).state == "encrypting" and opens(path, "correct horse")
    with pytest.raises(firn.InputOutput):

        def stop(progress):
            raise firn.InputOutput("stop", -1)

        firn.keys_rekey(path, key="correct horse", progress=stop)
    assert opens(path, "correct horse")
    assert firn.keys_rekey(path, key="correct horse").left == 0
    assert firn.keys_list(path).state == "settled" and not files_with(path, b"winter")
    with pytest.raises(firn.Exists):
        firn.keys_encrypt(path, key="correct horse")
    firn.keys_decrypt(path, key="correct horse")
    assert firn.keys_list(path).state == "decrypting"
    assert firn.keys_rekey(path, key="correct horse").left == 0
    assert firn.keys_list(path).cipher == "none" and opens(path, None) and files_with(path, b"winter")
    with pytest.raises(firn.Invalid):
        firn.keys_rekey(path)


def test_the_session_keyring(path):
    try:
        firn.keys_remember(path, 60, key=KEY)
    except firn.Unsupported:
        pytest.skip("no session keyring")
    assert firn.keys_list(path).is_remembered and opens(path, None)
    assert firn.keys_forget(path) == 1 and not opens(path, None)
    assert firn.keys_forget() >= 0


def test_a_collection_writes_the_store_anew(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a").write_bytes(b"about winter\n")
    path = tmp_path / "store"
    with firn.Workspace(root, store=path) as ws:
        ws.save()
        with pytest.raises(firn.Invalid):
            ws.gc(rekey=True)
        assert ws.gc()[-2:] == (0, 0)
    firn.keys_encrypt(path, key=KEY)
    done = firn.keys_rekey(path, key=KEY)
    assert done.packs == done.left == 1 and files_with(path / "packs", b"winter")
    with firn.Workspace(root, store=path, key=KEY) as ws:
        collected = ws.gc(rekey=True)
        assert collected.rekeyed >= 1 and collected.rekey_left == 0
        assert ws.gc(without_key=True)[-2:] == (0, 0)
        assert not files_with(path, b"winter")
        ws.check(read_data=True)
    assert firn.keys_list(path).state == "settled"


def test_all_keys_of_a_remote_are_replaced_by_one(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    with firn.Workspace(root, key=KEY) as ws:
        ws.remote_add("origin", tmp_path / "shared", encrypt=True)
        assert ws.remote_keys_replace("battery staple", label="now", key=KEY) == 2
        with pytest.raises(firn.Denied):
            ws.remote_keys_rotate(key=KEY)
        assert [slot.label for slot in ws.remote_keys_list().slots] == ["now"]


def test_a_remote(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a").write_text("about winter")
    with firn.Workspace(root, key=KEY) as ws:
        for call in (ws.remote_keys_list, ws.remote_keys_rotate, ws.remote_keys_forget, lambda: ws.remote_keys_list("none")):
            with pytest.raises(firn.NotFound):
                call()
        ws.remote_add("origin", tmp_path / "shared", encrypt=True)
        ws.save()
        ws.push()
        keys = ws.remote_keys_list()
        assert keys.cipher != "none" and keys.master_keys == 1 and [slot.kind for slot in keys.slots] == ["file"]
        assert ws.remote_keys_add("correct horse", label="ada") == 2
        made = ws.remote_keys_add_recovery(remote="origin", key=KEY)
        assert made.number == 3 and len(made.code) > 20
        ws.remote_keys_change(2, "battery staple", key="correct horse")
        with pytest.raises(firn.Denied):
            ws.remote_keys_rotate(key="correct horse")
        ws.remote_keys_rotate(key="battery staple")
        assert ws.remote_keys_list("origin").master_keys == 2
        ws.remote_keys_remove(1, key=made.code)
        assert [(slot.number, slot.label) for slot in ws.remote_keys_list(str(tmp_path / "shared")).slots] == [(2, "ada"), (3, "")]
        (root / "a").write_text("about spring")
        ws.save()
    with firn.Workspace(root, key=made.code) as ws:
        assert ws.push().checkpoints == 1
        try:
            ws.remote_keys_remember(60)
        except firn.Unsupported:
            return
        assert ws.remote_keys_list().is_remembered and ws.remote_keys_forget() == 1
