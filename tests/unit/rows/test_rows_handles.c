/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: tables and indexes that are dropped, made again and restored under handles, transactions and
 * views that have seen others; and tables that are made while memory runs out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_fault.h"
#include "support/test_random.h"

static struct db_support support;
static struct firn_db *db;
static firn_error err;

static const char definition[] = "id i64, name text, primary key (id), unique index by_name (name)";
static const char *const by_name_columns[] = {"name"};

static int
set_up(void **state)
{
    db_support_init(&support, 1);
    db = db_support_open(support.dir);
    return 0;
}

static int
tear_down(void **state)
{
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
    return 0;
}

static struct firn_table *
make(const char *name)
{
    struct firn_table *table;
    DB_OK(rows_make(db, name, definition, &table, &err));
    return table;
}

static int
put(struct firn_table *table, struct firn_txn *txn, int64_t id, const char *name)
{
    const firn_value values[] = {firn_i64(id), firn_text(name)};
    return rows_put(table, txn, FI_ROWS_UPSERT, values, 2, &err);
}

static struct firn_txn *
begin(void)
{
    static const struct fi_txn_options plain = {.is_serializable = false};
    struct firn_txn *txn;
    DB_OK(fi_txn_begin(db, &plain, &txn, &err));
    return txn;
}

/* The key of the row with a name; -1: there is none. Asserts that the row has the name. */
static int64_t
id_of(struct firn_table *table, struct firn_txn *txn, struct firn_snapshot *snapshot,
      const char *name)
{
    const struct fi_rows_read read = {.txn = txn, .snapshot = snapshot, .index = "by_name"};
    const firn_value wanted = firn_text(name);
    struct firn_row *row;
    size_t count;
    int64_t id = -1;
    DB_OK(fi_rows_read_row_create(&row, &err));
    int rc = fi_rows_read_get(table, &read, &wanted, 1, row, &err);
    if (rc == FIRN_OK) {
        const firn_value *values = fi_rows_read_row_values(row, &count);
        id = values[0].as.i64;
        assert_true(fi_slice_equal(values[1].as.bytes, firn_str(name)));
    } else {
        assert_int_equal(rc, FIRN_NOT_FOUND);
    }
    fi_rows_read_row_destroy(row);
    return id;
}

static int
drop_index(struct firn_table *table)
{
    return fi_rows_index_drop(table, "by_name", &err);
}

static int
add_index(struct firn_table *table)
{
    return fi_rows_index_add(table, &(firn_table_index){"by_name", by_name_columns, 1, true}, &err);
}

static int
drop_table(struct firn_table *table)
{
    return fi_rows_drop(db, fi_rows_name(table), &err);
}

static int
drop_and_add_index(struct firn_table *table)
{
    int rc = drop_index(table);
    return rc == FIRN_OK ? add_index(table) : rc;
}

static int
drop_and_make_table(struct firn_table *table)
{
    int rc = drop_table(table);
    if (rc == FIRN_OK) {
        struct firn_table *other = make(fi_rows_name(table));
        assert_ptr_not_equal(other, table);
        rc = put(other, NULL, 100, "of the other one");
    }
    return rc;
}

static int (*const changes[])(struct firn_table *table) = {drop_index, drop_and_add_index,
                                                           drop_table, drop_and_make_table};
enum { CHANGES = sizeof changes / sizeof *changes };

/* ---- transactions ---- */

/* Never misuse: done again the transaction sees what has become of the table. */
static void
transactions_that_wrote_conflict_with_what_was_dropped_under_them(void **state)
{
    for (size_t i = 0; i < CHANGES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%zu", i);
        struct firn_table *table = make(name);
        DB_OK(put(table, NULL, 1, "ada"));
        struct firn_txn *wrote = begin();
        struct firn_txn *writes = begin();
        DB_OK(put(table, wrote, 2, "grace"));
        DB_OK(changes[i](table));
        /* It sees the table as it was, and cannot write it. */
        assert_int_equal(id_of(table, writes, NULL, "ada"), 1);
        assert_int_equal(put(table, writes, 3, "alan"), FIRN_CONFLICT);
        assert_int_equal(put(table, wrote, 3, "alan"), FIRN_CONFLICT);
        assert_int_equal(fi_txn_commit(wrote, FIRN_DURABILITY_DEFAULT, &err), FIRN_CONFLICT);
        fi_txn_close(wrote);
        DB_OK(fi_txn_rollback(writes, &err));
        fi_txn_close(writes);
        int rc = put(table, NULL, 4, "konrad");
        assert_int_equal(rc, i < 2 ? FIRN_OK : FIRN_NOT_FOUND);
    }
}

static void
a_transaction_that_has_ended_reads_no_rows(void **state)
{
    struct firn_table *table = make("t");
    const firn_value one = firn_i64(1);
    struct firn_row *row;
    struct firn_table_cursor *cursor;
    const struct firn_row *found;
    struct firn_txn *txn = begin();
    struct fi_rows_cursor_options options = {.read = {.txn = txn, .index = "by_name"}};
    DB_OK(put(table, txn, 1, "ada"));
    DB_OK(fi_rows_read_cursor_open(table, &options, &cursor, &err));
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
    DB_FAILS(fi_rows_read_cursor_next(cursor, &found, &err), FIRN_MISUSE, "has ended");
    fi_rows_read_cursor_close(cursor);
    DB_FAILS(fi_rows_read_cursor_open(table, &options, &cursor, &err), FIRN_MISUSE, "has ended");
    assert_null(cursor);
    DB_OK(fi_rows_read_row_create(&row, &err));
    DB_FAILS(fi_rows_read_get(table, &(struct fi_rows_read){.txn = txn}, &one, 1, row, &err),
             FIRN_MISUSE, "has ended");
    DB_FAILS(put(table, txn, 2, "grace"), FIRN_MISUSE, "has ended");
    fi_rows_read_row_destroy(row);
    fi_txn_close(txn);
}

/* ---- handles ---- */

static int
keep_schema(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *error)
{
    (void)ctx;
    return fi_schema_change_rename_column(old, firn_str("name"), firn_str("title"), out, error);
}

static void
a_handle_of_a_dropped_table_finds_none(void **state)
{
    for (int is_made_again = 0; is_made_again < 2; is_made_again++) {
        const struct fi_rows_change change = {keep_schema, NULL};
        const struct fi_rows_cursor_options all = {.is_descending = false};
        const firn_value one = firn_i64(1);
        struct firn_table_cursor *cursor;
        struct fi_schema *schema;
        struct firn_row *row;
        struct firn_table *table = make("t");
        DB_OK(put(table, NULL, 1, "ada"));
        DB_OK(is_made_again ? drop_and_make_table(table) : drop_table(table));
        DB_OK(fi_rows_read_row_create(&row, &err));
        DB_FAILS(put(table, NULL, 2, "grace"), FIRN_NOT_FOUND, "no table 't'");
        DB_FAILS(fi_rows_write_delete(table, NULL, &one, 1, FIRN_DURABILITY_DEFAULT, &err),
                 FIRN_NOT_FOUND, "no table 't'");
        DB_FAILS(fi_rows_read_get(table, &all.read, &one, 1, row, &err), FIRN_NOT_FOUND,
                 "no table 't'");
        DB_FAILS(fi_rows_read_cursor_open(table, &all, &cursor, &err), FIRN_NOT_FOUND,
                 "no table 't'");
        DB_FAILS(fi_rows_schema(table, NULL, &schema, &err), FIRN_NOT_FOUND, "no table 't'");
        DB_FAILS(fi_rows_alter(table, &change, &err), FIRN_NOT_FOUND, "no table 't'");
        DB_FAILS(add_index(table), FIRN_NOT_FOUND, "no table 't'");
        DB_FAILS(drop_index(table), FIRN_NOT_FOUND, "no table 't'");
        fi_rows_read_row_destroy(row);
        if (is_made_again) {
            DB_OK(fi_rows_open(db, "t", &table, &err));
            assert_int_equal(id_of(table, NULL, NULL, "of the other one"), 100);
            assert_int_equal(id_of(table, NULL, NULL, "ada"), -1);
        } else {
            DB_FAILS(fi_rows_open(db, "t", &table, &err), FIRN_NOT_FOUND, "no table 't'");
        }
    }
}

static void
a_snapshot_goes_on_reading_a_table_that_was_dropped(void **state)
{
    for (size_t i = 0; i < CHANGES; i++) {
        struct firn_snapshot *snapshot;
        char before[ROWS_SHOW_SIZE] = "";
        char after[ROWS_SHOW_SIZE] = "";
        char name[16];
        (void)snprintf(name, sizeof name, "t%zu", i);
        struct firn_table *table = make(name);
        struct firn_table *again;
        DB_OK(put(table, NULL, 1, "ada"));
        DB_OK(fi_db_maintain_flush(db, &err));
        DB_OK(put(table, NULL, 2, "grace"));
        DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
        DB_OK(rows_show_snapshot(snapshot, before, &err));
        assert_non_null(strstr(before, "1 'ada'\n 2 'grace'"));
        DB_OK(changes[i](table));
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        DB_OK(fi_rows_open_at(snapshot, name, &again, &err));
        assert_ptr_equal(again, table);
        assert_int_equal(id_of(table, NULL, snapshot, "grace"), 2);
        DB_OK(rows_show_snapshot(snapshot, after, &err));
        assert_string_equal(after, before);
        fi_db_snapshot_close(snapshot);
    }
}

/* The list of schemas itself is another one in each of the two histories. */
static void
a_table_of_another_history_is_opened_at_its_checkpoint(void **state)
{
    struct fi_db_checkpoint_info info;
    struct fi_db_checkpoint_info safety;
    struct firn_snapshot *snapshot;
    struct firn_table *table;
    char shown[ROWS_SHOW_SIZE] = "";
    DB_OK(fi_db_checkpoint_create(db, "empty", NULL, &err));
    DB_OK(put(make("t"), NULL, 1, "ada"));
    DB_OK(fi_db_checkpoint_create(db, "first", NULL, &err));
    DB_OK(fi_rows_open(db, "t", &table, &err));
    DB_OK(fi_db_checkpoint_restore(db, "empty", &info, &safety, &err));
    DB_FAILS(put(table, NULL, 2, "grace"), FIRN_NOT_FOUND, "no table 't'");
    DB_FAILS(add_index(table), FIRN_NOT_FOUND, "no table 't'");
    assert_int_equal(id_of(table, NULL, NULL, "ada"), -1);
    for (int has_second = 0; has_second < 2; has_second++) {
        if (has_second) {
            DB_OK(put(make("t"), NULL, 2, "grace"));
            DB_OK(fi_db_checkpoint_create(db, "second", NULL, &err));
        }
        DB_OK(fi_db_close(db, &err)); /* no handle knows anything */
        db = db_support_open(support.dir);
        DB_OK(fi_db_checkpoint_snapshot(db, "first", &snapshot, &err));
        DB_OK(fi_rows_open_at(snapshot, "t", &table, &err));
        assert_int_equal(id_of(table, NULL, snapshot, "ada"), 1);
        fi_db_snapshot_close(snapshot);
    }
    DB_OK(fi_db_checkpoint_restore(db, "first", &info, &safety, &err));
    DB_OK(fi_rows_open(db, "t", &table, &err));
    DB_OK(put(table, NULL, 3, "alan"));
    assert_int_equal(id_of(table, NULL, NULL, "ada"), 1);
    DB_OK(rows_show(db, shown, &err));
    DB_OK(fi_db_checkpoint_restore(db, "second", &info, &safety, &err));
    DB_OK(fi_rows_open(db, "t", &table, &err));
    assert_int_equal(id_of(table, NULL, NULL, "grace"), 2);
    assert_int_equal(id_of(table, NULL, NULL, "alan"), -1);
    DB_OK(rows_show(db, shown, &err));
}

/* Of one name and another number. */
static void
an_index_that_is_made_again_has_the_rows_of_now(void **state)
{
    struct firn_table *table = make("t");
    struct fi_db_checkpoint_info info;
    struct fi_db_checkpoint_info safety;
    DB_OK(put(table, NULL, 1, "ada"));
    DB_OK(fi_db_checkpoint_create(db, "with", NULL, &err));
    DB_OK(drop_index(table));
    DB_OK(put(table, NULL, 1, "grace"));
    DB_OK(add_index(table));
    assert_int_equal(id_of(table, NULL, NULL, "grace"), 1);
    assert_int_equal(id_of(table, NULL, NULL, "ada"), -1);
    DB_OK(fi_db_checkpoint_restore(db, "with", &info, &safety, &err));
    assert_int_equal(id_of(table, NULL, NULL, "ada"), 1);
    assert_int_equal(id_of(table, NULL, NULL, "grace"), -1);
    DB_OK(drop_index(table));
    DB_OK(put(table, NULL, 2, "ada"));
    assert_int_equal(add_index(table), FIRN_EXISTS);
    DB_OK(put(table, NULL, 2, "alan"));
    DB_OK(add_index(table));
    assert_int_equal(id_of(table, NULL, NULL, "alan"), 2);
}

/* ---- rows that end ---- */

/* The clock moves on while the index is made, past the end of a row: that row is no second one. */
static void
an_index_is_made_while_a_row_expires(void **state)
{
    enum { START_S = 1700000000, TTL_MS = 1000, STEPS = 300 };
    const firn_value values[] = {firn_i64(1), firn_text("ada")};
    const struct fi_rows_put ending = {
        .mode = FI_ROWS_UPSERT, .values = values, .count = 2, .ttl_ms = TTL_MS};
    struct firn_table *table = make("t");
    const int64_t second_ns = INT64_C(1000000000);
    DB_OK(drop_index(table));
    DB_OK(put(table, NULL, 2, "grace"));
    unsigned expired = 0;
    for (int64_t i = 0; i < STEPS; i++) {
        int64_t begin_ns = (START_S + 10 * i) * second_ns;
        fi_sim_memory_set_time(support.os, begin_ns);
        DB_OK(fi_rows_write_put(table, NULL, &ending, FIRN_DURABILITY_DEFAULT, NULL, &err));
        /* Each reading of the clock takes a microsecond: the row ends at about the i-th one. */
        fi_sim_memory_set_time(support.os, begin_ns + second_ns - i * 1000);
        DB_OK(add_index(table));
        expired += id_of(table, NULL, NULL, "ada") < 0;
        assert_int_equal(id_of(table, NULL, NULL, "grace"), 2);
        DB_OK(drop_index(table));
    }
    assert_in_range(expired, 1, STEPS - 1);
}

/* ---- ranges ---- */

/* The bound above a key of the largest size is longer than that. */
static void
all_rows_are_deleted_whatever_the_size_of_the_last_key(void **state)
{
    static char text[FIRN_TABLE_KEY_SIZE_MAX + 1];
    struct firn_table *table;
    const struct fi_rows_span all = {.lower = {.values = NULL}};
    const struct fi_rows_read now = {.txn = NULL};
    struct firn_row *row;
    DB_OK(rows_make(db, "t", "name text, n i64, primary key (name), index by_n (n)", &table, &err));
    DB_OK(fi_rows_read_row_create(&row, &err));
    size_t longest = 0;
    for (size_t size = FIRN_TABLE_KEY_SIZE_MAX - 32; size <= FIRN_TABLE_KEY_SIZE_MAX; size++) {
        memset(text, 'x', size);
        text[size] = '\0';
        const firn_value values[] = {firn_text(text), firn_i64(1)};
        int rc = rows_put(table, NULL, FI_ROWS_UPSERT, values, 2, &err);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_LIMIT);
            break;
        }
        longest = size;
        DB_OK(fi_rows_write_delete_range(table, NULL, &all, FIRN_DURABILITY_DEFAULT, &err));
        assert_int_equal(fi_rows_read_get(table, &now, values, 1, row, &err), FIRN_NOT_FOUND);
    }
    assert_in_range(longest, FIRN_TABLE_KEY_SIZE_MAX - 32, FIRN_TABLE_KEY_SIZE_MAX);
    fi_rows_read_row_destroy(row);
}

/* ---- memory ---- */

static void
a_table_is_made_whole_or_not_at_all(void **state)
{
    unsigned failures = 0;
    for (int has_another = 0; has_another < 2; has_another++) {
        struct test_fault fault = {.counts = true};
        while (test_fault_next(&fault)) {
            struct db_support own;
            struct firn_table *table;
            char shown[ROWS_SHOW_SIZE];
            db_support_init(&own, fault.n);
            struct firn_db *store = db_support_open(own.dir);
            if (has_another) {
                DB_OK(rows_make(store, "another", definition, &table, &err));
            }
            test_fault_allocation(&fault);
            int rc = rows_make(store, "t", definition, &table, &err);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            assert_true((rc == FIRN_OK) == (table != NULL));
            if (rc != FIRN_OK) {
                failures++;
                assert_int_equal(fi_rows_open(store, "t", &table, &err), FIRN_NOT_FOUND);
                int again = rows_make(store, "t", definition, &table, &err);
                if (again == FIRN_FAILED) {
                    /* What the log has may come back, whole. */
                    fi_db_abandon(store);
                    store = db_support_open(own.dir);
                    again = fi_rows_open(store, "t", &table, &err);
                    again = again == FIRN_NOT_FOUND
                                ? rows_make(store, "t", definition, &table, &err)
                                : again;
                }
                DB_OK(again);
            }
            DB_OK(put(table, NULL, 1, "ada"));
            DB_OK(rows_show(store, shown, &err));
            DB_OK(fi_db_close(store, &err));
            store = db_support_open(own.dir);
            DB_OK(fi_rows_open(store, "t", &table, &err));
            assert_int_equal(id_of(table, NULL, NULL, "ada"), 1);
            DB_OK(fi_db_close(store, &err));
            db_support_deinit(&own);
        }
    }
    print_message("count: %u tables of which an allocation failed\n", failures);
    assert_true(failures > 50);
}

static int
count_index(void *ctx, const char *name)
{
    *(unsigned *)ctx += strncmp(name, "firn:index:", 11) == 0;
    return FIRN_OK;
}

/* A crash between the record and the name of a table leaves both its record and its indexes. */
static void
what_belongs_to_no_table_goes_with_the_next_one(void **state)
{
    struct firn_table *table = make("t");
    struct firn_db_keyspace *schemas = db_support_keyspace(db, FI_DB_SCHEMAS);
    struct firn_db_keyspace *made;
    struct fi_buf record = {0};
    const uint8_t key[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const firn_slice stray = firn_bytes(key, sizeof key);
    struct fi_schema *schema;
    unsigned indexes = 0;
    bool exists;
    DB_OK(put(table, NULL, 1, "ada"));
    DB_OK(fi_rows_schema(table, NULL, &schema, &err));
    DB_OK(fi_schema_record_encode(schema, &record, &err));
    DB_OK(fi_db_put(schemas, stray, fi_buf_slice(&record), FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_keyspace_create(db, "firn:index:0102030405060708:1", &made, &err));
    DB_OK(fi_db_keyspace_create(db, "firn:index:1112131415161718:7", &made, &err));
    (void)make("u");
    DB_OK(fi_db_get_exists(schemas, stray, &exists, &err));
    assert_false(exists);
    DB_OK(fi_db_keyspace_list(db, count_index, &indexes, &err));
    assert_int_equal(indexes, 2);
    assert_int_equal(id_of(table, NULL, NULL, "ada"), 1);
    fi_buf_deinit(&record);
    fi_schema_unref(schema);
}

/* ---- schemas that are kept ---- */

/* A column of some name comes, goes, or gets another default. */
static int
other_columns(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *error)
{
    struct test_random *random = ctx;
    char name[16];
    (void)snprintf(name, sizeof name, "c%u", (unsigned)test_random_below(random, 5));
    const firn_value number = firn_i64((int64_t)test_random_below(random, 1000));
    const firn_table_column added = {.name = name, .type = FIRN_TYPE_I64};
    if (fi_schema_find(old, firn_str(name)) == NULL) {
        return fi_schema_change_add_column(old, &added, out, error);
    }
    return test_random_below(random, 2) == 0
               ? fi_schema_change_drop_column(old, firn_str(name), out, error)
               : fi_schema_change_default(old, firn_str(name), &number, out, error);
}

static void
put_some(struct firn_table *table, unsigned number)
{
    static const char *const columns[] = {"id"};
    const firn_value value = firn_i64(number);
    const struct fi_rows_put some = {
        .mode = FI_ROWS_UPSERT, .columns = columns, .values = &value, .count = 1};
    DB_OK(fi_rows_write_put(table, NULL, &some, FIRN_DURABILITY_OS, NULL, &err));
}

/* The definition that a handle knows, or that a view reads. */
static void
show_schema(struct firn_table *table, struct firn_snapshot *snapshot, struct fi_buf *out)
{
    struct fi_schema *schema;
    fi_buf_clear(out);
    DB_OK(fi_rows_schema(table, snapshot, &schema, &err));
    assert_int_equal(fi_schema_text_append(schema, out), FIRN_OK);
    assert_int_equal(fi_buf_append_format(out, " version %u", (unsigned)schema->version), FIRN_OK);
    fi_schema_unref(schema);
}

/* A handle keeps the schema that it has read as long as no commit has changed schemas. So it must never show another
 * one than a view of this moment, however often the table is altered, restored and taken back. */
static void
a_handle_knows_the_schema_of_now(void **state)
{
    struct test_random random;
    struct fi_buf known = {0};
    struct fi_buf now = {0};
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    bool has[4] = {false};
    bool can_undo = false;
    unsigned restores = 0;
    test_random_init(&random, "a_handle_knows_the_schema_of_now", 3);
    struct firn_table *table = make("t");
    struct firn_table *second = make("u");
    for (unsigned i = 0; i < 600; i++) {
        struct firn_snapshot *snapshot;
        char name[8];
        unsigned at = (unsigned)test_random_below(&random, 4);
        uint64_t dice = test_random_below(&random, 10);
        (void)snprintf(name, sizeof name, "c%u", at);
        if (dice < 4) {
            const struct fi_rows_change change = {other_columns, &random};
            DB_OK(fi_rows_alter(dice == 0 ? second : table, &change, &err));
        } else if (dice < 5) {
            put_some(table, i);
        } else if (dice < 6 && !has[at]) {
            DB_OK(fi_db_checkpoint_create(db, name, NULL, &err));
            has[at] = true;
        } else if (dice < 8 && has[at]) {
            DB_OK(fi_db_checkpoint_restore(db, name, &restored, &safety, &err));
            can_undo = true;
            restores++;
        } else if (dice < 9 && can_undo) {
            DB_OK(fi_db_checkpoint_undo(db, &restored, &safety, &err));
            can_undo = false;
        }
        DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
        show_schema(table, NULL, &known);
        show_schema(table, snapshot, &now);
        assert_true(fi_slice_equal(fi_buf_slice(&known), fi_buf_slice(&now)));
        fi_db_snapshot_close(snapshot);
    }
    print_message("count: %u restores under a handle\n", restores);
    assert_true(restores > 20);
    fi_buf_deinit(&known);
    fi_buf_deinit(&now);
}

static uint64_t
blocks_used(void)
{
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats.cache_hits + stats.cache_misses;
}

/* Blocks that making some tables uses. */
static uint64_t
blocks_to_make(unsigned first, unsigned count)
{
    DB_OK(fi_db_maintain_flush(db, &err));
    const uint64_t before = blocks_used();
    for (unsigned i = first; i < first + count; i++) {
        char name[16];
        struct firn_table *table;
        (void)snprintf(name, sizeof name, "t%u", i);
        DB_OK(rows_make(db, name, "id i64 primary key", &table, &err));
    }
    return blocks_used() - before;
}

static void
a_table_is_made_without_a_look_at_all_others(void **state)
{
    enum { TABLES = 700, MORE = 20 };
    (void)blocks_to_make(0, TABLES);
    const uint64_t blocks = blocks_to_make(TABLES, MORE);
    if (blocks > (uint64_t)MORE * 8) {
        fail_msg("%" PRIu64 " blocks for %d tables", blocks, MORE);
    }
}

int
main(void)
{
#define ROWS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROWS_TEST(transactions_that_wrote_conflict_with_what_was_dropped_under_them),
        ROWS_TEST(a_transaction_that_has_ended_reads_no_rows),
        ROWS_TEST(a_handle_of_a_dropped_table_finds_none),
        ROWS_TEST(a_snapshot_goes_on_reading_a_table_that_was_dropped),
        ROWS_TEST(a_table_of_another_history_is_opened_at_its_checkpoint),
        ROWS_TEST(an_index_that_is_made_again_has_the_rows_of_now),
        ROWS_TEST(an_index_is_made_while_a_row_expires),
        ROWS_TEST(all_rows_are_deleted_whatever_the_size_of_the_last_key),
        cmocka_unit_test(a_table_is_made_whole_or_not_at_all),
        ROWS_TEST(a_handle_knows_the_schema_of_now),
        ROWS_TEST(what_belongs_to_no_table_goes_with_the_next_one),
        ROWS_TEST(a_table_is_made_without_a_look_at_all_others),
    };
    return cmocka_run_group_tests_name("rows_handles", tests, NULL, NULL);
}
