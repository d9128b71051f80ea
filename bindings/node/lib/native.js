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
    ? [process.env.FIRN_NODE_ADDON]
    : [path.join(root, 'build', 'firn.node'), path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'firn.node')]
  for (const place of places) {
    if (fs.existsSync(place)) return place
  }
  throw new Error(`firn: the addon is missing (looked for ${places.join(', ')}); run "node install.js" in ${root}`)
}

const native = require(find())
native.setErrorClass(FirnError)

// Handles of objects that were collected without being closed.
const forgotten = new FinalizationRegistry((handle) => { native.close(handle).catch(() => {}) })

module.exports = { native, FirnError, forgotten, handle: Symbol('handle') }
