/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket.h: the seam to object storage: six calls over objects with names.
 *
 * An object is written once and whole, and never changes; it can only be removed. Names are as in
 * object storage: parts of letters, digits, '.', '-' and '_', separated by '/'.
 *
 * (I1) A put is sent once. One that gets no answer is FIRN_IO: its object may exist, or be made at
 *      any later time, or never. Every other call is safe to repeat, and implementations do. Not
 *      checked: the network is not ours.
 * (I2) What list, head or put has answered is true for calls that begin afterwards: an object that
 *      was made is listed, and one that was removed is not. An implementation that cannot promise
 *      it refuses to open. A get may be answered by a cache. Not checked: it takes two machines.
 *
 * One thread at a time uses a handle; fi_bucket_open_again makes one for another thread. In a child
 * of fork a handle of its parent is refused (FIRN_MISUSE): both would speak over one connection.
 *
 * Implementations: a directory (bucket_folder.h); S3 (s3/s3.h); and one for tests, in memory, whose
 * answers are lost, late or stale (tests/sim/sim_bucket.h).
 */
#ifndef FIRN_BUCKET_BUCKET_H
#define FIRN_BUCKET_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"
#include "os/os_process.h"

/* Without a NUL: of names that firn makes, and of those that a bucket may list. */
enum { FI_BUCKET_NAME_SIZE_MAX = 200, FI_BUCKET_LISTED_NAME_SIZE_MAX = 1024 };
/* The most objects that one call of fi_bucket_list names. */
enum { FI_BUCKET_LIST_MAX = 1000 };

struct fi_bucket_object {
    const char *name; /* borrowed until the visitor returns */
    uint64_t size_bytes;
    /* How long ago it was made, both times by the clock of the storage; 0 if it does not say. */
    int64_t age_s;
};

struct fi_bucket;

/* What a put sends. read copies the `size` bytes from offset on; it may be asked for any of them
 * more than once, since some signatures need a hash first. */
struct fi_bucket_body {
    uint64_t size_bytes;
    int (*read)(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err);
    void *ctx;
};

struct fi_bucket_ops {
    int (*put)(struct fi_bucket *bucket, const char *name, const struct fi_bucket_body *body,
               firn_error *err);
    int (*get)(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size,
               struct fi_buf *out, firn_error *err);
    int (*head)(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes,
                firn_error *err);
    int (*list)(struct fi_bucket *bucket, const char *prefix, const char *after, size_t count_max,
                int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx,
                bool *out_has_more, firn_error *err);
    int (*remove)(struct fi_bucket *bucket, const char *name, firn_error *err);
    int (*open_again)(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *err);
    void (*close)(struct fi_bucket *bucket);
};

/* The most handles that are used at once. */
enum { FI_BUCKET_STREAMS_MAX = 2 };

/* Embedded at the beginning of an implementation's struct. */
struct fi_bucket {
    struct fi_os_process_mark mark;
    const struct fi_bucket_ops *ops;
    unsigned stream_count;  /* handles that bring an object sooner than one does; 1 at first */
    uint64_t request_count; /* since it was opened; tries of one call count as one */
    /* By the clock of the storage, when it answered last; in seconds. 0: it does not say. */
    int64_t answered_s;
};

/* For implementations: fills in what belongs to the bucket of any. */
void fi_bucket_init(struct fi_bucket *bucket, const struct fi_bucket_ops *ops);

/* Makes an object. FIRN_EXISTS, and nothing changed, if there is one of that name. FIRN_IO: nobody
 * knows (I1). */
FIRN_MUST_CHECK int fi_bucket_put(struct fi_bucket *bucket, const char *name,
                                  const struct fi_bucket_body *body, firn_error *err);
/* The same, of bytes in memory. */
FIRN_MUST_CHECK int fi_bucket_put_bytes(struct fi_bucket *bucket, const char *name,
                                        firn_slice bytes, firn_error *err);
/* Replaces the contents of out with `size` bytes from offset on, fewer only at the end of the
 * object. UINT64_MAX: all. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_bucket_get(struct fi_bucket *bucket, const char *name, uint64_t offset,
                                  uint64_t size, struct fi_buf *out, firn_error *err);
/* The size of an object; FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_bucket_head(struct fi_bucket *bucket, const char *name,
                                   uint64_t *out_size_bytes, firn_error *err);
/* Visits all objects whose names begin with prefix and come after `after` (NULL: all), in the order
 * of their bytes; a request for each FI_BUCKET_LIST_MAX of them. Foreign names are among them. A
 * visitor that does not return FIRN_OK ends the list with what it returned. FIRN_CORRUPT: what the
 * storage answers is no such list. */
FIRN_MUST_CHECK int fi_bucket_list(struct fi_bucket *bucket, const char *prefix, const char *after,
                                   int (*visit)(void *ctx, const struct fi_bucket_object *object),
                                   void *ctx, firn_error *err);
/* Removes an object; FIRN_OK also if there is none. */
FIRN_MUST_CHECK int fi_bucket_remove(struct fi_bucket *bucket, const char *name, firn_error *err);
/* A second handle to the same bucket, for another thread. The caller closes both. */
FIRN_MUST_CHECK int fi_bucket_open_again(struct fi_bucket *bucket, struct fi_bucket **out,
                                         firn_error *err);
/* NULL is fine. A handle of a parent stays as it is: to close its connection would be to speak
 * over it. */
void fi_bucket_close(struct fi_bucket *bucket);

/* Whether a text can be the name of an object: so a name from a bucket leads nowhere else. */
bool fi_bucket_is_name(const char *name);

#endif
