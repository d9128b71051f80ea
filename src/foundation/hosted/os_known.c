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
 * power cut may bring the entry back (I3). (Not checked here: the tests cut the power at each
 * call.) So if a power cut takes the line of a name, the code above sees what it would see if the
 * power cut had taken the name itself.
 *
 * Processes. Several may read the list, and those that wait for the lock of a store may admit its
 * names too (os_known_file.c).
 *
 * What a file begins with. A program may write another store's files over these without making new
 * ones. So the list also has a hash of the first bytes of files that begin with random numbers and
 * do not change there, as they are when such a file gets its name; opening one compares them.
 *
 * On overlayfs, inode and time of birth change when a file of a lower layer is first written to.
 * There a regular file is known by its name.
 *
 * Foreign entries. If a name is needed that something else has, that is renamed to the first free
 * "foreign-<n>-<name>", which is never admitted: nothing is overwritten or removed (I4).
 *
 * Locking: one mutex. It is held during the calls for the list, which are short: some appended
 * bytes. Only sync waits for the disk under it; names are admitted seldom enough.
 *
 * Memory: the list (os_known_file.c has the maximum of its size).
 */
#include "hosted/os_known_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"

enum {
    SHORTEN_FROM = 64 << 10, /* a list of fewer bytes is not shortened */
    SHORTEN_FACTOR = 4,
    ASIDE_MAX = 10000
};

static const struct fi_os_guard_ops known_ops;

struct fi_os_known *
fi_os_known_of(struct fi_os_guard *guard)
{
    DCHECK(guard->ops == &known_ops);
    return (struct fi_os_known *)(void *)guard;
}

static struct fi_os_known_list_id
id_of(const struct fi_os_stat *stat)
{
    return stat == NULL ? (struct fi_os_known_list_id){0}
                        : (struct fi_os_known_list_id){stat->inode, stat->btime_ns, 0};
}

/* The hash of what a file begins with; 0 if that does not count for this path, or was not read. */
static uint64_t
head_of(const struct fi_os_known_rules *rules, const char *path,
        const struct fi_os_guard_entry *entry)
{
    firn_hash hash;
    if (entry->head_size == 0 || !rules->is_headed(path)) {
        return 0;
    }
    fi_blake3_hash_of(entry->head, entry->head_size, &hash);
    return fi_load_le64(hash.bytes);
}

struct fi_os_known_list_id
fi_os_known_id(const struct fi_os_known_rules *rules, const char *path,
               const struct fi_os_guard_entry *entry)
{
    struct fi_os_known_list_id id = id_of(entry == NULL ? NULL : &entry->stat);
    id.head = entry == NULL ? 0 : head_of(rules, path, entry);
    return id;
}

/* ---- what is known ---- */

bool
fi_os_known_is_dir(const struct fi_os_known *known, const char *path)
{
    for (const char *const *name = known->rules->dirs; *name != NULL; name++) {
        if (strcmp(*name, path) == 0) {
            return true;
        }
    }
    return false;
}

bool
fi_os_known_is_beside(const struct fi_os_known *known, const char *path)
{
    return strchr(path, '/') == NULL && known->rules->is_beside(path);
}

/* Whether a file has no contents that anything could need. */
static bool
is_loose(const struct fi_os_known *known, const char *path)
{
    return strchr(path, '/') == NULL && known->rules->is_loose(path);
}

/* Whether what has these attributes is what the entry says. */
static bool
is_own(const struct fi_os_known *known, const struct fi_os_known_list_entry *entry,
       const struct fi_os_stat *stat)
{
    struct fi_os_known_list_id any = {0};
    if (stat->kind == FI_OS_SOCKET) { /* it has no contents, and comes with no tree */
        return true;
    }
    if (entry->id_count == 0 ||
        (stat->kind == FI_OS_DIR) != fi_os_known_is_dir(known, entry->path) ||
        (stat->kind != FI_OS_DIR && stat->kind != FI_OS_FILE)) {
        return false;
    }
    return known->is_by_name || fi_os_known_list_has(entry, any) ||
           fi_os_known_list_has(entry, id_of(stat));
}

/* Whether what an own file begins with is not what it began with when it got its name. */
static bool
is_overwritten(const struct fi_os_known *known, const struct fi_os_known_list_entry *entry,
               const struct fi_os_guard_entry *found)
{
    uint64_t head = head_of(known->rules, entry->path, found);
    const struct fi_os_known_list_id *id = fi_os_known_list_id_of(entry, id_of(&found->stat));
    if (head == 0) {
        return false;
    }
    if (id != NULL || !known->is_by_name) {
        return id != NULL && id->head != 0 && id->head != head;
    }
    bool is_any = entry->ids[0].head == head; /* any of these files may be the one */
    for (unsigned i = 0; !is_any && i < entry->id_count; i++) {
        is_any = entry->ids[i].head == 0 || entry->ids[i].head == head;
    }
    return !is_any;
}

/* The entry of a path whose name is known; NULL if it is not. */
static struct fi_os_known_list_entry *
os_known_find(struct fi_os_known *known, const char *path)
{
    struct fi_os_known_list_entry *entry = fi_os_known_list_find(&known->list, path);
    fi_os_mutex_assert_held(&known->mutex);
    return entry != NULL && entry->id_count > 0 ? entry : NULL;
}

int
fi_os_known_find_fresh(struct fi_os_known *known, const char *path,
                       struct fi_os_known_list_entry **out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = os_known_find(known, path);
    if (*out == NULL) {
        rc = fi_os_known_file_refresh(known, err);
        *out = rc == FIRN_OK ? os_known_find(known, path) : NULL;
    }
    return rc;
}

static int
refuse_foreign(struct fi_os_dir *dir, const char *name, int code, firn_error *err)
{
    return fi_error_set(err, code,
                        "'%.600s/%.100s' is there, but firn did not make it here: firn trust "
                        "accepts the files that are there",
                        fi_os_dir_path(dir), name);
}

static int
known_knows(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name, firn_error *err)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    struct fi_os_known_list_entry *entry = NULL;
    struct fi_buf path = {0};
    const char *text = fi_os_guard_path(dir, name, &path) == FIRN_OK ? fi_buf_text(&path) : NULL;
    int rc = text == NULL ? fi_os_known_no_memory(err) : FIRN_OK;
    if (rc == FIRN_OK && !fi_os_known_is_beside(known, text)) {
        fi_os_mutex_lock(&known->mutex);
        rc = fi_os_known_find_fresh(known, text, &entry, err);
        fi_os_mutex_unlock(&known->mutex);
        if (rc == FIRN_OK && entry == NULL) {
            rc = refuse_foreign(dir, name, FIRN_NOT_FOUND, err);
        }
    }
    fi_buf_deinit(&path);
    return rc;
}

static int
refuse_replaced(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    return fi_error_set(err, FIRN_UNTRUSTED,
                        "'%.600s/%.100s' is not the file that firn made: something else has "
                        "replaced it (git, an archive); firn trust accepts the files that are "
                        "there",
                        fi_os_dir_path(dir), name);
}

static int
refuse_overwritten(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    return fi_error_set(err, FIRN_UNTRUSTED,
                        "'%.600s/%.100s' has been overwritten by something else: restore it from "
                        "a backup; firn trust accepts the files that are there",
                        fi_os_dir_path(dir), name);
}

/* Whether a name does not lead to a file any more that was opened by it: another process has
 * removed it, and the list may know that already. */
static bool
has_gone(struct fi_os_dir *dir, const char *name, const struct fi_os_stat *stat)
{
    struct fi_os_stat now;
    int rc = fi_os_guard_stat(dir, name, &now, NULL);
    return rc == FIRN_NOT_FOUND ||
           (rc == FIRN_OK && (now.inode != stat->inode || now.btime_ns != stat->btime_ns));
}

/* What the list says of an entry. */
enum verdict { IS_OWN, IS_UNKNOWN, IS_REPLACED, IS_OVERWRITTEN };

static enum verdict
os_known_assess(struct fi_os_known *known, const char *path, const struct fi_os_guard_entry *found)
{
    const struct fi_os_known_list_entry *entry = os_known_find(known, path);
    return entry == NULL                         ? IS_UNKNOWN
           : !is_own(known, entry, &found->stat) ? IS_REPLACED
           : is_overwritten(known, entry, found) ? IS_OVERWRITTEN
                                                 : IS_OWN;
}

static int
assess_fresh(struct fi_os_known *known, const char *path, const struct fi_os_guard_entry *found,
             enum verdict *out, firn_error *err)
{
    struct fi_os_known_list_entry *entry;
    *out = IS_UNKNOWN;
    FI_TRY_RETURN(fi_os_known_find_fresh(known, path, &entry, err));
    *out = os_known_assess(known, path, found);
    if (*out == IS_REPLACED) { /* it may have been renamed meanwhile */
        FI_TRY_RETURN(fi_os_known_file_refresh(known, err));
        *out = os_known_assess(known, path, found);
    }
    return FIRN_OK;
}

static int
known_check(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
            const struct fi_os_guard_entry *found, bool is_needed, firn_error *err)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    enum verdict verdict = IS_OWN;
    struct fi_buf path = {0};
    int rc = fi_os_guard_path(dir, name, &path);
    const char *text = rc == FIRN_OK ? fi_buf_text(&path) : NULL;
    if (text == NULL) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    if (fi_os_known_is_beside(known, text) || found->stat.kind == FI_OS_SOCKET) {
        goto out;
    }
    fi_os_mutex_lock(&known->mutex);
    rc = assess_fresh(known, text, found, &verdict, err);
    fi_os_mutex_unlock(&known->mutex);
    FI_TRY(rc);
    if (verdict != IS_OWN && is_needed && has_gone(dir, name, &found->stat)) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "'%.700s/%.100s' has just been removed",
                          fi_os_dir_path(dir), name);
    } else if (verdict == IS_UNKNOWN) {
        bool matters = is_needed && !is_loose(known, text);
        rc = refuse_foreign(dir, name, matters ? FIRN_UNTRUSTED : FIRN_NOT_FOUND, err);
    } else if (verdict == IS_REPLACED) {
        rc = refuse_replaced(dir, name, err);
    } else if (verdict == IS_OVERWRITTEN) {
        rc = refuse_overwritten(dir, name, err);
    }
out:
    fi_buf_deinit(&path);
    return rc;
}

/* ---- admitting ---- */

/* (I4) */
static int
move_aside(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    enum { NAME_SIZE = 256, KEPT = 220 };
    char aside[NAME_SIZE];
    int rc = FIRN_EXISTS;
    for (unsigned i = 1; rc == FIRN_EXISTS && i <= ASIDE_MAX; i++) {
        (void)snprintf(aside, sizeof aside, "foreign-%u-%.*s", i, KEPT, name);
        rc = fi_os_guard_rename(dir, name, aside, err);
    }
    return rc;
}

/* Whether something has the name that does not count. */
static int
is_taken(struct fi_os_known *known, struct fi_os_dir *dir, const char *name, const char *path,
         bool *out, bool *out_exists, firn_error *err)
{
    struct fi_os_stat stat;
    struct fi_os_known_list_entry *entry = os_known_find(known, path);
    int rc = fi_os_guard_stat(dir, name, &stat, err);
    *out_exists = rc == FIRN_OK;
    *out = rc == FIRN_OK && stat.kind != FI_OS_SOCKET &&
           (entry == NULL || !is_own(known, entry, &stat));
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Requires: the list is locked, and has no hole. */
static int
admit_locked(struct fi_os_known *known, struct fi_os_dir *dir, const char *name, const char *path,
             const struct fi_os_guard_entry *coming, firn_error *err)
{
    struct fi_buf lines = {0};
    bool is_foreign;
    bool exists;
    int rc;
    FI_TRY(is_taken(known, dir, name, path, &is_foreign, &exists, err));
    if (is_foreign) {
        FI_TRY(move_aside(dir, name, err));
        exists = false;
    }
    struct fi_os_known_list_entry *entry = fi_os_known_list_get(&known->list, path);
    if (entry == NULL) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    if (!exists) { /* what it was before is gone */
        entry->id_count = 0;
    }
    entry->is_fresh = entry->is_fresh || entry->id_count == 0;
    fi_os_known_list_add_id(entry, fi_os_known_id(known->rules, path, coming));
    entry->is_ours = true;
    if (fi_os_known_touch(known, entry) != FIRN_OK ||
        fi_os_known_file_state(known, &lines, entry) != FIRN_OK) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    rc = fi_os_known_file_append(known, &lines, err);
out:
    fi_buf_deinit(&lines);
    return rc;
}

/* Whether nothing has to be done: the entry is known, and what has the name counts. */
static int
is_admitted(struct fi_os_known *known, struct fi_os_dir *dir, const char *name, const char *path,
            const struct fi_os_guard_entry *coming, bool *out, firn_error *err)
{
    const struct fi_os_known_list_id id = fi_os_known_id(known->rules, path, coming);
    struct fi_os_known_list_entry *entry = NULL;
    bool is_foreign = true;
    bool exists = false;
    *out = false;
    FI_TRY_RETURN(fi_os_known_find_fresh(known, path, &entry, err));
    FI_TRY_RETURN(is_taken(known, dir, name, path, &is_foreign, &exists, err));
    const struct fi_os_known_list_id *same =
        entry == NULL ? NULL : fi_os_known_list_id_of(entry, id);
    bool is_ready = coming == NULL ? entry != NULL && (exists || same != NULL)
                                   : same != NULL && same->head == id.head;
    *out = is_ready && !is_foreign && !entry->is_pending;
    if (*out) {
        entry->is_ours = true;
    }
    return FIRN_OK;
}

static int
known_admit(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
            const struct fi_os_guard_entry *coming, firn_error *err)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    struct fi_buf path = {0};
    bool is_done = false;
    int rc = fi_os_guard_path(dir, name, &path);
    const char *text = rc == FIRN_OK ? fi_buf_text(&path) : NULL;
    if (text == NULL) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    if (fi_os_known_is_beside(known, text)) {
        goto out;
    }
    if (strchr(text, '\n') != NULL || path.size > FI_OS_KNOWN_LIST_PATH_SIZE_MAX) {
        rc = fi_error_set(err, FIRN_INVALID, "'%.255s' cannot be the name of a store's file", name);
        goto out;
    }
    fi_os_mutex_lock(&known->mutex);
    rc = is_admitted(known, dir, name, text, coming, &is_done, err);
    if (rc == FIRN_OK && !is_done) {
        rc = fi_os_known_file_lock(known, err);
        if (rc == FIRN_OK) {
            rc = fi_os_known_file_fill_holes(known, err);
            rc = rc == FIRN_OK ? admit_locked(known, dir, name, text, coming, err) : rc;
            fi_os_known_file_unlock(known);
        }
    }
    fi_os_mutex_unlock(&known->mutex);
out:
    fi_buf_deinit(&path);
    return rc;
}

static void
known_resolve(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
              const struct fi_os_stat *now)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    struct fi_buf path = {0};
    const char *text = fi_os_guard_path(dir, name, &path) == FIRN_OK ? fi_buf_text(&path) : NULL;
    if (text != NULL && !fi_os_known_is_beside(known, text)) {
        fi_os_mutex_lock(&known->mutex);
        struct fi_os_known_list_entry *entry = os_known_find(known, text);
        bool is_stated = entry != NULL && now != NULL && !entry->is_pending &&
                         entry->id_count == 1 && fi_os_known_list_has(entry, id_of(now));
        /* Without memory it stays known as what it was: an error, where it matters, not a loss. */
        if (entry != NULL && !is_stated && fi_os_known_touch(known, entry) == FIRN_OK) {
            struct fi_os_known_list_id id = id_of(now);
            const struct fi_os_known_list_id *admitted = fi_os_known_list_id_of(entry, id);
            id.head = admitted != NULL ? admitted->head : 0;
            entry->id_count = 0;
            if (now != NULL) {
                fi_os_known_list_add_id(entry, id);
            }
            entry->is_ours = true;
            entry->is_pending = true;
        }
        fi_os_mutex_unlock(&known->mutex);
    }
    fi_buf_deinit(&path);
}

static bool
known_may_be_durable(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    struct fi_buf path = {0};
    const char *text = fi_os_guard_path(dir, name, &path) == FIRN_OK ? fi_buf_text(&path) : NULL;
    bool is_fresh = false;
    if (text != NULL) {
        fi_os_mutex_lock(&known->mutex);
        struct fi_os_known_list_entry *entry = os_known_find(known, text);
        is_fresh = entry != NULL && entry->is_fresh;
        fi_os_mutex_unlock(&known->mutex);
    }
    fi_buf_deinit(&path);
    return !is_fresh;
}

static int
known_sync(struct fi_os_guard *guard, firn_error *err)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    int rc = FIRN_OK;
    fi_os_mutex_lock(&known->mutex);
    if (known->is_dirty) {
        rc = fi_os_file_sync(known->file, err);
        if (rc == FIRN_OK) {
            known->is_dirty = false;
            known->list.synced = known->list.next - 1; /* lines of others come after ours */
        }
    }
    fi_os_mutex_unlock(&known->mutex);
    return rc;
}

/* Whether a path is directly below a directory; `prefix` is its path with a slash, or "". */
static bool
is_in(const char *path, const struct fi_buf *prefix)
{
    return strncmp(path, (const char *)prefix->data, prefix->size) == 0 &&
           strchr(path + prefix->size, '/') == NULL;
}

/* Whether something touched is in a directory; prefix NULL: in any. */
static bool
is_meant(const struct fi_os_known_list_entry *entry, const struct fi_buf *prefix)
{
    return prefix == NULL || is_in(entry->path, prefix);
}

static struct fi_os_known_list_entry *
touched_at(const struct fi_os_known *known, size_t i)
{
    return ((struct fi_os_known_list_entry *const *)(const void *)known->touched.data)[i];
}

static size_t
touched_count(const struct fi_os_known *known)
{
    return known->touched.size / sizeof(struct fi_os_known_list_entry *);
}

/* Appends what is pending of a directory, or all. Failures leave it pending: a name that is known
 * too long does little harm. */
static void
state_pending(struct fi_os_known *known, const struct fi_buf *prefix)
{
    struct fi_buf lines = {0};
    fi_os_mutex_assert_held(&known->mutex);
    bool is_any = false;
    for (size_t i = 0; !is_any && i < touched_count(known); i++) {
        is_any = touched_at(known, i)->is_pending && is_meant(touched_at(known, i), prefix);
    }
    if (!is_any || fi_os_known_file_lock(known, NULL) != FIRN_OK) {
        return;
    }
    int rc = fi_os_known_file_fill_holes(known, NULL);
    for (size_t i = 0; rc == FIRN_OK && i < touched_count(known); i++) {
        if (touched_at(known, i)->is_pending && is_meant(touched_at(known, i), prefix)) {
            rc = fi_os_known_file_state(known, &lines, touched_at(known, i));
        }
    }
    if (rc == FIRN_OK && lines.size > 0) {
        FI_IGNORE(fi_os_known_file_append(known, &lines, NULL));
    }
    fi_os_known_file_unlock(known);
    fi_buf_deinit(&lines);
}

/* Their names are durable, and known to be so. */
static void
leave_touched(struct fi_os_known *known, const struct fi_buf *prefix)
{
    size_t kept = 0;
    struct fi_os_known_list_entry **all = (void *)known->touched.data;
    for (size_t i = 0; i < touched_count(known); i++) {
        struct fi_os_known_list_entry *entry = all[i];
        entry->is_fresh = entry->is_fresh && !is_meant(entry, prefix);
        entry->is_touched = entry->is_fresh || entry->is_pending;
        if (entry->is_touched) {
            all[kept++] = entry;
        }
    }
    CHECK(fi_buf_set_size(&known->touched, kept * sizeof(void *)) == FIRN_OK); /* it shrinks */
}

static void
known_synced(struct fi_os_guard *guard, struct fi_os_dir *dir)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    struct fi_buf prefix = {0};
    if (dir == NULL || fi_os_guard_path(dir, "", &prefix) == FIRN_OK) {
        fi_os_mutex_lock(&known->mutex);
        state_pending(known, dir == NULL ? NULL : &prefix);
        leave_touched(known, dir == NULL ? NULL : &prefix);
        fi_os_mutex_unlock(&known->mutex);
    }
    fi_buf_deinit(&prefix);
}

static void
known_destroy(struct fi_os_guard *guard)
{
    struct fi_os_known *known = fi_os_known_of(guard);
    if (known->is_read_once && known->may_write) { /* (I3) */
        fi_os_mutex_lock(&known->mutex);
        state_pending(known, NULL);
        fi_os_mutex_unlock(&known->mutex);
    }
    fi_os_file_close(known->file);
    fi_os_dir_close(known->notes);
    fi_os_known_list_deinit(&known->list);
    fi_buf_deinit(&known->touched);
    fi_os_mutex_deinit(&known->mutex);
    fi_free(known->list_name);
    fi_free(known);
}

/* ---- for the survey ---- */

int
fi_os_known_tidy_locked(struct fi_os_known *known, firn_error *err)
{
    uint64_t live = 0;
    int rc = FIRN_OK;
    fi_os_mutex_assert_held(&known->mutex);
    for (size_t i = 0; i < known->list.entries.count; i++) {
        struct fi_os_known_list_entry *entry =
            *(struct fi_os_known_list_entry **)fi_hash_map_at(&known->list.entries, i);
        if (fi_os_known_is_stale(entry)) {
            FI_TRY(fi_os_known_touch(known, entry) == FIRN_OK ? FIRN_OK
                                                              : fi_os_known_no_memory(err));
            entry->id_count = 0;
            entry->is_pending = true;
        }
        live += entry->id_count == 0 ? 0 : FI_OS_KNOWN_BLOCK_SIZE / 32 + strlen(entry->path);
    }
    state_pending(known, NULL);
    if (fi_os_known_file_has_hole(known) ||
        (known->list.end > SHORTEN_FROM && known->list.end > SHORTEN_FACTOR * live)) {
        FI_TRY(fi_os_known_file_lock(known, err));
        rc = fi_os_known_file_rewrite(known, err); /* which closes the file that was locked */
    }
out:
    return rc;
}

static const struct fi_os_guard_ops known_ops = {
    .knows = known_knows,
    .check = known_check,
    .admit = known_admit,
    .settle = known_resolve,
    .may_be_durable = known_may_be_durable,
    .sync = known_sync,
    .synced = known_synced,
    .destroy = known_destroy,
};

int
fi_os_known_guard(struct fi_os_dir *dir, const struct fi_os_known_rules *rules,
                  struct fi_os_dir *notes, const char *list, bool may_write, firn_error *err)
{
    struct fi_os_known *known = fi_alloc_zeroed(sizeof *known);
    int rc;
    if (known == NULL) {
        fi_os_dir_close(notes);
        return fi_os_known_no_memory(err);
    }
    known->base.ops = &known_ops;
    known->rules = rules;
    known->notes = notes;
    known->may_write = may_write;
    known->is_by_name = !fi_os_dir_keeps_identity(dir);
    fi_os_known_list_init(&known->list);
    fi_os_mutex_init(fi_os_dir_os(notes), &known->mutex, FI_LOCK_OS_KNOWN);
    known->list_name = fi_strdup(list);
    if (known->list_name == NULL) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    FI_TRY(fi_os_known_file_open(known, err));
    known->is_read_once = true;
    fi_os_dir_set_guard(dir, &known->base);
    return FIRN_OK;
out:
    known_destroy(&known->base);
    return rc;
}
