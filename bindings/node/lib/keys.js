// SPDX-License-Identifier: Apache-2.0
//
// keys.js: the keys of an encrypted store, or of an encrypted remote of a workspace.
'use strict'

const { native, handle } = require('./native')
const { ciphers, choice, invalid, keyArguments, named, object } = require('./options')
const { monitored } = require('./monitor')

const operations = { list: 0, add: 1, addRecovery: 2, change: 3, remove: 4, rotate: 5, encrypt: 6, decrypt: 7, remember: 8, forget: 9, replace: 10 }
const opens = ['key', 'lockTimeout']
const accepted = { add: [...opens, 'label'], addRecovery: [...opens, 'label'], replace: [...opens, 'label'], encrypt: [...opens, 'cipher'], rekey: [...named.long, ...opens] }

/** Where keys are: a store by its path, or a remote of a workspace. */
function run (place, what, options, { number, secret, seconds, cipher } = {}) {
  const isRemote = typeof place === 'object' && place !== null
  options = object(options, [...(accepted[what] ?? opens), ...(isRemote ? ['remote'] : [])])
  const given = [operations[what], number, ...keyArguments({ key: secret }), options.label, seconds, cipher?.(options), ...keyArguments(options), options.lockTimeout]
  return isRemote ? native.wsKeys(place[handle], ...given, options.remote) : native.keys(place, ...given)
}

function pathNeeded (path) {
  if (typeof path !== 'string') throw invalid('path must be a string')
  return path
}

function secretNeeded (secret) {
  if (secret === undefined || secret === null) throw invalid('a secret is missing')
  return secret
}

async function list (place, options) {
  const { slots, ...keys } = await run(place, 'list', options)
  return { ...keys, slots: slots.map(({ addedNs, ...slot }) => ({ ...slot, added: new Date(Number(addedNs / 1000000n)), addedNs })) }
}

/** The keys of a store, or of a file that Store.export wrote. Needs none of them. */
async function keysList (path) {
  return list(pathNeeded(path))
}

/** Adds a secret that opens a store from now on. */
async function keysAdd (path, secret, options) {
  return run(pathNeeded(path), 'add', options, { secret: secretNeeded(secret) })
}

/** Makes up a recovery code that opens a store from now on. */
async function keysAddRecovery (path, options) {
  return run(pathNeeded(path), 'addRecovery', options)
}

/** Another secret of the same kind for a slot. */
async function keysChange (path, number, secret, options) {
  await run(pathNeeded(path), 'change', options, { number, secret: secretNeeded(secret) })
}

async function keysRemove (path, number, options) {
  await run(pathNeeded(path), 'remove', options, { number })
}

/** Adds a master key, with which all new files are encrypted. */
async function keysRotate (path, options) {
  await run(pathNeeded(path), 'rotate', options)
}

/** Sets one new secret in place of all that open a store, and rotates. */
async function keysReplace (path, secret, options) {
  return run(pathNeeded(path), 'replace', options, { secret: secretNeeded(secret) })
}

/** Begins to make a store in clear an encrypted one, which keysRekey ends. */
async function keysEncrypt (path, options) {
  await run(pathNeeded(path), 'encrypt', options, { cipher: ({ cipher = 'automatic' }) => choice(ciphers, cipher, 'cipher') })
}

/** The other way. */
async function keysDecrypt (path, options) {
  await run(pathNeeded(path), 'decrypt', options)
}

/** Writes every file of a store anew that is not encrypted with its newest master key, or not as it is to be while it is changing. */
async function keysRekey (path, options) {
  options = object(options, accepted.rekey)
  return monitored(options, (monitor) => native.keysRekey(pathNeeded(path), ...keyArguments(options), options.lockTimeout, monitor))
}

/** Lets all programs of this login session open a store for so many seconds. */
async function keysRemember (path, seconds, options) {
  await run(pathNeeded(path), 'remember', options, { seconds })
}

/** Ends that; without a path for all stores. */
async function keysForget (path) {
  return run(path === undefined ? undefined : pathNeeded(path), 'forget')
}

/** Methods of Workspace. */
const remoteKeys = {
  /** The keys of an encrypted remote. Needs none of them. */
  async remoteKeysList (remote) {
    return list(this, { remote })
  },

  async remoteKeysAdd (secret, options) {
    return run(this, 'add', options, { secret: secretNeeded(secret) })
  },

  async remoteKeysAddRecovery (options) {
    return run(this, 'addRecovery', options)
  },

  async remoteKeysChange (number, secret, options) {
    await run(this, 'change', options, { number, secret: secretNeeded(secret) })
  },

  async remoteKeysRemove (number, options) {
    await run(this, 'remove', options, { number })
  },

  async remoteKeysRotate (options) {
    await run(this, 'rotate', options)
  },

  async remoteKeysReplace (secret, options) {
    return run(this, 'replace', options, { secret: secretNeeded(secret) })
  },

  async remoteKeysRemember (seconds, options) {
    await run(this, 'remember', options, { seconds })
  },

  async remoteKeysForget (remote) {
    return run(this, 'forget', { remote })
  }
}

module.exports = { keysList, keysAdd, keysAddRecovery, keysChange, keysRemove, keysRotate, keysReplace, keysEncrypt, keysDecrypt, keysRekey, keysRemember, keysForget, remoteKeys }
