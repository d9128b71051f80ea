// SPDX-License-Identifier: Apache-2.0
//
// native.js: loads the addon, and defines the one class of errors.
'use strict'

const fs = require('node:fs')
const path = require('node:path')

/** An error of firn. `code` is one of the names of include/firn/error.h, such as 'FIRN_NOT_FOUND'. */
class FirnError extends Error {
  constructor (code, message, errno = 0) {
    super(message)
    this.code = code
    if (errno !== 0) this.errno = errno
  }
}
Object.defineProperty(FirnError.prototype, 'name', { value: 'FirnError', configurable: true, writable: true })

// FIRN_NODE_ADDON names an addon that was built elsewhere, as this project's own build does.
function find () {
  const root = path.join(__dirname, '..')
  const places = process.env.FIRN_NODE_ADDON
    ? [path.resolve(process.env.FIRN_NODE_ADDON)]
    : [path.join(root, 'build', 'firn.node'), path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'firn.node')]
  for (const place of places) {
    if (fs.existsSync(place)) return place
  }
  if (process.env.FIRN_NODE_ADDON) throw new Error(`firn: FIRN_NODE_ADDON names ${places[0]}, which does not exist`)
  throw new Error(`firn: the addon is missing (looked for ${places.join(', ')}); run "node install.js" in ${root}`)
}

/**
 * Gives an error that has no stack the one of an async function that has just caught it, without that function: the async functions
 * that wait for it. The addon makes errors between two turns of the event loop, where no JavaScript runs.
 */
function trace (error, caught = trace) {
  if (error instanceof FirnError && error.stack === String(error)) Error.captureStackTrace(error, caught)
  return error
}

/** An asynchronous function of the addon, with errors that have a stack. */
function traced (call) {
  return async function called (...given) {
    try {
      return await call(...given)
    } catch (error) {
      throw trace(error, called)
    }
  }
}

const addon = require(find())
addon.setErrorClass(FirnError)
const native = {}
for (const [name, call] of Object.entries(addon)) {
  native[name] = `${name}Sync` in addon ? traced(call) : call
}

// Handles of objects that were collected without being closed.
const forgotten = new FinalizationRegistry((handle) => { native.close(handle).catch(() => {}) })

module.exports = { native, trace, FirnError, forgotten, handle: Symbol('handle') }
