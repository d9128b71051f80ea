/* SPDX-License-Identifier: Apache-2.0
 *
 * api/arrow_api.c: the public face of Arrow data: arguments are checked here, everything else is arrow/'s.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "arrow/arrow_export.h"

int
firn_scan_to_arrow(firn_scan *scan, struct ArrowArrayStream *out, firn_error *err)
{
    API_ANY_ERROR(err);
    static const struct firn_arrow_export_scan functions = {firn_scan_next, firn_scan_close};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = (struct ArrowArrayStream){.release = NULL};
    API_REQUIRE(scan != NULL, err, "scan must not be NULL");
    API_OPEN(scan, SCAN, err);
    return firn_arrow_export_open(scan, &functions, out, err);
}
