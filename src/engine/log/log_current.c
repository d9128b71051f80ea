/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_current.c: whether a segment is as new ones of its directory are: encrypted with the
 * newest key, or in clear.
 *
 * A handle uses the newest key that there is when it begins an epoch, and keys are only added. So
 * the first EPOCH of a segment has the oldest of its keys. Before it there are only records of the
 * log itself, which are in clear.
 */
#include <string.h>

#include "base/bytes.h"
#include "log/log_internal.h"

static bool
has_newest_key(const struct fi_log_seal *seal, firn_slice epoch)
{
    if (epoch.size != FI_LOG_FORMAT_EPOCH_SIZE) {
        return false;
    }
    struct fi_cipher_keyring_use use = {.cipher = fi_load_le32(epoch.data),
                                        .number = fi_load_le32(epoch.data + 4)};
    memcpy(use.check, epoch.data + 8, sizeof use.check);
    return fi_cipher_keyring_is_newest(seal->keyring, &use);
}

static int
find_epoch(struct fi_log_reader *reader, const struct fi_log_seal *seal, bool *out, firn_error *err)
{
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    for (;;) {
        struct fi_log_reader_record record;
        bool is_valid;
        FI_TRY_RETURN(fi_log_reader_read(reader, offset, &record, &is_valid, err));
        if (!is_valid) {
            *out = true; /* nothing was encrypted */
            return FIRN_OK;
        }
        if (record.header.type == FI_LOG_FORMAT_EPOCH) {
            *out = has_newest_key(seal, record.payload);
            return FIRN_OK;
        }
        offset = record.end;
    }
}

int
fi_log_current_segment(struct fi_os_dir *dir, const char *prefix, uint64_t number, bool *out,
                       firn_error *err)
{
    struct fi_log_reader reader = {0};
    struct fi_log_seal seal;
    int rc;
    fi_log_seal_init(&seal, dir);
    FI_TRY(fi_log_reader_open(&reader, dir, prefix, number, err));
    bool is_sealed = (reader.segment.flags & FI_LOG_FORMAT_SEALED) != 0;
    *out = is_sealed == seal.encrypts;
    if (*out && is_sealed) {
        rc = find_epoch(&reader, &seal, out, err);
    }
out:
    fi_log_reader_close(&reader);
    fi_log_seal_deinit(&seal);
    return rc;
}
