/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram.h: a file system in the memory of this process, for stores that live no longer than it.
 *
 * Real threads, clocks and randomness; files and directories with a limit in bytes. Nothing is ever
 * durable, so every sync succeeds at once. There are no symbolic links, fifos, owners and extended
 * attributes: to make one is FIRN_UNSUPPORTED. Modes are kept and not judged.
 *
 * Any number of threads. For tests that cut power see tests/sim/sim_memory.h.
 */
#ifndef FIRN_HOSTED_OS_RAM_H
#define FIRN_HOSTED_OS_RAM_H

#include "os/os.h"

/* An empty file system with the root directory "/"; relative paths start there. What would take
 * more than limit_bytes, contents and what describes them, fails with FIRN_NO_SPACE. */
FIRN_MUST_CHECK int firn_os_ram_create(uint64_t limit_bytes, struct firn_os **out, firn_error *err);
/* Every handle must have been closed, every pool of jobs destroyed. NULL is fine. */
void firn_os_ram_destroy(struct firn_os *os);
uint64_t firn_os_ram_used_bytes(const struct firn_os *os);

#endif
