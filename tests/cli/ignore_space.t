Lines that differ in white space alone.

  $ printf 'if (a) {\nb();\n}\nend\n' >f; printf 'x y\n' >g; printf 'one\ntwo' >h; firn save -q; printf '\tif (a) {\n\t\tb();\n\t\tc();\n\t}\nend\n' >f; printf 'xy  \n' >g; printf 'one\r\ntwo\n' >h
  1
  $ firn diff -p -w
  diff --git a/f b/f
  --- a/f
  +++ b/f
  @@ -1,4 +1,5 @@
   if (a) {
   b();
  +		c();
   }
   end
  $ firn diff -w --stat; firn diff -w --name-only; firn diff --stat -q
   f | 1 +
  from 1 to the disk: 3 changed, 0 added, 0 removed; 1 line added, 0 removed
  f
   f | 7 ++++---
   g | 2 +-
   h | 4 ++--
  $ firn save -q; firn log -w -n 1; firn log -n 1; firn log -p --ignore-space -n 1 -- g; firn show -w --names | tail -n 1; firn log -S 'x y' -w -q
  2
     2  <id>  <ago>  1 file +1 −0
     2  <id>  <ago>  3 files +7 −6
     1  <id>  <ago> 
  diff --git a/g b/g
  new file mode 100644
  --- /dev/null
  +++ b/g
  @@ -0,0 +1 @@
  +x y
  changed   f
  1
  $ chmod +x g; printf ' x y' >g; firn diff -w -p; printf '\0 x' >g; firn diff -w -p | head -3
  diff --git a/g b/g
  old mode 100644
  new mode 100755
  # g: binary, 5 -> 3 bytes, mode 0644 -> 0755
  $ firn diff -w --json | python3 -c 'import json, sys; print([c["path"] for c in json.load(sys.stdin)["changes"]])'
  ['g']
