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
  $ cat d/a; ls d
  one
  a
  $ firn -C d list -q --all | wc -l
  2
  $ example_pack_basic letters.pack
  644a9bc57c6063e2ba4028fa73ed585170ae7db8ac7723d32be49c021a0225f5 5 bytes
  c607f0e66519ff41d34c1c8e2e312228c3cc358c0a5b75cef4b22cf8ed3875db 4 bytes
  read back: beta
  $ example_pack_basic letters.pack
  ! create: './letters.pack' exists (FIRN_EXISTS)
  [1]

These are C++, too.

  $ if command -v clang >/dev/null; then
  >     clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I$SOURCE/include -c $SOURCE/examples/store_basic.c -o cpp.o &&
  >         clang cpp.o $LINK -o cpp
  > else
  >     cp $(command -v example_store_basic) cpp
  > fi && ./cpp cpp.firn
  ada was born in 1815
  edsger was born in 1930
  grace was born in 1906
  $ if command -v clang >/dev/null; then
  >     clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I$SOURCE/include -c $SOURCE/examples/transactions.c -o txn.o &&
  >         clang txn.o $LINK -o txn
  > else
  >     cp $(command -v example_transactions) txn
  > fi && ./txn txn.firn | head -n 1
  70 from ada to grace: done
  $ if command -v clang >/dev/null; then
  >     clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I$SOURCE/include -c $SOURCE/examples/checkpoints.c -o cpp.o &&
  >         clang cpp.o $LINK -o cpp
  > else
  >     cp $(command -v example_checkpoints) cpp
  > fi && ./cpp cpp2.firn
  before the sale: tea is 3.20
  in the sale: tea is 2.50
  restored: tea is 3.20
  undone: tea is 2.50
  checkpoint 1: before-sale
  $ if command -v clang >/dev/null; then
  >     clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I$SOURCE/include -c $SOURCE/examples/checkpoint_file.c -o cpp.o &&
  >         clang cpp.o $LINK -o cpp
  > else
  >     cp $(command -v example_checkpoint_file) cpp
  > fi && ./cpp shop2.firn shop2.firnx copy2.firn
  shop2.firn: tea is 2.50
  shop2.firnx: tea is 3.20
  copy2.firn: tea is 3.20
