The form of a CSV text is found, and printed if it is unusual.

  $ i() { firn db table import -c s.firn "$@"; }
  $ printf '1,2\n3,4\n' | i a && firn db scan s.firn a
  a: row i64 auto, column1 i64, column2 i64, primary key (row)
  2 rows
  1	1	2
  2	3	4
  ! firn: found in the text: delimiter ',', quote '"', no header
  $ printf 'a;b\n1,5;2\n3,5;4\n' | i b
  b: row i64 auto, a text, b i64, primary key (row)
  2 rows
  ! firn: found in the text: delimiter ';', quote '"', a header
  $ printf 'id\tn\n1\tx,y\n' | i c && printf 'a|b\n1|x\n' | i d -q && printf "a,b\n1,'x,y'\n" | i e
  c: row i64 auto, id i64, n text, primary key (row)
  1 row
  e: row i64 auto, a i64, b text, primary key (row)
  1 row
  ! firn: found in the text: delimiter tab, quote '"', a header
  ! firn: found in the text: delimiter ',', quote ''', a header
  $ printf 'sep=;\nid;n\n1;"x;y"\n' | i f && printf 'a title\n\nid,n\n1,2\n' | i g --skip 2
  f: row i64 auto, id i64, n text, primary key (row)
  1 row
  g: row i64 auto, id i64, n i64, primary key (row)
  1 row
  ! firn: found in the text: delimiter ';', quote '"', a header, after lines that are skipped
  $ printf 'a title\nid,n\n1,2\nx\n' | firn db table import s.firn g --skip 1
  ! firn: line 4: the record has 1 fields, not 2
  [2]

A line with the delimiter may be in quotes. A quote that is never closed is an error that says where it was opened, and not read as text.

  $ printf '"sep=;"\nid;n\n1;2\n' | i f2 -q && firn db scan s.firn f2; printf 'a;b\n1;2\n3;"x\n4;5\n' | i f3; printf 'a;"b\n1;2\n' | i f3; printf 'a,b\n1,"2\n3,4\n5,6\n' | i f3; printf 'a,b\n1,"2\n3,4\n' | i f3 -q --quote none && firn db scan s.firn f3
  1	1	2
  1	1	"2
  2	3	4
  ! firn: found in the text: delimiter ';', quote '"', a header
  ! firn: line 3: the quote that line 3 opens is not closed
  ! firn: found in the text: delimiter ';', quote '"', a header
  ! firn: line 1: the quote that line 1 opens is not closed
  ! firn: line 2: the quote that line 2 opens is not closed

Options take precedence, and JSON has the whole form.

  $ printf 'a;b\n1;2\n' | i h --delimiter , --no-header --json
  {"form":{"delimiter":",","quote":"\"","header":false,"skip":0},"definition":"row i64 auto, column1 text, primary key (row)","rows":2,"rejected":0,"skipped":0}
  $ printf 'c;d\n1;2\n' | i k --header --quote none --json
  {"form":{"delimiter":";","quote":null,"header":true,"skip":0},"definition":"row i64 auto, c i64, d i64, primary key (row)","rows":1,"rejected":0,"skipped":0}
  $ printf 'c,d\n1,"2\n' | i l --quote none -q && firn db scan s.firn l
  1	1	"2
  $ printf 'sep=;\na;b\n' | i m --null 'x;y'
  ! firn: the text for null in CSV cannot contain the delimiter, the quote, or the end of a line
  [2]
  $ i m --header --no-header </dev/null; i m --quote xx </dev/null; i m --skip x </dev/null; echo '{}' | i m -f jsonl --skip 1
  ! firn: db table import: --header and --no-header exclude each other
  ! usage: firn db table import [options] STORE TABLE [FILE]
  ! help: firn help db table import
  ! firn: db table import: --quote is one character, or none
  ! usage: firn db table import [options] STORE TABLE [FILE]
  ! help: firn help db table import
  ! firn: db table import: --skip takes a number of lines
  ! usage: firn db table import [options] STORE TABLE [FILE]
  ! help: firn help db table import
  ! firn: db table import: --skip is for CSV
  ! usage: firn db table import [options] STORE TABLE [FILE]
  ! help: firn help db table import
  [2]

Nulls and dates of other programs.

  $ printf 'd,t,v\n31.12.2025,12/31/2025 11:59 PM,NA\n01.02.2024,1/2/2024 5:06 am,-\n3.4.2024,NA,7\n' >de.csv
  $ i n --date-format %d.%m.%Y --timestamp-format '%m/%d/%Y %I:%M %p' --null NA --null - de.csv && firn db scan s.firn n
  n: row i64 auto, d date, t timestamp, v i64, primary key (row)
  3 rows
  1	2025-12-31	2025-12-31 23:59:00	\N
  2	2024-02-01	2024-01-02 05:06:00	\N
  3	2024-04-03	\N	7
  $ printf 'd\n31.12.2025\n2025-12-31\n' | firn db table import s.firn n --date-format %d.%m.%Y
  ! firn: line 3, column d: cannot read "2025-12-31" as date: it does not have the form of the pattern
  [2]
  $ i o --date-format %d.%m de.csv
  ! firn: '%d.%m': a pattern of dates needs a year, a month and a day
  [2]

A file that is not text is refused, and no table is made.

  $ printf 'a,b\n1,2\n' >plain.csv && gzip plain.csv && i p plain.csv.gz
  ! firn: 'plain.csv.gz' is compressed by gzip, not CSV or JSON lines
  ! hint: gunzip -c 'plain.csv.gz' | firn db table import ...
  [1]
  $ gunzip -c plain.csv.gz | i p -q && printf 'a\0,\0b\0\n\0' >u16.csv && printf '\376\377\0a\0,' >mark.csv && i q u16.csv; i q mark.csv
  ! firn: 'u16.csv' is text in UTF-16, not CSV or JSON lines
  ! hint: iconv -f UTF-16LE -t UTF-8 'u16.csv' | firn db table import ...
  ! firn: 'mark.csv' is text in UTF-16, not CSV or JSON lines
  ! hint: iconv -f UTF-16 -t UTF-8 'mark.csv' | firn db table import ...
  [1]
  $ printf 'PAR1\25\0' >x.parquet && i q x.parquet
  ! firn: 'x.parquet' is a Parquet file, not CSV or JSON lines
  ! hint: duckdb -csv -c "FROM 'x.parquet'" | firn db table import -c ...; or read it with Python's pyarrow, and give the table to import_arrow of firn's package
  [1]

JSON and HTML are text, but no CSV, unless --format says so.

  $ printf '[{"a":1}]\n' >x.json && i q x.json
  ! firn: 'x.json' is a JSON array, not CSV
  ! hint: jq -c '.[]' 'x.json' | firn db table import --format jsonl ...; --format csv if it is CSV
  [1]
  $ echo '{"a":1}' | i q
  ! firn: 'standard input' is JSON, not CSV
  ! hint: --format jsonl if each line is an object, --format csv if it is CSV
  [1]
  $ echo '<html><p>not found, sorry</p></html>' | i q
  ! firn: 'standard input' is HTML or XML, not CSV
  ! hint: --format csv if it is CSV
  [1]

An import that fails leaves no table.

  $ (echo a,b; seq 10001 | sed 's/$/,1/'; echo x,1) | i q
  q: row i64 auto, a i64, b i64, primary key (row)
  ! firn: line 10003, column a: cannot read "x" as i64: it is not a whole number
  ! hint: the types are those of the first rows: --sample takes more of them into account, --on-error skip leaves lines out
  [2]
  $ echo $(firn db table list s.firn)
  a b c d e f f2 f3 g h k l n p

A text of more than 16 MiB comes back.

  $ { printf 'a,b\n1,'; head -c 17000000 /dev/zero | tr '\0' x; echo; } >big.csv && i big -q --key a big.csv && firn db table export s.firn big | cmp - big.csv && firn db table export s.firn big -o big.jsonl && firn db table import -q --upsert s.firn big big.csv && firn db table import -q --upsert s.firn big big.jsonl
  1 row
