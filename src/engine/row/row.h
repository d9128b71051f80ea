/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row.h: runs that keep each entry whole: key, sequence, kind and value side by side
 * (docs/formats/row.md).
 *
 * run/run_kind.h describes how runs are used, and by which threads. In addition:
 * - get leaves the text of *err empty with FIRN_NOT_FOUND, which is a normal and frequent answer.
 * - FIRN_CORRUPT of get and of cursors names file, offset and the keys that cannot be read.
 * - A cursor keeps up to one block of the cache pinned; a sequential one has 256 KiB of its own.
 * - builder_add: FIRN_INVALID for entries out of order, FIRN_LIMIT beyond the limits below; the
 *   builder is unchanged. After any other failure all calls but destroy return FIRN_FAILED.
 */
#ifndef FIRN_ROW_ROW_H
#define FIRN_ROW_ROW_H

#include "run/run_kind.h"

extern const struct fi_run_kind fi_row_kind;

#endif
