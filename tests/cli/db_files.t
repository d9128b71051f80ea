Loading, dumping, whole keyspaces, and the files of a store.

  $ printf 'a\t1\nb\t\n\\000\\377\tx\\ty\n' >rows
  $ firn db load app.firn users rows
  3 entries
  $ firn db load app.firn users - <rows --quiet
  $ firn db dump app.firn users
  \000\377	x\ty
  a	1
  b	
  $ firn db dump app.firn users --hex
  00ff	780979
  61	31
  62	
  $ firn db dump app.firn users --json
  {"entries":[{"key":"\u0000�","key_hex":"00ff","value":"x\ty"},{"key":"a","value":"1"},{"key":"b","value":""}],"count":3}

What is dumped in a form is loaded in that form.

  $ firn db dump app.firn users | firn db load app.firn text
  3 entries
  $ firn db dump app.firn users -x | firn db load app.firn hex -x
  3 entries
  $ firn db dump app.firn users -b | firn db load app.firn binary -b --json
  {"count":3}
  $ firn db dump app.firn users -b | od -An -tx1 -v
   02 00 00 00 03 00 00 00 00 ff 78 09 79 01 00 00
   00 01 00 00 00 61 31 01 00 00 00 00 00 00 00 62
  $ for k in text hex binary; do firn db dump app.firn $k >$k.rows; done; cmp text.rows hex.rows && cmp hex.rows binary.rows
  $ printf 'no tab\n' | firn db load app.firn text
  ! firn: row 1 of 'standard input': there is no tab between key and value
  [2]
  $ printf 'zz\t00\n' | firn db load app.firn text -x
  ! firn: row 1 of 'standard input': key and value must be even numbers of hexadecimal digits
  [2]
  $ firn db load app.firn text missing
  ! firn: could not open 'missing': No such file or directory
  [3]
  $ firn db load app.firn text rows -x -b
  ! firn: db load: --hex and --binary exclude each other
  ! usage: firn db load [options] STORE [KEYSPACE [FILE]]
  ! help: firn help db load
  [2]
  $ firn db dump app.firn text -b --json 2>/dev/null
  {"error":{"code":"FIRN_INVALID","message":"db dump: --json and --binary exclude each other","exit":2}}
  [2]
  $ firn db dump app.firn nobody
  ! firn: app.firn has no keyspace 'nobody'
  [3]

Keyspaces.

  $ firn db keyspaces app.firn
  binary
  hex
  text
  users
  $ firn db put app.firn "$(printf 'odd\nname')" k v
  $ firn db keyspaces app.firn
  binary
  hex
  odd\nname
  text
  users
  $ firn db keyspaces app.firn --json
  {"keyspaces":["binary","hex","odd\nname","text","users"]}
  $ firn db drop app.firn "$(printf 'odd\nname')"
  $ firn db drop app.firn hex --json
  {}
  $ firn db drop app.firn hex
  ! firn: app.firn has no keyspace 'hex'
  [3]
  $ firn db drop app.firn firn.objects
  ! firn: names that begin with "firn." or "firn:" are kept for firn itself
  [2]
  $ firn db scan app.firn hex
  ! firn: app.firn has no keyspace 'hex'
  [3]
  $ firn db keyspaces app.firn
  binary
  text
  users
  $ firn db keyspaces nowhere
  ! firn: could not open directory 'nowhere': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]

Ranges.

  $ for k in a b c d e; do firn db put app.firn letters $k 1; done
  $ firn db delrange app.firn letters --from b --to d
  $ firn db scan app.firn letters --keys
  a
  d
  e
  $ firn db delrange app.firn letters --from e
  $ firn db delrange app.firn letters --to b
  $ firn db scan app.firn letters --keys
  d
  $ firn db delrange app.firn letters --from z --to a
  $ firn db scan app.firn letters --keys
  d
  $ firn db delrange app.firn users --prefix 00ff --hex
  $ firn db put app.firn users --hex ffff 00
  $ firn db put app.firn users --hex ff 00
  $ firn db delrange app.firn users --prefix ffff --hex
  $ firn db scan app.firn users --hex
  61	31
  62	
  ff	00
  $ firn db delrange app.firn users --prefix ''
  ! firn: db delrange: that would delete every key: say --all if it should
  ! usage: firn db delrange [options] STORE KEYSPACE
  ! help: firn help db delrange
  [2]
  $ firn db delrange app.firn users --from '' 2>&1 | head -n 1
  firn: db delrange: that would delete every key: say --all if it should
  $ firn db delrange app.firn users --all --to b 2>&1 | head -n 1
  firn: db delrange: --all goes with none of --from, --to and --prefix
  $ firn db scan app.firn users --hex
  61	31
  62	
  ff	00
  $ firn db delrange app.firn users --all --json
  {}
  $ firn db scan app.firn users
  $ firn db delrange app.firn users
  ! firn: db delrange: say what to delete: --from and --to, --prefix, or --all
  ! usage: firn db delrange [options] STORE KEYSPACE
  ! help: firn help db delrange
  [2]
  $ firn db delrange app.firn users --prefix a --to b 2>&1 | head -n 1
  firn: db delrange: --prefix goes with neither --from nor --to
  $ firn db delrange app.firn nobody --prefix a
  ! firn: app.firn has no keyspace 'nobody'
  [3]

Files.

  $ firn db put app.firn letters e 1
  $ firn db flush app.firn
  $ firn db del app.firn letters e
  $ firn db flush app.firn
  $ firn db stats app.firn
  level 0  <n> files, <size>, <n> entries
  level 6  1 file, <size>, 1 entry
  log      <size>
  disk     <any>
  4 keyspaces, firn's own included
  $ firn db put past.firn kept a 1
  $ firn db checkpoint past.firn >checkpoint
  $ firn db del past.firn kept a
  $ firn db flush past.firn
  $ firn db stats past.firn | grep ^history
  history  1 file, <size>, <n> entries, 1 tombstone
  $ firn db check app.firn
  4 keyspaces, 7 entries, 0 log records: no damage
  $ firn db compact app.firn
  $ firn db stats app.firn
  level 6  <n> files, <size>, <n> entries
  log      <size>
  disk     <any>
  4 keyspaces, firn's own included
  $ firn db stats app.firn --json
  {"levels":[{"files":0,"bytes":0,"entries":0,"tombstones":0},<any>],"history":{"files":0,"bytes":0,"entries":0,"tombstones":0},"keyspaces":4,"file_bytes":<n>,"value_files":0,"value_bytes":0,"value_live_bytes":0,"log_bytes":<n>,"memtable_bytes":<n>,"missing_files":0,"checkpoint_memory_bytes":<n>,"disk":{"log_bytes":<n>,"log_spare_bytes":<n>,"reserve_bytes":<n>,"run_bytes":<n>,"value_bytes":<n>,"pack_bytes":<n>,"manifest_bytes":<n>,"other_bytes":<n>},"encryption":null}

Large values lie in files of their own.

  $ for k in x y z; do head -c 50000 /dev/urandom >$k; firn db put app.firn large $k - <$k; done
  $ firn db flush app.firn
  $ firn db stats app.firn | grep ^values
  values   <n> file, <size>, <size> of them in use
  $ firn db get app.firn large y | cmp - y
  $ firn db put app.firn large y 1
  $ firn db flush app.firn
  $ firn db compact app.firn
  $ firn db stats app.firn --json | grep -c '"value_files":1,'
  1
  $ firn db get app.firn large z | cmp - z
  $ firn db check app.firn
  5 keyspaces, 10 entries, 0 log records: no damage
  $ values=$(ls app.firn/runs | grep values)
  $ printf 'xxxxxxxxxxxxxxxx' | dd of=app.firn/runs/$values bs=1 seek=70000 conv=notrunc status=none
  $ firn db get app.firn large x | cmp - x
  $ firn db get app.firn large z
  ! firn: the value of 'z' cannot be read: 'app.firn/runs/<any>.values': block at <n>: its bytes do not match their checksum
  [5]
  $ firn db check app.firn 2>&1 | head -n 1
  firn: the value of 'z' cannot be read: 'app.firn/runs/<any>.values': block at <n>: its bytes do not match their checksum
  $ firn db drop app.firn large
  $ firn db scan app.firn letters
  d	1
  $ firn db flush nowhere
  ! firn: could not open directory 'nowhere': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]

A range of a keyspace is compacted by itself.

  $ firn db compact app.firn letters --from a --to m
  $ firn db compact app.firn letters
  $ firn db compact app.firn --from a
  ! firn: db compact: --from and --to are keys of a keyspace: name it
  ! usage: firn db compact [options] STORE [KEYSPACE]
  ! help: firn help db compact
  [2]
  $ firn db compact app.firn nobody
  ! firn: app.firn has no keyspace 'nobody'
  [3]

A store is destroyed when that is said. What is not its own stays, and is named.

  $ firn db put gone.firn users ada 1815
  $ firn db flush gone.firn
  $ touch gone.firn/mine gone.firn/runs/notes.txt gone.firn/wal-notes.txt
  $ firn db destroy gone.firn
  ! firn: db destroy: this removes all that is in gone.firn: confirm with --yes
  ! usage: firn db destroy [options] STORE
  ! help: firn help db destroy
  [2]
  $ firn db get gone.firn users ada; echo
  1815
  $ firn db destroy gone.firn --yes
  left: mine
  left: wal-notes.txt
  left: runs/notes.txt
  $ find gone.firn -type f | sort
  gone.firn/mine
  gone.firn/runs/notes.txt
  gone.firn/wal-notes.txt
  $ firn db destroy gone.firn --yes
  ! firn: there is no firn store in 'gone.firn'
  [3]
  $ rm -r gone.firn && firn db put gone.firn users ada 1815 && firn db destroy gone.firn --yes --json | tail -n 1
  {<any>"left":[]<any>}
  $ ls gone.firn
  ! <any>
  [2]

A damaged file is named, with what cannot be read; the rest can.

  $ seq 1 20000 | sed 's/$/	some value that is the same in each row/' | firn db load app.firn numbers --quiet
  $ firn db compact app.firn
  $ run=$(ls -S app.firn/runs | head -n 1)
  $ printf 'xxxxxxxxxxxxxxxx' | dd of=app.firn/runs/$run bs=1 seek=50000 conv=notrunc status=none
  $ firn db check app.firn >report 2>&1
  [5]
  $ grep -c "$run" report
  <n>
  $ firn db dump app.firn numbers >part
  ! firn: keys from '<n>' to '<n>' cannot be read: 'app.firn/runs/<n>.row': block at <n>: its bytes do not match their checksum
  [5]
  $ firn db get app.firn letters d; echo
  1

Sorted rows, as one commit.

  $ printf 'ada\t1815\nalan\t1912\ngrace\t1906\n' >sorted.tsv
  $ firn db load --bulk bulk.firn users sorted.tsv
  3 entries
  $ firn db scan bulk.firn users
  ada	1815
  alan	1912
  grace	1906
  $ firn db dump -b bulk.firn users | firn db load -sb bulk.firn copy --json
  {"count":3}
  $ firn db dump bulk.firn copy | cmp - sorted.tsv
  $ printf 'b\t1\na\t2\n' | firn db load --bulk bulk.firn users
  ! firn: the keys of a load do not ascend: number 2 is not above the one before
  ! hint: nothing was loaded; without --bulk rows may come in any order
  [2]
  $ firn db get bulk.firn users b
  ! firn: keyspace 'users' has no key 'b'
  [3]
  $ firn db check bulk.firn -q

JSON objects, one a line.

  $ printf 'plain\t"1"\\n\nbytes\\377\t\\000a\n' | firn db load lines.firn k
  2 entries
  $ firn db dump --json-lines lines.firn k
  {"key":"bytes�","key_hex":"6279746573ff","value":"\u0000a"}
  {"key":"plain","value":"\"1\"\n"}
  $ firn db dump -j lines.firn k | firn db load -js lines.firn copy
  2 entries
  $ firn db dump lines.firn k >a; firn db dump lines.firn copy | cmp - a
  $ printf '{"key":"a","value":1}\n' | firn db load -j lines.firn k
  ! firn: row 1 of 'standard input': a member is not a string
  [2]
  $ firn db dump -j -b lines.firn k 2>/dev/null
  [2]
  $ firn db dump -j --json lines.firn k 2>/dev/null
  {"error":{"code":"FIRN_INVALID","message":"db dump: --json and --json-lines exclude each other","exit":2}}
  [2]
  $ firn db put -t 3000000000 lines.firn until a 1 && firn db put lines.firn until b 2
  $ firn db dump -j lines.firn until | sed 's/[0-9]\{10,\}/then/'
  {"key":"a","value":"1","expires_ms":then}
  {"key":"b","value":"2"}
  $ for options in -j -js; do
  >     rm -rf until.firn; firn db dump -j lines.firn until | firn db load $options until.firn k
  >     firn db dump -j until.firn k | grep -c expires_ms
  > done
  2 entries
  1
  2 entries
  1
  $ printf '{"key":"a","value":"1","expires_ms":1}\n' | firn db load -j until.firn k
  1 entry
  $ firn db dump until.firn k
  b	2

What a store takes up is told to the last block, and a file that is gone is told at once.

  $ for i in 1 2 3; do firn db put lost.firn k a$i 1; firn db flush lost.firn; done
  $ firn db stats lost.firn --json | python3 -c 'import json,sys; print(sum(json.load(sys.stdin)["disk"].values()) == sum(int(l) for l in sys.argv[1].split()) * 512)' "$(find lost.firn -type f -printf '%b\n')"
  True
  $ rm $(ls lost.firn/runs/*.row | tail -n 1)
  $ firn db stats lost.firn >/dev/null
  ! firn: 'lost.firn' has lost 1 file of its data: what was there cannot be read
