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
 *      look_for_stale comes right before.)
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
        struct firn_os_guard_entry found;
        at += strlen(name) + 1;
        bool is_top = prefix[0] == '\0';
        if ((is_top && rules->is_beside(name)) || strchr(name, '\n') != NULL) {
            continue;
        }
        rc = firn_os_guard_look(dir, name, &found, err);
        if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && found.stat.kind != FIRN_OS_FILE)) {
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
            rc = firn_os_known_no_memory(err);
            goto out;
        }
        bool is_any = is_top && rules->is_loose(name);
        firn_os_known_list_add_id(entry, firn_os_known_id(rules, text, is_any ? NULL : &found));
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
                return firn_os_known_no_memory(err);
            }
            firn_os_known_list_add_id(entry, (struct firn_os_known_list_id){0});
        }
    }
    return rc;
}

int
firn_os_known_survey_take(struct firn_os_dir *dir, const struct firn_os_known_rules *rules,
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
        rc = firn_os_known_no_memory(err);
        goto out;
    }
    rc = firn_os_known_file_write(notes, list_name, firn_buf_slice(&bytes), err);
out:
    firn_buf_deinit(&bytes);
    firn_os_known_list_deinit(&list);
    return rc;
}

/* ---- looking at what is there ---- */

struct survey {
    struct firn_os_known *known;
    int (*visit)(void *ctx, const char *path, bool is_replaced);
    void *ctx;
    firn_error *err;
    struct firn_os_dir *dir;
    const char *prefix; /* "" or the directory's path and a slash */
};

/* Whether a listing shows the entry of a known name as another file. Of a reused inode only
 * opening it tells. */
static bool
is_replaced_entry(const struct firn_os_known *known, const struct firn_os_known_list_entry *entry,
                  const struct firn_os_dirent *found)
{
    struct firn_os_known_list_id any = {0};
    bool is_dir = firn_os_known_is_dir(known, entry->path);
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
    struct firn_os_known *known = survey->known;
    struct firn_os_known_list_entry *entry = NULL;
    struct firn_buf path = {0};
    bool is_replaced = false;
    const char *text = firn_buf_append_format(&path, "%s%s", survey->prefix, found->name) == FIRN_OK
                           ? firn_buf_text(&path)
                           : NULL;
    int rc = text == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    if (rc == FIRN_OK && !firn_os_known_is_beside(known, text) && found->kind != FIRN_OS_SOCKET) {
        firn_os_mutex_lock(&known->mutex);
        rc = firn_os_known_find_fresh(known, text, &entry, survey->err);
        if (entry != NULL) {
            entry->is_seen = true;
            is_replaced = is_replaced_entry(known, entry, found);
        }
        firn_os_mutex_unlock(&known->mutex);
        if (rc == FIRN_OK && survey->visit != NULL && (entry == NULL || is_replaced)) {
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

static bool
has_stale(struct firn_os_known *known)
{
    bool is_any = false;
    firn_os_mutex_lock(&known->mutex);
    for (size_t i = 0; !is_any && i < known->list.entries.count; i++) {
        is_any = firn_os_known_is_stale(
            *(struct firn_os_known_list_entry **)firn_hash_map_at(&known->list.entries, i));
    }
    firn_os_mutex_unlock(&known->mutex);
    return is_any;
}

/* The path of the first stale name from *at on; NULL: there is none, or no memory. Allocated. */
static char *
next_stale(struct firn_os_known *known, size_t *at, bool *out_is_any)
{
    char *path = NULL;
    firn_os_mutex_lock(&known->mutex);
    *out_is_any = false;
    for (; !*out_is_any && *at < known->list.entries.count; ++*at) {
        const struct firn_os_known_list_entry *entry =
            *(struct firn_os_known_list_entry **)firn_hash_map_at(&known->list.entries, *at);
        if (firn_os_known_is_stale(entry)) {
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

/* A listing may be older than the list. So each name that it did not have is looked for by itself
 * before it is forgotten (I1). */
static int
look_for_stale(struct firn_os_known *known, struct firn_os_dir *root, firn_error *err)
{
    size_t at = 0;
    bool is_any;
    for (char *path = next_stale(known, &at, &is_any); is_any;
         path = next_stale(known, &at, &is_any)) {
        if (path == NULL) {
            return firn_os_known_no_memory(err);
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
    struct firn_os_known *known = firn_os_known_of(guard);
    struct survey survey = {known, visit, ctx, err, dir, ""};
    /* What another process has admitted, while this one waited for the lock of the store, is known
     * first. */
    firn_os_mutex_lock(&known->mutex);
    rc = firn_os_known_file_refresh(known, err);
    firn_os_mutex_unlock(&known->mutex);
    FIRN_TRY(rc);
    FIRN_TRY(survey_dirs(&survey, err));
    if (is_sole && known->may_write) {
        FIRN_TRY(look_for_stale(known, dir, err));
        /* That these have no entry is durable before they are forgotten (I1). */
        FIRN_TRY(has_stale(known) ? sync_dirs(dir, known->rules, err) : FIRN_OK);
        firn_os_mutex_lock(&known->mutex);
        rc = firn_os_known_tidy_locked(known, err);
        firn_os_mutex_unlock(&known->mutex);
    }
out:
    return rc;
}
