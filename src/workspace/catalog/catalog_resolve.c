/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_resolve.c: from what a user types to one checkpoint. The only resolver:
 * every command uses it.
 *
 * reference.c says what kind of reference a text is. Here the checkpoint is looked up: first the
 * one that the base names, then, for "~N", as many further back. But for tags both are walks from the newest
 * record to older ones; a walk ends as soon as the answer is known, and only an id needs all of it,
 * because another one may begin with the same letters. An ambiguous prefix names candidates with
 * enough letters to tell them apart.
 *
 * A time selects the first checkpoint that the walk meets and that is not younger, so where clocks
 * were set back the order of saving counts. Times, "latest" and "~N" pass over safety checkpoints.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "catalog/catalog_tags.h"
#include "os/os.h"
#include "reference/reference.h"

/* What a visit returns when nothing more is to be met; no code of firn's is positive. */
enum { ENOUGH = 1, ID_LETTERS = FIRN_CHECKPOINT_ID_SIZE - 1 };

struct wanted {
    const struct firn_reference *reference;
    struct firn_buf *out;
    size_t found;
    char first_id[FIRN_CHECKPOINT_ID_SIZE]; /* of the first two found */
    char second_id[FIRN_CHECKPOINT_ID_SIZE];
};

static bool
matches(const struct wanted *wanted, const struct firn_catalog_record *record, const char *id)
{
    const struct firn_reference *reference = wanted->reference;
    switch (reference->kind) {
    case FIRN_REFERENCE_NUMBER:
        return record->number == reference->number;
    case FIRN_REFERENCE_ID:
        return memcmp(id, reference->id, reference->id_size) == 0;
    case FIRN_REFERENCE_LATEST:
        return !record->is_safety;
    case FIRN_REFERENCE_TIME:
        return !record->is_safety && record->created_ns <= reference->time_ns;
    case FIRN_REFERENCE_TAG:
        break; /* is followed without a walk */
    }
    return false;
}

static int
keep(struct firn_buf *out, firn_slice bytes, firn_error *err)
{
    firn_buf_clear(out);
    int rc = firn_buf_append_slice(out, bytes);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "a checkpoint's record");
}

static int
visit_base(void *ctx, firn_slice bytes, const struct firn_catalog_record *record, firn_error *err)
{
    struct wanted *wanted = ctx;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_catalog_record_id_text(record->id, id);
    if (!matches(wanted, record, id)) {
        return FIRN_OK;
    }
    wanted->found++;
    if (wanted->found == 2) {
        memcpy(wanted->second_id, id, sizeof id);
    }
    if (wanted->found > 1) {
        return FIRN_OK;
    }
    memcpy(wanted->first_id, id, sizeof id);
    int rc = keep(wanted->out, bytes, err);
    bool is_sure = wanted->reference->kind != FIRN_REFERENCE_ID;
    return rc == FIRN_OK && is_sure ? ENOUGH : rc;
}

static int
ambiguous(const struct wanted *wanted, const char *text, firn_error *err)
{
    DCHECK(wanted->found > 1 && wanted->reference->kind == FIRN_REFERENCE_ID);
    int letters = (int)wanted->reference->id_size + 1;
    while (letters < ID_LETTERS &&
           strncmp(wanted->first_id, wanted->second_id, (size_t)letters) == 0) {
        letters++;
    }
    return firn_error_set(
        err, FIRN_CONFLICT, "'%s' is ambiguous: %zu checkpoints begin so, among them %.*s and %.*s",
        text, wanted->found, letters, wanted->first_id, letters, wanted->second_id);
}

static int
none(const struct firn_reference *reference, const char *text, firn_error *err)
{
    switch (reference->kind) {
    case FIRN_REFERENCE_LATEST:
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    case FIRN_REFERENCE_TIME:
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint as old as '%s'", text);
    case FIRN_REFERENCE_TAG:
    case FIRN_REFERENCE_NUMBER:
    case FIRN_REFERENCE_ID:
        break;
    }
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", text);
}

static int
find_base(struct firn_catalog *catalog, uint32_t workspace, const char *text,
          const struct firn_reference *reference, struct firn_buf *out,
          struct firn_catalog_record *record, firn_error *err)
{
    struct wanted wanted = {.reference = reference, .out = out};
    struct firn_catalog_tags_tag tag;
    int rc;
    if (reference->kind == FIRN_REFERENCE_TAG) {
        FIRN_TRY(firn_catalog_tags_find(catalog, workspace, reference->tag, &tag, err));
        return firn_catalog_tags_follow(catalog, workspace, &tag, out, record, err);
    }
    rc = firn_catalog_list(catalog, workspace, visit_base, &wanted, err);
    if (rc != FIRN_OK && rc != ENOUGH) {
        goto out;
    }
    if (wanted.found == 0) {
        return none(reference, text, err);
    }
    if (wanted.found > 1) {
        return ambiguous(&wanted, text, err);
    }
    rc = firn_catalog_record_decode(firn_buf_slice(out), record, err);
out:
    return rc;
}

/* ---- so many before ---- */

struct earlier {
    uint64_t order; /* of the base */
    uint64_t left;
    struct firn_buf *out;
};

static int
visit_earlier(void *ctx, firn_slice bytes, const struct firn_catalog_record *record,
              firn_error *err)
{
    struct earlier *earlier = ctx;
    if (record->is_safety || record->order >= earlier->order) {
        return FIRN_OK;
    }
    DCHECK(earlier->left > 0); /* the walk ends with the last */
    earlier->left--;
    if (earlier->left > 0) {
        return FIRN_OK;
    }
    int rc = keep(earlier->out, bytes, err);
    return rc == FIRN_OK ? ENOUGH : rc;
}

static int
go_back(struct firn_catalog *catalog, uint32_t workspace, const char *text, uint64_t back,
        struct firn_buf *out, struct firn_catalog_record *record, firn_error *err)
{
    struct earlier earlier = {.order = record->order, .left = back, .out = out};
    int rc = firn_catalog_list(catalog, workspace, visit_earlier, &earlier, err);
    if (rc == FIRN_OK) {
        return firn_error_set(err, FIRN_NOT_FOUND,
                              "there is no checkpoint '%s': only %llu stand before it", text,
                              (unsigned long long)(back - earlier.left));
    }
    return rc == ENOUGH ? firn_catalog_record_decode(firn_buf_slice(out), record, err) : rc;
}

int
firn_catalog_resolve(struct firn_catalog *catalog, uint32_t workspace, const char *reference,
                     struct firn_buf *out, struct firn_catalog_record *record, firn_error *err)
{
    struct firn_reference read;
    int64_t now_ns = firn_os_now_ns(firn_db_os(firn_catalog_db(catalog)));
    int rc;
    CHECK(workspace != 0);
    FIRN_TRY(firn_reference_read(reference, now_ns, &read, err));
    FIRN_TRY(find_base(catalog, workspace, reference, &read, out, record, err));
    if (read.back > 0) {
        FIRN_TRY(go_back(catalog, workspace, reference, read.back, out, record, err));
    }
out:
    return rc;
}
