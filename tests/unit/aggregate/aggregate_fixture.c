/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/aggregate/aggregate_fixture.c: numbered values.
 */
#include "unit/aggregate/aggregate_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts in order: that of a number begins with its digits, two to a byte and not from 1 on, so
 * that there are zero bytes and common beginnings; then as many bytes follow as the number says. */
static firn_slice *texts[4];

static firn_slice
text_of(int number, int size_max, int table)
{
    if (texts[table] == NULL) {
        texts[table] = calloc(VARIETY_MAX, sizeof(firn_slice));
        assert_non_null(texts[table]);
    }
    firn_slice *text = &texts[table][number];
    if (text->data == NULL) {
        size_t size = number == 0 ? 0 : 3 + (size_t)(number * 7919) % (size_t)(size_max - 2);
        uint8_t *bytes = malloc(size + 1);
        assert_non_null(bytes);
        if (size > 0) {
            memset(bytes, number % 3 == 0 ? 0 : 'x', size);
            bytes[0] = 0;
            bytes[1] = (uint8_t)(number >> 7);
            bytes[2] = (uint8_t)(number & 0x7f);
        }
        *text = firn_bytes(bytes, size);
    }
    return *text;
}

static int
table_of(const struct fixture_column *column)
{
    return column->type == FIRN_TYPE_UUID ? 3
           : column->size_max == 0        ? 0
           : column->size_max < 13        ? 1
                                          : 2;
}

void
fixture_end(void)
{
    for (size_t t = 0; t < 4; t++) {
        for (size_t i = 0; texts[t] != NULL && i < VARIETY_MAX; i++) {
            void *data;
            memcpy(&data, &texts[t][i].data, sizeof data);
            free(data);
        }
        free(texts[t]);
        texts[t] = NULL;
    }
}

static double
real_of(const struct fixture_column *column, int number)
{
    int zero = column->variety / 2;
    if (column->variety > 4 && column->factor == 0) {
        if (number == column->variety - 1) {
            return (double)NAN;
        }
        if (number == column->variety - 2) {
            return (double)INFINITY;
        }
    }
    return (number - zero) * 0.5;
}

struct fi_cell
fixture_cell(const struct fixture_column *column, int number)
{
    struct fi_cell cell = {.kind = fi_physical_of(column->type)};
    int64_t factor = column->factor == 0 ? 1 : column->factor;
    switch (cell.kind) {
    case FI_PHYSICAL_I64:
        cell.as.i64 = column->offset + (number - column->variety / 2) * factor;
        break;
    case FI_PHYSICAL_U64:
        cell.as.u64 = (uint64_t)column->offset + (uint64_t)number * (uint64_t)factor;
        break;
    case FI_PHYSICAL_F32:
        cell.as.f32 = (float)real_of(column, number);
        break;
    case FI_PHYSICAL_F64:
        cell.as.f64 = real_of(column, number);
        break;
    default: {
        int size = column->type == FIRN_TYPE_UUID ? 16
                   : column->size_max == 0        ? 40
                                                  : column->size_max;
        cell.as.bytes = text_of(number, size, table_of(column));
        if (column->type == FIRN_TYPE_UUID) {
            static uint8_t uuids[VARIETY_MAX][16];
            uuids[number][3] = (uint8_t)(number >> 8);
            uuids[number][4] = (uint8_t)number;
            cell.as.bytes = firn_bytes(uuids[number], 16);
        }
        break;
    }
    }
    return cell;
}

static bool
is_equal(const struct fi_cell *cell, const struct fi_chunk_values *values, size_t row)
{
    switch (cell->kind) {
    case FI_PHYSICAL_F32:
        return cell->as.f32 == values->as.f32[row] ||
               (isnan((double)cell->as.f32) && isnan((double)values->as.f32[row]));
    case FI_PHYSICAL_F64:
        return cell->as.f64 == values->as.f64[row] ||
               (isnan(cell->as.f64) && isnan(values->as.f64[row]));
    case FI_PHYSICAL_BYTES:
        return cell->as.bytes.size == values->as.bytes[row].size &&
               (cell->as.bytes.size == 0 ||
                memcmp(cell->as.bytes.data, values->as.bytes[row].data, cell->as.bytes.size) == 0);
    default:
        return cell->as.u64 == values->as.u64[row];
    }
}

/* Whether the value of the row comes before the cell. */
static bool
is_before(const struct fi_chunk_values *values, size_t row, const struct fi_cell *cell)
{
    switch (cell->kind) {
    case FI_PHYSICAL_I64:
        return values->as.i64[row] < cell->as.i64;
    case FI_PHYSICAL_U64:
        return values->as.u64[row] < cell->as.u64;
    case FI_PHYSICAL_F32:
        return !isnan((double)values->as.f32[row]) &&
               (isnan((double)cell->as.f32) || values->as.f32[row] < cell->as.f32);
    case FI_PHYSICAL_F64:
        return !isnan(values->as.f64[row]) &&
               (isnan(cell->as.f64) || values->as.f64[row] < cell->as.f64);
    default: {
        firn_slice a = values->as.bytes[row];
        firn_slice b = cell->as.bytes;
        size_t size = a.size < b.size ? a.size : b.size;
        int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
        return order < 0 || (order == 0 && a.size < b.size);
    }
    }
}

int
fixture_number(const struct fixture_column *column, const struct fi_chunk_values *values,
               size_t row)
{
    assert_int_equal(values->kind, fi_physical_of(column->type));
    assert_true(row < values->count);
    if (values->valid != NULL && !fixture_bit(values->valid, row)) {
        return IS_NULL;
    }
    int low = 0;
    int high = column->variety - 1;
    while (low < high) {
        int middle = low + (high - low + 1) / 2;
        struct fi_cell cell = fixture_cell(column, middle);
        if (is_before(values, row, &cell)) {
            high = middle - 1;
        } else {
            low = middle;
        }
    }
    struct fi_cell cell = fixture_cell(column, low);
    assert_true(is_equal(&cell, values, row));
    return low;
}

void
fixture_set(const struct fixture_column *column, struct fixture_values *out, size_t row, int number)
{
    uint64_t bit = UINT64_C(1) << row % 64;
    struct fi_cell cell = {.kind = fi_physical_of(column->type)};
    bool is_null = number == IS_NULL;
    out->numbers[row] = number;
    out->valid[row / 64] = (out->valid[row / 64] & ~bit) | (is_null ? 0 : bit);
    if (is_null) {
        /* What stands in the place of a null means nothing, but bytes are there. */
        cell = fixture_cell(column, 0);
    } else {
        cell = fixture_cell(column, number);
    }
    switch (cell.kind) {
    case FI_PHYSICAL_F32:
        out->as.f32[row] = cell.as.f32 == 0 && row % 2 == 0 ? -0.0F : cell.as.f32;
        if (isnan((double)cell.as.f32) && row % 3 == 0) {
            uint32_t bits = 0xff800001U + (uint32_t)row;
            memcpy(&out->as.f32[row], &bits, sizeof bits);
        }
        break;
    case FI_PHYSICAL_F64:
        out->as.f64[row] = cell.as.f64 == 0 && row % 2 == 0 ? -0.0 : cell.as.f64;
        if (isnan(cell.as.f64) && row % 3 == 0) {
            uint64_t bits = UINT64_C(0xfff0000000000001) + row;
            memcpy(&out->as.f64[row], &bits, sizeof bits);
        }
        break;
    case FI_PHYSICAL_BYTES:
        out->as.bytes[row] = cell.as.bytes;
        break;
    default:
        out->as.u64[row] = cell.as.u64;
        break;
    }
}

void
fixture_fill(const struct fixture_column *column, struct test_random *random, size_t count,
             struct fixture_values *out)
{
    bool has_nulls = column->nulls > 0 && test_random_below(random, 4) > 0;
    for (size_t i = 0; i < count; i++) {
        bool is_null = has_nulls && test_random_below(random, column->nulls) == 0;
        int number = (int)test_random_below(random, (uint64_t)column->variety);
        fixture_set(column, out, i, is_null ? IS_NULL : number);
    }
    out->values = (struct fi_chunk_values){
        .kind = fi_physical_of(column->type),
        .fixed_size = column->type == FIRN_TYPE_UUID ? 16 : 0,
        .count = count,
        .valid = has_nulls ? out->valid : NULL,
    };
    if (out->values.kind == FI_PHYSICAL_BYTES) {
        out->values.as.bytes = out->as.bytes;
    } else {
        out->values.as.u64 = out->as.u64;
    }
}

void
fixture_mask(struct test_random *random, size_t count, uint64_t mask[FI_CHUNK_MASK_WORDS])
{
    uint64_t kind = test_random_below(random, 4);
    memset(mask, 0, FI_CHUNK_MASK_WORDS * sizeof mask[0]);
    for (size_t i = 0; i < count; i++) {
        bool is_set = kind == 0 || (kind == 1 && test_random_below(random, 2) == 0) ||
                      (kind == 2 && test_random_below(random, 20) == 0);
        mask[i / 64] |= (uint64_t)is_set << i % 64;
    }
}

static void
make_name(void *ctx, char out[FI_SPILL_NAME_SIZE])
{
    struct fixture_files *files = ctx;
    (void)snprintf(out, FI_SPILL_NAME_SIZE, "spill-%u", files->made++);
}

void
fixture_files_init(struct fixture_files *files, struct fi_os_dir *dir)
{
    files->made = 0;
    files->spill = (struct fi_spill){.dir = dir, .make_name = make_name, .ctx = files};
}
