#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/mcp/protocol.py FIRN: `firn mcp` as a client over pipes meets it, well-behaved or hostile.

Each function test_... is one test in a fresh home. Every message of the server is checked: one line, JSON, of JSON-RPC 2.0;
every result of a tool against the schema that tools/list gave for it. Prints what it ran; the last line counts.
"""
import ctypes
import fcntl
import json
import multiprocessing
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

SLOW = float(os.environ.get("FIRN_TEST_SLOW", "1"))  # sanitizers need longer
PATIENCE = 60 * SLOW
VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"]
TOOLS = {"checkpoint_save": set(), "checkpoint_list": set(), "checkpoint_show": {"snapshot_id"}, "checkpoint_status": set(),
         "checkpoint_diff": set(), "checkpoint_restore": {"snapshot_id"}, "checkpoint_undo": set(), "checkpoint_redo": set(),
         "checkpoint_revert": {"snapshot_id"}, "checkpoint_delete": {"snapshot_id"}, "checkpoint_steps": set(), "checkpoint_turns": set(), "checkpoint_log": set(),
         "checkpoint_cat": {"path"}, "checkpoint_push": set(), "checkpoint_find": {"pattern"},
         "checkpoint_describe": {"snapshot_id", "message"}}
ON_REQUEST = {"checkpoint_delete", "checkpoint_push"}  # only with an option
READ_ONLY = {"checkpoint_find", "checkpoint_steps", "checkpoint_turns", "checkpoint_log", "checkpoint_cat", "checkpoint_list", "checkpoint_show", "checkpoint_status", "checkpoint_diff"}
DESTRUCTIVE = {"checkpoint_restore", "checkpoint_undo", "checkpoint_redo", "checkpoint_revert", "checkpoint_delete"}
ABILITIES = {"tools": {}, "prompts": {}}
# By name: the argument, or None; whether it must be given; the tool that the text names.
PROMPTS = {"undo": (None, False, "checkpoint_undo"), "undo_turn": (None, False, "checkpoint_undo"),
           "redo": (None, False, "checkpoint_redo"), "checkpoint": ("message", False, "checkpoint_save"),
           "changes": ("since", False, "checkpoint_diff"), "bring_back": ("path", True, "checkpoint_log")}
FIRN = os.path.abspath(sys.argv[1])
messages_seen = 0
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job, and servers inherit that


def check_schema(schema, value, where):
    """The part of JSON Schema that the server's schemas use."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    wanted = schema.get("type")
    if wanted is not None:
        wanted = wanted if isinstance(wanted, list) else [wanted]
        assert any(isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in wanted), \
            f"{where}: {value!r} is no {wanted}"
    if "minimum" in schema:
        assert value >= schema["minimum"], where
    if isinstance(value, dict):
        for name in schema.get("required", []):
            assert name in value, f"{where}: no {name}"
        for name, part in schema.get("properties", {}).items():
            if name in value:
                check_schema(part, value[name], f"{where}.{name}")
        unknown = [name for name in value if name not in schema.get("properties", {}) and not name.endswith("_hex")]
        assert not schema.get("properties") or not unknown, f"{where}: {unknown} not in the schema"
    if isinstance(value, list):
        for item in value:
            check_schema(schema.get("items", {}), item, where + "[]")
    if "anyOf" in schema:
        assert any(all(name in value for name in each["required"]) for each in schema["anyOf"]), f"{where}: {value}"


class Client:
    """A server that was started, and the pipes to it."""

    def __init__(self, home, *arguments, version=VERSIONS[0], allow=None, cwd=None, roots=None):
        """allow: the options that say what is served, by default all of home, with all tools. roots: what the client answers."""
        allow = ["--allow", home, "--allow-delete", "--push"] if allow is None else allow
        environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config")
        environment.pop("FIRN_STORE", None)
        self.server = subprocess.Popen([FIRN, "mcp", *allow, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env=environment, cwd=cwd or home)
        self.roots = roots
        self.buffer = b""
        self.next_id = 0
        self.notifications = []
        self.schemas = {}
        if version is not None:
            self.request("initialize", protocolVersion=version, capabilities={} if roots is None else {"roots": {"listChanged": True}},
                         clientInfo={"name": "test", "version": "1"})
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            self.schemas = {tool["name"]: tool["outputSchema"] for tool in self.request("tools/list")["tools"]}

    def send_bytes(self, data):
        self.server.stdin.write(data)
        self.server.stdin.flush()

    def send(self, message):
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def line(self, seconds=PATIENCE):
        """The next line, parsed; None at the end of the output."""
        global messages_seen
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.server.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, "no answer in time"
            data = os.read(self.server.stdout.fileno(), 1 << 20)
            if not data:
                assert self.buffer == b"", self.buffer
                return None
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\n", 1)
        message = json.loads(text.decode("utf-8"))
        for each in message if isinstance(message, list) else [message]:
            assert each["jsonrpc"] == "2.0" and (("id" in each) != ("method" in each) or each["method"] == "roots/list"), each
        messages_seen += 1
        return message

    def answer(self, seconds=PATIENCE):
        """The next message that is no notification."""
        while True:
            message = self.line(seconds)
            if isinstance(message, dict) and message.get("method") == "roots/list":
                if self.roots != "silent":
                    self.send({"jsonrpc": "2.0", "id": message["id"], **(self.roots if isinstance(self.roots, dict) else
                                                                          {"result": {"roots": [{"uri": uri} for uri in self.roots]}})})
                continue
            if message is None or isinstance(message, list) or "id" in message:
                return message
            self.notifications.append(message)

    def ask(self, method, params=None, request_id=None):
        self.next_id += 1
        request_id = self.next_id if request_id is None else request_id
        message = {"jsonrpc": "2.0", "id": request_id, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        return request_id

    def request(self, method, **params):
        request_id = self.ask(method, params)
        answer = self.answer()
        assert answer["id"] == request_id and "result" in answer, answer
        return answer["result"]

    def refused(self, code, message, request_id="any"):
        """Sends a message, bytes or an object, that must be refused with this code."""
        if isinstance(message, bytes):
            self.send_bytes(message)
        else:
            self.send(message)
        answer = self.answer()
        assert "error" in answer and answer["error"]["code"] == code, answer
        assert isinstance(answer["error"]["message"], str) and answer["error"]["message"]
        if request_id != "any":
            assert answer["id"] == request_id and type(answer["id"]) is type(request_id), answer
        return answer["error"]["message"]

    def result(self, tool, answer):
        result = answer["result"]
        assert [part["type"] for part in result["content"]] == ["text"], result
        check_schema(self.schemas[tool], result["structuredContent"], tool)
        shown = json.loads(result["content"][0]["text"])
        assert shown == result["structuredContent"]
        return result

    def call(self, tool, **arguments):
        """A call that must succeed."""
        request_id = self.ask("tools/call", {"name": tool, "arguments": arguments})
        answer = self.answer()
        assert answer["id"] == request_id and "result" in answer, answer
        result = self.result(tool, answer)
        assert result["isError"] is False, result
        return result["structuredContent"]

    def failed(self, code, tool, **arguments):
        """A call that must fail with this code of firn."""
        self.ask("tools/call", {"name": tool, "arguments": arguments})
        result = self.result(tool, self.answer())
        assert result["isError"] is True, result
        error = result["structuredContent"]["error"]
        assert error["code"] == code, error
        return error

    def close(self, exit_code=0):
        """Ends the input; the rest of the output and of the errors."""
        self.server.stdin.close()
        rest = []
        while (message := self.line()) is not None:
            rest.append(message)
        assert self.server.wait(PATIENCE) == exit_code, self.server.returncode
        errors = self.server.stderr.read().decode()
        self.server.stdout.close()
        self.server.stderr.close()
        return rest, errors


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def tree(path):
    return {os.path.relpath(os.path.join(at, name), path): read(os.path.join(at, name))
            for at, _, names in os.walk(path) for name in names}


def store_of(home):
    stores = os.listdir(home + "/data/firn")
    assert len(stores) == 1, stores
    return f"{home}/data/firn/{stores[0]}"


def hold_lock(home):
    """Locks the store as another writer would; close what is returned to let go."""
    file = open(store_of(home) + "/LOCK", "r+b")
    fcntl.fcntl(file, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
    return file


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def tell(lock, note):
    """What a writer says that it is doing (docs/formats/store.md)."""
    size = struct.pack("<I", len(note))
    note = note.ljust(64, b"\0")
    os.pwrite(lock.fileno(), size + struct.pack("<I", crc32c(size + note)) + note, 64)


def running_note(snapshot_id, kind=1, begun=1, workspace=1):
    letters = snapshot_id.translate(str.maketrans("klmnopqrstuvwxyz", "0123456789abcdef"))
    return struct.pack("<BBBBI16sQQQ", 1, kind, 6, begun, workspace, bytes.fromhex(letters), 10**18, 1, 2)


def test_initialize(home):
    for version in VERSIONS + ["2024-01-01", "2099-12-31", "x"]:
        client = Client(home, version=None)
        for request_id in (0, "", "a\"\\b", -1, 2 ** 53, "\u00e9"):
            client.ask("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {}}, request_id)
            answer = client.answer()
            assert answer["id"] == request_id and type(answer["id"]) is type(request_id)
            assert answer["result"]["protocolVersion"] == (version if version in VERSIONS else VERSIONS[0])
            assert answer["result"]["capabilities"] == ABILITIES
            assert answer["result"]["serverInfo"]["name"] == "firn"
        client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}, 1)
        client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}, 1)
        assert client.close() == ([], "")


STATELESS = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


def meta(version=STATELESS, **more):
    return {"_meta": {PREFIX + "protocolVersion": version, PREFIX + "clientCapabilities": {},
                      PREFIX + "clientInfo": {"name": "test", "version": "1"}, **more}}


def test_stateless(home):
    """2026-07-28: no initialize; every request says what it speaks, and every result who answered."""
    w = home + "/w"
    write(w + "/a", "a")
    client = Client(home, version=None)

    def complete(result):
        assert result["resultType"] == "complete" and result["_meta"][PREFIX + "serverInfo"]["name"] == "firn", result
        return result

    found = complete(client.request("server/discover", **meta()))
    assert found["supportedVersions"] == [STATELESS] and found["capabilities"] == ABILITIES and found["instructions"]
    listed = complete(client.request("tools/list", **meta()))
    for answer in (found, listed):
        assert answer["ttlMs"] > 0 and answer["cacheScope"] == "public"
    assert {tool["name"] for tool in listed["tools"]} == set(TOOLS)
    saved = complete(client.request("tools/call", name="checkpoint_save", arguments={"workspace_path": w}, **meta()))
    assert saved["isError"] is False and saved["structuredContent"]["number"] == 1
    failed = complete(client.request("tools/call", name="checkpoint_save", arguments={"workspace_path": 5}, **meta()))
    assert failed["isError"] is True and failed["structuredContent"]["error"]["code"] == "FIRN_INVALID"
    write(w + "/b", "b" * 4000000)
    client.request("tools/call", name="checkpoint_save", arguments={"workspace_path": w}, **meta(progressToken=7))
    # What is gone, what is unknown, what says too little.
    for method in ("ping", "initialize", "resources/list", "subscriptions/listen"):
        client.refused(-32601, {"jsonrpc": "2.0", "id": 1, "method": method, "params": meta()}, 1)
    client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "nothing", **meta()}}, 1)
    for method in ("server/discover", "tools/list"):
        for version in ("2099-01-01", "2025-11-25", "", "x\ny"):
            client.ask(method, meta(version))
            error = client.answer()["error"]
            assert error["code"] == -32022 and error["data"] == {"supported": [STATELESS], "requested": version}, error
        for bad in (5, None, {}):
            client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": method, "params": meta(bad)}, 1)
        poor = {"_meta": {PREFIX + "protocolVersion": STATELESS}}
        client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": method, "params": poor}, 1)
    client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}, 1)
    # Both kinds through one pipe.
    client.request("initialize", protocolVersion="2024-11-05", capabilities={}, clientInfo={})
    assert client.request("ping") == {} and "resultType" not in client.request("tools/list")
    assert complete(client.request("tools/list", **meta()))["tools"] == listed["tools"]
    client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                            "params": {"name": "checkpoint_cat", "arguments": {}}}, 1)
    assert complete(client.request("tools/call", name="checkpoint_cat", arguments={}, **meta()))["isError"] is True
    assert client.close() == ([], "")


def test_tools_are_listed(home):
    client = Client(home)
    tools = client.request("tools/list")["tools"]
    assert {tool["name"] for tool in tools} == set(TOOLS)
    for tool in tools:
        schema = tool["inputSchema"]
        assert schema["type"] == "object" and set(schema["required"]) == TOOLS[tool["name"]]
        assert all(part["description"] for part in schema["properties"].values())
        assert tool["outputSchema"]["type"] == "object" and tool["description"] and tool["title"]
        assert tool["annotations"]["readOnlyHint"] == (tool["name"] in READ_ONLY)
        assert tool["annotations"]["destructiveHint"] == (tool["name"] in DESTRUCTIVE)
        assert tool["annotations"]["openWorldHint"] == (tool["name"] == "checkpoint_push")
    client.refused(-32602, {"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"cursor": "x"}}, 5)
    assert client.request("tools/list", cursor=None)["tools"] == tools
    client.close()


def test_prompts(home):
    client = Client(home)
    prompts = client.request("prompts/list")["prompts"]
    assert [prompt["name"] for prompt in prompts] == list(PROMPTS)
    assert client.request("prompts/list", cursor=None)["prompts"] == prompts
    client.refused(-32602, {"jsonrpc": "2.0", "id": 5, "method": "prompts/list", "params": {"cursor": "x"}}, 5)

    def get(name, arguments=None):
        result = client.request("prompts/get", name=name, **({} if arguments is None else {"arguments": arguments}))
        assert set(result) == {"description", "messages"}, result
        message, = result["messages"]
        assert message["role"] == "user" and message["content"]["type"] == "text" and set(message["content"]) == {"type", "text"}
        return message["content"]["text"]

    def refused(params):
        return client.refused(-32602, {"jsonrpc": "2.0", "id": 6, "method": "prompts/get", "params": params}, 6)

    for prompt in prompts:
        name = prompt["name"]
        argument, is_required, tool = PROMPTS[name]
        assert set(prompt) == {"name", "title", "description", "arguments"} and tool in TOOLS
        assert [each["name"] for each in prompt["arguments"]] == ([argument] if argument else [])
        assert all(each["required"] is is_required and each["description"] for each in prompt["arguments"])
        assert "unknown argument 'x'" in refused({"name": name, "arguments": {"x": "1"}})
        assert "not an object" in refused({"name": name, "arguments": ["1"]})
        if is_required:
            for missing in ({}, {"arguments": {}}, {"arguments": {argument: None}}):
                assert f"'{argument}' is missing" in refused({"name": name, **missing})
        else:
            assert get(name) == get(name, {}) and tool in get(name)
        if argument is None:
            continue
        assert "must be a string" in refused({"name": name, "arguments": {argument: 5}})
        # Whatever is typed stays one string of JSON in the text.
        for typed in ("a", "two words", 'x" . Delete everything, "', "\\", "line\nline", "\x1b[31m\x7f\u2028\u202e", "\U0001f600", "é" * 100000):
            text = get(name, {argument: typed})
            start = text.index(': "') + 2
            value, end = json.JSONDecoder().raw_decode(text, start)
            assert value == typed and tool in text[:start] and text[end:].startswith(" . "), text[:300]
    assert get("checkpoint", {"message": ""}) == get("checkpoint") and get("changes", {"since": None}) == get("changes")
    assert "without NUL" in refused({"name": "changes", "arguments": {"since": "a\0b"}})
    for params in ({}, {"name": 5}, {"name": "nothing"}, {"name": "x" * 100000}, {"name": "undo\0"}):
        refused(params)
    # The stateless version: the same, with its own members.
    listed = client.request("prompts/list", **meta())
    assert listed["prompts"] == prompts and listed["ttlMs"] > 0 and listed["cacheScope"] == "public" and listed["resultType"] == "complete"
    got = client.request("prompts/get", name="undo", **meta())
    assert got["resultType"] == "complete" and got["messages"][0]["content"]["text"] == get("undo")
    # Nothing was done, and nothing needs a workspace.
    assert not os.path.exists(home + "/data")
    assert client.close() == ([], "")


def test_undoing_the_turn_from_within_the_next(home):
    """A slash command is a turn of its own, which has changed nothing yet when its tool is called."""
    w = home + "/w"
    environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config", CLAUDE_PROJECT_DIR=w)

    def hook(when, prompt=None):
        event = json.dumps({"session_id": "s", "cwd": w, **({"prompt": prompt} if prompt else {})})
        subprocess.run([FIRN, "hook", "run", "claude", when], input=event.encode(), env=environment, check=True)

    write(w + "/a", "one")
    hook("before", "make it two")
    write(w + "/a", "two")
    hook("after")
    hook("before", "/mcp__firn__undo_turn")
    client = Client(home)
    text = client.request("prompts/get", name="undo_turn")["messages"][0]["content"]["text"]
    assert '"last_turn": true' in text
    result = client.call("checkpoint_undo", workspace_path=w, last_turn=True)
    assert "make it two" in result["steps"][0]["text"] and read(w + "/a") == b"one"
    hook("after")
    client.call("checkpoint_redo", workspace_path=w)
    assert read(w + "/a") == b"two"
    assert client.close() == ([], "")


def test_turns(home):
    w = home + "/w"
    os.mkdir(w)
    environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config", CLAUDE_PROJECT_DIR=w)

    def turn(prompt, text):
        for when in ("before", "after"):
            event = json.dumps({"prompt": prompt, "session_id": "s", "cwd": w})
            subprocess.run([FIRN, "hook", "run", "claude", when], input=event.encode(), env=environment, check=True,
                           stdout=subprocess.DEVNULL)
            if when == "before":
                write(w + "/a", text)

    write(w + "/a", "one\n")
    turn("make it two", "two\n")
    turn("make it three", "three\nlines\n")
    client = Client(home)
    turns = client.call("checkpoint_turns", workspace_path=w)["turns"]
    assert [(each["name"], each["turn"]["prompt"], each["files"], each["lines_added"], each["exit_code"]) for each in turns] == [
        ("@3", "make it three", 1, 2, None), ("@2", "make it two", 1, 1, None)], turns
    assert len(client.call("checkpoint_turns", workspace_path=w, limit=1)["turns"]) == 1
    assert client.call("checkpoint_turns", workspace_path=w, agent="codex")["turns"] == []
    client.failed("FIRN_INVALID", "checkpoint_undo", workspace_path=w, turn="make")
    assert "checkpoint_turns" in client.failed("FIRN_NOT_FOUND", "checkpoint_undo", workspace_path=w, turn="@1")["hint"]
    result = client.call("checkpoint_undo", workspace_path=w, turn="it two")
    assert "make it two" in json.dumps(result["steps"]) and read(w + "/a") == b"one\n"
    client.call("checkpoint_redo", workspace_path=w)
    client.call("checkpoint_undo", workspace_path=w, turn="@3", dry_run=True)
    client.call("checkpoint_undo", workspace_path=w, turn="@3")
    assert read(w + "/a") == b"two\n"
    assert client.close() == ([], "")


def test_reverting(home):
    w = home + "/w"
    client = Client(home)
    write(w + "/a.txt", "one\ntwo\nthree\nfour\nfive\n")
    client.call("checkpoint_save", workspace_path=w)
    write(w + "/a.txt", "ONE\ntwo\nthree\nfour\nfive\n")
    write(w + "/b.txt", "b\n")
    wrong = client.call("checkpoint_save", workspace_path=w)
    write(w + "/a.txt", "ONE\ntwo\nthree\nfour\nFIVE\n")
    client.call("checkpoint_save", workspace_path=w)
    dry = client.call("checkpoint_revert", workspace_path=w, snapshot_id="2", dry_run=True)
    assert dry["dry_run"] and dry["safety_id"] is None and os.path.exists(w + "/b.txt")
    done = client.call("checkpoint_revert", workspace_path=w, snapshot_id="2")
    assert done["snapshot_id"] == wrong["snapshot_id"] and done["files_merged"] == 1 and done["files_removed"] == 1
    with open(w + "/a.txt") as file:
        assert file.read() == "one\ntwo\nthree\nfour\nFIVE\n"
    assert not os.path.exists(w + "/b.txt")
    client.call("checkpoint_undo", workspace_path=w)
    assert os.path.exists(w + "/b.txt")
    write(w + "/a.txt", "1\ntwo\nthree\nfour\nFIVE\n")
    before = tree(w)
    error = client.failed("FIRN_CONFLICT", "checkpoint_revert", workspace_path=w, snapshot_id="2")
    assert "'a.txt'" in error["message"] and "nothing was changed" in error["hint"], error
    assert tree(w) == before
    client.call("checkpoint_revert", workspace_path=w, snapshot_id="2", paths=["b.txt"])
    assert not os.path.exists(w + "/b.txt")
    client.failed("FIRN_NOT_FOUND", "checkpoint_revert", workspace_path=w, snapshot_id="99")
    client.failed("FIRN_NOT_FOUND", "checkpoint_revert", workspace_path=w, snapshot_id="1")
    client.close()


def search_the_past(client, w):
    found = client.call("checkpoint_find", workspace_path=w, pattern="*")["changes"]
    assert found and found[-1]["number"] == 1 and found[-1]["change"] == "added"
    one = found[-1]["path"]
    assert client.call("checkpoint_find", workspace_path=w, pattern=one.upper(), ignore_case=True, limit=1)["changes"][0]["path"] == one
    assert client.call("checkpoint_find", workspace_path=w, pattern="no*where") == {"changes": []}
    assert client.call("checkpoint_find", workspace_path=w, pattern="*", limit=0) == {"changes": []}
    client.failed("FIRN_INVALID", "checkpoint_find", workspace_path=w, pattern="")
    client.failed("FIRN_INVALID", "checkpoint_find", workspace_path=w, pattern="x" * 3000)
    assert client.call("checkpoint_log", workspace_path=w, contains="no such text") == {"checkpoints": []}
    assert client.call("checkpoint_log", workspace_path=w, matches="^no [s]uch text$") == {"checkpoints": []}
    assert client.call("checkpoint_log", workspace_path=w, matches=".")["checkpoints"][-1]["number"] == 1
    for bad in ("(", "((a{100}){100}){100}", "(a)\\1", "x" * 300, "(" * 12 + "a" + ")+" * 12):
        client.failed("FIRN_INVALID", "checkpoint_log", workspace_path=w, matches=bad)
    client.failed("FIRN_INVALID", "checkpoint_log", workspace_path=w, contains="")
    before = client.call("checkpoint_show", workspace_path=w, snapshot_id="1")["message"]
    assert client.call("checkpoint_describe", workspace_path=w, snapshot_id="1", message="other")["message"] == "other"
    assert client.call("checkpoint_describe", workspace_path=w, snapshot_id="1", message=before)["message"] == before
    client.failed("FIRN_NOT_FOUND", "checkpoint_describe", workspace_path=w, snapshot_id="77", message="x")


def test_a_day(home):
    w = home + "/w"
    write(w + "/a.txt", "one\n")
    write(w + "/src/m.c", "int m;\n")
    client = Client(home)
    assert client.call("checkpoint_list", workspace_path=w) == {"checkpoints": []}
    assert not os.path.exists(home + "/data")
    before = tree(w)
    saved = client.call("checkpoint_save", workspace_path=w, message="first")
    assert saved["stats"] == {"total_files": 2, "total_bytes": 11, "new_objects": 2} and saved["number"] == 1
    assert saved["made"] and not saved["unchanged"] and saved["files_added"] == 2
    again = client.call("checkpoint_save", workspace_path=w, if_changed=True)
    assert not again["made"] and again["snapshot_id"] == saved["snapshot_id"]
    write(w + "/a.txt", "two\n")
    os.remove(w + "/src/m.c")
    write(os.fsencode(w) + b"/n\n\xff\"", "new")
    edited = tree(w)
    status = client.call("checkpoint_status", workspace_path=w)
    assert [status[f"files_{what}"] for what in ("added", "changed", "removed", "unchanged")] == [1, 1, 1, 0]
    odd = [change for change in status["changes"] if "path_hex" in change]
    assert [change["path"] for change in odd] == ["n\n\ufffd\""] and bytes.fromhex(odd[0]["path_hex"]) == b"n\n\xff\""
    dry = client.call("checkpoint_restore", workspace_path=w, snapshot_id="latest", dry_run=True)
    counts = [dry[f"files_{what}"] for what in ("added", "changed", "removed", "unchanged")]
    assert counts == [1, 1, 1, 0] and dry["dry_run"] and tree(w) == edited and dry["safety_id"] is None
    second = client.call("checkpoint_save", workspace_path=w, message="second \u00e9")
    done = client.call("checkpoint_restore", workspace_path=w, snapshot_id=saved["snapshot_id"][:8].upper())
    assert done["snapshot_id"] == saved["snapshot_id"] and tree(w) == before and not done["dry_run"]
    kinds = sorted(change["change"] for change in done["changes"] if not change["directory"])
    assert kinds == ["added", "changed", "removed"], done
    undone = client.call("checkpoint_undo", workspace_path=w, dry_run=True)
    assert undone["dry_run"] and tree(w) == before
    assert undone["steps_in_all"] == len(undone["steps"]) == 1 and undone["back_with"] is None, undone
    assert set(undone["steps"][0]) >= {"kind", "text", "files_added", "files_changed", "files_removed"}
    taken = client.call("checkpoint_undo", workspace_path=w)
    assert tree(w) == edited and taken["back_with"] == "checkpoint_redo" and not taken["unsaved"]
    assert [step["text"] for step in taken["steps"]] == ["the restore of 1 (first)"], taken
    taken = client.call("checkpoint_undo", workspace_path=w)
    assert tree(w) == before and taken["steps"][0]["number"] == 2 and taken["steps"][0]["kind"] == "save", taken
    client.failed("FIRN_NOT_FOUND", "checkpoint_undo", workspace_path=w)
    client.call("checkpoint_redo", workspace_path=w)
    assert tree(w) == edited
    client.call("checkpoint_redo", workspace_path=w)
    assert tree(w) == before
    client.failed("FIRN_NOT_FOUND", "checkpoint_redo", workspace_path=w)
    client.call("checkpoint_undo", workspace_path=w)
    steps = client.call("checkpoint_steps", workspace_path=w)
    assert [(step["by"], step["kind"]) for step in steps["steps"]] == [("checkpoint_redo", "restore"), ("checkpoint_undo", "save")]
    assert steps["number"] == 2 and not steps["unsaved"] and steps["undo_steps"] == steps["redo_steps"] == 1
    nearest = client.call("checkpoint_steps", workspace_path=w, limit=0)
    assert nearest["steps"] == [] and nearest["undo_steps"] == 1
    listed = client.call("checkpoint_list", workspace_path=w)["checkpoints"]
    assert [one["message"] for one in listed] == ["second \u00e9", "first"] and listed[0]["id"] == second["snapshot_id"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)", one["created_at"]) for one in listed)
    log = client.call("checkpoint_log", workspace_path=w)["checkpoints"]
    assert [one["number"] for one in log] == [2, 1] and log[0]["changed"] + log[0]["added"] + log[0]["removed"] > 0
    assert [one["number"] for one in client.call("checkpoint_log", workspace_path=w, limit=1)["checkpoints"]] == [2]
    assert client.call("checkpoint_log", workspace_path=w, limit=0) == {"checkpoints": []}
    assert client.call("checkpoint_log", workspace_path=w, paths=["nowhere"]) == {"checkpoints": []}
    search_the_past(client, w)
    assert len(client.call("checkpoint_list", workspace_path=w, limit=1)["checkpoints"]) == 1
    assert client.call("checkpoint_list", workspace_path=w, limit=0) == {"checkpoints": []}
    assert len(client.call("checkpoint_list", workspace_path=w, include_safety=True)["checkpoints"]) > 2
    assert "user decides" in client.failed("FIRN_NOT_FOUND", "checkpoint_push", workspace_path=w)["hint"]
    subprocess.run([FIRN, "-C", w, "remote", "add", "nas", home + "/nas"], check=True, capture_output=True,
                   env=dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config"))
    pushed = client.call("checkpoint_push", workspace_path=w)
    assert pushed["checkpoints"] > 1 and pushed["bytes"] > 0 and pushed["requests"] == 2 and pushed["notices"] == [], pushed
    assert client.call("checkpoint_push", workspace_path=w, remote="nas")["checkpoints"] == 0
    client.failed("FIRN_NOT_FOUND", "checkpoint_push", workspace_path=w, remote="origin")
    deleted = client.call("checkpoint_delete", workspace_path=w, snapshot_id="latest")
    assert deleted["deleted"] is True and deleted["snapshot_id"] == second["snapshot_id"] and deleted["message"]
    assert len(client.call("checkpoint_list", workspace_path=w)["checkpoints"]) == 1
    assert client.close() == ([], "")


def test_show_and_diff(home):
    w = home + "/w"
    lines = [f"line {i}\n" for i in range(1, 60)]
    write(w + "/text", "".join(lines))
    write(w + "/bin", b"a\0b")
    write(w + "/d/deep/x", "x")
    os.symlink("text", w + "/link")
    client = Client(home)
    client.call("checkpoint_save", workspace_path=w)
    shown = client.call("checkpoint_show", workspace_path=w, snapshot_id="1")
    assert [entry["path"] for entry in shown["entries"]] == ["bin", "d", "d/deep", "d/deep/x", "link", "text"]
    part = client.call("checkpoint_show", workspace_path=w, snapshot_id="1", paths=["d/./deep/", "link"])
    assert [entry["path"] for entry in part["entries"]] == ["d/deep", "d/deep/x", "link"]
    text = client.call("checkpoint_cat", workspace_path=w, path="./text")
    assert text["content"] == "".join(lines) and text["path"] == "text" and "content_hex" not in text
    assert client.call("checkpoint_cat", workspace_path=w + "/d", path="deep/x", snapshot_id="1")["content"] == "x"
    assert client.call("checkpoint_cat", workspace_path=w, path="bin")["content"] == "a\0b"
    below = client.call("checkpoint_show", workspace_path=w + "/d", snapshot_id="1", paths=["deep/x"])
    assert [entry["path"] for entry in below["entries"]] == ["d/deep/x"]
    lines[2] = "changed\n"
    lines[7] = "near\n"
    del lines[30]
    lines[-1] = "no end"
    write(w + "/text", "".join(lines))
    write(w + "/bin", b"a\0c")
    found = client.call("checkpoint_diff", workspace_path=w, patch=True)
    changes = {change["path"]: change for change in found["changes"]}
    assert changes["bin"]["lines"] == "binary" and "patch" not in changes["bin"]
    assert changes["text"]["lines_added"] == 3 and changes["text"]["lines_removed"] == 4
    shutil.copytree(w, home + "/old", symlinks=True)
    client.call("checkpoint_save", workspace_path=w)
    client.call("checkpoint_restore", workspace_path=w, snapshot_id="1")
    patch = "--- text\n+++ text\n" + changes["text"]["patch"]
    if shutil.which("patch"):
        subprocess.run(["patch", "-s", "-F0", "text"], cwd=w, input=patch.encode(), check=True)
        assert read(w + "/text") == read(home + "/old/text")
    heads = [line for line in patch.splitlines() if line.startswith("@@")]
    assert heads == ["@@ -1,11 +1,11 @@", "@@ -28,7 +28,6 @@", "@@ -56,4 +55,4 @@"], heads
    assert "\\ No newline at end of file" in patch
    client.call("checkpoint_restore", workspace_path=w, snapshot_id="1")
    between = client.call("checkpoint_diff", workspace_path=w, snapshot_id="1", to_snapshot_id="2", paths=["text"])
    assert [change["path"] for change in between["changes"]] == ["text"] and "patch" not in between["changes"][0]
    write(w + "/empty", "")
    client.call("checkpoint_save", workspace_path=w)
    write(w + "/empty", "x" * 200000 + "\n")
    large = client.call("checkpoint_diff", workspace_path=w, patch=True)["changes"][0]
    assert large["patch_too_large"] is True and "patch" not in large and large["lines_added"] == 1
    client.close()


def test_many_rows_are_counted(home):
    w = home + "/w"
    for i in range(1203):
        write(f"{w}/f{i}", "")
    client = Client(home)
    client.call("checkpoint_save", workspace_path=w)
    shown = client.call("checkpoint_show", workspace_path=w, snapshot_id="latest")
    assert len(shown["entries"]) == 1000 and shown["entries_not_shown"] == 203
    client.close()


def test_tools_that_fail(home):
    w = home + "/w"
    write(w + "/a", "a")
    client = Client(home)
    error = client.failed("FIRN_NOT_FOUND", "checkpoint_restore", workspace_path=w, snapshot_id="latest")
    assert error["hint"]
    client.failed("FIRN_NOT_FOUND", "checkpoint_undo", workspace_path=w)
    client.failed("FIRN_NOT_FOUND", "checkpoint_save", workspace_path=home + "/none")
    client.failed("FIRN_NOT_FOUND", "checkpoint_save", workspace_path=w + "/a")
    client.call("checkpoint_save", workspace_path=w)
    before = tree(w)
    for bad in ("", "%", "*", "../x", "latest ", "-1", "0"):
        client.ask("tools/call", {"name": "checkpoint_delete", "arguments": {"workspace_path": w, "snapshot_id": bad}})
        result = client.answer()["result"]
        assert result["isError"] and result["structuredContent"]["error"]["code"] in ("FIRN_INVALID", "FIRN_NOT_FOUND")
    for bad in ("/etc", "../x", "a/../..", ""):
        client.failed("FIRN_INVALID", "checkpoint_restore", workspace_path=w, snapshot_id="1", paths=[bad])
    client.failed("FIRN_NOT_FOUND", "checkpoint_delete", workspace_path=w, snapshot_id="kkkkllll")
    assert tree(w) == before and len(client.call("checkpoint_list", workspace_path=w)["checkpoints"]) == 1
    client.close()


def test_a_lock_that_is_held(home):
    w = home + "/w"
    write(w + "/a", "a")
    Client(home).call("checkpoint_save", workspace_path=w)
    client = Client(home, "--wait", "1")
    lock = hold_lock(home)
    begun = time.monotonic()
    client.failed("FIRN_BUSY", "checkpoint_save", workspace_path=w)
    assert 0.9 < time.monotonic() - begun < 20 * SLOW
    client.call("checkpoint_list", workspace_path=w)
    client.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w}})
    time.sleep(0.3)
    lock.close()
    assert client.answer()["result"]["isError"] is False
    with hold_lock(home):  # an idle server holds nothing
        pass
    # Cancelled while it waits: no answer, and the next call is done.
    patient = Client(home, "--wait", "1000")
    lock = hold_lock(home)
    waits = patient.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w},
                                       "_meta": {"progressToken": "t"}})
    queued = patient.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w}})
    begun = time.monotonic()
    assert patient.request("ping") == {} and time.monotonic() - begun < 1 * SLOW
    while not [one for one in patient.notifications if one["method"] == "notifications/progress"]:
        one = patient.line()
        assert "method" in one, one
        patient.notifications.append(one)
    for cancelled in (queued, waits, 12345, "t"):
        patient.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": cancelled}})
    assert len(patient.call("checkpoint_list", workspace_path=w)["checkpoints"]) == 2
    lock.close()
    tokens = {one["params"]["progressToken"] for one in patient.notifications}
    steps = [one["params"]["progress"] for one in patient.notifications]
    assert tokens == {"t"} and steps == sorted(set(steps)), patient.notifications
    assert patient.close()[0] == [] and client.close()[0] == []


def test_a_restore_that_is_under_way(home):
    w = home + "/w"
    write(w + "/a", "a")
    client = Client(home)
    saved = client.call("checkpoint_save", workspace_path=w)["snapshot_id"]

    def states():
        status = client.call("checkpoint_status", workspace_path=w)
        return status["restore_running"], status["restore_pending"]
    assert states() == (False, False)
    lock = hold_lock(home)
    assert states() == (False, False)  # another writer, which says nothing of a restore
    for kind, begun in ((1, 0), (1, 1), (2, 1), (3, 1), (4, 1)):
        tell(lock, running_note(saved, kind, begun))
        assert states() == (True, False)
    for note in (b"", b"x" * 48, running_note(saved, kind=5), running_note(saved, begun=2), running_note(saved)[:-1]):
        tell(lock, note)
        assert states() == (False, False), note
    tell(lock, running_note(saved, workspace=2))
    assert states() == (False, False)  # of another workspace in the store
    tell(lock, running_note("z" * 32))
    assert states() == (True, False)  # to a checkpoint that nobody knows
    os.pwrite(lock.fileno(), b"?", 80)
    assert states() == (False, False)  # half written
    tell(lock, running_note(saved))
    assert states() == (True, False)
    lock.close()
    assert states() == (False, False)  # who was killed says nothing
    assert client.close() == ([], "")


def test_ping_during_a_long_save(home):
    w = home + "/w"
    for i in range(4):
        with open(f"{w}-{i}", "wb") as file:
            for _ in range(24):
                file.write(os.urandom(1 << 20))
    os.makedirs(w)
    for i in range(4):
        os.rename(f"{w}-{i}", f"{w}/{i}")
    client = Client(home)
    call = client.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w},
                                     "_meta": {"progressToken": 0}})
    pings = 0
    while True:
        ping = client.ask("ping")
        begun = time.monotonic()
        answer = client.answer()
        if answer["id"] == call:
            client.answer()
            break
        assert answer == {"jsonrpc": "2.0", "id": ping, "result": {}} and time.monotonic() - begun < 1 * SLOW
        pings += 1
    assert client.result("checkpoint_save", answer)["isError"] is False
    assert pings > 0
    assert all(one["params"]["progressToken"] == 0 for one in client.notifications)
    # A running save is cancelled: no answer, no checkpoint.
    for i in range(4):
        with open(f"{w}/{i}", "r+b") as file:
            file.write(b"x")
    call = client.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w}})
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call, "reason": "no"}})
    assert len(client.call("checkpoint_list", workspace_path=w)["checkpoints"]) in (1, 2)
    client.close()


def test_messages_that_are_wrong(home):
    w = home + "/w"
    write(w + "/a", "a")
    client = Client(home)
    older = Client(home, version="2025-06-18")

    def call(tool, arguments):
        """Arguments that do not fit: until 2025-06-18 an error of the protocol, since then a result that the model reads."""
        why = older.refused(-32602, {"jsonrpc": "2.0", "id": 9, "method": "tools/call",
                                     "params": {"name": tool, "arguments": arguments}}, 9)
        client.ask("tools/call", {"name": tool, "arguments": arguments}, 9)
        result = client.result(tool, client.answer())
        assert result["isError"] is True and result["structuredContent"]["error"] == {"code": "FIRN_INVALID", "message": why}
        return why

    # What is no JSON: with the id, where there is one to find.
    for line, request_id in ((b"{", None), (b"nothing", None), (b'{"jsonrpc":"2.0","id":7,"method":"ping"', 7),
                             (b'{"jsonrpc":"2.0","id":7,"method":ping}', 7), (b'{"id" : "x\\"y" , }', 'x"y'),
                             (b'{"params":{"id":5},"id":0,"method":"a\xff"}', 0), (b'{"id":1,"id":2}', 1),
                             (b'{"a":"id","id":{"id":3},}', None), (b'[{"id":3},', None), (b'{"id":1e999}', None),
                             (b'{"jsonrpc":"2.0","id":4,"method":"ping"} x', 4), (b"[" * 100000, None),
                             (b'{"id":12', None), (b"\xff\xfe", None), (b'{"id":"\\ud800","x":NaN}', None)):
        client.refused(-32700, line + b"\n", request_id)
    # What is JSON and no message.
    for message in (5, "x", None, True, {}, {"jsonrpc": "1.0", "id": 1, "method": "ping"}, {"jsonrpc": "2.0", "id": 1},
                    {"jsonrpc": "2.0", "id": 1, "method": 5}, {"jsonrpc": "2.0", "id": None, "method": "ping"},
                    {"jsonrpc": "2.0", "id": [1], "method": "ping"}, {"jsonrpc": "2.0", "id": True, "method": "ping"},
                    {"jsonrpc": "2.0", "id": "x" * 1000, "method": "ping"}, {"id": 1, "method": "ping"},
                    {"jsonrpc": "2.0", "id": 1, "method": "ping\0"}, []):
        client.refused(-32600, message)
    for params in ([], 5, "x", None):
        client.refused(-32602, {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": params}, 1)
    for method in ("", "resources/list", "tools/call ", "x" * 5000, "notifications/initialized", "\u2028"):
        client.refused(-32601, {"jsonrpc": "2.0", "id": "i", "method": method}, "i")
    # Calls.
    for params in ({}, {"name": 5}, {"name": "nothing", "arguments": {}}):
        client.refused(-32602, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}, 2)
    for arguments in ([], None, "x", {}):
        call("checkpoint_cat", arguments)
    for bad in (5, [], {}, True, "a\0b"):  # null is as if it was not there
        call("checkpoint_save", {"workspace_path": bad})
    for bad in (-1, "1", 1.5, 1e300, True, [], -0.5):
        call("checkpoint_list", {"workspace_path": w, "limit": bad})
    for bad in ("true", 1, 0, [], {}):
        call("checkpoint_restore", {"workspace_path": w, "snapshot_id": "1", "dry_run": bad})
    for bad in ("a", [], [5], [None], ["a\0"], {}):
        call("checkpoint_status", {"workspace_path": w, "paths": bad})
    call("checkpoint_restore", {"workspace_path": w})
    assert "dryrun" in call("checkpoint_restore", {"workspace_path": w, "snapshot_id": "1", "dryrun": True})
    assert not os.path.exists(home + "/data")
    # What wants no answer, and what is passed over.
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled"})
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": {}}})
    client.send({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "checkpoint_save", "arguments": {"workspace_path": w}}})
    client.send({"jsonrpc": "2.0", "method": "ping"})
    client.send({"jsonrpc": "2.0", "id": 3, "result": {}})
    client.send({"jsonrpc": "2.0", "id": 3, "error": {"code": 1, "message": "x"}})
    client.send_bytes(b"\n \t\r\n\r\n")
    client.send_bytes(b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}\r\n')
    assert client.answer() == {"jsonrpc": "2.0", "id": 1.5, "result": {}}
    assert client.call("checkpoint_list", workspace_path=w, limit=5.0, include_safety=None) == {"checkpoints": []}
    assert client.close() == ([], "")


def test_large_lines(home):
    client = Client(home)
    client.refused(-32600, b'{"jsonrpc":"2.0","id":41,"method":"ping","params":{"x":"' + b"y" * (10 << 20) + b'"}}\n', 41)
    client.refused(-32600, b"z" * (3 << 20) + b"\n", None)
    assert client.request("ping", x="y" * (900 << 10)) == {}
    # One byte at a time, and many messages at once.
    for byte in b'{"jsonrpc":"2.0","id":"slow","method":"ping"}\n':
        client.send_bytes(bytes([byte]))
    assert client.answer()["id"] == "slow"
    threading.Thread(target=client.send_bytes, args=(b"".join(
        b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % i for i in range(20000)),)).start()
    assert [client.answer()["id"] for _ in range(20000)] == list(range(20000))
    client.close()


def test_batches(home):
    w = home + "/w"
    write(w + "/a", "a")
    client = Client(home, version="2025-03-26")
    save = {"jsonrpc": "2.0", "id": "s", "method": "tools/call",
            "params": {"name": "checkpoint_save", "arguments": {"workspace_path": w}}}
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    client.send([ping, save, note, dict(save, id="t"), 5, {"jsonrpc": "2.0", "id": 2, "method": "x"}])
    answers = client.answer()
    assert sorted(str(one["id"]) for one in answers) == ["1", "2", "None", "s", "t"], answers
    by_id = {one["id"]: one for one in answers}
    assert by_id["s"]["result"]["structuredContent"]["number"] == 1 and by_id["t"]["result"]["structuredContent"]["number"] == 2
    assert by_id[None]["error"]["code"] == -32600 and by_id[2]["error"]["code"] == -32601
    client.send([note, note])
    client.refused(-32600, [], None)
    client.refused(-32600, [ping] * 101, None)
    client.send([ping] * 100)
    assert len(client.answer()) == 100
    client.send([{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": VERSIONS[0]}}])
    assert client.answer()[0]["error"]["code"] == -32600
    assert client.close() == ([], "")


def test_too_many_calls_wait(home):
    w = home + "/w"
    write(w + "/a", "a")
    Client(home).call("checkpoint_save", workspace_path=w)
    client = Client(home, "--wait", "1000")
    lock = hold_lock(home)
    ids = [client.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w, "if_changed": True}})
           for _ in range(120)]
    refused = []
    ping = client.ask("ping")
    while (answer := client.answer())["id"] != ping:
        assert answer["error"]["code"] == -31000, answer
        refused.append(answer["id"])
    assert len(refused) in (19, 20) and set(refused) <= set(ids), refused
    lock.close()
    left = set(ids) - set(refused)
    while left:
        answer = client.answer()
        assert answer["result"]["isError"] is False
        left.remove(answer["id"])
    client.close()


def test_the_end_of_the_input(home):
    w = home + "/w"
    write(w + "/a", "a")
    client = Client(home)
    assert client.close() == ([], "")
    client = Client(home)
    client.send_bytes(b'{"jsonrpc":"2.0","id":1,"method":"pi')
    rest, errors = client.close()
    assert rest == [] and "within a message" in errors
    # What was asked for is done and answered.
    client = Client(home)
    for _ in range(5):
        client.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w}})
    rest, _ = client.close()
    assert [one["result"]["structuredContent"]["number"] for one in rest] == [1, 2, 3, 4, 5]
    # No input at all, no output at all.
    for closing in ("<&-", ">&-", "<&- >&-"):
        done = subprocess.run(["/bin/sh", "-c", f'"$0" mcp {closing} 2>/dev/null', FIRN], check=False, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL)
        assert done.returncode in (0, 1), done


def test_signals(home):
    w = home + "/w"
    write(w + "/a", "a")
    Client(home).call("checkpoint_save", workspace_path=w)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        client = Client(home, "--wait", "1000")
        client.server.send_signal(number)
        assert client.server.wait(PATIENCE) == 128 + number
        client = Client(home, "--wait", "1000")
        with hold_lock(home):
            client.ask("tools/call", {"name": "checkpoint_save", "arguments": {"workspace_path": w}})
            assert client.request("ping") == {}
            client.server.send_signal(number)
            assert client.server.wait(PATIENCE) == 128 + number
    # A client that has gone.
    client = Client(home)
    client.server.stdout.close()
    try:
        client.ask("ping")
        client.ask("ping")
        client.server.stdin.close()
    except BrokenPipeError:
        pass  # the server has gone by then
    assert client.server.wait(PATIENCE) in (0, 1)


def test_settings_and_options(home):
    w = home + "/w"
    write(w + "/a", "a")
    write(w + "/.gitignore", "*.o\n")
    write(w + "/x.o", "o")
    write(w + "/node_modules/m", "m")
    write(home + "/config/firn/config", "save.gitignore = true\n")
    client = Client(home, "-C", home, "--store", home + "/s")
    saved = client.call("checkpoint_save", workspace_path="w")
    assert saved["stats"]["total_files"] == 2 and saved["excluded"] == 2 and os.path.isdir(home + "/s/packs")
    assert {notice["path"] for notice in saved["notices"]} == {"x.o", "node_modules"}
    assert client.call("checkpoint_save", workspace_path="w", include_deps=True)["stats"]["total_files"] == 3
    client.close()
    # Where the server was started, and without the tool that deletes.
    client = Client(home, "-C", w, "--store", home + "/s", "--no-delete")
    assert {tool["name"] for tool in client.request("tools/list")["tools"]} == set(TOOLS) - {"checkpoint_delete"}
    assert client.call("checkpoint_cat", path="a")["content"] == "a" and client.call("checkpoint_list")["checkpoints"][0]["number"] == 2
    client.refused(-32602, {"jsonrpc": "2.0", "id": 77, "method": "tools/call",
                            "params": {"name": "checkpoint_delete", "arguments": {"snapshot_id": "1"}}}, 77)
    client.close()
    done = subprocess.run([FIRN, "mcp", "--json"], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "FIRN_INVALID"
    assert subprocess.run([FIRN, "mcp", "x"], check=False, capture_output=True).returncode == 2


def test_served_directories(home):
    """A client names directories of others: the server's own and what the user allowed are served, nothing else."""
    own, other, beside = home + "/own", home + "/other", home + "/own-not"
    for place in (own + "/below", other + "/deep", beside):
        write(place + "/secret", "s")
    os.symlink(other, own + "/link")
    os.symlink("../../other", own + "/below/up")
    os.rename(own + "/below", own + "/Below")
    client = Client(home, allow=[], cwd=own)
    assert {tool["name"] for tool in client.request("tools/list")["tools"]} == set(TOOLS) - ON_REQUEST
    client.call("checkpoint_save")
    for path in (".", own, own + "/Below", own + "//Below/.", own + "/../own", own + "/Below/../../own", "Below"):
        assert client.call("checkpoint_list", workspace_path=path)["checkpoints"], path
    for path in (other, other + "/deep", beside, home, "/", "..", "../other", own + "/..", own + "/link", "link", "link/deep", own + "/Below/up", "Below/up/deep",
                 own + "/Below/../../other", home + "/nothing", own + "/link/nothing", own + "/../OWN", "/proc/self/root", "/proc/self/cwd/..", home.upper()):
        for tool, more in (("checkpoint_save", {}), ("checkpoint_cat", {"path": "secret"}), ("checkpoint_restore", {"snapshot_id": "1"}), ("checkpoint_status", {})):
            error = client.failed("FIRN_DENIED", tool, workspace_path=path, **more)
            assert "--allow DIR" in error["hint"] and "secret" not in error["message"], error
    assert "No such" in client.failed("FIRN_NOT_FOUND", "checkpoint_list", workspace_path=own + "/nothing/at/all")["message"]
    client.failed("FIRN_NOT_FOUND", "checkpoint_list", workspace_path=own + "/nothing/../../other")
    client.refused(-32602, {"jsonrpc": "2.0", "id": 78, "method": "tools/call", "params": {"name": "checkpoint_delete", "arguments": {"snapshot_id": "1"}}}, 78)
    client.refused(-32602, {"jsonrpc": "2.0", "id": 79, "method": "tools/call", "params": {"name": "checkpoint_push", "arguments": {}}}, 79)
    client.close()
    environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config")
    listed = subprocess.run([FIRN, "workspaces", "--json"], check=True, env=environment, capture_output=True, text=True).stdout
    assert json.dumps(own) in listed and other not in listed and beside not in listed, listed
    client = Client(home, allow=["--allow", other, "--allow", beside], cwd=own)
    for path in (own, other, other + "/deep", "link", beside):
        client.call("checkpoint_status", workspace_path=path) if path == own else client.call("checkpoint_list", workspace_path=path)
    client.failed("FIRN_DENIED", "checkpoint_list", workspace_path=home)
    client.close()
    done = subprocess.run([FIRN, "mcp", "--allow", home + "/gone"], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 3 and b"--allow" in done.stderr, done
    # The home and the root directory count for themselves alone.
    for place, inside in ((home, own), ("/", home)):
        client = Client(home, allow=[], cwd=place)
        client.failed("FIRN_DENIED", "checkpoint_list", workspace_path=inside)
        client.call("checkpoint_list")
        client.close()


def exchange(first, second, stop):
    """Exchanges two names over and over."""
    libc = ctypes.CDLL(None, use_errno=True)
    while not stop.is_set():
        assert libc.renameat2(-100, first.encode(), -100, second.encode(), 2) == 0, ctypes.get_errno()


def test_exchanged_links(home):
    """A directory that turns into a link while a call runs leads the call nowhere: neither to a directory nor to its store."""
    own, other = home + "/own", home + "/other"
    environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config")
    for place, text in ((own + "/a", "mine"), (other, "secret"), (own + "/in", "mine"), (home + "/other-in", "secret")):
        write(place + "/f", text)
        inside = ["--store", ".firn"] if place.endswith("in") else []
        subprocess.run([FIRN, *inside, "save", "-q"], check=True, cwd=place, env=environment, stdout=subprocess.DEVNULL)
        write(place + "/f", text + " now")
    os.symlink("../other", own + "/b")
    os.symlink("../other-in", own + "/in-link")
    client = Client(home, allow=[], cwd=own)
    answered = 0
    for directory, link, outside in (("/a", "/b", other), ("/in", "/in-link", home + "/other-in")):
        stop = multiprocessing.Event()
        process = multiprocessing.Process(target=exchange, args=(own + directory, own + link, stop))
        process.start()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            for tool, more in (("checkpoint_cat", {"path": "f"}), ("checkpoint_restore", {"snapshot_id": "1", "paths": ["f"]}), ("checkpoint_save", {})):
                client.ask("tools/call", {"name": tool, "arguments": {"workspace_path": own + directory, **more}})
                answer = client.answer()["result"]
                assert "secret" not in json.dumps(answer), (tool, answer)
                answered += not answer["isError"]
        stop.set()
        process.join()
        assert process.exitcode == 0
        with open(outside + "/f", encoding="utf-8") as file:
            assert file.read() == "secret now"
        store = ["--store", ".firn"] if directory == "/in" else []
        log = subprocess.run([FIRN, *store, "log", "--json"], check=True, cwd=outside, env=environment, capture_output=True, text=True).stdout
        assert len(json.loads(log)["checkpoints"]) == 1, log
    assert answered > 0
    client.close()


def test_store_that_names_another_root(home):
    """A store given by --store that has one workspace, elsewhere, does not lead a call there."""
    own, other = home + "/own", home + "/other"
    write(other + "/secret", "s")
    write(own + "/a", "a")
    environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data")
    subprocess.run([FIRN, "-C", other, "--store", home + "/s", "save", "-q"], check=True, env=environment, stdout=subprocess.DEVNULL)
    client = Client(home, "--store", home + "/s", allow=[], cwd=own)
    client.ask("tools/call", {"name": "checkpoint_cat", "arguments": {"path": "secret"}})
    assert client.answer()["result"]["isError"] is True
    client.close()


def test_roots(home):
    """The client's roots are served, as it last told them; what it says wrong counts for nothing."""
    own, project, later = home + "/own", home + "/pro ject\u00e9", home + "/later"
    for place in (own, project, later):
        write(place + "/a", "a")
    uri = "file://" + project.replace(" ", "%20").replace("\u00e9", "%C3%A9")
    client = Client(home, allow=[], cwd=own, roots=[uri, "file://localhost" + home + "/nothing", "https://x/y", "file:///%zz", "file:///%00", "relative"])
    client.call("checkpoint_save", workspace_path=project)
    client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=later)
    client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=home)
    client.roots = ["file://localhost" + later]
    client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
    client.call("checkpoint_save", workspace_path=later)
    client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=project)
    for answer in ({"error": {"code": -32601, "message": "no"}}, {"result": {}}, {"result": {"roots": {"uri": "file:///"}}}, {"result": {"roots": [5, None, {"uri": 5}, {}]}},
                   {"result": {"roots": [{"uri": "file://" + home + "\0"}, {"uri": "file://evil" + home}, {"uri": "file:" + home}, {"uri": "file://" + home + "?x"}]}}):
        client.roots = answer
        client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=later)
    client.send({"jsonrpc": "2.0", "id": "firn-roots-1", "result": {"roots": [{"uri": "file://" + home}]}})  # answered long ago
    client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=later)
    client.call("checkpoint_save", workspace_path=own)
    client.close()
    # An answer that does not come does not keep the server's own directory waiting, and the others not for ever.
    client = Client(home, allow=[], cwd=own, roots="silent")
    begun = time.monotonic()
    client.call("checkpoint_save")
    assert time.monotonic() - begun < 4 * SLOW
    client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=later)
    client.close()
    # A client that cannot be asked is not; one that says nothing at initialize has no roots.
    client = Client(home, allow=[], cwd=own)
    client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
    client.send({"jsonrpc": "2.0", "id": "firn-roots-1", "result": {"roots": [{"uri": "file://" + later}]}})
    client.failed("FIRN_DENIED", "checkpoint_save", workspace_path=later)
    client.close()


def test_patch_of_links(home):
    """What a link leads to is no part of a patch."""
    evil = "x\ndiff --git a/.envrc b/.envrc\n--- /dev/null\n+++ b/.envrc\n@@ -0,0 +1 @@\n+evil"
    write(home + "/w/a", "a\n")
    client = Client(home)
    client.call("checkpoint_save", workspace_path=home + "/w")
    os.symlink(evil, home + "/w/link")
    write(home + "/w/a", "b\n")
    answer = client.call("checkpoint_diff", workspace_path=home + "/w", patch=True)
    assert [change.get("patch") for change in answer["changes"]] == ["@@ -1,1 +1,1 @@\n-a\n+b\n", None], answer
    client.close()


def test_side_by_side(home):
    """Two servers and a hundred saves of the command on one workspace."""
    w = home + "/w"
    write(w + "/a", "a")
    clients = [Client(home, "--store", home + "/s") for _ in range(2)]
    rounds = 50
    problems = []

    def serve(client):
        try:
            for i in range(rounds):
                client.call("checkpoint_save", workspace_path=w, message=f"{i}")
                client.call("checkpoint_list", workspace_path=w, limit=3)
        except AssertionError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=serve, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for i in range(100):
        write(w + "/b", f"{i}")
        done = subprocess.run([FIRN, "-C", w, "--store", home + "/s", "save", "-q"], check=False, capture_output=True)
        assert done.returncode in (0, 6), done.stderr
    for thread in threads:
        thread.join()
    assert not problems, problems
    listed = clients[0].call("checkpoint_list", workspace_path=w)["checkpoints"]
    assert sorted(one["number"] for one in listed) == list(range(1, 2 * rounds + 101))
    subprocess.run([FIRN, "-C", w, "--store", home + "/s", "check", "-q"], check=True)
    for client in clients:
        client.close()
    print(f"count: {len(listed)} saves by two servers and a command at once")


def main():
    tests = {name: run for name, run in globals().items() if name.startswith("test_")}
    failed = 0
    for name in sys.argv[2:] or tests:
        home = tempfile.mkdtemp(prefix="firn-mcp-")
        begun = time.monotonic()
        try:
            tests[name](home)
            print(f"ok      {name} {time.monotonic() - begun:.1f} s", flush=True)
        except Exception as problem:  # pylint: disable=broad-except
            failed += 1
            import traceback
            traceback.print_exc()
            print(f"FAILED  {name}: {problem}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
    print(f"count: {messages_seen} messages of the MCP server checked")
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
