/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_remove.c: removing a store with all that is in it.
 *
 * Links are removed, not followed. A store is a few levels deep, those that repairs have put away in
 * it included; what is deeper is no store's and stays.
 *
 * Memory: the names of one directory for each level.
 */
#include "repair/repair_remove.h"

#include <string.h>

#include "base/buf.h"
#include "base/check.h"

enum { DEPTH_MAX = 16 };

static int
keep_name(void *ctx, const struct firn_os_dirent *entry)
{
    return firn_buf_append(ctx, entry->name, entry->name_size + 1);
}

static int remove_dir(struct firn_os_dir *parent, const char *name, unsigned depth,
                      firn_error *err);

static int
empty_dir(struct firn_os_dir *dir, unsigned depth, firn_error *err)
{
    DCHECK(depth < DEPTH_MAX);
    struct firn_buf names = {0};
    int rc = firn_os_dir_list(dir, keep_name, &names, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = firn_error_no_memory(err, "the names in a directory");
    }
    for (size_t at = 0; rc == FIRN_OK && at < names.size;) {
        const char *name = (const char *)names.data + at;
        struct firn_os_stat stat;
        FIRN_TRY(firn_os_stat(dir, name, &stat, err));
        FIRN_TRY(stat.kind == FIRN_OS_DIR ? remove_dir(dir, name, depth, err)
                                          : firn_os_remove_file(dir, name, err));
        at += strlen(name) + 1;
    }
out:
    firn_buf_deinit(&names);
    return rc;
}

static int
remove_dir(struct firn_os_dir *parent, const char *name, unsigned depth, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    int rc;
    if (depth == 0) {
        return firn_error_set(err, FIRN_LIMIT,
                              "cannot remove '%s/%.255s': it is no part of a store",
                              firn_os_dir_path(parent), name);
    }
    FIRN_TRY(firn_os_dir_open(parent, name, &dir, err));
    FIRN_TRY(empty_dir(dir, depth - 1, err));
    FIRN_TRY(firn_os_remove_dir(parent, name, err));
out:
    firn_os_dir_close(dir);
    return rc;
}

static bool
is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

int
firn_repair_remove_tree(struct firn_os_dir *parent, const char *name, firn_error *err)
{
    CHECK(is_plain_name(name));
    return remove_dir(parent, name, DEPTH_MAX, err);
}
