/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_stage.c: writing everything new beside its target.
 *
 * First the directories, one after the other in the order of the walk: a directory whose parent
 * exists gets a temporary name (it is a "new root"), one below a new root its own name. Then files
 * and links, on all threads. Then the further names of hard-linked files: each is linked to the
 * staged first name of its group, or, if that did not change, to the one on disk.
 *
 * Directories are made with mode 0700 and get their own metadata at the very end, when their
 * contents are complete.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "pack/packfile_cells.h"

/* The new name in dir under which to make an entry. path is for notices. */
struct fi_checkout_write_target {
    struct fi_os_dir *dir;
    const char *name;
    firn_slice path;
    bool may_inherit; /* new entries may inherit attributes (a default ACL) */
};

struct staging {
    struct fi_checkout *checkout;
    struct fi_checkout_place place;
    struct fi_checkout_place source;
    struct fi_os_dir *dir; /* opened last */
    struct fi_buf dir_path;
};

static void
staging_deinit(struct staging *staging)
{
    fi_buf_deinit(&staging->place.dir);
    fi_buf_deinit(&staging->source.dir);
    fi_os_dir_close(staging->dir);
    fi_buf_deinit(&staging->dir_path);
    fi_free(staging);
}

static struct staging *
staging_create(struct fi_checkout *checkout, firn_error *err)
{
    struct staging *staging = fi_alloc_zeroed(sizeof *staging);
    if (staging == NULL) {
        (void)fi_error_no_memory(err, "a restore");
        return NULL;
    }
    staging->checkout = checkout;
    return staging;
}

/* Walks with a new staging, which the visitors find in checkout->staging. */
static int
walk(struct fi_checkout *checkout,
     int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err),
     firn_error *err)
{
    DCHECK(checkout->staging == NULL && checkout->batch == NULL);
    checkout->staging = staging_create(checkout, err);
    if (checkout->staging == NULL) {
        return FIRN_NO_MEMORY;
    }
    int rc = fi_checkout_walk(checkout, visit, err);
    staging_deinit(checkout->staging);
    checkout->staging = NULL;
    return rc;
}

static int
open_place(struct staging *staging, const struct fi_checkout_place *place, firn_error *err)
{
    return fi_checkout_open_dir(staging->checkout, &place->dir, &staging->dir, &staging->dir_path,
                                err);
}

/* If the system refuses an entry, it stays as it is, and everything else continues. */
static int
leave_if_refused(struct fi_checkout *checkout, firn_slice path, int rc, const firn_error *cause,
                 firn_error *err)
{
    if (!checkout->into_empty && fi_checkout_plan_is_refusal(rc)) {
        return fi_checkout_left_behind(checkout, path, cause->text, err);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *cause;
    }
    return rc;
}

static int
make_dir(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    if (!fi_checkout_makes_dir(change)) {
        return FIRN_OK;
    }
    int rc;
    DCHECK(!fi_checkout_left_has(checkout, change->path)); /* (I5) of checkout.c */
    FI_TRY(fi_checkout_progress(checkout, 0, 0, err));
    FI_TRY(fi_checkout_staged_place(checkout, change->path, &staging->place, err));
    if (!staging->place.is_direct) {
        FI_TRY(fi_checkout_add_new_root(checkout, change->path, err));
    }
    firn_error cause;
    rc = open_place(staging, &staging->place, &cause);
    if (rc == FIRN_OK) {
        rc = fi_os_make_dir(staging->dir, staging->place.name, 0700, &cause);
    }
    rc = leave_if_refused(checkout, change->path, rc, &cause, err);
out:
    return rc;
}

/* One entry of a tree, made on disk.
 *
 * A file is created under a free name; no existing file is opened (I6; not checked, like (I7) and
 * (I8): the kernel sees to it, and tests look), so nothing can be written through a symbolic or
 * hard link to something else. Content is verified piece by piece; if the whole does not verify, or
 * anything else fails, the file is removed. The pieces of a large file come from several threads,
 * in any order, and are verified as a whole: until then the file has a temporary name, or is in a
 * directory that was empty.
 *
 * Order of metadata (I7): owner, because it clears set-id bits and capabilities; attributes, while
 * the mode still lets the owner write them, or is made to; mode; time last. If the owner cannot be
 * set (not the superuser, or a file system without owners), the set-id bits are dropped: a program
 * must not run with the rights of the wrong user.
 *
 * A store of another user (is_foreign) may not grant rights either (I8): a user who can write to a
 * store could make it record a program that belongs to root and runs as root. So files come without
 * set-id bits, and attributes of `security.` (capabilities, labels) and `trusted.` (used by overlay
 * file systems) are neither set nor removed. Owners, the other mode bits, access control lists and
 * `user.` attributes are restored: they only say who may use content that comes from the same user.
 *
 * Attributes that could not be set are reported and do not stop a restore; content is never
 * optional. */

enum { SCRATCH_FRAMES = 8, SET_ID_BITS = 06000, PAGE_SIZE = 4096 };

int
fi_checkout_stage_write_init(struct fi_checkout_write *write, struct fi_objects *objects,
                             firn_error *err)
{
    *write = (struct fi_checkout_write){.objects = objects};
    return fi_packfile_scratch_create(SCRATCH_FRAMES, &write->scratch, err);
}

void
fi_checkout_stage_write_deinit(struct fi_checkout_write *write)
{
    fi_packfile_scratch_destroy(write->scratch);
    fi_buf_deinit(&write->buf);
    write->scratch = NULL;
}

static void
report(struct fi_checkout_write *write, firn_slice path, const char *what, const firn_error *cause)
{
    if (write->on_incomplete == NULL) {
        return;
    }
    /* Only the system's own message: the path before it may be a temporary name. */
    static const char end_of_path[] = "': ";
    const size_t size = sizeof end_of_path - 1;
    const char *why = cause->text;
    for (const char *at = why; *at != '\0'; at++) {
        why = strncmp(at, end_of_path, size) == 0 ? at + size : why;
    }
    char text[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s: %.900s", what, why);
    write->on_incomplete(write->ctx, path, text);
}

/* Whether a failure is only reported, and the restore continues: the system refuses it, or does not
 * have the feature. */
static bool
is_refusal(int rc)
{
    return rc == FIRN_DENIED || rc == FIRN_UNSUPPORTED || rc == FIRN_INVALID || rc == FIRN_LIMIT;
}

/* Reports what (I8) leaves out. */
static void
report_foreign(struct fi_checkout_write *write, firn_slice path, const char *what)
{
    firn_error cause;
    (void)fi_error_set(&cause, FIRN_DENIED, "the store belongs to another user");
    report(write, path, what, &cause);
}

/* Whether an attribute grants rights that only the superuser has. */
static bool
is_privileged(firn_slice attribute)
{
    return fi_slice_has_prefix(attribute, firn_str("security.")) ||
           fi_slice_has_prefix(attribute, firn_str("trusted."));
}

static int
set_owner(struct fi_checkout_write *write, struct fi_os_node node, firn_slice path,
          const struct fi_tree_entry *entry, bool *out_is_set, firn_error *err)
{
    firn_error cause;
    int rc = fi_os_set_owner(node, entry->uid, entry->gid, &cause);
    *out_is_set = rc == FIRN_OK;
    if (is_refusal(rc)) {
        report(write, path, "owner not restored", &cause);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = cause;
    }
    return rc;
}

static bool
has_xattr(firn_slice encoded, firn_slice name)
{
    firn_slice found;
    firn_slice value;
    while (fi_tree_xattrs_next(&encoded, &found, &value)) {
        if (fi_slice_equal(found, name)) {
            return true;
        }
    }
    return false;
}

/* Attributes cannot be set on a file that its owner may not write: such a file gets its mode
 * afterwards. */
static int
make_writable(struct fi_os_node node, const struct fi_tree_entry *entry)
{
    const uint32_t mode = entry->kind == FI_TREE_DIR ? 0700 : 0600;
    return entry->kind == FI_TREE_SYMLINK ? FIRN_DENIED : fi_os_set_mode(node, mode, NULL);
}

/* Removes the attributes that the entry does not have. */
static int
remove_other_xattrs(struct fi_checkout_write *write, struct fi_os_node node, firn_slice path,
                    const struct fi_tree_entry *entry, firn_error *err)
{
    fi_buf_clear(&write->buf);
    int rc = fi_os_xattr_list(node, &write->buf, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (size_t at = 0; at < write->buf.size;) {
        const char *name = (const char *)write->buf.data + at;
        at += strlen(name) + 1;
        if (has_xattr(entry->xattrs, firn_str(name)) ||
            (write->is_foreign && is_privileged(firn_str(name)))) {
            continue;
        }
        firn_error cause;
        rc = fi_os_xattr_remove(node, name, &cause);
        if (rc == FIRN_DENIED && make_writable(node, entry) == FIRN_OK) {
            rc = fi_os_xattr_remove(node, name, &cause);
        }
        if (is_refusal(rc)) {
            report(write, path, "attribute not removed", &cause);
        } else if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
            fi_error_copy(err, &cause);
            return rc;
        }
    }
    return FIRN_OK;
}

static int
set_xattrs(struct fi_checkout_write *write, struct fi_os_node node, firn_slice path,
           const struct fi_tree_entry *entry, firn_error *err)
{
    firn_slice rest = entry->xattrs;
    firn_slice name;
    firn_slice value;
    while (fi_tree_xattrs_next(&rest, &name, &value)) {
        if (write->is_foreign && is_privileged(name)) {
            report_foreign(write, path, "attribute not restored");
            continue;
        }
        char name_text[FI_TREE_NAME_SIZE_MAX + 1];
        DCHECK(name.size > 0 && name.size < sizeof name_text);
        memcpy(name_text, name.data, name.size);
        name_text[name.size] = '\0';
        firn_error cause;
        int rc = fi_os_xattr_set(node, name_text, value, &cause);
        if (rc == FIRN_DENIED && make_writable(node, entry) == FIRN_OK) {
            rc = fi_os_xattr_set(node, name_text, value, &cause);
        }
        if (is_refusal(rc)) {
            report(write, path, "attribute not restored", &cause);
        } else if (rc != FIRN_OK) {
            fi_error_copy(err, &cause);
            return rc;
        }
    }
    return FIRN_OK;
}

static uint32_t
mode_of(struct fi_checkout_write *write, firn_slice path, const struct fi_tree_entry *entry,
        bool owner_is_set)
{
    DCHECK(entry->kind != FI_TREE_SYMLINK);
    bool is_refused = write->is_foreign && entry->kind == FI_TREE_FILE &&
                      (entry->mode & SET_ID_BITS) != 0; /* (I8) */
    if (is_refused) {
        report_foreign(write, path, "set-user-id or set-group-id bit not restored");
    }
    return is_refused || !owner_is_set ? entry->mode & ~(uint32_t)SET_ID_BITS : entry->mode;
}

/* A refusal is reported; any other failure is returned. */
static int
or_report(struct fi_checkout_write *write, firn_slice path, const char *what, int rc,
          const firn_error *cause, firn_error *err)
{
    if (is_refusal(rc)) {
        report(write, path, what, cause);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *cause;
    }
    return rc;
}

static int
set_all(struct fi_checkout_write *write, struct fi_os_node node, firn_slice path,
        const struct fi_tree_entry *entry, bool remove_others, firn_error *err)
{
    bool owner_is_set;
    firn_error cause;
    FI_TRY_RETURN(set_owner(write, node, path, entry, &owner_is_set, err));
    if (remove_others) {
        FI_TRY_RETURN(remove_other_xattrs(write, node, path, entry, err));
    }
    FI_TRY_RETURN(set_xattrs(write, node, path, entry, err));
    if (entry->kind != FI_TREE_SYMLINK) {
        const uint32_t mode = mode_of(write, path, entry, owner_is_set);
        FI_TRY_RETURN(or_report(write, path, "mode not restored",
                                fi_os_set_mode(node, mode, &cause), &cause, err));
    }
    return or_report(write, path, "time not restored",
                     fi_os_set_mtime(node, entry->mtime_ns, &cause), &cause, err);
}

int
fi_checkout_stage_write_metadata(struct fi_checkout_write *write, struct fi_os_node node,
                                 firn_slice path, const struct fi_tree_entry *entry,
                                 firn_error *err)
{
    return set_all(write, node, path, entry, true, err);
}

/* ---- content ---- */

struct content {
    struct fi_os_file *file;
    uint64_t end; /* after the last byte written; if a hole follows, the size has to be set */
    bool is_sparse;
};

/* Writes all except whole pages of zeros, which a new file has already. */
static int
write_data(struct fi_os_file *file, uint64_t offset, firn_slice data, firn_error *err)
{
    size_t begin = 0; /* of what is to be written */
    for (size_t at = 0; at < data.size;) {
        size_t left = PAGE_SIZE - (size_t)((offset + at) % PAGE_SIZE);
        size_t size = left < data.size - at ? left : data.size - at;
        if (fi_bytes_are_zero(data.data + at, size)) {
            int rc = begin < at ? fi_os_file_write(file, offset + begin, data.data + begin,
                                                   at - begin, err)
                                : FIRN_OK;
            if (rc != FIRN_OK) {
                return rc;
            }
            begin = at + size;
        }
        at += size;
    }
    return begin < data.size
               ? fi_os_file_write(file, offset + begin, data.data + begin, data.size - begin, err)
               : FIRN_OK;
}

static int
write_piece(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct content *content = ctx;
    if (data.data == NULL) {
        return FIRN_OK;
    }
    if (content->is_sparse) {
        return write_data(content->file, offset, data, err);
    }
    DCHECK(offset >= content->end); /* pieces come in order */
    content->end = offset + data.size;
    return fi_os_file_write(content->file, offset, data.data, data.size, err);
}

/* Whether zeros become holes: large content may be a list of cells, which does not distinguish
 * holes from zeros that were allocated. */
static bool
is_sparse(const struct fi_tree_entry *entry)
{
    return entry->size >= FI_PACKFILE_CELLS_CONTENT_MIN;
}

static int
write_in_order(struct fi_checkout_write *write, struct fi_os_file *file,
               const struct fi_tree_entry *entry, firn_error *err)
{
    DCHECK(write->spread == NULL && entry->kind == FI_TREE_FILE);
    struct content content = {.file = file, .is_sparse = is_sparse(entry)};
    int rc = fi_objects_stream(write->objects, write->scratch, &entry->hash, entry->size,
                               write_piece, &content, err);
    DCHECK(rc != FIRN_OK || content.end <= entry->size);
    return rc == FIRN_OK && content.end < entry->size ? fi_os_file_truncate(file, entry->size, err)
                                                      : rc;
}

/* Any thread, any order. Pages of a large file are written to disk while the rest is being made. */
static int
write_anywhere(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct content *content = ctx;
    struct fi_os_file *file = content->file;
    if (data.data == NULL) {
        return FIRN_OK;
    }
    int rc = content->is_sparse ? write_data(file, offset, data, err)
                                : fi_os_file_write(file, offset, data.data, data.size, err);
    fi_os_file_start_writeback(file, offset, data.size);
    return rc;
}

static int
write_content(struct fi_checkout_write *write, struct fi_os_file *file,
              const struct fi_tree_entry *entry, firn_error *err)
{
    if (write->spread == NULL) {
        return write_in_order(write, file, entry, err);
    }
    struct content content = {.file = file, .is_sparse = is_sparse(entry)};
    int rc = fi_objects_spread_read(write->spread, &entry->hash, entry->size, write_anywhere,
                                    &content, err);
    return rc == FIRN_OK ? fi_os_file_truncate(file, entry->size, err) : rc;
}

static int
write_file(struct fi_checkout_write *write, const struct fi_checkout_write_target *target,
           const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_os_file *file;
    int rc = fi_os_file_open(target->dir, target->name,
                             FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE, 0600, &file, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_os_node node = {.file = file};
    FI_TRY(write_content(write, file, entry, err));
    FI_TRY(set_all(write, node, target->path, entry, target->may_inherit, err));
    if (write->sync) {
        FI_TRY(fi_os_file_sync_all(file, err));
    }
out:
    fi_os_file_close(file);
    if (rc != FIRN_OK) {
        FI_IGNORE(fi_os_remove_file(target->dir, target->name, NULL));
    }
    return rc;
}

static int
write_symlink(struct fi_checkout_write *write, const struct fi_checkout_write_target *target,
              const struct fi_tree_entry *entry, firn_error *err)
{
    char link_target[FI_TREE_TARGET_SIZE_MAX + 1];
    DCHECK(entry->target.size > 0 && entry->target.size < sizeof link_target);
    memcpy(link_target, entry->target.data, entry->target.size);
    link_target[entry->target.size] = '\0';
    int rc = fi_os_make_symlink(target->dir, target->name, link_target, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_os_node node = {.dir = target->dir, .name = target->name};
    rc = set_all(write, node, target->path, entry, false, err);
    if (rc != FIRN_OK) {
        FI_IGNORE(fi_os_remove_file(target->dir, target->name, NULL));
    }
    return rc;
}

/* Makes a file or a link. Requires: the name is free. On failure nothing is left there. Every byte
 * is verified. */
static int
write_entry(struct fi_checkout_write *write, const struct fi_checkout_write_target *target,
            const struct fi_tree_entry *entry, firn_error *err)
{
    DCHECK(entry->kind == FI_TREE_SYMLINK || entry->kind == FI_TREE_FILE);
    DCHECK(target->name[0] != '\0' && strchr(target->name, '/') == NULL);
    return entry->kind == FI_TREE_SYMLINK ? write_symlink(write, target, entry, err)
                                          : write_file(write, target, entry, err);
}

static int
write_one(struct fi_checkout_worker *worker, firn_slice path, const struct fi_tree_entry *entry,
          firn_error *err)
{
    if (entry->hard_link.size > 0) {
        return FIRN_OK;
    }
    struct fi_checkout *checkout = worker->checkout;
    int rc;
    FI_TRY(fi_checkout_staged_place(checkout, path, &worker->place, err));
    firn_error cause;
    rc =
        fi_checkout_open_dir(checkout, &worker->place.dir, &worker->dir, &worker->dir_path, &cause);
    if (rc != FIRN_OK) {
        return leave_if_refused(checkout, path, rc, &cause, err);
    }
    DCHECK(worker->place.is_direct ||
           fi_tree_reserved_is_temporary(firn_str(worker->place.name))); /* (I2) of checkout.c */
    struct fi_checkout_write_target target = {.dir = worker->dir,
                                              .name = worker->place.name,
                                              .path = path,
                                              .may_inherit = !worker->place.is_direct};
    rc = write_entry(worker->write, &target, entry, &cause);
    rc = leave_if_refused(checkout, path, rc, &cause, err);
out:
    return rc;
}

/* Links place to source; FIRN_NOT_FOUND if there is no source. */
static int
link_places(struct staging *staging, firn_error *err)
{
    struct fi_os_dir *source = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_beneath(staging->checkout->options.root,
                                  (const char *)staging->source.dir.data, &source, err));
    FI_TRY(open_place(staging, &staging->place, err));
    FI_TRY(fi_os_link(source, staging->source.name, staging->dir, staging->place.name, err));
out:
    fi_os_dir_close(source);
    return rc;
}

/* A name that became a file of its own has been written already, unless its link target was left
 * alone only when writing that target failed. */
static int
check_was_written(struct staging *staging, const struct fi_difference_walk_change *change,
                  firn_error *err)
{
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_checkout_staged_place(staging->checkout, change->path, &staging->place, err));
    FI_TRY(open_place(staging, &staging->place, err));
    rc = fi_os_stat(staging->dir, staging->place.name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_checkout_left_behind(staging->checkout, change->path,
                                     "the first name of the file could not be restored", err);
    }
out:
    return rc;
}

static int
link_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    if (!fi_checkout_needs_content(change)) {
        return FIRN_OK;
    }
    firn_slice first = fi_checkout_batch_link_of(checkout, change->after);
    if (first.size == 0) {
        return change->after->hard_link.size > 0 ? check_was_written(staging, change, err)
                                                 : FIRN_OK;
    }
    int rc;
    firn_error cause;
    FI_TRY(fi_checkout_staged_place(checkout, change->path, &staging->place, err));
    FI_TRY(fi_checkout_staged_place(checkout, first, &staging->source, err));
    rc = link_places(staging, &cause);
    if (rc == FIRN_NOT_FOUND && !staging->source.is_direct) {
        FI_TRY(fi_checkout_final_place(first, &staging->source, err));
        rc = link_places(staging, &cause);
    }
    rc = leave_if_refused(checkout, change->path, rc, &cause, err);
out:
    return rc;
}

int
fi_checkout_stage(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(checkout->new_roots.count == 0 && checkout->dirs == NULL &&
           checkout->removed_dirs.size == 0);
    FI_TRY_RETURN(walk(checkout, make_dir, err));
    FI_TRY_RETURN(fi_checkout_batch_run(checkout, "write", write_one, err));
    return walk(checkout, link_one, err);
}

/* ---- taking back what was staged ---- */

static int
remove_staged(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    bool is_new_root =
        fi_checkout_makes_dir(change) && fi_checkout_is_new_root(checkout, change->path);
    if (!is_new_root && !fi_checkout_needs_content(change)) {
        return FIRN_OK;
    }
    int rc;
    FI_TRY(fi_checkout_staged_place(checkout, change->path, &staging->place, err));
    if (staging->place.is_direct) {
        return FIRN_OK;
    }
    CHECK(fi_tree_reserved_is_temporary(firn_str(staging->place.name))); /* ours alone */
    if (is_new_root) {
        rc = fi_checkout_clear_place(checkout, &staging->place, err);
    } else {
        FI_TRY(open_place(staging, &staging->place, err));
        rc = fi_os_remove_file(staging->dir, staging->place.name, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Sets back the times of directories that temporary names have moved. Directories of other users
 * are left: only their owners may set the times. */
static int
set_time_back(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    if (change->before == NULL || change->before->kind != FI_TREE_DIR || !change->is_entered) {
        return FIRN_OK;
    }
    fi_buf_clear(&staging->place.dir);
    if (fi_buf_append_slice(&staging->place.dir, change->path) != FIRN_OK ||
        fi_buf_text(&staging->place.dir) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = open_place(staging, &staging->place, err);
    if (rc == FIRN_OK) {
        rc = fi_os_set_mtime((struct fi_os_node){.dir = staging->dir}, change->before->mtime_ns,
                             err);
    }
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
}

void
fi_checkout_stage_undo(struct fi_checkout *checkout)
{
    int rc;
    DCHECK(!checkout->progress.is_finishing); /* moved entries cannot be taken back here */
    if (checkout->into_empty) {
        CHECK(checkout->options.before.root == NULL); /* everything there is removed */
        struct fi_buf path = {0};
        rc = fi_checkout_clear_tree(checkout->options.root, &path, 0, NULL);
        fi_buf_deinit(&path);
    } else {
        FI_TRY(walk(checkout, remove_staged, NULL));
        FI_TRY(walk(checkout, set_time_back, NULL));
        FI_TRY(fi_checkout_tighten(checkout, true, NULL));
    }
out:
    checkout->is_undone = rc == FIRN_OK;
}
