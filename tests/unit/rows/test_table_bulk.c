/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: loads of tables: rows and entries of indexes come by one commit, in any order and beside what is
 * there; what is refused; tables that are changed meanwhile; power cuts, calls and allocations that fail
 * anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect.h"
#include "rows/rows.h"
#include "sim/sim_fault.h"
#include "storefile/storefile.h"
#include "support/store/db_program.h"
#include "support/test_alloc.h"

static const struct fi_storefile_progress quiet = {0};
static const struct fi_rows_bulk_options all_columns = {.progress = &quiet};

static int
try_make_table(struct firn_db *db, const char *text, struct firn_table **out, firn_error *err)
{
    firn_table_def *def;
    FI_TRY_RETURN(firn_table_def_parse(text, &def, err));
    int rc = fi_rows_create(db, "t", def, out, err);
    firn_release(def);
    return rc;
}

static struct firn_table *
make_table(struct firn_db *db, const char *text)
{
    firn_error err;
    struct firn_table *table;
    DB_OK(try_make_table(db, text, &table, &err));
    return table;
}

static const char definition[] =
    "id i64, code text, n i64, primary key (id), unique index by_code (code), index by_n (n)";

static int
put_row(struct firn_table_bulk *bulk, int64_t id, const char *code, int64_t n, firn_error *err)
{
    const firn_value values[] = {firn_i64(id), code != NULL ? firn_text(code) : firn_null(),
                                 firn_i64(n)};
    return fi_rows_bulk_put(bulk, values, 3, err);
}

static int
insert(struct firn_table *table, int64_t id, const char *code, int64_t n, firn_error *err)
{
    const firn_value values[] = {firn_i64(id), code != NULL ? firn_text(code) : firn_null(),
                                 firn_i64(n)};
    const struct fi_rows_put put = {.mode = FI_ROWS_INSERT, .values = values, .count = 3};
    return fi_rows_write_put(table, NULL, &put, FIRN_DURABILITY_OS, NULL, err);
}

/* The rows of the table, by the key or an index; the sum of the first column's is *out_sum. */
static uint64_t
count_rows(struct firn_table *table, const char *index, int64_t *out_sum)
{
    firn_error err;
    const struct fi_rows_cursor_options options = {.read = {.index = index}};
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    uint64_t count = 0;
    size_t columns;
    *out_sum = 0;
    DB_OK(fi_rows_read_cursor_open(table, &options, &cursor, &err));
    for (;;) {
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        count++;
        *out_sum += fi_rows_read_row_values(row, &columns)[0].as.i64;
    }
    fi_rows_read_cursor_close(cursor);
    return count;
}

static void
expect_rows(struct firn_table *table, uint64_t count, int64_t sum)
{
    static const char *const indexes[] = {NULL, "by_code", "by_n"};
    for (size_t i = 0; i < 3; i++) {
        int64_t found;
        assert_int_equal(count_rows(table, indexes[i], &found), count);
        assert_int_equal(found, sum);
    }
}

/* ---- orders ---- */

/* The i-th of `count` keys in an order. */
static int64_t
key_at(unsigned order, unsigned i, unsigned count)
{
    switch (order) {
    case 0: /* ascending */
        return i;
    case 1: /* descending */
        return count - 1 - i;
    case 2: /* scattered */
        return (int64_t)(i * UINT64_C(7919) % count);
    case 3: /* two ascending parts that mix */
        return i < count / 2 ? 2 * i : 2 * (i - count / 2) + 1;
    default: /* the last row comes first, in the middle of it all */
        return i == count - 100                             ? count - 100 - 6000
               : i >= count - 100 - 6000 && i < count - 100 ? i + 1
                                                            : i;
    }
}

static void
rows_come_in_any_order(void **state)
{
    firn_error err;
    static const unsigned counts[] = {1, 100, 4097, 20000};
    for (unsigned order = 0; order < 5; order++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            struct db_support support;
            struct firn_table_bulk *bulk;
            unsigned count = counts[c];
            int64_t sum = 0;
            if (order == 4 && count < 10000) {
                continue;
            }
            db_support_init(&support, order);
            struct firn_db *db = db_support_open(support.dir);
            struct firn_table *table = make_table(db, definition);
            DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
            for (unsigned i = 0; i < count; i++) {
                char code[32];
                int64_t key = key_at(order, i, count);
                (void)snprintf(code, sizeof code, "code-%lld", (long long)key);
                sum += key;
                DB_OK(put_row(bulk, key, i % 5 == 0 ? NULL : code, i % 17, &err));
            }
            assert_int_equal(fi_rows_bulk_count(bulk), count);
            expect_rows(table, 0, 0);
            DB_OK(fi_rows_bulk_commit(bulk, &err));
            fi_rows_bulk_close(bulk);
            expect_rows(table, count, sum);
            fi_db_abandon(db);
            db_support_cut(&support, 1);
            db = db_support_open(support.dir);
            DB_OK(fi_rows_open(db, "t", &table, &err));
            expect_rows(table, count, sum);
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
            expect_rows(table, count, sum);
            DB_OK(fi_inspect_check(
                db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)},
                &err));
            DB_OK(fi_db_close(db, &err));
            db_support_deinit(&support);
        }
    }
}

/* ---- what is there already ---- */

static void
rows_that_are_there_twice_fail_the_load(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 8; way++) {
        struct db_support support;
        struct firn_table_bulk *bulk;
        int64_t sum;
        int rc = FIRN_OK;
        db_support_init(&support, way);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_table *table = make_table(db, definition);
        for (int i = 0; i < 100; i++) {
            char code[32];
            (void)snprintf(code, sizeof code, "old-%d", i);
            DB_OK(insert(table, 100 * i, code, i, &err));
        }
        if (way % 2 == 1) {
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
        }
        sum = 100 * 99 * 50;
        DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
        for (unsigned i = 0; i < 9000 && rc == FIRN_OK; i++) {
            char code[32];
            (void)snprintf(code, sizeof code, "new-%u", i);
            int64_t id = 100 * (int64_t)(i / 99) + 1 + i % 99;
            if (way / 2 == 0 && i == 8000) {
                id = 5000; /* the table has it */
            } else if (way / 2 == 1 && i == 8000) {
                (void)snprintf(code, sizeof code, "old-%d", 77);
            } else if (way / 2 == 2 && i == 8000) {
                id = 1; /* the load has it */
            } else if (way / 2 == 3 && i == 8000) {
                (void)snprintf(code, sizeof code, "new-%d", 7);
            }
            rc = put_row(bulk, id, code, i, &err);
        }
        rc = rc == FIRN_OK ? fi_rows_bulk_commit(bulk, &err) : rc;
        static const char *const texts[] = {"the key (5000)", "('old-77') in the unique index",
                                            "the key (1)", "('new-7') in the unique index"};
        db_support_fails(rc, FIRN_EXISTS, texts[way / 2], &err, __FILE__, __LINE__);
        fi_rows_bulk_close(bulk);
        expect_rows(table, 100, sum);
        /* Nothing of it stays in the way of another one. */
        DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
        DB_OK(put_row(bulk, 1, "new-1", 1, &err));
        DB_OK(fi_rows_bulk_commit(bulk, &err));
        fi_rows_bulk_close(bulk);
        expect_rows(table, 101, sum + 1);
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

/* A row that comes after the load has looked, before it commits. */
struct meanwhile {
    struct firn_table *table;
    unsigned calls;     /* before it comes: of MANIFEST, then one of a run */
    bool is_late;       /* while the load looks for what is there */
    struct firn_db *db; /* to be restored instead; NULL: a row comes */
    int64_t id;
    const char *code;
};

static void
insert_at_manifest(void *ctx, const struct fi_sim_fault_call *call)
{
    struct meanwhile *meanwhile = ctx;
    firn_error err;
    bool is_manifest = call->name != NULL && strncmp(call->name, "manifest", 8) == 0;
    bool is_run = call->name != NULL && strstr(call->name, ".column") != NULL;
    bool is_due = meanwhile->is_late && meanwhile->calls == 1 ? is_run : is_manifest;
    if (meanwhile->calls == 0 || !is_due || --meanwhile->calls > 0) {
        return;
    }
    if (meanwhile->db != NULL) {
        struct fi_db_checkpoint_info info;
        struct fi_db_checkpoint_info safety;
        DB_OK(fi_db_checkpoint_restore(meanwhile->db, "with", &info, &safety, &err));
    } else {
        DB_OK(insert(meanwhile->table, meanwhile->id, meanwhile->code, 3, &err));
    }
}

/* The load has looked for what is there, and nothing was, when a row comes, or comes back. */
static void
a_row_that_comes_after_the_load_has_looked_is_seen(void **state)
{
    for (unsigned way = 0; way < 2; way++) {
        firn_error err;
        struct db_support support;
        struct fi_os *faulty;
        struct fi_os_dir *dir;
        struct firn_db *db;
        struct firn_table_bulk *bulk;
        struct fi_db_checkpoint_info info;
        struct meanwhile meanwhile = {.calls = 2, .is_late = true, .id = 15, .code = "c"};
        const firn_value key = firn_i64(15);
        int64_t sum;
        db_support_init(&support, 27);
        DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
        DB_OK(fi_db_open(dir, &db_support_create, &db, &err));
        meanwhile.table = make_table(db, definition);
        meanwhile.db = way == 1 ? db : NULL;
        DB_OK(insert(meanwhile.table, 20, "a", 3, &err));
        if (way == 1) {
            DB_OK(insert(meanwhile.table, 15, "c", 3, &err));
            DB_OK(fi_db_checkpoint_create(db, "with", &info, &err));
            DB_OK(fi_rows_write_delete(meanwhile.table, NULL, &key, 1, FIRN_DURABILITY_OS, &err));
        }
        DB_OK(fi_rows_bulk_open(meanwhile.table, &all_columns, &bulk, &err));
        for (int i = 0; i < 30; i++) {
            char code[32];
            (void)snprintf(code, sizeof code, "code-%d", i);
            if (i != 20) {
                DB_OK(put_row(bulk, i, code, i, &err));
            }
        }
        fi_sim_fault_set_hook(faulty, insert_at_manifest, &meanwhile);
        int rc = fi_rows_bulk_commit(bulk, &err);
        fi_sim_fault_set_hook(faulty, NULL, NULL);
        assert_int_equal(meanwhile.calls, 0);
        fi_rows_bulk_close(bulk);
        db_support_fails(rc, FIRN_EXISTS, "(15)", &err, __FILE__, __LINE__);
        assert_int_equal(count_rows(meanwhile.table, NULL, &sum), 2);
        assert_int_equal(sum, 35);
        DB_OK(fi_db_close(db, &err));
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(faulty);
        db_support_deinit(&support);
    }
}

static void
a_row_that_comes_meanwhile_is_seen(void **state)
{
    for (unsigned way = 0; way < 3; way++) {
        firn_error err;
        struct db_support support;
        struct fi_os *faulty;
        struct fi_os_dir *dir;
        struct firn_db *db;
        struct firn_table_bulk *bulk;
        struct meanwhile meanwhile = {.calls = 1};
        db_support_init(&support, 26);
        DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
        DB_OK(fi_db_open(dir, &db_support_create, &db, &err));
        meanwhile.table = make_table(db, definition);
        meanwhile.id = way == 0 ? 15 : 1000;
        meanwhile.code = way == 1 ? "code-15" : "other";
        DB_OK(insert(meanwhile.table, -1, "minus", 3, &err));
        DB_OK(fi_rows_bulk_open(meanwhile.table, &all_columns, &bulk, &err));
        for (int i = 0; i < 30; i++) {
            char code[32];
            (void)snprintf(code, sizeof code, "code-%d", i);
            DB_OK(put_row(bulk, i, code, i, &err));
        }
        fi_sim_fault_set_hook(faulty, insert_at_manifest, &meanwhile);
        int rc = fi_rows_bulk_commit(bulk, &err);
        fi_sim_fault_set_hook(faulty, NULL, NULL);
        assert_int_equal(meanwhile.calls, 0);
        fi_rows_bulk_close(bulk);
        if (way < 2) {
            db_support_fails(rc, FIRN_EXISTS, "15", &err, __FILE__, __LINE__);
            expect_rows(meanwhile.table, 2, meanwhile.id - 1);
        } else {
            DB_OK(rc);
            expect_rows(meanwhile.table, 32, 29 * 15 + 1000 - 1);
        }
        DB_OK(fi_db_close(db, &err));
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(faulty);
        db_support_deinit(&support);
    }
}

/* ---- changed meanwhile ---- */

static int
add_column(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    (void)ctx;
    const firn_table_column column = {.name = "later", .type = FIRN_TYPE_I64};
    return fi_schema_change_add_column(old, &column, out, err);
}

static void
a_table_that_is_changed_meanwhile_conflicts(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 4; way++) {
        struct db_support support;
        struct firn_table_bulk *bulk;
        const char *const columns[] = {"n"};
        const firn_table_index index = {.name = "more", .columns = columns, .column_count = 1};
        const struct fi_rows_change change = {.change = add_column};
        db_support_init(&support, way);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_table *table = make_table(db, definition);
        DB_OK(insert(table, 1, "a", 1, &err));
        DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
        DB_OK(put_row(bulk, 2, "b", 2, &err));
        if (way == 0) {
            DB_OK(fi_rows_alter(table, &change, &err));
        } else if (way == 1) {
            /* Needs a load of its own. */
            DB_FAILS(fi_rows_index_add(table, &index, &err), FIRN_BUSY, "another load");
        } else if (way == 2) {
            DB_OK(fi_rows_index_drop(table, "by_n", &err));
        } else {
            DB_OK(fi_rows_drop(db, "t", &err));
        }
        if (way == 1) {
            DB_OK(fi_rows_bulk_commit(bulk, &err));
        } else {
            DB_FAILS(fi_rows_bulk_commit(bulk, &err), FIRN_CONFLICT,
                     way == 0 ? "was changed while" : "");
        }
        fi_rows_bulk_close(bulk);
        DB_OK(fi_inspect_check(
            db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)}, &err));
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

/* ---- columns ---- */

static void
defaults_and_numbers_are_filled_in(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_table_bulk *bulk;
    struct firn_row *row;
    const char *const columns[] = {"v"};
    struct fi_rows_bulk_options some = {.columns = columns, .column_count = 1, .progress = &quiet};
    int64_t sum;
    db_support_init(&support, 3);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_table *table =
        make_table(db, "id i64 auto, v i8 not null, w text default 'x', primary key (id)");
    DB_OK(fi_rows_bulk_open(table, &some, &bulk, &err));
    for (int i = 0; i < 10000; i++) {
        const firn_value value = firn_i64(i % 100);
        DB_OK(fi_rows_bulk_put(bulk, &value, 1, &err));
    }
    /* What is no row leaves the load as it was. */
    const firn_value wrong[] = {firn_i64(1000), firn_null(), firn_text("a")};
    DB_FAILS(fi_rows_bulk_put(bulk, &wrong[0], 1, &err), FIRN_LIMIT, "out of range");
    DB_FAILS(fi_rows_bulk_put(bulk, &wrong[1], 1, &err), FIRN_INVALID, "null");
    DB_FAILS(fi_rows_bulk_put(bulk, &wrong[2], 1, &err), FIRN_INVALID, "type");
    DB_FAILS(fi_rows_bulk_put(bulk, wrong, 2, &err), FIRN_INVALID, "2 values");
    const firn_value last = firn_i64(5);
    DB_OK(fi_rows_bulk_put(bulk, &last, 1, &err));
    DB_OK(fi_rows_bulk_commit(bulk, &err));
    DB_FAILS(fi_rows_bulk_commit(bulk, &err), FIRN_MISUSE, "over");
    fi_rows_bulk_close(bulk);
    assert_int_equal(count_rows(table, NULL, &sum), 10001);
    assert_int_equal(sum, INT64_C(10001) * 10002 / 2);
    /* The next number is the next one. */
    firn_value number;
    const struct fi_rows_put put = {
        .mode = FI_ROWS_INSERT, .columns = columns, .values = &last, .count = 1};
    DB_OK(fi_rows_write_put(table, NULL, &put, FIRN_DURABILITY_OS, &number, &err));
    assert_int_equal(number.as.i64, 10002);
    DB_OK(fi_rows_read_row_create(&row, &err));
    const struct fi_rows_read read = {.txn = NULL};
    DB_OK(fi_rows_read_get(table, &read, &(firn_value){.type = FIRN_TYPE_I64, .as.i64 = 10001}, 1,
                           row, &err));
    size_t count;
    const firn_value *values = fi_rows_read_row_values(row, &count);
    assert_int_equal(count, 3);
    assert_int_equal(values[1].as.i64, 5);
    assert_memory_equal(values[2].as.bytes.data, "x", 1);
    fi_rows_read_row_destroy(row);
    /* Numbers that are given move the others on. */
    DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
    static const int64_t given[] = {0, 10010, 0, 20000, 0, -5, 0};
    static const int64_t wanted[] = {10003, 10010, 10011, 20000, 20001, -5, 20002};
    int64_t more = 0;
    for (size_t i = 0; i < 7; i++) {
        const firn_value numbered[] = {given[i] == 0 ? firn_null() : firn_i64(given[i]),
                                       firn_i64(1), firn_null()};
        more += wanted[i];
        DB_OK(fi_rows_bulk_put(bulk, numbered, 3, &err));
    }
    DB_OK(fi_rows_bulk_commit(bulk, &err));
    fi_rows_bulk_close(bulk);
    assert_int_equal(count_rows(table, NULL, &sum), 10001 + 1 + 7);
    assert_int_equal(sum, INT64_C(10002) * 10003 / 2 + more);
    /* What must be given. */
    const char *const others[] = {"w", "w"};
    some.columns = others;
    DB_FAILS(fi_rows_bulk_open(table, &some, &bulk, &err), FIRN_INVALID, "no default");
    some.column_count = 2;
    DB_FAILS(fi_rows_bulk_open(table, &some, &bulk, &err), FIRN_INVALID, "twice");
    const char *const unknown[] = {"nothing"};
    some.columns = unknown;
    some.column_count = 1;
    DB_FAILS(fi_rows_bulk_open(table, &some, &bulk, &err), FIRN_NOT_FOUND, "nothing");
    assert_null(bulk);
    DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
    DB_OK(fi_rows_bulk_commit(bulk, &err));
    fi_rows_bulk_close(bulk);
    fi_rows_bulk_close(NULL);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- threads ---- */

/* What the i-th row has, where values are refused before it, and where they take the longer way. */
static void
mixed_row(int64_t i, firn_value *values, char *text, size_t text_size)
{
    static const char umlauts[] = "\xc3\xa4\xc3\xb6\xc3\xbc and more";
    int size =
        snprintf(text, text_size, "%.*s%lld", (int)(i % 17), "0123456789abcdefgh", (long long)i);
    values[0] = firn_text_bytes(firn_bytes(text, (size_t)size));
    values[1] = firn_i64(i);
    values[2] = firn_typed_i64(FIRN_TYPE_I32, i % 1000 - 500);
    values[3] = i % 7 == 0    ? firn_null()
                : i % 11 == 0 ? firn_text(umlauts)
                : i % 13 == 0 ? firn_text("")
                              : firn_text("note");
    values[4] = firn_typed_i64(FIRN_TYPE_TIMESTAMP, 1000 * i);
    values[5] = i % 5 == 0 ? firn_i64(i) : firn_f64((double)i);
    values[6] = (firn_value){.type = FIRN_TYPE_U16, .as.u64 = (uint64_t)i};
    values[7] = firn_bool(i % 3 == 0);
    values[8] = (firn_value){.type = FIRN_TYPE_F32, .as.f32 = (float)i / 2};
}

static void
rows_that_are_refused_leave_nothing_among_those_that_gather(void **state)
{
    enum { ROWS = 40000, COLUMNS = 9 };
    static const char *const names[COLUMNS] = {"s", "id", "n", "note", "at", "x", "u", "b", "f"};
    struct fi_rows_bulk_options options = all_columns;
    options.columns = names;
    options.column_count = COLUMNS;
    firn_error err;
    struct db_support_disk disk;
    struct firn_table_bulk *bulk;
    struct firn_row *row;
    char text[64];
    db_support_disk_init(&disk);
    struct firn_db *db = db_support_open(disk.dir);
    struct firn_table *table = make_table(db, "id i64, s text not null, n i32 not null, note text, "
                                              "at timestamp not null, x f64, u u16, b bool, f f32, "
                                              "primary key (id, f, b)");
    DB_OK(fi_rows_bulk_open(table, &options, &bulk, &err));
    for (int64_t i = 0; i < ROWS; i++) {
        firn_value values[COLUMNS];
        int64_t sort = i % 31;
        mixed_row(i, values, text, sizeof text);
        const firn_value wrong[] = {firn_text("\xff and \xfe, which is no text"),
                                    firn_f64(1),
                                    firn_i64(INT64_C(1) << 31),
                                    firn_i64(5),
                                    firn_null(),
                                    firn_text("x"),
                                    {.type = FIRN_TYPE_U16, .as.u64 = 1 << 16},
                                    firn_i64(1),
                                    firn_f64(1e300)};
        if (sort < COLUMNS) {
            firn_value right = values[sort];
            values[sort] = wrong[sort];
            assert_int_not_equal(fi_rows_bulk_put(bulk, values, COLUMNS, &err), FIRN_OK);
            values[sort] = right;
        }
        DB_OK(fi_rows_bulk_put(bulk, values, COLUMNS, &err));
    }
    assert_int_equal(fi_rows_bulk_count(bulk), ROWS);
    DB_OK(fi_rows_bulk_commit(bulk, &err));
    fi_rows_bulk_close(bulk);
    DB_OK(fi_rows_read_row_create(&row, &err));
    for (int64_t i = 0; i < ROWS; i++) {
        const struct fi_rows_read read = {.txn = NULL};
        static const size_t places[COLUMNS] = {1, 0, 2, 3, 4, 5, 6, 7, 8};
        firn_value values[COLUMNS];
        size_t columns;
        mixed_row(i, values, text, sizeof text);
        const firn_value key[] = {values[1], values[8], values[7]};
        DB_OK(fi_rows_read_get(table, &read, key, 3, row, &err));
        const firn_value *found = fi_rows_read_row_values(row, &columns);
        assert_int_equal(columns, COLUMNS);
        for (size_t k = 0; k < COLUMNS; k++) {
            const firn_value *value = &found[places[k]];
            if (firn_is_null(values[k])) {
                assert_true(firn_is_null(*value));
            } else if (values[k].type == FIRN_TYPE_TEXT) {
                assert_true(fi_slice_equal(value->as.bytes, values[k].as.bytes));
            } else if (k == 5) {
                assert_true(value->as.f64 == (double)i);
            } else if (k == 8) {
                assert_true(value->as.f32 == (float)i / 2);
            } else if (k == 7) {
                assert_int_equal(value->as.boolean, i % 3 == 0);
            } else {
                assert_int_equal(value->as.i64, values[k].as.i64);
            }
        }
    }
    fi_rows_read_row_destroy(row);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

/* Batches are written on a thread of their own; what that finds is told later. */
static void
rows_without_indexes_come_on_two_threads(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 6; way++) {
        struct db_support_disk disk;
        struct firn_table_bulk *bulk;
        struct firn_row *row;
        const int64_t count = 200000;
        int64_t sum = 0;
        int rc = FIRN_OK;
        db_support_disk_init(&disk);
        struct firn_db *db = db_support_open(disk.dir);
        struct firn_table *table =
            make_table(db, "id i64, s text, f f32, u u64, b uuid, primary key (id)");
        DB_OK(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
        for (int64_t i = 0; i < count && rc == FIRN_OK; i++) {
            static char large[(1 << 20) + 5];
            uint8_t uuid[16] = {(uint8_t)i, (uint8_t)(i >> 8)};
            char text[32];
            int size = snprintf(text, sizeof text, "row %lld", (long long)i);
            int64_t id = 2 * i;
            if (way == 1 && i == count - 1) {
                id = 7; /* out of order */
            } else if (way == 2 && i == count - 1) {
                id = 20000; /* there already */
            } else if (way == 3 && i == count / 2) {
                id -= 2; /* just came */
            }
            firn_value values[] = {
                firn_i64(id),
                i % 10 == 0 ? firn_null() : firn_text_bytes(firn_bytes(text, (size_t)size)),
                {.type = FIRN_TYPE_F32, .as.f32 = (float)i},
                i % 3 == 0 ? firn_null() : firn_u64((uint64_t)i),
                {.type = FIRN_TYPE_UUID, .as.bytes = firn_bytes(uuid, sizeof uuid)}};
            if (way == 4 && i == 123456) {
                memset(large, 'l', sizeof large);
                values[1] = firn_text_bytes(firn_bytes(large, sizeof large));
            }
            sum += id;
            rc = fi_rows_bulk_put(bulk, values, 5, &err);
            if (way == 5 && i == count / 2) {
                break;
            }
        }
        if (way == 5) { /* given up */
            fi_rows_bulk_close(bulk);
            assert_int_equal(count_rows(table, NULL, &sum), 0);
            DB_OK(fi_db_close(db, &err));
            db_support_disk_deinit(&disk);
            continue;
        }
        rc = rc == FIRN_OK ? fi_rows_bulk_commit(bulk, &err) : rc;
        fi_rows_bulk_close(bulk);
        if (way == 2 || way == 3) {
            db_support_fails(rc, FIRN_EXISTS, way == 2 ? "(20000)" : "(199998)", &err, __FILE__,
                             __LINE__);
            assert_int_equal(count_rows(table, NULL, &sum), 0);
        } else {
            int64_t found;
            DB_OK(rc);
            assert_int_equal(count_rows(table, NULL, &found), count);
            assert_int_equal(found, sum);
        }
        DB_OK(fi_rows_read_row_create(&row, &err));
        for (int64_t i = 0; rc == FIRN_OK && i < count - 1; i += 991) {
            const struct fi_rows_read read = {.txn = NULL};
            const firn_value key = firn_i64(2 * i);
            char text[32];
            size_t columns;
            int size = snprintf(text, sizeof text, "row %lld", (long long)i);
            DB_OK(fi_rows_read_get(table, &read, &key, 1, row, &err));
            const firn_value *values = fi_rows_read_row_values(row, &columns);
            assert_int_equal(columns, 5);
            assert_int_equal(firn_is_null(values[1]), i % 10 == 0);
            if (i % 10 != 0) {
                assert_int_equal(values[1].as.bytes.size, size);
                assert_memory_equal(values[1].as.bytes.data, text, (size_t)size);
            }
            assert_true(values[2].as.f32 == (float)i);
            assert_int_equal(firn_is_null(values[3]), i % 3 == 0);
            assert_true(i % 3 == 0 || values[3].as.u64 == (uint64_t)i);
            assert_int_equal(values[4].as.bytes.data[1], (uint8_t)(i >> 8));
        }
        fi_rows_read_row_destroy(row);
        DB_OK(fi_inspect_check(
            db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)}, &err));
        DB_OK(fi_db_close(db, &err));
        db_support_disk_deinit(&disk);
    }
}

/* ---- faults ---- */

static int
load_rows(struct firn_table_bulk *bulk, firn_error *err)
{
    int rc = FIRN_OK;
    for (int i = 0; i < 60 && rc == FIRN_OK; i++) {
        char code[32];
        int id = i < 40 ? 2 * i : 2 * (i - 40) + 1;
        (void)snprintf(code, sizeof code, "code-%d", id);
        rc = put_row(bulk, id, code, i % 7, err);
    }
    return rc;
}

static int
run_program(struct fi_os_dir *dir, bool *out_is_certain)
{
    firn_error err;
    struct firn_db *db = NULL;
    struct firn_table *table;
    struct firn_table_bulk *bulk = NULL;
    int rc;
    *out_is_certain = false;
    FI_TRY(fi_db_open(dir, &db_support_create, &db, &err));
    FI_TRY(try_make_table(db, definition, &table, &err));
    FI_TRY(insert(table, 1000, "old", 1, &err));
    FI_TRY(insert(table, 1001, "older", 1, &err));
    FI_TRY(fi_rows_bulk_open(table, &all_columns, &bulk, &err));
    FI_TRY(load_rows(bulk, &err));
    FI_TRY(insert(table, 1002, "meanwhile", 1, &err));
    FI_TRY(fi_rows_bulk_commit(bulk, &err));
    *out_is_certain = true;
    FI_TRY(insert(table, 1003, "later", 1, &err));
out:
    fi_rows_bulk_close(bulk);
    fi_db_abandon(db);
    return rc;
}

static void
check_state(struct fi_os_dir *dir, bool is_certain)
{
    firn_error err;
    struct firn_table *table;
    struct firn_db *db = db_support_open(dir);
    int rc = fi_rows_open(db, "t", &table, &err);
    assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && !is_certain));
    if (rc == FIRN_OK) {
        int64_t sum;
        uint64_t count = count_rows(table, NULL, &sum);
        int64_t of_index;
        assert_true(count <= 3 || count == 63 || count == 64);
        assert_true(count >= 63 || !is_certain);
        assert_int_equal(count_rows(table, "by_code", &of_index), count);
        assert_int_equal(sum, of_index);
        assert_int_equal(count_rows(table, "by_n", &of_index), count);
        assert_int_equal(sum, of_index);
        DB_OK(insert(table, 2000, "again", 1, &err));
    }
    DB_OK(fi_inspect_check(
        db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)}, &err));
    DB_OK(fi_db_close(db, &err));
}

static const struct db_program program = {.run = run_program, .check = check_state};

static void
a_power_cut_at_any_call_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_cut_everywhere(&program);
}

static void
a_call_that_fails_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_fail_calls(&program,
                          FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_METADATA);
}

static void
memory_that_runs_out_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_fail_allocations(&program);
}

/* So many rows that they gather; with each so many allocations one that fails. */
static void
memory_that_runs_out_while_rows_gather_loses_none(void **state)
{
    enum { ROWS = 6000, STEP = 13 };
    uint64_t n = 1;
    int rc = FIRN_NO_MEMORY;
    test_alloc_install();
    for (; rc != FIRN_OK; n += STEP) {
        firn_error err;
        struct db_support support;
        struct firn_table_bulk *bulk = NULL;
        int64_t sum;
        db_support_init(&support, n);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_table *table = make_table(db, "id i64, s text, primary key (id)");
        test_alloc_fail_at(n, false);
        rc = fi_rows_bulk_open(table, &all_columns, &bulk, &err);
        for (int64_t i = 0; i < ROWS && rc == FIRN_OK; i++) {
            const firn_value row[] = {firn_i64(i), i % 5 == 0 ? firn_null() : firn_text("text")};
            rc = fi_rows_bulk_put(bulk, row, 2, &err);
        }
        rc = rc == FIRN_OK ? fi_rows_bulk_commit(bulk, &err) : rc;
        test_alloc_fail_at(0, false);
        fi_rows_bulk_close(bulk);
        uint64_t count = count_rows(table, NULL, &sum);
        assert_int_equal(count, rc == FIRN_OK ? ROWS : 0);
        fi_db_abandon(db);
        db_support_deinit(&support);
    }
    assert_true(n > 20 * STEP);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_any_order),
        cmocka_unit_test(rows_that_are_there_twice_fail_the_load),
        cmocka_unit_test(a_row_that_comes_meanwhile_is_seen),
        cmocka_unit_test(a_row_that_comes_after_the_load_has_looked_is_seen),
        cmocka_unit_test(a_table_that_is_changed_meanwhile_conflicts),
        cmocka_unit_test(defaults_and_numbers_are_filled_in),
        cmocka_unit_test(rows_without_indexes_come_on_two_threads),
        cmocka_unit_test(rows_that_are_refused_leave_nothing_among_those_that_gather),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(a_call_that_fails_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(memory_that_runs_out_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(memory_that_runs_out_while_rows_gather_loses_none),
    };
    return cmocka_run_group_tests_name("table_bulk", tests, NULL, NULL);
}
