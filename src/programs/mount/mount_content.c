/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_content.c: parts of files.
 *
 * The kernel asks for parts. A file that one request reads whole is read for it. Of the others,
 * contents of up to 4 MiB are read whole, and verified as such; of larger ones the blocks of 1 MiB
 * that a request touches, whose pieces are verified one by one. So ten bytes of a file cost a
 * block, however large the file claims to be. Contents and blocks are kept in memory, and the ones
 * that were used longest ago go first.
 *
 * Content is known by its hash. A thread that wants a block which another one is reading waits for
 * it.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mount/mount_internal.h"

enum {
    KEPT_MAX = 16,            /* blocks */
    SMALL_SIZE_MAX = 4 << 20, /* of a content that is one block */
    BLOCK_SIZE = 1 << 20      /* of a larger one */
};

struct kept {
    firn_hash hash;
    uint64_t offset; /* of the block in the content */
    size_t size;     /* 0: free */
    uint8_t *bytes;
    unsigned uses; /* threads that read it; it stays */
    bool is_being_read;
    int failure; /* of reading: it is used by nobody from now on */
    uint64_t used_at;
};

struct fi_mount_content {
    pthread_mutex_t mutex;
    pthread_cond_t was_read; /* or is free */
    struct fi_mount_tree *tree;
    struct kept kept[KEPT_MAX];
    uint64_t clock;
};

struct fi_mount_content *
fi_mount_content_create(struct fi_mount_tree *tree)
{
    struct fi_mount_content *content = calloc(1, sizeof *content);
    if (content != NULL) {
        (void)pthread_mutex_init(&content->mutex, NULL);
        (void)pthread_cond_init(&content->was_read, NULL);
        content->tree = tree;
    }
    return content;
}

static void
empty(struct kept *kept)
{
    assert(kept->uses == 0 && !kept->is_being_read);
    free(kept->bytes);
    *kept = (struct kept){.size = 0};
}

void
fi_mount_content_destroy(struct fi_mount_content *content)
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

/* Where the bytes of a block go. */
struct target {
    uint8_t *bytes;
    size_t at, size; /* up to here; so many in all */
};

static int
mount_content_take(void *ctx, firn_slice bytes, firn_error *err)
{
    struct target *target = ctx;
    (void)err;
    assert(bytes.size <= target->size - target->at);
    if (bytes.data != NULL) {
        memcpy(target->bytes + target->at, bytes.data, bytes.size);
    } else {
        memset(target->bytes + target->at, 0, bytes.size); /* a hole */
    }
    target->at += bytes.size;
    return FIRN_OK;
}

static int
read_block(struct fi_mount_content *content, const struct fi_mount_node *file, uint64_t offset,
           size_t size, uint8_t *out)
{
    struct target target = {.bytes = out, .size = size};
    int failure =
        fi_mount_tree_read(content->tree, file, offset, size, mount_content_take, &target);
    assert(failure != 0 || target.at == target.size);
    return failure;
}

/* Fills *kept, which nobody else touches meanwhile. */
static int
mount_content_fill(struct fi_mount_content *content, const struct fi_mount_node *file,
                   struct kept *kept)
{
    kept->bytes = malloc(kept->size);
    return kept->bytes == NULL ? ENOMEM
                               : read_block(content, file, kept->offset, kept->size, kept->bytes);
}

/* ---- what is kept ---- */

static struct kept *
mount_content_find(struct fi_mount_content *content, const firn_hash *hash, uint64_t offset,
                   size_t size)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *kept = &content->kept[i];
        if (kept->size == size && kept->offset == offset && kept->failure == 0 &&
            memcmp(&kept->hash, hash, sizeof *hash) == 0) {
            return kept;
        }
    }
    return NULL;
}

/* The one that was used longest ago, empty now; NULL: all are in use. */
static struct kept *
make_room(struct fi_mount_content *content)
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

/* The block of a file that has the byte at offset, in use. Requires: the mutex, which is released
 * while it is read. */
static int
acquire(struct fi_mount_content *content, const struct fi_mount_node *file, uint64_t offset,
        struct kept **out)
{
    const bool is_small = file->size_bytes <= SMALL_SIZE_MAX;
    const uint64_t begin = is_small ? 0 : offset - offset % BLOCK_SIZE;
    const uint64_t left = file->size_bytes - begin;
    const size_t size = is_small || left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
    assert(offset < file->size_bytes && size > 0);
    struct kept *kept;
    while ((kept = mount_content_find(content, &file->hash, begin, size)) == NULL &&
           (kept = make_room(content)) == NULL) {
        (void)pthread_cond_wait(&content->was_read, &content->mutex);
    }
    *out = kept;
    kept->uses++;
    kept->used_at = ++content->clock;
    if (kept->size == 0) {
        kept->hash = file->hash;
        kept->offset = begin;
        kept->size = size;
        kept->is_being_read = true;
        (void)pthread_mutex_unlock(&content->mutex);
        int failure = mount_content_fill(content, file, kept);
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
mount_content_release(struct fi_mount_content *content, struct kept *kept)
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

/* Copies what one block has of a part. */
static int
copy_from_block(struct fi_mount_content *content, const struct fi_mount_node *file, uint64_t offset,
                size_t size, uint8_t *out, size_t *out_size)
{
    struct kept *kept;
    (void)pthread_mutex_lock(&content->mutex);
    int failure = acquire(content, file, offset, &kept);
    if (failure == 0) {
        (void)pthread_mutex_unlock(&content->mutex);
        const size_t at = (size_t)(offset - kept->offset);
        *out_size = size < kept->size - at ? size : kept->size - at;
        memcpy(out, kept->bytes + at, *out_size);
        (void)pthread_mutex_lock(&content->mutex);
    }
    mount_content_release(content, kept);
    (void)pthread_mutex_unlock(&content->mutex);
    return failure;
}

int
fi_mount_content_read(struct fi_mount_content *content, const struct fi_mount_node *file,
                      uint64_t offset, size_t size, uint8_t *out, size_t *out_size)
{
    *out_size = 0;
    if (offset >= file->size_bytes || size == 0) {
        return 0;
    }
    size_t part = size < file->size_bytes - offset ? size : (size_t)(file->size_bytes - offset);
    int failure = 0;
    if (part == file->size_bytes) {
        failure = read_block(content, file, 0, part, out);
    } else {
        for (size_t at = 0, got = 0; at < part && failure == 0; at += got) {
            failure = copy_from_block(content, file, offset + at, part - at, out + at, &got);
        }
    }
    *out_size = failure == 0 ? part : 0;
    return failure;
}
