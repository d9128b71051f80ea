Entries that cannot be changed stay as they are and are named; all others are restored, and the rest later.

As root hardly anything is refused: then the commands run as another user, who may be unable to reach the program.

  ? [ $(id -u) -eq 0 ]
  $ cp "$(command -v firn)" $T/ && PATH=$T:$PATH && chmod 755 $T && chown -R 65534:65534 . $HOME $XDG_DATA_HOME
  $ as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
  $ as bash -c 'mkdir build own; echo 1 >build/a; echo 1 >build/b; echo 1 >own/a; echo 1 >top; firn save -q; echo 22 >build/a; rm build/b; echo 2 >build/c; echo 22 >own/a; echo 22 >top'
  1

A directory of another user, as a program in a container leaves it: the dry run knows.

  $ chown root build && chmod 755 build
  $ as firn restore 1 -n
  changed   own/a
  changed   top
  would restore 1: 2 changed, 0 added, 0 removed
  ! firn: not restored: build: only its owner, another user, may change its attributes
  ! firn: not restored: build/a: could not write in directory '<T>/w/build': Permission denied
  ! firn: not restored: build/b: could not write in directory '<T>/w/build': Permission denied
  ! firn: not restored: build/c: could not write in directory '<T>/w/build': Permission denied
  [6]
  $ as firn restore 1 2>&1 | grep -v build
  restored 1: 2 changed, 0 added, 0 removed; take this back with: firn undo
  hint: once the causes are gone, firn restore --resume restores the rest
  $ cat own/a top build/a; ls -A . build
  1
  1
  22
  .:
  build
  own
  top
  
  build:
  a
  c

Nothing waits: a save is a save of what is there. Undo brings back exactly what was there, and the rest can be restored later.

  $ as firn list | wc -l; as firn undo -q; cat own/a top; as firn redo -q 2>/dev/null; cat own/a top
  1
  22
  22
  1
  1
  $ as firn undo -q; as firn restore 1 -q 2>/dev/null; echo 3 >own/a; chown 65534 own/a build; as firn restore --resume | sed 's/; take.*//'; cat build/* own/a; as firn restore --resume
  finished restoring 1: 2 changed, 1 added, 1 removed
  1
  1
  1
  ! firn: there is no interrupted restore
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]

Nothing but the owner differs: the dry run knows that, too. Of what is made anew the owner is told, without a temporary name.

  $ as bash -c 'mkdir ~/given && cd ~/given && mkdir d && echo 1 >f && firn save -q' && cd $HOME/given && chown root d f
  1
  $ as firn restore 1 -n
  ! firn: not restored: d: only its owner, another user, may change its attributes
  ! firn: not restored: f: only its owner, another user, may change its attributes
  would restore 1: nothing had to change
  [6]
  $ as firn restore 1 >/dev/null
  ! firn: not restored: d: only its owner, another user, may change its attributes
  ! firn: not restored: f: only its owner, another user, may change its attributes
  ! hint: once the causes are gone, run it again
  [6]
  $ as firn save -q && as rm -f f && as firn restore 2 -q
  2
  ! firn: incomplete: f: owner not restored: Operation not permitted
  [6]

A revert says it, too.

  $ as bash -c 'mkdir ~/back && cd ~/back && mkdir d && echo 1 >d/f && echo 1 >g && firn save -q && echo 2 >d/f && echo 2 >g && firn save -q' && cd $HOME/back && chown root d
  1
  2
  $ as firn revert 2 2>&1 | sed 's/could not.*/CAUSE/'; cat d/f g
  firn: not restored: d/f: CAUSE
  reverted 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  hint: once the causes are gone, firn restore --resume restores the rest
  2
  1
  $ chown 65534 d && as firn restore --resume -q 2>/dev/null; cat d/f g
  1
  1
