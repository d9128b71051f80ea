/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_verify.c: reads everything in a pack and reports what is wrong, part by part.
 *
 * 1. The entries in the order of the .dat, and each object.
 * 2. If the walk cannot go on after a wrong size, the objects after that place, by the index,
 *    which still has their places: one damaged byte must not hide the state of the rest.
 * 3. The index against the .dat.
 * 4. The name: the hash over the whole .dat. It also covers the bits of a frame that no decoder
 *   uses.
 *
 * A read error counts as damage here: that is what a bad sector looks like. A lack of memory ends
 * the check, since it says nothing about the pack. An object beyond the caller's limit is reported,
 * but is not damage.
 *
 * Memory is bounded; the .dat is read twice, in order.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"

struct findings {
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    const struct fi_step *step; /* or NULL */
    bool is_ended;              /* by a step that failed */
    firn_error first;           /* the first damage, or else the first object beyond the limit */
    int code;                   /* FIRN_OK as long as nothing is wrong */
};

/* Records a failure. Returns FIRN_OK if the check continues. */
static int
chkp_verify_note(struct findings *findings, int rc, const firn_error *problem, firn_error *err)
{
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (rc != FIRN_CORRUPT && rc != FIRN_IO && rc != FIRN_LIMIT) {
        return fi_error_set(err, rc, "%s", problem->text);
    }
    int code = rc == FIRN_LIMIT ? FIRN_LIMIT : FIRN_CORRUPT;
    if (findings->code == FIRN_OK || (findings->code == FIRN_LIMIT && code == FIRN_CORRUPT)) {
        findings->first = *problem;
        findings->code = code;
    }
    if (findings->on_damage != NULL) {
        findings->on_damage(findings->ctx, problem->text);
    }
    return FIRN_OK;
}

/* A piece of an object. */
static int
report_step(void *ctx, firn_slice data, firn_error *err)
{
    struct findings *findings = ctx;
    int rc = fi_step_report(findings->step, 0, data.size, err);
    findings->is_ended = rc != FIRN_OK;
    return rc;
}

static int
check_object(struct firn_chkp *pack, struct findings *findings, const struct fi_chkp_entry *entry,
             firn_error *err)
{
    DCHECK(!findings->is_ended);
    firn_error problem;
    int rc = fi_chkp_object_stream(pack->dat, entry, pack->options.object_size_max,
                                   findings->step != NULL ? report_step : NULL, findings, &problem);
    if (findings->is_ended) {
        return fi_error_set(err, rc, "%s", problem.text);
    }
    return chkp_verify_note(findings, rc, &problem, err);
}

/* Walks the .dat; *out_lost_at is where the walk had to stop, or the file's end. */
static int
check_objects_in_order(struct firn_chkp *pack, struct findings *findings, uint64_t *out_lost_at,
                       firn_error *err)
{
    int rc = FIRN_OK;
    firn_error problem;
    struct fi_chkp_scan scan;
    *out_lost_at = FI_CHKP_HEADER_SIZE;
    rc = fi_chkp_scan_init(&scan, pack->dat, &problem);
    for (bool is_end = false; rc == FIRN_OK && !is_end;) {
        struct fi_chkp_entry entry;
        *out_lost_at = scan.next;
        rc = fi_chkp_scan_next(&scan, &entry, &is_end, &problem);
        if (rc == FIRN_OK && !is_end) {
            FI_TRY(check_object(pack, findings, &entry, err));
        }
    }
    if (rc == FIRN_OK) {
        *out_lost_at = pack->dat_size;
    }
    rc = chkp_verify_note(findings, rc, &problem, err);
out:
    fi_chkp_scan_deinit(&scan);
    return rc;
}

/* Checks the objects at or after `from`, in the order of the index. */
static int
check_objects_by_index(struct firn_chkp *pack, struct findings *findings, uint64_t from,
                       firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(from < pack->dat_size);
    for (uint64_t i = 0; i < pack->index.count; i++) {
        firn_error problem;
        struct fi_chkp_entry entry;
        rc = fi_chkp_index_get(&pack->index, i, 1, &entry, &problem);
        if (rc != FIRN_OK) {
            FI_TRY(chkp_verify_note(findings, rc, &problem, err));
            break;
        }
        if (entry.offset < from) {
            continue;
        }
        rc = fi_chkp_check_entry(pack->dat, pack->dat_size, &entry, &problem);
        FI_TRY(rc == FIRN_OK ? check_object(pack, findings, &entry, err)
                             : chkp_verify_note(findings, rc, &problem, err));
    }
out:
    return rc;
}

static int
check_index(struct firn_chkp *pack, struct findings *findings, firn_error *err)
{
    if (pack->index.file == NULL) {
        return FIRN_OK; /* made from the .dat, which the check of the name covers */
    }
    firn_error problem;
    int rc = fi_chkp_index_check(&pack->index, pack->dat, &problem);
    return chkp_verify_note(findings, rc, &problem, err);
}

static int
check_name(struct firn_chkp *pack, struct findings *findings, firn_error *err)
{
    firn_error problem;
    int rc = fi_chkp_name_verify(pack, findings->step, &problem);
    return chkp_verify_note(findings, rc, &problem, err);
}

int
fi_chkp_verify(struct firn_chkp *pack, void (*on_damage)(void *ctx, const char *text), void *ctx,
               const struct fi_step *step, firn_error *err)
{
    struct findings findings = {.on_damage = on_damage, .ctx = ctx, .step = step, .code = FIRN_OK};
    uint64_t lost_at;
    FI_TRY_RETURN(check_objects_in_order(pack, &findings, &lost_at, err));
    if (lost_at < pack->dat_size) {
        FI_TRY_RETURN(check_objects_by_index(pack, &findings, lost_at, err));
    } else {
        FI_TRY_RETURN(check_index(pack, &findings, err));
    }
    FI_TRY_RETURN(check_name(pack, &findings, err));
    if (findings.code != FIRN_OK) {
        DCHECK(findings.code == FIRN_CORRUPT || findings.code == FIRN_LIMIT);
        return fi_error_set(err, findings.code, "%s", findings.first.text);
    }
    return FIRN_OK;
}
