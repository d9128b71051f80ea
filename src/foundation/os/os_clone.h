/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_clone.h: a second name or a copy for a file that never changes.
 */
#ifndef FIRN_OS_OS_CLONE_H
#define FIRN_OS_OS_CLONE_H

#include "os/os.h"

/* Gives the file a second name in another directory. If that is impossible (another device, another
 * implementation of os.h, no hard links), copies it there, with mode 0600. The content is durable
 * when this returns; the new name is durable once its directory has been synced. FIRN_EXISTS if the
 * name is taken. A failed copy is removed. */
FIRN_MUST_CHECK int fi_os_clone_file(struct fi_os_dir *from, struct fi_os_dir *to, const char *name,
                                     firn_error *err);

#endif
