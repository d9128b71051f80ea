/* SPDX-License-Identifier: Apache-2.0
 *
 * repository/repository.c: the directory of repositories that a checkpoint names.
 *
 * Its two entries have no attributes of their own, so that equal parts give equal objects. What a
 * checkpoint from elsewhere has there is checked as any tree is, and must be exactly that (I1).
 *
 * Times in git's directory change whenever git looks at its index, so they make no difference.
 */
#include "repository/repository.h"

#include "base/check.h"
#include "base/slice.h"
#include "difference/difference.h"

enum { MODE = 0700, DIFFERS = 1 };

static const char *const NAMES[FI_REPOSITORY_PARTS] = {
    [FI_REPOSITORY_OBJECTS] = "objects", [FI_REPOSITORY_STATE] = "state"};

int
fi_repository_build(const firn_hash parts[FI_REPOSITORY_PARTS],
                    int (*put)(void *ctx, const firn_hash *hash, firn_slice object,
                               firn_error *err),
                    void *ctx, firn_hash *out, firn_error *err)
{
    struct fi_buf entries = {0};
    int rc = FIRN_OK;
    for (size_t i = 0; i < FI_REPOSITORY_PARTS; i++) {
        const struct fi_tree_entry entry = {
            .name = firn_str(NAMES[i]), .kind = FI_TREE_DIR, .mode = MODE, .hash = parts[i]};
        DCHECK(i == 0 || strcmp(NAMES[i - 1], NAMES[i]) < 0);
        if (fi_tree_encode_entry(&entries, &entry) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a directory");
            goto out;
        }
    }
    rc = fi_tree_build(fi_buf_slice(&entries), put, ctx, out, err);
out:
    fi_buf_deinit(&entries);
    return rc;
}

/* (I1) */
int
fi_repository_parts(const struct fi_tree_source *source, const firn_hash *directory,
                    firn_hash out[FI_REPOSITORY_PARTS], firn_error *err)
{
    struct fi_tree_iterator *iterator = NULL;
    const struct fi_tree_entry *entry;
    bool is_end = false;
    size_t count = 0;
    int rc;
    FI_TRY(fi_tree_iterator_create(source, directory, &iterator, err));
    for (;;) {
        FI_TRY(fi_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        if (count == FI_REPOSITORY_PARTS || entry->kind != FI_TREE_DIR ||
            !fi_slice_equal(entry->name, firn_str(NAMES[count]))) {
            count = 0;
            break;
        }
        out[count++] = entry->hash;
    }
    if (count != FI_REPOSITORY_PARTS) {
        rc = fi_error_set(err, FIRN_CORRUPT, "a checkpoint's repositories are malformed");
    }
out:
    fi_tree_iterator_destroy(iterator);
    return rc;
}

static int
stop_at_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    (void)ctx, (void)err;
    return change->kind == FI_DIFFERENCE_WALK_SAME || (change->kind == FI_DIFFERENCE_WALK_CHANGED &&
                                                       change->what == FI_DIFFERENCE_WALK_MTIME)
               ? FIRN_OK
               : DIFFERS;
}

int
fi_repository_differs(const struct fi_tree_source *before_source, const firn_hash *before,
                      const struct fi_tree_source *after_source, const firn_hash *after, bool *out,
                      firn_error *err)
{
    const struct fi_tree_entry before_root = {.kind = FI_TREE_DIR, .hash = *before};
    const struct fi_tree_entry after_root = {.kind = FI_TREE_DIR, .hash = *after};
    const struct fi_difference_walk_side before_side = {.source = before_source,
                                                        .root = &before_root};
    const struct fi_difference_walk_side after_side = {.source = after_source, .root = &after_root};
    const struct fi_difference_walk_options options = {0};
    *out = false;
    if (fi_hash_equal(before, after)) {
        return FIRN_OK;
    }
    int rc = fi_difference_walk(&before_side, &after_side, &options, stop_at_change, NULL, err);
    *out = rc == DIFFERS;
    return rc == DIFFERS ? FIRN_OK : rc;
}

/* ---- the repositories ---- */

struct listing {
    const struct fi_tree_source *source;
    int (*visit)(void *ctx, firn_slice path, const struct fi_tree_entry *entry, firn_error *err);
    void *ctx;
    struct fi_buf waiting; /* directories to look into: hash, and path with a NUL */
    struct fi_buf path;
};

static int
push_directory(struct listing *listing, const firn_hash *hash, firn_error *err)
{
    struct fi_buf *waiting = &listing->waiting;
    const uint64_t size = listing->path.size;
    return fi_buf_append_slice(waiting, fi_buf_slice(&listing->path)) == FIRN_OK &&
                   fi_buf_append(waiting, hash, sizeof *hash) == FIRN_OK &&
                   fi_buf_append(waiting, &size, sizeof size) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of repositories");
}

static void
pop_directory(struct listing *listing, firn_hash *out, struct fi_buf *path)
{
    struct fi_buf *waiting = &listing->waiting;
    uint64_t size;
    waiting->size -= sizeof size;
    memcpy(&size, waiting->data + waiting->size, sizeof size);
    waiting->size -= sizeof *out;
    memcpy(out, waiting->data + waiting->size, sizeof *out);
    CHECK(size <= waiting->size && size <= path->capacity);
    waiting->size -= (size_t)size;
    if (size > 0) {
        memcpy(path->data, waiting->data + waiting->size, (size_t)size);
    }
    path->size = (size_t)size;
}

static int
list_directory(struct listing *listing, const firn_hash *hash, firn_error *err)
{
    struct fi_tree_iterator *iterator = NULL;
    const size_t size = listing->path.size;
    int rc;
    FI_TRY(fi_tree_iterator_create(listing->source, hash, &iterator, err));
    for (;;) {
        const struct fi_tree_entry *entry;
        bool is_end;
        FI_TRY(fi_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        listing->path.size = size;
        if ((size > 0 && fi_buf_append_u8(&listing->path, '/') != FIRN_OK) ||
            fi_buf_append_slice(&listing->path, entry->name) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a path");
            goto out;
        }
        if (listing->path.size > FI_TREE_PATH_SIZE_MAX) {
            rc = fi_error_set(err, FIRN_CORRUPT, "a path of a repository is too long");
            goto out;
        }
        if (fi_slice_equal(entry->name, firn_str(".git"))) {
            FI_TRY(listing->visit(listing->ctx, fi_buf_slice(&listing->path), entry, err));
        } else if (entry->kind == FI_TREE_DIR) {
            FI_TRY(push_directory(listing, &entry->hash, err));
        }
    }
out:
    fi_tree_iterator_destroy(iterator);
    return rc;
}

int
fi_repository_list(const struct fi_tree_source *source, const firn_hash *state,
                   int (*visit)(void *ctx, firn_slice path, const struct fi_tree_entry *entry,
                                firn_error *err),
                   void *ctx, firn_error *err)
{
    struct listing listing = {.source = source, .visit = visit, .ctx = ctx};
    int rc;
    FI_TRY(push_directory(&listing, state, err));
    while (listing.waiting.size > 0) {
        firn_hash hash;
        if (fi_buf_reserve(&listing.path, FI_TREE_PATH_SIZE_MAX + FI_TREE_NAME_SIZE_MAX) !=
            FIRN_OK) {
            rc = fi_error_no_memory(err, "a path");
            goto out;
        }
        pop_directory(&listing, &hash, &listing.path);
        FI_TRY(list_directory(&listing, &hash, err));
    }
out:
    fi_buf_deinit(&listing.waiting);
    fi_buf_deinit(&listing.path);
    return rc;
}
