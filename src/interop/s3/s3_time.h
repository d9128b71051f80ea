/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_time.h: times in answers, as seconds since 1970. Any thread.
 */
#ifndef FIRN_S3_S3_TIME_H
#define FIRN_S3_S3_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/types.h"

/* "Sat, 28 Nov 2026 09:11:24 GMT" (RFC 9110, 5.6.7: the form that must be sent). */
bool fi_s3_time_parse_http(firn_slice text, int64_t *out_s);
/* "2026-11-28T09:11:24Z", also with a fraction, or "+00:00" in place of the Z. */
bool fi_s3_time_parse_iso(firn_slice text, int64_t *out_s);
/* "20261128T091124Z" */
enum { FI_S3_TIME_COMPACT_SIZE = 17 };
void fi_s3_time_write_compact(int64_t seconds, char out[FI_S3_TIME_COMPACT_SIZE]);

#endif
