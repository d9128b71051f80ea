/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_derive.c: the derive-key mode of BLAKE3. Its first input, the context, is a
 * constant of the program that says what the key is for. The key material follows: the master key,
 * and then what the key depends on, in fields of fixed sizes. So two different inputs are never one
 * sequence of bytes.
 *
 * The contexts are part of the format: they never change.
 */
#include "cipher/cipher_derive.h"

#include <string.h>

#include "base/bytes.h"
#include "cipher/cipher.h"
#include "codec/blake3_hash.h"
#include "os/os_secret.h"

_Static_assert(sizeof(firn_hash) == FI_CIPHER_KEY_SIZE, "a hash is a key");

void
fi_cipher_derive_own(const char *context, const firn_slice *parts, size_t count, uint8_t *out)
{
    struct fi_blake3_hash state;
    firn_hash hash;
    fi_blake3_hash_init_derive(&state, context);
    for (size_t i = 0; i < count; i++) {
        fi_blake3_hash_update(&state, parts[i].data, parts[i].size);
    }
    fi_blake3_hash_final(&state, &hash);
    memcpy(out, hash.bytes, sizeof hash.bytes);
    fi_os_secret_wipe(&hash, sizeof hash);
    fi_os_secret_wipe(&state, sizeof state);
    fi_os_secret_wipe_stack(); /* BLAKE3 leaves the last block of its input there */
}

static void
derive(const char *context, const uint8_t *master, firn_slice place, uint8_t *out)
{
    const firn_slice parts[] = {firn_bytes(master, FI_CIPHER_KEY_SIZE), place};
    fi_cipher_derive_own(context, parts, sizeof parts / sizeof parts[0], out);
}

void
fi_cipher_derive_file(const uint8_t *master, const uint8_t *identity, uint8_t *out)
{
    derive("firn 2026-11-28 block file key", master, firn_bytes(identity, FI_CIPHER_DERIVE_ID_SIZE),
           out);
}

void
fi_cipher_derive_log(const uint8_t *master, const struct fi_cipher_derive_log_place *place,
                     uint8_t *out)
{
    uint8_t bytes[16 + FI_CIPHER_DERIVE_ID_SIZE];
    fi_store_le64(bytes, place->segment);
    fi_store_le64(bytes + 8, place->salt);
    memcpy(bytes + 16, place->epoch, FI_CIPHER_DERIVE_ID_SIZE);
    derive("firn 2026-11-28 log key", master, firn_bytes(bytes, sizeof bytes), out);
}

void
fi_cipher_derive_cut(const uint8_t *master, uint8_t *out)
{
    derive("firn 2026-11-28 cut key", master, firn_bytes(NULL, 0), out);
}

void
fi_cipher_derive_cut_table(const uint8_t *master, struct fi_cdc_table *out)
{
    enum { AT_ONCE = FI_CIPHER_KEY_SIZE / sizeof out->gear[0] };
    uint8_t key[FI_CIPHER_KEY_SIZE];
    uint8_t numbers[FI_CIPHER_KEY_SIZE];
    fi_cipher_derive_cut(master, key);
    for (size_t i = 0; i < FI_CDC_TABLE_COUNT; i += AT_ONCE) {
        const uint8_t place = (uint8_t)(i / AT_ONCE);
        derive("firn 2026-11-29 cut table", key, firn_bytes(&place, sizeof place), numbers);
        for (size_t j = 0; j < AT_ONCE; j++) {
            out->gear[i + j] = fi_load_le64(numbers + j * sizeof out->gear[0]);
        }
    }
    fi_os_secret_wipe(key, sizeof key);
    fi_os_secret_wipe(numbers, sizeof numbers);
}

void
fi_cipher_derive_name(const uint8_t *master, uint8_t *out)
{
    derive("firn 2026-11-28 name key", master, firn_bytes(NULL, 0), out);
}

void
fi_cipher_derive_check(const uint8_t *master, uint8_t *out)
{
    uint8_t whole[FI_CIPHER_KEY_SIZE];
    derive("firn 2026-11-28 master key check", master, firn_bytes(NULL, 0), whole);
    memcpy(out, whole, FI_CIPHER_DERIVE_CHECK_SIZE);
    fi_os_secret_wipe(whole, sizeof whole);
}
