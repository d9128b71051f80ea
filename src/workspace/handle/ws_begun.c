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

_Static_assert((int)FI_TRUST_RESTORE_TAG_SIZE == (int)FI_CATALOG_JOURNAL_TAG_SIZE, "one tag");

static struct fi_trust_restore
restore_of(const struct firn_ws *ws, const struct fi_ws_opened *opened)
{
    DCHECK(opened->workspace.number != 0);
    return (struct fi_trust_restore){.store_id = fi_db_id(opened->db),
                                     .workspace = opened->workspace.number,
                                     .root = ws->place.root};
}

/* Whether the journal no longer needs its note; also true if the journal cannot be read. */
static bool
is_unneeded(const struct fi_ws_opened *opened)
{
    struct fi_catalog_journal journal;
    bool is_pending =
        fi_catalog_journal_read(opened->db, opened->workspace.number, &journal, NULL) == FIRN_OK &&
        fi_catalog_journal_is_pending(&journal);
    fi_catalog_journal_deinit(&journal);
    return !is_pending;
}

int
fi_ws_begun_note(struct firn_ws *ws, const struct fi_ws_opened *opened,
                 const uint8_t tag[FI_CATALOG_JOURNAL_TAG_SIZE],
                 const struct fi_catalog_journal *found, firn_error *err)
{
    const struct fi_trust_restore restore = restore_of(ws, opened);
    const uint8_t *pending = fi_catalog_journal_is_pending(found) ? found->tag : NULL;
    return fi_trust_restore_note(ws->os, &restore, tag, pending, err); /* (I1) */
}

int
fi_ws_begun_clear(struct firn_ws *ws, const struct fi_ws_opened *opened, firn_error *err)
{
    const struct fi_trust_restore restore = restore_of(ws, opened);
    DCHECK(is_unneeded(opened)); /* (I2) */
    return fi_trust_restore_clear(ws->os, &restore, err);
}

int
fi_ws_begun_is_foreign(struct firn_ws *ws, const struct fi_ws_opened *opened,
                       const struct fi_catalog_journal *journal, bool *out, firn_error *err)
{
    *out = false;
    if (!fi_catalog_journal_is_pending(journal)) {
        return FIRN_OK;
    }
    const struct fi_trust_restore restore = restore_of(ws, opened);
    bool is_noted;
    int rc = fi_trust_restore_is_noted(ws->os, &restore, journal->tag, &is_noted, err);
    *out = rc == FIRN_OK && !is_noted;
    return rc;
}
