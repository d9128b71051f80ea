/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_group.h: the keys, sequences, kinds and expiry times of the rows of one row group, for
 * merging keys.
 *
 * One thread. The run must stay open.
 */
#ifndef FIRN_LSM_LSM_GROUP_H
#define FIRN_LSM_LSM_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/entry.h"
#include "base/error.h"
#include "column/column.h"

/* One column of the group. */
struct firn_lsm_group_column {
    uint32_t id;
    firn_type type; /* of a column of the key */
    bool is_constant;
    struct firn_cell constant;
    struct firn_column_pin pin;
    struct firn_chunk_scratch scratch;
    size_t block; /* the block that values has; SIZE_MAX: none */
    size_t asked; /* the block that was asked for last */
    struct firn_chunk_values values;
    struct firn_buf large;
};

/* A zeroed struct is a closed group. */
struct firn_lsm_group {
    bool is_open;
    struct firn_run *run;
    size_t number;
    struct firn_column_group info;
    size_t key_count;
    struct firn_lsm_group_column keys[FIRN_COLUMN_KEY_MAX];
    struct firn_lsm_group_column sequence;
    struct firn_lsm_group_column kind;
    struct firn_lsm_group_column expires;
};

/* What a row is, beside its key. */
struct firn_lsm_group_row {
    uint64_t sequence;
    enum firn_entry_kind kind;
    uint64_t expires_ms; /* 0: never */
};

/* Value i of a block. Bytes are borrowed from it. */
static inline struct firn_cell
firn_lsm_group_cell(const struct firn_chunk_values *values, size_t i)
{
    struct firn_cell cell = {.kind = values->kind};
    DCHECK(i < values->count);
    if (values->valid != NULL && (values->valid[i / 64] >> i % 64 & 1) == 0) {
        cell.kind = FIRN_PHYSICAL_NONE;
    } else if (values->kind == FIRN_PHYSICAL_F32) {
        cell.as.f32 = values->as.f32[i];
    } else if (values->kind == FIRN_PHYSICAL_BYTES) {
        cell.as.bytes = values->as.bytes[i];
    } else {
        cell.as.u64 = values->as.u64[i];
    }
    return cell;
}

/* Pins the chunks of a group; closes the previous one first. Fails as firn_column_pin_chunk does,
 * and is then closed. */
FIRN_MUST_CHECK int firn_lsm_group_open(struct firn_lsm_group *group, struct firn_run *run,
                                        size_t number, firn_error *err);
/* Keeps memory for the next group. */
void firn_lsm_group_close(struct firn_lsm_group *group);
void firn_lsm_group_deinit(struct firn_lsm_group *group);

/* Replaces the contents of out with the encoded key of a row. */
FIRN_MUST_CHECK int firn_lsm_group_key(struct firn_lsm_group *group, uint32_t row,
                                       struct firn_buf *out, firn_error *err);
FIRN_MUST_CHECK int firn_lsm_group_row(struct firn_lsm_group *group, uint32_t row,
                                       struct firn_lsm_group_row *out, firn_error *err);
/* The first row from `first` on, before `end`, whose key is not below key; `end` if there is none.
 * memory is working memory. */
FIRN_MUST_CHECK int firn_lsm_group_find(struct firn_lsm_group *group, firn_slice key,
                                        uint32_t first, uint32_t end, struct firn_buf *memory,
                                        uint32_t *out, firn_error *err);

#endif
