/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_names.c: the names in a directory as one list.
 *
 * A listing may skip or repeat entries if the directory changes meanwhile, so whoever removes or
 * links files lists them first. Memory: the names.
 */
#include "os/os_names.h"

#include <string.h>

struct listing {
    bool (*keep)(const struct fi_os_dirent *entry);
    struct fi_buf *names;
};

static int
os_names_visit(void *ctx, const struct fi_os_dirent *entry)
{
    const struct listing *listing = ctx;
    return listing->keep == NULL || listing->keep(entry)
               ? fi_buf_append(listing->names, entry->name, entry->name_size + 1)
               : FIRN_OK;
}

int
fi_os_names_list(struct fi_os_dir *dir, bool (*keep)(const struct fi_os_dirent *entry),
                 struct fi_buf *out, firn_error *err)
{
    struct listing listing = {keep, out};
    int rc = fi_os_dir_list(dir, os_names_visit, &listing, err);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the names of files") : rc;
}

const char *
fi_os_names_next(const struct fi_buf *names, const char *before)
{
    size_t at =
        before == NULL ? 0 : (size_t)(before + strlen(before) + 1 - (const char *)names->data);
    return at < names->size ? (const char *)names->data + at : NULL;
}

bool
fi_os_names_end_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}
