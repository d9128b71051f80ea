/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_path.c: "some/where/x.pack" is the name x.pack in the directory some/where;
 * "x.pack" is in "."; "/x" is in "/". The name itself is judged by the operations of os/, which
 * take one component and follow no link.
 */
#include "pack/packfile_path.h"

#include <string.h>

#include "base/mem.h"

int
firn_packfile_path_open_parent(struct firn_os *os, const char *path, struct firn_os_dir **out_dir,
                               const char **out_name, firn_error *err)
{
    *out_dir = NULL;
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return firn_os_dir_open_path(os, ".", out_dir, err);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    char *parent = firn_strndup(path, size);
    if (parent == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    int rc = firn_os_dir_open_path(os, parent, out_dir, err);
    firn_free(parent);
    return rc;
}
