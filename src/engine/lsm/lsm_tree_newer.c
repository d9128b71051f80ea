/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree_newer.c: whether a key, or any key of a range, was written within an interval of
 * sequences. Transactions ask this before they commit.
 *
 * The answer is about versions, not about what a snapshot reads: a put of the value that was there
 * before counts, and so do deletes of what was not there, and range deletes. Compaction keeps the
 * newest version of each key, and tombstones for as long as an open transaction may ask
 * (tombstones_kept_from in base/snapshot.h), so the answer is right for an interval that reaches to
 * the newest sequence.
 *
 * Cost. Recent writes are in memory: memtables and runs whose newest sequence is before the
 * interval are skipped unread. For a range, all of its versions in the remaining memtables (some 40
 * ns each) and runs are walked.
 *
 * If a run that may hold an answer cannot be read, the search ends with its error.
 *
 * Locking: a key is looked up inside the epoch, as in a get. A range holds a reference to the
 * state, because it may take long. The leader of commits may ask too; it then finds what it has
 * applied but not yet published.
 */
#include "base/check.h"
#include "base/slice.h"
#include "lsm/lsm_internal.h"

struct question {
    firn_slice lower;        /* the key itself, where it is about one */
    const firn_slice *upper; /* NULL: no bound */
    const struct fi_snapshot_interval *written;
    struct fi_snapshot snapshot; /* written alone */
    struct fi_buf *key;          /* for what was found, or NULL */
    bool is_found;
    firn_error *err;
};

static uint64_t
before(const struct question *question)
{
    DCHECK(question->written->first > 0);
    return question->written->first - 1;
}

static bool
may_hold(const struct fi_tree_memtable *memtable, const struct question *question)
{
    return atomic_load_explicit(&memtable->sequence_max, memory_order_relaxed) > before(question);
}

/* ---- one key ---- */

static bool
is_key_covered(const struct question *question, const struct fi_range_set *ranges)
{
    return !fi_range_set_is_empty(ranges) &&
           fi_range_set_covering(ranges, question->lower, &question->snapshot, before(question)) !=
               0;
}

static void
query_memtable_for_key(struct question *question, const struct fi_tree_memtable *memtable)
{
    struct fi_entry entry;
    question->is_found =
        may_hold(memtable, question) &&
        (fi_memtable_get(memtable->table, question->lower, &question->snapshot, &entry) ||
         is_key_covered(question, fi_memtable_ranges(memtable->table)));
}

static int
query_file_for_key(struct question *question, struct fi_version_file *file)
{
    struct fi_run *run;
    struct fi_run_hit hit;
    int rc = fi_version_file_open(file, &run, question->err);
    if (rc == FIRN_OK) {
        rc = run->kind->get(run, question->lower, &question->snapshot, &hit, NULL, question->err);
    }
    if (rc == FIRN_OK) {
        question->is_found = true;
        return FIRN_OK;
    }
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    question->is_found =
        file->info.range_count > 0 && is_key_covered(question, run->kind->ranges(run));
    return FIRN_OK;
}

static int
query_overlapping_for_key(struct question *question, const struct fi_version_level *level)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < level->count && rc == FIRN_OK && !question->is_found; i++) {
        const struct fi_merge_level_run *run = &level->runs[i];
        if (run->sequence_max > before(question) &&
            fi_slice_compare(run->lower, question->lower) <= 0 &&
            fi_slice_compare(question->lower, run->upper) < 0) {
            rc = query_file_for_key(question, fi_version_file(level, i));
        }
    }
    return rc;
}

static int
query_version_for_key(struct question *question, const struct fi_version *version)
{
    int rc = FIRN_OK;
    for (unsigned number = 0;
         number < FI_VERSION_LEVELS_ALL && rc == FIRN_OK && !question->is_found; number++) {
        const struct fi_version_level *level = &version->levels[number];
        if (level->sequence_max <= before(question)) {
            continue;
        }
        if (number == 0 || number == FI_VERSION_HISTORY) {
            rc = query_overlapping_for_key(question, level);
            continue;
        }
        struct fi_version_file *file = fi_version_find(level, question->lower);
        if (file != NULL && file->info.sequence_max > before(question)) {
            rc = query_file_for_key(question, file);
        }
    }
    return rc;
}

int
fi_lsm_tree_newer_key(struct fi_lsm_tree *tree, firn_slice key,
                      const struct fi_snapshot_interval *written, bool *out, firn_error *err)
{
    DCHECK(written->first <= written->last);
    struct question question = {
        .lower = key, .written = written, .snapshot = {written, 1, 0, NULL}, .err = err};
    struct fi_epoch *epoch = &tree->lsm->epoch;
    size_t slot = fi_epoch_enter(epoch);
    /* Pairs as in fi_lsm_tree_get. */
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_seq_cst);
    for (size_t i = 0; i < state->memtable_count && !question.is_found; i++) {
        query_memtable_for_key(&question, state->memtables[i]);
    }
    int rc = question.is_found ? FIRN_OK : query_version_for_key(&question, state->version);
    fi_epoch_leave(epoch, slot);
    *out = rc == FIRN_OK && question.is_found;
    return rc;
}

/* ---- a range ---- */

static bool
is_beyond(const struct question *question, firn_slice key)
{
    return question->upper != NULL && fi_slice_compare(key, *question->upper) >= 0;
}

static int
found(struct question *question, firn_slice key)
{
    DCHECK(!question->is_found && !is_beyond(question, key));
    question->is_found = true;
    if (question->key != NULL && fi_buf_assign(question->key, key) != FIRN_OK) {
        return fi_error_no_memory(question->err, "a key");
    }
    return FIRN_OK;
}

/* Whether a range delete of the interval overlaps the range. */
static int
query_ranges(struct question *question, const struct fi_range_set *ranges)
{
    firn_slice at = question->lower;
    bool is_free = !fi_range_set_is_empty(ranges);
    while (is_free) {
        struct fi_range_stretch stretch = {.lower = at, .has_lower = true};
        if (!fi_range_set_free(ranges, at, &question->snapshot, before(question), &stretch)) {
            return found(question, at);
        }
        DCHECK(!stretch.has_upper || fi_slice_compare(at, stretch.upper) < 0);
        is_free = stretch.has_upper && !is_beyond(question, stretch.upper);
        at = stretch.upper;
    }
    return FIRN_OK;
}

static int
query_memtable_for_range(struct question *question, const struct fi_tree_memtable *memtable)
{
    struct fi_memtable_cursor cursor;
    if (!may_hold(memtable, question)) {
        return FIRN_OK;
    }
    fi_memtable_cursor_init(&cursor, memtable->table);
    fi_memtable_cursor_seek(&cursor, question->lower, UINT64_MAX);
    while (cursor.is_valid && !is_beyond(question, cursor.entry.key)) {
        if (fi_snapshot_sees(&question->snapshot, cursor.entry.sequence)) {
            return found(question, cursor.entry.key);
        }
        fi_memtable_cursor_next(&cursor);
    }
    return query_ranges(question, fi_memtable_ranges(memtable->table));
}

static int
walk_run(struct question *question, struct fi_run_cursor *cursor)
{
    int rc = cursor->kind->cursor_seek(cursor, question->lower, UINT64_MAX, question->err);
    while (rc == FIRN_OK && cursor->is_valid && !is_beyond(question, cursor->entry.key)) {
        if (fi_snapshot_sees(&question->snapshot, cursor->entry.sequence)) {
            return found(question, cursor->entry.key);
        }
        rc = cursor->kind->cursor_next(cursor, question->err);
    }
    return rc;
}

static int
query_file_for_range(struct question *question, struct fi_version_file *file)
{
    static const struct fi_run_cursor_options options = {.is_sequential = true,
                                                         .keeps_references = true};
    struct fi_version_file_handle *pin = NULL;
    struct fi_run_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_version_file_pin(file, &pin, question->err));
    const struct fi_run_kind *kind = pin->run->kind;
    FI_TRY(query_ranges(question, kind->ranges(pin->run)));
    if (!question->is_found) {
        FI_TRY(kind->cursor_create(pin->run, &options, &cursor, question->err));
        rc = walk_run(question, cursor);
        kind->cursor_destroy(cursor);
    }
out:
    fi_version_file_unpin(pin);
    return rc;
}

static int
query_level_for_range(struct question *question, const struct fi_version_level *level)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < level->count && rc == FIRN_OK && !question->is_found; i++) {
        if (level->runs[i].sequence_max > before(question) &&
            fi_version_run_overlaps(&level->runs[i], &question->lower, question->upper)) {
            rc = query_file_for_range(question, fi_version_file(level, i));
        }
    }
    return rc;
}

static int
query_state_for_range(struct question *question, const struct fi_lsm_superversion *state)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < state->memtable_count && rc == FIRN_OK && !question->is_found; i++) {
        rc = query_memtable_for_range(question, state->memtables[i]);
    }
    for (unsigned number = 0;
         number < FI_VERSION_LEVELS_ALL && rc == FIRN_OK && !question->is_found; number++) {
        const struct fi_version_level *level = &state->version->levels[number];
        if (level->sequence_max > before(question)) {
            rc = query_level_for_range(question, level);
        }
    }
    return rc;
}

int
fi_lsm_tree_newer_range(struct fi_lsm_tree *tree, const struct fi_lsm_range *bounds,
                        const struct fi_snapshot_interval *written, struct fi_buf *out_key,
                        bool *out, firn_error *err)
{
    DCHECK(written->first <= written->last);
    struct question question = {.lower = bounds->lower,
                                .upper = bounds->upper,
                                .written = written,
                                .snapshot = {written, 1, 0, NULL},
                                .key = out_key,
                                .err = err};
    *out = false;
    if (is_beyond(&question, question.lower)) {
        return FIRN_OK;
    }
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(tree);
    int rc = query_state_for_range(&question, state);
    fi_lsm_superversion_unref(state);
    *out = rc == FIRN_OK && question.is_found;
    return rc;
}
