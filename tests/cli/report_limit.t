What a page leaves out, to stay small: at most 3 MB.

Files with many lines, which escapes make longer, many long names, and long messages.

  $ mkdir w && cd w && touch first && firn save -q && cat >../fill.py <<'END'
  > import sys
  > i = int(sys.argv[1])
  > for j in range(25):
  >     open(f'lines{j}', 'wb').write(b'\n'.join(b'%d %d \x07<&"' % (i, k) * 8 for k in range(400)))
  > for j in range(200):
  >     open('<' * 200 + '%d %d' % (i, j), 'w')
  > open('../message', 'w').write('"<&\x07' * 4000 + '\n' + '&\n' * 1000)
  > END
  1
  $ for i in 2 3 4 5 6 7 8; do python3 ../fill.py $i && firn save -q -m "$(cat ../message)" >../number; done; cat ../number
  8
  $ firn report --json -o ../out.html >../result && python3 - <<'END'
  > import json, os
  > result, size = json.load(open('../result')), os.path.getsize('../out.html')
  > print(result['bytes'] == size, 2900000 < size <= 3000000, result['checkpoints'])
  > END
  True True 8

All checkpoints are there, and of each some files are named; the newest have their lines. The index has a few more. The page says
what it lacks.

  $ python3 $SOURCE/tests/cli/report_page.py ../out.html | head -n 1
  article 8
  $ cat >../count.py <<'END'
  > import json, re
  > page, result = open('../out.html').read(), json.load(open('../result'))
  > indexed = [len(changes) for _, changes in json.loads(re.search('id="data">(.*?)</script>', page, re.S)[1])['changes']]
  > rows, left, texts = [], 0, 0
  > for article in page.split('<article ')[1:-1]: # without the first save
  >     rows.append(article.count('data-f='))
  >     more = int((re.findall('and ([0-9,]+) more', article) or ['0'])[0])
  >     if rows[-1] + more != 225:
  >         print(rows[-1], more)
  >     left += more
  >     texts += article.count('The rest of the text is left out')
  > print(rows[0], all(0 < n < 225 for n in rows[2:]), all(0 < r <= i for r, i in zip(rows, indexed)), sum(indexed) > sum(rows))
  > print(left == result['left_out'], texts)
  > said = re.search('<footer>.*', page)[0]
  > print(f'<p>{left:,} changed files are left out' in said, f"<p>Of {result['cut']:,} files lines are left out" in said, f'<p>Of {texts} messages and prompts all but a line is left out' in said)
  > print('Changes that the page leaves out are not here' in page)
  > END
  $ python3 ../count.py
  225 True True True
  True 6
  True True True
  True

Without lines there is room for more names.

  $ firn report --json --no-diff -o ../out.html | python3 -c 'import json,sys; r=json.load(sys.stdin); print(r["bytes"] <= 3000000, r["cut"], r["left_out"] < 400)'
  True 0 True

Of many tags some are shown.

  $ for i in 1 2 3 4 5 6 7 8 9 10; do firn tag -q a-tag-that-is-longer-than-there-is-room-for-$i; done; firn report -q -n 1 -o ../out.html && grep -o '<span class="tag">[^<]*' ../out.html | sort | uniq -c
        8 <span class="tag">a-tag-that-is-longer-than-the…
        1 <span class="tag">and 2 more
