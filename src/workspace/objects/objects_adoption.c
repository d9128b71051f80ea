/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_adoption.c: taking in packs that another machine has made.
 *
 * The maker of a pack can give its objects any names, and a save does not store an object again if
 * the index has it. So an object gets an entry in the index only after its bytes were compared
 * with its name here (I1). Whole objects are compared at once. A list of pieces or a delta may
 * need objects of other packs, so these wait until all packs are there; then they are verified in
 * rounds, since a piece may be a list itself. An object that the index has already keeps its place
 * (I2); but if it is a list or a delta there and whole here, the whole one takes the place, since
 * deltas of other packs may be of it, and the base of a delta has to be whole.
 *
 * Deltas are verified in the order of their bases, some MiB of them at a time, so a frame of bases
 * is decoded once for all of them. Many small packs have deltas to objects all over a large one; in
 * the order of the deltas, each would take a frame of its own.
 *
 *     <number>.pack.tmp   written by the caller, synced, verified as a file (objects_arrival.c)
 *     <number>.pack       its name is durable; then its entry, then those of its whole objects
 *     finish              deltas and lists; who needs the objects commits after this, synced
 *
 * A crash in between leaves a file that the next writer removes (objects_leftovers.c), or a pack
 * some objects of which have no entry. When that pack is added again, they get theirs.
 *
 * A repair takes the records that it finds in packs for checkpoints of the store, so a pack with
 * one is refused (objects_arrival.c): nobody sends any.
 *
 * Work is bounded by `bytes_max`: what may be decompressed and hashed in all. A list can name the
 * same piece often, and zeros cost nothing to name.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "codec/hex.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum { SCRATCH_FRAMES = 4, BATCH_BYTES = 8 << 20 };

/* An object that waits for others. */
struct waiting {
    firn_hash hash;
    uint32_t pack;
    struct fi_pack_location at;
    /* Of the batch that is being verified: its bytes in `batch`, and where its base is. A list,
     * which may need objects that are deltas, comes after these. */
    size_t offset;
    uint32_t base_pack;
    uint32_t base_frame;
    bool is_read;
};

struct fi_objects_adoption {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch;
    uint64_t decoded;    /* with the scratch, as far as paid for */
    uint64_t first_pack; /* the least number of a pack that this adoption enters */
    struct fi_objects_arrivals arrivals;
    struct waiting *waiting;
    size_t waiting_count;
    size_t waiting_capacity;
    struct fi_objects_entering entering;
    struct fi_buf batch; /* bytes of lists and deltas that are being verified */
    struct fi_objects_adoption_options options;
};

static int
adopt_spend(void *ctx, uint64_t bytes, firn_error *err)
{
    struct fi_objects_adoption *adoption = ctx;
    const uint64_t decoded = fi_pack_scratch_decoded(adoption->scratch);
    const uint64_t more = decoded - adoption->decoded;
    adoption->decoded = decoded;
    FI_TRY_RETURN(fi_objects_arrival_spend(&adoption->arrivals, bytes + more, err));
    return adoption->options.tick(adoption->options.ctx, bytes, err);
}

static int
adopt_tick(void *ctx, firn_error *err)
{
    return adopt_spend(ctx, 0, err);
}

int
fi_objects_adoption_begin(struct fi_objects *objects,
                          const struct fi_objects_adoption_options *options,
                          struct fi_objects_adoption **out, firn_error *err)
{
    CHECK(!fi_db_is_read_only(objects->db));
    struct fi_objects_adoption *adoption = fi_alloc_zeroed(sizeof *adoption);
    int rc;
    if (adoption == NULL) {
        return fi_error_no_memory(err, "packs to take in");
    }
    adoption->objects = objects;
    adoption->options = *options;
    adoption->entering.objects = objects;
    FI_TRY(fi_objects_arrival_init(&adoption->arrivals, objects, options, err));
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &adoption->scratch, err));
    fi_pack_scratch_set_tick(adoption->scratch, adopt_tick, adoption);
    FI_TRY(fi_db_batch_create(&adoption->entering.batch, err));
    FI_TRY(fi_objects_enter_make_dir(objects, err));
    adoption->first_pack = fi_objects_retire_next(objects);
    *out = adoption;
    return FIRN_OK;
out:
    fi_objects_adoption_end(adoption);
    return rc;
}

void
fi_objects_adoption_end(struct fi_objects_adoption *adoption)
{
    if (adoption == NULL) {
        return;
    }
    fi_objects_arrival_deinit(&adoption->arrivals);
    fi_db_batch_destroy(adoption->entering.batch);
    fi_pack_scratch_destroy(adoption->scratch);
    fi_buf_deinit(&adoption->batch);
    fi_free(adoption->waiting);
    fi_free(adoption);
}

void
fi_objects_adoption_allow(struct fi_objects_adoption *adoption, uint64_t bytes)
{
    fi_objects_arrival_allow(&adoption->arrivals, bytes);
}

/* ==== a pack ==== */

/* The pack of the store with that identity, or NULL. */
static const struct fi_objects_pack *
find_identity(const struct fi_objects *objects, const struct fi_block_file_id *id)
{
    for (size_t i = 0; i < objects->pack_count; i++) {
        if (memcmp(&objects->packs[i].entry.id, id, sizeof *id) == 0) {
            return &objects->packs[i];
        }
    }
    return NULL;
}

/* Enters a whole object, or notes one that waits. (I2) */
static int
take_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct fi_objects_adoption *adoption = ctx;
    struct fi_objects_place place;
    const bool is_whole = !fi_pack_kind_is_named(at->kind);
    firn_error why;
    int rc = fi_objects_index_find(adoption->objects, hash, &place, &why);
    if (rc == FIRN_OK && (!is_whole || !fi_pack_kind_is_named(place.at.kind))) {
        return FIRN_OK; /* (I2) */
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &why);
        return rc;
    }
    if (is_whole) {
        return fi_objects_enter_object(&adoption->entering, hash, at, err);
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(adoption->waiting, adoption->waiting_count + 1,
                                 adoption->waiting_capacity, err));
    adoption->waiting[adoption->waiting_count++] =
        (struct waiting){.hash = *hash, .pack = adoption->entering.pack, .at = *at};
    return FIRN_OK;
}

/* The verified file gets its name and its entries. */
static int
enter_file(struct fi_objects_adoption *adoption, struct fi_objects_arrival *arrival,
           firn_error *err)
{
    struct fi_objects *objects = adoption->objects;
    uint32_t number = (uint32_t)fi_objects_retire_next(objects);
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    struct firn_pack *pack = NULL;
    int rc;
    fi_objects_index_pack_name(number, name);
    FI_TRY(fi_objects_enter_reserve(objects, err));
    FI_TRY(fi_os_rename(objects->dir, arrival->name, objects->dir, name, FI_OS_RENAME_NO_REPLACE,
                        err));
    /* From here on the file stays, since a commit that fails may be durable all the same: the next
     * writer removes it if no list names it. */
    arrival->name[0] = 0;
    FI_TRY(fi_os_dir_sync(objects->dir, err));
    FI_TRY(fi_pack_open(objects->dir, name, &pack, err));
    const struct fi_objects_index_pack entry = {.number = number,
                                                .id = *fi_pack_id(pack),
                                                .size_bytes = fi_pack_size_bytes(pack),
                                                .object_count = fi_pack_count(pack)};
    adoption->entering.pack = number;
    fi_db_batch_clear(adoption->entering.batch);
    FI_TRY(fi_objects_enter_pack(&adoption->entering, &entry, err));
    /* Durably, since a crash may leave one pack that the list does not have, not two
     * (objects_leftovers.c). */
    rc = fi_db_write(objects->db, adoption->entering.batch, FIRN_DURABILITY_FULL, err);
    fi_db_batch_clear(adoption->entering.batch);
    FI_TRY(rc);
    objects->packs[objects->pack_count++] =
        (struct fi_objects_pack){.entry = entry, .presence = FI_OBJECTS_PRESENT};
    FI_TRY(fi_pack_list(pack, adoption->scratch, take_object, adoption, err));
    rc = fi_objects_enter_flush(&adoption->entering, err);
out:
    fi_pack_close(pack);
    return rc;
}

/* An adoption that did not finish, or a collection, may have left objects of it without entries. A
 * pack of the store's own may have records, which have none here. */
static int
take_again(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    return at->kind != FI_PACK_RECORD ? take_object(ctx, hash, at, err) : FIRN_OK;
}

/* Enters what the index lacks of a pack that the store has. */
static int
enter_again(struct fi_objects_adoption *adoption, const struct fi_block_file_id *id,
            firn_error *err)
{
    const uint32_t number = find_identity(adoption->objects, id)->entry.number;
    struct firn_pack *pack;
    if (number >= adoption->first_pack) {
        return FIRN_OK; /* it was entered just now */
    }
    int rc = fi_objects_pack_acquire(adoption->objects, number, &pack, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_pack_verify_stored(pack, adoption->scratch, err));
    FI_TRY(adopt_tick(adoption, err));
    adoption->entering.pack = number;
    fi_db_batch_clear(adoption->entering.batch);
    FI_TRY(fi_pack_list(pack, adoption->scratch, take_again, adoption, err));
    rc = fi_objects_enter_flush(&adoption->entering, err);
out:
    fi_objects_pack_release(adoption->objects, number);
    return rc;
}

/* Enters a pack that was verified, or says why it does not get in. */
static int
settle(struct fi_objects_adoption *adoption, struct fi_objects_arrival *arrival, firn_error *err)
{
    firn_error why = arrival->why;
    int rc = arrival->rc;
    if (rc == FIRN_OK && find_identity(adoption->objects, &arrival->id) != NULL) {
        rc = enter_again(adoption, &arrival->id, &why);
        rc =
            rc == FIRN_OK ? fi_error_set(&why, FIRN_EXISTS, "the store has this pack already") : rc;
    } else if (rc == FIRN_OK) {
        rc = enter_file(adoption, arrival, &why);
    }
    fi_objects_arrival_drop(arrival);
    return adoption->options.added(adoption->options.ctx, arrival->number, rc, &why, err);
}

static int
settle_next(struct fi_objects_adoption *adoption, bool *out_is_none, firn_error *err)
{
    struct fi_objects_arrival *arrival;
    FI_TRY_RETURN(fi_objects_arrival_wait(&adoption->arrivals, &arrival, err));
    *out_is_none = arrival == NULL;
    return arrival != NULL ? settle(adoption, arrival, err) : FIRN_OK;
}

int
fi_objects_adoption_file(struct fi_objects_adoption *adoption, struct fi_os_file **out,
                         firn_error *err)
{
    struct fi_objects_arrivals *arrivals = &adoption->arrivals;
    struct fi_objects_arrival *arrival =
        fi_objects_arrival_find(arrivals, FI_OBJECTS_ARRIVAL_GIVEN);
    if (arrival != NULL) {
        fi_objects_arrival_drop(arrival); /* the caller gave up */
    }
    while ((arrival = fi_objects_arrival_find(arrivals, FI_OBJECTS_ARRIVAL_FREE)) == NULL) {
        bool is_none;
        FI_TRY_RETURN(settle_next(adoption, &is_none, err));
    }
    FI_TRY_RETURN(fi_objects_arrival_open(arrival, err));
    *out = arrival->file;
    return FIRN_OK;
}

int
fi_objects_adoption_add(struct fi_objects_adoption *adoption, const struct fi_block_file_id *id,
                        uint64_t number, firn_error *err)
{
    struct fi_objects_arrivals *arrivals = &adoption->arrivals;
    struct fi_objects_arrival *arrival =
        fi_objects_arrival_find(arrivals, FI_OBJECTS_ARRIVAL_GIVEN);
    CHECK(arrival != NULL); /* _file was called */
    arrival->id = *id;
    arrival->number = number;
    FI_TRY_RETURN(fi_objects_arrival_start(arrival, err));
    while ((arrival = fi_objects_arrival_find(arrivals, FI_OBJECTS_ARRIVAL_DONE)) != NULL) {
        FI_TRY_RETURN(settle(adoption, arrival, err));
    }
    return FIRN_OK;
}

/* ==== deltas and lists ==== */

static int
read_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    return fi_objects_read_raw(ctx, scratch, base, out_kind, out, err);
}

/* Whether a list is what the name says. */
static int
verify_list(struct fi_objects_adoption *adoption, const firn_hash *hash, firn_slice stored,
            firn_error *err)
{
    struct fi_objects_list list = {.hash = hash, .stored = stored};
    if (fi_pack_cells_is_list(list.stored)) {
        firn_hash name;
        fi_pack_cells_name(list.stored, &name);
        return memcmp(&name, hash, sizeof name) == 0
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_CORRUPT, "a list of cells has another name");
    }
    FI_TRY_RETURN(fi_pack_pieces_decode(list.stored, &list.size, NULL, NULL, err));
    return fi_objects_list_verify_name(adoption->objects, adoption->scratch, &list, adopt_spend,
                                       adoption, err);
}

/* Compares an object that waits with its name. (I1) */
static int
verify_waiting(struct fi_objects_adoption *adoption, const struct waiting *waiting, firn_error *err)
{
    const firn_slice stored = firn_bytes(adoption->batch.data + waiting->offset, waiting->at.size);
    enum fi_pack_kind kind;
    firn_slice bytes;
    if (waiting->at.kind != FI_PACK_DELTA) {
        return verify_list(adoption, &waiting->hash, stored, err);
    }
    FI_TRY_RETURN(fi_pack_delta_read(adoption->scratch, &waiting->hash, stored, read_base,
                                     adoption->objects, &kind, &bytes, err));
    return adopt_spend(adoption, bytes.size, err);
}

/* Whether an object waits on after a failure: a later one may be what it needs. */
static bool
waits_on(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND;
}

/* Finds where the base of a delta is. */
static int
find_base(struct fi_objects_adoption *adoption, firn_slice stored, struct waiting *waiting,
          firn_error *err)
{
    struct fi_pack_delta delta;
    struct fi_objects_place place;
    FI_TRY_RETURN(fi_pack_delta_decode(stored, &delta, err));
    FI_TRY_RETURN(fi_objects_index_find(adoption->objects, &delta.base, &place, err));
    waiting->base_pack = place.pack;
    waiting->base_frame = place.at.frame;
    return FIRN_OK;
}

/* Reads an object that waits, to be verified with the batch. */
static int
read_waiting(struct fi_objects_adoption *adoption, struct waiting *waiting, firn_error *err)
{
    struct firn_pack *pack;
    firn_slice bytes;
    waiting->offset = adoption->batch.size;
    waiting->base_pack = UINT32_MAX;
    waiting->base_frame = UINT32_MAX;
    waiting->is_read = false;
    int rc = fi_objects_pack_acquire(adoption->objects, waiting->pack, &pack, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_pack_read(pack, adoption->scratch, &waiting->hash, &waiting->at, &bytes, err));
    if (fi_buf_append_slice(&adoption->batch, bytes) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "objects that were received"));
    }
    if (waiting->at.kind == FI_PACK_DELTA) {
        FI_TRY(find_base(adoption, bytes, waiting, err));
    }
    waiting->is_read = true;
out:
    fi_objects_pack_release(adoption->objects, waiting->pack);
    return rc;
}

/* Reads the objects that wait, from `first` on, until a batch is full. */
static int
read_batch(struct fi_objects_adoption *adoption, size_t first, size_t *out_end, firn_error *err)
{
    size_t i = first;
    fi_buf_clear(&adoption->batch);
    while (i < adoption->waiting_count && (i == first || adoption->batch.size < BATCH_BYTES)) {
        int rc = read_waiting(adoption, &adoption->waiting[i], err);
        if (rc != FIRN_OK && !waits_on(rc)) {
            return rc;
        }
        i++;
    }
    *out_end = i;
    return FIRN_OK;
}

static int
compare_bases(const void *a, const void *b)
{
    const struct waiting *left = a;
    const struct waiting *right = b;
    if (left->base_pack != right->base_pack) {
        return left->base_pack < right->base_pack ? -1 : 1;
    }
    if (left->base_frame != right->base_frame) {
        return left->base_frame < right->base_frame ? -1 : 1;
    }
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* *out_count: how many could be entered. What cannot be read, or is not what its name says, waits
 * on. */
static int
adopt_round(struct fi_objects_adoption *adoption, size_t *out_count, firn_error *err)
{
    size_t left = 0;
    size_t end;
    *out_count = 0;
    for (size_t first = 0; first < adoption->waiting_count; first = end) {
        FI_TRY_RETURN(read_batch(adoption, first, &end, err));
        fi_sort(adoption->waiting + first, end - first, sizeof adoption->waiting[0], compare_bases);
        for (size_t i = first; i < end; i++) {
            const struct waiting waiting = adoption->waiting[i];
            int rc = waiting.is_read ? verify_waiting(adoption, &waiting, err) : FIRN_NOT_FOUND;
            if (rc == FIRN_OK) {
                adoption->entering.pack = waiting.pack;
                FI_TRY_RETURN(
                    fi_objects_enter_object(&adoption->entering, &waiting.hash, &waiting.at, err));
                ++*out_count;
            } else if (waits_on(rc)) {
                adoption->waiting[left++] = waiting;
            } else {
                return rc;
            }
        }
    }
    adoption->waiting_count = left;
    return fi_objects_enter_flush(&adoption->entering, err);
}

int
fi_objects_adoption_finish(struct fi_objects_adoption *adoption, firn_error *err)
{
    size_t entered = 1;
    bool is_none;
    do {
        FI_TRY_RETURN(settle_next(adoption, &is_none, err));
    } while (!is_none);
    fi_db_batch_clear(adoption->entering.batch);
    while (adoption->waiting_count > 0 && entered > 0) {
        FI_TRY_RETURN(adopt_round(adoption, &entered, err));
    }
    if (adoption->waiting_count > 0) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(adoption->waiting[0].hash.bytes, sizeof adoption->waiting[0].hash.bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT,
                            "%zu objects of the packs are not what their names say, or need others "
                            "that are not there; the first is %s",
                            adoption->waiting_count, hex);
    }
    return FIRN_OK;
}
