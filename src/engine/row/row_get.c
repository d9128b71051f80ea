/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_get.c: looks up the newest version of a key that a snapshot sees.
 *
 *   filter ──> index ──> block ──> version      each may end the search; the cheapest is first
 *
 * Nearly always the snapshot is the one interval [1, n], n newer than the run, and the first
 * version of the key in the block is the answer. In general the search walks the versions of the
 * key and the intervals of the snapshot together, both from the newest: it passes over a version
 * newer than the interval, and an interval newer than the version. If the versions of a key fill
 * many blocks, the search does not read them one by one: after each block it begins again in the
 * index, at the newest sequence that can still be an answer. It does not read a block if the
 * snapshot sees none of the block's sequences.
 *
 * (I1) walk.at is the newest sequence that can still be an answer. Each round begins at a later
 *      block than the one before.
 *
 * The filter. Only gets need it, so the first get reads it, not the opening: a cursor gets to its
 * first entry sooner. A run that keeps its pins (row_open.c) keeps the filter pinned from then on;
 * the cache has set aside the bytes already. Other runs pin it for each get.
 *
 * (I2) filter_state never leaves PINNED or WITHOUT. The thread that has changed UNREAD to READING
 *      owns filter_pin until it changes the state again; meanwhile other threads act as if the run
 *      kept nothing.
 * (I3) filter is set once, after all that it leads to.
 *
 * Failure. A block that cannot be read ends the search with FIRN_CORRUPT, since it may hold the
 * newest version; blocks that the snapshot cannot see do not matter. A damaged filter is no
 * failure: without it lookups only cost more, and the check of the run reports it.
 *
 * Threads: any number at once; except for the filter nothing of the run is changed.
 */
#include "row/row_internal.h"

/* ---- the filter ---- */

enum { UNREAD, READING, PINNED, WITHOUT };

static int
pin_filter(struct fi_row *run, struct fi_block_pin *out, firn_error *err)
{
    return fi_block_cache_read(run->cache, run->file_of_sections, run->reader,
                               &run->sections.filter, FI_BLOCK_CACHE_INDEX, fi_run_filter_check,
                               out, err);
}

/* Whether the cache has room for what is pinned now, or keeps it beyond its budget. */
static bool
has_room(struct fi_row *run)
{
    struct fi_block_pin pin;
    bool is_there = fi_block_cache_find(run->cache, run->file_of_sections,
                                        run->sections.filter.offset, FI_BLOCK_CACHE_INDEX, &pin);
    fi_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Has the run keep the filter, if no other thread is about to and it can be read. */
static void
keep_filter(struct fi_row *run)
{
    unsigned state = UNREAD;
    firn_error err;
    if (!atomic_compare_exchange_strong(&run->filter_state, &state, READING)) {
        return;
    }
    DCHECK(run->keeps_pins && run->filter_pin.data == NULL); /* (I2) */
    DCHECK(atomic_load(&run->filter) == NULL);               /* (I3) */
    int rc = pin_filter(run, &run->filter_pin, &err);
    if (rc == FIRN_OK && has_room(run)) {
        DCHECK(run->filter_pin.size == run->sections.filter.raw_size); /* as known_filter has it */
        atomic_store_explicit(&run->filter, run->filter_pin.data, memory_order_release);
        state = PINNED;
    } else {
        fi_block_cache_unpin(run->cache, &run->filter_pin);
        state = rc == FIRN_CORRUPT ? WITHOUT : UNREAD;
    }
    DCHECK(atomic_load(&run->filter_state) == READING); /* (I2) */
    atomic_store(&run->filter_state, state);
}

/* Asks a filter that is pinned for this get alone. */
static int
query_once(struct fi_row *run, uint64_t key_hash, bool *out, firn_error *err)
{
    struct fi_block_pin pin = {0};
    firn_error local;
    int rc = pin_filter(run, &pin, &local);
    if (rc == FIRN_OK) {
        *out = fi_run_filter_may_contain(firn_bytes(pin.data, pin.size), key_hash);
        fi_block_cache_unpin(run->cache, &pin);
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else
        fi_error_copy(err, &local);
    return rc;
}

/* Whether the run can hold a key with this hash. true too where the filter is damaged: it only
 * saves work. */
static int
read_filter(struct fi_row *run, uint64_t key_hash, bool *out, firn_error *err)
{
    *out = true;
    firn_slice filter = fi_row_read_known_filter(run);
    if (filter.data == NULL && run->keeps_pins && run->sections.filter.stored_size != 0) {
        keep_filter(run);
        filter = fi_row_read_known_filter(run);
    }
    if (filter.data != NULL) {
        *out = fi_run_filter_may_contain(filter, key_hash);
        return FIRN_OK;
    }
    bool is_without =
        run->sections.filter.stored_size == 0 || atomic_load(&run->filter_state) == WITHOUT;
    return is_without ? FIRN_OK : query_once(run, key_hash, out, err);
}

/* ---- the search ---- */

struct search {
    struct fi_row *run;
    const struct fi_row_index *index;
    firn_slice key;
    uint64_t hash;
    struct fi_run_walk walk; /* (I1) */
    struct fi_run_hit *out;
    struct fi_buf *value;
    struct fi_run_pinned *pinned; /* NULL: the value is copied */
};

/* A value in pieces, or in a value file. */
static int
take_elsewhere(const struct search *search, const struct fi_row_slot *slot, firn_error *err)
{
    bool is_reference = fi_row_reference_is_one(slot);
    DCHECK(slot->is_elsewhere);
    if (is_reference) {
        search->out->kind = fi_row_reference_kind(slot);
    }
    if (search->value == NULL) {
        return FIRN_OK;
    }
    int rc = FIRN_NOT_FOUND;
    if (is_reference && search->pinned != NULL && search->out->kind == FI_ENTRY_PUT) {
        struct fi_block_pin *pin = &search->pinned->pin;
        rc = fi_run_value_file_pin(search->run->values, fi_row_reference_value(slot), pin, err);
        search->pinned->value = firn_bytes(pin->data, pin->size);
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = is_reference
                 ? fi_row_value_reference_read(search->run->values, slot, FI_BLOCK_CACHE_DATA,
                                               search->value, err)
                 : fi_run_pieces_read(search->run->reader, slot->value, search->value, err);
    }
    if (rc != FIRN_OK && rc != FIRN_NO_MEMORY && err != NULL) {
        char text[FI_RUN_TEXT_SIZE];
        fi_error_prefix(err, "the value of '%s' cannot be read",
                        fi_run_text_key(search->key, text));
    }
    return rc;
}

static int
row_get_take(const struct search *search, const struct fi_row_slot *slot, firn_error *err)
{
    search->out->kind = slot->kind;
    search->out->sequence = slot->sequence;
    if (slot->is_elsewhere) {
        return take_elsewhere(search, slot, err);
    }
    if (search->value == NULL || slot->kind == FI_ENTRY_DELETE) {
        return FIRN_OK;
    }
    if (search->pinned != NULL && slot->kind == FI_ENTRY_PUT) {
        search->pinned->value = slot->value; /* search_blocks pins it */
        return FIRN_OK;
    }
    fi_buf_clear(search->value);
    return fi_buf_append_slice(search->value, slot->value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a value");
}

/* Walks the versions in one block: FIRN_OK at a hit, FIRN_NOT_FOUND if it must go on after
 * them. */
static int
search_block(struct search *search, firn_slice raw, firn_error *err)
{
    struct fi_row_block block;
    struct fi_row_slot slot;
    fi_row_block_init(&block, raw);
    size_t i = fi_row_block_find(&block, search->key, fi_row_block_tag(search->hash), &slot);
    if (i == block.count) {
        return FIRN_NOT_FOUND;
    }
    if (slot.sequence > search->walk.at) {
        i = fi_row_block_lower_bound(&block, search->key, search->walk.at);
    }
    firn_slice rest =
        firn_bytes(search->key.data + block.prefix.size, search->key.size - block.prefix.size);
    for (; i < block.count; i++) {
        fi_row_block_slot(&block, i, &slot);
        if (!fi_slice_equal(slot.rest, rest) || !fi_run_walk_below(&search->walk, slot.sequence)) {
            break;
        }
        if (slot.sequence <= search->walk.at) {
            return row_get_take(search, &slot, err);
        }
    }
    return FIRN_NOT_FOUND;
}

/* Whether versions of the key go on in the i-th block; if so, they begin at *out_sequence. */
static bool
goes_on(const struct search *search, size_t i, uint64_t *out_sequence)
{
    const struct fi_row_index *index = search->index;
    if (i == index->block_count) {
        return false;
    }
    struct fi_row_index_separator separator;
    fi_row_index_separator(index, i, &separator);
    *out_sequence = separator.sequence;
    return separator.sequence != UINT64_MAX && fi_slice_has_prefix(search->key, index->prefix) &&
           fi_slice_equal(firn_bytes(search->key.data + index->prefix.size,
                                     search->key.size - index->prefix.size),
                          separator.rest);
}

/* Whether a value was found that is to be pinned, and lies in this block. */
static bool
lies_in(const struct fi_run_pinned *pinned, const struct fi_block_pin *block)
{
    return pinned != NULL && pinned->pin.data == NULL && pinned->value.data >= block->data &&
           pinned->value.data <= block->data + block->size;
}

static int
search_blocks(struct search *search, firn_error *err)
{
    for (size_t before = 0;;) {
        size_t count = fi_row_index_find(search->index, search->key, search->walk.at);
        if (count == 0) {
            return FIRN_NOT_FOUND;
        }
        DCHECK(count > before); /* (I1) */
        before = count;
        struct fi_row_index_block block;
        fi_row_index_block(search->index, count - 1, &block);
        if (fi_run_walk_sees_any(&search->walk, block.sequence_min, block.sequence_max)) {
            struct fi_block_pin pin = {0};
            int rc = fi_row_read_block(search->run, search->index, count - 1, &pin, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            rc = search_block(search, firn_bytes(pin.data, pin.size), err);
            if (rc == FIRN_OK && lies_in(search->pinned, &pin)) {
                search->pinned->pin = pin;
                pin = (struct fi_block_pin){.data = NULL};
            }
            fi_block_cache_unpin(search->run->cache, &pin);
            if (rc != FIRN_NOT_FOUND) {
                return rc;
            }
        }
        uint64_t next;
        if (!goes_on(search, count, &next) || !fi_run_walk_below(&search->walk, next)) {
            return FIRN_NOT_FOUND;
        }
    }
}

int
fi_row_get_pinned(struct fi_run *run, firn_slice key, const struct fi_snapshot *snapshot,
                  struct fi_run_hit *out, struct fi_run_pinned *pinned, struct fi_buf *value,
                  firn_error *err)
{
    DCHECK(pinned == NULL || pinned->pin.data == NULL);
    struct search search = {.run = fi_row_read_run(run),
                            .key = fi_run_key(key),
                            .out = out,
                            .value = value,
                            .pinned = pinned};
    search.hash = fi_run_filter_hash(search.key);
    bool may_contain;
    int rc;
    FI_TRY(read_filter(search.run, search.hash, &may_contain, err));
    if (!may_contain || !fi_run_walk_init(&search.walk, snapshot)) {
        return fi_run_not_found(err);
    }
    struct fi_row_read_index index;
    FI_TRY(fi_row_read_index(search.run, &index, err));
    search.index = &index.index;
    rc = search_blocks(&search, err);
    fi_row_read_index_release(search.run, &index);
    rc = rc == FIRN_NOT_FOUND ? fi_run_not_found(err) : rc;
out:
    return rc;
}

int
fi_row_get(struct fi_run *run, firn_slice key, const struct fi_snapshot *snapshot,
           struct fi_run_hit *out, struct fi_buf *value, firn_error *err)
{
    return fi_row_get_pinned(run, key, snapshot, out, NULL, value, err);
}

void
fi_row_get_prefetch(const struct fi_run *base, firn_slice key, unsigned step)
{
    const struct fi_row *run = (const struct fi_row *)base;
    firn_slice filter = fi_row_read_known_filter(run);
    DCHECK(step < FI_RUN_GET_STEPS);
    key = fi_run_key(key);
    if (step == 0) {
        fi_row_read_prefetch(run, key);
        return;
    }
    if (!run->keeps_pins || run->index.block_count == 0 ||
        (filter.data != NULL && !fi_run_filter_may_contain(filter, fi_run_filter_hash(key)))) {
        return;
    }
    if (step == 1) {
        fi_row_index_prefetch(&run->index, key);
        return;
    }
    size_t count = fi_row_index_find(&run->index, key, UINT64_MAX);
    size_t i = count == 0 ? 0 : count - 1;
    if (step == 2) {
        __builtin_prefetch(&run->guides[i]);
    } else {
        fi_row_read_prefetch_block(run, i, FI_BLOCK_CACHE_GUIDE_HEAD);
    }
}
