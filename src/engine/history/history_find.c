/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history_find.c: checkpoints of a history by what they are called.
 *
 * Three chained hash tables over the same checkpoints: by id, by number (of those that are no safety
 * checkpoints), by name (of those that have one). The links are in the checkpoints, so adding one takes
 * no memory once there is room, and cannot fail after its commit is in the log.
 *
 * Room is for as many as there are buckets; it doubles. Ids are random and numbers are counted; names,
 * and what a damaged or hostile MANIFEST says, may meet in one chain, which then is as a list.
 */
#include "history/history_find.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/xxh3.h"

enum { BY_ID, BY_NUMBER, BY_NAME, BUCKETS_MIN = 16 };

/* ---- where it hangs ---- */

static uint64_t
hash_of_name(firn_slice name)
{
    return firn_xxh3(name.data, name.size, BY_NAME);
}

/* False: it is not to be found so. */
static bool
hash_of(const struct firn_db_checkpoint *checkpoint, unsigned by, uint64_t *out)
{
    switch (by) {
    case BY_ID:
        *out = firn_load_le64(checkpoint->id);
        return true;
    case BY_NUMBER:
        *out = checkpoint->number;
        return checkpoint->number != 0;
    default:
        *out = hash_of_name(firn_str(checkpoint->name));
        return checkpoint->name[0] != '\0';
    }
}

static struct firn_db_checkpoint **
bucket_of(const struct firn_history *history, unsigned by, uint64_t hash)
{
    DCHECK(history->bucket_count > 0 && (history->bucket_count & (history->bucket_count - 1)) == 0);
    /* The ids of tests differ in any of their bytes. */
    uint64_t mixed = hash * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(mixed >> 32) & (history->bucket_count - 1);
    return &history->buckets[by * history->bucket_count + i];
}

static void
hang(struct firn_history *history, struct firn_db_checkpoint *checkpoint)
{
    for (unsigned by = 0; by < FIRN_HISTORY_CHAINS; by++) {
        uint64_t hash;
        if (hash_of(checkpoint, by, &hash)) {
            struct firn_db_checkpoint **bucket = bucket_of(history, by, hash);
            checkpoint->next[by] = *bucket;
            *bucket = checkpoint;
        }
    }
}

void
firn_history_find_add(struct firn_history *history, struct firn_db_checkpoint *checkpoint)
{
    CHECK(history->found_count < history->bucket_count);
    history->found_count++;
    hang(history, checkpoint);
}

void
firn_history_find_remove(struct firn_history *history, struct firn_db_checkpoint *checkpoint)
{
    for (unsigned by = 0; by < FIRN_HISTORY_CHAINS; by++) {
        uint64_t hash;
        if (!hash_of(checkpoint, by, &hash)) {
            continue;
        }
        struct firn_db_checkpoint **link = bucket_of(history, by, hash);
        while (*link != checkpoint) {
            CHECK(*link != NULL);
            link = &(*link)->next[by];
        }
        *link = checkpoint->next[by];
    }
    DCHECK(history->found_count > 0);
    history->found_count--;
}

int
firn_history_find_reserve(struct firn_history *history)
{
    DCHECK(history->found_count == firn_history_count(history));
    if (history->found_count < history->bucket_count) {
        return FIRN_OK;
    }
    size_t count = history->bucket_count == 0 ? BUCKETS_MIN : 2 * history->bucket_count;
    struct firn_db_checkpoint **buckets =
        firn_alloc_zeroed(FIRN_HISTORY_CHAINS * count * sizeof(struct firn_db_checkpoint *));
    if (buckets == NULL) {
        return FIRN_NO_MEMORY;
    }
    firn_free(history->buckets);
    history->buckets = buckets;
    history->bucket_count = count;
    /* The newest last: it is found first. */
    for (size_t i = 0; i < firn_history_count(history); i++) {
        hang(history, firn_history_at(history, i));
    }
    return FIRN_OK;
}

void
firn_history_find_deinit(struct firn_history *history)
{
    firn_free(history->buckets);
    history->buckets = NULL;
    history->bucket_count = 0;
    history->found_count = 0;
}

/* ---- looking ---- */

static struct firn_db_checkpoint *
first_of(const struct firn_history *history, unsigned by, uint64_t hash)
{
    return history->bucket_count > 0 ? *bucket_of(history, by, hash) : NULL;
}

struct firn_db_checkpoint *
firn_history_find(const struct firn_history *history, const uint8_t id[FIRN_HISTORY_ID_SIZE])
{
    struct firn_db_checkpoint *at = first_of(history, BY_ID, firn_load_le64(id));
    while (at != NULL && memcmp(at->id, id, FIRN_HISTORY_ID_SIZE) != 0) {
        at = at->next[BY_ID];
    }
    return at;
}

struct firn_db_checkpoint *
firn_history_find_name(const struct firn_history *history, firn_slice name)
{
    DCHECK(name.size > 0);
    struct firn_db_checkpoint *at = first_of(history, BY_NAME, hash_of_name(name));
    while (at != NULL && !firn_slice_equal(firn_str(at->name), name)) {
        at = at->next[BY_NAME];
    }
    return at;
}

struct firn_db_checkpoint *
firn_history_find_number(const struct firn_history *history, uint64_t number)
{
    DCHECK(number != 0);
    struct firn_db_checkpoint *at = first_of(history, BY_NUMBER, number);
    while (at != NULL && at->number != number) {
        at = at->next[BY_NUMBER];
    }
    return at;
}

/* Sequences do not descend (I3 of history.c), and few are equal. */
size_t
firn_history_find_place(const struct firn_history *history,
                        const struct firn_db_checkpoint *checkpoint)
{
    size_t low = 0;
    size_t high = firn_history_count(history);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (firn_history_at(history, middle)->sequence < checkpoint->sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (firn_history_at(history, low) != checkpoint) {
        low++;
    }
    return low;
}
