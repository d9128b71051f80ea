/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/repair: stores that are repaired. Every file of a store with two workspaces is cut short, made
 * empty, taken away and given wrong bits, one at a time. After a repair a check finds nothing, each
 * checkpoint that is told to be intact comes back exactly, one that is told to have lost paths comes
 * back without them, and what does not need the damaged file is intact.
 *
 * FIRN_TEST_LONG=1 takes more lengths and more bits.
 */
#include "base/slice.h"
#include "catalog/catalog.h"
#include "repair/repair.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_share.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_edit.h"

enum { TRUTHS_MAX = 24, PARTS = 16, VALUES = 50 };

static const char neighbour_path[] = "/n";

/* A checkpoint as it was saved. */
struct truth {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    uint64_t number;
    bool is_neighbours;
    bool is_unpacked; /* its record is in no pack */
    char *tree;
};

struct prepared {
    struct ws_world world;
    struct truth truths[TRUTHS_MAX];
    size_t count;
    struct ws_edit_list files; /* of the store */
};

/* What a repair told. */
struct told {
    struct {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        firn_workspace_repair_state state;
        uint64_t number;
    } checkpoints[2 * TRUTHS_MAX];
    size_t count;
    uint64_t damage;
    firn_workspace_repair_result result;
    firn_error err;
    char path[256];
};

/* ---- a store ---- */

static void
note_truth(struct prepared *prepared, struct ws_world *world, bool is_neighbours)
{
    struct truth *truth = &prepared->truths[prepared->count++];
    firn_workspace_save_result result = ws_save(world);
    assert_true(prepared->count <= TRUTHS_MAX);
    memcpy(truth->id, result.checkpoint->id, sizeof truth->id);
    truth->number = result.checkpoint->number;
    truth->is_neighbours = is_neighbours;
    truth->tree = ws_dump(world);
}

static struct firn_db *
open_db(struct ws_world *world, struct fi_os_dir **out_dir, bool read_only)
{
    const struct fi_db_options options = {.read_only = read_only};
    struct firn_db *db;
    firn_error err;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s", out_dir, &err), FIRN_OK);
    int rc = fi_db_open(*out_dir, &options, &db, &err);
    if (rc != FIRN_OK) {
        fail_msg("the store does not open: %s", err.text);
    }
    return db;
}

static void
put_values(struct ws_world *world, unsigned from, bool flushes)
{
    struct fi_os_dir *dir;
    struct firn_db_keyspace *keyspace;
    struct firn_db *db = open_db(world, &dir, false);
    assert_int_equal(fi_db_keyspace_open(db, "data", &keyspace, NULL), FIRN_OK);
    for (unsigned i = from; i < from + VALUES; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%04u", i);
        assert_int_equal(
            fi_db_put(keyspace, firn_str(key), firn_str("value"), FIRN_DURABILITY_DEFAULT, NULL),
            FIRN_OK);
    }
    if (flushes) {
        assert_int_equal(fi_db_maintain_flush(db, NULL), FIRN_OK);
    }
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static unsigned
count_values(struct ws_world *world)
{
    struct fi_os_dir *dir;
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    struct firn_db *db = open_db(world, &dir, true);
    unsigned count = 0;
    if (fi_db_keyspace_open(db, "data", &keyspace, NULL) == FIRN_OK) {
        assert_int_equal(fi_db_cursor_open(keyspace, NULL, &cursor, NULL), FIRN_OK);
        assert_int_equal(fi_db_cursor_first(cursor, NULL), FIRN_OK);
        for (; fi_db_cursor_valid(cursor); count++) {
            assert_int_equal(fi_db_cursor_next(cursor, NULL), FIRN_OK);
        }
        fi_db_cursor_close(cursor);
    }
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
    return count;
}

static int
note_unpacked(void *ctx, firn_slice bytes, firn_error *err)
{
    struct prepared *prepared = ctx;
    struct fi_catalog_record record;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    assert_int_equal(fi_catalog_record_decode(bytes, &record, err), FIRN_OK);
    fi_catalog_record_id_text(record.id, id);
    for (size_t i = 0; i < prepared->count; i++) {
        struct truth *truth = &prepared->truths[i];
        truth->is_unpacked = truth->is_unpacked || strcmp(truth->id, id) == 0;
    }
    return FIRN_OK;
}

static void
look_for_unpacked(struct prepared *prepared)
{
    struct fi_os_dir *dir;
    struct fi_catalog *catalog;
    struct firn_db *db = open_db(&prepared->world, &dir, true);
    assert_int_equal(fi_catalog_open(db, &catalog, NULL), FIRN_OK);
    assert_int_equal(fi_catalog_unpacked(catalog, note_unpacked, prepared, NULL), FIRN_OK);
    fi_catalog_close(catalog);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
prepare(struct prepared *prepared, bool flushes)
{
    const uint64_t offsets[] = {8192, 5 << 20};
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    struct ws_world neighbour;
    firn_workspace_checkpoint *tagged;
    ws_world_open_memory(world, 61);
    gc_neighbour_open(world, neighbour_path, &neighbour);
    scan_put_text(tree, "a", "first");
    scan_put_text(tree, "dir/b", "in a directory");
    scan_put_link(tree, "dir/c", "a");
    scan_put_random(tree, "dir/deep/random", 5, 30000);
    scan_put_symlink(tree, "link", "a");
    scan_put_sparse(tree, "sparse", 9 << 20, offsets, 2);
    scan_set_xattr(tree, "a", "user.k", "v");
    note_truth(prepared, world, false);
    assert_int_equal(fi_ws_tag_set(world->ws, "begin", "1", false, &tagged, NULL), FIRN_OK);
    put_values(world, 0, false);
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "more/%u", i);
        scan_put_random(tree, name, 10 + i, 2000 + 5000 * (i % 3));
        scan_put_text(tree, "a", name);
        note_truth(prepared, world, false);
    }
    scan_put_text(&neighbour.tree, "own", "another workspace");
    scan_put_text(&neighbour.tree, "shared", "first");
    note_truth(prepared, &neighbour, true);
    put_values(world, VALUES, flushes);
    scan_put_random(&neighbour.tree, "big", 99, 400000);
    note_truth(prepared, &neighbour, true);
    scan_remove_file(tree, "more/0");
    scan_put_text(tree, "last", "the last one");
    note_truth(prepared, world, false);
    gc_neighbour_close(&neighbour);
    look_for_unpacked(prepared);
    struct scan_world store = {.os = tree->os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    ws_edit_list_fill(&prepared->files, &store);
    fi_os_dir_close(store.root);
}

static void
prepared_deinit(struct prepared *prepared)
{
    for (size_t i = 0; i < prepared->count; i++) {
        free(prepared->truths[i].tree);
    }
    ws_edit_list_deinit(&prepared->files);
    ws_world_close(&prepared->world);
}

/* ---- repairing ---- */

static void
on_checkpoint(void *ctx, const firn_workspace_repair_checkpoint *checkpoint)
{
    struct told *told = ctx;
    assert_true(told->count < 2 * TRUTHS_MAX);
    memcpy(told->checkpoints[told->count].id, checkpoint->checkpoint->id, FIRN_CHECKPOINT_ID_SIZE);
    told->checkpoints[told->count].number = checkpoint->checkpoint->number;
    told->checkpoints[told->count++].state = checkpoint->state;
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct told *told = ctx;
    told->damage += notice->kind == FIRN_NOTICE_DAMAGED;
}

static int
try_repair(struct ws_world *world, bool dry_run, struct told *told)
{
    firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    *told = (struct told){0};
    options.dry_run = dry_run;
    options.on_checkpoint = on_checkpoint;
    options.callbacks.on_notice = on_notice;
    options.callbacks.ctx = told;
    int rc = fi_repair(world->ws, &options, &told->result, &told->err);
    if (rc == FIRN_OK && told->result.damaged_path != NULL) {
        snprintf(told->path, sizeof told->path, "%s", told->result.damaged_path);
    }
    return rc;
}

static const firn_workspace_repair_state *
state_of(const struct told *told, const char *id)
{
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->checkpoints[i].id, id) == 0) {
            return &told->checkpoints[i].state;
        }
    }
    return NULL;
}

static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    return fi_buf_append(ctx, entry->name, entry->name_size + 1);
}

static void
empty(struct fi_os_dir *dir)
{
    struct fi_buf names = {0};
    assert_int_equal(fi_os_dir_list(dir, keep_name, &names, NULL), FIRN_OK);
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        struct fi_os_stat stat;
        assert_int_equal(fi_os_stat(dir, name, &stat, NULL), FIRN_OK);
        assert_int_equal(stat.kind == FI_OS_DIR ? fi_storefile_remove_tree(dir, name, NULL)
                                                : fi_os_remove_file(dir, name, NULL),
                         FIRN_OK);
        at += strlen(name) + 1;
    }
    fi_buf_deinit(&names);
}

/* Restores a checkpoint of either workspace, which is emptied before; the text of the tree, or NULL. */
static char *
bring_back(struct ws_world *world, const struct truth *truth)
{
    struct ws_world neighbour;
    char *tree = NULL;
    if (!truth->is_neighbours) {
        empty(world->tree.root);
        return ws_try_restore(world, truth->id, NULL) == FIRN_OK ? ws_dump(world) : NULL;
    }
    gc_neighbour_open(world, neighbour_path, &neighbour);
    empty(neighbour.tree.root);
    if (ws_try_restore(&neighbour, truth->id, NULL) == FIRN_OK) {
        tree = ws_dump(&neighbour);
    } else {
        world->err = neighbour.err;
    }
    gc_neighbour_close(&neighbour);
    return tree;
}

/* ---- damage ---- */

static struct fi_os_dir *
open_dir_of(struct ws_world *world, const char *path, const char **out_name)
{
    struct fi_os_dir *dir;
    const char *slash = strrchr(path, '/');
    char dir_path[256];
    snprintf(dir_path, sizeof dir_path, "/s/%.*s", slash == NULL ? 0 : (int)(slash - path), path);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, dir_path, &dir, NULL), FIRN_OK);
    *out_name = slash == NULL ? path : slash + 1;
    return dir;
}

enum damage { TRUNCATE, REMOVE, FLIP };

static void
hurt(struct ws_world *world, const char *path, enum damage damage, size_t at)
{
    struct fi_buf bytes = {0};
    const char *name;
    struct fi_os_dir *dir = open_dir_of(world, path, &name);
    if (damage == REMOVE) {
        assert_int_equal(fi_os_remove_file(dir, name, NULL), FIRN_OK);
    } else {
        test_file_read(dir, name, &bytes);
        if (damage == TRUNCATE) {
            bytes.size = bytes.size * at / PARTS;
        } else if (at < bytes.size) {
            bytes.data[at] ^= (uint8_t)(1U << (at % 8));
        }
        test_file_write(dir, name, bytes.data, bytes.size);
    }
    fi_buf_deinit(&bytes);
    fi_os_dir_close(dir);
}

static size_t
size_of(struct ws_world *world, const char *path)
{
    struct fi_os_stat stat;
    const char *name;
    struct fi_os_dir *dir = open_dir_of(world, path, &name);
    assert_int_equal(fi_os_stat(dir, name, &stat, NULL), FIRN_OK);
    fi_os_dir_close(dir);
    return (size_t)stat.size_bytes;
}

static bool
has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Which checkpoints the file's loss must not touch. */
static void
expect(struct prepared *prepared, const char *path, bool must[TRUTHS_MAX])
{
    for (size_t i = 0; i < prepared->count; i++) {
        struct truth *truth = &prepared->truths[i];
        must[i] = true;
        if (has_prefix(path, "wal") || has_prefix(path, "runs/")) {
            must[i] = !truth->is_unpacked;
        }
        if (has_prefix(path, "packs/")) {
            struct ws_world world;
            ws_world_clone(&prepared->world, &world);
            hurt(&world, path, REMOVE, 0);
            char *tree = bring_back(&world, truth);
            must[i] = tree != NULL;
            free(tree);
            ws_world_close(&world);
        }
    }
}

struct sums {
    unsigned repairs;
    unsigned intact;
    unsigned partly;
    unsigned lost;
    unsigned earlier;
    unsigned values_kept;
};

/* A log that was cut short may look like an earlier state: then there is nothing to repair, and what
 * came later is unknown. */
static bool
may_look_whole(const char *what)
{
    return (has_prefix(what, "wal") || has_prefix(what, "manifest")) &&
           strstr(what, " cut at ") != NULL;
}

static void
read_keys(struct ws_world *world, struct fi_buf *out)
{
    const char *name;
    struct fi_os_dir *dir = open_dir_of(world, "FIRN.keys", &name);
    if (test_file_exists(dir, name)) {
        test_file_read(dir, name, out);
    }
    fi_os_dir_close(dir);
}

/* Whether the file FIRN.keys, or that there is none, is as it was. */
static bool
has_its_keys(struct prepared *prepared, struct ws_world *world)
{
    struct fi_buf before = {0};
    struct fi_buf now = {0};
    read_keys(&prepared->world, &before);
    read_keys(world, &now);
    bool is_same = fi_slice_compare(fi_buf_slice(&before), fi_buf_slice(&now)) == 0;
    fi_buf_deinit(&before);
    fi_buf_deinit(&now);
    return is_same;
}

/* Without its keys an encrypted store is left as it is. */
static void
judge_without_keys(struct prepared *prepared, struct ws_world *world, const char *what)
{
    struct told told;
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    read_keys(world, &before);
    int rc = try_repair(world, false, &told);
    read_keys(world, &after);
    if (rc != FIRN_CORRUPT || strstr(told.err.text, "FIRN.keys") == NULL) {
        fail_msg("%s: repair: %s: %s", what, firn_code_name(rc), told.err.text);
    }
    assert_int_equal(fi_slice_compare(fi_buf_slice(&before), fi_buf_slice(&after)), 0);
    struct fi_os_dir *none;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s.repairing", &none, NULL),
                     FIRN_NOT_FOUND);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
    /* With a copy of the file the next repair does what it can. */
    read_keys(&prepared->world, &before);
    const char *name;
    struct fi_os_dir *dir = open_dir_of(world, "FIRN.keys", &name);
    test_file_write(dir, name, before.data, before.size);
    fi_os_dir_close(dir);
    fi_buf_deinit(&before);
}

static void
judge(struct prepared *prepared, struct ws_world *world, const char *what, const bool *must,
      struct sums *sums)
{
    struct told told;
    if (!has_its_keys(prepared, world)) {
        judge_without_keys(prepared, world, what);
    }
    int rc = try_repair(world, false, &told);
    if (rc != FIRN_OK) {
        fail_msg("%s: repair: %s: %s", what, firn_code_name(rc), told.err.text);
    }
    if (ws_try_check(world, NULL) != FIRN_OK) {
        fail_msg("%s: not clean after a repair: %s", what, world->err.text);
    }
    sums->repairs++;
    if (told.result.was_intact && may_look_whole(what)) {
        sums->earlier++;
        return;
    }
    bool has_values = count_values(world) == 2 * VALUES;
    sums->values_kept += has_values;
    if (!has_values && told.result.data == FIRN_REPAIR_DATA_KEPT) {
        fail_msg("%s: values are lost without a word", what);
    }
    for (size_t i = 0; i < prepared->count; i++) {
        const struct truth *truth = &prepared->truths[i];
        const firn_workspace_repair_state *state = state_of(&told, truth->id);
        bool is_intact =
            told.result.was_intact || (state != NULL && *state == FIRN_REPAIR_STATE_INTACT);
        if (must[i] && !is_intact) {
            fail_msg("%s: checkpoint %llu of %s is told to be %s", what,
                     (unsigned long long)truth->number, truth->is_neighbours ? "/n" : "/w",
                     state == NULL                      ? "unknown"
                     : *state == FIRN_REPAIR_STATE_LOST ? "lost"
                                                        : "partly");
        }
        sums->intact += is_intact;
        sums->partly += state != NULL && *state == FIRN_REPAIR_STATE_PARTLY;
        sums->lost +=
            !told.result.was_intact && (state == NULL || *state == FIRN_REPAIR_STATE_LOST);
        bool is_there = is_intact || (state != NULL && *state == FIRN_REPAIR_STATE_PARTLY);
        if (!is_there) {
            continue;
        }
        char *tree = bring_back(world, truth);
        if (tree == NULL) {
            fail_msg("%s: checkpoint %llu does not come back: %s", what,
                     (unsigned long long)truth->number, world->err.text);
        }
        if (is_intact && strcmp(tree, truth->tree) != 0) {
            fail_msg("%s: checkpoint %llu is another", what, (unsigned long long)truth->number);
        }
        if (!is_intact) {
            struct ws_edit_counts counts = ws_edit_compare(truth->tree, tree);
            if (counts.added > 0) {
                fail_msg("%s: checkpoint %llu has files that it never had", what,
                         (unsigned long long)truth->number);
            }
        }
        free(tree);
    }
    if (!told.result.was_intact) {
        assert_true(told.path[0] != '\0');
        struct told again;
        assert_int_equal(try_repair(world, false, &again), FIRN_OK);
        assert_true(again.result.was_intact);
    }
}

static void
hurt_and_judge(struct prepared *prepared, const char *path, enum damage damage, size_t at,
               const bool *must, struct sums *sums)
{
    static const char *const names[] = {"cut at", "removed", "flipped at"};
    struct ws_world world;
    char what[300];
    snprintf(what, sizeof what, "%s %s %zu", path, names[damage], at);
    ws_world_clone(&prepared->world, &world);
    hurt(&world, path, damage, at);
    judge(prepared, &world, what, must, sums);
    ws_world_close(&world);
}

static void
hurt_all(bool flushes, size_t step, size_t flips)
{
    struct prepared prepared = {0};
    flips = test_is_long() ? 200 : flips;
    unsigned costly = 0; /* runs without which no value is there */
    prepare(&prepared, flushes);
    for (size_t i = 0; i < prepared.files.count; i++) {
        const char *path = prepared.files.items[i].path;
        bool must[TRUTHS_MAX];
        struct sums sums = {0};
        if (prepared.files.items[i].kind != FI_OS_FILE) {
            continue;
        }
        expect(&prepared, path, must);
        hurt_and_judge(&prepared, path, REMOVE, 0, must, &sums);
        const struct test_share parts = test_share_of(step, i);
        const struct test_share bits = test_share_of(1, i);
        for (size_t part = parts.first - 1; part < PARTS; part += parts.step) {
            hurt_and_judge(&prepared, path, TRUNCATE, part, must, &sums);
        }
        size_t size = size_of(&prepared.world, path);
        for (size_t flip = bits.first - 1; flip < flips && size > 0; flip += bits.step) {
            hurt_and_judge(&prepared, path, FLIP, (flip * 7919 + 13) % size, must, &sums);
        }
        printf("%-22s %3u repairs: %4u intact, %3u partly, %3u lost; %u looked whole, all values "
               "in %u\n",
               path, sums.repairs, sums.intact, sums.partly, sums.lost, sums.earlier,
               sums.values_kept);
        costly += has_prefix(path, "runs/") && sums.values_kept == 0;
        if (!has_prefix(path, "wal") && !has_prefix(path, "runs/") &&
            !has_prefix(path, "manifest")) {
            assert_int_equal(sums.values_kept, sums.repairs);
        }
    }
    /* That of the values, and the list of keyspaces. */
    assert_int_equal(costly, flushes ? 2 : 0);
    prepared_deinit(&prepared);
}

static void
every_file_of_a_small_store_may_be_damaged(void **state)
{
    hurt_all(false, 2, 4);
}

static void
every_file_of_a_store_with_runs_may_be_damaged(void **state)
{
    hurt_all(true, 5, 3);
}

/* ---- several files at once ---- */

static const char *
any_file(struct prepared *prepared, struct test_random *random)
{
    for (;;) {
        const struct ws_edit_item *item =
            &prepared->files.items[test_random_below(random, prepared->files.count)];
        if (item->kind == FI_OS_FILE) {
            return item->path;
        }
    }
}

/* Bytes of one file, or of another one, over those of a file, or after them, or less of it. */
static void
mutate(struct prepared *prepared, struct ws_world *world, struct test_random *random)
{
    struct fi_buf bytes = {0};
    struct fi_buf others = {0};
    const char *name;
    struct fi_os_dir *dir = open_dir_of(world, any_file(prepared, random), &name);
    test_file_read(dir, name, &others);
    fi_os_dir_close(dir);
    dir = open_dir_of(world, any_file(prepared, random), &name);
    test_file_read(dir, name, &bytes);
    uint64_t kind = test_random_below(random, 4);
    if (kind == 0 && others.size > 0) {
        assert_int_equal(fi_buf_assign(&bytes, fi_buf_slice(&others)), FIRN_OK);
    } else if (kind == 1) {
        bytes.size = (size_t)test_random_below(random, bytes.size + 1);
    } else if (kind == 2 && others.size > 0) {
        assert_int_equal(fi_buf_append_slice(&bytes, fi_buf_slice(&others)), FIRN_OK);
    }
    for (uint64_t i = test_random_below(random, 20); i > 0 && bytes.size > 0; i--) {
        bytes.data[test_random_below(random, bytes.size)] = (uint8_t)test_random_below(random, 256);
    }
    test_file_write(dir, name, bytes.data, bytes.size);
    fi_os_dir_close(dir);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&others);
}

static void
any_files_may_be_damaged_at_once(void **state)
{
    struct prepared prepared = {0};
    const bool must[TRUTHS_MAX] = {false};
    struct sums sums = {0};
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 3000 : 60;
    prepare(&prepared, true);
    const struct test_share seeds = test_share_of(1, 0);
    for (uint64_t seed = seeds.first; seed <= rounds; seed += seeds.step) {
        struct test_random random = {0};
        struct ws_world world;
        char what[64];
        snprintf(what, sizeof what, "wal cut at: seed %llu", (unsigned long long)seed);
        test_random_init(&random, "ws_repair", seed);
        ws_world_clone(&prepared.world, &world);
        for (uint64_t i = 1 + test_random_below(&random, 4); i > 0; i--) {
            mutate(&prepared, &world, &random);
        }
        judge(&prepared, &world, what, must, &sums);
        ws_world_close(&world);
    }
    printf("%u repairs: %u intact, %u partly, %u lost\n", sums.repairs, sums.intact, sums.partly,
           sums.lost);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_a_small_store_may_be_damaged),
        cmocka_unit_test(every_file_of_a_store_with_runs_may_be_damaged),
        cmocka_unit_test(any_files_may_be_damaged_at_once),
    };
    return cmocka_run_group_tests_name("ws_repair", tests, NULL, NULL);
}
