// SPDX-License-Identifier: Apache-2.0
//
// table.js: tables as they are now, in a snapshot, or in a transaction.
'use strict'

const { native, forgotten, handle } = require('./native')
const { invalid, choice, object, numbers, named, durabilities, metrics } = require('./options')
const { monitored } = require('./monitor')
const { Results, fetch, opened } = require('./results')

const DESCRIBE = 0
const ADD_COLUMN = 1
const DROP_COLUMN = 2
const RENAME_COLUMN = 3
const ADD_INDEX = 4
const DROP_INDEX = 5
const ADD_VECTOR_INDEX = 6
const SET_DEFAULT = 7

const INSERT = 0
const UPSERT = 1
const UPDATE = 2

const LOAD_ROWS = 1000

const textKinds = { csv: 1, json: 2 }
const conflicts = { fail: 0, skip: 1, replace: 2 }

const text = [...named.long, 'kind', 'header', 'delimiter', 'nullText', 'columns']
const accepted = {
  importText: [...text, 'ignoreUnknown', 'onConflict', 'skipInvalid', 'rejectsMax'],
  exportText: [...text, 'index'],
  create: [...named.table, 'existsOk'],
  get: ['columns', 'index'],
  deleteRange: [...named.bounds, 'all', ...named.write],
  vectorIndex: ['metric', 'm', 'efConstruction'],
  scan: [...named.bounds, 'select', 'where', 'parameters', 'groupBy', 'orderBy', 'limit', 'offset', 'index', 'descending', 'threads', 'memory', 'join', 'on'],
  search: ['k', 'metric', 'where', 'parameters', 'columns', 'exact', 'ef', 'recall', 'threads']
}

/** A key, or a bound, as an array of values. */
function keyOf (key) {
  return Array.isArray(key) ? key : [key]
}

function boundOf (options, inclusive, exclusive) {
  if (options[exclusive] !== undefined) return [keyOf(options[exclusive]), true]
  return [options[inclusive] === undefined ? undefined : keyOf(options[inclusive]), false]
}

/** For what deletes: a bound that was lost on its way here must not mean every row. */
function checkRange (options) {
  const given = named.bounds.filter((name) => name in options)
  for (const name of given) {
    const bound = options[name]
    if (bound === undefined || (Array.isArray(bound) && (bound.length === 0 || bound.includes(undefined)))) throw invalid(`the bound ${name} is undefined or empty`)
  }
  const { all } = options
  if (all !== undefined && typeof all !== 'boolean') throw invalid('all must be a boolean')
  if (all && given.length > 0) throw invalid('all is for every row: it takes no bounds besides')
  if (!all && given.length === 0) throw invalid('a range needs a bound (gte, gt, lte, lt), or { all: true } for every row')
}

function rowOf (names, values, at = 0) {
  const row = {}
  for (let i = 0; i < names.length; i++) row[names[i]] = values[at + i]
  return row
}

/** A batch of a scan, column by column. */
class ColumnBatch {
  constructor (columns, [rows, ...parts]) {
    this.rows = rows
    this.columns = columns
    this.parts = parts
  }

  #find (name) {
    const i = this.columns.findIndex((column) => column.name === name)
    if (i < 0) throw invalid(`there is no column "${name}"`)
    return i
  }

  /** The numbers of a column as a typed array. */
  array (name) {
    return this.parts[this.#find(name)].values
  }

  /** Where the texts or blobs of a column begin and end in its array: rows + 1 offsets. */
  offsets (name) {
    return this.parts[this.#find(name)].offsets
  }

  /** Bit row % 8 of byte row >> 3 is set if the value is not null; undefined: none is null. */
  valid (name) {
    return this.parts[this.#find(name)].valid
  }

  isNull (name, row) {
    const valid = this.valid(name)
    return valid !== undefined && (valid[row >> 3] >> (row & 7) & 1) === 0
  }

  /** The texts of a column as strings. */
  strings (name) {
    const { values, offsets } = this.parts[this.#find(name)]
    if (offsets === undefined) throw invalid(`column "${name}" has no texts`)
    const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    return Array.from({ length: this.rows }, (_, row) => this.isNull(name, row) ? null : buffer.toString('utf8', offsets[row], offsets[row + 1]))
  }
}

/** The rows, or batches of columns, of a scan. */
class Scan extends Results {
  #byColumns
  #numbers

  constructor (opening, byColumns, numbers) {
    super(opening.then(([scan, columns]) => {
      this.columns = columns
      return scan
    }))
    this.columns = undefined
    this.#byColumns = byColumns
    this.#numbers = numbers
  }

  async [fetch] () {
    const batch = await native.scanNext(this[handle], this.#byColumns, this.#numbers)
    if (batch === undefined) return []
    if (this.#byColumns) return [new ColumnBatch(this.columns, batch)]
    const names = this.columns.map((column) => column.name)
    const rows = []
    for (let at = 0; at < batch.length; at += names.length) rows.push(rowOf(names, batch, at))
    return rows
  }
}

class Table {
  #context
  #numbers
  #names // of its columns

  constructor (store, id, name, options, context, description) {
    this[handle] = id
    this.store = store
    this.name = name
    this.options = options
    this.#context = context
    this.#numbers = numbers(options)
    this.#describe(description)
  }

  #describe ({ definition, columns, key }) {
    this.definition = definition
    this.columns = columns
    this.key = key
    this.#names = columns.map((column) => column.name)
  }

  get #in () {
    return this.#context?.[handle]
  }

  get #txn () {
    if (this.#context === undefined) return undefined
    if (!this.#context.isTransaction) throw invalid('a table of a snapshot can only be read')
    return this.#context[handle]
  }

  /** The table as a transaction or a snapshot sees it. */
  in (owner) {
    if (typeof owner?.isTransaction !== 'boolean') throw invalid('a transaction or a snapshot must be given')
    const view = new Table(this.store, this[handle], this.name, this.options, owner, this)
    view.from = this
    return view
  }

  // ---- changing it ----

  async #alter (what, ...more) {
    if (this.#context !== undefined && what !== DESCRIBE) throw invalid('a table is changed outside of transactions and snapshots')
    this.#describe(await native.tableAlter(this[handle], what, ...more))
  }

  /** Reads columns and key again, which another handle may have changed. */
  async refresh () {
    return this.#alter(DESCRIBE)
  }

  /** Adds a column, given like 'born date default '2000-01-01''. */
  async addColumn (definition) {
    return this.#alter(ADD_COLUMN, definition)
  }

  async dropColumn (name) {
    return this.#alter(DROP_COLUMN, name)
  }

  async renameColumn (name, to) {
    return this.#alter(RENAME_COLUMN, name, to)
  }

  async setDefault (name, value) {
    return this.#alter(SET_DEFAULT, name, undefined, undefined, undefined, undefined, undefined, undefined, value === undefined ? undefined : [value])
  }

  async addIndex (name, columns, options) {
    return this.#alter(ADD_INDEX, name, undefined, columns, object(options, ['unique']).unique)
  }

  async dropIndex (name) {
    return this.#alter(DROP_INDEX, name)
  }

  async addVectorIndex (name, column, options) {
    options = object(options, accepted.vectorIndex)
    return this.#alter(ADD_VECTOR_INDEX, name, column, undefined, undefined, choice(metrics, options.metric, 'metric'), options.m, options.efConstruction)
  }

  // ---- writing ----

  #columnsOf (rows) {
    const names = new Set()
    for (const row of rows) {
      if (row === null || typeof row !== 'object' || Array.isArray(row)) throw invalid('a row must be an object')
      for (const name in row) if (row[name] !== undefined) names.add(name)
    }
    return [...names]
  }

  async #write (what, rows, options, wantsNumbers) {
    options = object(options, named.put)
    if (rows.length === 0) return []
    const transaction = this.#txn
    const durability = choice(durabilities, options.durability, 'durability')
    const names = this.#columnsOf(rows.slice(0, 1))
    const values = []
    for (const row of rows) {
      let count = 0
      if (row === null || typeof row !== 'object') throw invalid('a row must be an object')
      for (const name in row) if (row[name] !== undefined) count++
      for (const name of names) {
        const value = row[name]
        if (value === undefined) count = -1
        values.push(value)
      }
      // Rows with different columns are written one by one: a column that a row does not have gets its default.
      if (count !== names.length || (count === 0 && rows.length > 1)) return this.#writeUneven(what, rows, options, wantsNumbers)
    }
    return native.rowsWrite(this[handle], transaction, what, names, values, durability, options.ttl, wantsNumbers)
  }

  async #writeUneven (what, rows, options, wantsNumbers) {
    const write = async (table) => {
      const numbers = []
      for (const row of rows) numbers.push(...(await table.#write(what, [row], { ttl: options.ttl }, wantsNumbers) ?? []))
      return numbers
    }
    if (this.#context === undefined) return this.store.transaction((transaction) => write(this.in(transaction)), { durability: options.durability })
    const savepoint = await this.#context.savepoint()
    try {
      return await write(this)
    } catch (error) {
      await this.#context.rollbackTo(savepoint)
      throw error
    } finally {
      await this.#context.release(savepoint)
    }
  }

  get #isAuto () {
    return this.columns.some((column) => column.auto)
  }

  /** Inserts a row. Gives its number as a BigInt if the table numbers its rows. */
  async insert (row, options) {
    return (await this.#write(INSERT, [row], options, this.#isAuto))?.[0]
  }

  /** Inserts rows: all or none. */
  async insertMany (rows, options) {
    if (!Array.isArray(rows)) throw invalid('rows must be an array')
    return this.#write(INSERT, rows, options, this.#isAuto)
  }

  async upsert (row, options) {
    await this.#write(UPSERT, [row], options, false)
  }

  async upsertMany (rows, options) {
    if (!Array.isArray(rows)) throw invalid('rows must be an array')
    await this.#write(UPSERT, rows, options, false)
  }

  /** Changes the columns that the row has; its key selects it. FIRN_NOT_FOUND if there is none. */
  async update (row, options) {
    await this.#write(UPDATE, [row], options, false)
  }

  /** Deletes a row; false if there was none. */
  async delete (key, options) {
    return native.rowDelete(this[handle], this.#txn, keyOf(key), choice(durabilities, object(options, named.write).durability, 'durability'))
  }

  /** Deletes the rows between two bounds, gte or gt and lte or lt, or with `all` every row. */
  async deleteRange (options) {
    options = object(options, accepted.deleteRange)
    checkRange(options)
    const [lower, lowerExclusive] = boundOf(options, 'gte', 'gt')
    const [upper, upperExclusive] = boundOf(options, 'lte', 'lt')
    return native.rowDeleteRange(this[handle], this.#txn, lower, choice(durabilities, options.durability, 'durability'), lowerExclusive, upper, upperExclusive)
  }

  /** Adds a number to a column of a row. Gives the sum. */
  async add (key, column, number, options) {
    return native.rowAdd(this[handle], this.#txn, keyOf(key), choice(durabilities, object(options, named.write).durability, 'durability'), column, [number])
  }

  /** Inserts any number of rows, of an array or an iterable, in one commit that bypasses the log. */
  async load (rows, options) {
    if (this.#context !== undefined) throw invalid('a load is a commit of its own')
    let names = object(options, ['columns']).columns
    let load
    let count = 0
    let values = []
    try {
      const put = async () => {
        await native.bulkPut(load, this[handle], names, values)
        values = []
      }
      for await (const row of rows) {
        if (names === undefined) names = this.#columnsOf([row])
        if (load === undefined) load = await native.bulkOpen(this[handle], names)
        for (const name of names) values.push(row[name])
        if (++count % LOAD_ROWS === 0) await put()
      }
      if (load === undefined) return 0
      if (values.length > 0) await put()
      const committing = load
      load = undefined
      await native.bulkCommit(committing)
      return count
    } finally {
      if (load !== undefined) await native.close(load).catch(() => {})
    }
  }

  // ---- files of text ----

  #text (path, options) {
    return [path, choice(textKinds, options.kind, 'kind'), options.header === false, options.delimiter, options.nullText, options.columns]
  }

  /** Inserts the rows of a file of CSV or JSON lines in one commit. Gives { rows, skipped, rejected, bytes, rejects }. */
  async importText (path, options) {
    if (this.#context !== undefined) throw invalid('an import is a commit of its own')
    options = object(options, accepted.importText)
    return monitored(options, (monitor) => native.tableImport(this[handle], undefined, ...this.#text(path, options), monitor, options.ignoreUnknown,
      choice(conflicts, options.onConflict, 'onConflict'), options.skipInvalid, options.rejectsMax))
  }

  /** Writes the rows to a file as CSV or JSON lines. Gives their number. */
  async exportText (path, options) {
    options = object(options, accepted.exportText)
    return monitored(options, (monitor) => native.tableExport(this[handle], this.#in, ...this.#text(path, options), monitor, options.index))
  }

  /** Reads all rows and indexes, and compares them. Gives { rows, indexEntries }; FIRN_CORRUPT if anything is wrong. */
  async check (options) {
    return monitored(object(options, named.long), (monitor) => native.tableCheck(this[handle], this.#in, monitor))
  }

  // ---- reading ----

  #getArguments (keys, options) {
    options = object(options, accepted.get)
    const values = []
    for (const key of keys) values.push(...keyOf(key))
    return [this[handle], this.#in, options.columns, options.index, values, this.#numbers]
  }

  #rows (rows, options) {
    const names = options?.columns ?? this.#names
    return Array.from(rows, (values) => values === undefined ? undefined : rowOf(names, values))
  }

  /** The row with a key, of the primary key or of a unique index; undefined: there is none. */
  async get (key, options) {
    return this.#rows(await native.rowsGet(...this.#getArguments([key], options)), options)[0]
  }

  getSync (key, options) {
    return this.#rows(native.rowsGetSync(...this.#getArguments([key], options)), options)[0]
  }

  async getMany (keys, options) {
    if (!Array.isArray(keys)) throw invalid('keys must be an array')
    return this.#rows(await native.rowsGet(...this.#getArguments(keys, options)), options)
  }

  #scan (options, byColumns) {
    options = object(options, accepted.scan)
    const [lower, lowerExclusive] = boundOf(options, 'gte', 'gt')
    const [upper, upperExclusive] = boundOf(options, 'lte', 'lt')
    const select = Array.isArray(options.select) ? options.select.map((name) => `"${String(name).replaceAll('"', '""')}"`).join(', ') : options.select
    const open = (joined) => native.scanOpen(this[handle], this.#in, select, options.where, options.parameters, options.groupBy, options.orderBy, options.limit,
      options.offset, options.index, lower, lowerExclusive, upper, upperExclusive, options.descending, options.threads, options.memory, joined, options.on)
    const { join } = options
    if (join !== undefined && !(join instanceof Scan)) throw invalid('join must be a Scan')
    const opening = options.limit === 0
      ? Promise.resolve([undefined, []])
      : join === undefined ? open() : join[opened]().then(open).finally(() => join.close())
    return new Scan(opening, byColumns, this.#numbers)
  }

  /** The rows of a query, as an async iterator of objects. */
  scan (options) {
    return this.#scan(options, false)
  }

  /** The same, as batches of up to 1,024 rows, column by column. */
  batches (options) {
    return this.#scan(options, true)
  }

  async count (where, parameters) {
    const [row] = await this.scan({ select: 'count(*) as n', where, parameters }).all()
    return Number(row.n)
  }

  async #search (column, queries, options) {
    options = object(options, accepted.search)
    const columns = options.columns ?? []
    const found = await native.search(this[handle], this.#in, column, queries, options.k, choice(metrics, options.metric, 'metric'), options.where, options.parameters,
      columns, options.exact, options.ef, options.recall, options.threads, this.#numbers)
    return found.map((rows) => rows.map(([distance, key, values]) => ({ distance, row: Object.assign(rowOf(this.key, key), rowOf(columns, values)) })))
  }

  /** The rows whose vectors are nearest to the query: [{ distance, row }], where row has the key and options.columns. */
  async search (column, query, options) {
    const [found] = await this.#search(column, [query], options)
    return found
  }

  /** The same for many queries at once: an array of such arrays. Without an index all rows are read once for up to 256 queries. */
  searchMany (column, queries, options) {
    return this.#search(column, queries, options)
  }

  [Symbol.asyncIterator] () {
    return this.scan()
  }
}

async function make (store, context, id, name, options) {
  const snapshot = context !== undefined && !context.isTransaction ? context[handle] : undefined
  const description = await native.tableAlter(id, DESCRIBE, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, snapshot)
  const table = new Table(store, id, name, options, context, description)
  forgotten.register(table, id)
  return table
}

async function openTable (store, context, name, options) {
  options = object(options, named.table)
  const from = context === undefined || context.isTransaction ? store : context
  return make(store, context, await native.tableOpen(from[handle], name), name, options)
}

async function createTable (store, name, definition, options) {
  options = object(options, accepted.create)
  numbers(options) // refused before the table is made
  const { existsOk } = options
  if (existsOk !== undefined && typeof existsOk !== 'boolean') throw invalid('existsOk must be a boolean')
  if (typeof definition !== 'string') throw invalid('the definition of a table must be a string')
  let id
  try {
    id = await native.tableOpen(store[handle], name, definition)
  } catch (error) {
    if (!existsOk || error.code !== 'FIRN_EXISTS') throw error
    id = await native.tableOpen(store[handle], name)
  }
  return make(store, undefined, id, name, options)
}

module.exports = { Table, Scan, ColumnBatch, openTable, createTable }
