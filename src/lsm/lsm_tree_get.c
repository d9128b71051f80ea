/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree_get.c: the value of one key in a view.
 *
 * Sources are asked from the newest to the oldest: memtables, the runs of level 0, then at most one
 * run of each deeper level. By (I1) of lsm.c the first version that the view sees is the newest it
 * sees, and a range delete that it sees makes an end too: whatever older sources hold of the key is
 * older than the range. Within one source both must be compared.
 *
 * The reading is inside the epoch from the loading of the state to the copying of the value; it
 * takes no lock and counts no reference. Reading a run may go to the disk meanwhile: that only
 * delays the release of what was replaced.
 *
 * Failure: a run that may hold the key and cannot be read ends the search with its error. Runs
 * whose bounds leave the key out are not touched, so damage elsewhere does no harm.
 */
#include "base/buf.h"
#include "base/slice.h"
#include "lsm/lsm_internal.h"

/* What a source says of a key. */
enum answer {
    ANSWER_NOTHING, /* look further */
    ANSWER_DELETED,
    ANSWER_VALUE
};

struct query {
    firn_slice key;
    const struct firn_view *view;
    struct firn_buf *out; /* NULL: not wanted */
    firn_error *err;
};

/* From a version (sequence 0: none) and the newest range delete above it, which both the view
 * sees. */
static enum answer
judge(enum firn_entry_kind kind, uint64_t sequence, uint64_t covered_by)
{
    if (sequence == 0 && covered_by == 0) {
        return ANSWER_NOTHING;
    }
    return sequence < covered_by || kind != FIRN_ENTRY_PUT ? ANSWER_DELETED : ANSWER_VALUE;
}

static uint64_t
covered_by(const struct query *query, const struct firn_range_set *ranges, uint64_t above)
{
    return firn_range_set_is_empty(ranges)
               ? 0
               : firn_range_set_covering(ranges, query->key, query->view, above);
}

static int
ask_memtable(const struct query *query, const struct firn_memtable *table, enum answer *out)
{
    struct firn_entry entry;
    bool is_found = firn_memtable_get(table, query->key, query->view, &entry);
    uint64_t sequence = is_found ? entry.sequence : 0;
    uint64_t covered = covered_by(query, firn_memtable_ranges(table), sequence);
    *out = judge(is_found ? entry.kind : FIRN_ENTRY_DELETE, sequence, covered);
    if (*out == ANSWER_VALUE && query->out != NULL) {
        firn_buf_clear(query->out);
        if (firn_buf_append_slice(query->out, entry.value) != FIRN_OK) {
            return firn_error_no_memory(query->err, "a value");
        }
    }
    return FIRN_OK;
}

static int
ask_file(const struct query *query, struct firn_lsm_file *file, enum answer *out)
{
    struct firn_run *run;
    struct firn_run_hit hit = {.kind = FIRN_ENTRY_DELETE};
    int rc = firn_lsm_file_open(file, &run, query->err);
    if (rc == FIRN_OK) {
        rc = run->kind->get(run, query->key, query->view, &hit, query->out, query->err);
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    uint64_t sequence = rc == FIRN_OK ? hit.sequence : 0;
    uint64_t covered =
        file->info.range_count == 0 ? 0 : covered_by(query, run->kind->ranges(run), sequence);
    *out = judge(hit.kind, sequence, covered);
    return FIRN_OK;
}

static bool
may_hold(const struct firn_merge_level_run *run, firn_slice key)
{
    return firn_slice_compare(run->lower, key) <= 0 && firn_slice_compare(key, run->upper) < 0;
}

/* The runs that may hold the key: of level 0 those whose bounds do not leave it out, and one of each
 * deeper level. */
struct candidates {
    const struct firn_version_level *newest;
    struct firn_lsm_file *deeper[FIRN_LSM_LEVELS]; /* count of them, the newest first */
    size_t count;
};

static void
find_candidates(const struct firn_version *version, firn_slice key, struct candidates *out)
{
    out->newest = &version->levels[0];
    out->count = 0;
    for (unsigned level = 1; level < FIRN_LSM_LEVELS; level++) {
        struct firn_lsm_file *file = firn_version_find(&version->levels[level], key);
        if (file != NULL) {
            out->deeper[out->count++] = file;
        }
    }
}

static void
prefetch_file(const struct firn_lsm_file *file, firn_slice key)
{
    const struct firn_run *run = firn_lsm_file_peek(file);
    if (run != NULL && run->kind->get_prefetch != NULL) {
        run->kind->get_prefetch(run, key);
    }
}

/* What the first asking of each run waits for comes from slow memory: better all of it at once than
 * one after the other. */
static void
prefetch(const struct candidates *candidates, firn_slice key)
{
    const struct firn_version_level *newest = candidates->newest;
    if (newest->count + candidates->count < 2) {
        return;
    }
    for (size_t i = 0; i < newest->count; i++) {
        if (may_hold(&newest->runs[i], key)) {
            prefetch_file(firn_version_file(newest, i), key);
        }
    }
    for (size_t i = 0; i < candidates->count; i++) {
        prefetch_file(candidates->deeper[i], key);
    }
}

static int
ask_version(const struct query *query, const struct firn_version *version, enum answer *out)
{
    int rc = FIRN_OK;
    struct candidates candidates;
    find_candidates(version, query->key, &candidates);
    prefetch(&candidates, query->key);
    const struct firn_version_level *newest = candidates.newest;
    for (size_t i = 0; i < newest->count && *out == ANSWER_NOTHING; i++) {
        if (may_hold(&newest->runs[i], query->key)) {
            FIRN_TRY(ask_file(query, firn_version_file(newest, i), out));
        }
    }
    for (size_t i = 0; i < candidates.count && *out == ANSWER_NOTHING; i++) {
        FIRN_TRY(ask_file(query, candidates.deeper[i], out));
    }
out:
    return rc;
}

static int
ask_state(const struct query *query, const struct firn_tree_state *state, enum answer *out)
{
    int rc = FIRN_OK;
    *out = ANSWER_NOTHING;
    for (size_t i = 0; i < state->memtable_count && *out == ANSWER_NOTHING; i++) {
        FIRN_TRY(ask_memtable(query, state->memtables[i]->table, out));
    }
    if (*out == ANSWER_NOTHING) {
        FIRN_TRY(ask_version(query, state->version, out));
    }
out:
    return rc;
}

int
firn_lsm_tree_get(struct firn_lsm_tree *tree, firn_slice key, const struct firn_view *view,
                  struct firn_buf *out, firn_error *err)
{
    struct firn_epoch *epoch = &tree->lsm->epoch;
    struct query query = {key, view, out, err};
    enum answer answer;
    size_t slot = firn_epoch_enter(epoch);
    /* Pairs with the stores in publish_locked (lsm_install.c) and put_in_front_locked
     * (lsm_tree.c). */
    const struct firn_tree_state *state = atomic_load_explicit(&tree->state, memory_order_seq_cst);
    int rc = ask_state(&query, state, &answer);
    firn_epoch_leave(epoch, slot);
    /* Without a text: asking for what is not there is common, and formatting is dear. */
    return rc == FIRN_OK && answer != ANSWER_VALUE ? FIRN_NOT_FOUND : rc;
}
