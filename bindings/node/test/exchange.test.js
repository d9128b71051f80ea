// SPDX-License-Identifier: Apache-2.0
//
// exchange.test.js: tables from and as files of text, rows that differ, checks.
'use strict'

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { test, directory, memory, code } = require('./support')

const definition = 'id i64, name text, price decimal(8, 2), primary key (id), unique index by_name (name)'

test('what is exported is imported again, in both forms, from any state', async (t) => {
  const place = directory(t)
  const store = await memory(t)
  const goods = await store.createTable('goods', definition, { integers: 'number' })
  await goods.insertMany([{ id: 1, name: 'tea', price: '3.20' }, { id: 2, name: 'a "b", c\nd', price: null }, { id: 3, name: '', price: '1' }])
  const snapshot = await store.snapshot()
  for (const kind of ['csv', 'json']) {
    const file = path.join(place, kind)
    assert.strictEqual(await goods.exportText(file, { kind }), 3)
    const copy = await store.createTable(`copy_${kind}`, definition, { integers: 'number' })
    const { size } = fs.statSync(file)
    assert.deepStrictEqual(await copy.importText(file, { kind }), { rows: 3, rejected: 0, bytes: size, skipped: 0, rejects: [] })
    assert.deepStrictEqual(await copy.scan().all(), await goods.scan().all())
  }
  await goods.insert({ id: 4, name: 'later' })
  const file = path.join(place, 'named')
  assert.strictEqual(await goods.in(snapshot).exportText(file, { columns: ['name', 'id'], index: 'by_name', header: false, delimiter: ';', nullText: '-' }), 3)
  assert.strictEqual(fs.readFileSync(file, 'utf8'), ';3\n"a ""b"", c\nd";2\ntea;1\n')
  await snapshot.close()
  await store.transaction(async (transaction) => {
    await goods.in(transaction).insert({ id: 5, name: 'inside' })
    assert.strictEqual(await goods.in(transaction).exportText(file), 5)
    assert.strictEqual(await goods.exportText(file), 4)
    await assert.rejects(goods.in(transaction).importText(file), code('FIRN_INVALID'))
  })
})

test('an import is all or nothing; lines that are no rows are named, or left out and listed', async (t) => {
  const file = path.join(directory(t), 'goods.csv')
  fs.writeFileSync(file, 'id,name,price,more\n1,tea,3.20,x\nx,milk,1,x\n2,coffee,much,x\n3,water,0.5,x\n')
  const store = await memory(t)
  const goods = await store.createTable('goods', definition)
  await assert.rejects(goods.importText(file), /more/)
  await assert.rejects(goods.importText(file, { ignoreUnknown: true }), /line 3/)
  assert.strictEqual(await goods.count(), 0)
  const done = await goods.importText(file, { ignoreUnknown: true, skipInvalid: true, rejectsMax: 1 })
  assert.deepStrictEqual([done.rows, done.rejected, done.rejects.length, done.rejects[0].line, done.rejects[0].text], [2, 2, 1, 3, 'x,milk,1,x'])
  assert.match(done.rejects[0].why, /id/)
  await assert.rejects(goods.importText(file, { ignoreUnknown: true, skipInvalid: true }), code('FIRN_EXISTS'))
  fs.writeFileSync(file, 'id,name\n1,green tea\n4,milk\n')
  assert.strictEqual((await goods.importText(file, { onConflict: 'skip' })).skipped, 1)
  await goods.importText(file, { onConflict: 'replace' })
  assert.deepStrictEqual((await goods.scan({ select: 'name' }).all()).map(({ name }) => name), ['green tea', 'water', 'milk'])
})

test('files that are not there, wrong options, and cancelled calls', async (t) => {
  const place = directory(t)
  const store = await memory(t)
  const goods = await store.createTable('goods', definition)
  await assert.rejects(goods.importText(path.join(place, 'none')), (error) => error.code === 'FIRN_NOT_FOUND' && /none': No such file/.test(error.message))
  await assert.rejects(goods.importText(place), code('FIRN_IO'))
  await assert.rejects(goods.exportText(path.join(place, 'none', 'file')), code('FIRN_NOT_FOUND'))
  for (const options of [{ kind: 'xml' }, { delimiter: ';;' }, { delimiter: '' }, { onConflict: 'ask' }, { columns: 'id' }, { rejectsMax: -1 }, 5]) {
    await assert.rejects(goods.importText(place, options), code('FIRN_INVALID'))
  }
  await assert.rejects(goods.importText(5), code('FIRN_INVALID'))
  await assert.rejects(goods.exportText(), code('FIRN_INVALID'))
  await assert.rejects(goods.exportText(path.join(place, 'f'), { columns: ['none'] }), code('FIRN_NOT_FOUND'))
  const file = path.join(place, 'many.csv')
  fs.writeFileSync(file, 'id,name\n' + Array.from({ length: 200000 }, (_, i) => `${i},n${i}\n`).join(''))
  const phases = []
  await assert.rejects(goods.importText(file, { onProgress: (progress) => { phases.push(progress); throw new Error('enough') } }), /enough/)
  // All or nothing: the import may be over when the function throws.
  assert.ok([0, 200000].includes(await goods.count()))
  // The first report that arrives is the latest one then: on a busy machine the file may have been read by now.
  if (phases[0].phase === 'read') assert.strictEqual(phases[0].bytesTotal, fs.statSync(file).size)
  const controller = new AbortController()
  const others = await store.createTable('others', definition)
  const importing = others.importText(file, { signal: controller.signal })
  controller.abort()
  await assert.rejects(importing, { name: 'AbortError' })
  assert.strictEqual(await others.count(), 0)
})

test('rows that differ between two checkpoints, or a checkpoint and now', async (t) => {
  const store = await memory(t)
  const goods = await store.createTable('goods', definition, { integers: 'number' })
  await goods.insertMany([{ id: 1, name: 'tea', price: '3.20' }, { id: 2, name: 'milk' }, { id: 3, name: 'water', price: '1' }])
  await store.checkpoint('one')
  await goods.update({ id: 1, price: '3.50' })
  await goods.delete(2)
  await goods.insert({ id: 4, name: 'coffee' })
  const differences = [
    { kind: 'changed', before: { id: 1, name: 'tea', price: '3.20' }, after: { id: 1, name: 'tea', price: '3.50' }, changed: ['price'] },
    { kind: 'removed', before: { id: 2, name: 'milk', price: null }, changed: [] },
    { kind: 'added', after: { id: 4, name: 'coffee', price: null }, changed: [] }
  ]
  assert.deepStrictEqual(await store.diffTable('goods', 'one', undefined, { integers: 'number' }), differences)
  assert.deepStrictEqual(await store.diffTable('goods', 'one', undefined, { integers: 'number', limit: 2 }), differences.slice(0, 2))
  assert.strictEqual((await store.diffTable('goods', 'one'))[0].before.id, 1n)
  await store.checkpoint('two')
  await goods.renameColumn('price', 'cost')
  await goods.addColumn("kind text default 'food'")
  await goods.update({ id: 3, cost: '2', kind: 'drink' })
  assert.deepStrictEqual(await store.diffTable('goods', 'two', undefined, { integers: 'number' }), [
    { kind: 'changed', before: { id: 3, name: 'water', price: '1.00' }, after: { id: 3, name: 'water', cost: '2.00', kind: 'drink' }, changed: ['cost', 'kind'] }])
  assert.deepStrictEqual(await store.diffTable('goods', 'one', 'one'), [])
  await assert.rejects(store.diffTable('none', 'one'), code('FIRN_NOT_FOUND'))
  await assert.rejects(store.diffTable('goods', 'nine'), code('FIRN_NOT_FOUND'))
  await assert.rejects(store.diffTable(), code('FIRN_INVALID'))
})

test('a difference with integers beyond 2^53 says so', async (t) => {
  const store = await memory(t)
  const large = await store.createTable('large', 'id u64, primary key (id)')
  await store.checkpoint('empty')
  await large.insert({ id: 2n ** 60n })
  assert.strictEqual((await store.diffTable('large', 'empty'))[0].after.id, 2n ** 60n)
  await assert.rejects(store.diffTable('large', 'empty', undefined, { integers: 'number' }), code('FIRN_LIMIT'))
})

test('a table is checked', async (t) => {
  const store = await memory(t)
  const goods = await store.createTable('goods', definition)
  await goods.load(Array.from({ length: 500 }, (_, id) => ({ id, name: `n${id}` })))
  assert.deepStrictEqual(await goods.check(), { rows: 500, indexEntries: 500 })
  const snapshot = await store.snapshot()
  await goods.deleteRange({ gte: 100 })
  assert.deepStrictEqual(await goods.check(), { rows: 100, indexEntries: 100 })
  assert.deepStrictEqual(await goods.in(snapshot).check(), { rows: 500, indexEntries: 500 })
  await snapshot.close()
})
