Links that a project brings do not lead firn hook out of it.

Eight agents: the directory of their settings is a link, their file is one, or what is above.

  $ mkdir -p ../mine/hooks ../mine/plugins && for file in settings.json hooks.json hooks/firn.json plugins/firn.js hooks/hooks hooks/UserPromptSubmit; do
  >     mkdir -p ../mine/$(dirname $file) && echo '{"mine":1}' >../mine/$file
  > done
  $ (cd ../mine && find . -type f -exec sha256sum {} + | sort -k 2) >../before
  $ while read agent file; do
  >     directory=$(dirname $file)
  >     for what in $file $directory ${directory%%/*}; do
  >         rm -rf p && mkdir -p p/$(dirname $what) && ln -s $PWD/../mine p/$what
  >         for leads in $PWD/../mine/$(basename $file) ../../../mine/settings.json nowhere /dev/null; do
  >             test $what != $file || ln -sfn $leads p/$what
  >             target=$(readlink p/$what)
  >             for command in install "install --tools" remove; do
  >                 firn -C p hook $command $agent >out 2>&1
  >                 code=$?
  >                 grep -q "^firn: '.*' is a symbolic link, which is not followed here$" out && grep -q "^hint: a link may lead out" out && test $code = 2 || { echo "$agent $what $leads $command: $code"; cat out; }
  >             done
  >             test "$(readlink p/$what)" = "$target" || echo "$agent: $what is no link any more"
  >         done
  >     done
  > done <<'END'
  > claude .claude/settings.json
  > codex .codex/hooks.json
  > gemini .gemini/settings.json
  > cursor .cursor/hooks.json
  > copilot .github/hooks/firn.json
  > opencode .opencode/plugins/firn.js
  > windsurf .windsurf/hooks.json
  > cline .clinerules/hooks/UserPromptSubmit
  > END
  $ (cd ../mine && find . -type f -exec sha256sum {} + | sort -k 2) | diff ../before - && find ../mine -name '*firn-*'

The message names the link, not the file, and what to do.

  $ rm -rf p && mkdir p && cd p && ln -s ../../mine .claude && firn hook install claude
  ! firn: '.claude' is a symbolic link, which is not followed here
  ! hint: a link may lead out of the project: put a file there, or name the one it leads to with --file
  [2]
  $ firn hook install claude --file .claude/settings.local.json
  ! firn: '.claude' is a symbolic link, which is not followed here
  ! hint: a link may lead out of the project: put a file there, or name the one it leads to with --file
  [2]
  $ firn hook install claude --file $PWD/.claude/settings.local.json 2>&1 | head -n 1
  firn: '<T>/w/p/.claude' is a symbolic link, which is not followed here
  $ cd .. && rm -r p && mkdir p && ln -s ../../mine/settings.json p/settings.json && firn -C p hook install claude --file settings.json 2>&1 | head -n 1
  firn: 'settings.json' is a symbolic link, which is not followed here
  $ firn hook install claude --file p/../p/settings.json 2>&1 | head -n 1
  firn: 'p/../p/settings.json' is a symbolic link, which is not followed here

A directory that the user names is theirs, links in its path included; and so is home.

  $ ln -s ../mine named && firn hook install claude --file $PWD/../w/named/settings.json && grep -c 'firn hook run' ../mine/settings.json
  <T>/w/../w/named/settings.json: every turn is saved from now on
  1
  $ firn hook remove claude --file $PWD/../w/named/settings.json && cat ../mine/settings.json; rm named
  <T>/w/../w/named/settings.json: firn's hooks were removed
  {"mine":1}
  $ mkdir -p ../mine/home && ln -s mine/home ../link && HOME=$PWD/../link firn hook install gemini --user -q && ls ../mine/home/.gemini
  settings.json
  $ rm -r ../mine/home/.gemini && ln -s ../elsewhere ../mine/home/.gemini && HOME=$PWD/../link firn hook install gemini --user
  ! firn: '<T>/w/../link/.gemini' is a symbolic link, which is not followed here
  ! hint: a link may lead out of the project: put a file there, or name the one it leads to with --file
  [2]

Not a regular file: refused at once, too.

  $ rm -rf p && mkdir -p p/.claude/settings.json && firn -C p hook install claude
  ! firn: '.claude/settings.json' is not a regular file
  ! hint: add them by hand: firn hook print shows the text
  [2]
  $ rm -rf p && mkdir p && echo x >p/.claude && firn -C p hook install claude
  ! firn: could not open the directory '.claude': Not a directory
  [1]

A restore looks for hooks in the same way: through a link there are none that could be lost.

  $ rm -rf p && mkdir p && cd p && echo 1 >a && firn save -q && ln -s ../../mine .claude && firn hook install claude -q --file $PWD/../../mine/settings.json && firn restore 1
  1
  restored 1: 0 changed, 0 added, 1 removed; take this back with: firn undo
  $ cd ..

The page of firn report beside the workspace has a name that firn chose.

  $ cp -r ../mine ../other && ln -s ../other/page.html p-history.html && firn -C p report -q -o $PWD/../other/page.html && cp ../other/page.html ../page && firn -C p report
  ! firn: '<T>/w/p-history.html' is a symbolic link, which is not followed here
  ! hint: name another file with -o FILE
  [2]
  $ cmp ../page ../other/page.html && test -L p-history.html && firn -C p report --replace
  ! firn: '<T>/w/p-history.html' is a symbolic link, which is not followed here
  ! hint: name another file with -o FILE
  [2]
  $ rm p-history.html && firn -C p report -q && firn -C p report -q && ls
  out
  p
  p-history.html
