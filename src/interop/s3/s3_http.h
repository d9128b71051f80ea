/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_http.h: one request over HTTP and its answer. It knows neither buckets nor signatures.
 *
 * (S3) A request that may be sent once only is sent once: libcurl sends a request again by itself
 *      if a connection that was used before turns out to be dead. It asks before each sending, and
 *      the second time it is told no.
 *
 * (S4) A request ends, whatever the server does: after grace_ms and the time that the bytes which
 *      came or went take at FI_S3_HTTP_PACE_MIN. A server that sends a byte now and then never
 *      stands still. Not checked: it is about time.
 *
 * One thread at a time uses a handle.
 */
#ifndef FIRN_S3_S3_HTTP_H
#define FIRN_S3_S3_HTTP_H

#include "bucket/bucket.h"
#include "os/os.h"
#include "s3/s3_curl.h"

struct fi_s3_http_options {
    const char *ca_file;          /* NULL: those of the system */
    int64_t bytes_per_second_max; /* 0: no limit */
    int64_t connect_ms;
    int64_t stall_s;  /* so long without a byte ends a request */
    int64_t grace_ms; /* so long may a request take, and more at FI_S3_HTTP_PACE_MIN */
};

struct fi_s3_http {
    struct fi_os *os;
    const struct fi_s3_curl *curl;
    void *easy;
    struct fi_s3_http_options options; /* ca_file is owned */
    int64_t answered_ns;               /* when the last answer was complete; 0: none was */
};

struct fi_s3_http_request {
    const char *method;
    const char *url;
    firn_slice headers;                /* "name: value", with a NUL after each */
    const struct fi_bucket_body *body; /* of a PUT */
    firn_slice form;                   /* of a POST */
    bool is_once;                      /* (S3) */
    bool is_direct;                    /* by no proxy */
    int64_t timeout_ms;                /* of all; 0: none */
    struct fi_buf *out; /* the contents of an answer that is a success are appended to it... */
    uint64_t size_max;  /* ...if they have so many bytes at most */
};

enum {
    FI_S3_HTTP_ERROR_BODY_MAX = 64 << 10,
    /* Bytes of a body a second, each way; half of the limit if that is less. Slower is an end. */
    FI_S3_HTTP_PACE_MIN = 16 << 10
};

struct fi_s3_http_answer {
    int status; /* 0: there was none */
    int64_t date_s;
    bool has_size;
    uint64_t size_bytes; /* Content-Length */
    bool has_range;
    uint64_t range_begin; /* of Content-Range */
    uint64_t range_end;   /* after the last byte */
    uint64_t range_total;
    bool is_html;
    bool has_etag;
    bool is_from_s3;          /* it has headers that object storage sends */
    char region[40];          /* x-amz-bucket-region */
    struct fi_buf error_body; /* the beginning of what is no success */
    /* Why there is no answer. */
    int curl_code;
    bool is_connected; /* false: nothing was sent, for sure */
    bool is_too_large;
    int body_code; /* FIRN_OK, or what reading the body failed with; that error is in *err */
    char curl_text[FI_S3_CURL_ERROR_SIZE];
};

FIRN_MUST_CHECK int fi_s3_http_init(struct fi_s3_http *http, struct fi_os *os,
                                    const struct fi_s3_http_options *options, firn_error *err);
void fi_s3_http_deinit(struct fi_s3_http *http);

/* FIRN_OK whether there is an answer or not: *answer says. A failure is FIRN_NO_MEMORY, or the
 * body's own. The caller frees answer->error_body in any case. */
FIRN_MUST_CHECK int fi_s3_http_perform(struct fi_s3_http *http,
                                       const struct fi_s3_http_request *request,
                                       struct fi_s3_http_answer *answer, firn_error *err);

#endif
