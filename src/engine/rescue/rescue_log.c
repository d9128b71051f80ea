/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_log.c: the log of the new store, with the records of the old one up to the first
 * bad place.
 *
 * Records that concern the old MANIFEST are left out, and, where they may depend on a run that is
 * lost, the changes of checkpoints, or all.
 */
#include "rescue/rescue_internal.h"

#include "base/check.h"
#include "history/history_format.h"
#include "log/log.h"
#include "store/db_store_handle.h"

struct log_copy {
    struct fi_log *log;
    enum fi_rescue_log_part part;
    int failure;    /* of appending */
    bool left_some; /* changes of checkpoints were left out */
};

static int
append_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
              firn_error *err)
{
    (void)position;
    struct log_copy *copy = ctx;
    DCHECK(copy->log != NULL && copy->part != FI_RESCUE_LOG_NOTHING);
    if (type == FI_STOREFILE_TYPE_VOUCH) {
        return FIRN_OK; /* it concerns the old MANIFEST */
    }
    if (type == FI_HISTORY_FORMAT_TYPE && copy->part == FI_RESCUE_LOG_COMMITS) {
        copy->left_some = true;
        return FIRN_OK;
    }
    copy->failure = fi_log_append(copy->log, type, &record, 1, NULL, err);
    return copy->failure;
}

struct telling {
    const struct fi_rescue_options *report;
    bool *was_cut;
};

static void
rescue_log_report(const struct telling *telling, const char *text)
{
    *telling->was_cut = true;
    telling->report->on_damage(telling->report->ctx, text);
}

static int
copy_log(const struct fi_rescue_log_job *job, struct log_copy *copy, const struct telling *telling,
         firn_error *err)
{
    const struct fi_log_options reading = fi_db_log_options(true);
    struct fi_log *source = NULL;
    firn_error found;
    bool is_sound;
    int rc = fi_log_open(job->from, &reading, append_record, copy, &source, NULL, &found);
    fi_log_abandon(source);
    if (copy->failure != FIRN_OK) {
        fi_error_copy(err, &found);
        return rc;
    }
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_sound, err));
    if (!is_sound) {
        rescue_log_report(telling, found.text);
    }
    if (job->is_short) {
        rescue_log_report(telling, "the log was cut short: MANIFEST knows that it went further");
    }
    if (copy->left_some) {
        rescue_log_report(
            telling, "checkpoints that were made or restored are left out: their data is lost");
    }
    return FIRN_OK;
}

int
fi_rescue_log(const struct fi_rescue_log_job *job, bool *out_was_cut, firn_error *err)
{
    const struct fi_log_options writing = fi_db_log_options(false);
    const struct telling telling = {&job->report, out_was_cut};
    struct log_copy copy = {.part = job->part};
    int rc = FIRN_OK;
    *out_was_cut = false;
    FI_TRY_RETURN(fi_log_create(job->to, &writing, &copy.log, err));
    if (job->part == FI_RESCUE_LOG_NOTHING) {
        rescue_log_report(&telling,
                          "the log is left out: it does not fit what is left of the rest");
    } else {
        rc = copy_log(job, &copy, &telling, err);
    }
    int close_rc = fi_log_close(copy.log, rc == FIRN_OK ? err : NULL);
    return rc != FIRN_OK ? rc : close_rc;
}
