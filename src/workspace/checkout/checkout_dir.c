/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_dir.c: opening the directories that a checkout changes.
 *
 * A directory that its owner may not write to is made writable for the time of the restore, if it
 * is the user's own, and its mode is set back however the restore ends.
 */
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "tree/tree.h"

/* The permission to change the names in a directory. */
enum { MAY_CHANGE_NAMES = 0300 };

static int
loosen(struct fi_checkout *checkout, struct fi_os_dir *dir, const char *path, firn_error *err)
{
    DCHECK(!checkout->is_superuser && !checkout->into_empty);
    struct fi_os_stat stat;
    int rc = fi_os_dir_stat(dir, &stat, err);
    if (rc != FIRN_OK || (stat.mode & MAY_CHANGE_NAMES) == MAY_CHANGE_NAMES ||
        stat.uid != fi_os_user_id(checkout->os)) {
        return rc;
    }
    fi_os_mutex_lock(&checkout->mutex);
    struct fi_checkout_loosened *loosened = fi_arena_alloc(&checkout->arena, sizeof *loosened);
    if (loosened != NULL) {
        *loosened = (struct fi_checkout_loosened){.mode = stat.mode, .next = checkout->loosened};
        loosened->path = fi_arena_str(&checkout->arena, path, strlen(path));
    }
    if (loosened == NULL || loosened->path == NULL) {
        rc = fi_error_no_memory(err, "a list of directories");
    } else {
        checkout->loosened = loosened;
    }
    fi_os_mutex_unlock(&checkout->mutex);
    const struct fi_os_node node = {.dir = dir};
    return rc == FIRN_OK ? fi_os_set_mode(node, stat.mode | MAY_CHANGE_NAMES, err) : rc;
}

int
fi_checkout_dir_tighten(struct fi_checkout *checkout, bool all, firn_error *err)
{
    struct fi_tree_filter *filter = checkout->options.filter;
    int rc = FIRN_OK;
    for (const struct fi_checkout_loosened *item = checkout->loosened;
         item != NULL && rc == FIRN_OK; item = item->next) {
        if (!all && (filter == NULL || fi_tree_filter_selects(filter, firn_str(item->path)))) {
            continue;
        }
        struct fi_os_dir *dir;
        rc = fi_os_dir_open_beneath(checkout->options.root, item->path, &dir, err);
        if (rc == FIRN_OK) {
            rc = fi_os_set_mode((struct fi_os_node){.dir = dir}, item->mode, err);
            fi_os_dir_close(dir);
        }
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it should be removed, and is gone */
    }
    return rc;
}

int
fi_checkout_dir_open(struct fi_checkout *checkout, const struct fi_buf *dir,
                     struct fi_os_dir **cache, struct fi_buf *cache_path, firn_error *err)
{
    DCHECK(dir->capacity > dir->size && dir->data[dir->size] == '\0');
    if (*cache != NULL && fi_slice_equal(fi_buf_slice(cache_path), fi_buf_slice(dir))) {
        return FIRN_OK;
    }
    fi_os_dir_close(*cache);
    *cache = NULL;
    fi_buf_clear(cache_path);
    if (fi_buf_append(cache_path, dir->data, dir->size) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    const char *path = (const char *)dir->data;
    int rc = fi_os_dir_open_beneath(checkout->options.root, path, cache, err);
    bool may_need_it = rc == FIRN_OK && !checkout->is_superuser && !checkout->into_empty;
    return may_need_it ? loosen(checkout, *cache, path, err) : rc;
}
