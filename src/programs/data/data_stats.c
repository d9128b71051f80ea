/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_stats.c: firn db flush, compact and stats: the files of a store.
 *
 * The numbers are read without blocking a writer, so they describe files only: counters of work are
 * in the memory of the writing process.
 */
#include "data/data_internal.h"

#include <assert.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

static int
run_flush(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_store *store = NULL;
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store);
    if (exit_code == FI_EXIT_OK && firn_store_flush(store, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* What is to be compacted: all, or keys of one keyspace. */
struct compaction {
    firn_keyspace *keyspace; /* NULL: all */
    struct fi_data_bytes lower;
    struct fi_data_bytes upper;
    bool has_lower;
    bool has_upper;
};

static firn_slice
bound(const struct fi_data_bytes *bytes, bool is_there)
{
    return is_there ? fi_data_bytes_slice(bytes) : firn_bytes(NULL, 0);
}

/* Returns a code of the library. */
static int
data_stats_compact(struct fi_cli *cli, firn_store *store, const struct compaction *what,
                   firn_error *err)
{
    struct fi_task_notices notices;
    firn_store_maintenance_options options = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    fi_task_notices_init(&notices, cli);
    options.callbacks = fi_task_notices_callbacks(&notices);
    int code = what->keyspace == NULL
                   ? firn_store_compact(store, &options, err)
                   : firn_keyspace_compact(what->keyspace, bound(&what->lower, what->has_lower),
                                           bound(&what->upper, what->has_upper), &options, err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    return code;
}

/* Returns an exit code. */
static int
read_bounds(struct fi_cli *cli, struct compaction *out)
{
    const char *from = fi_command_value(cli, "from");
    const char *to = fi_command_value(cli, "to");
    bool is_hex = fi_command_has(cli, "hex");
    int exit_code = FI_EXIT_OK;
    if (cli->argument_count < 2 && (from != NULL || to != NULL)) {
        return fi_command_misused(cli, "--from and --to are keys of a keyspace: name it");
    }
    out->has_lower = from != NULL;
    out->has_upper = to != NULL;
    if (from != NULL) {
        exit_code = fi_data_bytes_from_argument(cli, "--from", from, is_hex, &out->lower);
    }
    if (exit_code == FI_EXIT_OK && to != NULL) {
        exit_code = fi_data_bytes_from_argument(cli, "--to", to, is_hex, &out->upper);
    }
    return exit_code;
}

/* The library opens the store itself: it must not be open when older keys are dropped. Returns an
 * exit code. */
static int
rekey(struct fi_cli *cli)
{
    firn_error err;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    struct fi_task_notices notices;
    firn_keys_rekey_options options = FIRN_KEYS_REKEY_OPTIONS_INIT;
    firn_keys_rekey_result result = FIRN_KEYS_REKEY_RESULT_INIT;
    if (cli->argument_count > 1) {
        return fi_command_misused(cli, "--rekey is for a whole store");
    }
    fi_task_notices_init(&notices, cli);
    options.source = &fi_command_key_source;
    options.lock_timeout_ms = cli->wait_ms;
    options.callbacks = fi_task_notices_callbacks(&notices);
    int code = firn_keys_rekey(cli->arguments[0], &options, &result, &err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    cli->is_done = true;
    fi_term_json_u64("rekeyed", result.rekeyed);
    fi_term_json_u64("left", result.left);
    if (result.left > 0) {
        return fi_command_report_error(
            cli, FIRN_BUSY,
            result.packs > 0 ? "firn gc --rekey in a workspace of the store is for saved "
                               "directories"
                             : "given again, the command does the rest",
            "%s %s left with an older key", fi_term_text_number(result.left, number),
            fi_term_text_plural(result.left, "file is", "files are"));
    }
    if (!cli->quiet) {
        fi_term_out_format("%s %s written anew, none is left with an older key\n",
                           fi_term_text_number(result.rekeyed, number),
                           fi_term_text_plural(result.rekeyed, "file", "files"));
    }
    return FI_EXIT_OK;
}

static int
run_compact(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    struct compaction what = {.keyspace = NULL};
    int exit_code;
    if (fi_command_has(cli, "rekey")) {
        return rekey(cli);
    }
    FI_TRY_OUT(exit_code, read_bounds(cli, &what));
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store));
    if (cli->argument_count > 1) {
        FI_TRY_OUT(exit_code, fi_data_open_keyspace(cli, store, false, &what.keyspace));
    }
    if (data_stats_compact(cli, store, &what, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    fi_data_bytes_deinit(&what.lower);
    fi_data_bytes_deinit(&what.upper);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- stats ---- */

static void
show_level_json(const char *name, const firn_store_level *level)
{
    fi_term_json_object(name);
    fi_term_json_u64("files", level->files);
    fi_term_json_u64("bytes", level->bytes);
    fi_term_json_u64("entries", level->entries);
    fi_term_json_u64("tombstones", level->tombstones);
    fi_term_json_end();
}

static void
show_json(const firn_store_statistics *stats)
{
    fi_term_json_array("levels");
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        show_level_json(NULL, &stats->levels[i]);
    }
    fi_term_json_end();
    show_level_json("history", &stats->history);
    fi_term_json_u64("keyspaces", stats->keyspaces);
    fi_term_json_u64("file_bytes", stats->file_bytes);
    fi_term_json_u64("value_files", stats->value_files);
    fi_term_json_u64("value_bytes", stats->value_bytes);
    fi_term_json_u64("value_live_bytes", stats->value_live_bytes);
    fi_term_json_u64("log_bytes", stats->log_bytes);
    fi_term_json_u64("memtable_bytes", stats->memtable_bytes);
    fi_term_json_u64("missing_files", stats->missing_files);
    fi_term_json_u64("checkpoint_memory_bytes", stats->checkpoint_memory_bytes);
    fi_term_json_object("disk");
    fi_term_json_u64("log_bytes", stats->disk.log_bytes);
    fi_term_json_u64("log_spare_bytes", stats->disk.log_spare_bytes);
    fi_term_json_u64("reserve_bytes", stats->disk.reserve_bytes);
    fi_term_json_u64("run_bytes", stats->disk.run_bytes);
    fi_term_json_u64("value_bytes", stats->disk.value_bytes);
    fi_term_json_u64("pack_bytes", stats->disk.pack_bytes);
    fi_term_json_u64("manifest_bytes", stats->disk.manifest_bytes);
    fi_term_json_u64("other_bytes", stats->disk.other_bytes);
    fi_term_json_end();
}

/* After the name of the level. */
static void
show_level(const firn_store_level *level)
{
    char count[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("%s %s, %s, ", fi_term_text_number(level->files, count),
                       fi_term_text_plural(level->files, "file", "files"),
                       fi_term_text_size(level->bytes, size));
    uint64_t tombstones = level->tombstones;
    fi_term_out_format("%s %s", fi_term_text_number(level->entries, count),
                       fi_term_text_plural(level->entries, "entry", "entries"));
    if (tombstones > 0) {
        fi_term_out_format(", %s %s", fi_term_text_number(tombstones, count),
                           fi_term_text_plural(tombstones, "tombstone", "tombstones"));
    }
    fi_term_out_text("\n");
}

static void
show_values(const firn_store_statistics *stats)
{
    char count[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    char live[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("values   %s %s, %s, %s of them in use\n",
                       fi_term_text_number(stats->value_files, count),
                       fi_term_text_plural(stats->value_files, "file", "files"),
                       fi_term_text_size(stats->value_bytes, size),
                       fi_term_text_size(stats->value_live_bytes, live));
}

static void
show_disk(const firn_store_disk *disk)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } parts[] = {
        {"log", disk->log_bytes},           {"spare log", disk->log_spare_bytes},
        {"reserve", disk->reserve_bytes},   {"levels and history", disk->run_bytes},
        {"values", disk->value_bytes},      {"packs", disk->pack_bytes},
        {"MANIFEST", disk->manifest_bytes}, {"other", disk->other_bytes},
    };
    char size[FI_TERM_TEXT_SIZE_SIZE];
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        all += parts[i].bytes;
    }
    fi_term_out_format("disk     %s", fi_term_text_size(all, size));
    for (size_t i = 0, shown = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].bytes > 0) {
            fi_term_out_format("%s%s %s", shown++ == 0 ? ": " : ", ", parts[i].name,
                               fi_term_text_size(parts[i].bytes, size));
        }
    }
    fi_term_out_text("\n");
}

static void
show_text(const firn_store_statistics *stats)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        if (stats->levels[i].files > 0) {
            fi_term_out_format("level %zu  ", i);
            show_level(&stats->levels[i]);
        }
    }
    if (stats->history.files > 0) {
        fi_term_out_text("history  ");
        show_level(&stats->history);
    }
    if (stats->value_files > 0) {
        show_values(stats);
    }
    fi_term_out_format("log      %s\n", fi_term_text_size(stats->log_bytes, size));
    show_disk(&stats->disk);
    fi_term_out_format("%s %s, firn's own included\n",
                       fi_term_text_number(stats->keyspaces, number),
                       fi_term_text_plural(stats->keyspaces, "keyspace", "keyspaces"));
}

static void
show_encryption(const char *path)
{
    char text[FI_COMMAND_KEY_TEXT_SIZE];
    if (fi_command_key_show(path, text)) {
        fi_term_out_format("encrypted: %s\n", text);
    }
}

static int
run_stats(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    firn_store_statistics stats = {.size = sizeof(stats)};
    bool is_of_table = fi_command_has(cli, "count") || fi_command_value(cli, "at") != NULL;
    if (cli->argument_count < 2 && is_of_table) {
        return fi_command_misused(cli, "--count and --at are for a table: name it");
    }
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (cli->argument_count > 1) {
        return fi_data_store_close(cli, store,
                                   fi_data_table_inspect(cli, store, fi_data_table_stats));
    }
    if (firn_store_stats(store, &stats, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        show_json(&stats);
        show_text(&stats);
        show_encryption(cli->arguments[0]);
    }
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- descriptions ---- */

const struct fi_command fi_data_stats_flush = {
    .name = "flush",
    .summary = "Write everything in a store's log to sorted files",
    .arguments = "STORE",
    .help = "Data in the log is safe, and firn moves it to sorted files by itself as the log\n"
            "grows. After this command the next opening has no log to replay.",
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_flush,
};

const struct fi_command fi_data_stats_compact = {
    .name = "compact",
    .summary = "Merge a store's files, to free the space of deleted data",
    .arguments = "STORE [KEYSPACE]",
    .options =
        (const struct fi_command_option[]){
            {"from", 0, "KEY", "begin at KEY (default: the first key)"},
            {"to", 0, "KEY", "end before KEY (default: after the last key)"},
            {"hex", 'x', NULL, "keys are hexadecimal digits"},
            {"rekey", 0, NULL, "write anew only what older master keys have encrypted"},
            {NULL, 0, NULL, NULL},
        },
    .help = "firn merges files by itself as data comes in. This command does all merging now,\n"
            "which may take long, and frees the space of everything that was overwritten or\n"
            "deleted.\n"
            "\n"
            "With a keyspace, or with bounds too, it merges only the files that contain keys\n"
            "in that range.\n"
            "\n"
            "With --rekey every file of an encrypted store is written anew that is not\n"
            "encrypted with the newest master key (firn key rotate). If none is left then,\n"
            "older master keys are dropped. Interrupted, it goes on when it is given again.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db compact app.firn", "compact the whole store"},
            {"firn db compact app.firn users --from m --to n",
             "compact a range in which much was deleted"},
            {"firn db compact --rekey app.firn", "encrypt all of it with the newest master key"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_compact,
};

const struct fi_command fi_data_stats = {
    .name = "stats",
    .summary = "Show levels, sizes and entry counts of a store's files",
    .arguments = "STORE [TABLE]",
    .options =
        (const struct fi_command_option[]){
            {"count", 0, NULL, "of a table, count its rows instead of estimating them"},
            {"at", 0, "REF", "of a table, describe it as it is in the checkpoint REF"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Level 0 has the most recently written data; each level below it has older data.\n"
            "Entries include overwritten values that have not been merged away yet. On disk,\n"
            "reserve is space that is kept for a full disk. other are the files FIRN, LOCK\n"
            "and config; the damaged store that a repair has kept (damaged-1), which may be\n"
            "removed; and what is not firn's. More than some KB are one of these two.\n"
            "\n"
            "With TABLE, prints a line for each column and each index. Of a column: stored is\n"
            "its size in files, and raw the size of its values. It is stored in chunks, each\n"
            "in the encoding that makes it smallest. All values lie between smallest and\n"
            "largest. Rows that are only in memory and in the log are counted separately.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db stats app.firn", "files of a store"},
            {"firn db stats app.firn people", "columns of a table"},
            {NULL, NULL},
        },
    .run = run_stats,
};
