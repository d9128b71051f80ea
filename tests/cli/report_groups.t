The groups of a report, and what it says of files.

Sessions of agents are groups, and prompts are titles. What is saved in between belongs to the session; another one ends it.

  $ mkdir w && cd w && turn() { printf '{"prompt": "%s", "session_id": "%s"}' "$2" "$1" | firn hook run claude before && echo "$2" >>a && printf '{"session_id": "%s"}' "$1" | firn hook run claude after; }
  $ echo one >a && firn save -q && turn s1 'make it two' && echo b >b && firn save -q -m mine && turn s1 'and three\nin two lines' && turn '</b><s2>' 'other' && turn s1 'again'
  1
  3
  $ firn report -q -o ../out.html && python3 $SOURCE/tests/cli/report_page.py ../out.html --text | grep -v -e '^[-+ ]' -e '^$' -e ' added$' -e '·' | sed 1,/^open/d
  keysj next checkpoint k previous checkpoint o open or close it c copy its command a open or close all / filter Esc no filter ? these keys
  <any> 6 checkpoints
  6 again
  changed a +1 −0@@ line 2
  5 other
  changed a +1 −0 one
  4 and three…
  the whole promptand three
  in two lines
  changed a +1 −0 one
  3 mine
  added b +1 −0+b
  2 make it two
  changed a +1 −0 one
  1
  the first one
  Made by firn <any>.
  close
  $ grep -o -e '<details class="[ds]a*e*y*s*s*i*o*n*" open>.*' -e '<h3>[0-9]*' ../out.html
  <details class="day" open><summary><h2><any></h2> <small>6 checkpoints</small></summary>
  <details class="session" open><summary><b>Claude Code</b> <small>session s1 · 1 turn</small></summary>
  <h3>6
  <details class="session" open><summary><b>Claude Code</b> <small>session &lt;/b&gt;&lt;s2&gt; · 1 turn</small></summary>
  <h3>5
  <details class="session" open><summary><b>Claude Code</b> <small>session s1 · 2 turns</small></summary>
  <h3>4
  <h3>3
  <h3>2
  <h3>1

The command of a card goes back to the checkpoint; that of a turn to the state before it.

  $ grep -o -e '<article id="[k-z]*" tabindex="-1"><h3>[0-9]*' -e '[a-z ]*:* *<code>firn restore [^<]*' ../out.html | sed 's/.*<h3>//; s/<code>//'
  6
   back to before it: firn restore 6~1
  5
   back to before it: firn restore 5~1
  4
   back to before it: firn restore 4~1
  3
   firn restore 3
  2
   back to before it: firn restore 2~1
  1
   firn restore 1

Bars are not wider than a bar, however few they are.

  $ grep -o '<rect x=[^/]*' ../out.html | sed 's/.* width="\([0-9]*\)" .*/\1/' | sort -u
  24

The words that differ are marked, unless those are most of them. Names and marks do not mix with markup.

  $ mkdir ../words && cd ../words && printf 'a line with <b>one</b> word that changes\nkept\nall of it goes\n' >n && firn save -q && printf 'a line with "two" & three words that changes\nkept\nnothing stays here\n' >n && firn save -q
  1
  2
  $ firn report -q -o ../out.html && sed -n '/<pre/,/<.pre>/p' ../out.html | sed 's/.*<pre/<pre/'
  <pre tabindex="0"><del>-a line with <mark>&lt;b&gt;one&lt;/b&gt; word</mark> that changes</del>
  <ins>+a line with <mark>&quot;two&quot; &amp; three words</mark> that changes</ins>
  <span> kept</span>
  <del>-all of it goes</del>
  <ins>+nothing stays here</ins>
  </pre></details>

Words of several lines, and of a line that is too long.

  $ { seq -f 'the line %g is long' 3; printf 'w%.0s ' $(seq 1500); echo end; } >n && firn save -q && { printf 'the line 1 was long\nthe line 2 is longer\nthe 3 is long\n'; printf 'w%.0s ' $(seq 1500); echo END; } >n && firn save -q
  3
  4
  $ firn report -q -n 1 -o ../out.html && sed -n '/<pre/,/<.pre>/p' ../out.html | sed -e 's/.*<pre/<pre/' -e 's/w w[w ]*/W/'
  <pre tabindex="0"><del>-the line 1 <mark>is</mark> long</del>
  <del>-the line 2 is <mark>long</mark></del>
  <del>-the <mark>line</mark> 3 is long</del>
  <del>-W<i> … cut</i></del>
  </pre><p class="cut">The rest is left out here; firn show -p has it.</p></details>

The first save adds everything: it is not on the scale of the chart. Each bar leads to its checkpoint.

  $ mkdir ../chart && cd ../chart && head -c 300000 /dev/urandom >big && firn save -q && for i in 1 2 3; do head -c 1000 /dev/urandom >n$i && firn save -q; done
  1
  2
  3
  4
  $ firn report -q -o ../out.html && grep -c '<rect class="first" x="107" y="0" width="24"' ../out.html && grep -o 'the first one added .* is not on the scale' ../out.html && grep -c '<a href="#[k-z]*" tabindex="-1"><title>' ../out.html
  1
  the first one added <size>, and is not on the scale
  4
  $ firn report -q -n 3 -o ../out.html && grep -c -e 'class="first"' -e 'on the scale' ../out.html
  0
  [1]
