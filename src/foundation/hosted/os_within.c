/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_within.c: a read-only file system whose files are ranges of one file.
 *
 * The entries are in the order of their paths, so the entries of a directory are contiguous. A
 * handle of a directory is a range of them and the length of the prefix of their names: 0 for the
 * root, "runs/" for a directory "runs". There is one level of directories.
 *
 * A read is a read of the one file, limited to the range. So errors of its file system (an input
 * error, a file that was shortened) are reported here in the same way.
 *
 * The table has no entries that change something, so these fail with EROFS. It has no locks either,
 * so they are granted at once: no process can write, and replacing the one file gives its name to
 * another file.
 */
#include "hosted/os_within.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "os/os_ops.h"

struct within {
    struct fi_os base;
    struct fi_os_file *file;
    const struct fi_os_within_entry *entries;
    size_t count;
    int64_t now_ns;
};

struct within_dir {
    alignas(16) struct fi_os_dir base;
    size_t begin; /* entries */
    size_t end;
    size_t prefix_size; /* of their paths */
};

struct within_file {
    alignas(16) struct fi_os_file base;
    const struct fi_os_within_entry *entry;
};

static const struct within *
within_of(const struct fi_os *os)
{
    return (const struct within *)(const void *)os;
}

static const struct fi_os_within_entry *
entry_of(const struct fi_os_file *file)
{
    DCHECK(((const struct within_file *)(const void *)file)->entry != NULL);
    return ((const struct within_file *)(const void *)file)->entry;
}

/* ---- names ---- */

/* The name of entry i in a directory, and its size; false if it is the name of a subdirectory that
 * contains the entry. */
static bool
name_at(const struct fi_os_dir *base, size_t i, const char **out, size_t *out_size)
{
    DCHECK(out != NULL && out_size != NULL);
    const struct within_dir *dir = (const struct within_dir *)(const void *)base;
    const char *name = within_of(base->os)->entries[i].path + dir->prefix_size;
    const char *slash = strchr(name, '/');
    *out = name;
    *out_size = slash != NULL ? (size_t)(slash - name) : strlen(name);
    return slash == NULL;
}

/* The first entry of a directory that does not come before the name with one more character. */
static size_t
lower_bound(const struct fi_os_dir *base, const char *name, char after)
{
    const struct within_dir *dir = (const struct within_dir *)(const void *)base;
    size_t size = strlen(name);
    size_t low = dir->begin;
    size_t high = dir->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *found = within_of(base->os)->entries[middle].path + dir->prefix_size;
        int order = strncmp(found, name, size);
        if (order < 0 || (order == 0 && (unsigned char)found[size] < (unsigned char)after)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The range of entries with this name; false if there is none. */
static bool
os_within_find(const struct fi_os_dir *base, const char *name, size_t *out_begin, size_t *out_end,
               bool *out_is_file)
{
    DCHECK(name != NULL);
    const struct within_dir *dir = (const struct within_dir *)(const void *)base;
    const struct fi_os_within_entry *entries = within_of(base->os)->entries;
    *out_begin = lower_bound(base, name, '\0');
    *out_is_file =
        *out_begin < dir->end && strcmp(entries[*out_begin].path + dir->prefix_size, name) == 0;
    if (*out_is_file) {
        *out_end = *out_begin + 1;
        return true;
    }
    /* Paths that begin with the name and a slash end before '0', the character after the slash. */
    *out_begin = lower_bound(base, name, '/');
    *out_end = lower_bound(base, name, '/' + 1);
    return *out_begin < *out_end;
}

/* ---- directories ---- */

static int
dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *base)
{
    struct within_dir *dir = (struct within_dir *)(void *)base;
    (void)path;
    dir->begin = 0;
    dir->end = within_of(os)->count;
    dir->prefix_size = 0;
    return 0;
}

static int
dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *base)
{
    struct within_dir *dir = (struct within_dir *)(void *)base;
    bool is_file = true;
    if (!os_within_find(parent, name, &dir->begin, &dir->end, &is_file)) {
        return ENOENT;
    }
    if (is_file) {
        return ENOTDIR;
    }
    dir->prefix_size = strlen(name) + 1;
    return 0;
}

static int
dir_open_beneath(struct fi_os_dir *root, const char *relative_path, struct fi_os_dir *base)
{
    struct within_dir *dir = (struct within_dir *)(void *)base;
    const struct within_dir *from = (const struct within_dir *)(const void *)root;
    if (relative_path[0] != '\0') {
        return dir_open(root, relative_path, base);
    }
    dir->begin = from->begin;
    dir->end = from->end;
    dir->prefix_size = from->prefix_size;
    return 0;
}

static void
dir_close(struct fi_os_dir *dir)
{
    (void)dir;
}

static int
dir_list(struct fi_os_dir *base, int (*visit)(void *ctx, const struct fi_os_dirent *entry),
         void *ctx, int *out_visited)
{
    enum { NAME_SIZE_MAX = 255 };
    const struct within_dir *dir = (const struct within_dir *)(const void *)base;
    char name[NAME_SIZE_MAX + 1] = "";
    for (size_t i = dir->begin; i < dir->end && *out_visited == FIRN_OK; i++) {
        const char *found;
        size_t size;
        bool is_file = name_at(base, i, &found, &size);
        if (size > NAME_SIZE_MAX) {
            return ENAMETOOLONG;
        }
        if (strncmp(found, name, size) == 0 && name[size] == '\0') {
            continue; /* in a subdirectory that was shown already */
        }
        memcpy(name, found, size);
        name[size] = '\0';
        const struct fi_os_dirent entry = {.name = name,
                                           .name_size = size,
                                           .kind = is_file ? FI_OS_FILE : FI_OS_DIR,
                                           .inode = i + 1};
        *out_visited = visit(ctx, &entry);
    }
    return 0;
}

static int
dir_real_path(struct fi_os_dir *dir, struct fi_buf *out)
{
    (void)dir;
    (void)out;
    return EOPNOTSUPP;
}

static int
dir_free_bytes(struct fi_os_dir *dir, uint64_t *out)
{
    (void)dir;
    *out = 0;
    return 0;
}

static void
fill_stat(const struct within *within, const struct fi_os_within_entry *entry,
          struct fi_os_stat *out)
{
    *out = (struct fi_os_stat){.kind = entry != NULL ? FI_OS_FILE : FI_OS_DIR,
                               .mode = entry != NULL ? 0400 : 0500,
                               .uid = fi_os_user_id(within->base.machine),
                               .nlink = entry != NULL ? 1 : 2,
                               .size_bytes = entry != NULL ? entry->size : 0,
                               .allocated_bytes = entry != NULL ? entry->size : 0,
                               .device = 1,
                               .inode = entry != NULL ? (uint64_t)(entry - within->entries) + 1 : 0,
                               .mtime_ns = within->now_ns,
                               .ctime_ns = within->now_ns};
}

static int
stat_name(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out)
{
    const struct within *within = within_of(dir->os);
    size_t begin = 0;
    size_t end;
    bool is_file = false;
    if (name != NULL && !os_within_find(dir, name, &begin, &end, &is_file)) {
        return ENOENT;
    }
    fill_stat(within, is_file ? &within->entries[begin] : NULL, out);
    return 0;
}

/* ---- files ---- */

static int
file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
          struct fi_os_file *base, struct fi_os_stat *out_stat)
{
    struct within_file *file = (struct within_file *)(void *)base;
    const struct within *within = within_of(dir->os);
    size_t begin;
    size_t end;
    bool is_file = false;
    (void)mode;
    if ((flags & (FI_OS_WRITE | FI_OS_CREATE)) != 0) {
        return EROFS;
    }
    if (!os_within_find(dir, name, &begin, &end, &is_file)) {
        return ENOENT;
    }
    if (!is_file) {
        return EINVAL;
    }
    file->entry = &within->entries[begin];
    if (out_stat != NULL) {
        fill_stat(within, file->entry, out_stat);
    }
    return 0;
}

static void
file_close(struct fi_os_file *file)
{
    (void)file;
}

static int
file_read(struct fi_os_file *base, uint64_t offset, void *data, size_t size, size_t *out_size)
{
    DCHECK(data != NULL || size == 0);
    const struct fi_os_within_entry *entry = entry_of(base);
    struct fi_os_file *file = within_of(base->os)->file;
    *out_size = 0;
    if (offset >= entry->size) {
        return 0;
    }
    if (size > entry->size - offset) {
        size = (size_t)(entry->size - offset);
    }
    return file->os->ops->file_read(file, entry->offset + offset, data, size, out_size);
}

static int
file_stat(struct fi_os_file *file, struct fi_os_stat *out)
{
    fill_stat(within_of(file->os), entry_of(file), out);
    return 0;
}

static int
file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start, uint64_t *out_end)
{
    uint64_t size = entry_of(file)->size;
    *out_start = offset < size ? offset : size;
    *out_end = size;
    return 0;
}

static int
read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    size_t begin;
    size_t end;
    bool is_file;
    (void)out;
    return os_within_find(dir, name, &begin, &end, &is_file) ? EINVAL : ENOENT;
}

/* ---- clock and machine ---- */

static int64_t
now_ns(struct fi_os *os)
{
    return within_of(os)->now_ns;
}

/* ---- the table ---- */

static const struct fi_os_ops ops = {
    .refusal = EROFS,
    .dir_open_path = dir_open_path,
    .dir_open = dir_open,
    .dir_open_beneath = dir_open_beneath,
    .dir_close = dir_close,
    .dir_list = dir_list,
    .dir_real_path = dir_real_path,
    .dir_free_bytes = dir_free_bytes,
    .read_symlink = read_symlink,
    .stat = stat_name,
    .file_open = file_open,
    .file_close = file_close,
    .file_read = file_read,
    .file_stat = file_stat,
    .file_next_data = file_next_data,
    .now_ns = now_ns,
};

int
fi_os_within_create(struct fi_os_file *file, const struct fi_os_within_entry *entries, size_t count,
                    int64_t now, struct fi_os **out, firn_error *err)
{
    struct within *within = fi_alloc_zeroed(sizeof *within);
    *out = NULL;
    if (within == NULL) {
        return fi_error_no_memory(err, "a file system");
    }
    struct fi_os *outer = fi_os_file_os(file);
    within->base = (struct fi_os){.ops = &ops,
                                  .dir_size = sizeof(struct within_dir),
                                  .file_size = sizeof(struct within_file),
                                  .scheduler = outer->scheduler,
                                  .machine = outer};
    within->file = file;
    within->entries = entries;
    within->count = count;
    within->now_ns = now;
    *out = &within->base;
    return FIRN_OK;
}

void
fi_os_within_destroy(struct fi_os *os)
{
    fi_free(os);
}
