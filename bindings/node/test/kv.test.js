// SPDX-License-Identifier: Apache-2.0
//
// kv.test.js: keyspaces: points, many keys, batches, iterators; compared with a Map where there is much to go wrong.
'use strict'

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { firn, test, directory, memory, code } = require('./support')

test('a value that is put is got, as a Buffer, by promise and at once', async (t) => {
  const store = await memory(t)
  const users = await store.keyspace('users')
  await users.put('ada', Buffer.from([1, 2, 3]))
  users.putSync(Buffer.from('bob'), 'text')
  assert.deepStrictEqual(await users.get('ada'), Buffer.from([1, 2, 3]))
  assert.deepStrictEqual(users.getSync('ada'), Buffer.from([1, 2, 3]))
  assert.strictEqual((await users.get('bob')).toString(), 'text')
  assert.strictEqual(await users.get('eve'), undefined)
  assert.strictEqual(users.getSync('eve'), undefined)
  assert.strictEqual(await users.has('ada'), true)
  assert.strictEqual(users.hasSync('eve'), false)
  await users.del('ada')
  users.delSync('bob')
  assert.strictEqual(users.getSync('ada'), undefined)
  assert.strictEqual(users.getSync('bob'), undefined)
})

test('memory that is gone and halves of characters are no keys', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('keys')
  space.putSync('', 'empty')
  space.putSync('\ufffd', 'replacement')
  const bytes = new Uint8Array(8)
  const buffer = bytes.buffer
  const view = new DataView(buffer)
  structuredClone(buffer, { transfer: [buffer] })
  const gone = { code: 'FIRN_INVALID', message: /its memory is gone/ }
  const half = { code: 'FIRN_INVALID', message: /half of a surrogate pair/ }
  for (const [key, wrong] of [[bytes, gone], [buffer, gone], ['\ud800', half], ['a\udc00b', half], ['x'.repeat(3000) + '\ud800', half], ['\ufffd\ud83d', half]]) {
    assert.throws(() => space.getSync(key), wrong)
    assert.throws(() => space.putSync(key, ''), wrong)
    assert.throws(() => space.putSync('value', key), wrong)
    await assert.rejects(async () => space.get(key), wrong)
    await assert.rejects(async () => space.getMany(['', key]), wrong)
  }
  assert.throws(() => space.getSync(view), gone)
  // What is only like them.
  for (const key of [new Uint8Array(0), new ArrayBuffer(0), new DataView(new ArrayBuffer(0)), Buffer.alloc(0)]) {
    assert.strictEqual(space.getSync(key).toString(), 'empty')
  }
  assert.strictEqual(space.getSync('\ufffd').toString(), 'replacement')
  for (const key of ['\ufffd\ufffd', '\ud83d\ude00\ufffd', '\uffee\uffff', 'x'.repeat(3000) + '\ufffd']) {
    space.putSync(key, key)
    assert.strictEqual((await space.get(key)).toString(), key)
  }
})

test('bytes come from any view, and values of all sizes come back', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('bytes')
  const words = new Uint16Array([1, 2, 3, 4]).subarray(1, 3)
  await space.put(new Uint8Array([7]).buffer, words)
  assert.deepStrictEqual(space.getSync(Buffer.from([7])), Buffer.from([2, 0, 3, 0]))
  await space.put(new DataView(new ArrayBuffer(4), 2), '')
  assert.strictEqual(space.getSync(Buffer.alloc(2)).length, 0)
  for (const size of [0, 1, 511, 512, 4095, 4096, 4097, 65535, 65536, 65537, 3 << 20]) {
    const value = Buffer.alloc(size, size % 251)
    await space.put('big', value)
    assert.ok(value.equals(space.getSync('big')), `at once, ${size}`)
    assert.ok(value.equals(await space.get('big')), `by promise, ${size}`)
    assert.ok(value.equals((await space.getMany(['big']))[0]), `among many, ${size}`)
  }
  const long = 'k'.repeat(5000) + 'ö'
  space.putSync(long, 'w'.repeat(9000) + 'ä')
  assert.strictEqual(space.getSync(long).toString(), 'w'.repeat(9000) + 'ä')
})

test('a wrong key or value is called by its name, by promise and at once', async (t) => {
  const keyspace = await (await memory(t)).keyspace('k')
  for (const wrong of [5, null, undefined, {}]) {
    await assert.rejects(keyspace.put('a', wrong), /^FirnError: value (must be|is missing)/)
    assert.throws(() => keyspace.putSync('a', wrong), /^FirnError: value (must be|is missing)/)
    await assert.rejects(keyspace.get(wrong), /^FirnError: key (must be|is missing)/)
    assert.throws(() => keyspace.getSync(wrong), /^FirnError: key (must be|is missing)/)
    assert.throws(() => keyspace.putSync(wrong, 'a'), /^FirnError: key (must be|is missing)/)
  }
})

test('values that are got at once do not change when others are got', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('pool')
  for (let i = 0; i < 5000; i++) space.putSync(`k${i}`, `value ${i}`.repeat(1 + i % 40))
  const values = []
  for (let i = 0; i < 5000; i++) values.push(space.getSync(`k${i}`))
  for (let i = 0; i < 5000; i++) assert.strictEqual(values[i].toString(), `value ${i}`.repeat(1 + i % 40))
})

test('getInto copies into a buffer, and tells how large a value is that does not fit', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('into')
  space.putSync('key', 'abcdef')
  const buffer = Buffer.alloc(10, 46)
  assert.strictEqual(space.getInto('key', buffer, 2), 6)
  assert.strictEqual(buffer.toString(), '..abcdef..')
  assert.strictEqual(space.getInto('key', buffer, 8), 6)
  assert.strictEqual(space.getInto('key', Buffer.alloc(0)), 6)
  assert.strictEqual(space.getInto('none', buffer), undefined)
  assert.throws(() => space.getInto('key', buffer, 11), code('FIRN_INVALID'))
  assert.throws(() => space.getInto('key', 'text'), code('FIRN_INVALID'))
})

test('encodings: text and JSON', async (t) => {
  const store = await memory(t)
  const space = await store.keyspace('json', { keyEncoding: 'utf8', valueEncoding: 'json' })
  await space.put('ä', { n: 1, list: [null, 'x'] })
  assert.deepStrictEqual(await space.get('ä'), { n: 1, list: [null, 'x'] })
  assert.deepStrictEqual(space.getSync('ä'), { n: 1, list: [null, 'x'] })
  assert.deepStrictEqual(await space.entries().all(), [['ä', { n: 1, list: [null, 'x'] }]])
  await assert.rejects(space.put('u', undefined), code('FIRN_INVALID'))
  await assert.rejects(store.keyspace('json', { keyEncoding: 'latin' }), code('FIRN_INVALID'))
})

test('many keys are read from one state, missing ones are undefined', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('many', { valueEncoding: 'utf8' })
  for (let i = 0; i < 100; i++) space.putSync(`k${i}`, i === 50 ? '' : `v${i}`)
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
  const expected = keys.map((_, i) => i >= 100 ? undefined : i === 50 ? '' : `v${i}`)
  assert.deepStrictEqual(await space.getMany(keys), expected)
  assert.deepStrictEqual(space.getManySync(keys), expected)
  assert.deepStrictEqual(await space.getMany([]), [])
})

test('insert, compare and put, merges, time to live', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('ops', { valueEncoding: 'utf8' })
  await space.insert('a', '1')
  await assert.rejects(space.insert('a', '2'), code('FIRN_EXISTS'))
  await space.compareAndPut('a', '1', '2')
  await assert.rejects(space.compareAndPut('a', '1', '3'), code('FIRN_CONFLICT'))
  assert.throws(() => space.compareAndPutSync('none', '1', '3'), code('FIRN_NOT_FOUND'))
  const numbers = store.keyspaceSync('ops')
  await numbers.merge('add', 'n', 5)
  numbers.mergeSync('add', 'n', -7n)
  assert.strictEqual(firn.numberOf(await numbers.get('n')), -2n)
  assert.strictEqual(firn.numberOf(undefined), 0n)
  assert.strictEqual(firn.numberOf(new Uint8Array([1, 1, 0, 0, 0, 0, 0, 0, 0]).subarray(1)), 1n)
  for (const none of [Buffer.from('abc'), Buffer.alloc(9), '5', '12345678', null, 5]) assert.throws(() => firn.numberOf(none), code('FIRN_INVALID'))
  await numbers.merge('append', 'log', 'a')
  await numbers.merge('append', 'log', 'b')
  assert.strictEqual(numbers.getSync('log').toString(), 'ab')
  await assert.rejects(numbers.merge('add', 'n', 1.5), code('FIRN_INVALID'))
  await assert.rejects(numbers.merge('times', 'n', 1), code('FIRN_INVALID'))
  await space.put('gone', 'x', { ttl: 1 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.strictEqual(await space.get('gone'), undefined)
})

test('writes that are not awaited take effect in order, and are committed together', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('order', { valueEncoding: 'utf8' })
  const model = new Map()
  const writes = []
  for (let i = 0; i < 3000; i++) {
    const key = `k${i * 7919 % 50}`
    if (i % 5 === 0) {
      writes.push(space.del(key))
      model.delete(key)
    } else {
      writes.push(space.put(key, `v${i}`))
      model.set(key, `v${i}`)
    }
  }
  await Promise.all(writes)
  assert.deepStrictEqual(new Map(await space.entries().all().then((all) => all.map(([k, v]) => [k.toString(), v]))), new Map([...model].sort()))
  const { commits } = await store.stats()
  assert.ok(Number(commits) < 300, `${commits} commits`)
})

test('one refused write among many is refused alone', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('refused')
  const results = await Promise.allSettled([space.put('a', '1'), space.put('b', '2'), space.put('k'.repeat(600 << 10), 'x'), space.put('c', '3')])
  assert.deepStrictEqual(results.map((result) => result.reason?.code), [undefined, undefined, 'FIRN_LIMIT', undefined])
  const gone = store.keyspaceSync('gone')
  await store.dropKeyspace('gone')
  const others = await Promise.allSettled([space.put('d', '1'), space.put('e', '2'), gone.put('f', '3'), space.del('a')])
  assert.deepStrictEqual(others.map((result) => result.reason?.code), [undefined, undefined, 'FIRN_MISUSE', undefined])
  assert.deepStrictEqual((await space.keys().all()).map(String), ['b', 'c', 'd', 'e'])
})

test('batches are written whole', async (t) => {
  const store = await memory(t)
  const a = store.keyspaceSync('a', { valueEncoding: 'utf8' })
  const b = store.keyspaceSync('b', { valueEncoding: 'utf8' })
  await store.batch([{ type: 'put', keyspace: a, key: '1', value: 'x' }, { type: 'put', keyspace: b, key: '2', value: 'y' }, { type: 'del', keyspace: a, key: '1' }])
  assert.strictEqual(await a.get('1'), undefined)
  assert.strictEqual(await b.get('2'), 'y')
  const batch = store.batch().put(a, 'k', 'v').delRange(b, '0', '9').merge('append', a, 'k', 'w')
  assert.strictEqual(batch.length, 2) // the merge includes the put
  const written = batch.write()
  assert.throws(() => batch.put(a, 'more', 'x'), code('FIRN_BUSY'))
  await written
  assert.strictEqual(await a.get('k'), 'vw')
  assert.strictEqual(await b.get('2'), undefined)
  assert.strictEqual(batch.clear().length, 0)
  const snapshot = await store.snapshot()
  const transaction = await store.begin()
  for (const seen of [a.in(snapshot), a.in(transaction)]) assert.throws(() => batch.put(seen, 'k', 'v'), code('FIRN_INVALID'))
  await transaction.rollback()
  await snapshot.close()
  await batch.close()
  assert.throws(() => batch.put(a, 'more', 'x'), code('FIRN_MISUSE'))
  await assert.rejects(store.batch([{ type: 'truncate', keyspace: a }]), code('FIRN_INVALID'))
  const other = await memory(t)
  const foreign = other.keyspaceSync('a')
  assert.throws(() => store.batch().put(foreign, 'k', 'v'), code('FIRN_INVALID'))
})

test('iterators: ranges, prefixes, both directions, limits', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('range', { keyEncoding: 'utf8', valueEncoding: 'utf8' })
  const names = []
  for (let i = 0; i < 2500; i++) names.push(String(i).padStart(5, '0'))
  const batch = store.batch()
  for (const name of names) batch.put(space, name, `v${name}`)
  batch.writeSync()
  const tries = [{}, { gte: '00100', lt: '00200' }, { gt: '00100', lte: '00200' }, { gte: '02400' }, { lt: '00003' }, { prefix: '012' }, { prefix: '012', gt: '01250' },
    { limit: 1 }, { limit: 0 }, { limit: 1500 }, { gt: '9' }, { gte: '00100', gt: '00150', lte: '00300', lt: '00200' }]
  for (const one of tries) {
    for (const reverse of [false, true]) {
      let expected = names.filter((name) => !(name < one.gte || name <= one.gt || name >= one.lt || name > one.lte) && name.startsWith(one.prefix ?? ''))
      if (reverse) expected.reverse()
      expected = expected.slice(0, one.limit ?? Infinity)
      const options = { ...one, reverse }
      const found = []
      for await (const [key, value] of space.entries(options)) {
        assert.strictEqual(value, `v${key}`)
        found.push(key)
      }
      assert.deepStrictEqual(found, expected, JSON.stringify(options))
      assert.deepStrictEqual(await space.keys(options).all(), expected)
      assert.deepStrictEqual(space.values(options).allSync(), expected.map((name) => `v${name}`))
    }
  }
  const iterator = space.keys()
  assert.deepStrictEqual(await iterator.nextv(2), ['00000', '00001'])
  assert.strictEqual((await iterator.next()).value, '00002')
  assert.strictEqual((await iterator.nextv(5000)).length > 0, true)
  await iterator.close()
  assert.deepStrictEqual(await iterator.next(), { value: undefined, done: true })
  // Calls that are not awaited have their turns.
  const many = space.keys({ limit: 3 })
  const found = await Promise.all(Array.from({ length: 5 }, () => many.next()))
  assert.deepStrictEqual(found.map(({ value }) => value), ['00000', '00001', '00002', undefined, undefined])
})

test('an iterator shows the state of its creation', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('state', { keyEncoding: 'utf8' })
  space.putSync('a', '1')
  const iterator = space.keys()
  space.putSync('b', '2')
  assert.deepStrictEqual(await iterator.all(), ['a'])
})

test('a store on disk is there again, locked while it is open, read by others', async (t) => {
  const place = path.join(directory(t), 'store')
  const store = await firn.open(place)
  const space = await store.keyspace('s', { valueEncoding: 'utf8' })
  await space.put('k', 'v', { durability: 'os' })
  await assert.rejects(firn.open(place), code('FIRN_BUSY'))
  const reader = await firn.open(place, { readOnly: true })
  assert.strictEqual(await (await reader.keyspace('s', { valueEncoding: 'utf8' })).get('k'), 'v')
  await assert.rejects((await reader.keyspace('s')).put('k', 'w'), code('FIRN_READ_ONLY'))
  await reader.close()
  await store.sync()
  await store.close()
  await store.close()
  const again = firn.openSync(place, { createIfMissing: false })
  assert.strictEqual(again.keyspaceSync('s', { valueEncoding: 'utf8' }).getSync('k'), 'v')
  assert.deepStrictEqual(await again.keyspaces(), ['s'])
  again.closeSync()
  await firn.destroy(place)
  await assert.rejects(firn.open(place, { createIfMissing: false }), code('FIRN_NOT_FOUND'))
})

test('upkeep: flush, compact, check, clone, statistics', async (t) => {
  const place = directory(t)
  const store = await firn.open(path.join(place, 'a'))
  t.after(() => store.close())
  const space = await store.keyspace('s')
  for (let i = 0; i < 1000; i++) space.putSync(`k${i}`, 'v'.repeat(100), { durability: 'os' })
  await store.flush()
  await store.compact()
  const { entries } = await store.check()
  assert.ok(entries >= 1000)
  await store.clone(path.join(place, 'b'))
  const copy = await firn.open(path.join(place, 'b'))
  assert.strictEqual((await (await copy.keyspace('s')).keys().all()).length, 1000)
  await copy.close()
})

test('an iterator that was closed has no more; a batch is closed by await using', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('s')
  for (const key of ['a', 'b', 'c', 'd']) space.putSync(key, key)
  for (const rest of [(i) => i.next(), (i) => i.nextv(2), (i) => i.all(), (i) => i.allSync()]) {
    const iterator = space.keys()
    await iterator.next()
    const underWay = iterator.next()
    await iterator.close()
    assert.strictEqual((await underWay).value.toString(), 'b')
    const found = await rest(iterator)
    assert.deepStrictEqual(found, Array.isArray(found) ? [] : { value: undefined, done: true })
  }
  const batch = store.batch()
  await batch[Symbol.asyncDispose]()
  assert.throws(() => batch.length, code('FIRN_MISUSE'))
})

test('an iterator whose store was closed gives what it has fetched, and fails then', async () => {
  const store = await firn.openMemory()
  const space = store.keyspaceSync('s')
  for (let i = 0; i < 300; i++) space.putSync(`k${i}`, '')
  const iterator = space.keys()
  await iterator.next()
  await store.close()
  let more = 0
  await assert.rejects(async () => { while (!(await iterator.next()).done) more++ }, code('FIRN_MISUSE'))
  assert.strictEqual(more, 99)
})

test('clear deletes every key in its turn, in one commit', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('s', { valueEncoding: 'utf8' })
  const other = store.keyspaceSync('other')
  await space.clear() // nothing to do
  other.putSync('k', 'v')
  const longest = Buffer.alloc(512 << 10, 255)
  for (const key of ['', 'a', 'b', longest]) space.putSync(key, 'v')
  const before = store.snapshotSync()
  // Writes that are not awaited: those before it are deleted, the one after it stays.
  await Promise.all([space.put('z', '1'), space.clear(), space.put('c', '2')])
  assert.deepStrictEqual((await space.entries().all()).map(([key, value]) => `${key} ${value}`), ['c 2'])
  assert.strictEqual((await before.keys(space).all()).length, 4)
  await before.close()
  assert.strictEqual(other.getSync('k').toString(), 'v')
  const transaction = await store.begin()
  await transaction.put(space, 'd', '3')
  await space.in(transaction).clear()
  await transaction.put(space, 'e', '4')
  assert.strictEqual(space.hasSync('c'), true)
  await transaction.commit()
  assert.deepStrictEqual((await space.keys().all()).map(String), ['e'])
  space.clearSync({ durability: 'os' })
  assert.deepStrictEqual(await space.keys().all(), [])
  const snapshot = store.snapshotSync()
  await assert.rejects(space.in(snapshot).clear(), code('FIRN_INVALID'))
  await snapshot.close()
})

test('what is not JSON is named', async (t) => {
  const store = await memory(t)
  const raw = store.keyspaceSync('notes')
  raw.putSync('k', '{')
  const isRight = (what) => (error) => {
    assert.strictEqual(error.code, 'FIRN_INVALID')
    assert.ok(error.message.startsWith(`keyspace "notes": a ${what} is not JSON: `), error.message)
    return error.cause instanceof SyntaxError
  }
  const values = store.keyspaceSync('notes', { valueEncoding: 'json' })
  await assert.rejects(values.get('k'), isRight('value'))
  assert.throws(() => values.getSync('k'), isRight('value'))
  await assert.rejects(values.entries().all(), isRight('value'))
  await assert.rejects(store.keyspaceSync('notes', { keyEncoding: 'json' }).keys().next(), isRight('key'))
})

test('an encrypted store needs its key', async (t) => {
  delete process.env.FIRN_KEY_FILE
  delete process.env.FIRN_KEY_COMMAND
  const where = path.join(directory(t), 'store')
  await assert.rejects(firn.open(where, { cipher: 'automatic' }), code('FIRN_DENIED'))
  const store = await firn.open(where, { cipher: 'automatic', key: 'correct horse' })
  store.keyspaceSync('k').putSync('a', 'a value')
  await store.close()
  for (const key of [undefined, 'battery staple', Buffer.alloc(40, 'x')]) {
    await assert.rejects(firn.open(where, { key }), code('FIRN_DENIED'))
  }
  assert.throws(() => firn.openSync(where, { cipher: 'rot13' }), code('FIRN_INVALID'))
  assert.throws(() => firn.openSync(where, { key: Buffer.alloc(5000) }), code('FIRN_INVALID'))
  const again = firn.openSync(where, { key: 'correct horse', readOnly: true })
  assert.strictEqual(again.keyspaceSync('k').getSync('a').toString(), 'a value')
  await again.close()
})

test('an encrypted store is checked without its key', async (t) => {
  const where = path.join(directory(t), 'store')
  const store = await firn.open(where, { cipher: 'automatic', key: 'correct horse' })
  await store.keyspaceSync('k').put('a', 'a value')
  await store.flush()
  await store.close()
  const { files, blocks, bytesRead, logRecords } = await firn.checkLocked(where, { onProgress: () => {} })
  assert.ok(files > 0 && blocks > 0 && bytesRead > 0 && logRecords > 0)
  assert.strictEqual((await firn.checkLocked(where, { skipContents: true })).files, files)
  const run = path.join(where, 'runs', fs.readdirSync(path.join(where, 'runs')).find((name) => name.endsWith('.row')))
  const content = fs.readFileSync(run)
  content[160] ^= 1
  fs.writeFileSync(run, content)
  const notices = []
  await assert.rejects(firn.checkLocked(where, { onNotice: (notice) => notices.push(notice) }), code('FIRN_CORRUPT'))
  assert.deepStrictEqual(notices.map(({ kind }) => kind), ['damaged'])
  await assert.rejects(firn.checkLocked(path.join(where, 'none')), code('FIRN_NOT_FOUND'))
  await assert.rejects(firn.checkLocked(where, { skipContents: 1 }), code('FIRN_INVALID'))
})
