/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_alxsv1.c: reading ALXS tables that are not trusted.
 *
 * Input: one byte of flags, and the file. Flags: 1 the footer's checksum, and both numbers, are
 * made right, as a forger would; 2 the index has the least memory, 4 limits are small.
 *
 * Held: a table that opens verifies, and the reverse but for limits; a cursor sees the records in
 * order, as many as are said, the same from both ends; each is found; and written again by firn
 * they give the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alxs/alxs.h"
#include "alxs/alxs_format.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/crc32.h"
#include "sim/sim_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_FORGE = 1, FLAG_SMALL_INDEX = 2, FLAG_LIMITS = 4, LOOKED_UP_MAX = 200 };

static void
write_file(struct fi_os_dir *dir, const char *name, firn_slice bytes)
{
    struct fi_os_file *file;
    CHECK(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, NULL) == FIRN_OK);
    if (bytes.size > 0) {
        CHECK(fi_os_file_write(file, 0, bytes.data, bytes.size, NULL) == FIRN_OK);
    }
    fi_os_file_close(file);
}

/* Counts records from the front, as far as they make sense, and lets header and footer say so. */
static void
forge(uint8_t *bytes, size_t size)
{
    if (size < FI_ALXS_FILE_SIZE_MIN) {
        return;
    }
    uint64_t count = 0;
    size_t end = size - FI_ALXS_FOOTER_SIZE;
    for (size_t at = FI_ALXS_HEADER_SIZE; end - at >= FI_ALXS_RECORD_HEAD_SIZE; count++) {
        uint64_t record_size = fi_alxs_format_record_size(bytes + at);
        if (record_size > end - at) {
            break;
        }
        at += (size_t)record_size;
    }
    fi_alxs_format_put_header(bytes, count);
    fi_alxs_format_put_footer(bytes + end, count,
                              fi_crc32(0, bytes + FI_ALXS_HEADER_SIZE, end - FI_ALXS_HEADER_SIZE));
}

static bool
is_equal(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Looks up what the cursor shows, and goes there in the other ways. */
static void
look_up(struct firn_alxs *table, const struct firn_alxs_cursor *cursor)
{
    uint8_t *value;
    size_t size;
    struct firn_alxs_cursor *other;
    firn_slice key = fi_alxs_cursor_key(cursor);
    CHECK(fi_alxs_get(table, key, &value, &size, NULL) == FIRN_OK);
    fi_free(value);
    CHECK(fi_alxs_cursor_open(table, &other, NULL) == FIRN_OK);
    CHECK(fi_alxs_cursor_seek(other, key, NULL) == FIRN_OK);
    CHECK(is_equal(fi_alxs_cursor_key(other), key));
    CHECK(fi_alxs_cursor_seek_before(other, key, NULL) == FIRN_OK);
    CHECK(!fi_alxs_cursor_valid(other) ||
          fi_alxs_format_compare(fi_alxs_cursor_key(other), key) < 0);
    fi_alxs_cursor_close(other);
}

/* Walks forwards, and copies everything into a new table. */
static void
walk_forwards(struct firn_alxs *table, struct firn_alxs_writer *writer)
{
    uint64_t count = 0;
    struct firn_alxs_cursor *cursor;
    CHECK(fi_alxs_cursor_open(table, &cursor, NULL) == FIRN_OK);
    CHECK(fi_alxs_cursor_first(cursor, NULL) == FIRN_OK);
    for (; fi_alxs_cursor_valid(cursor); count++) {
        if (count < LOOKED_UP_MAX) {
            look_up(table, cursor);
        }
        CHECK(fi_alxs_writer_append(writer, fi_alxs_cursor_key(cursor),
                                    fi_alxs_cursor_value(cursor), NULL) == FIRN_OK);
        CHECK(fi_alxs_cursor_next(cursor, NULL) == FIRN_OK);
    }
    CHECK(count == table->info.count);
    fi_alxs_cursor_close(cursor);
}

static void
walk_backwards(struct firn_alxs *table)
{
    uint64_t count = 0;
    struct firn_alxs_cursor *cursor;
    CHECK(fi_alxs_cursor_open(table, &cursor, NULL) == FIRN_OK);
    CHECK(fi_alxs_cursor_last(cursor, NULL) == FIRN_OK);
    for (; fi_alxs_cursor_valid(cursor); count++) {
        CHECK(fi_alxs_cursor_prev(cursor, NULL) == FIRN_OK);
    }
    CHECK(count == table->info.count);
    fi_alxs_cursor_close(cursor);
}

static void
copy_and_compare(struct fi_os_dir *dir, struct firn_alxs *table, firn_slice bytes)
{
    uint32_t checksum;
    size_t size;
    struct firn_alxs_writer *writer;
    struct fi_os_file *file;
    const firn_alxs_writer_options options = FIRN_ALXS_WRITER_OPTIONS_INIT;
    CHECK(fi_alxs_writer_create(dir, "copy", &options, &writer, NULL) == FIRN_OK);
    walk_forwards(table, writer);
    CHECK(fi_alxs_writer_finish(writer, &checksum, NULL) == FIRN_OK);
    CHECK(checksum == table->info.checksum);
    fi_alxs_writer_destroy(writer);
    uint8_t *copy = malloc(bytes.size + 1);
    CHECK(copy != NULL);
    CHECK(fi_os_file_open(dir, "copy", FI_OS_READ, 0, &file, NULL) == FIRN_OK);
    CHECK(fi_os_file_read(file, 0, copy, bytes.size + 1, &size, NULL) == FIRN_OK);
    CHECK(is_equal(firn_bytes(copy, size), bytes));
    fi_os_file_close(file);
    free(copy);
}

static void
read_table(struct fi_os_dir *dir, firn_slice bytes, const firn_alxs_options *options)
{
    firn_error err;
    firn_alxs_info info;
    struct firn_alxs *table;
    int rc = fi_alxs_open(dir, "t", options, &table, &err);
    int verify_rc = fi_alxs_verify(dir, "t", options, NULL, NULL, NULL, &info, &err);
    CHECK(verify_rc == rc || (rc == FIRN_LIMIT && verify_rc == FIRN_OK) ||
          (rc != FIRN_OK && verify_rc != FIRN_OK));
    if (rc == FIRN_OK) {
        walk_backwards(table);
        copy_and_compare(dir, table, bytes);
    }
    fi_alxs_close(table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_os *os;
    struct fi_os_dir *dir;
    firn_alxs_options options = FIRN_ALXS_OPTIONS_INIT;
    if (size < 1) {
        return 0;
    }
    unsigned flags = data[0];
    size--;
    uint8_t *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    memcpy(bytes, data + 1, size);
    if (flags & FLAG_FORGE) {
        forge(bytes, size);
    }
    if (flags & FLAG_SMALL_INDEX) {
        options.index_memory_max = 0;
    }
    if (flags & FLAG_LIMITS) {
        options.key_size_max = 8;
        options.value_size_max = 64;
    }
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_os_dir_open_path(os, "/", &dir, NULL) == FIRN_OK);
    write_file(dir, "t", firn_bytes(bytes, size));
    read_table(dir, firn_bytes(bytes, size), &options);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    free(bytes);
    return 0;
}
