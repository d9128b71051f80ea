/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_pieces.c: which row groups of a tree can be read directly, and which ranges must be
 * merged.
 *
 * Parts. A part is a row group of which the snapshot may see something: one of its sequences lies
 * in the snapshot. Runs that cannot be divided into groups (runs of rows, damaged runs) are one
 * part each, with the bounds that MANIFEST names. History runs are left out where cursors leave
 * them out (version_history.c). Parts are sorted by their first keys; a run has no keys between its
 * groups.
 *
 * Direct. A row group is direct if all of this holds:
 * (I1) All of its rows are puts that never expire, no key occurs twice (is_plain), and the snapshot
 *      sees all of their sequences.
 * (I2) No other part, of this run or another one, has a key between its first and its last key.
 * (I3) No memtable has a version of a key there that the snapshot sees.
 * (I4) No range delete that the snapshot sees and that is newer than the oldest of its rows
 *      overlaps it.
 * (Not checked: is_direct is the rule.)
 *
 * Then the snapshot sees every row of it: there is no other version of the key, and no row is
 * covered or expires. Versions that the snapshot does not see make no difference, wherever they
 * are.
 *
 * Concurrent writes: the active memtable gets only versions that the snapshot does not see, because
 * a snapshot sees only what was published when it was opened.
 *
 * The rest. The keys between direct groups are to be merged, unless neither a part nor a memtable
 * has any there. Such a range is cut at the beginnings of parts into pieces of about CUT_ROWS rows;
 * entries of memtables are not counted for that.
 *
 * Cost. A look at each group of the runs that overlap the bounds, and at most one search in each
 * memtable for each group; none while the key that the last search found is further on. A snapshot
 * of the past passes over the versions in memtables that it does not see, once for each memtable.
 *
 * Memory: about 150 bytes for each row group, and its bounds. Every run that overlaps the bounds is
 * pinned, that is, an open file.
 *
 * Failure: FIRN_NO_MEMORY, and errors of opening a run other than damage.
 */
#include "lsm/lsm_pieces_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "graph/graph.h"
#include "lsm/lsm_group.h"

enum { CUT_ROWS = FI_CHUNK_VALUES_MAX };

/* ---- parts ---- */

/* Whether any key in [lower, upper] may lie within the bounds. */
static bool
reaches_in(const struct fi_lsm_pieces *pieces, firn_slice lower, firn_slice upper)
{
    return (!pieces->has_lower || fi_slice_compare(upper, pieces->lower) >= 0) &&
           (!pieces->has_upper || fi_slice_compare(lower, pieces->upper) < 0);
}

static int
add_part(struct fi_lsm_pieces *pieces, const struct fi_lsm_pieces_part *part, firn_error *err)
{
    DCHECK(fi_slice_compare(part->lower, part->upper) <= 0);
    return fi_buf_append(&pieces->parts, part, sizeof *part) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the pieces of a scan");
}

/* A run as a whole. Its upper bound is not one of its keys, which does no harm. */
static int
add_closed(struct fi_lsm_pieces *pieces, const struct fi_version_file *file, firn_error *err)
{
    const struct fi_manifest_run *info = &file->info;
    const struct fi_lsm_pieces_part part = {
        .lower = info->lower,
        .upper = info->upper,
        .rows = info->entry_count < UINT32_MAX ? (uint32_t)info->entry_count : UINT32_MAX,
        .sequence_min = info->sequence_min,
        .sequence_max = info->sequence_max};
    return add_part(pieces, &part, err);
}

/* How many groups end before the lower bound. */
static size_t
first_group(const struct fi_lsm_pieces *pieces, const struct fi_run *run)
{
    size_t low = 0;
    size_t high = pieces->has_lower ? fi_column_group_count(run) : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct fi_column_group group;
        fi_column_group_at(run, middle, &group);
        if (fi_slice_compare(group.upper, pieces->lower) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int
add_groups(struct fi_lsm_pieces *pieces, struct fi_run *run, firn_error *err)
{
    size_t count = fi_column_group_count(run);
    for (size_t i = first_group(pieces, run); i < count; i++) {
        struct fi_column_group group;
        fi_column_group_at(run, i, &group);
        if (!reaches_in(pieces, group.lower, group.upper)) {
            break;
        }
        if (!fi_snapshot_sees_any(pieces->snapshot, group.sequence_min, group.sequence_max)) {
            continue;
        }
        const struct fi_lsm_pieces_part part = {
            .run = run,
            .group = (uint32_t)i,
            .rows = group.rows,
            .lower = group.lower,
            .upper = group.upper,
            .sequence_min = group.sequence_min,
            .sequence_max = group.sequence_max,
            .is_plain = group.is_plain,
            .is_all_seen =
                fi_snapshot_sees_all(pieces->snapshot, group.sequence_min, group.sequence_max)};
        FI_TRY_RETURN(add_part(pieces, &part, err));
    }
    return FIRN_OK;
}

static void
add_ranges(struct fi_lsm_pieces *pieces, const struct fi_range_set *set)
{
    if (!fi_range_set_is_empty(set)) {
        pieces->ranges[pieces->range_count++] = set;
    }
}

static int
add_run(struct fi_lsm_pieces *pieces, struct fi_version_file *file, firn_error *err)
{
    struct fi_version_file_handle *pin;
    int rc;
    if (!fi_snapshot_sees_any(pieces->snapshot, file->info.sequence_min, file->info.sequence_max)) {
        return FIRN_OK;
    }
    rc = fi_version_file_pin(file, &pin, err);
    if (rc == FIRN_CORRUPT) {
        return add_closed(pieces, file, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_buf_append(&pieces->pins, &pin, sizeof(struct fi_version_file_handle *)) != FIRN_OK) {
        fi_version_file_unpin(pin);
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    if (fi_buf_append(&pieces->files, &file, sizeof(struct fi_version_file *)) != FIRN_OK) {
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    add_ranges(pieces, pin->run->kind->ranges(pin->run));
    return pin->run->kind == &fi_column_kind ? add_groups(pieces, pin->run, err)
                                             : add_closed(pieces, file, err);
}

static int
add_runs(struct fi_lsm_pieces *pieces, firn_error *err)
{
    const struct fi_version *version = pieces->state->version;
    const firn_slice *lower = pieces->has_lower ? &pieces->lower : NULL;
    const firn_slice *upper = pieces->has_upper ? &pieces->upper : NULL;
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            struct fi_version_file *file = fi_version_file(level, i);
            if (fi_version_run_overlaps(&level->runs[i], lower, upper) &&
                (number != FI_VERSION_HISTORY ||
                 !fi_version_history_is_file_skipped(file, pieces->snapshot))) {
                FI_TRY_RETURN(add_run(pieces, file, err));
            }
        }
    }
    return FIRN_OK;
}

static int
compare_parts(const void *a, const void *b)
{
    const struct fi_lsm_pieces_part *left = a;
    const struct fi_lsm_pieces_part *right = b;
    int order = fi_slice_compare(left->lower, right->lower);
    return order != 0 ? order : fi_slice_compare(left->upper, right->upper);
}

/* Most tables have one level. */
static void
sort_parts(struct fi_lsm_pieces *pieces)
{
    struct fi_lsm_pieces_part *parts = (void *)pieces->parts.data;
    size_t count = fi_lsm_pieces_part_count(pieces);
    for (size_t i = 1; i < count; i++) {
        if (compare_parts(&parts[i - 1], &parts[i]) > 0) {
            fi_sort(parts, count, sizeof *parts, compare_parts);
            return;
        }
    }
}

/* ---- memtables ---- */

/* Requires: the ranges of keys that are asked for ascend. */
struct sweep {
    struct fi_memtable_cursor cursor;
    bool is_placed;
};

/* Moves on to the first version at or after key that the snapshot sees. */
static void
lsm_pieces_place(struct sweep *sweep, const struct fi_snapshot *snapshot, firn_slice key)
{
    struct fi_memtable_cursor *cursor = &sweep->cursor;
    if (sweep->is_placed && (!cursor->is_valid || fi_slice_compare(cursor->entry.key, key) >= 0)) {
        return;
    }
    fi_memtable_cursor_seek(cursor, key, UINT64_MAX);
    while (cursor->is_valid && !fi_snapshot_sees(snapshot, cursor->entry.sequence)) {
        fi_memtable_cursor_next(cursor);
    }
    sweep->is_placed = true;
}

/* A stretch of keys: from lower to upper, which belongs to it if is_closed. */
struct stretch {
    firn_slice lower;
    firn_slice upper;
    bool has_upper;
    bool is_closed;
};

static bool
is_beyond(const struct stretch *stretch, firn_slice key)
{
    if (!stretch->has_upper) {
        return false;
    }
    int order = fi_slice_compare(key, stretch->upper);
    return stretch->is_closed ? order > 0 : order >= 0;
}

/* How many entries the memtables have that have a version in the stretch that the snapshot sees; 0:
 * none. */
static uint64_t
count_in_memtables(const struct fi_lsm_pieces *pieces, struct sweep *sweeps,
                   const struct stretch *stretch)
{
    uint64_t count = 0;
    for (size_t i = 0; i < pieces->state->memtable_count; i++) {
        lsm_pieces_place(&sweeps[i], pieces->snapshot, stretch->lower);
        const struct fi_memtable_cursor *cursor = &sweeps[i].cursor;
        if (cursor->is_valid && !is_beyond(stretch, cursor->entry.key)) {
            count += fi_memtable_entry_count(cursor->table);
        }
    }
    return count;
}

/* ---- which groups are direct ---- */

/* (I4) */
static bool
is_reached_by_range(const struct fi_lsm_pieces *pieces, const struct fi_lsm_pieces_part *part)
{
    for (size_t i = 0; i < pieces->range_count; i++) {
        struct fi_range_stretch stretch = {.has_lower = false};
        if (!fi_range_set_free(pieces->ranges[i], part->lower, pieces->snapshot, part->sequence_min,
                               &stretch) ||
            (stretch.has_upper && fi_slice_compare(stretch.upper, part->upper) <= 0)) {
            return true;
        }
    }
    return false;
}

/* Where the parts before end. */
struct reach {
    bool is_set;
    firn_slice upper;
};

/* All conditions but the search in memtables. */
static bool
may_be_direct(const struct fi_lsm_pieces *pieces, size_t i, const struct reach *before)
{
    const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(pieces, i);
    bool is_last = i + 1 == fi_lsm_pieces_part_count(pieces);
    return part->run != NULL && part->is_plain && part->is_all_seen && /* (I1) */
           (!before->is_set || fi_slice_compare(before->upper, part->lower) < 0) &&
           (is_last || fi_slice_compare(part->upper, part[1].lower) < 0) && /* (I2) */
           !is_reached_by_range(pieces, part);
}

static void
lsm_pieces_extend(struct reach *reach, firn_slice upper)
{
    if (!reach->is_set || fi_slice_compare(reach->upper, upper) < 0) {
        reach->upper = upper;
        reach->is_set = true;
    }
}

/* ---- pieces ---- */

struct plan {
    struct fi_lsm_pieces *pieces;
    struct sweep *sweeps;       /* between direct groups: one for each memtable */
    struct sweep *group_sweeps; /* for groups */
    firn_slice at;              /* all keys before it have their pieces */
    size_t first_part;          /* the first that is in no direct piece yet */
};

static int
add_piece(struct plan *plan, const struct fi_lsm_piece *piece, firn_error *err)
{
    DCHECK(!piece->has_upper || fi_slice_compare(piece->lower, piece->upper) < 0);
    plan->at = piece->upper;
    return fi_buf_append(&plan->pieces->list, piece, sizeof *piece) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the pieces of a scan");
}

/* The keys from plan->at up to the stretch's end are to be merged, if there are any. parts: those
 * before `end` that are not direct. */
static int
add_merged(struct plan *plan, const struct stretch *stretch, size_t end, firn_error *err)
{
    struct fi_lsm_pieces *pieces = plan->pieces;
    uint64_t rows = 0;
    if (stretch->has_upper && fi_slice_compare(stretch->lower, stretch->upper) >= 0) {
        return FIRN_OK;
    }
    uint64_t in_memory = count_in_memtables(pieces, plan->sweeps, stretch);
    if (plan->first_part == end && in_memory == 0) {
        plan->at = stretch->upper;
        return FIRN_OK;
    }
    for (size_t i = plan->first_part; i < end; i++) {
        const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(pieces, i);
        if (rows >= CUT_ROWS && fi_slice_compare(part->lower, plan->at) > 0) {
            const struct fi_lsm_piece piece = {.rows_max = rows + in_memory,
                                               .lower = plan->at,
                                               .upper = part->lower,
                                               .has_upper = true};
            FI_TRY_RETURN(add_piece(plan, &piece, err));
            rows = 0;
        }
        rows += part->rows;
    }
    const struct fi_lsm_piece piece = {.rows_max = rows + in_memory,
                                       .lower = plan->at,
                                       .upper = stretch->upper,
                                       .has_upper = stretch->has_upper};
    return add_piece(plan, &piece, err);
}

/* The smallest key that is larger than another one. */
static int
copy_after(struct fi_lsm_pieces *pieces, firn_slice key, firn_slice *out, firn_error *err)
{
    uint8_t *bytes = fi_arena_alloc(&pieces->arena, key.size + 1);
    if (bytes == NULL) {
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    if (key.size > 0) {
        memcpy(bytes, key.data, key.size);
    }
    bytes[key.size] = 0;
    *out = firn_bytes(bytes, key.size + 1);
    return FIRN_OK;
}

static void
lsm_pieces_clamp(const struct fi_lsm_pieces *pieces, struct fi_lsm_piece *piece)
{
    DCHECK(piece->has_upper);
    if (pieces->has_lower && fi_slice_compare(piece->lower, pieces->lower) < 0) {
        piece->lower = pieces->lower;
    }
    if (pieces->has_upper && fi_slice_compare(pieces->upper, piece->upper) < 0) {
        piece->upper = pieces->upper;
    }
}

static int
add_direct(struct plan *plan, size_t i, firn_error *err)
{
    struct fi_lsm_pieces *pieces = plan->pieces;
    const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(pieces, i);
    struct fi_lsm_piece piece = {.run = part->run,
                                 .group = part->group,
                                 .rows_max = part->rows,
                                 .lower = part->lower,
                                 .has_upper = true};
    struct stretch before = {.lower = plan->at, .upper = part->lower, .has_upper = true};
    FI_TRY_RETURN(add_merged(plan, &before, i, err));
    FI_TRY_RETURN(copy_after(pieces, part->upper, &piece.upper, err));
    lsm_pieces_clamp(pieces, &piece);
    FI_TRY_RETURN(add_piece(plan, &piece, err));
    plan->first_part = i + 1;
    return FIRN_OK;
}

/* Whether the snapshot sees all rows of the part. */
static bool
is_direct(struct plan *plan, size_t i, const struct reach *before)
{
    const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(plan->pieces, i);
    const struct stretch own = {
        .lower = part->lower, .upper = part->upper, .has_upper = true, .is_closed = true};
    return may_be_direct(plan->pieces, i, before) &&
           count_in_memtables(plan->pieces, plan->group_sweeps, &own) == 0; /* (I3) */
}

/* One piece for all keys in memtables, and one for each group. */
static int
make_loose_pieces(struct plan *plan, firn_error *err)
{
    struct fi_lsm_pieces *pieces = plan->pieces;
    struct reach reach = {.is_set = false};
    const struct stretch all = {
        .lower = plan->at, .upper = pieces->upper, .has_upper = pieces->has_upper};
    uint64_t in_memory = count_in_memtables(pieces, plan->sweeps, &all);
    if (in_memory > 0) {
        const struct fi_lsm_piece memory = {.rows_max = in_memory,
                                            .lower = all.lower,
                                            .upper = all.upper,
                                            .has_upper = all.has_upper};
        FI_TRY_RETURN(add_piece(plan, &memory, err));
    }
    for (size_t i = 0; i < fi_lsm_pieces_part_count(pieces); i++) {
        const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(pieces, i);
        struct fi_lsm_piece piece = {.run = part->run,
                                     .group = part->group,
                                     .rows_max = part->rows,
                                     .lower = part->lower,
                                     .has_upper = true,
                                     .is_loose = !is_direct(plan, i, &reach)};
        lsm_pieces_extend(&reach, part->upper);
        FI_TRY_RETURN(copy_after(pieces, part->upper, &piece.upper, err));
        lsm_pieces_clamp(pieces, &piece);
        FI_TRY_RETURN(add_piece(plan, &piece, err));
    }
    return FIRN_OK;
}

static bool
may_be_loose(const struct fi_lsm_pieces *pieces)
{
    bool is_open = true;
    for (size_t i = 0; i < fi_lsm_pieces_part_count(pieces); i++) {
        is_open = is_open && fi_lsm_pieces_part_at(pieces, i)->run != NULL;
    }
    return is_open;
}

static int
make_pieces(struct plan *plan, firn_error *err)
{
    struct fi_lsm_pieces *pieces = plan->pieces;
    struct reach reach = {.is_set = false};
    size_t count = fi_lsm_pieces_part_count(pieces);
    for (size_t i = 0; i < count; i++) {
        const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(pieces, i);
        bool is_alone = is_direct(plan, i, &reach);
        lsm_pieces_extend(&reach, part->upper);
        if (is_alone) {
            FI_TRY_RETURN(add_direct(plan, i, err));
        }
    }
    const struct stretch rest = {
        .lower = plan->at, .upper = pieces->upper, .has_upper = pieces->has_upper};
    return add_merged(plan, &rest, count, err);
}

/* ---- the primary key ---- */

static int
set_key(struct fi_lsm_pieces *pieces, const struct fi_column_layout *layout, firn_error *err)
{
    if (layout->key_count > FI_COLUMN_KEY_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "a key has too many columns");
    }
    for (size_t i = 0; i < layout->key_count; i++) {
        for (size_t j = 0; j < layout->count; j++) {
            if (layout->columns[j].id == layout->key[i]) {
                pieces->key[pieces->key_count] = layout->columns[j];
                pieces->key[pieces->key_count++].initial =
                    (struct fi_cell){.kind = FI_PHYSICAL_NONE};
            }
        }
    }
    return FIRN_OK;
}

/* The key of a table never changes, so any run knows it. */
static int
find_key(struct fi_lsm_pieces *pieces, struct fi_lsm_tree *tree,
         const struct fi_column_layout *known, firn_error *err)
{
    const struct fi_lsm_host *host = &tree->lsm->options.host;
    struct fi_column_layout *layout;
    if (known != NULL) {
        return set_key(pieces, known, err);
    }
    for (size_t i = 0; i < fi_lsm_pieces_part_count(pieces); i++) {
        const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(pieces, i);
        if (part->run != NULL) {
            return set_key(pieces, fi_column_layout_of(part->run), err);
        }
    }
    if (!tree->kind->has_layout || host->take_layout == NULL || pieces->list.size == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(host->take_layout(host->ctx, tree->id, &layout, err));
    int rc = set_key(pieces, layout, err);
    fi_free(layout);
    return rc;
}

/* ---- single rows ---- */

/* Whether a run has a newer version of the key that the snapshot sees. */
static int
has_newer(const struct fi_lsm_pieces *pieces, struct fi_run *run,
          const struct fi_manifest_run *info, firn_slice key, uint64_t sequence, bool *out,
          firn_error *err)
{
    struct fi_run_hit hit = {.sequence = 0};
    if (info->sequence_max <= sequence || fi_slice_compare(key, info->lower) < 0 ||
        fi_slice_compare(key, info->upper) >= 0) {
        return FIRN_OK;
    }
    int rc = run->kind->get(run, key, pieces->snapshot, &hit, NULL, err);
    *out = rc == FIRN_OK && hit.sequence > sequence;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_lsm_pieces_shows(struct fi_lsm_pieces *pieces, struct fi_lsm_group *group, uint32_t row,
                    firn_slice key, bool *out, firn_error *err)
{
    struct fi_lsm_group_row version;
    size_t count = pieces->files.size / sizeof(struct fi_version_file *);
    bool is_hidden = false;
    *out = false;
    FI_TRY_RETURN(fi_lsm_group_row(group, row, &version, err));
    if ((version.kind != FI_ENTRY_PUT && version.kind != FI_ENTRY_EXPIRING) ||
        !fi_snapshot_sees(pieces->snapshot, version.sequence) ||
        (version.expires_ms != 0 && version.expires_ms <= pieces->time_ms)) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < pieces->state->memtable_count && !is_hidden; i++) {
        struct fi_entry entry;
        is_hidden =
            fi_memtable_get(pieces->state->memtables[i]->table, key, pieces->snapshot, &entry) &&
            entry.sequence > version.sequence;
    }
    for (size_t i = 0; i < pieces->range_count && !is_hidden; i++) {
        is_hidden =
            fi_range_set_covering(pieces->ranges[i], key, pieces->snapshot, version.sequence) != 0;
    }
    for (size_t i = 0; i < count && !is_hidden; i++) {
        const struct fi_version_file *file =
            ((struct fi_version_file **)(void *)pieces->files.data)[i];
        struct fi_run *run = ((struct fi_version_file_handle **)(void *)pieces->pins.data)[i]->run;
        FI_TRY_RETURN(has_newer(pieces, run, &file->info, key, version.sequence, &is_hidden, err));
    }
    *out = !is_hidden;
    return FIRN_OK;
}

/* ---- graphs ---- */

/* Pins the graph of a run; *out is NULL if it has none. */
static int
pin_graph(struct fi_lsm_pieces *pieces, uint32_t column, uint32_t metric,
          struct fi_lsm_pieces_graph *out, uint64_t *damaged, firn_error *err)
{
    const struct fi_version_file *file = out->run_file;
    uint64_t unreadable = 0;
    for (size_t i = 0; i < file->info.attachment_count && out->graph == NULL; i++) {
        struct fi_version_file_handle *pin;
        out->graph_file = file->attachments[i];
        int rc = atomic_load_explicit(&out->graph_file->is_damaged, memory_order_relaxed)
                     ? FIRN_CORRUPT
                     : fi_version_file_pin(out->graph_file, &pin, err);
        if (rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
            unreadable++;
            continue;
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_graph = pin->run->kind == &fi_graph_read_kind;
        const struct fi_graph *graph = is_graph ? fi_graph_read_of(pin->run) : NULL;
        const struct fi_graph_parameters *parameters =
            is_graph ? fi_graph_search_parameters(graph) : NULL;
        if (!is_graph || parameters->column != column || (uint32_t)parameters->metric != metric ||
            fi_graph_search_rows(graph) != file->info.entry_count) {
            fi_version_file_unpin(pin);
            continue;
        }
        if (fi_buf_append(&pieces->pins, &pin, sizeof(struct fi_version_file_handle *)) !=
            FIRN_OK) {
            fi_version_file_unpin(pin);
            return fi_error_no_memory(err, "the pieces of a scan");
        }
        out->graph = graph;
    }
    *damaged += out->graph == NULL ? unreadable : 0; /* else it was built again */
    return FIRN_OK;
}

void
fi_lsm_pieces_graph_spoil(const struct fi_lsm_pieces_graph *graph)
{
    /* Read by pin_graph, and by compaction_graph.c: which of two threads comes first does not
     * matter. */
    atomic_store_explicit(&graph->graph_file->is_damaged, true, memory_order_relaxed);
    atomic_store_explicit(&graph->run_file->graphs_seen, 0, memory_order_relaxed);
}

int
fi_lsm_pieces_graphs(struct fi_lsm_pieces *pieces, uint32_t column, uint32_t metric,
                     struct fi_buf *out, uint64_t *out_damaged, firn_error *err)
{
    size_t count = pieces->files.size / sizeof(struct fi_version_file *);
    *out_damaged = 0;
    DCHECK(pieces->pins.size >= pieces->files.size);
    for (size_t i = 0; i < count; i++) {
        struct fi_lsm_pieces_graph found = {
            .run = ((struct fi_version_file_handle **)(void *)pieces->pins.data)[i]->run,
            .run_file = ((struct fi_version_file **)(void *)pieces->files.data)[i]};
        if (found.run->kind != &fi_column_kind) {
            continue;
        }
        FI_TRY_RETURN(pin_graph(pieces, column, metric, &found, out_damaged, err));
        if (found.graph != NULL && fi_buf_append(out, &found, sizeof found) != FIRN_OK) {
            return fi_error_no_memory(err, "the pieces of a scan");
        }
    }
    return FIRN_OK;
}

/* ---- life ---- */

static int
copy_bound(struct fi_lsm_pieces *pieces, const firn_slice *bound, bool *out_has, firn_slice *out,
           firn_error *err)
{
    if (bound == NULL) {
        return FIRN_OK;
    }
    const uint8_t *copy = fi_arena_copy(&pieces->arena, bound->data, bound->size);
    if (copy == NULL) {
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    *out = firn_bytes(copy, bound->size);
    *out_has = true;
    return FIRN_OK;
}

static int
make_plan(struct fi_lsm_pieces *pieces, firn_error *err)
{
    size_t count = pieces->state->memtable_count;
    struct plan plan = {.pieces = pieces,
                        .sweeps = fi_alloc_zeroed((2 * count + 1) * sizeof *plan.sweeps)};
    if (plan.sweeps == NULL) {
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    plan.group_sweeps = plan.sweeps + count;
    for (size_t i = 0; i < 2 * count; i++) {
        fi_memtable_cursor_init(&plan.sweeps[i].cursor, pieces->state->memtables[i % count]->table);
    }
    pieces->is_loose = pieces->is_loose && may_be_loose(pieces);
    plan.at = pieces->has_lower ? pieces->lower : firn_bytes(NULL, 0);
    int rc = pieces->is_loose ? make_loose_pieces(&plan, err) : make_pieces(&plan, err);
    fi_free(plan.sweeps);
    return rc;
}

static size_t
count_range_sets(const struct fi_lsm_superversion *state)
{
    size_t count = state->memtable_count;
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        count += state->version->levels[number].count;
    }
    return count;
}

int
fi_lsm_pieces_open(struct fi_lsm_tree *tree, const struct fi_lsm_pieces_options *options,
                   struct fi_lsm_pieces **out, firn_error *err)
{
    struct fi_lsm_pieces *pieces = fi_alloc_zeroed(sizeof *pieces);
    int rc = FIRN_OK;
    *out = NULL;
    if (pieces == NULL) {
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    pieces->os = tree->lsm->os;
    pieces->snapshot = options->snapshot;
    pieces->is_loose = options->is_loose;
    pieces->time_ms = options->time_ms == FI_LSM_TIME_NOW
                          ? (uint64_t)(fi_os_now_ns(pieces->os) / 1000000)
                          : options->time_ms;
    FI_TRY(copy_bound(pieces, options->lower, &pieces->has_lower, &pieces->lower, err));
    FI_TRY(copy_bound(pieces, options->upper, &pieces->has_upper, &pieces->upper, err));
    pieces->state = fi_lsm_superversion_of(tree);
    pieces->ranges = fi_alloc_zeroed((count_range_sets(pieces->state) + 1) *
                                     sizeof(const struct fi_range_set *));
    if (pieces->ranges == NULL) {
        rc = fi_error_no_memory(err, "the pieces of a scan");
        goto out;
    }
    for (size_t i = 0; i < pieces->state->memtable_count; i++) {
        add_ranges(pieces, fi_memtable_ranges(pieces->state->memtables[i]->table));
    }
    if (!pieces->has_lower || !pieces->has_upper ||
        fi_slice_compare(pieces->lower, pieces->upper) < 0) {
        FI_TRY(add_runs(pieces, err));
        sort_parts(pieces);
        FI_TRY(make_plan(pieces, err));
    }
    FI_TRY(find_key(pieces, tree, options->layout, err));
    *out = pieces;
    pieces = NULL;
out:
    fi_lsm_pieces_close(pieces);
    return rc;
}

void
fi_lsm_pieces_close(struct fi_lsm_pieces *pieces)
{
    if (pieces == NULL) {
        return;
    }
    struct fi_version_file_handle **pins = (void *)pieces->pins.data;
    for (size_t i = 0; i < pieces->pins.size / sizeof(struct fi_version_file_handle *); i++) {
        fi_version_file_unpin(pins[i]);
    }
    fi_lsm_superversion_unref(pieces->state);
    fi_buf_deinit(&pieces->pins);
    fi_buf_deinit(&pieces->files);
    fi_buf_deinit(&pieces->parts);
    fi_buf_deinit(&pieces->list);
    fi_free(pieces->ranges);
    fi_arena_deinit(&pieces->arena);
    fi_free(pieces);
}

/* ---- looking ---- */

size_t
fi_lsm_pieces_count(const struct fi_lsm_pieces *pieces)
{
    return pieces->list.size / sizeof(struct fi_lsm_piece);
}

void
fi_lsm_pieces_at(const struct fi_lsm_pieces *pieces, size_t i, struct fi_lsm_piece *out)
{
    DCHECK(i < fi_lsm_pieces_count(pieces));
    *out = ((const struct fi_lsm_piece *)(const void *)pieces->list.data)[i];
}

int
fi_lsm_pieces_rows(struct fi_lsm_pieces *pieces, size_t i, uint32_t *out_first, uint32_t *out_count,
                   firn_error *err)
{
    struct fi_lsm_piece piece;
    struct fi_column_group info;
    struct fi_lsm_group *group = NULL;
    struct fi_buf memory = {0};
    uint32_t first = 0;
    int rc = FIRN_OK;
    *out_first = 0;
    *out_count = 0;
    fi_lsm_pieces_at(pieces, i, &piece);
    DCHECK(piece.run != NULL);
    fi_column_group_at(piece.run, piece.group, &info);
    uint32_t end = info.rows;
    bool is_cut_below = fi_slice_compare(info.lower, piece.lower) < 0;
    bool is_cut_above = fi_slice_compare(info.upper, piece.upper) >= 0;
    if (is_cut_below || is_cut_above) {
        group = fi_alloc_zeroed(sizeof *group);
        if (group == NULL) {
            return fi_error_no_memory(err, "a row group");
        }
        FI_TRY(fi_lsm_group_open(group, piece.run, piece.group, err));
    }
    if (is_cut_below) {
        FI_TRY(fi_lsm_group_find(group, piece.lower, 0, end, &memory, &first, err));
    }
    if (is_cut_above) {
        FI_TRY(fi_lsm_group_find(group, piece.upper, first, end, &memory, &end, err));
    }
    *out_first = first;
    *out_count = end - first;
out:
    if (group != NULL) {
        fi_lsm_group_deinit(group);
        fi_free(group);
    }
    fi_buf_deinit(&memory);
    return rc;
}
