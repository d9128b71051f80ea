Rule files say what is left out, in the language of gitignore.

  $ mkdir -p logs build src/gen node_modules/x secrets && touch a.c logs/j logs/k build/out src/gen/made src/keep.log x.log node_modules/x/f secrets/key
  $ printf '*.log\r\n!keep.log\nlogs/*\n!logs/k\n/build/\n# comment\nsecrets/' >.firnignore && printf 'gen\n' >src/.gitignore
  $ firn save | sed 's/; .* added/; SIZE added/'
  1  <id>  6 files, 62 B; SIZE added  <s> s
  left out by rule: build, logs/j, node_modules, secrets, x.log
  $ firn show latest --files | awk '{ print $NF }'
  .firnignore
  a.c
  logs/
  logs/k
  src/
  src/.gitignore
  src/gen/
  src/gen/made
  src/keep.log
  $ firn save --json --gitignore | python3 -c 'import json, sys; o = json.load(sys.stdin); print(*sorted(n["path"] + " (" + n["text"] + ")" for n in o["notices"]), sep="\n")'
  build (.firnignore:5: build)
  logs/j (.firnignore:3: logs/*)
  node_modules (directory of dependencies)
  secrets (.firnignore:7: secrets)
  src/gen (src/.gitignore:1: gen)
  x.log (.firnignore:1: *.log)

A line that is no rule is told, and the others count.

  $ printf '*.log\n[\nsecrets/\n' >.firnignore; firn save -q
  3
  ! firn: bad rule: .firnignore: line 2 is not used: a '[' without its ']'
  $ firn show latest --files | grep -c -e log$ -e secrets
  0
  [1]

A restore leaves alone what the rules exclude now, and what they excluded when the checkpoint was saved.

  $ echo mine >secrets/key; echo mine >x.log; rm .firnignore; touch new; firn restore latest | cut -d';' -f1
  restored 3: 0 changed, 1 added, 1 removed
  $ cat secrets/key x.log; ls -A
  mine
  mine
  .firnignore
  a.c
  build
  logs
  node_modules
  secrets
  src
  x.log
  $ firn undo | cut -d';' -f1; cat secrets/key; ls -A | grep -e firnignore -e new
  undone: 0 changed, 1 added, 1 removed
  mine
  new
  ! firn: bad rule: .firnignore: line 2 is not used: a '[' without its ']'

What is excluded now and was saved then is not overwritten.

  $ printf 'a.c\n' >.firnignore && echo mine >a.c && firn restore 1; cat a.c
  mine
  ! firn: 'a.c' is in the way and is not part of the saved state (left out by a rule, special, unreadable or being written): move it away and try again

A rule lifts a default exclusion, but never those of version control.

  $ mkdir .git && touch .git/HEAD && printf '!node_modules\n!.git\n' >.firnignore && firn save -q && firn show latest --files | grep -c -e node_modules/x/f -e HEAD
  4
  1
