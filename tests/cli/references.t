What names a checkpoint and what does not. One is made, so that whatever matched anything would restore it.

  $ echo one >a && firn save -q && id=$(firn list --json | sed 's/.*"id":"\([k-z]*\)".*/\1/')
  1
  $ echo two >a
  $ for ref in '' '%' '_' '*' '../x' 'latest ' ' latest' LATEST late 0 00 -1 1.0 1x 99999999999999999999 q kkk zz 'k*' "$(printf 'x%.0s' $(seq 300))" "$(printf 'kkkk\n')" "1
  > "; do
  >     firn restore "$ref" >out 2>err; echo "$? $(cat out; head -n 1 err | cut -c -60)"
  > done
  2 firn: '' is not a reference to a checkpoint: give its number
  2 firn: '%' is not a reference to a checkpoint: give its numbe
  2 firn: '_' is not a reference to a checkpoint: give its numbe
  2 firn: '*' is not a reference to a checkpoint: give its numbe
  2 firn: '../x' is not a reference to a checkpoint: give its nu
  2 firn: 'latest ' is not a reference to a checkpoint: give its
  2 firn: ' latest' is not a reference to a checkpoint: give its
  2 firn: 'LATEST' is not a reference to a checkpoint: give its 
  3 firn: there is no checkpoint and no tag 'late'
  2 firn: '0' is not a reference to a checkpoint: give its numbe
  2 firn: '00' is not a reference to a checkpoint: give its numb
  2 firn: restore: unknown option '-1': write -- before argument
  2 firn: '1.0' is not a reference to a checkpoint: give its num
  2 firn: '1x' is not a reference to a checkpoint: give its numb
  2 firn: '99999999999999999999' is not a reference to a checkpo
  3 firn: there is no checkpoint and no tag 'q'
  3 firn: there is no checkpoint and no tag 'kkk'
  3 firn: there is no checkpoint and no tag 'zz'
  2 firn: 'k*' is not a reference to a checkpoint: give its numb
  2 firn: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  3 firn: there is no checkpoint 'kkkk'
  2 firn: '1\n' is not a reference to a checkpoint: give its num
  $ firn restore -x
  ! firn: restore: unknown option '-x'
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore -- -x
  ! firn: '-x' is neither in the workspace nor in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ cat a
  two

Numbers, ids, prefixes of four letters and more in any case, latest.

  $ for ref in 1 01 latest $id ${id:0:4} ${id:0:8} ${id:0:31} $(echo ${id:0:8} | tr k-z K-Z); do
  >     echo two >a && firn restore "$ref" -q && cat a
  > done
  one
  one
  one
  one
  one
  one
  one
  one
  $ firn show ${id:0:3}
  ! firn: there is no checkpoint and no tag '<any>'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn show ${id}k
  ! firn: '<ID>k' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [2]
  $ firn show 2
  ! firn: there is no checkpoint '2'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn show kkkk
  ! firn: there is no checkpoint 'kkkk'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]

Safety checkpoints are named by their ids.

  $ echo two >a && firn restore 1 -q && echo one >b
  $ safety=$(firn list --all | awk 'NR == 1 { print $2 }')
  $ firn restore $safety
  restored <id>: 1 changed, 0 added, 1 removed; take this back with: firn undo
  $ cat a; ls
  two
  a

So many before: safety checkpoints are not counted.

  $ firn save -q -m second; firn save -q -m third; firn tag v1.0 1
  2
  3
  v1.0 is 1
  $ for ref in latest latest~0 latest~1 latest~2 3~1 v1.0 v1.0~0 ${id}~0 $(firn list --all | awk '$1 == "-" { print $2; exit }')~1; do
  >     firn show $ref | head -n 1
  > done
  checkpoint  3
  checkpoint  3
  checkpoint  2
  checkpoint  1
  checkpoint  2
  checkpoint  1
  checkpoint  1
  checkpoint  1
  checkpoint  1
  $ firn show latest~3
  ! firn: there is no checkpoint 'latest~3': there are only 2 before it
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn show latest~
  ! firn: 'latest~' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [2]

Times: the newest checkpoint that is not younger. The second that a list prints finds what it was printed for.

  $ firn show now | head -n 1
  checkpoint  3
  $ made=$(firn show 3 | sed -n 's/^made *//p') && firn show "$made" | head -n 1
  checkpoint  3
  $ exact=$(firn show 2 --json | sed 's/.*"created":"\([^"]*\)".*/\1/') && firn show "$exact" | head -n 1
  checkpoint  2
  $ firn show "1 hour ago"
  ! firn: there is no checkpoint as old as '1 hour ago': the first is 1
  ! hint: checkpoint 1 was made <time>; firn list shows all
  [3]
  $ firn show 1999-12-31
  ! firn: there is no checkpoint as old as '1999-12-31': the first is 1
  ! hint: checkpoint 1 was made <time>; firn list shows all
  [3]
  $ firn show 2040-02-30
  ! firn: '2040-02-30' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [2]

Local time, in and out. JSON has the offset.

  $ mkdir ../zones && cd ../zones && echo 1 >f && touch -d '2026-01-15 12:00:00 UTC' f && firn save -q
  1
  $ for zone in UTC EST5 CET-1 AAA-5:45; do TZ=$zone firn show 1 --files; TZ=$zone firn show 1 --files --json | sed 's/.*"mtime":"\([^"]*\)".*/\1/'; done | sed 's/^-.* 2  //'
  2026-01-15 12:00:00  f
  2026-01-15T12:00:00.000000000Z
  2026-01-15 07:00:00  f
  2026-01-15T07:00:00.000000000-05:00
  2026-01-15 13:00:00  f
  2026-01-15T13:00:00.000000000+01:00
  2026-01-15 17:45:00  f
  2026-01-15T17:45:00.000000000+05:45
  $ for zone in UTC EST5 AAA-13; do
  >     export TZ=$zone; now=$(date +%s)
  >     for time in "$(firn list | sed 's/^ *1  [a-z]*  \(.\{19\}\).*/\1/')" "$(date +%H:%M:%S)" "$(date -d '2 seconds' '+%F %T')" 0s; do firn show "$time" | head -n 1; done
  >     for time in "yesterday $(date +%H:%M)" yesterday 1d "$(date -d '1 hour ago' +%H:%M)" 5m; do firn show "$time" 2>&1 | sed 's/ .[0-9y].*//'; done | sort | uniq -c
  > done; export TZ=EST5
  checkpoint  1
  checkpoint  1
  checkpoint  1
  checkpoint  1
        5 firn: there is no checkpoint as old as
        5 hint: checkpoint 1 was made
  checkpoint  1
  checkpoint  1
  checkpoint  1
  checkpoint  1
        5 firn: there is no checkpoint as old as
        5 hint: checkpoint 1 was made
  checkpoint  1
  checkpoint  1
  checkpoint  1
  checkpoint  1
        5 firn: there is no checkpoint as old as
        5 hint: checkpoint 1 was made
  $ firn log --since 1h | wc -l; firn log --until 1h; firn log --since "yesterday 00:00" -q; firn log --until "$(date -d '1 minute' '+%F %T')" -q
  1
  no checkpoints
  1
  1

A time that is given to the minute means all of it; where a log begins, what came after its first second.

  $ while [ "$(date +%S)" = 00 ]; do sleep 0.1; done; mkdir ../minute && cd ../minute && echo 1 >f && firn save -q; minute=$(TZ=EST5 date -d "$(firn show 1 | sed -n 's/^made *//p')" '+%F %H:%M')
  1
  $ firn show "$minute" | head -n 1; firn show "${minute#* }" | head -n 1; firn show "$(date -d "$minute" '+%I:%M%P')" | head -n 1; firn show "today ${minute#* }" | head -n 1
  checkpoint  1
  checkpoint  1
  checkpoint  1
  checkpoint  1
  $ firn log -q --since "$minute"; firn log -q --until "$minute"; firn log -q --since "$minute:59"; firn log -q --since "$(date -d "$minute" '+%I:%M%P')"
  1
  1
  1
  $ firn show "last week" 2>&1 | head -n 1; firn show 2h30m 2>&1 | head -n 1; firn show monday 2>&1 | head -n 1
  firn: there is no checkpoint as old as 'last week': the first is 1
  firn: there is no checkpoint as old as '2h30m': the first is 1
  firn: there is no checkpoint as old as 'monday': the first is 1
  $ firn tag -q monday && firn show monday | grep -c '^tag.*monday'; firn tag -q midnight && firn show midnight | grep -c '^tag.*midnight'; firn tag -d midnight -q; firn tag -d monday -q && firn show monday 2>&1 | head -n 1
  1
  1
  firn: there is no checkpoint as old as 'monday': the first is 1

Twenty saves in a row: each short id, as the list prints it, is one checkpoint, in every command.

  $ mkdir ../many && cd ../many && for i in $(seq 20); do echo $i >f; firn save -q >/dev/null; done
  $ firn list | while read number id rest; do
  >     [ "$(firn show $id | head -n 1)" = "checkpoint  $number" ] || echo "show $id"
  >     firn restore $id -q && [ "$(cat f)" = $number ] || echo "restore $id"
  >     [ "$(firn cat $(echo $id | tr k-z K-Z) f)" = $number ] || echo "cat $id"
  > done
  $ firn list | while read number id rest; do firn delete -q $id >/dev/null || echo "delete $id"; done; firn list
  no checkpoints
