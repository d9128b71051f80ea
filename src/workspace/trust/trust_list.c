/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_list.c: all stores inside of trees that this user made or trusts: showing them,
 * adding one, and removing one.
 *
 * The paths in the notes (trust_store.c) are for people, with one exception. A workspace whose
 * store is gone, or became a link or a file, would look like one that was never saved, and get a
 * new history somewhere else. So a directory without a store, but with a note that has its path, is
 * an error until the user has brought the store back or forgotten it (I1; place_locate.c asks). A
 * note with a path that is not up to date, as the workspace was moved, means the wrong directory
 * here: the first command that writes to the moved store corrects the path.
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "os/os_names.h"
#include "trust/trust_internal.h"

static int
out_of_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the list of stores");
}

static int
trust_list_show(const char *real_root, const struct fi_trust_store_inspect *look,
                int (*visit)(void *ctx, const firn_trust_info *info), void *ctx, firn_error *err)
{
    char id[2 * FI_STOREFILE_ID_SIZE + 1] = "";
    struct fi_buf path = {0};
    const char *text = NULL;
    int rc;
    if (look->has_id) {
        fi_hex_encode(look->id, sizeof look->id, id);
    }
    if (fi_buf_append_format(&path, "%s%s" FI_TRUST_INSIDE, real_root,
                             real_root[1] == '\0' ? "" : "/") == FIRN_OK) {
        text = fi_buf_text(&path);
    }
    if (text == NULL) {
        rc = out_of_memory(err);
        goto out;
    }
    firn_trust_info info = {.root = real_root,
                            .store_path = text,
                            .store_id = id,
                            .owner = look->stat.uid,
                            .is_trusted = look->is_trusted,
                            .is_there = look->has_store};
    rc = fi_error_stopped(err, visit(ctx, &info));
out:
    fi_buf_deinit(&path);
    return rc;
}

/* The nearest directory from a path upward that has a store in it, and what was found there.
 * *out_root is allocated. FIRN_NOT_FOUND if there is none. */
static int
trust_list_find(struct fi_os *os, const char *path, char **out_root,
                struct fi_trust_store_inspect *out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_buf real = {0};
    char *root = NULL;
    int rc;
    *out_root = NULL;
    FI_TRY(fi_os_dir_open_path(os, path, &dir, err));
    FI_TRY(fi_os_dir_real_path(dir, &real, err));
    root = fi_strndup((const char *)real.data, real.size);
    if (root == NULL) {
        rc = out_of_memory(err);
        goto out;
    }
    for (;;) {
        FI_TRY(fi_trust_store_inspect(os, root, out, err));
        if (out->has_store) {
            *out_root = root;
            root = NULL;
            break;
        }
        char *slash = strrchr(root, '/');
        if (slash == NULL || root[1] == '\0') {
            rc = fi_error_set(err, FIRN_NOT_FOUND,
                              "there is no store inside of '%.800s' or a directory above it", path);
            break;
        }
        slash[slash == root ? 1 : 0] = '\0';
    }
out:
    DCHECK((rc == FIRN_OK) == (*out_root != NULL));
    fi_os_dir_close(dir);
    fi_buf_deinit(&real);
    fi_free(root);
    return rc;
}

int
fi_trust_list_find(struct fi_os *os, const char *path,
                   int (*visit)(void *ctx, const firn_trust_info *info), void *ctx, firn_error *err)
{
    struct fi_trust_store_inspect look;
    struct fi_os_dir *named = NULL;
    char *root = NULL;
    int rc;
    FI_TRY(fi_trust_named_open(os, path, &named, err));
    if (named != NULL) {
        rc = fi_trust_named_show(named, visit, ctx, err);
        goto out;
    }
    FI_TRY(trust_list_find(os, path, &root, &look, err));
    rc = trust_list_show(root, &look, visit, ctx, err);
out:
    fi_os_dir_close(named);
    fi_free(root);
    return rc;
}

int
fi_trust_list_add(struct fi_os *os, const char *path, firn_error *err)
{
    struct fi_trust_store_inspect look;
    struct fi_os_dir *named = NULL;
    char *root = NULL;
    int rc;
    FI_TRY(fi_trust_named_open(os, path, &named, err));
    if (named != NULL) {
        rc = fi_trust_named_note(named, err);
        goto out;
    }
    FI_TRY(trust_list_find(os, path, &root, &look, err));
    rc = fi_trust_store_enter(os, root, err);
out:
    fi_os_dir_close(named);
    fi_free(root);
    return rc;
}

static bool
is_entry(const struct fi_os_dirent *entry)
{
    return entry->name_size == FI_TRUST_PRIVATE_NAME_SIZE - 1;
}

struct entry {
    struct fi_os_dir *dir;
    const char *name;
    const char *root;      /* NULL: the entry is unreadable or malformed */
    bool has_id;           /* false: a store was to be made, and may never have been */
    const firn_error *why; /* why root is NULL */
};

/* Reads an entry and calls visit with it. */
static int
visit_entry(struct fi_os_dir *dir, const char *name,
            int (*visit)(void *ctx, const struct entry *entry, firn_error *err), void *ctx,
            firn_error *err)
{
    struct fi_buf bytes = {0};
    firn_error why = {.code = FIRN_OK};
    struct entry entry = {.dir = dir, .name = name, .why = &why};
    int rc = fi_trust_private_read(dir, name, &bytes, &why);
    if (rc == FIRN_OK) {
        entry.root = fi_trust_store_note_root(&bytes, &entry.has_id);
    }
    if (rc == FIRN_OK && entry.root == NULL) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "'%.700s/%s' was not written by firn trust",
                          fi_os_dir_path(dir), name);
    }
    if (rc == FIRN_NO_MEMORY) {
        rc = out_of_memory(err);
    } else {
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : visit(ctx, &entry, err);
    }
    fi_buf_deinit(&bytes);
    return rc;
}

/* Calls visit with each entry, also with files that have the name of one and cannot be read. */
static int
trust_list_walk(struct fi_os *os,
                int (*visit)(void *ctx, const struct entry *entry, firn_error *err), void *ctx,
                firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc = fi_trust_private_open(os, FI_TRUST_PRIVATE_TRUSTED, false, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_names_list(dir, is_entry, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(visit_entry(dir, name, visit, ctx, err));
    }
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&names);
    return rc;
}

struct keeping {
    struct fi_buf *out;
    bool only_made;
};

static int
keep_root(void *ctx, const struct entry *entry, firn_error *err)
{
    const struct keeping *keeping = ctx;
    return entry->root == NULL || (keeping->only_made && !entry->has_id) ||
                   fi_buf_append(keeping->out, entry->root, strlen(entry->root) + 1) == FIRN_OK
               ? FIRN_OK
               : out_of_memory(err);
}

int
fi_trust_list_roots(struct fi_os *os, bool only_made, struct fi_buf *out, firn_error *err)
{
    struct keeping keeping = {out, only_made};
    int rc = trust_list_walk(os, keep_root, &keeping, err);
    return rc == FIRN_DENIED || rc == FIRN_INVALID ? FIRN_OK : rc;
}

int
fi_trust_list_refuse_gone(const char *real_root, firn_error *err)
{
    return fi_error_set(err, FIRN_CONFLICT,
                        "'%.400s%s" FI_TRUST_INSIDE
                        "' was your store, and is gone, or is no directory of yours any more: "
                        "bring it back, or forget it with firn trust --remove '%.400s'",
                        real_root, real_root[1] == '\0' ? "" : "/", real_root);
}

struct listing {
    struct fi_os *os;
    int (*visit)(void *ctx, const firn_trust_info *info);
    void *ctx;
};

/* Reports an unreadable entry. */
static int
show_unread(const struct listing *listing, const struct entry *entry, const char *why,
            firn_error *err)
{
    struct fi_buf path = {0};
    const char *text = NULL;
    int rc;
    if (fi_buf_append_format(&path, "%s/%s", fi_os_dir_path(entry->dir), entry->name) == FIRN_OK) {
        text = fi_buf_text(&path);
    }
    if (text == NULL) {
        rc = out_of_memory(err);
        goto out;
    }
    const firn_trust_info info = {
        .root = "", .store_path = "", .store_id = "", .unread_path = text, .unread_text = why};
    rc = fi_error_stopped(err, listing->visit(listing->ctx, &info));
out:
    fi_buf_deinit(&path);
    return rc;
}

static int
list_one(void *ctx, const struct entry *entry, firn_error *err)
{
    const struct listing *listing = ctx;
    struct fi_trust_store_inspect look;
    firn_error why;
    if (entry->root == NULL) {
        return show_unread(listing, entry, entry->why->text, err);
    }
    int rc = fi_trust_store_inspect(listing->os, entry->root, &look, &why);
    if (rc == FIRN_NO_MEMORY) {
        return out_of_memory(err);
    }
    return rc == FIRN_OK ? trust_list_show(entry->root, &look, listing->visit, listing->ctx, err)
                         : show_unread(listing, entry, why.text, err);
}

int
fi_trust_list_visit(struct fi_os *os, int (*visit)(void *ctx, const firn_trust_info *info),
                    void *ctx, firn_error *err)
{
    struct listing listing = {.os = os, .visit = visit, .ctx = ctx};
    return trust_list_walk(os, list_one, &listing, err);
}

struct removal {
    const char *root;
    const char *name; /* of the entry of the present directory; NULL: there is none */
    size_t removed;
};

static int
remove_one(void *ctx, const struct entry *entry, firn_error *err)
{
    struct removal *removal = ctx;
    bool is_meant = (removal->name != NULL && strcmp(entry->name, removal->name) == 0) ||
                    (entry->root != NULL && strcmp(entry->root, removal->root) == 0);
    if (!is_meant) {
        return FIRN_OK;
    }
    removal->removed++;
    char list[FI_TRUST_FILES_NAME_SIZE];
    fi_trust_files_list_name(entry->name, list);
    int rc = fi_trust_private_remove(entry->dir, entry->name, err);
    rc = rc == FIRN_OK ? fi_trust_private_remove(entry->dir, list, err) : rc;
    rc = rc == FIRN_OK ? fi_trust_settings_remove(entry->dir, entry->name, err) : rc;
    return rc == FIRN_OK ? fi_trust_repair_remove(entry->dir, entry->name, err) : rc;
}

/* An earlier removal that failed may have removed the name, but not durably. */
static int
sync_entries(struct fi_os *os, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_trust_private_open(os, FI_TRUST_PRIVATE_TRUSTED, false, &dir, err);
    rc = rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc;
    fi_os_dir_close(dir);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* The real path of a directory, or the path itself if there is none. *out is allocated. */
static int
find_real(struct fi_os *os, const char *path, char **out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_buf real = {0};
    int rc = fi_os_dir_open_path(os, path, &dir, err);
    rc = rc == FIRN_OK ? fi_os_dir_real_path(dir, &real, err) : rc;
    bool is_found = rc == FIRN_OK;
    bool is_none = rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID;
    *out = is_found  ? fi_strndup((const char *)real.data, real.size)
           : is_none ? fi_strdup(path)
                     : NULL;
    fi_os_dir_close(dir);
    fi_buf_deinit(&real);
    return *out != NULL ? FIRN_OK : is_found || is_none ? out_of_memory(err) : rc;
}

/* The directory that a path means: itself, if a note has it, or the nearest one upward that has a
 * store. *out_root is allocated; look->has_store is false if the directory or the store is gone. */
static int
find_meant(struct fi_os *os, const char *path, char **out_root, struct fi_trust_store_inspect *look,
           firn_error *err)
{
    struct fi_buf roots = {0};
    char *root = NULL;
    bool is_noted = false;
    int rc;
    *look = (struct fi_trust_store_inspect){.has_store = false};
    FI_TRY(find_real(os, path, out_root, err));
    FI_TRY(fi_trust_list_roots(os, false, &roots, err));
    for (size_t at = 0; at < roots.size; at += strlen((const char *)roots.data + at) + 1) {
        is_noted = is_noted || strcmp((const char *)roots.data + at, *out_root) == 0;
    }
    rc = is_noted ? fi_trust_store_inspect(os, *out_root, look, err)
                  : trust_list_find(os, path, &root, look, err);
    if (!is_noted && rc == FIRN_OK) {
        fi_free(*out_root);
        *out_root = root;
    }
    rc = rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID ? FIRN_OK : rc;
out:
    fi_buf_deinit(&roots);
    return rc;
}

int
fi_trust_list_remove(struct fi_os *os, const char *path, firn_error *err)
{
    struct fi_trust_store_inspect look;
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_os_dir *named = NULL;
    char *root = NULL;
    int rc;
    rc = fi_trust_named_open(os, path, &named, err);
    if (rc == FIRN_OK && named != NULL) {
        rc = fi_trust_named_remove(named, err);
        goto out;
    }
    /* What cannot be opened may be a directory that is gone. */
    FI_TRY(find_meant(os, path, &root, &look, err));
    struct removal removal = {.root = root};
    if (look.has_store) {
        FI_TRY(fi_trust_store_note_name(&look.stat, root, name, err));
        removal.name = name;
    }
    FI_TRY(trust_list_walk(os, remove_one, &removal, err));
    if (removal.removed == 0) {
        FI_TRY(sync_entries(os, err));
        rc = fi_error_set(err, FIRN_NOT_FOUND, "no trusted store is known at '%.900s'", path);
    }
out:
    fi_os_dir_close(named);
    fi_free(root);
    return rc;
}
