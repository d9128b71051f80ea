/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: the record of a schema and a whole store with tables are what docs/formats/schema.md and store.md
 * say, and are read for ever.
 *
 * tests/formats/schema/all.record: a table with a column of each type. tests/formats/store/v8-tables: a store
 * that was abandoned, with tables in runs and in the log, indexes, columns that were added, dropped and renamed,
 * rows that expire in 2100 and one that has, a dropped table, and three checkpoints, one of them from a
 * history that a restore has left. FIRN_TEST_WRITE_GOLDEN=1 makes both, the store in an empty
 * directory; they are not to be made again once the version was released.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"

#define STORE "tests/formats/store/v8-tables"
#define RECORD "tests/formats/schema/all.record"

static firn_error err;

/* ---- the record ---- */

static const char all_types[] =
    "id i64 auto, a bool default true, b i8 default -128, c i16, d i32 not null default 7, e u8, f "
    "u16, "
    "g u32, h u64 default 18446744073709551615, i f32 default 0.5, j f64 default -2.5, "
    "k decimal(12, 2) default 9.95, l date default '2000-02-29', "
    "m timestamp default '1969-12-31 23:59:59.5', n text not null default 'Größe', o blob default "
    "x'00ff', "
    "p uuid default 'c0ffee00-0000-4000-8000-000000000000', q vector(3), \"r s\" text, "
    "primary key (id), index by_c (c, n), unique index by_p (p)";

static void
the_golden_record_is_written_and_read(void **state)
{
    struct fi_schema *schema;
    struct fi_schema *again;
    firn_table_def *def;
    struct fi_buf record = {0};
    struct fi_buf text = {0};
    struct fi_buf text_again = {0};
    DB_OK(firn_table_def_parse(all_types, &def, &err));
    DB_OK(fi_schema_def_create(def, &schema, &err));
    DB_OK(fi_schema_record_encode(schema, &record, &err));
    test_file_compare_golden(RECORD, fi_buf_slice(&record));
    DB_OK(fi_schema_record_decode(fi_buf_slice(&record), &again, &err));
    DB_OK(fi_schema_text_append(schema, &text));
    DB_OK(fi_schema_text_append(again, &text_again));
    assert_true(fi_slice_equal(fi_buf_slice(&text), fi_buf_slice(&text_again)));
    assert_int_equal(again->column_count, 19);
    assert_int_equal(again->indexes[1].id, 2);
    fi_schema_unref(schema);
    fi_schema_unref(again);
    fi_buf_deinit(&record);
    fi_buf_deinit(&text);
    fi_buf_deinit(&text_again);
    fi_free(def);
}

/* Fields of docs/formats/schema.md, one after the other, without the code that reads them. */
static const uint8_t *
take_varint(const uint8_t *at, uint64_t *out)
{
    unsigned shift = 0;
    *out = 0;
    do {
        *out |= (uint64_t)(*at & 127) << shift;
        shift += 7;
    } while ((*at++ & 128) != 0);
    return at;
}

static void
the_golden_record_has_the_fields_of_the_specification(void **state)
{
    static const uint64_t tags[] = {1, 3, 5, 7, 9, 11};
    static const uint8_t types[] = {5,  1,  2,  3,  4,  6,  7,  8,  9, 10,
                                    11, 12, 13, 14, 15, 16, 17, 18, 15};
    uint8_t bytes[2048];
    FILE *file = fopen(RECORD, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    const uint8_t *at = bytes;
    for (size_t i = 0; i < 6; i++) {
        uint64_t tag;
        uint64_t length;
        at = take_varint(at, &tag);
        at = take_varint(at, &length);
        assert_int_equal(tag, tags[i]);
        const uint8_t *end = at + length;
        if (tag == 1 || tag == 3 || tag == 5) {
            uint64_t number;
            assert_ptr_equal(take_varint(at, &number), end);
            assert_int_equal(number, tag == 1 ? 1 : tag == 3 ? 20 : 3);
        }
        for (uint64_t column = 0; tag == 7 && at < end; column++) {
            uint64_t inner;
            at = take_varint(at, &inner);
            assert_int_equal(at[0], 1); /* number */
            assert_int_equal(at[2], column + 1);
            assert_int_equal(at[3], 3); /* name */
            const uint8_t *type = at + 5 + at[4];
            assert_int_equal(type[0], 5);
            assert_int_equal(type[2], types[column]);
            at += inner;
            assert_int_equal(column < 18, at < end);
        }
        if (tag == 11) {
            static const uint8_t indexes[] = {16,  1,   1, 1, 3, 4,  'b',   'y',
                                              '_', 'c', 5, 2, 4, 15, 17 + 1};
            assert_memory_equal(at + 1, indexes + 1, sizeof indexes - 2);
        }
        at = end;
    }
    assert_ptr_equal(at, bytes + size);
}

/* ---- the store ---- */

static void
insert(struct firn_table *table, int64_t id, const char *name, uint64_t ttl_ms)
{
    static const char *const columns[] = {"id", "name"};
    const firn_value values[] = {firn_i64(id), firn_text(name)};
    const struct fi_rows_put put = {
        .mode = FI_ROWS_INSERT, .columns = columns, .values = values, .count = 2, .ttl_ms = ttl_ms};
    DB_OK(fi_rows_write_put(table, NULL, &put, FIRN_DURABILITY_DEFAULT, NULL, &err));
}

static int
change(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *error)
{
    const firn_value oslo = firn_text("Oslo");
    const firn_table_column city = {.name = "city", .type = FIRN_TYPE_TEXT, .default_value = &oslo};
    switch (*(const int *)ctx) {
    case 0:
        return fi_schema_change_add_column(old, &city, out, error);
    case 1:
        return fi_schema_change_rename_column(old, firn_str("n"), firn_str("m"), out, error);
    default:
        return fi_schema_change_drop_column(old, firn_str("gone"), out, error);
    }
}

static void
alter(struct firn_table *table, int what)
{
    DB_OK(fi_rows_alter(table, &(struct fi_rows_change){change, &what}, &err));
}

static void
write_golden(void)
{
    static const char *const by_city[] = {"city", "id"};
    struct firn_db *db;
    struct firn_table *people;
    struct firn_table *points;
    struct firn_table *passing;
    struct fi_db_checkpoint_info info;
    struct fi_db_checkpoint_info safety;
    struct fi_db_options options = db_support_create;
    options.compression = FIRN_COMPRESSION_NONE;
    DB_OK(fi_db_path_open(fi_os_default(), STORE, &options, &db, &err));
    DB_OK(rows_make(db, "people",
                    "id i64, name text, n i32 default 7, gone f64 default 1.5, primary key (id), "
                    "unique index by_name (name)",
                    &people, &err));
    DB_OK(rows_make(db, "points", "k text, v f64, primary key (k)", &points, &err));
    DB_OK(rows_make(db, "passing", "id i64, primary key (id)", &passing, &err));
    insert(people, 1, "ada", 0);
    insert(people, 2, "grace", 0);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_checkpoint_create(db, "first", NULL, &err));
    alter(people, 0);
    insert(people, 3, "alan", 0);
    DB_OK(fi_db_checkpoint_create(db, "left", NULL, &err));
    DB_OK(fi_db_checkpoint_restore(db, "first", &info, &safety, &err));
    alter(people, 0);
    alter(people, 1);
    alter(people, 2);
    insert(people, 4, "konrad", 0);
    insert(people, 5, "a passing one", 1);
    insert(people, 6, "a lasting one", UINT64_C(253402300799000));
    for (int i = 0; i < 3; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "p%d", i);
        const firn_value values[] = {firn_text(key), firn_f64(i / 8.0)};
        DB_OK(rows_put(points, NULL, FI_ROWS_UPSERT, values, 2, &err));
    }
    DB_OK(fi_rows_index_add(people, &(firn_table_index){"by_city", by_city, 2, false}, &err));
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_db_checkpoint_create(db, "second", NULL, &err));
    const firn_value grace = firn_i64(2);
    DB_OK(fi_rows_write_delete(people, NULL, &grace, 1, FIRN_DURABILITY_DEFAULT, &err));
    insert(people, 7, "grace", 0);
    DB_OK(fi_rows_drop(db, "passing", &err));
    fi_db_abandon(db);
    fi_os_sleep_ns(fi_os_default(), 10000000);
}

static const char golden_text[] = "people: id i64, name text, m i32 default 7, city text "
                                  "default 'Oslo', primary key (id), "
                                  "unique index by_name (name), index by_city (city, id)\n"
                                  " 1 'ada' 7 'Oslo'\n"
                                  " 4 'konrad' 7 'Oslo'\n"
                                  " 6 'a lasting one' 7 'Oslo'\n"
                                  " 7 'grace' 7 'Oslo'\n"
                                  "points: k text, v f64, primary key (k)\n"
                                  " 'p0' 0\n"
                                  " 'p1' 0.125\n"
                                  " 'p2' 0.25\n";

static void
assert_golden(struct firn_db *db)
{
    static char shown[ROWS_SHOW_SIZE];
    struct firn_snapshot *snapshot;
    shown[0] = '\0';
    DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
    DB_OK(rows_show_snapshot(snapshot, shown, &err));
    fi_db_snapshot_close(snapshot);
    assert_string_equal(shown, golden_text);
    DB_OK(rows_show(db, shown, &err));
    const char *second = strstr(shown, "at second:\n");
    const char *left = strstr(shown, "at left:\n");
    const char *first = strstr(shown, "at first:\n");
    assert_true(second != NULL && left != NULL && first != NULL);
    assert_true(second < left && left < first);
    assert_non_null(strstr(second, " 2 'grace' 7 'Oslo'\n"));
    assert_non_null(strstr(left, " 3 'alan' 7 1.5 'Oslo'\n"));
    assert_non_null(strstr(first, "gone f64 default 1.5"));
    assert_null(strstr(first, "city"));
    assert_non_null(strstr(first, "passing: id i64"));
}

static void
the_golden_store_with_tables_opens_for_ever(void **state)
{
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct firn_table *people;
    struct db_support support;
    firn_store_check_result report = {.size = sizeof report};
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        write_golden();
    }
    DB_OK(fi_os_dir_open_path(fi_os_default(), STORE, &dir, &err));
    DB_OK(fi_db_open(dir, &db_support_read_only, &db, &err));
    assert_golden(db);
    fi_db_abandon(db);
    db_support_init(&support, 1);
    fi_sim_memory_set_time(support.os, INT64_C(4102444800) * 1000000000); /* the year 2100 */
    db_support_copy(dir, support.dir);
    fi_os_dir_close(dir);
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    assert_golden(db);
    DB_OK(fi_rows_open(db, "people", &people, &err));
    insert(people, 8, "barbara", 0);
    const firn_value eight = firn_i64(8);
    DB_OK(fi_rows_write_delete(people, NULL, &eight, 1, FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_golden(db);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* A program that knows no tables, of format version 7, must not take the store for its own. */
static void
a_store_with_tables_is_of_a_version_of_its_own(void **state)
{
    uint8_t bytes[64];
    FILE *file = fopen(STORE "/FIRN", "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fi_load_le32(bytes + 8), 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_record_is_written_and_read),
        cmocka_unit_test(the_golden_record_has_the_fields_of_the_specification),
        cmocka_unit_test(the_golden_store_with_tables_opens_for_ever),
        cmocka_unit_test(a_store_with_tables_is_of_a_version_of_its_own),
    };
    return cmocka_run_group_tests_name("rows_format", tests, NULL, NULL);
}
