/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_internal.h: what the files of this room share. Only files of this folder include it.
 */
#ifndef FIRN_DATA_DATA_INTERNAL_H
#define FIRN_DATA_DATA_INTERNAL_H

#include "command/command.h"
#include "data/data.h"

/* The members of the group that have files of their own. */
extern const struct firn_command firn_data_load;
extern const struct firn_command firn_data_load_dump;
extern const struct firn_command firn_data_keyspaces;
extern const struct firn_command firn_data_keyspaces_drop;
extern const struct firn_command firn_data_keyspaces_delrange;
extern const struct firn_command firn_data_stats_flush;
extern const struct firn_command firn_data_stats_compact;
extern const struct firn_command firn_data_stats;

extern const struct firn_command firn_data_checkpoint;
extern const struct firn_command firn_data_checkpoint_list;
extern const struct firn_command firn_data_checkpoint_clone;
extern const struct firn_command firn_data_destroy;
extern const struct firn_command firn_data_checkpoint_export;
extern const struct firn_command firn_data_checkpoint_import;
extern const struct firn_command firn_data_diff;
extern const struct firn_command firn_data_checkpoint_restore;
extern const struct firn_command firn_data_checkpoint_undo;

/* Opens the view that --at names; *out is NULL where it was not given. Returns an exit code. */
int firn_data_open_view(struct firn_cli *cli, firn_store *store, firn_snapshot **out);
/* As firn_data_open_keyspace, of what a view has; view may be NULL. */
int firn_data_open_keyspace_at(struct firn_cli *cli, firn_store *store, firn_snapshot *view,
                               firn_keyspace **out);
/* Opens the keyspace that the second argument names, making it only where that is allowed. Returns
 * an exit code. */
int firn_data_open_keyspace(struct firn_cli *cli, firn_store *store, bool may_make,
                            firn_keyspace **out);
#endif
