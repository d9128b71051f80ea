// SPDX-License-Identifier: Apache-2.0
//
// state.test.js: transactions, snapshots, checkpoints.
'use strict'

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { firn, test, directory, memory, code } = require('./support')

test('a transaction reads one state, sees its own writes, and commits all or nothing', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  a.putSync('x', '1')
  const transaction = await store.begin()
  a.putSync('y', 'outside')
  assert.strictEqual(await transaction.get(a, 'y'), undefined)
  await transaction.put(a, 'x', '2')
  transaction.putSync(a, 'z', '3')
  assert.strictEqual(transaction.getSync(a, 'x'), '2')
  assert.deepStrictEqual(await transaction.getMany(a, ['x', 'y', 'z']), ['2', undefined, '3'])
  assert.deepStrictEqual((await transaction.keys(a).all()).map(String), ['x', 'z'])
  assert.strictEqual(a.getSync('x'), '1')
  await transaction.commit()
  assert.deepStrictEqual((await a.values().all()), ['2', 'outside', '3'])
  await assert.rejects(transaction.get(a, 'x'), code('FIRN_MISUSE'))
  await assert.rejects(transaction.commit(), code('FIRN_MISUSE'))
  await transaction.rollback()
})

test('transactions: savepoints, rollback, ranges, merges', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  const transaction = await store.begin()
  await transaction.put(a, 'k', '1')
  const savepoint = await transaction.savepoint()
  await transaction.put(a, 'k', '2')
  await transaction.merge('append', a, 'k', '!')
  await transaction.delRange(a, 'l', 'm')
  await transaction.rollbackTo(savepoint)
  assert.strictEqual(await transaction.get(a, 'k'), '1')
  await transaction.release(savepoint)
  await assert.rejects(transaction.rollbackTo(savepoint), code('FIRN_NOT_FOUND'))
  await assert.rejects(a.in(transaction).insert('k', 'v'), code('FIRN_INVALID'))
  await transaction.rollback()
  assert.strictEqual(await a.get('k'), undefined)
})

test('store.transaction repeats its work after a conflict: no addition is lost', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'json' })
  a.putSync('n', 0)
  let calls = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 10; i++) {
      await store.transaction(async (transaction) => {
        calls++
        const n = await transaction.get(a, 'n')
        await transaction.put(a, 'n', n + 1)
      })
    }
  }))
  assert.strictEqual(a.getSync('n'), 80)
  assert.ok(calls > 80, 'there were conflicts')
  await assert.rejects(store.transaction(async (transaction) => {
    await transaction.put(a, 'n', -1)
    throw new RangeError('mine')
  }), RangeError)
  assert.strictEqual(a.getSync('n'), 80)
  await assert.rejects(store.transaction(async (transaction) => {
    await transaction.get(a, 'n')
    a.putSync('n', 81)
    await transaction.put(a, 'n', 0)
  }, { attempts: 3 }), code('FIRN_CONFLICT'))
  await assert.rejects(store.transaction('work'), code('FIRN_INVALID'))
})

test('serializable transactions refuse write skew', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  const one = await store.begin({ isolation: 'serializable' })
  const two = await store.begin({ isolation: 'serializable' })
  await one.get(a, 'x')
  await two.get(a, 'y')
  await one.put(a, 'y', '1')
  await two.put(a, 'x', '1')
  await one.commit()
  await assert.rejects(two.commit(), code('FIRN_CONFLICT'))
  await assert.rejects(store.begin({ isolation: 'chaos' }), code('FIRN_INVALID'))
  const reader = await store.begin({ readOnly: true })
  await assert.rejects(reader.put(a, 'x', '2'), code('FIRN_READ_ONLY'))
  await reader.close()
})

test('calls of a transaction run in order, also when they are not awaited; a synchronous one does not overtake', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  const transaction = await store.begin()
  const calls = []
  for (let i = 0; i < 200; i++) calls.push(transaction.put(a, 'k', String(i)), transaction.get(a, 'k'))
  assert.throws(() => transaction.getSync(a, 'k'), code('FIRN_BUSY'))
  assert.throws(() => transaction.closeSync(), code('FIRN_BUSY'))
  const results = await Promise.all(calls)
  for (let i = 0; i < 200; i++) assert.strictEqual(results[2 * i + 1], String(i))
  const last = transaction.put(a, 'k', 'last')
  await transaction.commit() // waits for it
  await last
  assert.strictEqual(a.getSync('k'), 'last')
})

test('a snapshot keeps its state', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  a.putSync('k', '1')
  const snapshot = store.snapshotSync()
  a.putSync('k', '2')
  store.keyspaceSync('later')
  assert.strictEqual(await snapshot.get(a, 'k'), '1')
  assert.strictEqual(snapshot.getSync(a, 'k'), '1')
  assert.strictEqual(await snapshot.has(a, 'k'), true)
  assert.deepStrictEqual(await snapshot.getMany(a, ['k', 'l']), ['1', undefined])
  assert.deepStrictEqual(await snapshot.values(a).all(), ['1'])
  assert.deepStrictEqual(await snapshot.keyspaces(), ['a'])
  await assert.rejects(snapshot.keyspace('later'), code('FIRN_NOT_FOUND'))
  assert.throws(() => a.in(snapshot).getInto('k', Buffer.alloc(1)), code('FIRN_INVALID'))
  await store.dropKeyspace('a')
  assert.strictEqual(await (await snapshot.keyspace('a', { valueEncoding: 'utf8' })).get('k'), '1')
  await snapshot.close()
  await assert.rejects(snapshot.get(a, 'k'), code('FIRN_MISUSE'))
})

test('checkpoints: create, list, find, read, diff, restore, undo, delete', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  a.putSync('same', '0')
  a.putSync('gone', '1')
  const first = await store.checkpoint('first')
  assert.strictEqual(first.number, 1)
  assert.strictEqual(first.name, 'first')
  assert.ok(Math.abs(first.createdAt - Date.now()) < 60000)
  a.delSync('gone')
  a.putSync('new', '2')
  store.keyspaceSync('b').putSync('k', 'v')
  const second = await store.checkpoint()
  assert.deepStrictEqual((await store.checkpoints()).map((checkpoint) => checkpoint.number), [2, 1])
  assert.strictEqual((await store.findCheckpoint('latest~1')).id, first.id)
  const before = await store.at('first')
  assert.strictEqual(await before.get(a, 'gone'), '1')
  await before.close()
  const differences = await store.diff('first', second.id)
  assert.deepStrictEqual(differences.map(({ kind, keyspace, key }) => [kind, keyspace, key?.toString()]),
    [['removed', 'a', 'gone'], ['added', 'a', 'new'], ['keyspace added', 'b', undefined], ['added', 'b', 'k']])
  assert.deepStrictEqual([differences[0].before.toString(), differences[0].after, differences[1].after.toString()], ['1', undefined, '2'])
  assert.strictEqual((await store.diff('first', undefined, { limit: 2 })).length, 2)
  assert.strictEqual((await store.diff('first', undefined, { keyspace: 'b' })).length, 2)
  const { restored, safety } = await store.restore('first')
  assert.strictEqual(restored.id, first.id)
  assert.strictEqual(safety.isSafety, true)
  assert.deepStrictEqual((await a.keys().all()).map(String), ['gone', 'same'])
  assert.deepStrictEqual(await store.keyspaces(), ['a'])
  await store.undo()
  assert.deepStrictEqual((await a.keys().all()).map(String), ['new', 'same'])
  assert.ok((await store.checkpoints({ safety: true })).length > 2)
  await store.deleteCheckpoints('first', '2')
  assert.deepStrictEqual(await store.checkpoints(), [])
  await assert.rejects(store.restore('first'), code('FIRN_NOT_FOUND'))
  await assert.rejects(store.checkpoint('not a name!'), code('FIRN_INVALID'))
})

test('a checkpoint has the writes that were made before it, awaited or not', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a')
  const writes = []
  for (let i = 0; i < 500; i++) writes.push(a.put(`k${i}`, 'v'))
  const made = store.checkpoint('c')
  for (let i = 500; i < 1000; i++) writes.push(a.put(`k${i}`, 'v'))
  await Promise.all([made, ...writes])
  const snapshot = await store.at('c')
  assert.strictEqual((await snapshot.keys(a).all()).length, 500)
  await snapshot.close()
})

test('a checkpoint leaves and comes back as one file', async (t) => {
  const place = directory(t)
  const store = await memory(t)
  store.keyspaceSync('a').putSync('k', 'v')
  await store.checkpoint('c')
  const file = path.join(place, 'c.firn')
  await store.export(file, { checkpoint: 'c' })
  await assert.rejects(store.export(file), code('FIRN_EXISTS'))
  const made = await firn.importStore(file, path.join(place, 'copy'))
  assert.strictEqual(made.name, 'c')
  const copy = await firn.open(path.join(place, 'copy'))
  assert.strictEqual((await (await copy.keyspace('a')).get('k')).toString(), 'v')
  await copy.close()
})

test('a checkpoint leaves an encrypted store in clear, or with a key', async (t) => {
  const place = directory(t)
  const at = (name) => path.join(place, name)
  const store = await firn.open(at('store'), { cipher: 'automatic', key: 'correct horse' })
  t.after(() => store.close())
  store.keyspaceSync('a').putSync('k', 'a value that nobody else reads')
  await store.checkpoint('c')
  await store.export(at('clear'), { checkpoint: 'c', clear: true })
  await store.export(at('other'), { checkpoint: 'c', key: 'battery staple' })
  await assert.rejects(store.export(at('none'), { key: 5 }), code('FIRN_INVALID'))
  await assert.rejects(store.export(at('none'), { key: Buffer.alloc(5000) }), code('FIRN_INVALID'))
  assert.ok(fs.readFileSync(at('clear')).includes('nobody else reads'))
  assert.ok(!fs.readFileSync(at('other')).includes('nobody else reads'))
  await assert.rejects(firn.importStore(at('other'), at('copy'), { key: 'correct horse' }), code('FIRN_DENIED'))
  for (const [name, key] of [['clear', undefined], ['other', 'battery staple']]) {
    assert.strictEqual((await firn.importStore(at(name), at(`${name}-copy`), { key })).name, 'c')
    const copy = await firn.open(at(`${name}-copy`), { key })
    assert.strictEqual((await (await copy.keyspace('a')).get('k')).toString(), 'a value that nobody else reads')
    await copy.close()
  }
})

test('a long call is cancelled by its signal, and reports progress', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a')
  await assert.rejects(store.compact({ signal: AbortSignal.abort() }), { name: 'AbortError' })
  for (let i = 0; i < 20000; i++) a.putSync(`k${i}`, 'v')
  await store.checkpoint('c')
  const controller = new AbortController()
  const working = store.diff(undefined, 'c', { signal: controller.signal })
  controller.abort()
  await working.catch((error) => assert.strictEqual(error.name, 'AbortError')) // it may have been done already
  await assert.rejects(store.check({ onProgress: 'no function' }), code('FIRN_INVALID'))
  await assert.rejects(store.check({ onProgress: () => { throw new RangeError('mine') } }), RangeError)
  const phases = []
  await store.check({ onProgress: (progress) => phases.push(progress.phase) })
  assert.ok(phases.length > 0)
})

test('the number of a checkpoint is a reference to it', async (t) => {
  const place = directory(t)
  const store = await firn.open(`${place}/store`)
  t.after(() => store.close())
  const space = await store.keyspace('s', { valueEncoding: 'utf8' })
  const table = await store.createTable('t', 'id i64, primary key (id)')
  await space.put('k', '1')
  const { number } = await store.checkpoint()
  await space.put('k', '2')
  await table.insert({ id: 1 })
  for (const given of [number, BigInt(number), String(number)]) {
    assert.strictEqual((await store.findCheckpoint(given)).number, number)
    for (const snapshot of [await store.at(given), await store.snapshot({ checkpoint: given }), store.snapshotSync({ checkpoint: given })]) {
      assert.strictEqual(snapshot.getSync(space, 'k'), '1')
      await snapshot.close()
    }
    assert.strictEqual((await store.diff(given, undefined, { keyspace: 's' })).length, 1)
    assert.strictEqual((await store.diffTable('t', given)).length, 1)
    await store.export(`${place}/export`, { checkpoint: given, replace: true })
    assert.strictEqual((await store.restore(given)).restored.number, number)
    await store.undo()
  }
  for (const wrong of [1.5, -1, NaN, true, {}, [number]]) {
    for (const call of [() => store.at(wrong), () => store.restore(wrong), () => store.findCheckpoint(wrong), () => store.diff(wrong), () => store.snapshot({ checkpoint: wrong })]) {
      await assert.rejects(call(), { ...code('FIRN_INVALID'), message: /a reference to a checkpoint must be a string, or its number/ })
    }
  }
  for (const call of [() => store.at(), () => store.restore(), () => store.findCheckpoint(), () => store.restore(null)]) await assert.rejects(call(), code('FIRN_INVALID'))
  await assert.rejects(store.restore(77), code('FIRN_NOT_FOUND'))
  await store.deleteCheckpoints(number)
  assert.deepStrictEqual(await store.checkpoints(), [])
})
