/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_segment.h: segments as files of a directory: their names, which are there, opening and
 * creating one.
 */
#ifndef FIRN_LOG_LOG_SEGMENT_H
#define FIRN_LOG_LOG_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "log/log_format.h"
#include "os/os.h"

/* The longest prefix of a log's files, and room for a whole name with its NUL. */
enum { FIRN_LOG_SEGMENT_PREFIX_MAX = 64, FIRN_LOG_SEGMENT_NAME_SIZE = 96 };

/* FIRN_INVALID unless the prefix has 1 to FIRN_LOG_SEGMENT_PREFIX_MAX bytes. */
FIRN_MUST_CHECK int firn_log_segment_check_prefix(const char *prefix, firn_error *err);
/* Writes "<prefix>-<number>.log", the number with at least six digits. */
void firn_log_segment_name(const char *prefix, uint64_t number, char *out);

/* The largest number among the log's segments in dir; 0 where there is none. */
FIRN_MUST_CHECK int firn_log_segment_newest(struct firn_os_dir *dir, const char *prefix,
                                            uint64_t *out, firn_error *err);
/* The numbers of all segments that are there, as uint64_t, ascending, appended to out. */
FIRN_MUST_CHECK int firn_log_segment_list(struct firn_os_dir *dir, const char *prefix,
                                          struct firn_buf *out, firn_error *err);
/* Removes what is no part of the log: segments numbered below oldest, files of segments that
 * were never finished. */
FIRN_MUST_CHECK int firn_log_segment_tidy(struct firn_os_dir *dir, const char *prefix,
                                          uint64_t oldest, firn_error *err);
/* Removes one segment; it is no failure if it is gone already. */
FIRN_MUST_CHECK int firn_log_segment_remove(struct firn_os_dir *dir, const char *prefix,
                                            uint64_t number, firn_error *err);

/* Opens a segment and checks its header. flags as for firn_os_file_open. FIRN_NOT_FOUND where
 * there is no such file. */
FIRN_MUST_CHECK int firn_log_segment_open(struct firn_os_dir *dir, const char *prefix,
                                          uint64_t number, unsigned flags,
                                          struct firn_os_file **out_file,
                                          struct firn_log_format_segment *out, firn_error *err);
/* Makes a segment without records, durable but for its name when this returns, and opens it for
 * reading and writing. The salt of *segment is chosen here. FIRN_EXISTS if the name is taken.
 * *out_is_harmless tells of a failure whether it left everything as it was: no sync failed, and
 * no segment of that name can be there. */
FIRN_MUST_CHECK int firn_log_segment_create(struct firn_os_dir *dir, const char *prefix,
                                            struct firn_log_format_segment *segment,
                                            struct firn_os_file **out, bool *out_is_harmless,
                                            firn_error *err);

/* ---- the spare: a file for a segment to come ---- */

/* Makes one that holds zeros, durably. Nothing is left of it where that fails. */
FIRN_MUST_CHECK int firn_log_segment_make_spare(struct firn_os_dir *dir, const char *prefix,
                                                size_t size_bytes);
/* Makes one of a segment that was given up. */
FIRN_MUST_CHECK int firn_log_segment_recycle(struct firn_os_dir *dir, const char *prefix,
                                             uint64_t number);
/* As firn_log_segment_create, out of the spare; but the name is not durable when this returns. */
FIRN_MUST_CHECK int firn_log_segment_use_spare(struct firn_os_dir *dir, const char *prefix,
                                               struct firn_log_format_segment *segment,
                                               struct firn_os_file **out, bool *out_is_harmless,
                                               firn_error *err);
/* It is gone, or stays until the log is opened again. */
void firn_log_segment_remove_spare(struct firn_os_dir *dir, const char *prefix);

#endif
