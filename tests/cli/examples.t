The programs of examples/ do what they say.

  $ example_store_basic app.firn
  ada was born in 1815
  edsger was born in 1930
  grace was born in 1906
  $ firn db scan app.firn users
  ada	1815
  edsger	1930
  grace	1906
  tony	1934
  $ example_store_basic
  ! usage: store_basic STORE
  [2]
  $ example_store_basic /dev/null/x
  ! open: could not open directory '/dev/null': Not a directory (FIRN_NOT_FOUND)
  [1]
  $ example_transactions bank.firn
  70 from ada to grace: done
  70 from ada to grace: refused
  ada has 30
  grace has 70
  grace stays: key "ada" of keyspace 'on call', which the transaction has read, was written by another commit since it began
  $ firn db scan bank.firn 'on call'
  grace	yes
  $ example_store_values app.firn
  2 visits
  of /index /news
  a session, for an hour
  $ example_checkpoints app.firn
  before the sale: tea is 3.20
  in the sale: tea is 2.50
  restored: tea is 3.20
  undone: tea is 2.50
  checkpoint 1: before-sale
  $ example_checkpoints app.firn
  ! checkpoint: there is a checkpoint 'before-sale' already (FIRN_EXISTS)
  [1]
  $ example_checkpoint_file app.firn app.firnx copy.firn
  ! export: there is a checkpoint 'before-sale' already (FIRN_EXISTS)
  [1]
  $ example_checkpoint_file shop.firn shop.firnx copy.firn
  shop.firn: tea is 2.50
  shop.firnx: tea is 3.20
  copy.firn: tea is 3.20
  $ mkdir d && echo one >d/a && example_workspace_undo d 'echo two >d/a; echo new >d/b'
  saved 1 files as checkpoint 1
  the command ended with 0
  changed a
  added b
  restored: 1 changed, 0 added, 1 removed
  undone: 1 changed, 1 added, 0 removed
  $ cat d/a; ls d
  two
  a
  b
  $ firn -C d list -q --all | wc -l
  3
  $ example_pack_basic letters.pack
  644a9bc57c6063e2ba4028fa73ed585170ae7db8ac7723d32be49c021a0225f5 5 bytes
  c607f0e66519ff41d34c1c8e2e312228c3cc358c0a5b75cef4b22cf8ed3875db 4 bytes
  read back: beta
  $ example_pack_basic letters.pack
  ! create: './letters.pack' exists (FIRN_EXISTS)
  [1]
  $ example_cursors tides.firn
  brest, one day
    brest/2026-11-19T06:10  6.1 m
    brest/2026-11-19T18:33  5.9 m
  newest of brest/
    brest/2026-11-20T07:01  6.3 m
  calais, in the snapshot
    calais/2026-11-19T02:12  6.0 m
    calais/2026-11-19T14:37  6.2 m
  calais, now
  $ example_bulk_load app.firn
  9e3779b1 is entry 1
  told how far it was
  $ firn db scan app.firn entries | wc -l
  200000

They are C++, too.

  $ for name in store_basic store_values cursors transactions checkpoints checkpoint_file bulk_load workspace_undo pack_basic tables structs; do
  >     if command -v clang >/dev/null; then
  >         clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I$SOURCE/include -c $SOURCE/examples/$name.c -o $name.o &&
  >             clang $name.o $LINK -o cpp_$name
  >     else
  >         cp $(command -v example_$name) cpp_$name
  >     fi || echo "$name is not C++"
  > done
  $ ./cpp_store_basic cpp.firn
  ada was born in 1815
  edsger was born in 1930
  grace was born in 1906
  $ ./cpp_transactions txn.firn | head -n 1
  70 from ada to grace: done
  $ ./cpp_checkpoints cpp2.firn
  before the sale: tea is 3.20
  in the sale: tea is 2.50
  restored: tea is 3.20
  undone: tea is 2.50
  checkpoint 1: before-sale
  $ ./cpp_checkpoint_file shop2.firn shop2.firnx copy2.firn
  shop2.firn: tea is 2.50
  shop2.firnx: tea is 3.20
  copy2.firn: tea is 3.20
  $ ./cpp_cursors tides2.firn | tail -n 1
  calais, now
  $ ./cpp_bulk_load cpp2.firn | head -n 1
  9e3779b1 is entry 1

  $ ./cpp_tables goods2.firn | head -n 1
  1 is tea
  $ example_tables goods.firn
  1 is tea
  milk: 115 cents
  tea: 320 cents
  $ firn db table list goods.firn
  goods
  $ example_tables goods.firn
  ! there is a table 'goods' already
  [1]
  $ example_structs items.firn
  1 tea: 320 cents, 7 left
  $ firn db scan items.firn goods --columns name,stock
  tea	7
  $ example_scan sales.firn
  juice   8   82.17
  tea     7   74.98
  coffee  7   67.60
  $ example_vectors notes.firn
  0.051 The hedgehog in autumn
  0.403 A lawnmower that spares hedgehogs
  0.892 Pruning apple trees
  0.0325 0.0164
  $ example_upkeep scratch.firn
  20000 puts in one commit
  the first half: about 10000 entries, then 0
  $ ls scratch.firn
  ! <any>
  [2]

  $ example_work_queue queue.firn
  100 jobs done, the sum of their squares is 338350
  $ firn db scan queue.firn jobs
  $ example_time_series series.firn
  roof: 3 2 1 0 -1
  roof: 9999 9999 9999 9999 9999
  roof: 3 2 1 0 -1
  cellar: 12 13
  $ firn db checkpoints series.firn | grep -c before-import
  1
  $ example_shared_cache
  50 things computed, 4000 of 4000 looks were answered
