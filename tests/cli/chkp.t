Packs of the seed.

  $ mkdir packs && printf 'hello\n' >hello && touch empty && head -c 300000 /dev/zero >zeros
  $ firn chkp pack packs hello empty hello
  8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99	hello
  af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262	empty
  8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99	hello
  153248292f8297b9
  $ ls packs | sed 's/[0-9a-f]\{16\}/digits/'
  pack-digits.dat
  pack-digits.idx
  $ firn chkp pack packs zeros - -q <hello | wc -l
  1
  $ firn chkp list packs | wc -l
  4
  $ firn chkp cat packs 8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99
  hello
  $ firn chkp cat packs 8E4C7C1B99DBFD50E7A95185FEAD5EE1448FA904A2FDD778EAF5F2DBFD629A99 --json
  {"hash":"8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99","content":"hello\n"}
  $ firn chkp cat packs af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262
  $ firn chkp verify packs
  2 packs, 4 objects: no damage
  $ firn chkp verify packs --json
  {"damage":[],"packs":2,"objects":4}
  $ rm packs/*.idx && firn chkp verify packs -q; firn chkp verify packs --rebuild-index | sed 's/^/rebuilt: /'; ls packs/*.idx | wc -l
  rebuilt: 2 packs, 4 objects: no damage
  2

What goes wrong.

  $ firn chkp cat packs 0000000000000000000000000000000000000000000000000000000000000000
  ! firn: no pack in 'packs' has object 0000000000000000000000000000000000000000000000000000000000000000
  [3]
  $ firn chkp cat packs 123
  ! firn: chkp cat: HASH is not 64 hexadecimal digits: '123'
  ! usage: firn chkp cat FOLDER HASH [PACK...]
  ! help: firn help chkp cat
  [2]
  $ firn chkp list nothing
  ! firn: could not open directory 'nothing': No such file or directory
  [3]
  $ firn chkp list packs 0000000000000000
  ! firn: could not open 'packs/pack-0000000000000000.dat': No such file or directory
  [3]
  $ firn chkp list packs nonsense
  ! firn: chkp list: 'nonsense' is not a pack: 16 digits from 0 to f, or a file pack-DIGITS.dat
  ! usage: firn chkp list FOLDER [PACK...]
  ! help: firn help chkp list
  [2]
  $ firn chkp pack packs missing
  ! firn: could not open 'missing': No such file or directory
  [3]
  $ firn chkp pack missing hello
  ! firn: could not open directory 'missing': No such file or directory
  [3]
  $ firn chkp pack packs
  ! firn: chkp pack: missing FILE...
  ! usage: firn chkp pack FOLDER FILE...
  ! help: firn help chkp pack
  [2]
  $ for pack in packs/*.dat; do printf X | dd of=$pack bs=1 seek=60 conv=notrunc status=none; done
  $ firn chkp verify packs >out 2>err; echo $?; cut -d: -f2 out
  5
   damaged
  $ firn chkp cat packs 8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99 >out 2>err; echo $?; cat out
  0
  hello
