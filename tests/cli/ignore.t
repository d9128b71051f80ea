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
  undid the restore of 3, back at <id>: 0 changed, 1 added, 1 removed
  mine
  new
  ! firn: bad rule: .firnignore: line 2 is not used: a '[' without its ']'

What is excluded now and was saved then stays as it is and is named; all else is restored.

  $ printf 'a.c\n' >.firnignore && echo mine >a.c && rm logs/k && firn restore 1 -n | tail -2; firn restore 1 | tail -2; cat a.c; ls logs/k
  would restore 1: 1 changed, 1 added, 1 removed
  left alone by rule: a.c
  restored 1: 1 changed, 1 added, 1 removed; take this back with: firn undo
  left alone by rule: a.c
  mine
  logs/k
  $ firn restore 1 --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["left_alone"], o["not_restored"], [n["path"] for n in o["notices"] if n["kind"] == "left alone"])'
  1 0 ['a.c']
  $ firn restore 1 a.c -q && wc -c <a.c
  0

Of a directory that became excluded as a whole only its name is told, however much is in it; a directory with something excluded in it does not become a file.

  $ mkdir -p old/out && touch old/out/{1..9} && touch old/becomes
  $ rm -f .firnignore; firn save -q; rm old/becomes; mkdir -p old/node_modules old/becomes/in && echo out >.firnignore && echo 'skip' >>.firnignore && touch old/node_modules/m old/becomes/in/skip old/becomes/b && for i in 1 2 3; do echo new >old/out/$i; done; echo changed >src/keep.log
  4
  $ firn restore 4 | tail -2; cat old/out/* old/out/1 src/keep.log; ls old/node_modules old/becomes
  restored 4: 1 changed, 0 added, 1 removed; take this back with: firn undo
  left alone by rule: old/becomes, old/out
  new
  new
  new
  new
  old/becomes:
  b
  in
  
  old/node_modules:
  m
  $ echo out >.firnignore; firn restore 4 old/out/1
  restored 4: nothing had to change
  ! firn: not restored: old/out/1: today's rules exclude the entry that is there: move it away first
  ! hint: once the causes are gone, run it again
  [6]
  $ firn undo -q; cat old/out/1; rm -rf old .firnignore; firn restore 4 -q; cat old/out/1
  new

How saves are made today is a rule too: what a setting leaves out, or an option left out of the newest checkpoint, is not removed by a restore.

  $ firn config save.gitignore true && echo secret >.env && echo .env >.gitignore && firn save -q && firn restore 4 -q && cat .env && firn undo -q && cat .env
  5
  secret
  secret
  $ firn restore 4 -n | grep -c env; firn status | grep env; firn diff | grep env
  0
  [1]
  $ firn config save.gitignore false && firn save -q --gitignore && firn restore 4 -q && cat .env
  6
  secret
  $ firn config save.max-file-size 1K && head -c 2000 /dev/zero >big && firn restore 6 -q && firn restore 4 -q && ls big; rm -f big .env .gitignore; firn config save.max-file-size none; firn restore 3 -q
  big

A rule lifts a default exclusion, but never those of version control.

  $ mkdir .git && touch .git/HEAD && printf '!node_modules\n!.git\n' >.firnignore && firn save -q && firn show latest --files | grep -c -e node_modules/x/f -e HEAD
  7
  1

An undo past the rule file: what it excluded stays as it is, on the way back and forth, and is not taken for edits.

  $ mkdir ../u && cd ../u && echo 1 >a && firn save -q && echo big/ >.firnignore && mkdir big && echo huge >big/f && echo 2 >a && firn save -q && firn undo -q && ls -A && firn undo
  1
  2
  a
  big
  ! firn: there is nothing to undo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]
  $ echo own >own && firn undo && ls -A && firn redo -q && firn undo -q && firn redo && cat a big/f && firn restore 1 -q && firn restore 1 && ls -A
  undid unsaved changes, back at 1: 0 changed, 0 added, 1 removed; redo with: firn redo
  a
  big
  redid unsaved changes, now at <id>: 0 changed, 1 added, 0 removed; take this back with: firn undo
  1
  huge
  restored 1: nothing had to change
  a
  big

A directory that an undo cannot remove, for what is left out in it, is no change that it undoes again and again.

  $ mkdir ../v && cd ../v && echo 1 >a && firn save -q && mkdir -p d/.git && touch d/f d/.git/HEAD && firn save -q && firn undo -q && find d; firn undo
  1
  2
  d
  d/.git
  d/.git/HEAD
  ! firn: kept: d: it contains something that stays
  ! firn: there is nothing to undo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]

A symbolic link in the place of a directory that is left out is left out too, and a restore leaves it.

  $ mkdir ../l && cd ../l && touch Cargo.toml a && firn save -q && for n in node_modules .venv target venv; do ln -s /elsewhere/$n $n; done && firn save | tail -n 1 && firn show latest --files | awk '{ print $NF }'
  1
  left out by rule: .venv, node_modules, target
  Cargo.toml
  a
  /elsewhere/venv
  $ ln -sfn /other node_modules && firn restore 1 && readlink node_modules .venv target && firn save --include-deps -q && firn show latest --files | grep -c elsewhere
  restored 1: 0 changed, 0 added, 1 removed; take this back with: firn undo
  /other
  /elsewhere/.venv
  /elsewhere/target
  3
  2

What a later rule excludes is no difference while it is there, whatever it is by then: a restore leaves it alone, too. What is gone was removed.

  $ mkdir -p ../later/out && cd ../later && touch a out/1 out/2 && echo long >big && firn save -q && printf 'out\n' >.firnignore && echo mine >out/1 && firn status
  1
  added     .firnignore
  compared with 1: 0 changed, 1 added, 0 removed; 2 unchanged
  not compared, excluded by rule: out
  $ firn status --json | python3 -c 'import json, sys; print([(n["path"], n["text"]) for n in json.load(sys.stdin)["notices"] if n["kind"] == "left alone"])'
  [('out', "today's rules exclude it; the next save leaves it out")]
  $ mv out/2 renamed && firn status -s && firn diff --names | tail -n 2; firn status -s out/1; rm -r out && firn diff --stat | tail -n 3; firn status -s out
  A .firnignore
  D out/2
  A renamed
  from 1 to the disk: 0 changed, 2 added, 1 removed
  not compared, excluded by rule: out
   out/2       | removed
   renamed     | added
  from 1 to the disk: 0 changed, 2 added, 2 removed; 1 line added, 0 removed
  D out/
  D out/1
  D out/2
  $ firn status -s --max-file-size 4; firn save -q && firn status
  A .firnignore
  D out/
  D out/1
  D out/2
  A renamed
  2
  compared with 2: no change; 4 unchanged
