firn remote prune: what no checkpoint of a remote needs is removed; a policy takes old checkpoints away.

  $ mkdir shared work && cd work && echo one >f && firn save -q && firn remote add origin ../shared -q && firn push -q
  1
  $ firn remote prune
  removed 0 checkpoints and 0 B of packs; 1 checkpoint with <size> stay: <n> requests

All are younger than a day, so every policy keeps them. What an interrupted push left goes with --now, by the second prune.

  $ echo two >f && firn save -q && firn push -q && firn remote prune --keep last:1 -n
  2
  would remove 0 checkpoints and 0 B of packs; 2 checkpoints with <size> stay: 1 request
  $ mkdir -p ../shared/packs && cp ../shared/FIRN-REMOTE.txt ../shared/packs/2026-11-26T2209Z-4c0b9e7f5a31d2e86b1d0f3c.pack && firn remote prune --now -q && firn remote prune --now -q && ls ../shared/packs
  $ firn pull -q && firn push
  no new checkpoint to push: 1 request
  $ firn remote prune --json | python3 -c 'import json, sys; print(sorted(json.load(sys.stdin)))'
  ['bytes', 'checkpoints', 'packs', 'removed_bytes', 'removed_checkpoints', 'removed_packs', 'requests']

Refused.

  $ firn remote prune --keep sometimes
  ! firn: a policy is <any>
  ! hint: firn help config explains policies
  [2]
  $ firn remote prune elsewhere
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]
