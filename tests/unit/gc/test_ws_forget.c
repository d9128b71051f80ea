/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: paths that are forgotten: no byte of theirs is left in any pack, everything else
 * is as it was; also while calls and allocations fail and the power goes.
 */
#include <errno.h>

#include "base/slice.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_break.h"

enum { PROBE_SIZE = 32, PROBE_EVERY = 16 << 10 };

/* ---- contents that cannot be compressed, and looking for them ---- */

static uint8_t *
content_of(uint64_t seed, size_t size)
{
    struct test_random random = {.state = seed * 1000003 + 1};
    uint8_t *data = malloc(size);
    assert_non_null(data);
    test_random_fill(&random, data, size);
    return data;
}

static void
put_content(struct ws_world *world, const char *path, uint64_t seed, size_t size)
{
    uint8_t *data = content_of(seed, size);
    scan_put_file(&world->tree, path, data, size);
    free(data);
}

struct looking {
    struct fi_os_dir *packs;
    const uint8_t *data;
    size_t size;
    size_t found;
};

static int
look_into(void *ctx, const struct fi_os_dirent *entry)
{
    struct looking *looking = ctx;
    struct fi_buf file = {0};
    test_file_read(looking->packs, entry->name, &file);
    for (size_t at = 0; at + PROBE_SIZE <= looking->size; at += PROBE_EVERY) {
        looking->found +=
            memmem(file.data, file.size, looking->data + at, PROBE_SIZE) != NULL ? 1 : 0;
    }
    fi_buf_deinit(&file);
    return FIRN_OK;
}

/* How many probes of these bytes stand in the packs. */
static size_t
find_bytes(struct ws_world *world, const uint8_t *data, size_t size)
{
    struct looking looking = {.data = data, .size = size};
    struct fi_os_dir *store;
    firn_error err;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, world->store_path, &store, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open(store, "packs", &looking.packs, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_list(looking.packs, look_into, &looking, &err), FIRN_OK);
    fi_os_dir_close(looking.packs);
    fi_os_dir_close(store);
    return looking.found;
}

static size_t
find_content(struct ws_world *world, uint64_t seed, size_t size)
{
    uint8_t *data = content_of(seed, size);
    size_t found = find_bytes(world, data, size);
    free(data);
    return found;
}

/* ---- forgetting ---- */

struct told {
    size_t count;
    uint64_t files;
    uint64_t bytes;
    uint64_t newest; /* number */
};

static int
note(void *ctx, const firn_workspace_forgotten *forgotten)
{
    struct told *told = ctx;
    told->newest = told->count == 0 ? forgotten->checkpoint->number : told->newest;
    told->count++;
    told->files += forgotten->files;
    told->bytes += forgotten->bytes;
    return FIRN_OK;
}

static int
try_forget(struct ws_world *world, const char *path, bool is_dry, struct told *out)
{
    firn_workspace_forget_options options = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_workspace_forget_result result;
    struct told told = {.count = 0};
    firn_slice slice = firn_str(path);
    options.paths = &slice;
    options.path_count = 1;
    options.dry_run = is_dry;
    int rc = fi_ws_forget(world->ws, &options, note, &told, &result, &world->err);
    assert_true(rc != FIRN_OK || result.checkpoints == told.count);
    if (out != NULL) {
        *out = told;
    }
    return rc;
}

static void
forget(struct ws_world *world, const char *path)
{
    if (try_forget(world, path, false, NULL) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
}

static int
count_entry(void *ctx, const firn_workspace_entry *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static size_t
entries_of(struct ws_world *world, const char *reference)
{
    size_t count = 0;
    assert_int_equal(fi_ws_entries(world->ws, reference, count_entry, &count, &world->err),
                     FIRN_OK);
    return count;
}

static int
take_nothing(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    (void)ctx;
    (void)data;
    return FIRN_OK;
}

static int
try_cat(struct ws_world *world, const char *reference, const char *path)
{
    firn_workspace_entry *entry;
    return fi_ws_cat(world->ws, reference, firn_str(path), take_nothing, NULL, &entry, &world->err);
}

static const firn_workspace_checkpoint *
find(struct ws_world *world, const char *reference)
{
    firn_workspace_checkpoint *found;
    assert_int_equal(fi_ws_find(world->ws, reference, &found, &world->err), FIRN_OK);
    return found;
}

static void
no_byte_is_left_in_any_pack(void **state)
{
    enum { SMALL = 200000, LARGE = 9 << 20 };
    struct ws_world world;
    struct told told;
    ws_world_open_memory(&world, 71);
    put_content(&world, "dir/secret", 1, SMALL);
    put_content(&world, "dir/large", 2, LARGE);
    put_content(&world, "dir/stays", 3, SMALL);
    ws_save(&world);
    put_content(&world, "dir/secret", 4, SMALL);
    put_content(&world, "more", 5, 1000);
    ws_save(&world);
    assert_true(find_content(&world, 1, SMALL) > 8 && find_content(&world, 2, LARGE) > 100);
    assert_true(find_content(&world, 4, SMALL) > 8);
    const firn_workspace_checkpoint *before = find(&world, "1");

    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(try_forget(&world, "dir/secret", true, &told), FIRN_OK);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.files, 2);
    assert_int_equal(told.bytes, 2 * SMALL);
    assert_int_equal(told.newest, 2);
    assert_int_equal(find(&world, "1")->forgotten, 0);
    forget(&world, "dir/secret");
    forget(&world, "dir/large");
    assert_int_equal(try_cat(&world, "1", "dir/secret"), FIRN_NOT_FOUND);
    assert_int_equal(try_cat(&world, "2", "dir/large"), FIRN_NOT_FOUND);
    assert_int_equal(try_cat(&world, "1", "dir/stays"), FIRN_OK);
    const firn_workspace_checkpoint *after = find(&world, "1");
    assert_string_equal(after->id, before->id);
    assert_int_equal(after->created_ns, before->created_ns);
    assert_false(fi_hash_equal(&after->root, &before->root));
    assert_int_equal(after->forgotten, 2);
    assert_int_equal(after->files, before->files - 2);
    assert_int_equal(after->bytes, before->bytes - SMALL - LARGE);
    ws_assert_check_clean(&world);

    /* Not in full: what stays alive in the packs is more than what goes. */
    (void)gc_run(&world);
    assert_int_equal(find_content(&world, 1, SMALL), 0);
    assert_int_equal(find_content(&world, 2, LARGE), 0);
    assert_int_equal(find_content(&world, 4, SMALL), 0);
    assert_true(find_content(&world, 3, SMALL) > 8);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    assert_int_equal(gc_run(&world).packs_rewritten, 0);
    ws_world_close(&world);
}

/* A pack that is mostly alive would stay as it is. */
static void
a_pack_that_is_mostly_alive_is_rewritten_too(void **state)
{
    enum { SMALL = 100000, LARGE = 17 << 20 };
    struct ws_world world;
    ws_world_open_memory(&world, 72);
    put_content(&world, "stays", 1, LARGE);
    put_content(&world, "secret", 2, SMALL);
    ws_save(&world);
    forget(&world, "secret");
    assert_true(find_content(&world, 2, SMALL) > 4);
    (void)gc_run(&world);
    assert_int_equal(find_content(&world, 2, SMALL), 0);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* Its pieces lie in a pack of another save, with a list of pieces that is not needed. */
static void
pieces_go_wherever_they_lie(void **state)
{
    enum { SIZE = 9 << 20, LARGE = 17 << 20 };
    struct ws_world world;
    ws_world_open_memory(&world, 79);
    uint8_t *data = content_of(1, SIZE);
    put_content(&world, "stays", 2, LARGE);
    scan_put_file(&world.tree, "secret", data, SIZE);
    ws_save(&world);
    data[SIZE - 1]++;
    scan_put_file(&world.tree, "secret", data, SIZE);
    ws_save(&world);
    free(data);
    gc_delete(&world, "1");
    forget(&world, "secret");
    assert_true(find_content(&world, 1, SIZE) > 100);
    (void)gc_run(&world);
    assert_int_equal(find_content(&world, 1, SIZE), 0);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
what_leans_on_it_is_stored_whole(void **state)
{
    enum { SIZE = 300000 };
    struct ws_world world;
    ws_world_open_memory(&world, 73);
    uint8_t *data = content_of(1, SIZE);
    uint8_t first_only[PROBE_SIZE];
    memcpy(first_only, data + 1000, sizeof first_only);
    scan_put_file(&world.tree, "changes", data, SIZE);
    put_content(&world, "other", 2, 2000);
    ws_save(&world);
    memset(data + 1000, 'x', 100);
    scan_put_file(&world.tree, "changes", data, SIZE);
    scan_put_file(&world.tree, "copy", data, SIZE);
    uint64_t added = ws_save(&world).checkpoint->added_bytes;
    assert_true(added < SIZE / 2); /* a delta */
    free(data);
    scan_remove_file(&world.tree, "copy");
    ws_save(&world);
    /* The first version is forgotten, the second lives on as the copy. */
    forget(&world, "changes");
    assert_int_equal(find_bytes(&world, first_only, sizeof first_only), 1);
    (void)gc_run(&world);
    assert_int_equal(find_bytes(&world, first_only, sizeof first_only), 0);
    ws_assert_check_clean(&world);
    assert_int_equal(try_cat(&world, "2", "copy"), FIRN_OK);
    assert_int_equal(try_cat(&world, "1", "changes"), FIRN_NOT_FOUND);
    gc_assert_exact(&world);
    firn_workspace_gc_result result = gc_run_full(&world);
    assert_true(result.bytes_after > SIZE && result.bytes_after < SIZE + 20000);
    assert_int_equal(result.packs_rewritten, 0);
    ws_world_close(&world);
}

static void
other_names_of_a_file_keep_its_content(void **state)
{
    struct ws_world world;
    struct told told;
    ws_world_open_memory(&world, 74);
    scan_put_text(&world.tree, "a/first", "content");
    scan_put_link(&world.tree, "a/second", "a/first");
    scan_put_dir(&world.tree, "b");
    scan_put_link(&world.tree, "b/third", "a/first");
    scan_put_link(&world.tree, "b/fourth", "a/first");
    scan_put_dir(&world.tree, "c/d");
    scan_put_text(&world.tree, "c/d/apart", "apart");
    ws_save(&world);
    uint64_t bytes = find(&world, "1")->bytes;
    assert_int_equal(try_forget(&world, "a", false, &told), FIRN_OK);
    assert_int_equal(told.files, 2);
    assert_int_equal(told.bytes, 0);
    assert_int_equal(find(&world, "1")->bytes, bytes);
    assert_int_equal(entries_of(&world, "1"), 2 + 3 + 1);
    assert_int_equal(try_cat(&world, "1", "b/third"), FIRN_OK);
    ws_assert_check_clean(&world); /* names that name what is not there would be damage */
    (void)gc_run(&world);
    scan_remove_tree(&world.tree, "a");
    char *expected = ws_dump(&world);
    scan_remove_tree(&world.tree, "b");
    scan_remove_tree(&world.tree, "c");
    ws_restore(&world, "1");
    char *found = ws_dump(&world);
    assert_non_null(strstr(found, "third"));
    assert_int_equal(strlen(found), strlen(expected));
    free(found);
    free(expected);
    /* The tree is the one that a save would have made. */
    assert_true(ws_save(&world).is_unchanged);
    assert_int_equal(try_forget(&world, "b", false, &told), FIRN_OK);
    assert_int_equal(told.bytes, strlen("content") * told.count);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
a_restore_leaves_it_alone(void **state)
{
    static const char *const names[] = {"secret",    "odd [name]*?", "back\\slash ",
                                        "new\nline", "#dir/deep",    "!bang"};
    struct ws_world world;
    ws_world_open_memory(&world, 75);
    scan_put_dir(&world.tree, "#dir");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        scan_put_text(&world.tree, names[i], "then");
    }
    scan_put_text(&world.tree, "kept", "then");
    ws_save(&world);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        forget(&world, names[i]);
        scan_put_text(&world.tree, names[i], "the only copy");
    }
    assert_int_equal(find(&world, "1")->forgotten, sizeof names / sizeof names[0]);
    scan_put_text(&world.tree, "kept", "now");
    scan_put_text(&world.tree, "added", "now");
    char *before = ws_dump(&world);
    ws_restore(&world, "1");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fi_buf content = {0};
        struct fi_os_dir *dir = world.tree.root;
        bool is_deep = strchr(names[i], '/') != NULL;
        if (is_deep) {
            assert_int_equal(fi_os_dir_open(world.tree.root, "#dir", &dir, NULL), FIRN_OK);
        }
        test_file_read(dir, is_deep ? "deep" : names[i], &content);
        assert_true(fi_slice_equal(fi_buf_slice(&content), firn_str("the only copy")));
        fi_buf_deinit(&content);
        if (is_deep) {
            fi_os_dir_close(dir);
        }
    }
    assert_false(test_file_exists(world.tree.root, "added"));
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);
    ws_assert_dump(&world, before);
    free(before);
    /* The next save takes it again. */
    assert_int_equal(ws_save(&world).checkpoint->forgotten, 0);
    assert_int_equal(try_cat(&world, "2", "secret"), FIRN_OK);
    forget(&world, "secret");
    assert_int_equal(find(&world, "1")->forgotten, sizeof names / sizeof names[0]);
    assert_int_equal(find(&world, "2")->forgotten, 1);
    /* A directory takes in what was forgotten below it. */
    forget(&world, "#dir");
    assert_int_equal(find(&world, "1")->forgotten, sizeof names / sizeof names[0]);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
what_others_have_stays(void **state)
{
    enum { SIZE = 50000 };
    struct ws_world world;
    struct ws_world neighbour;
    ws_world_open_memory(&world, 76);
    put_content(&world, "here", 1, SIZE);
    ws_save(&world);
    gc_neighbour_open(&world, "/neighbour", &neighbour);
    put_content(&neighbour, "there", 1, SIZE);
    ws_save(&neighbour);
    forget(&world, "here");
    (void)gc_run_full(&world);
    assert_int_equal(try_cat(&neighbour, "1", "there"), FIRN_OK);
    ws_assert_check_clean(&neighbour);
    /* Later, when nobody has it any more. */
    gc_delete(&neighbour, "1");
    (void)gc_run(&world);
    assert_int_equal(find_content(&world, 1, SIZE), 0);
    gc_neighbour_close(&neighbour);
    ws_world_close(&world);
}

static void
what_cannot_be_forgotten_is_refused(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 77);
    assert_int_equal(try_forget(&world, "a", false, NULL), FIRN_NOT_FOUND);
    assert_int_equal(try_forget(&world, "a", true, NULL), FIRN_NOT_FOUND);
    scan_put_text(&world.tree, "a", "1");
    ws_save(&world);
    static const char *const wrong[] = {"", "/a", "a//b", "..", "a/../b", "."};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(try_forget(&world, wrong[i], false, NULL), FIRN_INVALID);
    }
    assert_int_equal(try_forget(&world, "b", false, NULL), FIRN_NOT_FOUND);
    assert_non_null(strstr(world.err.text, "'b'"));
    /* A restore could not leave it alone: no rule can name it. */
    char path[20 * 256];
    memset(path, 'x', sizeof path);
    for (size_t i = 255; i < sizeof path; i += 256) {
        path[i] = '/';
    }
    path[sizeof path - 1] = '\0';
    assert_int_equal(try_forget(&world, path, false, NULL), FIRN_LIMIT);
    path[16 * 256 - 1] = '\0';
    assert_int_equal(try_forget(&world, path, false, NULL), FIRN_NOT_FOUND);
    const firn_slice both[] = {firn_str("a"), firn_str("b")};
    firn_workspace_forget_options options = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_workspace_forget_result result;
    options.paths = both;
    options.path_count = 2;
    assert_int_equal(fi_ws_forget(world.ws, &options, NULL, NULL, &result, &world.err),
                     FIRN_NOT_FOUND);
    assert_int_equal(try_cat(&world, "1", "a"), FIRN_OK);
    forget(&world, "a");
    assert_int_equal(try_forget(&world, "a", false, NULL), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

/* Wherever a restore was cut off, nothing is forgotten until it is over. */
static void
a_pending_restore_comes_first(void **state)
{
    struct ws_world prepared;
    ws_world_open_memory(&prepared, 78);
    scan_put_random(&prepared.tree, "f", 1, 1000);
    scan_put_random(&prepared.tree, "g", 2, 1000);
    ws_save(&prepared);
    scan_put_random(&prepared.tree, "f", 3, 1000);
    scan_put_random(&prepared.tree, "g", 4, 1000);
    ws_save(&prepared);
    uint64_t refused = 0;
    bool was_off = true;
    for (uint64_t k = 1; was_off; k++) {
        struct ws_world world;
        firn_workspace_pending_restore pending;
        ws_world_clone(&prepared, &world);
        fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + k);
        (void)ws_try_restore(&world, "1", NULL);
        was_off = fi_sim_memory_is_off(world.tree.os);
        fi_sim_memory_power_cut(world.tree.os, k);
        fi_sim_memory_set_cut_at(world.tree.os, 0);
        ws_world_reopen(&world);
        assert_int_equal(fi_ws_pending(world.ws, &pending, &world.err), FIRN_OK);
        int rc = try_forget(&world, "f", false, NULL);
        assert_int_equal(rc, pending.is_pending ? FIRN_CONFLICT : FIRN_OK);
        refused += rc == FIRN_CONFLICT ? 1 : 0;
        ws_restore(&world, "1");
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
    assert_true(refused > 0);
    ws_world_close(&prepared);
}

/* ---- faults ---- */

enum operation { FORGET, COLLECT, OPERATIONS };
enum { SECRET_SIZE = 40000 };

struct prepared {
    struct ws_world world[OPERATIONS]; /* before forgetting, and after it */
};

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world[FORGET];
    ws_world_open_memory(world, seed);
    uint8_t *data = content_of(9, SECRET_SIZE);
    scan_put_file(&world->tree, "dir/secret", data, SECRET_SIZE);
    scan_put_link(&world->tree, "dir/twin", "dir/secret");
    scan_put_text(&world->tree, "other", "1");
    ws_save(world);
    memset(data + 1000, 'x', 100);
    scan_put_file(&world->tree, "dir/secret", data, SECRET_SIZE);
    scan_remove_file(&world->tree, "dir/twin");
    scan_put_file(&world->tree, "leans", data, SECRET_SIZE);
    scan_put_text(&world->tree, "other", "2");
    ws_save(world);
    scan_remove_file(&world->tree, "leans");
    scan_put_link(&world->tree, "leans", "dir/secret");
    ws_save(world);
    free(data);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
    ws_world_clone(world, &prepared->world[COLLECT]);
    forget(&prepared->world[COLLECT], "dir");
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world[COLLECT]);
    ws_world_close(&prepared->world[FORGET]);
}

static int
run(struct ws_world *world, int operation)
{
    return operation == FORGET ? try_forget(world, "dir", false, NULL) : gc_try(world, false, NULL);
}

static void
assert_all_or_nothing(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    bool is_done = find(world, "1")->forgotten == 1;
    assert_true(is_done || (operation == FORGET && broken->rc != FIRN_OK));
    for (unsigned i = 1; i <= 3; i++) {
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i);
        assert_int_equal(find(world, reference)->forgotten, is_done ? 1 : 0);
        assert_int_equal(try_cat(world, reference, "dir/secret"),
                         is_done ? FIRN_NOT_FOUND : FIRN_OK);
        assert_int_equal(try_cat(world, reference, "other"), FIRN_OK);
        assert_int_equal(try_cat(world, reference, "leans"), i == 1 ? FIRN_NOT_FOUND : FIRN_OK);
    }
    ws_assert_check_clean(world);
    if (!is_done) {
        forget(world, "dir");
    }
    (void)gc_run(world);
    ws_assert_check_clean(world);
    assert_int_equal(try_cat(world, "2", "leans"), FIRN_OK);
    gc_assert_exact(world);
    assert_int_equal(ws_save(world).checkpoint->number, 4);
}

static void
fail_calls(bool for_ever, int error_number)
{
    struct prepared prepared;
    uint64_t failures = 0;
    prepare(&prepared, 81);
    for (int operation = FORGET; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run, assert_all_or_nothing, operation};
        struct ws_break how = ws_break_numbered(&prepared.world[operation], &numbered, 3);
        failures += ws_break_calls(&how, for_ever, error_number);
    }
    assert_true(failures > 1);
    prepared_deinit(&prepared);
}

static void
any_call_may_fail(void **state)
{
    fail_calls(false, EIO);
    fail_calls(true, ENOSPC);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct prepared prepared;
    prepare(&prepared, 82);
    for (int operation = FORGET; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run, assert_all_or_nothing, operation};
        struct ws_break how = ws_break_numbered(&prepared.world[operation], &numbered, 17);
        ws_break_allocations(&how, WS_BREAK_BY_TURNS);
    }
    prepared_deinit(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
the_power_may_go_at_any_call(void **state)
{
    struct prepared prepared;
    uint64_t cuts = 0;
    prepare(&prepared, 83);
    for (int operation = FORGET; operation < OPERATIONS; operation++) {
        /* What a save or a collection let go may be there again: that was not synced. */
        struct ws_break_numbered numbered = {run, assert_all_or_nothing, operation};
        struct ws_break how = ws_break_numbered(&prepared.world[operation], &numbered, 1);
        cuts += ws_break_power(&how, test_is_long() ? 20 : 2);
    }
    printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_is_left_in_any_pack),
        cmocka_unit_test(a_pack_that_is_mostly_alive_is_rewritten_too),
        cmocka_unit_test(pieces_go_wherever_they_lie),
        cmocka_unit_test(what_leans_on_it_is_stored_whole),
        cmocka_unit_test(other_names_of_a_file_keep_its_content),
        cmocka_unit_test(a_restore_leaves_it_alone),
        cmocka_unit_test(what_others_have_stays),
        cmocka_unit_test(what_cannot_be_forgotten_is_refused),
        cmocka_unit_test(a_pending_restore_comes_first),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_forget", tests, NULL, NULL);
}
