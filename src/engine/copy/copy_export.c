/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_export.c: one checkpoint as a store of its own in a single file.
 *
 * In order, in a temporary directory beside the target file:
 *   1. a store is created, and what the checkpoint sees is copied to it;
 *   2. that store gets the checkpoint too, with its number, id, time and name, so that the same
 *      references find it in the file;
 *   3. the store is closed, and its files are moved to one file (archive.h);
 *   4. the file is synced, and gets its name by a rename, which is made durable.
 * A crash leaves the old file or the new one, and perhaps the directory, which the next export to
 * the same place removes.
 *
 * The source is only read: one view is open during step 1.
 */
#include "copy/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "merge/merge.h"
#include "os/os.h"
#include "os/os_user_path.h"
#include "store/db_store_handle.h"
#include "storefile/archive.h"

/* ==== a temporary directory beside the target ====
 *
 * Its name is .firn-export-<16 hex digits>.tmp, and a file LOCK in it is locked while its process
 * works (storefile_lock.c). Creating another one in the same place first removes those whose lock
 * is free, because no process uses them any more.
 *
 * (I1) A process that has locked the file with the name LOCK in a directory has the directory to
 *      itself: removal begins with taking the lock, and removes the name while the lock is held.
 *      (Tested by check_lock: others may take it.)
 * Between creation and locking of a directory another process may take it for an abandoned one.
 * That process then has the lock, or, if it has finished, the locked file has lost its name. So
 * this is checked after locking, and another directory is created if necessary.
 *
 * Removal is best effort: what cannot be removed now is removed by the next export.
 */

struct scratch {
    struct fi_os_dir *parent; /* borrowed */
    struct fi_os_dir *dir;
    struct fi_storefile_lock *lock;
    char name[48]; /* "": there is none */
};

enum { ATTEMPTS_MAX = 10, DEPTH_MAX = 2 };

static const char prefix[] = ".firn-export-";
static const char suffix[] = ".tmp";

/* ---- removing ---- */

static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    return fi_buf_append(ctx, entry->name, entry->name_size + 1);
}

static void remove_dir(struct fi_os_dir *parent, const char *name, unsigned depth);

/* Removes entries, nested at most `depth` deep. */
static void
remove_contents(struct fi_os_dir *dir, unsigned depth)
{
    CHECK(depth <= DEPTH_MAX);
    struct fi_buf names = {0};
    FI_IGNORE(fi_os_dir_list(dir, keep_name, &names, NULL));
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        if (fi_os_remove_file(dir, name, NULL) != FIRN_OK && depth > 0) {
            remove_dir(dir, name, depth - 1);
        }
        at += strlen(name) + 1;
    }
    fi_buf_deinit(&names);
}

static void
remove_dir(struct fi_os_dir *parent, const char *name, unsigned depth)
{
    struct fi_os_dir *dir;
    if (fi_os_dir_open(parent, name, &dir, NULL) == FIRN_OK) {
        remove_contents(dir, depth);
        fi_os_dir_close(dir);
        FI_IGNORE(fi_os_remove_dir(parent, name, NULL));
    }
}

/* Removes the directory with its contents: files, and two levels of directories. Fine on a zeroed
 * struct, and twice. */
static void
scratch_remove(struct scratch *scratch)
{
    DCHECK(scratch->name[0] == '\0' || scratch->parent != NULL);
    if (scratch->name[0] != '\0') {
        remove_dir(scratch->parent, scratch->name, DEPTH_MAX);
    }
    fi_storefile_lock_release(scratch->lock);
    fi_os_dir_close(scratch->dir);
    *scratch = (struct scratch){0};
}

static bool
is_scratch(const struct fi_os_dirent *entry)
{
    size_t least = sizeof prefix - 1 + sizeof suffix - 1;
    return entry->name_size > least && memcmp(entry->name, prefix, sizeof prefix - 1) == 0 &&
           strcmp(entry->name + entry->name_size - (sizeof suffix - 1), suffix) == 0;
}

static int
keep_scratch(void *ctx, const struct fi_os_dirent *entry)
{
    return is_scratch(entry) ? keep_name(ctx, entry) : FIRN_OK;
}

static void
remove_abandoned(struct fi_os_dir *parent, const char *name)
{
    struct fi_os_dir *dir;
    struct fi_storefile_lock *lock;
    if (fi_os_dir_open(parent, name, &dir, NULL) != FIRN_OK) {
        return;
    }
    if (fi_storefile_lock_acquire(dir, 0, &lock, NULL) == FIRN_OK) {
        remove_dir(parent, name, DEPTH_MAX);
        fi_storefile_lock_release(lock);
    }
    fi_os_dir_close(dir);
}

static void
remove_all_abandoned(struct fi_os_dir *parent)
{
    struct fi_buf names = {0};
    struct fi_os_dir *own;
    /* A handle of its own: others may be listing the caller's. */
    if (fi_os_dir_open_beneath(parent, "", &own, NULL) != FIRN_OK) {
        return;
    }
    FI_IGNORE(fi_os_dir_list(own, keep_scratch, &names, NULL));
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        remove_abandoned(parent, name);
        at += strlen(name) + 1;
    }
    fi_buf_deinit(&names);
    fi_os_dir_close(own);
}

/* ---- creating ---- */

static int
draw_name(struct scratch *scratch, firn_error *err)
{
    uint8_t bytes[8];
    int rc = fi_os_random(fi_os_dir_os(scratch->parent), bytes, sizeof bytes, err);
    if (rc == FIRN_OK) {
        int size = snprintf(scratch->name, sizeof scratch->name, "%s%016" PRIx64 "%s", prefix,
                            fi_load_le64(bytes), suffix);
        CHECK(size > 0 && (size_t)size < sizeof scratch->name);
    }
    return rc;
}

/* (I1); FIRN_NOT_FOUND and FIRN_BUSY. */
static int
check_lock(const struct scratch *scratch, firn_error *err)
{
    struct fi_os_stat held;
    struct fi_os_stat named;
    int rc;
    DCHECK(scratch->lock != NULL);
    FI_TRY(fi_os_file_stat(fi_storefile_lock_file(scratch->lock), &held, err));
    FI_TRY(fi_os_stat(scratch->dir, FI_STOREFILE_LOCK_NAME, &named, err));
    if (held.inode != named.inode) {
        rc = fi_error_set(err, FIRN_BUSY, "'%s' is locked by another process",
                          fi_os_dir_path(scratch->dir));
    }
out:
    return rc;
}

/* FIRN_BUSY or FIRN_NOT_FOUND if another process took it for an abandoned one. */
static int
make(struct scratch *scratch, firn_error *err)
{
    char name[sizeof scratch->name];
    DCHECK(scratch->dir == NULL && scratch->lock == NULL && scratch->name[0] == '\0');
    FI_TRY_RETURN(draw_name(scratch, err));
    memcpy(name, scratch->name, sizeof name);
    scratch->name[0] = '\0';
    FI_TRY_RETURN(fi_os_make_dir(scratch->parent, name, 0700, err));
    memcpy(scratch->name, name, sizeof name);
    FI_TRY_RETURN(fi_os_dir_open(scratch->parent, name, &scratch->dir, err));
    FI_TRY_RETURN(fi_storefile_lock_acquire(scratch->dir, 0, &scratch->lock, err));
    return check_lock(scratch, err);
}

/* Creates an empty directory (0700) with a unique name, and removes those left by other processes
 * that have ended. Nothing about it is durable. */
static int
scratch_create(struct scratch *scratch, struct fi_os_dir *parent, firn_error *err)
{
    int rc = FIRN_BUSY;
    remove_all_abandoned(parent);
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        *scratch = (struct scratch){.parent = parent};
        rc = make(scratch, err);
        if (rc == FIRN_OK) {
            break;
        }
        scratch_remove(scratch);
        if (rc != FIRN_BUSY && rc != FIRN_NOT_FOUND) {
            break;
        }
    }
    return rc;
}

/* ==== copying what a view sees to another store ====
 *
 * Each keyspace is one load (db_bulk.c): a cursor returns its keys in order, and they go directly
 * to runs of the deepest level. What the cursor returns is resolved: a key has one version, a put,
 * or an expiring put that keeps its time of expiry.
 *
 * One case cannot be expressed by a single version: a value that expires, with merge operands on
 * top that stay after it has expired. Such a key is copied as it is: the value by the load, and the
 * operands afterwards, as merges, because a load is newer than everything that was committed while
 * it was open. A second walk finds the operands; it is done only if the first one has met such a
 * key.
 *
 * The value below the operands is found with a cursor over versions: of the key's versions that the
 * view sees, the newest ones are operands, down to an expiring put. None of them is a delete, since
 * the cursor showed a value that expires.
 */

/* Operands are committed in batches of this many bytes, or a little more. */
enum { BATCH_BYTES = 1 << 20 };

struct copy {
    struct firn_db_view *from;
    struct firn_db *to;
    struct fi_storefile_progress *progress;
    firn_error *err;
};

/* The copy of one keyspace. */
struct keyspace_copy {
    const struct copy *copy;
    struct firn_db_keyspace *to;
    struct firn_db_cursor *cursor;
    struct fi_lsm_cursor *versions;
    bool has_merged; /* a key had operands on a value that expires */

    /* Of the key that the cursor shows: */
    struct fi_buf base;     /* the expiring put below */
    struct fi_buf operands; /* newest first, each followed by its size (4 bytes) */
};

/* ---- the versions of a value that expires ---- */

static int
keep_operand(struct keyspace_copy *one, firn_slice operand)
{
    return fi_buf_append_slice(&one->operands, operand) == FIRN_OK
               ? fi_buf_append_le32(&one->operands, (uint32_t)operand.size)
               : FIRN_NO_MEMORY;
}

/* Takes one version of the key; *out_done at the expiring put. */
static int
take_version(struct keyspace_copy *one, const struct fi_entry *entry, bool *out_done,
             firn_error *err)
{
    int rc = FIRN_OK;
    if (!fi_view_sees(&one->copy->from->node.view, entry->sequence)) {
        return FIRN_OK;
    }
    if (entry->kind == FI_ENTRY_MERGE) {
        FI_TRY(fi_merge_fold_check_entry(entry->value, err));
        rc = keep_operand(one, entry->value);
    } else if (entry->kind == FI_ENTRY_EXPIRING) {
        FI_TRY(fi_lsm_cursor_read_value(one->versions, &one->base, err));
        *out_done = true;
    } else {
        return fi_error_set(err, FIRN_INTERNAL, "an expiring value has no version below it");
    }
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(err, "the copy of a value");
    }
out:
    return rc;
}

/* Finds base and operands of the key at the cursor. */
static int
find_below(struct keyspace_copy *one, firn_error *err)
{
    DCHECK(fi_db_cursor_valid(one->cursor));
    firn_slice key = fi_db_cursor_key(one->cursor);
    bool is_done = false;
    fi_buf_clear(&one->base);
    fi_buf_clear(&one->operands);
    FI_TRY_RETURN(fi_lsm_cursor_seek(one->versions, key, err));
    while (!is_done) {
        if (!fi_lsm_cursor_valid(one->versions) ||
            fi_slice_compare(fi_lsm_cursor_entry(one->versions)->key, key) != 0) {
            return fi_error_set(err, FIRN_INTERNAL, "an expiring value has no version below it");
        }
        FI_TRY_RETURN(take_version(one, fi_lsm_cursor_entry(one->versions), &is_done, err));
        if (!is_done) {
            FI_TRY_RETURN(fi_lsm_cursor_next(one->versions, err));
        }
    }
    return FIRN_OK;
}

/* ---- the first walk ---- */

static int
load_entry(struct keyspace_copy *one, struct firn_db_bulk *bulk, firn_error *err)
{
    firn_slice key = fi_db_cursor_key(one->cursor);
    firn_slice value = fi_db_cursor_value(one->cursor);
    DCHECK(fi_db_cursor_valid(one->cursor));
    int rc = FIRN_OK;
    if (fi_db_cursor_expires_ms(one->cursor) == 0) {
        rc = fi_db_bulk_put(bulk, key, value, err);
    } else {
        FI_TRY(find_below(one, err));
        one->has_merged |= one->operands.size > 0;
        rc = fi_db_bulk_put_expiring(bulk, key, fi_buf_slice(&one->base), err);
    }
    if (rc == FIRN_OK) {
        rc = fi_storefile_progress_step(one->copy->progress, 0, key.size + value.size, err);
    }
out:
    return rc;
}

static int
load_all(struct keyspace_copy *one, firn_error *err)
{
    struct firn_db_bulk *bulk;
    int rc;
    FI_TRY(fi_db_bulk_open(one->to, &bulk, err));
    FI_TRY(fi_db_cursor_first(one->cursor, err));
    while (fi_db_cursor_valid(one->cursor)) {
        FI_TRY(load_entry(one, bulk, err));
        FI_TRY(fi_db_cursor_next(one->cursor, err));
    }
    FI_TRY(fi_db_bulk_commit(bulk, err));
out:
    fi_db_bulk_close(bulk);
    return rc;
}

/* ---- the second walk ---- */

static int
write_batch(struct keyspace_copy *one, struct firn_db_batch *batch, firn_error *err)
{
    int rc = fi_db_write(one->copy->to, batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(batch);
    return rc;
}

static int
merge_operand(struct keyspace_copy *one, struct firn_db_batch *batch, firn_slice operand,
              firn_error *err)
{
    DCHECK(operand.size >= FI_ENTRY_MERGE_HEAD_SIZE);
    firn_slice key = fi_db_cursor_key(one->cursor);
    firn_merge_operator operation = (firn_merge_operator)operand.data[0];
    operand = firn_bytes(operand.data + FI_ENTRY_MERGE_HEAD_SIZE,
                         operand.size - FI_ENTRY_MERGE_HEAD_SIZE);
    int rc = fi_db_batch_merge(batch, one->to, key, operation, operand, err);
    if (rc == FIRN_INVALID && fi_db_batch_count(batch) > 0) {
        /* It follows an operand of another operator, and needs a commit of its own. */
        rc = write_batch(one, batch, err);
        rc = rc == FIRN_OK ? fi_db_batch_merge(batch, one->to, key, operation, operand, err) : rc;
    }
    return rc;
}

/* Oldest operand first. */
static int
merge_operands(struct keyspace_copy *one, struct firn_db_batch *batch, firn_error *err)
{
    for (size_t end = one->operands.size; end > 0;) {
        DCHECK(end >= 4);
        size_t size = fi_load_le32(one->operands.data + end - 4);
        DCHECK(size + 4 <= end);
        end -= size + 4;
        FI_TRY_RETURN(merge_operand(one, batch, firn_bytes(one->operands.data + end, size), err));
        if (fi_db_batch_size_bytes(batch) > BATCH_BYTES) {
            FI_TRY_RETURN(write_batch(one, batch, err));
        }
    }
    return FIRN_OK;
}

static int
merge_all(struct keyspace_copy *one, firn_error *err)
{
    struct firn_db_batch *batch;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_db_cursor_first(one->cursor, err));
    while (fi_db_cursor_valid(one->cursor)) {
        if (fi_db_cursor_expires_ms(one->cursor) != 0) {
            FI_TRY(find_below(one, err));
            FI_TRY(merge_operands(one, batch, err));
        }
        FI_TRY(fi_storefile_progress_step(one->copy->progress, 0, 0, err));
        FI_TRY(fi_db_cursor_next(one->cursor, err));
    }
    FI_TRY(write_batch(one, batch, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* ---- keyspaces ---- */

static int
open_versions(struct keyspace_copy *one, const struct firn_db_keyspace *from, firn_error *err)
{
    const struct fi_db_view_node *node = &one->copy->from->node;
    const struct fi_lsm_cursor_options options = {.only = &node->view};
    struct fi_db_tree *tree;
    int rc = fi_db_get_tree(from, node->image, &node->view, &tree, err);
    return rc == FIRN_OK && tree != NULL
               ? fi_lsm_cursor_create(tree->lsm_tree, &options, &one->versions, err)
               : rc;
}

static int
copy_keyspace(const struct copy *copy, const char *name, firn_error *err)
{
    const struct fi_db_cursor_options options = {.view = copy->from};
    struct keyspace_copy one = {.copy = copy};
    struct fi_buf bytes = {0};
    struct fi_keyspace_entry entry;
    struct firn_db_keyspace *from;
    int rc;
    FI_TRY(fi_db_keyspace_open_in(copy->from, name, &from, err));
    FI_TRY(fi_db_keyspace_entry_in(copy->from, name, &bytes, &entry, err));
    FI_TRY(fi_db_keyspace_create_as(copy->to, name, &entry, &one.to, err));
    FI_TRY(fi_db_cursor_open(from, &options, &one.cursor, err));
    FI_TRY(open_versions(&one, from, err));
    FI_TRY(load_all(&one, err));
    if (one.has_merged) {
        FI_TRY(merge_all(&one, err));
    }
out:
    fi_buf_deinit(&bytes);
    fi_lsm_cursor_destroy(one.versions);
    fi_db_cursor_close(one.cursor);
    fi_buf_deinit(&one.base);
    fi_buf_deinit(&one.operands);
    return rc;
}

static int
visit_name(void *ctx, const char *name)
{
    const struct copy *copy = ctx;
    return fi_db_is_system_name(firn_str(name)) ? FIRN_OK : copy_keyspace(copy, name, copy->err);
}

/* Copies all keyspaces of the view, except firn's own, to a store without keyspaces, in bounded
 * memory. Requires: no other thread uses that store. */
static int
copy_view(struct firn_db_view *view, struct firn_db *to, struct fi_storefile_progress *progress,
          firn_error *err)
{
    struct copy copy = {.from = view, .to = to, .progress = progress, .err = err};
    int rc = fi_storefile_progress_begin(progress, "read", 0, 0, err);
    return rc == FIRN_OK ? fi_db_keyspace_list_in(view, visit_name, &copy, err) : rc;
}

/* ==== one checkpoint as a store of its own in a single file ==== */

#define STORE_NAME "store"
#define FILE_NAME "file"

/* ---- the store ---- */

/* Opens the view to export, and sets *out to the checkpoint that it becomes. */
static int
open_view(struct firn_db *db, const char *reference, struct firn_db_view **out_view,
          struct fi_db_checkpoint_info *out, firn_error *err)
{
    int rc;
    *out_view = NULL;
    if (reference != NULL) {
        rc = fi_db_checkpoint_find(db, reference, out, err);
        return rc == FIRN_OK ? fi_db_view_open_checkpoint(db, out->id, out_view, err) : rc;
    }
    *out = (struct fi_db_checkpoint_info){.number = 1};
    rc = fi_os_random(db->os, out->id, sizeof out->id, err);
    rc = rc == FIRN_OK ? fi_db_view_open(db, out_view, err) : rc;
    if (rc == FIRN_OK) {
        /* The view's own time: what has expired for it has expired in the file. */
        out->created_ns = (int64_t)((*out_view)->node.time_ms * 1000000);
    }
    return rc;
}

static int
fill_store(struct firn_db *from, const char *reference, struct firn_db *to,
           struct fi_storefile_progress *progress, struct fi_db_checkpoint_info *out,
           firn_error *err)
{
    struct firn_db_view *view;
    DCHECK(from != to && !to->is_read_only);
    int rc = open_view(from, reference, &view, out, err);
    rc = rc == FIRN_OK ? copy_view(view, to, progress, err) : rc;
    rc = rc == FIRN_OK ? fi_db_checkpoint_adopt(to, out, err) : rc;
    fi_db_view_close(view);
    return rc;
}

static int
make_store(struct firn_db *from, const char *reference, struct fi_os_dir *dir,
           struct fi_storefile_progress *progress, struct fi_db_checkpoint_info *out,
           firn_error *err)
{
    const struct fi_db_options options = {.create_if_missing = true,
                                          .durability = FIRN_DURABILITY_OS,
                                          .memory_bytes = from->limits.memory,
                                          .threads = 1,
                                          .compression = from->compression};
    struct firn_db *to = NULL;
    int rc;
    FI_TRY(fi_db_open(dir, &options, &to, err));
    FI_TRY(fill_store(from, reference, to, progress, out, err));
    rc = fi_db_close(to, err);
    to = NULL;
out:
    fi_db_abandon(to);
    return rc;
}

/* ---- the file ---- */

static int
write_file(struct scratch *scratch, struct fi_os_dir *store, int64_t time_ns,
           struct fi_storefile_progress *progress, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_os_file_open(scratch->dir, FILE_NAME,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE, 0600, &file,
                           err));
    FI_TRY(fi_archive_writer_run(store, file, time_ns, progress, err));
out:
    fi_os_file_close(file);
    return rc;
}

/* ---- the whole export ---- */

/* FIRN_EXISTS, or FIRN_INVALID if it is no file. */
static int
check_target(const struct fi_os_user_path *place, const struct fi_copy_export_target *target,
             firn_error *err)
{
    struct fi_os_stat stat;
    firn_error found;
    int rc = fi_os_stat(place->dir, place->name, &stat, &found);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return fi_error_set(err, found.code, "%s", found.text);
    }
    if (!target->replace_existing) {
        return fi_error_set(err, FIRN_EXISTS, "there is a '%s' already", target->path);
    }
    return stat.kind == FI_OS_FILE
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID, "'%s' is not a file", target->path);
}

/* A file that is replaced leaves its mode. */
static int
keep_mode(struct scratch *scratch, const struct fi_os_user_path *place, firn_error *err)
{
    struct fi_os_stat there;
    firn_error found;
    int rc = fi_os_stat(place->dir, place->name, &there, &found);
    const struct fi_os_node node = {.dir = scratch->dir, .name = FILE_NAME};
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : fi_error_set(err, rc, "%s", found.text);
    }
    return there.kind == FI_OS_FILE ? fi_os_set_mode(node, there.mode & 0777, err) : FIRN_OK;
}

static int
put_in_place(struct scratch *scratch, const struct fi_os_user_path *place,
             const struct fi_copy_export_target *target, firn_error *err)
{
    enum fi_os_rename_mode mode =
        target->replace_existing ? FI_OS_RENAME_REPLACE : FI_OS_RENAME_NO_REPLACE;
    int rc = target->replace_existing ? keep_mode(scratch, place, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = fi_os_rename(scratch->dir, FILE_NAME, place->dir, place->name, mode, err);
    }
    return rc == FIRN_OK ? fi_os_dir_sync(place->dir, err) : rc;
}

static int
export_in(struct firn_db *db, const char *reference, struct scratch *scratch,
          struct fi_storefile_progress *progress, firn_error *err)
{
    struct fi_db_checkpoint_info info;
    struct fi_os_dir *store = NULL;
    int rc;
    DCHECK(scratch->lock != NULL);
    FI_TRY(fi_os_make_dir(scratch->dir, STORE_NAME, 0700, err));
    FI_TRY(fi_os_dir_open(scratch->dir, STORE_NAME, &store, err));
    FI_TRY(make_store(db, reference, store, progress, &info, err));
    FI_TRY(write_file(scratch, store, info.created_ns, progress, err));
out:
    fi_os_dir_close(store);
    return rc;
}

int
fi_copy_export(struct firn_db *db, const char *reference,
               const struct fi_copy_export_target *target, struct fi_storefile_progress *progress,
               firn_error *err)
{
    struct fi_os_user_path place = {0};
    struct scratch scratch = {0};
    int rc;
    FI_TRY(fi_os_user_path_init(&place, target->os, target->path, err));
    FI_TRY(check_target(&place, target, err));
    FI_TRY(scratch_create(&scratch, place.dir, err));
    FI_TRY(export_in(db, reference, &scratch, progress, err));
    FI_TRY(put_in_place(&scratch, &place, target, err));
out:
    scratch_remove(&scratch);
    fi_os_user_path_deinit(&place);
    return rc;
}
