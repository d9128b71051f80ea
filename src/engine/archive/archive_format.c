/* SPDX-License-Identifier: Apache-2.0
 *
 * archive/archive_format.c: the bytes around the files of an archive, written and read.
 *
 * Readers trust nothing. The header and the footer have checksums of their own, the footer has the
 * hash of the table of contents, and the table has the hash of each file; the id ties header and
 * table together. A table is then accepted only if a writer could have written it. Its paths
 * consist of one or two names and ascend, none is both a file and a directory, and the files follow
 * each other up to the table itself. So offsets are not written: there is only one place for each
 * file.
 *
 * The mark, the version, the flags and the checksum of the header keep their places in every
 * version, so that a damaged version is not taken for a newer one.
 */
#include "archive/archive_format.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "codec/xxh3.h"

enum {
    HEADER_SIZE = FI_ARCHIVE_FORMAT_HEADER_SIZE,
    FOOTER_SIZE = FI_ARCHIVE_FORMAT_FOOTER_SIZE,
    MARK_SIZE = FI_ARCHIVE_FORMAT_MARK_SIZE,
    ID_SIZE = FI_ARCHIVE_FORMAT_ID_SIZE,
    VERSION_AT = 8,
    FLAGS_AT = 12,
    ID_AT = 16,
    ZERO_AT = 32,
    CHECKSUM_AT = 56, /* of both */
    PATH_SIZE_MAX = 2 * FI_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1
};

static const uint8_t mark[MARK_SIZE] = {0xf2, 'f', 'i', 'r', 'n', 0x0d, 0x0a, 0x1a};

static int
archive_format_refuse(firn_error *err, const char *path, const char *what)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s' is damaged: %s", path, what);
}

/* ---- header ---- */

void
fi_archive_format_put_header(const struct fi_archive_format_header *header,
                             uint8_t out[FI_ARCHIVE_FORMAT_HEADER_SIZE])
{
    memset(out, 0, HEADER_SIZE);
    memcpy(out, mark, MARK_SIZE);
    fi_store_le32(out + VERSION_AT, FI_ARCHIVE_FORMAT_VERSION);
    memcpy(out + ID_AT, header->id, ID_SIZE);
    fi_store_le64(out + CHECKSUM_AT, fi_xxh3(out, CHECKSUM_AT, 0));
}

static int
check_version(const uint8_t *bytes, const char *path, firn_error *err)
{
    uint32_t version = fi_load_le32(bytes + VERSION_AT);
    uint32_t flags = fi_load_le32(bytes + FLAGS_AT);
    if (version > FI_ARCHIVE_FORMAT_VERSION) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s' has format version %" PRIu32
                            "; this firn reads versions up to %d",
                            path, version, FI_ARCHIVE_FORMAT_VERSION);
    }
    if (flags != 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s' has flags %08" PRIx32 " that this firn does not know", path,
                            flags);
    }
    return version != 0 ? FIRN_OK : archive_format_refuse(err, path, "its format version is 0");
}

int
fi_archive_format_get_header(firn_slice bytes, const char *path,
                             struct fi_archive_format_header *out, firn_error *err)
{
    static const uint8_t zero[CHECKSUM_AT - ZERO_AT] = {0};
    size_t seen = bytes.size < MARK_SIZE ? bytes.size : MARK_SIZE;
    if (seen == 0 || memcmp(bytes.data, mark, seen) != 0) {
        return fi_error_set(err, FIRN_INVALID, "'%s' is a file, and not one that firn has exported",
                            path);
    }
    if (bytes.size < HEADER_SIZE) {
        return archive_format_refuse(err, path, "it ends before its header does");
    }
    if (fi_load_le64(bytes.data + CHECKSUM_AT) != fi_xxh3(bytes.data, CHECKSUM_AT, 0)) {
        return archive_format_refuse(err, path,
                                     "the checksum of its header at offset 0 does not match");
    }
    int rc = check_version(bytes.data, path, err);
    if (rc == FIRN_OK && memcmp(bytes.data + ZERO_AT, zero, sizeof zero) != 0) {
        rc = archive_format_refuse(err, path, "its header has bytes that must be zero and are not");
    }
    memcpy(out->id, bytes.data + ID_AT, ID_SIZE);
    return rc;
}

/* ---- footer ---- */

void
fi_archive_format_put_footer(const struct fi_archive_format_footer *footer,
                             uint8_t out[FI_ARCHIVE_FORMAT_FOOTER_SIZE])
{
    fi_store_le64(out, footer->toc_offset);
    fi_store_le64(out + 8, footer->toc_size);
    memcpy(out + 16, footer->toc_hash.bytes, sizeof footer->toc_hash.bytes);
    fi_store_le64(out + 48, footer->file_size);
    fi_store_le64(out + CHECKSUM_AT, fi_xxh3(out, CHECKSUM_AT, 0));
}

int
fi_archive_format_get_footer(const uint8_t bytes[FI_ARCHIVE_FORMAT_FOOTER_SIZE], uint64_t file_size,
                             const char *path, struct fi_archive_format_footer *out,
                             firn_error *err)
{
    uint64_t toc_end;
    uint64_t end;
    if (fi_load_le64(bytes + CHECKSUM_AT) != fi_xxh3(bytes, CHECKSUM_AT, 0)) {
        return archive_format_refuse(err, path,
                                     "it does not end as it was written; it may have been cut off");
    }
    out->toc_offset = fi_load_le64(bytes);
    out->toc_size = fi_load_le64(bytes + 8);
    memcpy(out->toc_hash.bytes, bytes + 16, sizeof out->toc_hash.bytes);
    out->file_size = fi_load_le64(bytes + 48);
    if (out->file_size != file_size) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' is damaged: it has %" PRIu64 " bytes, but was written with "
                            "%" PRIu64,
                            path, file_size, out->file_size);
    }
    if (!fi_add_u64(out->toc_offset, out->toc_size, &toc_end) ||
        !fi_add_u64(toc_end, FOOTER_SIZE, &end) || end != file_size ||
        out->toc_offset < FI_ARCHIVE_FORMAT_ALIGNMENT ||
        out->toc_offset % FI_ARCHIVE_FORMAT_ALIGNMENT != 0 ||
        out->toc_size > FI_ARCHIVE_FORMAT_TOC_SIZE_MAX) {
        return archive_format_refuse(err, path, "its table of contents is at an impossible offset");
    }
    return FIRN_OK;
}

/* ---- table of contents ---- */

size_t
fi_archive_format_count(const struct fi_archive_format_toc *toc)
{
    return toc->files.size / sizeof(struct fi_archive_format_file);
}

struct fi_archive_format_file *
fi_archive_format_at(const struct fi_archive_format_toc *toc, size_t i)
{
    DCHECK(i < fi_archive_format_count(toc));
    return (struct fi_archive_format_file *)(void *)toc->files.data + i;
}

int
fi_archive_format_add(struct fi_archive_format_toc *toc, const struct fi_archive_format_file *file)
{
    struct fi_archive_format_file added = *file;
    added.path = fi_arena_str(&toc->paths, file->path, strlen(file->path));
    return added.path != NULL ? fi_buf_append(&toc->files, &added, sizeof added) : FIRN_NO_MEMORY;
}

void
fi_archive_format_deinit(struct fi_archive_format_toc *toc)
{
    fi_buf_deinit(&toc->files);
    fi_arena_deinit(&toc->paths);
}

int
fi_archive_format_put_toc(const struct fi_archive_format_toc *toc, struct fi_buf *out)
{
    size_t count = fi_archive_format_count(toc);
    FI_TRY_RETURN(fi_buf_append(out, toc->id, ID_SIZE));
    FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)toc->time_ns));
    FI_TRY_RETURN(fi_buf_append_varint(out, count));
    for (size_t i = 0; i < count; i++) {
        const struct fi_archive_format_file *file = fi_archive_format_at(toc, i);
        FI_TRY_RETURN(fi_buf_append_varint(out, strlen(file->path)));
        FI_TRY_RETURN(fi_buf_append_str(out, file->path));
        FI_TRY_RETURN(fi_buf_append_varint(out, file->size));
        FI_TRY_RETURN(fi_buf_append(out, file->hash.bytes, sizeof file->hash.bytes));
    }
    return FIRN_OK;
}

static bool
is_name(firn_slice name)
{
    bool is_dots = (name.size == 1 && name.data[0] == '.') ||
                   (name.size == 2 && name.data[0] == '.' && name.data[1] == '.');
    return name.size > 0 && name.size <= FI_ARCHIVE_FORMAT_NAME_SIZE_MAX && !is_dots &&
           memchr(name.data, '/', name.size) == NULL && memchr(name.data, '\0', name.size) == NULL;
}

/* The size of the directory's name in a path; 0: the path is only a name. */
static size_t
directory_size(firn_slice path)
{
    const uint8_t *slash = memchr(path.data, '/', path.size);
    return slash != NULL ? (size_t)(slash - path.data) : 0;
}

static bool
is_path(firn_slice path)
{
    size_t size = path.size > 0 ? directory_size(path) : 0;
    return size == 0 ? is_name(path)
                     : is_name(firn_bytes(path.data, size)) &&
                           is_name(firn_bytes(path.data + size + 1, path.size - size - 1));
}

/* Whether a file of the table has this path. The files are in order. */
static bool
has_file(const struct fi_archive_format_toc *toc, firn_slice path)
{
    size_t low = 0;
    size_t high = fi_archive_format_count(toc);
    FI_SEARCH_FIRST(low, high, middle,
                    fi_slice_compare(firn_str(fi_archive_format_at(toc, middle)->path), path) < 0);
    return low < fi_archive_format_count(toc) &&
           fi_slice_equal(firn_str(fi_archive_format_at(toc, low)->path), path);
}

/* Whether a path may follow those in the table. */
static bool
archive_format_fits(const struct fi_archive_format_toc *toc, firn_slice path)
{
    size_t count = fi_archive_format_count(toc);
    if (!is_path(path)) {
        return false;
    }
    if (count > 0 &&
        fi_slice_compare(firn_str(fi_archive_format_at(toc, count - 1)->path), path) >= 0) {
        return false;
    }
    /* If the directory were also a file, that would come before the files in it. */
    return !has_file(toc, firn_bytes(path.data, directory_size(path)));
}

/* Reads one file, which begins at *offset, and advances *offset past it. */
static int
get_file(struct fi_reader *reader, uint64_t limit, uint64_t *offset,
         struct fi_archive_format_toc *toc, const char **what)
{
    DCHECK(*offset % FI_ARCHIVE_FORMAT_ALIGNMENT == 0);
    struct fi_archive_format_file file = {.offset = *offset};
    firn_slice path;
    *what = "its table of contents ends too early";
    if (!fi_reader_sized(reader, PATH_SIZE_MAX, &path) || !fi_reader_varint(reader, &file.size) ||
        !fi_reader_copy(reader, file.hash.bytes, sizeof file.hash.bytes)) {
        return FIRN_CORRUPT;
    }
    *what = "its table of contents has a path that cannot be there";
    if (!archive_format_fits(toc, path)) {
        return FIRN_CORRUPT;
    }
    *what = "its table of contents has a file that lies outside of it";
    if (!fi_range_inside(file.offset, file.size, limit)) {
        return FIRN_CORRUPT;
    }
    *offset = fi_archive_format_align(file.offset + file.size);
    *what = NULL;
    file.path = fi_arena_str(&toc->paths, (const char *)path.data, path.size);
    return file.path != NULL ? fi_buf_append(&toc->files, &file, sizeof file) : FIRN_NO_MEMORY;
}

int
fi_archive_format_get_toc(firn_slice bytes, const struct fi_archive_format_header *header,
                          const struct fi_archive_format_footer *footer, const char *path,
                          struct fi_archive_format_toc *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint64_t offset = FI_ARCHIVE_FORMAT_ALIGNMENT;
    uint64_t time = 0;
    uint64_t count = 0;
    *out = (struct fi_archive_format_toc){.paths = {.chunk_size = 4096}};
    if (!fi_reader_copy(&reader, out->id, ID_SIZE) || !fi_reader_le64(&reader, &time) ||
        !fi_reader_varint(&reader, &count)) {
        return archive_format_refuse(err, path, "its table of contents ends too early");
    }
    if (time > INT64_MAX) {
        return archive_format_refuse(err, path, "its time lies before 1970");
    }
    out->time_ns = (int64_t)time;
    if (memcmp(out->id, header->id, ID_SIZE) != 0) {
        return archive_format_refuse(err, path, "its table of contents belongs to another file");
    }
    for (; count > 0; count--) {
        const char *what;
        int rc = get_file(&reader, footer->toc_offset, &offset, out, &what);
        if (rc != FIRN_OK) {
            return what != NULL ? archive_format_refuse(err, path, what)
                                : fi_error_no_memory(err, "a table of contents");
        }
    }
    return fi_reader_left(&reader) == 0 && offset == footer->toc_offset
               ? FIRN_OK
               : archive_format_refuse(err, path, "its table of contents is not that of its files");
}
