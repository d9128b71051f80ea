A watch saves when the workspace has become quiet, and makes the saves of others fast.

  $ until_there() { for i in $(seq 400); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.05; done; echo "not there after 20 s"; }
  $ mkdir -p a/b && echo one >a/b/f && echo one >g
  $ firn watch --status
  ! firn: '<T>/w' has no checkpoint yet
  ! hint: firn save makes a checkpoint
  [3]
  $ firn watch --no-save
  ! firn: '<T>/w' has no checkpoint yet: there is no store at '<T>/data/firn/w-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn watch --quiet-time 0.1 >../log 2>&1 &
  $ until_there firn watch --status
  $ until_there grep watching ../log
  $ cat ../log
  1  <id>  2 files, 8 B; 2 new, <size> added
  watching <T>/w
  $ firn watch --status
  watched by process <n>: 3 directories, of which the next save visits 0
  $ firn watch --status --json | sed 's/"process":[0-9]*/"process":P/; s/"fanotify"/"inotify"/'
  {"process":P,"directories":3,"dirty":0,"unwatched":0,"source":"inotify"}
  $ echo two >../new && mv ../new a/b/f
  $ until_there grep '^2 ' ../log
  $ tail -n 1 ../log
  2  <id>  2 files, 8 B; 1 changed, <size> added
  $ firn list | sed 's/.*B  //'
  watch
  watch

Nothing is saved where nothing changed.

  $ touch -r g g
  $ sleep 0.5
  $ firn list -q
  2
  1

There is one watch of a workspace at a time; it is ended from anywhere.

  $ firn watch
  ! firn: '<T>/w' is watched already, by process <n>
  [4]
  $ firn watch --stop --status
  ! firn: watch: --status and --stop exclude each other
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]
  $ firn watch --stop
  was watched by process <n>: 3 directories, of which the next save visits 0
  $ wait $!
  $ firn watch --stop
  ! firn: '<T>/w' is not watched
  [3]
  $ ls $XDG_DATA_HOME/firn/*/ | grep watch
  [1]

One that was killed does no harm.

  $ (firn watch --no-save -q >../log 2>&1 & echo $! >../pid)
  $ until_there firn watch --status
  $ kill -9 $(cat ../pid)
  $ gone() { ! firn watch --status; }
  $ until_there gone
  $ ls $XDG_DATA_HOME/firn/*/ | grep watch
  watch-1
  $ firn save
  3  <id>  2 files, 8 B; no change since 2  <s> s

Saves beside one are like any other, once it knows the directories only faster.

  $ firn watch --no-save --json >../log 2>&1 & echo $! >../pid
  $ until_there firn watch --status
  $ echo three >a/b/f && firn save
  4  <id>  2 files, 10 B; 1 changed, <size> added  <s> s
  $ knows_all() { firn save -q >/dev/null && firn watch --status | grep ' visits 0$'; }
  $ until_there knows_all
  $ mv a c && firn save --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["added"], o["removed"], o["changed"])'
  1 1 0
  $ firn status
  compared with <n>: no change; 2 unchanged
  a watch is running; firn watch --status describes it
  $ firn status --json | grep -o '"watched":[a-z]*'
  "watched":true
  $ kill -TERM $(cat ../pid); wait $(cat ../pid)
  [143]
  $ sed 's/:[0-9]*/:N/g' ../log
  {"directories":N,"checkpoints":N}
  $ ls $XDG_DATA_HOME/firn/*/ | grep watch
  [1]

What it is told on the command line.

  $ firn watch --quiet-time soon
  ! firn: watch: --quiet-time takes seconds, like 2 or 0.5, not 'soon'
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]
  $ firn watch --rescan 0
  ! firn: watch: --rescan must not be 0
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]
  $ firn watch --max-interval 1.2345
  ! firn: watch: --max-interval takes seconds, like 2 or 0.5, not '1.2345'
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]

A workspace that goes away is not watched any more.

  $ firn watch --no-save >../log 2>&1 & echo $! >../pid
  $ until_there firn watch --status
  $ mv ../w ../elsewhere; wait $(cat ../pid)
  [3]
  $ cat ../log
  watching <T>/w
  firn: '<T>/w' was moved or removed

On a terminal the line of a save that is over does not stand beside what is printed.

  ? python3 -c 'import os; os.openpty()'
  $ mkdir ../seen && cd ../seen && echo 1 >f && firn save -q
  1
  $ (sleep 1.3; echo 2 >f) & python3 $SOURCE/tests/cli/on_terminal.py --of oe --controls --ctrl-c '2  ' firn watch --quiet-time 0.1 >../shown; grep -c '<return>[a-z].*<erase>.' ../shown; grep '^\(<return><erase>\)\?2  ' ../shown | sed 's/.*2  /2  /'
  0
  2  <id>  1 file, 2 B; 1 changed, <size> added
