The page of a report in a real browser.

  ? command -v chromium || command -v google-chrome
  $ mkdir w && cd w && echo one >a && firn save -q -m first && echo '<script>alert(1)</script>' >a && firn save -q -m '<img src=//x.invalid>'
  1
  2
  $ firn report -q -o ../out.html && python3 $SOURCE/tests/cli/report_page.py ../out.html --browser
  the browser shows it, has nothing to say, and asked for nothing

Keys, the filter, and the button that copies.

  $ echo two >>a && echo b >b && firn save -q -m third && echo three >>a && firn save -q -m fourth && firn report -q -o ../out.html
  3
  4
  $ drive() { python3 $SOURCE/tests/cli/report_drive.py "$@"; } && sed 's/^focus$/show document.activeElement.querySelector("h3").textContent/' <<'END' | drive ../out.html
  > key j
  > focus
  > key j
  > focus
  > key o
  > show document.activeElement.querySelector('.changes').open
  > key o
  > show document.activeElement.querySelector('.changes').open
  > key k
  > focus
  > key k
  > focus
  > key c
  > show document.activeElement.querySelector('.facts button').textContent
  > key a
  > show document.querySelectorAll('article details:not([open])').length
  > key /
  > type THIRD
  > show [...document.querySelectorAll('article:not([hidden]) h3')].map(e => e.textContent)
  > key Escape
  > show document.querySelectorAll('article:not([hidden])').length
  > key ?
  > show document.querySelector('#keys').open
  > END
  "4 fourth"
  "3 third"
  true
  false
  "4 fourth"
  "4 fourth"
  "copied"
  0
  ["3 third"]
  4
  true
  $ drive ../out.html <<'END'
  > click article:nth-of-type(2) .facts button
  > show document.querySelector('article:nth-of-type(2) .facts button').textContent
  > click #filter
  > type no such thing
  > show document.querySelectorAll('.day:not([hidden]), article:not([hidden])').length
  > END
  "copied"
  0

A bar of the chart leads to its checkpoint, also in a day that is closed.

  $ drive ../out.html <<'END'
  > click .day > summary
  > show document.querySelector('.day').open
  > click svg a:nth-of-type(3) .hit
  > show document.querySelector('.day').open
  > show [document.activeElement.querySelector('h3').textContent, document.activeElement.querySelector('.changes').open]
  > END
  false
  true
  ["3 third", true]

The history of a file, through renames, from any of its checkpoints. A name that would like to be markup is text.

  $ mkdir ../h && cd ../h && seq 30 >old && echo x >other && firn save -q && echo 31 >>old && firn save -q -m 'one more' && mv old "$(printf '<img src=x onerror=alert(1)>\033"\342\200\256\342\200\250')" && firn save -q -m moved && echo 32 >>*img* && echo y >other && firn save -q -m 'and one' && mv *img* last && echo new >old && firn save -q -m '</script><!--<script>' && echo new >>old && firn save -q
  1
  2
  3
  4
  5
  6
  $ firn report -q -o ../out.html && for i in 1 4; do printf 'key a\nclick article:nth-of-type(%s) [data-f] button\nshow [...document.querySelectorAll("#panel h2, #panel li")].map(e => e.textContent.slice(e.tagName === "LI" ? 11 : 0))\n' $i | drive ../out.html; done
  ["old", "6 changed +1 −0", "5 </script><!--<script> added +1 −0"]
  ["<img src=x onerror=alert(1)>\\033\"\\342\\200\\256\\342\\200\\250", "5 </script><!--<script> renamed +0 −0 <img src=x onerror=alert(1)>\\033\"\\342\\200\\256\\342\\200\\250 => last", "4 and one changed +1 −0", "3 moved renamed +0 −0 old => <img src=x onerror=alert(1)>\\033\"\\342\\200\\256\\342\\200\\250", "2 one more changed +1 −0"]
  $ drive ../out.html <<'END'
  > key a
  > show [...document.querySelectorAll('[data-f] button')].map(e => e.textContent)
  > key a
  > click article:nth-of-type(3) .changes summary
  > click article:nth-of-type(3) [data-f] button
  > show document.querySelector('#panel').open
  > key j
  > show document.querySelector('#panel').open
  > click #panel li:last-child a
  > show document.querySelector('#panel').open
  > show [document.activeElement.querySelector('h3').textContent, document.activeElement.querySelector('[data-f]').open, location.hash.slice(1) === document.activeElement.id]
  > click article:nth-of-type(3) [data-f] button
  > key Escape
  > show document.querySelector('#panel').open
  > show document.querySelectorAll('img, article script').length
  > END
  ["history (2)", "history (4)", "history (2)", "history (4)", "history (4)", "history (4)"]
  true
  true
  false
  ["2 one more", true, true]
  false
  0

A page of names, contents and prompts that are made of what is special.

  $ mkdir ../hostile && cd ../hostile && touch first && firn save -q && for i in 1 2 3 4 5; do python3 $SOURCE/tests/cli/report_hostile.py && firn save -q -m "$(cat ../message)" && firn hook run claude before <../event && echo $i >>first && firn hook run claude after <../event; done >../numbers
  1
  $ firn report -q -o ../out.html && python3 $SOURCE/tests/cli/report_page.py ../out.html --browser || cat ../seed
  the browser shows it, has nothing to say, and asked for nothing
  $ python3 $SOURCE/tests/cli/report_drive.py ../out.html <<'END' || cat ../seed
  > key a
  > show document.querySelectorAll('script').length
  > show [...document.querySelectorAll('[data-f] button')].every(b => { b.click(); const n = document.querySelectorAll('#panel li').length; document.querySelector('#panel').close(); return b.textContent === `history (${n})`; })
  > show document.querySelectorAll('#panel *:not(h2, ol, li, small, a, em, ins, del, button, p)').length
  > END
  2
  true
  0
