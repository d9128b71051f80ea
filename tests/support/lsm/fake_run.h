/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a kind of run that lies in memory, for tests of what stands on runs. A cursor's entry is a copy that goes
 * when the cursor moves, so that sanitizers see who uses it for longer; any call may be made to fail.
 */
#ifndef FIRN_TEST_FAKE_RUN_H
#define FIRN_TEST_FAKE_RUN_H

#include "run/run_kind.h"

struct fake_run {
    struct fi_run run; /* first */
    struct fi_run_summary summary;
    struct fi_range_set ranges;
    struct fake_version *versions;
    size_t count;
    size_t capacity;
    unsigned cursors; /* that are open */
    uint64_t moves;   /* of all its cursors */
};

/* The n-th move of a cursor from now on fails (0: none). */
extern uint64_t fake_run_fail_at;

struct fake_run *fake_run_create(void);
void fake_run_destroy(struct fake_run *run);
const struct fi_entry *fake_run_entry(const struct fake_run *run, size_t at);
/* In order. */
void fake_run_add(struct fake_run *run, const struct fi_entry *entry);
void fake_run_add_range(struct fake_run *run, const struct fi_range *range);

#endif
