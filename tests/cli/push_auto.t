Each save is pushed in the background, once push.auto names a remote.

  $ until_there() { for i in $(seq 600); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.05; done; echo "not there after 30 s"; }
  $ left() { firn status --json | python3 -c 'import json, sys; print(*[r["not_pushed"] for r in json.load(sys.stdin)["remotes"]], "left")'; }
  $ all_pushed() { [ "$(left)" = "0 left" ]; }
  $ has_failed() { firn status | grep -q "last try failed"; }
  $ echo one >f && firn save -q && firn config push.auto origin
  1
  ! firn: there is no remote 'origin' yet
  ! hint: firn remote add NAME URL gives one a name
  $ firn save -q && firn remote add origin ../shared -q && firn save -q && until_there all_pushed && firn status
  2
  3
  compared with 3: no change; 1 unchanged
  $ for value in true '' ' ' -x a/b; do firn config push.auto "$value"; done
  ! firn: push.auto takes the name of a remote, or false
  ! firn: push.auto takes the name of a remote, or false
  ! firn: push.auto takes the name of a remote, or false
  ! firn: config: unknown option '-x'
  ! usage: firn config [options] [SETTING] [VALUE]
  ! help: firn help config
  ! firn: push.auto takes the name of a remote, or false
  [2]

Offline, saves go on, and the status says what is missing. The pause after a failure grows.

  $ mv ../shared ../away && echo two >f && firn save -q && until_there has_failed && firn status
  4
  compared with 4: no change; 1 unchanged
  not pushed to origin yet: 1 checkpoint; the last try failed <ago>: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  $ echo three >f && firn save -q && firn status --json | python3 -c 'import json, sys; print([(r["not_pushed"], r["failure"][-25:]) for r in json.load(sys.stdin)["remotes"]])'
  5
  [(2, 'No such file or directory')]
  $ firn push --auto && firn push --auto --json
  nothing to do: all is pushed, or the last try has just failed, or another push waits already
  {"checkpoints":0,"objects":0,"bytes":0,"requests":0,"due":false,"notices":[]}
  $ firn push
  ! firn: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  ! hint: if it is on another disk or machine, mount that first
  [3]
  $ sleep 6; firn push --auto -q
  ! firn: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  ! hint: if it is on another disk or machine, mount that first
  [3]
  $ sleep 6; firn push --auto
  nothing to do: all is pushed, or the last try has just failed, or another push waits already
  $ mv ../away ../shared; sleep 5; echo four >f && firn save -q && until_there all_pushed && firn status
  6
  compared with 6: no change; 1 unchanged

A push by hand tries at once, and what it says of the last failure is gone after it.

  $ mv ../shared ../away && echo five >f && firn save -q && until_there has_failed && mv ../away ../shared && firn push -q && firn status && firn status --json | python3 -c 'import json, sys; print([(r["failed"], r["failure"]) for r in json.load(sys.stdin)["remotes"]])'
  7
  compared with 7: no change; 1 unchanged
  [(None, None)]

Checkpoints that are saved while a push runs are sent, too.

  $ for i in $(seq 40); do echo $i >f; firn save -q; done | tail -n 1; until_there all_pushed; left
  47
  0 left
  $ for n in 1 2 3 4; do (for i in $(seq 10); do echo $n $i >f$n; firn save -q; done) & done >/dev/null; wait; until_there all_pushed; left
  0 left
  $ mkdir ../other && firn -C ../other remote add origin ../shared -q && firn -C ../other pull -q && firn -C ../other list origin -q | wc -l
  87

What runs for long keeps others waiting, in the background. A save of another workspace of the store is not lost either.

  $ python3 - $XDG_DATA_HOME/firn/w-*/outgoing/LOCK <<'END'
  > import fcntl, os, struct, sys, subprocess
  > def firn(*words): return subprocess.run(["firn", *words], capture_output=True, text=True).stdout
  > lock = os.open(sys.argv[1], os.O_RDWR)
  > fcntl.fcntl(lock, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
  > for i in range(5):
  >     open("f", "w").write(f"held {i}")
  >     print(firn("save", "-q").strip(), end=" ")
  > print("not pushed" in firn("status"))
  > END
  88 89 90 91 92 True
  $ until_there all_pushed; left
  0 left

Not with --no-config; and not to a remote that is gone.

  $ echo six >f && firn save --no-config -q && sleep 1 && left
  93
  1 left
  $ firn push -q && firn config push.auto nowhere
  ! firn: there is no remote 'nowhere' yet
  ! hint: firn remote add NAME URL gives one a name
  $ echo seven >f && firn save -q && sleep 1 && left && firn config push.auto
  94
  1 left
  nowhere
  $ firn push --auto origin 94
  ! firn: push: --auto pushes all that is new: it takes no REF
  ! usage: firn push [options] [REMOTE] [REF...]
  ! help: firn help push
  [2]

A watch pushes with --push, says once that it cannot, and tries again by itself.

  $ firn config --unset push.auto && firn watch --push nas
  ! firn: there is no remote 'nas'
  ! hint: firn remote list shows the remotes
  [3]
  $ firn watch nas
  ! firn: watch: a REMOTE is for --push; else install or remove
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]
  $ firn watch --push --no-save
  ! firn: watch: --push excludes --no-save, --status and --stop
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]
  $ firn watch --push --quiet-time 0.1 -q >../log 2>&1 &
  $ until_there all_pushed; left
  0 left
  $ echo eight >f && until_there grep 95 ../log && until_there all_pushed && left
  0 left
  $ mv ../shared ../away && echo nine >f && until_there grep "not pushed" ../log && echo ten >f && until_there grep 97 ../log && sleep 8 && mv ../away ../shared && until_there grep 'origin again' ../log && left
  0 left
  $ firn watch --stop -q >/dev/null; wait $!; cat ../log
  95
  96
  firn: not pushed to origin: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  hint: nothing is lost: the watch tries again by itself
  97
  firn: pushed to origin again

Hooks push with --push, which is written into the settings.

  $ mkdir ../alone && cd ../alone && firn hook install codex --push; cd ../w
  .codex/hooks.json: every turn is saved from now on
  this directory is saved now: checkpoint 1, 1 file
  still to do: nothing is pushed until there is a remote: firn remote add NAME URL
  still to do: trust them in Codex, with /hooks: until then it does not run them
  $ firn hook install claude --push && grep -o 'firn hook run.*"' .claude/settings.json && firn hook install claude --push -q && firn hook install claude -q && grep -c -e --push .claude/settings.json
  .claude/settings.json: every turn is saved from now on
  firn hook run claude before --push"
  firn hook run claude after --push"
  0
  [1]
  $ firn hook print claude --push --store "it's"
  ! firn: hook print: the store's path is too long, or has a quotation mark
  ! usage: firn hook print [options] AGENT
  ! help: firn help hook print
  [2]
  $ echo eleven >f && echo '{"prompt":"x"}' | firn hook run claude before && left && echo '{}' | firn hook run claude after --push && until_there all_pushed && left
  1 left
  0 left

The MCP server: after checkpoint_save by the setting, and with --push by a tool of its own.

  $ ask() { python3 - "$@" <<'END'
  > import json, subprocess, sys
  > lines = [{"id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
  >          {"id": 1, "method": "tools/list"}, {"id": 2, "method": "tools/call", "params": {"name": sys.argv[1], "arguments": json.loads(sys.argv[2])}}]
  > text = "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)
  > answers = [json.loads(line) for line in subprocess.run(["firn", "mcp", *sys.argv[3:]], input=text, capture_output=True, text=True).stdout.splitlines()]
  > tools = {tool["name"]: tool for answer in answers if answer["id"] == 1 for tool in answer["result"]["tools"]}
  > print(tools.get("checkpoint_push", {}).get("annotations"))
  > last = [answer for answer in answers if answer["id"] == 2][0]
  > print(last["error"]["message"] if "error" in last else {k: v for k, v in last["result"]["structuredContent"].items() if k not in ("bytes", "objects")})
  > END
  > }
  $ echo twelve >f && firn save -q && ask checkpoint_push '{}'
  99
  None
  unknown tool 'checkpoint_push'
  $ ask checkpoint_push '{}' --push
  {'title': 'Push checkpoints to a remote', 'readOnlyHint': False, 'destructiveHint': False, 'idempotentHint': True, 'openWorldHint': True}
  {'checkpoints': 1, 'requests': 2, 'notices': []}
  $ ask checkpoint_push '{"remote":"nas"}' --push | tail -n 1
  {'error': {'code': 'FIRN_NOT_FOUND', 'message': "there is no remote 'nas'", 'hint': 'the user decides which remotes there are: firn remote list shows them'}}
  $ firn config push.auto origin && echo thirteen >f && ask checkpoint_save '{}' >/dev/null && until_there all_pushed && left
  0 left
