/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs: ALXS tables are written and read byte for byte, refusals leave the writer as it was,
 * limits hold, and memory stays bounded.
 */
#include "alxs/alxs_format.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "codec/crc32.h"
#include "os/os_user_path.h"
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

static int
set_up(void **state)
{
    dir = alxs_fixture_machine(&os);
    return 0;
}

static int
tear_down(void **state)
{
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    return 0;
}

static const struct alxs_pair vector[] = {{STR("a"), STR("1")}, {STR("b"), STR("")}};

/* ---- the format ---- */

static void
the_vectors_are_written_and_read_byte_for_byte(void **state)
{
    static const struct {
        const char *path;
        size_t count;
        uint32_t crc;
    } tables[] = {{"tests/formats/alxs/vector.alxs", 2, 0x16bd2616},
                  {"tests/formats/alxs/empty.alxs", 0, 0}};
    for (size_t i = 0; i < 2; i++) {
        struct fi_buf bytes = {0};
        struct firn_alxs_writer *writer;
        uint32_t crc = 1;
        expect_rc(fi_alxs_writer_create(dir, "t", &alxs_fixture_writer_defaults, &writer, &err),
                  FIRN_OK, &err);
        for (size_t j = 0; j < tables[i].count; j++) {
            expect_rc(fi_alxs_writer_append(writer, vector[j].key, vector[j].value, &err), FIRN_OK,
                      &err);
        }
        assert_int_equal(fi_alxs_writer_count(writer), tables[i].count);
        expect_rc(fi_alxs_writer_finish(writer, &crc, &err), FIRN_OK, &err);
        fi_alxs_writer_destroy(writer);
        assert_int_equal(crc, tables[i].crc);
        test_file_read(dir, "t", &bytes);
        test_file_compare_golden(tables[i].path, fi_buf_slice(&bytes));
        struct firn_alxs *table = alxs_fixture_open(dir, "t");
        assert_int_equal(table->info.checksum, tables[i].crc);
        assert_int_equal(table->info.file_size, bytes.size);
        alxs_fixture_expect_all(table, vector, tables[i].count);
        alxs_fixture_expect(table, firn_str("a"), i == 0 ? &vector[0].value : NULL);
        alxs_fixture_expect(table, firn_str("b"), i == 0 ? &vector[1].value : NULL);
        alxs_fixture_expect(table, firn_str(""), NULL);
        alxs_fixture_expect(table, firn_str("ab"), NULL);
        alxs_fixture_expect(table, firn_str("c"), NULL);
        fi_alxs_close(table);
        fi_buf_deinit(&bytes);
        expect_rc(fi_os_remove_file(dir, "t", &err), FIRN_OK, &err);
    }
}

/* Keys that are hard to tell apart, in their order. */
static const struct alxs_pair odd[] = {
    {STR(""), STR("")},
    {STR("\0"), STR("one zero")},
    {STR("\0\0"), STR("two zeros")},
    {STR("\0\0\0\0\0\0\0\0\0\0\0\0"), STR("twelve zeros")},
    {STR("\0\0\0\0\0\0\0\0\0\0\0\0\0"), STR("thirteen zeros")},
    {STR("\0a"), STR("")},
    {STR("a"), STR("\0")},
    {STR("a\0"), STR("\0\0")},
    {STR("a long key with the same head, 1"), STR("1")},
    {STR("a long key with the same head, 1"), STR("2")},
    {STR("a long key with the same head, 2"), STR("3")},
    {STR("a long key with the same head, 2, and more"), STR("4")},
    {STR("\377"), STR("5")},
    {STR("\377\377"), STR("6")},
};
enum { ODD_COUNT = sizeof odd / sizeof odd[0] };

static void
odd_keys_keep_their_order(void **state)
{
    alxs_fixture_write(dir, "t", odd, ODD_COUNT);
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    alxs_fixture_expect_all(table, odd, ODD_COUNT);
    assert_int_equal(table->info.equal_count, 1);
    for (size_t i = 0; i < ODD_COUNT; i++) {
        bool is_last = i + 1 == ODD_COUNT || !alxs_fixture_equal(odd[i].key, odd[i + 1].key);
        alxs_fixture_expect(table, odd[i].key, is_last ? &odd[i].value : &odd[i + 1].value);
    }
    fi_alxs_close(table);
}

/* ---- the writer ---- */

static void
a_refused_record_leaves_the_writer_as_it_was(void **state)
{
    struct firn_alxs_writer *writer;
    firn_alxs_writer_options options = alxs_fixture_writer_defaults;
    options.refuse_equal_keys = true;
    expect_rc(fi_alxs_writer_create(dir, "t", &options, &writer, &err), FIRN_OK, &err);
    expect_rc(fi_alxs_writer_append(writer, vector[0].key, vector[0].value, &err), FIRN_OK, &err);
    expect_rc(fi_alxs_writer_append(writer, firn_str(""), firn_str("x"), &err), FIRN_INVALID, &err);
    assert_non_null(strstr(err.text, "smaller"));
    expect_rc(fi_alxs_writer_append(writer, firn_str("a"), firn_str("x"), &err), FIRN_INVALID,
              &err);
    assert_non_null(strstr(err.text, "equal"));
    firn_slice huge = firn_bytes(vector[0].key.data, (size_t)UINT32_MAX + 1);
    expect_rc(fi_alxs_writer_append(writer, huge, firn_str(""), &err), FIRN_LIMIT, &err);
    expect_rc(fi_alxs_writer_append(writer, firn_str("b"), huge, &err), FIRN_LIMIT, &err);
    assert_int_equal(fi_alxs_writer_count(writer), 1);
    expect_rc(fi_alxs_writer_append(writer, vector[1].key, vector[1].value, &err), FIRN_OK, &err);
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_OK, &err);
    expect_rc(fi_alxs_writer_append(writer, firn_str("c"), firn_str(""), &err), FIRN_MISUSE, &err);
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_MISUSE, &err);
    fi_alxs_writer_destroy(writer);
    struct fi_buf bytes = {0};
    test_file_read(dir, "t", &bytes);
    test_file_compare_golden("tests/formats/alxs/vector.alxs", fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
    assert_int_equal(test_file_count(dir), 1);
}

static void
a_name_that_is_taken_stays_unless_asked(void **state)
{
    struct firn_alxs_writer *writer;
    firn_alxs_writer_options options = alxs_fixture_writer_defaults;
    test_file_write(dir, "t", "precious", 8);
    expect_rc(fi_alxs_writer_create(dir, "t", &options, &writer, &err), FIRN_EXISTS, &err);
    assert_null(writer);
    /* Taken while the table is written. */
    expect_rc(fi_alxs_writer_create(dir, "u", &options, &writer, &err), FIRN_OK, &err);
    test_file_write(dir, "u", "precious", 8);
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_EXISTS, &err);
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_FAILED, &err);
    fi_alxs_writer_destroy(writer);
    struct fi_buf bytes = {0};
    test_file_read(dir, "u", &bytes);
    assert_int_equal(bytes.size, 8);
    assert_int_equal(test_file_count(dir), 2);
    options.replace_existing = true;
    expect_rc(alxs_fixture_try_write(dir, "t", &options, vector, 2, &err), FIRN_OK, &err);
    test_file_read(dir, "t", &bytes);
    test_file_compare_golden("tests/formats/alxs/vector.alxs", fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
    /* A directory is not replaced, and no name is judged late. */
    expect_rc(fi_os_make_dir(dir, "d", 0700, &err), FIRN_OK, &err);
    assert_int_not_equal(alxs_fixture_try_write(dir, "d", &options, vector, 2, &err), FIRN_OK);
    expect_rc(fi_alxs_writer_create(dir, "", &options, &writer, &err), FIRN_INVALID, &err);
    expect_rc(fi_alxs_writer_create(dir, "..", &options, &writer, &err), FIRN_INVALID, &err);
    assert_int_equal(test_file_count(dir), 3);
}

static void
a_table_that_is_given_up_leaves_nothing(void **state)
{
    struct firn_alxs_writer *writer;
    expect_rc(fi_alxs_writer_create(dir, "t", &alxs_fixture_writer_defaults, &writer, &err),
              FIRN_OK, &err);
    assert_int_equal(test_file_count(dir), 1);
    fi_alxs_writer_destroy(writer);
    assert_int_equal(test_file_count(dir), 0);
    /* What a killed process left goes with the next create; what only looks like it stays. */
    test_file_write(dir, ".firn-alxs-0123456789abcdef.tmp", "x", 1);
    test_file_write(dir, ".firn-chkp-0123456789abcdef.tmp", "x", 1);
    test_file_write(dir, ".firn-alxs-0123456789abcdef.tmp2", "x", 1);
    alxs_fixture_write(dir, "t", vector, 2);
    assert_int_equal(test_file_count(dir), 3);
    assert_false(test_file_exists(dir, ".firn-alxs-0123456789abcdef.tmp"));
}

/* ---- sizes ---- */

/* Records whose sizes meet the writer's buffer and the reader's window at every edge. */
static void
sizes_around_buffers_make_no_difference(void **state)
{
    enum { EDGE = 256 << 10, COUNT = 60 };
    static uint8_t bytes[2 * EDGE + 100];
    struct alxs_pair pairs[COUNT];
    uint8_t *keys[COUNT];
    struct test_random random;
    test_random_init(&random, "alxsv1_sizes", 31);
    test_random_fill(&random, bytes, sizeof bytes);
    for (size_t i = 0; i < COUNT; i++) {
        /* The first byte of a key sorts it. */
        size_t near = EDGE * (i % 3) + i % 7;
        size_t size = near < 3 ? near + 1 : near - 3;
        keys[i] = malloc(size + 6);
        assert_non_null(keys[i]);
        memcpy(keys[i], bytes, size + 6);
        keys[i][0] = (uint8_t)i;
        pairs[i].key = firn_bytes(keys[i], i % 2 == 0 ? 1 + i % 5 : size + 1);
        pairs[i].value = firn_bytes(bytes + i, size);
    }
    alxs_fixture_write(dir, "t", pairs, COUNT);
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    alxs_fixture_expect_all(table, pairs, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        alxs_fixture_expect(table, pairs[i].key, &pairs[i].value);
    }
    /* The checksum is that of all bytes between header and footer. */
    struct fi_buf file = {0};
    test_file_read(dir, "t", &file);
    assert_int_equal(fi_crc32_portable(0, file.data + 16, file.size - 32), table->info.checksum);
    fi_buf_deinit(&file);
    fi_alxs_close(table);
    for (size_t i = 0; i < COUNT; i++) {
        free(keys[i]);
    }
}

static void
limits_of_the_reader_are_exact(void **state)
{
    struct firn_alxs *table;
    const struct alxs_pair pairs[] = {{STR("abc"), STR("12345")}};
    firn_alxs_options options = alxs_fixture_defaults;
    firn_alxs_info info;
    alxs_fixture_write(dir, "t", pairs, 1);
    options.key_size_max = 3;
    options.value_size_max = 5;
    options.index_memory_max = 0;
    expect_rc(fi_alxs_open(dir, "t", &options, &table, &err), FIRN_OK, &err);
    fi_alxs_close(table);
    options.value_size_max = 4;
    expect_rc(fi_alxs_open(dir, "t", &options, &table, &err), FIRN_LIMIT, &err);
    assert_null(table);
    expect_rc(fi_alxs_verify(dir, "t", &options, NULL, NULL, NULL, &info, &err), FIRN_OK, &err);
    assert_int_equal(info.count, 1);
    assert_int_equal(info.key_size_max, 3);
    assert_int_equal(info.value_size_max, 5);
    options.value_size_max = 5;
    options.key_size_max = 2;
    expect_rc(fi_alxs_open(dir, "t", &options, &table, &err), FIRN_LIMIT, &err);
    expect_rc(fi_alxs_verify(dir, "t", &options, NULL, NULL, NULL, &info, &err), FIRN_LIMIT, &err);
}

/* ---- memory ---- */

/* Writes `count` records of `value_size` bytes each. */
static void
write_many(size_t count, size_t value_size)
{
    uint8_t key[8];
    struct firn_alxs_writer *writer;
    uint8_t *value = calloc(1, value_size);
    assert_non_null(value);
    expect_rc(fi_alxs_writer_create(dir, "t", &alxs_fixture_writer_defaults, &writer, &err),
              FIRN_OK, &err);
    for (size_t i = 0; i < count; i++) {
        fi_store_be64(key, i);
        expect_rc(fi_alxs_writer_append(writer, firn_bytes(key, sizeof key),
                                        firn_bytes(value, value_size), &err),
                  FIRN_OK, &err);
    }
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_OK, &err);
    fi_alxs_writer_destroy(writer);
    free(value);
}

static void
the_index_is_thinned_out_and_still_finds_everything(void **state)
{
    enum { COUNT = 60000, SIZE = 300 };
    struct firn_alxs *table;
    uint8_t key[8];
    static const uint8_t zeros[SIZE];
    const firn_slice value = firn_bytes(zeros, SIZE);
    firn_alxs_options options = alxs_fixture_defaults;
    options.index_memory_max = 1280;
    write_many(COUNT, SIZE);
    expect_rc(fi_alxs_open(dir, "t", &options, &table, &err), FIRN_OK, &err);
    assert_in_range(table->index.count, 10, 40);
    assert_true(table->index.stride >= table->info.file_size / 40);
    for (size_t i = 0; i < COUNT; i += 997) {
        fi_store_be64(key, i);
        alxs_fixture_expect(table, firn_bytes(key, 8), &value);
        alxs_fixture_expect(table, firn_bytes(key, 7), NULL);
    }
    struct firn_alxs_cursor *cursor;
    size_t count = 0;
    expect_rc(fi_alxs_cursor_open(table, &cursor, &err), FIRN_OK, &err);
    expect_rc(fi_alxs_cursor_first(cursor, &err), FIRN_OK, &err);
    while (fi_alxs_cursor_valid(cursor)) {
        assert_int_equal(fi_load_be64(fi_alxs_cursor_key(cursor).data), count);
        count++;
        expect_rc(fi_alxs_cursor_next(cursor, &err), FIRN_OK, &err);
    }
    assert_int_equal(count, COUNT);
    fi_alxs_cursor_close(cursor);
    fi_alxs_close(table);
}

static void
memory_does_not_grow_with_the_table(void **state)
{
    /* Contents are in the machine's memory too, so the real disk serves here. */
    struct fi_os_dir *memory = dir;
    test_peak_install();
    dir = test_os_temp_dir();
    enum { COUNT = 200, SIZE = 1 << 20 };
    write_many(COUNT, SIZE);
    size_t peak_of_writing = test_peak_take();
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    size_t peak_of_opening = test_peak_take();
    uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 77};
    uint8_t *value;
    size_t size;
    expect_rc(fi_alxs_get(table, firn_bytes(key, 8), &value, &size, &err), FIRN_OK, &err);
    assert_int_equal(size, SIZE);
    fi_free(value);
    size_t peak_of_a_get = test_peak_take();
    fi_alxs_close(table);
    test_os_temp_dir_remove(dir);
    (void)printf("memory: %zu bytes to write, %zu to open, %zu to get\n", peak_of_writing,
                 peak_of_opening, peak_of_a_get);
    assert_in_range(peak_of_writing, 1, 350 << 10);
    assert_in_range(peak_of_opening, 1, 300 << 10);
    assert_in_range(peak_of_a_get, SIZE, 2 * SIZE + (200 << 10));
    test_peak_uninstall();
    dir = memory;
}

/* ---- paths ---- */

static void
paths_lead_where_they_say(void **state)
{
    struct fi_os_user_path path;
    expect_rc(fi_os_make_dir(dir, "d", 0700, &err), FIRN_OK, &err);
    struct fi_os_dir *inner;
    expect_rc(fi_os_dir_open(dir, "d", &inner, &err), FIRN_OK, &err);
    alxs_fixture_write(inner, "t", vector, 2);
    expect_rc(fi_os_make_symlink(dir, "absolute", "/d/t", &err), FIRN_OK, &err);
    expect_rc(fi_os_make_symlink(inner, "relative", "../absolute", &err), FIRN_OK, &err);
    expect_rc(fi_os_make_symlink(dir, "round", "round", &err), FIRN_OK, &err);
    expect_rc(fi_os_make_symlink(dir, "nowhere", "d/nothing", &err), FIRN_OK, &err);
    static const char *const texts[] = {"/d/t", "/absolute", "/d/relative"};
    for (size_t i = 0; i < 3; i++) {
        expect_rc(fi_os_user_path_init_followed(&path, os, texts[i], &err), FIRN_OK, &err);
        assert_string_equal(path.name, "t");
        struct firn_alxs *table = alxs_fixture_open(path.dir, path.name);
        alxs_fixture_expect_all(table, vector, 2);
        fi_alxs_close(table);
        fi_os_user_path_deinit(&path);
    }
    expect_rc(fi_os_user_path_init_followed(&path, os, "/round", &err), FIRN_INVALID, &err);
    expect_rc(fi_os_user_path_init_followed(&path, os, "/nowhere", &err), FIRN_OK, &err);
    assert_string_equal(path.name, "nothing");
    fi_os_user_path_deinit(&path);
    expect_rc(fi_os_user_path_init_followed(&path, os, "/d/", &err), FIRN_INVALID, &err);
    expect_rc(fi_os_user_path_init(&path, os, "/nothing/t", &err), FIRN_NOT_FOUND, &err);
    /* A writer does not follow: the link is the name. */
    expect_rc(fi_os_user_path_init(&path, os, "/absolute", &err), FIRN_OK, &err);
    assert_string_equal(path.name, "absolute");
    struct firn_alxs_writer *writer;
    expect_rc(
        fi_alxs_writer_create(path.dir, path.name, &alxs_fixture_writer_defaults, &writer, &err),
        FIRN_EXISTS, &err);
    fi_os_user_path_deinit(&path);
    fi_os_dir_close(inner);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_vectors_are_written_and_read_byte_for_byte),
        TEST(odd_keys_keep_their_order),
        TEST(a_refused_record_leaves_the_writer_as_it_was),
        TEST(a_name_that_is_taken_stays_unless_asked),
        TEST(a_table_that_is_given_up_leaves_nothing),
        TEST(sizes_around_buffers_make_no_difference),
        TEST(limits_of_the_reader_are_exact),
        TEST(the_index_is_thinned_out_and_still_finds_everything),
        cmocka_unit_test(memory_does_not_grow_with_the_table),
        TEST(paths_lead_where_they_say),
    };
    return cmocka_run_group_tests_name("alxsv1", tests, NULL, NULL);
}
