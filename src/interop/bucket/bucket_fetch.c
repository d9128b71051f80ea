/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_fetch.c: see bucket_fetch.h.
 *
 * One answer of a distant storage comes as slowly as one connection allows. So as many threads as
 * the bucket says are worth it take parts of an object, each with a handle of its own; the caller's
 * thread is one of them. They end with the object, and their handles stay for the next one.
 *
 * The part that failed first in the object decides what is returned, whichever thread was faster:
 * parts are taken in order, so those before it are being fetched or were.
 *
 * Memory: a part for each thread.
 */
#include "bucket/bucket_fetch.h"

#include "base/check.h"
#include "base/mem.h"
#include "threads/os_thread.h"

struct stream {
    struct fi_bucket_fetch *fetch;
    struct fi_bucket *bucket; /* the caller's, or its own */
    struct fi_buf part;
};

struct fi_bucket_fetch {
    struct fi_os *os;
    int (*tick)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
    struct fi_os_jobs *jobs; /* NULL: one stream */
    unsigned stream_count;
    unsigned open_count; /* of streams with a handle */
    struct stream streams[FI_BUCKET_STREAMS_MAX];
    /* The object. */
    const char *name;
    uint64_t size;
    struct fi_os_file *file;
    struct fi_os_mutex mutex;
    /* Under the mutex. */
    uint64_t next;      /* offset of the part that nobody has taken */
    uint64_t unseen;    /* bytes that tick was not told */
    int rc;             /* of the first part that failed, */
    uint64_t failed_at; /* its offset */
    firn_error err;
};

int
fi_bucket_fetch_create(struct fi_os *os, struct fi_bucket *bucket,
                       int (*tick)(void *ctx, uint64_t bytes, firn_error *err), void *ctx,
                       struct fi_bucket_fetch **out, firn_error *err)
{
    *out = NULL;
    struct fi_bucket_fetch *fetch = fi_alloc_zeroed(sizeof *fetch);
    if (fetch == NULL) {
        return fi_error_no_memory(err, "the parts of an object");
    }
    DCHECK(bucket->stream_count >= 1 && bucket->stream_count <= FI_BUCKET_STREAMS_MAX);
    fetch->os = os;
    fetch->tick = tick;
    fetch->ctx = ctx;
    fetch->stream_count = bucket->stream_count;
    fetch->open_count = 1;
    fi_os_mutex_init(os, &fetch->mutex, FI_LOCK_WORKSPACE_TREE);
    for (unsigned i = 0; i < fetch->stream_count; i++) {
        fetch->streams[i] = (struct stream){.fetch = fetch, .bucket = i == 0 ? bucket : NULL};
    }
    *out = fetch;
    return FIRN_OK;
}

void
fi_bucket_fetch_destroy(struct fi_bucket_fetch *fetch)
{
    if (fetch == NULL) {
        return;
    }
    fi_os_jobs_destroy(fetch->jobs);
    for (unsigned i = 0; i < fetch->stream_count; i++) {
        fi_buf_deinit(&fetch->streams[i].part);
        if (i > 0) {
            fi_bucket_close(fetch->streams[i].bucket);
        }
    }
    fi_os_mutex_deinit(&fetch->mutex);
    fi_free(fetch);
}

/* ==== a part, on any thread ==== */

static int
fetch_part(struct stream *stream, uint64_t offset, uint64_t size, firn_error *err)
{
    struct fi_bucket_fetch *fetch = stream->fetch;
    FI_TRY_RETURN(fi_bucket_get(stream->bucket, fetch->name, offset, size, &stream->part, err));
    if (stream->part.size != size) {
        return fi_error_set(err, FIRN_CORRUPT, "%s is too short", fetch->name);
    }
    FI_TRY_RETURN(fi_os_file_write(fetch->file, offset, stream->part.data, (size_t)size, err));
    fi_os_file_start_writeback(fetch->file, offset, size); /* most callers sync it */
    return FIRN_OK;
}

/* False: no part is left. */
static bool
take_part(struct fi_bucket_fetch *fetch, uint64_t *out_offset, uint64_t *out_size)
{
    fi_os_mutex_lock(&fetch->mutex);
    const uint64_t left = fetch->size - fetch->next;
    const bool is_taken = fetch->rc == FIRN_OK && left > 0;
    *out_offset = fetch->next;
    *out_size = left < FI_BUCKET_FETCH_PART_SIZE ? left : FI_BUCKET_FETCH_PART_SIZE;
    fetch->next += is_taken ? *out_size : 0;
    fi_os_mutex_unlock(&fetch->mutex);
    return is_taken;
}

static void
end_part(struct fi_bucket_fetch *fetch, uint64_t offset, uint64_t size, int rc,
         const firn_error *why)
{
    fi_os_mutex_lock(&fetch->mutex);
    fetch->unseen += rc == FIRN_OK ? size : 0;
    if (rc != FIRN_OK && (fetch->rc == FIRN_OK || offset < fetch->failed_at)) {
        fetch->rc = rc;
        fetch->failed_at = offset;
        fetch->err = *why;
    }
    fi_os_mutex_unlock(&fetch->mutex);
}

static void
run(void *arg)
{
    struct stream *stream = arg;
    uint64_t offset;
    uint64_t size;
    while (take_part(stream->fetch, &offset, &size)) {
        firn_error why;
        const int rc = fetch_part(stream, offset, size, &why);
        end_part(stream->fetch, offset, size, rc, &why);
    }
}

/* ==== an object ==== */

static int
tell(struct fi_bucket_fetch *fetch, firn_error *err)
{
    fi_os_mutex_lock(&fetch->mutex);
    const uint64_t bytes = fetch->unseen;
    fetch->unseen = 0;
    fi_os_mutex_unlock(&fetch->mutex);
    return fetch->tick(fetch->ctx, bytes, err);
}

/* As many streams as the object has parts. */
static int
start(struct fi_bucket_fetch *fetch, firn_error *err)
{
    const uint64_t parts = fetch->size / FI_BUCKET_FETCH_PART_SIZE + 1;
    const unsigned count = parts < fetch->stream_count ? (unsigned)parts : fetch->stream_count;
    if (count > 1 && fetch->jobs == NULL) {
        FI_TRY_RETURN(fi_os_jobs_create(fetch->os, fetch->stream_count - 1, &fetch->jobs, err));
    }
    for (; fetch->open_count < count; fetch->open_count++) {
        FI_TRY_RETURN(fi_bucket_open_again(fetch->streams[0].bucket,
                                           &fetch->streams[fetch->open_count].bucket, err));
    }
    for (unsigned i = 1; i < count; i++) {
        FI_TRY_RETURN(fi_os_jobs_submit(fetch->jobs, run, &fetch->streams[i], err));
    }
    return FIRN_OK;
}

/* The caller's thread, which calls tick. */
static void
run_and_tell(struct fi_bucket_fetch *fetch)
{
    struct stream *stream = &fetch->streams[0];
    uint64_t offset;
    uint64_t size;
    while (take_part(fetch, &offset, &size)) {
        firn_error why;
        int rc = fetch_part(stream, offset, size, &why);
        end_part(fetch, offset, size, rc, &why);
        rc = tell(fetch, &why);
        if (rc != FIRN_OK) {
            end_part(fetch, 0, 0, rc, &why);
        }
    }
}

static void
count_requests(struct fi_bucket_fetch *fetch)
{
    for (unsigned i = 1; i < fetch->open_count; i++) {
        fetch->streams[0].bucket->request_count += fetch->streams[i].bucket->request_count;
        fetch->streams[i].bucket->request_count = 0;
    }
}

int
fi_bucket_fetch_object(struct fi_bucket_fetch *fetch, const char *name, uint64_t size,
                       struct fi_os_file *file, firn_error *err)
{
    firn_error why;
    fetch->name = name;
    fetch->size = size;
    fetch->file = file;
    fetch->next = 0;
    fetch->rc = FIRN_OK;
    int rc = start(fetch, &why);
    if (rc == FIRN_OK) {
        run_and_tell(fetch);
    } else {
        end_part(fetch, 0, 0, rc, &why);
    }
    if (fetch->jobs != NULL) {
        fi_os_jobs_wait(fetch->jobs);
    }
    count_requests(fetch);
    if (fetch->rc != FIRN_OK) {
        fi_error_copy(err, &fetch->err);
        return fetch->rc;
    }
    return tell(fetch, err);
}
