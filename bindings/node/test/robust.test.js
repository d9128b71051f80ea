// SPDX-License-Identifier: Apache-2.0
//
// robust.test.js: what must never crash: closed handles, wrong arguments, garbage collection, workers, exits, child processes.
'use strict'

const assert = require('node:assert')
const { spawnSync, fork } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const path = require('node:path')
const { firn, test, few, directory, memory, code } = require('./support')
const { native } = require('../lib/native')

const index = JSON.stringify(path.join(__dirname, '..'))

test('handles below a closed store give FIRN_MISUSE, and closing them again does nothing', async (t) => {
  const store = await firn.openMemory()
  const space = store.keyspaceSync('s')
  const table = await store.createTable('t', 'id i32, primary key (id)')
  space.putSync('a', '1')
  await table.insert({ id: 1 })
  const transaction = await store.begin()
  const snapshot = store.snapshotSync()
  const batch = store.batch()
  const iterators = [space.keys(), snapshot.keys(space), transaction.keys(space), table.scan(), table.in(transaction).scan()]
  for (const iterator of iterators) await iterator.next()
  await store.close()
  for (const closed of [() => space.get('a'), () => space.put('a', '1'), () => table.get(1), () => transaction.put(space, 'a', '1'), () => transaction.commit(),
    () => snapshot.get(space, 'a'), () => batch.write(), () => store.keyspace('s'), () => store.checkpoint(), () => store.diff(), () => store.begin(),
    () => space.entries().next(), () => table.scan().next(), () => table.search('v', [1]), () => table.check(), () => table.importText('x'), () => store.diffTable('t')]) {
    await assert.rejects(async () => closed(), code('FIRN_MISUSE'))
  }
  for (const closed of [() => space.getSync('a'), () => space.putSync('a', '1'), () => space.getInto('a', Buffer.alloc(1)), () => batch.put(space, 'a', '1'), () => batch.length]) {
    assert.throws(closed, code('FIRN_MISUSE'))
  }
  for (const closable of [...iterators, transaction, snapshot, batch, store]) await closable.close()
  store.closeSync()
})

test('a close waits for calls that are under way, and lets no new ones begin', async (t) => {
  const store = await firn.openMemory()
  const space = store.keyspaceSync('s')
  const writes = Array.from({ length: 500 }, (_, i) => space.put(`k${i}`, 'v'))
  const reads = Array.from({ length: 500 }, (_, i) => space.get(`k${i}`))
  const iterator = space.keys()
  const first = iterator.next()
  assert.throws(() => store.closeSync(), code('FIRN_BUSY'))
  const closing = store.close()
  await assert.rejects(space.get('k1'), code('FIRN_MISUSE'))
  await Promise.all([...writes, ...reads, first, closing])
})

test('what belongs to a transaction is closed in its turn', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('s')
  const table = await store.createTable('t', 'id i64, x i64, primary key (id)')
  await table.load(Array.from({ length: few(100000, 10000) }, (_, id) => ({ id, x: id % 7 })))
  const transaction = await store.begin()
  await transaction.put(space, 'k', 'v')
  const keys = transaction.keys(space)
  await keys.next()
  const order = []
  const last = few(100000, 10000) - 1
  const scan = table.in(transaction).scan({ where: `id = 0 or id = ${last} or x * x + x * 3 + id * 0 > 1000` })
  assert.strictEqual((await scan.next()).value.id, 0n)
  const scanning = scan.next().then(() => order.push('scan'))
  await new Promise((resolve) => setImmediate(resolve)) // it runs
  await Promise.all([scanning, keys.close().then(() => order.push('close'))])
  assert.deepStrictEqual(order, ['scan', 'close'])
  await transaction.rollback()
})

test('what belongs to another store is refused', async (t) => {
  const one = await memory(t)
  const two = await memory(t)
  const space = one.keyspaceSync('s')
  const table = await one.createTable('t', 'id i32, v vector(1), primary key (id)')
  const transaction = await two.begin()
  const snapshot = two.snapshotSync()
  for (const owner of [transaction, snapshot]) {
    for (const foreign of [() => space.in(owner).get('k'), () => space.in(owner).getMany(['k']), () => space.in(owner).keys().next(), () => space.in(owner).put('k', 'v'),
      () => table.in(owner).get(1), () => table.in(owner).insert({ id: 1 }), () => table.in(owner).scan().next(), () => table.in(owner).search('v', [1]), () => table.in(owner).delete(1)]) {
      await assert.rejects(async () => foreign(), code('FIRN_INVALID'), String(foreign))
    }
  }
  for (const wrong of [space, {}, null, undefined, 5, two]) {
    assert.throws(() => space.in(wrong), code('FIRN_INVALID'))
    assert.throws(() => table.in(wrong), code('FIRN_INVALID'))
  }
  await transaction.close()
  await snapshot.close()
})

test('any arguments in any function give a result or an error', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('s')
  const table = await store.createTable('t', 'id i32, v vector(2), primary key (id)')
  await table.insert({ id: 1, v: [1, 2] })
  const handles = () => Object.getOwnPropertySymbols(store).concat(Object.getOwnPropertySymbols(space)).map((symbol) => store[symbol] ?? space[symbol])
  const numbers = handles().filter((value) => typeof value === 'number')
  if (native.sqlOpen !== undefined) {
    const connection = await native.sqlConnect(numbers[0])
    numbers.push(connection, await native.sqlOpen(connection, 'SELECT id FROM t WHERE id > ?', undefined, [0]))
  }
  const detached = new Uint8Array(8)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const trap = new Proxy([], { get () { throw new RangeError('trap') } })
  const values = [undefined, null, true, false, 0, 1, 2, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, 2 ** 63, 1n, -1n, 2n ** 64n, '', 's', 't', 'a\0b', '\ud800', 'id', '?', 'SELECT ? + :a', 'INSERT INTO t (id) VALUES (5)', 'BEGIN', 'ROLLBACK',
    'x'.repeat(3000), Symbol('s'), {}, [], [1], ['a'], [undefined], [[]], [{}], Buffer.from('key'), Buffer.alloc(0), detached, new Float32Array(2), new Float64Array(1),
    new DataView(new ArrayBuffer(3)), new ArrayBuffer(2), new SharedArrayBuffer(8), new Uint8Array(new SharedArrayBuffer(8)), () => {}, new Date(), new Date(NaN), trap,
    Object.create(null), new Array(50), { length: -1 }, new Map(), /x/, ...numbers, ...numbers, ...numbers]
  const forbidden = new Set(['setErrorClass', 'close', 'closeSync', 'open', 'openSync', 'destroy', 'destroySync', 'importStore', 'importStoreSync', 'wsOpen', 'wsOpenSync', 'tableExport', 'tableExportSync'])
  // No files are written: these take paths.
  const names = Object.keys(native).filter((name) => !forbidden.has(name))
  let seed = Number(process.env.FIRN_TEST_SEED ?? 1)
  const random = (below) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below
  let calls = 0
  let worked = 0
  const waiting = []
  for (let i = 0; i < few(30000, 2000); i++) {
    const name = names[random(names.length)]
    if (name.startsWith('upkeep')) continue // clones and exports to any path
    const given = Array.from({ length: random(12) }, (_, k) => k === 0 && random(4) > 0 ? numbers[random(numbers.length)] : values[random(values.length)])
    calls++
    try {
      const result = native[name](...given)
      if (result instanceof Promise) waiting.push(result.then(() => { worked++ }, (error) => assert.ok(error instanceof Error)))
      else worked++
    } catch (error) {
      assert.ok(error instanceof Error, `${name}: ${String(error)}`)
    }
    if (waiting.length > 200) await Promise.all(waiting.splice(0))
  }
  await Promise.all(waiting)
  assert.ok(calls > few(20000, 1000) && worked > few(400, 20), `${worked} of ${calls} calls worked`)
  await store.check() // rejects if it finds anything wrong
})

test('a thenable or getter that throws, and a buffer that changes meanwhile, harm nothing', async (t) => {
  const store = await memory(t)
  const space = store.keyspaceSync('s')
  const key = Buffer.from('key')
  const value = Buffer.from('value')
  const put = space.put(key, value)
  key.fill(0)
  value.fill(0)
  await put
  assert.strictEqual(space.getSync('key').toString(), 'value')
  const keys = ['a', 'b', { toString () { throw new RangeError('mine') } }]
  await assert.rejects(space.getMany(keys), code('FIRN_INVALID'))
  await assert.rejects(firn.open('/nowhere/store', { get memory () { throw new RangeError('mine') } }), RangeError)
  const table = await store.createTable('t', 'id i32, primary key (id)')
  await assert.rejects(table.insert({ get id () { throw new RangeError('mine') } }), RangeError)
})

test('what is forgotten is closed by the garbage collection, in any order', async (t) => {
  if (globalThis.gc === undefined) return t.skip('needs --expose-gc')
  const before = native.openHandles()
  await (async () => {
    for (let i = 0; i < 20; i++) {
      const store = await firn.openMemory()
      const space = await store.keyspace('s')
      space.putSync('a', '1')
      const transaction = await store.begin()
      const iterators = [space.keys(), transaction.keys(space), store.snapshotSync().keys(space), store.batch()]
      await iterators[i % 3].next()
      const table = await store.createTable('t', 'id i32, primary key (id)')
      await table.insert({ id: 1 })
      await table.scan().next()
      if (i % 2 === 0) void space.get('a') // still under way
    }
  })()
  for (let i = 0; i < 200 && native.openHandles() > before; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.ok(native.openHandles() <= before) // what other tests have left may be collected meanwhile
})

test('handles are given back', async (t) => {
  const before = native.openHandles()
  const store = await firn.openMemory()
  const space = await store.keyspace('s')
  for (let i = 0; i < few(2000, 100); i++) {
    const iterator = space.keys()
    await iterator.next()
    await iterator.close()
    await store.transaction(async (transaction) => transaction.put(space, 'k', 'v'))
  }
  await store.close()
  assert.ok(native.openHandles() <= before) // what other tests have left may be collected meanwhile
})

function run (source, args = [], options = {}) {
  return spawnSync(process.execPath, ['-e', `const firn = require(${index}); const [place] = process.argv.slice(1); (async () => { ${source} })()`, ...args], { encoding: 'utf8', ...options })
}

test('a process ends with open stores and pending work, and what was acknowledged is there', async (t) => {
  const endings = {
    natural: 'await space.put("done", "1"); store.snapshotSync(); space.keys();',
    exit: 'await space.put("done", "1"); for (let i = 0; i < 1000; i++) space.put("k" + i, "v"); process.exit(0)',
    exitBusy: 'await space.put("done", "1"); store.compact(); store.check(); setImmediate(() => process.exit(0))',
    thrown: 'await space.put("done", "1"); space.put("a", "b"); setImmediate(() => { throw new Error("mine") })',
    abort: 'await space.put("done", "1"); space.put("a", "b"); process.kill(process.pid, "SIGKILL")'
  }
  for (const [name, source] of Object.entries(endings)) {
    const place = path.join(directory(t), 'store')
    const ended = run(`const store = await firn.open(place); const space = await store.keyspace("s"); ${source}`, [place])
    assert.strictEqual(ended.signal, name === 'abort' ? 'SIGKILL' : null, `${name}: ${ended.stderr}`)
    assert.strictEqual(ended.status, name === 'abort' ? null : name === 'thrown' ? 1 : 0, `${name}: ${ended.stderr}`)
    const store = await firn.open(place, { lockTimeout: 1000 })
    assert.strictEqual((await (await store.keyspace('s')).get('done')).toString(), '1', name)
    await store.close()
  }
})

test('workers have their own handles, end with pending work, and give back the lock', async (t) => {
  const place = path.join(directory(t), 'store')
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const firn = require(${index})
    firn.open(workerData.place, { lockTimeout: 10000 }).then(async (store) => {
      const space = await store.keyspace('s')
      await space.put('k' + workerData.i, 'v')
      for (let i = 0; i < 200; i++) void space.put('p' + i, 'v').catch(() => {})
      void store.snapshotSync().keys(space).all().catch(() => {})
      const transaction = await store.begin()
      void transaction.put(space, 'x', 'y')
      parentPort.postMessage('open')
      if (workerData.i % 3 === 0) await store.close()
      if (workerData.i % 3 === 1) process.exit(0)
      setInterval(() => {}, 1000)
    })`
  const workers = few(9, 3)
  for (let i = 0; i < workers; i++) {
    const worker = new Worker(source, { eval: true, workerData: { place, i } })
    await new Promise((resolve, reject) => { worker.once('message', resolve).once('error', reject) })
    await worker.terminate()
  }
  const store = await firn.open(place)
  const space = await store.keyspace('s')
  for (let i = 0; i < workers; i++) assert.strictEqual(space.hasSync(`k${i}`), true)
  await store.close()
})

test('several workers work at once in stores of their own', async (t) => {
  const source = `
    const { parentPort } = require('node:worker_threads')
    const firn = require(${index})
    ;(async () => {
      const store = await firn.openMemory()
      const space = await store.keyspace('s', { valueEncoding: 'json' })
      await Promise.all(Array.from({ length: 500 }, (_, i) => space.put('k' + i, i)))
      const values = await space.getMany(Array.from({ length: 500 }, (_, i) => 'k' + i))
      await store.close()
      parentPort.postMessage(values.reduce((a, b) => a + b))
    })()`
  const sums = await Promise.all(Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
    new Worker(source, { eval: true }).once('message', resolve).once('error', reject)
  })))
  assert.deepStrictEqual(sums, new Array(4).fill(500 * 499 / 2))
})

test('child processes have no handles of their parent; the lock names who has the store', async (t) => {
  const place = path.join(directory(t), 'store')
  const store = await firn.open(place)
  t.after(() => store.close())
  const file = path.join(directory(t), 'child.js')
  require('node:fs').writeFileSync(file, `const firn = require(${index}); firn.open(process.argv[2]).catch((error) => process.send([error.code, error.message]))`)
  const child = fork(file, [place])
  const [name, message] = await new Promise((resolve) => child.once('message', resolve))
  assert.strictEqual(name, 'FIRN_BUSY')
  assert.ok(message.includes(String(process.pid)), message)
})
