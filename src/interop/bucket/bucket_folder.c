/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_folder.c: an object is a file of its name, and appears by link(2), which makes a
 * name only if it is free, on network file systems too:
 *
 *     incoming/.firn-bucket-<random>.tmp    written, synced
 *         link -> packs/<name>              made, or FIRN_EXISTS; the directory is synced
 *
 * A network file system may lose the answer of link and try again, and then finds the name taken by
 * itself; the file's own count of links tells. Where there are no links, a rename that replaces
 * nothing does the same; a file system that has neither cannot be a bucket.
 *
 * Clients of a network file system remember names for some seconds. Opening a file, and a change of
 * a directory, ask the server; so head opens, and a list makes the system look at the directory
 * again first.
 *
 * The storage's clock is that of the file system: an age is counted up to the newest change of the
 * directory, which is never later than the present. So files may seem younger than they are.
 *
 * Nothing here follows a symbolic link, and what is no regular file is no object.
 */
#include "bucket/bucket_folder.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "os/os_user_path.h"
#include "tempfile/tempfile.h"

/* Of objects: whoever may read the directory, and nobody writes. */
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

/* The file has a second name: the link was made, whatever its answer was. */
static bool
is_linked(struct fi_tempfile *temp)
{
    struct fi_os_stat stat;
    return fi_os_file_stat(temp->file, &stat, NULL) == FIRN_OK && stat.nlink > 1;
}

/* Gives the complete file its name in dir. */
static int
put_name(struct fi_tempfile *temp, struct fi_os_dir *dir, const char *name, firn_error *err)
{
    int rc = fi_os_link(temp->dir, temp->name, dir, name, err);
    if (rc == FIRN_EXISTS && is_linked(temp)) {
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
    FI_TRY(put_name(&temp, dir, last, err));
    rc = fi_os_dir_sync(dir, err);
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

struct names {
    const char *begin; /* what the last part has to begin with */
    const char *after; /* NULL: all */
    char **items;      /* each in memory of its own */
    size_t count;
    size_t capacity;
    firn_error *err;
};

static int
note_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    bool may_be_file = entry->kind == FI_OS_FILE || entry->kind == FI_OS_UNKNOWN;
    if (!may_be_file || entry->name[0] == '.' ||
        strncmp(entry->name, names->begin, strlen(names->begin)) != 0 ||
        (names->after != NULL && strcmp(entry->name, names->after) <= 0)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(names->items, names->count + 1, names->capacity, names->err));
    char *copy = fi_alloc(entry->name_size + 1);
    if (copy == NULL) {
        return fi_error_no_memory(names->err, "the names of a bucket");
    }
    memcpy(copy, entry->name, entry->name_size + 1);
    names->items[names->count++] = copy;
    return FIRN_OK;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int64_t
age_s(int64_t from_ns, int64_t to_ns)
{
    return from_ns < to_ns ? (to_ns - from_ns) / INT64_C(1000000000) : 0;
}

/* Visits the files that are there; *out_has_more: there were more names than count_max. */
static int
visit_names(struct fi_os_dir *dir, const struct names *names, const char *prefix, size_t part_size,
            size_t count_max, int (*visit)(void *ctx, const struct fi_bucket_object *object),
            void *ctx, bool *out_has_more, firn_error *err)
{
    struct fi_os_stat now;
    FI_TRY_RETURN(fi_os_dir_stat(dir, &now, err));
    *out_has_more = names->count > count_max;
    for (size_t i = 0; i < names->count && i < count_max; i++) {
        char name[FI_BUCKET_LISTED_NAME_SIZE_MAX + 1];
        struct fi_os_stat stat;
        size_t size = strlen(names->items[i]);
        if (part_size + size >= sizeof name) {
            continue;
        }
        int rc = fi_os_stat(dir, names->items[i], &stat, err);
        if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && stat.kind != FI_OS_FILE)) {
            continue;
        }
        FI_TRY_RETURN(rc);
        memcpy(name, prefix, part_size);
        memcpy(name + part_size, names->items[i], size + 1);
        const struct fi_bucket_object object = {.name = name,
                                                .size_bytes = stat.size_bytes,
                                                .age_s = age_s(stat.mtime_ns, now.mtime_ns)};
        FI_TRY_RETURN(visit(ctx, &object));
    }
    return FIRN_OK;
}

static int
list(struct fi_bucket *bucket, const char *prefix, const char *after, size_t count_max,
     int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx, bool *out_has_more,
     firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct names names = {.err = err};
    *out_has_more = false;
    int rc = open_parent(folder_of(bucket), prefix, false, &dir, &names.begin, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* no object has such a name yet */
    }
    FI_TRY(rc);
    size_t part_size = (size_t)(names.begin - prefix);
    if (after != NULL && strncmp(after, prefix, part_size) == 0) {
        names.after = after + part_size;
    }
    fi_os_dir_refresh(dir);
    FI_TRY(fi_os_dir_list(dir, note_name, &names, err));
    if (names.count > 0) {
        fi_sort(names.items, names.count, sizeof *names.items, compare_names);
    }
    rc = visit_names(dir, &names, prefix, part_size, count_max, visit, ctx, out_has_more, err);
out:
    for (size_t i = 0; i < names.count; i++) {
        fi_free(names.items[i]);
    }
    fi_free(names.items);
    fi_os_dir_close(dir);
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
    folder->bucket.ops = &folder_ops;
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
