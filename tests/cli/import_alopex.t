Databases and tables of Alopex become a keyspace. The files were written by alopex-embedded 0.8.16 and alopex-core 0.3.0 (old) and 0.8.16,
by the command small of tests/interop/alopex_store.

  $ cp $SOURCE/tests/formats/alopex/* . && export TMPDIR=$PWD/tmp && mkdir tmp
  $ firn import alopex small.alopex
  $ firn db scan small.firn default
  $ ls tmp
  $ firn import alopex small.alopex
  $ firn import alopex small.alopex --keyspace other -q && firn db keyspaces small.firn
  $ firn import alopex small.alopex new.firn -n --json && ls -d new.firn
  $ firn import alopex small.sst all.firn --json
  $ firn import alopex old.wal all.firn -k log
  $ firn db scan all.firn log

A directory: what the log has is newer.

  $ mkdir -p app.alopex.d/sst && cp small.sst app.alopex.d/sst/1.sst && cp lz4.sst app.alopex.d/sst/2.sst && cp wrapped.wal app.alopex.d/lsm.wal
  $ firn import alopex app.alopex.d
  $ firn db scan app.firn default
  $ cp small.alopex app.alopex && firn import alopex app.alopex -n
  $ flock app.alopex.lock firn import alopex app.alopex 2>/dev/null; echo $?
  $ touch app.alopex.lock && flock app.alopex.lock firn import alopex app.alopex -n

Damage is named, and the rest comes in.

  $ cp zstd.sst bad.sst && printf X | dd of=bad.sst bs=1 seek=50 conv=notrunc status=none
  $ firn import alopex bad.sst
  $ firn db scan bad.firn default
  $ firn import alopex bad.sst strict.firn --strict
  $ head -c 200 small.alopex >cut.alopex
  $ firn import alopex cut.alopex
  $ ln -s /etc/passwd app.alopex.d/sst/3.sst && mkfifo app.alopex.d/sst/4.sst
  $ firn import alopex app.alopex.d links.firn
  $ printf '\002' | dd of=small.alopex bs=1 seek=6 conv=notrunc status=none
  $ firn import alopex small.alopex newer.firn

What is no file of Alopex.

  $ echo text >text && firn import alopex text
  $ firn import alopex small.alxs
  $ firn import alopex missing
  $ mkdir empty && firn import alopex empty
  $ mkfifo fifo && firn import alopex fifo
  $ firn import alopex /

Sorted tables.

  $ firn import alexs small.alxs sorted.firn -k people
  $ firn db scan sorted.firn people
  $ printf 'k\t1\nk\t2\nl\t3\n' | firn alxs build equal.alxs -q && firn import alexs equal.alxs --json
  $ firn db scan equal.firn default
  $ printf X | dd of=small.alxs bs=1 seek=27 conv=notrunc status=none
  $ firn import alexs small.alxs bad2.firn
  $ ls -d bad2.firn
  $ firn import alexs small.alxs bad2.firn --damaged
  $ firn db scan bad2.firn default
  $ firn import alexs small.alxs bad3.firn --damaged --strict
  $ ls tmp
