/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_verify.c: the pass that reads and verifies every object that will be needed,
 * so that damage is found before the first byte of the tree changes. Nothing is kept: objects are
 * verified again when they are written.
 *
 * Damage does not end the pass: the owner of a damaged store wants to know all lost files, not only
 * the first. Each is reported with its damage, up to TOLD_MAX; the error gives their number and the
 * first of them in the order of paths, with any number of threads. Failures of the machine, and a
 * cancellation by the caller, do end it.
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"

enum { TOLD_MAX = 100 };

struct verifying {
    /* Under checkout->mutex. */
    uint64_t count;
    struct fi_buf path; /* of the first one in the order of paths */
    firn_error error;
    /* The content that was verified last, and the result. Files with the same content come one
     * after the other (checkout_batch.c), so each is verified about once. */
    firn_hash last;
    uint64_t last_size; /* 0: none */
    int last_rc;
    firn_error last_error;
};

static bool
is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO || rc == FIRN_NOT_FOUND;
}

/* *out_is_told is false once enough has been reported. */
static int
checkout_verify_note(struct fi_checkout *checkout, firn_slice path, const firn_error *found,
                     bool *out_is_told)
{
    DCHECK(is_finding(found->code)); /* the error for all of them is one of these */
    struct verifying *verifying = checkout->verifying;
    int rc = FIRN_OK;
    fi_os_mutex_lock(&checkout->mutex);
    *out_is_told = verifying->count < TOLD_MAX;
    if (verifying->count++ == 0 || fi_slice_compare(path, fi_buf_slice(&verifying->path)) < 0) {
        fi_buf_clear(&verifying->path);
        rc = fi_buf_append_slice(&verifying->path, path);
        verifying->error = *found;
    }
    fi_os_mutex_unlock(&checkout->mutex);
    return rc;
}

static int
tick_unseen(void *ctx, uint64_t bytes, firn_error *err)
{
    (void)ctx;
    (void)bytes; /* not a large file: reported when done */
    (void)err;
    return FIRN_OK;
}

/* Verifies a content, unless that was just done. */
static int
verify_content(struct fi_checkout_worker *worker, const struct fi_tree_entry *entry,
               firn_error *err)
{
    struct fi_checkout *checkout = worker->checkout;
    struct verifying *verifying = checkout->verifying;
    const struct fi_checkout_write *write = worker->write;
    fi_os_mutex_lock(&checkout->mutex);
    const bool is_known = verifying->last_size > 0 && verifying->last_size == entry->size &&
                          fi_hash_equal(&verifying->last, &entry->hash);
    int rc = is_known ? verifying->last_rc : FIRN_OK;
    if (is_known && rc != FIRN_OK) {
        fi_error_copy(err, &verifying->last_error);
    }
    fi_os_mutex_unlock(&checkout->mutex);
    if (is_known) {
        return rc;
    }
    rc = write->spread != NULL
             ? fi_objects_spread_read(write->spread, &entry->hash, entry->size, NULL, NULL, err)
             : fi_objects_stream_verify(checkout->options.objects, write->scratch, &entry->hash,
                                        entry->size, tick_unseen, NULL, err);
    if (rc == FIRN_OK || is_finding(rc)) {
        fi_os_mutex_lock(&checkout->mutex);
        verifying->last = entry->hash;
        verifying->last_size = entry->size;
        verifying->last_rc = rc;
        if (rc != FIRN_OK) {
            fi_error_copy(&verifying->last_error, err);
        }
        fi_os_mutex_unlock(&checkout->mutex);
    }
    return rc;
}

static int
verify_one(struct fi_checkout_worker *worker, firn_slice path, const struct fi_tree_entry *entry,
           firn_error *err)
{
    struct fi_checkout *checkout = worker->checkout;
    const struct fi_checkout_options *options = &checkout->options;
    firn_error found;
    bool is_told;
    if (entry->kind != FI_TREE_FILE || entry->hard_link.size > 0 ||
        (options->is_at_hand != NULL && options->is_at_hand(options->at_hand, &entry->hash))) {
        return FIRN_OK;
    }
    int rc = verify_content(worker, entry, &found);
    if (!is_finding(rc)) {
        *err = rc == FIRN_OK ? *err : found;
        return rc;
    }
    if (checkout_verify_note(checkout, path, &found, &is_told) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    if (is_told) {
        fi_checkout_progress_notice(checkout, FIRN_NOTICE_DAMAGED, path, found.text);
    }
    return FIRN_OK;
}

/* The error for all that was found. */
static int
checkout_verify_assess(const struct verifying *verifying, firn_error *err)
{
    if (verifying->count == 0) {
        return FIRN_OK;
    }
    firn_error found = verifying->error;
    firn_slice path = fi_buf_slice(&verifying->path);
    fi_error_prefix(&found, "'%.*s'", (int)(path.size < 256 ? path.size : 256),
                    (const char *)path.data);
    if (verifying->count > 1) {
        fi_error_prefix(&found, "%llu files cannot be restored, the first is",
                        (unsigned long long)verifying->count);
    }
    fi_error_copy(err, &found);
    CHECK(found.code != FIRN_OK); /* nothing damaged is restored from */
    return found.code;
}

int
fi_checkout_verify(struct fi_checkout *checkout, firn_error *err)
{
    struct verifying verifying = {0};
    DCHECK(checkout->verifying == NULL);
    checkout->verifying = &verifying;
    int rc = fi_checkout_batch_run(checkout, "verify", verify_one, err);
    if (rc == FIRN_OK) {
        rc = checkout_verify_assess(&verifying, err);
    }
    checkout->verifying = NULL;
    fi_buf_deinit(&verifying.path);
    return rc;
}
