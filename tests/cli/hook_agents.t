The events of each agent, as its documentation has them: the directory, the conversation, the prompt.

  $ mkdir p && echo 1 >p/a && P=$PWD/p
  $ list() { firn -C p list --json -n 1 | python3 -c 'import json, sys
  > one = json.load(sys.stdin)["checkpoints"][0]
  > print(one["number"], one["message"], "|", one.get("turn", {}))'; }

Codex: .codex/hooks.json, in the form of Claude Code.

  $ firn hook print codex | tr -d ' \n' && echo
  {"hooks":{"UserPromptSubmit":[{"hooks":[{"type":"command","command":"firnhookruncodexbefore","timeout":600}]}],"Stop":[{"hooks":[{"type":"command","command":"firnhookruncodexafter","timeout":600}]}]}}
  $ echo '{"session_id":"0199-a","turn_id":"t1","transcript_path":null,"cwd":"'$P'","hook_event_name":"UserPromptSubmit","model":"gpt-6","permission_mode":"default","prompt":"make it two"}' | firn hook run codex before
  $ echo 2 >p/a; echo '{"session_id":"0199-a","turn_id":"t1","transcript_path":null,"cwd":"'$P'","hook_event_name":"Stop","model":"gpt-6","permission_mode":"default","stop_hook_active":false,"last_assistant_message":"done"}' | firn hook run codex after; list
  2 after Codex: make it two | {'agent': 'Codex', 'session': '0199-a', 'number': 1, 'prompt': 'make it two'}

GitHub Copilot: a file of its own in .github/hooks, in the home in .copilot/hooks.

  $ firn hook print copilot | tr -d ' \n' && echo
  {"version":1,"hooks":{"userPromptSubmitted":[{"type":"command","bash":"firnhookruncopilotbefore","timeoutSec":600}],"agentStop":[{"type":"command","bash":"firnhookruncopilotafter","timeoutSec":600}]}}
  $ echo '{"sessionId":"c-1","timestamp":1704614500000,"cwd":"'$P'","prompt":"make it three"}' | firn hook run copilot before
  $ echo 3 >p/a; echo '{"sessionId":"c-1","timestamp":1704614600000,"cwd":"'$P'","transcriptPath":"/t","stopReason":"end_turn","stop_hook_active":false}' | firn hook run copilot after; list
  3 after GitHub Copilot: make it three | {'agent': 'GitHub Copilot', 'session': 'c-1', 'number': 1, 'prompt': 'make it three'}
  $ echo '{"hook_event_name":"UserPromptSubmit","session_id":"c-2","timestamp":"2026-01-01T00:00:00Z","cwd":"'$P'","prompt":"the other form"}' | firn hook run copilot before
  $ echo 33 >p/a; echo '{"hook_event_name":"Stop","session_id":"c-2","cwd":"'$P'","stop_reason":"end_turn"}' | firn hook run copilot after; list
  4 after GitHub Copilot: the other form | {'agent': 'GitHub Copilot', 'session': 'c-2', 'number': 1, 'prompt': 'the other form'}
  $ (cd p && firn hook install copilot && ls .github/hooks && firn hook install copilot && firn hook remove copilot && ls -A .github/hooks && rm -r .github)
  .github/hooks/firn.json: every turn is saved from now on
  firn.json
  .github/hooks/firn.json: has firn's hooks already
  .github/hooks/firn.json: firn's hooks and the file were removed: it contained nothing else
  $ firn hook install copilot --user && firn hook remove copilot --user
  <T>/home/.copilot/hooks/firn.json: every turn is saved from now on
  <T>/home/.copilot/hooks/firn.json: firn's hooks and the file were removed: it contained nothing else

Windsurf: its events have no directory; hooks begin in the root of the workspace.

  $ firn hook print windsurf | tr -d ' \n' && echo
  {"hooks":{"pre_user_prompt":[{"command":"firnhookrunwindsurfbefore"}],"post_cascade_response":[{"command":"firnhookrunwindsurfafter"}]}}
  $ cd p && echo '{"agent_action_name":"pre_user_prompt","trajectory_id":"w-1","execution_id":"e","timestamp":"2026-01-01T00:00:00Z","model_name":"m","tool_info":{"user_prompt":"make it four"}}' | firn hook run windsurf before
  $ echo 4 >a; echo '{"agent_action_name":"post_cascade_response","trajectory_id":"w-1","execution_id":"e","timestamp":"2026-01-01T00:00:00Z","tool_info":{"response":"done"}}' | firn hook run windsurf after; cd .. && list
  5 after Windsurf: make it four | {'agent': 'Windsurf', 'session': 'w-1', 'number': 1, 'prompt': 'make it four'}
  $ echo 44 >p/a; echo '{"agent_action_name":"post_run_command","trajectory_id":"w-1","tool_info":{"command_line":"ls","cwd":"/"}}' | firn hook run windsurf after -C p; list
  6 after Windsurf: make it four | {'agent': 'Windsurf', 'session': 'w-1', 'number': 1, 'prompt': 'make it four'}
  $ firn hook print windsurf --user --json | sed 's/"settings".*//'
  {"agent":"windsurf","file":"<T>/home/.codeium/windsurf/hooks.json",

Cline: scripts, which always let the task go on.

  $ firn hook print cline
  ==> .clinerules/hooks/UserPromptSubmit
  #!/bin/sh
  # Saves the turns of Cline. Written by: firn hook install cline
  # Deleted by: firn hook remove cline
  timeout 25 firn hook run cline before >/dev/null
  echo '{"cancel": false}'
  ==> .clinerules/hooks/TaskStart
  #!/bin/sh
  # Saves the turns of Cline. Written by: firn hook install cline
  # Deleted by: firn hook remove cline
  timeout 25 firn hook run cline before >/dev/null
  echo '{"cancel": false}'
  ==> .clinerules/hooks/TaskResume
  #!/bin/sh
  # Saves the turns of Cline. Written by: firn hook install cline
  # Deleted by: firn hook remove cline
  timeout 25 firn hook run cline before >/dev/null
  echo '{"cancel": false}'
  ==> .clinerules/hooks/TaskComplete
  #!/bin/sh
  # Saves the turns of Cline. Written by: firn hook install cline
  # Deleted by: firn hook remove cline
  timeout 25 firn hook run cline after >/dev/null
  echo '{"cancel": false}'
  ==> .clinerules/hooks/TaskCancel
  #!/bin/sh
  # Saves the turns of Cline. Written by: firn hook install cline
  # Deleted by: firn hook remove cline
  timeout 25 firn hook run cline after >/dev/null
  echo '{"cancel": false}'
  ==> .clinerules/hooks/TaskError
  #!/bin/sh
  # Saves the turns of Cline. Written by: firn hook install cline
  # Deleted by: firn hook remove cline
  timeout 25 firn hook run cline after >/dev/null
  echo '{"cancel": false}'
  $ cd p && firn hook install cline && ls .clinerules/hooks && stat -c %A .clinerules/hooks/* && firn hook install cline
  .clinerules/hooks: every turn is saved from now on
  TaskCancel
  TaskComplete
  TaskError
  TaskResume
  TaskStart
  UserPromptSubmit
  -rwxr-xr-x
  -rwxr-xr-x
  -rwxr-xr-x
  -rwxr-xr-x
  -rwxr-xr-x
  -rwxr-xr-x
  .clinerules/hooks: has firn's hooks already
  $ echo '{"clineVersion":"3.36.0","hookName":"UserPromptSubmit","timestamp":"1","taskId":"k-1","workspaceRoots":["'$P'"],"userId":"u","userPromptSubmit":{"prompt":"make it five","attachments":[]}}' | .clinerules/hooks/UserPromptSubmit
  {"cancel": false}
  $ echo 5 >a; echo '{"clineVersion":"3.36.0","hookName":"TaskComplete","timestamp":"2","taskId":"k-1","workspaceRoots":["'$P'"],"userId":"u","taskComplete":{"taskMetadata":{"taskId":"k-1","ulid":"x"}}}' | .clinerules/hooks/TaskComplete; cd .. && list
  {"cancel": false}
  8 after Cline: make it five | {'agent': 'Cline', 'session': 'k-1', 'number': 1, 'prompt': 'make it five'}
  $ cd p && echo '{"taskId":"k-1","workspaceRoots":["/nowhere/at/all"]}' | .clinerules/hooks/TaskCancel
  {"cancel": false}
  ! firn: could not open directory '/nowhere/at/all': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  $ env PATH=/usr/bin:/bin .clinerules/hooks/TaskCancel </dev/null
  {"cancel": false}
  ! timeout: failed to run command ‘firn’: No such file or directory
  $ firn restore 1 | head -n 1 && ls -A . && firn undo -q && ls .clinerules/hooks
  restored 1: 1 changed, 0 added, 6 removed; take this back with: firn undo
  a
  TaskCancel
  TaskComplete
  TaskError
  TaskResume
  TaskStart
  UserPromptSubmit
  ! firn: .clinerules/hooks: firn's hooks are no longer in it, so the turns of Cline are not saved any more; firn hook install cline puts them back
  $ firn hook remove cline && ls -A .clinerules/hooks && rm -r .clinerules
  .clinerules/hooks: firn's hooks were removed
  $ mkdir -p .clinerules/hooks && echo mine >.clinerules/hooks/TaskCancel && firn hook install cline
  ! firn: '.clinerules/hooks/TaskCancel' is there already, and is not firn's
  ! hint: add them by hand: firn hook print shows the text
  [2]
  $ ls .clinerules/hooks && firn hook remove cline && cat .clinerules/hooks/TaskCancel && rm -r .clinerules
  TaskCancel
  .clinerules/hooks: has no hooks of firn
  mine
  $ echo rules >.clinerules && firn hook install cline
  ! firn: could not open the directory '.clinerules': Not a directory
  [1]
  $ rm .clinerules && firn hook install cline --file x
  ! firn: hook install: Cline reads its hooks from '.clinerules/hooks' only
  ! usage: firn hook install [options] [AGENT]
  ! help: firn help hook install
  [2]
  $ firn hook install cline --user && ls "$HOME/Documents/Cline/Hooks" && firn hook remove cline --user
  <T>/home/Documents/Cline/Hooks: every turn is saved from now on
  TaskCancel
  TaskComplete
  TaskError
  TaskResume
  TaskStart
  UserPromptSubmit
  <T>/home/Documents/Cline/Hooks: firn's hooks were removed
  $ firn hook install cline --store "../it's" -q
  ! firn: hook install: the store's path is too long, or has a quotation mark
  ! usage: firn hook install [options] [AGENT]
  ! help: firn help hook install
  [2]
  $ firn hook install cline --store "../s p" -q && grep timeout .clinerules/hooks/TaskCancel && firn hook remove cline -q; cd ..
  timeout 25 firn hook run cline after --store '<T>/w/p/../s p' >/dev/null

Cline's command line has no event for the prompt that a task begins with, but TaskStart: the turn has no prompt. In an editor both come.

  $ cd p && firn hook install cline -q --tools && say() { echo '{"clineVersion":"","taskId":"'$2'","workspaceRoots":["'$P'"],"hookName":"x"'"$3"'}' | .clinerules/hooks/$1; }
  $ say TaskStart k-2 ',"taskStart":{"taskMetadata":{}}' && echo 51 >a && say PostToolUse k-2 ',"postToolUse":{"toolName":"run_commands"}' && echo 52 >a && say TaskComplete k-2 && (cd .. && list)
  {"cancel": false}
  {"cancel": false}
  {"cancel": false}
  11 after Cline | {'agent': 'Cline', 'session': 'k-2', 'number': 1, 'prompt': ''}
  $ firn undo --turn -q && cat a && firn redo -q
  5
  $ say TaskStart k-3 >../out && say UserPromptSubmit k-3 ',"userPromptSubmit":{"prompt":"and six"}' >../out && echo 61 >a && say TaskResume k-3 >../out && echo 62 >a && say TaskError k-3 >../out && (cd .. && list)
  13 after Cline: and six | {'agent': 'Cline', 'session': 'k-3', 'number': 2, 'prompt': 'and six'}
  $ firn undo --turn -q && cat a && firn redo -q && firn hook remove cline -q && rm -r .clinerules ../out; cd ..
  52

Qwen Code: .qwen/settings.json, in the form of Claude Code. In the middle of a turn its event comes again, with an empty prompt.

  $ firn hook print qwen --tools | tr -d ' \n' && echo
  {"hooks":{"UserPromptSubmit":[{"hooks":[{"type":"command","command":"firnhookrunqwenbefore","timeout":600000}]}],"Stop":[{"hooks":[{"type":"command","command":"firnhookrunqwenafter","timeout":600000}]}],"PostToolUse":[{"hooks":[{"type":"command","command":"firnhookrunqwentool","timeout":600000}]}],"PostToolUseFailure":[{"hooks":[{"type":"command","command":"firnhookrunqwentool","timeout":600000}]}]}}
  $ q() { echo '{"session_id":"q-1","transcript_path":"/t","cwd":"/","hook_event_name":"'$1'","timestamp":"2026-01-01T00:00:00Z"'"$2"'}' | QWEN_PROJECT_DIR=$P firn hook run qwen $3; }
  $ q UserPromptSubmit ',"prompt":"make it seven"' before; echo 7 >p/a; q PostToolUse ',"tool_name":"run_shell_command"' tool; q UserPromptSubmit ',"prompt":""' before; echo 77 >p/a; q Stop ',"stop_hook_active":true' after; list
  16 after Qwen Code: make it seven | {'agent': 'Qwen Code', 'session': 'q-1', 'number': 1, 'prompt': 'make it seven'}
  $ firn -C p undo --turn -q && cat p/a && firn -C p redo -q
  62

OpenCode: a plugin, which node can at least read (hook_opencode.t runs it).

  $ cd p && firn hook install opencode && ls -A .opencode/plugins && firn hook install opencode
  .opencode/plugins/firn.js: every turn is saved from now on
  firn.js
  .opencode/plugins/firn.js: has firn's hooks already
  $ cmp .opencode/plugins/firn.js <(firn hook print opencode) && firn hook print opencode --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["files"][0]["path"])'
  .opencode/plugins/firn.js
  $ echo // mine >.opencode/plugins/firn.js; firn hook install opencode
  ! firn: '.opencode/plugins/firn.js' is there already, and is not firn's
  ! hint: add them by hand: firn hook print shows the text
  [2]
  $ firn hook remove opencode; cat .opencode/plugins/firn.js; rm -r .opencode
  .opencode/plugins/firn.js: has no hooks of firn
  // mine
  $ firn hook install opencode --user && firn hook remove opencode --user
  <T>/home/.config/opencode/plugins/firn.js: every turn is saved from now on
  <T>/home/.config/opencode/plugins/firn.js: firn's hooks were removed
  $ firn hook print opencode --store '/a"b\c' | grep '^const options'
  const options = " --store '/a\"b\\c'"
  $ printf 'x' >"$(printf 'bad\377')"; firn hook print opencode --store "$PWD/$(printf 'bad\377')"; rm bad*; cd ..
  ! firn: the store's path is not UTF-8

Lost with a restore, each is named.

  $ mkdir z && cd z && echo 1 >a && firn save -q && for a in codex copilot windsurf cline opencode; do firn hook install $a -q; done
  1
  $ firn restore 1 2>&1 | sed 's/so the turns.*more; //'
  restored 1: 0 changed, 0 added, 10 removed; take this back with: firn undo
  firn: .codex/hooks.json: firn's hooks are no longer in it, firn hook install codex puts them back
  firn: .github/hooks/firn.json: firn's hooks are no longer in it, firn hook install copilot puts them back
  firn: .windsurf/hooks.json: firn's hooks are no longer in it, firn hook install windsurf puts them back
  firn: .clinerules/hooks: firn's hooks are no longer in it, firn hook install cline puts them back
  firn: .opencode/plugins/firn.js: firn's hooks are no longer in it, firn hook install opencode puts them back
  $ cd .. && rm -r z

Nothing that they say makes a hook fail: no JSON, wrong types, deep nesting, huge, hostile names.

  $ for agent in codex copilot windsurf cline opencode; do
  >     for event in '' '[]' 'null' '5' '{' '{"tool_info":5}' '{"tool_info":{"user_prompt":{}}}' '{"userPromptSubmit":[]}' '{"sessionId":null,"session_id":5,"taskId":[]}' \
  >         '{"workspaceRoots":5,"cwd":["/"]}' '{"workspaceRoots":[5,null,{},"relative","../.."]}' '{"prompt":"\u0000"}' '{"toolName":"\u0000x","tool_name":5}' '{"prompt":"\ud83d"}'; do
  >         for when in before tool after; do
  >             printf '%s' "$event" | firn hook run $agent $when -C p || echo "$agent $when: $event: $?"
  >         done
  >     done
  > done
  $ python3 -c 'print("[" * 100000)' | firn hook run copilot before -C p
  $ python3 -c 'print("{\"tool_info\":" * 3000 + "1" + "}" * 3000)' | firn hook run windsurf before -C p
  $ echo 6 >p/a; python3 -c 'import json; print(json.dumps({"sessionId": "s" * 300, "toolName": "\u00e9" * 300, "cwd": "/" + "x" * 5000}))' | firn hook run copilot tool -C p; list
  17 GitHub Copilot, ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé | {'agent': 'GitHub Copilot', 'session': '', 'number': 15, 'prompt': ''}
  $ echo 7 >p/a; head -c 40000000 /dev/zero | tr '\0' ' ' | firn hook run codex after -C p; list
  18 after Codex: � | {'agent': 'Codex', 'session': '', 'number': 14, 'prompt': '�'}
  $ echo 8 >p/a; printf '{"tool_name":"\\u001b[31mred\\n","session_id":"\\u001b]0;x\\u0007"}' | firn hook run codex tool -C p; firn -C p list -n 1; firn -C p log -n 1 --color never
    19  <id>  <time>          1 file        2 B  Codex, \033[31mred
    19  <id>  <ago>Codex, \033[31mred   1 file +1 −1

All agents of which the project or the home has traces; what cannot be changed is named, and the others have the hooks.

  $ mkdir ../all ../home2 && cd ../all && export HOME=$PWD/../home2 && firn hook install --all
  ! firn: no agent has left traces here or in your home
  ! hint: name one: one of claude, codex, gemini, cursor, copilot, opencode, windsurf, cline, qwen
  [3]
  $ mkdir -p .claude .gemini .github "$HOME/.cursor"; echo '// mine' >.gemini/settings.json; touch .github/copilot-instructions.md; firn hook install --all
  .claude/settings.json: every turn is saved from now on
  .cursor/hooks.json: every turn is saved from now on
  GitHub Copilot reads the hooks of Claude Code: it has none of its own
  this directory is saved now: checkpoint 1, 4 files
  ! firn: Gemini CLI: '.gemini/settings.json' is not JSON that can be changed: line 1, column 1: '[' or '{' expected near '/'
  ! hint: add them by hand: firn hook print shows the text
  [6]
  $ firn hook install --all --user --json
  {"agents":[{"agent":"cursor","file":"<T>/all/../home2/.cursor/hooks.json","changed":true}]}
  $ firn hook install --all claude
  ! firn: hook install: --all excludes AGENT and --file
  ! usage: firn hook install [options] [AGENT]
  ! help: firn help hook install
  [2]

The plugin for Claude Code has the hooks that install writes, the version of the program, and commands that it has.

  $ firn hook print claude | diff - "$SOURCE/integrations/claude-code/hooks/hooks.json"
  $ cd "$SOURCE" && python3 -c 'import json; print(json.load(open("integrations/claude-code/.claude-plugin/plugin.json"))["version"] in __import__("subprocess").check_output(["firn", "--version"], text=True), json.load(open(".claude-plugin/marketplace.json"))["plugins"][0]["source"], json.load(open("integrations/claude-code/.mcp.json"))["mcpServers"]["firn"])'
  True ./integrations/claude-code {'command': 'firn', 'args': ['mcp']}
  $ sed -n 's/^!`\(firn [a-z]*\).*`$/\1/p' integrations/claude-code/commands/*.md | while read -r line; do $line --help | head -n 1; done
  usage: firn redo [options]
  usage: firn turns [options]
  usage: firn undo [options] [TURN]
