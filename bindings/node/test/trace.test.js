// SPDX-License-Identifier: Apache-2.0
//
// trace.test.js: errors have a stack that leads to the program's call, also those that come from a thread of the pool.
'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { memory, directory, firn } = require('./support')

test('an error of an asynchronous call names the functions that wait for it', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', 'id i64, primary key (id)')
  const space = await store.keyspace('s')
  await table.insert({ id: 1 })
  await space.put('k', 'v')
  const transaction = await store.begin()
  const calls = {
    insert: () => table.insert({ id: 1 }),
    put: () => space.insert('k', 'v'),
    sql: () => store.sql('SELECT'),
    scan: () => table.scan({ where: 'no' }).next(),
    'scan, all': () => table.scan({ where: 'no' }).all(),
    sqlRows: () => store.sqlRows('SELECT').nextv(1),
    restore: () => store.restore('none'),
    open: () => firn.open(`${directory(t)}/none`, { createIfMissing: false }),
    rollbackTo: () => transaction.rollbackTo(7),
    argument: () => space.put({}, 'v')
  }
  for (const [name, call] of Object.entries(calls)) {
    const outer = async () => { await call() }
    await assert.rejects(outer(), (error) => {
      assert.strictEqual(error.name, 'FirnError', name)
      assert.ok(error.stack.startsWith(`FirnError: ${error.message}\n    at `), error.stack)
      assert.match(error.stack, /outer .*trace\.test\.js/, name)
      return true
    })
  }
  await transaction.close()
})
