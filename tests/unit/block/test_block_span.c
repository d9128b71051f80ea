/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: blocks that were read many at once and decoded one by one are those that are read one by
 * one, and believed no more.
 */
#include "unit/block/block_fixture.h"

static struct fi_block_reader *
open_sample(struct block_fixture *fixture)
{
    firn_error err;
    struct fi_block_reader *reader;
    block_fixture_init(fixture);
    block_fixture_fill(fixture);
    assert_int_equal(block_fixture_write(fixture, fixture->dir, "a", &err), FIRN_OK);
    assert_int_equal(fi_block_reader_open(fixture->dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    return reader;
}

static void
blocks_read_at_once_are_those_read_one_by_one(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    struct fi_block_reader *reader = open_sample(&fixture);
    struct fi_buf body = {0};
    struct fi_buf buffer = {0};
    size_t size = (size_t)(fi_block_reader_body_end(reader) - FI_BLOCK_BODY_START);
    assert_int_equal(fi_buf_set_size(&body, size), FIRN_OK);
    assert_int_equal(fi_block_reader_read_span(reader, FI_BLOCK_BODY_START, size, body.data, &err),
                     FIRN_OK);
    for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
        firn_slice raw;
        const struct fi_block_ref *ref = &fixture.refs[i];
        uint8_t *bytes = body.data + (ref->offset - FI_BLOCK_BODY_START);
        assert_int_equal(
            fi_block_reader_decode(reader, ref, bytes, fixture.compress, &buffer, &raw, &err),
            FIRN_OK);
        assert_int_equal(raw.size, fixture.raw[i].size);
        assert_true(raw.size == 0 || memcmp(raw.data, fixture.raw[i].data, raw.size) == 0);
        for (uint64_t at = 0; at < fi_block_reader_span(ref); at++) {
            bytes[at] ^= 4;
            assert_int_equal(
                fi_block_reader_decode(reader, ref, bytes, fixture.compress, &buffer, &raw, &err),
                FIRN_CORRUPT);
            assert_non_null(strstr(err.text, "/a"));
            bytes[at] ^= 4;
        }
        struct fi_block_ref wrong = *ref;
        wrong.raw_size++;
        assert_int_equal(
            fi_block_reader_decode(reader, &wrong, bytes, fixture.compress, &buffer, &raw, &err),
            FIRN_CORRUPT);
        wrong = *ref;
        wrong.offset += 8;
        assert_int_equal(
            fi_block_reader_decode(reader, &wrong, bytes, fixture.compress, &buffer, &raw, &err),
            FIRN_CORRUPT);
    }
    fi_buf_deinit(&body);
    fi_buf_deinit(&buffer);
    fi_block_reader_close(reader);
    block_fixture_deinit(&fixture);
}

static void
spans_outside_the_body_are_refused(void **state)
{
    firn_error err;
    uint8_t bytes[64];
    struct block_fixture fixture;
    struct fi_block_reader *reader = open_sample(&fixture);
    uint64_t end = fi_block_reader_body_end(reader);
    assert_int_equal(fi_block_reader_read_span(reader, end - 64, 64, bytes, &err), FIRN_OK);
    assert_int_equal(fi_block_reader_read_span(reader, end - 63, 64, bytes, &err), FIRN_CORRUPT);
    assert_int_equal(fi_block_reader_read_span(reader, UINT64_MAX, 64, bytes, &err), FIRN_CORRUPT);
    fi_block_reader_close(reader);
    block_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_read_at_once_are_those_read_one_by_one),
        cmocka_unit_test(spans_outside_the_body_are_refused),
    };
    return cmocka_run_group_tests_name("block_span", tests, NULL, NULL);
}
