/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_publisher.c: makes many block files durable at once.
 *
 * The cost of a small file is mostly its sync, and the sync of the directory that follows. A
 * journaling file system writes its journal for each of them. If many files are finished together
 * (a flush of many small trees), all of them are written first, and the kernel is asked to start
 * writing them back. Then all are synced together, and so is the directory.
 *
 * (I1) No file gets its final name before all of it was synced (I3 of block_writer.c), and none
 *      counts as published before the directory was synced.
 *
 * Failure: a run publishes all of its files or none. A file that already has its name loses it
 * again; if the removal fails, it leaves a file that MANIFEST does not name, which the next opening
 * of a store removes.
 */
#include "block/block_file.h"

#include "base/check.h"
#include "base/mem.h"

void
fi_block_publisher_init(struct fi_block_publisher *publisher, struct fi_os_dir *dir)
{
    publisher->dir = dir;
    publisher->count = 0;
    publisher->renamed = 0;
}

/* Closes all; gone: they lose their names too. */
static void
block_publisher_clear(struct fi_block_publisher *publisher, bool gone)
{
    DCHECK(publisher->renamed <= publisher->count);
    for (size_t i = 0; i < publisher->count; i++) {
        struct fi_block_publisher_file *file = &publisher->files[i];
        if (gone) {
            /* Nothing more can be done where even this fails. */
            FI_IGNORE(fi_os_remove_file(
                publisher->dir, i < publisher->renamed ? file->name : file->temp_name, NULL));
        }
        fi_os_file_close(file->file);
        fi_free(file->temp_name);
        fi_free(file->name);
    }
    publisher->count = 0;
    publisher->renamed = 0;
}

static int
block_publisher_publish(struct fi_block_publisher *publisher, firn_error *err)
{
    struct fi_os_file *files[FI_BLOCK_PUBLISHER_FILES_MAX];
    DCHECK(publisher->renamed == 0); /* (I1) */
    for (size_t i = 0; i < publisher->count; i++) {
        files[i] = publisher->files[i].file;
    }
    FI_TRY_RETURN(fi_os_file_sync_several(files, publisher->count, err));
    for (size_t i = 0; i < publisher->count; i++) {
        const struct fi_block_publisher_file *file = &publisher->files[i];
        FI_TRY_RETURN(fi_os_rename(publisher->dir, file->temp_name, publisher->dir, file->name,
                                   FI_OS_RENAME_NO_REPLACE, err));
        publisher->renamed++;
    }
    return fi_os_dir_sync(publisher->dir, err);
}

int
fi_block_publisher_run(struct fi_block_publisher *publisher, firn_error *err)
{
    if (publisher->count == 0) {
        return FIRN_OK;
    }
    int rc = block_publisher_publish(publisher, err);
    DCHECK(rc != FIRN_OK || publisher->renamed == publisher->count);
    block_publisher_clear(publisher, rc != FIRN_OK);
    return rc;
}

int
fi_block_publisher_add(struct fi_block_publisher *publisher,
                       const struct fi_block_publisher_file *file, firn_error *err)
{
    if (publisher->count == FI_BLOCK_PUBLISHER_FILES_MAX) {
        int rc = fi_block_publisher_run(publisher, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(publisher->count < FI_BLOCK_PUBLISHER_FILES_MAX && publisher->renamed == 0);
    DCHECK(file->file != NULL && file->temp_name != NULL && file->name != NULL);
    publisher->files[publisher->count++] = *file;
    return FIRN_OK;
}

void
fi_block_publisher_deinit(struct fi_block_publisher *publisher)
{
    block_publisher_clear(publisher, true);
}
