// SPDX-License-Identifier: Apache-2.0
//
// docs.test.js: every example of docs/node.md and the README runs, and prints what the comments at its console.log say. A
// loop that prints several lines has them with " | " between.
'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { directory } = require('./support')

const root = path.join(__dirname, '..')

for (const document of [path.join(root, 'README.md'), path.join(root, '..', '..', 'docs', 'node.md')]) {
  const blocks = [...fs.readFileSync(document, 'utf8').matchAll(/^```js firn-test\n([\s\S]*?)^```$/gm)].map((match) => match[1])
  assert.ok(blocks.length > 0)
  blocks.forEach((block, i) => test(`example ${i + 1} of ${path.basename(document)}`, (t) => {
    const place = directory(t)
    fs.mkdirSync(path.join(place, 'node_modules'))
    fs.symlinkSync(root, path.join(place, 'node_modules', 'firn'))
    fs.writeFileSync(path.join(place, 'example.js'), block)
    const ran = spawnSync(process.execPath, ['--preserve-symlinks', 'example.js'], { cwd: place, encoding: 'utf8', env: { ...process.env, HOME: place, XDG_DATA_HOME: path.join(place, 'data') } })
    assert.strictEqual(ran.status, 0, ran.stderr)
    const expected = [...block.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].flatMap((match) => match[1].split(' | '))
    assert.ok(expected.length > 0)
    assert.deepStrictEqual(ran.stdout.trimEnd().split('\n').map((line) => line.trimEnd()), expected.map((line) => line.trimEnd()))
  }))
}
