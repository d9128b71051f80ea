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
 * long as the cache agrees to hold so much (firn_block_cache_hold) and has room for it. Others pin
 * them for each operation, and the cache may drop them between.
 *
 * Blocks that the builder handed to the cache are there under a number that comes along; it is the
 * run's from here on, also where opening fails.
 *
 * Memory: the ranges and the bounds, as long as the run is open, and what the cache holds for it.
 */

static void open_close(struct firn_run *base);

/* Whether the cache has room for the index, which is pinned now, or keeps it beyond its budget. */
static bool
open_has_room(struct firn_row *run)
{
    struct firn_block_pin pin;
    bool is_there = firn_block_cache_find(run->cache, run->file_of_sections,
                                          run->sections.index.offset, FIRN_BLOCK_CACHE_INDEX, &pin);
    firn_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Gives back all that is kept. */
static void
drop_pins(struct firn_row *run)
{
    firn_block_cache_unpin(run->cache, &run->index_pin);
    firn_block_cache_unpin(run->cache, &run->filter_pin);
    firn_block_cache_hold_give(run->cache, &run->memory);
    firn_block_cache_hold_release(run->cache, run->held_bytes);
    run->held_bytes = 0;
    run->keeps_pins = false;
}

/* Keeps the index pinned, and the filter from the first get on, with tables beside them, where the
 * cache holds so much. */
static void
keep_pins(struct firn_row *run, struct firn_row_read_index *index)
{
    DCHECK(!run->keeps_pins && run->held_bytes == 0 && run->memory.data == NULL);
    DCHECK(index->pin.size == run->sections.index.raw_size);
    size_t memory_size = firn_row_read_memory_size(index->index.block_count);
    size_t size =
        (size_t)run->sections.index.raw_size + run->sections.filter.raw_size + memory_size;
    if (!open_has_room(run) || !firn_block_cache_hold(run->cache, size)) {
        return;
    }
    run->held_bytes = size;
    if (!firn_block_cache_hold_take(run->cache, memory_size, &run->memory)) {
        drop_pins(run);
        return;
    }
    run->index_pin = index->pin;
    run->index = index->index;
    index->pin = (struct firn_block_pin){0};
    firn_row_read_set_memory(run);
    run->keeps_pins = true;
}

static int
read_run(struct firn_row *run, firn_error *err)
{
    int rc;
    struct firn_row_read_index index = {.pin = {0}};
    FIRN_TRY(firn_run_sections_read(run->reader, FIRN_ROW_FORMAT_VERSION, &run->sections,
                                    &run->summary, &run->ranges, err));
    run->summary.has_heads = run->sections.version >= FIRN_ROW_FORMAT_VERSION_HEADS;
    run->summary.has_references = run->sections.version == FIRN_ROW_FORMAT_VERSION;
    FIRN_TRY(firn_row_read_index(run, &index, err));
    if (index.index.entry_count != run->summary.entry_count ||
        index.index.block_count > run->summary.entry_count ||
        (index.index.block_count == 0) != (run->summary.entry_count == 0) ||
        run->sections.filters.stored_size > 0) { /* those of columns */
        FIRN_TRY(firn_error_set(err, FIRN_CORRUPT, "'%s': its sections contradict each other",
                                firn_block_reader_path(run->reader)));
    }
    keep_pins(run, &index);
out:
    firn_row_read_index_release(run, &index);
    return rc;
}

static int
row_open(const struct firn_run_env *env, const char *name, struct firn_run **out, firn_error *err)
{
    *out = NULL;
    struct firn_row *run = firn_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        firn_block_cache_drop_file(env->cache, env->cache_file);
        return firn_error_no_memory(err, "a run");
    }
    run->base.kind = &firn_row_kind;
    static const struct firn_run_values none = {0};
    run->cache = env->cache;
    run->values = env->values != NULL ? env->values : &none;
    run->file = env->cache_file != 0 ? env->cache_file : firn_block_cache_add_file(env->cache);
    run->file_of_sections = firn_block_cache_add_file(env->cache);
    int rc = firn_block_reader_open_in(env->descriptors, env->dir, name, FIRN_BLOCK_FILE_ROW,
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
origin(struct firn_run *base, struct firn_buf *numbers, struct firn_run_origin *out,
       firn_error *err)
{
    const struct firn_row *run = firn_row_read_run(base);
    return firn_run_sections_origin(run->reader, &run->sections, numbers, out, err);
}

static void
open_close(struct firn_run *base)
{
    if (base == NULL) {
        return;
    }
    struct firn_row *run = firn_row_read_run(base);
    DCHECK(run->keeps_pins == (run->held_bytes > 0));
    drop_pins(run);
    firn_block_cache_drop_file(run->cache, run->file);
    firn_block_cache_drop_file(run->cache, run->file_of_sections);
    firn_range_set_deinit(&run->ranges);
    firn_run_summary_deinit(&run->summary);
    firn_block_reader_close(run->reader);
    firn_free(run);
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
pin_filter(struct firn_row *run, struct firn_block_pin *out, firn_error *err)
{
    return firn_block_cache_read(run->cache, run->file_of_sections, run->reader,
                                 &run->sections.filter, FIRN_BLOCK_CACHE_INDEX,
                                 firn_run_filter_check, out, err);
}

/* Whether the cache has room for what is pinned now, or keeps it beyond its budget. */
static bool
has_room(struct firn_row *run)
{
    struct firn_block_pin pin;
    bool is_there =
        firn_block_cache_find(run->cache, run->file_of_sections, run->sections.filter.offset,
                              FIRN_BLOCK_CACHE_INDEX, &pin);
    firn_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Has the run keep the filter, if no other thread is about to and it can be read. */
static void
keep_filter(struct firn_row *run)
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
        firn_block_cache_unpin(run->cache, &run->filter_pin);
        state = rc == FIRN_CORRUPT ? WITHOUT : UNREAD;
    }
    DCHECK(atomic_load(&run->filter_state) == READING); /* (I2) */
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
        *out = firn_run_filter_may_contain(firn_bytes(pin.data, pin.size), key_hash);
        firn_block_cache_unpin(run->cache, &pin);
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else
        firn_error_copy(err, &local);
    return rc;
}

/* Whether the run can hold a key with this hash. true too where the filter is damaged: it only
 * saves work. */
static int
read_filter(struct firn_row *run, uint64_t key_hash, bool *out, firn_error *err)
{
    *out = true;
    firn_slice filter = firn_row_read_known_filter(run);
    if (filter.data == NULL && run->keeps_pins && run->sections.filter.stored_size != 0) {
        keep_filter(run);
        filter = firn_row_read_known_filter(run);
    }
    if (filter.data != NULL) {
        *out = firn_run_filter_may_contain(filter, key_hash);
        return FIRN_OK;
    }
    bool is_without =
        run->sections.filter.stored_size == 0 || atomic_load(&run->filter_state) == WITHOUT;
    return is_without ? FIRN_OK : ask_once(run, key_hash, out, err);
}

struct search {
    struct firn_row *run;
    const struct firn_row_index *index;
    firn_slice key;
    uint64_t hash;
    struct firn_run_walk walk; /* (I1) */
    struct firn_run_hit *out;
    struct firn_buf *value;
    struct firn_run_pinned *pinned; /* NULL: the value is copied */
};

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
    int rc = FIRN_NOT_FOUND;
    if (is_reference && search->pinned != NULL && search->out->kind == FIRN_ENTRY_PUT) {
        struct firn_block_pin *pin = &search->pinned->pin;
        rc = firn_value_file_pin(search->run->values, firn_row_reference_value(slot), pin, err);
        search->pinned->value = firn_bytes(pin->data, pin->size);
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = is_reference
                 ? firn_row_value_reference_read(search->run->values, slot, FIRN_BLOCK_CACHE_DATA,
                                                 search->value, err)
                 : firn_run_pieces_read(search->run->reader, slot->value, search->value, err);
    }
    if (rc != FIRN_OK && rc != FIRN_NO_MEMORY && err != NULL) {
        char text[FIRN_RUN_TEXT_SIZE];
        (void)firn_error_prefix(err, "the value of '%s' cannot be read",
                                firn_run_text_key(search->key, text));
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
    if (search->pinned != NULL && slot->kind == FIRN_ENTRY_PUT) {
        search->pinned->value = slot->value; /* search_blocks pins it */
        return FIRN_OK;
    }
    firn_buf_clear(search->value);
    return firn_buf_append_slice(search->value, slot->value) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a value");
}

/* Walks the versions in one block: FIRN_OK at a hit, FIRN_NOT_FOUND if it must go on after
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
    if (slot.sequence > search->walk.at) {
        i = firn_row_block_lower_bound(&block, search->key, search->walk.at);
    }
    firn_slice rest =
        firn_bytes(search->key.data + block.prefix.size, search->key.size - block.prefix.size);
    for (; i < block.count; i++) {
        firn_row_block_slot(&block, i, &slot);
        if (!firn_slice_equal(slot.rest, rest) ||
            !firn_run_walk_below(&search->walk, slot.sequence)) {
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

/* Whether a value was found that is to be pinned, and lies in this block. */
static bool
lies_in(const struct firn_run_pinned *pinned, const struct firn_block_pin *block)
{
    return pinned != NULL && pinned->pin.data == NULL && pinned->value.data >= block->data &&
           pinned->value.data <= block->data + block->size;
}

static int
search_blocks(struct search *search, firn_error *err)
{
    for (size_t before = 0;;) {
        size_t count = firn_row_index_find(search->index, search->key, search->walk.at);
        if (count == 0) {
            return FIRN_NOT_FOUND;
        }
        DCHECK(count > before); /* (I1) */
        before = count;
        struct firn_row_index_block block;
        firn_row_index_block(search->index, count - 1, &block);
        if (firn_run_walk_sees_any(&search->walk, block.sequence_min, block.sequence_max)) {
            struct firn_block_pin pin = {0};
            int rc = firn_row_read_block(search->run, search->index, count - 1, &pin, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            rc = search_block(search, firn_bytes(pin.data, pin.size), err);
            if (rc == FIRN_OK && lies_in(search->pinned, &pin)) {
                search->pinned->pin = pin;
                pin = (struct firn_block_pin){.data = NULL};
            }
            firn_block_cache_unpin(search->run->cache, &pin);
            if (rc != FIRN_NOT_FOUND) {
                return rc;
            }
        }
        uint64_t next;
        if (!goes_on(search, count, &next) || !firn_run_walk_below(&search->walk, next)) {
            return FIRN_NOT_FOUND;
        }
    }
}

static int
get_pinned(struct firn_run *run, firn_slice key, const struct firn_view *view,
           struct firn_run_hit *out, struct firn_run_pinned *pinned, struct firn_buf *value,
           firn_error *err)
{
    DCHECK(pinned == NULL || pinned->pin.data == NULL);
    struct search search = {.run = firn_row_read_run(run),
                            .key = firn_run_key(key),
                            .out = out,
                            .value = value,
                            .pinned = pinned};
    search.hash = firn_run_filter_hash(search.key);
    bool may_contain;
    int rc;
    FIRN_TRY(read_filter(search.run, search.hash, &may_contain, err));
    if (!may_contain || !firn_run_walk_init(&search.walk, view)) {
        return firn_run_not_found(err);
    }
    struct firn_row_read_index index;
    FIRN_TRY(firn_row_read_index(search.run, &index, err));
    search.index = &index.index;
    rc = search_blocks(&search, err);
    firn_row_read_index_release(search.run, &index);
    rc = rc == FIRN_NOT_FOUND ? firn_run_not_found(err) : rc;
out:
    return rc;
}

static int
get(struct firn_run *run, firn_slice key, const struct firn_view *view, struct firn_run_hit *out,
    struct firn_buf *value, firn_error *err)
{
    return get_pinned(run, key, view, out, NULL, value, err);
}

static void
get_prefetch(const struct firn_run *base, firn_slice key, unsigned step)
{
    const struct firn_row *run = (const struct firn_row *)base;
    firn_slice filter = firn_row_read_known_filter(run);
    DCHECK(step < FIRN_RUN_GET_STEPS);
    key = firn_run_key(key);
    if (step == 0) {
        firn_row_read_prefetch(run, key);
        return;
    }
    if (!run->keeps_pins || run->index.block_count == 0 ||
        (filter.data != NULL && !firn_run_filter_may_contain(filter, firn_run_filter_hash(key)))) {
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

static const struct firn_run_summary *
summary(const struct firn_run *run)
{
    DCHECK(run->kind == &firn_row_kind);
    return &((const struct firn_row *)run)->summary;
}

static const struct firn_range_set *
ranges(const struct firn_run *run)
{
    DCHECK(run->kind == &firn_row_kind);
    return &((const struct firn_row *)run)->ranges;
}

const struct firn_run_kind firn_row_kind = {
    .name = "row",
    .file_kind = FIRN_BLOCK_FILE_ROW,
    .open = row_open,
    .close = open_close,
    .summary = summary,
    .ranges = ranges,
    .origin = origin,
    .get = get,
    .get_pinned = get_pinned,
    .get_prefetch = get_prefetch,
    .place = firn_row_estimate_place,
    .weigh = firn_row_estimate_weigh,
    .check = firn_row_check,
    .cursor_create = firn_row_cursor_create,
    .cursor_destroy = firn_row_cursor_destroy,
    .cursor_prepare = firn_row_cursor_prepare,
    .cursor_seek = firn_row_cursor_seek,
    .cursor_seek_before = firn_row_cursor_seek_before,
    .cursor_first = firn_row_cursor_first,
    .cursor_last = firn_row_cursor_last,
    .cursor_next = firn_row_cursor_next,
    .cursor_prev = firn_row_cursor_prev,
    .builder_create = firn_row_builder_create,
    .builder_add = firn_row_builder_add,
    .builder_add_range = firn_row_builder_add_range,
    .builder_set_origin = firn_row_builder_set_origin,
    .builder_size_bytes = firn_row_builder_size_bytes,
    .builder_finish = firn_row_builder_finish,
    .builder_destroy = firn_row_builder_destroy,
};
