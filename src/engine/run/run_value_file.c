/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_value_file.c: reading values that are stored outside of runs.
 *
 * A value file is a sealed block file that contains only pieces of values: no sections, no index. A
 * reference names the place of a value. Without references, values cannot be distinguished, and
 * need not be: the file is deleted when no run refers to it any more.
 *
 * References are not trusted. The numbers in one must be consistent (decode), and the range that
 * they name must be inside the body of the file before memory for the value is allocated. So a
 * wrong size costs no more than what the file holds, or what it decodes to. The block reader
 * verifies each piece with a checksum that depends on the file's identity and the place.
 *
 * Values of up to CACHED_MAX bytes are kept in the cache, as its blocks are: a value that is read
 * often then costs one copy. Larger ones would flood the cache and bypass it.
 *
 * The file's size, the bytes of its body and its identity are compared with MANIFEST's when it is
 * opened (version_file.c), so that another file under the same name is not mistaken for it.
 *
 * A file that does not begin as a sealed one is a bare one. Each of the two has references of its
 * own form, which the other refuses. The log has every large value once already. A segment of it
 * that has hardly anything else becomes a value file by a second name
 * (compaction/compaction_adopt.c), so its values are not written again. Nothing is known here of
 * records: a reference says where the value's bytes begin, how many there are, and what they hash
 * to. A value has one checksum and is always read whole. The checksum depends on the place and on
 * the file, as that of a block does. The file's identity is the hash of its first bytes; the random
 * salt in them makes them differ from those of every other segment. The file may be longer than
 * MANIFEST says, because what lies beyond the end of the log in it need not be there.
 *
 * Threads: any number at once; nothing changes after opening.
 */
#include "run/run_value_file.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "block/block_descriptor.h"
#include "codec/xxh3.h"

/* ---- bare files ---- */

struct bare;

enum { HEAD_SIZE = FI_RUN_VALUE_FILE_HEAD_SIZE };

struct bare {
    struct fi_block_descriptor *descriptor;
    struct fi_block_cache *cache;
    uint64_t number; /* in the cache */
    uint64_t size_bytes;
    uint64_t identity;
};

/* ---- opening ---- */

/* NULL is fine. */
static void
bare_close(struct bare *bare)
{
    if (bare != NULL) {
        fi_block_cache_drop_file(bare->cache, bare->number);
        fi_block_descriptor_close(bare->descriptor);
        fi_free(bare);
    }
}

static int
run_value_file_make(const struct fi_run_env *env, struct fi_block_descriptor *descriptor,
                    uint64_t size_bytes, const uint8_t *head, struct bare **out, firn_error *err)
{
    struct bare *bare = fi_alloc_zeroed(sizeof *bare);
    if (bare == NULL) {
        return fi_error_no_memory(err, "a file of values");
    }
    *bare = (struct bare){.descriptor = descriptor,
                          .cache = env->cache,
                          .number = fi_block_cache_add_file(env->cache),
                          .size_bytes = size_bytes,
                          .identity = fi_xxh3(head, HEAD_SIZE, 0)};
    *out = bare;
    return FIRN_OK;
}

/* *out is NULL, and FIRN_OK returned, where the file is a sealed one: it begins like one, or is
 * too short for anything else. */
static int
bare_open(const struct fi_run_env *env, const char *name, struct bare **out, firn_error *err)
{
    uint8_t head[HEAD_SIZE];
    struct fi_os_stat stat;
    struct fi_block_descriptor *descriptor = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_block_descriptor_open(env->descriptors, env->dir, name, &stat, &descriptor, err));
    if (stat.size_bytes < HEAD_SIZE) {
        goto out;
    }
    FI_TRY(fi_block_descriptor_read(descriptor, 0, head, sizeof head, err));
    if (!fi_block_format_is_header(head)) {
        FI_TRY(run_value_file_make(env, descriptor, stat.size_bytes, head, out, err));
        descriptor = NULL;
    }
out:
    fi_block_descriptor_close(descriptor);
    return rc;
}

static uint64_t
bare_size_bytes(const struct bare *bare)
{
    return bare->size_bytes;
}

static uint64_t
bare_identity(const struct bare *bare)
{
    return bare->identity;
}

static const char *
bare_path(const struct bare *bare)
{
    return fi_block_descriptor_path(bare->descriptor);
}

/* ---- reading ---- */

static int
find_cached(struct bare *bare, const struct fi_run_value_file_reference *reference,
            enum fi_block_cache_use use, bool *out_is_there, struct fi_buf *out, firn_error *err)
{
    struct fi_block_pin pin;
    int rc = FIRN_OK;
    DCHECK(reference->value_size <= FI_RUN_VALUE_FILE_CACHED_MAX);
    if (!fi_block_cache_find(bare->cache, bare->number, reference->offset, use, &pin)) {
        return FIRN_OK;
    }
    *out_is_there = pin.size == reference->value_size;
    if (*out_is_there && fi_buf_append(out, pin.data, pin.size) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a value");
    }
    fi_block_cache_unpin(bare->cache, &pin);
    return rc;
}

/* Appends the value to out, and verifies it. */
static int
read_and_verify(struct bare *bare, const struct fi_run_value_file_reference *reference,
                struct fi_buf *out, firn_slice *out_value, firn_error *err)
{
    size_t at = out->size;
    size_t size = (size_t)reference->value_size;
    int rc;
    if (fi_buf_set_size(out, at + size) != FIRN_OK) {
        return fi_error_no_memory(err, "a value");
    }
    FI_TRY(
        fi_block_descriptor_read(bare->descriptor, reference->offset, out->data + at, size, err));
    *out_value = firn_bytes(out->data + at, size);
    uint64_t checksum = fi_run_value_file_checksum(*out_value, reference->offset) ^ bare->identity;
    if (checksum != reference->checksum) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "'%s': offset %llu: a value of %zu bytes does not match its checksum",
                          bare_path(bare), (unsigned long long)reference->offset, size);
    }
out:
    return rc;
}

/* As fi_run_value_file_read, of a reference that is_bare. After a failure out may have more bytes
 * at its end. */
static int
bare_read(struct bare *bare, const struct fi_run_value_file_reference *reference,
          enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    struct fi_buf own = {0};
    bool is_cached = out != NULL && reference->value_size <= FI_RUN_VALUE_FILE_CACHED_MAX;
    bool is_there = false;
    firn_slice value;
    DCHECK(reference->is_bare && reference->value_size > 0 &&
           reference->value_size <= FI_ENTRY_VALUE_SIZE_MAX);
    int rc;
    if (!fi_range_inside(reference->offset, reference->value_size, bare->size_bytes)) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': a value at %llu lies outside the file",
                            bare_path(bare), (unsigned long long)reference->offset);
    }
    if (is_cached) {
        FI_TRY(find_cached(bare, reference, use, &is_there, out, err));
    }
    if (is_cached && is_there) {
        goto out;
    }
    FI_TRY(read_and_verify(bare, reference, out == NULL ? &own : out, &value, err));
    if (is_cached) {
        fi_block_cache_keep(bare->cache, bare->number, reference->offset, value, use);
    }
out:
    fi_buf_deinit(&own);
    return rc;
}

/* ---- both kinds of files ---- */

enum { PIECE_SIZE = FI_RUN_VALUE_FILE_PIECE_SIZE, CACHED_MAX = FI_RUN_VALUE_FILE_CACHED_MAX };
/* Of an offset in a reference. */
#define BARE_FLAG (UINT64_C(1) << 63)

struct value_file {
    struct fi_run base; /* first */
    struct fi_block_cache *cache;
    uint64_t file;     /* its number in the cache */
    struct bare *bare; /* NULL: it is sealed, and has a reader */
    struct fi_block_reader *reader;
    struct fi_run_summary summary;
};

/* ---- opening ---- */

static void
close_file(struct fi_run *base)
{
    struct value_file *file = (struct value_file *)base;
    if (file != NULL) {
        DCHECK(base->kind == &fi_run_value_file_kind);
        fi_block_cache_drop_file(file->cache, file->file);
        fi_block_reader_close(file->reader);
        bare_close(file->bare);
        fi_free(file);
    }
}

static int
open_sealed(struct value_file *file, const struct fi_run_env *env, const char *name,
            firn_error *err)
{
    int rc = fi_block_reader_open_in(env->descriptors, env->dir, name, FI_BLOCK_FILE_VALUES,
                                     &file->reader, err);
    if (rc == FIRN_OK) {
        DCHECK(fi_block_reader_body_end(file->reader) >= FI_BLOCK_BODY_START);
        file->summary.file_bytes = fi_block_reader_size_bytes(file->reader);
        file->summary.content_bytes = fi_block_reader_body_end(file->reader) - FI_BLOCK_BODY_START;
        file->summary.identity = fi_load_le64(fi_block_reader_id(file->reader)->bytes);
    }
    return rc;
}

static int
open_file(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    *out = NULL;
    struct value_file *file = fi_alloc_zeroed(sizeof *file);
    if (file == NULL) {
        return fi_error_no_memory(err, "a file of values");
    }
    file->base.kind = &fi_run_value_file_kind;
    file->cache = env->cache;
    file->file = fi_block_cache_add_file(env->cache);
    int rc = bare_open(env, name, &file->bare, err);
    if (rc == FIRN_OK && file->bare == NULL) {
        rc = open_sealed(file, env, name, err);
    }
    if (rc != FIRN_OK) {
        close_file(&file->base);
        return rc;
    }
    if (file->bare != NULL) {
        file->summary.file_bytes = bare_size_bytes(file->bare);
        DCHECK(file->summary.file_bytes >= FI_RUN_VALUE_FILE_HEAD_SIZE && file->reader == NULL);
        file->summary.content_bytes = file->summary.file_bytes - FI_RUN_VALUE_FILE_HEAD_SIZE;
        file->summary.identity = bare_identity(file->bare);
        file->summary.is_bare = true;
    }
    *out = &file->base;
    return FIRN_OK;
}

static const struct fi_run_summary *
summary(const struct fi_run *run)
{
    return &((const struct value_file *)run)->summary;
}

const struct fi_run_kind fi_run_value_file_kind = {
    .name = "values",
    .file_kind = FI_BLOCK_FILE_VALUES,
    .open = open_file,
    .close = close_file,
    .summary = summary,
};

/* ---- references ---- */

bool
fi_run_value_file_decode(firn_slice bytes, struct fi_run_value_file_reference *out)
{
    *out = (struct fi_run_value_file_reference){0};
    if (bytes.size < FI_RUN_VALUE_FILE_REFERENCE_SIZE) {
        return false;
    }
    uint64_t offset = fi_load_le64(bytes.data + 16);
    out->file = fi_load_le64(bytes.data);
    out->value_size = fi_load_le64(bytes.data + 8);
    out->offset = offset & ~BARE_FLAG;
    out->is_bare = (offset & BARE_FLAG) != 0;
    if (out->file == 0 || out->value_size == 0 || out->value_size > FI_ENTRY_VALUE_SIZE_MAX) {
        return false;
    }
    if (out->is_bare) {
        bool is_whole = bytes.size == FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE;
        out->checksum = is_whole ? fi_load_le64(bytes.data + 24) : 0;
        return is_whole;
    }
    out->stored_sizes = bytes.data + FI_RUN_VALUE_FILE_REFERENCE_SIZE;
    out->piece_count = (size_t)((out->value_size + PIECE_SIZE - 1) / PIECE_SIZE);
    return bytes.size == FI_RUN_VALUE_FILE_REFERENCE_SIZE + 4 * out->piece_count;
}

void
fi_run_value_file_encode_bare(const struct fi_run_value_file_reference *reference, uint8_t *out)
{
    CHECK(reference->file != 0 && reference->value_size > 0 &&
          reference->value_size <= FI_ENTRY_VALUE_SIZE_MAX &&
          reference->offset < BARE_FLAG); /* what decode would refuse is lost */
    fi_store_le64(out, reference->file);
    fi_store_le64(out + 8, reference->value_size);
    fi_store_le64(out + 16, reference->offset | BARE_FLAG);
    fi_store_le64(out + 24, reference->checksum);
}

uint64_t
fi_run_value_file_checksum(firn_slice value, uint64_t offset)
{
    return fi_xxh3(value.data, value.size, offset);
}

/* The i-th piece, but for its offset. */
static struct fi_block_ref
piece_of(const struct fi_run_value_file_reference *reference, size_t i)
{
    DCHECK(i < reference->piece_count && (uint64_t)i * PIECE_SIZE < reference->value_size);
    uint64_t left = reference->value_size - (uint64_t)i * PIECE_SIZE;
    return (struct fi_block_ref){
        .stored_size = fi_load_le32(reference->stored_sizes + 4 * i),
        .raw_size = left < PIECE_SIZE ? (uint32_t)left : PIECE_SIZE,
    };
}

uint64_t
fi_run_value_file_span(const struct fi_run_value_file_reference *reference)
{
    uint64_t span = reference->is_bare ? reference->value_size : 0;
    DCHECK(reference->is_bare == (reference->piece_count == 0));
    DCHECK(reference->piece_count <= FI_RUN_VALUE_FILE_PIECES_MAX);
    for (size_t i = 0; i < reference->piece_count; i++) {
        const struct fi_block_ref piece = piece_of(reference, i);
        span += fi_block_reader_span(&piece);
    }
    return span;
}

/* ---- reading ---- */

static int
read_cached(struct value_file *file, const struct fi_block_ref *piece, enum fi_block_cache_use use,
            struct fi_buf *out, firn_error *err)
{
    struct fi_block_pin pin;
    int rc;
    FI_TRY(fi_block_cache_read(file->cache, file->file, file->reader, piece, use, NULL, &pin, err));
    if (out != NULL && fi_buf_append(out, pin.data, pin.size) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a value");
    }
    fi_block_cache_unpin(file->cache, &pin);
out:
    return rc;
}

static int
read_pieces(struct value_file *file, const struct fi_run_value_file_reference *reference,
            struct fi_buf *out, firn_error *err)
{
    struct fi_compress *compress = NULL;
    struct fi_buf bytes = {0};
    uint64_t offset = reference->offset;
    uint64_t end = reference->offset + fi_run_value_file_span(reference);
    int rc;
    FI_TRY(fi_compress_create(&compress, err));
    for (size_t i = 0; i < reference->piece_count; i++) {
        struct fi_block_ref piece = piece_of(reference, i);
        piece.offset = offset;
        FI_TRY(fi_block_reader_read(file->reader, &piece, compress, &bytes, err));
        if (out != NULL && fi_buf_append_slice(out, fi_buf_slice(&bytes)) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a value");
            goto out;
        }
        offset += fi_block_reader_span(&piece);
    }
    DCHECK(offset == end);
out:
    fi_buf_deinit(&bytes);
    fi_compress_destroy(compress);
    return rc;
}

static int
read_sealed(struct value_file *file, const struct fi_run_value_file_reference *reference,
            enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    if (!fi_range_inside(reference->offset, fi_run_value_file_span(reference),
                         fi_block_reader_body_end(file->reader))) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': a value at %llu lies outside the body",
                            fi_block_reader_path(file->reader),
                            (unsigned long long)reference->offset);
    }
    if (out != NULL && fi_buf_reserve(out, (size_t)reference->value_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a value");
    }
    if (out != NULL && reference->value_size <= CACHED_MAX) {
        struct fi_block_ref piece = piece_of(reference, 0);
        piece.offset = reference->offset;
        return read_cached(file, &piece, use, out, err);
    }
    return read_pieces(file, reference, out, err);
}

int
fi_run_value_file_read(struct fi_run *base, const struct fi_run_value_file_reference *reference,
                       enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    struct value_file *file = (struct value_file *)base;
    size_t before = out == NULL ? 0 : out->size;
    DCHECK(base->kind == &fi_run_value_file_kind);
    int rc;
    if (reference->is_bare != (file->bare != NULL)) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': the reference to a value is of another sort",
                            file->bare != NULL ? bare_path(file->bare)
                                               : fi_block_reader_path(file->reader));
    }
    rc = reference->is_bare ? bare_read(file->bare, reference, use, out, err)
                            : read_sealed(file, reference, use, out, err);
    if (rc != FIRN_OK && out != NULL) {
        out->size = before;
    }
    DCHECK(rc != FIRN_OK || out == NULL || out->size == before + reference->value_size);
    return rc;
}

static int
pin_value(struct value_file *file, const struct fi_run_value_file_reference *reference,
          struct fi_block_pin *out, firn_error *err)
{
    if (reference->value_size > CACHED_MAX || reference->is_bare != (file->bare != NULL)) {
        return FIRN_NOT_FOUND;
    }
    if (file->bare != NULL) {
        bool is_there = fi_block_cache_find(file->bare->cache, file->bare->number,
                                            reference->offset, FI_BLOCK_CACHE_DATA, out);
        if (is_there && out->size != reference->value_size) {
            fi_block_cache_unpin(file->bare->cache, out);
            is_there = false;
        }
        return is_there ? FIRN_OK : FIRN_NOT_FOUND;
    }
    uint64_t body_end = fi_block_reader_body_end(file->reader);
    if (!fi_range_inside(reference->offset, fi_run_value_file_span(reference), body_end)) {
        return FIRN_NOT_FOUND; /* reading it says what is wrong */
    }
    struct fi_block_ref piece = piece_of(reference, 0);
    piece.offset = reference->offset;
    return fi_block_cache_read(file->cache, file->file, file->reader, &piece, FI_BLOCK_CACHE_DATA,
                               NULL, out, err);
}

int
fi_run_value_file_pin(const struct fi_run_values *values, firn_slice bytes,
                      struct fi_block_pin *out, firn_error *err)
{
    struct fi_run_value_file_reference reference;
    struct fi_run *file;
    void *pin;
    *out = (struct fi_block_pin){.data = NULL};
    if (!fi_run_value_file_decode(bytes, &reference) || values == NULL || values->pin == NULL) {
        return FIRN_NOT_FOUND; /* as above */
    }
    int rc = values->pin(values->ctx, reference.file, &file, &pin, err);
    if (rc == FIRN_OK) {
        rc = pin_value((struct value_file *)file, &reference, out, err);
        values->unpin(pin);
    }
    DCHECK(rc != FIRN_OK || out->size == reference.value_size);
    return rc;
}

int
fi_run_value_file_resolve(const struct fi_run_values *values, firn_slice bytes,
                          enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    struct fi_run_value_file_reference reference;
    struct fi_run *file;
    void *pin;
    if (!fi_run_value_file_decode(bytes, &reference)) {
        return fi_error_set(err, FIRN_CORRUPT, "the reference to a value is malformed");
    }
    if (values == NULL || values->pin == NULL) {
        return fi_error_set(err, FIRN_CORRUPT, "there is no file of values %llu here",
                            (unsigned long long)reference.file);
    }
    int rc = values->pin(values->ctx, reference.file, &file, &pin, err);
    if (rc == FIRN_OK) {
        rc = fi_run_value_file_read(file, &reference, use, out, err);
        values->unpin(pin);
    }
    return rc;
}
