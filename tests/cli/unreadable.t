What cannot be read is named; everything else is saved.

As root nothing is unreadable: then the commands run as another user, who may be unable to reach the program.

  $ if [ $(id -u) -eq 0 ]; then
  >     cp "$(command -v firn)" $T/ && PATH=$T:$PATH
  >     chmod 755 $T && mkdir other && chown -R 65534:65534 . $HOME $XDG_DATA_HOME
  >     as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
  > else
  >     mkdir other
  >     as() { "$@"; }
  > fi
  $ as bash -c 'echo a >a; echo secret >secret; mkdir locked; echo x >locked/x; chmod 0 secret locked'
  $ as firn save 2>../err | sed 's/  [0-9.]* s$//; s/;.*//'; sort ../err
  1  <id>  1 file, 2 B
  firn: left out: locked: could not open directory '<T>/w/locked': Permission denied
  firn: left out: secret: could not open '<T>/w/secret': Permission denied
  $ as firn save -q 2>../err; echo $?; sort ../err
  2
  6
  firn: left out: locked: could not open directory '<T>/w/locked': Permission denied
  firn: left out: secret: could not open '<T>/w/secret': Permission denied
  $ as firn save -q --strict
  ! firn: could not open <any>'<T>/w/<any>': Permission denied
  [1]
  $ as firn list -q
  2
  1
  $ as firn save --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["checkpoint"]["skipped"], sorted((n["kind"], n["path"]) for n in o["notices"]), "error" in o)'
  2 [('unreadable', 'locked'), ('unreadable', 'secret')] False
  $ as firn status 2>../err; echo $?; sort ../err
  compared with 3: no change; 1 unchanged
  6
  firn: left out: locked: could not open directory '<T>/w/locked': Permission denied
  firn: left out: secret: could not open '<T>/w/secret': Permission denied
  $ as firn show 1 --files | awk '{ print $NF }'
  a
  other/

What the last checkpoint has goes on as it is there; a restore leaves alone what it cannot read.

  $ as bash -c 'echo changed >a; chmod 600 secret; chmod 700 locked; firn save -q; rm a; chmod 0 secret'
  4
  $ as firn restore latest
  restored 4: 0 changed, 1 added, 0 removed; take this back with: firn undo
  ! firn: left out: secret: could not open '<T>/w/secret': Permission denied
  ! firn: not restored: secret: the file there could not be read, so no checkpoint has it: make it readable, or move it away
  ! hint: once the causes are gone, firn restore --resume restores the rest
  [6]
  $ as chmod 600 secret; as firn restore latest -q; cat a
  changed

What could not be read is no business of the checkpoint: a restore of it, or an undo of a restore that met it, leaves it alone.

  $ as bash -c 'mkdir "od[d" && echo 1 >"od[d/a b*
  > c" && echo 1 >"od[d/a bx" && chmod 0 "od[d/a b*
  > c" secret && firn save -q 2>/dev/null; echo 2 >a; chmod 600 "od[d/a b*
  > c" secret; echo 2 >new'
  5
  $ as firn restore 5; ls -Q . od*
  restored 5: 1 changed, 0 added, 1 removed; take this back with: firn undo
  ".":
  "a"
  "locked"
  "od[d"
  "other"
  "secret"
  
  "od[d":
  "a b*\nc"
  "a bx"
  $ as bash -c 'chmod 0 secret; echo 3 >a; rm od*/*; firn restore 5 -q 2>/dev/null; chmod 600 secret; echo 4 >a; firn undo -q; firn undo -q'; cat a secret; ls -Q od*
  3
  secret

A directory that cannot be read any more is not removed: all of it goes on, and further names of files that lead out of it become
files of their own.

  $ as bash -c 'mkdir ~/v && cd ~/v && mkdir -p d/e && echo 1 >d/a && echo 2 >d/e/b && ln d/a d/e/again && echo 3 >c && ln c d/out && echo 4 >own && ln d/a z && echo 5 >later && firn save -q && rm later && mkdir d2 && chmod 0 d own d2'
  1
  $ as bash -c 'cd ~/v && firn save; firn status' 2>../err | sed 's/  [0-9.]* s$//; s/[0-9.]* KB added/SIZE added/'; sort -u ../err
  2  <id>  7 files, 12 B; 2 changed, 1 removed, SIZE added
  compared with 2: no change; 7 unchanged
  firn: left out: d2: could not open directory '<T>/home/v/d2': Permission denied
  firn: not read: d: could not open directory '<T>/home/v/d': Permission denied; it stays as the last checkpoint has it
  firn: not read: own: could not open '<T>/home/v/own': Permission denied; it stays as the last checkpoint has it
  $ as bash -c 'cd ~/v && firn check --data && firn show 2 --files' | awk '{ print $NF, $(NF - 1) == "=" ? "further name" : "" }' | sed 's/ $//'
  damage
  c
  d/
  d/a
  d/e/
  d/a further name
  d/e/b
  d/out
  own
  z
  $ as bash -c 'cd ~/v && echo new >c && firn restore 2 -q 2>/dev/null; echo $?; cat c; chmod 755 d d2; chmod 600 own; rm -r d own && firn restore 2 -q && cat d/a d/e/b d/e/again d/out own && firn status'
  6
  3
  1
  2
  1
  3
  4
  added     d2/
  compared with 2: no change; 7 unchanged

Places that cannot be written.

  $ as bash -c 'mkdir ro && chmod 500 ro && firn --store ro/store save'
  ! firn: could not create directory 'ro/store': Permission denied
  [1]
  $ as bash -c 'firn --store s save -q && chmod -R a-w s && firn --store s save'
  1
  ! firn: could not open 's/LOCK': Permission denied
  [1]
  $ as firn --store s list -q
  1
  $ as firn --store s status
  compared with 1: no change; 3 unchanged
  $ as bash -c 'chmod 0 s && firn --store s list'
  ! firn: could not open directory 's': Permission denied
  [1]
  $ as bash -c 'chmod 700 s && chmod -R u+w s'
  $ as bash -c 'chmod 500 $HOME && XDG_DATA_HOME= firn save; chmod 700 $HOME'
  ! firn: could not create directory '<T>/home/.local': Permission denied
  $ as bash -c 'mkdir gone && cd gone && chmod 0 . && firn list'
  ! firn: could not open directory '.': Permission denied
  [1]
