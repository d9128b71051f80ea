/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a tree of columns, and scans of it by pieces compared with a cursor.
 */
#include "pieces_fixture.h"

#include "base/mem.h"
#include "base/slice.h"
#include "column/column.h"
#include "lsm/lsm_internal.h"
#include "row/row.h"
#include "support/test_os.h"

struct pieces_met pieces_met;
uint32_t pieces_group_rows = 8;

static const uint8_t initial_text[] = "what there was before";

const struct fi_column_def pieces_columns[PIECES_COLUMNS] = {
    {.id = 1, .type = FIRN_TYPE_I32},
    {.id = 2, .type = FIRN_TYPE_TEXT},
    {.id = 3, .type = FIRN_TYPE_I64},
    {.id = 4, .type = FIRN_TYPE_TEXT},
    {.id = 5, .type = FIRN_TYPE_F32},
    {.id = 7, .type = FIRN_TYPE_UUID, .fixed_size = 16},
    {.id = 8,
     .type = FIRN_TYPE_TEXT,
     .initial = {.kind = FI_PHYSICAL_BYTES, .as.bytes = {initial_text, 21}}},
};
static const uint32_t key_columns[] = {1, 2};

/* ---- the kind: columns in small groups ---- */

static struct fi_run_kind small_kind;
static const struct fi_run_kind *const kinds[] = {&fi_row_kind, &small_kind, NULL};

static int
create_builder(const struct fi_run_env *env, const char *name,
               const struct fi_run_builder_options *options, struct fi_run_builder **out,
               firn_error *err)
{
    struct fi_run_builder_options own = *options;
    own.group_rows = pieces_group_rows;
    return fi_column_kind.builder_create(env, name, &own, out, err);
}

static int
take_layout(void *ctx, uint32_t tree_id, struct fi_column_layout **out, firn_error *err)
{
    struct pieces_fixture *fixture = ctx;
    (void)tree_id;
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "a layout");
    }
    **out = (struct fi_column_layout){.columns = pieces_columns,
                                      .count = fixture->column_count,
                                      .key = key_columns,
                                      .key_count = 2};
    return FIRN_OK;
}

void
pieces_fixture_init(struct pieces_fixture *fixture, struct fi_os *os)
{
    firn_error err;
    small_kind = fi_column_kind;
    small_kind.builder_create = create_builder;
    fixture_init(&fixture->base, os);
    fixture->column_count = PIECES_COLUMNS - 1;
    fixture->time_ms = 1000;
    fixture->base.options.kinds = kinds;
    fixture->base.options.host.take_layout = take_layout;
    fixture->base.tree_kinds[0] = &small_kind;
    TEST_OK(fixture_open(&fixture->base, &err), &err);
}

void
pieces_fixture_deinit(struct pieces_fixture *fixture)
{
    fixture_deinit(&fixture->base);
}

struct fi_lsm_tree *
pieces_fixture_tree(struct pieces_fixture *fixture)
{
    return fixture->base.trees[0];
}

/* ---- writing ---- */

void
pieces_fixture_key(unsigned key, struct fi_buf *out)
{
    char text[16];
    int size = snprintf(text, sizeof text, "k%u", key % 5);
    const struct fi_cell number = {.kind = FI_PHYSICAL_I64,
                                   .as.i64 = (int64_t)(key / 5) - PIECES_KEYS / 10};
    const struct fi_cell name = {.kind = FI_PHYSICAL_BYTES,
                                 .as.bytes = firn_bytes(text, (size_t)size)};
    fi_buf_clear(out);
    assert_int_equal(fi_tuple_key_add(out, FIRN_TYPE_I32, false, &number), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(out, FIRN_TYPE_TEXT, false, &name), FIRN_OK);
}

/* Values follow from the key and the sequence. */
static struct fi_cell
make_cell(const struct pieces_fixture *fixture, unsigned key, size_t column, char text[64])
{
    uint64_t seed = fixture->base.sequence * 31 + key * 7 + column;
    struct fi_cell cell = {.kind = fi_physical_of(pieces_columns[column].type)};
    if (seed % 6 == 0) {
        cell.kind = FI_PHYSICAL_NONE;
    } else if (cell.kind == FI_PHYSICAL_I64) {
        cell.as.i64 = (int64_t)(seed % 1000) - 500;
    } else if (cell.kind == FI_PHYSICAL_F32) {
        cell.as.f32 = (float)(seed % 100) / 4;
    } else {
        (void)snprintf(text, 64, "%016llu and some text that is longer",
                       (unsigned long long)seed % 100000);
        size_t size = pieces_columns[column].fixed_size;
        cell.as.bytes = firn_bytes(text, size != 0 ? size : seed % 50);
    }
    return cell;
}

static void
make_tuple(const struct pieces_fixture *fixture, unsigned key, struct fi_buf *out)
{
    struct fi_tuple_writer writer;
    fi_tuple_begin(&writer, out);
    for (size_t i = 2; i < fixture->column_count; i++) {
        char text[64];
        struct fi_cell cell = make_cell(fixture, key, i, text);
        fi_tuple_add(&writer, pieces_columns[i].id, &cell);
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
}

static void
apply(struct pieces_fixture *fixture, enum fi_entry_kind kind, unsigned key, firn_slice value)
{
    firn_error err;
    struct fi_buf encoded = {0};
    const struct fi_lsm_place place = {.segment = 1};
    pieces_fixture_key(key, &encoded);
    const struct fi_entry entry = {.key = fi_buf_slice(&encoded),
                                   .value = value,
                                   .sequence = fixture->base.sequence,
                                   .kind = kind};
    TEST_OK(fi_lsm_tree_apply(pieces_fixture_tree(fixture), &entry, &place, &err), &err);
    fi_buf_deinit(&encoded);
}

static void
apply_row(struct pieces_fixture *fixture, enum fi_entry_kind kind, unsigned key, const void *head,
          size_t head_size)
{
    struct fi_buf value = {0};
    fixture->base.sequence++;
    assert_int_equal(fi_buf_append(&value, head, head_size), FIRN_OK);
    make_tuple(fixture, key, &value);
    apply(fixture, kind, key, fi_buf_slice(&value));
    fi_buf_deinit(&value);
}

void
pieces_fixture_put(struct pieces_fixture *fixture, unsigned key)
{
    apply_row(fixture, FI_ENTRY_PUT, key, "", 0);
}

void
pieces_fixture_put_until(struct pieces_fixture *fixture, unsigned key, uint64_t expires_ms)
{
    uint8_t head[8];
    fi_store_le64(head, expires_ms);
    apply_row(fixture, FI_ENTRY_EXPIRING, key, head, sizeof head);
}

/* Appends columns that nobody has, or makes a row where there is none. */
void
pieces_fixture_merge(struct pieces_fixture *fixture, unsigned key)
{
    const uint8_t head = FIRN_MERGE_APPEND;
    apply_row(fixture, FI_ENTRY_MERGE, key, &head, 1);
}

void
pieces_fixture_delete(struct pieces_fixture *fixture, unsigned key)
{
    fixture->base.sequence++;
    apply(fixture, FI_ENTRY_DELETE, key, firn_bytes(NULL, 0));
}

void
pieces_fixture_delete_range(struct pieces_fixture *fixture, unsigned lower, unsigned upper)
{
    struct fi_buf encoded = {0};
    fixture->base.sequence++;
    pieces_fixture_key(upper, &encoded);
    apply(fixture, FI_ENTRY_RANGE_DELETE, lower, fi_buf_slice(&encoded));
    fi_buf_deinit(&encoded);
}

void
pieces_fixture_flush(struct pieces_fixture *fixture)
{
    firn_error err;
    TEST_OK(fixture_flush(&fixture->base, &err), &err);
}

void
pieces_fixture_work(struct pieces_fixture *fixture)
{
    firn_error err;
    TEST_OK(fixture_work(&fixture->base, false, &err), &err);
}

void
pieces_fixture_load(struct pieces_fixture *fixture, unsigned first, unsigned last)
{
    firn_error err;
    struct fi_compaction_load *load;
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    pieces_fixture_flush(fixture);
    fixture->base.sequence++;
    TEST_OK(fi_compaction_load_create(pieces_fixture_tree(fixture), &load, &err), &err);
    for (unsigned i = first; i < last; i++) {
        pieces_fixture_key(i, &key);
        fi_buf_clear(&value);
        make_tuple(fixture, i, &value);
        const struct fi_entry entry = {.key = fi_buf_slice(&key),
                                       .value = fi_buf_slice(&value),
                                       .sequence = fixture->base.sequence,
                                       .kind = FI_ENTRY_PUT};
        TEST_OK(fi_compaction_load_add(load, &entry, &err), &err);
    }
    TEST_OK(fi_compaction_load_finish(load, &err), &err);
    fi_compaction_load_hold(load);
    bool is_certain;
    TEST_OK(fi_compaction_load_install(&load, 1, &is_certain, &err), &err);
    fi_compaction_load_release(load);
    fi_compaction_load_destroy(load);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

/* ---- what a cursor shows ---- */

struct shown {
    struct fi_buf rows; /* of struct shown_row */
};
struct shown_row {
    struct fi_buf key;
    struct fi_buf tuple;
};

static void
show(struct pieces_fixture *fixture, const struct fi_lsm_pieces_options *options, struct shown *out)
{
    firn_error err;
    struct fi_lsm_cursor *cursor;
    const struct fi_lsm_cursor_options cursor_options = {.snapshot = options->snapshot,
                                                         .lower = options->lower,
                                                         .upper = options->upper,
                                                         .time_ms = options->time_ms};
    *out = (struct shown){{0}};
    TEST_OK(fi_lsm_cursor_create(pieces_fixture_tree(fixture), &cursor_options, &cursor, &err),
            &err);
    TEST_OK(fi_lsm_cursor_first(cursor, &err), &err);
    while (fi_lsm_cursor_valid(cursor)) {
        const struct fi_entry *entry = fi_lsm_cursor_entry(cursor);
        struct shown_row row = {.key = {0}};
        assert_int_equal(fi_buf_append_slice(&row.key, entry->key), FIRN_OK);
        assert_int_equal(fi_buf_append_slice(&row.tuple, entry->value), FIRN_OK);
        assert_int_equal(fi_buf_append(&out->rows, &row, sizeof row), FIRN_OK);
        TEST_OK(fi_lsm_cursor_next(cursor, &err), &err);
    }
    fi_lsm_cursor_destroy(cursor);
}

static size_t
shown_count(const struct shown *shown)
{
    return shown->rows.size / sizeof(struct shown_row);
}

static const struct shown_row *
shown_at(const struct shown *shown, size_t i)
{
    assert_true(i < shown_count(shown));
    return (const struct shown_row *)(const void *)shown->rows.data + i;
}

static void
shown_deinit(struct shown *shown)
{
    for (size_t i = 0; i < shown_count(shown); i++) {
        struct shown_row *row = (struct shown_row *)(void *)shown->rows.data + i;
        fi_buf_deinit(&row->key);
        fi_buf_deinit(&row->tuple);
    }
    fi_buf_deinit(&shown->rows);
}

/* What a column of a shown row is; bytes may lie in memory. */
static struct fi_cell
shown_cell(const struct shown_row *row, const struct fi_column_def *column, struct fi_buf *memory)
{
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    firn_slice key = fi_buf_slice(&row->key);
    fi_buf_clear(memory);
    for (uint32_t id = 1; id <= 2 && id <= column->id && column->id <= 2; id++) {
        assert_int_equal(fi_tuple_key_read(&key, pieces_columns[id - 1].type, false, memory, &cell),
                         FIRN_OK);
    }
    if (column->id > 2) {
        int rc = fi_tuple_find(fi_buf_slice(&row->tuple), column->id, &cell);
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        cell = rc == FIRN_OK ? cell : column->initial;
    }
    return cell;
}

static void
assert_value(const struct fi_chunk_values *values, size_t i, const struct fi_cell *cell)
{
    assert_true(i < values->count);
    bool is_null = values->valid != NULL && (values->valid[i / 64] >> i % 64 & 1) == 0;
    assert_int_equal(is_null, cell->kind == FI_PHYSICAL_NONE);
    if (is_null) {
        return;
    }
    assert_int_equal(values->kind, cell->kind);
    if (cell->kind == FI_PHYSICAL_BYTES) {
        assert_true(fi_slice_equal(values->as.bytes[i], cell->as.bytes));
    } else if (cell->kind == FI_PHYSICAL_F32) {
        assert_memory_equal(&values->as.f32[i], &cell->as.f32, sizeof(float));
    } else {
        assert_int_equal(values->as.i64[i], cell->as.i64);
    }
}

/* ---- direct pieces ---- */

static void
compare_direct_column(const struct fi_lsm_piece *piece, uint32_t first, uint32_t count,
                      const struct fi_column_def *column, const struct shown *shown, size_t at)
{
    firn_error err;
    struct fi_column_pin pin;
    struct fi_chunk_scratch scratch = {.numbers = {0}};
    struct fi_chunk_values values = {.count = 0};
    struct fi_buf memory = {0};
    int rc =
        fi_column_pin_chunk(piece->run, piece->group, column->id, FI_BLOCK_CACHE_SCAN, &pin, &err);
    assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && column->id == 8));
    size_t block = SIZE_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct fi_cell cell = shown_cell(shown_at(shown, at + i), column, &memory);
        if (rc == FIRN_NOT_FOUND) {
            assert_true(fi_slice_equal(cell.as.bytes, column->initial.as.bytes));
            continue;
        }
        uint32_t row = first + i;
        if (row / FI_CHUNK_BLOCK != block) {
            block = row / FI_CHUNK_BLOCK;
            TEST_OK(fi_chunk_read_block(&pin.chunk, block, NULL, &scratch, &values, &err), &err);
        }
        assert_value(&values, row % FI_CHUNK_BLOCK, &cell);
    }
    fi_column_read_unpin(&pin);
    fi_chunk_scratch_deinit(&scratch);
    fi_buf_deinit(&memory);
}

static size_t
compare_direct(struct fi_lsm_pieces *pieces, size_t i, const struct shown *shown, size_t at)
{
    firn_error err;
    struct fi_lsm_piece piece;
    uint32_t first;
    uint32_t count;
    fi_lsm_pieces_at(pieces, i, &piece);
    TEST_OK(fi_lsm_pieces_rows(pieces, i, &first, &count, &err), &err);
    assert_true(count <= piece.rows_max);
    pieces_met.direct++;
    pieces_met.cut += count < piece.rows_max;
    for (size_t column = 0; column < PIECES_COLUMNS && count > 0; column++) {
        compare_direct_column(&piece, first, count, &pieces_columns[column], shown, at);
    }
    return count;
}

/* ---- winners ---- */

static void
compare_batch(struct fi_lsm_winners *winners, size_t count, const struct shown *shown, size_t at,
              int step)
{
    firn_error err;
    struct fi_lsm_winners_scratch scratch = {.numbers = {0}};
    struct fi_chunk_values values;
    struct fi_buf memory = {0};
    uint64_t wanted[FI_CHUNK_MASK_WORDS];
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        wanted[i] = UINT64_C(0xdb6db6db6db6db6d);
    }
    for (size_t column = 0; column < 2 * PIECES_COLUMNS; column++) {
        const struct fi_column_def *def = &pieces_columns[column % PIECES_COLUMNS];
        const uint64_t *mask = column < PIECES_COLUMNS ? NULL : wanted;
        TEST_OK(fi_lsm_winners_read(winners, def, mask, &scratch, &values, &err), &err);
        assert_int_equal(values.count, count);
        assert_int_equal(values.fixed_size, def->fixed_size);
        for (size_t k = 0; k < count; k++) {
            size_t row = step > 0 ? at + k : at - k;
            struct fi_cell cell = shown_cell(shown_at(shown, row), def, &memory);
            if (mask == NULL || (mask[k / 64] >> k % 64 & 1) != 0) {
                assert_value(&values, k, &cell);
            }
        }
    }
    for (size_t k = 0; k < count; k++) {
        firn_slice key;
        TEST_OK(fi_lsm_winners_key(winners, k, &key, &err), &err);
        size_t row = step > 0 ? at + k : at - k;
        assert_true(fi_slice_equal(key, fi_buf_slice(&shown_at(shown, row)->key)));
    }
    fi_lsm_winners_scratch_deinit(&scratch);
    fi_buf_deinit(&memory);
}

/* From row `at` on; how many rows there were. Descending: the rows before `at`. */
static size_t
compare_winners(struct fi_lsm_pieces *pieces, size_t i, bool is_descending,
                const struct shown *shown, size_t at)
{
    firn_error err;
    struct fi_lsm_winners *winners;
    size_t count;
    size_t total = 0;
    TEST_OK(fi_lsm_winners_open(pieces, i, is_descending, &winners, &err), &err);
    do {
        TEST_OK(fi_lsm_winners_next(winners, &count, &err), &err);
        assert_true(count <= FI_LSM_WINNERS_MAX);
        if (is_descending) {
            assert_true(total + count <= at);
        } else {
            assert_true(at + total + count <= shown_count(shown));
        }
        if (count > 0) {
            compare_batch(winners, count, shown, is_descending ? at - total - 1 : at + total,
                          is_descending ? -1 : 1);
        }
        total += count;
    } while (count > 0);
    TEST_OK(fi_lsm_winners_next(winners, &count, &err), &err);
    assert_int_equal(count, 0);
    fi_lsm_winners_close(winners);
    return total;
}

static void
assert_order(const struct fi_lsm_piece *before, const struct fi_lsm_piece *piece)
{
    assert_true(before->has_upper);
    assert_true(fi_slice_compare(before->upper, piece->lower) <= 0);
}

void
pieces_fixture_compare(struct pieces_fixture *fixture, const struct fi_lsm_pieces_options *options)
{
    firn_error err;
    struct shown shown;
    struct fi_lsm_pieces *pieces;
    size_t at = 0;
    struct fi_lsm_piece before = {.run = NULL};
    show(fixture, options, &shown);
    TEST_OK(fi_lsm_pieces_open(pieces_fixture_tree(fixture), options, &pieces, &err), &err);
    for (size_t i = 0; i < fi_lsm_pieces_count(pieces); i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        if (i > 0) {
            assert_order(&before, &piece);
        }
        before = piece;
        size_t rows = compare_winners(pieces, i, false, &shown, at);
        assert_true(rows <= piece.rows_max);
        if (piece.run != NULL) {
            assert_int_equal(compare_direct(pieces, i, &shown, at), rows);
        } else {
            pieces_met.merged++;
        }
        at += rows;
        assert_int_equal(compare_winners(pieces, i, true, &shown, at), rows);
    }
    assert_int_equal(at, shown_count(&shown));
    pieces_met.rows += at;
    fi_lsm_pieces_close(pieces);
    shown_deinit(&shown);
}

/* ---- the proof ---- */

/* All parts of a tree are gone through, version by version: memtables and runs, history included that the
 * view may read something of. */
struct proof {
    struct fi_lsm_piece piece;
    struct fi_column_group group;
    const struct fi_snapshot *snapshot;
    uint64_t seen; /* versions within the piece */
};

static bool
prove_entry(struct proof *proof, const struct fi_entry *entry)
{
    if (fi_slice_compare(entry->key, proof->piece.upper) >= 0) {
        return false;
    }
    if (fi_snapshot_sees(proof->snapshot, entry->sequence)) {
        assert_int_equal(entry->kind, FI_ENTRY_PUT);
        proof->seen++;
    }
    return true;
}

static int
prove_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    const struct proof *proof = ctx;
    (void)err;
    assert_true(!fi_snapshot_sees(proof->snapshot, range->sequence) ||
                range->sequence <= proof->group.sequence_min);
    return FIRN_OK;
}

static int
prove_part(void *ctx, const struct fi_lsm_part *part, firn_error *err)
{
    struct proof *proof = ctx;
    const struct fi_range_set *ranges;
    if (part->memtable != NULL) {
        struct fi_memtable_cursor cursor;
        fi_memtable_cursor_init(&cursor, part->memtable);
        fi_memtable_cursor_seek(&cursor, proof->piece.lower, UINT64_MAX);
        while (cursor.is_valid && prove_entry(proof, &cursor.entry)) {
            fi_memtable_cursor_next(&cursor);
        }
        ranges = fi_memtable_ranges(part->memtable);
    } else {
        struct fi_run_cursor *cursor;
        const struct fi_run_kind *kind = part->run->kind;
        TEST_OK(kind->cursor_create(part->run, NULL, &cursor, err), err);
        TEST_OK(kind->cursor_seek(cursor, proof->piece.lower, UINT64_MAX, err), err);
        while (cursor->is_valid && prove_entry(proof, &cursor->entry)) {
            TEST_OK(kind->cursor_next(cursor, err), err);
        }
        kind->cursor_destroy(cursor);
        ranges = kind->ranges(part->run);
    }
    return fi_range_set_visit(ranges, &proof->piece.lower, &proof->piece.upper, prove_range, proof,
                              err);
}

static void
prove_piece(struct pieces_fixture *fixture, const struct fi_snapshot *snapshot,
            struct fi_lsm_pieces *pieces, size_t i)
{
    firn_error err;
    struct proof proof = {.snapshot = snapshot};
    uint32_t first;
    uint32_t count;
    fi_lsm_pieces_at(pieces, i, &proof.piece);
    fi_column_group_at(proof.piece.run, proof.piece.group, &proof.group);
    TEST_OK(fi_lsm_pieces_rows(pieces, i, &first, &count, &err), &err);
    TEST_OK(
        fi_lsm_tree_visit_parts(pieces_fixture_tree(fixture), snapshot, prove_part, &proof, &err),
        &err);
    assert_int_equal(proof.seen, count);
    pieces_met.direct++;
}

void
pieces_fixture_prove(struct pieces_fixture *fixture, const struct fi_lsm_pieces_options *options)
{
    firn_error err;
    struct fi_lsm_pieces *pieces;
    TEST_OK(fi_lsm_pieces_open(pieces_fixture_tree(fixture), options, &pieces, &err), &err);
    for (size_t i = 0; i < fi_lsm_pieces_count(pieces); i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        if (piece.run != NULL) {
            prove_piece(fixture, options->snapshot, pieces, i);
        }
    }
    fi_lsm_pieces_close(pieces);
}

/* ---- reading that may fail ---- */

static int
read_columns(struct fi_lsm_winners *winners, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_lsm_winners_scratch scratch = {.numbers = {0}};
    struct fi_chunk_values values;
    firn_slice key;
    for (size_t i = 0; i < PIECES_COLUMNS && rc == FIRN_OK; i++) {
        rc = fi_lsm_winners_read(winners, &pieces_columns[i], NULL, &scratch, &values, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_lsm_winners_key(winners, 0, &key, err);
    }
    fi_lsm_winners_scratch_deinit(&scratch);
    return rc;
}

static int
read_piece(struct fi_lsm_pieces *pieces, size_t i, bool is_descending, uint64_t *rows,
           firn_error *err)
{
    struct fi_lsm_piece piece;
    struct fi_lsm_winners *winners = NULL;
    size_t count;
    int rc = FIRN_OK;
    fi_lsm_pieces_at(pieces, i, &piece);
    if (piece.run != NULL) {
        uint32_t first;
        uint32_t in_group;
        FI_TRY(fi_lsm_pieces_rows(pieces, i, &first, &in_group, err));
    }
    FI_TRY(fi_lsm_winners_open(pieces, i, is_descending, &winners, err));
    do {
        FI_TRY(fi_lsm_winners_next(winners, &count, err));
        if (count > 0) {
            FI_TRY(read_columns(winners, err));
        }
        *rows += count;
    } while (count > 0);
out:
    fi_lsm_winners_close(winners);
    return rc;
}

int
pieces_fixture_read(struct pieces_fixture *fixture, const struct fi_lsm_pieces_options *options,
                    bool is_descending, uint64_t *out_rows, firn_error *err)
{
    struct fi_lsm_pieces *pieces = NULL;
    int rc;
    *out_rows = 0;
    FI_TRY(fi_lsm_pieces_open(pieces_fixture_tree(fixture), options, &pieces, err));
    for (size_t i = 0; i < fi_lsm_pieces_count(pieces); i++) {
        FI_TRY(read_piece(pieces, i, is_descending, out_rows, err));
    }
out:
    fi_lsm_pieces_close(pieces);
    return rc;
}
