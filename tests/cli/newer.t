A store of a newer format: each command says so, changes nothing, and ends with exit code 1. It is not damage.

  $ cat >../raise.py <<'END'
  > import struct, sys
  > def crc32c(data):
  >     crc = 0xffffffff
  >     for byte in data:
  >         crc ^= byte
  >         for _ in range(8):
  >             crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
  >     return crc ^ 0xffffffff
  > with open(sys.argv[1], "r+b") as file:
  >     identity = bytearray(file.read())
  >     struct.pack_into("<I", identity, 8, 99)
  >     struct.pack_into("<I", identity, 60, crc32c(identity[:60]))
  >     file.seek(0)
  >     file.write(identity)
  > END
  $ echo 1 >f; firn --store ../s save -q; firn db put ../d.firn k a 1; python3 ../raise.py ../s/FIRN; python3 ../raise.py ../d.firn/FIRN
  1
  $ find ../s ../d.firn -type f ! -name LOCK | sort | xargs sha256sum >../before
  $ firn --store ../s check --data
  ! firn: '../s/FIRN' has format version 99; this firn reads versions up to 8
  ! hint: read it with the newer firn that wrote it
  [1]
  $ firn --store ../s gc --json
  {"error":{"code":"FIRN_NEWER","message":"'../s/FIRN' has format version 99; this firn reads versions up to 8","hint":"read it with the newer firn that wrote it","exit":1}}
  ! firn: '../s/FIRN' has format version 99; this firn reads versions up to 8
  ! hint: read it with the newer firn that wrote it
  [1]
  $ firn trust ../s
  ! firn: '../s' has format version 99; this firn reads versions up to 8
  ! hint: read it with the newer firn that wrote it
  [1]
  $ said() { sed "s/'[^']*FIRN'/FIRN/" | sort | uniq -c | sed 's/^ *//'; }
  $ for command in list status log 'show latest' save 'restore latest' undo redo 'undo --list' diff 'revert 1' gc 'gc --auto' 'gc --now' check repair 'repair -n' workspaces init 'delete latest' 'undelete latest' 'forget f --yes' 'tag x' 'tag -d x' 'pin 1' 'unpin 1' 'cat latest f' 'grep a' 'blame f' 'report -o ../x.html' watch push pull 'pull origin 1' fetch 'remote list' 'remote show origin' 'remote log' 'remote prune' 'remote add origin ../r' 'remote remove origin' 'check --remote' 'key list' 'key rotate'; do firn --store ../s $command; echo $?; done 2>&1 | said
  44 1
  44 firn: FIRN has format version 99; this firn reads versions up to 8
  44 hint: read it with the newer firn that wrote it
  $ for command in 'get S k a' 'put S k b 1' 'scan S k' 'check S' 'stats S' 'repair S' 'dump S' 'keyspaces S' 'compact S' 'export S -o ../x' 'checkpoint S x'; do firn db ${command/S/..\/d.firn}; echo $?; done 2>&1 | said
  11 1
  11 firn: FIRN has format version 99; this firn reads versions up to 8
  11 hint: read it with the newer firn that wrote it
  $ find ../s ../d.firn -type f ! -name LOCK | sort | xargs sha256sum | cmp - ../before
