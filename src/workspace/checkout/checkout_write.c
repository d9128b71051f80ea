/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_write.c: one entry of a tree, made on disk.
 *
 * A file is created under a name that was free, never opened where something was (I1; not checked,
 * like (I2) and (I3): the kernel is asked, and tests look), so neither a link nor a hard link to
 * something else can be written through. Content comes verified piece by piece; if the whole does
 * not verify, or anything else fails, the file goes again. Of a large file the pieces come from
 * several threads, in any order, and are verified as a whole: it stands under a temporary name
 * then, or in a directory that was empty.
 *
 * Order of metadata (I2): owner, because it clears set-id bits and capabilities; attributes, while
 * the mode still lets the owner write them, or is made to; mode; time last. Where the owner cannot be set (not the
 * superuser, or a file system without owners) the set-id bits are dropped: a program must not run
 * with the rights of the wrong user.
 *
 * What a store of another user's says (is_foreign) may not hand out rights either (I3): who can write
 * to a store can have it say that a program of his is root's and runs as root. So files come without
 * set-id bits, and no attributes of `security.` (capabilities, labels) and `trusted.` (which overlay
 * file systems obey) are set, nor removed from what is there. Owners, the other bits of the mode,
 * access control lists and `user.` attributes are restored: they only say who may use a content that
 * comes from the same hand.
 *
 * What could not be set is reported and does not stop a restore;
 * what is content is never optional.
 */
#include "checkout/checkout_write.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "pack/packfile_cells.h"

enum { SCRATCH_FRAMES = 8, SET_ID_BITS = 06000, PAGE_SIZE = 4096 };

int
firn_checkout_write_init(struct firn_checkout_write *write, struct firn_objects *objects,
                         firn_error *err)
{
    *write = (struct firn_checkout_write){.objects = objects};
    return firn_packfile_scratch_create(SCRATCH_FRAMES, &write->scratch, err);
}

void
firn_checkout_write_deinit(struct firn_checkout_write *write)
{
    firn_packfile_scratch_destroy(write->scratch);
    firn_buf_deinit(&write->buf);
    write->scratch = NULL;
}

static void
report(struct firn_checkout_write *write, firn_slice path, const char *what,
       const firn_error *cause)
{
    if (write->on_incomplete == NULL) {
        return;
    }
    char text[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s: %.900s", what, cause->text);
    write->on_incomplete(write->ctx, path, text);
}

/* Failures that a restore goes on after, reporting them: the system does not let us, or has no
 * such thing. */
static bool
is_refusal(int rc)
{
    return rc == FIRN_DENIED || rc == FIRN_UNSUPPORTED || rc == FIRN_INVALID || rc == FIRN_LIMIT;
}

/* Reports what (I3) leaves out. */
static void
report_foreign(struct firn_checkout_write *write, firn_slice path, const char *what)
{
    firn_error cause;
    (void)firn_error_set(&cause, FIRN_DENIED, "the store belongs to another user");
    report(write, path, what, &cause);
}

/* Whether an attribute hands out rights that only the superuser has. */
static bool
is_privileged(firn_slice attribute)
{
    return firn_slice_has_prefix(attribute, firn_str("security.")) ||
           firn_slice_has_prefix(attribute, firn_str("trusted."));
}

static int
set_owner(struct firn_checkout_write *write, struct firn_os_node node, firn_slice path,
          const struct firn_tree_entry *entry, bool *out_is_set, firn_error *err)
{
    firn_error cause;
    int rc = firn_os_set_owner(node, entry->uid, entry->gid, &cause);
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
    while (firn_tree_xattrs_next(&encoded, &found, &value)) {
        if (firn_slice_equal(found, name)) {
            return true;
        }
    }
    return false;
}

/* Attributes of a file that its owner may not write cannot be set: it gets its mode afterwards. */
static int
make_writable(struct firn_os_node node, const struct firn_tree_entry *entry)
{
    const uint32_t mode = entry->kind == FIRN_TREE_DIR ? 0700 : 0600;
    return entry->kind == FIRN_TREE_SYMLINK ? FIRN_DENIED : firn_os_set_mode(node, mode, NULL);
}

/* Removes the attributes that the entry does not have. */
static int
remove_other_xattrs(struct firn_checkout_write *write, struct firn_os_node node, firn_slice path,
                    const struct firn_tree_entry *entry, firn_error *err)
{
    firn_buf_clear(&write->buf);
    int rc = firn_os_xattr_list(node, &write->buf, err);
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
        rc = firn_os_xattr_remove(node, name, &cause);
        if (rc == FIRN_DENIED && make_writable(node, entry) == FIRN_OK) {
            rc = firn_os_xattr_remove(node, name, &cause);
        }
        if (is_refusal(rc)) {
            report(write, path, "attribute not removed", &cause);
        } else if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
            if (err != NULL) {
                *err = cause;
            }
            return rc;
        }
    }
    return FIRN_OK;
}

static int
set_xattrs(struct firn_checkout_write *write, struct firn_os_node node, firn_slice path,
           const struct firn_tree_entry *entry, firn_error *err)
{
    firn_slice rest = entry->xattrs;
    firn_slice name;
    firn_slice value;
    while (firn_tree_xattrs_next(&rest, &name, &value)) {
        if (write->is_foreign && is_privileged(name)) {
            report_foreign(write, path, "attribute not restored");
            continue;
        }
        char name_text[FIRN_TREE_NAME_SIZE_MAX + 1];
        DCHECK(name.size > 0 && name.size < sizeof name_text);
        memcpy(name_text, name.data, name.size);
        name_text[name.size] = '\0';
        firn_error cause;
        int rc = firn_os_xattr_set(node, name_text, value, &cause);
        if (rc == FIRN_DENIED && make_writable(node, entry) == FIRN_OK) {
            rc = firn_os_xattr_set(node, name_text, value, &cause);
        }
        if (is_refusal(rc)) {
            report(write, path, "attribute not restored", &cause);
        } else if (rc != FIRN_OK) {
            if (err != NULL) {
                *err = cause;
            }
            return rc;
        }
    }
    return FIRN_OK;
}

static uint32_t
mode_of(struct firn_checkout_write *write, firn_slice path, const struct firn_tree_entry *entry,
        bool owner_is_set)
{
    DCHECK(entry->kind != FIRN_TREE_SYMLINK);
    bool is_refused = write->is_foreign && entry->kind == FIRN_TREE_FILE &&
                      (entry->mode & SET_ID_BITS) != 0; /* (I3) */
    if (is_refused) {
        report_foreign(write, path, "set-user-id or set-group-id bit not restored");
    }
    return is_refused || !owner_is_set ? entry->mode & ~(uint32_t)SET_ID_BITS : entry->mode;
}

/* A refusal is reported; any other failure is one. */
static int
or_report(struct firn_checkout_write *write, firn_slice path, const char *what, int rc,
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
set_all(struct firn_checkout_write *write, struct firn_os_node node, firn_slice path,
        const struct firn_tree_entry *entry, bool remove_others, firn_error *err)
{
    bool owner_is_set;
    firn_error cause;
    int rc;
    FIRN_TRY(set_owner(write, node, path, entry, &owner_is_set, err));
    if (remove_others) {
        FIRN_TRY(remove_other_xattrs(write, node, path, entry, err));
    }
    FIRN_TRY(set_xattrs(write, node, path, entry, err));
    if (entry->kind != FIRN_TREE_SYMLINK) {
        const uint32_t mode = mode_of(write, path, entry, owner_is_set);
        FIRN_TRY(or_report(write, path, "mode not restored", firn_os_set_mode(node, mode, &cause),
                           &cause, err));
    }
    FIRN_TRY(or_report(write, path, "time not restored",
                       firn_os_set_mtime(node, entry->mtime_ns, &cause), &cause, err));
out:
    return rc;
}

int
firn_checkout_write_metadata(struct firn_checkout_write *write, struct firn_os_node node,
                             firn_slice path, const struct firn_tree_entry *entry, firn_error *err)
{
    return set_all(write, node, path, entry, true, err);
}

/* ---- content ---- */

struct content {
    struct firn_os_file *file;
    uint64_t end; /* of the last byte written; a hole behind it needs the size set */
    bool is_sparse;
};

/* Writes all but whole pages of zeros, which a new file has already. */
static int
write_data(struct firn_os_file *file, uint64_t offset, firn_slice data, firn_error *err)
{
    size_t begin = 0; /* of what is to be written */
    for (size_t at = 0; at < data.size;) {
        size_t left = PAGE_SIZE - (size_t)((offset + at) % PAGE_SIZE);
        size_t size = left < data.size - at ? left : data.size - at;
        if (firn_packfile_cells_is_zero(data.data + at, size)) {
            int rc = begin < at ? firn_os_file_write(file, offset + begin, data.data + begin,
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
               ? firn_os_file_write(file, offset + begin, data.data + begin, data.size - begin, err)
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
    return firn_os_file_write(content->file, offset, data.data, data.size, err);
}

/* A list of cells does not tell holes from zeros that took up space, and has either in it next to data:
 * what is zeros becomes a hole. */
static bool
is_sparse(const struct firn_tree_entry *entry)
{
    return entry->size >= FIRN_PACKFILE_CELLS_CONTENT_MIN;
}

static int
write_in_order(struct firn_checkout_write *write, struct firn_os_file *file,
               const struct firn_tree_entry *entry, firn_error *err)
{
    DCHECK(write->spread == NULL && entry->kind == FIRN_TREE_FILE);
    struct content content = {.file = file, .is_sparse = is_sparse(entry)};
    int rc = firn_objects_stream(write->objects, write->scratch, &entry->hash, entry->size,
                                 write_piece, &content, err);
    DCHECK(rc != FIRN_OK || content.end <= entry->size);
    return rc == FIRN_OK && content.end < entry->size
               ? firn_os_file_truncate(file, entry->size, err)
               : rc;
}

/* Any thread, any order. A large file's pages go to the disk while the rest is being made. */
static int
write_anywhere(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct content *content = ctx;
    struct firn_os_file *file = content->file;
    if (data.data == NULL) {
        return FIRN_OK;
    }
    int rc = content->is_sparse ? write_data(file, offset, data, err)
                                : firn_os_file_write(file, offset, data.data, data.size, err);
    firn_os_file_start_writeback(file, offset, data.size);
    return rc;
}

static int
write_content(struct firn_checkout_write *write, struct firn_os_file *file,
              const struct firn_tree_entry *entry, firn_error *err)
{
    if (write->spread == NULL) {
        return write_in_order(write, file, entry, err);
    }
    struct content content = {.file = file, .is_sparse = is_sparse(entry)};
    int rc = firn_objects_spread_read(write->spread, &entry->hash, entry->size, write_anywhere,
                                      &content, err);
    return rc == FIRN_OK ? firn_os_file_truncate(file, entry->size, err) : rc;
}

static int
write_file(struct firn_checkout_write *write, const struct firn_checkout_write_target *target,
           const struct firn_tree_entry *entry, firn_error *err)
{
    struct firn_os_file *file;
    int rc =
        firn_os_file_open(target->dir, target->name,
                          FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_EXCLUSIVE, 0600, &file, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_os_node node = {.file = file};
    FIRN_TRY(write_content(write, file, entry, err));
    FIRN_TRY(set_all(write, node, target->path, entry, target->may_inherit, err));
    if (write->sync) {
        FIRN_TRY(firn_os_file_sync_all(file, err));
    }
out:
    firn_os_file_close(file);
    if (rc != FIRN_OK) {
        FIRN_IGNORE(firn_os_remove_file(target->dir, target->name, NULL));
    }
    return rc;
}

static int
write_symlink(struct firn_checkout_write *write, const struct firn_checkout_write_target *target,
              const struct firn_tree_entry *entry, firn_error *err)
{
    char link_target[FIRN_TREE_TARGET_SIZE_MAX + 1];
    DCHECK(entry->target.size > 0 && entry->target.size < sizeof link_target);
    memcpy(link_target, entry->target.data, entry->target.size);
    link_target[entry->target.size] = '\0';
    int rc = firn_os_make_symlink(target->dir, target->name, link_target, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_os_node node = {.dir = target->dir, .name = target->name};
    rc = set_all(write, node, target->path, entry, false, err);
    if (rc != FIRN_OK) {
        FIRN_IGNORE(firn_os_remove_file(target->dir, target->name, NULL));
    }
    return rc;
}

int
firn_checkout_write_entry(struct firn_checkout_write *write,
                          const struct firn_checkout_write_target *target,
                          const struct firn_tree_entry *entry, firn_error *err)
{
    DCHECK(entry->kind == FIRN_TREE_SYMLINK || entry->kind == FIRN_TREE_FILE);
    DCHECK(target->name[0] != '\0' && strchr(target->name, '/') == NULL);
    return entry->kind == FIRN_TREE_SYMLINK ? write_symlink(write, target, entry, err)
                                            : write_file(write, target, entry, err);
}
