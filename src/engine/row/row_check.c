/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_check.c: reads all of a run from the disk, past the cache, and holds each part against
 * the others.
 *
 * What firn_row_block_check leaves open is asked here: that tags and filter know every key, that
 * blocks follow each other in order and lie where their separators say, that their sequences are
 * those of the index, that large values can be read, and that all of it adds up to the summary. At
 * the end every byte of the body is compared with the table of contents, so that damage between the
 * blocks, which nobody reads, is found as well.
 *
 * Damage is reported, and the rest read on. A bad block takes its own keys away and no others. A
 * bad index takes all of them: without it nothing says where a key would be. A bad filter takes
 * none. A chunk in which something was reported already is not reported again.
 *
 * A disk that cannot read (FIRN_IO) is treated like damage, and is what is returned if that was
 * all. Only want of memory, and who is told of its steps, end a check early.
 *
 * Memory: index and filter of the run, one block or piece of a value, a byte a MiB of the file.
 */
#include "row/row_internal.h"

#include "base/mem.h"
#include "base/slice.h"

enum { CHUNK_SIZE = 1 << 20 }; /* of the table of contents */

struct checking {
    struct firn_row *run;
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    const struct firn_step *step;
    uint64_t untold_bytes; /* of values, since a block was told */
    struct firn_compress *compress;
    bool *is_reported; /* a chunk */
    int worst;         /* FIRN_OK, FIRN_IO, FIRN_CORRUPT */

    struct firn_buf index_raw;
    struct firn_buf filter_raw; /* empty where there is none, or a bad one */
    struct firn_buf raw;
    struct firn_row_index index;

    /* The entry before. */
    struct firn_buf last_key;
    uint64_t last_sequence;
    bool has_last;
    struct firn_buf key;

    struct firn_run_summary found;
    bool is_incomplete; /* a block is missing in found */
};

/* ---- reporting ---- */

static bool
is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_IO;
}

/* Reports what err says of the bytes [offset, offset + size); returns FIRN_OK for damage, else the
 * error. */
static int
report(struct checking *checking, uint64_t offset, uint64_t size, const firn_error *err)
{
    DCHECK(err->code != FIRN_OK);
    if (!is_damage(err->code)) {
        return err->code;
    }
    uint64_t count = firn_block_reader_chunk_count(checking->run->reader);
    for (uint64_t i = offset / CHUNK_SIZE; i < count && i * CHUNK_SIZE < offset + size; i++) {
        checking->is_reported[i] = true;
    }
    if (checking->worst != FIRN_CORRUPT) {
        checking->worst = err->code == FIRN_IO ? FIRN_IO : FIRN_CORRUPT;
    }
    checking->on_damage(checking->ctx, err->text);
    return FIRN_OK;
}

static int
report_section(struct checking *checking, const struct firn_block_ref *ref, const char *loss,
               firn_error *err)
{
    if (is_damage(err->code)) {
        (void)firn_row_read_place(checking->run, ref, err);
        (void)firn_error_prefix(err, "%s", loss);
    }
    return report(checking, ref->offset, firn_block_reader_span(ref), err);
}

/* ---- entries ---- */

static int
refuse(const char *what, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "%s", what);
}

/* An entry against the one before it and the separator of its block. */
static int
check_place(const struct checking *checking, const struct firn_row_slot *slot, firn_error *err)
{
    return !checking->has_last ||
                   firn_entry_compare(firn_buf_slice(&checking->last_key), checking->last_sequence,
                                      firn_buf_slice(&checking->key), slot->sequence) < 0
               ? FIRN_OK
               : refuse("its entries do not follow those of the block before", err);
}

static int
check_hash(const struct checking *checking, uint8_t tag, firn_error *err)
{
    uint64_t hash = firn_row_filter_hash(firn_buf_slice(&checking->key));
    if (tag != firn_row_block_tag(hash)) {
        return refuse("a tag is not that of its key", err);
    }
    return checking->filter_raw.size == 0 ||
                   firn_row_filter_may_contain(firn_buf_slice(&checking->filter_raw), hash)
               ? FIRN_OK
               : refuse("the filter does not know one of its keys", err);
}

static void
count_entry(struct checking *checking, const struct firn_row_slot *slot)
{
    struct firn_run_summary *found = &checking->found;
    struct firn_row_locator locator;
    uint64_t value_size = slot->value.size;
    enum firn_entry_kind kind = slot->kind;
    bool is_reference = firn_row_reference_is_one(slot);
    if (is_reference) {
        kind = firn_row_reference_kind(slot);
        value_size = firn_row_value_reference_value_size(kind, firn_row_reference_value(slot));
    } else if (slot->is_elsewhere) {
        firn_row_block_locator(slot->value, &locator);
        value_size = locator.value_size;
    }
    found->entry_count++;
    found->tombstone_count += kind == FIRN_ENTRY_DELETE;
    found->has_heads |= is_reference || firn_entry_head_size(kind) > 0;
    found->has_references |= is_reference;
    found->content_bytes += checking->key.size + value_size;
    checking->untold_bytes += slot->is_elsewhere ? value_size : 0;
}

/* Reads the value of the last entry, which lies elsewhere. */
static int
check_value(struct checking *checking, const struct firn_row_slot *slot, firn_error *err)
{
    struct firn_row_locator fields = {0}; /* of a reference: nothing of this file */
    bool is_reference = firn_row_reference_is_one(slot);
    DCHECK(slot->is_elsewhere && checking->has_last); /* last_key is the entry's */
    int rc = is_reference ? firn_row_value_reference_read(checking->run->values, slot,
                                                          FIRN_BLOCK_CACHE_SCAN, NULL, err)
                          : firn_row_value_check(checking->run->reader, slot->value, err);
    if (rc == FIRN_OK) {
        return rc;
    }
    char text[FIRN_ROW_READ_TEXT_SIZE];
    if (!is_reference) {
        firn_row_block_locator(slot->value, &fields);
    }
    (void)firn_error_prefix(err, "the value of '%s' cannot be read",
                            firn_row_read_key_text(firn_buf_slice(&checking->last_key), text));
    return report(checking, fields.first_offset, fields.value_size, err);
}

static int
check_slot(struct checking *checking, const struct firn_row_block *block, size_t i, firn_error *err)
{
    int rc;
    struct firn_row_slot slot;
    firn_row_block_slot(block, i, &slot);
    firn_buf_clear(&checking->key);
    if (firn_buf_append_slice(&checking->key, block->prefix) != FIRN_OK ||
        firn_buf_append_slice(&checking->key, slot.rest) != FIRN_OK) {
        return firn_error_no_memory(err, "a key");
    }
    FIRN_TRY(check_place(checking, &slot, err));
    FIRN_TRY(check_hash(checking, block->raw.data[FIRN_ROW_FORMAT_BLOCK_HEADER_SIZE + i], err));
    count_entry(checking, &slot);
    struct firn_buf key = checking->last_key;
    checking->last_key = checking->key;
    checking->key = key;
    checking->last_sequence = slot.sequence;
    checking->has_last = true;
    rc = slot.is_elsewhere ? check_value(checking, &slot, err) : FIRN_OK;
out:
    return rc;
}

/* ---- blocks ---- */

/* A block against its separator: (I1) of row_index.c. */
static int
check_separator(struct checking *checking, size_t block_at, const struct firn_row_block *block,
                firn_error *err)
{
    struct firn_row_slot first;
    struct firn_row_index_separator separator;
    struct firn_buf *whole = &checking->key;
    DCHECK(block_at < checking->index.block_count);
    firn_row_index_separator(&checking->index, block_at, &separator);
    firn_row_block_slot(block, 0, &first);
    struct firn_buf key = {0};
    int rc = FIRN_NO_MEMORY;
    firn_buf_clear(whole);
    if (firn_buf_append_slice(whole, checking->index.prefix) != FIRN_OK ||
        firn_buf_append_slice(whole, separator.rest) != FIRN_OK ||
        firn_buf_append_slice(&key, block->prefix) != FIRN_OK ||
        firn_buf_append_slice(&key, first.rest) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a separator");
    } else if (firn_entry_compare(firn_buf_slice(whole), separator.sequence, firn_buf_slice(&key),
                                  first.sequence) > 0 ||
               (checking->has_last &&
                firn_entry_compare(firn_buf_slice(&checking->last_key), checking->last_sequence,
                                   firn_buf_slice(whole), separator.sequence) >= 0)) {
        rc = refuse("it does not lie behind its separator, or the block before does", err);
    } else {
        bool goes_on = checking->has_last &&
                       firn_slice_equal(firn_buf_slice(&checking->last_key), firn_buf_slice(&key));
        rc = !checking->has_last || goes_on == (separator.sequence != UINT64_MAX)
                 ? FIRN_OK
                 : refuse("its separator does not say whether versions of a key go on in it", err);
    }
    firn_buf_deinit(&key);
    return rc;
}

static int
check_sequences(const struct firn_row_index_block *record, const struct firn_row_block *block,
                firn_error *err)
{
    uint64_t sequence_min = UINT64_MAX;
    uint64_t sequence_max = 0;
    for (size_t i = 0; i < block->count; i++) {
        struct firn_row_slot slot;
        firn_row_block_slot(block, i, &slot);
        sequence_min = slot.sequence < sequence_min ? slot.sequence : sequence_min;
        sequence_max = slot.sequence > sequence_max ? slot.sequence : sequence_max;
    }
    return sequence_min == record->sequence_min && sequence_max == record->sequence_max
               ? FIRN_OK
               : refuse("its sequences are not those of the index", err);
}

static void
note_sequences(struct firn_run_summary *found, uint64_t sequence_min, uint64_t sequence_max)
{
    bool is_first = found->sequence_min == 0 && found->sequence_max == 0;
    DCHECK(sequence_min <= sequence_max);
    if (is_first || sequence_min < found->sequence_min) {
        found->sequence_min = sequence_min;
    }
    if (sequence_max > found->sequence_max) {
        found->sequence_max = sequence_max;
    }
}

static int
check_block(struct checking *checking, size_t block_at, const struct firn_row_index_block *record,
            firn_error *err)
{
    int rc;
    struct firn_row_block block;
    FIRN_TRY(firn_block_reader_read(checking->run->reader, &record->ref, checking->compress,
                                    &checking->raw, err));
    FIRN_TRY(firn_row_block_check(firn_buf_slice(&checking->raw), err));
    firn_row_block_init(&block, firn_buf_slice(&checking->raw));
    FIRN_TRY(check_sequences(record, &block, err));
    FIRN_TRY(check_separator(checking, block_at, &block, err));
    for (size_t i = 0; i < block.count; i++) {
        FIRN_TRY(check_slot(checking, &block, i, err));
    }
    note_sequences(&checking->found, record->sequence_min, record->sequence_max);
out:
    return rc;
}

static int
tell_block(struct checking *checking, const struct firn_row_index_block *record, firn_error *err)
{
    uint64_t bytes = firn_block_reader_span(&record->ref) + checking->untold_bytes;
    checking->untold_bytes = 0;
    return firn_step_tell(checking->step, 0, bytes, err);
}

static int
check_blocks(struct checking *checking, firn_error *err)
{
    for (size_t i = 0; i < checking->index.block_count; i++) {
        struct firn_row_index_block record;
        firn_row_index_block(&checking->index, i, &record);
        int rc = tell_block(checking, &record, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = check_block(checking, i, &record, err);
        if (rc == FIRN_OK) {
            continue;
        }
        /* What it holds cannot be compared with the next block. */
        checking->has_last = false;
        checking->is_incomplete = true;
        (void)firn_row_read_explain(checking->run, &checking->index, i, err);
        rc = report(checking, record.ref.offset, firn_block_reader_span(&record.ref), err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* ---- sections ---- */

static int
read_index(struct checking *checking, firn_error *err)
{
    const struct firn_block_ref *ref = &checking->run->index_ref;
    int rc = firn_block_reader_read(checking->run->reader, ref, checking->compress,
                                    &checking->index_raw, err);
    if (rc == FIRN_OK) {
        rc = firn_row_index_check(firn_buf_slice(&checking->index_raw), err);
    }
    if (rc != FIRN_OK) {
        checking->is_incomplete = true;
        return report_section(checking, ref, "no key of the run can be read", err);
    }
    firn_row_index_init(&checking->index, firn_buf_slice(&checking->index_raw));
    return FIRN_OK;
}

static int
read_filter(struct checking *checking, firn_error *err)
{
    const struct firn_block_ref *ref = &checking->run->filter_ref;
    if (ref->stored_size == 0) {
        return FIRN_OK;
    }
    int rc = firn_block_reader_read(checking->run->reader, ref, checking->compress,
                                    &checking->filter_raw, err);
    if (rc == FIRN_OK) {
        rc = firn_row_filter_check(firn_buf_slice(&checking->filter_raw), err);
    }
    if (rc != FIRN_OK) {
        firn_buf_clear(&checking->filter_raw);
        return report_section(checking, ref, "no key is lost, but gets are slower", err);
    }
    return FIRN_OK;
}

static int
count_range(void *ctx, const struct firn_range *range, firn_error *err)
{
    struct checking *checking = ctx;
    struct firn_run_summary *found = &checking->found;
    struct firn_buf *lower = &found->lower;
    struct firn_buf *upper = &found->upper;
    if (found->range_count == 0 || firn_slice_compare(range->lower, firn_buf_slice(lower)) < 0) {
        firn_buf_clear(lower);
        if (firn_buf_append_slice(lower, range->lower) != FIRN_OK) {
            return firn_error_no_memory(err, "a bound");
        }
    }
    if (firn_slice_compare(range->upper, firn_buf_slice(upper)) > 0) {
        firn_buf_clear(upper);
        if (firn_buf_append_slice(upper, range->upper) != FIRN_OK) {
            return firn_error_no_memory(err, "a bound");
        }
    }
    found->range_count++;
    note_sequences(found, range->sequence, range->sequence);
    return FIRN_OK;
}

/* Summary and ranges, as they are on the disk now. */
static int
read_small_sections(struct checking *checking, firn_error *err)
{
    struct firn_block_reader *reader = checking->run->reader;
    for (size_t i = 0; i < firn_block_reader_section_count(reader); i++) {
        const struct firn_block_section *section = firn_block_reader_section(reader, i);
        bool is_summary = section->kind == FIRN_ROW_FORMAT_SUMMARY;
        if (!is_summary && section->kind != FIRN_ROW_FORMAT_RANGES) {
            continue;
        }
        int rc =
            firn_block_reader_read(reader, &section->ref, checking->compress, &checking->raw, err);
        if (rc == FIRN_OK && !is_summary) {
            rc = firn_row_summary_decode_ranges(firn_buf_slice(&checking->raw), count_range,
                                                checking, err);
        }
        if (rc != FIRN_OK) {
            checking->is_incomplete = true;
            rc = report_section(checking, &section->ref,
                                is_summary ? "the summary of the run cannot be read"
                                           : "range deletes of the run cannot be read",
                                err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* ---- the whole ---- */

/* Widens the bounds that were found for the ranges by those of the entries. */
static int
note_bounds(struct checking *checking, firn_slice first_key)
{
    struct firn_run_summary *found = &checking->found;
    struct firn_buf *last = &checking->last_key;
    if (found->entry_count == 0) {
        return FIRN_OK;
    }
    if (found->range_count == 0 ||
        firn_slice_compare(first_key, firn_buf_slice(&found->lower)) < 0) {
        firn_buf_clear(&found->lower);
        if (firn_buf_append_slice(&found->lower, first_key) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
    }
    if (firn_buf_append_u8(last, 0) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    if (firn_slice_compare(firn_buf_slice(last), firn_buf_slice(&found->upper)) > 0) {
        firn_buf_clear(&found->upper);
        return firn_buf_append_slice(&found->upper, firn_buf_slice(last));
    }
    return FIRN_OK;
}

static bool
agree(const struct firn_run_summary *a, const struct firn_run_summary *b)
{
    return a->entry_count == b->entry_count && a->tombstone_count == b->tombstone_count &&
           a->range_count == b->range_count && a->content_bytes == b->content_bytes &&
           a->has_heads == b->has_heads && a->has_references == b->has_references &&
           a->sequence_min == b->sequence_min && a->sequence_max == b->sequence_max &&
           firn_slice_equal(firn_buf_slice(&a->lower), firn_buf_slice(&b->lower)) &&
           firn_slice_equal(firn_buf_slice(&a->upper), firn_buf_slice(&b->upper));
}

static int
check_summary(struct checking *checking, firn_error *err)
{
    if (checking->is_incomplete) {
        return FIRN_OK;
    }
    /* The first separator is the first key. */
    struct firn_buf first = {0};
    struct firn_row_index_separator separator = {.rest = firn_bytes(NULL, 0)};
    if (checking->index.block_count > 0) {
        firn_row_index_separator(&checking->index, 0, &separator);
    }
    int rc = firn_buf_append_slice(&first, checking->index.prefix);
    rc = rc == FIRN_OK ? firn_buf_append_slice(&first, separator.rest) : rc;
    rc = rc == FIRN_OK ? note_bounds(checking, firn_buf_slice(&first)) : rc;
    firn_buf_deinit(&first);
    if (rc != FIRN_OK) {
        return firn_error_no_memory(err, "the bounds of a run");
    }
    if (agree(&checking->found, &checking->run->summary)) {
        return FIRN_OK;
    }
    (void)firn_error_set(err, FIRN_CORRUPT, "'%s': the entries do not add up to the summary",
                         firn_block_reader_path(checking->run->reader));
    return report(checking, 0, 0, err);
}

static int
check_chunks(struct checking *checking, firn_error *err)
{
    struct firn_block_reader *reader = checking->run->reader;
    uint64_t count = firn_block_reader_chunk_count(reader);
    for (uint64_t i = 0; i < count; i++) {
        int rc = firn_block_reader_verify_chunk(reader, i, &checking->raw, err);
        if (rc != FIRN_OK && !(is_damage(rc) && checking->is_reported[i])) {
            if (is_damage(rc)) {
                (void)firn_error_prefix(err, "no key is lost");
            }
            rc = report(checking, i * CHUNK_SIZE, CHUNK_SIZE, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
    return FIRN_OK;
}

/* Nothing reads by it but repairs. */
static int
check_origin(struct checking *checking, firn_error *err)
{
    struct firn_run_origin origin;
    struct firn_buf numbers = {0};
    int rc = firn_row_open_origin(&checking->run->base, &numbers, &origin, err);
    firn_buf_deinit(&numbers);
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND
               ? FIRN_OK
               : report_section(checking, &checking->run->origin_ref, "no key is lost", err);
}

static int
check_parts(struct checking *checking, firn_error *err)
{
    int rc;
    FIRN_TRY(firn_compress_create(&checking->compress, err));
    FIRN_TRY(read_index(checking, err));
    FIRN_TRY(read_filter(checking, err));
    FIRN_TRY(read_small_sections(checking, err));
    FIRN_TRY(check_blocks(checking, err));
    FIRN_TRY(check_summary(checking, err));
    FIRN_TRY(check_origin(checking, err));
    FIRN_TRY(check_chunks(checking, err));
    FIRN_TRY(firn_step_tell(checking->step, 1, checking->untold_bytes, err));
out:
    return rc;
}

int
firn_row_check(struct firn_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
               const struct firn_step *step, firn_error *err)
{
    firn_error local;
    DCHECK(on_damage != NULL);
    err = err == NULL ? &local : err;
    struct checking checking = {
        .run = firn_row_read_run(run), .on_damage = on_damage, .ctx = ctx, .step = step};
    struct firn_block_reader *reader = checking.run->reader;
    size_t chunk_count = (size_t)firn_block_reader_chunk_count(reader);
    checking.is_reported = firn_alloc_zeroed(chunk_count * sizeof checking.is_reported[0]);
    int rc = checking.is_reported == NULL ? firn_error_no_memory(err, "a check")
                                          : check_parts(&checking, err);
    if (rc == FIRN_OK && checking.worst != FIRN_OK) {
        rc = firn_error_set(err, checking.worst, "'%s': the run is damaged",
                            firn_block_reader_path(reader));
    }
    firn_compress_destroy(checking.compress);
    firn_free(checking.is_reported);
    firn_buf_deinit(&checking.index_raw);
    firn_buf_deinit(&checking.filter_raw);
    firn_buf_deinit(&checking.raw);
    firn_buf_deinit(&checking.last_key);
    firn_buf_deinit(&checking.key);
    firn_run_summary_deinit(&checking.found);
    return rc;
}
