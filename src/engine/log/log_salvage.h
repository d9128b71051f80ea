/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_salvage.h: what is whole in a log that cannot be opened.
 */
#ifndef FIRN_LOG_LOG_SALVAGE_H
#define FIRN_LOG_LOG_SALVAGE_H

#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"
#include "os/os.h"

/* Shows every whole record of every segment that has a good header, in the order of segments and of
 * places in them: also behind bad bytes, behind the end of the log, and of segments that belong to it
 * no more. Nothing is promised about what is missing in between. The record's bytes are borrowed
 * until visit returns; another return than FIRN_OK ends the walk and is returned. A directory
 * without segments is shown as nothing. */
FIRN_MUST_CHECK int firn_log_salvage(struct firn_os_dir *dir, const char *prefix,
                                     int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                                  firn_error *err),
                                     void *ctx, firn_error *err);

#endif
