/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: the rows that two states of a table have differently, beside a model: random rows and columns,
 * checkpoints and restores, and every pair of states compared, whatever was flushed and merged. The model
 * knows columns by numbers that are never given twice, as a table does; names are given again.
 */
#include <inttypes.h>
#include <unistd.h>

#include "base/mem.h"
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

enum {
    COLUMNS_MAX = 8,
    NUMBERS_MAX = 512, /* of columns, given in one round */
    KEYS = 48,
    STATES_MAX = 5,
    TEXT_SIZE = 40,
    NAME_SIZE = 16,
    NO_VALUE = -1 /* null */
};

struct column {
    unsigned number;
    firn_type type;
    bool not_null;
    char name[NAME_SIZE];
};

struct row {
    bool is_there;
    int values[COLUMNS_MAX]; /* in the order of the columns */
};

/* A state of the table. */
struct state {
    char name[NAME_SIZE];
    bool has_table;
    unsigned table; /* the number of the table that has the name */
    unsigned next;  /* columns from this number on came later */
    struct column columns[COLUMNS_MAX];
    unsigned column_count;
    struct row rows[KEYS];
};

struct rig {
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    struct state now;
    struct state states[STATES_MAX];
    unsigned state_count;
    unsigned next_number;
    unsigned next_table;
    unsigned next_state;
    int initial[NUMBERS_MAX]; /* what rows have that are older than the column */
    uint64_t compared;
};

static firn_error err;

static unsigned
below(struct rig *rig, unsigned limit)
{
    return (unsigned)test_random_below(&rig->random, limit);
}

/* ---- values ---- */

static firn_value
value_of(firn_type type, int n, char memory[TEXT_SIZE])
{
    firn_value value = {.type = type};
    if (n == NO_VALUE) {
        return firn_null();
    }
    switch (type) {
    case FIRN_TYPE_F64:
        return firn_f64((double)n / 4);
    case FIRN_TYPE_F32:
        value.as.f32 = (float)n;
        return value;
    case FIRN_TYPE_BOOL:
        return firn_bool(n % 2 == 1);
    case FIRN_TYPE_TEXT:
        (void)snprintf(memory, TEXT_SIZE, "value %d", n);
        return firn_text(memory);
    case FIRN_TYPE_U64:
        value.as.u64 = (uint64_t)n;
        return value;
    default:
        return firn_typed_i64(type, n);
    }
}

static int
make_number(struct rig *rig, const struct column *column)
{
    if (!column->not_null && below(rig, 4) == 0) {
        return NO_VALUE;
    }
    return (int)below(rig, column->type == FIRN_TYPE_BOOL ? 2 : 6);
}

static bool
same_value(const firn_value *a, const firn_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case FIRN_TYPE_NULL:
        return true;
    case FIRN_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case FIRN_TYPE_TEXT:
        return a->as.bytes.size == b->as.bytes.size &&
               memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.size) == 0;
    case FIRN_TYPE_F64:
        return a->as.f64 == b->as.f64;
    case FIRN_TYPE_F32:
        return a->as.f32 == b->as.f32;
    default:
        return a->as.u64 == b->as.u64;
    }
}

/* ---- changes, of the table and the model ---- */

static firn_table *
table_of(struct rig *rig)
{
    firn_table *table;
    OK(firn_table_open(rig->store, "t", &table, &err));
    return table;
}

/* A name that no column of now has; the same ones come again. */
static void
make_name(struct rig *rig, char out[NAME_SIZE])
{
    bool is_taken = true;
    while (is_taken) {
        (void)snprintf(out, NAME_SIZE, "c%u", below(rig, COLUMNS_MAX + 4));
        is_taken = false;
        for (unsigned i = 0; i < rig->now.column_count; i++) {
            is_taken |= strcmp(out, rig->now.columns[i].name) == 0;
        }
    }
}

static void
add_column(struct rig *rig)
{
    static const firn_type types[] = {FIRN_TYPE_I64,  FIRN_TYPE_F64,  FIRN_TYPE_TEXT, FIRN_TYPE_F32,
                                      FIRN_TYPE_BOOL, FIRN_TYPE_DATE, FIRN_TYPE_U64};
    struct state *now = &rig->now;
    char memory[TEXT_SIZE];
    if (now->column_count == COLUMNS_MAX || rig->next_number == NUMBERS_MAX) {
        return;
    }
    struct column *column = &now->columns[now->column_count];
    make_name(rig, column->name);
    column->type = types[below(rig, sizeof types / sizeof types[0])];
    column->number = rig->next_number++;
    column->not_null = below(rig, 3) == 0;
    int initial = make_number(rig, column);
    firn_value value = value_of(column->type, initial, memory);
    const firn_table_column added = {.name = column->name,
                                     .type = column->type,
                                     .not_null = column->not_null,
                                     .default_value = &value};
    OK(firn_table_add_column(table_of(rig), &added, &err));
    rig->initial[column->number] = initial;
    for (unsigned i = 0; i < KEYS; i++) {
        now->rows[i].values[now->column_count] = initial;
    }
    now->column_count++;
    now->next = rig->next_number;
}

static void
drop_column(struct rig *rig)
{
    struct state *now = &rig->now;
    if (now->column_count == 0) {
        return;
    }
    unsigned at = below(rig, now->column_count);
    unsigned rest = now->column_count - at - 1;
    OK(firn_table_drop_column(table_of(rig), now->columns[at].name, &err));
    memmove(&now->columns[at], &now->columns[at + 1], rest * sizeof now->columns[0]);
    for (unsigned i = 0; i < KEYS; i++) {
        memmove(&now->rows[i].values[at], &now->rows[i].values[at + 1], rest * sizeof(int));
    }
    now->column_count--;
    now->next = rig->next_number;
}

static void
rename_column(struct rig *rig)
{
    struct state *now = &rig->now;
    char name[NAME_SIZE];
    if (now->column_count == 0) {
        return;
    }
    struct column *column = &now->columns[below(rig, now->column_count)];
    make_name(rig, name);
    OK(firn_table_rename_column(table_of(rig), column->name, name, &err));
    memcpy(column->name, name, sizeof name);
    now->next = rig->next_number;
}

static void
write_row(struct rig *rig)
{
    struct state *now = &rig->now;
    unsigned key = below(rig, KEYS);
    struct row *row = &now->rows[key];
    const char *names[COLUMNS_MAX + 1] = {"id"};
    firn_value values[COLUMNS_MAX + 1] = {firn_i64(key)};
    char memory[COLUMNS_MAX][TEXT_SIZE];
    bool is_update = row->is_there && below(rig, 2) == 0;
    size_t count = 1;
    for (unsigned i = 0; i < now->column_count; i++) {
        if (is_update && below(rig, 2) == 0) {
            continue;
        }
        row->values[i] = make_number(rig, &now->columns[i]);
        names[count] = now->columns[i].name;
        values[count++] = value_of(now->columns[i].type, row->values[i], memory[i]);
    }
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.columns = names;
    if (is_update) {
        OK(firn_table_update(table_of(rig), &options, values, count, &err));
    } else {
        OK(firn_table_upsert(table_of(rig), &options, values, count, &err));
    }
    row->is_there = true;
}

static void
delete_row(struct rig *rig)
{
    unsigned key = below(rig, KEYS);
    const firn_value value = firn_i64(key);
    if (rig->now.rows[key].is_there) {
        OK(firn_table_delete(table_of(rig), NULL, &value, 1, &err));
        rig->now.rows[key].is_there = false;
    }
}

static void
create(struct rig *rig)
{
    firn_table_def *def;
    OK(firn_table_def_parse("id i32 primary key, first i32 not null", &def, &err));
    OK(firn_table_create(rig->store, "t", def, NULL, &err));
    firn_release(def);
    memset(&rig->now, 0, sizeof rig->now);
    rig->now.has_table = true;
    rig->now.table = ++rig->next_table;
    rig->now.columns[0] = (struct column){rig->next_number, FIRN_TYPE_I32, true, "first"};
    rig->now.column_count = 1;
    rig->initial[rig->next_number++] = NO_VALUE; /* there is no row that is older */
    add_column(rig);
    add_column(rig);
}

static void
drop(struct rig *rig)
{
    OK(firn_table_drop(rig->store, "t", &err));
    memset(&rig->now, 0, sizeof rig->now);
}

static void
checkpoint(struct rig *rig)
{
    unsigned at = rig->state_count < STATES_MAX ? rig->state_count++ : below(rig, STATES_MAX);
    struct state *state = &rig->states[at];
    *state = rig->now;
    (void)snprintf(state->name, sizeof state->name, "at%u", rig->next_state++);
    OK(firn_store_checkpoint_create(rig->store, state->name, NULL, NULL, &err));
}

static void
restore(struct rig *rig)
{
    if (rig->state_count > 0) {
        const struct state *state = &rig->states[below(rig, rig->state_count)];
        OK(firn_store_restore(rig->store, state->name, NULL, &err));
        rig->now = *state;
        rig->now.name[0] = '\0';
    }
}

/* ---- comparing ---- */

static const struct column *
find_number(const struct state *state, unsigned number, unsigned *out_place)
{
    for (unsigned i = 0; i < state->column_count; i++) {
        if (state->columns[i].number == number) {
            *out_place = i;
            return &state->columns[i];
        }
    }
    return NULL;
}

static const struct column *
find_name(const struct state *state, const char *name, unsigned *out_place)
{
    for (unsigned i = 0; name != NULL && i < state->column_count; i++) {
        if (strcmp(state->columns[i].name, name) == 0) {
            *out_place = i;
            return &state->columns[i];
        }
    }
    return NULL;
}

static size_t
count_columns(const firn_table_diff *diff)
{
    size_t count = 0;
    while (firn_table_diff_column_at(diff, count) != NULL) {
        count++;
    }
    return count;
}

/* The joined columns are those of the model. */
static void
compare_columns(const firn_table_diff *diff, const struct state *before, const struct state *after)
{
    bool is_one = before->has_table && after->has_table && before->table == after->table;
    size_t old_count = 0;
    size_t new_count = 0;
    for (size_t i = 0; i < count_columns(diff); i++) {
        const firn_table_diff_column *joined = firn_table_diff_column_at(diff, i);
        unsigned place;
        const struct column *old = find_name(before, joined->before_name, &place);
        const struct column *new = find_name(after, joined->after_name, &place);
        bool is_key = joined->key_place == 1;
        old_count += joined->before_name != NULL;
        new_count += joined->after_name != NULL;
        assert_true(joined->before_name != NULL || joined->after_name != NULL);
        assert_int_equal(joined->key_place, strcmp(joined->definition->name, "id") == 0);
        assert_true(is_key || old != NULL || new != NULL);
        if (old != NULL && new != NULL) {
            assert_true(is_one && old->number == new->number);
        }
        if (is_one && (old == NULL) != (new == NULL)) {
            const struct column *one = old != NULL ? old : new;
            assert_null(find_number(old != NULL ? after : before, one->number, &place));
        }
        assert_string_equal(joined->definition->name,
                            joined->after_name != NULL ? joined->after_name : joined->before_name);
        assert_int_equal(joined->definition->type,
                         is_key ? FIRN_TYPE_I32 : (new != NULL ? new : old)->type);
    }
    assert_int_equal(old_count, before->has_table ? before->column_count + 1 : 0);
    assert_int_equal(new_count, after->has_table ? after->column_count + 1 : 0);
}

/* The values of one side of a difference. */
static void
compare_side(const firn_table_diff *diff, const struct state *state, bool is_after, unsigned key,
             const firn_value *values)
{
    for (size_t i = 0; i < count_columns(diff); i++) {
        const firn_table_diff_column *joined = firn_table_diff_column_at(diff, i);
        const char *name = is_after ? joined->after_name : joined->before_name;
        char memory[TEXT_SIZE];
        unsigned place;
        firn_value wanted = firn_null();
        if (name != NULL && joined->key_place == 1) {
            wanted = firn_typed_i64(FIRN_TYPE_I32, key);
        } else if (name != NULL) {
            const struct column *column = find_name(state, name, &place);
            assert_non_null(column);
            wanted = value_of(column->type, state->rows[key].values[place], memory);
        }
        if (!same_value(&values[i], &wanted)) {
            fail_msg("row %u, column %s: not the value of the model", key,
                     joined->definition->name);
        }
    }
}

static bool
differs(const struct rig *rig, const struct state *before, const struct state *after, unsigned key,
        unsigned after_place)
{
    unsigned number = after->columns[after_place].number;
    unsigned place;
    bool was_there = find_number(before, number, &place) != NULL;
    if (!was_there && number < before->next) {
        return false;
    }
    int old = was_there ? before->rows[key].values[place] : rig->initial[number];
    return old != after->rows[key].values[after_place];
}

static bool
row_differs(const struct rig *rig, const struct state *before, const struct state *after,
            unsigned key)
{
    bool any = false;
    for (unsigned i = 0; i < after->column_count; i++) {
        any |= differs(rig, before, after, key, i);
    }
    return any;
}

static void
compare_changed(const struct rig *rig, const firn_table_diff *diff, const struct state *before,
                const struct state *after, unsigned key, const bool *changed)
{
    for (size_t i = 0; i < count_columns(diff); i++) {
        const firn_table_diff_column *joined = firn_table_diff_column_at(diff, i);
        unsigned place;
        bool wanted = find_name(after, joined->after_name, &place) != NULL &&
                      differs(rig, before, after, key, place);
        assert_int_equal(changed[i], wanted);
    }
}

static const firn_row_difference *
next(firn_table_diff *diff)
{
    const firn_row_difference *found;
    OK(firn_table_diff_next(diff, &found, &err));
    return found;
}

static void
compare_rows(struct rig *rig, firn_table_diff *diff, const struct state *before,
             const struct state *after)
{
    bool is_one = before->has_table && after->has_table && before->table == after->table;
    const firn_row_difference *found;
    for (unsigned pass = 0; pass < (is_one ? 1 : 2); pass++) {
        for (unsigned key = 0; key < KEYS; key++) {
            bool was = before->rows[key].is_there && (is_one || pass == 0);
            bool is = after->rows[key].is_there && (is_one || pass == 1);
            if (was == is && !(was && row_differs(rig, before, after, key))) {
                continue;
            }
            found = next(diff);
            assert_non_null(found);
            assert_int_equal(found->kind, was && is ? FIRN_ROW_DIFFERENCE_CHANGED
                                          : was     ? FIRN_ROW_DIFFERENCE_REMOVED
                                                    : FIRN_ROW_DIFFERENCE_ADDED);
            assert_int_equal(found->before != NULL, was);
            assert_int_equal(found->after != NULL, is);
            assert_int_equal(found->changed != NULL, was && is);
            if (was) {
                compare_side(diff, before, false, key, found->before);
            }
            if (is) {
                compare_side(diff, after, true, key, found->after);
            }
            if (was && is) {
                compare_changed(rig, diff, before, after, key, found->changed);
            }
            rig->compared++;
        }
    }
    assert_null(next(diff));
    assert_null(next(diff));
}

/* name "": now. */
static firn_snapshot *
open_snapshot(struct rig *rig, const struct state *state)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    firn_snapshot *snapshot = NULL;
    options.checkpoint = state->name;
    if (state->name[0] != '\0') {
        OK(firn_snapshot_open(rig->store, &options, &snapshot, &err));
    }
    return snapshot;
}

static void
compare(struct rig *rig, const struct state *before, const struct state *after)
{
    firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
    firn_table_diff *diff;
    options.before = open_snapshot(rig, before);
    options.after = open_snapshot(rig, after);
    int rc = firn_table_diff_open(rig->store, "t", &options, &diff, &err);
    firn_snapshot_close(options.before);
    firn_snapshot_close(options.after);
    if (!before->has_table && !after->has_table) {
        assert_int_equal(rc, FIRN_NOT_FOUND);
        assert_null(diff);
        return;
    }
    OK(rc);
    compare_columns(diff, before, after);
    compare_rows(rig, diff, before, after);
    firn_table_diff_close(diff);
}

static void
compare_all(struct rig *rig)
{
    for (unsigned i = 0; i <= rig->state_count; i++) {
        for (unsigned j = 0; j <= rig->state_count; j++) {
            compare(rig, i < rig->state_count ? &rig->states[i] : &rig->now,
                    j < rig->state_count ? &rig->states[j] : &rig->now);
        }
    }
}

/* ---- the rounds ---- */

static void
step(struct rig *rig)
{
    unsigned what = below(rig, 200);
    if (!rig->now.has_table) {
        if (what < 100) {
            create(rig);
        } else if (what < 120) {
            restore(rig);
        } else if (what < 130) {
            checkpoint(rig);
        }
        return;
    }
    if (what < 120) {
        write_row(rig);
    } else if (what < 145) {
        delete_row(rig);
    } else if (what < 151) {
        add_column(rig);
    } else if (what < 156) {
        drop_column(rig);
    } else if (what < 161) {
        rename_column(rig);
    } else if (what < 168) {
        checkpoint(rig);
    } else if (what < 170) {
        restore(rig);
    } else if (what < 172) {
        drop(rig);
    } else if (what < 182) {
        OK(firn_store_flush(rig->store, &err));
    } else if (what < 186) {
        OK(firn_store_compact(rig->store, NULL, &err));
    } else {
        compare(rig, rig->state_count > 0 ? &rig->states[below(rig, rig->state_count)] : &rig->now,
                &rig->now);
    }
}

static void
differences_are_those_of_the_model(void **state)
{
    const unsigned rounds = test_is_long() ? 300 : 12;
    uint64_t compared = 0;
    struct test_share share = test_share_of(1, 1);
    for (uint64_t i = share.first; i <= rounds; i += share.step) {
        static struct rig rig;
        memset(&rig, 0, sizeof rig);
        test_random_init(&rig.random, "differences_are_those_of_the_model", i);
        test_temp_make(rig.dir, sizeof rig.dir);
        (void)snprintf(rig.path, sizeof rig.path, "%s/t.firn", rig.dir);
        OK(firn_store_open(rig.path, NULL, &rig.store, &err));
        create(&rig);
        for (unsigned j = 0; j < 500; j++) {
            step(&rig);
        }
        compare_all(&rig);
        OK(firn_store_compact(rig.store, NULL, &err));
        compare_all(&rig);
        compared += rig.compared;
        OK(firn_store_close(rig.store, &err));
        OK(firn_store_destroy(rig.path, &err));
        assert_int_equal(rmdir(rig.dir), 0);
    }
    print_message("count: %" PRIu64 " rows that differ beside the model's\n", compared);
}

/* ---- one by one ---- */

static firn_store *
make_store(void)
{
    firn_store *store;
    firn_table_def *def;
    firn_table *table;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_table_def_parse("id i32 primary key, a text, b f64", &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    for (int i = 0; i < 8; i++) {
        const firn_value row[] = {firn_i64(i), firn_text("some text"), firn_f64(i)};
        OK(firn_table_insert(table, NULL, row, 3, &err));
    }
    OK(firn_store_checkpoint_create(store, "first", NULL, NULL, &err));
    OK(firn_table_add_column(table, &(firn_table_column){.name = "c", .type = FIRN_TYPE_I64},
                             &err));
    const firn_value changed[] = {firn_i64(3), firn_text("other"), firn_f64(3), firn_i64(1)};
    OK(firn_table_upsert(table, NULL, changed, 4, &err));
    const firn_value key = firn_i64(5);
    OK(firn_table_delete(table, NULL, &key, 1, &err));
    return store;
}

static int
count_differences(firn_store *store, unsigned *out)
{
    firn_snapshot_options at = FIRN_SNAPSHOT_OPTIONS_INIT;
    firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
    firn_table_diff *diff = NULL;
    const firn_row_difference *found = NULL;
    at.checkpoint = "first";
    *out = 0;
    int rc = firn_snapshot_open(store, &at, &options.before, &err);
    rc = rc == FIRN_OK ? firn_table_diff_open(store, "t", &options, &diff, &err) : rc;
    while (rc == FIRN_OK) {
        rc = firn_table_diff_next(diff, &found, &err);
        if (found == NULL) {
            break;
        }
        (*out)++;
    }
    firn_table_diff_close(diff);
    firn_snapshot_close(options.before);
    return rc;
}

static void
no_allocation_that_fails_is_overlooked(void **state)
{
    unsigned found;
    uint64_t failures = 0;
    test_alloc_install();
    firn_store *store = make_store();
    OK(count_differences(store, &found));
    assert_int_equal(found, 2);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        int64_t alive = test_alloc_alive();
        test_fault_allocation(&fault);
        int rc = count_differences(store, &found);
        test_fault_end(&fault);
        if (rc == FIRN_OK) {
            assert_int_equal(found, 2);
        } else {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            failures++;
        }
        assert_true(test_alloc_alive() <= alive + 8); /* caches of the store */
    }
    assert_true(failures > 10);
    OK(firn_store_close(store, &err));
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    firn_store *store = make_store();
    firn_store *other;
    firn_keyspace *keyspace;
    firn_table_diff *diff;
    firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
    const firn_row_difference *found;
    assert_int_equal(firn_table_diff_open(store, "none", NULL, &diff, &err), FIRN_NOT_FOUND);
    assert_null(diff);
    assert_int_equal(firn_table_diff_open(NULL, "t", NULL, &diff, &err), FIRN_INVALID);
    assert_int_equal(firn_table_diff_open(store, NULL, NULL, &diff, &err), FIRN_INVALID);
    assert_int_equal(firn_table_diff_open(store, "t", NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_table_diff_next(NULL, &found, &err), FIRN_INVALID);
    assert_null(firn_table_diff_column_at(NULL, 0));
    OK(firn_keyspace_open(store, "keys", NULL, &keyspace, &err));
    assert_int_equal(firn_table_diff_open(store, "keys", NULL, &diff, &err), FIRN_NOT_FOUND);
    OK(firn_store_open_memory(16 << 20, NULL, &other, &err));
    OK(firn_snapshot_open(other, NULL, &options.before, &err));
    OK(firn_table_diff_open(store, "t", &options, &diff, &err));
    assert_int_equal(firn_table_diff_next(diff, &found, &err), FIRN_INVALID);
    firn_table_diff_close(diff);
    firn_snapshot_close(options.before);
    OK(firn_store_close(other, &err));
    OK(firn_table_diff_open(store, "t", NULL, &diff, &err));
    OK(firn_table_diff_next(diff, &found, &err));
    assert_null(found);
    assert_int_equal(firn_table_diff_next(diff, NULL, &err), FIRN_INVALID);
    firn_table_diff_close(diff);
    firn_table_diff_close(NULL);
    assert_string_equal(firn_row_difference_kind_name(FIRN_ROW_DIFFERENCE_CHANGED), "changed");
    assert_string_equal(firn_row_difference_kind_name((firn_row_difference_kind)9), "unknown");
    OK(firn_store_close(store, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_those_of_the_model),
        cmocka_unit_test(no_allocation_that_fails_is_overlooked),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
