/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_dump.c: a whole store, or one table, as text, and back: firn db dump without a keyspace
 * or with a table, and firn db load without a keyspace. docs/formats/dump.md describes the text.
 *
 * Each line is a word, a tab, and what it says, escaped as firn db scan escapes. The first line
 * names the version, the last one how many rows and entries came before it, so a dump that was cut
 * off is refused at its end.
 *
 *     firn dump TAB 1                     keyspace TAB name
 *     table TAB name                      expires TAB milliseconds since 1970, if it does
 *     definition TAB definition           key TAB bytes
 *     row TAB milliseconds, or 0          value TAB bytes
 *     = TAB text of a value, or - TAB     end TAB count
 *
 * A row has as many values as the definition has columns, in their order. A row that has expired
 * when it is read is left out. A dump is of one moment. A load is not one commit: each keyspace is,
 * and each thousand rows. So a load that fails may have loaded a part, and tables and keyspaces
 * must not be there before.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "term/term.h"
#include "term/term_try.h"

enum { VERSION = 1, ROWS_A_COMMIT = 1000, BYTES_A_COMMIT = 4 << 20 };

/* The text of a value may be longer than the value; this is also the most for all values of a
 * row. */
static const size_t text_size_max = (size_t)4 * FIRN_VALUE_SIZE_MAX;

/* ---- dumping ---- */

struct dumping {
    struct fi_cli *cli;
    firn_store *store;
    firn_snapshot *snapshot;
    uint64_t count;
    struct fi_data_bytes text;
    int exit_code; /* of what was reported already */
    firn_error err;
};

static void
print_line(const char *word, firn_slice text)
{
    fi_term_out_format("%s\t", word);
    fi_term_text_escape(text, fi_term_out_write);
    fi_term_out_text("\n");
}

static void
print_number(const char *word, uint64_t number)
{
    fi_term_out_format("%s\t%" PRIu64 "\n", word, number);
}

/* Returns a code of the library. */
static int
dump_row(struct dumping *dumping, const firn_table_def *def, const firn_row *row,
         uint64_t expires_ms)
{
    const firn_value *values = firn_row_values(row);
    print_number("row", expires_ms);
    for (size_t i = 0; i < def->column_count; i++) {
        dumping->text.size = 0;
        if (firn_is_null(values[i])) {
            fi_term_out_text("-\t\n");
            continue;
        }
        dumping->exit_code =
            fi_data_values_text(dumping->cli, &def->columns[i], &values[i], &dumping->text);
        if (dumping->exit_code != FI_EXIT_OK) {
            return FIRN_FAILED;
        }
        print_line("=", fi_data_bytes_slice(&dumping->text));
    }
    dumping->count++;
    return fi_command_go_on(&dumping->err);
}

/* Returns a code of the library. */
static int
dump_rows(struct dumping *dumping, firn_table *table, const firn_table_def *def)
{
    assert(table != NULL && def != NULL);
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor = NULL;
    const firn_row *row = NULL;
    options.read.snapshot = dumping->snapshot;
    int code = firn_table_cursor_open(table, &options, &cursor, &dumping->err);
    code = code == FIRN_OK ? firn_table_cursor_next(cursor, &row, &dumping->err) : code;
    while (code == FIRN_OK && row != NULL) {
        code = dump_row(dumping, def, row, firn_table_cursor_expires_ms(cursor));
        code = code == FIRN_OK ? firn_table_cursor_next(cursor, &row, &dumping->err) : code;
    }
    firn_table_cursor_close(cursor);
    return code;
}

static int
dump_table(void *ctx, const char *name)
{
    struct dumping *dumping = ctx;
    firn_table *table;
    firn_table_def *def = NULL;
    char *text = NULL;
    int code;
    FI_TRY_OUT(code, firn_snapshot_table_open(dumping->snapshot, name, &table, &dumping->err));
    FI_TRY_OUT(code, firn_table_describe(table, NULL, dumping->snapshot, &text, &dumping->err));
    FI_TRY_OUT(code, firn_table_def_parse(text, &def, &dumping->err));
    print_line("table", firn_str(name));
    print_line("definition", firn_str(text));
    code = dump_rows(dumping, table, def);
out:
    firn_release(def);
    firn_release(text);
    return code;
}

static int
dump_keyspace(void *ctx, const char *name)
{
    struct dumping *dumping = ctx;
    firn_keyspace *keyspace;
    firn_cursor *cursor = NULL;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.snapshot = dumping->snapshot;
    int code = firn_snapshot_keyspace_open(dumping->snapshot, name, &keyspace, &dumping->err);
    code = code == FIRN_OK ? firn_cursor_open(keyspace, &options, &cursor, &dumping->err) : code;
    if (code == FIRN_OK) {
        print_line("keyspace", firn_str(name));
        code = firn_cursor_first(cursor, &dumping->err);
    }
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        if (firn_cursor_expires_ms(cursor) != 0) {
            print_number("expires", firn_cursor_expires_ms(cursor));
        }
        print_line("key", firn_cursor_key(cursor));
        print_line("value", firn_cursor_value(cursor));
        dumping->count++;
        code = fi_command_go_on(&dumping->err);
        code = code == FIRN_OK ? firn_cursor_next(cursor, &dumping->err) : code;
    }
    firn_cursor_close(cursor);
    return code;
}

int
fi_data_dump(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot, const char *table)
{
    struct dumping dumping = {.cli = cli, .store = store, .snapshot = snapshot};
    int code;
    print_number("firn dump", VERSION);
    if (table != NULL) {
        code = dump_table(&dumping, table);
    } else {
        code = firn_snapshot_table_list(snapshot, dump_table, &dumping, &dumping.err);
        if (code == FIRN_OK) {
            code = firn_snapshot_keyspace_list(snapshot, dump_keyspace, &dumping, &dumping.err);
        }
    }
    if (code == FIRN_OK) {
        print_number("end", dumping.count);
    } else if (dumping.exit_code == FI_EXIT_OK) {
        dumping.exit_code = fi_command_report_failure(cli, &dumping.err, NULL);
    }
    fi_data_bytes_deinit(&dumping.text);
    return dumping.exit_code;
}

/* ---- loading ---- */

struct loading {
    struct fi_cli *cli;
    firn_store *store;
    struct fi_data_rows rows; /* the lines */
    bool has_begun;
    bool is_over;
    uint64_t count;
    /* The table that is being loaded. */
    char *name; /* of a table that has no definition yet */
    firn_table *table;
    firn_table_def *def;
    firn_txn *txn;
    uint64_t rows_in_txn;
    uint64_t bytes_in_txn;
    /* Its row. */
    bool has_row;
    uint64_t expires_ms;
    size_t value_count;
    struct fi_data_bytes text;            /* of the values, one after the other */
    size_t ends[FIRN_TABLE_COLUMNS_MAX];  /* of each of them in the text */
    bool is_null[FIRN_TABLE_COLUMNS_MAX]; /* it has none */
    firn_value values[FIRN_TABLE_COLUMNS_MAX];
    void *memory[FIRN_TABLE_COLUMNS_MAX];
    /* The keyspace that is being loaded. */
    struct fi_data_store_loader loader;
    bool has_keyspace;
    bool has_key;
    struct fi_data_bytes key;
    firn_error err;
};

/* Returns an exit code. */
static int
data_dump_refuse(struct loading *loading, const char *what)
{
    return fi_command_report_error(loading->cli, FIRN_INVALID, NULL, "%s, line %" PRIu64 ": %s",
                                   loading->rows.name, loading->rows.number, what);
}

static int
data_dump_report(struct loading *loading)
{
    return fi_command_report_failure(loading->cli, &loading->err, NULL);
}

/* The same, of a row that cannot be: with the line. */
static int
report_row(struct loading *loading)
{
    return fi_command_report_error(loading->cli, loading->err.code, NULL,
                                   "%s, line %" PRIu64 ": %s", loading->rows.name,
                                   loading->rows.number, loading->err.text);
}

static bool
is_word(const struct loading *loading, const char *word)
{
    return loading->rows.key.size == strlen(word) &&
           memcmp(loading->rows.key.data, word, strlen(word)) == 0;
}

/* The line's value as a number. */
static bool
read_number(const struct loading *loading, uint64_t *out)
{
    firn_slice text = fi_data_bytes_slice(&loading->rows.value);
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (digit > 9 || *out > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *out = *out * 10 + digit;
    }
    return text.size > 0;
}

/* The line's value with a NUL; NULL where it has one already, or memory is out. The caller frees
 * it. */
static char *
copy_name(const struct loading *loading)
{
    firn_slice text = fi_data_bytes_slice(&loading->rows.value);
    if (text.size > 0 && memchr(text.data, '\0', text.size) != NULL) {
        return NULL;
    }
    char *copy = malloc(text.size + 1);
    if (copy != NULL) {
        memcpy(copy, text.size > 0 ? (const void *)text.data : "", text.size);
        copy[text.size] = '\0';
    }
    return copy;
}

static uint64_t
now_ms(void)
{
    struct timespec now = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Returns a code of the library. */
static int
data_dump_commit(struct loading *loading)
{
    int code = FIRN_OK;
    if (loading->txn != NULL) {
        code = firn_txn_commit(loading->txn, NULL, &loading->err);
        firn_txn_close(loading->txn);
        loading->txn = NULL;
        loading->rows_in_txn = 0;
        loading->bytes_in_txn = 0;
    }
    return code;
}

/* Finishes what was begun last: a table or a keyspace. Returns an exit code. */
static int
finish_part(struct loading *loading)
{
    const bool has_expires = loading->expires_ms != 0; /* a time without its entry */
    if (loading->has_row || loading->has_key || loading->name != NULL || has_expires) {
        return data_dump_refuse(loading, "what comes before is not complete");
    }
    if (data_dump_commit(loading) != FIRN_OK) {
        return data_dump_report(loading);
    }
    firn_release(loading->def);
    loading->def = NULL;
    loading->table = NULL;
    int exit_code = FI_EXIT_OK;
    if (loading->has_keyspace) {
        if (fi_data_store_loader_finish(&loading->loader, &loading->err) != FIRN_OK) {
            exit_code = fi_data_store_loader_report(loading->cli, &loading->loader, &loading->err);
        }
        fi_data_store_loader_end(&loading->loader);
        memset(&loading->loader, 0, sizeof(loading->loader));
        loading->has_keyspace = false;
    }
    return exit_code;
}

/* ---- rows of tables ---- */

/* Returns a code of the library. */
static int
parse_values(struct loading *loading)
{
    assert(loading->def != NULL);
    int code = FIRN_OK;
    for (size_t i = 0; i < loading->value_count && code == FIRN_OK; i++) {
        size_t from = i > 0 ? loading->ends[i - 1] : 0;
        loading->values[i] = firn_null();
        if (!loading->is_null[i]) {
            firn_slice text = firn_bytes(loading->text.data + from, loading->ends[i] - from);
            code = firn_value_parse(&loading->def->columns[i], text, &loading->values[i],
                                    &loading->memory[i], &loading->err);
        }
    }
    return code;
}

/* Returns a code of the library. */
static int
insert_row(struct loading *loading, uint64_t ttl_ms)
{
    assert(loading->table != NULL && loading->has_row);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    int code = FIRN_OK;
    if (loading->txn == NULL) {
        code = firn_txn_begin(loading->store, NULL, &loading->txn, &loading->err);
    }
    options.txn = loading->txn;
    options.ttl_ms = ttl_ms;
    if (code == FIRN_OK) {
        code = firn_table_insert(loading->table, &options, loading->values, loading->value_count,
                                 &loading->err);
    }
    loading->rows_in_txn++;
    loading->bytes_in_txn += loading->text.size;
    bool is_full = loading->rows_in_txn >= ROWS_A_COMMIT || loading->bytes_in_txn >= BYTES_A_COMMIT;
    return code == FIRN_OK && is_full ? data_dump_commit(loading) : code;
}

/* Returns an exit code. */
static int
finish_row(struct loading *loading)
{
    assert(loading->has_row && loading->value_count <= FIRN_TABLE_COLUMNS_MAX);
    uint64_t now = now_ms();
    bool is_gone = loading->expires_ms != 0 && loading->expires_ms <= now;
    int code = is_gone ? FIRN_OK : parse_values(loading);
    if (code == FIRN_OK && !is_gone) {
        code = insert_row(loading, loading->expires_ms != 0 ? loading->expires_ms - now : 0);
    }
    for (size_t i = 0; i < loading->value_count; i++) {
        firn_release(loading->memory[i]);
        loading->memory[i] = NULL;
    }
    loading->has_row = false;
    loading->expires_ms = 0;
    loading->value_count = 0;
    loading->text.size = 0;
    loading->count++;
    return code == FIRN_OK ? FI_EXIT_OK : report_row(loading);
}

/* Returns an exit code. */
static int
take_value(struct loading *loading, bool is_null)
{
    firn_slice text = fi_data_bytes_slice(&loading->rows.value);
    if (!loading->has_row) {
        return data_dump_refuse(loading, "a value outside of a row");
    }
    if (is_null && text.size > 0) {
        return data_dump_refuse(loading, "a null that has a text");
    }
    if (text.size > text_size_max - loading->text.size) {
        return data_dump_refuse(loading, "the row is too large");
    }
    FI_TRY_RETURN(fi_data_bytes_reserve(loading->cli, &loading->text, text.size + 1));
    if (text.size > 0) {
        memcpy(loading->text.data + loading->text.size, text.data, text.size);
    }
    loading->text.size += text.size;
    loading->is_null[loading->value_count] = is_null;
    loading->ends[loading->value_count++] = loading->text.size;
    return loading->value_count == loading->def->column_count ? finish_row(loading) : FI_EXIT_OK;
}

static int
take_row(struct loading *loading)
{
    if (loading->table == NULL || loading->has_row) {
        return data_dump_refuse(loading, "a row outside of a table, or inside of another row");
    }
    loading->has_row = read_number(loading, &loading->expires_ms);
    return loading->has_row ? FI_EXIT_OK : data_dump_refuse(loading, "not a number");
}

static int
take_table(struct loading *loading)
{
    FI_TRY_RETURN(finish_part(loading));
    loading->name = copy_name(loading);
    return loading->name != NULL ? FI_EXIT_OK : data_dump_refuse(loading, "not a name");
}

static int
take_definition(struct loading *loading)
{
    if (loading->name == NULL) {
        return data_dump_refuse(loading, "a definition without a table");
    }
    char *text = copy_name(loading);
    if (text == NULL) {
        return data_dump_refuse(loading, "not a definition");
    }
    int code = firn_table_def_parse(text, &loading->def, &loading->err);
    if (code == FIRN_OK) {
        code = firn_table_create(loading->store, loading->name, loading->def, &loading->table,
                                 &loading->err);
    }
    free(text);
    free(loading->name);
    loading->name = NULL;
    return code == FIRN_OK ? FI_EXIT_OK : data_dump_report(loading);
}

/* ---- entries of keyspaces ---- */

static int
take_keyspace(struct loading *loading)
{
    firn_keyspace *keyspace;
    firn_keyspace_options options = FIRN_KEYSPACE_OPTIONS_INIT;
    FI_TRY_RETURN(finish_part(loading));
    char *name = copy_name(loading);
    if (name == NULL) {
        return data_dump_refuse(loading, "not a name");
    }
    options.fail_if_exists = true;
    int code = firn_keyspace_open(loading->store, name, &options, &keyspace, &loading->err);
    if (code == FIRN_OK) {
        code = fi_data_store_loader_begin(&loading->loader, keyspace, true, &loading->err);
    }
    free(name);
    loading->has_keyspace = code == FIRN_OK;
    return code == FIRN_OK ? FI_EXIT_OK : data_dump_report(loading);
}

static int
take_key(struct loading *loading)
{
    firn_slice key = fi_data_bytes_slice(&loading->rows.value);
    if (!loading->has_keyspace || loading->has_key) {
        return data_dump_refuse(loading, "a key outside of a keyspace, or after a key");
    }
    loading->key.size = 0;
    FI_TRY_RETURN(fi_data_bytes_reserve(loading->cli, &loading->key, key.size + 1));
    memcpy(loading->key.data, key.size > 0 ? (const void *)key.data : "", key.size);
    loading->key.size = key.size;
    loading->has_key = true;
    return FI_EXIT_OK;
}

static int
take_entry(struct loading *loading)
{
    if (!loading->has_key) {
        return data_dump_refuse(loading, "a value without a key");
    }
    int code = fi_data_store_loader_put_until(&loading->loader, fi_data_bytes_slice(&loading->key),
                                              fi_data_bytes_slice(&loading->rows.value),
                                              loading->expires_ms, &loading->err);
    loading->has_key = false;
    loading->expires_ms = 0;
    loading->count++;
    return code == FIRN_OK
               ? FI_EXIT_OK
               : fi_data_store_loader_report(loading->cli, &loading->loader, &loading->err);
}

/* ---- lines ---- */

static int
take_expires(struct loading *loading)
{
    bool is_fine = loading->has_keyspace && !loading->has_key && loading->expires_ms == 0 &&
                   read_number(loading, &loading->expires_ms);
    return is_fine ? FI_EXIT_OK : data_dump_refuse(loading, "a time where none can be");
}

static int
take_end(struct loading *loading)
{
    uint64_t count;
    if (!read_number(loading, &count) || count != loading->count) {
        return data_dump_refuse(loading, "the dump does not have as many rows as it should");
    }
    loading->is_over = true;
    return finish_part(loading);
}

static int
take_first(struct loading *loading)
{
    uint64_t version;
    if (!is_word(loading, "firn dump") || !read_number(loading, &version)) {
        return data_dump_refuse(
            loading, "this is not a dump of a store; firn db load STORE KEYSPACE loads rows");
    }
    if (version != VERSION) {
        return fi_command_report_error(loading->cli, FIRN_NEWER, NULL,
                                       "%s is a dump of version %" PRIu64
                                       "; this firn reads version %d",
                                       loading->rows.name, version, VERSION);
    }
    loading->has_begun = true;
    return FI_EXIT_OK;
}

static int
take_line(struct loading *loading)
{
    static const struct {
        const char *word;
        int (*take)(struct loading *loading);
    } kinds[] = {{"row", take_row},           {"key", take_key},
                 {"value", take_entry},       {"expires", take_expires},
                 {"table", take_table},       {"definition", take_definition},
                 {"keyspace", take_keyspace}, {"end", take_end}};
    if (!loading->has_begun) {
        return take_first(loading);
    }
    if (loading->is_over) {
        return data_dump_refuse(loading, "a line after the end");
    }
    if (is_word(loading, "=") || is_word(loading, "-")) {
        return take_value(loading, is_word(loading, "-"));
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (is_word(loading, kinds[i].word)) {
            return kinds[i].take(loading);
        }
    }
    return data_dump_refuse(loading, "a line that dumps do not have");
}

static int
load_lines(struct loading *loading)
{
    bool is_end = false;
    int exit_code = FI_EXIT_OK;
    while (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_rows_next(&loading->rows, &is_end);
        if (exit_code != FI_EXIT_OK || is_end) {
            break;
        }
        exit_code = take_line(loading);
        if (exit_code == FI_EXIT_OK && fi_command_go_on(&loading->err) != FIRN_OK) {
            exit_code = data_dump_report(loading);
        }
    }
    if (exit_code == FI_EXIT_OK && !loading->is_over) {
        return data_dump_refuse(loading, "the dump ends too early");
    }
    return exit_code;
}

static void
show_count(const struct fi_cli *cli, uint64_t count)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("count", count);
    if (!cli->quiet) {
        fi_term_out_format("%s %s\n", fi_term_text_number(count, number),
                           fi_term_text_plural(count, "row or entry", "rows and entries"));
    }
}

int
fi_data_dump_load(struct fi_cli *cli)
{
    struct loading *loading = calloc(1, sizeof(*loading));
    if (loading == NULL) {
        return fi_command_report_no_memory(cli);
    }
    loading->cli = cli;
    loading->rows.fd = -1;
    int exit_code = fi_data_rows_open(cli, "-", FI_DATA_ROWS_TEXT, &loading->rows);
    loading->rows.value_size_max = text_size_max;
    if (exit_code == FI_EXIT_OK) {
        exit_code =
            fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_LOAD_OR_MAKE, &loading->store);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = load_lines(loading);
    }
    firn_txn_close(loading->txn);
    fi_data_store_loader_end(&loading->loader);
    fi_data_rows_close(&loading->rows);
    firn_release(loading->def);
    free(loading->name);
    fi_data_bytes_deinit(&loading->text);
    fi_data_bytes_deinit(&loading->key);
    exit_code = fi_data_store_close(cli, loading->store, exit_code);
    if (exit_code == FI_EXIT_OK) {
        show_count(cli, loading->count);
    }
    free(loading);
    return exit_code;
}
