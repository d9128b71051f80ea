/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs: damaged and forged tables. Whatever is done to the bytes, a table is refused, and
 * verify names what is wrong; what changes after opening is noticed when it is read.
 */
#include "alxs/alxs_format.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "codec/crc32.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_peak.h"
#include "unit/alxs/alxs_fixture.h"

#define STR(text)                                 \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static struct fi_os *os;
static struct fi_os_dir *dir;
static firn_error err;
static struct fi_buf bytes; /* of the table */

static const struct alxs_pair pairs[] = {
    {STR(""), STR("empty")},
    {STR("ada"), STR("1815")},
    {STR("ada"), STR("1852")},
    {STR("alan"), STR("")},
    {STR("grace"), STR("1906, a value that is longer than most")},
    {STR("grace hopper"), STR("")},
    {STR("grace hopper, rear admiral"), STR("x")},
};
enum { COUNT = sizeof pairs / sizeof pairs[0] };

static int
set_up(void **state)
{
    dir = alxs_fixture_machine(&os);
    alxs_fixture_write(dir, "t", pairs, COUNT);
    test_file_read(dir, "t", &bytes);
    return 0;
}

static int
tear_down(void **state)
{
    fi_buf_deinit(&bytes);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    return 0;
}

struct told {
    size_t count;
    char first[FIRN_ERROR_TEXT_SIZE];
};

static void
tell(void *ctx, const char *text)
{
    struct told *told = ctx;
    assert_non_null(strstr(text, "t'"));
    if (told->count++ == 0) {
        (void)snprintf(told->first, sizeof told->first, "%s", text);
    }
}

/* Opening refuses these bytes, verify finds at least one thing. */
static int
expect_damage(firn_slice damaged)
{
    struct firn_alxs *table;
    struct told told = {0};
    firn_alxs_info info;
    test_file_write(dir, "t", damaged.data, damaged.size);
    int rc = fi_alxs_open(dir, "t", &alxs_fixture_defaults, &table, &err);
    assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_LIMIT);
    assert_null(table);
    assert_non_null(strstr(err.text, "t'"));
    int verify_rc =
        fi_alxs_verify(dir, "t", &alxs_fixture_defaults, tell, &told, NULL, &info, &err);
    assert_true(verify_rc == rc || (verify_rc == FIRN_CORRUPT && told.count > 0));
    assert_int_equal(info.file_size, damaged.size);
    return rc;
}

static void
every_bit_matters(void **state)
{
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int rc = expect_damage(fi_buf_slice(&bytes));
        /* A later version is said to be one, and the size of a key may be beyond what is taken:
         * but here it is beyond the file first. */
        assert_int_equal(rc, bit / 8 == 4 || bit / 8 == 5
                                 ? (fi_load_le16(bytes.data + 4) > 1 ? FIRN_NEWER : FIRN_CORRUPT)
                                 : FIRN_CORRUPT);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void
any_other_length_is_damage(void **state)
{
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(expect_damage(firn_bytes(bytes.data, size)), FIRN_CORRUPT);
        /* And cut at the front. */
        assert_int_equal(expect_damage(firn_bytes(bytes.data + bytes.size - size, size)),
                         FIRN_CORRUPT);
    }
    for (size_t more = 1; more < 100; more++) {
        assert_int_equal(fi_buf_append_u8(&bytes, (uint8_t)more), FIRN_OK);
        assert_int_equal(expect_damage(fi_buf_slice(&bytes)), FIRN_CORRUPT);
    }
}

/* ---- forged, with knowledge of the format ---- */

/* A file with these records, and with header and footer that say what is wanted. */
static void
forge(struct fi_buf *out, firn_slice records, uint64_t header_count, uint64_t footer_count)
{
    uint8_t header[FI_ALXS_HEADER_SIZE];
    uint8_t footer[FI_ALXS_FOOTER_SIZE];
    fi_alxs_format_put_header(header, header_count);
    fi_alxs_format_put_footer(footer, footer_count, fi_crc32(0, records.data, records.size));
    fi_buf_clear(out);
    assert_int_equal(fi_buf_append(out, header, sizeof header), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(out, records), FIRN_OK);
    assert_int_equal(fi_buf_append(out, footer, sizeof footer), FIRN_OK);
}

static firn_slice
records_of_table(void)
{
    return firn_bytes(bytes.data + FI_ALXS_HEADER_SIZE, bytes.size - FI_ALXS_FILE_SIZE_MIN);
}

static void
counts_that_are_not_true_are_refused(void **state)
{
    static const uint64_t hostile[] = {0,
                                       COUNT - 1,
                                       COUNT + 1,
                                       UINT32_MAX,
                                       INT64_MAX,
                                       (uint64_t)INT64_MAX + 1,
                                       UINT64_MAX / 8,
                                       UINT64_MAX};
    struct fi_buf forged = {0};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        forge(&forged, records_of_table(), hostile[i], hostile[i]);
        assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
        forge(&forged, records_of_table(), COUNT, hostile[i]);
        assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
        forge(&forged, records_of_table(), hostile[i], COUNT);
        assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
        forge(&forged, firn_bytes(bytes.data, 0), hostile[i] + 1, hostile[i] + 1);
        if (hostile[i] != UINT64_MAX) {
            assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
        }
    }
    fi_buf_deinit(&forged);
}

static void
sizes_that_lead_nowhere_are_refused(void **state)
{
    static const uint32_t hostile[] = {1, 7, 8, 0x7fffffff, 0x80000000, UINT32_MAX - 8, UINT32_MAX};
    struct fi_buf forged = {0};
    struct fi_buf records = {0};
    assert_int_equal(fi_buf_append_slice(&records, records_of_table()), FIRN_OK);
    for (size_t at = 0; at < records.size;
         at += (size_t)fi_alxs_format_record_size(records.data + at)) {
        for (size_t i = 0; i < 2 * sizeof hostile / sizeof hostile[0]; i++) {
            size_t field = at + i % 2 * 4;
            uint32_t saved = fi_load_le32(records.data + field);
            fi_store_le32(records.data + field, saved + hostile[i / 2]);
            forge(&forged, fi_buf_slice(&records), COUNT, COUNT);
            assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
            fi_store_le32(records.data + field, saved);
        }
    }
    /* Bytes that are less than a record. */
    for (size_t more = 1; more < FI_ALXS_RECORD_HEAD_SIZE; more++) {
        assert_int_equal(fi_buf_append_u8(&records, 0), FIRN_OK);
        forge(&forged, fi_buf_slice(&records), COUNT, COUNT);
        assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
    }
    fi_buf_deinit(&records);
    fi_buf_deinit(&forged);
}

static void
nothing_is_allocated_for_what_a_forger_claims(void **state)
{
    test_peak_install();
    assert_int_equal(set_up(state), 0);
    (void)test_peak_take();
    counts_that_are_not_true_are_refused(state);
    sizes_that_lead_nowhere_are_refused(state);
    size_t peak = test_peak_take();
    (void)printf("memory: %zu bytes\n", peak);
    assert_in_range(peak, 1, 350 << 10);
    assert_int_equal(tear_down(state), 0);
    test_peak_uninstall();
}

static void
keys_out_of_order_are_refused(void **state)
{
    static const struct alxs_pair swapped[] = {{STR("b"), STR("1")}, {STR("a"), STR("2")}};
    struct fi_buf records = {0};
    struct fi_buf forged = {0};
    struct told told = {0};
    firn_alxs_info info;
    for (size_t i = 0; i < 2; i++) {
        uint8_t head[FI_ALXS_RECORD_HEAD_SIZE];
        fi_alxs_format_put_record_head(head, 1, 1);
        assert_int_equal(fi_buf_append(&records, head, sizeof head), FIRN_OK);
        assert_int_equal(fi_buf_append_slice(&records, swapped[i].key), FIRN_OK);
        assert_int_equal(fi_buf_append_slice(&records, swapped[i].value), FIRN_OK);
    }
    forge(&forged, fi_buf_slice(&records), 2, 2);
    assert_int_equal(expect_damage(fi_buf_slice(&forged)), FIRN_CORRUPT);
    assert_int_equal(
        fi_alxs_verify(dir, "t", &alxs_fixture_defaults, tell, &told, NULL, &info, &err),
        FIRN_CORRUPT);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.first, "offset 26"));
    assert_int_equal(info.count, 2);
    fi_buf_deinit(&records);
    fi_buf_deinit(&forged);
}

static void
a_table_that_was_not_finished_says_so(void **state)
{
    /* As the original's writer leaves it: without footer, and before the header was patched. */
    struct told told = {0};
    firn_alxs_info info;
    struct fi_buf begun = {0};
    assert_int_equal(fi_buf_append(&begun, bytes.data, bytes.size - FI_ALXS_FOOTER_SIZE), FIRN_OK);
    fi_store_le64(begun.data + 8, 0);
    assert_int_equal(expect_damage(fi_buf_slice(&begun)), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "is damaged"));
    assert_int_equal(
        fi_alxs_verify(dir, "t", &alxs_fixture_defaults, tell, &told, NULL, &info, &err),
        FIRN_CORRUPT);
    assert_non_null(strstr(told.first, "not finished"));
    fi_store_le64(bytes.data + 8, 0);
    assert_int_equal(expect_damage(fi_buf_slice(&bytes)), FIRN_CORRUPT);
    told.count = 0;
    assert_int_equal(
        fi_alxs_verify(dir, "t", &alxs_fixture_defaults, tell, &told, NULL, &info, &err),
        FIRN_CORRUPT);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.first, "header"));
    assert_int_equal(info.count, COUNT);
    fi_buf_deinit(&begun);
}

static void
verify_names_each_damaged_part(void **state)
{
    struct told told = {0};
    firn_alxs_info info;
    bytes.data[0] ^= 1;               /* the mark */
    bytes.data[6] ^= 1;               /* a zero */
    bytes.data[8] ^= 1;               /* the header's count */
    bytes.data[16 + 8 + 0] ^= 1;      /* the value of the empty key */
    bytes.data[bytes.size - 16] ^= 1; /* the footer's mark */
    test_file_write(dir, "t", bytes.data, bytes.size);
    expect_rc(fi_alxs_verify(dir, "t", &alxs_fixture_defaults, tell, &told, NULL, &info, &err),
              FIRN_CORRUPT, &err);
    assert_int_equal(told.count, 5);
    assert_non_null(strstr(err.text, "5 findings"));
    assert_int_equal(info.count, COUNT);
    assert_int_equal(info.equal_count, 1);
    told.count = 0;
    expect_rc(fi_alxs_verify(dir, "t", &alxs_fixture_defaults, NULL, NULL, NULL, &info, &err),
              FIRN_CORRUPT, &err);
    expect_rc(
        fi_alxs_verify(dir, "missing", &alxs_fixture_defaults, tell, &told, NULL, &info, &err),
        FIRN_NOT_FOUND, &err);
    assert_int_equal(told.count, 0);
}

/* ---- after opening ---- */

/* Overwrites bytes of the file that is open. */
static void
patch(size_t at, firn_slice with)
{
    struct fi_os_file *file;
    expect_rc(fi_os_file_open(dir, "t", FI_OS_WRITE, 0, &file, &err), FIRN_OK, &err);
    expect_rc(fi_os_file_write(file, at, with.data, with.size, &err), FIRN_OK, &err);
    fi_os_file_close(file);
}

static void
what_changes_after_opening_is_never_returned(void **state)
{
    uint8_t *value;
    size_t size;
    struct firn_alxs_cursor *cursor;
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    for (size_t at = FI_ALXS_HEADER_SIZE; at < bytes.size - FI_ALXS_FOOTER_SIZE; at++) {
        uint8_t other = (uint8_t)(bytes.data[at] ^ 0x20);
        patch(at, firn_bytes(&other, 1));
        for (size_t i = 0; i < COUNT; i++) {
            int rc = fi_alxs_get(table, pairs[i].key, &value, &size, &err);
            expect_rc(rc, FIRN_CORRUPT, &err);
        }
        expect_rc(fi_alxs_get(table, firn_str("nobody"), &value, &size, &err), FIRN_CORRUPT, &err);
        expect_rc(fi_alxs_cursor_open(table, &cursor, &err), FIRN_OK, &err);
        expect_rc(fi_alxs_cursor_first(cursor, &err), FIRN_CORRUPT, &err);
        expect_rc(fi_alxs_cursor_last(cursor, &err), FIRN_CORRUPT, &err);
        expect_rc(fi_alxs_cursor_seek(cursor, firn_str("b"), &err), FIRN_CORRUPT, &err);
        alxs_fixture_expect_at(cursor, NULL);
        expect_rc(fi_alxs_cursor_next(cursor, &err), FIRN_MISUSE, &err);
        expect_rc(fi_alxs_cursor_prev(cursor, &err), FIRN_MISUSE, &err);
        patch(at, firn_bytes(bytes.data + at, 1));
        expect_rc(fi_alxs_cursor_first(cursor, &err), FIRN_OK, &err);
        fi_alxs_cursor_close(cursor);
    }
    alxs_fixture_expect_all(table, pairs, COUNT);
    fi_alxs_close(table);
}

static void
a_search_is_not_led_astray_by_a_key_that_changed(void **state)
{
    /* Large records: each begins a block. Their keys differ after the heads that the index keeps,
     * so they are read again for a search. */
    enum { SIZE = 200 << 10, KEYS = 5 };
    static const uint8_t zeros[SIZE];
    static const char *const keys[KEYS] = {"the same head for all 1", "the same head for all 2",
                                           "the same head for all 3", "the same head for all 4",
                                           "the same head for all 5"};
    struct alxs_pair large[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        large[i].key = firn_str(keys[i]);
        large[i].value = firn_bytes(zeros, SIZE);
    }
    expect_rc(fi_os_remove_file(dir, "t", &err), FIRN_OK, &err);
    alxs_fixture_write(dir, "t", large, KEYS);
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    assert_int_equal(table->index.count, KEYS);
    uint8_t *value;
    size_t size;
    /* The middle key becomes larger than all: a search that believed it would go left. */
    size_t middle = FI_ALXS_HEADER_SIZE + 2 * (8 + strlen(keys[0]) + SIZE) + 8;
    patch(middle + strlen(keys[0]) - 1, firn_str("9"));
    expect_rc(fi_alxs_get(table, large[4].key, &value, &size, &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, "the key at offset"));
    /* Where heads decide nothing is read. */
    expect_rc(fi_alxs_get(table, firn_str("another"), &value, &size, &err), FIRN_NOT_FOUND, &err);
    /* A file that became shorter. */
    struct fi_os_file *file;
    expect_rc(fi_os_file_open(dir, "t", FI_OS_WRITE, 0, &file, &err), FIRN_OK, &err);
    expect_rc(fi_os_file_truncate(file, 100, &err), FIRN_OK, &err);
    fi_os_file_close(file);
    expect_rc(fi_alxs_get(table, firn_str("zebra"), &value, &size, &err), FIRN_CORRUPT, &err);
    fi_alxs_close(table);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_bit_matters),
        TEST(any_other_length_is_damage),
        TEST(counts_that_are_not_true_are_refused),
        TEST(sizes_that_lead_nowhere_are_refused),
        cmocka_unit_test(nothing_is_allocated_for_what_a_forger_claims),
        TEST(keys_out_of_order_are_refused),
        TEST(a_table_that_was_not_finished_says_so),
        TEST(verify_names_each_damaged_part),
        TEST(what_changes_after_opening_is_never_returned),
        TEST(a_search_is_not_led_astray_by_a_key_that_changed),
    };
    return cmocka_run_group_tests_name("alxsv1_damage", tests, NULL, NULL);
}
