/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_packs.c: the packs of the new store, its list and its index.
 *
 * Packs describe their own contents, so the list and the index are always built again, from what is
 * in the folder. A pack that is intact to the last byte keeps its number and is shared by a hard
 * link. From a damaged one, every object that can still be read goes into a new pack, unless
 * another pack has it.
 *
 * (I1) Numbers are never assigned twice: the list remembers the largest that was ever seen.
 * (I2) After a crash an object may be in two packs. If one of them has it whole and the other as a
 *      delta, the index leads to the whole one, because it may be a base. (Not checked: index_delta
 *      looks.)
 * (I3) Entries of the stat cache hold only while their objects exist: it is emptied. (Not
 *      checked: no other process writes it here.)
 * (I4) A delta whose base is lost is in no index: a save that has its content would not store it
 *      again. Bases are whole objects, so whole objects come first, those of damaged packs
 *      included.
 *
 * (I5) A list of pieces, or a delta, from a damaged pack may have the name of another content,
 *      which shows only when all of its parts are in place. So the new packs are read once more; a
 *      name that is wrong is refused, and everything is built again without it (repair.c).
 *
 * Retired packs, and those that a crash left, are included like all others: they may have
 * the only copy of what a damaged one lost. The next collection finds what is not needed.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "objects/objects.h"
#include "os/os_clone.h"
#include "repair/repair_internal.h"

enum { KEY_SIZE_MAX = 33 };

struct found_pack {
    struct fi_objects_index_pack entry; /* of a damaged pack only its number */
    bool is_whole;
};

struct packing {
    struct fi_repair *repair;
    struct fi_os_dir *from; /* NULL: there is no folder */
    struct fi_buf packs;    /* of struct found_pack, by number */
    uint32_t last;          /* the largest number that the list or the folder has */
    struct firn_db_batch *batch;
    struct firn_db_keyspace *index;
    struct firn_db_keyspace *list;
    uint32_t pack;     /* being indexed */
    bool takes_deltas; /* the second of two passes over damaged packs */
    struct fi_objects_session *session;
    struct fi_objects_session_lane *lane;
    int failure; /* of the new store, not of the packs that are read */
};

static size_t
pack_count(const struct packing *packing)
{
    return packing->packs.size / sizeof(struct found_pack);
}

static struct found_pack *
pack_at(const struct packing *packing, size_t i)
{
    return (struct found_pack *)(void *)packing->packs.data + i;
}

/* ---- what is there ---- */

static bool
parse_name(const char *name, uint32_t *out)
{
    char expected[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    uint64_t number = 0;
    for (size_t i = 0; name[i] >= '0' && name[i] <= '9' && i < 10; i++) {
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    if (number == 0 || number > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)number;
    fi_objects_index_pack_name(*out, expected);
    return strcmp(name, expected) == 0;
}

static int
keep_pack(void *ctx, const struct fi_os_dirent *entry)
{
    struct packing *packing = ctx;
    struct found_pack pack = {0};
    return parse_name(entry->name, &pack.entry.number)
               ? fi_buf_append(&packing->packs, &pack, sizeof pack)
               : FIRN_OK;
}

static int
compare_packs(const void *a, const void *b)
{
    uint32_t left = ((const struct found_pack *)a)->entry.number;
    uint32_t right = ((const struct found_pack *)b)->entry.number;
    return (left > right) - (left < right);
}

static bool
are_ascending(const struct packing *packing)
{
    for (size_t i = 1; i < pack_count(packing); i++) {
        if (pack_at(packing, i - 1)->entry.number >= pack_at(packing, i)->entry.number) {
            return false;
        }
    }
    return true;
}

static int
list_packs(struct packing *packing, firn_error *err)
{
    int rc = fi_os_dir_open(packing->repair->place.from, FI_OBJECTS_INDEX_PACKS_DIR, &packing->from,
                            err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    rc = rc == FIRN_OK ? fi_os_dir_list(packing->from, keep_pack, packing, err) : rc;
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "a list of packs");
    }
    if (rc == FIRN_OK && pack_count(packing) > 0) {
        fi_sort(packing->packs.data, pack_count(packing), sizeof(struct found_pack), compare_packs);
    }
    DCHECK(rc != FIRN_OK || are_ascending(packing));
    return rc;
}

/* Compares the rescued list with the folder, for is_current. If the list cannot be read, the folder
 * alone determines which numbers were assigned (I1). */
static int
compare_with_list(struct packing *packing, firn_error *err)
{
    struct fi_objects *objects = NULL;
    size_t count = pack_count(packing);
    firn_error found;
    packing->last = count == 0 ? 0 : pack_at(packing, count - 1)->entry.number;
    bool is_sound;
    int rc = fi_objects_open(packing->repair->opened.db, &objects, &found);
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_sound, err));
    if (!is_sound) {
        packing->repair->is_current = false;
        fi_repair_report_damage(packing->repair, found.text);
        return FIRN_OK;
    }
    uint64_t next = fi_objects_retire_next(objects);
    DCHECK(next > 0 && next - 1 <= UINT32_MAX);
    packing->last = packing->last > next - 1 ? packing->last : (uint32_t)(next - 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = pack_at(packing, i)->entry.number;
        bool is_known = number == next || fi_objects_pack_is_listed(objects, number);
        packing->repair->is_current = packing->repair->is_current && is_known;
    }
    fi_objects_close(objects);
    return FIRN_OK;
}

/* ---- judging ---- */

static void
on_damage(void *ctx, const firn_hash *hash, const char *text)
{
    (void)hash;
    fi_repair_report_damage(ctx, text);
}

static int
verify(struct packing *packing, struct found_pack *pack, const char *name, firn_error *err)
{
    DCHECK(packing->from != NULL && !pack->is_whole);
    struct firn_pack *file;
    firn_error found;
    int rc = fi_pack_open(packing->from, name, &file, &found);
    if (rc == FIRN_OK) {
        rc = fi_pack_verify(file, packing->repair->scratch, on_damage, packing->repair, &found);
        pack->entry.id = *fi_pack_id(file);
        pack->entry.size_bytes = fi_pack_size_bytes(file);
        pack->entry.object_count = fi_pack_count(file);
        fi_pack_close(file);
    } else if (fi_rescue_is_finding(rc)) {
        fi_repair_report_damage(packing->repair, found.text);
    }
    return fi_rescue_sift(rc, &found, &pack->is_whole, err);
}

static int
take_packs(struct packing *packing, firn_error *err)
{
    struct fi_repair *repair = packing->repair;
    struct fi_os_dir *to = NULL;
    int rc;
    FI_TRY(fi_os_make_dir_for_owner(repair->place.to, FI_OBJECTS_INDEX_PACKS_DIR, repair->place.to,
                                    0700, err));
    FI_TRY(fi_os_dir_open(repair->place.to, FI_OBJECTS_INDEX_PACKS_DIR, &to, err));
    for (size_t i = 0; i < pack_count(packing); i++) {
        struct found_pack *pack = pack_at(packing, i);
        char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
        fi_objects_index_pack_name(pack->entry.number, name);
        FI_TRY(fi_repair_report_progress(repair, "packs", i, err));
        FI_TRY(verify(packing, pack, name, err));
        if (pack->is_whole) {
            FI_TRY(fi_os_clone_file(packing->from, to, name, err));
            repair->result->packs++;
        } else {
            repair->result->packs_damaged++;
        }
    }
    FI_TRY(fi_os_dir_sync(to, err));
    FI_TRY(fi_os_dir_sync(repair->place.to, err));
out:
    fi_os_dir_close(to);
    return rc;
}

/* ---- list and index ---- */

static int
repair_packs_clear(struct packing *packing, const char *name, struct firn_db_keyspace **out,
                   firn_error *err)
{
    uint8_t upper[KEY_SIZE_MAX];
    memset(upper, 0xff, sizeof upper);
    int rc = fi_db_keyspace_open(packing->repair->opened.db, name, out, err);
    return rc == FIRN_OK
               ? fi_db_delete_range(*out, firn_bytes(NULL, 0), firn_bytes(upper, sizeof upper),
                                    FIRN_DURABILITY_OS, err)
               : rc;
}

static int
put_entry(struct packing *packing, const struct fi_objects_index_pack *entry, firn_error *err)
{
    DCHECK(entry->number != 0 && entry->number <= packing->last); /* (I1) */
    uint8_t key[FI_OBJECTS_INDEX_PACK_KEY_SIZE];
    uint8_t value[FI_OBJECTS_INDEX_PACK_SIZE_MAX];
    size_t size = fi_objects_index_encode_pack(entry, key, value);
    return fi_db_batch_put(packing->batch, packing->list, firn_bytes(key, sizeof key),
                           firn_bytes(value, size), err);
}

static int
write_list(struct packing *packing, firn_error *err)
{
    struct firn_db_keyspace *stat;
    uint32_t last_whole = 0;
    FI_TRY_RETURN(repair_packs_clear(packing, FI_OBJECTS_INDEX_PACKS, &packing->list, err));
    FI_TRY_RETURN(repair_packs_clear(packing, FI_OBJECTS_INDEX_OBJECTS, &packing->index, err));
    FI_TRY_RETURN(repair_packs_clear(packing, FI_DB_SYSTEM_PREFIX "stat", &stat, err)); /* (I3) */
    for (size_t i = 0; i < pack_count(packing); i++) {
        const struct found_pack *pack = pack_at(packing, i);
        if (pack->is_whole) {
            FI_TRY_RETURN(put_entry(packing, &pack->entry, err));
            FI_TRY_RETURN(fi_repair_write(packing->repair, packing->batch, FI_REPAIR_BATCH_SIZE,
                                          FIRN_DURABILITY_OS, err));
            last_whole = pack->entry.number;
        }
    }
    DCHECK(last_whole <= packing->last);
    if (last_whole < packing->last) { /* (I1) */
        const struct fi_objects_index_pack gone = {.number = packing->last,
                                                   .state = FI_OBJECTS_INDEX_PACK_REMOVED};
        FI_TRY_RETURN(put_entry(packing, &gone, err));
    }
    return fi_repair_write(packing->repair, packing->batch, 0, FIRN_DURABILITY_OS, err);
}

static int
put_place(struct packing *packing, const firn_hash *hash, const struct fi_pack_location *at,
          firn_error *err)
{
    DCHECK(packing->pack != 0);
    DCHECK((at->kind == FI_PACK_DELTA) == packing->takes_deltas); /* (I4) */
    const struct fi_objects_place place = {.pack = packing->pack, .at = *at};
    uint8_t value[FI_OBJECTS_INDEX_PLACE_SIZE_MAX];
    firn_slice key = firn_bytes(hash->bytes, sizeof hash->bytes);
    int rc = fi_db_batch_put(packing->batch, packing->index, key,
                             firn_bytes(value, fi_objects_index_encode_place(&place, value)), err);
    return rc == FIRN_OK ? fi_repair_write(packing->repair, packing->batch, FI_REPAIR_BATCH_SIZE,
                                           FIRN_DURABILITY_OS, err)
                         : rc;
}

static int
index_whole_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
                   firn_error *err)
{
    return at->kind != FI_PACK_DELTA ? put_place(ctx, hash, at, err) : FIRN_OK;
}

/* Whether the base of a delta is in the index, whole (I4). */
static int
has_base(struct packing *packing, firn_slice content, bool *out, firn_error *err)
{
    struct fi_pack_delta delta;
    struct fi_objects_place place;
    firn_error found;
    *out = false;
    if (fi_pack_delta_decode(content, &delta, NULL) != FIRN_OK) {
        return FIRN_OK;
    }
    int rc = fi_objects_index_find(packing->repair->opened.objects, &delta.base, &place, &found);
    *out = rc == FIRN_OK && place.at.kind != FI_PACK_DELTA;
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    fi_error_copy(err, &found);
    return rc;
}

static int
index_delta(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
            firn_error *err)
{
    struct packing *packing = ctx;
    bool is_there = false;
    bool is_readable;
    int rc;
    FI_TRY(fi_objects_contains(packing->repair->opened.objects, hash, &is_there, err));
    if (is_there) { /* (I2) */
        goto out;
    }
    FI_TRY(has_base(packing, content, &is_readable, err));
    if (is_readable) {
        FI_TRY(put_place(packing, hash, at, err));
    }
out:
    return rc;
}

static int
index_pack(struct packing *packing, struct firn_pack *file, firn_error *err)
{
    struct fi_pack_scratch *scratch = packing->repair->scratch;
    return packing->takes_deltas ? fi_pack_walk_deltas(file, scratch, index_delta, packing, err)
                                 : fi_pack_list(file, scratch, index_whole_object, packing, err);
}

static int
index_packs(struct packing *packing, firn_error *err)
{
    struct fi_objects *objects = packing->repair->opened.objects;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < fi_objects_pack_count(objects); i++) {
        struct firn_pack *file;
        packing->pack = fi_objects_pack_at(objects, i)->number;
        rc = fi_objects_pack_acquire(objects, packing->pack, &file, err);
        if (rc == FIRN_OK) {
            rc = index_pack(packing, file, err);
            fi_objects_pack_release(objects, packing->pack);
        }
    }
    return rc == FIRN_OK
               ? fi_repair_write(packing->repair, packing->batch, 0, FIRN_DURABILITY_OS, err)
               : rc;
}

/* ---- what damaged packs still have ---- */

/* Whether a name was found to be wrong, in this attempt or an earlier one. */
static bool
is_refused(const struct fi_repair *repair, const firn_hash *hash)
{
    return fi_hash_map_find(&repair->refused, fi_hash_map_first(hash), hash) != NULL;
}

static int
salvage_object(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
               firn_error *err)
{
    struct packing *packing = ctx;
    bool is_there = false;
    uint64_t before = fi_objects_session_object_count(packing->session);
    int rc = FIRN_OK;
    if ((kind == FI_PACK_DELTA) != packing->takes_deltas || is_refused(packing->repair, hash)) {
        return FIRN_OK;
    }
    FI_TRY(fi_objects_session_contains(packing->session, hash, &is_there, err));
    bool is_readable = !packing->takes_deltas;
    if (!is_there && !is_readable) {
        FI_TRY(has_base(packing, content, &is_readable, err));
    }
    if (!is_there && is_readable) {
        DCHECK(!is_refused(packing->repair, hash)); /* (I5) */
        FI_TRY(fi_objects_session_lane_move(packing->lane, kind, hash, content, err));
    }
    DCHECK(fi_objects_session_object_count(packing->session) >= before);
    packing->repair->result->objects_salvaged +=
        fi_objects_session_object_count(packing->session) - before;
out:
    packing->failure = rc;
    return rc;
}

static int
salvage_all(struct packing *packing, firn_error *err)
{
    for (size_t i = 0; i < pack_count(packing); i++) {
        const struct found_pack *pack = pack_at(packing, i);
        char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
        if (pack->is_whole) {
            continue;
        }
        fi_objects_index_pack_name(pack->entry.number, name);
        int rc = fi_pack_salvage(packing->from, name, salvage_object, packing, err);
        if (packing->failure != FIRN_OK || (rc != FIRN_OK && !fi_rescue_is_finding(rc))) {
            return packing->failure != FIRN_OK ? packing->failure : rc;
        }
        FI_TRY_RETURN(fi_repair_report_progress(packing->repair, "salvage",
                                                packing->repair->result->objects_salvaged, err));
    }
    return FIRN_OK;
}

static int
salvage(struct packing *packing, firn_error *err)
{
    uint64_t size;
    int rc;
    FI_TRY(fi_objects_session_begin(packing->repair->opened.objects, FI_OBJECTS_SESSION_LEVEL,
                                    &packing->session, err));
    FI_TRY(fi_objects_session_lane_open(packing->session, &packing->lane, err));
    FI_TRY(salvage_all(packing, err));
    rc = fi_objects_session_lane_close(packing->lane, true, err);
    packing->lane = NULL;
    FI_TRY(rc);
    FI_TRY(fi_objects_session_commit(packing->session, &size, err));
out:
    FI_IGNORE(fi_objects_session_lane_close(packing->lane, false, NULL));
    fi_objects_session_end(packing->session);
    return rc;
}

/* Takes the whole objects, or the deltas, of all packs. */
static int
take_objects(struct packing *packing, bool takes_deltas, firn_error *err)
{
    DCHECK(takes_deltas || !packing->takes_deltas); /* (I4) */
    packing->takes_deltas = takes_deltas;
    int rc = index_packs(packing, err);
    return rc == FIRN_OK && packing->repair->result->packs_damaged > 0 ? salvage(packing, err) : rc;
}

/* ---- what has a wrong name (I5) ---- */

struct refusing {
    struct fi_repair *repair;
    bool is_out_of_memory;
};

static void
repair_packs_refuse(void *ctx, const firn_hash *hash, const char *text)
{
    struct refusing *refusing = ctx;
    (void)text; /* the damaged pack was reported when it was read */
    if (hash != NULL && !is_refused(refusing->repair, hash) &&
        fi_hash_map_insert(&refusing->repair->refused, fi_hash_map_first(hash), hash) == NULL) {
        refusing->is_out_of_memory = true;
    }
}

static bool
is_linked(const struct packing *packing, uint32_t number)
{
    bool is = false;
    for (size_t i = 0; i < pack_count(packing) && !is; i++) {
        is = pack_at(packing, i)->is_whole && pack_at(packing, i)->entry.number == number;
    }
    return is;
}

static int
refuse_wrong_names(struct packing *packing, firn_error *err)
{
    struct fi_objects *objects = packing->repair->opened.objects;
    struct refusing refusing = {.repair = packing->repair};
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < fi_objects_pack_count(objects); i++) {
        uint32_t number = fi_objects_pack_at(objects, i)->number;
        struct firn_pack *file;
        if (is_linked(packing, number)) {
            continue;
        }
        FI_TRY(fi_objects_pack_acquire(objects, number, &file, err));
        rc = fi_pack_verify(file, packing->repair->scratch, repair_packs_refuse, &refusing, err);
        fi_objects_pack_release(objects, number);
        rc = rc == FIRN_CORRUPT ? FIRN_OK : rc;
    }
    if (rc == FIRN_OK && refusing.is_out_of_memory) {
        rc = fi_error_no_memory(err, "a list of objects");
    }
out:
    return rc;
}

int
fi_repair_packs(struct fi_repair *repair, firn_error *err)
{
    struct packing packing = {.repair = repair};
    int rc;
    FI_TRY(fi_db_batch_create(&packing.batch, err));
    FI_TRY(list_packs(&packing, err));
    FI_TRY(compare_with_list(&packing, err));
    FI_TRY(take_packs(&packing, err));
    FI_TRY(write_list(&packing, err));
    DCHECK(repair->opened.objects == NULL);
    FI_TRY(fi_objects_open(repair->opened.db, &repair->opened.objects, err));
    if (!repair->is_known) {
        fi_objects_budget_begin(repair->opened.objects);
    }
    FI_TRY(take_objects(&packing, false, err)); /* (I4) */
    FI_TRY(take_objects(&packing, true, err));
    FI_TRY(refuse_wrong_names(&packing, err));
out:
    fi_db_batch_destroy(packing.batch);
    fi_buf_deinit(&packing.packs);
    fi_os_dir_close(packing.from);
    return rc;
}
