/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_new.c: watches new directories before a save visits them.
 *
 * A save runs when a workspace has become quiet. While an archive is unpacked into a new directory,
 * the watched directory above it shows only that the new one was created. All further events would
 * be missed, and a save would run during the unpacking. So a directory that was created or moved
 * here is watched as soon as its event is read, and so are the directories in it.
 *
 * This affects only when a save runs. The directory is dirty until a save has visited it, as it
 * would be without this (checked by fi_watch_set_add), so nothing here can make a save miss a
 * change (I1). Failures are therefore ignored: no memory, no watch, a directory that is gone or
 * cannot be read. At worst a save then runs too early.
 *
 * A directory is listed after it is watched, so an entry made in it is listed or causes an event
 * (I2; not checked: it is the order of two calls). If both happen, it is watched a second time,
 * after its event.
 *
 * Directories that the rules exclude are not watched, and do not delay saves. The rules are asked
 * once for a directory, with the rule files above it as they are then; CACHEDIR.TAG files are not
 * looked for. If the answer changes later, the next save visits the directory, or it is forgotten.
 *
 * Bounds. One call of fi_watch_new_work looks at ROUND_MAX directories and leaves the rest to the
 * next call, because a watch has requests to serve meanwhile. The noted paths take at most
 * PATHS_SIZE_MAX bytes and one path. The directories noted last are looked at first, so the waiting
 * ones are siblings of those on one path from the root.
 */
#include "watch/watch_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"

enum { ROUND_MAX = 1024, PATHS_SIZE_MAX = 8 << 20 };

/* ---- the rules ---- */

static void
clear_rules(struct fi_watch_new *fresh)
{
    fi_rules_walk_destroy(fresh->ignore);
    fresh->ignore = NULL;
    fresh->scope = NULL;
}

/* Adds the rules of the rule files in one directory; a file that cannot be used is ignored. */
static int
watch_new_enter(struct fi_watch_new *fresh, struct fi_os_dir *dir, firn_slice path)
{
    struct fi_rules_walk_files files = {{NULL}};
    int rc = FIRN_OK;
    DCHECK(fresh->ignore != NULL && fresh->scope != NULL);
    for (int i = 1; i <= FI_RULES_LIST_KIND_COUNT && rc == FIRN_OK; i++) {
        const char *name = fi_rules_list_name((enum fi_rules_list_kind)i);
        enum fi_rules_list_kind kind;
        if (fi_rules_walk_is_rule_file(fresh->ignore, firn_str(name), path.size == 0, &kind)) {
            rc = fi_rules_read(dir, kind, NULL, NULL, &files.files[kind - 1], NULL);
            rc = rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
        }
    }
    if (rc == FIRN_OK) {
        rc = fi_rules_walk_enter(fresh->ignore, fresh->scope, path, &files, &fresh->scope, NULL);
    }
    fi_rules_walk_files_deinit(&files);
    return rc;
}

/* Steps through the prefixes of `path` that are directories, from the root down: *size is the size
 * of the current one. False after the whole path. */
static bool
next_prefix(firn_slice path, size_t *size)
{
    DCHECK(*size <= path.size);
    if (*size == path.size) {
        return false;
    }
    size_t from = *size == 0 ? 0 : *size + 1;
    const uint8_t *slash = memchr(path.data + from, '/', path.size - from);
    *size = slash == NULL ? path.size : (size_t)(slash - path.data);
    return true;
}

/* Sets fresh's rules to those in effect in `path`. */
static int
enter_all(struct fi_watch_new *fresh, struct fi_os_dir *root, firn_slice path)
{
    struct fi_buf text = {0};
    struct fi_os_dir *dir = NULL;
    struct fi_os_stat stat;
    size_t size = 0;
    bool is_more = true;
    int rc;
    clear_rules(fresh);
    FI_TRY(fi_buf_assign(&fresh->parent, path));
    FI_TRY(fi_rules_walk_create(fresh->os, &fresh->rules, &fresh->ignore, NULL));
    fresh->scope = fi_rules_walk_outermost(fresh->ignore);
    for (; is_more; is_more = next_prefix(path, &size)) {
        fi_os_dir_close(dir);
        dir = NULL;
        FI_TRY(fi_buf_assign(&text, firn_bytes(path.data, size)));
        FI_TRY(fi_buf_append_u8(&text, '\0'));
        FI_TRY(fi_os_dir_open_beneath(root, (const char *)text.data, &dir, NULL));
        FI_TRY(watch_new_enter(fresh, dir, firn_bytes(path.data, size)));
    }
    fresh->has_manifest =
        fi_os_stat(dir, "Cargo.toml", &stat, NULL) == FIRN_OK && stat.kind != FI_OS_DIR;
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc;
}

/* Whether a save that visits the parent of a directory would visit the directory, by the rules. */
static bool
is_wanted(struct fi_watch_new *fresh, struct fi_os_dir *root, firn_slice path)
{
    size_t name_at = path.size;
    while (name_at > 0 && path.data[name_at - 1] != '/') {
        name_at--;
    }
    firn_slice parent = firn_bytes(path.data, name_at == 0 ? 0 : name_at - 1);
    bool is_entered = fresh->ignore != NULL && fi_slice_equal(fi_buf_slice(&fresh->parent), parent);
    if (!is_entered && enter_all(fresh, root, parent) != FIRN_OK) {
        clear_rules(fresh);
        return false;
    }
    DCHECK(fresh->ignore != NULL && fi_slice_equal(fi_buf_slice(&fresh->parent), parent));
    struct fi_rules_walk_reason reason;
    const struct fi_rules_walk_entry entry = {.path = path,
                                              .name_size = path.size - name_at,
                                              .is_dir = true,
                                              .is_beside_manifest = fresh->has_manifest};
    return !fi_rules_assess(fresh->ignore, fresh->scope, &entry, &reason);
}

/* ---- directories ---- */

/* Appends the path of a name in a directory; all or nothing. */
static int
watch_new_push(struct fi_watch_new *fresh, firn_slice dir, firn_slice name)
{
    size_t before = fresh->paths.size;
    if (before > PATHS_SIZE_MAX) {
        return FIRN_LIMIT;
    }
    int rc;
    FI_TRY(fi_buf_append_slice(&fresh->paths, dir));
    if (dir.size > 0) {
        FI_TRY(fi_buf_append_u8(&fresh->paths, '/'));
    }
    FI_TRY(fi_buf_append_slice(&fresh->paths, name));
    FI_TRY(fi_buf_append_u8(&fresh->paths, '\0'));
out:
    fresh->paths.size = rc == FIRN_OK ? fresh->paths.size : before;
    return rc;
}

/* Removes the path noted last, with its NUL, and puts it into fresh->path. */
static int
watch_new_pop(struct fi_watch_new *fresh)
{
    DCHECK(fresh->paths.size > 0 && fresh->paths.data[fresh->paths.size - 1] == '\0');
    size_t at = fresh->paths.size - 1;
    while (at > 0 && fresh->paths.data[at - 1] != '\0') {
        at--;
    }
    int rc =
        fi_buf_assign(&fresh->path, firn_bytes(fresh->paths.data + at, fresh->paths.size - at));
    fresh->paths.size = at;
    return rc;
}

static int
on_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_watch_new *fresh = ctx;
    if (entry->kind != FI_OS_DIR && entry->kind != FI_OS_UNKNOWN) {
        return FIRN_OK;
    }
    const firn_slice dir = firn_bytes(fresh->path.data, fresh->path.size - 1);
    return watch_new_push(fresh, dir, firn_bytes(entry->name, entry->name_size));
}

/* Watches the directory that was popped, and notes those in it. */
static bool
watch_new_inspect(struct fi_watch_new *fresh, struct fi_watch_set *set, struct fi_os_dir *root)
{
    const firn_slice path = firn_bytes(fresh->path.data, fresh->path.size - 1);
    struct fi_os_dir *dir = NULL;
    DCHECK(fresh->path.size > 0 && fresh->path.data[path.size] == '\0');
    if (fi_os_dir_open_beneath(root, (const char *)fresh->path.data, &dir, NULL) != FIRN_OK) {
        return false; /* gone again, or was not a directory */
    }
    bool is_watched = is_wanted(fresh, root, path) && fi_watch_set_add(set, dir, path);
    if (is_watched) {
        FI_IGNORE(fi_os_dir_list(dir, on_entry, fresh, NULL)); /* (I2) */
    }
    fi_os_dir_close(dir);
    return is_watched;
}

/* ---- the whole ---- */

void
fi_watch_new_deinit(struct fi_watch_new *fresh)
{
    clear_rules(fresh);
    fi_buf_deinit(&fresh->paths);
    fi_buf_deinit(&fresh->path);
    fi_buf_deinit(&fresh->parent);
}

void
fi_watch_new_clear(struct fi_watch_new *fresh)
{
    fi_buf_clear(&fresh->paths);
}

void
fi_watch_new_note(struct fi_watch_new *fresh, struct fi_watch_set *set,
                  const struct fi_os_watch_event *event)
{
    firn_slice dir;
    if (event->kind == FI_OS_WATCH_NAMES && event->is_dir &&
        fi_watch_set_path(set, event->id, &dir)) {
        FI_IGNORE(watch_new_push(fresh, dir, firn_str(event->name)));
    }
}

bool
fi_watch_new_has_any(const struct fi_watch_new *fresh)
{
    return fresh->paths.size > 0;
}

bool
fi_watch_new_work(struct fi_watch_new *fresh, struct fi_watch_set *set, struct fi_os_dir *root)
{
    bool is_any = false;
    for (int i = 0; i < ROUND_MAX && fresh->paths.size > 0; i++) {
        if (watch_new_pop(fresh) == FIRN_OK && watch_new_inspect(fresh, set, root)) {
            is_any = true;
        }
    }
    clear_rules(fresh); /* they may change */
    return is_any;
}
