Names for checkpoints.

  $ firn tag
  no tags
  $ find $XDG_DATA_HOME | wc -l
  1
  $ firn tag a
  ! firn: '<T>/w' has no checkpoint yet: there is no store at '<T>/data/firn/w-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ for i in 1 2 3; do echo $i >f; firn save -q; done
  1
  2
  3
  $ firn tag before-the-agent
  before-the-agent is 3
  $ firn tag v1.0 1
  v1.0 is 1
  $ firn tag v1.0 latest~2
  v1.0 is 1
  $ firn tag
     3  <id>  <time>  before-the-agent
     1  <id>  <time>  v1.0
  $ firn tag -q
  before-the-agent
  v1.0
  $ firn tag also 1 -q && firn list
     3  <id>  <time>          1 file        2 B  [before-the-agent]
     2  <id>  <time>          1 file        2 B
     1  <id>  <time>          1 file        2 B  [also, v1.0]
  $ firn tag -d also -q
  $ firn restore v1.0 -q && cat f
  1

A tag that another checkpoint has is moved only with --replace.

  $ firn tag v1.0 2
  ! firn: the tag 'v1.0' is given to another checkpoint already (<id>)
  ! hint: move it to this one with --replace, or choose another name
  [1]
  $ firn tag v1.0 2 --replace
  v1.0 is 2
  $ firn show v1.0 | head -n 1
  checkpoint  2

A safety checkpoint can be tagged as well.

  $ firn tag lost-and-found $(firn list --all | awk '$1 == "-" { print $2; exit }') | sed 's/[k-z]\{8\}/ID/'
  lost-and-found is ID
  $ firn tag | head -n 2 | tail -n 1
     -  <id>  <time>  lost-and-found
  $ firn tag --json | python3 -c 'import json, sys; print([(t["name"], t["number"], sorted(t)) for t in json.load(sys.stdin)["tags"]])'
  [('before-the-agent', 3, ['id', 'name', 'number', 'tagged']), ('lost-and-found', None, ['id', 'name', 'number', 'tagged']), ('v1.0', 2, ['id', 'name', 'number', 'tagged'])]

What cannot be a tag, and what names no checkpoint.

  $ for tag in '' 1 stop kkkk latest now 'a b' -- '~1' 'a~1' "$(printf 'a\nb')"; do firn tag -- "$tag" 2>err; echo "$? $(head -n 1 err | cut -c -40)"; done
  2 firn: '' cannot be a tag: it takes up to
  2 firn: '1' cannot be a tag: it takes up t
  2 firn: 'stop' cannot be a tag: it takes u
  2 firn: 'kkkk' cannot be a tag: it takes u
  2 firn: 'latest' cannot be a tag: it takes
  2 firn: 'now' cannot be a tag: it takes up
  2 firn: 'a b' cannot be a tag: it takes up
  2 firn: '--' cannot be a tag: it takes up 
  2 firn: '~1' cannot be a tag: it takes up 
  2 firn: 'a~1' cannot be a tag: it takes up
  2 firn: 'a\nb' cannot be a tag: it takes u
  $ firn tag new 9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn tag --replace
  ! firn: tag: missing NAME
  ! usage: firn tag [options] [NAME] [REF]
  ! help: firn help tag
  [2]
  $ firn tag --delete v1.0 2
  ! firn: tag: --delete takes the name of a tag and nothing else
  ! usage: firn tag [options] [NAME] [REF]
  ! help: firn help tag
  [2]

Taking tags away leaves their checkpoints.

  $ firn tag -d v1.0
  took the tag v1.0 away
  $ firn tag -d v1.0
  ! firn: there is no tag 'v1.0'
  ! hint: firn tag lists the tags
  [3]
  $ firn show v1.0
  ! firn: there is no checkpoint and no tag 'v1.0'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn show 2 | head -n 1
  checkpoint  2

Each workspace of a store has tags of its own.

  $ mkdir ../one ../two && touch ../one/f ../two/f
  $ for w in one two; do firn -C ../$w --store ../s save -q -m $w; firn -C ../$w --store ../s tag same -q; done
  1
  1
  $ firn -C ../one --store ../s tag -d same -q; firn -C ../two --store ../s show same | grep message
  message     two
