/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_reader.c: opens a sealed block file and reads its blocks, trusting none of its bytes.
 *
 * Opening checks, in this order: that the file is not shorter than the smallest possible one;
 * header; footer; that the two agree; that the places in the footer fill the file exactly; the
 * BLAKE3 of the table of contents; the numbers in it against the file. After that, sections are
 * known to be inside the body. The body itself is verified block by block as it is read.
 *
 * A file whose bytes come from a source is opened by its end alone: the header, far away from it,
 * says nothing that the footer does not.
 *
 * A block is read with one pread of prefix, stored bytes and padding. The caller's ref is checked
 * against the file's length before anything is allocated, the prefix against the ref, the checksum
 * against the bytes, the padding against zero. Only then does the codec decode, to exactly as many
 * bytes as the prefix declares. The stored bytes are read into the tail of the output buffer, after
 * the room for the decoded ones, so that one buffer serves both.
 *
 * The bytes of an encrypted block are judged by its tag, as they are decrypted, and not by their
 * checksum as well, which is for readers without the key. The prefix has a check of its own.
 *
 * (I1) Memory that numbers from the file can demand: for each block, at most FI_BLOCK_SIZE_MAX
 *      decoded and what the file holds stored; at most FI_BLOCK_SECTIONS_MAX sections. The hashes
 *      in the table of contents are not kept.
 *
 * Threads: the reader is unchanged after open, its descriptor aside (block_descriptor.c); any
 * number of threads may read at once, each into its own buffer.
 *
 * Failure: FIRN_CORRUPT and FIRN_NEWER name file and offset; the handle can still be used for other
 * blocks.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "block/block_descriptor.h"
#include "block/block_seal.h"
#include "codec/blake3_hash.h"

enum {
    PREFIX_SIZE = FI_BLOCK_FORMAT_PREFIX_SIZE,
    CHUNK_SIZE = FI_BLOCK_FORMAT_CHUNK_SIZE,
    TOC_PIECE_SIZE = 64 << 10, /* the table of contents is read in such pieces */
    FILE_SIZE_MIN = FI_BLOCK_FORMAT_HEADER_SIZE + FI_BLOCK_FORMAT_TOC_HEADER_SIZE +
                    (int)sizeof(firn_hash) + FI_BLOCK_FORMAT_FOOTER_SIZE
};
_Static_assert((int)FI_BLOCK_BODY_START == (int)FI_BLOCK_FORMAT_HEADER_SIZE,
               "the body's blocks begin after the header");

struct fi_block_reader {
    struct fi_block_descriptor *descriptor;
    enum fi_block_file_kind kind;
    struct fi_block_format_footer footer;
    struct fi_block_section *sections;
    size_t section_count;
    size_t sections_size; /* in the table of contents */
    uint32_t needs;       /* FI_BLOCK_NEEDS_* */
    struct fi_block_seal seal;
};

static int open_file(struct fi_block_reader *reader, struct fi_block_descriptors *descriptors,
                     struct fi_os_dir *dir, const char *name, firn_error *err);
static int open_source(struct fi_block_reader *reader, const struct fi_block_source *source,
                       firn_error *err);

int
fi_block_reader_open(struct fi_os_dir *dir, const char *name, enum fi_block_file_kind kind,
                     struct fi_block_reader **out, firn_error *err)
{
    return fi_block_reader_open_in(NULL, dir, name, kind, out, err);
}

int
fi_block_reader_open_in(struct fi_block_descriptors *descriptors, struct fi_os_dir *dir,
                        const char *name, enum fi_block_file_kind kind,
                        struct fi_block_reader **out, firn_error *err)
{
    *out = NULL;
    struct fi_block_reader *reader = fi_alloc_zeroed(sizeof *reader);
    if (reader == NULL) {
        return fi_error_no_memory(err, "a block file reader");
    }
    reader->kind = kind;
    int rc = open_file(reader, descriptors, dir, name, err);
    if (rc != FIRN_OK) {
        fi_block_reader_close(reader);
        return rc;
    }
    *out = reader;
    return FIRN_OK;
}

int
fi_block_reader_open_source(const struct fi_block_source *source, enum fi_block_file_kind kind,
                            struct fi_block_reader **out, firn_error *err)
{
    *out = NULL;
    struct fi_block_reader *reader = fi_alloc_zeroed(sizeof *reader);
    if (reader == NULL) {
        return fi_error_no_memory(err, "a block file reader");
    }
    reader->kind = kind;
    int rc = open_source(reader, source, err);
    if (rc != FIRN_OK) {
        fi_block_reader_close(reader);
        return rc;
    }
    *out = reader;
    return FIRN_OK;
}

void
fi_block_reader_close(struct fi_block_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    fi_block_descriptor_close(reader->descriptor);
    fi_block_seal_deinit(&reader->seal);
    fi_free(reader->sections);
    fi_free(reader);
}

const struct fi_block_file_id *
fi_block_reader_id(const struct fi_block_reader *reader)
{
    return &reader->footer.id;
}

const char *
fi_block_reader_path(const struct fi_block_reader *reader)
{
    return fi_block_descriptor_path(reader->descriptor);
}

uint32_t
fi_block_reader_needs(const struct fi_block_reader *reader)
{
    return reader->needs;
}

uint64_t
fi_block_reader_size_bytes(const struct fi_block_reader *reader)
{
    return reader->footer.file_size;
}

size_t
fi_block_reader_section_count(const struct fi_block_reader *reader)
{
    return reader->section_count;
}

const struct fi_block_section *
fi_block_reader_section(const struct fi_block_reader *reader, size_t i)
{
    DCHECK(i < reader->section_count);
    return &reader->sections[i];
}

uint64_t
fi_block_reader_body_end(const struct fi_block_reader *reader)
{
    return reader->footer.toc_offset;
}

uint32_t
fi_block_reader_overhead(const struct fi_block_reader *reader)
{
    return fi_block_seal_overhead(&reader->seal);
}

uint32_t
fi_block_reader_master_key(const struct fi_block_reader *reader,
                           uint8_t out_check[FI_BLOCK_KEY_CHECK_SIZE])
{
    const struct fi_block_format_seal *seal = &reader->footer.seal;
    memcpy(out_check, seal->key_check, sizeof seal->key_check);
    return seal->key_number;
}

uint64_t
fi_block_reader_stored_size_max(const struct fi_block_reader *reader, uint32_t encoded_size)
{
    return fi_block_seal_padded_size(&reader->seal, encoded_size);
}

uint64_t
fi_block_reader_span(const struct fi_block_ref *ref)
{
    return fi_block_format_span(ref->stored_size);
}

/* ---- opening ---- */

static int
read_header(struct fi_block_reader *reader, struct fi_block_file_id *out_id,
            struct fi_block_format_seal *out_seal, firn_error *err)
{
    const char *path = fi_block_descriptor_path(reader->descriptor);
    uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE];
    FI_TRY_RETURN(fi_block_descriptor_read(reader->descriptor, 0, bytes, sizeof bytes, err));
    return fi_block_format_decode_header(bytes, reader->kind, path, out_id, out_seal, err);
}

/* Whether the footer is sound, and describes a file of this size. */
static int
read_footer(struct fi_block_reader *reader, uint64_t size, firn_error *err)
{
    const char *path = fi_block_descriptor_path(reader->descriptor);
    struct fi_block_format_footer *footer = &reader->footer;
    uint8_t bytes[FI_BLOCK_FORMAT_FOOTER_SIZE];
    FI_TRY_RETURN(fi_block_descriptor_read(reader->descriptor, size - FI_BLOCK_FORMAT_FOOTER_SIZE,
                                           bytes, sizeof bytes, err));
    FI_TRY_RETURN(fi_block_format_decode_footer(bytes, reader->kind, path, footer, err));
    uint64_t end = size - FI_BLOCK_FORMAT_FOOTER_SIZE;
    if (footer->file_size != size || footer->toc_offset < FI_BLOCK_FORMAT_HEADER_SIZE ||
        footer->toc_offset % FI_BLOCK_FORMAT_ALIGNMENT != 0 || footer->toc_offset > end ||
        footer->toc_size != end - footer->toc_offset) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the file has %llu bytes; its footer says %llu, with the "
                            "table of contents at %llu, %llu long",
                            path, (unsigned long long)size, (unsigned long long)footer->file_size,
                            (unsigned long long)footer->toc_offset,
                            (unsigned long long)footer->toc_size);
    }
    return FIRN_OK;
}

static int
compare_edges(const struct fi_block_reader *reader, const struct fi_block_file_id *id,
              const struct fi_block_format_seal *seal, firn_error *err)
{
    return memcmp(id->bytes, reader->footer.id.bytes, sizeof id->bytes) == 0 &&
                   memcmp(seal, &reader->footer.seal, sizeof *seal) == 0
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "'%s': header and footer are of different files",
                              fi_block_descriptor_path(reader->descriptor));
}

/* Whether header and footer are both sound, agree, and describe a file of this size. */
static int
read_edges(struct fi_block_reader *reader, uint64_t size, firn_error *err)
{
    struct fi_block_file_id id;
    struct fi_block_format_seal seal;
    FI_TRY_RETURN(read_header(reader, &id, &seal, err));
    FI_TRY_RETURN(read_footer(reader, size, err));
    return compare_edges(reader, &id, &seal, err);
}

int
fi_block_reader_check_header(struct fi_block_reader *reader, firn_error *err)
{
    struct fi_block_file_id id;
    struct fi_block_format_seal seal;
    FI_TRY_RETURN(read_header(reader, &id, &seal, err));
    return compare_edges(reader, &id, &seal, err);
}

/* Hashes the table of contents as it is on disk. */
static int
check_toc(struct fi_block_reader *reader, firn_error *err)
{
    const struct fi_block_format_footer *footer = &reader->footer;
    uint8_t *piece = fi_alloc(TOC_PIECE_SIZE);
    if (piece == NULL) {
        return fi_error_no_memory(err, "a piece of a table of contents");
    }
    int rc = FIRN_OK;
    struct fi_blake3_hash state;
    fi_blake3_hash_init(&state);
    for (uint64_t at = 0; at < footer->toc_size;) {
        uint64_t left = footer->toc_size - at;
        size_t size = left < TOC_PIECE_SIZE ? (size_t)left : TOC_PIECE_SIZE;
        FI_TRY(fi_block_descriptor_read(reader->descriptor, footer->toc_offset + at, piece, size,
                                        err));
        fi_blake3_hash_update(&state, piece, size);
        at += size;
    }
    firn_hash hash;
    fi_blake3_hash_final(&state, &hash);
    if (memcmp(hash.bytes, footer->toc_hash.bytes, sizeof hash.bytes) != 0) {
        rc = fi_error_set(
            err, FIRN_CORRUPT, "'%s': the table of contents at %llu does not match its checksum",
            fi_block_descriptor_path(reader->descriptor), (unsigned long long)footer->toc_offset);
    }
out:
    fi_free(piece);
    return rc;
}

/* Whether a ref can name a block of this file. */
static bool
is_inside(const struct fi_block_reader *reader, const struct fi_block_ref *ref)
{
    return ref->stored_size <= FI_BLOCK_STORED_SIZE_MAX && ref->raw_size <= FI_BLOCK_SIZE_MAX &&
           ref->offset >= FI_BLOCK_FORMAT_HEADER_SIZE &&
           ref->offset % FI_BLOCK_FORMAT_ALIGNMENT == 0 &&
           fi_range_inside(ref->offset, fi_block_format_span(ref->stored_size),
                           reader->footer.toc_offset);
}

/* (I1): what one block needs at most, decoded and stored together. */
static bool
is_bounded(const struct fi_block_ref *ref)
{
    return ref->raw_size + fi_block_format_span(ref->stored_size) <=
           (uint64_t)FI_BLOCK_SIZE_MAX + FI_BLOCK_STORED_SIZE_MAX + PREFIX_SIZE +
               FI_BLOCK_FORMAT_ALIGNMENT;
}

static int
decode_section(struct fi_block_reader *reader, const uint8_t *bytes, firn_error *err)
{
    struct fi_block_section *section = &reader->sections[reader->section_count];
    section->kind = fi_load_le32(bytes);
    section->ref.offset = fi_load_le64(bytes + 8);
    section->ref.stored_size = fi_load_le32(bytes + 16);
    section->ref.raw_size = fi_load_le32(bytes + 20);
    const char *path = fi_block_descriptor_path(reader->descriptor);
    if (fi_load_le32(bytes + 4) != 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': section %u uses fields that this version cannot read", path,
                            section->kind);
    }
    if (!is_inside(reader, &section->ref)) {
        return fi_error_set(
            err, FIRN_CORRUPT, "'%s': section %u at %llu, %u bytes, lies outside the body", path,
            section->kind, (unsigned long long)section->ref.offset, section->ref.stored_size);
    }
    reader->section_count++;
    return FIRN_OK;
}

static uint32_t
known_needs(enum fi_block_file_kind kind)
{
    return kind == FI_BLOCK_FILE_PACK ? FI_BLOCK_NEEDS_CELLS : 0;
}

/* The table of contents has the size that follows from the counts in it. */
static int
read_toc_counts(struct fi_block_reader *reader, size_t *out_section_count, firn_error *err)
{
    const struct fi_block_format_footer *footer = &reader->footer;
    uint8_t head[FI_BLOCK_FORMAT_TOC_HEADER_SIZE];
    FI_TRY_RETURN(
        fi_block_descriptor_read(reader->descriptor, footer->toc_offset, head, sizeof head, err));
    const char *path = fi_block_descriptor_path(reader->descriptor);
    reader->needs = fi_load_le32(head + 4);
    if ((reader->needs & ~known_needs(footer->kind)) != 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': the table of contents has flags %08x, which this version "
                            "cannot read",
                            path, reader->needs);
    }
    uint64_t section_count = fi_load_le32(head);
    uint64_t chunk_count = fi_load_le64(head + 8);
    /* No product overflows: both counts are bounded before they are multiplied. */
    if (section_count > FI_BLOCK_SECTIONS_MAX ||
        chunk_count != fi_block_format_chunk_count(footer->toc_offset) ||
        footer->toc_size != FI_BLOCK_FORMAT_TOC_HEADER_SIZE +
                                section_count * FI_BLOCK_FORMAT_SECTION_SIZE +
                                footer->seal.tag_size + chunk_count * sizeof(firn_hash)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': a table of contents of %llu bytes cannot hold %llu sections "
                            "and %llu checksums for a body of %llu bytes",
                            path, (unsigned long long)footer->toc_size,
                            (unsigned long long)section_count, (unsigned long long)chunk_count,
                            (unsigned long long)footer->toc_offset);
    }
    *out_section_count = (size_t)section_count;
    return FIRN_OK;
}

static int
read_sections(struct fi_block_reader *reader, firn_error *err)
{
    size_t count = 0;
    uint8_t *bytes = NULL;
    int rc;
    FI_TRY(read_toc_counts(reader, &count, err));
    DCHECK(count <= FI_BLOCK_SECTIONS_MAX); /* (I1) */
    size_t size = count * FI_BLOCK_FORMAT_SECTION_SIZE + reader->footer.seal.tag_size;
    reader->sections_size = size;
    if (fi_block_seal_is_locked(&reader->seal)) {
        return FIRN_OK;
    }
    bytes = fi_alloc(size);
    reader->sections = fi_alloc_array(count, sizeof reader->sections[0]);
    if (bytes == NULL || reader->sections == NULL) {
        FI_TRY(fi_error_no_memory(err, "the sections of a file"));
    }
    FI_TRY(fi_block_descriptor_read(reader->descriptor,
                                    reader->footer.toc_offset + FI_BLOCK_FORMAT_TOC_HEADER_SIZE,
                                    bytes, size, err));
    if (reader->seal.key != NULL) {
        FI_TRY(fi_block_seal_decrypt_sections(&reader->seal, reader->footer.toc_offset, bytes, size,
                                              err));
    }
    for (size_t i = 0; i < count; i++) {
        FI_TRY(decode_section(reader, bytes + i * FI_BLOCK_FORMAT_SECTION_SIZE, err));
    }
out:
    fi_free(bytes);
    return rc;
}

static int
check_file_size(const struct fi_block_reader *reader, uint64_t size, firn_error *err)
{
    return size >= FILE_SIZE_MIN
               ? FIRN_OK
               : fi_error_set(
                     err, FIRN_CORRUPT, "'%s': %llu bytes are too few for a firn block file",
                     fi_block_descriptor_path(reader->descriptor), (unsigned long long)size);
}

static int
find_key(struct fi_block_reader *reader, const struct fi_os_seal *seal, firn_error *err)
{
    return fi_block_seal_open(seal, reader->kind, &reader->footer.id, &reader->footer.seal,
                              fi_block_descriptor_path(reader->descriptor), &reader->seal, err);
}

static int
open_source(struct fi_block_reader *reader, const struct fi_block_source *source, firn_error *err)
{
    FI_TRY_RETURN(fi_block_descriptor_open_source(source, &reader->descriptor, err));
    FI_TRY_RETURN(check_file_size(reader, source->size_bytes, err));
    FI_TRY_RETURN(read_footer(reader, source->size_bytes, err));
    FI_TRY_RETURN(check_toc(reader, err));
    FI_TRY_RETURN(find_key(reader, source->seal, err));
    return read_sections(reader, err);
}

static int
open_file(struct fi_block_reader *reader, struct fi_block_descriptors *descriptors,
          struct fi_os_dir *dir, const char *name, firn_error *err)
{
    struct fi_os_stat stat;
    FI_TRY_RETURN(
        fi_block_descriptor_open(descriptors, dir, name, &stat, &reader->descriptor, err));
    FI_TRY_RETURN(check_file_size(reader, stat.size_bytes, err));
    FI_TRY_RETURN(read_edges(reader, stat.size_bytes, err));
    FI_TRY_RETURN(check_toc(reader, err));
    FI_TRY_RETURN(find_key(reader, fi_os_dir_seal(dir), err));
    return read_sections(reader, err);
}

/* ---- blocks ---- */

static int
block_corrupt(const struct fi_block_reader *reader, uint64_t offset, const char *what,
              firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': block at %llu: %s",
                        fi_block_descriptor_path(reader->descriptor), (unsigned long long)offset,
                        what);
}

/* Judges the bytes of a block, prefix to padding, against its ref. What an encrypted block says of
 * its content is judged after it is decrypted. */
static int
check_block(const struct fi_block_reader *reader, const struct fi_block_ref *ref,
            const uint8_t *bytes, struct fi_block_format_prefix *out, firn_error *err)
{
    const struct fi_block_file_id *id = &reader->footer.id;
    const bool is_sealed = reader->footer.seal.tag_size != 0;
    DCHECK(is_inside(reader, ref));
    if (!fi_block_format_decode_prefix(id, ref->offset, bytes, out)) {
        return block_corrupt(reader, ref->offset, "its prefix does not match its checksum", err);
    }
    if (out->stored_size != ref->stored_size || out->raw_size != (is_sealed ? 0 : ref->raw_size)) {
        return block_corrupt(reader, ref->offset, "it has other lengths than expected", err);
    }
    firn_slice stored = firn_bytes(bytes + PREFIX_SIZE, ref->stored_size);
    if (reader->seal.key == NULL &&
        !fi_block_format_stored_matches(id, ref->offset, bytes, stored)) {
        return block_corrupt(reader, ref->offset, "its bytes do not match their checksum", err);
    }
    for (uint64_t i = PREFIX_SIZE + (uint64_t)ref->stored_size;
         i < fi_block_format_span(ref->stored_size); i++) {
        if (bytes[i] != 0) {
            return block_corrupt(reader, ref->offset, "its padding is not zero", err);
        }
    }
    if (out->flags != (is_sealed ? FI_BLOCK_FORMAT_SEALED : 0)) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': block at %llu has flags %02x, which this version cannot read",
                            fi_block_descriptor_path(reader->descriptor),
                            (unsigned long long)ref->offset, out->flags);
    }
    return FIRN_OK;
}

/* Checks a block and decrypts it to `plain`, of its stored size, which may be where it is stored.
 * *out: the bytes as they were encoded: in `plain` or, in a file in clear, where they are
 * stored. */
static int
open_block(const struct fi_block_reader *reader, const struct fi_block_ref *ref,
           const uint8_t *bytes, uint8_t *plain, enum fi_codec *out_codec, firn_slice *out,
           firn_error *err)
{
    struct fi_block_format_prefix prefix;
    *out_codec = FI_CODEC_NONE;
    *out = firn_bytes(NULL, 0);
    FI_TRY_RETURN(check_block(reader, ref, bytes, &prefix, err));
    *out = firn_bytes(bytes + PREFIX_SIZE, ref->stored_size);
    if (reader->seal.key != NULL) {
        size_t size;
        int rc = fi_block_seal_decrypt(&reader->seal, ref->offset, bytes, *out, plain, &size,
                                       &prefix, err);
        if (rc != FIRN_OK) {
            fi_error_prefix(err, "'%s': block at %llu",
                            fi_block_descriptor_path(reader->descriptor),
                            (unsigned long long)ref->offset);
            return rc;
        }
        *out = firn_bytes(plain, size);
        if (prefix.raw_size != ref->raw_size) {
            return block_corrupt(reader, ref->offset, "it has other lengths than expected", err);
        }
    }
    if (prefix.codec > FI_CODEC_ZSTD) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': block at %llu has codec %u, which this version cannot read",
                            fi_block_descriptor_path(reader->descriptor),
                            (unsigned long long)ref->offset, prefix.codec);
    }
    *out_codec = (enum fi_codec)prefix.codec;
    return FIRN_OK;
}

/* Before a block is read. */
static int
check_ref(const struct fi_block_reader *reader, const struct fi_block_ref *ref, firn_error *err)
{
    if (fi_block_seal_is_locked(&reader->seal)) {
        return fi_error_set(err, FIRN_DENIED, "'%s' is encrypted, and its key is not here",
                            fi_block_descriptor_path(reader->descriptor));
    }
    return is_inside(reader, ref)
               ? FIRN_OK
               : block_corrupt(reader, ref->offset, "it lies outside the body", err);
}

/* Decodes a block that was opened, into the memory that out has reserved. */
static int
block_reader_decode(struct fi_block_reader *reader, const struct fi_block_ref *ref,
                    enum fi_codec codec, firn_slice encoded, struct fi_compress *context,
                    struct fi_buf *out, firn_error *err)
{
    DCHECK(out->capacity >= ref->raw_size);
    int rc = fi_compress_decode(context, codec, encoded, out->data, ref->raw_size, err);
    if (rc == FIRN_OK) {
        out->size = ref->raw_size;
    } else {
        fi_error_prefix(err, "'%s': block at %llu", fi_block_descriptor_path(reader->descriptor),
                        (unsigned long long)ref->offset);
    }
    return rc;
}

int
fi_block_reader_read(struct fi_block_reader *reader, const struct fi_block_ref *ref,
                     struct fi_compress *context, struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    FI_TRY_RETURN(check_ref(reader, ref, err));
    size_t span = (size_t)fi_block_format_span(ref->stored_size);
    DCHECK(is_bounded(ref)); /* (I1) */
    if (fi_buf_reserve(out, ref->raw_size + span) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    uint8_t *bytes = out->data + ref->raw_size;
    enum fi_codec codec;
    firn_slice encoded;
    FI_TRY_RETURN(fi_block_descriptor_read(reader->descriptor, ref->offset, bytes, span, err));
    FI_TRY_RETURN(open_block(reader, ref, bytes, bytes + PREFIX_SIZE, &codec, &encoded, err));
    return block_reader_decode(reader, ref, codec, encoded, context, out, err);
}

int
fi_block_reader_read_stored(struct fi_block_reader *reader, const struct fi_block_ref *ref,
                            struct fi_buf *buf, enum fi_codec *out_codec, firn_slice *out,
                            firn_error *err)
{
    FI_TRY_RETURN(check_ref(reader, ref, err));
    size_t span = (size_t)fi_block_format_span(ref->stored_size);
    DCHECK(is_bounded(ref)); /* (I1) */
    if (fi_buf_set_size(buf, span) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    FI_TRY_RETURN(fi_block_descriptor_read(reader->descriptor, ref->offset, buf->data, span, err));
    return open_block(reader, ref, buf->data, buf->data + PREFIX_SIZE, out_codec, out, err);
}

int
fi_block_reader_read_span(struct fi_block_reader *reader, uint64_t offset, size_t size,
                          uint8_t *out, firn_error *err)
{
    if (!fi_range_inside(offset, size, reader->footer.toc_offset)) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': %zu bytes at %llu lie outside the body",
                            fi_block_descriptor_path(reader->descriptor), size,
                            (unsigned long long)offset);
    }
    return fi_block_descriptor_read(reader->descriptor, offset, out, size, err);
}

/* Decodes a block that was opened to buffer, which is empty; *out is what was encoded, if the block
 * is not compressed. Requires: if that is in the buffer, the room for the decoded bytes is before
 * it. */
static int
decode_or_borrow(struct fi_block_reader *reader, const struct fi_block_ref *ref,
                 enum fi_codec codec, firn_slice encoded, struct fi_compress *context,
                 struct fi_buf *buffer, firn_slice *out, firn_error *err)
{
    if (codec == FI_CODEC_NONE && encoded.size == ref->raw_size) {
        *out = encoded;
        return FIRN_OK;
    }
    if (fi_buf_reserve(buffer, ref->raw_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    FI_TRY_RETURN(block_reader_decode(reader, ref, codec, encoded, context, buffer, err));
    *out = fi_buf_slice(buffer);
    return FIRN_OK;
}

int
fi_block_reader_decode(struct fi_block_reader *reader, const struct fi_block_ref *ref,
                       const uint8_t *bytes, struct fi_compress *context, struct fi_buf *buffer,
                       firn_slice *out, firn_error *err)
{
    enum fi_codec codec;
    firn_slice encoded;
    /* A block that is encrypted is decrypted after the room for its decoded bytes. */
    const size_t plain_size = reader->seal.key != NULL ? ref->stored_size : 0;
    FI_TRY_RETURN(check_ref(reader, ref, err));
    DCHECK(is_bounded(ref)); /* (I1) */
    fi_buf_clear(buffer);
    if (plain_size > 0 && fi_buf_reserve(buffer, ref->raw_size + plain_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a block");
    }
    uint8_t *plain = plain_size > 0 ? buffer->data + ref->raw_size : NULL;
    FI_TRY_RETURN(open_block(reader, ref, bytes, plain, &codec, &encoded, err));
    return decode_or_borrow(reader, ref, codec, encoded, context, buffer, out, err);
}

int
fi_block_reader_read_in_place(struct fi_block_reader *reader, const struct fi_block_ref *ref,
                              struct fi_compress *context, struct fi_buf *stored,
                              struct fi_buf *buffer, firn_slice *out, firn_error *err)
{
    enum fi_codec codec;
    firn_slice encoded;
    FI_TRY_RETURN(fi_block_reader_read_stored(reader, ref, stored, &codec, &encoded, err));
    fi_buf_clear(buffer);
    return decode_or_borrow(reader, ref, codec, encoded, context, buffer, out, err);
}

/* ---- the body as a whole ---- */

uint64_t
fi_block_reader_chunk_count(const struct fi_block_reader *reader)
{
    return fi_block_format_chunk_count(reader->footer.toc_offset);
}

int
fi_block_reader_verify_chunk(struct fi_block_reader *reader, uint64_t i, struct fi_buf *buffer,
                             firn_error *err)
{
    int rc;
    firn_hash expected;
    firn_hash found;
    uint64_t start = i * CHUNK_SIZE;
    uint64_t left = reader->footer.toc_offset - start;
    size_t size = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
    uint64_t hash_at = reader->footer.toc_offset + FI_BLOCK_FORMAT_TOC_HEADER_SIZE +
                       reader->sections_size + i * sizeof(firn_hash);
    DCHECK(i < fi_block_reader_chunk_count(reader));
    DCHECK(fi_range_inside(hash_at, sizeof(firn_hash),
                           reader->footer.toc_offset + reader->footer.toc_size));
    fi_buf_clear(buffer);
    if (fi_buf_reserve(buffer, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a chunk of a file");
    }
    FI_TRY(fi_block_descriptor_read(reader->descriptor, hash_at, &expected, sizeof expected, err));
    FI_TRY(fi_block_descriptor_read(reader->descriptor, start, buffer->data, size, err));
    fi_blake3_hash_of(buffer->data, size, &found);
    if (memcmp(found.bytes, expected.bytes, sizeof found.bytes) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': bytes %llu to %llu do not match their checksum",
                          fi_block_descriptor_path(reader->descriptor), (unsigned long long)start,
                          (unsigned long long)(start + size));
    }
out:
    return rc;
}

int
fi_block_reader_verify_body(struct fi_block_reader *reader, firn_error *err)
{
    struct fi_buf buffer = {0};
    int rc = check_toc(reader, err);
    for (uint64_t i = 0; rc == FIRN_OK && i < fi_block_reader_chunk_count(reader); i++) {
        rc = fi_block_reader_verify_chunk(reader, i, &buffer, err);
    }
    fi_buf_deinit(&buffer);
    return rc;
}
