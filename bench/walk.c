/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/walk.c: the bare walk, the floor under "save, nothing changed": two threads list every
 * directory of a tree with getdents64 and ask statx of every entry for what a save compares (the
 * basic fields and the birth time). Nothing is kept, sorted or compared. Prints "seconds entries
 * directories bytes".
 *
 * Directories to be listed are on one stack under one mutex, as paths from the root. A thread takes
 * one, lists it, and pushes its subdirectories. The walk is over when the stack is empty and no
 * thread is listing.
 *
 * usage: walk DIR [THREADS]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64, LIST_SIZE = 64 << 10 };

struct walk {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int root;
    char **paths; /* waiting; owned */
    size_t count;
    size_t capacity;
    unsigned busy; /* threads that list */
    uint64_t entries;
    uint64_t directories;
    uint64_t bytes;
};

struct found {
    char **paths;
    size_t count;
    size_t capacity;
    uint64_t entries;
    uint64_t bytes;
};

static _Noreturn void
die(const char *what, const char *path)
{
    (void)fprintf(stderr, "walk: cannot %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static void
push(char ***paths, size_t *count, size_t *capacity, char *path)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 64 : *capacity * 2;
        char **grown = realloc(*paths, *capacity * sizeof *grown);
        if (grown == NULL) {
            die("remember", path);
        }
        *paths = grown;
    }
    (*paths)[(*count)++] = path;
}

static void
look_at(int directory, const char *parent, const struct dirent64 *entry, struct found *found)
{
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return;
    }
    struct statx status;
    if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_BTIME, &status) != 0) {
        die("look at", name);
    }
    found->entries++;
    if (S_ISREG(status.stx_mode)) {
        found->bytes += status.stx_size;
    }
    if (S_ISDIR(status.stx_mode)) {
        size_t size = strlen(parent) + strlen(name) + 2;
        char *path = malloc(size);
        if (path == NULL) {
            die("remember", name);
        }
        (void)snprintf(path, size, "%s/%s", parent, name);
        push(&found->paths, &found->count, &found->capacity, path);
    }
}

static void
list(int root, const char *path, char *buffer, struct found *found)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        die("open", path);
    }
    for (;;) {
        long size = syscall(SYS_getdents64, fd, buffer, LIST_SIZE);
        if (size < 0) {
            die("list", path);
        }
        if (size == 0) {
            break;
        }
        for (long at = 0; at < size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            look_at(fd, path, entry, found);
            at += entry->d_reclen;
        }
    }
    (void)close(fd);
}

/* The next directory, or NULL when there is none and none can come. */
static char *
take_locked(struct walk *walk)
{
    while (walk->count == 0 && walk->busy > 0) {
        (void)pthread_cond_wait(&walk->changed, &walk->mutex);
    }
    if (walk->count == 0) {
        return NULL;
    }
    walk->busy++;
    return walk->paths[--walk->count];
}

static void *
work(void *argument)
{
    struct walk *walk = argument;
    char *buffer = malloc(LIST_SIZE);
    if (buffer == NULL) {
        die("allocate", "a buffer");
    }
    (void)pthread_mutex_lock(&walk->mutex);
    char *path;
    while ((path = take_locked(walk)) != NULL) {
        (void)pthread_mutex_unlock(&walk->mutex);
        struct found found = {0};
        list(walk->root, path, buffer, &found);
        free(path);
        (void)pthread_mutex_lock(&walk->mutex);
        for (size_t i = 0; i < found.count; i++) {
            push(&walk->paths, &walk->count, &walk->capacity, found.paths[i]);
        }
        free(found.paths);
        walk->directories++;
        walk->entries += found.entries;
        walk->bytes += found.bytes;
        walk->busy--;
        (void)pthread_cond_broadcast(&walk->changed);
    }
    (void)pthread_mutex_unlock(&walk->mutex);
    free(buffer);
    return NULL;
}

int
main(int argc, char **argv)
{
    long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 2;
    if (argc < 2 || argc > 3 || threads < 1 || threads > THREADS_MAX) {
        (void)fprintf(stderr, "usage: walk DIR [THREADS]\n");
        return 2;
    }
    struct walk walk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct timespec begun;
    struct timespec ended;
    (void)clock_gettime(CLOCK_MONOTONIC, &begun);
    walk.root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *start = strdup(".");
    if (walk.root < 0 || start == NULL) {
        die("open", argv[1]);
    }
    push(&walk.paths, &walk.count, &walk.capacity, start);
    pthread_t thread[THREADS_MAX];
    for (long i = 0; i < threads; i++) {
        errno = pthread_create(&thread[i], NULL, work, &walk);
        if (errno != 0) {
            die("start", "a thread");
        }
    }
    for (long i = 0; i < threads; i++) {
        (void)pthread_join(thread[i], NULL);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds =
        (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) * 1e-9;
    (void)printf("%.4f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", seconds, walk.entries,
                 walk.directories, walk.bytes);
    free(walk.paths);
    (void)close(walk.root);
    return 0;
}
