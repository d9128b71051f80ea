A message that is changed afterwards.

  $ echo 1 >f; firn save -q -m first; echo 2 >f; firn save -q
  1
  2
  $ firn describe 1 -m 'the beginning'; firn describe latest -m 'two
  > lines'; firn list | cut -c 54-; firn log --grep begin -q
  1 has the message: the beginning
  2 has the message: two…
        2 B  two…
        2 B  the beginning
  1
  $ firn show 2 | grep two; firn describe -q 2 -m ''; firn describe 2 -m ''; firn list -n 1 --json | python3 -c 'import json, sys; c = json.load(sys.stdin)["checkpoints"][0]; print(c["number"], repr(c["message"]))'
  message     two\nlines
  2 has no message
  2 ''

Undo brings the earlier one back, redo the later one; no file is touched.

  $ firn undo --list
  now       at 2
  undo 1    <time>  the message of 2
  undo 2    <time>  the message of 2 (two…)
  undo 3    <time>  the message of 1 (the beginning)
  undo 4    <time>  the save of 2: 1 changed, 0 added, 0 removed
  $ firn undo --list --json | python3 -c 'import json, sys; print([s["facts"][0]["after"] for s in json.load(sys.stdin)["steps"][:3]])'
  [None, 'two\nlines', 'the beginning']
  $ firn undo; firn undo; firn undo; firn list | cut -c 54-; firn redo; firn list | cut -c 54-; cat f
  undid the message of 2; redo with: firn redo
  undid the message of 2 (two…); redo with: firn redo
  undid the message of 1 (the beginning); redo with: firn redo
        2 B
        2 B  first
  redid the message of 1 (the beginning); take this back with: firn undo
        2 B
        2 B  the beginning
  2

What cannot be.

  $ firn describe 7 -m x
  ! firn: there is no checkpoint '7'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn describe 1; firn describe -m x
  ! firn: describe: missing -m TEXT
  ! usage: firn describe [options] REF
  ! help: firn help describe
  ! firn: describe: missing REF
  ! usage: firn describe [options] REF
  ! help: firn help describe
  [2]
  $ firn describe 1 -m "$(python3 -c 'print("x" * 65300)')"
  ! firn: the message and the one before it have 65313 bytes together, and may have 65280
  [1]
  $ firn describe 1 -m "$(printf 'a\033[31mb')"; firn describe 1 -m y --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoint"]["message"])'
  1 has the message: a\033[31mb
  y

A checkpoint that was deleted comes back with its message; what was changed by then stays.

  $ firn describe 1 -m z; firn delete -q 1; firn undo; firn undo; firn list | cut -c 54-
  1 has the message: z
  1
  undid the deletion of 1; redo with: firn redo
  undid the message of 1 (z); redo with: firn redo
        2 B
        2 B  y
