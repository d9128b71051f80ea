// SPDX-License-Identifier: Apache-2.0
//
// options.js: objects of options, names as numbers of the C API, and encodings of keys and values.
//
// A function that takes options lists the names that it knows, and any other name is a TypeError: a misspelled option would do
// nothing otherwise, and nobody would notice.
'use strict'

const { FirnError, native } = require('./native')

const durabilities = { full: 1, os: 2 }
const compressions = { none: 1, lz4: 2, zstd: 3 }
const ciphers = { none: 0, 'xchacha20-poly1305': 1, 'aes-256-gcm': 2, 'aegis-256': 3, automatic: 255 }
const isolations = { snapshot: 1, serializable: 2 }
const metrics = { l2: 1, dot: 2, cosine: 3 }
const { operators } = native

// Names of options that several functions have.
const named = {
  none: [],
  write: ['durability'],
  put: ['durability', 'ttl'],
  long: ['signal', 'onProgress', 'onNotice'],
  bounds: ['gte', 'gt', 'lte', 'lt'],
  keyspace: ['keyEncoding', 'valueEncoding', 'createIfMissing', 'failIfExists'],
  table: ['integers']
}

function invalid (text) {
  return new FirnError('FIRN_INVALID', text)
}

function choice (table, name, what) {
  if (name === undefined || name === null) return 0
  if (typeof name === 'string' && Object.hasOwn(table, name)) return table[name]
  throw invalid(`${what} must be one of ${Object.keys(table).join(', ')}`)
}

const none = Object.freeze({})

/** The options, {} for undefined and null. TypeError for one whose name is not among those that are accepted. */
function object (options, accepted, what = 'options') {
  if (options === undefined || options === null) return none
  if (typeof options !== 'object' || Array.isArray(options)) throw invalid(`${what} must be an object`)
  for (const name of Object.keys(options)) {
    if (!accepted.includes(name)) {
      const known = accepted.length > 0 ? `accepted: ${accepted.join(', ')}` : 'there are none here'
      throw new TypeError(`${what === 'options' ? 'unknown option' : `unknown name in ${what}:`} "${name}" (${known})`)
    }
  }
  return options
}

/** "bigint" or "number", as whether integers come as numbers. */
function numbers (options) {
  const { integers } = options
  if (integers !== undefined && integers !== 'bigint' && integers !== 'number') throw invalid("integers must be 'bigint' or 'number'")
  return integers === 'number'
}

/** A reference to a checkpoint as a string; its number may be given as such. undefined and null stay what they are. */
function reference (given) {
  if (typeof given === 'string' || given === undefined || given === null) return given
  if ((Number.isSafeInteger(given) || typeof given === 'bigint') && given >= 0) return String(given)
  throw invalid('a reference to a checkpoint must be a string, or its number')
}

/** The same where it must not be missing. */
function referenceNeeded (given) {
  if (given === undefined || given === null) throw invalid('a reference to a checkpoint is missing')
  return reference(given)
}

/** One reference, or an array of them. */
function references (given) {
  return [given].flat(Infinity).map(referenceNeeded)
}

/** What opens an encrypted store, as bytes, and whether it was a text. */
function keyArguments ({ key }) {
  return [typeof key === 'string' ? Buffer.from(key) : key, typeof key === 'string']
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
    isText: false
  }
}

/** The JSON encoding of a keyspace, whose errors name it. `what` is 'key' or 'value'. */
function json (keyspace, what) {
  const decode = (bytes) => {
    try {
      return JSON.parse(bytes.toString('utf8'))
    } catch (cause) {
      const error = invalid(`keyspace "${keyspace}": a ${what} is not JSON: ${cause.message}`)
      error.cause = cause
      throw error
    }
  }
  return { ...encodings.json, decode }
}

/** Option `what`, 'keyEncoding' or 'valueEncoding', of a keyspace. */
function encoding (name, what, keyspace) {
  if (name === undefined || name === null) return encodings.buffer
  if (name === 'json') return json(keyspace, what === 'keyEncoding' ? 'key' : 'value')
  if (typeof name === 'string' && Object.hasOwn(encodings, name)) return encodings[name]
  throw invalid(`${what} must be one of ${Object.keys(encodings).join(', ')}`)
}

module.exports = { durabilities, compressions, ciphers, isolations, metrics, operators, named, invalid, choice, object, numbers, reference, referenceNeeded, references, keyArguments, encoding }
