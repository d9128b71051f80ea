/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_notices.h: notices of a scan that may begin once more.
 */
#ifndef FIRN_SCAN_SCAN_NOTICES_H
#define FIRN_SCAN_SCAN_NOTICES_H

#include "base/arena.h"
#include "base/buf.h"
#include "firn/workspace.h"

struct firn_scan_notices {
    firn_callbacks callbacks; /* who is to be told */
    struct firn_arena arena;
    struct firn_buf kept; /* of firn_notice; what they point to lies in the arena */
};

/* From zeroes. Returns callbacks that keep what these would be told. Their context is *notices, which
 * must not move. Any thread may call them, one at a time. */
firn_callbacks firn_scan_notices_keep(struct firn_scan_notices *notices,
                                      const firn_callbacks *callbacks);
/* The scan has succeeded. */
void firn_scan_notices_tell(struct firn_scan_notices *notices);
/* The scan has failed, and what it said counts for nothing. */
void firn_scan_notices_drop(struct firn_scan_notices *notices);

#endif
