/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory.h: a machine in memory for tests: a file system that knows what was synced and
 * forgets the rest when its power is cut, a clock that only its calls move, and jobs that run in an
 * order that follows from a seed.
 *
 * What a sync promises here is what firn may rely on, and no more:
 * - fi_os_file_sync makes contents and size durable, not the name and not the attributes;
 * - fi_os_file_sync_all makes the attributes (mode, owner, times, extended attributes) durable
 *   too;
 * - fi_os_dir_sync makes the names in a directory durable, and its own attributes; not what the
 *   names lead to;
 * - fi_os_dir_sync_filesystem makes everything durable.
 *
 * At a power cut, of what was not made durable any part may be there: of the contents any subset of
 * the 512-byte sectors that differ, of the size the old, the new, or one between, of the names in
 * directories any subset of the changes. A rename may be seen as not done, as done, or with both
 * names, but what had a durable name and was not removed keeps one; an exchange is seen whole or
 * not at all; a directory never has two names. A truncation that is not seen brings the old
 * contents back, and nothing that was written beyond it later.
 *
 * One thread at a time, jobs included: they run inline (os_thread.h).
 */
#ifndef FIRN_SIM_SIM_MEMORY_H
#define FIRN_SIM_SIM_MEMORY_H

#include "os/os.h"

/* An empty file system with the root directory "/"; relative paths start there. */
FIRN_MUST_CHECK int fi_sim_memory_create(uint64_t seed, struct fi_os **out, firn_error *err);
/* Every handle must have been closed, every pool of jobs destroyed. NULL is fine. */
void fi_sim_memory_destroy(struct fi_os *os);

/* A machine of its own with the same state, durable and not, settings included. Handles, locks
 * and jobs stay with the old one. Costs little: contents are shared until written. So a test can
 * try many cuts from one point. */
FIRN_MUST_CHECK int fi_sim_memory_clone(struct fi_os *os, struct fi_os **out, firn_error *err);

/* Cuts the power and starts the machine again. Handles opened before are dead: their calls fail
 * with EIO, and they still have to be closed. Seed 0 loses all that was not made durable, seed 1
 * keeps all of it, every other seed some. Needs memory: without it the process ends. */
void fi_sim_memory_power_cut(struct fi_os *os, uint64_t seed);

/* Calls that change something, or make something durable, since creation; one that failed counts
 * too. */
uint64_t fi_sim_memory_calls(const struct fi_os *os);
/* Of these, those that make something durable. */
uint64_t fi_sim_memory_syncs(const struct fi_os *os);
/* The power fails when calls reaches `call`: that call does nothing, and it and all after it,
 * reads too, fail with EIO until fi_sim_memory_power_cut. 0: never. */
void fi_sim_memory_set_cut_at(struct fi_os *os, uint64_t call);
/* Whether that has happened. */
bool fi_sim_memory_is_off(const struct fi_os *os);

/* The room for contents; UINT64_MAX at first. What is there already stays. */
void fi_sim_memory_set_space(struct fi_os *os, uint64_t bytes);
/* Both clocks move by a microsecond a reading, and by what is slept. */
void fi_sim_memory_set_time(struct fi_os *os, int64_t now_ns);
/* Times that changes give to files are whole multiples of it, as those of a kernel are of its tick
 * and those of some file systems of a second; 1 at first. */
void fi_sim_memory_set_granularity(struct fi_os *os, int64_t duration_ns);
/* The user that calls come from; 0 at first, who may do everything. Others meet the mode bits. */
void fi_sim_memory_set_user(struct fi_os *os, uint32_t uid);
/* 022 at first. */
void fi_sim_memory_set_umask(struct fi_os *os, uint32_t mask);
/* One call in so many lets a part of what is not durable yet reach the disk, as kernels do in
 * their own time. 16 at first; 0: never. */
void fi_sim_memory_set_writeback(struct fi_os *os, uint32_t one_in);
/* With true, lists tell no kinds, as some file systems do. */
void fi_sim_memory_set_hide_kinds(struct fi_os *os, bool hide);
/* With true, nothing has a birth time, as on some file systems. */
void fi_sim_memory_set_hide_births(struct fi_os *os, bool hide);

#endif
