/* SPDX-License-Identifier: Apache-2.0
 *
 * table_make.c: bench_table_make: makes the data of the benchmark, the same bytes at each call.
 *
 *     bench_table_make TABLE SCALE DIRECTORY        of TPC-H; scale 1: 1.5 million orders, some 6 million rows of lineitem
 *     bench_table_make events ROWS DIRECTORY
 *     bench_table_make sums TABLE DIRECTORY         counts, sums and hashes of each column, as text
 *     bench_table_make csv TABLE DIRECTORY          all rows, with a head, to standard output
 *
 * table_tpch.c says what the tables of TPC-H are. Rows are in the order of the key.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "table_data.h"
#include "table_tpch.h"

void
table_die(const char *format, ...)
{
    va_list arguments;
    (void)fputs("bench_table_make: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(1);
}

/* ---- the files of a table ---- */

struct output {
    const struct table_schema *schema;
    FILE *values[TABLE_COLUMNS_MAX], *at[TABLE_COLUMNS_MAX];
    uint64_t sizes[TABLE_COLUMNS_MAX]; /* of the texts so far */
};

static FILE *
create_file(const char *directory, const char *name, const char *suffix)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s%s", directory, name, suffix);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        table_die("could not create %s: %s", path, strerror(errno));
    }
    return file;
}

static void
write_bytes(FILE *file, const void *data, size_t size)
{
    if (size > 0 && fwrite(data, size, 1, file) != 1) {
        table_die("could not write: %s", strerror(errno));
    }
}

static void
close_file(FILE *file)
{
    if (file != NULL && fclose(file) != 0) {
        table_die("could not write: %s", strerror(errno));
    }
}

static void
output_open(struct output *output, const struct table_schema *schema, const char *directory)
{
    *output = (struct output){.schema = schema};
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        table_die("could not create %s: %s", directory, strerror(errno));
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        output->values[i] = create_file(directory, schema->columns[i].name, "");
        if (schema->columns[i].type == TABLE_TEXT) {
            output->at[i] = create_file(directory, schema->columns[i].name, ".at");
            write_bytes(output->at[i], &output->sizes[i], sizeof(output->sizes[i]));
        }
    }
}

static void
output_close(struct output *output)
{
    for (size_t i = 0; i < output->schema->column_count; i++) {
        close_file(output->values[i]);
        close_file(output->at[i]);
    }
}

static void
put_number(struct output *output, size_t column, int64_t number)
{
    enum table_type type = output->schema->columns[column].type;
    if (type == TABLE_I32 || type == TABLE_DATE) {
        int32_t narrow = (int32_t)number;
        write_bytes(output->values[column], &narrow, sizeof(narrow));
    } else {
        write_bytes(output->values[column], &number, sizeof(number));
    }
}

static void
put_text(struct output *output, size_t column, struct table_text text)
{
    write_bytes(output->values[column], text.data, text.size);
    output->sizes[column] += text.size;
    write_bytes(output->at[column], &output->sizes[column], sizeof(output->sizes[column]));
}

/* ---- tables of TPC-H ---- */

static void
put_row(void *context, const struct table_tpch_value *values)
{
    struct output *output = context;
    for (size_t i = 0; i < output->schema->column_count; i++) {
        if (output->schema->columns[i].type == TABLE_TEXT) {
            put_text(output, i, values[i].text);
        } else {
            put_number(output, i, values[i].number);
        }
    }
}

static void
make_tpch(enum table_tpch_table table, double scale, const char *directory)
{
    struct table_tpch tpch;
    struct output output;
    table_tpch_init(&tpch, scale);
    output_open(&output, table_tpch_schemas[table], directory);
    table_tpch_each(&tpch, table, put_row, &output);
    output_close(&output);
    table_tpch_deinit(&tpch);
}

/* ---- events ---- */

static void
make_events(uint64_t rows, const char *directory)
{
    struct output output;
    struct table_event event;
    uint64_t users = table_event_users(rows);
    output_open(&output, &table_events, directory);
    for (uint64_t id = 0; id < rows; id++) {
        table_event_make(&event, id, users);
        put_number(&output, TABLE_EVENT_ID, event.id);
        put_number(&output, TABLE_EVENT_TS, event.ts);
        put_number(&output, TABLE_EVENT_USER, event.user);
        put_text(&output, TABLE_EVENT_KIND, event.kind);
        put_text(&output, TABLE_EVENT_COUNTRY, event.country);
        put_number(&output, TABLE_EVENT_STATUS, event.status);
        put_number(&output, TABLE_EVENT_AMOUNT, event.amount);
        write_bytes(output.values[TABLE_EVENT_LATENCY], &event.latency, sizeof(event.latency));
        put_text(&output, TABLE_EVENT_PATH, event.path);
    }
    output_close(&output);
}

/* ---- what was made, as text ---- */

static int64_t
number_at(const struct table_data *data, size_t column, uint64_t row)
{
    enum table_type type = data->schema->columns[column].type;
    const struct table_array *array = &data->columns[column];
    return type == TABLE_I32 || type == TABLE_DATE ? array->as.i32[row] : array->as.i64[row];
}

/* Lines "column sum smallest largest" of numbers, "column bytes hash" of texts. */
static void
print_sums(const struct table_data *data)
{
    (void)printf("rows %" PRIu64 "\n", data->rows);
    for (size_t i = 0; i < data->schema->column_count; i++) {
        const struct table_column *column = &data->schema->columns[i];
        if (column->type == TABLE_TEXT) {
            uint64_t hash = TABLE_HASH;
            for (uint64_t row = 0; row < data->rows; row++) {
                hash = table_hash_text(hash, table_data_text(&data->columns[i], row));
            }
            (void)printf("%s %" PRIu64 " %016" PRIx64 "\n", column->name,
                         data->columns[i].at[data->rows], hash);
        } else if (column->type == TABLE_F64) {
            double sum = 0;
            for (uint64_t row = 0; row < data->rows; row++) {
                sum += data->columns[i].as.f64[row];
            }
            (void)printf("%s %.1f\n", column->name, sum);
        } else {
            uint64_t sum = 0;
            int64_t low = INT64_MAX;
            int64_t high = INT64_MIN;
            for (uint64_t row = 0; row < data->rows; row++) {
                int64_t number = number_at(data, i, row);
                sum += (uint64_t)number;
                low = number < low ? number : low;
                high = number > high ? number : high;
            }
            (void)printf("%s %" PRIu64 " %" PRId64 " %" PRId64 "\n", column->name, sum, low, high);
        }
    }
}

/* Years, months and days of a number of days since 1970, by way of years that begin in March. */
static void
print_date(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    (void)printf("%04" PRId64 "-%02" PRId64 "-%02" PRId64, year + era * 400 + (month <= 2), month,
                 day);
}

static void
print_value(const struct table_data *data, size_t column, uint64_t row)
{
    enum table_type type = data->schema->columns[column].type;
    int64_t number = type == TABLE_TEXT || type == TABLE_F64 ? 0 : number_at(data, column, row);
    int64_t second = number / 1000000;
    switch (type) {
    case TABLE_I64:
    case TABLE_I32:
        (void)printf("%" PRId64, number);
        break;
    case TABLE_DECIMAL:
        (void)printf("%" PRId64 ".%02" PRId64, number / 100, number % 100);
        break;
    case TABLE_DATE:
        print_date(number);
        break;
    case TABLE_TIMESTAMP:
        print_date(second / 86400);
        (void)printf(" %02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%06" PRId64, second / 3600 % 24,
                     second / 60 % 60, second % 60, number % 1000000);
        break;
    case TABLE_F64:
        (void)printf("%.1f", data->columns[column].as.f64[row]);
        break;
    case TABLE_TEXT: {
        /* No text has a double quote. */
        struct table_text text = table_data_text(&data->columns[column], row);
        const char *quote = memchr(text.data, ',', text.size) != NULL ? "\"" : "";
        (void)printf("%s%.*s%s", quote, (int)text.size, text.data, quote);
        break;
    }
    }
}

static void
print_csv(const struct table_data *data)
{
    for (size_t i = 0; i < data->schema->column_count; i++) {
        (void)printf("%s%s", i > 0 ? "," : "", data->schema->columns[i].name);
    }
    (void)putchar('\n');
    for (uint64_t row = 0; row < data->rows; row++) {
        for (size_t i = 0; i < data->schema->column_count; i++) {
            if (i > 0) {
                (void)putchar(',');
            }
            print_value(data, i, row);
        }
        (void)putchar('\n');
    }
}

int
main(int argc, char **argv)
{
    struct table_data data;
    char *end = NULL;
    if (argc != 4) {
        table_die("TABLE SCALE DIRECTORY | events ROWS DIRECTORY | sums TABLE DIRECTORY | "
                  "csv TABLE DIRECTORY");
    }
    const struct table_schema *schema = table_schema_find(argv[2]);
    unsigned tpch = 0;
    while (tpch < TABLE_TPCH_TABLES && strcmp(argv[1], table_tpch_schemas[tpch]->name) != 0) {
        tpch++;
    }
    if (tpch < TABLE_TPCH_TABLES) {
        double scale = strtod(argv[2], &end);
        if (*end != '\0' || !(scale > 0 && scale <= 1000)) {
            table_die("cannot use the scale %s", argv[2]);
        }
        make_tpch((enum table_tpch_table)tpch, scale, argv[3]);
    } else if (strcmp(argv[1], "events") == 0) {
        uint64_t rows = strtoull(argv[2], &end, 10);
        if (*end != '\0' || rows < 1000 || rows > UINT32_MAX) {
            table_die("cannot use the number %s", argv[2]);
        }
        make_events(rows, argv[3]);
    } else if (schema != NULL && strcmp(argv[1], "sums") == 0) {
        table_data_map(&data, schema, argv[3]);
        print_sums(&data);
    } else if (schema != NULL && strcmp(argv[1], "csv") == 0) {
        table_data_map(&data, schema, argv[3]);
        print_csv(&data);
    } else {
        table_die("cannot do %s %s", argv[1], argv[2]);
    }
    return fflush(stdout) != 0;
}
