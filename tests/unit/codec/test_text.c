/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: hexadecimal digits and UTF-8.
 */
#include "codec/hex.h"
#include "codec/utf8.h"
#include "support/test.h"

static void
hex_round_trips_in_both_cases(void **state)
{
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    char hex[2 * sizeof bytes + 1];
    fi_hex_encode(bytes, sizeof bytes, hex);
    assert_int_equal(strlen(hex), 2 * sizeof bytes);
    assert_memory_equal(hex + 2 * 0xab, "abacad", 6);
    uint8_t back[sizeof bytes];
    assert_true(fi_hex_decode(hex, back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof hex - 1; i++) {
        if (hex[i] >= 'a') {
            hex[i] = (char)(hex[i] - 'a' + 'A');
        }
    }
    memset(back, 0, sizeof back);
    assert_true(fi_hex_decode(hex, back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
    fi_hex_encode(bytes, 0, hex);
    assert_string_equal(hex, "");
}

static void
hex_refuses_every_other_character(void **state)
{
    for (int c = 0; c < 256; c++) {
        char digits[3] = {'0', (char)c, 0};
        uint8_t byte;
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        assert_int_equal(fi_hex_decode(digits, &byte, 1), is_digit);
        digits[0] = (char)c;
        digits[1] = '0';
        assert_int_equal(fi_hex_decode(digits, &byte, 1), is_digit);
    }
}

/* The canonical encoding, straight from the table of RFC 3629, section 3. */
static size_t
encode(uint32_t value, uint8_t *out)
{
    if (value < 0x80) {
        out[0] = (uint8_t)value;
        return 1;
    }
    size_t size = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (value & 0x3f));
        value >>= 6;
    }
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(marks[size] | value);
    return size;
}

static void
utf8_decodes_every_scalar_value(void **state)
{
    for (uint32_t value = 0; value <= 0x10ffff; value++) {
        uint8_t text[4];
        size_t size = encode(value, text);
        bool is_scalar = value < 0xd800 || value > 0xdfff;
        uint32_t back = 0;
        assert_int_equal(fi_utf8_decode(firn_bytes(text, size), &back), is_scalar ? size : 0);
        if (is_scalar) {
            assert_int_equal(back, value);
            assert_int_equal(fi_utf8_decode(firn_bytes(text, size - 1), &back), 0);
        }
    }
}

/* Every text of two bytes that are not ASCII is valid exactly if it is what encode makes of some
 * value; longer ones at the edges. */
static void
utf8_refuses_what_no_value_encodes_to(void **state)
{
    static uint8_t is_encoding[1 << 16];
    for (uint32_t value = 0x80; value < 0x800; value++) {
        uint8_t text[4];
        (void)encode(value, text);
        is_encoding[text[0] << 8 | text[1]] = 1;
    }
    for (uint32_t pair = 0x8000; pair < 0x10000; pair++) {
        uint8_t text[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        uint32_t value;
        assert_int_equal(fi_utf8_decode(firn_bytes(text, 2), &value), is_encoding[pair] ? 2 : 0);
    }
    static const char *const bad[] = {
        "\x80",     /* a continuation alone */
        "\xc0\xaf", /* overlong '/' in two, three and four bytes */
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf",
        "\xe0\x9f\xbf",     /* below the smallest of three */
        "\xf0\x8f\xbf\xbf", /* and of four */
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",     /* above U+10FFFF */
        "\xf8\x88\x80\x80\x80", /* five bytes, as before RFC 3629 */
        "\xfe",
        "\xff",
        "\xe2\x28\xa1",
        "\xf0\x9f\x98",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t value;
        assert_int_equal(fi_utf8_decode(firn_str(bad[i]), &value), 0);
        assert_false(fi_utf8_is_valid(firn_str(bad[i])));
    }
    uint32_t value;
    assert_int_equal(fi_utf8_decode(firn_bytes(NULL, 0), &value), 0);
    assert_true(fi_utf8_is_valid(firn_bytes(NULL, 0)));
}

static void
utf8_finds_one_bad_byte_anywhere(void **state)
{
    static const char text[] =
        "plain text, then gr\xc3\xbc\xc3\x9f, \xe6\xbc\xa2\xe5\xad\x97 and \xf0\x9f\x98\x80 "
        "and again plain text of some length";
    uint8_t bytes[sizeof text - 1];
    memcpy(bytes, text, sizeof bytes);
    assert_true(fi_utf8_is_valid(firn_bytes(bytes, sizeof bytes)));
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 0xff;
        assert_false(fi_utf8_is_valid(firn_bytes(bytes, sizeof bytes)));
        bytes[i] = (uint8_t)text[i];
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_round_trips_in_both_cases),
        cmocka_unit_test(hex_refuses_every_other_character),
        cmocka_unit_test(utf8_decodes_every_scalar_value),
        cmocka_unit_test(utf8_refuses_what_no_value_encodes_to),
        cmocka_unit_test(utf8_finds_one_bad_byte_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
