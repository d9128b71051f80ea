/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/sha256.h: SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), which requests to object
 * storage are signed with. firn's own objects are named by BLAKE3. Any thread.
 */
#ifndef FIRN_CODEC_SHA256_H
#define FIRN_CODEC_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { FI_SHA256_SIZE = 32, FI_SHA256_HEX_SIZE = 65, FI_SHA256_BLOCK_SIZE = 64 };

struct fi_sha256 {
    uint32_t state[8];
    uint64_t size;
    uint8_t block[FI_SHA256_BLOCK_SIZE]; /* the bytes after the last whole block */
};

void fi_sha256_init(struct fi_sha256 *hash);
void fi_sha256_update(struct fi_sha256 *hash, const void *data, size_t size);
/* The hash of all bytes; *hash must be initialized again before it is used. */
void fi_sha256_final(struct fi_sha256 *hash, uint8_t out[FI_SHA256_SIZE]);

void fi_sha256_of(const void *data, size_t size, uint8_t out[FI_SHA256_SIZE]);
/* out may be the key. */
void fi_sha256_hmac(const void *key, size_t key_size, const void *data, size_t size,
                    uint8_t out[FI_SHA256_SIZE]);

/* Blocks of FI_SHA256_BLOCK_SIZE bytes, in plain C: the twin that tests compare with. */
void fi_sha256_portable(uint32_t state[8], const uint8_t *data, size_t blocks);

#endif
