/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_read_filter.c: fetches the filter of a run.
 *
 * Only gets ask for it, so it is read by the first of them, not when the run is opened: a cursor
 * gets to its first entry sooner by that. A run that keeps its pins (row_open.c) keeps the filter
 * pinned from then on; the cache has set aside what it takes already. Others pin it for the time of
 * a get, and may find it evicted.
 *
 * (I1) filter_state leaves PINNED and WITHOUT no more; who has changed UNREAD to READING owns
 *      filter_pin until it changes that again, and meanwhile the others do as if the run kept
 *      nothing.
 * (I2) filter is set once, after all that it leads to.
 *
 * A damaged filter is no failure: without it lookups only cost more, and check reports it.
 */
#include "row/row_filter.h"
#include "row/row_read.h"

enum { UNREAD, READING, PINNED, WITHOUT };

static int
pin_filter(struct firn_row *run, struct firn_block_pin *out, firn_error *err)
{
    return firn_block_cache_read(run->cache, run->file_of_sections, run->reader, &run->filter_ref,
                                 FIRN_BLOCK_CACHE_INDEX, firn_row_filter_check, out, err);
}

/* Whether the cache has room for what is pinned now, or keeps it beyond its budget. */
static bool
has_room(struct firn_row *run)
{
    struct firn_block_pin pin;
    bool is_there = firn_block_cache_find(run->cache, run->file_of_sections, run->filter_ref.offset,
                                          FIRN_BLOCK_CACHE_INDEX, &pin);
    firn_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Has the run keep the filter, if nobody else is about to and it can be read. */
static void
keep_filter(struct firn_row *run)
{
    unsigned state = UNREAD;
    firn_error err;
    if (!atomic_compare_exchange_strong(&run->filter_state, &state, READING)) {
        return;
    }
    DCHECK(run->keeps_pins && run->filter_pin.data == NULL); /* (I1) */
    DCHECK(atomic_load(&run->filter) == NULL);               /* (I2) */
    int rc = pin_filter(run, &run->filter_pin, &err);
    if (rc == FIRN_OK && has_room(run)) {
        DCHECK(run->filter_pin.size == run->filter_ref.raw_size); /* as known_filter has it */
        atomic_store_explicit(&run->filter, run->filter_pin.data, memory_order_release);
        state = PINNED;
    } else {
        firn_block_cache_unpin(run->cache, &run->filter_pin);
        state = rc == FIRN_CORRUPT ? WITHOUT : UNREAD;
    }
    DCHECK(atomic_load(&run->filter_state) == READING); /* (I1) */
    atomic_store(&run->filter_state, state);
}

/* Asks a filter that is pinned for this get alone. */
static int
ask_once(struct firn_row *run, uint64_t key_hash, bool *out, firn_error *err)
{
    struct firn_block_pin pin = {0};
    firn_error local;
    int rc = pin_filter(run, &pin, &local);
    if (rc == FIRN_OK) {
        *out = firn_row_filter_may_contain(firn_bytes(pin.data, pin.size), key_hash);
        firn_block_cache_unpin(run->cache, &pin);
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else if (err != NULL) {
        *err = local;
    }
    return rc;
}

int
firn_row_read_filter(struct firn_row *run, uint64_t key_hash, bool *out, firn_error *err)
{
    *out = true;
    firn_slice filter = firn_row_read_known_filter(run);
    if (filter.data == NULL && run->keeps_pins && run->filter_ref.stored_size != 0) {
        keep_filter(run);
        filter = firn_row_read_known_filter(run);
    }
    if (filter.data != NULL) {
        *out = firn_row_filter_may_contain(filter, key_hash);
        return FIRN_OK;
    }
    bool is_without =
        run->filter_ref.stored_size == 0 || atomic_load(&run->filter_state) == WITHOUT;
    return is_without ? FIRN_OK : ask_once(run, key_hash, out, err);
}
