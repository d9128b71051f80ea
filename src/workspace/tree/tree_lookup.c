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
 * Links may also jump: between two files at the ends of a large directory, one after the other. So
 * once an iterator had to begin anew more than TURNS_MAX times, a directory that a link leads to is
 * read once as a whole, and digests of its entries are remembered, by their paths. Then a link
 * takes no time that depends on the size of a directory.
 *
 * Memory: 36 bytes for each entry of such directories, of at most KNOWN_MAX entries.
 *
 * The first name of a group is the one that comes first in the byte order of whole paths (I3): a
 * restore in that order makes it before any other, and two trees cannot say the same in two ways.
 * (Not checked: it is data, which check_link tests.)
 */
#include "tree/tree.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"

enum { TURNS_MAX = 64, KNOWN_MAX = 1 << 20, DIGEST_SIZE = 16 };

/* An entry; of a directory that was read, its own path with a slash, and no fields. */
struct known {
    uint8_t path[DIGEST_SIZE];
    uint8_t fields[DIGEST_SIZE];
};

static uint64_t
hash_of_known(const void *record)
{
    return fi_load_le64(((const struct known *)record)->path);
}

static bool
known_is(const void *record, const void *key)
{
    return memcmp(((const struct known *)record)->path, ((const struct known *)key)->path,
                  DIGEST_SIZE) == 0;
}

void
fi_tree_lookup_init(struct fi_tree_lookup *lookup, const struct fi_tree_source *source,
                    const firn_hash *root)
{
    *lookup = (struct fi_tree_lookup){.source = source, .root = *root};
    fi_hash_map_init(&lookup->known, sizeof(struct known), hash_of_known, known_is);
}

void
fi_tree_lookup_deinit(struct fi_tree_lookup *lookup)
{
    fi_tree_iterator_destroy(lookup->iterator);
    fi_buf_deinit(&lookup->path);
    fi_hash_map_deinit(&lookup->known);
    lookup->iterator = NULL;
}

static int
tree_lookup_advance(struct fi_tree_lookup *lookup, firn_error *err)
{
    bool is_end;
    DCHECK(lookup->iterator != NULL);
    return fi_tree_iterator_next(lookup->iterator, &lookup->entry, &is_end, err);
}

static int
open_dir(struct fi_tree_lookup *lookup, const firn_hash *hash, firn_error *err)
{
    fi_tree_iterator_destroy(lookup->iterator);
    lookup->iterator = NULL;
    lookup->entry = NULL;
    int rc = fi_tree_iterator_create(lookup->source, hash, &lookup->iterator, err);
    return rc == FIRN_OK ? tree_lookup_advance(lookup, err) : rc;
}

/* Advances to a name; lookup->entry is NULL if the directory does not have it. */
static int
tree_lookup_seek(struct fi_tree_lookup *lookup, firn_slice name, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && lookup->entry != NULL &&
           fi_slice_compare(lookup->entry->name, name) < 0) {
        rc = tree_lookup_advance(lookup, err);
    }
    if (rc == FIRN_OK && lookup->entry != NULL && !fi_slice_equal(lookup->entry->name, name)) {
        lookup->entry = NULL;
    }
    return rc;
}

/* Descends to a directory; *out_found is false if there is none at that path. */
static int
tree_lookup_descend(struct fi_tree_lookup *lookup, firn_slice path, bool *out_found,
                    firn_error *err)
{
    *out_found = true;
    fi_buf_clear(&lookup->path);
    int rc = open_dir(lookup, &lookup->root, err);
    for (firn_slice rest = path; rc == FIRN_OK && rest.size > 0;) {
        const uint8_t *slash = memchr(rest.data, '/', rest.size);
        size_t size = slash == NULL ? rest.size : (size_t)(slash - rest.data);
        rc = tree_lookup_seek(lookup, firn_bytes(rest.data, size), err);
        if (rc != FIRN_OK) {
            return rc;
        }
        *out_found = lookup->entry != NULL && lookup->entry->kind == FI_TREE_DIR;
        if (!*out_found) {
            break;
        }
        DCHECK(lookup->entry->kind == FI_TREE_DIR); /* (I1) */
        firn_hash hash = lookup->entry->hash;
        rc = open_dir(lookup, &hash, err);
        rest = slash == NULL ? firn_bytes(NULL, 0) : firn_bytes(slash + 1, rest.size - size - 1);
    }
    if (rc == FIRN_OK && *out_found && fi_buf_append_slice(&lookup->path, path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    return rc;
}

/* Sets lookup->entry to the entry of a path, or to NULL. */
static int
look_up(struct fi_tree_lookup *lookup, firn_slice path, firn_error *err)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    firn_slice dir = firn_bytes(path.data, at == 0 ? 0 : at - 1);
    firn_slice name = firn_bytes(path.data + at, path.size - at);
    bool is_ahead = lookup->iterator != NULL && lookup->entry != NULL &&
                    fi_slice_equal(fi_buf_slice(&lookup->path), dir) &&
                    fi_slice_compare(lookup->entry->name, name) <= 0;
    DCHECK(name.size > 0); /* the path is clean */
    bool found = true;
    lookup->turns += is_ahead || lookup->turns > TURNS_MAX ? 0 : 1;
    int rc = is_ahead ? FIRN_OK : tree_lookup_descend(lookup, dir, &found, err);
    if (rc == FIRN_OK && found) {
        rc = tree_lookup_seek(lookup, name, err);
    } else {
        lookup->entry = NULL;
    }
    DCHECK(rc != FIRN_OK || lookup->entry == NULL ||
           fi_slice_equal(lookup->entry->name, name)); /* (I2) */
    return rc;
}

int
fi_tree_lookup_find(struct fi_tree_lookup *lookup, firn_slice path,
                    const struct fi_tree_entry **out, firn_error *err)
{
    int rc = look_up(lookup, path, err);
    *out = rc == FIRN_OK ? lookup->entry : NULL;
    return rc;
}

static bool
is_first_name(const struct fi_tree_entry *first, const struct fi_tree_entry *link)
{
    return first != NULL && first->hard_link.size == 0 && first->kind == link->kind &&
           first->size == link->size && fi_hash_equal(&first->hash, &link->hash) &&
           fi_slice_equal(first->target, link->target) && first->mode == link->mode &&
           first->uid == link->uid && first->gid == link->gid &&
           first->mtime_ns == link->mtime_ns && fi_slice_equal(first->xattrs, link->xattrs);
}

/* ---- links that jump ---- */

/* The path of a directory and a name in it; "" is the directory itself. */
static void
digest_path(firn_slice dir, firn_slice name, uint8_t *out)
{
    struct fi_blake3_hash state;
    firn_hash hash;
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, dir.data, dir.size);
    fi_blake3_hash_update(&state, "/", 1);
    fi_blake3_hash_update(&state, name.data, name.size);
    fi_blake3_hash_final(&state, &hash);
    memcpy(out, hash.bytes, DIGEST_SIZE);
}

static void
digest_sized(struct fi_blake3_hash *state, firn_slice bytes)
{
    uint8_t size[8];
    fi_store_le64(size, bytes.size);
    fi_blake3_hash_update(state, size, sizeof size);
    fi_blake3_hash_update(state, bytes.data, bytes.size);
}

/* What is_first_name compares. */
static void
digest_fields(const struct fi_tree_entry *entry, uint8_t *out)
{
    struct fi_blake3_hash state;
    firn_hash hash;
    uint8_t numbers[6 * 8];
    fi_store_le64(numbers, entry->kind);
    fi_store_le64(numbers + 8, entry->size);
    fi_store_le64(numbers + 16, entry->mode);
    fi_store_le64(numbers + 24, entry->uid);
    fi_store_le64(numbers + 32, entry->gid);
    fi_store_le64(numbers + 40, (uint64_t)entry->mtime_ns);
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, numbers, sizeof numbers);
    fi_blake3_hash_update(&state, entry->hash.bytes, sizeof entry->hash.bytes);
    digest_sized(&state, entry->target);
    digest_sized(&state, entry->xattrs);
    fi_blake3_hash_final(&state, &hash);
    memcpy(out, hash.bytes, DIGEST_SIZE);
}

static int
tree_lookup_remember(struct fi_tree_lookup *lookup, const struct known *known, firn_error *err)
{
    return fi_hash_map_insert(&lookup->known, hash_of_known(known), known) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "hard links");
}

/* Reads a directory as a whole. Entries that are further names themselves are left out: no link may
 * name them. */
static int
tree_lookup_learn(struct fi_tree_lookup *lookup, firn_slice dir, const struct known *itself,
                  firn_error *err)
{
    bool found = true;
    if (lookup->known.count >= KNOWN_MAX) {
        fi_hash_map_clear(&lookup->known);
    }
    FI_TRY_RETURN(tree_lookup_remember(lookup, itself, err));
    FI_TRY_RETURN(tree_lookup_descend(lookup, dir, &found, err));
    while (found && lookup->entry != NULL) {
        struct known known;
        if (lookup->entry->hard_link.size == 0) {
            digest_path(dir, lookup->entry->name, known.path);
            digest_fields(lookup->entry, known.fields);
            FI_TRY_RETURN(tree_lookup_remember(lookup, &known, err));
        }
        FI_TRY_RETURN(tree_lookup_advance(lookup, err));
    }
    return FIRN_OK;
}

/* Whether a link names a first name, by what is remembered. */
static int
query_known(struct fi_tree_lookup *lookup, const struct fi_tree_entry *link, bool *out,
            firn_error *err)
{
    const firn_slice path = link->hard_link;
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    const firn_slice dir = firn_bytes(path.data, at == 0 ? 0 : at - 1);
    struct known itself = {{0}, {0}};
    struct known wanted;
    digest_path(dir, firn_bytes(NULL, 0), itself.path);
    if (fi_hash_map_find(&lookup->known, hash_of_known(&itself), &itself) == NULL) {
        FI_TRY_RETURN(tree_lookup_learn(lookup, dir, &itself, err));
    }
    digest_path(dir, firn_bytes(path.data + at, path.size - at), wanted.path);
    digest_fields(link, wanted.fields);
    const struct known *known = fi_hash_map_find(&lookup->known, hash_of_known(&wanted), &wanted);
    *out = known != NULL && memcmp(known->fields, wanted.fields, DIGEST_SIZE) == 0;
    return FIRN_OK;
}

int
fi_tree_lookup_check_link(struct fi_tree_lookup *lookup, firn_slice path,
                          const struct fi_tree_entry *link, firn_error *err)
{
    bool is_earlier = fi_slice_compare(link->hard_link, path) < 0; /* (I3) */
    bool is_sound = false;
    int rc = FIRN_OK;
    if (is_earlier && lookup->turns > TURNS_MAX) {
        rc = query_known(lookup, link, &is_sound, err);
    } else if (is_earlier) {
        rc = look_up(lookup, link->hard_link, err);
        is_sound = rc == FIRN_OK && is_first_name(lookup->entry, link);
    }
    if (rc != FIRN_OK || is_sound) {
        return rc;
    }
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%.*s' is a hard link to '%.*s', which is not a file before it",
                        (int)(path.size < 256 ? path.size : 256), (const char *)path.data,
                        (int)(link->hard_link.size < 256 ? link->hard_link.size : 256),
                        (const char *)link->hard_link.data);
}
