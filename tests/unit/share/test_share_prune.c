/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: a prune beside machines that publish while it reads what checkpoints need. It goes on
 * from what it has read, and removes nothing that the newest state needs.
 *
 * "/w" prunes. Its callback of progress, which is called first when the first directory was read,
 * lets the others work.
 */
#include "base/slice.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test.h"
#include "support/test_random.h"

enum { LARGE = 300 << 10 }; /* a pack that is a file */

struct crowd {
    struct ws_world ada; /* prunes */
    struct ws_world ben;
    struct ws_world cyd;
    void (*act)(struct crowd *crowd);
    int calls;
    uint64_t saved;
};

static void
check_ok(int rc, const firn_error *why)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), why->text);
    }
}

static int
let_act(void *ctx, const firn_progress *progress)
{
    struct crowd *crowd = ctx;
    assert_non_null(progress->phase);
    if (crowd->calls++ == 0 && crowd->act != NULL) {
        crowd->act(crowd);
    }
    return 0;
}

static firn_prune_result
prune(struct crowd *crowd, struct ws_world *world, bool is_watched)
{
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result result;
    options.now = true;
    if (is_watched) {
        options.callbacks.on_progress = let_act;
        options.callbacks.ctx = crowd;
    }
    check_ok(fi_share_prune(world->ws, NULL, &options, &result, &world->err), &world->err);
    return result;
}

static void
save_and_push(struct crowd *crowd, struct ws_world *world, const char *path, uint64_t seed,
              size_t size)
{
    scan_put_random(&world->tree, path, seed, size);
    ws_save(world);
    share_push(world);
    crowd->saved++;
}

/* Takes the checkpoints of the workspace with that path out of the remote, those with orders from
 * `first` to `last`. */
static void
forget(struct crowd *crowd, const char *path, uint64_t first, uint64_t last)
{
    struct share_remote at;
    share_remote_open(&crowd->ben, &at);
    for (size_t i = 0;; i++) {
        const struct fi_remote_item *entry = share_remote_entry(&at, FI_SHARE_ENTRY_CHECKPOINT, i);
        struct fi_share_checkpoint checkpoint;
        struct fi_catalog_record record;
        firn_error err;
        if (entry == NULL) {
            break;
        }
        check_ok(fi_share_entry_decode_checkpoint(entry->value, &checkpoint, &err), &err);
        check_ok(fi_catalog_record_decode(checkpoint.record, &record, &err), &err);
        if (fi_slice_equal(record.workspace_path, firn_str(path)) && record.order >= first &&
            record.order <= last) {
            check_ok(
                fi_remote_table_put(&at.change.removed, entry->key, firn_bytes(NULL, 0), 0, &err),
                &err);
            crowd->saved--;
        }
    }
    share_remote_publish(&at);
    share_remote_close(&at);
}

/* The prune has something to remove, whatever the others do. */
static void
open_crowd(struct crowd *crowd, uint64_t seed)
{
    *crowd = (struct crowd){.calls = 0};
    share_open(&crowd->ada, seed);
    share_open_beside(&crowd->ada, "/b", &crowd->ben);
    share_open_beside(&crowd->ada, "/c", &crowd->cyd);
    save_and_push(crowd, &crowd->ada, "common", 1, LARGE);
    save_and_push(crowd, &crowd->ada, "small", 2, 100);
    save_and_push(crowd, &crowd->ben, "changes", 3, LARGE);
    save_and_push(crowd, &crowd->ben, "changes", 4, LARGE);
    forget(crowd, "/b", 1, 1);
}

/* All that is in the remote can be had by a machine that has nothing. */
static void
close_crowd(struct crowd *crowd)
{
    firn_remote_check_options options = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result result;
    struct ws_world dan;
    options.read_data = true;
    check_ok(fi_share_check(crowd->ada.ws, NULL, &options, &result, &crowd->ada.err),
             &crowd->ada.err);
    assert_int_equal(result.damaged + result.broken, 0);
    assert_int_equal(result.checkpoints, crowd->saved);
    share_open_beside(&crowd->ada, "/d", &dan);
    firn_pull_result pulled = share_pull(&dan);
    assert_int_equal(pulled.checkpoints, crowd->saved);
    ws_assert_check_clean(&dan);
    share_close_beside(&dan);
    share_close_beside(&crowd->cyd);
    share_close_beside(&crowd->ben);
    ws_world_close(&crowd->ada);
}

/* ==== what the others do ==== */

static void
push_large(struct crowd *crowd)
{
    save_and_push(crowd, &crowd->ben, "new", 10, LARGE);
}

/* The small packs of the state become one file, with the one that the prune has seen; of the file
 * nothing else is needed. */
static void
push_until_folded(struct crowd *crowd)
{
    enum { SIZE = 40000, COUNT = FI_SHARE_INLINE_TOTAL_MAX / SIZE + 2 };
    push_large(crowd);
    for (uint64_t i = 0; i < COUNT; i++) {
        save_and_push(crowd, &crowd->ben, "little", 100 + i, SIZE);
    }
    assert_true(share_remote_count(&crowd->ben, FI_SHARE_ENTRY_PACK) < COUNT);
    forget(crowd, "/b", 4, UINT64_MAX);
}

/* A machine that has not pulled pushes a file again. Nothing but one of the two copies is needed,
 * and another prune decides which one stays. */
static void
push_again_and_prune(struct crowd *crowd)
{
    save_and_push(crowd, &crowd->cyd, "common", 1, LARGE);
    forget(crowd, "/w", 1, 1);
    forget(crowd, "/c", 1, 1);
    prune(crowd, &crowd->ben, false);
}

static void (*const acts[])(struct crowd *crowd) = {NULL, push_large, push_until_folded,
                                                    push_again_and_prune};
/* Names are random, and with them the order in which packs are read: so each is done some times. */
enum { ACTS = sizeof acts / sizeof acts[0], ROUNDS = 8 };

/* ==== tests ==== */

static void
packs_that_come_meanwhile_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS * ACTS; i++) {
        struct crowd crowd;
        open_crowd(&crowd, i);
        crowd.act = acts[i / ROUNDS];
        firn_prune_result pruned = prune(&crowd, &crowd.ada, true);
        assert_true(crowd.calls > 0);
        if (acts[i / ROUNDS] != push_again_and_prune) {
            assert_true(pruned.removed_packs > 0);
        }
        close_crowd(&crowd);
    }
}

/* A lost race costs the new state and what it has: nothing is read again. */
static void
a_lost_race_costs_few_requests(void **state)
{
    struct crowd crowd;
    (void)state;
    open_crowd(&crowd, 50);
    for (uint64_t i = 0; i < 12; i++) {
        save_and_push(&crowd, &crowd.ada, "file", 60 + i, LARGE);
    }
    forget(&crowd, "/w", 1, 3);
    prune(&crowd, &crowd.ada, false);
    forget(&crowd, "/w", 1, 4);
    const uint64_t alone = prune(&crowd, &crowd.ada, true).requests;
    assert_true(alone > 12); /* the end of each pack */
    forget(&crowd, "/w", 1, 5);
    crowd.calls = 0;
    crowd.act = push_large;
    const uint64_t raced = prune(&crowd, &crowd.ada, true).requests;
    assert_in_range(raced, alone + 1, alone + 5);
    close_crowd(&crowd);
}

/* ==== the walk itself ==== */

/* A share of the first machine, with its own walk. */
struct walker {
    struct fi_share share;
    struct fi_share_mark mark;
    struct fi_share_stage stage;
};

static const firn_callbacks no_callbacks = FIRN_CALLBACKS_INIT;

static void
walker_open(struct ws_world *world, struct walker *walker)
{
    firn_error err;
    *walker = (struct walker){.share = {.ws = NULL}};
    check_ok(fi_share_open(world->ws, NULL, FI_WS_READ, 0, &no_callbacks, &walker->share, &err),
             &err);
    check_ok(fi_share_stage_open_beside(&walker->share, &walker->stage, &err), &err);
    fi_share_mark_init(&walker->mark, &walker->share);
}

static void
walker_close(struct walker *walker)
{
    firn_error err;
    fi_share_mark_deinit(&walker->mark);
    fi_share_stage_close(&walker->stage);
    check_ok(fi_share_close(&walker->share, FIRN_OK, &err), &err);
}

/* What all checkpoints of the state need. */
static void
walk(struct walker *walker, struct fi_share_mark *mark)
{
    enum { ROOTS_MAX = 200 };
    struct fi_share_mark_root roots[ROOTS_MAX];
    const struct fi_remote_table *entries = &walker->share.remote.state.entries;
    size_t count = 0;
    firn_error err;
    for (size_t i = 0; i < entries->count; i++) {
        struct fi_share_checkpoint checkpoint;
        struct fi_catalog_record record;
        firn_slice rest;
        if (!fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &rest)) {
            continue;
        }
        check_ok(fi_share_entry_decode_checkpoint(entries->items[i].value, &checkpoint, &err),
                 &err);
        check_ok(fi_catalog_record_decode(checkpoint.record, &record, &err), &err);
        assert_true(count < ROOTS_MAX);
        roots[count++] = (struct fi_share_mark_root){record.root.hash, true};
    }
    check_ok(fi_share_mark_walk(mark, walker->stage.dir, roots, count, &err), &err);
}

/* The packs that are needed have all that the checkpoints need. Returns how many are not. */
static size_t
assert_enough(struct walker *walker)
{
    struct fi_hash_map all = walker->share.packs;
    struct fi_hash_map *packs = &walker->share.packs;
    struct fi_share_mark fresh;
    size_t left_out = 0;
    fi_hash_map_init(packs, sizeof(struct fi_share_pack), fi_hash_map_first,
                     fi_hash_map_same_number);
    for (size_t i = 0; i < all.count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(&all, i);
        const bool is_needed =
            pack->is_joined ||
            fi_hash_map_find(&walker->mark.needed, pack->number, &pack->number) != NULL;
        left_out += is_needed ? 0 : 1;
        if (is_needed) {
            assert_non_null(fi_hash_map_insert(packs, pack->number, pack));
        }
    }
    fi_share_mark_init(&fresh, &walker->share);
    walk(walker, &fresh);
    fi_share_mark_deinit(&fresh);
    fi_hash_map_deinit(packs);
    walker->share.packs = all;
    return left_out;
}

static size_t
walk_again(struct walker *walker)
{
    firn_error err;
    check_ok(fi_remote_resync(&walker->share.remote, &err), &err);
    check_ok(fi_share_look(&walker->share, &err), &err);
    walk(walker, &walker->mark);
    return assert_enough(walker);
}

static void
a_walk_goes_on_after(void **state)
{
    (void)state;
    for (size_t i = 1; i < ACTS; i++) {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            struct crowd crowd;
            struct walker walker;
            open_crowd(&crowd, 10 * i + round);
            walker_open(&crowd.ada, &walker);
            walk_again(&walker);
            acts[i](&crowd);
            walk_again(&walker);
            walker_close(&walker);
            close_crowd(&crowd);
        }
    }
}

static void
act_at_random(struct crowd *crowd, struct test_random *random)
{
    struct ws_world *const worlds[] = {&crowd->ada, &crowd->ben, &crowd->cyd};
    const char *const paths[] = {"/w", "/b", "/c"};
    const size_t who = test_random_below(random, 3);
    const uint64_t kind = test_random_below(random, 10);
    char name[16];
    snprintf(name, sizeof name, "f%d", (int)test_random_below(random, 4));
    if (kind < 4) {
        save_and_push(crowd, worlds[who], name, test_random_below(random, 3), LARGE);
    } else if (kind < 6) {
        save_and_push(crowd, worlds[who], name, test_random_below(random, 20), 30000);
    } else if (kind < 8) {
        const uint64_t first = test_random_below(random, 20);
        forget(crowd, paths[who], first, first + test_random_below(random, 20));
        if (crowd->saved == 0) {
            save_and_push(crowd, worlds[who], name, 1, 1000);
        }
    } else {
        prune(crowd, worlds[who], false);
    }
}

/* However many states the others publish between two walks, what the second one finds is enough. */
static void
a_walk_goes_on(void **state)
{
    enum { SEEDS = 6, WALKS = 12 };
    size_t left_out = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct test_random random;
        struct crowd crowd;
        struct walker walker;
        test_random_init(&random, "share_prune", 80 + seed);
        open_crowd(&crowd, seed);
        walker_open(&crowd.ada, &walker);
        for (int i = 0; i < WALKS; i++) {
            left_out += walk_again(&walker);
            for (uint64_t left = test_random_below(&random, 8); left > 0; left--) {
                act_at_random(&crowd, &random);
            }
        }
        walker_close(&walker);
        close_crowd(&crowd);
    }
    assert_true(left_out > SEEDS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_that_come_meanwhile_stay),
        cmocka_unit_test(a_lost_race_costs_few_requests),
        cmocka_unit_test(a_walk_goes_on_after),
        cmocka_unit_test(a_walk_goes_on),
    };
    return cmocka_run_group_tests_name("share_prune", tests, NULL, NULL);
}
