/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_fetch.h: large objects into files, several parts at a time where that is faster.
 *
 * One thread at a time, which also uses the bucket.
 */
#ifndef FIRN_BUCKET_BUCKET_FETCH_H
#define FIRN_BUCKET_BUCKET_FETCH_H

#include <stdint.h>

#include "bucket/bucket.h"
#include "os/os.h"

enum { FI_BUCKET_FETCH_PART_SIZE = 6 << 20 };

struct fi_bucket_fetch;

/* bucket is borrowed until destroy. tick is called by the caller's thread, now and then, with the
 * bytes that came since its last call; what it returns but FIRN_OK ends the fetch. */
FIRN_MUST_CHECK int fi_bucket_fetch_create(struct fi_os *os, struct fi_bucket *bucket,
                                           int (*tick)(void *ctx, uint64_t bytes, firn_error *err),
                                           void *ctx, struct fi_bucket_fetch **out,
                                           firn_error *err);
/* Writes the first `size` bytes of an object to the beginning of a file. FIRN_NOT_FOUND.
 * FIRN_CORRUPT: it is shorter. After a failure the file may have any of them. The requests count
 * as the bucket's. */
FIRN_MUST_CHECK int fi_bucket_fetch_object(struct fi_bucket_fetch *fetch, const char *name,
                                           uint64_t size, struct fi_os_file *file, firn_error *err);
/* NULL is fine. */
void fi_bucket_fetch_destroy(struct fi_bucket_fetch *fetch);

#endif
