/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_path.c: names, the memory of handles, and errors that name a path.
 *
 * Opening a file is on the hot path of a walk over a hundred thousand files; an error is not. So a
 * handle does not carry its path: it carries its own name and a counted pointer to the directory it
 * was opened from, and the path is put together along that chain only when a message wants it. One
 * allocation holds a handle and its name.
 *
 * (I1) A directory's struct lives until it is closed and every handle opened from it is gone. What
 *      it holds of the system (a descriptor) goes when it is closed; the struct may stay for the
 *      sake of paths only.
 * (I2) A path once handed out by _of_dir or _of_file stays valid and the same for the life of the
 *      handle. Two threads that build it at once agree by compare-and-swap; the loser frees its
 *      copy.
 *
 * Names. One component is what the kernel resolves in one step within the directory, whatever its
 * bytes: everything but "", ".", "..", and what contains '/'. NUL cannot occur in a C string;
 * callers with sized names must have looked for it. Relative paths are such components joined by
 * single slashes.
 *
 * Nothing here fails for want of memory when an error is formed: texts are built backwards, from
 * the last component to the first, in a buffer of fixed size; what does not fit is cut at the
 * front, where a reader misses it least.
 */
#include "os/os_path.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

static bool
is_component(const char *name, size_t size)
{
    if (size == 0 || memchr(name, '/', size) != NULL) {
        return false;
    }
    return !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

int
firn_os_path_check_name(const char *name, firn_error *err)
{
    if (is_component(name, strlen(name))) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_INVALID, "'%s' is not the name of an entry in a directory",
                          name);
}

int
firn_os_path_check_relative(const char *path, firn_error *err)
{
    if (path[0] == '\0') {
        return FIRN_OK;
    }
    for (const char *at = path;;) {
        const char *slash = strchr(at, '/');
        size_t size = slash != NULL ? (size_t)(slash - at) : strlen(at);
        if (!is_component(at, size)) {
            return firn_error_set(err, FIRN_INVALID, "'%s' is not a path inside a directory", path);
        }
        if (slash == NULL) {
            return FIRN_OK;
        }
        at = slash + 1;
    }
}

struct firn_os_dir *
firn_os_path_new_dir(struct firn_os *os, struct firn_os_dir *parent, const char *name)
{
    size_t name_size = strlen(name) + 1;
    struct firn_os_dir *dir = firn_alloc_zeroed(os->dir_size + name_size);
    if (dir == NULL) {
        return NULL;
    }
    char *own_name = (char *)dir + os->dir_size;
    memcpy(own_name, name, name_size);
    dir->os = os;
    dir->name = own_name;
    dir->parent = parent;
    atomic_init(&dir->path, NULL);
    atomic_init(&dir->refs, 1);
    if (parent != NULL) {
        /* Relaxed: the caller's own handle keeps the parent alive meanwhile. */
        atomic_fetch_add_explicit(&parent->refs, 1, memory_order_relaxed);
    }
    return dir;
}

struct firn_os_file *
firn_os_path_new_file(struct firn_os_dir *dir, const char *name)
{
    struct firn_os *os = dir->os;
    size_t name_size = strlen(name) + 1;
    struct firn_os_file *file = firn_alloc(os->file_size + name_size);
    if (file == NULL) {
        return NULL;
    }
    memset(file, 0, os->file_size);
    char *own_name = (char *)file + os->file_size;
    memcpy(own_name, name, name_size);
    firn_os_process_init_mark(&file->mark);
    file->os = os;
    file->name = own_name;
    file->dir = dir;
    atomic_init(&file->path, NULL);
    atomic_fetch_add_explicit(&dir->refs, 1, memory_order_relaxed);
    return file;
}

void
firn_os_path_unref_dir(struct firn_os_dir *dir)
{
    /* Release pairs with the acquire of whoever drops the last count: all use of the struct
     * comes before its end. */
    while (dir != NULL && atomic_fetch_sub_explicit(&dir->refs, 1, memory_order_acq_rel) == 1) {
        struct firn_os_dir *parent = dir->parent;
        firn_free(atomic_load_explicit(&dir->path, memory_order_relaxed));
        firn_free(dir);
        dir = parent;
    }
}

void
firn_os_path_free_file(struct firn_os_file *file)
{
    struct firn_os_dir *dir = file->dir;
    firn_free(atomic_load_explicit(&file->path, memory_order_relaxed));
    firn_free(file);
    firn_os_path_unref_dir(dir);
}

/* Calls for each part of the path from the last to the first: names, and the slashes between
 * them. */
static void
visit_backwards(const struct firn_os_dir *dir, const char *name,
                void (*visit)(void *ctx, const char *part, size_t size), void *ctx)
{
    bool slash_due = false;
    if (name != NULL) {
        visit(ctx, name, strlen(name));
        slash_due = true;
    }
    for (; dir != NULL; dir = dir->parent) {
        size_t size = strlen(dir->name);
        if (size == 0) {
            continue;
        }
        if (slash_due && dir->name[size - 1] != '/') {
            visit(ctx, "/", 1);
        }
        visit(ctx, dir->name, size);
        slash_due = true;
    }
}

static void
add_size(void *ctx, const char *part, size_t size)
{
    (void)part;
    *(size_t *)ctx += size;
}

struct backward_text {
    char *start;
    char *at;
    bool cut;
};

static void
put_before(void *ctx, const char *part, size_t size)
{
    struct backward_text *text = ctx;
    size_t room = (size_t)(text->at - text->start);
    if (text->cut || size > room) {
        size_t kept = text->cut ? 0 : room;
        text->at -= kept;
        memcpy(text->at, part + size - kept, kept);
        text->cut = true;
        return;
    }
    text->at -= size;
    memcpy(text->at, part, size);
}

/* The joined path, in memory of its own; NULL when memory is out. */
static char *
build(const struct firn_os_dir *dir, const char *name)
{
    size_t size = 0;
    visit_backwards(dir, name, add_size, &size);
    char *path = firn_alloc(size + 1);
    if (path == NULL) {
        return NULL;
    }
    path[size] = '\0';
    struct backward_text text = {path, path + size, false};
    visit_backwards(dir, name, put_before, &text);
    return path;
}

static const char *
build_once(_Atomic(char *) *slot, const struct firn_os_dir *dir, const char *name)
{
    /* Acquire pairs with the release below: the bytes of a path that another thread built. */
    char *path = atomic_load_explicit(slot, memory_order_acquire);
    if (path != NULL) {
        return path;
    }
    char *built = build(dir, name);
    if (built == NULL) {
        return name != NULL ? name : dir->name;
    }
    if (!atomic_compare_exchange_strong_explicit(slot, &path, built, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        firn_free(built);
        return path;
    }
    return built;
}

const char *
firn_os_path_of_dir(struct firn_os_dir *dir)
{
    if (dir->parent == NULL) {
        return dir->name;
    }
    return build_once(&dir->path, dir, NULL);
}

const char *
firn_os_path_of_file(struct firn_os_file *file)
{
    return build_once(&file->path, file->dir, file->name);
}

void
firn_os_path_text(const struct firn_os_dir *dir, const char *name, char *out, size_t size)
{
    char *end = out + size - 1;
    struct backward_text text = {out + 3, end, false};
    visit_backwards(dir, name, put_before, &text);
    if (text.cut) {
        text.at -= 3;
        memcpy(text.at, "...", 3);
    }
    size_t used = (size_t)(end - text.at);
    memmove(out, text.at, used);
    out[used] = '\0';
}

int
firn_os_path_error(firn_error *err, int error_number, const char *verb,
                   const struct firn_os_dir *dir, const char *name)
{
    if (err == NULL) {
        return firn_error_code_of_errno(error_number);
    }
    char path[FIRN_OS_PATH_TEXT_SIZE];
    firn_os_path_text(dir, name, path, sizeof path);
    return firn_error_set_errno(err, error_number, "could not %s '%s'", verb, path);
}
