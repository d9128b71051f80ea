/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys_recovery.c: eight groups of five characters, such as "7K2QD-...". The characters are 32
 * digits and letters without I, L, O and U (Crockford's base 32), so none is taken for another one.
 *
 * Four characters of a group are 20 bits of the secret, the most significant ones first; the fifth
 * is a check. Characters are elements of the field of 32 elements, modulo x^5 + x^2 + 1; a group is
 * right if
 *
 *     2 a + 3 b + 4 c + 5 d + check = number of the group, from 1
 *
 * The factors differ, so one wrong character, and two characters of a group that are swapped, are
 * always noticed; so are two groups that are swapped. And it is known which group is wrong. That is
 * why codes are not words out of a list: a list of words says only that something is wrong, needs a
 * language and a table of 2,048 words, and 15 words are typed twice as long.
 */
#include "keys/keys_recovery.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "os/os_secret.h"

enum {
    GROUPS = 8,
    GROUP_SIZE = 5,
    DATA_SIZE = GROUP_SIZE - 1,
    BITS = 5,
    COUNT = GROUPS * GROUP_SIZE,
    SECRET_BITS = 8 * FI_KEYS_RECOVERY_SIZE,
    NONE = 32
};

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

_Static_assert(GROUPS *DATA_SIZE *BITS == 8 * FI_KEYS_RECOVERY_SIZE, "all bits have a place");
_Static_assert(COUNT + GROUPS == FI_KEYS_RECOVERY_TEXT_SIZE, "and a character");

/* a times b, for b below 8. */
static unsigned
multiply(unsigned a, unsigned b)
{
    unsigned product = (b & 1 ? a : 0) ^ (b & 2 ? a << 1 : 0) ^ (b & 4 ? a << 2 : 0);
    for (unsigned bit = 6; bit >= BITS; bit--) {
        product ^= product >> bit & 1 ? 0x25u << (bit - BITS) : 0;
    }
    return product;
}

static unsigned
check_of(const uint8_t *group, size_t i)
{
    unsigned sum = (unsigned)i + 1;
    for (size_t j = 0; j < DATA_SIZE; j++) {
        sum ^= multiply(group[j], (unsigned)j + 2);
    }
    DCHECK(sum < NONE);
    return sum;
}

/* The 5 bits at a place among those of the secret. */
static uint8_t
bits_at(const uint8_t *secret, size_t place)
{
    unsigned value = 0;
    for (size_t bit = place * BITS; bit < (place + 1) * BITS; bit++) {
        value = value << 1 | (secret[bit / 8] >> (7 - bit % 8) & 1u);
    }
    return (uint8_t)value;
}

void
fi_keys_recovery_encode(const uint8_t *secret, char *out)
{
    for (size_t i = 0; i < GROUPS; i++) {
        uint8_t group[DATA_SIZE];
        for (size_t j = 0; j < DATA_SIZE; j++) {
            group[j] = bits_at(secret, i * DATA_SIZE + j);
            *out++ = alphabet[group[j]];
        }
        *out++ = alphabet[check_of(group, i)];
        *out++ = i + 1 < GROUPS ? '-' : '\0';
    }
}

/* NONE: no character of a code. */
static uint8_t
value_of(uint8_t character)
{
    unsigned upper = character >= 'a' && character <= 'z' ? character - 32u : character;
    upper = upper == 'O' ? '0' : upper == 'I' || upper == 'L' ? '1' : upper;
    const char *at = upper != 0 ? strchr(alphabet, (int)upper) : NULL;
    return at != NULL ? (uint8_t)(at - alphabet) : NONE;
}

static bool
is_passed_over(uint8_t character)
{
    return character == '-' || character == ' ' || (character >= '\t' && character <= '\r');
}

static int
refuse_group(size_t i, firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID, "group %zu of the recovery code has a typing error",
                        i + 1);
}

/* The values of all characters, each group checked. */
static int
read_groups(firn_slice text, uint8_t *values, firn_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (is_passed_over(text.data[i])) {
            continue;
        }
        uint8_t value = value_of(text.data[i]);
        if (count < COUNT && value == NONE) {
            return refuse_group(count / GROUP_SIZE, err);
        }
        if (count < COUNT) {
            values[count] = value;
        }
        count++;
    }
    if (count != COUNT) {
        return fi_error_set(
            err, FIRN_INVALID,
            "a recovery code has %d groups of %d characters; here are %zu characters", GROUPS,
            GROUP_SIZE, count);
    }
    for (size_t i = 0; i < GROUPS; i++) {
        if (values[i * GROUP_SIZE + DATA_SIZE] != check_of(values + i * GROUP_SIZE, i)) {
            return refuse_group(i, err);
        }
    }
    return FIRN_OK;
}

int
fi_keys_recovery_decode(firn_slice text, uint8_t *out, firn_error *err)
{
    uint8_t values[COUNT] = {0};
    int rc;
    memset(out, 0, FI_KEYS_RECOVERY_SIZE);
    FI_TRY(read_groups(text, values, err));
    for (size_t bit = 0; bit < SECRET_BITS; bit++) {
        size_t place = bit / BITS;
        unsigned value = values[place / DATA_SIZE * GROUP_SIZE + place % DATA_SIZE];
        unsigned one = value >> (BITS - 1 - bit % BITS) & 1u;
        out[bit / 8] = (uint8_t)(out[bit / 8] | one << (7 - bit % 8));
    }
out:
    fi_os_secret_wipe(values, sizeof values);
    return rc;
}
