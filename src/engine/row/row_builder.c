/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_builder.c: writes a run from entries that come in order.
 *
 * Entries gather (row_pending.c) until the next one would make their block larger than a frame of
 * the cache; then the block is laid out, compressed and added to the file, and its place noted for
 * the index. Larger entries get a block of their own, values beyond FIRN_ROW_FORMAT_INLINE_MAX
 * pieces beside it. At the end come ranges, filter, index and summary, each a
 * section, and the block writer makes the file durable under its name.
 *
 *   | block | block | piece | piece | block | … | ranges | filter | index | summary |
 *
 * A block's separator (row_index.c) is found when the block begins: it is all of the first key that
 * is needed to tell it from the last key of the block before, or the entry itself where that has
 * the same key. Long keys that differ late would make an index as large as the data. So a block
 * goes on past a frame's size while the separator to come would be more than 1/INDEX_SHARE of it:
 * the index then has at most that part of the data, whatever the keys.
 *
 * (I1) Entries are compared with the one before, in release builds too: a run that is out of order
 *      would hide data.
 * (I2) What was refused (FIRN_INVALID, FIRN_LIMIT) has changed nothing. After any other failure the
 *      file may lack something, so nothing goes on. (Not checked: the tests that refuse come first.)
 *
 * A block that readers are likely to ask for is handed to the cache when it was written, under a
 * number which the run is opened with; else reading would find nothing there, after a compaction,
 * of what it found before. Which ones are, follows from how many blocks of the sources were found
 * there while this one filled up.
 *
 * Memory: one block twice, a chunk of the block writer, 8 bytes a key for the filter, the index
 * (about 60 bytes a block), the ranges.
 *
 * Threads: one.
 */
#include "row/row_internal.h"

#include "base/mem.h"
#include "base/slice.h"
#include "block/block_file.h"

struct emit {
    struct firn_block_writer *writer;
    struct firn_compress *compress; /* borrowed, like the writer */
    enum firn_codec codec;
    int level;
    struct firn_buf stored;
    uint64_t written_bytes; /* of blocks, so far */
};

/* ==== the last step of a block on its way into a file ====
 *
 * One buffer holds the compressed bytes and is used again for each block. What does not get smaller
 * is stored as it is, so that reading it costs no decoding; a 32nd is what makes decoding worth it.
 */

static void
emit_deinit(struct emit *emit)
{
    firn_buf_deinit(&emit->stored);
}

static int
add(struct emit *emit, enum firn_codec codec, firn_slice stored, size_t raw_size,
    struct firn_block_ref *out, firn_error *err)
{
    DCHECK(raw_size <= UINT32_MAX); /* else the writer would not see that it is too large */
    int rc = firn_block_writer_add(emit->writer, codec, stored, (uint32_t)raw_size, out, err);
    if (rc == FIRN_OK) {
        emit->written_bytes += firn_block_reader_span(out);
    }
    return rc;
}

/* Adds a block as it is. */
static int
emit_plain(struct emit *emit, firn_slice raw, struct firn_block_ref *out, firn_error *err)
{
    return add(emit, FIRN_CODEC_NONE, raw, raw.size, out, err);
}

static int
emit_block(struct emit *emit, firn_slice raw, struct firn_block_ref *out, firn_error *err)
{
    if (emit->codec == FIRN_CODEC_NONE) {
        return emit_plain(emit, raw, out, err);
    }
    int rc;
    FIRN_TRY(
        firn_compress_encode(emit->compress, emit->codec, emit->level, raw, &emit->stored, err));
    if (emit->stored.size >= raw.size - raw.size / 32) {
        return emit_plain(emit, raw, out, err);
    }
    rc = add(emit, emit->codec, firn_buf_slice(&emit->stored), raw.size, out, err);
out:
    return rc;
}

/* Adds a block and names it in the table of contents. */
static int
emit_section(struct emit *emit, uint32_t kind, firn_slice raw, firn_error *err)
{
    struct firn_block_ref ref;
    int rc = emit_block(emit, raw, &ref, err);
    return rc != FIRN_OK ? rc : firn_block_writer_add_section(emit->writer, kind, &ref, err);
}

/* Writes a value that is larger than FIRN_ROW_FORMAT_INLINE_MAX, in pieces; replaces the contents of
 * out_locator. */
static int
write_pieces(struct emit *emit, firn_slice value, struct firn_buf *out_locator, firn_error *err)
{
    firn_buf_clear(out_locator);
    size_t count = (size_t)firn_row_format_piece_count(value.size);
    CHECK(count > 0 && count <= FIRN_ROW_FORMAT_PIECES_MAX);
    if (firn_buf_set_size(out_locator, FIRN_ROW_FORMAT_LOCATOR_SIZE + 4 * count) != FIRN_OK) {
        return firn_error_no_memory(err, "the locator of a value");
    }
    uint8_t *locator = out_locator->data;
    uint64_t end = 0; /* of the pieces so far */
    firn_store_le64(locator, value.size);
    for (size_t i = 0; i < count; i++) {
        struct firn_block_ref ref;
        size_t at = i * FIRN_ROW_FORMAT_PIECE_SIZE;
        size_t size = value.size - at < FIRN_ROW_FORMAT_PIECE_SIZE ? value.size - at
                                                                   : FIRN_ROW_FORMAT_PIECE_SIZE;
        int rc = emit_block(emit, firn_bytes(value.data + at, size), &ref, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (i == 0) {
            firn_store_le64(locator + 8, ref.offset);
        }
        CHECK(i == 0 || ref.offset == end); /* a locator has the first one's place only */
        end = ref.offset + firn_block_reader_span(&ref);
        firn_store_le32(locator + FIRN_ROW_FORMAT_LOCATOR_SIZE + 4 * i, ref.stored_size);
    }
    return FIRN_OK;
}

/* ---- the builder ---- */

struct builder {
    struct firn_run_builder base; /* first */
    struct emit emit;
    struct firn_row_pending pending;
    struct firn_block_cache *cache;
    uint64_t *found; /* NULL: nothing is */
    uint64_t last_sequence;
    uint64_t last_hash;
    bool without_filter;
    bool has_failed;
    bool is_finished;

    struct firn_buf separator; /* of the pending block */
    uint64_t separator_sequence;
    struct firn_row_index_builder index;
    struct firn_block_publisher *publisher;
    uint64_t *hashes;
    size_t hash_count;
    size_t hash_capacity;
    struct firn_buf ranges; /* encoded, not in the file yet */
    struct firn_buf raw;
    struct firn_buf locator;
    struct firn_buf origin; /* encoded; empty: none is written */
    struct firn_run_summary summary;
};

static struct builder *
builder_of(struct firn_run_builder *base)
{
    DCHECK(base->kind == &firn_row_kind);
    return (struct builder *)base;
}

int
firn_row_builder_create(const struct firn_run_env *env, const char *name,
                        const struct firn_run_builder_options *options,
                        struct firn_run_builder **out, firn_error *err)
{
    *out = NULL;
    struct builder *builder = firn_alloc_zeroed(sizeof *builder);
    if (builder == NULL) {
        return firn_error_no_memory(err, "the builder of a run");
    }
    builder->base.kind = &firn_row_kind;
    builder->emit.codec = options->codec;
    builder->emit.level = options->codec_level;
    builder->without_filter = options->without_filter;
    builder->cache = env->cache;
    builder->found = options->found;
    builder->publisher = options->publisher;
    int rc = firn_compress_create(&builder->emit.compress, err);
    if (rc == FIRN_OK) {
        rc = firn_block_writer_create(env->dir, name, FIRN_BLOCK_FILE_ROW, &builder->emit.writer,
                                      err);
    }
    if (rc != FIRN_OK) {
        firn_row_builder_destroy(&builder->base);
        return rc;
    }
    *out = &builder->base;
    return FIRN_OK;
}

void
firn_row_builder_destroy(struct firn_run_builder *base)
{
    if (base == NULL) {
        return;
    }
    struct builder *builder = builder_of(base);
    firn_block_cache_drop_file(builder->cache, builder->summary.cache_file);
    firn_block_writer_destroy(builder->emit.writer);
    firn_compress_destroy(builder->emit.compress);
    emit_deinit(&builder->emit);
    firn_row_pending_deinit(&builder->pending);
    firn_row_index_builder_deinit(&builder->index);
    firn_buf_deinit(&builder->separator);
    firn_free(builder->hashes);
    firn_buf_deinit(&builder->ranges);
    firn_buf_deinit(&builder->raw);
    firn_buf_deinit(&builder->locator);
    firn_buf_deinit(&builder->origin);
    firn_run_summary_deinit(&builder->summary);
    firn_free(builder);
}

/* ---- what is refused ---- */

static int
check_usable(const struct builder *builder, firn_error *err)
{
    if (builder->is_finished) {
        return firn_error_set(err, FIRN_MISUSE, "the run is finished");
    }
    return builder->has_failed ? firn_error_set(err, FIRN_FAILED, "writing the run failed earlier")
                               : FIRN_OK;
}

/* Whether the value is one that the kind may have. */
static bool
is_whole(const struct firn_entry *entry)
{
    return entry->kind == FIRN_ENTRY_PUT ||
           (entry->kind == FIRN_ENTRY_DELETE && entry->value.size == 0) ||
           ((entry->kind == FIRN_ENTRY_MERGE || entry->kind == FIRN_ENTRY_EXPIRING) &&
            entry->value.size >= firn_entry_head_size(entry->kind));
}

static int
check_entry(const struct firn_entry *entry, firn_error *err)
{
    if (entry->key.size > FIRN_ROW_KEY_SIZE_MAX || entry->value.size > FIRN_ROW_VALUE_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "a key of %zu bytes with a value of %zu exceeds the limits of a run, "
                              "%d and %d",
                              entry->key.size, entry->value.size, FIRN_ROW_KEY_SIZE_MAX,
                              FIRN_ROW_VALUE_SIZE_MAX);
    }
    bool is_sound = entry->values != NULL ? firn_row_value_reference_fits(entry) : is_whole(entry);
    return is_sound && entry->sequence < UINT64_MAX
               ? FIRN_OK
               : firn_error_set(err, FIRN_INVALID,
                                "an entry of kind %d, sequence %llu, cannot be "
                                "in a run",
                                (int)entry->kind, (unsigned long long)entry->sequence);
}

/* (I1) Sets *out_is_new_key: the entry before has another one. */
static int
check_order(const struct builder *builder, const struct firn_entry *entry, bool *out_is_new_key,
            firn_error *err)
{
    *out_is_new_key = true;
    if (builder->pending.sums.count == 0) {
        return FIRN_OK;
    }
    int order = firn_slice_compare(firn_row_pending_last_key(&builder->pending), entry->key);
    if (order > 0 || (order == 0 && builder->last_sequence <= entry->sequence)) {
        char text[FIRN_ROW_READ_TEXT_SIZE];
        return firn_error_set(
            err, FIRN_INVALID, "the entries of a run are out of order at '%s', sequence %llu",
            firn_row_read_key_text(entry->key, text), (unsigned long long)entry->sequence);
    }
    *out_is_new_key = order != 0;
    return FIRN_OK;
}

/* ---- blocks ---- */

/* How much of the new key separates it from the last one. */
static size_t
separator_size(const struct builder *builder, firn_slice key, bool is_new_key)
{
    firn_slice last = firn_row_pending_last_key(&builder->pending);
    size_t size = 0;
    if (!is_new_key) {
        return key.size;
    }
    DCHECK(firn_slice_compare(last, key) < 0); /* (I1): else they may not differ */
    while (size < last.size && last.data[size] == key.data[size]) {
        size++;
    }
    return size + 1;
}

/* Whether the pending block ends before an entry with which it would have these sums. */
static bool
must_close(const struct builder *builder, const struct firn_row_pending_sums *sums_with,
           firn_slice key, bool is_new_key)
{
    size_t size_with = firn_row_pending_size_max(sums_with);
    if (size_with <= FIRN_ROW_FORMAT_BLOCK_SIZE || builder->pending.sums.count == 0) {
        return false;
    }
    if (size_with > FIRN_ROW_FORMAT_BLOCK_SIZE_MAX) {
        return true;
    }
    size_t size = firn_row_pending_size_max(&builder->pending.sums);
    size_t wanted = separator_size(builder, key, is_new_key) * FIRN_ROW_FORMAT_INDEX_SHARE;
    return wanted <= FIRN_ROW_FORMAT_BLOCK_SIZE || wanted <= size;
}

/* Hands the pending block, as it was written, to the cache, if some of what it was made from was
 * there: what is read now and then has only moved. */
static void
hand_over(struct builder *builder, const struct firn_block_ref *ref)
{
    if (builder->found == NULL || *builder->found == 0) {
        return;
    }
    DCHECK(ref->raw_size == builder->raw.size);
    *builder->found = *builder->found > 1; /* where one block begins another may end */
    if (builder->summary.cache_file == 0) {
        builder->summary.cache_file = firn_block_cache_add_file(builder->cache);
    }
    firn_block_cache_add(builder->cache, builder->summary.cache_file, ref->offset,
                         firn_buf_slice(&builder->raw));
}

/* Lays out the pending block and adds it to file and index. */
static int
close_block(struct builder *builder, firn_error *err)
{
    struct firn_row_index_block block = {
        .sequence_min = builder->pending.sums.sequence_min,
        .sequence_max = builder->pending.sums.sequence_max,
    };
    struct firn_row_index_separator separator = {
        .rest = firn_buf_slice(&builder->separator),
        .sequence = builder->separator_sequence,
    };
    if (firn_row_pending_encode(&builder->pending, &builder->raw) != FIRN_OK) {
        return firn_error_no_memory(err, "a block");
    }
    DCHECK(firn_row_block_check(firn_buf_slice(&builder->raw), NULL) == FIRN_OK);
    int rc = emit_block(&builder->emit, firn_buf_slice(&builder->raw), &block.ref, err);
    if (rc == FIRN_OK) {
        hand_over(builder, &block.ref);
        rc = firn_row_index_builder_add(&builder->index, &block, &separator, err);
    }
    firn_row_pending_clear(&builder->pending);
    return rc;
}

/* Notes the separator of the block that begins with this key. */
static int
begin_block(struct builder *builder, firn_slice key, size_t size, uint64_t sequence,
            firn_error *err)
{
    DCHECK(size <= key.size && builder->pending.sums.count == 0);
    firn_buf_clear(&builder->separator);
    builder->separator_sequence = sequence;
    return firn_buf_append(&builder->separator, key.data, size) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a separator");
}

/* ---- entries ---- */

static int
note_hash(struct builder *builder, uint64_t hash)
{
    if (builder->hash_count == builder->hash_capacity) {
        size_t capacity = builder->hash_capacity == 0 ? 1024 : 2 * builder->hash_capacity;
        uint64_t *hashes = firn_resize_array(builder->hashes, capacity, sizeof hashes[0]);
        if (hashes == NULL) {
            return FIRN_NO_MEMORY;
        }
        builder->hashes = hashes;
        builder->hash_capacity = capacity;
    }
    builder->hashes[builder->hash_count++] = hash;
    return FIRN_OK;
}

static void
note_sequence(struct firn_run_summary *summary, uint64_t sequence)
{
    bool is_first = summary->entry_count == 0 && summary->range_count == 0;
    if (is_first || sequence < summary->sequence_min) {
        summary->sequence_min = sequence;
    }
    if (is_first || sequence > summary->sequence_max) {
        summary->sequence_max = sequence;
    }
}

/* Moves lower down to key. */
static int
note_lower(struct firn_run_summary *summary, firn_slice key)
{
    bool is_first = summary->entry_count == 0 && summary->range_count == 0;
    if (!is_first && firn_slice_compare(key, firn_buf_slice(&summary->lower)) >= 0) {
        return FIRN_OK;
    }
    firn_buf_clear(&summary->lower);
    return firn_buf_append_slice(&summary->lower, key);
}

/* Adds what lies in the file of an entry: its value may be a locator. */
static int
add_stored(struct builder *builder, const struct firn_entry *stored, bool is_elsewhere,
           bool is_new_key, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_row_pending_sums sums = firn_row_pending_with(&builder->pending, stored);
    if (builder->index.records.size == 0 && builder->pending.sums.count == 0) {
        FIRN_TRY(begin_block(builder, stored->key, stored->key.size, UINT64_MAX, err));
    } else if (must_close(builder, &sums, stored->key, is_new_key)) {
        size_t size = separator_size(builder, stored->key, is_new_key);
        FIRN_TRY(close_block(builder, err));
        FIRN_TRY(begin_block(builder, stored->key, size, is_new_key ? UINT64_MAX : stored->sequence,
                             err));
        sums = firn_row_pending_with(&builder->pending, stored);
    }
    if (is_new_key) {
        builder->last_hash = firn_row_filter_hash(stored->key);
        if (!builder->without_filter && note_hash(builder, builder->last_hash) != FIRN_OK) {
            return firn_error_no_memory(err, "the filter of a run");
        }
    }
    DCHECK(builder->last_hash == firn_row_filter_hash(stored->key));
    if (firn_row_pending_add(&builder->pending, stored, is_elsewhere,
                             firn_row_block_tag(builder->last_hash), &sums) != FIRN_OK) {
        return firn_error_no_memory(err, "a block");
    }
out:
    return rc;
}

static int
add_entry(struct builder *builder, const struct firn_entry *entry, bool is_new_key, firn_error *err)
{
    int rc;
    struct firn_run_summary *summary = &builder->summary;
    struct firn_entry stored = *entry;
    bool is_reference = entry->values != NULL;
    bool is_elsewhere = is_reference || entry->value.size > FIRN_ROW_FORMAT_INLINE_MAX;
    uint64_t value_size = entry->value.size;
    if (is_reference) {
        if (firn_row_value_reference_encode(entry, &builder->locator) != FIRN_OK) {
            return firn_error_no_memory(err, "the reference to a value");
        }
        value_size = firn_row_value_reference_value_size(entry->kind, entry->value);
        stored.value = firn_buf_slice(&builder->locator);
        stored.kind = FIRN_ENTRY_DELETE;
    } else if (is_elsewhere) {
        FIRN_TRY(write_pieces(&builder->emit, entry->value, &builder->locator, err));
        stored.value = firn_buf_slice(&builder->locator);
    }
    if (summary->entry_count == 0 && note_lower(summary, entry->key) != FIRN_OK) {
        return firn_error_no_memory(err, "the bounds of a run");
    }
    FIRN_TRY(add_stored(builder, &stored, is_elsewhere, is_new_key, err));
    note_sequence(summary, entry->sequence);
    builder->last_sequence = entry->sequence;
    summary->entry_count++;
    summary->tombstone_count += entry->kind == FIRN_ENTRY_DELETE;
    summary->has_heads |= is_reference || firn_entry_head_size(entry->kind) > 0;
    summary->has_references |= is_reference;
    summary->content_bytes += entry->key.size + value_size;
out:
    return rc;
}

int
firn_row_builder_add(struct firn_run_builder *base, const struct firn_entry *entry, firn_error *err)
{
    int rc;
    struct builder *builder = builder_of(base);
    struct firn_entry addressed = *entry;
    addressed.key = firn_row_read_key(entry->key);
    bool is_new_key;
    FIRN_TRY(check_usable(builder, err));
    FIRN_TRY(check_entry(&addressed, err));
    FIRN_TRY(check_order(builder, &addressed, &is_new_key, err));
    rc = add_entry(builder, &addressed, is_new_key, err);
    builder->has_failed = rc != FIRN_OK; /* (I2) */
out:
    return rc;
}

/* ---- ranges ---- */

/* Moves what has gathered of ranges into the file. */
static int
write_ranges(struct builder *builder, firn_error *err)
{
    if (builder->ranges.size == 0) {
        return FIRN_OK;
    }
    int rc =
        emit_section(&builder->emit, FIRN_ROW_FORMAT_RANGES, firn_buf_slice(&builder->ranges), err);
    firn_buf_clear(&builder->ranges);
    return rc;
}

/* Moves upper up to bound. */
static int
note_upper(struct firn_run_summary *summary, firn_slice bound)
{
    if (firn_slice_compare(bound, firn_buf_slice(&summary->upper)) <= 0) {
        return FIRN_OK;
    }
    firn_buf_clear(&summary->upper);
    return firn_buf_append_slice(&summary->upper, bound);
}

static int
add_range(struct builder *builder, const struct firn_range *range, firn_error *err)
{
    struct firn_run_summary *summary = &builder->summary;
    DCHECK(builder->ranges.size < FIRN_ROW_FORMAT_RANGES_SIZE);
    if (firn_row_summary_encode_range(range, &builder->ranges) != FIRN_OK ||
        note_lower(summary, range->lower) != FIRN_OK ||
        note_upper(summary, range->upper) != FIRN_OK) {
        return firn_error_no_memory(err, "a range delete");
    }
    note_sequence(summary, range->sequence);
    summary->range_count++;
    return builder->ranges.size < FIRN_ROW_FORMAT_RANGES_SIZE ? FIRN_OK
                                                              : write_ranges(builder, err);
}

int
firn_row_builder_add_range(struct firn_run_builder *base, const struct firn_range *range,
                           firn_error *err)
{
    struct builder *builder = builder_of(base);
    int rc;
    FIRN_TRY(check_usable(builder, err));
    if (range->lower.size > FIRN_ROW_SUMMARY_BOUND_SIZE_MAX ||
        range->upper.size > FIRN_ROW_SUMMARY_BOUND_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "a bound of a range delete exceeds %d bytes",
                              FIRN_ROW_SUMMARY_BOUND_SIZE_MAX);
    }
    if (firn_slice_compare(range->lower, range->upper) >= 0 || range->sequence == UINT64_MAX) {
        return firn_error_set(err, FIRN_INVALID,
                              "a range delete that covers nothing, or nothing "
                              "for good, cannot be in a run");
    }
    rc = add_range(builder, range, err);
    builder->has_failed = rc != FIRN_OK; /* (I2) */
out:
    return rc;
}

/* ---- the end ---- */

int
firn_row_builder_set_origin(struct firn_run_builder *base, const struct firn_run_origin *origin,
                            firn_error *err)
{
    struct builder *builder = builder_of(base);
    int rc = check_usable(builder, err);
    if (rc == FIRN_OK && firn_run_origin_encode(origin, &builder->origin) != FIRN_OK) {
        firn_buf_clear(&builder->origin);
        rc = firn_error_no_memory(err, "the origin of a run");
    }
    return rc;
}

uint64_t
firn_row_builder_size_bytes(const struct firn_run_builder *base)
{
    const struct builder *builder = (const struct builder *)base;
    uint64_t size = FIRN_BLOCK_BODY_START + builder->emit.written_bytes + builder->ranges.size +
                    firn_row_index_builder_size_bytes(&builder->index) + builder->separator.size;
    if (!builder->without_filter) {
        size += firn_row_filter_size_bytes(builder->hash_count);
    }
    if (builder->pending.sums.count > 0) {
        size += firn_row_pending_size_max(&builder->pending.sums);
    }
    return size;
}

/* Moves upper behind the last key: to it with a zero byte behind it. */
static int
note_last_key(struct builder *builder)
{
    int rc;
    struct firn_buf bound = {0};
    FIRN_TRY(firn_buf_append_slice(&bound, firn_row_pending_last_key(&builder->pending)));
    FIRN_TRY(firn_buf_append_u8(&bound, 0));
    FIRN_TRY(note_upper(&builder->summary, firn_buf_slice(&bound)));
out:
    firn_buf_deinit(&bound);
    return rc;
}

/* Whether the filter that was encoded knows all keys. */
static bool
is_complete(const struct builder *builder, firn_slice filter)
{
    size_t i = 0;
    while (i < builder->hash_count && firn_row_filter_may_contain(filter, builder->hashes[i])) {
        i++;
    }
    return i == builder->hash_count;
}

static int
write_filter(struct builder *builder, firn_error *err)
{
    if (builder->without_filter || builder->hash_count == 0) {
        return FIRN_OK;
    }
    if (firn_row_filter_encode(builder->hashes, builder->hash_count, &builder->raw) != FIRN_OK) {
        return firn_error_no_memory(err, "the filter of a run");
    }
    DCHECK(builder->hash_count <= builder->summary.entry_count);
    DCHECK(is_complete(builder, firn_buf_slice(&builder->raw)));
    struct firn_block_ref ref;
    int rc = emit_plain(&builder->emit, firn_buf_slice(&builder->raw), &ref, err);
    return rc != FIRN_OK ? rc
                         : firn_block_writer_add_section(builder->emit.writer,
                                                         FIRN_ROW_FORMAT_FILTER, &ref, err);
}

static int
write_index(struct builder *builder, firn_error *err)
{
    if (firn_row_index_builder_encode(&builder->index, builder->summary.entry_count,
                                      &builder->raw) != FIRN_OK) {
        return firn_error_no_memory(err, "the index of a run");
    }
    DCHECK(firn_row_index_check(firn_buf_slice(&builder->raw), NULL) == FIRN_OK);
    DCHECK(builder->index.records.size / FIRN_ROW_FORMAT_RECORD_SIZE <=
           builder->summary.entry_count);
    return emit_section(&builder->emit, FIRN_ROW_FORMAT_INDEX, firn_buf_slice(&builder->raw), err);
}

static int
write_origin(struct builder *builder, firn_error *err)
{
    return builder->origin.size == 0 ? FIRN_OK
                                     : emit_section(&builder->emit, FIRN_ROW_FORMAT_ORIGIN,
                                                    firn_buf_slice(&builder->origin), err);
}

static int
write_summary(struct builder *builder, firn_error *err)
{
    firn_buf_clear(&builder->raw);
    if (firn_row_summary_encode(&builder->summary, &builder->raw) != FIRN_OK) {
        return firn_error_no_memory(err, "the summary of a run");
    }
    return emit_section(&builder->emit, FIRN_ROW_FORMAT_SUMMARY, firn_buf_slice(&builder->raw),
                        err);
}

static int
finish(struct builder *builder, firn_error *err)
{
    int rc;
    if (builder->pending.sums.count > 0) {
        if (note_last_key(builder) != FIRN_OK) {
            return firn_error_no_memory(err, "the bounds of a run");
        }
        FIRN_TRY(close_block(builder, err));
    }
    FIRN_TRY(write_ranges(builder, err));
    FIRN_TRY(write_filter(builder, err));
    FIRN_TRY(write_index(builder, err));
    FIRN_TRY(write_origin(builder, err));
    FIRN_TRY(write_summary(builder, err));
    DCHECK(firn_block_writer_size_bytes(builder->emit.writer) ==
           FIRN_BLOCK_BODY_START + builder->emit.written_bytes);
    FIRN_TRY(firn_block_writer_finish_later(builder->emit.writer, builder->publisher,
                                            &builder->summary.file_bytes, err));
out:
    return rc;
}

int
firn_row_builder_finish(struct firn_run_builder *base, struct firn_run_summary *out,
                        firn_error *err)
{
    struct builder *builder = builder_of(base);
    *out = (struct firn_run_summary){0};
    int rc;
    FIRN_TRY(check_usable(builder, err));
    if (builder->summary.entry_count == 0 && builder->summary.range_count == 0) {
        return firn_error_set(err, FIRN_MISUSE, "a run that holds nothing is not written");
    }
    rc = finish(builder, err);
    builder->has_failed = rc != FIRN_OK;
    builder->is_finished = rc == FIRN_OK;
    DCHECK(rc != FIRN_OK || builder->summary.file_bytes > builder->emit.written_bytes);
    if (rc == FIRN_OK) {
        *out = builder->summary;
        builder->summary = (struct firn_run_summary){0};
    }
out:
    return rc;
}
