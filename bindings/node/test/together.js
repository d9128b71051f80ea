// SPDX-License-Identifier: Apache-2.0
//
// together.js NAME...: tests of several files in this one process, for tools that make a process start slowly.
'use strict'

for (const name of process.argv.slice(2)) require(`./${name}.test.js`)
