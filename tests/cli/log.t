What each checkpoint changed.

  $ firn log
  no checkpoints
  $ printf 'a\nb\nc\n' >f; printf '1\n2\n' >g; firn save -q -m first; echo d >>f; rm g; mkdir new; firn save -q -m second
  1
  2
  $ printf 'a\0\n' >bin; touch -d 2001-01-01 f; firn save -q; touch -d 2002-01-01 f; firn save -q -m 'a time'; firn save -q
  3
  4
  5
  $ firn log
     5  <id>  <ago>  no change
     4  <id>  <ago>  a time   1 time only
     3  <id>  <ago>  1 file
     2  <id>  <ago>  second   2 files +1 −2
     1  <id>  <ago>  first   2 files +5 −0
  $ firn log -n 1; firn log -n 0; firn log -q -n 2
     5  <id>  <ago>  no change
  5
  4
  $ firn log 1..3; firn log 4.. ; firn log ..1 -q
     3  <id>  <ago>  1 file
     2  <id>  <ago>  second   2 files +1 −2
     5  <id>  <ago>  no change
  1
  $ firn log 1..9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]

Of paths: what changed them, also below a directory, and from below one.

  $ firn log g; firn log new; cd new; firn log ../g -q; cd ..
     2  <id>  <ago>  second   1 file +0 −2
     1  <id>  <ago>  first   1 file +2 −0
     2  <id>  <ago>  second   1 directory
  2
  1
  $ firn log nowhere
  ! firn: no checkpoint contains this path
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]

The changes themselves.

  $ firn log -n 1 --stat ..2; firn log 1..2 --names; firn log ..2 -n 1 -p -- f
     2  <id>  <ago>  second   2 files +1 −2
   f    | 1 +
   g    | 2 -- removed
   new/ | directory added
     2  <id>  <ago>  second
  changed   f
  removed   g
  added     new/
     2  <id>  <ago>  second
  diff --git a/f b/f
  --- a/f
  +++ b/f
  @@ -1,3 +1,4 @@
   a
   b
   c
  +d
  $ firn log --json 1..2 --names | python3 -c 'import json, sys; c = json.load(sys.stdin)["checkpoints"][0]; print(c["checkpoint"]["number"], c["previous"], [x["path"] for x in c["changes"]], c["files"], c["directories"], c["lines_added"], c["lines_removed"])'
  2 1 ['f', 'g', 'new'] 2 1 0 0
  $ firn log --json ..2 | python3 -c 'import json, sys; print([(c["previous"], c["lines_added"], c["lines_removed"], c["times_only"]) for c in json.load(sys.stdin)["checkpoints"]])'
  [(1, 1, 2, 0), (None, 5, 0, 0)]

By message, time and agent.

  $ firn log --grep 'sec|time' -q; firn log --grep SEC -q; firn log --grep SEC -i -q
  4
  2
  2
  $ firn log --grep '(' 2>&1 | head -1
  firn: log: '(' is not a regular expression: Unmatched ( or \\(
  $ firn log --since 3 -q; firn log --until 2 -q; firn log --since yesterday -q | wc -l; firn log --until yesterday -q
  5
  4
  2
  1
  5
  $ firn log --since 2031-01-01 -q -n 1; firn log --since rubbish
  ! firn: there is no checkpoint and no tag 'rubbish'
  ! hint: firn list shows the checkpoints
  [3]
  $ turn() { echo '{"session_id":"s1","prompt":"rename it\nand more"}' | firn hook run claude $1; }
  $ turn before; echo x >>f; turn after; firn log --agent claude; firn log --agent cursor
     6  <id>  <ago>  Claude Code: rename it…   1 file +1 −0
  no checkpoints

One file is followed through renames that keep its content.

  $ mkdir sub; mv f sub/h; firn save -q -m moved; echo y >>sub/h; firn save -q -m edited; firn log sub/h
  7
  8
     8  <id>  <ago>  edited   1 file +1 −0
     7  <id>  <ago>  moved   1 file
     6  <id>  <ago>  Claude Code: rename it…   1 file +1 −0
     2  <id>  <ago>  second   1 file +1 −0
     1  <id>  <ago>  first   1 file +3 −0
  $ firn log sub/h --no-renames -q; firn log sub/h --names -n 2 | tail -1; firn log sub/h --grep first -q
  8
  7
  renamed   f -> sub/h
  1
  $ firn log sub/h --names -n 2; firn diff 6 7 sub/h --names; firn log sub/i -q
     8  <id>  <ago>  edited
  changed   sub/h
  
     7  <id>  <ago>  moved
  renamed   f -> sub/h
  added     sub/h
  from 6 to 7: 0 changed, 1 added, 0 removed
  ! firn: no checkpoint contains this path
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]

A checkpoint whose predecessor is gone is compared with the one before that; safety checkpoints are left out, as by list.

  $ firn tag good 8; firn delete -q 6 7; echo z >>sub/h; firn restore -q 8; firn log -n 2; firn log -a -n 1
  good is 8
  6
  7
     8  <id>  <ago>  edited   2 files +6 −4  [good]
     5  <id>  <ago>  no change
     -  <id>  <ago>  before restoring 8   1 file +1 −0

Two workspaces of one store have each their own history.

  $ mkdir ../other.$$; cd ../other.$$; export FIRN_STORE=$(firn -C "$OLDPWD" init -q); echo o >o; firn save -q -m other; firn log; cd "$OLDPWD"; rm -r ../other.$$
  1
     1  <id>  <ago>  other   1 file +1 −0
  $ firn log -q -n 1
  8

Messages and names are escaped, and cut to the terminal.

  $ echo 1 >"$(printf 'n\033')"; firn save -q -m "$(printf 'red \033[31m\nand more')"; firn log -n 1 --names
  9
     9  <id>  <ago>  red \033[31m…
  added     n\033
  $ firn log 5
  ! firn: no checkpoint contains this path
  ! hint: firn log -n N shows the N newest, firn show REF one checkpoint
  [3]
