/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_guard.c: what guards and wrappers ask about one name (os_guard.h).
 */
#include "os/os_guard.h"

#include "os/os_path.h"

int
fi_os_guard_query(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    return dir->guard == NULL ? FIRN_OK : dir->guard->ops->knows(dir->guard, dir, name, err);
}

int
fi_os_guard_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out, firn_error *err)
{
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    return fi_os_path_result(err, dir->os->ops->stat(dir, name, out), "read the attributes of", dir,
                             name);
}
