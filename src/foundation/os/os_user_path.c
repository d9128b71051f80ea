/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_user_path.c: "some/where/x.alxs" is the name x.alxs in the directory some/where; "x.alxs"
 * is in "."; "/x" is in "/".
 *
 * Operations on a name follow no link (os.h); opening a directory by its path does. Users link data
 * files too, so a reader follows the last component here: the link's target replaces it, and a
 * relative target begins in the link's directory. A writer does not follow it: a writer makes a new
 * file, and a link means that the name is taken.
 */
#include "os/os_user_path.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

/* As many as the system follows in a path. */
enum { LINKS_MAX = 40 };

void
fi_os_user_path_deinit(struct fi_os_user_path *path)
{
    fi_os_dir_close(path->dir);
    fi_free(path->text);
    *path = (struct fi_os_user_path){0};
}

int
fi_os_user_path_init(struct fi_os_user_path *path, struct fi_os *os, const char *text,
                     firn_error *err)
{
    DCHECK(text != NULL);
    int rc = FIRN_OK;
    const char *parent = ".";
    *path = (struct fi_os_user_path){.text = fi_strdup(text)};
    if (path->text == NULL) {
        FI_TRY(fi_error_no_memory(err, "a path"));
    }
    char *slash = strrchr(path->text, '/');
    path->name = slash == NULL ? path->text : slash + 1;
    if (slash == path->text) {
        parent = "/";
    } else if (slash != NULL) {
        *slash = '\0';
        parent = path->text;
    }
    FI_TRY(fi_os_dir_open_path(os, parent, &path->dir, err));
out:
    if (rc != FIRN_OK) {
        fi_os_user_path_deinit(path);
    }
    return rc;
}

/* Appends where the link leads to `out`, as a path of the user's. */
static int
read_link(const struct fi_os_user_path *path, struct fi_buf *out, firn_error *err)
{
    DCHECK(path->dir != NULL && path->name != NULL);
    int rc = FIRN_OK;
    struct fi_buf target = {0};
    FI_TRY(fi_os_read_symlink(path->dir, path->name, &target, err));
    bool is_relative = target.size == 0 || target.data[0] != '/';
    if ((is_relative && (fi_buf_append_str(out, fi_os_dir_path(path->dir)) != FIRN_OK ||
                         fi_buf_append_u8(out, '/') != FIRN_OK)) ||
        fi_buf_append_slice(out, fi_buf_slice(&target)) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a path"));
    }
out:
    fi_buf_deinit(&target);
    return rc;
}

/* Puts where the link leads in place of the path. */
static int
os_user_path_follow(struct fi_os_user_path *path, struct fi_os *os, firn_error *err)
{
    DCHECK(path->dir != NULL);
    int rc = FIRN_OK;
    struct fi_buf buffer = {0};
    FI_TRY(read_link(path, &buffer, err));
    const char *text = fi_buf_text(&buffer);
    if (text == NULL) {
        FI_TRY(fi_error_no_memory(err, "a path"));
    }
    fi_os_user_path_deinit(path);
    FI_TRY(fi_os_user_path_init(path, os, text, err));
out:
    fi_buf_deinit(&buffer);
    return rc;
}

int
fi_os_user_path_init_followed(struct fi_os_user_path *path, struct fi_os *os, const char *text,
                              firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_os_stat stat;
    FI_TRY(fi_os_user_path_init(path, os, text, err));
    for (int links = 0;; links++) {
        firn_error problem;
        rc = fi_os_stat(path->dir, path->name, &stat, &problem);
        if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && stat.kind != FI_OS_SYMLINK)) {
            rc = FIRN_OK; /* what is not there is missed when it is opened */
            break;
        }
        if (rc != FIRN_OK) {
            fi_error_copy(err, &problem);
            goto out;
        }
        DCHECK(links <= LINKS_MAX);
        if (links == LINKS_MAX) {
            FI_TRY(fi_error_set(err, FIRN_INVALID, "'%s' leads from link to link", text));
        }
        FI_TRY(os_user_path_follow(path, os, err));
    }
out:
    if (rc != FIRN_OK) {
        fi_os_user_path_deinit(path);
    }
    return rc;
}
