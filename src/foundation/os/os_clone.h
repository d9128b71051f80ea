/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_clone.h: a file that never changes, under another name.
 */
#ifndef FIRN_OS_OS_CLONE_H
#define FIRN_OS_OS_CLONE_H

#include "os/os.h"

/* Gives the file a second name in another directory, or, where that cannot be (another device,
 * another implementation of the outside world, no hard links), copies it there, with mode 0600. The
 * content is durable when this returns; the new name is when its directory has been synced.
 * FIRN_EXISTS where the name is taken. A failed copy is removed. */
FIRN_MUST_CHECK int firn_os_clone_file(struct firn_os_dir *from, struct firn_os_dir *to,
                                       const char *name, firn_error *err);

#endif
