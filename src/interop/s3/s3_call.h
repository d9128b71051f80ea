/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_call.h: a signed request to a bucket, repeated where that is safe, and what its answer
 * means. Only files of this folder include it.
 */
#ifndef FIRN_S3_S3_CALL_H
#define FIRN_S3_S3_CALL_H

#include "s3/s3.h"
#include "s3/s3_answer.h"
#include "s3/s3_credentials.h"
#include "s3/s3_http.h"

struct fi_s3_bucket {
    struct fi_bucket bucket; /* first */
    struct fi_os *os;
    struct fi_s3_url url;
    struct fi_s3_http http;
    struct fi_s3_credentials credentials;
    char *profile; /* NULL: the environment's */
    int64_t retry_ms;
    int64_t renew_after_ns; /* no earlier, as it has just failed */
};

enum fi_s3_call_kind {
    FI_S3_CALL_PUT = 1,
    FI_S3_CALL_GET = 2,
    FI_S3_CALL_HEAD = 3,
    FI_S3_CALL_LIST = 4,
    FI_S3_CALL_REMOVE = 5
};

struct fi_s3_call {
    enum fi_s3_call_kind kind;
    const char *name;  /* NULL: the bucket */
    const char *query; /* NULL: none */
    const char *range; /* NULL: all */
    const struct fi_bucket_body *body;
    struct fi_buf *out; /* cleared before each try; NULL: nothing is wanted */
    uint64_t size_max;
    /* Looks at an answer that is a success; false: it is cut short, and worth another try. NULL:
     * nothing to look at. */
    bool (*is_whole)(const struct fi_s3_call *call, const struct fi_s3_http_answer *answer);
    uint64_t offset; /* of a get */
};

/* Does the call. *answer is that of the last try: its status is 2xx, 404, 409, 412 or 416; all
 * others are errors. In any case the caller frees answer->error_body. */
FIRN_MUST_CHECK int fi_s3_call(struct fi_s3_bucket *s3, const struct fi_s3_call *call,
                               struct fi_s3_http_answer *answer, struct fi_s3_answer_error *error,
                               firn_error *err);

#endif
