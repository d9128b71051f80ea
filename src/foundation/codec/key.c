/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/key.c: keys whose byte order is the order of the values from which they are built
 * (docs/formats/key.md).
 *
 * Integers are big-endian, signed ones with the sign bit inverted. Floating-point numbers are
 * mapped to integers of the same order, as is usual: all bits of a negative one are inverted, the
 * sign bit of others. A text ends with 00 01, and a NUL in it is 00 ff, so no text's encoding is a
 * prefix of another's, and 00 01 is less than any bytes of a longer text in its place.
 */
#include "firn/key.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

enum { ESCAPE = 0x00, ESCAPED_NUL = 0xff, END = 0x01, BOOL_MAX = 1 };

static const uint64_t sign_bit = (uint64_t)1 << 63;

firn_key
firn_key_in(void *memory, size_t capacity)
{
    firn_key key = {(uint8_t *)memory, 0, memory != NULL ? capacity : 0, false};
    return key;
}

bool
firn_key_is_valid(const firn_key *key)
{
    return !key->is_overflown;
}

firn_slice
firn_key_slice(const firn_key *key)
{
    DCHECK(key->size <= key->capacity);
    return key->is_overflown ? firn_bytes(NULL, 1) : firn_bytes(key->data, key->size);
}

/* Room for so many bytes; NULL where there is none, and the key is invalid. */
static uint8_t *
key_extend(firn_key *key, size_t size)
{
    if (key->is_overflown || size > key->capacity - key->size) {
        key->is_overflown = true;
        return NULL;
    }
    uint8_t *place = key->data + key->size;
    key->size += size;
    return place;
}

/* ---- adding ---- */

void
firn_key_add_u64(firn_key *key, uint64_t value)
{
    uint8_t *place = key_extend(key, sizeof value);
    if (place != NULL) {
        fi_store_be64(place, value);
    }
}

void
firn_key_add_i64(firn_key *key, int64_t value)
{
    firn_key_add_u64(key, (uint64_t)value ^ sign_bit);
}

void
firn_key_add_f64(firn_key *key, double value)
{
    uint64_t bits = (uint64_t)0x7ff8 << 48; /* a NaN */
    if (value == value) {
        value += 0.0; /* -0 becomes 0 */
        memcpy(&bits, &value, sizeof bits);
    }
    firn_key_add_u64(key, (bits & sign_bit) != 0 ? ~bits : bits ^ sign_bit);
}

void
firn_key_add_bool(firn_key *key, bool value)
{
    uint8_t *place = key_extend(key, 1);
    if (place != NULL) {
        *place = value ? 1 : 0;
    }
}

void
firn_key_add_text(firn_key *key, firn_slice value)
{
    size_t before = key->size;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t *place = key_extend(key, value.data[i] == ESCAPE ? 2 : 1);
        if (place == NULL) {
            break;
        }
        place[0] = value.data[i];
        if (value.data[i] == ESCAPE) {
            place[1] = ESCAPED_NUL;
        }
    }
    uint8_t *end = key_extend(key, 2);
    if (end == NULL) {
        key->size = before;
        return;
    }
    end[0] = ESCAPE;
    end[1] = END;
}

/* ---- reading ---- */

int
firn_key_read_u64(firn_slice *rest, uint64_t *out)
{
    if (rest->size < sizeof *out) {
        return FIRN_INVALID;
    }
    *out = 0;
    for (size_t i = 0; i < sizeof *out; i++) {
        *out = *out << 8 | rest->data[i];
    }
    *rest = firn_bytes(rest->data + sizeof *out, rest->size - sizeof *out);
    return FIRN_OK;
}

int
firn_key_read_i64(firn_slice *rest, int64_t *out)
{
    uint64_t bits;
    int rc = firn_key_read_u64(rest, &bits);
    if (rc == FIRN_OK) {
        bits ^= sign_bit;
        memcpy(out, &bits, sizeof *out);
    }
    return rc;
}

int
firn_key_read_f64(firn_slice *rest, double *out)
{
    uint64_t bits;
    int rc = firn_key_read_u64(rest, &bits);
    if (rc == FIRN_OK) {
        bits = (bits & sign_bit) != 0 ? bits ^ sign_bit : ~bits;
        memcpy(out, &bits, sizeof *out);
    }
    return rc;
}

int
firn_key_read_bool(firn_slice *rest, bool *out)
{
    if (rest->size == 0 || rest->data[0] > BOOL_MAX) {
        return FIRN_INVALID;
    }
    *out = rest->data[0] != 0;
    *rest = firn_bytes(rest->data + 1, rest->size - 1);
    return FIRN_OK;
}

int
firn_key_read_text(firn_slice *rest, void *buffer, size_t capacity, size_t *out_size)
{
    uint8_t *out = buffer;
    size_t size = 0;
    size_t at = 0;
    for (;;) {
        if (at == rest->size) {
            return FIRN_INVALID;
        }
        const uint8_t *byte = rest->data + at;
        if (*byte == ESCAPE && at + 1 == rest->size) {
            return FIRN_INVALID;
        }
        if (*byte == ESCAPE && byte[1] == END) {
            break;
        }
        if (*byte == ESCAPE && byte[1] != ESCAPED_NUL) {
            return FIRN_INVALID;
        }
        if (size < capacity) {
            out[size] = *byte;
        }
        size++;
        at += *byte == ESCAPE ? 2 : 1;
    }
    *out_size = size;
    if (size > capacity) {
        return FIRN_LIMIT;
    }
    *rest = firn_bytes(rest->data + at + 2, rest->size - at - 2);
    return FIRN_OK;
}
