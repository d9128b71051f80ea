/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_code.c: the codes of a batch of rows, which show that most rows are too far.
 *
 * A search that reads all vectors waits for memory. Codes (vector/vector_code.h) are a quarter as
 * long. So a search that finds a block of vectors in the cache, where others have used it, makes
 * codes of it, and the cache keeps them with the blocks of the run (column/column.h). Later
 * searches read only the codes, and the vectors of the few rows that these do not exclude. If the
 * codes of all rows would take too much of the cache, none are kept. Where codes exclude less than
 * half of the rows, a search goes on without them.
 *
 * A search for several queries at once makes codes for itself, also of rows that are not in a run:
 * comparing codes takes a fraction of the time of comparing vectors even in the processor's cache.
 *
 * (C1) Codes that are kept are those of all rows of a block. Where only some rows of a batch count,
 *      because of the condition or because the piece ends, the others' values are unknown, and the
 *      codes are of use to this search alone.
 *
 * Memory: of each thread up to MADE_MAX; codes of larger batches are not made.
 */
#include "search/search_internal.h"

#include "base/check.h"
#include "lsm/lsm_pieces.h"

enum { MADE_MAX = 4 << 20 };

_Static_assert((int)FI_VECTOR_CODE_ROWS == (int)FI_CHUNK_BLOCK, "codes are those of a block");

bool
fi_search_code_fits(const struct fi_lsm_pieces *pieces, size_t dimensions)
{
    const struct fi_run *run = NULL;
    uint64_t rows = 0;
    for (size_t i = 0; pieces != NULL && i < fi_lsm_pieces_count(pieces); i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        if (piece.run != NULL) {
            run = piece.run;
            rows += piece.rows_max;
        }
    }
    const uint64_t blocks = rows / FI_CHUNK_BLOCK + 1;
    return run != NULL &&
           fi_column_derived_fits(run, blocks * fi_vector_code_size(FI_CHUNK_BLOCK, dimensions));
}

bool
fi_search_code_find(struct fi_search_code *code, const struct fi_search_place *place)
{
    DCHECK(code->block.size == 0);
    if (place->run == NULL || !fi_column_derived_find(place->run, place->group, place->column,
                                                      place->row / FI_CHUNK_BLOCK, &code->pin)) {
        return false;
    }
    code->block = firn_bytes(code->pin.pin.data, code->pin.pin.size);
    return true;
}

int
fi_search_code_make(struct fi_search_code *code, const struct fi_search_place *place,
                    const struct fi_chunk_values *vectors, const uint64_t *rows, size_t dimensions,
                    firn_error *err)
{
    const size_t size = fi_vector_code_size(vectors->count, dimensions);
    DCHECK(code->block.size == 0);
    if (size > MADE_MAX) {
        return FIRN_OK;
    }
    if (fi_buf_set_size(&code->made, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a search");
    }
    fi_vector_code_write(vectors->as.bytes, rows, vectors->count, dimensions, code->made.data);
    code->block = fi_buf_slice(&code->made);
    if (place->run != NULL) {
        fi_column_derived_keep(place->run, place->group, place->column, place->row / FI_CHUNK_BLOCK,
                               code->block);
    }
    return FIRN_OK;
}

void
fi_search_code_drop(struct fi_search_code *code)
{
    fi_column_read_unpin(&code->pin);
    code->block = (firn_slice){0};
}

void
fi_search_code_deinit(struct fi_search_code *code)
{
    fi_search_code_drop(code);
    fi_buf_deinit(&code->made);
}
