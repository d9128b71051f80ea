/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_writer.c: writes a sealed block file from several threads at once.
 *
 * The body is written in chunks of 1 MiB, the ranges for which the table of contents has a BLAKE3.
 * A thread that adds a block reserves its place under the mutex, then copies its bytes into the
 * chunks of that range. The thread that fills the last byte of a chunk hashes the chunk, writes it
 * with one aligned write, and asks the kernel to start writing it back. So nothing is read again to
 * be hashed, writes are large even if blocks are small, and the sync at the end has little left to
 * do.
 *
 *   reserved:  [ block of A        |  block of B   | block of A ]…
 *   chunks:    [      0      |      1      |      2      ]   a full chunk is written at once
 *
 * (I1) Ranges reserved in [0, end) do not overlap and leave no gap; each byte of them is copied
 *      exactly once.
 * (I2) A chunk is in `open` from its first byte to its last but one. Several threads may copy into
 *      it at once: into different bytes. The mutex, taken to count bytes as filled, orders those
 *      copies before the hashing.
 * (I3) No file gets the final name before all of it was synced, unless it is a passing one. After a
 *      failure neither name is left. (Not checked: it is the order of calls, which the tests' power
 *      cuts observe.)
 * (I4) chunk_hashes has room for every chunk of [0, end), so a filled chunk can always be recorded.
 *
 * Memory: an adder shares a chunk with at most two neighbours, so about 2 MiB for each thread that
 * is adding at this moment, however large the file becomes.
 *
 * The temporary name. Two processes may write the same name, and a crash leaves a temporary file.
 * The file is therefore opened without truncation and locked before any change: the process that
 * holds the lock of the file with the temporary name owns it. A leftover that belongs to another
 * user or has other links is not touched.
 *
 * Locking: FI_LOCK_BLOCK_WRITER guards end, adders, open, spare, chunk_hashes and failure. No I/O
 * happens under it.
 *
 * Failure: the first failure of any thread is kept; later calls return FIRN_FAILED with its text,
 * because the file then has a hole. Only destroy may follow.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "block/block_seal.h"
#include "codec/blake3_hash.h"
#include "threads/os_thread.h"

enum {
    CHUNK_SIZE = FI_BLOCK_FORMAT_CHUNK_SIZE,
    SPARE_COUNT_MAX = 4,
    WRITEBACK_CHUNKS = 8, /* write-back is started for so many at a time: long extents, few calls */
    FILE_MODE = 0600
};
static const char temp_suffix[] = ".tmp";

struct chunk {
    struct chunk *next;
    uint64_t index; /* in the file: bytes [index, index + 1) × CHUNK_SIZE */
    size_t filled;
    uint8_t data[CHUNK_SIZE];
};

struct fi_block_writer {
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    char *name;
    char *temp_name;
    enum fi_block_file_kind kind;
    struct fi_block_file_id id;
    struct fi_block_seal seal;
    bool has_temp; /* a file of ours bears temp_name */
    bool is_finished;

    struct fi_os_mutex mutex;
    uint64_t end; /* bytes reserved */
    unsigned adders;
    struct chunk *open; /* (I2) */
    struct chunk *spare;
    unsigned spare_count;
    firn_hash *chunk_hashes; /* (I4) */
    size_t chunk_hash_capacity;
    firn_error failure; /* code FIRN_OK: none */

    struct fi_buf sections; /* encoded; for the one thread that adds sections and finishes */
    uint32_t section_count;
    uint32_t needs;  /* FI_BLOCK_NEEDS_* */
    bool is_passing; /* set before the first block */
};

/* The bytes of one block, or of the header, as they will lie in the file. */
struct span {
    firn_slice head;
    firn_slice stored;
    uint64_t size; /* of all: head, stored, zeros */
};

static int start_file(struct fi_block_writer *writer, firn_error *err);
static int block_writer_put(struct fi_block_writer *writer, uint64_t offset,
                            const struct span *span, firn_error *err);
static int block_writer_reserve(struct fi_block_writer *writer, uint64_t size, uint64_t *out_offset,
                                firn_error *err);
static void block_writer_release(struct fi_block_writer *writer, int rc, const firn_error *err);

/* Called once a file, so that it is optimized for size, as finish_later is. */
__attribute__((cold)) int
fi_block_writer_create(struct fi_os_dir *dir, const char *name, enum fi_block_file_kind kind,
                       struct fi_block_writer **out, firn_error *err)
{
    *out = NULL;
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    struct fi_block_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a block file writer");
    }
    writer->dir = dir;
    writer->kind = kind;
    fi_os_mutex_init(fi_os_dir_os(dir), &writer->mutex, FI_LOCK_BLOCK_WRITER);
    size_t name_size = strlen(name);
    writer->name = fi_strdup(name);
    writer->temp_name = fi_alloc(name_size + sizeof temp_suffix);
    int rc;
    if (writer->name == NULL || writer->temp_name == NULL) {
        rc = fi_error_no_memory(err, "a file name");
    } else {
        memcpy(writer->temp_name, name, name_size);
        memcpy(writer->temp_name + name_size, temp_suffix, sizeof temp_suffix);
        rc = start_file(writer, err);
    }
    if (rc != FIRN_OK) {
        fi_block_writer_destroy(writer);
        return rc;
    }
    *out = writer;
    return FIRN_OK;
}

uint64_t
fi_block_writer_stored_size_max(const struct fi_block_writer *writer, uint32_t encoded_size)
{
    return fi_block_seal_padded_size(&writer->seal, encoded_size);
}

const struct fi_block_file_id *
fi_block_writer_id(const struct fi_block_writer *writer)
{
    return &writer->id;
}

uint32_t
fi_block_writer_overhead(const struct fi_block_writer *writer)
{
    return fi_block_seal_overhead(&writer->seal);
}

/* Adds a block of out's sizes, and sets its offset. sealed: memory for what is stored, if the file
 * is encrypted. */
static int
add_block(struct fi_block_writer *writer, enum fi_codec codec, firn_slice stored, uint8_t *sealed,
          struct fi_block_ref *out, firn_error *err)
{
    uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE];
    const uint64_t size = fi_block_format_span(out->stored_size);
    int rc = FIRN_OK;
    FI_TRY_RETURN(block_writer_reserve(writer, size, &out->offset, err));
    fi_block_format_encode_prefix(codec, (uint32_t)stored.size, out->raw_size, prefix);
    if (sealed != NULL) {
        rc = fi_block_seal_encrypt(&writer->seal, out->offset, stored, out->stored_size, prefix,
                                   sealed, err);
        stored = firn_bytes(sealed, out->stored_size);
    }
    if (rc == FIRN_OK) {
        DCHECK(out->offset >= FI_BLOCK_BODY_START);
        fi_block_format_seal_prefix(&writer->id, out->offset, stored, prefix);
        const struct span span = {firn_bytes(prefix, sizeof prefix), stored, size};
        rc = block_writer_put(writer, out->offset, &span, err);
    }
    block_writer_release(writer, rc, err);
    return rc;
}

/* stored_size: what the block takes up, by block_seal.h. */
static int
add_sized(struct fi_block_writer *writer, enum fi_codec codec, firn_slice stored,
          size_t stored_size, uint32_t raw_size, struct fi_block_ref *out, firn_error *err)
{
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    if (stored.size > FI_BLOCK_SIZE_MAX || stored_size > FI_BLOCK_STORED_SIZE_MAX ||
        raw_size > FI_BLOCK_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a block of %zu bytes (%u decoded) is larger than the %d allowed",
                            stored.size, raw_size, FI_BLOCK_SIZE_MAX);
    }
    if (codec == FI_CODEC_NONE && stored.size != raw_size) {
        return fi_error_set(err, FIRN_INVALID, "a plain block of %zu bytes cannot decode to %u",
                            stored.size, raw_size);
    }
    uint8_t *sealed = NULL;
    if (writer->seal.key != NULL) {
        sealed = fi_alloc(stored_size);
        if (sealed == NULL) {
            return fi_error_no_memory(err, "an encrypted block");
        }
    }
    *out = (struct fi_block_ref){0, (uint32_t)stored_size, raw_size};
    int rc = add_block(writer, codec, stored, sealed, out, err);
    fi_free(sealed);
    return rc;
}

int
fi_block_writer_add(struct fi_block_writer *writer, enum fi_codec codec, firn_slice stored,
                    uint32_t raw_size, struct fi_block_ref *out, firn_error *err)
{
    return add_sized(writer, codec, stored, fi_block_seal_size(&writer->seal, stored.size),
                     raw_size, out, err);
}

int
fi_block_writer_add_padded(struct fi_block_writer *writer, enum fi_codec codec, firn_slice stored,
                           uint32_t raw_size, struct fi_block_ref *out, firn_error *err)
{
    return add_sized(writer, codec, stored, fi_block_seal_padded_size(&writer->seal, stored.size),
                     raw_size, out, err);
}

void
fi_block_writer_set_passing(struct fi_block_writer *writer)
{
    writer->is_passing = true;
}

void
fi_block_writer_set_needs(struct fi_block_writer *writer, uint32_t needs)
{
    writer->needs = needs;
}

/* Whether a block lies in what was reserved so far. */
static bool
is_in_body(struct fi_block_writer *writer, const struct fi_block_ref *ref)
{
    return ref->offset >= FI_BLOCK_BODY_START &&
           fi_range_inside(ref->offset, fi_block_format_span(ref->stored_size),
                           fi_block_writer_size_bytes(writer));
}

int
fi_block_writer_add_section(struct fi_block_writer *writer, uint32_t kind,
                            const struct fi_block_ref *ref, firn_error *err)
{
    if (writer->section_count == FI_BLOCK_SECTIONS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a block file has at most %d sections",
                            FI_BLOCK_SECTIONS_MAX);
    }
    DCHECK(is_in_body(writer, ref));
    uint8_t bytes[FI_BLOCK_FORMAT_SECTION_SIZE] = {0};
    fi_store_le32(bytes, kind);
    fi_store_le64(bytes + 8, ref->offset);
    fi_store_le32(bytes + 16, ref->stored_size);
    fi_store_le32(bytes + 20, ref->raw_size);
    if (fi_buf_append(&writer->sections, bytes, sizeof bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "the list of sections");
    }
    writer->section_count++;
    return FIRN_OK;
}

uint64_t
fi_block_writer_size_bytes(struct fi_block_writer *writer)
{
    fi_os_mutex_lock(&writer->mutex);
    uint64_t end = writer->end;
    fi_os_mutex_unlock(&writer->mutex);
    return end;
}

/* ---- the temporary file ---- */

/* Opens the file of the temporary name: a new one, or what a crash left there. */
static int
open_temp(struct fi_block_writer *writer, firn_error *err)
{
    const unsigned flags = FI_OS_READ | FI_OS_WRITE;
    int rc =
        fi_os_file_open(writer->dir, writer->temp_name,
                        flags | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_EXCLUSIVE | FI_OS_SEALED,
                        FILE_MODE, &writer->file, err);
    writer->has_temp = rc == FIRN_OK;
    if (rc == FIRN_EXISTS) {
        rc = fi_os_file_open(writer->dir, writer->temp_name, flags, FILE_MODE, &writer->file, err);
    }
    return rc;
}

/* Whether a file is our own, or, for the superuser, that of the directory's owner, to whom what is
 * made there belongs. */
static int
check_owner(struct fi_block_writer *writer, uint32_t uid, bool *out_is_ours, firn_error *err)
{
    uint32_t user = fi_os_user_id(fi_os_dir_os(writer->dir));
    struct fi_os_stat dir;
    *out_is_ours = uid == user;
    if (*out_is_ours || user != 0) {
        return FIRN_OK;
    }
    int rc = fi_os_dir_stat(writer->dir, &dir, err);
    *out_is_ours = rc == FIRN_OK && uid == dir.uid;
    return rc;
}

/* Whether the file that we locked has the temporary name, and is ours alone. */
static int
check_is_ours(struct fi_block_writer *writer, uint64_t *out_size, firn_error *err)
{
    struct fi_os_stat named;
    struct fi_os_stat opened;
    int rc = fi_os_file_stat(writer->file, &opened, err);
    if (rc == FIRN_OK) {
        rc = fi_os_stat(writer->dir, writer->temp_name, &named, err);
    }
    bool is_ours = false;
    if (rc == FIRN_OK) {
        rc = check_owner(writer, opened.uid, &is_ours, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    const char *path = fi_os_file_path(writer->file);
    if (named.device != opened.device || named.inode != opened.inode) {
        return fi_error_set(err, FIRN_BUSY, "'%s' is being written by another", path);
    }
    if (opened.nlink != 1 || !is_ours) {
        return fi_error_set(err, FIRN_EXISTS,
                            "'%s' exists and belongs to another user or has other names", path);
    }
    *out_size = opened.size_bytes;
    return FIRN_OK;
}

/* Makes the file of the temporary name ours alone, and empty. */
static int
take_temp(struct fi_block_writer *writer, firn_error *err)
{
    uint64_t leftover_size = 0;
    int rc = open_temp(writer, err);
    if (rc == FIRN_OK) {
        rc = fi_os_file_lock(writer->file, FI_OS_LOCK_EXCLUSIVE, err);
    }
    if (rc == FIRN_OK) {
        rc = check_is_ours(writer, &leftover_size, err);
    }
    if (rc == FIRN_BUSY || rc == FIRN_EXISTS) {
        writer->has_temp = false; /* another process took over the file that we have just created */
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    writer->has_temp = true;
    return leftover_size == 0 ? FIRN_OK : fi_os_file_truncate(writer->file, 0, err);
}

/* Early, so that work is not done in vain; rename has the last word. Judges the name itself,
 * too. */
static int
check_name_is_free(struct fi_block_writer *writer, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(writer->dir, writer->name, &stat, err);
    if (rc == FIRN_OK) {
        return fi_error_set(err, FIRN_EXISTS, "'%s/%s' exists", fi_os_dir_path(writer->dir),
                            writer->name);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
start_file(struct fi_block_writer *writer, firn_error *err)
{
    struct fi_os *os = fi_os_dir_os(writer->dir);
    FI_TRY_RETURN(check_name_is_free(writer, err));
    FI_TRY_RETURN(fi_os_random(os, writer->id.bytes, sizeof writer->id.bytes, err));
    FI_TRY_RETURN(fi_block_seal_begin(writer->dir, writer->kind, &writer->id, &writer->seal, err));
    FI_TRY_RETURN(take_temp(writer, err));
    uint64_t offset;
    uint8_t header[FI_BLOCK_FORMAT_HEADER_SIZE];
    fi_block_format_encode_header(writer->kind, &writer->id, &writer->seal.format, header);
    struct span span = {firn_bytes(header, sizeof header), firn_bytes(NULL, 0), sizeof header};
    FI_TRY_RETURN(block_writer_reserve(writer, sizeof header, &offset, err));
    int rc = block_writer_put(writer, offset, &span, err);
    block_writer_release(writer, rc, err);
    return rc;
}

/* ---- the body ---- */

static int
fail_again(const struct fi_block_writer *writer, firn_error *err)
{
    return fi_error_set(err, FIRN_FAILED, "an earlier write failed: %s", writer->failure.text);
}

static int
reserve_locked(struct fi_block_writer *writer, uint64_t size, firn_error *err)
{
    fi_os_mutex_assert_held(&writer->mutex);
    DCHECK(size > 0 && size % FI_BLOCK_FORMAT_ALIGNMENT == 0); /* (I1) */
    if (writer->failure.code != FIRN_OK) {
        return fail_again(writer, err);
    }
    if (writer->is_finished) {
        return fi_error_set(err, FIRN_MISUSE, "the file is finished");
    }
    size_t wanted = (size_t)fi_block_format_chunk_count(writer->end + size);
    return FI_VEC_RESERVE(writer->chunk_hashes, wanted, writer->chunk_hash_capacity, err);
}

/* Takes the next `size` bytes of the file; to be followed by put and release. */
static int
block_writer_reserve(struct fi_block_writer *writer, uint64_t size, uint64_t *out_offset,
                     firn_error *err)
{
    fi_os_mutex_lock(&writer->mutex);
    int rc = reserve_locked(writer, size, err);
    if (rc == FIRN_OK) {
        *out_offset = writer->end;
        writer->end += size;
        writer->adders++;
        DCHECK(fi_block_format_chunk_count(writer->end) <= writer->chunk_hash_capacity); /* (I4) */
    }
    fi_os_mutex_unlock(&writer->mutex);
    return rc;
}

static void
block_writer_release(struct fi_block_writer *writer, int rc, const firn_error *err)
{
    fi_os_mutex_lock(&writer->mutex);
    DCHECK(writer->adders > 0);
    writer->adders--;
    if (rc != FIRN_OK && writer->failure.code == FIRN_OK) {
        writer->failure = *err;
    }
    fi_os_mutex_unlock(&writer->mutex);
}

static bool
is_open_locked(const struct fi_block_writer *writer, uint64_t index)
{
    fi_os_mutex_assert_held(&writer->mutex);
    const struct chunk *chunk = writer->open;
    while (chunk != NULL && chunk->index != index) {
        chunk = chunk->next;
    }
    return chunk != NULL;
}

/* The open chunk of this index, made if it is not there; NULL when memory is out. */
static struct chunk *
open_chunk_locked(struct fi_block_writer *writer, uint64_t index)
{
    fi_os_mutex_assert_held(&writer->mutex);
    for (struct chunk *chunk = writer->open; chunk != NULL; chunk = chunk->next) {
        if (chunk->index == index) {
            return chunk;
        }
    }
    struct chunk *chunk = writer->spare;
    if (chunk != NULL) {
        writer->spare = chunk->next;
        writer->spare_count--;
    } else {
        chunk = fi_alloc(sizeof *chunk);
        if (chunk == NULL) {
            return NULL;
        }
    }
    chunk->index = index;
    chunk->filled = 0;
    chunk->next = writer->open;
    writer->open = chunk;
    return chunk;
}

static void
close_chunk_locked(struct fi_block_writer *writer, struct chunk *chunk)
{
    fi_os_mutex_assert_held(&writer->mutex);
    DCHECK(is_open_locked(writer, chunk->index) && chunk->filled == CHUNK_SIZE); /* (I2) */
    struct chunk **link = &writer->open;
    while (*link != chunk) {
        link = &(*link)->next;
    }
    *link = chunk->next;
}

/* Hashes and writes a chunk that is no longer in `open`, of which `size` bytes are the file's;
 * releases it. */
static int
write_chunk(struct fi_block_writer *writer, struct chunk *chunk, size_t size, firn_error *err)
{
    firn_hash hash;
    CHECK(chunk->filled == size); /* (I1) no hole is hashed and written */
    fi_blake3_hash_of(chunk->data, size, &hash);
    uint64_t index = chunk->index;
    int rc = fi_os_file_write(writer->file, index * CHUNK_SIZE, chunk->data, size, err);
    if (rc == FIRN_OK && !writer->is_passing && index % WRITEBACK_CHUNKS == WRITEBACK_CHUNKS - 1) {
        fi_os_file_start_writeback(writer->file,
                                   (index - (WRITEBACK_CHUNKS - 1)) * (uint64_t)CHUNK_SIZE,
                                   (uint64_t)WRITEBACK_CHUNKS * CHUNK_SIZE);
    }
    struct chunk *surplus = chunk;
    fi_os_mutex_lock(&writer->mutex);
    CHECK(index < writer->chunk_hash_capacity); /* (I4) */
    DCHECK(!is_open_locked(writer, index));     /* (I2) */
    writer->chunk_hashes[index] = hash;
    if (writer->spare_count < SPARE_COUNT_MAX) {
        chunk->next = writer->spare;
        writer->spare = chunk;
        writer->spare_count++;
        surplus = NULL;
    }
    fi_os_mutex_unlock(&writer->mutex);
    fi_free(surplus);
    return rc;
}

static void
copy_part(firn_slice part, uint64_t part_at, uint64_t from, size_t size, uint8_t *out)
{
    uint64_t start = from > part_at ? from : part_at;
    uint64_t stop = from + size < part_at + part.size ? from + size : part_at + part.size;
    if (part.data != NULL && start < stop) {
        memcpy(out + (start - from), part.data + (start - part_at), (size_t)(stop - start));
    }
}

/* Copies bytes [from, from + size) of a span. */
static void
copy_span(const struct span *span, uint64_t from, size_t size, uint8_t *out)
{
    static const uint8_t zeros[FI_BLOCK_FORMAT_ALIGNMENT];
    uint64_t pad_at = span->head.size + span->stored.size;
    DCHECK(fi_range_inside(from, size, span->size));
    DCHECK(span->size - pad_at < FI_BLOCK_FORMAT_ALIGNMENT);
    copy_part(span->head, 0, from, size, out);
    copy_part(span->stored, span->head.size, from, size, out);
    copy_part(firn_bytes(zeros, (size_t)(span->size - pad_at)), pad_at, from, size, out);
}

/* Copies a span to its reserved place; writes the chunks that this fills. */
static int
block_writer_put(struct fi_block_writer *writer, uint64_t offset, const struct span *span,
                 firn_error *err)
{
    for (uint64_t at = 0; at < span->size;) {
        size_t in_chunk = (size_t)((offset + at) % CHUNK_SIZE);
        size_t size = CHUNK_SIZE - in_chunk;
        if (size > span->size - at) {
            size = (size_t)(span->size - at);
        }
        fi_os_mutex_lock(&writer->mutex);
        struct chunk *chunk = open_chunk_locked(writer, (offset + at) / CHUNK_SIZE);
        fi_os_mutex_unlock(&writer->mutex);
        if (chunk == NULL) {
            return fi_error_no_memory(err, "a chunk of a file");
        }
        copy_span(span, at, size, chunk->data + in_chunk);
        fi_os_mutex_lock(&writer->mutex);
        chunk->filled += size;
        DCHECK(chunk->filled <= CHUNK_SIZE); /* (I1) */
        bool is_full = chunk->filled == CHUNK_SIZE;
        if (is_full) {
            close_chunk_locked(writer, chunk);
        }
        fi_os_mutex_unlock(&writer->mutex);
        if (is_full) {
            int rc = write_chunk(writer, chunk, CHUNK_SIZE, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        at += size;
    }
    return FIRN_OK;
}

/* ---- sealing ---- */

/* Writes what is left in the one open chunk. */
static int
flush_body(struct fi_block_writer *writer, firn_error *err)
{
    struct chunk *last = writer->open;
    if (last == NULL) {
        DCHECK(writer->end % CHUNK_SIZE == 0); /* (I2) */
        return FIRN_OK;
    }
    CHECK(last->next == NULL && last->index == writer->end / CHUNK_SIZE &&
          last->filled == writer->end % CHUNK_SIZE);
    writer->open = NULL;
    return write_chunk(writer, last, last->filled, err);
}

static int
append_toc(struct fi_block_writer *writer, struct fi_buf *out, firn_error *err)
{
    uint64_t chunk_count = fi_block_format_chunk_count(writer->end);
    DCHECK(chunk_count <= writer->chunk_hash_capacity); /* (I4) */
    DCHECK(writer->sections.size == writer->section_count * (size_t)FI_BLOCK_FORMAT_SECTION_SIZE);
    if (writer->seal.key != NULL) {
        FI_TRY_RETURN(
            fi_block_seal_encrypt_sections(&writer->seal, writer->end, &writer->sections, err));
    }
    if (fi_buf_append_le32(out, writer->section_count) != FIRN_OK ||
        fi_buf_append_le32(out, writer->needs) != FIRN_OK ||
        fi_buf_append_le64(out, chunk_count) != FIRN_OK ||
        fi_buf_append_slice(out, fi_buf_slice(&writer->sections)) != FIRN_OK ||
        fi_buf_append(out, writer->chunk_hashes,
                      (size_t)chunk_count * sizeof writer->chunk_hashes[0]) != FIRN_OK) {
        return fi_error_no_memory(err, "a table of contents");
    }
    return FIRN_OK;
}

/* Writes table of contents and footer after the body. */
static int
write_end(struct fi_block_writer *writer, uint64_t *out_size, firn_error *err)
{
    struct fi_buf end = {0};
    DCHECK(writer->open == NULL && writer->adders == 0); /* the body is written */
    int rc = append_toc(writer, &end, err);
    struct fi_block_format_footer footer = {.kind = writer->kind,
                                            .id = writer->id,
                                            .seal = writer->seal.format,
                                            .toc_offset = writer->end,
                                            .toc_size = end.size,
                                            .file_size = writer->end + end.size +
                                                         FI_BLOCK_FORMAT_FOOTER_SIZE};
    if (rc == FIRN_OK) {
        uint8_t bytes[FI_BLOCK_FORMAT_FOOTER_SIZE];
        fi_blake3_hash_of(end.data, end.size, &footer.toc_hash);
        fi_block_format_encode_footer(&footer, bytes);
        if (fi_buf_append(&end, bytes, sizeof bytes) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a table of contents");
        }
    }
    if (rc == FIRN_OK) {
        rc = fi_os_file_write(writer->file, writer->end, end.data, end.size, err);
    }
    fi_buf_deinit(&end);
    *out_size = footer.file_size;
    return rc;
}

static void
remove_temp(struct fi_block_writer *writer)
{
    if (writer->has_temp) {
        /* Nothing more can be done where even this fails; the next writer of the name takes it
         * over. */
        int ignored = fi_os_remove_file(writer->dir, writer->temp_name, NULL);
        (void)ignored;
        writer->has_temp = false;
    }
}

/* Gives the file its name; durably, unless it is a passing one. */
static int
block_writer_publish(struct fi_block_writer *writer, firn_error *err)
{
    FI_TRY_RETURN(fi_os_rename(writer->dir, writer->temp_name, writer->dir, writer->name,
                               FI_OS_RENAME_NO_REPLACE, err));
    writer->has_temp = false;
    int rc = writer->is_passing ? FIRN_OK : fi_os_dir_sync(writer->dir, err);
    if (rc != FIRN_OK) {
        int ignored = fi_os_remove_file(writer->dir, writer->name, NULL); /* (I3) */
        (void)ignored;
    }
    return rc;
}

/* Hands the file, which is written whole, to the publisher. */
static int
leave_to(struct fi_block_writer *writer, struct fi_block_publisher *publisher, firn_error *err)
{
    const struct fi_block_publisher_file file = {writer->file, writer->temp_name, writer->name};
    DCHECK(writer->has_temp && publisher->dir == writer->dir);
    int rc = fi_block_publisher_add(publisher, &file, err);
    if (rc == FIRN_OK) {
        writer->has_temp = false;
        writer->file = NULL;
        writer->temp_name = NULL;
        writer->name = NULL;
    }
    return rc;
}

int
fi_block_writer_finish(struct fi_block_writer *writer, uint64_t *out_size, firn_error *err)
{
    return fi_block_writer_finish_later(writer, NULL, out_size, err);
}

__attribute__((cold)) int
fi_block_writer_finish_later(struct fi_block_writer *writer, struct fi_block_publisher *publisher,
                             uint64_t *out_size, firn_error *err)
{
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    fi_os_mutex_lock(&writer->mutex);
    bool has_failed = writer->failure.code != FIRN_OK;
    bool is_busy = writer->adders != 0 || writer->is_finished;
    fi_os_mutex_unlock(&writer->mutex);
    if (has_failed) {
        return fail_again(writer, err);
    }
    if (is_busy) {
        return fi_error_set(err, FIRN_MISUSE, "the file is finished, or a block is being added");
    }
    int rc;
    uint64_t size;
    FI_TRY(flush_body(writer, err));
    FI_TRY(write_end(writer, &size, err));
    if (publisher != NULL) {
        FI_TRY(leave_to(writer, publisher, err));
    } else {
        FI_TRY(writer->is_passing ? FIRN_OK : fi_os_file_sync(writer->file, err));
        FI_TRY(block_writer_publish(writer, err));
    }
    writer->is_finished = true;
    if (out_size != NULL) {
        *out_size = size;
    }
out:
    if (rc != FIRN_OK) {
        writer->failure = *err;
        remove_temp(writer);
    }
    return rc;
}

static void
free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        fi_free(chunk);
        chunk = next;
    }
}

void
fi_block_writer_destroy(struct fi_block_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    CHECK(writer->adders == 0);
    remove_temp(writer);
    fi_os_file_close(writer->file);
    free_chunks(writer->open);
    free_chunks(writer->spare);
    fi_free(writer->chunk_hashes);
    fi_block_seal_deinit(&writer->seal);
    fi_buf_deinit(&writer->sections);
    fi_os_mutex_deinit(&writer->mutex);
    fi_free(writer->name);
    fi_free(writer->temp_name);
    fi_free(writer);
}
