/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_url.h: where a bucket is: from a URL and options to the host and the path of a request. Any
 * thread.
 */
#ifndef FIRN_S3_S3_URL_H
#define FIRN_S3_S3_URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

enum fi_s3_style {
    FI_S3_STYLE_DEFAULT = 0, /* host style for AWS, path style for others */
    FI_S3_STYLE_PATH = 1,    /* https://host/bucket/name */
    FI_S3_STYLE_HOST = 2     /* https://bucket.host/name */
};

enum {
    FI_S3_URL_HOST_SIZE = 320,
    FI_S3_URL_BUCKET_SIZE = 64,
    FI_S3_URL_PREFIX_SIZE = 513,
    FI_S3_URL_REGION_SIZE = 40
};

struct fi_s3_url {
    bool is_https;
    bool is_aws; /* a host of the region that AWS names */
    bool is_host_style;
    char host[FI_S3_URL_HOST_SIZE]; /* of the endpoint, with a port that is not the usual one */
    char base[FI_S3_URL_PREFIX_SIZE + 1]; /* "" or "/path" that comes before the bucket */
    char bucket[FI_S3_URL_BUCKET_SIZE];
    char prefix[FI_S3_URL_PREFIX_SIZE]; /* "" or "parts/of/names/" */
    char region[FI_S3_URL_REGION_SIZE]; /* "" if the URL does not say */
};

/* Reads "s3://bucket/prefix", "https://host[:port]/bucket/prefix" or the same with http. endpoint:
 * for s3:// URLs the "https://host[:port][/path]" to use, NULL for AWS; not for others. region:
 * NULL or "" if it is not known. FIRN_INVALID; the text has no user and no password of a URL. */
FIRN_MUST_CHECK int fi_s3_url_parse(const char *text, const char *endpoint, const char *region,
                                    enum fi_s3_style style, struct fi_s3_url *out, firn_error *err);
/* Whether a text can be a region: lower-case letters, digits and '-'. */
bool fi_s3_url_is_region(firn_slice text);
/* The bucket is in this region: with AWS the host follows. Requires: it is one. */
void fi_s3_url_set_region(struct fi_s3_url *url, const char *region);

/* The host of a request, as in its header Host. */
enum { FI_S3_URL_REQUEST_HOST_SIZE = FI_S3_URL_HOST_SIZE + FI_S3_URL_BUCKET_SIZE };
void fi_s3_url_host(const struct fi_s3_url *url, char out[FI_S3_URL_REQUEST_HOST_SIZE]);
/* Appends the path of an object, or of the bucket (name NULL), without a NUL. */
FIRN_MUST_CHECK int fi_s3_url_path(const struct fi_s3_url *url, const char *name,
                                   struct fi_buf *out);
/* Appends a text with all bytes as %XX but for letters, digits and "-._~" (RFC 3986). */
FIRN_MUST_CHECK int fi_s3_url_encode(const char *text, struct fi_buf *out);
/* Takes the scheme of a URL of http or https and its host apart; the rest begins with a '/' or is
 * empty. False if it has another scheme, a user, a query, or bytes that no URL has. */
bool fi_s3_url_split(const char *text, bool *out_is_https, firn_slice *out_host,
                     const char **out_rest);

#endif
