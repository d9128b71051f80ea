// SPDX-License-Identifier: Apache-2.0
//
// options.test.js: every function that takes options refuses one whose name it does not know. index.d.ts says which functions these are.
'use strict'

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { firn, test, directory, code } = require('./support')

const types = fs.readFileSync(path.join(__dirname, '..', 'index.d.ts'), 'utf8')

/** 'Store.compact' and the like for each function whose declaration has options, or what is like them. */
function declared () {
  const names = new Set()
  let owner = ''
  for (const line of types.split('\n')) {
    const opened = /^export (?:class|interface) (\w+)/.exec(line)
    if (opened !== null) owner = opened[1]
    if (line === '}') owner = ''
    const member = /^(?:export function|  )\s*(\w+)(?:<.*?>)? ?\(.*\b(?:options\??|bounds|operations): /.exec(line)
    if (member !== null && owner !== 'KeyspaceReads') names.add(owner === '' ? member[1] : `${owner}.${member[1]}`)
  }
  return names
}

test('an unknown option is a TypeError that lists those that are known', async (t) => {
  const place = directory(t)
  const at = (name) => path.join(place, name)
  const store = await firn.open(at('store'))
  t.after(() => store.close())
  const space = await store.keyspace('s')
  await space.put('k', 'v')
  const table = await store.createTable('t', 'id i64, name text, v vector(1), primary key (id)')
  await table.insert({ id: 1, name: 'x' })
  await store.checkpoint('first')
  const snapshot = store.snapshotSync()
  const transaction = await store.begin()
  const batch = store.batch()
  fs.mkdirSync(at('tree'))
  fs.writeFileSync(at('tree/a'), 'a')
  const work = await firn.openWorkspace(at('tree'), { store: at('history'), isRoot: true })
  t.after(() => work.close())
  await work.save('one')

  const calls = {
    open: (o) => firn.open(at('new'), o),
    openSync: (o) => firn.openSync(at('new'), o),
    openMemory: (o) => firn.openMemory(o),
    importStore: (o) => firn.importStore(at('none'), at('new'), o),
    checkLocked: (o) => firn.checkLocked(at('none'), o),
    keysAdd: (o) => firn.keysAdd(at('store'), 'x', o),
    keysAddRecovery: (o) => firn.keysAddRecovery(at('store'), o),
    keysChange: (o) => firn.keysChange(at('store'), 1, 'x', o),
    keysRemove: (o) => firn.keysRemove(at('store'), 1, o),
    keysRotate: (o) => firn.keysRotate(at('store'), o),
    keysReplace: (o) => firn.keysReplace(at('store'), 'x', o),
    keysEncrypt: (o) => firn.keysEncrypt(at('store'), o),
    keysDecrypt: (o) => firn.keysDecrypt(at('store'), o),
    keysRekey: (o) => firn.keysRekey(at('store'), o),
    keysRemember: (o) => firn.keysRemember(at('store'), 1, o),
    openWorkspace: (o) => firn.openWorkspace(at('tree'), o),
    'Store.keyspace': (o) => store.keyspace('new', o),
    'Store.keyspaceSync': (o) => store.keyspaceSync('new', o),
    'Store.createTable': (o) => store.createTable('new', 'id i64, primary key (id)', o),
    'Store.table': (o) => store.table('t', o),
    'Store.batch': (o) => store.batch([{ type: 'put', keyspace: space, key: 'new', value: '' }], o),
    'Store.sql': (o) => store.sql('SELECT 1', [], o),
    'Store.sqlRows': (o) => store.sqlRows('SELECT 1', [], o),
    'Store.begin': (o) => store.begin(o),
    'Store.transaction': (o) => store.transaction(() => assert.fail('it began'), o),
    'Store.snapshot': (o) => store.snapshot(o),
    'Store.snapshotSync': (o) => store.snapshotSync(o),
    'Store.checkpoints': (o) => store.checkpoints(o),
    'Store.diff': (o) => store.diff('first', undefined, o),
    'Store.diffTable': (o) => store.diffTable('t', 'first', undefined, o),
    'Store.compact': (o) => store.compact(o),
    'Store.clone': (o) => store.clone(at('new'), o),
    'Store.check': (o) => store.check(o),
    'Store.export': (o) => store.export(at('new'), o),
    'Keyspace.entries': (o) => space.entries(o),
    'Keyspace.keys': (o) => space.keys(o),
    'Keyspace.values': (o) => space.values(o),
    'Keyspace.put': (o) => space.put('new', 'v', o),
    'Keyspace.putSync': (o) => space.putSync('new', 'v', o),
    'Keyspace.del': (o) => space.del('k', o),
    'Keyspace.delSync': (o) => space.delSync('k', o),
    'Keyspace.insert': (o) => space.insert('new', 'v', o),
    'Keyspace.insertSync': (o) => space.insertSync('new', 'v', o),
    'Keyspace.compareAndPut': (o) => space.compareAndPut('k', 'v', 'w', o),
    'Keyspace.compareAndPutSync': (o) => space.compareAndPutSync('k', 'v', 'w', o),
    'Keyspace.merge': (o) => space.merge('append', 'k', 'more', o),
    'Keyspace.mergeSync': (o) => space.mergeSync('append', 'k', 'more', o),
    'Keyspace.delRange': (o) => space.delRange('a', 'z', o),
    'Keyspace.delRangeSync': (o) => space.delRangeSync('a', 'z', o),
    'Keyspace.clear': (o) => space.clear(o),
    'Keyspace.clearSync': (o) => space.clearSync(o),
    'Batch.put': (o) => batch.put(space, 'new', 'v', o),
    'Batch.write': (o) => batch.write(o),
    'Batch.writeSync': (o) => batch.writeSync(o),
    'Snapshot.keyspace': (o) => snapshot.keyspace('s', o),
    'Snapshot.table': (o) => snapshot.table('t', o),
    'Snapshot.entries': (o) => snapshot.entries(space, o),
    'Snapshot.keys': (o) => snapshot.keys(space, o),
    'Snapshot.values': (o) => snapshot.values(space, o),
    'Transaction.put': (o) => transaction.put(space, 'new', 'v', o),
    'Transaction.putSync': (o) => transaction.putSync(space, 'new', 'v', o),
    'Transaction.commit': (o) => transaction.commit(o),
    'Table.insert': (o) => table.insert({ id: 9 }, o),
    'Table.insertMany': (o) => table.insertMany([{ id: 9 }, { id: 10, name: 'x' }], o),
    'Table.upsert': (o) => table.upsert({ id: 1 }, o),
    'Table.upsertMany': (o) => table.upsertMany([], o),
    'Table.update': (o) => table.update({ id: 1, name: 'y' }, o),
    'Table.delete': (o) => table.delete(1, o),
    'Table.deleteRange': (o) => table.deleteRange(o),
    'Table.add': (o) => table.add(1, 'id', 1, o),
    'Table.load': (o) => table.load([{ id: 9 }], o),
    'Table.get': (o) => table.get(1, o),
    'Table.getSync': (o) => table.getSync(1, o),
    'Table.getMany': (o) => table.getMany([1], o),
    'Table.scan': (o) => table.scan(o),
    'Table.batches': (o) => table.batches(o),
    'Table.search': (o) => table.search('v', [1], o),
    'Table.searchMany': (o) => table.searchMany('v', [[1]], o),
    'Table.importText': (o) => table.importText(at('none'), o),
    'Table.exportText': (o) => table.exportText(at('new'), o),
    'Table.check': (o) => table.check(o),
    'Table.addIndex': (o) => table.addIndex('by_name', ['name'], o),
    'Table.addVectorIndex': (o) => table.addVectorIndex('by_v', 'v', o),
    'Workspace.save': (o) => work.save(o),
    'Workspace.status': (o) => work.status(o),
    'Workspace.diff': (o) => work.diff(o),
    'Workspace.restore': (o) => work.restore('1', o),
    'Workspace.undo': (o) => work.undo(o),
    'Workspace.redo': (o) => work.redo(o),
    'Workspace.log': (o) => work.log(o),
    'Workspace.steps': (o) => work.steps(o),
    'Workspace.resume': (o) => work.resume(o),
    'Workspace.revert': (o) => work.revert(o),
    'Workspace.list': (o) => work.list(o),
    'Workspace.read': (o) => work.read('1', 'a', o),
    'Workspace.tag': (o) => work.tag('new', '1', o),
    'Workspace.delete': (o) => work.delete('1', o),
    'Workspace.expire': (o) => work.expire('all:1d', o),
    'Workspace.gc': (o) => work.gc(o),
    'Workspace.check': (o) => work.check(o),
    'Workspace.push': (o) => work.push(o),
    'Workspace.pull': (o) => work.pull(o),
    'Workspace.remoteAdd': (o) => work.remoteAdd('never', '/nowhere', o),
    'Workspace.remotePrune': (o) => work.remotePrune(o),
    'Workspace.remoteRekey': (o) => work.remoteRekey(o),
    'Workspace.remoteCheck': (o) => work.remoteCheck(o),
    'Workspace.remoteCheckLocked': (o) => work.remoteCheckLocked(o),
    'Workspace.remoteLog': (o) => work.remoteLog(o),
    'Workspace.remoteKeysAdd': (o) => work.remoteKeysAdd('x', o),
    'Workspace.remoteKeysAddRecovery': (o) => work.remoteKeysAddRecovery(o),
    'Workspace.remoteKeysChange': (o) => work.remoteKeysChange(1, 'x', o),
    'Workspace.remoteKeysRemove': (o) => work.remoteKeysRemove(1, o),
    'Workspace.remoteKeysRotate': (o) => work.remoteKeysRotate(o),
    'Workspace.remoteKeysReplace': (o) => work.remoteKeysReplace('x', o),
    'Workspace.remoteKeysRemember': (o) => work.remoteKeysRemember(1, o)
  }
  const expected = declared()
  assert.ok(expected.size > 80, String(expected.size))
  assert.deepStrictEqual(new Set(Object.keys(calls)), expected)

  for (const [name, call] of Object.entries(calls)) {
    const isSync = name.endsWith('Sync') || /\.(sqlRows|entries|keys|values|scan|batches)$|^Batch\.put$/.test(name)
    let message
    const isRight = (error) => {
      message = error.message
      return error.constructor === TypeError && message.includes('"creat"')
    }
    const given = { creat: true }
    if (isSync) assert.throws(() => call(given), isRight, name)
    else await assert.rejects(async () => { const promise = call(given); assert.ok(promise instanceof Promise, name); await promise }, isRight, name)
    const [, list] = /accepted: (.*)\)$/.exec(message) ?? []
    assert.ok(list !== undefined, `${name}: ${message}`)
    // Each name that is listed is a name in the types, and is accepted: the error names the other one.
    for (const option of list.split(', ')) {
      assert.match(types, new RegExp(`\\b${option}\\?:`), `${name}: ${option}`)
      await assert.rejects(async () => call({ [option]: undefined, creat: undefined }), /"creat"/, `${name}: ${option}`)
    }
    for (const wrong of ['text', 5, [], () => {}]) {
      if ((wrong === 'text' && /\.(save|push|pull|remotePrune|remoteRekey|remoteCheck|remoteCheckLocked|remoteLog)$/.test(name)) || (/text|5/.test(wrong) && name.endsWith('.revert'))) continue // a message, a reference, a remote
      if (isSync) assert.throws(() => call(wrong), code('FIRN_INVALID'), name)
      else await assert.rejects(async () => call(wrong), code('FIRN_INVALID'), name)
    }
  }
  await assert.rejects(store.batch([{ type: 'put', keyspace: space, key: 'new', vlaue: 'v' }]), { name: 'TypeError', message: /"vlaue" \(accepted: type, keyspace, key, value, ttl\)/ })
  // None of these calls has done anything.
  assert.deepStrictEqual([await store.keyspaces(), await store.tables(), await table.count(), (await space.get('k')).toString(), space.hasSync('new'), batch.length], [['s'], ['t'], 1, 'v', false, 0])
  assert.deepStrictEqual([fs.existsSync(at('new')), (await work.list()).length, (await work.tags()).length], [false, 1, 0])
})

test('options that are known are taken, also those of null and undefined', async (t) => {
  const store = await firn.openMemory({ limit: 1 << 30, durability: undefined, memory: null })
  t.after(() => store.close())
  const space = await store.keyspace('s', null)
  for (const options of [undefined, null, {}, Object.create(null), { durability: 'os' }, { durability: 'full', ttl: undefined }]) {
    await space.put('k', 'v', options)
    space.putSync('k', 'v', options)
  }
  assert.strictEqual(await store.transaction((transaction) => transaction.put(space, 'k', 'w', { ttl: 100000 }), { isolation: 'serializable', durability: 'os', attempts: 3 }), undefined)
  assert.strictEqual((await space.get('k')).toString(), 'w')
  // Options of a prototype of one's own count as such.
  const reading = await store.begin(Object.create({ readOnly: true }))
  await assert.rejects(reading.put(space, 'k', 'x'), code('FIRN_READ_ONLY'))
  await reading.close()
})

test('an option that is no boolean, and a bound that is missing, are named', async (t) => {
  const place = directory(t)
  const store = await firn.open(`${place}/store`)
  t.after(() => store.close())
  const space = await store.keyspace('s')
  const table = await store.createTable('t', 'id i64, primary key (id)')
  const work = await firn.openWorkspace(place, { store: `${place}/history`, isRoot: true })
  t.after(() => work.close())
  const invalid = (message) => ({ ...code('FIRN_INVALID'), message })
  await assert.rejects(firn.open(`${place}/new`, { readOnly: 'yes' }), invalid('readOnly must be a boolean'))
  await assert.rejects(firn.open(`${place}/new`, { failIfExists: 1 }), invalid('failIfExists must be a boolean'))
  await assert.rejects(table.scan({ descending: 1 }).all(), invalid('descending must be a boolean'))
  await assert.rejects(store.createTable('u', 'id i64, primary key (id)', { existsOk: 1 }), invalid('existsOk must be a boolean'))
  await assert.rejects(work.save({ ifChanged: 1 }), invalid('ifChanged must be a boolean'))
  await assert.rejects(work.gc({ full: 1 }), invalid('full must be a boolean'))
  await assert.rejects(work.check({ readData: 1 }), invalid('readData must be a boolean'))
  await assert.rejects(space.delRange('a'), invalid(/^the upper bound must be a string/))
  assert.throws(() => space.delRangeSync(undefined, 'b'), invalid(/^the lower bound must be a string/))
  const batch = store.batch()
  assert.throws(() => batch.delRange(space, 'a'), invalid(/^the upper bound must be a string/))
  await batch.close()
})
