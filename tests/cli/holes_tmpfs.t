Holes beyond what ext4 takes: on tmpfs a file may claim 8 EiB.

  ? truncate -s 7E /dev/shm/firn-probe-$$ && rm /dev/shm/firn-probe-$$
  $ d=$(mktemp -d /dev/shm/firn-XXXXXX) && cd $d && mkdir w && cd w && truncate -s 64T more && printf x | dd of=more bs=1 seek=$((1 << 45)) conv=notrunc status=none && truncate -s 8P most && echo 1 >small

What is more than 8 PiB is left out and named; the rest is saved, verified and restored as ever.

  $ truncate -s $(((8 << 50) + 1)) over && truncate -s 7E far && firn --store ../s save; echo $?
  1  <id>  3 files, 9.08 PB; 3 new, <size> added  <s> s
  6
  ! firn: left out: far: cannot save '<any>/w/far': it has 8070450532247928832 bytes, a file may have 9007199254740992 (8 PiB)
  ! firn: left out: over: cannot save '<any>/w/over': it has 9007199254740993 bytes, a file may have 9007199254740992 (8 PiB)
  $ firn --store ../s check --data | sed 's/.*read: //' && firn --store ../s restore 1 --to ../again -q && stat -c '%n %s %b' ../again/* | sed 's/.*again.//' && tail -c +$(((1 << 45) + 1)) ../again/more | head -c 1
  no damage
  more 70368744177664 8
  most 9007199254740992 0
  small 2 8
  x<no newline>
  $ firn --store ../s status | head -n 3; $SIGNALLED timeout --preserve-status -s INT 2 firn --store ../s cat 1 most >/dev/null; echo $?
  compared with 1: no change; 3 unchanged
  130
  ! firn: left out: far: cannot save '<any>/w/far': it has 8070450532247928832 bytes, a file may have 9007199254740992 (8 PiB)
  ! firn: left out: over: cannot save '<any>/w/over': it has 9007199254740993 bytes, a file may have 9007199254740992 (8 PiB)
  ! firn: interrupted
  $ cd / && rm -rf $d
