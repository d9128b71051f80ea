/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/keys: a hostile keys file, an opened ring, a recovery code. The first byte says which. A file
 * whose first byte is 'c' gets a right checksum, so that what comes after it is reached; what is
 * decoded can be encoded again, to the same bytes. Passphrases are not tried: they take long on
 * purpose.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "keys/keys.h"
#include "keys/keys_recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_file(uint8_t *file, size_t size)
{
    static const uint8_t secret_bytes[FI_KEYS_FILE_SIZE_MIN];
    static uint8_t again[FI_KEYS_SIZE_MAX];
    const struct fi_keys_secret secret = {.kind = FI_KEYS_FILE,
                                          .bytes = firn_bytes(secret_bytes, sizeof secret_bytes)};
    struct fi_keys_head head;
    struct fi_keys *keys;
    firn_error err;
    if (fi_keys_format_decode(firn_bytes(file, size), &head, &err) != FIRN_OK) {
        CHECK(fi_keys_decode(firn_bytes(file, size), &keys, &err) != FIRN_OK && keys == NULL);
        return;
    }
    CHECK(size <= FI_KEYS_SIZE_MAX && fi_keys_format_size(&head) == size);
    fi_keys_format_encode_head(&head, again);
    CHECK(memcmp(again, file, fi_keys_format_ring_offset(&head)) == 0);
    CHECK(fi_keys_decode(firn_bytes(file, size), &keys, &err) == FIRN_OK);
    CHECK(fi_keys_unlock(keys, &secret, NULL, &err) != FIRN_OK || fi_keys_is_unlocked(keys));
    fi_keys_destroy(keys);
}

static void
try_ring(const uint8_t *data, size_t size)
{
    static struct fi_keys_master masters[FI_KEYS_MASTERS_MAX];
    static uint8_t again[FI_KEYS_MASTERS_MAX * FI_KEYS_MASTER_SIZE];
    firn_error err;
    size_t count = size / FI_KEYS_MASTER_SIZE;
    if (count <= FI_KEYS_MASTERS_MAX &&
        fi_keys_format_decode_masters(data, count, masters, &err) == FIRN_OK) {
        fi_keys_format_encode_masters(masters, count, again);
        CHECK(memcmp(again, data, count * FI_KEYS_MASTER_SIZE) == 0);
    }
}

static void
try_code(firn_slice text)
{
    uint8_t secret[FI_KEYS_RECOVERY_SIZE];
    uint8_t found[FI_KEYS_RECOVERY_SIZE];
    char again[FI_KEYS_RECOVERY_TEXT_SIZE];
    firn_error err;
    if (fi_keys_recovery_decode(text, secret, &err) == FIRN_OK) {
        fi_keys_recovery_encode(secret, again);
        CHECK(fi_keys_recovery_decode(firn_str(again), found, &err) == FIRN_OK);
        CHECK(memcmp(secret, found, sizeof secret) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t *copy = fi_memdup(data + 1, size - 1);
    CHECK(copy != NULL);
    if (data[0] == 'r') {
        try_ring(copy, size - 1);
    } else if (data[0] == 't') {
        try_code(firn_bytes(copy, size - 1));
    } else {
        if (data[0] == 'c' && size - 1 >= FI_KEYS_CHECKSUM_SIZE) {
            fi_keys_format_encode_checksum(copy, size - 1);
        }
        try_file(copy, size - 1);
    }
    fi_free(copy);
    return 0;
}
