/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: random tables, and values of their columns.
 */
#include "schema_support.h"

#include "base/mem.h"
#include "base/slice.h"
#include "support/test.h"

enum { NAMES = 80, NAME_SIZE = 12 };

struct fi_schema *
schema_of(const char *text)
{
    struct fi_schema *schema = NULL;
    firn_table_def *def = NULL;
    firn_error err;
    err.text[0] = '\0';
    if (firn_table_def_parse(text, &def, &err) != FIRN_OK ||
        fi_schema_def_create(def, &schema, &err) != FIRN_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    fi_free(def);
    return schema;
}

/* ---- values ---- */

static uint64_t
edge(struct test_random *random)
{
    uint64_t bit = (uint64_t)1 << test_random_below(random, 64);
    switch (test_random_below(random, 4)) {
    case 0:
        return test_random_below(random, 3);
    case 1:
        return bit - 1 + test_random_below(random, 3);
    case 2:
        return 0 - bit + test_random_below(random, 2);
    default:
        return test_random_next(random);
    }
}

/* Within the type's range. */
static int64_t
draw_signed(struct test_random *random, const struct fi_schema_column *column)
{
    int64_t number = (int64_t)edge(random);
    int64_t limit = 1;
    switch (column->type) {
    case FIRN_TYPE_I8:
        return (int8_t)number;
    case FIRN_TYPE_I16:
        return (int16_t)number;
    case FIRN_TYPE_I32:
        return (int32_t)number;
    case FIRN_TYPE_DECIMAL:
        for (uint32_t i = 0; i < column->precision; i++) {
            limit *= 10;
        }
        return test_random_below(random, 4) == 0 ? limit - 1 : number % limit;
    case FIRN_TYPE_DATE:
        return (int64_t)test_random_below(random, 2932896 + 719162 + 1) - 719162;
    case FIRN_TYPE_TIMESTAMP:
        number = (int64_t)test_random_below(random, 2932896 + 719162 + 1) - 719162;
        return number * 86400000000 + (int64_t)test_random_below(random, 86400) *
                                          (test_random_below(random, 2) == 0 ? 1000000 : 999999);
    default:
        return number;
    }
}

static double
draw_real(struct test_random *random)
{
    static const double reals[] = {0.0,  -0.0, 1.0,        0.1,   -2.5,
                                   1e22, 1e-7, 123456.789, 1e300, 5e-324};
    uint64_t bits = test_random_next(random);
    double real;
    memcpy(&real, &bits, sizeof real);
    return test_random_below(random, 2) == 0
               ? real
               : reals[test_random_below(random, sizeof reals / sizeof reals[0])];
}

static firn_value
draw_bytes(struct test_random *random, const struct fi_schema_column *column, uint8_t *memory)
{
    static const char *const pieces[] = {"a", "'", "\"", "é", "\xf0\x9f\x8c\x8a", " ", "Z", "\n"};
    size_t size = column->fixed_size;
    firn_value value = firn_blob(firn_bytes(memory, 0));
    value.type = column->type;
    if (column->type == FIRN_TYPE_TEXT) {
        for (uint64_t i = test_random_below(random, 5); i > 0; i--) {
            const char *piece = pieces[test_random_below(random, sizeof pieces / sizeof pieces[0])];
            memcpy(memory + size, piece, strlen(piece));
            size += strlen(piece);
        }
        if (test_random_below(random, 8) == 0) {
            memory[size++] = 0;
        }
    } else {
        size = column->type == FIRN_TYPE_BLOB ? test_random_below(random, SCHEMA_VALUE_SIZE) : size;
        test_random_fill(random, memory, size);
        for (size_t i = 3; column->type == FIRN_TYPE_VECTOR && i < size; i += 4) {
            memory[i] &= 0xbf; /* finite */
        }
    }
    value.as.bytes.size = size;
    return value;
}

firn_value
schema_draw_value(struct test_random *random, const struct fi_schema_column *column,
                  uint8_t memory[SCHEMA_FIXED_SIZE_MAX])
{
    firn_value value = {.type = column->type};
    uint64_t number = edge(random);
    if (column->is_nullable && test_random_below(random, 4) == 0) {
        return firn_null();
    }
    switch (column->type) {
    case FIRN_TYPE_BOOL:
        return firn_bool(number % 2 == 1);
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
        value.as.u64 = number >> (64 - (8u << (column->type - FIRN_TYPE_U8)));
        return value;
    case FIRN_TYPE_F32:
        value.as.f32 = (float)draw_real(random);
        return value;
    case FIRN_TYPE_F64:
        value.as.f64 = draw_real(random);
        return value;
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR:
        return draw_bytes(random, column, memory);
    default:
        value.as.i64 = draw_signed(random, column);
        return value;
    }
}

bool
schema_same_value(const firn_value *a, const firn_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case FIRN_TYPE_NULL:
        return true;
    case FIRN_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case FIRN_TYPE_F32:
        return memcmp(&a->as.f32, &b->as.f32, sizeof a->as.f32) == 0;
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR:
        return fi_slice_equal(a->as.bytes, b->as.bytes);
    default:
        return a->as.u64 == b->as.u64;
    }
}

bool
schema_same(const struct fi_schema *a, const struct fi_schema *b)
{
    struct fi_buf records[2] = {{0}, {0}};
    assert_int_equal(fi_schema_record_encode(a, &records[0], NULL), FIRN_OK);
    assert_int_equal(fi_schema_record_encode(b, &records[1], NULL), FIRN_OK);
    bool is_same = fi_slice_equal(fi_buf_slice(&records[0]), fi_buf_slice(&records[1]));
    fi_buf_deinit(&records[0]);
    fi_buf_deinit(&records[1]);
    return is_same;
}

/* ---- tables ---- */

static void
draw_column(struct test_random *random, firn_table_column *column, firn_value *value,
            uint8_t *memory)
{
    struct fi_schema_column with = {.is_nullable = false};
    *column = (firn_table_column){.name = column->name,
                                  .type = (firn_type)(1 + test_random_below(random, FIRN_TYPE_MAX)),
                                  .not_null = test_random_below(random, 3) == 0};
    if (column->type == FIRN_TYPE_DECIMAL) {
        column->precision = 1 + (uint32_t)test_random_below(random, 18);
        column->scale = (uint32_t)test_random_below(random, column->precision + 1);
    }
    if (column->type == FIRN_TYPE_VECTOR) {
        column->dimensions = 1 + (uint32_t)test_random_below(random, 16);
    }
    with.type = column->type;
    with.precision = column->precision;
    with.scale = column->scale;
    with.fixed_size = column->type == FIRN_TYPE_UUID ? 16 : 4 * column->dimensions;
    if (test_random_below(random, 2) == 0) {
        *value = schema_draw_value(random, &with, memory);
        column->default_value = value;
    }
}

static const char *
name_of(char kind, size_t number)
{
    static char names[2][NAMES][NAME_SIZE];
    char *name = names[kind == 'c' ? 0 : 1][number];
    assert_true(number < NAMES);
    (void)snprintf(name, NAME_SIZE, "%c%zu", kind, number);
    return name;
}

/* Different columns, none of them a vector; returns how many. */
static size_t
draw_names(struct test_random *random, const firn_table_column *columns, size_t count, size_t max,
           const char **out)
{
    size_t found = 0;
    size_t wanted = 1 + test_random_below(random, max);
    for (int tries = 0; tries < 40 && found < wanted; tries++) {
        const firn_table_column *column = &columns[test_random_below(random, count)];
        bool is_new = column->type != FIRN_TYPE_VECTOR;
        for (size_t i = 0; i < found; i++) {
            is_new = is_new && strcmp(out[i], column->name) != 0;
        }
        if (is_new) {
            out[found++] = column->name;
        }
    }
    return found;
}

struct fi_schema *
schema_draw(struct test_random *random, size_t columns_max)
{
    enum { INDEXES = 4, PARTS = 4 };
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    firn_table_column columns[NAMES];
    firn_value values[NAMES];
    uint8_t memory[NAMES][SCHEMA_FIXED_SIZE_MAX];
    firn_table_index indexes[INDEXES];
    const char *parts[INDEXES + 1][PARTS];
    struct fi_schema *schema = NULL;
    firn_error err;
    def.column_count = 1 + test_random_below(random, columns_max);
    for (size_t i = 0; i < def.column_count; i++) {
        columns[i].name = name_of('c', i + 1);
        draw_column(random, &columns[i], &values[i], memory[i]);
    }
    while (columns[0].type == FIRN_TYPE_VECTOR) {
        draw_column(random, &columns[0], &values[0], memory[0]);
    }
    def.key_count = draw_names(random, columns, def.column_count, PARTS, parts[INDEXES]);
    if (def.key_count == 0) {
        parts[INDEXES][0] = columns[0].name;
        def.key_count = 1;
    }
    def.index_count = test_random_below(random, INDEXES + 1);
    for (size_t i = 0; i < def.index_count; i++) {
        indexes[i] = (firn_table_index){.name = name_of('i', i + 1),
                                        .columns = parts[i],
                                        .is_unique = test_random_below(random, 2) == 0};
        indexes[i].column_count = draw_names(random, columns, def.column_count, PARTS, parts[i]);
        if (indexes[i].column_count == 0) {
            parts[i][0] = columns[0].name;
            indexes[i].column_count = 1;
        }
    }
    def.columns = columns;
    def.key = parts[INDEXES];
    def.indexes = indexes;
    if (fi_schema_def_create(&def, &schema, &err) != FIRN_OK) {
        fail_msg("%s", err.text);
    }
    return schema;
}

struct fi_schema *
schema_draw_change(struct test_random *random, const struct fi_schema *old)
{
    const struct fi_schema_column *column =
        &old->columns[test_random_below(random, old->column_count)];
    struct fi_schema *next = NULL;
    firn_table_column added = {.name = name_of('c', 1 + test_random_below(random, NAMES - 1))};
    const char *part = (const char *)column->name.data;
    const firn_table_index index = {name_of('i', 1 + test_random_below(random, NAMES - 1)), &part,
                                    1, test_random_below(random, 2) == 0};
    firn_slice index_name = old->index_count > 0
                                ? old->indexes[test_random_below(random, old->index_count)].name
                                : firn_str("none");
    uint8_t memory[SCHEMA_FIXED_SIZE_MAX];
    firn_value value;
    firn_error err;
    int rc;
    switch (test_random_below(random, 7)) {
    case 0:
        rc = fi_schema_change_drop_column(old, column->name, &next, &err);
        break;
    case 1:
        rc = fi_schema_change_rename_column(old, column->name, firn_str(added.name), &next, &err);
        break;
    case 2:
        value = schema_draw_value(random, column, memory);
        rc = fi_schema_change_default(old, column->name, &value, &next, &err);
        break;
    case 3:
        rc = fi_schema_change_add_index(old, &index, &next, &err);
        break;
    case 4:
        rc = fi_schema_change_drop_index(old, index_name, &next, &err);
        break;
    case 5:
        rc = fi_schema_change_rename_index(old, index_name, firn_str(index.name), &next, &err);
        break;
    default:
        draw_column(random, &added, &value, memory);
        rc = fi_schema_change_add_column(old, &added, &next, &err);
        break;
    }
    assert_true(rc == FIRN_OK ? next != NULL : next == NULL && err.text[0] != '\0');
    assert_true(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_EXISTS || rc == FIRN_NOT_FOUND ||
                rc == FIRN_LIMIT);
    return next;
}
