/* SPDX-License-Identifier: Apache-2.0
 *
 * vectorfile/vectorfile.h: files of vectors, in pieces, as vectors of f32.
 *
 *   FVECS, BVECS, IVECS   each vector: its length as 4 bytes, lowest first, then so many f32, u8 or
 *                         i32
 *   NPY                   an array of numpy with one or two dimensions: a vector a row
 *   F32                   f32 after f32, of vectors whose length the caller knows
 *
 * One thread at a time.
 */
#ifndef FIRN_VECTORFILE_VECTORFILE_H
#define FIRN_VECTORFILE_VECTORFILE_H

#include "base/error.h"
#include "firn/exchange.h"

struct fi_vectorfile;
/* dimensions: of each vector; 0: as in the file, which F32 does not allow. FIRN_INVALID,
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_vectorfile_create(firn_vectors_kind kind, size_t dimensions,
                                         struct fi_vectorfile **out, firn_error *err);
/* NULL is fine. */
void fi_vectorfile_destroy(struct fi_vectorfile *reader);
/* Copies the next piece of the file; an empty piece means the end of the file. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_vectorfile_feed(struct fi_vectorfile *reader, firn_slice piece,
                                       firn_error *err);
/* The next vector, borrowed until the next call; NULL: another piece is needed, or the file has
 * ended. FIRN_INVALID names the vector, from 1: the file has another format, or is cut.
 * FIRN_UNSUPPORTED: another kind of numpy array. */
FIRN_MUST_CHECK int fi_vectorfile_next(struct fi_vectorfile *reader, const float **out,
                                       size_t *out_dimensions, firn_error *err);

#endif
