/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/remote: states of an encrypted remote. Only the bytes that were sealed can be opened, only as
 * the state that they are, of the remote that they belong to; all else is damage, or another key.
 */
#include <string.h>

#include "base/slice.h"
#include "cipher/cipher.h"
#include "codec/blake3_hash.h"
#include "posix/os_default.h"
#include "remote/remote_seal.h"
#include "remote/remote_state.h"
#include "support/test.h"
#include "support/test_alloc.h"

static firn_error err;

static struct fi_cipher_keyring *
keyring_of(unsigned cipher, uint8_t byte)
{
    uint8_t key[FI_CIPHER_KEY_SIZE];
    const struct fi_cipher_keyring_master master = {1, key};
    struct fi_cipher_keyring *keyring;
    memset(key, byte, sizeof key);
    assert_int_equal(fi_cipher_keyring_create(cipher, &master, 1, &keyring, &err), FIRN_OK);
    return keyring;
}

static const char plain[] = "a state, with the names of everything";

static void
seal_plain(const struct fi_remote_seal *seal, uint64_t number, struct fi_buf *out)
{
    assert_int_equal(
        fi_remote_seal_encrypt(seal, fi_os_default(), number, firn_str(plain), out, &err), FIRN_OK);
}

static void
what_was_sealed_is_opened(void **state)
{
    (void)state;
    for (unsigned cipher = FI_CIPHER_XCHACHA20_POLY1305; cipher <= FI_CIPHER_AEGIS_256; cipher++) {
        struct fi_buf sealed = {0};
        struct fi_buf again = {0};
        struct fi_buf opened = {0};
        if (fi_cipher_check(cipher, &err) != FIRN_OK) {
            continue;
        }
        struct fi_cipher_keyring *keyring = keyring_of(cipher, 1);
        const struct fi_remote_seal seal = {.keyring = keyring, .id = {7}};
        seal_plain(&seal, 42, &sealed);
        seal_plain(&seal, 42, &again);
        assert_false(fi_slice_equal(fi_buf_slice(&sealed), fi_buf_slice(&again))); /* other keys */
        assert_null(memmem(sealed.data, sealed.size, "names", 5));
        assert_true(sealed.size <= sizeof plain + FI_REMOTE_SEAL_OVERHEAD_MAX);
        assert_int_equal(fi_remote_seal_decrypt(&seal, 42, fi_buf_slice(&sealed), &opened, &err),
                         FIRN_OK);
        assert_true(fi_slice_equal(fi_buf_slice(&opened), firn_str(plain)));
        fi_buf_deinit(&sealed);
        fi_buf_deinit(&again);
        fi_buf_deinit(&opened);
        fi_cipher_keyring_destroy(keyring);
    }
}

/* The checksum is no secret: who changes a state puts it right. */
static void
put_checksum_right(struct fi_buf *sealed)
{
    const size_t size = sealed->size - sizeof(firn_hash);
    firn_hash sum;
    fi_blake3_hash_of(sealed->data, size, &sum);
    memcpy(sealed->data + size, &sum, sizeof sum);
}

static void
nothing_else_is_opened(void **state)
{
    (void)state;
    struct fi_buf sealed = {0};
    struct fi_buf opened = {0};
    struct fi_cipher_keyring *keyring = keyring_of(FI_CIPHER_XCHACHA20_POLY1305, 1);
    struct fi_cipher_keyring *other_keyring = keyring_of(FI_CIPHER_XCHACHA20_POLY1305, 2);
    const struct fi_remote_seal seal = {.keyring = keyring, .id = {7}};
    const struct fi_remote_seal elsewhere = {.keyring = keyring, .id = {8}};
    const struct fi_remote_seal stranger = {.keyring = other_keyring, .id = {7}};
    seal_plain(&seal, 42, &sealed);
    const size_t line = (size_t)((uint8_t *)memchr(sealed.data, '\n', sealed.size) - sealed.data);
    assert_int_equal(fi_remote_seal_decrypt(&seal, 43, fi_buf_slice(&sealed), &opened, &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_remote_seal_decrypt(&elsewhere, 42, fi_buf_slice(&sealed), &opened, &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_remote_seal_decrypt(&stranger, 42, fi_buf_slice(&sealed), &opened, &err),
                     FIRN_CORRUPT);
    for (size_t i = 0; i < sealed.size; i++) {
        sealed.data[i] ^= 1;
        assert_int_equal(fi_remote_seal_decrypt(&seal, 42, fi_buf_slice(&sealed), &opened, &err),
                         FIRN_CORRUPT);
        sealed.data[i] ^= 1;
    }
    for (size_t i = line + 1; i < sealed.size - sizeof(firn_hash); i++) {
        sealed.data[i] ^= 0x20;
        put_checksum_right(&sealed);
        int rc = fi_remote_seal_decrypt(&seal, 42, fi_buf_slice(&sealed), &opened, &err);
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        sealed.data[i] ^= 0x20;
    }
    put_checksum_right(&sealed);
    for (size_t size = 0; size < sealed.size; size++) {
        assert_int_equal(
            fi_remote_seal_decrypt(&seal, 42, firn_bytes(sealed.data, size), &opened, &err),
            FIRN_CORRUPT);
    }
    /* A state in clear, as somebody without the key can make it. */
    sealed.data[line + 1] = 1;
    put_checksum_right(&sealed);
    assert_int_equal(fi_remote_seal_decrypt(&seal, 42, fi_buf_slice(&sealed), &opened, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "in clear"));
    sealed.data[line + 1] = 3;
    put_checksum_right(&sealed);
    assert_int_equal(fi_remote_seal_decrypt(&seal, 42, fi_buf_slice(&sealed), &opened, &err),
                     FIRN_NEWER);
    fi_buf_deinit(&sealed);
    fi_buf_deinit(&opened);
    fi_cipher_keyring_destroy(keyring);
    fi_cipher_keyring_destroy(other_keyring);
}

struct renewing {
    struct fi_cipher_keyring *keyring;
    int rc; /* what it comes to */
    unsigned count;
    bool gives; /* the master key that is wanted */
};

static int
renew(void *ctx, firn_error *error)
{
    struct renewing *renewing = ctx;
    uint8_t keys[2][FI_CIPHER_KEY_SIZE];
    const struct fi_cipher_keyring_master masters[] = {{1, keys[0]}, {2, keys[1]}};
    memset(keys[0], 1, sizeof keys[0]);
    memset(keys[1], 2, sizeof keys[1]);
    renewing->count++;
    if (renewing->gives) {
        assert_int_equal(fi_cipher_keyring_extend(renewing->keyring, masters, 2, error), FIRN_OK);
    }
    return renewing->rc == FIRN_OK ? FIRN_OK : fi_error_set(error, renewing->rc, "no luck");
}

/* A keyring without the master key of a state is given it, once; what cannot be given is said. */
static void
a_newer_master_key_is_asked_for(void **state)
{
    static const struct {
        int rc;
        bool gives;
        int wanted;
    } cases[] = {
        {FIRN_OK, true, FIRN_OK},
        {FIRN_OK, false, FIRN_CORRUPT},
        {FIRN_NOT_FOUND, false, FIRN_CORRUPT},
        {FIRN_DENIED, false, FIRN_DENIED},
        {FIRN_IO, false, FIRN_IO},
    };
    struct fi_buf old = {0};
    struct fi_buf new = {0};
    struct fi_buf opened = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct renewing from = {.keyring = keyring_of(FI_CIPHER_XCHACHA20_POLY1305, 1),
                                .gives = true};
        struct renewing to = {.keyring = keyring_of(FI_CIPHER_XCHACHA20_POLY1305, 1),
                              .rc = cases[i].rc,
                              .gives = cases[i].gives};
        const struct fi_remote_seal author = {.keyring = from.keyring};
        const struct fi_remote_seal reader = {
            .keyring = to.keyring, .renew = renew, .renew_ctx = &to};
        seal_plain(&author, 1, &old);
        assert_int_equal(renew(&from, &err), FIRN_OK);
        seal_plain(&author, 2, &new);
        assert_int_equal(fi_remote_seal_decrypt(&reader, 1, fi_buf_slice(&old), &opened, &err),
                         FIRN_OK);
        assert_int_equal(to.count, 0);
        assert_int_equal(fi_remote_seal_decrypt(&reader, 2, fi_buf_slice(&new), &opened, &err),
                         cases[i].wanted);
        assert_int_equal(to.count, 1);
        if (cases[i].wanted == FIRN_OK) {
            assert_true(fi_slice_equal(fi_buf_slice(&opened), firn_str(plain)));
        }
        fi_cipher_keyring_destroy(from.keyring);
        fi_cipher_keyring_destroy(to.keyring);
    }
    fi_buf_deinit(&old);
    fi_buf_deinit(&new);
    fi_buf_deinit(&opened);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    struct fi_cipher_keyring *keyring = keyring_of(FI_CIPHER_XCHACHA20_POLY1305, 1);
    const struct fi_remote_seal seal = {.keyring = keyring};
    bool was_hit = true;
    for (uint64_t n = 1; was_hit; n++) {
        struct fi_buf sealed = {0};
        struct fi_buf opened = {0};
        test_alloc_fail_at(n, false);
        int rc = fi_remote_seal_encrypt(&seal, fi_os_default(), 1, firn_str(plain), &sealed, &err);
        rc = rc == FIRN_OK ? fi_remote_seal_decrypt(&seal, 1, fi_buf_slice(&sealed), &opened, &err)
                           : rc;
        was_hit = test_alloc_calls() >= n;
        test_alloc_fail_at(0, false);
        assert_int_equal(rc, was_hit ? FIRN_NO_MEMORY : FIRN_OK);
        fi_buf_deinit(&sealed);
        fi_buf_deinit(&opened);
    }
    fi_cipher_keyring_destroy(keyring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_opened),
        cmocka_unit_test(nothing_else_is_opened),
        cmocka_unit_test(a_newer_master_key_is_asked_for),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
