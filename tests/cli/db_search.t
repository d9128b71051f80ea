The rows whose vectors are nearest to one.

  $ firn db table create v.firn t 'id i64 primary key, kind text, v vector(2), n i32'
  $ for row in '1 a [0,0] 7' '2 b [1,0] 8' '3 a [0,2] 9' '4 b [3,3] 10' '5 c [-1,-1] 11'; do
  >     set -- $row
  >     firn db insert v.firn t id=$1 kind=$2 v=$3 n=$4
  > done
  $ firn db insert v.firn t id=6 kind=none
  $ firn db search v.firn t v --vector '[0,0]' --metric l2
  0.0	1
  1.0	2
  2.0	5
  4.0	3
  18.0	4
  $ firn db search v.firn t v -v '[1, 0]' -n 2
  0.0	2
  0.2928932188134524	4
  $ firn db search v.firn t v -v '[1, 0]' --k 2 | cmp - <(firn db search v.firn t v -v '[1, 0]' -k 2)
  $ firn db search v.firn t v -v '[1, 0]' --k 2 -n 2
  ! firn: db search: --k and --limit are the same: give one of them
  ! <any>
  ! <any>
  [2]
  $ firn db search v.firn t v -v '[1, 0]' -n 1 --exact --recall 0.5
  0.0	2
  $ firn db search v.firn t v -v '[1, 0]' --recall 1.5
  ! firn: db search: --recall takes a number above 0, up to 1
  ! <any>
  ! <any>
  [2]
  $ firn db search v.firn t v -v '[5,0]' -m dot --columns kind,id,n --csv
  distance,kind,id,n
  -15.0,b,4,10
  -5.0,b,2,8
  0.0,a,1,7
  0.0,a,3,9
  5.0,c,5,11
  $ firn db search v.firn t v -v '[0,0]' -m l2 --where "kind = 'a' or n > 10" -n 2 --json
  {"table":"t","column":"v","metric":"l2","rows":[{"query":1,"distance":0.0,"row":{"id":1}},{"query":1,"distance":2.0,"row":{"id":5}}],"count":2}
  $ firn db search v.firn t v -v '[0,0]' -n 0
  $ firn db search v.firn t v -v '[0,0]' --where 'id > 100' --json
  {"table":"t","column":"v","metric":"cosine","rows":[],"count":0}

Several vectors, from files of each kind and from standard input.

  $ echo '[[0,0],
  >  [3, 3.0]]' > two.json
  $ firn db search v.firn t v -v two.json -m l2 -n 1
  1	0.0	1
  2	0.0	4
  $ printf '[0,0]\n[3,3]\n' | firn db search v.firn t v -v - -m l2 -n 1
  1	0.0	1
  2	0.0	4
  $ printf '\0\0\200\077\0\0\0\0' > one
  $ firn db search v.firn t v -v one -m l2 -n 1
  0.0	2
  $ printf '\2\0\0\0\0\0\200\077\0\0\0\0' > one.fvecs
  $ firn db search v.firn t v -v one.fvecs -m l2 -n 1 --json
  {"table":"t","column":"v","metric":"l2","rows":[{"query":1,"distance":0.0,"row":{"id":2}}],"count":1}
  $ printf '\2\0\0\0\1\0' > one.bvecs
  $ firn db search v.firn t v -v one.bvecs -m l2 -n 1
  0.0	2
  $ printf '\223NUMPY\1\0\106\0{"descr": "<f4", "fortran_order": False, "shape": (2, 2)}            \n\0\0\200\077\0\0\0\0\0\0\100\100\0\0\100\100' > two.npy
  $ firn db search v.firn t v -v two.npy -m l2 -n 1
  1	0.0	2
  2	0.0	4
  $ firn db search v.firn t v -v - -m l2 -n 1 < two.npy
  1	0.0	2
  2	0.0	4

A checkpoint, and what was changed since.

  $ firn db checkpoint -q v.firn then
  $ firn db insert --update v.firn t id=1 v=[9,9]
  $ firn db search v.firn t v -v '[0,0]' -m l2 -n 1
  1.0	2
  $ firn db search v.firn t v -v '[0,0]' -m l2 -n 1 --at then
  0.0	1

What is wrong is said.

  $ firn db search v.firn t v
  ! firn: db search: --vector is needed: [1,2.5], or a file of vectors
  ! <any>
  ! <any>
  [2]
  $ firn db search v.firn t v -v '[1,2,3]'
  ! firn: --vector: cannot read "[1,2,3]" as vector(2): it has another number of elements
  [2]
  $ firn db search v.firn t v -v '[1,nan]'
  ! firn: the query has a number that is not finite (a NaN or an infinity)
  [2]
  $ firn db search v.firn t v -v '[1,2'
  ! firn: --vector: arrays of numbers are needed, as [1,2.5]
  [2]
  $ firn db search v.firn t v -v '[[1,2]'
  ! firn: --vector: the array ends before it is closed
  [2]
  $ firn db search v.firn t v -v '[]'
  ! firn: --vector: cannot read "[]" as vector(2): it has another number of elements
  [2]
  $ printf ' \n' > blank.json
  $ firn db search v.firn t v -v blank.json
  ! firn: --vector has no vector
  [2]
  $ firn db search v.firn t v -v nowhere.npy
  ! firn: could not open 'nowhere.npy': No such file or directory
  [3]
  $ firn db search v.firn t v -v one.bvecs -m near
  ! firn: db search: --metric is l2, dot or cosine
  ! <any>
  ! <any>
  [2]
  $ firn db search v.firn t kind -v '[1,2]'
  ! firn: column 'kind' has no vectors, but text
  [2]
  $ firn db search v.firn t w -v '[1,2]'
  ! firn: table 't' has no column 'w'
  ! hint: firn db table show STORE TABLE prints the columns
  [3]
  $ firn db search v.firn t v -v '[1,2]' --where 'kind +'
  ! firn: --where, character 7: expected a value, but the text ends
  [2]
  $ firn db search v.firn t v -v '[1,2]' --columns nothing
  ! firn: table 't' has no column 'nothing'
  ! hint: firn db table show STORE TABLE prints the columns
  [3]
  $ firn db search v.firn u v -v '[1,2]'
  ! firn: v.firn has no table 'u'
  ! hint: firn db table list STORE prints the names of tables
  [3]
  $ printf '\1\0\0\0\1' > short.bvecs
  $ firn db search v.firn t v -v short.bvecs
  ! firn: 'short.bvecs': vector 1: its length is 1, not 2
  [2]

An index changes no result; which metrics there are is said.

  $ firn db table alter v.firn t add-vector-index near v l2
  $ firn db search v.firn t v -v '[5,0]' -m l2 -n 0
  $ firn db table alter v.firn t add-vector-index near v l2
  ! firn: <any>
  [1]
  $ firn db table alter v.firn t add-vector-index far v near
  ! firn: the metric is not a firn_metric
  [2]
  $ firn db table alter v.firn t add-vector-index far v
  ! firn: db table alter: add-vector-index takes a NAME, a COLUMN, and l2, dot or cosine
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter v.firn t drop-index near

Tables from files of vectors.

  $ firn db table import -c p.firn points two.npy
  points: row i64 auto primary key, vector vector(2) not null
  2 rows
  $ firn db table import p.firn points -f fvecs - < one.fvecs
  1 row
  $ firn db scan p.firn points
  1	[1.0,0.0]
  2	[3.0,3.0]
  3	[1.0,0.0]
  $ firn db table create p.firn by_place 'id u32 primary key, v vector(2), w vector(2)'
  $ firn db table import p.firn by_place two.npy
  ! firn: the table has 2 columns of vectors: say which one
  [2]
  $ firn db table import p.firn by_place two.npy --columns w --json
  {"rows":2,"rejected":0,"skipped":0}
  $ firn db scan p.firn by_place
  0	\N	[1.0,0.0]
  1	\N	[3.0,3.0]
  $ firn db table import p.firn by_place two.npy --columns w
  ! firn: <any>
  [1]
  $ firn db table import -c p.firn plain one -f f32
  ! firn: db table import: --create cannot know how long the vectors of such a file are: create the table
  ! <any>
  ! <any>
  [2]
  $ firn db table import p.firn points two.npy --null x
  ! firn: db table import: --null is not for files of vectors
  ! <any>
  ! <any>
  [2]
  $ firn db table import p.firn points two.npy --skip 1
  ! firn: db table import: --skip is not for files of vectors
  ! <any>
  ! <any>
  [2]
  $ head -c 90 two.npy > cut.npy
  $ firn db table import p.firn points cut.npy
  ! firn: vector 2: the file ends before it is whole
  [2]
  $ firn db count p.firn points
  3

A graph that is damaged is told of, once, and costs time alone.

  $ python3 -c 'print("id,v"); [print("%d,\"[%d,%d]\"" % (i, i % 70, i // 70)) for i in range(5000)]' >many.csv
  $ firn db table create damaged.firn t 'id i64 primary key, v vector(2), vector index n (v) l2' && firn db table import -q damaged.firn t many.csv && firn db compact damaged.firn
  $ python3 - damaged.firn/runs/*.graph <<'END'
  > import sys
  > data = bytearray(open(sys.argv[1], "rb").read())
  > for at in range(20000, len(data), 5000): data[at] ^= 255
  > open(sys.argv[1], "wb").write(data)
  > END
  $ firn db search damaged.firn t v -v '[3,5]' -m l2 -n 1
  0.0	353
  ! firn: a graph of the index is damaged: its rows were all compared; firn db compact builds another
  $ firn db search damaged.firn t v -v '[3,5]' -m l2 -n 1 --json 2>&1 | grep -o '"count.*'
  "count":1,"graphs_damaged":1}
  $ firn db sql damaged.firn "SELECT id FROM t WHERE v MATCH firn_vector('[3,5]', 'l2') AND k = 1" "SELECT id FROM t WHERE v MATCH firn_vector('[4,5]', 'l2') AND k = 1"
  353
  354
  ! firn: a graph of an index of vectors is damaged: its rows were all compared; firn db compact builds another
  $ firn db compact damaged.firn && firn db search damaged.firn t v -v '[3,5]' -m l2 -n 1
  0.0	353
