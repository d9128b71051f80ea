With --tools there is a checkpoint after each tool, and the turn is still one step for undo --turn.

  $ mkdir p && cd p && echo 1 >a && for a in claude gemini cursor; do firn hook print $a --tools | tr -d ' \n' | grep -o '"[A-Za-z]*Tool[A-Za-z]*":.*'; done
  "PostToolUse":[{"matcher":"Bash|Edit|MultiEdit|Write|NotebookEdit|mcp__.*","hooks":[{"type":"command","command":"firnhookrunclaudetool","timeout":600}]}],"PostToolUseFailure":[{"matcher":"Bash|Edit|MultiEdit|Write|NotebookEdit|mcp__.*","hooks":[{"type":"command","command":"firnhookrunclaudetool","timeout":600}]}]}}
  "AfterTool":[{"matcher":"write_file|replace|run_shell_command|mcp_.*","hooks":[{"type":"command","command":"firnhookrungeminitool","timeout":600000}]}]}}
  "postToolUse":[{"command":"firnhookruncursortool"}]}}
  $ firn hook install claude --tools && firn hook install claude --tools && firn hook print claude --tools | cmp - .claude/settings.json
  .claude/settings.json: every turn is saved from now on, and each tool that changes something
  this directory is saved now: checkpoint 1, 2 files
  .claude/settings.json: has firn's hooks already
  $ firn hook install claude && grep -c PostToolUse .claude/settings.json; firn hook install claude --tools -q && firn hook remove claude && ls -A .claude; rmdir .claude; firn workspaces remove --yes -q .
  .claude/settings.json: every turn is saved from now on
  0
  .claude/settings.json: firn's hooks and the file were removed: it contained nothing else
  $ (mkdir t && cd t && firn hook install cline -q --tools && ls .clinerules/hooks && firn hook install cline && ls .clinerules/hooks); rm -r t
  PostToolUse
  TaskCancel
  TaskComplete
  TaskError
  TaskResume
  TaskStart
  UserPromptSubmit
  .clinerules/hooks: every turn is saved from now on
  TaskCancel
  TaskComplete
  TaskError
  TaskResume
  TaskStart
  UserPromptSubmit
  $ firn hook print opencode --tools | diff - <(firn hook print opencode)
  47,50d46
  <     "tool.execute.after": async (input) => {
  <       const id = await root(input.sessionID)
  <       await save(directory, "tool", { session_id: id, tool_name: input.tool })
  <     },
  [1]
  $ say() { firn hook run claude $1; }
  $ before() { echo '{"session_id":"s","cwd":"'$PWD'","prompt":"'"$1"'"}' | say before; }
  $ tool() { echo '{"session_id":"s","cwd":"'$PWD'","hook_event_name":"PostToolUse","tool_name":"'$1'","tool_input":{},"tool_response":{}}' | say tool; }
  $ after() { echo '{"session_id":"s","cwd":"'$PWD'"}' | say after; }
  $ before "rename it"; tool Read; echo 2 >a; tool Edit; tool Read; echo x >b; tool Bash; echo 3 >a; after
  $ firn log --color never
     4  <id>  <ago>Claude Code: rename it   1 file +1 −1
     3  <id>  <ago>Claude Code, Bash: rename it   1 file +1 −0
     2  <id>  <ago>Claude Code, Edit: rename it   1 file +1 −1
     1  <id>  <ago>before Claude Code: rename it   1 file +1 −0
  $ firn show 2 | grep -e ^turn -e ^prompt -e ^message
  message     Claude Code, Edit: rename it
  turn        1 of Claude Code, session s
  prompt      rename it
  $ firn undo -n --turn
  changed   a
  removed   b
  would undo the turn of Claude Code (rename it) and 2 other steps, back at 1: 1 changed, 0 added, 1 removed
    also the turn of Claude Code (rename it): 1 changed, 0 added, 0 removed
    also the turn of Claude Code (rename it): 0 changed, 0 added, 1 removed
  $ firn undo && firn undo && firn redo -q && firn redo -q && firn undo --turn && cat a && ls
  undid the turn of Claude Code (rename it), back at 3: 1 changed, 0 added, 0 removed; redo with: firn redo
  undid the turn of Claude Code (rename it), back at 2: 0 changed, 0 added, 1 removed; redo with: firn redo
  undid the turn of Claude Code (rename it) and 2 other steps, back at 1: 1 changed, 0 added, 1 removed; redo with: firn redo
    also the turn of Claude Code (rename it): 1 changed, 0 added, 0 removed
    also the turn of Claude Code (rename it): 0 changed, 0 added, 1 removed
  1
  a

In the middle of a turn, and in one that was interrupted after a tool.

  $ firn redo -q; before "and then"; echo 4 >a; tool Edit; echo 5 >a; firn undo --turn && cat a
  undid the turn of Claude Code (and then) and 1 other step, back at 4: 1 changed, 0 added, 0 removed; redo with: firn redo
    also unsaved changes: 1 changed, 0 added, 0 removed
  3
  $ before "only reads"; tool Read; echo 6 >a; firn undo --turn && cat a
  undid the turn of Claude Code (only reads), back at 4: 1 changed, 0 added, 0 removed; redo with: firn redo
  3

Other agents name the tool in their own ways.

  $ run() { echo "$2" | firn hook run $1 tool; }
  $ echo 7 >a; run gemini '{"session_id":"g","cwd":"'$PWD'","hook_event_name":"AfterTool","tool_name":"write_file","tool_input":{},"tool_response":{}}'
  {}
  $ echo 8 >a; run cursor '{"conversation_id":"c","generation_id":"g","workspace_roots":["'$PWD'"],"hook_event_name":"postToolUse","tool_name":"Shell","tool_input":{}}'
  {}
  $ echo 9 >a; run codex '{"session_id":"x","turn_id":"t","cwd":"'$PWD'","hook_event_name":"PostToolUse","tool_name":"apply_patch","tool_input":{}}'
  $ echo 10 >a; run copilot '{"sessionId":"p","timestamp":1,"cwd":"'$PWD'","toolName":"edit","toolArgs":{},"toolResult":{"resultType":"success","textResultForLlm":"x"}}'
  $ echo 11 >a; run windsurf '{"agent_action_name":"post_write_code","trajectory_id":"w","tool_info":{"file_path":"/x/a","edits":[]}}'
  $ echo 12 >a; run cline '{"hookName":"PostToolUse","taskId":"k","workspaceRoots":["'$PWD'"],"postToolUse":{"toolName":"write_to_file","parameters":{},"result":"","success":true,"executionTimeMs":1}}'
  $ echo 13 >a; run claude '{}' ; firn list -n 7
    13  <id>  <time>          2 files       5 B  Claude Code, a tool
    12  <id>  <time>          2 files       5 B  Cline, write_to_file
    11  <id>  <time>          2 files       5 B  Windsurf, write_code
    10  <id>  <time>          2 files       5 B  GitHub Copilot, edit
     9  <id>  <time>          2 files       4 B  Codex, apply_patch
     8  <id>  <time>          2 files       4 B  Cursor, Shell
     7  <id>  <time>          2 files       4 B  Gemini CLI, write_file
