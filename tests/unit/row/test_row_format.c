/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: the format is what docs/formats/row.md says, as golden files and field by field; parts
 * that lie are refused, also under right checksums.
 *
 * Contents of tests/formats/row/plain.row: identity 00 01 … 0f, no compression; "a" put "1" at 5,
 * "apple" deleted at 9 and put "red" at 3, "b" with a zero byte put "" at 300; a range delete of
 * ["c", "d") at 8. tests/formats/row/packed.row: zstd; "key-000" to "key-199", each put "value
 * <number>" at its number + 1, and "large" put 70,000 times "x" at 1000. FIRN_TEST_WRITE_GOLDEN=1
 * writes them anew: only for a new format.
 */
#include "unit/row/row_fixture.h"

#include "base/bytes.h"
#include "row/row_internal.h"
#include "support/test_identity.h"

static void
fill_plain(struct row_model *model)
{
    *model = (struct row_model){0};
    row_model_add(model, firn_str("a"), 5, FI_ENTRY_PUT, firn_str("1"));
    row_model_add(model, firn_str("apple"), 9, FI_ENTRY_DELETE, firn_str(""));
    row_model_add(model, firn_str("apple"), 3, FI_ENTRY_PUT, firn_str("red"));
    row_model_add(model, firn_bytes("b", 2), 300, FI_ENTRY_PUT, firn_str(""));
    row_model_add_range(model, firn_str("c"), firn_str("d"), 8);
    row_model_sort(model);
}

static void
fill_packed(struct row_model *model)
{
    static uint8_t large[70000];
    *model = (struct row_model){0};
    for (unsigned i = 0; i < 200; i++) {
        char key[16];
        char value[16];
        (void)snprintf(key, sizeof key, "key-%03u", i);
        (void)snprintf(value, sizeof value, "value %u", i);
        row_model_add(model, firn_str(key), i + 1, FI_ENTRY_PUT, firn_str(value));
    }
    memset(large, 'x', sizeof large);
    row_model_add(model, firn_str("large"), 1000, FI_ENTRY_PUT, firn_bytes(large, sizeof large));
    row_model_sort(model);
}

/* All kinds of entries. */
static void
fill_values(struct row_model *model)
{
    static const uint8_t add[] = {1, 5, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t expiring[] = {1, 2, 3, 4, 5, 6, 7, 8, 'v'};
    *model = (struct row_model){0};
    row_model_add(model, firn_str("a"), 5, FI_ENTRY_MERGE, firn_bytes(add, sizeof add));
    row_model_add(model, firn_str("a"), 4, FI_ENTRY_EXPIRING,
                  firn_bytes(expiring, sizeof expiring));
    row_model_add(model, firn_str("a"), 3, FI_ENTRY_MERGE, firn_bytes("\2", 1));
    row_model_add(model, firn_str("a"), 2, FI_ENTRY_DELETE, firn_str(""));
    row_model_add(model, firn_str("a"), 1, FI_ENTRY_PUT, firn_str("v"));
    row_model_sort(model);
}

/* The file of the model, as it is always made. */
static void
make_file(const struct row_model *model, enum fi_codec codec, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_ops ops;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 0);
    test_identity_fix(fixture.os, &ops);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = codec, .codec_level = 1};
    assert_int_equal(row_model_build(model, &env, "run", &options, NULL, &err), FIRN_OK);
    test_file_read(fixture.dir, "run", out);
    row_fixture_deinit(&fixture);
}

/* Reads a file of the source tree. */
static void
read_golden(const char *path, struct fi_buf *out)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fi_buf_set_size(out, 1 << 20), FIRN_OK);
    out->size = fread(out->data, 1, out->size, file);
    assert_int_equal(fclose(file), 0);
}

/* Opens the bytes and compares all that is in them. */
static void
compare_file(const struct row_model *model, firn_slice bytes)
{
    firn_error err;
    struct row_fixture fixture;
    struct fi_run *run;
    row_fixture_init(&fixture, 1 << 20);
    test_file_write(fixture.dir, "run", bytes.data, bytes.size);
    struct fi_run_env env = row_fixture_env(&fixture);
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    row_model_compare_summary(model, fi_row_kind.summary(run));
    row_model_compare_scan(model, run, false);
    struct fi_snapshot_interval interval = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
    for (size_t i = 0; i < model->count; i++) {
        row_model_compare_get(model, run, model->entries[i].key, &snapshot);
    }
    row_model_check_is_clean(run);
    fi_row_kind.close(run);
    row_fixture_deinit(&fixture);
}

static void
the_builder_makes_the_plain_golden_run(void **state)
{
    struct row_model model;
    struct fi_buf bytes = {0};
    fill_plain(&model);
    make_file(&model, FI_CODEC_NONE, &bytes);
    test_file_compare_golden("tests/formats/row/plain.row", fi_buf_slice(&bytes));
    compare_file(&model, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
    row_model_deinit(&model);
}

static void
the_builder_makes_the_golden_run_of_all_kinds(void **state)
{
    struct row_model model;
    struct fi_buf bytes = {0};
    fill_values(&model);
    make_file(&model, FI_CODEC_NONE, &bytes);
    test_file_compare_golden("tests/formats/row/values.row", fi_buf_slice(&bytes));
    compare_file(&model, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
    row_model_deinit(&model);
}

/* What a codec makes of the same bytes may change with its library; that it is read may not. */
static void
the_packed_golden_run_is_read_for_ever(void **state)
{
    static const char path[] = "tests/formats/row/packed.row";
    struct row_model model;
    struct fi_buf bytes = {0};
    fill_packed(&model);
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        make_file(&model, FI_CODEC_ZSTD, &bytes);
        test_file_compare_golden(path, fi_buf_slice(&bytes));
    }
    read_golden(path, &bytes);
    assert_true(bytes.size < 8192);
    compare_file(&model, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
    row_model_deinit(&model);
}

static void
every_field_of_the_plain_golden_run_has_its_place(void **state)
{
    struct fi_buf file = {0};
    read_golden("tests/formats/row/plain.row", &file);
    /* The first block: four entries, nothing shared, sequences of two bytes from 3 on. */
    const uint8_t *block = file.data + 128 + 24;
    static const uint8_t head[16] = {4, 0, 0, 0, 2, 0, 0, 0, 3};
    assert_memory_equal(block, head, sizeof head);
    assert_int_equal(block[16], (uint8_t)fi_xxh3("a", 1, 0));
    assert_int_equal(block[17], (uint8_t)fi_xxh3("apple", 5, 0));
    assert_int_equal(block[18], block[17]);
    assert_int_equal(block[19], (uint8_t)fi_xxh3("b", 2, 0));
    for (size_t i = 20; i < 32; i++) {
        assert_int_equal(block[i], 0);
    }
    static const uint8_t rest[] = {
        48,  0,   53,         0,   61,  0,   72,  0,   /* offsets */
        0,   'a', 'p',        'a', 'p', 'a', 0,   'b', /* heads, as numbers */
        2,   0,   1 << 3 | 1, 'a', '1',                /* 5 - 3, a put */
        6,   0,   5 << 3 | 2, 'a', 'p', 'p', 'l', 'e', 0, 0,          5 << 3 | 1, 'a',
        'p', 'p', 'l',        'e', 'r', 'e', 'd', 41,  1, 2 << 3 | 1, 'b',        0};
    assert_memory_equal(block + 32, rest, sizeof rest);
    size_t block_size = 32 + sizeof rest;
    assert_int_equal(fi_load_le32(file.data + 128 + 8), block_size);
    /* After it the range, the filter, the index, the summary. */
    const uint8_t *at = file.data + 128 + ((24 + block_size + 7) & ~(size_t)7);
    static const uint8_t range[] = {1, 'c', 1, 'd', 8};
    assert_memory_equal(at + 24, range, sizeof range);
    at += (24 + sizeof range + 7) & ~(size_t)7;
    assert_int_equal(fi_load_le32(at + 8), 64);
    uint64_t hash = fi_xxh3("apple", 5, 0);
    uint64_t bits = hash * UINT64_C(0x9e3779b97f4a7c15) >> 16;
    for (size_t i = 0; i < 8; i++, bits >>= 6) {
        assert_true(fi_load_le64(at + 24 + 8 * i) >> (bits & 63) & 1);
    }
    at += 24 + 64;
    const uint8_t *index = at + 24;
    assert_int_equal(fi_load_le32(at + 8), 64 + 56 + 1);
    assert_int_equal(fi_load_le32(index), 0);
    assert_int_equal(fi_load_le32(index + 4), 1);
    assert_int_equal(fi_load_le64(index + 8), 4);
    assert_int_equal(fi_load_le32(index + 16), 1); /* the only separator is shared by all */
    assert_int_equal(fi_load_le32(index + 20), 0);
    assert_int_equal(fi_load_le64(index + 64), 128);
    assert_int_equal(fi_load_le32(index + 72), block_size);
    assert_int_equal(fi_load_le32(index + 76), block_size);
    assert_int_equal(fi_load_le64(index + 80), 3);
    assert_int_equal(fi_load_le64(index + 88), 300);
    assert_int_equal(fi_load_le64(index + 96), 0); /* head of the empty rest */
    assert_true(fi_load_le64(index + 104) == UINT64_MAX);
    assert_int_equal(fi_load_le64(index + 112), 0);
    assert_int_equal(index[120], 'a');
    at += (24 + 64 + 56 + 1 + 7) & ~7;
    static const uint64_t numbers[] = {1, 4, 1, 1, 17, 3, 300};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(fi_load_le64(at + 24 + 8 * i), numbers[i]);
    }
    assert_int_equal(fi_load_le32(at + 24 + 56), 1);
    assert_int_equal(fi_load_le32(at + 24 + 60), 1);
    assert_memory_equal(at + 24 + 64, "ad", 2);
    fi_buf_deinit(&file);
}

/* ---- parts that lie ---- */

struct lie {
    const char *what;
    size_t at;
    int size;
    uint64_t value;
    int expected;
};

static void
check_lies(firn_slice good, const struct lie *lies, size_t count,
           int (*check)(firn_slice raw, firn_error *err))
{
    firn_error err;
    assert_int_equal(check(good, &err), FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        /* Of exactly this size, so that a sanitizer sees a read beyond it. */
        uint8_t *bad = malloc(good.size);
        assert_non_null(bad);
        memcpy(bad, good.data, good.size);
        memcpy(bad + lies[i].at, &lies[i].value, (size_t)lies[i].size);
        int rc = check(firn_bytes(bad, good.size), &err);
        if (rc != lies[i].expected) {
            fail_msg("%s: %s, expected %s", lies[i].what, firn_code_name(rc),
                     firn_code_name(lies[i].expected));
        }
        free(bad);
    }
    for (size_t size = 0; size < good.size; size++) {
        uint8_t *bad = malloc(size + 1);
        assert_non_null(bad);
        memcpy(bad, good.data, size);
        assert_int_not_equal(check(firn_bytes(bad, size), &err), FIRN_OK);
        free(bad);
    }
}

static void
blocks_that_lie_are_refused(void **state)
{
    struct fi_row_pending pending = {0};
    struct fi_buf raw = {0};
    uint8_t locator[16 + 8] = {0};
    fi_store_le64(locator, (1 << 20) + 1);
    fi_store_le64(locator + 8, 128);
    const struct fi_entry entries[] = {
        {firn_str("ka"), firn_str("1"), 9, FI_ENTRY_PUT, NULL, NULL, false},
        {firn_str("kb"), firn_str(""), 7, FI_ENTRY_DELETE, NULL, NULL, false},
        {firn_str("kb"), firn_bytes(locator, sizeof locator), 5, FI_ENTRY_PUT, NULL, NULL, false}};
    for (size_t i = 0; i < 3; i++) {
        struct fi_row_pending_sums sums = fi_row_pending_with(&pending, &entries[i]);
        assert_int_equal(fi_row_pending_add(&pending, &entries[i], i == 2, 1, &sums), FIRN_OK);
    }
    assert_int_equal(fi_row_pending_encode(&pending, &raw), FIRN_OK);
    /* 16 header, 16 tags, offsets at 32, heads at 38, prefix at 44, entries at 45, 49, 52. */
    assert_int_equal(raw.size, 52 + 3 + 24);
    const struct lie lies[] = {
        {"no entries", 0, 2, 0, FIRN_CORRUPT},
        {"one entry less", 0, 2, 2, FIRN_CORRUPT},
        {"one entry more", 0, 2, 4, FIRN_CORRUPT},
        {"more entries than fit", 0, 2, 65535, FIRN_CORRUPT},
        {"a longer prefix", 2, 2, 2, FIRN_CORRUPT},
        {"a shorter prefix", 2, 2, 0, FIRN_CORRUPT},
        {"a prefix beyond the end", 2, 2, 65535, FIRN_CORRUPT},
        {"sequences of nine bytes", 4, 1, 9, FIRN_CORRUPT},
        {"sequences of eight bytes", 4, 1, 8, FIRN_CORRUPT},
        {"flags", 5, 1, 2, FIRN_CORRUPT},
        {"wide offsets", 5, 1, 1, FIRN_CORRUPT},
        {"a prefix of 64 KiB more", 6, 1, 1, FIRN_CORRUPT},
        {"reserved", 7, 1, 1, FIRN_CORRUPT},
        {"a sequence that wraps around", 8, 8, UINT64_MAX, FIRN_CORRUPT},
        {"a tag of nothing", 16 + 3, 1, 1, FIRN_CORRUPT},
        {"the last tag of nothing", 31, 1, 1, FIRN_CORRUPT},
        {"first offset", 32, 2, 46, FIRN_CORRUPT},
        {"an offset backwards", 34, 2, 44, FIRN_CORRUPT},
        {"an offset at the end", 36, 2, 52 + 27, FIRN_CORRUPT},
        {"an offset outside", 36, 2, 65535, FIRN_CORRUPT},
        {"a head", 38, 2, 0, FIRN_CORRUPT},
        {"the order of keys", 47, 1, 'c', FIRN_CORRUPT},
        {"the order of versions", 52, 1, 2, FIRN_CORRUPT},
        {"a key of another length", 46, 1, 2 << 3 | 1, FIRN_CORRUPT},
        {"a key too long", 53, 2, 0x7fff, FIRN_CORRUPT},
        {"an endless varint", 53, 4, UINT32_MAX, FIRN_CORRUPT},
        {"an expiring put that does not say when", 46, 1, 1 << 3, FIRN_CORRUPT},
        {"a merge that does not say how", 50, 1, 1 << 3 | 3, FIRN_CORRUPT},
        {"a tombstone with a value", 46, 1, 1 << 3 | 2, FIRN_CORRUPT},
        {"a tombstone elsewhere", 50, 1, 1 << 3 | 6, FIRN_CORRUPT},
        {"a locator that is none", 46, 1, 1 << 3 | 5, FIRN_CORRUPT},
        {"a value of no bytes elsewhere", 55, 8, 0, FIRN_CORRUPT},
        {"a value of fewer pieces", 55, 8, 1 << 20, FIRN_CORRUPT},
        {"a value of more pieces", 55, 8, (2 << 20) + 1, FIRN_CORRUPT},
        {"a value too large", 55, 8, UINT64_MAX, FIRN_CORRUPT},
        {"pieces at the end of numbers", 63, 8, UINT64_MAX - 7, FIRN_CORRUPT},
    };
    check_lies(fi_buf_slice(&raw), lies, sizeof lies / sizeof lies[0], fi_row_block_check);
    fi_row_pending_deinit(&pending);
    fi_buf_deinit(&raw);
}

static void
indexes_that_lie_are_refused(void **state)
{
    firn_error err;
    struct fi_row_index_builder builder = {.records = {0}};
    struct fi_buf raw = {0};
    static const char *const separators[] = {"key-1", "key-22", "key-3"};
    for (size_t i = 0; i < 3; i++) {
        struct fi_row_index_block block = {
            .ref = {128 + 1000 * i, 900, 4000}, .sequence_min = 1, .sequence_max = 5};
        struct fi_row_index_separator separator = {firn_str(separators[i]), UINT64_MAX};
        assert_int_equal(fi_row_index_builder_add(&builder, &block, &separator, &err), FIRN_OK);
    }
    assert_int_equal(fi_row_index_builder_encode(&builder, 50, &raw), FIRN_OK);
    const size_t heads = 64 + 3 * 32;
    const size_t places = heads + 3 * 8;
    const struct lie lies[] = {
        {"flags", 0, 4, 1, FIRN_NEWER},
        {"reserved", 24, 1, 1, FIRN_NEWER},
        {"the last reserved byte", 63, 1, 1, FIRN_NEWER},
        {"no blocks", 4, 4, 0, FIRN_CORRUPT},
        {"one block more", 4, 4, 4, FIRN_CORRUPT},
        {"endless blocks", 4, 4, UINT32_MAX, FIRN_CORRUPT},
        {"a longer prefix", 16, 4, 5, FIRN_CORRUPT},
        {"a prefix that takes the rests", 16, 8, 8, FIRN_CORRUPT},
        {"an endless prefix", 16, 4, UINT32_MAX, FIRN_CORRUPT},
        {"fewer rests", 20, 4, 3, FIRN_CORRUPT},
        {"a head", heads + 8, 8, 7, FIRN_CORRUPT},
        {"a block in no order", 64 + 32, 8, 128, FIRN_CORRUPT},
        {"a block within the one before", 64 + 32, 8, 128 + 900, FIRN_CORRUPT},
        {"a block at the end of numbers", 64 + 64, 8, UINT64_MAX - 7, FIRN_CORRUPT},
        {"a block stored too large", 64 + 8, 4, UINT32_MAX, FIRN_CORRUPT},
        {"a block too large", 64 + 12, 4, (1 << 20) + 1, FIRN_CORRUPT},
        {"sequences in no order", 64 + 16, 8, 6, FIRN_CORRUPT},
        {"the place of a separator", places + 16 + 8, 4, 0, FIRN_CORRUPT},
        {"the size of a separator", places + 16 + 12, 4, 1, FIRN_CORRUPT},
        {"the size of the last separator", places + 32 + 12, 4, 2, FIRN_CORRUPT},
        {"an endless separator", places + 32 + 12, 4, UINT32_MAX, FIRN_CORRUPT},
    };
    check_lies(fi_buf_slice(&raw), lies, sizeof lies / sizeof lies[0], fi_row_index_check);
    /* Equal separators are told apart by their sequences. */
    fi_row_index_builder_deinit(&builder);
    builder = (struct fi_row_index_builder){.records = {0}};
    for (uint64_t i = 0; i < 2; i++) {
        struct fi_row_index_block block = {
            .ref = {128 + 1000 * i, 900, 4000}, .sequence_min = 1, .sequence_max = 5};
        struct fi_row_index_separator separator = {firn_str("same"), 7};
        assert_int_equal(fi_row_index_builder_add(&builder, &block, &separator, &err), FIRN_OK);
    }
    assert_int_equal(fi_row_index_builder_encode(&builder, 50, &raw), FIRN_OK);
    assert_int_equal(fi_row_index_check(fi_buf_slice(&raw), &err), FIRN_CORRUPT);
    fi_row_index_builder_deinit(&builder);
    fi_buf_deinit(&raw);
}

static int
check_summary(firn_slice raw, firn_error *err)
{
    struct fi_run_summary summary = {0};
    uint32_t version;
    int rc = fi_run_summary_decode(raw, FI_ROW_FORMAT_VERSION, &version, &summary, err);
    fi_run_summary_deinit(&summary);
    return rc;
}

static void
summaries_that_lie_are_refused(void **state)
{
    struct fi_run_summary summary = {.entry_count = 5,
                                     .tombstone_count = 2,
                                     .content_bytes = 100,
                                     .sequence_min = 3,
                                     .sequence_max = 9};
    struct fi_buf raw = {0};
    assert_int_equal(fi_buf_append_str(&summary.lower, "a"), FIRN_OK);
    assert_int_equal(fi_buf_append_str(&summary.upper, "bc"), FIRN_OK);
    assert_int_equal(fi_run_summary_encode(&summary, FI_ROW_FORMAT_VERSION_PLAIN, &raw), FIRN_OK);
    const struct lie lies[] = {
        {"version 0", 0, 4, 0, FIRN_CORRUPT},
        {"a newer version", 0, 4, 4, FIRN_NEWER},
        {"flags", 4, 4, 1, FIRN_NEWER},
        {"nothing", 8, 8, 0, FIRN_CORRUPT},
        {"more tombstones than entries", 16, 8, 6, FIRN_CORRUPT},
        {"more than any run has", 8, 8, UINT64_C(1) << 48, FIRN_CORRUPT},
        {"more range deletes than any run has", 24, 8, UINT64_C(1) << 48, FIRN_CORRUPT},
        {"more bytes than any run has", 32, 8, UINT64_C(1) << 48, FIRN_CORRUPT},
        {"sequences in no order", 40, 8, 10, FIRN_CORRUPT},
        {"a shorter lower bound", 56, 4, 0, FIRN_CORRUPT},
        {"an endless lower bound", 56, 4, UINT32_MAX, FIRN_CORRUPT},
        {"an endless upper bound", 60, 4, UINT32_MAX, FIRN_CORRUPT},
        {"bounds in no order", 64, 1, 'c', FIRN_CORRUPT},
    };
    check_lies(fi_buf_slice(&raw), lies, sizeof lies / sizeof lies[0], check_summary);
    fi_run_summary_deinit(&summary);
    fi_buf_deinit(&raw);
}

static int
take_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)ctx;
    (void)range;
    (void)err;
    return FIRN_OK;
}

static void
ranges_that_lie_are_refused(void **state)
{
    firn_error err;
    static const struct {
        firn_slice raw;
        int expected;
    } cases[] = {
        {{(const uint8_t *)"\1a\1b\5", 5}, FIRN_OK},
        {{(const uint8_t *)"\0\1b\5\1a\1b\5", 9}, FIRN_OK},
        {{(const uint8_t *)"\1a\1b", 4}, FIRN_CORRUPT},
        {{(const uint8_t *)"\1a\1a\5", 5}, FIRN_CORRUPT},
        {{(const uint8_t *)"\1b\1a\5", 5}, FIRN_CORRUPT},
        {{(const uint8_t *)"\1a\0\5", 4}, FIRN_CORRUPT},
        {{(const uint8_t *)"\1a\2b\5", 5}, FIRN_CORRUPT},
        {{(const uint8_t *)"\1a\1b\5\1", 6}, FIRN_CORRUPT},
        {{(const uint8_t *)"\377\377\377\377\17a", 6}, FIRN_CORRUPT},
        {{(const uint8_t *)"\1a\1b\377\377\377\377\377\377\377\377\377\1", 14}, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(fi_run_summary_decode_ranges(cases[i].raw, take_range, NULL, &err),
                         cases[i].expected);
    }
}

/* ---- files whose parts do not fit each other ---- */

/* The raw sections of a good file of one block, and what is written of them. */
struct parts {
    struct fi_buf block;
    struct fi_buf filter;
    struct fi_buf index; /* names the block as the first of the file */
    struct fi_buf summary;
};

static void
parts_init(struct parts *parts, const struct row_fixture *fixture)
{
    firn_error err;
    struct row_model model = {0};
    struct fi_compress *compress;
    struct fi_block_reader *reader;
    *parts = (struct parts){.block = {0}};
    row_model_add(&model, firn_str("a"), 5, FI_ENTRY_PUT, firn_str("1"));
    row_model_add(&model, firn_str("b"), 6, FI_ENTRY_PUT, firn_str("2"));
    struct fi_run_env env = row_fixture_env(fixture);
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    assert_int_equal(row_model_build(&model, &env, "good", &options, NULL, &err), FIRN_OK);
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_block_reader_open(fixture->dir, "good", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    struct fi_buf *sections[] = {&parts->filter, &parts->index, &parts->summary};
    for (size_t i = 0; i < 3; i++) {
        const struct fi_block_section *section = fi_block_reader_section(reader, i);
        assert_int_equal(fi_block_reader_read(reader, &section->ref, compress, sections[i], &err),
                         FIRN_OK);
    }
    const uint8_t *record = parts->index.data + 64;
    struct fi_block_ref ref = {fi_load_le64(record), fi_load_le32(record + 8),
                               fi_load_le32(record + 12)};
    assert_int_equal(fi_block_reader_read(reader, &ref, compress, &parts->block, &err), FIRN_OK);
    fi_block_reader_close(reader);
    fi_compress_destroy(compress);
    row_model_deinit(&model);
}

static void
parts_deinit(struct parts *parts)
{
    fi_buf_deinit(&parts->block);
    fi_buf_deinit(&parts->filter);
    fi_buf_deinit(&parts->index);
    fi_buf_deinit(&parts->summary);
}

/* Writes the block, then sections of these kinds, each with its part ('f', 'i', 's'). */
static void
write_parts(const struct parts *parts, const struct row_fixture *fixture, const uint32_t *kinds,
            const char *which)
{
    firn_error err;
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    if (test_file_exists(fixture->dir, "bad")) {
        assert_int_equal(fi_os_remove_file(fixture->dir, "bad", &err), FIRN_OK);
    }
    assert_int_equal(fi_block_writer_create(fixture->dir, "bad", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, fi_buf_slice(&parts->block),
                                         (uint32_t)parts->block.size, &ref, &err),
                     FIRN_OK);
    for (size_t i = 0; which[i] != '\0'; i++) {
        const struct fi_buf *part = which[i] == 'f'   ? &parts->filter
                                    : which[i] == 'i' ? &parts->index
                                                      : &parts->summary;
        assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, fi_buf_slice(part),
                                             (uint32_t)part->size, &ref, &err),
                         FIRN_OK);
        assert_int_equal(fi_block_writer_add_section(writer, kinds[i], &ref, &err), FIRN_OK);
    }
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
}

static int
open_bad(const struct row_fixture *fixture, firn_error *err)
{
    struct fi_run *run;
    struct fi_run_env env = row_fixture_env(fixture);
    int rc = fi_row_kind.open(&env, "bad", &run, err);
    if (rc == FIRN_OK) {
        fi_row_kind.close(run);
    } else {
        assert_non_null(strstr(err->text, "bad"));
    }
    return rc;
}

static void
files_without_a_part_or_with_two_of_it_are_refused(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct parts parts;
    row_fixture_init(&fixture, 1 << 20);
    parts_init(&parts, &fixture);
    static const struct {
        const char *which;
        uint32_t kinds[5];
        int expected;
    } cases[] = {
        {"fis", {3, 2, 1}, FIRN_OK},
        {"is", {2, 1}, FIRN_OK},
        {"sif", {1, 2, 3}, FIRN_OK},
        {"s", {1}, FIRN_CORRUPT},
        {"fi", {3, 2}, FIRN_CORRUPT},
        {"", {0}, FIRN_CORRUPT},
        {"iis", {2, 2, 1}, FIRN_CORRUPT},
        {"iss", {2, 1, 1}, FIRN_CORRUPT},
        {"ffis", {3, 3, 2, 1}, FIRN_CORRUPT},
        {"is", {1, 2}, FIRN_NEWER},
        {"fs", {2, 1}, FIRN_NEWER},
        {"isf", {2, 1, 4}, FIRN_CORRUPT},
        {"isf", {2, 1, 6}, FIRN_CORRUPT},
        {"isf", {2, 1, 0}, FIRN_NEWER},
        {"isf", {2, 1, 7}, FIRN_NEWER},
        {"isf", {2, 1, 5}, FIRN_OK}, /* what an origin says is read on demand */
        {"isff", {2, 1, 5, 5}, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_parts(&parts, &fixture, cases[i].kinds, cases[i].which);
        int rc = open_bad(&fixture, &err);
        /* A summary in the place of an index, or the other way round, is refused by either
         * check. */
        if (rc != cases[i].expected && !(cases[i].expected == FIRN_NEWER && rc == FIRN_CORRUPT)) {
            fail_msg("case %zu: %s", i, rc == FIRN_OK ? "opened" : err.text);
        }
    }
    parts_deinit(&parts);
    row_fixture_deinit(&fixture);
}

static void
parts_that_contradict_each_other_are_found(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct parts parts;
    row_fixture_init(&fixture, 1 << 20);
    parts_init(&parts, &fixture);
    static const uint32_t kinds[] = {3, 2, 1};
    struct {
        const char *what;
        struct fi_buf *part;
        size_t at;
        uint64_t value;
        int opened; /* what open says; check finds the others */
    } cases[] = {
        {"entries of the summary", &parts.summary, 8, 3, FIRN_CORRUPT},
        {"entries of the index", &parts.index, 8, 3, FIRN_CORRUPT},
        {"tombstones", &parts.summary, 16, 1, FIRN_OK},
        {"ranges", &parts.summary, 24, 1, FIRN_CORRUPT},
        {"bytes of content", &parts.summary, 32, 5, FIRN_OK},
        {"smallest sequence", &parts.summary, 40, 4, FIRN_OK},
        {"largest sequence", &parts.summary, 48, 7, FIRN_OK},
        {"smallest sequence of a block", &parts.index, 64 + 16, 4, FIRN_OK},
        {"largest sequence of a block", &parts.index, 64 + 24, 7, FIRN_OK},
        {"a filter that knows nothing", &parts.filter, 0, 0, FIRN_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t good = fi_load_le64(cases[i].part->data + cases[i].at);
        fi_store_le64(cases[i].part->data + cases[i].at, cases[i].value);
        write_parts(&parts, &fixture, kinds, "fis");
        fi_store_le64(cases[i].part->data + cases[i].at, good);
        struct fi_run *run;
        struct fi_run_env env = row_fixture_env(&fixture);
        int rc = fi_row_kind.open(&env, "bad", &run, &err);
        assert_int_equal(rc, cases[i].opened);
        if (rc == FIRN_OK) {
            size_t count = 0;
            rc = fi_row_kind.check(run, row_fixture_count_damage, &count, NULL, &err);
            if (rc != FIRN_CORRUPT || count == 0) {
                fail_msg("%s: not found", cases[i].what);
            }
            fi_row_kind.close(run);
        }
    }
    /* A tag that is not its key's. */
    parts.block.data[16] ^= 1;
    write_parts(&parts, &fixture, kinds, "fis");
    struct fi_run *run;
    struct fi_run_env env = row_fixture_env(&fixture);
    assert_int_equal(fi_row_kind.open(&env, "bad", &run, &err), FIRN_OK);
    size_t count = 0;
    assert_int_equal(fi_row_kind.check(run, row_fixture_count_damage, &count, NULL, &err),
                     FIRN_CORRUPT);
    assert_int_equal(count, 1);
    fi_row_kind.close(run);
    parts_deinit(&parts);
    row_fixture_deinit(&fixture);
}

/* An index that names the filter, which nobody checks for entries, as a block of them. */
static void
a_section_that_is_named_as_a_block_meets_the_check_of_blocks(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct parts parts;
    row_fixture_init(&fixture, 1 << 20);
    parts_init(&parts, &fixture);
    static const uint32_t kinds[] = {3, 2, 1};
    uint64_t filter_at = 128 + ((24 + parts.block.size + 7) & ~(uint64_t)7);
    fi_store_le64(parts.index.data + 64, filter_at);
    fi_store_le32(parts.index.data + 64 + 8, (uint32_t)parts.filter.size);
    fi_store_le32(parts.index.data + 64 + 12, (uint32_t)parts.filter.size);
    memset(parts.filter.data, 0xff, parts.filter.size);
    write_parts(&parts, &fixture, kinds, "fis");
    struct fi_run *run;
    struct fi_run_env env = row_fixture_env(&fixture);
    assert_int_equal(fi_row_kind.open(&env, "bad", &run, &err), FIRN_OK);
    struct fi_snapshot_interval interval = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
    struct fi_run_hit hit;
    assert_int_equal(fi_row_kind.get(run, firn_str("b"), &snapshot, &hit, NULL, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "malformed"));
    fi_row_kind.close(run);
    parts_deinit(&parts);
    row_fixture_deinit(&fixture);
}

/* ---- filters ---- */

static void
a_filter_knows_all_its_keys_and_few_others(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "row_filter", 21);
    enum { KEYS = 20000 };
    uint64_t *hashes = malloc(KEYS * sizeof hashes[0]);
    assert_non_null(hashes);
    struct fi_buf raw = {0};
    for (size_t count = 1; count <= KEYS; count = count * 3 + 1) {
        for (size_t i = 0; i < count; i++) {
            hashes[i] = fi_run_filter_hash(firn_bytes(&i, sizeof i));
        }
        assert_int_equal(fi_run_filter_encode(hashes, count, &raw), FIRN_OK);
        assert_int_equal(raw.size, fi_run_filter_size_bytes(count));
        assert_int_equal(fi_run_filter_check(fi_buf_slice(&raw), &err), FIRN_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(fi_run_filter_may_contain(fi_buf_slice(&raw), hashes[i]));
        }
        size_t let_through = 0;
        for (size_t i = 0; i < KEYS; i++) {
            let_through += fi_run_filter_may_contain(fi_buf_slice(&raw), test_random_next(&random));
        }
        assert_true(count < 1000 || let_through < KEYS * 16 / 1000);
    }
    assert_int_equal(fi_run_filter_check(firn_bytes(raw.data, 63), &err), FIRN_CORRUPT);
    assert_int_equal(fi_run_filter_check(firn_bytes(raw.data, 0), &err), FIRN_CORRUPT);
    assert_int_equal(fi_run_filter_size_bytes(SIZE_MAX), FI_BLOCK_SIZE_MAX);
    free(hashes);
    fi_buf_deinit(&raw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_builder_makes_the_plain_golden_run),
        cmocka_unit_test(the_builder_makes_the_golden_run_of_all_kinds),
        cmocka_unit_test(the_packed_golden_run_is_read_for_ever),
        cmocka_unit_test(every_field_of_the_plain_golden_run_has_its_place),
        cmocka_unit_test(blocks_that_lie_are_refused),
        cmocka_unit_test(indexes_that_lie_are_refused),
        cmocka_unit_test(summaries_that_lie_are_refused),
        cmocka_unit_test(ranges_that_lie_are_refused),
        cmocka_unit_test(files_without_a_part_or_with_two_of_it_are_refused),
        cmocka_unit_test(parts_that_contradict_each_other_are_found),
        cmocka_unit_test(a_section_that_is_named_as_a_block_meets_the_check_of_blocks),
        cmocka_unit_test(a_filter_knows_all_its_keys_and_few_others),
    };
    return cmocka_run_group_tests_name("row_format", tests, NULL, NULL);
}
