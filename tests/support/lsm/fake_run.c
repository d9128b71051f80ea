/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a run in memory: a sorted array.
 */
#include "fake_run.h"

#include "base/check.h"
#include "base/slice.h"
#include "support/test.h"

struct fake_version {
    uint8_t *bytes; /* of key and value */
    struct fi_entry entry;
};

struct fake_cursor {
    struct fi_run_cursor cursor; /* first */
    struct fake_run *run;
    size_t at;
    uint8_t *bytes;
};

uint64_t fake_run_fail_at;

static uint8_t *
copy_entry(const struct fi_entry *entry, struct fi_entry *out)
{
    uint8_t *bytes = malloc(entry->key.size + entry->value.size + 1);
    assert_non_null(bytes);
    if (entry->key.size > 0) {
        memcpy(bytes, entry->key.data, entry->key.size);
    }
    if (entry->value.size > 0) {
        memcpy(bytes + entry->key.size, entry->value.data, entry->value.size);
    }
    *out = *entry;
    out->key.data = bytes;
    out->value.data = bytes + entry->key.size;
    return bytes;
}

static const struct fi_run_summary *
summary(const struct fi_run *run)
{
    return &((const struct fake_run *)run)->summary;
}

static const struct fi_range_set *
ranges(const struct fi_run *run)
{
    return &((const struct fake_run *)run)->ranges;
}

/* ---- cursors ---- */

static int
cursor_create(struct fi_run *run, const struct fi_run_cursor_options *options,
              struct fi_run_cursor **out, firn_error *err)
{
    (void)options;
    (void)err;
    struct fake_cursor *cursor = calloc(1, sizeof *cursor);
    assert_non_null(cursor);
    cursor->cursor.kind = run->kind;
    cursor->run = (struct fake_run *)run;
    cursor->run->cursors++;
    *out = &cursor->cursor;
    return FIRN_OK;
}

static void
cursor_destroy(struct fi_run_cursor *cursor)
{
    struct fake_cursor *fake = (struct fake_cursor *)cursor;
    fake->run->cursors--;
    free(fake->bytes);
    free(fake);
}

/* To the version with that index; any index that there is none of is the end. */
static int
settle(struct fi_run_cursor *cursor, size_t at, firn_error *err)
{
    struct fake_cursor *fake = (struct fake_cursor *)cursor;
    free(fake->bytes);
    fake->bytes = NULL;
    fake->run->moves++;
    cursor->is_valid = false;
    if (fake_run_fail_at > 0 && --fake_run_fail_at == 0) {
        return fi_error_set(err, FIRN_CORRUPT, "a move failed as it was told to");
    }
    if (at < fake->run->count) {
        fake->bytes = copy_entry(&fake->run->versions[at].entry, &cursor->entry);
        fake->at = at;
        cursor->is_valid = true;
    }
    return FIRN_OK;
}

static size_t
below(const struct fake_run *run, firn_slice key, uint64_t sequence)
{
    size_t low = 0;
    size_t high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fi_entry *entry = &run->versions[middle].entry;
        if (fi_entry_compare(entry->key, entry->sequence, key, sequence) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int
cursor_seek(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence, firn_error *err)
{
    return settle(cursor, below(((struct fake_cursor *)cursor)->run, key, sequence), err);
}

static int
cursor_seek_before(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence, firn_error *err)
{
    return settle(cursor, below(((struct fake_cursor *)cursor)->run, key, sequence) - 1, err);
}

static int
cursor_first(struct fi_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, 0, err);
}

static int
cursor_last(struct fi_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, ((struct fake_cursor *)cursor)->run->count - 1, err);
}

static int
cursor_next(struct fi_run_cursor *cursor, firn_error *err)
{
    assert_true(cursor->is_valid);
    return settle(cursor, ((struct fake_cursor *)cursor)->at + 1, err);
}

static int
cursor_prev(struct fi_run_cursor *cursor, firn_error *err)
{
    assert_true(cursor->is_valid);
    return settle(cursor, ((struct fake_cursor *)cursor)->at - 1, err);
}

static const struct fi_run_kind fake_kind = {
    .name = "fake",
    .summary = summary,
    .ranges = ranges,
    .cursor_create = cursor_create,
    .cursor_destroy = cursor_destroy,
    .cursor_seek = cursor_seek,
    .cursor_seek_before = cursor_seek_before,
    .cursor_first = cursor_first,
    .cursor_last = cursor_last,
    .cursor_next = cursor_next,
    .cursor_prev = cursor_prev,
};

/* ---- making ---- */

struct fake_run *
fake_run_create(void)
{
    struct fake_run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->run.kind = &fake_kind;
    return run;
}

void
fake_run_destroy(struct fake_run *run)
{
    assert_int_equal(run->cursors, 0);
    for (size_t i = 0; i < run->count; i++) {
        free(run->versions[i].bytes);
    }
    free(run->versions);
    fi_range_set_deinit(&run->ranges);
    fi_run_summary_deinit(&run->summary);
    free(run);
}

const struct fi_entry *
fake_run_entry(const struct fake_run *run, size_t at)
{
    return &run->versions[at].entry;
}

/* Sequences and bounds of the summary. upper_more: a zero byte belongs after upper. */
static void
widen(struct fake_run *run, firn_slice lower, firn_slice upper, bool upper_more, uint64_t sequence)
{
    struct fi_run_summary *all = &run->summary;
    bool is_first = run->count == 0 && all->range_count == 0;
    if (is_first || fi_slice_compare(lower, fi_buf_slice(&all->lower)) < 0) {
        fi_buf_clear(&all->lower);
        assert_int_equal(fi_buf_append_slice(&all->lower, lower), FIRN_OK);
    }
    if (is_first || fi_slice_compare(upper, fi_buf_slice(&all->upper)) >= 0) {
        fi_buf_clear(&all->upper);
        assert_int_equal(fi_buf_append_slice(&all->upper, upper), FIRN_OK);
        if (upper_more) {
            assert_int_equal(fi_buf_append_u8(&all->upper, 0), FIRN_OK);
        }
    }
    if (is_first || sequence < all->sequence_min) {
        all->sequence_min = sequence;
    }
    if (sequence > all->sequence_max) {
        all->sequence_max = sequence;
    }
}

void
fake_run_add(struct fake_run *run, const struct fi_entry *entry)
{
    if (run->count > 0) {
        const struct fi_entry *last = &run->versions[run->count - 1].entry;
        assert_true(fi_entry_compare(last->key, last->sequence, entry->key, entry->sequence) < 0);
    }
    if (run->count == run->capacity) {
        run->capacity = run->capacity == 0 ? 8 : run->capacity * 2;
        run->versions = realloc(run->versions, run->capacity * sizeof *run->versions);
        assert_non_null(run->versions);
    }
    widen(run, entry->key, entry->key, true, entry->sequence);
    struct fake_version *version = &run->versions[run->count++];
    version->bytes = copy_entry(entry, &version->entry);
    run->summary.entry_count++;
}

void
fake_run_add_range(struct fake_run *run, const struct fi_range *range)
{
    widen(run, range->lower, range->upper, false, range->sequence);
    assert_int_equal(fi_range_set_add(&run->ranges, range, NULL), FIRN_OK);
    run->summary.range_count++;
}
