/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known_file.c: the file of a list of known files (os_known_list.h): reading what others
 * append to it, and appending.
 *
 * Lines are appended under a lock of the file, after reading what others have appended. A list is
 * replaced by a rename, so a process that has it open compares the inode before it believes it.
 *
 * Without the lock, half of a line that is being appended may be seen. So a list that looks damaged
 * or has a hole is read again under the lock before it counts as what it is (I1). (Tested.)
 *
 * A failed write leaves bytes that are not known, so the next use reads all of the file again.
 */
#include "hosted/os_known_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

enum { LIST_SIZE_MAX = 256 << 20, LOCK_ATTEMPTS = 5000, LOCK_PAUSE_NS = 2 * 1000 * 1000 };

static int
os_known_file_damaged(const struct fi_os_known *known, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%.700s/%s', the list of a store's own files, is damaged",
                        fi_os_dir_path(known->notes), known->list_name);
}

/* Reads what comes after what was read. */
static int
read_on(struct fi_os_known *known, firn_error *err)
{
    struct fi_buf bytes = {0};
    struct fi_os_stat stat;
    size_t size = 0;
    int rc;
    FI_TRY(fi_os_file_stat(known->file, &stat, err));
    if (stat.size_bytes > LIST_SIZE_MAX || stat.size_bytes < known->list.end) {
        rc = os_known_file_damaged(known, err);
        goto out;
    }
    if (fi_buf_set_size(&bytes, (size_t)(stat.size_bytes - known->list.end)) != FIRN_OK) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    FI_TRY(fi_os_file_read(known->file, known->list.end, bytes.data, bytes.size, &size, err));
    if (!fi_os_known_list_read(&known->list, firn_bytes(bytes.data, size))) {
        rc = fi_os_known_no_memory(err);
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* Reads all of the file again. What this handle did stays marked. */
static int
os_known_file_load(struct fi_os_known *known, firn_error *err)
{
    struct fi_os_known_list old = known->list;
    fi_buf_clear(&known->touched);
    fi_os_known_list_init(&known->list);
    int rc = read_on(known, err);
    for (size_t i = 0; rc == FIRN_OK && i < old.entries.count; i++) {
        struct fi_os_known_list_entry *was =
            *(struct fi_os_known_list_entry **)fi_hash_map_at(&old.entries, i);
        struct fi_os_known_list_entry *entry =
            was->is_ours ? fi_os_known_list_get(&known->list, was->path) : NULL;
        if (entry != NULL) {
            entry->is_ours = true;
            entry->is_fresh = was->is_fresh;
            entry->is_pending = was->is_pending;
            entry->id_count = was->is_pending ? was->id_count : entry->id_count;
            memcpy(entry->ids, was->is_pending ? was->ids : entry->ids, sizeof entry->ids);
            rc = was->is_touched ? fi_os_known_touch(known, entry) : FIRN_OK;
            rc = rc == FIRN_OK ? FIRN_OK : fi_os_known_no_memory(err);
        } else if (was->is_ours) {
            rc = fi_os_known_no_memory(err);
        }
        entry = entry != NULL ? entry : fi_os_known_list_find(&known->list, was->path);
        if (entry != NULL) {
            entry->is_seen = was->is_seen;
        }
    }
    fi_os_known_list_deinit(&old);
    return rc;
}

/* Takes the lock of the file, for which others hold it only a moment. */
static int
lock_file(struct fi_os_known *known, enum fi_os_lock_kind kind, firn_error *err)
{
    int rc = fi_os_file_lock(known->file, kind, err);
    for (unsigned i = 0; rc == FIRN_BUSY && i < LOCK_ATTEMPTS; i++) {
        fi_os_sleep_ns(fi_os_dir_os(known->notes), LOCK_PAUSE_NS);
        rc = fi_os_file_lock(known->file, kind, err);
    }
    return rc;
}

/* Reads the file again if what was read of it has holes: without the lock, a part of the lines that
 * another process is appending may have been seen (I1). */
static int
os_known_file_resolve(struct fi_os_known *known, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_whole = fi_os_known_list_is_sound(&known->list) && !fi_os_known_file_has_hole(known);
    if (!is_whole) {
        bool must_lock = !known->is_locked;
        FI_TRY(must_lock ? lock_file(known, FI_OS_LOCK_SHARED, err) : FIRN_OK);
        rc = os_known_file_load(known, err);
        if (must_lock) {
            fi_os_file_unlock(known->file);
        }
    }
    if (rc == FIRN_OK && !fi_os_known_list_is_sound(&known->list)) {
        rc = os_known_file_damaged(known, err);
    }
out:
    return rc;
}

int
fi_os_known_file_open(struct fi_os_known *known, firn_error *err)
{
    struct fi_os_file *file;
    unsigned flags = FI_OS_READ | (known->may_write ? (unsigned)FI_OS_WRITE : 0);
    int rc = fi_os_file_open_stat(known->notes, known->list_name, flags, 0, &file,
                                  &known->file_stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_os_file_close(known->file);
    known->file = file;
    known->is_locked = false;
    rc = os_known_file_load(known, err);
    return rc == FIRN_OK ? os_known_file_resolve(known, err) : rc;
}

int
fi_os_known_file_refresh(struct fi_os_known *known, firn_error *err)
{
    struct fi_os_stat stat;
    bool had_hole = fi_os_known_file_has_hole(known);
    int rc;
    fi_os_mutex_assert_held(&known->mutex);
    rc = fi_os_stat(known->notes, known->list_name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return os_known_file_damaged(known, err);
    }
    FI_TRY(rc);
    if (stat.inode != known->file_stat.inode || stat.btime_ns != known->file_stat.btime_ns ||
        stat.device != known->file_stat.device) {
        return fi_os_known_file_open(known, err);
    }
    FI_TRY(read_on(known, err));
    /* A hole that was there before is one that a power cut has made. */
    if (!had_hole || known->is_locked || !fi_os_known_list_is_sound(&known->list)) {
        rc = os_known_file_resolve(known, err);
    }
out:
    return rc;
}

int
fi_os_known_file_write(struct fi_os_dir *notes, const char *name, firn_slice bytes, firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct fi_buf room = {0};
    struct fi_buf padded = {0};
    const char *new_name = NULL;
    size_t size = (bytes.size / FI_OS_KNOWN_BLOCK_SIZE + 1) * FI_OS_KNOWN_BLOCK_SIZE;
    int rc;
    if (fi_buf_append_format(&room, "%s.new", name) == FIRN_OK) {
        new_name = fi_buf_text(&room);
    }
    if (new_name == NULL || fi_buf_set_size(&padded, size) != FIRN_OK) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    memset(padded.data, 0, size);
    memcpy(padded.data, bytes.data, bytes.size);
    rc = fi_os_remove_file(notes, new_name, err); /* not to write into one that is open */
    FI_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    FI_TRY(fi_os_file_open(notes, new_name,
                           FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_EXCLUSIVE, 0600,
                           &file, err));
    FI_TRY(fi_os_file_write(file, 0, padded.data, padded.size, err));
    FI_TRY(fi_os_file_sync(file, err));
    FI_TRY(fi_os_rename(notes, new_name, notes, name, FI_OS_RENAME_REPLACE, err));
    FI_TRY(fi_os_dir_sync(notes, err));
out:
    fi_os_file_close(file);
    fi_buf_deinit(&padded);
    fi_buf_deinit(&room);
    return rc;
}

int
fi_os_known_file_rewrite(struct fi_os_known *known, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc;
    fi_os_mutex_assert_held(&known->mutex);
    if (fi_os_known_list_write_all(&known->list, &bytes) != FIRN_OK) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    FI_TRY(fi_os_known_file_write(known->notes, known->list_name, fi_buf_slice(&bytes), err));
    known->is_dirty = false;
    rc = fi_os_known_file_open(known, err);
out:
    fi_buf_deinit(&bytes);
    return rc;
}

void
fi_os_known_file_unlock(struct fi_os_known *known)
{
    if (known->is_locked) {
        fi_os_file_unlock(known->file);
        known->is_locked = false;
    }
}

int
fi_os_known_file_lock(struct fi_os_known *known, firn_error *err)
{
    int rc;
    if (!known->may_write) {
        return fi_error_set(err, FIRN_READ_ONLY, "'%.900s' is open for reading only",
                            fi_os_file_path(known->file));
    }
    do {
        struct fi_os_file *file = known->file;
        FI_TRY(lock_file(known, FI_OS_LOCK_EXCLUSIVE, err));
        known->is_locked = true;
        rc = fi_os_known_file_refresh(known, err);
        if (rc != FIRN_OK && known->file == file) {
            fi_os_known_file_unlock(known);
        }
        FI_TRY(rc);
    } while (!known->is_locked); /* it was replaced, and the lock was that of the old one */
out:
    return rc;
}

int
fi_os_known_file_append(struct fi_os_known *known, struct fi_buf *lines, firn_error *err)
{
    size_t size = lines->size;
    uint64_t end = known->list.end + size;
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_file_stat(known->file, &stat, err));
    if (end >= stat.size_bytes) { /* a whole block of zeros comes after what is written */
        size_t padding = (size_t)(FI_OS_KNOWN_BLOCK_SIZE - end % FI_OS_KNOWN_BLOCK_SIZE);
        if (fi_buf_set_size(lines, size + padding) != FIRN_OK) {
            rc = fi_os_known_no_memory(err);
            goto out;
        }
        memset(lines->data + size, 0, padding);
    }
    FI_TRY(fi_os_file_write(known->file, known->list.end, lines->data, lines->size, err));
    known->list.end = end;
    known->is_dirty = true;
out:
    if (rc != FIRN_OK) { /* what is in the file is not known: the next one reads it anew */
        known->file_stat.inode = 0;
        known->file_stat.btime_ns = 0;
    }
    return rc;
}

int
fi_os_known_file_fill_holes(struct fi_os_known *known, firn_error *err)
{
    int rc = FIRN_OK;
    if (fi_os_known_file_has_hole(known)) {
        FI_TRY(fi_os_known_file_rewrite(known, err));
        rc = fi_os_known_file_lock(known, err);
    }
out:
    return rc;
}

int
fi_os_known_file_state(struct fi_os_known *known, struct fi_buf *lines,
                       struct fi_os_known_list_entry *entry)
{
    int rc = FIRN_OK;
    if (entry->id_count == 0) {
        rc = fi_os_known_list_write(&known->list, lines, '-', entry->path,
                                    (struct fi_os_known_list_id){0});
    }
    for (unsigned i = entry->id_count; rc == FIRN_OK && i > 0; i--) {
        rc = fi_os_known_list_write(&known->list, lines, i == entry->id_count ? '=' : '+',
                                    entry->path, entry->ids[i - 1]);
    }
    entry->is_pending = false;
    return rc;
}
