/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_data.c: keys and values that take some ten nanoseconds to make and check.
 *
 * A value begins with its version and with a word mixed from the key's number and the version. Half
 * of its bytes, these two words included, are random, cut from a pool at a place that the word
 * names; the rest is one letter. The pool is small enough to stay in the processor's second cache
 * and larger than any block that an engine might compress, so that it does not show as repetition
 * there. A check compares every byte, so a value of another key, of a lost version mixed with a new
 * one, or with a flipped bit does not pass. An intact value of an old version passes; rows that
 * know the expected version compare it.
 */
#include "kv_data.h"

#include <math.h>
#include <string.h>

enum { POOL_OFFSETS = 65536, POOL_SIZE = POOL_OFFSETS + KV_LARGE_SIZE / 2 };

static uint64_t
mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint8_t pool[POOL_SIZE];

/* Filled before main, so that threads only read it. */
__attribute__((constructor)) static void
pool_fill(void)
{
    struct kv_random random = {1};
    for (size_t i = 0; i < POOL_SIZE; i += 8) {
        uint64_t word = kv_random_next(&random);
        memcpy(pool + i, &word, 8);
    }
}

void
kv_key_write(uint8_t out[KV_KEY_SIZE], uint64_t number)
{
    for (int i = KV_KEY_SIZE - 1; i >= 0; i--) {
        out[i] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
}

bool
kv_key_read(const void *key, size_t size, uint64_t *out_number)
{
    const uint8_t *digits = key;
    uint64_t number = 0;
    if (size != KV_KEY_SIZE) {
        return false;
    }
    for (size_t i = 0; i < KV_KEY_SIZE; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(digits[i] - '0');
    }
    *out_number = number;
    return true;
}

static uint64_t
word_of(uint64_t number, uint64_t version)
{
    return mix(number * UINT64_C(0x9e3779b97f4a7c15) + mix(version + 1));
}

void
kv_value_write(uint8_t *out, size_t size, uint64_t number, uint64_t version)
{
    uint64_t word = word_of(number, version);
    size_t half = size / 2;
    memcpy(out, &version, 8);
    memcpy(out + 8, &word, 8);
    memcpy(out + 16, pool + word % POOL_OFFSETS, half - 16);
    memset(out + half, 'v', size - half);
}

/* Whether all bytes are the same letter: the first is, and each is what its neighbour is. */
static bool
is_filled(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 'v' && memcmp(bytes, bytes + 1, size - 1) == 0;
}

bool
kv_value_read(const void *value, size_t size, uint64_t number, uint64_t *out_version)
{
    const uint8_t *bytes = value;
    uint64_t version;
    uint64_t word;
    size_t half = size / 2;
    if (size < 32 || size > KV_LARGE_SIZE) {
        return false;
    }
    memcpy(&version, bytes, 8);
    memcpy(&word, bytes + 8, 8);
    *out_version = version;
    return word == word_of(number, version) &&
           memcmp(bytes + 16, pool + word % POOL_OFFSETS, half - 16) == 0 &&
           is_filled(bytes + half, size - half);
}

uint64_t
kv_random_next(struct kv_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(random->state);
}

uint64_t
kv_random_below(struct kv_random *random, uint64_t n)
{
    return ((kv_random_next(random) >> 32) * n) >> 32;
}

struct kv_order
kv_order_make(uint64_t n, uint64_t seed)
{
    struct kv_order order = {.n = n, .seed = mix(seed + 1), .half_bits = 1};
    while ((UINT64_C(1) << (2 * order.half_bits)) < n) {
        order.half_bits++;
    }
    order.half_mask = (UINT64_C(1) << order.half_bits) - 1;
    return order;
}

uint64_t
kv_order_at(const struct kv_order *order, uint64_t i)
{
    do {
        uint64_t left = i >> order->half_bits;
        uint64_t right = i & order->half_mask;
        for (uint64_t round = 1; round <= 4; round++) {
            uint64_t next = left ^ (mix(right + order->seed * round) & order->half_mask);
            left = right;
            right = next;
        }
        i = left << order->half_bits | right;
    } while (i >= order->n);
    return i;
}

static const double exponent = 0.99;

struct kv_zipf
kv_zipf_make(uint64_t n)
{
    struct kv_zipf zipf = {.n = n, .alpha = 1 / (1 - exponent), .second = pow(0.5, exponent)};
    for (uint64_t i = 1; i <= n; i++) {
        zipf.zeta += pow(1 / (double)i, exponent);
    }
    zipf.eta = (1 - pow(2 / (double)n, 1 - exponent)) / (1 - (1 + zipf.second) / zipf.zeta);
    return zipf;
}

uint64_t
kv_zipf_next(const struct kv_zipf *zipf, struct kv_random *random)
{
    double u = (double)(kv_random_next(random) >> 11) * 0x1p-53;
    double uz = u * zipf->zeta;
    if (uz < 1) {
        return 0;
    }
    if (uz < 1 + zipf->second) {
        return 1;
    }
    double rank = (double)zipf->n * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha);
    return rank < (double)zipf->n ? (uint64_t)rank : zipf->n - 1;
}
