// SPDX-License-Identifier: Apache-2.0
//
// options.js: names as numbers of the C API, and encodings of keys and values.
'use strict'

const { FirnError } = require('./native')

const durabilities = { full: 1, os: 2 }
const compressions = { none: 1, lz4: 2, zstd: 3 }
const isolations = { snapshot: 1, serializable: 2 }
const metrics = { l2: 1, dot: 2, cosine: 3 }
const operators = { add: 1, append: 2, min: 3, max: 4 }

function invalid (text) {
  return new FirnError('FIRN_INVALID', text)
}

function choice (table, name, what) {
  if (name === undefined || name === null) return 0
  if (typeof name === 'string' && Object.hasOwn(table, name)) return table[name]
  throw invalid(`${what} must be one of ${Object.keys(table).join(', ')}`)
}

function object (options, what = 'options') {
  if (options === undefined || options === null) return {}
  if (typeof options !== 'object') throw invalid(`${what} must be an object`)
  return options
}

const same = (value) => value
const encodings = {
  buffer: { encode: same, decode: same, isText: false },
  utf8: { encode: same, decode: (bytes) => bytes.toString('utf8'), isText: true },
  json: {
    encode (value) {
      const text = JSON.stringify(value)
      if (text === undefined) throw invalid('the value has no form in JSON')
      return text
    },
    decode: (bytes) => JSON.parse(bytes.toString('utf8')),
    isText: false
  }
}

function encoding (name, what) {
  if (name === undefined || name === null) return encodings.buffer
  if (typeof name === 'string' && Object.hasOwn(encodings, name)) return encodings[name]
  throw invalid(`${what} must be one of ${Object.keys(encodings).join(', ')}`)
}

module.exports = { durabilities, compressions, isolations, metrics, operators, invalid, choice, object, encoding }
