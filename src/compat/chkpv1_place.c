/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/chkpv1_place.c: giving a .dat its name, which says what is in it.
 *
 * Where that name is taken, the content should be the same. That is not believed: if the file there
 * were damaged, dropping the new one would drop the only good copy. Both are compared byte by byte,
 * and the one there is synced, since its writer may not have done that (the seed's does not).
 */
#include <inttypes.h>

#include "base/mem.h"
#include "compat/chkpv1.h"

enum { COMPARE_SIZE = 64 << 10 };

/* Compares the contents of two files of the same size. */
static int
compare_contents(struct firn_os_file *ours, struct firn_os_file *theirs, uint64_t file_size,
                 firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t *bytes = firn_alloc_array(2, COMPARE_SIZE);
    if (bytes == NULL) {
        return firn_error_no_memory(err, "comparing two packs");
    }
    for (uint64_t offset = 0; offset < file_size;) {
        uint64_t left = file_size - offset;
        size_t size = left < COMPARE_SIZE ? (size_t)left : COMPARE_SIZE;
        FIRN_TRY(firn_os_file_read_exact(ours, offset, bytes, size, err));
        FIRN_TRY(firn_os_file_read_exact(theirs, offset, bytes + COMPARE_SIZE, size, err));
        if (memcmp(bytes, bytes + COMPARE_SIZE, size) != 0) {
            FIRN_TRY(firn_error_set(err, FIRN_CORRUPT,
                                    "'%s' is there already with other bytes, from offset %" PRIu64
                                    " to %" PRIu64,
                                    firn_os_file_path(theirs), offset, offset + size));
        }
        offset += size;
    }
out:
    firn_free(bytes);
    return rc;
}

/* Keeps the file that has the name already, if it is what would have been put there. */
static int
keep_existing(struct firn_tempfile *temp, const char *name, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_os_file *existing = NULL;
    struct firn_os_stat ours;
    struct firn_os_stat theirs;
    FIRN_TRY(firn_os_file_open(temp->dir, name, FIRN_OS_READ, 0, &existing, err));
    FIRN_TRY(firn_os_file_stat(existing, &theirs, err));
    FIRN_TRY(firn_os_file_stat(temp->file, &ours, err));
    if (ours.size_bytes != theirs.size_bytes) {
        FIRN_TRY(firn_error_set(err, FIRN_CORRUPT,
                                "'%s' is there already with %" PRIu64 " bytes, not %" PRIu64,
                                firn_os_file_path(existing), theirs.size_bytes, ours.size_bytes));
    }
    FIRN_TRY(compare_contents(temp->file, existing, ours.size_bytes, err));
    FIRN_TRY(firn_os_file_sync(existing, err));
out:
    firn_os_file_close(existing);
    return rc;
}

int
firn_chkpv1_place_put(struct firn_tempfile *temp, const char *name, firn_error *err)
{
    firn_error problem;
    int rc = firn_tempfile_put(temp, name, FIRN_OS_RENAME_NO_REPLACE, &problem);
    return rc == FIRN_EXISTS ? keep_existing(temp, name, err)
                             : firn_chkpv1_pass_error(err, rc, &problem);
}
