/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_float.c: nearest numbers and shortest texts, from one multiplication.
 *
 * Both directions must know on which side of a number m · 2^s a number d · 10^q is. They estimate
 * first, and calculate exactly only if the estimate does not decide.
 *
 * Estimate. 10^q is (M + δ) · 2^x, where M has 128 bits and 0 ≤ δ < 3 (power_of_ten). M comes from
 * a table of each 27th power of ten and one of powers of five: 624 bytes. An integer of up to 64
 * bits times M gives an interval that contains the true product. All decisions are made for both
 * its ends; if they agree, that is the answer.
 *
 * Exact. Both sides are multiplied until they are whole numbers, and compared (compare_big).
 *
 * Reading: the first 19 digits are an integer w; further digits make it an interval [w, w + 1). Its
 * ends are rounded. If that gives two numbers, they are neighbours, and the text is compared with
 * their middle. Digits after the first DIGITS_MAX are not compared one by one: the middle of two
 * neighbours has fewer digits, so it matters only whether any of them is not 0.
 *
 * Writing, after R. Giulietti, "The Schubfach way to render doubles" (2021): the texts that are
 * read as a number c · 2^e are those within half a step of its neighbours. With the largest 10^k
 * that is at most as wide as that interval, the interval contains at least one multiple of 10^k,
 * and at most one of 10^(k+1). That one is the shortest text, if there is one; else the multiple of
 * 10^k that is nearest. All multiples are compared with the interval's ends as above.
 */
#include "text/text_float.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

__extension__ typedef unsigned __int128 u128;

/* The lowest bit of a number's mantissa stands for 2^lowest, from low_min. */
struct format {
    int bits; /* of a mantissa */
    int low_min;
    int exponent_bits;
};
static const struct format format64 = {53, -1074, 11};
static const struct format format32 = {24, -149, 8};

static uint64_t
infinity_bits(const struct format *format)
{
    return ((UINT64_C(1) << format->exponent_bits) - 1) << (format->bits - 1);
}

/* ==== powers of ten ==== */

enum { POWER_STEP = 27, POWER_MIN = -351, POWER_MAX = 350 };
/* 10^(POWER_MIN + 27 i), the first 128 bits of it. */
static const uint64_t coarse_powers[][2] = {
    {0x8049a4ac0c5811ae, 0x205b896d777d6278}, /* 10^-351 */
    {0xcf42894a5dce35ea, 0x52064cac828675b9}, /* 10^-324 */
    {0xa76c582338ed2621, 0xaf2af2b80af6f24e}, /* 10^-297 */
    {0x873e4f75e2224e68, 0x5a7744a6e804a291}, /* 10^-270 */
    {0xda7f5bf590966848, 0xaf39a475506a899e}, /* 10^-243 */
    {0xb080392cc4349dec, 0xbd8d794d96aacfb3}, /* 10^-216 */
    {0x8e938662882af53e, 0x547eb47b7282ee9c}, /* 10^-189 */
    {0xe65829b3046b0afa, 0x0cb4a5a3112a5112}, /* 10^-162 */
    {0xba121a4650e4ddeb, 0x92f34d62616ce413}, /* 10^-135 */
    {0x964e858c91ba2655, 0x3a6a07f8d510f86f}, /* 10^-108 */
    {0xf2d56790ab41c2a2, 0xfae27299423fb9c3}, /* 10^-81 */
    {0xc428d05aa4751e4c, 0xaa97e14c3c26b886}, /* 10^-54 */
    {0x9e74d1b791e07e48, 0x775ea264cf55347d}, /* 10^-27 */
    {0x8000000000000000, 0x0000000000000000}, /* 10^0 */
    {0xcecb8f27f4200f3a, 0x0000000000000000}, /* 10^27 */
    {0xa70c3c40a64e6c51, 0x999090b65f67d924}, /* 10^54 */
    {0x86f0ac99b4e8dafd, 0x69a028bb3ded71a3}, /* 10^81 */
    {0xda01ee641a708de9, 0xe80e6f4820cc9495}, /* 10^108 */
    {0xb01ae745b101e9e4, 0x5ec05dcff72e7f8f}, /* 10^135 */
    {0x8e41ade9fbebc27d, 0x14588f13be847307}, /* 10^162 */
    {0xe5d3ef282a242e81, 0x8f1668c8a86da5fa}, /* 10^189 */
    {0xb9a74a0637ce2ee1, 0x6d953e2bd7173692}, /* 10^216 */
    {0x95f83d0a1fb69cd9, 0x4abdaf101564f98e}, /* 10^243 */
    {0xf24a01a73cf2dccf, 0xbc633b39673c8cec}, /* 10^270 */
    {0xc3b8358109e84f07, 0x0a862f80ec4700c8}, /* 10^297 */
    {0x9e19db92b4e31ba9, 0x6c07a2c26a8346d1}, /* 10^324 */
};
static const uint64_t powers_of_five[POWER_STEP] = {
    0x1,
    0x5,
    0x19,
    0x7d,
    0x271,
    0xc35,
    0x3d09,
    0x1312d,
    0x5f5e1,
    0x1dcd65,
    0x9502f9,
    0x2e90edd,
    0xe8d4a51,
    0x48c27395,
    0x16bcc41e9,
    0x71afd498d,
    0x2386f26fc1,
    0xb1a2bc2ec5,
    0x3782dace9d9,
    0x1158e460913d,
    0x56bc75e2d631,
    0x1b1ae4d6e2ef5,
    0x878678326eac9,
    0x2a5a058fc295ed,
    0xd3c21bcecceda1,
    0x422ca8b0a00a425,
    0x14adf4b7320334b9,
};

/* 10^q is (mantissa + δ) · 2^exponent: δ is 0 if it is exact, else 0 ≤ δ < POWER_ERROR. The
 * mantissa's top bit is set. */
enum { POWER_ERROR = 3 };
struct power {
    u128 mantissa;
    int exponent;
    bool is_exact;
};

/* Requires: POWER_MIN <= q <= POWER_MAX. */
static struct power
power_of_ten(int q)
{
    DCHECK(q >= POWER_MIN && q <= POWER_MAX);
    int at = (q - POWER_MIN) / POWER_STEP;
    int coarse = POWER_MIN + at * POWER_STEP;
    int fine = q - coarse;
    uint64_t five = powers_of_five[fine];
    int shift = __builtin_clzll(five);
    five <<= shift;
    /* The coarse power is too small by less than 1; `five` is exact. So the product of 192 bits is
     * too small by less than 2^64. This makes its upper 128 bits too small by less than 1, and
     * dropping the lower ones by another 1; a shift by one doubles both. */
    u128 low = (u128)coarse_powers[at][1] * five;
    u128 high = (u128)coarse_powers[at][0] * five + (low >> 64);
    /* 10^coarse is between 2^n and 2^(n+1): n from the logarithm of 10 to the base of 2. */
    int exponent = ((coarse * 217706) >> 16) - 127 + fine - shift + 64;
    uint64_t rest = (uint64_t)low;
    if (high >> 127 == 0) {
        high = high << 1 | rest >> 63;
        rest <<= 1;
        exponent--;
    }
    return (struct power){high, exponent, coarse >= 0 && coarse <= 2 * POWER_STEP && rest == 0};
}

/* ==== exact comparisons ==== */

/* Natural numbers of limbs of 32 bits, the lowest first, without leading zeros. 2,661 bits have 801
 * digits; numbers are that large at most, or as small as the one that they are compared with, and
 * multiplied by up to 2^32 once more. */
enum { DIGITS_MAX = 800, BIG_LIMBS = 100 };
struct big {
    uint32_t limbs[BIG_LIMBS];
    size_t count;
};

static void
big_multiply_add(struct big *big, uint32_t factor, uint32_t term)
{
    uint64_t carry = term;
    for (size_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        CHECK(big->count < BIG_LIMBS);
        big->limbs[big->count++] = (uint32_t)carry;
    }
}

static void
big_set(struct big *big, uint64_t number)
{
    big->limbs[0] = (uint32_t)number;
    big->limbs[1] = (uint32_t)(number >> 32);
    big->count = big->limbs[1] != 0 ? 2 : big->limbs[0] != 0;
}

static void
big_multiply_fives(struct big *big, int count)
{
    DCHECK(count >= 0);
    for (; count >= 13; count -= 13) {
        big_multiply_add(big, 1220703125, 0); /* 5^13 */
    }
    big_multiply_add(big, (uint32_t)powers_of_five[count], 0);
}

static void
big_shift(struct big *big, int bits)
{
    DCHECK(bits >= 0);
    size_t limbs = (size_t)bits / 32;
    if (big->count == 0) {
        return;
    }
    CHECK(big->count + limbs <= BIG_LIMBS);
    for (size_t i = big->count; i-- > 0;) {
        big->limbs[i + limbs] = big->limbs[i];
    }
    for (size_t i = 0; i < limbs; i++) {
        big->limbs[i] = 0;
    }
    big->count += limbs;
    big_multiply_add(big, UINT32_C(1) << (bits % 32), 0);
}

static int
big_compare(const struct big *a, const struct big *b)
{
    DCHECK(a->count == 0 || a->limbs[a->count - 1] != 0);
    DCHECK(b->count == 0 || b->limbs[b->count - 1] != 0);
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i-- > 0;) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Compares digits · 10^q with m · 2^s. Requires: they are of about the same size. */
static int
compare_big(struct big *digits, int q, uint64_t m, int s)
{
    struct big other;
    big_set(&other, m);
    big_multiply_fives(q >= 0 ? digits : &other, q >= 0 ? q : -q);
    int shift = s - q;
    big_shift(shift >= 0 ? &other : digits, shift >= 0 ? shift : -shift);
    return big_compare(digits, &other);
}

/* ==== reading ==== */

/* The number of a text: digits · 10^q, where digits are the first 19 significant ones; it also says
 * whether further digits are not all 0. */
struct decimal {
    bool is_negative;
    bool has_tail;
    uint64_t digits;
    int64_t q;
    /* the first that is not 0; up to end there are only digits and at most one point */
    const uint8_t *first;
    const uint8_t *end;
};

enum { EXPONENT_MAX = 1 << 30 }; /* larger ones have the same result */

static bool
is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') <= 9;
}

/* Reads digits from *at on; returns whether there were any. */
static bool
read_digits(const uint8_t **at, const uint8_t *end, bool is_fraction, struct decimal *out)
{
    const uint8_t *from = *at;
    const uint8_t *p = from;
    while (p < end && is_digit(*p)) {
        uint8_t digit = (uint8_t)(*p - '0');
        if (out->digits < UINT64_C(1000000000000000000)) { /* fewer than 19 so far */
            if (out->digits == 0 && digit > 0) {
                out->first = p;
            }
            out->digits = out->digits * 10 + digit;
            out->q -= is_fraction;
        } else {
            out->has_tail |= digit > 0;
            out->q += !is_fraction;
        }
        p++;
    }
    *at = p;
    return p > from;
}

/* Reads the exponent from *at, after its "e"; false: there is none. */
static bool
read_exponent(const uint8_t **at, const uint8_t *end, int64_t *q)
{
    bool is_negative = *at < end && **at == '-';
    *at += *at < end && (**at == '-' || **at == '+');
    const uint8_t *from = *at;
    int64_t exponent = 0;
    for (; *at < end && is_digit(**at); (*at)++) {
        exponent = exponent < EXPONENT_MAX ? exponent * 10 + (**at - '0') : exponent;
    }
    *q += is_negative ? -exponent : exponent;
    return *at > from;
}

static bool
read_decimal(const uint8_t *at, const uint8_t *end, struct decimal *out)
{
    bool has_digits = read_digits(&at, end, false, out);
    if (at < end && *at == '.') {
        at++;
        has_digits |= read_digits(&at, end, true, out);
    }
    out->end = at;
    if (!has_digits) {
        return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (!read_exponent(&at, end, &out->q)) {
            return false;
        }
    }
    return at == end;
}

/* The bits of the number nearest to (value + sticky / 2) · 2^exponent, not above those of infinity.
 * Requires: one of the two highest bits of value is set. */
static uint64_t
round_bits(const struct format *format, u128 value, bool is_sticky, int exponent)
{
    DCHECK(value >> 126 != 0);
    int bits = value >> 127 != 0 ? 128 : 127;
    int low = exponent + bits - format->bits;
    low = low < format->low_min ? format->low_min : low;
    int shift = low - exponent;
    DCHECK(shift > 0);
    if (shift > 128) {
        return 0;
    }
    u128 mantissa = shift == 128 ? 0 : value >> shift;
    u128 rest = shift == 128 ? value : value - (mantissa << shift);
    u128 half = (u128)1 << (shift - 1);
    uint64_t result = (uint64_t)mantissa;
    result += rest > half || (rest == half && (is_sticky || (result & 1) != 0));
    /* The hidden bit adds one to the exponent, which is 0 for subnormal numbers; so does a
     * carry. */
    result += (uint64_t)(low - format->low_min) << (format->bits - 1);
    return result > infinity_bits(format) ? infinity_bits(format) : result;
}

/* Decides which of two neighbours the text is nearest to; the lower one is given. */
static uint64_t
choose_exactly(const struct format *format, const struct decimal *decimal, uint64_t lower)
{
    struct big digits;
    int64_t q = decimal->q;
    int taken = 0;
    CHECK(decimal->first != NULL);
    digits.count = 0;
    bool has_tail = false;
    for (const uint8_t *p = decimal->first; p < decimal->end; p++) {
        if (*p == '.') {
            continue;
        }
        if (taken < DIGITS_MAX) {
            big_multiply_add(&digits, 10, (uint32_t)(*p - '0'));
            taken++;
            q -= taken > 19;
        } else {
            has_tail |= *p != '0';
        }
    }
    if (has_tail) {
        big_multiply_add(&digits, 10, 1);
        q--;
    }
    DCHECK(taken > 0 && lower < infinity_bits(format));
    uint64_t mantissa = lower & ((UINT64_C(1) << (format->bits - 1)) - 1);
    int exponent = (int)(lower >> (format->bits - 1));
    if (exponent > 0) {
        mantissa |= UINT64_C(1) << (format->bits - 1);
        exponent--;
    }
    int order = compare_big(&digits, (int)q, 2 * mantissa + 1, format->low_min + exponent - 1);
    return lower + (order > 0 || (order == 0 && (lower & 1) != 0));
}

/* The bits of the number that is nearest to a decimal, without its sign. */
static uint64_t
nearest_bits(const struct format *format, const struct decimal *decimal)
{
    uint64_t w = decimal->digits;
    /* 1 ≤ w < 10^19. No number but 0 is below 10^-324 · 2, none above 2 · 10^308. */
    if (w == 0 || decimal->q < -324 - 19) {
        return 0;
    }
    if (decimal->q > 308) {
        return infinity_bits(format);
    }
    struct power power = power_of_ten((int)decimal->q);
    int shift = __builtin_clzll(w);
    w <<= shift;
    DCHECK(w >> 63 == 1 && power.mantissa >> 127 == 1);
    u128 low = (u128)w * (uint64_t)power.mantissa;
    u128 product = (u128)w * (uint64_t)(power.mantissa >> 64) + (low >> 64);
    bool has_rest = (uint64_t)low != 0;
    int exponent = power.exponent - shift + 64;
    if (power.is_exact && !decimal->has_tail) {
        return round_bits(format, product, has_rest, exponent);
    }
    /* What may be missing: the lower 64 bits, POWER_ERROR · w, and what the tail adds: less than
     * one of w before it was shifted. */
    u128 missing = 1 + POWER_ERROR;
    if (decimal->has_tail) {
        missing += (((power.mantissa >> 64) + 2) << shift);
    }
    if (product + missing < product) {
        return choose_exactly(format, decimal, round_bits(format, product, false, exponent));
    }
    uint64_t lower = round_bits(format, product, false, exponent);
    uint64_t upper = round_bits(format, product + missing, true, exponent);
    DCHECK(upper - lower <= 1);
    return lower == upper ? lower : choose_exactly(format, decimal, lower);
}

/* Whether the text is this word of lower-case letters, in any case. */
static bool
is_word(const uint8_t *at, const uint8_t *end, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(end - at) != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((at[i] | 0x20) != (uint8_t)word[i]) {
            return false;
        }
    }
    return true;
}

/* The bits of a text's number. */
static const char *
read_bits(const struct format *format, firn_slice text, uint64_t *out)
{
    const uint8_t *at = text.data;
    if (text.size == 0) {
        return "is not a number";
    }
    const uint8_t *end = at + text.size;
    struct decimal decimal = {.is_negative = *at == '-'};
    at += *at == '-' || *at == '+';
    uint64_t bits;
    if (read_decimal(at, end, &decimal)) {
        bits = nearest_bits(format, &decimal);
        if (bits == infinity_bits(format)) {
            return "is too large";
        }
    } else if (is_word(at, end, "inf") || is_word(at, end, "infinity")) {
        bits = infinity_bits(format);
    } else if (is_word(at, end, "nan")) {
        bits = infinity_bits(format) | UINT64_C(1) << (format->bits - 2);
        decimal.is_negative = false; /* there is one NaN */
    } else {
        return "is not a number";
    }
    *out = bits | (uint64_t)decimal.is_negative << (format->bits - 1 + format->exponent_bits);
    return NULL;
}

const char *
fi_text_float_read64(firn_slice text, double *out)
{
    uint64_t bits;
    const char *defect = read_bits(&format64, text, &bits);
    if (defect == NULL) {
        memcpy(out, &bits, sizeof *out);
    }
    return defect;
}

const char *
fi_text_float_read32(firn_slice text, float *out)
{
    uint64_t wide;
    const char *defect = read_bits(&format32, text, &wide);
    if (defect == NULL) {
        uint32_t bits = (uint32_t)wide;
        memcpy(out, &bits, sizeof *out);
    }
    return defect;
}

/* ==== writing ==== */

/* Compares multiples of 10^k with numbers n · 2^exponent. */
struct scale {
    struct power power; /* of 10^-k */
    int k;
    int exponent;
};

/* n · 2^exponent · 10^-k in units of 2^-64. The true value is this if it is exact, else it is
 * larger by less than SCALED_ERROR. */
enum { SCALED_ERROR = 2 };
struct scaled {
    u128 fixed;
    bool is_exact;
};

/* Requires: n < 2^57, and the power is between 2^-130 and 2^-126 of 2^exponent, so that the product
 * is about n. */
static struct scaled
scale_up(const struct scale *scale, uint64_t n)
{
    int right = -(scale->power.exponent + scale->exponent) - 64;
    DCHECK(n >> 57 == 0 && right >= 61 && right <= 66);
    /* The product of 192 bits is shifted right by 66 in the end. The error of it is below 3 ·
     * 2^62, so less than 1, and another 1 for the bits that are lost. */
    n <<= 66 - right;
    u128 low = (u128)n * (uint64_t)scale->power.mantissa;
    u128 high = (u128)n * (uint64_t)(scale->power.mantissa >> 64) + (low >> 64);
    bool is_whole = (uint64_t)low == 0 && (high & 3) == 0;
    return (struct scaled){high >> 2, is_whole && scale->power.is_exact};
}

/* Compares multiple · 10^k with n · 2^exponent. */
static int
text_float_compare(const struct scale *scale, uint64_t multiple, uint64_t n)
{
    struct scaled scaled = scale_up(scale, n);
    u128 wanted = (u128)multiple << 64;
    if (wanted < scaled.fixed) {
        return -1;
    }
    if (scaled.is_exact) {
        return wanted > scaled.fixed;
    }
    if (wanted - scaled.fixed >= SCALED_ERROR) {
        return 1;
    }
    struct big digits;
    big_set(&digits, multiple);
    return compare_big(&digits, scale->k, n, scale->exponent);
}

/* The numbers that are read as one number, between lower and upper · 2^scale.exponent. */
struct interval {
    struct scale scale;
    uint64_t lower;
    uint64_t upper;
    bool is_closed; /* contains both ends */
};

static bool
is_inside(const struct interval *interval, uint64_t multiple)
{
    int below = text_float_compare(&interval->scale, multiple, interval->lower);
    int above = text_float_compare(&interval->scale, multiple, interval->upper);
    return interval->is_closed ? below >= 0 && above <= 0 : below > 0 && above < 0;
}

/* The shortest decimal that is read as mantissa · 2^low and no other number, as digits ·
 * 10^result. */
static int
shortest(const struct format *format, uint64_t mantissa, int low, uint64_t *out)
{
    DCHECK(mantissa > 0 && mantissa >> format->bits == 0);
    /* In quarters of a step, so that the ends are whole numbers. The step below a power of two is
     * half as wide. */
    bool is_narrow = mantissa == UINT64_C(1) << (format->bits - 1) && low > format->low_min;
    /* The logarithm of the width, 2^low or three quarters of it, to the base of 10, rounded
     * down. */
    int k = (low * 1262611 - (is_narrow ? 524031 : 0)) >> 22;
    const struct interval interval = {
        {power_of_ten(-k), k, low - 2},
        4 * mantissa - (is_narrow ? 1 : 2),
        4 * mantissa + 2,
        mantissa % 2 == 0, /* ties are read as the even number */
    };
    const struct scale *scale = &interval.scale;
    uint64_t below = (uint64_t)(scale_up(scale, 4 * mantissa).fixed >> 64);
    below += text_float_compare(scale, below + 1, 4 * mantissa) <= 0;

    uint64_t tens = below / 10 * 10;
    tens += is_inside(&interval, tens) ? 0 : 10;
    if (is_inside(&interval, tens)) {
        for (; tens % 10 == 0; k++) {
            tens /= 10;
        }
        *out = tens;
        return k;
    }
    bool has_below = is_inside(&interval, below);
    bool has_above = is_inside(&interval, below + 1);
    DCHECK(has_below || has_above); /* 10^k is not wider than the interval */
    if (has_below && has_above) {
        int order = text_float_compare(scale, 2 * below + 1, 8 * mantissa);
        has_below = order > 0 || (order == 0 && below % 2 == 0);
    }
    *out = has_below ? below : below + 1;
    return k;
}

static size_t
text_float_put(char *out, size_t at, const char *text, size_t size)
{
    memcpy(out + at, text, size);
    return at + size;
}

static size_t
put_zeros(char *out, size_t at, int count)
{
    for (; count > 0; count--) {
        out[at++] = '0';
    }
    return at;
}

/* Numbers from 10^PLAIN_MIN to below 10^PLAIN_MAX have no exponent. */
enum { PLAIN_MIN = -5, PLAIN_MAX = 16 };

/* Appends number · 10^k to out. */
static size_t
put_decimal(char *out, size_t at, uint64_t number, int k)
{
    char digits[20];
    int count = 0;
    /* By their number: with the index of the first digit clang 14 at -O2 loses the others. */
    do {
        count++;
        digits[(int)sizeof digits - count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    const char *text = digits + sizeof digits - count;
    DCHECK(at <= 1 && *text != '0');
    int exponent = count - 1 + k; /* of the first digit */
    if (exponent >= PLAIN_MIN && exponent < 0) {
        at = text_float_put(out, at, "0.", 2);
        at = put_zeros(out, at, -exponent - 1);
        return text_float_put(out, at, text, (size_t)count);
    }
    if (exponent >= 0 && exponent < PLAIN_MAX) {
        int whole = exponent + 1 < count ? exponent + 1 : count;
        at = text_float_put(out, at, text, (size_t)whole);
        at = put_zeros(out, at, exponent + 1 - whole);
        at = text_float_put(out, at, ".", 1);
        at = text_float_put(out, at, text + whole, (size_t)(count - whole));
        return put_zeros(out, at, whole == count);
    }
    at = text_float_put(out, at, text, 1);
    if (count > 1) {
        at = text_float_put(out, at, ".", 1);
        at = text_float_put(out, at, text + 1, (size_t)count - 1);
    }
    at = text_float_put(out, at, exponent < 0 ? "e-" : "e", exponent < 0 ? 2 : 1);
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (size >= 100) {
        out[at++] = (char)('0' + size / 100);
    }
    if (size >= 10) {
        out[at++] = (char)('0' + size / 10 % 10);
    }
    out[at++] = (char)('0' + size % 10);
    return at;
}

static size_t
write_bits(const struct format *format, uint64_t bits, char *out)
{
    size_t at = 0;
    uint64_t sign = UINT64_C(1) << (format->bits - 1 + format->exponent_bits);
    if ((bits & ~sign) > infinity_bits(format)) {
        return text_float_put(out, 0, "nan", 3);
    }
    if ((bits & sign) != 0) {
        out[at++] = '-';
        bits &= ~sign;
    }
    if (bits == infinity_bits(format)) {
        return text_float_put(out, at, "inf", 3);
    }
    if (bits == 0) {
        return text_float_put(out, at, "0.0", 3);
    }
    uint64_t mantissa = bits & ((UINT64_C(1) << (format->bits - 1)) - 1);
    int exponent = (int)(bits >> (format->bits - 1));
    if (exponent > 0) {
        mantissa |= UINT64_C(1) << (format->bits - 1);
        exponent--;
    }
    uint64_t digits;
    int k = shortest(format, mantissa, format->low_min + exponent, &digits);
    at = put_decimal(out, at, digits, k);
    DCHECK(at <= FI_TEXT_FLOAT_SIZE_MAX);
    return at;
}

size_t
fi_text_float_write64(double number, char *out)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return write_bits(&format64, bits, out);
}

size_t
fi_text_float_write32(float number, char *out)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return write_bits(&format32, bits, out);
}
