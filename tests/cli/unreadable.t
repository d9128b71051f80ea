What cannot be read is named; everything else is saved.

As root nothing is unreadable: then the commands run as somebody else, for whom the program may lie out of reach.

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
  compared with 3: no change; 1 the same
  6
  firn: left out: locked: could not open directory '<T>/w/locked': Permission denied
  firn: left out: secret: could not open '<T>/w/secret': Permission denied
  $ as firn show 1 --files | awk '{ print $NF }'
  a
  other/

A restore that would have to change what it could not save first does nothing.

  $ as bash -c 'echo changed >a; chmod 600 secret; chmod 700 locked; firn save -q; rm a; chmod 0 secret'
  4
  $ as firn restore latest
  ! firn: left out: secret: could not open '<T>/w/secret': Permission denied
  ! firn: 'secret' is in the way and is not part of the saved state (left out by a rule, special, unreadable or being written): move it away and try again
  [4]
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
  $ as bash -c 'chmod 0 secret; echo 3 >a; rm od*/*; firn restore 5 -q; chmod 600 secret; echo 4 >a; firn undo -q'; cat a secret; ls -Q od*
  3
  secret

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
  compared with 1: no change; 3 the same
  $ as bash -c 'chmod 0 s && firn --store s list'
  ! firn: could not open directory 's': Permission denied
  [1]
  $ as bash -c 'chmod 700 s && chmod -R u+w s'
  $ as bash -c 'chmod 500 $HOME && XDG_DATA_HOME= firn save; chmod 700 $HOME'
  ! firn: could not create directory '<T>/home/.local': Permission denied
  $ as bash -c 'mkdir gone && cd gone && chmod 0 . && firn list'
  ! firn: could not open directory '.': Permission denied
  [1]
