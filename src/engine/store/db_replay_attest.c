/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_replay_attest.c: the log and MANIFEST vouch for each other.
 *
 * A record log by itself cannot tell a newest segment that was shortened from outside from one that
 * a crash left (log_recover.c, I3). For MANIFEST that would be a disaster: an older MANIFEST names
 * older runs, while the log no longer has what the newer runs contain. Keys in between would be
 * missing silently, and the newer runs would be removed as strays. So each of the two records how
 * far the other one goes:
 *
 *   The note in the header of a log segment is the version of MANIFEST at which it was decided that
 *   the log begins with the segment that the header calls the oldest.
 *   A record VOUCH in the log says that MANIFEST is at a version. The leader writes one before the
 *   first commit after MANIFEST has changed; a load writes one after itself; closing writes one.
 *   Each record of MANIFEST says how far the log was durable when it was written. Closing writes
 *   one that says where the log ended.
 *
 * What an opening checks, with MANIFEST at version v:
 * (I1) The note of the newest segment is at most v. The note is a version that was durable in
 *      MANIFEST before the header was written, so an older MANIFEST has lost something.
 * (I2) No VOUCH names a version above v, for the same reason. A reader beside a writer may find one
 *      that is newer than the MANIFEST that it has read; it then looks at MANIFEST again. If
 *      MANIFEST now has that version, the record was written after the reader began, and for the
 *      reader the log ends there. Commits made before the reader began are before that place.
 * (I3) The log goes at least as far as MANIFEST says.
 * (I4) Every file that MANIFEST names exists, or no other file does. (Not asserted: lsm.c tests
 *      it.)
 *
 * Why that is enough. Assume that MANIFEST has lost its end, so that it shows version u < v, and
 * that
 * (I1) and (I2) hold. The log's oldest segment was decided on at a version w <= u, so the log has
 * every commit that the runs of version u do not have, except for loads, which are in no record. A
 * load that MANIFEST lost had a version above u, and would be followed by a VOUCH that names it; so
 * it was never acknowledged, and no commit came after it. Hence an opening shows everything, or a
 * prefix of the commits without a load that did not return. Runs that compactions removed since
 * version u are detected by (I4); what was added since is created again from the log, or is in the
 * runs that still exist. Assume now that the log has lost its end. By (I3) it has all that was
 * durable when MANIFEST was last changed, and what the runs contain was durable before that
 * (compaction.c, step 1). So runs contain nothing beyond the end of the log, and a prefix is shown.
 *
 * One loss looks like a crash: the log of a store that was not closed loses commits that came after
 * the last change of MANIFEST; they are a suffix. After a clean close MANIFEST's last record names
 * the log's end, and the log's last record names MANIFEST's version, so that no cut of either goes
 * unnoticed.
 *
 * A VOUCH also names the history of checkpoints that MANIFEST has. Opening does not check it, but a
 * repair for which the end of MANIFEST is lost can tell whether checkpoints are lost (rescue.c).
 *
 * Stores of format versions before 6 have neither notes nor these records; only (I4) is checked.
 *
 * Locking: the leader of commits writes VOUCH records. A full disk does not keep commits out: a
 * later record then vouches.
 */
#include "store/db_internal.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "history/history_format.h"

/* ---- opening ---- */

void
fi_db_replay_attest_begin(struct fi_db_vouch *vouch, struct firn_db *db, struct fi_lsm *lsm)
{
    *vouch = (struct fi_db_vouch){
        .db = db, .version = fi_lsm_version(lsm), .log_end = fi_lsm_log_end(lsm)};
}

/* For fi_os_dir_refuse_foreign. */
static bool
is_of_manifest(const void *ctx, const char *name)
{
    (void)ctx;
    return fi_lsm_is_name(name);
}

static bool
is_of_log(const void *ctx, const char *name)
{
    (void)ctx;
    return fi_db_log_is_name(name);
}

static int
refuse_manifest(const struct fi_db_vouch *vouch, uint64_t version, firn_error *err)
{
    int rc = fi_os_dir_refuse_foreign(vouch->db->dir, is_of_manifest, NULL, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_error_set(err, FIRN_CORRUPT,
                        "the MANIFEST of '%s' has lost its end: it is at version %" PRIu64
                        ", and the log knows version %" PRIu64,
                        fi_os_dir_path(vouch->db->dir), vouch->version, version);
}

/* Checks (I1) and (I3). */
int
fi_db_replay_attest_assess(void *ctx, const struct fi_log_found *found, firn_error *err)
{
    struct fi_db_vouch *vouch = ctx;
    const struct fi_log_position *end = &vouch->log_end;
    if (found->note > vouch->version) {
        return refuse_manifest(vouch, found->note, err);
    }
    if (end->segment > found->end.segment ||
        (end->segment == found->end.segment && end->offset > found->end.offset)) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name(fi_db_log_options(true).prefix, end->segment, name);
        int rc = fi_os_dir_refuse_foreign(vouch->db->dir, is_of_log, NULL, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        return fi_error_set(err, FIRN_CORRUPT,
                            "the log of '%s' has lost its end: it ends in segment %" PRIu64
                            " at offset %" PRIu64 ", and MANIFEST knows it to go up to %s, "
                            "offset %" PRIu64,
                            fi_os_dir_path(vouch->db->dir), found->end.segment, found->end.offset,
                            name, end->offset);
    }
    vouch->vouched = found->note > vouch->vouched ? found->note : vouch->vouched;
    DCHECK(vouch->vouched <= vouch->version); /* (I1), (I2) */
    return FIRN_OK;
}

/* Checks (I2) again, for a reader. Listing the directory needs a handle of its own. */
static int
check_again(const struct fi_db_vouch *vouch, uint64_t version, firn_error *err)
{
    struct fi_os_dir *own;
    uint64_t now = 0;
    int rc = fi_os_dir_open_beneath(vouch->db->dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = fi_lsm_read_version(own, &now, err);
        fi_os_dir_close(own);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    return now >= version ? FI_LOG_STOP : refuse_manifest(vouch, version, err);
}

/* Checks (I2). */
int
fi_db_replay_attest_read(struct fi_db_vouch *vouch, firn_slice record,
                         struct fi_log_position position, firn_error *err)
{
    if (record.size != FI_STOREFILE_VOUCH_SIZE && record.size != FI_STOREFILE_VOUCH_OLD_SIZE) {
        return fi_db_log_error(err, FIRN_CORRUPT, vouch->db->dir, position,
                               "vouches for no version of MANIFEST");
    }
    uint64_t version = fi_load_le64(record.data);
    if (version <= vouch->version) {
        vouch->vouched = version > vouch->vouched ? version : vouch->vouched;
        return FIRN_OK;
    }
    return vouch->db->is_read_only ? check_again(vouch, version, err)
                                   : refuse_manifest(vouch, version, err);
}

/* ---- writing ---- */

int
fi_db_replay_attest_close(struct firn_db *db, firn_error *err)
{
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    const struct fi_log_position end = fi_log_end(db->log);
    int rc;
    DCHECK(db->jobs.flush_pool == NULL);
    if (db->was_at_rest && end.segment == db->found_end.segment &&
        end.offset == db->found_end.offset && fi_lsm_version(lsm) == db->found_version) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_lead_attest(db, err));
    FI_TRY(fi_log_sync(db->log, err));
    DCHECK(fi_log_unsynced_bytes(db->log) == 0); /* (I3) */
    rc = fi_lsm_install_log_end(lsm, err);
    rc = rc == FIRN_NO_SPACE ? FIRN_OK : rc;
out:
    return rc;
}
