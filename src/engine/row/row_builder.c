/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_builder.c: writes a run from entries that come in order.
 *
 * Entries are collected (row_pending.c) until the next one would make their block larger than a
 * frame of the cache. Then the block is laid out, compressed and added to the file, and its place
 * recorded for the index. A larger entry gets a block of its own; values beyond
 * FI_ROW_FORMAT_INLINE_MAX become pieces outside of it. At the end come ranges, filter, index and
 * summary, each a section, and the block writer makes the file durable under its name.
 *
 *   | block | block | piece | piece | block | … | ranges | filter | index | summary |
 *
 * A block's separator (row_index.c) is determined when the block begins. It is the shortest prefix
 * of the first key that separates it from the last key of the preceding block, or the first entry
 * itself if both keys are equal. Long keys that differ late would make an index as large as the
 * data. So a block continues past a frame's size while the next separator would be more than
 * 1/INDEX_SHARE of it. The index then has at most that share of the data, except with very long
 * keys: a block ends when it would be too large, or when its whole keys take WHOLE_MAX bytes of
 * memory.
 *
 * (I1) Each entry is compared with the previous one, in release builds too: a run that is out of
 *      order would hide data.
 * (I2) A call that was refused (FIRN_INVALID, FIRN_LIMIT) has changed nothing. After any other
 *      failure the file may lack something, so later calls fail. (Not checked: the tests that
 *      refuse come first.)
 *
 * A block that readers are likely to ask for is handed to the cache after it was written, under the
 * number with which the run will be opened. Otherwise a compaction would evict what readers use.
 * The likely blocks are found by counting how many blocks of the sources were in the cache while
 * this one filled up.
 *
 * Memory: one block twice, with whole keys (at most WHOLE_MAX and an entry), a chunk of the block
 * writer, 8 bytes a key for the filter, the index (about 60 bytes a block), the ranges.
 *
 * Threads: one.
 */
#include "row/row_internal.h"

#include "base/mem.h"
#include "base/slice.h"

enum {
    GAIN = 32,           /* what compression saves at least: what makes decoding worth it */
    WHOLE_MAX = 16 << 20 /* of keys and values of a pending block, which has them whole */
};

/* ---- the builder ---- */

struct builder {
    struct fi_run_builder base; /* first */
    struct fi_run_output output;
    struct fi_row_pending pending;
    struct fi_block_cache *cache;
    uint64_t *found; /* NULL: nothing is */
    uint64_t last_sequence;
    uint64_t last_hash;

    struct fi_buf separator; /* of the pending block */
    uint64_t separator_sequence;
    struct fi_row_index_builder index;
    struct fi_buf raw;
    struct fi_buf locator;
};

static struct builder *
builder_of(struct fi_run_builder *base)
{
    DCHECK(base->kind->file_kind == FI_BLOCK_FILE_ROW);
    return (struct builder *)base;
}

int
fi_row_builder_create(const struct fi_run_kind *kind, const struct fi_run_env *env,
                      const char *name, const struct fi_run_builder_options *options,
                      struct fi_run_builder **out, firn_error *err)
{
    *out = NULL;
    struct builder *builder = fi_alloc_zeroed(sizeof *builder);
    if (builder == NULL) {
        return fi_error_no_memory(err, "the builder of a run");
    }
    builder->base.kind = kind;
    builder->cache = env->cache;
    builder->found = options->found;
    int rc = fi_run_output_init(&builder->output, env, name, FI_BLOCK_FILE_ROW, options, GAIN, err);
    if (rc != FIRN_OK) {
        fi_row_builder_destroy(&builder->base);
        return rc;
    }
    *out = &builder->base;
    return FIRN_OK;
}

void
fi_row_builder_destroy(struct fi_run_builder *base)
{
    if (base == NULL) {
        return;
    }
    struct builder *builder = builder_of(base);
    fi_block_cache_drop_file(builder->cache, builder->output.summary.cache_file);
    fi_run_output_deinit(&builder->output);
    fi_row_pending_deinit(&builder->pending);
    fi_row_index_builder_deinit(&builder->index);
    fi_buf_deinit(&builder->separator);
    fi_buf_deinit(&builder->raw);
    fi_buf_deinit(&builder->locator);
    fi_free(builder);
}

/* ---- what is refused ---- */

static int
check_entry(const struct fi_entry *entry, firn_error *err)
{
    int rc = fi_run_output_check_entry(entry, err);
    if (rc == FIRN_OK && entry->values != NULL && !fi_row_value_reference_fits(entry)) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "an entry of kind %d cannot have this reference to a value",
                          (int)entry->kind);
    }
    return rc;
}

/* (I1) Sets *out_is_new_key: the entry before has another one. */
static int
check_order(const struct builder *builder, const struct fi_entry *entry, bool *out_is_new_key,
            firn_error *err)
{
    *out_is_new_key = true;
    if (builder->pending.sums.count == 0) {
        return FIRN_OK;
    }
    int order = fi_slice_compare(fi_row_pending_last_key(&builder->pending), entry->key);
    if (order > 0 || (order == 0 && builder->last_sequence <= entry->sequence)) {
        char text[FI_RUN_TEXT_SIZE];
        return fi_error_set(err, FIRN_INVALID,
                            "the entries of a run are out of order at '%s', sequence %llu",
                            fi_run_text_key(entry->key, text), (unsigned long long)entry->sequence);
    }
    *out_is_new_key = order != 0;
    return FIRN_OK;
}

/* ---- blocks ---- */

/* How much of the new key separates it from the last one. */
static size_t
separator_size(const struct builder *builder, firn_slice key, bool is_new_key)
{
    firn_slice last = fi_row_pending_last_key(&builder->pending);
    size_t size = 0;
    if (!is_new_key) {
        return key.size;
    }
    DCHECK(fi_slice_compare(last, key) < 0); /* (I1): else they may not differ */
    while (size < last.size && last.data[size] == key.data[size]) {
        size++;
    }
    return size + 1;
}

/* Whether the pending block ends before an entry with which it would have these sums. */
static bool
must_close(const struct builder *builder, const struct fi_row_pending_sums *sums_with,
           firn_slice key, bool is_new_key)
{
    size_t size_with = fi_row_pending_size_max(sums_with);
    if (size_with <= FI_ROW_FORMAT_BLOCK_SIZE || builder->pending.sums.count == 0) {
        return false;
    }
    if (size_with > FI_ROW_FORMAT_BLOCK_SIZE_MAX || builder->pending.bytes.size >= WHOLE_MAX) {
        return true;
    }
    size_t size = fi_row_pending_size_max(&builder->pending.sums);
    size_t wanted = separator_size(builder, key, is_new_key) * FI_ROW_FORMAT_INDEX_SHARE;
    return wanted <= FI_ROW_FORMAT_BLOCK_SIZE || wanted <= size;
}

/* Hands the pending block, as it was written, to the cache, if some of what it was made from was
 * there: what is read now and then has only moved. */
static void
hand_over(struct builder *builder, const struct fi_block_ref *ref)
{
    if (builder->found == NULL || *builder->found == 0) {
        return;
    }
    DCHECK(ref->raw_size == builder->raw.size);
    *builder->found = *builder->found > 1; /* where one block begins another may end */
    if (builder->output.summary.cache_file == 0) {
        builder->output.summary.cache_file = fi_block_cache_add_file(builder->cache);
    }
    fi_block_cache_add(builder->cache, builder->output.summary.cache_file, ref->offset,
                       fi_buf_slice(&builder->raw));
}

/* Lays out the pending block and adds it to file and index. */
static int
close_block(struct builder *builder, firn_error *err)
{
    struct fi_row_index_block block = {
        .sequence_min = builder->pending.sums.sequence_min,
        .sequence_max = builder->pending.sums.sequence_max,
    };
    struct fi_row_index_separator separator = {
        .rest = fi_buf_slice(&builder->separator),
        .sequence = builder->separator_sequence,
    };
    if (fi_row_pending_encode(&builder->pending, &builder->raw) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    /* (I1) to (I3) of row_block.c */
    DCHECK(fi_row_block_check(fi_buf_slice(&builder->raw), NULL) == FIRN_OK);
    int rc = fi_run_output_add(&builder->output, fi_buf_slice(&builder->raw), &block.ref, err);
    if (rc == FIRN_OK) {
        hand_over(builder, &block.ref);
        rc = fi_row_index_builder_add(&builder->index, &block, &separator, err);
    }
    fi_row_pending_clear(&builder->pending);
    return rc;
}

/* Notes the separator of the block that begins with this key. */
static int
begin_block(struct builder *builder, firn_slice key, size_t size, uint64_t sequence,
            firn_error *err)
{
    DCHECK(size <= key.size && builder->pending.sums.count == 0);
    fi_buf_clear(&builder->separator);
    builder->separator_sequence = sequence;
    return fi_buf_append(&builder->separator, key.data, size) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a separator");
}

/* ---- entries ---- */

/* Adds what lies in the file of an entry: its value may be a locator. */
static int
add_stored(struct builder *builder, const struct fi_entry *stored, bool is_elsewhere,
           bool is_new_key, firn_error *err)
{
    struct fi_row_pending_sums sums = fi_row_pending_with(&builder->pending, stored);
    if (builder->index.records.size == 0 && builder->pending.sums.count == 0) {
        FI_TRY_RETURN(begin_block(builder, stored->key, stored->key.size, UINT64_MAX, err));
    } else if (must_close(builder, &sums, stored->key, is_new_key)) {
        size_t size = separator_size(builder, stored->key, is_new_key);
        FI_TRY_RETURN(close_block(builder, err));
        FI_TRY_RETURN(begin_block(builder, stored->key, size,
                                  is_new_key ? UINT64_MAX : stored->sequence, err));
        sums = fi_row_pending_with(&builder->pending, stored);
    }
    if (is_new_key) {
        builder->last_hash = fi_run_filter_hash(stored->key);
        FI_TRY_RETURN(fi_run_output_note_key(&builder->output, builder->last_hash, err));
    }
    DCHECK(builder->last_hash == fi_run_filter_hash(stored->key));
    if (fi_row_pending_add(&builder->pending, stored, is_elsewhere,
                           fi_row_block_tag(builder->last_hash), &sums) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    return FIRN_OK;
}

static int
add_entry(struct builder *builder, const struct fi_entry *entry, bool is_new_key, firn_error *err)
{
    struct fi_run_summary *summary = &builder->output.summary;
    struct fi_entry stored = *entry;
    bool is_reference = entry->values != NULL;
    bool is_elsewhere = is_reference || entry->value.size > FI_ROW_FORMAT_INLINE_MAX;
    uint64_t value_size = entry->value.size;
    if (is_reference) {
        if (fi_row_value_reference_encode(entry, &builder->locator) != FIRN_OK) {
            return fi_error_no_memory(err, "the reference to a value");
        }
        value_size = fi_row_value_reference_value_size(entry->kind, entry->value);
        stored.value = fi_buf_slice(&builder->locator);
        stored.kind = FI_ENTRY_DELETE;
    } else if (is_elsewhere) {
        FI_TRY_RETURN(fi_run_pieces_write(&builder->output, entry->value, &builder->locator, err));
        stored.value = fi_buf_slice(&builder->locator);
    }
    if (summary->entry_count == 0 && fi_run_summary_note_lower(summary, entry->key) != FIRN_OK) {
        return fi_error_no_memory(err, "the bounds of a run");
    }
    FI_TRY_RETURN(add_stored(builder, &stored, is_elsewhere, is_new_key, err));
    fi_run_summary_note_sequence(summary, entry->sequence);
    builder->last_sequence = entry->sequence;
    summary->entry_count++;
    summary->tombstone_count += entry->kind == FI_ENTRY_DELETE;
    summary->has_heads |= is_reference || fi_entry_head_size(entry->kind) > 0;
    summary->has_references |= is_reference;
    summary->content_bytes += entry->key.size + value_size;
    return FIRN_OK;
}

int
fi_row_builder_add(struct fi_run_builder *base, const struct fi_entry *entry, firn_error *err)
{
    struct builder *builder = builder_of(base);
    struct fi_entry addressed = *entry;
    addressed.key = fi_run_key(entry->key);
    bool is_new_key;
    FI_TRY_RETURN(fi_run_output_check_usable(&builder->output, err));
    FI_TRY_RETURN(check_entry(&addressed, err));
    FI_TRY_RETURN(check_order(builder, &addressed, &is_new_key, err));
    int rc = add_entry(builder, &addressed, is_new_key, err);
    builder->output.has_failed = rc != FIRN_OK; /* (I2) */
    return rc;
}

int
fi_row_builder_add_range(struct fi_run_builder *base, const struct fi_range *range, firn_error *err)
{
    return fi_run_output_add_range(&builder_of(base)->output, range, err);
}

/* ---- the end ---- */

int
fi_row_builder_set_origin(struct fi_run_builder *base, const struct fi_run_origin *origin,
                          firn_error *err)
{
    return fi_run_output_set_origin(&builder_of(base)->output, origin, err);
}

uint64_t
fi_row_builder_size_bytes(const struct fi_run_builder *base)
{
    const struct builder *builder = (const struct builder *)base;
    uint64_t size = fi_run_output_size_bytes(&builder->output) +
                    fi_row_index_builder_size_bytes(&builder->index) + builder->separator.size;
    if (builder->pending.sums.count > 0) {
        size += fi_row_pending_size_max(&builder->pending.sums);
    }
    return size;
}

static int
write_index(struct builder *builder, firn_error *err)
{
    if (fi_row_index_builder_encode(&builder->index, builder->output.summary.entry_count,
                                    &builder->raw) != FIRN_OK) {
        return fi_error_no_memory(err, "the index of a run");
    }
    DCHECK(fi_row_index_check(fi_buf_slice(&builder->raw), NULL) == FIRN_OK);
    DCHECK(builder->index.records.size / FI_ROW_FORMAT_RECORD_SIZE <=
           builder->output.summary.entry_count);
    return fi_run_output_add_section(&builder->output, FI_RUN_SECTION_INDEX,
                                     fi_buf_slice(&builder->raw), err);
}

static int
row_builder_finish(struct builder *builder, struct fi_run_summary *out, firn_error *err)
{
    struct fi_run_summary *summary = &builder->output.summary;
    if (builder->pending.sums.count > 0) {
        if (fi_run_summary_note_last_key(summary, fi_row_pending_last_key(&builder->pending)) !=
            FIRN_OK) {
            return fi_error_no_memory(err, "the bounds of a run");
        }
        FI_TRY_RETURN(close_block(builder, err));
    }
    FI_TRY_RETURN(fi_run_output_end_entries(&builder->output, err));
    FI_TRY_RETURN(write_index(builder, err));
    return fi_run_output_finish(&builder->output,
                                summary->has_references ? FI_ROW_FORMAT_VERSION
                                : summary->has_heads    ? FI_ROW_FORMAT_VERSION_HEADS
                                                        : FI_ROW_FORMAT_VERSION_PLAIN,
                                out, err);
}

int
fi_row_builder_finish(struct fi_run_builder *base, struct fi_run_summary *out, firn_error *err)
{
    struct builder *builder = builder_of(base);
    *out = (struct fi_run_summary){0};
    FI_TRY_RETURN(fi_run_output_check_usable(&builder->output, err));
    if (builder->output.summary.entry_count == 0 && builder->output.summary.range_count == 0) {
        return fi_error_set(err, FIRN_MISUSE, "a run that holds nothing is not written");
    }
    int rc = row_builder_finish(builder, out, err);
    builder->output.has_failed = rc != FIRN_OK;
    return rc;
}
