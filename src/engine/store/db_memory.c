/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_memory.c: a store in memory alone.
 *
 * It is an ordinary store in the directory of a file system that is itself in memory (os_ram.h), so
 * it has all that a store has and is tested by the same tests. The limit is that file system's:
 * beyond it a commit meets a full disk. What nobody could read again is not worth a sync, so
 * durability costs nothing here.
 */
#include "store/db_internal.h"

#include "hosted/os_ram.h"

static const char name[] = "in-memory";

int
firn_db_memory_open(uint64_t limit_bytes, const struct firn_db_options *options,
                    struct firn_db **out, firn_error *err)
{
    struct firn_os *os = NULL;
    struct firn_os_dir *root = NULL;
    struct firn_os_dir *dir = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_os_ram_create(limit_bytes, &os, err));
    FIRN_TRY(firn_os_dir_open_path(os, "/", &root, err));
    FIRN_TRY(firn_os_make_dir(root, name, 0700, err));
    FIRN_TRY(firn_os_dir_open_path(os, name, &dir, err)); /* messages name it so */
    FIRN_TRY(firn_db_open_owned(dir, options, out, err));
    (*out)->owned_os = os;
    os = NULL;
out:
    firn_os_dir_close(root);
    firn_os_ram_destroy(os);
    return rc;
}

void
firn_db_memory_close(struct firn_os *os)
{
    firn_os_ram_destroy(os);
}
