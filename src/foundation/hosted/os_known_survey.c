/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known_survey.c: a guarded directory as a whole: taking what is there for known, finding
 * what is not known, and forgetting names whose files are gone.
 *
 * A process that was killed leaves names in the list that have no entry: it said them before it
 * made the files. The next one that is alone forgets them.
 *
 * (I1) A name is forgotten only after it was looked for by itself, and has no entry: the list may
 *      be newer than a listing of the directory. That it has none is durable first. (Not checked:
 *      find_stale comes right before.)
 *
 * The directory is listed without the mutex, as the visitor is the caller's.
 */
#include "hosted/os_known_internal.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

/* ---- taking what is there ---- */

struct walk {
    struct fi_os_dir *dir;
    const struct fi_os_known_rules *rules;
    struct fi_buf names; /* each with its NUL */
};

static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct walk *walk = ctx;
    return fi_buf_append(&walk->names, entry->name, entry->name_size + 1);
}

/* Adds what a directory has; `prefix` is "" or the path of the directory and a slash. */
static int
take_dir(struct fi_os_dir *dir, const char *prefix, const struct fi_os_known_rules *rules,
         struct fi_os_known_list *list, firn_error *err)
{
    struct walk walk = {.dir = dir, .rules = rules};
    struct fi_buf path = {0};
    int rc;
    FI_TRY(fi_os_guard_list(dir, keep_name, &walk, err));
    for (size_t at = 0; at < walk.names.size;) {
        const char *name = (const char *)walk.names.data + at;
        struct fi_os_guard_entry found;
        at += strlen(name) + 1;
        bool is_top = prefix[0] == '\0';
        if ((is_top && rules->is_beside(name)) || strchr(name, '\n') != NULL) {
            continue;
        }
        rc = fi_os_guard_inspect(dir, name, &found, err);
        if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && found.stat.kind != FI_OS_FILE)) {
            rc = FIRN_OK;
            continue;
        }
        FI_TRY(rc);
        fi_buf_clear(&path);
        const char *text = fi_buf_append_format(&path, "%s%s", prefix, name) == FIRN_OK
                               ? fi_buf_text(&path)
                               : NULL;
        struct fi_os_known_list_entry *entry =
            text != NULL ? fi_os_known_list_get(list, text) : NULL;
        if (entry == NULL) {
            rc = fi_os_known_no_memory(err);
            goto out;
        }
        bool is_any = is_top && rules->is_loose(name);
        fi_os_known_list_add_id(entry, fi_os_known_id(rules, text, is_any ? NULL : &found));
    }
out:
    fi_buf_deinit(&walk.names);
    fi_buf_deinit(&path);
    return rc;
}

/* The same for the directories below. */
static int
take_dirs(struct fi_os_dir *dir, const struct fi_os_known_rules *rules,
          struct fi_os_known_list *list, firn_error *err)
{
    int rc = FIRN_OK;
    for (const char *const *name = rules->dirs; rc == FIRN_OK && *name != NULL; name++) {
        struct fi_os_dir *below = NULL;
        char prefix[64];
        rc = fi_os_dir_open(dir, *name, &below, err);
        if (rc == FIRN_NOT_FOUND) {
            rc = FIRN_OK;
            continue;
        }
        (void)snprintf(prefix, sizeof prefix, "%s/", *name);
        rc = rc == FIRN_OK ? take_dir(below, prefix, rules, list, err) : rc;
        fi_os_dir_close(below);
        if (rc == FIRN_OK) {
            struct fi_os_known_list_entry *entry = fi_os_known_list_get(list, *name);
            if (entry == NULL) {
                return fi_os_known_no_memory(err);
            }
            fi_os_known_list_add_id(entry, (struct fi_os_known_list_id){0});
        }
    }
    return rc;
}

int
fi_os_known_survey_take(struct fi_os_dir *dir, const struct fi_os_known_rules *rules,
                        struct fi_os_dir *notes, const char *list_name, firn_error *err)
{
    struct fi_os_known_list list;
    struct fi_buf bytes = {0};
    int rc = FIRN_OK;
    DCHECK(dir == NULL || fi_os_dir_guard(dir) == NULL);
    fi_os_known_list_init(&list);
    if (dir != NULL) {
        FI_TRY(take_dir(dir, "", rules, &list, err));
        FI_TRY(take_dirs(dir, rules, &list, err));
    }
    if (fi_os_known_list_write_all(&list, &bytes) != FIRN_OK) {
        rc = fi_os_known_no_memory(err);
        goto out;
    }
    rc = fi_os_known_file_write(notes, list_name, fi_buf_slice(&bytes), err);
out:
    fi_buf_deinit(&bytes);
    fi_os_known_list_deinit(&list);
    return rc;
}

/* ---- looking at what is there ---- */

struct survey {
    struct fi_os_known *known;
    int (*visit)(void *ctx, const char *path, bool is_replaced);
    void *ctx;
    firn_error *err;
    struct fi_os_dir *dir;
    const char *prefix; /* "" or the directory's path and a slash */
};

/* Whether a listing shows the entry of a known name as another file. Of a reused inode only
 * opening it tells. */
static bool
is_replaced_entry(const struct fi_os_known *known, const struct fi_os_known_list_entry *entry,
                  const struct fi_os_dirent *found)
{
    struct fi_os_known_list_id any = {0};
    bool is_dir = fi_os_known_is_dir(known, entry->path);
    if (found->kind != FI_OS_UNKNOWN && found->kind != (is_dir ? FI_OS_DIR : FI_OS_FILE)) {
        return true;
    }
    for (unsigned i = 0; i < entry->id_count; i++) {
        if (entry->ids[i].inode == found->inode) {
            return false;
        }
    }
    return !known->is_by_name && !fi_os_known_list_has(entry, any);
}

static int
survey_entry(void *ctx, const struct fi_os_dirent *found)
{
    struct survey *survey = ctx;
    struct fi_os_known *known = survey->known;
    struct fi_os_known_list_entry *entry = NULL;
    struct fi_buf path = {0};
    bool is_replaced = false;
    const char *text = fi_buf_append_format(&path, "%s%s", survey->prefix, found->name) == FIRN_OK
                           ? fi_buf_text(&path)
                           : NULL;
    int rc = text == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    if (rc == FIRN_OK && !fi_os_known_is_beside(known, text) && found->kind != FI_OS_SOCKET) {
        fi_os_mutex_lock(&known->mutex);
        rc = fi_os_known_find_fresh(known, text, &entry, survey->err);
        if (entry != NULL) {
            entry->is_seen = true;
            is_replaced = is_replaced_entry(known, entry, found);
        }
        fi_os_mutex_unlock(&known->mutex);
        if (rc == FIRN_OK && survey->visit != NULL && (entry == NULL || is_replaced)) {
            rc = survey->visit(survey->ctx, text, is_replaced);
        }
    }
    fi_buf_deinit(&path);
    return rc;
}

static int
survey_dirs(struct survey *survey, firn_error *err)
{
    struct fi_os_dir *root = survey->dir;
    char prefix[64];
    int rc = fi_os_guard_list(root, survey_entry, survey, err);
    for (const char *const *name = survey->known->rules->dirs; rc == FIRN_OK && *name != NULL;
         name++) {
        struct fi_os_dir *below = NULL;
        rc = fi_os_dir_open(root, *name, &below, err);
        (void)snprintf(prefix, sizeof prefix, "%s/", *name);
        survey->prefix = prefix;
        survey->dir = below;
        rc = rc == FIRN_OK ? fi_os_guard_list(below, survey_entry, survey, err) : rc;
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
        fi_os_dir_close(below);
    }
    survey->prefix = "";
    survey->dir = root;
    return rc;
}

static bool
has_stale(struct fi_os_known *known)
{
    bool is_any = false;
    fi_os_mutex_lock(&known->mutex);
    for (size_t i = 0; !is_any && i < known->list.entries.count; i++) {
        is_any = fi_os_known_is_stale(
            *(struct fi_os_known_list_entry **)fi_hash_map_at(&known->list.entries, i));
    }
    fi_os_mutex_unlock(&known->mutex);
    return is_any;
}

/* The path of the first stale name from *at on; NULL: there is none, or no memory. Allocated. */
static char *
next_stale(struct fi_os_known *known, size_t *at, bool *out_is_any)
{
    char *path = NULL;
    fi_os_mutex_lock(&known->mutex);
    *out_is_any = false;
    for (; !*out_is_any && *at < known->list.entries.count; ++*at) {
        const struct fi_os_known_list_entry *entry =
            *(struct fi_os_known_list_entry **)fi_hash_map_at(&known->list.entries, *at);
        if (fi_os_known_is_stale(entry)) {
            *out_is_any = true;
            path = fi_strdup(entry->path);
        }
    }
    fi_os_mutex_unlock(&known->mutex);
    return path;
}

/* Whether a path of the list has no entry. In doubt it has one. */
static bool
is_gone(struct fi_os_dir *root, char *path)
{
    struct fi_os_stat stat;
    struct fi_os_dir *below = NULL;
    char *slash = strrchr(path, '/');
    int rc = FIRN_OK;
    if (slash != NULL) {
        *slash = '\0';
        rc = fi_os_dir_open(root, path, &below, NULL);
        *slash = '/';
    }
    if (rc == FIRN_OK) {
        rc = fi_os_guard_stat(slash != NULL ? below : root, slash != NULL ? slash + 1 : path, &stat,
                              NULL);
    }
    fi_os_dir_close(below);
    return rc == FIRN_NOT_FOUND;
}

/* A listing may be older than the list. So each name that it did not have is looked for by itself
 * before it is forgotten (I1). */
static int
find_stale(struct fi_os_known *known, struct fi_os_dir *root, firn_error *err)
{
    size_t at = 0;
    bool is_any;
    for (char *path = next_stale(known, &at, &is_any); is_any;
         path = next_stale(known, &at, &is_any)) {
        if (path == NULL) {
            return fi_os_known_no_memory(err);
        }
        if (!is_gone(root, path)) {
            fi_os_mutex_lock(&known->mutex);
            struct fi_os_known_list_entry *entry = fi_os_known_list_find(&known->list, path);
            if (entry != NULL) {
                entry->is_seen = true;
            }
            fi_os_mutex_unlock(&known->mutex);
        }
        fi_free(path);
    }
    return FIRN_OK;
}

static int
sync_dirs(struct fi_os_dir *root, const struct fi_os_known_rules *rules, firn_error *err)
{
    int rc = fi_os_dir_sync(root, err);
    for (const char *const *name = rules->dirs; rc == FIRN_OK && *name != NULL; name++) {
        struct fi_os_dir *below = NULL;
        rc = fi_os_dir_open(root, *name, &below, err);
        rc = rc == FIRN_OK ? fi_os_dir_sync(below, err) : rc;
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
        fi_os_dir_close(below);
    }
    return rc;
}

int
fi_os_known_survey(struct fi_os_dir *dir, bool is_sole,
                   int (*visit)(void *ctx, const char *path, bool is_replaced), void *ctx,
                   firn_error *err)
{
    struct fi_os_guard *guard = fi_os_dir_guard(dir);
    int rc;
    if (guard == NULL) {
        return FIRN_OK;
    }
    struct fi_os_known *known = fi_os_known_of(guard);
    struct survey survey = {known, visit, ctx, err, dir, ""};
    /* What another process has admitted, while this one waited for the lock of the store, is known
     * first. */
    fi_os_mutex_lock(&known->mutex);
    rc = fi_os_known_file_refresh(known, err);
    fi_os_mutex_unlock(&known->mutex);
    FI_TRY(rc);
    FI_TRY(survey_dirs(&survey, err));
    if (is_sole && known->may_write) {
        FI_TRY(find_stale(known, dir, err));
        /* That these have no entry is durable before they are forgotten (I1). */
        FI_TRY(has_stale(known) ? sync_dirs(dir, known->rules, err) : FIRN_OK);
        fi_os_mutex_lock(&known->mutex);
        rc = fi_os_known_tidy_locked(known, err);
        fi_os_mutex_unlock(&known->mutex);
    }
out:
    return rc;
}
