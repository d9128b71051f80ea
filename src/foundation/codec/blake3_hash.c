/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/blake3_hash.c: BLAKE3-256, computed by its authors' C code.
 *
 * This file only hides the library's types, so that no other folder includes its header. The hasher
 * is in the caller's memory: `struct fi_blake3_hash` is a little larger than the library's state
 * in every version that this was built with, and the compiler rejects a version that outgrows it.
 *
 * The library selects its kernel (SSE2, SSE4.1, AVX2, AVX-512, NEON) at run time. One thread feeds
 * one state; many inputs are hashed on many threads, each with a state of its own. If the
 * distribution has no library, its sources are compiled into firn under names of our own
 * (codec/blake3_names.h).
 *
 * Older versions of the library store the processor's features in a plain variable, set by the
 * first hash of the process. Two threads that hash for the first time at once would race for it. So
 * an empty hash is computed before main, or while the library is being loaded, when there is one
 * thread.
 */
#include "codec/blake3_hash.h"

#include "base/check.h"

#ifdef FIRN_BLAKE3_COMPILED_IN
#include "codec/blake3_names.h"
#endif

#include <blake3.h>

_Static_assert(sizeof(blake3_hasher) <= sizeof(struct fi_blake3_hash), "the hasher fits");
_Static_assert(_Alignof(blake3_hasher) <= _Alignof(struct fi_blake3_hash), "and is aligned");
_Static_assert(sizeof(firn_hash) == BLAKE3_OUT_LEN, "a name is 256 bits");

void
fi_blake3_hash_init(struct fi_blake3_hash *state)
{
    blake3_hasher_init((blake3_hasher *)state->opaque);
}

void
fi_blake3_hash_init_derive(struct fi_blake3_hash *state, const char *context)
{
    blake3_hasher_init_derive_key((blake3_hasher *)state->opaque, context);
}

void
fi_blake3_hash_update(struct fi_blake3_hash *state, const void *data, size_t size)
{
    DCHECK(data != NULL || size == 0);
    if (size > 0) {
        blake3_hasher_update((blake3_hasher *)state->opaque, data, size);
    }
}

void
fi_blake3_hash_final(const struct fi_blake3_hash *state, firn_hash *out)
{
    blake3_hasher_finalize((const blake3_hasher *)state->opaque, out->bytes, sizeof out->bytes);
}

void
fi_blake3_hash_of(const void *data, size_t size, firn_hash *out)
{
    DCHECK(data != NULL || size == 0);
    struct fi_blake3_hash state;
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, data, size);
    fi_blake3_hash_final(&state, out);
}

__attribute__((constructor)) static void
ask_the_processor(void)
{
    firn_hash nothing;
    fi_blake3_hash_of("", 0, &nothing);
}
