/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_roots.c: which directories the server serves.
 *
 * A client is led by a model, which reads texts from elsewhere; so the path that it names is not
 * the user's word. The server serves the directory in which it was started, those of --allow, and
 * those that the client names as its roots: there the user has opened a project. Versions from
 * 2026-07-28 on know no request of the server, and call roots obsolete: there the first two remain.
 *
 * The root directory and the home directory, in which programs with windows start their servers,
 * count for themselves alone, unless --allow names them: what is below them is not one project.
 *
 * Whether a path is inside of a directory is asked of the file system, not of the names: from what
 * the path leads to, ".." is opened until a served directory is met, by device and inode (I1). So
 * links, "..", names that differ in case and bind mounts do not matter. A path that is not there is
 * as its nearest directory that is.
 *
 * The reading thread takes the client's answer while the working thread may wait for it, no longer
 * than AWAIT_MS_MAX. The client's roots are replaced as a whole; those that are no directories here
 * are passed over.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 4096, AWAIT_MS_MAX = 5000, SLICE_MS = 50 };

bool
fi_mcp_roots_init(struct fi_mcp_roots *roots, char *const *allowed, size_t allowed_count)
{
    memset(roots, 0, sizeof(*roots));
    roots->allowed = allowed;
    roots->allowed_count = allowed_count;
    roots->own = realpath(".", NULL);
    if (pthread_mutex_init(&roots->lock, NULL) != 0) {
        free(roots->own);
        return false;
    }
    if (pthread_cond_init(&roots->has_news, NULL) != 0) {
        (void)pthread_mutex_destroy(&roots->lock);
        free(roots->own);
        return false;
    }
    return true;
}

static void
free_roots(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(paths[i]);
    }
}

void
fi_mcp_roots_deinit(struct fi_mcp_roots *roots)
{
    free_roots(roots->client, roots->client_count);
    free(roots->own);
    (void)pthread_cond_destroy(&roots->has_news);
    (void)pthread_mutex_destroy(&roots->lock);
}

/* ---- what the client says ---- */

static int
digit_of(char byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

char *
fi_mcp_roots_path(const char *uri)
{
    static const char scheme[] = "file://";
    static const char host[] = "localhost/";
    if (strncmp(uri, scheme, sizeof(scheme) - 1) != 0) {
        return NULL;
    }
    const char *at = uri + sizeof(scheme) - 1;
    at += strncmp(at, host, sizeof(host) - 1) == 0 ? sizeof(host) - 2 : 0;
    char *path = at[0] == '/' ? malloc(strlen(at) + 1) : NULL;
    size_t size = 0;
    for (; path != NULL && *at != '\0'; at++) {
        int high = *at == '%' ? digit_of(at[1]) : -1;
        int low = high >= 0 ? digit_of(at[2]) : -1;
        bool is_plain = *at != '%' && *at != '?' && *at != '#';
        if (!is_plain &&
            (low < 0 || high + low == 0)) { /* no escape, or a NUL, or not of the path */
            free(path);
            return NULL;
        }
        path[size++] = (char)(is_plain ? *at : high << 4 | low);
        at += is_plain ? 0 : 2;
    }
    if (path != NULL) {
        path[size] = '\0';
    }
    return path;
}

void
fi_mcp_roots_declare(struct fi_mcp_roots *roots, const json_t *capabilities)
{
    (void)pthread_mutex_lock(&roots->lock);
    roots->is_declared = json_is_object(json_object_get(capabilities, "roots"));
    (void)pthread_mutex_unlock(&roots->lock);
}

bool
fi_mcp_roots_request(struct fi_mcp_roots *roots, char id[FI_MCP_MESSAGE_ID_SIZE])
{
    (void)pthread_mutex_lock(&roots->lock);
    bool is_declared = roots->is_declared;
    if (is_declared) { /* what it said before counts no more */
        free_roots(roots->client, roots->client_count);
        roots->client_count = 0;
        roots->asked++;
        roots->is_awaited = true;
        (void)snprintf(id, FI_MCP_MESSAGE_ID_SIZE, "\"firn-roots-%u\"", roots->asked);
    }
    (void)pthread_mutex_unlock(&roots->lock);
    return is_declared;
}

void
fi_mcp_roots_take(struct fi_mcp_roots *roots, const char *id, const json_t *message)
{
    char wanted[FI_MCP_MESSAGE_ID_SIZE];
    char *paths[FI_MCP_ROOTS_MAX];
    size_t count = 0;
    const json_t *list = json_object_get(json_object_get(message, "result"), "roots");
    for (size_t i = 0; i < json_array_size(list) && count < FI_MCP_ROOTS_MAX; i++) {
        const json_t *value = json_object_get(json_array_get(list, i), "uri");
        const char *uri = json_string_value(value);
        bool is_whole = uri != NULL && strlen(uri) == json_string_length(value);
        char *path = is_whole ? fi_mcp_roots_path(uri) : NULL;
        char *real = path != NULL ? realpath(path, NULL) : NULL;
        free(path);
        if (real != NULL) {
            paths[count++] = real;
        }
    }
    (void)pthread_mutex_lock(&roots->lock);
    (void)snprintf(wanted, sizeof(wanted), "\"firn-roots-%u\"", roots->asked);
    if (roots->is_awaited && strcmp(id, wanted) == 0) {
        assert(roots->client_count == 0);
        memcpy(roots->client, paths, count * sizeof(paths[0]));
        roots->client_count = count;
        roots->is_awaited = false;
        (void)pthread_cond_broadcast(&roots->has_news);
        count = 0;
    }
    (void)pthread_mutex_unlock(&roots->lock);
    free_roots(paths, count); /* of an answer that nobody asked for, or that came too late */
}

void
fi_mcp_roots_close(struct fi_mcp_roots *roots)
{
    (void)pthread_mutex_lock(&roots->lock);
    roots->is_awaited = false;
    (void)pthread_cond_broadcast(&roots->has_news);
    (void)pthread_mutex_unlock(&roots->lock);
}

/* ---- whether a path is inside ---- */

static bool
is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* What a served directory is now; false if it is no directory any more. */
static bool
mcp_roots_inspect(const char *path, struct stat *out)
{
    int fd = path != NULL ? open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    bool is_there = fd >= 0 && fstat(fd, out) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_there;
}

/* Whether `path` leads to the served directory, or below it. (I1) */
static bool
is_inside(const char *path, const char *served, bool only_itself)
{
    struct stat wanted;
    struct stat here;
    struct stat above;
    int fd = mcp_roots_inspect(served, &wanted) ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    bool is_found = false;
    bool has_more = fd >= 0 && fstat(fd, &here) == 0;
    for (int depth = 0; has_more && depth < DEPTH_MAX; depth++) {
        is_found = is_same(&here, &wanted);
        int next = is_found || only_itself
                       ? -1
                       : openat(fd, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        has_more = next >= 0 && fstat(next, &above) == 0 && !is_same(&here, &above);
        (void)close(fd);
        fd = next;
        here = above;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_found;
}

/* The real path of the nearest directory that is there; the caller frees it. */
static char *
nearest(const char *path)
{
    char *text = strdup(path);
    char *real = NULL;
    struct stat found;
    while (text != NULL && real == NULL) {
        real = realpath(text, NULL);
        if (real != NULL && (stat(real, &found) != 0 || !S_ISDIR(found.st_mode))) {
            free(real);
            real = NULL;
            errno = ENOTDIR;
        }
        if (real != NULL || (errno != ENOENT && errno != ENOTDIR)) {
            break;
        }
        char *slash = strrchr(text, '/');
        if (slash == NULL) {
            real = realpath(".", NULL);
            break;
        }
        if (slash == text && slash[1] == '\0') {
            break;
        }
        slash[slash == text ? 1 : 0] = '\0';
    }
    free(text);
    return real;
}

static bool
is_broad(const char *own)
{
    const char *home = getenv("HOME");
    struct stat here;
    struct stat there;
    return strcmp(own, "/") == 0 || (home != NULL && home[0] == '/' && stat(own, &here) == 0 &&
                                     stat(home, &there) == 0 && is_same(&here, &there));
}

static bool
has_locked(const struct fi_mcp_roots *roots, const char *real)
{
    bool is_found = roots->own != NULL && is_inside(real, roots->own, is_broad(roots->own));
    for (size_t i = 0; i < roots->allowed_count && !is_found; i++) {
        is_found = is_inside(real, roots->allowed[i], false);
    }
    for (size_t i = 0; i < roots->client_count && !is_found; i++) {
        is_found = is_inside(real, roots->client[i], false);
    }
    return is_found;
}

bool
fi_mcp_roots_have(struct fi_mcp_roots *roots, const char *path, bool waits,
                  bool (*is_cancelled)(void *ctx), void *ctx)
{
    char *real = nearest(path);
    if (real == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&roots->lock);
    bool is_found = has_locked(roots, real);
    for (int waited = 0;
         !is_found && waits && roots->is_awaited && waited < AWAIT_MS_MAX && !is_cancelled(ctx);
         waited += SLICE_MS) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)SLICE_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&roots->has_news, &roots->lock, &until);
        is_found = has_locked(roots, real);
    }
    (void)pthread_mutex_unlock(&roots->lock);
    free(real);
    return is_found;
}
