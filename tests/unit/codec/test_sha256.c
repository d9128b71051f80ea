/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: SHA-256 against the published values of FIPS 180 and HMAC against those of RFC 4231;
 * the processor's instructions against plain C.
 */
#include "codec/cpu.h"
#include "codec/hex.h"
#include "codec/sha256.h"
#include "support/test.h"
#include "support/test_random.h"

static void
check(const uint8_t got[FI_SHA256_SIZE], const char *wanted)
{
    char digits[FI_SHA256_HEX_SIZE];
    fi_hex_encode(got, FI_SHA256_SIZE, digits);
    assert_string_equal(digits, wanted);
}

static void
it_gives_the_published_values(void **state)
{
    /* The examples of FIPS 180, and the hash of nothing (NIST's SHA256ShortMsg.rsp). */
    static const struct {
        const char *text;
        const char *hash;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
         "lmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    uint8_t hash[FI_SHA256_SIZE];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        fi_sha256_of(vectors[i].text, strlen(vectors[i].text), hash);
        check(hash, vectors[i].hash);
    }
    struct fi_sha256 million;
    char block[1000];
    memset(block, 'a', sizeof block);
    fi_sha256_init(&million);
    for (int i = 0; i < 1000; i++) {
        fi_sha256_update(&million, block, sizeof block);
    }
    fi_sha256_final(&million, hash);
    check(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
hmac_gives_the_published_values(void **state)
{
    /* RFC 4231, cases 1, 2, 3, 6 and 7. */
    uint8_t key[131];
    uint8_t data[50];
    uint8_t hash[FI_SHA256_SIZE];
    memset(key, 0x0b, 20);
    fi_sha256_hmac(key, 20, "Hi There", 8, hash);
    check(hash, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    fi_sha256_hmac("Jefe", 4, "what do ya want for nothing?", 28, hash);
    check(hash, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    fi_sha256_hmac(key, 20, data, sizeof data, hash);
    check(hash, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    static const char larger[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    fi_sha256_hmac(key, sizeof key, larger, strlen(larger), hash);
    check(hash, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    static const char both[] = "This is a test using a larger than block-size key and a larger "
                               "than block-size data. The key needs to be hashed before being "
                               "used by the HMAC algorithm.";
    fi_sha256_hmac(key, sizeof key, both, strlen(both), hash);
    check(hash, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void
twins_agree_at_every_length_and_division(void **state)
{
    enum { SIZE = 3000 };
    struct test_random random;
    uint8_t bytes[SIZE];
    test_random_init(&random, "sha256", 5);
    test_random_fill(&random, bytes, SIZE);
    const unsigned found = fi_cpu_found;
    for (size_t size = 0; size < SIZE; size += size < 300 ? 1 : 37) {
        uint8_t fast[FI_SHA256_SIZE];
        uint8_t slow[FI_SHA256_SIZE];
        struct fi_sha256 hash;
        fi_sha256_init(&hash);
        for (size_t at = 0; at < size;) {
            size_t part = (size_t)test_random_next(&random) % (size - at) + 1;
            fi_sha256_update(&hash, bytes + at, part);
            at += part;
        }
        fi_sha256_final(&hash, fast);
        fi_cpu_found = 0;
        fi_sha256_of(bytes, size, slow);
        fi_cpu_found = found;
        assert_memory_equal(fast, slow, sizeof fast);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_the_published_values),
        cmocka_unit_test(hmac_gives_the_published_values),
        cmocka_unit_test(twins_agree_at_every_length_and_division),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
