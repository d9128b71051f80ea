/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram.h: a file system in the memory of this process, for stores that need not outlive
 * it.
 *
 * Real threads, clocks and randomness; files and directories with a limit in bytes. Nothing is ever
 * durable, so every sync succeeds at once. There are no symbolic links, fifos, owners or extended
 * attributes: creating one is FIRN_UNSUPPORTED. Modes are stored but not enforced.
 *
 * Any number of threads. For tests that cut power see tests/sim/sim_memory.h.
 */
#ifndef FIRN_HOSTED_OS_RAM_H
#define FIRN_HOSTED_OS_RAM_H

#include "os/os.h"

/* An empty file system with the root directory "/"; relative paths start there. An operation that
 * would need more than limit_bytes, for contents and metadata, fails with FIRN_NO_SPACE. */
FIRN_MUST_CHECK int fi_os_ram_create(uint64_t limit_bytes, struct fi_os **out, firn_error *err);
/* Requires: all handles were closed, all pools of jobs destroyed. NULL is allowed. */
void fi_os_ram_destroy(struct fi_os *os);
uint64_t fi_os_ram_used_bytes(const struct fi_os *os);

#endif
