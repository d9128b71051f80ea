/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: machines that share a remote do at random what machines do: edit, save, delete,
 * collect, push, pull, restore what others have pushed, lose what they know of the remote, lose
 * power in the middle of a push or a pull; with clocks that are hundreds of days wrong. A judge knows
 * the tree of each checkpoint, and holds:
 *
 *   1. what a machine has of others is, byte for byte, what they had saved;
 *   2. a machine's own tree and checkpoints change only where it does that itself;
 *   3. at the end a new machine gets each checkpoint of each push that was acknowledged.
 *
 * FIRN_TEST_SEED: one run. FIRN_TEST_LONG: so many that take FIRN_TEST_SECONDS (600).
 */
#include <inttypes.h>
#include <time.h>

#include "share/share_internal.h"
#include "share_support.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/workspace/ws_edit.h"

enum { MACHINES_MAX = 4, SAVED_MAX = 400, STEPS = 60, RUNS = 25 };
static const int64_t day_ns = INT64_C(86400) * 1000000000;

struct saved {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char *dump;
    int machine;
    bool is_deleted; /* by its machine */
    bool is_acknowledged;
};

struct machine {
    struct ws_world world;
    char path[16];
    int64_t wrong_ns; /* its clock */
};

struct run {
    uint64_t seed;
    struct test_random random;
    struct ws_world first; /* has the operating system; not used otherwise */
    struct machine machines[MACHINES_MAX];
    int count;
    struct saved saved[SAVED_MAX];
    size_t saved_count;
    uint64_t pushes;
    uint64_t pulled;
    uint64_t compared;
    uint64_t cuts;
};

static uint64_t
below(struct run *run, uint64_t limit)
{
    return test_random_below(&run->random, limit);
}

/* ==== what machines do ==== */

static void
edit(struct run *run, struct machine *machine)
{
    struct scan_world *tree = &machine->world.tree;
    for (uint64_t i = below(run, 4); i < 4; i++) {
        ws_edit_step(tree, &run->random);
    }
    if (below(run, 3) == 0) {
        /* Of some contents, so that machines have the same, under names of their own. */
        char name[32];
        snprintf(name, sizeof name, "large%d-%d", (int)(machine - run->machines),
                 (int)run->saved_count);
        scan_put_random(tree, name, below(run, 4), (size_t)(10000 + below(run, 3) * 90000));
    }
}

static void
save(struct run *run, struct machine *machine)
{
    struct saved *saved = &run->saved[run->saved_count];
    assert_true(run->saved_count < SAVED_MAX);
    saved->dump = ws_dump(&machine->world);
    saved->machine = (int)(machine - run->machines);
    memcpy(saved->id, ws_save(&machine->world).checkpoint->id, sizeof saved->id);
    run->saved_count++;
}

static void
delete_one(struct run *run, struct machine *machine)
{
    const int index = (int)(machine - run->machines);
    for (size_t i = 0; i < run->saved_count; i++) {
        struct saved *saved = &run->saved[i];
        if (saved->machine == index && !saved->is_deleted && below(run, 3) == 0) {
            gc_delete(&machine->world, saved->id);
            saved->is_deleted = true;
            return;
        }
    }
}

static void
acknowledge(struct run *run, struct machine *machine)
{
    const int index = (int)(machine - run->machines);
    run->pushes++;
    for (size_t i = 0; i < run->saved_count; i++) {
        struct saved *saved = &run->saved[i];
        saved->is_acknowledged =
            saved->is_acknowledged || (saved->machine == index && !saved->is_deleted);
    }
}

static int
push(struct run *run, struct machine *machine)
{
    const char *named[2] = {NULL, NULL};
    struct saved *one = NULL;
    if (run->saved_count > 0 && below(run, 4) == 0) {
        one = &run->saved[below(run, run->saved_count)];
        bool is_ours = one->machine == (int)(machine - run->machines) && !one->is_deleted;
        one = is_ours ? one : NULL;
        named[0] = is_ours ? one->id : NULL;
    }
    int rc = share_try_push(&machine->world, one != NULL ? named : NULL, NULL);
    if (rc == FIRN_OK && one != NULL) {
        one->is_acknowledged = true;
    } else if (rc == FIRN_OK) {
        acknowledge(run, machine);
    }
    return rc;
}

static int
pull(struct run *run, struct machine *machine)
{
    firn_pull_result result;
    int rc = share_try_pull(&machine->world, &result);
    run->pulled += rc == FIRN_OK ? result.checkpoints : 0;
    return rc;
}

/* 1 */
static void
compare_one(struct run *run, struct machine *machine)
{
    if (run->saved_count == 0) {
        return;
    }
    struct saved *saved = &run->saved[below(run, run->saved_count)];
    firn_workspace_checkpoint *found;
    char reference[64];
    snprintf(reference, sizeof reference, "origin/%s", saved->id);
    int rc = fi_ws_find(machine->world.ws, reference, &found, &machine->world.err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    if (rc != FIRN_OK) {
        return;
    }
    run->compared++;
    if (below(run, 3) > 0) {
        share_assert_dump(&machine->world, reference, saved->dump);
        return;
    }
    ws_restore(&machine->world, reference);
    ws_assert_dump(&machine->world, saved->dump);
    if (below(run, 2) == 0) {
        save(run, machine);
    }
}

/* ==== power ==== */

static void
sync_everything(struct run *run)
{
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(run->first.tree.os, "/", &top, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_sync_filesystem(top, NULL), FIRN_OK);
    fi_os_dir_close(top);
}

/* A push or a pull in the middle of which the power goes. */
static void
be_cut(struct run *run, struct machine *machine)
{
    struct fi_os *os = run->first.tree.os;
    sync_everything(run);
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + 1 + below(run, 50));
    int rc = below(run, 2) == 0 ? push(run, machine) : pull(run, machine);
    bool was_hit = fi_sim_memory_is_off(os);
    if (rc != FIRN_OK && !was_hit) {
        fail_msg("%s", machine->world.err.text);
    }
    fi_sim_memory_power_cut(os, below(run, 100));
    fi_sim_memory_set_cut_at(os, 0);
    run->cuts += was_hit ? 1 : 0;
    for (int i = 0; i < run->count; i++) {
        share_close_beside(&run->machines[i].world);
        share_open_beside(&run->first, run->machines[i].path, &run->machines[i].world);
    }
}

static void
forget(struct run *run, struct machine *machine)
{
    /* Without its notes a machine takes its own line for that of others until it has pushed. */
    share_drop(&machine->world, below(run, 2) == 0 ? FI_SHARE_NOTES : FI_SHARE_STATES);
}

/* ==== a run ==== */

static void
expect(int rc, const struct machine *machine)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), machine->world.err.text);
    }
}

static void
step(struct run *run)
{
    struct machine *machine = &run->machines[below(run, (uint64_t)run->count)];
    fi_sim_memory_set_time(run->first.tree.os, INT64_C(1800000000000000000) + machine->wrong_ns +
                                                   (int64_t)run->saved_count * 1000000000);
    switch (below(run, 12)) {
    case 0:
    case 1:
    case 2:
        edit(run, machine);
        save(run, machine);
        break;
    case 3:
        delete_one(run, machine);
        break;
    case 4:
        gc_run_full(&machine->world);
        break;
    case 5:
    case 6:
        if (fi_ws_find(machine->world.ws, "latest", &(firn_workspace_checkpoint *){NULL},
                       &machine->world.err) == FIRN_OK) {
            expect(push(run, machine), machine);
        }
        break;
    case 7:
    case 8:
        expect(pull(run, machine), machine);
        break;
    case 9:
        compare_one(run, machine);
        break;
    case 10:
        if (fi_ws_find(machine->world.ws, "latest", &(firn_workspace_checkpoint *){NULL},
                       &machine->world.err) == FIRN_OK) {
            be_cut(run, machine);
        }
        break;
    default:
        if (below(run, 3) == 0) {
            forget(run, machine);
        }
    }
}

/* 2 */
static void
check_own(struct run *run)
{
    for (size_t i = 0; i < run->saved_count; i++) {
        const struct saved *saved = &run->saved[i];
        if (!saved->is_deleted) {
            share_assert_dump(&run->machines[saved->machine].world, saved->id, saved->dump);
        }
    }
    for (int i = 0; i < run->count; i++) {
        ws_assert_check_clean(&run->machines[i].world);
    }
}

/* 3 */
static void
check_remote(struct run *run)
{
    struct ws_world last;
    share_open_beside(&run->first, "/z", &last);
    share_pull(&last);
    for (size_t i = 0; i < run->saved_count; i++) {
        const struct saved *saved = &run->saved[i];
        char reference[64];
        snprintf(reference, sizeof reference, "origin/%s", saved->id);
        if (saved->is_acknowledged) {
            share_assert_dump(&last, reference, saved->dump);
            run->compared++;
        }
    }
    ws_assert_check_clean(&last);
    share_close_beside(&last);
}

static void
play(struct run *run, uint64_t seed)
{
    *run = (struct run){.seed = seed, .random = {seed}};
    share_open(&run->first, seed);
    run->count = 2 + (int)below(run, MACHINES_MAX - 1);
    for (int i = 0; i < run->count; i++) {
        struct machine *machine = &run->machines[i];
        snprintf(machine->path, sizeof machine->path, "/m%d", i);
        machine->wrong_ns = ((int64_t)below(run, 800) - 400) * day_ns;
        share_open_beside(&run->first, machine->path, &machine->world);
        ws_edit_grow(&machine->world.tree, &run->random, 6);
    }
    for (int i = 0; i < STEPS; i++) {
        step(run);
    }
    check_own(run);
    check_remote(run);
    for (int i = 0; i < run->count; i++) {
        share_close_beside(&run->machines[i].world);
    }
    for (size_t i = 0; i < run->saved_count; i++) {
        free(run->saved[i].dump);
    }
    ws_world_close(&run->first);
}

static void
machines_share_a_remote(void **state)
{
    (void)state;
    static struct run run;
    const char *one = getenv("FIRN_TEST_SEED");
    const char *seconds = getenv("FIRN_TEST_SECONDS");
    const time_t end = time(NULL) + (seconds != NULL ? atoi(seconds) : 600);
    const uint64_t runs = one != NULL ? 1 : test_share_of_seeds(RUNS);
    struct run sum = {.seed = 0};
    uint64_t count = 0;
    for (uint64_t seed = 1; test_is_long() && one == NULL ? time(NULL) < end : seed <= runs;
         seed++) {
        uint64_t used = one != NULL ? strtoull(one, NULL, 10) : seed;
        printf("share_model: seed %" PRIu64 "\n", used);
        fflush(stdout);
        play(&run, used);
        sum.pushes += run.pushes;
        sum.pulled += run.pulled;
        sum.compared += run.compared;
        sum.cuts += run.cuts;
        count++;
    }
    printf("count: %" PRIu64 " runs, %" PRIu64 " pushes, %" PRIu64 " checkpoints pulled, %" PRIu64
           " trees compared, %" PRIu64 " power cuts\n",
           count, sum.pushes, sum.pulled, sum.compared, sum.cuts);
    assert_true(one != NULL || (sum.pushes > count && sum.pulled > count && sum.cuts > 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_share_a_remote),
    };
    return cmocka_run_group_tests_name("share_model", tests, NULL, NULL);
}
