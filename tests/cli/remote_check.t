firn check --remote: what a remote has lost is named, and sent again by a machine that has it. firn remote log: who pushed what.

  $ mkdir ../ada ../bob && cd ../ada && seq 100000 >numbers && echo one >f && firn save -q && firn remote add origin ../shared -q
  1
  $ firn check --remote; firn remote log
  0 checkpoints, <n> packs with 0 B: no damage; <size> read, 3 requests
  nothing was pushed yet
  $ firn push -q && cd ../bob && firn remote add origin ../shared -q && echo bob >b && firn save -q && firn push -q && cd ../ada
  1
  $ firn check --remote
  2 checkpoints, <n> packs with <size>: no damage; <size> read, 6 requests
  $ firn check --remote origin --data --limit 50M
  2 checkpoints, <n> packs with <size>: no damage; <size> read, 7 requests
  $ firn check --remote --json | python3 -c 'import json, sys; c = json.load(sys.stdin); print(sorted(c), c["checkpoints"], c["damaged"])'
  ['broken', 'bytes', 'checkpoints', 'damaged', 'dropped', 'fetched', 'notices', 'packs', 'repaired', 'requests', 'sent', 'state'] 2 0

Who pushed what.

  $ firn remote log | sed "s/[^ ]*@[^ ]*:/WHO:/; s/[^ ]*@[^ ]*/BY/"
  2  <time>  BY  1 checkpoint of WHO:bob, <size> added
  1  <time>  BY  1 checkpoint of WHO:ada, <size> added
  $ firn remote log -n 1 --json | python3 -c 'import json, sys; c = json.load(sys.stdin)["changes"]; print(len(c), c[0]["state"], c[0]["checkpoints"], sorted(c[0]))'
  1 2 1 ['at', 'by', 'bytes', 'checkpoints', 'line', 'lines', 'packs', 'removed_bytes', 'removed_checkpoints', 'removed_packs', 'state', 'tags']
  $ firn remote log -n 0
  ! firn: remote log: --limit takes a number above 0, not '0'
  ! usage: firn remote log [options] [REMOTE]
  ! help: firn help remote log
  [2]
  $ firn remote log elsewhere
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]

A pack is lost. Bob has not what it had, ada has.

  $ rm ../shared/packs/* && firn pull -q; firn check --remote 2>&1 | sed "s/packs.*pack:/PACK:/; s/[^ ]*@[^ ]*:/WHO:/; s/object [0-9a-f]*/OBJECT/; s/checkpoint [a-z]\{12\}/checkpoint ID/"
  firn: damaged: PACK: the remote has lost this pack
  firn: damaged: checkpoint ID of WHO:ada cannot be restored from the remote: OBJECT is in no pack of the remote
  2 checkpoints, <n> packs with <size>: 1 damaged, 1 checkpoint cannot be restored; <size> read, 5 requests
  firn: PACK: the remote has lost this pack
  hint: --repair sends again what this machine has of them; it may also run where they were saved
  $ cd ../bob && firn check --remote --repair -q 2>&1 | sed "s/packs.*pack:/PACK:/; s/[^ ]*@[^ ]*:/WHO:/; s/object [0-9a-f]*/OBJECT/; s/checkpoint [a-z]\{12\}/checkpoint ID/"
  firn: damaged: PACK: the remote has lost this pack
  firn: damaged: checkpoint ID of WHO:ada cannot be restored from the remote: OBJECT is in no pack of the remote
  firn: PACK: the remote has lost this pack
  hint: this machine has not all that was lost: run this also where the others were saved or pulled; --drop-broken removes what no machine has
  $ cd ../ada && firn check --remote --repair 2>&1 | sed "s/packs.*pack:/PACK:/; s/[^ ]*@[^ ]*:/WHO:/; s/object [0-9a-f]*/OBJECT/; s/checkpoint [a-z]\{12\}/checkpoint ID/"
  firn: damaged: PACK: the remote has lost this pack
  firn: damaged: checkpoint ID of WHO:ada cannot be restored from the remote: OBJECT is in no pack of the remote
  2 checkpoints, <n> packs with <size>: 1 damaged, 1 checkpoint repaired with <size>; <size> read, 8 requests
  $ firn check --remote --data && cd ../bob && firn pull && firn diff origin/latest --names | head -n 1; cd ../ada
  2 checkpoints, <n> packs with <size>: no damage; <size> read, 8 requests
  pulled 1 checkpoint, <size> in 3 requests
  added     b

Damage in the middle of a pack is found by --data.

  $ pack=$(ls ../shared/packs/* | tail -n 1) && chmod u+w "$pack" && printf x | dd of="$pack" bs=1 seek=20000 conv=notrunc status=none && firn check --remote
  2 checkpoints, <n> packs with <size>: no damage; <size> read, 7 requests
  $ firn check --remote --data -q 2>/dev/null
  [5]
  $ firn check --remote --data --repair -q 2>/dev/null; firn check --remote --data; firn remote prune -q; ls ../shared/packs | wc -l
  2 checkpoints, <n> packs with <size>: no damage; <size> read, 9 requests
  1
  $ firn push; echo two >f && firn save -q && firn push && cd ../bob && firn pull && firn cat origin/2 f
  no new checkpoint to push: 1 request
  2
  pushed 1 checkpoint, <size> in 2 requests
  pulled 1 checkpoint, <size> in 5 requests
  two

What no machine has any more can be dropped: until then a prune refuses.

  $ mkdir ../cleo && cd ../cleo && firn remote add origin ../shared -q && seq 200000 >numbers && firn save -q && firn tag v1 -q && firn push -q && echo c >c && firn save -q && firn push -q && pack=$(ls -t ../shared/packs/* | head -n 1) && rm -f "$pack" && rm -r ../cleo && cd ../bob
  1
  2
  $ firn check --remote --repair -q 2>&1 | sed "s/packs.*pack:/PACK:/; s/[^ ]*@[^ ]*:/WHO:/; s/object [0-9a-f]*/OBJECT/; s/checkpoint [a-z]\{12\}/checkpoint ID/"; firn remote prune >/dev/null 2>&1 || echo refused
  firn: damaged: PACK: the remote has lost this pack
  firn: damaged: checkpoint ID of WHO:cleo cannot be restored from the remote: OBJECT is in no pack of the remote
  firn: damaged: checkpoint ID of WHO:cleo cannot be restored from the remote: OBJECT is in no pack of the remote
  firn: PACK: the remote has lost this pack
  hint: this machine has not all that was lost: run this also where the others were saved or pulled; --drop-broken removes what no machine has
  refused
  $ firn check --remote --repair --drop-broken 2>&1 | sed "s/packs.*pack:/PACK:/; s/[^ ]*@[^ ]*:/WHO:/; s/object [0-9a-f]*/OBJECT/; s/checkpoint [a-z]\{12\}/checkpoint ID/"
  firn: damaged: PACK: the remote has lost this pack
  firn: damaged: checkpoint ID of WHO:cleo cannot be restored from the remote: OBJECT is in no pack of the remote
  firn: damaged: checkpoint ID of WHO:cleo cannot be restored from the remote: OBJECT is in no pack of the remote
  firn: damaged: checkpoint ID of WHO:cleo was dropped from the remote
  firn: damaged: checkpoint ID of WHO:cleo was dropped from the remote
  5 checkpoints, <n> packs with <size>: 1 damaged, 2 checkpoints dropped; <size> read, 17 requests
  $ firn check --remote --data && firn remote prune -q && firn check --remote -q && firn check --remote --repair --drop-broken --json | python3 -c 'import json, sys; c = json.load(sys.stdin); print(c["dropped"], c["broken"])'
  3 checkpoints, <n> packs with <size>: no damage; <size> read, 14 requests
  0 0

The file that tells what a remote is.

  $ rm -f ../shared/FIRN-REMOTE.txt; firn check --remote; firn check --remote --repair && firn check --remote -q && grep -c ^id: ../shared/FIRN-REMOTE.txt
  3 checkpoints, <n> packs with <size>: 1 damaged; <size> read, 15 requests
  3 checkpoints, <n> packs with <size>: 1 damaged; <size> read, 16 requests
  1
  ! firn: damaged: the remote has lost its file FIRN-REMOTE.txt: other machines cannot add it
  ! firn: the remote has lost its file FIRN-REMOTE.txt: other machines cannot add it
  ! hint: no checkpoint needs what is damaged; --repair puts that right
  ! firn: damaged: the remote has lost its file FIRN-REMOTE.txt: other machines cannot add it

Refused.

  $ firn check origin
  ! firn: check: a remote is checked with --remote
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]
  $ firn check --repair
  ! firn: check: --repair is for --remote; a store is repaired by firn repair
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]
  $ firn check --remote --drop-broken
  ! firn: check: --drop-broken is for --remote --repair
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]
  $ firn check --limit 5M; firn check --remote --limit fast
  ! firn: check: --limit is for --remote
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  ! firn: check: --limit: 'fast' is not a size such as 500M, 2G, 100MB or none
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]
  $ firn check --remote elsewhere
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]
