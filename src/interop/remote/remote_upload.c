/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_upload.c: files that are put before a state names them.
 *
 * Nobody else knows of such a file until then, but a prune may find it: it dooms the file, the next
 * one kills it. So an upload counts only while this machine has seen all states since it knew the
 * file to be there; else it asks the bucket, after the newest state is known (e).
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hex.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

int
fi_remote_upload(struct fi_remote *remote, firn_slice bytes, firn_slice value,
                 char out_name[FI_REMOTE_FILE_NAME_SIZE], firn_error *err)
{
    uint8_t identity[8];
    char digits[2 * sizeof identity + 1];
    FI_TRY_RETURN(fi_os_random(remote->os, identity, sizeof identity, err));
    fi_hex_encode(identity, sizeof identity, digits);
    (void)snprintf(out_name, FI_REMOTE_FILE_NAME_SIZE, "packs/%s.pack", digits);
    int rc = fi_bucket_put(remote->bucket, out_name, bytes, err);
    if (rc != FIRN_OK && rc != FIRN_EXISTS) {
        return rc; /* EXISTS: an answer was lost, since names are used once */
    }
    return fi_remote_table_put(&remote->uploads, firn_str(out_name), value, FI_REMOTE_UPLOAD_SEEN,
                               err);
}

int
fi_remote_upload_check(struct fi_remote *remote, firn_error *err)
{
    fi_remote_resolve_uploads(remote);
    for (size_t i = remote->uploads.count; i > 0; i--) {
        struct fi_remote_item *upload = &remote->uploads.items[i - 1];
        if (upload->status == FI_REMOTE_UPLOAD_SEEN) {
            continue;
        }
        char name[FI_BUCKET_NAME_SIZE_MAX + 1];
        uint64_t size;
        fi_remote_file_name(upload, name);
        int rc = fi_bucket_head(remote->bucket, name, &size, err);
        if (rc == FIRN_NOT_FOUND) {
            fi_remote_table_remove(&remote->uploads, firn_str(name));
        } else if (rc == FIRN_OK) {
            upload->status = FI_REMOTE_UPLOAD_SEEN;
        } else {
            return rc;
        }
    }
    return FIRN_OK;
}
