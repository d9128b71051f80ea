/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_exchange.c: firn db table import and export: a table from CSV, JSON lines or a file of
 * vectors, and as text.
 *
 * The beginning of a text is read several times (data_source.c): to find its form, with --create to
 * guess the columns, and as rows. The form is printed if it is unusual.
 *
 * If an import fails, the table that was created for it is dropped.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

/* How many rejected lines are reported one by one. */
enum { TOLD_MAX = 10 };

/* ---- the form of a text ---- */

static bool
ends_with(const char *text, const char *end)
{
    assert(text != NULL && end != NULL);
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool
read_kind(const struct fi_cli *cli, const char *path, firn_text_kind *out)
{
    const char *given = fi_command_value(cli, "format");
    bool is_json = given != NULL ? strcmp(given, "jsonl") == 0
                                 : ends_with(path, ".jsonl") || ends_with(path, ".ndjson");
    *out = is_json ? FIRN_TEXT_JSON_LINES : FIRN_TEXT_CSV;
    return given == NULL || is_json || strcmp(given, "csv") == 0;
}

static bool
read_delimiter(const struct fi_cli *cli, const char *path, char *out)
{
    const char *given = fi_command_value(cli, "delimiter");
    bool is_tab = given == NULL ? ends_with(path, ".tsv")
                                : strcmp(given, "tab") == 0 || strcmp(given, "\\t") == 0;
    *out = '\0';
    if (is_tab) {
        *out = '\t';
    } else if (given != NULL) {
        *out = given[0];
    }
    return given == NULL || is_tab || strlen(given) == 1;
}

/* Returns an exit code. */
static int
read_form(struct fi_cli *cli, const char *path, firn_text_form *out)
{
    if (!read_kind(cli, path, &out->kind)) {
        return fi_command_misused(cli, "--format is csv or jsonl");
    }
    if (!read_delimiter(cli, path, &out->delimiter)) {
        return fi_command_misused(cli, "--delimiter is one character, or tab");
    }
    out->no_header = fi_command_has(cli, "no-header");
    if (out->kind == FIRN_TEXT_JSON_LINES &&
        (out->no_header || cli->repeated_count > 0 || fi_command_value(cli, "null") != NULL ||
         fi_command_value(cli, "delimiter") != NULL)) {
        return fi_command_misused(cli, "--no-header, --delimiter and --null are for CSV");
    }
    return FI_EXIT_OK;
}

/* ---- import ---- */

/* How a text is read: the properties that options give, and those that are to be found. */
struct form {
    firn_text_form text;
    firn_text_reading reading;
    unsigned wanted; /* of firn_text_property */
};

/* Takes the form from the options. Returns an exit code. */
static int
read_import_form(struct fi_cli *cli, const char *path, struct form *out)
{
    static const char *const others[] = {"quote", "skip", "date-format", "timestamp-format"};
    const char *quote = fi_command_value(cli, "quote");
    const char *skip = fi_command_value(cli, "skip");
    bool has_header = fi_command_has(cli, "header");
    FI_TRY_RETURN(read_form(cli, path, &out->text));
    bool is_csv = out->text.kind == FIRN_TEXT_CSV;
    if (!is_csv && has_header) {
        return fi_command_misused(cli, "--header is for CSV");
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0] && !is_csv; i++) {
        if (fi_command_value(cli, others[i]) != NULL) {
            return fi_command_misused(cli, "--%s is for CSV", others[i]);
        }
    }
    if (has_header && out->text.no_header) {
        return fi_command_misused(cli, "--header and --no-header exclude each other");
    }
    if (skip != NULL && !fi_command_number(skip, UINT32_MAX, &out->reading.skip_lines)) {
        return fi_command_misused(cli, "--skip takes a number of lines");
    }
    if (quote != NULL && strcmp(quote, "none") != 0 && strlen(quote) != 1) {
        return fi_command_misused(cli, "--quote is one character, or none");
    }
    out->text.no_quotes = quote != NULL && strcmp(quote, "none") == 0;
    out->text.quote = (char)(quote != NULL && !out->text.no_quotes ? quote[0] : '\0');
    if (cli->repeated_count > 0) { /* those that are given, and no other */
        out->text.null_text = cli->repeated[0];
        out->reading.other_nulls = cli->repeated + 1;
        out->reading.other_null_count = cli->repeated_count - 1;
    }
    out->reading.date_pattern = fi_command_value(cli, "date-format");
    out->reading.timestamp_pattern = fi_command_value(cli, "timestamp-format");
    bool knows_header = has_header || out->text.no_header || !fi_command_has(cli, "create");
    out->wanted = !is_csv ? 0
                          : (out->text.delimiter == '\0' ? FIRN_TEXT_PROPERTY_DELIMITER : 0U) |
                                (quote == NULL ? FIRN_TEXT_PROPERTY_QUOTE : 0U) |
                                (knows_header ? 0U : FIRN_TEXT_PROPERTY_HEADER) |
                                (skip == NULL ? FIRN_TEXT_PROPERTY_SKIP : 0U);
    return FI_EXIT_OK;
}

/* Finds the rest of the form, and prints it if it is unusual. Returns an exit code. */
static int
complete_form(struct fi_cli *cli, struct fi_data_source *source, struct form *form)
{
    firn_error err;
    firn_text_form *text = &form->text;
    int exit_code = fi_data_source_start(source);
    if (exit_code != FI_EXIT_OK || text->kind != FIRN_TEXT_CSV) {
        return exit_code;
    }
    FI_TRY_RETURN(fi_command_has(cli, "format") ? FI_EXIT_OK : fi_data_source_expect_csv(source));
    if (firn_text_sniff(firn_bytes(source->kept.data, source->kept.size), source->start_is_all,
                        form->wanted, text, &form->reading, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    const char delimiter[] = {text->delimiter, '\0'};
    const char quote[] = {text->quote, '\0'};
    fi_term_json_object("form");
    fi_term_json_string("delimiter", delimiter);
    fi_term_json_string_if("quote", quote, !text->no_quotes);
    fi_term_json_bool("header", !text->no_header);
    fi_term_json_u64("skip", form->reading.skip_lines);
    fi_term_json_end();
    bool is_odd = ((form->wanted & FIRN_TEXT_PROPERTY_DELIMITER) != 0 && text->delimiter != ',') ||
                  ((form->wanted & FIRN_TEXT_PROPERTY_QUOTE) != 0 && text->quote != '"') ||
                  ((form->wanted & FIRN_TEXT_PROPERTY_HEADER) != 0 && text->no_header) ||
                  ((form->wanted & FIRN_TEXT_PROPERTY_SKIP) != 0 && form->reading.skip_lines > 0);
    if (is_odd && !cli->quiet && !cli->json) {
        char quoted[] = {'\'', text->quote, '\'', '\0'};
        char shown[] = {'\'', text->delimiter, '\'', '\0'};
        fi_command_report_line("found in the text: delimiter %s, quote %s, %s header%s",
                               text->delimiter == '\t' ? "tab" : shown,
                               text->no_quotes ? "none" : quoted, text->no_header ? "no" : "a",
                               form->reading.skip_lines > 0 ? ", after lines that are skipped"
                                                            : "");
    }
    return FI_EXIT_OK;
}

struct rejects {
    struct fi_task_notices notices; /* first: on_reject and its callbacks have one ctx */
    struct fi_task_file file;
    bool skips;    /* rejected lines do not end the import */
    bool has_file; /* rejected lines are written to the file */
    uint64_t count;
    firn_error err; /* of the file */
};

static int
on_reject(void *ctx, const firn_import_reject *reject)
{
    struct rejects *rejects = ctx;
    rejects->count++;
    if (rejects->has_file) {
        int code = fi_task_file_write(&rejects->file, reject->text, &rejects->err);
        code = code == FIRN_OK ? fi_task_file_write(&rejects->file, firn_str("\n"), &rejects->err)
                               : code;
        if (code != FIRN_OK) {
            return code;
        }
    }
    if (rejects->count <= TOLD_MAX) {
        fi_command_report_line("left out: %s", reject->why);
    } else if (rejects->count == TOLD_MAX + 1) {
        fi_command_report_line("left out: more lines, which are counted only");
    }
    return FIRN_OK;
}

/* The columns of the fields: those that were named, or of the table that was made. */
struct columns {
    struct fi_data_values_list named;
    const char **guessed;
    const char *const *names; /* NULL: neither */
    size_t count;
};

/* Makes the table from the beginning of the text. Returns an exit code. */
static int
create_table(struct fi_cli *cli, firn_store *store, struct fi_data_source *source,
             const struct form *form, struct columns *columns, firn_table_def **out_def)
{
    firn_error err;
    firn_guess_options options = FIRN_GUESS_OPTIONS_INIT;
    struct fi_data_values_list key = {NULL, NULL, 0};
    const char *given_key = fi_command_value(cli, "key");
    const char *sample = fi_command_value(cli, "sample");
    uint64_t rows = 0;
    char *text = NULL;
    int exit_code = FI_EXIT_OK;
    if (sample != NULL && !fi_command_number(sample, UINT32_MAX, &rows)) {
        return fi_command_misused(cli, "--sample takes a number of rows");
    }
    if (given_key != NULL) {
        exit_code = fi_data_values_split(cli, "--key", given_key, &key);
        options.key = (const char *const *)key.items;
        options.key_count = key.count;
    }
    options.form = form->text;
    options.reading = &form->reading;
    options.sample_rows = (uint32_t)rows;
    source->keeps = true;
    if (exit_code == FI_EXIT_OK) {
        int code = firn_import_guess(fi_data_source_read, source, &options, &text, &err);
        code = code == FIRN_OK ? firn_table_def_parse(text, out_def, &err) : code;
        code = code == FIRN_OK ? firn_table_create(store, cli->arguments[1], *out_def, NULL, &err)
                               : code;
        if (code != FIRN_OK && !source->has_no_memory) {
            exit_code = fi_command_report_failure(cli, &err, NULL);
        } else if (code != FIRN_OK) {
            exit_code = FI_EXIT_FAILED;
        }
    }
    source->keeps = false;
    source->at = 0;
    if (exit_code == FI_EXIT_OK && *out_def != NULL && columns->names == NULL) {
        size_t first = given_key == NULL ? 1 : 0; /* not the column of numbers */
        columns->guessed = calloc((*out_def)->column_count, sizeof(char *));
        for (size_t i = first; columns->guessed != NULL && i < (*out_def)->column_count; i++) {
            columns->guessed[columns->count++] = (*out_def)->columns[i].name;
        }
        columns->names = columns->guessed;
        if (columns->guessed == NULL) {
            exit_code = fi_command_report_no_memory(cli);
        }
    }
    if (exit_code == FI_EXIT_OK && !cli->quiet) {
        fi_term_out_format("%s: %s\n", cli->arguments[1], text);
    }
    if (exit_code == FI_EXIT_OK) {
        fi_term_json_string("definition", text);
    }
    firn_release(text);
    fi_data_values_list_deinit(&key);
    return exit_code;
}

/* Whether the path is the file that is read. */
static bool
is_source(const struct fi_data_source *source, const char *path)
{
    struct stat there;
    struct stat read;
    return stat(path, &there) == 0 && fstat(source->fd, &read) == 0 &&
           there.st_dev == read.st_dev && there.st_ino == read.st_ino && S_ISREG(there.st_mode);
}

static const char *
replace_hint(int code)
{
    return code == FIRN_EXISTS ? "overwrite it with --replace" : NULL;
}

/* Returns an exit code. */
static int
open_rejects(struct fi_cli *cli, const struct fi_data_source *source, struct rejects *out)
{
    firn_error err;
    const char *path = fi_command_value(cli, "rejects");
    const char *on_error = fi_command_value(cli, "on-error");
    const bool may_replace = fi_command_has(cli, "replace");
    out->skips = path != NULL || (on_error != NULL && strcmp(on_error, "skip") == 0);
    if (on_error != NULL && strcmp(on_error, "skip") != 0 && strcmp(on_error, "stop") != 0) {
        return fi_command_misused(cli, "--on-error is stop or skip");
    }
    if (path != NULL && on_error != NULL && strcmp(on_error, "stop") == 0) {
        return fi_command_misused(cli, "--rejects and --on-error stop exclude each other");
    }
    if (path == NULL) {
        return may_replace ? fi_command_misused(cli, "--replace goes with --rejects") : FI_EXIT_OK;
    }
    if (is_source(source, path)) {
        return fi_command_misused(cli, "--rejects names the file that is imported");
    }
    const int code = fi_task_file_create(&out->file, path, may_replace, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, replace_hint(code));
    }
    out->has_file = true;
    return FI_EXIT_OK;
}

/* Ends a file that was begun, if it was. After a failure it is as it was before. Returns an exit
 * code. */
static int
close_file(struct fi_cli *cli, struct fi_task_file *file, bool is_begun, int exit_code)
{
    firn_error err;
    if (is_begun && exit_code == FI_EXIT_OK && fi_task_file_finish(file, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    fi_task_file_discard(file);
    return exit_code;
}

/* Returns a code of the library. */
static int
import_rows(struct fi_cli *cli, firn_table *table, struct fi_data_source *source,
            const firn_import_options *given, struct rejects *rejects,
            firn_import_statistics *statistics, firn_error *err)
{
    firn_import_options options = *given;
    fi_task_notices_init(&rejects->notices, cli);
    options.callbacks = fi_task_notices_callbacks(&rejects->notices);
    options.on_reject = rejects->skips ? on_reject : NULL;
    int code = firn_table_import(table, fi_data_source_read, source, &options, statistics, err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&rejects->notices);
    return code;
}

static void
report_imported(const struct fi_cli *cli, const firn_import_statistics *statistics)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("rows", statistics->rows);
    fi_term_json_u64("rejected", statistics->rejected);
    fi_term_json_u64("skipped", statistics->skipped);
    if (!cli->quiet) {
        fi_term_out_format("%s %s", fi_term_text_number(statistics->rows, number),
                           fi_term_text_plural(statistics->rows, "row", "rows"));
        if (statistics->rejected > 0) {
            fi_term_out_format(", %s left out", fi_term_text_number(statistics->rejected, number));
        }
        if (statistics->skipped > 0) {
            fi_term_out_format(", %s there already",
                               fi_term_text_number(statistics->skipped, number));
        }
        fi_term_out_text("\n");
    }
}

/* ---- files of vectors ---- */

/* Whether the format, or the name, is one of vectors. */
static bool
is_vectors(const struct fi_cli *cli, const char *path, firn_vectors_kind *out)
{
    static const char *const names[] = {"fvecs", "bvecs", "ivecs", "npy", "f32"};
    const char *given = fi_command_value(cli, "format");
    for (size_t i = 0; given != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(given, names[i]) == 0) {
            *out = (firn_vectors_kind)(FIRN_VECTORS_FVECS + i);
            return true;
        }
    }
    return given == NULL && fi_data_search_kind(path, out);
}

/* Ends at the first vector. */
static int
take_dimensions(void *ctx, uint64_t number, const float *vector, size_t dimensions)
{
    (void)number;
    (void)vector;
    *(size_t *)ctx = dimensions;
    return FIRN_CANCELLED;
}

/* Makes a table of vectors as long as the first one. Returns an exit code. */
static int
create_vectors(struct fi_cli *cli, firn_store *store, struct fi_data_source *source,
               firn_vectors_kind kind)
{
    firn_error err = {.code = FIRN_OK};
    char text[80];
    firn_table_def *def = NULL;
    size_t dimensions = 0;
    if (kind == FIRN_VECTORS_F32) {
        return fi_command_misused(
            cli, "--create cannot know how long the vectors of such a file are: create the table");
    }
    source->keeps = true;
    int code =
        firn_vectors_read(fi_data_source_read, source, kind, 0, take_dimensions, &dimensions, &err);
    source->keeps = false;
    source->at = 0;
    if (dimensions == 0) {
        return source->has_no_memory ? FI_EXIT_FAILED
               : code == FIRN_OK     ? fi_command_report_error(cli, FIRN_INVALID, NULL,
                                                               "'%s' has no vectors", source->name)
                                     : fi_command_report_failure(cli, &err, NULL);
    }
    (void)snprintf(text, sizeof text, "row i64 auto primary key, vector vector(%zu) not null",
                   dimensions);
    code = firn_table_def_parse(text, &def, &err);
    code = code == FIRN_OK ? firn_table_create(store, cli->arguments[1], def, NULL, &err) : code;
    firn_release(def);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    if (!cli->quiet) {
        fi_term_out_format("%s: %s\n", cli->arguments[1], text);
    }
    fi_term_json_string("definition", text);
    return FI_EXIT_OK;
}

/* Into a table that is there. Returns an exit code. */
static int
import_vectors_into(struct fi_cli *cli, firn_store *store, struct fi_data_source *source,
                    const firn_vectors_import_options *given)
{
    firn_error err;
    firn_vectors_import_options options = *given;
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    struct fi_data_table table = {.name = NULL};
    struct fi_task_notices notices;
    int exit_code = fi_data_table_open(cli, store, NULL, &table);
    if (exit_code == FI_EXIT_OK) {
        fi_task_notices_init(&notices, cli);
        options.callbacks = fi_task_notices_callbacks(&notices);
        int code = firn_table_import_vectors(table.table, fi_data_source_read, source, &options,
                                             &statistics, &err);
        fi_term_meter_clear();
        fi_task_notices_deinit(&notices);
        if (code != FIRN_OK) {
            exit_code = fi_command_report_failure(cli, &err, NULL);
        } else {
            report_imported(cli, &statistics);
        }
    }
    fi_data_table_close(&table);
    return exit_code;
}

/* Only --create makes a store, too. Returns an exit code. */
static int
open_store(struct fi_cli *cli, firn_store **out)
{
    bool creates = fi_command_has(cli, "create");
    return fi_data_store_open(cli, cli->arguments[0],
                              creates ? FI_DATA_STORE_LOAD_OR_MAKE : FI_DATA_STORE_LOAD, out);
}

/* Returns an exit code. */
static int
import_vectors(struct fi_cli *cli, const char *path, firn_vectors_kind kind)
{
    static const char *const others[] = {"delimiter",        "quote",   "skip",       "null",
                                         "date-format",      "key",     "sample",     "on-error",
                                         "timestamp-format", "rejects", "on-conflict"};
    firn_vectors_import_options options = FIRN_VECTORS_IMPORT_OPTIONS_INIT;
    struct fi_data_source source = {.fd = -1};
    firn_store *store = NULL;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (fi_command_value(cli, others[i]) != NULL) {
            return fi_command_misused(cli, "--%s is not for files of vectors", others[i]);
        }
    }
    if (fi_command_has(cli, "header") || fi_command_has(cli, "no-header") ||
        fi_command_has(cli, "ignore-unknown") || fi_command_has(cli, "replace") ||
        fi_command_has(cli, "upsert")) {
        return fi_command_misused(cli, "--header, --no-header, --ignore-unknown, --replace and "
                                       "--upsert are not for files of vectors");
    }
    options.kind = kind;
    options.column = fi_command_value(cli, "columns");
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_source_open(cli, path, &source));
    FI_TRY_OUT(exit_code, open_store(cli, &store));
    if (fi_command_has(cli, "create")) {
        FI_TRY_OUT(exit_code, create_vectors(cli, store, &source, kind));
    }
    exit_code = import_vectors_into(cli, store, &source, &options);
out:
    fi_data_source_close(&source);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- CSV and JSON lines ---- */

/* Returns an exit code. */
static int
read_conflict(struct fi_cli *cli, firn_import_conflict *out)
{
    static const char *const names[] = {"fail", "skip", "replace"};
    const char *given = fi_command_value(cli, "on-conflict");
    bool upserts = fi_command_has(cli, "upsert");
    for (unsigned i = 0; given != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(given, names[i]) == 0) {
            *out = (firn_import_conflict)i;
            given = NULL;
        }
    }
    if (given != NULL) {
        return fi_command_misused(cli, "--on-conflict is fail, skip or replace");
    }
    if (upserts && fi_command_value(cli, "on-conflict") != NULL &&
        *out != FIRN_IMPORT_CONFLICT_REPLACE) {
        return fi_command_misused(cli, "--upsert is --on-conflict replace");
    }
    *out = upserts ? FIRN_IMPORT_CONFLICT_REPLACE : *out;
    return FI_EXIT_OK;
}

/* Into a table that is there. Returns an exit code. */
static int
import_into(struct fi_cli *cli, firn_store *store, struct fi_data_source *source,
            firn_import_options *options, struct rejects *rejects)
{
    firn_error err;
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    struct fi_data_table table = {.name = NULL};
    int exit_code = fi_data_table_open(cli, store, NULL, &table);
    if (exit_code == FI_EXIT_OK) {
        options->ignore_unknown = fi_command_has(cli, "ignore-unknown");
        if (import_rows(cli, table.table, source, options, rejects, &statistics, &err) != FIRN_OK) {
            const bool is_of_file = rejects->err.code != FIRN_OK;
            const char *hint =
                is_of_file                ? NULL
                : err.code == FIRN_EXISTS ? "--on-conflict says what becomes of rows that are there"
                : err.code == FIRN_INVALID && fi_command_has(cli, "create")
                    ? "the types are those of the first rows: --sample takes more of them into "
                      "account, --on-error skip leaves lines out"
                    : NULL;
            exit_code = fi_command_report_failure(cli, is_of_file ? &rejects->err : &err, hint);
        } else {
            report_imported(cli, &statistics);
        }
    }
    fi_data_table_close(&table);
    return exit_code;
}

static int
run_import(struct fi_cli *cli)
{
    assert(cli->argument_count == 2 || cli->argument_count == 3);
    const char *path = cli->argument_count > 2 ? cli->arguments[2] : "-";
    const char *names = fi_command_value(cli, "columns");
    bool creates = fi_command_has(cli, "create");
    bool is_created = false;
    firn_error err;
    firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
    struct fi_data_source source = {.fd = -1};
    struct columns columns = {.names = NULL};
    struct rejects rejects = {.file = {.fd = -1}};
    firn_table_def *def = NULL;
    firn_store *store = NULL;
    struct form form = {.text = FIRN_TEXT_FORM_INIT, .reading = FIRN_TEXT_READING_INIT};
    firn_vectors_kind kind;
    if (is_vectors(cli, path, &kind)) {
        return import_vectors(cli, path, kind);
    }
    int exit_code;
    FI_TRY_OUT(exit_code, read_import_form(cli, path, &form));
    FI_TRY_OUT(exit_code, read_conflict(cli, &options.on_conflict));
    if (!creates &&
        (fi_command_value(cli, "key") != NULL || fi_command_value(cli, "sample") != NULL)) {
        FI_TRY_OUT(exit_code, fi_command_misused(cli, "--key and --sample go with --create"));
    }
    if (names != NULL) {
        FI_TRY_OUT(exit_code, fi_data_values_split(cli, "--columns", names, &columns.named));
        columns.names = (const char *const *)columns.named.items;
        columns.count = columns.named.count;
    }
    FI_TRY_OUT(exit_code, fi_data_source_open(cli, path, &source));
    FI_TRY_OUT(exit_code, complete_form(cli, &source, &form));
    FI_TRY_OUT(exit_code, open_rejects(cli, &source, &rejects));
    FI_TRY_OUT(exit_code, open_store(cli, &store));
    if (creates) {
        FI_TRY_OUT(exit_code, create_table(cli, store, &source, &form, &columns, &def));
        is_created = true;
    }
    options.form = form.text;
    options.reading = &form.reading;
    options.columns = columns.names;
    options.column_count = columns.count;
    exit_code = import_into(cli, store, &source, &options, &rejects);
out:
    if (is_created && exit_code != FI_EXIT_OK &&
        firn_table_drop(store, cli->arguments[1], &err) != FIRN_OK) {
        fi_command_report_line("the new table stays, without rows: %s", err.text);
    }
    exit_code = close_file(cli, &rejects.file, rejects.has_file, exit_code);
    fi_data_source_close(&source);
    free(columns.guessed);
    fi_data_values_list_deinit(&columns.named);
    firn_release(def);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- export ---- */

struct sink {
    const char *path; /* NULL: standard output */
    struct fi_task_file file;
};

static int
write_sink(void *ctx, firn_slice bytes, firn_error *err)
{
    struct sink *sink = ctx;
    int code = FIRN_OK;
    if (sink->path == NULL) {
        fi_term_out_write(bytes.data, bytes.size);
    } else {
        code = fi_task_file_write(&sink->file, bytes, err);
    }
    return code == FIRN_OK ? fi_command_go_on(err) : code;
}

/* Returns an exit code. */
static int
open_sink(struct fi_cli *cli, const char *path, struct sink *out)
{
    firn_error err;
    if (strcmp(path, "-") == 0) {
        return cli->json ? fi_command_misused(cli, "--json needs -o FILE for the rows")
                         : FI_EXIT_OK;
    }
    int code = fi_task_file_create(&out->file, path, fi_command_has(cli, "replace"), &err);
    if (code == FIRN_OK) {
        out->path = path;
        return FI_EXIT_OK;
    }
    return fi_command_report_failure(cli, &err, replace_hint(code));
}

/* Returns a code of the library. */
static int
export_rows(struct fi_cli *cli, firn_table *table, struct sink *sink, firn_export_options *options,
            firn_export_statistics *statistics, firn_error *err)
{
    struct fi_task_notices notices;
    fi_task_notices_init(&notices, cli);
    options->callbacks = fi_task_notices_callbacks(&notices);
    int code = firn_table_export(table, write_sink, sink, options, statistics, err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    return code;
}

/* Returns an exit code. */
static int
export_table(struct fi_cli *cli, firn_store *store, const char *path, firn_export_options *options)
{
    firn_error err;
    firn_export_statistics statistics = FIRN_EXPORT_STATISTICS_INIT;
    struct fi_data_table table = {.name = NULL};
    struct fi_data_values_list columns = {NULL, NULL, 0};
    struct sink sink = {.path = NULL};
    const char *names = fi_command_value(cli, "columns");
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_table_open(cli, store, options->read.snapshot, &table));
    if (names != NULL) {
        FI_TRY_OUT(exit_code, fi_data_values_split(cli, "--columns", names, &columns));
        options->read.columns = (const char *const *)columns.items;
        options->read.column_count = columns.count;
    }
    FI_TRY_OUT(exit_code, open_sink(cli, path, &sink));
    options->read.index = fi_command_value(cli, "index");
    if (export_rows(cli, table.table, &sink, options, &statistics, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    exit_code = close_file(cli, &sink.file, sink.path != NULL, exit_code);
    if (exit_code == FI_EXIT_OK && sink.path != NULL) {
        char number[FI_TERM_TEXT_NUMBER_SIZE];
        fi_term_json_u64("rows", statistics.rows);
        fi_term_json_u64("bytes", statistics.bytes);
        if (!cli->quiet) {
            fi_term_out_format("%s %s\n", fi_term_text_number(statistics.rows, number),
                               fi_term_text_plural(statistics.rows, "row", "rows"));
        }
    }
    fi_data_values_list_deinit(&columns);
    fi_data_table_close(&table);
    return exit_code;
}

static int
run_export(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    const char *output = fi_command_value(cli, "output");
    const char *path = output != NULL ? output : "-";
    firn_export_options options = FIRN_EXPORT_OPTIONS_INIT;
    firn_store *store = NULL;
    int exit_code = read_form(cli, path, &options.form);
    options.form.null_text = fi_command_value(cli, "null");
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_open_snapshot(cli, store, &options.read.snapshot);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = export_table(cli, store, path, &options);
    }
    firn_snapshot_close(options.read.snapshot);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- descriptions ---- */

static const struct fi_command_option import_options[] = {
    {"format", 'f', "FORMAT", "csv, jsonl or a format of vectors; by default as named"},
    {"no-header", 0, NULL, "the first line of the CSV has values, not names"},
    {"header", 0, NULL, "the first line has names (default: as it looks)"},
    {"delimiter", 'd', "CHAR", "the character between fields of CSV; or tab"},
    {"quote", 0, "CHAR", "the character around fields of CSV; or none"},
    {"skip", 0, "LINES", "begin after so many lines"},
    {"null", 0, "TEXT...", "an unquoted field for null; by default an empty one"},
    {"date-format", 0, "FORMAT", "how dates are written, such as %d.%m.%Y"},
    {"timestamp-format", 0, "FORMAT", "the same of timestamps: %m/%d/%Y %H:%M"},
    {"columns", 0, "COLUMN,...", "the columns of the fields of CSV, in order"},
    {"create", 'c', NULL, "create the table, with columns guessed from the CSV"},
    {"key", 0, "COLUMN,...", "with --create, the primary key"},
    {"sample", 0, "ROWS", "with --create, guess from ROWS rows; by default 10,000"},
    {"on-error", 0, "WHAT", "at a line that is no row: stop (default) or skip"},
    {"rejects", 0, "FILE", "skip such lines, and write them to FILE"},
    {"replace", 0, NULL, "with --rejects, overwrite FILE if it exists"},
    {"ignore-unknown", 0, NULL, "skip fields and members that are no column of the table"},
    {"upsert", 0, NULL, "replace rows with the same key (--on-conflict replace)"},
    {"on-conflict", 0, "WHAT", "at a key that exists: fail (default), skip, replace"},
    FI_COMMAND_KEY_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_data_exchange_import = {
    .name = "table import",
    .summary = "Insert the rows of a CSV or JSON lines file into a table",
    .arguments = "STORE TABLE [FILE]",
    .options = import_options,
    .help = "Without FILE, or if it is -, standard input is read. All rows are inserted in\n"
            "one commit: all of them or none, and on disk when the command returns. A row\n"
            "whose key is in the table already, or twice in the file, fails the import,\n"
            "unless --on-conflict says otherwise: then the rows must fit into one\n"
            "transaction. Rows in the order of the primary key are imported fastest.\n"
            "\n"
            "CSV is as in RFC 4180, in UTF-8; its header names the columns. The delimiter\n"
            "(comma, semicolon, tab, bar) and the quote are found in the text; a first line\n"
            "sep=; is skipped. An unusual form is printed. JSON lines have an object on each\n"
            "line, with the columns as members. A column without a field or member gets its\n"
            "default, or the next number.\n"
            "\n"
            "With --create the types of the columns are guessed from the first rows, and\n"
            "whether there is a header. Without --key a new column \"row\" numbers the rows.\n"
            "If the import fails the table is dropped. The store is created if it does not\n"
            "exist.\n"
            "\n"
            "Formats of vectors are fvecs, bvecs, ivecs, npy (numpy) and f32. Each vector\n"
            "becomes a row; --columns names its column if the table has several columns of\n"
            "vectors. The key is a whole number: the table numbers the rows, or the key is\n"
            "the position in the file, from 0. With --create the column is called \"vector\".",
    .examples =
        (const struct fi_command_example[]){
            {"firn db table import shop.firn goods goods.csv", "insert the rows of a file"},
            {"firn db table import -c --key id shop.firn orders orders.csv",
             "create the table orders from a file"},
            {"firn db table import --rejects bad.csv shop.firn goods goods.csv",
             "insert the valid rows, and write the other lines to bad.csv"},
            {"firn db table import --upsert shop.firn goods goods.csv",
             "insert new rows, and replace those that have the same key"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_import,
};

const struct fi_command fi_data_exchange_export = {
    .name = "table export",
    .summary = "Write the rows of a table as CSV or JSON lines",
    .arguments = "STORE TABLE",
    .options =
        (const struct fi_command_option[]){
            {"output", 'o', "FILE", "write to FILE (-: standard output, the default)"},
            {"format", 'f', "FORMAT", "csv or jsonl; by default as FILE is named, or csv"},
            {"no-header", 0, NULL, "do not begin the CSV with the names of the columns"},
            {"delimiter", 'd', "CHAR", "the character between fields of CSV; or tab"},
            {"null", 0, "TEXT", "the text for null in CSV; by default an empty field"},
            {"columns", 0, "COLUMN,...", "write only these columns, in this order"},
            {"index", 0, "INDEX", "in the order of this index"},
            {"at", 0, "REF", "write the rows of the checkpoint REF"},
            {"replace", 0, NULL, "overwrite FILE if it exists"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Writes the rows of one moment. firn db table import reads the same rows from the\n"
            "output. During the export an existing FILE stays as it is.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db table export shop.firn goods -o goods.csv", "write all rows of goods"},
            {"firn db table export -f jsonl shop.firn goods | jq .name",
             "print the names of all goods"},
            {NULL, NULL},
        },
    .run = run_export,
};
