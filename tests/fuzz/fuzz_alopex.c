/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_alopex: tables, logs and containers of Alopex, and records of ALXS, as anybody wrote them.
 *
 * The first byte chooses the reader. Checksums are hard to guess, so the harness
 * can set those of a table's blocks and of logs' entries right (the second byte). What is given on lies in memory, no delete has a
 * value, a second reading finds the same, and nothing is read outside of the span.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "migrate/migrate_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 2, TABLE_HEADER = 32, LOG_HEADER = 48, STOPPED = FIRN_CANCELLED };

struct file {
    uint8_t *data;
    size_t size;
    uint32_t sum; /* of all that was found */
    uint32_t count;
    uint32_t told;
    uint32_t stop_at;
};

static bool
read_file(void *ctx, uint64_t offset, uint8_t *data, size_t size)
{
    const struct file *file = ctx;
    CHECK(offset <= file->size && size <= file->size - offset && size > 0);
    memcpy(data, file->data + offset, size);
    return true;
}

static int
keep(void *ctx, const struct fi_migrate_version *version, firn_error *err)
{
    struct file *file = ctx;
    CHECK(!version->is_deleted || version->value.size == 0);
    file->sum = fi_migrate_span_crc_of(file->sum, version->key.data, version->key.size);
    file->sum = fi_migrate_span_crc_of(file->sum, version->value.data, version->value.size);
    if (++file->count == file->stop_at) {
        return fi_migrate_fail(err, STOPPED, "stopped");
    }
    return FIRN_OK;
}

static void
tell(void *ctx, const char *text)
{
    struct file *file = ctx;
    CHECK(strlen(text) < FIRN_ERROR_TEXT_SIZE);
    file->told++;
}

static void
put_crc(struct file *file, uint64_t at, uint64_t size, uint64_t to)
{
    uint32_t crc = fi_migrate_span_crc_of(0, file->data + at, (size_t)size);
    for (size_t i = 0; i < 4; i++) {
        file->data[to + i] = (uint8_t)(crc >> 8 * i);
    }
}

/* Gives the entries of a log, or the blocks of a table, right checksums, as far as their sizes lead. */
static void
mend(struct file *file, bool is_log)
{
    size_t head = is_log ? 12 : 8;
    size_t at = is_log ? LOG_HEADER : TABLE_HEADER;
    while (at < file->size && file->size - at >= head + 4) {
        uint64_t size =
            fi_migrate_span_u32(file->data + at + head - 4) + (is_log ? 0 : UINT64_C(4));
        if (size < 4 || size > file->size - at - head) {
            break;
        }
        put_crc(file, at, head + size - 4, at + head + size - 4);
        at += head + (size_t)size;
    }
    if (is_log && file->size >= LOG_HEADER) {
        put_crc(file, 0, 16, 16);
        put_crc(file, 20, 22, 42);
    }
}

static void
mend_journal(struct file *file)
{
    for (size_t at = 0; file->size - at >= 8;) {
        size_t size = fi_migrate_span_u32(file->data + at);
        if (size > file->size - at - 8) {
            break;
        }
        put_crc(file, at + 8, size, at + 4);
        at += 8 + size;
    }
}

static int
read_as(int reader, struct file *file)
{
    firn_error err;
    uint64_t end = 0;
    const struct fi_migrate_span span = {read_file, file, 0, file->size};
    const struct fi_migrate_taker taker = {keep, tell, file};
    file->sum = file->count = file->told = 0;
    int code = reader == 0   ? fi_migrate_table_read(&span, &taker, &end, &err)
               : reader == 1 ? fi_migrate_wal_read(&span, 0, &taker, &err)
               : reader == 2 ? fi_migrate_container_read(&span, &taker, &end, &err)
               : reader == 4 ? fi_migrate_journal_read(&span, &taker, &err)
                             : fi_migrate_alxs_read(&span, file->size, NULL, &taker, &err);
    CHECK(code == FIRN_OK || code == err.code);
    CHECK(reader != 0 || code != FIRN_OK || end <= file->size);
    return code;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= HEAD) {
        return 0;
    }
    struct file file = {.data = malloc(size - HEAD), .size = size - HEAD};
    CHECK(file.data != NULL);
    memcpy(file.data, data + HEAD, file.size);
    int reader = data[0] % 5;
    if ((data[1] & 1) != 0 && reader < 2) {
        mend(&file, reader == 1);
    } else if ((data[1] & 1) != 0 && reader == 4) {
        mend_journal(&file);
    }
    int code = read_as(reader, &file);
    CHECK(code == FIRN_OK || (reader == 2 && code == FIRN_UNSUPPORTED));
    uint32_t sum = file.sum;
    uint32_t count = file.count;
    CHECK(read_as(reader, &file) == code && file.sum == sum && file.count == count);
    file.stop_at = count;
    CHECK(count == 0 || read_as(reader, &file) == STOPPED);
    free(file.data);
    return 0;
}
