/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_begun.c: whether this user began the restore that a journal is about.
 *
 * The next writing operation on the workspace finishes an interrupted restore without asking. A
 * pending journal that this user's notes (trust_restore.c) do not know is foreign: it is reported
 * and left alone, and the tree on disk is taken as it is, unless the caller trusts the journal.
 *
 * (I1) The note is durable before the commit of the journal that needs it. (I2) It is removed only
 * after the journal is no longer pending.
 */
#include "handle/ws_opened.h"

#include "base/check.h"
#include "store/db.h"
#include "trust/trust.h"

_Static_assert((int)FIRN_TRUST_RESTORE_TAG_SIZE == (int)FIRN_CATALOG_JOURNAL_TAG_SIZE, "one tag");

static struct firn_trust_restore
restore_of(const struct firn_ws *ws, const struct firn_ws_opened *opened)
{
    DCHECK(opened->workspace.number != 0);
    return (struct firn_trust_restore){.store_id = firn_db_id(opened->db),
                                       .workspace = opened->workspace.number,
                                       .root = ws->place.root};
}

/* Whether the journal no longer needs its note; also true if the journal cannot be read. */
static bool
is_unneeded(const struct firn_ws_opened *opened)
{
    struct firn_catalog_journal journal;
    bool is_pending = firn_catalog_journal_read(opened->db, opened->workspace.number, &journal,
                                                NULL) == FIRN_OK &&
                      firn_catalog_journal_is_pending(&journal);
    firn_catalog_journal_deinit(&journal);
    return !is_pending;
}

int
firn_ws_begun_note(struct firn_ws *ws, const struct firn_ws_opened *opened,
                   const uint8_t tag[FIRN_CATALOG_JOURNAL_TAG_SIZE],
                   const struct firn_catalog_journal *found, firn_error *err)
{
    const struct firn_trust_restore restore = restore_of(ws, opened);
    const uint8_t *pending = firn_catalog_journal_is_pending(found) ? found->tag : NULL;
    return firn_trust_restore_note(ws->os, &restore, tag, pending, err); /* (I1) */
}

int
firn_ws_begun_clear(struct firn_ws *ws, const struct firn_ws_opened *opened, firn_error *err)
{
    const struct firn_trust_restore restore = restore_of(ws, opened);
    DCHECK(is_unneeded(opened)); /* (I2) */
    return firn_trust_restore_clear(ws->os, &restore, err);
}

int
firn_ws_begun_is_foreign(struct firn_ws *ws, const struct firn_ws_opened *opened,
                         const struct firn_catalog_journal *journal, bool *out, firn_error *err)
{
    *out = false;
    if (!firn_catalog_journal_is_pending(journal)) {
        return FIRN_OK;
    }
    const struct firn_trust_restore restore = restore_of(ws, opened);
    bool is_noted;
    int rc = firn_trust_restore_is_noted(ws->os, &restore, journal->tag, &is_noted, err);
    *out = rc == FIRN_OK && !is_noted;
    return rc;
}
