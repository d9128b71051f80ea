Checking an encrypted remote without its key: what checksums can tell, and what they cannot.

  $ mkdir desk && cd desk && head -c 64 /dev/zero >../key && head -c 64 /dev/urandom >../wrong
  $ export FIRN_KEY_FILE="$PWD/../key"
  $ head -c 200000 /dev/urandom >big && firn save -q && firn remote add -q --encrypt origin ../bucket && firn push -q
  1
  $ echo two >small && firn save -q && firn push -q && cp -r ../bucket ../saved && chmod -R u+w ../bucket ../saved
  2
  $ firn check --remote --data | sed 's/with .*:/with N B:/; s/;.*//'
  2 checkpoints, <n> packs with N B: no damage

Where no key can be had, what was not verified is a warning, and the exit code is 6.

  $ unset FIRN_KEY_FILE
  $ firn check --remote
  2 states, 1 keys file: checksums match; <n> pack with <size> listed; <size> read, 6 requests
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  [6]
  $ firn check --remote origin --data
  2 states, 1 keys file, <n> pack with <size>, 5 blocks: checksums match; <size> read, 7 requests
  ! firn: not verified, since no key was given: what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  [6]
  $ firn check --remote -q
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  [6]
  $ firn check --remote --data --json
  {"without_key":true,"not_verified":"what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states","state":2,"states":2,"keys":1,"packs":1,"bytes":<n>,"blocks":5,"bytes_read":<n>,"foreign":0,"damaged":0,"requests":7,"notices":[]}
  ! firn: not verified, since no key was given: what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  [6]

A key that is wrong is an error. With --no-key none is used, and what was not verified is no surprise; a remote in clear needs none.

  $ FIRN_KEY_FILE=../wrong firn check --remote
  ! firn: could not unlock '<T>/w/bucket': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ firn check --remote --no-key
  2 states, 1 keys file: checksums match; <n> pack with <size> listed; <size> read, 6 requests
  not verified without a key: the contents of packs, which --data reads; what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  $ firn check --remote --no-key --data -q
  $ FIRN_KEY_COMMAND='echo asked >../asked' firn check --remote --no-key --data -q; ls ../asked
  ! ls: cannot access '../asked': No such file or directory
  [2]
  $ firn check --remote away --no-key
  ! firn: there is no remote 'away'
  ! hint: firn remote list shows the remotes
  [3]
  $ (mkdir ../open && cd ../open && echo 1 >file && firn save -q && firn remote add origin ../clear -q && firn push -q && firn check --remote --no-key | sed 's/with .*:/with N B:/; s/;.*//')
  1
  1 checkpoint, <n> pack with N B: no damage

Its URL is enough, where there is no store, and where the store is encrypted as well.

  $ mkdir ../none && cd ../none && firn check --remote ../bucket --no-key --data -q && firn check --remote ../bucket --data
  2 states, 1 keys file, <n> pack with <size>, 5 blocks: checksums match; <size> read, 8 requests
  ! firn: not verified, since the remote was given by its URL, and no key used: what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  [6]
  $ firn check --remote origin --no-key
  ! firn: there is no remote yet: firn remote add NAME URL gives one a name
  [3]
  $ firn check --remote ../clear --no-key
  ! firn: the remote at <T>/w/clear is not encrypted: no key is needed to check it
  ! hint: firn remote add gives it a name, by which firn check --remote checks it
  [2]
  $ firn check --remote ../away --no-key
  ! firn: the directory of the remote: could not open directory '<T>/w/away': No such file or directory
  [3]
  $ mkdir ../empty && firn check --remote ../empty --no-key
  ! firn: there is no remote at <T>/w/empty
  [3]
  $ mkdir ../locked && cd ../locked && export FIRN_KEY_FILE=../key && firn init --encrypt -q && firn remote add -q origin ../bucket && unset FIRN_KEY_FILE
  $ firn check --remote
  ! firn: the store '<T>/data/firn/locked-<hex>' is encrypted, and so are the names of its remotes: without its key, give the URL of the remote
  [1]
  $ firn check --remote --no-key
  ! firn: the store '<T>/data/firn/locked-<hex>' is encrypted, and so are the names of its remotes: without its key, give the URL of the remote
  [1]
  $ firn check --remote ../bucket --no-key --data -q
  $ cd ../desk

Nothing is written, and no file is left.

  $ diff -r ../bucket ../saved && find .. -name '*.tmp'

A repair needs the key.

  $ firn check --remote --repair
  ! firn: '<T>/w/bucket' is encrypted, and no key was given: set FIRN_REMOTE_KEY_FILE to the path of a key file, or FIRN_REMOTE_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock --remote
  ! hint: a repair needs the key; without it, firn check --remote --no-key --data looks for damage
  [1]
  $ firn check --remote --repair --no-key
  ! firn: check: --repair needs the key of the remote: leave out --no-key
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]
  $ firn check --remote --repair ../bucket
  ! firn: check: --repair needs the name of a remote: firn remote add gives it one
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]

One byte of each kind of file; a pack's are its header, a block, the padding of its table of contents, and the footer.

  $ harm() { python3 -c "import sys; f = open(sys.argv[1], \"r+b\"); f.seek(int(sys.argv[2]), 2 if sys.argv[2][0] == \"-\" else 0); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))" "$@"; }
  $ p=$(ls ../bucket/packs/*.pack); clean() { r=$?; rm -rf ../bucket && cp -r ../saved ../bucket; return $r; }
  $ harm $p 20; firn check --remote --no-key --data; clean
  2 states, 1 keys file, <n> pack with <size>, 0 blocks: 1 damaged; <size> read, 7 requests
  not verified without a key: what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  ! firn: damaged: 'packs/<any>.pack': checksum of the header is <hex>, expected <hex>
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm $p 300; firn check --remote --no-key --data; clean
  2 states, 1 keys file, <n> pack with <size>, 5 blocks: 1 damaged; <size> read, 7 requests
  not verified without a key: what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  ! firn: damaged: 'packs/<any>.pack': block at 128: its bytes do not match their checksum
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm $p 100000; firn check --remote --no-key --data -q; clean
  ! firn: damaged: 'packs/<any>.pack': block at 128: its bytes do not match their checksum
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm $p -140; firn check --remote --no-key --data -q; clean
  ! firn: damaged: 'packs/<any>.pack': the table of contents at <n> does not match its checksum
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm $p -100; firn check --remote --no-key --data -q; clean
  ! firn: damaged: 'packs/<any>.pack': checksum of the footer is <hex>, expected <hex>
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm ../bucket/states/0000000001 10; firn check --remote --no-key; clean
  2 states, 1 keys file: 1 damaged; <n> pack with <size> listed; <size> read, 6 requests
  not verified without a key: the contents of packs, which --data reads; what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  ! firn: damaged: 'states/0000000001': bytes 0 to <n>: state 1 of the remote is damaged
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm ../bucket/states/0000000002 -100; firn check --remote -q; clean
  ! firn: damaged: 'states/0000000002': bytes 0 to <n>: state 2 of the remote is damaged
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ harm ../bucket/keys/0000000001 150; firn check --remote --no-key -q; clean
  ! firn: damaged: 'keys/0000000001': the keys file is damaged: its checksum is another one
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ sed -i s/yes/no/ ../bucket/FIRN-REMOTE.txt; firn check --remote --no-key -q; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: 'FIRN-REMOTE.txt' says that the remote is in clear, which it is not
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  ! firn: damaged: 'FIRN-REMOTE.txt' says that the remote is in clear, which it is not
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ sed -i s/id:/ID:/ ../bucket/FIRN-REMOTE.txt; firn check --remote --no-key -q; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: 'FIRN-REMOTE.txt' is not what a remote has there
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  ! firn: damaged: 'FIRN-REMOTE.txt' is not what a remote has there
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ sed -i 's/^id: ./id: /; s/^id: .*/&0/' ../bucket/FIRN-REMOTE.txt; firn check --remote --no-key -q; clean
  ! firn: damaged: 'FIRN-REMOTE.txt' has another id than the remote had: it is of another remote
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ sed -i 's/format: 1/format: 3/' ../bucket/FIRN-REMOTE.txt; firn check --remote --no-key -q; clean
  ! firn: damaged: the remote was made by a later version of firn (its file FIRN-REMOTE.txt says which format it has)
  ! firn: the remote was made by a later version of firn (its file FIRN-REMOTE.txt says which format it has)
  ! hint: read it with the newer firn that wrote it
  [1]
  $ harm $p 300; firn check --remote --data --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["without_key"], o["damaged"], o["notices"][0]["kind"], o["error"]["code"], o["error"]["exit"])'; clean
  True 1 damaged FIRN_CORRUPT 5

What is lost: a state between others, those that were seen here, all of them, the keys, the marker.

  $ rm ../bucket/states/0000000001; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: 'states/0000000001' is missing
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ rm ../bucket/states/0000000002; firn check --remote --no-key -q; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: 'states/0000000002' is missing
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  ! firn: damaged: 'states/0000000002' is missing
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ rm ../bucket/states/*; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: 'states/0000000001' to 'states/0000000002' are missing
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ rm ../bucket/keys/*; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: the remote has lost its keys
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ rm ../bucket/FIRN-REMOTE.txt; firn check --remote ../bucket --no-key -q; clean
  ! firn: damaged: the remote has lost its file FIRN-REMOTE.txt
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ : >$p; firn check --remote --no-key -q; clean
  ! firn: damaged: 'packs/<any>.pack' has 0 bytes, as no pack does
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ head -c 5000 ../saved/packs/*.pack >$p; firn check --remote --no-key -q; firn check --remote --no-key --data -q; clean
  ! firn: damaged: 'packs/<any>.pack': no footer of a firn block file
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]

That a pack is missing is seen only with the key; that it is of another remote, or in clear, when it is read.

  $ rm $p; firn check --remote --no-key --data -q && FIRN_KEY_FILE=../key firn check --remote -q 2>/dev/null; clean
  [5]
  $ (mkdir ../other && cd ../other && cp ../desk/big . && export FIRN_KEY_FILE=../wrong && firn save -q && firn remote add -q --encrypt origin ../foreign && firn push -q)
  1
  ! firn: an encrypted store is locked, and may hold the history of this directory, if that was moved: <T>/data/firn/locked-<hex>
  ! hint: firn key unlock THAT-STORE opens it; firn init --adopt then continues the history
  $ cp ../foreign/packs/*.pack $p; firn check --remote --no-key -q && firn check --remote --no-key --data -q; clean
  ! firn: damaged: 'packs/<any>.pack' and 'states/0000000002' have different master keys of number 1: they are not of one remote
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ (cd ../open && cp ../desk/big . && firn save -q && firn push -q); cp ../clear/packs/*.pack $p; firn check --remote --no-key --data -q; clean
  2
  ! firn: damaged: 'packs/<any>.pack' is in clear, among files that are encrypted
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ cp ../foreign/states/0000000001 ../bucket/states/0000000003; firn check --remote --no-key -q; clean
  ! firn: damaged: 'states/0000000002' and 'states/0000000003' have different master keys of number 1: they are not of one remote
  ! firn: damaged: 'states/0000000001' and 'states/0000000003' have different master keys of number 1: they are not of one remote
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]
  $ cp ../clear/states/0000000001 ../bucket/states/0000000003; firn check --remote --no-key -q; clean
  ! firn: damaged: 'states/0000000003': bytes 0 to <n>: state 3 of the remote is in clear, but the remote is encrypted: somebody without its key has made it
  ! firn: the remote is damaged: see above
  ! hint: a machine that has the key and a name for the remote can repair it: firn check --remote NAME --repair
  [5]

What does not belong there is named, and is no damage.

  $ echo mine >../bucket/packs/notes.txt; cp ../saved/states/0000000001 ../bucket/states/old; firn check --remote --no-key; clean
  2 states, 1 keys file: checksums match; <n> pack with <size> listed; <size> read, 6 requests
  not verified without a key: the contents of packs, which --data reads; what is encrypted in states and packs; whether each pack that the states name is there, and is the one that they name; whether there were later states
  ! firn: foreign: packs/notes.txt: it does not belong to the remote
  ! firn: foreign: states/old: it does not belong to the remote
  $ mkdir ../bucket/a; touch ../bucket/a/$(seq -s ' ../bucket/a/' 12); firn check --remote --no-key --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["foreign"], len(o["notices"]), o["notices"][0]["kind"], o["damaged"])'; clean
  12 10 foreign 0
  ! firn: foreign: a/1: it does not belong to the remote
  ! firn: foreign: a/10: it does not belong to the remote
  ! firn: foreign: a/11: it does not belong to the remote
  ! firn: foreign: a/12: it does not belong to the remote
  ! firn: foreign: a/2: it does not belong to the remote
  ! firn: foreign: a/3: it does not belong to the remote
  ! firn: foreign: a/4: it does not belong to the remote
  ! firn: foreign: a/5: it does not belong to the remote
  ! firn: foreign: a/6: it does not belong to the remote
  ! firn: foreign: a/7: it does not belong to the remote
