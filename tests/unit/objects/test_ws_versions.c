/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/objects: new versions of files and directories stored as changes of old ones: what it
 * saves, when it is not done, and that what others lean on stays and is checked.
 */
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "gc/gc.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"

/* ---- contents ---- */

enum { LINE_SIZE = 40 };

/* Lines of hexadecimal digits, each from its number and the seed, but one that is edited. */
static void
put_lines(struct ws_world *world, const char *path, uint64_t seed, unsigned count, unsigned edited,
          unsigned version, firn_hash *out_hash)
{
    struct fi_buf text = {0};
    for (unsigned i = 0; i < count; i++) {
        char line[LINE_SIZE + 1];
        struct test_random random = {.state = seed * 1000003 + i};
        uint64_t salt = i == edited ? version : 0;
        snprintf(line, sizeof line, "%016llx %016llx ....\n",
                 (unsigned long long)(test_random_next(&random) + salt),
                 (unsigned long long)test_random_next(&random));
        assert_int_equal(fi_buf_append_str(&text, line), FIRN_OK);
    }
    scan_put_file(&world->tree, path, text.data, text.size);
    if (out_hash != NULL) {
        fi_blake3_hash_of(text.data, text.size, out_hash);
    }
    fi_buf_deinit(&text);
}

/* So many lines of a long text, from one on. */
static void
put_part(struct ws_world *world, const char *path, unsigned first, unsigned count,
         firn_hash *out_hash)
{
    struct fi_buf text = {0};
    for (unsigned line = first; line < first + count; line++) {
        struct test_random random = {.state = line};
        char digits[LINE_SIZE];
        snprintf(digits, sizeof digits, "%016llx\n", (unsigned long long)test_random_next(&random));
        assert_int_equal(fi_buf_append_str(&text, digits), FIRN_OK);
    }
    scan_put_file(&world->tree, path, text.data, text.size);
    fi_blake3_hash_of(text.data, text.size, out_hash);
    fi_buf_deinit(&text);
}

static uint64_t
added_by_save(struct ws_world *world)
{
    return ws_save(world).checkpoint->added_bytes;
}

/* How the store has an object; *out_base (may be NULL) is what it leans on. */
static enum fi_pack_kind
kind_of(struct ws_world *world, const firn_hash *hash, firn_hash *out_base)
{
    struct fi_ws_opened opened;
    struct fi_objects_place place;
    struct fi_pack_scratch *scratch;
    struct fi_pack_delta delta;
    firn_error err;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &err), FIRN_OK);
    int rc = fi_objects_index_find(opened.objects, hash, &place, &err);
    if (rc == FIRN_NOT_FOUND) {
        place.at.kind = (enum fi_pack_kind)0;
    } else {
        assert_int_equal(rc, FIRN_OK);
    }
    if (place.at.kind == FI_PACK_DELTA) {
        assert_int_equal(fi_pack_scratch_create(1, &scratch, &err), FIRN_OK);
        assert_int_equal(fi_objects_read_delta(opened.objects, scratch, hash, &delta, &err),
                         FIRN_OK);
        if (out_base != NULL) {
            *out_base = delta.base;
        }
        fi_pack_scratch_destroy(scratch);
    }
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, &err), FIRN_OK);
    return place.at.kind;
}

/* Restores each checkpoint from the first on, and frees its dump. */
static void
assert_restores(struct ws_world *world, char *const *dumps, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "%u", i + 1);
        ws_restore(world, reference);
        ws_assert_dump(world, dumps[i]);
        free(dumps[i]);
    }
}

/* ---- what it saves ---- */

static void
a_new_version_takes_what_is_new_in_it(void **state)
{
    struct ws_world world;
    firn_hash first;
    firn_hash second;
    firn_hash base;
    ws_world_open_memory(&world, 1);
    put_lines(&world, "d/f", 1, 5000, 0, 0, &first);
    assert_true(added_by_save(&world) > 50000);
    char *before = ws_dump(&world);
    put_lines(&world, "d/f", 1, 5000, 2500, 1, &second);
    assert_true(added_by_save(&world) < 3000);
    char *after = ws_dump(&world);
    assert_int_equal(kind_of(&world, &first, NULL), FI_PACK_BLOB);
    assert_int_equal(kind_of(&world, &second, &base), FI_PACK_DELTA);
    assert_true(fi_hash_equal(&base, &first));
    ws_assert_check_clean(&world);
    ws_restore(&world, "1");
    ws_assert_dump(&world, before);
    ws_restore(&world, "2");
    ws_assert_dump(&world, after);
    free(before);
    free(after);
    ws_world_close(&world);
}

/* Saves versions of a file, in each of which `step` lines go at its beginning and as many others
 * come at its end. Each is stored whole, or leans on the last one that is. Lists those that are
 * whole, and returns their number. */
static unsigned
save_versions(struct ws_world *world, unsigned count, unsigned lines, unsigned step, char **dumps,
              unsigned *wholes)
{
    firn_hash version;
    firn_hash base;
    firn_hash whole = {{0}};
    unsigned whole_count = 0;
    for (unsigned i = 0; i < count; i++) {
        put_part(world, "f", step * i, lines, &version);
        ws_save(world);
        dumps[i] = ws_dump(world);
        if (kind_of(world, &version, &base) == FI_PACK_BLOB) {
            wholes[whole_count++] = i;
            whole = version;
        } else {
            assert_true(fi_hash_equal(&base, &whole));
        }
    }
    return whole_count;
}

static void
versions_lean_on_one_that_is_whole_until_that_does_not_pay(void **state)
{
    enum { COUNT = 24, LINES = 400, STEP = LINES / 20 };
    struct ws_world world;
    char *dumps[COUNT];
    unsigned wholes[COUNT];
    ws_world_open_memory(&world, 2);
    unsigned whole_count = save_versions(&world, COUNT, LINES, STEP, dumps, wholes);
    /* Where packs are joined, what leans becomes whole. */
    assert_true(whole_count > 1 && whole_count < 16);
    assert_int_equal(wholes[0], 0);
    ws_assert_check_clean(&world);
    assert_restores(&world, dumps, COUNT);
    ws_world_close(&world);
}

static void
directories_are_versions_too(void **state)
{
    struct ws_world world;
    firn_hash roots[2];
    firn_hash base;
    ws_world_open_memory(&world, 3);
    for (unsigned i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%03u", i);
        scan_put_random(&world.tree, name, i, 10);
    }
    roots[0] = ws_save(&world).checkpoint->root;
    scan_put_text(&world.tree, "f150", "edited");
    roots[1] = ws_save(&world).checkpoint->root;
    char *edited = ws_dump(&world);
    assert_int_equal(kind_of(&world, &roots[0], NULL), FI_PACK_TREE);
    assert_int_equal(kind_of(&world, &roots[1], &base), FI_PACK_DELTA);
    assert_true(fi_hash_equal(&base, &roots[0]));
    /* Known files are found by an object that is a delta itself. */
    scan_put_text(&world.tree, "f151", "edited");
    roots[0] = ws_save(&world).checkpoint->root;
    assert_int_equal(kind_of(&world, &roots[0], NULL), FI_PACK_DELTA);
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    ws_assert_dump(&world, edited);
    free(edited);
    ws_world_close(&world);
}

static void
what_does_not_pay_is_stored_whole(void **state)
{
    struct ws_world world;
    firn_hash hash;
    ws_world_open_memory(&world, 4);
    const uint64_t offsets[] = {0};
    scan_put_text(&world.tree, "small", "0123456789abcdef 0123456789abcdef");
    scan_put_text(&world.tree, "empty", "");
    scan_put_sparse(&world.tree, "holes", 1 << 20, offsets, 1);
    put_lines(&world, "other", 5, 1000, 0, 0, NULL);
    scan_put_symlink(&world.tree, "link", "small");
    ws_save(&world);
    scan_put_text(&world.tree, "small", "0123456789abcdef 0123456789abcdeX");
    put_lines(&world, "empty", 6, 100, 0, 0, &hash);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_BLOB);
    fi_blake3_hash_of("0123456789abcdef 0123456789abcdeX", 33, &hash);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_BLOB);
    scan_remove_file(&world.tree, "holes");
    scan_remove_file(&world.tree, "link");
    put_lines(&world, "holes", 7, 100, 0, 0, &hash); /* what was there is a list of pieces */
    ws_save(&world);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_BLOB);
    put_lines(&world, "link", 8, 100, 0, 0, &hash);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_BLOB);
    put_lines(&world, "other", 9, 1000, 0, 0, &hash); /* nothing in common */
    ws_save(&world);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_BLOB);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* The same bytes may be a version of one file, and a piece of another. */
static void
a_version_may_be_a_piece(void **state)
{
    struct ws_world world;
    enum { PIECE = 1 << 20 };
    struct test_random random = {.state = 11};
    uint8_t *bytes = malloc(9 * PIECE);
    firn_hash hash;
    assert_non_null(bytes);
    test_random_fill(&random, bytes, 9 * PIECE);
    ws_world_open_memory(&world, 5);
    scan_put_file(&world.tree, "f", bytes, PIECE);
    ws_save(&world);
    bytes[1000] ^= 1;
    fi_blake3_hash_of(bytes, PIECE, &hash);
    scan_put_file(&world.tree, "f", bytes, PIECE);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_DELTA);
    scan_put_file(&world.tree, "large", bytes, 9 * PIECE);
    ws_save(&world);
    char *all = ws_dump(&world);
    gc_delete(&world, "1");
    gc_delete(&world, "2");
    gc_run_full(&world);
    ws_assert_check_clean(&world);
    scan_remove_file(&world.tree, "large");
    scan_remove_file(&world.tree, "f");
    ws_restore(&world, "3");
    ws_assert_dump(&world, all);
    free(all);
    free(bytes);
    ws_world_close(&world);
}

/* ---- what others lean on ---- */

static void
a_base_outlives_its_checkpoint(void **state)
{
    struct ws_world world;
    firn_hash first;
    firn_hash second;
    ws_world_open_memory(&world, 6);
    put_lines(&world, "f", 1, 2000, 0, 0, &first);
    ws_save(&world);
    put_lines(&world, "f", 1, 2000, 1000, 1, &second);
    ws_save(&world);
    char *dump = ws_dump(&world);
    put_lines(&world, "f", 2, 2000, 0, 0, NULL);
    ws_save(&world);
    gc_delete(&world, "1");
    firn_workspace_gc_result dry = gc_dry_run(&world);
    firn_workspace_gc_result result = gc_run_full(&world);
    assert_int_equal(dry.objects_live, result.objects_live);
    assert_int_equal(kind_of(&world, &first, NULL), FI_PACK_BLOB);
    assert_int_equal(kind_of(&world, &second, NULL), FI_PACK_DELTA);
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    ws_assert_dump(&world, dump);
    free(dump);
    gc_assert_exact(&world);
    scan_remove_file(&world.tree, "f");
    ws_save(&world);
    gc_delete(&world, "2");
    gc_delete(&world, "3");
    /* A safety checkpoint may still have the second version, and so its base. */
    assert_int_equal(kind_of(&world, &first, NULL), FI_PACK_BLOB);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_base_goes_with_the_last_that_leans_on_it(void **state)
{
    struct ws_world world;
    firn_hash first;
    firn_hash second;
    ws_world_open_memory(&world, 7);
    put_lines(&world, "f", 1, 2000, 0, 0, &first);
    ws_save(&world);
    put_lines(&world, "f", 1, 2000, 1000, 1, &second);
    ws_save(&world);
    scan_remove_file(&world.tree, "f");
    ws_save(&world);
    gc_delete(&world, "1");
    gc_run_full(&world);
    assert_int_equal(kind_of(&world, &first, NULL), FI_PACK_BLOB);
    gc_delete(&world, "2");
    gc_run_full(&world);
    assert_int_equal(kind_of(&world, &first, NULL), 0);
    assert_int_equal(kind_of(&world, &second, NULL), 0);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* In pieces: a delta may move into another pack than its base, before it or after it. */
static void
versions_move_with_their_packs(void **state)
{
    struct ws_world world;
    char *dumps[12];
    ws_world_open_memory(&world, 8);
    for (unsigned i = 0; i < 12; i++) {
        char name[8];
        snprintf(name, sizeof name, "f%u", i % 3);
        put_lines(&world, name, i % 3, 200, i, i, NULL);
        ws_save(&world);
        dumps[i] = ws_dump(&world);
    }
    gc_delete(&world, "1");
    gc_delete(&world, "4");
    assert_int_equal(gc_try_in_pieces(&world, NULL), FIRN_OK);
    ws_assert_check_clean(&world);
    for (unsigned i = 0; i < 12; i++) {
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i + 1);
        if (i != 0 && i != 3) {
            ws_restore(&world, reference);
            ws_assert_dump(&world, dumps[i]);
        }
        free(dumps[i]);
    }
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* ---- damage ---- */

static struct fi_os_dir *
open_packs(struct ws_world *world)
{
    struct fi_os_dir *dir;
    firn_error err;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s/packs", &dir, &err), FIRN_OK);
    return dir;
}

/* All of a pack's frames are wrong, its tables are not. */
static void
damage_pack(struct ws_world *world, const char *name)
{
    struct fi_os_dir *dir = open_packs(world);
    struct fi_buf bytes = {0};
    test_file_read(dir, name, &bytes);
    bytes.data[160] ^= 0x40;
    test_file_write(dir, name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(dir);
}

static void
a_damaged_base_takes_along_what_leans_on_it(void **state)
{
    struct ws_world world;
    firn_workspace_check_result result;
    firn_hash hash;
    ws_world_open_memory(&world, 9);
    put_lines(&world, "f", 1, 2000, 0, 0, NULL);
    scan_put_text(&world.tree, "sound", "1");
    ws_save(&world);
    put_lines(&world, "f", 1, 2000, 1000, 1, NULL);
    ws_save(&world);
    damage_pack(&world, "00000001.pack");
    assert_int_equal(ws_try_check(&world, &result), FIRN_CORRUPT);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_DAMAGED, "f"));
    put_lines(&world, "f", 3, 10, 0, 0, NULL);
    char *edited = ws_dump(&world);
    assert_int_equal(ws_try_restore(&world, "2", NULL), FIRN_CORRUPT);
    ws_assert_dump(&world, edited);
    free(edited);
    /* A save is none the worse: what cannot be leaned on is not. */
    put_lines(&world, "f", 1, 2000, 1000, 2, &hash);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &hash, NULL), FI_PACK_BLOB);
    char *dump = ws_dump(&world);
    scan_remove_file(&world.tree, "f");
    ws_restore(&world, "3");
    ws_assert_dump(&world, dump);
    free(dump);
    ws_world_close(&world);
}

struct told {
    unsigned objects;  /* that notices without a path count */
    unsigned of[4][3]; /* for a path, those of each checkpoint */
    char ids[3][FIRN_CHECKPOINT_ID_SIZE];
};

static void
count_told(void *ctx, const firn_notice *notice)
{
    static const char *const paths[] = {"beside", "f", "sound", "new"};
    struct told *told = ctx;
    unsigned long objects = strtoul(notice->text, NULL, 10);
    bool is_of_objects = notice->path.size == 0 && strstr(notice->text, " objects: ") != NULL;
    told->objects += is_of_objects ? (unsigned)objects : 0;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; fi_slice_equal(notice->path, firn_str(paths[i])) && j < 3; j++) {
            told->of[i][j] +=
                notice->checkpoint != NULL && strcmp(notice->checkpoint, told->ids[j]) == 0;
        }
    }
}

static void
a_check_names_all_that_a_bad_frame_takes_along(void **state)
{
    struct ws_world world;
    struct told told = {0};
    firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result;
    options.read_data = true;
    options.callbacks = (firn_callbacks){.on_notice = count_told, .ctx = &told};
    ws_world_open_memory(&world, 9);
    put_lines(&world, "f", 1, 2000, 0, 0, NULL);
    put_lines(&world, "beside", 2, 100, 0, 0, NULL);
    memcpy(told.ids[0], ws_save(&world).checkpoint->id, FIRN_CHECKPOINT_ID_SIZE);
    scan_put_text(&world.tree, "sound", "1");
    put_lines(&world, "f", 1, 2000, 1000, 1, NULL); /* leans on the first */
    memcpy(told.ids[1], ws_save(&world).checkpoint->id, FIRN_CHECKPOINT_ID_SIZE);
    scan_remove_file(&world.tree, "beside");
    put_lines(&world, "new", 3, 100, 0, 0, NULL);
    memcpy(told.ids[2], ws_save(&world).checkpoint->id, FIRN_CHECKPOINT_ID_SIZE);
    damage_pack(&world, "00000001.pack");
    assert_int_equal(fi_verify(world.ws, &options, &result, &world.err), FIRN_CORRUPT);
    const unsigned expected[4][3] = {{1, 1, 0}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
    assert_memory_equal(told.of, expected, sizeof expected);
    assert_int_equal(told.objects, 2);
    ws_world_close(&world);
}

/* What is stored again may be what others lean on: it must be whole again. */
static void
without_a_pack_nothing_leans(void **state)
{
    struct ws_world world;
    firn_hash first;
    firn_hash third;
    firn_error err;
    ws_world_open_memory(&world, 10);
    put_lines(&world, "other", 9, 500, 0, 0, NULL);
    ws_save(&world);
    put_lines(&world, "f", 1, 2000, 0, 0, &first);
    ws_save(&world);
    put_lines(&world, "f", 1, 2000, 1000, 1, NULL);
    ws_save(&world);
    char *dump = ws_dump(&world);
    struct fi_os_dir *packs = open_packs(&world);
    assert_int_equal(fi_os_remove_file(packs, "00000002.pack", &err), FIRN_OK);
    fi_os_dir_close(packs);
    put_lines(&world, "f", 1, 2000, 0, 0, NULL);
    put_lines(&world, "other", 9, 500, 100, 1, &third);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &first, NULL), FI_PACK_BLOB);
    assert_int_equal(kind_of(&world, &third, NULL), FI_PACK_BLOB);
    scan_remove_file(&world.tree, "f");
    ws_restore(&world, "3"); /* its base is there again */
    ws_assert_dump(&world, dump);
    free(dump);
    ws_world_close(&world);
}

/* Every group of a large file is new, most of their chunks are not. */
static void
a_check_looks_into_lists_of_lists(void **state)
{
    struct ws_world world;
    firn_workspace_check_result result;
    enum { SIZE = 9 << 20 };
    struct test_random random = {.state = 12};
    uint8_t *bytes = malloc(SIZE);
    firn_error err;
    assert_non_null(bytes);
    test_random_fill(&random, bytes, SIZE);
    ws_world_open_memory(&world, 11);
    scan_put_file(&world.tree, "f", bytes, SIZE);
    ws_save(&world);
    for (size_t at = 100000; at < SIZE; at += 200000) {
        bytes[at] ^= 1;
    }
    scan_put_file(&world.tree, "f", bytes, SIZE);
    assert_true(added_by_save(&world) < 2 << 20);
    char *dump = ws_dump(&world);
    gc_delete(&world, "1");
    ws_assert_check_clean(&world);
    scan_remove_file(&world.tree, "f");
    ws_restore(&world, "2");
    ws_assert_dump(&world, dump);
    struct fi_os_dir *packs = open_packs(&world);
    assert_int_equal(fi_os_remove_file(packs, "00000001.pack", &err), FIRN_OK);
    fi_os_dir_close(packs);
    (void)ws_try_check(&world, &result);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_DAMAGED, "f"));
    free(dump);
    free(bytes);
    ws_world_close(&world);
}

/* ---- beside what compresses better ---- */

/* Lines of eight digits that follow from their numbers and the seed; what is after is always the same. */
static void
put_digits(struct ws_world *world, const char *path, uint64_t seed, unsigned count,
           firn_hash *out_hash)
{
    struct fi_buf text = {0};
    for (unsigned i = 0; i < count; i++) {
        char line[LINE_SIZE + 1];
        struct test_random random = {.state = seed * 1000003 + i};
        snprintf(line, sizeof line, "%08x a line like all others, or so\n",
                 (unsigned)test_random_next(&random));
        assert_int_equal(fi_buf_append_str(&text, line), FIRN_OK);
    }
    scan_put_file(&world->tree, path, text.data, text.size);
    fi_blake3_hash_of(text.data, text.size, out_hash);
    fi_buf_deinit(&text);
}

/* The frame of the base compresses much better than the base does. */
static void
a_version_is_compared_with_what_it_takes_alone(void **state)
{
    enum { EVEN = 400000, COUNT = 2000 };
    struct ws_world world;
    firn_hash first;
    firn_hash longer;
    firn_hash other;
    firn_hash base;
    uint8_t *even = calloc(1, EVEN);
    assert_non_null(even);
    ws_world_open_memory(&world, 12);
    scan_put_file(&world.tree, "even", even, EVEN);
    put_digits(&world, "f", 1, COUNT, &first);
    ws_save(&world);
    put_digits(&world, "f", 1, COUNT + COUNT / 4, &longer);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &longer, &base), FI_PACK_DELTA);
    assert_true(fi_hash_equal(&base, &first));
    put_digits(&world, "f", 2, COUNT, &other);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &other, NULL), FI_PACK_BLOB);
    ws_assert_check_clean(&world);
    free(even);
    ws_world_close(&world);
}

/* ---- in packs that are joined ---- */

static uint32_t
frame_of(struct ws_world *world, const firn_hash *hash)
{
    struct fi_ws_opened opened;
    struct fi_objects_place place;
    firn_error err;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &err), FIRN_OK);
    assert_int_equal(fi_objects_index_find(opened.objects, hash, &place, &err), FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, &err), FIRN_OK);
    return place.at.frame;
}

static void
versions_come_together_whole_when_packs_are_joined(void **state)
{
    enum { COUNT = FI_GC_JOIN_PACKS, FEW = 200, MANY = 3000, FILLER = 150000 };
    struct ws_world world;
    firn_hash small[COUNT];
    firn_hash large[COUNT];
    char *dumps[COUNT];
    ws_world_open_memory(&world, 20);
    for (unsigned i = 0; i < COUNT; i++) {
        put_lines(&world, "d/small", 1, FEW, i * 7, i, &small[i]);
        put_lines(&world, "d/large", 2, MANY, i * 7, i, &large[i]);
        scan_put_random(&world.tree, "filler", i, FILLER); /* packs of one size are joined */
        ws_save(&world);
        dumps[i] = ws_dump(&world);
        /* As long as nothing is joined. */
        if (i == COUNT - 2) {
            assert_int_equal(kind_of(&world, &small[i], NULL), FI_PACK_DELTA);
        }
    }
    assert_int_equal(gc_look(&world).packs, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(kind_of(&world, &small[i], NULL), FI_PACK_BLOB);
        assert_int_equal(kind_of(&world, &large[i], NULL), i == 0 ? FI_PACK_BLOB : FI_PACK_DELTA);
    }
    /* The first and the last of what has three quarters of a megabyte between it. */
    assert_int_equal(frame_of(&world, &small[0]), frame_of(&world, &large[COUNT - 1]));
    ws_assert_check_clean(&world);
    assert_restores(&world, dumps, COUNT);
    /* They are bases of what comes. */
    firn_hash next;
    firn_hash base;
    ws_restore(&world, "5");
    put_lines(&world, "d/small", 1, FEW, 100, 100, &next);
    ws_save(&world);
    assert_int_equal(kind_of(&world, &next, &base), FI_PACK_DELTA);
    assert_true(fi_hash_equal(&base, &small[COUNT - 1]));
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
versions_come_together_without_a_base_in_a_large_pack(void **state)
{
    enum { COUNT = FI_GC_JOIN_PACKS + 1, LINES = 2000, STEP = 100 };
    static const size_t fillers[] = {5 << 20, 1 << 20};
    for (unsigned round = 0; round < 2; round++) {
        struct ws_world world;
        firn_hash versions[COUNT];
        char *dumps[COUNT];
        ws_world_open_memory(&world, 21);
        scan_put_random(&world.tree, "filler", 1, fillers[round]);
        for (unsigned i = 0; i < COUNT; i++) {
            put_part(&world, "f", STEP * i, LINES, &versions[i]);
            ws_save(&world);
            dumps[i] = ws_dump(&world);
        }
        assert_int_equal(gc_look(&world).packs, 2 + round); /* with the last save */
        /* The smaller one may be joined with them later, so they wait. */
        enum fi_pack_kind kind = round == 0 ? FI_PACK_BLOB : FI_PACK_DELTA;
        for (unsigned i = 1; i < COUNT; i++) {
            assert_int_equal(kind_of(&world, &versions[i], NULL), kind);
        }
        ws_assert_check_clean(&world);
        assert_restores(&world, dumps, COUNT);
        gc_assert_exact(&world);
        ws_world_close(&world);
    }
}

/* Where each delta is larger than the one before. */
static void
a_large_file_gets_a_new_base_before_its_deltas_take_more(void **state)
{
    enum { COUNT = 40, LINES = 17000, STEP = 50 };
    struct ws_world world;
    char *dumps[COUNT];
    unsigned wholes[COUNT];
    ws_world_open_memory(&world, 22);
    unsigned whole_count = save_versions(&world, COUNT, LINES, STEP, dumps, wholes);
    /* A version changes some 460 bytes, and takes 155 KB alone: the 26th delta is the last one. */
    assert_int_equal(whole_count, 2);
    assert_true(wholes[1] > 20 && wholes[1] < 32);
    ws_assert_check_clean(&world);
    assert_restores(&world, dumps, COUNT);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_version_takes_what_is_new_in_it),
        cmocka_unit_test(versions_lean_on_one_that_is_whole_until_that_does_not_pay),
        cmocka_unit_test(directories_are_versions_too),
        cmocka_unit_test(what_does_not_pay_is_stored_whole),
        cmocka_unit_test(a_version_may_be_a_piece),
        cmocka_unit_test(a_base_outlives_its_checkpoint),
        cmocka_unit_test(a_base_goes_with_the_last_that_leans_on_it),
        cmocka_unit_test(versions_move_with_their_packs),
        cmocka_unit_test(a_damaged_base_takes_along_what_leans_on_it),
        cmocka_unit_test(a_check_names_all_that_a_bad_frame_takes_along),
        cmocka_unit_test(without_a_pack_nothing_leans),
        cmocka_unit_test(a_version_is_compared_with_what_it_takes_alone),
        cmocka_unit_test(versions_come_together_whole_when_packs_are_joined),
        cmocka_unit_test(versions_come_together_without_a_base_in_a_large_pack),
        cmocka_unit_test(a_large_file_gets_a_new_base_before_its_deltas_take_more),
        cmocka_unit_test(a_check_looks_into_lists_of_lists),
    };
    return cmocka_run_group_tests_name("ws_versions", tests, NULL, NULL);
}
