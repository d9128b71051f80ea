/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/types.h: the vocabulary of the public API.
 *
 * Every handle is opaque. A handle may be used by one thread at a time unless its header says
 * otherwise.
 *
 * A handle belongs to the process that opened it. In a child of fork:
 * - Every function that uses a handle of the parent returns FIRN_MISUSE, waits for no lock and touches
 *   no file. A function that returns no code behaves as if the handle were NULL.
 * - Closing such a handle leaves files, locks and background work to the parent. Its memory and
 *   descriptors are released when the child ends, with one exception: firn_store_close immediately
 *   releases what would keep the store locked if the parent died first.
 * - The child may open the same store again once the parent has closed it, and any other store at once.
 * - Requires: a child that was forked inside a callback ends without returning from it.
 * exec closes everything; vfork and posix_spawn are safe.
 *
 * Arguments: a function returns FIRN_INVALID for NULL where it needs a pointer, for a slice that has a size but
 * data NULL, and for a structure whose size is not set. The comment of a function names what else it refuses, and
 * with which code. `Requires:` is for what it does not check: if that is not so, the behaviour is undefined.
 *
 * Names: the name of an enumerator begins with that of its enum, without "workspace" and without "kind",
 * "type", "algorithm" or "operator" at the end: FIRN_ENTRY_FILE of firn_workspace_entry_type. So no two
 * enums share a prefix. (The codes of error.h are the exception.)
 *
 * Structures
 * - A structure that a program provides (options, and results that the library fills in) begins with the member
 *   `size`: its own size when the program was compiled. Its FIRN_..._INIT macro sets that and the defaults. NULL
 *   options mean all defaults. Later versions may add members at the end.
 * - A structure that only the library makes has no size: a program gets pointers to it. Later versions may add
 *   members at the end.
 * - Values (firn_slice, firn_hash, firn_value, firn_error and the like), parts of other structures, and elements
 *   of arrays never change, unless the structure around them says how large they are (firn_table_def). In
 *   firn_slice and firn_key, `size` is the number of bytes of the data.
 * So a program works with the version that it was compiled with, and with all later ones.
 */
#ifndef FIRN_TYPES_H
#define FIRN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FIRN_VERSION_MAJOR 0
#define FIRN_VERSION_MINOR 2
#define FIRN_VERSION_PATCH 0
#define FIRN_VERSION "0.2.0"

/* The version of the library that is running. */
FIRN_API const char *firn_version(void);

/* Borrowed bytes. data may be NULL only if size is 0. Functions of firn never return a key, a value or
 * contents with data NULL. */
typedef struct firn_slice {
    const uint8_t *data;
    size_t size;
} firn_slice;

/* A slice of `size` bytes. */
static inline firn_slice
firn_bytes(const void *data, size_t size)
{
    firn_slice slice;
    slice.data = (const uint8_t *)data;
    slice.size = size;
    return slice;
}

/* A slice of a text, without the NUL at its end. */
static inline firn_slice
firn_str(const char *text)
{
    return firn_bytes(text, strlen(text));
}

/* Lines of one text (before) that are replaced by lines of another (after); one of the counts may
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
    FIRN_DIFF_PATIENCE = 1 /* matches lines that occur once on each side */
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
/* The hash of these bytes. */
FIRN_API void firn_hash_of(firn_slice bytes, firn_hash *out);

/* The id of a checkpoint as text: 32 letters from k to z and a NUL. FIRN_CHECKPOINT_ID_SHORT letters are
 * enough for display. */
enum { FIRN_CHECKPOINT_ID_SIZE = 33, FIRN_CHECKPOINT_ID_SHORT = 8 };

/* Releases memory that a firn function gave to its caller. NULL is allowed. */
FIRN_API void firn_release(void *memory);

#ifdef __cplusplus
}
#endif

#endif
