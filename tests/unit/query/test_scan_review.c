/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/query: scans beside themselves: conditions that chunks test give the rows that evaluation gives, whatever
 * way rows come; with NaNs, zeros of both signs, texts longer than bounds, columns that were added and renamed,
 * rows that expire; and groups and orders beside ones that the test makes itself.
 */
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "firn/arrow.h"
#include "firn/firn.h"
#include "firn/scan.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_table.h"
#include "support/test_temp.h"

static firn_error err;

enum { ROWS_MAX = 8192, VALUES_MAX = 16, TEXT_SIZE = 96, PARAMETERS_MAX = 16 };

struct rig {
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    firn_txn *txn;
    unsigned columns;
    int64_t ids;
    uint64_t checks;
};

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

static void
begin(struct rig *rig, const char *definition)
{
    test_table_create(rig->dir, rig->path, definition, &rig->store, &rig->table);
}

static void
end(struct rig *rig)
{
    test_table_destroy(rig->dir, rig->path, rig->store);
}

/* ---- values ---- */

/* The types of columns, in order; the last three are added later. */
enum {
    COLUMN_ID,
    COLUMN_X,
    COLUMN_Y,
    COLUMN_T,
    COLUMN_U,
    COLUMN_D,
    COLUMN_B,
    COLUMN_X2,
    COLUMN_T2,
    COLUMN_N2,
    COLUMNS
};
static const char *const names[COLUMNS] = {"id", "x", "y", "t", "u", "d", "b", "x2", "t2", "n2"};

static char texts[64][TEXT_SIZE];

static firn_value
real_value(struct rig *rig)
{
    static const double specials[] = {0.0, -0.0, 1.5, -1.5, 1e300, 0.1, 3};
    uint64_t kind = below(rig, 12);
    return firn_f64(kind == 0   ? NAN
                    : kind == 1 ? INFINITY
                    : kind == 2 ? -INFINITY
                                : specials[below(rig, sizeof specials / sizeof specials[0])]);
}

static firn_value
text_value(struct rig *rig)
{
    static const char common[] = "a common beginning that is longer than bounds are, and goes on";
    char *text = texts[below(rig, 64)];
    uint64_t kind = below(rig, 4);
    if (text[0] == '\0') {
        (void)snprintf(text, TEXT_SIZE, "%.*s%s%u",
                       (int)(kind == 0 ? below(rig, 8) : 25 + below(rig, 30)), common,
                       kind == 1 ? "\x7f" : "", (unsigned)below(rig, 4));
    }
    return firn_text(text);
}

static firn_value
value_of(struct rig *rig, unsigned column)
{
    firn_value value;
    switch (column) {
    case COLUMN_ID:
        return firn_i64((int64_t)below(rig, (uint64_t)rig->ids + 2));
    case COLUMN_X:
    case COLUMN_X2:
        return real_value(rig);
    case COLUMN_Y:
        value = real_value(rig);
        value = (firn_value){
            .type = FIRN_TYPE_F32,
            .as.f32 = value.as.f64 > 1e30 && !isinf(value.as.f64) ? 7 : (float)value.as.f64};
        return value;
    case COLUMN_T:
    case COLUMN_T2:
        return text_value(rig);
    case COLUMN_U:
        return firn_u64(below(rig, 3) == 0 ? UINT64_MAX - below(rig, 3) : below(rig, 5));
    case COLUMN_D:
        return firn_typed_i64(FIRN_TYPE_DECIMAL, (int64_t)below(rig, 20) - 10);
    case COLUMN_B:
        return firn_bool(below(rig, 2) == 0);
    default:
        return firn_i64((int64_t)below(rig, 6) - 3);
    }
}

static void
put_row(struct rig *rig, int64_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_value values[COLUMNS];
    options.txn = rig->txn;
    options.ttl_ms = below(rig, 40) == 0 ? 1000000 : 0;
    values[0] = firn_i64(id);
    for (unsigned i = 1; i < rig->columns; i++) {
        values[i] = below(rig, 8) == 0 ? firn_null() : value_of(rig, i);
    }
    OK(firn_table_upsert(rig->table, &options, values, rig->columns, &err));
}

/* ---- conditions ---- */

struct condition {
    char text[1024];
    firn_value parameters[PARAMETERS_MAX];
    size_t count;
};

static void add(struct condition *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void
add(struct condition *to, const char *format, ...)
{
    size_t size = strlen(to->text);
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(to->text + size, sizeof to->text - size, format, arguments);
    va_end(arguments);
    assert_true(added >= 0 && (size_t)added < sizeof to->text - size);
}

static void
add_parameter(struct rig *rig, struct condition *to, unsigned column)
{
    static const unsigned numbers[] = {COLUMN_ID, COLUMN_X, COLUMN_Y,
                                       COLUMN_U,  COLUMN_D, COLUMN_N2};
    bool is_number = column != COLUMN_T && column != COLUMN_T2 && column != COLUMN_B;
    if (to->count == PARAMETERS_MAX || below(rig, 30) == 0) {
        add(to, "null");
    } else if (column == COLUMN_D && below(rig, 2) == 0) {
        add(to, "-0.00%u", (unsigned)below(rig, 12));
    } else {
        unsigned of = is_number && below(rig, 5) == 0
                          ? numbers[below(rig, sizeof numbers / sizeof numbers[0])]
                          : column;
        firn_value value = value_of(rig, of);
        if (value.type == FIRN_TYPE_DECIMAL) {
            value = firn_f64((double)value.as.i64 / 1000);
        }
        add(to, "?");
        to->parameters[to->count++] = value;
    }
}

static void
condition(struct rig *rig, unsigned depth, struct condition *to)
{
    static const char *const tests[] = {"=", "<>", "<", "<=", ">", ">="};
    unsigned column = (unsigned)below(rig, rig->columns);
    const char *name = names[column];
    switch (below(rig, depth > 0 ? 12 : 7)) {
    case 0:
        add(to, "%s is %snull", name, below(rig, 2) == 0 ? "not " : "");
        break;
    case 1:
        add(to, "%s %sbetween ", name, below(rig, 2) == 0 ? "not " : "");
        add_parameter(rig, to, column);
        add(to, " and ");
        add_parameter(rig, to, column);
        break;
    case 2:
        add(to, "%s %sin (", name, below(rig, 2) == 0 ? "not " : "");
        for (uint64_t i = 1 + below(rig, 5); i > 0; i--) {
            add_parameter(rig, to, column);
            add(to, "%s", i > 1 ? ", " : ")");
        }
        break;
    case 3:
        column = rig->columns > COLUMN_T2 && below(rig, 2) == 0 ? COLUMN_T2 : COLUMN_T;
        add(to, "%s %slike '%.*s%s'", names[column], below(rig, 3) == 0 ? "not " : "",
            (int)below(rig, 50), "a common beginning that is longer than bounds are, and goes on",
            below(rig, 3) == 0   ? "_"
            : below(rig, 2) == 0 ? "%%"
                                 : "");
        break;
    case 4:
        add(to, "%s", below(rig, 2) == 0 ? "b" : "b is not true");
        break;
    case 7:
    case 8:
        add(to, "not (");
        condition(rig, depth - 1, to);
        add(to, ")");
        break;
    case 9:
    case 10:
    case 11:
        add(to, "(");
        condition(rig, depth - 1, to);
        add(to, below(rig, 3) != 0 ? ") and (" : ") or (");
        condition(rig, depth - 1, to);
        add(to, ")");
        break;
    default:
        add(to, "%s %s ", name, tests[below(rig, 6)]);
        add_parameter(rig, to, column);
        break;
    }
}

/* ---- rows ---- */

struct found {
    int64_t *ids;
    size_t count;
};

/* The first column of the rows, of those whose second one is true if there is one. */
static void
find(struct rig *rig, const firn_scan_options *options, const struct condition *what,
     struct found *out)
{
    firn_scan *scan;
    const firn_scan_batch *batch;
    out->count = 0;
    int rc = firn_scan_open(rig->table, options, &scan, &err);
    if (rc != FIRN_OK) {
        fail_msg("%s: %d: %s", what->text, rc, err.text);
    }
    do {
        OK(firn_scan_next(scan, &batch, &err));
        for (size_t i = 0; batch != NULL && i < firn_scan_batch_rows(batch); i++) {
            firn_value truth = firn_bool(true);
            if (firn_scan_column_count(scan) > 1) {
                truth = firn_scan_value(batch, 1, i);
            }
            if (truth.type == FIRN_TYPE_BOOL && truth.as.boolean) {
                assert_true(out->count < ROWS_MAX);
                out->ids[out->count++] = firn_scan_value(batch, 0, i).as.i64;
            }
        }
    } while (batch != NULL);
    firn_scan_close(scan);
}

static int
compare_ids(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void
print_condition(const struct condition *what)
{
    print_message("%s\n", what->text);
    for (size_t i = 0; i < what->count; i++) {
        const firn_value *value = &what->parameters[i];
        print_message("  ? %d: %" PRId64 " %g %.*s\n", (int)value->type, value->as.i64,
                      value->type == FIRN_TYPE_F32 ? (double)value->as.f32 : value->as.f64,
                      value->type == FIRN_TYPE_TEXT ? (int)value->as.bytes.size : 0,
                      value->type == FIRN_TYPE_TEXT ? (const char *)value->as.bytes.data : "");
    }
}

static void
assert_same(const struct found *a, const struct found *b, const struct condition *what,
            const char *how)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = a->ids[i] == b->ids[i];
    }
    if (!same) {
        print_condition(what);
        fail_msg("%s: %zu rows instead of %zu", how, a->count, b->count);
    }
}

static void
ask(struct rig *rig, firn_snapshot *snapshot)
{
    struct condition what = {.text = ""};
    char select[1200];
    struct found expected = {.ids = malloc(ROWS_MAX * sizeof(int64_t))};
    struct found found = {.ids = malloc(ROWS_MAX * sizeof(int64_t))};
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    condition(rig, 3, &what);
    options.txn = rig->txn;
    options.snapshot = snapshot;
    options.parameters = what.parameters;
    options.parameter_count = what.count;
    (void)snprintf(select, sizeof select, "id, %s", what.text);
    options.select = select;
    find(rig, &options, &what, &expected);
    options.select = "id";
    options.where = what.text;
    find(rig, &options, &what, &found);
    assert_same(&found, &expected, &what, "as they lie");
    options.index = "by_u";
    find(rig, &options, &what, &found);
    qsort(found.ids, found.count, sizeof found.ids[0], compare_ids);
    assert_same(&found, &expected, &what, "by an index");
    options.index = NULL;
    options.order_by = "x desc";
    options.threads = 3;
    find(rig, &options, &what, &found);
    qsort(found.ids, found.count, sizeof found.ids[0], compare_ids);
    assert_same(&found, &expected, &what, "sorted");
    options.order_by = NULL;
    options.descending = true;
    find(rig, &options, &what, &found);
    for (size_t i = 0; i < found.count / 2; i++) {
        int64_t id = found.ids[i];
        found.ids[i] = found.ids[found.count - 1 - i];
        found.ids[found.count - 1 - i] = id;
    }
    assert_same(&found, &expected, &what, "from the end");
    options.descending = false;
    options.select = "count(*)";
    options.threads = 2;
    find(rig, &options, &what, &found);
    assert_int_equal(found.count, 1);
    if (found.ids[0] != (int64_t)expected.count) {
        print_condition(&what);
        fail_msg("counts %" PRId64 " instead of %zu", found.ids[0], expected.count);
    }
    rig->checks++;
    free(expected.ids);
    free(found.ids);
}

static void
add_columns(struct rig *rig)
{
    firn_value initial = real_value(rig);
    firn_table_column x2 = {.name = "x2", .type = FIRN_TYPE_F64, .default_value = &initial};
    OK(firn_table_add_column(rig->table, &x2, &err));
    firn_value text = text_value(rig);
    firn_table_column t2 = {.name = "t2", .type = FIRN_TYPE_TEXT, .default_value = &text};
    OK(firn_table_add_column(rig->table, &t2, &err));
    firn_table_column n2 = {.name = "n2", .type = FIRN_TYPE_I64};
    OK(firn_table_add_column(rig->table, &n2, &err));
    rig->columns = COLUMNS;
}

static void
history(struct rig *rig)
{
    firn_snapshot *snapshot = NULL;
    rig->columns = COLUMN_X2;
    begin(rig, "id i64 primary key, x f64, y f32, t text, u u64, d decimal(10, 3), b bool, "
               "index by_u (u)");
    for (unsigned step = 0; step < 12; step++) {
        OK(firn_txn_begin(rig->store, NULL, &rig->txn, &err));
        uint64_t count = below(rig, 3) == 0 ? below(rig, 1500) : below(rig, 60);
        for (uint64_t i = 0; i < count && rig->ids < ROWS_MAX - 1; i++) {
            int64_t id = step % 3 == 0 && below(rig, 5) == 0 && rig->ids > 0
                             ? (int64_t)below(rig, (uint64_t)rig->ids)
                             : rig->ids++;
            put_row(rig, id);
        }
        if (below(rig, 3) == 0) {
            uint64_t savepoint;
            OK(firn_txn_savepoint(rig->txn, &savepoint, &err));
            for (unsigned i = 0; i < 10; i++) {
                put_row(rig, (int64_t)below(rig, (uint64_t)rig->ids + 1));
            }
            ask(rig, NULL);
            OK(firn_txn_rollback_to(rig->txn, savepoint, &err));
            ask(rig, NULL);
        }
        OK(firn_txn_commit(rig->txn, NULL, &err));
        firn_txn_close(rig->txn);
        rig->txn = NULL;
        if (below(rig, 2) == 0) {
            OK(firn_store_flush(rig->store, &err));
        }
        if (below(rig, 3) == 0) {
            OK(firn_store_compact(rig->store, NULL, &err));
        }
        if (step == 5) {
            OK(firn_store_flush(rig->store, &err));
            add_columns(rig);
            OK(firn_snapshot_open(rig->store, NULL, &snapshot, &err));
        }
        for (unsigned i = 0; i < 25; i++) {
            ask(rig, below(rig, 3) == 0 ? snapshot : NULL);
        }
    }
    firn_snapshot_close(snapshot);
    end(rig);
}

static void
conditions_of_chunks_are_those_of_evaluation(void **state)
{
    const unsigned rounds = test_is_long() ? 200 : 2;
    struct test_share share = test_share_of(1, 1);
    uint64_t checks = 0;
    for (uint64_t i = share.first; i <= rounds; i += share.step) {
        struct rig rig = {.ids = 0};
        memset(texts, 0, sizeof texts);
        test_random_init(&rig.random, "conditions_of_chunks_are_those_of_evaluation", i);
        history(&rig);
        checks += rig.checks;
    }
    print_message("count: %" PRIu64 " conditions\n", checks);
}

/* ---- answers as text ---- */

struct answer {
    char *text;
    size_t size;
    size_t capacity;
    int rc;
};

static void
append(struct answer *to, const char *text)
{
    size_t size = strlen(text);
    if (to->size + size + 1 > to->capacity) {
        to->capacity = 2 * (to->size + size + 1) + 4096;
        to->text = realloc(to->text, to->capacity);
        assert_non_null(to->text);
    }
    memcpy(to->text + to->size, text, size + 1);
    to->size += size;
}

static void
append_value(struct answer *to, const firn_value *value)
{
    char text[64];
    switch (value->type) {
    case FIRN_TYPE_NULL:
        append(to, "null|");
        return;
    case FIRN_TYPE_F64:
        (void)snprintf(text, sizeof text, "%.9g|",
                       isnan(value->as.f64) ? fabs(value->as.f64) : value->as.f64 + 0.0);
        break;
    case FIRN_TYPE_F32:
        (void)snprintf(text, sizeof text, "%.9g|",
                       isnan(value->as.f32) ? fabs((double)value->as.f32)
                                            : (double)value->as.f32 + 0.0);
        break;
    case FIRN_TYPE_BOOL:
        (void)snprintf(text, sizeof text, "%d|", value->as.boolean);
        break;
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR:
        for (size_t i = 0; i < value->as.bytes.size; i++) {
            uint8_t byte = value->as.bytes.data[i];
            (void)snprintf(text, sizeof text, byte > 32 && byte < 127 ? "%c" : "\\%02x", byte);
            append(to, text);
        }
        append(to, "|");
        return;
    default:
        (void)snprintf(text, sizeof text, "%" PRId64 "|", value->as.i64);
        break;
    }
    append(to, text);
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
sort_lines(struct answer *answer)
{
    size_t count = 0;
    char **lines = malloc((answer->size + 1) * sizeof(char *));
    char *copy = malloc(answer->size + 1);
    assert_true(lines != NULL && copy != NULL);
    memcpy(copy, answer->text, answer->size + 1);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        lines[count++] = line;
    }
    qsort(lines, count, sizeof lines[0], compare_lines);
    answer->size = 0;
    for (size_t i = 0; i < count; i++) {
        append(answer, lines[i]);
        append(answer, "\n");
    }
    free(lines);
    free(copy);
}

static struct answer
answer_of(struct rig *rig, const firn_scan_options *options)
{
    struct answer out = {.text = NULL};
    firn_scan *scan;
    const firn_scan_batch *batch = NULL;
    append(&out, "");
    out.rc = firn_scan_open(rig->table, options, &scan, &err);
    if (out.rc != FIRN_OK) {
        return out;
    }
    do {
        out.rc = firn_scan_next(scan, &batch, &err);
        for (size_t i = 0; batch != NULL && i < firn_scan_batch_rows(batch); i++) {
            for (size_t k = 0; k < firn_scan_column_count(scan); k++) {
                firn_value value = firn_scan_value(batch, k, i);
                append_value(&out, &value);
            }
            append(&out, "\n");
        }
    } while (batch != NULL);
    firn_scan_close(scan);
    if (options->order_by == NULL) {
        sort_lines(&out);
    }
    return out;
}

static void
fill_kinds(struct rig *rig, int64_t rows)
{
    firn_txn *txn;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t id = 0; id < rows; id++) {
        char text[32];
        uint8_t uuid[16] = {(uint8_t)(id % 5)};
        float vector[2] = {(float)(id % 3), 1};
        double reals[] = {0.0, -0.0, NAN, -NAN, 1.5, -INFINITY};
        (void)snprintf(text, sizeof text, "%.*s", (int)(id % 11), "kind of row");
        firn_value row[] = {firn_i64(id),
                            firn_f64(reals[id % 6]),
                            {.type = FIRN_TYPE_F32, .as.f32 = (float)reals[(id + 1) % 6]},
                            id % 9 == 0 ? firn_null() : firn_text(text),
                            firn_u64(id % 4 == 0 ? UINT64_MAX : (uint64_t)id),
                            id % 8 == 0 ? firn_null()
                                        : firn_typed_i64(FIRN_TYPE_DECIMAL, id % 100 - 50),
                            id % 7 == 0 ? firn_null() : firn_bool(id % 2 == 0),
                            firn_typed_i64(FIRN_TYPE_DATE, id % 30),
                            firn_null(),
                            firn_null()};
        row[8].type = FIRN_TYPE_UUID;
        row[8].as.bytes = firn_bytes(uuid, sizeof uuid);
        row[9].type = FIRN_TYPE_VECTOR;
        row[9].as.bytes = firn_bytes(vector, sizeof vector);
        OK(firn_table_upsert(rig->table, &options, row, 10, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static const char kinds[] = "id i64 primary key, x f64, y f32, t text, u u64, d decimal(10, 3), "
                            "b bool, day date, g uuid, v vector(2), index by_t (t)";

/* The same as Arrow data, of which all bytes are looked at. */
static void export(struct rig *rig, const firn_scan_options *options, int expected)
{
    firn_scan *scan;
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    struct ArrowSchema schema;
    int rc = firn_scan_open(rig->table, options, &scan, &err);
    if (rc != FIRN_OK) {
        assert_int_equal(rc, expected);
        return;
    }
    OK(firn_scan_to_arrow(scan, &stream, &err));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    schema.release(&schema);
    while ((rc = stream.get_next(&stream, &array)) == 0 && array.release != NULL) {
        array.release(&array);
    }
    assert_int_equal(rc != 0, expected != FIRN_OK);
    stream.release(&stream);
}

/* The same answer whatever way rows come, with one thread and several, with much memory and little. */
static void
answers_do_not_depend_on_the_way(void **state)
{
    static const struct {
        const char *select;
        const char *where;
        const char *group_by;
        const char *order_by;
        uint64_t limit;
        uint64_t offset;
    } queries[] = {
        {"x, count(*)", NULL, "x", NULL, 0, 0},
        {"y, count(*), min(x), max(x)", NULL, "y", NULL, 0, 0},
        {"x, y, count(distinct x), count(distinct y)", NULL, "x, y", NULL, 0, 0},
        {"count(distinct x), count(distinct y), count(distinct t), count(distinct g)", NULL, NULL,
         NULL, 0, 0},
        {"d, sum(d), avg(d), min(d), max(d), count(d)", NULL, "d", "d desc", 0, 0},
        {"sum(d), avg(d), min(d), max(d), count(d), sum(d * d), sum(d) * 2.5", NULL, NULL, NULL, 0,
         0},
        {"g, count(*), min(t), max(g)", NULL, "g", "g", 0, 0},
        {"t, count(*), min(t), max(t), count(distinct id)", NULL, "t", "t desc", 3, 2},
        {"t, b, day, count(*)", NULL, "t, b, day", "count(*) desc, t, b, day", 0, 0},
        {"null, count(*), count(null), min(null)", NULL, NULL, NULL, 0, 0},
        {"null, id", NULL, NULL, "1, id", 0, 0},
        {"cast(null as i64), id", NULL, NULL, "1, id", 0, 0},
        {"cast(null as i64), count(*)", NULL, "1", "1", 0, 0},
        {"null and true, count(*)", NULL, "1", "1", 0, 0},
        {"null and b, null = 1, null or b, x + null, id", NULL, NULL, "1, 2, 3, 4, id", 0, 0},
        {"cast(null as text), case when b then null end, count(*)", NULL, "1, 2", "1, 2", 0, 0},
        {"min(cast(null as text)), max(cast(null as f64)), sum(cast(null as i32)), count(cast(null "
         "as date))",
         NULL, NULL, NULL, 0, 0},
        {"coalesce(null, null), coalesce(t, null), nullif(id, id), id", "id % 3 = 1", NULL,
         "1, 2, 3, id", 0, 0},
        {"-cast(null as i8), not null, null between 1 and 2, null in (1), null is null, id",
         "id % 3 = 1", NULL, NULL, 0, 0},
        {"true, 1.5, 'text', null, count(*)", NULL, "1, 2, 3, 4", "1", 0, 0},
        {"sum(1), sum(1.5), min('a'), max(true), avg(2), count(1)", "id > 100", NULL, NULL, 0, 0},
        {"null, count(*)", NULL, "1", NULL, 0, 0},
        {"1, count(*)", NULL, "1", "1", 0, 0},
        {"count(distinct null), count(distinct v)", NULL, NULL, NULL, 0, 0},
        {"id", NULL, NULL, "null", 0, 0},
        {"id, x", NULL, NULL, "x", 0, 0},
        {"id, y", NULL, NULL, "y desc", 100, 50},
        {"id, t", NULL, NULL, "t", UINT64_MAX, 7},
        {"id, t", NULL, NULL, "t", 5, UINT64_MAX},
        {"id, t", NULL, NULL, "t", UINT64_MAX, UINT64_MAX},
        {"id, b", NULL, NULL, "b desc, day", 5000, 2},
        {"id, t, v", NULL, NULL, "g", 0, 1023},
        {"id", NULL, NULL, "id", 3, 1500},
        {"id", NULL, NULL, "id desc", 3, 1500},
        {"count(*)", "false", NULL, NULL, 0, 0},
        {"t, count(*)", "false", "t", NULL, 0, 0},
        {"count(*), sum(d)", "x > 0 and t is null", NULL, NULL, 0, 0},
        {"count(*)", NULL, NULL, NULL, 1, 1},
        {"t, count(*)", NULL, "t", "count(*), t", 1, 0},
        {"t", NULL, "t", NULL, 0, 0},
        {"id / 0, x / 0", NULL, NULL, "id", 0, 0},
        {"max(u), min(u), count(u)", NULL, NULL, NULL, 0, 0},
        {"u % 3, max(u), min(u)", NULL, "1", "1", 0, 0},
        {"case when b then t else 'no' end, count(*)", NULL, "1", "1", 0, 0},
        {"t, min(x), max(x), min(y), max(y)", NULL, "t", "t", 0, 0},
        {"min(t), max(t), min(g), max(g), min(b), max(day)", NULL, NULL, NULL, 0, 0},
        {"min(v)", NULL, NULL, NULL, 0, 0},
        {"v, id", NULL, NULL, "id desc", 0, 0},
    };
    struct rig rig = {.ids = 0};
    begin(&rig, kinds);
    for (unsigned shape = 0; shape < 3; shape++) {
        firn_txn *txn;
        if (shape > 0) {
            OK(firn_store_flush(rig.store, &err));
            OK(firn_store_compact(rig.store, NULL, &err));
        }
        if (shape != 1) {
            fill_kinds(&rig, 2500);
        }
        OK(firn_txn_begin(rig.store, NULL, &txn, &err));
        firn_row_options own = FIRN_ROW_OPTIONS_INIT;
        static const char *const id_only[] = {"id"};
        firn_value key = firn_i64(-1);
        own.txn = txn;
        own.columns = id_only;
        OK(firn_table_upsert(rig.table, &own, &key, 1, &err));
        own.columns = NULL;
        OK(firn_table_delete(rig.table, &own, &key, 1, &err));
        for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
            firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
            options.select = queries[i].select;
            options.where = queries[i].where;
            options.group_by = queries[i].group_by;
            options.order_by = queries[i].order_by;
            options.limit = queries[i].limit;
            options.offset = queries[i].offset;
            options.threads = 1;
            struct answer one = answer_of(&rig, &options);
            options.threads = 4;
            struct answer four = answer_of(&rig, &options);
            options.memory_bytes = 1;
            struct answer little = answer_of(&rig, &options);
            options.txn = txn;
            struct answer rows = answer_of(&rig, &options);
            if (strcmp(one.text, four.text) != 0 || strcmp(one.text, little.text) != 0 ||
                strcmp(one.text, rows.text) != 0 || one.rc != four.rc || one.rc != little.rc ||
                one.rc != rows.rc) {
                print_message(
                    "%s order by %s, shape %u: %d %d %d %d\n%.300s\n%.300s\n%.300s\n%.300s\n",
                    queries[i].select, queries[i].order_by, shape, one.rc, four.rc, little.rc,
                    rows.rc, one.text, four.text, little.text, rows.text);
                fail();
            }
            export(&rig, &options, rows.rc);
            free(one.text);
            free(four.text);
            free(little.text);
            free(rows.text);
        }
        OK(firn_txn_rollback(txn, &err));
        firn_txn_close(txn);
    }
    end(&rig);
}

/* ---- what changes while a scan is open ---- */

static firn_value
ask_one(struct rig *rig, const char *select, const char *where)
{
    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = select;
    options.where = where;
    OK(firn_scan_open(rig->table, &options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    assert_true(batch != NULL && firn_scan_batch_rows(batch) == 1);
    firn_value value = firn_scan_value(batch, 0, 0);
    firn_scan_close(scan);
    return value;
}

/* Bounds of chunks are cut; an initial value is not. */
static void
long_initial_values_are_found(void **state)
{
    struct rig rig = {.ids = 0};
    char text[301];
    char where[400];
    begin(&rig, kinds);
    fill_kinds(&rig, 10);
    OK(firn_store_flush(rig.store, &err));
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    firn_value initial = firn_text(text);
    firn_table_column column = {.name = "n", .type = FIRN_TYPE_TEXT, .default_value = &initial};
    OK(firn_table_add_column(rig.table, &column, &err));
    (void)snprintf(where, sizeof where, "n = '%s'", text);
    assert_int_equal(ask_one(&rig, "count(*)", where).as.i64, 10);
    assert_int_equal(ask_one(&rig, "count(*)", "n > 'zzz'").as.i64, 10);
    assert_int_equal(ask_one(&rig, "count(*)", "n < 'zzz'").as.i64, 0);
    assert_int_equal(ask_one(&rig, "count(*)", "n like 'zzz%'").as.i64, 10);
    assert_int_equal(ask_one(&rig, "count(*)", "n in ('a', 'zzz')").as.i64, 0);
    end(&rig);
}

static void
open_scans_do_not_mind_changes(void **state)
{
    static const char *const selects[] = {"id, x, t", "t, count(*), max(x)", "id, t"};
    static const char *const groups[] = {NULL, "t", NULL};
    static const char *const orders[] = {NULL, "t", "t desc, id"};
    for (unsigned way = 0; way < 12; way++) {
        struct rig rig = {.ids = 0};
        firn_scan *scan;
        firn_snapshot *snapshot = NULL;
        const firn_scan_batch *batch;
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        uint64_t rows = 0;
        begin(&rig, kinds);
        fill_kinds(&rig, 3000);
        if (way % 2 == 0) {
            OK(firn_store_flush(rig.store, &err));
        }
        options.select = selects[way / 2 % 3];
        options.group_by = groups[way / 2 % 3];
        options.order_by = orders[way / 2 % 3];
        options.index = way % 6 == 0 || way % 6 == 1 ? "by_t" : NULL;
        OK(firn_snapshot_open(rig.store, NULL, &snapshot, &err));
        options.snapshot = way >= 6 ? snapshot : NULL;
        OK(firn_scan_open(rig.table, &options, &scan, &err));
        firn_snapshot_close(snapshot);
        OK(firn_table_rename_column(rig.table, "x", "t3", &err));
        OK(firn_table_drop_index(rig.table, "by_t", &err));
        OK(firn_table_drop_column(rig.table, "t", &err));
        OK(firn_store_flush(rig.store, &err));
        OK(firn_store_compact(rig.store, NULL, &err));
        if (way % 4 == 3) {
            OK(firn_table_drop(rig.store, "t", &err));
            OK(firn_store_compact(rig.store, NULL, &err));
        }
        do {
            OK(firn_scan_next(scan, &batch, &err));
            for (size_t i = 0; batch != NULL && i < firn_scan_batch_rows(batch); i++) {
                firn_value value = firn_scan_value(batch, 1, i);
                firn_value last = firn_scan_value(batch, firn_scan_column_count(scan) - 1, i);
                assert_true(value.type <= FIRN_TYPE_MAX && last.type <= FIRN_TYPE_MAX);
                rows++;
            }
        } while (batch != NULL);
        assert_int_equal(rows, options.group_by != NULL ? 12 : 3000);
        firn_scan_close(scan);
        end(&rig);
    }
}

/* A transaction goes on writing, and takes writes back, while a scan in it is open. */
static void
scans_in_transactions_that_go_on(void **state)
{
    for (unsigned way = 0; way < 8; way++) {
        struct rig rig = {.ids = 0};
        firn_txn *txn;
        firn_scan *scan;
        const firn_scan_batch *batch;
        uint64_t savepoint;
        uint64_t rows = 0;
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        firn_row_options own = FIRN_ROW_OPTIONS_INIT;
        static const char *const some[] = {"id", "t"};
        begin(&rig, kinds);
        fill_kinds(&rig, 3000);
        OK(firn_txn_begin(rig.store, NULL, &txn, &err));
        own.txn = txn;
        own.columns = some;
        if (way % 2 == 0) {
            firn_value row[] = {firn_i64(5000), firn_text("written before")};
            OK(firn_table_upsert(rig.table, &own, row, 2, &err));
        }
        OK(firn_txn_savepoint(txn, &savepoint, &err));
        for (int64_t i = 0; i < 2000 && way >= 4; i++) {
            firn_value row[] = {firn_i64(6000 + i), firn_text("taken back")};
            OK(firn_table_upsert(rig.table, &own, row, 2, &err));
        }
        options.select = "id, t";
        options.txn = txn;
        options.descending = way % 4 >= 2;
        OK(firn_scan_open(rig.table, &options, &scan, &err));
        OK(firn_scan_next(scan, &batch, &err));
        assert_non_null(batch);
        rows += firn_scan_batch_rows(batch);
        OK(firn_txn_rollback_to(txn, savepoint, &err));
        for (int64_t i = 0; i < 2000; i++) {
            firn_value row[] = {firn_i64(9000 + i), firn_text("written meanwhile")};
            OK(firn_table_upsert(rig.table, &own, row, 2, &err));
        }
        OK(firn_txn_rollback_to(txn, savepoint, &err));
        int rc;
        while ((rc = firn_scan_next(scan, &batch, &err)) == FIRN_OK && batch != NULL) {
            for (size_t i = 0; i < firn_scan_batch_rows(batch); i++) {
                firn_value value = firn_scan_value(batch, 1, i);
                uint32_t sum = 0;
                for (size_t k = 0; value.type == FIRN_TYPE_TEXT && k < value.as.bytes.size; k++) {
                    sum += value.as.bytes.data[k];
                }
                assert_true(sum < 100000);
            }
            rows += firn_scan_batch_rows(batch);
        }
        /* What was written before is there; what was rolled back meanwhile may have been seen before that. */
        assert_int_equal(rc, FIRN_OK);
        assert_in_range(rows, way % 2 == 0 ? 3001 : 3000, 3001 + 1024);
        firn_scan_close(scan);
        OK(firn_txn_rollback(txn, &err));
        firn_txn_close(txn);
        end(&rig);
    }
}

/* Rows that must be merged come in batches whose bytes are few, as rows by an index do. */
static void
batches_of_large_rows_are_small(void **state)
{
    enum { SIZE = 1 << 20, LARGE_ROWS = 48 };
    struct rig rig = {.ids = 0};
    uint8_t *bytes = calloc(1, SIZE);
    assert_non_null(bytes);
    begin(&rig, "id i64 primary key, b blob");
    for (unsigned round = 0; round < 2; round++) {
        for (int64_t id = 0; id < LARGE_ROWS; id += round == 0 ? 1 : 5) {
            firn_value row[] = {firn_i64(id), firn_null()};
            row[1].type = FIRN_TYPE_BLOB;
            row[1].as.bytes = firn_bytes(bytes, SIZE);
            bytes[0]++;
            OK(firn_table_upsert(rig.table, NULL, row, 2, &err));
        }
        OK(firn_store_flush(rig.store, &err));
    }
    firn_value last[] = {firn_i64(LARGE_ROWS - 1), firn_null()};
    OK(firn_table_upsert(rig.table, NULL, last, 2, &err));
    for (unsigned descending = 0; descending < 2; descending++) {
        firn_scan *scan;
        const firn_scan_batch *batch;
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        size_t rows = 0;
        size_t most = 0;
        options.descending = descending != 0;
        OK(firn_scan_open(rig.table, &options, &scan, &err));
        do {
            size_t size = 0;
            OK(firn_scan_next(scan, &batch, &err));
            for (size_t i = 0; batch != NULL && i < firn_scan_batch_rows(batch); i++) {
                firn_value value = firn_scan_value(batch, 1, i);
                size += value.type == FIRN_TYPE_BLOB ? value.as.bytes.size : 0;
                rows++;
            }
            most = size > most ? size : most;
        } while (batch != NULL);
        firn_scan_close(scan);
        assert_int_equal(rows, LARGE_ROWS);
        assert_in_range(most, SIZE, 8 * SIZE);
    }
    free(bytes);
    end(&rig);
}

/* Whatever the number of threads. n is id * 7919 % rows, and rows is a multiple of 3. */
static void
rows_of_equal_order_come_by_key(firn_table *table, int64_t rows)
{
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        firn_scan *scan;
        const firn_scan_batch *batch;
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        int64_t expected = 0;
        size_t found = 0;
        options.select = "id";
        options.order_by = "n % 3";
        options.offset = 100;
        options.limit = 5000;
        options.threads = threads;
        for (unsigned skipped = 0; skipped < 100; expected++) {
            skipped += expected * 7919 % rows % 3 == 0;
        }
        OK(firn_scan_open(table, &options, &scan, &err));
        do {
            OK(firn_scan_next(scan, &batch, &err));
            for (size_t i = 0; batch != NULL && i < firn_scan_batch_rows(batch); i++) {
                while (expected * 7919 % rows % 3 != 0) {
                    expected++;
                }
                assert_true(firn_scan_value(batch, 0, i).as.i64 == expected++);
                found++;
            }
        } while (batch != NULL);
        firn_scan_close(scan);
        assert_int_equal(found, 5000);
    }
}

/* Where nothing can be spilled, memory that is enough for one thread is enough for several. */
static void
memory_is_enough_whatever_the_threads(void **state)
{
    static const char *const selects[] = {"id, count(*)", "id, n"};
    static const char *const groups[] = {"id", NULL};
    static const char *const orders[] = {NULL, "n desc, id"};
    const int64_t rows = 300000;
    firn_store *store;
    firn_table *table;
    firn_table_def *def;
    firn_table_bulk *bulk;
    OK(firn_store_open_memory(UINT64_C(1) << 30, NULL, &store, &err));
    OK(firn_table_def_parse("id i64 primary key, n i64", &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    OK(firn_table_bulk_open(table, NULL, &bulk, &err));
    for (int64_t i = 0; i < rows; i++) {
        firn_value row[] = {firn_i64(i), firn_i64(i * 7919 % rows)};
        OK(firn_table_bulk_put(bulk, row, 2, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned threads = 1; threads <= 8; threads += 3) {
            firn_scan *scan;
            const firn_scan_batch *batch;
            firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
            firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
            int64_t found = 0;
            options.select = selects[i];
            options.group_by = groups[i];
            options.order_by = orders[i];
            options.memory_bytes = 48 << 20;
            options.threads = threads;
            OK(firn_scan_open(table, &options, &scan, &err));
            do {
                int rc = firn_scan_next(scan, &batch, &err);
                if (rc != FIRN_OK) {
                    fail_msg("%s with %u threads: %d: %s", selects[i], threads, rc, err.text);
                }
                found += batch != NULL ? (int64_t)firn_scan_batch_rows(batch) : 0;
            } while (batch != NULL);
            firn_scan_get_stats(scan, &stats);
            assert_true(stats.rows_read == (uint64_t)rows);
            firn_scan_close(scan);
            assert_int_equal(found, rows);
        }
    }
    rows_of_equal_order_come_by_key(table, rows);
    OK(firn_store_close(store, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_initial_values_are_found),
        cmocka_unit_test(answers_do_not_depend_on_the_way),
        cmocka_unit_test(open_scans_do_not_mind_changes),
        cmocka_unit_test(scans_in_transactions_that_go_on),
        cmocka_unit_test(batches_of_large_rows_are_small),
        cmocka_unit_test(memory_is_enough_whatever_the_threads),
        cmocka_unit_test(conditions_of_chunks_are_those_of_evaluation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
