/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout.c: changes the tree on disk from one state to another, in passes.
 *
 *   plan     reports and counts the changes, and finds what must not be touched (checkout_plan.c,
 *            here)
 *   verify   reads and verifies every object that is needed (checkout_verify.c); the caller may
 *            leave it out, since staging verifies what it writes
 *   stage    writes new files and directories under temporary names beside their targets
 *            (checkout_stage.c)
 *   sync     makes everything staged durable
 *   swap     checks that nothing has changed since; renames; deletes; sets metadata
 *            (checkout_swap.c)
 *   sync     makes the result durable
 *
 * Between the first sync and the swap the caller records in its journal that files begin to change
 * (catalog_journal.c).
 *
 * A failure before the first rename of the swap leaves the tree as it was (I1): staged files have
 * names with the tag of this run and are removed again. A directory that is not writable for its
 * owner is made writable temporarily; its mode is set back however the restore ends. A target is
 * only ever replaced by a rename, never opened for writing (I2). Every path is walked from the root
 * component by component without following links, and every name was checked when its tree was
 * decoded, so nothing outside the root is reached (I3). Nothing of a reserved name (tree.h) is
 * written, changed or removed: the walk skips it on both sides, and a path with such a name is
 * never resolved (I4; not checked: set_place refuses it with an error).
 *
 * All passes visit the same changes in the same order (checkout_walk.c). Names and places of what
 * is not in its own place yet: checkout_place.c.
 */
#include "checkout/checkout.h"

#include "base/check.h"
#include "base/mem.h"
#include "checkout/checkout_internal.h"

enum { THREADS_MAX = 64 };

static void
on_incomplete(void *ctx, firn_slice path, const char *text)
{
    struct fi_checkout *checkout = ctx;
    fi_checkout_progress_notice(checkout, FIRN_NOTICE_METADATA, path, text);
    fi_os_mutex_lock(&checkout->mutex);
    checkout->counts.incomplete++;
    fi_os_mutex_unlock(&checkout->mutex);
}

static int
on_bytes(void *ctx, uint64_t bytes, firn_error *err)
{
    return fi_checkout_progress(ctx, 0, bytes, err);
}

/* What all writers share. */
static int
create_spread(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(checkout->writer_count > 0 && checkout->jobs != NULL);
    struct fi_pack_scratch **scratches =
        fi_alloc_array(checkout->writer_count, sizeof(struct fi_pack_scratch *));
    if (scratches == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        scratches[i] = checkout->writers[i].scratch;
    }
    checkout->spread = (struct fi_objects_spread){.objects = checkout->options.objects,
                                                  .jobs = checkout->jobs,
                                                  .scratches = scratches,
                                                  .thread_count = checkout->writer_count,
                                                  .on_bytes = on_bytes,
                                                  .ctx = checkout};
    return FIRN_OK;
}

static int
create_writers(struct fi_checkout *checkout, firn_error *err)
{
    unsigned threads =
        checkout->options.threads != 0 ? checkout->options.threads : fi_os_cpu_count(checkout->os);
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    DCHECK(threads > 0);
    checkout->writers = fi_alloc_array(threads, sizeof *checkout->writers);
    if (checkout->writers == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    for (; checkout->writer_count < threads; checkout->writer_count++) {
        struct fi_checkout_write *write = &checkout->writers[checkout->writer_count];
        int rc = fi_checkout_write_init(write, checkout->options.objects, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        write->is_foreign = checkout->options.is_foreign;
        write->on_incomplete = on_incomplete;
        write->ctx = checkout;
    }
    int rc = fi_os_jobs_create(checkout->os, threads, &checkout->jobs, err);
    return rc == FIRN_OK ? create_spread(checkout, err) : rc;
}

int
fi_checkout_create(const struct fi_checkout_options *options, struct fi_checkout **out,
                   firn_error *err)
{
    *out = NULL;
    DCHECK(options->objects != NULL && options->after.root != NULL);
    struct fi_checkout *checkout = fi_alloc_zeroed(sizeof *checkout);
    if (checkout == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    checkout->options = *options;
    checkout->os = fi_os_dir_os(options->root);
    checkout->into_empty = options->before.root == NULL;
    fi_os_mutex_init(checkout->os, &checkout->mutex, FI_LOCK_WORKSPACE_TREE);
    fi_checkout_place_init(checkout);
    fi_checkout_left_init(checkout);
    checkout->is_superuser = fi_os_user_id(checkout->os) == 0;
    int rc;
    FI_TRY(create_writers(checkout, err));
    *out = checkout;
    return FIRN_OK;
out:
    fi_checkout_destroy(checkout);
    return rc;
}

void
fi_checkout_destroy(struct fi_checkout *checkout)
{
    if (checkout == NULL) {
        return;
    }
    fi_os_jobs_destroy(checkout->jobs);
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        fi_checkout_write_deinit(&checkout->writers[i]);
    }
    fi_free(checkout->writers);
    fi_free(checkout->spread.scratches);
    fi_hash_map_deinit(&checkout->new_roots);
    fi_hash_map_deinit(&checkout->left);
    fi_checkout_record_deinit(&checkout->record);
    fi_buf_deinit(&checkout->excluded);
    fi_buf_deinit(&checkout->path);
    fi_buf_deinit(&checkout->removed_dirs);
    fi_arena_deinit(&checkout->arena);
    fi_os_mutex_deinit(&checkout->mutex);
    fi_free(checkout);
}

const struct fi_checkout_counts *
fi_checkout_counts(const struct fi_checkout *checkout)
{
    return &checkout->counts;
}

/* Passes come one after the other. */
static bool
is_between_passes(const struct fi_checkout *checkout)
{
    return checkout->batch == NULL && checkout->staging == NULL && checkout->swapping == NULL &&
           checkout->verifying == NULL;
}

int
fi_checkout_prepare(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(is_between_passes(checkout) && !checkout->is_undone);
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        checkout->writers[i].sync = checkout->syncs_each;
    }
    int rc = fi_checkout_stage(checkout, err);
    if (rc == FIRN_OK && !checkout->into_empty) {
        rc = fi_checkout_progress_phase(checkout, "sync", 0, 0, err);
        rc = rc == FIRN_OK ? fi_checkout_sync_staged(checkout, err) : rc;
    }
    if (rc == FIRN_OK) { /* the caller may cancel here, before the journal records more */
        rc = fi_checkout_progress_phase(checkout, "look", 0, 0, err);
    }
    if (rc != FIRN_OK) {
        fi_checkout_stage_undo(checkout);
    }
    return rc;
}

int
fi_checkout_finish(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(is_between_passes(checkout) && !checkout->is_undone); /* the staged entries exist */
    int rc = fi_checkout_swap(checkout, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    checkout->counts.written_at_ns = fi_os_monotonic_ns(checkout->os);
    DCHECK(!checkout->is_undone && checkout->counts.not_restored >= checkout->planned_left);
    rc = fi_checkout_progress_phase(checkout, "sync", 0, 0, err);
    rc = rc == FIRN_OK ? fi_checkout_sync_swapped(checkout, err) : rc;
    return rc == FIRN_OK && checkout->counts.not_restored > checkout->planned_left
               ? fi_checkout_plan_recount(checkout, err)
               : rc;
}

void
fi_checkout_give_up(struct fi_checkout *checkout)
{
    DCHECK(is_between_passes(checkout) && !checkout->progress.is_finishing); /* (I1) */
    fi_checkout_stage_undo(checkout);
}

bool
fi_checkout_is_undone(const struct fi_checkout *checkout)
{
    return checkout->is_undone;
}
