/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_open.c: what the arguments of a command name in an open store: the snapshot of --at,
 * and the keyspace of the second argument.
 *
 * A name that is not there, or that is a table's, is reported with what to do instead. Only
 * commands that write may make a keyspace.
 */
#include "data/data_internal.h"

#include <string.h>

#include "term/term.h"

struct search {
    const char *name;
    bool is_there;
};

static int
compare_name(void *ctx, const char *name)
{
    struct search *search = ctx;
    search->is_there = search->is_there || strcmp(name, search->name) == 0;
    return FIRN_OK;
}

static const char table_hint[] = "firn db insert, get, del, scan and count work on tables";

static bool
is_table(firn_store *store, const char *name)
{
    firn_table *table = NULL;
    return firn_table_open(store, name, &table, NULL) == FIRN_OK;
}

int
fi_data_open_keyspace(struct fi_cli *cli, firn_store *store, bool may_make, firn_keyspace **out)
{
    firn_error err;
    struct search search = {cli->arguments[1], may_make};
    int code = FIRN_OK;
    if (!may_make) {
        code = firn_keyspace_list(store, compare_name, &search, &err);
    }
    if (code == FIRN_OK && !search.is_there && is_table(store, cli->arguments[1])) {
        return fi_command_report_error(cli, FIRN_INVALID, table_hint, "'%s' is a table",
                                       cli->arguments[1]);
    }
    if (code == FIRN_OK && !search.is_there) {
        return fi_command_report_error(cli, FIRN_NOT_FOUND, NULL, "%s has no keyspace '%s'",
                                       cli->arguments[0], cli->arguments[1]);
    }
    if (code == FIRN_OK) {
        code = firn_keyspace_open(store, cli->arguments[1], NULL, out, &err);
    }
    const char *hint =
        code == FIRN_INVALID && is_table(store, cli->arguments[1]) ? table_hint : NULL;
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, hint);
}

int
fi_data_open_snapshot(struct fi_cli *cli, firn_store *store, firn_snapshot **out)
{
    firn_error err;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = fi_command_value(cli, "at");
    if (options.checkpoint == NULL) {
        return FI_EXIT_OK;
    }
    return firn_snapshot_open(store, &options, out, &err) == FIRN_OK
               ? FI_EXIT_OK
               : fi_command_report_failure(cli, &err, NULL);
}

int
fi_data_open_keyspace_at(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
                         firn_keyspace **out)
{
    firn_error err;
    if (snapshot == NULL) {
        return fi_data_open_keyspace(cli, store, false, out);
    }
    int code = firn_snapshot_keyspace_open(snapshot, cli->arguments[1], out, &err);
    if (code == FIRN_NOT_FOUND) {
        return fi_command_report_error(cli, code, NULL, "%s has no %s '%s' at %s",
                                       cli->arguments[0],
                                       is_table(store, cli->arguments[1]) ? "table" : "keyspace",
                                       cli->arguments[1], fi_command_value(cli, "at"));
    }
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
}
