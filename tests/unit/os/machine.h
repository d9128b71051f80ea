/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os/machine.h: what the tests of the machine in memory share. A failure fails the test.
 */
#ifndef FIRN_TEST_UNIT_OS_MACHINE_H
#define FIRN_TEST_UNIT_OS_MACHINE_H

#include "sim/sim_memory.h"

struct fi_os *machine_create(uint64_t seed);
/* A machine that writes nothing back by itself: what was not synced is lost by seed 0. */
struct fi_os *machine_create_lazy(void);
struct fi_os *machine_clone_and_cut(struct fi_os *os, uint64_t seed);

struct fi_os_file *machine_open_rw(struct fi_os_dir *dir, const char *name);
/* Writes a file and syncs it, attributes too; not its name. */
void machine_put_synced(struct fi_os_dir *dir, const char *name, const char *text);
struct fi_os_dir *machine_make_dir(struct fi_os_dir *dir, const char *name);
/* Whether the file is there with just this text. */
bool machine_has_text(struct fi_os_dir *dir, const char *name, const char *text);

#endif
