/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_stage.c: writes what a checkpoint has of a repository into an empty directory.
 *
 * The state is written as one tree, and then each directory of objects, which the state lacks: that
 * of the repository itself, and those of submodules and worktrees. Each is written by a checkout
 * into an empty directory, which verifies every object and makes it durable.
 *
 * The trees may come from elsewhere. Their names are checked where they are decoded, and nothing is
 * followed. A link in the state cannot lead the objects out of the stage: each component of a path
 * is opened in the one before, and a link fails.
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "gitdir/gitdir_internal.h"

enum { LEVELS_MAX = 64 };

/* A directory in the tree of objects that is to be looked into. */
struct stage_level {
    firn_hash hash;
    size_t path_size; /* of its path, before this in the list */
    uint32_t level;
    bool is_repository;
};

struct placing {
    struct fi_gitdir *gitdir;
    struct fi_buf waiting; /* of each: its path, then struct stage_level */
    struct fi_buf path;
    struct fi_buf inner;
};

static int
checkout_into(struct fi_gitdir *gitdir, struct fi_os_dir *dir, const struct fi_tree_entry *entry,
              firn_error *err)
{
    const struct fi_gitdir_request *request = gitdir->request;
    const struct fi_tree_source *trees = fi_objects_trees(request->opened->objects);
    struct fi_tree_entry root = *entry;
    root.name = firn_bytes(NULL, 0);
    const struct fi_checkout_options options = {.root = dir,
                                                .objects = request->opened->objects,
                                                .before = {.source = trees},
                                                .after = {.source = trees, .root = &root},
                                                .threads = request->threads,
                                                .is_foreign = request->opened->is_foreign,
                                                .callbacks = request->callbacks};
    struct fi_checkout *checkout = NULL;
    int rc;
    DCHECK(entry->kind == FI_TREE_DIR);
    FI_TRY(fi_checkout_create(&options, &checkout, err));
    FI_TRY(fi_checkout_plan(checkout, err));
    FI_TRY(fi_checkout_prepare(checkout, err));
    FI_TRY(fi_checkout_finish(checkout, err));
out:
    fi_checkout_destroy(checkout);
    return rc;
}

static int
stage_push(struct placing *placing, firn_slice path, const struct stage_level *level,
           firn_error *err)
{
    struct stage_level added = *level;
    added.path_size = path.size;
    return fi_buf_append_slice(&placing->waiting, path) == FIRN_OK &&
                   fi_buf_append(&placing->waiting, &added, sizeof added) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of directories");
}

static int
stage_pop(struct placing *placing, struct stage_level *out, firn_error *err)
{
    struct fi_buf *waiting = &placing->waiting;
    CHECK(waiting->size >= sizeof *out);
    waiting->size -= sizeof *out;
    memcpy(out, waiting->data + waiting->size, sizeof *out);
    CHECK(waiting->size >= out->path_size);
    waiting->size -= out->path_size;
    fi_buf_clear(&placing->path);
    return fi_buf_append(&placing->path, waiting->data + waiting->size, out->path_size) ==
                       FIRN_OK &&
                   fi_buf_text(&placing->path) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a path");
}

/* Makes the directory of an entry, if it is not there, and opens it. */
static int
make_directory(struct fi_os_dir *dir, const char *name, struct fi_os_dir **out, firn_error *err)
{
    int rc = fi_os_make_dir(dir, name, 0777, err);
    return rc == FIRN_OK || rc == FIRN_EXISTS ? fi_os_dir_open(dir, name, out, err) : rc;
}

static int
place_entry(struct placing *placing, struct fi_os_dir *dir, const struct stage_level *level,
            const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_buf name = {0};
    struct fi_os_dir *inner = NULL;
    int rc = FIRN_OK;
    if (fi_buf_append_slice(&name, entry->name) != FIRN_OK || fi_buf_text(&name) == NULL) {
        rc = fi_error_no_memory(err, "a name");
        goto out;
    }
    FI_TRY(make_directory(dir, (const char *)name.data, &inner, err));
    if (level->is_repository && fi_slice_equal(entry->name, firn_str("objects"))) {
        rc = checkout_into(placing->gitdir, inner, entry, err);
        goto out;
    }
    FI_TRY(fi_gitdir_files_path(fi_buf_slice(&placing->path), (const char *)name.data,
                                &placing->inner, err));
    const struct stage_level next = {.hash = entry->hash,
                                     .level = level->level + 1,
                                     .is_repository =
                                         fi_gitdir_files_has(inner, "HEAD", FI_OS_FILE)};
    rc = next.level > LEVELS_MAX
             ? fi_error_set(err, FIRN_LIMIT, "a repository has too many levels of submodules")
             : stage_push(placing, fi_buf_slice(&placing->inner), &next, err);
out:
    fi_os_dir_close(inner);
    fi_buf_deinit(&name);
    return rc;
}

static int
place_level(struct placing *placing, const struct stage_level *level, firn_error *err)
{
    const struct fi_tree_source *trees =
        fi_objects_trees(placing->gitdir->request->opened->objects);
    struct fi_tree_iterator *iterator = NULL;
    struct fi_os_dir *dir = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_beneath(placing->gitdir->stage, (const char *)placing->path.data, &dir,
                                  err));
    FI_TRY(fi_tree_iterator_create(trees, &level->hash, &iterator, err));
    for (;;) {
        const struct fi_tree_entry *entry;
        bool is_end;
        FI_TRY(fi_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        if (entry->kind == FI_TREE_DIR) {
            FI_TRY(place_entry(placing, dir, level, entry, err));
        }
    }
out:
    fi_tree_iterator_destroy(iterator);
    fi_os_dir_close(dir);
    return rc;
}

static int
place_objects(struct fi_gitdir *gitdir, const struct fi_tree_entry *objects, firn_error *err)
{
    struct placing placing = {.gitdir = gitdir};
    struct stage_level level = {.hash = objects->hash, .is_repository = true};
    int rc;
    FI_TRY(stage_push(&placing, firn_bytes(NULL, 0), &level, err));
    while (placing.waiting.size > 0) {
        FI_TRY(stage_pop(&placing, &level, err));
        FI_TRY(place_level(&placing, &level, err));
    }
out:
    fi_buf_deinit(&placing.waiting);
    fi_buf_deinit(&placing.path);
    fi_buf_deinit(&placing.inner);
    return rc;
}

int
fi_gitdir_stage(struct fi_gitdir *gitdir, firn_error *err)
{
    const struct fi_gitdir_request *request = gitdir->request;
    DCHECK(gitdir->stage != NULL);
    FI_TRY_RETURN(checkout_into(gitdir, gitdir->stage, request->state, err));
    return request->objects == NULL || request->objects->kind != FI_TREE_DIR
               ? FIRN_OK
               : place_objects(gitdir, request->objects, err);
}
