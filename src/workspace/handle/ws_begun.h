/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_begun.h: which restores this user has begun, in which root, on this machine.
 */
#ifndef FIRN_HANDLE_WS_BEGUN_H
#define FIRN_HANDLE_WS_BEGUN_H

#include "catalog/catalog_journal.h"
#include "handle/ws_internal.h"

/* Notes, durably, that a restore with this tag is about to be begun in an opened workspace that is
 * entered in its store. `found` is the journal that it replaces: if that is pending it stays noted
 * too. */
FIRN_MUST_CHECK int firn_ws_begun_note(struct firn_ws *ws, const struct firn_ws_opened *opened,
                                       const uint8_t tag[FIRN_CATALOG_JOURNAL_TAG_SIZE],
                                       const struct firn_catalog_journal *found, firn_error *err);
/* No restore of the workspace is pending any more. */
FIRN_MUST_CHECK int firn_ws_begun_clear(struct firn_ws *ws, const struct firn_ws_opened *opened,
                                        firn_error *err);
/* Whether a journal is pending and was not begun by this user in this root on this machine. */
FIRN_MUST_CHECK int firn_ws_begun_is_foreign(struct firn_ws *ws,
                                             const struct firn_ws_opened *opened,
                                             const struct firn_catalog_journal *journal, bool *out,
                                             firn_error *err);

#endif
