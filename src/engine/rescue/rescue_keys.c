/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_keys.c: the keys of a damaged store.
 *
 * The file FIRN says whether a store is encrypted. If it is lost, the file FIRN.keys says so, or
 * segments of the log or of MANIFEST that are encrypted; the cipher is that of their records EPOCH,
 * or else the one that every machine has. What says that a store is in clear is believed only of
 * the file FIRN: so a new store is never in clear because something was lost.
 *
 * (I1) Without FIRN.keys, and a secret that opens it, nothing is done: no file of the store can be
 *      read, and with the file, which may be elsewhere, all of them can. (Tested, not asserted: it
 *      concerns files from outside.)
 */
#include "rescue/rescue_internal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "cipher/cipher.h"
#include "log/log.h"
#include "os/os_names.h"
#include "os/os_seal.h"
#include "store/db_store_handle.h"

/* What the files of a store show. */
struct traces {
    bool is_encrypted;
    unsigned cipher; /* 0: no file says */
};

/* The first record of a segment, if that is an EPOCH: a writer begins each segment with one. */
static int
note_epoch(struct fi_os_file *file, uint64_t salt, struct traces *traces, firn_error *err)
{
    uint8_t bytes[FI_LOG_FORMAT_RECORD_SIZE + FI_LOG_FORMAT_EPOCH_SIZE];
    struct fi_log_format_record record;
    const uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    size_t size;
    FI_TRY_RETURN(fi_os_file_read(file, offset, bytes, sizeof bytes, &size, err));
    if (size == sizeof bytes && fi_log_format_get_record(bytes, salt, offset, &record) &&
        record.type == FI_LOG_FORMAT_EPOCH && record.length == FI_LOG_FORMAT_EPOCH_SIZE &&
        fi_log_format_verify_record(bytes, &record, salt, offset)) {
        traces->cipher = fi_load_le32(bytes + FI_LOG_FORMAT_RECORD_SIZE);
    }
    return FIRN_OK;
}

static int
note_segment(struct fi_os_dir *dir, const char *name, struct traces *traces, firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct fi_log_format_segment segment;
    uint8_t bytes[FI_LOG_FORMAT_SEGMENT_SIZE];
    size_t size = 0;
    int rc;
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    if (size == sizeof bytes &&
        fi_log_format_get_segment(bytes, fi_os_file_path(file), &segment, NULL) == FIRN_OK &&
        (segment.flags & FI_LOG_FORMAT_SEALED) != 0) {
        traces->is_encrypted = true;
        FI_TRY(note_epoch(file, segment.salt, traces, err));
    }
out:
    fi_os_file_close(file);
    return rc;
}

static bool
is_segment(const struct fi_os_dirent *entry)
{
    return fi_db_log_is_name(entry->name) ||
           (fi_lsm_is_name(entry->name) && fi_os_names_end_with(entry->name, ".log"));
}

/* `own` is a handle that nobody else lists. */
static int
find_traces(struct fi_os_dir *own, struct traces *out, firn_error *err)
{
    struct fi_buf names = {0};
    struct fi_os_stat stat;
    const char *name = NULL;
    firn_error found;
    bool is_there;
    int rc;
    *out = (struct traces){0};
    rc = fi_os_stat(own, FI_STOREFILE_KEYS_NAME, &stat, &found);
    FI_TRY(fi_rescue_sift(rc, &found, &out->is_encrypted, err));
    FI_TRY(fi_os_names_list(own, is_segment, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        rc = note_segment(own, name, out, &found);
        FI_TRY(fi_rescue_sift(rc, &found, &is_there, err));
    }
    if (out->is_encrypted && out->cipher == 0) {
        out->cipher = FI_CIPHER_XCHACHA20_POLY1305;
    }
out:
    fi_buf_deinit(&names);
    return rc;
}

static int
find_cipher(struct fi_os_dir *dir, unsigned *out, firn_error *err)
{
    struct fi_storefile_identity identity;
    struct fi_os_dir *own;
    struct traces traces;
    firn_error found;
    bool is_known;
    int rc = fi_db_create_read_identity(dir, &identity, &found);
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_known, err));
    if (is_known) {
        *out = identity.cipher;
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_os_dir_open_beneath(dir, "", &own, err));
    rc = find_traces(own, &traces, err);
    fi_os_dir_close(own);
    *out = rc == FIRN_OK ? traces.cipher : 0;
    return rc;
}

int
fi_rescue_keys_unlock(struct fi_os_dir *dir, const struct fi_unlock_source *unlock,
                      struct fi_os_dir **out, unsigned *out_cipher, firn_error *err)
{
    unsigned cipher;
    *out = NULL;
    FI_TRY_RETURN(find_cipher(dir, &cipher, err));
    if (out_cipher != NULL) {
        *out_cipher = cipher;
    }
    return cipher == 0 || fi_os_dir_seal(dir) != NULL
               ? fi_os_dir_open_beneath(dir, "", out, err)
               : fi_db_keys_open(dir, cipher, unlock, out, err);
}
