/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_view.h: what a view sees, written into another store. One thread.
 */
#ifndef FIRN_COPY_COPY_VIEW_H
#define FIRN_COPY_COPY_VIEW_H

#include "store/db.h"
#include "storefile/storefile_progress.h"

/* Copies all keyspaces of the view but firn's own into a store without any, which nobody else
 * uses. A bounded amount of memory, whatever they hold. */
FIRN_MUST_CHECK int firn_copy_view(struct firn_db_view *view, struct firn_db *to,
                                   struct firn_storefile_progress *progress, firn_error *err);

#endif
