/* SPDX-License-Identifier: Apache-2.0
 *
 * base/inline.c: the external definitions of inline functions (C11 6.7.4). Calls that the compiler
 * does not inline lead here; a static inline function would have a copy in each file that calls it.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"

extern inline int fi_vec_reserve(void *array, size_t count, size_t *capacity, size_t size,
                                 firn_error *err);

extern inline int fi_buf_assign(struct fi_buf *buf, firn_slice slice);

extern inline bool fi_hash_equal(const firn_hash *a, const firn_hash *b);

extern inline int fi_slice_compare(firn_slice a, firn_slice b);
extern inline bool fi_slice_equal(firn_slice a, firn_slice b);
extern inline bool fi_slice_has_prefix(firn_slice slice, firn_slice prefix);
extern inline firn_slice fi_slice_last_component(firn_slice path);
extern inline bool fi_slice_is_word(firn_slice text, const char *word);

extern inline struct fi_reader fi_reader_of(firn_slice slice);
extern inline size_t fi_reader_left(const struct fi_reader *reader);
extern inline bool fi_reader_bytes(struct fi_reader *reader, size_t size, firn_slice *out);
extern inline bool fi_reader_copy(struct fi_reader *reader, void *out, size_t size);
extern inline bool fi_reader_u8(struct fi_reader *reader, uint8_t *out);
extern inline bool fi_reader_le16(struct fi_reader *reader, uint16_t *out);
extern inline bool fi_reader_le32(struct fi_reader *reader, uint32_t *out);
extern inline bool fi_reader_le64(struct fi_reader *reader, uint64_t *out);
extern inline bool fi_reader_varint(struct fi_reader *reader, uint64_t *out);
extern inline bool fi_reader_varint_max(struct fi_reader *reader, uint64_t max, uint64_t *out);
extern inline bool fi_reader_sized(struct fi_reader *reader, size_t size_max, firn_slice *out);
