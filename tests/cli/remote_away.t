A checkpoint of a remote that was not pulled: firn cat reads a file where it is, firn restore brings that checkpoint alone.

  $ mkdir ../ada ../bob && cd ../ada && seq 30000 >numbers && mkdir docs && echo one >docs/f && echo never >.firnignore && firn save -q -m first && firn tag v1 latest -q
  1
  $ echo two >docs/f && firn save -q && firn remote add origin ../shared -q && firn push -q && echo three >docs/f && firn save -q && firn push -q
  2
  3
  $ cd ../bob && firn remote add origin ../shared -q && echo own >own && firn save -q
  1
  $ firn cat origin/1 docs/f; firn cat origin/v1 docs/f; firn cat origin/latest docs/f; firn cat origin/latest~1 docs/f; firn cat origin/2 numbers | tail -n 1
  one
  one
  three
  two
  30000
  $ firn cat origin/2 docs/f --json | python3 -c 'import json, sys; c = json.load(sys.stdin); print(c["content"], sorted(c))'
  two
   ['content', 'entry']
  $ firn list origin
  no checkpoints; firn pull brings those that others have pushed
  $ firn cat origin/7 docs/f
  ! firn: the remote has no checkpoint '7'
  ! hint: firn remote log shows what was pushed, if the remote can be reached
  [3]
  $ firn cat origin/2 docs
  ! firn: 'docs' is a directory, not a file
  [2]
  $ firn cat origin/2 nothing
  ! firn: 'nothing' is not in the checkpoint
  ! hint: firn remote log shows what was pushed, if the remote can be reached
  [3]

The other commands read what is here.

  $ firn show origin/2
  ! firn: there is no checkpoint 'origin/2': no tag of that name, and firn pull has brought none of a remote 'origin'
  ! hint: firn pull origin brings what is not here; firn list origin lists what is
  [3]
  $ firn diff origin/2
  ! firn: there is no checkpoint 'origin/2': no tag of that name, and firn pull has brought none of a remote 'origin'
  ! hint: firn pull origin brings what is not here; firn list origin lists what is
  [3]
  $ firn status origin/latest
  ! firn: there is no checkpoint 'origin/latest': no tag of that name, and firn pull has brought none of a remote 'origin'
  ! hint: firn pull origin brings what is not here; firn list origin lists what is
  [3]

A restore brings one, with its tags.

  $ firn restore origin/1 -n -q | tail -n 1; firn restore origin/1; ls; cat docs/f
  removed   own
  restored origin/1: 0 changed, 3 added, 1 removed; take this back with: firn undo
  docs
  numbers
  one
  $ firn list origin | cut -c 1-7 | sed 's/origin.*/origin/' ; firn show origin/v1 | grep message; firn undo -q; ls
  origin
  message     first
  own
  $ firn restore origin/latest docs -q; cat docs/f; firn restore origin/2 -- docs; cat docs/f
  one
  pulled origin/2, 0 B in 1 request
  restored origin/2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two
  $ firn restore origin/7
  ! firn: the remote has no checkpoint '7'
  ! hint: firn remote log shows what was pushed, if the remote can be reached
  [3]
  $ firn restore origin/3 -q --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["pulled"]["checkpoints"])'; cat docs/f
  1
  three
  $ firn pull && firn list origin | wc -l && firn check --data -q
  no new checkpoint to pull: 1 request
  3

What the workspace itself has pushed and then lost comes back, too.

  $ cd ../ada && firn delete 2 -q && firn restore origin/2 docs && cat docs/f && firn log -q | wc -l
  2
  pulled origin/2, 0 B in 1 request
  restored origin/2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two
  2

A pull brings checkpoints by name, too.

  $ mkdir ../cleo && cd ../cleo && firn remote add hub ../shared -q && firn pull hub 2 v1 && firn list hub -q | wc -l && firn cat hub/v1 docs/f && firn check --data -q
  pulled 2 checkpoints, <size> in 4 requests
  2
  one
  $ firn pull hub 2; firn pull hub latest -q --json | python3 -c 'import json, sys; p = json.load(sys.stdin); print(p["checkpoints"], sorted(p))'
  no new checkpoint to pull: 1 request
  1 ['bytes', 'checkpoints', 'notices', 'requests', 'skipped']
  $ firn fetch hub latest~1 && firn pull
  no new checkpoint to pull: 1 request
  no new checkpoint to pull: 1 request
  $ firn pull hub 3 9 2; firn pull 3; firn pull hub/3; firn pull elsewhere 3
  ! firn: the remote has no checkpoint '9'
  ! hint: firn remote log shows what was pushed, if the remote can be reached
  ! firn: there is no remote '3'
  ! hint: the first word is the remote, those after it are checkpoints: firn pull REMOTE REF
  ! firn: there is no remote 'hub/3'
  ! hint: the first word is the remote, those after it are checkpoints: firn pull REMOTE REF
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]

A remote that is gone.

  $ mv ../shared ../away && cd ../bob && firn cat origin/3 docs/f; firn cat origin/8 docs/f
  three
  ! firn: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  ! hint: firn remote log shows what was pushed, if the remote can be reached
  [3]
