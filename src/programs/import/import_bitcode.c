/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_bitcode.c: directories of chkpt, in the encoding of the crate bitcode 0.6. It
 * touches nothing but bytes.
 *
 * A directory is a list of { name: text, kind: 0 file, 1 directory or 2 link, hash: 32 or 16 bytes,
 * size: u64, mode: u32 }, stored column by column: the length of the list, then all names, all
 * kinds, all hashes, all sizes, all modes. A column is packed in a way that its first byte says,
 * which all of these have in common:
 *
 *   bytes     up to two: as they are. Else a byte 2 * p - o: p is how many values share a byte (0:
 *             1; 1: 2 below 16; 2: 3 below 6; 3: 4 below 4; 4: 5 below 3; 5: 8 below 2, the first
 *             the lowest digit), o whether a smallest value follows, which was taken off all.
 *   integers  none: nothing. Else a byte 2 * p - o: p halves the width so many times; o as above,
 *   of the whole width. Of width 1 they are bytes.
 *   lengths   bytes; each 255 stands for an integer of 64 bits, which follow.
 *   texts     their lengths, then all characters.
 *   kinds     bytes below 3, five in one, without a first byte.
 *
 * Every length is compared with what is left of the input before memory is taken: a byte gives at
 * most eight values.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"

enum { VALUES_A_BYTE = 8, KINDS = 3, LONG = 255, HASH_SIZE_MAX = 32 };

/* Takes bytes off the front; NULL if there are less. */
static const uint8_t *
import_bitcode_take(firn_slice *rest, size_t size)
{
    const uint8_t *data = rest->data;
    if (size > rest->size) {
        return NULL;
    }
    *rest = firn_bytes(data + size, rest->size - size);
    return data;
}

/* Unpacks values that share bytes. */
static bool
unpack_shared(firn_slice *rest, uint8_t *out, size_t count, unsigned base)
{
    assert(base >= 2 && base <= 16);
    const unsigned in_one = base == 16 ? 2 : base == 6 ? 3 : base == 4 ? 4 : base == 3 ? 5 : 8;
    const uint8_t *packed = import_bitcode_take(rest, count / in_one + (count % in_one != 0));
    if (packed == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i += in_one) {
        unsigned byte = packed[i / in_one];
        for (size_t j = i; j < count && j < i + in_one; j++) {
            out[j] = (uint8_t)(byte % base);
            byte /= base;
        }
    }
    return true;
}

static bool
unpack_bytes(firn_slice *rest, uint8_t *out, size_t count)
{
    static const unsigned bases[] = {256, 16, 6, 4, 3, 2};
    const uint8_t *data;
    uint8_t smallest = 0;
    if (count <= 2) {
        data = import_bitcode_take(rest, count);
        if (data != NULL && count > 0) {
            memcpy(out, data, count);
        }
        return data != NULL || count == 0;
    }
    const uint8_t *how = import_bitcode_take(rest, 1);
    if (how == NULL || *how > 2 * (sizeof(bases) / sizeof(bases[0]) - 1)) {
        return false;
    }
    const unsigned base = bases[(*how + 1) / 2];
    if (*how % 2 != 0) {
        data = import_bitcode_take(rest, 1);
        if (data == NULL) {
            return false;
        }
        smallest = *data;
    }
    if (base == 256) {
        data = import_bitcode_take(rest, count);
        if (data != NULL) {
            memcpy(out, data, count);
        }
        return data != NULL;
    }
    if (!unpack_shared(rest, out, count, base)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t)(out[i] + smallest);
    }
    return true;
}

static uint64_t
import_bitcode_load(const uint8_t *data, size_t width)
{
    assert(width <= 8);
    uint64_t value = 0;
    for (size_t i = width; i > 0; i--) {
        value = value << 8 | data[i - 1];
    }
    return value;
}

/* Unpacks integers of 8 or 4 bytes. Requires: count is not beyond what is left, as has_room
 * says. */
static bool
unpack_integers(firn_slice *rest, uint64_t *out, size_t count, size_t width)
{
    assert(width == 8 || width == 4);
    uint64_t smallest = 0;
    if (count == 0) {
        return true;
    }
    const uint8_t *how = import_bitcode_take(rest, 1);
    const unsigned narrower = how == NULL ? 0 : (*how + 1U) / 2;
    if (how == NULL || narrower > 3 || width >> narrower == 0) {
        return false;
    }
    if (*how % 2 != 0) {
        const uint8_t *data = import_bitcode_take(rest, width);
        if (data == NULL) {
            return false;
        }
        smallest = import_bitcode_load(data, width);
    }
    width >>= narrower;
    uint8_t *bytes = width == 1 ? malloc(count) : NULL;
    const uint8_t *data = bytes;
    bool is_right = width != 1 || (bytes != NULL && unpack_bytes(rest, bytes, count));
    if (width > 1) {
        data = count <= SIZE_MAX / width ? import_bitcode_take(rest, count * width) : NULL;
        is_right = data != NULL;
    }
    for (size_t i = 0; i < count && is_right; i++) {
        out[i] = import_bitcode_load(data + i * width, width) + smallest;
    }
    free(bytes);
    return is_right;
}

static bool
has_room(firn_slice rest, uint64_t count)
{
    return count <= rest.size || count / VALUES_A_BYTE <= rest.size;
}

/* Unpacks lengths. *out_sum is theirs. */
static bool
unpack_lengths(firn_slice *rest, uint64_t *out, size_t count, uint64_t *out_sum)
{
    size_t longs = 0;
    uint8_t *small = malloc(count + 1);
    uint64_t *large = NULL;
    bool is_right = small != NULL && unpack_bytes(rest, small, count);
    for (size_t i = 0; is_right && i < count; i++) {
        longs += small[i] == LONG;
    }
    if (is_right && longs > 0) {
        large = has_room(*rest, longs) ? malloc(longs * sizeof(large[0])) : NULL;
        is_right = large != NULL && unpack_integers(rest, large, longs, 8);
    }
    *out_sum = 0;
    for (size_t i = 0, next = 0; is_right && i < count; i++) {
        out[i] = small[i] == LONG ? large[next++] : small[i];
        is_right = out[i] <= UINT32_MAX;
        *out_sum += is_right ? out[i] : 0;
    }
    free(small);
    free(large);
    return is_right;
}

/* The names, which stay in the input. */
static bool
unpack_names(firn_slice *rest, struct fi_import_bitcode *out)
{
    uint64_t sum = 0;
    uint64_t *lengths = malloc((out->count + 1) * sizeof(lengths[0]));
    bool is_right = lengths != NULL && unpack_lengths(rest, lengths, out->count, &sum);
    const uint8_t *names =
        is_right && sum <= rest->size ? import_bitcode_take(rest, (size_t)sum) : NULL;
    for (size_t i = 0; i < out->count && names != NULL; i++) {
        out->entries[i].name = firn_bytes(names, (size_t)lengths[i]);
        names += lengths[i];
    }
    free(lengths);
    return is_right && (names != NULL || sum == 0);
}

static bool
unpack_numbers(firn_slice *rest, struct fi_import_bitcode *out)
{
    uint64_t *numbers = malloc((out->count + 1) * sizeof(numbers[0]));
    bool is_right = numbers != NULL && unpack_integers(rest, numbers, out->count, 8);
    for (size_t i = 0; i < out->count && is_right; i++) {
        out->entries[i].size = numbers[i];
    }
    is_right = is_right && unpack_integers(rest, numbers, out->count, 4);
    for (size_t i = 0; i < out->count && is_right; i++) {
        out->entries[i].mode = (uint32_t)numbers[i];
    }
    free(numbers);
    return is_right;
}

int
fi_import_bitcode_read(firn_slice bytes, size_t hash_size, struct fi_import_bitcode *out,
                       firn_error *err)
{
    assert(hash_size > 0 && hash_size <= HASH_SIZE_MAX);
    firn_slice rest = bytes;
    uint64_t count = 0;
    uint64_t sum = 0;
    memset(out, 0, sizeof(*out));
    /* Each entry has a whole byte of its kind's share, and an eighth of each of its hash's. */
    bool is_right = unpack_lengths(&rest, &count, 1, &sum) && has_room(rest, count * hash_size);
    out->count = is_right ? (size_t)count : 0;
    out->entries = is_right ? calloc(out->count + 1, sizeof(out->entries[0])) : NULL;
    out->hashes = is_right ? malloc(out->count * hash_size + 1) : NULL;
    uint8_t *kinds = is_right ? malloc(out->count + 1) : NULL;
    is_right = is_right && out->entries != NULL && out->hashes != NULL && kinds != NULL &&
               unpack_names(&rest, out) && unpack_shared(&rest, kinds, out->count, KINDS) &&
               unpack_bytes(&rest, out->hashes, out->count * hash_size) &&
               unpack_numbers(&rest, out) && rest.size == 0;
    for (size_t i = 0; i < out->count && is_right; i++) {
        out->entries[i].kind = kinds[i];
        out->entries[i].hash = out->hashes + i * hash_size;
    }
    free(kinds);
    if (!is_right) {
        fi_import_bitcode_deinit(out);
        return fi_import_tree_error(err, FIRN_CORRUPT, "a directory of it cannot be decoded");
    }
    return FIRN_OK;
}

void
fi_import_bitcode_deinit(struct fi_import_bitcode *decoded)
{
    free(decoded->entries);
    free(decoded->hashes);
    memset(decoded, 0, sizeof(*decoded));
}
