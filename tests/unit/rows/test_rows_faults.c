/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: the life of some tables, step by step, with the n-th allocation or the n-th call to the system
 * failing, or the power going at that call, for every n. What a store shows is always what it shows after
 * so many steps in a life without faults: all that were done, and perhaps the one that failed, whole. A step
 * that failed is done again, on the same handle or on a new one, until the last step is done.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect.h"
#include "rows_show.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_share.h"

struct life {
    struct fi_os *os; /* whose clock is set */
    struct firn_db *db;
};

static const int64_t second_ns = 1000000000;

/* ---- steps: what each does again after it failed is the same ---- */

static int
open_table(const struct life *life, const char *name, struct firn_table **out, firn_error *err)
{
    return fi_rows_open(life->db, name, out, err);
}

static int
make_people(struct life *life, firn_error *err)
{
    struct firn_table *table;
    return rows_make(life->db, "people",
                     "id i64, name text, n i32 default 7, primary key (id), index by_n (n), "
                     "unique index by_name (name)",
                     &table, err);
}

static int
make_points(struct life *life, firn_error *err)
{
    struct firn_table *table;
    return rows_make(life->db, "points", "k text, v f64, t text, primary key (k)", &table, err);
}

/* Several rows in one transaction. */
static int
in_transaction(const struct life *life, int (*work)(void *, struct firn_txn *, firn_error *),
               const char *name, firn_error *err)
{
    struct firn_table *table;
    int rc = open_table(life, name, &table, err);
    const struct fi_txn_run run = {.attempts_max = 3, .work = work, .ctx = table};
    return rc == FIRN_OK ? fi_txn_run(life->db, &run, err) : rc;
}

static int
put_people(void *ctx, struct firn_txn *txn, firn_error *err)
{
    static const char *const names[] = {"ada", "grace", "alan", "konrad", "edsger", "barbara"};
    int rc = FIRN_OK;
    for (int64_t i = 0; i < 6 && rc == FIRN_OK; i++) {
        const firn_value values[] = {firn_i64(i), i == 4 ? firn_null() : firn_text(names[i]),
                                     firn_i64(i % 3)};
        rc = rows_put(ctx, txn, FI_ROWS_INSERT, values, 3, err);
    }
    return rc;
}

static int
insert_people(struct life *life, firn_error *err)
{
    return in_transaction(life, put_people, "people", err);
}

static int
put_points(void *ctx, struct firn_txn *txn, firn_error *err)
{
    int rc = FIRN_OK;
    for (int i = 0; i < 20 && rc == FIRN_OK; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "point %02d", i);
        /* Some have texts that lie in value files. */
        static char text[5000];
        memset(text, 'a' + i, sizeof text);
        const firn_value values[] = {
            firn_text(key), firn_f64(i * 0.5),
            firn_text_bytes(firn_bytes(text, i % 9 == 3 ? sizeof text : (size_t)i))};
        rc = rows_put(ctx, txn, FI_ROWS_UPSERT, values, 3, err);
    }
    return rc;
}

static int
insert_points(struct life *life, firn_error *err)
{
    return in_transaction(life, put_points, "points", err);
}

static int
flush(struct life *life, firn_error *err)
{
    return fi_db_maintain_flush(life->db, err);
}

static int
compact(struct life *life, firn_error *err)
{
    return fi_db_maintain_compact(life->db, NULL, err);
}

/* Of the first three columns, whatever the others are. */
static int
change_some(void *ctx, struct firn_txn *txn, firn_error *err)
{
    static const char *const id_and_name[] = {"id", "name"};
    const firn_value renamed[] = {firn_i64(1), firn_text("Grace")};
    const firn_value taken[] = {firn_i64(3), firn_text("grace")}; /* is free then */
    const firn_value gone = firn_i64(0);
    const firn_value fresh[] = {firn_i64(10), firn_text("ada")};
    struct fi_rows_put put = {
        .mode = FI_ROWS_UPDATE, .columns = id_and_name, .values = renamed, .count = 2};
    FI_TRY_RETURN(fi_rows_write_put(ctx, txn, &put, FIRN_DURABILITY_DEFAULT, NULL, err));
    put.values = taken;
    FI_TRY_RETURN(fi_rows_write_put(ctx, txn, &put, FIRN_DURABILITY_DEFAULT, NULL, err));
    FI_TRY_RETURN(fi_rows_write_delete(ctx, txn, &gone, 1, FIRN_DURABILITY_DEFAULT, err));
    put.mode = FI_ROWS_UPSERT;
    put.values = fresh;
    return fi_rows_write_put(ctx, txn, &put, FIRN_DURABILITY_DEFAULT, NULL, err);
}

static int
change_people(struct life *life, firn_error *err)
{
    return in_transaction(life, change_some, "people", err);
}

static int
checkpoint_one(struct life *life, firn_error *err)
{
    return fi_db_checkpoint_create(life->db, "one", NULL, err);
}

static int
checkpoint_two(struct life *life, firn_error *err)
{
    return fi_db_checkpoint_create(life->db, "two", NULL, err);
}

static int
restore(const struct life *life, const char *name, firn_error *err)
{
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    return fi_db_checkpoint_restore(life->db, name, &restored, &safety, err);
}

static int
restore_one(struct life *life, firn_error *err)
{
    return restore(life, "one", err);
}

static int
restore_two(struct life *life, firn_error *err)
{
    return restore(life, "two", err);
}

static int
change_columns(const struct life *life,
               int (*change)(void *, const struct fi_schema *, struct fi_schema **, firn_error *),
               firn_error *err)
{
    const struct fi_rows_change how = {change, NULL};
    struct firn_table *table;
    int rc = open_table(life, "people", &table, err);
    return rc == FIRN_OK ? fi_rows_alter(table, &how, err) : rc;
}

static int
with_city(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const firn_value oslo = firn_text("Oslo");
    const firn_table_column column = {
        .name = "city", .type = FIRN_TYPE_TEXT, .not_null = true, .default_value = &oslo};
    (void)ctx;
    return fi_schema_change_add_column(old, &column, out, err);
}

static int
add_city(struct life *life, firn_error *err)
{
    return change_columns(life, with_city, err);
}

static int
with_m(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    (void)ctx;
    return fi_schema_change_rename_column(old, firn_str("n"), firn_str("m"), out, err);
}

static int
rename_n(struct life *life, firn_error *err)
{
    return change_columns(life, with_m, err);
}

static int
without_city(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    (void)ctx;
    return fi_schema_change_drop_column(old, firn_str("city"), out, err);
}

static int
drop_city(struct life *life, firn_error *err)
{
    return change_columns(life, without_city, err);
}

static int
add_index(const struct life *life, const firn_table_index *index, firn_error *err)
{
    struct firn_table *table;
    int rc = open_table(life, "people", &table, err);
    return rc == FIRN_OK ? fi_rows_index_add(table, index, err) : rc;
}

static int
add_unique_index(struct life *life, firn_error *err)
{
    static const char *const columns[] = {"city", "id"};
    return add_index(life, &(firn_table_index){"by_city", columns, 2, true}, err);
}

static int
add_plain_index(struct life *life, firn_error *err)
{
    static const char *const columns[] = {"m", "name"};
    return add_index(life, &(firn_table_index){"by_both", columns, 2, false}, err);
}

/* Two rows have the same. */
static int
add_impossible_index(struct life *life, firn_error *err)
{
    static const char *const column = "m";
    int rc = add_index(life, &(firn_table_index){"by_m", &column, 1, true}, err);
    assert_int_not_equal(rc, FIRN_OK);
    return rc == FIRN_EXISTS ? FIRN_OK : rc;
}

static int
drop_index(const struct life *life, const char *name, firn_error *err)
{
    struct firn_table *table;
    int rc = open_table(life, "people", &table, err);
    return rc == FIRN_OK ? fi_rows_index_drop(table, name, err) : rc;
}

static int
drop_by_n(struct life *life, firn_error *err)
{
    return drop_index(life, "by_n", err);
}

static int
drop_by_city(struct life *life, firn_error *err)
{
    return drop_index(life, "by_city", err);
}

static int
put_passing(void *ctx, struct firn_txn *txn, firn_error *err)
{
    static const char *const columns[] = {"id", "name"};
    int rc = FIRN_OK;
    for (int64_t i = 20; i < 24 && rc == FIRN_OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "passing %d", (int)i);
        const firn_value values[] = {firn_i64(i), firn_text(name)};
        const struct fi_rows_put put = {.mode = FI_ROWS_INSERT,
                                        .columns = columns,
                                        .values = values,
                                        .count = 2,
                                        .ttl_ms = i % 2 == 0 ? 3600 * 1000 : 0};
        rc = fi_rows_write_put(ctx, txn, &put, FIRN_DURABILITY_DEFAULT, NULL, err);
    }
    return rc;
}

static int
insert_passing(struct life *life, firn_error *err)
{
    return in_transaction(life, put_passing, "people", err);
}

static int
let_time_pass(struct life *life, firn_error *err)
{
    (void)err;
    fi_sim_memory_set_time(life->os, INT64_C(4102444800) * second_ns);
    return FIRN_OK;
}

static int
delete_range(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct firn_table *table = ctx;
    return fi_txn_delete_range(txn, fi_rows_keyspace(table), firn_str("point 05"),
                               firn_str("point 15"), err);
}

static int
delete_points(struct life *life, firn_error *err)
{
    return in_transaction(life, delete_range, "points", err);
}

static int
add_to_number(struct life *life, firn_error *err)
{
    const firn_value key = firn_i64(1);
    const struct fi_rows_add add = {
        .key = &key, .key_count = 1, .column = "n", .number = firn_i64(5)};
    struct firn_table *table;
    firn_value sum;
    int rc = open_table(life, "people", &table, err);
    return rc == FIRN_OK ? fi_rows_write_add(table, NULL, &add, FIRN_DURABILITY_DEFAULT, &sum, err)
                         : rc;
}

/* With the entries of their indexes. */
static int
delete_range_of_people(struct life *life, firn_error *err)
{
    const firn_value lower = firn_i64(20);
    const firn_value upper = firn_i64(22);
    const struct fi_rows_span span = {{&lower, 1, false}, {&upper, 1, true}};
    struct firn_table *table;
    int rc = open_table(life, "people", &table, err);
    return rc == FIRN_OK
               ? fi_rows_write_delete_range(table, NULL, &span, FIRN_DURABILITY_DEFAULT, err)
               : rc;
}

/* All of them. */
static int
delete_rest_of_points(struct life *life, firn_error *err)
{
    const struct fi_rows_span span = {{NULL, 0, false}, {NULL, 0, false}};
    struct firn_table *table;
    int rc = open_table(life, "points", &table, err);
    return rc == FIRN_OK
               ? fi_rows_write_delete_range(table, NULL, &span, FIRN_DURABILITY_DEFAULT, err)
               : rc;
}

/* Which of people were found. */
struct many {
    size_t next;
    uint64_t found;
};

static int
take_many(void *ctx, size_t i, const struct firn_row *row)
{
    struct many *many = ctx;
    assert_int_equal(i, many->next++);
    many->found |= (uint64_t)(row != NULL) << i;
    return FIRN_OK;
}

/* Changes nothing: rows by key and by a unique index, all columns and one. */
static int
read_many(struct life *life, firn_error *err)
{
    static const char *const id = "id";
    const firn_value keys[] = {firn_i64(1), firn_i64(3), firn_i64(77), firn_i64(5)};
    const firn_value names[] = {firn_text("nobody"), firn_text("edsger"), firn_text("barbara")};
    struct firn_table *table;
    int rc = open_table(life, "people", &table, err);
    for (int way = 0; way < 4 && rc == FIRN_OK; way++) {
        struct many many = {0, 0};
        struct fi_rows_read read = {.index = way >= 2 ? "by_name" : NULL};
        const struct fi_rows_many what = {.keys = way >= 2 ? names : keys,
                                          .key_count = 1,
                                          .count = way >= 2 ? 3 : 4,
                                          .visit = take_many,
                                          .ctx = &many};
        if (way % 2 == 1) {
            read.columns = &id;
            read.column_count = 1;
        }
        rc = fi_rows_read_get_many(table, &read, &what, err);
        if (rc == FIRN_OK) {
            assert_int_equal(many.next, what.count);
            assert_int_equal(many.found, way >= 2 ? 4 : 11); /* edsger's name is null */
        }
    }
    return rc;
}

static int
drop_points(struct life *life, firn_error *err)
{
    return fi_rows_drop(life->db, "points", err);
}

static int
drop_people(struct life *life, firn_error *err)
{
    return fi_rows_drop(life->db, "people", err);
}

static int
make_people_again(struct life *life, firn_error *err)
{
    struct firn_table *table;
    return rows_make(life->db, "people",
                     "name text, photo blob, primary key (name), index by_photo (photo)", &table,
                     err);
}

static int
put_photos(void *ctx, struct firn_txn *txn, firn_error *err)
{
    static uint8_t photo[3000];
    const firn_value values[] = {firn_text("ada"), firn_blob(firn_bytes(photo, sizeof photo))};
    const firn_value small[] = {firn_text("alan"), firn_blob(firn_bytes(photo, 2))};
    int rc = rows_put(ctx, txn, FI_ROWS_UPSERT, small, 2, err);
    if (rc == FIRN_OK) {
        /* Too long for a key of the index: the transaction stays as it was. */
        rc = rows_put(ctx, txn, FI_ROWS_UPSERT, values, 2, err);
        rc = rc == FIRN_LIMIT || rc == FIRN_OK ? FIRN_OK : rc;
    }
    return rc;
}

static int
insert_photos(struct life *life, firn_error *err)
{
    return in_transaction(life, put_photos, "people", err);
}

/* What was left by failures goes. */
static int
make_last(struct life *life, firn_error *err)
{
    struct firn_table *table;
    return rows_make(life->db, "last", "id i64, primary key (id)", &table, err);
}

static int (*const steps[])(struct life *life, firn_error *err) = {
    make_people,
    insert_people,
    make_points,
    insert_points,
    flush,
    read_many,
    change_people,
    add_to_number,
    read_many,
    checkpoint_one,
    add_city,
    rename_n,
    add_unique_index,
    insert_passing,
    add_plain_index,
    add_impossible_index,
    drop_by_n,
    delete_range_of_people,
    flush,
    delete_points,
    compact,
    let_time_pass,
    drop_by_city,
    drop_city,
    checkpoint_two,
    compact,
    restore_one,
    insert_passing,
    add_city,
    flush,
    delete_rest_of_points,
    drop_points,
    compact,
    restore_two,
    insert_points,
    drop_people,
    make_people_again,
    insert_photos,
    flush,
    make_last,
};
enum { STEPS = sizeof steps / sizeof *steps };

/* ---- what there must be ---- */

/* What a store shows after so many steps. */
static char states[STEPS + 1][ROWS_SHOW_SIZE];
static size_t kept_keyspaces; /* in the end */
static size_t kept_records;

static int
count_index(void *ctx, const char *name)
{
    *(size_t *)ctx += strncmp(name, "firn:index:", 11) == 0;
    return FIRN_OK;
}

/* Keyspaces of indexes and records of schemas: none may be of no table. */
static void
count_kept(struct firn_db *db, size_t *out_keyspaces, size_t *out_records)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    *out_keyspaces = 0;
    *out_records = 0;
    DB_OK(fi_db_keyspace_list(db, count_index, out_keyspaces, &err));
    DB_OK(fi_db_cursor_open(db_support_keyspace(db, FI_DB_SCHEMAS), NULL, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        (*out_records)++;
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
}

static int
live_without_faults(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct life life = {support.os, db_support_open(support.dir)};
    DB_OK(rows_show(life.db, states[0], &err));
    for (size_t i = 0; i < STEPS; i++) {
        DB_OK(steps[i](&life, &err));
        DB_OK(rows_show(life.db, states[i + 1], &err));
    }
    count_kept(life.db, &kept_keyspaces, &kept_records);
    assert_int_equal(kept_records, 3); /* points, people, last */
    assert_int_equal(kept_keyspaces, 1);
    assert_non_null(strstr(states[STEPS], "people: name text"));
    DB_OK(fi_db_close(life.db, &err));
    db_support_deinit(&support);
    return 0;
}

/* ---- lives with faults ---- */

/* How far a life has come: the store shows states[done], or, after a failure, states[done + 1]. */
struct progress {
    size_t done;
    bool may_be_more;
    unsigned failures;
};

/* Whether the store could be read; what it shows must be right then. */
static bool
look(struct progress *progress, struct firn_db *db, firn_error *err)
{
    static char shown[ROWS_SHOW_SIZE];
    int rc = rows_show(db, shown, err);
    if (rc != FIRN_OK) {
        assert_true(rc != FIRN_CORRUPT && rc != FIRN_INTERNAL && rc != FIRN_MISUSE);
        return false;
    }
    bool is_next = progress->may_be_more && strcmp(shown, states[progress->done]) != 0;
    progress->done += is_next;
    progress->may_be_more = false;
    if (strcmp(shown, states[progress->done]) != 0) {
        fail_msg("after %zu steps there must be\n%sbut is\n%s", progress->done,
                 states[progress->done], shown);
    }
    return true;
}

static void
note(struct progress *progress, int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        assert_int_equal(err->code, rc);
        assert_true(rc != FIRN_CORRUPT && rc != FIRN_INTERNAL && rc != FIRN_MISUSE &&
                    rc != FIRN_INVALID);
        progress->failures++;
    }
}

/* Goes on from where the life stands; ends where `failures_max` things have failed. */
static void
live(struct progress *progress, struct fi_os *os, struct fi_os_dir *dir, unsigned failures_max)
{
    firn_error err;
    struct life life = {os, NULL};
    while (progress->done < STEPS && progress->failures < failures_max) {
        int rc = FIRN_OK;
        if (life.db == NULL) {
            rc = fi_db_open(dir, &db_support_create, &life.db, &err);
            note(progress, rc, &err);
            if (rc != FIRN_OK) {
                continue;
            }
        }
        if (progress->may_be_more && !look(progress, life.db, &err)) {
            note(progress, err.code, &err);
            FI_IGNORE(fi_db_close(life.db, NULL));
            life.db = NULL;
            continue;
        }
        if (progress->done == STEPS) {
            break;
        }
        rc = steps[progress->done](&life, &err);
        note(progress, rc, &err);
        progress->done += rc == FIRN_OK;
        progress->may_be_more = rc != FIRN_OK;
        /* With memory missing the handle is as good as before. */
        if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) {
            int closed = fi_db_close(life.db, &err);
            assert_true(closed != FIRN_CORRUPT && closed != FIRN_INTERNAL);
            life.db = NULL;
        }
    }
    if (life.db != NULL) {
        int closed = fi_db_close(life.db, &err);
        assert_true(closed != FIRN_CORRUPT && closed != FIRN_INTERNAL);
    }
}

/* What is there, and that the rest of the life is as it should be. */
static void
verify(struct progress *progress, struct db_support *support)
{
    firn_error err;
    struct firn_db *db = db_support_open(support->dir);
    firn_store_check_result report = {.size = sizeof report};
    assert_true(look(progress, db, &err));
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    struct progress rest = {.done = progress->done};
    live(&rest, support->os, support->dir, 1);
    assert_int_equal(rest.done, STEPS);
    assert_int_equal(rest.failures, 0);
    db = db_support_open(support->dir);
    assert_true(look(&rest, db, &err));
    if (progress->done < STEPS) { /* the last step was done without a fault */
        size_t keyspaces;
        size_t records;
        count_kept(db, &keyspaces, &records);
        assert_int_equal(keyspaces, kept_keyspaces);
        assert_int_equal(records, kept_records);
    }
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
}

enum { FAILURES_MAX = 6 };

static void
every_failed_allocation_is_survived(void **state)
{
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        struct test_fault fault = {.counts = true,
                                   .for_ever = for_ever != 0,
                                   .every = for_ever ? 397 : 97,
                                   .loop = (uint64_t)for_ever};
        while (test_fault_next(&fault)) {
            struct db_support support;
            struct progress progress = {.done = 0};
            db_support_init(&support, fault.n);
            test_fault_allocation(&fault);
            live(&progress, support.os, support.dir, FAILURES_MAX);
            test_fault_end(&fault);
            assert_true(fault.was_hit || progress.failures == 0);
            verify(&progress, &support);
            db_support_deinit(&support);
        }
        print_message("count: %" PRIu64 " lives of tables in which an allocation fails, of %" PRIu64
                      "\n",
                      fault.passes, fault.n);
        assert_true(fault.n > 10000);
    }
}

static bool
live_with(const struct fi_sim_fault_plan *plan)
{
    firn_error err;
    struct db_support support;
    struct progress progress = {.done = 0};
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    test_alloc_install();
    db_support_init(&support, plan->call);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    fi_sim_fault_set_plan(faulty, plan);
    live(&progress, support.os, dir, FAILURES_MAX);
    bool was_hit = fi_sim_fault_hits(faulty) > 0;
    fi_sim_fault_set_plan(faulty, NULL);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    assert_true(was_hit || progress.failures == 0);
    verify(&progress, &support);
    db_support_deinit(&support);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return was_hit;
}

static void
every_failed_call_is_survived(void **state)
{
    static const struct {
        enum fi_sim_fault_kind kind;
        unsigned classes;
        int error_number;
        uint64_t every;
    } plans[] = {
        {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_ALL, EIO, 5},
        {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS, ENOSPC, 5},
        {FI_SIM_FAULT_TORN, FI_SIM_FAULT_WRITES, EIO, 5},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        for (int for_ever = 0; for_ever <= 1; for_ever++) {
            const struct test_share share = test_share_of(
                for_ever != 0 ? 3 * plans[i].every : plans[i].every, 2 * i + (uint64_t)for_ever);
            struct fi_sim_fault_plan plan = {.call = share.first,
                                             .for_ever = for_ever != 0,
                                             .classes = plans[i].classes,
                                             .kind = plans[i].kind,
                                             .error_number = plans[i].error_number};
            unsigned lives = 0;
            while (live_with(&plan)) {
                plan.call += share.step;
                lives++;
            }
            print_message("count: %u lives of tables in which a call fails, of %" PRIu64 "\n",
                          lives, plan.call);
            assert_true(plan.call > 50);
        }
    }
}

static void
a_power_cut_at_any_call_leaves_whole_steps(void **state)
{
    const struct test_share share = test_share_of(3, 9);
    bool is_reached = true;
    uint64_t n = share.first;
    unsigned lives = 0;
    for (; is_reached; n += share.step) {
        struct db_support support;
        struct progress progress = {.done = 0};
        db_support_init(&support, n);
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + n);
        live(&progress, support.os, support.dir, 1);
        is_reached = fi_sim_memory_is_off(support.os);
        fi_sim_memory_set_cut_at(support.os, 0);
        db_support_cut(&support, 1000 * n);
        verify(&progress, &support);
        db_support_deinit(&support);
        lives++;
    }
    print_message("count: %u lives of tables with a power cut, of %" PRIu64 " calls\n", lives, n);
    assert_true(n > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(every_failed_call_is_survived),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_whole_steps),
    };
    return cmocka_run_group_tests_name("rows_faults", tests, live_without_faults, NULL);
}
