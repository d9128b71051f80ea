/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_pieces.c: values that are too large to share a block.
 *
 * Such a value is cut into pieces of 1 MiB, each a block of the file, one directly after the other.
 * In place of the value the run has a locator: size, offset of the first piece, stored size of
 * each. So reading a value of any size needs a buffer for only one piece beside the value, and one
 * large value does not evict blocks that are read often from the cache.
 *
 * (I1) A locator that passed its check has as many stored sizes as the value has pieces, and at
 *      most FI_RUN_PIECES_MAX; the block reader judges everything else in it while reading. A
 *      piece must decode to exactly its part of the value.
 *
 * Failure: FIRN_CORRUPT names file and offset of the piece.
 */
#include "run/run_parts.h"

#include "base/check.h"

enum { PIECE_SIZE = FI_RUN_PIECE_SIZE };

int
fi_run_pieces_check_locator(firn_slice locator, firn_error *err)
{
    struct fi_run_locator fields;
    if (locator.size < FI_RUN_LOCATOR_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT, "the locator of a value is too short");
    }
    fi_run_pieces_locator(locator, &fields);
    if (fields.value_size == 0 || fields.value_size > FI_ENTRY_VALUE_SIZE_MAX ||
        locator.size - FI_RUN_LOCATOR_SIZE != 4 * fi_run_pieces_count(fields.value_size)) {
        return fi_error_set(err, FIRN_CORRUPT, "the locator of a value does not fit its size");
    }
    /* So that adding up the pieces cannot wrap around; what they name is judged as it is read. */
    return fields.first_offset <= INT64_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "the pieces of a value lie nowhere");
}

int
fi_run_pieces_write(struct fi_run_output *output, firn_slice value, struct fi_buf *out_locator,
                    firn_error *err)
{
    fi_buf_clear(out_locator);
    size_t count = (size_t)fi_run_pieces_count(value.size);
    CHECK(count > 0 && count <= FI_RUN_PIECES_MAX);
    if (fi_buf_set_size(out_locator, FI_RUN_LOCATOR_SIZE + 4 * count) != FIRN_OK) {
        return fi_error_no_memory(err, "the locator of a value");
    }
    uint8_t *locator = out_locator->data;
    uint64_t end = 0; /* of the pieces so far */
    fi_store_le64(locator, value.size);
    for (size_t i = 0; i < count; i++) {
        struct fi_block_ref ref;
        size_t at = i * FI_RUN_PIECE_SIZE;
        size_t size = value.size - at < FI_RUN_PIECE_SIZE ? value.size - at : FI_RUN_PIECE_SIZE;
        int rc = fi_run_output_add(output, firn_bytes(value.data + at, size), &ref, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (i == 0) {
            fi_store_le64(locator + 8, ref.offset);
        }
        CHECK(i == 0 || ref.offset == end); /* a locator has the first one's place only */
        end = ref.offset + fi_block_reader_span(&ref);
        fi_store_le32(locator + FI_RUN_LOCATOR_SIZE + 4 * i, ref.stored_size);
    }
    return FIRN_OK;
}

/* Calls take for each piece in order. */
static int
read_pieces(struct fi_block_reader *reader, const struct fi_run_locator *locator,
            void (*take)(struct fi_buf *out, firn_slice piece), struct fi_buf *out, firn_error *err)
{
    struct fi_compress *compress = NULL;
    struct fi_buf piece = {0};
    struct fi_block_ref ref = {.offset = locator->first_offset};
    int rc;
    FI_TRY(fi_compress_create(&compress, err));
    uint64_t count = fi_run_pieces_count(locator->value_size);
    DCHECK(count > 0 && count <= FI_RUN_PIECES_MAX); /* (I1) */
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = locator->value_size - i * PIECE_SIZE;
        ref.raw_size = left < PIECE_SIZE ? (uint32_t)left : PIECE_SIZE;
        ref.stored_size = fi_load_le32(locator->stored_sizes + 4 * i);
        FI_TRY(fi_block_reader_read(reader, &ref, compress, &piece, err));
        take(out, fi_buf_slice(&piece));
        ref.offset += fi_block_reader_span(&ref);
    }
out:
    fi_buf_deinit(&piece);
    fi_compress_destroy(compress);
    return rc;
}

static void
append_piece(struct fi_buf *out, firn_slice piece)
{
    DCHECK(piece.size <= out->capacity - out->size);
    memcpy(out->data + out->size, piece.data, piece.size);
    out->size += piece.size;
}

static void
drop_piece(struct fi_buf *out, firn_slice piece)
{
    (void)out;
    (void)piece;
}

int
fi_run_pieces_read(struct fi_block_reader *reader, firn_slice locator, struct fi_buf *out,
                   firn_error *err)
{
    struct fi_run_locator fields;
    fi_run_pieces_locator(locator, &fields);
    fi_buf_clear(out);
    if (fi_buf_reserve(out, (size_t)fields.value_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a value");
    }
    return read_pieces(reader, &fields, append_piece, out, err);
}

int
fi_run_pieces_check(struct fi_block_reader *reader, firn_slice locator, firn_error *err)
{
    struct fi_run_locator fields;
    fi_run_pieces_locator(locator, &fields);
    return read_pieces(reader, &fields, drop_piece, NULL, err);
}
