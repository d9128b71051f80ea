/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_fold.c: small packs that stand in the state become one file.
 *
 * So that a push of a few edits is one request, its pack is an entry of the state; but each full
 * state has all of them again. When they are too many, the push that finds that joins them with its
 * own (outgoing_join). The value of the file names the packs that it took the place of, so who had
 * their objects knows that they are in it.
 *
 * Some of them come from other machines. If one is damaged, nothing is joined, and what it has is
 * told by those who pull it.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "share/share_internal.h"

#define JOINED "joined.pack"
enum { NAME_SIZE = 32, DECODED_MAX = 256 << 20 };

struct folding {
    struct fi_share *share;
    const struct fi_share_stage *stage;
    const struct fi_outgoing_pack *pack; /* the new one */
    char (*names)[NAME_SIZE];
    const char **pointers;
    size_t count; /* of all */
    uint64_t *joined;
    uint64_t *bases;
    size_t base_count;
    size_t base_capacity;
};

static int
add_bases(struct folding *folding, firn_slice bases, firn_error *err)
{
    const size_t more = bases.size / sizeof(uint64_t);
    FI_TRY_RETURN(
        FI_VEC_RESERVE(folding->bases, folding->base_count + more, folding->base_capacity, err));
    for (size_t i = 0; i < more; i++) {
        folding->bases[folding->base_count++] = fi_load_le64(bases.data + i * sizeof(uint64_t));
    }
    return FIRN_OK;
}

static int
write_small(struct folding *folding, const struct fi_share_pack *pack, firn_error *err)
{
    struct fi_os_file *file = NULL;
    char *name = folding->names[folding->count];
    (void)snprintf(name, NAME_SIZE, "small-%zu.pack", folding->count);
    FI_TRY_RETURN(fi_os_file_open(folding->stage->dir, name,
                                  FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE | FI_OS_SEALED, 0600,
                                  &file, err));
    int rc = fi_os_file_write(file, 0, pack->bytes.data, pack->bytes.size, err);
    fi_os_file_close(file);
    FI_TRY_RETURN(rc);
    folding->pointers[folding->count] = name;
    folding->joined[folding->count++] = pack->number;
    return add_bases(folding, pack->bases, err);
}

static int
fold_prepare(struct folding *folding, firn_error *err)
{
    const struct fi_hash_map *packs = &folding->share->packs;
    folding->names = fi_alloc_array(packs->count + 1, NAME_SIZE);
    folding->pointers = fi_alloc_array(packs->count + 1, sizeof(char *));
    folding->joined = fi_alloc_array(packs->count + 1, sizeof(uint64_t));
    if (folding->names == NULL || folding->pointers == NULL || folding->joined == NULL) {
        return fi_error_no_memory(err, "the small packs of a remote");
    }
    /* The own one first: what several have comes from it. */
    folding->pointers[0] = folding->pack->name;
    folding->joined[0] = fi_share_pack_number(folding->pack->id->bytes);
    folding->count = 1;
    FI_TRY_RETURN(add_bases(
        folding, firn_bytes(folding->pack->bases, folding->pack->base_count * sizeof(uint64_t)),
        err));
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        if (pack->is_inline) {
            FI_TRY_RETURN(write_small(folding, pack, err));
        }
    }
    return FIRN_OK;
}

/* The packs that the new one leans on, without those that are in it. */
static void
leave_out_joined(struct folding *folding)
{
    size_t left = 0;
    folding->base_count = fi_sort_unique_u64(folding->bases, folding->base_count);
    for (size_t i = 0; i < folding->base_count; i++) {
        bool is_in = false;
        for (size_t k = 0; k < folding->count; k++) {
            is_in = is_in || folding->joined[k] == folding->bases[i];
        }
        if (!is_in) {
            folding->bases[left++] = folding->bases[i];
        }
    }
    folding->base_count = left;
}

static int
put_joined(struct folding *folding, const struct fi_outgoing_joined *joined, firn_error *err)
{
    struct fi_share_pack pack = {
        .id = joined->id, .size_bytes = joined->size_bytes, .object_count = joined->object_count};
    struct fi_buf value = {0};
    struct fi_os_file *file = NULL;
    char name[FI_REMOTE_FILE_NAME_SIZE];
    int rc;
    leave_out_joined(folding);
    pack.bases = firn_bytes(folding->bases, folding->base_count * sizeof(uint64_t));
    pack.joined = firn_bytes(folding->joined, folding->count * sizeof(uint64_t));
    FI_TRY(fi_share_entry_encode_pack(&pack, &value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a pack"));
    FI_TRY(fi_os_file_open(folding->stage->dir, JOINED, FI_OS_READ, 0, &file, err));
    const struct fi_bucket_body body = {joined->size_bytes, fi_share_stage_read, file};
    rc = fi_remote_upload(&folding->share->remote, &body, fi_buf_slice(&value), name, err);
out:
    fi_os_file_close(file);
    fi_buf_deinit(&value);
    return rc;
}

static int
remove_entries(struct folding *folding, struct fi_remote_change *change, firn_error *err)
{
    const struct fi_hash_map *packs = &folding->share->packs;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        if (pack->is_inline) {
            FI_TRY_RETURN(fi_share_pack_remove(pack, change, err));
        }
    }
    return FIRN_OK;
}

int
fi_share_fold(struct fi_share *share, const struct fi_share_stage *stage,
              const struct fi_outgoing_pack *pack, struct fi_remote_change *change,
              uint64_t *out_size, bool *out_done, firn_error *err)
{
    struct folding folding = {.share = share, .stage = stage, .pack = pack};
    struct fi_outgoing_joined joined;
    int rc;
    *out_done = false;
    FI_TRY(fold_prepare(&folding, err));
    if (folding.count == 1) {
        goto out;
    }
    FI_IGNORE(fi_os_remove_file(stage->dir, JOINED, NULL));
    const struct fi_outgoing_join join = {.dir = stage->dir,
                                          .names = folding.pointers,
                                          .count = folding.count,
                                          .out_dir = stage->dir,
                                          .out_name = JOINED,
                                          .bytes_max = DECODED_MAX};
    rc = fi_outgoing_join(&join, &joined, err);
    if (rc == FIRN_CORRUPT || rc == FIRN_LIMIT || rc == FIRN_NEWER || rc == FIRN_DENIED) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(put_joined(&folding, &joined, err));
    FI_TRY(remove_entries(&folding, change, err));
    *out_size = joined.size_bytes;
    *out_done = true;
out:
    for (size_t i = 1; i < folding.count; i++) {
        FI_IGNORE(fi_os_remove_file(stage->dir, folding.pointers[i], NULL));
    }
    fi_free(folding.names);
    fi_free(folding.pointers);
    fi_free(folding.joined);
    fi_free(folding.bases);
    return rc;
}
