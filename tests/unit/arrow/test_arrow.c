/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/arrow: scans as Arrow data: formats of all types, values and nulls, what is released in which order, by which
 * thread, and what happens when memory runs out. Every array is checked against the interface's rules.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#include "firn/arrow.h"
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_table.h"
#include "support/test_temp.h"

static firn_error err;

enum { COLUMNS = 19 };
static const char definition[] =
    "id i64 primary key, b bool, i8_ i8, i16_ i16, i32_ i32, u8_ u8, u16_ u16, u32_ u32, u64_ u64, "
    "f32_ f32, f64_ f64, d decimal(9, 3), day date, at timestamp, t text, raw blob, g uuid, v "
    "vector(3), e text not null default ''";
static const char *const formats[COLUMNS] = {"l", "b", "c",    "s",    "i",     "C",   "S",
                                             "I", "L", "f",    "g",    "d:9,3", "tdD", "tsu:UTC",
                                             "u", "z", "w:16", "+w:3", "u"};

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
};

static const uint8_t sixteen[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const float three[3] = {1.5F, -2.0F, 0.0F};

static bool
is_null(int64_t id, size_t column)
{
    return column > 0 && column < COLUMNS - 1 && (id + (int64_t)column) % 5 == 0;
}

static void
put(struct rig *rig, int64_t id)
{
    char text[32];
    (void)snprintf(text, sizeof text, "text %" PRId64, id);
    firn_value row[COLUMNS] = {
        firn_i64(id),
        firn_bool(id % 3 == 0),
        firn_i64(-id % 100),
        firn_i64(-id),
        firn_i64(id * 1000),
        firn_u64((uint64_t)id % 250),
        firn_u64((uint64_t)id),
        firn_u64((uint64_t)id * 7),
        firn_u64(UINT64_MAX - (uint64_t)id),
        {.type = FIRN_TYPE_F32, .as = {.f32 = (float)id / 2}},
        firn_f64((double)id / 8),
        firn_typed_i64(FIRN_TYPE_DECIMAL, 5 - id),
        firn_typed_i64(FIRN_TYPE_DATE, id - 10),
        firn_typed_i64(FIRN_TYPE_TIMESTAMP, id * 1000001),
        firn_text(text),
        firn_blob(firn_bytes(sixteen, (size_t)id % 16)),
        {.type = FIRN_TYPE_UUID, .as = {.bytes = {sixteen, 16}}},
        {.type = FIRN_TYPE_VECTOR, .as = {.bytes = {(const uint8_t *)three, 12}}},
        firn_text("")};
    for (size_t i = 0; i < COLUMNS; i++) {
        if (is_null(id, i)) {
            row[i] = firn_null();
        }
    }
    OK(firn_table_upsert(rig->table, NULL, row, COLUMNS, &err));
}

static void
begin(struct rig *rig, int64_t rows)
{
    test_table_create(rig->dir, rig->path, definition, &rig->store, &rig->table);
    for (int64_t i = 0; i < rows; i++) {
        put(rig, i);
    }
}

static void
end(struct rig *rig)
{
    test_table_destroy(rig->dir, rig->path, rig->store);
}

static void
open_stream(struct rig *rig, const firn_scan_options *options, struct ArrowArrayStream *out)
{
    firn_scan *scan;
    OK(firn_scan_open(rig->table, options, &scan, &err));
    OK(firn_scan_to_arrow(scan, out, &err));
    assert_non_null(out->release);
}

static bool
bit(const void *bits, int64_t i)
{
    return (((const uint8_t *)bits)[i / 8] >> (i % 8) & 1) != 0;
}

/* Whether a value is there; the rules of validity are checked on the way. */
static bool
is_valid(const struct ArrowArray *array, int64_t i)
{
    assert_true(array->null_count >= 0 && array->null_count <= array->length);
    if (array->buffers[0] == NULL) {
        assert_int_equal(array->null_count, 0);
        return true;
    }
    return bit(array->buffers[0], i);
}

static void
check_column(const struct ArrowArray *array, size_t column, int64_t first_id, int64_t rows)
{
    int64_t nulls = 0;
    assert_int_equal(array->length, rows);
    assert_int_equal(array->offset, 0);
    assert_null(array->dictionary);
    assert_non_null(array->release);
    assert_int_equal(array->n_children, column == 17 ? 1 : 0);
    assert_int_equal(array->n_buffers, column == 14 || column == 15 || column == 18 ? 3
                                       : column == 17                               ? 1
                                                                                    : 2);
    for (int64_t i = 0; i < rows; i++) {
        int64_t id = first_id + i;
        assert_int_equal(is_valid(array, i), !is_null(id, column));
        if (is_null(id, column)) {
            nulls++;
            continue;
        }
        const void *data = array->n_buffers > 1 ? array->buffers[1] : NULL;
        switch (column) {
        case 0:
            assert_int_equal(((const int64_t *)data)[i], id);
            break;
        case 1:
            assert_int_equal(bit(data, i), id % 3 == 0);
            break;
        case 2:
            assert_int_equal(((const int8_t *)data)[i], -id % 100);
            break;
        case 3:
            assert_int_equal(((const int16_t *)data)[i], -id);
            break;
        case 4:
            assert_int_equal(((const int32_t *)data)[i], id * 1000);
            break;
        case 5:
            assert_int_equal(((const uint8_t *)data)[i], id % 250);
            break;
        case 6:
            assert_int_equal(((const uint16_t *)data)[i], id);
            break;
        case 7:
            assert_int_equal(((const uint32_t *)data)[i], id * 7);
            break;
        case 8:
            assert_true(((const uint64_t *)data)[i] == UINT64_MAX - (uint64_t)id);
            break;
        case 9:
            assert_true(((const float *)data)[i] == (float)id / 2);
            break;
        case 10:
            assert_true(((const double *)data)[i] == (double)id / 8);
            break;
        case 11:
            assert_true(((const int64_t *)data)[2 * i] == 5 - id);
            assert_true(((const int64_t *)data)[2 * i + 1] == (5 - id < 0 ? -1 : 0));
            break;
        case 12:
            assert_int_equal(((const int32_t *)data)[i], id - 10);
            break;
        case 13:
            assert_int_equal(((const int64_t *)data)[i], id * 1000001);
            break;
        case 16:
            assert_memory_equal((const uint8_t *)data + 16 * i, sixteen, 16);
            break;
        case 17:
            assert_int_equal(array->children[0]->length, 3 * rows);
            assert_memory_equal((const float *)array->children[0]->buffers[1] + 3 * i, three, 12);
            break;
        default: {
            const int32_t *offsets = data;
            char text[32];
            (void)snprintf(text, sizeof text, "text %" PRId64, id);
            const void *expected = column == 14 ? (const void *)text : sixteen;
            int32_t size = column == 14   ? (int32_t)strlen(text)
                           : column == 15 ? (int32_t)(id % 16)
                                          : 0;
            assert_int_equal(offsets[0], 0);
            assert_int_equal(offsets[i + 1] - offsets[i], size);
            assert_non_null(array->buffers[2]);
            assert_memory_equal((const uint8_t *)array->buffers[2] + offsets[i], expected,
                                (size_t)size);
            break;
        }
        }
    }
    assert_int_equal(array->null_count, nulls);
}

static void
all_types_arrive(void **state)
{
    struct rig rig;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    int64_t rows = 0;
    begin(&rig, 3000);
    OK(firn_store_flush(rig.store, &err));
    open_stream(&rig, NULL, &stream);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_string_equal(schema.format, "+s");
    assert_int_equal(schema.n_children, COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++) {
        assert_string_equal(schema.children[i]->format, formats[i]);
        assert_int_equal(schema.children[i]->flags,
                         i > 0 && i < COLUMNS - 1 ? ARROW_FLAG_NULLABLE : 0);
    }
    assert_string_equal(schema.children[0]->name, "id");
    assert_string_equal(schema.children[17]->children[0]->format, "f");
    assert_non_null(schema.children[16]->metadata);
    schema.release(&schema);
    assert_null(schema.release);
    for (;;) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        if (array.release == NULL) {
            break;
        }
        assert_int_equal(array.n_children, COLUMNS);
        assert_int_equal(array.n_buffers, 1);
        for (size_t i = 0; i < COLUMNS; i++) {
            check_column(array.children[i], i, rows, array.length);
        }
        rows += array.length;
        array.release(&array);
        assert_null(array.release);
    }
    assert_int_equal(rows, 3000);
    stream.release(&stream);
    assert_null(stream.release);
    end(&rig);
}

static void *
release_elsewhere(void *arg)
{
    struct ArrowArray *array = arg;
    array->release(array);
    return NULL;
}

static void
columns_outlive_arrays_and_streams(void **state)
{
    struct rig rig;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowSchema field;
    struct ArrowArray array;
    struct ArrowArray vectors;
    struct ArrowArray texts;
    pthread_t thread;
    test_alloc_install();
    begin(&rig, 500);
    open_stream(&rig, NULL, &stream);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    field = *schema.children[16]; /* moved out, as the interface says */
    schema.children[16]->release = NULL;
    vectors = *array.children[17];
    array.children[17]->release = NULL;
    texts = *array.children[14];
    array.children[14]->release = NULL;
    stream.release(&stream);
    schema.release(&schema);
    array.release(&array);
    check_column(&vectors, 17, 0, 500);
    check_column(&texts, 14, 0, 500);
    assert_string_equal(field.format, "w:16");
    field.release(&field);
    vectors.release(&vectors);
    assert_int_equal(pthread_create(&thread, NULL, release_elsewhere, &texts), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    end(&rig);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
a_failing_scan_fails_the_stream(void **state)
{
    struct rig rig;
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    begin(&rig, 10);
    options.select = "id + 9223372036854775800";
    open_stream(&rig, &options, &stream);
    assert_int_equal(stream.get_next(&stream, &array), EIO);
    assert_null(array.release);
    assert_true(strlen(stream.get_last_error(&stream)) > 0);
    stream.release(&stream);
    options.select = "null, count(*)";
    open_stream(&rig, &options, &stream);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.children[0]->n_buffers, 0);
    assert_int_equal(array.children[0]->null_count, 1);
    assert_int_equal(*(const int64_t *)array.children[1]->buffers[1], 10);
    array.release(&array);
    stream.release(&stream);
    assert_int_equal(firn_scan_to_arrow(NULL, &stream, &err), FIRN_INVALID);
    end(&rig);
}

/* ---- import ---- */

/* All rows of a table as one number. */
static uint64_t
digest(firn_table *table, uint64_t *out_rows)
{
    firn_scan *scan;
    const firn_scan_batch *batch;
    uint64_t sum = 0;
    *out_rows = 0;
    OK(firn_scan_open(table, NULL, &scan, &err));
    for (;;) {
        OK(firn_scan_next(scan, &batch, &err));
        if (batch == NULL) {
            break;
        }
        for (size_t i = 0; i < firn_scan_batch_rows(batch); i++) {
            for (size_t k = 0; k < firn_scan_column_count(scan); k++) {
                firn_value value = firn_scan_value(batch, k, i);
                uint64_t number = value.type;
                if (value.type >= FIRN_TYPE_TEXT) {
                    for (size_t b = 0; b < value.as.bytes.size; b++) {
                        number = number * 31 + value.as.bytes.data[b];
                    }
                } else if (value.type == FIRN_TYPE_F32) {
                    number += (uint64_t)(int64_t)(value.as.f32 * 8);
                } else if (value.type == FIRN_TYPE_BOOL) {
                    number += value.as.boolean;
                } else {
                    number += value.as.u64;
                }
                sum = sum * 1000003 + number;
            }
            ++*out_rows;
        }
    }
    firn_scan_close(scan);
    return sum;
}

static void
release_nothing(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

/* Decimals of more digits than a column can have become such with as many, which takes no value inexactly. */
static void
long_decimals_stay_exact(void **state)
{
    static const char *const pairs[][2] = {{"d:38,4", "decimal(18, 4)"},
                                           {"d:38,0", "decimal(18, 0)"},
                                           {"d:38,30", "decimal(18, 18)"},
                                           {"d:5,-2", "decimal(18, 0)"},
                                           {"d:18,3", "decimal(18, 3)"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct ArrowSchema child = {
            .format = pairs[i][0], .name = "n", .flags = 2, .release = release_nothing};
        struct ArrowSchema *children[] = {&child};
        struct ArrowSchema schema = {.format = "+s",
                                     .name = "",
                                     .n_children = 1,
                                     .children = children,
                                     .release = release_nothing};
        char *text;
        OK(firn_arrow_definition(&schema, NULL, 0, &text, &err));
        assert_non_null(strstr(text, pairs[i][1]));
        firn_release(text);
    }
}

static void
what_is_exported_is_imported(void **state)
{
    static const char *const key[] = {"id"};
    struct rig rig;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    firn_table_def *def;
    firn_table *copy;
    char *text;
    uint64_t rows;
    uint64_t copied;
    begin(&rig, 2500);
    open_stream(&rig, NULL, &stream);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    OK(firn_arrow_definition(&schema, key, 1, &text, &err));
    assert_non_null(strstr(text, "\"d\" decimal(9, 3)"));
    assert_non_null(strstr(text, "\"e\" text not null"));
    schema.release(&schema);
    OK(firn_table_def_parse(text, &def, &err));
    firn_release(text);
    OK(firn_table_create(rig.store, "copy", def, &copy, &err));
    firn_release(def);
    OK(firn_table_import_arrow(copy, &stream, NULL, &rows, &err));
    assert_null(stream.release);
    assert_int_equal(rows, 2500);
    assert_true(digest(rig.table, &rows) == digest(copy, &copied));
    assert_int_equal(rows, copied);
    open_stream(&rig, NULL, &stream); /* the rows are there already */
    assert_int_equal(firn_table_import_arrow(copy, &stream, NULL, NULL, &err), FIRN_EXISTS);
    assert_null(stream.release);
    assert_true(digest(copy, &copied) == digest(rig.table, &rows));
    end(&rig);
}

/* A stream of one array of a test's making, with one column. */
struct forged {
    struct ArrowSchema fields[2];
    struct ArrowSchema *field_pointers[2];
    struct ArrowSchema dictionary_schema;
    struct ArrowArray arrays[2];
    struct ArrowArray *array_pointers[2];
    struct ArrowArray dictionary;
    const void *buffers[2][4];
    const void *dictionary_buffers[4];
    int64_t rows;
    bool was_given;
    unsigned released;
};

static void
release_forged_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void
release_forged_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static int
forged_schema(struct ArrowArrayStream *self, struct ArrowSchema *out)
{
    struct forged *forged = self->private_data;
    *out = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = 2,
                                .children = forged->field_pointers,
                                .release = release_forged_schema};
    return 0;
}

static int
forged_next(struct ArrowArrayStream *self, struct ArrowArray *out)
{
    struct forged *forged = self->private_data;
    static const void *none[1];
    *out = (struct ArrowArray){.length = 0};
    if (!forged->was_given) {
        *out = (struct ArrowArray){.length = forged->rows,
                                   .n_buffers = 1,
                                   .buffers = none,
                                   .n_children = 2,
                                   .children = forged->array_pointers,
                                   .release = release_forged_array};
        forged->was_given = true;
    }
    return 0;
}

static const char *
forged_error(struct ArrowArrayStream *self)
{
    (void)self;
    return "forged";
}

static void
release_forged(struct ArrowArrayStream *self)
{
    struct forged *forged = self->private_data;
    forged->released++;
    self->release = NULL;
}

static const int64_t forged_ids[3] = {100001, 100002, 100003};

/* Three rows: id, and a column "t" of that format with those buffers. */
static void
forge(struct forged *forged, const char *name, const char *format)
{
    memset(forged, 0, sizeof *forged);
    forged->rows = 3;
    for (size_t i = 0; i < 2; i++) {
        forged->field_pointers[i] = &forged->fields[i];
        forged->array_pointers[i] = &forged->arrays[i];
        forged->arrays[i] =
            (struct ArrowArray){.length = 3, .n_buffers = 2, .buffers = forged->buffers[i]};
    }
    forged->fields[0] = (struct ArrowSchema){.format = "l", .name = "id"};
    forged->fields[1] = (struct ArrowSchema){.format = format, .name = name};
    forged->buffers[0][1] = forged_ids;
}

static int
import_forged(struct rig *rig, struct forged *forged)
{
    struct ArrowArrayStream stream = {.get_schema = forged_schema,
                                      .get_next = forged_next,
                                      .get_last_error = forged_error,
                                      .release = release_forged,
                                      .private_data = forged};
    uint64_t rows = 99;
    int rc = firn_table_import_arrow(rig->table, &stream, NULL, &rows, &err);
    assert_int_equal(forged->released, 1);
    assert_null(stream.release);
    assert_int_equal(rows, rc == FIRN_OK ? 3 : 0);
    return rc;
}

/* What the column has in the row with an id. */
static firn_value
read_back(struct rig *rig, const char *column, int64_t id, firn_row *row)
{
    const firn_value key = firn_i64(id);
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    options.columns = &column;
    options.column_count = 1;
    OK(firn_table_get(rig->table, &options, &key, 1, row, &err));
    return firn_row_values(row)[0];
}

static void
forget_forged(struct rig *rig)
{
    for (size_t i = 0; i < 3; i++) {
        const firn_value key = firn_i64(forged_ids[i]);
        OK(firn_table_delete(rig->table, NULL, &key, 1, &err));
    }
}

static void
other_formats_are_read(void **state)
{
    static const int64_t offsets[] = {0, 3, 3, 8};
    static const char texts[] = "onethree";
    static const int8_t indexes[] = {1, 0, 1};
    static const int32_t ends[] = {0, 3, 8};
    static const int64_t seconds[] = {0, 1, -1};
    static const int64_t units[] = {15, 0, -25, -1, 0, 0};
    static const uint8_t views[48] = {5,  0, 0, 0, 's', 'h', 'o', 'r', 't', 0, 0, 0, 0, 0, 0, 0,
                                      13, 0, 0, 0, 't', 'h', 'i', 'r', 0,   0, 0, 0, 2, 0, 0, 0};
    static const char variadic[] = "..thirteen byte";
    static const int64_t sizes[] = {15};
    struct rig rig;
    struct forged forged;
    firn_row *row;
    begin(&rig, 1);
    OK(firn_row_create(&row, &err));
    forge(&forged, "t", "U");
    forged.arrays[1].n_buffers = 3;
    forged.buffers[1][1] = offsets;
    forged.buffers[1][2] = texts;
    forged.buffers[1][0] = "\005"; /* the second one is null */
    forged.arrays[1].null_count = -1;
    OK(import_forged(&rig, &forged));
    assert_memory_equal(read_back(&rig, "t", 100003, row).as.bytes.data, "three", 5);
    assert_true(firn_is_null(read_back(&rig, "t", 100002, row)));
    forget_forged(&rig);
    forge(&forged, "t", "c"); /* a dictionary */
    forged.buffers[1][1] = indexes;
    forged.fields[1].dictionary = &forged.dictionary_schema;
    forged.dictionary_schema = (struct ArrowSchema){.format = "u", .name = ""};
    forged.arrays[1].dictionary = &forged.dictionary;
    forged.dictionary =
        (struct ArrowArray){.length = 2, .n_buffers = 3, .buffers = forged.dictionary_buffers};
    forged.dictionary_buffers[1] = ends;
    forged.dictionary_buffers[2] = texts;
    OK(import_forged(&rig, &forged));
    assert_memory_equal(read_back(&rig, "t", 100001, row).as.bytes.data, "three", 5);
    assert_memory_equal(read_back(&rig, "t", 100002, row).as.bytes.data, "one", 3);
    forget_forged(&rig);
    forge(&forged, "at", "tss:");
    forged.buffers[1][1] = seconds;
    OK(import_forged(&rig, &forged));
    assert_int_equal(read_back(&rig, "at", 100003, row).as.i64, -1000000);
    forget_forged(&rig);
    forge(&forged, "d", "d:10,1"); /* into three places */
    forged.buffers[1][1] = units;
    OK(import_forged(&rig, &forged));
    assert_int_equal(read_back(&rig, "d", 100001, row).as.i64, 1500);
    assert_int_equal(read_back(&rig, "d", 100002, row).as.i64, -2500);
    forget_forged(&rig);
    forge(&forged, "t", "vu");
    forged.arrays[1].n_buffers = 4;
    forged.buffers[1][1] = views;
    forged.buffers[1][2] = variadic;
    forged.buffers[1][3] = sizes;
    OK(import_forged(&rig, &forged));
    assert_memory_equal(read_back(&rig, "t", 100001, row).as.bytes.data, "short", 5);
    assert_memory_equal(read_back(&rig, "t", 100002, row).as.bytes.data, "thirteen byte", 13);
    assert_int_equal(read_back(&rig, "t", 100003, row).as.bytes.size, 0);
    firn_row_destroy(row);
    end(&rig);
}

static void
malformed_data_are_refused(void **state)
{
    static const int32_t descending[] = {0, 3, 2, 4};
    static const int32_t negative[] = {-1, 3, 4, 4};
    static const int64_t times[] = {1, 2, 3};
    static const int8_t indexes[] = {0, 7, 0};
    static const int32_t ends[] = {0, 3, 3};
    static const uint8_t views[48] = {200, 0, 0, 0, 'x', 'x', 'x', 'x', 1};
    struct rig rig;
    struct forged forged;
    begin(&rig, 1);
    forge(&forged, "t", "u");
    forged.arrays[1].n_buffers = 3;
    forged.buffers[1][1] = descending;
    forged.buffers[1][2] = "abcd";
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    assert_non_null(strstr(err.text, "'t'"));
    forge(&forged, "t", "u");
    forged.arrays[1].n_buffers = 3;
    forged.buffers[1][1] = negative;
    forged.buffers[1][2] = "abcd";
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "t", "u"); /* two buffers are too few */
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "i32_", "i"); /* no values */
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "at", "tsn:"); /* 1 ns is no whole number of microseconds */
    forged.buffers[1][1] = times;
    assert_int_equal(import_forged(&rig, &forged), FIRN_LIMIT);
    forge(&forged, "t", "c");
    forged.buffers[1][1] = indexes;
    forged.fields[1].dictionary = &forged.dictionary_schema;
    forged.dictionary_schema = (struct ArrowSchema){.format = "u", .name = ""};
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID); /* without a dictionary */
    forge(&forged, "t", "c");
    forged.buffers[1][1] = indexes;
    forged.fields[1].dictionary = &forged.dictionary_schema;
    forged.dictionary_schema = (struct ArrowSchema){.format = "u", .name = ""};
    forged.arrays[1].dictionary = &forged.dictionary;
    forged.dictionary =
        (struct ArrowArray){.length = 2, .n_buffers = 3, .buffers = forged.dictionary_buffers};
    forged.dictionary_buffers[1] = ends;
    forged.dictionary_buffers[2] = "one";
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "t", "vu");
    forged.arrays[1].n_buffers = 3;
    forged.buffers[1][1] = views;
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "t", "l");
    forged.arrays[1].length = 2; /* fewer rows than the others */
    forged.buffers[1][1] = times;
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "t", "l"); /* numbers into text */
    forged.buffers[1][1] = times;
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    forge(&forged, "nothing", "l");
    forged.buffers[1][1] = times;
    assert_int_equal(import_forged(&rig, &forged), FIRN_NOT_FOUND);
    static const char *const formats_without_type[] = {"e",      "+l",   "tdX", "w:", "w:-1",
                                                       "d:40,2", "+w:3", "",    "ttu"};
    for (size_t i = 0; i < sizeof formats_without_type / sizeof formats_without_type[0]; i++) {
        forge(&forged, "t", formats_without_type[i]);
        forged.buffers[1][1] = times;
        assert_int_equal(import_forged(&rig, &forged), FIRN_UNSUPPORTED);
    }
    forge(&forged, "t", "l");
    forged.rows = -1;
    assert_int_equal(import_forged(&rig, &forged), FIRN_INVALID);
    end(&rig);
}

/* The scan is the stream's, also if the call fails: nothing keeps the store open. */
static void
a_failed_export_closes_the_scan(void **state)
{
    struct rig rig;
    firn_scan *scan;
    begin(&rig, 1);
    OK(firn_scan_open(rig.table, NULL, &scan, &err));
    assert_int_equal(firn_scan_to_arrow(scan, NULL, &err), FIRN_INVALID);
    end(&rig);
}

/* An array of three vectors, the last of which is null if `bits` says so. */
static int
import_vectors(struct rig *rig, const void *bits, const void *item_bits)
{
    static const float floats[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const void *buffers[2] = {item_bits, floats};
    struct ArrowSchema item_schema = {.format = "f", .name = "item"};
    struct ArrowSchema *item_schemas[1] = {&item_schema};
    struct ArrowArray item = {.length = 9, .null_count = -1, .n_buffers = 2, .buffers = buffers};
    struct ArrowArray *items[1] = {&item};
    struct forged forged;
    forge(&forged, "v", "+w:3");
    forged.fields[1].n_children = 1;
    forged.fields[1].children = item_schemas;
    forged.arrays[1].n_buffers = 1;
    forged.arrays[1].null_count = -1;
    forged.arrays[1].n_children = 1;
    forged.arrays[1].children = items;
    forged.buffers[1][0] = bits;
    return import_forged(rig, &forged);
}

/* A vector of a table has no nulls in it: what lies in their places means nothing. */
static void
vectors_with_nulls_in_them_are_refused(void **state)
{
    struct rig rig;
    begin(&rig, 1);
    assert_int_equal(import_vectors(&rig, NULL, "\377\376"), FIRN_INVALID);
    assert_non_null(strstr(err.text, "null"));
    OK(import_vectors(&rig, "\003", "\077")); /* they are in the one that is null */
    forget_forged(&rig);
    OK(import_vectors(&rig, NULL, "\377\377"));
    end(&rig);
}

/* An array of three vectors in which one thing is other than it should be. */
struct odd_vectors {
    const char *format;
    const char *item_format;
    int64_t children;
    int64_t item_length;
    int64_t item_offset;
    int64_t item_buffers;
    int64_t item_nulls;
    float last;
    bool has_values;
};

static int
import_odd(struct rig *rig, const struct odd_vectors *odd)
{
    float floats[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const void *buffers[3] = {NULL, odd->has_values ? floats : NULL, NULL};
    struct ArrowSchema item_schema = {.format = odd->item_format, .name = "item"};
    struct ArrowSchema *item_schemas[2] = {&item_schema, &item_schema};
    struct ArrowArray item = {.length = odd->item_length,
                              .offset = odd->item_offset,
                              .null_count = odd->item_nulls,
                              .n_buffers = odd->item_buffers,
                              .buffers = buffers};
    struct ArrowArray *items[2] = {&item, &item};
    struct forged forged;
    floats[8] = odd->last;
    forge(&forged, "v", odd->format);
    forged.fields[1].n_children = 1;
    forged.fields[1].children = item_schemas;
    forged.arrays[1].n_buffers = 1;
    forged.arrays[1].n_children = odd->children;
    forged.arrays[1].children = odd->children > 0 ? items : NULL;
    return import_forged(rig, &forged);
}

static void
malformed_vectors_are_refused(void **state)
{
    const struct odd_vectors good = {.format = "+w:3",
                                     .item_format = "f",
                                     .children = 1,
                                     .item_length = 9,
                                     .item_buffers = 2,
                                     .last = 9,
                                     .has_values = true};
    static const char *const wrong[] = {
        "+w:0", "+w:-3", "+w:", "+w:3x", "+w:65536", "+w:99999999999999999999"};
    static const char *const items[] = {"g", "e", "l", "u", ""};
    struct rig rig;
    begin(&rig, 1);
    struct odd_vectors odd = good;
    OK(import_odd(&rig, &odd));
    forget_forged(&rig);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        odd = good;
        odd.format = wrong[i];
        assert_int_equal(import_odd(&rig, &odd), FIRN_UNSUPPORTED);
    }
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        odd = good;
        odd.item_format = items[i];
        assert_int_equal(import_odd(&rig, &odd), FIRN_UNSUPPORTED);
    }
    odd = good;
    odd.format = "+w:2"; /* the column has three */
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.children = 0;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.children = 2;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.item_length = 8;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd.item_length = -1;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.item_offset = -1;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd.item_offset = INT64_MAX;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.item_buffers = 3;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd.item_buffers = 0;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.has_values = false;
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    odd = good;
    odd.item_nulls = 1; /* without a bitmap */
    assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
    static const uint32_t not_finite[] = {0x7fc00000, 0x7f800000, 0xff800000};
    for (size_t i = 0; i < 3; i++) {
        odd = good;
        memcpy(&odd.last, &not_finite[i], sizeof odd.last);
        assert_int_equal(import_odd(&rig, &odd), FIRN_INVALID);
        assert_non_null(strstr(err.text, "infinity or a NaN"));
    }
    OK(import_odd(&rig, &good)); /* nothing of the others is there */
    end(&rig);
}

/* Opens, reads and releases all; FIRN_OK or a failure. */
static int
read_all(struct rig *rig)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    firn_scan *scan;
    int rc = firn_scan_open(rig->table, NULL, &scan, &err);
    rc = rc == FIRN_OK ? firn_scan_to_arrow(scan, &stream, &err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = stream.get_schema(&stream, &schema);
    if (rc == 0) {
        schema.release(&schema);
    }
    bool has_more = rc == 0;
    while (has_more) {
        rc = stream.get_next(&stream, &array);
        has_more = rc == 0 && array.release != NULL;
        if (has_more) {
            array.release(&array);
        }
    }
    assert_true(rc == 0 || strlen(stream.get_last_error(&stream)) > 0);
    stream.release(&stream);
    return rc == 0 ? FIRN_OK : rc == ENOMEM ? FIRN_NO_MEMORY : FIRN_FAILED;
}

static void
streams_bear_failed_allocations(void **state)
{
    struct rig rig;
    test_alloc_install();
    begin(&rig, 20);
    OK(read_all(&rig));
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = read_all(&rig);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK || (fault.was_hit && rc == FIRN_NO_MEMORY));
    }
    end(&rig);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_arrive),
        cmocka_unit_test(columns_outlive_arrays_and_streams),
        cmocka_unit_test(a_failing_scan_fails_the_stream),
        cmocka_unit_test(streams_bear_failed_allocations),
        cmocka_unit_test(long_decimals_stay_exact),
        cmocka_unit_test(what_is_exported_is_imported),
        cmocka_unit_test(other_formats_are_read),
        cmocka_unit_test(malformed_data_are_refused),
        cmocka_unit_test(a_failed_export_closes_the_scan),
        cmocka_unit_test(vectors_with_nulls_in_them_are_refused),
        cmocka_unit_test(malformed_vectors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
