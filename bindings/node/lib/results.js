// SPDX-License-Identifier: Apache-2.0
//
// results.js: what the addon gives in batches, as an async iterator: entries of a keyspace, rows of a scan or of a statement.
'use strict'

const { native, trace, forgotten, handle } = require('./native')
const { invalid } = require('./options')

/** The method of a class that gets the next batch from the addon: an array, empty at the end. */
const fetch = Symbol('fetch')
/** For classes that can also get all that is left on this thread. */
const drain = Symbol('drain')
/** The method that gives the addon's handle, for a call that reads all of it. */
const opened = Symbol('opened')

class Results {
  #opening = null // a promise of the handle, while there is none
  #batch = []
  #at = 0
  #isClosed = false
  #waiting = 0 // calls that have not had their turns
  #turn = Promise.resolve()

  /** `opened` is a handle of the addon, or a promise of one; a promise of undefined: there is nothing. */
  constructor (opened) {
    if (typeof opened === 'number') {
      this.#own(opened)
    } else {
      this.#opening = opened.then((id) => { this.#opening = null; this.#own(id) })
      this.#opening.catch(() => {}) // next() reports it
    }
  }

  #own (id) {
    this[handle] = id
    if (id !== undefined) forgotten.register(this, id, this)
  }

  async [opened] () {
    if (this.#opening !== null) await this.#opening
    if (this[handle] === undefined) throw invalid('the joined scan is closed, or has limit 0')
    return this[handle]
  }

  /** Calls that are not awaited have their turns, so that no batch is lost between them. */
  async #inTurn (work) {
    const isFirst = this.#waiting++ === 0
    const before = this.#turn
    let end
    this.#turn = new Promise((resolve) => { end = resolve })
    try {
      if (!isFirst) await before // else the call begins at once, and a close that comes after it waits for it
      return await work()
    } finally {
      this.#waiting--
      end()
    }
  }

  async #fetch (most) {
    try {
      if (this.#opening !== null) await this.#opening
    } catch (error) {
      throw trace(error)
    }
    if (this.#isClosed || this[handle] === undefined) return []
    let batch = []
    try {
      batch = await this[fetch](most)
    } finally {
      if (batch.length === 0) await this.close() // at the end, and after a failure
    }
    return batch
  }

  /** Has at least one result, unless there are no more. `most` is how many the caller wants. */
  async #fill (most) {
    if (this.#isClosed) {
      this.#batch = []
      this.#at = 0
    }
    if (this.#at < this.#batch.length) return
    this.#batch = await this.#fetch(most)
    this.#at = 0
  }

  #take (count) {
    const taken = this.#batch.slice(this.#at, this.#at + count)
    this.#at += taken.length
    return taken
  }

  async next () {
    if (this.#waiting === 0 && !this.#isClosed && this.#at < this.#batch.length) return { value: this.#batch[this.#at++], done: false }
    return this.#inTurn(async () => {
      await this.#fill(Infinity)
      return this.#batch.length === 0 ? { value: undefined, done: true } : { value: this.#batch[this.#at++], done: false }
    })
  }

  /** The next ones, at most `count`; an empty array at the end. */
  async nextv (count) {
    if (!Number.isInteger(count) || count < 1) throw invalid('count must be a whole number, at least 1')
    return this.#inTurn(async () => {
      await this.#fill(count)
      return this.#take(count)
    })
  }

  /** All that are left, as an array. */
  async all () {
    return this.#inTurn(async () => {
      const results = []
      for (;;) {
        await this.#fill(Infinity)
        if (this.#batch.length === 0) return results
        for (const result of this.#take(Infinity)) results.push(result)
      }
    })
  }

  /** All that are left, by `fetchSync`, which gives a batch; closes. */
  [drain] (fetchSync) {
    const results = this.#isClosed ? [] : this.#take(Infinity)
    try {
      while (!this.#isClosed) {
        const more = fetchSync()
        if (more.length === 0) break
        for (const result of more) results.push(result)
      }
      return results
    } finally {
      this.#isClosed = true
      const id = this.#forget()
      if (id !== undefined) native.closeSync(id)
    }
  }

  async close () {
    this.#isClosed = true
    if (this.#opening !== null) await this.#opening.catch(() => {})
    const id = this.#forget()
    if (id === undefined) return
    try {
      await native.close(id)
    } catch (error) {
      if (error.code !== 'FIRN_MISUSE') throw error // its store is closed already
    }
  }

  #forget () {
    const id = this[handle]
    this[handle] = undefined
    forgotten.unregister(this)
    return id
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
  Results.prototype[Symbol.asyncDispose] = Results.prototype.close
}

module.exports = { Results, fetch, drain, opened }
