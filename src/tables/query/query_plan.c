/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_plan.c: the texts of a query as expressions, and what has to be read and computed for
 * them.
 *
 * A query without groups computes the selected and the order_by expressions for each row. A query
 * with groups computes the keys and the arguments of aggregates for each row, and the selected
 * expressions for each group (expr/expr.h). An order_by expression that is also selected is
 * computed once.
 *
 * An item that is just a column is not computed: its values are used as they were read.
 *
 * Programs ask for the same columns again and again, and for few rows the plan costs as much as
 * reading them. So a scan that only selects leaves its plan with the table, where the next one
 * finds it: one plan for each table, the last one.
 *
 * Threads: a plan never changes after it was made, but for is_descending when a scan takes it. One
 * scan at a time has it.
 */
#include "query/query_internal.h"

#include "base/mem.h"

enum { ARGUMENTS_COMPARED = 64 };

struct fi_aggregate_column
fi_query_plan_kept(const struct fi_expr_type *type)
{
    return (struct fi_aggregate_column){
        .type = type->type != FIRN_TYPE_NULL ? type->type : FIRN_TYPE_BOOL,
        .fixed_size = fi_type_bytes_size(type->type, type->dimensions)};
}

/* ---- joined columns ---- */

/* How many columns of the plan's schema are the table's; those of the joined scan follow them. */
static uint32_t
own_columns(const struct fi_query_plan *plan, const struct fi_query_options *options)
{
    const size_t joined = options->join != NULL ? fi_query_column_count(options->join) : 0;
    return (uint32_t)(plan->schema->column_count - joined);
}

/* Makes a schema for expressions alone: the columns of a table, which are borrowed, and those of a
 * joined scan. */
static int
join_schema(const struct fi_schema *own, const struct firn_scan *join, struct fi_schema **out,
            firn_error *err)
{
    const size_t count = fi_query_column_count(join);
    struct fi_schema *schema = fi_alloc_zeroed(sizeof *schema);
    if (schema == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    *out = schema;
    *schema = fi_schema_model(own);
    atomic_init(&schema->refs, 1);
    struct fi_schema_column *columns =
        fi_arena_alloc(&schema->arena, (own->column_count + count) * sizeof *columns);
    if (columns == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    memcpy(columns, own->columns, own->column_count * sizeof *columns);
    schema->columns = columns;
    for (size_t i = 0; i < count; i++) {
        firn_scan_column column;
        fi_query_column_at(join, i, &column);
        const firn_slice name = firn_str(column.name);
        if (fi_schema_find(schema, name) != NULL) {
            return fi_error_set(err, FIRN_INVALID,
                                "two columns have the name \"%s\": in the select of the joined "
                                "scan, add \"as\" and another name",
                                column.name);
        }
        char *copy = fi_arena_str(&schema->arena, column.name, name.size);
        if (copy == NULL) {
            return fi_error_no_memory(err, "a query");
        }
        columns[schema->column_count++] = (struct fi_schema_column){
            .type = column.type != FIRN_TYPE_NULL ? column.type : FIRN_TYPE_BOOL,
            .precision = column.precision,
            .scale = column.scale,
            .dimensions = column.dimensions,
            .fixed_size = fi_type_bytes_size(column.type, column.dimensions),
            .is_nullable = !column.not_null || column.type == FIRN_TYPE_NULL,
            .name = firn_bytes(copy, name.size)};
    }
    return FIRN_OK;
}

/* ---- texts ---- */

static int
read_list(const char *text, enum fi_expr_list_kind kind, struct fi_expr_env *env, const char *of,
          struct fi_expr_list *out, firn_error *err)
{
    if (text == NULL) {
        return FIRN_OK;
    }
    env->of = of;
    return fi_expr_list_create(firn_str(text), kind, env, out, err);
}

static int
read_where(struct fi_query_plan *plan, const struct fi_query_options *options,
           struct fi_expr_env *env, firn_error *err)
{
    if (options->where == NULL) {
        return FIRN_OK;
    }
    env->of = "where";
    env->no_aggregates = true;
    FI_TRY_RETURN(fi_expr_create(firn_str(options->where), env, &plan->where, err));
    env->no_aggregates = false;
    firn_type type = fi_expr_type_of(plan->where)->type;
    if (type != FIRN_TYPE_BOOL && type != FIRN_TYPE_NULL) {
        return fi_error_set(err, FIRN_INVALID, "where: a condition is true or false, not %s",
                            firn_type_name(type));
    }
    if (options->join != NULL) {
        struct fi_expr *const whole = plan->where;
        int rc = fi_expr_split_places(whole, own_columns(plan, options), &plan->where, &plan->after,
                                      err);
        fi_expr_destroy(whole);
        FI_TRY_RETURN(rc);
    }
    return plan->where != NULL ? fi_expr_split(plan->where, &plan->split, err) : FIRN_OK;
}

/* Whether values of two types can be compared bit by bit. */
static bool
are_joinable(const struct fi_expr_type *a, const struct fi_expr_type *b)
{
    const bool are_whole = fi_type_is_integer(a->type) && fi_type_is_integer(b->type);
    return !fi_type_is_float(a->type) && a->type != FIRN_TYPE_NULL &&
           (are_whole || (a->type == b->type && a->scale == b->scale));
}

static int
read_join_on(struct fi_query_plan *plan, const struct fi_query_options *options,
             struct fi_expr_env *env, firn_error *err)
{
    const uint32_t own = own_columns(plan, options);
    struct fi_expr *sides[2] = {NULL, NULL};
    struct fi_expr *equation = NULL;
    uint32_t place = 0;
    int rc;
    env->of = "join_on";
    env->no_aggregates = true;
    FI_TRY(fi_expr_create(firn_str(options->join_on), env, &equation, err));
    FI_TRY(fi_expr_split_sides(equation, sides, err));
    if (sides[0] != NULL && fi_expr_is_column(sides[0], &place) && place >= own) {
        struct fi_expr *const side = sides[0];
        sides[0] = sides[1];
        sides[1] = side;
    }
    size_t count = 0;
    const uint32_t *places = sides[0] != NULL ? fi_expr_columns(sides[0], &count) : NULL;
    if (count == 0 || places[count - 1] >= own || !fi_expr_is_column(sides[1], &place) ||
        place < own) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "join_on: this must be an equation of an expression over columns of the "
                          "table and a column of the joined scan, of types without rounding");
        goto out;
    }
    const struct fi_expr_type *a = fi_expr_type_of(sides[0]);
    const struct fi_expr_type *b = fi_expr_type_of(sides[1]);
    if (!are_joinable(a, b)) {
        char a_text[FI_TYPE_TEXT_SIZE];
        char b_text[FI_TYPE_TEXT_SIZE];
        rc = fi_error_set(err, FIRN_INVALID, "join_on: %s and %s cannot be joined",
                          fi_type_text(a->type, a->precision, a->scale, a->dimensions, a_text),
                          fi_type_text(b->type, b->precision, b->scale, b->dimensions, b_text));
        goto out;
    }
    plan->joined_key = place - own;
    plan->is_mixed = fi_physical_of(a->type) != fi_physical_of(b->type);
    plan->key = sides[0];
    sides[0] = NULL;
out:
    fi_expr_destroy(equation);
    fi_expr_destroy(sides[0]);
    fi_expr_destroy(sides[1]);
    return rc;
}

static int
read_texts(struct fi_query_plan *plan, const struct fi_query_options *options, firn_error *err)
{
    size_t next_parameter = 0;
    int rc;
    struct fi_expr_env env = {.schema = plan->schema,
                              .parameters = options->parameters,
                              .parameter_count = options->parameter_count,
                              .next_parameter = &next_parameter};
    FI_TRY(read_list(options->select != NULL ? options->select : "*", FI_EXPR_SELECT, &env,
                     "select", &plan->select, err));
    FI_TRY(read_where(plan, options, &env, err));
    env.selected = &plan->select;
    env.no_aggregates = true;
    FI_TRY(read_list(options->group_by, FI_EXPR_GROUP, &env, "group by", &plan->group, err));
    env.no_aggregates = false;
    env.selected_first = true;
    FI_TRY(read_list(options->order_by, FI_EXPR_ORDER, &env, "order by", &plan->order, err));
    env.selected = NULL;
    if (options->join != NULL) {
        FI_TRY(read_join_on(plan, options, &env, err));
    }
    if (next_parameter != options->parameter_count) {
        rc = fi_error_set(err, FIRN_INVALID, "there are %zu parameters for %zu question marks",
                          options->parameter_count, next_parameter);
    }
out:
    return rc;
}

/* Whether rows that come in the order of the primary key, or in its reverse, are in the wanted
 * order already. */
static bool
is_order_of_key(const struct fi_query_plan *plan)
{
    const struct fi_expr_list *order = &plan->order;
    const bool is_descending = order->count > 0 && order->items[0].is_descending;
    if (order->count == 0 || order->count > plan->schema->key_count ||
        /* Rows that compare equal must come in the order of the key; reading in reverse would
         * reverse them. */
        (is_descending && order->count < plan->schema->key_count)) {
        return false;
    }
    for (size_t i = 0; i < order->count; i++) {
        uint32_t place;
        if (!fi_expr_is_column(order->items[i].expr, &place) ||
            place != plan->schema->key_places[i] ||
            order->items[i].is_descending != is_descending) {
            return false;
        }
    }
    return true;
}

static bool
has_aggregates(const struct fi_expr_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (fi_expr_has_aggregates(list->items[i].expr)) {
            return true;
        }
    }
    return false;
}

/* ---- outputs ---- */

/* Writes the expression of each output to out, in order. Returns how many there are. */
static size_t
list_outputs(const struct fi_query_plan *plan, const struct fi_expr **out)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->select.count; i++) {
        out[count++] = plan->select.items[i].expr;
    }
    for (size_t i = 0; i < plan->order.count; i++) {
        if (plan->order.items[i].selected == FI_EXPR_NONE) {
            out[count++] = plan->order.items[i].expr;
        }
    }
    return count;
}

static int
plan_outputs(struct fi_query_plan *plan, const struct fi_expr **exprs, firn_error *err)
{
    size_t most = plan->select.count + plan->order.count;
    size_t extra = plan->select.count;
    plan->output_count = list_outputs(plan, exprs);
    plan->outputs = fi_alloc_zeroed(most * sizeof plan->outputs[0]);
    plan->sort = fi_alloc_zeroed(most * sizeof plan->sort[0]);
    if (plan->outputs == NULL || plan->sort == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        plan->outputs[i] = *fi_expr_type_of(exprs[i]);
    }
    for (size_t i = 0; i < plan->order.count; i++) {
        const struct fi_expr_item *item = &plan->order.items[i];
        size_t at = item->selected != FI_EXPR_NONE ? item->selected : extra++;
        if (fi_type_class_of(plan->outputs[at].type) == FI_TYPE_CLASS_VECTOR) {
            return fi_error_set(err, FIRN_INVALID, "order by: vectors have no order");
        }
        plan->sort[i] =
            (struct fi_rowsort_key){.column = (uint32_t)at, .is_descending = item->is_descending};
    }
    DCHECK(extra == plan->output_count);
    return FIRN_OK;
}

/* ---- values of each row ---- */

static enum fi_aggregate_function
function_of(enum fi_expr_function function)
{
    static const enum fi_aggregate_function functions[] = {
        [FI_EXPR_COUNT_ROWS] = FI_AGGREGATE_COUNT_ROWS,
        [FI_EXPR_COUNT] = FI_AGGREGATE_COUNT,
        [FI_EXPR_COUNT_DISTINCT] = FI_AGGREGATE_COUNT_DISTINCT,
        [FI_EXPR_SUM] = FI_AGGREGATE_SUM,
        [FI_EXPR_MIN] = FI_AGGREGATE_MIN,
        [FI_EXPR_MAX] = FI_AGGREGATE_MAX,
        [FI_EXPR_AVG] = FI_AGGREGATE_AVG};
    DCHECK(function >= FI_EXPR_COUNT_ROWS && function <= FI_EXPR_AVG);
    return functions[function];
}

static void
plan_value(struct fi_query_plan *plan, const struct fi_expr *expr)
{
    struct fi_query_value *value = &plan->values[plan->value_count++];
    *value = (struct fi_query_value){.expr = expr, .column = SIZE_MAX};
    if (expr != NULL) {
        value->type = fi_query_plan_kept(fi_expr_type_of(expr));
    }
}

/* The number, from 1 on, of the first aggregate with the same argument; 0: there is no argument. */
static uint32_t
number_argument(const struct fi_query_plan *plan, size_t i)
{
    const struct fi_expr_aggregate *aggregates = plan->groups.aggregates;
    if (aggregates[i].argument == NULL) {
        return 0;
    }
    for (size_t j = 0; j < i && j < ARGUMENTS_COMPARED; j++) {
        if (aggregates[j].argument != NULL &&
            fi_expr_equal(aggregates[j].argument, aggregates[i].argument)) {
            return (uint32_t)j + 1;
        }
    }
    return (uint32_t)i + 1;
}

static int
plan_groups(struct fi_query_plan *plan, const struct fi_expr **exprs, firn_error *err)
{
    const struct fi_expr **keys =
        fi_alloc_zeroed((plan->group.count + 1) * sizeof(struct fi_expr *));
    if (keys == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->group.count; i++) {
        keys[i] = plan->group.items[i].expr;
        if (fi_type_class_of(fi_expr_type_of(keys[i])->type) == FI_TYPE_CLASS_VECTOR) {
            fi_free(keys);
            return fi_error_set(err, FIRN_INVALID, "group by: vectors make no groups");
        }
    }
    const struct fi_expr_group_input input = {.exprs = exprs,
                                              .expr_count = plan->output_count,
                                              .keys = keys,
                                              .key_count = plan->group.count};
    int rc = fi_expr_group(&input, &plan->groups, err);
    fi_free(keys);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t count = plan->groups.aggregate_count;
    plan->values = fi_alloc_zeroed((plan->group.count + count + 1) * sizeof plan->values[0]);
    plan->calls = fi_alloc_zeroed((count + 1) * sizeof plan->calls[0]);
    if (plan->values == NULL || plan->calls == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->group.count; i++) {
        plan_value(plan, plan->group.items[i].expr);
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_expr_aggregate *aggregate = &plan->groups.aggregates[i];
        plan_value(plan, aggregate->argument);
        plan->calls[i] = (struct fi_aggregate_call){
            .function = function_of(aggregate->function),
            .argument = plan->values[plan->value_count - 1].type,
            .scale = aggregate->argument != NULL ? fi_expr_type_of(aggregate->argument)->scale : 0,
            .argument_number = number_argument(plan, i)};
    }
    return FIRN_OK;
}

static int
plan_rows(struct fi_query_plan *plan, const struct fi_expr **exprs, firn_error *err)
{
    plan->values = fi_alloc_zeroed((plan->output_count + 1) * sizeof plan->values[0]);
    if (plan->values == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        plan_value(plan, exprs[i]);
    }
    return FIRN_OK;
}

/* ---- columns to read ---- */

static void
mark_columns(const struct fi_expr *expr, bool *is_read)
{
    size_t count = 0;
    const uint32_t *places = expr != NULL ? fi_expr_columns(expr, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        is_read[places[i]] = true;
    }
}

static int
plan_columns(struct fi_query_plan *plan, size_t own, firn_error *err)
{
    const struct fi_schema *schema = plan->schema;
    bool *is_read = fi_alloc_zeroed(schema->column_count * sizeof *is_read);
    plan->places = fi_alloc_zeroed(schema->column_count * sizeof plan->places[0]);
    plan->columns = fi_alloc_zeroed(schema->column_count * sizeof plan->columns[0]);
    if (is_read == NULL || plan->places == NULL || plan->columns == NULL) {
        fi_free(is_read);
        return fi_error_no_memory(err, "a query");
    }
    mark_columns(plan->where, is_read);
    mark_columns(plan->key, is_read);
    mark_columns(plan->after, is_read);
    for (size_t i = 0; i < plan->value_count; i++) {
        mark_columns(plan->values[i].expr, is_read);
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        if (is_read[i]) {
            plan->columns[plan->place_count] =
                (struct fi_column_def){.id = column->id,
                                       .type = column->type,
                                       .fixed_size = column->fixed_size,
                                       .initial = column->initial};
            plan->places[plan->place_count++] = (uint32_t)i;
            plan->own_count += i < own;
        }
    }
    fi_free(is_read);
    for (size_t i = 0; i < plan->value_count; i++) {
        uint32_t place;
        if (plan->values[i].expr != NULL && fi_expr_is_column(plan->values[i].expr, &place)) {
            plan->values[i].column = fi_query_plan_find(plan, place);
        }
    }
    return FIRN_OK;
}

/* ---- the plan ---- */

/* Whether values of rows are needed, and no key of groups is text or bytes of the table: those are
 * grouped by their codes. */
static bool
may_list(const struct fi_query_plan *plan)
{
    bool has_values = false;
    for (size_t i = 0; i < plan->value_count; i++) {
        has_values = has_values || plan->values[i].expr != NULL;
        if (i < plan->group.count &&
            fi_physical_of(plan->values[i].type.type) == FI_PHYSICAL_BYTES &&
            (plan->values[i].column < plan->own_count || plan->values[i].column == SIZE_MAX)) {
            return false;
        }
    }
    return has_values;
}

static void
destroy_plan(struct fi_query_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    fi_expr_groups_deinit(&plan->groups);
    fi_expr_where_deinit(&plan->split);
    fi_expr_destroy(plan->where);
    fi_expr_destroy(plan->after);
    fi_expr_destroy(plan->key);
    fi_expr_list_deinit(&plan->order);
    fi_expr_list_deinit(&plan->group);
    fi_expr_list_deinit(&plan->select);
    fi_free(plan->places);
    fi_free(plan->columns);
    fi_free(plan->calls);
    fi_free(plan->values);
    fi_free(plan->outputs);
    fi_free(plan->sort);
    fi_free(plan->text);
    fi_schema_unref(plan->schema);
    fi_free(plan);
}

static void
destroy_spare(struct fi_rows_spare *spare)
{
    destroy_plan((struct fi_query_plan *)spare);
}

static int
create_plan(struct fi_schema *schema, const struct fi_query_options *options,
            struct fi_query_plan **out, firn_error *err)
{
    const struct fi_expr **exprs = NULL;
    int rc;
    *out = NULL;
    struct fi_query_plan *plan = fi_alloc_zeroed(sizeof *plan);
    if (plan == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    plan->spare.destroy = destroy_spare;
    if (options->join != NULL) {
        FI_TRY(join_schema(schema, options->join, &plan->schema, err));
    } else {
        plan->schema = schema;
        fi_schema_ref(schema);
    }
    FI_TRY(read_texts(plan, options, err));
    plan->is_grouped =
        options->group_by != NULL || has_aggregates(&plan->select) || has_aggregates(&plan->order);
    if (options->is_descending && (plan->is_grouped || plan->order.count > 0)) {
        rc = fi_error_set(
            err, FIRN_INVALID,
            "descending is for rows in the order of a key; in order_by write \"desc\"");
        goto out;
    }
    plan->is_descending = options->is_descending;
    if (!plan->is_grouped && options->index == NULL && is_order_of_key(plan)) {
        plan->is_descending = plan->order.items[0].is_descending;
        fi_expr_list_deinit(&plan->order);
        plan->order = (struct fi_expr_list){.count = 0};
    }
    exprs = fi_alloc_zeroed((plan->select.count + plan->order.count) * sizeof(struct fi_expr *));
    if (exprs == NULL) {
        rc = fi_error_no_memory(err, "a query");
        goto out;
    }
    FI_TRY(plan_outputs(plan, exprs, err));
    FI_TRY(plan->is_grouped ? plan_groups(plan, exprs, err) : plan_rows(plan, exprs, err));
    FI_TRY(plan_columns(plan, own_columns(plan, options), err));
    /* A visitor may ask where rows are stored, which a list does not know. */
    plan->may_list = !options->is_visited && may_list(plan);
    *out = plan;
    plan = NULL;
out:
    fi_free(exprs);
    destroy_plan(plan);
    return rc;
}

/* Whether a plan depends on what is selected alone. */
static bool
is_plain(const struct fi_query_options *options)
{
    return options->select != NULL && options->where == NULL && options->group_by == NULL &&
           options->order_by == NULL && options->parameter_count == 0 && !options->is_visited &&
           options->join == NULL;
}

int
fi_query_plan_open(struct firn_table *table, struct fi_schema *schema,
                   const struct fi_query_options *options, struct fi_query_plan **out,
                   firn_error *err)
{
    const bool may_share = is_plain(options);
    if (may_share) {
        struct fi_query_plan *plan = (struct fi_query_plan *)fi_rows_take_spare(table);
        if (plan != NULL && plan->schema == schema && strcmp(plan->text, options->select) == 0) {
            DCHECK(!plan->is_grouped && plan->order.count == 0);
            plan->is_descending = options->is_descending;
            *out = plan;
            return FIRN_OK;
        }
        destroy_plan(plan);
    }
    int rc = create_plan(schema, options, out, err);
    if (rc == FIRN_OK && may_share && !(*out)->is_grouped) {
        (*out)->text = fi_strdup(options->select); /* without memory it is not left */
    }
    return rc;
}

void
fi_query_plan_close(struct firn_table *table, struct fi_query_plan *plan)
{
    if (plan != NULL && plan->text != NULL) {
        fi_rows_leave_spare(table, &plan->spare);
    } else {
        destroy_plan(plan);
    }
}

int
fi_query_plan_bound(struct fi_query_plan *plan, const struct fi_query_join *join, firn_error *err)
{
    struct fi_expr_where *split = &plan->split;
    struct fi_chunk_predicate predicate = {.test = FI_CHUNK_BETWEEN};
    uint32_t place;
    if (!fi_expr_is_column(plan->key, &place) || split->is_never ||
        !fi_query_join_bounds(join, &predicate.a.as.u64, &predicate.b.as.u64)) {
        return FIRN_OK;
    }
    struct fi_expr_condition *conditions =
        fi_resize_array(split->conditions, split->count + 1, sizeof *conditions);
    if (conditions == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    predicate.a.kind = fi_physical_of(plan->schema->columns[place].type);
    predicate.b.kind = predicate.a.kind;
    conditions[split->count] = (struct fi_expr_condition){.place = place, .predicate = predicate};
    split->conditions = conditions;
    split->count++;
    return FIRN_OK;
}

size_t
fi_query_plan_find(const struct fi_query_plan *plan, uint32_t place)
{
    size_t i = 0;
    while (i < plan->place_count && plan->places[i] < place) {
        i++;
    }
    DCHECK(i < plan->place_count && plan->places[i] == place);
    return i;
}

const struct fi_expr *
fi_query_plan_output(const struct fi_query_plan *plan, size_t i)
{
    DCHECK(i < plan->output_count);
    return plan->is_grouped ? plan->groups.exprs[i] : plan->values[i].expr;
}
