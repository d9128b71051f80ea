/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_export_copy.h: what a view sees, written into another store. One thread.
 */
#ifndef FIRN_STORE_DB_EXPORT_COPY_H
#define FIRN_STORE_DB_EXPORT_COPY_H

#include "store/db.h"
#include "store/db_progress.h"

/* Copies all keyspaces of the view but firn's own into a store without any, which nobody else
 * uses. A bounded amount of memory, whatever they hold. */
FIRN_MUST_CHECK int firn_db_export_copy(struct firn_db_view *view, struct firn_db *to,
                                        struct firn_db_progress *progress, firn_error *err);

#endif
