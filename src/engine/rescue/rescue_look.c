/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_look.c: how the log and MANIFEST of a damaged store fit together.
 *
 * As an opening judges (db_vouch.c, lsm_files.c), but nothing is refused. MANIFEST counts as the newest
 * only if both can be read to their ends and nothing says otherwise.
 *
 * The history of checkpoints. The newest record VOUCH says which one MANIFEST had at the newest version
 * that the log knows. Where the note of the newest segment names a later version, or the records
 * are of a format that does not say it, that is not known.
 */
#include "rescue/rescue_look.h"

#include "base/bytes.h"
#include "log/log_salvage.h"
#include "store/db_internal.h"

struct looking {
    struct firn_rescue_look *out;
    struct firn_mend_found manifest;
    struct firn_log_found log;
    uint64_t vouched; /* the newest version that records name */
};

/* Every record that is whole. */
static int
visit(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct looking *looking = ctx;
    struct firn_rescue_look *out = looking->out;
    struct firn_storefile_commit commit;
    const char *what;
    (void)err;
    if (type == FIRN_LOG_TYPE_USER &&
        firn_storefile_get_header(record, &commit, &what) == FIRN_OK &&
        commit.sequence < out->log_sequence) {
        out->log_sequence = commit.sequence;
    }
    if (type != FIRN_STOREFILE_TYPE_VOUCH || record.size < FIRN_STOREFILE_VOUCH_OLD_SIZE) {
        return FIRN_OK;
    }
    uint64_t version = firn_load_le64(record.data);
    if (version >= looking->vouched) {
        looking->vouched = version;
        out->knows_history = record.size >= FIRN_STOREFILE_VOUCH_SIZE;
        out->history_sequence = out->knows_history ? firn_load_le64(record.data + 8) : 0;
    }
    return FIRN_OK;
}

static int
judge_log(void *ctx, const struct firn_log_found *found, firn_error *err)
{
    struct looking *looking = ctx;
    (void)err;
    looking->log = *found;
    return FIRN_OK;
}

static bool
is_before(struct firn_log_position a, struct firn_log_position b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

/* FIRN_OK for damage, and *out_is_whole tells. */
static int
sort_out(int rc, const firn_error *found, bool *out_is_whole, firn_error *err)
{
    *out_is_whole = rc == FIRN_OK;
    if (rc == FIRN_OK || firn_rescue_is_finding(rc)) {
        return FIRN_OK;
    }
    if (err != NULL) {
        *err = *found;
    }
    return rc;
}

int
firn_rescue_look(struct firn_os_dir *from, struct firn_rescue_look *out, firn_error *err)
{
    struct looking looking = {.out = out};
    struct firn_log_options options = firn_db_log_options(true);
    struct firn_log *log = NULL;
    struct firn_os_dir *own = NULL;
    bool has_manifest;
    bool has_log;
    firn_error found;
    int rc;
    options.judge = judge_log;
    options.judge_ctx = &looking;
    *out = (struct firn_rescue_look){.log_sequence = UINT64_MAX};
    FIRN_TRY(firn_os_dir_open_beneath(from, "", &own, err));
    FIRN_TRY(firn_log_salvage(own, options.prefix, visit, &looking, err));
    rc = firn_mend_look(own, &looking.manifest, &found);
    FIRN_TRY(sort_out(rc, &found, &has_manifest, err));
    rc = firn_log_open(own, &options, NULL, NULL, &log, NULL, &found);
    firn_log_abandon(log);
    FIRN_TRY(sort_out(rc, &found, &has_log, err));
    uint64_t known = looking.vouched > looking.log.note ? looking.vouched : looking.log.note;
    out->log_is_short =
        has_log && has_manifest && is_before(looking.log.end, looking.manifest.log_end);
    out->may_be_older = !has_manifest || known > looking.manifest.version ||
                        (looking.manifest.unnamed > 0 && looking.manifest.missing > 0);
    out->is_newest = has_log && !out->log_is_short && !out->may_be_older;
    /* 0: no segment was begun since MANIFEST was changed for the first time, so the log has all. */
    out->knows_history =
        has_log && (known == 0 || (out->knows_history && known == looking.vouched));
out:
    firn_os_dir_close(own);
    return rc;
}
