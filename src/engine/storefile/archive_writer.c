/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/archive_writer.c: moves the files of a closed store to one file.
 *
 * The files are written one after the other, in the order of their paths, and each is removed after
 * it has been copied, so that hardly more space than that of the data is needed. Their hashes are
 * computed on the way. Then come the table of contents and the footer: without them the file is no
 * archive. The caller gives the file its name once all of it is durable.
 *
 * Memory: a buffer of BUFFER_SIZE, and the table.
 */
#include "storefile/archive.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "codec/blake3_hash.h"

enum { BUFFER_SIZE = 1 << 20 };

/* ---- the list of files ---- */

struct listing {
    struct firn_archive_format_toc *toc;
    struct firn_os_dir *dir;
    const char *directory; /* "": the root; else the name of a directory in it, with a slash */
};

/* What a closed store does not need. */
static bool
is_left_out(const char *name)
{
    return strcmp(name, FIRN_STOREFILE_LOCK_NAME) == 0 ||
           strcmp(name, FIRN_STOREFILE_RESERVE_NAME) == 0;
}

static int
add_file(struct listing *listing, const char *name)
{
    struct firn_archive_format_file file = {0};
    struct firn_buf path = {0};
    int rc;
    DCHECK(name[0] != '\0' && strchr(name, '/') == NULL);
    FIRN_TRY(firn_buf_append_str(&path, listing->directory));
    FIRN_TRY(firn_buf_append_str(&path, name));
    file.path = firn_buf_text(&path);
    FIRN_TRY(file.path != NULL ? FIRN_OK : FIRN_NO_MEMORY);
    FIRN_TRY(firn_archive_format_add(listing->toc, &file));
out:
    firn_buf_deinit(&path);
    return rc;
}

/* Adds a file of a directory, which has nothing but files. */
static int
list_inner(void *ctx, const struct firn_os_dirent *entry)
{
    return add_file(ctx, entry->name);
}

static int
list_directory(const struct listing *outer, const char *name, firn_error *err)
{
    struct listing listing = *outer;
    struct firn_os_dir *dir = NULL;
    struct firn_buf prefix = {0};
    int rc;
    FIRN_TRY(firn_os_dir_open(outer->dir, name, &dir, err));
    rc = firn_buf_append_format(&prefix, "%s/", name);
    listing.directory = rc == FIRN_OK ? firn_buf_text(&prefix) : NULL;
    if (listing.directory == NULL) {
        rc = firn_error_no_memory(err, "a table of contents");
        goto out;
    }
    FIRN_TRY(firn_os_dir_list(dir, list_inner, &listing, err));
out:
    firn_buf_deinit(&prefix);
    firn_os_dir_close(dir);
    return rc;
}

static int
keep_name(void *ctx, const struct firn_os_dirent *entry)
{
    return is_left_out(entry->name) ? FIRN_OK
                                    : firn_buf_append(ctx, entry->name, entry->name_size + 1);
}

static int
list_name(struct listing *listing, const char *name, firn_error *err)
{
    struct firn_os_stat stat;
    FIRN_TRY_RETURN(firn_os_stat(listing->dir, name, &stat, err));
    return stat.kind == FIRN_OS_DIR ? list_directory(listing, name, err) : add_file(listing, name);
}

static int
compare_files(const void *a, const void *b)
{
    return strcmp(((const struct firn_archive_format_file *)a)->path,
                  ((const struct firn_archive_format_file *)b)->path);
}

static bool
are_ascending(const struct firn_archive_format_toc *toc)
{
    size_t count = firn_archive_format_count(toc);
    for (size_t i = 1; i < count; i++) {
        if (compare_files(firn_archive_format_at(toc, i - 1), firn_archive_format_at(toc, i)) >=
            0) {
            return false;
        }
    }
    return true;
}

/* Fills in the paths of all files, in order. */
static int
list_store(struct firn_os_dir *store, struct firn_archive_format_toc *toc, firn_error *err)
{
    struct listing listing = {.toc = toc, .dir = store, .directory = ""};
    struct firn_buf names = {0};
    int rc;
    FIRN_TRY(firn_os_dir_list(store, keep_name, &names, err));
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        FIRN_TRY(list_name(&listing, name, err));
        at += strlen(name) + 1;
    }
    firn_sort(toc->files.data, firn_archive_format_count(toc),
              sizeof(struct firn_archive_format_file), compare_files);
out:
    firn_buf_deinit(&names);
    return rc == FIRN_NO_MEMORY ? firn_error_no_memory(err, "a table of contents") : rc;
}

/* ---- the file ---- */

struct writing {
    struct firn_os_dir *store;
    struct firn_os_file *file;
    struct firn_archive_format_toc toc;
    struct firn_buf buffer;
    struct firn_storefile_progress *progress;
};

static int
write_bytes(struct writing *writing, uint64_t offset, firn_slice bytes, firn_error *err)
{
    int rc = firn_os_file_write(writing->file, offset, bytes.data, bytes.size, err);
    if (rc == FIRN_OK) {
        firn_os_file_start_writeback(writing->file, offset, bytes.size);
    }
    return rc;
}

/* Writes zeros up to where the next part begins. */
static int
write_gap(struct writing *writing, uint64_t end, firn_error *err)
{
    _Static_assert((int)FIRN_ZEROS_SIZE >= (int)FIRN_ARCHIVE_FORMAT_ALIGNMENT, "enough for a gap");
    size_t size = (size_t)(firn_archive_format_align(end) - end);
    return size > 0 ? write_bytes(writing, end, firn_bytes(firn_zeros(), size), err) : FIRN_OK;
}

static int
copy_content(struct writing *writing, struct firn_os_file *from,
             struct firn_archive_format_file *file, firn_error *err)
{
    struct firn_blake3_hash state;
    size_t size = BUFFER_SIZE;
    DCHECK(file->size == 0);
    firn_blake3_hash_init(&state);
    while (size == BUFFER_SIZE) {
        FIRN_TRY_RETURN(
            firn_os_file_read(from, file->size, writing->buffer.data, BUFFER_SIZE, &size, err));
        const firn_slice piece = firn_bytes(writing->buffer.data, size);
        if (size > 0) {
            FIRN_TRY_RETURN(write_bytes(writing, file->offset + file->size, piece, err));
        }
        firn_blake3_hash_update(&state, piece.data, piece.size);
        file->size += size;
        FIRN_TRY_RETURN(firn_storefile_progress_step(writing->progress, 0, size, err));
    }
    firn_blake3_hash_final(&state, &file->hash);
    return write_gap(writing, file->offset + file->size, err);
}

/* Copies a file of the store, whose place is already set, and removes it. */
static int
move_in(struct writing *writing, struct firn_archive_format_file *file, firn_error *err)
{
    const char *slash = strchr(file->path, '/');
    const char *name = slash != NULL ? slash + 1 : file->path;
    struct firn_os_dir *inner = NULL;
    struct firn_os_file *from = NULL;
    char directory[FIRN_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1] = "";
    int rc;
    DCHECK(file->offset % FIRN_ARCHIVE_FORMAT_ALIGNMENT == 0);
    if (slash != NULL) {
        CHECK((size_t)(slash - file->path) < sizeof directory);
        memcpy(directory, file->path, (size_t)(slash - file->path));
    }
    FIRN_TRY(firn_os_dir_open_beneath(writing->store, directory, &inner, err));
    FIRN_TRY(firn_os_file_open(inner, name, FIRN_OS_READ, 0, &from, err));
    FIRN_TRY(copy_content(writing, from, file, err));
    FIRN_IGNORE(firn_os_remove_file(inner, name, NULL));
    FIRN_TRY(firn_storefile_progress_step(writing->progress, 1, 0, err));
out:
    firn_os_file_close(from);
    firn_os_dir_close(inner);
    return rc;
}

static int
write_header(struct writing *writing, firn_error *err)
{
    struct firn_archive_format_header header;
    uint8_t bytes[FIRN_ARCHIVE_FORMAT_HEADER_SIZE];
    memcpy(header.id, writing->toc.id, sizeof header.id);
    firn_archive_format_put_header(&header, bytes);
    FIRN_TRY_RETURN(write_bytes(writing, 0, firn_bytes(bytes, sizeof bytes), err));
    return write_gap(writing, sizeof bytes, err);
}

/* Writes the table of contents and the footer. */
static int
write_end(struct writing *writing, uint64_t offset, firn_error *err)
{
    struct firn_archive_format_footer footer = {.toc_offset = offset};
    uint8_t bytes[FIRN_ARCHIVE_FORMAT_FOOTER_SIZE];
    struct firn_buf toc = {0};
    int rc;
    DCHECK(offset % FIRN_ARCHIVE_FORMAT_ALIGNMENT == 0);
    CHECK(are_ascending(&writing->toc)); /* a reader refuses anything else */
    if (firn_archive_format_put_toc(&writing->toc, &toc) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a table of contents");
        goto out;
    }
    if (toc.size > FIRN_ARCHIVE_FORMAT_TOC_SIZE_MAX) {
        rc = firn_error_set(err, FIRN_LIMIT, "the checkpoint has too many files for one");
        goto out;
    }
    footer.toc_size = toc.size;
    footer.file_size = offset + toc.size + sizeof bytes;
    firn_blake3_hash_of(toc.data, toc.size, &footer.toc_hash);
    firn_archive_format_put_footer(&footer, bytes);
    FIRN_TRY(write_bytes(writing, offset, firn_buf_slice(&toc), err));
    FIRN_TRY(write_bytes(writing, offset + toc.size, firn_bytes(bytes, sizeof bytes), err));
out:
    firn_buf_deinit(&toc);
    return rc;
}

static int
write_all(struct writing *writing, firn_error *err)
{
    uint64_t offset = FIRN_ARCHIVE_FORMAT_ALIGNMENT;
    size_t count;
    FIRN_TRY_RETURN(list_store(writing->store, &writing->toc, err));
    count = firn_archive_format_count(&writing->toc);
    FIRN_TRY_RETURN(firn_storefile_progress_begin(writing->progress, "write", count, 0, err));
    FIRN_TRY_RETURN(write_header(writing, err));
    for (size_t i = 0; i < count; i++) {
        struct firn_archive_format_file *file = firn_archive_format_at(&writing->toc, i);
        file->offset = offset;
        FIRN_TRY_RETURN(move_in(writing, file, err));
        offset = firn_archive_format_align(file->offset + file->size);
    }
    FIRN_TRY_RETURN(write_end(writing, offset, err));
    return firn_os_file_sync(writing->file, err);
}

int
firn_archive_writer_run(struct firn_os_dir *store, struct firn_os_file *file, int64_t time_ns,
                        struct firn_storefile_progress *progress, firn_error *err)
{
    struct writing writing = {.store = store,
                              .file = file,
                              .toc = {.time_ns = time_ns > 0 ? time_ns : 0},
                              .progress = progress};
    int rc;
    if (firn_buf_set_size(&writing.buffer, BUFFER_SIZE) != FIRN_OK) {
        return firn_error_no_memory(err, "the copy of a file");
    }
    FIRN_TRY(firn_os_random(firn_os_dir_os(store), writing.toc.id, sizeof writing.toc.id, err));
    FIRN_TRY(write_all(&writing, err));
out:
    firn_archive_format_deinit(&writing.toc);
    firn_buf_deinit(&writing.buffer);
    return rc;
}
