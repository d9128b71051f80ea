What comes back is what was saved: modes, times, links, holes, empty directories, at any umask.

  $ mkdir -p e/f private && chmod 700 private && echo s >script && chmod 755 script && echo k >key && chmod 600 key && echo r >read && chmod 444 read && echo u >setuid && chmod 6755 setuid
  $ touch -d '2001-01-01 00:00:00.987654321Z' key && touch -h -d '1969-06-01 12:00:00.5Z' e && ln -s /etc/passwd absolute && ln -s nowhere dangling && ln -s loop loop && ln -s e to_dir
  $ ln -s "$(printf 'x%.0s' $(seq 4095))" longest && ln -s $'\xff' odd && ln script private/hard
  $ truncate -s 100M hole && printf end | dd of=hole bs=1 seek=50000000 conv=notrunc status=none
  $ for size in 0 1 65535 65536 65537 262143 262145 1048575 1048577 9000000; do head -c $size /dev/urandom >size$size; done
  $ listing() { (cd "$1" && find . \( -type d -printf '%p %y %m\n' -o -printf '%p %y %m %T@ %n %s %l\n' \) | sort); }
  $ cp -a . ../kept && listing . >../before
  $ firn save -q
  1
  $ for mask in 000 022 077; do
  >     rm -rf ./* && (umask $mask; firn restore 1 -q)
  >     listing . | cmp - ../before && diff -r --no-dereference . ../kept && stat -c '%m' . >/dev/null
  >     (umask $mask; firn restore 1 --to ../to$mask -q)
  >     listing ../to$mask | cmp - ../before && diff -r --no-dereference ../to$mask ../kept
  > done
  $ stat -c %h script; stat -c %i script private/hard | uniq | wc -l
  2
  1
  $ [ $(du -k hole | cut -f1) -lt 1000 ] && echo sparse
  sparse

Links are not followed, neither for reading nor for writing.

  $ mkdir ../outside && echo precious >../outside/file && ln -s ../outside link && firn save -q
  2
  $ firn show latest --files | grep -c outside/
  0
  [1]
  $ rm link && mkdir link && echo mine >link/file && firn restore latest -q && cat ../outside/file && readlink link
  precious
  ../outside
  $ rm -r private && ln -s ../outside private && firn restore latest -q && ls ../outside private
  ../outside:
  file
  
  private:
  hard
