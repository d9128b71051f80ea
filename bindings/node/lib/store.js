// SPDX-License-Identifier: Apache-2.0
//
// store.js: stores, snapshots and transactions.
'use strict'

const { setTimeout: delay } = require('node:timers/promises')
const { native, forgotten, handle } = require('./native')
const { invalid, choice, object, numbers, reference, referenceNeeded, references, named, durabilities, compressions, ciphers, isolations, keyArguments } = require('./options')
const { Keyspace, Batch } = require('./keyspace')
const { monitored } = require('./monitor')
const sql = require('./sql')
const { Table, openTable, createTable } = require('./table')

const SYNC = 0
const FLUSH = 1
const REFRESH = 2
const COMPACT = 3
const CLONE = 4
const CHECK = 5
const STATS = 6
const EXPORT = 7
const DROP_KEYSPACE = 8

const ATTEMPTS = 100

const accepted = {
  open: ['createIfMissing', 'failIfExists', 'readOnly', 'durability', 'lockTimeout', 'memory', 'threads', 'compression', 'readPending',
    'cipher', 'key'],
  operation: ['type', 'keyspace', 'key', 'value', 'ttl'],
  begin: ['isolation', 'readOnly'],
  snapshot: ['checkpoint'],
  diff: [...named.long, 'keyspace', 'limit'],
  diffTable: [...named.long, ...named.table, 'limit'],
  export: [...named.long, 'checkpoint', 'replace', 'clear', 'key'],
  importStore: [...named.long, 'key'],
  checkLocked: [...named.long, 'skipContents']
}
accepted.openMemory = [...accepted.open, 'limit']
accepted.transaction = [...accepted.begin, ...named.write, 'attempts']

function openArguments (path, options) {
  options = object(options, path === undefined ? accepted.openMemory : accepted.open)
  return [path, options.limit, options.createIfMissing === false, options.failIfExists, options.readOnly,
    choice(durabilities, options.durability, 'durability'), options.lockTimeout, options.memory, options.threads,
    choice(compressions, options.compression, 'compression'), options.readPending,
    choice(ciphers, options.cipher, 'cipher'), ...keyArguments(options)]
}

/** An object with a handle. A second close does nothing. */
class Handle {
  constructor (id) {
    this[handle] = id
    forgotten.register(this, id, this)
  }

  async close () {
    if (!this.#take()) return
    try {
      await native.close(this[handle])
    } catch (error) {
      if (error.code === 'FIRN_BUSY') this.#giveBack() // it is still open
      if (error.code !== 'FIRN_MISUSE') throw error // its store was closed before
    }
  }

  closeSync () {
    if (!this.#take()) return
    try {
      native.closeSync(this[handle])
    } catch (error) {
      if (error.code === 'FIRN_BUSY') this.#giveBack()
      if (error.code !== 'FIRN_MISUSE') throw error
    }
  }

  #isClosed = false
  #take () {
    if (this.#isClosed) return false
    this.#isClosed = true
    forgotten.unregister(this)
    return true
  }

  #giveBack () {
    this.#isClosed = false
    forgotten.register(this, this[handle], this)
  }
}
if (Symbol.asyncDispose !== undefined) {
  Handle.prototype[Symbol.asyncDispose] = async function () { await this.close() }
}

class Snapshot extends Handle {
  constructor (store, id) {
    super(id)
    this.store = store
  }

  get isTransaction () {
    return false
  }

  async keyspace (name, options) {
    options = object(options, named.keyspace)
    const keyspace = new Keyspace(this.store, await native.keyspaceOpen(this[handle], name), name, options)
    return keyspace.in(this)
  }

  async keyspaces () {
    return native.names(this[handle], false)
  }

  async table (name, options) {
    return openTable(this.store, this, name, options)
  }

  async tables () {
    return native.names(this[handle], true)
  }

  async get (keyspace, key) {
    return view(keyspace, this).get(key)
  }

  getSync (keyspace, key) {
    return view(keyspace, this).getSync(key)
  }

  async getMany (keyspace, keys) {
    return view(keyspace, this).getMany(keys)
  }

  async has (keyspace, key) {
    return view(keyspace, this).has(key)
  }

  entries (keyspace, options) {
    return view(keyspace, this).entries(options)
  }

  keys (keyspace, options) {
    return view(keyspace, this).keys(options)
  }

  values (keyspace, options) {
    return view(keyspace, this).values(options)
  }
}

function view (keyspace, owner) {
  if (!(keyspace instanceof Keyspace)) throw invalid('a Keyspace must be given')
  return keyspace.in(owner)
}

class Transaction extends Snapshot {
  get isTransaction () {
    return true
  }

  async keyspace (name, options) {
    const keyspace = await this.store.keyspace(name, options)
    return keyspace.in(this)
  }

  async keyspaces () {
    return this.store.keyspaces()
  }

  async table (name, options) {
    return openTable(this.store, this, name, options)
  }

  async tables () {
    return this.store.tables()
  }

  async put (keyspace, key, value, options) {
    return view(keyspace, this).put(key, value, object(options, ['ttl']))
  }

  putSync (keyspace, key, value, options) {
    view(keyspace, this).putSync(key, value, object(options, ['ttl']))
  }

  async del (keyspace, key) {
    return view(keyspace, this).del(key)
  }

  delSync (keyspace, key) {
    view(keyspace, this).delSync(key)
  }

  async delRange (keyspace, lower, upper) {
    return view(keyspace, this).delRange(lower, upper)
  }

  async merge (operator, keyspace, key, operand) {
    return view(keyspace, this).merge(operator, key, operand)
  }

  async savepoint () {
    return native.txnSavepoint(this[handle])
  }

  async rollbackTo (savepoint) {
    return native.txnRollbackTo(this[handle], savepoint)
  }

  async release (savepoint) {
    return native.txnRelease(this[handle], savepoint)
  }

  async commit (options) {
    const durability = choice(durabilities, object(options, named.write).durability, 'durability')
    await native.txnCommit(this[handle], durability)
    await this.close()
  }

  /** Discards the writes. */
  async rollback () {
    return this.close()
  }
}

class Store extends Handle {
  #isReadOnly
  #connection // a promise of the connection that SQL uses

  constructor (id, path, options) {
    super(id)
    this.path = path
    this.#isReadOnly = Boolean(options?.readOnly)
  }

  async close () {
    this.#connection = undefined
    return super.close()
  }

  closeSync () {
    super.closeSync()
    this.#connection = undefined
  }

  // ---- keyspaces ----

  async keyspace (name, options) {
    options = object(options, named.keyspace)
    return new Keyspace(this, await native.keyspaceOpen(this[handle], name, options.createIfMissing === false, options.failIfExists), name, options)
  }

  keyspaceSync (name, options) {
    options = object(options, named.keyspace)
    return new Keyspace(this, native.keyspaceOpenSync(this[handle], name, options.createIfMissing === false, options.failIfExists), name, options)
  }

  async keyspaces () {
    return native.names(this[handle], false)
  }

  async dropKeyspace (name) {
    return native.upkeep(this[handle], DROP_KEYSPACE, name)
  }

  // ---- tables ----

  /** Creates a table from a definition such as 'id i64 auto, name text not null, primary key (id)'. */
  async createTable (name, definition, options) {
    return createTable(this, name, definition, options)
  }

  async table (name, options) {
    return openTable(this, undefined, name, options)
  }

  async tables () {
    return native.names(this[handle], true)
  }

  async dropTable (name) {
    return native.tableDrop(this[handle], name)
  }

  // ---- SQL ----

  #connect () {
    if (this.#connection === undefined) {
      const connecting = native.sqlConnect(this[handle], this.#isReadOnly)
      connecting.catch(() => { if (this.#connection === connecting) this.#connection = undefined })
      this.#connection = connecting
    }
    return this.#connection
  }

  /** The rows of a statement of SQL over the tables and keyspaces of the store. Options: integers, signal. */
  async sql (text, parameters, options) {
    return sql.all(this, () => this.#connect(), text, parameters, options)
  }

  /** The same, as an async iterator that fetches the rows in batches. */
  sqlRows (text, parameters, options) {
    return new sql.SqlRows(this, () => this.#connect(), text, parameters, options)
  }

  // ---- writing together ----

  /** A batch to add to; or commits an array of { type: 'put' | 'del', keyspace, key, value }. */
  batch (operations, options) {
    if (operations === undefined) return new Batch(this)
    return this.#writeBatch(operations, options)
  }

  async #writeBatch (operations, options) {
    object(options, named.write)
    if (!Array.isArray(operations)) throw invalid('operations must be an array')
    const batch = new Batch(this)
    try {
      for (const operation of operations) {
        const { type, keyspace, key, value, ttl } = object(operation, accepted.operation, 'an operation')
        if (type === 'put') batch.put(keyspace, key, value, { ttl })
        else if (type === 'del') batch.del(keyspace, key)
        else throw invalid("type must be 'put' or 'del'")
      }
      await batch.write(options)
    } finally {
      await batch.close()
    }
  }

  async begin (options) {
    options = object(options, accepted.begin)
    return new Transaction(this, await native.txnBegin(this[handle], choice(isolations, options.isolation, 'isolation'), options.readOnly))
  }

  /** Calls work(transaction) and commits; again, in a new transaction, if another commit came first. */
  async transaction (work, options) {
    if (typeof work !== 'function') throw invalid('the work of a transaction must be a function')
    const { attempts = ATTEMPTS, durability, ...begin } = object(options, accepted.transaction)
    for (let attempt = 1; ; attempt++) {
      const transaction = await this.begin(begin)
      try {
        const result = await work(transaction)
        await transaction.commit({ durability })
        return result
      } catch (error) {
        await transaction.close()
        if (error?.code !== 'FIRN_CONFLICT' || attempt >= attempts) throw error
        await delay(Math.random() * Math.min(100, 2 ** Math.min(attempt, 7)))
      }
    }
  }

  // ---- states ----

  /** The store's data at this moment, or at a checkpoint. */
  async snapshot (options) {
    return new Snapshot(this, await native.snapshotOpen(this[handle], reference(object(options, accepted.snapshot).checkpoint)))
  }

  snapshotSync (options) {
    return new Snapshot(this, native.snapshotOpenSync(this[handle], reference(object(options, accepted.snapshot).checkpoint)))
  }

  /** The store's data at a checkpoint. */
  async at (checkpoint) {
    return this.snapshot({ checkpoint: referenceNeeded(checkpoint) })
  }

  async checkpoint (name) {
    return native.checkpointCreate(this[handle], name)
  }

  async checkpoints (options) {
    return native.checkpointList(this[handle], object(options, ['safety']).safety)
  }

  async findCheckpoint (checkpoint) {
    return native.checkpointFind(this[handle], referenceNeeded(checkpoint))
  }

  async deleteCheckpoints (...checkpoints) {
    return native.checkpointDelete(this[handle], references(checkpoints))
  }

  async restore (checkpoint) {
    return native.restore(this[handle], referenceNeeded(checkpoint))
  }

  async undo () {
    return native.undo(this[handle])
  }

  /** What differs between two checkpoints; undefined: the present. Options: keyspace, limit, signal. */
  async diff (before, after, options) {
    options = object(options, accepted.diff)
    return monitored(options, (monitor) => native.diff(this[handle], reference(before), reference(after), options.keyspace, options.limit, monitor))
  }

  /** The rows of a table that differ between two checkpoints; undefined: the present. Options: limit, integers, signal. */
  async diffTable (name, before, after, options) {
    options = object(options, accepted.diffTable)
    const asNumbers = numbers(options)
    return monitored(options, (monitor) => native.tableDiff(this[handle], name, reference(before), reference(after), options.limit, asNumbers, monitor))
  }

  // ---- upkeep ----

  async sync () {
    return native.upkeep(this[handle], SYNC)
  }

  async flush () {
    return native.upkeep(this[handle], FLUSH)
  }

  async refresh () {
    return native.upkeep(this[handle], REFRESH)
  }

  async compact (options) {
    return monitored(object(options, named.long), (monitor) => native.upkeep(this[handle], COMPACT, undefined, undefined, undefined, monitor))
  }

  async clone (path, options) {
    return monitored(object(options, named.long), (monitor) => native.upkeep(this[handle], CLONE, path, undefined, undefined, monitor))
  }

  async check (options) {
    return monitored(object(options, named.long), (monitor) => native.upkeep(this[handle], CHECK, undefined, undefined, undefined, monitor))
  }

  async stats () {
    return JSON.parse(await native.upkeep(this[handle], STATS))
  }

  /** Writes a checkpoint, or the present state, into one file. Options: checkpoint, replace, clear, key, and those of long calls. */
  async export (path, options) {
    options = object(options, accepted.export)
    return monitored(options, (monitor) => native.upkeep(this[handle], EXPORT, path, reference(options.checkpoint), options.replace, monitor, options.clear, ...keyArguments(options)))
  }
}

async function open (path, options) {
  if (typeof path !== 'string') throw invalid('path must be a string')
  return new Store(await native.open(...openArguments(path, options)), path, options)
}

function openSync (path, options) {
  if (typeof path !== 'string') throw invalid('path must be a string')
  return new Store(native.openSync(...openArguments(path, options)), path, options)
}

/** A store in memory, gone when it is closed. */
async function openMemory (options) {
  return new Store(await native.open(...openArguments(undefined, options)), undefined)
}

async function destroy (path) {
  return native.destroy(path)
}

/** Verifies the checksums of an encrypted store without its key. Options: skipContents (of packs), and those of long calls. */
async function checkLocked (path, options) {
  options = object(options, accepted.checkLocked)
  return monitored(options, (monitor) => native.checkLocked(path, options.skipContents, monitor))
}

/** Creates a store in a directory from a file that Store.export wrote. */
async function importStore (file, path, options) {
  if (typeof file !== 'string') throw invalid('file must be a string')
  options = object(options, accepted.importStore)
  return monitored(options, (monitor) => native.importStore(path, file, monitor, ...keyArguments(options)))
}

module.exports = { open, openSync, openMemory, checkLocked, destroy, importStore, Store, Snapshot, Transaction, Handle }
