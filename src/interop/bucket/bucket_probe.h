/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_probe.h: whether a storage makes an object only if there is none, also for several
 * that try at once. Some ignore the condition, some check it too early, and both look right to who
 * asks alone.
 */
#ifndef FIRN_BUCKET_BUCKET_PROBE_H
#define FIRN_BUCKET_BUCKET_PROBE_H

#include "bucket/bucket.h"
#include "os/os.h"

/* Lets eight writers make the same new object, in "probe/", and removes it if that is permitted.
 * FIRN_UNSUPPORTED: more than one was told that it has; machines cannot share this storage. */
FIRN_MUST_CHECK int fi_bucket_probe(struct fi_bucket *bucket, struct fi_os *os, firn_error *err);

#endif
