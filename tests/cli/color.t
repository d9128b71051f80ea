Colors: on a terminal, or where they are asked for.

  $ echo one >f; echo gone >g; firn save -q -m first; firn tag v1 1 -q; echo two >f; rm g; echo new >h; firn save -q
  1
  2
  $ echo three >f; see() { sed 's/\x1b\[/</g; s/\(<[0-9]*\)m/\1>/g'; }
  $ for command in list log show diff 'diff --stat' status 'status --short' 'restore 1 -n' 'undo -n'; do firn $command | grep -c $'\e'; done | sort -u
  0
  $ firn list --color=always | see
  <33>   2  <id><>  <time>          2 files       8 B
  <33>   1  <id><>  <time>          2 files       9 B  [<32>v1<>]  first
  $ firn log --color always | see
  <33>   2  <id><>  <ago>  3 files <32>+2<> <31>−2<>
  <33>   1  <id><>  <ago>  first   2 files <32>+2<> <31>−0<>  [<32>v1<>]
  $ firn show --names --color=always | see | sed -n '1p;/^</p'
  <33>checkpoint  2<>
  <33>checkpoint  2<>
  <33>changed <>  f
  <31>removed <>  g
  <32>added   <>  h
  $ firn diff --stat 1 2 --color=always | see | head -n 1
   f | 2 <32>+<><31>-<>
  $ firn diff -p 1 2 f --color=always | see
  <1>diff --git a/f b/f<>
  <1>--- a/f<>
  <1>+++ b/f<>
  <36>@@ -1 +1 @@<>
  <31>-one<>
  <32>+two<>
  $ firn status --color=always | see | head -n 1; firn status --short --color=always | see; firn restore 1 -n --color=always | see | head -n 1
  <33>changed <>  f
  <33>M<> f
  <33>changed <>  f
  $ firn list --color=always --json | grep -c $'\e'
  0
  [1]
  $ firn list --color=sometimes
  ! firn: list: --color is always, never or auto
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn check --color=always
  ! firn: check: --color cannot be used with this command
  ! usage: firn check [options] [REMOTE]
  ! help: firn help check
  [2]

Settings: the option comes first, then the setting, then NO_COLOR.

  $ firn config ui.color always; firn list | grep -c $'\e'; NO_COLOR=1 firn list | grep -c $'\e'; firn list --color=never | grep -c $'\e'; firn list --color=auto | grep -c $'\e'
  2
  2
  0
  0
  [1]
  $ firn config ui.color never; firn list --color=always | grep -c $'\e'; firn config ui.color red; firn config ui.pager perhaps
  2
  ! firn: ui.color takes always, never or auto
  ! firn: ui.pager takes true or false
  [2]
  $ firn config --unset ui.color; firn config | grep ^ui
  ui.color           = auto   # default
  ui.pager           = true   # default

The other lists: tags, pins, who wrote a line, what was found.

  $ firn pin 1 -q; printf 'one two\nTwo one\n\n' >f; mkdir d; echo 'a one' >d/g; printf 'one\0' >bin; firn save -q -m "the third"
  3
  $ for command in tag pin 'blame f' 'grep one' 'grep -l one' 'grep -c one'; do firn $command | grep -c $'\e'; done | sort -u
  0
  $ firn tag --color always | see; firn tag -q --color always; firn pin --color always | see; firn pin -q --color always
  <33>   1  <id><>  <time>  <32>v1<>
  v1
  <33>   1  <id><>  <time>
  <id>
  $ firn blame f --color always | see
  <33>   3  <id><>  <ago>  the third                 1) one two
  <33>   3  <id><>  <ago>  the third                 2) Two one
  <33>   3  <id><>  <ago>  the third                 3) 
  $ firn grep one --color always | see; firn grep -l one --color always | see; firn grep -c one --color always | see
  <36>d/g<>:a <31>one<>
  <36>f<>:<31>one<> two
  <36>f<>:Two <31>one<>
  Binary file <36>bin<> matches
  <36>d/g<>
  <36>f<>
  <36>bin<>
  <36>d/g<>:1
  <36>f<>:2
  <36>bin<>:1
  $ firn grep -n -i 'TWO|^one' --color always | see; firn grep --color always 'x*' latest -- f | see; firn grep --color always -F 'o' latest -- d | see
  <36>f<>:<32>1<>:<31>one<> <31>two<>
  <36>f<>:<32>2<>:<31>Two<> one
  Binary file <36>bin<> matches
  <36>f<>:one two
  <36>f<>:Two one
  <36>f<>:
  <36>d/g<>:a <31>o<>ne
  $ firn config ui.color always; firn tag | grep -c $'\e'; firn blame f | grep -c $'\e'; firn grep --color never one latest -- f | grep -c $'\e'; firn grep one --json | grep -c $'\e'; firn config --unset ui.color
  1
  3
  0
  0
