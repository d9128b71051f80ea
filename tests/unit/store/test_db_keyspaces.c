/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: stores with very many keyspaces: what they take of memory and of the disk, how many
 * there may be, what power cuts leave of them, and logs from elsewhere that create more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_peak.h"
#include "support/test_random.h"

enum { MANY = 12000, NAME_SIZE = 24 };

static const char *
name_of(uint64_t number, char out[NAME_SIZE])
{
    (void)snprintf(out, NAME_SIZE, "tenant%07llu", (unsigned long long)number);
    return out;
}

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static size_t
run_count(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *runs;
    size_t count = 0;
    DB_OK(fi_os_dir_open(dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, count_entry, &count, &err));
    fi_os_dir_close(runs);
    return count;
}

static struct firn_db *
open_with(struct fi_os_dir *dir, uint64_t memory)
{
    firn_error err;
    struct firn_db *db;
    const struct fi_db_options options = {
        .create_if_missing = true, .memory_bytes = memory, .durability = FIRN_DURABILITY_OS};
    DB_OK(fi_db_open(dir, &options, &db, &err));
    return db;
}

static void
create_many(struct firn_db *db, unsigned begin, unsigned end, bool with_entry)
{
    char name[NAME_SIZE];
    for (unsigned i = begin; i < end; i++) {
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, name_of(i, name));
        if (with_entry) {
            db_support_put(keyspace, "k", name);
        }
    }
}

static void
check_many(struct firn_db *db, unsigned count)
{
    char name[NAME_SIZE];
    for (unsigned i = 0; i < count; i += 97) {
        assert_string_equal(db_support_get(db_support_keyspace(db, name_of(i, name)), "k"), name);
    }
}

/* Each life writes a little, as a command does; none makes a run for each keyspace. */
static void
keyspaces_with_little_in_them_stay_in_the_log(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, (uint64_t)64 << 20);
    create_many(db, 0, MANY, true);
    assert_int_equal(run_count(support.dir), 0);
    DB_OK(fi_db_close(db, &err));
    for (unsigned life = 0; life < 3; life++) {
        db = open_with(support.dir, (uint64_t)64 << 20);
        db_support_put(db_support_keyspace(db, "tenant0000000"), "again", "1");
        (void)fi_db_rest_inspect(db);
        fi_os_sleep_ns(support.os, INT64_C(20000000000));
        (void)fi_db_rest_inspect(db);
        DB_OK(fi_db_close(db, &err));
        assert_int_equal(run_count(support.dir), 0);
    }
    db = open_with(support.dir, (uint64_t)64 << 20);
    check_many(db, MANY);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* The log has enough for all of them, so it is emptied. */
static void
keyspaces_with_enough_in_them_are_flushed_at_closing(void **state)
{
    firn_error err;
    enum { FEW = 50 };
    static const char value[4000];
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, (uint64_t)64 << 20);
    create_many(db, 0, FEW, true);
    DB_OK(fi_db_close(db, &err));
    assert_int_equal(run_count(support.dir), 0);
    db = open_with(support.dir, (uint64_t)64 << 20);
    for (unsigned i = 0; i < 2 * FEW; i++) {
        char name[NAME_SIZE];
        DB_OK(fi_db_put(db_support_keyspace(db, name_of(0, name)), firn_str(name_of(i, name)),
                        firn_bytes(value, sizeof value), FIRN_DURABILITY_OS, &err));
    }
    DB_OK(fi_db_close(db, &err));
    assert_in_range(run_count(support.dir), FEW, FEW + 2);
    db = open_with(support.dir, (uint64_t)64 << 20);
    check_many(db, FEW);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* A log that a keyspace with much data fills is cut all the same: small ones cannot hold it for ever. */
static void
small_keyspaces_hold_the_log_only_so_long(void **state)
{
    firn_error err;
    enum { FEW = 100, VALUE = 100000, PUTS = 100 };
    static uint8_t value[VALUE];
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, (uint64_t)4 << 20);
    struct firn_db_keyspace *large = db_support_keyspace(db, "large");
    create_many(db, 0, FEW, true);
    for (unsigned i = 0; i < PUTS; i++) {
        char name[NAME_SIZE];
        DB_OK(fi_db_put(large, firn_str(name_of(i, name)), firn_bytes(value, VALUE),
                        FIRN_DURABILITY_OS, &err));
        assert_in_range(fi_log_size_bytes(db->log), 0, (4 << 20) + (FEW + 10) * 4096);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
keyspaces_take_what_is_set_aside_for_them(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, (uint64_t)64 << 20);
    create_many(db, 0, MANY, true);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);

    /* The machine has its memory from the same allocator: the difference is the handle's. */
    test_peak_install();
    db_support_init(&support, 1);
    db = open_with(support.dir, (uint64_t)64 << 20);
    create_many(db, 0, MANY, false);
    DB_OK(fi_db_close(db, &err));
    for (unsigned with_entry = 0; with_entry <= 1; with_entry++) {
        size_t before = test_peak_in_use();
        db = open_with(support.dir, (uint64_t)64 << 20);
        if (with_entry == 1) {
            create_many(db, 0, MANY, true);
        }
        size_t handles = with_entry == 1 ? MANY * (sizeof(struct firn_db_keyspace) + NAME_SIZE) : 0;
        assert_in_range(test_peak_in_use() - before, (size_t)MANY * 400,
                        (size_t)MANY * FI_DB_KEYSPACE_BYTES + handles + (4 << 20));
        assert_true(fi_db_image(db)->held_bytes > 0);
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
    test_peak_uninstall();
}

static void
there_is_a_largest_number_of_keyspaces(void **state)
{
    firn_error err;
    char name[NAME_SIZE];
    struct db_support support;
    struct firn_db_keyspace *keyspace;
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, (uint64_t)256 << 20);
    create_many(db, 0, FIRN_KEYSPACE_COUNT_MAX, false);
    DB_FAILS(fi_db_keyspace_open(db, "more", &keyspace, &err), FIRN_LIMIT, "65536 keyspaces");
    assert_null(keyspace);
    DB_OK(fi_db_keyspace_open(db, FI_DB_SYSTEM_PREFIX "own", &keyspace, &err));
    DB_OK(fi_db_keyspace_drop(db, name_of(17, name), &err));
    DB_OK(fi_db_keyspace_open(db, "more", &keyspace, &err));
    DB_FAILS(fi_db_keyspace_open(db, "yet more", &keyspace, &err), FIRN_LIMIT, "65536 keyspaces");
    DB_OK(fi_db_close(db, &err));

    /* Not with less memory than they need; as many as fit can be opened. */
    const struct fi_db_options small = {.memory_bytes = (uint64_t)100 << 20};
    DB_FAILS(fi_db_open(support.dir, &small, &db, &err), FIRN_LIMIT, "more memory");
    const struct fi_db_options small_reader = {.read_only = true, .memory_bytes = 8 << 20};
    DB_FAILS(fi_db_open(support.dir, &small_reader, &db, &err), FIRN_LIMIT, "more memory");
    db = open_with(support.dir, (uint64_t)130 << 20);
    DB_FAILS(fi_db_keyspace_open(db, "yet more", &keyspace, &err), FIRN_LIMIT, "65536 keyspaces");
    DB_OK(fi_db_keyspace_open_existing(db, "more", &keyspace, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* Creating and dropping again and again never reaches the limit. */
static void
dropped_keyspaces_do_not_count(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, 1 << 20);
    for (unsigned i = 0; i < 1500; i++) { /* three times what the budget is for */
        db_support_put(db_support_keyspace(db, "k"), "a", "1");
        DB_OK(fi_db_keyspace_drop(db, "k", &err));
    }
    assert_int_equal(atomic_load(&fi_db_image(db)->given_count), 0);
    assert_int_equal(atomic_load(&fi_db_image(db)->tree_count), 1);
    DB_OK(fi_db_close(db, &err));
    db = open_with(support.dir, 1 << 20);
    assert_int_equal(atomic_load(&fi_db_image(db)->tree_count), 1);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* Whatever the power cuts, what was acknowledged with full durability is there. */
static void
power_cuts_lose_no_small_keyspace(void **state)
{
    firn_error err;
    enum { SEEDS = 6, LIVES = 8, TENANTS = 300, WRITES = 120 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct test_random random;
        struct db_support support;
        unsigned versions[TENANTS] = {0};
        test_random_init(&random, "cuts", seed);
        db_support_init(&support, seed);
        for (unsigned life = 0; life < LIVES; life++) {
            const struct fi_db_options options = {.create_if_missing = true,
                                                  .memory_bytes = 1 << 20};
            struct firn_db *db;
            char name[NAME_SIZE];
            DB_OK(fi_db_open(support.dir, &options, &db, &err));
            for (unsigned i = 0; i < TENANTS; i++) {
                struct firn_db_keyspace *keyspace;
                char expected[NAME_SIZE];
                (void)snprintf(expected, sizeof expected, "%u", versions[i]);
                int rc = fi_db_keyspace_open_existing(db, name_of(i, name), &keyspace, &err);
                assert_int_equal(rc, versions[i] > 0 ? FIRN_OK : FIRN_NOT_FOUND);
                if (rc == FIRN_OK) {
                    assert_string_equal(db_support_get(keyspace, "version"), expected);
                }
            }
            for (unsigned i = 0; i < WRITES; i++) {
                unsigned tenant = (unsigned)test_random_below(&random, TENANTS);
                char text[NAME_SIZE];
                (void)snprintf(text, sizeof text, "%u", ++versions[tenant]);
                struct firn_db_keyspace *keyspace = db_support_keyspace(db, name_of(tenant, name));
                DB_OK(fi_db_put(keyspace, firn_str("version"), firn_str(text), FIRN_DURABILITY_FULL,
                                &err));
                if (test_random_below(&random, 40) == 0) {
                    static const uint8_t filler[60000];
                    DB_OK(fi_db_put(keyspace, firn_str("filler"), firn_bytes(filler, sizeof filler),
                                    FIRN_DURABILITY_FULL, &err));
                }
            }
            if (test_random_below(&random, 2) == 0) {
                DB_OK(fi_db_close(db, &err));
            } else {
                fi_db_abandon(db);
            }
            db_support_cut(&support, seed * LIVES + life);
        }
        db_support_deinit(&support);
    }
}

/* ---- logs from elsewhere ---- */

/* Appends a record with so many creations to the log of an open store. */
static void
forge(struct firn_db *db, uint64_t sequence, uint64_t first, uint64_t count, size_t name_size)
{
    const bool is_table =
        sequence % 2 == 0; /* every other record creates tables, all with one schema */
    firn_error err;
    struct fi_buf body = {0};
    struct fi_buf value = {0};
    uint8_t header[FI_STOREFILE_HEADER_MAX];
    uint8_t name[FIRN_KEYSPACE_NAME_SIZE_MAX];
    memset(name, 'n', sizeof name);
    for (uint64_t i = first; i < first + count; i++) {
        struct fi_storefile_keyspace entry = {.id = i};
        if (is_table) {
            entry.type = FI_STOREFILE_KEYSPACE_TABLE;
            entry.schema = 1;
        }
        struct fi_storefile_place place;
        char digits[NAME_SIZE];
        (void)snprintf(digits, sizeof digits, "%07llu", (unsigned long long)i);
        memcpy(name + name_size - 7, digits, 7);
        assert_int_equal(fi_storefile_keyspace_encode(&entry, &value), FIRN_OK);
        const struct fi_storefile_op op = {.kind = FI_ENTRY_PUT,
                                           .key = firn_bytes(name, name_size),
                                           .value = fi_buf_slice(&value)};
        assert_int_equal(fi_storefile_append_op(&body, &op, &place), FIRN_OK);
    }
    size_t size = fi_storefile_put_header(sequence, count, header);
    const firn_slice parts[] = {firn_bytes(header, size), fi_buf_slice(&body)};
    DB_OK(fi_log_append(db->log, FI_LOG_TYPE_USER, parts, 2, NULL, &err));
    fi_buf_deinit(&body);
    fi_buf_deinit(&value);
}

/* Opens the store as a command does, for reading and for writing, within its memory and a second. */
static void
expect_bounded(struct fi_os_dir *dir, uint64_t memory, int code)
{
    firn_error err;
    for (unsigned writes = 0; writes <= 1; writes++) {
        const struct fi_db_options options = {.read_only = writes == 0, .memory_bytes = memory};
        struct firn_db *db;
        (void)test_peak_take();
        size_t before = test_peak_in_use();
        int rc = fi_db_open(dir, &options, &db, &err);
        assert_int_equal(rc, code);
        if (rc != FIRN_OK) {
            assert_non_null(strstr(err.text, "more memory"));
        }
        assert_in_range(test_peak_take() - before, 0, memory + (memory >> 2));
        fi_db_abandon(db);
    }
}

static void
a_log_that_creates_keyspaces_without_end_is_refused(void **state)
{
    enum { CREATED = 120000 };
    static const struct {
        unsigned records;
        size_t name_size;
    } cases[] = {{CREATED, 7}, {1, 7}, {12000, FIRN_KEYSPACE_NAME_SIZE_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_error err;
        struct db_support support;
        test_peak_install();
        db_support_init(&support, 1);
        struct firn_db *db = open_with(support.dir, (uint64_t)64 << 20);
        unsigned each = CREATED / cases[i].records;
        for (unsigned j = 0; j < cases[i].records; j++) {
            forge(db, j + 1, 1 + (uint64_t)j * each, each, cases[i].name_size);
        }
        DB_OK(fi_log_sync(db->log, &err));
        fi_db_abandon(db);
        expect_bounded(support.dir, (uint64_t)64 << 20, FIRN_LIMIT);
        db_support_deinit(&support);
        test_peak_uninstall();
    }
}

/* Trees that MANIFEST names and no keyspace has: they would be removed, but have to be opened first. */
static void
a_manifest_that_names_trees_without_end_is_refused(void **state)
{
    enum { TREES = 400000 };
    firn_error err;
    struct db_support support;
    test_peak_install();
    db_support_init(&support, 1);
    struct firn_db *db = open_with(support.dir, (uint64_t)64 << 20);
    DB_OK(fi_db_close(db, &err));
    struct fi_manifest *manifest;
    struct fi_manifest_state known = {0};
    struct fi_manifest_tree *trees = calloc(TREES, sizeof *trees);
    assert_non_null(trees);
    for (uint32_t i = 0; i < TREES; i++) {
        trees[i] = (struct fi_manifest_tree){.id = 1 + i, .kind = FI_BLOCK_FILE_ROW};
    }
    DB_OK(fi_manifest_open(support.dir, NULL, &known, &manifest, &err));
    const struct fi_manifest_edit edit = {.version = known.version + 1,
                                          .next_number = known.next_number + 1,
                                          .sequence = known.sequence,
                                          .trees = trees,
                                          .tree_count = TREES};
    DB_OK(fi_manifest_append(manifest, &edit, &err));
    DB_OK(fi_manifest_close(manifest, &err));
    fi_manifest_state_deinit(&known);
    free(trees);
    expect_bounded(support.dir, (uint64_t)64 << 20, FIRN_LIMIT);
    db_support_deinit(&support);
    test_peak_uninstall();
}

/* Fewer are opened, as records that create one or all of them; one name twice is damage. */
static void
a_log_that_creates_many_keyspaces_at_once_is_read(void **state)
{
    enum { CREATED = 30000 };
    for (unsigned is_twice = 0; is_twice <= 1; is_twice++) {
        firn_error err;
        struct db_support support;
        test_peak_install();
        db_support_init(&support, 1);
        struct firn_db *db = open_with(support.dir, (uint64_t)64 << 20);
        forge(db, 1, 1, CREATED, 7);
        if (is_twice == 1) {
            forge(db, 2, 1, 1, 7);
        }
        DB_OK(fi_log_sync(db->log, &err));
        fi_db_abandon(db);
        if (is_twice == 0) {
            expect_bounded(support.dir, (uint64_t)64 << 20, FIRN_OK);
        } else {
            const struct fi_db_options options = {.memory_bytes = (uint64_t)64 << 20};
            DB_FAILS(fi_db_open(support.dir, &options, &db, &err), FIRN_CORRUPT,
                     "creates a keyspace with an impossible name or number");
        }
        db_support_deinit(&support);
        test_peak_uninstall();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyspaces_with_little_in_them_stay_in_the_log),
        cmocka_unit_test(keyspaces_with_enough_in_them_are_flushed_at_closing),
        cmocka_unit_test(small_keyspaces_hold_the_log_only_so_long),
        cmocka_unit_test(keyspaces_take_what_is_set_aside_for_them),
        cmocka_unit_test(there_is_a_largest_number_of_keyspaces),
        cmocka_unit_test(dropped_keyspaces_do_not_count),
        cmocka_unit_test(power_cuts_lose_no_small_keyspace),
        cmocka_unit_test(a_log_that_creates_keyspaces_without_end_is_refused),
        cmocka_unit_test(a_manifest_that_names_trees_without_end_is_refused),
        cmocka_unit_test(a_log_that_creates_many_keyspaces_at_once_is_read),
    };
    return cmocka_run_group_tests_name("db_keyspaces", tests, NULL, NULL);
}
