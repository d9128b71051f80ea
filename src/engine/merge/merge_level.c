/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_level.c: the runs of a level as one source.
 *
 * The bounds alone say which run a key belongs to, so a seek opens one run, and a scan one at a
 * time. A run's bounds include its range deletes, so it may have no entries at the place of a seek,
 * or none at all. Then the next run in the direction of the move is tried.
 *
 * Skipping passes runs that are wholly inside the stretch without opening them, as long as all
 * their versions are older than the range delete.
 *
 * Invariant: there is a cursor if and only if a run is held, and the cursor belongs to runs[at]. A
 * run of which nothing is wanted has an empty one in its place.
 * After an error no entry is shown, and the next seek begins anew.
 */
#include "merge/merge.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"

struct level_source {
    struct fi_merge_source source;
    struct fi_merge_level_options options;
    size_t at;
    struct fi_run *run; /* NULL: none is held */
    struct fi_run_cursor *cursor;
};

/* ---- a run without entries ---- */

static int
stay(struct fi_run_cursor *cursor, firn_error *err)
{
    DCHECK(!cursor->is_valid);
    (void)err;
    return FIRN_OK;
}

static int
stay_at(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence, firn_error *err)
{
    (void)key;
    (void)sequence;
    return stay(cursor, err);
}

static void
merge_level_keep(struct fi_run_cursor *cursor)
{
    (void)cursor;
}

static const struct fi_run_kind empty_kind = {
    .cursor_destroy = merge_level_keep,
    .cursor_first = stay,
    .cursor_last = stay,
    .cursor_seek = stay_at,
    .cursor_seek_before = stay_at,
};
/* Shared by all, since nobody changes them. */
static struct fi_run empty_run = {.kind = &empty_kind};
static struct fi_run_cursor empty_cursor = {.kind = &empty_kind};

/* ---- entering and leaving runs ---- */

static void
merge_level_leave(struct level_source *level)
{
    DCHECK((level->run == NULL) == (level->cursor == NULL));
    level->source.entry = NULL;
    if (level->run != NULL) {
        level->cursor->kind->cursor_destroy(level->cursor);
        if (level->run != &empty_run) {
            level->options.release(level->options.ctx, &level->options.runs[level->at], level->run);
        }
        level->run = NULL;
        level->cursor = NULL;
    }
}

static int
merge_level_enter(struct level_source *level, size_t at, firn_error *err)
{
    DCHECK(at < level->options.count);
    level->source.entry = NULL;
    if (level->run != NULL && level->at == at) {
        return FIRN_OK;
    }
    merge_level_leave(level);
    const struct fi_merge_level_run *wanted = &level->options.runs[at];
    struct fi_run *run = NULL;
    int rc = level->options.open(level->options.ctx, wanted, &run, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (run == NULL) {
        level->run = &empty_run;
        level->cursor = &empty_cursor;
        level->at = at;
        return FIRN_OK;
    }
    rc = run->kind->cursor_create(run, &level->options.cursor, &level->cursor, err);
    if (rc != FIRN_OK) {
        level->options.release(level->options.ctx, wanted, run);
        return rc;
    }
    level->run = run;
    level->at = at;
    return FIRN_OK;
}

/* The first run, from `at` on, that may hold wanted versions. */
static size_t
skip_unwanted(const struct level_source *level, size_t at)
{
    const struct fi_snapshot *only = level->options.cursor.only;
    const struct fi_merge_level_run *runs = level->options.runs;
    while (only != NULL && at < level->options.count &&
           !fi_snapshot_sees_any(only, runs[at].sequence_min, runs[at].sequence_max)) {
        at++;
    }
    return at;
}

/* Shows the cursor's entry, or else the first entry of the following runs. rc is the result of the
 * move. */
static int
merge_level_show(struct level_source *level, int rc, firn_error *err)
{
    while (rc == FIRN_OK && !level->cursor->is_valid) {
        size_t next = skip_unwanted(level, level->at + 1);
        merge_level_leave(level);
        if (next >= level->options.count) {
            return FIRN_OK;
        }
        rc = merge_level_enter(level, next, err);
        if (rc == FIRN_OK) {
            rc = level->cursor->kind->cursor_first(level->cursor, err);
        }
    }
    level->source.entry = rc == FIRN_OK ? &level->cursor->entry : NULL;
    return rc;
}

/* Likewise backwards. */
static int
show_back(struct level_source *level, int rc, firn_error *err)
{
    while (rc == FIRN_OK && !level->cursor->is_valid) {
        size_t at = level->at;
        merge_level_leave(level);
        if (at == 0) {
            return FIRN_OK;
        }
        rc = merge_level_enter(level, at - 1, err);
        if (rc == FIRN_OK) {
            rc = level->cursor->kind->cursor_last(level->cursor, err);
        }
    }
    level->source.entry = rc == FIRN_OK ? &level->cursor->entry : NULL;
    return rc;
}

/* The first run that ends after key, which may hold the key. */
static size_t
run_of(const struct level_source *level, firn_slice key)
{
    size_t low = 0;
    size_t high = level->options.count;
    FI_SEARCH_FIRST(low, high, middle,
                    fi_slice_compare(level->options.runs[middle].upper, key) <= 0);
    return low;
}

static int
enter_first(struct level_source *level, size_t at, firn_error *err)
{
    int rc = merge_level_enter(level, at, err);
    return rc != FIRN_OK ? rc
                         : merge_level_show(
                               level, level->cursor->kind->cursor_first(level->cursor, err), err);
}

static int
enter_last(struct level_source *level, size_t at, firn_error *err)
{
    int rc = merge_level_enter(level, at, err);
    return rc != FIRN_OK
               ? rc
               : show_back(level, level->cursor->kind->cursor_last(level->cursor, err), err);
}

static int
enter_at(struct level_source *level, size_t at, firn_slice key, uint64_t sequence, firn_error *err)
{
    int rc;
    FI_TRY(merge_level_enter(level, at, err));
    rc = level->cursor->kind->cursor_seek(level->cursor, key, sequence, err);
    rc = merge_level_show(level, rc, err);
out:
    return rc;
}

static int
enter_before(struct level_source *level, size_t at, firn_slice key, uint64_t sequence,
             firn_error *err)
{
    int rc;
    FI_TRY(merge_level_enter(level, at, err));
    rc = level->cursor->kind->cursor_seek_before(level->cursor, key, sequence, err);
    rc = show_back(level, rc, err);
out:
    return rc;
}

/* ---- the table ---- */

static int
level_first(struct fi_merge_source *source, firn_error *err)
{
    struct level_source *level = (struct level_source *)source;
    size_t first = skip_unwanted(level, 0);
    return first == level->options.count ? FIRN_OK : enter_first(level, first, err);
}

static int
level_last(struct fi_merge_source *source, firn_error *err)
{
    struct level_source *level = (struct level_source *)source;
    size_t count = level->options.count;
    return count == 0 ? FIRN_OK : enter_last(level, count - 1, err);
}

static int
level_seek(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    struct level_source *level = (struct level_source *)source;
    size_t at = run_of(level, key);
    if (at == level->options.count) {
        merge_level_leave(level);
        return FIRN_OK;
    }
    return enter_at(level, at, key, sequence, err);
}

static void
level_prepare(struct fi_merge_source *source, firn_slice key, uint64_t sequence, unsigned step)
{
    struct level_source *level = (struct level_source *)source;
    size_t at = run_of(level, key);
    if (step == 0 && at < level->options.count && merge_level_enter(level, at, NULL) != FIRN_OK) {
        return;
    }
    level->source.entry = NULL;
    if (level->run != NULL && level->at == at && level->cursor->kind->cursor_prepare != NULL) {
        level->cursor->kind->cursor_prepare(level->cursor, key, sequence, step);
    }
}

static int
level_seek_before(struct fi_merge_source *source, firn_slice key, uint64_t sequence,
                  firn_error *err)
{
    struct level_source *level = (struct level_source *)source;
    size_t at = run_of(level, key);
    if (at < level->options.count && fi_slice_compare(level->options.runs[at].lower, key) <= 0) {
        return enter_before(level, at, key, sequence, err);
    }
    if (at == 0) {
        merge_level_leave(level);
        return FIRN_OK;
    }
    return enter_last(level, at - 1, err);
}

static int
level_next(struct fi_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    struct level_source *level = (struct level_source *)source;
    return merge_level_show(level, level->cursor->kind->cursor_next(level->cursor, err), err);
}

static int
level_prev(struct fi_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    struct level_source *level = (struct level_source *)source;
    return show_back(level, level->cursor->kind->cursor_prev(level->cursor, err), err);
}

static int
level_skip(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && fi_slice_compare(source->entry->key, key) < 0);
    struct level_source *level = (struct level_source *)source;
    const struct fi_merge_level_run *runs = level->options.runs;
    size_t count = level->options.count;
    size_t at = level->at;
    while (at < count && runs[at].sequence_max < sequence &&
           fi_slice_compare(runs[at].upper, key) <= 0) {
        at++;
    }
    if (at == count) {
        merge_level_leave(level);
        return FIRN_OK;
    }
    if (runs[at].sequence_max < sequence && fi_slice_compare(runs[at].lower, key) < 0) {
        return enter_at(level, at, key, UINT64_MAX, err);
    }
    return at == level->at ? FIRN_OK : enter_first(level, at, err);
}

static int
level_skip_back(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && fi_slice_compare(source->entry->key, key) >= 0);
    struct level_source *level = (struct level_source *)source;
    const struct fi_merge_level_run *runs = level->options.runs;
    size_t end = level->at + 1; /* after the current run */
    while (end > 0 && runs[end - 1].sequence_max < sequence &&
           fi_slice_compare(runs[end - 1].lower, key) >= 0) {
        end--;
    }
    if (end == 0) {
        merge_level_leave(level);
        return FIRN_OK;
    }
    size_t at = end - 1;
    if (runs[at].sequence_max < sequence && fi_slice_compare(runs[at].upper, key) > 0) {
        return enter_before(level, at, key, UINT64_MAX, err);
    }
    return at == level->at ? FIRN_OK : enter_last(level, at, err);
}

static int
level_batch(struct fi_merge_source *source, const struct fi_run_kind *kind, const firn_slice *limit,
            uint64_t max, struct fi_run_batch *out, firn_error *err)
{
    DCHECK(source->entry != NULL);
    const struct level_source *level = (const struct level_source *)source;
    if (level->cursor->kind != kind || kind->cursor_batch == NULL) {
        return FIRN_OK;
    }
    int rc = kind->cursor_batch(level->cursor, limit, max, out, err);
    out->cursor = level->cursor;
    DCHECK(rc != FIRN_OK || out->count == 0 || limit == NULL ||
           fi_slice_compare(out->last_key, *limit) < 0);
    return rc;
}

static int
level_batch_taken(struct fi_merge_source *source, firn_error *err)
{
    return merge_level_show((struct level_source *)source, FIRN_OK, err);
}

static void
level_destroy(struct fi_merge_source *source)
{
    struct level_source *level = (struct level_source *)source;
    merge_level_leave(level);
    fi_free(level);
}

static const struct fi_merge_source_ops level_ops = {
    .first = level_first,
    .last = level_last,
    .seek = level_seek,
    .prepare = level_prepare,
    .seek_before = level_seek_before,
    .next = level_next,
    .prev = level_prev,
    .skip = level_skip,
    .skip_back = level_skip_back,
    .destroy = level_destroy,
    .batch = level_batch,
    .batch_taken = level_batch_taken,
};

int
fi_merge_level_create(const struct fi_merge_level_options *options, struct fi_merge_source **out,
                      firn_error *err)
{
    *out = NULL;
    for (size_t i = 1; i < options->count; i++) {
        DCHECK(fi_slice_compare(options->runs[i - 1].upper, options->runs[i].lower) <= 0);
    }
    struct level_source *level = fi_alloc(sizeof *level);
    if (level == NULL) {
        return fi_error_no_memory(err, "a source of a merge");
    }
    *level = (struct level_source){.source = {.ops = &level_ops, .name = options->name},
                                   .options = *options};
    *out = &level->source;
    return FIRN_OK;
}
