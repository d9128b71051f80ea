/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_arrival.c: packs from elsewhere on their way into the store, verified by threads
 * while the caller writes the next one.
 *
 *     FREE → GIVEN     the caller writes the file
 *          → RUNNING   a thread verifies it: every byte, the names of objects that are stored whole
 *          → DONE      the caller takes the result, enters the file or drops it
 *          → FREE
 *
 * Only the caller's thread changes a slot that is not RUNNING, and only it asks for anything that
 * changes the store (I1; checked with DCHECK where a state ends). Threads read the pack's file, and
 * nothing else of the store.
 *
 * Memory: per slot what verifying a pack takes, some MiB.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum { MODE = 0600, SCRATCH_FRAMES = 1, WAKE_BYTES = 4 << 20 };

static int
refuse_work(uint64_t bytes_max, firn_error *err)
{
    return fi_error_set(err, FIRN_LIMIT,
                        "the packs would take more work than the %llu bytes that are allowed",
                        (unsigned long long)bytes_max);
}

int
fi_objects_arrival_spend(struct fi_objects_arrivals *arrivals, uint64_t bytes, firn_error *err)
{
    fi_os_mutex_lock(&arrivals->mutex);
    arrivals->spent += bytes;
    const bool is_over = arrivals->spent > arrivals->bytes_max;
    const uint64_t most = arrivals->bytes_max;
    fi_os_mutex_unlock(&arrivals->mutex);
    return is_over ? refuse_work(most, err) : FIRN_OK;
}

static uint64_t
sum_of(uint64_t a, uint64_t b)
{
    return b < UINT64_MAX - a ? a + b : UINT64_MAX;
}

void
fi_objects_arrival_allow(struct fi_objects_arrivals *arrivals, uint64_t bytes)
{
    struct fi_objects_arrival *given = fi_objects_arrival_find(arrivals, FI_OBJECTS_ARRIVAL_GIVEN);
    fi_os_mutex_lock(&arrivals->mutex);
    arrivals->bytes_max = sum_of(arrivals->bytes_max, bytes);
    if (given != NULL) {
        given->most = sum_of(given->most, bytes);
    }
    fi_os_mutex_unlock(&arrivals->mutex);
}

/* ==== verifying: on a thread of the pool, or the caller's if there is none ==== */

static int
arrival_tick(void *ctx, firn_error *err)
{
    struct fi_objects_arrival *arrival = ctx;
    struct fi_objects_arrivals *arrivals = arrival->arrivals;
    const uint64_t decoded = fi_pack_scratch_decoded(arrival->scratch);
    const uint64_t more = decoded - arrival->decoded;
    arrival->decoded = decoded;
    FI_TRY_RETURN(fi_objects_arrival_spend(arrivals, more, err));
    if (decoded > arrival->most) { /* it may not use up what others are allowed */
        return refuse_work(arrival->most, err);
    }
    if (arrivals->jobs == NULL) {
        return arrivals->tick(arrivals->ctx, 0, err);
    }
    fi_os_mutex_lock(&arrivals->mutex);
    const bool is_ending = arrivals->is_ending;
    arrivals->unseen += more;
    if (arrivals->unseen > WAKE_BYTES) {
        fi_os_cond_signal(&arrivals->changed);
    }
    fi_os_mutex_unlock(&arrivals->mutex);
    return is_ending ? fi_error_set(err, FIRN_CANCELLED, "interrupted") : FIRN_OK;
}

/* A repair takes the records that it finds in packs for checkpoints of the store. */
static int
refuse_record(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    (void)ctx, (void)hash;
    return at->kind != FI_PACK_RECORD
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "a pack from elsewhere has a checkpoint's record");
}

static int
verify_file(struct fi_objects_arrival *arrival, firn_error *err)
{
    struct firn_pack *pack = NULL;
    int rc;
    FI_TRY(arrival_tick(arrival, err));
    FI_TRY(fi_pack_open(arrival->arrivals->objects->dir, arrival->name, &pack, err));
    if (memcmp(fi_pack_id(pack), &arrival->id, sizeof arrival->id) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT, "a pack is another one than it was said to be");
        goto out;
    }
    FI_TRY(fi_pack_verify_stored(pack, arrival->scratch, err));
    FI_TRY(fi_pack_list(pack, arrival->scratch, refuse_record, NULL, err));
    rc = fi_os_file_sync(arrival->file, err);
out:
    fi_pack_close(pack);
    return rc;
}

static void
run(void *arg)
{
    struct fi_objects_arrival *arrival = arg;
    struct fi_objects_arrivals *arrivals = arrival->arrivals;
    const int rc = verify_file(arrival, &arrival->why);
    fi_os_mutex_lock(&arrivals->mutex);
    DCHECK(arrival->state == FI_OBJECTS_ARRIVAL_RUNNING); /* (I1) */
    arrival->rc = rc;
    arrival->state = FI_OBJECTS_ARRIVAL_DONE;
    fi_os_cond_signal(&arrivals->changed);
    fi_os_mutex_unlock(&arrivals->mutex);
}

/* ==== the caller's side ==== */

int
fi_objects_arrival_init(struct fi_objects_arrivals *arrivals, struct fi_objects *objects,
                        const struct fi_objects_adoption_options *options, firn_error *err)
{
    arrivals->objects = objects;
    arrivals->tick = options->tick;
    arrivals->ctx = options->ctx;
    arrivals->bytes_max = options->bytes_max;
    arrivals->bytes_free = options->bytes_max;
    arrivals->next_number = fi_objects_retire_next(objects);
    unsigned threads = options->threads != 0 ? options->threads : fi_os_cpu_count(objects->os);
    threads = threads < FI_OBJECTS_ARRIVAL_THREADS_MAX ? threads : FI_OBJECTS_ARRIVAL_THREADS_MAX;
    arrivals->slot_count = threads > 1 ? threads + 1 : 1;
    fi_os_mutex_init(objects->os, &arrivals->mutex, FI_LOCK_WORKSPACE_TREE);
    fi_os_cond_init(objects->os, &arrivals->changed);
    for (unsigned i = 0; i < arrivals->slot_count; i++) {
        struct fi_objects_arrival *arrival = &arrivals->slots[i];
        arrival->arrivals = arrivals;
        FI_TRY_RETURN(fi_pack_scratch_create(SCRATCH_FRAMES, &arrival->scratch, err));
        fi_pack_scratch_set_tick(arrival->scratch, arrival_tick, arrival);
    }
    return threads > 1 ? fi_os_jobs_create(objects->os, threads, &arrivals->jobs, err) : FIRN_OK;
}

void
fi_objects_arrival_drop(struct fi_objects_arrival *arrival)
{
    DCHECK(arrival->state != FI_OBJECTS_ARRIVAL_RUNNING); /* (I1) */
    fi_os_file_close(arrival->file);
    arrival->file = NULL;
    if (arrival->name[0] != 0) {
        FI_IGNORE(fi_os_remove_file(arrival->arrivals->objects->dir, arrival->name, NULL));
        arrival->name[0] = 0;
    }
    arrival->state = FI_OBJECTS_ARRIVAL_FREE;
}

void
fi_objects_arrival_deinit(struct fi_objects_arrivals *arrivals)
{
    fi_os_mutex_lock(&arrivals->mutex);
    arrivals->is_ending = true;
    fi_os_mutex_unlock(&arrivals->mutex);
    fi_os_jobs_destroy(arrivals->jobs);
    for (unsigned i = 0; i < arrivals->slot_count; i++) {
        struct fi_objects_arrival *arrival = &arrivals->slots[i];
        if (arrival->arrivals != NULL) {
            fi_objects_arrival_drop(arrival);
        }
        fi_pack_scratch_destroy(arrival->scratch);
    }
    fi_os_cond_deinit(&arrivals->changed);
    fi_os_mutex_deinit(&arrivals->mutex);
}

/* NULL: none is in that state. */
static struct fi_objects_arrival *
find_state(struct fi_objects_arrivals *arrivals, enum fi_objects_arrival_state state)
{
    for (unsigned i = 0; i < arrivals->slot_count; i++) {
        if (arrivals->slots[i].state == state) {
            return &arrivals->slots[i];
        }
    }
    return NULL;
}

struct fi_objects_arrival *
fi_objects_arrival_find(struct fi_objects_arrivals *arrivals, enum fi_objects_arrival_state state)
{
    fi_os_mutex_lock(&arrivals->mutex);
    struct fi_objects_arrival *found = find_state(arrivals, state);
    fi_os_mutex_unlock(&arrivals->mutex);
    return found;
}

int
fi_objects_arrival_open(struct fi_objects_arrival *arrival, firn_error *err)
{
    struct fi_objects_arrivals *arrivals = arrival->arrivals;
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    DCHECK(arrival->state == FI_OBJECTS_ARRIVAL_FREE);
    if (arrivals->next_number > UINT32_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "the store has no number left for a pack");
    }
    fi_objects_index_pack_name((uint32_t)arrivals->next_number++, name);
    (void)snprintf(arrival->name, sizeof arrival->name, "%s.tmp", name);
    FI_TRY_RETURN(
        fi_os_file_open(arrivals->objects->dir, arrival->name,
                        FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE | FI_OS_FOR_OWNER,
                        MODE, &arrival->file, err));
    arrival->state = FI_OBJECTS_ARRIVAL_GIVEN;
    arrival->most = sum_of(arrival->decoded, arrivals->bytes_free);
    return FIRN_OK;
}

int
fi_objects_arrival_start(struct fi_objects_arrival *arrival, firn_error *err)
{
    struct fi_objects_arrivals *arrivals = arrival->arrivals;
    DCHECK(arrival->state == FI_OBJECTS_ARRIVAL_GIVEN);
    arrival->state = FI_OBJECTS_ARRIVAL_RUNNING;
    if (arrivals->jobs == NULL) {
        run(arrival);
        return FIRN_OK;
    }
    int rc = fi_os_jobs_submit(arrivals->jobs, run, arrival, err);
    if (rc != FIRN_OK) {
        arrival->state = FI_OBJECTS_ARRIVAL_GIVEN;
    }
    return rc;
}

int
fi_objects_arrival_wait(struct fi_objects_arrivals *arrivals, struct fi_objects_arrival **out,
                        firn_error *err)
{
    int rc = FIRN_OK;
    fi_os_mutex_lock(&arrivals->mutex);
    for (;;) {
        *out = find_state(arrivals, FI_OBJECTS_ARRIVAL_DONE);
        if (*out != NULL || find_state(arrivals, FI_OBJECTS_ARRIVAL_RUNNING) == NULL) {
            break;
        }
        fi_os_cond_wait(&arrivals->changed, &arrivals->mutex);
        arrivals->unseen = 0;
        fi_os_mutex_unlock(&arrivals->mutex);
        rc = arrivals->tick(arrivals->ctx, 0, err);
        fi_os_mutex_lock(&arrivals->mutex);
        if (rc != FIRN_OK) {
            break;
        }
    }
    fi_os_mutex_unlock(&arrivals->mutex);
    return rc;
}
