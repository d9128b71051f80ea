/* SPDX-License-Identifier: Apache-2.0
 *
 * base/slice.h: comparing borrowed bytes. The type itself is public (firn/types.h).
 */
#ifndef FIRN_BASE_SLICE_H
#define FIRN_BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "firn/types.h"

/* The first eight bytes as a number, shorter slices filled up with zeros: slices whose heads differ
 * have the order of these. */
static inline uint64_t
fi_slice_head(firn_slice slice)
{
    uint8_t padded[8] = {0};
    if (slice.size >= sizeof padded) {
        return fi_load_be64(slice.data);
    }
    if (slice.size > 0) {
        memcpy(padded, slice.data, slice.size);
    }
    return fi_load_be64(padded);
}

/* Byte order; if one slice is a prefix of the other, the shorter comes first. The order of keys and
 * names. */
inline int
fi_slice_compare(firn_slice a, firn_slice b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

inline bool
fi_slice_equal(firn_slice a, firn_slice b)
{
    /* Neighbours in an order differ at the end. */
    return a.size == b.size && (a.size == 0 || (a.data[a.size - 1] == b.data[a.size - 1] &&
                                                memcmp(a.data, b.data, a.size) == 0));
}

inline bool
fi_slice_has_prefix(firn_slice slice, firn_slice prefix)
{
    return slice.size >= prefix.size &&
           (prefix.size == 0 || memcmp(slice.data, prefix.data, prefix.size) == 0);
}

/* The last component of a path: all of it, if it has no '/'. */
inline firn_slice
fi_slice_last_component(firn_slice path)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    return at == 0 ? path : (firn_slice){path.data + at, path.size - at}; /* data may be NULL */
}

/* Whether a text is an ASCII word, in any case. word: in lower case. */
inline bool
fi_slice_is_word(firn_slice text, const char *word)
{
    bool is_same = text.size == strlen(word);
    for (size_t i = 0; is_same && i < text.size; i++) {
        uint8_t byte = text.data[i];
        is_same = (byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte) == (uint8_t)word[i];
    }
    return is_same;
}

inline bool
fi_hash_equal(const firn_hash *a, const firn_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

#endif
