An encrypted remote: with access to the storage one can read neither contents nor names, and change nothing unnoticed.

  $ mkdir work && cd work && head -c 64 /dev/zero >../key && head -c 64 /dev/urandom >../wrong
  $ echo plans-of-winter >secret-plans.txt && firn save -q -m 'about winter'
  1
  $ export FIRN_KEY_FILE="$PWD/../key"
  $ firn remote add --encrypt origin ../bucket
  origin is <T>/w/bucket, encrypted
  $ firn push
  pushed 1 checkpoint, <size> in 2 requests
  $ firn push
  no new checkpoint to push: 1 request
  $ grep -rlE 'winter|secret-plans|work' ../bucket
  [1]
  $ head -n 1 ../bucket/states/0000000001
  {"firn":"state","n":1,"encrypted":true}
  $ grep encrypted: ../bucket/FIRN-REMOTE.txt && ls ../bucket/keys
  encrypted: yes
  0000000001

Another machine needs the key, each time; a store in clear keeps none.

  $ cd .. && firn clone bucket clone >/dev/null && cat clone/secret-plans.txt && cd clone
  plans-of-winter
  $ echo more >more && firn save -q && firn push
  1
  pushed 1 checkpoint, <size> in 2 requests
  $ FIRN_KEY_FILE=../wrong firn pull
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ env -u FIRN_KEY_FILE firn pull
  ! firn: '<T>/w/bucket' is encrypted, and no key was given: set FIRN_REMOTE_KEY_FILE to the path of a key file, or FIRN_REMOTE_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock --remote
  ! hint: nothing was done: what the remote has is encrypted; without its key, firn check --remote --no-key looks for damage
  [1]
  $ cd ../work && firn pull && firn cat origin/latest more
  pulled 1 checkpoint, <size> in 2 requests
  more
  $ firn check --remote --data | sed 's/with .*:/with N B:/; s/;.*//'
  2 checkpoints, 2 packs with N B: no damage

The store of a clone is in clear, but for --encrypt. Then its remote has to be encrypted, too.

  $ cd .. && firn clone bucket secret --store s --encrypt -q && cd secret && cat secret-plans.txt && env -u FIRN_KEY_FILE firn --store ../s status
  plans-of-winter
  ! firn: '../s' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  [1]
  $ mkdir ../open && cd ../open && echo 1 >file && firn save -q && firn remote add origin ../in-clear -q && firn push -q
  1
  $ cd .. && firn clone in-clear copy --encrypt
  ! firn: the remote at <T>/w/in-clear is not encrypted, as FIRN-REMOTE.txt says there: if it was, somebody has changed that file, or put another remote in its place
  [1]
  $ ls -d copy ../data/firn/copy* 2>/dev/null
  [2]
  $ firn clone in-clear copy --cipher aes
  ! firn: clone: --cipher is for --encrypt
  ! usage: firn clone [options] URL DIR [PATH...]
  ! help: firn help clone
  [2]
  $ cd work

A store that is encrypted has the key of its remotes, and no remote in clear.

  $ mkdir ../locked && cd ../locked && cp ../key ../own && firn init --encrypt -q && firn remote add origin ../bucket
  origin is <T>/w/bucket, encrypted
  $ firn pull && firn restore origin/latest | sed 's/;.*//' && cat more
  pulled 2 checkpoints of 2 lines, <size> in 3 requests
  restored origin/1: 0 changed, 2 added, 0 removed
  more
  $ mkdir ../plain && cd ../plain && echo x >x && firn save -q 2>/dev/null && firn remote add origin ../clear && cd ../locked
  1
  origin is <T>/w/clear
  $ firn remote add clear ../clear
  ! firn: the remote at <T>/w/clear is not encrypted, and the store is: what is pushed could be read there; choose an empty place, which becomes an encrypted remote
  [1]
  $ cd ../plain && firn remote add --encrypt again ../clear
  ! firn: there is a remote at <T>/w/clear already, which is not encrypted; choose an empty place
  [1]

The store and the remote may have different keys: variables for remotes count before the others.

  $ mkdir ../two && cd ../two && echo two >two && cp ../key ../remote.key && FIRN_KEY_FILE=../wrong firn init --encrypt -q 2>/dev/null
  $ FIRN_KEY_FILE=../wrong firn remote add origin ../bucket
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ FIRN_KEY_FILE=../wrong FIRN_REMOTE_KEY_FILE=../remote.key firn remote add origin ../bucket
  origin is <T>/w/bucket, encrypted
  $ FIRN_KEY_FILE=../wrong firn pull && FIRN_REMOTE_KEY_FILE=../wrong firn list
  pulled 2 checkpoints of 2 lines, <size> in 3 requests
  ! firn: could not unlock '<any>': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ cd .. && FIRN_REMOTE_KEY_COMMAND='echo remote' firn clone bucket no
  ! firn: could not unlock '<T>/w/bucket': FIRN_REMOTE_KEY_COMMAND: no slot of the keys file has a passphrase
  [1]
  $ FIRN_KEY_FILE=wrong FIRN_REMOTE_KEY_FILE=remote.key firn clone bucket yes | tail -n 1; cd yes
  restored origin/latest into yes: 2 files

What is changed in the bucket is noticed: a byte, a state that takes the place of another one, one in clear; the same with what is lost.

  $ cd ../work && cp -r ../bucket ../saved && chmod -R u+w ../bucket ../saved
  $ cp ../saved/states/0000000001 ../bucket/states/0000000003 && firn pull
  no new checkpoint to pull: 2 requests
  ! firn: state 3 of the remote: encrypted data is damaged, or belongs to another key or place
  ! hint: the damage is in the remote; what came is whole, and another pull brings the rest if the remote is mended
  [5]
  $ rm ../bucket/states/0000000003 && cp ../clear/FIRN-REMOTE.txt ../bucket/FIRN-REMOTE.txt && firn check --remote
  0 checkpoints, 0 packs with 0 B: no damage; 0 B read, 1 request
  ! firn: there is another remote at this place now
  ! hint: list all damage with: firn check --data
  [5]
  $ cp ../saved/FIRN-REMOTE.txt ../bucket/ && rm ../bucket/keys/0000000001 && firn check --remote | sed 's/with .*//'
  2 checkpoints, 2 packs 
  ! firn: damaged: the remote has lost its keys: other machines cannot add it
  ! firn: the remote has lost its keys: other machines cannot add it
  ! hint: no checkpoint needs what is damaged; --repair puts that right
  $ cd ../plain && firn remote add --encrypt lost ../bucket
  ! firn: the remote is encrypted, and has lost its keys: a machine that has a name for it can put them back, with firn check --remote --repair
  ! hint: list all damage with: firn check --data
  [5]
  $ cd ../work && firn check --remote --repair >/dev/null; cmp ../bucket/keys/0000000001 ../saved/keys/0000000001
  ! firn: damaged: the remote has lost its keys: other machines cannot add it
  $ firn check --remote | sed 's/with .*:/with N B:/; s/;.*//'
  2 checkpoints, 2 packs with N B: no damage

Somebody changes the marker to "encrypted: no", or puts a remote in clear in the place of the encrypted one: --encrypt refuses both.

  $ cd .. && cp bucket/FIRN-REMOTE.txt marker && sed 's/^encrypted: yes/encrypted: no/' marker >bucket/FIRN-REMOTE.txt && firn clone --encrypt bucket fooled
  ! firn: the remote at <T>/w/bucket is not encrypted, as FIRN-REMOTE.txt says there: if it was, somebody has changed that file, or put another remote in its place
  [1]
  $ firn clone --encrypt clear fooled 2>&1 | sed 's/,.*//'; ls fooled
  firn: the remote at <T>/w/clear is not encrypted
  ! ls: cannot access 'fooled': No such file or directory
  [2]
  $ mkdir trap && cd trap && firn remote add --encrypt origin ../bucket 2>&1 | sed 's/;.*//'; firn remote list
  firn: there is a remote at <T>/w/bucket already, which is not encrypted
  no remotes

A machine that knows the remote goes on sending nothing in clear, and with the right marker --encrypt changes nothing.

  $ cd ../work && echo spring >spring && firn save -q && firn push -q && head -n 1 ../bucket/states/0000000003 && firn check --remote | sed 's/with .*//'
  2
  {"firn":"state","n":3,"encrypted":true}
  3 checkpoints, 3 packs 
  ! firn: damaged: FIRN-REMOTE.txt says that the remote is in clear, which it is not: somebody has changed it
  ! firn: FIRN-REMOTE.txt says that the remote is in clear, which it is not: somebody has changed it
  ! hint: no checkpoint needs what is damaged; --repair puts that right
  $ cd .. && cp marker bucket/FIRN-REMOTE.txt && firn clone --encrypt bucket known >/dev/null && ls known && cd work
  secret-plans.txt
  spring

What compresses well may be much larger than its pack.

  $ yes | head -c 40M >zeros && firn save -q && firn push -q && cd ../clone && firn pull && firn restore origin/latest -q --to ../whole && wc -c <../whole/zeros
  3
  pulled 2 checkpoints, <size> in 3 requests
  41943040
