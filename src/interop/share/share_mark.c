/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_mark.c: which packs of a remote its checkpoints need.
 *
 * All directories of the checkpoints are read where they are (far.h): they stand at the ends of
 * packs, with the tables that say which objects a pack has. Of contents only lists of pieces are
 * read, some at a time. A delta leans on another object, which is not looked at: the packs that
 * have bases of a pack's deltas are needed with it.
 *
 * As in a collection of garbage, the same bytes may be a file's and a directory's.
 *
 * Memory: 40 bytes for each object.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "far/far.h"
#include "share/share_internal.h"
#include "tree/tree.h"

enum { LISTS_AT_ONCE = 256 };

/* An object that was met. */
struct met {
    firn_hash hash; /* first */
    bool is_tree;   /* it was looked into as a directory */
};

struct marking {
    struct fi_share *share;
    struct fi_far *far;
    struct fi_hash_map *needed;
    struct fi_hash_map met;
    struct fi_buf trees; /* hashes of directories to look into */
    struct fi_buf lists; /* hashes of lists to look into */
    struct fi_buf object;
    uint64_t read_count;
};

static int
need_pack(struct marking *marking, uint64_t number, firn_error *err)
{
    if (fi_hash_map_find(marking->needed, number, &number) != NULL) {
        return FIRN_OK;
    }
    return fi_hash_map_insert(marking->needed, number, &number) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the packs that are needed");
}

static int
push_hash(struct fi_buf *stack, const firn_hash *hash, firn_error *err)
{
    return fi_buf_append(stack, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the objects that are needed");
}

static int
meet(struct marking *marking, const firn_hash *hash, bool is_tree, firn_error *err)
{
    struct met *met = fi_hash_map_find(&marking->met, fi_hash_map_first(hash), hash);
    uint64_t pack;
    bool is_list;
    if (met == NULL) {
        const struct met new = {.hash = *hash};
        FI_TRY_RETURN(fi_far_parts_find(marking->far, hash, &pack, &is_list, err));
        FI_TRY_RETURN(need_pack(marking, pack, err));
        FI_TRY_RETURN(is_list ? push_hash(&marking->lists, hash, err) : FIRN_OK);
        met = fi_hash_map_insert(&marking->met, fi_hash_map_first(hash), &new);
        if (met == NULL) {
            return fi_error_no_memory(err, "the objects that are needed");
        }
    }
    if (!is_tree || met->is_tree) {
        return FIRN_OK;
    }
    met->is_tree = true;
    return push_hash(&marking->trees, hash, err);
}

static int
meet_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    return meet(ctx, hash, is_tree, err);
}

static int
collect_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    return push_hash(ctx, hash, err);
}

/* The parts are met after the list, since looking them up uses what it is borrowed from. */
static int
look_into_list(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    struct fi_buf parts = {0};
    int rc = fi_far_parts_list(marking->far, hash, collect_part, &parts, err);
    for (size_t at = 0; rc == FIRN_OK && at < parts.size; at += sizeof(firn_hash)) {
        firn_hash part;
        memcpy(&part, parts.data + at, sizeof part);
        rc = meet(marking, &part, false, err);
    }
    fi_buf_deinit(&parts);
    return rc;
}

/* The last lists that wait. */
static int
look_into_lists(struct marking *marking, firn_error *err)
{
    firn_hash hashes[LISTS_AT_ONCE];
    size_t count = marking->lists.size / sizeof(firn_hash);
    count = count < LISTS_AT_ONCE ? count : LISTS_AT_ONCE;
    marking->lists.size -= count * sizeof(firn_hash);
    memcpy(hashes, marking->lists.data + marking->lists.size, count * sizeof(firn_hash));
    FI_TRY_RETURN(fi_far_want(marking->far, hashes, count, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(look_into_list(marking, &hashes[i], err));
    }
    return FIRN_OK;
}

static int
look_into_tree(struct marking *marking, firn_error *err)
{
    firn_hash hash;
    marking->trees.size -= sizeof hash;
    memcpy(&hash, marking->trees.data + marking->trees.size, sizeof hash);
    FI_TRY_RETURN(fi_far_read(marking->far, &hash, &marking->object, err));
    FI_TRY_RETURN(fi_share_progress(marking->share, "mark", fi_far_fetched(marking->far), 0, err));
    return fi_tree_references(fi_buf_slice(&marking->object), meet_reference, marking, err);
}

/* Packs on which needed ones lean, until nothing is new: the map grows while it is walked. */
static int
need_bases(struct marking *marking, firn_error *err)
{
    const struct fi_hash_map *packs = &marking->share->packs;
    for (size_t i = 0; i < marking->needed->count; i++) {
        uint64_t number;
        memcpy(&number, fi_hash_map_at(marking->needed, i), sizeof number);
        const struct fi_share_pack *pack = fi_hash_map_find(packs, number, &number);
        for (size_t at = 0; pack != NULL && at < pack->bases.size; at += sizeof number) {
            FI_TRY_RETURN(need_pack(marking, fi_load_le64(pack->bases.data + at), err));
        }
    }
    return FIRN_OK;
}

int
fi_share_mark(struct fi_share *share, struct fi_far *far, const struct fi_share_mark_root *roots,
              size_t count, struct fi_hash_map *needed, firn_error *err)
{
    struct marking marking = {.share = share, .far = far, .needed = needed};
    int rc = FIRN_OK;
    fi_hash_map_init(&marking.met, sizeof(struct met), fi_hash_map_first, fi_hash_map_same_hash);
    for (size_t i = 0; i < count; i++) {
        FI_TRY(meet(&marking, &roots[i].hash, roots[i].is_tree, err));
    }
    while (marking.trees.size > 0 || marking.lists.size > 0) {
        FI_TRY(marking.trees.size > 0 ? look_into_tree(&marking, err)
                                      : look_into_lists(&marking, err));
    }
    rc = need_bases(&marking, err);
out:
    fi_hash_map_deinit(&marking.met);
    fi_buf_deinit(&marking.trees);
    fi_buf_deinit(&marking.lists);
    fi_buf_deinit(&marking.object);
    return rc;
}

/* ==== opening ==== */

static int
add_far(struct fi_far *far, const struct fi_share_pack *pack, firn_error *err)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    const size_t count = pack->bases.size / sizeof(uint64_t);
    uint64_t *bases = NULL;
    int rc = FIRN_OK;
    CHECK(pack->name.size < sizeof name);
    memcpy(name, pack->name.data, pack->name.size);
    name[pack->name.size] = '\0';
    if (count > 0) {
        bases = fi_alloc_array(count, sizeof *bases);
        if (bases == NULL) {
            return fi_error_no_memory(err, "the packs of a remote");
        }
        memcpy(bases, pack->bases.data, count * sizeof *bases);
    }
    const struct fi_far_pack added = {.name = name,
                                      .id = pack->id,
                                      .size_bytes = pack->size_bytes,
                                      .number = pack->number,
                                      .bases = bases,
                                      .base_count = count};
    rc = pack->is_inline ? fi_far_add_bytes(far, &added, pack->bytes, err)
                         : fi_far_add_pack(far, &added, err);
    fi_free(bases);
    return rc == FIRN_EXISTS ? FIRN_OK : rc;
}

int
fi_share_mark_open(struct fi_share *share, struct fi_os_dir *dir, const struct fi_hash_map *without,
                   struct fi_far **out, firn_error *err)
{
    enum { FREE_BYTES = 64 << 20 };
    struct fi_far *far = NULL;
    uint64_t bytes_max = FREE_BYTES;
    int rc;
    for (size_t i = 0; i < share->packs.count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(&share->packs, i);
        bytes_max += pack->size_bytes < UINT64_MAX / 4 - bytes_max ? pack->size_bytes : 0;
    }
    FI_TRY(fi_far_create(share->bucket, dir, bytes_max, &far, err));
    for (size_t i = 0; i < share->packs.count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(&share->packs, i);
        bool is_out =
            pack->is_joined ||
            (without != NULL && fi_hash_map_find(without, pack->number, &pack->number) != NULL);
        FI_TRY(is_out ? FIRN_OK : add_far(far, pack, err));
    }
    *out = far;
    return FIRN_OK;
out:
    fi_far_destroy(far);
    return rc;
}
