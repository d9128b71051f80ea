/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_estimate.c: what a range of keys takes up in a run, about.
 *
 * The index says in which block a key lies, and where that block is in the file, but not how many
 * entries a block has. Without large values that is enough: a place is known to a block, 4 KiB, and
 * blocks are taken to have equally many entries.
 *
 * References to large values are another matter: a hundred of them fit into a block, and lead to
 * megabytes, while the block beside it may have no reference at all. Only the blocks know. So
 * blocks are read, at most WEIGHED_MAX for a range:
 *
 * - all that the range touches, if these are few: the weight is exact;
 * - else all that lie outside of it or on its ends, if those are few: what they have outside of the
 *   range is subtracted from the run's weight, which MANIFEST knows, so the weight is exact, too;
 * - else a sample, evenly spaced over the whole run: the run's weight is divided as that of the
 *   sample is. Values that stand together in fewer blocks than lie between two of the sample may be
 *   missed. Where the sample has no references, they count as spread evenly over the blocks.
 *
 * So a run of up to 2 × WEIGHED_MAX - 2 blocks, about 1 MiB, is always weighed exactly.
 *
 * Failure: a block that cannot be read fails the estimate.
 */
#include "row/row_internal.h"

enum { WEIGHED_MAX = 128 };

/* The block in which a key lies, or would; the first one for keys before it. */
static size_t
block_of(const struct fi_row_index *index, firn_slice key)
{
    const size_t count = fi_row_index_find(index, fi_run_key(key), UINT64_MAX);
    return count > 0 ? count - 1 : 0;
}

int
fi_row_estimate_place(struct fi_run *base, firn_slice key, struct fi_run_place *out,
                      firn_error *err)
{
    struct fi_row *run = fi_row_read_run(base);
    struct fi_row_read_index index;
    *out = (struct fi_run_place){0};
    FI_TRY_RETURN(fi_row_read_index(run, &index, err));
    const size_t i = block_of(&index.index, key);
    if (i > 0) {
        const uint64_t entries = index.index.entry_count;
        const uint64_t blocks = index.index.block_count;
        struct fi_row_index_block block;
        fi_row_index_block(&index.index, i, &block);
        out->offset = block.ref.offset;
        out->entries = entries / blocks * i + entries % blocks * i / blocks;
    }
    fi_row_read_index_release(run, &index);
    return FIRN_OK;
}

/* ---- weighing ---- */

struct weighing {
    struct fi_row *run;
    const struct fi_row_index *index;
    const struct fi_run_bounds *bounds;
    size_t first; /* the blocks in which the bounds lie */
    size_t last;
    struct fi_run_weight inside; /* of the blocks that were read */
    struct fi_run_weight outside;
};

/* How many entries of a block are before a key. */
static size_t
entries_before(const struct fi_row_block *block, firn_slice key)
{
    return fi_row_block_lower_bound(block, fi_run_key(key), UINT64_MAX);
}

static int
add_block(struct weighing *weighing, size_t i, firn_error *err)
{
    struct fi_block_pin pin;
    struct fi_row_block block;
    FI_TRY_RETURN(fi_row_read_block(weighing->run, weighing->index, i, &pin, err));
    fi_row_block_init(&block, firn_bytes(pin.data, pin.size));
    const struct fi_run_bounds *bounds = weighing->bounds;
    const size_t begin = entries_before(&block, bounds->lower);
    const size_t end = bounds->upper == NULL ? block.count : entries_before(&block, *bounds->upper);
    for (size_t entry = 0; entry < block.count; entry++) {
        struct fi_row_slot slot;
        struct fi_run_weight *weight =
            entry >= begin && entry < end ? &weighing->inside : &weighing->outside;
        fi_row_block_slot(&block, entry, &slot);
        weight->entries++;
        weight->value_bytes +=
            fi_row_reference_is_one(&slot) ? fi_row_value_reference_span(&slot) : 0;
    }
    fi_block_cache_unpin(weighing->run->cache, &pin);
    return FIRN_OK;
}

/* Blocks from begin to before end. */
static int
add_blocks(struct weighing *weighing, size_t begin, size_t end, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = begin; rc == FIRN_OK && i < end; i++) {
        rc = add_block(weighing, i, err);
    }
    return rc;
}

static uint64_t
minus(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

/* As much of all as inside is of inside and outside; as part where these are 0. */
static uint64_t
share(uint64_t all, uint64_t inside, uint64_t outside, double part)
{
    if (inside + outside > 0) {
        part = (double)inside / ((double)inside + (double)outside);
    }
    return (uint64_t)(part * (double)all);
}

static int
row_estimate_sample(struct weighing *weighing, struct fi_run_weight *inout, firn_error *err)
{
    const size_t blocks = weighing->index->block_count;
    const double part = (double)(weighing->last - weighing->first) / (double)blocks;
    int rc = FIRN_OK;
    DCHECK(blocks > WEIGHED_MAX);
    for (size_t i = 0; rc == FIRN_OK && i < WEIGHED_MAX; i++) {
        rc = add_block(weighing, (2 * i + 1) * blocks / (2 * (size_t)WEIGHED_MAX), err);
    }
    inout->entries =
        share(inout->entries, weighing->inside.entries, weighing->outside.entries, part);
    inout->value_bytes = share(inout->value_bytes, weighing->inside.value_bytes,
                               weighing->outside.value_bytes, part);
    return rc;
}

static int
row_estimate_weigh(struct weighing *weighing, struct fi_run_weight *inout, firn_error *err)
{
    const size_t blocks = weighing->index->block_count;
    const size_t first = weighing->first;
    const size_t last = weighing->last;
    DCHECK(first <= last && last < blocks);
    if (last - first < WEIGHED_MAX) {
        FI_TRY_RETURN(add_blocks(weighing, first, last + 1, err));
        *inout = weighing->inside;
    } else if (first + 1 + (blocks - last) <= WEIGHED_MAX) {
        FI_TRY_RETURN(add_blocks(weighing, 0, first + 1, err));
        FI_TRY_RETURN(add_blocks(weighing, last, blocks, err));
        inout->entries = minus(inout->entries, weighing->outside.entries);
        inout->value_bytes = minus(inout->value_bytes, weighing->outside.value_bytes);
    } else {
        FI_TRY_RETURN(row_estimate_sample(weighing, inout, err));
    }
    return FIRN_OK;
}

int
fi_row_estimate_weigh(struct fi_run *base, const struct fi_run_bounds *bounds,
                      struct fi_run_weight *inout, firn_error *err)
{
    struct fi_row *run = fi_row_read_run(base);
    struct fi_row_read_index index;
    int rc;
    FI_TRY(fi_row_read_index(run, &index, err));
    const size_t blocks = index.index.block_count;
    struct weighing weighing = {.run = run, .index = &index.index, .bounds = bounds};
    if (blocks > 0) {
        weighing.first = block_of(&index.index, bounds->lower);
        weighing.last = bounds->upper == NULL ? blocks - 1 : block_of(&index.index, *bounds->upper);
    }
    if (blocks == 0 || weighing.last < weighing.first) {
        *inout = (struct fi_run_weight){0};
    } else {
        rc = row_estimate_weigh(&weighing, inout, err);
    }
    fi_row_read_index_release(run, &index);
out:
    return rc;
}
