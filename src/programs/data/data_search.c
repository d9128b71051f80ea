/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_search.c: firn db search: the rows of a table whose vectors are nearest to given ones.
 *
 * Vectors come as a JSON argument or from a file, which is read whole. The name of the file tells
 * its format; for standard input its first bytes do.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum { FILE_SIZE_MAX = 1 << 30, READ_SIZE = 1 << 16 };

/* The vectors to search for, one after the other. */
struct queries {
    struct fi_cli *cli;
    const firn_table_column *column;
    float *numbers;
    size_t count;
    size_t capacity;
};

/* Returns a code of the library: visit of firn_vectors_read. */
static int
add_query(void *ctx, uint64_t number, const float *vector, size_t dimensions)
{
    struct queries *queries = ctx;
    assert(queries->count <= queries->capacity && dimensions > 0);
    (void)number;
    if (queries->count == queries->capacity) {
        size_t capacity = 2 * queries->capacity + 1;
        float *grown = realloc(queries->numbers, capacity * dimensions * sizeof *grown);
        if (grown == NULL) {
            return FIRN_NO_MEMORY;
        }
        queries->numbers = grown;
        queries->capacity = capacity;
    }
    memcpy(queries->numbers + queries->count * dimensions, vector, dimensions * sizeof *vector);
    queries->count++;
    return FIRN_OK;
}

/* ---- from JSON ---- */

static firn_slice
data_search_skip(firn_slice text, const char *bytes)
{
    while (text.size > 0 && text.data[0] != '\0' && strchr(bytes, text.data[0]) != NULL) {
        text = firn_bytes(text.data + 1, text.size - 1);
    }
    return text;
}

/* One array of numbers. Returns an exit code. */
static int
read_array(struct queries *queries, firn_slice text)
{
    assert(text.size > 0 && text.data[0] == '[');
    firn_error err;
    firn_value value;
    void *memory = NULL;
    float *vector = malloc(queries->column->dimensions * sizeof *vector);
    if (vector == NULL) {
        return fi_command_report_no_memory(queries->cli);
    }
    int exit_code = FI_EXIT_OK;
    if (firn_value_parse(queries->column, text, &value, &memory, &err) != FIRN_OK) {
        exit_code = fi_command_report_error(queries->cli, err.code, NULL, "--vector: %s", err.text);
    } else {
        memcpy(vector, value.as.bytes.data, value.as.bytes.size); /* aligned there */
        if (add_query(queries, 0, vector, queries->column->dimensions) != FIRN_OK) {
            exit_code = fi_command_report_no_memory(queries->cli);
        }
    }
    firn_release(memory);
    free(vector);
    return exit_code;
}

/* An array of numbers, an array of those, or one after the other. Returns an exit code. */
static int
read_json(struct queries *queries, firn_slice text)
{
    static const char spaces[] = " \t\r\n";
    int exit_code = FI_EXIT_OK;
    text = data_search_skip(text, spaces);
    if (text.size == 0) { /* a file of blanks */
        return FI_EXIT_OK;
    }
    firn_slice inside = data_search_skip(firn_bytes(text.data + 1, text.size - 1), spaces);
    const bool is_nested = inside.size > 0 && inside.data[0] == '[';
    bool is_closed = !is_nested;
    text = is_nested ? inside : text;
    while (exit_code == FI_EXIT_OK && text.size > 0) {
        const uint8_t *end = memchr(text.data, ']', text.size);
        if (text.data[0] != '[' || end == NULL || (is_nested && is_closed)) {
            return fi_command_report_error(queries->cli, FIRN_INVALID, NULL,
                                           "--vector: arrays of numbers are needed, as [1,2.5]");
        }
        const size_t size = (size_t)(end - text.data) + 1;
        exit_code = read_array(queries, firn_bytes(text.data, size));
        text = data_search_skip(firn_bytes(text.data + size, text.size - size), spaces);
        if (is_nested && text.size > 0) {
            is_closed = text.data[0] == ']';
            text = data_search_skip(
                is_closed || text.data[0] == ',' ? firn_bytes(text.data + 1, text.size - 1) : text,
                spaces);
        }
    }
    return exit_code != FI_EXIT_OK || is_closed
               ? exit_code
               : fi_command_report_error(queries->cli, FIRN_INVALID, NULL,
                                         "--vector: the array ends before it is closed");
}

/* ---- from files ---- */

static int
report_read(struct fi_cli *cli, const char *what, const char *path)
{
    return fi_command_report_error(cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                   "could not %s '%s': %s", what, path, strerror(errno));
}

/* All of a file. Returns an exit code. */
static int
read_all(struct fi_cli *cli, const char *path, struct fi_data_bytes *out)
{
    if (strcmp(path, "-") == 0) {
        return fi_data_bytes_from_stdin(cli, FILE_SIZE_MAX, out);
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    int exit_code = fd >= 0 ? FI_EXIT_OK : report_read(cli, "open", path);
    while (exit_code == FI_EXIT_OK) {
        exit_code = fi_data_bytes_reserve(cli, out, READ_SIZE);
        if (exit_code != FI_EXIT_OK) {
            break;
        }
        ssize_t got = read(fd, out->data + out->size, READ_SIZE);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            exit_code = report_read(cli, "read", path);
        }
        out->size += got > 0 ? (size_t)got : 0;
        if (out->size > FILE_SIZE_MAX) {
            exit_code =
                fi_command_report_error(cli, FIRN_LIMIT, NULL, "'%s' is larger than 1 GiB", path);
        }
    }
    if (fd >= 0) {
        (void)close(fd); /* only read */
    }
    return exit_code;
}

struct rest {
    firn_slice bytes;
};

static int
read_rest(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    assert(capacity > 0);
    struct rest *rest = ctx;
    const size_t size = rest->bytes.size < capacity ? rest->bytes.size : capacity;
    (void)err;
    if (size > 0) {
        memcpy(buffer, rest->bytes.data, size);
    }
    rest->bytes = firn_bytes(rest->bytes.data + size, rest->bytes.size - size);
    *out_size = size;
    return FIRN_OK;
}

static bool
ends_with(const char *text, const char *end)
{
    const size_t size = strlen(text);
    const size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

bool
fi_data_search_kind(const char *path, firn_vectors_kind *out)
{
    static const struct {
        const char *end;
        firn_vectors_kind kind;
    } known[] = {{".fvecs", FIRN_VECTORS_FVECS},
                 {".bvecs", FIRN_VECTORS_BVECS},
                 {".ivecs", FIRN_VECTORS_IVECS},
                 {".npy", FIRN_VECTORS_NPY},
                 {".f32", FIRN_VECTORS_F32}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (ends_with(path, known[i].end)) {
            *out = known[i].kind;
            return true;
        }
    }
    return false;
}

/* Returns an exit code. */
static int
read_file(struct queries *queries, const char *path)
{
    assert(queries->column != NULL);
    firn_error err = {.code = FIRN_OK};
    struct fi_data_bytes bytes = {NULL, 0, 0};
    firn_vectors_kind kind = FIRN_VECTORS_F32;
    int exit_code = read_all(queries->cli, path, &bytes);
    const firn_slice text = fi_data_bytes_slice(&bytes);
    const bool is_known = fi_data_search_kind(path, &kind);
    if (exit_code == FI_EXIT_OK && !is_known && text.size >= 6 &&
        memcmp(text.data, "\x93NUMPY", 6) == 0) {
        kind = FIRN_VECTORS_NPY;
    } else if (exit_code == FI_EXIT_OK && !is_known && text.size > 0 &&
               (ends_with(path, ".json") || ends_with(path, ".jsonl") || text.data[0] == '[')) {
        exit_code = read_json(queries, text);
        fi_data_bytes_deinit(&bytes);
        return exit_code;
    }
    if (exit_code == FI_EXIT_OK) {
        struct rest rest = {text.size > 0 ? text : firn_bytes("", 0)};
        int code = firn_vectors_read(read_rest, &rest, kind, queries->column->dimensions, add_query,
                                     queries, &err);
        if (code == FIRN_NO_MEMORY) {
            exit_code = fi_command_report_no_memory(queries->cli);
        } else if (code != FIRN_OK) {
            exit_code =
                fi_command_report_error(queries->cli, code, NULL, "'%s': %s", path, err.text);
        }
    }
    fi_data_bytes_deinit(&bytes);
    return exit_code;
}

/* Returns an exit code. */
static int
read_queries(struct queries *queries)
{
    struct fi_cli *cli = queries->cli;
    const char *given = fi_command_value(cli, "vector");
    if (given == NULL) {
        return fi_command_misused(cli, "--vector is needed: [1,2.5], or a file of vectors");
    }
    FI_TRY_RETURN(given[0] == '[' ? read_json(queries, firn_str(given))
                                  : read_file(queries, given));
    if (queries->count == 0) {
        return fi_command_report_error(cli, FIRN_INVALID, NULL, "--vector has no vector");
    }
    return FI_EXIT_OK;
}

/* ---- the search ---- */

struct search {
    const struct fi_data_table *table;
    const char *column;
    struct queries queries;
    firn_search_options options;
    struct fi_data_values_list columns;
    firn_table_column *printed; /* the query's number, the distance, then columns of the table */
    firn_value *values;
    size_t printed_count;
    uint64_t found;
    uint64_t damaged; /* graphs */
};

/* Returns an exit code. */
static int
read_metric(struct fi_cli *cli, firn_metric *out)
{
    const char *given = fi_command_value(cli, "metric");
    if (given == NULL) {
        return FI_EXIT_OK;
    }
    for (unsigned metric = FIRN_METRIC_L2; metric <= FIRN_METRIC_COSINE; metric++) {
        if (strcmp(given, firn_metric_name((firn_metric)metric)) == 0) {
            *out = (firn_metric)metric;
            return FI_EXIT_OK;
        }
    }
    return fi_command_misused(cli, "--metric is l2, dot or cosine");
}

/* What is asked of all queries. Returns an exit code. */
static int
read_options(struct search *search)
{
    struct fi_cli *cli = search->table->cli;
    const char *k = fi_command_value(cli, "k");
    const char *limit = k != NULL ? k : fi_command_value(cli, "limit");
    const char *recall = fi_command_value(cli, "recall");
    double share = 0;
    char *end = NULL;
    const char *columns = fi_command_value(cli, "columns");
    firn_search_options *options = &search->options;
    if (k != NULL && fi_command_has(cli, "limit")) {
        return fi_command_misused(cli, "--k and --limit are the same: give one of them");
    }
    if (limit != NULL && !fi_command_number(limit, FIRN_SEARCH_K_MAX, &options->k)) {
        return fi_command_misused(cli, "--k takes a number up to %d", FIRN_SEARCH_K_MAX);
    }
    if (recall != NULL) {
        share = strtod(recall, &end);
    }
    if (recall != NULL && (end == recall || *end != '\0' || !(share > 0 && share <= 1))) {
        return fi_command_misused(cli, "--recall takes a number above 0, up to 1");
    }
    options->recall = share;
    options->exact = fi_command_has(cli, "exact");
    int exit_code = read_metric(cli, &options->metric);
    if (exit_code == FI_EXIT_OK && columns != NULL) {
        exit_code = fi_data_values_split(cli, "--columns", columns, &search->columns);
    }
    options->columns = (const char *const *)search->columns.items;
    options->column_count = search->columns.count;
    options->where = fi_command_value(cli, "where");
    options->snapshot = search->table->snapshot;
    options->callbacks.on_progress = fi_command_on_progress;
    return exit_code;
}

/* What is printed of each row. Returns an exit code. */
static int
choose_printed(struct search *search)
{
    const firn_table_def *def = search->table->def;
    const bool is_key = search->columns.count == 0;
    const size_t count = is_key ? def->key_count : search->columns.count;
    int exit_code = FI_EXIT_OK;
    search->printed = calloc(count + 2, sizeof search->printed[0]);
    search->values = calloc(count + 2, sizeof search->values[0]);
    if (search->printed == NULL || search->values == NULL) {
        return fi_command_report_no_memory(search->table->cli);
    }
    search->printed[0] = (firn_table_column){.name = "query", .type = FIRN_TYPE_U64};
    search->printed[1] = (firn_table_column){.name = "distance", .type = FIRN_TYPE_F64};
    for (size_t i = 0; exit_code == FI_EXIT_OK && i < count; i++) {
        const firn_table_column *column = NULL;
        exit_code = fi_data_table_column(search->table,
                                         is_key ? def->key[i] : search->columns.items[i], &column);
        if (exit_code == FI_EXIT_OK) {
            search->printed[i + 2] = *column;
        }
    }
    search->printed_count = count + 2;
    return exit_code;
}

/* A row of the array of --json. */
static void
print_json(const struct search *search)
{
    struct fi_cli *cli = search->table->cli;
    fi_term_json_object(NULL);
    fi_data_values_json(cli, &search->printed[0], &search->values[0]);
    fi_data_values_json(cli, &search->printed[1], &search->values[1]);
    fi_term_json_object("row");
    for (size_t i = 2; i < search->printed_count; i++) {
        fi_data_values_json(cli, &search->printed[i], &search->values[i]);
    }
    fi_term_json_end();
    fi_term_json_end();
}

static void
print_result(struct search *search, size_t number, const firn_search_result *result,
             struct fi_data_output *output)
{
    assert(search->printed_count >= 2 && search->queries.count > 0);
    const size_t skipped = search->queries.count > 1 ? 0 : 1; /* the number of the only query */
    for (size_t i = 0; i < firn_search_result_count(result); i++) {
        const firn_value *row = search->columns.count == 0
                                    ? firn_search_result_key(result, i, NULL)
                                    : firn_search_result_values(result, i, NULL);
        search->values[0] = firn_u64(number + 1);
        search->values[1] = firn_f64(firn_search_result_distance(result, i));
        memcpy(search->values + 2, row, (search->printed_count - 2) * sizeof *row);
        if (search->table->cli->json) {
            print_json(search);
        } else {
            fi_data_output_row(output, search->values + skipped);
        }
    }
    search->found += firn_search_result_count(result);
}

/* Returns an exit code. */
static int
search_all(struct search *search)
{
    assert(search->queries.column != NULL);
    firn_error err;
    struct fi_cli *cli = search->table->cli;
    struct fi_data_output output;
    const size_t n = search->queries.column->dimensions;
    const size_t skipped = search->queries.count > 1 ? 0 : 1;
    int exit_code = FI_EXIT_OK;
    fi_data_output_begin(&output, cli, search->printed + skipped, search->printed_count - skipped);
    for (size_t i = 0; exit_code == FI_EXIT_OK && i < search->queries.count; i++) {
        firn_search_result *result = NULL;
        int code =
            firn_table_search(search->table->table, search->column, search->queries.numbers + i * n,
                              n, &search->options, &result, &err);
        if (code != FIRN_OK) {
            exit_code = fi_data_scan_report(search->table, &err);
        } else {
            firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
            firn_search_result_get_stats(result, &stats);
            search->damaged =
                stats.graphs_damaged > search->damaged ? stats.graphs_damaged : search->damaged;
            print_result(search, i, result, &output);
        }
        firn_search_result_destroy(result);
    }
    int ended = fi_data_output_end(&output);
    return exit_code == FI_EXIT_OK ? ended : exit_code;
}

/* Returns an exit code. */
static int
search_table(const struct fi_data_table *table)
{
    struct fi_cli *cli = table->cli;
    const firn_search_options defaults = FIRN_SEARCH_OPTIONS_INIT;
    struct search search;
    memset(&search, 0, sizeof search);
    search.table = table;
    search.column = cli->arguments[2];
    search.queries.cli = cli;
    search.options = defaults;
    int exit_code;
    FI_TRY_OUT(exit_code, fi_data_table_column(table, search.column, &search.queries.column));
    if (search.queries.column->type != FIRN_TYPE_VECTOR) {
        FI_TRY_OUT(exit_code, fi_command_report_error(
                                  cli, FIRN_INVALID, NULL, "column '%s' has no vectors, but %s",
                                  search.column, firn_type_name(search.queries.column->type)));
    }
    FI_TRY_OUT(exit_code, read_options(&search));
    FI_TRY_OUT(exit_code, choose_printed(&search));
    FI_TRY_OUT(exit_code, read_queries(&search.queries));
    fi_term_json_string("table", table->name);
    fi_term_json_string("column", search.column);
    fi_term_json_string("metric", firn_metric_name(search.options.metric));
    fi_term_json_array("rows");
    exit_code = search_all(&search);
    fi_term_json_unwind();
    fi_term_json_u64("count", search.found);
    if (search.damaged > 0) {
        fi_term_json_u64("graphs_damaged", search.damaged);
        fi_command_report_line("a graph of the index is damaged: its rows were all compared; "
                               "firn db compact builds another");
    }
out:
    fi_data_values_list_deinit(&search.columns);
    free(search.queries.numbers);
    free(search.printed);
    free(search.values);
    return exit_code;
}

static int
run_search(struct fi_cli *cli)
{
    return fi_data_table_run(cli, search_table);
}

const struct fi_command fi_data_search = {
    .name = "search",
    .summary = "Print the rows of a table whose vectors are nearest to given ones",
    .arguments = "STORE TABLE COLUMN",
    .options =
        (const struct fi_command_option[]){
            {"vector", 'v', "VECTOR", "as [1,2.5], or a file of vectors; - is standard input"},
            {"k", 'k', "N", "print the N nearest rows for each vector; by default 10"},
            {"limit", 'n', "N", "the same"},
            {"metric", 'm', "METRIC", "l2, dot or cosine (default)"},
            {"where", 0, "EXPR", "only rows for which this is true"},
            {"recall", 0, "SHARE", "the share of the nearest to find; by default 0.95"},
            {"exact", 0, NULL, "find all of the nearest, also with an index"},
            {"columns", 0, "COLUMN,...", "print these columns; by default those of the key"},
            {"at", 0, "REF", "read the checkpoint REF instead of the present state"},
            {"csv", 0, NULL, "print CSV, with a header"},
            {NULL, 0, NULL, NULL},
        },
    .help = "The nearest rows come first; rows at the same distance are in the order of their\n"
            "keys. A smaller distance is nearer: l2 is the sum of the squares of the\n"
            "differences, dot the negative inner product, cosine 1 minus the cosine. EXPR is\n"
            "an expression as for firn db scan.\n"
            "\n"
            "A file of vectors contains JSON arrays, or is an .npy, .fvecs, .bvecs or .ivecs\n"
            "file; with any other name it contains 4-byte floating-point numbers. If several\n"
            "vectors are given, each row begins with the number of its vector, from 1.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db search notes.firn notes embedding -v query.npy -n 5 --columns title",
             "print the titles of the five nearest notes"},
            {"firn db search -v '[0.1,0.7]' -m l2 --where \"lang = 'en'\" notes.firn notes v",
             "search among some of the rows"},
            {NULL, NULL},
        },
    .run = run_search,
};
