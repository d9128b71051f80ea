/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: opening, locking, keyspaces, batches, cursors, closing, and every refusal on the way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "log/log.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_file.h"

static void
what_is_put_is_there_after_reopening(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    struct firn_db_keyspace *other = db_support_keyspace(db, "other");
    assert_ptr_equal(db_support_keyspace(db, "users"), users);
    assert_ptr_equal(fi_db_keyspace_db(users), db);
    assert_string_equal(fi_db_keyspace_name(users), "users");
    db_support_put(users, "ada", "1815");
    db_support_put(users, "grace", "1906");
    db_support_put(users, "empty", "");
    db_support_put(other, "ada", "another");
    db_support_put(users, "grace", "1907");
    DB_OK(fi_db_delete(users, firn_str("ada"), FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_delete(users, firn_str("nobody"), FIRN_DURABILITY_DEFAULT, &err));
    uint8_t id[16];
    memcpy(id, fi_db_id(db), sizeof id);
    for (int round = 0; round < 4; round++) {
        assert_null(db_support_get(users, "ada"));
        assert_string_equal(db_support_get(users, "grace"), "1907");
        assert_string_equal(db_support_get(users, "empty"), "");
        assert_string_equal(db_support_get(other, "ada"), "another");
        assert_string_equal(db_support_keys(users, NULL, false), "empty grace ");
        assert_string_equal(db_support_keys(users, NULL, true), "grace empty ");
        assert_memory_equal(fi_db_id(db), id, sizeof id);
        assert_ptr_equal(fi_db_os(db), support.os);
        assert_ptr_equal(fi_db_dir(db), support.dir);
        /* Closed, abandoned, and with the power cut. */
        if (round % 2 == 0) {
            DB_OK(fi_db_close(db, &err));
        } else {
            fi_db_abandon(db);
        }
        db_support_cut(&support, 2);
        DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
        users = db_support_keyspace(db, "users");
        other = db_support_keyspace(db, "other");
    }
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_close(NULL, &err));
    fi_db_abandon(NULL);
    db_support_deinit(&support);
}

static void
creation_is_asked_for_and_refused_by_the_options(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db;
    const struct fi_db_options exclusive = {.create_if_missing = true, .fail_if_exists = true};
    DB_FAILS(fi_db_open(support.dir, &db_support_existing, &db, &err), FIRN_NOT_FOUND,
             "no firn store in '/store'");
    assert_null(db);
    DB_FAILS(fi_db_open(support.dir, &db_support_read_only, &db, &err), FIRN_NOT_FOUND,
             "no firn store");
    assert_int_equal(test_file_count(support.dir), 0);
    DB_OK(fi_db_open(support.dir, &exclusive, &db, &err));
    DB_OK(fi_db_close(db, &err));
    DB_FAILS(fi_db_open(support.dir, &exclusive, &db, &err), FIRN_EXISTS, "already");
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_directory_that_is_something_else_is_left_alone(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db;
    test_file_write(support.dir, "thesis.tex", "x", 1);
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &db, &err), FIRN_INVALID,
             "is not a firn store and not empty (it holds 'thesis.tex')");
    assert_int_equal(test_file_count(support.dir), 1);
    DB_OK(fi_os_remove_file(support.dir, "thesis.tex", &err));

    /* A log whose identity was lost may be somebody's only copy. */
    db = db_support_open(support.dir);
    db_support_put(db_support_keyspace(db, "k"), "a", "1");
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_os_remove_file(support.dir, "FIRN", &err));
    size_t files = test_file_count(support.dir);
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &db, &err), FIRN_CORRUPT,
             "'/store/FIRN' is missing");
    assert_int_equal(test_file_count(support.dir), files);
    db_support_deinit(&support);
}

static void
an_unfinished_creation_is_begun_anew(void **state)
{
    firn_error err;
    for (uint64_t seed = 0; seed < 40; seed++) {
        bool is_ended = false;
        for (uint64_t call = 1; !is_ended; call++) {
            struct db_support support;
            db_support_init(&support, seed);
            fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + call);
            struct firn_db *db;
            int rc = fi_db_open(support.dir, &db_support_create, &db, &err);
            is_ended = rc == FIRN_OK;
            fi_db_abandon(db);
            db_support_cut(&support, seed);
            fi_sim_memory_set_cut_at(support.os, 0);
            rc = fi_db_open(support.dir, &db_support_read_only, &db, &err);
            assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && !is_ended));
            fi_db_abandon(db);
            db = db_support_open(support.dir);
            db_support_put(db_support_keyspace(db, "k"), "a", "1");
            DB_OK(fi_db_close(db, &err));
            db = db_support_open(support.dir);
            assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "a"), "1");
            DB_OK(fi_db_close(db, &err));
            db_support_deinit(&support);
        }
    }
}

static void
one_writer_at_a_time_and_the_loser_learns_who(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db *second;
    char expected[64];
    (void)snprintf(expected, sizeof expected, "locked by process %llu",
                   (unsigned long long)fi_os_process_id(support.os));
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &second, &err), FIRN_BUSY, expected);
    assert_null(second);
    const struct fi_db_options patient = {.create_if_missing = true, .lock_timeout_ms = 2500};
    int64_t began = fi_os_monotonic_ns(support.os);
    DB_FAILS(fi_db_open(support.dir, &patient, &second, &err), FIRN_BUSY, expected);
    int64_t waited = fi_os_monotonic_ns(support.os) - began;
    assert_true(waited >= INT64_C(2500000000) && waited < INT64_C(2600000000));

    /* A file without a number in it is no reason for another answer. */
    test_file_write(support.dir, "LOCK", "x", 1);
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &second, &err), FIRN_BUSY,
             "locked by another process");
    test_file_write(support.dir, "LOCK", "99999999999999999999999999", 26);
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &second, &err), FIRN_BUSY,
             "locked by another process");

    /* Readers do not care. */
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &second, &err));
    fi_db_abandon(second);
    DB_OK(fi_db_close(db, &err));
    db = db_support_open(support.dir);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_reader_sees_its_moment_and_changes_nothing(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    db_support_put(keyspace, "a", "1");
    uint64_t calls = fi_sim_memory_calls(support.os);
    struct firn_db *reader;
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    assert_true(fi_db_is_read_only(reader));
    assert_int_equal(fi_sim_memory_calls(support.os), calls);
    db_support_put(keyspace, "a", "2");
    db_support_put(db_support_keyspace(db, "later"), "a", "2");
    struct firn_db_keyspace *seen = db_support_keyspace(reader, "k");
    calls = fi_sim_memory_calls(support.os);
    assert_string_equal(db_support_get(seen, "a"), "1");
    struct firn_db_keyspace *missing;
    DB_FAILS(fi_db_keyspace_open(reader, "later", &missing, &err), FIRN_NOT_FOUND,
             "no keyspace 'later'");
    assert_null(missing);
    DB_FAILS(fi_db_put(seen, firn_str("a"), firn_str("3"), FIRN_DURABILITY_OS, &err),
             FIRN_READ_ONLY, "reading only");
    DB_OK(fi_db_log_sync(reader, &err));
    firn_store_check_result report;
    DB_OK(fi_inspect_check(reader, NULL, &report, &err));
    assert_int_equal(report.log_records, 2);
    DB_OK(fi_db_close(reader, &err));
    assert_int_equal(fi_sim_memory_calls(support.os), calls);
    DB_OK(fi_db_close(db, &err));

    /* A directory in which nothing may be written. */
    DB_OK(fi_os_set_mode((struct fi_os_node){.dir = support.dir}, 0555, &err));
    fi_sim_memory_set_user(support.os, 1000);
    DB_FAILS(fi_db_open(support.dir, &db_support_existing, &db, &err), FIRN_DENIED, "LOCK");
    fi_sim_memory_set_user(support.os, 0);
    DB_OK(fi_os_set_mode((struct fi_os_node){.dir = support.dir, .name = "FIRN"}, 0444, &err));
    DB_OK(fi_os_set_mode((struct fi_os_node){.dir = support.dir, .name = "wal-000001.log"}, 0444,
                         &err));
    DB_OK(fi_os_set_mode((struct fi_os_node){.dir = support.dir, .name = "manifest-000001.log"},
                         0444, &err));
    DB_OK(fi_os_set_mode((struct fi_os_node){.dir = support.dir, .name = "runs"}, 0555, &err));
    fi_sim_memory_set_user(support.os, 1000);
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    assert_string_equal(db_support_get(db_support_keyspace(reader, "later"), "a"), "2");
    DB_OK(fi_db_close(reader, &err));
    fi_sim_memory_set_user(support.os, 0);
    db_support_deinit(&support);
}

static int
collect_name(void *ctx, const char *name)
{
    firn_error err;
    DB_OK(fi_buf_append_format(ctx, "%s,", name));
    return strcmp(name, "stop") == 0 ? FIRN_CANCELLED : FIRN_OK;
}

/* ---- a log that moves on while it is read ---- */

#define CREATE_K(sequence) sequence "\0\0\0\0\0\0\0\0\1\0\1\1k\1\1"
#define PUT_K(sequence, value) sequence "\0\0\0\0\0\0\0\0\1\1\1\1a\1" value

static void
append_text(struct fi_log *log, const char *bytes, size_t size)
{
    firn_error err;
    const firn_slice record = firn_bytes(bytes, size);
    DB_OK(fi_log_append(log, FI_LOG_TYPE_USER, &record, 1, NULL, &err));
}
#define APPEND(log, text) append_text((log), (text), sizeof(text) - 1)

struct moving {
    struct fi_log *log;
    unsigned moves_left;
    char sequence;
};

/* When the reader goes on to a second segment, all that it has seen is replaced. */
static void
move_on(void *ctx, const struct fi_sim_fault_call *call)
{
    struct moving *moving = ctx;
    firn_error err;
    uint64_t newest = fi_log_end(moving->log).segment;
    char name[32];
    (void)snprintf(name, sizeof name, "wal-%06llu.log", (unsigned long long)newest);
    if (moving->moves_left == 0 || strcmp(call->operation, "file_open") != 0 ||
        call->name == NULL || strcmp(call->name, name) != 0 || newest % 2 == 1) {
        return;
    }
    moving->moves_left--;
    DB_OK(fi_log_rotate(moving->log, &err));
    DB_OK(fi_log_remove_before(moving->log, newest + 1, &err));
    char create[] = CREATE_K("x");
    char put[] = PUT_K("x", "n");
    create[0] = ++moving->sequence;
    append_text(moving->log, create, sizeof create - 1);
    DB_OK(fi_log_rotate(moving->log, &err));
    put[0] = ++moving->sequence;
    put[sizeof put - 2] = (char)('0' + moving->moves_left);
    append_text(moving->log, put, sizeof put - 1);
}

static void
a_reader_begins_anew_when_the_log_moves_on(void **state)
{
    firn_error err;
    static const unsigned counts[] = {0, 1, 2, 3, 5, 8, 13, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        unsigned moves = counts[i];
        struct db_support support;
        struct fi_os *watched;
        struct fi_os_dir *dir;
        struct moving moving = {.moves_left = moves, .sequence = 2};
        const struct fi_log_options options = {.prefix = "wal"};
        db_support_init(&support, 1);
        fi_db_abandon(db_support_open(support.dir));
        DB_OK(fi_log_open(support.dir, &options, NULL, NULL, &moving.log, NULL, &err));
        APPEND(moving.log, CREATE_K("\1"));
        DB_OK(fi_log_rotate(moving.log, &err));
        APPEND(moving.log, PUT_K("\2", "v"));
        DB_OK(fi_sim_fault_create(support.os, &watched, &err));
        DB_OK(fi_os_dir_open_path(watched, "/store", &dir, &err));
        fi_sim_fault_set_hook(watched, move_on, &moving);
        struct firn_db *db;
        int rc = fi_db_open(dir, &db_support_read_only, &db, &err);
        if (moves == 1000) {
            /* There is an end to patience. */
            assert_true(rc == FIRN_BUSY || rc == FIRN_CORRUPT);
            assert_true(moving.moves_left > 900);
        } else {
            DB_OK(rc);
            struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
            assert_string_equal(db_support_get(keyspace, "a"), moves == 0 ? "v" : "0");
            assert_int_equal(moving.moves_left, 0);
        }
        fi_db_abandon(db);
        fi_log_abandon(moving.log);
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(watched);
        db_support_deinit(&support);
    }
}

static void
keyspaces_have_names_and_are_listed_in_order(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace;
    char name[FIRN_KEYSPACE_NAME_SIZE_MAX + 2];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    DB_FAILS(fi_db_keyspace_open(db, "", &keyspace, &err), FIRN_INVALID, "empty");
    DB_FAILS(fi_db_keyspace_open(db, "\xff", &keyspace, &err), FIRN_INVALID, "UTF-8");
    DB_FAILS(fi_db_keyspace_open(db, name, &keyspace, &err), FIRN_LIMIT, "256 bytes");
    name[sizeof name - 2] = '\0';
    struct firn_db_keyspace *longest = db_support_keyspace(db, name);
    db_support_put(longest, "k", "v");
    (void)db_support_keyspace(db, "firn.system");
    (void)db_support_keyspace(db, "b");
    (void)db_support_keyspace(db, "\xc3\xa4");
    for (int round = 0; round < 2; round++) {
        struct fi_buf names = {0};
        DB_OK(fi_db_keyspace_list(db, collect_name, &names, &err));
        const char *text = fi_buf_text(&names);
        assert_int_equal(strncmp(text, "b,firn.system,nnnn", 18), 0);
        assert_string_equal(text + 14 + FIRN_KEYSPACE_NAME_SIZE_MAX, ",\xc3\xa4,");
        fi_buf_deinit(&names);
        assert_string_equal(db_support_get(db_support_keyspace(db, name), "k"), "v");
        DB_OK(fi_db_close(db, &err));
        db = db_support_open(support.dir);
    }
    (void)db_support_keyspace(db, "stop");
    (void)db_support_keyspace(db, "zero");
    struct fi_buf names = {0};
    assert_int_equal(fi_db_keyspace_list(db, collect_name, &names, &err), FIRN_CANCELLED);
    assert_null(strstr(fi_buf_text(&names), "zero"));
    fi_buf_deinit(&names);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
many_keyspaces_keep_apart(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    const struct fi_db_options options = {.create_if_missing = true,
                                          .durability = FIRN_DURABILITY_OS};
    struct firn_db *db;
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 700; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "keyspace %u", i * 7919 % 1000);
            struct firn_db_keyspace *keyspace = db_support_keyspace(db, name);
            if (round == 0) {
                db_support_put(keyspace, "name", name);
            }
            assert_string_equal(db_support_get(keyspace, "name"), name);
        }
        DB_OK(fi_db_close(db, &err));
        DB_OK(fi_db_open(support.dir, &options, &db, &err));
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_batch_is_one_commit_and_its_last_word_counts(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *a = db_support_keyspace(db, "a");
    struct firn_db_keyspace *b = db_support_keyspace(db, "b");
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    uint64_t syncs = fi_sim_memory_syncs(support.os);
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_FULL, &err));
    assert_int_equal(fi_sim_memory_syncs(support.os), syncs);
    DB_OK(fi_db_batch_put(batch, a, firn_str("x"), firn_str("1"), &err));
    DB_OK(fi_db_batch_put(batch, b, firn_str("x"), firn_str("2"), &err));
    DB_OK(fi_db_batch_delete(batch, a, firn_str("x"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("y"), firn_str("3"), &err));
    DB_OK(fi_db_batch_delete(batch, a, firn_str("z"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("z"), firn_str("4"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("z"), firn_str("5"), &err));
    assert_int_equal(fi_db_batch_count(batch), 7);
    assert_true(fi_db_batch_size_bytes(batch) >= 7 + 5);
    syncs = fi_sim_memory_syncs(support.os);
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_DEFAULT, &err));
    assert_int_equal(fi_sim_memory_syncs(support.os), syncs + 1);
    /* The batch is as it was, and may be committed again. */
    assert_int_equal(fi_db_batch_count(batch), 7);
    db_support_put(a, "y", "other");
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_OS, &err));
    for (int round = 0; round < 2; round++) {
        assert_null(db_support_get(a, "x"));
        assert_string_equal(db_support_get(b, "x"), "2");
        assert_string_equal(db_support_get(a, "y"), "3");
        assert_string_equal(db_support_get(a, "z"), "5");
        firn_store_check_result report;
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        assert_int_equal(report.entries, 3);
        assert_int_equal(report.keyspaces, 2);
        assert_int_equal(report.log_records, 5);
        assert_int_equal(report.damaged_count, 0);
        if (round == 0) {
            fi_db_batch_clear(batch);
            assert_int_equal(fi_db_batch_count(batch), 0);
            assert_int_equal(fi_db_batch_size_bytes(batch), 0);
            DB_OK(fi_db_close(db, &err));
            db = db_support_open(support.dir);
            a = db_support_keyspace(db, "a");
            b = db_support_keyspace(db, "b");
        }
    }
    fi_db_batch_destroy(batch);
    fi_db_batch_destroy(NULL);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_batch_belongs_to_one_store(void **state)
{
    firn_error err;
    struct db_support one;
    struct db_support two;
    db_support_init(&one, 1);
    db_support_init(&two, 2);
    struct firn_db *first = db_support_open(one.dir);
    struct firn_db *second = db_support_open(two.dir);
    assert_memory_not_equal(fi_db_id(first), fi_db_id(second), 16);
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    DB_OK(fi_db_batch_put(batch, db_support_keyspace(first, "k"), firn_str("a"), firn_str("1"),
                          &err));
    DB_FAILS(fi_db_batch_put(batch, db_support_keyspace(second, "k"), firn_str("b"), firn_str("1"),
                             &err),
             FIRN_INVALID, "two stores");
    DB_FAILS(fi_db_write(second, batch, FIRN_DURABILITY_OS, &err), FIRN_INVALID, "another store");
    assert_int_equal(fi_db_batch_count(batch), 1);
    fi_db_batch_clear(batch);
    DB_OK(fi_db_batch_put(batch, db_support_keyspace(second, "k"), firn_str("b"), firn_str("1"),
                          &err));
    DB_OK(fi_db_write(second, batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(batch);
    DB_OK(fi_db_close(first, &err));
    DB_OK(fi_db_close(second, &err));
    db_support_deinit(&one);
    db_support_deinit(&two);
}

static void
limits_are_refused_and_what_is_inside_comes_back(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    enum { VALUE_SIZE = 3 << 20 };
    uint8_t *bytes = fi_alloc_zeroed(VALUE_SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < VALUE_SIZE; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 12));
    }
    static const size_t key_sizes[] = {
        0, 1, 65535, 65536, FIRN_KEY_SIZE_MAX - 1, FIRN_KEY_SIZE_MAX};
    enum { KEYS = sizeof key_sizes / sizeof key_sizes[0] };
    static const size_t value_sizes[] = {0, 1, 127, 128, 65536, VALUE_SIZE};
    const firn_slice longer = firn_bytes(bytes, FIRN_KEY_SIZE_MAX + 1);
    for (size_t i = 0; i < KEYS; i++) {
        for (size_t j = 0; j < 6; j++) {
            firn_slice key = firn_bytes(key_sizes[i] == 0 ? NULL : bytes + j, key_sizes[i]);
            firn_slice value = firn_bytes(value_sizes[j] == 0 ? NULL : bytes, value_sizes[j]);
            DB_OK(fi_db_put(keyspace, key, value, FIRN_DURABILITY_OS, &err));
            struct fi_buf out = {0};
            DB_OK(fi_db_get(keyspace, key, &out, &err));
            assert_true(fi_slice_equal(fi_buf_slice(&out), value));
            fi_buf_deinit(&out);
        }
    }
    DB_FAILS(fi_db_put(keyspace, longer, firn_str(""), FIRN_DURABILITY_OS, &err), FIRN_LIMIT,
             "524289 bytes is too long");
    DB_FAILS(fi_db_delete(keyspace, longer, FIRN_DURABILITY_OS, &err), FIRN_LIMIT, "key");
    /* The bytes after these are never looked at: sizes are judged first. */
    DB_FAILS(fi_db_put(keyspace, firn_str("k"), firn_bytes(bytes, (size_t)FIRN_VALUE_SIZE_MAX + 1),
                       FIRN_DURABILITY_OS, &err),
             FIRN_LIMIT, "a value of 268435457 bytes");
    assert_null(db_support_get(keyspace, "k"));
    DB_OK(fi_db_close(db, &err));
    db = db_support_open(support.dir);
    keyspace = db_support_keyspace(db, "k");
    for (size_t i = 1; i < KEYS; i++) {
        struct fi_buf out = {0};
        DB_OK(fi_db_get(keyspace, firn_bytes(bytes + 5, key_sizes[i]), &out, &err));
        assert_int_equal(out.size, VALUE_SIZE);
        assert_memory_equal(out.data, bytes, VALUE_SIZE);
        fi_buf_deinit(&out);
    }
    DB_OK(fi_db_close(db, &err));
    fi_free(bytes);
    db_support_deinit(&support);
}

static void
a_batch_ends_at_its_limit(void **state)
{
    if (getenv("FIRN_TEST_LONG") == NULL) {
        return; /* takes a second and a gigabyte */
    }
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    uint8_t *bytes = fi_alloc_zeroed(FIRN_VALUE_SIZE_MAX);
    struct firn_db_batch *batch;
    assert_non_null(bytes);
    DB_OK(fi_db_batch_create(&batch, &err));
    const firn_slice largest = firn_bytes(bytes, FIRN_VALUE_SIZE_MAX);
    DB_OK(fi_db_batch_put(batch, keyspace, firn_str("a"), largest, &err));
    DB_FAILS(fi_db_batch_put(batch, keyspace, firn_str("b"), largest, &err), FIRN_LIMIT,
             "more than 536870912 bytes");
    assert_int_equal(fi_db_batch_count(batch), 1);
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(batch);
    fi_db_abandon(db);
    db = db_support_open(support.dir);
    struct fi_buf out = {0};
    DB_OK(fi_db_get(db_support_keyspace(db, "k"), firn_str("a"), &out, &err));
    assert_true(fi_slice_equal(fi_buf_slice(&out), largest));
    fi_buf_deinit(&out);
    fi_free(bytes);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- cursors ---- */

static const char *
keys_between(struct firn_db_keyspace *keyspace, const char *lower, const char *upper,
             const char *prefix, bool is_back)
{
    firn_slice slices[3] = {firn_str(lower == NULL ? "" : lower),
                            firn_str(upper == NULL ? "" : upper),
                            firn_str(prefix == NULL ? "" : prefix)};
    const struct fi_db_cursor_options options = {.lower = lower == NULL ? NULL : &slices[0],
                                                 .upper = upper == NULL ? NULL : &slices[1],
                                                 .prefix = prefix == NULL ? NULL : &slices[2]};
    return db_support_keys(keyspace, &options, is_back);
}

static void
cursors_keep_to_their_bounds_both_ways(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    static const char *const keys[] = {"a",  "ab", "abc",  "b",        "c",
                                       "ca", "d",  "\xff", "\xff\xff", "\xff\xff\x61"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        db_support_put(keyspace, keys[i], "v");
    }
    assert_string_equal(keys_between(keyspace, "ab", "ca", NULL, false), "ab abc b c ");
    assert_string_equal(keys_between(keyspace, "ab", "ca", NULL, true), "c b abc ab ");
    assert_string_equal(keys_between(keyspace, NULL, NULL, "a", false), "a ab abc ");
    assert_string_equal(keys_between(keyspace, NULL, NULL, "a", true), "abc ab a ");
    assert_string_equal(keys_between(keyspace, "ab", NULL, "a", true), "abc ab ");
    assert_string_equal(keys_between(keyspace, "0", "abc", "a", false), "a ab ");
    assert_string_equal(keys_between(keyspace, "b", NULL, "a", false), "");
    assert_string_equal(keys_between(keyspace, NULL, NULL, "", true) + 14, "c b abc ab a ");
    assert_string_equal(keys_between(keyspace, NULL, NULL, "\xff\xff", false),
                        "\xff\xff \xff\xff\x61 ");
    assert_string_equal(keys_between(keyspace, NULL, NULL, "\xff\xff", true),
                        "\xff\xff\x61 \xff\xff ");
    assert_string_equal(keys_between(keyspace, NULL, "\xff\xff", "\xff", true), "\xff ");
    /* Reversed and empty ranges. */
    assert_string_equal(keys_between(keyspace, "z", "a", NULL, false), "");
    assert_string_equal(keys_between(keyspace, "z", "a", NULL, true), "");
    assert_string_equal(keys_between(keyspace, "b", "b", NULL, false), "");
    assert_string_equal(keys_between(keyspace, "b", "b", NULL, true), "");
    assert_string_equal(keys_between(keyspace, "\xff\xff\x62", NULL, NULL, false), "");
    assert_string_equal(keys_between(keyspace, NULL, "", NULL, true), "");

    /* Zero bytes belong to keys: [a, b\0) and [a\0, c) on a and b. */
    struct firn_db_keyspace *zeros = db_support_keyspace(db, "zeros");
    db_support_put(zeros, "a", "v");
    db_support_put(zeros, "b", "v");
    firn_slice a = firn_str("a");
    firn_slice a0 = firn_bytes("a", 2);
    firn_slice b0 = firn_bytes("b", 2);
    firn_slice c = firn_str("c");
    assert_string_equal(
        db_support_keys(zeros, &(struct fi_db_cursor_options){.lower = &a, .upper = &b0}, false),
        "a b ");
    assert_string_equal(
        db_support_keys(zeros, &(struct fi_db_cursor_options){.lower = &a0, .upper = &c}, true),
        "b ");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static const char *
key_at(const struct firn_db_cursor *cursor)
{
    static char text[64];
    firn_slice key = fi_db_cursor_key(cursor);
    (void)snprintf(text, sizeof text, "%.*s=%.*s", (int)key.size, (const char *)key.data,
                   (int)fi_db_cursor_value(cursor).size,
                   (const char *)fi_db_cursor_value(cursor).data);
    return text;
}

static void
cursors_seek_and_turn_and_keep_their_snapshot(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (char c = 'b'; c <= 'h'; c = (char)(c + 2)) {
        db_support_put(keyspace, (char[]){c, 0}, "1");
    }
    DB_OK(fi_db_delete(keyspace, firn_str("f"), FIRN_DURABILITY_OS, &err));
    struct firn_db_cursor *cursor;
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    assert_false(fi_db_cursor_valid(cursor));
    assert_int_equal(fi_db_cursor_key(cursor).size, 0);
    assert_int_equal(fi_db_cursor_value(cursor).size, 0);
    DB_FAILS(fi_db_cursor_next(cursor, &err), FIRN_MISUSE, "no entry");
    DB_FAILS(fi_db_cursor_prev(cursor, &err), FIRN_MISUSE, "no entry");
    /* What comes now is not seen: many new versions, new keys, deletes. */
    for (unsigned i = 0; i < 30; i++) {
        db_support_put(keyspace, "b", "2");
        db_support_put(keyspace, "d", "2");
        db_support_put(keyspace, "c", "2");
        db_support_put(keyspace, "f", "2");
        DB_OK(fi_db_delete(keyspace, firn_str("h"), FIRN_DURABILITY_OS, &err));
    }
    DB_OK(fi_db_cursor_first(cursor, &err));
    assert_string_equal(key_at(cursor), "b=1");
    DB_OK(fi_db_cursor_next(cursor, &err));
    assert_string_equal(key_at(cursor), "d=1");
    DB_OK(fi_db_cursor_next(cursor, &err));
    assert_string_equal(key_at(cursor), "h=1");
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_string_equal(key_at(cursor), "d=1");
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_string_equal(key_at(cursor), "b=1");
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_seek(cursor, firn_str("c"), &err));
    assert_string_equal(key_at(cursor), "d=1");
    DB_OK(fi_db_cursor_seek(cursor, firn_str("d"), &err));
    assert_string_equal(key_at(cursor), "d=1");
    DB_OK(fi_db_cursor_seek_before(cursor, firn_str("d"), &err));
    assert_string_equal(key_at(cursor), "b=1");
    DB_OK(fi_db_cursor_seek_before(cursor, firn_str("zz"), &err));
    assert_string_equal(key_at(cursor), "h=1");
    DB_OK(fi_db_cursor_seek(cursor, firn_str("i"), &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_seek_before(cursor, firn_str("b"), &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_last(cursor, &err));
    assert_string_equal(key_at(cursor), "h=1");

    DB_FAILS(fi_db_close(db, &err), FIRN_MISUSE,
             "1 cursors, snapshots, transactions or pins are open");
    struct firn_db_cursor *second;
    DB_OK(fi_db_cursor_open(keyspace, NULL, &second, &err));
    DB_OK(fi_db_cursor_first(second, &err));
    assert_string_equal(key_at(second), "b=2");
    fi_db_cursor_close(cursor);
    DB_FAILS(fi_db_close(db, &err), FIRN_MISUSE,
             "1 cursors, snapshots, transactions or pins are open");
    fi_db_cursor_close(second);
    fi_db_cursor_close(NULL);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
bounds_hold_for_seeks_too(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (char c = 'a'; c <= 'i'; c++) {
        db_support_put(keyspace, (char[]){c, 0}, "1");
    }
    firn_slice lower = firn_str("c");
    firn_slice upper = firn_str("g");
    const struct fi_db_cursor_options options = {.lower = &lower, .upper = &upper};
    struct firn_db_cursor *cursor;
    DB_OK(fi_db_cursor_open(keyspace, &options, &cursor, &err));
    DB_OK(fi_db_cursor_seek(cursor, firn_str("a"), &err));
    assert_string_equal(key_at(cursor), "c=1");
    DB_OK(fi_db_cursor_seek_before(cursor, firn_str("i"), &err));
    assert_string_equal(key_at(cursor), "f=1");
    DB_OK(fi_db_cursor_seek(cursor, firn_str("g"), &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_seek_before(cursor, firn_str("c"), &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_last(cursor, &err));
    DB_OK(fi_db_cursor_next(cursor, &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_first(cursor, &err));
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_false(fi_db_cursor_valid(cursor));
    fi_db_cursor_close(cursor);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
abandoning_takes_open_cursors_along(void **state)
{
    firn_error err;
    struct db_support support;
    test_alloc_install();
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_cursor *cursor;
    DB_OK(fi_db_cursor_open(db_support_keyspace(db, "k"), NULL, &cursor, &err));
    DB_OK(fi_db_cursor_open(db_support_keyspace(db, "k"), NULL, &cursor, &err));
    fi_db_abandon(db);
    db_support_deinit(&support);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
durability_says_what_a_power_cut_may_take(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    fi_sim_memory_set_writeback(support.os, 0);
    const struct fi_db_options options = {.create_if_missing = true,
                                          .durability = FIRN_DURABILITY_OS};
    struct firn_db *db;
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    uint64_t syncs = fi_sim_memory_syncs(support.os);
    db_support_put(keyspace, "a", "1");
    db_support_put(keyspace, "b", "1");
    assert_int_equal(fi_sim_memory_syncs(support.os), syncs);
    DB_OK(fi_db_log_sync(db, &err));
    assert_int_equal(fi_sim_memory_syncs(support.os), syncs + 1);
    db_support_put(keyspace, "c", "1");
    DB_OK(fi_db_put(keyspace, firn_str("d"), firn_str("1"), FIRN_DURABILITY_FULL, &err));
    assert_int_equal(fi_sim_memory_syncs(support.os), syncs + 2);
    db_support_put(keyspace, "e", "1");
    fi_db_abandon(db);
    /* A dead process loses nothing. */
    db = db_support_open(support.dir);
    assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "e"), "1");
    fi_db_abandon(db);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    db_support_put(db_support_keyspace(db, "k"), "f", "1");
    fi_db_abandon(db);
    db_support_cut(&support, 0);
    db = db_support_open(support.dir);
    keyspace = db_support_keyspace(db, "k");
    assert_string_equal(db_support_keys(keyspace, NULL, false), "a b c d e ");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
opening_by_path_makes_the_last_component(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db;
    static const char *const good[] = {"/store/a", "/store/b/", "/store/b///", "store/c", "d"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        DB_OK(fi_db_path_open(support.os, good[i], &db_support_create, &db, &err));
        struct fi_os_stat stat;
        DB_OK(fi_os_dir_stat(fi_db_dir(db), &stat, &err));
        assert_int_equal(stat.mode, 0700);
        db_support_put(db_support_keyspace(db, "k"), "a", "1");
        fi_db_abandon(db);
        /* The new directory's own name is as durable as what was committed in it. */
        db_support_cut(&support, 0);
        DB_OK(fi_db_path_open(support.os, good[i], &db_support_existing, &db, &err));
        assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "a"), "1");
        DB_OK(fi_db_close(db, &err));
    }
    test_file_write(support.dir, "file", "x", 1);
    DB_FAILS(fi_db_path_open(support.os, "/store/none", &db_support_existing, &db, &err),
             FIRN_NOT_FOUND, "/store/none");
    assert_null(db);
    DB_FAILS(fi_db_path_open(support.os, "/store/none", &db_support_read_only, &db, &err),
             FIRN_NOT_FOUND, "/store/none");
    DB_FAILS(fi_db_path_open(support.os, "/none/none", &db_support_create, &db, &err),
             FIRN_NOT_FOUND, "/none");
    DB_FAILS(fi_db_path_open(support.os, "/none/..", &db_support_create, &db, &err), FIRN_NOT_FOUND,
             "/none/..");
    int rc = fi_db_path_open(support.os, "/store/file", &db_support_create, &db, &err);
    assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_INVALID || rc == FIRN_EXISTS);
    DB_FAILS(fi_db_path_open(support.os, "/store", &db_support_create, &db, &err), FIRN_INVALID,
             "not empty");
    db_support_deinit(&support);
}

static void
a_new_directory_is_durable_before_anything_is_in_it(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    fi_sim_fault_set_plan(
        faulty,
        &(struct fi_sim_fault_plan){.call = 1, .classes = FI_SIM_FAULT_SYNCS, .error_number = EIO});
    DB_FAILS(fi_db_path_open(faulty, "/store/new", &db_support_create, &db, &err), FIRN_IO,
             "'/store'");
    DB_OK(fi_os_dir_open_path(support.os, "/store/new", &dir, &err));
    assert_int_equal(test_file_count(dir), 0);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_deinit(&support);
}

static void
a_failed_sync_ends_commits_but_not_reading(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    db_support_put(keyspace, "a", "1");
    fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + 2);
    DB_FAILS(fi_db_put(keyspace, firn_str("b"), firn_str("1"), FIRN_DURABILITY_FULL, &err), FIRN_IO,
             "");
    assert_null(db_support_get(keyspace, "b"));
    DB_FAILS(fi_db_put(keyspace, firn_str("c"), firn_str("1"), FIRN_DURABILITY_OS, &err),
             FIRN_FAILED, "until it is opened again");
    struct firn_db_keyspace *more;
    DB_FAILS(fi_db_keyspace_open(db, "more", &more, &err), FIRN_FAILED, "failed earlier");
    DB_FAILS(fi_db_log_sync(db, &err), FIRN_FAILED, "failed earlier");
    assert_string_equal(db_support_get(keyspace, "a"), "1");
    assert_string_equal(db_support_keys(keyspace, NULL, true), "a ");
    DB_FAILS(fi_db_close(db, &err), FIRN_FAILED, "failed earlier");
    fi_sim_memory_set_cut_at(support.os, 0);
    db_support_cut(&support, 3);
    db = db_support_open(support.dir);
    keyspace = db_support_keyspace(db, "k");
    assert_string_equal(db_support_get(keyspace, "a"), "1");
    assert_null(db_support_get(keyspace, "c"));
    db_support_put(keyspace, "c", "2");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_there_after_reopening),
        cmocka_unit_test(creation_is_asked_for_and_refused_by_the_options),
        cmocka_unit_test(a_directory_that_is_something_else_is_left_alone),
        cmocka_unit_test(an_unfinished_creation_is_begun_anew),
        cmocka_unit_test(one_writer_at_a_time_and_the_loser_learns_who),
        cmocka_unit_test(a_reader_sees_its_moment_and_changes_nothing),
        cmocka_unit_test(a_reader_begins_anew_when_the_log_moves_on),
        cmocka_unit_test(keyspaces_have_names_and_are_listed_in_order),
        cmocka_unit_test(many_keyspaces_keep_apart),
        cmocka_unit_test(a_batch_is_one_commit_and_its_last_word_counts),
        cmocka_unit_test(a_batch_belongs_to_one_store),
        cmocka_unit_test(limits_are_refused_and_what_is_inside_comes_back),
        cmocka_unit_test(a_batch_ends_at_its_limit),
        cmocka_unit_test(cursors_keep_to_their_bounds_both_ways),
        cmocka_unit_test(cursors_seek_and_turn_and_keep_their_snapshot),
        cmocka_unit_test(bounds_hold_for_seeks_too),
        cmocka_unit_test(abandoning_takes_open_cursors_along),
        cmocka_unit_test(durability_says_what_a_power_cut_may_take),
        cmocka_unit_test(opening_by_path_makes_the_last_component),
        cmocka_unit_test(a_new_directory_is_durable_before_anything_is_in_it),
        cmocka_unit_test(a_failed_sync_ends_commits_but_not_reading),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
