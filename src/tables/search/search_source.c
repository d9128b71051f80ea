/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_source.c: the runs of a search that have a source of near rows, and which of their rows may be found.
 *
 * Threads note rows while they read what the condition needs; afterwards one thread asks each source, and reads the keys of
 * the rows that it named.
 *
 * (S2) A row is allowed only if it lay in a batch, or a piece, that was read as it lies: it is the version that the view sees.
 *
 * Locking: bits of rows are set by atomic operations, because a word may have rows of two groups. They are read when
 * all threads have ended.
 */
#include "search/search_source.h"

#include "base/check.h"
#include "base/mem.h"
#include "column/column.h"
#include "lsm/lsm_pieces.h"
#include "search/search_internal.h"

struct part {
    struct firn_run *run;
    void *source; /* NULL: none */
    uint64_t
        *firsts; /* the number of the first row of each group, and one more: that of all rows */
    size_t groups;
    uint64_t *allowed; /* written by __atomic functions alone while threads visit */
};

struct firn_search_source_set {
    const struct firn_search_sources *from;
    struct part *parts;
    size_t count;
    size_t capacity;
};

/* ---- which runs ---- */

static int
open_part(const struct firn_search_source_set *set, struct part *part, uint32_t column,
          enum firn_vector_metric metric, firn_error *err)
{
    int rc = set->from->open(set->from->ctx, part->run, column, metric, &part->source, err);
    if (rc != FIRN_OK || part->source == NULL) {
        return rc;
    }
    part->groups = firn_column_group_count(part->run);
    part->firsts = firn_alloc_array(part->groups + 1, sizeof part->firsts[0]);
    uint64_t rows = 0;
    for (size_t i = 0; part->firsts != NULL && i < part->groups; i++) {
        struct firn_column_group group;
        firn_column_group_at(part->run, i, &group);
        part->firsts[i] = rows;
        rows += group.rows;
    }
    if (part->firsts != NULL) {
        part->firsts[part->groups] = rows;
        part->allowed = firn_alloc_zeroed((size_t)(rows / 64 + 1) * sizeof part->allowed[0]);
    }
    return part->firsts != NULL && part->allowed != NULL ? FIRN_OK
                                                         : firn_error_no_memory(err, "a search");
}

static struct part *
find_part(struct firn_search_source_set *set, const struct firn_run *run)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->parts[i].run == run) {
            return &set->parts[i];
        }
    }
    return NULL;
}

int
firn_search_source_open(const struct firn_search_request *request, uint32_t column,
                        const struct firn_lsm_pieces *pieces, struct firn_search_source_set **out,
                        firn_error *err)
{
    const size_t count = pieces != NULL ? firn_lsm_pieces_count(pieces) : 0;
    bool has_any = false;
    int rc = FIRN_OK;
    *out = NULL;
    if (request->sources == NULL || count == 0) {
        return FIRN_OK;
    }
    struct firn_search_source_set *set = firn_alloc_zeroed(sizeof *set);
    if (set == NULL) {
        return firn_error_no_memory(err, "a search");
    }
    set->from = request->sources;
    for (size_t i = 0; i < count; i++) {
        struct firn_lsm_piece piece;
        firn_lsm_pieces_at(pieces, i, &piece);
        if (piece.run == NULL || find_part(set, piece.run) != NULL) {
            continue;
        }
        struct part *parts =
            firn_grow_array(set->parts, set->count + 1, &set->capacity, sizeof *parts);
        if (parts == NULL) {
            rc = firn_error_no_memory(err, "a search");
            goto out;
        }
        set->parts = parts;
        parts[set->count] = (struct part){.run = piece.run};
        FIRN_TRY(open_part(set, &parts[set->count++], column, request->metric, err));
        has_any = has_any || parts[set->count - 1].source != NULL;
    }
    if (has_any) {
        *out = set;
        set = NULL;
    }
out:
    firn_search_source_close(set);
    return rc;
}

void
firn_search_source_close(struct firn_search_source_set *set)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (set->parts[i].source != NULL) {
            set->from->close(set->from->ctx, set->parts[i].source);
        }
        firn_free(set->parts[i].firsts);
        firn_free(set->parts[i].allowed);
    }
    if (set != NULL) {
        firn_free(set->parts);
        firn_free(set);
    }
}

/* ---- which rows ---- */

/* Sets `bits` from row number `row` on. */
static void
allow(struct part *part, uint64_t row, uint64_t bits)
{
    const unsigned shift = (unsigned)(row % 64);
    if (bits != 0) {
        (void)__atomic_fetch_or(&part->allowed[row / 64], bits << shift, __ATOMIC_RELAXED);
    }
    if (shift != 0 && bits >> (64 - shift) != 0) {
        (void)__atomic_fetch_or(&part->allowed[row / 64 + 1], bits >> (64 - shift),
                                __ATOMIC_RELAXED);
    }
}

static struct part *
part_with_source(struct firn_search_source_set *set, const struct firn_run *run)
{
    struct part *part = set != NULL ? find_part(set, run) : NULL;
    return part != NULL && part->source != NULL ? part : NULL;
}

bool
firn_search_source_note(struct firn_search_source_set *set, const struct firn_run *run,
                        size_t group, size_t row, const uint64_t *wanted)
{
    struct part *part = part_with_source(set, run);
    if (part == NULL) {
        return false;
    }
    DCHECK(group < part->groups);
    for (size_t i = 0; i < FIRN_CHUNK_MASK_WORDS; i++) {
        allow(part, part->firsts[group] + row + i * 64, wanted[i]);
    }
    return true;
}

bool
firn_search_source_note_all(struct firn_search_source_set *set, const struct firn_run *run,
                            size_t group, size_t row, size_t count)
{
    struct part *part = part_with_source(set, run);
    if (part == NULL) {
        return false;
    }
    DCHECK(group < part->groups);
    for (size_t i = 0; i < count; i += 64) {
        const size_t left = count - i;
        allow(part, part->firsts[group] + row + i,
              left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX);
    }
    return true;
}

/* ---- asking ---- */

/* The encoded key of a row. */
static int
encode_key(const struct part *part, const struct firn_schema *schema, uint64_t row,
           struct firn_buf *out, firn_error *err)
{
    size_t group = 0;
    struct firn_column_pin pin = {.cache = NULL};
    struct firn_chunk_scratch scratch = {0};
    struct firn_buf large = {0};
    int rc = FIRN_OK;
    while (part->firsts[group + 1] <= row) {
        group++;
    }
    const size_t at = (size_t)(row - part->firsts[group]);
    firn_buf_clear(out);
    for (size_t i = 0; i < schema->key_count; i++) {
        const struct firn_schema_column *column = &schema->columns[schema->key_places[i]];
        struct firn_cell cell;
        rc = firn_column_pin_chunk(part->run, group, column->id, FIRN_BLOCK_CACHE_DATA, &pin, err);
        if (rc == FIRN_LIMIT) {
            rc = firn_column_read_large(part->run, group, column->id, &large, err);
            cell = (struct firn_cell){.kind = FIRN_PHYSICAL_BYTES,
                                      .as = {.bytes = firn_buf_slice(&large)}};
        } else if (rc == FIRN_OK) {
            rc = firn_chunk_get(&pin.chunk, at, &scratch, &cell, err);
            rc = rc == FIRN_CORRUPT ? firn_column_explain(part->run, group, column->id, err) : rc;
        }
        if (rc == FIRN_OK && firn_tuple_key_add(out, column->type, false, &cell) != FIRN_OK) {
            rc = firn_error_no_memory(err, "a search");
        }
        firn_column_unpin(&pin);
        FIRN_TRY(rc);
    }
out:
    firn_chunk_scratch_deinit(&scratch);
    firn_buf_deinit(&large);
    return rc;
}

static uint64_t
count_allowed(const struct part *part)
{
    const uint64_t rows = part->firsts[part->groups];
    uint64_t count = 0;
    for (uint64_t i = 0; i <= rows / 64; i++) {
        count += (uint64_t)firn_count_bits(part->allowed[i]);
    }
    DCHECK(count <= rows);
    return count;
}

static int
ask_part(const struct firn_search_source_set *set, const struct part *part,
         const struct firn_search_request *request, const struct firn_schema *schema,
         struct firn_search_top *top, struct firn_buf *key, bool *out_lacks, firn_error *err)
{
    const uint64_t count = count_allowed(part);
    const size_t wanted = count < request->k ? (size_t)count : request->k;
    struct firn_search_candidate *found = NULL;
    size_t found_count = 0;
    int rc = FIRN_OK;
    if (wanted == 0) {
        return FIRN_OK;
    }
    const uint64_t *allowed = part->allowed;
    const struct firn_search_ask ask = {.query = request->query,
                                        .dimensions = request->dimensions,
                                        .wanted = wanted,
                                        .ef = request->ef,
                                        .recall = request->recall,
                                        .is_exact = request->is_exact,
                                        .allowed =
                                            count < part->firsts[part->groups] ? allowed : NULL,
                                        .allowed_count = count};
    found = firn_alloc_array(wanted, sizeof *found);
    if (found == NULL) {
        return firn_error_no_memory(err, "a search");
    }
    rc = set->from->find(set->from->ctx, part->source, &ask, found, &found_count, err);
    CHECK(rc != FIRN_OK || found_count <= wanted);
    /* Rows without a vector are allowed, too, and never named: only a look at all of them can tell. */
    *out_lacks = *out_lacks || rc == FIRN_CORRUPT || (rc == FIRN_OK && found_count < wanted);
    rc = rc == FIRN_CORRUPT ? FIRN_OK : rc;
    for (size_t i = 0; rc == FIRN_OK && !*out_lacks && i < found_count; i++) {
        const uint64_t row = found[i].row;
        CHECK(row < part->firsts[part->groups] && (allowed[row / 64] >> (row % 64) & 1) != 0);
        if (found[i].distance > firn_search_top_most(top)) {
            continue;
        }
        rc = encode_key(part, schema, row, key, err);
        rc = rc == FIRN_OK ? firn_search_top_put(top, found[i].distance, firn_buf_slice(key), err)
                           : rc;
    }
    firn_free(found);
    return rc;
}

int
firn_search_source_ask(const struct firn_search_source_set *set,
                       const struct firn_search_request *request, const struct firn_schema *schema,
                       struct firn_search_top *top, bool *out_lacks, firn_error *err)
{
    struct firn_buf key = {0};
    int rc = FIRN_OK;
    *out_lacks = false;
    for (size_t i = 0; rc == FIRN_OK && !*out_lacks && i < set->count; i++) {
        if (set->parts[i].source != NULL) {
            rc = ask_part(set, &set->parts[i], request, schema, top, &key, out_lacks, err);
        }
    }
    firn_buf_deinit(&key);
    return rc;
}
