/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_winners.c: finds the rows of a range of keys that a snapshot sees, without assembling
 * them.
 *
 * Merging keys. Sources are the row groups of the piece and the memtables. A group is opened when
 * the merge comes to its first key: then its key columns and hidden columns are decoded, block by
 * block. The newest version of each key that the snapshot sees wins, in whichever source it is. A
 * key whose winner is a delete, has expired, or is covered by a newer range delete has no row. Only
 * the place of a winner is kept: row group and row, or the tuple in a memtable, which lives as long
 * as the pieces.
 *
 * Stretches. If the snapshot sees all rows of a plain group, they are taken together up to the
 * first key of another source, at most a block at a time: only the keys at the ends of stretches
 * are assembled.
 *
 * The columns of the rows that are left are read by lsm_winners_read.c.
 *
 * The walk. A cursor (lsm_cursor.c), which shows rows as tuples, handles rare cases: merge
 * operands, runs that cannot be divided, and two versions with one sequence, which is damage. The
 * merge of keys changes to such a walk at the key where it meets the case; batches look the same.
 *
 * Backwards. The keys of the piece are merged forwards, and the winners are returned from the last
 * on. If memtables have too many entries for that, or a cursor is needed, a cursor walks backwards.
 *
 * (I1) Rows of a batch, and batches, are in the order of keys, or in the reverse order; no key
 *      comes twice.
 * (I2) Open sources are at a key that is not below the key of the last winner. Both follow from the
 *      order of keys in runs. Runs come from files, and damage must not abort the program, so
 *      neither is asserted; tests compare batches with cursors.
 *
 * Memory: 40 bytes for each row of a batch, or of the piece when going backwards; one block of each
 * key column for each open group; BATCH_BYTES and one row for a walk. A batch ends when its values
 * have about BATCH_BYTES by the averages of its row groups, so the columns that are read take
 * little more than that and one row.
 *
 * Failure: latched; batches that were returned before are right.
 */
#include "lsm/lsm_winners.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "lsm/lsm_group.h"
#include "lsm/lsm_pieces_internal.h"

enum {
    BATCH_BYTES = 4 << 20,        /* about, of the values of a batch */
    BACKWARDS_ENTRIES = 256 << 10 /* of memtables, at most, for going backwards without a cursor */
};

/* A row group or a memtable that the merge has reached. */
struct fi_lsm_winners_source {
    const struct fi_lsm_pieces_part *part; /* NULL: a memtable */
    uint32_t part_number;
    uint32_t row;
    uint32_t end;
    uint64_t row_bytes; /* of a row group: average size of the values of a row */
    struct fi_lsm_group *group;
    struct fi_memtable_cursor cursor;
    struct fi_buf memory;
    firn_slice key; /* where it stands */
};

/* A version of the key that is looked at. */
struct version {
    bool is_there;
    uint64_t sequence;
    enum fi_entry_kind kind;
    uint64_t expires_ms;
    struct fi_lsm_winner winner;
};

void
fi_lsm_winners_scratch_deinit(struct fi_lsm_winners_scratch *scratch)
{
    fi_buf_deinit(&scratch->numbers);
    fi_buf_deinit(&scratch->bytes);
    fi_chunk_scratch_deinit(&scratch->chunk);
}

/* ==== the merge of keys ==== */

/* ---- sources ---- */

static void
destroy_source(struct fi_lsm_winners_source *source)
{
    if (source == NULL) {
        return;
    }
    if (source->group != NULL) {
        fi_lsm_group_deinit(source->group);
        fi_free(source->group);
    }
    fi_buf_deinit(&source->memory);
    fi_free(source);
}

static struct fi_lsm_winners_source *
make_source(struct fi_lsm_winners *winners, bool has_group)
{
    struct fi_lsm_winners_source *source = winners->spare_count > 0
                                               ? winners->spare[--winners->spare_count]
                                               : fi_alloc_zeroed(sizeof *source);
    if (source == NULL) {
        return NULL;
    }
    source->part = NULL;
    if (has_group && source->group == NULL) {
        source->group = fi_alloc_zeroed(sizeof *source->group);
        if (source->group == NULL) {
            destroy_source(source);
            return NULL;
        }
    }
    return source;
}

/* Reads the key of the source's current row. */
static int
read_key(struct fi_lsm_winners_source *source, firn_error *err)
{
    DCHECK(source->row < source->end);
    int rc = fi_lsm_group_key(source->group, source->row, &source->memory, err);
    source->key = fi_buf_slice(&source->memory);
    return rc;
}

static bool
is_in_piece(const struct fi_lsm_winners *winners, firn_slice key)
{
    return !winners->piece.has_upper || fi_slice_compare(key, winners->piece.upper) < 0;
}

/* Closes the i-th open source. */
static void
close_source(struct fi_lsm_winners *winners, size_t i)
{
    struct fi_lsm_winners_source *source = winners->open[i];
    winners->open[i] = winners->open[--winners->open_count];
    if (source->group != NULL) {
        fi_lsm_group_close(source->group);
    }
    winners->spare[winners->spare_count++] = source;
}

/* Opens the rows of a part that are in the piece. */
static int
place_part(struct fi_lsm_winners *winners, struct fi_lsm_winners_source *source, firn_error *err)
{
    const struct fi_lsm_pieces_part *part = source->part;
    const struct fi_lsm_piece *piece = &winners->piece;
    int rc;
    source->row = 0;
    source->end = part->rows;
    FI_TRY(fi_lsm_group_open(source->group, part->run, part->group, err));
    if (fi_slice_compare(part->lower, piece->lower) < 0) {
        FI_TRY(fi_lsm_group_find(source->group, piece->lower, 0, source->end, &source->memory,
                                 &source->row, err));
    }
    if (!is_in_piece(winners, part->upper)) {
        FI_TRY(fi_lsm_group_find(source->group, piece->upper, source->row, source->end,
                                 &source->memory, &source->end, err));
    }
    if (source->row < source->end) {
        rc = read_key(source, err);
    }
out:
    return rc;
}

/* The average size of the values of a row of a group, in bytes. */
static uint64_t
row_bytes_of(const struct fi_lsm_pieces_part *part)
{
    const struct fi_column_layout *layout = fi_column_layout_of(part->run);
    uint64_t bytes = 0;
    for (size_t i = 0; i < layout->count; i++) {
        struct fi_column_info info;
        if (fi_column_info_of(part->run, part->group, layout->columns[i].id, &info) == FIRN_OK) {
            bytes += info.raw_bytes;
        }
    }
    return part->rows > 0 ? bytes / part->rows : 0;
}

static int
open_part(struct fi_lsm_winners *winners, uint32_t number, firn_error *err)
{
    struct fi_lsm_winners_source *source = make_source(winners, true);
    if (source == NULL) {
        return fi_error_no_memory(err, "a row group");
    }
    source->part = fi_lsm_pieces_part_at(winners->pieces, number);
    source->part_number = number;
    source->row_bytes = row_bytes_of(source->part);
    winners->open[winners->open_count++] = source;
    int rc = place_part(winners, source, err);
    if (rc != FIRN_OK || source->row == source->end) {
        close_source(winners, winners->open_count - 1);
    }
    return rc;
}

static int
open_memtable(struct fi_lsm_winners *winners, const struct fi_memtable *table, firn_error *err)
{
    struct fi_lsm_winners_source *source = make_source(winners, false);
    if (source == NULL) {
        return fi_error_no_memory(err, "a memtable's cursor");
    }
    fi_memtable_cursor_init(&source->cursor, table);
    fi_memtable_cursor_seek(&source->cursor, winners->piece.lower, UINT64_MAX);
    winners->open[winners->open_count++] = source;
    source->key = source->cursor.entry.key;
    if (!source->cursor.is_valid || !is_in_piece(winners, source->key)) {
        close_source(winners, winners->open_count - 1);
    }
    return FIRN_OK;
}

/* Moves the i-th source by some rows, and closes it at its end. */
static int
lsm_winners_advance(struct fi_lsm_winners *winners, size_t i, uint32_t rows, firn_error *err)
{
    struct fi_lsm_winners_source *source = winners->open[i];
    if (source->part == NULL) {
        DCHECK(rows == 1);
        fi_memtable_cursor_next(&source->cursor);
        source->key = source->cursor.entry.key;
        if (!source->cursor.is_valid || !is_in_piece(winners, source->key)) {
            close_source(winners, i);
        }
        return FIRN_OK;
    }
    source->row += rows;
    DCHECK(source->row <= source->end);
    if (source->row == source->end) {
        close_source(winners, i);
        return FIRN_OK;
    }
    return read_key(source, err);
}

/* ---- which source comes next ---- */

/* The next part that overlaps the piece; NULL: there is none. */
static const struct fi_lsm_pieces_part *
peek_part(struct fi_lsm_winners *winners)
{
    size_t count = winners->pieces->is_loose ? 0 : fi_lsm_pieces_part_count(winners->pieces);
    while (winners->next_part < count) {
        const struct fi_lsm_pieces_part *part =
            fi_lsm_pieces_part_at(winners->pieces, winners->next_part);
        if (!is_in_piece(winners, part->lower)) {
            break;
        }
        if (fi_slice_compare(part->upper, winners->piece.lower) >= 0) {
            return part;
        }
        winners->next_part++;
    }
    return NULL;
}

/* The source with the smallest key, and the smallest key of all others; SIZE_MAX: all are at their
 * ends. */
struct choice {
    size_t first;
    const firn_slice *limit; /* NULL: there is no other */
};

static struct choice
choose_open(const struct fi_lsm_winners *winners)
{
    struct choice choice = {.first = SIZE_MAX, .limit = NULL};
    for (size_t i = 0; i < winners->open_count; i++) {
        const firn_slice *key = &winners->open[i]->key;
        if (choice.first == SIZE_MAX) {
            choice.first = i;
        } else if (fi_slice_compare(*key, winners->open[choice.first]->key) < 0) {
            choice.limit = &winners->open[choice.first]->key;
            choice.first = i;
        } else if (choice.limit == NULL || fi_slice_compare(*key, *choice.limit) < 0) {
            choice.limit = key;
        }
    }
    return choice;
}

/* Opens the parts that begin at or before the smallest key. */
static int
lsm_winners_choose(struct fi_lsm_winners *winners, struct choice *out, firn_error *err)
{
    for (;;) {
        *out = choose_open(winners);
        const struct fi_lsm_pieces_part *part = peek_part(winners);
        if (part == NULL) {
            return FIRN_OK;
        }
        if (out->first != SIZE_MAX &&
            fi_slice_compare(part->lower, winners->open[out->first]->key) > 0) {
            if (out->limit == NULL || fi_slice_compare(part->lower, *out->limit) < 0) {
                out->limit = &part->lower;
            }
            return FIRN_OK;
        }
        int rc = open_part(winners, (uint32_t)winners->next_part++, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
}

/* ---- stretches ---- */

/* How many rows, from the source's current one on and at most max, have keys before *limit. */
static int
count_before(struct fi_lsm_winners *winners, struct fi_lsm_winners_source *source,
             const firn_slice *limit, uint32_t max, uint32_t *out, firn_error *err)
{
    uint32_t known = 1; /* this many are certain */
    uint32_t step = 1;
    *out = max;
    if (limit == NULL) {
        return FIRN_OK;
    }
    while (known < max) {
        uint32_t row = source->row + (known + step < max ? known + step : max) - 1;
        FI_TRY_RETURN(fi_lsm_group_key(source->group, row, &winners->other, err));
        if (fi_slice_compare(fi_buf_slice(&winners->other), *limit) >= 0) {
            FI_TRY_RETURN(fi_lsm_group_find(source->group, *limit, source->row + known, row,
                                            &winners->other, &row, err));
            known = row - source->row;
            break;
        }
        known = row + 1 - source->row;
        step *= 2;
    }
    *out = known;
    return FIRN_OK;
}

/* Room for winners, and for BATCH_BYTES of values. */
struct room {
    struct fi_lsm_winner *at;
    size_t count;
    size_t max;
    uint64_t bytes;
};

static void
add_winner(struct room *room, const struct fi_lsm_winner *winner)
{
    DCHECK(room->count < room->max);
    room->at[room->count++] = *winner;
    room->bytes += winner->tuple.size;
}

static bool
may_stretch(const struct fi_lsm_winners *winners, const struct choice *choice)
{
    const struct fi_lsm_winners_source *source = winners->open[choice->first];
    return source->part != NULL && source->part->is_plain && source->part->is_all_seen &&
           winners->pieces->range_count == 0 &&
           (choice->limit == NULL || fi_slice_compare(source->key, *choice->limit) < 0);
}

static int
take_stretch(struct fi_lsm_winners *winners, const struct choice *choice, struct room *room,
             firn_error *err)
{
    struct fi_lsm_winners_source *source = winners->open[choice->first];
    uint32_t max = FI_CHUNK_BLOCK - source->row % FI_CHUNK_BLOCK;
    max = max < source->end - source->row ? max : source->end - source->row;
    max = max < room->max - room->count ? max : (uint32_t)(room->max - room->count);
    uint32_t rows;
    DCHECK(room->bytes < BATCH_BYTES);
    if (source->row_bytes > 0 && (BATCH_BYTES - room->bytes) / source->row_bytes < max) {
        max = (uint32_t)((BATCH_BYTES - room->bytes) / source->row_bytes) + 1;
    }
    DCHECK(max > 0);
    FI_TRY_RETURN(count_before(winners, source, choice->limit, max, &rows, err));
    for (uint32_t i = 0; i < rows; i++) {
        const struct fi_lsm_winner winner = {
            .part = source->part_number, .row = source->row + i, .tuple.size = source->row_bytes};
        add_winner(room, &winner);
    }
    return lsm_winners_advance(winners, choice->first, rows, err);
}

/* ---- one key ---- */

static int
version_at(struct fi_lsm_winners *winners, struct fi_lsm_winners_source *source,
           struct version *out, firn_error *err)
{
    *out = (struct version){.is_there = true};
    if (source->part != NULL) {
        struct fi_lsm_group_row row;
        int rc = fi_lsm_group_row(source->group, source->row, &row, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        out->sequence = row.sequence;
        out->kind = row.kind;
        out->expires_ms = row.expires_ms;
        out->winner = (struct fi_lsm_winner){
            .part = source->part_number, .row = source->row, .tuple.size = source->row_bytes};
    } else {
        const struct fi_entry *entry = &source->cursor.entry;
        out->sequence = entry->sequence;
        out->kind = entry->kind;
        out->winner = (struct fi_lsm_winner){
            .part = FI_LSM_WINNERS_NO_PART, .key = entry->key, .tuple = entry->value};
        if (entry->kind == FI_ENTRY_EXPIRING) {
            out->expires_ms = fi_entry_expires_ms(entry->value);
            out->winner.tuple = fi_entry_expiring_value(entry->value);
        }
    }
    out->is_there = fi_snapshot_sees(winners->pieces->snapshot, out->sequence);
    return FIRN_OK;
}

/* Passes all versions of winners->key in the i-th source; *best is the newest of all sources. */
static int
pass_versions(struct fi_lsm_winners *winners, size_t i, struct version *best, firn_error *err)
{
    const struct fi_lsm_winners_source *source = winners->open[i];
    bool is_found = false;
    while (i < winners->open_count && winners->open[i] == source &&
           fi_slice_equal(source->key, fi_buf_slice(&winners->key))) {
        struct version version = {.is_there = false};
        if (!is_found) {
            FI_TRY_RETURN(version_at(winners, winners->open[i], &version, err));
        }
        if (version.is_there) {
            is_found = true;
            winners->needs_cursor |= best->is_there && best->sequence == version.sequence;
            if (!best->is_there || best->sequence < version.sequence) {
                *best = version;
            }
        }
        FI_TRY_RETURN(lsm_winners_advance(winners, i, 1, err));
    }
    return FIRN_OK;
}

static bool
is_covered(const struct fi_lsm_winners *winners, uint64_t sequence)
{
    const struct fi_lsm_pieces *pieces = winners->pieces;
    for (size_t i = 0; i < pieces->range_count; i++) {
        if (fi_range_set_covering(pieces->ranges[i], fi_buf_slice(&winners->key), pieces->snapshot,
                                  sequence) != 0) {
            return true;
        }
    }
    return false;
}

static int
take_key(struct fi_lsm_winners *winners, const struct choice *choice, struct room *room,
         firn_error *err)
{
    struct version best = {.is_there = false};
    if (fi_buf_assign(&winners->key, winners->open[choice->first]->key) != FIRN_OK) {
        return fi_error_no_memory(err, "a key");
    }
    /* Closing a source moves the last one to its place. */
    for (size_t i = 0; i < winners->open_count;) {
        const struct fi_lsm_winners_source *source = winners->open[i];
        FI_TRY_RETURN(pass_versions(winners, i, &best, err));
        i += i < winners->open_count && winners->open[i] == source;
    }
    winners->needs_cursor |= best.is_there && best.kind == FI_ENTRY_MERGE;
    if (best.is_there && !winners->needs_cursor && best.kind != FI_ENTRY_DELETE &&
        (best.kind != FI_ENTRY_EXPIRING || best.expires_ms > winners->pieces->time_ms) &&
        !is_covered(winners, best.sequence)) {
        add_winner(room, &best.winner);
    }
    return FIRN_OK;
}

/* Fills the room, but stops at the end or at a key that needs a cursor. */
static int
lsm_winners_merge(struct fi_lsm_winners *winners, struct room *room, firn_error *err)
{
    struct choice choice;
    while (room->count < room->max && room->bytes < BATCH_BYTES && !winners->needs_cursor) {
        FI_TRY_RETURN(lsm_winners_choose(winners, &choice, err));
        if (choice.first == SIZE_MAX) {
            winners->is_at_end = true;
            break;
        }
        FI_TRY_RETURN(may_stretch(winners, &choice) ? take_stretch(winners, &choice, room, err)
                                                    : take_key(winners, &choice, room, err));
    }
    return FIRN_OK;
}

/* ==== the walk of a cursor ==== */

static int
begin_walk(struct fi_lsm_winners *winners, firn_error *err)
{
    struct fi_lsm_pieces *pieces = winners->pieces;
    const struct fi_lsm_piece *piece = &winners->piece;
    const firn_slice from = fi_buf_slice(&winners->key);
    bool is_begun = winners->key.size > 0 && !winners->is_descending;
    const struct fi_lsm_cursor_options options = {.snapshot = pieces->snapshot,
                                                  .lower = is_begun ? &from : &piece->lower,
                                                  .upper = piece->has_upper ? &piece->upper : NULL,
                                                  .time_ms = pieces->time_ms};
    DCHECK(winners->cursor == NULL);
    if (pieces->is_loose) { /* a cursor would show rows of runs too */
        return fi_error_set(err, FIRN_UNSUPPORTED, "rows of memtables cannot be read alone");
    }
    fi_lsm_superversion_ref(pieces->state);
    FI_TRY_RETURN(
        fi_lsm_cursor_create_in(pieces->state, pieces->os, &options, &winners->cursor, err));
    winners->is_walking = true;
    return winners->is_descending ? fi_lsm_cursor_last(winners->cursor, err)
                                  : fi_lsm_cursor_first(winners->cursor, err);
}

/* Copies the cursor's row. Pointers to its bytes are set at the end. */
static int
copy_row(struct fi_lsm_winners *winners, firn_error *err)
{
    const struct fi_entry *entry = fi_lsm_cursor_entry(winners->cursor);
    if (fi_buf_append_slice(&winners->bytes, entry->key) != FIRN_OK ||
        fi_buf_append_slice(&winners->bytes, entry->value) != FIRN_OK) {
        return fi_error_no_memory(err, "a row");
    }
    winners->batch[winners->count++] =
        (struct fi_lsm_winner){.part = FI_LSM_WINNERS_NO_PART,
                               .key = firn_bytes(NULL, entry->key.size),
                               .tuple = firn_bytes(NULL, entry->value.size)};
    return FIRN_OK;
}

static int
lsm_winners_walk(struct fi_lsm_winners *winners, firn_error *err)
{
    if (!winners->is_walking) {
        FI_TRY_RETURN(begin_walk(winners, err));
    }
    fi_buf_clear(&winners->bytes);
    while (winners->count < FI_LSM_WINNERS_MAX && winners->bytes.size < BATCH_BYTES &&
           fi_lsm_cursor_valid(winners->cursor)) {
        FI_TRY_RETURN(copy_row(winners, err));
        FI_TRY_RETURN(winners->is_descending ? fi_lsm_cursor_prev(winners->cursor, err)
                                             : fi_lsm_cursor_next(winners->cursor, err));
    }
    const uint8_t *at = winners->bytes.data;
    for (size_t i = 0; i < winners->count; i++) {
        struct fi_lsm_winner *winner = &winners->batch[i];
        winner->key.data = at;
        winner->tuple.data = at + winner->key.size;
        at += winner->key.size + winner->tuple.size;
    }
    winners->is_at_end = !fi_lsm_cursor_valid(winners->cursor);
    return FIRN_OK;
}

/* ==== life ==== */

static int
open_sources(struct fi_lsm_winners *winners, firn_error *err)
{
    struct fi_lsm_pieces *pieces = winners->pieces;
    size_t parts = 0;
    uint64_t entries = 0;
    while (peek_part(winners) != NULL) {
        winners->needs_cursor |= peek_part(winners)->run == NULL;
        winners->next_part++;
        parts++;
    }
    winners->next_part = 0;
    size_t max = parts + pieces->state->memtable_count + 1;
    winners->open = fi_alloc_array(max, sizeof(struct fi_lsm_winners_source *));
    winners->spare = fi_alloc_array(max, sizeof(struct fi_lsm_winners_source *));
    if (winners->open == NULL || winners->spare == NULL) {
        return fi_error_no_memory(err, "the rows of a scan");
    }
    for (size_t i = 0; i < pieces->state->memtable_count && !winners->needs_cursor; i++) {
        const struct fi_memtable *table = pieces->state->memtables[i]->table;
        size_t before = winners->open_count;
        FI_TRY_RETURN(open_memtable(winners, table, err));
        entries += winners->open_count > before ? fi_memtable_entry_count(table) : 0;
    }
    winners->needs_cursor |= winners->is_descending && entries > BACKWARDS_ENTRIES;
    return FIRN_OK;
}

int
fi_lsm_winners_open(struct fi_lsm_pieces *pieces, size_t i, bool is_descending,
                    struct fi_lsm_winners **out, firn_error *err)
{
    struct fi_lsm_winners *winners = fi_alloc_zeroed(sizeof *winners);
    int rc;
    *out = NULL;
    if (winners == NULL) {
        return fi_error_no_memory(err, "the rows of a scan");
    }
    winners->pieces = pieces;
    winners->is_descending = is_descending;
    winners->key_part = FI_LSM_WINNERS_NO_PART;
    fi_lsm_pieces_at(pieces, i, &winners->piece);
    FI_TRY(open_sources(winners, err));
    *out = winners;
    winners = NULL;
out:
    fi_lsm_winners_close(winners);
    return rc;
}

void
fi_lsm_winners_close(struct fi_lsm_winners *winners)
{
    if (winners == NULL) {
        return;
    }
    for (size_t i = 0; i < winners->open_count; i++) {
        destroy_source(winners->open[i]);
    }
    for (size_t i = 0; i < winners->spare_count; i++) {
        destroy_source(winners->spare[i]);
    }
    fi_free(winners->open);
    fi_free(winners->spare);
    fi_lsm_cursor_destroy(winners->cursor);
    if (winners->key_group != NULL) {
        fi_lsm_group_deinit(winners->key_group);
        fi_free(winners->key_group);
    }
    fi_buf_deinit(&winners->key);
    fi_buf_deinit(&winners->other);
    fi_buf_deinit(&winners->bytes);
    fi_buf_deinit(&winners->all);
    fi_buf_deinit(&winners->key_memory);
    fi_free(winners);
}

/* ==== batches ==== */

/* All winners of the piece. */
static int
lsm_winners_gather(struct fi_lsm_winners *winners, firn_error *err)
{
    while (!winners->is_at_end && !winners->needs_cursor) {
        struct room room = {.at = winners->batch, .max = FI_LSM_WINNERS_MAX};
        FI_TRY_RETURN(lsm_winners_merge(winners, &room, err));
        if (fi_buf_append(&winners->all, winners->batch,
                          room.count * sizeof(struct fi_lsm_winner)) != FIRN_OK) {
            return fi_error_no_memory(err, "the rows of a scan");
        }
    }
    winners->is_gathered = true;
    winners->left = winners->all.size / sizeof(struct fi_lsm_winner);
    return FIRN_OK;
}

static int
next_backwards(struct fi_lsm_winners *winners, firn_error *err)
{
    if (!winners->is_gathered) {
        FI_TRY_RETURN(lsm_winners_gather(winners, err));
    }
    if (winners->needs_cursor) {
        fi_buf_deinit(&winners->all);
        return lsm_winners_walk(winners, err);
    }
    const struct fi_lsm_winner *all = (const struct fi_lsm_winner *)(const void *)winners->all.data;
    struct room room = {.at = winners->batch, .max = FI_LSM_WINNERS_MAX};
    while (winners->left > 0 && room.count < room.max && room.bytes < BATCH_BYTES) {
        add_winner(&room, &all[--winners->left]);
    }
    winners->count = room.count;
    return FIRN_OK;
}

static int
next_forwards(struct fi_lsm_winners *winners, firn_error *err)
{
    if (!winners->needs_cursor) {
        struct room room = {.at = winners->batch, .max = FI_LSM_WINNERS_MAX};
        int rc = lsm_winners_merge(winners, &room, err);
        winners->count = room.count;
        if (rc != FIRN_OK || room.count > 0 || !winners->needs_cursor) {
            return rc;
        }
    }
    return winners->is_walking && winners->is_at_end ? FIRN_OK : lsm_winners_walk(winners, err);
}

int
fi_lsm_winners_next(struct fi_lsm_winners *winners, size_t *out_count, firn_error *err)
{
    *out_count = 0;
    winners->count = 0;
    if (winners->failure != FIRN_OK) {
        return fi_error_set(err, winners->failure, "the scan has failed before");
    }
    winners->failure =
        winners->is_descending ? next_backwards(winners, err) : next_forwards(winners, err);
    if (winners->failure != FIRN_OK) {
        winners->count = 0;
        return winners->failure;
    }
    *out_count = winners->count;
    return FIRN_OK;
}

int
fi_lsm_winners_key(struct fi_lsm_winners *winners, size_t k, firn_slice *out, firn_error *err)
{
    DCHECK(k < winners->count);
    const struct fi_lsm_winner *winner = &winners->batch[k];
    if (winner->part == FI_LSM_WINNERS_NO_PART) {
        *out = winner->key;
        return FIRN_OK;
    }
    if (winners->key_group == NULL) {
        winners->key_group = fi_alloc_zeroed(sizeof *winners->key_group);
        if (winners->key_group == NULL) {
            return fi_error_no_memory(err, "a row group");
        }
    }
    if (winners->key_part != winner->part || !winners->key_group->is_open) {
        const struct fi_lsm_pieces_part *part =
            fi_lsm_pieces_part_at(winners->pieces, winner->part);
        winners->key_part = FI_LSM_WINNERS_NO_PART;
        FI_TRY_RETURN(fi_lsm_group_open(winners->key_group, part->run, part->group, err));
        winners->key_part = winner->part;
    }
    FI_TRY_RETURN(fi_lsm_group_key(winners->key_group, winner->row, &winners->key_memory, err));
    *out = fi_buf_slice(&winners->key_memory);
    return FIRN_OK;
}
