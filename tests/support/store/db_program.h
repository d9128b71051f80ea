/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/db_program.h: a short program on a store, ended in every way at every one of its steps.
 */
#ifndef FIRN_TEST_DB_PROGRAM_H
#define FIRN_TEST_DB_PROGRAM_H

#include "db_support.h"

struct db_program {
    /* Goes as far as it can with an empty directory, and abandons the store. *out_is_certain: what
     * check looks for was acknowledged. */
    int (*run)(struct fi_os_dir *dir, bool *out_is_certain);
    /* What must hold whenever it ended, and that the store can be written to. */
    void (*check)(struct fi_os_dir *dir, bool is_certain);
};

/* With the power cut at every call, three times each, so that other things are lost. */
void db_program_cut_everywhere(const struct db_program *program);
/* With every call failing, once and for ever; of the classes of sim/sim_fault.h. */
void db_program_fail_calls(const struct db_program *program, unsigned classes);
/* With every allocation failing. */
void db_program_fail_allocations(const struct db_program *program);

#endif
