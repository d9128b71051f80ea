/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_check.c: firn db check: the files of a store, then its tables: whether rows fit their
 * columns, and indexes their rows. Tables are checked only if the files are sound; otherwise the
 * unreadable parts have been reported already.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

struct checking {
    struct fi_cli *cli;
    firn_store *store;
    struct fi_task_notices notices;
    firn_store_check_result report;
    uint64_t tables;
    uint64_t rows;
    uint64_t index_entries;
    uint64_t damaged; /* in tables */
    firn_error first; /* of these */
    firn_error err;
};

static firn_callbacks
callbacks_of(struct checking *checking)
{
    firn_callbacks callbacks = fi_task_notices_callbacks(&checking->notices);
    callbacks.on_notice = fi_command_report_damage;
    return callbacks;
}

/* Returns a code of the library; damage is none. */
static int
check_table(void *ctx, const char *name)
{
    struct checking *checking = ctx;
    firn_table *table;
    firn_table_check_options options = FIRN_TABLE_CHECK_OPTIONS_INIT;
    firn_table_check_result result = FIRN_TABLE_CHECK_RESULT_INIT;
    options.callbacks = callbacks_of(checking);
    int code = firn_table_open(checking->store, name, &table, &checking->err);
    if (code == FIRN_OK) {
        code = firn_table_check(table, &options, &result, &checking->err);
    }
    if (code == FIRN_CORRUPT) {
        checking->first = checking->damaged == 0 ? checking->err : checking->first;
        checking->damaged += result.damaged_count > 0 ? result.damaged_count : 1;
        code = FIRN_OK;
    }
    checking->tables++;
    checking->rows += result.rows;
    checking->index_entries += result.index_entries;
    return code;
}

/* Returns a code of the library. */
static int
check_store(struct checking *checking)
{
    firn_store_check_options options = FIRN_STORE_CHECK_OPTIONS_INIT;
    fi_task_notices_init(&checking->notices, checking->cli);
    options.callbacks = callbacks_of(checking);
    int code;
    FI_TRY_OUT(code,
               firn_store_check(checking->store, &options, &checking->report, &checking->err));
    FI_TRY_OUT(code, firn_table_list(checking->store, check_table, checking, &checking->err));
    if (checking->damaged > 0) {
        checking->err = checking->first;
        code = FIRN_CORRUPT;
    }
out:
    fi_term_meter_clear();
    fi_task_notices_deinit(&checking->notices);
    return code;
}

static void
show_text(const struct checking *checking)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    const firn_store_check_result *report = &checking->report;
    uint64_t damaged = report->damaged_count + checking->damaged;
    fi_term_out_format("%s %s, ", fi_term_text_number(report->keyspaces, number),
                       fi_term_text_plural(report->keyspaces, "keyspace", "keyspaces"));
    fi_term_out_format("%s %s, ", fi_term_text_number(report->entries, number),
                       fi_term_text_plural(report->entries, "entry", "entries"));
    fi_term_out_format("%s log %s", fi_term_text_number(report->log_records, number),
                       fi_term_text_plural(report->log_records, "record", "records"));
    if (checking->tables > 0) {
        fi_term_out_format(", %s %s", fi_term_text_number(checking->tables, number),
                           fi_term_text_plural(checking->tables, "table", "tables"));
        fi_term_out_format(" of %s %s", fi_term_text_number(checking->rows, number),
                           fi_term_text_plural(checking->rows, "row", "rows"));
    }
    if (damaged == 0) {
        fi_term_out_text(": no damage\n");
    } else {
        fi_term_out_format(": %s damaged\n", fi_term_text_number(damaged, number));
    }
}

static void
show_report(const struct checking *checking)
{
    const firn_store_check_result *report = &checking->report;
    fi_term_json_u64("keyspaces", report->keyspaces);
    fi_term_json_u64("entries", report->entries);
    fi_term_json_u64("log_records", report->log_records);
    fi_term_json_u64("tables", checking->tables);
    fi_term_json_u64("rows", checking->rows);
    fi_term_json_u64("index_entries", checking->index_entries);
    fi_term_json_u64("damaged", report->damaged_count + checking->damaged);
    if (!checking->cli->quiet) {
        show_text(checking);
    }
}

/* What to do about damage; NULL: nothing more. */
static const char *
hint_of(const struct checking *checking, int code)
{
    assert(code != FIRN_OK);
    if (code != FIRN_CORRUPT) {
        return NULL;
    }
    return checking->damaged > 0
               ? "firn db table alter STORE TABLE drop-index and add-index rebuild an index"
               : fi_data_store_damage_hint(checking->cli->arguments[0]);
}

/* Of an encrypted store, by its checksums alone. Returns an exit code. */
static int
check_locked(struct fi_cli *cli)
{
    struct checking checking = {.cli = cli};
    firn_store_check_locked_options options = FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT;
    firn_store_check_locked_result result = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
    fi_task_notices_init(&checking.notices, cli);
    options.callbacks = callbacks_of(&checking);
    fi_term_json_array("damage");
    int code = firn_store_check_locked(cli->arguments[0], &options, &result, &checking.err);
    fi_term_json_unwind();
    fi_term_meter_clear();
    fi_task_notices_deinit(&checking.notices);
    int exit_code =
        fi_task_locked_show(cli, cli->arguments[0], code, &result, false, &checking.err);
    return code == FIRN_OK
               ? exit_code
               : fi_command_report_failure(cli, &checking.err, hint_of(&checking, code));
}

static int
run_check(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    struct checking checking = {.cli = cli};
    if (fi_command_has(cli, "no-key") && fi_command_key_may_be_encrypted(cli->arguments[0])) {
        return check_locked(cli);
    }
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ_UNLESS_LOCKED,
                                       &checking.store);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (checking.store == NULL) {
        return check_locked(cli);
    }
    checking.report.size = sizeof(checking.report);
    fi_term_json_array("damage");
    int code = check_store(&checking);
    fi_term_json_unwind();
    if (code == FIRN_OK || code == FIRN_CORRUPT) {
        show_report(&checking);
    }
    if (code == FIRN_CORRUPT && checking.report.damaged_count + checking.damaged > 0) {
        fi_task_notices_refer(cli->arguments[0], &checking.err);
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &checking.err, hint_of(&checking, code));
    }
    return fi_data_store_close(cli, checking.store, exit_code);
}

static const struct fi_command_option options[] = {
    FI_TASK_LOCKED_OPTION,
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_data_check = {
    .name = "check",
    .summary = "Read and verify all of a store",
    .arguments = "STORE",
    .options = options,
    .help = "Each damaged item is named with its file and offset, and the exit code is 5.\n"
            "Where the files are sound, tables are checked: rows fit their columns, and every\n"
            "index has exactly the entries of the rows. Nothing is changed.\n"
            "\n"
            "Of an encrypted store without its key, checksums are verified: they are over\n"
            "what is on the disk. Whether the files belong together, and whether one is\n"
            "missing, is verified only with a key. With --no-key, none is looked for. Where\n"
            "none was found, a warning says so, and the exit code is 6. A wrong key is an\n"
            "error. firn db repair needs a key.",
    .run = run_check,
};
