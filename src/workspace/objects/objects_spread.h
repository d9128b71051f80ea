/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_spread.h: the content of one large object, read by several threads.
 */
#ifndef FIRN_OBJECTS_OBJECTS_SPREAD_H
#define FIRN_OBJECTS_OBJECTS_SPREAD_H

#include "objects/objects.h"
#include "threads/os_thread.h"

/* From here on a file is worth all threads. */
enum { FIRN_OBJECTS_SPREAD_SIZE_MIN = 16 << 20 };

/* What reading is done with; all of it borrowed. The pool has nothing else to do meanwhile. */
struct firn_objects_spread {
    struct firn_objects *objects;
    struct firn_os_jobs *jobs;
    struct firn_packfile_scratch **scratches; /* one for each of thread_count threads */
    unsigned thread_count;
    /* Told of what was read and handed on since the last time, to show progress; not FIRN_OK ends
     * the reading. Any thread. May be NULL. */
    int (*on_bytes)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* Runs work once for each thread, with its scratch, and waits until all have ended. Fails where not all
 * of them could be begun. */
FIRN_MUST_CHECK int firn_objects_spread_run(const struct firn_objects_spread *spread,
                                            void (*work)(void *ctx,
                                                         struct firn_packfile_scratch *scratch),
                                            void *ctx, firn_error *err);

/* As firn_objects_stream, but sink is called from several threads, with pieces of the content in
 * any order; and what it was given is verified, as a whole, when this returns FIRN_OK, not before:
 * until then it must not come where anybody takes it for the content. Not to be called from a job
 * of the pool. */
FIRN_MUST_CHECK int firn_objects_spread_read(const struct firn_objects_spread *spread,
                                             const firn_hash *hash, uint64_t size,
                                             int (*sink)(void *ctx, uint64_t offset,
                                                         firn_slice data, firn_error *err),
                                             void *ctx, firn_error *err);

#endif
