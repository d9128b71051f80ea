A history as one page of HTML.

  $ mkdir w && cd w && printf 'one\ntwo\n' >a.txt && firn save -q -m first && firn tag start -q
  1
  $ printf 'one\n2 < 3 && "x"\n' >a.txt && echo new >b.txt && firn save -q -m 'second <script>alert(1)</script>'
  2
  $ mv b.txt c.txt && printf 'a\0b' >binary && firn save -q
  3
  $ firn report -o ../out.html
  ../out.html: 3 checkpoints, <size>
  $ python3 $SOURCE/tests/cli/report_page.py ../out.html --text
  article 3
  details 6
  pre 2
  rect 6
  <any>/w
  
  <any>/w
  3 checkpoints, from <time> to <time> (UTC-05:00)
  
  1: 8 B, <size> added
  2: 21 B, <size> added
  3: 24 B, <size> added
  Line: what a checkpoint holds, at most 24 B. Bars: what it added to the store, at most <size>.
  open all
  keysj next checkpoint k previous checkpoint o open or close it c copy its command a open or close all / filter Esc no filter ? these keys
  
  
  <any> 3 checkpoints
  3
  <id> · <time> · 3 files · 24 B · <size> added · firn restore 3
  0 changed, 1 added, 0 removed, 1 renamed · +0 −0
  added binary binary, 3 bytes, added
  renamed b.txt => c.txt
  
  
  2 second <script>alert(1)</script>
  <id> · <time> · 2 files · 21 B · <size> added · firn restore 2
  1 changed, 1 added, 0 removed · +2 −1
  changed a.txt +1 −1 one
  -two
  +2 < 3 && "x"
  
  added b.txt +1 −0+new
  
  
  
  1 start first
  <id> · <time> · 1 file · 8 B · <size> added · firn restore 1
  the first one
  
  
  
  Made by firn <any>.
  close
  $ python3 $SOURCE/tests/cli/report_page.py ../out.html --data
  <id>
    added binary +0 -0
    renamed b.txt => c.txt +0 -0
  <id>
    changed a.txt +1 -1
    added b.txt +1 -0
  $ grep -c '<script>alert' ../out.html
  0
  [1]

It is replaced by the next one, and nothing else is.

  $ firn report -q --limit 1 -o ../out.html && grep -c '<article' ../out.html && grep -o 'there are older ones' ../out.html
  1
  there are older ones
  $ echo mine >../mine.html && firn report -o ../mine.html
  ! firn: '../mine.html' exists and is not a report of firn
  ! hint: overwrite it with --replace
  [1]
  $ cat ../mine.html && ls ..
  mine
  mine.html
  out.html
  w
  $ firn report --replace -q -o ../mine.html && head -n 1 ../mine.html
  <!DOCTYPE html>
  $ firn report -o /nonexistent/x.html
  ! firn: could not make a file beside '/nonexistent/x.html': No such file or directory
  [3]
  $ firn report -o ..
  ! firn: '..' is not a file
  [2]
  $ firn report -o '' 2>&1 | head -n 1
  firn: report: name the file to write with -o FILE
  $ firn report --json -o - 2>&1 | head -n 1
  firn: report: --json and -o - both want standard output
  $ firn report --limit x -o - 2>&1 | head -n 1
  firn: report: --limit takes a whole number, not 'x'
  $ firn report -o - --no-diff | grep -c '<pre'
  0
  [1]
  $ firn report -o - | cmp - <(firn report -o -) && firn report -o - >/dev/full
  ! firn: could not write to standard output: No space left on device
  [1]
  $ firn report --json -o ../out.html | python3 -c 'import json,sys; r=json.load(sys.stdin); print(sorted(r), r["checkpoints"], r["cut"], r["left_out"], r["file"])'
  ['bytes', 'checkpoints', 'cut', 'file', 'left_out', 'notices', 'pending', 'running'] 3 0 0 ../out.html

Lines that are equal are shown where something differs near them, once.

  $ mkdir ../lines && cd ../lines && seq 40 >n && firn save -q && sed -i '1s/$/ a/;20s/$/ b/;24s/$/ c/' n && firn save -q
  1
  2
  $ firn report -q -o ../l.html && sed -n '/<pre/,/<.pre>/p' ../l.html | sed 's/.*<pre/<pre/'
  <pre tabindex="0"><del>-1</del>
  <ins>+1 <mark>a</mark></ins>
  <span> 2</span>
  <span> 3</span>
  <span> 4</span>
  <b>@@ line 17</b>
  <span> 17</span>
  <span> 18</span>
  <span> 19</span>
  <del>-20</del>
  <ins>+20 <mark>b</mark></ins>
  <span> 21</span>
  <span> 22</span>
  <span> 23</span>
  <del>-24</del>
  <ins>+24 <mark>c</mark></ins>
  <span> 25</span>
  <span> 26</span>
  <span> 27</span>
  </pre></details>

Names and contents that would like to be more than text.

  $ mkdir ../h && cd ../h && firn save -q
  1
  $ python3 - <<'END'
  > import os
  > for name in [b'<script>alert(1)</script>'.replace(b'/', b'|'), b'"><b onclick=x>', b"it's & that", b'\xff\xfe', b'line\nbreak', b'\x1b[2Jclear',
  >              'gpj.\u202eexe'.encode(), '\u2028'.encode(), b'&lt;', b'-->', b']]>']:
  >     open(name, 'wb').write(b'</pre></details></article><script>alert(2)</script>\n\x1b]0;title\x07\xff\n<!-- ' + name + b'\nlast')
  > END
  $ mkdir '<details>' && touch '<details>/f' && printf 'x%.0s' $(seq 5000) >long && seq 2000 >many
  $ firn save -q -m "$(printf '</h2><img src=x onerror=alert(3)>\nsecond line \033[31m\342\200\256')"
  2
  $ firn report -q -o ../h.html && python3 $SOURCE/tests/cli/report_page.py ../h.html
  article 2
  details 17
  pre 14
  rect 4
  $ grep -c 'The rest is left out here' ../h.html && grep -o 'Of 2 files lines are left out' ../h.html
  2
  Of 2 files lines are left out
  $ python3 $SOURCE/tests/cli/report_page.py ../h.html --text | grep -F -A 1 -e 'alert(3)' | head -n 6
  2 </h2><img src=x onerror=alert(3)>…
  <id> · <time> · 14 files · <size> · <size> added · firn restore 2
  the whole message</h2><img src=x onerror=alert(3)>
  second line \033[31m\342\200\256
  $ python3 $SOURCE/tests/cli/report_page.py ../h.html --data
  <id>
    added \033[2Jclear +4 -0
    added "><b onclick=x> +4 -0
    added &lt; +4 -0
    added --> +4 -0
    added <details> +0 -0
    added <details>/f +0 -0
    added <script>alert(1)<|script> +4 -0
    added ]]> +4 -0
    added gpj.\342\200\256exe +4 -0
    added it's & that +4 -0
    added line\nbreak +5 -0
    added long +1 -0
    added many +2000 -0
    added \342\200\250 +4 -0
    added \377\376 +4 -0

Of a checkpoint with very many files some are named.

  $ for i in $(seq 1010); do echo $i >n$i; done && firn save -q && firn report -q -o ../h.html && grep -o 'and 10 more' ../h.html
  3
  and 10 more
  $ python3 $SOURCE/tests/cli/report_page.py ../h.html | head -n 1
  article 3

Nothing was ever saved: nothing is made but the page.

  $ mkdir ../empty && cd ../empty && firn report -o ../e.html && python3 $SOURCE/tests/cli/report_page.py ../e.html --text | grep -e '^no checkpoints' -e '^Made'
  ../e.html: 0 checkpoints, <size>
  no checkpoints
  Made by firn <any>.
  $ ls -A
