/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_salvage.c: every record that can still be read.
 *
 * Opening a log shows a prefix of it or fails (log_recover.c): what stands behind a bad place must
 * not be taken for a state of the store. Who repairs a store looks for single facts, and takes
 * whatever record is whole. Its checksum covers the segment's salt and its place, so nothing that
 * was copied, or left from an earlier use of the file, is taken for one.
 *
 * A segment that cannot be read, or whose header is bad, is passed over: without the salt none of
 * its records can be told. So is the rest of a segment that was made to be slow to search.
 *
 * Memory: the numbers of the segments, and one record.
 */
#include "log/log.h"

#include <string.h>

#include "log/log_internal.h"

/* Failures that lie in the file, not in the machine. */
static bool
is_of_file(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO;
}

static int
salvage_segment(struct firn_log_reader *reader,
                int (*visit)(void *ctx, uint8_t type, firn_slice record, firn_error *err),
                void *ctx, firn_error *err)
{
    uint64_t offset = FIRN_LOG_FORMAT_SEGMENT_SIZE;
    uint64_t vain_bytes = 0;
    for (;;) {
        struct firn_log_reader_record record;
        bool is_found;
        int rc = firn_log_reader_find(reader, &offset, &vain_bytes, &record, &is_found, err);
        if (rc != FIRN_OK || !is_found) {
            return is_of_file(rc) ? FIRN_OK : rc;
        }
        if (record.header.type >= FIRN_LOG_TYPE_USER) {
            rc = visit(ctx, record.header.type, record.payload, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
}

int
firn_log_salvage(struct firn_os_dir *dir, const char *prefix,
                 int (*visit)(void *ctx, uint8_t type, firn_slice record, firn_error *err),
                 void *ctx, firn_error *err)
{
    struct firn_buf numbers = {0};
    int rc = firn_log_segment_list(dir, prefix, &numbers, err);
    for (size_t at = 0; rc == FIRN_OK && at < numbers.size; at += sizeof(uint64_t)) {
        struct firn_log_reader reader = {0};
        uint64_t number;
        memcpy(&number, numbers.data + at, sizeof number);
        rc = firn_log_reader_open(&reader, dir, prefix, number, err);
        if (rc == FIRN_OK) {
            rc = salvage_segment(&reader, visit, ctx, err);
        } else if (is_of_file(rc)) {
            rc = FIRN_OK;
        }
        firn_log_reader_close(&reader);
    }
    firn_buf_deinit(&numbers);
    return rc;
}
