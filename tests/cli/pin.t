Pins, and what stays of older checkpoints.

  $ firn pin
  nothing is pinned
  $ find $XDG_DATA_HOME | wc -l
  1
  $ firn pin 1
  ! firn: '<T>/w' has no checkpoint yet: there is no store at '<T>/data/firn/w-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ for i in 1 2 3; do echo $i >f; firn save -q; done
  1
  2
  3
  $ firn pin 1 3
  pinned 1
  pinned 3
  $ firn pin 1 -q
  $ firn pin
     3  <id>  <time>
     1  <id>  <time>
  $ firn pin -q | wc -l
  2
  $ firn list
     3  <id>  <time>          1 file        2 B  (pinned)
     2  <id>  <time>          1 file        2 B
     1  <id>  <time>          1 file        2 B  (pinned)
  $ firn tag both 1 -q && firn list | tail -n 1 && firn tag -d both -q
     1  <id>  <time>          1 file        2 B  [both]  (pinned)
  $ firn pin --json | python3 -c 'import json, sys; print([(p["number"], sorted(p)) for p in json.load(sys.stdin)["pins"]])'
  [(3, ['id', 'number', 'pinned']), (1, ['id', 'number', 'pinned'])]
  $ firn pin 2 --json | python3 -c 'import json, sys; print([(p["number"], sorted(p)) for p in json.load(sys.stdin)["pinned"]])'
  [(2, ['id', 'number'])]

All of them or none.

  $ firn unpin 1 9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn unpin
  ! firn: unpin: missing REF...
  ! usage: firn unpin REF...
  ! help: firn help unpin
  [2]
  $ firn unpin 2
  unpinned 2
  $ firn unpin 2
  unpinned 2

What is pinned cannot be deleted, until it is unpinned.

  $ firn delete 2 1
  ! firn: checkpoint '1' is pinned
  ! hint: firn pin lists pinned checkpoints, firn unpin unpins one
  [4]
  $ firn unpin 1 && firn delete 2 1
  unpinned 1
  deleted 2  <id>
  deleted 1  <id>
  bring back within 7 days with: firn undelete
  $ firn list | wc -l
  1

A safety checkpoint can be pinned as well.

  $ echo 4 >f && firn restore 3 -q && firn pin $(firn list --all | awk '$1 == "-" { print $2; exit }') | sed 's/[k-z]\{8\}/ID/'
  pinned ID
  $ firn pin | cut -c -6
     -  
     3  

What a policy would not keep; nothing that is younger than a day goes.

  $ firn unpin 3 -q && firn save -q
  4
  $ firn delete --expired --dry-run
  nothing has expired
  $ firn delete --expired --keep last:1
  nothing has expired
  $ firn delete --expired --json
  {"deleted":[]}
  $ firn delete --expired --keep all:1m
  ! firn: a policy is forever, or rules such as 'all:1d hourly:7d daily:90d'; there are last:COUNT, and all, hourly, daily, weekly, monthly, yearly with a span of hours, days, weeks or years (12h 7d 4w 1y) or forever
  [2]
  $ firn delete --expired 3
  ! firn: delete: --expired takes no REF
  ! usage: firn delete [options] [REF...]
  ! help: firn help delete
  [2]
  $ firn delete --keep last:1 3
  ! firn: delete: --keep is for --expired
  ! usage: firn delete [options] [REF...]
  ! help: firn help delete
  [2]
  $ firn config keep
  all:1d hourly:7d daily:90d
  $ firn config keep last:0
  ! firn: a policy is forever, or rules such as 'all:1d hourly:7d daily:90d'; there are last:COUNT, and all, hourly, daily, weekly, monthly, yearly with a span of hours, days, weeks or years (12h 7d 4w 1y) or forever
  [2]
  $ firn config keep "last:10  monthly:forever" && firn config keep && firn save --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["expired"])'
  last:10  monthly:forever
  0
  $ firn config keep forever && firn config | grep ^keep && firn delete --expired
  keep               = forever # store
  nothing has expired
