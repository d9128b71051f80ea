/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_marker.h: the file FIRN-REMOTE.txt, which tells people and programs what a bucket
 * is.
 */
#ifndef FIRN_REMOTE_REMOTE_MARKER_H
#define FIRN_REMOTE_REMOTE_MARKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bucket/bucket.h"
#include "os/os.h"

#define FI_REMOTE_MARKER_NAME "FIRN-REMOTE.txt"
enum { FI_REMOTE_MARKER_ID_SIZE = 16, FI_REMOTE_MARKER_SIZE_MAX = 8192 };

struct fi_remote_marker {
    uint8_t id[FI_REMOTE_MARKER_ID_SIZE]; /* random, of this remote alone */
    bool is_encrypted;
};

/* FIRN_NOT_FOUND: the bucket has no such file. FIRN_INVALID: it has another file of that name.
 * FIRN_NEWER: the remote is of a later format. */
FIRN_MUST_CHECK int fi_remote_marker_read(struct fi_bucket *bucket, struct fi_remote_marker *out,
                                          firn_error *err);
/* Makes an empty bucket a remote, unless it is one already; out->is_encrypted says which kind. *out
 * is what is there then. FIRN_EXISTS: it is no remote, and has other objects. */
FIRN_MUST_CHECK int fi_remote_marker_create(struct fi_bucket *bucket, struct fi_os *os,
                                            struct fi_remote_marker *out, firn_error *err);
/* Puts the marker of a remote that has lost it. FIRN_EXISTS: there is another one. */
FIRN_MUST_CHECK int fi_remote_marker_restore(struct fi_bucket *bucket,
                                             const struct fi_remote_marker *marker,
                                             firn_error *err);
/* Reading and creating without a bucket. */
FIRN_MUST_CHECK int fi_remote_marker_encode(const struct fi_remote_marker *marker,
                                            struct fi_buf *out, firn_error *err);
FIRN_MUST_CHECK int fi_remote_marker_decode(firn_slice text, struct fi_remote_marker *out,
                                            firn_error *err);

#endif
