/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known.c: a guard that knows the files of a directory by a list.
 *
 * An entry of the list is a path from the directory, and which file it is: inode and time of birth.
 * A file that is put there by a rename or as a link is known like that. A file that is made under
 * its name is known by the name alone until then, and so are directories: both are made by this
 * code before anything else can have the name, or found and accepted.
 *
 * What is durable when. A name enters the list before it gets its entry, so whoever sees the entry
 * finds the name (I1). The list is synced before a rename, and before a sync of a directory: so a
 * name that was durable stays known, and one that is durable is known (I2). A name leaves the list
 * after the sync of the directory that made its removal durable, or with the guard: until then a
 * power cut may bring the entry back (I3). (Not checked here: the tests cut the power at each call.)
 * So to the code above, a name whose line a power cut took is a name whose creation it took.
 *
 * Processes. Several may read the list, and those that wait for the lock of a store may admit its
 * names too. Lines are appended under a lock of the list, after reading what others have appended.
 * A list is replaced by a rename, so who has it open compares the inode before believing it.
 *
 * Without the lock, half of a line that is being appended may be seen. So a list that looks damaged or
 * has a hole is read again under the lock before it counts as what it is (I6). (Tested.)
 *
 * On overlayfs, inode and time of birth change when a file of a lower layer is first written to. There
 * a regular file is known by its name.
 *
 * (I5) A name is forgotten only after it was looked for by itself, and has no entry: the list may be
 *      newer than a listing of the directory. (Not checked: look_for_stale comes right before.)
 *
 * Foreign entries. If a name is needed that something else has, that is renamed to the first free
 * "foreign-<n>-<name>", which is never admitted: nothing is overwritten or removed (I4).
 *
 * Locking: one mutex. It is held during the calls for the list, which are short: some appended
 * bytes. Only sync waits for the disk under it; names are admitted seldom enough.
 *
 * Memory: the list, of at most LIST_SIZE_MAX bytes.
 */
#include "hosted/os_known.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "hosted/os_known_list.h"
#include "threads/os_thread.h"

enum {
    LIST_SIZE_MAX = 256 << 20,
    BLOCK_SIZE = 4096,
    SHORTEN_FROM = 64 << 10, /* a list of fewer bytes is not shortened */
    SHORTEN_FACTOR = 4,
    ASIDE_MAX = 10000,
    LOCK_ATTEMPTS = 5000,
    LOCK_PAUSE_NS = 2 * 1000 * 1000
};

struct known {
    struct firn_os_guard base;
    const struct firn_os_known_rules *rules;
    struct firn_os_dir *notes;
    char *list_name;
    bool may_write;
    struct firn_os_mutex mutex;
    struct firn_os_file *file;
    struct firn_os_stat file_stat; /* which file it is */
    struct firn_os_known_list list;
    struct firn_buf touched; /* struct firn_os_known_list_entry * each */
    bool is_dirty;           /* lines were appended that may not be durable */
    bool is_read_once;       /* the list was read to its end when it was opened */
    bool is_locked;          /* this handle has the lock of the file for writing */
    bool is_by_name;         /* files have no lasting identity there */
};

static const struct firn_os_guard_ops known_ops;

static struct known *
known_of(struct firn_os_guard *guard)
{
    DCHECK(guard->ops == &known_ops);
    return (struct known *)(void *)guard;
}

static struct firn_os_known_list_id
id_of(const struct firn_os_stat *stat)
{
    return stat == NULL ? (struct firn_os_known_list_id){0}
                        : (struct firn_os_known_list_id){stat->inode, stat->btime_ns};
}

static int
no_memory(firn_error *err)
{
    return firn_error_no_memory(err, "the list of a store's files");
}

/* ---- the file of the list ---- */

static int
damaged(const struct known *known, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT,
                          "'%.700s/%s', the list of a store's own files, is damaged",
                          firn_os_dir_path(known->notes), known->list_name);
}

/* Reads what comes after what was read. */
static int
read_on(struct known *known, firn_error *err)
{
    struct firn_buf bytes = {0};
    struct firn_os_stat stat;
    size_t size = 0;
    int rc;
    FIRN_TRY(firn_os_file_stat(known->file, &stat, err));
    if (stat.size_bytes > LIST_SIZE_MAX || stat.size_bytes < known->list.end) {
        rc = damaged(known, err);
        goto out;
    }
    if (firn_buf_set_size(&bytes, (size_t)(stat.size_bytes - known->list.end)) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    FIRN_TRY(firn_os_file_read(known->file, known->list.end, bytes.data, bytes.size, &size, err));
    if (!firn_os_known_list_read(&known->list, firn_bytes(bytes.data, size))) {
        rc = no_memory(err);
    }
out:
    firn_buf_deinit(&bytes);
    return rc;
}

/* Notes that something is to be done for an entry when its directory is synced. */
static int
touch(struct known *known, struct firn_os_known_list_entry *entry)
{
    int rc = FIRN_OK;
    if (!entry->is_touched) {
        rc = firn_buf_append(&known->touched, &entry, sizeof(void *));
        entry->is_touched = rc == FIRN_OK;
    }
    return rc;
}

/* Whether lines are missing, or something comes after them that is none. */
static bool
has_hole(const struct known *known)
{
    return known->list.missing != 0 || known->list.has_rest;
}

/* Reads all of the file again. What this handle did stays marked. */
static int
load(struct known *known, firn_error *err)
{
    struct firn_os_known_list old = known->list;
    firn_buf_clear(&known->touched);
    firn_os_known_list_init(&known->list);
    int rc = read_on(known, err);
    for (size_t i = 0; rc == FIRN_OK && i < old.entries.count; i++) {
        struct firn_os_known_list_entry *was =
            *(struct firn_os_known_list_entry **)firn_hash_map_at(&old.entries, i);
        struct firn_os_known_list_entry *entry =
            was->is_ours ? firn_os_known_list_get(&known->list, was->path) : NULL;
        if (entry != NULL) {
            entry->is_ours = true;
            entry->is_fresh = was->is_fresh;
            entry->is_pending = was->is_pending;
            entry->id_count = was->is_pending ? was->id_count : entry->id_count;
            memcpy(entry->ids, was->is_pending ? was->ids : entry->ids, sizeof entry->ids);
            rc = was->is_touched ? touch(known, entry) : FIRN_OK;
            rc = rc == FIRN_OK ? FIRN_OK : no_memory(err);
        } else if (was->is_ours) {
            rc = no_memory(err);
        }
        entry = entry != NULL ? entry : firn_os_known_list_find(&known->list, was->path);
        if (entry != NULL) {
            entry->is_seen = was->is_seen;
        }
    }
    firn_os_known_list_deinit(&old);
    return rc;
}

/* Takes the lock of the file, for which others hold it only a moment. */
static int
lock_file(struct known *known, enum firn_os_lock_kind kind, firn_error *err)
{
    int rc = firn_os_file_lock(known->file, kind, err);
    for (unsigned i = 0; rc == FIRN_BUSY && i < LOCK_ATTEMPTS; i++) {
        firn_os_sleep_ns(firn_os_dir_os(known->notes), LOCK_PAUSE_NS);
        rc = firn_os_file_lock(known->file, kind, err);
    }
    return rc;
}

/* Reads the file again if what was read of it has holes: without the lock, a part of the lines that
 * another process is appending may have been seen (I6). */
static int
settle_list(struct known *known, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_whole = firn_os_known_list_is_sound(&known->list) && !has_hole(known);
    if (!is_whole) {
        bool must_lock = !known->is_locked;
        FIRN_TRY(must_lock ? lock_file(known, FIRN_OS_LOCK_SHARED, err) : FIRN_OK);
        rc = load(known, err);
        if (must_lock) {
            firn_os_file_unlock(known->file);
        }
    }
    if (rc == FIRN_OK && !firn_os_known_list_is_sound(&known->list)) {
        rc = damaged(known, err);
    }
out:
    return rc;
}

/* Opens the list anew and reads all of it. */
static int
read_all(struct known *known, firn_error *err)
{
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_READ | (known->may_write ? (unsigned)FIRN_OS_WRITE : 0);
    int rc = firn_os_file_open_stat(known->notes, known->list_name, flags, 0, &file,
                                    &known->file_stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_os_file_close(known->file);
    known->file = file;
    known->is_locked = false;
    rc = load(known, err);
    return rc == FIRN_OK ? settle_list(known, err) : rc;
}

/* Reads what other processes have appended, or the list that has replaced this one. */
static int
refresh(struct known *known, firn_error *err)
{
    struct firn_os_stat stat;
    bool had_hole = has_hole(known);
    int rc;
    firn_os_mutex_assert_held(&known->mutex);
    rc = firn_os_stat(known->notes, known->list_name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return damaged(known, err);
    }
    FIRN_TRY(rc);
    if (stat.inode != known->file_stat.inode || stat.btime_ns != known->file_stat.btime_ns ||
        stat.device != known->file_stat.device) {
        return read_all(known, err);
    }
    FIRN_TRY(read_on(known, err));
    /* A hole that was there before is one that a power cut has made. */
    if (!had_hole || known->is_locked || !firn_os_known_list_is_sound(&known->list)) {
        rc = settle_list(known, err);
    }
out:
    return rc;
}

/* Writes a whole list in place of the file, durably. */
static int
write_file(struct firn_os_dir *notes, const char *name, firn_slice bytes, firn_error *err)
{
    struct firn_os_file *file = NULL;
    struct firn_buf room = {0};
    struct firn_buf padded = {0};
    const char *new_name = NULL;
    size_t size = (bytes.size / BLOCK_SIZE + 1) * BLOCK_SIZE;
    int rc;
    if (firn_buf_append_format(&room, "%s.new", name) == FIRN_OK) {
        new_name = firn_buf_text(&room);
    }
    if (new_name == NULL || firn_buf_set_size(&padded, size) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    memset(padded.data, 0, size);
    memcpy(padded.data, bytes.data, bytes.size);
    rc = firn_os_remove_file(notes, new_name, err); /* not to write into one that is open */
    FIRN_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    FIRN_TRY(firn_os_file_open(
        notes, new_name, FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER | FIRN_OS_EXCLUSIVE,
        0600, &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, padded.data, padded.size, err));
    FIRN_TRY(firn_os_file_sync(file, err));
    FIRN_TRY(firn_os_rename(notes, new_name, notes, name, FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(notes, err));
out:
    firn_os_file_close(file);
    firn_buf_deinit(&padded);
    firn_buf_deinit(&room);
    return rc;
}

/* Replaces the list by one without what it does not need. */
static int
rewrite(struct known *known, firn_error *err)
{
    struct firn_buf bytes = {0};
    int rc;
    firn_os_mutex_assert_held(&known->mutex);
    if (firn_os_known_list_write_all(&known->list, &bytes) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    FIRN_TRY(write_file(known->notes, known->list_name, firn_buf_slice(&bytes), err));
    known->is_dirty = false;
    rc = read_all(known, err);
out:
    firn_buf_deinit(&bytes);
    return rc;
}

static void
unlock_list(struct known *known)
{
    if (known->is_locked) {
        firn_os_file_unlock(known->file);
        known->is_locked = false;
    }
}

/* Locks the list against other processes, and reads what they have appended. */
static int
lock_list(struct known *known, firn_error *err)
{
    int rc;
    if (!known->may_write) {
        return firn_error_set(err, FIRN_READ_ONLY, "'%.900s' is open for reading only",
                              firn_os_file_path(known->file));
    }
    do {
        struct firn_os_file *file = known->file;
        FIRN_TRY(lock_file(known, FIRN_OS_LOCK_EXCLUSIVE, err));
        known->is_locked = true;
        rc = refresh(known, err);
        if (rc != FIRN_OK && known->file == file) {
            unlock_list(known);
        }
        FIRN_TRY(rc);
    } while (!known->is_locked); /* it was replaced, and the lock was that of the old one */
out:
    return rc;
}

/* Appends lines that list_write has made. Requires: the list is locked. */
static int
append(struct known *known, struct firn_buf *lines, firn_error *err)
{
    size_t size = lines->size;
    uint64_t end = known->list.end + size;
    struct firn_os_stat stat;
    int rc;
    FIRN_TRY(firn_os_file_stat(known->file, &stat, err));
    if (end >= stat.size_bytes) { /* a whole block of zeros comes after what is written */
        size_t padding = (size_t)(BLOCK_SIZE - end % BLOCK_SIZE);
        if (firn_buf_set_size(lines, size + padding) != FIRN_OK) {
            rc = no_memory(err);
            goto out;
        }
        memset(lines->data + size, 0, padding);
    }
    FIRN_TRY(firn_os_file_write(known->file, known->list.end, lines->data, lines->size, err));
    known->list.end = end;
    known->is_dirty = true;
out:
    if (rc != FIRN_OK) { /* what is in the file is not known: the next one reads it anew */
        known->file_stat.inode = 0;
        known->file_stat.btime_ns = 0;
    }
    return rc;
}

/* A list with a hole where a power cut took lines is written anew before lines are appended:
 * afterwards the hole would look like damage. Requires: the list is locked. Unlocks and locks it. */
static int
fill_holes(struct known *known, firn_error *err)
{
    int rc = FIRN_OK;
    if (has_hole(known)) {
        FIRN_TRY(rewrite(known, err));
        rc = lock_list(known, err);
    }
out:
    return rc;
}

/* Says of an entry what it is now. Requires: the list is locked. */
static int
state_entry(struct known *known, struct firn_buf *lines, struct firn_os_known_list_entry *entry)
{
    int rc = FIRN_OK;
    if (entry->id_count == 0) {
        rc = firn_os_known_list_write(&known->list, lines, '-', entry->path,
                                      (struct firn_os_known_list_id){0});
    }
    for (unsigned i = entry->id_count; rc == FIRN_OK && i > 0; i--) {
        rc = firn_os_known_list_write(&known->list, lines, i == entry->id_count ? '=' : '+',
                                      entry->path, entry->ids[i - 1]);
    }
    entry->is_pending = false;
    return rc;
}

/* ---- what is known ---- */

static bool
is_dir_name(const struct known *known, const char *path)
{
    for (const char *const *name = known->rules->dirs; *name != NULL; name++) {
        if (strcmp(*name, path) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_beside(const struct known *known, const char *path)
{
    return strchr(path, '/') == NULL && known->rules->is_beside(path);
}

/* Whether a file has no contents that anything could need. */
static bool
is_loose(const struct known *known, const char *path)
{
    return strchr(path, '/') == NULL && known->rules->is_loose(path);
}

/* Whether what has these attributes is what the entry says. */
static bool
is_own(const struct known *known, const struct firn_os_known_list_entry *entry,
       const struct firn_os_stat *stat)
{
    struct firn_os_known_list_id any = {0};
    if (stat->kind == FIRN_OS_SOCKET) { /* it has no contents, and comes with no tree */
        return true;
    }
    if (entry->id_count == 0 || (stat->kind == FIRN_OS_DIR) != is_dir_name(known, entry->path) ||
        (stat->kind != FIRN_OS_DIR && stat->kind != FIRN_OS_FILE)) {
        return false;
    }
    return known->is_by_name || firn_os_known_list_has(entry, any) ||
           firn_os_known_list_has(entry, id_of(stat));
}

/* The entry of a path whose name is known; NULL if it is not. */
static struct firn_os_known_list_entry *
find(struct known *known, const char *path)
{
    struct firn_os_known_list_entry *entry = firn_os_known_list_find(&known->list, path);
    firn_os_mutex_assert_held(&known->mutex);
    return entry != NULL && entry->id_count > 0 ? entry : NULL;
}

/* The same; a name that another process has admitted meanwhile is found. */
static int
find_fresh(struct known *known, const char *path, struct firn_os_known_list_entry **out,
           firn_error *err)
{
    int rc = FIRN_OK;
    *out = find(known, path);
    if (*out == NULL) {
        rc = refresh(known, err);
        *out = rc == FIRN_OK ? find(known, path) : NULL;
    }
    return rc;
}

static int
refuse_foreign(struct firn_os_dir *dir, const char *name, int code, firn_error *err)
{
    return firn_error_set(err, code,
                          "'%.600s/%.100s' is there, but firn did not make it here: firn trust "
                          "accepts the files that are there",
                          firn_os_dir_path(dir), name);
}

static int
known_knows(struct firn_os_guard *guard, struct firn_os_dir *dir, const char *name, firn_error *err)
{
    struct known *known = known_of(guard);
    struct firn_os_known_list_entry *entry = NULL;
    struct firn_buf path = {0};
    const char *text =
        firn_os_guard_path(dir, name, &path) == FIRN_OK ? firn_buf_text(&path) : NULL;
    int rc = text == NULL ? no_memory(err) : FIRN_OK;
    if (rc == FIRN_OK && !is_beside(known, text)) {
        firn_os_mutex_lock(&known->mutex);
        rc = find_fresh(known, text, &entry, err);
        firn_os_mutex_unlock(&known->mutex);
        if (rc == FIRN_OK && entry == NULL) {
            rc = refuse_foreign(dir, name, FIRN_NOT_FOUND, err);
        }
    }
    firn_buf_deinit(&path);
    return rc;
}

static int
refuse_replaced(struct firn_os_dir *dir, const char *name, firn_error *err)
{
    return firn_error_set(err, FIRN_UNTRUSTED,
                          "'%.600s/%.100s' is not the file that firn made: something else has "
                          "replaced it (git, an archive); firn trust accepts the files that are "
                          "there",
                          firn_os_dir_path(dir), name);
}

/* Whether a name does not lead to a file any more that was opened by it: another process has removed
 * it, and the list may know that already. */
static bool
has_gone(struct firn_os_dir *dir, const char *name, const struct firn_os_stat *stat)
{
    struct firn_os_stat now;
    int rc = firn_os_guard_stat(dir, name, &now, NULL);
    return rc == FIRN_NOT_FOUND ||
           (rc == FIRN_OK && (now.inode != stat->inode || now.btime_ns != stat->btime_ns));
}

static int
known_check(struct firn_os_guard *guard, struct firn_os_dir *dir, const char *name,
            const struct firn_os_stat *stat, bool is_needed, firn_error *err)
{
    struct known *known = known_of(guard);
    struct firn_os_known_list_entry *entry = NULL;
    struct firn_buf path = {0};
    bool is_same = false;
    int rc = firn_os_guard_path(dir, name, &path);
    const char *text = rc == FIRN_OK ? firn_buf_text(&path) : NULL;
    if (text == NULL) {
        rc = no_memory(err);
    } else if (!is_beside(known, text) && stat->kind != FIRN_OS_SOCKET) {
        firn_os_mutex_lock(&known->mutex);
        rc = find_fresh(known, text, &entry, err);
        is_same = entry != NULL && is_own(known, entry, stat);
        if (rc == FIRN_OK && entry != NULL && !is_same) { /* it may have been renamed meanwhile */
            rc = refresh(known, err);
            entry = rc == FIRN_OK ? find(known, text) : NULL;
            is_same = entry != NULL && is_own(known, entry, stat);
        }
        firn_os_mutex_unlock(&known->mutex);
        bool is_bad = rc == FIRN_OK && (entry == NULL || !is_same);
        if (is_bad && is_needed && has_gone(dir, name, stat)) {
            rc = firn_error_set(err, FIRN_NOT_FOUND, "'%.700s/%.100s' has just been removed",
                                firn_os_dir_path(dir), name);
        } else if (rc == FIRN_OK && entry == NULL) {
            bool matters = is_needed && !is_loose(known, text);
            rc = refuse_foreign(dir, name, matters ? FIRN_UNTRUSTED : FIRN_NOT_FOUND, err);
        } else if (rc == FIRN_OK && !is_same) {
            rc = refuse_replaced(dir, name, err);
        }
    }
    firn_buf_deinit(&path);
    return rc;
}

/* ---- admitting ---- */

/* (I4) */
static int
move_aside(struct firn_os_dir *dir, const char *name, firn_error *err)
{
    enum { NAME_SIZE = 256, KEPT = 220 };
    char aside[NAME_SIZE];
    int rc = FIRN_EXISTS;
    for (unsigned i = 1; rc == FIRN_EXISTS && i <= ASIDE_MAX; i++) {
        (void)snprintf(aside, sizeof aside, "foreign-%u-%.*s", i, KEPT, name);
        rc = firn_os_guard_rename(dir, name, aside, err);
    }
    return rc;
}

/* Whether something has the name that does not count. */
static int
is_taken(struct known *known, struct firn_os_dir *dir, const char *name, const char *path,
         bool *out, bool *out_exists, firn_error *err)
{
    struct firn_os_stat stat;
    struct firn_os_known_list_entry *entry = find(known, path);
    int rc = firn_os_guard_stat(dir, name, &stat, err);
    *out_exists = rc == FIRN_OK;
    *out = rc == FIRN_OK && stat.kind != FIRN_OS_SOCKET &&
           (entry == NULL || !is_own(known, entry, &stat));
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Requires: the list is locked, and has no hole. */
static int
admit_locked(struct known *known, struct firn_os_dir *dir, const char *name, const char *path,
             const struct firn_os_stat *coming, firn_error *err)
{
    struct firn_buf lines = {0};
    bool is_foreign;
    bool exists;
    int rc;
    FIRN_TRY(is_taken(known, dir, name, path, &is_foreign, &exists, err));
    if (is_foreign) {
        FIRN_TRY(move_aside(dir, name, err));
        exists = false;
    }
    struct firn_os_known_list_entry *entry = firn_os_known_list_get(&known->list, path);
    if (entry == NULL) {
        rc = no_memory(err);
        goto out;
    }
    if (!exists) { /* what it was before is gone */
        entry->id_count = 0;
    }
    entry->is_fresh = entry->is_fresh || entry->id_count == 0;
    firn_os_known_list_add_id(entry, id_of(coming));
    entry->is_ours = true;
    if (touch(known, entry) != FIRN_OK || state_entry(known, &lines, entry) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    rc = append(known, &lines, err);
out:
    firn_buf_deinit(&lines);
    return rc;
}

/* Whether nothing has to be done: the entry is known, and what has the name counts. */
static int
is_admitted(struct known *known, struct firn_os_dir *dir, const char *name, const char *path,
            const struct firn_os_stat *coming, bool *out, firn_error *err)
{
    struct firn_os_known_list_entry *entry = NULL;
    bool is_foreign = true;
    bool exists = false;
    int rc;
    *out = false;
    FIRN_TRY(find_fresh(known, path, &entry, err));
    FIRN_TRY(is_taken(known, dir, name, path, &is_foreign, &exists, err));
    bool is_ready = coming == NULL
                        ? entry != NULL && (exists || firn_os_known_list_has(entry, id_of(NULL)))
                        : entry != NULL && firn_os_known_list_has(entry, id_of(coming));
    *out = is_ready && !is_foreign && !entry->is_pending;
    if (*out) {
        entry->is_ours = true;
    }
out:
    return rc;
}

static int
known_admit(struct firn_os_guard *guard, struct firn_os_dir *dir, const char *name,
            const struct firn_os_stat *coming, firn_error *err)
{
    struct known *known = known_of(guard);
    struct firn_buf path = {0};
    bool is_done = false;
    int rc = firn_os_guard_path(dir, name, &path);
    const char *text = rc == FIRN_OK ? firn_buf_text(&path) : NULL;
    if (text == NULL) {
        rc = no_memory(err);
        goto out;
    }
    if (is_beside(known, text)) {
        goto out;
    }
    if (strchr(text, '\n') != NULL || path.size > FIRN_OS_KNOWN_LIST_PATH_SIZE_MAX) {
        rc = firn_error_set(err, FIRN_INVALID, "'%.255s' cannot be the name of a store's file",
                            name);
        goto out;
    }
    firn_os_mutex_lock(&known->mutex);
    rc = is_admitted(known, dir, name, text, coming, &is_done, err);
    if (rc == FIRN_OK && !is_done) {
        rc = lock_list(known, err);
        if (rc == FIRN_OK) {
            rc = fill_holes(known, err);
            rc = rc == FIRN_OK ? admit_locked(known, dir, name, text, coming, err) : rc;
            unlock_list(known);
        }
    }
    firn_os_mutex_unlock(&known->mutex);
out:
    firn_buf_deinit(&path);
    return rc;
}

static void
known_settle(struct firn_os_guard *guard, struct firn_os_dir *dir, const char *name,
             const struct firn_os_stat *now)
{
    struct known *known = known_of(guard);
    struct firn_buf path = {0};
    const char *text =
        firn_os_guard_path(dir, name, &path) == FIRN_OK ? firn_buf_text(&path) : NULL;
    if (text != NULL && !is_beside(known, text)) {
        firn_os_mutex_lock(&known->mutex);
        struct firn_os_known_list_entry *entry = find(known, text);
        bool is_stated = entry != NULL && now != NULL && !entry->is_pending &&
                         entry->id_count == 1 && firn_os_known_list_has(entry, id_of(now));
        /* Without memory it stays known as what it was: an error, where it matters, not a loss. */
        if (entry != NULL && !is_stated && touch(known, entry) == FIRN_OK) {
            entry->id_count = 0;
            if (now != NULL) {
                firn_os_known_list_add_id(entry, id_of(now));
            }
            entry->is_ours = true;
            entry->is_pending = true;
        }
        firn_os_mutex_unlock(&known->mutex);
    }
    firn_buf_deinit(&path);
}

static bool
known_may_be_durable(struct firn_os_guard *guard, struct firn_os_dir *dir, const char *name)
{
    struct known *known = known_of(guard);
    struct firn_buf path = {0};
    const char *text =
        firn_os_guard_path(dir, name, &path) == FIRN_OK ? firn_buf_text(&path) : NULL;
    bool is_fresh = false;
    if (text != NULL) {
        firn_os_mutex_lock(&known->mutex);
        struct firn_os_known_list_entry *entry = find(known, text);
        is_fresh = entry != NULL && entry->is_fresh;
        firn_os_mutex_unlock(&known->mutex);
    }
    firn_buf_deinit(&path);
    return !is_fresh;
}

static int
known_sync(struct firn_os_guard *guard, firn_error *err)
{
    struct known *known = known_of(guard);
    int rc = FIRN_OK;
    firn_os_mutex_lock(&known->mutex);
    if (known->is_dirty) {
        rc = firn_os_file_sync(known->file, err);
        if (rc == FIRN_OK) {
            known->is_dirty = false;
            known->list.synced = known->list.next - 1; /* lines of others come after ours */
        }
    }
    firn_os_mutex_unlock(&known->mutex);
    return rc;
}

/* Whether a path is directly below a directory; `prefix` is its path with a slash, or "". */
static bool
is_in(const char *path, const struct firn_buf *prefix)
{
    return strncmp(path, (const char *)prefix->data, prefix->size) == 0 &&
           strchr(path + prefix->size, '/') == NULL;
}

/* Whether something touched is in a directory; prefix NULL: in any. */
static bool
is_meant(const struct firn_os_known_list_entry *entry, const struct firn_buf *prefix)
{
    return prefix == NULL || is_in(entry->path, prefix);
}

static struct firn_os_known_list_entry *
touched_at(const struct known *known, size_t i)
{
    return ((struct firn_os_known_list_entry *const *)(const void *)known->touched.data)[i];
}

static size_t
touched_count(const struct known *known)
{
    return known->touched.size / sizeof(struct firn_os_known_list_entry *);
}

/* Appends what is pending of a directory, or all. Failures leave it pending: a name that is known
 * too long does little harm. */
static void
state_pending(struct known *known, const struct firn_buf *prefix)
{
    struct firn_buf lines = {0};
    firn_os_mutex_assert_held(&known->mutex);
    bool is_any = false;
    for (size_t i = 0; !is_any && i < touched_count(known); i++) {
        is_any = touched_at(known, i)->is_pending && is_meant(touched_at(known, i), prefix);
    }
    if (!is_any || lock_list(known, NULL) != FIRN_OK) {
        return;
    }
    int rc = fill_holes(known, NULL);
    for (size_t i = 0; rc == FIRN_OK && i < touched_count(known); i++) {
        if (touched_at(known, i)->is_pending && is_meant(touched_at(known, i), prefix)) {
            rc = state_entry(known, &lines, touched_at(known, i));
        }
    }
    if (rc == FIRN_OK && lines.size > 0) {
        FIRN_IGNORE(append(known, &lines, NULL));
    }
    unlock_list(known);
    firn_buf_deinit(&lines);
}

/* Their names are durable, and known to be so. */
static void
leave_touched(struct known *known, const struct firn_buf *prefix)
{
    size_t kept = 0;
    struct firn_os_known_list_entry **all = (void *)known->touched.data;
    for (size_t i = 0; i < touched_count(known); i++) {
        struct firn_os_known_list_entry *entry = all[i];
        entry->is_fresh = entry->is_fresh && !is_meant(entry, prefix);
        entry->is_touched = entry->is_fresh || entry->is_pending;
        if (entry->is_touched) {
            all[kept++] = entry;
        }
    }
    CHECK(firn_buf_set_size(&known->touched, kept * sizeof(void *)) == FIRN_OK); /* it shrinks */
}

static void
known_synced(struct firn_os_guard *guard, struct firn_os_dir *dir)
{
    struct known *known = known_of(guard);
    struct firn_buf prefix = {0};
    if (dir == NULL || firn_os_guard_path(dir, "", &prefix) == FIRN_OK) {
        firn_os_mutex_lock(&known->mutex);
        state_pending(known, dir == NULL ? NULL : &prefix);
        leave_touched(known, dir == NULL ? NULL : &prefix);
        firn_os_mutex_unlock(&known->mutex);
    }
    firn_buf_deinit(&prefix);
}

static void
known_destroy(struct firn_os_guard *guard)
{
    struct known *known = known_of(guard);
    if (known->is_read_once && known->may_write) { /* (I3) */
        firn_os_mutex_lock(&known->mutex);
        state_pending(known, NULL);
        firn_os_mutex_unlock(&known->mutex);
    }
    firn_os_file_close(known->file);
    firn_os_dir_close(known->notes);
    firn_os_known_list_deinit(&known->list);
    firn_buf_deinit(&known->touched);
    firn_os_mutex_deinit(&known->mutex);
    firn_free(known->list_name);
    firn_free(known);
}

static const struct firn_os_guard_ops known_ops = {
    .knows = known_knows,
    .check = known_check,
    .admit = known_admit,
    .settle = known_settle,
    .may_be_durable = known_may_be_durable,
    .sync = known_sync,
    .synced = known_synced,
    .destroy = known_destroy,
};

int
firn_os_known_guard(struct firn_os_dir *dir, const struct firn_os_known_rules *rules,
                    struct firn_os_dir *notes, const char *list, bool may_write, firn_error *err)
{
    struct known *known = firn_alloc_zeroed(sizeof *known);
    int rc;
    if (known == NULL) {
        firn_os_dir_close(notes);
        return no_memory(err);
    }
    known->base.ops = &known_ops;
    known->rules = rules;
    known->notes = notes;
    known->may_write = may_write;
    known->is_by_name = !firn_os_dir_keeps_identity(dir);
    firn_os_known_list_init(&known->list);
    firn_os_mutex_init(firn_os_dir_os(notes), &known->mutex, FIRN_LOCK_OS_KNOWN);
    known->list_name = firn_strdup(list);
    if (known->list_name == NULL) {
        rc = no_memory(err);
        goto out;
    }
    FIRN_TRY(read_all(known, err));
    known->is_read_once = true;
    firn_os_dir_set_guard(dir, &known->base);
    return FIRN_OK;
out:
    known_destroy(&known->base);
    return rc;
}

/* ---- taking what is there ---- */

struct walk {
    struct firn_os_dir *dir;
    const struct firn_os_known_rules *rules;
    struct firn_buf names; /* each with its NUL */
};

static int
keep_name(void *ctx, const struct firn_os_dirent *entry)
{
    struct walk *walk = ctx;
    return firn_buf_append(&walk->names, entry->name, entry->name_size + 1);
}

/* Adds what a directory has; `prefix` is "" or the path of the directory and a slash. */
static int
take_dir(struct firn_os_dir *dir, const char *prefix, const struct firn_os_known_rules *rules,
         struct firn_os_known_list *list, firn_error *err)
{
    struct walk walk = {.dir = dir, .rules = rules};
    struct firn_buf path = {0};
    int rc;
    FIRN_TRY(firn_os_guard_list(dir, keep_name, &walk, err));
    for (size_t at = 0; at < walk.names.size;) {
        const char *name = (const char *)walk.names.data + at;
        struct firn_os_stat stat;
        at += strlen(name) + 1;
        bool is_top = prefix[0] == '\0';
        if ((is_top && rules->is_beside(name)) || strchr(name, '\n') != NULL) {
            continue;
        }
        rc = firn_os_guard_stat(dir, name, &stat, err);
        if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && stat.kind != FIRN_OS_FILE)) {
            rc = FIRN_OK;
            continue;
        }
        FIRN_TRY(rc);
        firn_buf_clear(&path);
        const char *text = firn_buf_append_format(&path, "%s%s", prefix, name) == FIRN_OK
                               ? firn_buf_text(&path)
                               : NULL;
        struct firn_os_known_list_entry *entry =
            text != NULL ? firn_os_known_list_get(list, text) : NULL;
        if (entry == NULL) {
            rc = no_memory(err);
            goto out;
        }
        firn_os_known_list_add_id(entry, id_of(is_top && rules->is_loose(name) ? NULL : &stat));
    }
out:
    firn_buf_deinit(&walk.names);
    firn_buf_deinit(&path);
    return rc;
}

/* The same for the directories below. */
static int
take_dirs(struct firn_os_dir *dir, const struct firn_os_known_rules *rules,
          struct firn_os_known_list *list, firn_error *err)
{
    int rc = FIRN_OK;
    for (const char *const *name = rules->dirs; rc == FIRN_OK && *name != NULL; name++) {
        struct firn_os_dir *below = NULL;
        char prefix[64];
        rc = firn_os_dir_open(dir, *name, &below, err);
        if (rc == FIRN_NOT_FOUND) {
            rc = FIRN_OK;
            continue;
        }
        (void)snprintf(prefix, sizeof prefix, "%s/", *name);
        rc = rc == FIRN_OK ? take_dir(below, prefix, rules, list, err) : rc;
        firn_os_dir_close(below);
        if (rc == FIRN_OK) {
            struct firn_os_known_list_entry *entry = firn_os_known_list_get(list, *name);
            if (entry == NULL) {
                return no_memory(err);
            }
            firn_os_known_list_add_id(entry, id_of(NULL));
        }
    }
    return rc;
}

int
firn_os_known_take(struct firn_os_dir *dir, const struct firn_os_known_rules *rules,
                   struct firn_os_dir *notes, const char *list_name, firn_error *err)
{
    struct firn_os_known_list list;
    struct firn_buf bytes = {0};
    int rc = FIRN_OK;
    DCHECK(dir == NULL || firn_os_dir_guard(dir) == NULL);
    firn_os_known_list_init(&list);
    if (dir != NULL) {
        FIRN_TRY(take_dir(dir, "", rules, &list, err));
        FIRN_TRY(take_dirs(dir, rules, &list, err));
    }
    if (firn_os_known_list_write_all(&list, &bytes) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    rc = write_file(notes, list_name, firn_buf_slice(&bytes), err);
out:
    firn_buf_deinit(&bytes);
    firn_os_known_list_deinit(&list);
    return rc;
}

/* ---- looking at what is there ---- */

struct survey {
    struct known *known;
    int (*visit)(void *ctx, const char *path, bool is_replaced);
    void *ctx;
    firn_error *err;
    struct firn_os_dir *dir;
    const char *prefix; /* "" or the directory's path and a slash */
};

/* Whether a listing shows the entry of a known name as another file. Of a reused inode only
 * opening it tells. */
static bool
is_replaced_entry(const struct known *known, const struct firn_os_known_list_entry *entry,
                  const struct firn_os_dirent *found)
{
    struct firn_os_known_list_id any = {0};
    bool is_dir = is_dir_name(known, entry->path);
    if (found->kind != FIRN_OS_UNKNOWN && found->kind != (is_dir ? FIRN_OS_DIR : FIRN_OS_FILE)) {
        return true;
    }
    for (unsigned i = 0; i < entry->id_count; i++) {
        if (entry->ids[i].inode == found->inode) {
            return false;
        }
    }
    return !known->is_by_name && !firn_os_known_list_has(entry, any);
}

static int
survey_entry(void *ctx, const struct firn_os_dirent *found)
{
    struct survey *survey = ctx;
    struct known *known = survey->known;
    struct firn_os_known_list_entry *entry = NULL;
    struct firn_buf path = {0};
    bool is_replaced = false;
    const char *text = firn_buf_append_format(&path, "%s%s", survey->prefix, found->name) == FIRN_OK
                           ? firn_buf_text(&path)
                           : NULL;
    int rc = text == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    if (rc == FIRN_OK && !is_beside(known, text) && found->kind != FIRN_OS_SOCKET) {
        firn_os_mutex_lock(&known->mutex);
        rc = find_fresh(known, text, &entry, survey->err);
        if (entry != NULL) {
            entry->is_seen = true;
            is_replaced = is_replaced_entry(known, entry, found);
        }
        firn_os_mutex_unlock(&known->mutex);
        if (rc == FIRN_OK && (entry == NULL || is_replaced)) {
            rc = survey->visit(survey->ctx, text, is_replaced);
        }
    }
    firn_buf_deinit(&path);
    return rc;
}

static int
survey_dirs(struct survey *survey, firn_error *err)
{
    struct firn_os_dir *root = survey->dir;
    char prefix[64];
    int rc = firn_os_guard_list(root, survey_entry, survey, err);
    for (const char *const *name = survey->known->rules->dirs; rc == FIRN_OK && *name != NULL;
         name++) {
        struct firn_os_dir *below = NULL;
        rc = firn_os_dir_open(root, *name, &below, err);
        (void)snprintf(prefix, sizeof prefix, "%s/", *name);
        survey->prefix = prefix;
        survey->dir = below;
        rc = rc == FIRN_OK ? firn_os_guard_list(below, survey_entry, survey, err) : rc;
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
        firn_os_dir_close(below);
    }
    survey->prefix = "";
    survey->dir = root;
    return rc;
}

/* Whether an earlier process has admitted a name that has no entry. */
static bool
is_stale(const struct firn_os_known_list_entry *entry)
{
    return !entry->is_ours && !entry->is_seen && entry->id_count > 0;
}

static bool
has_stale(struct known *known)
{
    bool is_any = false;
    firn_os_mutex_lock(&known->mutex);
    for (size_t i = 0; !is_any && i < known->list.entries.count; i++) {
        is_any = is_stale(
            *(struct firn_os_known_list_entry **)firn_hash_map_at(&known->list.entries, i));
    }
    firn_os_mutex_unlock(&known->mutex);
    return is_any;
}

/* The path of the first stale name from *at on; NULL: there is none, or no memory. Allocated. */
static char *
next_stale(struct known *known, size_t *at, bool *out_is_any)
{
    char *path = NULL;
    firn_os_mutex_lock(&known->mutex);
    *out_is_any = false;
    for (; !*out_is_any && *at < known->list.entries.count; ++*at) {
        const struct firn_os_known_list_entry *entry =
            *(struct firn_os_known_list_entry **)firn_hash_map_at(&known->list.entries, *at);
        if (is_stale(entry)) {
            *out_is_any = true;
            path = firn_strdup(entry->path);
        }
    }
    firn_os_mutex_unlock(&known->mutex);
    return path;
}

/* Whether a path of the list has no entry. In doubt it has one. */
static bool
is_gone(struct firn_os_dir *root, char *path)
{
    struct firn_os_stat stat;
    struct firn_os_dir *below = NULL;
    char *slash = strrchr(path, '/');
    int rc = FIRN_OK;
    if (slash != NULL) {
        *slash = '\0';
        rc = firn_os_dir_open(root, path, &below, NULL);
        *slash = '/';
    }
    if (rc == FIRN_OK) {
        rc = firn_os_guard_stat(slash != NULL ? below : root, slash != NULL ? slash + 1 : path,
                                &stat, NULL);
    }
    firn_os_dir_close(below);
    return rc == FIRN_NOT_FOUND;
}

/* A listing may be older than the list. So each name that it did not have is looked for by itself before it is forgotten (I5). */
static int
look_for_stale(struct known *known, struct firn_os_dir *root, firn_error *err)
{
    size_t at = 0;
    bool is_any;
    for (char *path = next_stale(known, &at, &is_any); is_any;
         path = next_stale(known, &at, &is_any)) {
        if (path == NULL) {
            return no_memory(err);
        }
        if (!is_gone(root, path)) {
            firn_os_mutex_lock(&known->mutex);
            struct firn_os_known_list_entry *entry = firn_os_known_list_find(&known->list, path);
            if (entry != NULL) {
                entry->is_seen = true;
            }
            firn_os_mutex_unlock(&known->mutex);
        }
        firn_free(path);
    }
    return FIRN_OK;
}

/* Forgets stale names, and shortens the list. */
static int
tidy(struct known *known, firn_error *err)
{
    uint64_t live = 0;
    int rc = FIRN_OK;
    firn_os_mutex_assert_held(&known->mutex);
    for (size_t i = 0; i < known->list.entries.count; i++) {
        struct firn_os_known_list_entry *entry =
            *(struct firn_os_known_list_entry **)firn_hash_map_at(&known->list.entries, i);
        if (is_stale(entry)) {
            FIRN_TRY(touch(known, entry) == FIRN_OK ? FIRN_OK : no_memory(err));
            entry->id_count = 0;
            entry->is_pending = true;
        }
        live += entry->id_count == 0 ? 0 : BLOCK_SIZE / 32 + strlen(entry->path);
    }
    state_pending(known, NULL);
    if (has_hole(known) ||
        (known->list.end > SHORTEN_FROM && known->list.end > SHORTEN_FACTOR * live)) {
        FIRN_TRY(lock_list(known, err));
        rc = rewrite(known, err); /* which closes the file that was locked */
    }
out:
    return rc;
}

static int
sync_dirs(struct firn_os_dir *root, const struct firn_os_known_rules *rules, firn_error *err)
{
    int rc = firn_os_dir_sync(root, err);
    for (const char *const *name = rules->dirs; rc == FIRN_OK && *name != NULL; name++) {
        struct firn_os_dir *below = NULL;
        rc = firn_os_dir_open(root, *name, &below, err);
        rc = rc == FIRN_OK ? firn_os_dir_sync(below, err) : rc;
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
        firn_os_dir_close(below);
    }
    return rc;
}

int
firn_os_known_survey(struct firn_os_dir *dir, bool is_sole,
                     int (*visit)(void *ctx, const char *path, bool is_replaced), void *ctx,
                     firn_error *err)
{
    struct firn_os_guard *guard = firn_os_dir_guard(dir);
    int rc;
    if (guard == NULL) {
        return FIRN_OK;
    }
    struct known *known = known_of(guard);
    struct survey survey = {known, visit, ctx, err, dir, ""};
    /* What another process has admitted, while this one waited for the lock of the store, is known first. */
    firn_os_mutex_lock(&known->mutex);
    rc = refresh(known, err);
    firn_os_mutex_unlock(&known->mutex);
    FIRN_TRY(rc);
    FIRN_TRY(survey_dirs(&survey, err));
    if (is_sole && known->may_write) {
        FIRN_TRY(look_for_stale(known, dir, err));
        /* That these have no entry is durable before they are forgotten (I3). */
        FIRN_TRY(has_stale(known) ? sync_dirs(dir, known->rules, err) : FIRN_OK);
        firn_os_mutex_lock(&known->mutex);
        rc = tidy(known, err);
        firn_os_mutex_unlock(&known->mutex);
    }
out:
    return rc;
}
