/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_file.c: the run files that MANIFEST names.
 *
 * A file has a number from the moment its run is written, and is shared by all versions that name
 * it. It is opened when a reader first needs it, so that a store opens quickly, and even if a run
 * is missing: reading the keys of that run fails, everything else can be read.
 *
 * The file of an open run points to its handle. Readers find the handle with one load:
 *
 * (I1) A handle that was loaded from a file inside the epoch stays open until the reader leaves the
 *      epoch: the thread that detaches it retires the file's reference (base/epoch.h). (Not
 *      checked: the epoch does not know its threads.)
 * (I2) A pin is counted inside the epoch, while the handle is attached to its file or has just been
 *      detached, so the count is never raised from zero.
 * (I3) A handle is closed when its count falls to zero: the file's reference and all pins have been
 *      released.
 *
 * The number of attached handles is bounded by the CLOCK algorithm: the files that have one form a
 * ring, and a hand goes round it. The hand passes over files that were used since its last visit,
 * and over pinned ones, which would stay open anyway and be opened twice. So while cursors pin more
 * than the bound, more are open; the next opening or collection closes them. The number of their
 * file descriptors has a bound of its own, which holds for pinned ones too
 * (block/block_descriptor.c).
 *
 * (I4) The same bound holds for handles that are detached and wait for readers to leave the epoch.
 *      While a reader stays in the epoch for long, no more handles are detached; otherwise the same
 *      files would be opened again and again, each time with another descriptor.
 *
 * Value files (run/run_value_file.h) are represented in the same way, but runs refer to them
 * instead of versions: each run holds one reference to each of its value files as long as the run
 * exists. So a value file is unused once the last run that refers to it has been destroyed. It may
 * then be removed unless one of these runs, as far as is known, stays in the store.
 *
 * Attachments (run/run_kind.h) are represented in the same way too, each with one reference,
 * which its run holds. When the run is destroyed they are unused; they are gone if the run is.
 *
 * A run that gets an attachment later becomes another struct fi_version_file for the same file on
 * disk; versions that name the old one keep it. The old one holds a reference to the new one, so
 * the file on disk stays as long as either is used.
 *
 * A run that a compaction wrote may hold a reference to one of its inputs until its graphs are
 * built.
 *
 * If two threads open the same run at once, both read it; one handle is attached, the other is
 * closed.
 *
 * Locking: the mutex guards the ring. Opening and closing are I/O and happen without it. References
 * of versions are counted without it; releasing the last one moves the file to the list of unused
 * files, which the owner of the trees empties.
 *
 * Failure: if a run could not be opened, the next reader tries again.
 */
#include "version/version_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "os/os_process.h"
#include "run/run_value_file.h"

enum { DESCRIPTORS_MIN = 16, DESCRIPTORS_MAX = 512 };

static int pin_values(void *ctx, uint64_t number, struct fi_run **out, void **out_pin,
                      firn_error *err);
static void unpin_values(void *pin);

/* How many descriptors of a process one store may use: the rest is for others, and for the files
 * that are written. */
static size_t
descriptors_max(void)
{
    size_t share = fi_os_process_descriptors_max() / 4;
    return share < DESCRIPTORS_MIN   ? DESCRIPTORS_MIN
           : share > DESCRIPTORS_MAX ? DESCRIPTORS_MAX
                                     : share;
}

void
fi_version_file_init_all(struct fi_run_files *files, struct fi_os *os)
{
    fi_os_mutex_init(os, &files->mutex, FI_LOCK_LSM_FILES);
    fi_block_descriptor_init_all(&files->descriptors, os, descriptors_max());
    files->env.descriptors = &files->descriptors;
    atomic_init(&files->unused, NULL);
    atomic_init(&files->leaving, 0);
    files->hand = NULL;
    files->open_count = 0;
}

void
fi_version_file_deinit_all(struct fi_run_files *files)
{
    DCHECK(atomic_load_explicit(&files->unused, memory_order_relaxed) == NULL);
    DCHECK(atomic_load_explicit(&files->leaving, memory_order_relaxed) == 0);
    CHECK(files->open_count == 0);
    fi_block_descriptor_deinit_all(&files->descriptors);
    fi_os_mutex_deinit(&files->mutex);
}

void
fi_version_file_name(uint64_t number, const struct fi_run_kind *kind,
                     char out[FI_VERSION_FILE_NAME_SIZE])
{
    DCHECK(number > 0);
    int size = snprintf(out, FI_VERSION_FILE_NAME_SIZE, "%06" PRIu64 ".%s", number, kind->name);
    CHECK(size > 0 && size < FI_VERSION_FILE_NAME_SIZE);
}

/* ---- life ---- */

/* The references of a file, which follow it in memory. */
static struct fi_manifest_reference *
references_of(struct fi_version_file *file)
{
    return (struct fi_manifest_reference *)(file + 1);
}

static void
copy_bytes(uint8_t *to, firn_slice from)
{
    if (from.size > 0) {
        memcpy(to, from.data, from.size);
    }
}

/* The newest sequence in the groups of a history run. */
static uint64_t
history_last_of(const struct fi_manifest_run *info)
{
    uint64_t last = info->sequence_max;
    for (size_t i = 0; i < info->group_count; i++) {
        last = info->groups[i].last > last ? info->groups[i].last : last;
        last = info->groups[i].newer_last > last ? info->groups[i].newer_last : last;
    }
    return last;
}

/* What lookups and version.c rely on. */
static bool
makes_sense(const struct fi_manifest_run *info)
{
    for (size_t i = 1; i < info->reference_count; i++) {
        if (info->references[i - 1].number >= info->references[i].number) {
            return false;
        }
    }
    return info->kind == FI_BLOCK_FILE_VALUES || (fi_slice_compare(info->lower, info->upper) < 0 &&
                                                  info->sequence_min <= info->sequence_max);
}

static struct fi_version_file *
version_file_create(struct fi_run_files *files, const struct fi_run_kind *kind,
                    const struct fi_manifest_run *info)
{
    size_t count = info->reference_count;
    size_t references_size = count * sizeof *info->references;
    size_t groups_size = info->group_count * sizeof *info->groups;
    size_t attached = info->attachment_count;
    size_t attachments_size = attached * sizeof *info->attachments;
    size_t files_size = (count + attached) * sizeof(struct fi_version_file *);
    /* Every seek reads the bounds, which come last. The padding keeps objects that other threads
     * write out of their cache line. */
    enum { PADDING = 64 };
    struct fi_version_file *file =
        fi_alloc_zeroed(sizeof *file + references_size + attachments_size + groups_size +
                        files_size + info->lower.size + info->upper.size + PADDING);
    if (file == NULL) {
        return NULL;
    }
    uint8_t *bytes =
        (uint8_t *)(file + 1) + references_size + files_size + attachments_size + groups_size;
    DCHECK((uintptr_t)(bytes - groups_size) % _Alignof(struct fi_manifest_group) == 0);
    copy_bytes(bytes, info->lower);
    copy_bytes(bytes + info->lower.size, info->upper);
    file->info = *info;
    file->history_last = history_last_of(info);
    if (info->group_count > 0) {
        file->info.groups = memcpy(bytes - groups_size, info->groups, groups_size);
    }
    if (count > 0) {
        file->info.references = memcpy(references_of(file), info->references, references_size);
        file->value_files = (struct fi_version_file **)(void *)(references_of(file) + count);
    }
    if (attached > 0) {
        file->attachments =
            (struct fi_version_file **)(void *)(references_of(file) + count) + count;
        file->info.attachments =
            memcpy(file->attachments + attached, info->attachments, attachments_size);
    }
    file->values = (struct fi_run_values){file, pin_values, unpin_values};
    file->info.lower = firn_bytes(bytes, info->lower.size);
    file->info.upper = firn_bytes(bytes + info->lower.size, info->upper.size);
    file->kind = kind;
    file->files = files;
    atomic_init(&file->refs, 1);
    atomic_init(&file->handle, NULL);
    atomic_init(&file->was_used, false);
    atomic_init(&file->is_damaged, false);
    atomic_init(&file->skipped_by, 0);
    atomic_init(&file->cache_file, 0);
    atomic_init(&file->graphs_seen, 0);
    return file;
}

/* False: memory is out; the run has those that were made. */
static bool
create_attachments(struct fi_version_file *file)
{
    for (size_t i = 0; i < file->info.attachment_count; i++) {
        const struct fi_run_attachment *attachment = &file->info.attachments[i];
        const struct fi_run_kind *kind =
            fi_run_kind_find(file->kind->attachment_kinds, attachment->kind);
        const struct fi_manifest_run info = {.number = attachment->number,
                                             .kind = attachment->kind,
                                             .file_bytes = attachment->file_bytes,
                                             .identity = attachment->identity};
        CHECK(kind != NULL && attachment->number != file->info.number);
        file->attachments[i] = version_file_create(file->files, kind, &info);
        if (file->attachments[i] == NULL) {
            return false;
        }
        file->attachments[i]->owner = file;
    }
    return true;
}

struct fi_version_file *
fi_version_file_create(struct fi_run_files *files, const struct fi_run_kind *kind,
                       const struct fi_manifest_run *info)
{
    DCHECK(info->number > 0 && makes_sense(info));
    struct fi_version_file *file = version_file_create(files, kind, info);
    if (file != NULL && !create_attachments(file)) {
        for (size_t i = 0; i < file->info.attachment_count; i++) {
            fi_free(file->attachments[i]); /* no reader has seen it */
        }
        fi_free(file);
        return NULL;
    }
    return file;
}

struct fi_version_file *
fi_version_file_create_attached(const struct fi_version_file *file,
                                const struct fi_run_attachment *attachment)
{
    size_t count = file->info.attachment_count;
    struct fi_run_attachment all[FI_RUN_ATTACHMENTS_MAX];
    struct fi_manifest_run info = file->info;
    CHECK(count < FI_RUN_ATTACHMENTS_MAX && info.reference_count == 0);
    CHECK(count == 0 || info.attachments[count - 1].number < attachment->number);
    if (count > 0) {
        memcpy(all, info.attachments, count * sizeof *all);
    }
    all[count] = *attachment;
    info.attachments = all;
    info.attachment_count = count + 1;
    return fi_version_file_create(file->files, file->kind, &info);
}

void
fi_version_file_succeed(struct fi_version_file *file, struct fi_version_file *successor)
{
    CHECK(file->successor == NULL && !file->is_gone);
    CHECK(file->info.number == successor->info.number);
    fi_version_file_ref(successor);
    file->successor = successor;
}

void
fi_version_file_set_cache_file(struct fi_version_file *file, uint64_t cache_file)
{
    DCHECK(atomic_load_explicit(&file->handle, memory_order_relaxed) == NULL);
    /* Relaxed: the file is published after this store, so any thread that opens the run sees it. */
    atomic_store_explicit(&file->cache_file, cache_file, memory_order_relaxed);
}

/* The number is the caller's now; the next call returns 0. */
static uint64_t
take_cache_file(struct fi_version_file *file)
{
    return atomic_exchange_explicit(&file->cache_file, 0, memory_order_relaxed);
}

void
fi_version_file_ref(struct fi_version_file *file)
{
    size_t before = atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
    DCHECK(before > 0);
}

void
fi_version_file_unref(struct fi_version_file *file)
{
    /* Release this thread's accesses, and acquire those of others before the file is destroyed. */
    size_t before = atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel);
    DCHECK(before > 0);
    if (before != 1) {
        return;
    }
    struct fi_run_files *files = file->files;
    file->next_unused = atomic_load_explicit(&files->unused, memory_order_relaxed);
    /* Release pairs with the acquire in take_unused. */
    while (!atomic_compare_exchange_weak_explicit(&files->unused, &file->next_unused, file,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

struct fi_version_file *
fi_version_file_take_unused(struct fi_run_files *files)
{
    return atomic_exchange_explicit(&files->unused, NULL, memory_order_acquire);
}

/* ---- value files ---- */

struct fi_version_file *
fi_version_file_create_values(struct fi_run_files *files,
                              const struct fi_manifest_reference *reference)
{
    const struct fi_manifest_run info = {.number = reference->number,
                                         .kind = FI_BLOCK_FILE_VALUES,
                                         .content_bytes = reference->total_bytes,
                                         .identity = reference->identity};
    struct fi_version_file *file = fi_version_file_create(files, &fi_run_value_file_kind, &info);
    if (file != NULL) {
        file->is_gone = true;
    }
    return file;
}

struct fi_version_file *
fi_version_file_find_values(const struct fi_version_file *file, uint64_t number)
{
    size_t low = 0;
    size_t high = file->info.reference_count;
    FI_SEARCH_FIRST(low, high, middle, file->info.references[middle].number < number);
    bool is_there = low < file->info.reference_count && file->info.references[low].number == number;
    return is_there ? file->value_files[low] : NULL;
}

void
fi_version_file_set_values(struct fi_version_file *file, size_t i, struct fi_version_file *values)
{
    CHECK(file->value_files[i] == NULL && values->info.number == file->info.references[i].number);
    fi_version_file_ref(values);
    file->value_files[i] = values;
}

void
fi_version_file_set_value_totals(struct fi_version_file *file)
{
    struct fi_manifest_reference *references = references_of(file);
    for (size_t i = 0; i < file->info.reference_count; i++) {
        DCHECK(file->value_files[i] != NULL);
        references[i].total_bytes = file->value_files[i]->info.content_bytes;
    }
}

/* For struct fi_run_values: only the run's own value files, so that a reference to any other is
 * refused. */
static int
pin_values(void *ctx, uint64_t number, struct fi_run **out, void **out_pin, firn_error *err)
{
    const struct fi_version_file *file = ctx;
    struct fi_version_file *values = fi_version_file_find_values(file, number);
    struct fi_version_file_handle *pin;
    if (values == NULL) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "run %" PRIu64 " may not refer to the value file %" PRIu64,
                            file->info.number, number);
    }
    int rc = fi_version_file_pin(values, &pin, err);
    if (rc == FIRN_OK) {
        *out = pin->run;
        *out_pin = pin;
    }
    return rc;
}

static void
unpin_values(void *pin)
{
    fi_version_file_unpin(pin);
}

/* Releases the value files of a run. They are not gone if the run, as far as is known, stays. */
static void
drop_values(struct fi_version_file *file)
{
    for (size_t i = 0; i < file->info.reference_count; i++) {
        struct fi_version_file *values = file->value_files[i];
        if (values != NULL) {
            values->is_gone = values->is_gone && file->is_gone;
            fi_version_file_unref(values);
        }
    }
}

/* Attachments are gone if their run is. */
static void
drop_attachments(struct fi_version_file *file)
{
    for (size_t i = 0; i < file->info.attachment_count; i++) {
        struct fi_version_file *attachment = file->attachments[i];
        DCHECK(attachment->owner == file &&
               atomic_load_explicit(&attachment->refs, memory_order_relaxed) == 1);
        attachment->is_gone = file->is_gone;
        attachment->gone_version = file->gone_version;
        attachment->owner = NULL;
        fi_version_file_unref(attachment);
    }
}

static void
leave_ring_locked(struct fi_run_files *files, struct fi_version_file *file)
{
    fi_os_mutex_assert_held(&files->mutex);
    DCHECK(files->open_count > 0 && files->hand != NULL && file->ring_next != NULL);
    if (file->ring_next == file) {
        files->hand = NULL;
    } else {
        file->ring_prev->ring_next = file->ring_next;
        file->ring_next->ring_prev = file->ring_prev;
        if (files->hand == file) {
            files->hand = file->ring_next;
        }
    }
    file->ring_next = NULL;
    file->ring_prev = NULL;
    files->open_count--;
}

static void
enter_ring_locked(struct fi_run_files *files, struct fi_version_file *file)
{
    fi_os_mutex_assert_held(&files->mutex);
    DCHECK(file->ring_next == NULL && (files->hand == NULL) == (files->open_count == 0));
    /* Just before the hand, which comes here last. */
    struct fi_version_file *hand = files->hand;
    if (hand == NULL) {
        file->ring_next = file;
        file->ring_prev = file;
        files->hand = file;
    } else {
        file->ring_next = hand;
        file->ring_prev = hand->ring_prev;
        hand->ring_prev->ring_next = file;
        hand->ring_prev = file;
    }
    files->open_count++;
}

void
fi_version_file_destroy(struct fi_version_file *file)
{
    struct fi_run_files *files = file->files;
    CHECK(atomic_load_explicit(&file->refs, memory_order_relaxed) == 0);
    fi_os_mutex_lock(&files->mutex);
    struct fi_version_file_handle *handle =
        atomic_load_explicit(&file->handle, memory_order_relaxed);
    if (handle != NULL) {
        leave_ring_locked(files, file);
    }
    fi_os_mutex_unlock(&files->mutex);
    /* No version names the file, so no reader can get the handle from one. */
    fi_version_file_unpin(handle);
    fi_block_cache_drop_file(files->env.cache, take_cache_file(file));
    drop_values(file);
    drop_attachments(file);
    if (file->successor != NULL) {
        fi_version_file_unref(file->successor);
    }
    if (file->forerunner != NULL) {
        fi_version_file_unref(file->forerunner);
    }
    fi_free(file);
}

/* ---- handles ---- */

void
fi_version_file_unpin(struct fi_version_file_handle *handle)
{
    if (handle == NULL) {
        return;
    }
    size_t before = atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel);
    DCHECK(before > 0); /* (I3) */
    if (before == 1) {
        handle->run->kind->close(handle->run);
        fi_free(handle);
    }
}

static void
release_handle(struct fi_epoch_node *node)
{
    /* The node is the handle's first member. */
    struct fi_version_file_handle *handle = (struct fi_version_file_handle *)(void *)node;
    size_t before = atomic_fetch_sub_explicit(&handle->files->leaving, 1, memory_order_relaxed);
    DCHECK(before > 0);
    fi_version_file_unpin(handle);
}

/* Detaches a handle; false if none can be detached after two rounds. */
static bool
close_one_locked(struct fi_run_files *files)
{
    fi_os_mutex_assert_held(&files->mutex);
    for (size_t i = 0; i < 2 * files->open_count; i++) {
        struct fi_version_file *file = files->hand;
        files->hand = file->ring_next;
        struct fi_version_file_handle *handle =
            atomic_load_explicit(&file->handle, memory_order_relaxed);
        DCHECK(handle != NULL);
        if (atomic_exchange_explicit(&file->was_used, false, memory_order_relaxed) ||
            atomic_load_explicit(&handle->refs, memory_order_relaxed) > 1) {
            continue;
        }
        leave_ring_locked(files, file);
        /* (I1). */
        atomic_store_explicit(&file->handle, NULL, memory_order_seq_cst);
        atomic_fetch_add_explicit(&files->leaving, 1, memory_order_relaxed);
        fi_epoch_retire(files->epoch, &handle->node, release_handle);
        return true;
    }
    return false;
}

/* Reduces the number of attached handles to count, as far as pins allow. */
static void
shrink_locked(struct fi_run_files *files, size_t count)
{
    fi_os_mutex_assert_held(&files->mutex);
    /* (I4) */
    while (files->open_count > count &&
           atomic_load_explicit(&files->leaving, memory_order_relaxed) < files->open_max &&
           close_one_locked(files)) {
    }
    /* (I4) */
    DCHECK(atomic_load_explicit(&files->leaving, memory_order_relaxed) <= files->open_max);
}

void
fi_version_file_shrink(struct fi_run_files *files)
{
    size_t before;
    size_t after;
    do {
        fi_epoch_reclaim(files->epoch);
        fi_os_mutex_lock(&files->mutex);
        before = files->open_count;
        shrink_locked(files, files->open_max);
        after = files->open_count;
        fi_os_mutex_unlock(&files->mutex);
    } while (after < before);
}

/* Attaches it to the file, unless another thread was faster. */
static bool
version_file_hang(struct fi_version_file *file, struct fi_version_file_handle *handle)
{
    struct fi_run_files *files = file->files;
    fi_os_mutex_lock(&files->mutex);
    bool is_mine = atomic_load_explicit(&file->handle, memory_order_relaxed) == NULL;
    if (is_mine) {
        DCHECK(files->open_max > 0);
        shrink_locked(files, files->open_max - 1);
        enter_ring_locked(files, file);
        /* Pairs with the load in find_handle: the handle's fields are visible. */
        atomic_store_explicit(&file->handle, handle, memory_order_seq_cst);
    }
    fi_os_mutex_unlock(&files->mutex);
    return is_mine;
}

/* ---- opening ---- */

/* A key for a message: at most some bytes of it, other than plain ones as \xNN. */
static void
key_text(firn_slice key, char *out, size_t out_size)
{
    enum { SHOWN_MAX = 32 };
    size_t at = 0;
    size_t shown = key.size < SHOWN_MAX ? key.size : SHOWN_MAX;
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = key.data[i];
        bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '\'' && byte != '\\';
        int size = snprintf(out + at, out_size - at, is_plain ? "%c" : "\\x%02x", byte);
        CHECK(size > 0 && (size_t)size < out_size - at);
        at += (size_t)size;
    }
    if (shown < key.size) {
        CHECK(out_size - at > 3);
        memcpy(out + at, "...", 4);
    }
}

static const char *
dir_of(const struct fi_version_file *file)
{
    return file->files->env.dir == NULL ? "runs" : fi_os_dir_path(file->files->env.dir);
}

/* Adds to a failure what cannot be read. A missing file is damage. */
static int
version_file_explain(const struct fi_version_file *file, const char *name, int rc, firn_error *err)
{
    if (file->info.kind == FI_BLOCK_FILE_VALUES) {
        return rc != FIRN_NOT_FOUND
                   ? rc
                   : fi_error_set(err, FIRN_CORRUPT, "'%s/%s', with large values, is missing",
                                  dir_of(file), name);
    }
    if (file->owner != NULL) {
        if (rc == FIRN_NOT_FOUND) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "'%s/%s', which is attached to run %" PRIu64 ", is missing",
                                dir_of(file), name, file->owner->info.number);
        }
        if (err != NULL) {
            fi_error_prefix(err, "attached to run %" PRIu64, file->owner->info.number);
        }
        return rc;
    }
    char lower[160] = "";
    char upper[160] = "";
    key_text(file->info.lower, lower, sizeof lower);
    key_text(file->info.upper, upper, sizeof upper);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s/%s' is missing: cannot read keys from '%s' up to before '%s'",
                            dir_of(file), name, lower, upper);
    }
    if (err != NULL) {
        fi_error_prefix(err, "keys from '%s' up to before '%s' cannot be read", lower, upper);
    }
    return rc;
}

/* Whether the run is the one that MANIFEST names. */
static bool
is_as_named(const struct fi_version_file *file, const struct fi_run_summary *summary)
{
    const struct fi_manifest_run *info = &file->info;
    if (file->owner != NULL) {
        return summary->file_bytes == info->file_bytes && summary->identity == info->identity;
    }
    if (info->kind == FI_BLOCK_FILE_VALUES) {
        bool is_size = summary->is_bare ? summary->content_bytes >= info->content_bytes
                                        : summary->content_bytes == info->content_bytes;
        return is_size && summary->identity == info->identity;
    }
    /* Of runs in clear MANIFEST names no identity, and of encrypted ones none before version 6. */
    return (info->identity == 0 || summary->identity == info->identity) &&
           summary->file_bytes == info->file_bytes && summary->entry_count == info->entry_count &&
           summary->tombstone_count == info->tombstone_count &&
           summary->range_count == info->range_count &&
           summary->content_bytes == info->content_bytes &&
           summary->sequence_min == info->sequence_min &&
           summary->sequence_max == info->sequence_max &&
           fi_slice_equal(fi_buf_slice(&summary->lower), info->lower) &&
           fi_slice_equal(fi_buf_slice(&summary->upper), info->upper);
}

static int
open_run(struct fi_version_file *file, struct fi_run **out, firn_error *err)
{
    char name[FI_VERSION_FILE_NAME_SIZE];
    firn_error local;
    struct fi_run *run = NULL;
    struct fi_run_env env = file->files->env;
    env.values = &file->values;
    env.cache_file = take_cache_file(file);
    fi_version_file_name(file->info.number, file->kind, name);
    firn_error *filled = err != NULL ? err : &local;
    int rc = env.dir == NULL ? FIRN_NOT_FOUND : file->kind->open(&env, name, &run, filled);
    if (rc != FIRN_OK) {
        return version_file_explain(file, name, rc, filled);
    }
    if (!is_as_named(file, file->kind->summary(run))) {
        file->kind->close(run);
        rc = fi_error_set(filled, FIRN_CORRUPT, "'%s/%s' is not the %s that MANIFEST names",
                          fi_os_dir_path(env.dir), name,
                          file->owner != NULL                       ? "attachment"
                          : file->info.kind == FI_BLOCK_FILE_VALUES ? "file of values"
                                                                    : "run");
        return version_file_explain(file, name, rc, filled);
    }
    *out = run;
    return FIRN_OK;
}

/* Inside the epoch. */
static int
make_handle(struct fi_version_file *file, struct fi_version_file_handle **out, firn_error *err)
{
    struct fi_version_file_handle *handle = fi_alloc(sizeof *handle);
    if (handle == NULL) {
        return fi_error_no_memory(err, "an open run");
    }
    int rc = open_run(file, &handle->run, err);
    if (rc != FIRN_OK) {
        fi_free(handle);
        return rc;
    }
    atomic_init(&handle->refs, 1);
    handle->files = file->files;
    if (!version_file_hang(file, handle)) {
        fi_version_file_unpin(handle);
        handle = NULL;
    }
    /* Handles that were detached for this one or before are closed as soon as no reader can have
     * them, and not only at the next write. */
    fi_epoch_reclaim(file->files->epoch);
    *out = handle;
    return FIRN_OK;
}

/* Inside the epoch. */
static int
find_handle(struct fi_version_file *file, struct fi_version_file_handle **out, firn_error *err)
{
    for (;;) {
        /* Pairs with the stores in hang and close_one_locked. */
        struct fi_version_file_handle *handle =
            atomic_load_explicit(&file->handle, memory_order_seq_cst);
        if (handle == NULL) {
            int rc = make_handle(file, &handle, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        if (handle != NULL) {
            /* Written only if it changes: otherwise readers of one file would contend for the cache
             * line. */
            if (!atomic_load_explicit(&file->was_used, memory_order_relaxed)) {
                atomic_store_explicit(&file->was_used, true, memory_order_relaxed);
            }
            *out = handle;
            return FIRN_OK;
        }
    }
}

int
fi_version_file_open(struct fi_version_file *file, struct fi_run **out, firn_error *err)
{
    struct fi_version_file_handle *handle;
    int rc = find_handle(file, &handle, err);
    if (rc == FIRN_OK) {
        *out = handle->run;
    }
    return rc;
}

const struct fi_run *
fi_version_file_peek(const struct fi_version_file *file)
{
    /* As in find_handle. */
    const struct fi_version_file_handle *handle =
        atomic_load_explicit(&file->handle, memory_order_seq_cst);
    return handle == NULL ? NULL : handle->run;
}

int
fi_version_file_pin(struct fi_version_file *file, struct fi_version_file_handle **out,
                    firn_error *err)
{
    struct fi_epoch *epoch = file->files->epoch;
    struct fi_version_file_handle *handle;
    size_t slot = fi_epoch_enter(epoch);
    int rc = find_handle(file, &handle, err);
    if (rc == FIRN_OK) {
        size_t before = atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
        DCHECK(before > 0); /* (I2) */
        *out = handle;
    }
    fi_epoch_leave(epoch, slot);
    return rc;
}
