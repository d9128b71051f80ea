/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_lock.h: one writing handle at a time. Any thread.
 */
#ifndef FIRN_STOREFILE_STOREFILE_LOCK_H
#define FIRN_STOREFILE_STOREFILE_LOCK_H

#include "base/error.h"
#include "os/os.h"

/* FIRN_BUSY, naming the holder, if another has the lock for longer than a time; negative: for ever. */
FIRN_MUST_CHECK int firn_storefile_lock_acquire(struct firn_os_dir *dir, int64_t timeout_ms,
                                                struct firn_os_file **out, firn_error *err);

/* The same without a trace in the file; *out is NULL where there is none, and it may not or cannot be
 * made, or it cannot be locked. */
FIRN_MUST_CHECK int firn_storefile_lock_hold(struct firn_os_dir *dir, bool may_create,
                                             int64_t timeout_ms, struct firn_os_file **out,
                                             firn_error *err);

#endif
