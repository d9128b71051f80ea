// SPDX-License-Identifier: Apache-2.0
//
// iterator.js: entries of a keyspace, fetched in batches.
'use strict'

const { native, forgotten, handle } = require('./native')
const { invalid, object, named } = require('./options')

const FIRST_ENTRIES = 100
const ENTRIES = 1000
const BYTES = 256 << 10
const LAST = Buffer.from([0])

/** The bytes right after those of a key. */
function after (key) {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key instanceof ArrayBuffer ? Buffer.from(key) : ArrayBuffer.isView(key) ? Buffer.from(key.buffer, key.byteOffset, key.byteLength) : null
  if (bytes === null) throw invalid('a bound must be a string, a Buffer or another view, or an ArrayBuffer')
  return Buffer.concat([bytes, LAST])
}

function larger (a, b) {
  return a === undefined ? b : b === undefined ? a : Buffer.compare(after(a), after(b)) >= 0 ? a : b
}

function smaller (a, b) {
  return a === undefined ? b : b === undefined ? a : Buffer.compare(after(a), after(b)) <= 0 ? a : b
}

const accepted = [...named.bounds, 'prefix', 'reverse', 'limit']

/** What the addon needs of the options: bounds, direction, limit. */
function range (options, keys) {
  options = object(options, accepted)
  const encode = (key) => key === undefined ? undefined : keys.encode(key)
  const gt = encode(options.gt)
  const lte = encode(options.lte)
  const limit = options.limit ?? Infinity
  if (typeof limit !== 'number' || Number.isNaN(limit)) throw invalid('limit must be a number')
  return {
    lower: larger(encode(options.gte), gt === undefined ? undefined : after(gt)),
    upper: smaller(encode(options.lt), lte === undefined ? undefined : after(lte)),
    prefix: encode(options.prefix),
    reverse: Boolean(options.reverse),
    limit: limit < 0 ? Infinity : limit
  }
}

class Iterator {
  #opening // a promise of the cursor's handle, or null
  #isFirst = true
  #isDone = false
  #left
  #reverse
  #entries = []
  #at = 0
  #cut

  /** `open` gives the cursor's handle, or a promise of it; `cut` makes an entry of the bytes of key and value. */
  constructor (open, reverse, limit, cut) {
    this.#reverse = reverse
    this.#left = limit
    this.#cut = cut
    const opened = open()
    if (typeof opened === 'number') {
      this.#opening = null
      this.#own(opened)
    } else {
      this.#opening = opened.then((cursor) => { this.#opening = null; this.#own(cursor) })
      this.#opening.catch(() => {}) // next() reports it
    }
  }

  #own (cursor) {
    this[handle] = cursor
    forgotten.register(this, cursor, this)
  }

  #take ([slab, sizes, isDone]) {
    const entries = new Array(sizes.length / 2)
    let at = 0
    for (let i = 0; i < entries.length; i++) {
      const middle = at + sizes[2 * i]
      const end = middle + sizes[2 * i + 1]
      entries[i] = this.#cut(slab, at, middle, end)
      at = end
    }
    this.#isDone = isDone
    this.#isFirst = false
    return entries
  }

  #want (most) {
    return Math.min(most, this.#left, this.#isFirst ? FIRST_ENTRIES : ENTRIES)
  }

  async #fetch (most) {
    if (this.#opening !== null) await this.#opening
    if (this.#isDone || this.#left <= 0) return []
    const entries = this.#take(await native.cursorNext(this[handle], this.#want(most), BYTES, this.#reverse, this.#isFirst))
    this.#left -= entries.length
    return entries
  }

  async next () {
    if (this.#at === this.#entries.length) {
      this.#entries = await this.#fetch(Infinity)
      this.#at = 0
      if (this.#entries.length === 0) {
        await this.close()
        return { value: undefined, done: true }
      }
    }
    return { value: this.#entries[this.#at++], done: false }
  }

  /** The next entries, at most `count`; an empty array at the end. */
  async nextv (count) {
    if (!Number.isInteger(count) || count < 1) throw invalid('count must be a whole number, at least 1')
    const ready = this.#entries.slice(this.#at, this.#at + count)
    this.#at += ready.length
    return ready.length > 0 ? ready : this.#fetch(count)
  }

  /** All entries that are left, as an array. */
  async all () {
    const entries = this.#entries.slice(this.#at)
    this.#at = this.#entries.length
    for (;;) {
      const more = await this.#fetch(Infinity)
      if (more.length === 0) break
      for (const entry of more) entries.push(entry)
    }
    await this.close()
    return entries
  }

  /** All entries at once, on this thread. */
  allSync () {
    const entries = []
    try {
      while (!this.#isDone && this.#left > 0) {
        const more = this.#take(native.cursorNextSync(this[handle], this.#want(Infinity), BYTES, this.#reverse, this.#isFirst))
        this.#left -= more.length
        for (const entry of more) entries.push(entry)
      }
    } finally {
      this.#isDone = true
      this.#forget()
      native.closeSync(this[handle])
    }
    return entries
  }

  #forget () {
    forgotten.unregister(this)
  }

  async close () {
    this.#isDone = true
    if (this.#opening !== null) await this.#opening.catch(() => {})
    const cursor = this[handle]
    if (cursor === undefined) return
    this[handle] = undefined
    this.#forget()
    try {
      await native.close(cursor)
    } catch (error) {
      if (error.code !== 'FIRN_MISUSE') throw error // its store is closed already
    }
  }

  async return (value) {
    await this.close()
    return { value, done: true }
  }

  [Symbol.asyncIterator] () {
    return this
  }
}
if (Symbol.asyncDispose !== undefined) {
  Iterator.prototype[Symbol.asyncDispose] = Iterator.prototype.close
}

module.exports = { Iterator, range }
