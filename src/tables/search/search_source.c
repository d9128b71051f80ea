/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_source.c: the runs of a search that have a source of near rows, and which of their
 * rows may be found.
 *
 * Threads note rows while they read the columns of the condition; afterwards one thread asks each
 * source, and reads the keys of the rows that it named.
 *
 * (S2) A row is allowed only if it was in a batch, or a piece, that was read directly. Then it is
 *      the version that the snapshot sees; if the piece was loose, this is checked before the row
 *      is taken. If too few rows pass, the source is asked for more. (Not checked: other batches
 *      have no place in a run, so their rows cannot be noted.)
 *
 * Locking: bits of rows are set by atomic operations, because a word may have rows of two groups.
 * They are read after all threads have ended.
 */
#include "search/search_source.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"
#include "column/column.h"
#include "lsm/lsm_group.h"
#include "lsm/lsm_pieces.h"
#include "search/search_internal.h"

enum { WIDER = 4 }; /* the factor of candidates, each time too few rows were found */

enum noted { NOTED_BITS, NOTED_ALL, NOTED_KNOWN };

struct part {
    struct fi_run *run;
    void *source; /* NULL: none */
    /* the number of the first row of each group; after them, the number of all rows */
    uint64_t *firsts;
    size_t groups;
    uint64_t *allowed; /* while threads visit, only __atomic functions write it */
    /* likewise, enum noted: of each group, rows that are allowed without their bits */
    uint8_t *noted;
    bool is_loose; /* likewise: the search may not see all of the allowed rows */
    const struct fi_graph_memo *known; /* rows that fulfil the condition; NULL: not known */
    /* While sources are asked: */
    const uint64_t *asked; /* rows that may be found; NULL: all */
    uint64_t asked_count;
    bool is_shared; /* the source looks for the nearest rows together with others */
};

struct fi_search_source_set {
    const struct fi_search_sources *from;
    struct part *parts;
    size_t count;
    size_t capacity;
};

/* ---- which runs ---- */

static int
open_part(const struct fi_search_source_set *set, struct part *part, uint32_t column,
          enum fi_vector_metric metric, firn_error *err)
{
    int rc = set->from->open(set->from->ctx, part->run, column, metric, &part->source, err);
    if (rc != FIRN_OK || part->source == NULL) {
        return rc;
    }
    part->groups = fi_column_group_count(part->run);
    part->firsts = fi_alloc_array(part->groups + 1, sizeof part->firsts[0]);
    uint64_t rows = 0;
    for (size_t i = 0; part->firsts != NULL && i < part->groups; i++) {
        struct fi_column_group group;
        fi_column_group_at(part->run, i, &group);
        part->firsts[i] = rows;
        rows += group.rows;
    }
    if (part->firsts != NULL) {
        part->firsts[part->groups] = rows;
        part->allowed = fi_alloc_zeroed((size_t)(rows / 64 + 1) * sizeof part->allowed[0]);
        part->noted = fi_alloc_zeroed(part->groups + 1);
    }
    if (set->from->known != NULL) {
        part->known = set->from->known(set->from->ctx, part->source);
    }
    return part->firsts != NULL && part->allowed != NULL && part->noted != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a search");
}

static struct part *
find_part(struct fi_search_source_set *set, const struct fi_run *run)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->parts[i].run == run) {
            return &set->parts[i];
        }
    }
    return NULL;
}

int
fi_search_source_open(const struct fi_search_request *request, uint32_t column,
                      const struct fi_lsm_pieces *pieces, struct fi_search_source_set **out,
                      firn_error *err)
{
    const size_t count = pieces != NULL ? fi_lsm_pieces_count(pieces) : 0;
    bool has_any = false;
    int rc = FIRN_OK;
    *out = NULL;
    if (request->sources == NULL || count == 0) {
        return FIRN_OK;
    }
    struct fi_search_source_set *set = fi_alloc_zeroed(sizeof *set);
    if (set == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    set->from = request->sources;
    for (size_t i = 0; i < count; i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        if (piece.run == NULL || find_part(set, piece.run) != NULL) {
            continue;
        }
        FI_TRY(FI_VEC_RESERVE(set->parts, set->count + 1, set->capacity, err));
        struct part *parts = set->parts;
        parts[set->count] = (struct part){.run = piece.run};
        FI_TRY(open_part(set, &parts[set->count++], column, request->metric, err));
        has_any = has_any || parts[set->count - 1].source != NULL;
    }
    if (has_any) {
        *out = set;
        set = NULL;
    }
out:
    fi_search_source_close(set);
    return rc;
}

void
fi_search_source_close(struct fi_search_source_set *set)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (set->parts[i].source != NULL) {
            set->from->close(set->from->ctx, set->parts[i].source);
        }
        fi_free(set->parts[i].firsts);
        fi_free(set->parts[i].allowed);
        fi_free(set->parts[i].noted);
    }
    if (set != NULL) {
        fi_free(set->parts);
        fi_free(set);
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

/* Sets the bits of `count` rows. */
static void
allow_all(struct part *part, uint64_t row, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += 64) {
        const uint64_t left = count - i;
        allow(part, row + i, left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX);
    }
}

static void
note_loose(struct part *part, bool is_loose)
{
    if (is_loose) {
        __atomic_store_n(&part->is_loose, true, __ATOMIC_RELAXED);
    }
}

static struct part *
part_with_source(struct fi_search_source_set *set, const struct fi_run *run)
{
    struct part *part = set != NULL ? find_part(set, run) : NULL;
    return part != NULL && part->source != NULL ? part : NULL;
}

bool
fi_search_source_note(struct fi_search_source_set *set, const struct fi_run *run, size_t group,
                      size_t row, const uint64_t *wanted, bool is_loose)
{
    struct part *part = part_with_source(set, run);
    if (part == NULL) {
        return false;
    }
    DCHECK(group < part->groups);
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        allow(part, part->firsts[group] + row + i * 64, wanted[i]);
    }
    note_loose(part, is_loose);
    return true;
}

bool
fi_search_source_note_all(struct fi_search_source_set *set, const struct fi_run *run, size_t group,
                          size_t row, size_t count, bool is_loose)
{
    struct part *part = part_with_source(set, run);
    if (part == NULL) {
        return false;
    }
    DCHECK(group < part->groups);
    if (row == 0 && count == part->firsts[group + 1] - part->firsts[group]) {
        __atomic_store_n(&part->noted[group], NOTED_ALL, __ATOMIC_RELAXED);
    } else {
        allow_all(part, part->firsts[group] + row, count);
    }
    note_loose(part, is_loose);
    return true;
}

bool
fi_search_source_note_known(struct fi_search_source_set *set, const struct fi_run *run,
                            size_t group, size_t row, size_t count, bool is_loose)
{
    struct part *part = part_with_source(set, run);
    if (part == NULL || part->known == NULL || row != 0 ||
        count != part->firsts[group + 1] - part->firsts[group]) {
        return false;
    }
    __atomic_store_n(&part->noted[group], NOTED_KNOWN, __ATOMIC_RELAXED);
    note_loose(part, is_loose);
    return true;
}

/* Whether the pieces have all groups of the run. */
static bool
has_all_groups(const struct part *part, const struct fi_lsm_pieces *pieces)
{
    size_t groups = 0;
    for (size_t i = 0; i < fi_lsm_pieces_count(pieces); i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        groups += piece.run == part->run; /* pieces are disjoint */
    }
    return groups == part->groups;
}

bool
fi_search_source_note_pieces(struct fi_search_source_set *set, const struct fi_lsm_pieces *pieces,
                             bool has_condition, uint64_t *out_rows)
{
    const size_t count = fi_lsm_pieces_count(pieces);
    bool are_all = true;
    *out_rows = 0;
    for (size_t i = 0; i < count && are_all; i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        struct part *part = piece.run != NULL ? part_with_source(set, piece.run) : NULL;
        are_all = part != NULL && (!has_condition || part->known != NULL);
        if (are_all) {
            DCHECK(piece.group < part->groups);
            part->noted[piece.group] = has_condition ? NOTED_KNOWN : NOTED_ALL;
            part->is_loose = part->is_loose || piece.is_loose;
            *out_rows += part->firsts[piece.group + 1] - part->firsts[piece.group];
        }
    }
    return are_all;
}

/* ---- asking ---- */

/* Reads the keys of named rows. */
struct reading {
    struct fi_lsm_pieces *pieces;
    struct fi_lsm_group group;
    struct fi_buf key;
};

/* The encoded key of a row, and whether the search sees it. */
static int
read_row(struct reading *reading, const struct part *part, uint64_t row, bool *out_is_seen,
         firn_error *err)
{
    size_t low = 0;
    size_t high = part->groups;
    int rc = FIRN_OK;
    *out_is_seen = true;
    FI_SEARCH_FIRST(low, high, middle, part->firsts[middle + 1] <= row);
    DCHECK(low < part->groups && part->firsts[low] <= row);
    uint32_t at = (uint32_t)(row - part->firsts[low]);
    if (!reading->group.is_open || reading->group.run != part->run ||
        reading->group.number != low) {
        FI_TRY(fi_lsm_group_open(&reading->group, part->run, low, err));
    }
    FI_TRY(fi_lsm_group_key(&reading->group, at, &reading->key, err));
    if (part->is_loose) {
        rc = fi_lsm_pieces_shows(reading->pieces, &reading->group, at, fi_buf_slice(&reading->key),
                                 out_is_seen, err);
    }
out:
    return rc;
}

/* Allows the rows of a group that are known to fulfil the condition. */
static void
allow_known(struct part *part, size_t group)
{
    const uint64_t *bits = part->known->bits;
    const uint64_t end = part->firsts[group + 1];
    for (uint64_t row = part->firsts[group]; row < end; row += 64) {
        const unsigned shift = (unsigned)(row % 64);
        uint64_t word = bits[row / 64] >> shift;
        if (shift != 0 && row / 64 < part->firsts[part->groups] / 64) {
            word |= bits[row / 64 + 1] << (64 - shift);
        }
        allow(part, row, end - row < 64 ? word & ((UINT64_C(1) << (end - row)) - 1) : word);
    }
}

/* The allowed rows (NULL: all), and how many there are. Requires: all threads have ended. */
static uint64_t
count_allowed(struct part *part, const uint64_t **out)
{
    const uint64_t rows = part->firsts[part->groups];
    uint64_t count = 0;
    size_t all = 0;
    size_t known = 0;
    for (size_t i = 0; i < part->groups; i++) {
        all += part->noted[i] == NOTED_ALL;
        known += part->noted[i] == NOTED_KNOWN;
    }
    if (known > 0 && known == part->groups) {
        *out = part->known->count < rows ? part->known->bits : NULL;
        return part->known->count;
    }
    for (size_t i = 0; i < part->groups && all < part->groups; i++) {
        if (part->noted[i] == NOTED_ALL) {
            allow_all(part, part->firsts[i], part->firsts[i + 1] - part->firsts[i]);
        } else if (part->noted[i] == NOTED_KNOWN) {
            allow_known(part, i);
        }
    }
    for (uint64_t i = 0; i <= rows / 64 && all < part->groups; i++) {
        count += (uint64_t)fi_count_bits(part->allowed[i]);
    }
    DCHECK(count <= rows);
    count = all < part->groups ? count : rows;
    *out = count < rows ? part->allowed : NULL;
    return count;
}

void
fi_search_source_teach(struct fi_search_source_set *set, const struct fi_lsm_pieces *pieces)
{
    for (size_t i = 0; set->from->learn != NULL && i < set->count; i++) {
        struct part *part = &set->parts[i];
        if (part->source != NULL && part->known == NULL && has_all_groups(part, pieces)) {
            const uint64_t *allowed;
            const uint64_t count = count_allowed(part, &allowed);
            if (allowed != NULL) {
                set->from->learn(set->from->ctx, part->source, allowed, count);
            }
        }
    }
}

static int
compare_candidates(const void *a, const void *b)
{
    const struct fi_search_candidate *left = a;
    const struct fi_search_candidate *right = b;
    return left->distance != right->distance ? (left->distance > right->distance ? 1 : -1)
                                             : (left->row > right->row) - (left->row < right->row);
}

/* Puts up to `wanted` of the found rows that the search sees into top, the nearest first; *out_seen
 * is their number. If a row is too far for top, the rest need not be checked: *out_is_over. */
static int
take_seen(struct reading *reading, const struct part *part, const uint64_t *allowed,
          const struct fi_search_candidate *found, size_t count, size_t wanted,
          struct fi_search_top *top, size_t *out_seen, bool *out_is_over, firn_error *err)
{
    *out_seen = 0;
    *out_is_over = false;
    for (size_t i = 0; i < count && *out_seen < wanted && !*out_is_over; i++) {
        const uint64_t row = found[i].row;
        bool is_seen;
        CHECK(row < part->firsts[part->groups] &&
              (allowed == NULL || (allowed[row / 64] >> (row % 64) & 1) != 0));
        *out_is_over = found[i].distance > fi_search_top_most(top);
        if (!*out_is_over) {
            FI_TRY_RETURN(read_row(reading, part, row, &is_seen, err));
            if (is_seen) {
                FI_TRY_RETURN(
                    fi_search_top_put(top, found[i].distance, fi_buf_slice(&reading->key), err));
                ++*out_seen;
            }
        }
    }
    return FIRN_OK;
}

/* Copies the rows of one top into another. */
static int
add_top(struct fi_search_top *top, const struct fi_search_top *own, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < own->count; i++) {
        rc = fi_search_top_put(top, own->heap[i].distance, fi_buf_slice(&own->heap[i].key), err);
    }
    return rc;
}

/* A request for the nearest rows of a part. */
static struct fi_search_ask
ask_of(const struct part *part, const struct fi_search_request *request)
{
    const bool is_known = part->known != NULL && part->asked == part->known->bits;
    return (struct fi_search_ask){
        .query = request->query,
        .dimensions = request->dimensions,
        .wanted = part->asked_count < request->k ? (size_t)part->asked_count : request->k,
        .ef = request->ef,
        .recall = request->recall,
        .is_exact = request->is_exact,
        .is_shared = part->is_shared,
        .allowed = part->asked,
        .allowed_count = part->asked_count,
        .memo = is_known ? part->known : NULL};
}

static int
query_part(const struct fi_search_source_set *set, const struct part *part,
           const struct fi_search_request *request, struct fi_search_top *top,
           struct reading *reading, bool *out_lacks, firn_error *err)
{
    struct fi_search_ask ask = ask_of(part, request);
    const size_t wanted = ask.wanted;
    ask.most = fi_search_top_most(top);
    struct fi_search_top own = {.k = request->k};
    struct fi_search_candidate *found = NULL;
    size_t found_count = 0;
    size_t seen = 0;
    bool is_over = false;
    int rc = FIRN_OK;
    while (wanted > 0) {
        struct fi_search_candidate *larger = fi_resize_array(found, ask.wanted, sizeof *found);
        if (larger == NULL) {
            rc = fi_error_no_memory(err, "a search");
            goto out;
        }
        found = larger;
        rc = set->from->find(set->from->ctx, part->source, &ask, found, &found_count, err);
        CHECK(rc != FIRN_OK || found_count <= ask.wanted);
        if (rc == FIRN_CORRUPT) {
            *out_lacks = true;
            rc = FIRN_OK;
            goto out;
        }
        FI_TRY(rc);
        fi_sort(found, found_count, sizeof *found, compare_candidates);
        /* Start again each time: the same rows are found again. */
        fi_search_top_deinit(&own);
        FI_TRY(take_seen(reading, part, ask.allowed, found, found_count, wanted, &own, &seen,
                         &is_over, err));
        if (seen >= wanted || is_over || (ask.is_shared && found_count < ask.wanted)) {
            break;
        }
        if (found_count < ask.wanted || ask.wanted >= ask.allowed_count) {
            /* The missing rows may lack a vector, so that they are never named, or the snapshot may
             * not see them: only a look at all of them can tell. */
            *out_lacks = true;
            goto out;
        }
        ask.wanted =
            ask.wanted > ask.allowed_count / WIDER ? (size_t)ask.allowed_count : WIDER * ask.wanted;
    }
    rc = add_top(top, &own, err);
out:
    fi_search_top_deinit(&own);
    fi_free(found);
    return rc;
}

/* Whether the source of a part may look for rows together with others. */
static bool
may_share(const struct part *part)
{
    return part->source != NULL && part->asked_count > 0 &&
           part->asked_count >= part->firsts[part->groups] / FI_SEARCH_SHARED_PART;
}

/* Chooses the parts whose sources look for the nearest rows together. *out_rows is how many all of
 * these have; 0: there are none. */
static int
share_parts(const struct fi_search_source_set *set, const struct fi_search_request *request,
            uint64_t *out_rows, firn_error *err)
{
    void **sources = fi_alloc_array(set->count + 1, sizeof *sources);
    struct fi_search_ask *asks = fi_alloc_array(set->count + 1, sizeof *asks);
    bool *are_shared = fi_alloc_zeroed(set->count + 1);
    size_t count = 0;
    int rc = FIRN_OK;
    *out_rows = 0;
    if (sources == NULL || asks == NULL || are_shared == NULL) {
        rc = fi_error_no_memory(err, "a search");
        goto out;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (may_share(&set->parts[i])) {
            sources[count] = set->parts[i].source;
            asks[count++] = ask_of(&set->parts[i], request);
        }
    }
    if (count < 2) {
        goto out;
    }
    FI_TRY(set->from->share(set->from->ctx, sources, count, asks, are_shared, err));
    count = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct part *part = &set->parts[i];
        part->is_shared = may_share(part) && are_shared[count++];
        *out_rows += part->is_shared ? part->asked_count : 0;
    }
out:
    fi_free(sources);
    fi_free(asks);
    fi_free(are_shared);
    return rc;
}

/* Asks the sources that look for rows together, or all others. */
static int
query_parts(const struct fi_search_source_set *set, const struct fi_search_request *request,
            bool are_shared, struct reading *reading, struct fi_search_top *top, bool *out_lacks,
            firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && !*out_lacks && i < set->count; i++) {
        const struct part *part = &set->parts[i];
        if (part->source != NULL && part->is_shared == are_shared) {
            rc = query_part(set, part, request, top, reading, out_lacks, err);
        }
    }
    return rc;
}

/* Asks the sources that look for rows together. If they find too few, each one is asked alone. */
static int
query_shared(const struct fi_search_source_set *set, const struct fi_search_request *request,
             struct reading *reading, struct fi_search_top *top, bool *out_lacks, firn_error *err)
{
    struct fi_search_top together = {.k = request->k};
    uint64_t rows;
    int rc;
    FI_TRY(share_parts(set, request, &rows, err));
    if (rows == 0) {
        goto out;
    }
    FI_TRY(query_parts(set, request, true, reading, &together, out_lacks, err));
    if (together.count >= request->k || together.count >= rows) {
        rc = add_top(top, &together, err);
        goto out;
    }
    for (size_t i = 0; i < set->count; i++) {
        set->parts[i].is_shared = false;
    }
out:
    fi_search_top_deinit(&together);
    return rc;
}

int
fi_search_source_query(const struct fi_search_source_set *set, struct fi_lsm_pieces *pieces,
                       const struct fi_search_request *request, struct fi_search_top *top,
                       bool *out_lacks, firn_error *err)
{
    struct reading reading = {.pieces = pieces};
    int rc = FIRN_OK;
    *out_lacks = false;
    for (size_t i = 0; i < set->count; i++) {
        struct part *part = &set->parts[i];
        part->is_shared = false;
        part->asked_count = part->source == NULL ? 0 : count_allowed(part, &part->asked);
    }
    FI_TRY(set->from->share == NULL ? FIRN_OK
                                    : query_shared(set, request, &reading, top, out_lacks, err));
    rc = query_parts(set, request, false, &reading, top, out_lacks, err);
out:
    fi_lsm_group_deinit(&reading.group);
    fi_buf_deinit(&reading.key);
    return rc;
}
