/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_value.c: values too large for a block of entries.
 *
 * Such a value is cut into pieces of 1 MiB, each a block of the file, one directly behind the
 * other. The entry has a locator in the value's place: size, offset of the first piece, stored size
 * of each. So reading needs one buffer of a piece beside the value itself, whatever the value's
 * size, and the cache, which is for what is read often, is not flooded by one value.
 *
 * (I1) A locator that passed firn_row_block_check has as many stored sizes as the value has pieces,
 *      and at most FIRN_ROW_FORMAT_PIECES_MAX; all else in it is judged by the block reader, as it
 *      reads.
 * A piece must decode to exactly its part of the value.
 *
 * Failure: FIRN_CORRUPT names file and offset of the piece.
 */
#include "row/row_internal.h"

/* ==== references to value files, as entries of a block ====
 *
 * The head of an expiring put stays in the entry, so that a compaction judges it without reading its
 * value. Only puts and expiring puts have references: what is merged into a value is read and
 * written together with its neighbours anyway.
 *
 * Failure: FIRN_CORRUPT as block/value_file.c has it.
 */

_Static_assert((int)FIRN_VALUE_FILE_VALUE_SIZE_MAX == (int)FIRN_ROW_VALUE_SIZE_MAX,
               "a value that a run may have may lie in a value file");

static bool
may_refer(enum firn_entry_kind kind)
{
    return kind == FIRN_ENTRY_PUT || kind == FIRN_ENTRY_EXPIRING;
}

/* Takes the reference out of a value; false where there is none, or the value would be too large. */
static bool
decode(enum firn_entry_kind kind, firn_slice value, struct firn_value_file_reference *out)
{
    size_t head = firn_entry_head_size(kind);
    return value.size >= head &&
           firn_value_file_decode(firn_bytes(value.data + head, value.size - head), out) &&
           out->value_size <= FIRN_ROW_VALUE_SIZE_MAX - head;
}

bool
firn_row_value_reference_is_sound(firn_slice bytes)
{
    struct firn_value_file_reference reference;
    return bytes.size > 0 && may_refer((enum firn_entry_kind)bytes.data[0]) &&
           decode((enum firn_entry_kind)bytes.data[0], firn_bytes(bytes.data + 1, bytes.size - 1),
                  &reference);
}

bool
firn_row_value_reference_fits(const struct firn_entry *entry)
{
    struct firn_value_file_reference reference;
    return may_refer(entry->kind) && decode(entry->kind, entry->value, &reference);
}

int
firn_row_value_reference_encode(const struct firn_entry *entry, struct firn_buf *out)
{
    DCHECK(firn_row_value_reference_fits(entry));
    firn_buf_clear(out);
    int rc = firn_buf_append_u8(out, (uint8_t)entry->kind);
    return rc == FIRN_OK ? firn_buf_append_slice(out, entry->value) : rc;
}

uint64_t
firn_row_value_reference_value_size(enum firn_entry_kind kind, firn_slice value)
{
    struct firn_value_file_reference reference;
    CHECK(decode(kind, value, &reference));
    return firn_entry_head_size(kind) + reference.value_size;
}

int
firn_row_value_reference_read(const struct firn_run_values *values,
                              const struct firn_row_slot *slot, enum firn_block_cache_use use,
                              struct firn_buf *out, firn_error *err)
{
    DCHECK(firn_row_reference_is_one(slot) && firn_row_value_reference_is_sound(slot->value));
    firn_slice value = firn_row_reference_value(slot);
    size_t head = firn_entry_head_size(firn_row_reference_kind(slot));
    if (out != NULL) {
        firn_buf_clear(out);
        if (firn_buf_append(out, value.data, head) != FIRN_OK) {
            return firn_error_no_memory(err, "a value");
        }
    }
    return firn_value_file_resolve(values, firn_bytes(value.data + head, value.size - head), use,
                                   out, err);
}

enum { PIECE_SIZE = FIRN_ROW_FORMAT_PIECE_SIZE };

/* Calls take for each piece in order. */
static int
read_pieces(struct firn_block_reader *reader, const struct firn_row_locator *locator,
            void (*take)(struct firn_buf *out, firn_slice piece), struct firn_buf *out,
            firn_error *err)
{
    struct firn_compress *compress = NULL;
    struct firn_buf piece = {0};
    struct firn_block_ref ref = {.offset = locator->first_offset};
    int rc;
    FIRN_TRY(firn_compress_create(&compress, err));
    uint64_t count = firn_row_format_piece_count(locator->value_size);
    DCHECK(count > 0 && count <= FIRN_ROW_FORMAT_PIECES_MAX); /* (I1) */
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = locator->value_size - i * PIECE_SIZE;
        ref.raw_size = left < PIECE_SIZE ? (uint32_t)left : PIECE_SIZE;
        ref.stored_size = firn_load_le32(locator->stored_sizes + 4 * i);
        FIRN_TRY(firn_block_reader_read(reader, &ref, compress, &piece, err));
        take(out, firn_buf_slice(&piece));
        ref.offset += firn_block_reader_span(&ref);
    }
out:
    firn_buf_deinit(&piece);
    firn_compress_destroy(compress);
    return rc;
}

static void
append_piece(struct firn_buf *out, firn_slice piece)
{
    DCHECK(piece.size <= out->capacity - out->size);
    memcpy(out->data + out->size, piece.data, piece.size);
    out->size += piece.size;
}

static void
drop_piece(struct firn_buf *out, firn_slice piece)
{
    (void)out;
    (void)piece;
}

int
firn_row_value_read(struct firn_block_reader *reader, firn_slice locator, struct firn_buf *out,
                    firn_error *err)
{
    struct firn_row_locator fields;
    firn_row_block_locator(locator, &fields);
    firn_buf_clear(out);
    if (firn_buf_reserve(out, (size_t)fields.value_size) != FIRN_OK) {
        return firn_error_no_memory(err, "a value");
    }
    return read_pieces(reader, &fields, append_piece, out, err);
}

int
firn_row_value_check(struct firn_block_reader *reader, firn_slice locator, firn_error *err)
{
    struct firn_row_locator fields;
    firn_row_block_locator(locator, &fields);
    return read_pieces(reader, &fields, drop_piece, NULL, err);
}
