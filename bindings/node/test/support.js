// SPDX-License-Identifier: Apache-2.0
'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const firn = require('..')

// Below valgrind loops are shorter.
const few = (many, less) => process.env.FIRN_NODE_VALGRIND === undefined ? many : less

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

module.exports = { firn, few, directory, memory, code: (name) => ({ name: 'FirnError', code: name }) }
