/* SPDX-License-Identifier: Apache-2.0
 *
 * arrow/arrow_export.h: a scan as an Arrow C stream.
 */
#ifndef FIRN_ARROW_ARROW_EXPORT_H
#define FIRN_ARROW_ARROW_EXPORT_H

#include "base/error.h"
#include "firn/arrow.h"

/* The functions by which the stream reads its scan: the public ones, which check their arguments
 * and call query/query.h. */
struct fi_arrow_export_scan {
    int (*next)(firn_scan *scan, const firn_scan_batch **out, firn_error *err);
    void (*close)(firn_scan *scan);
};

/* The stream takes the scan over, also after a failure. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_arrow_export_open(firn_scan *scan,
                                         const struct fi_arrow_export_scan *functions,
                                         struct ArrowArrayStream *out, firn_error *err);

#endif
