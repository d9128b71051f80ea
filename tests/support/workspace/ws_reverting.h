/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_reverting.h: reverts for tests, and what they tell.
 */
#ifndef FIRN_TEST_WS_REVERTING_H
#define FIRN_TEST_WS_REVERTING_H

#include "ws_support.h"

/* What a revert has told. */
struct ws_reverting {
    char conflicts[1024]; /* "<kind> <path>\n" for each, as they came */
    uint64_t conflict_count;
    uint64_t changes;
    firn_workspace_revert_result result;
};

/* Takes back `after`, or what changed since `before` (may be NULL); returns what the operation
 * returns. */
int ws_try_revert(struct ws_world *world, const char *before, const char *after, bool dry_run,
                  struct ws_reverting *out);
/* Must succeed. */
firn_workspace_revert_result ws_revert(struct ws_world *world, const char *after);
/* Must be in conflict, tell just these, and change nothing. */
void ws_assert_conflicts(struct ws_world *world, const char *after, const char *expected);

#endif
