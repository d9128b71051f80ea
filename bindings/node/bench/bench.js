// SPDX-License-Identifier: Apache-2.0
//
// bench.js [--write] [--entries N] [--rounds N] [--peers DIRECTORY]: calls of the package beside better-sqlite3, classic-level and lmdb, in one
// run: the engines take turns in every round, and the table has the medians. Peers are npm packages below DIRECTORY (build/bench/peers/node,
// where scripts/bench-deps puts them); one that is not there is left out. --write puts the table into docs/benchmarks.md.
//
// All engines hand their writes to the kernel without a sync for each, and have 64 MiB of cache at least. Data: keys of 16 characters, values
// of 100 bytes, in random order. Microseconds an operation; "n at once" starts n promises, or hands in n keys or writes, and waits for all.
'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { createRequire } = require('node:module')

const root = path.join(__dirname, '..', '..', '..')
const options = { entries: 100000, rounds: 5, peers: path.join(root, 'build', 'bench', 'peers', 'node'), write: false }
for (let i = 2; i < process.argv.length; i++) {
  const name = process.argv[i].replace(/^--/, '')
  if (name === 'write') options.write = true
  else if (name in options && i + 1 < process.argv.length) options[name] = typeof options[name] === 'number' ? Number(process.argv[++i]) : process.argv[++i]
  else throw new Error('usage: bench.js [--write] [--entries N] [--rounds N] [--peers DIRECTORY]')
}

const ENTRIES = options.entries
const AT_ONCE = 100
const VALUE = Buffer.alloc(100, 'v')
const keys = Array.from({ length: ENTRIES }, (_, i) => `user${String(i * 7919 % ENTRIES).padStart(12, '0')}`)
const load = (name) => createRequire(path.join(options.peers, 'x.js'))(name)

async function openFirn (place) {
  const firn = require('..')
  const store = await firn.open(path.join(place, 'firn'), { durability: 'os', memory: 64 << 20 })
  const space = await store.keyspace('s', { keyEncoding: 'utf8' })
  return {
    version: firn.version,
    putSync: (key, value) => space.putSync(key, value),
    put: (key, value) => space.put(key, value),
    batch: (some) => { const batch = store.batch(); for (const key of some) batch.put(space, key, VALUE); return batch.write().then(() => batch.close()) },
    getSync: (key) => space.getSync(key),
    get: (key) => space.get(key),
    getMany: (some) => space.getMany(some),
    async iterate () { let n = 0; for await (const entry of space.entries()) n += entry.length >> 1; return n },
    close: () => store.close()
  }
}

async function openSqlite (place) {
  const Database = load('better-sqlite3')
  const db = new Database(path.join(place, 'sqlite'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; CREATE TABLE s (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID')
  const put = db.prepare('INSERT OR REPLACE INTO s VALUES (?, ?)')
  const get = db.prepare('SELECT v FROM s WHERE k = ?').pluck()
  const all = db.prepare('SELECT k, v FROM s ORDER BY k').raw()
  const many = db.transaction((some) => { for (const key of some) put.run(key, VALUE) })
  return {
    version: load('better-sqlite3/package.json').version,
    putSync: (key, value) => put.run(key, value),
    batch: async (some) => many(some),
    getSync: (key) => get.get(key),
    getMany: async (some) => some.map((key) => get.get(key)),
    async iterate () { let n = 0; for (const entry of all.iterate()) n += entry.length >> 1; return n },
    close: () => db.close()
  }
}

async function openLevel (place) {
  const { ClassicLevel } = load('classic-level')
  const db = new ClassicLevel(path.join(place, 'level'), { valueEncoding: 'buffer', cacheSize: 64 << 20 })
  await db.open()
  return {
    version: JSON.parse(fs.readFileSync(path.join(options.peers, 'node_modules', 'classic-level', 'package.json'))).version,
    put: (key, value) => db.put(key, value),
    batch: (some) => db.batch(some.map((key) => ({ type: 'put', key, value: VALUE }))),
    getSync: typeof db.getSync === 'function' ? (key) => db.getSync(key) : undefined,
    get: (key) => db.get(key),
    getMany: (some) => db.getMany(some),
    async iterate () { let n = 0; for await (const entry of db.iterator()) n += entry.length >> 1; return n },
    close: () => db.close()
  }
}

async function openLmdb (place) {
  const lmdb = load('lmdb')
  const db = lmdb.open({ path: path.join(place, 'lmdb'), encoding: 'binary', noSync: true, mapSize: 4 << 30 })
  return {
    version: JSON.parse(fs.readFileSync(path.join(options.peers, 'node_modules', 'lmdb', 'package.json'))).version,
    putSync: (key, value) => db.putSync(key, value),
    put: (key, value) => db.put(key, value),
    batch: (some) => db.batch(() => { for (const key of some) db.put(key, VALUE) }),
    getSync: (key) => db.get(key),
    getMany: (some) => db.getMany(some),
    async iterate () { let n = 0; for (const { key, value } of db.getRange()) n += key !== undefined && value !== undefined ? 1 : 0; return n },
    close: () => db.close()
  }
}

// Each row: its name, what the engine must have, and the work; gives the number of operations.
const rows = [
  ['batches of 100 puts', 'batch', async (engine) => {
    for (let i = 0; i < ENTRIES; i += AT_ONCE) await engine.batch(keys.slice(i, i + AT_ONCE))
    return ENTRIES
  }],
  ['put, synchronous', 'putSync', async (engine) => {
    for (let i = 0; i < ENTRIES / 5; i++) engine.putSync(keys[i * 5], VALUE)
    return Math.floor(ENTRIES / 5)
  }],
  ['put, 100 at once', 'put', async (engine) => {
    for (let i = 0; i < ENTRIES / 5; i += AT_ONCE) await Promise.all(keys.slice(i, i + AT_ONCE).map((key) => engine.put(key, VALUE)))
    return Math.ceil(ENTRIES / 5 / AT_ONCE) * AT_ONCE
  }],
  ['get, synchronous', 'getSync', async (engine) => {
    for (const key of keys) if (engine.getSync(key).length !== VALUE.length) throw new Error('a wrong value')
    return ENTRIES
  }],
  ['get, 100 at once', 'get', async (engine) => {
    for (let i = 0; i < ENTRIES; i += AT_ONCE) await Promise.all(keys.slice(i, i + AT_ONCE).map((key) => engine.get(key)))
    return ENTRIES
  }],
  ['getMany of 100', 'getMany', async (engine) => {
    for (let i = 0; i < ENTRIES; i += AT_ONCE) if ((await engine.getMany(keys.slice(i, i + AT_ONCE))).length > AT_ONCE) throw new Error('too many')
    return ENTRIES
  }],
  ['iterate over all', 'iterate', async (engine) => {
    const n = await engine.iterate()
    if (n !== ENTRIES) throw new Error(`${n} entries instead of ${ENTRIES}`)
    return ENTRIES
  }]
]

function median (numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

async function main () {
  const places = { firn: openFirn, 'better-sqlite3': openSqlite, 'classic-level': openLevel, lmdb: openLmdb }
  const times = {} // by row, then engine
  const versions = {}
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, open] of Object.entries(places)) {
      const place = fs.mkdtempSync(path.join(os.tmpdir(), 'firn-node-bench-'))
      try {
        let engine
        try {
          engine = await open(place)
        } catch (error) {
          if (name === 'firn') throw error
          if (round === 0) console.error(`bench: ${name} is left out: ${error.message.split('\n')[0]}`)
          continue
        }
        versions[name] = engine.version
        for (const [row, needs, work] of rows) {
          if (engine[needs] === undefined) continue
          const start = process.hrtime.bigint()
          const count = await work(engine)
          const us = Number(process.hrtime.bigint() - start) / 1000 / count
          ;((times[row] ??= {})[name] ??= []).push(us)
        }
        await engine.close()
      } finally {
        fs.rmSync(place, { recursive: true, force: true })
      }
    }
  }
  const names = Object.keys(versions)
  const lines = [`node: ${process.version}; entries: ${ENTRIES}; rounds: ${options.rounds}; ${names.map((name) => `${name} ${versions[name]}`).join('; ')}.`, '',
    `| microseconds an operation, median (times firn's) | ${names.join(' | ')} |`, `|---|${names.map(() => '---').join('|')}|`]
  for (const [row] of rows) {
    const ours = median(times[row].firn)
    lines.push(`| ${row} | ${names.map((name) => {
      if (times[row][name] === undefined) return '–'
      const us = median(times[row][name])
      return name === 'firn' ? us.toFixed(2) : `${us.toFixed(2)} (${(us / ours).toFixed(1)})`
    }).join(' | ')} |`)
  }
  console.log(lines.join('\n'))
  if (options.write) {
    const file = path.join(root, 'docs', 'benchmarks.md')
    const text = fs.readFileSync(file, 'utf8')
    const [before, rest] = text.split('<!-- node: begin -->')
    if (rest === undefined) throw new Error('docs/benchmarks.md has no section of Node')
    fs.writeFileSync(file, `${before}<!-- node: begin -->\n${lines.join('\n')}\n<!-- node: end -->${rest.split('<!-- node: end -->')[1]}`)
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
