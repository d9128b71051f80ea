Turns of coding agents are saved: settings that others wrote get two hooks, and lose nothing.

What is put in, for each agent.

  $ firn hook print claude
  {
    "hooks": {
      "UserPromptSubmit": [
        {
          "hooks": [
            {
              "type": "command",
              "command": "firn hook run claude before",
              "timeout": 600
            }
          ]
        }
      ],
      "Stop": [
        {
          "hooks": [
            {
              "type": "command",
              "command": "firn hook run claude after",
              "timeout": 600
            }
          ]
        }
      ]
    }
  }
  $ firn hook print gemini | tr -d ' \n' && echo
  {"hooks":{"BeforeAgent":[{"hooks":[{"type":"command","command":"firnhookrungeminibefore","timeout":600000}]}],"AfterAgent":[{"hooks":[{"type":"command","command":"firnhookrungeminiafter","timeout":600000}]}]}}
  $ firn hook print cursor | tr -d ' \n' && echo
  {"version":1,"hooks":{"beforeSubmitPrompt":[{"command":"firnhookruncursorbefore"}],"stop":[{"command":"firnhookruncursorafter"}]}}
  $ firn hook print cursor --user --json | sed 's/"settings".*//'
  {"agent":"cursor","file":"<T>/home/.cursor/hooks.json",
  $ firn hook print cursor --store s | grep stop -A2 | tail -n 1
          "command": "firn hook run cursor after --store '<T>/w/s'"
  $ ls -A

Into a file that is not there, and twice.

  $ firn hook install claude
  .claude/settings.json: every turn is saved from now on
  this directory is saved now: checkpoint 1, 1 file
  $ firn hook print claude | cmp - .claude/settings.json
  $ touch -d 2001-01-01 .claude/settings.json
  $ firn hook install claude
  .claude/settings.json: has firn's hooks already
  $ firn hook install claude --json
  {"agent":"claude","file":".claude/settings.json","changed":false}
  $ find .claude -newermt 2001-01-02 -type f
  $ firn hook remove claude
  .claude/settings.json: firn's hooks and the file were removed: it contained nothing else
  $ ls -A .claude
  $ firn hook remove claude
  .claude/settings.json: has no hooks of firn
  $ firn hook install cursor -q && firn hook remove cursor && rmdir .cursor
  .cursor/hooks.json: firn's hooks and the file were removed: it contained nothing else
  $ mkdir .cursor && echo '{"version":1,"x":2}' >.cursor/hooks.json && firn hook install cursor -q && firn hook remove cursor && tr -d ' \n' <.cursor/hooks.json && rm -r .cursor; echo
  .cursor/hooks.json: firn's hooks were removed
  {"version":1,"x":2}
  $ firn hook install claude -q && ln .claude/settings.json other && firn hook remove claude && cat .claude/settings.json && rm other .claude/settings.json
  .claude/settings.json: firn's hooks were removed
  {}

Everything that was there stays, in its place, and so do modes.

  $ mkdir real && cat >real/settings.json <<'END'
  > {"model":"x","hooks":{"Stop":[{"matcher":"","hooks":[{"type":"command","command":"say done"}]}],
  > "PreToolUse":[{"matcher":"Bash","hooks":[]}]},"z":[1,-2.5,9007199254740993,null,"\u0000\u00e9\ud83d\ude00"],"a":{"b":{}}}
  > END
  $ cp real/settings.json before.json; chmod 640 real/settings.json; rm -r .claude; mv real .claude
  $ firn hook install claude
  .claude/settings.json: every turn is saved from now on
  $ stat -c %a .claude/settings.json && ls -A .claude
  640
  settings.json
  $ python3 - <<'END'
  > import json
  > before, after = json.load(open("before.json")), json.load(open(".claude/settings.json"))
  > print(list(after), list(after["hooks"]), len(after["hooks"]["Stop"]))
  > assert after["hooks"]["Stop"][0] == before["hooks"]["Stop"][0]
  > del after["hooks"]["UserPromptSubmit"], after["hooks"]["Stop"][1]
  > assert after == before
  > END
  ['model', 'hooks', 'z', 'a'] ['Stop', 'PreToolUse', 'UserPromptSubmit'] 2
  $ firn hook install claude -q && firn hook remove claude -q
  $ python3 -c 'import json; assert json.load(open("before.json")) == json.load(open(".claude/settings.json"))'

Not a byte but those of firn changes: formatting, numbers, escapes, line ends, a byte order mark.

  $ cat >style.json <<'END'
  > {
  >     "model" : "x",   "n": [1.0, 1e5, 0.10, 3.14159265358979323846, "\u00e9\/"],
  >     "hooks": {
  >         "PreToolUse": [ {"matcher": "Bash", "hooks": []} ]
  >     }
  > }
  > END
  $ cp style.json style.before; firn hook install claude -q --file style.json; diff style.before style.json | tr '<>' '-+'
  4c4,26
  -         "PreToolUse": [ {"matcher": "Bash", "hooks": []} ]
  ---
  +         "PreToolUse": [ {"matcher": "Bash", "hooks": []} ],
  +         "UserPromptSubmit": [
  +             {
  +                 "hooks": [
  +                     {
  +                         "type": "command",
  +                         "command": "firn hook run claude before",
  +                         "timeout": 600
  +                     }
  +                 ]
  +             }
  +         ],
  +         "Stop": [
  +             {
  +                 "hooks": [
  +                     {
  +                         "type": "command",
  +                         "command": "firn hook run claude after",
  +                         "timeout": 600
  +                     }
  +                 ]
  +             }
  +         ]
  $ firn hook remove claude -q --file style.json && cmp style.before style.json
  $ printf '\357\273\277{"a":1}' >style.json; firn hook install cursor -q --file style.json && od -An -c style.json | head -n 1 && tail -c +4 style.json; echo
   357 273 277   {   "   a   "   :   1   ,   "   v   e   r   s   i
  {"a":1,"version":1,"hooks":{"beforeSubmitPrompt":[{"command":"firn hook run cursor before"}],"stop":[{"command":"firn hook run cursor after"}]}}
  $ printf '{\r\n\t"a": 1\r\n}\r\n' >style.json; firn hook install cursor -q --file style.json && sed -n l style.json | head -n 5
  {\r$
  \t"a": 1,\r$
  \t"version": 1,\r$
  \t"hooks": {\r$
  \t\t"beforeSubmitPrompt": [\r$
  $ printf '{"a": 1, "hooks": {}, "x": [] }\n' >style.json; firn hook install cursor -q --file style.json && cat style.json
  {"a": 1, "hooks": {"beforeSubmitPrompt": [{"command": "firn hook run cursor before"}], "stop": [{"command": "firn hook run cursor after"}]}, "x": [], "version": 1 }
  $ rm style.json style.before

An earlier hook, with other words, is replaced; one that is in a group with a foreign hook is taken out alone.

  $ cat >.claude/settings.json <<'END'
  > {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/old/firn hook run claude after --wait 5"},
  >  {"type": "command", "command": "mine"}]}], "UserPromptSubmit": [{"hooks": [{"command": "firn hook run claude before"}]}]}}
  > END
  $ firn hook install claude
  .claude/settings.json: every turn is saved from now on
  $ grep -c 'firn hook run' .claude/settings.json; grep -c mine .claude/settings.json; grep -c /old/firn .claude/settings.json
  2
  1
  0
  [1]
  $ firn hook remove claude -q; tr -d ' \n' <.claude/settings.json; echo
  {"hooks":{"Stop":[{"hooks":[{"type":"command","command":"mine"}]}]}}

What cannot be changed without loss is left alone.

  $ for bad in '{"a":1,}' '// mine' '[]' '{"a":1,"a":2}' '{"hooks":[]}' '{"hooks":{"Stop":{}}}' '{"n":123456789012345678901}'; do
  >     printf '%s' "$bad" >.claude/settings.json
  >     firn hook install claude 2>&1 | head -n 1
  >     printf '%s' "$bad" | cmp - .claude/settings.json
  > done
  firn: '.claude/settings.json' is not JSON that can be changed: line 1, column 8: string or '}' expected near '}'
  firn: '.claude/settings.json' is not JSON that can be changed: line 1, column 1: '[' or '{' expected near '/'
  firn: '.claude/settings.json' does not contain a JSON object
  firn: '.claude/settings.json' is not JSON that can be changed: line 1, column 10: duplicate object key near '"a"'
  firn: '.claude/settings.json': "hooks" is not an object
  firn: '.claude/settings.json': "Stop" is not an array
  firn: '.claude/settings.json' is not JSON that can be changed: line 1, column 26: too big integer
  $ printf '{"a":5\0}' >.claude/settings.json; firn hook install claude 2>&1 | head -n 1
  firn: '.claude/settings.json' is not JSON that can be changed: it has a zero byte
  $ printf '{"version":2}' >h.json; firn hook install cursor --file h.json
  ! firn: 'h.json': "version" is not 1
  ! hint: add them by hand: firn hook print shows the text
  [2]
  $ mkdir dir && firn hook install gemini --file dir
  ! firn: 'dir' is not a regular file
  ! hint: add them by hand: firn hook print shows the text
  [2]
  $ firn hook install gemini --file none/at/all
  ! firn: could not open the directory of 'none/at/all': No such file or directory
  [1]
  $ firn hook install vim
  ! firn: hook install: 'vim' is not one of claude, codex, gemini, cursor, copilot, opencode, windsurf, cline, qwen
  ! usage: firn hook install [options] [AGENT]
  ! help: firn help hook install
  [2]
  $ firn hook install
  ! firn: hook install: missing AGENT, or --all
  ! hint: one of claude, codex, gemini, cursor, copilot, opencode, windsurf, cline, qwen
  ! usage: firn hook install [options] [AGENT]
  ! help: firn help hook install
  [2]
  $ firn -C .claude hook install claude --user 2>&1 | head -n 1
  firn: hook install: --user and --file or --directory exclude each other
  $ firn hook install gemini --user && firn -C dir hook install cursor
  <T>/home/.gemini/settings.json: every turn is saved from now on
  .cursor/hooks.json: every turn is saved from now on
  still to do: Cursor reads this file only if it is started in this directory; the workspace begins at <T>/w

What the hooks do. The agent's answer is on standard output; a checkpoint is made only if something changed. (The installations above
saved this directory; those below are workspaces of their own.)

  $ firn workspaces remove --yes -q .
  $ mkdir p p/sub && echo one >p/a
  $ export CLAUDE_PROJECT_DIR=$PWD/p
  $ echo '{"hook_event_name":"UserPromptSubmit","cwd":"'$PWD'/p/sub","prompt":"  make it\nbetter"}' | firn hook run claude before
  $ echo two >p/a; echo '{"hook_event_name":"Stop","cwd":"/"}' | firn hook run claude after
  $ echo '{"prompt":"again"}' | firn hook run claude before
  $ unset CLAUDE_PROJECT_DIR
  $ echo three >p/a; echo '{"cwd":"'$PWD'/p","prompt":"say"}' | firn hook run gemini after
  {}
  $ echo four >p/a; echo '{"workspace_roots":["'$PWD'/p"],"prompt":"\u00e9"}' | firn hook run cursor before
  {"continue":true}
  $ firn -C p list
     4  <id>  <time>          1 file        5 B  before Cursor: é
     3  <id>  <time>          1 file        6 B  after Gemini CLI: say
     2  <id>  <time>          1 file        4 B  after Claude Code: make it
     1  <id>  <time>          1 file        4 B  before Claude Code: make it
  $ firn -C p restore 1 -q && cat p/a && firn -C p undo -q && cat p/a
  one
  four

Each turn keeps its prompt, also where nothing changed before it; conversations are told apart.

  $ mkdir q && echo 1 >q/a && export CLAUDE_PROJECT_DIR=$PWD/q
  $ turn() { echo '{"session_id":"'$2'","prompt":"'"$3"'"}' | firn hook run claude $1; }
  $ turn before s1 'name it'; echo 2 >q/a; turn after s1; turn before s1 'rename it'; turn before s2 'test it'
  $ echo 3 >q/a; turn after s1; echo 4 >q/a; turn after s2; echo 5 >q/a; turn after s1
  $ firn -C q list
     5  <id>  <time>          1 file        2 B  after Claude Code: rename it
     4  <id>  <time>          1 file        2 B  after Claude Code: test it
     3  <id>  <time>          1 file        2 B  after Claude Code: rename it
     2  <id>  <time>          1 file        2 B  after Claude Code: name it
     1  <id>  <time>          1 file        2 B  before Claude Code: name it
  $ firn -C q show 4 | grep -e '^turn' -e '^prompt'
  turn        1 of Claude Code, session s2
  prompt      test it
  $ firn -C q list --json | grep -o '"turn":{[^}]*}'
  "turn":{"agent":"Claude Code","session":"s1","number":2,"prompt":"rename it"}
  "turn":{"agent":"Claude Code","session":"s2","number":1,"prompt":"test it"}
  "turn":{"agent":"Claude Code","session":"s1","number":2,"prompt":"rename it"}
  "turn":{"agent":"Claude Code","session":"s1","number":1,"prompt":"name it"}
  $ echo '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}
  > {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"checkpoint_list","arguments":{"workspace_path":"'$PWD/q'","limit":1}}}' |
  > firn mcp 2>&1 | grep -o '"turn":{[^}]*}'
  "turn":{"agent":"Claude Code","session":"s1","number":2,"prompt":"rename it"}
  $ unset CLAUDE_PROJECT_DIR

Cursor may have several roots: each is saved, one below another with it, and those beyond 16 are named.

  $ mkdir -p r1/in r2 && echo 1 >r1/in/a && echo 1 >r2/a
  $ echo '{"workspace_roots":["'$PWD'/r1/in","'$PWD'/r2","'$PWD'/r1","'$PWD'/r2/"],"conversation_id":"c","prompt":"both"}' | firn hook run cursor before
  {"continue":true}
  $ echo 2 >r1/in/a; echo 2 >r2/a; echo '{"workspace_roots":["'$PWD'/r1","'$PWD'/gone","'$PWD'/r2"],"conversation_id":"c"}' | firn hook run cursor after
  {}
  ! firn: could not open directory '<T>/w/gone': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [1]
  $ firn -C r1 list; firn -C r2 list -q; firn -C r1/in list -q
     2  <id>  <time>          1 file        2 B  after Cursor: both
     1  <id>  <time>          1 file        2 B  before Cursor: both
  2
  1
  2
  1
  $ python3 -c 'import json, os; print(json.dumps({"workspace_roots": [os.getcwd() + "/many/" + str(i) for i in range(18)]}))' >many.json
  $ for i in $(seq 0 17); do mkdir -p many/$i; done; firn hook run cursor before <many.json
  {"continue":true}
  ! firn: 2 further directories of the project are not saved
  $ rm -r many many.json r1 r2 q

A restore to a checkpoint from before hook install says that the hooks are gone.

  $ mkdir z && cd z && echo 1 >a && firn save -q && firn hook install claude -q && firn hook install cursor -q
  1
  $ firn restore 1
  restored 1: 0 changed, 0 added, 2 removed; take this back with: firn undo
  ! firn: .claude/settings.json: firn's hooks are no longer in it, so the turns of Claude Code are not saved any more; firn hook install claude puts them back
  ! firn: .cursor/hooks.json: firn's hooks are no longer in it, so the turns of Cursor are not saved any more; firn hook install cursor puts them back
  $ firn undo
  undid the restore of 1, back at <id>: 0 changed, 2 added, 0 removed; redo with: firn redo
  $ firn restore 1 --json 2>/dev/null | grep -o '"hooks_removed".*'
  "hooks_removed":[".claude/settings.json",".cursor/hooks.json"],"without_git":[]}
  $ firn undo -q && firn restore 1 a && firn restore 1 -n | tail -n 1
  restored 1: nothing had to change
  would restore 1: 0 changed, 0 added, 2 removed
  $ firn save -q && firn revert 2
  2
  reverted 2: 0 changed, 0 added, 2 removed; take this back with: firn undo
  ! firn: .claude/settings.json: firn's hooks are no longer in it, so the turns of Claude Code are not saved any more; firn hook install claude puts them back
  ! firn: .cursor/hooks.json: firn's hooks are no longer in it, so the turns of Cursor are not saved any more; firn hook install cursor puts them back
  $ firn undo -q && echo '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}
  > {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"checkpoint_restore","arguments":{"workspace_path":"'$PWD'","snapshot_id":"1"}}}' |
  > firn mcp 2>&1 | grep -o '"kind":"hooks"[^}]*}' | head -n 2
  "kind":"hooks","path":".claude/settings.json","text":"firn's hooks are no longer in it, so the turns of Claude Code are not saved any more; firn hook install claude puts them back"}
  "kind":"hooks","path":".cursor/hooks.json","text":"firn's hooks are no longer in it, so the turns of Cursor are not saved any more; firn hook install cursor puts them back"}
  $ cd .. && rm -r z

Nothing that an agent says, or does not say, makes it fail; a failure is never exit code 2.

  $ cd p && echo five >a && head -c 5000000 /dev/zero | tr '\0' x | firn hook run cursor after && cd ..
  {}
  $ echo six >p/a; printf '{"prompt":"%s","cwd":5}' "$(printf 'é%.0s' $(seq 200))" | firn hook run claude before -C p
  $ firn -C p list -q | head -n 1; firn -C p show latest | grep -c 'é\{50\}$'
  6
  1
  $ echo '{"cwd":"/nowhere/at/all"}' | firn hook run cursor before
  {"continue":true}
  ! firn: could not open directory '/nowhere/at/all': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [1]
  $ firn hook run claude never
  ! firn: hook run: WHEN is before, after or tool
  ! usage: firn hook run [options] AGENT [WHEN]
  ! help: firn help hook run
  [1]
  $ (cd "$HOME" && firn hook run claude before)
  ! firn: '<T>/home' is not saved at every turn; if it should be, save it once: firn save --yes
  $ firn hook run claude before --newer-option </dev/null 2>/dev/null
  [1]
  $ firn hook run </dev/null 2>/dev/null
  [1]

A text that was cut inside of a character, and one with a NUL, are read as far as they are text.

  $ echo seven >p/a; printf '{"session_id":"s\\u0000","prompt":"cut \\ud83d here \\\\ud83d \\ud83d\\ude00"}' | firn hook run claude before -C p
  $ firn -C p list --json -n 1 | python3 -c 'import json, sys; print(ascii(json.load(sys.stdin)["checkpoints"][0]["message"]))'
  'before Claude Code: cut \ufffd here \\ud83d \U0001f600'
  $ echo eight >p/a; printf '{"session_id":"s","prompt":"up to\\u0000here"}' | firn hook run claude before -C p
  $ firn -C p list --json -n 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoints"][0]["message"])'
  before Claude Code: up to

A fifo in the place of an agent's settings holds nobody up.

  $ mkdir f && cd f && echo 1 >a && firn save -q && echo 2 >a && mkdir .claude && mkfifo .claude/settings.json
  1
  $ timeout 20 firn restore 1
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  ! firn: kept: .claude: it contains something that stays
  $ timeout 20 firn hook install claude
  ! firn: '.claude/settings.json' is not a regular file
  ! hint: add them by hand: firn hook print shows the text
  [2]
  $ cd .. && rm -r f

What is still to be done, and whether the hooks run.

  $ mkdir -p ../repo/.git ../repo/sub && cd ../repo && firn hook status && firn hook install codex && firn -C sub hook install claude && firn hook run codex; firn hook status
  gemini    for all projects, in the home; no turn was saved yet
  .codex/hooks.json: every turn is saved from now on
  this directory is saved now: checkpoint 1, 1 file
  still to do: trust them in Codex, with /hooks: until then it does not run them
  .claude/settings.json: every turn is saved from now on
  still to do: Claude Code reads this file only if it is started in this directory; the repository begins at <T>/repo
  codex     .codex/hooks.json; no turn was saved yet
  still to do: trust them in Codex, with /hooks: until then it does not run them
  gemini    for all projects, in the home; no turn was saved yet
  ! firn: hook run: WHEN is missing: before, after or tool, the moment of the turn
  ! usage: firn hook run [options] AGENT [WHEN]
  ! help: firn help hook run
  $ echo x >a; echo '{}' | firn hook run codex before; echo y >a; echo '{}' | firn hook run codex after; firn hook status; PATH=/usr/bin:/bin $(command -v firn) hook install gemini
  codex     .codex/hooks.json; last turn saved <time>
  gemini    for all projects, in the home; no turn was saved yet
  .gemini/settings.json: every turn is saved from now on
  still to do: Gemini CLI has to find firn in its PATH: put it, or a link to it, in a directory of PATH
  still to do: trust the folder in Gemini CLI, which asks when it starts there, or with /permissions: until then it runs no hooks of the project
  $ mkdir -p ../plain/sub && cd ../plain && echo 1 >a && firn save -q && cd sub && firn hook install claude && firn hook install opencode --quiet; firn hook status && firn -C ../../repo/sub hook install codex -q; firn -C ../../repo/sub hook install codex | tail -n 2; firn -C .. hook status
  1
  .claude/settings.json: every turn is saved from now on
  still to do: Claude Code reads this file only if it is started in this directory; the workspace begins at <T>/plain
  claude    .claude/settings.json; no turn was saved yet
  still to do: Claude Code reads this file only if it is started in this directory; the workspace begins at <T>/plain
  gemini    for all projects, in the home; no turn was saved yet
  opencode  .opencode/plugins/firn.js; no turn was saved yet
  still to do: OpenCode reads this file only if it is started in this directory; the workspace begins at <T>/plain
  still to do: Codex reads this file only if it is started in this directory or below it; the repository begins at <T>/repo
  still to do: trust them in Codex, with /hooks: until then it does not run them
  gemini    for all projects, in the home; no turn was saved yet
