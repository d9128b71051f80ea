/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_upkeep.h: flushing and compacting on request. store/db.h includes it.
 */
#ifndef FIRN_UPKEEP_DB_UPKEEP_H
#define FIRN_UPKEEP_DB_UPKEEP_H

#include "instance/db_instance.h"

/* Called when a table has got an index of vectors: the background builds graphs over its runs
 * (compaction.h). Compacting builds them before it returns. */
void fi_db_maintain_graphs(struct firn_db *db);
FIRN_MUST_CHECK int fi_db_maintain_flush(struct firn_db *db, firn_error *err);
/* Flushes, and does the compactions that the store itself would do next. The keyspace `whole`
 * (NULL: none) is compacted down to its last level, which drops what was deleted or overwritten. */
FIRN_MUST_CHECK int fi_db_maintain_tidy(struct firn_db *db, const struct firn_db_keyspace *whole,
                                        firn_error *err);
/* progress may be NULL. After a cancellation, what was merged by then stays merged. */
FIRN_MUST_CHECK int fi_db_maintain_compact(struct firn_db *db,
                                           struct fi_storefile_progress *progress, firn_error *err);
/* Compacts the runs of a keyspace that overlap a range. */
FIRN_MUST_CHECK int fi_db_maintain_compact_range(const struct firn_db_keyspace *keyspace,
                                                 const struct fi_lsm_range *range,
                                                 struct fi_storefile_progress *progress,
                                                 firn_error *err);
/* Writes anew what is in these runs and value files (compaction.h), the graphs of the runs, the log
 * and MANIFEST, and keeps no spare segments of the log from now on. Old files stay for as long as a
 * reader needs them. progress may be NULL; after a cancellation, what was written by then stays. */
struct fi_compaction_outdated;
FIRN_MUST_CHECK int fi_db_maintain_renew(struct firn_db *db,
                                         const struct fi_compaction_outdated *outdated,
                                         struct fi_storefile_progress *progress, firn_error *err);
/* Increases the version of MANIFEST, durably, and changes nothing else, so that handles opened from
 * now on can be told from earlier ones (fi_db_reader_none_below). */
FIRN_MUST_CHECK int fi_db_maintain_advance(struct firn_db *db, firn_error *err);

#endif
