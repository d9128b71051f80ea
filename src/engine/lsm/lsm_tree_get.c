/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree_get.c: the value of one key in a snapshot.
 *
 * Sources are asked from the newest to the oldest: memtables, the runs of level 0, then at most one
 * run of each deeper level. By (I1) of lsm.c the first version that the snapshot sees is the newest
 * that it sees. A range delete that it sees ends the search too: every version in older sources is
 * older than the range delete. Within one source both must be compared.
 *
 * History runs are asked only if the snapshot may have something to look for there, which a
 * snapshot of now does not (version_history.c). Then the newest of what they and the levels have
 * counts.
 *
 * Between memtables and runs, a get that copies a whole value asks the hot entries of the version,
 * which know what its runs answer for popular keys (version/version_hot.h).
 *
 * A get is inside the epoch from loading the state to copying the value; it takes no lock and no
 * reference. Reading a run may go to the disk meanwhile, which only delays the release of replaced
 * objects.
 *
 * Merge operands. If the newest version is an operand, all versions below it are needed, down to
 * one that is not an operand. The get starts again and goes through the sources once, with the
 * snapshot cut below each operand that it finds. A memtable is read by a cursor, since a counter
 * may have thousands of operands there. Runs are read by gets, since a run has few operands of a
 * key: they were folded as far as snapshots allowed when it was written.
 *
 * Time. Whether a put has expired depends on the time of the read. If that is now, the clock is
 * asked only when an expiring put is met, so other gets do not pay for it.
 *
 * Failure: if a run that may hold the key cannot be read, the search ends with its error. Runs
 * whose bounds exclude the key are not touched, so damage elsewhere does no harm.
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "lsm/lsm_internal.h"
#include "version/version_hot.h"

/* What a source says about a key. */
enum answer {
    ANSWER_NOTHING, /* look further */
    ANSWER_DELETED,
    ANSWER_VALUE,
    ANSWER_EXPIRING, /* a value with its head, from the source alone */
    ANSWER_OPERAND   /* likewise, and there may be more below */
};

struct query {
    firn_slice key;
    const struct fi_snapshot *snapshot;
    const struct fi_snapshot
        *live;          /* the whole snapshot: while operands are gathered, snapshot is cut */
    struct fi_buf *out; /* NULL: the value is not wanted */
    struct fi_run_pinned *pinned;            /* NULL: the value is copied */
    const struct fi_run_projection *columns; /* that the value needs; NULL: all */
    firn_error *err;
    uint64_t sequence; /* of the version that was found last */
};

/* From a version (sequence 0: none) and the newest range delete above it; the snapshot sees
 * both. */
static enum answer
lsm_tree_get_assess(enum fi_entry_kind kind, uint64_t sequence, uint64_t covered_by)
{
    if (sequence == 0 && covered_by == 0) {
        return ANSWER_NOTHING;
    }
    if (sequence < covered_by) {
        return ANSWER_DELETED;
    }
    switch (kind) {
    case FI_ENTRY_PUT:
        return ANSWER_VALUE;
    case FI_ENTRY_EXPIRING:
        return ANSWER_EXPIRING;
    case FI_ENTRY_MERGE:
        return ANSWER_OPERAND;
    case FI_ENTRY_DELETE:
    case FI_ENTRY_RANGE_DELETE:
        break;
    }
    return ANSWER_DELETED;
}

static int
take_value(const struct query *query, firn_slice value)
{
    return query->out == NULL || fi_buf_assign(query->out, value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(query->err, "a value");
}

static uint64_t
covered_by(const struct query *query, const struct fi_range_set *ranges, uint64_t above)
{
    return fi_range_set_is_empty(ranges)
               ? 0
               : fi_range_set_covering(ranges, query->key, query->snapshot, above);
}

static int
query_memtable(const struct query *query, const struct fi_memtable *table, enum answer *out)
{
    struct fi_entry entry;
    bool is_found = fi_memtable_get(table, query->key, query->snapshot, &entry);
    uint64_t sequence = is_found ? entry.sequence : 0;
    uint64_t covered = covered_by(query, fi_memtable_ranges(table), sequence);
    *out = lsm_tree_get_assess(is_found ? entry.kind : FI_ENTRY_DELETE, sequence, covered);
    return *out > ANSWER_DELETED ? take_value(query, entry.value) : FIRN_OK;
}

/* is_last: if not here, the row is nowhere. */
static int
query_run(const struct query *query, struct fi_run *run, bool is_last, struct fi_run_hit *out,
          struct fi_buf *value)
{
    const struct fi_run_kind *kind = run->kind;
    if (query->columns == NULL || kind->get_columns == NULL) {
        return kind->get(run, query->key, query->snapshot, out, value, query->err);
    }
    struct fi_run_projection columns = *query->columns;
    columns.expects_row = columns.expects_row && is_last;
    return kind->get_columns(run, query->key, query->snapshot, &columns, out, value, query->err);
}

static int
query_file(struct query *query, struct fi_version_file *file, bool is_last, enum answer *out)
{
    struct fi_run *run;
    struct fi_run_hit hit = {.kind = FI_ENTRY_DELETE};
    int rc = fi_version_file_open(file, &run, query->err);
    if (rc == FIRN_OK && query->pinned != NULL && run->kind->get_pinned != NULL) {
        rc = run->kind->get_pinned(run, query->key, query->snapshot, &hit, query->pinned,
                                   query->out, query->err);
    } else if (rc == FIRN_OK) {
        rc = query_run(query, run, is_last, &hit, query->out);
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    uint64_t sequence = rc == FIRN_OK ? hit.sequence : 0;
    uint64_t covered =
        file->info.range_count == 0 ? 0 : covered_by(query, run->kind->ranges(run), sequence);
    query->sequence = sequence;
    *out = lsm_tree_get_assess(hit.kind, sequence, covered);
    return FIRN_OK;
}

static bool
may_hold(const struct fi_merge_level_run *run, firn_slice key)
{
    return fi_slice_compare(run->lower, key) <= 0 && fi_slice_compare(key, run->upper) < 0;
}

/* The runs that may hold the key: those of level 0 whose bounds include it, and one of each deeper
 * level. */
struct candidates {
    const struct fi_version_level *newest;
    struct fi_version_file *deeper[FI_VERSION_LEVELS]; /* count of them, the newest first */
    size_t count;
};

static void
find_candidates(const struct fi_version *version, firn_slice key, struct candidates *out)
{
    out->newest = &version->levels[0];
    out->count = 0;
    for (unsigned level = 1; level < FI_VERSION_LEVELS; level++) {
        const struct fi_version_level *runs = &version->levels[level];
        struct fi_version_file *file = runs->count > 0 ? fi_version_find(runs, key) : NULL;
        if (file != NULL) {
            DCHECK(fi_slice_compare(file->info.lower, key) <= 0);
            out->deeper[out->count++] = file;
        }
    }
}

static void
prefetch_file(const struct fi_version_file *file, firn_slice key, unsigned step)
{
    const struct fi_run *run = fi_version_file_peek(file);
    if (run != NULL && run->kind->get_prefetch != NULL) {
        run->kind->get_prefetch(run, key, step);
    }
}

/* Asking a run waits for slow memory: prefetching for all runs at once overlaps these waits. */
static void
lsm_tree_get_prefetch(const struct candidates *candidates, firn_slice key, unsigned step)
{
    const struct fi_version_level *newest = candidates->newest;
    for (size_t i = 0; i < newest->count; i++) {
        if (may_hold(&newest->runs[i], key)) {
            prefetch_file(fi_version_file(newest, i), key, step);
        }
    }
    for (size_t i = 0; i < candidates->count; i++) {
        prefetch_file(candidates->deeper[i], key, step);
    }
}

/* ---- history ---- */

/* The newest version and the newest range delete so far; 0: none. */
struct newest {
    struct fi_run_hit hit;
    uint64_t covered;
    struct fi_buf value; /* of the last one found, not of the newest */
};

static int
lsm_tree_get_inspect(const struct query *query, struct fi_version_file *file, struct newest *newest)
{
    struct fi_run *run;
    struct fi_run_hit hit;
    int rc = fi_version_file_open(file, &run, query->err);
    if (rc == FIRN_OK) {
        rc = query_run(query, run, false, &hit, query->out != NULL ? &newest->value : NULL);
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (rc == FIRN_OK && hit.sequence > newest->hit.sequence) {
        if (query->out != NULL) {
            struct fi_buf value = *query->out;
            *query->out = newest->value;
            newest->value = value;
        }
        newest->hit = hit;
    }
    uint64_t covered =
        file->info.range_count == 0 ? 0 : covered_by(query, run->kind->ranges(run), 0);
    newest->covered = covered > newest->covered ? covered : newest->covered;
    return FIRN_OK;
}

static bool
has_any(const struct newest *newest)
{
    return newest->hit.sequence > 0 || newest->covered > 0;
}

/* Whether all in a run is older than what was found. */
static bool
is_newer(const struct newest *newest, const struct fi_merge_level_run *run)
{
    return newest->hit.sequence > run->sequence_max || newest->covered > run->sequence_max;
}

/* The newest of the levels, then of history. Few gets come here. */
__attribute__((noinline)) static int
ask_history_too(struct query *query, const struct fi_version *version,
                const struct candidates *candidates, enum answer *out)
{
    const struct fi_version_level *level0 = candidates->newest;
    const struct fi_version_level *history = &version->levels[FI_VERSION_HISTORY];
    struct newest newest = {.hit = {.kind = FI_ENTRY_DELETE}};
    int rc = FIRN_OK;
    for (size_t i = 0; i < level0->count && !has_any(&newest); i++) {
        if (may_hold(&level0->runs[i], query->key)) {
            FI_TRY(lsm_tree_get_inspect(query, fi_version_file(level0, i), &newest));
        }
    }
    for (size_t i = 0; i < candidates->count && !has_any(&newest); i++) {
        FI_TRY(lsm_tree_get_inspect(query, candidates->deeper[i], &newest));
    }
    for (size_t i = 0; i < history->count; i++) {
        struct fi_version_file *file = fi_version_file(history, i);
        if (may_hold(&history->runs[i], query->key) && !is_newer(&newest, &history->runs[i]) &&
            !fi_version_history_is_file_skipped(file, query->live)) {
            FI_TRY(lsm_tree_get_inspect(query, file, &newest));
        }
    }
    query->sequence = newest.hit.sequence;
    *out = lsm_tree_get_assess(newest.hit.kind, newest.hit.sequence, newest.covered);
out:
    fi_buf_deinit(&newest.value);
    return rc;
}

/* ---- runs ---- */

/* Inline because gets, one of its two callers, have to be fast. */
static inline int
query_version(struct query *query, struct fi_version *version, enum answer *out)
{
    struct candidates candidates;
    find_candidates(version, query->key, &candidates);
    const struct fi_version_level *newest = candidates.newest;
    if (newest->count + candidates.count >= 2) {
        lsm_tree_get_prefetch(&candidates, query->key, 0);
    }
    if (version->levels[FI_VERSION_HISTORY].count > 0 &&
        !fi_version_history_is_all_skipped(version, query->live)) {
        return ask_history_too(query, version, &candidates, out);
    }
    for (size_t i = 0; i < newest->count && *out == ANSWER_NOTHING; i++) {
        if (may_hold(&newest->runs[i], query->key)) {
            FI_TRY_RETURN(query_file(query, fi_version_file(newest, i), false, out));
        }
    }
    for (size_t i = 0; i < candidates.count && *out == ANSWER_NOTHING; i++) {
        FI_TRY_RETURN(query_file(query, candidates.deeper[i], i == candidates.count - 1, out));
    }
    return FIRN_OK;
}

/* ---- hot entries ---- */

/* Whether hot entries may have the answer: they are whole values, and copied. */
static bool
wants_hot(const struct query *query)
{
    return query->out != NULL && query->pinned == NULL && query->columns == NULL;
}

/* query_version, unless hot entries have the answer. visits: of the epoch's slot. */
static inline int
query_hot(struct query *query, struct fi_lsm *lsm, struct fi_version *version, uint64_t visits,
          enum answer *out)
{
    struct fi_version_hot_get get = {query->key, query->snapshot, visits, 0};
    firn_slice value;
    if (!fi_version_hot_wants(version, lsm->options.cache, &get)) {
        return query_version(query, version, out);
    }
    if (fi_version_hot_find(version, &get, &value)) {
        *out = ANSWER_VALUE;
        return take_value(query, value);
    }
    FI_TRY_RETURN(query_version(query, version, out));
    if (*out == ANSWER_VALUE) {
        fi_version_hot_offer(version, &lsm->epoch, &get, query->sequence, fi_buf_slice(query->out));
    }
    return FIRN_OK;
}

static inline int
query_state(struct query *query, struct fi_lsm *lsm, const struct fi_lsm_superversion *state,
            uint64_t visits, enum answer *out)
{
    *out = ANSWER_NOTHING;
    for (size_t i = 0; i < state->memtable_count && *out == ANSWER_NOTHING; i++) {
        FI_TRY_RETURN(query_memtable(query, state->memtables[i]->table, out));
    }
    if (*out != ANSWER_NOTHING) {
        return FIRN_OK;
    }
    return wants_hot(query) ? query_hot(query, lsm, state->version, visits, out)
                            : query_version(query, state->version, out);
}

/* ---- merge operands ---- */

/* Operands of a key, and the snapshot cut below what has been gathered. */
struct folding {
    struct query query; /* its snapshot is below */
    struct fi_snapshot below;
    struct fi_snapshot_interval *intervals; /* of below, the last of which gets shorter */
    struct fi_merge_fold operands;
};

static int
open_folding(const struct query *query, struct folding *folding)
{
    DCHECK(query->snapshot->count > 0);
    const struct fi_snapshot *snapshot = query->snapshot;
    folding->intervals = fi_alloc_array(snapshot->count, sizeof *folding->intervals);
    if (folding->intervals == NULL) {
        return fi_error_no_memory(query->err, "merge operands");
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        folding->intervals[i] = fi_snapshot_at(snapshot, i);
    }
    folding->below = (struct fi_snapshot){folding->intervals, snapshot->count, 0, NULL};
    folding->query = *query;
    folding->query.pinned = NULL;
    folding->query.columns = NULL; /* operands are applied to whole values */
    folding->query.snapshot = &folding->below;
    return FIRN_OK;
}

/* Adds an operand; from here on only older versions are looked for. */
static int
lsm_tree_get_gather(struct folding *folding, firn_slice operand, uint64_t sequence)
{
    DCHECK(sequence > 0);
    struct fi_snapshot *below = &folding->below;
    int rc = fi_merge_fold_push(&folding->operands, operand, folding->query.err);
    while (below->count > 0 && folding->intervals[below->count - 1].first >= sequence) {
        below->count--;
    }
    if (below->count > 0 && folding->intervals[below->count - 1].last >= sequence) {
        folding->intervals[below->count - 1].last = sequence - 1;
    }
    return rc;
}

/* All operands of the key in a memtable. *out is never ANSWER_OPERAND. */
static int
gather_memtable(struct folding *folding, const struct fi_memtable *table, enum answer *out)
{
    const struct query *query = &folding->query;
    const struct fi_range_set *ranges = fi_memtable_ranges(table);
    struct fi_memtable_cursor cursor;
    int rc = FIRN_OK;
    fi_memtable_cursor_init(&cursor, table);
    fi_memtable_cursor_seek(&cursor, query->key, UINT64_MAX);
    while (rc == FIRN_OK && cursor.is_valid && fi_slice_equal(cursor.entry.key, query->key)) {
        const struct fi_entry *entry = &cursor.entry;
        if (fi_snapshot_sees(query->snapshot, entry->sequence)) {
            *out = lsm_tree_get_assess(entry->kind, entry->sequence,
                                       covered_by(query, ranges, entry->sequence));
            if (*out != ANSWER_OPERAND) {
                return *out > ANSWER_DELETED ? take_value(query, entry->value) : FIRN_OK;
            }
            rc = lsm_tree_get_gather(folding, entry->value, entry->sequence);
        }
        fi_memtable_cursor_next(&cursor);
    }
    *out = covered_by(query, ranges, 0) != 0 ? ANSWER_DELETED : ANSWER_NOTHING;
    return rc;
}

/* From the newest version down to the first that is not an operand. */
__attribute__((noinline)) static int
gather_state(struct folding *folding, const struct fi_lsm_superversion *state, enum answer *out)
{
    struct query *query = &folding->query;
    *out = ANSWER_NOTHING;
    for (size_t i = 0; i < state->memtable_count && *out == ANSWER_NOTHING; i++) {
        FI_TRY_RETURN(gather_memtable(folding, state->memtables[i]->table, out));
    }
    while (*out == ANSWER_NOTHING && folding->below.count > 0) {
        FI_TRY_RETURN(query_version(query, state->version, out));
        if (*out != ANSWER_OPERAND) {
            break;
        }
        FI_TRY_RETURN(lsm_tree_get_gather(folding, fi_buf_slice(query->out), query->sequence));
        *out = ANSWER_NOTHING;
    }
    return FIRN_OK;
}

/* ---- the value ---- */

/* Strips the head of a value that has not expired; an expired one counts as no value. */
static void
assess_expiring(struct fi_lsm *lsm, uint64_t time_ms, const struct query *query,
                enum answer *answer)
{
    struct fi_buf *out = query->out;
    if (*answer != ANSWER_EXPIRING) {
        return;
    }
    /* Checks of runs and batches ensure that it has a head. */
    CHECK(out->data != NULL && out->size >= FI_ENTRY_EXPIRING_HEAD_SIZE);
    if (time_ms == FI_LSM_TIME_NOW) {
        time_ms = (uint64_t)(fi_os_now_ns(lsm->os) / 1000000);
    }
    *answer = ANSWER_DELETED;
    if (fi_entry_expires_ms(fi_buf_slice(out)) > time_ms) {
        firn_slice value = fi_entry_expiring_value(fi_buf_slice(out));
        memmove(out->data, value.data, value.size);
        out->size = value.size;
        *answer = ANSWER_VALUE;
    }
}

/* The newest version is an operand: folds it with the versions below it. */
static int
lsm_tree_get_fold(struct fi_lsm *lsm, uint64_t time_ms, const struct query *query,
                  const struct fi_lsm_superversion *state)
{
    struct folding folding = {.intervals = NULL};
    struct fi_buf base = {0};
    firn_slice value;
    enum answer answer;
    int rc;
    FI_TRY(open_folding(query, &folding));
    folding.query.out = &base;
    FI_TRY(gather_state(&folding, state, &answer));
    assess_expiring(lsm, time_ms, &folding.query, &answer);
    DCHECK(answer <= ANSWER_VALUE);
    value = fi_buf_slice(&base);
    FI_TRY(fi_merge_fold_apply(&folding.operands, answer == ANSWER_VALUE ? &value : NULL,
                               query->out, query->err));
out:
    fi_merge_fold_deinit(&folding.operands);
    fi_free(folding.intervals);
    fi_buf_deinit(&base);
    return rc;
}

/* The newest version alone does not give the value. Few gets come here. */
__attribute__((noinline)) static int
resolve(struct fi_lsm *lsm, uint64_t time_ms, const struct query *query,
        const struct fi_lsm_superversion *state, enum answer *answer)
{
    DCHECK(*answer > ANSWER_VALUE);
    if (*answer == ANSWER_OPERAND) {
        *answer = ANSWER_VALUE;
        return lsm_tree_get_fold(lsm, time_ms, query, state);
    }
    assess_expiring(lsm, time_ms, query, answer);
    return FIRN_OK;
}

/* The same for a caller that only wants to know whether there is a value. An operand always makes a
 * value, unless the result is too long, which only a full read finds out; an expiring value is
 * judged by its head. */
__attribute__((noinline)) static int
resolve_unwanted(struct fi_lsm *lsm, uint64_t time_ms, const struct query *query,
                 const struct fi_lsm_superversion *state, enum answer *answer)
{
    struct fi_buf unwanted = {0};
    struct query again = *query;
    again.out = &unwanted;
    int rc = query_state(&again, lsm, state, 0, answer);
    if (rc == FIRN_OK && *answer > ANSWER_VALUE) {
        rc = resolve(lsm, time_ms, &again, state, answer);
    }
    fi_buf_deinit(&unwanted);
    return rc;
}

static inline int
lsm_tree_get(struct fi_lsm_tree *tree, uint64_t time_ms, struct query *query)
{
    struct fi_lsm *lsm = tree->lsm;
    enum answer answer;
    size_t slot = fi_epoch_enter(&lsm->epoch);
    /* Pairs with the stores in publish_tree_locked (lsm_install.c) and put_in_front_locked
     * (lsm_tree.c). */
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_seq_cst);
    uint64_t visits = fi_epoch_visits(&lsm->epoch, slot);
    int rc = query_state(query, lsm, state, visits, &answer);
    if (rc == FIRN_OK && answer > ANSWER_VALUE) {
        rc = query->out != NULL ? resolve(lsm, time_ms, query, state, &answer)
                                : resolve_unwanted(lsm, time_ms, query, state, &answer);
    }
    DCHECK(rc != FIRN_OK || answer <= ANSWER_VALUE);
    bool is_due = fi_lsm_superversion_note_read(tree, state, visits);
    fi_epoch_leave(&lsm->epoch, slot);
    if (is_due) {
        fi_lsm_superversion_want_compaction(lsm);
    }
    /* Without a text: asking for missing keys is common, and formatting is expensive. */
    return rc == FIRN_OK && answer != ANSWER_VALUE ? FIRN_NOT_FOUND : rc;
}

int
fi_lsm_tree_get_at(struct fi_lsm_tree *tree, firn_slice key, const struct fi_snapshot *snapshot,
                   uint64_t time_ms, const struct fi_run_projection *columns, struct fi_buf *out,
                   firn_error *err)
{
    struct query query = {.key = key,
                          .snapshot = snapshot,
                          .live = snapshot,
                          .out = out,
                          .columns = columns,
                          .err = err};
    return lsm_tree_get(tree, time_ms, &query);
}

int
fi_lsm_tree_get_pinned(struct fi_lsm_tree *tree, firn_slice key, const struct fi_snapshot *snapshot,
                       uint64_t time_ms, struct fi_run_pinned *pinned, struct fi_buf *out,
                       firn_error *err)
{
    struct query query = {.key = key,
                          .snapshot = snapshot,
                          .live = snapshot,
                          .out = out,
                          .pinned = pinned,
                          .err = err};
    DCHECK(pinned->pin.data == NULL && out != NULL);
    int rc = lsm_tree_get(tree, time_ms, &query);
    if (rc != FIRN_OK) {
        /* A range delete may cover what was found. */
        fi_block_cache_unpin(tree->lsm->options.cache, &pinned->pin);
    }
    return rc;
}

int
fi_lsm_tree_get(struct fi_lsm_tree *tree, firn_slice key, const struct fi_snapshot *snapshot,
                struct fi_buf *out, firn_error *err)
{
    return fi_lsm_tree_get_at(tree, key, snapshot, FI_LSM_TIME_NOW, NULL, out, err);
}

void
fi_lsm_tree_get_prefetch(struct fi_lsm_tree *tree, const firn_slice *keys, size_t count)
{
    struct candidates candidates[FI_LSM_PREFETCH_MAX];
    CHECK(count <= FI_LSM_PREFETCH_MAX);
    struct fi_epoch *epoch = &tree->lsm->epoch;
    size_t slot = fi_epoch_enter(epoch);
    /* As in fi_lsm_tree_get. */
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_seq_cst);
    for (size_t i = 0; i < count; i++) {
        find_candidates(state->version, keys[i], &candidates[i]);
    }
    for (unsigned step = 0; step < FI_RUN_GET_STEPS; step++) {
        for (size_t i = 0; i < count; i++) {
            lsm_tree_get_prefetch(&candidates[i], keys[i], step);
        }
    }
    fi_epoch_leave(epoch, slot);
}
