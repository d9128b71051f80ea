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
  $ firn hook print claude | cmp - .claude/settings.json
  $ touch -d 2001-01-01 .claude/settings.json
  $ firn hook install claude
  .claude/settings.json: has firn's hooks already
  $ firn hook install claude --json
  {"agent":"claude","file":".claude/settings.json","changed":false}
  $ find .claude -newermt 2001-01-02 -type f
  $ firn hook remove claude
  .claude/settings.json: firn's hooks are out, and so is the file: nothing else was in it
  $ ls -A .claude
  $ firn hook remove claude
  .claude/settings.json: has no hooks of firn
  $ firn hook install cursor -q && firn hook remove cursor && rmdir .cursor
  .cursor/hooks.json: firn's hooks are out, and so is the file: nothing else was in it
  $ mkdir .cursor && echo '{"version":1,"x":2}' >.cursor/hooks.json && firn hook install cursor -q && firn hook remove cursor && tr -d ' \n' <.cursor/hooks.json && rm -r .cursor; echo
  .cursor/hooks.json: firn's hooks are out
  {"version":1,"x":2}
  $ firn hook install claude -q && ln .claude/settings.json other && firn hook remove claude && cat .claude/settings.json && rm other .claude/settings.json
  .claude/settings.json: firn's hooks are out
  {}

Everything that was there stays, in its place, and so do modes and links.

  $ mkdir real && cat >real/settings.json <<'END'
  > {"model":"x","hooks":{"Stop":[{"matcher":"","hooks":[{"type":"command","command":"say done"}]}],
  > "PreToolUse":[{"matcher":"Bash","hooks":[]}]},"z":[1,-2.5,9007199254740993,null,"\u0000\u00e9\ud83d\ude00"],"a":{"b":{}}}
  > END
  $ cp real/settings.json before.json; chmod 640 real/settings.json; ln -sf ../real/settings.json .claude/settings.json
  $ firn hook install claude
  .claude/settings.json: every turn is saved from now on
  $ test -L .claude/settings.json && stat -c %a real/settings.json && ls -A real
  640
  settings.json
  $ python3 - <<'END'
  > import json
  > before, after = json.load(open("before.json")), json.load(open("real/settings.json"))
  > print(list(after), list(after["hooks"]), len(after["hooks"]["Stop"]))
  > assert after["hooks"]["Stop"][0] == before["hooks"]["Stop"][0]
  > del after["hooks"]["UserPromptSubmit"], after["hooks"]["Stop"][1]
  > assert after == before
  > END
  ['model', 'hooks', 'z', 'a'] ['Stop', 'PreToolUse', 'UserPromptSubmit'] 2
  $ firn hook install claude -q && firn hook remove claude -q
  $ python3 -c 'import json; assert json.load(open("before.json")) == json.load(open("real/settings.json"))'

A hook of before, with other words, is replaced; what stands in one group with somebody else's is taken out alone.

  $ cat >real/settings.json <<'END'
  > {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/old/firn hook run claude after --wait 5"},
  >  {"type": "command", "command": "mine"}]}], "UserPromptSubmit": [{"hooks": [{"command": "firn hook run claude before"}]}]}}
  > END
  $ firn hook install claude
  .claude/settings.json: every turn is saved from now on
  $ grep -c 'firn hook run' real/settings.json; grep -c mine real/settings.json; grep -c /old/firn real/settings.json
  2
  1
  0
  [1]
  $ firn hook remove claude -q; tr -d ' \n' <real/settings.json; echo
  {"hooks":{"Stop":[{"hooks":[{"type":"command","command":"mine"}]}]}}

What cannot be changed without loss is left alone.

  $ for bad in '{"a":1,}' '// mine' '[]' '{"a":1,"a":2}' '{"hooks":[]}' '{"hooks":{"Stop":{}}}' '{"n":123456789012345678901}'; do
  >     printf '%s' "$bad" >real/settings.json
  >     firn hook install claude 2>&1 | head -n 1
  >     printf '%s' "$bad" | cmp - real/settings.json
  > done
  firn: '.claude/settings.json' is no JSON that can be changed: line 1, column 8: string or '}' expected near '}'
  firn: '.claude/settings.json' is no JSON that can be changed: line 1, column 1: '[' or '{' expected near '/'
  firn: '.claude/settings.json' holds no JSON object
  firn: '.claude/settings.json' is no JSON that can be changed: line 1, column 10: duplicate object key near '"a"'
  firn: '.claude/settings.json': "hooks" is no object
  firn: '.claude/settings.json': "Stop" is no array
  firn: '.claude/settings.json' is no JSON that can be changed: line 1, column 26: too big integer
  $ printf '{"version":2}' >h.json; firn hook install cursor --file h.json
  ! firn: 'h.json': "version" is not 1
  ! hint: put them in by hand: firn hook print shows what
  [2]
  $ mkdir dir && firn hook install gemini --file dir
  ! firn: could not read 'dir': Is a directory
  [1]
  $ firn hook install gemini --file none/at/all
  ! firn: could not make the directory 'none/at': No such file or directory
  [1]
  $ firn hook install vim
  ! firn: hook install: 'vim' is none of claude, gemini, cursor
  ! usage: firn hook install [options] AGENT
  ! help: firn help hook install
  [2]
  $ firn hook install
  ! firn: hook install: missing AGENT
  ! hint: one of claude, gemini, cursor
  ! usage: firn hook install [options] AGENT
  ! help: firn help hook install
  [2]
  $ firn -C real hook install claude --user 2>&1 | head -n 1
  firn: hook install: --user and --file or --workspace exclude each other
  $ firn hook install gemini --user && firn -C dir hook install cursor
  <T>/home/.gemini/settings.json: every turn is saved from now on
  dir/.cursor/hooks.json: every turn is saved from now on

What the hooks do. The agent's answer is on standard output; a checkpoint is made only if something changed.

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
     2  <id>  <time>          1 file        4 B  after Claude Code
     1  <id>  <time>          1 file        4 B  before Claude Code: make it
  $ firn -C p restore 1 -q && cat p/a && firn -C p undo -q && cat p/a
  one
  four

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
  ! hint: the workspace has to be a directory that is there: -C DIR names one, firn workspaces lists those that were saved
  [1]
  $ firn hook run claude never
  ! firn: hook run: a turn has a before and an after
  ! usage: firn hook run AGENT WHEN
  ! help: firn help hook run
  [1]
  $ (cd "$HOME" && firn hook run claude before)
  ! firn: '<T>/home' is not saved at every turn; if it should be, save it once: firn save
