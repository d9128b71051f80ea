A store inside of a tree is used where this user made it, or has trusted it.

  $ mkdir -p in/sub && echo 1 >in/sub/f && firn -C in init --here && firn -C in/sub save -q
  made the store .firn
  git leaves it out: .firn/.gitignore says so
  firn save will take 1 file, 2 B
  left out by rule: .firn
  1
  $ firn trust --list
  <T>/w/in
  $ find $XDG_DATA_HOME -printf '%M %f\n' | grep -v 'data$' | sed 's/[0-9a-f]\{32\}/name/' | sort
  -rw------- name
  -rw------- name.files
  -rw------- name.settings
  drwx------ .trusted
  drwx------ firn

Moved within its file system it stays so, and it is reached by any name; a copy is another one.

  $ mv in moved && firn -C moved list -q && ln -s moved link && firn -C link/sub list -q
  1
  1
  $ cp -a moved copy && firn -C copy/sub list
  ! firn: '<T>/w/copy/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  [1]
  $ firn -C copy hook install cursor && rm -r copy/.cursor
  .cursor/hooks.json: every turn is saved from now on
  ! firn: '<T>/w/copy/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  $ firn -C copy --store .firn list -q; firn -C copy list -q 2>/dev/null
  1
  [1]
  $ firn trust copy/sub && firn -C copy save -q && firn -C moved list -q
  trusted: <T>/w/copy/.firn
  2
  1
  $ mkdir other && mv copy/.firn other/ && firn -C other list -q
  2
  1
  $ rm -r moved/.firn && cp -a other/.firn moved/ && firn -C moved list -q
  ! firn: '<T>/w/moved/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  [1]

Listed, as text and as JSON; taken back.

  $ firn -C moved trust -q && firn trust --list | sort
  <T>/w/copy  (there is no store now)
  <T>/w/in  (there is no store now)
  <T>/w/moved
  $ firn trust --list --json | python3 -c 'import json, sys
  > for s in sorted(json.load(sys.stdin)["stores"], key=lambda s: s["root"]): print(s["root"], s["id"] and len(s["id"]), s["there"], s["trusted"])'
  <T>/w/copy None False False
  <T>/w/in None False False
  <T>/w/moved 32 True True
  $ firn trust --remove moved && firn -C moved list -q
  no longer trusted: moved
  ! firn: '<T>/w/moved/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  [1]
  $ firn trust --remove $PWD/in && firn trust --remove other && firn trust --list
  no longer trusted: <T>/w/in
  no longer trusted: other
  $ firn trust --remove moved
  ! firn: no trusted store is known at 'moved'
  ! hint: firn trust --list shows the directories of those that are
  [3]
  $ mkdir none && firn -C none trust
  ! firn: there is no store inside of '.' or a directory above it
  ! hint: firn init --here makes one
  [3]
  $ firn trust a b
  ! firn: trust: unexpected argument 'b'
  ! usage: firn trust [options] [DIR|STORE]
  ! help: firn help trust
  [2]
  $ firn trust --list moved
  ! firn: trust: --list takes no DIR
  ! usage: firn trust [options] [DIR|STORE]
  ! help: firn help trust
  [2]
  $ firn trust moved --json
  {"store":{"root":"<T>/w/moved","store":"<T>/w/moved/.firn","id":"<hex>","there":true,"trusted":true}}

A store that a save makes by its name, inside of the directory, is made by this user as well; a repair goes on with it.

  $ mkdir named && echo 1 >named/f && firn -C named --store .firn save -q && firn -C named save -q
  1
  2
  $ printf x >>named/.firn/packs/$(ls named/.firn/packs | head -n 1) && firn -C named repair -q; firn -C named list -q
  2
  1
  ! firn: damaged: <any>

A store that others may write to is not used, even if it was trusted.

  $ chmod go+w named/.firn && firn -C named list
  ! firn: '<T>/w/named/.firn' is a store that others may write to: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  [1]
  $ firn trust named
  ! firn: others may write to '<T>/w/named/.firn': make it private first (chmod -R go= on it)
  [1]
  $ chmod go-w named/.firn && firn -C named list -q
  2
  1
  $ chmod go+w $XDG_DATA_HOME/firn/.trusted && firn -C named list -q 2>&1 | head -n 1; firn trust moved
  firn: '<T>/w/named/.firn' is a store that you did not make here: it is not used
  ! firn: '<T>/data/firn/.trusted' is not private: it must belong to you, and others must not be able to write to it (chmod go-w)
  [1]
  $ chmod go-w $XDG_DATA_HOME/firn/.trusted && firn -C named list -q
  2
  1

Links, fifos and files in the place of a store are none; commands do not wait for them.

  $ mkdir odd && for what in 'ln -s ../named/.firn' 'mkfifo' 'touch'; do $what odd/.firn; timeout 20 firn -C odd list; rm odd/.firn; done
  no checkpoints
  no checkpoints
  no checkpoints
  $ mkdir odd/.firn && mkfifo odd/.firn/FIRN && timeout 20 firn -C odd list -q; timeout 20 firn -C odd trust -q && timeout 20 firn -C odd list
  ! firn: '<T>/w/odd/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  ! firn: '<T>/w/odd/.firn/FIRN' is not a regular file: nothing is trusted
  [1]
  $ mkdir planted && ln -s ../named planted/.trusted && rm -rf $XDG_DATA_HOME/firn/.trusted && ln -s $PWD/planted $XDG_DATA_HOME/firn/.trusted && firn trust moved ; ls -A planted
  .trusted
  ! firn: '<T>/data/firn/.trusted' is in the way: it is not a directory

A note that cannot be read, or is malformed, is named; the others are listed.

  $ rm $XDG_DATA_HOME/firn/.trusted; mkdir n1 n2 && firn -C n1 init --here -q && firn -C n2 init --here -q && notes=$XDG_DATA_HOME/firn/.trusted && bad=$notes/0123456789abcdef0123456789abcdef
  $ echo rubbish >$bad && firn trust --list | sort
  <T>/w/n1
  <T>/w/n2
  ! firn: left out: <T>/data/firn/.trusted/0123456789abcdef0123456789abcdef: '<T>/data/firn/.trusted/0123456789abcdef0123456789abcdef' was not written by firn trust
  ! hint: a record that cannot be read is ignored: remove the file, and trust its directory again with firn trust DIR
  $ rm $bad; mkdir $bad; firn trust --list -q >listed 2>/dev/null; echo $? $(wc -l <listed); firn trust --list --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(len(o["stores"]), [n["kind"] for n in o["notices"]])'
  6 2
  2 ['unreadable']
  $ rmdir $bad; ln -s nowhere $bad; firn trust --list -q >listed 2>/dev/null; echo $? $(wc -l <listed); firn trust --remove n1 -q && firn trust --list -q 2>/dev/null
  6 2
  <T>/w/n2
  [6]
  $ rm $bad; head -c 20000 /dev/zero >$bad; firn trust --list -q >listed 2>&1; echo $? $(grep -c . listed); rm $bad; firn trust --list
  6 3
  <T>/w/n2
  $ rm -r n1 n2 $notes && touch $notes

Where the data directory cannot be written a restore says so before it changes anything.

  $ rm $XDG_DATA_HOME/firn/.trusted && mkdir plain && echo 1 >plain/f && firn -C plain save -q && echo 2 >plain/f && touch $XDG_DATA_HOME/firn/.restoring
  1
  $ firn -C plain restore 1; cat plain/f; rm $XDG_DATA_HOME/firn/.restoring; firn -C plain restore 1 -q; cat plain/f
  2
  1
  ! firn: nothing was changed: the start of the restore could not be recorded: '<T>/data/firn/.restoring' is in the way: it is not a directory
  ! hint: firn restore REF --to DIR writes the checkpoint into another directory
  $ env -u HOME -u XDG_DATA_HOME firn -C plain --store $XDG_DATA_HOME/firn/plain-* undo 2>&1 | head -n 1; cat plain/f
  firn: nothing was changed: the start of the restore could not be recorded: no place for the store: neither XDG_DATA_HOME nor HOME is set to an absolute path; name one
  1

On a terminal the question is asked, and no is the default.

  $ mkdir q && touch q/f && firn -C q init --here -q && firn -C q save -q && cp -a q r
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer '' firn -C r list -q
  firn: <T>/w/r/.firn is a store that you did not make here; id <hex>, owner <n>
  hint: if it came with the directory, say no: it can change files in it
  trust it from now on? [y/N] firn: '<T>/w/r/.firn' is a store that you did not make here: it is not used
  hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer y firn -C r gc --auto 2>&1 | tail -n 1; python3 $SOURCE/tests/cli/on_terminal.py --answer y firn -C r watch | grep -c 'trust it'
  1
  0
  [1]
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer y firn -C r list -q | tail -n 2; firn -C r list -q
  trust it from now on? [y/N] 1
  0
  1
