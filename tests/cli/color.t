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
  ! usage: firn list [options]
  ! help: firn help list
  [2]
  $ firn tag --color=always
  ! firn: tag: --color cannot be used with this command
  ! usage: firn tag [options] [NAME] [REF]
  ! help: firn help tag
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
