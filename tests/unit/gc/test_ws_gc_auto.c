/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: collections that begin by themselves and go on in slices, with others at work
 * between two.
 */
#include "base/slice.h"
#include "catalog/catalog.h"
#include "gc/gc_internal.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/workspace/gc_support.h"

static const int64_t HOUR_NS = INT64_C(3600) * 1000000000;
enum { MIB = 1 << 20 };

/* ---- whether it is worth it ---- */

static void
a_quarter_of_the_packs_is_worth_it(void **state)
{
    const int64_t now = 1000 * HOUR_NS;
    struct fi_catalog_due due = {.deleted_bytes = 25};
    assert_true(fi_catalog_due_is(&due, 100, 20, now));
    assert_true(fi_catalog_due_is(&due, 100, 25, now));
    assert_false(fi_catalog_due_is(&due, 100, 26, now));
    assert_false(fi_catalog_due_is(&due, 104, 20, now));
    /* No more than all is garbage. */
    assert_false(fi_catalog_due_is(&due, 19, 20, now));
    due.deleted_bytes = UINT64_MAX;
    assert_true(fi_catalog_due_is(&due, 20, 20, now));
    assert_false(fi_catalog_due_is(&due, 0, 0, now));
    due.deleted_bytes = 0;
    assert_false(fi_catalog_due_is(&due, 0, 0, now));
}

static void
what_was_tried_is_not_tried_again_at_once(void **state)
{
    const int64_t tried = 1000 * HOUR_NS;
    const struct fi_catalog_due due = {.deleted_bytes = 100, .tried_ns = tried};
    assert_false(fi_catalog_due_is(&due, 100, 10, tried));
    assert_false(fi_catalog_due_is(&due, 100, 10, tried + HOUR_NS - 1));
    assert_true(fi_catalog_due_is(&due, 100, 10, tried + HOUR_NS));
    /* Neither does a clock that was put back keep it from being tried. */
    assert_false(fi_catalog_due_is(&due, 100, 10, tried - HOUR_NS + 1));
    assert_true(fi_catalog_due_is(&due, 100, 10, tried - HOUR_NS));
    assert_true(fi_catalog_due_is(&due, 100, 10, INT64_MIN));
}

static void
sums_do_not_overflow(void **state)
{
    struct fi_catalog_due due = {.deleted_bytes = 5};
    fi_catalog_due_add(&due, 7);
    assert_true(due.deleted_bytes == 12);
    fi_catalog_due_add(&due, UINT64_MAX - 12);
    assert_true(due.deleted_bytes == UINT64_MAX);
    fi_catalog_due_add(&due, 1);
    assert_true(due.deleted_bytes == UINT64_MAX);
}

/* A store with a large checkpoint, which is deleted, and small ones. */
static void
delete_a_large_one(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    fi_sim_memory_set_time(world->tree.os, 1000 * HOUR_NS);
    scan_put_text(&world->tree, "stays", "stays");
    scan_put_random(&world->tree, "large", 1, 20 * MIB);
    ws_save(world);
    scan_remove_file(&world->tree, "large");
    assert_false(ws_save(world).gc_is_due);
    gc_delete(world, "1");
}

static void
deleting_makes_it_due_and_collecting_takes_that_back(void **state)
{
    struct ws_world world;
    delete_a_large_one(&world, 41);
    assert_true(gc_due(&world).deleted_bytes > 20 * MIB);
    assert_true(gc_run_usual(&world, true).is_due);
    scan_put_text(&world.tree, "more", "more");
    firn_workspace_save_result saved = ws_save(&world);
    assert_true(saved.gc_is_due);
    firn_workspace_gc_result result = gc_run_usual(&world, false);
    assert_true(result.is_due);
    assert_true(result.is_finished);
    assert_true(result.packs_removed + result.packs_rewritten > 0);
    assert_true(result.bytes_before > 20 * MIB);
    assert_true(result.bytes_after < MIB);
    assert_true(result.slices > 0);
    assert_int_equal(gc_due(&world).deleted_bytes, 0);
    assert_int_equal(gc_due(&world).tried_ns, 0);
    assert_false(gc_run_usual(&world, true).is_due);
    assert_false(ws_save(&world).gc_is_due);
    gc_assert_exact(&world);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_plain_collection_takes_it_back_too(void **state)
{
    struct ws_world world;
    delete_a_large_one(&world, 42);
    (void)gc_dry_run(&world);
    assert_true(gc_run_usual(&world, true).is_due);
    (void)gc_run(&world);
    assert_false(gc_run_usual(&world, true).is_due);
    assert_int_equal(gc_due(&world).deleted_bytes, 0);
    ws_world_close(&world);
}

static void
what_is_little_is_left_alone(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 43);
    scan_put_random(&world.tree, "a", 1, 15 * MIB);
    ws_save(&world);
    scan_remove_file(&world.tree, "a");
    ws_save(&world);
    gc_delete(&world, "1");
    struct gc_facts before = gc_look(&world);
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    firn_workspace_gc_result result = gc_run_usual(&world, false);
    assert_false(result.is_due);
    assert_int_equal(result.slices, 0);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    struct gc_facts after = gc_look(&world);
    assert_memory_equal(&before, &after, sizeof before);
    ws_world_close(&world);
}

static void
what_expires_and_what_is_taken_off_the_list_counts(void **state)
{
    struct ws_world world;
    struct ws_world neighbour;
    firn_workspace_expire_options options = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    ws_world_open_memory(&world, 44);
    fi_sim_memory_set_time(world.tree.os, 1000 * HOUR_NS);
    scan_put_random(&world.tree, "a", 1, 100000);
    ws_save(&world);
    scan_put_random(&world.tree, "a", 2, 100000);
    ws_save(&world);
    fi_sim_memory_set_time(world.tree.os, 1100 * HOUR_NS);
    options.keep = "last:1";
    assert_int_equal(fi_gc_expire_request(world.ws, &options, NULL, NULL, &world.err), FIRN_OK);
    uint64_t expired = gc_due(&world).deleted_bytes;
    assert_true(expired > 100000 && expired < 110000);
    gc_neighbour_open(&world, "/n", &neighbour);
    scan_put_random(&neighbour.tree, "b", 3, 100000);
    ws_save(&neighbour);
    struct fi_ws_opened opened;
    assert_int_equal(fi_ws_opened_open(neighbour.ws, FI_WS_WRITE, &opened, NULL), FIRN_OK);
    assert_int_equal(fi_catalog_workspaces_remove(opened.catalog, opened.workspace.number, NULL),
                     FIRN_OK);
    assert_int_equal(fi_ws_opened_close(neighbour.ws, &opened, false, NULL), FIRN_OK);
    assert_true(gc_due(&world).deleted_bytes == UINT64_MAX);
    gc_neighbour_close(&neighbour);
    ws_world_close(&world);
}

static void
a_note_that_cannot_be_read_is_none(void **state)
{
    struct ws_world world;
    struct fi_ws_opened opened;
    struct firn_db_keyspace *keyspace;
    delete_a_large_one(&world, 45);
    for (size_t size = 0; size < 20; size++) {
        uint8_t value[20] = {size == 17 ? 2 : 1, 1, 1, 1, 1, 1};
        assert_int_equal(fi_ws_opened_open(world.ws, FI_WS_WRITE, &opened, NULL), FIRN_OK);
        assert_int_equal(fi_db_keyspace_open(opened.db, "firn.gc", &keyspace, NULL), FIRN_OK);
        assert_int_equal(
            fi_db_put(keyspace, firn_str("due"), firn_bytes(value, size), FIRN_DURABILITY_OS, NULL),
            FIRN_OK);
        assert_int_equal(fi_ws_opened_close(world.ws, &opened, false, NULL), FIRN_OK);
        assert_int_equal(gc_due(&world).deleted_bytes, 0);
    }
    scan_put_text(&world.tree, "b", "b");
    ws_save(&world);
    gc_delete(&world, "2");
    assert_true(gc_due(&world).deleted_bytes > 0);
    ws_world_close(&world);
}

/* ---- in slices ---- */

enum { FILES = 24, CHECKPOINTS = 4, FILE_SIZE = 90000 };

/* Each checkpoint has other contents of two thirds of the files; the odd ones are deleted: the first
 * pack is mostly dead, in each of its frames; another one is dead altogether. */
struct prepared {
    struct ws_world world;
    char *dumps[CHECKPOINTS + 1];
};

static void
put_files(struct scan_world *tree, unsigned round)
{
    for (unsigned i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "dir%u/f%u", i % 4, i);
        if (i % 3 != 0 || round == 1) {
            scan_put_random(tree, name, round * 100 + i, FILE_SIZE + i);
        }
    }
}

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    *prepared = (struct prepared){0};
    ws_world_open_memory(world, seed);
    fi_sim_memory_set_time(world->tree.os, 1000 * HOUR_NS);
    for (unsigned i = 1; i <= CHECKPOINTS; i++) {
        put_files(&world->tree, i);
        ws_save(world);
        prepared->dumps[i] = ws_dump(world);
    }
    for (unsigned i = 1; i <= CHECKPOINTS; i += 2) {
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i);
        gc_delete(world, reference);
    }
}

static void
finish(struct prepared *prepared)
{
    ws_assert_check_clean(&prepared->world);
    for (unsigned i = 2; i <= CHECKPOINTS; i += 2) {
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i);
        ws_restore(&prepared->world, reference);
        ws_assert_dump(&prepared->world, prepared->dumps[i]);
    }
    gc_assert_exact(&prepared->world);
    ws_assert_check_clean(&prepared->world);
    for (unsigned i = 1; i <= CHECKPOINTS; i++) {
        free(prepared->dumps[i]);
    }
    ws_world_close(&prepared->world);
}

static void
a_collection_goes_on_in_slices(void **state)
{
    struct prepared prepared;
    prepare(&prepared, 51);
    firn_workspace_gc_result dry = gc_dry_run(&prepared.world);
    firn_workspace_gc_result result = gc_run_auto(&prepared.world);
    assert_true(result.is_finished);
    assert_true(result.slices > 3);
    assert_int_equal(result.objects_live, dry.objects_live);
    assert_int_equal(result.objects_dead, dry.objects_dead);
    assert_int_equal(result.bytes_before, dry.bytes_before);
    assert_true(result.bytes_after < result.bytes_before);
    assert_true(result.packs_removed + result.packs_rewritten > 0);
    (void)gc_assert_collected(&prepared.world, &result);
    /* What is left is not worth another one. */
    firn_workspace_gc_result again = gc_run_auto(&prepared.world);
    assert_int_equal(again.packs_rewritten, 0);
    assert_int_equal(again.slices, 0);
    finish(&prepared);
}

/* Twenty MiB that take little room in a pack. */
static void
what_unpacks_to_much_goes_in_more_slices(void **state)
{
    enum { COUNT = 40, SIZE = MIB / 2 };
    const struct fi_gc_limits limits = {.pack_objects = 128 << 10,
                                        .pack_bytes = UINT64_C(1) << 30,
                                        .give_back_bytes = UINT64_C(1) << 30,
                                        .slice_bytes = MIB / 2,
                                        .slice_objects = 16 << 10};
    struct ws_world world;
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    char name[32];
    char *content = malloc(SIZE);
    assert_non_null(content);
    ws_world_open_memory(&world, 57);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "f%u", i);
        memset(content, 'a', SIZE);
        memcpy(content, name, strlen(name));
        scan_put_file(&world.tree, name, content, SIZE);
    }
    ws_save(&world);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "f%u", i);
        if (i % 3 != 0) {
            scan_remove_file(&world.tree, name);
        }
    }
    ws_save(&world);
    gc_delete(&world, "1");
    options.automatic = true;
    assert_int_equal(fi_gc_limited(world.ws, &options, &limits, &result, &world.err), FIRN_OK);
    assert_true(result.is_finished);
    assert_true(result.bytes_before < MIB / 4);
    assert_in_range(result.slices, 3, 8);
    gc_assert_exact(&world);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
    free(content);
}

static int
count_slice(void *ctx, const firn_progress *progress)
{
    uint64_t *count = ctx;
    *count += strcmp(progress->phase, "collect") == 0 ? 1 : 0;
    return FIRN_OK;
}

static void
nobody_is_told_less_than_a_slice(void **state)
{
    struct prepared prepared;
    uint64_t count = 0;
    const firn_callbacks callbacks = {.on_progress = count_slice, .ctx = &count};
    firn_workspace_gc_result result;
    prepare(&prepared, 52);
    assert_int_equal(gc_try_auto(&prepared.world, &callbacks, &result), FIRN_OK);
    assert_int_equal(count, result.slices);
    finish(&prepared);
}

/* Does something between two slices, when nobody holds the lock. */
struct between {
    struct prepared *prepared;
    struct ws_world *world; /* of the thread that does it; NULL: run_between puts `same` here */
    struct ws_world same;   /* the one that is collected, with errors and notices of its own */
    uint64_t slices;
    uint64_t at;    /* before this slice */
    uint64_t every; /* and each so many after it; 0: once */
    void (*act)(struct between *between);
    uint64_t acted;
    int cancel;
    char *dump; /* of what was saved */
};

static int
on_slice(void *ctx, const firn_progress *progress)
{
    struct between *between = ctx;
    if (strcmp(progress->phase, "collect") != 0) {
        return FIRN_OK;
    }
    between->slices++;
    bool is_it =
        between->slices == between->at || (between->every > 0 && between->slices > between->at &&
                                           (between->slices - between->at) % between->every == 0);
    if (is_it) {
        between->acted++;
        between->act(between);
    }
    return between->cancel;
}

static firn_workspace_gc_result
run_between(struct between *between)
{
    const firn_callbacks callbacks = {.on_progress = on_slice, .ctx = between};
    firn_workspace_gc_result result;
    if (between->world == NULL) {
        between->same = between->prepared->world;
        between->world = &between->same;
    }
    int rc = gc_try_auto(&between->prepared->world, &callbacks, &result);
    if (rc != FIRN_OK) {
        fail_msg("%s", between->prepared->world.err.text);
    }
    return result;
}

/* What the first checkpoint had, and nobody needs any more, is saved again. */
static void
save_what_was_dead(struct between *between)
{
    put_files(&between->prepared->world.tree, 1);
    ws_save(between->world);
    between->dump = ws_dump(between->world);
}

static void
what_was_dead_is_alive_if_it_is_saved_between_two_slices(void **state)
{
    for (uint64_t at = 1; at < 9; at++) {
        struct prepared prepared;
        prepare(&prepared, 60 + at);
        struct between between = {.prepared = &prepared, .at = at, .act = save_what_was_dead};
        firn_workspace_gc_result result = run_between(&between);
        assert_true(result.is_finished);
        ws_assert_check_clean(&prepared.world);
        if (between.acted > 0) {
            ws_restore(&prepared.world, "2");
            ws_restore(&prepared.world, "5");
            ws_assert_dump(&prepared.world, between.dump);
            free(between.dump);
        }
        finish(&prepared);
    }
}

/* Any commit will do; and packs are as they were. */
static void
write_something(struct between *between)
{
    struct ws_world *world = between->world;
    firn_workspace_checkpoint *ignored;
    assert_int_equal(fi_ws_tag_set(world->ws, "tag", between->acted % 2 == 0 ? "2" : "4", true,
                                   &ignored, &world->err),
                     FIRN_OK);
}

static void
who_writes_all_the_time_lets_nothing_come_of_it(void **state)
{
    struct prepared prepared;
    prepare(&prepared, 53);
    struct between between = {.prepared = &prepared, .at = 1, .every = 1, .act = write_something};
    firn_workspace_gc_result result = run_between(&between);
    assert_false(result.is_finished);
    assert_int_equal(result.slices, 0);
    assert_int_equal(between.acted, 4);
    assert_true(gc_due(&prepared.world).deleted_bytes > 0);
    assert_true(gc_due(&prepared.world).tried_ns > 0);
    finish(&prepared);
}

static void
who_writes_now_and_then_does_not_keep_it_from_ending(void **state)
{
    for (uint64_t every = 2; every < 6; every++) {
        struct prepared prepared;
        prepare(&prepared, 70 + every);
        struct between between = {
            .prepared = &prepared, .at = 1, .every = every, .act = write_something};
        firn_workspace_gc_result result = run_between(&between);
        assert_true(result.is_finished);
        assert_true(between.acted > 1);
        finish(&prepared);
    }
}

static void
delete_another(struct between *between)
{
    scan_put_random(&between->prepared->world.tree, "large", 1, 50000);
    ws_save(between->world);
    gc_delete(between->world, "latest");
}

static void
what_is_deleted_meanwhile_counts_for_the_next_one(void **state)
{
    struct prepared prepared;
    prepare(&prepared, 54);
    struct between between = {.prepared = &prepared, .at = 2, .act = delete_another};
    firn_workspace_gc_result result = run_between(&between);
    assert_true(result.is_finished);
    /* It was marked anew, and found. */
    assert_int_equal(gc_due(&prepared.world).deleted_bytes, 0);
    finish(&prepared);
}

/* Into a pack that is too large to be joined; and the second one leaves a stat cache. */
static void
save_twice_and_delete(struct between *between)
{
    struct ws_world *world = between->world;
    scan_put_random(&world->tree, "more/a", 1, 5 * MIB);
    ws_save(world);
    fi_sim_memory_set_time(world->tree.os, 1001 * HOUR_NS);
    ws_save(world);
    gc_delete(world, "latest");
    gc_delete(world, "latest");
}

static void
what_is_cached_meanwhile_goes_too(void **state)
{
    struct prepared prepared;
    struct ws_world *world = &prepared.world;
    prepare(&prepared, 61);
    struct between between = {.prepared = &prepared, .at = 2, .act = save_twice_and_delete};
    assert_true(run_between(&between).is_finished);
    assert_int_equal(between.acted, 1);
    scan_put_text(&world->tree, "new", "so that the root is another");
    ws_save(world);
    assert_int_equal(world->notices.counts[FIRN_NOTICE_DAMAGED], 0);
    finish(&prepared);
}

struct deleting {
    struct ws_world *world;
    unsigned calls;
};

/* The first call is before the store is opened to be marked, the second one after that. */
static int
delete_while_it_is_marked(void *ctx, const firn_progress *progress)
{
    struct deleting *deleting = ctx;
    (void)progress;
    if (deleting->calls++ == 1) {
        gc_delete(deleting->world, "1");
    }
    fi_os_sleep_ns(deleting->world->tree.os, INT64_C(250) * 1000000);
    return FIRN_OK;
}

static void
what_is_deleted_behind_the_last_mark_counts_for_the_next_one(void **state)
{
    struct ws_world world;
    struct ws_world other;
    struct deleting deleting = {.world = &other};
    const firn_callbacks callbacks = {.on_progress = delete_while_it_is_marked, .ctx = &deleting};
    firn_workspace_gc_result result;
    ws_world_open_memory(&world, 58);
    scan_put_random(&world.tree, "a", 1, 50000);
    ws_save(&world);
    scan_put_random(&world.tree, "a", 2, 50000);
    ws_save(&world);
    other = world;
    assert_int_equal(gc_try_auto(&world, &callbacks, &result), FIRN_OK);
    assert_true(deleting.calls > 1);
    assert_true(result.is_finished);
    assert_int_equal(result.slices, 0);
    uint64_t left = gc_due(&world).deleted_bytes;
    assert_true(left > 50000 && left < 60000);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
collect_all(struct between *between)
{
    (void)gc_run_full(between->world);
}

static void
another_collection_meanwhile_is_noticed(void **state)
{
    for (uint64_t at = 1; at < 6; at++) {
        struct prepared prepared;
        prepare(&prepared, 80 + at);
        struct between between = {.prepared = &prepared, .at = at, .act = collect_all};
        firn_workspace_gc_result result = run_between(&between);
        assert_true(result.is_finished);
        assert_int_equal(result.damaged, 0);
        finish(&prepared);
    }
}

static void
cancel(struct between *between)
{
    between->cancel = FIRN_CANCELLED;
}

static void
cancelled_between_any_two_slices_all_is_there(void **state)
{
    uint64_t at = 1;
    for (bool was_cancelled = true; was_cancelled; at++) {
        struct prepared prepared;
        prepare(&prepared, 55);
        struct between between = {.prepared = &prepared, .at = at, .act = cancel};
        const firn_callbacks callbacks = {.on_progress = on_slice, .ctx = &between};
        firn_workspace_gc_result result;
        int rc = gc_try_auto(&prepared.world, &callbacks, &result);
        was_cancelled = between.acted > 0;
        assert_int_equal(rc, was_cancelled ? FIRN_CANCELLED : FIRN_OK);
        assert_true(result.is_finished == !was_cancelled);
        finish(&prepared);
    }
    assert_true(at > 4);
}

/* A pack whose first frames are dead, and whose many small objects, in the last one, live on: when the
 * first are forgotten, all that the index has in it is alive. */
static void
what_is_half_empty_is_emptied_by_the_next_one(void **state)
{
    enum { LARGE = 20, SMALL = 120 };
    bool was_cancelled = true;
    for (unsigned way = 0; was_cancelled; way++) {
        struct prepared prepared = {0};
        struct ws_world *world = &prepared.world;
        char name[32];
        ws_world_open_memory(world, 90 + way);
        for (unsigned i = 0; i < LARGE + SMALL; i++) {
            snprintf(name, sizeof name, "%s%u", i < LARGE ? "a" : "b", i);
            scan_put_random(&world->tree, name, i, i < LARGE ? 200000 : 5000);
        }
        ws_save(world);
        for (unsigned i = 0; i < LARGE; i++) {
            snprintf(name, sizeof name, "a%u", i);
            scan_remove_file(&world->tree, name);
        }
        ws_save(world);
        gc_delete(world, "1");
        struct between between = {.prepared = &prepared, .at = 1 + way, .act = cancel};
        const firn_callbacks callbacks = {.on_progress = on_slice, .ctx = &between};
        was_cancelled = gc_try_auto(world, &callbacks, NULL) == FIRN_CANCELLED;
        firn_workspace_gc_result result = way % 2 == 0 ? gc_run_auto(world) : gc_run(world);
        assert_true(result.bytes_after < 900000);
        gc_assert_exact(world);
        ws_assert_check_clean(world);
        ws_world_close(world);
    }
}

/* ---- another store, or none ---- */

static void
move_store(struct ws_world *world, const char *from, const char *to)
{
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &top, NULL), FIRN_OK);
    assert_int_equal(fi_os_rename(top, from, top, to, FI_OS_RENAME_NO_REPLACE, NULL), FIRN_OK);
    fi_os_dir_close(top);
}

struct losing {
    struct between between;
    bool when_marking; /* anew; else before a slice */
    bool is_lost;
};

static int
lose_store(void *ctx, const firn_progress *progress)
{
    struct losing *losing = ctx;
    struct between *between = &losing->between;
    bool is_slice = strcmp(progress->phase, "collect") == 0;
    between->slices += is_slice ? 1 : 0;
    if (is_slice && losing->when_marking && between->slices == 2) {
        write_something(between);
    }
    if (!losing->is_lost && between->slices == 2 && is_slice != losing->when_marking) {
        losing->is_lost = true;
        move_store(between->world, "s", "x");
    }
    fi_os_sleep_ns(between->world->tree.os, INT64_C(250) * 1000000);
    return FIRN_OK;
}

static void
a_store_that_is_gone_is_an_error(void **state)
{
    for (unsigned when_marking = 0; when_marking < 2; when_marking++) {
        struct prepared prepared;
        struct ws_world other;
        firn_workspace_gc_result result;
        prepare(&prepared, 59);
        other = prepared.world;
        struct losing losing = {.between = {.prepared = &prepared, .world = &other},
                                .when_marking = when_marking == 1};
        const firn_callbacks callbacks = {.on_progress = lose_store, .ctx = &losing};
        assert_int_equal(gc_try_auto(&prepared.world, &callbacks, &result), FIRN_NOT_FOUND);
        assert_true(losing.is_lost);
        assert_non_null(strstr(prepared.world.err.text, "/s"));
        assert_false(result.is_finished);
        move_store(&prepared.world, "x", "s");
        finish(&prepared);
    }
}

static uint64_t
sequence_of(struct ws_world *world)
{
    struct fi_ws_opened opened;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, NULL), FIRN_OK);
    uint64_t sequence = opened.sequence;
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, NULL), FIRN_OK);
    return sequence;
}

static void
write_one(struct ws_world *world)
{
    struct fi_ws_opened opened;
    struct firn_db_keyspace *keyspace;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, NULL), FIRN_OK);
    assert_int_equal(fi_db_keyspace_open(opened.db, "firn.test", &keyspace, NULL), FIRN_OK);
    assert_int_equal(fi_db_put(keyspace, firn_str("0"), firn_str("0"), FIRN_DURABILITY_OS, NULL),
                     FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, NULL), FIRN_OK);
}

/* The store of another workspace comes to lie where ours was, and was written to as often. */
static void
put_another_in_its_place(struct between *between)
{
    struct ws_world *other = between->world;
    uint64_t sequence = sequence_of(&between->prepared->world);
    while (sequence_of(other) < sequence) {
        write_one(other);
    }
    assert_int_equal(sequence_of(other), sequence);
    move_store(other, "s", "x");
    move_store(other, "u", "s");
}

static void
another_store_is_not_taken_for_the_one_that_was_marked(void **state)
{
    struct prepared prepared;
    struct ws_world other;
    prepare(&prepared, 60);
    gc_neighbour_open_store(&prepared.world, "/n", "/u", &other);
    for (unsigned i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%u", i);
        scan_put_random(&other.tree, name, 1000 + i, FILE_SIZE);
    }
    ws_save(&other);
    char *dump = ws_dump(&other);
    struct between between = {
        .prepared = &prepared, .world = &other, .at = 1, .act = put_another_in_its_place};
    firn_workspace_gc_result result = run_between(&between);
    assert_true(result.is_finished);
    move_store(&other, "s", "u");
    move_store(&other, "x", "s");
    ws_assert_check_clean(&other);
    ws_restore(&other, "1");
    ws_assert_dump(&other, dump);
    free(dump);
    gc_neighbour_close(&other);
    finish(&prepared);
}

static void
a_writer_who_does_not_go_is_not_waited_for_for_ever(void **state)
{
    struct prepared prepared;
    struct ws_world other;
    struct fi_ws_opened opened;
    prepare(&prepared, 56);
    gc_neighbour_open(&prepared.world, "/n", &other);
    ws_save(&other);
    assert_int_equal(fi_ws_opened_open(other.ws, FI_WS_WRITE, &opened, NULL), FIRN_OK);
    int64_t began = fi_os_monotonic_ns(prepared.world.tree.os);
    assert_int_equal(gc_try_auto(&prepared.world, NULL, NULL), FIRN_BUSY);
    int64_t took = fi_os_monotonic_ns(prepared.world.tree.os) - began;
    assert_true(took >= 2 * INT64_C(1000000000) && took < 3 * INT64_C(1000000000));
    /* A watch that collects must not wait: the writer may be asking it. */
    prepared.world.ws->never_waits = true;
    began = fi_os_monotonic_ns(prepared.world.tree.os);
    assert_int_equal(gc_try_auto(&prepared.world, NULL, NULL), FIRN_BUSY);
    assert_true(fi_os_monotonic_ns(prepared.world.tree.os) - began < INT64_C(1000000));
    prepared.world.ws->never_waits = false;
    assert_int_equal(fi_ws_opened_close(other.ws, &opened, false, NULL), FIRN_OK);
    assert_true(gc_run_auto(&prepared.world).is_finished);
    gc_neighbour_close(&other);
    finish(&prepared);
}

static void
a_damaged_pack_stays(void **state)
{
    uint64_t stayed = 0;
    for (unsigned at = 0; at < 20; at++) {
        struct prepared prepared;
        struct fi_os_dir *packs;
        struct fi_os_file *file;
        uint8_t byte;
        size_t got;
        prepare(&prepared, 57);
        assert_int_equal(fi_os_dir_open_path(prepared.world.tree.os, "/s/packs", &packs, NULL),
                         FIRN_OK);
        assert_int_equal(
            fi_os_file_open(packs, "00000001.pack", FI_OS_READ | FI_OS_WRITE, 0, &file, NULL),
            FIRN_OK);
        assert_int_equal(fi_os_file_read(file, 300 + at * 100000, &byte, 1, &got, NULL), FIRN_OK);
        byte ^= 0x5a;
        if (got == 1) {
            assert_int_equal(fi_os_file_write(file, 300 + at * 100000, &byte, 1, NULL), FIRN_OK);
        }
        fi_os_file_close(file);
        fi_os_dir_close(packs);
        firn_workspace_gc_result result;
        int rc = gc_try_auto(&prepared.world, NULL, &result);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        stayed += result.damaged;
        for (unsigned i = 1; i <= CHECKPOINTS; i++) {
            free(prepared.dumps[i]);
        }
        ws_world_close(&prepared.world);
    }
    assert_true(stayed > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quarter_of_the_packs_is_worth_it),
        cmocka_unit_test(what_was_tried_is_not_tried_again_at_once),
        cmocka_unit_test(sums_do_not_overflow),
        cmocka_unit_test(deleting_makes_it_due_and_collecting_takes_that_back),
        cmocka_unit_test(a_plain_collection_takes_it_back_too),
        cmocka_unit_test(what_is_little_is_left_alone),
        cmocka_unit_test(what_expires_and_what_is_taken_off_the_list_counts),
        cmocka_unit_test(a_note_that_cannot_be_read_is_none),
        cmocka_unit_test(a_collection_goes_on_in_slices),
        cmocka_unit_test(what_unpacks_to_much_goes_in_more_slices),
        cmocka_unit_test(nobody_is_told_less_than_a_slice),
        cmocka_unit_test(what_was_dead_is_alive_if_it_is_saved_between_two_slices),
        cmocka_unit_test(who_writes_all_the_time_lets_nothing_come_of_it),
        cmocka_unit_test(who_writes_now_and_then_does_not_keep_it_from_ending),
        cmocka_unit_test(what_is_deleted_meanwhile_counts_for_the_next_one),
        cmocka_unit_test(what_is_cached_meanwhile_goes_too),
        cmocka_unit_test(what_is_deleted_behind_the_last_mark_counts_for_the_next_one),
        cmocka_unit_test(another_collection_meanwhile_is_noticed),
        cmocka_unit_test(cancelled_between_any_two_slices_all_is_there),
        cmocka_unit_test(what_is_half_empty_is_emptied_by_the_next_one),
        cmocka_unit_test(a_store_that_is_gone_is_an_error),
        cmocka_unit_test(another_store_is_not_taken_for_the_one_that_was_marked),
        cmocka_unit_test(a_writer_who_does_not_go_is_not_waited_for_for_ever),
        cmocka_unit_test(a_damaged_pack_stays),
    };
    return cmocka_run_group_tests_name("ws_gc_auto", tests, NULL, NULL);
}
