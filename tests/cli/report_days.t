The days of a report: those of local time.

  ? git --version
  $ mkdir days && cd days && git init -q ../repo && for d in 2026-03-01T10 2026-03-01T23 2026-03-02T03 2026-03-02T12 2026-03-05T12; do echo $d >../repo/a && git -C ../repo add a && GIT_COMMITTER_DATE=$d:00:00Z git -C ../repo -c user.name=n -c user.email=e commit -q -m $d; done
  $ firn import git -q ../repo && TZ=EST5 firn report -q -o ../out.html && grep -o -e '<h2>[-0-9]*</h2> <small>.*</small>' -e '<h3>[0-9]*' ../out.html
  <h2>2026-03-05</h2> <small>1 checkpoint</small>
  <h3>5
  <h2>2026-03-02</h2> <small>1 checkpoint</small>
  <h3>4
  <h2>2026-03-01</h2> <small>3 checkpoints</small>
  <h3>3
  <h3>2
  <h3>1
