/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_spread.c: the content of one large object, read by several threads.
 *
 * Decoding and hashing a file of a GiB keeps one processor busy for a second. Its list of pieces is
 * therefore cut into runs of some MiB. A worker takes the next run and a slot, reads and decodes
 * the run's pieces into the slot, and passes each to sink at once, while it is in the processor's
 * cache. The hash of the whole cannot be shared, because it needs all bytes in order. A worker that
 * finds the next run in order ready adds it to the hash and frees its slot.
 *
 *     FREE --a run taken--> BUSY --read, passed on--> READY --hashed, in order--> FREE
 *
 * Only the name of the whole is compared (I3). Comparing the names of all pieces as well would cost
 * more than the rest of the hashing, because pieces are short. Damage on the disk is found by the
 * checksum of its block before anything is decoded. If the name of the whole is wrong nevertheless,
 * the content is read once more in order, and each piece is compared, to report the wrong one.
 *
 * Runs are long, because neighbours share frames: at each end of a run a frame or two are decoded
 * by two workers.
 *
 * (I1) The slot of a run is its number modulo the count of slots, and a run is taken only if its
 *      slot is free. So the run that is to be hashed next is READY, or a worker that waits for
 *      nothing is reading it and will wake all waiting threads.
 * (I2) A worker hashes before it takes another run. So in a simulation, where the jobs run one
 *      after the other, no worker ever waits (not checked: such a wait would never end).
 *
 * Failure: no more runs are taken, and the jobs end. Of several errors the one of the first run is
 * returned. All runs before that one were taken before, so the error does not depend on which
 * worker was faster.
 *
 * Memory: the slots, SLOTS_SIZE in all unless pieces are unusually large, the list and its copy.
 */
#include "objects/objects.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"

enum {
    SLOT_COUNT_MAX = 16,
    SLOTS_SIZE = 16 << 20,
    RUN_SIZE_MAX = 4 << 20,
    RUN_PIECES_MAX = 64,
    ZEROS_BETWEEN_LOOKS = 64 /* times FI_ZEROS_SIZE */
};

enum slot_state { FREE, BUSY, READY };

/* One run: pieces of data, or one hole. */
struct slot {
    /* under the mutex; all else belongs to the thread that changed it last */
    enum slot_state state;
    uint64_t offset;
    uint64_t hole_size; /* of a run that is a hole; else 0 */
    size_t piece_count;
    struct fi_pack_piece pieces[RUN_PIECES_MAX];
    struct fi_buf data;
};

struct reading {
    const struct fi_objects_spread *spread;
    int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err);
    void *ctx;
    uint64_t size;
    uint64_t run_size;

    struct fi_os_mutex mutex;
    struct fi_os_cond changed;
    /* Under the mutex. */
    struct fi_reader list; /* the pieces not yet taken */
    struct fi_pack_piece next;
    bool has_next;
    uint64_t offset;    /* of next */
    uint64_t taken;     /* runs */
    uint64_t hashed;    /* runs */
    bool is_hashing;    /* a worker adds run number `hashed` */
    int rc;             /* of the first run that failed, */
    uint64_t failed_at; /* its number */
    firn_error err;

    struct fi_blake3_hash whole; /* belongs to the thread that set is_hashing */
    size_t slot_count;
    struct slot *slots;
};

/* ---- runs ---- */

static struct slot *
slot_of(struct reading *reading, uint64_t run)
{
    return &reading->slots[run % reading->slot_count];
}

static void
advance_locked(struct reading *reading)
{
    fi_os_mutex_assert_held(&reading->mutex);
    DCHECK(reading->has_next && reading->next.size <= reading->size - reading->offset);
    reading->offset += reading->next.size;
    reading->has_next = fi_pack_pieces_next(&reading->list, &reading->next);
}

/* Fills a slot with the pieces of the next run. */
static void
take_locked(struct reading *reading, struct slot *slot)
{
    fi_os_mutex_assert_held(&reading->mutex);
    uint64_t size = 0;
    DCHECK(reading->has_next && slot->state == FREE);
    DCHECK(slot == slot_of(reading, reading->taken)); /* (I1) */
    slot->state = BUSY;
    slot->offset = reading->offset;
    slot->piece_count = 0;
    slot->hole_size = reading->next.is_hole ? reading->next.size : 0;
    fi_buf_clear(&slot->data);
    reading->taken++;
    DCHECK(reading->taken - reading->hashed <= reading->slot_count); /* (I1) */
    if (reading->next.is_hole) {
        advance_locked(reading);
        return;
    }
    while (reading->has_next && !reading->next.is_hole && slot->piece_count < RUN_PIECES_MAX &&
           (size == 0 || size + reading->next.size <= reading->run_size)) {
        size += reading->next.size;
        slot->pieces[slot->piece_count++] = reading->next;
        advance_locked(reading);
    }
    DCHECK(slot->piece_count > 0);
}

static int
hand_on(struct reading *reading, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct fi_objects_spread *spread = reading->spread;
    int rc = reading->sink == NULL ? FIRN_OK : reading->sink(reading->ctx, offset, data, err);
    if (rc == FIRN_OK && spread->on_bytes != NULL) {
        rc = spread->on_bytes(spread->ctx, data.size, err);
    }
    return rc;
}

static int
hand_on_in_order(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    return hand_on(ctx, offset, data, err);
}

static int
read_run(struct reading *reading, struct fi_pack_scratch *scratch, struct slot *slot,
         firn_error *err)
{
    if (slot->hole_size > 0) {
        return hand_on(reading, slot->offset, firn_bytes(NULL, (size_t)slot->hole_size), err);
    }
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < slot->piece_count; i++) {
        size_t before = slot->data.size;
        rc = fi_objects_list_piece(reading->spread->objects, scratch, &slot->pieces[i],
                                   reading->size, &slot->data, err);
        if (rc == FIRN_OK) {
            rc = hand_on(reading, slot->offset + before,
                         firn_bytes(slot->data.data + before, slot->data.size - before), err);
        }
    }
    return rc;
}

/* A hole may be long, so on_bytes is called now and then and can end the reading. */
static int
hash_run(struct reading *reading, const struct slot *slot, firn_error *err)
{
    DCHECK(slot->hole_size == 0 || slot->data.size == 0);
    const struct fi_objects_spread *spread = reading->spread;
    unsigned done = 0;
    for (uint64_t left = slot->hole_size; left > 0;) {
        size_t part = left < FI_ZEROS_SIZE ? (size_t)left : FI_ZEROS_SIZE;
        FI_TRY_RETURN(fi_budget_spend(spread->objects->limit, part / 4, err));
        fi_blake3_hash_update(&reading->whole, fi_zeros(), part);
        left -= part;
        if (++done % ZEROS_BETWEEN_LOOKS == 0 && spread->on_bytes != NULL) {
            FI_TRY_RETURN(spread->on_bytes(spread->ctx, 0, err));
        }
    }
    fi_blake3_hash_update(&reading->whole, slot->data.data, slot->data.size);
    return FIRN_OK;
}

static void
fail_locked(struct reading *reading, uint64_t run, int rc, const firn_error *err)
{
    fi_os_mutex_assert_held(&reading->mutex);
    DCHECK(run < reading->taken);
    if (rc != FIRN_OK && (reading->rc == FIRN_OK || run < reading->failed_at)) {
        reading->rc = rc;
        reading->failed_at = run;
        reading->err = *err;
    }
}

/* ---- workers; each step is entered and left with the mutex held ---- */

/* Hashes the next run in order, if it is ready and no worker is hashing. */
static bool
hash_locked(struct reading *reading)
{
    fi_os_mutex_assert_held(&reading->mutex);
    struct slot *slot = slot_of(reading, reading->hashed);
    if (reading->is_hashing || reading->hashed == reading->taken || slot->state != READY) {
        return false;
    }
    firn_error err = {0};
    reading->is_hashing = true;
    fi_os_mutex_unlock(&reading->mutex);
    int rc = hash_run(reading, slot, &err);
    fi_os_mutex_lock(&reading->mutex);
    fail_locked(reading, reading->hashed, rc, &err);
    DCHECK(reading->is_hashing && slot->state == READY &&
           slot == slot_of(reading, reading->hashed));
    reading->is_hashing = false;
    slot->state = FREE;
    reading->hashed++;
    fi_os_cond_broadcast(&reading->changed);
    return true;
}

/* Reads the next run of the list, if its slot is free. */
static bool
read_locked(struct reading *reading, struct fi_pack_scratch *scratch)
{
    fi_os_mutex_assert_held(&reading->mutex);
    uint64_t run = reading->taken;
    struct slot *slot = slot_of(reading, run);
    if (!reading->has_next || slot->state != FREE) {
        return false;
    }
    firn_error err = {0};
    take_locked(reading, slot);
    fi_os_mutex_unlock(&reading->mutex);
    int rc = read_run(reading, scratch, slot, &err);
    fi_os_mutex_lock(&reading->mutex);
    fail_locked(reading, run, rc, &err);
    DCHECK(slot->state == BUSY);
    slot->state = READY;
    fi_os_cond_broadcast(&reading->changed);
    return true;
}

static void
work(void *ctx, struct fi_pack_scratch *scratch)
{
    struct reading *reading = ctx;
    fi_os_mutex_lock(&reading->mutex);
    while (reading->rc == FIRN_OK && (reading->has_next || reading->hashed < reading->taken)) {
        if (!hash_locked(reading) && !read_locked(reading, scratch)) {
            DCHECK(reading->hashed < reading->taken);            /* another worker will wake it */
            fi_os_cond_wait(&reading->changed, &reading->mutex); /* (I1), (I2) */
        }
    }
    fi_os_mutex_unlock(&reading->mutex);
}

static int
run_jobs(struct reading *reading, firn_error *err)
{
    int rc = fi_objects_spread_run(reading->spread, work, reading, err);
    if (rc == FIRN_OK && reading->rc != FIRN_OK) {
        rc = reading->rc;
        fi_error_copy(err, &reading->err);
    }
    return rc;
}

/* ---- all of it ---- */

static int
objects_spread_report(void *ctx, uint64_t bytes, firn_error *err)
{
    const struct fi_objects_spread *spread = ((const struct reading *)ctx)->spread;
    (void)bytes; /* reported before */
    return spread->on_bytes == NULL ? FIRN_OK : spread->on_bytes(spread->ctx, 0, err);
}

/* (I3) */
static int
check_whole(struct reading *reading, const firn_hash *hash, firn_error *err)
{
    firn_hash found;
    fi_blake3_hash_final(&reading->whole, &found);
    if (fi_hash_equal(&found, hash)) {
        return FIRN_OK;
    }
    const struct fi_objects_spread *spread = reading->spread;
    int rc = fi_objects_stream_verify(spread->objects, spread->scratches[0], hash, reading->size,
                                      objects_spread_report, reading, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s was read as something else a moment ago",
                        hex);
}

static bool
is_all_hashed(const struct reading *reading)
{
    return !reading->has_next && reading->hashed == reading->taken &&
           reading->offset == reading->size;
}

static int
read_list(struct reading *reading, firn_slice list, const firn_hash *hash, firn_error *err)
{
    uint64_t total;
    int rc = fi_pack_pieces_open(list, &reading->list, &total, err);
    if (rc == FIRN_OK && total != reading->size) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "a list of pieces has %llu bytes in all instead of %llu",
                          (unsigned long long)total, (unsigned long long)reading->size);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_objects_budget_expect(reading->spread->objects, list, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    reading->has_next = fi_pack_pieces_next(&reading->list, &reading->next);
    fi_blake3_hash_init(&reading->whole);
    rc = run_jobs(reading, err);
    DCHECK(rc != FIRN_OK || is_all_hashed(reading)); /* (I3) */
    return rc == FIRN_OK ? check_whole(reading, hash, err) : rc;
}

static int
read_spread(struct reading *reading, firn_slice list, const firn_hash *hash, firn_error *err)
{
    struct fi_os *os = reading->spread->objects->os;
    unsigned threads = reading->spread->thread_count;
    reading->slot_count = threads < SLOT_COUNT_MAX ? threads + 1 : SLOT_COUNT_MAX;
    reading->run_size = SLOTS_SIZE / reading->slot_count;
    reading->run_size = reading->run_size < RUN_SIZE_MAX ? reading->run_size : RUN_SIZE_MAX;
    reading->slots = fi_alloc_zeroed(reading->slot_count * sizeof *reading->slots);
    if (reading->slots == NULL) {
        return fi_error_no_memory(err, "a large file");
    }
    fi_os_mutex_init(os, &reading->mutex, FI_LOCK_WORKSPACE_TREE);
    fi_os_cond_init(os, &reading->changed);
    int rc = read_list(reading, list, hash, err);
    fi_os_cond_deinit(&reading->changed);
    fi_os_mutex_deinit(&reading->mutex);
    for (size_t i = 0; i < reading->slot_count; i++) {
        fi_buf_deinit(&reading->slots[i].data);
    }
    fi_free(reading->slots);
    return rc;
}

int
fi_objects_spread_read(const struct fi_objects_spread *spread, const firn_hash *hash, uint64_t size,
                       int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                       void *ctx, firn_error *err)
{
    DCHECK(spread->thread_count > 0);
    struct fi_pack_scratch *scratch = spread->scratches[0];
    struct reading reading = {.spread = spread, .sink = sink, .ctx = ctx, .size = size};
    struct fi_buf list = {0};
    enum fi_pack_kind kind;
    firn_slice stored;
    int rc = fi_objects_read_stored(spread->objects, scratch, hash, &kind, &stored, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES && fi_pack_cells_is_list(stored)) {
        return fi_objects_cells_spread(spread, hash, size, sink, ctx, err);
    }
    bool is_thin = false;
    if (kind == FI_PACK_PIECES && spread->objects->limit == NULL) {
        FI_TRY(fi_pack_thin_assess(stored, &is_thin, err));
    }
    if (is_thin && sink == NULL) {
        return fi_objects_stream_verify(spread->objects, scratch, hash, size, objects_spread_report,
                                        &reading, err);
    }
    if (kind != FI_PACK_PIECES || spread->thread_count < 2 || is_thin) {
        return fi_objects_stream(spread->objects, scratch, hash, size, hand_on_in_order, &reading,
                                 err);
    }
    /* The workers use the scratch that the list was borrowed from. */
    rc = fi_buf_append_slice(&list, stored) == FIRN_OK
             ? read_spread(&reading, fi_buf_slice(&list), hash, err)
             : fi_error_no_memory(err, "a list of pieces");
out:
    fi_buf_deinit(&list);
    return rc;
}
