/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_data.h: the entries of the key-value benchmark, and the orders in which they are read; the
 * same for every engine.
 */
#ifndef BENCH_KV_DATA_H
#define BENCH_KV_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KV_KEY_SIZE = 16, KV_VALUE_SIZE = 100, KV_LARGE_SIZE = 65536 };

/* Keys are numbers in 16 decimal digits, as in the benchmarks of LevelDB and RocksDB. Entry i has
 * the number 4 i; what is looked for in vain lies between entries, what is added later does too. */
static inline uint64_t
kv_number_of(uint64_t entry)
{
    return entry * 4;
}
static inline uint64_t
kv_number_missing(uint64_t entry)
{
    return entry * 4 + 2;
}
static inline uint64_t
kv_number_added(uint64_t entry)
{
    return entry * 4 + 1;
}
/* Likewise, by YCSB D. */
static inline uint64_t
kv_number_young(uint64_t entry)
{
    return entry * 4 + 3;
}
void kv_key_write(uint8_t out[KV_KEY_SIZE], uint64_t number);
/* False if it is no key of ours. */
bool kv_key_read(const void *key, size_t size, uint64_t *out_number);

/* A value is made of its key's number and a version; half of it compresses to nothing. At least 32
 * bytes, at most KV_LARGE_SIZE. */
void kv_value_write(uint8_t *out, size_t size, uint64_t number, uint64_t version);
/* Whether these are all the bytes of a value of that key, and of which version. */
bool kv_value_read(const void *value, size_t size, uint64_t number, uint64_t *out_version);

/* The generator splitmix64. */
struct kv_random {
    uint64_t state;
};
uint64_t kv_random_next(struct kv_random *random);
/* Below n, which is below 2^32. */
uint64_t kv_random_below(struct kv_random *random, uint64_t n);

/* A permutation of 0 … n - 1 that takes no memory: a Feistel network over the next power of four,
 * walked until it falls below n. */
struct kv_order {
    uint64_t n, half_mask, seed;
    unsigned half_bits;
};
struct kv_order kv_order_make(uint64_t n, uint64_t seed);
uint64_t kv_order_at(const struct kv_order *order, uint64_t i);

/* Ranks 0 … n - 1 by Zipf's law with exponent 0.99, by the method of Gray et al., "Quickly generating
 * billion-record synthetic databases" (SIGMOD 1994), which YCSB uses as well. */
struct kv_zipf {
    uint64_t n;
    double alpha, zeta, eta, second;
};
struct kv_zipf kv_zipf_make(uint64_t n);
uint64_t kv_zipf_next(const struct kv_zipf *zipf, struct kv_random *random);

#endif
