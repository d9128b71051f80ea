/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_table.c: firn db table: creating, listing, showing, changing and dropping tables.
 *
 * A column or an index is given in the syntax of a definition (firn_table_def_parse). Such a piece
 * is parsed as a definition of its own, which must contain exactly the one item.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"
#include "term/term_try.h"
#include "type/type.h"

/* ---- a table ---- */

int
fi_data_table_find(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
                   struct fi_data_table *out)
{
    firn_error err;
    memset(out, 0, sizeof(*out));
    out->cli = cli;
    out->name = cli->arguments[1];
    out->snapshot = snapshot;
    int code = snapshot != NULL ? firn_snapshot_table_open(snapshot, out->name, &out->table, &err)
                                : firn_table_open(store, out->name, &out->table, &err);
    if (code == FIRN_NOT_FOUND || code == FIRN_INVALID) {
        return FI_EXIT_OK; /* a keyspace, or nothing: opening that reports it */
    }
    if (code == FIRN_OK) {
        code = firn_table_describe(out->table, NULL, snapshot, &out->text, &err);
    }
    if (code == FIRN_OK) {
        code = firn_table_def_parse(out->text, &out->def, &err);
    }
    if (code != FIRN_OK) {
        fi_data_table_close(out);
        return fi_command_report_failure(cli, &err, NULL);
    }
    return FI_EXIT_OK;
}

void
fi_data_table_close(struct fi_data_table *table)
{
    firn_release(table->def);
    firn_release(table->text);
    memset(table, 0, sizeof(*table));
}

int
fi_data_table_inspect(struct fi_cli *cli, firn_store *store,
                      int (*work)(const struct fi_data_table *table))
{
    firn_snapshot *snapshot = NULL;
    struct fi_data_table table = {.name = NULL};
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_open_snapshot(cli, store, &snapshot));
    FI_TRY_OUT(exit_code, fi_data_table_open(cli, store, snapshot, &table));
    exit_code = work(&table);
out:
    fi_data_table_close(&table);
    firn_snapshot_close(snapshot);
    return exit_code;
}

int
fi_data_table_run(struct fi_cli *cli, int (*work)(const struct fi_data_table *table))
{
    firn_store *store = NULL;
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_READ, &store);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_table_inspect(cli, store, work);
    }
    return fi_data_store_close(cli, store, exit_code);
}

int
fi_data_table_open(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
                   struct fi_data_table *out)
{
    int exit_code = fi_data_table_find(cli, store, snapshot, out);
    if (exit_code != FI_EXIT_OK || out->table != NULL) {
        return exit_code;
    }
    return fi_command_report_error(
        cli, FIRN_NOT_FOUND, "firn db table list STORE prints the names of tables",
        "%s has no table '%s'%s%s", cli->arguments[0], out->name, snapshot != NULL ? " at " : "",
        snapshot != NULL ? fi_command_value(cli, "at") : "");
}

int
fi_data_table_column(const struct fi_data_table *table, const char *name,
                     const firn_table_column **out)
{
    assert(table->def != NULL);
    for (size_t i = 0; i < table->def->column_count; i++) {
        if (strcmp(table->def->columns[i].name, name) == 0) {
            *out = &table->def->columns[i];
            return FI_EXIT_OK;
        }
    }
    return fi_command_report_error(table->cli, FIRN_NOT_FOUND,
                                   "firn db table show STORE TABLE prints the columns",
                                   "table '%s' has no column '%s'", table->name, name);
}

/* ---- create, drop, list ---- */

static int
run_create(struct fi_cli *cli)
{
    assert(cli->argument_count == 3);
    firn_error err;
    firn_store *store = NULL;
    firn_table_def *def = NULL;
    if (firn_table_def_parse(cli->arguments[2], &def, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, "firn help db table create explains it");
    }
    int exit_code = fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE_OR_MAKE, &store);
    if (exit_code == FI_EXIT_OK &&
        firn_table_create(store, cli->arguments[1], def, NULL, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    firn_release(def);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_drop(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    firn_store *store = NULL;
    struct fi_data_table table = {.name = NULL};
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store));
    FI_TRY_OUT(exit_code, fi_data_table_open(cli, store, NULL, &table));
    if (firn_table_drop(store, table.name, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    fi_data_table_close(&table);
    return fi_data_store_close(cli, store, exit_code);
}

static int
run_list(struct fi_cli *cli)
{
    return fi_data_keyspaces_print(cli, "tables", firn_table_list, firn_snapshot_table_list);
}

/* ---- show ---- */

static const char *
type_of(const firn_table_column *column, char out[FI_TYPE_TEXT_SIZE])
{
    return fi_type_text(column->type, column->precision, column->scale, column->dimensions, out);
}

/* From 1; 0 for a column that the primary key does not have. */
static size_t
place_in_key(const firn_table_def *def, const char *name)
{
    assert(def->key_count > 0);
    size_t place = def->key_count;
    while (place > 0 && strcmp(def->key[place - 1], name) != 0) {
        place--;
    }
    return place;
}

static bool
has_default(const firn_table_column *column)
{
    return column->default_value != NULL && !firn_is_null(*column->default_value);
}

static void
show_column_json(struct fi_cli *cli, const firn_table_def *def, const firn_table_column *column)
{
    char type[FI_TYPE_TEXT_SIZE];
    size_t place = place_in_key(def, column->name);
    struct fi_data_bytes text = {NULL, 0, 0};
    bool has_text = has_default(column) &&
                    fi_data_values_text(cli, column, column->default_value, &text) == FI_EXIT_OK;
    fi_term_json_object(NULL);
    fi_term_json_string("name", column->name);
    fi_term_json_string("type", type_of(column, type));
    fi_term_json_bool("not_null", column->not_null || place > 0);
    if (has_text) {
        fi_term_json_text("default", fi_data_bytes_slice(&text));
    } else {
        fi_term_json_null("default");
    }
    fi_term_json_bool("auto", column->is_auto);
    if (column->has_bloom_filter) {
        fi_term_json_bool("bloom", true);
    }
    fi_term_json_u64_if("key", place, place > 0);
    fi_term_json_end();
    fi_data_bytes_deinit(&text);
}

static void
show_json(struct fi_cli *cli, const struct fi_data_table *table)
{
    const firn_table_def *def = table->def;
    assert(def != NULL);
    fi_term_json_string("table", table->name);
    fi_term_json_string("definition", table->text);
    fi_term_json_array("columns");
    for (size_t i = 0; i < def->column_count; i++) {
        show_column_json(cli, def, &def->columns[i]);
    }
    fi_term_json_end();
    fi_term_json_array("indexes");
    for (size_t i = 0; i < def->index_count; i++) {
        fi_term_json_object(NULL);
        fi_term_json_string("name", def->indexes[i].name);
        fi_term_json_bool("unique", def->indexes[i].is_unique);
        fi_term_json_array("columns");
        for (size_t j = 0; j < def->indexes[i].column_count; j++) {
            fi_term_json_string(NULL, def->indexes[i].columns[j]);
        }
        fi_term_json_end();
        fi_term_json_end();
    }
    fi_term_json_end();
    fi_term_json_array("vector_indexes");
    for (size_t i = 0; i < def->vector_index_count; i++) {
        const firn_vector_index *index = &def->vector_indexes[i];
        fi_term_json_object(NULL);
        fi_term_json_string("name", index->name);
        fi_term_json_string("column", index->column);
        fi_term_json_string("metric", firn_metric_name(index->metric));
        fi_term_json_u64("m", index->m);
        fi_term_json_u64("ef_construction", index->ef_construction);
        fi_term_json_end();
    }
    fi_term_json_end();
}

/* Returns an exit code. */
static int
add_default(struct fi_data_grid *grid, const firn_table_column *column)
{
    struct fi_data_bytes text = {NULL, 0, 0};
    int exit_code = has_default(column)
                        ? fi_data_values_text(grid->cli, column, column->default_value, &text)
                        : FI_EXIT_OK;
    fi_data_grid_add(grid, text.size > 0 ? fi_data_bytes_slice(&text) : firn_str(""));
    fi_data_bytes_deinit(&text);
    return exit_code;
}

static int
show_columns(struct fi_cli *cli, const firn_table_def *def)
{
    assert(def->column_count > 0);
    static const char *const titles[] = {"column", "type", "null", "default", "key"};
    struct fi_data_grid grid;
    int exit_code = FI_EXIT_OK;
    fi_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        fi_data_grid_add(&grid, firn_str(titles[i]));
    }
    for (size_t i = 0; i < def->column_count; i++) {
        const firn_table_column *column = &def->columns[i];
        char type[FI_TYPE_TEXT_SIZE];
        char key[FI_TYPE_TEXT_SIZE] = "";
        size_t place = place_in_key(def, column->name);
        if (place > 0) {
            (void)snprintf(key, sizeof(key), "%zu%s", place, column->is_auto ? " auto" : "");
        }
        if (column->has_bloom_filter) {
            const size_t size = strlen(key);
            (void)snprintf(key + size, sizeof(key) - size, "%sbloom", size > 0 ? " " : "");
        }
        fi_data_grid_add(&grid, firn_str(column->name));
        fi_data_grid_add(&grid, firn_str(type_of(column, type)));
        fi_data_grid_add(&grid, firn_str(column->not_null || place > 0 ? "no" : "yes"));
        int added = add_default(&grid, column);
        exit_code = exit_code == FI_EXIT_OK ? added : exit_code;
        fi_data_grid_add(&grid, firn_str(key));
    }
    int printed = fi_data_grid_finish(&grid);
    return exit_code == FI_EXIT_OK ? printed : exit_code;
}

/* Returns an exit code. */
static int
data_table_join(struct fi_cli *cli, const firn_table_index *index, struct fi_data_bytes *out)
{
    int exit_code = FI_EXIT_OK;
    for (size_t i = 0; i < index->column_count && exit_code == FI_EXIT_OK; i++) {
        const char *name = index->columns[i];
        exit_code = fi_data_bytes_reserve(cli, out, strlen(name) + sizeof(", "));
        if (exit_code == FI_EXIT_OK) {
            out->size +=
                (size_t)snprintf((char *)out->data + out->size, strlen(name) + sizeof(", "), "%s%s",
                                 i > 0 ? ", " : "", name);
        }
    }
    return exit_code;
}

static int
show_indexes(struct fi_cli *cli, const firn_table_def *def)
{
    static const char *const titles[] = {"index", "unique", "columns"};
    struct fi_data_grid grid;
    int exit_code = FI_EXIT_OK;
    fi_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        fi_data_grid_add(&grid, firn_str(titles[i]));
    }
    for (size_t i = 0; i < def->index_count && exit_code == FI_EXIT_OK; i++) {
        struct fi_data_bytes columns = {NULL, 0, 0};
        exit_code = data_table_join(cli, &def->indexes[i], &columns);
        fi_data_grid_add(&grid, firn_str(def->indexes[i].name));
        fi_data_grid_add(&grid, firn_str(def->indexes[i].is_unique ? "yes" : "no"));
        fi_data_grid_add(&grid, fi_data_bytes_slice(&columns));
        fi_data_bytes_deinit(&columns);
    }
    fi_term_out_text("\n");
    int printed = fi_data_grid_finish(&grid);
    return exit_code == FI_EXIT_OK ? printed : exit_code;
}

static int
show_vector_indexes(struct fi_cli *cli, const firn_table_def *def)
{
    static const char *const titles[] = {"vector index", "column", "metric", "m", "ef"};
    struct fi_data_grid grid;
    assert(def->vector_index_count > 0);
    fi_data_grid_init(&grid, cli, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        fi_data_grid_add(&grid, firn_str(titles[i]));
    }
    for (size_t i = 0; i < def->vector_index_count; i++) {
        const firn_vector_index *index = &def->vector_indexes[i];
        char m[16];
        char ef[16];
        (void)snprintf(m, sizeof(m), "%u", (unsigned)index->m);
        (void)snprintf(ef, sizeof(ef), "%u", (unsigned)index->ef_construction);
        fi_data_grid_add(&grid, firn_str(index->name));
        fi_data_grid_add(&grid, firn_str(index->column));
        fi_data_grid_add(&grid, firn_str(firn_metric_name(index->metric)));
        fi_data_grid_add(&grid, firn_str(m));
        fi_data_grid_add(&grid, firn_str(ef));
    }
    fi_term_out_text("\n");
    return fi_data_grid_finish(&grid);
}

static int
data_table_show(const struct fi_data_table *table)
{
    struct fi_cli *cli = table->cli;
    assert(table->def != NULL);
    show_json(cli, table);
    if (fi_command_has(cli, "definition")) {
        fi_term_out_text(table->text);
        fi_term_out_text("\n");
        return FI_EXIT_OK;
    }
    int exit_code = show_columns(cli, table->def);
    if (exit_code == FI_EXIT_OK && table->def->index_count > 0) {
        exit_code = show_indexes(cli, table->def);
    }
    return exit_code == FI_EXIT_OK && table->def->vector_index_count > 0
               ? show_vector_indexes(cli, table->def)
               : exit_code;
}

static int
run_show(struct fi_cli *cli)
{
    return fi_data_table_run(cli, data_table_show);
}

/* ---- alter ---- */

/* The arguments of a change, read before the store is opened. */
struct change {
    const char *name; /* of a column or an index */
    const char *text; /* a new name, or a literal, or a column; NULL: none */
    const char *metric;
    firn_table_def *piece;
};

/* Reads a piece of a definition. Returns an exit code. */
static int
read_piece(struct fi_cli *cli, const char *text, firn_table_def **out)
{
    firn_error err;
    return firn_table_def_parse(text, out, &err) == FIRN_OK
               ? FI_EXIT_OK
               : fi_command_report_failure(cli, &err, "firn help db table create explains it");
}

static int
read_column(struct fi_cli *cli, struct change *change)
{
    FI_TRY_RETURN(read_piece(cli, cli->arguments[3], &change->piece));
    if (change->piece->column_count != 1 || change->piece->key_count > 0 ||
        change->piece->index_count > 0 || change->piece->vector_index_count > 0) {
        return fi_command_misused(cli,
                                  "add-column takes one column: NAME TYPE, perhaps not null "
                                  "and a default; not '%s'",
                                  cli->arguments[3]);
    }
    return FI_EXIT_OK;
}

static int
read_index(struct fi_cli *cli, struct change *change)
{
    FI_TRY_RETURN(read_piece(cli, cli->arguments[3], &change->piece));
    if (change->piece->index_count != 1 || change->piece->column_count > 0 ||
        change->piece->key_count > 0 || change->piece->vector_index_count > 0) {
        return fi_command_misused(
            cli, "add-index takes one index: [unique] index NAME (COLUMN, ...); not '%s'",
            cli->arguments[3]);
    }
    return FI_EXIT_OK;
}

static int
add_column(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    return firn_table_add_column(table->table, &change->piece->columns[0], err);
}

static int
drop_column(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    return firn_table_drop_column(table->table, change->name, err);
}

static int
rename_column(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    return firn_table_rename_column(table->table, change->name, change->text, err);
}

static int
add_index(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    return firn_table_add_index(table->table, &change->piece->indexes[0], err);
}

static int
drop_index(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    return firn_table_drop_index(table->table, change->name, err);
}

/* A column of the type of another one, with a default, as a definition. NULL: no memory. */
static char *
write_piece(const firn_table_column *column, const char *literal)
{
    char type[FI_TYPE_TEXT_SIZE];
    size_t size = 2 * strlen(column->name) + sizeof(type) + strlen(literal) + 32;
    char *text = malloc(size);
    if (text == NULL) {
        return NULL;
    }
    char *to = text;
    *to++ = '"';
    for (const char *from = column->name; *from != '\0'; from++) {
        *to++ = *from;
        if (*from == '"') {
            *to++ = '"';
        }
    }
    (void)snprintf(to, size - (size_t)(to - text), "\" %s default %s", type_of(column, type),
                   literal);
    return text;
}

/* The literal is read as one of the column's type, so the table must be known. */
static int
set_default(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    const firn_table_column *column = NULL;
    firn_table_def *piece = NULL;
    if (strcmp(change->text, "none") == 0) {
        return firn_table_set_default(table->table, change->name, NULL, err);
    }
    for (size_t i = 0; i < table->def->column_count; i++) {
        bool is_it = strcmp(table->def->columns[i].name, change->name) == 0;
        column = is_it ? &table->def->columns[i] : column;
    }
    if (column == NULL) { /* the library says so */
        return firn_table_set_default(table->table, change->name, NULL, err);
    }
    char *text = write_piece(column, change->text);
    int code = text == NULL ? FIRN_NO_MEMORY : firn_table_def_parse(text, &piece, err);
    free(text);
    if (text == NULL) {
        err->code = code;
        (void)snprintf(err->text, sizeof(err->text), "%s", firn_code_text(code));
    } else if (code == FIRN_OK && (piece->column_count != 1 || piece->key_count > 0 ||
                                   piece->index_count > 0 || piece->vector_index_count > 0 ||
                                   piece->columns[0].not_null || piece->columns[0].is_auto)) {
        err->code = code = FIRN_INVALID;
        (void)snprintf(err->text, sizeof(err->text), "'%.200s' is not one literal", change->text);
    }
    if (code == FIRN_OK) {
        code = firn_table_set_default(table->table, change->name, piece->columns[0].default_value,
                                      err);
    }
    firn_release(piece);
    return code;
}

static int
read_bloom(struct fi_cli *cli, struct change *change)
{
    return strcmp(change->text, "on") == 0 || strcmp(change->text, "off") == 0
               ? FI_EXIT_OK
               : fi_command_misused(cli, "bloom takes a COLUMN, and on or off; not '%s'",
                                    change->text);
}

static int
set_bloom(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    return firn_table_set_bloom_filter(table->table, change->name, strcmp(change->text, "on") == 0,
                                       err);
}

static int
add_vector_index(const struct fi_data_table *table, const struct change *change, firn_error *err)
{
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    unsigned metric = FIRN_METRIC_L2;
    while (metric <= FIRN_METRIC_COSINE &&
           strcmp(firn_metric_name((firn_metric)metric), change->metric) != 0) {
        metric++;
    }
    index.name = change->name;
    index.column = change->text;
    index.metric = (firn_metric)metric; /* one that there is not is refused */
    return firn_table_add_vector_index(table->table, &index, err);
}

static const struct change_kind {
    const char *name;
    int arguments;
    const char *takes;                                      /* for messages */
    int (*read)(struct fi_cli *cli, struct change *change); /* NULL: names alone */
    int (*apply)(const struct fi_data_table *table, const struct change *change, firn_error *err);
} kinds[] = {
    {"add-column", 1, "'NAME TYPE ...'", read_column, add_column},
    {"drop-column", 1, "a COLUMN", NULL, drop_column},
    {"rename-column", 2, "a COLUMN and its new NAME", NULL, rename_column},
    {"default", 2, "a COLUMN, and a LITERAL or none", NULL, set_default},
    {"bloom", 2, "a COLUMN, and on or off", read_bloom, set_bloom},
    {"add-index", 1, "'[unique] index NAME (COLUMN, ...)'", read_index, add_index},
    {"add-vector-index", 3, "a NAME, a COLUMN, and l2, dot or cosine", NULL, add_vector_index},
    {"drop-index", 1, "an INDEX", NULL, drop_index},
};

static const char changes_hint[] = "one of add-column, drop-column, rename-column, default, bloom, "
                                   "add-index, add-vector-index, drop-index";

/* Returns an exit code. */
static int
read_change(struct fi_cli *cli, struct change *change, const struct change_kind **out)
{
    const struct change_kind *kind = NULL;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kind = strcmp(kinds[i].name, cli->arguments[2]) == 0 ? &kinds[i] : kind;
    }
    if (kind == NULL) {
        return fi_command_misused(cli, "'%s' is not %s", cli->arguments[2], changes_hint);
    }
    if (cli->argument_count != 3 + kind->arguments) {
        return fi_command_misused(cli, "%s takes %s", kind->name, kind->takes);
    }
    *out = kind;
    change->name = cli->arguments[3];
    change->text = kind->arguments > 1 ? cli->arguments[4] : NULL;
    change->metric = kind->arguments > 2 ? cli->arguments[5] : NULL;
    return kind->read != NULL ? kind->read(cli, change) : FI_EXIT_OK;
}

static int
run_alter(struct fi_cli *cli)
{
    assert(cli->argument_count >= 4);
    firn_error err;
    firn_store *store = NULL;
    struct fi_data_table table = {.name = NULL};
    struct change change = {.name = NULL};
    const struct change_kind *kind = NULL;
    int exit_code;
    FI_TRY_OUT(exit_code, read_change(cli, &change, &kind));
    FI_TRY_OUT(exit_code, fi_data_store_open(cli, cli->arguments[0], FI_DATA_STORE_WRITE, &store));
    FI_TRY_OUT(exit_code, fi_data_table_open(cli, store, NULL, &table));
    if (kind->apply(&table, &change, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
out:
    firn_release(change.piece);
    fi_data_table_close(&table);
    return fi_data_store_close(cli, store, exit_code);
}

/* ---- descriptions ---- */

const struct fi_command fi_data_table_create = {
    .name = "table create",
    .summary = "Create a table",
    .arguments = "STORE TABLE DEFINITION",
    .options =
        (const struct fi_command_option[]){
            FI_COMMAND_KEY_OPTIONS,
            {NULL, 0, NULL, NULL},
        },
    .help = "DEFINITION consists of items with commas between them:\n"
            "\n"
            "  NAME TYPE [null | not null] [default LITERAL] [auto] [bloom] [primary key]\n"
            "  primary key (NAME, ...)\n"
            "  [unique] index NAME (NAME, ...)\n"
            "  vector index NAME (NAME) l2 | dot | cosine [m NUMBER] [ef NUMBER]\n"
            "\n"
            "Types: bool, i8 to i64, u8 to u64, f32, f64, decimal(DIGITS, AFTER_POINT), date,\n"
            "timestamp, text, blob, uuid, vector(DIMENSIONS), and their names in SQL. A name\n"
            "that is not a plain word must be in double quotes. Literals: null, true, false,\n"
            "numbers, 'text', '2000-01-31', x'00ff'. Every table has a primary key; rows are\n"
            "in its order. A column with bloom has Bloom filters in the table's files: scans\n"
            "with = and in are faster where no index finds the value. The store is created\n"
            "if it does not exist.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db table create shop.firn goods 'id i64 auto primary key, name text'",
             "create a table that numbers its rows"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_create,
};

static const struct fi_command_option list_options[] = {
    {"at", 0, "REF", "list the tables of the checkpoint REF"},
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_data_table_list = {
    .name = "table list",
    .summary = "Print the names of a store's tables",
    .arguments = "STORE",
    .options = list_options,
    .help = "Prints one name on each line, in byte order, escaped as by firn db scan.",
    .run = run_list,
};

const struct fi_command fi_data_table_show = {
    .name = "table show",
    .summary = "Print the columns and indexes of a table",
    .arguments = "STORE TABLE",
    .options =
        (const struct fi_command_option[]){
            {"definition", 'd', NULL, "print the definition, as firn db table create takes it"},
            {"at", 0, "REF", "show the table as it is in the checkpoint REF"},
            {NULL, 0, NULL, NULL},
        },
    .run = run_show,
};

const struct fi_command fi_data_table_drop = {
    .name = "table drop",
    .summary = "Delete a table with its rows and indexes",
    .arguments = "STORE TABLE",
    .help = "The deletion is on disk when the command returns. An earlier checkpoint still\n"
            "has the table; without one the deletion cannot be undone.",
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_drop,
};

const struct fi_command fi_data_table_alter = {
    .name = "table alter",
    .summary = "Change the columns or indexes of a table",
    .arguments = "STORE TABLE CHANGE ARGUMENT...",
    .help = "CHANGE is one of\n"
            "\n"
            "  add-column 'NAME TYPE ...'       existing rows get its default\n"
            "  drop-column COLUMN               not one of the key or of an index\n"
            "  rename-column COLUMN NAME\n"
            "  default COLUMN LITERAL|none      for rows that will be inserted\n"
            "  bloom COLUMN on|off              for files that will be written\n"
            "  add-index '[unique] index NAME (COLUMN, ...)'\n"
            "  add-vector-index NAME COLUMN l2|dot|cosine\n"
            "  drop-index INDEX\n"
            "\n"
            "Columns, indexes and literals are written as for firn db table create. Only\n"
            "add-index reads the rows of the table, and none rewrites them.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db table alter shop.firn goods add-column 'stock i32 not null default 0'",
             "add a column; existing goods get 0"},
            {"firn db table alter shop.firn goods add-index 'unique index by_name (name)'",
             "find goods by name, and allow each name only once"},
            {NULL, NULL},
        },
    .missing_hint = changes_hint,
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_alter,
};
