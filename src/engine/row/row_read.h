/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_read.h: an open run, and how its parts are fetched. Only files of this folder include it.
 *
 * Any thread.
 */
#ifndef FIRN_ROW_ROW_READ_H
#define FIRN_ROW_ROW_READ_H

#include "base/check.h"
#include "row/row_block.h"
#include "row/row_index.h"

struct firn_row {
    struct firn_run base; /* first */
    struct firn_block_cache *cache;
    const struct firn_run_values *values; /* where references lead; never NULL */
    /* Its numbers in the cache: blocks of entries have one of their own, so that a file which names
     * its index as one of them meets the check of blocks all the same. */
    uint64_t file;
    uint64_t file_of_sections;
    struct firn_block_reader *reader;
    struct firn_run_summary summary;
    struct firn_range_set ranges;
    struct firn_block_ref index_ref;
    struct firn_block_ref filter_ref; /* stored_size 0: there is none */
    struct firn_block_ref origin_ref; /* likewise; read on demand */
    /* Held as long as the run is open where keeps_pins; empty otherwise. */
    bool keeps_pins;
    size_t held_bytes; /* as the cache counts them */
    struct firn_block_pin index_pin;
    /* From the first get on: row_read_filter.c. */
    _Atomic(const uint8_t *) filter; /* of filter_ref.raw_size bytes; NULL: not yet, or never */
    _Atomic unsigned filter_state;
    struct firn_block_pin filter_pin; /* of who pins it, and of who closes the run */
    struct firn_block_memory memory;
    struct firn_row_index index;
    struct firn_block_guide *guides; /* in memory: one for each data block */
};

static inline struct firn_row *
firn_row_read_run(struct firn_run *run)
{
    DCHECK(run->kind == &firn_row_kind);
    return (struct firn_row *)run;
}

/* The same key with an address, for arithmetic on it. */
static inline firn_slice
firn_row_read_key(firn_slice key)
{
    static const uint8_t nothing[1] = {0};
    return key.size == 0 ? firn_bytes(nothing, 0) : key;
}

/* The index, until release. */
struct firn_row_read_index {
    struct firn_row_index index;
    struct firn_block_pin pin; /* empty where the run keeps it */
};
/* What a run that keeps its pins has beside them, for an index of so many blocks. */
size_t firn_row_read_memory_size(size_t block_count);
/* Divides run->memory, which has that size, for run->index. */
void firn_row_read_set_memory(struct firn_row *run);
FIRN_MUST_CHECK int firn_row_read_index(struct firn_row *run, struct firn_row_read_index *out,
                                        firn_error *err);
void firn_row_read_index_release(struct firn_row *run, struct firn_row_read_index *index);

/* As in struct firn_run_kind. */
FIRN_MUST_CHECK int firn_row_read_place_of(struct firn_run *base, firn_slice key,
                                           struct firn_run_place *out, firn_error *err);

/* The filter where the run keeps it and has read it, for who can do without; else no bytes. */
static inline firn_slice
firn_row_read_known_filter(const struct firn_row *run)
{
    const uint8_t *data = atomic_load_explicit(&run->filter, memory_order_acquire);
    return firn_bytes(data, data != NULL ? run->filter_ref.raw_size : 0);
}
/* Whether the run can hold a key with this hash. true too where the filter is damaged: it only
 * saves work. */
FIRN_MUST_CHECK int firn_row_read_filter(struct firn_row *run, uint64_t key_hash, bool *out,
                                         firn_error *err);

/* Begins to bring near the processor what a get will look at first: the key's line of the filter,
 * or, without one, its part of the index. Does nothing where the run does not keep its pins. */
void firn_row_read_prefetch(const struct firn_row *run, firn_slice key);
/* The same for the i-th data block. */
static inline void
firn_row_read_prefetch_block(const struct firn_row *run, size_t i)
{
    if (run->keeps_pins) {
        firn_row_index_prefetch_block(&run->index, i);
        firn_block_cache_guide_prefetch(run->cache, &run->guides[i]);
    }
}

/* Pins the i-th data block if the cache has it. */
bool firn_row_read_find(struct firn_row *run, const struct firn_row_index *index, size_t i,
                        struct firn_block_pin *out);
/* Pins the i-th data block. The second takes its stored bytes from memory where stored is not
 * NULL. */
FIRN_MUST_CHECK int firn_row_read_block(struct firn_row *run, const struct firn_row_index *index,
                                        size_t i, struct firn_block_pin *out, firn_error *err);
FIRN_MUST_CHECK int firn_row_read_missing(struct firn_row *run, const struct firn_row_index *index,
                                          size_t i, const uint8_t *stored,
                                          struct firn_block_pin *out, firn_error *err);

/* Puts file and offset of a block before the text of a failure (of damage, or to read), unless it
 * begins with them. Returns err->code. */
int firn_row_read_place(const struct firn_row *run, const struct firn_block_ref *ref,
                        firn_error *err);

/* Fills in what a failure to read the i-th data block lacks: file and offset, and which keys that
 * takes away. Returns err->code. */
int firn_row_read_explain(const struct firn_row *run, const struct firn_row_index *index, size_t i,
                          firn_error *err);

/* A key for messages: printable, at most FIRN_ROW_READ_TEXT_SIZE - 1 characters. */
enum { FIRN_ROW_READ_TEXT_SIZE = 64 };
const char *firn_row_read_key_text(firn_slice key, char text[FIRN_ROW_READ_TEXT_SIZE]);

#endif
