// SPDX-License-Identifier: Apache-2.0
//
// monitor.js: onProgress, onNotice and AbortSignal of long calls. The addon keeps what firn reports; this looks into it ten
// times a second, and once more at the end, so that no notice is missed and none comes after the promise has settled.
'use strict'

const { native } = require('./native')
const { invalid } = require('./options')

const INTERVAL_MS = 100

/** Runs `start(monitor)`, a call of the addon, with the callbacks and the signal of the options. */
async function monitored (options, start) {
  const { signal, onProgress, onNotice } = options
  if (signal === undefined && onProgress === undefined && onNotice === undefined) return start(undefined)
  for (const [name, callback] of [['onProgress', onProgress], ['onNotice', onNotice]]) {
    if (callback !== undefined && typeof callback !== 'function') throw invalid(`${name} must be a function`)
  }
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') throw invalid('signal must be an AbortSignal')
  signal?.throwIfAborted()
  const monitor = native.monitorCreate()
  let thrown = null // by a callback
  const abort = () => native.monitorCancel(monitor)
  const look = () => {
    if (thrown !== null) return
    try {
      const { progress, notices } = native.monitorTake(monitor)
      if (onNotice !== undefined) for (const notice of notices) onNotice(notice)
      if (progress !== undefined && onProgress !== undefined) onProgress(progress)
    } catch (error) {
      thrown = { error }
      abort()
    }
  }
  const timer = setInterval(look, INTERVAL_MS)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    let result
    let failed = null
    try {
      result = await start(monitor)
    } catch (error) {
      failed = { error }
    }
    clearInterval(timer)
    look()
    if (thrown !== null) throw thrown.error
    if (failed !== null) {
      if (failed.error.code === 'FIRN_CANCELLED' && signal?.aborted) throw signal.reason
      throw failed.error
    }
    return result
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', abort)
    native.close(monitor).catch(() => {})
  }
}

module.exports = { monitored }
