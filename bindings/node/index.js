// SPDX-License-Identifier: Apache-2.0
//
// index.js: the exports of the package. index.d.ts has their types and documentation.
'use strict'

const { native, FirnError } = require('./lib/native')
const { open, openSync, openMemory, checkLocked, destroy, importStore, Store, Snapshot, Transaction } = require('./lib/store')
const { Keyspace, Batch, numberOf } = require('./lib/keyspace')
const { Table, Scan, ColumnBatch } = require('./lib/table')
const { SqlRows } = require('./lib/sql')
const { openWorkspace, Workspace } = require('./lib/workspace')
const {
  keysList, keysAdd, keysAddRecovery, keysChange, keysRemove, keysRotate, keysReplace, keysEncrypt, keysDecrypt, keysRekey, keysRemember, keysForget
} = require('./lib/keys')

const version = native.version()
const hasSql = native.sqlOpen !== undefined // which an addon without SQL does not have

// Names alone: Node's lexer, which finds the names for ES modules, reads no further than a value that is an expression.
module.exports = {
  open,
  openSync,
  openMemory,
  checkLocked,
  destroy,
  importStore,
  openWorkspace,
  keysList,
  keysAdd,
  keysAddRecovery,
  keysChange,
  keysRemove,
  keysRotate,
  keysReplace,
  keysEncrypt,
  keysDecrypt,
  keysRekey,
  keysRemember,
  keysForget,
  numberOf,
  version,
  hasSql,
  Store,
  Keyspace,
  Batch,
  Snapshot,
  Transaction,
  Table,
  Scan,
  ColumnBatch,
  SqlRows,
  Workspace,
  FirnError
}
