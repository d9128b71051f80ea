/* SPDX-License-Identifier: Apache-2.0
 *
 * table_make.c: bench_table_make: makes the data of the benchmark, the same bytes at each call.
 *
 *     bench_table_make lineitem SCALE DIRECTORY     1: 1.5 million orders, some 6 million rows
 *     bench_table_make events ROWS DIRECTORY
 *     bench_table_make sums TABLE DIRECTORY         counts, sums and hashes of each column, as text
 *     bench_table_make csv TABLE DIRECTORY          all rows, with a head, to standard output
 *
 * lineitem follows the rules of the TPC-H specification (4.2.3), with random numbers of its own: one to seven lines
 * an order, order keys of which only the first eight of each 32 are used, a part's price and its suppliers by
 * formula, dates after that of the order, a return flag and a state by date, a comment of 10 to 43 bytes cut out of 300 MB
 * of text (less for a scale below 1). Rows are in the order of the key.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "table_data.h"
#include "table_words.h"

enum {
    STREAM_ORDER_DATE = 1,
    STREAM_LINES,
    STREAM_PART,
    STREAM_SUPPLIER,
    STREAM_QUANTITY,
    STREAM_DISCOUNT,
    STREAM_TAX,
    STREAM_RETURN,
    STREAM_SHIP,
    STREAM_COMMIT,
    STREAM_RECEIPT,
    STREAM_INSTRUCTION,
    STREAM_MODE,
    STREAM_COMMENT_AT,
    STREAM_COMMENT_SIZE
};

enum {
    DATE_FIRST = 8035,   /* 1992-01-01 */
    DATE_LAST = 10591,   /* 1998-12-31 */
    DATE_CURRENT = 9298, /* 1995-06-17 */
    LINES_MAX = 7,
    POOL_SIZE = 300 << 20,
    COMMENT_MAX = 43
};

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

static void
put_word(struct output *output, size_t column, const char *word)
{
    put_text(output, column, (struct table_text){word, strlen(word)});
}

/* ---- lineitem ---- */

struct lineitem {
    struct output output;
    uint64_t orders, parts, suppliers;
    char *pool;
    size_t pool_size;
};

static void
make_line(struct lineitem *lineitem, uint64_t order, uint64_t number)
{
    static const char *const instructions[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                               "TAKE BACK RETURN"};
    static const char *const modes[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
    struct output *output = &lineitem->output;
    uint64_t line = order * LINES_MAX + number;
    uint64_t part = 1 + table_random(STREAM_PART, line, lineitem->parts);
    uint64_t which = table_random(STREAM_SUPPLIER, line, 4);
    uint64_t supplier =
        (part + which * (lineitem->suppliers / 4 + (part - 1) / lineitem->suppliers)) %
            lineitem->suppliers +
        1;
    uint64_t quantity = 1 + table_random(STREAM_QUANTITY, line, 50);
    uint64_t price = 90000 + part / 10 % 20001 + 100 * (part % 1000);
    uint64_t ordered =
        DATE_FIRST + table_random(STREAM_ORDER_DATE, order, DATE_LAST - 151 - DATE_FIRST + 1);
    uint64_t shipped = ordered + 1 + table_random(STREAM_SHIP, line, 121);
    uint64_t received = shipped + 1 + table_random(STREAM_RECEIPT, line, 30);
    const char *flag = "N";
    if (received <= DATE_CURRENT) {
        flag = table_random(STREAM_RETURN, line, 2) == 0 ? "R" : "A";
    }
    size_t size = 10 + table_random(STREAM_COMMENT_SIZE, line, COMMENT_MAX - 10 + 1);
    size_t at = table_random(STREAM_COMMENT_AT, line, lineitem->pool_size - COMMENT_MAX);
    put_number(output, 0, (int64_t)(((order + 1) >> 3 << 5) | ((order + 1) & 7)));
    put_number(output, 1, (int64_t)part);
    put_number(output, 2, (int64_t)supplier);
    put_number(output, 3, (int64_t)(number + 1));
    put_number(output, 4, (int64_t)(quantity * 100));
    put_number(output, 5, (int64_t)(quantity * price));
    put_number(output, 6, (int64_t)table_random(STREAM_DISCOUNT, line, 11));
    put_number(output, 7, (int64_t)table_random(STREAM_TAX, line, 9));
    put_word(output, 8, flag);
    put_word(output, 9, shipped > DATE_CURRENT ? "O" : "F");
    put_number(output, 10, (int64_t)shipped);
    put_number(output, 11, (int64_t)(ordered + 30 + table_random(STREAM_COMMIT, line, 61)));
    put_number(output, 12, (int64_t)received);
    put_word(output, 13, instructions[table_random(STREAM_INSTRUCTION, line, 4)]);
    put_word(output, 14, modes[table_random(STREAM_MODE, line, 7)]);
    put_text(output, 15, (struct table_text){lineitem->pool + at, size});
}

static uint64_t
scaled(double scale, uint64_t count)
{
    uint64_t result = (uint64_t)(scale * (double)count + 0.5);
    return result == 0 ? 1 : result;
}

static void
make_lineitem(double scale, const char *directory)
{
    struct lineitem lineitem = {.orders = scaled(scale, 1500000),
                                .parts = scaled(scale, 200000),
                                .suppliers = scaled(scale, 10000),
                                .pool_size = (size_t)scaled(scale < 1 ? scale : 1, POOL_SIZE)};
    if (lineitem.pool_size < 1 << 20) {
        lineitem.pool_size = 1 << 20;
    }
    lineitem.pool = malloc(lineitem.pool_size);
    if (lineitem.pool == NULL) {
        table_die("no memory for the text");
    }
    table_words_fill(lineitem.pool, lineitem.pool_size);
    output_open(&lineitem.output, &table_lineitem, directory);
    for (uint64_t order = 0; order < lineitem.orders; order++) {
        uint64_t lines = 1 + table_random(STREAM_LINES, order, LINES_MAX);
        for (uint64_t number = 0; number < lines; number++) {
            make_line(&lineitem, order, number);
        }
    }
    output_close(&lineitem.output);
    free(lineitem.pool);
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
        table_die("lineitem SCALE DIRECTORY | events ROWS DIRECTORY | sums TABLE DIRECTORY | "
                  "csv TABLE DIRECTORY");
    }
    const struct table_schema *schema = table_schema_find(argv[2]);
    if (strcmp(argv[1], "lineitem") == 0) {
        double scale = strtod(argv[2], &end);
        if (*end != '\0' || !(scale > 0 && scale <= 1000)) {
            table_die("cannot use the scale %s", argv[2]);
        }
        make_lineitem(scale, argv[3]);
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
