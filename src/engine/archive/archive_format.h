/* SPDX-License-Identifier: Apache-2.0
 *
 * archive/archive_format.h: a checkpoint in one file, drawn once. docs/formats/archive.md
 * describes it in prose. All integers are little-endian, varints are LEB128 in their shortest form.
 *
 *     0        4096             …               toc            toc + toc size
 *     | header | file | zero | file | zero | … | table of     | footer |
 *     | 64     |                               | contents     | 64     |
 *
 * Each file, and the table of contents, begins at the next multiple of 4096 after the previous
 * part; the bytes between are zero.
 *
 * Header:                                     Footer, the last bytes of the file:
 *     0  8  mark f2 66 69 72 6e 0d 0a 1a          0  8  offset of the table of contents
 *     8  4  version: 1                            8  8  its size
 *    12  4  flags, 0                             16 32  its BLAKE3
 *    16 16  id: random                           48  8  size of the whole file
 *    32 24  zero                                 56  8  XXH3-64 of bytes 0 to 55, seed 0
 *    56  8  XXH3-64 of bytes 0 to 55, seed 0
 *
 * Table of contents:
 *     0 16  id of the header
 *    16  8  time at which the file is read, nanoseconds since 1970, signed
 *    24  …  varint: count of files, then each, in ascending order of their paths:
 *           varint size of the path, path; varint size of the file; 32 its BLAKE3
 */
#ifndef FIRN_ARCHIVE_ARCHIVE_FORMAT_H
#define FIRN_ARCHIVE_ARCHIVE_FORMAT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"

enum {
    FI_ARCHIVE_FORMAT_VERSION = 1,
    FI_ARCHIVE_FORMAT_HEADER_SIZE = 64,
    FI_ARCHIVE_FORMAT_FOOTER_SIZE = 64,
    FI_ARCHIVE_FORMAT_MARK_SIZE = 8,
    FI_ARCHIVE_FORMAT_ID_SIZE = 16,
    FI_ARCHIVE_FORMAT_ALIGNMENT = 4096,
    FI_ARCHIVE_FORMAT_NAME_SIZE_MAX = 255, /* of a file, and of a directory */
    FI_ARCHIVE_FORMAT_TOC_SIZE_MAX = 64 << 20
};

struct fi_archive_format_header {
    uint8_t id[FI_ARCHIVE_FORMAT_ID_SIZE];
};

struct fi_archive_format_footer {
    uint64_t toc_offset;
    uint64_t toc_size;
    firn_hash toc_hash;
    uint64_t file_size;
};

struct fi_archive_format_file {
    const char *path; /* "name" or "directory/name" */
    uint64_t offset;
    uint64_t size;
    firn_hash hash;
};

/* Zeroed is empty. */
struct fi_archive_format_toc {
    uint8_t id[FI_ARCHIVE_FORMAT_ID_SIZE];
    int64_t time_ns;
    struct fi_buf files; /* of struct fi_archive_format_file, by their paths */
    struct fi_arena paths;
};

/* Where the next file, or the table of contents, begins if the previous bytes end at `end`. */
static inline uint64_t
fi_archive_format_align(uint64_t end)
{
    uint64_t mask = FI_ARCHIVE_FORMAT_ALIGNMENT - 1;
    return (end + mask) & ~mask;
}

void fi_archive_format_put_header(const struct fi_archive_format_header *header,
                                  uint8_t out[FI_ARCHIVE_FORMAT_HEADER_SIZE]);
void fi_archive_format_put_footer(const struct fi_archive_format_footer *footer,
                                  uint8_t out[FI_ARCHIVE_FORMAT_FOOTER_SIZE]);
/* FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_archive_format_put_toc(const struct fi_archive_format_toc *toc,
                                              struct fi_buf *out);

/* Decodes the first bytes of a file, which may be fewer than a header has. FIRN_INVALID if it is no
 * archive; FIRN_CORRUPT; FIRN_NEWER. Errors name path, as for the functions below. */
FIRN_MUST_CHECK int fi_archive_format_get_header(firn_slice bytes, const char *path,
                                                 struct fi_archive_format_header *out,
                                                 firn_error *err);
/* bytes are the last ones of a file of size file_size. */
FIRN_MUST_CHECK int fi_archive_format_get_footer(const uint8_t bytes[FI_ARCHIVE_FORMAT_FOOTER_SIZE],
                                                 uint64_t file_size, const char *path,
                                                 struct fi_archive_format_footer *out,
                                                 firn_error *err);
/* Requires: bytes have the hash in the footer. The files are before the table of contents, one
 * after the other. The caller releases *out, also after a failure. */
FIRN_MUST_CHECK int fi_archive_format_get_toc(firn_slice bytes,
                                              const struct fi_archive_format_header *header,
                                              const struct fi_archive_format_footer *footer,
                                              const char *path, struct fi_archive_format_toc *out,
                                              firn_error *err);

size_t fi_archive_format_count(const struct fi_archive_format_toc *toc);
struct fi_archive_format_file *fi_archive_format_at(const struct fi_archive_format_toc *toc,
                                                    size_t i);
/* Adds a file after the others; the path is copied. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_archive_format_add(struct fi_archive_format_toc *toc,
                                          const struct fi_archive_format_file *file);
void fi_archive_format_deinit(struct fi_archive_format_toc *toc);

#endif
