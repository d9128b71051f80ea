/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_vouch.c: the log and MANIFEST vouch for each other.
 *
 * A record log by itself cannot tell a newest segment that was shortened from outside from one that
 * a crash left (log_recover.c, I3). For MANIFEST that would be a disaster: an older MANIFEST names older
 * runs, while the log has given up what the newer runs hold, so keys in between would be missing
 * without a word, and the newer runs would be removed as files that belong to nothing. So each of
 * the two says how far the other one goes:
 *
 *   the header of a segment of the log has in its note the version of MANIFEST at which it was
 *   decided that the log begins with the segment that the header calls the oldest;
 *   a record VOUCH in the log says that MANIFEST is at a version. The leader writes one before the
 *   first commit after MANIFEST has changed; a load writes one after itself; closing writes one;
 *   each record of MANIFEST says how far the log was durable when it was written. Closing writes
 *   one that says where the log ended.
 *
 * What an opening checks, with MANIFEST at version v:
 * (I1) The note of the newest segment is at most v. The note is a version that was durable in
 *      MANIFEST before the header was written. So in an older MANIFEST something is lost.
 * (I2) No VOUCH names a version above v, for the same reason. A reader beside a writer may meet one
 *      that is newer than the MANIFEST that it has read; then it looks at MANIFEST again. If that has
 *      the version by now, the record came after the reader had begun, and for the reader the log ends
 *      there. What was committed before it began is before that place.
 * (I3) The log goes at least as far as MANIFEST says.
 * (I4) What MANIFEST names is there, or nothing else is (tested in lsm.c).
 *
 * Why that is enough. Let MANIFEST have lost its end, so that it shows version u < v, and let (I1) and
 * (I2) hold. The log's oldest segment was decided on at a version w <= u, so the log has every
 * commit that the runs of version u do not have, but for loads, which are in no record. A load that
 * MANIFEST lost had a version above u, and is followed by a VOUCH that names it; so it was never
 * acknowledged, and no commit came after it. Hence what is shown is everything, or a prefix of the
 * commits without a load that did not return. What works removed from the directory of runs since
 * version u is found by (I4); what they added is made again from the log, or is in the runs that are
 * still there. Let on the other hand the log have lost its end. By (I3) it has all that was durable when
 * MANIFEST was changed for the last time; what the runs hold was durable before that (compaction.c, step
 * 1). So runs hold nothing beyond the end of the log, and a prefix is shown.
 *
 * What cannot be told from a crash: that the log lost commits which came after the last change of
 * MANIFEST, where the store was not closed; they are a suffix. After a clean close MANIFEST's last record
 * names the log's end, and the log's last record MANIFEST's version, so that no cut of either goes
 * unnoticed.
 *
 * A VOUCH also says which history of checkpoints MANIFEST has: nothing is checked by that, but a repair
 * that has lost the end of MANIFEST knows by it whether it has lost checkpoints (rescue.c).
 *
 * Stores of format versions before 6 have neither notes nor records, and nothing is checked but (I4).
 *
 * Locking: a VOUCH is written by the leader of commits. A disk that is full does not keep commits
 * out: then the word is given with a later one.
 */
#include "base/check.h"
#include "store/db_internal.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "log/log.h"

/* ---- opening ---- */

void
firn_db_vouch_begin(struct firn_db_vouch *vouch, struct firn_db *db, struct firn_lsm *lsm)
{
    *vouch = (struct firn_db_vouch){
        .db = db, .version = firn_lsm_version(lsm), .log_end = firn_lsm_log_end(lsm)};
}

static int
refuse_manifest(const struct firn_db_vouch *vouch, uint64_t version, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT,
                          "the MANIFEST of '%s' has lost its end: it is at version %" PRIu64
                          ", and the log knows version %" PRIu64,
                          firn_os_dir_path(vouch->db->dir), vouch->version, version);
}

/* (I1), (I3). */
int
firn_db_vouch_judge(void *ctx, const struct firn_log_found *found, firn_error *err)
{
    struct firn_db_vouch *vouch = ctx;
    const struct firn_log_position *end = &vouch->log_end;
    if (found->note > vouch->version) {
        return refuse_manifest(vouch, found->note, err);
    }
    if (end->segment > found->end.segment ||
        (end->segment == found->end.segment && end->offset > found->end.offset)) {
        char name[FIRN_LOG_SEGMENT_NAME_SIZE];
        firn_log_segment_name(firn_db_log_options(true).prefix, end->segment, name);
        return firn_error_set(err, FIRN_CORRUPT,
                              "the log of '%s' has lost its end: it ends in segment %" PRIu64
                              " at offset %" PRIu64 ", and MANIFEST knows it to go up to %s, "
                              "offset %" PRIu64,
                              firn_os_dir_path(vouch->db->dir), found->end.segment,
                              found->end.offset, name, end->offset);
    }
    vouch->vouched = found->note > vouch->vouched ? found->note : vouch->vouched;
    DCHECK(vouch->vouched <= vouch->version); /* (I1), (I2) */
    return FIRN_OK;
}

/* (I2), of a reader. A listing of the directory needs a handle of its own. */
static int
check_again(const struct firn_db_vouch *vouch, uint64_t version, firn_error *err)
{
    struct firn_os_dir *own;
    uint64_t now = 0;
    int rc = firn_os_dir_open_beneath(vouch->db->dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = firn_lsm_read_version(own, &now, err);
        firn_os_dir_close(own);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    return now >= version ? FIRN_LOG_STOP : refuse_manifest(vouch, version, err);
}

int
firn_db_vouch_read(struct firn_db_vouch *vouch, firn_slice record,
                   struct firn_log_position position, firn_error *err)
{
    if (record.size != FIRN_STOREFILE_VOUCH_SIZE && record.size != FIRN_STOREFILE_VOUCH_OLD_SIZE) {
        return firn_db_log_error(err, FIRN_CORRUPT, vouch->db->dir, position,
                                 "vouches for no version of MANIFEST");
    }
    uint64_t version = firn_load_le64(record.data);
    if (version <= vouch->version) {
        vouch->vouched = version > vouch->vouched ? version : vouch->vouched;
        return FIRN_OK;
    }
    return vouch->db->is_read_only ? check_again(vouch, version, err)
                                   : refuse_manifest(vouch, version, err);
}

/* ---- writing ---- */

int
firn_db_vouch_write(struct firn_db *db, firn_error *err)
{
    uint64_t version = firn_lsm_version(firn_db_image(db)->lsm);
    uint8_t bytes[FIRN_STOREFILE_VOUCH_SIZE];
    const firn_slice part = firn_bytes(bytes, sizeof bytes);
    DCHECK(firn_db_is_led(db) && version >= db->lead.vouched); /* (I2) */
    if (version == db->lead.vouched || atomic_load(&db->space.is_full)) {
        return FIRN_OK;
    }
    firn_store_le64(bytes, version);
    firn_store_le64(bytes + 8, firn_db_image(db)->history.saved_sequence);
    int rc = firn_log_append(db->log, FIRN_STOREFILE_TYPE_VOUCH, &part, 1, NULL, err);
    if (rc == FIRN_OK) {
        db->lead.vouched = version;
    }
    return rc == FIRN_NO_SPACE && !firn_log_has_failed(db->log) ? FIRN_OK : rc;
}

int
firn_db_vouch_close(struct firn_db *db, firn_error *err)
{
    struct firn_lsm *lsm = firn_db_image(db)->lsm;
    const struct firn_log_position end = firn_log_end(db->log);
    int rc;
    DCHECK(db->jobs.flush_pool == NULL);
    if (db->was_at_rest && end.segment == db->found_end.segment &&
        end.offset == db->found_end.offset && firn_lsm_version(lsm) == db->found_version) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_db_vouch_write(db, err));
    FIRN_TRY(firn_log_sync(db->log, err));
    DCHECK(firn_log_unsynced_bytes(db->log) == 0); /* (I3) */
    rc = firn_lsm_install_log_end(lsm, err);
    rc = rc == FIRN_NO_SPACE ? FIRN_OK : rc;
out:
    return rc;
}
