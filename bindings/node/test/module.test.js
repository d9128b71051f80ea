// SPDX-License-Identifier: Apache-2.0
//
// module.test.js: the package as a module: its names for ES modules, and what it says of an addon that is missing.
'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { firn } = require('./support')

test('an ES module can import every name', async () => {
  const { default: all, ...names } = await import('../index.js')
  delete names['module.exports'] // which newer versions of Node add
  assert.strictEqual(all, firn)
  assert.deepStrictEqual({ ...names }, { ...firn })
})
