/* SPDX-License-Identifier: Apache-2.0
 *
 * archive/archive.c: opening, checking and unpacking a store in a single file.
 *
 * Opening reads only the header, the footer and the table of contents, and creates a file system
 * (os_within.h) in which the store's files are in their usual places. The rest of the code opens
 * that like any directory to which it must not write.
 *
 * The file is sealed, so anything that differs from its hashes is damage, even if a crash could
 * have left a store in a directory like that. A file of at most WHOLE_SIZE_MAX bytes is completely
 * compared with its hashes when it is opened. Of a larger file everything is, except runs and
 * values: each of their blocks is verified by its own checksum when it is read.
 *
 * A value with a time to live can be read in a checkpoint if it had not expired when the checkpoint
 * was created. So the clock of this file system stands still at that time.
 *
 * A check and an import compare everything.
 */
#include "archive/archive.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "hosted/os_within.h"
#include "os/os_user_path.h"

enum { BUFFER_SIZE = 1 << 20, WHOLE_SIZE_MAX = 8 << 20 };

/* ---- opening ---- */

bool
fi_archive_is_file(struct fi_os *os, const char *path)
{
    struct fi_os_user_path place = {0};
    struct fi_os_stat stat;
    bool is_file = fi_os_user_path_init_followed(&place, os, path, NULL) == FIRN_OK &&
                   fi_os_stat(place.dir, place.name, &stat, NULL) == FIRN_OK &&
                   stat.kind == FI_OS_FILE;
    fi_os_user_path_deinit(&place);
    return is_file;
}

static int
open_file(struct fi_os *os, const char *path, struct fi_os_file **out, uint64_t *out_size,
          firn_error *err)
{
    struct fi_os_user_path place = {0};
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_user_path_init_followed(&place, os, path, err));
    FI_TRY(fi_os_file_open_stat(place.dir, place.name, FI_OS_READ, 0, out, &stat, err));
    *out_size = stat.size_bytes;
out:
    fi_os_user_path_deinit(&place);
    return rc;
}

static int
read_header(const struct fi_archive *archive, struct fi_archive_format_header *out, firn_error *err)
{
    uint8_t bytes[FI_ARCHIVE_FORMAT_HEADER_SIZE];
    size_t size;
    int rc = fi_os_file_read(archive->file, 0, bytes, sizeof bytes, &size, err);
    return rc == FIRN_OK
               ? fi_archive_format_get_header(firn_bytes(bytes, size), archive->path, out, err)
               : rc;
}

static int
read_footer(const struct fi_archive *archive, uint64_t size, struct fi_archive_format_footer *out,
            firn_error *err)
{
    uint8_t bytes[FI_ARCHIVE_FORMAT_FOOTER_SIZE] = {0};
    int rc = FIRN_OK;
    if (size >= sizeof bytes) {
        rc = fi_os_file_read_exact(archive->file, size - sizeof bytes, bytes, sizeof bytes, err);
    }
    return rc == FIRN_OK ? fi_archive_format_get_footer(bytes, size, archive->path, out, err) : rc;
}

static int
read_toc(struct fi_archive *archive, const struct fi_archive_format_header *header,
         const struct fi_archive_format_footer *footer, firn_error *err)
{
    struct fi_buf bytes = {0};
    firn_hash hash;
    int rc;
    if (fi_buf_set_size(&bytes, (size_t)footer->toc_size) != FIRN_OK) {
        return fi_error_no_memory(err, "a table of contents");
    }
    FI_TRY(fi_os_file_read_exact(archive->file, footer->toc_offset, bytes.data, bytes.size, err));
    fi_blake3_hash_of(bytes.data, bytes.size, &hash);
    if (memcmp(hash.bytes, footer->toc_hash.bytes, sizeof hash.bytes) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "'%s' is damaged: its table of contents at offset %" PRIu64
                          " does not have the hash that was written",
                          archive->path, footer->toc_offset);
        goto out;
    }
    FI_TRY(fi_archive_format_get_toc(fi_buf_slice(&bytes), header, footer, archive->path,
                                     &archive->toc, err));
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* Creates the file system inside the file. */
static int
make_os(struct fi_archive *archive, firn_error *err)
{
    size_t count = fi_archive_format_count(&archive->toc);
    archive->entries = fi_alloc_array(count, sizeof *archive->entries);
    if (archive->entries == NULL) {
        return fi_error_no_memory(err, "a table of contents");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_archive_format_file *file = fi_archive_format_at(&archive->toc, i);
        archive->entries[i] = (struct fi_os_within_entry){
            .path = file->path, .offset = file->offset, .size = file->size};
    }
    return fi_os_within_create(archive->file, archive->entries, count, archive->toc.time_ns,
                               &archive->os, err);
}

/* Compares what is compared at opening. */
static int
check_at_opening(struct fi_archive *archive, uint64_t size, firn_error *err)
{
    size_t count = fi_archive_format_count(&archive->toc);
    int rc = fi_archive_check_begin(archive, err);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        bool is_sealed = strchr(fi_archive_format_at(&archive->toc, i)->path, '/') != NULL;
        if (size <= WHOLE_SIZE_MAX || !is_sealed) {
            rc = fi_archive_check_file(archive, i, err);
        }
    }
    return rc;
}

int
fi_archive_open(struct fi_os *os, const char *path, struct fi_archive **out, firn_error *err)
{
    struct fi_archive_format_header header;
    struct fi_archive_format_footer footer;
    struct fi_archive *archive = fi_alloc_zeroed(sizeof *archive);
    uint64_t size = 0;
    int rc;
    *out = NULL;
    if (archive == NULL) {
        return fi_error_no_memory(err, "an exported checkpoint");
    }
    archive->path = fi_strdup(path);
    if (archive->path == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    FI_TRY(open_file(os, path, &archive->file, &size, err));
    FI_TRY(read_header(archive, &header, err));
    FI_TRY(read_footer(archive, size, &footer, err));
    FI_TRY(read_toc(archive, &header, &footer, err));
    FI_TRY(make_os(archive, err));
    FI_TRY(check_at_opening(archive, size, err));
    *out = archive;
    archive = NULL;
out:
    fi_archive_close(archive);
    return rc;
}

void
fi_archive_close(struct fi_archive *archive)
{
    if (archive != NULL) {
        fi_os_within_destroy(archive->os);
        fi_free(archive->entries);
        fi_archive_format_deinit(&archive->toc);
        fi_os_file_close(archive->file);
        fi_free(archive->path);
        fi_free(archive);
    }
}

/* ---- reading all of it ---- */

/* Reads file i and passes every piece to take, which may be NULL. *out says whether the file has
 * the hash that was written. */
static int
read_file(struct fi_archive *archive, size_t i,
          int (*take)(void *ctx, uint64_t offset, firn_slice piece, firn_error *err), void *ctx,
          bool *out, firn_error *err)
{
    const struct fi_archive_format_file *file = fi_archive_format_at(&archive->toc, i);
    struct fi_buf buffer = {0};
    struct fi_blake3_hash state;
    firn_hash hash;
    int rc = FIRN_OK;
    DCHECK(file->offset % FI_ARCHIVE_FORMAT_ALIGNMENT == 0);
    fi_blake3_hash_init(&state);
    if (fi_buf_set_size(&buffer, BUFFER_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "the copy of a file");
    }
    for (uint64_t at = 0; at < file->size;) {
        uint64_t left = file->size - at;
        size_t size = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
        FI_TRY(fi_os_file_read_exact(archive->file, file->offset + at, buffer.data, size, err));
        fi_blake3_hash_update(&state, buffer.data, size);
        if (take != NULL) {
            FI_TRY(take(ctx, at, firn_bytes(buffer.data, size), err));
        }
        at += size;
    }
    fi_blake3_hash_final(&state, &hash);
    *out = memcmp(hash.bytes, file->hash.bytes, sizeof hash.bytes) == 0;
out:
    fi_buf_deinit(&buffer);
    return rc;
}

static int
refuse_file(const struct fi_archive *archive, size_t i, firn_error *err)
{
    const struct fi_archive_format_file *file = fi_archive_format_at(&archive->toc, i);
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%s' is damaged: '%s' in it, %" PRIu64 " bytes at offset %" PRIu64
                        ", does not have the hash that was written",
                        archive->path, file->path, file->size, file->offset);
}

/* Checks that the bytes between the files are zero. */
static int
check_gap(struct fi_archive *archive, uint64_t begin, firn_error *err)
{
    uint8_t bytes[FI_ARCHIVE_FORMAT_ALIGNMENT];
    size_t size = (size_t)(fi_archive_format_align(begin) - begin);
    int rc = fi_os_file_read_exact(archive->file, begin, bytes, size, err);
    for (size_t i = 0; i < size && rc == FIRN_OK; i++) {
        if (bytes[i] != 0) {
            rc = fi_error_set(err, FIRN_CORRUPT,
                              "'%s' is damaged: the byte at offset %" PRIu64
                              ", between two files, is not zero",
                              archive->path, begin + i);
        }
    }
    return rc;
}

int
fi_archive_check_begin(struct fi_archive *archive, firn_error *err)
{
    return check_gap(archive, FI_ARCHIVE_FORMAT_HEADER_SIZE, err);
}

int
fi_archive_check_file(struct fi_archive *archive, size_t i, firn_error *err)
{
    const struct fi_archive_format_file *file = fi_archive_format_at(&archive->toc, i);
    bool is_good = false;
    FI_TRY_RETURN(read_file(archive, i, NULL, NULL, &is_good, err));
    return is_good ? check_gap(archive, file->offset + file->size, err)
                   : refuse_file(archive, i, err);
}

/* Checks the bytes before the first file, or a file. */
static int
check_part(struct fi_archive *archive, size_t i, const struct fi_step *step, firn_error *err)
{
    if (i == 0) {
        return fi_archive_check_begin(archive, err);
    }
    int rc = fi_step_report(step, 1, fi_archive_format_at(&archive->toc, i - 1)->size, err);
    return rc == FIRN_OK ? fi_archive_check_file(archive, i - 1, err) : rc;
}

int
fi_archive_check(struct fi_archive *archive, void (*on_damage)(void *ctx, const char *text),
                 void *ctx, const struct fi_step *step, firn_error *err)
{
    size_t count = fi_archive_format_count(&archive->toc);
    firn_error first;
    int worst = FIRN_OK;
    for (size_t i = 0; i <= count; i++) {
        firn_error found;
        int rc = check_part(archive, i, step, &found);
        if (rc != FIRN_OK && worst == FIRN_OK) {
            first = found;
            worst = rc;
        }
        if (rc == FIRN_CORRUPT && on_damage != NULL) {
            on_damage(ctx, found.text);
        } else if (rc != FIRN_OK && rc != FIRN_CORRUPT) {
            first = found;
            worst = rc;
            break;
        }
    }
    if (worst != FIRN_OK && err != NULL) {
        *err = first;
    }
    return worst;
}

/* ---- copying out ---- */

struct copying {
    struct fi_os_file *to;
    struct fi_storefile_progress *progress;
};

static int
write_piece(void *ctx, uint64_t offset, firn_slice piece, firn_error *err)
{
    const struct copying *copying = ctx;
    int rc = fi_os_file_write(copying->to, offset, piece.data, piece.size, err);
    if (rc == FIRN_OK) {
        fi_os_file_start_writeback(copying->to, offset, piece.size);
        rc = fi_storefile_progress_step(copying->progress, 0, piece.size, err);
    }
    return rc;
}

int
fi_archive_copy_out(struct fi_archive *archive, size_t i, struct fi_os_dir *to,
                    struct fi_storefile_progress *progress, firn_error *err)
{
    const struct fi_archive_format_file *file = fi_archive_format_at(&archive->toc, i);
    const char *slash = strchr(file->path, '/');
    struct copying copying = {.progress = progress};
    bool is_good = false;
    int rc;
    DCHECK(slash == NULL || strchr(slash + 1, '/') == NULL);
    FI_TRY(
        fi_os_file_open(to, slash != NULL ? slash + 1 : file->path,
                        FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_EXCLUSIVE,
                        0600, &copying.to, err));
    FI_TRY(read_file(archive, i, write_piece, &copying, &is_good, err));
    if (!is_good) {
        rc = refuse_file(archive, i, err);
        goto out;
    }
    FI_TRY(check_gap(archive, file->offset + file->size, err));
    FI_TRY(fi_os_file_sync(copying.to, err));
    FI_TRY(fi_storefile_progress_step(progress, 1, 0, err));
out:
    fi_os_file_close(copying.to);
    return rc;
}
