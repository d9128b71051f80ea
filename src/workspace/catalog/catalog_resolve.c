/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_resolve.c: resolving what a user types to one checkpoint. Every command uses this
 * one resolver.
 *
 * reference.c says what kind of reference a text is. Here the checkpoint is looked up: first the
 * base, then, for "~N", the N-th before it. Except for a tag, both are walks from the newest record
 * to older ones. A walk ends as soon as the answer is known; the beginning of an id and a time need
 * all of it, because an older record may have the same prefix, or a later time after a clock was
 * set back. The error for an ambiguous prefix names two candidates with enough letters to tell them
 * apart.
 *
 * A day of the week is a tag, if there is one of that name, and otherwise a time.
 *
 * A time selects the checkpoint with the latest time that is not after it; of equal times, the one
 * saved last. Times, "latest" and "~N" skip safety checkpoints.
 */
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "os/os.h"
#include "reference/reference.h"

/* What visit returns to end a walk; no error code of firn is positive. */
enum { ENOUGH = 1, ID_LETTERS = FIRN_CHECKPOINT_ID_SIZE - 1 };

struct wanted {
    const struct fi_reference *reference;
    struct fi_buf *out;
    size_t found;
    int64_t found_ns; /* for a time: of the checkpoint found so far */
    uint64_t oldest;  /* by time, of those seen that are no safety checkpoints; 0: none */
    int64_t oldest_ns;
    char first_id[FIRN_CHECKPOINT_ID_SIZE]; /* the first two ids found */
    char second_id[FIRN_CHECKPOINT_ID_SIZE];
};

static bool
catalog_resolve_matches(const struct wanted *wanted, const struct fi_catalog_record *record,
                        const char *id)
{
    const struct fi_reference *reference = wanted->reference;
    switch (reference->kind) {
    case FI_REFERENCE_NUMBER:
        return record->number == reference->number;
    case FI_REFERENCE_ID:
        return memcmp(id, reference->id, reference->id_size) == 0;
    case FI_REFERENCE_LATEST:
        return !record->is_safety;
    case FI_REFERENCE_TIME:
        return !record->is_safety && record->created_ns <= reference->time_ns &&
               (wanted->found == 0 || record->created_ns > wanted->found_ns);
    case FI_REFERENCE_NAME:
        break; /* found without a walk */
    }
    return false;
}

static int
catalog_resolve_keep(struct fi_buf *out, firn_slice bytes, firn_error *err)
{
    fi_buf_clear(out);
    int rc = fi_buf_append_slice(out, bytes);
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a checkpoint's record");
}

static int
visit_base(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct wanted *wanted = ctx;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    fi_catalog_record_id_text(record->id, id);
    if (!record->is_safety && (wanted->oldest == 0 || record->created_ns < wanted->oldest_ns)) {
        wanted->oldest = record->number;
        wanted->oldest_ns = record->created_ns;
    }
    if (!catalog_resolve_matches(wanted, record, id)) {
        return FIRN_OK;
    }
    if (wanted->reference->kind == FI_REFERENCE_TIME) {
        wanted->found = 1;
        wanted->found_ns = record->created_ns;
        return catalog_resolve_keep(wanted->out, bytes, err);
    }
    wanted->found++;
    if (wanted->found == 2) {
        memcpy(wanted->second_id, id, sizeof id);
    }
    if (wanted->found > 1) {
        return FIRN_OK;
    }
    memcpy(wanted->first_id, id, sizeof id);
    int rc = catalog_resolve_keep(wanted->out, bytes, err);
    bool is_sure =
        wanted->reference->kind != FI_REFERENCE_ID || wanted->reference->id_size == ID_LETTERS;
    return rc == FIRN_OK && is_sure ? ENOUGH : rc;
}

static int
refuse_ambiguous(const struct wanted *wanted, const char *text, firn_error *err)
{
    DCHECK(wanted->found > 1 && wanted->reference->kind == FI_REFERENCE_ID);
    int letters = (int)wanted->reference->id_size + 1;
    while (letters < ID_LETTERS &&
           strncmp(wanted->first_id, wanted->second_id, (size_t)letters) == 0) {
        letters++;
    }
    return fi_error_set(err, FIRN_CONFLICT,
                        "'%s' is ambiguous: %zu checkpoints begin so, among them %.*s and %.*s",
                        text, wanted->found, letters, wanted->first_id, letters, wanted->second_id);
}

static int
refuse_missing(const struct wanted *wanted, const char *text, firn_error *err)
{
    switch (wanted->reference->kind) {
    case FI_REFERENCE_LATEST:
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    case FI_REFERENCE_TIME:
        if (wanted->oldest == 0) {
            return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
        }
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "there is no checkpoint as old as '%s': the first is %llu", text,
                            (unsigned long long)wanted->oldest);
    case FI_REFERENCE_NAME:
    case FI_REFERENCE_NUMBER:
    case FI_REFERENCE_ID:
        break;
    }
    return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", text);
}

static int
find_base(struct fi_catalog *catalog, uint32_t workspace, const char *text,
          const struct fi_reference *reference, struct fi_buf *out,
          struct fi_catalog_record *record, firn_error *err)
{
    struct wanted wanted = {.reference = reference, .out = out};
    struct fi_catalog_tags_tag tag;
    if (reference->kind == FI_REFERENCE_NAME) {
        FI_TRY_RETURN(fi_catalog_tags_find(catalog, workspace, reference->name, &tag, err));
        return fi_catalog_tags_follow(catalog, workspace, &tag, out, record, err);
    }
    int rc = fi_catalog_list(catalog, workspace, visit_base, &wanted, err);
    if (rc != FIRN_OK && rc != ENOUGH) {
        return rc;
    }
    if (wanted.found == 0) {
        return refuse_missing(&wanted, text, err);
    }
    if (wanted.found > 1) {
        return refuse_ambiguous(&wanted, text, err);
    }
    return fi_catalog_record_decode(fi_buf_slice(out), record, err);
}

/* ---- the N-th before ---- */

struct earlier {
    uint64_t order; /* of the base */
    uint64_t left;
    struct fi_buf *out;
};

static int
visit_earlier(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct earlier *earlier = ctx;
    if (record->is_safety || record->order >= earlier->order) {
        return FIRN_OK;
    }
    DCHECK(earlier->left > 0); /* the walk ends at 0 */
    earlier->left--;
    if (earlier->left > 0) {
        return FIRN_OK;
    }
    int rc = catalog_resolve_keep(earlier->out, bytes, err);
    return rc == FIRN_OK ? ENOUGH : rc;
}

static int
go_back(struct fi_catalog *catalog, uint32_t workspace, const char *text, uint64_t back,
        struct fi_buf *out, struct fi_catalog_record *record, firn_error *err)
{
    struct earlier earlier = {.order = record->order, .left = back, .out = out};
    int rc =
        fi_catalog_list_before(catalog, workspace, record->order, visit_earlier, &earlier, err);
    if (rc == FIRN_OK) {
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "there is no checkpoint '%s': there are only %llu before it", text,
                            (unsigned long long)(back - earlier.left));
    }
    return rc == ENOUGH ? fi_catalog_record_decode(fi_buf_slice(out), record, err) : rc;
}

int
fi_catalog_resolve(struct fi_catalog *catalog, uint32_t workspace, const char *reference,
                   struct fi_buf *out, struct fi_catalog_record *record, firn_error *err)
{
    struct fi_reference read;
    struct fi_reference_clock clock = {fi_os_now_ns(fi_db_os(fi_catalog_db(catalog))), fi_os_zone};
    int rc;
    CHECK(workspace != 0);
    FI_TRY(fi_reference_read(reference, &clock, &read, err));
    rc = find_base(catalog, workspace, reference, &read, out, record, err);
    if (rc == FIRN_NOT_FOUND && read.is_day) {
        read.kind = FI_REFERENCE_TIME;
        rc = find_base(catalog, workspace, reference, &read, out, record, err);
    }
    FI_TRY(rc);
    if (read.back > 0) {
        FI_TRY(go_back(catalog, workspace, reference, read.back, out, record, err));
    }
out:
    return rc;
}
