// SPDX-License-Identifier: Apache-2.0
//
// index.d.ts: the types of the package, and the documentation of each function. Functions that return promises run off the event
// loop. Errors are FirnError, whose stack has the async functions that await the promise; such a function rejects its promise, and
// never throws. An option with another name than those here is a TypeError, which names the options that the function takes.

/// <reference types="node" />

// For libraries of types that do not have it yet: TypeScript's own is esnext.disposable.
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol
  }
}

/** Bytes: a string is taken as UTF-8. Promises copy what they are given, so it may be changed at once. */
export type Bytes = string | NodeJS.ArrayBufferView | ArrayBuffer

export type Durability =
  /** On disk when the call is done; the default. */
  | 'full'
  /** Handed to the kernel: survives the process, not a power cut. */
  | 'os'

export type ErrorCode =
  | 'FIRN_BUSY' | 'FIRN_CONFLICT' | 'FIRN_CANCELLED' | 'FIRN_INVALID' | 'FIRN_NOT_FOUND' | 'FIRN_EXISTS' | 'FIRN_LIMIT' | 'FIRN_MISUSE' | 'FIRN_IO'
  | 'FIRN_NO_SPACE' | 'FIRN_NO_MEMORY' | 'FIRN_DENIED' | 'FIRN_READ_ONLY' | 'FIRN_UNSUPPORTED' | 'FIRN_CORRUPT' | 'FIRN_NEWER' | 'FIRN_UNTRUSTED'
  | 'FIRN_FAILED' | 'FIRN_INTERNAL'

export class FirnError extends Error {
  constructor (code: ErrorCode, message: string, errno?: number)
  readonly code: ErrorCode
  /** The operating system's error number, if there was one. */
  readonly errno?: number
  /** Of Workspace.revert: what overlaps. */
  readonly conflicts?: RevertConflict[]
  /** Of Workspace.pull, where something in the remote is damaged: what came in spite of that. */
  readonly pulled?: Pulled
}

/** The version of the library. */
export const version: string
/** Whether the addon was compiled with SQL: where not, Store.sql fails with FIRN_UNSUPPORTED. */
export const hasSql: boolean

// ---- long calls ----

export interface Progress {
  phase: string
  filesDone: number
  /** 0 while unknown. */
  filesTotal: number
  bytesDone: number
  bytesTotal: number
  /** Too late to cancel. */
  isFinishing: boolean
}

export interface Notice {
  /** 'excluded', 'unreadable', 'damaged', ... */
  kind: string
  path: string
  text: string
  isKnown: boolean
}

/** Callbacks come on the event loop, about ten times a second, and before the promise settles. What they throw cancels the call. */
export interface LongOptions {
  signal?: AbortSignal
  onProgress?: (progress: Progress) => void
  onNotice?: (notice: Notice) => void
}

// ---- stores ----

export interface OpenOptions {
  /** Default true. */
  createIfMissing?: boolean
  failIfExists?: boolean
  /** Writes nothing; a writer may be open too, in any process. */
  readOnly?: boolean
  durability?: Durability
  /** How long to wait for another writer, in milliseconds; default 0: FIRN_BUSY. */
  lockTimeout?: number
  /** Bytes for memtables, cache, indexes and filters; default 256 MiB. */
  memory?: number | bigint
  /** In the background; default: one per processor, at most 4. */
  threads?: number
  compression?: 'none' | 'lz4' | 'zstd'
  /** Read-only: shows commits, too, that were not acknowledged yet. */
  readPending?: boolean
  /** A store that is created is encrypted with it. */
  cipher?: CipherName
  /** What opens an encrypted store, if the environment does not: a passphrase or a recovery code; what is in a key file. */
  key?: string | Uint8Array
}

export interface MemoryOptions extends OpenOptions {
  /** The most bytes of its files. */
  limit?: number | bigint
}

export interface CheckLockedOptions extends LongOptions {
  /** Of packs, only header, footer and table of contents, not the contents of saved files. */
  skipContents?: boolean
}

export interface CheckedLocked {
  files: number
  blocks: number
  bytesRead: number
  logRecords: number
}

export type CipherName = 'none' | 'xchacha20-poly1305' | 'aes-256-gcm' | 'aegis-256' | 'automatic'

export function open (path: string, options?: OpenOptions): Promise<Store>
export function openSync (path: string, options?: OpenOptions): Store
/** A store in memory, gone when it is closed. */
export function openMemory (options?: MemoryOptions): Promise<Store>
/** Removes a store from disk. */
export function destroy (path: string): Promise<void>
/**
 * Verifies the checksums of an encrypted store without its key. FIRN_CORRUPT if anything is damaged; notices name file and offset. Whether
 * files belong together, and whether one is missing, is not verified: Store.check does that, with a key.
 */
export function checkLocked (path: string, options?: CheckLockedOptions): Promise<CheckedLocked>
/** Creates a store in a directory from a file that Store.export wrote. */
export function importStore (file: string, path: string, options?: LongOptions & { key?: string | Uint8Array }): Promise<Checkpoint>
// ---- keys of encrypted stores ----

/** What opens a store or a remote: a string is a passphrase; bytes are what is in a key file, of which at least 32 are random. */
export type Secret = string | Uint8Array

export interface KeysOptions {
  /** What opens the store or remote now, if the environment does not. A string may be a recovery code, too. */
  key?: Secret
  /** How long to wait for another writer, in milliseconds; default a minute. */
  lockTimeout?: number
}

export interface RemoteKeysOptions extends KeysOptions {
  /** The name or URL of the remote; default the only one, or 'origin'. */
  remote?: string
}

export interface KeySlot {
  number: number
  kind: 'passphrase' | 'file' | 'recovery'
  label: string
  added: Date
  addedNs: bigint
}

export interface Keys {
  /** Of new files; 'none': in clear. */
  cipher: CipherName
  slots: KeySlot[]
  /** One more with each rotation. */
  masterKeys: number
  /** The session keyring opens it. */
  isRemembered: boolean
  /** Of a remote: the store, which is encrypted, has what opens it. */
  isKept: boolean
  /** Other than 'settled' until keysRekey has ended such a change. */
  state: 'settled' | 'encrypting' | 'decrypting'
}

/** The keys of a store, or of a file that Store.export wrote. Needs none of them. */
export function keysList (path: string): Promise<Keys>
/** Adds a secret that opens a store from now on, and gives the number of its slot. `label` is for people. */
export function keysAdd (path: string, secret: Secret, options?: KeysOptions & { label?: string }): Promise<number>
/** Makes up a recovery code that opens a store from now on, to be written down: it is nowhere else. */
export function keysAddRecovery (path: string, options?: KeysOptions & { label?: string }): Promise<{ number: number, code: string }>
/** Another secret of the same kind for a slot. The master keys stay, and the old secret still opens older copies of FIRN.keys. */
export function keysChange (path: string, number: number, secret: Secret, options?: KeysOptions): Promise<void>
/** Removes a slot. FIRN_INVALID if it is the last one. */
export function keysRemove (path: string, number: number, options?: KeysOptions): Promise<void>
/** Adds a master key, with which all new files of a store are encrypted. Older files keep theirs until keysRekey. */
export function keysRotate (path: string, options?: KeysOptions): Promise<void>
/**
 * Sets one new secret in place of all that open a store, and rotates: what opened it so far opens nothing that is written from now on.
 * Gives the number of the slot. keysRekey, or Workspace.gc with `rekey`, does the rest.
 */
export function keysReplace (path: string, secret: Secret, options?: KeysOptions & { label?: string }): Promise<number>
/**
 * Begins to make a store in clear an encrypted one, which `key` opens from now on, or else what the environment gives. New files are
 * encrypted; keysRekey, or Workspace.gc with `rekey`, writes the others anew, and ends the change. FIRN_EXISTS: it is encrypted already.
 */
export function keysEncrypt (path: string, options?: KeysOptions & { cipher?: CipherName }): Promise<void>
/** The other way. FIRN_INVALID: it is in clear. FIRN_CONFLICT: it has remotes, and keeps what opens them. */
export function keysDecrypt (path: string, options?: KeysOptions): Promise<void>
/**
 * Writes every file of a store anew that is not encrypted with its newest master key, or that is not as it is to be while the store is
 * changing. If none is `left`, older master keys are dropped, or the change has ended; otherwise another call does the rest. `packs` of
 * these are left to Workspace.gc with `rekey`.
 */
export function keysRekey (path: string, options?: LongOptions & KeysOptions): Promise<{ rekeyed: number, left: number, packs: number }>
/** Lets all programs of this login session open a store for so many seconds. FIRN_UNSUPPORTED without a session keyring. */
export function keysRemember (path: string, seconds: number, options?: KeysOptions): Promise<void>
/** Ends that, for one store or, without a path, for all of them; gives for how many. */
export function keysForget (path?: string): Promise<number>

/** The number that a merged value holds; 0n for undefined. FIRN_INVALID for what is not 8 bytes. */
export function numberOf (value: Uint8Array | undefined): bigint

export interface WriteOptions {
  durability?: Durability
}

export interface PutOptions extends WriteOptions {
  /** The value expires after so many milliseconds. */
  ttl?: number | bigint
}

/** What names a checkpoint: its number, its name or tag, its id, 'latest', ... (docs/checkpoints.md). */
export type Reference = string | number | bigint

/** A checkpoint of a store's data. */
export interface Checkpoint {
  /** From 1; 0 for a safety checkpoint. */
  number: number
  id: string
  /** '' if it has none. */
  name: string
  createdAt: Date
  createdNs: bigint
  sequence: bigint
  isSafety: boolean
  /** Of a safety checkpoint: the id of the checkpoint that was restored then. */
  restored: string
}

export interface Difference {
  kind: 'added' | 'removed' | 'changed' | 'keyspace added' | 'keyspace removed'
  keyspace: string
  key?: Buffer
  before?: Buffer
  after?: Buffer
}

export interface Closable {
  /** Waits for calls that are under way. A second close does nothing. */
  close (): Promise<void>
  /** FIRN_BUSY if calls are under way. */
  closeSync (): void
  /** The same as close, for `await using`. */
  [Symbol.asyncDispose] (): Promise<void>
}

export interface TransactionOptions {
  /** 'serializable' refuses write skew as well. */
  isolation?: 'snapshot' | 'serializable'
  readOnly?: boolean
}

export type BatchOperation =
  | { type: 'put', keyspace: Keyspace<any, any>, key: any, value: any, ttl?: number | bigint }
  | { type: 'del', keyspace: Keyspace<any, any>, key: any }

export class Store implements Closable {
  private constructor ()
  readonly path: string | undefined
  /** Closes what is open below it, too: iterators, transactions, snapshots. */
  close (): Promise<void>
  closeSync (): void
  [Symbol.asyncDispose] (): Promise<void>

  keyspace<K extends EncodingName = 'buffer', V extends EncodingName = 'buffer'> (name: string, options?: KeyspaceOptions<K, V>): Promise<Keyspace<Encoded<K>, Encoded<V>>>
  keyspaceSync<K extends EncodingName = 'buffer', V extends EncodingName = 'buffer'> (name: string, options?: KeyspaceOptions<K, V>): Keyspace<Encoded<K>, Encoded<V>>
  keyspaces (): Promise<string[]>
  dropKeyspace (name: string): Promise<void>

  /** Creates a table from a definition such as 'id i64 auto, name text not null, primary key (id)'. */
  createTable (name: string, definition: string, options?: CreateTableOptions): Promise<Table>
  table (name: string, options?: TableOptions): Promise<Table>
  tables (): Promise<string[]>
  dropTable (name: string): Promise<void>

  /**
   * Runs a statement of SQL over the tables and keyspaces of the store, by the SQLite that the package has inside (docs/sql.md), and gives
   * its rows. Each statement is a transaction of its own unless BEGIN came before it. FIRN_UNSUPPORTED if hasSql is false.
   */
  sql (text: string, parameters?: SqlParameters, options?: SqlOptions): Promise<Row[]>
  /** The same for results that are large: rows are fetched in batches. */
  sqlRows (text: string, parameters?: SqlParameters, options?: SqlOptions): SqlRows

  batch (): Batch
  batch (operations: BatchOperation[], options?: WriteOptions): Promise<void>
  begin (options?: TransactionOptions): Promise<Transaction>
  /**
   * Calls work in a transaction and commits. After FIRN_CONFLICT all of it is done again, up to `attempts` times (100), so work
   * must have no effects besides. What it throws rolls back.
   */
  transaction<T> (work: (transaction: Transaction) => Promise<T> | T, options?: TransactionOptions & WriteOptions & { attempts?: number }): Promise<T>

  snapshot (options?: { checkpoint?: Reference }): Promise<Snapshot>
  snapshotSync (options?: { checkpoint?: Reference }): Snapshot
  /** The store's data at a checkpoint. */
  at (reference: Reference): Promise<Snapshot>
  checkpoint (name?: string): Promise<Checkpoint>
  /** Newest first. */
  checkpoints (options?: { safety?: boolean }): Promise<Checkpoint[]>
  findCheckpoint (reference: Reference): Promise<Checkpoint>
  deleteCheckpoints (...references: Array<Reference | Reference[]>): Promise<void>
  /** Makes the data what the checkpoint has; what it was before is kept as a safety checkpoint. */
  restore (reference: Reference): Promise<{ restored: Checkpoint, safety: Checkpoint }>
  /** Takes back the last restore. */
  undo (): Promise<{ restored: Checkpoint, safety: Checkpoint }>
  /** What differs between two checkpoints; undefined is the present. All of it is in memory: give a limit if it may be much. */
  diff (before?: Reference, after?: Reference, options?: LongOptions & { keyspace?: string, limit?: number }): Promise<Difference[]>

  /** The rows of a table that differ, in the order of the key; as for diff. Columns that only one state has are in its rows alone. */
  diffTable (name: string, before?: Reference, after?: Reference, options?: LongOptions & TableOptions & { limit?: number }): Promise<RowDifference[]>

  /** Makes every earlier write durable. */
  sync (): Promise<void>
  flush (): Promise<void>
  /** Moves a read-only store to the newest state. */
  refresh (): Promise<void>
  compact (options?: LongOptions): Promise<void>
  clone (path: string, options?: LongOptions): Promise<void>
  /** Verifies every file. FIRN_CORRUPT if anything is damaged; notices name file and offset. */
  check (options?: LongOptions): Promise<{ keyspaces: number, entries: number, logRecords: number }>
  /** What docs/json.md says of the statistics of a store. */
  stats (): Promise<any>
  /**
   * The file of an encrypted store is encrypted unless `clear`, and opened by `key`, or else by what the environment gives. That of another
   * store is encrypted if there is a `key`.
   */
  export (path: string, options?: LongOptions & { checkpoint?: Reference, replace?: boolean, clear?: boolean, key?: string | Uint8Array }): Promise<void>
}

// ---- SQL ----

export type SqlValue = null | undefined | boolean | number | bigint | string | Date | NodeJS.ArrayBufferView | ArrayBuffer | number[]
/** Values of the parameters in their order, or by the names that follow :, @ or $ in the statement. */
export type SqlParameters = SqlValue[] | Record<string, SqlValue>

export interface SqlOptions extends TableOptions {
  /** Cancels the statement. */
  signal?: AbortSignal
}

/** What arrives in batches. Close it if you leave it before its end other than by leaving a loop. */
interface Results<T> extends AsyncIterableIterator<T> {
  next (): Promise<IteratorResult<T, undefined>>
  /** The next ones, at most `count`; none at the end. */
  nextv (count: number): Promise<T[]>
  /** All that are left. */
  all (): Promise<T[]>
  /** Drops what is left: after that there are no more. */
  close (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
  return (value?: any): Promise<IteratorResult<T, any>>
}

/** The rows of a statement. */
export interface SqlRows extends Results<Row> {}
export class SqlRows {
  private constructor ()
  readonly store: Store
  /** Known once the first rows are. */
  readonly columns: string[] | undefined
  [Symbol.asyncIterator] (): SqlRows
}

// ---- keyspaces ----

/** What is not JSON is FIRN_INVALID when it is read as 'json'; the error names the keyspace, and its `cause` is the SyntaxError. */
export type EncodingName = 'buffer' | 'utf8' | 'json'
export type Encoded<E extends EncodingName> = E extends 'utf8' ? string : E extends 'json' ? any : Buffer
/** What is taken where T comes back. */
export type Given<T> = T extends Buffer ? Bytes : T

export interface KeyspaceOptions<K extends EncodingName = EncodingName, V extends EncodingName = EncodingName> {
  keyEncoding?: K
  valueEncoding?: V
  createIfMissing?: boolean
  failIfExists?: boolean
}

export interface RangeOptions<K> {
  gt?: Given<K>
  gte?: Given<K>
  lt?: Given<K>
  lte?: Given<K>
  prefix?: Given<K>
  reverse?: boolean
  limit?: number
}

export type MergeOperator = 'add' | 'append' | 'min' | 'max'

/** Reads of a keyspace as it is now, in a snapshot, or in a transaction. */
export interface KeyspaceReads<K, V> {
  readonly name: string
  get (key: Given<K>): Promise<V | undefined>
  /** Reads on this thread: fast for what is in memory. Small Buffers share memory, as those of Buffer.from do. */
  getSync (key: Given<K>): V | undefined
  getMany (keys: Array<Given<K>>): Promise<Array<V | undefined>>
  getManySync (keys: Array<Given<K>>): Array<V | undefined>
  has (key: Given<K>): Promise<boolean>
  hasSync (key: Given<K>): boolean
  /** In the order of the keys, fetched in batches. An iterator shows the state of the moment when it was created. */
  entries (options?: RangeOptions<K>): Iterator<[K, V]>
  keys (options?: RangeOptions<K>): Iterator<K>
  values (options?: RangeOptions<K>): Iterator<V>
  [Symbol.asyncIterator] (): Iterator<[K, V]>
}

export class Keyspace<K = Buffer, V = Buffer> implements KeyspaceReads<K, V> {
  private constructor ()
  readonly store: Store
  readonly name: string
  /** The keyspace as a transaction or a snapshot sees it. */
  in (owner: Transaction | Snapshot): Keyspace<K, V>
  get (key: Given<K>): Promise<V | undefined>
  getSync (key: Given<K>): V | undefined
  /** Copies the value into a buffer. Gives its size, which may be more than there is room for; undefined: there is none. */
  getInto (key: Given<K>, buffer: NodeJS.ArrayBufferView, offset?: number): number | undefined
  getMany (keys: Array<Given<K>>): Promise<Array<V | undefined>>
  getManySync (keys: Array<Given<K>>): Array<V | undefined>
  has (key: Given<K>): Promise<boolean>
  hasSync (key: Given<K>): boolean
  entries (options?: RangeOptions<K>): Iterator<[K, V]>
  keys (options?: RangeOptions<K>): Iterator<K>
  values (options?: RangeOptions<K>): Iterator<V>
  [Symbol.asyncIterator] (): Iterator<[K, V]>

  /** Writes that are not awaited take effect in the order of the calls, and are committed together. */
  put (key: Given<K>, value: Given<V>, options?: PutOptions): Promise<void>
  putSync (key: Given<K>, value: Given<V>, options?: PutOptions): void
  del (key: Given<K>, options?: WriteOptions): Promise<void>
  delSync (key: Given<K>, options?: WriteOptions): void
  /** Puts the value if the key has none; else FIRN_EXISTS. */
  insert (key: Given<K>, value: Given<V>, options?: PutOptions): Promise<void>
  insertSync (key: Given<K>, value: Given<V>, options?: PutOptions): void
  /** Replaces the value if it is `expected`; else FIRN_CONFLICT, or FIRN_NOT_FOUND. */
  compareAndPut (key: Given<K>, expected: Given<V>, value: Given<V>, options?: PutOptions): Promise<void>
  compareAndPutSync (key: Given<K>, expected: Given<V>, value: Given<V>, options?: PutOptions): void
  /**
   * Changes a value without reading it. 'add', 'min' and 'max' take a whole number (see numberOf), 'append' bytes. A merge never fails
   * because of the value that it finds: if there is none, or for
   * 'add', 'min' and 'max' one that is not 8 bytes, the operand becomes the value.
   */
  merge (operator: MergeOperator, key: Given<K>, operand: number | bigint | Bytes, options?: WriteOptions): Promise<void>
  mergeSync (operator: MergeOperator, key: Given<K>, operand: number | bigint | Bytes, options?: WriteOptions): void
  /** Deletes the keys from `lower` to before `upper`. */
  delRange (lower: Given<K>, upper: Given<K>, options?: WriteOptions): Promise<void>
  delRangeSync (lower: Given<K>, upper: Given<K>, options?: WriteOptions): void
  /** Deletes every key, in one small commit, which takes its turn among the writes. */
  clear (options?: WriteOptions): Promise<void>
  clearSync (options?: WriteOptions): void
}

/** The entries, keys or values of a keyspace. */
export interface Iterator<T> extends Results<T> {
  /** All that are left, on this thread. Not in a transaction. */
  allSync (): T[]
  [Symbol.asyncIterator] (): Iterator<T>
}

/** Writes to any keyspaces of a store, all or none of them. */
export class Batch {
  private constructor ()
  readonly store: Store
  readonly length: number
  put<K, V> (keyspace: Keyspace<K, V>, key: Given<K>, value: Given<V>, options?: { ttl?: number | bigint }): this
  del<K> (keyspace: Keyspace<K, any>, key: Given<K>): this
  delRange<K> (keyspace: Keyspace<K, any>, lower: Given<K>, upper: Given<K>): this
  merge<K> (operator: MergeOperator, keyspace: Keyspace<K, any>, key: Given<K>, operand: number | bigint | Bytes): this
  clear (): this
  write (options?: WriteOptions): Promise<void>
  writeSync (options?: WriteOptions): void
  close (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

/** The store's data at one moment, or at a checkpoint. */
export class Snapshot implements Closable {
  protected constructor ()
  readonly isTransaction: boolean
  readonly store: Store
  close (): Promise<void>
  closeSync (): void
  [Symbol.asyncDispose] (): Promise<void>
  keyspace<K extends EncodingName = 'buffer', V extends EncodingName = 'buffer'> (name: string, options?: KeyspaceOptions<K, V>): Promise<Keyspace<Encoded<K>, Encoded<V>>>
  keyspaces (): Promise<string[]>
  table (name: string, options?: TableOptions): Promise<Table>
  tables (): Promise<string[]>
  get<K, V> (keyspace: Keyspace<K, V>, key: Given<K>): Promise<V | undefined>
  getSync<K, V> (keyspace: Keyspace<K, V>, key: Given<K>): V | undefined
  getMany<K, V> (keyspace: Keyspace<K, V>, keys: Array<Given<K>>): Promise<Array<V | undefined>>
  has<K> (keyspace: Keyspace<K, any>, key: Given<K>): Promise<boolean>
  entries<K, V> (keyspace: Keyspace<K, V>, options?: RangeOptions<K>): Iterator<[K, V]>
  keys<K> (keyspace: Keyspace<K, any>, options?: RangeOptions<K>): Iterator<K>
  values<K, V> (keyspace: Keyspace<K, V>, options?: RangeOptions<K>): Iterator<V>
}

/** Reads one state and its own writes; commits all of them or none. Its calls run one after the other. */
export class Transaction extends Snapshot {
  readonly isTransaction: true
  put<K, V> (keyspace: Keyspace<K, V>, key: Given<K>, value: Given<V>, options?: { ttl?: number | bigint }): Promise<void>
  putSync<K, V> (keyspace: Keyspace<K, V>, key: Given<K>, value: Given<V>, options?: { ttl?: number | bigint }): void
  del<K> (keyspace: Keyspace<K, any>, key: Given<K>): Promise<void>
  delSync<K> (keyspace: Keyspace<K, any>, key: Given<K>): void
  delRange<K> (keyspace: Keyspace<K, any>, lower: Given<K>, upper: Given<K>): Promise<void>
  merge<K> (operator: MergeOperator, keyspace: Keyspace<K, any>, key: Given<K>, operand: number | bigint | Bytes): Promise<void>
  savepoint (): Promise<number>
  rollbackTo (savepoint: number): Promise<void>
  release (savepoint: number): Promise<void>
  /** FIRN_CONFLICT if another commit came first: nothing was written. Ends the transaction in any case. */
  commit (options?: WriteOptions): Promise<void>
  rollback (): Promise<void>
}

// ---- tables ----

export interface TableOptions {
  /** How i64 and u64, and integers of SQL, come back: 'bigint' (the default), or 'number', which is FIRN_LIMIT for one beyond 2^53. */
  integers?: 'bigint' | 'number'
}

export interface CreateTableOptions extends TableOptions {
  /** Opens the table if there is one with that name, whatever its definition; otherwise FIRN_EXISTS. */
  existsOk?: boolean
}

export interface Column {
  name: string
  type: 'bool' | 'i8' | 'i16' | 'i32' | 'i64' | 'u8' | 'u16' | 'u32' | 'u64' | 'f32' | 'f64' | 'decimal' | 'date' | 'timestamp' | 'text' | 'blob' | 'uuid' | 'vector'
  notNull: boolean
  auto?: boolean
  precision?: number
  scale?: number
  dimensions?: number
}

/** What a column takes; which of these, depends on its type (docs/node.md). */
export type Value = null | boolean | number | bigint | string | Date | NodeJS.ArrayBufferView | ArrayBuffer | number[]
/** What comes back. */
export type Row = Record<string, any>
export type RowGiven = Record<string, Value | undefined>
export type Key = Value | Value[]

export interface Bounds {
  /** Values of the first columns of the key, or of the index. */
  gte?: Key
  gt?: Key
  lte?: Key
  lt?: Key
}

export interface RowDifference {
  kind: 'added' | 'removed' | 'changed'
  before?: Row
  after?: Row
  /** The columns whose values differ, if kind is 'changed'. */
  changed: string[]
}

/** The form of a file: docs/exchange.md. */
export interface TextOptions extends LongOptions {
  /** Default 'csv'; 'json' has one object on each line. */
  kind?: 'csv' | 'json'
  /** CSV: false if the first line is a row. */
  header?: boolean
  /** CSV: default ','. */
  delimiter?: string
  /** CSV: an unquoted field with this text is null; default an empty one. */
  nullText?: string
  columns?: string[]
}

export interface ImportOptions extends TextOptions {
  /** Leaves out fields that belong to no column, which are an error otherwise. */
  ignoreUnknown?: boolean
  /** What to do with a row whose key, or whose values in a unique index, another row has; default 'fail'. */
  onConflict?: 'fail' | 'skip' | 'replace'
  /** Leaves out lines that cannot become rows. Otherwise the first ends the import, and nothing is imported. */
  skipInvalid?: boolean
  /** How many of these lines `rejects` lists; default 100. */
  rejectsMax?: number
}

export interface ImportResult {
  rows: number
  /** Rows that were left out because of onConflict. */
  skipped: number
  /** Lines that were left out because of skipInvalid. */
  rejected: number
  bytes: number
  rejects: Array<{ line: number, text: string, why: string }>
}

export interface ScanOptions extends Bounds {
  /** Names of columns, or expressions as a string: 'kind, count(*) as n'. */
  select?: string | string[]
  where?: string
  /** Values for the question marks. */
  parameters?: Value[]
  groupBy?: string
  orderBy?: string
  limit?: number
  offset?: number
  index?: string
  descending?: boolean
  threads?: number
  memory?: number
  /** Another scan, which is read to its end: each row comes with each of its rows that `on` is true for. */
  join?: Scan<Row> | Scan<ColumnBatch>
  /** 'expression = column of the joined scan' */
  on?: string
}

export interface SearchOptions {
  /** Default 10. */
  k?: number
  /** Default 'cosine'. */
  metric?: 'l2' | 'dot' | 'cosine'
  where?: string
  parameters?: Value[]
  columns?: string[]
  /** Misses no row. */
  exact?: boolean
  ef?: number
  recall?: number
  threads?: number
}

export class Table {
  private constructor ()
  readonly store: Store
  readonly name: string
  readonly columns: Column[]
  /** The names of the columns of the primary key. */
  readonly key: string[]
  readonly definition: string
  /** The table as a transaction or a snapshot sees it. */
  in (owner: Transaction | Snapshot): Table

  /** Inserts a row; FIRN_EXISTS if there is one with its key. Gives its number if the table numbers its rows. */
  insert (row: RowGiven, options?: PutOptions): Promise<bigint | undefined>
  insertMany (rows: RowGiven[], options?: PutOptions): Promise<bigint[] | undefined>
  /** Inserts a row, or replaces the one with its key. */
  upsert (row: RowGiven, options?: PutOptions): Promise<void>
  upsertMany (rows: RowGiven[], options?: PutOptions): Promise<void>
  /** Changes the columns that are given; FIRN_NOT_FOUND if there is no such row. */
  update (row: RowGiven, options?: PutOptions): Promise<void>
  /** false if there was no such row. */
  delete (key: Key, options?: WriteOptions): Promise<boolean>
  /** Deletes the rows between two bounds, or with `{ all: true }` every row. FIRN_INVALID without a bound, and for one that is undefined. */
  deleteRange (bounds: Bounds & WriteOptions & { all?: boolean }): Promise<void>
  /** Adds a number to a column of a row. Gives the sum. */
  add (key: Key, column: string, number: number | bigint | string, options?: WriteOptions): Promise<any>
  /** Inserts any number of rows in one commit that bypasses the log. Gives their number. */
  load (rows: Iterable<RowGiven> | AsyncIterable<RowGiven>, options?: { columns?: string[] }): Promise<number>

  get (key: Key, options?: { columns?: string[], index?: string }): Promise<Row | undefined>
  getSync (key: Key, options?: { columns?: string[], index?: string }): Row | undefined
  getMany (keys: Key[], options?: { columns?: string[], index?: string }): Promise<Array<Row | undefined>>
  scan (options?: ScanOptions): Scan<Row>
  /** The same column by column, up to 1,024 rows at a time. */
  batches (options?: ScanOptions): Scan<ColumnBatch>
  count (where?: string, parameters?: Value[]): Promise<number>
  /** The rows whose vectors are nearest to the query; row has the key and options.columns. */
  search (column: string, query: Float32Array | number[], options?: SearchOptions): Promise<Array<{ distance: number, row: Row }>>
  /** The same for many queries at once, in their order. Without an index all rows are read once for up to 256 queries. */
  searchMany (column: string, queries: Array<Float32Array | number[]>, options?: SearchOptions): Promise<Array<Array<{ distance: number, row: Row }>>>
  [Symbol.asyncIterator] (): Scan<Row>

  /** Inserts the rows of a file of CSV or JSON lines in one commit. */
  importText (path: string, options?: ImportOptions): Promise<ImportResult>
  /** Writes the rows, as this table sees them, to a file of CSV or JSON lines. Gives their number. After an error the file may have a part of them. */
  exportText (path: string, options?: TextOptions & { index?: string }): Promise<number>
  /** Reads all rows and indexes, and compares them. FIRN_CORRUPT if anything is wrong; notices describe it. */
  check (options?: LongOptions): Promise<{ rows: number, indexEntries: number }>

  /** Reads columns and key again, if another handle has changed the table. */
  refresh (): Promise<void>
  addColumn (definition: string): Promise<void>
  dropColumn (name: string): Promise<void>
  renameColumn (name: string, to: string): Promise<void>
  setDefault (name: string, value?: Value): Promise<void>
  addIndex (name: string, columns: string[], options?: { unique?: boolean }): Promise<void>
  dropIndex (name: string): Promise<void>
  addVectorIndex (name: string, column: string, options?: { metric?: 'l2' | 'dot' | 'cosine', m?: number, efConstruction?: number }): Promise<void>
}

/** The rows of a query, or batches of its columns. */
export interface Scan<T> extends Results<T> {}
export class Scan<T> {
  private constructor ()
  /** Known once the first rows are. */
  readonly columns: Column[] | undefined
  [Symbol.asyncIterator] (): Scan<T>
}

export type NumberArray = Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | Float32Array | Float64Array

/** Rows of a scan, column by column. */
export class ColumnBatch {
  private constructor ()
  readonly rows: number
  readonly columns: Column[]
  /** Numbers in the array of their width; decimals in units of their scale, dates in days, timestamps in microseconds since 1970; vectors and uuids one
   * after the other; of texts and blobs the bytes. Elements of null are undefined: see isNull. */
  array (name: string): NumberArray
  /** Of texts and blobs: where they begin and end in the array. */
  offsets (name: string): Float64Array | undefined
  /** Bit row % 8 of byte row >> 3 is set if the value is not null; undefined: none is. */
  valid (name: string): Uint8Array | undefined
  isNull (name: string, row: number): boolean
  strings (name: string): Array<string | null>
}

// ---- workspaces ----

/** A turn of a coding agent: a prompt, and the work that the agent did for it. */
export interface Turn {
  agent: string
  /** The agent's name for the conversation. */
  session: string
  /** Of the turn in its session; undefined if its start was not recorded. */
  number?: number
  prompt: string
}

export interface WorkspaceCheckpoint {
  number: number
  id: string
  message: string
  createdAt: Date
  createdNs: bigint
  /** Of the tree: equal trees have equal hashes. */
  root: string
  isSafety: boolean
  /** Whether directories of dependencies were saved too. */
  includeDeps: boolean
  files: number
  directories: number
  bytes: number
  /** Contents that the store did not have before. */
  newObjects: number
  addedBytes: number
  excluded: number
  skipped: number
  /** Paths that `firn forget` has removed since. */
  forgotten: number
  /** Where HEAD was in the git repository that the directory is in. */
  gitBranch?: string
  gitCommit?: string
  /** The turn that ended with it. */
  turn?: Turn
}

export interface Change {
  kind: 'added' | 'removed' | 'changed' | 'metadata' | 'renamed'
  path: string
  /** The old path of a rename. */
  from?: string
  what: number
  lines?: 'counted' | 'binary' | 'too_large' | 'unreadable'
  linesAdded?: number
  linesRemoved?: number
}

export interface Counts {
  added: number
  changed: number
  removed: number
}

export interface RevertConflict {
  kind: string
  path: string
}

export interface RestoreOptions extends LongOptions {
  /** Only these paths and what is below them. */
  paths?: string[]
  /** Into this directory instead, which is empty or missing. */
  toDirectory?: string
  dryRun?: boolean
  gitignore?: boolean
  trustJournal?: boolean
  /** The git repositories that the checkpoint has as well, without what runs programs: configuration and hooks. */
  git?: boolean
  /** With configuration and hooks. */
  gitAll?: boolean
}

/** A step that undo or redo took, or would take. */
export interface Step extends Partial<Counts> {
  /** The last four change no file: a tag, a pin, a deletion of checkpoints or a message, set or taken back. */
  kind: 'save' | 'restore' | 'revert' | 'edits' | 'tag' | 'pin' | 'delete' | 'describe'
  /** Of the state that it led to; missing if that was deleted, and for edits that are only on the disk. */
  checkpoint?: WorkspaceCheckpoint
  /** The coding agent whose turn it was, and the prompt. */
  agent?: string
  prompt?: string
  createdAt?: Date
  createdNs?: bigint
  isRedo: boolean
}

/** What a checkpoint changed, compared with the one before it. Lines are counted only where they were asked for. */
export interface Logged extends Counts {
  checkpoint: WorkspaceCheckpoint
  renamed: number
  timesOnly: number
  linesAdded?: number
  linesRemoved?: number
  changes: Change[]
}

export type RestoreResult = Counts & { checkpoint: WorkspaceCheckpoint, safetyId: string, unchanged: number, incomplete: number, leftAlone: number, notRestored: number, isUnsaved: boolean, steps: Step[], changes: Change[] }

export interface SaveOptions extends LongOptions {
  message?: string
  /** Makes no checkpoint if nothing has changed. */
  ifChanged?: boolean
  full?: boolean
  strict?: boolean
  includeDeps?: boolean
  gitignore?: boolean
  /** A policy for older checkpoints: 'all:1d hourly:7d daily:90d'. */
  keep?: string
  fileSizeMax?: number
  /** Leaves out the git repositories in the directory, which are kept beside its files. */
  withoutGit?: boolean
}

/** A place that machines share. Remotes are named by strings; undefined means the only one, or 'origin'. */
export interface Remote {
  name: string
  /** 's3://bucket/prefix', 'https://host/bucket/prefix', or the path of a directory. */
  url: string
  /** 32 letters and digits, which no other remote has. */
  id: string
  /** Checkpoints of the workspace that were made since its last push. */
  notPushed: number
  /** When the last automatic push failed, and why; missing if a push has succeeded since. */
  failed?: Date
  failedNs?: bigint
  failure?: string
}

/** What one workspace, here or elsewhere, has pushed to a remote. */
export interface Line {
  /** The name of the remote here. */
  remote: string
  /** The label if no other line of the remote has it, else the id. */
  name: string
  /** By its author, such as 'ada@laptop:project'. */
  label: string
  id: string
}

export interface PushOptions extends LongOptions {
  remote?: string
  /** Default: the checkpoints that were made since the last push. */
  references?: Reference | Reference[]
  /** Default 0: no limit. */
  bytesPerSecondMax?: number | bigint
  /**
   * As a program pushes in the background after each save: only if there are new checkpoints, not a moment after a failure, after a
   * push that is running, and not beside one that waits already. A failure is noted for `remotes`.
   */
  automatic?: boolean
  /** Of an automatic push: only whether it is due. */
  dryRun?: boolean
}

/** What a push sent: what the remote did not have. */
export interface Pushed {
  checkpoints: number
  objects: number
  bytes: number
  requests: number
  /** Of an automatic push alone: there is, or was, something to push now. */
  due?: boolean
}

export interface PullOptions extends LongOptions {
  remote?: string
  /** Only this checkpoint of the remote comes. Default: all that are not here. */
  reference?: Reference
  /** Default 0: no limit. */
  bytesPerSecondMax?: number | bigint
  /** Bring checkpoints that stand for far more than their bytes, too. Default false. */
  trust?: boolean
  /** That verify what comes. Default 0: one for each processor. */
  threads?: number
}

/** What a pull brought. */
export interface Pulled {
  /** That are new here. */
  checkpoints: number
  /** That have some of these; a line is what one workspace of one machine has pushed. */
  lines: number
  /** Checkpoints that are damaged, or not whole, in the remote. */
  skipped: number
  bytes: number
  requests: number
}

export interface PruneOptions extends LongOptions {
  remote?: string
  /** A policy for the checkpoints of each line: 'all:1d hourly:7d daily:90d'. Default: all stay. */
  keep?: string
  /** Counts, and changes nothing. */
  dryRun?: boolean
  /** Files that no push has named yet go as well, however young they are. */
  now?: boolean
}

/** What a prune left in a remote, and what it removed. */
export interface Pruned {
  checkpoints: number
  removedCheckpoints: number
  /** Files that stay, and their bytes. */
  packs: number
  bytes: number
  removedPacks: number
  removedBytes: number
  requests: number
}

export interface RemoteRekeyOptions extends LongOptions {
  remote?: string
  /** Ends after about so many bytes were written anew; the next call goes on. Default 0: no limit. */
  bytesMax?: number | bigint
  /** Default 0: no limit. */
  bytesPerSecondMax?: number | bigint
}

/** What was encrypted anew in a remote after a rotation of its keys. */
export interface RemoteRekeyed {
  /** Packs that were written anew, and their bytes. */
  packs: number
  bytes: number
  /** States that were removed. */
  states: number
  /** What older keys still open; in `leftSeconds` all of these states can be removed. */
  leftPacks: number
  leftStates: number
  leftSeconds: number
  /** Older keys open nothing, and the remote has none any more. */
  isDone: boolean
  requests: number
}

export interface RemoteCheckOptions extends LongOptions {
  remote?: string
  /** Fetches and verifies every byte; else only tables and directories. */
  readData?: boolean
  /** Sends again what is damaged there and whole here. */
  repair?: boolean
  /** Of a repair: removes checkpoints that it cannot mend from the remote, with their tags. */
  dropBroken?: boolean
  /** Default 0: no limit. */
  bytesPerSecondMax?: number | bigint
}

/** What a check of a remote found. */
export interface RemoteCheck {
  /** The number of the newest state; 0: nothing was pushed yet. */
  state: number
  checkpoints: number
  /** Packs that these may need, and their bytes. */
  packs: number
  bytes: number
  /** Packs, and other items, that are damaged or missing. */
  damaged: number
  /** Checkpoints that cannot be restored from the remote. */
  broken: number
  /** Checkpoints that could not be, and now can, and the bytes that were sent for that. */
  repaired: number
  sent: number
  /** Checkpoints that were removed, since they could not be mended. */
  dropped: number
  fetched: number
  requests: number
}

export interface RemoteCheckLockedOptions extends LongOptions {
  /** Its name, or its URL. */
  remote?: string
  /** Fetches and verifies every byte of packs; else they are only listed. */
  readData?: boolean
  /** Default 0: no limit. */
  bytesPerSecondMax?: number | bigint
}

/** What a check of an encrypted remote without its key found. */
export interface LockedRemoteCheck {
  /** The number of the newest state that is there; 0: there is none. */
  state: number
  /** States and files with keys that were verified. */
  states: number
  keys: number
  /** Packs that are there, and their bytes. */
  packs: number
  bytes: number
  /** Of packs, with `readData`. */
  blocks: number
  /** Of states, keys and packs. */
  bytesRead: number
  /** Files that do not belong to a remote. */
  foreign: number
  damaged: number
  requests: number
}

/** What one push or prune changed in a remote. */
export interface RemoteChange {
  state: number
  /** Who made it and when, as that machine says. */
  by: string
  at: Date
  atNs: bigint
  checkpoints: number
  /** How many lines have some of these, and the label of the first, or ''. */
  lines: number
  line: string
  packs: number
  bytes: number
  tags: number
  removedCheckpoints: number
  removedPacks: number
  removedBytes: number
}

/** Opens the workspace that a directory belongs to. Creates nothing: the first save does. */
export function openWorkspace (path: string, options?: { store?: string, lockTimeout?: number, isRoot?: boolean, cipher?: CipherName, key?: Secret }): Promise<Workspace>

export class Workspace implements Closable {
  private constructor ()
  readonly root: string
  readonly storePath: string
  readonly subpath: string
  /** Where it was when it was saved, if it was moved since: see adopt. */
  readonly movedFrom: string | undefined
  /** Why a program should ask before it saves this ('your home directory'). */
  readonly tooBroad: string | undefined
  close (): Promise<void>
  closeSync (): void
  [Symbol.asyncDispose] (): Promise<void>
  save (options?: SaveOptions | string): Promise<Counts & { checkpoint: WorkspaceCheckpoint, previous: number, isMade: boolean, isUnchanged: boolean, expired: number, gcIsDue: boolean }>
  status (options?: LongOptions & { reference?: Reference, paths?: string[], gitignore?: boolean, fileSizeMax?: number }): Promise<Counts & { checkpoint: WorkspaceCheckpoint, timesOnly: number, unchanged: number, skipped: number, isWatched: boolean, gitTracksStore: boolean, changes: Change[] }>
  diff (options?: LongOptions & { before?: Reference, after?: Reference, paths?: string[], lines?: boolean, renames?: boolean, againstPrevious?: boolean, gitignore?: boolean }): Promise<Counts & { before?: WorkspaceCheckpoint, after?: WorkspaceCheckpoint, timesOnly: number, renamed: number, skipped: number, linesAdded: number, linesRemoved: number, changes: Change[] }>
  restore (reference: Reference, options?: RestoreOptions): Promise<RestoreResult>
  /** With `lastTurn`, takes back whatever came since an agent's last turn began; with `turn`, since the turn or the save that ended with this checkpoint. */
  undo (options?: RestoreOptions & { lastTurn?: boolean, turn?: number }): Promise<RestoreResult>
  redo (options?: RestoreOptions): Promise<RestoreResult>
  /**
   * What each checkpoint changed, newest first, from `after` (the newest) to the one after `before`; with paths only those that changed them. With `remote`, those
   * of a line that was pulled: 'origin' if it has only one, or 'origin/NAME'.
   */
  log (options?: LongOptions & { after?: Reference, before?: Reference, paths?: string[], limit?: number, lines?: boolean, renames?: boolean, safety?: boolean, remote?: string }): Promise<Logged[]>
  /** The steps that undo and redo would take, newest first; `limit` in each direction. */
  steps (options?: LongOptions & { limit?: number, gitignore?: boolean, fileSizeMax?: number }): Promise<{ checkpoint?: WorkspaceCheckpoint, isUnsaved: boolean, undoSteps: number, redoSteps: number, steps: Step[] }>
  resume (options?: RestoreOptions): Promise<RestoreResult>
  /** Takes back what one checkpoint changed, and keeps later changes. FIRN_CONFLICT, with `conflicts`, if they overlap. */
  revert (options?: Reference | LongOptions & { after?: Reference, before?: Reference, paths?: string[], dryRun?: boolean, gitignore?: boolean }): Promise<Counts & { after: WorkspaceCheckpoint, before: WorkspaceCheckpoint, safetyId: string, merged: number, leftAlone: number, incomplete: number, notRestored: number, conflicts: RevertConflict[], changes: Change[] }>
  /** Newest first. With `remote`, those that were pulled: of 'origin', line by line, or of the line 'origin/NAME'. */
  list (options?: { limit?: number, safety?: boolean, remote?: string }): Promise<WorkspaceCheckpoint[]>
  find (reference: Reference): Promise<WorkspaceCheckpoint>
  entries (reference?: Reference): Promise<Array<{ path: string, type: 'file' | 'directory' | 'symlink', mode: number, size: number, mtimeNs: bigint, target?: string, hash?: string }>>
  /** With `remote`, of a checkpoint of that remote, which need not have been pulled: it is read where it is. */
  read (reference: Reference, path: string, options?: { remote?: string }): Promise<Buffer>
  tag (name: string, reference: Reference, options?: { replace?: boolean }): Promise<WorkspaceCheckpoint>
  untag (name: string): Promise<void>
  /** Gives a checkpoint another message. */
  describe (reference: Reference, message: string): Promise<WorkspaceCheckpoint>
  tags (): Promise<Array<{ name: string, id: string, number: number, createdAt: Date, createdNs: bigint }>>
  delete (references: Reference | Reference[], options?: LongOptions & { dryRun?: boolean }): Promise<WorkspaceCheckpoint[]>
  /** Without references: what was deleted last. */
  undelete (...references: Array<Reference | Reference[]>): Promise<WorkspaceCheckpoint[]>
  pin (...references: Array<Reference | Reference[]>): Promise<WorkspaceCheckpoint[]>
  unpin (...references: Array<Reference | Reference[]>): Promise<WorkspaceCheckpoint[]>
  expire (keep: string, options?: LongOptions & { dryRun?: boolean }): Promise<WorkspaceCheckpoint[]>
  adopt (oldRoot?: string): Promise<void>
  /** With `rekey` the store is written anew with its newest master key, as by keysRekey, packs included. */
  gc (options?: LongOptions & { dryRun?: boolean, full?: boolean, now?: boolean, rekey?: boolean, withoutKey?: boolean }): Promise<{ safetyExpired: number, objectsLive: number, objectsDead: number, bytesBefore: number, bytesAfter: number, rekeyed: number, rekeyLeft: number, leftovers: number, leftoverBytes: number }>
  check (options?: LongOptions & { readData?: boolean }): Promise<{ checkpoints: number, packs: number, objects: number, bytesRead: number }>
  /** Sends checkpoints with their tags to a remote. A string names the remote. */
  push (options?: PushOptions | string): Promise<Pushed>
  /** Brings the checkpoints that others have pushed, as 'origin/latest'. FIRN_CORRUPT or FIRN_LIMIT, with `pulled`, if not all came. */
  pull (options?: PullOptions | string): Promise<Pulled>
  /** Gives a place a name: 's3://bucket/prefix', 'https://host/bucket/prefix', or a directory. An empty place becomes a remote. */
  remoteAdd (name: string, url: string, options?: { encrypt?: boolean }): Promise<void>
  /** Forgets a remote and what was pulled from it; the remote itself stays as it is. */
  remoteRemove (name: string): Promise<void>
  /** By name. */
  remotes (): Promise<Remote[]>
  /** What others have pushed to a remote, and a pull has brought: 'REMOTE/NAME/NUMBER' is a reference to a checkpoint of a line. */
  lines (remote: string): Promise<Line[]>
  /** Removes from a remote what no checkpoint there needs, and first the checkpoints that `keep` does not keep. */
  remotePrune (options?: PruneOptions | string): Promise<Pruned>
  /** Encrypts anew, with the newest master key, what a rotation of the keys has left in an encrypted remote. */
  remoteRekey (options?: RemoteRekeyOptions | string): Promise<RemoteRekeyed>
  /** Whether a remote has all that its checkpoints need. FIRN_CORRUPT, with `checked`, if damage is left. */
  remoteCheck (options?: RemoteCheckOptions | string): Promise<RemoteCheck>
  /**
   * Verifies the checksums of an encrypted remote without its key. FIRN_CORRUPT, with `checked`, if anything is damaged; notices name file
   * and offset. Whether a pack is missing is not verified: remoteCheck does that, with a key.
   */
  remoteCheckLocked (options?: RemoteCheckLockedOptions | string): Promise<LockedRemoteCheck>
  /** Who changed what in a remote, newest first; `limit` 0: all that it still knows. */
  remoteLog (options?: { remote?: string, limit?: number } | string): Promise<RemoteChange[]>
  /** The keys of an encrypted remote, as of a store: keysList and the others say what each does. */
  remoteKeysList (remote?: string): Promise<Keys>
  remoteKeysAdd (secret: Secret, options?: RemoteKeysOptions & { label?: string }): Promise<number>
  remoteKeysAddRecovery (options?: RemoteKeysOptions & { label?: string }): Promise<{ number: number, code: string }>
  remoteKeysChange (number: number, secret: Secret, options?: RemoteKeysOptions): Promise<void>
  remoteKeysRemove (number: number, options?: RemoteKeysOptions): Promise<void>
  /** Adds a master key, with which this store, and each machine that has met it, encrypts what it sends to the remote. */
  remoteKeysRotate (options?: RemoteKeysOptions): Promise<void>
  /** As keysReplace for a store. Other machines have to be given the new secret. */
  remoteKeysReplace (secret: Secret, options?: RemoteKeysOptions & { label?: string }): Promise<number>
  remoteKeysRemember (seconds: number, options?: RemoteKeysOptions): Promise<void>
  remoteKeysForget (remote?: string): Promise<number>
}
