/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_upload.c: files that are put before a state names them.
 *
 * A put that gets no answer may be carried out much later, when a prune has removed its name and
 * forgotten it; so it is never put again (a), and the next try has another name. Whatever then
 * appears under the first one is an orphan.
 *
 * Nobody else knows of such a file until then, but a prune may find it: it dooms the file, the next
 * one kills it. So an upload counts only while this machine has seen all states since it knew the
 * file to be there; else it asks the bucket, after the newest state is known (e).
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/calendar.h"
#include "codec/hex.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

/* Names of one file that are tried; and the pause before the second one, then twice as long. */
enum { NAME_MAX_TRIES = 4 };
#define PAUSE_NS INT64_C(500000000)

/* "2026-11-26T2209Z", for people. */
static void
write_minute(int64_t now_ns, char out[FI_CALENDAR_TEXT_SIZE_MAX])
{
    const int64_t minute = fi_calendar_divide(now_ns, INT64_C(60000000000));
    const int64_t day = fi_calendar_divide(minute, 1440);
    const uint32_t left = (uint32_t)(minute - day * 1440);
    char *at = out + fi_calendar_write_date(day, out);
    *at++ = 'T';
    at = fi_calendar_put_two(at, left / 60);
    at = fi_calendar_put_two(at, left % 60);
    *at++ = 'Z';
    *at = 0;
}

int
fi_remote_upload_name(struct fi_remote *remote, char out_name[FI_REMOTE_FILE_NAME_SIZE],
                      firn_error *err)
{
    uint8_t identity[12];
    char digits[2 * sizeof identity + 1];
    char minute[FI_CALENDAR_TEXT_SIZE_MAX];
    FI_TRY_RETURN(fi_os_random(remote->os, identity, sizeof identity, err));
    fi_hex_encode(identity, sizeof identity, digits);
    write_minute(fi_os_now_ns(remote->os), minute);
    (void)snprintf(out_name, FI_REMOTE_FILE_NAME_SIZE, "packs/%.20s-%s.pack", minute, digits);
    return FIRN_OK;
}

int
fi_remote_upload(struct fi_remote *remote, const struct fi_bucket_body *body, firn_slice value,
                 char out_name[FI_REMOTE_FILE_NAME_SIZE], firn_error *err)
{
    for (int tries = 1;; tries++) {
        FI_TRY_RETURN(fi_remote_upload_name(remote, out_name, err));
        int rc = fi_bucket_put(remote->bucket, out_name, body, err);
        if (rc == FIRN_OK) {
            break;
        }
        if ((rc != FIRN_IO && rc != FIRN_EXISTS) || tries == NAME_MAX_TRIES) {
            return rc;
        }
        FI_TRY_RETURN(fi_remote_pause(remote, PAUSE_NS << tries, err));
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
