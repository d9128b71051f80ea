/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs_writer.c: makes a table.
 *
 * Records are collected in a buffer and written from offset 16 on; each write updates the checksum.
 * The header, which contains the number of records, is written last: until it has its name, the
 * file is a temporary one (tempfile.h), so no reader sees it without a header.
 *
 * An append is checked and gets its memory before any of it is accepted: refusals leave the writer
 * as it was. A write that fails cannot be undone, and disables the writer.
 *
 * finish: footer, header, sync, rename, sync of the directory. A power cut leaves the whole table
 * under its name, or nothing (or what was there before); the next create removes what is left of a
 * temporary file.
 *
 * Memory: the buffer, and the last key. One thread at a time.
 */
#include <inttypes.h>

#include "alxs/alxs.h"
#include "alxs/alxs_format.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/crc32.h"
#include "tempfile/tempfile.h"

#define TEMP_KIND "alxs"
enum { BUFFER_SIZE = 256 << 10 };

enum state { STATE_OPEN, STATE_FAILED, STATE_FINISHED };

struct firn_alxs_writer {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    enum state state;
    firn_alxs_writer_options options;
    struct fi_os_dir *dir;
    char *name;
    struct fi_tempfile temp;
    struct fi_buf buffer;
    uint64_t offset; /* of the buffer in the file */
    uint32_t crc;    /* of the records before the buffer */
    uint64_t count;
    struct fi_buf last_key;
};

/* ---- life ---- */

/* Checks the name before any work is done; finish checks again that it is free. */
static int
check_name(struct fi_os_dir *dir, const char *name, bool may_exist, firn_error *err)
{
    firn_error problem;
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, &problem);
    if (rc == FIRN_OK) {
        return may_exist ? FIRN_OK
                         : fi_error_set(err, FIRN_EXISTS, "'%s' is there already in '%s'", name,
                                        fi_os_dir_path(dir));
    }
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    fi_error_copy(err, &problem);
    return rc;
}

int
fi_alxs_writer_create(struct fi_os_dir *dir, const char *name,
                      const firn_alxs_writer_options *options, struct firn_alxs_writer **out,
                      firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct firn_alxs_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a table writer");
    }
    fi_os_process_init_mark(&writer->mark);
    writer->options = *options;
    writer->offset = FI_ALXS_HEADER_SIZE;
    writer->name = fi_strdup(name);
    if (writer->name == NULL || fi_buf_reserve(&writer->buffer, BUFFER_SIZE) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a table writer"));
    }
    FI_TRY(check_name(dir, name, options->replace_existing, err));
    FI_TRY(fi_os_dir_open_beneath(dir, "", &writer->dir, err));
    FI_TRY(fi_tempfile_create(&writer->temp, writer->dir, TEMP_KIND, err));
    *out = writer;
out:
    if (rc != FIRN_OK) {
        fi_alxs_writer_destroy(writer);
    }
    return rc;
}

void
fi_alxs_writer_destroy(struct firn_alxs_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    fi_tempfile_discard(&writer->temp);
    fi_os_dir_close(writer->dir);
    fi_free(writer->name);
    fi_buf_deinit(&writer->buffer);
    fi_buf_deinit(&writer->last_key);
    fi_free(writer);
}

uint64_t
fi_alxs_writer_count(const struct firn_alxs_writer *writer)
{
    return writer->count;
}

static int
check_open(const struct firn_alxs_writer *writer, firn_error *err)
{
    switch (writer->state) {
    case STATE_OPEN:
        return FIRN_OK;
    case STATE_FINISHED:
        return fi_error_set(err, FIRN_MISUSE, "the table is finished");
    case STATE_FAILED:
    default:
        return fi_error_set(err, FIRN_FAILED, "writing the table failed earlier");
    }
}

/* ---- bytes ---- */

/* Appends bytes of records to the file. */
static int
write_records(struct firn_alxs_writer *writer, firn_slice bytes, firn_error *err)
{
    DCHECK(writer->state == STATE_OPEN && writer->offset >= FI_ALXS_HEADER_SIZE);
    int rc = fi_os_file_write(writer->temp.file, writer->offset, bytes.data, bytes.size, err);
    if (rc != FIRN_OK) {
        writer->state = STATE_FAILED;
        return rc;
    }
    fi_os_file_start_writeback(writer->temp.file, writer->offset, bytes.size);
    writer->crc = fi_crc32(writer->crc, bytes.data, bytes.size);
    writer->offset += bytes.size;
    return FIRN_OK;
}

static int
alxs_writer_flush(struct firn_alxs_writer *writer, firn_error *err)
{
    int rc = FIRN_OK;
    if (writer->buffer.size > 0) {
        rc = write_records(writer, fi_buf_slice(&writer->buffer), err);
        fi_buf_clear(&writer->buffer);
    }
    return rc;
}

/* The buffer has its memory already, so this fails only if a write fails. */
static int
alxs_writer_put(struct firn_alxs_writer *writer, firn_slice bytes, firn_error *err)
{
    DCHECK(writer->buffer.size <= BUFFER_SIZE && writer->buffer.capacity >= BUFFER_SIZE);
    if (bytes.size > BUFFER_SIZE - writer->buffer.size) {
        FI_TRY_RETURN(alxs_writer_flush(writer, err));
    }
    if (bytes.size > BUFFER_SIZE) {
        DCHECK(writer->buffer.size == 0); /* else the records would change places */
        FI_TRY_RETURN(write_records(writer, bytes, err));
    } else if (bytes.size > 0) {
        FI_TRY_RETURN(fi_buf_append_slice(&writer->buffer, bytes));
    }
    return FIRN_OK;
}

/* ---- records ---- */

static int
check_record(const struct firn_alxs_writer *writer, firn_slice key, firn_slice value,
             firn_error *err)
{
    if (key.size > UINT32_MAX || value.size > UINT32_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a key of %zu bytes with a value of %zu: a table has room for %" PRIu32
                            " each",
                            key.size, value.size, UINT32_MAX);
    }
    if (writer->count == 0) {
        return FIRN_OK;
    }
    int order = fi_alxs_format_compare(key, fi_buf_slice(&writer->last_key));
    if (order < 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "the key of record %" PRIu64 " is smaller than the one before: keys "
                            "of a table come in ascending order",
                            writer->count + 1);
    }
    if (order == 0 && writer->options.refuse_equal_keys) {
        return fi_error_set(err, FIRN_INVALID,
                            "the key of record %" PRIu64 " is equal to the one before",
                            writer->count + 1);
    }
    return FIRN_OK;
}

int
fi_alxs_writer_append(struct firn_alxs_writer *writer, firn_slice key, firn_slice value,
                      firn_error *err)
{
    uint8_t head[FI_ALXS_RECORD_HEAD_SIZE];
    FI_TRY_RETURN(check_open(writer, err));
    FI_TRY_RETURN(check_record(writer, key, value, err));
    if (key.size > writer->last_key.capacity &&
        fi_buf_reserve(&writer->last_key, key.size - writer->last_key.size) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a table");
    }
    CHECK(key.size <= UINT32_MAX && value.size <= UINT32_MAX);
    fi_alxs_format_put_record_head(head, (uint32_t)key.size, (uint32_t)value.size);
    FI_TRY_RETURN(alxs_writer_put(writer, firn_bytes(head, sizeof head), err));
    FI_TRY_RETURN(alxs_writer_put(writer, key, err));
    FI_TRY_RETURN(alxs_writer_put(writer, value, err));
    fi_buf_clear(&writer->last_key);
    if (key.size > 0) {
        FI_TRY_RETURN(fi_buf_append_slice(&writer->last_key, key));
    }
    writer->count++;
    return FIRN_OK;
}

/* ---- the end ---- */

int
fi_alxs_writer_finish(struct firn_alxs_writer *writer, uint32_t *out_checksum, firn_error *err)
{
    uint8_t header[FI_ALXS_HEADER_SIZE];
    uint8_t footer[FI_ALXS_FOOTER_SIZE];
    int rc = check_open(writer, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(alxs_writer_flush(writer, err));
    DCHECK(writer->buffer.size == 0);
    fi_alxs_format_put_footer(footer, writer->count, writer->crc);
    fi_alxs_format_put_header(header, writer->count);
    FI_TRY(fi_os_file_write(writer->temp.file, writer->offset, footer, sizeof footer, err));
    FI_TRY(fi_os_file_write(writer->temp.file, 0, header, sizeof header, err));
    FI_TRY(fi_tempfile_put(
        &writer->temp, writer->name,
        writer->options.replace_existing ? FI_OS_RENAME_REPLACE : FI_OS_RENAME_NO_REPLACE, err));
    FI_TRY(fi_os_dir_sync(writer->dir, err));
    if (out_checksum != NULL) {
        *out_checksum = writer->crc;
    }
out:
    fi_tempfile_discard(&writer->temp);
    writer->state = rc == FIRN_OK ? STATE_FINISHED : STATE_FAILED;
    return rc;
}
