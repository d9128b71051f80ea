/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/tables: scans beside themselves: conditions that chunks test give the rows that evaluation gives, whatever
 * way rows come; with NaNs, zeros of both signs, texts longer than bounds, columns that were added and renamed,
 * rows that expire; and groups and orders beside ones that the test makes itself.
 */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firn/firn.h"
#include "firn/scan.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression)                                          \
    do {                                                        \
        int rc_ = (expression);                                 \
        if (rc_ != FIRN_OK) {                                   \
            fail_msg("%s: %d: %s", #expression, rc_, err.text); \
        }                                                       \
    } while (0)

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
    firn_table_def *def;
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
}

static void
end(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

/* ---- values ---- */

/* The types of columns, in order; the last three are added later. */
enum { COLUMN_ID, COLUMN_X, COLUMN_Y, COLUMN_T, COLUMN_U, COLUMN_D, COLUMN_B, COLUMN_X2, COLUMN_T2,
       COLUMN_N2, COLUMNS };
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
        (void)snprintf(text, TEXT_SIZE, "%.*s%s%u", (int)(kind == 0 ? below(rig, 8) : 25 + below(rig, 30)),
                       common, kind == 1 ? "\x7f" : "", (unsigned)below(rig, 4));
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

static void add(struct condition *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
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
    static const unsigned numbers[] = {COLUMN_ID, COLUMN_X, COLUMN_Y, COLUMN_U, COLUMN_D, COLUMN_N2};
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
            below(rig, 3) == 0 ? "_" : below(rig, 2) == 0 ? "%%" : "");
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
assert_same(const struct found *a, const struct found *b, const struct condition *what, const char *how)
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
            int64_t id = below(rig, 5) == 0 && rig->ids > 0 ? (int64_t)below(rig, (uint64_t)rig->ids)
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
        if (below(rig, 5) == 0) {
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
    const unsigned rounds = test_is_long() ? 200 : 6;
    struct test_share share = test_share_of(1, 1);
    uint64_t checks = 0;
    (void)state;
    for (uint64_t i = share.first; i <= rounds; i += share.step) {
        struct rig rig = {.ids = 0};
        memset(texts, 0, sizeof texts);
        test_random_init(&rig.random, "conditions_of_chunks_are_those_of_evaluation", i);
        history(&rig);
        checks += rig.checks;
    }
    print_message("count: %" PRIu64 " conditions\n", checks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_of_chunks_are_those_of_evaluation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
