A key-value store from the command line.

  $ firn db get app.firn users ada
  ! firn: could not open directory 'app.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ ls
  $ firn db put app.firn users ada 1815
  $ firn db get app.firn users ada; echo
  1815
  $ firn db put app.firn users grace 1906
  $ firn db put app.firn users edsger 1930
  $ firn db put app.firn users ada 'Countess of Lovelace'
  $ firn db scan app.firn users
  ada	Countess of Lovelace
  edsger	1930
  grace	1906
  $ firn db scan app.firn users --keys --reverse
  grace
  edsger
  ada
  $ firn db scan app.firn users --from b --to g
  edsger	1930
  $ firn db scan app.firn users --from b --to g --reverse --limit 1
  edsger	1930
  $ firn db scan app.firn users --prefix e
  edsger	1930
  $ firn db scan app.firn users --limit 0
  $ firn db scan app.firn users --from z
  $ firn db scan app.firn users --from g --to b
  $ firn db scan app.firn users --prefix ''
  ada	Countess of Lovelace
  edsger	1930
  grace	1906
  $ firn db check app.firn
  1 keyspace, 3 entries, <n> log records: no damage

Deleting what is not there succeeds; what is not there at all is not made.

  $ firn db del app.firn users ada
  $ firn db del app.firn users ada
  $ firn db get app.firn users ada
  ! firn: keyspace 'users' has no key 'ada'
  [3]
  $ firn db del app.firn nobody ada
  ! firn: app.firn has no keyspace 'nobody'
  [3]
  $ firn db get app.firn nobody ada
  ! firn: app.firn has no keyspace 'nobody'
  [3]
  $ firn db scan app.firn nobody
  ! firn: app.firn has no keyspace 'nobody'
  [3]
  $ firn db del other.firn users ada
  ! firn: could not open directory 'other.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ firn db scan other.firn users
  ! firn: could not open directory 'other.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ firn db check other.firn
  ! firn: could not open directory 'other.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ ls
  app.firn

An empty value is a value; an empty key is a key.

  $ firn db put app.firn odd '' ''
  $ firn db get app.firn odd ''
  $ firn db scan app.firn odd | od -c
  0000000  \t  \n
  0000002

A value for a while.

  $ firn db put --ttl 3600 app.firn sessions k2 ada && firn db put -t 1 app.firn sessions k3 grace
  $ firn db get app.firn sessions k2
  ada<no newline>
  $ sleep 1.1; firn db scan app.firn sessions
  k2	ada
  $ firn db put --ttl soon app.firn sessions k2 ada
  ! firn: db put: --ttl takes a number of seconds, at least 1
  ! usage: firn db put [options] STORE KEYSPACE KEY VALUE
  ! help: firn help db put
  [2]
  $ firn db put --ttl 0 app.firn sessions k2 ada 2>/dev/null
  [2]

Bytes.

  $ printf 'a\0b\377\n' | firn db put app.firn bytes raw -
  $ firn db get app.firn bytes raw | od -An -tx1
   61 00 62 ff 0a
  $ firn db get app.firn bytes raw --hex
  ! firn: db get: KEY is not an even number of hexadecimal digits: 'raw'
  ! usage: firn db get [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db get
  [2]
  $ firn db put app.firn bytes --hex 00ff 0D0a
  $ firn db put app.firn bytes --hex '' ''
  $ firn db put app.firn bytes 'back\slash' "$(printf 'tab\tnew\nescape\033[31m é')"
  $ firn db scan app.firn bytes
  	
  \000\377	\r\n
  back\\slash	tab\tnew\nescape\033[31m é
  raw	a\000b\377\n
  $ firn db scan app.firn bytes --hex
  	
  00ff	0d0a
  6261636b5c736c617368	746162096e65770a6573636170651b5b33316d20c3a9
  726177	610062ff0a
  $ firn db scan app.firn bytes --hex --prefix 00
  00ff	0d0a
  $ firn db get app.firn bytes --hex 00ff | od -An -tx1
   30 64 30 61 0a
  $ firn db del app.firn bytes -x 00FF
  $ firn db scan app.firn bytes --keys -x
  
  6261636b5c736c617368
  726177
  $ for bad in 0 0g 00f ' 00' 0x00; do firn db put app.firn bytes --hex "$bad" 00; done 2>&1 | grep '^firn:'
  firn: db put: KEY is not an even number of hexadecimal digits: '0'
  firn: db put: KEY is not an even number of hexadecimal digits: '0g'
  firn: db put: KEY is not an even number of hexadecimal digits: '00f'
  firn: db put: KEY is not an even number of hexadecimal digits: ' 00'
  firn: db put: KEY is not an even number of hexadecimal digits: '0x00'
  $ firn db scan app.firn bytes --hex --from zz 2>&1 | head -n 1
  firn: db scan: --from is not an even number of hexadecimal digits: 'zz'

A value that begins with a dash.

  $ firn db put app.firn users minus -5
  ! firn: db put: unknown option '-5': write -- before arguments that begin with -
  ! usage: firn db put [options] STORE KEYSPACE KEY VALUE
  ! help: firn help db put
  [2]
  $ firn db put app.firn users minus -- -5
  $ firn db get app.firn users minus; echo
  -5
  $ firn db put app.firn -- users -x -y
  $ firn db scan app.firn users --prefix -x
  -x	-y

Names of keyspaces, and limits.

  $ firn db put app.firn '' k v
  ! firn: the name of a keyspace is empty
  [2]
  $ firn db put app.firn firn.own k v
  ! firn: names that begin with "firn." or "firn:" are kept for firn itself
  [2]
  $ firn db put app.firn "$(printf 'bad\377')" k v
  ! firn: the name of a keyspace is not UTF-8
  [2]
  $ firn db put '' users k v
  ! firn: db put: STORE is empty
  ! usage: firn db put [options] STORE KEYSPACE KEY VALUE
  ! help: firn help db put
  [2]
  $ head -c 524289 /dev/zero | tr '\0' k >long
  $ { cat long; printf '\tv\n'; } | firn db load app.firn users
  ! firn: row 1 of 'standard input': the key has more than 524288 bytes
  [1]
  $ { head -c 524288 long; printf '\tv\n'; } | firn db load app.firn users
  1 entry
  $ firn db scan app.firn users --prefix kkkkkkkk --keys | wc -c
  524289
  $ firn db delrange app.firn users --prefix kkkkkkkk

Arguments.

  $ firn db put app.firn users k
  ! firn: db put: missing VALUE
  ! usage: firn db put [options] STORE KEYSPACE KEY VALUE
  ! help: firn help db put
  [2]
  $ firn db put app.firn users k v w
  ! firn: db put: unexpected argument 'w'
  ! usage: firn db put [options] STORE KEYSPACE KEY VALUE
  ! help: firn help db put
  [2]
  $ firn db scan app.firn users --limit -1
  ! firn: db scan: --limit takes a whole number, not '-1'
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]

A directory that is no store, and a file.

  $ mkdir full && touch full/file
  $ firn db put full users k v
  ! firn: 'full' is not a firn store and not empty (it holds 'file')
  [2]
  $ firn db get full users k
  ! firn: there is no firn store in 'full'
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ ls full
  file
  $ firn db get full/file users k
  ! firn: 'full/file' is a file, and not one that firn has exported
  [2]
  $ firn db put missing/deeper users k v
  ! firn: could not open directory 'missing': No such file or directory
  [3]

JSON.

  $ firn db get app.firn users grace --json
  {"key":"grace","value":"1906"}
  $ firn db get app.firn bytes raw --json
  {"key":"raw","value":"a\u0000b�\n","value_hex":"610062ff0a"}
  $ firn db get app.firn users nobody --json 2>/dev/null
  {"error":{"code":"FIRN_NOT_FOUND","message":"keyspace 'users' has no key 'nobody'","exit":3}}
  [3]
  $ firn db put app.firn users k v --json
  {"key_size":1,"value_size":1}
  $ firn db del app.firn users k --json
  {}
  $ firn db scan app.firn users --json --limit 2
  {"entries":[{"key":"-x","value":"-y"},{"key":"edsger","value":"1930"}],"count":2}
  $ firn db scan app.firn users --json --keys --limit 1
  {"entries":[{"key":"-x"}],"count":1}
  $ firn db scan app.firn nobody --json 2>/dev/null
  {"error":{"code":"FIRN_NOT_FOUND","message":"app.firn has no keyspace 'nobody'","exit":3}}
  [3]
  $ firn db check app.firn --json
  {"damage":[],"keyspaces":4,"entries":9,"log_records":3,"tables":0,"rows":0,"index_entries":0,"damaged":0}
  $ firn db check app.firn --quiet
