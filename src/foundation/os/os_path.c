/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_path.c: names, the memory of handles, and errors that name a path.
 *
 * Opening a file is on the hot path of a walk over a hundred thousand files; an error is not. So a
 * handle does not carry its path: it carries its own name and a counted pointer to the directory it
 * was opened from, and the path is put together along that chain only when a message wants it. One
 * allocation holds a handle and its name.
 *
 * (I1) A directory's struct lives until it is closed and every handle opened from it is gone. Its
 *      descriptor is released when it is closed; the struct may stay for the sake of paths only.
 * (I2) A path once handed out by _of_dir or _of_file stays valid and the same for the life of the
 *      handle. Two threads that build it at once agree by compare-and-swap; the loser frees its
 *      copy.
 *
 * Names. One component is what the kernel resolves in one step within the directory, with any
 * bytes: everything but "", ".", "..", and what contains '/'. NUL cannot occur in a C string;
 * callers with sized names must have looked for it. Relative paths are such components joined by
 * single slashes.
 *
 * Forming an error never fails for lack of memory: texts are built backwards, from the last
 * component to the first, in a buffer of fixed size; what does not fit is cut at the front, where a
 * reader misses it least.
 */
#include "os/os_path.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "os/os_process.h"
#include "os/os_seal.h"

/* Of a text without slashes. */
static bool
is_component(const char *name, size_t size)
{
    return size > 0 && !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

int
fi_os_path_check_name(const char *name, firn_error *err)
{
    DCHECK(name != NULL);
    const size_t size = strlen(name);
    if (is_component(name, size) && memchr(name, '/', size) == NULL) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_INVALID, "'%s' is not the name of an entry in a directory", name);
}

/* FIRN_INVALID unless path is empty or components separated by single '/'. */
int
fi_os_path_check_relative(const char *path, firn_error *err)
{
    DCHECK(path != NULL);
    if (path[0] == '\0') {
        return FIRN_OK;
    }
    for (const char *at = path;;) {
        const char *slash = strchr(at, '/');
        size_t size = slash != NULL ? (size_t)(slash - at) : strlen(at);
        if (!is_component(at, size)) {
            return fi_error_set(err, FIRN_INVALID, "'%s' is not a path inside a directory", path);
        }
        if (slash == NULL) {
            return FIRN_OK;
        }
        at = slash + 1;
    }
}

/* A zeroed handle with its base filled in and the parent counted; NULL when memory is out. */
struct fi_os_dir *
fi_os_path_new_dir(struct fi_os *os, struct fi_os_dir *parent, const char *name)
{
    DCHECK(name != NULL && os->dir_size >= sizeof(struct fi_os_dir) &&
           (parent == NULL || parent->os == os));
    size_t name_size = strlen(name) + 1;
    struct fi_os_dir *dir = fi_alloc_zeroed(os->dir_size + name_size);
    if (dir == NULL) {
        return NULL;
    }
    char *own_name = (char *)dir + os->dir_size;
    memcpy(own_name, name, name_size);
    dir->os = os;
    dir->name = own_name;
    dir->parent = parent;
    dir->guard = parent != NULL ? parent->guard : NULL;
    dir->seal = parent != NULL ? parent->seal : NULL;
    atomic_init(&dir->path, NULL);
    atomic_init(&dir->refs, 1);
    if (parent != NULL) {
        /* Relaxed: the caller's own handle keeps the parent alive meanwhile. */
        unsigned before = atomic_fetch_add_explicit(&parent->refs, 1, memory_order_relaxed);
        DCHECK(before > 0); /* (I1) */
    }
    return dir;
}

struct fi_os_file *
fi_os_path_new_file(struct fi_os_dir *dir, const char *name)
{
    DCHECK(dir->os->file_size >= sizeof(struct fi_os_file));
    struct fi_os *os = dir->os;
    size_t name_size = strlen(name) + 1;
    struct fi_os_file *file = fi_alloc(os->file_size + name_size);
    if (file == NULL) {
        return NULL;
    }
    memset(file, 0, os->file_size);
    char *own_name = (char *)file + os->file_size;
    memcpy(own_name, name, name_size);
    fi_os_process_init_mark(&file->mark);
    file->os = os;
    file->name = own_name;
    file->dir = dir;
    atomic_init(&file->path, NULL);
    unsigned before = atomic_fetch_add_explicit(&dir->refs, 1, memory_order_relaxed);
    DCHECK(before > 0); /* (I1) */
    return file;
}

/* Drops one count; with the last one go the memory and the parent's count. Never closes. */
void
fi_os_path_unref_dir(struct fi_os_dir *dir)
{
    /* Release pairs with the acquire of the thread that drops the last count: all use of the struct
     * comes before its end. */
    while (dir != NULL && atomic_fetch_sub_explicit(&dir->refs, 1, memory_order_acq_rel) == 1) {
        struct fi_os_dir *parent = dir->parent;
        DCHECK(parent != dir);
        if (dir->owns_guard) {
            dir->guard->ops->destroy(dir->guard);
        }
        if (dir->owns_seal) {
            dir->seal->destroy(dir->seal);
        }
        fi_free(atomic_load_explicit(&dir->path, memory_order_relaxed));
        fi_free(dir);
        dir = parent;
    }
}

void
fi_os_path_free_file(struct fi_os_file *file)
{
    DCHECK(file->dir != NULL);
    struct fi_os_dir *dir = file->dir;
    fi_free(atomic_load_explicit(&file->path, memory_order_relaxed));
    fi_free(file);
    fi_os_path_unref_dir(dir);
}

/* Calls for each part of the path from the last to the first: names, and the slashes between
 * them. */
static void
visit_backwards(const struct fi_os_dir *dir, const char *name,
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
    DCHECK(((struct backward_text *)ctx)->at >= ((struct backward_text *)ctx)->start);
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
os_path_build(const struct fi_os_dir *dir, const char *name)
{
    size_t size = 0;
    visit_backwards(dir, name, add_size, &size);
    char *path = fi_alloc(size + 1);
    if (path == NULL) {
        return NULL;
    }
    path[size] = '\0';
    struct backward_text text = {path, path + size, false};
    visit_backwards(dir, name, put_before, &text);
    DCHECK(!text.cut && text.at == path); /* both walks agree */
    return path;
}

static const char *
build_once(_Atomic(char *) *slot, const struct fi_os_dir *dir, const char *name)
{
    /* Acquire pairs with the release below: the bytes of a path that another thread built. */
    char *path = atomic_load_explicit(slot, memory_order_acquire);
    if (path != NULL) {
        return path;
    }
    char *built = os_path_build(dir, name);
    if (built == NULL) {
        return name != NULL ? name : dir->name;
    }
    if (!atomic_compare_exchange_strong_explicit(slot, &path, built, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        DCHECK(strcmp(path, built) == 0); /* (I2) */
        fi_free(built);
        return path;
    }
    return built;
}

/* The joined path, borrowed from the handle. When memory is out, its last part. */
const char *
fi_os_path_of_dir(struct fi_os_dir *dir)
{
    DCHECK(dir->name != NULL);
    if (dir->parent == NULL) {
        return dir->name;
    }
    return build_once(&dir->path, dir, NULL);
}

const char *
fi_os_path_of_file(struct fi_os_file *file)
{
    return build_once(&file->path, file->dir, file->name);
}

void
fi_os_path_text(const struct fi_os_dir *dir, const char *name, char *out, size_t size)
{
    char *end = out + size - 1;
    struct backward_text text = {out + 3, end, false};
    visit_backwards(dir, name, put_before, &text);
    if (text.cut) {
        text.at -= 3;
        memcpy(text.at, "...", 3);
    }
    DCHECK(text.at >= out && text.at <= end);
    size_t used = (size_t)(end - text.at);
    memmove(out, text.at, used);
    out[used] = '\0';
}

int
fi_os_path_result(firn_error *err, int error_number, const char *verb, const struct fi_os_dir *dir,
                  const char *name)
{
    DCHECK(error_number >= 0);
    if (error_number == 0) {
        return FIRN_OK;
    }
    if (err == NULL) {
        return fi_error_code_of_errno(error_number);
    }
    char path[FI_OS_PATH_TEXT_SIZE];
    fi_os_path_text(dir, name, path, sizeof path);
    return fi_error_set_errno(err, error_number, "could not %s '%s'", verb, path);
}
