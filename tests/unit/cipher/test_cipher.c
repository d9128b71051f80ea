/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: what is sealed is opened with the same key, nonce and associated data alone; and what
 * cannot be opened leaves nothing behind.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cipher_fixture.h"
#include "support/test_alloc.h"
#include "support/test_ok.h"

enum { LARGE = 3 << 20 };

static firn_error err;
static uint8_t key_bytes[FI_CIPHER_KEY_SIZE] = {1, 2, 3};

/* After 4 MiB in messages of 2 KiB and more, if at all. */
static void
libcrypto_is_loaded_after_large_messages(void)
{
    enum {
        LARGE_MESSAGE = FI_CIPHER_AES_LARGE,
        LARGE_MESSAGES = FI_CIPHER_AES_FIRST_WORK / LARGE_MESSAGE
    };
    uint8_t message[LARGE_MESSAGE + 16] = {0};
    struct fi_cipher_key *key;
    OK(fi_cipher_key_create(FI_CIPHER_AES_256_GCM, key_bytes, &key, &err));
    for (uint64_t i = 0; i < LARGE_MESSAGES; i++) {
        for (size_t size = LARGE_MESSAGE - 1; size <= LARGE_MESSAGE; size++) {
            OK(fi_cipher_seal(key, i, firn_str(""), firn_bytes(message, size), message, &err));
        }
    }
    for (size_t size = 0; size < LARGE_MESSAGE; size++) {
        OK(fi_cipher_seal(key, size, firn_str(""), firn_bytes(message, size), message, &err));
    }
    assert_false(cipher_fixture_is_mapped("libcrypto"));
    OK(fi_cipher_seal(key, 0, firn_str(""), firn_bytes(message, LARGE_MESSAGE), message, &err));
    /* Asking for a library loads it. Large messages are for it, unless there is one for all. */
    const bool is_loaded = cipher_fixture_is_mapped("libcrypto");
    assert_int_equal(is_loaded, !cipher_fixture_has(&fi_cipher_ipsec) &&
                                    cipher_fixture_has(&fi_cipher_openssl));
    fi_cipher_key_destroy(key);
}

/* Runs first. */
static void
libraries_are_loaded_when_they_are_needed(void **state)
{
    (void)state;
    assert_string_equal(fi_cipher_name(FI_CIPHER_AES_256_GCM), "AES-256-GCM");
    assert_int_equal(fi_cipher_tag_size(FI_CIPHER_XCHACHA20_POLY1305), 16);
    assert_false(cipher_fixture_is_mapped("libsodium"));
    assert_false(cipher_fixture_is_mapped("libcrypto"));
    if (cipher_fixture_has(&fi_cipher_chacha)) {
        assert_true(cipher_fixture_is_mapped("libsodium"));
    }
    assert_false(cipher_fixture_is_mapped("libcrypto"));
    if (cipher_fixture_has(&fi_cipher_aes)) {
        libcrypto_is_loaded_after_large_messages();
    }
}

static void
numbers_have_names(void **state)
{
    (void)state;
    assert_null(fi_cipher_name(0));
    assert_null(fi_cipher_name(4));
    FAILS(fi_cipher_check(0, &err), FIRN_NEWER, "cipher 0 is of a later version");
    FAILS(fi_cipher_check(4, &err), FIRN_NEWER, "cipher 4 is of a later version");
    struct fi_cipher_key *key = (void *)key_bytes;
    FAILS(fi_cipher_key_create(4, key_bytes, &key, &err), FIRN_NEWER, "cipher 4");
    assert_null(key);
    for (unsigned number = 1; number <= 3; number++) {
        int rc = fi_cipher_check(number, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_UNSUPPORTED);
        assert_int_equal(fi_cipher_key_create(number, key_bytes, &key, &err), rc);
        assert_int_equal(key != NULL, rc == FIRN_OK);
        assert_true(key == NULL || fi_cipher_key_tag_size(key) == fi_cipher_tag_size(number));
        fi_cipher_key_destroy(key);
    }
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) == FIRN_OK &&
        fi_cipher_check(FI_CIPHER_AEGIS_256, &err) != FIRN_OK) {
        FAILS(fi_cipher_check(FI_CIPHER_AEGIS_256, &err), FIRN_UNSUPPORTED,
              "needs libsodium 1.0.19 or newer; here is 1.0.1");
    }
    fi_cipher_key_destroy(NULL);
}

/* A failed opening: nothing of the message is in out. */
static void
refuse(struct fi_cipher_key *key, uint64_t nonce, firn_slice aad, firn_slice sealed)
{
    uint8_t out[256];
    const size_t tag = fi_cipher_key_tag_size(key);
    const size_t size = sealed.size > tag ? sealed.size - tag : 0;
    memset(out, 0xee, sizeof out);
    FAILS(fi_cipher_open(key, nonce, aad, sealed, out, &err), FIRN_CORRUPT, "another key or place");
    assert_true(fi_bytes_are_zero(out, size));
    assert_int_equal(out[size], 0xee);
}

static void
check_every_change(const struct fi_cipher_backend *backend)
{
    static const char text[] = "what nobody else is to read, in more than two blocks of AES";
    const firn_slice plain = firn_str(text);
    const firn_slice aad = firn_str("where it stands");
    uint8_t sealed[sizeof text + FI_CIPHER_TAG_SIZE_MAX];
    uint8_t out[sizeof sealed];
    uint8_t other_bytes[FI_CIPHER_KEY_SIZE];
    struct fi_cipher_key *key;
    struct fi_cipher_key *other;
    OK(fi_cipher_key_create_by(backend, key_bytes, &key, &err));
    OK(fi_cipher_seal(key, 7, aad, plain, sealed, &err));
    const size_t size = plain.size + backend->tag_size;
    OK(fi_cipher_open(key, 7, aad, firn_bytes(sealed, size), out, &err));
    assert_memory_equal(out, plain.data, plain.size);
    assert_memory_not_equal(sealed, plain.data, plain.size);
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            sealed[i] ^= (uint8_t)(1 << bit);
            refuse(key, 7, aad, firn_bytes(sealed, size));
            sealed[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t i = 0; i < size; i++) {
        refuse(key, 7, aad, firn_bytes(sealed, i));
    }
    refuse(key, 7, firn_str("where it standz"), firn_bytes(sealed, size));
    refuse(key, 7, firn_str("where it stand"), firn_bytes(sealed, size));
    refuse(key, 7, firn_str(""), firn_bytes(sealed, size));
    for (unsigned bit = 0; bit < 64; bit++) {
        refuse(key, 7 ^ UINT64_C(1) << bit, aad, firn_bytes(sealed, size));
    }
    for (size_t i = 0; i < sizeof other_bytes; i++) {
        memcpy(other_bytes, key_bytes, sizeof other_bytes);
        other_bytes[i] ^= 0x80;
        OK(fi_cipher_key_create_by(backend, other_bytes, &other, &err));
        refuse(other, 7, aad, firn_bytes(sealed, size));
        fi_cipher_key_destroy(other);
    }
    /* In place; what fails is wiped there as well. */
    memcpy(out, sealed, size);
    OK(fi_cipher_open(key, 7, aad, firn_bytes(out, size), out, &err));
    assert_memory_equal(out, plain.data, plain.size);
    OK(fi_cipher_seal(key, 7, aad, firn_bytes(out, plain.size), out, &err));
    assert_memory_equal(out, sealed, size);
    out[0] ^= 1;
    FAILS(fi_cipher_open(key, 7, aad, firn_bytes(out, size), out, &err), FIRN_CORRUPT, "damaged");
    assert_true(fi_bytes_are_zero(out, plain.size));
    fi_cipher_key_destroy(key);
}

static void
what_was_changed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CIPHER_FIXTURE_BACKENDS; i++) {
        if (cipher_fixture_has(cipher_fixture_backends[i])) {
            check_every_change(cipher_fixture_backends[i]);
        }
    }
}

/* Each size of up to some blocks, and a large one, with and without associated data. */
static void
messages_have_any_size(void **state)
{
    (void)state;
    uint8_t *plain = malloc(LARGE);
    uint8_t *sealed = malloc(LARGE + FI_CIPHER_TAG_SIZE_MAX);
    uint8_t *out = malloc(LARGE);
    assert_true(plain != NULL && sealed != NULL && out != NULL);
    for (size_t i = 0; i < LARGE; i++) {
        plain[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    for (size_t i = 0; i < CIPHER_FIXTURE_BACKENDS; i++) {
        const struct fi_cipher_backend *backend = cipher_fixture_backends[i];
        struct fi_cipher_key *key;
        if (!cipher_fixture_has(backend)) {
            continue;
        }
        OK(fi_cipher_key_create_by(backend, key_bytes, &key, &err));
        for (size_t j = 0; j <= 302; j++) {
            const size_t size = j <= 300 ? j : j == 301 ? 65537 : LARGE;
            const firn_slice aad = firn_bytes(j % 2 == 0 ? plain : NULL, j % 2 == 0 ? j : 0);
            const firn_slice bytes = firn_bytes(size > 0 ? plain : NULL, size);
            const uint64_t nonce = UINT64_MAX - j;
            OK(fi_cipher_seal(key, nonce, aad, bytes, sealed, &err));
            OK(fi_cipher_open(key, nonce, aad, firn_bytes(sealed, size + backend->tag_size), out,
                              &err));
            assert_memory_equal(out, plain, size);
        }
        fi_cipher_key_destroy(key);
    }
    free(plain);
    free(sealed);
    free(out);
}

static void
too_much_at_once_is_refused(void **state)
{
    struct fi_cipher_key *key;
    (void)state;
    if (!cipher_fixture_has(&fi_cipher_chacha)) {
        return;
    }
    OK(fi_cipher_key_create_by(&fi_cipher_chacha, key_bytes, &key, &err));
    const firn_slice large = firn_bytes(key_bytes, (size_t)FI_CIPHER_MESSAGE_SIZE_MAX + 1);
    FAILS(fi_cipher_seal(key, 0, firn_str(""), large, NULL, &err), FIRN_LIMIT, "1 GiB");
    FAILS(fi_cipher_seal(key, 0, large, firn_str(""), NULL, &err), FIRN_LIMIT, "1 GiB");
    fi_cipher_key_destroy(key);
}

/* ==== threads, processes, memory ==== */

static void *
seal_and_open(void *ctx)
{
    enum { SMALL = 80, NOT_SMALL = FI_CIPHER_AES_LARGE + 80 };
    uint8_t message[NOT_SMALL + FI_CIPHER_TAG_SIZE_MAX] = {0};
    for (uint64_t nonce = 0; nonce < 3000; nonce++) {
        const size_t size = nonce % 2 == 0 ? SMALL : NOT_SMALL;
        const size_t sealed_size = size + fi_cipher_key_tag_size(ctx);
        if (fi_cipher_seal(ctx, nonce, firn_str("x"), firn_bytes(message, size), message, NULL) !=
                FIRN_OK ||
            fi_cipher_open(ctx, nonce, firn_str("x"), firn_bytes(message, sealed_size), message,
                           NULL) != FIRN_OK ||
            !fi_bytes_are_zero(message, size)) {
            return ctx;
        }
        memset(message, 0, sealed_size);
    }
    return NULL;
}

static void
a_key_is_for_many_threads(void **state)
{
    enum { THREADS = 9 };
    (void)state;
    for (size_t i = 0; i < CIPHER_FIXTURE_BACKENDS; i++) {
        struct fi_cipher_key *key;
        pthread_t threads[THREADS];
        if (!cipher_fixture_has(cipher_fixture_backends[i])) {
            continue;
        }
        OK(fi_cipher_key_create_by(cipher_fixture_backends[i], key_bytes, &key, &err));
        for (size_t j = 0; j < THREADS; j++) {
            assert_int_equal(pthread_create(&threads[j], NULL, seal_and_open, key), 0);
        }
        for (size_t j = 0; j < THREADS; j++) {
            void *failed;
            assert_int_equal(pthread_join(threads[j], &failed), 0);
            assert_null(failed);
        }
        fi_cipher_key_destroy(key);
    }
}

/* 0: as it should be. */
static int
try_in_child(struct fi_cipher_key *key)
{
    uint8_t out[100];
    memset(out, 0xee, sizeof out);
    if (fi_cipher_seal(key, 1, firn_str(""), firn_str("text"), out, &err) != FIRN_MISUSE) {
        return 1;
    }
    if (out[0] != 0xee) {
        return 2;
    }
    if (fi_cipher_open(key, 1, firn_str(""), firn_bytes(out, 50), out, &err) != FIRN_MISUSE) {
        return 3;
    }
    for (size_t i = 0; i < sizeof out; i++) {
        if (out[i] != 0xee) {
            return 5;
        }
    }
    fi_cipher_key_destroy(key);
    if (fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, key_bytes, &key, &err) != FIRN_OK ||
        fi_cipher_seal(key, 1, firn_str(""), firn_str("text"), out, &err) != FIRN_OK) {
        return 4;
    }
    fi_cipher_key_destroy(key);
    return 0;
}

static void
a_child_of_fork_has_no_key(void **state)
{
    struct fi_cipher_key *key;
    int status;
    (void)state;
    if (!cipher_fixture_has(&fi_cipher_chacha)) {
        return;
    }
    OK(fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, key_bytes, &key, &err));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(try_in_child(key));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    fi_cipher_key_destroy(key);
}

static void
keys_leave_no_memory(void **state)
{
    (void)state;
    test_alloc_install();
    for (size_t i = 0; i < CIPHER_FIXTURE_BACKENDS; i++) {
        struct fi_cipher_key *keys[100];
        if (!cipher_fixture_has(cipher_fixture_backends[i])) {
            continue;
        }
        test_alloc_fail_at(1, true);
        keys[0] = (void *)key_bytes;
        FAILS(fi_cipher_key_create_by(cipher_fixture_backends[i], key_bytes, &keys[0], &err),
              FIRN_NO_MEMORY, "a key");
        assert_null(keys[0]);
        test_alloc_fail_at(0, false);
        for (size_t j = 0; j < 100; j++) {
            OK(fi_cipher_key_create_by(cipher_fixture_backends[i], key_bytes, &keys[j], &err));
        }
        for (size_t j = 0; j < 100; j++) {
            fi_cipher_key_destroy(keys[j]);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_are_loaded_when_they_are_needed),
        cmocka_unit_test(keys_leave_no_memory),
        cmocka_unit_test(numbers_have_names),
        cmocka_unit_test(what_was_changed_is_refused),
        cmocka_unit_test(messages_have_any_size),
        cmocka_unit_test(too_much_at_once_is_refused),
        cmocka_unit_test(a_key_is_for_many_threads),
        cmocka_unit_test(a_child_of_fork_has_no_key),
    };
    return cmocka_run_group_tests_name("cipher", tests, NULL, NULL);
}
