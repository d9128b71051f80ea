// SPDX-License-Identifier: Apache-2.0
//
// module.test.js: the package as a module: its names for ES modules, and what it says of an addon that is missing.
'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { firn, directory } = require('./support')

const root = path.join(__dirname, '..')

test('an ES module can import every name', async () => {
  const { default: all, ...names } = await import('../index.js')
  delete names['module.exports'] // which newer versions of Node add
  assert.strictEqual(all, firn)
  assert.deepStrictEqual({ ...names }, { ...firn })
})

test('hasSql tells whether there is SQL', () => {
  assert.strictEqual(typeof firn.hasSql, 'boolean')
})

test('FIRN_NODE_ADDON with a file that does not exist is named', () => {
  const { status, stderr } = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(root)})`], { encoding: 'utf8', env: { ...process.env, FIRN_NODE_ADDON: '/none/firn.node' } })
  assert.notStrictEqual(status, 0)
  assert.match(stderr, /FIRN_NODE_ADDON names \/none\/firn.node, which does not exist/)
  assert.doesNotMatch(stderr, /install\.js/)
})

test('FIRN_NODE_ADDON may be relative', (t) => {
  const { FIRN_NODE_ADDON: addon } = process.env
  if (!addon || process.env.FIRN_NODE_PRELOAD) return t.skip('the addon is another one')
  const { status, stderr } = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(root)})`], { encoding: 'utf8', cwd: path.dirname(addon), env: { ...process.env, FIRN_NODE_ADDON: path.basename(addon) } })
  assert.strictEqual(status, 0, stderr)
})

test('install.js finds the headers in the project that npm runs in, and the sources of SQL in a checkout', (t) => {
  const place = directory(t)
  const checkout = path.join(place, 'bindings', 'node')
  fs.mkdirSync(checkout, { recursive: true })
  for (const name of ['install.js', 'src']) fs.cpSync(path.join(root, name), path.join(checkout, name), { recursive: true })
  fs.mkdirSync(path.join(place, 'src'))
  fs.symlinkSync(path.join(root, '..', '..', 'src', 'programs'), path.join(place, 'src', 'programs'))
  const project = path.join(place, 'project')
  fs.mkdirSync(project)
  // Programs that tell what they were asked: there is a libfirn and an SQLite, and the compiler fails.
  const bin = path.join(place, 'bin')
  fs.mkdirSync(bin)
  fs.writeFileSync(path.join(place, 'libsqlite3.a'), '')
  fs.writeFileSync(path.join(bin, 'pkg-config'), `#!/bin/sh\ncase $1 in --variable=*) echo '${place}' ;; *) echo -lfirn ;; esac\n`, { mode: 0o755 })
  fs.writeFileSync(path.join(bin, 'cc'), `#!/bin/sh\necho "$@" >> '${place}/compiled'\nexit 1\n`, { mode: 0o755 })
  const install = () => spawnSync(process.execPath, [path.join(checkout, 'install.js')], { encoding: 'utf8', cwd: checkout, env: { PATH: `${bin}:${process.env.PATH}`, INIT_CWD: project } })

  const without = install()
  assert.strictEqual(without.status, 1)
  assert.ok(without.stderr.includes(`node-api-headers is missing: run "npm install node-api-headers" in ${project}`), without.stderr)

  const headers = path.join(project, 'node_modules', 'node-api-headers')
  fs.mkdirSync(headers, { recursive: true })
  fs.writeFileSync(path.join(headers, 'index.js'), "exports.include_dir = '/the/headers'\n")
  assert.match(install().stderr, /the addon could not be compiled/)
  // What only asks which flags the compiler has is passed over.
  const [first, second] = fs.readFileSync(path.join(place, 'compiled'), 'utf8').split('\n').filter((line) => !line.endsWith('.tried'))
  assert.match(first, /-isystem \/the\/headers .*-DFIRN_NODE_SQL=1 .*programs\/sqlparse\/\w+\.c /)
  assert.doesNotMatch(first, /sqlextension\.c/)
  assert.doesNotMatch(second, /FIRN_NODE_SQL/)
})
