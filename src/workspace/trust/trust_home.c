/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_home.c: the user's data directory, and making directories.
 *
 * firn keeps what it keeps for its user in $XDG_DATA_HOME/firn, or $HOME/.local/share/firn: the
 * stores of workspaces that name none, and notes (trust_private.c). A clone, an archive or a disk
 * from elsewhere cannot bring anything there.
 *
 * Directories are made from the top, one component at a time. Each is durable before anything is
 * made in it (I1; not checked: only a power cut shows what was durable).
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "trust/trust.h"

static int
append_home(struct fi_os *os, struct fi_buf *out, firn_error *err)
{
    const char *data_home = fi_os_environment(os, "XDG_DATA_HOME");
    const char *home = fi_os_environment(os, "HOME");
    int rc;
    if (data_home != NULL && data_home[0] == '/') {
        rc = fi_buf_append_format(out, "%s/firn", data_home);
    } else if (home != NULL && home[0] == '/') {
        rc = fi_buf_append_format(out, "%s/.local/share/firn", home);
    } else {
        return fi_error_set(err, FIRN_INVALID,
                            "no place for the store: neither XDG_DATA_HOME nor HOME is set to an "
                            "absolute path; name one");
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the path of the data directory");
}

int
fi_trust_home(struct fi_os *os, char **out, firn_error *err)
{
    struct fi_buf path = {0};
    *out = NULL;
    int rc = append_home(os, &path, err);
    if (rc == FIRN_OK) {
        DCHECK(path.size > 0 && path.data[0] == '/');
        *out = fi_strndup((const char *)path.data, path.size);
        rc = *out == NULL ? fi_error_no_memory(err, "the path of the data directory") : FIRN_OK;
    }
    fi_buf_deinit(&path);
    return rc;
}

/* ---- making directories ---- */

/* Makes the last component of path. Requires: its parent exists. With is_for_owner the new
 * directory belongs to the owner of its parent, even if root makes it. A store's own directory
 * stays root's, as it may contain data that this user may not read. */
static int
make_last(struct fi_os *os, const char *path, bool is_for_owner, firn_error *err)
{
    struct fi_buf parent = {0};
    struct fi_os_dir *dir = NULL;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    int rc = fi_buf_append_str(&parent, slash == NULL ? "." : slash == path ? "/" : "");
    if (rc == FIRN_OK && parent.size == 0) {
        DCHECK(slash > path);
        rc = fi_buf_append(&parent, path, (size_t)(slash - path));
    }
    const char *parent_text = rc == FIRN_OK ? fi_buf_text(&parent) : NULL;
    if (parent_text == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    FI_TRY(fi_os_dir_open_path(os, parent_text, &dir, err));
    DCHECK(name[0] != '\0');
    rc = is_for_owner ? fi_os_make_dir_for_owner(dir, name, dir, 0700, err)
                      : fi_os_make_dir(dir, name, 0700, err);
    if (rc == FIRN_EXISTS) {
        rc = FIRN_OK;
    } else if (rc == FIRN_OK) {
        rc = fi_os_dir_sync(dir, err);
        if (rc != FIRN_OK) { /* the next attempt has to sync it */
            FI_IGNORE(fi_os_remove_dir(dir, name, NULL));
        }
    }
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&parent);
    return rc;
}

/* Makes all missing components, from the top. */
static int
make_all(struct fi_os *os, const char *path, firn_error *err)
{
    char *home = NULL;
    char *copy = fi_strdup(path);
    if (copy == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    bool is_home = fi_trust_home(os, &home, NULL) == FIRN_OK && strcmp(home, path) == 0;
    fi_free(home);
    size_t size = strlen(copy);
    while (size > 1 && copy[size - 1] == '/') {
        copy[--size] = '\0';
    }
    int rc = FIRN_OK;
    for (size_t i = 1; i <= size && rc == FIRN_OK; i++) {
        if (i < size && (copy[i] != '/' || copy[i - 1] == '/')) {
            continue;
        }
        copy[i] = '\0';
        struct fi_os_dir *dir;
        rc = fi_os_dir_open_path(os, copy, &dir, err);
        fi_os_dir_close(dir);
        if (rc == FIRN_NOT_FOUND) {
            rc = make_last(os, copy, i < size || is_home, err);
        }
        if (i < size) {
            copy[i] = '/';
        }
    }
    fi_free(copy);
    return rc;
}

int
fi_trust_home_open_dir(struct fi_os *os, const char *path, bool create, struct fi_os_dir **out,
                       firn_error *err)
{
    int rc = fi_os_dir_open_path(os, path, out, err);
    if (rc != FIRN_NOT_FOUND || !create) {
        return rc;
    }
    rc = make_all(os, path, err);
    return rc == FIRN_OK ? fi_os_dir_open_path(os, path, out, err) : rc;
}
