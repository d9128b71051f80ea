// SPDX-License-Identifier: Apache-2.0
//
// sql.js: statements of SQL over an open store, by the SQLite that the addon has inside. A store has one connection.
'use strict'

const { native, handle } = require('./native')
const { invalid, object, numbers, named } = require('./options')
const { monitored } = require('./monitor')
const { Results, fetch } = require('./results')

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

/** The rows of a statement. */
class SqlRows extends Results {
  #options
  #numbers
  #isFirst = true
  #isLast = false

  constructor (store, connect, text, parameters, options) {
    options = object(options, accepted)
    const asNumbers = numbers(options)
    const given = parametersOf(parameters)
    super(connect().then((connection) => native.sqlOpen(connection, text, ...given)))
    this.store = store // which is not forgotten before its rows
    this.columns = undefined
    this.#options = options
    this.#numbers = asNumbers
  }

  async [fetch] () {
    if (this.#isLast) return []
    const most = this.#isFirst ? FIRST_ROWS : ROWS
    const batch = await monitored(this.#options, (monitor) => native.sqlNext(this[handle], most, this.#numbers, monitor))
    this.#isFirst = false
    this.columns = batch[0]
    this.#isLast = batch[2]
    return rowsOf(batch)
  }
}

module.exports = { all, SqlRows }
