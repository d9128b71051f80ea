Back before the last turn of an agent.

  $ mkdir w && cd w && say() { echo "{\"prompt\": \"$1\", \"session_id\": \"s\"}"; } && ask() { say "$1" | firn hook run claude before; } && done_() { echo '{"session_id": "s"}' | firn hook run claude after; }
  $ echo one >a && firn undo --turn; firn save -q && firn undo --turn
  1
  ! firn: '<T>/w/w' has no checkpoint yet: there is no store at '<T>/data/firn/w-<hex>'
  ! hint: firn save makes a checkpoint
  ! firn: there is no turn of an agent to undo
  ! hint: a turn that changed git alone is undone with --git; firn list --all shows all states
  [3]

A turn that has ended.

  $ ask "make it two, please" && echo two >a && done_ && firn undo --turn -n
  changed   a
  would undo the turn of Claude Code (make it two, please), back at 1: 1 changed, 0 added, 0 removed
  $ firn undo --turn && cat a && firn undo --turn
  undid the turn of Claude Code (make it two, please), back at 1: 1 changed, 0 added, 0 removed; redo with: firn redo
  one
  ! firn: there is no turn of an agent to undo
  ! hint: a turn that changed git alone is undone with --git; firn list --all shows all states
  [3]
  $ firn redo && cat a
  redid the turn of Claude Code (make it two, please), now at 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two

What came after it goes with it, and comes back with it; what was saved in it belongs to it.

  $ echo mine >b && firn save -q -m mine && ask "more" && echo more >c && firn save -q -m "in the turn" && echo more >>c && done_ && echo later >d && firn save -q -m later && echo last >e
  3
  4
  6
  $ firn undo --turn
  undid the turn of Claude Code (more) and 3 other steps, back at 3: 0 changed, 0 added, 3 removed; redo with: firn redo
    also unsaved changes: 0 changed, 0 added, 1 removed
    also the save of 6 (later): 0 changed, 0 added, 1 removed
    also the save of 4 (in the turn): 0 changed, 0 added, 1 removed
  $ ls -m && firn undo --list
  a, b
  redo 1    <time>  unsaved changes: 0 changed, 1 added, 0 removed
  redo 1    <time>  the save of 6 (later): 0 changed, 1 added, 0 removed
  redo 1    <time>  the turn of Claude Code (more): 1 changed, 0 added, 0 removed
  redo 1    <time>  the save of 4 (in the turn): 0 changed, 1 added, 0 removed
  now       at 3
  undo 1    <time>  the save of 3 (mine): 0 changed, 0 added, 1 removed
  undo 2    <time>  the turn of Claude Code (make it two, please): 1 changed, 0 added, 0 removed
  $ firn redo && ls -m
  redid the turn of Claude Code (more) and 3 other steps, now at <id>: 0 changed, 3 added, 0 removed; take this back with: firn undo
    also the save of 4 (in the turn): 0 changed, 1 added, 0 removed
    also the save of 6 (later): 0 changed, 1 added, 0 removed
    also unsaved changes: 0 changed, 1 added, 0 removed
  a, b, c, d, e
  $ firn undo --list --json >../list && python3 -c 'import json
  > print([s["turn"]["prompt"] for s in json.load(open("../list"))["steps"] if "turn" in s])'
  ['more', 'make it two, please']

The turn before; then there is none.

  $ firn undo --turn -q && firn undo --turn && cat a
  undid the turn of Claude Code (make it two, please) and 1 other step, back at 1: 1 changed, 0 added, 1 removed; redo with: firn redo
    also the save of 3 (mine): 0 changed, 0 added, 1 removed
  one
  $ firn undo --turn
  ! firn: there is no turn of an agent to undo
  ! hint: a turn that changed git alone is undone with --git; firn list --all shows all states
  [3]
  $ firn redo && firn redo && ls -m
  redid the turn of Claude Code (make it two, please) and 1 other step, now at 3: 1 changed, 1 added, 0 removed; take this back with: firn undo
    also the save of 3 (mine): 0 changed, 1 added, 0 removed
  redid the turn of Claude Code (more) and 3 other steps, now at <id>: 0 changed, 3 added, 0 removed; take this back with: firn undo
    also the save of 4 (in the turn): 0 changed, 1 added, 0 removed
    also the save of 6 (later): 0 changed, 1 added, 0 removed
    also unsaved changes: 0 changed, 1 added, 0 removed
  a, b, c, d, e

One that was interrupted: its edits were not saved, or in part.

  $ firn save -q && ask "delete everything" && rm a b c
  7
  $ firn undo --turn && ls -m
  undid the turn of Claude Code (delete everything), back at <id>: 0 changed, 3 added, 0 removed; redo with: firn redo
  a, b, c, d, e
  $ firn redo && ls -m
  redid unsaved changes, now at <id>: 0 changed, 0 added, 3 removed; take this back with: firn undo
  d, e
  $ firn undo --turn -q && ls -m && echo own >own && firn undo --turn | cut -d';' -f1
  a, b, c, d, e
  undid the turn of Claude Code (more) and 4 other steps, back at 3: 0 changed, 0 added, 4 removed
    also unsaved changes: 0 changed, 0 added, 1 removed
    also unsaved changes: 0 changed, 0 added, 1 removed
    also the save of 6 (later): 0 changed, 0 added, 1 removed
    also the save of 4 (in the turn): 0 changed, 0 added, 1 removed
  $ firn redo -q && firn undo -q && ls -m && ask "again" && rm a && firn save -q -m "what a watch saved" && rm b && firn undo --turn | cut -d";" -f1 && ls -m
  a, b, c, d, e
  8
  undid the turn of Claude Code (again) and 1 other step, back at <id>: 0 changed, 2 added, 0 removed
    also unsaved changes: 0 changed, 1 added, 0 removed
  a, b, c, d, e

One that changed nothing is passed over, and so is what was edited after it.

  $ firn save -q --if-changed; ask "what is this" && done_ && echo own >own && firn undo --turn -n | tail -n 4
  9
    also unsaved changes: 0 changed, 0 added, 1 removed
    also unsaved changes: 0 changed, 0 added, 1 removed
    also the save of 6 (later): 0 changed, 0 added, 1 removed
    also the save of 4 (in the turn): 0 changed, 0 added, 1 removed
  $ firn undo --turn --list; firn undo --turn --limit 2; firn redo --turn
  ! firn: undo: --list and --turn exclude each other
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  ! firn: undo: --limit needs --list
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  ! firn: redo: unknown option '--turn'
  ! usage: firn redo [options]
  ! help: firn help redo
  [2]

With --json, and over MCP.

  $ rm own && firn undo --turn --json >../undo && python3 -c 'import json; u = json.load(open("../undo")); print(u["unsaved"], [(s["kind"], s.get("turn", {}).get("prompt")) for s in u["steps"]])'
  False [('edits', None), ('save', None), ('save', 'more'), ('save', None)]
  $ firn redo -q && echo '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "checkpoint_undo", "arguments": {"workspace_path": ".", "last_turn": true}}}' >../call && (echo '{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}'; echo '{"jsonrpc": "2.0", "method": "notifications/initialized"}'; cat ../call) | firn mcp | tail -n 1 | python3 -c 'import json, sys; r = json.load(sys.stdin)["result"]["structuredContent"]; print([s["text"] for s in r["steps"]], r["back_with"], r["unsaved"])'
  ['unsaved changes', 'the save of 6 (later)', 'the turn of Claude Code (more)', 'the save of 4 (in the turn)'] checkpoint_redo False
  $ firn check -q

A turn that was interrupted ends when the next one begins, in the form of each agent; the next one changes nothing.

  $ mkdir ../i && cd ../i && I=$PWD
  $ interrupted() { mkdir "$1" && cd "$1" && mkdir src && echo 1 >src/a && echo "$2" | firn hook run "$1" before >/dev/null && rm -r src
  > echo "$2" | sed 's/delete it/why?/' | firn hook run "$1" before >/dev/null; echo "$2" | firn hook run "$1" after >/dev/null; firn undo --turn; ls; cd "$I"; }
  $ for a in claude codex gemini opencode; do interrupted $a '{"session_id": "s", "prompt": "delete it"}'; done
  undid the turn of Claude Code (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  undid the turn of Codex (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  undid the turn of Gemini CLI (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  undid the turn of OpenCode (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  $ interrupted cursor '{"conversation_id": "s", "prompt": "delete it"}'; interrupted copilot '{"sessionId": "s", "prompt": "delete it"}'; interrupted cline '{"taskId": "s", "userPromptSubmit": {"prompt": "delete it"}}'; interrupted windsurf '{"trajectory_id": "s", "tool_info": {"user_prompt": "delete it"}}'
  undid the turn of Cursor (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  undid the turn of GitHub Copilot (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  undid the turn of Cline (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  undid the turn of Windsurf (delete it), back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  src
  $ cd claude && firn redo && firn log | sed 's/.*ago *//' && firn list | sed 's/.* B *//'
  redid the turn of Claude Code (delete it), now at 2: 0 changed, 0 added, 1 removed; take this back with: firn undo
  Claude Code: delete it   1 file +0 −1
  before Claude Code: delete it   1 file +1 −0
  before Claude Code: why?
  before Claude Code: delete it
