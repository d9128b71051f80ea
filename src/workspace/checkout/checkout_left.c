/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_left.c: what a restore leaves as it is.
 *
 * Some entries that differ between the two trees must not be changed: those that rules exclude now,
 * those that could not be saved first, and those that the system does not permit us to change. Such
 * an entry does not stop a restore: it stays as it is, with everything below it, and is reported;
 * the rest is restored.
 *
 * Their paths are kept in one set. Every pass skips the entries in the set and what is below them
 * (I5), so an entry that one pass leaves alone is neither staged nor replaced nor removed by the
 * others. The plan fills the set before anything is written; later passes may add to it.
 *
 * Of excluded entries only the topmost is reported, once for everything in it: a directory of ten
 * thousand objects is one line.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "codec/xxh3.h"

struct left {
    firn_slice path; /* in the arena */
    bool is_whole;   /* with everything below it */
};

static uint64_t
left_hash(const void *record)
{
    const struct left *left = record;
    return fi_xxh3(left->path.data, left->path.size, 0);
}

static bool
left_equal(const void *record, const void *key)
{
    return fi_slice_equal(((const struct left *)record)->path, ((const struct left *)key)->path);
}

void
fi_checkout_left_init(struct fi_checkout *checkout)
{
    fi_hash_map_init(&checkout->left, sizeof(struct left), left_hash, left_equal);
}

static const struct left *
checkout_left_find(const struct fi_checkout *checkout, firn_slice path)
{
    const struct left key = {.path = path};
    return fi_hash_map_find(&checkout->left, left_hash(&key), &key);
}

bool
fi_checkout_left_has_whole(const struct fi_checkout *checkout, firn_slice path)
{
    if (checkout->left.count == 0) {
        return false;
    }
    for (size_t end = 1; end <= path.size; end++) {
        if (end == path.size || path.data[end] == '/') {
            const struct left *left = checkout_left_find(checkout, firn_bytes(path.data, end));
            if (left != NULL && left->is_whole) {
                return true;
            }
        }
    }
    return false;
}

bool
fi_checkout_left_has(const struct fi_checkout *checkout, firn_slice path)
{
    return checkout->left.count > 0 && (checkout_left_find(checkout, path) != NULL ||
                                        fi_checkout_left_has_whole(checkout, path));
}

static int
checkout_left_add(struct fi_checkout *checkout, firn_slice path, bool is_whole, firn_error *err)
{
    DCHECK(path.size > 0 || !is_whole); /* without the root nothing would be restored */
    DCHECK(checkout_left_find(checkout, path) == NULL);
    struct left left = {.path = {.size = path.size}, .is_whole = is_whole};
    left.path.data = fi_arena_copy(&checkout->arena, path.data, path.size);
    if (left.path.data == NULL ||
        fi_hash_map_insert(&checkout->left, left_hash(&left), &left) == NULL) {
        return fi_error_no_memory(err, "a list of paths");
    }
    DCHECK(fi_checkout_left_has(checkout, path)); /* (I5) */
    return FIRN_OK;
}

int
fi_checkout_left_itself(struct fi_checkout *checkout, firn_slice path, firn_error *err)
{
    DCHECK(checkout->batch == NULL); /* no other thread */
    return checkout_left_add(checkout, path, false, err);
}

int
fi_checkout_left_excluded(struct fi_checkout *checkout, firn_slice path, size_t excluded_size,
                          firn_error *err)
{
    DCHECK(excluded_size > 0 && excluded_size <= path.size);
    DCHECK(checkout->batch == NULL); /* no other thread */
    const firn_slice excluded = firn_bytes(path.data, excluded_size);
    /* The entries of one directory come one after the other. */
    const bool is_told = fi_slice_equal(fi_buf_slice(&checkout->excluded), excluded);
    int rc = checkout_left_add(checkout, path, true, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    checkout->counts.left_alone++;
    if (is_told || checkout->is_silent) {
        return FIRN_OK;
    }
    fi_buf_clear(&checkout->excluded);
    if (fi_buf_append_slice(&checkout->excluded, excluded) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    fi_checkout_progress_notice(checkout, FIRN_NOTICE_LEFT_ALONE, excluded,
                                excluded_size == path.size
                                    ? "rules exclude it now: it stays as it is"
                                    : "rules exclude it now: its other content stays");
    return FIRN_OK;
}

static int
checkout_left_leave(struct fi_checkout *checkout, firn_slice path, bool is_whole, const char *text,
                    firn_error *err)
{
    fi_os_mutex_lock(&checkout->mutex);
    int rc = checkout_left_add(checkout, path, is_whole, err);
    checkout->counts.not_restored += rc == FIRN_OK ? 1 : 0;
    fi_os_mutex_unlock(&checkout->mutex);
    if (rc == FIRN_OK && !checkout->is_silent) {
        fi_checkout_progress_notice(checkout, FIRN_NOTICE_NOT_RESTORED, path, text);
    }
    return rc;
}

int
fi_checkout_left_behind(struct fi_checkout *checkout, firn_slice path, const char *text,
                        firn_error *err)
{
    return checkout_left_leave(checkout, path, true, text, err);
}

int
fi_checkout_left_attributes(struct fi_checkout *checkout, firn_slice path, const char *text,
                            firn_error *err)
{
    return checkout_left_leave(checkout, path, false, text, err);
}
