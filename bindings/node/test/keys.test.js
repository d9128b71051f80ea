// SPDX-License-Identifier: Apache-2.0
//
// keys.test.js: keys of encrypted stores and of encrypted remotes.
'use strict'

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { firn, test, directory, code } = require('./support')

const KEY = Buffer.alloc(48, 'key')
const OTHER = new Uint8Array(48).fill(7)
for (const name of ['FIRN_KEY_FILE', 'FIRN_KEY_COMMAND', 'FIRN_REMOTE_KEY_FILE', 'FIRN_REMOTE_KEY_COMMAND']) delete process.env[name]

async function encrypted (t) {
  const place = path.join(directory(t), 'store')
  const store = await firn.open(place, { cipher: 'aes-256-gcm', key: KEY })
  await (await store.keyspace('words')).put('a', 'winter')
  await store.close()
  return place
}

async function opens (place, key) {
  try {
    const store = await firn.open(place, { key })
    const value = await (await store.keyspace('words')).get('a')
    await store.close()
    return String(value) === 'winter'
  } catch (error) {
    assert.strictEqual(error.code, 'FIRN_DENIED')
    return false
  }
}

/** The files below a directory that have a text in them. */
function filesWith (place, text) {
  return fs.readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && fs.readFileSync(path.join(entry.parentPath ?? entry.path, entry.name)).includes(text)).length
}

test('slots are listed, added, changed and removed', async (t) => {
  const place = await encrypted(t)
  const { slots, ...keys } = await firn.keysList(place)
  assert.deepStrictEqual(keys, { cipher: 'aes-256-gcm', masterKeys: 1, isRemembered: false, isKept: false, state: 'settled' })
  assert.deepStrictEqual(slots.map(({ number, kind, label }) => [number, kind, label]), [[1, 'file', '']])
  assert.ok(Math.abs(slots[0].added - Date.now()) < 3600e3 && typeof slots[0].addedNs === 'bigint')
  assert.strictEqual(await firn.keysAdd(place, 'correct horse', { label: 'ada', key: KEY }), 2)
  assert.deepStrictEqual([await opens(place, 'correct horse'), await opens(place, KEY), await opens(place, 'wrong horse')], [true, true, false])
  await firn.keysChange(place, 2, 'battery staple', { key: KEY })
  assert.deepStrictEqual([await opens(place, 'battery staple'), await opens(place, 'correct horse')], [true, false])
  const made = await firn.keysAddRecovery(place, { key: 'battery staple', label: 'in the safe' })
  assert.ok(made.number === 3 && made.code.length > 20 && await opens(place, made.code))
  await firn.keysRemove(place, 1, { key: made.code })
  assert.strictEqual(await opens(place, KEY), false)
  assert.deepStrictEqual((await firn.keysList(place)).slots.map(({ kind, label }) => [kind, label]), [['passphrase', 'ada'], ['recovery', 'in the safe']])
  await firn.keysRemove(place, 2, { key: made.code })
  await assert.rejects(firn.keysRemove(place, 3, { key: made.code }), code('FIRN_INVALID'))
  await assert.rejects(firn.keysChange(place, 9, KEY, { key: made.code }), code('FIRN_NOT_FOUND'))
})

test('what cannot be meant is refused', async (t) => {
  const place = await encrypted(t)
  const denied = [() => firn.keysAdd(place, OTHER, { key: OTHER }), () => firn.keysRotate(place), () => firn.keysRekey(place, { key: OTHER }), () => firn.keysDecrypt(place, { key: OTHER })]
  for (const call of denied) await assert.rejects(call, code('FIRN_DENIED'))
  const refused = [() => firn.keysAdd(place), () => firn.keysAdd(place, 5, { key: KEY }), () => firn.keysAdd(place, 'x', { key: 5 }), () => firn.keysAdd(place, Buffer.alloc(8), { key: KEY }),
    () => firn.keysAdd(place, Buffer.alloc(5000), { key: KEY }), () => firn.keysEncrypt(place, { cipher: 'rot13' }), () => firn.keysRemove(place, -1, { key: KEY }), () => firn.keysList(),
    () => firn.keysList(''), () => firn.keysForget(null), () => firn.keysRemember(place, 'x', { key: KEY })]
  for (const call of refused) await assert.rejects(call, code('FIRN_INVALID'), String(call))
  await assert.rejects(firn.keysRotate(place, { kee: KEY }), TypeError)
  await assert.rejects(firn.keysRotate(place, { remote: 'origin' }), TypeError)
  await assert.rejects(firn.keysList(place + '-none'), code('FIRN_NOT_FOUND'))
  const store = await firn.open(place, { key: KEY })
  await assert.rejects(firn.keysRotate(place, { key: KEY, lockTimeout: 0 }), code('FIRN_BUSY'))
  await store.close()
  assert.strictEqual((await firn.keysList(place)).slots.length, 1)
})

test('a rotation is ended by writing the store anew', async (t) => {
  const place = await encrypted(t)
  await firn.keysRotate(place, { key: KEY })
  assert.strictEqual((await firn.keysList(place)).masterKeys, 2)
  const { rekeyed, left, packs } = await firn.keysRekey(place, { key: KEY, onProgress: () => {} })
  assert.ok(rekeyed > 0 && left === 0 && packs === 0)
  assert.strictEqual((await firn.keysList(place)).masterKeys, 1)
  await assert.rejects(firn.keysRekey(place, { key: KEY, signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.ok(await opens(place, KEY))
})

test('all keys are replaced by one', async (t) => {
  const place = await encrypted(t)
  await assert.rejects(firn.keysReplace(place, null, { key: KEY }))
  assert.strictEqual(await firn.keysReplace(place, OTHER, { key: KEY, label: 'now' }), 2)
  assert.ok(await opens(place, OTHER))
  assert.ok(!await opens(place, KEY))
  assert.deepStrictEqual((await firn.keysList(place)).slots.map((slot) => slot.label), ['now'])
})

test('a store in clear becomes encrypted, and clear again', async (t) => {
  const place = path.join(directory(t), 'store')
  const store = await firn.open(place)
  await (await store.keyspace('words')).put('a', 'winter')
  await store.close()
  assert.strictEqual((await firn.keysList(place)).cipher, 'none')
  await assert.rejects(firn.keysEncrypt(place), code('FIRN_DENIED'))
  await firn.keysEncrypt(place, { cipher: 'aes-256-gcm', key: 'correct horse' })
  assert.strictEqual((await firn.keysList(place)).state, 'encrypting')
  assert.ok(filesWith(place, 'winter') > 0)
  assert.strictEqual((await firn.keysRekey(place, { key: 'correct horse' })).left, 0)
  assert.strictEqual(filesWith(place, 'winter'), 0)
  await assert.rejects(firn.keysEncrypt(place, { key: 'correct horse' }), code('FIRN_EXISTS'))
  await firn.keysDecrypt(place, { key: 'correct horse' })
  assert.strictEqual((await firn.keysRekey(place, { key: 'correct horse' })).left, 0)
  assert.strictEqual((await firn.keysList(place)).cipher, 'none')
  assert.ok(await opens(place))
})

test('the session keyring', async (t) => {
  const place = await encrypted(t)
  try {
    await firn.keysRemember(place, 60, { key: KEY })
  } catch (error) {
    assert.strictEqual(error.code, 'FIRN_UNSUPPORTED')
    return t.skip('no session keyring')
  }
  assert.ok((await firn.keysList(place)).isRemembered && await opens(place))
  assert.strictEqual(await firn.keysForget(place), 1)
  assert.ok(await firn.keysForget() >= 0 && !await opens(place))
})

function tree (t) {
  const place = directory(t)
  const root = path.join(place, 'work')
  fs.mkdirSync(root)
  fs.writeFileSync(path.join(root, 'a.txt'), 'about winter')
  return { place, root, options: { store: path.join(place, 'store'), isRoot: true } }
}

test('a workspace is encrypted, and opened by its key', async (t) => {
  const { place, root, options } = tree(t)
  const opened = await firn.openWorkspace(root, { ...options, cipher: 'automatic', key: 'correct horse' })
  await opened.save('first')
  await opened.close()
  assert.strictEqual(filesWith(path.join(place, 'store'), 'winter'), 0)
  for (const key of [undefined, 'wrong horse']) {
    const denied = await firn.openWorkspace(root, { ...options, key })
    await assert.rejects(denied.list(), code('FIRN_DENIED'))
    await denied.close()
  }
  const again = await firn.openWorkspace(root, { ...options, key: 'correct horse' })
  assert.strictEqual((await again.list()).length, 1)
  await again.close()
  await assert.rejects(firn.openWorkspace(root, { ...options, cipher: 'rot13' }), code('FIRN_INVALID'))
  await assert.rejects(firn.openWorkspace(root, { ...options, key: 5 }), code('FIRN_INVALID'))
})

test('a collection writes the store anew', async (t) => {
  const { root, options } = tree(t)
  const opened = await firn.openWorkspace(root, options)
  await opened.save('first')
  await assert.rejects(opened.gc({ rekey: true }), code('FIRN_INVALID'))
  const { rekeyed, rekeyLeft } = await opened.gc()
  assert.deepStrictEqual([rekeyed, rekeyLeft], [0, 0])
  await opened.close()
  await firn.keysEncrypt(options.store, { key: KEY })
  const { left, packs } = await firn.keysRekey(options.store, { key: KEY })
  assert.ok(left === 1 && packs === 1 && filesWith(options.store, 'winter') === 1)
  const again = await firn.openWorkspace(root, { ...options, key: KEY })
  const collected = await again.gc({ rekey: true })
  assert.ok(collected.rekeyed >= 1 && collected.rekeyLeft === 0)
  assert.strictEqual((await again.gc({ withoutKey: true })).leftovers, 0)
  await again.check({ readData: true })
  await again.close()
  assert.strictEqual(filesWith(options.store, 'winter'), 0)
  assert.strictEqual((await firn.keysList(options.store)).state, 'settled')
})

test('the keys of a remote', async (t) => {
  const { place, root, options } = tree(t)
  const shared = path.join(place, 'shared')
  const opened = await firn.openWorkspace(root, { ...options, key: KEY })
  for (const call of [() => opened.remoteKeysList(), () => opened.remoteKeysRotate(), () => opened.remoteKeysForget(), () => opened.remoteKeysList('none')]) {
    await assert.rejects(call(), code('FIRN_NOT_FOUND'))
  }
  await opened.remoteAdd('origin', shared, { encrypt: true })
  await opened.save('first')
  await opened.push()
  const keys = await opened.remoteKeysList()
  assert.ok(keys.cipher !== 'none' && keys.masterKeys === 1 && keys.slots[0].kind === 'file')
  assert.strictEqual(await opened.remoteKeysAdd('correct horse', { label: 'ada' }), 2)
  const made = await opened.remoteKeysAddRecovery({ remote: 'origin', key: KEY })
  assert.ok(made.number === 3 && made.code.length > 20)
  await opened.remoteKeysChange(2, 'battery staple', { key: 'correct horse' })
  await assert.rejects(opened.remoteKeysRotate({ key: 'correct horse' }), code('FIRN_DENIED'))
  await opened.remoteKeysRotate({ key: 'battery staple' })
  assert.strictEqual((await opened.remoteKeysList('origin')).masterKeys, 2)
  await opened.remoteKeysRemove(1, { key: made.code })
  assert.deepStrictEqual((await opened.remoteKeysList(shared)).slots.map(({ number, label }) => [number, label]), [[2, 'ada'], [3, '']])
  await assert.rejects(opened.remoteKeysAdd(), code('FIRN_INVALID'))
  await assert.rejects(opened.remoteKeysRotate({ cipher: 'none' }), TypeError)
  await opened.save('second')
  await opened.close()
  const again = await firn.openWorkspace(root, { ...options, key: made.code })
  assert.strictEqual((await again.push()).checkpoints, 1)
  await again.close()
})
