/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_cursor.c: a position among the entries of a run, and moving it.
 *
 * A position is a data block and a slot in it. A seek finds the block in the index and does a
 * binary search in it; if the block has nothing at or after the wanted position, the result is the
 * first entry of the next block. Steps stay in the block until it ends. The block is held
 * meanwhile: pinned in the cache, or in the cursor's own window, if the cursor is sequential and
 * did not find the block in the cache. Other cursors read ahead when they turn out to walk.
 *
 * A seek waits for slow memory up to four times: for the index, for the guide to the block, for the
 * block, for the entry. If the run keeps its pins, each of these can be prefetched (prepare), for
 * many cursors at once; the result of the index is remembered for the seek that follows, and the
 * block is held already.
 *
 * An entry's key is assembled in a buffer, which contains the block's prefix as long as the block
 * is held; each step copies only the rest. Values are borrowed from the block. A large one is read
 * into a second buffer when the cursor reaches it, and freed when the cursor moves on.
 *
 * A window: one large read in place of many small ones. Data blocks lie in the file in the order of
 * their keys, side by side but for the pieces of large values between them. A window is the longest
 * stretch of them from the wanted block on (or up to it, for a cursor that walks backwards) that
 * fits into its room and has nothing else in between; where it goes follows from the index. It is
 * read with one call, and each block is verified and decoded as it is asked for. So a merge of many
 * runs costs the system one call for 256 KiB of each, keeps no trace in the cache, and uses
 * uncompressed blocks where they were read, without a copy. A stretch that cannot be read may have
 * one bad sector in it: then the wanted block is read alone, and only what is really lost is
 * reported. Memory: the room, and a decoded block; a block that is larger than the room is read
 * alone.
 *
 * Reading ahead, for cursors that were not opened as sequential. A cursor that is placed and takes
 * a few steps wants one block or two, and anything beyond would be read in vain. One that goes on
 * wants all that follow, and a call to the system for each of them costs as much as all else that
 * is done with it. So the first ALONE blocks that the cache lacks are read one by one. If the next
 * in order is lacking too, it is read with those after it, ROOM_FIRST bytes at once and then twice
 * as many each time, at most FI_ROW_WINDOW_SIZE_MAX. Blocks that were read ahead are in a window as
 * they are in the file; a block is verified, decoded and put into the cache when the cursor comes
 * to it, like any other. A few blocks that the cache has may lie between: NEAR is how far the next
 * one that it lacks may be. Farther away the cursor begins anew, and the window's memory goes. What
 * cannot be read ahead is read alone.
 *
 * (I1) While the cursor is valid, block_at and slot name the entry that base.entry shows, and the
 *      block is held.
 * (I2) After a failure the cursor is not valid and holds no block: the next seek begins anew.
 *
 * The index is held while the cursor walks from block to block, because without room in the cache
 * each access would read all of it again. A cursor that was only placed by a seek does not hold the
 * index, nor does one that has left the run.
 *
 * Threads: one.
 */
#include "row/row_internal.h"

#include "base/mem.h"

struct window {
    size_t room;       /* what is read at once at most; 0: FI_ROW_WINDOW_SIZE_MAX */
    uint8_t *bytes;    /* a stretch of the file; room bytes */
    uint64_t offset;   /* where it begins there */
    size_t size;       /* 0: nothing is read */
    struct fi_buf raw; /* a block that was decoded */
    struct fi_compress *compress;
};

/* ---- windows ---- */

/* It is empty afterwards. */
static void
window_deinit(struct window *window)
{
    fi_free(window->bytes);
    fi_buf_deinit(&window->raw);
    fi_compress_destroy(window->compress);
    *window = (struct window){0};
}

/* Empties it, and sets how much it reads at once. */
static void
window_set_room(struct window *window, size_t room)
{
    DCHECK(room <= FI_ROW_WINDOW_SIZE_MAX);
    fi_free(window->bytes);
    window->bytes = NULL;
    window->size = 0;
    window->room = room;
}

/* Takes the memory for stretches of the file. */
static bool
take_room(struct window *window)
{
    if (window->room == 0) {
        window->room = FI_ROW_WINDOW_SIZE_MAX;
    }
    if (window->bytes == NULL) {
        window->bytes = fi_alloc(window->room);
    }
    return window->bytes != NULL;
}

/* Whether it has the stored bytes of a block. */
static bool
window_holds(const struct window *window, const struct fi_block_ref *ref)
{
    uint64_t span = fi_block_reader_span(ref);
    return ref->offset >= window->offset && ref->offset - window->offset <= window->size &&
           span <= window->size - (ref->offset - window->offset);
}

/* Sets place and size of the window around the i-th block. */
static void
row_cursor_extend(struct window *window, const struct fi_row_index *index, size_t i,
                  bool is_backward)
{
    struct fi_row_index_block block;
    fi_row_index_block(index, i, &block);
    const struct fi_block_ref wanted = block.ref;
    window->offset = block.ref.offset;
    uint64_t end = block.ref.offset + fi_block_reader_span(&block.ref);
    while (is_backward ? i-- > 0 : ++i < index->block_count) {
        fi_row_index_block(index, i, &block);
        uint64_t block_end = block.ref.offset + fi_block_reader_span(&block.ref);
        if (is_backward) {
            if (block_end != window->offset || end - block.ref.offset > window->room) {
                break;
            }
            window->offset = block.ref.offset;
        } else {
            if (block.ref.offset != end || block_end - window->offset > window->room) {
                break;
            }
            end = block_end;
        }
    }
    window->size = (size_t)(end - window->offset);
    DCHECK(window_holds(window, &wanted));
}

/* Reads the window around the i-th block; leaves it empty where that fails, or makes no sense. */
static void
row_cursor_fill(struct window *window, struct fi_row *run, const struct fi_row_index *index,
                size_t i, bool is_backward)
{
    DCHECK(window->bytes != NULL && i < index->block_count);
    row_cursor_extend(window, index, i, is_backward);
    if (window->size > window->room ||
        fi_block_reader_read_span(run->reader, window->offset, window->size, window->bytes, NULL) !=
            FIRN_OK) {
        window->size = 0;
    }
}

/* The stored bytes of the i-th data block, nothing of them believed, borrowed until the next call;
 * reads what is not there as window_read does. NULL where the block is larger than the
 * room, cannot be read with its neighbours, or memory is out: it may yet be read alone. */
static const uint8_t *
window_stored(struct window *window, struct fi_row *run, const struct fi_row_index *index, size_t i,
              bool is_backward)
{
    struct fi_row_index_block block;
    fi_row_index_block(index, i, &block);
    if (!window_holds(window, &block.ref)) {
        if (!take_room(window)) {
            return NULL;
        }
        row_cursor_fill(window, run, index, i, is_backward);
    }
    return window_holds(window, &block.ref) ? window->bytes + (block.ref.offset - window->offset)
                                            : NULL;
}

/* The bytes of the i-th data block, verified and checked, borrowed until the next call. Where
 * they are not there yet, reads them with the blocks that follow, or with those before where
 * is_backward. */
static int
window_read(struct window *window, struct fi_row *run, const struct fi_row_index *index, size_t i,
            bool is_backward, firn_slice *out, firn_error *err)
{
    struct fi_row_index_block block;
    fi_row_index_block(index, i, &block);
    int rc = FIRN_OK;
    if (window->compress == NULL) {
        rc = fi_compress_create(&window->compress, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    const uint8_t *stored = window_stored(window, run, index, i, is_backward);
    DCHECK(window->size <= window->room);
    if (stored != NULL) {
        rc = fi_block_reader_decode(run->reader, &block.ref, stored, window->compress, &window->raw,
                                    out, err);
    } else {
        rc = fi_block_reader_read(run->reader, &block.ref, window->compress, &window->raw, err);
        *out = fi_buf_slice(&window->raw);
    }
    if (rc == FIRN_OK) {
        rc = fi_row_block_check(*out, err);
    }
    return rc == FIRN_OK || err == NULL ? rc : fi_row_read_explain(run, index, i, err);
}

/* ---- reading ahead ---- */

/* A zeroed struct is ready. */
struct ahead {
    struct window window;
    size_t missed;     /* the block that the cache lacked last */
    unsigned in_order; /* so many before it, each near the one before */
};

static inline void
ahead_deinit(struct ahead *ahead)
{
    window_deinit(&ahead->window);
}

enum { ALONE = 2, NEAR = 4, ROOM_FIRST = 32 << 10 };

static void
row_cursor_grow(struct window *window)
{
    size_t room = window->room == 0 ? ROOM_FIRST : 2 * window->room;
    if (room <= FI_ROW_WINDOW_SIZE_MAX) {
        window_set_room(window, room);
    }
}

/* The stored bytes of a block that the cache lacks; NULL: it is to be read alone. */
static const uint8_t *
stored_of(struct ahead *ahead, struct fi_row *run, const struct fi_row_index *index, size_t i,
          bool is_backward)
{
    DCHECK(i < index->block_count);
    size_t distance = is_backward ? ahead->missed - i : i - ahead->missed;
    ahead->missed = i;
    if (distance == 0 || distance > NEAR) { /* a step back is far too large */
        ahead->in_order = 0;
        window_set_room(&ahead->window, 0);
        return NULL;
    }
    ahead->in_order++;
    if (ahead->in_order < ALONE) {
        return NULL;
    }
    struct fi_row_index_block block;
    fi_row_index_block(index, i, &block);
    if (!window_holds(&ahead->window, &block.ref)) {
        row_cursor_grow(&ahead->window);
    }
    return window_stored(&ahead->window, run, index, i, is_backward);
}

/* Pins the i-th data block, which fi_row_read_find has not found: reads it, for the cache to
 * keep; alone, or with what follows (or lies before, where is_backward) if blocks that were not
 * there are asked for in order. */
static int
ahead_read(struct ahead *ahead, struct fi_row *run, const struct fi_row_index *index, size_t i,
           bool is_backward, struct fi_block_pin *out, firn_error *err)
{
    const uint8_t *stored = stored_of(ahead, run, index, i, is_backward);
    return fi_row_read_missing(run, index, i, stored, out, err);
}

enum {
    VALUE_KEPT_MAX = 4 << 20, /* memory for large values that a cursor keeps for the next one */
    KEY_ROOM = 112,           /* keys of this size need no memory beside the cursor's */
    COPIED = 16               /* bytes of a key at once */
};

struct cursor {
    struct fi_run_cursor base; /* first */
    struct fi_row *run;
    bool is_sequential;
    bool keeps_references;
    const struct fi_snapshot *only; /* NULL: everything */
    uint64_t *found;                /* NULL: not counted */
    bool has_index;
    struct fi_row_read_index index; /* while it walks */
    bool has_block;
    bool has_prefix; /* key begins with the prefix of the block */
    bool is_walking; /* it came here from a neighbouring block, or from an end of the run */
    size_t block_at; /* in the index */
    size_t slot;
    /* The next seek was prepared as far as the index, which has so many blocks before its place. */
    bool is_prepared;
    size_t prepared_count;
    struct fi_row_block block;
    struct fi_block_pin pin; /* empty where the window holds the block */
    struct ahead ahead;
    uint8_t *key; /* of the entry that is shown: key_room, or memory of its own */
    size_t key_capacity;
    struct fi_buf value;
    uint8_t key_room[KEY_ROOM];
};

static struct cursor *
cursor_of(struct fi_run_cursor *base)
{
    DCHECK(base->kind->file_kind == FI_BLOCK_FILE_ROW);
    return (struct cursor *)base;
}

int
fi_row_cursor_create(struct fi_run *run, const struct fi_run_cursor_options *options,
                     struct fi_run_cursor **out, firn_error *err)
{
    *out = NULL;
    struct cursor *cursor = fi_alloc_zeroed(sizeof *cursor);
    if (cursor == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    cursor->base.kind = run->kind;
    cursor->key = cursor->key_room;
    cursor->key_capacity = KEY_ROOM;
    cursor->run = fi_row_read_run(run);
    cursor->is_sequential = options != NULL && options->is_sequential;
    cursor->keeps_references = options != NULL && options->keeps_references;
    cursor->only = options != NULL ? options->only : NULL;
    cursor->found = options != NULL ? options->found : NULL;
    *out = &cursor->base;
    return FIRN_OK;
}

static void
free_key(struct cursor *cursor)
{
    if (cursor->key != cursor->key_room) {
        fi_free(cursor->key);
    }
}

static void
drop_block(struct cursor *cursor)
{
    cursor->base.is_valid = false;
    cursor->has_block = false;
    fi_block_cache_unpin(cursor->run->cache, &cursor->pin);
}

static int
take_index(struct cursor *cursor, firn_error *err)
{
    int rc = cursor->has_index ? FIRN_OK : fi_row_read_index(cursor->run, &cursor->index, err);
    cursor->has_index = rc == FIRN_OK;
    return rc;
}

static void
drop_index(struct cursor *cursor)
{
    if (cursor->has_index) {
        fi_row_read_index_release(cursor->run, &cursor->index);
        cursor->has_index = false;
    }
}

void
fi_row_cursor_destroy(struct fi_run_cursor *base)
{
    if (base == NULL) {
        return;
    }
    struct cursor *cursor = cursor_of(base);
    drop_block(cursor);
    drop_index(cursor);
    ahead_deinit(&cursor->ahead);
    free_key(cursor);
    fi_buf_deinit(&cursor->value);
    fi_free(cursor);
}

/* ---- blocks ---- */

/* The bytes of the i-th block, held in one of the two ways. */
static int
row_cursor_fetch(struct cursor *cursor, const struct fi_row_index *index, size_t i,
                 bool is_backward, firn_slice *out, firn_error *err)
{
    struct fi_row *run = cursor->run;
    struct fi_row_index_block block;
    DCHECK(i < index->block_count && cursor->pin.slot == NULL);
    fi_row_index_block(index, i, &block);
    int rc = FIRN_OK;
    if (!cursor->is_sequential) {
        if (!fi_row_read_find(run, index, i, &cursor->pin)) {
            rc = ahead_read(&cursor->ahead, run, index, i, is_backward, &cursor->pin, err);
        }
    } else if (!fi_block_cache_find(run->cache, run->file, block.ref.offset, FI_BLOCK_CACHE_SCAN,
                                    &cursor->pin)) {
        return window_read(&cursor->ahead.window, run, index, i, is_backward, out, err);
    } else if (cursor->found != NULL && fi_block_cache_was_found(&cursor->pin)) {
        ++*cursor->found;
        fi_block_cache_give_way(&cursor->pin);
    }
    *out = firn_bytes(cursor->pin.data, cursor->pin.size);
    return rc;
}

/* The i-th block, whose bytes these are, is held from now on. */
static void
row_cursor_hold(struct cursor *cursor, size_t i, firn_slice raw)
{
    DCHECK(!cursor->has_block && !cursor->base.is_valid); /* (I1) */
    fi_row_block_init(&cursor->block, raw);
    cursor->has_block = true;
    cursor->has_prefix = false;
    cursor->block_at = i;
}

/* Reads the i-th block unless it is held. */
static int
row_cursor_load(struct cursor *cursor, const struct fi_row_index *index, size_t i, bool is_backward,
                firn_error *err)
{
    if (cursor->has_block && cursor->block_at == i) {
        return FIRN_OK;
    }
    drop_block(cursor);
    firn_slice raw;
    FI_TRY_RETURN(row_cursor_fetch(cursor, index, i, is_backward, &raw, err));
    row_cursor_hold(cursor, i, raw);
    return FIRN_OK;
}

/* ---- entries ---- */

static int
show_large(struct cursor *cursor, const struct fi_row_slot *slot, firn_error *err)
{
    bool is_reference = fi_row_reference_is_one(slot);
    if (is_reference) {
        cursor->base.entry.kind = fi_row_reference_kind(slot);
        if (cursor->keeps_references) {
            cursor->base.entry.value = fi_row_reference_value(slot);
            cursor->base.entry.values = cursor->run->values;
            return FIRN_OK;
        }
    }
    int rc = is_reference
                 ? fi_row_value_reference_read(cursor->run->values, slot, FI_BLOCK_CACHE_SCAN,
                                               &cursor->value, err)
                 : fi_run_pieces_read(cursor->run->reader, slot->value, &cursor->value, err);
    if (rc != FIRN_OK) {
        char text[FI_RUN_TEXT_SIZE];
        if (rc != FIRN_NO_MEMORY && err != NULL) {
            fi_error_prefix(err, "the value of '%s' cannot be read",
                            fi_run_text_key(cursor->base.entry.key, text));
        }
        drop_block(cursor);
        return rc;
    }
    cursor->base.entry.value = fi_buf_slice(&cursor->value);
    return FIRN_OK;
}

/* Memory for a longer key; what was there is lost. */
static int
reserve_key(struct cursor *cursor, size_t size, firn_error *err)
{
    DCHECK(size > cursor->key_capacity);
    uint8_t *memory = fi_alloc(2 * size);
    if (memory == NULL) {
        drop_block(cursor);
        return fi_error_no_memory(err, "a key");
    }
    free_key(cursor);
    cursor->key = memory;
    cursor->key_capacity = 2 * size;
    cursor->has_prefix = false;
    return FIRN_OK;
}

/* Puts the key of an entry after the prefix. Not before a seek's place was found: its key may be
 * the one that the cursor shows. */
static int
set_key(struct cursor *cursor, firn_slice rest, firn_slice *out, firn_error *err)
{
    firn_slice prefix = cursor->block.prefix;
    size_t size = prefix.size + rest.size;
    if (size > cursor->key_capacity) {
        int rc = reserve_key(cursor, size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (!cursor->has_prefix) {
        memcpy(cursor->key, prefix.data, prefix.size);
        cursor->has_prefix = true;
    }
    uint8_t *at = cursor->key + prefix.size;
    const uint8_t *end = cursor->block.raw.data + cursor->block.raw.size;
    if (rest.size <= COPIED && (size_t)(end - rest.data) >= COPIED &&
        size + COPIED <= cursor->key_capacity) {
        memcpy(at, rest.data, COPIED); /* more than needed, and no call */
    } else {
        memcpy(at, rest.data, rest.size);
    }
    *out = firn_bytes(cursor->key, size);
    return FIRN_OK;
}

/* (I1) Whether the cursor shows an entry of the block that it holds. */
static bool
shows(const struct cursor *cursor, size_t slot_at)
{
    struct fi_row_slot slot;
    if (!cursor->base.is_valid || !cursor->has_block || slot_at >= cursor->block.count) {
        return false;
    }
    fi_row_block_slot(&cursor->block, slot_at, &slot);
    return cursor->base.entry.sequence == slot.sequence &&
           cursor->base.entry.key.size == cursor->block.prefix.size + slot.rest.size;
}

/* Shows an entry of the block that is held. */
static int
row_cursor_show(struct cursor *cursor, size_t slot_at, firn_error *err)
{
    struct fi_row_slot slot;
    firn_slice key;
    DCHECK(cursor->has_block && slot_at < cursor->block.count);
    fi_row_block_slot(&cursor->block, slot_at, &slot);
    int rc;
    FI_TRY(set_key(cursor, slot.rest, &key, err));
    cursor->slot = slot_at;
    cursor->base.entry = (struct fi_entry){
        .key = key, .value = slot.value, .sequence = slot.sequence, .kind = slot.kind};
    if (slot.is_elsewhere) {
        rc = show_large(cursor, &slot, err);
    } else if (cursor->value.capacity > VALUE_KEPT_MAX) {
        fi_buf_deinit(&cursor->value);
    }
    cursor->base.is_valid = rc == FIRN_OK;
    DCHECK(rc != FIRN_OK || shows(cursor, slot_at));
    DCHECK(rc == FIRN_OK || !cursor->has_block); /* (I2) */
out:
    return rc;
}

/* From the i-th block on the first one that may hold what is wanted. */
static size_t
skip_unwanted(const struct cursor *cursor, const struct fi_row_index *index, size_t i)
{
    while (cursor->only != NULL && i < index->block_count) {
        struct fi_row_index_block block;
        fi_row_index_block(index, i, &block);
        if (fi_snapshot_sees_any(cursor->only, block.sequence_min, block.sequence_max)) {
            break;
        }
        i++;
    }
    return i;
}

/* Starts to prefetch the block that a walk may come to next; all of it if the walk has passed whole
 * blocks. */
static void
prefetch_next(const struct cursor *cursor, size_t i)
{
    if (!cursor->is_sequential) {
        fi_row_read_prefetch_block(cursor->run, i,
                                   cursor->is_walking ? FI_ROW_FORMAT_BLOCK_SIZE
                                                      : FI_BLOCK_CACHE_GUIDE_HEAD);
    }
}

/* Shows the first entry of the i-th block; nothing after the last. */
static int
show_first_of(struct cursor *cursor, const struct fi_row_index *index, size_t i, firn_error *err)
{
    i = skip_unwanted(cursor, index, i);
    if (i >= index->block_count) {
        drop_block(cursor);
        return FIRN_OK;
    }
    int rc = row_cursor_load(cursor, index, i, false, err);
    if (i + 1 < index->block_count) {
        prefetch_next(cursor, i + 1);
    }
    return rc != FIRN_OK ? rc : row_cursor_show(cursor, 0, err);
}

/* Shows the last entry of the block before the i-th; nothing before the first. */
static int
show_last_before(struct cursor *cursor, const struct fi_row_index *index, size_t i, firn_error *err)
{
    if (i == 0) {
        drop_block(cursor);
        return FIRN_OK;
    }
    int rc = row_cursor_load(cursor, index, i - 1, true, err);
    if (i > 1) {
        prefetch_next(cursor, i - 2);
    }
    return rc != FIRN_OK ? rc : row_cursor_show(cursor, cursor->block.count - 1, err);
}

/* ---- seeking ---- */

/* The block that a seek will look into first. */
static size_t
prepared_block(const struct cursor *cursor)
{
    DCHECK(cursor->is_prepared && cursor->prepared_count <= cursor->run->index.block_count);
    return cursor->prepared_count == 0 ? 0 : cursor->prepared_count - 1;
}

/* Holds the block that was prepared, if it is where its guide says, and fetches the entry. */
static void
prepare_entry(struct cursor *cursor, firn_slice key)
{
    struct fi_row *run = cursor->run;
    size_t i = prepared_block(cursor);
    if (!cursor->has_block || cursor->block_at != i) {
        struct fi_row_index_block block;
        drop_block(cursor);
        fi_row_index_block(&run->index, i, &block);
        if (!fi_block_cache_guide_follow(run->cache, &run->guides[i], run->file, &block.ref,
                                         FI_BLOCK_CACHE_DATA, &cursor->pin)) {
            return;
        }
        row_cursor_hold(cursor, i, firn_bytes(cursor->pin.data, cursor->pin.size));
    }
    fi_row_block_prefetch(&cursor->block, key);
}

void
fi_row_cursor_prepare(struct fi_run_cursor *base, firn_slice key, uint64_t sequence, unsigned step)
{
    struct cursor *cursor = cursor_of(base);
    const struct fi_row *run = cursor->run;
    DCHECK(step < FI_RUN_CURSOR_STEPS);
    base->is_valid = false;
    if (!run->keeps_pins || cursor->is_sequential || run->index.block_count == 0) {
        return;
    }
    key = fi_run_key(key);
    switch (step) {
    case 0:
        fi_row_index_prefetch(&run->index, key);
        break;
    case 1:
        cursor->prepared_count = fi_row_index_find(&run->index, key, sequence);
        cursor->is_prepared = true;
        __builtin_prefetch(&run->guides[prepared_block(cursor)]);
        break;
    case 2:
        fi_row_read_prefetch_block(run, prepared_block(cursor), FI_BLOCK_CACHE_GUIDE_HEAD);
        break;
    default:
        prepare_entry(cursor, key);
        break;
    }
}

/* A place to go to; which of its neighbours is wanted. */
struct place {
    firn_slice key;
    uint64_t sequence;
    bool is_before;
};

static int
seek_with_index(struct cursor *cursor, const struct fi_row_index *index, const struct place *place,
                firn_error *err)
{
    size_t count = cursor->is_prepared ? cursor->prepared_count
                                       : fi_row_index_find(index, place->key, place->sequence);
    DCHECK(count == fi_row_index_find(index, place->key, place->sequence));
    if (count == 0) {
        return place->is_before ? show_last_before(cursor, index, 0, err)
                                : show_first_of(cursor, index, 0, err);
    }
    FI_TRY_RETURN(row_cursor_load(cursor, index, count - 1, place->is_before, err));
    size_t slot = fi_row_block_lower_bound(&cursor->block, place->key, place->sequence);
    if (place->is_before) {
        return slot == 0 ? show_last_before(cursor, index, count - 1, err)
                         : row_cursor_show(cursor, slot - 1, err);
    }
    return slot == cursor->block.count ? show_first_of(cursor, index, count, err)
                                       : row_cursor_show(cursor, slot, err);
}

static int
row_cursor_seek(struct cursor *cursor, const struct place *place, firn_error *err)
{
    cursor->base.is_valid = false;
    int rc = take_index(cursor, err);
    if (rc == FIRN_OK) {
        rc = seek_with_index(cursor, &cursor->index.index, place, err);
        drop_index(cursor);
    }
    cursor->is_prepared = false;
    cursor->is_walking = false;
    if (rc != FIRN_OK) {
        drop_block(cursor); /* (I2) */
    }
    return rc;
}

int
fi_row_cursor_seek(struct fi_run_cursor *base, firn_slice key, uint64_t sequence, firn_error *err)
{
    struct place place = {fi_run_key(key), sequence, false};
    return row_cursor_seek(cursor_of(base), &place, err);
}

int
fi_row_cursor_seek_before(struct fi_run_cursor *base, firn_slice key, uint64_t sequence,
                          firn_error *err)
{
    struct place place = {fi_run_key(key), sequence, true};
    return row_cursor_seek(cursor_of(base), &place, err);
}

/* ---- moving between blocks ---- */

typedef int (*show_at)(struct cursor *cursor, const struct fi_row_index *index, size_t i,
                       firn_error *err);

/* Calls show with the index, for the i-th block; SIZE_MAX stands for after the last. */
static int
go_to_block(struct cursor *cursor, show_at show_there, size_t i, firn_error *err)
{
    cursor->base.is_valid = false;
    cursor->is_prepared = false;
    int rc = take_index(cursor, err);
    if (rc == FIRN_OK) {
        const struct fi_row_index *index = &cursor->index.index;
        rc = show_there(cursor, index, i == SIZE_MAX ? index->block_count : i, err);
        cursor->is_walking = true;
    }
    if (rc != FIRN_OK) {
        drop_block(cursor); /* (I2) */
    }
    if (!cursor->has_block) {
        drop_index(cursor);
    }
    return rc;
}

int
fi_row_cursor_first(struct fi_run_cursor *base, firn_error *err)
{
    return go_to_block(cursor_of(base), show_first_of, 0, err);
}

int
fi_row_cursor_last(struct fi_run_cursor *base, firn_error *err)
{
    return go_to_block(cursor_of(base), show_last_before, SIZE_MAX, err);
}

int
fi_row_cursor_next(struct fi_run_cursor *base, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    CHECK(base->is_valid);
    DCHECK(shows(cursor, cursor->slot)); /* (I1) */
    if (cursor->slot + 1 < cursor->block.count) {
        return row_cursor_show(cursor, cursor->slot + 1, err);
    }
    return go_to_block(cursor, show_first_of, cursor->block_at + 1, err);
}

int
fi_row_cursor_prev(struct fi_run_cursor *base, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    CHECK(base->is_valid);
    DCHECK(shows(cursor, cursor->slot)); /* (I1) */
    if (cursor->slot > 0) {
        return row_cursor_show(cursor, cursor->slot - 1, err);
    }
    return go_to_block(cursor, show_last_before, cursor->block_at, err);
}
