// SPDX-License-Identifier: Apache-2.0
//
// types.test.js: index.d.ts fits a program in TypeScript, and names what the package has.
'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { firn, directory } = require('./support')

const modules = path.join(__dirname, '..', '..', '..', 'build', 'deps', 'node', 'node_modules')
const compiler = path.join(modules, 'typescript', 'bin', 'tsc')

// Without esnext.disposable, as with older libraries of types, `await using` compiles, too.
for (const lib of ['es2023,esnext.disposable', 'es2022']) test(`a program compiles with tsc --strict and --lib ${lib}, and runs`, (t) => {
  if (process.env.FIRN_NODE_PRELOAD) return t.skip('compiled once, without a sanitizer')
  if (!fs.existsSync(compiler)) {
    console.log('# SKIPPED: the types of the Node package: scripts/deps could not install TypeScript')
    return t.skip('no TypeScript')
  }
  const into = directory(t)
  const root = path.join(__dirname, '..')
  const compiled = spawnSync(process.execPath, [compiler, '--strict', '--target', 'es2022', '--module', 'commonjs', '--lib', lib, '--types', 'node', '--typeRoots',
    path.join(modules, '@types'), '--outDir', into, path.join(__dirname, 'types', 'use.ts')], { encoding: 'utf8', cwd: root })
  assert.strictEqual(compiled.status, 0, compiled.stdout)
  const program = fs.readFileSync(path.join(into, 'use.js'), 'utf8').replace('require("../..")', `require(${JSON.stringify(root)})`)
  fs.writeFileSync(path.join(into, 'use.js'), program)
  const ran = spawnSync(process.execPath, [path.join(into, 'use.js')], { encoding: 'utf8' })
  assert.strictEqual(ran.status, 0, ran.stderr)
})

test('the types name every export and every method', () => {
  const types = fs.readFileSync(path.join(__dirname, '..', 'index.d.ts'), 'utf8')
  const inside = new Set(['encodeKey', 'encodeValue', 'constructor'])
  for (const [name, value] of Object.entries(firn)) {
    assert.match(types, new RegExp(`export (class|function|const) ${name}\\b`), name)
    if (typeof value !== 'function' || value.prototype === undefined) continue
    const bodyOf = (one) => types.split(new RegExp(`export class ${one}\\b`))[1]?.split('\n}\n')[0] ?? ''
    const body = bodyOf(name) + bodyOf(Object.getPrototypeOf(value).name)
    for (const method of Object.getOwnPropertyNames(value.prototype)) {
      if (inside.has(method) || name === 'FirnError') continue
      assert.match(body, new RegExp(`\\b${method}\\b`), `${name}.${method}`)
    }
  }
})
