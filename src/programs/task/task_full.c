/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_full.c: what to do where a disk is full and a restore has failed.
 *
 * A restore writes to two places, which may be on two disks: to the store, which first gets what
 * will be replaced, and to the directory. The library's message names the file that could not be
 * written; what frees space depends on where that is.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Whether a message names a file in a directory. */
static bool
names_file_in(const firn_error *err, const char *directory)
{
    char start[FIRN_ERROR_TEXT_SIZE];
    int size = snprintf(start, sizeof(start), "'%s/", directory);
    return size > 0 && (size_t)size < sizeof(start) && strstr(err->text, start) != NULL;
}

const char *
fi_task_full_hint(firn_workspace *workspace, const firn_error *err)
{
    struct stat root;
    struct stat store;
    assert(err->code != FIRN_OK);
    if (err->code != FIRN_NO_SPACE) {
        return NULL;
    }
    bool is_one_disk = stat(firn_workspace_root(workspace), &root) == 0 &&
                       stat(firn_workspace_store_path(workspace), &store) == 0 &&
                       root.st_dev == store.st_dev;
    bool is_of_store = names_file_in(err, firn_workspace_store_path(workspace));
    if (!is_one_disk && !is_of_store && names_file_in(err, firn_workspace_root(workspace))) {
        return "free some space on the disk of the directory and run this again, or restore less: "
               "firn restore REF PATH";
    }
    return "free some space and run this again: firn delete REF --now and firn gc --now free some "
           "in the store; firn restore REF --to DIR needs none in it";
}
