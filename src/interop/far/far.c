/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far.c: which packs there are, and in which one an object is.
 *
 * A pack is opened when an object was not found in those before it: first all that are in memory,
 * which costs no request, then those in the bucket, the one that was added last first. The end of
 * the pack is fetched by a guess, then what its tables still lack. The places of its objects go
 * into one index in memory, since a history has hundreds of small packs, and looking into the table
 * of each would take longer than the objects. A pack whose table is large, or for whose objects the
 * index has no room, is asked by its own table, page by page.
 *
 * The names in a table, and identities, are whatever an author wrote, and could be chosen to
 * collide in a hash map; so the keys depend on a random number.
 *
 * A damaged pack costs only what no other pack has: it is passed over, and its error is the result
 * if the object is in no other. A pack that is missing ends the search: what it had, a newer state
 * has elsewhere.
 *
 * (I1) No two packs have the same identity, and a pack that was opened has the identity that it was
 *      added with: the caches of a scratch go by that.
 *
 * The hashes of MiBs in a pack's table of contents are not compared: what is fetched is seldom
 * whole MiBs, each block has a checksum of its own, and each object is compared with its name.
 *
 * Memory: for each pack its name, its lists (no larger than they are in the file, which
 * fi_pack_open_source sees to), and where its ranges are; the index.
 */
#include "far/far.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "codec/xxh3.h"
#include "far/far_internal.h"

enum { SCRATCH_FRAMES = 8 };

/* The read function of far->trees. */
static int
trees_read(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    return fi_far_read(ctx, hash, out, err);
}

static bool
id_is(const void *record, const void *key)
{
    const struct fi_far_identity *identity = record;
    return memcmp(&identity->id, key, sizeof identity->id) == 0;
}

static bool
known_is(const void *record, const void *key)
{
    return fi_hash_equal(&((const struct fi_far_known *)record)->hash, key);
}

int
fi_far_create(struct fi_bucket *bucket, struct fi_os_dir *dir, uint64_t bytes_max,
              struct fi_far **out, firn_error *err)
{
    *out = NULL;
    struct fi_far *far = fi_alloc_zeroed(sizeof *far);
    if (far == NULL) {
        return fi_error_no_memory(err, "packs in a bucket");
    }
    far->bucket = bucket;
    far->dir = dir;
    far->bytes_max = bytes_max;
    far->budget.whose = "the remote";
    fi_budget_earn(&far->budget, bytes_max / FI_BUDGET_FOR_BYTE);
    far->trees = (struct fi_tree_source){.read = trees_read, .ctx = far, .budget = &far->budget};
    fi_hash_map_init(&far->ids, sizeof(struct fi_far_identity), fi_hash_map_first, id_is);
    fi_hash_map_init(&far->index, sizeof(struct fi_far_known), fi_hash_map_first, known_is);
    int rc = fi_os_random(fi_os_dir_os(dir), &far->seed, sizeof far->seed, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_scratch_create(SCRATCH_FRAMES, &far->scratch, err);
    }
    if (rc != FIRN_OK) {
        fi_far_destroy(far);
        return rc;
    }
    *out = far;
    return FIRN_OK;
}

static void
free_file(struct fi_far_file *file)
{
    if (file != NULL) {
        fi_pack_close(file->pack);
        fi_buf_deinit(&file->bytes);
        fi_free(file->extents);
        fi_free(file->bases);
        fi_free(file->name);
        fi_free(file);
    }
}

void
fi_far_destroy(struct fi_far *far)
{
    if (far == NULL) {
        return;
    }
    for (size_t i = 0; i < far->file_count; i++) {
        free_file(far->files[i]);
    }
    fi_free(far->files);
    fi_hash_map_deinit(&far->ids);
    fi_hash_map_deinit(&far->index);
    fi_pack_scratch_destroy(far->scratch);
    fi_buf_deinit(&far->range);
    fi_tempfile_discard(&far->temp);
    fi_free(far);
}

const struct fi_tree_source *
fi_far_trees(const struct fi_far *far)
{
    return &far->trees;
}

struct fi_budget *
fi_far_budget(struct fi_far *far)
{
    return &far->budget;
}

uint64_t
fi_far_fetched(const struct fi_far *far)
{
    return far->fetched;
}

/* ---- adding ---- */

static uint64_t
key_of_id(const struct fi_far *far, const struct fi_block_file_id *id)
{
    return fi_xxh3(id->bytes, sizeof id->bytes, far->seed);
}

static int
copy_names(struct fi_far_file *file, const struct fi_far_pack *pack, firn_error *err)
{
    const size_t name_size = strlen(pack->name) + 1;
    file->name = fi_alloc(name_size);
    file->bases = fi_alloc_array(pack->base_count, sizeof file->bases[0]);
    if (file->name == NULL || file->bases == NULL) {
        return fi_error_no_memory(err, "a pack in a bucket");
    }
    memcpy(file->name, pack->name, name_size);
    if (pack->base_count > 0) {
        memcpy(file->bases, pack->bases, pack->base_count * sizeof file->bases[0]);
    }
    file->base_count = pack->base_count;
    return FIRN_OK;
}

/* A file for the pack, whose source the caller completes; not yet in far. */
static int
new_file(struct fi_far *far, const struct fi_far_pack *pack, struct fi_far_file **out,
         firn_error *err)
{
    *out = NULL;
    if (fi_hash_map_find(&far->ids, key_of_id(far, &pack->id), &pack->id) != NULL) { /* (I1) */
        return fi_error_set(err, FIRN_EXISTS, "'%s': the pack was added before", pack->name);
    }
    struct fi_far_file *file = fi_alloc_zeroed(sizeof *file);
    if (file == NULL) {
        return fi_error_no_memory(err, "a pack in a bucket");
    }
    file->far = far;
    file->id = pack->id;
    file->number = pack->number;
    int rc = copy_names(file, pack, err);
    if (rc != FIRN_OK) {
        free_file(file);
        return rc;
    }
    file->source =
        (struct fi_block_source){.ctx = file, .path = file->name, .seal = fi_os_dir_seal(far->dir)};
    *out = file;
    return FIRN_OK;
}

/* Takes over the file, also if this fails. */
static int
enter_file(struct fi_far *far, struct fi_far_file *file, firn_error *err)
{
    const struct fi_far_identity identity = {key_of_id(far, &file->id), file->id};
    int rc;
    DCHECK(file->source.read != NULL);
    FI_TRY(FI_VEC_RESERVE(far->files, far->file_count + 1, far->file_capacity, err));
    if (fi_hash_map_insert(&far->ids, identity.key, &identity) == NULL) {
        FI_TRY(fi_error_no_memory(err, "a pack in a bucket"));
    }
    far->files[far->file_count++] = file;
    return FIRN_OK;
out:
    free_file(file);
    return rc;
}

int
fi_far_add_pack(struct fi_far *far, const struct fi_far_pack *pack, firn_error *err)
{
    struct fi_far_file *file;
    if (pack->size_bytes == 0 || pack->size_bytes > FI_FAR_PACK_SIZE_MAX ||
        !fi_bucket_is_name(pack->name)) {
        return fi_error_set(err, FIRN_CORRUPT, "no pack can have %llu bytes, or such a name",
                            (unsigned long long)pack->size_bytes);
    }
    FI_TRY_RETURN(new_file(far, pack, &file, err));
    file->source.read = fi_far_ranges_read;
    file->source.size_bytes = pack->size_bytes;
    return enter_file(far, file, err);
}

int
fi_far_add_bytes(struct fi_far *far, const struct fi_far_pack *pack, firn_slice bytes,
                 firn_error *err)
{
    struct fi_far_file *file;
    FI_TRY_RETURN(new_file(far, pack, &file, err));
    if (fi_buf_append_slice(&file->bytes, bytes) != FIRN_OK) {
        free_file(file);
        return fi_error_no_memory(err, "a pack");
    }
    file->is_in_memory = true;
    file->source.read = fi_far_ranges_read_memory;
    file->source.size_bytes = bytes.size;
    FI_TRY_RETURN(enter_file(far, file, err));
    fi_budget_earn(&far->budget, bytes.size);
    return FIRN_OK;
}

/* ---- opening ---- */

static int
fetch_end(struct fi_far_file *file, firn_error *err)
{
    const uint64_t size = file->source.size_bytes;
    uint64_t guess = size / FI_FAR_END_PART;
    guess = guess < FI_FAR_END_MIN ? FI_FAR_END_MIN : guess;
    guess = guess > FI_FAR_END_MAX ? FI_FAR_END_MAX : guess;
    guess = guess > size ? size : guess;
    return fi_far_ranges_fetch(file, (struct fi_pack_span){size - guess, guess}, err);
}

static int
open_pack(struct fi_far_file *file, struct firn_pack **out, firn_error *err)
{
    *out = NULL;
    if (!file->is_in_memory) {
        FI_TRY_RETURN(fetch_end(file, err));
    }
    file->is_opening = true;
    int rc = fi_pack_open_source(fi_os_dir_os(file->far->dir), &file->source, out, err);
    if (rc == FIRN_DENIED) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "'%s' is encrypted with a key that is not the remote's", file->name);
    }
    file->is_opening = false;
    if (rc == FIRN_OK && memcmp(fi_pack_id(*out), &file->id, sizeof file->id) != 0) { /* (I1) */
        fi_pack_close(*out);
        *out = NULL;
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s' is another pack than the remote says",
                          file->name);
    }
    return rc;
}

static uint64_t
key_of_hash(const struct fi_far *far, const firn_hash *hash)
{
    return fi_xxh3(hash->bytes, sizeof hash->bytes, far->seed);
}

static bool
is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER;
}

struct indexing {
    struct fi_far *far;
    uint32_t file;
};

static int
index_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    const struct indexing *indexing = ctx;
    struct fi_hash_map *index = &indexing->far->index;
    const uint64_t key = key_of_hash(indexing->far, hash);
    const struct fi_far_known known = {.key = key, .hash = *hash, .place = {indexing->file, *at}};
    struct fi_far_known *before = fi_hash_map_find(index, key, hash);
    if (before == NULL) {
        return fi_hash_map_insert(index, key, &known) != NULL
                   ? FIRN_OK
                   : fi_error_no_memory(err, "the objects of a pack");
    }
    if (fi_pack_kind_is_named(before->place.at.kind) && !fi_pack_kind_is_named(at->kind)) {
        before->place = known.place; /* it may be the base of a delta, which has to be whole */
    }
    return FIRN_OK;
}

/* Fetches the pack's object table, and enters its objects into the index, if there are not too
 * many. What cannot be read is found when it is looked for. */
static int
index_pack(struct fi_far *far, uint32_t number, firn_error *err)
{
    struct fi_far_file *file = far->files[number];
    const struct fi_pack_span pages = fi_pack_pages_span(file->pack);
    struct indexing indexing = {far, number};
    firn_error why;
    DCHECK(memcmp(fi_pack_id(file->pack), &file->id, sizeof file->id) == 0); /* (I1) */
    if (pages.size > FI_FAR_RANGE_MAX) {
        return FIRN_OK;
    }
    if (!file->is_in_memory) {
        FI_TRY_RETURN(fi_far_ranges_fetch(file, pages, err));
    }
    if (fi_pack_count(file->pack) > FI_FAR_INDEX_MAX - far->index.count) {
        return FIRN_OK;
    }
    int rc = fi_pack_list(file->pack, far->scratch, index_object, &indexing, &why);
    file->is_indexed = rc == FIRN_OK;
    if (rc != FIRN_OK && !is_damage(rc)) {
        fi_error_copy(err, &why);
        return rc;
    }
    return FIRN_OK;
}

/* Notes damage that was found in passing; other failures end the search. */
static int
pass_damage(struct fi_far *far, int rc, const firn_error *why, firn_error *err)
{
    if (!is_damage(rc)) {
        fi_error_copy(err, why);
        return rc;
    }
    if (!far->has_damage) {
        far->damage = *why;
        far->has_damage = true;
    }
    return FIRN_OK;
}

/* Opens a file unless it is open, or damaged. If its objects could not be entered into the index,
 * those that were stay there, so the pack stays open; the next call goes on. */
static int
open_file(struct fi_far *far, uint32_t number, firn_error *err)
{
    struct fi_far_file *file = far->files[number];
    firn_error why;
    int rc;
    if (file->pack == NULL && !file->is_damaged) {
        rc = open_pack(file, &file->pack, &why);
        file->is_damaged = is_damage(rc);
        if (rc != FIRN_OK) {
            return pass_damage(far, rc, &why, err);
        }
    }
    if (file->pack != NULL && !file->was_listed) {
        rc = index_pack(far, number, &why);
        file->was_listed = rc == FIRN_OK || is_damage(rc);
        if (rc != FIRN_OK) {
            return pass_damage(far, rc, &why, err);
        }
    }
    return FIRN_OK;
}

static int
pass_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    (void)ctx, (void)hash, (void)at, (void)err;
    return FIRN_OK;
}

int
fi_far_check_end(struct fi_far *far, uint64_t number, firn_error *err)
{
    uint32_t i = 0;
    while (i < far->file_count && far->files[i]->number != number) {
        i++;
    }
    CHECK(i < far->file_count);
    struct fi_far_file *file = far->files[i];
    if (file->pack == NULL) {
        int rc = open_pack(file, &file->pack, err);
        file->is_damaged = is_damage(rc);
        FI_TRY_RETURN(rc);
    }
    if (!file->is_in_memory) {
        FI_TRY_RETURN(fi_far_ranges_fetch(file, fi_pack_pages_span(file->pack), err));
    }
    FI_TRY_RETURN(fi_pack_list(file->pack, far->scratch, pass_object, NULL, err));
    return open_file(far, i, err);
}

/* ---- finding ---- */

struct finding {
    struct fi_far *far;
    const firn_hash *hash;
    struct fi_far_place *out;
    bool is_base;  /* of a delta: only a whole object will do */
    bool is_there; /* *out is a place of it */
    bool is_found; /* one that will do */
};

static void
note_place(struct finding *finding, const struct fi_far_place *place)
{
    const bool will_do = !finding->is_base || !fi_pack_kind_is_named(place->at.kind);
    if (will_do || !finding->is_there) {
        *finding->out = *place;
    }
    finding->is_there = true;
    finding->is_found = finding->is_found || will_do;
}

static bool
is_in_index(struct finding *finding)
{
    const struct fi_far_known *known = fi_hash_map_find(
        &finding->far->index, key_of_hash(finding->far, finding->hash), finding->hash);
    if (known != NULL) {
        note_place(finding, &known->place);
    }
    return finding->is_found;
}

/* Looks into one file, which is opened if it is not. */
static int
look_into(struct finding *finding, uint32_t number, firn_error *err)
{
    struct fi_far *far = finding->far;
    struct fi_far_file *file = far->files[number];
    firn_error why;
    if (file->is_indexed || file->is_damaged) {
        return FIRN_OK; /* the index was looked into */
    }
    FI_TRY_RETURN(open_file(far, number, err));
    if (file->pack == NULL || is_in_index(finding) || file->is_indexed) {
        return FIRN_OK;
    }
    file->is_gone = false;
    struct fi_far_place place = {.file = number};
    int rc = fi_pack_find(file->pack, far->scratch, finding->hash, &place.at, &why);
    if (rc == FIRN_OK) {
        note_place(finding, &place);
        return FIRN_OK;
    }
    if (rc == FIRN_NOT_FOUND && !file->is_gone) {
        return FIRN_OK;
    }
    return pass_damage(far, rc, &why, err);
}

/* Looks into files that say that they have bases for a delta of another one. */
static int
look_into_bases(struct finding *finding, uint32_t from, firn_error *err)
{
    struct fi_far *far = finding->far;
    const struct fi_far_file *file = far->files[from];
    FI_TRY_RETURN(look_into(finding, from, err));
    for (size_t i = far->file_count; i > 0 && !finding->is_found && file->base_count > 0; i--) {
        bool is_base = false;
        for (size_t k = 0; k < file->base_count && !is_base; k++) {
            is_base = file->bases[k] == far->files[i - 1]->number;
        }
        if (is_base) {
            FI_TRY_RETURN(look_into(finding, (uint32_t)(i - 1), err));
        }
    }
    return FIRN_OK;
}

int
fi_far_find(struct fi_far *far, const firn_hash *hash, const uint32_t *from,
            struct fi_far_place *out, bool *out_is_found, firn_error *err)
{
    struct finding finding = {.far = far, .hash = hash, .out = out, .is_base = from != NULL};
    *out_is_found = false;
    (void)is_in_index(&finding);
    for (size_t i = far->file_count; i > 0 && !finding.is_found; i--) {
        if (far->files[i - 1]->is_in_memory) {
            FI_TRY_RETURN(look_into(&finding, (uint32_t)(i - 1), err));
        }
    }
    if (from != NULL && !finding.is_found) {
        FI_TRY_RETURN(look_into_bases(&finding, *from, err));
    }
    for (size_t i = far->file_count; i > 0 && !finding.is_found; i--) {
        FI_TRY_RETURN(look_into(&finding, (uint32_t)(i - 1), err));
    }
    *out_is_found = finding.is_there; /* what reads a base that is not whole says so */
    if (!finding.is_there && far->has_damage) {
        fi_error_copy(err, &far->damage);
        return far->damage.code;
    }
    return FIRN_OK;
}

int
fi_far_need(struct fi_far *far, const firn_hash *hash, const uint32_t *from,
            struct fi_far_place *out, firn_error *err)
{
    bool is_found;
    FI_TRY_RETURN(fi_far_find(far, hash, from, out, &is_found, err));
    if (!is_found) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT, "object %s is in no pack of the remote", hex);
    }
    return FIRN_OK;
}

int
fi_far_has(struct fi_far *far, const firn_hash *hash, bool *out, firn_error *err)
{
    struct fi_far_place place;
    return fi_far_find(far, hash, NULL, &place, out, err);
}
