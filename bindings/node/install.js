// SPDX-License-Identifier: Apache-2.0
//
// install.js: what npm runs after unpacking. A package with a prebuilt addon for this machine needs nothing. Else the addon is
// compiled with the C compiler that $CC names (cc), against the libfirn that pkg-config finds, linked statically, and the headers of
// npm's node-api-headers. store.sql needs SQLite's static library as well; where there is none the addon is compiled without it. Nothing is
// downloaded.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { execFileSync, spawnSync } = require('node:child_process')

function works (addon) {
  return fs.existsSync(addon) && spawnSync(process.execPath, ['-e', `require(${JSON.stringify(addon)})`], { stdio: 'ignore' }).status === 0
}

function fail (text) {
  console.error(`firn: ${text}`)
  process.exit(1)
}

function firnFlags () {
  const given = spawnSync('pkg-config', ['--cflags', '--libs', '--static', 'firn'], { encoding: 'utf8' })
  if (given.error !== undefined) fail('there is no pkg-config: install it, and libfirn with its headers, and try again')
  if (given.status !== 0) fail(`pkg-config does not find libfirn: install it (cmake --install), or set PKG_CONFIG_PATH to where firn.pc is\n${given.stderr.trim()}`)
  const directory = execFileSync('pkg-config', ['--variable=libdir', 'firn'], { encoding: 'utf8' }).trim()
  const archive = path.join(directory, 'libfirn.a')
  const flags = given.stdout.trim().split(/\s+/)
  // The archive itself, so that the addon does not depend on where libfirn.so is.
  return fs.existsSync(archive) ? flags.map((flag) => flag === '-lfirn' ? archive : flag) : flags
}

function sourcesIn (directory) {
  return fs.readdirSync(directory).filter((name) => name.endsWith('.c')).sort().map((name) => path.join(directory, name))
}

// The sources of firn's SQL: in an archive below sql/ (bindings/node/stage puts them there), in a checkout where they belong.
const ROOMS = ['sql', 'sqlcreate', 'sqlparse', 'sqltext', 'sqlvalue']
const ROOMS_AT = [path.join(__dirname, 'sql'), path.join(__dirname, '..', '..', 'src', 'programs')]

/** What the compiler needs for store.sql, or why there is no SQL. */
function sqlFlags () {
  const rooms = ROOMS_AT.find((directory) => ROOMS.every((room) => fs.existsSync(path.join(directory, room))))
  if (rooms === undefined) return { why: 'the sources of firn\'s SQL are not in this package' }
  const found = spawnSync('pkg-config', ['--cflags', 'sqlite3 >= 3.38'], { encoding: 'utf8' })
  if (found.status !== 0) return { why: 'pkg-config finds no SQLite, 3.38 or newer, with its header' }
  const archive = path.join(execFileSync('pkg-config', ['--variable=libdir', 'sqlite3'], { encoding: 'utf8' }).trim(), 'libsqlite3.a')
  if (!fs.existsSync(archive)) return { why: `there is no ${archive}` }
  const files = ROOMS.flatMap((room) => sourcesIn(path.join(rooms, room)))
  return { flags: ['-DFIRN_NODE_SQL=1', '-DSQLITE_CORE=1', '-I', rooms, '-I', path.join(rooms, '..', 'foundation'), ...found.stdout.trim().split(/\s+/).filter(Boolean), ...files], libraries: [archive, '-ldl'] }
}

/** What cmake/FirnHarden.cmake compiles libfirn with, as far as the compiler has it. */
function hardeningFlags (compiler, addon) {
  const wanted = ['-fstack-protector-strong', '-fstack-clash-protection', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack', '-Wl,-z,separate-code',
    process.arch === 'x64' ? '-fcf-protection' : '-mbranch-protection=standard']
  const tried = `${addon}.tried`
  const has = (flag) => spawnSync(compiler, ['-Werror', '-O2', '-fPIC', '-shared', flag, '-x', 'c', '/dev/null', '-o', tried], { stdio: 'ignore' }).status === 0
  const had = wanted.filter(has)
  fs.rmSync(tried, { force: true })
  return had
}

function build (addon) {
  // npm links a directory that it is given: its modules are not those of the project that npm was run in.
  const project = process.env.INIT_CWD ?? __dirname
  let headers
  try {
    headers = require(require.resolve('node-api-headers', { paths: [__dirname, project] })).include_dir
  } catch {
    fail(`node-api-headers is missing: run "npm install node-api-headers" in ${project}, and try again`)
  }
  fs.mkdirSync(path.dirname(addon), { recursive: true })
  const compiler = process.env.CC ?? 'cc'
  const firn = firnFlags()
  const hardening = hardeningFlags(compiler, addon)
  const compile = (flags, libraries) => spawnSync(compiler, ['-std=c17', '-D_GNU_SOURCE', '-O2', '-fPIC', '-shared', '-s', '-fvisibility=hidden', ...hardening, '-isystem', headers,
    ...flags, ...sourcesIn(path.join(__dirname, 'src')), '-o', addon, ...firn, ...libraries, '-lpthread', '-lm', '-Wl,--exclude-libs,ALL'], { stdio: 'inherit' })
  const { flags, libraries, why } = sqlFlags()
  let compiled
  if (why === undefined) {
    compiled = compile(flags, libraries)
    if (compiled.status === 0 && works(addon)) return
  }
  if (compiled?.error === undefined) {
    console.error(`firn: the addon is compiled without SQL: ${why ?? 'with it, it could not be compiled'}`)
    compiled = compile([], [])
  }
  if (compiled.error !== undefined) fail(`${compiler} could not be run: a C compiler is needed to build the addon`)
  if (compiled.status !== 0) fail('the addon could not be compiled')
}

const prebuilt = path.join(__dirname, 'prebuilds', `${process.platform}-${process.arch}`, 'firn.node')
const built = path.join(__dirname, 'build', 'firn.node')
if (process.platform !== 'linux') fail('firn runs on Linux')
if (!works(prebuilt) && !works(built)) {
  build(built)
  if (!works(built)) fail(`the addon was compiled, but cannot be loaded: node -e 'require(${JSON.stringify(built)})' says why`)
}
