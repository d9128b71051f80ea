/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_check.c: reads all of a run from the disk, past the cache, and compares its parts with
 * each other.
 *
 * This verifies more than fi_row_block_check: tags and filter match every key; blocks are in order
 * and where their separators say; their sequences are those of the index; large values can be read;
 * and everything adds up to the summary. At the end every byte of the body is compared with the
 * table of contents, to find damage between the blocks, where no reader reads.
 *
 * Damage is reported, and the check continues after it. A bad block loses only its own keys. A bad
 * index loses all keys: without it nothing says where a key would be. A bad filter loses none. A
 * chunk in which something was reported already is not reported again.
 *
 * A read error of the disk (FIRN_IO) is treated like damage, and is returned if there was nothing
 * else. Only a lack of memory, and a receiver of progress that cancels, end a check early.
 *
 * Memory: index and filter of the run, one block or piece of a value, and one byte for each MiB of
 * the file.
 */
#include "row/row_internal.h"

#include "base/mem.h"
#include "base/slice.h"

struct checking {
    struct fi_row *run;
    struct fi_run_check check;

    struct fi_buf index_raw;
    struct fi_row_index index;

    /* The entry before. */
    struct fi_buf last_key;
    uint64_t last_sequence;
    bool has_last;
    struct fi_buf key;
};

/* ---- entries ---- */

static int
row_check_refuse(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "%s", what);
}

/* An entry against the one before it and the separator of its block. */
static int
check_place(const struct checking *checking, const struct fi_row_slot *slot, firn_error *err)
{
    return !checking->has_last ||
                   fi_entry_compare(fi_buf_slice(&checking->last_key), checking->last_sequence,
                                    fi_buf_slice(&checking->key), slot->sequence) < 0
               ? FIRN_OK
               : row_check_refuse("its entries do not follow those of the block before", err);
}

static int
check_hash(const struct checking *checking, uint8_t tag, firn_error *err)
{
    uint64_t hash = fi_run_filter_hash(fi_buf_slice(&checking->key));
    if (tag != fi_row_block_tag(hash)) {
        return row_check_refuse("a tag is not that of its key", err);
    }
    return fi_run_check_key(&checking->check, hash, err);
}

static void
count_entry(struct checking *checking, const struct fi_row_slot *slot)
{
    struct fi_run_summary *found = &checking->check.found;
    struct fi_run_locator locator;
    uint64_t value_size = slot->value.size;
    enum fi_entry_kind kind = slot->kind;
    bool is_reference = fi_row_reference_is_one(slot);
    if (is_reference) {
        kind = fi_row_reference_kind(slot);
        value_size = fi_row_value_reference_value_size(kind, fi_row_reference_value(slot));
    } else if (slot->is_elsewhere) {
        fi_run_pieces_locator(slot->value, &locator);
        value_size = locator.value_size;
    }
    found->entry_count++;
    found->tombstone_count += kind == FI_ENTRY_DELETE;
    found->has_heads |= is_reference || fi_entry_head_size(kind) > 0;
    found->has_references |= is_reference;
    found->content_bytes += checking->key.size + value_size;
    checking->check.untold_bytes += slot->is_elsewhere ? value_size : 0;
}

/* Reads the value of the last entry, which lies elsewhere. */
static int
check_value(struct checking *checking, const struct fi_row_slot *slot, firn_error *err)
{
    struct fi_run_locator fields = {0}; /* of a reference: nothing of this file */
    bool is_reference = fi_row_reference_is_one(slot);
    DCHECK(slot->is_elsewhere && checking->has_last); /* last_key is the entry's */
    int rc = is_reference ? fi_row_value_reference_read(checking->run->values, slot,
                                                        FI_BLOCK_CACHE_SCAN, NULL, err)
                          : fi_run_pieces_check(checking->run->reader, slot->value, err);
    if (rc == FIRN_OK) {
        return rc;
    }
    char text[FI_RUN_TEXT_SIZE];
    if (!is_reference) {
        fi_run_pieces_locator(slot->value, &fields);
    }
    fi_error_prefix(err, "the value of '%s' cannot be read",
                    fi_run_text_key(fi_buf_slice(&checking->last_key), text));
    return fi_run_check_report(&checking->check, fields.first_offset, fields.value_size, err);
}

static int
check_slot(struct checking *checking, const struct fi_row_block *block, size_t i, firn_error *err)
{
    struct fi_row_slot slot;
    fi_row_block_slot(block, i, &slot);
    fi_buf_clear(&checking->key);
    if (fi_buf_append_slice(&checking->key, block->prefix) != FIRN_OK ||
        fi_buf_append_slice(&checking->key, slot.rest) != FIRN_OK) {
        return fi_error_no_memory(err, "a key");
    }
    FI_TRY_RETURN(check_place(checking, &slot, err));
    FI_TRY_RETURN(check_hash(checking, block->raw.data[FI_ROW_FORMAT_BLOCK_HEADER_SIZE + i], err));
    count_entry(checking, &slot);
    struct fi_buf key = checking->last_key;
    checking->last_key = checking->key;
    checking->key = key;
    checking->last_sequence = slot.sequence;
    checking->has_last = true;
    return slot.is_elsewhere ? check_value(checking, &slot, err) : FIRN_OK;
}

/* ---- blocks ---- */

/* A block against its separator: (I1) of row_index.c. */
static int
check_separator(struct checking *checking, size_t block_at, const struct fi_row_block *block,
                firn_error *err)
{
    struct fi_row_slot first;
    struct fi_row_index_separator separator;
    struct fi_buf *whole = &checking->key;
    DCHECK(block_at < checking->index.block_count);
    fi_row_index_separator(&checking->index, block_at, &separator);
    fi_row_block_slot(block, 0, &first);
    struct fi_buf key = {0};
    int rc = FIRN_NO_MEMORY;
    fi_buf_clear(whole);
    if (fi_buf_append_slice(whole, checking->index.prefix) != FIRN_OK ||
        fi_buf_append_slice(whole, separator.rest) != FIRN_OK ||
        fi_buf_append_slice(&key, block->prefix) != FIRN_OK ||
        fi_buf_append_slice(&key, first.rest) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a separator");
    } else if (fi_entry_compare(fi_buf_slice(whole), separator.sequence, fi_buf_slice(&key),
                                first.sequence) > 0 ||
               (checking->has_last &&
                fi_entry_compare(fi_buf_slice(&checking->last_key), checking->last_sequence,
                                 fi_buf_slice(whole), separator.sequence) >= 0)) {
        rc = row_check_refuse("it is not after its separator, or the previous block is", err);
    } else {
        bool goes_on = checking->has_last &&
                       fi_slice_equal(fi_buf_slice(&checking->last_key), fi_buf_slice(&key));
        rc = !checking->has_last || goes_on == (separator.sequence != UINT64_MAX)
                 ? FIRN_OK
                 : row_check_refuse(
                       "its separator does not say whether versions of a key go on in it", err);
    }
    fi_buf_deinit(&key);
    return rc;
}

static int
check_sequences(const struct fi_row_index_block *record, const struct fi_row_block *block,
                firn_error *err)
{
    uint64_t sequence_min = UINT64_MAX;
    uint64_t sequence_max = 0;
    for (size_t i = 0; i < block->count; i++) {
        struct fi_row_slot slot;
        fi_row_block_slot(block, i, &slot);
        sequence_min = slot.sequence < sequence_min ? slot.sequence : sequence_min;
        sequence_max = slot.sequence > sequence_max ? slot.sequence : sequence_max;
    }
    return sequence_min == record->sequence_min && sequence_max == record->sequence_max
               ? FIRN_OK
               : row_check_refuse("its sequences are not those of the index", err);
}

static void
note_sequences(struct fi_run_summary *found, uint64_t sequence_min, uint64_t sequence_max)
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
check_block(struct checking *checking, size_t block_at, const struct fi_row_index_block *record,
            firn_error *err)
{
    struct fi_row_block block;
    FI_TRY_RETURN(fi_block_reader_read(checking->run->reader, &record->ref,
                                       checking->check.compress, &checking->check.raw, err));
    FI_TRY_RETURN(fi_row_block_check(fi_buf_slice(&checking->check.raw), err));
    fi_row_block_init(&block, fi_buf_slice(&checking->check.raw));
    FI_TRY_RETURN(check_sequences(record, &block, err));
    FI_TRY_RETURN(check_separator(checking, block_at, &block, err));
    for (size_t i = 0; i < block.count; i++) {
        FI_TRY_RETURN(check_slot(checking, &block, i, err));
    }
    note_sequences(&checking->check.found, record->sequence_min, record->sequence_max);
    return FIRN_OK;
}

static int
report_block(struct checking *checking, const struct fi_row_index_block *record, firn_error *err)
{
    uint64_t bytes = fi_block_reader_span(&record->ref) + checking->check.untold_bytes;
    checking->check.untold_bytes = 0;
    return fi_step_report(checking->check.step, 0, bytes, err);
}

static int
check_blocks(struct checking *checking, firn_error *err)
{
    for (size_t i = 0; i < checking->index.block_count; i++) {
        struct fi_row_index_block record;
        fi_row_index_block(&checking->index, i, &record);
        int rc = report_block(checking, &record, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = check_block(checking, i, &record, err);
        if (rc == FIRN_OK) {
            continue;
        }
        /* What it holds cannot be compared with the next block. */
        checking->has_last = false;
        checking->check.is_incomplete = true;
        (void)fi_row_read_explain(checking->run, &checking->index, i, err);
        rc = fi_run_check_report(&checking->check, record.ref.offset,
                                 fi_block_reader_span(&record.ref), err);
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
    const struct fi_block_ref *ref = &checking->run->sections.index;
    int rc = fi_block_reader_read(checking->run->reader, ref, checking->check.compress,
                                  &checking->index_raw, err);
    if (rc == FIRN_OK) {
        rc = fi_row_index_check(fi_buf_slice(&checking->index_raw), err);
    }
    if (rc != FIRN_OK) {
        checking->check.is_incomplete = true;
        return fi_run_check_report_block(&checking->check, ref, "no key of the run can be read",
                                         err);
    }
    fi_row_index_init(&checking->index, fi_buf_slice(&checking->index_raw));
    return FIRN_OK;
}

/* ---- the whole ---- */

/* The first separator is the first key. */
static int
first_key(const struct checking *checking, struct fi_buf *out)
{
    struct fi_row_index_separator separator = {.rest = firn_bytes(NULL, 0)};
    if (checking->index.block_count > 0) {
        fi_row_index_separator(&checking->index, 0, &separator);
    }
    int rc = fi_buf_append_slice(out, checking->index.prefix);
    return rc == FIRN_OK ? fi_buf_append_slice(out, separator.rest) : rc;
}

static int
check_parts(struct checking *checking, firn_error *err)
{
    int rc;
    const struct fi_row *run = checking->run;
    struct fi_buf first = {0};
    FI_TRY(fi_run_check_init(&checking->check, err));
    FI_TRY(read_index(checking, err));
    FI_TRY(fi_run_check_sections(&checking->check, &run->sections, FI_ROW_FORMAT_VERSION, err));
    FI_TRY(check_blocks(checking, err));
    rc = first_key(checking, &first) == FIRN_OK
             ? fi_run_check_end(&checking->check, &run->sections, &run->summary,
                                fi_buf_slice(&first), fi_buf_slice(&checking->last_key), err)
             : fi_error_no_memory(err, "the bounds of a run");
out:
    fi_buf_deinit(&first);
    return rc;
}

int
fi_row_check(struct fi_run *base, void (*on_damage)(void *ctx, const char *text), void *ctx,
             const struct fi_step *step, firn_error *err)
{
    firn_error local;
    struct fi_row *run = fi_row_read_run(base);
    DCHECK(on_damage != NULL);
    struct checking checking = {
        .run = run,
        .check = {.reader = run->reader, .on_damage = on_damage, .ctx = ctx, .step = step}};
    int rc = check_parts(&checking, err == NULL ? &local : err);
    fi_run_check_deinit(&checking.check);
    fi_buf_deinit(&checking.index_raw);
    fi_buf_deinit(&checking.last_key);
    fi_buf_deinit(&checking.key);
    return rc;
}
