/* SPDX-License-Identifier: Apache-2.0
 *
 * seed/seed_alxs_build.c: firn alxs build: a table from sorted rows.
 *
 * Rows are what firn db scan and firn alxs list print, so that the output of one is the input of
 * the other; or binary (data.h). They go to the table as they come: nothing is sorted here,
 * since what does not come sorted would have to be kept.
 */
#include "seed/seed.h"

#include "data/data.h"
#include "term/term.h"

/* What the reader takes by default. */
enum { KEY_SIZE_MAX = 16 << 20, VALUE_SIZE_MAX = 256 << 20 };

static const char order_hint[] = "rows of --hex are put in order by: LC_ALL=C sort -s -k 1,1";

/* Returns an exit code. */
static int
open_rows(struct firn_cli *cli, struct firn_data_rows *rows)
{
    bool is_hex = firn_command_has(cli, "hex");
    bool is_binary = firn_command_has(cli, "binary");
    if (is_hex && is_binary) {
        return firn_command_misused(cli, "rows are of --hex or of --binary, not of both");
    }
    const char *path = cli->argument_count > 1 ? cli->arguments[1] : "-";
    int exit_code = firn_data_rows_open(cli, path,
                                        is_binary ? FIRN_DATA_ROWS_BINARY
                                        : is_hex  ? FIRN_DATA_ROWS_HEX
                                                  : FIRN_DATA_ROWS_TEXT,
                                        rows);
    rows->key_size_max = KEY_SIZE_MAX;
    rows->value_size_max = VALUE_SIZE_MAX;
    return exit_code;
}

/* Returns an exit code. */
static int
append_rows(struct firn_cli *cli, struct firn_data_rows *rows, firn_alxs_writer *writer)
{
    for (;;) {
        firn_error err;
        bool is_end = false;
        int exit_code = firn_data_rows_next(rows, &is_end);
        if (exit_code != FIRN_EXIT_OK || is_end) {
            return exit_code;
        }
        int code = firn_alxs_writer_append(writer, firn_data_bytes_slice(&rows->key),
                                           firn_data_bytes_slice(&rows->value), &err);
        if (code != FIRN_OK) {
            return firn_command_report_failure(cli, &err, code == FIRN_INVALID ? order_hint : NULL);
        }
    }
}

/* Returns an exit code. */
static int
finish(struct firn_cli *cli, firn_alxs_writer *writer)
{
    firn_error err;
    uint32_t checksum = 0;
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    char text[FIRN_SEED_ALXS_CHECKSUM_SIZE];
    uint64_t count = firn_alxs_writer_count(writer);
    int code = firn_alxs_writer_finish(writer, &checksum, &err);
    if (code != FIRN_OK) {
        return firn_command_report_failure(cli, &err, NULL);
    }
    firn_seed_alxs_checksum(checksum, text);
    if (cli->json) {
        firn_term_json_u64("count", count);
        firn_term_json_string("checksum", text);
    } else if (!cli->quiet) {
        firn_term_out_format("%s %s, checksum %s\n", firn_term_text_number(count, number),
                             firn_term_text_plural(count, "record", "records"), text);
    }
    return FIRN_EXIT_OK;
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    firn_alxs_writer *writer = NULL;
    firn_alxs_writer_options options = FIRN_ALXS_WRITER_OPTIONS_INIT;
    struct firn_data_rows rows = {.fd = -1};
    options.replace_existing = firn_command_has(cli, "replace");
    options.refuse_equal_keys = firn_command_has(cli, "unique");
    if (cli->arguments[0][0] == '\0') {
        return firn_command_misused(cli, "FILE is empty");
    }
    int exit_code = open_rows(cli, &rows);
    if (exit_code == FIRN_EXIT_OK) {
        int code = firn_alxs_writer_create(cli->arguments[0], &options, &writer, &err);
        if (code != FIRN_OK) {
            exit_code = firn_command_report_failure(
                cli, &err, code == FIRN_EXISTS ? "write over it with --replace" : NULL);
        }
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = append_rows(cli, &rows, writer);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = finish(cli, writer);
    }
    firn_alxs_writer_destroy(writer);
    firn_data_rows_close(&rows);
    return exit_code;
}

const struct firn_command firn_seed_alxs_build = {
    .name = "build",
    .summary = "Write a table that holds sorted rows",
    .arguments = "FILE [INPUT]",
    .options =
        (const struct firn_command_option[]){
            {"hex", 'x', NULL, "keys and values are hexadecimal digits"},
            {"binary", 'b', NULL, "rows are binary"},
            {"replace", 0, NULL, "write over FILE if it is there"},
            {"unique", 'u', NULL, "refuse equal keys"},
            {NULL, 0, NULL, NULL},
        },
    .help =
        "Rows come from INPUT, or from standard input; a row is a key, a tab, a value and\n"
        "a newline, as firn db scan and firn alxs list print them: a backslash begins one\n"
        "of \\\\ \\a \\b \\t \\n \\v \\f \\r or three octal digits, every other byte stands for\n"
        "itself. With --binary a row is the size of the key and that of the value, four\n"
        "bytes each with the lowest first, then key and value.\n"
        "\n"
        "Keys have to come in the order of their bytes. Equal ones are all kept. FILE is\n"
        "on disk and whole when the command returns. If a row is wrong there is no FILE.",
    .examples =
        (const struct firn_command_example[]){
            {"firn db scan app.firn users | firn alxs build users.sst", "a keyspace as a table"},
            {NULL, NULL},
        },
    .run = run,
};
