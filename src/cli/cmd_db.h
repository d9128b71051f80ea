/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_db.h: what the commands about key-value stores share. Only cmd_*.c include it.
 */
#ifndef FIRN_CLI_CMD_DB_H
#define FIRN_CLI_CMD_DB_H

#include "cli/cli_bytes.h"
#include "cli/command.h"

/* The members of the group that have files of their own. */
extern const struct firn_command firn_cmd_db_load;
extern const struct firn_command firn_cmd_db_load_dump;
extern const struct firn_command firn_cmd_db_keyspaces;
extern const struct firn_command firn_cmd_db_keyspaces_drop;
extern const struct firn_command firn_cmd_db_keyspaces_delrange;
extern const struct firn_command firn_cmd_db_stats_flush;
extern const struct firn_command firn_cmd_db_stats_compact;
extern const struct firn_command firn_cmd_db_stats;

extern const struct firn_command firn_cmd_repair_db; /* cmd_repair.c */

extern const struct firn_command firn_cmd_db_checkpoint;
extern const struct firn_command firn_cmd_db_checkpoint_list;
extern const struct firn_command firn_cmd_db_clone;
extern const struct firn_command firn_cmd_db_destroy;
extern const struct firn_command firn_cmd_db_export;
extern const struct firn_command firn_cmd_db_export_import;
extern const struct firn_command firn_cmd_db_diff;
extern const struct firn_command firn_cmd_db_checkpoint_restore;
extern const struct firn_command firn_cmd_db_checkpoint_undo;

/* Opens the view that --at names; *out is NULL where it was not given. Returns an exit code. */
int firn_cmd_db_open_view(struct firn_cli *cli, firn_store *store, firn_snapshot **out);
/* As firn_cmd_db_open_keyspace, of what a view has; view may be NULL. */
int firn_cmd_db_open_keyspace_at(struct firn_cli *cli, firn_store *store, firn_snapshot *view,
                                 firn_keyspace **out);
/* Opens the keyspace that the second argument names, making it only where that is allowed. Returns
 * an exit code. */
int firn_cmd_db_open_keyspace(struct firn_cli *cli, firn_store *store, bool may_make,
                              firn_keyspace **out);
/* A checkpoint as a row, and as the members of an object. */
void firn_cmd_db_checkpoint_print(const firn_store_checkpoint *checkpoint);
void firn_cmd_db_checkpoint_print_json(const firn_store_checkpoint *checkpoint);
/* Whether the command was asked to stop, or its output goes nowhere: FIRN_CANCELLED, with the
 * error filled in. */
int firn_cmd_db_go_on(firn_error *err);

#endif
