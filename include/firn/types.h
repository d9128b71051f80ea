/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/types.h: the vocabulary of the public API.
 *
 * Every handle is opaque. A handle may be used by one thread at a time unless its header says
 * otherwise. Every options structure starts with its own size: fill it with its FIRN_..._INIT
 * macro; NULL means all defaults.
 */
#ifndef FIRN_TYPES_H
#define FIRN_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FIRN_VERSION_MAJOR 0
#define FIRN_VERSION_MINOR 1
#define FIRN_VERSION_PATCH 0
#define FIRN_VERSION "0.1.0"

/* The version of the library that is running. */
FIRN_API const char *firn_version(void);

/* Bytes that belong to somebody else. data may be NULL only when size is 0. */
typedef struct firn_slice {
    const uint8_t *data;
    size_t size;
} firn_slice;

static inline firn_slice
firn_bytes(const void *data, size_t size)
{
    firn_slice slice;
    slice.data = (const uint8_t *)data;
    slice.size = size;
    return slice;
}

static inline firn_slice
firn_str(const char *text)
{
    return firn_bytes(text, strlen(text));
}

/* Lines of one text (before) in whose place lines of another (after) stand; one of the counts may
 * be 0. Lines are counted from 0. */
typedef struct firn_hunk {
    uint32_t before_at;
    uint32_t before_count;
    uint32_t after_at;
    uint32_t after_count;
} firn_hunk;

/* How the lines of two texts are compared. */
typedef enum firn_diff_algorithm {
    FIRN_DIFF_MYERS = 0,   /* the shortest difference */
    FIRN_DIFF_PATIENCE = 1 /* lines that stand once on each side keep their place */
} firn_diff_algorithm;

/* Lines of a text (base), and what two others have in their place. Lines are counted from 0. */
typedef struct firn_merge_region {
    uint32_t base_at;
    uint32_t base_count;
    uint32_t ours_at;
    uint32_t ours_count;
    uint32_t theirs_at;
    uint32_t theirs_count;
} firn_merge_region;

/* The BLAKE3-256 of some bytes. */
typedef struct firn_hash {
    uint8_t bytes[32];
} firn_hash;

enum { FIRN_HASH_HEX_SIZE = 65 };

/* Writes 64 lower-case hex digits and a NUL to out[FIRN_HASH_HEX_SIZE]. */
FIRN_API void firn_hash_to_hex(const firn_hash *hash, char *out);
/* Reads exactly 64 hex digits of any case; FIRN_INVALID otherwise. */
FIRN_API FIRN_MUST_CHECK int firn_hash_from_hex(firn_slice hex, firn_hash *out);

/* How far long work has come. */
typedef struct firn_progress {
    const char *phase; /* "scan", "read", "write", "sync", "check", "mark", "count", "move",
                          * "merge" */
    uint64_t files_done;
    uint64_t files_total; /* 0 while unknown */
    uint64_t bytes_done;
    uint64_t bytes_total; /* 0 while unknown */
} firn_progress;

/* Releases memory that a firn function gave to its caller. NULL is fine. */
FIRN_API void firn_release(void *memory);

#ifdef __cplusplus
}
#endif

#endif
