The plugin for OpenCode, run by node as OpenCode runs it.

  ? command -v node
  $ mkdir p && cd p && echo 1 >a && firn hook install opencode --tools -q && cp .opencode/plugins/firn.js ../firn.mjs
  $ cat >../host.mjs <<'END'
  > import fs from 'node:fs';
  > import { Firn } from './firn.mjs';
  > const parents = { child: 'main', grandchild: 'child' };
  > const session = { get: async ({ path }) => {
  >     if (path.id === 'unknown') throw new Error('no such session');
  >     return { data: { id: path.id, parentID: parents[path.id] } };
  > } };
  > const hooks = await Firn({ client: { session }, directory: process.cwd(), worktree: '/', project: {} });
  > const say = (id, ...texts) => hooks['chat.message']({ sessionID: id }, { message: {}, parts: texts.map(text => ({ type: 'text', text })) });
  > const tool = (id, name) => hooks['tool.execute.after']({ tool: name, sessionID: id, callID: 'x' }, { title: '', output: '', metadata: {} });
  > const idle = id => hooks.event({ event: { type: 'session.idle', properties: { sessionID: id } } });
  > await say('main', 'make it "two"', '$(touch injected) `touch injected`');
  > await hooks.event({ event: { type: 'session.updated', properties: {} } });
  > fs.writeFileSync('a', '2\n');
  > await tool('main', 'edit');
  > await say('child', 'a part of it');
  > fs.writeFileSync('b', '2\n');
  > await tool('grandchild', 'bash');
  > await idle('child');
  > fs.writeFileSync('a', '3\n');
  > await idle('main');
  > await say('unknown');
  > await idle(undefined);
  > await hooks['chat.message']({ sessionID: 'main' }, { parts: [{ type: 'file' }, { type: 'text', text: 'hidden', synthetic: true }, { type: 'text', text: 'next' }] });
  > fs.writeFileSync('a', '4\n');
  > await idle('main');
  > END
  $ node ../host.mjs && firn list
     5  <id>  <time>          3 files      2 KB  after OpenCode: next
     4  <id>  <time>          3 files      2 KB  after OpenCode: make it "two"
     3  <id>  <time>          3 files      2 KB  OpenCode, bash: make it "two"
     2  <id>  <time>          2 files      2 KB  OpenCode, edit: make it "two"
     1  <id>  <time>          2 files      2 KB  before the first turn of OpenCode
  $ ls -A && firn undo --turn && firn undo --turn && cat a
  .opencode
  a
  b
  undid the turn of OpenCode (next), back at 4: 1 changed, 0 added, 0 removed; redo with: firn redo
  undid the turn of OpenCode (make it "two"…) and 2 other steps, back at 1: 1 changed, 0 added, 1 removed; redo with: firn redo
    also the turn of OpenCode (make it "two"…): 1 changed, 0 added, 0 removed
    also the turn of OpenCode (make it "two"…): 0 changed, 0 added, 1 removed
  1

Without firn, or where it fails, the turn goes on.

  $ NODE=$(command -v node); mkdir ../bin && ln -s "$NODE" ../bin/node && env PATH=$PWD/../bin node ../host.mjs && firn list -q | head -n 1
  5
  $ cd .. && mkdir q && cd q && chmod 700 . && FIRN_STORE=/proc/none node ../host.mjs && cat a
  4
