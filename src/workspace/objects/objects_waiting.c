/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_waiting.c: objects of packs from elsewhere that may need others: lists of pieces,
 * and deltas.
 *
 * When all packs are there, they are verified in rounds, since a piece may be a list itself, and
 * its base may be a list of pieces. An object gets its entry after its bytes were compared with its
 * name (I1 of objects_adoption.c). Those that cannot be read yet, or are not what their names say,
 * wait for the next round; rounds end when one has entered nothing.
 *
 * A round takes some MiB of stored bytes at a time:
 *
 *     read     the caller's thread, in the order of the packs
 *     sort     deltas by the frames in which their bases are; then lists
 *     verify   all threads, which take a frame of bases or a list each time
 *     enter    the caller's thread
 *
 * So a frame of bases is decoded once for all deltas of a batch. Many small packs have deltas to
 * objects all over a large one; in the order of the deltas, each would take a frame of its own.
 *
 * The threads read the store, and change the entries here that they took, nothing else. Only the
 * caller's thread asks the caller whether to go on; the others end where it ends.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "codec/hex.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum {
    SCRATCH_FRAMES = 4, /* a file's pieces may be in packs of several saves */
    BATCH_BYTES = 8 << 20,
    WAKE_BYTES = 4 << 20
};

#define NOWHERE UINT32_MAX /* the base of what is no delta */

struct fi_objects_waiting_one {
    firn_hash hash;
    uint32_t pack;
    struct fi_pack_location at;
    /* Of the batch that is being verified: its bytes in `batch`, and where its base is. A list,
     * which may need objects that are deltas, comes after these. */
    size_t offset;
    uint32_t base_pack;
    uint32_t base_frame;
    bool is_read;
    bool is_verified;
};

struct settling;

/* A thread that verifies. */
struct worker {
    struct settling *settling;
    struct fi_pack_scratch *scratch;
    uint64_t decoded; /* with the scratch, as far as paid for */
    bool is_callers;
};

struct settling {
    struct fi_objects *objects;
    struct fi_objects_waiting *waiting;
    struct worker workers[FI_OBJECTS_ARRIVAL_THREADS_MAX];
    unsigned worker_count;
    struct fi_os_mutex mutex; /* guards what follows */
    struct fi_os_cond changed;
    unsigned running; /* jobs */
    uint64_t unseen;  /* bytes that they were paid for since the caller's thread woke up */
    size_t next;      /* of the batch that no thread has taken */
    size_t end;
    int rc; /* of the first failure that ends it all */
    firn_error why;
};

/* ==== what it costs ==== */

/* A job ends where another thread has failed, or the caller was interrupted. */
static int
let_caller_see(struct settling *settling, uint64_t bytes, firn_error *err)
{
    fi_os_mutex_lock(&settling->mutex);
    const bool is_over = settling->rc != FIRN_OK;
    settling->unseen += bytes;
    if (settling->unseen > WAKE_BYTES) {
        fi_os_cond_signal(&settling->changed);
    }
    fi_os_mutex_unlock(&settling->mutex);
    return is_over ? fi_error_set(err, FIRN_CANCELLED, "interrupted") : FIRN_OK;
}

static int
spend(void *ctx, uint64_t bytes, firn_error *err)
{
    struct worker *worker = ctx;
    struct fi_objects_arrivals *arrivals = worker->settling->waiting->arrivals;
    const uint64_t decoded = fi_pack_scratch_decoded(worker->scratch);
    const uint64_t more = decoded - worker->decoded;
    worker->decoded = decoded;
    FI_TRY_RETURN(fi_objects_arrival_spend(arrivals, bytes + more, err));
    return worker->is_callers ? arrivals->tick(arrivals->ctx, bytes, err)
                              : let_caller_see(worker->settling, bytes + more, err);
}

static int
spend_decoded(void *ctx, firn_error *err)
{
    return spend(ctx, 0, err);
}

/* ==== verifying ==== */

static int
read_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    return fi_objects_read_raw(ctx, scratch, base, out_kind, out, err);
}

static firn_slice
stored_bytes(const struct fi_objects_waiting *waiting, const struct fi_objects_waiting_one *one)
{
    return firn_bytes(waiting->batch.data + one->offset, one->at.size);
}

static int
verify_delta(struct worker *worker, const struct fi_objects_waiting_one *one, firn_error *err)
{
    struct settling *settling = worker->settling;
    enum fi_pack_kind kind;
    firn_slice bytes;
    FI_TRY_RETURN(fi_pack_delta_read(worker->scratch, &one->hash,
                                     stored_bytes(settling->waiting, one), read_base,
                                     settling->objects, &kind, &bytes, err));
    return spend(worker, bytes.size, err);
}

/* Whether a list is what the name says. */
static int
verify_list(struct worker *worker, const struct fi_objects_waiting_one *one, firn_error *err)
{
    struct settling *settling = worker->settling;
    struct fi_objects_list list = {.hash = &one->hash,
                                   .stored = stored_bytes(settling->waiting, one)};
    if (fi_pack_cells_is_list(list.stored)) {
        firn_hash name;
        fi_pack_cells_name(list.stored, &name);
        return memcmp(&name, &one->hash, sizeof name) == 0
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_CORRUPT, "a list of cells has another name");
    }
    FI_TRY_RETURN(fi_pack_pieces_decode(list.stored, &list.size, NULL, NULL, err));
    return fi_objects_list_verify_name(settling->objects, worker->scratch, &list, spend, worker,
                                       err);
}

/* Whether an object waits on after a failure: a later one may be what it needs. */
static bool
waits_on(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND;
}

/* Whether a thread had better verify both. */
static bool
are_together(const struct fi_objects_waiting_one *a, const struct fi_objects_waiting_one *b)
{
    return a->base_pack != NOWHERE && a->base_pack == b->base_pack &&
           a->base_frame == b->base_frame;
}

/* Takes the next objects that are together; false if there are none, or something has failed. */
static bool
take_some(struct settling *settling, size_t *out_first, size_t *out_end)
{
    const struct fi_objects_waiting_one *objects = settling->waiting->objects;
    fi_os_mutex_lock(&settling->mutex);
    const bool has_any = settling->rc == FIRN_OK && settling->next < settling->end;
    *out_first = settling->next;
    settling->next += has_any;
    while (has_any && settling->next < settling->end &&
           are_together(&objects[*out_first], &objects[settling->next])) {
        settling->next++;
    }
    *out_end = settling->next;
    fi_os_mutex_unlock(&settling->mutex);
    return has_any;
}

static void
note_failure(struct settling *settling, int rc, const firn_error *why)
{
    fi_os_mutex_lock(&settling->mutex);
    if (settling->rc == FIRN_OK) {
        settling->rc = rc;
        settling->why = *why;
    }
    fi_os_mutex_unlock(&settling->mutex);
}

/* What each thread does. */
static void
verify_some(void *arg)
{
    struct worker *worker = arg;
    struct fi_objects_waiting_one *objects = worker->settling->waiting->objects;
    size_t first;
    size_t end;
    while (take_some(worker->settling, &first, &end)) {
        for (size_t i = first; i < end; i++) {
            firn_error why;
            int rc = objects[i].at.kind == FI_PACK_DELTA ? verify_delta(worker, &objects[i], &why)
                                                         : verify_list(worker, &objects[i], &why);
            objects[i].is_verified = rc == FIRN_OK;
            if (rc != FIRN_OK && !waits_on(rc)) {
                note_failure(worker->settling, rc, &why);
                return;
            }
        }
    }
}

static void
begin_job(struct settling *settling)
{
    fi_os_mutex_lock(&settling->mutex);
    settling->running++;
    fi_os_mutex_unlock(&settling->mutex);
}

static void
end_job(struct settling *settling)
{
    fi_os_mutex_lock(&settling->mutex);
    settling->running--;
    fi_os_cond_signal(&settling->changed);
    fi_os_mutex_unlock(&settling->mutex);
}

static void
run_job(void *arg)
{
    struct worker *worker = arg;
    verify_some(worker);
    end_job(worker->settling);
}

/* Meanwhile the caller is asked whether to go on. */
static void
wait_for_jobs(struct settling *settling)
{
    const struct fi_objects_arrivals *arrivals = settling->waiting->arrivals;
    fi_os_mutex_lock(&settling->mutex);
    while (settling->running > 0) {
        firn_error why;
        fi_os_cond_wait(&settling->changed, &settling->mutex);
        settling->unseen = 0;
        fi_os_mutex_unlock(&settling->mutex);
        int rc = arrivals->tick(arrivals->ctx, 0, &why);
        if (rc != FIRN_OK) {
            note_failure(settling, rc, &why);
        }
        fi_os_mutex_lock(&settling->mutex);
    }
    fi_os_mutex_unlock(&settling->mutex);
}

/* Verifies what was read of a batch; it is in the order of compare_bases. */
static int
verify_batch(struct settling *settling, size_t first, size_t end, firn_error *err)
{
    struct fi_os_jobs *jobs = settling->waiting->arrivals->jobs;
    while (end > first && !settling->waiting->objects[end - 1].is_read) {
        end--;
    }
    settling->next = first;
    settling->end = end;
    for (unsigned i = 1; i < settling->worker_count; i++) {
        firn_error why;
        begin_job(settling);
        int rc = fi_os_jobs_submit(jobs, run_job, &settling->workers[i], &why);
        if (rc != FIRN_OK) {
            end_job(settling);
            note_failure(settling, rc, &why);
        }
    }
    verify_some(&settling->workers[0]);
    wait_for_jobs(settling);
    if (jobs != NULL) {
        fi_os_jobs_wait(jobs); /* until none of them touches the mutex */
    }
    if (settling->rc != FIRN_OK) {
        fi_error_copy(err, &settling->why);
    }
    return settling->rc;
}

/* ==== a batch ==== */

/* Finds where the base of a delta is. */
static int
find_base(struct settling *settling, firn_slice stored, struct fi_objects_waiting_one *one,
          firn_error *err)
{
    struct fi_pack_delta delta;
    struct fi_objects_place place;
    FI_TRY_RETURN(fi_pack_delta_decode(stored, &delta, err));
    FI_TRY_RETURN(fi_objects_index_find(settling->objects, &delta.base, &place, err));
    one->base_pack = place.pack;
    one->base_frame = place.at.frame;
    return FIRN_OK;
}

/* Reads the stored bytes of an object. */
static int
read_one(struct settling *settling, struct fi_objects_waiting_one *one, firn_error *err)
{
    struct fi_buf *batch = &settling->waiting->batch;
    struct worker *worker = &settling->workers[0];
    struct firn_pack *pack;
    firn_slice bytes;
    one->offset = batch->size;
    one->base_pack = NOWHERE;
    one->base_frame = NOWHERE;
    one->is_read = false;
    one->is_verified = false;
    int rc = fi_objects_pack_acquire(settling->objects, one->pack, &pack, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_pack_read(pack, worker->scratch, &one->hash, &one->at, &bytes, err));
    if (fi_buf_append_slice(batch, bytes) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "objects that were received"));
    }
    if (one->at.kind == FI_PACK_DELTA) {
        FI_TRY(find_base(settling, bytes, one, err));
    }
    one->is_read = true;
    rc = spend_decoded(worker, err);
out:
    fi_objects_pack_release(settling->objects, one->pack);
    return rc;
}

/* Reads the objects that wait, from `first` on, until a batch is full. */
static int
read_batch(struct settling *settling, size_t first, size_t *out_end, firn_error *err)
{
    struct fi_objects_waiting *waiting = settling->waiting;
    size_t i = first;
    fi_buf_clear(&waiting->batch);
    while (i < waiting->count && (i == first || waiting->batch.size < BATCH_BYTES)) {
        int rc = read_one(settling, &waiting->objects[i], err);
        if (rc != FIRN_OK && !waits_on(rc)) {
            return rc;
        }
        i++;
    }
    *out_end = i;
    return FIRN_OK;
}

/* Those that were read come first; of these, lists last. */
static int
compare_bases(const void *a, const void *b)
{
    const struct fi_objects_waiting_one *left = a;
    const struct fi_objects_waiting_one *right = b;
    if (left->is_read != right->is_read) {
        return left->is_read ? -1 : 1;
    }
    if (left->base_pack != right->base_pack) {
        return left->base_pack < right->base_pack ? -1 : 1;
    }
    if (left->base_frame != right->base_frame) {
        return left->base_frame < right->base_frame ? -1 : 1;
    }
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* Enters an object, unless another pack had it whole, which came after this one: it has to stay so,
 * since deltas may be of it. */
static int
enter_verified(const struct settling *settling, struct fi_objects_entering *entering,
               const struct fi_objects_waiting_one *one, firn_error *err)
{
    struct fi_objects_place place;
    firn_error why;
    int rc = fi_objects_index_find(settling->objects, &one->hash, &place, &why);
    if (rc == FIRN_OK && !fi_pack_kind_is_named(place.at.kind)) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &why);
        return rc;
    }
    entering->pack = one->pack;
    return fi_objects_enter_object(entering, &one->hash, &one->at, err);
}

/* *out_count: how many were entered. */
static int
settle_round(struct settling *settling, struct fi_objects_entering *entering, size_t *out_count,
             firn_error *err)
{
    struct fi_objects_waiting *waiting = settling->waiting;
    size_t left = 0;
    size_t end;
    *out_count = 0;
    for (size_t first = 0; first < waiting->count; first = end) {
        FI_TRY_RETURN(read_batch(settling, first, &end, err));
        fi_sort(waiting->objects + first, end - first, sizeof waiting->objects[0], compare_bases);
        FI_TRY_RETURN(verify_batch(settling, first, end, err));
        for (size_t i = first; i < end; i++) {
            const struct fi_objects_waiting_one one = waiting->objects[i];
            if (one.is_verified) {
                FI_TRY_RETURN(enter_verified(settling, entering, &one, err));
                ++*out_count;
            } else {
                waiting->objects[left++] = one;
            }
        }
    }
    waiting->count = left;
    return fi_objects_enter_flush(entering, err);
}

/* ==== all ==== */

static int
create_workers(struct settling *settling, firn_error *err)
{
    const struct fi_objects_arrivals *arrivals = settling->waiting->arrivals;
    const unsigned count = arrivals->jobs != NULL ? arrivals->slot_count - 1 : 1;
    DCHECK(count >= 1 && count <= FI_OBJECTS_ARRIVAL_THREADS_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &settling->workers[i];
        *worker = (struct worker){.settling = settling, .is_callers = i == 0};
        FI_TRY_RETURN(fi_pack_scratch_create(SCRATCH_FRAMES, &worker->scratch, err));
        fi_pack_scratch_set_tick(worker->scratch, spend_decoded, worker);
        settling->worker_count++;
    }
    return FIRN_OK;
}

int
fi_objects_waiting_add(struct fi_objects_waiting *waiting, const firn_hash *hash, uint32_t pack,
                       const struct fi_pack_location *at, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(waiting->objects, waiting->count + 1, waiting->capacity, err));
    waiting->objects[waiting->count++] =
        (struct fi_objects_waiting_one){.hash = *hash, .pack = pack, .at = *at};
    return FIRN_OK;
}

int
fi_objects_waiting_settle(struct fi_objects_waiting *waiting, struct fi_objects_entering *entering,
                          firn_error *err)
{
    struct settling settling = {.objects = entering->objects, .waiting = waiting};
    size_t entered = 1;
    int rc = FIRN_OK;
    if (waiting->count == 0) {
        return FIRN_OK;
    }
    fi_os_mutex_init(settling.objects->os, &settling.mutex, FI_LOCK_WORKSPACE_TREE);
    fi_os_cond_init(settling.objects->os, &settling.changed);
    FI_TRY(create_workers(&settling, err));
    while (waiting->count > 0 && entered > 0) {
        FI_TRY(settle_round(&settling, entering, &entered, err));
    }
    if (waiting->count > 0) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(waiting->objects[0].hash.bytes, sizeof waiting->objects[0].hash.bytes, hex);
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "%zu objects of the packs are not what their names say, or need others "
                          "that are not there; the first is %s",
                          waiting->count, hex);
    }
out:
    for (unsigned i = 0; i < settling.worker_count; i++) {
        fi_pack_scratch_destroy(settling.workers[i].scratch);
    }
    fi_os_cond_deinit(&settling.changed);
    fi_os_mutex_deinit(&settling.mutex);
    return rc;
}

void
fi_objects_waiting_deinit(struct fi_objects_waiting *waiting)
{
    fi_buf_deinit(&waiting->batch);
    fi_free(waiting->objects);
}
