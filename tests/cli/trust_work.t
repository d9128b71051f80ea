A few KiB of a store may stand for any amount of work: here 10,000 files have paths of 30 KB. The user who made the store
may do that.

  $ $GRAPHS fat $PWD ../made && firn --store ../made show 1 --files | wc -l
  10120

A copy is another store, and might be anybody's: what is done with it is bounded by what is read of it.

  $ cp -Rp ../made ../store && firn --store ../store show 1 --files > /dev/null
  ! firn: <any>the store asks for far more work than the <n> bytes that were read of it account for, and it is not known as yours: 'firn trust STORE' lifts this limit
  [1]

A save goes on, in the same store; a check says what it could not do.

  $ echo text > a && firn --store ../store save -q -m mine 2> /dev/null
  3
  $ firn --store ../store cat 3 a
  text
  $ firn --store ../store check > ../told 2>&1 || echo $?
  1
  $ firn --store ../store list -q | wc -l
  3

The user may trust the store, and take that back.

  $ firn trust ../store
  trusted: <T>/store
  $ firn --store ../store show 1 --files | wc -l
  10120
  $ firn trust --remove ../store
  no longer trusted: ../store
  $ firn --store ../store show 1 --files > /dev/null 2>&1
  [1]

A file of a few KiB may be a terabyte long, and all of it records, with the right checksums. Such a store is not opened before its user says that it
is his.

  $ truncate -s 1T $(ls ../store/wal-*.log | tail -n 1) && for c in list 'check --data' 'repair -n' save; do firn --store ../store $c; echo $?; done
  ! firn: the files of '<any>store' are <n> bytes long, far more than they take up on the disk, and the store is not known as yours: 'firn trust STORE' lifts this limit
  1
  ! firn: the files of '<any>store' are <n> bytes long, far more than they take up on the disk, and the store is not known as yours: 'firn trust STORE' lifts this limit
  1
  ! firn: the files of '<any>store' are <n> bytes long, far more than they take up on the disk, and the store is not known as yours: 'firn trust STORE' lifts this limit
  1
  ! firn: the files of '<any>store' are <n> bytes long, far more than they take up on the disk, and the store is not known as yours: 'firn trust STORE' lifts this limit
  1
  $ firn trust -q ../store && firn --store ../store list -q | wc -l && firn --store ../store check -q
  3
