/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/db_support.c
 */
#include "db_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_temp.h"

/* Little memory makes opening quick where memory is watched. */
enum { MEMORY = 16 << 20 };

const struct fi_db_options db_support_create = {.create_if_missing = true, .memory_bytes = MEMORY};
const struct fi_db_options db_support_existing = {.create_if_missing = false,
                                                  .memory_bytes = MEMORY};
const struct fi_db_options db_support_read_only = {.read_only = true, .memory_bytes = MEMORY};

void
db_support_ok(int rc, const firn_error *err, const char *file, int line)
{
    if (rc != FIRN_OK) {
        (void)fprintf(stderr, "%s: %s\n", firn_code_name(rc), err->text);
    }
    _assert_true(rc == FIRN_OK, "FIRN_OK", file, line);
}

void
db_support_fails(int rc, int code, const char *piece, const firn_error *err, const char *file,
                 int line)
{
    if (rc != code || strstr(err->text, piece) == NULL) {
        (void)fprintf(stderr, "%s: %s\n", firn_code_name(rc), rc == FIRN_OK ? "" : err->text);
    }
    _assert_true(rc == code, firn_code_name(code), file, line);
    _assert_true(strstr(err->text, piece) != NULL, piece, file, line);
}

bool
db_support_is_encrypted(void)
{
    return getenv("FIRN_TEST_ENCRYPT") != NULL;
}

void
db_support_init(struct db_support *support, uint64_t seed)
{
    firn_error err;
    struct fi_os_dir *root;
    DB_OK(fi_sim_memory_create(seed, &support->os, &err));
    DB_OK(fi_os_dir_open_path(support->os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "store", 0700, &err));
    DB_OK(fi_os_dir_sync(root, &err));
    DB_OK(fi_os_dir_open(root, "store", &support->dir, &err));
    fi_os_dir_close(root);
}

void
db_support_deinit(struct db_support *support)
{
    fi_os_dir_close(support->dir);
    fi_sim_memory_destroy(support->os);
}

void
db_support_cut(struct db_support *support, uint64_t seed)
{
    firn_error err;
    fi_os_dir_close(support->dir);
    fi_sim_memory_power_cut(support->os, seed);
    DB_OK(fi_os_dir_open_path(support->os, "/store", &support->dir, &err));
}

void
db_support_disk_init(struct db_support_disk *disk)
{
    firn_error err;
    test_temp_make(disk->path, sizeof disk->path);
    DB_OK(fi_os_dir_open_path(fi_os_default(), disk->path, &disk->dir, &err));
}

static int
find_any(void *ctx, const struct fi_os_dirent *entry)
{
    memcpy(ctx, entry->name, entry->name_size + 1);
    return FIRN_CANCELLED;
}

static bool
is_dir(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_stat stat;
    DB_OK(fi_os_stat(dir, name, &stat, &err));
    return stat.kind == FI_OS_DIR;
}

static void
remove_files(struct fi_os_dir *dir)
{
    firn_error err;
    char name[256];
    int rc;
    while ((rc = fi_os_dir_list(dir, find_any, name, &err)) == FIRN_CANCELLED) {
        if (is_dir(dir, name)) {
            struct fi_os_dir *inner;
            DB_OK(fi_os_dir_open(dir, name, &inner, &err));
            remove_files(inner);
            fi_os_dir_close(inner);
            DB_OK(fi_os_remove_dir(dir, name, &err));
        } else {
            DB_OK(fi_os_remove_file(dir, name, &err));
        }
    }
    DB_OK(rc);
}

void
db_support_disk_deinit(struct db_support_disk *disk)
{
    remove_files(disk->dir);
    fi_os_dir_close(disk->dir);
    assert_int_equal(rmdir(disk->path), 0);
}

struct firn_db *
db_support_open(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_open(dir, &db_support_create, &db, &err));
    return db;
}

struct firn_db_keyspace *
db_support_keyspace(struct firn_db *db, const char *name)
{
    firn_error err;
    struct firn_db_keyspace *keyspace;
    DB_OK(fi_db_keyspace_open(db, name, &keyspace, &err));
    return keyspace;
}

void
db_support_put(struct firn_db_keyspace *keyspace, const char *key, const char *value)
{
    firn_error err;
    DB_OK(fi_db_put(keyspace, firn_str(key), firn_str(value), FIRN_DURABILITY_DEFAULT, &err));
}

const char *
db_support_get(struct firn_db_keyspace *keyspace, const char *key)
{
    firn_error err;
    static char value[4096];
    struct fi_buf out = {0};
    int rc = fi_db_get(keyspace, firn_str(key), &out, &err);
    if (rc == FIRN_NOT_FOUND) {
        fi_buf_deinit(&out);
        return NULL;
    }
    DB_OK(rc);
    assert_true(out.size < sizeof value);
    if (out.size > 0) {
        memcpy(value, out.data, out.size);
    }
    value[out.size] = '\0';
    fi_buf_deinit(&out);
    return value;
}

const char *
db_support_keys(struct firn_db_keyspace *keyspace, const struct fi_db_cursor_options *options,
                bool is_back)
{
    firn_error err;
    static char keys[4096];
    size_t used = 0;
    struct firn_db_cursor *cursor;
    DB_OK(fi_db_cursor_open(keyspace, options, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        assert_true(used + key.size + 2 < sizeof keys);
        if (key.size > 0) {
            memcpy(keys + used, key.data, key.size);
        }
        used += key.size;
        keys[used++] = ' ';
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    keys[used] = '\0';
    fi_db_cursor_close(cursor);
    return keys;
}

struct copying {
    struct fi_os_dir *from;
    struct fi_os_dir *to;
};

static void copy_all(struct fi_os_dir *from, struct fi_os_dir *to);

static int
copy_one(void *ctx, const struct fi_os_dirent *entry)
{
    struct copying *copying = ctx;
    firn_error err;
    if (is_dir(copying->from, entry->name)) {
        struct fi_os_dir *from;
        struct fi_os_dir *to;
        DB_OK(fi_os_dir_open(copying->from, entry->name, &from, &err));
        DB_OK(fi_os_make_dir(copying->to, entry->name, 0700, &err));
        DB_OK(fi_os_dir_open(copying->to, entry->name, &to, &err));
        copy_all(from, to);
        fi_os_dir_close(from);
        fi_os_dir_close(to);
        return FIRN_OK;
    }
    struct fi_buf bytes = {0};
    test_file_read(copying->from, entry->name, &bytes);
    test_file_write(copying->to, entry->name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

static void
copy_all(struct fi_os_dir *from, struct fi_os_dir *to)
{
    firn_error err;
    struct copying copying = {from, to};
    DB_OK(fi_os_dir_list(from, copy_one, &copying, &err));
}

void
db_support_copy(struct fi_os_dir *from, struct fi_os_dir *to)
{
    remove_files(to);
    copy_all(from, to);
}

struct search {
    struct fi_os_dir *dir;
    const char *text;
    unsigned files;
    unsigned found;
};

static int
search_one(void *ctx, const struct fi_os_dirent *entry)
{
    struct search *search = ctx;
    firn_error err;
    if (is_dir(search->dir, entry->name)) {
        struct fi_os_dir *own = search->dir;
        DB_OK(fi_os_dir_open(own, entry->name, &search->dir, &err));
        DB_OK(fi_os_dir_list(search->dir, search_one, search, &err));
        fi_os_dir_close(search->dir);
        search->dir = own;
        return FIRN_OK;
    }
    struct fi_buf bytes = {0};
    test_file_read(search->dir, entry->name, &bytes);
    const bool is_in = bytes.size > 0 &&
                       memmem(bytes.data, bytes.size, search->text, strlen(search->text)) != NULL;
    search->files++;
    search->found += is_in || strstr(entry->name, search->text) != NULL ? 1 : 0;
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

unsigned
db_support_search(struct fi_os_dir *dir, const char *text, unsigned *out_files)
{
    firn_error err;
    struct search search = {.text = text};
    DB_OK(fi_os_dir_open_beneath(dir, "", &search.dir, &err)); /* others may be listing dir */
    DB_OK(fi_os_dir_list(search.dir, search_one, &search, &err));
    fi_os_dir_close(search.dir);
    if (out_files != NULL) {
        *out_files = search.files;
    }
    return search.found;
}
