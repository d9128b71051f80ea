// SPDX-License-Identifier: Apache-2.0
//
// node better_sqlite3.cjs PACKAGE EXTENSION DIRECTORY: the extension in better-sqlite3. Its SQLite is another version than the
// distribution's, compiled without the connection's mutex (SQLITE_THREADSAFE=2), with a LIKE that matches no blobs, and with schemas
// that are not trusted. Answers are compared with those of the same statements over SQLite's own tables.
'use strict'
const assert = require('node:assert/strict')
const path = require('node:path')
const { Worker, isMainThread, workerData } = require('node:worker_threads')

const [PACKAGE, EXTENSION, DIRECTORY] = isMainThread ? process.argv.slice(2) : workerData.arguments
const Database = require(PACKAGE)
const STORE = path.join(DIRECTORY, 'app.firn')
const ROWS = 3000
const WORKERS = 3
const MOVES = 60

function connect () {
  const db = new Database(':memory:')
  db.loadExtension(EXTENSION)
  assert.equal(db.prepare("SELECT firn_attach(?, 'create', 'durability=os')").pluck().get(STORE), 'app')
  return db
}

// The code of the error that a function throws.
function codeOf (run) {
  try {
    run()
  } catch (error) {
    return error.code
  }
  assert.fail('nothing was thrown')
}

// ---- what each thread of several does: amounts move between rows, and their sum stays ----

if (!isMainThread) {
  const db = connect()
  const move = db.transaction((from, to) => {
    db.prepare('UPDATE account SET n = n - 1 WHERE id = ?').run(from)
    db.prepare('UPDATE account SET n = n + 1 WHERE id = ?').run(to)
  })
  let state = workerData.number + 1
  const random = (below) => (state = (state * 48271) % 2147483647) % below
  for (let done = 0; done < MOVES;) {
    try {
      move(random(20), random(20))
      done++
    } catch (error) {
      assert.equal(error.code, 'SQLITE_BUSY_SNAPSHOT')
    }
    assert.equal(db.prepare('SELECT sum(n) FROM account').pluck().get(), 2000)
  }
  db.close()
  return
}

// ---- tests ----

const tests = {
  numbersAndBytesComeBack (db) {
    db.prepare('SELECT firn_create(?)').get(
      'CREATE TABLE kinds (id INTEGER PRIMARY KEY, i BIGINT, u BIGINT UNSIGNED, r REAL, d DECIMAL(8,2), t TEXT, b BLOB, v VECTOR(2), day DATE)')
    const insert = db.prepare('INSERT INTO kinds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
    const most = 9223372036854775807n
    const vector = Buffer.from(new Float32Array([1, 2.5]).buffer)
    insert.run(1, most, 5, 0.1, 12.34, 'a\0b ü', Buffer.from([0, 255]), vector, '2026-02-28')
    insert.run(2, null, null, null, null, null, null, null, null)
    insert.run(3, -1, 0, -0.5, -0.01, '', Buffer.alloc(0), vector, '1969-12-31')
    const all = db.prepare('SELECT * FROM kinds').raw().safeIntegers().all()
    assert.deepEqual(all[0], [1n, most, 5n, 0.1, 12.34, 'a\0b ü', Buffer.from([0, 255]), vector, '2026-02-28'])
    assert.deepEqual(all[1], [2n, null, null, null, null, null, null, null, null])
    assert.deepEqual(all[2], [3n, -1n, 0n, -0.5, -0.01, '', Buffer.alloc(0), vector, '1969-12-31'])
    assert.deepEqual(db.prepare('SELECT id, d FROM kinds WHERE t = @t').get({ t: 'a\0b ü' }), { id: 1, d: 12.34 })
    assert.equal(db.prepare('SELECT count(*) FROM kinds WHERE b LIKE ?').pluck().get('%'), 0)
    assert.equal(codeOf(() => insert.run(4, 'x', 0, 0, 0, '', null, null, null)), 'SQLITE_MISMATCH')
  },

  constraintsAreErrorsOfTheirCode (db) {
    db.prepare('SELECT firn_create(?)').get('CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)')
    const insert = db.prepare('INSERT INTO named (name) VALUES (?)')
    assert.equal(insert.run('a').lastInsertRowid, 1)
    assert.match(codeOf(() => insert.run('a')), /^SQLITE_CONSTRAINT/)
    assert.match(codeOf(() => insert.run(null)), /^SQLITE_CONSTRAINT/)
    assert.equal(db.prepare('SELECT group_concat(name) FROM named').pluck().get(), 'a')
  },

  transactionsNest (db) {
    const insert = db.prepare('INSERT INTO named (name) VALUES (?)')
    const inner = db.transaction((name, fails) => {
      insert.run(name)
      if (fails) throw new Error('no')
    })
    db.transaction(() => {
      inner('b', false)
      assert.throws(() => inner('c', true), /no/)
    })()
    assert.throws(db.transaction(() => inner('d', true)), /no/)
    assert.equal(db.prepare('SELECT group_concat(name) FROM named ORDER BY name').pluck().get(), 'a,b')
  },

  iteratorsEndEarly (db) {
    let count = 0
    for (const row of db.prepare('SELECT a.id FROM t a JOIN t b ON a.k = b.k').iterate()) {
      assert.equal(typeof row.id, 'number')
      if (++count === 10) break
    }
    assert.equal(db.prepare('SELECT count(*) FROM t').pluck().get(), ROWS)
  },

  functionsOfJavaScriptAreConditions (db) {
    db.function('third', { deterministic: true }, (n) => n % 3 === 0 ? 1 : 0)
    db.aggregate('product', { start: 1, step: (all, next) => all * next })
    assert.equal(db.prepare('SELECT count(*) FROM t WHERE third(id)').pluck().get(), Math.floor(ROWS / 3))
    assert.equal(db.prepare('SELECT product(id) FROM t WHERE id <= 5').pluck().get(), 120)
  },

  answersAreThoseOfOwnTables (db) {
    const statements = [
      'SELECT * FROM T ORDER BY id', 'SELECT * FROM T WHERE k = 7 ORDER BY id DESC', 'SELECT k, count(*), sum(r), max(s) FROM T GROUP BY k ORDER BY k',
      "SELECT id FROM T WHERE s LIKE 'word 1%' ORDER BY s, id", "SELECT id FROM T WHERE s GLOB 'word 2*' AND r > 100 ORDER BY id",
      'SELECT id FROM T WHERE k IN (1, 3, NULL, 5) ORDER BY id LIMIT 20 OFFSET 100', 'SELECT DISTINCT s FROM T WHERE r IS NULL ORDER BY s',
      'SELECT a.id, b.id FROM T a JOIN T b ON a.k = b.k AND a.id < b.id WHERE a.id < 40 ORDER BY 1, 2',
      'SELECT a.id FROM T a LEFT JOIN T b ON b.id = a.id + 1 WHERE b.id IS NULL', 'SELECT id, (SELECT max(id) FROM T b WHERE b.k = a.k) FROM T a WHERE id < 50 ORDER BY id',
      'SELECT id, row_number() OVER (PARTITION BY k ORDER BY r, id) FROM T ORDER BY id', 'SELECT k FROM T WHERE id > 2990 EXCEPT SELECT k FROM T WHERE id < 10 ORDER BY k']
    for (const text of statements) {
      const mine = db.prepare(text.replace(/\bT\b/g, 't')).raw().all()
      const own = db.prepare(text.replace(/\bT\b/g, 'own')).raw().all()
      assert.deepEqual(mine, own, text)
      assert.ok(own.length > 0, text)
    }
    const sums = db.prepare("SELECT c1, c2, c3 FROM firn_query('SELECT k, count(*), min(s) FROM t GROUP BY k ORDER BY k')").raw().all()
    assert.deepEqual(sums, db.prepare('SELECT k, count(*), min(s) FROM own GROUP BY k ORDER BY k').raw().all())
    return `${statements.length + 1} answers`
  },

  historyIsThere (db) {
    db.prepare("SELECT firn_checkpoint('before')").get()
    db.prepare('UPDATE t SET k = -1 WHERE id = 5').run()
    assert.equal(db.prepare("SELECT count(*) FROM firn_diff('t', 'before')").pluck().get(), 1)
    db.prepare("SELECT firn_at('t', 'before')").get()
    assert.equal(db.prepare('SELECT k FROM "t@before" WHERE id = 5').pluck().get(), 5)
    assert.equal(db.prepare('SELECT k FROM t WHERE id = 5').pluck().get(), -1)
  },

  anotherConnectionConflicts (db) {
    const other = connect()
    db.exec('BEGIN')
    db.prepare('UPDATE t SET r = 1 WHERE id = 9').run()
    other.prepare('UPDATE t SET r = 2 WHERE id = 9').run()
    assert.equal(codeOf(() => db.exec('COMMIT')), 'SQLITE_BUSY_SNAPSHOT')
    assert.equal(db.inTransaction, false)
    assert.equal(db.prepare('SELECT r FROM t WHERE id = 9').pluck().get(), 2)
    other.close()
  },

  schemasAreNotTrusted (db) {
    assert.throws(() => db.exec('CREATE VIEW main.v AS SELECT * FROM temp.t; SELECT * FROM v'))
  },

  async threadsHaveConnectionsOfTheirOwn (db) {
    db.prepare('SELECT firn_create(?)').get('CREATE TABLE account (id INTEGER PRIMARY KEY, n BIGINT)')
    db.exec('WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < 19) INSERT INTO account SELECT i, 100 FROM k')
    const ends = []
    for (let number = 0; number < WORKERS; number++) {
      const worker = new Worker(__filename, { workerData: { arguments: [PACKAGE, EXTENSION, DIRECTORY], number } })
      ends.push(new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve)))
    }
    assert.deepEqual(await Promise.all(ends), new Array(WORKERS).fill(0))
    assert.equal(db.prepare('SELECT sum(n) FROM account').pluck().get(), 2000)
    return `${WORKERS * MOVES} transactions of ${WORKERS} threads`
  }
}

function fill (db) {
  db.prepare('SELECT firn_create(?)').get('CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, r REAL, s TEXT, INDEX by_s (s))')
  db.exec('CREATE TABLE own (id INTEGER PRIMARY KEY, k INT, r REAL, s TEXT); CREATE INDEX by_s ON own (s)')
  for (const table of ['t', 'own']) {
    const insert = db.prepare(`INSERT INTO ${table} VALUES (?, ?, ?, ?)`)
    db.transaction(() => {
      for (let i = 1; i <= ROWS; i++) {
        insert.run(i, i % 31, i % 11 === 0 ? null : i / 4, i % 13 === 0 ? null : `word ${i % 311}`)
      }
    })()
  }
}

async function main () {
  const db = connect()
  fill(db)
  for (const [name, run] of Object.entries(tests)) {
    const said = await run(db)
    if (said !== undefined) console.log(`${name}: ${said}`)
  }
  db.close()
  console.log(`count: ${Object.keys(tests).length} tests of the SQLite extension in better-sqlite3`)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
