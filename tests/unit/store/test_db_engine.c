/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: a store that is larger than its memory: data in runs, merges, logs that are given up,
 * damage in runs, work that fails in the background. FIRN_TEST_LONG=1 takes the sizes of real use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_file.h"
#include "support/test_random.h"

static const struct fi_db_options tiny = {
    .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
put_number(struct firn_db_keyspace *keyspace, uint64_t number, size_t value_size, uint64_t version)
{
    firn_error err;
    char key[24];
    uint8_t value[4096];
    struct test_random random = {number * 1000003 + version};
    (void)snprintf(key, sizeof key, "%016llx", (unsigned long long)number);
    assert_true(value_size <= sizeof value);
    test_random_fill(&random, value, value_size);
    DB_OK(fi_db_put(keyspace, firn_str(key), firn_bytes(value, value_size), FIRN_DURABILITY_DEFAULT,
                    &err));
}

static void
assert_number(struct firn_db_keyspace *keyspace, uint64_t number, size_t value_size,
              uint64_t version)
{
    firn_error err;
    char key[24];
    uint8_t expected[4096];
    struct fi_buf value = {0};
    struct test_random random = {number * 1000003 + version};
    (void)snprintf(key, sizeof key, "%016llx", (unsigned long long)number);
    test_random_fill(&random, expected, value_size);
    DB_OK(fi_db_get(keyspace, firn_str(key), &value, &err));
    assert_int_equal(value.size, value_size);
    assert_memory_equal(value.data, expected, value_size);
    fi_buf_deinit(&value);
}

struct sizes {
    struct fi_os_dir *dir;
    uint64_t runs;
    uint64_t run_count;
    uint64_t others;
    char largest[64];
    uint64_t largest_size;
};

static int
add_run(void *ctx, const struct fi_os_dirent *entry)
{
    struct sizes *sizes = ctx;
    struct fi_os_stat stat;
    firn_error err;
    DB_OK(fi_os_stat(sizes->dir, entry->name, &stat, &err));
    sizes->runs += stat.size_bytes;
    sizes->run_count++;
    if (stat.size_bytes > sizes->largest_size) {
        sizes->largest_size = stat.size_bytes;
        (void)snprintf(sizes->largest, sizeof sizes->largest, "%s", entry->name);
    }
    return FIRN_OK;
}

static int
add_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct sizes *sizes = ctx;
    struct fi_os_stat stat;
    firn_error err;
    DB_OK(fi_os_stat(sizes->dir, entry->name, &stat, &err));
    sizes->others += stat.kind == FI_OS_FILE ? stat.size_bytes : 0;
    return FIRN_OK;
}

static struct sizes
measure(struct fi_os_dir *dir)
{
    struct sizes sizes = {.dir = dir};
    firn_error err;
    DB_OK(fi_os_dir_list(dir, add_file, &sizes, &err));
    DB_OK(fi_os_dir_open(dir, "runs", &sizes.dir, &err));
    DB_OK(fi_os_dir_list(sizes.dir, add_run, &sizes, &err));
    fi_os_dir_close(sizes.dir);
    sizes.dir = NULL;
    return sizes;
}

static uint64_t
run_bytes(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats = {.size = sizeof stats};
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats.file_bytes;
}

/* ---- CASES ---- */

static void
a_value_stays_through_flushes(void **state) /* S-B1 */
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (int i = 0; i < 6; i++) {
        db_support_put(keyspace, "key", "value");
        DB_OK(fi_db_maintain_flush(db, &err));
        assert_string_equal(db_support_get(keyspace, "key"), "value");
        assert_true(measure(support.dir).run_count > 0);
    }
    DB_OK(fi_db_close(db, &err));
    db = db_support_open(support.dir);
    assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "key"), "value");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
overwrite(struct fi_os_dir *dir, const struct fi_db_options *options, uint64_t rounds)
{
    firn_error err;
    enum { KEYS = 10, VALUE = 1024 };
    struct firn_db *db;
    DB_OK(fi_db_open(dir, options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint64_t key = 0; key < KEYS; key++) {
            put_number(keyspace, key, VALUE, round);
        }
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        assert_number(keyspace, key, VALUE, rounds - 1);
    }
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_true(stats.flushes > 0);
    assert_true(stats.log_bytes <= stats.memory_bytes * 3 / 2);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_true(measure(dir).runs <= UINT64_C(4) * KEYS * VALUE);
    DB_OK(fi_db_close(db, &err));
    assert_true(measure(dir).others < 64U << 20);
    DB_OK(fi_db_open(dir, options, &db, &err));
    keyspace = db_support_keyspace(db, "k");
    for (uint64_t key = 0; key < KEYS; key++) {
        assert_number(keyspace, key, VALUE, rounds - 1);
    }
    DB_OK(fi_db_close(db, &err));
}

/* Default settings on a real disk where there is time for two gigabytes. */
static void
overwriting_for_long_costs_no_space(void **state) /* S-B2 */
{
    struct db_support support;
    struct db_support_disk disk;
    db_support_init(&support, 1);
    overwrite(support.dir, &tiny, 2500);
    db_support_deinit(&support);
    if (is_long()) {
        const struct fi_db_options options = {.create_if_missing = true,
                                              .durability = FIRN_DURABILITY_OS};
        db_support_disk_init(&disk);
        overwrite(disk.dir, &options, 200000);
        db_support_disk_deinit(&disk);
    }
}

/* Every key once, in both directions; returns how many. */
static uint64_t
scan(struct firn_db_keyspace *keyspace)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    uint64_t count = 0;
    uint64_t back = 0;
    char last[24] = "";
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        assert_int_equal(key.size, 16);
        assert_true(memcmp(last, key.data, 16) < 0);
        memcpy(last, key.data, 16);
        count++;
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    DB_OK(fi_db_cursor_last(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        back++;
        DB_OK(fi_db_cursor_prev(cursor, &err));
    }
    assert_int_equal(back, count);
    fi_db_cursor_close(cursor);
    return count;
}

/* How many sorted runs a read may have to ask. */
static uint64_t
sorted_runs(struct firn_db *db)
{
    firn_store_statistics stats;
    firn_error err;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    uint64_t count = stats.levels[0].files;
    for (unsigned i = 1; i < FIRN_STORE_LEVELS; i++) {
        count += stats.levels[i].files > 0;
    }
    return count;
}

static void
a_store_that_is_only_read_becomes_one_sorted_run(void **state)
{
    enum { KEYS = 30000, NEW = KEYS / 12, READS_MAX = 4000000 };
    struct db_support_disk disk; /* in simulation nothing runs beside reads */
    firn_error err;
    struct firn_db *db;
    struct fi_db_options options = tiny;
    options.memory_bytes = 4 << 20;
    db_support_disk_init(&disk);
    DB_OK(fi_db_open(disk.dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t i = 0; i < KEYS; i++) {
        put_number(keyspace, i * 7919 % KEYS, 200, 1);
    }
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    for (uint64_t i = 0; i < NEW; i++) {
        put_number(keyspace, i * 7919 % KEYS, 200, 2);
    }
    DB_OK(fi_db_maintain_flush(db, &err));
    assert_true(sorted_runs(db) > 1);
    uint64_t reads = 0;
    while (reads < READS_MAX && (reads % 64 > 0 || sorted_runs(db) > 1)) {
        uint64_t i = reads++ % KEYS;
        assert_number(keyspace, i * 7919 % KEYS, 200, i < NEW ? 2 : 1);
    }
    assert_int_equal(sorted_runs(db), 1);
    assert_int_equal(scan(keyspace), KEYS);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

static void
many_keys_are_sorted_and_compact(void **state) /* S-B11, S-C17 */
{
    firn_error err;
    uint64_t keys = is_long() ? 1000000 : 20000;
    enum { VALUE = 100 };
    struct db_support support;
    struct firn_db *db;
    struct firn_db_cursor *cursor;
    struct fi_db_options options = tiny;
    options.compression = FIRN_COMPRESSION_NONE;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t i = 0; i < keys; i++) {
        put_number(keyspace, (i * 7919) % keys, VALUE, 1);
    }
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    struct sizes sizes = measure(support.dir);
    assert_true(sizes.runs <= keys * (VALUE + 16 + 12) * 115 / 100);
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    keyspace = db_support_keyspace(db, "k");
    assert_int_equal(scan(keyspace), keys);
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    DB_OK(fi_db_cursor_last(cursor, &err));
    char last[24];
    (void)snprintf(last, sizeof last, "%016llx", (unsigned long long)keys - 1);
    assert_true(fi_slice_equal(fi_db_cursor_key(cursor), firn_str(last)));
    fi_db_cursor_close(cursor);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, keys);
    assert_int_equal(report.log_records, 0);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
tidying_makes_one_keyspace_whole(void **state)
{
    enum { KEYS = 4000, VALUE_SIZE = 500, KEYSPACE_BYTES = KEYS * VALUE_SIZE };
    const struct fi_db_options roomy = {.create_if_missing = true, .memory_bytes = 32 << 20};
    struct db_support support;
    struct firn_db *db;
    firn_error err;
    db_support_init(&support, 41);
    DB_OK(fi_db_open(support.dir, &roomy, &db, &err));
    struct firn_db_keyspace *keyspaces[] = {db_support_keyspace(db, "a"),
                                            db_support_keyspace(db, "b")};
    for (uint64_t version = 0; version < 2; version++) {
        for (uint64_t i = 0; i < 2 * KEYS; i++) {
            put_number(keyspaces[i % 2], i, VALUE_SIZE, version);
        }
        DB_OK(fi_db_maintain_tidy(db, NULL, &err));
    }
    assert_true(run_bytes(db) > 4 * KEYSPACE_BYTES); /* merging them is optional */
    DB_OK(fi_db_maintain_tidy(db, keyspaces[0], &err));
    assert_in_range(run_bytes(db), 3 * KEYSPACE_BYTES, 4 * KEYSPACE_BYTES);
    DB_OK(fi_db_maintain_tidy(db, keyspaces[1], &err));
    assert_in_range(run_bytes(db), 2 * KEYSPACE_BYTES, 3 * KEYSPACE_BYTES);
    for (uint64_t i = 0; i < 2 * KEYS; i++) {
        assert_number(keyspaces[i % 2], i, VALUE_SIZE, 1);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
sizes_at_the_limits_come_back_from_runs(void **state) /* S-B13 */
{
    firn_error err;
    static const size_t key_sizes[] = {0, 1, 65535, 65536, FIRN_KEY_SIZE_MAX};
    static const size_t value_sizes[] = {0, 1, 65535, 65536, 1 << 20, 5 << 20};
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    uint8_t *bytes = malloc(5 << 20);
    assert_non_null(bytes);
    for (size_t i = 0; i < (size_t)5 << 20; i++) {
        bytes[i] = (uint8_t)(i * i >> 7);
    }
    for (int round = 0; round < 3; round++) {
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        struct fi_buf out = {0};
        for (size_t k = 0; k < sizeof key_sizes / sizeof *key_sizes; k++) {
            for (size_t v = 0; v < sizeof value_sizes / sizeof *value_sizes; v++) {
                firn_slice key = firn_bytes(bytes, key_sizes[k]);
                firn_slice value = firn_bytes(bytes + v, value_sizes[v] - (v > 3 ? v : 0));
                DB_OK(fi_db_put(keyspace, key, value, FIRN_DURABILITY_OS, &err));
                if (round > 0) {
                    DB_OK(round == 1 ? fi_db_maintain_flush(db, &err)
                                     : fi_db_maintain_compact(db, NULL, &err));
                }
                DB_OK(fi_db_get(keyspace, key, &out, &err));
                assert_true(fi_slice_equal(fi_buf_slice(&out), value));
            }
        }
        fi_buf_deinit(&out);
        DB_OK(fi_db_close(db, &err));
        DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    }
    free(bytes);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
count_damage(void *ctx, const char *text)
{
    unsigned *count = ctx;
    assert_non_null(strstr(text, "/store/runs/"));
    ++*count;
}

static void
a_damaged_block_costs_its_keys_and_no_others(void **state) /* S-B14 */
{
    firn_error err;
    enum { KEYS = 8000, VALUE = 100 };
    struct db_support support;
    struct firn_db *db;
    struct fi_os_dir *runs;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t i = 0; i < KEYS; i++) {
        put_number(keyspace, i, VALUE, 1);
    }
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    struct sizes sizes = measure(support.dir);
    DB_OK(fi_db_close(db, &err));
    struct fi_buf bytes = {0};
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    test_file_read(runs, sizes.largest, &bytes);
    memset(bytes.data + bytes.size / 2, 0x5a, 64);
    test_file_write(runs, sizes.largest, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(runs);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    keyspace = db_support_keyspace(db, "k");
    uint64_t lost = 0;
    struct fi_buf out = {0};
    for (uint64_t i = 0; i < KEYS; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "%016llx", (unsigned long long)i);
        int rc = fi_db_get(keyspace, firn_str(key), &out, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        if (rc == FIRN_CORRUPT) {
            assert_non_null(strstr(err.text, sizes.largest));
            lost++;
        }
    }
    fi_buf_deinit(&out);
    assert_true(lost > 0 && lost < KEYS / 20);
    /* A scan ends at that place, and goes on after it. */
    struct firn_db_cursor *cursor;
    uint64_t seen = 0;
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    int rc = fi_db_cursor_first(cursor, &err);
    while (rc == FIRN_OK && fi_db_cursor_valid(cursor)) {
        seen++;
        rc = fi_db_cursor_next(cursor, &err);
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    assert_false(fi_db_cursor_valid(cursor));
    char behind[24];
    uint64_t next = seen + 2 * lost;
    (void)snprintf(behind, sizeof behind, "%016llx", (unsigned long long)next);
    DB_OK(fi_db_cursor_seek(cursor, firn_str(behind), &err));
    assert_true(fi_slice_equal(fi_db_cursor_key(cursor), firn_str(behind)));
    fi_db_cursor_close(cursor);
    firn_store_check_result report;
    unsigned count = 0;
    const struct fi_inspect_check_options options = {.on_damage = count_damage, .ctx = &count};
    DB_FAILS(fi_inspect_check(db, &options, &report, &err), FIRN_CORRUPT, sizes.largest);
    assert_int_equal(count, report.damaged_count);
    assert_true(count > 0);
    /* Writing goes on. */
    db_support_put(keyspace, "new", "1");
    assert_string_equal(db_support_get(keyspace, "new"), "1");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_missing_run_costs_its_keys_and_no_others(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct fi_os_dir *runs;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *lost = db_support_keyspace(db, "lost");
    struct firn_db_keyspace *kept = db_support_keyspace(db, "kept");
    for (uint64_t i = 0; i < 100; i++) {
        put_number(lost, i, 1000, 1);
    }
    db_support_put(kept, "a", "1");
    DB_OK(fi_db_maintain_flush(db, &err));
    struct sizes sizes = measure(support.dir);
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    DB_OK(fi_os_remove_file(runs, sizes.largest, &err));
    fi_os_dir_close(runs);
    for (int is_reader = 0; is_reader < 2; is_reader++) {
        DB_OK(fi_db_open(support.dir, is_reader ? &db_support_read_only : &tiny, &db, &err));
        lost = db_support_keyspace(db, "lost");
        assert_string_equal(db_support_get(db_support_keyspace(db, "kept"), "a"), "1");
        struct fi_buf out = {0};
        DB_FAILS(fi_db_get(lost, firn_str("0000000000000005"), &out, &err), FIRN_CORRUPT,
                 sizes.largest);
        fi_buf_deinit(&out);
        firn_store_check_result report;
        DB_FAILS(fi_inspect_check(db, NULL, &report, &err), FIRN_CORRUPT, sizes.largest);
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
}

static void
a_store_in_a_read_only_directory_is_read_and_not_changed(void **state) /* S-B21 */
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t i = 0; i < 3000; i++) {
        put_number(keyspace, i, 200, 1);
    }
    DB_OK(fi_db_maintain_flush(db, &err));
    put_number(keyspace, 3000, 200, 1);
    DB_OK(fi_db_close(db, &err));
    uint64_t calls = fi_sim_memory_calls(support.os);
    fi_sim_memory_set_space(support.os, 0);
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &db, &err));
    keyspace = db_support_keyspace(db, "k");
    assert_int_equal(scan(keyspace), 3001);
    assert_number(keyspace, 17, 200, 1);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, 3001);
    DB_OK(fi_db_refresh(db, &err));
    assert_number(keyspace, 3000, 200, 1);
    DB_FAILS(fi_db_maintain_flush(db, &err), FIRN_READ_ONLY, "reading only");
    DB_FAILS(fi_db_maintain_compact(db, NULL, &err), FIRN_READ_ONLY, "reading only");
    DB_FAILS(fi_db_keyspace_drop(db, "k", &err), FIRN_READ_ONLY, "reading only");
    DB_FAILS(fi_db_delete_range(keyspace, firn_str("a"), firn_str("b"), FIRN_DURABILITY_OS, &err),
             FIRN_READ_ONLY, "reading only");
    DB_OK(fi_db_close(db, &err));
    assert_int_equal(fi_sim_memory_calls(support.os), calls);
    db_support_deinit(&support);
}

/* ---- size, at rest and while it works ---- */

static void
a_small_store_stays_small(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    for (int i = 0; i < 20; i++) {
        struct firn_db *db = db_support_open(support.dir);
        db_support_put(db_support_keyspace(db, "k"), "a", "1");
        DB_OK(fi_db_close(db, &err));
    }
    struct sizes sizes = measure(support.dir);
    assert_int_equal(sizes.run_count, 0);
    assert_true(sizes.others < 2500);
    db_support_deinit(&support);
}

static void
a_long_log_is_emptied_at_closing(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t i = 0; i < 1000; i++) {
        put_number(keyspace, i, 1000, 1);
    }
    DB_OK(fi_db_close(db, &err));
    struct sizes sizes = measure(support.dir);
    assert_true(sizes.run_count > 0);
    assert_true(sizes.others < 300000); /* the reserve, for the most part */
    firn_store_check_result report;
    db = db_support_open(support.dir);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.log_records, 0);
    assert_int_equal(report.entries, 1000);
    assert_number(db_support_keyspace(db, "k"), 999, 1000, 1);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
memory_and_log_keep_to_their_bounds(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspaces[20];
    for (int i = 0; i < 20; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%d", i);
        keyspaces[i] = db_support_keyspace(db, name);
    }
    for (uint64_t i = 0; i < 8000; i++) {
        /* One is written rarely: it must not hold the log for ever. */
        put_number(keyspaces[i % 1000 == 0 ? 0 : 1 + i % 19], i, 400, 1);
        firn_store_statistics stats;
        DB_OK(fi_inspect_stats(db, &stats, &err));
        assert_true(stats.memtable_bytes < 3U << 20);
        assert_true(stats.log_bytes < 3U << 20);
    }
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_true(stats.flushes > 5 && stats.compactions + stats.moves > 0);
    for (uint64_t i = 0; i < 8000; i += 37) {
        assert_number(keyspaces[i % 1000 == 0 ? 0 : 1 + i % 19], i, 400, 1);
    }
    fi_db_abandon(db);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    for (uint64_t i = 0; i < 8000; i += 41) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%d", i % 1000 == 0 ? 0 : (int)(1 + i % 19));
        assert_number(db_support_keyspace(db, name), i, 400, 1);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_log_that_is_larger_than_memory_is_replayed(void **state)
{
    firn_error err;
    struct db_support support;
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        db_support_init(&support, 1);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        struct firn_db_keyspace *other = db_support_keyspace(db, "other");
        for (uint64_t i = 0; i < 6000; i++) {
            put_number(i % 5 == 0 ? other : keyspace, i, 500, 1);
        }
        DB_OK(fi_db_log_sync(db, &err));
        fi_db_abandon(db);
        if (is_cut) {
            db_support_cut(&support, 3);
        }
        DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
        keyspace = db_support_keyspace(db, "k");
        other = db_support_keyspace(db, "other");
        firn_store_statistics stats;
        DB_OK(fi_inspect_stats(db, &stats, &err));
        assert_true(stats.memtable_bytes < 1 << 20);
        assert_true(stats.flushes > 0);
        for (uint64_t i = 0; i < 6000; i++) {
            assert_number(i % 5 == 0 ? other : keyspace, i, 500, 1);
        }
        firn_store_check_result report;
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        assert_int_equal(report.entries, 6000);
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

/* ---- work that fails ---- */

static void
a_flush_that_fails_is_told_and_done_later(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    DB_OK(fi_db_open(dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    char key[16];
    static const char value[1000] = "x";
    int refused = 0;
    int taken = 0;
    for (int i = 0; i < 3000; i++) {
        if (i == 1000) {
            /* No file can be made any more; the log's is open. */
            fi_sim_fault_set_plan(faulty, &(struct fi_sim_fault_plan){.call = 1,
                                                                      .for_ever = true,
                                                                      .classes = FI_SIM_FAULT_OPENS,
                                                                      .error_number = EMFILE});
        } else if (i == 2000) {
            fi_sim_fault_set_plan(faulty, NULL);
        }
        (void)snprintf(key, sizeof key, "%d", i);
        int rc = fi_db_put(keyspace, firn_str(key), firn_bytes(value, sizeof value),
                           FIRN_DURABILITY_OS, &err);
        if (rc != FIRN_OK) {
            assert_true(i >= 1000 && i < 2050);
            assert_int_equal(rc, FIRN_IO);
            refused++;
            firn_store_statistics stats;
            DB_OK(fi_inspect_stats(db, &stats, &err));
            assert_true(stats.background_failures > 0);
            assert_int_equal(stats.background_code, FIRN_IO);
            assert_true(stats.memtable_bytes < 1 << 20);
        } else {
            taken++;
        }
        if (i < 1000 || i >= 2000) {
            assert_int_equal(db_support_get(keyspace, key) != NULL, rc == FIRN_OK);
        }
    }
    assert_true(refused > 10 && taken >= 2000);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, taken);
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db = db_support_open(support.dir);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, taken);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
the_same_seed_gives_the_same_files(void **state)
{
    firn_error err;
    struct sizes sizes[2];
    struct fi_buf bytes[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        struct db_support support;
        struct firn_db *db;
        struct fi_os_dir *runs;
        db_support_init(&support, 77);
        DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        for (uint64_t n = 0; n < 6000; n++) {
            put_number(keyspace, n * 7919 % 5000, 300, n);
        }
        DB_OK(fi_db_close(db, &err));
        sizes[i] = measure(support.dir);
        DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
        test_file_read(runs, sizes[i].largest, &bytes[i]);
        fi_os_dir_close(runs);
        db_support_deinit(&support);
    }
    assert_true(sizes[0].run_count > 1);
    assert_int_equal(sizes[0].run_count, sizes[1].run_count);
    assert_int_equal(sizes[0].runs, sizes[1].runs);
    assert_int_equal(sizes[0].others, sizes[1].others);
    assert_true(fi_slice_equal(fi_buf_slice(&bytes[0]), fi_buf_slice(&bytes[1])));
    fi_buf_deinit(&bytes[0]);
    fi_buf_deinit(&bytes[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_stays_through_flushes),
        cmocka_unit_test(overwriting_for_long_costs_no_space),
        cmocka_unit_test(many_keys_are_sorted_and_compact),
        cmocka_unit_test(tidying_makes_one_keyspace_whole),
        cmocka_unit_test(sizes_at_the_limits_come_back_from_runs),
        cmocka_unit_test(a_damaged_block_costs_its_keys_and_no_others),
        cmocka_unit_test(a_missing_run_costs_its_keys_and_no_others),
        cmocka_unit_test(a_store_in_a_read_only_directory_is_read_and_not_changed),
        cmocka_unit_test(a_small_store_stays_small),
        cmocka_unit_test(a_store_that_is_only_read_becomes_one_sorted_run),
        cmocka_unit_test(a_long_log_is_emptied_at_closing),
        cmocka_unit_test(memory_and_log_keep_to_their_bounds),
        cmocka_unit_test(a_log_that_is_larger_than_memory_is_replayed),
        cmocka_unit_test(a_flush_that_fails_is_told_and_done_later),
        cmocka_unit_test(the_same_seed_gives_the_same_files),
    };
    return cmocka_run_group_tests_name("db_engine", tests, NULL, NULL);
}
