/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_direct.h: large records, written from where their bytes are.
 */
#ifndef FIRN_LOG_LOG_DIRECT_H
#define FIRN_LOG_LOG_DIRECT_H

#include "log/log_writer.h"

/* Records that take so much room, and more. */
enum { FIRN_LOG_DIRECT_ROOM_MIN = 32 << 10 };

/* Writes a record of these parts at its place. A failure may leave a part of it there, but no
 * record. */
FIRN_MUST_CHECK int firn_log_direct_write(const struct firn_log_writer_place *place,
                                          const struct firn_log_format_record *record,
                                          const firn_slice *parts, size_t part_count,
                                          firn_error *err);

#endif
