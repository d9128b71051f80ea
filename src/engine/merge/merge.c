/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge.c: a loser tree over sources.
 *
 * The sources are the leaves of a tournament; an inner node keeps the loser of its game, and the
 * overall winner has the current entry. After the winner has moved, the games on its path to the
 * root are played again: one comparison per level. The first 16 bytes of each source's key are kept
 * beside the tree as a number, so that most games touch no key. A source at its end loses against
 * all others. If all but the winner are at their ends, it plays no more games.
 *
 * Invariants.
 * (I1) Going forwards, every source is on its first entry that is not before the current one; going
 *      backwards, on its last that is not after it. A change of direction restores this by seeking,
 *      because a memtable may have got entries in between.
 * (I2) The current entry and the next one have played against each other. So if two sources hold
 *      the same version, this is found at the latest when one of them is current, and neither is
 *      ever shown. (An error, not an assertion: sources are files.)
 *
 * Failure. After an error of a source, lack of memory or (I2) the merge has no position: entry is
 * NULL until it is placed again. Limits: the number of sources is limited by memory; a move costs
 * O(log n) comparisons, a placement or a change of direction n seeks.
 *
 * After D. Knuth, The Art of Computer Programming 3, 5.4.1 (the tree of losers).
 */
#include "merge/merge.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

/* ==== memtables and runs as sources of a merge ====
 *
 * A source shows the entry of its cursor and copies nothing: the merge compares through one
 * pointer, and returns the cursor's entry. A memtable never fails; a run may, and then has no
 * position.
 *
 * A source can be skipped ahead in one seek if all of its entries are older than the range delete
 * over the stretch. A run knows its newest sequence. The active memtable does not and reports
 * UINT64_MAX: then the merge steps over deleted entries there.
 */

struct memtable_source {
    struct fi_merge_source source;
    struct fi_memtable_cursor cursor;
    uint64_t sequence_max;
};

struct run_source {
    struct fi_merge_source source;
    struct fi_run_cursor *cursor;
    uint64_t sequence_max;
};

/* NULL is fine. */
static void
source_destroy(struct fi_merge_source *source)
{
    if (source != NULL) {
        source->ops->destroy(source);
    }
}

/* ---- memtables ---- */

static int
memtable_show(struct memtable_source *memtable)
{
    memtable->source.entry = memtable->cursor.is_valid ? &memtable->cursor.entry : NULL;
    return FIRN_OK;
}

static int
memtable_first(struct fi_merge_source *source, firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    fi_memtable_cursor_first(&memtable->cursor);
    return memtable_show(memtable);
}

static int
memtable_last(struct fi_merge_source *source, firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    fi_memtable_cursor_last(&memtable->cursor);
    return memtable_show(memtable);
}

static int
memtable_seek(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    fi_memtable_cursor_seek(&memtable->cursor, key, sequence);
    return memtable_show(memtable);
}

static int
memtable_seek_before(struct fi_merge_source *source, firn_slice key, uint64_t sequence,
                     firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    fi_memtable_cursor_seek_before(&memtable->cursor, key, sequence);
    return memtable_show(memtable);
}

static int
memtable_next(struct fi_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    fi_memtable_cursor_next(&memtable->cursor);
    return memtable_show(memtable);
}

static int
memtable_prev(struct fi_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    fi_memtable_cursor_prev(&memtable->cursor);
    return memtable_show(memtable);
}

static int
memtable_skip(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && fi_slice_compare(source->entry->key, key) < 0);
    const struct memtable_source *memtable = (const struct memtable_source *)source;
    return memtable->sequence_max < sequence ? memtable_seek(source, key, UINT64_MAX, err)
                                             : FIRN_OK;
}

static int
memtable_skip_back(struct fi_merge_source *source, firn_slice key, uint64_t sequence,
                   firn_error *err)
{
    DCHECK(source->entry != NULL && fi_slice_compare(source->entry->key, key) >= 0);
    const struct memtable_source *memtable = (const struct memtable_source *)source;
    return memtable->sequence_max < sequence ? memtable_seek_before(source, key, UINT64_MAX, err)
                                             : FIRN_OK;
}

static void
memtable_destroy(struct fi_merge_source *source)
{
    fi_free(source);
}

static const struct fi_merge_source_ops memtable_ops = {
    .first = memtable_first,
    .last = memtable_last,
    .seek = memtable_seek,
    .seek_before = memtable_seek_before,
    .next = memtable_next,
    .prev = memtable_prev,
    .skip = memtable_skip,
    .skip_back = memtable_skip_back,
    .destroy = memtable_destroy,
};

int
fi_merge_source_create_memtable(const struct fi_memtable *table, uint64_t sequence_max,
                                struct fi_merge_source **out, firn_error *err)
{
    *out = NULL;
    struct memtable_source *memtable = fi_alloc(sizeof *memtable);
    if (memtable == NULL) {
        return fi_error_no_memory(err, "a source of a merge");
    }
    memtable->source = (struct fi_merge_source){.ops = &memtable_ops, .name = "a memtable"};
    memtable->sequence_max = sequence_max;
    fi_memtable_cursor_init(&memtable->cursor, table);
    *out = &memtable->source;
    return FIRN_OK;
}

/* ---- runs ---- */

static int
run_show(struct run_source *run, int rc)
{
    run->source.entry = rc == FIRN_OK && run->cursor->is_valid ? &run->cursor->entry : NULL;
    return rc;
}

static int
run_first(struct fi_merge_source *source, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_show(run, run->cursor->kind->cursor_first(run->cursor, err));
}

static int
run_last(struct fi_merge_source *source, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_show(run, run->cursor->kind->cursor_last(run->cursor, err));
}

static int
run_seek(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_show(run, run->cursor->kind->cursor_seek(run->cursor, key, sequence, err));
}

static void
run_prepare(struct fi_merge_source *source, firn_slice key, uint64_t sequence, unsigned step)
{
    struct run_source *run = (struct run_source *)source;
    if (run->cursor->kind->cursor_prepare != NULL) {
        run->source.entry = NULL;
        run->cursor->kind->cursor_prepare(run->cursor, key, sequence, step);
    }
}

static int
run_seek_before(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_show(run, run->cursor->kind->cursor_seek_before(run->cursor, key, sequence, err));
}

static int
run_next(struct fi_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    struct run_source *run = (struct run_source *)source;
    return run_show(run, run->cursor->kind->cursor_next(run->cursor, err));
}

static int
run_prev(struct fi_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    struct run_source *run = (struct run_source *)source;
    return run_show(run, run->cursor->kind->cursor_prev(run->cursor, err));
}

static int
run_skip(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && fi_slice_compare(source->entry->key, key) < 0);
    const struct run_source *run = (const struct run_source *)source;
    return run->sequence_max < sequence ? run_seek(source, key, UINT64_MAX, err) : FIRN_OK;
}

static int
run_skip_back(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && fi_slice_compare(source->entry->key, key) >= 0);
    const struct run_source *run = (const struct run_source *)source;
    return run->sequence_max < sequence ? run_seek_before(source, key, UINT64_MAX, err) : FIRN_OK;
}

static void
run_destroy(struct fi_merge_source *source)
{
    struct run_source *run = (struct run_source *)source;
    run->cursor->kind->cursor_destroy(run->cursor);
    fi_free(run);
}

static const struct fi_merge_source_ops run_ops = {
    .first = run_first,
    .last = run_last,
    .seek = run_seek,
    .prepare = run_prepare,
    .seek_before = run_seek_before,
    .next = run_next,
    .prev = run_prev,
    .skip = run_skip,
    .skip_back = run_skip_back,
    .destroy = run_destroy,
};

int
fi_merge_source_create_run(struct fi_run *run, const char *name,
                           const struct fi_run_cursor_options *options,
                           struct fi_merge_source **out, firn_error *err)
{
    *out = NULL;
    struct run_source *source = fi_alloc(sizeof *source);
    if (source == NULL) {
        return fi_error_no_memory(err, "a source of a merge");
    }
    source->source = (struct fi_merge_source){.ops = &run_ops, .name = name};
    source->sequence_max = run->kind->summary(run)->sequence_max;
    int rc = run->kind->cursor_create(run, options, &source->cursor, err);
    if (rc != FIRN_OK) {
        fi_free(source);
        return rc;
    }
    *out = &source->source;
    return FIRN_OK;
}

/* ==== a loser tree over sources ==== */

struct player {
    struct fi_merge_head head;    /* of entry's key */
    const struct fi_entry *entry; /* the source's; NULL: at its end */
    struct fi_merge_source *source;
};

/* More sources than this are rare. */
enum { FIRST_CAPACITY = 8 };

struct fi_merge {
    const struct fi_entry *entry;
    bool is_backward;
    bool has_twins; /* these two players were found equal */
    size_t twins[2];
    size_t winner;
    size_t live; /* players that have an entry */
    size_t count;
    size_t capacity;
    struct player *players;
    size_t *losers;    /* of the inner nodes 1 to count - 1; node i's children are 2 i and 2 i + 1,
                       and nodes from count on are players */
    struct fi_buf key; /* the sought one: a copy, since it may be the current entry's */
    struct player first_players[FIRST_CAPACITY];
    size_t first_losers[FIRST_CAPACITY];
};

/* ---- the tournament ---- */

static struct fi_merge_head
head_of(firn_slice key)
{
    uint8_t padded[FI_MERGE_HEAD_SIZE] = {0};
    const uint8_t *bytes = key.data;
    if (key.size < FI_MERGE_HEAD_SIZE) {
        if (key.size > 0) {
            memcpy(padded, key.data, key.size);
        }
        bytes = padded;
    }
    return (struct fi_merge_head){fi_load_be64(bytes), fi_load_be64(bytes + 8)};
}

/* A player at its end has a head that loses against all but its like. */
static void
merge_refresh(const struct fi_merge *merge, struct player *player)
{
    player->entry = player->source->entry;
    if (player->entry != NULL) {
        player->head = head_of(player->entry->key);
    } else {
        uint64_t last = merge->is_backward ? 0 : UINT64_MAX;
        player->head = (struct fi_merge_head){last, last};
    }
}

/* For players with equal heads. */
static bool
wins_by_entry(struct fi_merge *merge, size_t a, size_t b)
{
    const struct fi_entry *left = merge->players[a].entry;
    const struct fi_entry *right = merge->players[b].entry;
    if (left == NULL || right == NULL) {
        return left != NULL;
    }
    int order = fi_entry_compare(left->key, left->sequence, right->key, right->sequence);
    if (order == 0) {
        merge->has_twins = true;
        merge->twins[0] = a;
        merge->twins[1] = b;
    }
    return merge->is_backward ? order > 0 : order < 0;
}

/* The result is unpredictable, so there is no branch. */
static inline bool
is_less(struct fi_merge_head a, struct fi_merge_head b)
{
    return ((a.high < b.high) | ((a.high == b.high) & (a.low < b.low))) != 0;
}

static inline bool
wins(struct fi_merge *merge, size_t a, size_t b)
{
    struct fi_merge_head left = merge->players[a].head;
    struct fi_merge_head right = merge->players[b].head;
    if (__builtin_expect(fi_merge_head_equal(left, right), false)) {
        return wins_by_entry(merge, a, b);
    }
    return is_less(left, right) != merge->is_backward;
}

/* The winner below a node whose games must all be played. Recursion depth: log2(count). */
static size_t
play_all(struct fi_merge *merge, size_t node)
{
    if (node >= merge->count) {
        return node - merge->count;
    }
    size_t a = play_all(merge, 2 * node);
    size_t b = play_all(merge, 2 * node + 1);
    bool a_wins = wins(merge, a, b);
    merge->losers[node] = a_wins ? b : a;
    return a_wins ? a : b;
}

/* After the winner has moved. The next winner cannot be predicted, so there is no branch on it. */
static void
play_again(struct fi_merge *merge)
{
    size_t winner = merge->winner;
    for (size_t node = (merge->count + winner) / 2; node > 0; node /= 2) {
        size_t other = merge->losers[node];
        size_t change = (other ^ winner) & -(size_t)wins(merge, other, winner);
        merge->losers[node] = other ^ change;
        winner ^= change;
    }
    merge->winner = winner;
    DCHECK(winner < merge->count);
}

/* ---- results of moves ---- */

static int
merge_fail(struct fi_merge *merge, int rc)
{
    merge->entry = NULL;
    return rc;
}

static int
report_twins(struct fi_merge *merge, firn_error *err)
{
    DCHECK(merge->twins[0] != merge->twins[1]);
    const struct player *one = &merge->players[merge->twins[0]];
    const struct player *other = &merge->players[merge->twins[1]];
    enum { SHOWN = 16 };
    char hex[2 * SHOWN + 1] = "";
    firn_slice key = one->entry->key;
    for (size_t i = 0; i < key.size && i < SHOWN; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
    }
    return fi_error_set(err, FIRN_CORRUPT, /* (I2) */
                        "%s and %s both hold the version %" PRIu64 " of the key %s%s",
                        one->source->name, other->source->name, one->entry->sequence, hex,
                        key.size > SHOWN ? "..." : "");
}

static int
show_winner(struct fi_merge *merge, firn_error *err)
{
    if (merge->has_twins) {
        return merge_fail(merge, report_twins(merge, err));
    }
    merge->entry = merge->players[merge->winner].entry;
    return FIRN_OK;
}

/* (I1) Whether no source is before the winner, in the direction of the moves. */
static bool
is_won(const struct fi_merge *merge)
{
    const struct fi_entry *first = merge->players[merge->winner].entry;
    for (size_t i = 0; i < merge->count; i++) {
        const struct fi_entry *entry = merge->players[i].entry;
        int order = first == NULL || entry == NULL ? 0
                                                   : fi_entry_compare(first->key, first->sequence,
                                                                      entry->key, entry->sequence);
        if ((first == NULL && entry != NULL) || (merge->is_backward ? order < 0 : order > 0)) {
            return false;
        }
    }
    return true;
}

/* After any sources have moved. */
static int
merge_start(struct fi_merge *merge, firn_error *err)
{
    merge->entry = NULL;
    merge->has_twins = false;
    merge->live = 0;
    if (merge->count == 0) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < merge->count; i++) {
        merge_refresh(merge, &merge->players[i]);
        merge->live += merge->players[i].entry != NULL;
    }
    merge->winner = play_all(merge, 1);
    DCHECK(merge->winner < merge->count && is_won(merge));
    return show_winner(merge, err);
}

/* After the winner has moved and returned rc. */
static int
go_on(struct fi_merge *merge, int rc, firn_error *err)
{
    if (rc != FIRN_OK) {
        return merge_fail(merge, rc);
    }
    struct player *moved = &merge->players[merge->winner];
    merge_refresh(merge, moved);
    if (merge->live > 1) {
        merge->live -= moved->entry == NULL;
        play_again(merge);
    }
    DCHECK(merge->live > 1 || is_won(merge));
    return show_winner(merge, err);
}

/* ---- placing ---- */

int
fi_merge_first(struct fi_merge *merge, firn_error *err)
{
    for (size_t i = 0; i < merge->count; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        int rc = source->ops->first(source, err);
        if (rc != FIRN_OK) {
            return merge_fail(merge, rc);
        }
    }
    merge->is_backward = false;
    return merge_start(merge, err);
}

int
fi_merge_last(struct fi_merge *merge, firn_error *err)
{
    for (size_t i = 0; i < merge->count; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        int rc = source->ops->last(source, err);
        if (rc != FIRN_OK) {
            return merge_fail(merge, rc);
        }
    }
    merge->is_backward = true;
    return merge_start(merge, err);
}

/* A copy of the key that stays while sources move. */
static int
keep_key(struct fi_merge *merge, firn_slice *key, firn_error *err)
{
    if (fi_buf_assign(&merge->key, *key) != FIRN_OK) {
        return merge_fail(merge, fi_error_no_memory(err, "a key that is sought"));
    }
    *key = fi_buf_slice(&merge->key);
    return FIRN_OK;
}

/* A seek waits for slow memory: preparing all sources first overlaps these waits. */
static void
merge_prepare(struct fi_merge *merge, firn_slice key, uint64_t sequence)
{
    for (unsigned step = 0; step < FI_RUN_CURSOR_STEPS; step++) {
        for (size_t i = 0; i < merge->count; i++) {
            struct fi_merge_source *source = merge->players[i].source;
            if (source->ops->prepare != NULL) {
                source->ops->prepare(source, key, sequence, step);
            }
        }
    }
}

int
fi_merge_seek(struct fi_merge *merge, firn_slice key, uint64_t sequence, firn_error *err)
{
    int rc = keep_key(merge, &key, err);
    if (rc == FIRN_OK) {
        merge_prepare(merge, key, sequence);
    }
    for (size_t i = 0; i < merge->count && rc == FIRN_OK; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        rc = source->ops->seek(source, key, sequence, err);
    }
    merge->is_backward = false;
    return rc == FIRN_OK ? merge_start(merge, err) : merge_fail(merge, rc);
}

int
fi_merge_seek_before(struct fi_merge *merge, firn_slice key, uint64_t sequence, firn_error *err)
{
    int rc = keep_key(merge, &key, err);
    for (size_t i = 0; i < merge->count && rc == FIRN_OK; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        rc = source->ops->seek_before(source, key, sequence, err);
    }
    merge->is_backward = true;
    return rc == FIRN_OK ? merge_start(merge, err) : merge_fail(merge, rc);
}

/* ---- moving ---- */

/* Makes (I1) true in the other direction, and moves. The current entry's key stays valid because
 * its source moves last. */
static int
merge_turn(struct fi_merge *merge, firn_error *err)
{
    DCHECK(merge->players[merge->winner].source->entry == merge->entry);
    firn_slice key = merge->entry->key;
    uint64_t sequence = merge->entry->sequence;
    merge->is_backward = !merge->is_backward;
    int rc = FIRN_OK;
    for (size_t i = 0; i < merge->count && rc == FIRN_OK; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        if (i != merge->winner) {
            rc = merge->is_backward ? source->ops->seek_before(source, key, sequence, err)
                                    : source->ops->seek(source, key, sequence, err);
        }
    }
    if (rc == FIRN_OK) {
        struct fi_merge_source *source = merge->players[merge->winner].source;
        rc = merge->is_backward ? source->ops->prev(source, err) : source->ops->next(source, err);
    }
    return rc == FIRN_OK ? merge_start(merge, err) : merge_fail(merge, rc);
}

int
fi_merge_next(struct fi_merge *merge, firn_error *err)
{
    DCHECK(merge->entry != NULL);
    if (merge->is_backward) {
        return merge_turn(merge, err);
    }
    struct fi_merge_source *source = merge->players[merge->winner].source;
    return go_on(merge, source->ops->next(source, err), err);
}

/* ---- stretches of one source ---- */

/* The smallest key of the other sources; false if they are all at their ends. */
static bool
find_limit(const struct fi_merge *merge, firn_slice *out)
{
    bool has_limit = false;
    for (size_t i = 0; i < merge->count; i++) {
        const struct fi_entry *entry = merge->players[i].entry;
        if (i != merge->winner && entry != NULL &&
            (!has_limit || fi_slice_compare(entry->key, *out) < 0)) {
            *out = entry->key;
            has_limit = true;
        }
    }
    return has_limit;
}

int
fi_merge_batch(struct fi_merge *merge, const struct fi_run_kind *kind, uint64_t max,
               struct fi_run_batch *out, firn_error *err)
{
    DCHECK(merge->entry != NULL && !merge->is_backward && max > 0);
    struct fi_merge_source *source = merge->players[merge->winner].source;
    firn_slice limit;
    *out = (struct fi_run_batch){.count = 0};
    if (source->ops->batch == NULL) {
        return FIRN_OK;
    }
    int rc =
        source->ops->batch(source, kind, find_limit(merge, &limit) ? &limit : NULL, max, out, err);
    DCHECK(rc != FIRN_OK || (out->count <= max && source->entry == merge->entry));
    return rc;
}

int
fi_merge_batch_taken(struct fi_merge *merge, firn_error *err)
{
    struct fi_merge_source *source = merge->players[merge->winner].source;
    return go_on(merge, source->ops->batch_taken(source, err), err);
}

int
fi_merge_prev(struct fi_merge *merge, firn_error *err)
{
    DCHECK(merge->entry != NULL);
    if (!merge->is_backward) {
        return merge_turn(merge, err);
    }
    struct fi_merge_source *source = merge->players[merge->winner].source;
    return go_on(merge, source->ops->prev(source, err), err);
}

int
fi_merge_skip(struct fi_merge *merge, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(merge->entry != NULL && !merge->is_backward);
    for (size_t i = 0; i < merge->count; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        if (source->entry != NULL && fi_slice_compare(source->entry->key, key) < 0) {
            int rc = source->ops->skip(source, key, sequence, err);
            if (rc != FIRN_OK) {
                return merge_fail(merge, rc);
            }
        }
    }
    return merge_start(merge, err);
}

int
fi_merge_skip_back(struct fi_merge *merge, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(merge->entry != NULL && merge->is_backward);
    for (size_t i = 0; i < merge->count; i++) {
        struct fi_merge_source *source = merge->players[i].source;
        if (source->entry != NULL && fi_slice_compare(source->entry->key, key) >= 0) {
            int rc = source->ops->skip_back(source, key, sequence, err);
            if (rc != FIRN_OK) {
                return merge_fail(merge, rc);
            }
        }
    }
    return merge_start(merge, err);
}

const struct fi_entry *
fi_merge_entry(const struct fi_merge *merge)
{
    return merge->entry;
}

struct fi_merge_head
fi_merge_head(const struct fi_merge *merge)
{
    DCHECK(merge->entry != NULL);
    return merge->players[merge->winner].head;
}

/* ---- making ---- */

int
fi_merge_create(struct fi_merge **out, firn_error *err)
{
    struct fi_merge *merge = fi_alloc_zeroed(sizeof *merge);
    *out = merge;
    if (merge == NULL) {
        return fi_error_no_memory(err, "a merge");
    }
    merge->players = merge->first_players;
    merge->losers = merge->first_losers;
    merge->capacity = FIRST_CAPACITY;
    return FIRN_OK;
}

void
fi_merge_destroy(struct fi_merge *merge)
{
    if (merge == NULL) {
        return;
    }
    for (size_t i = 0; i < merge->count; i++) {
        source_destroy(merge->players[i].source);
    }
    if (merge->players != merge->first_players) {
        fi_free(merge->players);
        fi_free(merge->losers);
    }
    fi_buf_deinit(&merge->key);
    fi_free(merge);
}

/* Doubles both arrays. The losers are not copied: placing the merge computes them. */
static int
merge_grow(struct fi_merge *merge)
{
    size_t capacity = merge->capacity * 2;
    struct player *players = fi_alloc_array(capacity, sizeof *players);
    size_t *losers = fi_alloc_array(capacity, sizeof *losers);
    if (players == NULL || losers == NULL) {
        fi_free(players);
        fi_free(losers);
        return FIRN_NO_MEMORY;
    }
    memcpy(players, merge->players, merge->count * sizeof *players);
    if (merge->players != merge->first_players) {
        fi_free(merge->players);
        fi_free(merge->losers);
    }
    merge->players = players;
    merge->losers = losers;
    merge->capacity = capacity;
    return FIRN_OK;
}

int
fi_merge_add(struct fi_merge *merge, struct fi_merge_source *source, firn_error *err)
{
    merge->entry = NULL;
    if (source == NULL) {
        return FIRN_OK;
    }
    if (merge->count == merge->capacity && merge_grow(merge) != FIRN_OK) {
        source_destroy(source);
        return fi_error_no_memory(err, "a merge");
    }
    DCHECK(merge->count < merge->capacity);
    merge->players[merge->count++] = (struct player){.source = source};
    return FIRN_OK;
}
