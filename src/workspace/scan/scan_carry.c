/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_carry.c: entries that cannot be read now are saved as the last checkpoint has them.
 *
 * A file or a directory that cannot be read, or is written to in place at every attempt, still
 * exists. Leaving it out would make it look removed to later restores, diffs and collections. So
 * its entry in the last checkpoint is carried over; for a directory, with the whole subtree. A
 * notice reports it, and it counts as an entry that could not be saved. An entry that the last
 * checkpoint does not have, or has as another kind, is left out (scan_report.c). So is every file
 * that belongs to the state of a store, since the files of a store must fit together.
 *
 * An entry that is carried over has no print, so the next scan tries to read it again.
 *
 * A further name of a hard-linked file refers to the first one (tree/tree.h), which may be
 * anywhere, and changed or removed by now. If both names are in a subtree that is carried over as a
 * whole, the reference stays valid. A name that refers to one outside of the subtree becomes a file
 * of its own with the same content (I1; not checked: keeping an entry is the rule), and so does a
 * single entry; the directories above such a name are rebuilt.
 *
 * The walk keeps its own stack, of at most FI_TREE_DEPTH_MAX levels. If the last tree cannot be
 * read, or goes beyond what a store from elsewhere may ask for (base/budget.h), nothing of it is
 * carried over: a scan must not fail because a store is damaged.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "scan/scan_internal.h"

/* A directory of the last tree that is being walked. */
struct level {
    struct fi_tree_iterator *iterator;
    firn_hash hash;
    struct fi_buf entry; /* encoded, as its parent has it; empty for the topmost */
    struct fi_buf kept;  /* encoded entries */
    bool is_changed;
};

struct carrying {
    struct fi_scan_worker *worker;
    const struct fi_tree_source *source;
    firn_slice root; /* path of the directory that is carried over */
    struct fi_buf levels;
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
};

static bool
may_carry(const struct fi_scan_worker *worker, const struct fi_scan_node *node, int code,
          const firn_error *why)
{
    bool is_gone = code == FIRN_NOT_FOUND || code == FIRN_INVALID; /* or something else now */
    return worker->scan->options->last.source != NULL && !is_gone && !node->is_in_store &&
           !fi_scan_report_is_fatal(worker, code, why);
}

/* Nothing can be carried over from a damaged tree. */
static bool
is_of_tree(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO || rc == FIRN_NOT_FOUND ||
           rc == FIRN_LIMIT;
}

/* The entry of worker->path, borrowed until the next call; NULL if there is none of that kind. */
static int
scan_carry_find(struct fi_scan_worker *worker, enum fi_tree_kind kind,
                const struct fi_tree_entry **out, firn_error *err)
{
    const struct fi_scan_last *last = &worker->scan->options->last;
    firn_slice path = firn_bytes(worker->path.data, worker->path.size);
    firn_error found;
    *out = NULL;
    if (worker->last.source == NULL) {
        fi_tree_lookup_init(&worker->last, last->source, &last->root);
    }
    int rc = path.size == 0 ? FIRN_OK : fi_tree_lookup_find(&worker->last, path, out, &found);
    if (rc != FIRN_OK || (*out != NULL && (*out)->kind != kind)) {
        *out = NULL;
    }
    if (rc == FIRN_OK || is_of_tree(rc)) {
        return FIRN_OK;
    }
    *err = found;
    return rc;
}

int
fi_scan_carry_entry(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                    const char *name, enum fi_tree_kind kind, int code, struct fi_scan_found *out,
                    bool *out_is_carried, firn_error *err)
{
    const struct fi_tree_entry *entry = NULL;
    const firn_error why = *err;
    *out_is_carried = false;
    DCHECK(code != FIRN_OK && kind != FI_TREE_DIR);
    if (!may_carry(worker, node, code, &why)) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(node, name, &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    FI_TRY_RETURN(scan_carry_find(worker, kind, &entry, err));
    if (entry == NULL) {
        *err = why;
        return FIRN_OK;
    }
    *out = (struct fi_scan_found){.entry = *entry};
    out->entry.hard_link = firn_bytes(NULL, 0); /* (I1) */
    worker->bytes += kind == FI_TREE_FILE ? entry->size : 0;
    *out_is_carried = true;
    return fi_scan_report_carried(worker, node, name, &why, err);
}

/* ---- a directory ---- */

static struct level *
scan_carry_top(const struct carrying *carrying)
{
    DCHECK(carrying->levels.size >= sizeof(struct level));
    return (struct level *)(void *)(carrying->levels.data + carrying->levels.size) - 1;
}

static size_t
scan_carry_depth(const struct carrying *carrying)
{
    return carrying->levels.size / sizeof(struct level);
}

static void
scan_carry_pop(struct carrying *carrying)
{
    struct level *level = scan_carry_top(carrying);
    fi_tree_iterator_destroy(level->iterator);
    fi_buf_deinit(&level->entry);
    fi_buf_deinit(&level->kept);
    carrying->levels.size -= sizeof *level;
}

/* entry is NULL for the topmost. */
static int
scan_carry_push(struct carrying *carrying, const struct fi_tree_entry *entry, const firn_hash *hash,
                firn_error *err)
{
    struct level level = {.hash = *hash};
    int rc;
    DCHECK((entry == NULL) == (scan_carry_depth(carrying) == 0));
    if (scan_carry_depth(carrying) >= FI_TREE_DEPTH_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "directories are nested more than %d deep",
                            FI_TREE_DEPTH_MAX);
    }
    if (entry != NULL && fi_tree_encode_entry(&level.entry, entry) != FIRN_OK) {
        return fi_error_no_memory(err, "a directory");
    }
    rc = fi_tree_iterator_create(carrying->source, hash, &level.iterator, err);
    if (rc == FIRN_OK && fi_buf_append(&carrying->levels, &level, sizeof level) != FIRN_OK) {
        fi_tree_iterator_destroy(level.iterator);
        rc = fi_error_no_memory(err, "a directory");
    }
    if (rc != FIRN_OK) {
        fi_buf_deinit(&level.entry);
    }
    return rc;
}

static int
scan_carry_keep(struct carrying *carrying, const struct fi_tree_entry *entry, firn_error *err)
{
    return fi_tree_encode_entry(&scan_carry_top(carrying)->kept, entry) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a directory");
}

static bool
is_inside(const struct carrying *carrying, firn_slice path)
{
    const firn_slice root = carrying->root;
    return path.size > root.size && fi_slice_has_prefix(path, root) && path.data[root.size] == '/';
}

static int
take_entry(struct carrying *carrying, const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_tree_entry own = *entry;
    if (entry->kind == FI_TREE_DIR) {
        carrying->directories++;
        return scan_carry_push(carrying, entry, &entry->hash, err);
    }
    carrying->files++;
    carrying->bytes += entry->kind == FI_TREE_FILE && entry->hard_link.size == 0 ? entry->size : 0;
    if (entry->hard_link.size > 0 && !is_inside(carrying, entry->hard_link)) { /* (I1) */
        own.hard_link = firn_bytes(NULL, 0);
        scan_carry_top(carrying)->is_changed = true;
        carrying->bytes += entry->kind == FI_TREE_FILE ? entry->size : 0;
    }
    return scan_carry_keep(carrying, &own, err);
}

static int
put_object(void *ctx, const firn_hash *hash, firn_slice bytes, firn_error *err)
{
    struct carrying *carrying = ctx;
    const struct fi_objects_object object = {.kind = FI_PACK_TREE, .hash = *hash, .content = bytes};
    bool is_new;
    return fi_scan_sink_add(carrying->worker, &object, &is_new, err);
}

/* Leaves the deepest directory, which has been walked; at last *out_hash is the topmost one's. */
static int
finish_level(struct carrying *carrying, firn_hash *out_hash, firn_error *err)
{
    struct level *level = scan_carry_top(carrying);
    struct fi_tree_entry entry;
    bool is_changed = level->is_changed;
    firn_hash hash = level->hash;
    if (is_changed) {
        int rc = fi_tree_build(fi_buf_slice(&level->kept), put_object, carrying, &hash, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    struct fi_buf bytes = level->entry;
    level->entry = (struct fi_buf){0};
    scan_carry_pop(carrying);
    if (scan_carry_depth(carrying) == 0) {
        *out_hash = hash;
        return FIRN_OK;
    }
    DCHECK(bytes.size > 0);
    firn_slice rest = fi_buf_slice(&bytes);
    int rc = fi_tree_decode_entry(&rest, &entry, err);
    if (rc == FIRN_OK) {
        entry.hash = hash;
        scan_carry_top(carrying)->is_changed = scan_carry_top(carrying)->is_changed || is_changed;
        rc = scan_carry_keep(carrying, &entry, err);
    }
    fi_buf_deinit(&bytes);
    return rc;
}

static int
scan_carry_walk(struct carrying *carrying, const firn_hash *root, firn_hash *out_hash,
                firn_error *err)
{
    DCHECK(scan_carry_depth(carrying) == 0);
    int rc = scan_carry_push(carrying, NULL, root, err);
    while (rc == FIRN_OK && scan_carry_depth(carrying) > 0) {
        const struct fi_tree_entry *entry;
        bool is_end;
        if (fi_scan_is_stopped(carrying->worker->scan)) {
            rc = fi_error_set(err, FIRN_CANCELLED, "cancelled");
            break;
        }
        rc = fi_tree_iterator_next(scan_carry_top(carrying)->iterator, &entry, &is_end, err);
        if (rc == FIRN_OK) {
            rc = is_end ? finish_level(carrying, out_hash, err) : take_entry(carrying, entry, err);
        }
    }
    while (scan_carry_depth(carrying) > 0) {
        scan_carry_pop(carrying);
    }
    fi_buf_deinit(&carrying->levels);
    return rc;
}

int
fi_scan_carry_dir(struct fi_scan_worker *worker, const struct fi_scan_node *node, int code,
                  bool *out_is_carried, firn_error *err)
{
    struct fi_scan_subdir *subdir = &node->parent->subdirs[node->index];
    struct carrying carrying = {.worker = worker, .source = worker->scan->options->last.source};
    const struct fi_tree_entry *entry = NULL;
    const firn_error why = *err;
    struct fi_buf path = {0};
    firn_error found;
    int rc = FIRN_OK;
    *out_is_carried = false;
    DCHECK(code != FIRN_OK && subdir->state == FI_SCAN_SUBDIR_WAITING);
    if (!may_carry(worker, node->parent, code, &why)) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(node, "", &worker->path) != FIRN_OK ||
        fi_buf_append_slice(&path, fi_buf_slice(&worker->path)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    carrying.root = fi_buf_slice(&path);
    FI_TRY(scan_carry_find(worker, FI_TREE_DIR, &entry, err));
    if (entry == NULL) {
        *err = why;
        goto out;
    }
    struct fi_tree_entry own = *entry;
    rc = scan_carry_walk(&carrying, &entry->hash, &own.hash, &found);
    if (is_of_tree(rc) && !fi_scan_is_stopped(worker->scan)) {
        *err = why;
        rc = FIRN_OK;
        goto out;
    }
    if (rc != FIRN_OK) {
        *err = found;
        goto out;
    }
    if (fi_scan_confined_take_over(subdir, &own) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a directory");
        goto out;
    }
    *out_is_carried = true;
    worker->files += carrying.files;
    worker->directories += carrying.directories + 1;
    worker->bytes += carrying.bytes;
    rc = fi_scan_report_carried(worker, node, "", &why, err);
out:
    fi_buf_deinit(&path);
    return rc;
}

void
fi_scan_carry_deinit(struct fi_scan_worker *worker)
{
    fi_tree_lookup_deinit(&worker->last);
}
