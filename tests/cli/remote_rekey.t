An encrypted remote after its keys were rotated: firn gc --rekey --remote encrypts what is there anew, and then the older key opens nothing.

  $ head -c 64 /dev/urandom >key; export FIRN_KEY_FILE="$PWD/key"; mkdir ada && cd ada && head -c 200000 /dev/urandom >large && echo one >one && firn save -q
  1
  $ firn remote add --encrypt origin ../bucket && firn push && cp -r ../bucket ../before
  origin is <T>/w/bucket, encrypted
  pushed 1 checkpoint, <size> in 3 requests
  $ echo two >two && firn save -q && firn push
  2
  pushed 1 checkpoint, <size> in 2 requests
  $ firn clone ../bucket ../ben -q; ls ../ben
  large
  one
  two
  $ firn gc --rekey --remote origin
  0 packs written anew, 0 B: <n> requests
  older keys of the remote open nothing any more
  $ firn key rotate --remote origin
  what is pushed is encrypted with master key 2 from now on; other machines use it once they have met a push of this one
  ! hint: firn gc --rekey --remote encrypts anew what is there
  $ firn gc --rekey --remote ../bucket
  2 packs written anew, <size>: <n> requests
  2 states are left that older keys open: from <time> on, the same command, given again, removes them
  $ ls ../bucket/packs | wc -l; firn key list --remote origin | head -n 1
  2
  XChaCha20-Poly1305, 2 master keys; locked

Until then the keys stay: a machine that has not met them goes on, and makes no state that the older key opens.

  $ cd ../ben && firn pull
  no new checkpoint to pull: <n> requests
  $ echo three >three && firn save -q && firn push
  1
  pushed 1 checkpoint, <size> in 2 requests
  $ touch -d '10 hours ago' ../bucket/states/000000000[12] && cd ../ada && firn gc --rekey --remote origin --json | sed 's/"bytes":[0-9]*/"bytes":N/; s/"requests":[0-9]*/"requests":N/'
  {"packs":0,"bytes":N,"states":2,"left_packs":0,"left_states":0,"left_s":0,"done":true,"requests":N}
  $ firn key list --remote origin | head -n 1; ls ../bucket/keys
  XChaCha20-Poly1305, 1 master key; locked
  0000000003
  $ firn pull && firn check --remote --data | sed 's/with .*:/with N B:/; s/;.*//'
  pulled 1 checkpoint, <size> in <n> requests
  3 checkpoints, <n> packs with N B: no damage
  $ (unset FIRN_KEY_FILE; firn check --remote ../bucket --data --no-key | sed 's/[0-9]* packs with .*/N packs/; s/:.*//')
  <n> states, 1 keys file, N packs
  not verified without a key
  $ cd .. && firn clone bucket late | tail -n 1
  restored origin/latest into late: 4 files

An older keys file in place of the newest one opens nothing.

  $ cp -r bucket stolen && rm stolen/keys/* && cp before/keys/0000000001 stolen/keys && firn clone stolen thief
  no new checkpoint to pull: <n> requests
  ! firn: state 32 of the remote is encrypted with a key that is not the remote's
  ! hint: thief has the remote by now: firn -C thief pull goes on, then firn -C thief restore origin/latest
  [5]

What cannot be done:

  $ cd ada && firn gc --remote origin
  ! firn: gc: --remote goes with --rekey alone; firn remote prune removes what a remote does not need
  ! usage: firn gc [options]
  ! help: firn help gc
  [2]
  $ firn gc --rekey --remote origin --dry-run 2>&1 | head -n 1
  firn: gc: --remote goes with --rekey alone; firn remote prune removes what a remote does not need
  $ firn gc --rekey --remote away
  ! firn: there is no remote 'away'
  ! hint: firn remote list shows the remotes
  [3]
  $ firn gc --rekey --remote ../elsewhere
  ! firn: no remote of this store is ../elsewhere: firn remote add gives it a name
  ! hint: firn remote list shows the remotes
  [3]
  $ firn remote add clear ../clear && firn gc --rekey --remote clear
  clear is <T>/w/clear
  ! firn: the remote 'clear' is not encrypted, and has no keys
  [2]
