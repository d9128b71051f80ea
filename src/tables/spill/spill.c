/* SPDX-License-Identifier: Apache-2.0
 *
 * spill/spill.c: records in temporary files.
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
 * In a directory with a seal (os/os_seal.h) the records of a block are encrypted as one message,
 * which ends with a tag. The key is this file's alone, and nothing of it is stored: what a crash
 * leaves can never be read.
 *
 * (I1) A record is in one block.
 * (I2) Stretches begin and end with blocks.
 * (I3) The nonce is the block's offset; each offset of a file is written once. (Not checked: after
 *      a write that failed, the file is only destroyed.)
 *
 * Files are neither synced nor used after a crash. Still, data that is read is not trusted: sizes
 * are checked against the stretch and the block.
 */
#include "spill/spill.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "cipher/cipher_keyring.h"
#include "codec/xxh3.h"

enum { BLOCK_SIZE = 64 << 10, HEADER_SIZE = 16, RECORD_HEADER_SIZE = 4 };

struct fi_spill_file {
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    struct fi_cipher_key *key; /* NULL: in clear */
    char name[FI_SPILL_NAME_SIZE];
    uint64_t size;       /* bytes written */
    struct fi_buf block; /* header and records of the block that is being filled; empty: none */
};

/* ---- writing ---- */

static int
make_key(struct fi_os_dir *dir, struct fi_cipher_key **out, firn_error *err)
{
    struct fi_cipher_keyring_use use;
    uint8_t identity[FI_CIPHER_DERIVE_ID_SIZE];
    const struct fi_os_seal *seal = fi_os_dir_seal(dir);
    *out = NULL;
    if (seal == NULL || !fi_cipher_keyring_encrypts(fi_cipher_keyring_of(seal))) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_os_random(fi_os_dir_os(dir), identity, sizeof identity, err));
    return fi_cipher_keyring_file_begin(fi_cipher_keyring_of(seal), identity, &use, out, err);
}

int
fi_spill_create(const struct fi_spill *spill, struct fi_spill_file **out, firn_error *err)
{
    *out = NULL;
    struct fi_spill_file *file = fi_alloc_zeroed(sizeof *file);
    if (file == NULL) {
        return fi_error_no_memory(err, "a temporary file");
    }
    file->dir = spill->dir;
    spill->make_name(spill->ctx, file->name);
    int rc = make_key(file->dir, &file->key, err);
    FI_TRY(rc);
    FI_TRY(fi_os_file_open(file->dir, file->name,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE |
                               FI_OS_FOR_OWNER | FI_OS_SEALED,
                           0600, &file->file, err));
    *out = file;
    file = NULL;
out:
    if (file != NULL) {
        fi_cipher_key_destroy(file->key);
        fi_free(file);
    }
    return rc;
}

void
fi_spill_destroy(struct fi_spill_file *file)
{
    if (file == NULL) {
        return;
    }
    fi_os_file_close(file->file);
    FI_IGNORE(fi_os_remove_file(file->dir, file->name, NULL));
    fi_cipher_key_destroy(file->key);
    fi_buf_deinit(&file->block);
    fi_free(file);
}

/* Encrypts the records of the block that is written next. */
static int
encrypt_block(struct fi_spill_file *file, firn_error *err)
{
    struct fi_buf *block = &file->block;
    const size_t size = block->size - HEADER_SIZE;
    if (fi_buf_set_size(block, block->size + fi_cipher_key_tag_size(file->key)) != FIRN_OK) {
        return fi_error_no_memory(err, "a block of a temporary file");
    }
    uint8_t *records = block->data + HEADER_SIZE;
    return fi_cipher_seal(file->key, file->size, firn_bytes(NULL, 0), firn_bytes(records, size),
                          records, err); /* (I3) */
}

static int
write_block(struct fi_spill_file *file, firn_error *err)
{
    struct fi_buf *block = &file->block;
    DCHECK(block->size > HEADER_SIZE);
    if (file->key != NULL) {
        FI_TRY_RETURN(encrypt_block(file, err));
    }
    fi_store_le32(block->data + 8, (uint32_t)(block->size - HEADER_SIZE));
    fi_store_le32(block->data + 12, 0);
    fi_store_le64(block->data, fi_xxh3(block->data + 8, block->size - 8, file->size));
    int rc = fi_os_file_write(file->file, file->size, block->data, block->size, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    file->size += block->size;
    fi_buf_clear(block);
    if (block->capacity > (size_t)2 * BLOCK_SIZE) {
        fi_buf_deinit(block);
    }
    return FIRN_OK;
}

int
fi_spill_add(struct fi_spill_file *file, firn_slice record, firn_error *err)
{
    struct fi_buf *block = &file->block;
    if (record.size > UINT32_MAX - HEADER_SIZE - RECORD_HEADER_SIZE) {
        return fi_error_set(err, FIRN_LIMIT, "a row of %zu bytes is too large for a temporary file",
                            record.size);
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
        if (fi_buf_reserve(block, HEADER_SIZE + room) != FIRN_OK) {
            return fi_error_no_memory(err, "a block of a temporary file");
        }
        block->size = HEADER_SIZE;
    }
    DCHECK(block->capacity - block->size >= size); /* (I1) */
    uint8_t *at = block->data + block->size;
    fi_store_le32(at, (uint32_t)record.size);
    if (record.size > 0) {
        memcpy(at + RECORD_HEADER_SIZE, record.data, record.size);
    }
    block->size += size;
    return FIRN_OK;
}

int
fi_spill_end(struct fi_spill_file *file, uint64_t *out_end, firn_error *err)
{
    int rc = file->block.size > 0 ? write_block(file, err) : FIRN_OK;
    DCHECK(rc != FIRN_OK || file->block.size == 0); /* (I2) */
    *out_end = file->size;
    return rc;
}

void
fi_spill_seal(struct fi_spill_file *file)
{
    DCHECK(file->block.size == 0);
    fi_buf_deinit(&file->block);
}

uint64_t
fi_spill_size_bytes(const struct fi_spill_file *file)
{
    return file->size;
}

/* ---- reading ---- */

void
fi_spill_reader_init(struct fi_spill_reader *reader, struct fi_spill_file *file, uint64_t start,
                     uint64_t end)
{
    DCHECK(start <= end && end <= file->size);
    reader->file = file;
    reader->offset = start;
    reader->end = end;
    reader->at = 0;
    reader->stored_size = 0;
    fi_buf_clear(&reader->block);
}

void
fi_spill_reader_deinit(struct fi_spill_reader *reader)
{
    fi_buf_deinit(&reader->block);
    *reader = (struct fi_spill_reader){.file = NULL};
}

static int
spill_corrupt(const struct fi_spill_reader *reader, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "%s: the block at %llu is damaged: %s",
                        fi_os_file_path(reader->file->file), (unsigned long long)reader->offset,
                        what);
}

/* Reads the block up to its first size bytes; those up to `from` are there already. */
static int
read_to(struct fi_spill_reader *reader, size_t from, size_t size, firn_error *err)
{
    struct fi_buf *block = &reader->block;
    if (fi_buf_set_size(block, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a block of a temporary file");
    }
    return fi_os_file_read_exact(reader->file->file, reader->offset + from, block->data + from,
                                 size - from, err);
}

static int
decrypt_block(struct fi_spill_reader *reader, firn_error *err)
{
    struct fi_buf *block = &reader->block;
    struct fi_cipher_key *key = reader->file->key;
    const size_t tag_size = fi_cipher_key_tag_size(key);
    uint8_t *records = block->data + HEADER_SIZE;
    if (block->size < HEADER_SIZE + tag_size) {
        return spill_corrupt(reader, "it has no tag", err);
    }
    int rc = fi_cipher_open(key, reader->offset, firn_bytes(NULL, 0),
                            firn_bytes(records, block->size - HEADER_SIZE), records, err);
    if (rc == FIRN_CORRUPT) {
        return spill_corrupt(reader, "its tag is wrong", err);
    }
    block->size -= tag_size;
    return rc;
}

static int
read_block(struct fi_spill_reader *reader, firn_error *err)
{
    struct fi_buf *block = &reader->block;
    uint64_t left = reader->end - reader->offset;
    size_t guess = left < HEADER_SIZE + BLOCK_SIZE ? (size_t)left : HEADER_SIZE + BLOCK_SIZE;
    fi_buf_clear(block);
    if (block->capacity > (size_t)2 * (HEADER_SIZE + BLOCK_SIZE)) {
        fi_buf_deinit(block);
    }
    if (left <= HEADER_SIZE) {
        return spill_corrupt(reader, "it is cut off", err);
    }
    FI_TRY_RETURN(read_to(reader, 0, guess, err));
    uint64_t size = fi_load_le32(block->data + 8);
    if (size == 0 || size > left - HEADER_SIZE) { /* (I2) */
        return spill_corrupt(reader, "its size is wrong", err);
    }
    size += HEADER_SIZE;
    if (size > guess) {
        FI_TRY_RETURN(read_to(reader, guess, (size_t)size, err));
    }
    if (fi_load_le64(block->data) != fi_xxh3(block->data + 8, (size_t)size - 8, reader->offset)) {
        return spill_corrupt(reader, "its checksum is wrong", err);
    }
    block->size = (size_t)size;
    reader->stored_size = block->size;
    reader->at = HEADER_SIZE;
    return reader->file->key == NULL ? FIRN_OK : decrypt_block(reader, err);
}

int
fi_spill_next(struct fi_spill_reader *reader, firn_slice *out, bool *out_is_end, firn_error *err)
{
    const struct fi_buf *block = &reader->block;
    *out_is_end = false;
    *out = firn_bytes(NULL, 0);
    if (reader->at >= block->size) {
        reader->offset += reader->stored_size;
        if (reader->offset >= reader->end) {
            fi_buf_clear(&reader->block);
            reader->stored_size = 0;
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
    size_t size = left < RECORD_HEADER_SIZE ? SIZE_MAX : fi_load_le32(block->data + reader->at);
    if (left < RECORD_HEADER_SIZE || size > left - RECORD_HEADER_SIZE) { /* (I1) */
        return spill_corrupt(reader, "a record does not fit into it", err);
    }
    *out = firn_bytes(block->data + reader->at + RECORD_HEADER_SIZE, size);
    reader->at += RECORD_HEADER_SIZE + size;
    return FIRN_OK;
}
