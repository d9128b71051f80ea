/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: AES-256-GCM by three libraries. What one has sealed another opens, at every size
 * around the limit between libsodium and libcrypto; libsodium goes on where libcrypto has no
 * memory; neither keys nor errors stay in libcrypto; libIPSec_MB writes only where it may.
 *
 * The program gives libcrypto an allocator of its own, which it must do before libcrypto has
 * allocated anything.
 */
#include <dlfcn.h>
#include <malloc.h>

#include "base/bytes.h"
#include "cipher_fixture.h"
#include "os/os_secret.h"
#include "support/test_ok.h"

enum { LARGE = FI_CIPHER_AES_LARGE, SIZE = 4 * LARGE, TAG = 16, SIZE_MAX_HERE = SIZE + TAG };

static firn_error err;
static const uint8_t key_bytes[FI_CIPHER_KEY_SIZE] = {3, 2, 1};
static uint8_t plain[SIZE];

/* ==== libcrypto's memory ==== */

static unsigned allocations;
static unsigned failing; /* the number of the allocation that fails; 0: none */
static size_t blocks;    /* that are allocated */
static bool has_freed_key;

static void *
allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *memory = ++allocations == failing ? NULL : malloc(size);
    blocks += memory != NULL ? 1 : 0;
    return memory;
}

static void *
resize(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *resized = ++allocations == failing ? NULL : realloc(memory, size);
    blocks += memory == NULL && resized != NULL ? 1 : 0;
    return resized;
}

/* An expanded key begins with the key. */
static void
release(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    if (memory != NULL) {
        has_freed_key = has_freed_key || memmem(memory, malloc_usable_size(memory), key_bytes,
                                                sizeof key_bytes) != NULL;
        blocks--;
    }
    free(memory);
}

static bool
find_function(void *library, const char *name, void *out)
{
    void *found = library != NULL ? dlsym(library, name) : NULL;
    memcpy(out, &found, sizeof found);
    return found != NULL;
}

static unsigned long (*peek_last_error)(void);
static void (*raise_error)(void); /* ERR_new: an error without a text or a code of its own */
static void (*set_error)(int library, int reason, const char *format, ...);
static void (*clear_errors)(void);

static bool
give_libcrypto_memory(void)
{
    int (*set_functions)(void *(*)(size_t, const char *, int),
                         void *(*)(void *, size_t, const char *, int),
                         void (*)(void *, const char *, int));
    void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    return library == NULL || (find_function(library, "CRYPTO_set_mem_functions", &set_functions) &&
                               find_function(library, "ERR_peek_last_error", &peek_last_error) &&
                               find_function(library, "ERR_new", &raise_error) &&
                               find_function(library, "ERR_set_error", &set_error) &&
                               find_function(library, "ERR_clear_error", &clear_errors) &&
                               set_functions(allocate, resize, release) == 1);
}

/* ==== tests ==== */

static struct fi_cipher_key *
key_by(const struct fi_cipher_backend *backend)
{
    struct fi_cipher_key *key;
    OK(fi_cipher_key_create_by(backend, key_bytes, &key, &err));
    return key;
}

/* Until large messages go to libcrypto. */
static void
work(struct fi_cipher_key *key)
{
    uint8_t sealed[SIZE_MAX_HERE];
    for (size_t done = 0; done < FI_CIPHER_AES_FIRST_WORK; done += SIZE) {
        OK(fi_cipher_seal(key, done, firn_str(""), firn_bytes(plain, SIZE), sealed, &err));
    }
}

static bool
has_both(void)
{
    return cipher_fixture_has(&fi_cipher_gcm) && cipher_fixture_has(&fi_cipher_openssl);
}

/* one seals and other opens, and the other way round. */
static void
check_same(struct fi_cipher_key *one, struct fi_cipher_key *other, size_t size)
{
    uint8_t sealed[2][SIZE_MAX_HERE];
    const uint64_t nonce = (uint64_t)size << 40;
    const firn_slice aad = firn_bytes(plain, size % 40);
    OK(fi_cipher_seal(one, nonce, aad, firn_bytes(plain, size), sealed[0], &err));
    OK(fi_cipher_seal(other, nonce, aad, firn_bytes(plain, size), sealed[1], &err));
    assert_memory_equal(sealed[0], sealed[1], size + TAG);
    OK(fi_cipher_open(one, nonce, aad, firn_bytes(sealed[1], size + TAG), sealed[1], &err));
    OK(fi_cipher_open(other, nonce, aad, firn_bytes(sealed[0], size + TAG), sealed[0], &err));
    assert_memory_equal(sealed[0], plain, size);
    assert_memory_equal(sealed[1], plain, size);
}

static void
all_libraries_give_the_same_bytes(void **state)
{
    (void)state;
    if (!has_both()) {
        return;
    }
    struct fi_cipher_key *gcm = key_by(&fi_cipher_gcm);
    struct fi_cipher_key *openssl = key_by(&fi_cipher_openssl);
    struct fi_cipher_key *aes = key_by(&fi_cipher_aes);
    struct fi_cipher_key *ipsec =
        cipher_fixture_has(&fi_cipher_ipsec) ? key_by(&fi_cipher_ipsec) : NULL;
    work(aes);
    for (size_t size = 0; size <= SIZE; size += size < 300 || size >= LARGE + 300 ? 13 : 1) {
        check_same(gcm, openssl, size);
        check_same(aes, gcm, size);
        check_same(aes, openssl, size);
        if (ipsec != NULL) {
            check_same(ipsec, openssl, size);
        }
    }
    fi_cipher_key_destroy(gcm);
    fi_cipher_key_destroy(openssl);
    fi_cipher_key_destroy(aes);
    fi_cipher_key_destroy(ipsec);
}

/* A key in the state, and messages at odd places, with other bytes all around. */
static void
libipsec_writes_nowhere_else(void **state)
{
    enum { GUARD = 512, LARGEST = 700, ROOM = GUARD + LARGEST + TAG + GUARD };
    static uint8_t out[ROOM];
    static uint8_t expected[ROOM];
    uint8_t *memory;
    (void)state;
    if (!cipher_fixture_has(&fi_cipher_ipsec) || !has_both()) {
        return;
    }
    const size_t state_size = fi_cipher_ipsec.state_size();
    assert_int_equal(posix_memalign((void **)&memory, FI_OS_SECRET_ALIGNMENT, state_size + GUARD),
                     0);
    memset(memory, 0xa5, state_size + GUARD);
    fi_cipher_ipsec.prepare(memory, key_bytes);
    struct fi_cipher_key *gcm = key_by(&fi_cipher_gcm);
    for (size_t size = 0; size <= LARGEST; size++) {
        const size_t at = GUARD + size % 17;
        uint8_t nonce[12] = {0};
        memset(out, 0x3c, sizeof out);
        memset(expected, 0x3c, sizeof expected);
        const struct fi_cipher_message message = {.nonce = nonce,
                                                  .aad = firn_bytes(plain, size % 45),
                                                  .in = plain + size % 5,
                                                  .out = out + at,
                                                  .size = size,
                                                  .tag = out + at + size};
        OK(fi_cipher_seal(gcm, 0, message.aad, firn_bytes(message.in, size), expected + at, &err));
        assert_int_equal(fi_cipher_ipsec.seal(memory, &message), FIRN_OK);
        assert_memory_equal(out, expected, sizeof out);
    }
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(memory[state_size + i], 0xa5);
    }
    assert_int_equal(memory[state_size - 1], 0xa5); /* an expanded key does not fill it */
    fi_cipher_key_destroy(gcm);
    free(memory);
}

static void
check_changed(const struct fi_cipher_backend *backend)
{
    static uint8_t sealed[SIZE_MAX_HERE];
    static uint8_t out[SIZE_MAX_HERE];
    if (!cipher_fixture_has(backend)) {
        return;
    }
    struct fi_cipher_key *key = key_by(backend);
    work(key);
    OK(fi_cipher_seal(key, 7, firn_str("x"), firn_bytes(plain, SIZE), sealed, &err));
    for (size_t i = 0; i < SIZE + TAG; i += i < SIZE - 100 ? 97 : 1) {
        memset(out, 0xee, sizeof out);
        sealed[i] ^= 0x10;
        FAILS(fi_cipher_open(key, 7, firn_str("x"), firn_bytes(sealed, SIZE + TAG), out, &err),
              FIRN_CORRUPT, "damaged");
        assert_true(fi_bytes_are_zero(out, SIZE));
        sealed[i] ^= 0x10;
    }
    FAILS(fi_cipher_open(key, 7, firn_str("y"), firn_bytes(sealed, SIZE + TAG), out, &err),
          FIRN_CORRUPT, "damaged");
    FAILS(fi_cipher_open(key, 8, firn_str("x"), firn_bytes(sealed, SIZE + TAG), out, &err),
          FIRN_CORRUPT, "damaged");
    OK(fi_cipher_open(key, 7, firn_str("x"), firn_bytes(sealed, SIZE + TAG), out, &err));
    assert_memory_equal(out, plain, SIZE);
    fi_cipher_key_destroy(key);
}

static void
large_messages_that_were_changed_are_refused(void **state)
{
    (void)state;
    check_changed(&fi_cipher_aes);
    check_changed(&fi_cipher_ipsec);
}

/* Seals in place and opens with the n-th allocation of libcrypto failing. Whether there was one. */
static bool
seal_and_open(const struct fi_cipher_backend *backend, unsigned n, bool may_fail)
{
    uint8_t message[SIZE_MAX_HERE];
    struct fi_cipher_key *key = key_by(backend);
    const unsigned long error = peek_last_error();
    memcpy(message, plain, SIZE);
    allocations = 0;
    failing = n;
    int rc = fi_cipher_seal(key, 1, firn_str("x"), firn_bytes(message, SIZE), message, &err);
    if (rc == FIRN_OK) {
        rc = fi_cipher_open(key, 1, firn_str("x"), firn_bytes(message, SIZE + TAG), message, &err);
    }
    const bool was_met = allocations >= n;
    failing = 0;
    assert_int_equal(peek_last_error(), error);
    assert_int_equal(rc, may_fail && was_met ? FIRN_NO_MEMORY : FIRN_OK);
    assert_true(rc != FIRN_OK || memcmp(message, plain, SIZE) == 0);
    fi_cipher_key_destroy(key);
    return was_met;
}

static void
libsodium_goes_on_where_libcrypto_has_no_memory(void **state)
{
    (void)state;
    if (!has_both()) {
        return;
    }
    struct fi_cipher_key *key = key_by(&fi_cipher_aes);
    work(key);
    fi_cipher_key_destroy(key);
    unsigned met = 0;
    for (unsigned n = 1; seal_and_open(&fi_cipher_openssl, n, true); n++) {
        assert_true(seal_and_open(&fi_cipher_aes, n, false));
        met = n;
    }
    assert_true(met >= 2); /* a context to seal, one to open */
}

static void
check_nothing_stays(struct fi_cipher_key *key, size_t size)
{
    uint8_t sealed[SIZE_MAX_HERE];
    uint8_t out[SIZE_MAX_HERE];
    const unsigned long error = peek_last_error();
    const size_t blocks_before = blocks;
    OK(fi_cipher_seal(key, 5, firn_str("x"), firn_bytes(plain, size), sealed, &err));
    OK(fi_cipher_open(key, 5, firn_str("x"), firn_bytes(sealed, size + TAG), out, &err));
    sealed[0] ^= 1;
    FAILS(fi_cipher_open(key, 5, firn_str("x"), firn_bytes(sealed, size + TAG), out, &err),
          FIRN_CORRUPT, "damaged");
    assert_int_equal(blocks, blocks_before);
    assert_false(has_freed_key);
    assert_int_equal(peek_last_error(), error);
}

static void
neither_keys_nor_errors_stay_in_libcrypto(void **state)
{
    (void)state;
    if (!has_both()) {
        return;
    }
    struct fi_cipher_key *key = key_by(&fi_cipher_openssl);
    clear_errors(); /* allocates the queue of errors */
    assert_int_equal(peek_last_error(), 0);
    check_nothing_stays(key, SIZE);
    check_nothing_stays(key, 1);
    raise_error();
    set_error(2, 7, NULL);
    assert_int_not_equal(peek_last_error(), 0);
    check_nothing_stays(key, SIZE);
    clear_errors();
    fi_cipher_key_destroy(key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_libraries_give_the_same_bytes),
        cmocka_unit_test(libipsec_writes_nowhere_else),
        cmocka_unit_test(large_messages_that_were_changed_are_refused),
        cmocka_unit_test(libsodium_goes_on_where_libcrypto_has_no_memory),
        cmocka_unit_test(neither_keys_nor_errors_stay_in_libcrypto),
    };
    if (!give_libcrypto_memory()) {
        return 1;
    }
    for (size_t i = 0; i < SIZE; i++) {
        plain[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    return cmocka_run_group_tests_name("cipher_aes", tests, NULL, NULL);
}
