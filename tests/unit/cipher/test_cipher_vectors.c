/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: the published test vectors of each cipher, by each backend.
 */
#include "cipher/cipher_passphrase.h"
#include "cipher/cipher_sodium.h"
#include "cipher_fixture.h"
#include "codec/hex.h"
#include "os/os_secret.h"

#if defined(__has_include)
#if __has_include(<sodium.h>)
#include <sodium.h>
#define SAME(ours, theirs) _Static_assert((long)(ours) == (long)(theirs), #theirs)
SAME(FI_CIPHER_SODIUM_ARGON2ID13, crypto_pwhash_ALG_ARGON2ID13);
SAME(FI_CIPHER_KEY_SIZE, crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
SAME(FI_CIPHER_PASSPHRASE_SALT_SIZE, crypto_pwhash_SALTBYTES);
#endif
#endif

enum { SIZE_MAX_HERE = 256 };

struct vector {
    const char *key;
    const char *nonce;
    const char *aad;
    const char *plain;
    const char *sealed; /* the ciphertext, and then the tag */
};

static firn_slice
bytes_of(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    assert_true(size <= SIZE_MAX_HERE);
    assert_true(fi_hex_decode(hex, out, size));
    return firn_bytes(out, size);
}

static void
check_vector(const struct fi_cipher_backend *backend, const struct vector *vector)
{
    uint8_t memory[5][SIZE_MAX_HERE];
    uint8_t out[SIZE_MAX_HERE];
    firn_error err;
    void *state;
    firn_slice key = bytes_of(vector->key, memory[0]);
    firn_slice nonce = bytes_of(vector->nonce, memory[1]);
    firn_slice aad = bytes_of(vector->aad, memory[2]);
    firn_slice plain = bytes_of(vector->plain, memory[3]);
    firn_slice sealed = bytes_of(vector->sealed, memory[4]);
    assert_int_equal(key.size, FI_CIPHER_KEY_SIZE);
    assert_int_equal(sealed.size, plain.size + backend->tag_size);
    assert_int_equal(fi_os_secret_allocate(backend->state_size(), &state, &err), FIRN_OK);
    if (backend ==
        &fi_cipher_chacha) { /* the first bytes of a nonce are part of the prepared key */
        fi_cipher_chacha_prepare(state, key.data, nonce.data);
        nonce.data += FI_CIPHER_CHACHA_PREFIX_SIZE;
        nonce.size -= FI_CIPHER_CHACHA_PREFIX_SIZE;
        memmove(memory[1] + 4, nonce.data, nonce.size);
        memset(memory[1], 0, 4);
        nonce = firn_bytes(memory[1], 4 + nonce.size);
    } else {
        backend->prepare(state, key.data);
    }
    assert_int_equal(nonce.size, backend->nonce_size);
    struct fi_cipher_message message = {.nonce = nonce.data,
                                        .aad = aad,
                                        .in = plain.data,
                                        .out = out,
                                        .size = plain.size,
                                        .tag = out + plain.size};
    assert_int_equal(backend->seal(state, &message), FIRN_OK);
    assert_memory_equal(out, sealed.data, sealed.size);
    message.in = sealed.data;
    memset(out, 0xee, plain.size);
    assert_int_equal(backend->open(state, &message), FIRN_OK);
    assert_memory_equal(out, plain.data, plain.size);
    message.tag[0] ^= 1;
    assert_int_equal(backend->open(state, &message), FIRN_CORRUPT);
    fi_os_secret_free(state);
}

/* draft-irtf-cfrg-xchacha-03, sections 2.2.1 and A.3.1. */
static void
xchacha20_poly1305_is_that_of_its_draft(void **state)
{
    static const struct vector vector = {
        .key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        .nonce = "404142434445464748494a4b4c4d4e4f5051525354555657",
        .aad = "50515253c0c1c2c3c4c5c6c7",
        .plain = "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
                 "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
                 "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
                 "637265656e20776f756c642062652069742e",
        .sealed = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
                  "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                  "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                  "21f9664c97637da9768812f615c68b13b52e"
                  "c0875924c1c7987947deafd8780acf49"};
    (void)state;
    if (!cipher_fixture_has(&fi_cipher_chacha)) {
        return;
    }
    check_vector(&fi_cipher_chacha, &vector);
    const struct fi_cipher_sodium *sodium;
    uint8_t memory[3][SIZE_MAX_HERE];
    uint8_t out[32];
    assert_int_equal(fi_cipher_sodium_load(&sodium, NULL), FIRN_OK);
    assert_int_equal(
        sodium->core_hchacha20(
            out, bytes_of("000000090000004a0000000031415927", memory[0]).data,
            bytes_of("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", memory[1])
                .data,
            NULL),
        0);
    assert_memory_equal(
        out,
        bytes_of("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc", memory[2])
            .data,
        sizeof out);
}

/* "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, test cases 13 to 16, which NIST
 * SP 800-38D refers to. */
static void
aes_256_gcm_is_that_of_its_specification(void **state)
{
    static const struct vector vectors[] = {
        {.key = "0000000000000000000000000000000000000000000000000000000000000000",
         .nonce = "000000000000000000000000",
         .aad = "",
         .plain = "",
         .sealed = "530f8afbc74536b9a963b4f1c4cb738b"},
        {.key = "0000000000000000000000000000000000000000000000000000000000000000",
         .nonce = "000000000000000000000000",
         .aad = "",
         .plain = "00000000000000000000000000000000",
         .sealed = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
        {.key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
         .nonce = "cafebabefacedbaddecaf888",
         .aad = "",
         .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
         .sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                   "b094dac5d93471bdec1a502270e3cc6c"},
        {.key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
         .nonce = "cafebabefacedbaddecaf888",
         .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
         .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
         .sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                   "76fc6ece0f4e1768cddf8853bb2d551b"},
    };
    static const struct fi_cipher_backend *const all[] = {&fi_cipher_gcm, &fi_cipher_openssl,
                                                          &fi_cipher_aes};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (size_t j = 0; j < sizeof vectors / sizeof vectors[0] && cipher_fixture_has(all[i]);
             j++) {
            check_vector(all[i], &vectors[j]);
        }
    }
}

/* draft-irtf-cfrg-aegis-aead-18, section A.3, with tags of 256 bits. */
static void
aegis_256_is_that_of_its_draft(void **state)
{
#define KEY "1001000000000000000000000000000000000000000000000000000000000000"
#define NONCE "1000020000000000000000000000000000000000000000000000000000000000"
    static const struct vector vectors[] = {
        {.key = KEY,
         .nonce = NONCE,
         .aad = "",
         .plain = "00000000000000000000000000000000",
         .sealed = "754fc3d8c973246dcc6d741412a4b236"
                   "1181a1d18091082bf0266f66297d167d2e68b845f61a3b0527d31fc7b7b89f13"},
        {.key = KEY,
         .nonce = NONCE,
         .aad = "",
         .plain = "",
         .sealed = "6a348c930adbd654896e1666aad67de989ea75ebaa2b82fb588977b1ffec864a"},
        {.key = KEY,
         .nonce = NONCE,
         .aad = "0001020304050607",
         .plain = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         .sealed = "f373079ed84b2709faee373584585d60accd191db310ef5d8b11833df9dec711"
                   "b7d28d0c3c0ebd409fd22b44160503073a547412da0854bfb9723020dab8da1a"},
        {.key = KEY,
         .nonce = NONCE,
         .aad = "0001020304050607",
         .plain = "000102030405060708090a0b0c0d",
         .sealed = "f373079ed84b2709faee37358458"
                   "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2d9"},
        {.key = KEY,
         .nonce = NONCE,
         .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
                "20212223242526272829",
         .plain = "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
                  "3031323334353637",
         .sealed = "57754a7d09963e7c787583a2e7b859bb24fa1e04d49fd550b2511a358e3bca25"
                   "2a9b1b8b30cc4a67"
                   "a3aca270c006094d71c20e6910b5161c0826df233d08919a566ec2c05990f734"},
    };
    (void)state;
    for (size_t i = 0;
         i < sizeof vectors / sizeof vectors[0] && cipher_fixture_has(&fi_cipher_aegis); i++) {
        check_vector(&fi_cipher_aegis, &vectors[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xchacha20_poly1305_is_that_of_its_draft),
        cmocka_unit_test(aes_256_gcm_is_that_of_its_specification),
        cmocka_unit_test(aegis_256_is_that_of_its_draft),
    };
    return cmocka_run_group_tests_name("cipher_vectors", tests, NULL, NULL);
}
