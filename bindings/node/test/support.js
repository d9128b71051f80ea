// SPDX-License-Identifier: Apache-2.0
'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test: always } = require('node:test')
const firn = require('..')

// Below valgrind loops are shorter, and FIRN_TEST_SHARE=I/N takes the I-th of each N tests.
const isSlow = process.env.FIRN_NODE_VALGRIND !== undefined
const few = (many, less) => isSlow ? less : many
const [index, count] = ((isSlow && process.env.FIRN_TEST_SHARE) || '1/1').split('/').map(Number)
let number = 0

/** A test of node:test, if this run takes it. */
function test (...what) {
  if (number++ % count === index - 1) always(...what)
}

/** A new directory, which is removed after the test. */
function directory (t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'firn-node-'))
  t.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

/** A store in memory, closed after the test. */
async function memory (t, options) {
  const store = await firn.openMemory(options)
  t.after(() => store.close())
  return store
}

module.exports = { firn, test, few, directory, memory, code: (name) => ({ name: 'FirnError', code: name }) }
