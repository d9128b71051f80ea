/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_alxs_load.c: firn alxs load: a table's records into a keyspace.
 *
 * The table is checked as a whole first, and so is that its keys and values are not too large for a
 * store: what cannot be loaded in full is not begun. Then the records are written in batches of at
 * most a few MiB, handed to the kernel, and made durable once at the end. Of equal keys the last
 * one stays, as if each record replaced the one before; keys that the keyspace has already are
 * replaced, others stay.
 *
 * It is many commits. If it is ended in between, a part of the table is in the keyspace, from its
 * beginning on; loading again does no harm.
 */
#include "cli/cli_bytes.h"
#include "cli/cli_store.h"
#include "cli/cmd_alxs.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/text.h"

enum { BATCH_COUNT = 10000, BATCH_SIZE = 4 << 20 };

struct loading {
    firn_store *store;
    firn_keyspace *keyspace;
    firn_batch *batch;
    size_t batch_size; /* of its keys and values */
    uint64_t written;  /* records in commits */
};

static int
write_batch(struct loading *loading, firn_error *err)
{
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    int code = firn_write(loading->store, loading->batch, &options, err);
    if (code == FIRN_OK) {
        loading->written += firn_batch_count(loading->batch);
        firn_batch_clear(loading->batch);
        loading->batch_size = 0;
    }
    return code;
}

static int
put(struct loading *loading, firn_slice key, firn_slice value, firn_error *err)
{
    size_t size = key.size + value.size;
    bool is_full =
        firn_batch_count(loading->batch) >= BATCH_COUNT || loading->batch_size + size > BATCH_SIZE;
    int code = FIRN_OK;
    if (is_full && firn_batch_count(loading->batch) > 0) {
        code = write_batch(loading, err);
    }
    if (code == FIRN_OK) {
        code = firn_batch_put(loading->batch, loading->keyspace, key, value, err);
        loading->batch_size += size;
    }
    return code;
}

/* Returns a code of the library. */
static int
load(struct loading *loading, firn_alxs *table, firn_error *err)
{
    firn_alxs_cursor *cursor = NULL;
    int code = firn_batch_create(&loading->batch, err);
    if (code == FIRN_OK) {
        code = firn_alxs_cursor_open(table, &cursor, err);
    }
    if (code == FIRN_OK) {
        code = firn_alxs_cursor_first(cursor, err);
    }
    while (code == FIRN_OK && firn_alxs_cursor_valid(cursor)) {
        code = put(loading, firn_alxs_cursor_key(cursor), firn_alxs_cursor_value(cursor), err);
        if (code == FIRN_OK) {
            code = firn_cmd_alxs_go_on(err);
        }
        if (code == FIRN_OK) {
            code = firn_alxs_cursor_next(cursor, err);
        }
    }
    if (code == FIRN_OK) {
        code = write_batch(loading, err);
    }
    if (code == FIRN_OK) {
        code = firn_store_sync(loading->store, err);
    }
    firn_alxs_cursor_close(cursor);
    firn_batch_destroy(loading->batch);
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
    int exit_code = firn_cmd_alxs_open(
        cli, &options, "this is what a store takes; nothing of the table was loaded", out);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    return firn_alxs_describe(*out, info, &err) == FIRN_OK ? FIRN_EXIT_OK
                                                           : firn_report_failure(cli, &err, NULL);
}

static void
show(struct firn_cli *cli, const struct loading *loading, const firn_alxs_info *info)
{
    char number[FIRN_TEXT_NUMBER_SIZE];
    if (cli->json) {
        firn_json_out_u64("count", loading->written);
        firn_json_out_u64("equal_keys", info->equal_count);
    } else if (!cli->quiet) {
        firn_out_format("%s %s", firn_text_number(loading->written, number),
                        firn_text_plural(loading->written, "record", "records"));
        if (info->equal_count > 0) {
            firn_out_format(", %s replaced by the next with the same key",
                            firn_text_number(info->equal_count, number));
        }
        firn_out_text("\n");
    }
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    firn_alxs *table = NULL;
    firn_alxs_info info = {.size = sizeof(info)};
    struct loading loading = {.store = NULL};
    int exit_code = open_table(cli, &table, &info);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_store_open(cli, cli->arguments[1], FIRN_CLI_STORE_WRITE_OR_MAKE,
                                        &loading.store);
    }
    if (exit_code == FIRN_EXIT_OK) {
        int code =
            firn_keyspace_open(loading.store, cli->arguments[2], NULL, &loading.keyspace, &err);
        if (code == FIRN_OK) {
            code = load(&loading, table, &err);
        }
        if (code != FIRN_OK) {
            exit_code = firn_report_failure(
                cli, &err, loading.written > 0 ? "a part was loaded; run this again" : NULL);
        }
    }
    firn_alxs_close(table);
    exit_code = firn_cli_store_close(cli, loading.store, exit_code);
    if (exit_code == FIRN_EXIT_OK) {
        show(cli, &loading, &info);
    }
    return exit_code;
}

const struct firn_command firn_cmd_alxs_load = {
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
