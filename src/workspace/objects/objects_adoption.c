/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_adoption.c: taking in packs that another machine has made.
 *
 * The maker of a pack can give its objects any names, and a save does not store an object again if
 * the index has it. So an object gets an entry in the index only after its bytes were compared
 * with its name here (I1). Whole objects are compared at once. A list of pieces or a delta may
 * need objects of other packs, so these wait until all packs are there (objects_waiting.c). An
 * object that the index has already keeps its place (I2); but if it is a list or a delta there and
 * whole here, the whole one takes the place, since deltas of other packs may be of it, and the base
 * of a delta has to be whole.
 *
 *     <number>.pack.tmp   written by the caller, verified as a file, synced (objects_arrival.c)
 *     <number>.pack       its name is durable; then its entry, then those of its whole objects
 *     finish              deltas and lists; a caller that needs the objects commits after this,
 *                         synced
 *
 * A pack of which the index needs nothing is dropped before it gets a name.
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
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum { SCRATCH_FRAMES = 4 };

struct fi_objects_adoption {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch;
    uint64_t decoded;    /* with the scratch, as far as paid for */
    uint64_t first_pack; /* the least number of a pack that this adoption enters */
    struct fi_objects_arrivals arrivals;
    struct fi_objects_waiting waiting;
    struct fi_objects_entering entering;
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
    adoption->waiting.arrivals = &adoption->arrivals;
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
    fi_objects_waiting_deinit(&adoption->waiting);
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

/* Whether the index gets an object from a pack (I2). */
static int
is_object_wanted(const struct fi_objects_adoption *adoption, const firn_hash *hash,
                 const struct fi_pack_location *at, bool *out, firn_error *err)
{
    struct fi_objects_place place;
    firn_error why;
    int rc = fi_objects_index_find(adoption->objects, hash, &place, &why);
    *out = rc == FIRN_NOT_FOUND || (rc == FIRN_OK && !fi_pack_kind_is_named(at->kind) &&
                                    fi_pack_kind_is_named(place.at.kind));
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &why);
        return rc;
    }
    return FIRN_OK;
}

/* Enters a whole object, or notes one that waits. */
static int
take_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct fi_objects_adoption *adoption = ctx;
    bool wanted;
    FI_TRY_RETURN(is_object_wanted(adoption, hash, at, &wanted, err));
    if (!wanted) {
        return FIRN_OK;
    }
    return fi_pack_kind_is_named(at->kind)
               ? fi_objects_waiting_add(&adoption->waiting, hash, adoption->entering.pack, at, err)
               : fi_objects_enter_object(&adoption->entering, hash, at, err);
}

enum { FOUND = 1 }; /* ends a list; no error code of firn is positive */

static int
find_wanted_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
                   firn_error *err)
{
    bool wanted;
    FI_TRY_RETURN(is_object_wanted(ctx, hash, at, &wanted, err));
    return wanted ? FOUND : FIRN_OK;
}

/* Whether a verified file has anything for the index. A pack that was packed anew elsewhere may
 * have nothing, and would only take space. */
static int
has_wanted_object(struct fi_objects_adoption *adoption, const struct fi_objects_arrival *arrival,
                  bool *out, firn_error *err)
{
    struct firn_pack *pack;
    FI_TRY_RETURN(fi_pack_open(adoption->objects->dir, arrival->name, &pack, err));
    int rc = fi_pack_list(pack, adoption->scratch, find_wanted_object, adoption, err);
    fi_pack_close(pack);
    *out = rc == FOUND;
    return rc == FOUND ? FIRN_OK : rc;
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

/* A pack of another identity than all that the store has. */
static int
enter_new(struct fi_objects_adoption *adoption, struct fi_objects_arrival *arrival, firn_error *err)
{
    bool wanted;
    FI_TRY_RETURN(has_wanted_object(adoption, arrival, &wanted, err));
    return wanted ? enter_file(adoption, arrival, err)
                  : fi_error_set(err, FIRN_EXISTS, "the store has all objects of this pack");
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
        rc = enter_new(adoption, arrival, &why);
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

int
fi_objects_adoption_again(struct fi_objects_adoption *adoption, const struct fi_block_file_id *id,
                          uint64_t number, bool *out_has, firn_error *err)
{
    firn_error why;
    *out_has = false;
    if (find_identity(adoption->objects, id) == NULL) {
        return FIRN_OK;
    }
    int rc = enter_again(adoption, id, &why);
    if (rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* a new copy may be sound */
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &why);
        return rc;
    }
    *out_has = true;
    rc = fi_error_set(&why, FIRN_EXISTS, "the store has this pack already");
    return adoption->options.added(adoption->options.ctx, number, rc, &why, err);
}

/* ==== all ==== */

int
fi_objects_adoption_finish(struct fi_objects_adoption *adoption, firn_error *err)
{
    bool is_none;
    do {
        FI_TRY_RETURN(settle_next(adoption, &is_none, err));
    } while (!is_none);
    fi_db_batch_clear(adoption->entering.batch);
    return fi_objects_waiting_settle(&adoption->waiting, &adoption->entering, err);
}
