/* SPDX-License-Identifier: Apache-2.0
 *
 * archive/archive_writer.c: moves the files of a closed store to one file.
 *
 * The files are written one after the other, in the order of their paths, and each is removed after
 * it has been copied, so that hardly more space than that of the data is needed. Their hashes are
 * computed on the way. Then come the table of contents and the footer: without them the file is no
 * archive. The caller gives the file its name once all of it is durable.
 *
 * Memory: a buffer of BUFFER_SIZE, and the table.
 */
#include "archive/archive.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "codec/blake3_hash.h"
#include "os/os_names.h"

enum { BUFFER_SIZE = 1 << 20 };

/* ---- the list of files ---- */

struct listing {
    struct fi_archive_format_toc *toc;
    struct fi_os_dir *dir;
    const char *directory; /* "": the root; else the name of a directory in it, with a slash */
};

/* What a closed store does not need. */
static bool
is_left_out(const char *name)
{
    return strcmp(name, FI_STOREFILE_LOCK_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0;
}

static int
add_file(struct listing *listing, const char *name)
{
    struct fi_archive_format_file file = {0};
    struct fi_buf path = {0};
    int rc;
    DCHECK(name[0] != '\0' && strchr(name, '/') == NULL);
    FI_TRY(fi_buf_append_str(&path, listing->directory));
    FI_TRY(fi_buf_append_str(&path, name));
    file.path = fi_buf_text(&path);
    FI_TRY(file.path != NULL ? FIRN_OK : FIRN_NO_MEMORY);
    FI_TRY(fi_archive_format_add(listing->toc, &file));
out:
    fi_buf_deinit(&path);
    return rc;
}

/* Adds a file of a directory, which has nothing but files. */
static int
list_inner(void *ctx, const struct fi_os_dirent *entry)
{
    return add_file(ctx, entry->name);
}

static int
list_directory(const struct listing *outer, const char *name, firn_error *err)
{
    struct listing listing = *outer;
    struct fi_os_dir *dir = NULL;
    struct fi_buf prefix = {0};
    int rc;
    FI_TRY(fi_os_dir_open(outer->dir, name, &dir, err));
    rc = fi_buf_append_format(&prefix, "%s/", name);
    listing.directory = rc == FIRN_OK ? fi_buf_text(&prefix) : NULL;
    if (listing.directory == NULL) {
        rc = fi_error_no_memory(err, "a table of contents");
        goto out;
    }
    FI_TRY(fi_os_dir_list(dir, list_inner, &listing, err));
out:
    fi_buf_deinit(&prefix);
    fi_os_dir_close(dir);
    return rc;
}

static bool
is_wanted(const struct fi_os_dirent *entry)
{
    return !is_left_out(entry->name);
}

static int
list_name(struct listing *listing, const char *name, firn_error *err)
{
    struct fi_os_stat stat;
    FI_TRY_RETURN(fi_os_stat(listing->dir, name, &stat, err));
    return stat.kind == FI_OS_DIR ? list_directory(listing, name, err) : add_file(listing, name);
}

static int
compare_files(const void *a, const void *b)
{
    return strcmp(((const struct fi_archive_format_file *)a)->path,
                  ((const struct fi_archive_format_file *)b)->path);
}

static bool
are_ascending(const struct fi_archive_format_toc *toc)
{
    size_t count = fi_archive_format_count(toc);
    for (size_t i = 1; i < count; i++) {
        if (compare_files(fi_archive_format_at(toc, i - 1), fi_archive_format_at(toc, i)) >= 0) {
            return false;
        }
    }
    return true;
}

/* Fills in the paths of all files, in order. */
static int
list_store(struct fi_os_dir *store, struct fi_archive_format_toc *toc, firn_error *err)
{
    struct listing listing = {.toc = toc, .dir = store, .directory = ""};
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    FI_TRY(fi_os_names_list(store, is_wanted, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(list_name(&listing, name, err));
    }
    fi_sort(toc->files.data, fi_archive_format_count(toc), sizeof(struct fi_archive_format_file),
            compare_files);
out:
    fi_buf_deinit(&names);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a table of contents") : rc;
}

/* ---- the file ---- */

struct writing {
    struct fi_os_dir *store;
    struct fi_os_file *file;
    struct fi_archive_format_toc toc;
    struct fi_buf buffer;
    struct fi_storefile_progress *progress;
};

static int
write_bytes(struct writing *writing, uint64_t offset, firn_slice bytes, firn_error *err)
{
    int rc = fi_os_file_write(writing->file, offset, bytes.data, bytes.size, err);
    if (rc == FIRN_OK) {
        fi_os_file_start_writeback(writing->file, offset, bytes.size);
    }
    return rc;
}

/* Writes zeros up to where the next part begins. */
static int
write_gap(struct writing *writing, uint64_t end, firn_error *err)
{
    _Static_assert((int)FI_ZEROS_SIZE >= (int)FI_ARCHIVE_FORMAT_ALIGNMENT, "enough for a gap");
    size_t size = (size_t)(fi_archive_format_align(end) - end);
    return size > 0 ? write_bytes(writing, end, firn_bytes(fi_zeros(), size), err) : FIRN_OK;
}

static int
copy_content(struct writing *writing, struct fi_os_file *from, struct fi_archive_format_file *file,
             firn_error *err)
{
    struct fi_blake3_hash state;
    size_t size = BUFFER_SIZE;
    DCHECK(file->size == 0);
    fi_blake3_hash_init(&state);
    while (size == BUFFER_SIZE) {
        FI_TRY_RETURN(
            fi_os_file_read(from, file->size, writing->buffer.data, BUFFER_SIZE, &size, err));
        const firn_slice piece = firn_bytes(writing->buffer.data, size);
        if (size > 0) {
            FI_TRY_RETURN(write_bytes(writing, file->offset + file->size, piece, err));
        }
        fi_blake3_hash_update(&state, piece.data, piece.size);
        file->size += size;
        FI_TRY_RETURN(fi_storefile_progress_step(writing->progress, 0, size, err));
    }
    fi_blake3_hash_final(&state, &file->hash);
    return write_gap(writing, file->offset + file->size, err);
}

/* Copies a file of the store, whose place is already set, and removes it. */
static int
move_in(struct writing *writing, struct fi_archive_format_file *file, firn_error *err)
{
    const char *slash = strchr(file->path, '/');
    const char *name = slash != NULL ? slash + 1 : file->path;
    struct fi_os_dir *inner = NULL;
    struct fi_os_file *from = NULL;
    char directory[FI_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1] = "";
    int rc;
    DCHECK(file->offset % FI_ARCHIVE_FORMAT_ALIGNMENT == 0);
    if (slash != NULL) {
        CHECK((size_t)(slash - file->path) < sizeof directory);
        memcpy(directory, file->path, (size_t)(slash - file->path));
    }
    FI_TRY(fi_os_dir_open_beneath(writing->store, directory, &inner, err));
    FI_TRY(fi_os_file_open(inner, name, FI_OS_READ, 0, &from, err));
    FI_TRY(copy_content(writing, from, file, err));
    FI_IGNORE(fi_os_remove_file(inner, name, NULL));
    FI_TRY(fi_storefile_progress_step(writing->progress, 1, 0, err));
out:
    fi_os_file_close(from);
    fi_os_dir_close(inner);
    return rc;
}

static int
write_header(struct writing *writing, firn_error *err)
{
    struct fi_archive_format_header header;
    uint8_t bytes[FI_ARCHIVE_FORMAT_HEADER_SIZE];
    memcpy(header.id, writing->toc.id, sizeof header.id);
    fi_archive_format_put_header(&header, bytes);
    FI_TRY_RETURN(write_bytes(writing, 0, firn_bytes(bytes, sizeof bytes), err));
    return write_gap(writing, sizeof bytes, err);
}

/* Writes the table of contents and the footer. */
static int
write_end(struct writing *writing, uint64_t offset, firn_error *err)
{
    struct fi_archive_format_footer footer = {.toc_offset = offset};
    uint8_t bytes[FI_ARCHIVE_FORMAT_FOOTER_SIZE];
    struct fi_buf toc = {0};
    int rc;
    DCHECK(offset % FI_ARCHIVE_FORMAT_ALIGNMENT == 0);
    CHECK(are_ascending(&writing->toc)); /* a reader refuses anything else */
    if (fi_archive_format_put_toc(&writing->toc, &toc) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a table of contents");
        goto out;
    }
    if (toc.size > FI_ARCHIVE_FORMAT_TOC_SIZE_MAX) {
        rc = fi_error_set(err, FIRN_LIMIT, "the checkpoint has too many files for one");
        goto out;
    }
    footer.toc_size = toc.size;
    footer.file_size = offset + toc.size + sizeof bytes;
    fi_blake3_hash_of(toc.data, toc.size, &footer.toc_hash);
    fi_archive_format_put_footer(&footer, bytes);
    FI_TRY(write_bytes(writing, offset, fi_buf_slice(&toc), err));
    FI_TRY(write_bytes(writing, offset + toc.size, firn_bytes(bytes, sizeof bytes), err));
out:
    fi_buf_deinit(&toc);
    return rc;
}

static int
write_all(struct writing *writing, firn_error *err)
{
    uint64_t offset = FI_ARCHIVE_FORMAT_ALIGNMENT;
    size_t count;
    FI_TRY_RETURN(list_store(writing->store, &writing->toc, err));
    count = fi_archive_format_count(&writing->toc);
    FI_TRY_RETURN(fi_storefile_progress_begin(writing->progress, "write", count, 0, err));
    FI_TRY_RETURN(write_header(writing, err));
    for (size_t i = 0; i < count; i++) {
        struct fi_archive_format_file *file = fi_archive_format_at(&writing->toc, i);
        file->offset = offset;
        FI_TRY_RETURN(move_in(writing, file, err));
        offset = fi_archive_format_align(file->offset + file->size);
    }
    FI_TRY_RETURN(write_end(writing, offset, err));
    return fi_os_file_sync(writing->file, err);
}

int
fi_archive_writer_run(struct fi_os_dir *store, struct fi_os_file *file, int64_t time_ns,
                      struct fi_storefile_progress *progress, firn_error *err)
{
    struct writing writing = {.store = store,
                              .file = file,
                              .toc = {.time_ns = time_ns > 0 ? time_ns : 0},
                              .progress = progress};
    int rc;
    if (fi_buf_set_size(&writing.buffer, BUFFER_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "the copy of a file");
    }
    FI_TRY(fi_os_random(fi_os_dir_os(store), writing.toc.id, sizeof writing.toc.id, err));
    FI_TRY(write_all(&writing, err));
out:
    fi_archive_format_deinit(&writing.toc);
    fi_buf_deinit(&writing.buffer);
    return rc;
}
