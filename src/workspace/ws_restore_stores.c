/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_restore_stores.c: no store is restored beneath the process that writes it.
 *
 * A writer has its store's files open and goes on writing to them whatever has their names. Files of an
 * earlier state put there would be mixed with what it writes, and both be lost. So a restore that is to
 * change anything in a store takes the store's lock first, while it looks what there is to do and nothing
 * is written, and keeps it until all is done; a store that is locked refuses it. A store that stays as
 * it is refuses nothing.
 *
 * The stores are those that the scan of the present state met. The lock is taken without leaving a
 * trace in the file, which is no part of the tree.
 *
 * Not kept out are readers: what they have open stays, what they open later may be gone.
 */
#include "workspace/ws_restore_stores.h"

#include <string.h>

#include "store/db_capture.h"

void
firn_ws_restore_stores_deinit(struct firn_ws_restore_stores *stores)
{
    struct firn_os_file **locks = (struct firn_os_file **)(void *)stores->locks.data;
    for (size_t i = 0; i < stores->locks.size / sizeof(struct firn_os_file *); i++) {
        firn_os_file_close(locks[i]);
    }
    firn_buf_deinit(&stores->locks);
    firn_buf_deinit(&stores->seen);
}

/* "" is the root, and all lies in it. */
static bool
lies_in(firn_slice path, const char *store)
{
    size_t size = strlen(store);
    return size == 0 || (path.size >= size && memcmp(path.data, store, size) == 0 &&
                         (path.size == size || path.data[size] == '/'));
}

static int
lock(struct firn_ws_restore_stores *stores, const char *path, firn_error *err)
{
    struct firn_os_dir *dir;
    struct firn_os_file *file = NULL;
    int rc = firn_os_dir_open_beneath(stores->root, path, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* gone since it was scanned */
    }
    rc = firn_db_capture_keep_writers_out(dir, &file, err);
    if (rc == FIRN_BUSY) {
        rc = firn_error_prefix(err, "cannot restore a firn store that is being written");
    }
    if (rc == FIRN_OK && file != NULL && !stores->is_dry) {
        rc = firn_buf_append(&stores->locks, &file, sizeof(struct firn_os_file *));
        rc = rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "the locks of stores");
        file = rc == FIRN_OK ? NULL : file;
    }
    firn_os_file_close(file);
    firn_os_dir_close(dir);
    return rc;
}

int
firn_ws_restore_stores_change(void *ctx, firn_slice path, firn_error *err)
{
    struct firn_ws_restore_stores *stores = ctx;
    const char *store = (const char *)stores->paths.data;
    size_t i = 0;
    for (size_t at = 0; at < stores->paths.size; at += strlen(store + at) + 1, i++) {
        if (i == stores->seen.size && firn_buf_append_u8(&stores->seen, 0) != FIRN_OK) {
            return firn_error_no_memory(err, "the locks of stores");
        }
        if (stores->seen.data[i] == 0 && lies_in(path, store + at)) {
            stores->seen.data[i] = 1;
            int rc = lock(stores, store + at, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
    return FIRN_OK;
}
