/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: CRC-32 against published values and against its twins.
 */
#include "codec/crc32.h"
#include "support/test.h"
#include "support/test_random.h"

/* The definition of the checksum, bit by bit. */
static uint32_t
bit_by_bit(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
        }
    }
    return ~crc;
}

static void
it_gives_the_published_values(void **state)
{
    /* The check value of the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC); the CRC
     * of the chunk IEND, which ends every PNG file; and a sentence that every implementation
     * shows. */
    static const struct {
        const char *text;
        uint32_t crc;
    } vectors[] = {
        {"", 0},
        {"123456789", 0xcbf43926},
        {"IEND", 0xae426082},
        {"The quick brown fox jumps over the lazy dog", 0x414fa339},
    };
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        size_t size = strlen(vectors[v].text);
        assert_int_equal(fi_crc32(0, vectors[v].text, size), vectors[v].crc);
        assert_int_equal(fi_crc32_portable(0, vectors[v].text, size), vectors[v].crc);
    }
    assert_int_equal(fi_crc32(0x12345678, "", 0), 0x12345678);
}

static void
twins_agree_at_every_length_and_alignment(void **state)
{
    struct test_random random;
    test_random_init(&random, "crc32", 21);
    enum { SIZE = 40000 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    test_random_fill(&random, bytes, SIZE);
    for (size_t size = 0; size <= 1200; size++) {
        size_t offset = size % 16;
        uint32_t start = (uint32_t)test_random_next(&random);
        uint32_t expected = bit_by_bit(start, bytes + offset, size);
        assert_int_equal(fi_crc32(start, bytes + offset, size), expected);
        assert_int_equal(fi_crc32_portable(start, bytes + offset, size), expected);
    }
    for (int round = 0; round < 2000; round++) {
        size_t offset = test_random_below(&random, 64);
        size_t size = test_random_below(&random, SIZE - 64);
        uint32_t start = (uint32_t)test_random_next(&random);
        assert_int_equal(fi_crc32(start, bytes + offset, size),
                         fi_crc32_portable(start, bytes + offset, size));
    }
    free(bytes);
}

static void
it_continues_where_it_stopped(void **state)
{
    struct test_random random;
    test_random_init(&random, "crc32_parts", 22);
    uint8_t bytes[8192];
    test_random_fill(&random, bytes, sizeof bytes);
    uint32_t whole = fi_crc32(0, bytes, sizeof bytes);
    for (int round = 0; round < 500; round++) {
        size_t cut = test_random_below(&random, sizeof bytes + 1);
        uint32_t crc = fi_crc32(0, bytes, cut);
        assert_int_equal(fi_crc32(crc, bytes + cut, sizeof bytes - cut), whole);
        crc = fi_crc32_portable(0, bytes, cut);
        assert_int_equal(fi_crc32_portable(crc, bytes + cut, sizeof bytes - cut), whole);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_the_published_values),
        cmocka_unit_test(twins_agree_at_every_length_and_alignment),
        cmocka_unit_test(it_continues_where_it_stopped),
    };
    return cmocka_run_group_tests_name("crc32", tests, NULL, NULL);
}
