/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_write.c: one entry of a tree, made on disk.
 *
 * A file is created under a free name; no existing file is opened (I1; not checked, like (I2) and
 * (I3): the kernel sees to it, and tests look), so nothing can be written through a symbolic or
 * hard link to something else. Content is verified piece by piece; if the whole does not verify, or
 * anything else fails, the file is removed. The pieces of a large file come from several threads,
 * in any order, and are verified as a whole: until then the file has a temporary name, or is in a
 * directory that was empty.
 *
 * Order of metadata (I2): owner, because it clears set-id bits and capabilities; attributes, while
 * the mode still lets the owner write them, or is made to; mode; time last. If the owner cannot be
 * set (not the superuser, or a file system without owners), the set-id bits are dropped: a program
 * must not run with the rights of the wrong user.
 *
 * A store of another user (is_foreign) may not grant rights either (I3): a user who can write to a
 * store could make it record a program that belongs to root and runs as root. So files come without
 * set-id bits, and attributes of `security.` (capabilities, labels) and `trusted.` (used by overlay
 * file systems) are neither set nor removed. Owners, the other mode bits, access control lists and
 * `user.` attributes are restored: they only say who may use content that comes from the same user.
 *
 * Attributes that could not be set are reported and do not stop a restore; content is never
 * optional.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "pack/pack_cells.h"

enum { SCRATCH_FRAMES = 8, SET_ID_BITS = 06000, PAGE_SIZE = 4096 };

int
fi_checkout_write_init(struct fi_checkout_write *write, struct fi_objects *objects, firn_error *err)
{
    *write = (struct fi_checkout_write){.objects = objects};
    return fi_pack_scratch_create(SCRATCH_FRAMES, &write->scratch, err);
}

void
fi_checkout_write_deinit(struct fi_checkout_write *write)
{
    fi_pack_scratch_destroy(write->scratch);
    fi_buf_deinit(&write->buf);
    write->scratch = NULL;
}

static void
checkout_write_report(struct fi_checkout_write *write, firn_slice path, const char *what,
                      const firn_error *cause)
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

/* Reports what (I3) leaves out. */
static void
report_foreign(struct fi_checkout_write *write, firn_slice path, const char *what)
{
    firn_error cause;
    (void)fi_error_set(&cause, FIRN_DENIED, "the store belongs to another user");
    checkout_write_report(write, path, what, &cause);
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
        checkout_write_report(write, path, "owner not restored", &cause);
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
            checkout_write_report(write, path, "attribute not removed", &cause);
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
            checkout_write_report(write, path, "attribute not restored", &cause);
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
                      (entry->mode & SET_ID_BITS) != 0; /* (I3) */
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
        checkout_write_report(write, path, what, cause);
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
fi_checkout_write_metadata(struct fi_checkout_write *write, struct fi_os_node node, firn_slice path,
                           const struct fi_tree_entry *entry, firn_error *err)
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
    return entry->size >= FI_PACK_CELLS_CONTENT_MIN;
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

int
fi_checkout_write_entry(struct fi_checkout_write *write,
                        const struct fi_checkout_write_target *target,
                        const struct fi_tree_entry *entry, firn_error *err)
{
    DCHECK(entry->kind == FI_TREE_SYMLINK || entry->kind == FI_TREE_FILE);
    DCHECK(target->name[0] != '\0' && strchr(target->name, '/') == NULL);
    return entry->kind == FI_TREE_SYMLINK ? write_symlink(write, target, entry, err)
                                          : write_file(write, target, entry, err);
}
