/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp/chkp_fixture.c: see the header.
 */
#include "unit/chkp/chkp_fixture.h"

#include <unistd.h>

#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_temp.h"

const firn_chkp_options chkp_fixture_defaults = FIRN_CHKP_OPTIONS_INIT;

void
chkp_fixture_check(int rc, int expected, const firn_error *err, int line)
{
    if (rc != expected) {
        (void)fprintf(stderr, "line %d: %s, not %s: %s\n", line, firn_code_name(rc),
                      firn_code_name(expected), rc == FIRN_OK || err == NULL ? "" : err->text);
    }
    assert_int_equal(rc, expected);
}

void
chkp_fixture_open(struct chkp_fixture *fixture)
{
    firn_error err;
    test_temp_make(fixture->path, sizeof fixture->path);
    expect_rc(fi_os_dir_open_path(fi_os_default(), fixture->path, &fixture->dir, &err), FIRN_OK,
              &err);
}

static int
append_name(void *ctx, const struct fi_os_dirent *entry)
{
    return fi_buf_append(ctx, entry->name, entry->name_size + 1);
}

/* The names in a folder, each with its NUL. */
static void
list_names(struct fi_os_dir *dir, struct fi_buf *out)
{
    firn_error err;
    expect_rc(fi_os_dir_list(dir, append_name, out, &err), FIRN_OK, &err);
}

void
chkp_fixture_close(struct chkp_fixture *fixture)
{
    struct fi_buf names = {0};
    list_names(fixture->dir, &names);
    for (size_t at = 0; at < names.size; at += strlen((char *)names.data + at) + 1) {
        chkp_fixture_remove(fixture->dir, (char *)names.data + at);
    }
    fi_buf_deinit(&names);
    fi_os_dir_close(fixture->dir);
    assert_int_equal(rmdir(fixture->path), 0);
}

void
chkp_fixture_write(struct fi_os_dir *dir, const char *name, firn_slice bytes)
{
    firn_error err;
    struct fi_os_file *file;
    expect_rc(
        fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE, 0600, &file, &err),
        FIRN_OK, &err);
    if (bytes.size > 0) {
        expect_rc(fi_os_file_write(file, 0, bytes.data, bytes.size, &err), FIRN_OK, &err);
    }
    fi_os_file_close(file);
}

void
chkp_fixture_read(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_file *file;
    struct fi_os_stat status;
    expect_rc(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, &err), FIRN_OK, &err);
    expect_rc(fi_os_file_stat(file, &status, &err), FIRN_OK, &err);
    assert_int_equal(fi_buf_set_size(out, (size_t)status.size_bytes), FIRN_OK);
    if (out->size > 0) {
        expect_rc(fi_os_file_read_exact(file, 0, out->data, out->size, &err), FIRN_OK, &err);
    }
    fi_os_file_close(file);
}

void
chkp_fixture_golden(const char *name, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_dir *dir;
    expect_rc(fi_os_dir_open_path(fi_os_default(), "tests/formats/chkp", &dir, &err), FIRN_OK,
              &err);
    chkp_fixture_read(dir, name, out);
    fi_os_dir_close(dir);
}

size_t
chkp_fixture_count(struct fi_os_dir *dir, const char *prefix)
{
    size_t count = 0;
    struct fi_buf names = {0};
    list_names(dir, &names);
    for (size_t at = 0; at < names.size; at += strlen((char *)names.data + at) + 1) {
        count += strncmp((char *)names.data + at, prefix, strlen(prefix)) == 0;
    }
    fi_buf_deinit(&names);
    return count;
}

void
chkp_fixture_remove(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    expect_rc(fi_os_remove_file(dir, name, &err), FIRN_OK, &err);
}

const char *
chkp_fixture_dat(const char *name)
{
    static char out[64];
    (void)snprintf(out, sizeof out, "pack-%s.dat", name);
    return out;
}

const char *
chkp_fixture_idx(const char *name)
{
    static char out[64];
    (void)snprintf(out, sizeof out, "pack-%s.idx", name);
    return out;
}

void
chkp_fixture_content(struct test_random *random, size_t size, struct fi_buf *out)
{
    assert_int_equal(fi_buf_set_size(out, size), FIRN_OK);
    if (size > 0) {
        memset(out->data, (int)test_random_below(random, 256), size);
        test_random_fill(random, out->data, size / 2);
    }
}

void
chkp_fixture_object(uint64_t seed, size_t i, struct fi_buf *out, firn_hash *out_hash)
{
    fi_buf_clear(out);
    assert_int_equal(fi_buf_append_format(out, "object %zu of %llu: ", i, (unsigned long long)seed),
                     FIRN_OK);
    for (size_t j = 0; j < i % 7; j++) {
        assert_int_equal(fi_buf_append_str(out, "again and again, "), FIRN_OK);
    }
    fi_blake3_hash_of(out->data, out->size, out_hash);
}

void
chkp_fixture_pack(struct fi_os_dir *dir, uint64_t seed, size_t count,
                  char out_name[FIRN_CHKP_NAME_SIZE])
{
    firn_error err;
    struct fi_buf content = {0};
    struct firn_chkp_writer *writer;
    expect_rc(fi_chkp_writer_create(dir, &writer, &err), FIRN_OK, &err);
    for (size_t i = 0; i < count; i++) {
        firn_hash hash;
        chkp_fixture_object(seed, i, &content, &hash);
        expect_rc(fi_chkp_writer_add(writer, fi_buf_slice(&content), NULL, NULL, &err), FIRN_OK,
                  &err);
    }
    expect_rc(fi_chkp_writer_finish(writer, out_name, &err), FIRN_OK, &err);
    fi_chkp_writer_destroy(writer);
    fi_buf_deinit(&content);
}

struct firn_chkp *
chkp_fixture_open_pack(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_chkp *pack;
    expect_rc(fi_chkp_open(dir, name, &chkp_fixture_defaults, &pack, &err), FIRN_OK, &err);
    return pack;
}

void
chkp_fixture_expect(struct firn_chkp *pack, const firn_hash *hash, firn_slice content)
{
    firn_error err;
    uint8_t *data;
    size_t size;
    expect_rc(fi_chkp_read(pack, hash, SIZE_MAX, &data, &size, &err), FIRN_OK, &err);
    assert_int_equal(size, content.size);
    assert_memory_equal(data, content.data, content.size);
    fi_free(data);
}
