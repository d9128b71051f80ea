/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_folder.c: an object is a file of its name, and appears by link(2), which makes a
 * name only if it is free, on network file systems too:
 *
 *     incoming/.firn-bucket-<random>.tmp    written, synced
 *         link -> packs/<name>              made, or FIRN_EXISTS; the directory is synced
 *
 * A client of a network file system may lose the answer to its link, repeat the request, and find
 * that the name is taken: by its own file, which the inode shows. On a file system without links a
 * rename that replaces nothing does the same. A file system with neither cannot be a bucket.
 *
 * Clients of a network file system cache names for some seconds. Opening a file asks the server, so
 * head opens the object; a list first makes the system fetch the attributes of the directory.
 *
 * The storage's clock is that of the file system. The time of the newest change of a directory
 * stands for the present, so files may seem younger than they are, never older.
 *
 * Nothing here follows a symbolic link. Only regular files are objects.
 */
#include "bucket/bucket_folder.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "os/os_user_path.h"
#include "tempfile/tempfile.h"

/* MODE_READ: everybody who can read the directory can read an object, and nobody can write it. */
enum { MODE_READ = 0444, DIR_MODE = 0777, COPY_SIZE = 256 << 10 };

struct folder {
    struct fi_bucket bucket; /* first */
    struct fi_os *os;
    struct fi_os_dir *root;
};

static struct folder *
folder_of(struct fi_bucket *bucket)
{
    return (struct folder *)bucket;
}

/* ==== directories ==== */

/* Opens the directory of a name, and finds the last part of it. is_new: made if it is missing. */
static int
open_parent(struct folder *folder, const char *name, bool is_new, struct fi_os_dir **out,
            const char **out_last, firn_error *err)
{
    const char *slash = strchr(name, '/');
    struct fi_os_dir *dir = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_beneath(folder->root, "", &dir, err));
    for (; slash != NULL; slash = strchr(name, '/')) {
        char part[FI_BUCKET_LISTED_NAME_SIZE_MAX + 1];
        struct fi_os_dir *child = NULL;
        size_t size = (size_t)(slash - name);
        CHECK(size < sizeof part);
        memcpy(part, name, size);
        part[size] = 0;
        rc = fi_os_dir_open(dir, part, &child, err);
        if (rc == FIRN_NOT_FOUND && is_new) {
            rc = fi_os_make_dir(dir, part, DIR_MODE, err);
            if (rc == FIRN_OK) {
                rc = fi_os_dir_sync(dir, err);
            }
            rc = rc == FIRN_OK || rc == FIRN_EXISTS ? fi_os_dir_open(dir, part, &child, err) : rc;
        }
        fi_os_dir_close(dir);
        dir = child;
        FI_TRY(rc);
        name = slash + 1;
    }
    *out_last = name;
    *out = dir;
    return FIRN_OK;
out:
    fi_os_dir_close(dir);
    return rc;
}

/* The time of a directory's newest change is the latest that the file system's clock has shown. */
static void
note_time(struct fi_bucket *bucket, struct fi_os_dir *dir)
{
    struct fi_os_stat stat;
    if (fi_os_dir_stat(dir, &stat, NULL) == FIRN_OK) {
        bucket->answered_s = stat.mtime_ns / INT64_C(1000000000);
    }
}

/* ==== putting ==== */

static int
write_body(struct fi_os_file *file, const struct fi_bucket_body *body, firn_error *err)
{
    uint8_t *copy = fi_alloc(COPY_SIZE);
    if (copy == NULL) {
        return fi_error_no_memory(err, "an object of a bucket");
    }
    int rc = FIRN_OK;
    for (uint64_t at = 0; at < body->size_bytes && rc == FIRN_OK;) {
        uint64_t left = body->size_bytes - at;
        size_t size = left < COPY_SIZE ? (size_t)left : COPY_SIZE;
        rc = body->read(body->ctx, at, copy, size, err);
        rc = rc == FIRN_OK ? fi_os_file_write(file, at, copy, size, err) : rc;
        at += size;
    }
    fi_free(copy);
    return rc;
}

/* The name leads to this very file: the link was made, whatever its answer was. */
static bool
is_linked(struct fi_tempfile *temp, struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat ours;
    struct fi_os_stat named;
    return fi_os_file_stat(temp->file, &ours, NULL) == FIRN_OK &&
           fi_os_stat(dir, name, &named, NULL) == FIRN_OK && ours.device == named.device &&
           ours.inode == named.inode;
}

/* The object may have been made, so a failure that does not exclude this is FIRN_IO. */
static int
put_result(int rc, firn_error *err)
{
    bool is_known = rc == FIRN_OK || rc == FIRN_EXISTS || rc == FIRN_DENIED ||
                    rc == FIRN_READ_ONLY || rc == FIRN_NO_SPACE || rc == FIRN_UNSUPPORTED ||
                    rc == FIRN_NO_MEMORY;
    if (!is_known && err != NULL) {
        err->code = FIRN_IO;
    }
    return is_known ? rc : FIRN_IO;
}

/* Gives the complete file its name in dir. */
static int
put_name(struct fi_tempfile *temp, struct fi_os_dir *dir, const char *name, firn_error *err)
{
    int rc = fi_os_link(temp->dir, temp->name, dir, name, err);
    if (rc == FIRN_EXISTS && is_linked(temp, dir, name)) {
        rc = FIRN_OK;
    }
    if (rc == FIRN_UNSUPPORTED || rc == FIRN_DENIED) {
        /* FAT and some shares have no links. */
        rc = fi_os_rename(temp->dir, temp->name, dir, name, FI_OS_RENAME_NO_REPLACE, err);
        if (rc == FIRN_OK) {
            temp->name[0] = 0;
        }
    }
    return rc;
}

static int
put(struct fi_bucket *bucket, const char *name, const struct fi_bucket_body *body, firn_error *err)
{
    struct folder *folder = folder_of(bucket);
    struct fi_os_dir *incoming = NULL;
    struct fi_os_dir *dir = NULL;
    struct fi_tempfile temp = {NULL, NULL, ""};
    struct fi_os_stat stat;
    const char *last;
    int rc;
    FI_TRY(open_parent(folder, "incoming/", true, &incoming, &last, err));
    FI_TRY(open_parent(folder, name, true, &dir, &last, err));
    FI_TRY(fi_os_dir_stat(dir, &stat, err));
    FI_TRY(fi_tempfile_create(&temp, incoming, "bucket", err));
    FI_TRY(write_body(temp.file, body, err));
    const struct fi_os_node node = {.file = temp.file};
    FI_TRY(fi_os_set_mode(node, stat.mode & MODE_READ, err));
    FI_TRY(fi_os_file_sync_all(temp.file, err));
    rc = put_name(&temp, dir, last, err);
    rc = put_result(rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc, err);
    note_time(bucket, dir);
out:
    if (temp.dir != NULL) {
        fi_tempfile_discard(&temp);
    }
    fi_os_dir_close(dir);
    fi_os_dir_close(incoming);
    return rc;
}

/* ==== reading ==== */

static int
open_object(struct folder *folder, const char *name, struct fi_os_file **out,
            struct fi_os_stat *out_stat, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    const char *last;
    FI_TRY_RETURN(open_parent(folder, name, false, &dir, &last, err));
    int rc = fi_os_file_open_stat(dir, last, FI_OS_READ, 0, out, out_stat, err);
    fi_os_dir_close(dir);
    return rc;
}

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    int rc;
    FI_TRY(open_object(folder_of(bucket), name, &file, &stat, err));
    uint64_t left = offset < stat.size_bytes ? stat.size_bytes - offset : 0;
    size_t count = (size_t)(size < left ? size : left);
    if (fi_buf_set_size(out, count) != FIRN_OK) {
        rc = fi_error_no_memory(err, "an object of a bucket");
        goto out;
    }
    rc = fi_os_file_read_exact(file, offset, out->data, count, err);
out:
    fi_os_file_close(file);
    return rc;
}

static int
head(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes, firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    FI_TRY_RETURN(open_object(folder_of(bucket), name, &file, &stat, err));
    *out_size_bytes = stat.size_bytes;
    fi_os_file_close(file);
    return FIRN_OK;
}

static int
remove_object(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    const char *last;
    int rc = open_parent(folder_of(bucket), name, false, &dir, &last, err);
    if (rc == FIRN_OK) {
        rc = fi_os_remove_file(dir, last, err);
        rc = rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc;
    }
    fi_os_dir_close(dir);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* ==== lists ==== */

enum { DEPTH_MAX = 16 };

/* The files in a directory and in those below it. */
struct names {
    const char *prefix;
    const char *after; /* NULL: all */
    /* The directory that is being read: its name with a slash; "" for the bucket itself. */
    char at[FI_BUCKET_LISTED_NAME_SIZE_MAX + 1];
    char **files; /* whole names, each in memory of its own */
    size_t file_count;
    size_t file_capacity;
    char **dirs; /* those still to be read, with a slash */
    size_t dir_count;
    size_t dir_capacity;
    firn_error *err;
};

static int
append_name(char ***items, size_t *count, size_t *capacity, const char *name, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(*items, *count + 1, *capacity, err));
    size_t size = strlen(name) + 1;
    char *copy = fi_alloc(size);
    if (copy == NULL) {
        return fi_error_no_memory(err, "the names of a bucket");
    }
    memcpy(copy, name, size);
    (*items)[(*count)++] = copy;
    return FIRN_OK;
}

/* Whether one of the two begins with the other: a directory may hold what has the prefix. */
static bool
is_on_way(const char *name, const char *prefix)
{
    size_t name_size = strlen(name);
    size_t prefix_size = strlen(prefix);
    return strncmp(name, prefix, name_size < prefix_size ? name_size : prefix_size) == 0;
}

static int
note_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    char name[FI_BUCKET_LISTED_NAME_SIZE_MAX + 1];
    size_t at_size = strlen(names->at);
    size_t size = at_size + entry->name_size;
    if (entry->name[0] == '.' || size + 1 >= sizeof name) {
        return FIRN_OK;
    }
    memcpy(name, names->at, at_size);
    memcpy(name + at_size, entry->name, entry->name_size + 1);
    if (entry->kind == FI_OS_DIR) {
        memcpy(name + size, "/", 2);
        return is_on_way(name, names->prefix) ? append_name(&names->dirs, &names->dir_count,
                                                            &names->dir_capacity, name, names->err)
                                              : FIRN_OK;
    }
    bool may_be_file = entry->kind == FI_OS_FILE || entry->kind == FI_OS_UNKNOWN;
    if (!may_be_file || strncmp(name, names->prefix, strlen(names->prefix)) != 0 ||
        (names->after != NULL && strcmp(name, names->after) <= 0)) {
        return FIRN_OK;
    }
    return append_name(&names->files, &names->file_count, &names->file_capacity, name, names->err);
}

static void
free_names(char **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fi_free(items[i]);
    }
    fi_free(items);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t
depth_of(const char *name)
{
    size_t depth = 0;
    for (; *name != 0; name++) {
        depth += *name == '/';
    }
    return depth;
}

/* Reads the directory names->at. */
static int
read_dir(struct folder *folder, struct names *names)
{
    struct fi_os_dir *dir = NULL;
    const char *last;
    int rc = open_parent(folder, names->at, false, &dir, &last, names->err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* no object has such a name yet, or any more */
    }
    if (rc == FIRN_OK) {
        fi_os_dir_refresh(dir);
        rc = fi_os_dir_list(dir, note_name, names, names->err);
        note_time(&folder->bucket, dir);
    }
    fi_os_dir_close(dir);
    return rc;
}

/* All files whose names have the prefix, in order. */
static int
collect_names(struct folder *folder, struct names *names)
{
    const char *slash = strrchr(names->prefix, '/');
    size_t size = slash != NULL ? (size_t)(slash - names->prefix) + 1 : 0;
    CHECK(size < sizeof names->at);
    memcpy(names->at, names->prefix, size);
    names->at[size] = 0;
    FI_TRY_RETURN(read_dir(folder, names));
    while (names->dir_count > 0) {
        char *dir = names->dirs[--names->dir_count];
        memcpy(names->at, dir, strlen(dir) + 1);
        int rc = depth_of(dir) < DEPTH_MAX ? read_dir(folder, names) : FIRN_OK;
        fi_free(dir);
        FI_TRY_RETURN(rc);
    }
    if (names->file_count > 0) {
        fi_sort(names->files, names->file_count, sizeof *names->files, compare_names);
    }
    return FIRN_OK;
}

static int64_t
age_s(int64_t from_ns, int64_t to_ns)
{
    return from_ns < to_ns ? (to_ns - from_ns) / INT64_C(1000000000) : 0;
}

/* *out_is_there is false if it was removed meanwhile, or is no file. */
static int
stat_object(struct folder *folder, const char *name, struct fi_bucket_object *out,
            bool *out_is_there, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_stat now;
    struct fi_os_stat stat;
    const char *last;
    int rc;
    FI_TRY(open_parent(folder, name, false, &dir, &last, err));
    FI_TRY(fi_os_dir_stat(dir, &now, err));
    FI_TRY(fi_os_stat(dir, last, &stat, err));
    *out_is_there = stat.kind == FI_OS_FILE;
    *out = (struct fi_bucket_object){
        .name = name, .size_bytes = stat.size_bytes, .age_s = age_s(stat.mtime_ns, now.mtime_ns)};
out:
    fi_os_dir_close(dir);
    if (rc == FIRN_NOT_FOUND) {
        *out_is_there = false;
        rc = FIRN_OK;
    }
    return rc;
}

static int
list(struct fi_bucket *bucket, const char *prefix, const char *after, size_t count_max,
     int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx, bool *out_has_more,
     firn_error *err)
{
    struct names names = {.prefix = prefix, .after = after, .err = err};
    size_t visited = 0;
    int rc;
    *out_has_more = false;
    FI_TRY(collect_names(folder_of(bucket), &names));
    for (size_t i = 0; i < names.file_count; i++) {
        struct fi_bucket_object object;
        bool is_there;
        if (visited == count_max) {
            *out_has_more = true;
            break;
        }
        FI_TRY(stat_object(folder_of(bucket), names.files[i], &object, &is_there, err));
        if (is_there) {
            FI_TRY(visit(ctx, &object));
            visited++;
        }
    }
out:
    free_names(names.files, names.file_count);
    free_names(names.dirs, names.dir_count);
    return rc;
}

/* ==== the handle ==== */

static void
folder_close(struct fi_bucket *bucket)
{
    struct folder *folder = folder_of(bucket);
    fi_os_dir_close(folder->root);
    fi_free(folder);
}

static int folder_open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *err);

static const struct fi_bucket_ops folder_ops = {.put = put,
                                                .get = get,
                                                .head = head,
                                                .list = list,
                                                .remove = remove_object,
                                                .open_again = folder_open_again,
                                                .close = folder_close};

/* Takes root, also if it fails. */
static int
make_folder(struct fi_os *os, struct fi_os_dir *root, struct fi_bucket **out, firn_error *err)
{
    struct folder *folder = fi_alloc_zeroed(sizeof *folder);
    if (folder == NULL) {
        fi_os_dir_close(root);
        return fi_error_no_memory(err, "a bucket");
    }
    fi_bucket_init(&folder->bucket, &folder_ops);
    folder->os = os;
    folder->root = root;
    *out = &folder->bucket;
    return FIRN_OK;
}

static int
folder_open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *err)
{
    struct folder *folder = folder_of(bucket);
    struct fi_os_dir *root = NULL;
    FI_TRY_RETURN(fi_os_dir_open_beneath(folder->root, "", &root, err));
    return make_folder(folder->os, root, out, err);
}

/* Makes the directory at a path in one that is there. */
static int
make_root(struct fi_os *os, const char *text, firn_error *err)
{
    struct fi_os_user_path path = {NULL, NULL, NULL};
    FI_TRY_RETURN(fi_os_user_path_init(&path, os, text, err));
    int rc = fi_os_make_dir(path.dir, path.name, DIR_MODE, err);
    rc = rc == FIRN_OK ? fi_os_dir_sync(path.dir, err) : rc;
    fi_os_user_path_deinit(&path);
    return rc == FIRN_EXISTS ? FIRN_OK : rc;
}

int
fi_bucket_folder_open(struct fi_os *os, const char *path, bool is_new, struct fi_bucket **out,
                      firn_error *err)
{
    struct fi_os_dir *root = NULL;
    int rc = fi_os_dir_open_path(os, path, &root, err);
    if (rc == FIRN_NOT_FOUND && is_new) {
        FI_TRY_RETURN(make_root(os, path, err));
        rc = fi_os_dir_open_path(os, path, &root, err);
    }
    return rc == FIRN_OK ? make_folder(os, root, out, err) : rc;
}
