/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_content.c: parts of files.
 *
 * firn reads a file from its beginning, and has verified all of it at the end. The kernel asks for parts. A file
 * that one request reads whole is read for it. Of the others the contents are kept: of small files in memory,
 * of large ones in a temporary file without a name. The ones that were used longest ago go first.
 *
 * Content is known by its hash. A thread that wants content which another one is reading waits for it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/mount_internal.h"

enum {
    KEPT_MAX = 16,           /* contents */
    SMALL_SIZE_MAX = 4 << 20 /* of a content in memory */
};

struct kept {
    firn_hash hash;
    uint64_t size_bytes; /* 0: free */
    uint8_t *bytes;      /* in memory */
    int file;            /* else; -1: none */
    unsigned uses;       /* threads that read it; it stays */
    bool is_being_read;
    int failure; /* of reading: it is used by nobody from now on */
    uint64_t used_at;
};

struct firn_mount_content {
    pthread_mutex_t mutex;
    pthread_cond_t was_read; /* or is free */
    struct firn_mount_tree *tree;
    struct kept kept[KEPT_MAX];
    uint64_t clock;
};

struct firn_mount_content *
firn_mount_content_create(struct firn_mount_tree *tree)
{
    struct firn_mount_content *content = calloc(1, sizeof *content);
    if (content != NULL) {
        (void)pthread_mutex_init(&content->mutex, NULL);
        (void)pthread_cond_init(&content->was_read, NULL);
        content->tree = tree;
        for (size_t i = 0; i < KEPT_MAX; i++) {
            content->kept[i].file = -1;
        }
    }
    return content;
}

static void
empty(struct kept *kept)
{
    assert(kept->uses == 0 && !kept->is_being_read);
    free(kept->bytes);
    if (kept->file >= 0) {
        (void)close(kept->file);
    }
    *kept = (struct kept){.file = -1};
}

void
firn_mount_content_destroy(struct firn_mount_content *content)
{
    if (content == NULL) {
        return;
    }
    for (size_t i = 0; i < KEPT_MAX; i++) {
        empty(&content->kept[i]);
    }
    (void)pthread_cond_destroy(&content->was_read);
    (void)pthread_mutex_destroy(&content->mutex);
    free(content);
}

/* ---- reading ---- */

/* Where the bytes of a file go. */
struct target {
    uint8_t *bytes;
    int file;
    uint64_t at, size; /* up to here; so many in all */
    int failure;       /* an errno */
};

static int
write_all(int file, firn_slice bytes)
{
    for (size_t at = 0; at < bytes.size;) {
        ssize_t written = write(file, bytes.data + at, bytes.size - at);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        at += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static int
take(void *ctx, firn_slice bytes, firn_error *err)
{
    struct target *target = ctx;
    (void)err;
    assert(bytes.size <= target->size - target->at);
    if (target->bytes != NULL) {
        memcpy(target->bytes + target->at, bytes.data, bytes.size);
    } else {
        target->failure = write_all(target->file, bytes);
    }
    target->at += bytes.size;
    return target->failure == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
read_all(struct firn_mount_content *content, const struct firn_mount_node *file,
         struct target *target)
{
    target->size = file->size_bytes;
    int failure = firn_mount_tree_read(content->tree, file, take, target);
    if (target->failure != 0) {
        return target->failure;
    }
    assert(failure != 0 || target->at == target->size);
    return failure;
}

/* A temporary file without a name. */
static int
open_temporary(void)
{
    const char *directory = getenv("TMPDIR");
    return open(directory != NULL && directory[0] == '/' ? directory : "/var/tmp",
                O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* Fills *kept, which nobody else touches meanwhile. */
static int
fill(struct firn_mount_content *content, const struct firn_mount_node *file, struct kept *kept)
{
    if (file->size_bytes <= SMALL_SIZE_MAX) {
        kept->bytes = malloc((size_t)file->size_bytes);
    } else {
        kept->file = open_temporary();
    }
    if (kept->bytes == NULL && kept->file < 0) {
        return file->size_bytes <= SMALL_SIZE_MAX ? ENOMEM : errno;
    }
    struct target target = {.bytes = kept->bytes, .file = kept->file};
    return read_all(content, file, &target);
}

/* ---- what is kept ---- */

static struct kept *
find(struct firn_mount_content *content, const firn_hash *hash)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *kept = &content->kept[i];
        if (kept->size_bytes > 0 && kept->failure == 0 &&
            memcmp(&kept->hash, hash, sizeof *hash) == 0) {
            return kept;
        }
    }
    return NULL;
}

/* The one that was used longest ago, empty now; NULL: all are in use. */
static struct kept *
make_room(struct firn_mount_content *content)
{
    struct kept *oldest = NULL;
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *kept = &content->kept[i];
        bool is_older = oldest == NULL || kept->used_at < oldest->used_at;
        oldest = kept->uses == 0 && is_older ? kept : oldest;
    }
    if (oldest != NULL) {
        empty(oldest);
    }
    return oldest;
}

/* The content of a file, in use. Requires: the mutex, which is released while it is read. */
static int
acquire(struct firn_mount_content *content, const struct firn_mount_node *file, struct kept **out)
{
    struct kept *kept;
    while ((kept = find(content, &file->hash)) == NULL && (kept = make_room(content)) == NULL) {
        (void)pthread_cond_wait(&content->was_read, &content->mutex);
    }
    *out = kept;
    kept->uses++;
    kept->used_at = ++content->clock;
    if (kept->size_bytes == 0) {
        kept->hash = file->hash;
        kept->size_bytes = file->size_bytes;
        kept->is_being_read = true;
        (void)pthread_mutex_unlock(&content->mutex);
        int failure = fill(content, file, kept);
        (void)pthread_mutex_lock(&content->mutex);
        kept->is_being_read = false;
        kept->failure = failure;
        (void)pthread_cond_broadcast(&content->was_read);
    }
    while (kept->is_being_read) {
        (void)pthread_cond_wait(&content->was_read, &content->mutex);
    }
    return kept->failure;
}

/* Requires: the mutex. */
static void
release(struct firn_mount_content *content, struct kept *kept)
{
    assert(kept->uses > 0);
    kept->uses--;
    if (kept->uses == 0) {
        if (kept->failure != 0) {
            empty(kept);
        }
        (void)pthread_cond_broadcast(&content->was_read);
    }
}

/* ---- parts ---- */

static int
copy_part(const struct kept *kept, uint64_t offset, size_t size, uint8_t *out)
{
    if (kept->bytes != NULL) {
        memcpy(out, kept->bytes + offset, size);
        return 0;
    }
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(kept->file, out + at, size - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return EIO;
        }
        at += (size_t)got;
    }
    return 0;
}

int
firn_mount_content_read(struct firn_mount_content *content, const struct firn_mount_node *file,
                        uint64_t offset, size_t size, uint8_t *out, size_t *out_size)
{
    *out_size = 0;
    if (offset >= file->size_bytes || size == 0) {
        return 0;
    }
    size_t part = size < file->size_bytes - offset ? size : (size_t)(file->size_bytes - offset);
    int failure;
    if (part == file->size_bytes) {
        struct target target = {.bytes = out, .file = -1};
        failure = read_all(content, file, &target);
    } else {
        struct kept *kept;
        (void)pthread_mutex_lock(&content->mutex);
        failure = acquire(content, file, &kept);
        if (failure == 0) {
            (void)pthread_mutex_unlock(&content->mutex);
            failure = copy_part(kept, offset, part, out);
            (void)pthread_mutex_lock(&content->mutex);
        }
        release(content, kept);
        (void)pthread_mutex_unlock(&content->mutex);
    }
    *out_size = failure == 0 ? part : 0;
    return failure;
}
