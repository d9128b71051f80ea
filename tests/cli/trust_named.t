A named store is used, whichever user made it; what belongs to version control is neither written nor removed, however
its name is disguised. Such names are told, and what else there is, is restored.

  $ $HOSTILE $PWD ../store && firn --store ../store list -q && firn --store ../store show 1 --files | awk -F':[0-9][0-9]  ' '{ print $2 }'
  2
  1
  .GIT/
  .GIT/hooks/
  .GIT/hooks/pre-commit
  .git/
  .git/hooks/
  .git/hooks/pre-commit
  .git /
  .git /hooks/
  .git /hooks/pre-commit
  .hg
  d/
  d/.svn
  d/good
  sound

In place, into another directory, and what each would do.

  $ firn --store ../store restore 1 -n
  added     d/
  added     d/good
  added     sound
  would restore 1: 0 changed, 2 added, 0 removed
  ! firn: left out: .GIT: never restored: it belongs to version control
  ! firn: left out: .git: never restored: it belongs to version control
  ! firn: left out: .git : never restored: it belongs to version control
  ! firn: left out: .hg: never restored: it belongs to version control
  ! firn: left out: d/.svn: never restored: it belongs to version control
  [6]
  $ firn --store ../store restore 1
  restored 1: 0 changed, 2 added, 0 removed; take this back with: firn undo
  ! firn: left out: .GIT: never restored: it belongs to version control
  ! firn: left out: .git: never restored: it belongs to version control
  ! firn: left out: .git : never restored: it belongs to version control
  ! firn: left out: .hg: never restored: it belongs to version control
  ! firn: left out: d/.svn: never restored: it belongs to version control
  [6]
  $ find . | sort
  .
  ./d
  ./d/good
  ./sound
  $ firn --store ../store restore 1 --to ../elsewhere
  restored 1 into ../elsewhere: 0 changed, 2 added, 0 removed
  ! firn: left out: .GIT: never restored: it belongs to version control
  ! firn: left out: .git: never restored: it belongs to version control
  ! firn: left out: .git : never restored: it belongs to version control
  ! firn: left out: .hg: never restored: it belongs to version control
  ! firn: left out: d/.svn: never restored: it belongs to version control
  [6]
  $ find ../elsewhere | sort
  ../elsewhere
  ../elsewhere/d
  ../elsewhere/d/good
  ../elsewhere/sound
  $ firn --store ../store restore 1 --to ../json --json 2>/dev/null >../out.json; echo $?; python3 -c 'import json; told = json.load(open("../out.json")); print([n["path"] for n in told["notices"]])'; find ../json | wc -l
  6
  ['.GIT', '.git', '.git ', '.hg', 'd/.svn']
  4
  $ for p in .git .GIT/hooks '.git /hooks/pre-commit' .hg d/.svn; do firn --store ../store restore 1 "$p"; firn --store ../store restore 1 --to ../part "$p"; done 2>&1 | sort | uniq -c | tr -s ' '; ls ../part 2>/dev/null | wc -l
   2 firn: '.GIT/hooks' is never restored: it belongs to version control
   2 firn: '.git /hooks/pre-commit' is never restored: it belongs to version control
   2 firn: '.git' is never restored: it belongs to version control
   2 firn: '.hg' is never restored: it belongs to version control
   2 firn: 'd/.svn' is never restored: it belongs to version control
  0

What is there stays, when it is the other way round, too.

  $ mkdir .git && echo mine >.git/config && echo mine >d/.svn && firn --store ../store restore 2 -q 2>/dev/null; echo $?; cat .git/config d/.svn sound; firn --store ../store undo -q 2>/dev/null; firn --store ../store redo -q 2>/dev/null; cat .git/config d/.svn sound; find . | sort
  6
  mine
  mine
  worse
  mine
  mine
  worse
  .
  ./.git
  ./.git/config
  ./d
  ./d/.svn
  ./d/good
  ./sound

A revert leaves them as they are as well, and names those that it would have changed. They are no conflict.

  $ mkdir ../bare && cd ../bare && $HOSTILE $PWD ../bare.store && firn --store ../bare.store restore 2 -q 2>/dev/null
  [6]
  $ firn --store ../bare.store revert 2 -n
  changed   sound
  would revert 2: 1 changed, 0 added, 0 removed
  ! firn: left out: .GIT: never restored: it belongs to version control
  ! firn: left out: .git: never restored: it belongs to version control
  ! firn: left out: .git : never restored: it belongs to version control
  ! firn: left out: .hg: never restored: it belongs to version control
  ! firn: left out: d/.svn: never restored: it belongs to version control
  [6]
  $ mkdir .git && echo mine >.git/config && echo mine >d/.svn && firn --store ../bare.store revert 1..2
  reverted 1..2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  ! firn: left out: .GIT: never restored: it belongs to version control
  ! firn: left out: .git: never restored: it belongs to version control
  ! firn: left out: .git : never restored: it belongs to version control
  ! firn: left out: .hg: never restored: it belongs to version control
  ! firn: left out: d/.svn: never restored: it belongs to version control
  [6]
  $ cat sound .git/config d/.svn d/good && ls -A && firn --store ../bare.store undo -q && cat sound .git/config
  evil
  mine
  mine
  good
  .git
  d
  sound
  worse
  mine
  $ firn --store ../bare.store revert 2 d
  reverted 2: 0 changed, 0 added, 0 removed
  ! firn: left out: d/.svn: never restored: it belongs to version control
  [6]
  $ firn --store ../bare.store revert 2 sound
  reverted 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  $ for p in .git .GIT/hooks 'd/.svn'; do firn --store ../bare.store revert 2 "$p"; firn --store ../bare.store revert 1..2 "$p"; done 2>&1 | sort | uniq -c | tr -s ' '
   2 firn: '.GIT/hooks' is never restored: it belongs to version control
   2 firn: '.git' is never restored: it belongs to version control
   2 firn: 'd/.svn' is never restored: it belongs to version control
  $ echo other >sound && firn --store ../bare.store revert 1..2 2>&1 | grep -v 'left out'
  firn: conflict: sound: changed since as well: lines 1
  firn: 1 path was changed since in a way that cannot be merged: nothing was changed
  hint: revert only some paths (firn revert REF PATH...), or bring back what was there before with firn cat or firn restore
  $ firn --store ../bare.store revert 2 -n --json 2>/dev/null d | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["incomplete"], [(n["kind"], n["path"]) for n in o["notices"] if n["kind"] == "reserved"])'
  1 [('reserved', 'd/.svn')]
  $ cd ../w

To look writes nothing. Contents are shown where they are asked for.

  $ find . | sort >../before; firn --store ../store show 2 | grep changes
  changes     6 changed, 0 added, 0 removed since 1
  $ firn --store ../store cat 1 .git/hooks/pre-commit
  evil
  $ firn --store ../store diff 1 2
  changed   .GIT/hooks/pre-commit
  changed   .git/hooks/pre-commit
  changed   .git /hooks/pre-commit
  changed   .hg
  changed   d/.svn
  changed   sound
  from 1 to 2: 6 changed, 0 added, 0 removed
  $ firn --store ../store report -o - >../report.html; firn --store ../store status 1 >../status; find . | sort | diff ../before - && firn --store ../store check 2>&1 | grep -c 'never restored'
  10

What a completion puts into a shell's line are names that mean nothing to it; others of the store are not offered.

  $ mkdir ../tagged && cd ../tagged && $HOSTILE $PWD ../tagged.store && firn --store ../tagged.store tag | grep -o -e '$(touch planted)' -e proper-1.0
  $(touch planted)
  proper-1.0
  $ firn __complete --store ../tagged.store restore ''
  both
  latest
  proper-1.0
  2
  1
