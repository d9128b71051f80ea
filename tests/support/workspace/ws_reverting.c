/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_reverting.c: reverts for tests, and what they tell.
 */
#include "ws_reverting.h"
#include "support/test.h"

static int
on_conflict(void *ctx, const firn_workspace_revert_conflict *conflict)
{
    struct ws_reverting *reverting = ctx;
    size_t size = strlen(reverting->conflicts);
    assert_int_equal(reverting->changes, 0); /* conflicts come first */
    reverting->conflict_count++;
    snprintf(reverting->conflicts + size, sizeof reverting->conflicts - size, "%d %.*s\n",
             (int)conflict->kind, (int)conflict->path.size, (const char *)conflict->path.data);
    return FIRN_OK;
}

static int
on_change(void *ctx, const firn_workspace_change *change)
{
    struct ws_reverting *reverting = ctx;
    (void)change;
    reverting->changes++;
    return FIRN_OK;
}

int
ws_try_revert(struct ws_world *world, const char *before, const char *after, bool dry_run,
              struct ws_reverting *out)
{
    struct ws_reverting ignored;
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    out = out == NULL ? &ignored : out;
    memset(out, 0, sizeof *out);
    options.before = before;
    options.after = after;
    options.dry_run = dry_run;
    options.threads = world->threads;
    options.callbacks.ctx = out;
    options.on_conflict = on_conflict;
    options.on_change = on_change;
    return fi_ws_revert(world->ws, &options, &out->result, &world->err);
}

firn_workspace_revert_result
ws_revert(struct ws_world *world, const char *after)
{
    struct ws_reverting reverting;
    int rc = ws_try_revert(world, NULL, after, false, &reverting);
    if (rc != FIRN_OK) {
        fail_msg("%s: %s\n%s", firn_code_name(rc), world->err.text, reverting.conflicts);
    }
    return reverting.result;
}

static int
count_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(uint64_t *)ctx;
    return FIRN_OK;
}

static uint64_t
checkpoints(struct ws_world *world)
{
    uint64_t count = 0;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = true;
    assert_int_equal(fi_ws_list(world->ws, &options, count_checkpoint, &count, &world->err),
                     FIRN_OK);
    return count;
}

void
ws_assert_conflicts(struct ws_world *world, const char *after, const char *expected)
{
    struct ws_reverting reverting;
    char *dump = ws_dump(world);
    uint64_t before = checkpoints(world);
    for (int dry_run = 0; dry_run < 2; dry_run++) {
        assert_int_equal(ws_try_revert(world, NULL, after, dry_run == 1, &reverting),
                         FIRN_CONFLICT);
        assert_string_equal(reverting.conflicts, expected);
        assert_int_equal(reverting.result.conflicts, reverting.conflict_count);
        assert_int_equal(reverting.changes, 0);
    }
    ws_assert_dump(world, dump);
    assert_int_equal(checkpoints(world), before);
    free(dump);
}
