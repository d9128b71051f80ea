Listing and showing.

  $ for i in 1 2 3; do echo $i >f; firn save -q -m "state $i"; done
  1
  2
  3
  $ firn list
     3  <id>  <time>          1 file        2 B  state 3
     2  <id>  <time>          1 file        2 B  state 2
     1  <id>  <time>          1 file        2 B  state 1
  $ firn list --limit 1
     3  <id>  <time>          1 file        2 B  state 3
  $ firn list --limit 0
  $ firn list --limit 2 --quiet
  3
  2
  $ firn list --limit 18446744073709551615 --quiet
  3
  2
  1

A range is what came after the first checkpoint, up to the second.

  $ firn list 1..2
     2  <id>  <time>          1 file        2 B  state 2
  $ firn list -q 1.. ; firn list -q -n 1 ..2; firn list -q 2..1; firn list 2..1
  3
  2
  2
  no checkpoints
  $ firn list --json 2.. | python3 -c 'import json, sys; print([c["message"] for c in json.load(sys.stdin)["checkpoints"]])'
  ['state 3']
  $ firn report 1..2 -q -o - | grep -c '<article id='; firn report 1..2 -q -o - | grep -o 'there are older ones'; firn report ..2 -q -o - | grep -c 'there are older ones' || true
  1
  there are older ones
  0
  $ echo edited >f; firn restore -q 2; firn list -q ..3 -n 2; firn list -a 3.. | sed 's/.* B//'; firn restore -q 3
  3
  2
    before restoring 2
  $ safety=$(firn list -a -q | sed -n 2p); firn list -q "$safety..3"; firn list -q "2..$safety"
  3
  $ firn list 3
  ! firn: list: '3' is not a range of checkpoints, such as 3..7 or 3..
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list 1..2 3
  ! firn: list: unexpected argument '3'
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list 1..9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn show 1..2
  ! firn: '1..2' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: A..B is for firn log, list, report, diff and revert; here, give one checkpoint
  [2]

  $ ln -s f link && mkdir -p dir/empty && printf '%3000s' >dir/large && chmod 4711 dir/large && ln dir/large z
  $ touch -d '2001-01-01 00:00:00.123456789Z' f && chmod 640 f && chmod 1777 dir/empty
  $ firn save -m "all kinds" | sed 's/[0-9.]* [KM]*B added/SIZE added/'
  4  <id>  4 files, 3 KB; 3 new, 1 changed, SIZE added  <s> s
  $ firn show latest | sed 's/^stored .*/stored SIZE/'
  checkpoint  4
  id          <ID>
  made        <time>
  message     all kinds
  files       4 in 3 directories
  contents    3 KB (3,002 bytes)
  stored SIZE
  left out    0 by rule, 0 that could not be saved
  tree        <hex>
  changes     1 changed, 3 added, 0 removed since 3
  $ firn show 4 --files | awk '{ $2 = "uid"; $3 = "gid"; print }' | sed '/ f$/!s/20..-..-.. ..:..:../TIME/'
  drwxr-xr-x uid gid 0 TIME dir/
  drwxrwxrwt uid gid 0 TIME dir/empty/
  -rws--x--x uid gid 3000 TIME dir/large
  -rw-r----- uid gid 2 <time> f
  lrwxrwxrwx uid gid 0 <time> link -> f
  -rws--x--x uid gid 3000 TIME z = dir/large
  $ firn show 1 --files --json | python3 -c 'import json, sys; print([e["path"] for e in json.load(sys.stdin)["entries"]])'
  ['f']
  $ firn show | cmp - <(firn show latest)
  $ firn show 9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn show 1 2
  ! firn: '2' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]

Names and messages are always escaped, on a terminal and elsewhere.

  $ firn save -q -m "$(printf 'two\nlines \033[31mred\033[0m back\\slash \302\205 \342\200\256evil')"
  5
  $ firn list -n 1
     5  <id>  <time>          4 files      3 KB  two…
  $ firn show latest | grep message
  message     two\nlines \033[31mred\033[0m back\\slash \302\205 \342\200\256evil
  $ firn save -q -m "$(printf 'bad \377 utf-8')"
  6
  $ firn list --limit 1
     6  <id>  <time>          4 files      3 KB  bad \377 utf-8
  $ firn list --limit 1 --json | python3 -c 'import json, sys; c = json.load(sys.stdin)["checkpoints"][0]; print(ascii(c["message"]), c["message_hex"])'
  'bad \ufffd utf-8' 62616420ff207574662d38

A message that is long, or has lines, is cut in lists; show has all of it.

  $ firn save -q -m "$(printf '\033[31mred\033[0m back\\slash \302\205 \342\200\256evil, and so on and on until a row is long enough')" >/dev/null && firn list -n 1 && firn delete -n latest
  <any>  \033[31mred\033[0m back\\slash \302\205 \342\200\256evil, and so on and…
  would delete <any>  \033[31mred\033[0m back\\slash \302\205 \342\200\256evil, and so on and…
  $ firn show latest | grep -c 'long enough'
  1
