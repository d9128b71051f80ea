// SPDX-License-Identifier: Apache-2.0
//
// types/use.ts: the package as a program in TypeScript uses it. Compiled by types.test.js, with --strict, and run.
import * as assert from 'node:assert'
import * as firn from '../..'

async function main (): Promise<void> {
  const store: firn.Store = await firn.openMemory({ memory: 16 << 20 })
  const users = await store.keyspace('users', { keyEncoding: 'utf8', valueEncoding: 'json' })
  await users.put('ada', { born: 1815 })
  const ada = await users.get('ada')
  assert.strictEqual(ada.born, 1815)
  const raw = store.keyspaceSync('raw')
  await raw.put('k', new Uint8Array([1]), { durability: 'os', ttl: 100000 })
  const value: Buffer | undefined = raw.getSync('k')
  assert.strictEqual(value?.[0], 1)
  const keys: string[] = []
  for await (const [key] of users.entries({ gte: 'a', reverse: true })) keys.push(key)
  assert.deepStrictEqual(keys, ['ada'])
  const total: number = await store.transaction(async (transaction) => {
    await transaction.put(users, 'bob', { born: 1900 })
    return (await transaction.keys(users).all()).length
  }, { isolation: 'serializable' })
  assert.strictEqual(total, 2)
  const { number }: firn.Checkpoint = await store.checkpoint('first')
  assert.strictEqual(number, 1)
  await store.restore(number)
  const table = await store.createTable('t', 'id i64 auto, name text, v vector(2), primary key (id)')
  const id: bigint | undefined = await table.insert({ name: 'x', v: [1, 2] })
  assert.strictEqual(id, 1n)
  for await (const batch of table.batches({ select: 'id' })) assert.ok(batch.array('id') instanceof BigInt64Array)
  const differences: firn.RowDifference[] = await store.diffTable('t', 'first', undefined, { limit: 1 })
  assert.strictEqual(differences[0].after?.id, 1n)
  const { rows }: { rows: number } = await table.check()
  assert.strictEqual(rows, 1)
  const found = await table.search('v', new Float32Array([1, 2]), { k: 1, columns: ['name'] })
  assert.strictEqual(found[0].row.name, 'x')
  const many = await table.searchMany('v', [new Float32Array([1, 2]), [2, 1]], { k: 1, columns: ['name'] })
  assert.strictEqual(many[1][0].row.name, 'x')
  const counted: firn.Row[] = await store.sql('SELECT count(*) AS n FROM t WHERE name = :name', { name: 'x' }, { integers: 'number' })
  assert.strictEqual(counted[0].n, 1)
  for await (const row of store.sqlRows('SELECT ? AS a', [1n])) assert.strictEqual(row.a, 1n)
  try {
    await store.restore('none')
  } catch (error) {
    if (!(error instanceof firn.FirnError)) throw error
    const code: firn.ErrorCode = error.code
    assert.strictEqual(code, 'FIRN_NOT_FOUND')
  }
  {
    await using workspace = await firn.openWorkspace('.', { store: '/none/none', isRoot: true })
    assert.strictEqual(workspace.tooBroad, undefined)
    const kept: Promise<firn.Keys> = workspace.remoteKeysList('origin')
    await assert.rejects(kept.then(({ slots: [slot], state }) => `${slot.kind} ${state}`))
    await assert.rejects(workspace.remoteKeysAdd('a passphrase', { remote: 'origin', label: 'ada', key: new Uint8Array(32) }))
    await assert.rejects(firn.keysRekey('/none/none', { key: 'a passphrase', lockTimeout: 0 }).then(({ left }) => left))
    const remotes: firn.Remote[] = await workspace.remotes()
    assert.deepStrictEqual(remotes, [])
    const lines: Promise<firn.Line[]> = workspace.lines('origin')
    await assert.rejects(lines)
    const push: firn.PushOptions = { remote: 'origin', references: ['latest', 1], bytesPerSecondMax: 5_000_000 }
    await assert.rejects(workspace.push(push).then(({ bytes }: firn.Pushed) => bytes))
    await assert.rejects(workspace.pull('origin').then(({ lines }: firn.Pulled) => lines))
    await assert.rejects(workspace.remotePrune({ keep: 'all:30d', dryRun: true }).then(({ removedPacks }: firn.Pruned) => removedPacks))
    await assert.rejects(workspace.remoteRekey({ bytesMax: 1_000_000 }).then(({ isDone }: firn.RemoteRekeyed) => isDone))
    await assert.rejects(workspace.remoteCheck({ readData: true }).then(({ broken }: firn.RemoteCheck) => broken))
    await assert.rejects(workspace.remoteCheckLocked({ readData: true }).then(({ damaged }: firn.LockedRemoteCheck) => damaged))
    await assert.rejects(workspace.remoteLog('origin').then(([change]: firn.RemoteChange[]) => change.at))
    await using snapshot = await store.snapshot()
    await using transaction = await store.begin()
    await transaction.put(users, 'eve', {})
    await using batch = store.batch()
    await using iterator = snapshot.entries(users)
    await using rows = table.scan()
    await using result = store.sqlRows('SELECT 1')
    assert.ok(batch.length === 0 && (await iterator.next()).value?.[0] === 'ada' && (await rows.next()).value?.id === 1n)
    void result
  }
  assert.strictEqual(await users.has('eve'), false)
  await store.close()
}

// What must not compile.
async function wrong (store: firn.Store): Promise<void> {
  const users = await store.keyspace('users', { keyEncoding: 'utf8' })
  // @ts-expect-error: keys are strings
  await users.get(5)
  // @ts-expect-error: no such durability
  await users.put('k', 'v', { durability: 'none' })
  // @ts-expect-error: no such option
  await store.sql('SELECT 1', [], { integer: 'number' })
  const workspace = await firn.openWorkspace('.')
  // @ts-expect-error: a reference is a text or a number
  await workspace.push({ references: [true] })
  // @ts-expect-error: no value of SQL
  await store.sql('SELECT ?', [{}])
  // @ts-expect-error: stores are opened, not made
  const made = new firn.Store()
  void made
}
void wrong

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
