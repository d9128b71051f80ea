// SPDX-License-Identifier: Apache-2.0
//
// sql.js: statements of SQL over an open store, by the SQLite that the addon has inside. A store has one connection.
'use strict'

const { native, forgotten, handle } = require('./native')
const { invalid, object, numbers, named } = require('./options')
const { monitored } = require('./monitor')

const FIRST_ROWS = 100
const ROWS = 1000

const accepted = [...named.table, 'signal']

/** Names and values of parameters: an array for those without names, an object for those with names. */
function parametersOf (parameters) {
  if (parameters === undefined || parameters === null) return [undefined, undefined]
  if (Array.isArray(parameters)) return [undefined, parameters]
  const prototype = typeof parameters === 'object' ? Object.getPrototypeOf(parameters) : undefined
  if (prototype !== Object.prototype && prototype !== null) throw invalid('parameters must be an array, or an object with a name for each')
  return [Object.keys(parameters), Object.values(parameters)]
}

function rowsOf ([names, values]) {
  const rows = []
  for (let at = 0; at < values.length; at += names.length) {
    const row = {}
    for (let i = 0; i < names.length; i++) row[names[i]] = values[at + i]
    rows.push(row)
  }
  return rows
}

/** All rows of a statement. */
async function all (store, connect, text, parameters, options) {
  options = object(options, accepted)
  const asNumbers = numbers(options)
  const given = parametersOf(parameters)
  return monitored(options, async (monitor) => rowsOf(await native.sql(await connect(), text, ...given, asNumbers, monitor)))
}

/** The rows of a statement, fetched in batches. */
class SqlRows {
  #opening
  #statement
  #options
  #numbers
  #rows = []
  #at = 0
  #isFirst = true
  #isDone = false
  #turn = Promise.resolve() // calls that are not awaited have their turns

  constructor (store, connect, text, parameters, options) {
    this.store = store // which is not forgotten before its rows
    this.columns = undefined
    this.#options = object(options, accepted)
    this.#numbers = numbers(this.#options)
    const given = parametersOf(parameters)
    this.#opening = (async () => {
      this.#statement = await native.sqlOpen(await connect(), text, ...given)
      forgotten.register(this, this.#statement, this)
    })()
    this.#opening.catch(() => {}) // next() reports it
  }

  async #fetch () {
    await this.#opening
    if (this.#isDone) return []
    try {
      const batch = await monitored(this.#options, (monitor) => native.sqlNext(this.#statement, this.#isFirst ? FIRST_ROWS : ROWS, this.#numbers, monitor))
      this.#isFirst = false
      this.columns = batch[0]
      if (batch[2]) await this.close()
      return rowsOf(batch)
    } catch (error) {
      await this.close()
      throw error
    }
  }

  #inTurn (work) {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {})
    return result
  }

  async next () {
    return this.#inTurn(() => this.#next())
  }

  async #next () {
    if (this.#at === this.#rows.length) {
      this.#rows = await this.#fetch()
      this.#at = 0
      if (this.#rows.length === 0) return { value: undefined, done: true }
    }
    return { value: this.#rows[this.#at++], done: false }
  }

  /** All that are left, as an array. */
  async all () {
    return this.#inTurn(() => this.#all())
  }

  async #all () {
    const rows = this.#rows.slice(this.#at)
    this.#at = this.#rows.length
    for (;;) {
      const more = await this.#fetch()
      if (more.length === 0) return rows
      for (const row of more) rows.push(row)
    }
  }

  async close () {
    this.#isDone = true
    await this.#opening.catch(() => {})
    const statement = this.#statement
    if (statement === undefined) return
    this.#statement = undefined
    forgotten.unregister(this)
    try {
      await native.close(statement)
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
  SqlRows.prototype[Symbol.asyncDispose] = SqlRows.prototype.close
}

module.exports = { all, SqlRows }
