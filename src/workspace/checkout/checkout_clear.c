/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_clear.c: removing a directory that a restore made, with all that is in it.
 *
 * The removal uses no recursion and has one directory open at a time: each round descends into the
 * first subdirectory it meets until one is empty, removes that one, and begins again one level up.
 * An entry with a reserved name was not made by firn. It stays, with the directories around it, and
 * the removal fails with FIRN_EXISTS after removing what came before it. Directories are opened
 * from the root without following links, so a link that appears in the way ends the removal and is
 * not followed.
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "tree/tree.h"

struct first_entry {
    struct fi_buf *path; /* of the directory; gets the entry's name appended */
    struct fi_os_dir *dir;
    bool has_subdir;
    firn_error *err;
};

static int
remove_or_descend(void *ctx, const struct fi_os_dirent *entry)
{
    struct first_entry *first = ctx;
    struct fi_os_stat stat;
    if (fi_tree_reserved_name(firn_bytes(entry->name, entry->name_size)) != NULL) {
        return FIRN_OK; /* not ours: it stays, and the directories above it */
    }
    int rc = fi_os_stat(first->dir, entry->name, &stat, first->err);
    if (rc != FIRN_OK || stat.kind != FI_OS_DIR) {
        return rc != FIRN_OK ? rc : fi_os_remove_file(first->dir, entry->name, first->err);
    }
    DCHECK(!first->has_subdir); /* the first one ends the listing */
    first->has_subdir = true;
    if ((first->path->size > 0 && fi_buf_append_u8(first->path, '/') != FIRN_OK) ||
        fi_buf_append(first->path, entry->name, entry->name_size) != FIRN_OK) {
        return fi_error_no_memory(first->err, "a path");
    }
    return FIRN_CANCELLED; /* ends the listing: the caller descends */
}

static int
remove_empty_dir(struct fi_os_dir *root, firn_slice path, size_t *out_parent_size, firn_error *err)
{
    struct fi_checkout_place place = {0};
    struct fi_os_dir *parent = NULL;
    int rc;
    FI_TRY(fi_checkout_place_final(path, &place, err));
    FI_TRY(fi_os_dir_open_beneath(root, (const char *)place.dir.data, &parent, err));
    FI_TRY(fi_os_remove_dir(parent, place.name, err));
    *out_parent_size = place.dir.size;
out:
    fi_os_dir_close(parent);
    fi_buf_deinit(&place.dir);
    return rc;
}

int
fi_checkout_clear_tree(struct fi_os_dir *root, struct fi_buf *path, size_t base_size,
                       firn_error *err)
{
    CHECK(base_size == path->size); /* what is above is not ours */
    for (;;) {
        struct first_entry first = {.path = path, .err = err};
        const char *text = fi_buf_text(path);
        if (text == NULL) {
            return fi_error_no_memory(err, "a path");
        }
        size_t size = path->size;
        int rc = fi_os_dir_open_beneath(root, text, &first.dir, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = fi_os_dir_list(first.dir, remove_or_descend, &first, err);
        fi_os_dir_close(first.dir);
        if (first.has_subdir && rc == FIRN_CANCELLED) {
            continue;
        }
        if (rc != FIRN_OK || size == 0) {
            return rc;
        }
        size_t parent_size;
        rc = remove_empty_dir(root, fi_buf_slice(path), &parent_size, err);
        if (rc != FIRN_OK || size <= base_size) {
            return rc;
        }
        CHECK(parent_size >= base_size && parent_size < size);
        path->size = parent_size;
    }
}

/* Appends the path of a place. */
static int
append_place(struct fi_buf *path, const struct fi_checkout_place *place, firn_error *err)
{
    int rc;
    FI_TRY(fi_buf_append_slice(path, fi_buf_slice(&place->dir)));
    if (path->size > 0) {
        FI_TRY(fi_buf_append_u8(path, '/'));
    }
    FI_TRY(fi_buf_append_str(path, place->name));
    return FIRN_OK;
out:
    return fi_error_no_memory(err, "a path");
}

int
fi_checkout_clear_place(struct fi_checkout *checkout, const struct fi_checkout_place *place,
                        firn_error *err)
{
    struct fi_buf path = {0};
    int rc = append_place(&path, place, err);
    if (rc == FIRN_OK) {
        rc = fi_checkout_clear_tree(checkout->options.root, &path, path.size, err);
    }
    fi_buf_deinit(&path);
    return rc;
}
