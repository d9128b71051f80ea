/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: the public face of tables: what an application does, transactions that meet, tables that are
 * changed under them, and every argument that cannot be meant. Rows beside those of SQLite are
 * test_table_sqlite.c's.
 */
#include <unistd.h>

#include "base/buf.h"
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_temp.h"

static firn_error err;

static firn_store *store;
static firn_row *row;

static int
set_up(void **state)
{
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_row_create(&row, &err));
    return 0;
}

static int
tear_down(void **state)
{
    firn_row_destroy(row);
    OK(firn_store_close(store, &err));
    return 0;
}

static firn_table *
make_table(const char *name, const char *definition)
{
    firn_table_def *def;
    firn_table *table;
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(store, name, def, &table, &err));
    firn_release(def);
    return table;
}

static void
insert(firn_table *table, int64_t key, const char *text)
{
    const firn_value values[] = {firn_i64(key), text != NULL ? firn_text(text) : firn_null()};
    OK(firn_table_insert(table, NULL, values, 2, &err));
}

/* The text in the second column of the row with that key; NULL: there is no such row. */
static const char *
text_at(firn_table *table, firn_txn *txn, int64_t key)
{
    static char text[64];
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    const firn_value wanted = firn_i64(key);
    options.txn = txn;
    int rc = firn_table_get(table, &options, &wanted, 1, row, &err);
    if (rc == FIRN_NOT_FOUND) {
        assert_int_equal(firn_row_count(row), 0);
        return NULL;
    }
    OK(rc);
    const firn_value *value = &firn_row_values(row)[1];
    if (firn_is_null(*value)) {
        return "(null)";
    }
    assert_true(value->as.bytes.size < sizeof text);
    memcpy(text, value->as.bytes.data, value->as.bytes.size);
    text[value->as.bytes.size] = '\0';
    return text;
}

static void
rows_are_written_and_read(void **state)
{
    firn_table *table = make_table("people", "id i64, name text, primary key (id)");
    const char *const columns[] = {"name", "id"};
    const firn_value named[] = {firn_text("Grace"), firn_i64(2)};
    const firn_value key = firn_i64(2);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    insert(table, 1, "Ada");
    options.columns = columns;
    OK(firn_table_insert(table, &options, named, 2, &err));
    assert_string_equal(text_at(table, NULL, 1), "Ada");
    assert_string_equal(text_at(table, NULL, 2), "Grace");
    FAILS(firn_table_insert(table, &options, named, 2, &err), FIRN_EXISTS, "a row with that key");
    OK(firn_table_delete(table, NULL, &key, 1, &err));
    assert_null(text_at(table, NULL, 2));
    FAILS(firn_table_delete(table, NULL, &key, 1, &err), FIRN_NOT_FOUND, "no row");
    OK(firn_table_upsert(table, &options, named, 2, &err));
    assert_string_equal(text_at(table, NULL, 2), "Grace");
    assert_string_equal(firn_table_name(table), "people");
}

/* Columns and indexes of a program that was compiled with a later version. */
struct later_column {
    firn_table_column column;
    uint64_t more;
};
struct later_index {
    firn_table_index index;
    uint64_t more[2];
};

static void
a_parsed_definition_has_the_sizes_that_a_program_knows(void **state)
{
    firn_table_def *def;
    firn_table *table;
    OK(firn_table_def_parse_sized("id i64 primary key, b text default 'x', c bool, index by_b (b), "
                                  "unique index by_c (c, b)",
                                  sizeof(struct later_column), sizeof(struct later_index), &def,
                                  &err));
    assert_int_equal(def->column_size, sizeof(struct later_column));
    assert_int_equal(def->index_size, sizeof(struct later_index));
    const struct later_column *columns = (const struct later_column *)(const void *)def->columns;
    const struct later_index *indexes = (const struct later_index *)(const void *)def->indexes;
    assert_string_equal(columns[0].column.name, "id");
    assert_string_equal(columns[1].column.name, "b");
    assert_memory_equal(columns[1].column.default_value->as.bytes.data, "x", 1);
    assert_string_equal(columns[2].column.name, "c");
    assert_int_equal(columns[2].column.type, FIRN_TYPE_BOOL);
    assert_true(columns[0].more == 0 && columns[2].more == 0);
    assert_string_equal(indexes[0].index.name, "by_b");
    assert_string_equal(indexes[1].index.columns[1], "b");
    assert_true(indexes[1].index.is_unique && indexes[1].more[1] == 0);
    OK(firn_table_create(store, "later", def, &table, &err));
    firn_release(def);
    assert_int_equal(firn_table_def_parse_sized("a i64", 8, sizeof(firn_table_index), &def, &err),
                     FIRN_INVALID);
    assert_null(def);
    assert_int_equal(firn_table_def_parse_sized("a i64", sizeof(firn_table_column), 7, &def, &err),
                     FIRN_INVALID);
}

static void
columns_and_indexes_are_added_with_the_sizes_that_a_program_knows(void **state)
{
    char *text;
    struct later_column column = {{.name = "d", .type = FIRN_TYPE_I32}, 0};
    const char *const names[] = {"d"};
    struct later_index index = {{.name = "by_d", .columns = names, .column_count = 1}, {0, 0}};
    firn_table *table = make_table("later", "id i64 primary key");
    OK(firn_table_add_column_sized(table, &column.column, sizeof column, &err));
    OK(firn_table_add_index_sized(table, &index.index, sizeof index, &err));
    OK(firn_table_describe(table, NULL, NULL, &text, &err));
    assert_non_null(strstr(text, "d i32"));
    assert_non_null(strstr(text, "index by_d (d)"));
    firn_release(text);
    column.column.name = "e";
    column.more = 1;
    index.index.name = "by_e";
    index.more[1] = 1;
    assert_int_equal(firn_table_add_column_sized(table, &column.column, sizeof column, &err),
                     FIRN_UNSUPPORTED);
    assert_int_equal(firn_table_add_index_sized(table, &index.index, sizeof index, &err),
                     FIRN_UNSUPPORTED);
    assert_int_equal(firn_table_add_column_sized(table, &column.column, 8, &err), FIRN_INVALID);
    assert_int_equal(firn_table_add_index_sized(table, &index.index, 0, &err), FIRN_INVALID);
}

static void
numbers_are_given_once(void **state)
{
    firn_table *table = make_table("t", "id i64 auto, v text, primary key (id)");
    const firn_value fresh[] = {firn_null(), firn_text("v")};
    const firn_value given[] = {firn_i64(100), firn_text("v")};
    uint64_t number;
    firn_txn *txn;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    OK(firn_table_insert_auto(table, NULL, fresh, 2, &number, &err));
    assert_int_equal(number, 1);
    OK(firn_table_insert_auto(table, NULL, given, 2, &number, &err));
    assert_int_equal(number, 100);
    OK(firn_txn_begin(store, NULL, &txn, &err));
    options.txn = txn;
    OK(firn_table_insert_auto(table, &options, fresh, 2, &number, &err));
    assert_int_equal(number, 101);
    OK(firn_txn_rollback(txn, &err));
    firn_txn_close(txn);
    OK(firn_table_insert_auto(table, NULL, fresh, 2, &number, &err));
    assert_int_equal(number, 102);
    /* Without such a column there is no number, and nothing is inserted. */
    table = make_table("plain", "id i64, v text, primary key (id)");
    assert_int_equal(firn_table_insert_auto(table, NULL, given, 2, &number, &err), FIRN_INVALID);
    assert_string_equal(err.text, "the table has no auto column");
    assert_int_equal(number, 0);
    OK(firn_table_insert(table, NULL, given, 2, &err));
    /* A transaction's own number counts before it is committed. */
    table = make_table("own", "id i64 auto, v text, primary key (id)");
    OK(firn_txn_begin(store, NULL, &txn, &err));
    options.txn = txn;
    OK(firn_table_insert(table, &options, given, 2, &err));
    OK(firn_table_insert_auto(table, &options, fresh, 2, &number, &err));
    assert_int_equal(number, 101);
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    table = make_table("small", "id i8 auto, v text, primary key (id)");
    insert(table, 127, "last");
    FAILS(firn_table_insert(table, NULL, fresh, 2, &err), FIRN_LIMIT, "used up the numbers");
    /* No number follows the largest of all. */
    const firn_value largest[] = {firn_u64(UINT64_MAX), firn_text("last")};
    table = make_table("wide", "id u64 auto, v text, primary key (id)");
    OK(firn_table_insert(table, NULL, largest, 2, &err));
    FAILS(firn_table_insert(table, NULL, fresh, 2, &err), FIRN_LIMIT, "used up the numbers");
}

static void
a_unique_index_keeps_values_apart(void **state)
{
    firn_table *table =
        make_table("t", "id i64, name text, primary key (id), unique index by_name (name)");
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    const firn_value ada = firn_text("Ada");
    const firn_value null = firn_null();
    const firn_value again[] = {firn_i64(2), firn_text("Ada")};
    insert(table, 1, "Ada");
    FAILS(firn_table_insert(table, NULL, again, 2, &err), FIRN_EXISTS, "'by_name'");
    FAILS(firn_table_upsert(table, NULL, again, 2, &err), FIRN_EXISTS, "'by_name'");
    assert_null(text_at(table, NULL, 2));
    insert(table, 3, NULL);
    insert(table, 4, NULL); /* null is equal to nothing */
    options.index = "by_name";
    OK(firn_table_get(table, &options, &ada, 1, row, &err));
    assert_int_equal(firn_row_values(row)[0].as.i64, 1);
    FAILS(firn_table_get(table, &options, &null, 1, row, &err), FIRN_INVALID, "null");
    options.index = "by_age";
    FAILS(firn_table_get(table, &options, &ada, 1, row, &err), FIRN_NOT_FOUND, "'by_age'");
}

static void
of_two_transactions_that_take_one_name_the_first_wins(void **state)
{
    firn_table *table =
        make_table("t", "id i64, name text, primary key (id), unique index by_name (name)");
    const firn_value one[] = {firn_i64(1), firn_text("Ada")};
    const firn_value two[] = {firn_i64(2), firn_text("Ada")};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *first;
    firn_txn *second;
    OK(firn_txn_begin(store, NULL, &first, &err));
    OK(firn_txn_begin(store, NULL, &second, &err));
    options.txn = first;
    OK(firn_table_insert(table, &options, one, 2, &err));
    options.txn = second;
    OK(firn_table_insert(table, &options, two, 2, &err));
    assert_string_equal(text_at(table, second, 2), "Ada");
    OK(firn_txn_commit(first, NULL, &err));
    FAILS(firn_txn_commit(second, NULL, &err), FIRN_CONFLICT,
          "the entry ('Ada') of index 'by_name' of table 't', which the transaction has");
    firn_txn_close(first);
    firn_txn_close(second);
    assert_null(text_at(table, NULL, 2));
}

static void
a_write_that_fails_leaves_its_transaction_as_it_was(void **state)
{
    firn_table *table = make_table("t", "id i64, a text, b text, primary key (id), "
                                        "index by_a (a), unique index by_b (b)");
    const firn_value one[] = {firn_i64(1), firn_text("a"), firn_text("b")};
    const firn_value two[] = {firn_i64(2), firn_text("c"), firn_text("b")};
    const firn_value c = firn_text("c");
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_table_cursor_options all = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor;
    const firn_row *found;
    firn_txn *txn;
    OK(firn_txn_begin(store, NULL, &txn, &err));
    options.txn = txn;
    OK(firn_table_insert(table, &options, one, 3, &err));
    /* The entry of by_a is written before by_b refuses. */
    FAILS(firn_table_insert(table, &options, two, 3, &err), FIRN_EXISTS, "'by_b'");
    all.read.txn = txn;
    all.read.index = "by_a";
    all.lower = (firn_table_bound){&c, 1, false};
    OK(firn_table_cursor_open(table, &all, &cursor, &err));
    OK(firn_table_cursor_next(cursor, &found, &err));
    assert_null(found);
    firn_table_cursor_close(cursor);
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    assert_string_equal(text_at(table, NULL, 1), "a");
    assert_null(text_at(table, NULL, 2));
}

static void
a_table_that_is_changed_conflicts_with_transactions_that_wrote_it(void **state)
{
    firn_table *table = make_table("t", "id i64, v text, primary key (id)");
    firn_table *other = make_table("u", "id i64, v text, primary key (id)");
    const firn_value values[] = {firn_i64(1), firn_text("v")};
    const firn_table_column column = {.name = "w", .type = FIRN_TYPE_I64};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *txn;
    firn_txn *beside;
    OK(firn_txn_begin(store, NULL, &txn, &err));
    OK(firn_txn_begin(store, NULL, &beside, &err));
    options.txn = txn;
    OK(firn_table_insert(table, &options, values, 2, &err));
    options.txn = beside;
    OK(firn_table_insert(other, &options, values, 2, &err));
    OK(firn_table_add_column(table, &column, &err));
    FAILS(firn_txn_commit(txn, NULL, &err), FIRN_CONFLICT, "the definition of a table, which");
    OK(firn_txn_commit(beside, NULL, &err));
    firn_txn_close(txn);
    firn_txn_close(beside);
    FAILS(firn_table_insert(table, NULL, values, 2, &err), FIRN_INVALID, "3 columns");
}

static void
rows_have_what_a_column_was_added_with(void **state)
{
    firn_table *table = make_table("t", "id i64, v text, primary key (id)");
    const firn_value seven = firn_i64(7);
    const firn_value nine = firn_i64(9);
    const firn_value key[] = {firn_i64(1), firn_i64(2)};
    const firn_table_column column = {
        .name = "w", .type = FIRN_TYPE_I32, .not_null = true, .default_value = &seven};
    const char *const columns[] = {"id"};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    char *text;
    insert(table, 1, "v");
    OK(firn_table_add_column(table, &column, &err));
    OK(firn_table_set_default(table, "w", &nine, &err));
    options.columns = columns;
    OK(firn_table_insert(table, &options, &key[1], 1, &err));
    for (int i = 0; i < 2; i++) {
        OK(firn_table_get(table, NULL, &key[0], 1, row, &err));
        assert_int_equal(firn_row_values(row)[2].as.i64, 7);
        OK(firn_table_get(table, NULL, &key[1], 1, row, &err));
        assert_int_equal(firn_row_values(row)[2].as.i64, 9);
        OK(firn_store_compact(store, NULL, &err));
    }
    OK(firn_table_describe(table, NULL, NULL, &text, &err));
    assert_non_null(strstr(text, "default 9"));
    firn_release(text);
}

static void
a_transaction_and_a_snapshot_have_their_definition(void **state)
{
    firn_table *table = make_table("t", "id i64, v text, primary key (id)");
    firn_txn *txn;
    firn_snapshot *snapshot;
    char *text;
    OK(firn_txn_begin(store, NULL, &txn, &err));
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    OK(firn_table_drop_column(table, "v", &err));
    for (int in_txn = 0; in_txn < 2; in_txn++) {
        OK(firn_table_describe(table, in_txn ? txn : NULL, in_txn ? NULL : snapshot, &text, &err));
        assert_non_null(strstr(text, "v text"));
        firn_release(text);
    }
    OK(firn_table_describe(table, NULL, NULL, &text, &err));
    assert_null(strstr(text, "v text"));
    firn_release(text);
    FAILS(firn_table_describe(table, txn, snapshot, &text, &err), FIRN_INVALID, "exclude");
    firn_snapshot_close(snapshot);
    firn_txn_close(txn);
}

/* A column of another type gets another number, though the one before was given in a history that a restore
 * has left. */
static void
no_history_takes_the_columns_of_another(void **state)
{
    firn_table *table = make_table("t", "id i64, v text, primary key (id)");
    const firn_table_column number = {.name = "w", .type = FIRN_TYPE_I64};
    const firn_table_column text = {.name = "w", .type = FIRN_TYPE_TEXT};
    const firn_value with_number[] = {firn_i64(1), firn_text("v"), firn_i64(5)};
    const firn_value with_text[] = {firn_i64(1), firn_text("v"), firn_text("five")};
    const firn_value key = firn_i64(1);
    OK(firn_store_checkpoint_create(store, "before", NULL, NULL, &err));
    OK(firn_table_add_column(table, &number, &err));
    OK(firn_table_insert(table, NULL, with_number, 3, &err));
    OK(firn_store_flush(store, &err));
    OK(firn_store_checkpoint_create(store, "number", NULL, NULL, &err));
    OK(firn_store_restore(store, "before", NULL, &err));
    OK(firn_table_add_column(table, &text, &err));
    OK(firn_table_insert(table, NULL, with_text, 3, &err));
    OK(firn_store_flush(store, &err));
    OK(firn_store_compact(store, NULL, &err));
    OK(firn_table_get(table, NULL, &key, 1, row, &err));
    assert_int_equal(firn_row_values(row)[2].type, FIRN_TYPE_TEXT);
    OK(firn_store_restore(store, "number", NULL, &err));
    OK(firn_table_get(table, NULL, &key, 1, row, &err));
    assert_int_equal(firn_row_values(row)[2].as.i64, 5);
}

static int
count_name(void *ctx, const char *name)
{
    unsigned *count = ctx;
    (*count)++;
    return strncmp(name, "firn", 4) == 0 ? FIRN_FAILED : FIRN_OK;
}

static void
tables_and_keyspaces_share_names_and_nothing_else(void **state)
{
    firn_keyspace *keyspace;
    firn_table *table;
    unsigned count = 0;
    make_table("t", "id i64, v text, primary key (id), index by_v (v)");
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    FAILS(firn_keyspace_open(store, "t", NULL, &keyspace, &err), FIRN_INVALID, "is a table");
    FAILS(firn_keyspace_drop(store, "t", &err), FIRN_INVALID, "is a table");
    FAILS(firn_table_open(store, "k", &table, &err), FIRN_INVALID, "is a keyspace");
    FAILS(firn_table_open(store, "u", &table, &err), FIRN_NOT_FOUND, "no table 'u'");
    FAILS(firn_table_drop(store, "u", &err), FIRN_NOT_FOUND, "no table 'u'");
    FAILS(firn_table_open(store, "firn:schemas", &table, &err), FIRN_INVALID, "for firn itself");
    OK(firn_table_list(store, count_name, &count, &err));
    assert_int_equal(count, 1);
    count = 0;
    OK(firn_keyspace_list(store, count_name, &count, &err));
    assert_int_equal(count, 1);
    OK(firn_table_drop(store, "t", &err));
    FAILS(firn_table_open(store, "t", &table, &err), FIRN_NOT_FOUND, "no table 't'");
    table = make_table("t", "id i64, v text, primary key (id)");
    insert(table, 1, "new");
}

static void
a_dropped_table_is_back_with_its_checkpoint(void **state)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    firn_read_options read = FIRN_READ_OPTIONS_INIT;
    const firn_value key = firn_text("one");
    firn_snapshot *snapshot;
    firn_table *table = make_table("t", "id i64, v text, primary key (id), unique index by_v (v)");
    insert(table, 1, "one");
    OK(firn_store_checkpoint_create(store, "with", NULL, NULL, &err));
    OK(firn_table_drop(store, "t", &err));
    OK(firn_store_compact(store, NULL, &err));
    options.checkpoint = "with";
    OK(firn_snapshot_open(store, &options, &snapshot, &err));
    OK(firn_snapshot_table_open(snapshot, "t", &table, &err));
    read.snapshot = snapshot;
    read.index = "by_v";
    OK(firn_table_get(table, &read, &key, 1, row, &err));
    assert_int_equal(firn_row_values(row)[0].as.i64, 1);
    firn_snapshot_close(snapshot);
    OK(firn_store_restore(store, "with", NULL, &err));
    OK(firn_table_open(store, "t", &table, &err));
    assert_string_equal(text_at(table, NULL, 1), "one");
    insert(table, 2, "two");
}

static void
rows_end_with_their_time(void **state)
{
    firn_table *table = make_table("t", "id i64, v text, primary key (id), unique index by_v (v)");
    const firn_value values[] = {firn_i64(1), firn_text("short")};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.ttl_ms = 50;
    OK(firn_table_insert(table, &options, values, 2, &err));
    OK(firn_store_flush(store, &err));
    for (int i = 0; i < 1000 && text_at(table, NULL, 1) != NULL; i++) {
        (void)usleep(10000);
    }
    assert_null(text_at(table, NULL, 1));
    (void)usleep(100000);
    options.ttl_ms = 0;
    OK(firn_table_insert(table, &options, values, 2, &err));
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    firn_table *table = make_table("t", "id i64, v text, w i8, primary key (id)");
    const firn_value key = firn_i64(1);
    const firn_value wrong[] = {firn_text("1"), firn_text("v"), firn_null()};
    const firn_value large[] = {firn_i64(1), firn_text("v"), firn_i64(128)};
    const firn_value null_key[] = {firn_null(), firn_text("v"), firn_null()};
    const char *const twice[] = {"id", "v", "v"};
    const char *const unknown[] = {"id", "v", "x"};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_read_options read = FIRN_READ_OPTIONS_INIT;
    firn_table_cursor_options walk = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor;
    firn_table_def *def;
    FAILS(firn_table_insert(table, NULL, wrong, 3, &err), FIRN_INVALID, "column id");
    FAILS(firn_table_insert(table, NULL, large, 3, &err), FIRN_LIMIT, "column w");
    FAILS(firn_table_insert(table, NULL, null_key, 3, &err), FIRN_INVALID, "column id");
    FAILS(firn_table_insert(table, NULL, large, 2, &err), FIRN_INVALID, "2 values");
    options.columns = twice;
    FAILS(firn_table_insert(table, &options, large, 3, &err), FIRN_INVALID, "twice");
    options.columns = unknown;
    FAILS(firn_table_insert(table, &options, large, 3, &err), FIRN_NOT_FOUND, "column x");
    options.columns = &twice[1];
    FAILS(firn_table_update(table, &options, &large[1], 1, &err), FIRN_INVALID, "'id' of the key");
    FAILS(firn_table_get(table, NULL, &key, 0, row, &err), FIRN_INVALID, "0 values");
    read.columns = unknown;
    read.column_count = 3;
    FAILS(firn_table_get(table, &read, &key, 1, row, &err), FIRN_NOT_FOUND, "column x");
    walk.read = read;
    FAILS(firn_table_cursor_open(table, &walk, &cursor, &err), FIRN_NOT_FOUND, "column x");
    assert_null(cursor);
    FAILS(firn_table_drop_column(table, "id", &err), FIRN_INVALID, "id");
    OK(firn_table_def_parse("a i64, b i64, primary key (c)", &def, &err));
    FAILS(firn_table_create(store, "u", def, NULL, &err), FIRN_NOT_FOUND, "c");
    firn_release(def);
    assert_int_equal(firn_table_get(NULL, NULL, &key, 1, row, &err), FIRN_INVALID);
    assert_int_equal(firn_table_create(store, NULL, NULL, NULL, &err), FIRN_INVALID);
    firn_table_cursor_close(NULL);
    firn_row_destroy(NULL);
    assert_int_equal(firn_row_count(NULL), 0);
}

static void
a_read_only_store_shows_tables_and_changes_none(void **state)
{
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_store *memory = store;
    firn_store *writer;
    firn_table *table;
    firn_table_def *def;
    const firn_value values[] = {firn_i64(1), firn_text("one")};
    test_temp_make(dir, sizeof dir);
    (void)snprintf(path, sizeof path, "%s/t.firn", dir);
    OK(firn_store_open(path, NULL, &writer, &err));
    store = writer;
    table = make_table("t", "id i64, v text, primary key (id), index by_v (v)");
    insert(table, 1, "one");
    options.read_only = true;
    for (int round = 0; round < 2; round++) {
        firn_store *reader;
        OK(firn_store_open(path, &options, &reader, &err));
        OK(firn_table_open(reader, "t", &table, &err));
        assert_string_equal(text_at(table, NULL, 1), "one");
        FAILS(firn_table_insert(table, NULL, values, 2, &err), FIRN_READ_ONLY, "read-only");
        FAILS(firn_table_drop_column(table, "v", &err), FIRN_READ_ONLY, "read-only");
        FAILS(firn_table_drop(reader, "t", &err), FIRN_READ_ONLY, "read-only");
        OK(firn_table_def_parse("k i64, primary key (k)", &def, &err));
        FAILS(firn_table_create(reader, "u", def, NULL, &err), FIRN_READ_ONLY, "read-only");
        firn_release(def);
        OK(firn_store_close(reader, &err));
        OK(firn_store_flush(writer, &err));
    }
    OK(firn_store_close(writer, &err));
    OK(firn_store_destroy(path, &err));
    assert_int_equal(rmdir(dir), 0);
    store = memory;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rows_are_written_and_read),
        TEST(a_parsed_definition_has_the_sizes_that_a_program_knows),
        TEST(columns_and_indexes_are_added_with_the_sizes_that_a_program_knows),
        TEST(numbers_are_given_once),
        TEST(a_unique_index_keeps_values_apart),
        TEST(of_two_transactions_that_take_one_name_the_first_wins),
        TEST(a_write_that_fails_leaves_its_transaction_as_it_was),
        TEST(a_table_that_is_changed_conflicts_with_transactions_that_wrote_it),
        TEST(rows_have_what_a_column_was_added_with),
        TEST(a_transaction_and_a_snapshot_have_their_definition),
        TEST(no_history_takes_the_columns_of_another),
        TEST(tables_and_keyspaces_share_names_and_nothing_else),
        TEST(a_dropped_table_is_back_with_its_checkpoint),
        TEST(rows_end_with_their_time),
        TEST(what_cannot_be_meant_is_refused),
        TEST(a_read_only_store_shows_tables_and_changes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
