/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: the check of a table: tables that were changed at random are sound, and every row or entry that was
 * put, taken or changed without the table is found. And that a row and its entries expire together.
 */
#include <inttypes.h>

#include "base/buf.h"
#include "base/slice.h"
#include "firn/firn.h"
#include "rows/rows_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"

static firn_error err;

static firn_store *store;
static firn_table *table;

struct notes {
    unsigned count;
    char last[512];
};

static void
note(void *ctx, const firn_notice *notice)
{
    struct notes *notes = ctx;
    firn_error error;
    firn_table *opened;
    assert_int_equal(notice->kind, FIRN_NOTICE_DAMAGED);
    /* No handle can be used here (firn/notice.h). */
    assert_int_equal(firn_table_open(store, "t", &opened, &error), FIRN_MISUSE);
    notes->count++;
    (void)snprintf(notes->last, sizeof notes->last, "%s", notice->text);
}

static int
check(struct notes *notes, firn_table_check_result *out)
{
    firn_table_check_options options = FIRN_TABLE_CHECK_OPTIONS_INIT;
    *notes = (struct notes){.count = 0};
    *out = (firn_table_check_result)FIRN_TABLE_CHECK_RESULT_INIT;
    options.callbacks.on_notice = note;
    options.callbacks.ctx = notes;
    return firn_table_check(table, &options, out, &err);
}

static void
is_sound(uint64_t rows, unsigned indexes)
{
    struct notes notes;
    firn_table_check_result result;
    OK(check(&notes, &result));
    assert_int_equal(notes.count, 0);
    assert_int_equal(result.damaged_count, 0);
    assert_int_equal(result.rows, rows);
    assert_int_equal(result.index_entries, rows * indexes);
}

static void
is_damaged(unsigned count, const char *what)
{
    struct notes notes;
    firn_table_check_result result;
    assert_int_equal(check(&notes, &result), FIRN_CORRUPT);
    if (notes.count != count || strstr(notes.last, what) == NULL) {
        fail_msg("%u damages, the last one \"%s\"; not %u and \"%s\"", notes.count, notes.last,
                 count, what);
    }
    assert_int_equal(result.damaged_count, count);
    assert_int_equal(err.code, FIRN_CORRUPT);
}

static void
make(const char *definition)
{
    firn_table_def *def;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
}

static void
put(int64_t id, const char *a, int64_t n)
{
    const firn_value row[] = {firn_i64(id), a != NULL ? firn_text(a) : firn_null(), firn_i64(n)};
    OK(firn_table_upsert(table, NULL, row, 3, &err));
}

static struct firn_db_keyspace *
index_of(const char *name)
{
    struct fi_schema *schema;
    struct firn_db_keyspace *keyspace;
    OK(fi_rows_schema(table, NULL, &schema, &err));
    const struct fi_schema_index *index = fi_schema_find_index(schema, firn_str(name));
    assert_non_null(index);
    OK(fi_rows_index_keyspace(table, NULL, index, &keyspace, &err));
    fi_schema_unref(schema);
    return keyspace;
}

/* The i-th entry of a keyspace, copied. */
static void
entry_at(struct firn_db_keyspace *keyspace, unsigned i, struct fi_buf *key, struct fi_buf *value)
{
    const struct fi_db_cursor_options all = {.snapshot = NULL};
    struct firn_db_cursor *cursor;
    OK(fi_db_cursor_open(keyspace, &all, &cursor, &err));
    OK(fi_db_cursor_first(cursor, &err));
    while (i-- > 0) {
        OK(fi_db_cursor_next(cursor, &err));
    }
    assert_true(fi_db_cursor_valid(cursor));
    OK(fi_buf_assign(key, fi_db_cursor_key(cursor)));
    OK(fi_buf_assign(value, fi_db_cursor_value(cursor)));
    fi_db_cursor_close(cursor);
}

static void
db_put(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value)
{
    OK(fi_db_put(keyspace, key, value, FIRN_DURABILITY_DEFAULT, &err));
}

static void
db_delete(struct firn_db_keyspace *keyspace, firn_slice key)
{
    OK(fi_db_delete(keyspace, key, FIRN_DURABILITY_DEFAULT, &err));
}

/* ---- sound ones ---- */

static void
tables_that_were_changed_are_sound(void **state)
{
    struct test_random random;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        test_random_init(&random, "tables_that_were_changed_are_sound", seed);
        make("id i32 primary key, a text, n i64, index by_a (a), unique index by_n (n)");
        bool is_there[100] = {false};
        uint64_t rows = 0;
        for (unsigned i = 0; i < 1500; i++) {
            unsigned key = (unsigned)test_random_below(&random, 100);
            const firn_value value = firn_i64(key);
            if (test_random_below(&random, 4) != 0) {
                put(key, i % 3 == 0 ? NULL : i % 3 == 1 ? "a" : "b", i);
                rows += !is_there[key];
                is_there[key] = true;
            } else if (is_there[key]) {
                OK(firn_table_delete(table, NULL, &value, 1, &err));
                rows--;
                is_there[key] = false;
            }
            if (i % 300 == 299) {
                OK(firn_store_flush(store, &err));
                is_sound(rows, 2);
            }
            if (i == 700) {
                OK(firn_table_add_column(
                    table, &(firn_table_column){.name = "more", .type = FIRN_TYPE_F64}, &err));
                const char *const columns[] = {"more", "a"};
                const firn_table_index index = {
                    .name = "by_more", .columns = columns, .column_count = 2};
                OK(firn_table_add_index(table, &index, &err));
                is_sound(rows, 3);
                OK(firn_table_drop_index(table, "by_more", &err));
                OK(firn_table_drop_column(table, "more", &err));
            }
        }
        OK(firn_store_compact(store, NULL, &err));
        is_sound(rows, 2);
        OK(firn_store_close(store, &err));
    }
}

static void
a_snapshot_is_checked_as_it_was(void **state)
{
    firn_table_check_options options = FIRN_TABLE_CHECK_OPTIONS_INIT;
    firn_table_check_result result = FIRN_TABLE_CHECK_RESULT_INIT;
    make("id i32 primary key, a text, n i64, index by_a (a)");
    put(1, "one", 1);
    put(2, "two", 2);
    OK(firn_snapshot_open(store, NULL, &options.snapshot, &err));
    put(3, "three", 3);
    put(2, "other", 2);
    OK(firn_table_drop_index(table, "by_a", &err));
    OK(firn_table_check(table, &options, &result, &err));
    assert_int_equal(result.rows, 2);
    assert_int_equal(result.index_entries, 2);
    firn_snapshot_close(options.snapshot);
    is_sound(3, 0);
    OK(firn_store_close(store, &err));
}

/* ---- damaged ones ---- */

static void
make_three(void)
{
    make("id i32 primary key, a text, n i64, index by_a (a), unique index by_n (n)");
    put(1, "one", 10);
    put(2, "two", 20);
    put(3, "three", 30);
}

static void
entries_that_are_missing_are_found(void **state)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    make_three();
    entry_at(index_of("by_a"), 1, &key, &value);
    db_delete(index_of("by_a"), fi_buf_slice(&key));
    is_damaged(1, "the index 'by_a' of the table 't' has no entry for the row with the key "
                  "8000000000000003: drop the index and add it again");
    assert_non_null(strstr(err.text, "has no entry for"));
    const char *const columns[] = {"a"};
    const firn_table_index index = {.name = "by_a", .columns = columns, .column_count = 1};
    OK(firn_table_drop_index(table, "by_a", &err));
    OK(firn_table_add_index(table, &index, &err));
    is_sound(3, 2);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    OK(firn_store_close(store, &err));
}

static void
entries_without_a_row_are_found(void **state)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    make_three();
    entry_at(table->rows, 2, &key, &value);
    db_delete(table->rows, fi_buf_slice(&key));
    is_damaged(2, "'by_n' of the table 't' has an entry, but the table does not have the row");
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    OK(firn_store_close(store, &err));
}

static void
two_rows_with_the_same_in_a_unique_index_are_found(void **state)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct fi_buf first = {0};
    make_three();
    /* The second row is now as the first one. */
    entry_at(table->rows, 0, &key, &first);
    entry_at(table->rows, 1, &key, &value);
    db_put(table->rows, fi_buf_slice(&key), fi_buf_slice(&first));
    /* by_a: no entry with the new values, and one with the old. by_n: the first one's, and the old one. */
    is_damaged(4, "'by_n' of the table 't' has an entry with other values for the row");
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    fi_buf_deinit(&first);
    OK(firn_store_close(store, &err));
}

static void
an_entry_that_leads_to_another_row_is_found(void **state)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct fi_buf other = {0};
    make_three();
    entry_at(index_of("by_n"), 1, &key, &other);
    entry_at(index_of("by_n"), 0, &key, &value);
    db_put(index_of("by_n"), fi_buf_slice(&key), fi_buf_slice(&other));
    is_damaged(2, "has an entry with other values for the row with the key 8000000000000002");
    assert_non_null(strstr(err.text, "has the entry of another row for the row with the key "
                                     "8000000000000001"));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    fi_buf_deinit(&other);
    OK(firn_store_close(store, &err));
}

static void
rows_that_do_not_decode_are_found(void **state)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    make_three();
    entry_at(table->rows, 1, &key, &value);
    db_put(table->rows, fi_buf_slice(&key), firn_str("\x13"));
    is_damaged(1, "the table 't', row with the key 8000000000000002");
    /* Text that is none. */
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == 't') {
            value.data[i] = 0xff;
            break;
        }
    }
    db_put(table->rows, fi_buf_slice(&key), fi_buf_slice(&value));
    is_damaged(1, "the column 'a' has text that is not UTF-8");
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    OK(firn_store_close(store, &err));
}

static void
much_that_is_wrong_is_told_in_short(void **state)
{
    struct notes notes;
    firn_table_check_result result;
    make("id i32 primary key, a text, n i64, index by_a (a)");
    for (int i = 0; i < 150; i++) {
        put(i, "a", i);
    }
    firn_slice all = firn_bytes("\xff\xff\xff", 3);
    OK(fi_db_delete_range(index_of("by_a"), firn_str(""), all, FIRN_DURABILITY_DEFAULT, &err));
    assert_int_equal(check(&notes, &result), FIRN_CORRUPT);
    assert_int_equal(result.damaged_count, 150);
    assert_int_equal(notes.count, 101);
    assert_non_null(strstr(notes.last, "does not fit 150 rows: drop the index and add it again"));
    OK(firn_store_close(store, &err));
}

/* ---- faults, and what cannot be meant ---- */

static void
no_allocation_that_fails_is_overlooked(void **state)
{
    struct notes notes;
    firn_table_check_result result;
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    unsigned failures = 0;
    test_alloc_install();
    make_three();
    entry_at(index_of("by_a"), 1, &key, &value);
    db_delete(index_of("by_a"), fi_buf_slice(&key));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    assert_int_equal(check(&notes, &result), FIRN_CORRUPT);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = check(&notes, &result);
        test_fault_end(&fault);
        assert_true(rc == FIRN_NO_MEMORY || (rc == FIRN_CORRUPT && notes.count == 1));
        failures += rc == FIRN_NO_MEMORY;
    }
    assert_true(failures > 10);
    OK(firn_store_close(store, &err));
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static int
cancel(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    return FIRN_CANCELLED;
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    firn_table_check_result small = {.size = 1};
    firn_table_check_options options = FIRN_TABLE_CHECK_OPTIONS_INIT;
    make_three();
    assert_int_equal(firn_table_check(NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_table_check(table, NULL, &small, &err), FIRN_INVALID);
    OK(firn_table_check(table, NULL, NULL, &err));
    options.callbacks.on_progress = cancel;
    assert_int_equal(firn_table_check(table, &options, NULL, &err), FIRN_CANCELLED);
    OK(firn_store_close(store, &err));
}

/* ---- times to live ---- */

static uint64_t
only_expiry(struct firn_db_keyspace *keyspace, bool *out_same)
{
    const struct fi_db_cursor_options all = {.keys_only = true};
    struct firn_db_cursor *cursor;
    uint64_t expires_ms = 0;
    OK(fi_db_cursor_open(keyspace, &all, &cursor, &err));
    OK(fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        uint64_t own = fi_db_cursor_expires_ms(cursor);
        *out_same = *out_same && (expires_ms == 0 || own == expires_ms);
        expires_ms = own;
        OK(fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    return expires_ms;
}

/* Each table has one row, so what expires in its indexes is the row's. */
static void
a_row_and_its_entries_expire_together(void **state)
{
    enum { INDEXES = 30, ROWS = 400 };
    struct fi_buf text = {0};
    OK(fi_buf_append_str(&text, "id i32 primary key, a i64"));
    for (unsigned i = 0; i < INDEXES; i++) {
        OK(fi_buf_append_format(&text, ", index i%u (a, id)", i));
    }
    make(fi_buf_text(&text));
    fi_buf_deinit(&text);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.ttl_ms = 1000000;
    for (int i = 0; i < ROWS; i++) {
        const firn_value row[] = {firn_i64(1), firn_i64(7)};
        OK(firn_table_upsert(table, &options, row, 2, &err));
        bool is_same = true;
        uint64_t expires_ms = only_expiry(table->rows, &is_same);
        assert_true(expires_ms > 0);
        for (unsigned j = 0; j < INDEXES; j++) {
            char name[16];
            (void)snprintf(name, sizeof name, "i%u", j);
            assert_int_equal(only_expiry(index_of(name), &is_same), expires_ms);
        }
        assert_true(is_same);
    }
    is_sound(1, INDEXES);
    OK(firn_store_close(store, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_that_were_changed_are_sound),
        cmocka_unit_test(a_snapshot_is_checked_as_it_was),
        cmocka_unit_test(entries_that_are_missing_are_found),
        cmocka_unit_test(entries_without_a_row_are_found),
        cmocka_unit_test(two_rows_with_the_same_in_a_unique_index_are_found),
        cmocka_unit_test(an_entry_that_leads_to_another_row_is_found),
        cmocka_unit_test(rows_that_do_not_decode_are_found),
        cmocka_unit_test(much_that_is_wrong_is_told_in_short),
        cmocka_unit_test(no_allocation_that_fails_is_overlooked),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(a_row_and_its_entries_expire_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
