On a terminal long results go through a pager.

  ? python3 -c 'import os; os.openpty()'
  $ export NO_COLOR=1
  $ terminal() { python3 $SOURCE/tests/cli/on_terminal.py --of o "$@"; }
  $ echo 1 >f; firn save -q; echo 2 >f; firn save -q -m 'a message that is longer than a narrow terminal'
  1
  2
  $ FIRN_PAGER="sed 's/^/paged /'" terminal firn list -n 1 | cut -c1-12
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

  $ firn config ui.pager false; FIRN_PAGER="sed 's/^/paged /'" terminal firn list -n 1 | cut -c1-12; firn config --unset ui.pager
     3  <any>
  0
  $ for with in NO_COLOR= 'NO_COLOR= TERM=dumb' NO_COLOR=1; do env $with PAGER=cat bash -c "python3 $SOURCE/tests/cli/on_terminal.py --of o firn list -n 1" | grep -c $'\e'; done
  1
  0
  0
  [1]

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
  firn: db: unknown command 'commit'
