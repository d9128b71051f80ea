/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/key.h: building keys out of numbers and texts so that the byte order of the keys is the order of
 * the values, part by part. The encoding is specified in docs/formats/key.md.
 *
 *     uint8_t memory[64];
 *     firn_key key = firn_key_in(memory, sizeof memory);
 *     firn_key_add_text(&key, firn_str("brest"));
 *     firn_key_add_u64(&key, 1763769600);
 *     code = firn_put(tides, firn_key_slice(&key), value, NULL, &err);
 *
 * A key with fewer parts is a prefix of all keys that begin with the same parts, so it serves as the
 * prefix of a cursor. Parts carry no types: read them in the order in which they were added.
 *
 * A part that does not fit into the memory makes the key invalid: firn_key_is_valid is false from then
 * on, and firn_key_slice gives a slice that every function refuses with FIRN_INVALID. Any thread.
 */
#ifndef FIRN_KEY_H
#define FIRN_KEY_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A key under construction, in the caller's memory. */
typedef struct firn_key {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool is_overflown;
} firn_key;

/* An empty key that may grow to `capacity` bytes of `memory`, which the caller owns. */
FIRN_API firn_key firn_key_in(void *memory, size_t capacity);
/* Whether every part fitted. */
FIRN_API bool firn_key_is_valid(const firn_key *key);
/* The key as built so far, borrowed from its memory. */
FIRN_API firn_slice firn_key_slice(const firn_key *key);

FIRN_API void firn_key_add_u64(firn_key *key, uint64_t value); /* 8 bytes */
FIRN_API void firn_key_add_i64(firn_key *key, int64_t value);  /* 8 bytes */
/* Appends a number: 8 bytes. Ordered -inf < numbers < inf < NaN; -0 and 0 are equal, and so are
 * all NaNs. */
FIRN_API void firn_key_add_f64(firn_key *key, double value);
FIRN_API void firn_key_add_bool(firn_key *key, bool value); /* 1 byte */
/* Appends any bytes, NULs included: 2 bytes more than their size, and 1 more for each NUL. A text
 * comes before every longer text that begins with it. */
FIRN_API void firn_key_add_text(firn_key *key, firn_slice value);

/* Read the next part from the front of *rest and move it on. FIRN_INVALID, and *rest is not
 * changed, if it does not begin with such a part. */
FIRN_API FIRN_MUST_CHECK int firn_key_read_u64(firn_slice *rest, uint64_t *out);
FIRN_API FIRN_MUST_CHECK int firn_key_read_i64(firn_slice *rest, int64_t *out);
FIRN_API FIRN_MUST_CHECK int firn_key_read_f64(firn_slice *rest, double *out);
FIRN_API FIRN_MUST_CHECK int firn_key_read_bool(firn_slice *rest, bool *out);
/* Copies the text into `buffer` and sets *out_size to its size. FIRN_LIMIT if it is larger than
 * `capacity`: *out_size is set, and *rest is not changed. */
FIRN_API FIRN_MUST_CHECK int firn_key_read_text(firn_slice *rest, void *buffer, size_t capacity,
                                                size_t *out_size);

#ifdef __cplusplus
}
#endif
#endif
