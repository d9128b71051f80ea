The whole directory is gone: in the dead directory, in the one above, and by its name, firn says how to bring it back.

  $ mkdir -p whole/d && cd whole/d && echo 1 >a && firn save -q && rm -r ../d && firn undo
  1
  ! firn: could not find the real path of '.': No such file or directory
  ! hint: '<T>/w/whole/d' was saved and is gone; this brings it back, with --git at its end also its git repositories: mkdir -p '<T>/w/whole/d' && firn -C '<T>/w/whole/d' restore latest
  [3]
  $ cd .. && firn undo
  ! firn: '<T>/w/whole' has no checkpoint yet: there is no store at '<T>/data/firn/whole-<hex>'
  ! hint: '<T>/w/whole/d' was saved and is gone; this brings it back, with --git at its end also its git repositories: mkdir -p '<T>/w/whole/d' && firn -C '<T>/w/whole/d' restore latest
  [3]
  $ firn -C d/ restore latest
  ! firn: could not open directory 'd/': No such file or directory
  ! hint: '<T>/w/whole/d' was saved and is gone; this brings it back, with --git at its end also its git repositories: mkdir -p '<T>/w/whole/d' && firn -C '<T>/w/whole/d' restore latest
  [3]
  $ firn workspaces | tail -n 1 && mkdir d && firn -C d undo && cat d/a
  bring back what is gone with: mkdir -p DIR && firn -C DIR restore latest
  undid unsaved changes, back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  1

On a terminal firn offers to make it again.

  $ python3 $SOURCE/tests/cli/on_terminal.py --of ie --answer n sh -c 'cd d && rm -r ../d && firn undo' | head -n 2; ls; mkdir d; python3 $SOURCE/tests/cli/on_terminal.py --of ie --answer y sh -c 'cd d && rm -r ../d && firn undo'; cat d/a
  firn: '<T>/w/whole/d' was saved and is gone
  make the directory again, for its files to be brought back? [y/N] firn: could not find the real path of '.': No such file or directory
  undid unsaved changes, back at 1: 0 changed, 1 added, 0 removed; redo with: firn redo
  firn: '<T>/w/whole/d' was saved and is gone
  make the directory again, for its files to be brought back? [y/N] 
  0
  1
