/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: derived keys. The expected ones are of tests/formats/keys/blake3_derive.py and of the
 * reference implementation of Argon2.
 */
#include "cipher/cipher.h"
#include "cipher/cipher_derive.h"
#include "cipher/cipher_keyring.h"
#include "cipher/cipher_passphrase.h"
#include "cipher_fixture.h"
#include "codec/hex.h"
#include "support/test_ok.h"

static firn_error err;

static void
assert_hex(const uint8_t *bytes, const char *wanted)
{
    char found[2 * FI_CIPHER_KEY_SIZE + 1];
    fi_hex_encode(bytes, strlen(wanted) / 2, found);
    assert_string_equal(found, wanted);
}

/* test_vectors.json of BLAKE3's authors. */
static void
derivation_is_that_of_blake3(void **state)
{
    static const struct {
        size_t size;
        const char *wanted;
    } vectors[] = {
        {0, "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"},
        {1, "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"},
        {1024, "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"},
        {1025, "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"},
    };
    uint8_t input[1025];
    uint8_t out[FI_CIPHER_KEY_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)(i % 251);
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const size_t half = vectors[i].size / 2;
        const firn_slice parts[] = {firn_bytes(input, half),
                                    firn_bytes(input + half, vectors[i].size - half)};
        fi_cipher_derive_own("BLAKE3 2019-12-27 16:29:52 test vectors context", parts, 2, out);
        assert_hex(out, vectors[i].wanted);
    }
}

static void
each_purpose_and_place_has_its_key(void **state)
{
    uint8_t master[FI_CIPHER_KEY_SIZE];
    uint8_t id[FI_CIPHER_DERIVE_ID_SIZE];
    uint8_t epoch[FI_CIPHER_DERIVE_ID_SIZE];
    uint8_t out[FI_CIPHER_KEY_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof master; i++) {
        master[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)(100 + i);
        epoch[i] = (uint8_t)(200 + i);
    }
    fi_cipher_derive_file(master, id, out);
    assert_hex(out, "99b88e932a014f591cb98cca743b421a209bd724f138d5a34f8c0b212fea1dda");
    const struct fi_cipher_derive_log_place place = {
        .segment = 42, .salt = UINT64_C(0x1122334455667788), .epoch = epoch};
    fi_cipher_derive_log(master, &place, out);
    assert_hex(out, "fc277a11b452426d2588d086997b5b26b6b9960c44aeb98a1412119a4c058635");
    fi_cipher_derive_cut(master, out);
    assert_hex(out, "fc2a94d2cdaf087cf1a2aba139a98acbe5c86392c17c6f8fbbe6575a1a2582ae");
    fi_cipher_derive_name(master, out);
    assert_hex(out, "25574f385fe6f9674fa9d8a7ea4372cda8c26960f5b2ae2b92f0a5a3b780993f");
    fi_cipher_derive_check(master, out);
    assert_hex(out, "380eec7b82517ea2");
}

/* Wanted: the values of tests/formats/keys/blake3_derive.py. */
static void
a_cut_table_is_derived_four_numbers_at_a_time(void **state)
{
    static struct fi_cdc_table table;
    uint8_t master[FI_CIPHER_KEY_SIZE];
    uint64_t sum = 0;
    (void)state;
    for (size_t i = 0; i < sizeof master; i++) {
        master[i] = (uint8_t)i;
    }
    fi_cipher_derive_cut_table(master, &table);
    assert_true(table.gear[0] == UINT64_C(0xdf0394e054a6e88d));
    assert_true(table.gear[5] == UINT64_C(0x9564d4aad4862f28));
    assert_true(table.gear[255] == UINT64_C(0x7c8112b9ecdef75c));
    for (size_t i = 0; i < FI_CDC_TABLE_COUNT; i++) {
        sum = sum * 31 + table.gear[i];
    }
    assert_true(sum == UINT64_C(0x167e38a20569b8d3));
}

static void
the_oldest_master_key_decides_where_to_cut(void **state)
{
    static struct fi_cdc_table table;
    uint8_t keys[2][FI_CIPHER_KEY_SIZE] = {{1}, {2}};
    const struct fi_cipher_keyring_master masters[] = {{4, keys[0]}, {5, keys[1]}};
    (void)state;
    if (!cipher_fixture_has(&fi_cipher_chacha)) {
        return;
    }
    fi_cipher_derive_cut_table(keys[0], &table);
    for (size_t count = 1; count <= 2; count++) {
        struct fi_cipher_keyring *keyring;
        OK(fi_cipher_keyring_create(1, masters, count, &keyring, &err));
        assert_memory_equal(fi_cipher_keyring_cut_table(keyring), &table, sizeof table);
        fi_cipher_keyring_destroy(keyring);
    }
}

static void
passphrases_are_stretched_by_argon2id(void **state)
{
    static const struct {
        struct fi_cipher_passphrase_cost cost;
        const char *wanted;
    } vectors[] = {
        {{2, 64}, "2df47ede6358ed17a9976d4fcedb897a10036d432a4acef17d263bfc98bd20ac"},
        {{1, 8}, "d17ea6341ca93da6079ea2f64dc4aa31dd1aaf9caa67fb42ac4afd0714706f26"},
        {{3, 1024}, "590d7ddd37a1ed86417a3614be47c9f782828a38902390018d39bb6556fee029"},
    };
    uint8_t salt[FI_CIPHER_PASSPHRASE_SALT_SIZE];
    uint8_t out[FI_CIPHER_PASSPHRASE_OUT_SIZE];
    (void)state;
    if (!cipher_fixture_has(&fi_cipher_chacha)) {
        return;
    }
    for (size_t i = 0; i < sizeof salt; i++) {
        salt[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        OK(fi_cipher_passphrase_stretch(firn_str("correct horse battery staple"), salt,
                                        &vectors[i].cost, out, &err));
        assert_hex(out, vectors[i].wanted);
    }
}

/* Nothing is allocated for them. */
static void
costs_have_bounds(void **state)
{
    static const uint8_t salt[FI_CIPHER_PASSPHRASE_SALT_SIZE];
    static const struct fi_cipher_passphrase_cost wrong[] = {
        {0, 64},       {1, 0},          {1, 7},          {1, (1 << 20) + 1},
        {5, 1 << 20},  {4097, 1 << 10}, {UINT32_MAX, 8}, {UINT32_MAX, UINT32_MAX},
        {1, 64 << 20},
    };
    uint8_t out[FI_CIPHER_PASSPHRASE_OUT_SIZE];
    static const char text[FI_CIPHER_PASSPHRASE_SIZE_MAX + 1];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        FAILS(fi_cipher_passphrase_check(&wrong[i], &err), FIRN_LIMIT, "a cost");
        FAILS(fi_cipher_passphrase_stretch(firn_str("x"), salt, &wrong[i], out, &err), FIRN_LIMIT,
              "KiB of memory");
    }
    const struct fi_cipher_passphrase_cost largest[] = {{4, 1 << 20}, {1 << 19, 8}};
    OK(fi_cipher_passphrase_check(&largest[0], &err));
    OK(fi_cipher_passphrase_check(&largest[1], &err));
    FAILS(fi_cipher_passphrase_stretch(firn_bytes(text, 0), salt, &fi_cipher_passphrase_local, out,
                                       &err),
          FIRN_INVALID, "1 to 1024 bytes");
    FAILS(fi_cipher_passphrase_stretch(firn_bytes(text, sizeof text), salt,
                                       &fi_cipher_passphrase_local, out, &err),
          FIRN_INVALID, "1 to 1024 bytes");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivation_is_that_of_blake3),
        cmocka_unit_test(each_purpose_and_place_has_its_key),
        cmocka_unit_test(a_cut_table_is_derived_four_numbers_at_a_time),
        cmocka_unit_test(the_oldest_master_key_decides_where_to_cut),
        cmocka_unit_test(passphrases_are_stretched_by_argon2id),
        cmocka_unit_test(costs_have_bounds),
    };
    return cmocka_run_group_tests_name("cipher_derive", tests, NULL, NULL);
}
