/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_default.c: the one implementation that a process has.
 */
#include "posix/os_default.h"

#include "posix/os_posix.h"

struct fi_os *
fi_os_default(void)
{
    static struct fi_os posix = {
        .ops = &fi_os_posix_ops,
        .dir_size = sizeof(struct fi_os_posix_dir),
        .file_size = sizeof(struct fi_os_posix_file),
        .scheduler = NULL,
    };
    return &posix;
}
