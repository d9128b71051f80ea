/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_tree.c: a tree on disk, built entry by entry from what an archive says.
 *
 * The tree is in a directory that only its user can enter. Names and links come from outside. So
 * every path is walked from the root, one component at a time, and no link is followed (I1; not
 * checked: tests attack it): no link of an archive can make firn write outside the tree. Only the
 * parent of the last path stays open, because entries of a directory come together.
 *
 * Directories are writable while the tree is built. Their attributes are collected, and set at the
 * end from the deepest upward, because each new entry changes the time of its directory.
 *
 * What is written is bounded (I2; not checked: tests attack it). The files of one state may not be
 * larger than a limit together, however small the input is that names them. And some of the space
 * stays free that was free in the file system at the start, because other programs work there, too:
 * it is asked before each LEASE that is written. Entries count as blocks, since that is what fills
 * a file system with many small ones.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "import/import_internal.h"
#include "sqlitefile/sqlitefile.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    NAME_SIZE_MAX = 255,
    PATH_SIZE_MAX = 64 << 10,
    DEPTH_MAX = 1024,
    SHOWN_MAX = 400,
    MODE_BITS = 07777,
    MODE_BUILDING = 0700,
    MODE_DIRECTORY = 0755,
    ATTRIBUTE_NAME_MAX = 255,
    BLOCK = 4096,
    LEASE = 64 << 20,
    FREE_SHARE = 10,     /* a tenth stays free, */
    FREE_LEAST = 1 << 30 /* but no more than that */
};

struct fi_import_tree_dirs {
    char *path;
    size_t path_size;
    size_t order;
    struct fi_import_attributes attributes;
    uint8_t *xattrs;
};

int
fi_import_tree_error(firn_error *err, int code, const char *format, ...)
{
    assert(code != FIRN_OK);
    va_list list;
    memset(err, 0, sizeof(*err));
    err->code = code;
    va_start(list, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, list);
    va_end(list);
    return code;
}

int
fi_import_tree_fail(firn_error *err, const char *what, firn_slice path)
{
    assert(what[0] != '\0');
    const int error = errno;
    int size = (int)(path.size < SHOWN_MAX ? path.size : SHOWN_MAX);
    int code = error == EACCES || error == EPERM    ? FIRN_DENIED
               : error == ENOSPC || error == EDQUOT ? FIRN_NO_SPACE
               : error == EROFS                     ? FIRN_READ_ONLY
               : error == ENOENT                    ? FIRN_NOT_FOUND
               : error == ENOMEM                    ? FIRN_NO_MEMORY
                                                    : FIRN_IO;
    (void)fi_import_tree_error(err, code, "could not %s '%.*s': %s", what, size,
                               path.size > 0 ? (const char *)path.data : "", strerror(error));
    err->os_errno = error;
    return code;
}

/* ---- making and removing the place ---- */

int
fi_import_tree_create(struct fi_import_tree *tree, struct fi_task_notices *notices,
                      struct fi_import_tree_space *space, firn_error *err)
{
    assert(notices != NULL);
    memset(tree, 0, sizeof(*tree));
    tree->notices = notices;
    tree->space = space;
    tree->place_fd = tree->root_fd = tree->parent_fd = -1;
    char place[PATH_MAX];
    int size = snprintf(place, sizeof(place), "%s/firn-import-XXXXXX", fi_sqlitefile_place());
    if (size < 0 || (size_t)size + sizeof("/tree") > sizeof(place)) {
        return fi_import_tree_error(err, FIRN_INVALID, "the path of TMPDIR is too long");
    }
    if (mkdtemp(place) == NULL) {
        return fi_import_tree_fail(err, "make a directory", firn_str(place));
    }
    memcpy(tree->place, place, (size_t)size + 1);
    memcpy(tree->root, place, (size_t)size);
    memcpy(tree->root + size, "/tree", sizeof("/tree"));
    tree->place_fd = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree->place_fd >= 0 && mkdirat(tree->place_fd, "tree", MODE_DIRECTORY) == 0) {
        tree->root_fd =
            openat(tree->place_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (tree->root_fd < 0 || fchmod(tree->root_fd, MODE_DIRECTORY) != 0) {
        int code = fi_import_tree_fail(err, "use", firn_str(place));
        fi_import_tree_destroy(tree);
        return code;
    }
    return FIRN_OK;
}

/* Removes an entry with all that is in it. Returns 0, or -1 with errno. */
static int
remove_all(int parent, const char *name, unsigned depth)
{
    assert(parent >= 0 && strchr(name, '/') == NULL);
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if ((errno != EISDIR && errno != EPERM) || depth > DEPTH_MAX) {
        return -1;
    }
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0) {
        return 0;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, MODE_BUILDING, 0) == 0) {
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0) {
        return -1;
    }
    (void)fchmod(fd, MODE_BUILDING);
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return -1;
    }
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = remove_all(fd, entry->d_name, depth + 1);
        }
    }
    int error = errno;
    (void)closedir(dir);
    errno = error;
    return result == 0 ? unlinkat(parent, name, AT_REMOVEDIR) : -1;
}

static void
forget_parent(struct fi_import_tree *tree)
{
    assert((tree->parent_fd >= 0) == (tree->parent != NULL));
    if (tree->parent_fd >= 0) {
        (void)close(tree->parent_fd);
    }
    free(tree->parent);
    tree->parent_fd = -1;
    tree->parent = NULL;
    tree->parent_size = 0;
}

static void
forget_dirs(struct fi_import_tree *tree)
{
    assert(tree->dir_count <= tree->dir_capacity);
    for (size_t i = 0; i < tree->dir_count; i++) {
        free(tree->dirs[i].path);
        free(tree->dirs[i].xattrs);
    }
    free(tree->dirs);
    tree->dirs = NULL;
    tree->dir_count = tree->dir_capacity = 0;
}

void
fi_import_tree_destroy(struct fi_import_tree *tree)
{
    if (tree->place[0] == '\0') {
        return;
    }
    forget_parent(tree);
    forget_dirs(tree);
    if (tree->root_fd >= 0) {
        (void)close(tree->root_fd);
    }
    if (tree->place_fd >= 0) {
        if (remove_all(tree->place_fd, "tree", 0) != 0) {
            fi_command_report_path("left behind", firn_str(tree->place), strerror(errno));
        }
        (void)close(tree->place_fd);
    }
    (void)rmdir(tree->place);
    memset(tree, 0, sizeof(*tree));
}

/* ---- paths ---- */

const char *
fi_import_tree_refusal(firn_slice path)
{
    size_t at = 0;
    unsigned depth = 0;
    if (path.size == 0) {
        return "has an empty name";
    }
    if (path.size > PATH_SIZE_MAX || memchr(path.data, '\0', path.size) != NULL) {
        return "has a name that is too long or contains NUL";
    }
    if (path.data[0] == '/') {
        return "has an absolute name";
    }
    while (at < path.size) {
        const uint8_t *slash = memchr(path.data + at, '/', path.size - at);
        size_t size = slash == NULL ? path.size - at : (size_t)(slash - path.data) - at;
        const char *name = (const char *)path.data + at;
        if (size == 2 && memcmp(name, "..", 2) == 0) {
            return "has .. in its name";
        }
        if (size == 0 || (size == 1 && name[0] == '.') ||
            (slash != NULL && at + size + 1 == path.size)) {
            return "has an empty component or . in its name";
        }
        if (size > NAME_SIZE_MAX || ++depth > DEPTH_MAX) {
            return "has a name that is too long or too deep";
        }
        at += size + (slash != NULL);
    }
    return NULL;
}

static int
check_path(firn_slice path, firn_error *err)
{
    const char *refusal = fi_import_tree_refusal(path);
    return refusal == NULL ? FIRN_OK : fi_import_tree_error(err, FIRN_INVALID, "it %s", refusal);
}

/* Opens the directory above a path, where no component may be a link (I1). *out_name is a copy of
 * the last one. Makes directories that are missing, if makes. Requires: the path was checked. */
static int
open_parent(struct fi_import_tree *tree, firn_slice path, bool makes,
            char out_name[NAME_SIZE_MAX + 1], firn_error *err)
{
    assert(tree->root_fd >= 0 && path.size > 0);
    const uint8_t *last = memrchr(path.data, '/', path.size);
    size_t size = last == NULL ? 0 : (size_t)(last - path.data);
    size_t name_at = last == NULL ? 0 : size + 1;
    memcpy(out_name, path.data + name_at, path.size - name_at);
    out_name[path.size - name_at] = '\0';
    if (tree->parent_fd >= 0 && tree->parent_size == size &&
        (size == 0 || memcmp(tree->parent, path.data, size) == 0)) {
        return FIRN_OK;
    }
    forget_parent(tree);
    int fd = fcntl(tree->root_fd, F_DUPFD_CLOEXEC, 0);
    char *copy = malloc(size + 1);
    size_t at = 0;
    while (fd >= 0 && copy != NULL && at < size) {
        char name[NAME_SIZE_MAX + 1];
        const uint8_t *slash = memchr(path.data + at, '/', size - at);
        size_t length = slash == NULL ? size - at : (size_t)(slash - path.data) - at;
        assert(length > 0 && length <= NAME_SIZE_MAX);
        memcpy(name, path.data + at, length);
        name[length] = '\0';
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && errno == ENOENT && makes) {
            if (mkdirat(fd, name, MODE_BUILDING) == 0) {
                next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            }
            /* What the tree does not describe has the mode of any other directory. */
            if (next >= 0 && fchmod(next, MODE_DIRECTORY) != 0) {
                (void)close(next);
                next = -1;
            }
        }
        int error = errno;
        (void)close(fd);
        errno = error;
        fd = next;
        at += length + 1;
    }
    if (fd < 0 || copy == NULL) {
        int code = fd < 0 && (errno == ENOTDIR || errno == ELOOP)
                       ? fi_import_tree_error(err, FIRN_INVALID,
                                              "it lies below something that is not a directory")
                       : fi_import_tree_fail(err, "open the directory of", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        free(copy);
        return code;
    }
    if (size > 0) {
        memcpy(copy, path.data, size);
    }
    tree->parent_fd = fd;
    tree->parent = copy;
    tree->parent_size = size;
    return FIRN_OK;
}

/* ---- attributes ---- */

static void
import_tree_report(struct fi_import_tree *tree, firn_slice path, const char *text)
{
    assert(tree->notices != NULL);
    firn_callbacks callbacks = fi_task_notices_callbacks(tree->notices);
    firn_notice notice = {.kind = FIRN_NOTICE_METADATA, .path = path, .text = text};
    callbacks.on_notice(callbacks.ctx, &notice);
}

/* Of an open file or directory. */
static void
set_xattrs(struct fi_import_tree *tree, firn_slice path, int fd, firn_slice xattrs)
{
    assert(fd >= 0);
    firn_slice name;
    firn_slice value;
    while (firn_workspace_xattrs_next(&xattrs, &name, &value)) {
        char text[ATTRIBUTE_NAME_MAX + 1];
        char reason[ATTRIBUTE_NAME_MAX + 128];
        if (name.size == 0 || name.size > ATTRIBUTE_NAME_MAX) {
            import_tree_report(tree, path,
                               "an extended attribute has a name that is empty or too long");
            continue;
        }
        memcpy(text, name.data, name.size);
        text[name.size] = '\0';
        if (fsetxattr(fd, text, value.data, value.size, 0) != 0) {
            (void)snprintf(reason, sizeof(reason), "the extended attribute %s could not be set: %s",
                           text, strerror(errno));
            import_tree_report(tree, path, reason);
        }
    }
}

static struct timespec
time_of(int64_t ns)
{
    int64_t seconds = ns / 1000000000;
    int64_t rest = ns % 1000000000;
    return (struct timespec){.tv_sec = (time_t)(seconds - (rest < 0)),
                             .tv_nsec = (long)(rest + (rest < 0 ? 1000000000 : 0))};
}

static bool
wants_owner(const struct fi_import_tree *tree, const struct fi_import_attributes *given)
{
    return given->has_owner && !tree->drops_owners &&
           (given->uid != geteuid() || given->gid != getegid());
}

static int
set_attributes(struct fi_import_tree *tree, firn_slice path, int fd,
               const struct fi_import_attributes *given, firn_error *err)
{
    assert(fd >= 0);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of(given->mtime_ns)};
    set_xattrs(tree, path, fd, given->xattrs);
    if (wants_owner(tree, given) && fchown(fd, given->uid, given->gid) != 0) {
        if (errno != EPERM && errno != EINVAL) {
            return fi_import_tree_fail(err, "set the owner of", path);
        }
        tree->owners_lost++;
    }
    if (fchmod(fd, given->mode & MODE_BITS) != 0) {
        return fi_import_tree_fail(err, "set the mode of", path);
    }
    return futimens(fd, times) == 0 ? FIRN_OK : fi_import_tree_fail(err, "set the time of", path);
}

/* ---- space ---- */

/* Asks the file system how much may be written until it is asked again: what is wanted now, or
 * more. One that cannot be asked says so when it is full. */
static void
renew_lease(const struct fi_import_tree *tree, uint64_t wanted)
{
    struct fi_import_tree_space *space = tree->space;
    struct statvfs now;
    space->lease = wanted > LEASE ? wanted : LEASE;
    if (fstatvfs(tree->place_fd, &now) != 0) {
        return;
    }
    uint64_t free_now = (uint64_t)now.f_bavail * now.f_frsize;
    if (!space->has_least) {
        space->has_least = true;
        space->free_least = free_now / FREE_SHARE < FREE_LEAST ? free_now / FREE_SHARE : FREE_LEAST;
    }
    uint64_t spare = free_now > space->free_least ? free_now - space->free_least : 0;
    space->lease = spare < space->lease ? spare : space->lease;
}

/* To be called before bytes are written, in whole blocks (I2). */
static int
take_space(struct fi_import_tree *tree, firn_slice path, uint64_t bytes, firn_error *err)
{
    struct fi_import_tree_space *space = tree->space;
    char size[FI_TERM_TEXT_SIZE_SIZE];
    if (space == NULL) {
        return FIRN_OK;
    }
    assert(space->one != NULL && space->bytes <= space->bytes_max);
    if (bytes > space->bytes_max - space->bytes) {
        space->is_over = true;
        return fi_import_tree_error(
            err, FIRN_LIMIT, "the files of one %s are larger than %s; --max-bytes allows more",
            space->one, fi_term_text_size(space->bytes_max, size));
    }
    if (bytes > space->lease) {
        renew_lease(tree, bytes);
    }
    if (bytes > space->lease) {
        int shown = (int)(path.size < SHOWN_MAX ? path.size : SHOWN_MAX);
        return fi_import_tree_error(err, FIRN_NO_SPACE,
                                    "could not write '%.*s': the last %s that were free in "
                                    "'%.400s' stay free; TMPDIR names "
                                    "another place",
                                    shown, (const char *)path.data,
                                    fi_term_text_size(space->free_least, size),
                                    fi_sqlitefile_place());
    }
    space->bytes += bytes;
    space->lease -= bytes;
    return FIRN_OK;
}

/* Each entry has a block, so an empty file counts as much as a small one. */
static uint64_t
blocks_of(uint64_t file_bytes)
{
    return file_bytes <= BLOCK ? BLOCK : (file_bytes + BLOCK - 1) / BLOCK * BLOCK;
}

/* ---- entries ---- */

/* Opens the parent of a path, and removes what is at it. */
static int
make_room(struct fi_import_tree *tree, firn_slice path, char name[NAME_SIZE_MAX + 1],
          firn_error *err)
{
    assert(tree->root_fd >= 0);
    FI_TRY_RETURN(check_path(path, err));
    FI_TRY_RETURN(open_parent(tree, path, true, name, err));
    if (remove_all(tree->parent_fd, name, 0) != 0) {
        FI_TRY_RETURN(fi_import_tree_fail(err, "replace", path));
    }
    return take_space(tree, path, BLOCK, err);
}

int
fi_import_tree_file(struct fi_import_tree *tree, firn_slice path, int *out_fd, firn_error *err)
{
    char name[NAME_SIZE_MAX + 1];
    *out_fd = -1;
    int code = make_room(tree, path, name, err);
    if (code == FIRN_OK) {
        *out_fd = openat(tree->parent_fd, name,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE_BUILDING);
        code = *out_fd >= 0 ? FIRN_OK : fi_import_tree_fail(err, "make", path);
        tree->file_bytes = 0;
    }
    return code;
}

int
fi_import_tree_write(struct fi_import_tree *tree, firn_slice path, int fd, firn_slice data,
                     firn_error *err)
{
    assert(fd >= 0);
    uint64_t before = blocks_of(tree->file_bytes);
    tree->file_bytes += data.size;
    FI_TRY_RETURN(take_space(tree, path, blocks_of(tree->file_bytes) - before, err));
    while (data.size > 0) {
        ssize_t written = write(fd, data.data, data.size);
        if (written < 0 && errno != EINTR) {
            return fi_import_tree_fail(err, "write", path);
        }
        written = written < 0 ? 0 : written;
        data = firn_bytes(data.data + written, data.size - (size_t)written);
    }
    return FIRN_OK;
}

int
fi_import_tree_file_end(struct fi_import_tree *tree, firn_slice path, int fd,
                        const struct fi_import_attributes *given, firn_error *err)
{
    assert(fd >= 0);
    int code = set_attributes(tree, path, fd, given, err);
    if (close(fd) != 0 && code == FIRN_OK) {
        code = fi_import_tree_fail(err, "write", path);
    }
    return code;
}

/* Keeps the attributes that a directory gets in the end. */
static int
keep_dir(struct fi_import_tree *tree, firn_slice path, const struct fi_import_attributes *given,
         firn_error *err)
{
    assert(tree->dir_count <= tree->dir_capacity);
    if (tree->dir_count == tree->dir_capacity) {
        size_t capacity = tree->dir_capacity == 0 ? 64 : 2 * tree->dir_capacity;
        struct fi_import_tree_dirs *dirs = realloc(tree->dirs, capacity * sizeof(*dirs));
        if (dirs == NULL) {
            return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
        }
        tree->dirs = dirs;
        tree->dir_capacity = capacity;
    }
    struct fi_import_tree_dirs kept = {.path = malloc(path.size + 1),
                                       .path_size = path.size,
                                       .order = tree->dir_count,
                                       .attributes = *given,
                                       .xattrs = malloc(given->xattrs.size + 1)};
    if (kept.path == NULL || kept.xattrs == NULL) {
        free(kept.path);
        free(kept.xattrs);
        return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    if (path.size > 0) {
        memcpy(kept.path, path.data, path.size);
    }
    if (given->xattrs.size > 0) {
        memcpy(kept.xattrs, given->xattrs.data, given->xattrs.size);
    }
    kept.attributes.xattrs = firn_bytes(kept.xattrs, given->xattrs.size);
    tree->dirs[tree->dir_count++] = kept;
    return FIRN_OK;
}

int
fi_import_tree_directory(struct fi_import_tree *tree, firn_slice path,
                         const struct fi_import_attributes *given, firn_error *err)
{
    assert(given != NULL);
    char name[NAME_SIZE_MAX + 1];
    struct stat found;
    if (path.size == 0) {
        return keep_dir(tree, path, given, err);
    }
    int code = check_path(path, err);
    if (code == FIRN_OK) {
        code = open_parent(tree, path, true, name, err);
    }
    if (code != FIRN_OK) {
        return code;
    }
    bool is_there = fstatat(tree->parent_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there || !S_ISDIR(found.st_mode)) {
        code = take_space(tree, path, BLOCK, err);
        if (code != FIRN_OK) {
            return code;
        }
        if ((is_there && unlinkat(tree->parent_fd, name, 0) != 0) ||
            mkdirat(tree->parent_fd, name, MODE_BUILDING) != 0) {
            return fi_import_tree_fail(err, "make", path);
        }
    }
    return keep_dir(tree, path, given, err);
}

int
fi_import_tree_stamp(struct fi_import_tree *tree, firn_slice path,
                     const struct fi_import_attributes *given, firn_error *err)
{
    return keep_dir(tree, path, given, err);
}

int
fi_import_tree_symlink(struct fi_import_tree *tree, firn_slice path, firn_slice target,
                       const struct fi_import_attributes *given, firn_error *err)
{
    char name[NAME_SIZE_MAX + 1];
    char text[PATH_MAX];
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of(given->mtime_ns)};
    if (target.size == 0 || target.size >= sizeof(text) ||
        memchr(target.data, '\0', target.size) != NULL) {
        return fi_import_tree_error(err, FIRN_INVALID, "it is a link to nothing that can be named");
    }
    FI_TRY_RETURN(make_room(tree, path, name, err));
    memcpy(text, target.data, target.size);
    text[target.size] = '\0';
    if (symlinkat(text, tree->parent_fd, name) != 0) {
        return fi_import_tree_fail(err, "make", path);
    }
    if (wants_owner(tree, given) &&
        fchownat(tree->parent_fd, name, given->uid, given->gid, AT_SYMLINK_NOFOLLOW) != 0) {
        tree->owners_lost++;
    }
    return utimensat(tree->parent_fd, name, times, AT_SYMLINK_NOFOLLOW) == 0
               ? FIRN_OK
               : fi_import_tree_fail(err, "set the time of", path);
}

struct content {
    struct fi_import_tree *tree;
    firn_slice path;
    int fd; /* -1: into memory, as the target of a link */
    size_t size;
    char target[PATH_MAX];
};

static int
write_content(void *ctx, firn_slice data, firn_error *err)
{
    struct content *content = ctx;
    if (content->fd >= 0) {
        return fi_import_tree_write(content->tree, content->path, content->fd, data, err);
    }
    if (data.size > sizeof(content->target) - content->size) {
        return fi_import_tree_error(err, FIRN_INVALID, "its target is too long");
    }
    if (data.size > 0) {
        memcpy(content->target + content->size, data.data, data.size);
    }
    content->size += data.size;
    return FIRN_OK;
}

int
fi_import_tree_put(struct fi_import_tree *tree, firn_slice path, enum fi_import_type type,
                   const struct fi_import_attributes *given,
                   int (*content)(void *ctx, firn_write_bytes write, void *to, firn_error *err),
                   void *ctx, firn_error *err)
{
    assert(type != FI_IMPORT_HARD_LINK);
    struct content to = {.tree = tree, .path = path, .fd = -1};
    firn_error failed;
    if (type == FI_IMPORT_DIRECTORY) {
        return fi_import_tree_directory(tree, path, given, err);
    }
    FI_TRY_RETURN(type == FI_IMPORT_SYMLINK ? FIRN_OK
                                            : fi_import_tree_file(tree, path, &to.fd, err));
    int code = content(ctx, write_content, &to, err);
    if (code == FIRN_OK) {
        return to.fd >= 0
                   ? fi_import_tree_file_end(tree, path, to.fd, given, err)
                   : fi_import_tree_symlink(tree, path, firn_bytes(to.target, to.size), given, err);
    }
    if (to.fd >= 0) {
        (void)close(to.fd);
    }
    /* Half of a file is none. */
    int removed = to.fd >= 0 ? fi_import_tree_remove(tree, path, &failed) : FIRN_OK;
    *err = removed == FIRN_OK ? *err : failed;
    return removed == FIRN_OK ? code : removed;
}

int
fi_import_tree_link(struct fi_import_tree *tree, firn_slice path, firn_slice target,
                    firn_error *err)
{
    char name[NAME_SIZE_MAX + 1];
    char target_name[NAME_SIZE_MAX + 1];
    struct stat found;
    if (check_path(target, err) != FIRN_OK) {
        return fi_import_tree_error(err, FIRN_INVALID,
                                    "it is a link to a file outside of the tree");
    }
    if (path.size == target.size && memcmp(path.data, target.data, path.size) == 0) {
        return fi_import_tree_error(err, FIRN_INVALID, "it is a link to itself");
    }
    int code = open_parent(tree, target, false, target_name, err);
    if (code == FIRN_OK &&
        (fstatat(tree->parent_fd, target_name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
         S_ISDIR(found.st_mode))) {
        code = FIRN_NOT_FOUND;
    }
    if (code != FIRN_OK) {
        return fi_import_tree_error(err, FIRN_INVALID,
                                    "the file that it is a link to is not there");
    }
    int from = fcntl(tree->parent_fd, F_DUPFD_CLOEXEC, 0);
    if (from < 0) {
        return fi_import_tree_fail(err, "open the directory of", target);
    }
    code = make_room(tree, path, name, err);
    if (code == FIRN_OK && linkat(from, target_name, tree->parent_fd, name, 0) != 0) {
        code = fi_import_tree_fail(err, "link", path);
    }
    (void)close(from);
    return code;
}

int
fi_import_tree_touch(struct fi_import_tree *tree, firn_slice path,
                     const struct fi_import_attributes *given, firn_error *err)
{
    char name[NAME_SIZE_MAX + 1];
    int code = check_path(path, err);
    if (code == FIRN_OK) {
        code = open_parent(tree, path, false, name, err);
    }
    if (code != FIRN_OK) {
        return code;
    }
    int fd = openat(tree->parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return fi_import_tree_fail(err, "open", path);
    }
    return fi_import_tree_file_end(tree, path, fd, given, err);
}

bool
fi_import_tree_has(struct fi_import_tree *tree, firn_slice path)
{
    char name[NAME_SIZE_MAX + 1];
    struct stat found;
    firn_error ignored;
    return fi_import_tree_refusal(path) == NULL &&
           open_parent(tree, path, false, name, &ignored) == FIRN_OK &&
           fstatat(tree->parent_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

int
fi_import_tree_remove(struct fi_import_tree *tree, firn_slice path, firn_error *err)
{
    char name[NAME_SIZE_MAX + 1];
    if (path.size == 0) {
        struct fi_task_notices *notices = tree->notices;
        struct fi_import_tree_space *space = tree->space;
        fi_import_tree_destroy(tree);
        return fi_import_tree_create(tree, notices, space, err);
    }
    int code = check_path(path, err);
    while (code == FIRN_OK) {
        code = open_parent(tree, path, false, name, err);
        if (code != FIRN_OK) {
            return code == FIRN_NOT_FOUND ? FIRN_OK : code;
        }
        if (remove_all(tree->parent_fd, name, 0) != 0) {
            return fi_import_tree_fail(err, "remove", path);
        }
        const uint8_t *slash = memrchr(path.data, '/', path.size);
        if (slash == NULL) {
            break;
        }
        path.size = (size_t)(slash - path.data);
        code = open_parent(tree, path, false, name, err);
        if (code != FIRN_OK || unlinkat(tree->parent_fd, name, AT_REMOVEDIR) != 0) {
            break; /* it is not empty */
        }
    }
    forget_parent(tree);
    return code;
}

/* The deepest first; of one directory what came last. */
static int
compare_dirs(const void *a, const void *b)
{
    const struct fi_import_tree_dirs *x = a;
    const struct fi_import_tree_dirs *y = b;
    size_t common = x->path_size < y->path_size ? x->path_size : y->path_size;
    int order = memcmp(y->path, x->path, common);
    if (order == 0) {
        order = (y->path_size > x->path_size) - (y->path_size < x->path_size);
    }
    return order != 0 ? order : (y->order > x->order) - (y->order < x->order);
}

static int
finish_dir(struct fi_import_tree *tree, const struct fi_import_tree_dirs *dir, firn_error *err)
{
    assert(tree->root_fd >= 0);
    char name[NAME_SIZE_MAX + 1];
    firn_slice path = firn_bytes(dir->path, dir->path_size);
    if (path.size == 0) {
        return set_attributes(tree, path, tree->root_fd, &dir->attributes, err);
    }
    int code = open_parent(tree, path, false, name, err);
    if (code != FIRN_OK) {
        return code == FIRN_NOT_FOUND || code == FIRN_INVALID ? FIRN_OK
                                                              : code; /* it was replaced */
    }
    int fd = openat(tree->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES
                   ? FIRN_OK
                   : fi_import_tree_fail(err, "open", path);
    }
    code = set_attributes(tree, path, fd, &dir->attributes, err);
    (void)close(fd);
    return code;
}

int
fi_import_tree_finish(struct fi_import_tree *tree, firn_error *err)
{
    int code = FIRN_OK;
    forget_parent(tree);
    if (tree->dir_count > 0) {
        qsort(tree->dirs, tree->dir_count, sizeof(tree->dirs[0]), compare_dirs);
    }
    for (size_t i = 0; i < tree->dir_count && code == FIRN_OK; i++) {
        const struct fi_import_tree_dirs *dir = &tree->dirs[i];
        bool is_again = i > 0 && dir->path_size == dir[-1].path_size &&
                        memcmp(dir->path, dir[-1].path, dir->path_size) == 0;
        code = is_again ? FIRN_OK : finish_dir(tree, dir, err);
    }
    forget_parent(tree);
    forget_dirs(tree);
    if (code == FIRN_OK && tree->owners_lost > 0) {
        char text[128];
        (void)snprintf(
            text, sizeof(text),
            "%llu entries belong to others, and only root can keep that; --no-owner accepts it",
            (unsigned long long)tree->owners_lost);
        import_tree_report(tree, firn_str("owners"), text);
        tree->owners_lost = 0;
    }
    return code;
}
