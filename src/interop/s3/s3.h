/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3.h: a bucket of Amazon S3, or of another storage that speaks its protocol.
 *
 * (S1) A put is sent once (bucket.h, I1); only a connection that could not be made is tried again.
 *      An answer that says no (403, 503, ...) is FIRN_IO or FIRN_DENIED all the same: whether the
 *      object exists, nobody knows.
 * (S2) No text of an error has a key, a token, a password, or what follows the host of a URL. Not
 *      checked: it is about all texts.
 *
 * All other calls are repeated for up to a minute: after 429, 500, 502, 503, 504, and if a
 * connection breaks or stands still. What answers must be object storage: pages of a login portal
 * are FIRN_IO.
 *
 * Codes: FIRN_DENIED with what to do: keys, permissions, clocks. FIRN_NO_SPACE: a quota.
 * FIRN_INVALID: there is no such bucket. FIRN_UNSUPPORTED: libcurl is missing; the storage cannot
 * make an object only if there is none.
 */
#ifndef FIRN_S3_S3_H
#define FIRN_S3_S3_H

#include "bucket/bucket.h"
#include "os/os.h"
#include "s3/s3_url.h"

/* Zeros are the defaults; NULL texts come from the environment and from the user's files, as for
 * other programs: see README.md of this room. */
struct fi_s3_options {
    const char *endpoint; /* of s3:// URLs: "https://host[:port]"; AWS_ENDPOINT_URL_S3 */
    const char *region;   /* AWS_REGION */
    const char *profile;  /* AWS_PROFILE; if given here, keys of the environment do not count */
    const char *ca_file;  /* AWS_CA_BUNDLE */
    enum fi_s3_style style;
    int64_t bytes_per_second_max; /* in each direction; 0: no limit */
    int64_t retry_ms;             /* how long a call is repeated; 0: 60,000 */
    int64_t stall_s;              /* a transfer that stands still ends after 30 */
    int64_t grace_ms;             /* a slow one after 60,000, and its bytes at 16 KiB a second */
    int64_t connect_ms;           /* 10,000 */
};

/* Opens the objects below a URL: "s3://bucket/prefix", "https://host[:port]/bucket/prefix", or the
 * same with http, over which anybody on the way reads the objects, and can change what is read.
 * Asks for credentials, but the bucket only if there is no other way to know them. os must be that
 * of a real process, and outlive the bucket. Any thread. */
FIRN_MUST_CHECK int fi_s3_open(struct fi_os *os, const char *url,
                               const struct fi_s3_options *options, struct fi_bucket **out,
                               firn_error *err);

#endif
