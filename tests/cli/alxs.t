Sorted tables of the seed.

  $ printf 'ada\t1815\nalan\t1912\ngrace\t1906\n' >rows
  $ firn alxs build people.alxs rows
  3 records, checksum a18b2ce5
  $ ls
  people.alxs
  rows
  $ firn alxs list people.alxs
  ada	1815
  alan	1912
  grace	1906
  $ firn alxs list people.alxs --from al --keys
  alan
  grace
  $ firn alxs list people.alxs --to alan --reverse
  ada	1815
  $ firn alxs list people.alxs --from alan --to grace -r --limit 5
  alan	1912
  $ firn alxs list people.alxs --limit 1 --hex
  616461	31383135
  $ firn alxs list people.alxs --json --keys
  {"entries":[{"key":"ada"},{"key":"alan"},{"key":"grace"}],"count":3}
  $ firn alxs get people.alxs ada && echo
  1815
  $ firn alxs get people.alxs 6772616365 --hex
  31393036
  $ firn alxs get people.alxs ada --json
  {"key":"ada","value":"1815"}
  $ firn alxs verify people.alxs
  3 records, checksum a18b2ce5: no damage
  $ firn alxs verify people.alxs --json
  {"damage":[],"count":3,"equal_keys":0,"key_size_max":5,"value_size_max":4,"file_size":80,"checksum":"a18b2ce5"}

The format's vectors, and what only looks odd.

  $ printf 'a\t1\nb\t\n' | firn alxs build vector.alxs -q && cmp vector.alxs $SOURCE/tests/formats/alxs/vector.alxs
  $ firn alxs build empty.alxs </dev/null && cmp empty.alxs $SOURCE/tests/formats/alxs/empty.alxs
  0 records, checksum 00000000
  $ firn alxs list empty.alxs
  $ ln -s vector.alxs link && firn alxs get link a && echo
  1
  $ firn alxs build odd.alxs --json <<'END'
  > \000\001	zero and one
  > \t	\n\r\a\b\v\f\\
  > \134	a backslash by its number
  > k	1
  > k	2
  > \377	\200\201
  > END
  {"count":6,"checksum":"1f5c4d66"}
  $ firn alxs list odd.alxs
  \000\001	zero and one
  \t	\n\r\a\b\v\f\\
  \\	a backslash by its number
  k	1
  k	2
  \377	\200\201
  $ firn alxs get odd.alxs k && echo
  2
  $ firn alxs verify odd.alxs
  6 records, 1 with the key before, checksum 1f5c4d66: no damage
  $ firn alxs list odd.alxs | firn alxs build again.alxs -q && cmp odd.alxs again.alxs
  $ firn alxs list odd.alxs --hex | firn alxs build again.alxs --hex --replace -q && cmp odd.alxs again.alxs
  $ head -c -16 odd.alxs | tail -c +17 | firn alxs build again.alxs - --binary --replace -q && cmp odd.alxs again.alxs

Into a keyspace and back. Of equal keys the last one stays.

  $ firn alxs load people.alxs s.firn people
  3 records
  $ firn alxs load odd.alxs s.firn people
  6 records, 1 replaced by the next with the same key
  $ firn alxs load empty.alxs s.firn nobody --json
  {"count":0,"equal_keys":0}
  $ head -c 32 /dev/zero >key && firn alxs load --encrypt --key-file key people.alxs secret.firn people
  3 records
  $ FIRN_KEY_FILE=key firn db scan secret.firn people | wc -l && firn key list secret.firn | wc -l
  3
  2
  $ firn alxs load --key-file key people.alxs t.firn people
  ! firn: alxs load: --key-file is for --encrypt
  ! usage: firn alxs load [options] FILE STORE KEYSPACE
  ! help: firn help alxs load
  [2]
  $ firn db scan s.firn people --keys
  \000\001
  \t
  \\
  ada
  alan
  grace
  k
  \377
  $ firn db get s.firn people k && echo
  2
  $ firn db scan s.firn people | firn alxs build both.alxs && firn alxs list both.alxs | cmp - <(firn db scan s.firn people)
  8 records, checksum <hex>

Many rows, in several batches.

  $ seq 100000 130000 | sed 's/.*/&\tvalue &/' | firn alxs build many.alxs
  30,001 records, checksum <hex>
  $ firn alxs load many.alxs s.firn many -q && firn db scan s.firn many | cmp - <(firn alxs list many.alxs)
  $ firn alxs list many.alxs | head -n 1
  100000	value 100000

What goes wrong.

  $ firn alxs build people.alxs rows
  ! firn: 'people.alxs' is there already in '.'
  ! hint: overwrite it with --replace
  [1]
  $ firn alxs build new.alxs nothing
  ! firn: could not open 'nothing': No such file or directory
  [3]
  $ firn alxs build nowhere/new.alxs rows
  ! firn: could not open directory 'nowhere': No such file or directory
  [3]
  $ printf 'b\t\na\t\n' | firn alxs build new.alxs
  ! firn: the key of record 2 is smaller than the one before: keys of a table come in ascending order
  ! hint: rows of --hex are put in order by: LC_ALL=C sort -s -k 1,1
  [2]
  $ printf 'a\t\na\t\n' | firn alxs build new.alxs --unique
  ! firn: the key of record 2 is equal to the one before
  ! hint: rows of --hex are put in order by: LC_ALL=C sort -s -k 1,1
  [2]
  $ printf 'a\t1\nb\n' | firn alxs build new.alxs
  ! firn: row 2 of 'standard input': there is no tab between key and value
  [2]
  $ printf 'a\tb\tc\n' | firn alxs build new.alxs
  ! firn: row 1 of 'standard input': there is a second tab: one in a key or value has to be escaped
  [2]
  $ for row in '\\x\t' '\\400\t' '\\18\t' 'a\t\\' 'a\t\\01'; do printf "$row" | firn alxs build new.alxs 2>&1 | sed 's/.*: //'; done
  a backslash must be followed by another, one of abtnvfr or three octal digits
  a backslash must be followed by another, one of abtnvfr or three octal digits
  a backslash must be followed by another, one of abtnvfr or three octal digits
  a backslash must be followed by another, one of abtnvfr or three octal digits
  a backslash must be followed by another, one of abtnvfr or three octal digits
  $ printf '616\t61' | firn alxs build new.alxs --hex
  ! firn: row 1 of 'standard input': key and value must be even numbers of hexadecimal digits
  [2]
  $ printf '\001\000\000' | firn alxs build new.alxs --binary
  ! firn: row 1 of 'standard input': the input ends inside its sizes
  [2]
  $ printf '\001\000\000\000\002\000\000\000ab' | firn alxs build new.alxs --binary
  ! firn: row 1 of 'standard input': the input ends inside its key or value
  [2]
  $ printf '\377\377\377\377\377\377\377\377a' | firn alxs build new.alxs --binary
  ! firn: row 1 of 'standard input': the key has more than 16777216 bytes
  [1]
  $ printf '\001\000\000\000\377\377\377\177a' | firn alxs build new.alxs --binary
  ! firn: row 1 of 'standard input': the value has more than 268435456 bytes
  [1]
  $ firn alxs build new.alxs rows --hex --binary
  ! firn: alxs build: rows are of --hex or of --binary, not of both
  ! usage: firn alxs build [options] FILE [INPUT]
  ! help: firn help alxs build
  [2]
  $ ls new.alxs .firn* 2>/dev/null
  [2]
  $ firn alxs get people.alxs nobody
  ! firn: 'people.alxs' has no key 'nobody'
  [3]
  $ firn alxs get nothing nobody
  ! firn: could not open './nothing': No such file or directory
  [3]
  $ firn alxs list people.alxs --value-max 3
  ! firn: the record at offset 16 of './people.alxs' has a value of 4 bytes, and at most 3 are accepted
  ! hint: larger values are accepted with --value-max BYTES
  [1]
  $ head -c 700000 /dev/zero | tr '\0' k >key && printf '\tvalue\n' >>key && firn alxs build long.alxs key -q
  $ firn alxs load long.alxs s.firn long
  ! firn: the record at offset 16 of './long.alxs' has a key of 700000 bytes, and at most 524288 are accepted
  ! hint: this is what a store takes; nothing of the table was loaded
  [1]
  $ firn db scan s.firn long
  ! firn: s.firn has no keyspace 'long'
  [3]
  $ printf X | dd of=people.alxs bs=1 seek=30 conv=notrunc status=none
  $ firn alxs list people.alxs
  ! firn: the records of './people.alxs', from offset 16 on, have the checksum <hex>, and its footer says a18b2ce5
  ! hint: list all damage with: firn alxs verify FILE
  [5]
  $ printf X | dd of=people.alxs bs=1 seek=0 conv=notrunc status=none
  $ firn alxs verify people.alxs
  ! firn: './people.alxs' is not an ALXS table: it does not begin with ALXS
  ! firn: the records of './people.alxs', from offset 16 on, have the checksum <hex>, and its footer says a18b2ce5
  ! firn: './people.alxs' is damaged: 2 findings
  3 records, checksum a18b2ce5: damaged
  [5]
  $ firn alxs verify rows
  ! firn: './rows' has 30 bytes, and the smallest ALXS table has 32
  ! firn: './rows' is damaged: 1 finding
  0 records, checksum 00000000: damaged
  [5]
