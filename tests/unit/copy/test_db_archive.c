/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: the file of an exported checkpoint: its bytes, what is refused, and a file of version 1
 * that opens for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "base/bytes.h"
#include "codec/blake3_hash.h"
#include "codec/xxh3.h"
#include "copy/copy.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_file.h"

enum {
    HEADER = FI_ARCHIVE_FORMAT_HEADER_SIZE,
    FOOTER = FI_ARCHIVE_FORMAT_FOOTER_SIZE,
    PAGE = FI_ARCHIVE_FORMAT_ALIGNMENT
};

/* ---- a file made by hand ---- */

struct file {
    const char *path;
    const char *content;
};

/* A header, a table of these files, a footer; the bytes may be changed before they are sealed. */
struct made {
    struct fi_buf bytes;
    struct fi_buf toc;
};

static void
append_zeros(struct fi_buf *out, size_t size)
{
    size_t before = out->size;
    assert_int_equal(fi_buf_set_size(out, before + size), FIRN_OK);
    memset(out->data + before, 0, size);
}

static void
make(struct made *made, const struct file *files, size_t count)
{
    const struct fi_archive_format_header header = {.id = "0123456789abcde"};
    struct fi_archive_format_toc toc = {.time_ns = 1000000000};
    memcpy(toc.id, header.id, sizeof toc.id);
    *made = (struct made){0};
    append_zeros(&made->bytes, PAGE);
    fi_archive_format_put_header(&header, made->bytes.data);
    for (size_t i = 0; i < count; i++) {
        struct fi_archive_format_file file = {.path = files[i].path,
                                              .size = strlen(files[i].content)};
        fi_blake3_hash_of(files[i].content, strlen(files[i].content), &file.hash);
        assert_int_equal(fi_archive_format_add(&toc, &file), FIRN_OK);
        assert_int_equal(fi_buf_append_str(&made->bytes, files[i].content), FIRN_OK);
        append_zeros(&made->bytes, (PAGE - made->bytes.size % PAGE) % PAGE);
    }
    assert_int_equal(fi_archive_format_put_toc(&toc, &made->toc), FIRN_OK);
    fi_archive_format_deinit(&toc);
}

/* Puts the table and the footer after the files. */
static void
seal(struct made *made)
{
    struct fi_archive_format_footer footer = {.toc_offset = made->bytes.size,
                                              .toc_size = made->toc.size,
                                              .file_size =
                                                  made->bytes.size + made->toc.size + FOOTER};
    uint8_t bytes[FOOTER];
    fi_blake3_hash_of(made->toc.data, made->toc.size, &footer.toc_hash);
    fi_archive_format_put_footer(&footer, bytes);
    assert_int_equal(fi_buf_append_slice(&made->bytes, fi_buf_slice(&made->toc)), FIRN_OK);
    assert_int_equal(fi_buf_append(&made->bytes, bytes, FOOTER), FIRN_OK);
}

static void
made_deinit(struct made *made)
{
    fi_buf_deinit(&made->bytes);
    fi_buf_deinit(&made->toc);
}

/* Opens the bytes as a file. */
static int
try_open(const struct made *made, firn_error *err)
{
    struct db_support support;
    struct fi_os_dir *root;
    struct fi_archive *archive;
    db_support_init(&support, 1);
    assert_int_equal(fi_os_dir_open_path(support.os, "/", &root, err), FIRN_OK);
    test_file_write(root, "f", made->bytes.data, made->bytes.size);
    fi_os_dir_close(root);
    int rc = fi_archive_open(support.os, "/f", &archive, err);
    fi_archive_close(archive);
    db_support_deinit(&support);
    return rc;
}

/* ---- bytes ---- */

static void
a_file_has_its_bytes(void **state)
{
    firn_error err;
    static const uint8_t mark[] = {0xf2, 'f', 'i', 'r', 'n', '\r', '\n', 0x1a,
                                   1,    0,   0,   0,   0,   0,    0,    0};
    static const struct file files[] = {{"a", "content"}, {"d/b", ""}};
    struct made made;
    make(&made, files, 2);
    const uint8_t *bytes = made.bytes.data;
    assert_memory_equal(bytes, mark, sizeof mark);
    assert_memory_equal(bytes + 16, "0123456789abcde", 16);
    assert_true(fi_load_le64(bytes + 56) == fi_xxh3(bytes, 56, 0));
    assert_int_equal(made.bytes.size, 2 * PAGE); /* an empty file takes up nothing */
    assert_memory_equal(bytes + PAGE, "content", 8);
    const uint8_t *toc = made.toc.data;
    assert_memory_equal(toc, "0123456789abcde", 16);
    assert_true(fi_load_le64(toc + 16) == 1000000000);
    assert_memory_equal(toc + 24, "\2\1a\7", 4);
    assert_memory_equal(toc + 28 + 32, "\3d/b\0", 5);
    assert_int_equal(made.toc.size, 28 + 32 + 5 + 32);
    seal(&made);
    const uint8_t *footer = made.bytes.data + made.bytes.size - FOOTER;
    assert_true(fi_load_le64(footer) == UINT64_C(2) * PAGE);
    assert_true(fi_load_le64(footer + 8) == made.toc.size);
    assert_true(fi_load_le64(footer + 48) == made.bytes.size);
    assert_true(fi_load_le64(footer + 56) == fi_xxh3(footer, 56, 0));
    DB_OK(try_open(&made, &err));
    made_deinit(&made);
}

static void
what_a_newer_firn_writes_is_named_so(void **state)
{
    firn_error err;
    struct made made;
    for (int i = 0; i < 4; i++) {
        make(&made, NULL, 0);
        uint8_t *bytes = made.bytes.data;
        bytes[8] = i == 0 ? 2 : i == 1 ? 0 : 1; /* version */
        bytes[12] = i == 2;                     /* flags */
        bytes[40] = i == 3;
        fi_store_le64(bytes + 56, fi_xxh3(bytes, 56, 0));
        seal(&made);
        int rc = try_open(&made, &err);
        assert_int_equal(rc, i % 2 == 0 ? FIRN_NEWER : FIRN_CORRUPT);
        assert_non_null(strstr(err.text, i == 0   ? "version 2"
                                         : i == 1 ? "version is 0"
                                         : i == 2 ? "flags 00000001"
                                                  : "must be zero"));
        made_deinit(&made);
    }
}

static void
tables_that_no_writer_writes_are_refused(void **state)
{
    firn_error err;
    static const struct file cases[][3] = {
        {{"b", ""}, {"a", ""}},
        {{"a", ""}, {"a", ""}},
        {{"a", ""}, {"a.x", ""}, {"a/b", ""}},
        {{"", ""}},
        {{"/a", ""}},
        {{"a/", ""}},
        {{"..", ""}},
        {{"a/..", ""}},
        {{"./a", ""}},
        {{"a/b/c", ""}},
    };
    struct made made;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 1;
        while (count < 3 && cases[i][count].path != NULL) {
            count++;
        }
        make(&made, cases[i], count);
        seal(&made);
        DB_FAILS(try_open(&made, &err), FIRN_CORRUPT, "path");
        made_deinit(&made);
    }
    /* NUL in a path; a name that is too long. */
    static const struct file one[] = {{"ab", "x"}};
    make(&made, one, 1);
    made.toc.data[27] = 0;
    seal(&made);
    DB_FAILS(try_open(&made, &err), FIRN_CORRUPT, "path");
    made_deinit(&made);
    char longest[FI_ARCHIVE_FORMAT_NAME_SIZE_MAX + 2];
    for (size_t size = sizeof longest - 2; size < sizeof longest; size++) {
        memset(longest, 'n', size);
        longest[size] = '\0';
        const struct file named[] = {{longest, ""}};
        make(&made, named, 1);
        seal(&made);
        assert_int_equal(try_open(&made, &err),
                         size == sizeof longest - 2 ? FIRN_OK : FIRN_CORRUPT);
        made_deinit(&made);
    }
}

static void
tables_that_do_not_fit_their_file_are_refused(void **state)
{
    firn_error err;
    struct made made;
    static const struct file one[] = {{"a", "content"}};
    for (int i = 0; i < 7; i++) {
        make(&made, one, 1);
        switch (i) {
        case 0: /* the id */
            made.toc.data[3] ^= 1;
            break;
        case 1: /* larger than what is there */
        case 2: /* smaller: another page is left over */
            made.toc.data[27] = i == 1 ? 0x7f : 0;
            append_zeros(&made.bytes, i == 1 ? 0 : PAGE);
            break;
        case 3: /* a byte too many */
            append_zeros(&made.toc, 1);
            break;
        case 4: /* more files than are there */
            made.toc.data[24] = 2;
            break;
        case 5: /* before 1970 */
            made.toc.data[23] = 0x80;
            break;
        default: /* cut off */
            made.toc.size -= 1;
            break;
        }
        if (i == 1) {
            /* A varint of two bytes, far beyond the end. */
            made.toc.data[27] = 0xff;
            made.toc.data[28] = 0x7f;
        }
        seal(&made);
        DB_FAILS(try_open(&made, &err), FIRN_CORRUPT, "'/f'");
        made_deinit(&made);
    }
}

static void
footers_that_lie_are_refused(void **state)
{
    firn_error err;
    struct made made;
    static const uint64_t offsets[] = {0, PAGE + 1, UINT64_MAX - 10, UINT64_C(1) << 40};
    for (size_t i = 0; i < 2 * sizeof offsets / sizeof *offsets; i++) {
        make(&made, NULL, 0);
        seal(&made);
        uint8_t *footer = made.bytes.data + made.bytes.size - FOOTER;
        uint64_t offset = offsets[i / 2];
        fi_store_le64(footer, offset);
        if (i % 2 == 1) {
            fi_store_le64(footer + 8, made.bytes.size - FOOTER - offset);
        }
        fi_store_le64(footer + 56, fi_xxh3(footer, 56, 0));
        DB_FAILS(try_open(&made, &err), FIRN_CORRUPT, "impossible offset");
        made_deinit(&made);
    }
}

/* ---- imports of hostile files ---- */

/* An exported file with one more file after the others. */
static void
add_file(struct fi_os_dir *root, const char *name)
{
    firn_error err;
    struct made made = {0};
    struct fi_archive_format_header header;
    struct fi_archive_format_footer footer;
    struct fi_archive_format_toc toc;
    struct fi_archive_format_file added = {.path = name, .size = 1};
    test_file_read(root, "good", &made.bytes);
    const uint8_t *end = made.bytes.data + made.bytes.size - FOOTER;
    DB_OK(fi_archive_format_get_header(fi_buf_slice(&made.bytes), "good", &header, &err));
    DB_OK(fi_archive_format_get_footer(end, made.bytes.size, "good", &footer, &err));
    DB_OK(fi_archive_format_get_toc(
        firn_bytes(made.bytes.data + footer.toc_offset, (size_t)footer.toc_size), &header, &footer,
        "good", &toc, &err));
    made.bytes.size = (size_t)footer.toc_offset;
    append_zeros(&made.bytes, PAGE);
    made.bytes.data[footer.toc_offset] = 'x';
    fi_blake3_hash_of("x", 1, &added.hash);
    assert_int_equal(fi_archive_format_add(&toc, &added), FIRN_OK);
    assert_int_equal(fi_archive_format_put_toc(&toc, &made.toc), FIRN_OK);
    fi_archive_format_deinit(&toc);
    seal(&made);
    test_file_write(root, "f", made.bytes.data, made.bytes.size);
    made_deinit(&made);
}

static void
files_that_are_none_of_a_store_are_not_imported(void **state)
{
    firn_error err;
    static const char *const names[] = {"yours/1.jpg", "zsh"};
    struct db_support support;
    struct fi_os_dir *root;
    struct fi_storefile_progress progress = {0};
    struct fi_db_checkpoint_info info;
    db_support_init(&support, 1);
    const struct fi_copy_export_target target = {
        .os = support.os, .path = "/good", .replace_existing = true};
    struct firn_db *db = db_support_open(support.dir);
    DB_OK(fi_copy_export(db, NULL, &target, &progress, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_os_dir_open_path(support.os, "/", &root, &err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        add_file(root, names[i]);
        DB_OK(fi_db_path_open(support.os, "/f", &db_support_read_only, &db, &err));
        DB_OK(fi_db_close(db, &err));
        DB_FAILS(fi_copy_import(support.os, "/f", "/copy", NULL, &progress, &info, &err),
                 FIRN_CORRUPT, "not a file of a store");
        DB_FAILS(fi_db_path_open(support.os, "/copy", &db_support_existing, &db, &err),
                 FIRN_NOT_FOUND, "copy");
    }
    DB_OK(fi_copy_import(support.os, "/good", "/copy", NULL, &progress, &info, &err));
    fi_os_dir_close(root);
    db_support_deinit(&support);
}

/* ---- golden ---- */

#define GOLDEN "tests/formats/archive/v1.firnx"

static void
write_golden(void)
{
    firn_error err;
    struct db_support_disk disk;
    const struct fi_copy_export_target target = {
        .os = fi_os_default(), .path = GOLDEN, .replace_existing = true};
    struct fi_storefile_progress progress = {.os = fi_os_default()};
    uint8_t one[8];
    db_support_disk_init(&disk);
    struct firn_db *db = db_support_open(disk.dir);
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    struct firn_db_keyspace *times = db_support_keyspace(db, "times");
    db_support_put(users, "ada", "1815");
    db_support_put(users, "grace", "1906");
    db_support_put(users, "", "");
    firn_number(41, one);
    DB_OK(fi_db_put_ttl(times, firn_str("sum"), firn_bytes(one, 8), 1000, FIRN_DURABILITY_FULL,
                        &err));
    firn_number(1, one);
    DB_OK(fi_db_merge(times, firn_str("sum"), FIRN_MERGE_ADD, firn_bytes(one, 8),
                      FIRN_DURABILITY_FULL, &err));
    DB_OK(
        fi_db_put_ttl(times, firn_str("soon"), firn_str("gone"), 1000, FIRN_DURABILITY_FULL, &err));
    DB_OK(fi_db_checkpoint_create(db, "earlier", NULL, &err));
    DB_OK(fi_db_checkpoint_create(db, "golden", NULL, &err));
    db_support_put(users, "ada", "later");
    DB_OK(fi_copy_export(db, "golden", &target, &progress, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

static int64_t
sum_of(struct firn_db *db)
{
    firn_error err;
    struct fi_buf value = {0};
    DB_OK(fi_db_get(db_support_keyspace(db, "times"), firn_str("sum"), &value, &err));
    int64_t number = firn_number_of(value.data, value.size);
    fi_buf_deinit(&value);
    return number;
}

static void
assert_golden(struct firn_db *db)
{
    firn_error err;
    struct fi_db_checkpoint_info info;
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    assert_string_equal(db_support_keys(users, NULL, false), " ada grace ");
    assert_string_equal(db_support_get(users, "ada"), "1815");
    DB_OK(fi_db_checkpoint_find(db, "latest", &info, &err));
    assert_string_equal(info.name, "golden");
    assert_int_equal(info.number, 2);
}

static void
a_golden_file_opens_for_ever(void **state)
{
    firn_error err;
    struct firn_db *db;
    struct db_support_disk disk;
    struct fi_db_checkpoint_info info;
    struct fi_storefile_progress progress = {.os = fi_os_default()};
    firn_store_check_result report;
    char path[96];
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        write_golden();
        fi_os_sleep_ns(fi_os_default(), 1100000000);
    }
    DB_OK(fi_db_path_open(fi_os_default(), GOLDEN, &db_support_read_only, &db, &err));
    assert_golden(db);
    assert_true(sum_of(db) == 42);
    assert_string_equal(db_support_keys(db_support_keyspace(db, "times"), NULL, false),
                        "soon sum ");
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, 5);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_init(&disk);
    (void)snprintf(path, sizeof path, "%s/copy", disk.path);
    DB_OK(fi_copy_import(fi_os_default(), GOLDEN, path, NULL, &progress, &info, &err));
    assert_string_equal(info.name, "golden");
    DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_existing, &db, &err));
    assert_golden(db);
    assert_true(sum_of(db) == 1);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_its_bytes),
        cmocka_unit_test(what_a_newer_firn_writes_is_named_so),
        cmocka_unit_test(tables_that_no_writer_writes_are_refused),
        cmocka_unit_test(tables_that_do_not_fit_their_file_are_refused),
        cmocka_unit_test(footers_that_lie_are_refused),
        cmocka_unit_test(files_that_are_none_of_a_store_are_not_imported),
        cmocka_unit_test(a_golden_file_opens_for_ever),
    };
    return cmocka_run_group_tests_name("db_archive", tests, NULL, NULL);
}
