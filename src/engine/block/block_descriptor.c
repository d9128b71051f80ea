/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_descriptor.c: closes descriptors of files that are not being read, and opens them
 * again.
 *
 * A run stays open as long as a cursor stands in it, and there may be any number of cursors. Their
 * runs need memory, which is theirs anyway, but a descriptor only while a block is read. So the
 * descriptors that are open form a ring, and when there are more than the budget the CLOCK
 * algorithm closes some: a hand goes round, and passes over those that were used since its last
 * visit, and those being read from. The next read opens the file again, by its name. Sealed files
 * never change, and a run's file keeps its name as long as a version names it that somebody reads
 * by (lsm/lsm_collect.c).
 *
 * The checksum of every block depends on the identity of its file (block_format.c), so the blocks
 * of another file under the same name would be refused.
 *
 * `uses` counts the reads that go on, and has the bit CLOSED while there is no descriptor.
 *
 * (I1) A descriptor is closed only when `uses` goes from 0 to CLOSED, by the thread that has the
 *      mutex. So a read that was counted while the bit was not set may use the descriptor until it
 *      is counted out.
 * (I2) The bit is cleared under the mutex, after the file was stored. A read that finds it set
 *      opens the file itself; if several do at once, the first one's descriptor is kept.
 * (I3) Exactly those that share a budget and whose bit is not set are in the ring.
 *
 * More descriptors than the budget are open only while as many reads go on.
 *
 * Locking: the mutex guards the ring. Opening and closing are I/O and happen without it.
 *
 * Failure: where a file cannot be opened because the process has too many open, the descriptors
 * that can be closed are, and it is tried once more. A read that fails can be repeated.
 */
#include "block/block_descriptor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define CLOSED (UINT64_C(1) << 63)

/* How many are closed at once: more than are opened, so that a ring that grew while many were being
 * read shrinks. */
enum { CLOSED_AT_ONCE_MAX = 4 };

struct fi_block_descriptor {
    const struct fi_block_source *source; /* read instead of a file; NULL: there is a file */
    struct fi_block_descriptors *all;     /* NULL: it stays open */
    struct fi_os_dir *dir;
    struct fi_os_file *file; /* unless CLOSED */
    _Atomic uint64_t uses;
    _Atomic bool was_used; /* since it was opened, or the hand passed */
    struct fi_block_descriptor *ring_next;
    struct fi_block_descriptor *ring_prev;
    const char *name; /* the end of path */
    char path[];
};

/* ---- the ring ---- */

void
fi_block_descriptor_init_all(struct fi_block_descriptors *all, struct fi_os *os, size_t open_max)
{
    DCHECK(open_max > 0);
    *all = (struct fi_block_descriptors){.open_max = open_max};
    fi_os_mutex_init(os, &all->mutex, FI_LOCK_BLOCK_FILES);
}

void
fi_block_descriptor_deinit_all(struct fi_block_descriptors *all)
{
    CHECK(all->open_count == 0 && all->hand == NULL);
    fi_os_mutex_deinit(&all->mutex);
}

static void
enter_ring_locked(struct fi_block_descriptors *all, struct fi_block_descriptor *descriptor)
{
    fi_os_mutex_assert_held(&all->mutex);
    DCHECK(descriptor->ring_next == NULL && (all->hand == NULL) == (all->open_count == 0));
    if (all->hand == NULL) {
        descriptor->ring_next = descriptor;
        descriptor->ring_prev = descriptor;
        all->hand = descriptor;
    } else {
        /* Just before the hand, which comes here last. */
        descriptor->ring_next = all->hand;
        descriptor->ring_prev = all->hand->ring_prev;
        descriptor->ring_prev->ring_next = descriptor;
        all->hand->ring_prev = descriptor;
    }
    all->open_count++;
}

static void
leave_ring_locked(struct fi_block_descriptors *all, struct fi_block_descriptor *descriptor)
{
    fi_os_mutex_assert_held(&all->mutex);
    DCHECK(descriptor->ring_next != NULL && all->open_count > 0); /* (I3) */
    descriptor->ring_prev->ring_next = descriptor->ring_next;
    descriptor->ring_next->ring_prev = descriptor->ring_prev;
    if (all->hand == descriptor) {
        all->hand = descriptor->ring_next == descriptor ? NULL : descriptor->ring_next;
    }
    descriptor->ring_next = NULL;
    descriptor->ring_prev = NULL;
    all->open_count--;
}

/* Takes the file of the next descriptor that may be closed; NULL: there is none. */
static struct fi_os_file *
take_one_locked(struct fi_block_descriptors *all)
{
    fi_os_mutex_assert_held(&all->mutex);
    for (size_t i = 0; i < 2 * all->open_count; i++) {
        struct fi_block_descriptor *descriptor = all->hand;
        uint64_t unused = 0;
        all->hand = descriptor->ring_next;
        /* (I1). Pairs with the end of reads. */
        if (!atomic_exchange_explicit(&descriptor->was_used, false, memory_order_relaxed) &&
            atomic_compare_exchange_strong_explicit(&descriptor->uses, &unused, CLOSED,
                                                    memory_order_acquire, memory_order_relaxed)) {
            struct fi_os_file *file = descriptor->file;
            descriptor->file = NULL;
            leave_ring_locked(all, descriptor);
            return file;
        }
    }
    return NULL;
}

/* Files that are to be closed without the mutex. */
struct taken {
    struct fi_os_file *files[CLOSED_AT_ONCE_MAX];
    size_t count;
};

static void
take_above_locked(struct fi_block_descriptors *all, size_t keep, struct taken *taken)
{
    fi_os_mutex_assert_held(&all->mutex);
    while (all->open_count > keep && taken->count < CLOSED_AT_ONCE_MAX) {
        struct fi_os_file *file = take_one_locked(all);
        if (file == NULL) {
            break;
        }
        taken->files[taken->count++] = file;
    }
}

static void
close_taken(struct taken *taken)
{
    for (size_t i = 0; i < taken->count; i++) {
        fi_os_file_close(taken->files[i]);
    }
}

/* ---- opening ---- */

/* Closes some that could stay open otherwise; false if none can be closed. */
static bool
give_way(struct fi_block_descriptors *all)
{
    struct taken taken = {.count = 0};
    fi_os_mutex_lock(&all->mutex);
    take_above_locked(all, 0, &taken);
    fi_os_mutex_unlock(&all->mutex);
    close_taken(&taken);
    return taken.count > 0;
}

static int
open_file(const struct fi_block_descriptor *descriptor, struct fi_os_stat *out_stat,
          struct fi_os_file **out, firn_error *err)
{
    firn_error local;
    firn_error *filled = err != NULL ? err : &local;
    int rc = fi_os_file_open_stat(descriptor->dir, descriptor->name, FI_OS_READ, 0, out, out_stat,
                                  filled);
    if (rc != FIRN_OK && (filled->os_errno == EMFILE || filled->os_errno == ENFILE) &&
        descriptor->all != NULL && give_way(descriptor->all)) {
        rc = fi_os_file_open_stat(descriptor->dir, descriptor->name, FI_OS_READ, 0, out, out_stat,
                                  filled);
    }
    return rc;
}

/* Gives the file, which was just opened, to the descriptor if it has none; else closes it. */
static void
block_descriptor_attach(struct fi_block_descriptor *descriptor, struct fi_os_file *file)
{
    struct fi_block_descriptors *all = descriptor->all;
    struct taken taken = {.count = 0};
    fi_os_mutex_lock(&all->mutex);
    if ((atomic_load_explicit(&descriptor->uses, memory_order_relaxed) & CLOSED) != 0) {
        DCHECK(descriptor->file == NULL); /* (I2) */
        take_above_locked(all, all->open_max - 1, &taken);
        descriptor->file = file;
        file = NULL;
        enter_ring_locked(all, descriptor);
        /* (I2). Pairs with the beginning of reads. */
        (void)atomic_fetch_and_explicit(&descriptor->uses, ~CLOSED, memory_order_release);
    }
    fi_os_mutex_unlock(&all->mutex);
    fi_os_file_close(file);
    close_taken(&taken);
}

int
fi_block_descriptor_open(struct fi_block_descriptors *all, struct fi_os_dir *dir, const char *name,
                         struct fi_os_stat *out_stat, struct fi_block_descriptor **out,
                         firn_error *err)
{
    const char *dir_path = fi_os_dir_path(dir);
    size_t dir_size = strlen(dir_path);
    size_t name_size = strlen(name);
    struct fi_os_file *file;
    *out = NULL;
    struct fi_block_descriptor *descriptor =
        fi_alloc_zeroed(sizeof *descriptor + dir_size + 1 + name_size + 1);
    if (descriptor == NULL) {
        return fi_error_no_memory(err, "an open file");
    }
    memcpy(descriptor->path, dir_path, dir_size);
    descriptor->path[dir_size] = '/';
    descriptor->name = memcpy(descriptor->path + dir_size + 1, name, name_size + 1);
    descriptor->all = all;
    descriptor->dir = dir;
    int rc = open_file(descriptor, out_stat, &file, err);
    if (rc != FIRN_OK) {
        fi_free(descriptor);
        return rc;
    }
    if (all != NULL) {
        atomic_init(&descriptor->uses, CLOSED);
        block_descriptor_attach(descriptor, file);
    } else {
        descriptor->file = file;
    }
    *out = descriptor;
    return FIRN_OK;
}

int
fi_block_descriptor_open_source(const struct fi_block_source *source,
                                struct fi_block_descriptor **out, firn_error *err)
{
    const size_t path_size = strlen(source->path);
    *out = fi_alloc_zeroed(sizeof **out + path_size + 1);
    if (*out == NULL) {
        return fi_error_no_memory(err, "an open file");
    }
    (*out)->source = source;
    (*out)->name = memcpy((*out)->path, source->path, path_size + 1);
    return FIRN_OK;
}

void
fi_block_descriptor_close(struct fi_block_descriptor *descriptor)
{
    if (descriptor == NULL) {
        return;
    }
    struct fi_block_descriptors *all = descriptor->all;
    if (all != NULL) {
        fi_os_mutex_lock(&all->mutex);
        uint64_t uses = atomic_load_explicit(&descriptor->uses, memory_order_acquire);
        DCHECK((uses & ~CLOSED) == 0);
        if (uses == 0) {
            leave_ring_locked(all, descriptor);
        }
        fi_os_mutex_unlock(&all->mutex);
    }
    fi_os_file_close(descriptor->file);
    fi_free(descriptor);
}

const char *
fi_block_descriptor_path(const struct fi_block_descriptor *descriptor)
{
    return descriptor->path;
}

/* ---- reading ---- */

/* Of a descriptor that was closed when this read was counted. */
static int
open_again(struct fi_block_descriptor *descriptor, firn_error *err)
{
    struct fi_os_file *file;
    struct fi_os_stat stat;
    int rc = open_file(descriptor, &stat, &file, err);
    if (rc == FIRN_OK) {
        block_descriptor_attach(descriptor, file);
    }
    return rc;
}

int
fi_block_descriptor_read(struct fi_block_descriptor *descriptor, uint64_t offset, void *data,
                         size_t size, firn_error *err)
{
    int rc = FIRN_OK;
    if (descriptor->source != NULL) {
        return descriptor->source->read(descriptor->source->ctx, offset, data, size, err);
    }
    /* Pairs with attach. */
    uint64_t before = atomic_fetch_add_explicit(&descriptor->uses, 1, memory_order_acquire);
    if ((before & CLOSED) != 0) {
        rc = open_again(descriptor, err);
    } else if (!atomic_load_explicit(&descriptor->was_used, memory_order_relaxed)) {
        atomic_store_explicit(&descriptor->was_used, true, memory_order_relaxed);
    }
    if (rc == FIRN_OK) {
        rc = fi_os_file_read_exact(descriptor->file, offset, data, size, err);
    }
    /* Pairs with take_one_locked. */
    before = atomic_fetch_sub_explicit(&descriptor->uses, 1, memory_order_release);
    DCHECK((before & ~CLOSED) > 0);
    return rc;
}
