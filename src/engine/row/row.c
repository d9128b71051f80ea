/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row.c: opening a run, finding a key in it, and the table of functions through which the LSM
 * tree uses runs of rows.
 *
 * The functions in the order of a run's life: row_builder.c writes it; this file opens it and looks
 * up keys in it; row_cursor.c walks it; row_check.c verifies it. They all use row_block.c and
 * row_index.c to decode bytes, row_read.c and row_value.c to fetch them, and run/run_parts.h for
 * what runs of all kinds have.
 */
#include "base/mem.h"
#include "row/row_internal.h"

/* ==== opens a run: which parts it has, and what must be in memory ====
 *
 * Opened are the block file (header, footer, table of contents), then the summary and the ranges,
 * which are decoded, then the index, through the cache and its check: a run whose index cannot be
 * read has nothing to offer. The summary and the others must agree where they describe the same
 * thing. The filter is not missed before the first get.
 *
 * Pins. A run keeps its index pinned until it is closed, its filter once it is asked for, and
 * beside them tables that lead to its blocks without a visit to those of the cache (row_read.c), as
 * long as the cache agrees to hold so much (fi_block_cache_hold) and has room for it. Others pin
 * them for each operation, and the cache may drop them between.
 *
 * Blocks that the builder handed to the cache are there under a number that comes along; it is the
 * run's from here on, also where opening fails.
 *
 * Memory: the ranges and the bounds, as long as the run is open, and what the cache holds for it.
 */

static void open_close(struct fi_run *base);

/* Whether the cache has room for the index, which is pinned now, or keeps it beyond its budget. */
static bool
open_has_room(struct fi_row *run)
{
    struct fi_block_pin pin;
    bool is_there = fi_block_cache_find(run->cache, run->file_of_sections,
                                        run->sections.index.offset, FI_BLOCK_CACHE_INDEX, &pin);
    fi_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Gives back all that is kept. */
static void
drop_pins(struct fi_row *run)
{
    fi_block_cache_unpin(run->cache, &run->index_pin);
    fi_block_cache_unpin(run->cache, &run->filter_pin);
    fi_block_cache_hold_give(run->cache, &run->memory);
    fi_block_cache_hold_release(run->cache, run->held_bytes);
    run->held_bytes = 0;
    run->keeps_pins = false;
}

/* Keeps the index pinned, and the filter from the first get on, with tables beside them, where the
 * cache holds so much. */
static void
keep_pins(struct fi_row *run, struct fi_row_read_index *index)
{
    DCHECK(!run->keeps_pins && run->held_bytes == 0 && run->memory.data == NULL);
    DCHECK(index->pin.size == run->sections.index.raw_size);
    size_t memory_size = fi_row_read_memory_size(index->index.block_count);
    size_t size =
        (size_t)run->sections.index.raw_size + run->sections.filter.raw_size + memory_size;
    if (!open_has_room(run) || !fi_block_cache_hold(run->cache, size)) {
        return;
    }
    run->held_bytes = size;
    if (!fi_block_cache_hold_take(run->cache, memory_size, &run->memory)) {
        drop_pins(run);
        return;
    }
    run->index_pin = index->pin;
    run->index = index->index;
    index->pin = (struct fi_block_pin){0};
    fi_row_read_set_memory(run);
    run->keeps_pins = true;
}

static int
read_run(struct fi_row *run, firn_error *err)
{
    int rc;
    struct fi_row_read_index index = {.pin = {0}};
    FI_TRY(fi_run_sections_read(run->reader, FI_ROW_FORMAT_VERSION, &run->sections, &run->summary,
                                &run->ranges, err));
    run->summary.has_heads = run->sections.version >= FI_ROW_FORMAT_VERSION_HEADS;
    run->summary.has_references = run->sections.version == FI_ROW_FORMAT_VERSION;
    FI_TRY(fi_row_read_index(run, &index, err));
    if (index.index.entry_count != run->summary.entry_count ||
        index.index.block_count > run->summary.entry_count ||
        (index.index.block_count == 0) != (run->summary.entry_count == 0) ||
        run->sections.filters.stored_size > 0) { /* those of columns */
        FI_TRY(fi_error_set(err, FIRN_CORRUPT, "'%s': its sections contradict each other",
                            fi_block_reader_path(run->reader)));
    }
    keep_pins(run, &index);
out:
    fi_row_read_index_release(run, &index);
    return rc;
}

static int
row_open(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    *out = NULL;
    struct fi_row *run = fi_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        fi_block_cache_drop_file(env->cache, env->cache_file);
        return fi_error_no_memory(err, "a run");
    }
    run->base.kind = &fi_row_kind;
    static const struct fi_run_values none = {0};
    run->cache = env->cache;
    run->values = env->values != NULL ? env->values : &none;
    run->file = env->cache_file != 0 ? env->cache_file : fi_block_cache_add_file(env->cache);
    run->file_of_sections = fi_block_cache_add_file(env->cache);
    int rc = fi_block_reader_open_in(env->descriptors, env->dir, name, FI_BLOCK_FILE_ROW,
                                     &run->reader, err);
    if (rc == FIRN_OK) {
        rc = read_run(run, err);
    }
    if (rc != FIRN_OK) {
        open_close(&run->base);
        return rc;
    }
    *out = &run->base;
    return FIRN_OK;
}

static int
origin(struct fi_run *base, struct fi_buf *numbers, struct fi_run_origin *out, firn_error *err)
{
    const struct fi_row *run = fi_row_read_run(base);
    return fi_run_sections_origin(run->reader, &run->sections, numbers, out, err);
}

static void
open_close(struct fi_run *base)
{
    if (base == NULL) {
        return;
    }
    struct fi_row *run = fi_row_read_run(base);
    DCHECK(run->keeps_pins == (run->held_bytes > 0));
    drop_pins(run);
    fi_block_cache_drop_file(run->cache, run->file);
    fi_block_cache_drop_file(run->cache, run->file_of_sections);
    fi_range_set_deinit(&run->ranges);
    fi_run_summary_deinit(&run->summary);
    fi_block_reader_close(run->reader);
    fi_free(run);
}

/* ==== the newest version of a key that a view sees ====
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
 *
 * (I1) walk.at is the newest sequence that can still be an answer. Each round begins at a later
 *      block than the one before.
 *
 * A block that cannot be read ends the search with FIRN_CORRUPT, since it may hold the newest
 * version; blocks that the view cannot see do not matter to it.
 *
 * Threads: any number at once; nothing of the run is changed.
 */

/* ==== fetches the filter of a run ====
 *
 * Only gets ask for it, so it is read by the first of them, not when the run is opened: a cursor
 * gets to its first entry sooner by that. A run that keeps its pins keeps the filter
 * pinned from then on; the cache has set aside what it takes already. Others pin it for the time of
 * a get, and may find it evicted.
 *
 * (I2) filter_state never leaves PINNED or WITHOUT. The thread that has changed UNREAD to READING
 *      owns filter_pin until it changes that again, and meanwhile the others do as if the run kept
 *      nothing.
 * (I3) filter is set once, after all that it leads to.
 *
 * A damaged filter is no failure: without it lookups only cost more, and check reports it.
 */

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
ask_once(struct fi_row *run, uint64_t key_hash, bool *out, firn_error *err)
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
    return is_without ? FIRN_OK : ask_once(run, key_hash, out, err);
}

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
        rc = fi_value_file_pin(search->run->values, fi_row_reference_value(slot), pin, err);
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
        (void)fi_error_prefix(err, "the value of '%s' cannot be read",
                              fi_run_text_key(search->key, text));
    }
    return rc;
}

static int
take(const struct search *search, const struct fi_row_slot *slot, firn_error *err)
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
            return take(search, &slot, err);
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

static int
get_pinned(struct fi_run *run, firn_slice key, const struct fi_view *view, struct fi_run_hit *out,
           struct fi_run_pinned *pinned, struct fi_buf *value, firn_error *err)
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
    if (!may_contain || !fi_run_walk_init(&search.walk, view)) {
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

static int
get(struct fi_run *run, firn_slice key, const struct fi_view *view, struct fi_run_hit *out,
    struct fi_buf *value, firn_error *err)
{
    return get_pinned(run, key, view, out, NULL, value, err);
}

static void
get_prefetch(const struct fi_run *base, firn_slice key, unsigned step)
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
        fi_row_read_prefetch_block(run, i);
    }
}

static const struct fi_run_summary *
summary(const struct fi_run *run)
{
    DCHECK(run->kind == &fi_row_kind);
    return &((const struct fi_row *)run)->summary;
}

static const struct fi_range_set *
ranges(const struct fi_run *run)
{
    DCHECK(run->kind == &fi_row_kind);
    return &((const struct fi_row *)run)->ranges;
}

const struct fi_run_kind fi_row_kind = {
    .name = "row",
    .file_kind = FI_BLOCK_FILE_ROW,
    .open = row_open,
    .close = open_close,
    .summary = summary,
    .ranges = ranges,
    .origin = origin,
    .get = get,
    .get_pinned = get_pinned,
    .get_prefetch = get_prefetch,
    .place = fi_row_estimate_place,
    .weigh = fi_row_estimate_weigh,
    .check = fi_row_check,
    .cursor_create = fi_row_cursor_create,
    .cursor_destroy = fi_row_cursor_destroy,
    .cursor_prepare = fi_row_cursor_prepare,
    .cursor_seek = fi_row_cursor_seek,
    .cursor_seek_before = fi_row_cursor_seek_before,
    .cursor_first = fi_row_cursor_first,
    .cursor_last = fi_row_cursor_last,
    .cursor_next = fi_row_cursor_next,
    .cursor_prev = fi_row_cursor_prev,
    .builder_create = fi_row_builder_create,
    .builder_add = fi_row_builder_add,
    .builder_add_range = fi_row_builder_add_range,
    .builder_set_origin = fi_row_builder_set_origin,
    .builder_size_bytes = fi_row_builder_size_bytes,
    .builder_finish = fi_row_builder_finish,
    .builder_destroy = fi_row_builder_destroy,
};
