On a terminal long results go through a pager.

  ? python3 -c 'import os; os.openpty()'
  $ export NO_COLOR=1 TERM=xterm
  $ terminal() { python3 $SOURCE/tests/cli/on_terminal.py --of o --rows 2 "$@"; }
  $ echo 1 >f; firn save -q; echo 2 >f; firn save -q -m 'a message that is longer than a narrow terminal'
  1
  2
  $ FIRN_PAGER="sed 's/^/paged /'" terminal --rows 1 firn list -n 1 | cut -c1-12
  paged    2  
  0
  $ FIRN_PAGER="sed 's/^/paged /'" terminal firn diff 1 2 --names --no-pager; PAGER="sed 's/^/paged /'" terminal firn diff 1 2 --names
  changed   f
  from 1 to 2: 1 changed, 0 added, 0 removed
  0
  paged changed   f
  paged from 1 to 2: 1 changed, 0 added, 0 removed
  0
  $ FIRN_PAGER="sed 's/^/paged /'" firn list -q; FIRN_PAGER="sed 's/^/paged /'" terminal firn list -q
  2
  1
  2
  1
  0

Only what prints something has one; one that is left ends the command, and that is no failure.

  $ FIRN_PAGER="sed 's/^/paged /'" terminal firn diff 1 9
  3
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  $ python3 -c 'print("x\n" * 200000)' >f; firn save -q; FIRN_PAGER='head -n 2' terminal firn show 3 -p --color never | tail -n 4
  3
  checkpoint  3
  id          <ID>
  0
  $ FIRN_PAGER='no-such-pager-here' terminal firn list 2>&1 | grep firn:
  firn: the pager was not found

A setting turns it off. A terminal has colors, unless the environment says otherwise.

  $ firn config ui.pager false; FIRN_PAGER="sed 's/^/paged /'" terminal --rows 1 firn list -n 1 | cut -c1-12; firn config --unset ui.pager
     3  <any>
  0
  $ for with in NO_COLOR= 'NO_COLOR= TERM=dumb' NO_COLOR=1; do env $with PAGER=cat bash -c "python3 $SOURCE/tests/cli/on_terminal.py --of o firn list -n 1" | grep -c $'\e'; done
  1
  0
  0
  [1]

What fits the terminal, with a row for the prompt, has none; lines that are wider take several rows. Nor has a terminal
that can only print, or of which nothing is known.

  $ export FIRN_PAGER="sed 's/^/paged /'"
  $ for size in '3 80' '2 80' '3 26' '4 25'; do set -- $size; terminal --rows $1 --columns $2 firn diff 1 2 --names | head -n 1; done
  changed   f
  paged changed   f
  paged changed   f
  changed   f
  $ for size in '4 20' '5 20'; do set -- $size; NO_COLOR= terminal --rows $1 --columns $2 firn diff 1 2 --names --color always | head -n 1 | cut -c 1-5; done | cat -v
  paged
  ^[[33m
  $ TERM=dumb terminal --rows 1 firn diff 1 2 --names | head -n 1; TERM= terminal --rows 1 firn diff 1 2 --names | head -n 1; (unset TERM; terminal --rows 1 firn diff 1 2 --names | head -n 1)
  changed   f
  changed   f
  changed   f

status, db diff and what would be restored, undone or reverted are long, too. What changes something has no pager.

  $ firn db put t.firn k a 1; firn db checkpoint t.firn one -q >../one; firn db put t.firn k a 2; terminal --rows 1 firn db diff t.firn one | cut -f 1; rm -r t.firn
  paged -
  paged +
  0
  $ echo 3 >f; for command in status 'restore -n latest' 'undo -n' 'undo --list' undo 'redo -n'; do terminal --rows 1 firn $command | head -n 1; done
  paged changed   f
  paged changed   f
  paged changed   f
  paged now       at 3
  undid unsaved changes, back at 3: 1 changed, 0 added, 0 removed; redo with: firn redo
  paged changed   f
  $ FIRN_PAGER='head -n 1' terminal --rows 1 firn restore 1 -n
  changed   f
  0

Help is long, too; what `firn` alone prints fits any screen.

  $ for command in help 'help save' 'help db' 'help db put' 'save --help' 'db --help' 'db put -h' --help; do terminal --rows 10 firn $command | head -n 1; done
  paged usage: firn COMMAND [options] [arguments]
  paged usage: firn save [options]
  paged usage: firn db COMMAND [options] [arguments]
  paged usage: firn db put [options] STORE KEYSPACE KEY VALUE
  paged usage: firn save [options]
  paged usage: firn db COMMAND [options] [arguments]
  paged usage: firn db put [options] STORE KEYSPACE KEY VALUE
  paged usage: firn COMMAND [options] [arguments]
  $ terminal --rows 200 firn help save | head -n 1; terminal --rows 10 firn help save --no-pager | head -n 1; TERM=dumb terminal --rows 10 firn help | head -n 1; firn help | head -n 1; terminal --rows 10 firn | head -n 1
  usage: firn save [options]
  usage: firn save [options]
  usage: firn COMMAND [options] [arguments]
  usage: firn COMMAND [options] [arguments]
  usage: firn COMMAND [options] [arguments]
  $ firn config --user ui.pager false; terminal --rows 10 firn help save | head -n 1; terminal --rows 10 firn save -h | head -n 1; firn config --user --unset ui.pager
  usage: firn save [options]
  usage: firn save [options]
  $ terminal --rows 10 firn help no-such-command
  2
  ! firn: unknown command 'no-such-command'
  ! help: firn help
  $ FIRN_PAGER='head -n 1' terminal --rows 10 firn help
  usage: firn COMMAND [options] [arguments]
  0
  $ unset FIRN_PAGER

A directory that was added or removed is one row on a terminal, with the number of its files.

  $ mkdir -p old/a/b none; touch old/1 old/a/2 old/a/b/3 olden; firn save -q; rm -r old none; mkdir -p new/d; touch new/d/1 newer; echo 4 >f
  4
  $ terminal --rows 24 firn status
  changed   f
  added     new/  1 file
  added     newer
  removed   none/
  removed   old/  3 files
  compared with 4: 1 changed, 2 added, 3 removed; 1 unchanged
  0
  $ terminal --rows 24 firn restore -n latest | grep /; terminal --rows 24 firn undo -n | grep -c /
  removed   new/  1 file
  added     none/
  added     old/  3 files
  3
  $ terminal --rows 24 firn status -v | grep -c old/; firn status | grep -c old/; terminal --rows 24 firn status -s | grep -c old/; terminal --rows 24 firn restore latest -nv | grep -c old/
  6
  6
  6
  6
  $ terminal --rows 24 firn status old/a | head -n 1
  removed   old/a/  2 files
  $ firn restore latest -q; terminal --rows 24 firn revert -n 4 | grep /; FIRN_PAGER="sed 's/^/paged /'" terminal --rows 3 firn revert -n 4 | head -n 1
  removed   none/
  removed   old/  3 files
  paged removed   none/

A row of the log is cut to the terminal.

  $ terminal --columns 60 firn log -n 1 ..2; terminal --columns 20 firn log -n 1 ..2
     2  <id>  <ago>  <any>…   1 file +1 −1
  0
     2  <id>  <ago>  a message…   1 file +1 −1
  0

Other programs' words are known.

  $ firn commit
  ! firn: unknown command 'commit'; firn save -m MESSAGE saves the whole directory
  ! help: firn help
  [2]
  $ firn stash 2>&1 | head -1; firn checkout 2>&1 | head -1; firn rm 2>&1 | head -1
  firn: unknown command 'stash'; firn save saves the directory, firn restore latest~1 goes back to what was before
  firn: unknown command 'checkout'; firn restore REF restores a checkpoint, firn restore REF PATH a file of one
  firn: unknown command 'rm'; firn delete deletes checkpoints, firn forget removes a path from all of them
  $ firn db commit 2>&1 | head -1
  firn: db: unknown command 'commit'; each command is durable when it ends; firn db checkpoint makes a checkpoint
