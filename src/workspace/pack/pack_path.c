/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_path.c: the directory and the name in the path of a pack.
 *
 * "some/where/x.pack" is the name x.pack in the directory some/where; "x.pack" is in "."; "/x" is
 * in "/". The operations of os/ check the name itself: they accept one component and follow no
 * link.
 */
#include <string.h>

#include "base/mem.h"
#include "pack/pack.h"
#include "pack/pack_internal.h"

int
fi_pack_path_open_parent(struct fi_os *os, const char *path, struct fi_os_dir **out_dir,
                         const char **out_name, firn_error *err)
{
    *out_dir = NULL;
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return fi_os_dir_open_path(os, ".", out_dir, err);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    char *parent = fi_strndup(path, size);
    if (parent == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = fi_os_dir_open_path(os, parent, out_dir, err);
    fi_free(parent);
    return rc;
}
