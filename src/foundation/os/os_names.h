/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_names.h: the names in a directory as one list, for callers that change the directory while
 * they go through it.
 */
#ifndef FIRN_OS_OS_NAMES_H
#define FIRN_OS_OS_NAMES_H

#include "base/buf.h"
#include "os/os.h"

/* Appends the names of the entries that keep wants (NULL: all) to *out, each with its NUL. */
FIRN_MUST_CHECK int fi_os_names_list(struct fi_os_dir *dir,
                                     bool (*keep)(const struct fi_os_dirent *entry),
                                     struct fi_buf *out, firn_error *err);

/* The name after `before` in such a list, or the first one if that is NULL; NULL: the list ends. */
const char *fi_os_names_next(const struct fi_buf *names, const char *before);

/* Whether the name ends so, and is not only that. */
bool fi_os_names_end_with(const char *name, const char *end);

/* Whether the entry is a file, as far as the listing says, and complete: files have another name,
 * which ends with ".tmp", until they are. */
static inline bool
fi_os_names_is_complete(const struct fi_os_dirent *entry)
{
    return (entry->kind == FI_OS_FILE || entry->kind == FI_OS_UNKNOWN) &&
           !fi_os_names_end_with(entry->name, ".tmp");
}

#endif
