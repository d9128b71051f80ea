// SPDX-License-Identifier: Apache-2.0
//
// workspace.js: the states of a directory, saved and restored.
'use strict'

const { native, handle } = require('./native')
const { choice, ciphers, keyArguments, object, reference, referenceNeeded, references, named } = require('./options')
const { monitored } = require('./monitor')
const { Handle } = require('./store')
const { remoteKeys } = require('./keys')

const RESTORE = 0
const UNDO = 1
const REDO = 3
const RESUME = 2

const DELETE = 0
const PIN = 1
const UNPIN = 2
const ADOPT = 3
const GC = 4
const CHECK = 5
const EXPIRE = 6
const UNDELETE = 7

const accepted = {
  open: ['store', 'lockTimeout', 'isRoot', 'cipher', 'key'],
  remoteAdd: ['encrypt'],
  save: [...named.long, 'message', 'ifChanged', 'full', 'strict', 'includeDeps', 'gitignore', 'keep', 'fileSizeMax', 'withoutGit'],
  status: [...named.long, 'reference', 'paths', 'gitignore', 'fileSizeMax'],
  diff: [...named.long, 'before', 'after', 'paths', 'lines', 'renames', 'againstPrevious', 'gitignore'],
  restore: [...named.long, 'paths', 'toDirectory', 'dryRun', 'gitignore', 'trustJournal', 'git', 'gitAll'],
  log: [...named.long, 'after', 'before', 'paths', 'limit', 'lines', 'renames', 'safety', 'remote'],
  steps: [...named.long, 'limit', 'gitignore', 'fileSizeMax'],
  revert: [...named.long, 'after', 'before', 'paths', 'dryRun', 'gitignore'],
  list: ['limit', 'safety', 'remote'],
  change: [...named.long, 'dryRun'],
  gc: [...named.long, 'dryRun', 'full', 'now', 'rekey', 'withoutKey'],
  check: [...named.long, 'readData'],
  push: [...named.long, 'remote', 'references', 'bytesPerSecondMax', 'automatic', 'dryRun'],
  pull: [...named.long, 'remote', 'reference', 'bytesPerSecondMax', 'trust', 'threads'],
  prune: [...named.long, 'remote', 'keep', 'dryRun', 'now'],
  remoteCheck: [...named.long, 'remote', 'readData', 'repair', 'dropBroken', 'bytesPerSecondMax'],
  remoteCheckLocked: [...named.long, 'remote', 'readData', 'bytesPerSecondMax'],
  remoteRekey: [...named.long, 'remote', 'bytesMax', 'bytesPerSecondMax'],
  remoteLog: ['remote', 'limit']
}
accepted.undo = [...accepted.restore, 'lastTurn', 'turn']

/** Options, or only the name of a remote. */
function withRemote (options, names) {
  return typeof options === 'string' ? { remote: options } : object(options, names)
}

class Workspace extends Handle {
  constructor ({ handle: id, root, storePath, subpath, movedFrom, tooBroad }) {
    super(id)
    this.root = root
    this.storePath = storePath
    this.subpath = subpath
    this.movedFrom = movedFrom
    this.tooBroad = tooBroad
  }

  /** Saves the directory as a new checkpoint. */
  async save (options) {
    options = typeof options === 'string' ? { message: options } : object(options, accepted.save)
    return monitored(options, (monitor) => native.wsSave(this[handle], options.message, options.ifChanged, options.full, options.strict, options.includeDeps,
      options.gitignore, options.keep, options.fileSizeMax, options.withoutGit, monitor))
  }

  /** Compares a checkpoint, by default the latest, with the directory. */
  async status (options) {
    options = object(options, accepted.status)
    return monitored(options, (monitor) => native.wsStatus(this[handle], reference(options.reference), options.paths, options.gitignore, options.fileSizeMax, monitor))
  }

  /** Compares two checkpoints, or a checkpoint and the directory. */
  async diff (options) {
    options = object(options, accepted.diff)
    return monitored(options, (monitor) => native.wsDiff(this[handle], reference(options.before), reference(options.after), options.paths, options.lines, options.renames,
      options.againstPrevious, options.gitignore, monitor))
  }

  async #restore (what, checkpoint, options) {
    options = object(options, what === UNDO ? accepted.undo : accepted.restore)
    return monitored(options, (monitor) => native.wsRestore(this[handle], what, checkpoint, options.paths, options.toDirectory, options.dryRun, options.gitignore,
      options.trustJournal, options.lastTurn, options.turn, options.git, options.gitAll, monitor))
  }

  /** Makes the directory what a checkpoint has. What it was before is saved first: undo() takes the restore back. */
  async restore (checkpoint, options) {
    return this.#restore(RESTORE, referenceNeeded(checkpoint), options)
  }

  /** Takes back what was not saved, else the last save or restore; with `lastTurn` whatever came since an agent's last turn began, with `turn` since the turn or the save that ended with this checkpoint. */
  async undo (options) {
    return this.#restore(UNDO, undefined, options)
  }

  /** Brings back what the last undo() took away. */
  async redo (options) {
    return this.#restore(REDO, undefined, options)
  }

  /** What each checkpoint changed, newest first; with paths only those that changed them; with `remote` those of a line that was pulled. */
  async log (options) {
    options = object(options, accepted.log)
    return monitored(options, (monitor) => native.wsLog(this[handle], reference(options.after), reference(options.before), options.paths, options.limit, options.lines,
      options.renames === false, options.safety, monitor, options.remote))
  }

  /** The steps that undo() and redo() would take, newest first. */
  async steps (options) {
    options = object(options, accepted.steps)
    return monitored(options, (monitor) => native.wsSteps(this[handle], options.limit, options.gitignore, options.fileSizeMax, monitor))
  }

  /** Finishes a restore that was interrupted. */
  async resume (options) {
    return this.#restore(RESUME, undefined, options)
  }

  /** Takes back what one checkpoint changed and keeps later changes. FIRN_CONFLICT, with a list `conflicts`, if they overlap. */
  async revert (options) {
    options = ['string', 'number', 'bigint'].includes(typeof options) ? { after: options } : object(options, accepted.revert)
    const { error, ...result } = await monitored(options, (monitor) => native.wsRevert(this[handle], reference(options.after), reference(options.before), options.paths, options.dryRun,
      options.gitignore, monitor))
    if (error !== undefined) throw Object.assign(error, { conflicts: result.conflicts })
    return result
  }

  async list (options) {
    options = object(options, accepted.list)
    return native.wsList(this[handle], options.limit, options.safety, options.remote)
  }

  async find (checkpoint) {
    return native.wsFind(this[handle], referenceNeeded(checkpoint))
  }

  /** The entries of a checkpoint, a directory before its contents. */
  async entries (checkpoint = 'latest') {
    return native.wsEntries(this[handle], referenceNeeded(checkpoint))
  }

  /** The content of a file of a checkpoint; with `remote`, of one of a remote, read where it is. */
  async read (checkpoint, path, options) {
    return native.wsCat(this[handle], referenceNeeded(checkpoint), path, object(options, ['remote']).remote)
  }

  async tag (name, checkpoint, options) {
    return native.wsTag(this[handle], name, referenceNeeded(checkpoint), object(options, ['replace']).replace)
  }

  async untag (name) {
    await native.wsTag(this[handle], name)
  }

  /** Gives a checkpoint another message. */
  async describe (checkpoint, message) {
    return native.wsDescribe(this[handle], referenceNeeded(checkpoint), message)
  }

  async tags () {
    return native.wsTags(this[handle])
  }

  async #upkeep (what, checkpoints, text, options = {}, flag) {
    return monitored(options, (monitor) => native.wsUpkeep(this[handle], what, checkpoints, text, options.dryRun, flag, monitor, options.now, options.rekey, options.withoutKey))
  }

  async delete (checkpoints, options) {
    return this.#upkeep(DELETE, references(checkpoints), undefined, object(options, accepted.change))
  }

  /** Brings back deleted checkpoints; without references those that were deleted last. */
  async undelete (...checkpoints) {
    return this.#upkeep(UNDELETE, references(checkpoints))
  }

  async pin (...checkpoints) {
    return this.#upkeep(PIN, references(checkpoints))
  }

  async unpin (...checkpoints) {
    return this.#upkeep(UNPIN, references(checkpoints))
  }

  async expire (keep, options) {
    return this.#upkeep(EXPIRE, undefined, keep, object(options, accepted.change))
  }

  /** Continues the history of a directory that was moved here. */
  async adopt (oldRoot) {
    await this.#upkeep(ADOPT, undefined, oldRoot)
  }

  async gc (options) {
    options = object(options, accepted.gc)
    return this.#upkeep(GC, undefined, undefined, options, options.full)
  }

  async check (options) {
    options = object(options, accepted.check)
    return this.#upkeep(CHECK, undefined, undefined, options, options.readData)
  }

  /** Sends checkpoints, by default those made since the last push, with their tags to a remote. */
  async push (options) {
    options = withRemote(options, accepted.push)
    const given = options.references === undefined || options.references === null ? undefined : references(options.references)
    return monitored(options, (monitor) => native.wsPush(this[handle], options.remote, given, options.bytesPerSecondMax, options.automatic, options.dryRun, monitor))
  }

  /** Brings the checkpoints that others have pushed. FIRN_CORRUPT or FIRN_LIMIT, with `pulled`, if not all came. */
  async pull (options) {
    options = withRemote(options, accepted.pull)
    const { error, ...pulled } = await monitored(options, (monitor) => native.wsPull(this[handle], options.remote, reference(options.reference), options.bytesPerSecondMax, options.trust, options.threads, monitor))
    if (error !== undefined) throw Object.assign(error, { pulled })
    return pulled
  }

  /** Gives a place a name, and makes it a remote if it is empty. */
  async remoteAdd (name, url, options) {
    options = object(options, accepted.remoteAdd)
    await native.wsRemoteAdd(this[handle], name, url, options.encrypt)
  }

  /** Forgets a remote and what was pulled from it; the remote itself stays as it is. */
  async remoteRemove (name) {
    await native.wsRemoteRemove(this[handle], name)
  }

  async remotes () {
    const remotes = await native.wsRemotes(this[handle])
    return remotes.map(({ failedNs, failure, ...remote }) => failure === undefined
      ? remote
      : { ...remote, failed: new Date(Number(failedNs / 1000000n)), failedNs, failure })
  }

  /** What others have pushed to a remote, and a pull has brought. */
  async lines (remote) {
    return native.wsLines(this[handle], remote)
  }

  /** Removes from a remote what no checkpoint there needs; with `keep` first the checkpoints that this policy does not keep. */
  async remotePrune (options) {
    options = withRemote(options, accepted.prune)
    return monitored(options, (monitor) => native.wsPrune(this[handle], options.remote, options.keep, options.dryRun, options.now, monitor))
  }

  /** Encrypts anew what a rotation of the keys has left in an encrypted remote. */
  async remoteRekey (options) {
    options = withRemote(options, accepted.remoteRekey)
    return monitored(options, (monitor) => native.wsRemoteRekey(this[handle], options.remote, options.bytesMax, options.bytesPerSecondMax, monitor))
  }

  /** Whether a remote has all that its checkpoints need. FIRN_CORRUPT, with `checked`, if damage is left. */
  async remoteCheck (options) {
    options = withRemote(options, accepted.remoteCheck)
    const { error, ...checked } = await monitored(options, (monitor) => native.wsRemoteCheck(this[handle], options.remote, options.readData, options.repair, options.dropBroken, options.bytesPerSecondMax, monitor))
    if (error !== undefined) throw Object.assign(error, { checked })
    return checked
  }

  /** Verifies the checksums of an encrypted remote without its key. FIRN_CORRUPT, with `checked`, if anything is damaged. */
  async remoteCheckLocked (options) {
    options = withRemote(options, accepted.remoteCheckLocked)
    const { error, ...checked } = await monitored(options, (monitor) => native.wsRemoteCheckLocked(this[handle], options.remote, options.readData, options.bytesPerSecondMax, monitor))
    if (error !== undefined) throw Object.assign(error, { checked })
    return checked
  }

  /** Who changed what in a remote, newest first. */
  async remoteLog (options) {
    options = withRemote(options, accepted.remoteLog)
    const changes = await native.wsRemoteLog(this[handle], options.remote, options.limit)
    return changes.map(({ atNs, ...change }) => ({ ...change, at: new Date(Number(atNs / 1000000n)), atNs }))
  }
}

for (const [name, value] of Object.entries(remoteKeys)) {
  Object.defineProperty(Workspace.prototype, name, { value, configurable: true, writable: true })
}

/** Opens the workspace that a directory belongs to. Creates nothing: the first save does. */
async function openWorkspace (path, options) {
  options = object(options, accepted.open)
  return new Workspace(await native.wsOpen(path, options.store, options.lockTimeout, options.isRoot, choice(ciphers, options.cipher, 'cipher'), ...keyArguments(options)))
}

module.exports = { openWorkspace, Workspace }
