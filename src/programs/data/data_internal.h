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
extern const struct firn_command firn_data_clone;
extern const struct firn_command firn_data_destroy;
extern const struct firn_command firn_data_export;
extern const struct firn_command firn_data_export_import;
extern const struct firn_command firn_data_diff;
extern const struct firn_command firn_data_checkpoint_restore;
extern const struct firn_command firn_data_checkpoint_undo;

/* Opens the view that --at names; *out is NULL where it was not given. Returns an exit code. */
int firn_data_open_view(struct firn_cli *cli, firn_store *store, firn_view **out);
/* As firn_data_open_keyspace, of what a view has; view may be NULL. */
int firn_data_open_keyspace_at(struct firn_cli *cli, firn_store *store, firn_view *view,
                               firn_keyspace **out);
/* Opens the keyspace that the second argument names, making it only where that is allowed. Returns
 * an exit code. */
int firn_data_open_keyspace(struct firn_cli *cli, firn_store *store, bool may_make,
                            firn_keyspace **out);
/* A checkpoint as a row, and as the members of an object. */
void firn_data_checkpoint_print(const firn_store_checkpoint *checkpoint);
void firn_data_checkpoint_print_json(const firn_store_checkpoint *checkpoint);
/* Whether the command was asked to stop, or its output goes nowhere: FIRN_CANCELLED, with the
 * error filled in. */
int firn_data_go_on(firn_error *err);

/* ---- what the readers of the forms share ---- */

enum { FIRN_DATA_ROWS_END = -1 };

/* A key or value that is being read, and its limit. */
struct firn_data_rows_field {
    struct firn_data_bytes *bytes;
    size_t size_max;
    const char *name;
};
struct firn_data_rows_field firn_data_rows_key_of(struct firn_data_rows *rows);
struct firn_data_rows_field firn_data_rows_value_of(struct firn_data_rows *rows);

/* All return exit codes. The next byte, or FIRN_DATA_ROWS_END. */
int firn_data_rows_take(struct firn_data_rows *rows, int *out);
int firn_data_rows_append(struct firn_data_rows *rows, const struct firn_data_rows_field *field,
                          const uint8_t *data, size_t size);
/* Reports that the row is not one. */
int firn_data_rows_wrong(const struct firn_data_rows *rows, const char *what);

/* A row that begins with that byte. */
int firn_data_rows_json_next(struct firn_data_rows *rows, int first);

#endif
