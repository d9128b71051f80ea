/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/row_spill.c: records in temporary files.
 *
 * A block:
 *
 *   0          8              12      16
 *   +----------+--------------+-------+------ … ------+
 *   | checksum | size of rest | zero  | records       |
 *   +----------+--------------+-------+------ … ------+
 *
 *   record: size, 4 bytes | bytes
 *
 * The checksum is XXH3-64 of the bytes after it, with the block's offset as the seed, so that a
 * misplaced block is detected. A block has up to BLOCK_SIZE bytes of records, or one larger
 * record.
 *
 * (I1) A record is in one block.
 * (I2) Stretches begin and end with blocks.
 *
 * Files are neither synced nor used after a crash. Still, data that is read is not trusted: sizes
 * are checked against the stretch and the block.
 */
#include "aggregate/row_spill.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/xxh3.h"

enum { BLOCK_SIZE = 64 << 10, HEADER_SIZE = 16, RECORD_HEADER_SIZE = 4 };

struct firn_row_spill_file {
    struct firn_os_dir *dir;
    struct firn_os_file *file;
    char name[FIRN_ROW_SPILL_NAME_SIZE];
    uint64_t size;         /* bytes written */
    struct firn_buf block; /* header and records of the block that is being filled; empty: none */
};

/* ---- writing ---- */

int
firn_row_spill_create(const struct firn_row_spill *spill, struct firn_row_spill_file **out,
                      firn_error *err)
{
    *out = NULL;
    struct firn_row_spill_file *file = firn_alloc_zeroed(sizeof *file);
    if (file == NULL) {
        return firn_error_no_memory(err, "a temporary file");
    }
    file->dir = spill->dir;
    spill->make_name(spill->ctx, file->name);
    int rc = firn_os_file_open(file->dir, file->name,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_EXCLUSIVE |
                                   FIRN_OS_FOR_OWNER,
                               0600, &file->file, err);
    if (rc != FIRN_OK) {
        firn_free(file);
        return rc;
    }
    *out = file;
    return FIRN_OK;
}

void
firn_row_spill_destroy(struct firn_row_spill_file *file)
{
    if (file == NULL) {
        return;
    }
    firn_os_file_close(file->file);
    FIRN_IGNORE(firn_os_remove_file(file->dir, file->name, NULL));
    firn_buf_deinit(&file->block);
    firn_free(file);
}

static int
write_block(struct firn_row_spill_file *file, firn_error *err)
{
    struct firn_buf *block = &file->block;
    DCHECK(block->size > HEADER_SIZE);
    firn_store_le32(block->data + 8, (uint32_t)(block->size - HEADER_SIZE));
    firn_store_le32(block->data + 12, 0);
    firn_store_le64(block->data, firn_xxh3(block->data + 8, block->size - 8, file->size));
    int rc = firn_os_file_write(file->file, file->size, block->data, block->size, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    file->size += block->size;
    firn_buf_clear(block);
    if (block->capacity > (size_t)2 * BLOCK_SIZE) {
        firn_buf_deinit(block);
    }
    return FIRN_OK;
}

int
firn_row_spill_add(struct firn_row_spill_file *file, firn_slice record, firn_error *err)
{
    struct firn_buf *block = &file->block;
    if (record.size > UINT32_MAX - HEADER_SIZE - RECORD_HEADER_SIZE) {
        return firn_error_set(err, FIRN_LIMIT,
                              "a row of %zu bytes is too large for a temporary file", record.size);
    }
    size_t size = RECORD_HEADER_SIZE + record.size;
    int rc = FIRN_OK;
    if (block->size > 0 && block->size + size > HEADER_SIZE + BLOCK_SIZE) {
        rc = write_block(file, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (block->size == 0) {
        size_t room = size < BLOCK_SIZE ? BLOCK_SIZE : size;
        if (firn_buf_reserve(block, HEADER_SIZE + room) != FIRN_OK) {
            return firn_error_no_memory(err, "a block of a temporary file");
        }
        block->size = HEADER_SIZE;
    }
    DCHECK(block->capacity - block->size >= size); /* (I1) */
    uint8_t *at = block->data + block->size;
    firn_store_le32(at, (uint32_t)record.size);
    if (record.size > 0) {
        memcpy(at + RECORD_HEADER_SIZE, record.data, record.size);
    }
    block->size += size;
    return FIRN_OK;
}

int
firn_row_spill_end(struct firn_row_spill_file *file, uint64_t *out_end, firn_error *err)
{
    int rc = file->block.size > 0 ? write_block(file, err) : FIRN_OK;
    DCHECK(rc != FIRN_OK || file->block.size == 0); /* (I2) */
    *out_end = file->size;
    return rc;
}

void
firn_row_spill_seal(struct firn_row_spill_file *file)
{
    DCHECK(file->block.size == 0);
    firn_buf_deinit(&file->block);
}

uint64_t
firn_row_spill_size_bytes(const struct firn_row_spill_file *file)
{
    return file->size;
}

/* ---- reading ---- */

void
firn_row_spill_reader_init(struct firn_row_spill_reader *reader, struct firn_row_spill_file *file,
                           uint64_t start, uint64_t end)
{
    DCHECK(start <= end && end <= file->size);
    reader->file = file;
    reader->offset = start;
    reader->end = end;
    reader->at = 0;
    firn_buf_clear(&reader->block);
}

void
firn_row_spill_reader_deinit(struct firn_row_spill_reader *reader)
{
    firn_buf_deinit(&reader->block);
    *reader = (struct firn_row_spill_reader){.file = NULL};
}

static int
corrupt(const struct firn_row_spill_reader *reader, const char *what, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "%s: the block at %llu is damaged: %s",
                          firn_os_file_path(reader->file->file), (unsigned long long)reader->offset,
                          what);
}

/* Reads the block up to its first size bytes; those up to `from` are there already. */
static int
read_to(struct firn_row_spill_reader *reader, size_t from, size_t size, firn_error *err)
{
    struct firn_buf *block = &reader->block;
    if (firn_buf_set_size(block, size) != FIRN_OK) {
        return firn_error_no_memory(err, "a block of a temporary file");
    }
    return firn_os_file_read_exact(reader->file->file, reader->offset + from, block->data + from,
                                   size - from, err);
}

static int
read_block(struct firn_row_spill_reader *reader, firn_error *err)
{
    struct firn_buf *block = &reader->block;
    uint64_t left = reader->end - reader->offset;
    size_t guess = left < HEADER_SIZE + BLOCK_SIZE ? (size_t)left : HEADER_SIZE + BLOCK_SIZE;
    firn_buf_clear(block);
    if (block->capacity > (size_t)2 * (HEADER_SIZE + BLOCK_SIZE)) {
        firn_buf_deinit(block);
    }
    if (left <= HEADER_SIZE) {
        return corrupt(reader, "it is cut off", err);
    }
    FIRN_TRY_RETURN(read_to(reader, 0, guess, err));
    uint64_t size = firn_load_le32(block->data + 8);
    if (size == 0 || size > left - HEADER_SIZE) { /* (I2) */
        return corrupt(reader, "its size is wrong", err);
    }
    size += HEADER_SIZE;
    if (size > guess) {
        FIRN_TRY_RETURN(read_to(reader, guess, (size_t)size, err));
    }
    if (firn_load_le64(block->data) !=
        firn_xxh3(block->data + 8, (size_t)size - 8, reader->offset)) {
        return corrupt(reader, "its checksum is wrong", err);
    }
    block->size = (size_t)size;
    reader->at = HEADER_SIZE;
    return FIRN_OK;
}

int
firn_row_spill_next(struct firn_row_spill_reader *reader, firn_slice *out, bool *out_is_end,
                    firn_error *err)
{
    const struct firn_buf *block = &reader->block;
    *out_is_end = false;
    *out = firn_bytes(NULL, 0);
    if (reader->at >= block->size) {
        reader->offset += block->size;
        if (reader->offset >= reader->end) {
            firn_buf_clear(&reader->block);
            reader->at = 0;
            *out_is_end = true;
            return FIRN_OK;
        }
        int rc = read_block(reader, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    size_t left = block->size - reader->at;
    size_t size = left < RECORD_HEADER_SIZE ? SIZE_MAX : firn_load_le32(block->data + reader->at);
    if (left < RECORD_HEADER_SIZE || size > left - RECORD_HEADER_SIZE) { /* (I1) */
        return corrupt(reader, "a record does not fit into it", err);
    }
    *out = firn_bytes(block->data + reader->at + RECORD_HEADER_SIZE, size);
    reader->at += RECORD_HEADER_SIZE + size;
    return FIRN_OK;
}
