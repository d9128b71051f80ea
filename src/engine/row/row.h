/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row.h: runs that keep each entry whole: key, sequence, kind and value side by side
 * (docs/formats/row.md).
 *
 * Everything about how they are used, and by which threads, is in block/run_kind.h; beyond it:
 * - get leaves the text of *err empty with FIRN_NOT_FOUND: it is an answer, and a frequent one.
 * - FIRN_CORRUPT of get and of cursors names file, offset and the keys that cannot be read.
 * - A cursor holds up to one block of the cache pinned; a sequential one, 256 KiB of its own.
 * - builder_add: FIRN_INVALID for what is out of order, FIRN_LIMIT beyond the limits below; the
 *   builder is as it was. After any other failure all calls but destroy return FIRN_FAILED.
 */
#ifndef FIRN_ROW_ROW_H
#define FIRN_ROW_ROW_H

#include "block/run_kind.h"

enum { FIRN_ROW_KEY_SIZE_MAX = 512 << 10, FIRN_ROW_VALUE_SIZE_MAX = 256 << 20 };

extern const struct firn_run_kind firn_row_kind;

#endif
