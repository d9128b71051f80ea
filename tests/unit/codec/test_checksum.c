/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: CRC-32C, XXH3-64 and BLAKE3-256 against published vectors and against their twins.
 */
#include "codec/blake3_hash.h"
#include "codec/crc32c.h"
#include "codec/hex.h"
#include "codec/xxh3.h"
#include "support/test.h"
#include "support/test_random.h"

/* The definition of the checksum, bit by bit. */
static uint32_t
crc32c_bit_by_bit(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
        }
    }
    return ~crc;
}

static void
crc32c_gives_the_published_values(void **state)
{
    /* RFC 3720, appendix B.4; the last is the check value of the catalogue of parametrised CRC
     * algorithms. */
    static const struct {
        uint8_t first;
        int8_t step;
        uint32_t crc;
    } vectors[] = {
        {0x00, 0, 0x8a9136aa}, {0xff, 0, 0x62a8ab43}, {0, 1, 0x46dd794e}, {31, -1, 0x113fdb5c}};
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        uint8_t bytes[32];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)(vectors[v].first + (int)i * vectors[v].step);
        }
        assert_int_equal(fi_crc32c(0, bytes, sizeof bytes), vectors[v].crc);
        assert_int_equal(fi_crc32c_portable(0, bytes, sizeof bytes), vectors[v].crc);
    }
    assert_int_equal(fi_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fi_crc32c_portable(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fi_crc32c(0x12345678, "", 0), 0x12345678);
}

static void
crc32c_twins_agree_at_every_length_and_alignment(void **state)
{
    struct test_random random;
    test_random_init(&random, "crc32c", 11);
    enum { SIZE = 3 * 3 * 1024 + 3 * 64 + 128 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    test_random_fill(&random, bytes, SIZE);
    for (size_t size = 0; size <= 1200; size++) {
        size_t offset = size % 16;
        uint32_t start = (uint32_t)test_random_next(&random);
        uint32_t expected = crc32c_bit_by_bit(start, bytes + offset, size);
        assert_int_equal(fi_crc32c(start, bytes + offset, size), expected);
        assert_int_equal(fi_crc32c_portable(start, bytes + offset, size), expected);
    }
    for (int round = 0; round < 2000; round++) {
        size_t offset = test_random_below(&random, 64);
        size_t size = test_random_below(&random, SIZE - 64);
        uint32_t start = (uint32_t)test_random_next(&random);
        assert_int_equal(fi_crc32c(start, bytes + offset, size),
                         fi_crc32c_portable(start, bytes + offset, size));
    }
    free(bytes);
}

static void
crc32c_continues_where_it_stopped(void **state)
{
    struct test_random random;
    test_random_init(&random, "crc32c_parts", 12);
    uint8_t bytes[8192];
    test_random_fill(&random, bytes, sizeof bytes);
    uint32_t whole = fi_crc32c(0, bytes, sizeof bytes);
    for (int round = 0; round < 500; round++) {
        size_t cut = test_random_below(&random, sizeof bytes + 1);
        uint32_t crc = fi_crc32c(0, bytes, cut);
        assert_int_equal(fi_crc32c(crc, bytes + cut, sizeof bytes - cut), whole);
        crc = fi_crc32c_portable(0, bytes, cut);
        assert_int_equal(fi_crc32c_portable(crc, bytes + cut, sizeof bytes - cut), whole);
    }
}

static void
xxh3_gives_the_published_values(void **state)
{
    /* The input and the values are those of the self-test of xxHash 0.8
     * (cli/xsum_sanity_check.c). */
    static const uint64_t prime32 = UINT64_C(2654435761);
    static const uint64_t prime64 = UINT64_C(11400714785074694797);
    static const struct {
        size_t size;
        uint64_t plain;
        uint64_t seeded;
    } vectors[] = {
        {0, UINT64_C(0x2d06800538d394c2), UINT64_C(0xa8a6b918b2f0364a)},
        {1, UINT64_C(0xc44bdff4074eecdb), UINT64_C(0x032be332dd766ef8)},
        {6, UINT64_C(0x27b56a84cd2d7325), UINT64_C(0x84589c116ab59ab9)},
        {12, UINT64_C(0xa713daf0dfbb77e7), UINT64_C(0xe7303e1b2336de0e)},
        {24, UINT64_C(0xa3fe70bf9d3510eb), UINT64_C(0x850e80fc35bdd690)},
        {48, UINT64_C(0x397da259ecba1f11), UINT64_C(0xadc2cbaa44acc616)},
        {80, UINT64_C(0xbcdefbbb2c47c90a), UINT64_C(0xc6dd0cb699532e73)},
        {195, UINT64_C(0xcd94217ee362ec3a), UINT64_C(0xba68003d370cb3d9)},
        {403, UINT64_C(0xcdeb804d65c6dea4), UINT64_C(0x6259f6ecfd6443fd)},
        {512, UINT64_C(0x617e49599013cb6b), UINT64_C(0x3ce457de14c27708)},
        {2048, UINT64_C(0xdd59e2c3a5f038e0), UINT64_C(0x66f81670669ababc)},
        {2240, UINT64_C(0x6e73a90539cf2948), UINT64_C(0x757ba8487d1b5247)},
        {2367, UINT64_C(0xcb37aeb9e5d361ed), UINT64_C(0xd2db3415b942b42a)},
    };
    uint8_t bytes[2368];
    uint64_t generator = prime32;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(generator >> 56);
        generator *= prime64;
    }
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        assert_true(fi_xxh3(bytes, vectors[v].size, 0) == vectors[v].plain);
        assert_true(fi_xxh3(bytes, vectors[v].size, prime64) == vectors[v].seeded);
    }
}

static void
blake3_gives_the_published_values(void **state)
{
    /* test_vectors/test_vectors.json of BLAKE3: input byte i is i % 251; the first 32 bytes of
     * "hash". */
    static const struct {
        size_t size;
        const char *hex;
    } vectors[] = {
        {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
        {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
        {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
        {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
        {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
    };
    enum { SIZE = 102400 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        firn_hash hash;
        char hex[65];
        fi_blake3_hash_of(bytes, vectors[v].size, &hash);
        fi_hex_encode(hash.bytes, sizeof hash.bytes, hex);
        assert_string_equal(hex, vectors[v].hex);
    }
    free(bytes);
}

static void
blake3_in_pieces_is_blake3_of_the_whole(void **state)
{
    struct test_random random;
    test_random_init(&random, "blake3", 13);
    enum { SIZE = 200000 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    test_random_fill(&random, bytes, SIZE);
    for (int round = 0; round < 100; round++) {
        size_t size = test_random_below(&random, SIZE);
        firn_hash whole;
        fi_blake3_hash_of(bytes, size, &whole);
        struct fi_blake3_hash hasher;
        fi_blake3_hash_init(&hasher);
        for (size_t at = 0; at < size;) {
            size_t piece = 1 + test_random_below(&random, size - at);
            fi_blake3_hash_update(&hasher, bytes + at, piece);
            at += piece;
            firn_hash so_far;
            firn_hash expected;
            fi_blake3_hash_final(&hasher, &so_far);
            fi_blake3_hash_of(bytes, at, &expected);
            assert_memory_equal(so_far.bytes, expected.bytes, 32);
        }
        firn_hash pieces;
        fi_blake3_hash_final(&hasher, &pieces);
        assert_memory_equal(pieces.bytes, whole.bytes, 32);
    }
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(crc32c_twins_agree_at_every_length_and_alignment),
        cmocka_unit_test(crc32c_continues_where_it_stopped),
        cmocka_unit_test(xxh3_gives_the_published_values),
        cmocka_unit_test(blake3_gives_the_published_values),
        cmocka_unit_test(blake3_in_pieces_is_blake3_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
