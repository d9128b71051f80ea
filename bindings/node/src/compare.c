/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.c: the rows of a table that differ between two states, and whether a table agrees with its indexes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"
#include "monitor.h"

/* ---- rows that differ ---- */

struct table_diff_call {
    struct call call;
    struct handle *store;
    const char *name;
    const char *references[2]; /* of the states; NULL: the present one */
    uint64_t limit;
    bool as_numbers;
    firn_callbacks callbacks;
    struct diff_column {
        const char *names[2]; /* before and after; NULL: that state does not have the column */
        firn_table_column definition;
    } * columns;
    size_t column_count;
    struct row_item {
        struct row_item *next;
        firn_row_difference_kind kind;
        firn_value *sides[2];
        bool *changed;
    } * first, **end;
};

static bool
table_diff_parse(struct args *args, struct call *call)
{
    struct table_diff_call *self = (struct table_diff_call *)(void *)call;
    self->end = &self->first;
    return arg_handle(args, 0, HANDLE_STORE, &self->store) &&
           arg_text(args, 1, "the name of a table", &self->name) &&
           arg_text_or_none(args, 2, "before", &self->references[0]) &&
           arg_text_or_none(args, 3, "after", &self->references[1]) &&
           arg_u64(args, 4, "limit", UINT64_MAX, &self->limit) &&
           arg_bool(args, 5, "asNumbers", &self->as_numbers) &&
           arg_monitor(args, 6, &self->callbacks);
}

static bool
keep_name(struct table_diff_call *self, const char *name, const char **out)
{
    *out = NULL;
    if (name != NULL) {
        *out = (const char *)arena_copy(&self->call.arena, name, strlen(name));
        return *out != NULL;
    }
    return true;
}

static int
keep_columns(struct table_diff_call *self, const firn_table_diff *diff)
{
    const firn_table_diff_column *from;
    size_t i;
    while (firn_table_diff_column_at(diff, self->column_count) != NULL) {
        self->column_count++;
    }
    self->columns = arena_take(&self->call.arena, self->column_count * sizeof(*self->columns) + 1);
    for (i = 0; self->columns != NULL && i < self->column_count; i++) {
        struct diff_column *column = &self->columns[i];
        from = firn_table_diff_column_at(diff, i);
        column->definition = *from->definition;
        if (!keep_name(self, from->definition->name, &column->definition.name) ||
            !keep_name(self, from->before_name, &column->names[0]) ||
            !keep_name(self, from->after_name, &column->names[1])) {
            return FIRN_NO_MEMORY;
        }
    }
    return self->columns == NULL ? FIRN_NO_MEMORY : FIRN_OK;
}

static int
keep_row(struct table_diff_call *self, const firn_row_difference *row)
{
    const firn_value *sides[2] = {row->before, row->after};
    struct row_item *item = arena_take(&self->call.arena, sizeof(*item));
    size_t side;
    size_t i;
    assert(row->column_count == self->column_count);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    memset(item, 0, sizeof(*item));
    item->kind = row->kind;
    for (side = 0; side < 2; side++) {
        if (sides[side] == NULL) {
            continue;
        }
        item->sides[side] =
            arena_take(&self->call.arena, self->column_count * sizeof(firn_value) + 1);
        for (i = 0; item->sides[side] != NULL && i < self->column_count; i++) {
            if (!value_keep(&self->call.arena, &sides[side][i], &item->sides[side][i])) {
                return FIRN_NO_MEMORY;
            }
        }
        if (item->sides[side] == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    if (row->changed != NULL) {
        item->changed = (bool *)arena_copy(&self->call.arena, row->changed,
                                           self->column_count * sizeof(*row->changed));
        if (item->changed == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    *self->end = item;
    self->end = &item->next;
    return FIRN_OK;
}

static int
table_diff_run(struct call *call, firn_error *err)
{
    struct table_diff_call *self = (struct table_diff_call *)(void *)call;
    firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
    firn_snapshot *snapshots[2] = {NULL, NULL};
    firn_table_diff *diff = NULL;
    uint64_t count;
    int code = FIRN_OK;
    size_t side;
    for (side = 0; side < 2 && code == FIRN_OK; side++) {
        firn_snapshot_options at = FIRN_SNAPSHOT_OPTIONS_INIT;
        at.checkpoint = self->references[side];
        if (at.checkpoint != NULL) {
            code = firn_snapshot_open(self->store->object, &at, &snapshots[side], err);
        }
    }
    options.before = snapshots[0];
    options.after = snapshots[1];
    options.callbacks = self->callbacks;
    if (code == FIRN_OK) {
        code = firn_table_diff_open(self->store->object, self->name, &options, &diff, err);
    }
    if (code == FIRN_OK) {
        code = keep_columns(self, diff);
    }
    for (count = 0; code == FIRN_OK && count < self->limit; count++) {
        const firn_row_difference *row = NULL;
        code = firn_table_diff_next(diff, &row, err);
        if (code != FIRN_OK || row == NULL) {
            break;
        }
        code = keep_row(self, row);
    }
    firn_table_diff_close(diff);
    firn_snapshot_close(snapshots[0]);
    firn_snapshot_close(snapshots[1]);
    return code;
}

/* A row as an object; NULL after throwing. */
static napi_value
side_to_js(napi_env env, const struct table_diff_call *self, const firn_value *values, size_t side)
{
    napi_value object = NULL;
    size_t i;
    (void)napi_create_object(env, &object);
    for (i = 0; i < self->column_count; i++) {
        const struct diff_column *column = &self->columns[i];
        napi_value value;
        if (column->names[side] == NULL) {
            continue;
        }
        value = value_to_js(self->call.instance, &values[i], &column->definition, self->as_numbers);
        if (value == NULL) {
            return NULL;
        }
        set_value(env, object, column->names[side], value);
    }
    return object;
}

static napi_value
row_to_js(napi_env env, const struct table_diff_call *self, const struct row_item *item)
{
    static const char *const names[2] = {"before", "after"};
    napi_value object = NULL;
    napi_value changed = NULL;
    uint32_t count = 0;
    size_t i;
    (void)napi_create_object(env, &object);
    (void)napi_create_array(env, &changed);
    set_text(env, object, "kind", firn_row_difference_kind_name(item->kind));
    for (i = 0; i < 2; i++) {
        if (item->sides[i] != NULL) {
            napi_value side = side_to_js(env, self, item->sides[i], i);
            if (side == NULL) {
                return NULL;
            }
            set_value(env, object, names[i], side);
        }
    }
    for (i = 0; changed != NULL && item->changed != NULL && i < self->column_count; i++) {
        if (item->changed[i]) {
            (void)napi_set_element(
                env, changed, count++,
                make_text(env, self->columns[i].definition.name, NAPI_AUTO_LENGTH));
        }
    }
    set_value(env, object, "changed", changed);
    return object;
}

static napi_value
table_diff_finish(napi_env env, struct call *call)
{
    struct table_diff_call *self = (struct table_diff_call *)(void *)call;
    const struct row_item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (item = self->first; item != NULL && array != NULL; item = item->next) {
        napi_handle_scope scope = NULL;
        napi_value object;
        (void)napi_open_handle_scope(env, &scope);
        object = row_to_js(env, self, item);
        if (object != NULL) {
            (void)napi_set_element(env, array, i++, object);
        }
        if (scope != NULL) {
            (void)napi_close_handle_scope(env, scope);
        }
        if (object == NULL) {
            return NULL;
        }
    }
    return array;
}

/* ---- checking ---- */

struct table_check_call {
    struct call call;
    struct handle *table;
    struct handle *snapshot;
    firn_callbacks callbacks;
    firn_table_check_result result;
};

static bool
table_check_parse(struct args *args, struct call *call)
{
    struct table_check_call *self = (struct table_check_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_TABLE, &self->table) &&
           arg_context(args, 1, HANDLE_SNAPSHOT, self->table, &self->snapshot) &&
           arg_monitor(args, 2, &self->callbacks);
}

static int
table_check_run(struct call *call, firn_error *err)
{
    struct table_check_call *self = (struct table_check_call *)(void *)call;
    firn_table_check_options options = FIRN_TABLE_CHECK_OPTIONS_INIT;
    firn_table_check_result result = FIRN_TABLE_CHECK_RESULT_INIT;
    self->result = result;
    options.callbacks = self->callbacks;
    options.snapshot = self->snapshot == NULL ? NULL : self->snapshot->object;
    return firn_table_check(((struct table_object *)self->table->object)->table, &options,
                            &self->result, err);
}

static napi_value
table_check_finish(napi_env env, struct call *call)
{
    const struct table_check_call *self = (struct table_check_call *)(void *)call;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "rows", (double)self->result.rows);
    set_number(env, object, "indexEntries", (double)self->result.index_entries);
    return object;
}

const struct call_kind compare_calls[] = {
    {"tableDiff", sizeof(struct table_diff_call), 0, table_diff_parse, table_diff_run,
     table_diff_finish, NULL},
    {"tableCheck", sizeof(struct table_check_call), 0, table_check_parse, table_check_run,
     table_check_finish, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
