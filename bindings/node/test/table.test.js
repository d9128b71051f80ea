// SPDX-License-Identifier: Apache-2.0
//
// table.test.js: tables: rows, columns, scans, vectors.
'use strict'

const assert = require('node:assert')
const { test, memory, code } = require('./support')

const everything = `id i64 auto, b bool, i8 i8, i16 i16, i32 i32, u8 u8, u16 u16, u32 u32, u64 u64, f32 f32, f64 f64,
  price decimal(12, 2), day date, at timestamp, name text, data blob, uid uuid, v vector(3), primary key (id)`

test('a row of every type comes back as documented', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', everything)
  const row = {
    b: true, i8: -128, i16: -32768, i32: -2147483648, u8: 255, u16: 65535, u32: 4294967295, u64: 18446744073709551615n, f32: 0.5, f64: 0.1, price: '12.30',
    day: '2026-01-31', at: '2026-01-31 23:59:59.5', name: 'Ädä', data: Buffer.from([0, 255]), uid: 'c0ffee00-0000-4000-8000-000000000000', v: new Float32Array([1, 2.5, -3])
  }
  assert.strictEqual(await table.insert(row), 1n)
  assert.deepStrictEqual(await table.get(1), { id: 1n, ...row })
  assert.deepStrictEqual(table.getSync([1n]), { id: 1n, ...row })
  assert.deepStrictEqual(await table.scan().all(), [{ id: 1n, ...row }])
  assert.strictEqual(await table.insert({}), 2n)
  assert.deepStrictEqual(Object.values(await table.get(2n)), [2n, ...Object.keys(row).map(() => null)])
  assert.strictEqual(await table.insert({ ...row, id: 7, price: 0.1, day: new Date('2026-02-01T12:00:00Z'), at: new Date(1500), v: [1, 2, 3], uid: Buffer.alloc(16, 1) }), 7n)
  const other = await table.get(7)
  assert.deepStrictEqual([other.price, other.day, other.at, other.v, other.uid],
    ['0.10', '2026-02-01', '1970-01-01 00:00:01.5', new Float32Array([1, 2, 3]), '01010101-0101-0101-0101-010101010101'])
  await table.update({ id: 7, at: 1n, price: 5n })
  assert.deepStrictEqual([(await table.get(7)).at, (await table.get(7)).price], ['1970-01-01 00:00:00.000001', '5.00'])
})

test('values that do not fit are refused, and name their column', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', everything)
  const wrong = { b: 1, i8: 1.5, i16: '1', i32: NaN, u64: 2n ** 64n, f64: 'x', price: {}, day: 5, at: new Date(NaN), name: 5, data: 5, uid: 5, v: new Float64Array(3) }
  for (const [name, value] of Object.entries(wrong)) {
    await assert.rejects(table.insert({ [name]: value }), code('FIRN_INVALID'), name)
  }
  for (const [name, value] of Object.entries({ u8: 256, i8: -129, u16: -1, price: '1.234', uid: 'x', v: [1, 2], day: '2026-02-30', nothing: 1 })) {
    await assert.rejects(table.insert({ [name]: value }), { name: 'FirnError' }, name)
  }
  await assert.rejects(table.insert(null), code('FIRN_INVALID'))
  await assert.rejects(table.insert([1]), code('FIRN_INVALID'))
  await assert.rejects(table.get('one'), code('FIRN_INVALID'))
  assert.strictEqual(await table.count(), 0)
})

test('insert, upsert, update, delete, add; unique indexes', async (t) => {
  const store = await memory(t)
  const users = await store.createTable('users', "id i32, name text not null, n i64 default 5, primary key (id), unique index by_name (name)")
  await users.insertMany([{ id: 1, name: 'ada' }, { id: 2, name: 'bob', n: 7 }])
  await assert.rejects(users.insertMany([{ id: 3, name: 'eve' }, { id: 4, name: 'ada' }]), code('FIRN_EXISTS'))
  assert.strictEqual(await users.get(3), undefined)
  await users.upsert({ id: 2, name: 'bert' })
  assert.deepStrictEqual(await users.get('bert', { index: 'by_name' }), { id: 2, name: 'bert', n: 5n })
  assert.deepStrictEqual(await users.getMany([1, 9, 2], { columns: ['name'] }), [{ name: 'ada' }, undefined, { name: 'bert' }])
  assert.strictEqual(await users.add(2, 'n', -6), -1n)
  await assert.rejects(users.update({ id: 9, n: 1 }), code('FIRN_NOT_FOUND'))
  assert.strictEqual(await users.delete(2), true)
  assert.strictEqual(await users.delete(2), false)
  await users.upsertMany([{ id: 1, name: 'a' }, { id: 2, name: 'b' }, { id: 3, name: 'c' }])
  await users.deleteRange({ gt: 1, lte: 2 })
  assert.deepStrictEqual((await users.scan().all()).map((row) => row.id), [1, 3])
})

test('tables in transactions and snapshots', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', 'id i32, n i32, primary key (id)')
  await table.insert({ id: 1, n: 1 })
  const snapshot = await store.snapshot()
  await store.transaction(async (transaction) => {
    const inside = table.in(transaction)
    await inside.insert({ id: 2, n: 2 })
    await inside.update({ id: 1, n: 10 })
    await assert.rejects(inside.insertMany([{ id: 3, n: 3 }, { id: 2, n: 2 }]), code('FIRN_EXISTS'))
    await assert.rejects(inside.insertMany([{ id: 3, n: 3 }, { id: 2 }]), code('FIRN_EXISTS'))
    assert.deepStrictEqual(await inside.scan().all(), [{ id: 1, n: 10 }, { id: 2, n: 2 }])
    assert.strictEqual(await table.get(2), undefined)
    const left = inside.scan() // the commit closes it
    await left.next()
  })
  assert.deepStrictEqual(await table.scan().all(), [{ id: 1, n: 10 }, { id: 2, n: 2 }])
  assert.deepStrictEqual(await table.in(snapshot).scan().all(), [{ id: 1, n: 1 }])
  assert.deepStrictEqual(await (await snapshot.table('t')).get(1), { id: 1, n: 1 })
  await assert.rejects(table.in(snapshot).insert({ id: 5 }), code('FIRN_INVALID'))
  await snapshot.close()
})

test('scans: joined with another one', async (t) => {
  const store = await memory(t)
  const sales = await store.createTable('sales', 'id i32, kind text, primary key (id)')
  const kinds = await store.createTable('kinds', 'kind text, title text, primary key (kind)')
  await sales.load([{ id: 1, kind: 'a' }, { id: 2, kind: 'b' }, { id: 3, kind: 'a' }, { id: 4, kind: 'none' }])
  await kinds.load([{ kind: 'a', title: 'first' }, { kind: 'b', title: 'second' }])
  const titles = () => kinds.scan({ select: 'kind as code, title' })
  assert.deepStrictEqual(await sales.scan({ select: 'id, title', join: titles(), on: 'kind = code' }).all(),
    [{ id: 1, title: 'first' }, { id: 2, title: 'second' }, { id: 3, title: 'first' }])
  const joined = titles()
  assert.deepStrictEqual(await sales.scan({ select: 'title, count(*) as n', groupBy: 'title', orderBy: '2', join: joined, on: 'kind = code' }).all(),
    [{ title: 'second', n: 1n }, { title: 'first', n: 2n }])
  assert.deepStrictEqual(await joined.all(), []) // read, and closed
  await assert.rejects(sales.scan({ join: joined, on: 'kind = code' }).all(), { name: 'FirnError', message: /the joined scan is closed/ })
  const txn = await store.begin()
  await kinds.in(txn).insert({ kind: 'none', title: 'none' })
  const inside = kinds.in(txn).scan({ select: 'kind as code, title' })
  assert.deepStrictEqual(await sales.in(txn).scan({ select: 'count(*) as n', join: inside, on: 'kind = code' }).all(), [{ n: 4n }])
  await txn.rollback()
  await assert.rejects(sales.scan({ join: kinds.scan(), on: 'kind = kind' }).all(), code('FIRN_INVALID'))
  await assert.rejects(sales.scan({ join: titles() }).all(), code('FIRN_INVALID'))
  assert.throws(() => sales.scan({ join: 'kinds', on: 'kind = code' }), { name: 'FirnError', message: /must be a Scan/ })
})

test('scans: conditions, parameters, groups, order, bounds, limits, columns', async (t) => {
  const store = await memory(t)
  const sales = await store.createTable('sales', 'id i32, kind text, amount i64, price decimal(9, 2), weight f64, primary key (id), index by_kind (kind, id)')
  const rows = []
  for (let id = 0; id < 5000; id++) rows.push({ id, kind: id % 7 === 0 ? null : `k${id % 3}`, amount: BigInt(id), price: `${id}.25`, weight: id / 4 })
  assert.strictEqual(await sales.load(rows), 5000)
  assert.strictEqual(await sales.count(), 5000)
  assert.strictEqual(await sales.count('kind = ?', ['k1']), rows.filter((row) => row.kind === 'k1').length)
  assert.deepStrictEqual(await sales.scan().all(), rows)
  assert.deepStrictEqual(await sales.scan({ select: 'id, amount * 2 as double', where: 'amount >= ? and weight < ?', parameters: [4000n, 1001.5], orderBy: '1 desc', limit: 2 }).all(),
    [{ id: 4005, double: 8010n }, { id: 4004, double: 8008n }])
  const groups = await sales.scan({ select: 'kind, count(*) as n, sum(price) as total', groupBy: 'kind', orderBy: 'kind' }).all()
  assert.deepStrictEqual(groups.map((group) => group.kind), [null, 'k0', 'k1', 'k2'])
  assert.strictEqual(groups.reduce((sum, group) => sum + Number(group.n), 0), 5000)
  assert.deepStrictEqual((await sales.scan({ select: ['id'], gt: 10, lte: 12 }).all()).map((row) => row.id), [11, 12])
  assert.deepStrictEqual((await sales.scan({ select: ['id'], index: 'by_kind', gte: ['k1', 4990], lte: 'k1', descending: true }).all()).map((row) => row.id),
    rows.filter((row) => row.kind === 'k1' && row.id >= 4990).map((row) => row.id).reverse())
  const many = sales.scan({ select: 'id', orderBy: 'id', limit: 2 }) // calls that are not awaited have their turns
  const found = await Promise.all([many.next(), many.nextv(5), many.next()])
  assert.deepStrictEqual([found[0].value.id, found[1].map((row) => row.id), found[2].done], [rows[0].id, [rows[1].id], true])
  assert.deepStrictEqual(await sales.scan({ limit: 0 }).all(), [])
  let sum = 0
  let seen = 0
  for await (const batch of sales.batches({ select: 'id, kind, amount, price, weight' })) {
    assert.ok(batch.array('id') instanceof Int32Array && batch.array('amount') instanceof BigInt64Array && batch.array('weight') instanceof Float64Array)
    assert.strictEqual(batch.array('price')[1], BigInt(batch.array('id')[1] * 100 + 25))
    assert.deepStrictEqual(batch.strings('kind'), rows.slice(seen, seen + batch.rows).map((row) => row.kind))
    assert.strictEqual(batch.offsets('kind').length, batch.rows + 1)
    for (const weight of batch.array('weight')) sum += weight
    seen += batch.rows
  }
  assert.strictEqual(seen, 5000)
  assert.strictEqual(sum, 5000 * 4999 / 8)
  for await (const row of sales) { // ends early, and closes the scan
    assert.strictEqual(row.id, 0)
    break
  }
  await assert.rejects(sales.scan({ where: 'nonsense =' }).all(), code('FIRN_INVALID'))
  await assert.rejects(sales.scan({ select: ['none'] }).next(), { name: 'FirnError' })
  const numbers = await store.table('sales', { integers: 'number' })
  assert.strictEqual((await numbers.get(5)).amount, 5)
  await numbers.update({ id: 5, amount: 2n ** 60n })
  await assert.rejects(numbers.get(5), code('FIRN_LIMIT'))
  assert.strictEqual((await sales.get(5)).amount, 2n ** 60n)
})

test('a load is all or nothing', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', 'id i32, n i32 default 3, primary key (id)')
  async function * generate () {
    for (let id = 0; id < 2500; id++) yield { id }
  }
  assert.strictEqual(await table.load(generate()), 2500)
  assert.deepStrictEqual(await table.get(2499), { id: 2499, n: 3 })
  async function * broken () {
    yield { id: 9000 }
    throw new RangeError('mine')
  }
  await assert.rejects(table.load(broken()), RangeError)
  await assert.rejects(table.load([{ id: 9000 }, { id: 1 }]), code('FIRN_EXISTS'))
  await assert.rejects(table.load([{ id: 9000 }, { id: 'x' }]), code('FIRN_INVALID'))
  assert.strictEqual(await table.load([]), 0)
  assert.strictEqual(await table.count(), 2500)
})

test('a table is changed: columns, defaults, indexes', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', 'id i32, a text, primary key (id)')
  await table.insert({ id: 1, a: 'x' })
  await table.addColumn("born date default '2000-01-31'")
  assert.deepStrictEqual(await table.get(1), { id: 1, a: 'x', born: '2000-01-31' })
  await table.setDefault('born', new Date('2001-01-01'))
  await table.insert({ id: 2 })
  assert.strictEqual((await table.get(2)).born, '2001-01-01')
  await table.setDefault('born')
  await table.renameColumn('a', 'name')
  await table.addIndex('by_name', ['name'], { unique: true })
  assert.deepStrictEqual(await table.get('x', { index: 'by_name', columns: ['id'] }), { id: 1 })
  await table.dropIndex('by_name')
  await table.dropColumn('name')
  assert.deepStrictEqual(table.columns.map((column) => column.name), ['id', 'born'])
  assert.deepStrictEqual(table.key, ['id'])
  await assert.rejects(table.dropColumn('id'), { name: 'FirnError' })
  await assert.rejects(table.addColumn('nonsense'), { name: 'FirnError' })
  assert.deepStrictEqual(await store.tables(), ['t'])
  await store.dropTable('t')
  await assert.rejects(table.get(1), code('FIRN_NOT_FOUND'))
  await assert.rejects(store.table('t'), code('FIRN_NOT_FOUND'))
})

test('vector search finds what an exact comparison finds', async (t) => {
  const store = await memory(t)
  const docs = await store.createTable('docs', 'id i32, lang text, title text, v vector(8), primary key (id)')
  const rows = []
  let seed = 7
  const random = () => (seed = seed * 1103515245 + 12345 & 0x7fffffff) / 0x7fffffff - 0.5
  for (let id = 0; id < 500; id++) rows.push({ id, lang: id % 2 ? 'en' : 'de', title: `t${id}`, v: Float32Array.from({ length: 8 }, random) })
  await docs.load(rows)
  await docs.addVectorIndex('by_v', 'v', { metric: 'l2', m: 8 })
  const query = Float32Array.from({ length: 8 }, random)
  const distance = (v) => v.reduce((sum, x, i) => sum + (x - query[i]) ** 2, 0)
  const expected = rows.filter((row) => row.lang === 'en').sort((a, b) => distance(a.v) - distance(b.v)).slice(0, 5)
  const found = await docs.search('v', query, { k: 5, metric: 'l2', where: 'lang = ?', parameters: ['en'], columns: ['title'], exact: true })
  assert.deepStrictEqual(found.map(({ row }) => row), expected.map(({ id, title }) => ({ id, title })))
  assert.ok(Math.abs(found[0].distance - distance(expected[0].v)) < 1e-5)
  assert.strictEqual((await docs.search('v', [...query])).length, 10)
  await assert.rejects(docs.search('v', [1, 2]), code('FIRN_INVALID'))
  await assert.rejects(docs.search('v', 'text'), code('FIRN_INVALID'))
  await assert.rejects(docs.search('v', query, { metric: 'manhattan' }), code('FIRN_INVALID'))
  await assert.rejects(docs.search('none', query), code('FIRN_NOT_FOUND'))

  const queries = [query, Float32Array.from({ length: 8 }, random), [...rows[3].v]]
  for (const options of [{ k: 3, metric: 'l2', exact: true, columns: ['title'] }, { k: 4, metric: 'dot' }, { where: 'id < 2', metric: 'l2' }]) {
    const many = await docs.searchMany('v', queries, options)
    assert.deepStrictEqual(many, await Promise.all(queries.map((one) => docs.search('v', one, options))))
  }
  assert.strictEqual((await docs.searchMany('v', queries, { k: 1, metric: 'l2', exact: true }))[2][0].row.id, 3)
  assert.deepStrictEqual(await docs.searchMany('v', []), [])
  for (const wrong of [query, 'text', undefined, [query, null], [query, 'text'], [query, [1, 2]], [[], []], [[1, 'x', 0, 0, 0, 0, 0, 0]]]) {
    await assert.rejects(docs.searchMany('v', wrong), code('FIRN_INVALID'))
  }
  await assert.rejects(docs.searchMany('v', new Array(65537).fill(query)), code('FIRN_LIMIT'))
})

test('a range without a bound, or with one that is undefined, deletes nothing; all of a table is deleted by that name', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', 'a i32, b i32, primary key (a, b)')
  await table.insertMany([{ a: 1, b: 1 }, { a: 2, b: 2 }, { a: 3, b: 3 }])
  const wrong = [undefined, null, {}, { durability: 'os' }, { gte: undefined }, { gt: undefined }, { lte: undefined }, { gte: 1, lt: undefined }, { gte: [] }, { lte: [1, undefined] }, { gte: null },
    { all: false }, { all: undefined }, { all: 1 }, { all: true, gte: 1 }]
  for (const options of wrong) {
    await assert.rejects(table.deleteRange(options), code('FIRN_INVALID'), JSON.stringify(options))
    assert.strictEqual(await table.count(), 3)
  }
  await table.deleteRange({ gte: 3, all: false })
  assert.strictEqual(await table.count(), 2)
  await table.deleteRange({ all: true, durability: 'os' })
  assert.strictEqual(await table.count(), 0)
})

test('createTable with existsOk opens a table that exists', async (t) => {
  const store = await memory(t)
  const definition = 'id i64, primary key (id)'
  const made = await store.createTable('t', definition, { existsOk: true, integers: 'number' })
  await made.insert({ id: 1 })
  const opened = await store.createTable('t', definition, { existsOk: true, integers: 'number' })
  assert.deepStrictEqual(await opened.get(1), { id: 1 })
  await assert.rejects(store.createTable('t', definition, { existsOk: false }), code('FIRN_EXISTS'))
  await assert.rejects(store.createTable('t', definition), code('FIRN_EXISTS'))
  await assert.rejects(store.createTable('t', 'no definition', { existsOk: true }), code('FIRN_INVALID'))
})
