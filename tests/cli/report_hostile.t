Names, contents, messages and prompts made of what is special in HTML, scripts, JSON and terminals.

  $ mkdir w && cd w && touch first && firn save -q && for i in 1 2 3 4 5; do python3 $SOURCE/tests/cli/report_hostile.py && firn save -q -m "$(cat ../message)" && firn hook run claude before <../event && echo $i >>first && firn hook run claude after <../event; done >../numbers
  1
  $ firn report -q -o ../out.html && python3 $SOURCE/tests/cli/report_page.py ../out.html >../page || cat ../seed
  $ diff <(sed -n 's/^article //p' ../page) <(firn list -q | wc -l) || cat ../seed

The names that the script gets are those of the files.

  $ python3 - <<'END' || cat ../seed
  > import glob, json, os, re
  > page = open('../out.html').read()
  > data = json.loads(re.search('id="data">(.*?)</script>', page, re.S)[1])
  > def bytes_of(shown):
  >     simple = {'a': 7, 'b': 8, 't': 9, 'n': 10, 'v': 11, 'f': 12, 'r': 13, '\\': 92}
  >     text = re.sub(rb'\\([0-7]{3}|.)', lambda m: bytes([int(m[1], 8) if len(m[1]) == 3 else simple[m[1].decode()]]), shown.encode())
  >     return text
  > names = [bytes_of(name) for name in data['files']]
  > print(len(names) == len(set(names)), set(os.listdir(b'.')) - {b'first'} <= set(names))
  > for checkpoint, changes in data['changes']:
  >     for file, kind, *_ in changes:
  >         article = page[page.index(f'<article id="{checkpoint}"'):]
  >         article = article[:article.index('</article>')]
  >         if f' data-f="{file}"' not in article and kind != 5:
  >             print('no row', names[file])
  > END
  True True
