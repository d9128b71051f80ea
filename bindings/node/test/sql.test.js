// SPDX-License-Identifier: Apache-2.0
//
// sql.test.js: SQL over the store that JavaScript has open.
'use strict'

const assert = require('node:assert')
const { Worker } = require('node:worker_threads')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { firn, test: shared, few, directory, memory, code } = require('./support')
const { native } = require('../lib/native')

const index = JSON.stringify(path.join(__dirname, '..'))
const { hasSql } = firn
if (!hasSql) console.log('# SKIPPED: SQL of the Node package: it was built without SQLite\'s static library')
const test = (name, work) => shared(name, { skip: !hasSql }, work)

shared('an addon without SQL says so', async (t) => {
  const store = await memory(t)
  if (hasSql) assert.deepStrictEqual(await store.sql('SELECT 1 AS one'), [{ one: 1n }])
  else await assert.rejects(store.sql('SELECT 1'), code('FIRN_UNSUPPORTED'))
})

async function shop (t) {
  const store = await memory(t)
  const goods = await store.createTable('goods', 'id i64, name text not null, price decimal(8, 2), v vector(2), primary key (id), unique index by_name (name)')
  await goods.insertMany(Array.from({ length: 10 }, (_, id) => ({ id, name: `n${id}`, price: id })))
  return { store, goods }
}

test('SQL and JavaScript see the same store', async (t) => {
  const { store, goods } = await shop(t)
  assert.deepStrictEqual(await store.sql('SELECT name, price FROM goods WHERE id = ?', [3]), [{ name: 'n3', price: 3 }])
  assert.deepStrictEqual(await store.sql('INSERT INTO goods (id, name) VALUES (:id, :name)', { id: 77, name: 'by sql', more: 1 }), [])
  assert.deepStrictEqual(await store.sql('SELECT changes() AS n'), [{ n: 1n }])
  assert.strictEqual((await goods.get(77)).name, 'by sql')
  await goods.delete(77)
  assert.deepStrictEqual(await store.sql('SELECT count(*) AS n, max(price) AS most FROM goods'), [{ n: 10n, most: 9 }])
  await store.sql('UPDATE goods SET price = price + 1 WHERE id < $top', { top: 2 })
  await store.sql('DELETE FROM goods WHERE id >= @from', { from: 5n })
  assert.deepStrictEqual((await goods.scan({ select: 'id, price' }).all()).map(({ id, price }) => `${id} ${price}`), ['0 1.00', '1 2.00', '2 2.00', '3 3.00', '4 4.00'])
  await store.createTable('later', 'id i64, primary key (id)')
  const words = await store.keyspace('words')
  await words.put('a', 'b')
  assert.deepStrictEqual(await store.sql('SELECT count(*) AS n FROM later'), [{ n: 0n }])
  assert.deepStrictEqual(await store.sql('SELECT key, value FROM words'), [{ key: 'a', value: 'b' }])
  await store.sql('ALTER TABLE goods ADD COLUMN stock INTEGER DEFAULT 4')
  await goods.refresh()
  assert.strictEqual((await goods.get(1)).stock, 4n)
  await store.checkpoint('before')
  await store.sql('DELETE FROM goods')
  assert.strictEqual(await goods.count(), 0)
  await store.restore('before')
  assert.deepStrictEqual(await store.sql('SELECT count(*) AS n FROM goods'), [{ n: 5n }])
})

test('tables come and go', async (t) => {
  const { store } = await shop(t)
  const count = [{ n: 10n }]
  const counted = () => store.sql('SELECT count(*) AS n FROM goods')
  assert.deepStrictEqual(await counted(), count)
  await store.sql('DROP TABLE temp.goods') // the virtual one
  assert.deepStrictEqual(await counted(), count)
  await store.sql("SELECT firn_detach('store')")
  assert.deepStrictEqual(await counted(), count)
  await store.dropTable('goods')
  await assert.rejects(counted(), { code: 'FIRN_INVALID', message: /no such table: goods/ })
  await store.createTable('goods', 'other text, primary key (other)')
  assert.deepStrictEqual(await store.sql('SELECT other FROM goods'), [])
  assert.deepStrictEqual(await store.sql('SELECT name FROM sqlite_temp_schema'), [{ name: 'goods' }])
  await store.sql("SELECT firn_create('CREATE KEYSPACE words')")
  assert.deepStrictEqual(await store.keyspaces(), ['words'])
  assert.deepStrictEqual(await store.sql('SELECT * FROM words'), [])
})

test('definitions go to the store', async (t) => {
  const { store } = await shop(t)
  assert.deepStrictEqual(await store.sql('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)'), [])
  await store.sql('INSERT INTO notes (text) VALUES (?)', ['one'])
  await store.sql('-- with a word before\nalter table notes ADD COLUMN stars INTEGER DEFAULT 3;')
  assert.deepStrictEqual(await store.sqlRows('CREATE INDEX by_stars ON notes (stars) -- and one after').all(), [])
  assert.deepStrictEqual(await (await store.table('notes')).get(1), { id: 1n, text: 'one', stars: 3n })
  await store.sql('CREATE TEMP TABLE mine (id)')
  await store.sql('DROP TABLE mine')
  await store.sql("SELECT 'drop table goods'")
  assert.deepStrictEqual((await store.tables()).sort(), ['goods', 'notes'])
  await store.sql('DROP TABLE goods')
  await store.sql('CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY)')
  assert.deepStrictEqual(await store.tables(), ['notes'])
  await assert.rejects(store.sql('SELECT * FROM goods'), { message: /no such table: goods/ })
  await assert.rejects(store.sql('CREATE TABLE notes (id INTEGER PRIMARY KEY)'), { message: /notes/ })
  await assert.rejects(store.sql('CREATE TABLE one (id INTEGER PRIMARY KEY); CREATE TABLE two (id INTEGER PRIMARY KEY)'), { message: /one statement at a time/ })
})

test('SELECT * has the columns that a table has by now', async (t) => {
  const { store } = await shop(t)
  const columns = async () => Object.keys((await store.sql('SELECT * FROM points'))[0] ?? {}).join()
  const points = await store.createTable('points', 'id i64, a text, primary key (id)')
  await store.sql("INSERT INTO points VALUES (1, 'x')")
  assert.strictEqual(await columns(), 'id,a')
  await points.addColumn('b i64')
  assert.strictEqual(await columns(), 'id,a,b')
  await points.renameColumn('b', 'c')
  assert.strictEqual(await columns(), 'id,a,c')
  await points.dropColumn('a')
  assert.strictEqual(await columns(), 'id,c')
  await store.dropTable('points')
  await store.createTable('points', 'other text, primary key (other)')
  await store.sql("INSERT INTO points VALUES ('y')")
  assert.strictEqual(await columns(), 'other')
})

test('values keep their types on the way in and out', async (t) => {
  const store = await memory(t)
  const bytes = Buffer.from([0, 1, 255])
  const [row] = await store.sql('SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g, ? AS h, ? AS i, ? AS j, ? AS k, ? AS l',
    [null, undefined, true, 7, -(2n ** 63n), 2.5, 'ä\u{1f40d}', '', bytes, new ArrayBuffer(0), new Date(Date.UTC(2026, 0, 31, 23, 59, 59, 500)), [1, 2.5]])
  assert.deepStrictEqual(row, { a: null, b: null, c: 1n, d: 7n, e: -(2n ** 63n), f: 2.5, g: 'ä\u{1f40d}', h: '', i: bytes, j: Buffer.alloc(0), k: '2026-01-31 23:59:59.5', l: Buffer.from(new Float32Array([1, 2.5]).buffer) })
  assert.deepStrictEqual(await store.sql('SELECT typeof(?) AS a, typeof(?) AS b, typeof(?) AS c, typeof(?) AS d', [2 ** 53 - 1, 2 ** 60, NaN, new Uint16Array(1)]), [{ a: 'integer', b: 'real', c: 'null', d: 'blob' }])
  assert.deepStrictEqual(await store.sql('SELECT ? AS a', [5], { integers: 'number' }), [{ a: 5 }])
  assert.deepStrictEqual(await store.sql('SELECT ? AS a', [5], { integers: 'bigint' }), [{ a: 5n }])
  await assert.rejects(store.sql('SELECT 9007199254740993 AS a', [], { integers: 'number' }), code('FIRN_LIMIT'))
  await assert.rejects(store.sql('SELECT ?', [2n ** 63n]), code('FIRN_INVALID'))
  await assert.rejects(store.sql('SELECT ?', [2n ** 64n]), code('FIRN_INVALID'))
  for (const wrong of [Symbol('s'), () => {}, {}, new Map(), new Date(NaN)]) await assert.rejects(store.sql('SELECT ?', [wrong]), code('FIRN_INVALID'))
  for (const wrong of ['text', 5, true, new Map(), Buffer.from('x'), new Date()]) await assert.rejects(store.sql('SELECT 1', wrong), code('FIRN_INVALID'))
  for (const wrong of [undefined, null, 5, Buffer.from('SELECT 1'), 'SELECT\0 1']) await assert.rejects(store.sql(wrong), code('FIRN_INVALID'))
})

test('firn errors have the text of SQLite', async (t) => {
  const { store, goods } = await shop(t)
  const failures = [
    ['SELECT nil', undefined, 'FIRN_INVALID', /no such column: nil/],
    ['SELECT * FROM nil', undefined, 'FIRN_INVALID', /no such table: nil/],
    ['SELEC 1', undefined, 'FIRN_INVALID', /syntax error/],
    ['', undefined, 'FIRN_INVALID', /no statement/],
    [' -- nothing', undefined, 'FIRN_INVALID', /no statement/],
    ['SELECT 1; SELECT 2', undefined, 'FIRN_INVALID', /one statement at a time/],
    ['SELECT 1; SELEC', undefined, 'FIRN_INVALID', /one statement at a time/],
    ['INSERT INTO goods (id, name) VALUES (1, \'x\')', undefined, 'FIRN_EXISTS', /UNIQUE constraint failed: goods\.id/],
    ['INSERT INTO goods (id, name) VALUES (11, \'n1\')', undefined, 'FIRN_EXISTS', /UNIQUE constraint failed: goods\.name/],
    ['INSERT INTO goods (id) VALUES (11)', undefined, 'FIRN_INVALID', /NOT NULL constraint failed: goods\.name/],
    ['UPDATE goods SET price = \'dear\'', undefined, 'FIRN_INVALID', /dear/],
    ['SELECT ?, ?', [1], 'FIRN_INVALID', /2 parameters, but there are 1 values/],
    ['SELECT 1', [1], 'FIRN_INVALID', /0 parameters, but there are 1 values/],
    ['SELECT :a', [], 'FIRN_INVALID', /1 parameters/],
    ['SELECT :a', { b: 1 }, 'FIRN_INVALID', /no value for the parameter :a/],
    ['SELECT ?', { a: 1 }, 'FIRN_INVALID', /parameter 1 has no name/],
    ['SELECT ?1', { 1: 1 }, 'FIRN_INVALID', /parameter 1 has no name/],
    ['COMMIT', undefined, 'FIRN_INVALID', /no transaction is active/],
    ['SELECT load_extension(\'x\')', undefined, 'FIRN_INVALID', /not authorized/],
    ['SELECT abs(-9223372036854775808)', undefined, 'FIRN_INVALID', /integer overflow/],
    ['ATTACH \'/nowhere/at/all\' AS other', undefined, 'FIRN_IO', /unable to open database/],
    ['SELECT firn_attach(\'/nowhere/at/all\')', undefined, 'FIRN_DENIED', /opens nothing but its own store.*\/nowhere\/at\/all/],
    ['SELECT firn_attach(?, ?)', ['new.firn', 'create'], 'FIRN_DENIED', /opens nothing/],
    ['SELECT * FROM firn_log(?)', ['.'], 'FIRN_DENIED', /opens nothing/],
    ['SELECT fts3_tokenizer(\'x\', ?)', [Buffer.alloc(8, 0x41)], 'FIRN_INVALID', /not available|no such function/],
    ['INSERT INTO goods (id, name) SELECT 11, firn_drop(\'goods\')', undefined, 'FIRN_DENIED', /in a statement of its own/],
    ['SELECT firn_drop(name) FROM goods', undefined, 'FIRN_DENIED', /in a statement of its own/],
    [`SELECT '${'x'.repeat(5 << 20)}'`, undefined, 'FIRN_LIMIT', /longer than 4 MiB/],
    ['SELECT zeroblob(2000000000)', undefined, 'FIRN_LIMIT', /too big/]
  ]
  for (const [text, parameters, name, message] of failures) {
    await assert.rejects(store.sql(text, parameters), { name: 'FirnError', code: name, message }, text)
    await assert.rejects(store.sqlRows(text, parameters).all(), { name: 'FirnError', code: name, message }, text)
  }
  assert.deepStrictEqual(await store.sql('SELECT 1 AS a; -- and no more'), [{ a: 1n }])
  assert.strictEqual(await goods.count(), 10)
})

test('transactions of SQL', async (t) => {
  const { store, goods } = await shop(t)
  await store.sql('BEGIN')
  await store.sql('DELETE FROM goods WHERE id < 5')
  await store.sql('SAVEPOINT s')
  await store.sql('DELETE FROM goods')
  assert.deepStrictEqual(await store.sql('SELECT count(*) AS n FROM goods'), [{ n: 0n }])
  await store.sql('ROLLBACK TO s')
  assert.deepStrictEqual(await store.sql('SELECT count(*) AS n FROM goods'), [{ n: 5n }])
  assert.strictEqual(await goods.count(), 10)
  await store.sql('COMMIT')
  assert.strictEqual(await goods.count(), 5)
  await store.sql('BEGIN')
  await store.sql('UPDATE goods SET price = 1 WHERE id = 7')
  await goods.update({ id: 7, price: 2 })
  await assert.rejects(store.sql('COMMIT'), code('FIRN_CONFLICT'))
  await store.sql('ROLLBACK').catch(() => {})
  assert.strictEqual((await goods.get(7)).price, '2.00')
  await store.sql('BEGIN')
  await store.sql('DELETE FROM goods')
  await store.close() // which rolls back
})

test('a large result is read in batches, and left early', async (t) => {
  const { store, goods } = await shop(t)
  const rows = few(25000, 3000)
  const counted = `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${rows}) SELECT i, 'row ' || i AS text FROM c`
  const all = store.sqlRows(counted, undefined, { integers: 'number' })
  assert.strictEqual(all.columns, undefined)
  let sum = 0
  for await (const { i, text } of all) {
    assert.strictEqual(text, `row ${i}`)
    sum += i
  }
  assert.deepStrictEqual(all.columns, ['i', 'text'])
  assert.strictEqual(sum, rows * (rows + 1) / 2)
  assert.deepStrictEqual(await all.next(), { value: undefined, done: true })
  assert.strictEqual((await store.sql(counted)).length, rows)
  const before = native.openHandles()
  for await (const { i } of store.sqlRows(counted)) if (i === 500n) break
  const left = store.sqlRows(counted)
  assert.strictEqual((await left.next()).value.i, 1n)
  assert.strictEqual((await left.all()).length, rows - 1)
  const closed = store.sqlRows(counted)
  await closed.next()
  await closed.close()
  await closed.close()
  assert.ok(native.openHandles() <= before) // what other tests have left may be collected meanwhile
  assert.ok(goods) // which is not collected before
  // Calls that are not awaited have their turns.
  const many = store.sqlRows('SELECT id FROM goods ORDER BY id')
  const values = await Promise.all(Array.from({ length: 12 }, () => many.next()))
  assert.deepStrictEqual(values.map(({ value }) => value?.id), [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, undefined, undefined])
  // Blobs of more than a batch's bytes.
  const blobs = await store.sqlRows('SELECT zeroblob(300000) AS b FROM goods').all()
  assert.deepStrictEqual(blobs.map(({ b }) => b.length), new Array(10).fill(300000))
})

test('statements run in the order of their calls, beside rows that are being read', async (t) => {
  const { store, goods } = await shop(t)
  const reading = store.sqlRows('SELECT id FROM goods ORDER BY id')
  assert.strictEqual((await reading.next()).value.id, 0n)
  const results = await Promise.all(Array.from({ length: 50 }, (_, i) => i % 2 === 0
    ? store.sql('INSERT INTO goods (id, name) VALUES (?, ?)', [100 + i, `more ${i}`])
    : store.sql('SELECT count(*) AS n FROM goods WHERE id >= 100')))
  assert.deepStrictEqual(results.filter((_, i) => i % 2 === 1).map(([{ n }]) => n), Array.from({ length: 25 }, (_, i) => BigInt(i + 1)))
  assert.strictEqual((await reading.all()).length, 9) // the state of its beginning
  const two = store.sqlRows('SELECT a.id AS a, b.id AS b FROM goods a, goods b')
  const one = store.sqlRows('SELECT id FROM goods')
  for (let i = 0; i < 35; i++) await Promise.all([one.next(), two.next(), store.sql('SELECT 1')])
  await Promise.all([one.close(), two.close(), store.sql('SELECT 1')])
  assert.strictEqual(await goods.count(), 35)
})

const endless = 'WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c'

test('a signal cancels the statement that it was given with, and no other', async (t) => {
  const { store } = await shop(t)
  const reading = store.sqlRows('SELECT id FROM goods')
  await reading.next()
  const stop = new AbortController()
  const running = store.sql(endless, undefined, { signal: stop.signal })
  const waiting = store.sql('SELECT 5 AS five')
  const unlucky = store.sql('SELECT 6', undefined, { signal: stop.signal })
  setTimeout(() => stop.abort(new Error('mine')), 50)
  await assert.rejects(running, { message: 'mine' })
  await assert.rejects(unlucky, { message: 'mine' })
  assert.deepStrictEqual(await waiting, [{ five: 5n }])
  assert.strictEqual((await reading.all()).length, 9)
  await assert.rejects(store.sql('SELECT 1', undefined, { signal: AbortSignal.abort(new Error('early')) }), { message: 'early' })
  const later = new AbortController()
  const rows = store.sqlRows(endless, undefined, { signal: later.signal })
  setTimeout(() => later.abort(new Error('yours')), 50)
  await assert.rejects(rows.next(), { message: 'yours' })
  assert.deepStrictEqual(await rows.next(), { value: undefined, done: true })
  assert.deepStrictEqual(await store.sql('SELECT 7 AS seven'), [{ seven: 7n }])
})

test('a long scan of firn is cancelled, too', async (t) => {
  const store = await memory(t)
  const table = await store.createTable('t', 'id i64, x f64, primary key (id)')
  await table.load(Array.from({ length: few(20000, 2000) }, (_, id) => ({ id, x: id % 7 })))
  const stop = new AbortController()
  const running = store.sql('SELECT count(*) FROM t a, t b, t c WHERE a.x + b.x + c.x < 0', undefined, { signal: stop.signal })
  setTimeout(() => stop.abort(new Error('mine')), 50)
  await assert.rejects(running, { message: 'mine' })
})

test('closing the store waits for a statement, and ends what is open', async (t) => {
  const before = native.openHandles()
  const store = await firn.openMemory()
  const table = await store.createTable('t', 'id i64, primary key (id)')
  const rows = store.sqlRows('SELECT * FROM t')
  await rows.next()
  const fresh = store.sqlRows('SELECT * FROM t')
  const many = few(300000, 20000)
  const running = store.sql(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${many}) INSERT INTO t SELECT i FROM c`)
  const second = store.sql('SELECT count(*) AS n FROM t')
  while ((await Promise.race([running, new Promise((resolve) => setImmediate(resolve, 'soon'))])) !== 'soon') assert.fail('it ended too soon')
  assert.throws(() => store.closeSync(), code('FIRN_BUSY'))
  const closing = store.close()
  await assert.rejects(store.sql('SELECT 1'), code('FIRN_MISUSE'))
  assert.deepStrictEqual(await running, [])
  assert.deepStrictEqual(await second, [{ n: BigInt(many) }])
  await closing
  await assert.rejects(store.sql('SELECT 1'), code('FIRN_MISUSE'))
  await assert.rejects(store.sqlRows('SELECT 1').next(), code('FIRN_MISUSE'))
  await assert.rejects(fresh.next(), code('FIRN_MISUSE'))
  await rows.close()
  await fresh.close()
  await assert.rejects(table.get(1), code('FIRN_MISUSE'))
  assert.ok(native.openHandles() <= before) // what other tests have left may be collected meanwhile
})

test('stores in memory, read-only ones, and two of one path are told apart', async (t) => {
  const one = await memory(t)
  const two = await memory(t)
  for (const [id, store] of [one, two].entries()) await (await store.createTable('t', 'id i64, primary key (id)')).insert({ id })
  assert.deepStrictEqual(await Promise.all([one.sql('SELECT id FROM t'), two.sql('SELECT id FROM t')]), [[{ id: 0n }], [{ id: 1n }]])
  const place = path.join(directory(t), 'store')
  const writer = await firn.open(place)
  await (await writer.createTable('t', 'id i64, primary key (id)')).insert({ id: 5 })
  const reader = await firn.open(place, { readOnly: true })
  const late = firn.openSync(place, { readOnly: true })
  assert.deepStrictEqual(await reader.sql('SELECT count(*) AS n FROM t'), [{ n: 1n }])
  await writer.sql('INSERT INTO t VALUES (6)')
  for (const store of [reader, late]) {
    await store.refresh()
    assert.deepStrictEqual(await store.sql('SELECT count(*) AS n FROM t'), [{ n: 2n }])
  }
  for (const store of [reader, late]) await assert.rejects(store.sql('INSERT INTO t VALUES (7)'), code('FIRN_READ_ONLY'))
  await writer.close()
  assert.deepStrictEqual(await reader.sql('SELECT count(*) AS n FROM t'), [{ n: 2n }])
  await reader.close()
  await late.close()
})

test('a store that SQL of another one has attached is not closed under it', async (t) => {
  const one = await memory(t)
  const two = await firn.openMemory()
  await (await two.createTable('t', 'id i64, primary key (id)')).insert({ id: 1 })
  const [{ sql }] = await two.sql("SELECT sql FROM sqlite_temp_schema WHERE name = 't'")
  const [, place] = /firn\('([^']*)'/.exec(sql)
  await one.sql('SELECT firn_attach(?, ?)', [place, 'name=other'])
  assert.deepStrictEqual(await one.sql('SELECT id FROM t'), [{ id: 1n }])
  await assert.rejects(two.close(), code('FIRN_BUSY'))
  assert.throws(() => two.closeSync(), code('FIRN_BUSY'))
  assert.deepStrictEqual(await two.sql('SELECT id FROM t'), [{ id: 1n }])
  await one.sql("SELECT firn_detach('other')")
  await two.close()
  // A process ends with such stores, in any order.
  const source = `const firn = require(${index}); (async () => {
    const stores = [await firn.openMemory(), await firn.openMemory()]
    for (const store of stores) await store.createTable('t', 'id i64, primary key (id)')
    const of = async (store) => /firn\\('([^']*)'/.exec((await store.sql("SELECT sql FROM sqlite_temp_schema WHERE name = 't'"))[0].sql)[1]
    await stores[0].sql('SELECT firn_attach(?, ?, ?)', [await of(stores[1]), 'name=other', 'prefix=x'])
    await stores[1].sql('SELECT firn_attach(?, ?, ?)', [await of(stores[0]), 'name=other', 'prefix=x'])
    console.log((await stores[0].sql('SELECT count(*) AS n FROM xt'))[0].n)
  })()`
  const ended = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' })
  assert.deepStrictEqual([ended.status, ended.stdout], [0, '0n\n'], ended.stderr)
})

test('what a database file of others says has no effect', async (t) => {
  const { store, goods } = await shop(t)
  const dir = directory(t)
  const calls = ["firn_drop('goods')", "firn_checkpoint('x')", "firn_create('DROP TABLE goods')", "firn_detach('store')", "firn_at('goods', 'latest')"]
  const places = ['CREATE TABLE notes(a, CHECK(CALL IS NOT NULL))', 'CREATE TABLE notes(a, b DEFAULT(CALL))',
    'CREATE TABLE notes(a); CREATE VIEW v AS SELECT CALL AS a',
    'CREATE TABLE notes(a); CREATE TRIGGER r AFTER INSERT ON notes BEGIN SELECT CALL; END']
  const uses = ['INSERT INTO f.notes(a) VALUES (1)', 'PRAGMA f.quick_check', 'PRAGMA f.integrity_check', 'UPDATE f.notes SET a = 2', 'SELECT * FROM f.v']
  const scripts = calls.flatMap((call) => places.map((place) => place.replace('CALL', call)))
  // Its maker has functions of these names: Python's SQLite can be given some.
  const maker = `import sqlite3, sys
for i, script in enumerate(sys.argv[2:]):
    db = sqlite3.connect(sys.argv[1] + "/%d.db" % i)
    for name in "firn_drop", "firn_checkpoint", "firn_create", "firn_detach", "firn_at":
        for count in range(4): db.create_function(name, count, lambda *values: 1, deterministic=True)
    db.executescript(script)
    db.close()`
  if (spawnSync('python3', ['-c', maker, dir, ...scripts]).status !== 0) return t.skip('needs python3 with sqlite3')
  for (const i of scripts.keys()) {
    await store.sql('ATTACH ? AS f', [path.join(dir, `${i}.db`)])
    for (const use of uses) await store.sql(use).catch(() => undefined)
    await store.sql('DETACH f')
    assert.strictEqual(await goods.count(), 10)
    assert.deepStrictEqual(await store.sql('SELECT * FROM firn_checkpoints()'), [], scripts[i])
  }
})

test('forgotten results and stores are closed by the garbage collection', async (t) => {
  if (globalThis.gc === undefined) return t.skip('needs --expose-gc')
  const before = native.openHandles()
  let kept
  await (async () => {
    for (let i = 0; i < 10; i++) {
      const store = await firn.openMemory()
      await (await store.createTable('t', 'id i64, primary key (id)')).insert({ id: i })
      const rows = store.sqlRows('SELECT id FROM t')
      if (i % 2 === 0) await rows.next()
      if (i % 3 === 0) void store.sql('SELECT * FROM t') // still under way
      if (i === 9) kept = rows
    }
  })()
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.deepStrictEqual(await kept.all(), [{ id: 9n }]) // rows keep their store
  kept = undefined
  for (let i = 0; i < 300 && native.openHandles() > before; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.ok(native.openHandles() <= before)
})

test('workers run SQL at once, and end in the middle of it', async (t) => {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const firn = require(${index})
    ;(async () => {
      const store = await firn.openMemory()
      await store.createTable('t', 'id i64, primary key (id)')
      for (let i = 0; i < 200; i++) void store.sql('INSERT INTO t VALUES (?)', [i])
      const [{ n }] = await store.sql('SELECT count(*) AS n FROM t')
      const rows = store.sqlRows('SELECT id FROM t')
      await rows.next()
      if (workerData === 'close') await store.close()
      else for (let i = 0; i < 50; i++) void store.sql('INSERT INTO t SELECT max(id) + 1 FROM t').catch(() => {})
      parentPort.postMessage(n)
      if (workerData === 'exit') process.exit(0)
    })()`
  const endings = few(['close', 'exit', 'terminate', 'natural'], ['exit', 'terminate'])
  const counts = await Promise.all(endings.map((ending) => new Promise((resolve, reject) => {
    const worker = new Worker(source, { eval: true, workerData: ending })
    let count
    worker.once('message', (n) => { count = n; if (ending === 'terminate') void worker.terminate() })
    worker.once('error', reject).once('exit', () => resolve(count))
  })))
  assert.deepStrictEqual(counts, endings.map(() => 200n))
})

test('what SQL has written is there after the process ends', (t) => {
  const endings = { natural: '', exit: 'process.exit(0)', thrown: 'setImmediate(() => { throw new Error("mine") })', kill: 'process.kill(process.pid, "SIGKILL")' }
  for (const [name, ending] of Object.entries(endings)) {
    const place = path.join(directory(t), 'store')
    const source = `const firn = require(${index}); (async () => {
      const store = await firn.open(process.argv[1])
      await store.createTable('t', 'id i64, primary key (id)')
      await store.sql('INSERT INTO t VALUES (1)')
      await store.sqlRows('SELECT * FROM t').next()
      store.sql('SELECT count(*) FROM t')
      ${ending}
    })()`
    const ended = spawnSync(process.execPath, ['-e', source, place], { encoding: 'utf8' })
    assert.strictEqual(ended.signal, name === 'kill' ? 'SIGKILL' : null, ended.stderr)
    const store = firn.openSync(place, { lockTimeout: 1000 })
    assert.strictEqual(native.openHandles() > 0, true)
    t.after(() => store.close())
    return store.sql('SELECT count(*) AS n FROM t').then((rows) => assert.deepStrictEqual(rows, [{ n: 1n }], name))
  }
})

test('aggregates, vectors and history in SQL', async (t) => {
  const { store, goods } = await shop(t)
  assert.deepStrictEqual(await store.sql('SELECT id % 2 AS odd, count(*) AS n, sum(price) AS total FROM goods WHERE price >= ? GROUP BY odd ORDER BY odd', [2.5]),
    [{ odd: 0n, n: 3n, total: 18 }, { odd: 1n, n: 4n, total: 24 }])
  assert.deepStrictEqual(await store.sql('SELECT count(*) AS n, sum(price) AS total FROM goods WHERE name >= ?', ['n5']), [{ n: 5n, total: 35 }])
  await store.sql('UPDATE goods SET v = ? WHERE id = 1', [new Float32Array([1, 0])])
  await goods.update({ id: 2, v: [0, 1] })
  assert.deepStrictEqual(await store.sql("SELECT id FROM goods WHERE v IS NOT NULL ORDER BY firn_distance(v, ?, 'l2') LIMIT 1", [[0.9, 0.1]]), [{ id: 1n }])
  await store.checkpoint('first')
  await store.sql('DELETE FROM goods WHERE id = 3')
  assert.deepStrictEqual((await store.sql("SELECT name FROM firn_checkpoints('store')")).map(({ name }) => name), ['first'])
})
