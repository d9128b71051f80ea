/* SPDX-License-Identifier: Apache-2.0
 *
 * base/slice.c: where calls of the inline functions of base/slice.h and base/reader.h lead that are not inlined: one
 * copy of each function, not one in each file.
 */
#include "base/slice.h"
#include "base/reader.h"

extern inline int firn_slice_compare(firn_slice a, firn_slice b);
extern inline bool firn_slice_equal(firn_slice a, firn_slice b);
extern inline bool firn_slice_has_prefix(firn_slice slice, firn_slice prefix);

extern inline struct firn_reader firn_reader_of(firn_slice slice);
extern inline size_t firn_reader_left(const struct firn_reader *reader);
extern inline bool firn_reader_bytes(struct firn_reader *reader, size_t size, firn_slice *out);
extern inline bool firn_reader_copy(struct firn_reader *reader, void *out, size_t size);
extern inline bool firn_reader_u8(struct firn_reader *reader, uint8_t *out);
extern inline bool firn_reader_le16(struct firn_reader *reader, uint16_t *out);
extern inline bool firn_reader_le32(struct firn_reader *reader, uint32_t *out);
extern inline bool firn_reader_le64(struct firn_reader *reader, uint64_t *out);
extern inline bool firn_reader_varint(struct firn_reader *reader, uint64_t *out);
extern inline bool firn_reader_varint_max(struct firn_reader *reader, uint64_t max, uint64_t *out);
extern inline bool firn_reader_sized(struct firn_reader *reader, size_t size_max, firn_slice *out);
