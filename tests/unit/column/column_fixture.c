/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column/column_fixture.c: see its header.
 */
#include "unit/column/column_fixture.h"

#include "base/slice.h"

/* ---- tables ---- */

void
column_fixture_set(struct column_fixture_table *table)
{
    table->layout.columns = table->columns;
    table->layout.key = table->key;
}

void
column_fixture_add(struct column_fixture_table *table, uint32_t id, firn_type type,
                   uint32_t fixed_size)
{
    assert_true(table->layout.count < COLUMN_FIXTURE_COLUMNS_MAX);
    table->columns[table->layout.count++] =
        (struct fi_column_def){.id = id,
                               .type = type,
                               .fixed_size = fixed_size,
                               .initial = {FI_PHYSICAL_NONE, {0}},
                               .has_filter = type != FIRN_TYPE_VECTOR && id % 2 == 0};
    column_fixture_set(table);
}

void
column_fixture_add_key(struct column_fixture_table *table, uint32_t id)
{
    table->key[table->layout.key_count++] = id;
    column_fixture_set(table);
}

enum { STYLE_CONSTANT, STYLE_FEW, STYLE_ANY, STYLE_NULLS, STYLE_CLOSE, STYLES };

void
column_fixture_random_table(struct test_random *random, struct column_fixture_table *table)
{
    *table = (struct column_fixture_table){.layout = {0}};
    size_t count = 1 + test_random_below(random, 12);
    uint32_t id = 0;
    for (size_t i = 0; i < count; i++) {
        id += 1 + (uint32_t)test_random_below(random, 5);
        firn_type type = (firn_type)(1 + test_random_below(random, FIRN_TYPE_MAX));
        if (i == 0 && type == FIRN_TYPE_VECTOR) {
            type = FIRN_TYPE_I64;
        }
        column_fixture_add(table, id, type,
                           type == FIRN_TYPE_UUID ? 16
                           : type == FIRN_TYPE_VECTOR
                               ? 4 * (uint32_t)(1 + test_random_below(random, 4))
                               : 0);
        table->styles[i] = (uint8_t)test_random_below(random, STYLES);
    }
    for (size_t i = 0; i < count && table->layout.key_count < 3; i++) {
        if (table->columns[i].type != FIRN_TYPE_VECTOR &&
            (i == 0 || test_random_below(random, 4) == 0)) {
            column_fixture_add_key(table, table->columns[i].id);
        }
    }
    /* Not always in the order of their numbers. */
    if (table->layout.key_count > 1 && test_random_below(random, 2) == 0) {
        uint32_t first = table->key[0];
        table->key[0] = table->key[1];
        table->key[1] = first;
    }
    for (size_t i = 0; i < count; i++) {
        if (test_random_below(random, 2) == 0) {
            table->columns[i].initial =
                column_fixture_cell(random, table, i, 1000, table->initial[i]);
        }
    }
}

static bool
is_key(const struct column_fixture_table *table, size_t slot)
{
    for (size_t i = 0; i < table->layout.key_count; i++) {
        if (table->key[i] == table->columns[slot].id) {
            return true;
        }
    }
    return false;
}

static size_t
slot_of(const struct column_fixture_table *table, uint32_t id)
{
    size_t slot = fi_column_layout_slot(&table->layout, id);
    assert_true(slot < table->layout.count);
    return slot;
}

/* ---- values ---- */

static int64_t
random_number(struct test_random *random, unsigned style, uint64_t n)
{
    switch (style) {
    case STYLE_CONSTANT:
        return 42;
    case STYLE_FEW:
        return (int64_t)test_random_below(random, 5) - 2;
    case STYLE_ANY:
        return (int64_t)test_random_next(random);
    case STYLE_CLOSE:
        return 1000000 + 10 * (int64_t)test_random_below(random, n);
    default:
        return (int64_t)test_random_below(random, n) - (int64_t)(n / 2);
    }
}

static double
random_real(struct test_random *random, unsigned style, uint64_t n)
{
    static const double odd[] = {
        0.0, -0.0, 1.5, -1e300, __builtin_inf(), -__builtin_inf(), __builtin_nan("")};
    return style == STYLE_ANY ? odd[test_random_below(random, 7)]
                              : (double)random_number(random, style, n) / 4;
}

struct fi_cell
column_fixture_cell(struct test_random *random, const struct column_fixture_table *table,
                    size_t slot, uint64_t n, uint8_t *buffer)
{
    const struct fi_column_def *column = &table->columns[slot];
    unsigned style = table->styles[slot];
    struct fi_cell cell = {.kind = fi_physical_of(column->type)};
    if (!is_key(table, slot) && style == STYLE_NULLS && test_random_below(random, 2) == 0) {
        cell.kind = FI_PHYSICAL_NONE;
        return cell;
    }
    int64_t number = random_number(random, style, n);
    size_t size;
    switch (cell.kind) {
    case FI_PHYSICAL_I64:
        cell.as.i64 = number;
        break;
    case FI_PHYSICAL_U64:
        cell.as.u64 = column->type == FIRN_TYPE_BOOL ? (uint64_t)number & 1 : (uint64_t)number;
        break;
    case FI_PHYSICAL_F32:
        cell.as.f32 = (float)random_real(random, style, n);
        break;
    case FI_PHYSICAL_F64:
        cell.as.f64 = random_real(random, style, n);
        break;
    default:
        memset(buffer, 0, 32);
        size = (size_t)snprintf((char *)buffer, 32, "%s%lld", style == STYLE_CLOSE ? "prefix/" : "",
                                (long long)number);
        if (style == STYLE_ANY) {
            buffer[test_random_below(random, size)] =
                (uint8_t)(test_random_below(random, 3) * 0x7f);
            size = test_random_below(random, size + 1);
        }
        cell.as.bytes = firn_bytes(buffer, column->fixed_size != 0 ? column->fixed_size : size);
        break;
    }
    return cell;
}

/* ---- entries ---- */

static void
random_key(struct test_random *random, const struct column_fixture_table *table, uint64_t keys,
           struct fi_buf *out)
{
    fi_buf_clear(out);
    for (size_t i = 0; i < table->layout.key_count; i++) {
        uint8_t buffer[64];
        size_t slot = slot_of(table, table->key[i]);
        struct fi_cell cell = column_fixture_cell(random, table, slot, keys, buffer);
        assert_int_equal(fi_tuple_key_add(out, table->columns[slot].type, false, &cell), FIRN_OK);
    }
}

/* Appends the tuple of a row; of an odd one columns are missing, and others too many. */
static void
random_tuple(struct test_random *random, const struct column_fixture_table *table, bool is_odd,
             struct fi_buf *out)
{
    struct fi_tuple_writer writer;
    fi_tuple_begin(&writer, out);
    for (size_t slot = 0; slot < table->layout.count; slot++) {
        uint8_t buffer[64];
        uint32_t id = table->columns[slot].id;
        struct fi_cell cell = column_fixture_cell(random, table, slot, 1000, buffer);
        bool is_gap = slot > 0 ? table->columns[slot - 1].id + 1 < id : id > 0;
        if (is_odd && is_gap && test_random_below(random, 3) == 0) {
            struct fi_cell other = {.kind = FI_PHYSICAL_U64, .as.u64 = id};
            fi_tuple_add(&writer, id - 1, &other);
        }
        if (!is_key(table, slot) && !(is_odd && test_random_below(random, 3) == 0)) {
            fi_tuple_add(&writer, id, &cell);
        }
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
}

static void
random_entry(struct test_random *random, const struct column_fixture_table *table,
             const struct column_fixture_fill *how, uint64_t sequence, struct row_model *out)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    uint64_t draw = how->is_plain ? 0 : test_random_below(random, 16);
    enum fi_entry_kind kind = draw < 12    ? FI_ENTRY_PUT
                              : draw == 12 ? FI_ENTRY_DELETE
                              : draw == 13 ? FI_ENTRY_MERGE
                                           : FI_ENTRY_EXPIRING;
    random_key(random, table, how->keys, &key);
    if (kind == FI_ENTRY_MERGE) {
        assert_int_equal(fi_buf_append(&value, "\1operand", 1 + test_random_below(random, 8)), 0);
    } else if (kind == FI_ENTRY_EXPIRING) {
        assert_int_equal(fi_buf_append_le64(&value, test_random_below(random, 1000)), FIRN_OK);
    }
    if (kind == FI_ENTRY_PUT || kind == FI_ENTRY_EXPIRING) {
        random_tuple(random, table, how->is_odd, &value);
    }
    row_model_add(out, fi_buf_slice(&key), sequence, kind, fi_buf_slice(&value));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

static void
drop_older_versions(struct row_model *model)
{
    for (size_t i = 1; i < model->count; i++) {
        if (fi_slice_equal(model->entries[i - 1].key, model->entries[i].key)) {
            model->entries[i].sequence = model->entries[i - 1].sequence;
        }
    }
    row_model_sort(model); /* drops what is there twice */
}

void
column_fixture_fill(struct test_random *random, const struct column_fixture_table *table,
                    const struct column_fixture_fill *how, struct row_model *out)
{
    *out = (struct row_model){0};
    uint64_t sequence = 1;
    bool is_same = test_random_below(random, 3) == 0;
    for (size_t i = 0; i < how->count; i++) {
        random_entry(random, table, how, is_same && how->is_plain ? 7 : sequence, out);
        sequence += 1 + test_random_below(random, 3);
    }
    for (uint64_t i = 0; i < how->ranges; i++) {
        struct fi_buf lower = {0};
        struct fi_buf upper = {0};
        random_key(random, table, how->keys, &lower);
        random_key(random, table, how->keys, &upper);
        if (fi_slice_compare(fi_buf_slice(&lower), fi_buf_slice(&upper)) < 0) {
            row_model_add_range(out, fi_buf_slice(&lower), fi_buf_slice(&upper), 1 + i);
        }
        fi_buf_deinit(&lower);
        fi_buf_deinit(&upper);
    }
    row_model_sort(out);
    if (how->is_plain) {
        drop_older_versions(out);
    }
}

/* The tuple with all columns of the layout. */
static void
expect_tuple(const struct column_fixture_table *table, firn_slice tuple, struct fi_buf *out)
{
    struct fi_tuple_writer writer;
    fi_tuple_begin(&writer, out);
    for (size_t slot = 0; slot < table->layout.count; slot++) {
        struct fi_cell cell;
        if (is_key(table, slot)) {
            continue;
        }
        if (fi_tuple_find(tuple, table->columns[slot].id, &cell) != FIRN_OK) {
            cell = table->columns[slot].initial;
        }
        fi_tuple_add(&writer, table->columns[slot].id, &cell);
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
}

void
column_fixture_expect(const struct column_fixture_table *table, const struct row_model *from,
                      struct row_model *out)
{
    *out = (struct row_model){0};
    for (size_t i = 0; i < from->count; i++) {
        const struct fi_entry *entry = &from->entries[i];
        struct fi_buf value = {0};
        size_t head = entry->kind == FI_ENTRY_EXPIRING ? FI_ENTRY_EXPIRING_HEAD_SIZE : 0;
        if (entry->kind == FI_ENTRY_PUT || entry->kind == FI_ENTRY_EXPIRING) {
            assert_int_equal(fi_buf_append(&value, entry->value.data, head), FIRN_OK);
            expect_tuple(table, firn_bytes(entry->value.data + head, entry->value.size - head),
                         &value);
        } else {
            assert_int_equal(fi_buf_append_slice(&value, entry->value), FIRN_OK);
        }
        row_model_add(out, entry->key, entry->sequence, entry->kind, fi_buf_slice(&value));
        fi_buf_deinit(&value);
    }
    for (size_t i = 0; i < from->range_count; i++) {
        row_model_add_range(out, from->ranges[i].lower, from->ranges[i].upper,
                            from->ranges[i].sequence);
    }
}

int
column_fixture_build(const struct row_model *model, const struct fi_run_env *env, const char *name,
                     const struct fi_run_builder_options *options,
                     struct fi_run_summary *out_summary, firn_error *err)
{
    struct fi_run_builder *builder = NULL;
    struct fi_run_summary summary = {0};
    int rc;
    FI_TRY(fi_column_kind.builder_create(env, name, options, &builder, err));
    for (size_t i = 0; i < model->range_count; i++) {
        FI_TRY(fi_column_kind.builder_add_range(builder, &model->ranges[i], err));
    }
    for (size_t i = 0; i < model->count; i++) {
        FI_TRY(fi_column_kind.builder_add(builder, &model->entries[i], err));
    }
    FI_TRY(fi_column_kind.builder_finish(builder, &summary, err));
    if (out_summary != NULL) {
        *out_summary = summary;
    } else {
        fi_run_summary_deinit(&summary);
    }
out:
    fi_column_kind.builder_destroy(builder);
    return rc;
}

/* ---- comparing ---- */

void
column_fixture_compare_scan(const struct row_model *model, struct fi_run *run, bool is_sequential)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    assert_int_equal(fi_column_kind.cursor_create(run, &options, &cursor, &err), FIRN_OK);
    assert_false(cursor->is_valid);
    assert_int_equal(fi_column_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t i = 0; i < model->count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i], &cursor->entry);
        assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    assert_int_equal(fi_column_kind.cursor_last(cursor, &err), FIRN_OK);
    for (size_t i = model->count; i > 0; i--) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i - 1], &cursor->entry);
        assert_int_equal(fi_column_kind.cursor_prev(cursor, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    fi_column_kind.cursor_destroy(cursor);
}

void
column_fixture_compare_seek(const struct row_model *model, struct fi_run_cursor *cursor,
                            firn_slice key, uint64_t sequence)
{
    firn_error err;
    size_t i = row_model_lower_bound(model, key, sequence);
    assert_int_equal(fi_column_kind.cursor_seek(cursor, key, sequence, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, i < model->count);
    if (cursor->is_valid) {
        row_model_compare_entry(&model->entries[i], &cursor->entry);
    }
    assert_int_equal(fi_column_kind.cursor_seek_before(cursor, key, sequence, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, i > 0);
    if (!cursor->is_valid) {
        return;
    }
    row_model_compare_entry(&model->entries[i - 1], &cursor->entry);
    assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, i < model->count);
    if (cursor->is_valid) {
        row_model_compare_entry(&model->entries[i], &cursor->entry);
        assert_int_equal(fi_column_kind.cursor_prev(cursor, &err), FIRN_OK);
        row_model_compare_entry(&model->entries[i - 1], &cursor->entry);
    }
}

void
column_fixture_compare_get(const struct row_model *model, struct fi_run *run, firn_slice key,
                           const struct fi_snapshot *snapshot)
{
    firn_error err;
    struct fi_run_hit hit = {.kind = (enum fi_entry_kind)99, .sequence = 99};
    struct fi_buf value = {0};
    assert_int_equal(fi_buf_append_str(&value, "what was there before"), FIRN_OK);
    size_t i = row_model_lower_bound(model, key, UINT64_MAX);
    while (i < model->count && fi_slice_equal(model->entries[i].key, key) &&
           !fi_snapshot_sees(snapshot, model->entries[i].sequence)) {
        i++;
    }
    bool is_there = i < model->count && fi_slice_equal(model->entries[i].key, key);
    int rc = fi_column_kind.get(run, key, snapshot, &hit, &value, &err);
    assert_int_equal(rc, is_there ? FIRN_OK : FIRN_NOT_FOUND);
    if (is_there) {
        const struct fi_entry *entry = &model->entries[i];
        struct fi_entry found = {
            .key = key, .value = fi_buf_slice(&value), .sequence = hit.sequence, .kind = hit.kind};
        if (entry->kind == FI_ENTRY_DELETE) {
            found.value = firn_bytes(NULL, 0);
        }
        row_model_compare_entry(entry, &found);
        assert_int_equal(fi_column_kind.get(run, key, snapshot, &hit, NULL, NULL), FIRN_OK);
    } else {
        assert_int_equal(err.code, FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&value);
}

void
column_fixture_check(struct fi_run *run)
{
    firn_error err;
    int rc = fi_column_kind.check(run, row_fixture_fail_on_damage, NULL, NULL, &err);
    if (rc != FIRN_OK) {
        fail_msg("%s", err.text);
    }
}

void
column_fixture_compare_summary(const struct row_model *model, const struct fi_run_summary *summary)
{
    /* What rows would say of the same entries, with bytes counted as columns count them. */
    struct fi_run_summary same = *summary;
    same.content_bytes = 0;
    for (size_t i = 0; i < model->count; i++) {
        same.content_bytes += model->entries[i].key.size + model->entries[i].value.size;
    }
    row_model_compare_summary(model, &same);
}
