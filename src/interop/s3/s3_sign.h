/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_sign.h: signs requests: AWS Signature Version 4, "Authenticating Requests: Using the
 * Authorization Header" of Amazon S3's API reference. Any thread.
 */
#ifndef FIRN_S3_S3_SIGN_H
#define FIRN_S3_S3_SIGN_H

#include <stdint.h>

#include "base/buf.h"

struct fi_s3_sign_request {
    const char *method;
    const char *host;
    const char *path;  /* as it is sent */
    const char *query; /* "" or "name=value&name=value": encoded, names in ascending order */
    const char *if_none_match; /* NULL: not sent */
    const char *range;         /* NULL: not sent */
    const char *payload_hash;  /* in hexadecimal digits */
};

/* Appends the request's headers, "name: value" each, with a NUL after each. The names are in the
 * order in which they are signed. */
FIRN_MUST_CHECK int fi_s3_sign(const struct fi_s3_sign_request *request, const char *access_key,
                               const char *secret_key, const char *token, const char *region,
                               int64_t now_s, struct fi_buf *headers);

#endif
