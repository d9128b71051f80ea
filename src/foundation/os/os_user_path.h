/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_user_path.h: the file at a user's path, as a name in an open directory.
 */
#ifndef FIRN_OS_OS_USER_PATH_H
#define FIRN_OS_OS_USER_PATH_H

#include "os/os.h"

/* A zeroed struct is empty. */
struct fi_os_user_path {
    struct fi_os_dir *dir; /* owned */
    char *text;            /* owned */
    const char *name;      /* the last component; points into text */
};

/* For a new file at this path: its last component is not examined. */
FIRN_MUST_CHECK int fi_os_user_path_init(struct fi_os_user_path *path, struct fi_os *os,
                                         const char *text, firn_error *err);
/* For reading the file at this path: if the last component is a symbolic link, it is followed. */
FIRN_MUST_CHECK int fi_os_user_path_init_followed(struct fi_os_user_path *path, struct fi_os *os,
                                                  const char *text, firn_error *err);
void fi_os_user_path_deinit(struct fi_os_user_path *path);

#endif
