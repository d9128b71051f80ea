// SPDX-License-Identifier: Apache-2.0
//
// keyspace.js: a keyspace as it is now, in a snapshot, or in a transaction.
'use strict'

const { native, forgotten, handle } = require('./native')
const { invalid, choice, object, encoding, named, durabilities, operators } = require('./options')
const { Iterator, range } = require('./iterator')

const PUT = 0
const DELETE = 1
const INSERT = 2
const COMPARE = 3
const MERGE = 4
const DELETE_RANGE = 5
const CLEAR = 6

// Which options each of them takes.
const acceptedOf = [named.put, named.write, named.put, named.put, named.write, named.write, named.write]

// Small values that are read synchronously are cut from one buffer after another, as Node's own small Buffers are.
const POOL_BYTES = 64 << 10
const POOLED_BYTES = 4 << 10
let pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let used = 0

const context = Symbol('context')

/** A number as the 8 bytes that merges use. */
function number (value) {
  const bytes = Buffer.allocUnsafe(8)
  try {
    bytes.writeBigInt64LE(BigInt(value))
  } catch (error) {
    throw invalid('a merge needs a whole number of at most 64 bits')
  }
  return bytes
}

class Keyspace {
  #keys
  #values

  constructor (store, id, name, options, owner) {
    this[handle] = id
    this[context] = owner // a snapshot or a transaction, or undefined
    this.store = store
    this.name = name
    this.#keys = encoding(options.keyEncoding, 'keyEncoding', name)
    this.#values = encoding(options.valueEncoding, 'valueEncoding', name)
    this.options = options
    if (owner === undefined) forgotten.register(this, id)
  }

  get #in () {
    const owner = this[context]
    return owner === undefined ? undefined : owner[handle]
  }

  get #txn () {
    const owner = this[context]
    if (owner === undefined) return undefined
    if (!owner.isTransaction) throw invalid('a keyspace of a snapshot can only be read')
    return owner[handle]
  }

  /** The keyspace as a transaction or a snapshot sees it. */
  in (owner) {
    if (typeof owner?.isTransaction !== 'boolean') throw invalid('a transaction or a snapshot must be given')
    const view = new Keyspace(this.store, this[handle], this.name, this.options, owner)
    view.from = this // the keyspace is not forgotten before its views
    return view
  }

  // ---- reading ----

  async get (key) {
    const value = await native.get(this[handle], this.#in, this.#keys.encode(key))
    return value === undefined ? undefined : this.#values.decode(value)
  }

  getSync (key) {
    key = this.#keys.encode(key)
    if (this[context] !== undefined) {
      const value = native.getSync(this[handle], this.#in, key)
      return value === undefined ? undefined : this.#values.decode(value)
    }
    let size = native.getInto(this[handle], key, pool, used)
    if (size < 0) return undefined
    if (size > POOL_BYTES - used) {
      if (size > POOLED_BYTES) return this.#getLarge(key, size)
      pool = Buffer.allocUnsafeSlow(POOL_BYTES)
      used = 0
      const again = native.getInto(this[handle], key, pool, used)
      if (again < 0) return undefined
      if (again > POOL_BYTES) return this.#getLarge(key, again)
      size = again
    }
    if (this.#values.isText) return pool.toString('utf8', used, used + size)
    const value = pool.subarray(used, used + size)
    used = Math.min((used + size + 7) & ~7, POOL_BYTES)
    return this.#values.decode(value)
  }

  #getLarge (key, size) {
    for (;;) { // another thread may make it larger meanwhile
      const value = Buffer.allocUnsafeSlow(size)
      const now = native.getInto(this[handle], key, value, 0)
      if (now < 0) return undefined
      if (now <= size) return this.#values.decode(value.subarray(0, now))
      size = now
    }
  }

  /** Copies the value into a buffer. Returns its size, which may be more than there is room for; undefined: no value. */
  getInto (key, buffer, offset = 0) {
    if (this[context] !== undefined) throw invalid('getInto reads the present state only')
    const size = native.getInto(this[handle], this.#keys.encode(key), buffer, offset)
    return size < 0 ? undefined : size
  }

  #cutMany ([slab, sizes]) {
    const values = new Array(sizes.length)
    let at = 0
    for (let i = 0; i < values.length; i++) {
      const size = sizes[i]
      if (size < 0) {
        values[i] = undefined
      } else {
        values[i] = this.#values.decode(slab.subarray(at, at + size))
        at += size
      }
    }
    return values
  }

  #encodeKeys (keys) {
    if (!Array.isArray(keys)) throw invalid('keys must be an array')
    return keys.map(this.#keys.encode)
  }

  async getMany (keys) {
    return this.#cutMany(await native.getMany(this[handle], this.#in, this.#encodeKeys(keys)))
  }

  getManySync (keys) {
    return this.#cutMany(native.getManySync(this[handle], this.#in, this.#encodeKeys(keys)))
  }

  async has (key) {
    return native.get(this[handle], this.#in, this.#keys.encode(key), true)
  }

  hasSync (key) {
    return native.getSync(this[handle], this.#in, this.#keys.encode(key), true)
  }

  // ---- iterating ----

  #iterate (options, keysOnly, cut) {
    const { lower, upper, prefix, reverse, limit } = range(options, this.#keys)
    const inTransaction = this[context]?.isTransaction
    const openCursor = inTransaction ? native.cursorOpen : native.cursorOpenSync
    return new Iterator(openCursor(this[handle], this.#in, lower, upper, prefix, keysOnly), reverse, limit, cut)
  }

  /** Entries [key, value] in the order of their keys; options: gt, gte, lt, lte, prefix, reverse, limit. */
  entries (options) {
    const keys = this.#keys
    const values = this.#values
    return this.#iterate(options, false, (slab, at, middle, end) => [keys.decode(slab.subarray(at, middle)), values.decode(slab.subarray(middle, end))])
  }

  keys (options) {
    const keys = this.#keys
    return this.#iterate(options, true, (slab, at, middle) => keys.decode(slab.subarray(at, middle)))
  }

  values (options) {
    const values = this.#values
    return this.#iterate(options, false, (slab, at, middle, end) => values.decode(slab.subarray(middle, end)))
  }

  [Symbol.asyncIterator] () {
    return this.entries()
  }

  // ---- writing ----

  #write (operation, key, value, options, expected, operator) {
    options = object(options, acceptedOf[operation])
    return native.write(this[handle], this.#txn, operation, key, value, choice(durabilities, options.durability, 'durability'), options.ttl, expected, operator)
  }

  #writeSync (operation, key, value, options, expected, operator) {
    options = object(options, acceptedOf[operation])
    native.writeSync(this[handle], this.#txn, operation, key, value, choice(durabilities, options.durability, 'durability'), options.ttl, expected, operator)
  }

  async put (key, value, options) {
    return this.#write(PUT, this.#keys.encode(key), this.#values.encode(value), options)
  }

  putSync (key, value, options) {
    key = this.#keys.encode(key)
    value = this.#values.encode(value)
    if (this[context] !== undefined) return this.#writeSync(PUT, key, value, options)
    if (options === undefined) return native.putFast(this[handle], key, value)
    options = object(options, named.put)
    native.putFast(this[handle], key, value, choice(durabilities, options.durability, 'durability'), options.ttl)
  }

  async del (key, options) {
    return this.#write(DELETE, this.#keys.encode(key), undefined, options)
  }

  delSync (key, options) {
    key = this.#keys.encode(key)
    if (this[context] !== undefined) return this.#writeSync(DELETE, key, undefined, options)
    if (options === undefined) return native.delFast(this[handle], key)
    native.delFast(this[handle], key, choice(durabilities, object(options, named.write).durability, 'durability'))
  }

  /** Puts the value if the key has none; else FIRN_EXISTS. */
  async insert (key, value, options) {
    return this.#write(INSERT, this.#keys.encode(key), this.#values.encode(value), options)
  }

  insertSync (key, value, options) {
    this.#writeSync(INSERT, this.#keys.encode(key), this.#values.encode(value), options)
  }

  /** Replaces the value if it is `expected`; else FIRN_CONFLICT, or FIRN_NOT_FOUND. */
  async compareAndPut (key, expected, value, options) {
    return this.#write(COMPARE, this.#keys.encode(key), this.#values.encode(value), options, this.#values.encode(expected))
  }

  compareAndPutSync (key, expected, value, options) {
    this.#writeSync(COMPARE, this.#keys.encode(key), this.#values.encode(value), options, this.#values.encode(expected))
  }

  /** Changes a value without reading it: 'add', 'min', 'max' with a whole number, 'append' with bytes. */
  async merge (operator, key, operand, options) {
    const [which, bytes] = mergeOperand(operator, operand)
    return this.#write(MERGE, this.#keys.encode(key), bytes, options, undefined, which)
  }

  mergeSync (operator, key, operand, options) {
    const [which, bytes] = mergeOperand(operator, operand)
    this.#writeSync(MERGE, this.#keys.encode(key), bytes, options, undefined, which)
  }

  /** Deletes the keys from `lower` to before `upper`. */
  async delRange (lower, upper, options) {
    return this.#write(DELETE_RANGE, this.#keys.encode(lower), this.#keys.encode(upper), options)
  }

  delRangeSync (lower, upper, options) {
    this.#writeSync(DELETE_RANGE, this.#keys.encode(lower), this.#keys.encode(upper), options)
  }

  /** Deletes every key, in one commit. */
  async clear (options) {
    return this.#write(CLEAR, undefined, undefined, options)
  }

  clearSync (options) {
    this.#writeSync(CLEAR, undefined, undefined, options)
  }

  encodeKey (key) {
    return this.#keys.encode(key)
  }

  encodeValue (value) {
    return this.#values.encode(value)
  }
}

function mergeOperand (operator, operand) {
  const which = choice(operators, operator, 'operator')
  return [which, which === operators.append ? operand : number(operand)]
}

/** The number that a merged value holds, as a BigInt. */
function numberOf (value) {
  if (value === undefined) return 0n
  if (!(value instanceof Uint8Array) || value.length !== 8) throw invalid('the value is no number of a merge, which is a Buffer of 8 bytes')
  return new DataView(value.buffer, value.byteOffset, value.length).getBigInt64(0, true)
}

/** Writes to any keyspaces of a store, all or none of them. */
class Batch {
  constructor (store) {
    this.store = store
    this[handle] = native.batchCreateSync(store[handle])
    forgotten.register(this, this[handle], this)
  }

  put (keyspace, key, value, options) {
    native.batchAdd(this[handle], ownHandle(keyspace), PUT, keyspace.encodeKey(key), keyspace.encodeValue(value), object(options, ['ttl']).ttl)
    return this
  }

  del (keyspace, key) {
    native.batchAdd(this[handle], ownHandle(keyspace), DELETE, keyspace.encodeKey(key))
    return this
  }

  delRange (keyspace, lower, upper) {
    native.batchAdd(this[handle], ownHandle(keyspace), DELETE_RANGE, keyspace.encodeKey(lower), keyspace.encodeKey(upper))
    return this
  }

  merge (operator, keyspace, key, operand) {
    const [which, bytes] = mergeOperand(operator, operand)
    native.batchAdd(this[handle], ownHandle(keyspace), MERGE, keyspace.encodeKey(key), bytes, undefined, which)
    return this
  }

  clear () {
    native.batchClear(this[handle])
    return this
  }

  get length () {
    return native.batchCount(this[handle])
  }

  /** Commits the batch. It may be changed and written again. */
  async write (options) {
    return native.batchWrite(this[handle], choice(durabilities, object(options, named.write).durability, 'durability'))
  }

  writeSync (options) {
    native.batchWriteSync(this[handle], choice(durabilities, object(options, named.write).durability, 'durability'))
  }

  async close () {
    forgotten.unregister(this)
    await native.close(this[handle]).catch(() => {})
  }
}
if (Symbol.asyncDispose !== undefined) {
  Batch.prototype[Symbol.asyncDispose] = Batch.prototype.close
}

function keyspaceHandle (keyspace) {
  if (!(keyspace instanceof Keyspace)) throw invalid('a Keyspace must be given')
  return keyspace[handle]
}

/** For a batch, which writes to the store itself. */
function ownHandle (keyspace) {
  const id = keyspaceHandle(keyspace)
  if (keyspace[context] !== undefined) throw invalid('the keyspace is that of a transaction or a snapshot: a batch takes one of the store')
  return id
}

module.exports = { Keyspace, Batch, keyspaceHandle, numberOf }
