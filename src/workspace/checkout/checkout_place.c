/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_place.c: where an entry is built, and where it goes.
 *
 * A new entry is built beside its target, under a temporary name. A new directory whose parent
 * already exists (a new root) is built completely under a temporary name and appears with one
 * rename; its contents are written under their final names at once. A restore into an empty root
 * needs no temporary names.
 *
 *   path       is new      staged as               final
 *   a/f                    a/.firn-<tag>-<f>       a/f
 *   a/d        a/d         a/.firn-<tag>-<d>       a/d
 *   a/d/g      a/d         a/.firn-<tag>-<d>/g     a/d/g    (it comes with its directory)
 *
 * <f> and <d> are hashes of the whole paths. Temporary names are not stored: they are computed from
 * the tag of the restore and the path.
 * A place is only ever made of valid names, none of them reserved ((I3), (I4) of checkout.c).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "checkout/checkout_internal.h"
#include "codec/hex.h"
#include "codec/xxh3.h"
#include "tree/tree.h"

struct path_item {
    const uint8_t *path; /* in the arena */
    size_t size;
};

static uint64_t
path_item_hash(const void *record)
{
    const struct path_item *item = record;
    return fi_xxh3(item->path, item->size, 0);
}

static bool
path_item_equal(const void *record, const void *key)
{
    const struct path_item *a = record;
    const struct path_item *b = key;
    return a->size == b->size && memcmp(a->path, b->path, a->size) == 0;
}

void
fi_checkout_place_init(struct fi_checkout *checkout)
{
    fi_hash_map_init(&checkout->new_roots, sizeof(struct path_item), path_item_hash,
                     path_item_equal);
}

void
fi_checkout_place_temporary(const uint8_t *tag, firn_slice path, char *out)
{
    char hex[2 * FI_CHECKOUT_TAG_SIZE + 1];
    fi_hex_encode(tag, FI_CHECKOUT_TAG_SIZE, hex);
    (void)snprintf(out, FI_CHECKOUT_NAME_SIZE, ".firn-%s-%016llx", hex,
                   (unsigned long long)fi_xxh3(path.data, path.size, 1));
    DCHECK(fi_tree_reserved_is_temporary(firn_str(out)));
}

void
fi_checkout_place_aside(const uint8_t *tag, firn_slice path, char *out)
{
    char temporary[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_place_temporary(tag, path, temporary);
    (void)snprintf(out, FI_CHECKOUT_NAME_SIZE, "%.43s.old", temporary);
    DCHECK(fi_tree_reserved_is_temporary(firn_str(out)));
}

bool
fi_checkout_place_is_new_root(struct fi_checkout *checkout, firn_slice path)
{
    struct path_item key = {.path = path.data, .size = path.size};
    return fi_hash_map_find(&checkout->new_roots, path_item_hash(&key), &key) != NULL;
}

int
fi_checkout_place_add_new_root(struct fi_checkout *checkout, firn_slice path, firn_error *err)
{
    DCHECK(!checkout->into_empty && !fi_checkout_place_is_new_root(checkout, path));
    struct path_item item = {.size = path.size};
    item.path = fi_arena_copy(&checkout->arena, path.data, path.size);
    if (item.path == NULL ||
        fi_hash_map_insert(&checkout->new_roots, path_item_hash(&item), &item) == NULL) {
        return fi_error_no_memory(err, "a list of paths");
    }
    return FIRN_OK;
}

/* Where the last component of a path begins. */
static size_t
name_offset(firn_slice path)
{
    return path.size - fi_checkout_name_in(path).size;
}

/* The parent of a path, without its slash; empty for a name in the root. */
static firn_slice
parent_of(firn_slice path)
{
    size_t at = name_offset(path);
    return firn_bytes(path.data, at == 0 ? 0 : at - 1);
}

/* Whether a path stays inside the root: no "..", no "/" at its front (I3). */
static bool
leads_inside(firn_slice path)
{
    size_t start = 0;
    for (size_t at = 0; at <= path.size; at++) {
        if (at == path.size || path.data[at] == '/') {
            if (!fi_tree_name_is_valid(firn_bytes(path.data + start, at - start))) {
                return false;
            }
            start = at + 1;
        }
    }
    return true;
}

static int
set_place(struct fi_checkout_place *out, firn_slice dir, firn_slice name, firn_error *err)
{
    CHECK(name.size <= FI_TREE_NAME_SIZE_MAX);
    CHECK(fi_tree_name_is_valid(name)); /* (I3) */
    DCHECK(dir.size == 0 || leads_inside(dir));
    const char *reason = fi_tree_reserved_name(name);
    reason = reason != NULL ? reason : fi_tree_reserved_path(dir);
    if (reason != NULL) { /* (I4) */
        return fi_error_set(err, FIRN_CONFLICT, "'%.*s/%.*s' is never written or removed: it %s",
                            (int)(dir.size < 512 ? dir.size : 512), (const char *)dir.data,
                            (int)name.size, (const char *)name.data, reason);
    }
    memcpy(out->name, name.data, name.size);
    out->name[name.size] = '\0';
    fi_buf_clear(&out->dir);
    if (fi_buf_append_slice(&out->dir, dir) != FIRN_OK || fi_buf_text(&out->dir) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    return FIRN_OK;
}

int
fi_checkout_place_final(firn_slice path, struct fi_checkout_place *out, firn_error *err)
{
    size_t at = name_offset(path);
    out->is_direct = true;
    return set_place(out, parent_of(path), firn_bytes(path.data + at, path.size - at), err);
}

int
fi_checkout_place_moved(struct fi_checkout *checkout, firn_slice path, size_t root_size,
                        struct fi_checkout_place *out, firn_error *err)
{
    CHECK(root_size < path.size);
    DCHECK(path.data[root_size] == '/');
    firn_slice root = firn_bytes(path.data, root_size);
    firn_slice rest = firn_bytes(path.data + root_size, path.size - root_size);
    char temporary[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_place_temporary(checkout->options.tag, root, temporary);
    struct fi_buf moved = {0};
    int rc;
    FI_TRY(fi_buf_append_slice(&moved, firn_bytes(root.data, name_offset(root))));
    FI_TRY(fi_buf_append_str(&moved, temporary));
    FI_TRY(fi_buf_append_slice(&moved, rest));
    rc = fi_checkout_place_final(fi_buf_slice(&moved), out, err);
    fi_buf_deinit(&moved);
    return rc;
out:
    fi_buf_deinit(&moved);
    return fi_error_no_memory(err, "a path");
}

int
fi_checkout_place_staged(struct fi_checkout *checkout, firn_slice path,
                         struct fi_checkout_place *out, firn_error *err)
{
    if (checkout->into_empty) {
        return fi_checkout_place_final(path, out, err);
    }
    for (size_t size = 1; size < path.size; size++) {
        if (path.data[size] == '/' &&
            fi_checkout_place_is_new_root(checkout, firn_bytes(path.data, size))) {
            return fi_checkout_place_moved(checkout, path, size, out, err);
        }
    }
    char temporary[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_place_temporary(checkout->options.tag, path, temporary);
    out->is_direct = false;
    return set_place(out, parent_of(path), firn_str(temporary), err);
}
