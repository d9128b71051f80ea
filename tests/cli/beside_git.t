Beside git: each checkpoint knows where HEAD was. git itself is not needed.

  $ mkdir -p .git/refs/heads && echo 'ref: refs/heads/main' >.git/HEAD && echo one >f && firn save -q
  1
  $ echo 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d >.git/refs/heads/main && echo two >f && firn save -q -m second
  2
  $ firn save -q -m third
  3
  $ echo 'ref: refs/heads/fix/it' >.git/HEAD && echo '9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c refs/heads/fix/it' >.git/packed-refs
  $ echo three >f && firn save -q
  4
  $ echo 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c >.git/HEAD && echo four >f && firn save -q && rm .git/HEAD && firn save -q
  5
  6
  $ firn log
     6  <id>  <ago>  no change
     5  <id>  <ago>  1 file +1 −1  (9f8e7d6)
     4  <id>  <ago>  1 file +1 −1  (fix/it 9f8e7d6)
     3  <id>  <ago>  third   no change  (main 1a2b3c4)
     2  <id>  <ago>  second   1 file +1 −1
     1  <id>  <ago>  1 file +1 −0  (main)
  $ for i in 1 2 4 5 6; do firn show $i | grep '^git'; done
  git         main
  git         main 1a2b3c4
  git         fix/it 9f8e7d6
  git         9f8e7d6
  [1]
  $ for i in 1 2 5 6; do firn show $i --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoint"].get("git"))'; done
  {'branch': 'main', 'commit': None}
  {'branch': 'main', 'commit': '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d'}
  {'branch': None, 'commit': '9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c'}
  None

A restore says that HEAD is elsewhere now, and leaves .git alone.

  $ echo 'ref: refs/heads/fix/it' >.git/HEAD; firn restore 2
  git: .git: HEAD moved main → fix/it; branch fix/it new at 9f8e7d6
  restored 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  ! hint: firn restore 2 --git restores git's repositories, too
  $ cat .git/HEAD f
  ref: refs/heads/fix/it
  two
  $ firn restore 4; firn restore 2 -n f; firn restore -q 2; firn restore 2 --to ../there
  restored 4: 1 changed, 0 added, 0 removed; take this back with: firn undo
  changed   f
  would restore 2: 1 changed, 0 added, 0 removed
  git: HEAD was at main 1a2b3c4 then and is at fix/it 9f8e7d6; .git stays as it is
  restored 2 into ../there: 0 changed, 1 added, 0 removed
  $ firn undo; firn undo --list | head -n 2
  undid the restore of 2 (second), back at 4: 1 changed, 0 added, 0 removed; redo with: firn redo
  redo 1    <time>  the restore of 2 (second): 1 changed, 0 added, 0 removed
  now       at 4
  $ firn undo --json -n | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["git"], o["checkpoint"]["git"])'
  {'branch': 'fix/it', 'commit': '9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c'} {'branch': 'main', 'commit': '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d'}

Names are shown escaped; what is no name of a branch is not recorded.

  $ printf 'ref: refs/heads/r\xc3\xa4d\xff\n' >.git/HEAD; firn save -q; firn show | grep ^git; firn show --json | grep -o '"git":{[^}]*}'
  7
  git         räd\377
  "git":{"branch":"räd�","branch_hex":"72c3a464ff","commit":null}
  $ printf 'ref: refs/heads/\e[31mred\n' >.git/HEAD; firn save -q; firn show | grep ^git
  8
  [1]
  $ rm .git/HEAD; mkfifo .git/HEAD; firn save -q; rm -r .git; echo 'gitdir: .git' >.git; firn save -q; echo 'gitdir: /proc/self/fd/0' >.git; firn save -q; firn list | wc -l
  9
  10
  11
  11

Over MCP.

  $ rm .git; mkdir -p .git/refs/heads; echo 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d >.git/HEAD; echo last >f; firn save -q
  12
  $ call() { printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}' '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"'$1'","arguments":{'$2'}}}' | firn mcp 2>/dev/null | python3 -c 'import json, sys; r = [json.loads(l) for l in sys.stdin][1]["result"]["structuredContent"]; print([c.get("git") for c in r["checkpoints"]] if "checkpoints" in r else (r.get("git_then"), r.get("git_now")))'; }
  $ call checkpoint_list '"limit":2'; call checkpoint_log '"limit":1'; call checkpoint_restore '"snapshot_id":"4","dry_run":true'; call checkpoint_restore '"snapshot_id":"12","dry_run":true'
  [{'branch': None, 'commit': '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d'}, None]
  [{'branch': None, 'commit': '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d'}]
  ({'branch': 'fix/it', 'commit': '9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c'}, {'branch': None, 'commit': '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d'})
  (None, None)
