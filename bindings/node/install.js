// SPDX-License-Identifier: Apache-2.0
//
// install.js: what npm runs after unpacking. A package with a prebuilt addon for this machine needs nothing. Else the addon is
// compiled with the C compiler that $CC names (cc), against the libfirn that pkg-config finds, linked statically, and the headers of
// npm's node-api-headers. Nothing is downloaded.
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

function build (addon) {
  let headers
  try {
    headers = require('node-api-headers').include_dir
  } catch {
    fail('node-api-headers is missing: npm install node-api-headers')
  }
  const sources = path.join(__dirname, 'src')
  const files = fs.readdirSync(sources).filter((name) => name.endsWith('.c')).sort().map((name) => path.join(sources, name))
  fs.mkdirSync(path.dirname(addon), { recursive: true })
  const compiler = process.env.CC ?? 'cc'
  const compiled = spawnSync(compiler, ['-std=c11', '-D_GNU_SOURCE', '-O2', '-fPIC', '-shared', '-s', '-fvisibility=hidden', '-isystem', headers, ...files, '-o', addon, ...firnFlags(), '-lpthread', '-lm',
    '-Wl,--exclude-libs,ALL'], { stdio: 'inherit' })
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
