/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_reader.c: readers in other processes, and what the writer must keep for them.
 *
 * A reader takes no lock that keeps a writer out. It takes a shared lock on one byte of the file
 * FIRN that stands for the version of MANIFEST that it uses: byte 2^32 + version, far beyond the
 * file's end. This also works on a file system that cannot be written to. The writer never locks
 * these bytes. Before it removes a run, or a segment of the log or of MANIFEST, that only older
 * versions need, it asks whether a process has locked a byte below that version. The system
 * releases a process's locks when it ends.
 *
 * A reader does not know the version before it has read MANIFEST. So it first locks byte 2^32
 * itself, which stands for a version older than all, then reads MANIFEST, then locks the byte of
 * the version that it has found, and only then unlocks the first one. No race takes a file from it:
 * (I1) If the writer asks after the reader has locked, the answer is yes, and nothing is removed.
 * (I2) If the writer asks before that, the version that it asks about was in MANIFEST earlier, so
 *      before the reader began to read. The reader then finds that version or a newer one, and the
 *      writer removes no file of these.
 * (Neither is checked: two processes have no common state but the locks.)
 * The first lock may be released before the log has been replayed: the same question protects its
 * segments, which are removed only at versions that no longer need them.
 *
 * A process that copies the store (copy_hot.c) keeps byte 2^32 locked until it has read
 * everything. Then no run is removed, by the rules above. Segments of the log and of MANIFEST are
 * removed some time after the writer has decided that they may be, so the writer asks about that
 * byte once more, right before.
 *
 * If the question cannot be answered, the answer counts as yes: files stay, and nothing else
 * happens.
 */
#include "base/check.h"
#include "instance/db_handle.h"

#define FIRST_BYTE (UINT64_C(1) << 32)
/* Larger versions would share its byte: they are never reached. */
#define VERSION_MAX (UINT64_C(1) << 61)

static uint64_t
byte_of(uint64_t version)
{
    return FIRST_BYTE + (version < VERSION_MAX ? version : VERSION_MAX);
}

int
fi_db_reader_lock_all(struct fi_os_dir *dir, struct fi_os_file **out, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, FIRST_BYTE, 1, err));
    *out = file;
    file = NULL;
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_db_reader_lock_version(struct fi_os_file *file, uint64_t version, firn_error *err)
{
    DCHECK(file != NULL);
    if (version == 0) {
        return FIRN_OK;
    }
    int rc = fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, byte_of(version), 1, err);
    if (rc == FIRN_OK) {
        fi_os_file_unlock_range(file, FIRST_BYTE, 1);
    }
    return rc;
}

uint64_t
fi_db_reader_version(struct firn_db *db)
{
    return fi_lsm_version(fi_db_image(db)->lsm);
}

int
fi_db_reader_is_any(struct fi_os_dir *dir, bool *out, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_is_range_held(file, FIRST_BYTE, VERSION_MAX, out, err));
out:
    fi_os_file_close(file);
    return rc;
}

bool
fi_db_reader_none_below(void *ctx, uint64_t version)
{
    const struct firn_db *db = ctx;
    bool is_locked = true;
    if (version == 0 || db->readers == NULL) {
        /* Without the file FIRN there is no store to read. */
        return true;
    }
    int rc = fi_os_file_is_range_held(db->readers, FIRST_BYTE, byte_of(version) - FIRST_BYTE,
                                      &is_locked, NULL);
    return rc == FIRN_OK && !is_locked;
}

static bool
may_remove(void *ctx)
{
    return fi_db_reader_none_below(ctx, 1);
}

struct fi_log_gate
fi_db_reader_gate(struct firn_db *db)
{
    return (struct fi_log_gate){.may_remove = may_remove, .ctx = db};
}
