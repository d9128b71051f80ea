/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_lookup.c: follows paths through a tree, and checks what its hard links say.
 *
 * A further name of a file repeats all fields of the first name and gives its path
 * (docs/formats/tree.md). The format of one entry cannot show whether that is true, and code
 * that trusted it could link to a file with other content, to one that happens to be on the disk,
 * or to nothing. So before a link is made, or a checkpoint called sound, the path is followed
 * through the tree itself: directories only, never a symbolic link (I1).
 *
 * Links are found in the order of a walk, and their first names are usually near each other. So the
 * iterator over the last directory is kept and continues from its position if the next name comes
 * after it (I2): a directory full of links into another one is checked in one pass over both.
 * Memory: that iterator and one path.
 *
 * The first name of a group is the one that comes first in the byte order of whole paths (I3): a
 * restore in that order makes it before any other, and two trees cannot say the same in two ways.
 * (Not checked: it is data, which check_link tests.)
 */
#include "tree/tree.h"

#include "base/check.h"
#include "base/slice.h"

void
firn_tree_lookup_init(struct firn_tree_lookup *lookup, const struct firn_tree_source *source,
                      const firn_hash *root)
{
    *lookup = (struct firn_tree_lookup){.source = source, .root = *root};
}

void
firn_tree_lookup_deinit(struct firn_tree_lookup *lookup)
{
    firn_tree_iterator_destroy(lookup->iterator);
    firn_buf_deinit(&lookup->path);
    lookup->iterator = NULL;
}

static int
advance(struct firn_tree_lookup *lookup, firn_error *err)
{
    bool is_end;
    DCHECK(lookup->iterator != NULL);
    return firn_tree_iterator_next(lookup->iterator, &lookup->entry, &is_end, err);
}

static int
open_dir(struct firn_tree_lookup *lookup, const firn_hash *hash, firn_error *err)
{
    firn_tree_iterator_destroy(lookup->iterator);
    lookup->iterator = NULL;
    lookup->entry = NULL;
    int rc = firn_tree_iterator_create(lookup->source, hash, &lookup->iterator, err);
    return rc == FIRN_OK ? advance(lookup, err) : rc;
}

/* Advances to a name; lookup->entry is NULL if the directory does not have it. */
static int
seek(struct firn_tree_lookup *lookup, firn_slice name, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && lookup->entry != NULL &&
           firn_slice_compare(lookup->entry->name, name) < 0) {
        rc = advance(lookup, err);
    }
    if (rc == FIRN_OK && lookup->entry != NULL && !firn_slice_equal(lookup->entry->name, name)) {
        lookup->entry = NULL;
    }
    return rc;
}

/* Descends to a directory; *out_found is false if there is none at that path. */
static int
descend(struct firn_tree_lookup *lookup, firn_slice path, bool *out_found, firn_error *err)
{
    *out_found = true;
    firn_buf_clear(&lookup->path);
    int rc = open_dir(lookup, &lookup->root, err);
    for (firn_slice rest = path; rc == FIRN_OK && rest.size > 0;) {
        const uint8_t *slash = memchr(rest.data, '/', rest.size);
        size_t size = slash == NULL ? rest.size : (size_t)(slash - rest.data);
        rc = seek(lookup, firn_bytes(rest.data, size), err);
        if (rc != FIRN_OK) {
            return rc;
        }
        *out_found = lookup->entry != NULL && lookup->entry->kind == FIRN_TREE_DIR;
        if (!*out_found) {
            break;
        }
        DCHECK(lookup->entry->kind == FIRN_TREE_DIR); /* (I1) */
        firn_hash hash = lookup->entry->hash;
        rc = open_dir(lookup, &hash, err);
        rest = slash == NULL ? firn_bytes(NULL, 0) : firn_bytes(slash + 1, rest.size - size - 1);
    }
    if (rc == FIRN_OK && *out_found && firn_buf_append_slice(&lookup->path, path) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    return rc;
}

/* Sets lookup->entry to the entry of a path, or to NULL. */
static int
look_up(struct firn_tree_lookup *lookup, firn_slice path, firn_error *err)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    firn_slice dir = firn_bytes(path.data, at == 0 ? 0 : at - 1);
    firn_slice name = firn_bytes(path.data + at, path.size - at);
    bool is_ahead = lookup->iterator != NULL && lookup->entry != NULL &&
                    firn_slice_equal(firn_buf_slice(&lookup->path), dir) &&
                    firn_slice_compare(lookup->entry->name, name) <= 0;
    DCHECK(name.size > 0); /* the path is clean */
    bool found = true;
    int rc = is_ahead ? FIRN_OK : descend(lookup, dir, &found, err);
    if (rc == FIRN_OK && found) {
        rc = seek(lookup, name, err);
    } else {
        lookup->entry = NULL;
    }
    DCHECK(rc != FIRN_OK || lookup->entry == NULL ||
           firn_slice_equal(lookup->entry->name, name)); /* (I2) */
    return rc;
}

int
firn_tree_lookup_find(struct firn_tree_lookup *lookup, firn_slice path,
                      const struct firn_tree_entry **out, firn_error *err)
{
    int rc = look_up(lookup, path, err);
    *out = rc == FIRN_OK ? lookup->entry : NULL;
    return rc;
}

static bool
is_first_name(const struct firn_tree_entry *first, const struct firn_tree_entry *link)
{
    return first != NULL && first->hard_link.size == 0 && first->kind == link->kind &&
           first->size == link->size && firn_hash_equal(&first->hash, &link->hash) &&
           firn_slice_equal(first->target, link->target) && first->mode == link->mode &&
           first->uid == link->uid && first->gid == link->gid &&
           first->mtime_ns == link->mtime_ns && firn_slice_equal(first->xattrs, link->xattrs);
}

int
firn_tree_lookup_check_link(struct firn_tree_lookup *lookup, firn_slice path,
                            const struct firn_tree_entry *link, firn_error *err)
{
    bool is_earlier = firn_slice_compare(link->hard_link, path) < 0; /* (I3) */
    int rc = is_earlier ? look_up(lookup, link->hard_link, err) : FIRN_OK;
    if (rc != FIRN_OK || (is_earlier && is_first_name(lookup->entry, link))) {
        return rc;
    }
    return firn_error_set(err, FIRN_CORRUPT,
                          "'%.*s' is a hard link to '%.*s', which is not a file before it",
                          (int)(path.size < 256 ? path.size : 256), (const char *)path.data,
                          (int)(link->hard_link.size < 256 ? link->hard_link.size : 256),
                          (const char *)link->hard_link.data);
}
