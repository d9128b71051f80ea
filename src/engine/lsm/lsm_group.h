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
struct fi_lsm_group_column {
    uint32_t id;
    firn_type type; /* of a column of the key */
    bool is_constant;
    struct fi_cell constant;
    struct fi_column_pin pin;
    struct fi_chunk_scratch scratch;
    size_t block; /* the block that values has; SIZE_MAX: none */
    size_t asked; /* the block that was asked for last */
    struct fi_chunk_values values;
    struct fi_buf large;
};

/* A zeroed struct is a closed group. */
struct fi_lsm_group {
    bool is_open;
    struct fi_run *run;
    size_t number;
    struct fi_column_group info;
    size_t key_count;
    struct fi_lsm_group_column keys[FI_COLUMN_KEY_MAX];
    struct fi_lsm_group_column sequence;
    struct fi_lsm_group_column kind;
    struct fi_lsm_group_column expires;
};

/* What a row is, beside its key. */
struct fi_lsm_group_row {
    uint64_t sequence;
    enum fi_entry_kind kind;
    uint64_t expires_ms; /* 0: never */
};

/* Value i of a block. Bytes are borrowed from it. */
static inline struct fi_cell
fi_lsm_group_cell(const struct fi_chunk_values *values, size_t i)
{
    struct fi_cell cell = {.kind = values->kind};
    DCHECK(i < values->count);
    if (values->valid != NULL && (values->valid[i / 64] >> i % 64 & 1) == 0) {
        cell.kind = FI_PHYSICAL_NONE;
    } else if (values->kind == FI_PHYSICAL_F32) {
        cell.as.f32 = values->as.f32[i];
    } else if (values->kind == FI_PHYSICAL_BYTES) {
        cell.as.bytes = values->as.bytes[i];
    } else {
        cell.as.u64 = values->as.u64[i];
    }
    return cell;
}

/* Pins the chunks of a group; closes the previous one first. Fails as fi_column_pin_chunk does,
 * and is then closed. */
FIRN_MUST_CHECK int fi_lsm_group_open(struct fi_lsm_group *group, struct fi_run *run, size_t number,
                                      firn_error *err);
/* Keeps memory for the next group. */
void fi_lsm_group_close(struct fi_lsm_group *group);
void fi_lsm_group_deinit(struct fi_lsm_group *group);

/* Replaces the contents of out with the encoded key of a row. */
FIRN_MUST_CHECK int fi_lsm_group_key(struct fi_lsm_group *group, uint32_t row, struct fi_buf *out,
                                     firn_error *err);
FIRN_MUST_CHECK int fi_lsm_group_row(struct fi_lsm_group *group, uint32_t row,
                                     struct fi_lsm_group_row *out, firn_error *err);
/* The first row from `first` on, before `end`, whose key is not below key; `end` if there is none.
 * memory is working memory. */
FIRN_MUST_CHECK int fi_lsm_group_find(struct fi_lsm_group *group, firn_slice key, uint32_t first,
                                      uint32_t end, struct fi_buf *memory, uint32_t *out,
                                      firn_error *err);

#endif
