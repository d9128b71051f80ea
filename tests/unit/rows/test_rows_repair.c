/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: a store with tables of which one file after the other is damaged, or missing, and what a repair
 * makes of it: it opens and is sound, says what it has lost, every row that it shows was one once, every
 * index has the entries of its rows, and what lies in other files is all there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "rescue/rescue.h"
#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"

enum { ROWS = 400, NAMES_MAX = 64, NAME_SIZE = 64 };

static firn_error err;

struct names {
    char names[NAMES_MAX][NAME_SIZE];
    size_t count;
};

static int
take_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    assert_true(names->count < NAMES_MAX && entry->name_size < NAME_SIZE);
    memcpy(names->names[names->count++], entry->name, entry->name_size + 1);
    return FIRN_OK;
}

/* The text of a row: some lie in value files. */
static firn_slice
body_of(int64_t id)
{
    static char body[6000];
    size_t size = id % 25 == 0 ? 5000 + (size_t)id : (size_t)id % 30;
    for (size_t i = 0; i < size; i++) {
        body[i] = (char)('a' + (i * 7 + (size_t)id + i / 26) % 26);
    }
    return firn_bytes(body, size);
}

/* Version `round` of a row. */
static void
put(struct firn_table *table, int64_t id, int round)
{
    char name[32];
    (void)snprintf(name, sizeof name, "name %d of %d", round, (int)id);
    const firn_value values[] = {firn_i64(id), firn_text(name), firn_i64(id % 7 + round),
                                 firn_text_bytes(body_of(id))};
    DB_OK(rows_put(table, NULL, FI_ROWS_UPSERT, values, 4, &err));
}

/* Two tables, in several runs each, and some rows in the log. */
static void
fill(struct fi_os_dir *dir)
{
    struct firn_db *db = db_support_open(dir);
    for (int round = 0; round < 3; round++) {
        for (int t = 0; t < 2; t++) {
            static const char *const names[] = {"first", "second"};
            struct firn_table *table;
            if (round == 0) {
                DB_OK(rows_make(db, names[t],
                                "id i64, name text, n i64, body text, primary key (id), "
                                "unique index by_name (name), index by_n (n)",
                                &table, &err));
            } else {
                DB_OK(fi_rows_open(db, names[t], &table, &err));
            }
            for (int64_t id = round; id < ROWS; id += round + 1) {
                put(table, id, round);
            }
        }
        if (round < 2) {
            DB_OK(fi_db_maintain_flush(db, &err));
        }
    }
    fi_db_abandon(db);
}

static void
on_damage(void *ctx, const char *text)
{
    assert_int_equal(fi_buf_append_format(ctx, "%s\n", text), FIRN_OK);
}

/* Rows of a table; -1: it cannot be opened. Each must be one of its versions, but for values that are null. */
static int64_t
count_rows(struct firn_db *db, const char *name, unsigned *out_indexes, int64_t *out_nulls)
{
    const struct fi_rows_cursor_options all = {.is_descending = false};
    struct firn_table_cursor *cursor;
    struct fi_schema *schema;
    const struct firn_row *row;
    struct firn_table *table;
    int64_t rows = 0;
    int64_t nulls = 0;
    int rc = fi_rows_open(db, name, &table, &err);
    rc = rc == FIRN_OK ? fi_rows_schema(table, NULL, &schema, &err) : rc;
    if (rc != FIRN_OK) {
        assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT);
        return -1;
    }
    *out_indexes = (unsigned)schema->index_count;
    fi_schema_unref(schema);
    DB_OK(fi_rows_read_cursor_open(table, &all, &cursor, &err));
    for (;;) {
        char wanted[32];
        size_t count;
        bool is_one = false;
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        const firn_value *values = fi_rows_read_row_values(row, &count);
        for (int round = 0; round < 3 && !is_one; round++) {
            (void)snprintf(wanted, sizeof wanted, "name %d of %d", round, (int)values[0].as.i64);
            /* Values of a column that was damaged are null. */
            is_one =
                (firn_is_null(values[1]) || fi_slice_equal(values[1].as.bytes, firn_str(wanted))) &&
                (firn_is_null(values[2]) || values[2].as.i64 == values[0].as.i64 % 7 + round);
        }
        assert_true(firn_is_null(values[3]) ||
                    fi_slice_equal(values[3].as.bytes, body_of(values[0].as.i64)));
        nulls += firn_is_null(values[1]) + firn_is_null(values[2]) + firn_is_null(values[3]);
        assert_true(is_one);
        rows++;
    }
    fi_rows_read_cursor_close(cursor);
    *out_nulls = nulls;
    return rows;
}

static struct fi_os_dir *
make_dir(struct db_support *support, const char *name)
{
    struct fi_os_dir *root;
    struct fi_os_dir *dir;
    DB_OK(fi_os_dir_open_path(support->os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, name, 0700, &err));
    DB_OK(fi_os_dir_open(root, name, &dir, &err));
    fi_os_dir_close(root);
    return dir;
}

/* Damages a file of runs (NULL: of none) and repairs. Returns the rows of both tables. */
static int64_t
repair(struct db_support *support, const char *file, bool is_missing, unsigned number)
{
    static char shown[ROWS_SHOW_SIZE * 2];
    char name[32];
    struct fi_os_dir *runs;
    struct fi_buf told = {0};
    struct fi_rescue_result result;
    firn_store_check_result report = {.size = sizeof report};
    const struct fi_rescue_options options = {.on_damage = on_damage, .ctx = &told};
    (void)snprintf(name, sizeof name, "bad%u", number);
    struct fi_os_dir *bad = make_dir(support, name);
    (void)snprintf(name, sizeof name, "good%u", number);
    struct fi_os_dir *good = make_dir(support, name);
    db_support_copy(support->dir, bad);
    if (file != NULL) {
        DB_OK(fi_os_dir_open(bad, "runs", &runs, &err));
        if (is_missing) {
            DB_OK(fi_os_remove_file(runs, file, &err));
        } else {
            struct fi_buf bytes = {0};
            test_file_read(runs, file, &bytes);
            bytes.data[bytes.size / 3] ^= 0x20;
            test_file_write(runs, file, bytes.data, bytes.size);
            fi_buf_deinit(&bytes);
        }
        fi_os_dir_close(runs);
    }
    DB_OK(fi_rescue(bad, good, &options, &result, &err));
    assert_int_equal(result.state, file == NULL ? FI_RESCUE_KEPT : FI_RESCUE_SHORTENED);
    assert_true(file == NULL || (told.size > 0 && result.runs_lost == 1));
    struct firn_db *db = db_support_open(good);
    if (result.state == FI_RESCUE_SHORTENED) {
        DB_OK(fi_rows_mend(db, on_damage, &told, &err));
    }
    assert_int_equal(fi_buf_append_u8(&told, 0), FIRN_OK);
    int64_t total = 0;
    for (int t = 0; t < 2; t++) {
        unsigned indexes = 0;
        int64_t nulls = 0;
        int64_t rows = count_rows(db, t == 0 ? "first" : "second", &indexes, &nulls);
        assert_true(nulls == 0 ||
                    strstr((const char *)told.data, "rows are kept without their values") != NULL);
        char lost[64];
        (void)snprintf(lost, sizeof lost, "table '%s': its definition",
                       t == 0 ? "first" : "second");
        bool is_told = strstr((const char *)told.data, lost) != NULL ||
                       strstr((const char *)told.data, "the name of keyspace") != NULL;
        assert_true(rows >= 0 || is_told);
        assert_true(indexes == 2 || strstr((const char *)told.data, "is dropped") != NULL ||
                    rows < 0);
        total += rows > 0 ? rows : 0;
    }
    /* Each index has the entries of its rows, and no others. */
    struct firn_snapshot *snapshot;
    DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
    shown[0] = '\0';
    DB_OK(rows_show_snapshot(snapshot, shown, &err));
    fi_db_snapshot_close(snapshot);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    fi_buf_deinit(&told);
    fi_os_dir_close(bad);
    fi_os_dir_close(good);
    return total;
}

static void
a_repair_keeps_what_can_be_kept_of_tables(void **state)
{
    struct db_support support;
    struct names names = {.count = 0};
    struct fi_os_dir *runs;
    unsigned number = 0;
    unsigned of_columns = 0;
    db_support_init(&support, 1);
    fill(support.dir);
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, take_name, &names, &err));
    fi_os_dir_close(runs);
    assert_int_equal(repair(&support, NULL, false, number++), 2 * ROWS);
    for (size_t i = 0; i < names.count; i++) {
        bool is_column = strstr(names.names[i], ".column") != NULL;
        for (int is_missing = 0; is_missing < 2; is_missing++) {
            int64_t rows = repair(&support, names.names[i], is_missing != 0, number++);
            assert_true(is_column ? rows >= ROWS && rows <= 2 * ROWS : rows >= 0);
        }
        of_columns += is_column;
    }
    print_message("count: %u repairs of a store with tables, %u of files of columns\n", number,
                  2 * of_columns);
    assert_true(of_columns >= 4);
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repair_keeps_what_can_be_kept_of_tables),
    };
    return cmocka_run_group_tests_name("rows_repair", tests, NULL, NULL);
}
