/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/store_replay: a store whose log holds hostile records, or whose identity is hostile. Byte 0
 * odd: the rest is the file FIRN. Byte 0 even: the rest is a list of records, each a byte (0: the
 * type of a commit, else that type), two bytes of size, and so many bytes.
 *
 * A record that can be read is written again with the same bytes. Whatever a read-only opening
 * says, one for writing says too. A store that opens is found sound by a check, can be walked and
 * written, and shows the same when opened again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "log/log.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "storefile/storefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read from a record and written again has the same bytes: there is one form for
 * everything. */
static void
write_again(firn_slice record)
{
    struct fi_storefile_commit commit;
    struct fi_storefile_op op;
    struct fi_storefile_place place;
    const char *what = NULL;
    struct fi_buf out = {0};
    int rc = fi_storefile_get_header(record, &commit, &what);
    if (rc == FIRN_OK) {
        uint8_t header[FI_STOREFILE_HEADER_MAX];
        size_t size = fi_storefile_put_header(commit.sequence, commit.count, header);
        CHECK(fi_buf_append(&out, header, size) == FIRN_OK);
    }
    while (rc == FIRN_OK && commit.count > 0) {
        rc = fi_storefile_get_op(&commit, &op, &what);
        if (rc == FIRN_OK) {
            CHECK(fi_storefile_append_op(&out, &op, &place) == FIRN_OK);
        }
    }
    CHECK(rc == FIRN_OK || (what != NULL && (rc == FIRN_CORRUPT || rc == FIRN_NEWER)));
    CHECK(rc != FIRN_OK || fi_slice_equal(fi_buf_slice(&out), record));
    fi_buf_deinit(&out);
}

static void
append_records(struct fi_os_dir *dir, struct fi_reader reader)
{
    struct fi_log *log;
    const struct fi_log_options options = {.prefix = "wal"};
    CHECK(fi_log_open(dir, &options, NULL, NULL, &log, NULL, NULL) == FIRN_OK);
    uint8_t type;
    uint16_t record_size;
    while (fi_reader_u8(&reader, &type) && fi_reader_le16(&reader, &record_size)) {
        size_t left = fi_reader_left(&reader);
        firn_slice record;
        CHECK(fi_reader_bytes(&reader, record_size < left ? record_size : left, &record));
        type = type < FI_LOG_TYPE_USER ? FI_LOG_TYPE_USER : type;
        write_again(record);
        CHECK(fi_log_append(log, type, &record, 1, NULL, NULL) == FIRN_OK);
    }
    CHECK(fi_log_close(log, NULL) == FIRN_OK);
}

static void
write_identity(struct fi_os_dir *dir, struct fi_reader reader)
{
    struct fi_os_file *file;
    CHECK(fi_os_file_open(dir, "FIRN", FI_OS_WRITE | FI_OS_TRUNCATE, 0600, &file, NULL) == FIRN_OK);
    size_t left = fi_reader_left(&reader);
    CHECK(left == 0 || fi_os_file_write(file, 0, reader.at, left, NULL) == FIRN_OK);
    fi_os_file_close(file);
}

static int
walk_keyspace(void *ctx, const char *name)
{
    struct firn_db *db = ctx;
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    struct fi_buf value = {0};
    CHECK(fi_db_keyspace_open(db, name, &keyspace, NULL) == FIRN_OK);
    CHECK(fi_db_cursor_open(keyspace, NULL, &cursor, NULL) == FIRN_OK);
    int rc = fi_db_cursor_last(cursor, NULL);
    while (rc == FIRN_OK && fi_db_cursor_valid(cursor)) {
        CHECK(fi_db_get(keyspace, fi_db_cursor_key(cursor), &value, NULL) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&value), fi_db_cursor_value(cursor)));
        rc = fi_db_cursor_prev(cursor, NULL);
    }
    CHECK(rc == FIRN_OK);
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&value);
    return FIRN_OK;
}

static int
is_not_k(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "k") == 0 ? FIRN_EXISTS : FIRN_OK;
}

/* Opens, looks at everything, and abandons; *out_added commits have been made. */
static int
open_and_walk(struct fi_os_dir *dir, bool read_only, firn_store_check_result *report,
              uint64_t *out_added)
{
    *out_added = 0;
    const struct fi_db_options options = {.read_only = read_only, .memory_bytes = 1 << 20};
    struct firn_db *db;
    firn_error err = {0};
    int rc = fi_db_open(dir, &options, &db, &err);
    if (rc != FIRN_OK) {
        /* The limit: more keyspaces than fit into the memory. */
        CHECK(db == NULL && err.code == rc &&
              (rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_LIMIT));
        return rc;
    }
    CHECK(fi_inspect_check(db, NULL, report, NULL) == FIRN_OK);
    CHECK(fi_db_keyspace_list(db, walk_keyspace, db, NULL) == FIRN_OK);
    if (!read_only) {
        struct firn_db_keyspace *keyspace = NULL;
        uint64_t added = fi_db_keyspace_list(db, is_not_k, NULL, NULL) == FIRN_OK ? 1 : 0;
        rc = fi_db_keyspace_open(db, "k", &keyspace, NULL);
        if (rc == FIRN_OK) {
            *out_added = added;
            rc = fi_db_put(keyspace, firn_str("after"), firn_str("1"), FIRN_DURABILITY_OS, NULL);
        }
        /* Where the log has used the last sequence there is none for another commit. */
        CHECK(rc == FIRN_OK || rc == FIRN_LIMIT);
        *out_added += rc == FIRN_OK ? 1 : 0;
    }
    fi_db_abandon(db);
    return FIRN_OK;
}

/* A machine with a store that has one keyspace and one commit; made once. */
static struct fi_os *
make_template(void)
{
    struct fi_os *os;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 1 << 20};
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_db_path_open(os, "/store", &options, &db, NULL) == FIRN_OK);
    CHECK(fi_db_keyspace_open(db, "k", &keyspace, NULL) == FIRN_OK);
    CHECK(fi_db_put(keyspace, firn_str("a"), firn_str("1"), FIRN_DURABILITY_OS, NULL) == FIRN_OK);
    CHECK(fi_db_close(db, NULL) == FIRN_OK);
    return os;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fi_os *template;
    if (template == NULL) {
        template = make_template();
    }
    if (size == 0) {
        return 0;
    }
    struct fi_os *os;
    struct fi_os_dir *dir;
    CHECK(fi_sim_memory_clone(template, &os, NULL) == FIRN_OK);
    CHECK(fi_os_dir_open_path(os, "/store", &dir, NULL) == FIRN_OK);
    struct fi_reader rest = fi_reader_of(firn_bytes(data + 1, size - 1));
    if (data[0] % 2 == 0) {
        append_records(dir, rest);
    } else {
        write_identity(dir, rest);
    }
    firn_store_check_result first = {0};
    firn_store_check_result second = {0};
    uint64_t added;
    int rc = open_and_walk(dir, true, &first, &added);
    CHECK(open_and_walk(dir, false, &second, &added) == rc);
    CHECK(first.entries == second.entries && first.log_records == second.log_records);
    if (rc == FIRN_OK) {
        CHECK(open_and_walk(dir, true, &second, &(uint64_t){0}) == FIRN_OK);
        CHECK(second.log_records == first.log_records + added);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    return 0;
}
