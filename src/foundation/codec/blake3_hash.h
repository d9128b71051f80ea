/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/blake3_hash.h: BLAKE3-256, the name of every object. Any thread; one state is for one
 * thread at a time.
 */
#ifndef FIRN_CODEC_BLAKE3_HASH_H
#define FIRN_CODEC_BLAKE3_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

/* Room for the library's hasher; about 2 KiB, may live on the stack. */
struct fi_blake3_hash {
    uint64_t opaque[240];
};

void fi_blake3_hash_of(const void *data, size_t size, firn_hash *out);

void fi_blake3_hash_init(struct fi_blake3_hash *state);
/* The mode for deriving keys: hashes that differ from every plain hash. context is a constant. */
void fi_blake3_hash_init_derive(struct fi_blake3_hash *state, const char *context);
void fi_blake3_hash_update(struct fi_blake3_hash *state, const void *data, size_t size);
/* May be called again after more updates. */
void fi_blake3_hash_final(const struct fi_blake3_hash *state, firn_hash *out);

#endif
