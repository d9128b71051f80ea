/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/statcache: the stat cache by itself: prints, memos and their bytes, parts, lanes, sweeping.
 */
#include <inttypes.h>
#include <time.h>

#include "base/slice.h"
#include "catalog/catalog.h"
#include "sim/sim_memory.h"
#include "statcache/statcache.h"
#include "statcache/statcache_internal.h"
#include "support/test.h"
#include "support/test_random.h"

#define TICK INT64_C(10000000)
#define SECOND INT64_C(1000000000)

/* ---- prints ---- */

static void
a_print_shows_every_field_of_a_look(void **state)
{
    struct fi_os_stat stat = {.kind = FI_OS_FILE,
                              .mode = 0644,
                              .uid = 1,
                              .gid = 2,
                              .nlink = 1,
                              .size_bytes = 5,
                              .device = 6,
                              .inode = 7,
                              .mtime_ns = 8,
                              .ctime_ns = 9};
    struct fi_os_stat looks[10];
    for (size_t i = 0; i < 10; i++) {
        looks[i] = stat;
    }
    looks[0].kind = FI_OS_SYMLINK;
    looks[1].mode = 0640;
    looks[2].uid = 3;
    looks[3].gid = 3;
    looks[4].nlink = 2;
    looks[5].size_bytes = 6;
    looks[6].device = 7;
    looks[7].inode = 8;
    looks[8].mtime_ns = 9;
    looks[9].ctime_ns = 10;
    struct fi_statcache_print plain;
    struct fi_statcache_print other;
    fi_statcache_print_of_inspect(1, firn_str("name"), &stat, &plain);
    assert_false(fi_statcache_print_is_zero(&plain));
    for (size_t i = 0; i < 10; i++) {
        fi_statcache_print_of_inspect(1, firn_str("name"), &looks[i], &other);
        assert_memory_not_equal(&plain, &other, sizeof plain);
    }
    fi_statcache_print_of_inspect(1, firn_str("nama"), &stat, &other);
    assert_memory_not_equal(&plain, &other, sizeof plain);
    fi_statcache_print_of_inspect(2, firn_str("name"), &stat, &other);
    assert_memory_not_equal(&plain, &other, sizeof plain);
    stat.allocated_bytes = 4096; /* a kernel decides on that later */
    stat.btime_ns = 17;
    fi_statcache_print_of_inspect(1, firn_str("name"), &stat, &other);
    assert_memory_equal(&plain, &other, sizeof plain);
}

static void
what_has_just_changed_or_will_change_is_not_settled(void **state)
{
    const struct {
        int64_t ctime_ns;
        int64_t looked_ns;
        bool is_settled;
    } cases[] = {
        {1001, 1001, false},
        {1001, 1001 + TICK - 1, false},
        {1001, 1001 + TICK, true},
        {1001, 1000, false}, /* in the future */
        {100 * SECOND, 100 * SECOND + TICK, false},
        {100 * SECOND, 102 * SECOND - 1, false},
        {100 * SECOND, 102 * SECOND, true},
        {100 * SECOND + 1, 100 * SECOND + 1 + TICK, true},
        {-100 * SECOND, -98 * SECOND, true},
        {-100 * SECOND, -98 * SECOND - 1, false},
        {-1001, -1001 + TICK, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_os_stat stat = {.ctime_ns = cases[i].ctime_ns, .mtime_ns = 5};
        assert_int_equal(fi_statcache_print_is_settled(&stat, cases[i].looked_ns),
                         cases[i].is_settled);
    }
}

/* ---- memos ---- */

static void
fill_prints(struct fi_buf *out, size_t count, uint64_t seed)
{
    struct test_random random = {seed};
    fi_buf_clear(out);
    for (size_t i = 0; i < count * 2; i++) {
        assert_int_equal(fi_buf_append_le64(out, test_random_next(&random)), FIRN_OK);
    }
}

static struct fi_statcache_memo
memo_of(const struct fi_buf *prints)
{
    struct fi_statcache_memo memo = {.has_xattrs = true, .noted_ns = 12345, .boot_id = 77};
    memset(memo.tree.bytes, 7, sizeof memo.tree.bytes);
    memset(memo.self.bytes, 9, sizeof memo.self.bytes);
    memo.count = prints->size / FI_STATCACHE_PRINT_SIZE;
    memo.prints = prints->data;
    return memo;
}

static void
a_memo_comes_back_from_its_bytes_and_from_no_others(void **state)
{
    firn_error err;
    struct fi_buf prints = {0};
    struct fi_statcache_memo read = {0};
    size_t part_count;
    fill_prints(&prints, 3, 1);
    struct fi_statcache_memo memo = memo_of(&prints);
    assert_int_equal(fi_statcache_memo_encode(&memo, NULL, 0, &read.value), FIRN_OK);
    assert_int_equal(fi_statcache_memo_decode(&read, &part_count, &err), FIRN_OK);
    assert_int_equal(part_count, 0);
    assert_int_equal(read.count, 3);
    assert_true(read.has_xattrs);
    assert_int_equal(read.noted_ns, 12345);
    assert_int_equal(read.boot_id, 77);
    assert_memory_equal(&read.tree, &memo.tree, sizeof memo.tree);
    assert_memory_equal(&read.self, &memo.self, sizeof memo.self);
    assert_memory_equal(read.prints, prints.data, prints.size);

    size_t whole = read.value.size;
    for (size_t size = 0; size < whole; size++) {
        read.value.size = size;
        bool is_shorter = size >= WS_STAT_HEADER_SIZE &&
                          (size - WS_STAT_HEADER_SIZE) % FI_STATCACHE_PRINT_SIZE == 0;
        assert_int_equal(fi_statcache_memo_decode(&read, &part_count, &err),
                         is_shorter ? FIRN_OK : FIRN_CORRUPT);
    }
    read.value.size = whole;
    read.value.data[0] = WS_STAT_FORMAT + 1;
    assert_int_equal(fi_statcache_memo_decode(&read, &part_count, &err), FIRN_NEWER);
    read.value.data[0] = WS_STAT_FORMAT;
    read.value.data[1] = 2;
    assert_int_equal(fi_statcache_memo_decode(&read, &part_count, &err), FIRN_CORRUPT);
    read.value.data[1] = 0;
    for (unsigned i = 0; i < 4; i++) {
        read.value.data[WS_STAT_PART_COUNT_AT + i] = 0xff;
        assert_int_equal(fi_statcache_memo_decode(&read, &part_count, &err), FIRN_CORRUPT);
    }
    fi_statcache_memo_deinit(&read);
    fi_buf_deinit(&prints);
}

static void
a_print_is_found_wherever_it_is_and_zeros_never(void **state)
{
    struct fi_buf prints = {0};
    struct fi_statcache_print print;
    size_t index;
    bool is_found;
    fill_prints(&prints, 1000, 2);
    memset(prints.data + 500 * FI_STATCACHE_PRINT_SIZE, 0, FI_STATCACHE_PRINT_SIZE);
    struct fi_statcache_memo memo = memo_of(&prints);
    for (size_t i = 0; i < 1000; i++) {
        const size_t guesses[] = {i, i + 1, 0, 999, 1000, SIZE_MAX};
        memcpy(print.bytes, prints.data + i * FI_STATCACHE_PRINT_SIZE, sizeof print.bytes);
        for (size_t j = 0; j < sizeof guesses / sizeof guesses[0]; j++) {
            assert_int_equal(fi_statcache_memo_find(&memo, &print, guesses[j], &index, &is_found),
                             FIRN_OK);
            assert_int_equal(is_found, i != 500);
            assert_true(!is_found || index == i);
        }
        print.bytes[15] ^= 1;
        assert_int_equal(fi_statcache_memo_find(&memo, &print, i, &index, &is_found), FIRN_OK);
        assert_false(is_found);
    }
    fi_statcache_memo_deinit(&memo);
    memo = (struct fi_statcache_memo){0};
    assert_int_equal(fi_statcache_memo_find(&memo, &print, 0, &index, &is_found), FIRN_OK);
    assert_false(is_found);
    fi_buf_deinit(&prints);
}

/* A directory of which most files changed just before the save has as many prints of zeros. */
static void
many_zeros_do_not_slow_a_search(void **state)
{
    enum { ZEROS = 400000 };
    struct fi_buf prints = {0};
    struct fi_statcache_print print;
    size_t index = 0;
    bool is_found;
    fill_prints(&prints, ZEROS + 1, 3);
    memset(prints.data, 0, (size_t)ZEROS * FI_STATCACHE_PRINT_SIZE);
    memcpy(print.bytes, prints.data + (size_t)ZEROS * FI_STATCACHE_PRINT_SIZE, sizeof print.bytes);
    struct fi_statcache_memo memo = memo_of(&prints);
    clock_t begun = clock();
    assert_int_equal(fi_statcache_memo_find(&memo, &print, 0, &index, &is_found), FIRN_OK);
    assert_true((clock() - begun) / CLOCKS_PER_SEC < 5);
    assert_true(is_found);
    assert_int_equal(index, ZEROS);
    fi_statcache_memo_deinit(&memo);
    fi_buf_deinit(&prints);
}

/* ---- the cache ---- */

struct world {
    struct fi_os *os;
    struct firn_db *db;
    struct fi_objects *objects;
    struct fi_statcache *stat;
    struct fi_statcache_lane *lane;
    firn_error err;
};

static void
must(struct world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

static void
open_stat(struct world *world)
{
    struct fi_statcache_options options = {.objects = world->objects, .workspace = 3};
    must(world, fi_statcache_open(world->db, &options, &world->stat, &world->err));
    must(world, fi_statcache_lane_open(world->stat, &world->lane, &world->err));
}

static void
open_world(struct world *world)
{
    struct fi_db_options options = {.create_if_missing = true};
    *world = (struct world){0};
    must(world, fi_sim_memory_create(5, &world->os, &world->err));
    must(world, fi_db_path_open(world->os, "/s", &options, &world->db, &world->err));
    must(world, fi_objects_open(world->db, &world->objects, &world->err));
    open_stat(world);
}

/* Commits what the lane has noted, and begins anew. */
static void
commit(struct world *world)
{
    fi_statcache_lane_close(world->lane, true);
    must(world, fi_statcache_commit(world->stat, &world->err));
    fi_statcache_close(world->stat);
    open_stat(world);
}

static void
close_world(struct world *world)
{
    fi_statcache_lane_close(world->lane, false);
    fi_statcache_close(world->stat);
    fi_objects_close(world->objects);
    must(world, fi_db_close(world->db, &world->err));
    fi_sim_memory_destroy(world->os);
}

static void
encode_entries(struct fi_buf *out, size_t count)
{
    fi_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "entry-%08zu", i);
        struct fi_tree_entry entry = {.name = firn_str(name), .kind = FI_TREE_FILE, .mode = 0644};
        assert_int_equal(fi_tree_encode_entry(out, &entry), FIRN_OK);
    }
}

/* Notes a directory of so many entries as seed makes them, over what is remembered. */
static void
note(struct world *world, const char *path, const struct fi_buf *prints)
{
    struct fi_buf entries = {0};
    struct fi_statcache_memo before = {0};
    struct fi_statcache_memo memo = memo_of(prints);
    encode_entries(&entries, memo.count);
    must(world,
         fi_statcache_lane_find(world->lane, firn_str(path), INT64_MAX, &before, &world->err));
    must(world, fi_statcache_lane_note(world->lane, firn_str(path), &memo, &before,
                                       fi_buf_slice(&entries), &world->err));
    fi_statcache_memo_deinit(&before);
    fi_buf_deinit(&entries);
}

static void
note_few(struct world *world, const char *path)
{
    struct fi_buf prints = {0};
    fill_prints(&prints, 2, 3);
    note(world, path, &prints);
    fi_buf_deinit(&prints);
}

static bool
is_remembered(struct world *world, const char *path)
{
    struct fi_statcache_memo memo = {0};
    must(world, fi_statcache_lane_find(world->lane, firn_str(path), INT64_MAX, &memo, &world->err));
    bool is_remembered = !fi_statcache_memo_is_empty(&memo);
    fi_statcache_memo_deinit(&memo);
    return is_remembered;
}

static void
assert_prints(struct world *world, const char *path, const struct fi_buf *prints)
{
    struct fi_statcache_memo memo = {0};
    must(world, fi_statcache_lane_find(world->lane, firn_str(path), INT64_MAX, &memo, &world->err));
    assert_int_equal(memo.count, prints->size / FI_STATCACHE_PRINT_SIZE);
    assert_true(prints->size == 0 || memcmp(memo.prints, prints->data, prints->size) == 0);
    fi_statcache_memo_deinit(&memo);
}

struct facts {
    uint64_t keys;
    uint64_t bytes;
    uint64_t fresh_bytes; /* of values that `before` does not have */
};

static struct firn_db_keyspace *
keyspace(struct world *world)
{
    struct firn_db_keyspace *found;
    must(world, fi_db_keyspace_open(world->db, FI_STATCACHE_KEYSPACE, &found, &world->err));
    return found;
}

/* Everything in the keyspace, key and value after each other. */
static struct facts
look(struct world *world, struct fi_buf *all, const struct fi_buf *before)
{
    struct facts facts = {0};
    struct firn_db_cursor *cursor;
    must(world, fi_db_cursor_open(keyspace(world), NULL, &cursor, &world->err));
    must(world, fi_db_cursor_first(cursor, &world->err));
    for (; fi_db_cursor_valid(cursor); must(world, fi_db_cursor_next(cursor, &world->err))) {
        firn_slice value = fi_db_cursor_value(cursor);
        facts.keys++;
        facts.bytes += value.size;
        if (before != NULL && memmem(before->data, before->size, value.data, value.size) == NULL) {
            facts.fresh_bytes += value.size;
        }
        if (all != NULL) {
            assert_int_equal(fi_buf_append_slice(all, value), FIRN_OK);
        }
    }
    fi_db_cursor_close(cursor);
    return facts;
}

static void
directories_of_every_size_are_remembered(void **state)
{
    static const size_t counts[] = {0, 1, 511, 512, 513, 514, 5000, 0, 700, 3, 2000};
    struct world world;
    struct fi_buf prints = {0};
    open_world(&world);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fill_prints(&prints, counts[i], 10 + i);
        note(&world, "wide/dir", &prints);
        commit(&world);
        assert_prints(&world, "wide/dir", &prints);
        struct facts facts = look(&world, NULL, NULL);
        if (counts[i] <= 512) {
            assert_int_equal(facts.keys, 1); /* nothing is left of what was */
        } else {
            assert_true(facts.keys > 1);
        }
    }
    fi_buf_deinit(&prints);
    close_world(&world);
}

static void
one_change_in_a_wide_directory_writes_little(void **state)
{
    struct world world;
    struct fi_buf prints = {0};
    struct fi_buf all = {0};
    enum { COUNT = 20000 };
    open_world(&world);
    fill_prints(&prints, COUNT, 4);
    note(&world, "", &prints);
    commit(&world);
    struct facts first = look(&world, &all, NULL);
    assert_true(first.bytes > COUNT * FI_STATCACHE_PRINT_SIZE);
    assert_true(first.keys > 20);
    prints.data[12345 * FI_STATCACHE_PRINT_SIZE] ^= 1;
    note(&world, "", &prints);
    commit(&world);
    assert_prints(&world, "", &prints);
    struct facts second = look(&world, NULL, &all);
    assert_int_equal(second.keys, first.keys);
    assert_int_equal(second.bytes, first.bytes);
    assert_true(second.fresh_bytes > 0);
    assert_true(second.fresh_bytes < 20000);
    fi_buf_deinit(&prints);
    fi_buf_deinit(&all);
    close_world(&world);
}

static void
parts_that_nobody_looked_at_do_not_stay(void **state)
{
    struct world world;
    struct fi_buf prints = {0};
    struct fi_buf entries = {0};
    const struct fi_statcache_memo nothing = {0};
    open_world(&world);
    encode_entries(&entries, 3000);
    uint64_t keys = 0;
    for (uint64_t seed = 1; seed < 4; seed++) {
        fill_prints(&prints, 3000, seed);
        struct fi_statcache_memo memo = memo_of(&prints);
        must(&world, fi_statcache_lane_note(world.lane, firn_str("d"), &memo, &nothing,
                                            fi_buf_slice(&entries), &world.err));
        commit(&world);
        assert_prints(&world, "d", &prints);
        uint64_t now = look(&world, NULL, NULL).keys;
        assert_true(seed == 1 || now == keys);
        keys = now;
    }
    fi_buf_deinit(&prints);
    fi_buf_deinit(&entries);
    close_world(&world);
}

static void
parts_of_nothing_but_zeros_are_kept(void **state)
{
    struct world world;
    struct fi_buf prints = {0};
    open_world(&world);
    fill_prints(&prints, 5000, 4);
    memset(prints.data, 0, prints.size);
    note(&world, "young", &prints);
    commit(&world);
    assert_prints(&world, "young", &prints);
    memset(prints.data, 1, FI_STATCACHE_PRINT_SIZE);
    note(&world, "young", &prints);
    commit(&world);
    assert_prints(&world, "young", &prints);
    fi_buf_deinit(&prints);
    close_world(&world);
}

static void
a_missing_or_wrong_part_is_a_missing_memo(void **state)
{
    struct world world;
    struct fi_buf prints = {0};
    struct fi_buf key = {0};
    open_world(&world);
    fill_prints(&prints, 2000, 4);
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        note(&world, "wide", &prints);
        commit(&world);
        struct firn_db_cursor *cursor;
        must(&world, fi_db_cursor_open(keyspace(&world), NULL, &cursor, &world.err));
        must(&world, fi_db_cursor_last(cursor, &world.err));
        fi_buf_clear(&key);
        assert_int_equal(fi_buf_append_slice(&key, fi_db_cursor_key(cursor)), FIRN_OK);
        fi_db_cursor_close(cursor);
        if (wrong == 0) {
            must(&world, fi_db_delete(keyspace(&world), fi_buf_slice(&key), FIRN_DURABILITY_OS,
                                      &world.err));
        } else {
            must(&world, fi_db_put(keyspace(&world), fi_buf_slice(&key), firn_str("0123456789"),
                                   FIRN_DURABILITY_OS, &world.err));
        }
        assert_false(is_remembered(&world, "wide"));
    }
    fi_buf_deinit(&prints);
    fi_buf_deinit(&key);
    close_world(&world);
}

static void
a_memo_from_the_future_is_not_believed(void **state)
{
    struct world world;
    struct fi_statcache_memo memo = {0};
    open_world(&world);
    note_few(&world, "d"); /* noted at 12345 */
    commit(&world);
    must(&world, fi_statcache_lane_find(world.lane, firn_str("d"), 12344, &memo, &world.err));
    assert_true(fi_statcache_memo_is_empty(&memo));
    must(&world, fi_statcache_lane_find(world.lane, firn_str("d"), 12345, &memo, &world.err));
    assert_false(fi_statcache_memo_is_empty(&memo));
    fi_statcache_memo_deinit(&memo);
    close_world(&world);
}

static void
a_directory_is_forgotten_with_all_below_it_and_nothing_else(void **state)
{
    static const char *const gone[] = {"a", "a/b", "a/b/c", "a/\xff", "a/ "};
    static const char *const kept[] = {"", "a-b", "a!", "a b", "a0", "aa", "b", "b/a"};
    struct world world;
    struct fi_buf prints = {0};
    open_world(&world);
    fill_prints(&prints, 1000, 4); /* with parts */
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        note(&world, gone[i], &prints);
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        note(&world, kept[i], &prints);
    }
    commit(&world);
    uint64_t each = look(&world, NULL, NULL).keys / 13;
    must(&world, fi_statcache_lane_remove(world.lane, firn_str("a"), &world.err));
    commit(&world);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        assert_false(is_remembered(&world, gone[i]));
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        assert_prints(&world, kept[i], &prints);
    }
    assert_int_equal(look(&world, NULL, NULL).keys, each * 8);
    fi_buf_deinit(&prints);
    close_world(&world);
}

static void
a_path_too_long_for_a_key_is_not_remembered(void **state)
{
    struct world world;
    char *path = malloc(70001);
    assert_non_null(path);
    memset(path, 'p', 70000);
    path[70000] = '\0';
    open_world(&world);
    note_few(&world, path);
    must(&world, fi_statcache_lane_remove(world.lane, firn_str(path), &world.err));
    commit(&world);
    assert_false(is_remembered(&world, path));
    assert_int_equal(look(&world, NULL, NULL).keys, 0);
    path[65535 - 4 - 17] = '\0'; /* the longest that fits, with a digest after it */
    note_few(&world, path);
    commit(&world);
    assert_true(is_remembered(&world, path));
    free(path);
    close_world(&world);
}

static int
is_dead(void *ctx, const firn_hash *tree, bool *out, firn_error *err)
{
    (void)err;
    *out = memcmp(tree->bytes, ctx, sizeof tree->bytes) != 0;
    return FIRN_OK;
}

static void
sweeping_takes_what_names_a_dead_object_and_parts_of_nothing(void **state)
{
    struct world world;
    struct fi_buf prints = {0};
    uint64_t removed;
    uint8_t other[32];
    uint8_t noted[32];
    memset(other, 8, sizeof other);
    memset(noted, 7, sizeof noted);
    open_world(&world);
    fill_prints(&prints, 3000, 4);
    note(&world, "", &prints);
    note(&world, "d", &prints);
    note_few(&world, "few");
    commit(&world);
    uint64_t keys = look(&world, NULL, NULL).keys;
    must(&world, fi_statcache_sweep(world.db, is_dead, other, &removed, &world.err));
    assert_int_equal(removed, 0);
    assert_int_equal(look(&world, NULL, NULL).keys, keys);
    /* A part of a directory that has no memo. */
    must(&world, fi_db_put(keyspace(&world), firn_bytes("\0\0\0\3e\0digest", 12), firn_str("x"),
                           FIRN_DURABILITY_OS, &world.err));
    must(&world, fi_statcache_sweep(world.db, is_dead, other, &removed, &world.err));
    assert_int_equal(look(&world, NULL, NULL).keys, keys);
    must(&world, fi_statcache_sweep(world.db, is_dead, noted, &removed, &world.err));
    assert_int_equal(removed, 3);
    assert_int_equal(look(&world, NULL, NULL).keys, 0);
    fi_buf_deinit(&prints);
    close_world(&world);
}

static void
a_workspace_is_removed_alone(void **state)
{
    struct world world;
    struct fi_catalog *catalog;
    open_world(&world);
    note_few(&world, "");
    note_few(&world, "d");
    commit(&world);
    must(&world, fi_catalog_open(world.db, &catalog, &world.err));
    must(&world, fi_catalog_workspaces_remove(catalog, 2, &world.err));
    must(&world, fi_catalog_workspaces_remove(catalog, 4, &world.err));
    assert_int_equal(look(&world, NULL, NULL).keys, 2);
    must(&world, fi_catalog_workspaces_remove(catalog, 3, &world.err));
    assert_int_equal(look(&world, NULL, NULL).keys, 0);
    fi_catalog_close(catalog);
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_print_shows_every_field_of_a_look),
        cmocka_unit_test(what_has_just_changed_or_will_change_is_not_settled),
        cmocka_unit_test(a_memo_comes_back_from_its_bytes_and_from_no_others),
        cmocka_unit_test(a_print_is_found_wherever_it_is_and_zeros_never),
        cmocka_unit_test(many_zeros_do_not_slow_a_search),
        cmocka_unit_test(directories_of_every_size_are_remembered),
        cmocka_unit_test(one_change_in_a_wide_directory_writes_little),
        cmocka_unit_test(parts_that_nobody_looked_at_do_not_stay),
        cmocka_unit_test(parts_of_nothing_but_zeros_are_kept),
        cmocka_unit_test(a_missing_or_wrong_part_is_a_missing_memo),
        cmocka_unit_test(a_memo_from_the_future_is_not_believed),
        cmocka_unit_test(a_directory_is_forgotten_with_all_below_it_and_nothing_else),
        cmocka_unit_test(a_path_too_long_for_a_key_is_not_remembered),
        cmocka_unit_test(sweeping_takes_what_names_a_dead_object_and_parts_of_nothing),
        cmocka_unit_test(a_workspace_is_removed_alone),
    };
    return cmocka_run_group_tests_name("ws_stat", tests, NULL, NULL);
}
