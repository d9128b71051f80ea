/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_cursor.c: walking the keys of a keyspace as they were when the cursor was opened.
 *
 * The memtable holds all versions of all keys, tombstones included, sorted by key and the newest
 * version first. A cursor sees sequences up to the one that was published at its opening, so for
 * each key it shows the first version that is not newer than that, unless it is a tombstone.
 * Commits that come later add versions that it skips.
 *
 * Versions to be skipped are few as a rule and stepped over; behind STEPS_MAX of them the cursor
 * seeks instead, so that a key that was written a million times costs two searches.
 *
 * Bounds. The prefix is turned into bounds: keys with it lie from the prefix itself up to, not
 * including, the smallest string behind all of them: the prefix without its trailing 0xff bytes and
 * its last byte increased; a prefix of nothing but 0xff has none. Lower is the larger of the lower
 * bounds, upper the smaller of the upper ones; where upper is not above lower the range is empty.
 *
 * (I1) While the cursor is valid, `at` stands on the version that is shown: the newest visible one
 *   of its key.
 */
#include "store/db_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

enum { STEPS_MAX = 8 };

struct firn_db_cursor {
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *next_open; /* in db->cursors */
    struct firn_db_cursor *prev_open;
    uint64_t sequence; /* the newest that is seen */
    struct firn_memtable_cursor at;
    struct firn_memtable_cursor before; /* with has_before: the last version before at's key */
    bool has_before;
    bool is_valid;
    bool has_upper;
    struct firn_buf lower;
    struct firn_buf upper;
};

/* ---- opening ---- */

/* Sets upper to the smallest string behind all that begin with prefix; has_upper is false where
 * there is none. */
static int
set_prefix_end(struct firn_db_cursor *cursor, firn_slice prefix)
{
    size_t size = prefix.size;
    while (size > 0 && prefix.data[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        return FIRN_OK;
    }
    if (firn_buf_append(&cursor->upper, prefix.data, size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    cursor->upper.data[size - 1]++;
    cursor->has_upper = true;
    return FIRN_OK;
}

static int
set_bounds(struct firn_db_cursor *cursor, const struct firn_db_cursor_options *options)
{
    firn_slice lower = firn_bytes(NULL, 0);
    if (options->lower != NULL) {
        lower = *options->lower;
    }
    if (options->prefix != NULL) {
        if (firn_slice_compare(*options->prefix, lower) > 0) {
            lower = *options->prefix;
        }
        if (set_prefix_end(cursor, *options->prefix) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
    }
    if (options->upper != NULL &&
        (!cursor->has_upper ||
         firn_slice_compare(*options->upper, firn_buf_slice(&cursor->upper)) < 0)) {
        firn_buf_clear(&cursor->upper);
        if (firn_buf_append_slice(&cursor->upper, *options->upper) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        cursor->has_upper = true;
    }
    return firn_buf_append_slice(&cursor->lower, lower);
}

static void
destroy(struct firn_db_cursor *cursor)
{
    firn_buf_deinit(&cursor->lower);
    firn_buf_deinit(&cursor->upper);
    firn_free(cursor);
}

int
firn_db_cursor_open(struct firn_db_keyspace *keyspace, const struct firn_db_cursor_options *options,
                    struct firn_db_cursor **out, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    struct firn_db_cursor *cursor = firn_alloc_zeroed(sizeof *cursor);
    *out = NULL;
    if (cursor == NULL) {
        return firn_error_no_memory(err, "a cursor");
    }
    if (options != NULL && set_bounds(cursor, options) != FIRN_OK) {
        destroy(cursor);
        return firn_error_no_memory(err, "a cursor");
    }
    cursor->keyspace = keyspace;
    cursor->sequence = firn_db_published(db);
    firn_memtable_cursor_init(&cursor->at, keyspace->memtable);
    firn_os_mutex_lock(&db->state_mutex);
    cursor->next_open = db->cursors;
    if (db->cursors != NULL) {
        db->cursors->prev_open = cursor;
    }
    db->cursors = cursor;
    firn_os_mutex_unlock(&db->state_mutex);
    *out = cursor;
    return FIRN_OK;
}

void
firn_db_cursor_close(struct firn_db_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    struct firn_db *db = cursor->keyspace->db;
    firn_os_mutex_lock(&db->state_mutex);
    if (cursor->prev_open != NULL) {
        cursor->prev_open->next_open = cursor->next_open;
    } else {
        db->cursors = cursor->next_open;
    }
    if (cursor->next_open != NULL) {
        cursor->next_open->prev_open = cursor->prev_open;
    }
    firn_os_mutex_unlock(&db->state_mutex);
    destroy(cursor);
}

struct firn_db_cursor *
firn_db_cursor_next_open(const struct firn_db_cursor *cursor)
{
    return cursor->next_open;
}

void
firn_db_cursor_destroy_all(struct firn_db *db)
{
    while (db->cursors != NULL) {
        struct firn_db_cursor *cursor = db->cursors;
        db->cursors = cursor->next_open;
        destroy(cursor);
    }
}

/* ---- moving ---- */

/* Moves `at` behind all versions of the key it stands on. */
static void
skip_key(struct firn_memtable_cursor *at)
{
    const firn_slice key = at->entry.key;
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        firn_memtable_cursor_next(at);
        if (!at->is_valid || !firn_slice_equal(at->entry.key, key)) {
            return;
        }
    }
    /* Sequences begin at 1: nothing of the key lies behind this place. */
    firn_memtable_cursor_seek(at, key, 0);
}

/* Moves `at` over versions of its key that came after the cursor was opened; it may end on the
 * next key. */
static void
skip_newer(struct firn_db_cursor *cursor)
{
    struct firn_memtable_cursor *at = &cursor->at;
    const firn_slice key = at->entry.key;
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        if (!at->is_valid || at->entry.sequence <= cursor->sequence) {
            return;
        }
        firn_memtable_cursor_next(at);
    }
    if (at->is_valid && firn_slice_equal(at->entry.key, key)) {
        firn_memtable_cursor_seek(at, key, cursor->sequence);
    }
}

/* From the first version of a key, or from where a seek ended: on to the first key that is to be
 * shown. */
static void
settle_forward(struct firn_db_cursor *cursor)
{
    struct firn_memtable_cursor *at = &cursor->at;
    for (;;) {
        while (at->is_valid && at->entry.sequence > cursor->sequence) {
            skip_newer(cursor);
        }
        if (!at->is_valid || at->entry.kind != FIRN_ENTRY_DELETE) {
            break;
        }
        skip_key(at);
    }
    cursor->is_valid =
        at->is_valid && (!cursor->has_upper ||
                         firn_slice_compare(at->entry.key, firn_buf_slice(&cursor->upper)) < 0);
}

/* From any version of a key that is seen: to the newest one of that key that is. The step that
 * found out is kept. */
static void
to_newest_seen(struct firn_db_cursor *cursor)
{
    struct firn_memtable_cursor *at = &cursor->at;
    const firn_slice key = at->entry.key;
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        cursor->before = *at;
        firn_memtable_cursor_prev(&cursor->before);
        if (!cursor->before.is_valid || !firn_slice_equal(cursor->before.entry.key, key)) {
            cursor->has_before = true;
            return;
        }
        if (cursor->before.entry.sequence > cursor->sequence) {
            return;
        }
        *at = cursor->before;
    }
    firn_memtable_cursor_seek(at, key, cursor->sequence);
}

/* Moves `at` before all versions of the key it stands on. Versions that were added since
 * `before` was found are newer than what the cursor sees. */
static void
skip_key_back(struct firn_db_cursor *cursor)
{
    struct firn_memtable_cursor *at = &cursor->at;
    if (cursor->has_before) {
        *at = cursor->before;
        cursor->has_before = false;
        return;
    }
    const firn_slice key = at->entry.key;
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        firn_memtable_cursor_prev(at);
        if (!at->is_valid || !firn_slice_equal(at->entry.key, key)) {
            return;
        }
    }
    firn_memtable_cursor_seek_before(at, key, UINT64_MAX);
}

/* From the last version of a key, or from where a seek ended: back to the first key that is to
 * be shown. */
static void
settle_back(struct firn_db_cursor *cursor)
{
    struct firn_memtable_cursor *at = &cursor->at;
    while (at->is_valid) {
        if (at->entry.sequence <= cursor->sequence) {
            to_newest_seen(cursor);
            if (at->entry.kind != FIRN_ENTRY_DELETE) {
                break;
            }
        }
        skip_key_back(cursor);
    }
    cursor->is_valid =
        at->is_valid && firn_slice_compare(at->entry.key, firn_buf_slice(&cursor->lower)) >= 0;
}

int
firn_db_cursor_seek(struct firn_db_cursor *cursor, firn_slice key, firn_error *err)
{
    (void)err;
    firn_slice lower = firn_buf_slice(&cursor->lower);
    cursor->has_before = false;
    firn_memtable_cursor_seek(&cursor->at, firn_slice_compare(key, lower) < 0 ? lower : key,
                              cursor->sequence);
    settle_forward(cursor);
    return FIRN_OK;
}

int
firn_db_cursor_seek_before(struct firn_db_cursor *cursor, firn_slice key, firn_error *err)
{
    (void)err;
    firn_slice upper = firn_buf_slice(&cursor->upper);
    cursor->has_before = false;
    bool is_beyond = cursor->has_upper && firn_slice_compare(key, upper) > 0;
    firn_memtable_cursor_seek_before(&cursor->at, is_beyond ? upper : key, UINT64_MAX);
    settle_back(cursor);
    return FIRN_OK;
}

int
firn_db_cursor_first(struct firn_db_cursor *cursor, firn_error *err)
{
    return firn_db_cursor_seek(cursor, firn_buf_slice(&cursor->lower), err);
}

int
firn_db_cursor_last(struct firn_db_cursor *cursor, firn_error *err)
{
    if (cursor->has_upper) {
        return firn_db_cursor_seek_before(cursor, firn_buf_slice(&cursor->upper), err);
    }
    cursor->has_before = false;
    firn_memtable_cursor_last(&cursor->at);
    settle_back(cursor);
    return FIRN_OK;
}

static int
refuse_invalid(firn_error *err)
{
    return firn_error_set(err, FIRN_MISUSE, "the cursor stands on no entry");
}

int
firn_db_cursor_next(struct firn_db_cursor *cursor, firn_error *err)
{
    if (!cursor->is_valid) {
        return refuse_invalid(err);
    }
    cursor->has_before = false;
    skip_key(&cursor->at);
    settle_forward(cursor);
    return FIRN_OK;
}

int
firn_db_cursor_prev(struct firn_db_cursor *cursor, firn_error *err)
{
    if (!cursor->is_valid) {
        return refuse_invalid(err);
    }
    skip_key_back(cursor);
    settle_back(cursor);
    return FIRN_OK;
}

bool
firn_db_cursor_valid(const struct firn_db_cursor *cursor)
{
    return cursor->is_valid;
}

firn_slice
firn_db_cursor_key(const struct firn_db_cursor *cursor)
{
    return cursor->is_valid ? cursor->at.entry.key : firn_bytes(NULL, 0);
}

firn_slice
firn_db_cursor_value(const struct firn_db_cursor *cursor)
{
    return cursor->is_valid ? cursor->at.entry.value : firn_bytes(NULL, 0);
}
