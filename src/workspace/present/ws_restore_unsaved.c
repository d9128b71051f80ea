/* SPDX-License-Identifier: Apache-2.0
 *
 * present/ws_restore_unsaved.c: the entries that a safety checkpoint lacks or has only in part.
 *
 * If an attribute cannot be read, a save reports it and continues: the rest is worth having. For a
 * restore that is not enough: an entry that it displaces must be whole in the safety checkpoint, or
 * the attribute is lost. So the restore records the paths in the notices of the scan, and its plan
 * leaves these entries as they are. Among the entries that were left out altogether it records
 * separately those that rules exclude: they stay because a rule says so. The contents of the others
 * are unknown. So they stay too, even if they look like what would be written, and the restore
 * reports that it is incomplete.
 *
 * Rules may exclude a great many entries. Of their paths, and of the directories that hold what was
 * left out, only hashes are kept: a collision changes what is reported of an entry, not what is
 * done with it.
 *
 * The scan gives one notice at a time, so nothing is locked here.
 */
#include "present/present.h"

#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "threads/os_callback.h"

struct item {
    firn_slice path; /* in the arena */
    bool is_whole;   /* the whole entry is not in the tree; otherwise only attributes are missing */
};

static uint64_t
path_hash(const void *record)
{
    const struct item *item = record;
    return fi_xxh3(item->path.data, item->path.size, 0);
}

static bool
path_equal(const void *record, const void *key)
{
    return fi_slice_equal(((const struct item *)record)->path, ((const struct item *)key)->path);
}

static bool
reports_a_loss(firn_notice_kind kind)
{
    return kind == FIRN_NOTICE_METADATA || kind == FIRN_NOTICE_UNREADABLE ||
           kind == FIRN_NOTICE_CHANGING || kind == FIRN_NOTICE_VANISHED ||
           kind == FIRN_NOTICE_CARRIED;
}

static struct item *
ws_restore_unsaved_find(const struct fi_ws_restore_unsaved *unsaved, firn_slice path)
{
    const struct item key = {.path = path};
    return fi_hash_map_find(&unsaved->paths, path_hash(&key), &key);
}

static void
ws_restore_unsaved_remember(struct fi_ws_restore_unsaved *unsaved, const firn_notice *notice)
{
    bool is_whole = notice->kind != FIRN_NOTICE_METADATA;
    DCHECK(reports_a_loss(notice->kind));
    struct item *known = ws_restore_unsaved_find(unsaved, notice->path);
    struct item item = {.path = {.size = notice->path.size}, .is_whole = is_whole};
    if (known != NULL) {
        known->is_whole = known->is_whole || is_whole;
        return;
    }
    item.path.data = fi_arena_copy(&unsaved->arena, notice->path.data, notice->path.size);
    if (item.path.data == NULL ||
        fi_hash_map_insert(&unsaved->paths, path_hash(&item), &item) == NULL) {
        unsaved->is_out_of_memory = true;
    }
}

/* Notes the directories above an entry, from the nearest up to one that was noted last. */
static void
remember_holders(struct fi_ws_restore_unsaved *unsaved, firn_slice path)
{
    const uint64_t last = unsaved->last_holder;
    for (size_t end = path.size; end-- > 0;) {
        if (path.data[end] != '/') {
            continue;
        }
        const uint64_t hash = fi_xxh3(path.data, end, 0);
        if (hash == last) {
            return;
        }
        if (unsaved->last_holder == last) {
            unsaved->last_holder = hash;
        }
        if (fi_buf_append(&unsaved->holders, &hash, sizeof hash) != FIRN_OK) {
            unsaved->is_out_of_memory = true;
        }
    }
    unsaved->is_sorted = false;
}

static bool
is_left_out(firn_notice_kind kind)
{
    return kind == FIRN_NOTICE_EXCLUDED || kind == FIRN_NOTICE_SPECIAL ||
           kind == FIRN_NOTICE_UNREADABLE || kind == FIRN_NOTICE_CHANGING;
}

static void
remember_excluded(struct fi_ws_restore_unsaved *unsaved, firn_slice path)
{
    const uint64_t hash = fi_xxh3(path.data, path.size, 0);
    if (fi_buf_append(&unsaved->excluded, &hash, sizeof hash) != FIRN_OK) {
        unsaved->is_out_of_memory = true;
    }
    unsaved->is_sorted = false;
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct fi_ws_restore_unsaved *unsaved = ctx;
    if (reports_a_loss(notice->kind)) {
        ws_restore_unsaved_remember(unsaved, notice);
    } else if (notice->kind == FIRN_NOTICE_EXCLUDED) {
        remember_excluded(unsaved, notice->path);
    }
    if (is_left_out(notice->kind)) {
        remember_holders(unsaved, notice->path);
    }
    if (unsaved->outer.on_notice != NULL) {
        fi_os_callback_notice(&unsaved->outer, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct fi_ws_restore_unsaved *unsaved = ctx;
    DCHECK(unsaved->outer.on_progress != NULL);
    return fi_os_callback_progress(&unsaved->outer, progress);
}

void
fi_ws_restore_unsaved_init(struct fi_ws_restore_unsaved *unsaved, const firn_callbacks *outer,
                           firn_callbacks *out_callbacks)
{
    *unsaved = (struct fi_ws_restore_unsaved){.outer = *outer};
    fi_hash_map_init(&unsaved->paths, sizeof(struct item), path_hash, path_equal);
    *out_callbacks =
        (firn_callbacks){.on_notice = on_notice,
                         .on_progress = outer->on_progress != NULL ? on_progress : NULL,
                         .ctx = unsaved};
}

void
fi_ws_restore_unsaved_deinit(struct fi_ws_restore_unsaved *unsaved)
{
    fi_hash_map_deinit(&unsaved->paths);
    fi_buf_deinit(&unsaved->excluded);
    fi_buf_deinit(&unsaved->holders);
    fi_arena_deinit(&unsaved->arena);
}

int
fi_ws_restore_unsaved_check(const struct fi_ws_restore_unsaved *unsaved, firn_error *err)
{
    return unsaved->is_out_of_memory ? fi_error_no_memory(err, "a list of paths") : FIRN_OK;
}

static bool
has_hash(struct fi_ws_restore_unsaved *unsaved, const struct fi_buf *hashes, firn_slice path)
{
    if (!unsaved->is_sorted) {
        fi_sort_u64((void *)unsaved->excluded.data, unsaved->excluded.size / sizeof(uint64_t));
        fi_sort_u64((void *)unsaved->holders.data, unsaved->holders.size / sizeof(uint64_t));
        unsaved->is_sorted = true;
    }
    return fi_sort_has_u64((const void *)hashes->data, hashes->size / sizeof(uint64_t),
                           fi_xxh3(path.data, path.size, 0));
}

bool
fi_ws_restore_unsaved_holds(void *ctx, firn_slice dir)
{
    struct fi_ws_restore_unsaved *unsaved = ctx;
    return has_hash(unsaved, &unsaved->holders, dir);
}

/* Everything below an entry that was left out was left out with it. */
enum fi_checkout_unsaved
fi_ws_restore_unsaved_why(void *ctx, firn_slice path, size_t *out_size)
{
    struct fi_ws_restore_unsaved *unsaved = ctx;
    *out_size = path.size;
    DCHECK(!unsaved->is_out_of_memory); /* fi_ws_restore_unsaved_check fails before */
    if (unsaved->paths.count == 0 && unsaved->excluded.size == 0) {
        return FI_CHECKOUT_SAVED;
    }
    for (size_t end = 1; end <= path.size; end++) {
        if (end < path.size && path.data[end] != '/') {
            continue;
        }
        const firn_slice part = firn_bytes(path.data, end);
        const struct item *item = ws_restore_unsaved_find(unsaved, part);
        *out_size = end;
        if (item != NULL && (item->is_whole || end == path.size)) {
            return item->is_whole ? FI_CHECKOUT_UNREAD : FI_CHECKOUT_WITHOUT_ATTRIBUTES;
        }
        if (has_hash(unsaved, &unsaved->excluded, part)) {
            return FI_CHECKOUT_EXCLUDED;
        }
    }
    const struct item *root = path.size == 0 ? ws_restore_unsaved_find(unsaved, path) : NULL;
    return root != NULL ? FI_CHECKOUT_WITHOUT_ATTRIBUTES : FI_CHECKOUT_SAVED;
}
