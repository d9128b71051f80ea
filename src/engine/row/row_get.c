/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_get.c: the newest version of a key that a view sees.
 *
 * Filter, index, block: each may end the search, in the order of what it costs. Nearly always the
 * view is the one interval [1, n], n newer than the run, and the first version that the block has
 * of the key is the answer.
 *
 * In general versions of the key and intervals of the view are walked together, both from the
 * newest: a version newer than the interval is passed over, an interval newer than the version is
 * done with. Where the versions of a key fill many blocks, the walk does not read them one by one:
 * after a block the search begins again in the index, at the newest sequence that can still be an
 * answer; and a block none of whose sequences the view sees is not read at all.
 * (I1) `at` is the newest sequence that can still be an answer; it lies in the last interval that
 *      is left. Each round begins at a later block than the one before.
 *
 * A block that cannot be read ends the search with FIRN_CORRUPT, since it may hold the newest
 * version; blocks that the view cannot see do not matter to it.
 *
 * Threads: any number at once; nothing of the run is changed.
 */
#include "row/row_get.h"

#include "row/row_filter.h"
#include "row/row_reference.h"
#include "row/row_value.h"

struct search {
    struct firn_row *run;
    const struct firn_row_index *index;
    firn_slice key;
    uint64_t hash;
    const struct firn_view *view;
    size_t left; /* of its intervals */
    uint64_t at; /* (I1) */
    struct firn_run_hit *out;
    struct firn_buf *value;
};

/* No version newer than this is of interest any more; false if none is at all. */
static bool
go_below(struct search *search, uint64_t sequence)
{
    if (search->left > 0 && search->view->intervals[search->left - 1].first > sequence) {
        search->left = firn_view_count_from(search->view, sequence);
    }
    if (search->left == 0) {
        return false;
    }
    uint64_t last = firn_view_at(search->view, search->left - 1).last;
    search->at = sequence < last ? sequence : last;
    DCHECK(search->at >= search->view->intervals[search->left - 1].first); /* (I1) */
    return true;
}

/* Whether the view sees one of these sequences, down from `at`. */
static bool
sees_any(const struct search *search, uint64_t sequence_min, uint64_t sequence_max)
{
    if (sequence_max > search->at) {
        sequence_max = search->at;
    }
    size_t from = firn_view_count_from(search->view, sequence_max);
    from = from < search->left ? from : search->left;
    return from > 0 && sequence_min <= sequence_max &&
           firn_view_at(search->view, from - 1).last >= sequence_min;
}

/* A value in pieces, or in a value file. */
static int
take_elsewhere(const struct search *search, const struct firn_row_slot *slot, firn_error *err)
{
    bool is_reference = firn_row_reference_is_one(slot);
    DCHECK(slot->is_elsewhere);
    if (is_reference) {
        search->out->kind = firn_row_reference_kind(slot);
    }
    if (search->value == NULL) {
        return FIRN_OK;
    }
    int rc = is_reference
                 ? firn_row_reference_read(search->run->values, slot, FIRN_BLOCK_CACHE_DATA,
                                           search->value, err)
                 : firn_row_value_read(search->run->reader, slot->value, search->value, err);
    if (rc != FIRN_OK && rc != FIRN_NO_MEMORY && err != NULL) {
        char text[FIRN_ROW_READ_TEXT_SIZE];
        (void)firn_error_prefix(err, "the value of '%s' cannot be read",
                                firn_row_read_key_text(search->key, text));
    }
    return rc;
}

static int
take(const struct search *search, const struct firn_row_slot *slot, firn_error *err)
{
    search->out->kind = slot->kind;
    search->out->sequence = slot->sequence;
    if (slot->is_elsewhere) {
        return take_elsewhere(search, slot, err);
    }
    if (search->value == NULL || slot->kind == FIRN_ENTRY_DELETE) {
        return FIRN_OK;
    }
    firn_buf_clear(search->value);
    return firn_buf_append_slice(search->value, slot->value) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a value");
}

/* Walks the versions in one block: FIRN_OK at a hit, FIRN_NOT_FOUND if it must go on behind
 * them. */
static int
search_block(struct search *search, firn_slice raw, firn_error *err)
{
    struct firn_row_block block;
    struct firn_row_slot slot;
    firn_row_block_init(&block, raw);
    size_t i = firn_row_block_find(&block, search->key, firn_row_block_tag(search->hash), &slot);
    if (i == block.count) {
        return FIRN_NOT_FOUND;
    }
    if (slot.sequence > search->at) {
        i = firn_row_block_lower_bound(&block, search->key, search->at);
    }
    firn_slice rest =
        firn_bytes(search->key.data + block.prefix.size, search->key.size - block.prefix.size);
    for (; i < block.count; i++) {
        firn_row_block_slot(&block, i, &slot);
        if (!firn_slice_equal(slot.rest, rest) || !go_below(search, slot.sequence)) {
            break;
        }
        if (slot.sequence <= search->at) {
            return take(search, &slot, err);
        }
    }
    return FIRN_NOT_FOUND;
}

/* Whether versions of the key go on in the i-th block; if so, they begin at *out_sequence. */
static bool
goes_on(const struct search *search, size_t i, uint64_t *out_sequence)
{
    const struct firn_row_index *index = search->index;
    if (i == index->block_count) {
        return false;
    }
    struct firn_row_index_separator separator;
    firn_row_index_separator(index, i, &separator);
    *out_sequence = separator.sequence;
    return separator.sequence != UINT64_MAX && firn_slice_has_prefix(search->key, index->prefix) &&
           firn_slice_equal(firn_bytes(search->key.data + index->prefix.size,
                                       search->key.size - index->prefix.size),
                            separator.rest);
}

static int
search_blocks(struct search *search, firn_error *err)
{
    for (size_t before = 0;;) {
        size_t count = firn_row_index_find(search->index, search->key, search->at);
        if (count == 0) {
            return FIRN_NOT_FOUND;
        }
        DCHECK(count > before); /* (I1) */
        before = count;
        struct firn_row_index_block block;
        firn_row_index_block(search->index, count - 1, &block);
        if (sees_any(search, block.sequence_min, block.sequence_max)) {
            struct firn_block_pin pin = {0};
            int rc = firn_row_read_block(search->run, search->index, count - 1, &pin, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            rc = search_block(search, firn_bytes(pin.data, pin.size), err);
            firn_block_cache_unpin(search->run->cache, &pin);
            if (rc != FIRN_NOT_FOUND) {
                return rc;
            }
        }
        uint64_t next;
        if (!goes_on(search, count, &next) || !go_below(search, next)) {
            return FIRN_NOT_FOUND;
        }
    }
}

/* An answer, not a failure: no text is made. */
static int
not_found(firn_error *err)
{
    if (err != NULL) {
        err->code = FIRN_NOT_FOUND;
        err->os_errno = 0;
        err->text[0] = '\0';
    }
    return FIRN_NOT_FOUND;
}

int
firn_row_get(struct firn_run *run, firn_slice key, const struct firn_view *view,
             struct firn_run_hit *out, struct firn_buf *value, firn_error *err)
{
    struct search search = {.run = firn_row_read_run(run),
                            .key = firn_row_read_key(key),
                            .view = view,
                            .left = view->count,
                            .out = out,
                            .value = value};
    search.hash = firn_row_filter_hash(search.key);
    bool may_contain;
    int rc = firn_row_read_filter(search.run, search.hash, &may_contain, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!may_contain || !go_below(&search, UINT64_MAX)) {
        return not_found(err);
    }
    struct firn_row_read_index index;
    rc = firn_row_read_index(search.run, &index, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    search.index = &index.index;
    rc = search_blocks(&search, err);
    firn_row_read_index_release(search.run, &index);
    return rc == FIRN_NOT_FOUND ? not_found(err) : rc;
}

void
firn_row_get_prefetch(const struct firn_run *base, firn_slice key, unsigned step)
{
    const struct firn_row *run = (const struct firn_row *)base;
    firn_slice filter = firn_row_read_known_filter(run);
    DCHECK(step < FIRN_RUN_GET_STEPS);
    key = firn_row_read_key(key);
    if (step == 0) {
        firn_row_read_prefetch(run, key);
        return;
    }
    if (!run->keeps_pins || run->index.block_count == 0 ||
        (filter.data != NULL && !firn_row_filter_may_contain(filter, firn_row_filter_hash(key)))) {
        return;
    }
    if (step == 1) {
        firn_row_index_prefetch(&run->index, key);
        return;
    }
    size_t count = firn_row_index_find(&run->index, key, UINT64_MAX);
    size_t i = count == 0 ? 0 : count - 1;
    if (step == 2) {
        __builtin_prefetch(&run->guides[i]);
    } else {
        firn_row_read_prefetch_block(run, i);
    }
}
