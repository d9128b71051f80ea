The keys of an encrypted remote: what opens it can be listed, added, changed and removed by every machine that shares it, and its master key rotated.

  $ for name in key mary; do head -c 64 /dev/urandom >$name; done; mkdir ada && cd ada && echo one >one && firn save -q
  1
  $ FIRN_KEY_FILE=../key firn remote add --encrypt origin ../bucket && FIRN_KEY_FILE=../key firn push
  origin is <T>/w/bucket, encrypted
  pushed 1 checkpoint, <size> in 2 requests
  $ firn key list --remote origin
  XChaCha20-Poly1305, 1 master key; locked
      1  key file       <time>
  $ firn key list --remote ../bucket
  XChaCha20-Poly1305, 1 master key; locked
      1  key file       <time>
  $ firn key list --remote away
  ! firn: there is no remote 'away'
  [3]
  $ firn key list --remote origin ../store
  ! firn: key list: --remote is instead of STORE
  ! usage: firn key list [options] [STORE]
  ! help: firn help key list
  [2]
  $ FIRN_KEY_FILE=../key firn key add --remote origin --key-file ../mary --label mary && ls ../bucket/keys
  added key 2
  0000000002
  $ firn key list --remote origin | sed 1d
      1  key file       <time>
      2  key file       <time>  mary
  $ echo "two words" | FIRN_KEY_FILE=../key firn key add --remote origin
  added key 3
  $ FIRN_KEY_COMMAND='echo two words' firn push
  no new checkpoint to push: 1 request

Another machine, with another key. It keeps the keys file of the time when it was cloned.

  $ cd .. && FIRN_KEY_FILE=mary firn clone bucket mary.work | tail -n 1 && cd mary.work
  restored origin/latest into mary.work: 1 file
  $ echo "more words" | FIRN_KEY_FILE=../mary firn key change --remote origin 3
  changed key 3
  ! firn: older copies of the remote still open with what key 3 was before; this is no rotation: files keep their master key
  $ cd ../ada && FIRN_KEY_COMMAND='echo two words' firn push
  no new checkpoint to push: 1 request

The store of ada still has the keys file from before. A passphrase that does not open it may open the newest one, which is kept then.

  $ FIRN_KEY_COMMAND='echo more words' firn push
  no new checkpoint to push: 3 requests
  $ FIRN_KEY_COMMAND='echo more words' firn push
  no new checkpoint to push: 1 request
  $ FIRN_KEY_COMMAND='echo nothing' firn push
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_COMMAND: this passphrase opens no slot of the keys file
  [1]

What is removed opens the remote no longer; a machine that has noted it says so, and another one reads it as long as its own copy of the file does.

  $ FIRN_KEY_FILE=../mary firn key remove --remote origin 1 && ls ../bucket/keys
  removed key 1
  0000000005
  ! firn: older copies of the remote still open with it
  $ FIRN_KEY_FILE=../key firn push
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ cd .. && FIRN_KEY_FILE=key firn clone bucket old
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]

A rotation: what is pushed from then on has the new master key. A machine that meets it reads the keys again, once.

  $ cd ada && FIRN_KEY_FILE=../mary firn key rotate --remote origin && echo two >two && firn save -q && FIRN_KEY_FILE=../mary firn push
  what is pushed is encrypted with master key 2 from now on; other machines use it once they have met a push of this one
  2
  pushed 1 checkpoint, <size> in 2 requests
  ! hint: firn gc --rekey --remote encrypts anew what is there
  $ cd ../mary.work && export FIRN_KEY_FILE=../mary; firn pull && firn pull
  pulled 1 checkpoint, <size> in 4 requests
  no new checkpoint to pull: 1 request
  $ echo three >three && firn save -q && firn push && firn check --remote --data | sed 's/with .*:/with N B:/; s/;.*//'
  1
  pushed 1 checkpoint, <size> in 2 requests
  3 checkpoints, <n> packs with N B: no damage
  $ firn key list --remote origin --json
  {"remote":"origin","cipher":"XChaCha20-Poly1305","master_keys":2,"unlocked":false,"state":"settled","kept":false,"keys":[{"number":2,"kind":"file","label":"mary","added":"<time>"},{"number":3,"kind":"passphrase","label":"","added":"<time>"}]}
  $ cd ../ada; unset FIRN_KEY_FILE; firn key rotate --remote origin
  ! firn: '<T>/w/bucket' is encrypted, and no key was given: set FIRN_REMOTE_KEY_FILE to the path of a key file, or FIRN_REMOTE_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock --remote
  [1]

An encrypted store keeps what opens the remote, whatever else is changed.

  $ mkdir ../locked && cd ../locked && export FIRN_KEY_FILE=../mary; firn init --encrypt -q && firn remote add origin ../bucket && firn pull
  origin is <T>/w/bucket, encrypted
  pulled 3 checkpoints of 2 lines, <size> in 4 requests
  $ firn key list --remote origin | head -n 1
  XChaCha20-Poly1305, 2 master keys; the store keeps what opens it
  $ firn key add --remote origin --recovery >../code && sed 's/: .*/: CODE/' ../code
  recovery code: CODE
  ! firn: write the recovery code down, and keep it away from this machine: it opens the remote, and is not shown again
  $ firn key remove --remote origin 9
  ! firn: there is no key 9
  ! hint: firn key list shows the keys
  [3]
  $ firn key remove --remote origin 2 -q && firn key list --remote origin
  XChaCha20-Poly1305, 2 master keys; the store keeps what opens it
      3  passphrase     <time>
      4  recovery code  <time>
  $ firn pull
  no new checkpoint to pull: 1 request

A recovery code opens it where nothing else is at hand, by its URL alone.

  $ cd .. && unset FIRN_KEY_FILE; (sed 's/.*: //' code; echo "new words") | firn key recover --remote ./bucket --label new
  opened the remote, and added key 5
  ! hint: the recovery code still opens the remote, and so does what was lost: firn key list --remote, firn key remove --remote
  $ FIRN_KEY_COMMAND='echo new words' firn clone bucket late | tail -n 1
  restored origin/latest into late: 2 files

Two machines lose one another nothing, and older files are gone.

  $ cd late; ls ../bucket/keys
  0000000009
  $ (cd ../locked && echo one | FIRN_KEY_FILE=../mary firn key add --remote origin --label one >../one) & echo two | FIRN_KEY_COMMAND='echo more words' firn key add --remote ../bucket --label two >../two; wait; sort ../one ../two; ls ../bucket/keys
  added key 6
  added key 7
  0000000011
  $ firn key list --remote ../bucket | sed -n 's/.*  //; 5,$p' | sort
  one
  two

All keys are replaced by one: the others open nothing of now, and each machine has to be given it.

  $ echo last words | FIRN_KEY_COMMAND='echo more words' firn key replace --remote ../bucket
  ! firn: key replace: none of the keys of the remote opens it then, nor does a recovery code: confirm with --yes
  ! usage: firn key replace [options] [STORE]
  ! help: firn help key replace
  [2]
  $ echo last words | FIRN_KEY_COMMAND='echo more words' firn key replace --remote ../bucket --yes
  replaced all keys by key 8
  ! hint: firn gc --rekey --remote encrypts anew what the old ones still open; firn key add --remote --recovery makes a recovery code
  $ FIRN_KEY_COMMAND='echo last words' firn key list --remote ../bucket
  XChaCha20-Poly1305, 3 master keys; locked
      8  passphrase     <time>
  $ FIRN_KEY_COMMAND='echo more words' firn pull
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_COMMAND: this passphrase opens no slot of the keys file
  [1]
  $ echo four >four && firn save -q && FIRN_KEY_COMMAND='echo last words' firn push
  1
  pushed 1 checkpoint, <size> in 2 requests
  $ cd ../locked && FIRN_KEY_FILE=../mary firn pull
  ! firn: the keys of the remote 'origin' were changed: could not unlock '<T>/w/bucket': FIRN_KEY_FILE: no slot of the keys file has a key file
  [1]
  $ FIRN_KEY_FILE=../mary FIRN_REMOTE_KEY_COMMAND='echo last words' firn pull && FIRN_KEY_FILE=../mary firn pull
  pulled 1 checkpoint, <size> in 4 requests
  no new checkpoint to pull: 1 request
  $ cd ../late

What cannot be done:

  $ firn key list --remote
  ! firn: key list: --remote needs a value: REMOTE
  ! usage: firn key list [options] [STORE]
  ! help: firn help key list
  [2]
  $ cd ../ada && firn remote add clear ../clear && firn key list --remote clear
  clear is <T>/w/clear
  ! firn: the remote at <T>/w/clear is not encrypted, and has no keys
  [2]
  $ firn key lock --all --remote origin
  ! firn: key lock: --all is for every store: leave --remote out
  ! usage: firn key lock [options] [STORE]
  ! help: firn help key lock
  [2]
  $ firn key unlock --for never --remote origin
  ! firn: key unlock: --for takes a time like 30m, 8h or 7d, not 'never'
  ! usage: firn key unlock [options] [STORE]
  ! help: firn help key unlock
  [2]
  $ mv ../bucket/keys ../away; mkdir ../bucket/keys; firn key list --remote origin
  ! firn: the remote is encrypted, and has lost its keys: a machine that has a name for it can put them back, with firn check --remote --repair
  ! hint: list all damage with: firn check --data
  [5]
  $ printf 'AAAAA-AAAAA\nnew words\n' | firn key recover --remote ./nowhere
  ! firn: the directory of the remote: could not open directory '<T>/w/ada/nowhere': No such file or directory
  [3]
