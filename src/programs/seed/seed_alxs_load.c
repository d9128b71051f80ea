/* SPDX-License-Identifier: Apache-2.0
 *
 * seed/seed_alxs_load.c: firn alxs load: a table's records into a keyspace.
 *
 * The table is checked as a whole first, and so is that its keys and values are not too large for a
 * store: what cannot be loaded in full is not begun. Of equal keys the last one stays, as if each
 * record replaced the one before; keys that the keyspace has already are replaced, others stay.
 */
#include "seed/seed.h"

#include "data/data.h"
#include "term/term.h"

/* Returns a code of the library. */
static int
load(struct firn_data_loader *loader, firn_alxs *table, firn_error *err)
{
    firn_alxs_cursor *cursor = NULL;
    int code = firn_alxs_cursor_open(table, &cursor, err);
    if (code == FIRN_OK) {
        code = firn_alxs_cursor_first(cursor, err);
    }
    while (code == FIRN_OK && firn_alxs_cursor_valid(cursor)) {
        code = firn_data_loader_put(loader, firn_alxs_cursor_key(cursor),
                                    firn_alxs_cursor_value(cursor), err);
        if (code == FIRN_OK) {
            code = firn_seed_alxs_go_on(err);
        }
        if (code == FIRN_OK) {
            code = firn_alxs_cursor_next(cursor, err);
        }
    }
    if (code == FIRN_OK) {
        code = firn_data_loader_finish(loader, err);
    }
    firn_alxs_cursor_close(cursor);
    return code;
}

/* Opens and checks the table, and refuses one that a store cannot hold. Returns an exit code. */
static int
open_table(struct firn_cli *cli, firn_alxs **out, firn_alxs_info *info)
{
    firn_error err;
    firn_alxs_options options = FIRN_ALXS_OPTIONS_INIT;
    options.key_size_max = FIRN_KEY_SIZE_MAX;
    options.value_size_max = FIRN_VALUE_SIZE_MAX;
    int exit_code = firn_seed_alxs_open(
        cli, &options, "this is what a store takes; nothing of the table was loaded", out);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    return firn_alxs_describe(*out, info, &err) == FIRN_OK
               ? FIRN_EXIT_OK
               : firn_command_report_failure(cli, &err, NULL);
}

static void
show(struct firn_cli *cli, uint64_t count, const firn_alxs_info *info)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    if (cli->json) {
        firn_term_json_u64("count", count);
        firn_term_json_u64("equal_keys", info->equal_count);
    } else if (!cli->quiet) {
        firn_term_out_format("%s %s", firn_term_text_number(count, number),
                             firn_term_text_plural(count, "record", "records"));
        if (info->equal_count > 0) {
            firn_term_out_format(", %s replaced by the next with the same key",
                                 firn_term_text_number(info->equal_count, number));
        }
        firn_term_out_text("\n");
    }
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    firn_alxs *table = NULL;
    firn_alxs_info info = {.size = sizeof(info)};
    firn_store *store = NULL;
    firn_keyspace *keyspace;
    struct firn_data_loader loader = {.bulk = NULL};
    int exit_code = open_table(cli, &table, &info);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_data_store_open(cli, cli->arguments[1], FIRN_DATA_STORE_LOAD, &store);
    }
    if (exit_code == FIRN_EXIT_OK) {
        int code = firn_keyspace_open(store, cli->arguments[2], NULL, &keyspace, &err);
        if (code == FIRN_OK) {
            code = firn_data_loader_begin(&loader, keyspace, false, &err);
        }
        if (code == FIRN_OK) {
            code = load(&loader, table, &err);
        }
        if (code != FIRN_OK) {
            exit_code = firn_data_loader_report(cli, &loader, &err);
        }
        firn_data_loader_end(&loader);
    }
    firn_alxs_close(table);
    exit_code = firn_data_store_close(cli, store, exit_code);
    if (exit_code == FIRN_EXIT_OK) {
        show(cli, loader.written, &info);
    }
    return exit_code;
}

const struct firn_command firn_seed_alxs_load = {
    .name = "load",
    .summary = "Write the records of a table into a keyspace",
    .arguments = "FILE STORE KEYSPACE",
    .help = "Many commits, all on disk when the command returns. The store and the keyspace\n"
            "are made where they are missing. Keys that are there already get the table's\n"
            "values; of equal keys in the table the last one stays. If it is ended before,\n"
            "the first records of the table may be there; running it again does no harm.",
    .examples =
        (const struct firn_command_example[]){
            {"firn alxs load 000017.sst app.firn users", "a table of the seed's, in a store"},
            {NULL, NULL},
        },
    .uses = FIRN_COMMAND_USES_LOCK,
    .run = run,
};
