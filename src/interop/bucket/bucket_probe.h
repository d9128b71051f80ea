/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_probe.h: tests whether a storage makes an object only if there is none, even if
 * several clients try at once. Some storages ignore the condition, some check it too early; one
 * client alone cannot tell them from a right one.
 */
#ifndef FIRN_BUCKET_BUCKET_PROBE_H
#define FIRN_BUCKET_BUCKET_PROBE_H

#include "bucket/bucket.h"
#include "os/os.h"

/* Lets eight writers make the same new object in "probe/", and removes it if that is permitted.
 * FIRN_UNSUPPORTED: more than one of them succeeded, so machines cannot share this storage. */
FIRN_MUST_CHECK int fi_bucket_probe(struct fi_bucket *bucket, struct fi_os *os, firn_error *err);

#endif
