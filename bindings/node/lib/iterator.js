// SPDX-License-Identifier: Apache-2.0
//
// iterator.js: entries of a keyspace, fetched in batches.
'use strict'

const { native, handle } = require('./native')
const { invalid, object, named } = require('./options')
const { Results, fetch, drain } = require('./results')

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

/** The entries of a keyspace. */
class Iterator extends Results {
  #isFirst = true
  #isLast = false
  #left
  #reverse
  #cut

  /** `opened` is the cursor's handle, or a promise of it; `cut` makes an entry of the bytes of key and value. */
  constructor (opened, reverse, limit, cut) {
    super(opened)
    this.#reverse = reverse
    this.#left = limit
    this.#cut = cut
  }

  /** What to ask of the addon for the next entries, at most `most`; undefined: there are no more. */
  #request (most) {
    if (this.#isLast || this.#left <= 0) return undefined
    return [this[handle], Math.min(most, this.#left, this.#isFirst ? FIRST_ENTRIES : ENTRIES), BYTES, this.#reverse, this.#isFirst]
  }

  #entries ([slab, sizes, isLast]) {
    const entries = new Array(sizes.length / 2)
    let at = 0
    for (let i = 0; i < entries.length; i++) {
      const middle = at + sizes[2 * i]
      const end = middle + sizes[2 * i + 1]
      entries[i] = this.#cut(slab, at, middle, end)
      at = end
    }
    this.#isFirst = false
    this.#isLast = isLast
    this.#left -= entries.length
    return entries
  }

  async [fetch] (most) {
    const request = this.#request(most)
    return request === undefined ? [] : this.#entries(await native.cursorNext(...request))
  }

  /** All entries that are left, on this thread. */
  allSync () {
    return this[drain](() => {
      const request = this.#request(Infinity)
      return request === undefined ? [] : this.#entries(native.cursorNextSync(...request))
    })
  }
}

module.exports = { Iterator, range }
