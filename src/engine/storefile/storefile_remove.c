/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_remove.c: removing a store with everything in it.
 *
 * Links are removed, not followed. A store is two levels deep, and one more for each repair,
 * because the damaged store that a repair puts away contains those that were put away before. A
 * deeper directory does not belong to a store, and stays.
 *
 * Memory: the names of one directory, and a descriptor, for each level.
 */
#include "base/check.h"
#include "os/os_names.h"
#include "storefile/storefile.h"

enum { DEPTH_MAX = 128 };

static int remove_dir(struct fi_os_dir *parent, const char *name, unsigned depth, firn_error *err);

static int
empty_dir(struct fi_os_dir *dir, unsigned depth, firn_error *err)
{
    DCHECK(depth < DEPTH_MAX);
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    FI_TRY(fi_os_names_list(dir, NULL, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        struct fi_os_stat stat;
        FI_TRY(fi_os_stat(dir, name, &stat, err));
        FI_TRY(stat.kind == FI_OS_DIR ? remove_dir(dir, name, depth, err)
                                      : fi_os_remove_file(dir, name, err));
    }
out:
    fi_buf_deinit(&names);
    return rc;
}

static int
remove_dir(struct fi_os_dir *parent, const char *name, unsigned depth, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc;
    if (depth == 0) {
        return fi_error_set(err, FIRN_LIMIT, "cannot remove '%s/%.255s': it is not part of a store",
                            fi_os_dir_path(parent), name);
    }
    FI_TRY(fi_os_dir_open(parent, name, &dir, err));
    FI_TRY(empty_dir(dir, depth - 1, err));
    FI_TRY(fi_os_remove_dir(parent, name, err));
out:
    fi_os_dir_close(dir);
    return rc;
}

static bool
is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

int
fi_storefile_remove_tree(struct fi_os_dir *parent, const char *name, firn_error *err)
{
    CHECK(is_plain_name(name));
    return remove_dir(parent, name, DEPTH_MAX, err);
}
