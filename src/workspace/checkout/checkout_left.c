/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_left.c: what a restore leaves as it is.
 *
 * Some entries that differ between the two trees are not to be changed: what rules leave out now,
 * what could not be saved before it would be displaced, what the system does not let us change. One
 * such entry does not stop a restore: it stays as it is, with all that is below it, and is told; all
 * else is done.
 *
 * Their paths are kept in one set. Every pass skips what the set has and what lies below it (I1), so
 * whatever is left alone is neither staged nor replaced nor removed, whichever pass found it out. The
 * plan fills the set before anything is written.
 *
 * What rules leave out is told by the topmost entry that they exclude, once for all in it: a
 * directory of ten thousand objects is one line.
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "codec/xxh3.h"

struct left {
    firn_slice path; /* in the arena */
    bool is_whole;   /* with all below it */
};

static uint64_t
left_hash(const void *record)
{
    const struct left *left = record;
    return firn_xxh3(left->path.data, left->path.size, 0);
}

static bool
left_equal(const void *record, const void *key)
{
    return firn_slice_equal(((const struct left *)record)->path, ((const struct left *)key)->path);
}

void
firn_checkout_left_init(struct firn_checkout *apply)
{
    firn_hash_map_init(&apply->left, sizeof(struct left), left_hash, left_equal);
}

static const struct left *
find(const struct firn_checkout *apply, firn_slice path)
{
    const struct left key = {.path = path};
    return firn_hash_map_find(&apply->left, left_hash(&key), &key);
}

bool
firn_checkout_left_has_whole(const struct firn_checkout *apply, firn_slice path)
{
    if (apply->left.count == 0) {
        return false;
    }
    for (size_t end = 1; end <= path.size; end++) {
        if (end == path.size || path.data[end] == '/') {
            const struct left *left = find(apply, firn_bytes(path.data, end));
            if (left != NULL && left->is_whole) {
                return true;
            }
        }
    }
    return false;
}

bool
firn_checkout_left_has(const struct firn_checkout *apply, firn_slice path)
{
    return apply->left.count > 0 &&
           (find(apply, path) != NULL || firn_checkout_left_has_whole(apply, path));
}

static int
add(struct firn_checkout *apply, firn_slice path, bool is_whole, firn_error *err)
{
    DCHECK(path.size > 0 || !is_whole); /* without the root nothing would be restored */
    DCHECK(find(apply, path) == NULL);
    struct left left = {.path = {.size = path.size}, .is_whole = is_whole};
    left.path.data = firn_arena_copy(&apply->arena, path.data, path.size);
    if (left.path.data == NULL ||
        firn_hash_map_insert(&apply->left, left_hash(&left), &left) == NULL) {
        return firn_error_no_memory(err, "a list of paths");
    }
    DCHECK(firn_checkout_left_has(apply, path)); /* (I1) */
    return FIRN_OK;
}

int
firn_checkout_left_itself(struct firn_checkout *apply, firn_slice path, firn_error *err)
{
    DCHECK(apply->batch == NULL); /* no other thread */
    return add(apply, path, false, err);
}

int
firn_checkout_left_excluded(struct firn_checkout *apply, firn_slice path, size_t excluded_size,
                            firn_error *err)
{
    DCHECK(excluded_size > 0 && excluded_size <= path.size);
    DCHECK(apply->batch == NULL); /* no other thread */
    const firn_slice excluded = firn_bytes(path.data, excluded_size);
    /* Those of one directory come one after the other. */
    const bool is_told = firn_slice_equal(firn_buf_slice(&apply->excluded), excluded);
    int rc = add(apply, path, true, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    apply->counts.left_alone++;
    if (is_told || apply->is_silent) {
        return FIRN_OK;
    }
    firn_buf_clear(&apply->excluded);
    if (firn_buf_append_slice(&apply->excluded, excluded) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    firn_checkout_notice(apply, FIRN_NOTICE_LEFT_ALONE, excluded,
                         excluded_size == path.size
                             ? "rules leave it out now: it stays as it is"
                             : "rules leave it out now: what it has of other content stays");
    return FIRN_OK;
}

static int
leave(struct firn_checkout *apply, firn_slice path, bool is_whole, const char *text,
      firn_error *err)
{
    firn_os_mutex_lock(&apply->mutex);
    int rc = add(apply, path, is_whole, err);
    apply->counts.not_restored += rc == FIRN_OK ? 1 : 0;
    firn_os_mutex_unlock(&apply->mutex);
    if (rc == FIRN_OK && !apply->is_silent) {
        firn_checkout_notice(apply, FIRN_NOTICE_NOT_RESTORED, path, text);
    }
    return rc;
}

int
firn_checkout_left_behind(struct firn_checkout *apply, firn_slice path, const char *text,
                          firn_error *err)
{
    return leave(apply, path, true, text, err);
}

int
firn_checkout_left_attributes(struct firn_checkout *apply, firn_slice path, const char *text,
                              firn_error *err)
{
    return leave(apply, path, false, text, err);
}
