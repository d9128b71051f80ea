/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_plan.c: the texts of a query as expressions, and what has to be read and computed for them.
 *
 * A query without groups computes the selected and the order_by expressions for each row. A query with groups
 * computes the keys and the arguments of aggregates for each row, and the selected expressions for each group
 * (expr/expr.h). An order_by expression that is also selected is computed once.
 *
 * An item that is just a column is not computed: its values are used as they were read.
 *
 * Programs ask for the same columns again and again, and for few rows the plan costs as much as reading them. So a scan that
 * only selects leaves its plan with the table, where the next one finds it: one plan for each table, the last one.
 *
 * Threads: a plan never changes after it was made, but for is_descending when a scan takes it. One scan at a time has it.
 */
#include "query/query_internal.h"

#include "base/mem.h"

enum { ARGUMENTS_COMPARED = 64 };

struct firn_aggregate_column
firn_query_plan_kept(const struct firn_expr_type *type)
{
    return (struct firn_aggregate_column){
        .type = type->type != FIRN_TYPE_NULL ? type->type : FIRN_TYPE_BOOL,
        .fixed_size = firn_type_bytes_size(type->type, type->dimensions)};
}

/* ---- texts ---- */

static int
read_list(const char *text, enum firn_expr_list_kind kind, struct firn_expr_env *env,
          const char *of, struct firn_expr_list *out, firn_error *err)
{
    if (text == NULL) {
        return FIRN_OK;
    }
    env->of = of;
    return firn_expr_list_create(firn_str(text), kind, env, out, err);
}

static int
read_where(struct firn_query_plan *plan, const char *text, struct firn_expr_env *env,
           firn_error *err)
{
    if (text == NULL) {
        return FIRN_OK;
    }
    env->of = "where";
    env->no_aggregates = true;
    FIRN_TRY_RETURN(firn_expr_create(firn_str(text), env, &plan->where, err));
    env->no_aggregates = false;
    firn_type type = firn_expr_type_of(plan->where)->type;
    if (type != FIRN_TYPE_BOOL && type != FIRN_TYPE_NULL) {
        return firn_error_set(err, FIRN_INVALID, "where: a condition is true or false, not %s",
                              firn_type_name(type));
    }
    return firn_expr_split(plan->where, &plan->split, err);
}

static int
read_texts(struct firn_query_plan *plan, const struct firn_query_options *options, firn_error *err)
{
    size_t next_parameter = 0;
    int rc;
    struct firn_expr_env env = {.schema = plan->schema,
                                .parameters = options->parameters,
                                .parameter_count = options->parameter_count,
                                .next_parameter = &next_parameter};
    FIRN_TRY(read_list(options->select != NULL ? options->select : "*", FIRN_EXPR_SELECT, &env,
                       "select", &plan->select, err));
    FIRN_TRY(read_where(plan, options->where, &env, err));
    env.selected = &plan->select;
    env.no_aggregates = true;
    FIRN_TRY(read_list(options->group_by, FIRN_EXPR_GROUP, &env, "group by", &plan->group, err));
    env.no_aggregates = false;
    env.selected_first = true;
    FIRN_TRY(read_list(options->order_by, FIRN_EXPR_ORDER, &env, "order by", &plan->order, err));
    if (next_parameter != options->parameter_count) {
        rc = firn_error_set(err, FIRN_INVALID, "there are %zu parameters for %zu question marks",
                            options->parameter_count, next_parameter);
    }
out:
    return rc;
}

/* Whether rows that come in the order of the primary key, or in its reverse, are in the wanted order already. */
static bool
is_order_of_key(const struct firn_query_plan *plan)
{
    const struct firn_expr_list *order = &plan->order;
    const bool is_descending = order->count > 0 && order->items[0].is_descending;
    if (order->count == 0 || order->count > plan->schema->key_count ||
        /* Rows that compare equal must come in the order of the key; reading in reverse would reverse them. */
        (is_descending && order->count < plan->schema->key_count)) {
        return false;
    }
    for (size_t i = 0; i < order->count; i++) {
        uint32_t place;
        if (!firn_expr_is_column(order->items[i].expr, &place) ||
            place != plan->schema->key_places[i] ||
            order->items[i].is_descending != is_descending) {
            return false;
        }
    }
    return true;
}

static bool
has_aggregates(const struct firn_expr_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (firn_expr_has_aggregates(list->items[i].expr)) {
            return true;
        }
    }
    return false;
}

/* ---- outputs ---- */

/* Writes the expression of each output to out, in order. Returns how many there are. */
static size_t
list_outputs(const struct firn_query_plan *plan, const struct firn_expr **out)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->select.count; i++) {
        out[count++] = plan->select.items[i].expr;
    }
    for (size_t i = 0; i < plan->order.count; i++) {
        if (plan->order.items[i].selected == FIRN_EXPR_NONE) {
            out[count++] = plan->order.items[i].expr;
        }
    }
    return count;
}

static int
plan_outputs(struct firn_query_plan *plan, const struct firn_expr **exprs, firn_error *err)
{
    size_t most = plan->select.count + plan->order.count;
    size_t extra = plan->select.count;
    plan->output_count = list_outputs(plan, exprs);
    plan->outputs = firn_alloc_zeroed(most * sizeof plan->outputs[0]);
    plan->sort = firn_alloc_zeroed(most * sizeof plan->sort[0]);
    if (plan->outputs == NULL || plan->sort == NULL) {
        return firn_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        plan->outputs[i] = *firn_expr_type_of(exprs[i]);
    }
    for (size_t i = 0; i < plan->order.count; i++) {
        const struct firn_expr_item *item = &plan->order.items[i];
        size_t at = item->selected != FIRN_EXPR_NONE ? item->selected : extra++;
        if (firn_type_class_of(plan->outputs[at].type) == FIRN_TYPE_CLASS_VECTOR) {
            return firn_error_set(err, FIRN_INVALID, "order by: vectors have no order");
        }
        plan->sort[i] = (struct firn_row_sort_key){.column = (uint32_t)at,
                                                   .is_descending = item->is_descending};
    }
    DCHECK(extra == plan->output_count);
    return FIRN_OK;
}

/* ---- values of each row ---- */

static enum firn_aggregate_function
function_of(enum firn_expr_function function)
{
    static const enum firn_aggregate_function functions[] = {
        [FIRN_EXPR_COUNT_ROWS] = FIRN_AGGREGATE_COUNT_ROWS,
        [FIRN_EXPR_COUNT] = FIRN_AGGREGATE_COUNT,
        [FIRN_EXPR_COUNT_DISTINCT] = FIRN_AGGREGATE_COUNT_DISTINCT,
        [FIRN_EXPR_SUM] = FIRN_AGGREGATE_SUM,
        [FIRN_EXPR_MIN] = FIRN_AGGREGATE_MIN,
        [FIRN_EXPR_MAX] = FIRN_AGGREGATE_MAX,
        [FIRN_EXPR_AVG] = FIRN_AGGREGATE_AVG};
    DCHECK(function >= FIRN_EXPR_COUNT_ROWS && function <= FIRN_EXPR_AVG);
    return functions[function];
}

static void
plan_value(struct firn_query_plan *plan, const struct firn_expr *expr)
{
    struct firn_query_value *value = &plan->values[plan->value_count++];
    *value = (struct firn_query_value){.expr = expr, .column = SIZE_MAX};
    if (expr != NULL) {
        value->type = firn_query_plan_kept(firn_expr_type_of(expr));
    }
}

/* The number, from 1 on, of the first aggregate with the same argument; 0: there is no argument. */
static uint32_t
number_argument(const struct firn_query_plan *plan, size_t i)
{
    const struct firn_expr_aggregate *aggregates = plan->groups.aggregates;
    if (aggregates[i].argument == NULL) {
        return 0;
    }
    for (size_t j = 0; j < i && j < ARGUMENTS_COMPARED; j++) {
        if (aggregates[j].argument != NULL &&
            firn_expr_equal(aggregates[j].argument, aggregates[i].argument)) {
            return (uint32_t)j + 1;
        }
    }
    return (uint32_t)i + 1;
}

static int
plan_groups(struct firn_query_plan *plan, const struct firn_expr **exprs, firn_error *err)
{
    const struct firn_expr **keys =
        firn_alloc_zeroed((plan->group.count + 1) * sizeof(struct firn_expr *));
    if (keys == NULL) {
        return firn_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->group.count; i++) {
        keys[i] = plan->group.items[i].expr;
        if (firn_type_class_of(firn_expr_type_of(keys[i])->type) == FIRN_TYPE_CLASS_VECTOR) {
            firn_free(keys);
            return firn_error_set(err, FIRN_INVALID, "group by: vectors make no groups");
        }
    }
    const struct firn_expr_group_input input = {.exprs = exprs,
                                                .expr_count = plan->output_count,
                                                .keys = keys,
                                                .key_count = plan->group.count};
    int rc = firn_expr_group(&input, &plan->groups, err);
    firn_free(keys);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t count = plan->groups.aggregate_count;
    plan->values = firn_alloc_zeroed((plan->group.count + count + 1) * sizeof plan->values[0]);
    plan->calls = firn_alloc_zeroed((count + 1) * sizeof plan->calls[0]);
    if (plan->values == NULL || plan->calls == NULL) {
        return firn_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->group.count; i++) {
        plan_value(plan, plan->group.items[i].expr);
    }
    for (size_t i = 0; i < count; i++) {
        const struct firn_expr_aggregate *aggregate = &plan->groups.aggregates[i];
        plan_value(plan, aggregate->argument);
        plan->calls[i] = (struct firn_aggregate_call){
            .function = function_of(aggregate->function),
            .argument = plan->values[plan->value_count - 1].type,
            .scale =
                aggregate->argument != NULL ? firn_expr_type_of(aggregate->argument)->scale : 0,
            .argument_number = number_argument(plan, i)};
    }
    return FIRN_OK;
}

static int
plan_rows(struct firn_query_plan *plan, const struct firn_expr **exprs, firn_error *err)
{
    plan->values = firn_alloc_zeroed((plan->output_count + 1) * sizeof plan->values[0]);
    if (plan->values == NULL) {
        return firn_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        plan_value(plan, exprs[i]);
    }
    return FIRN_OK;
}

/* ---- columns to read ---- */

static void
mark_columns(const struct firn_expr *expr, bool *is_read)
{
    size_t count = 0;
    const uint32_t *places = expr != NULL ? firn_expr_columns(expr, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        is_read[places[i]] = true;
    }
}

static int
plan_columns(struct firn_query_plan *plan, firn_error *err)
{
    const struct firn_schema *schema = plan->schema;
    bool *is_read = firn_alloc_zeroed(schema->column_count * sizeof *is_read);
    plan->places = firn_alloc_zeroed(schema->column_count * sizeof plan->places[0]);
    plan->columns = firn_alloc_zeroed(schema->column_count * sizeof plan->columns[0]);
    if (is_read == NULL || plan->places == NULL || plan->columns == NULL) {
        firn_free(is_read);
        return firn_error_no_memory(err, "a query");
    }
    mark_columns(plan->where, is_read);
    for (size_t i = 0; i < plan->value_count; i++) {
        mark_columns(plan->values[i].expr, is_read);
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct firn_schema_column *column = &schema->columns[i];
        if (is_read[i]) {
            plan->columns[plan->place_count] =
                (struct firn_column_def){.id = column->id,
                                         .type = column->type,
                                         .fixed_size = column->fixed_size,
                                         .initial = column->initial};
            plan->places[plan->place_count++] = (uint32_t)i;
        }
    }
    firn_free(is_read);
    for (size_t i = 0; i < plan->value_count; i++) {
        uint32_t place;
        if (plan->values[i].expr != NULL && firn_expr_is_column(plan->values[i].expr, &place)) {
            plan->values[i].column = firn_query_plan_find(plan, place);
        }
    }
    return FIRN_OK;
}

/* ---- the plan ---- */

/* Whether values of rows are needed, and no key of groups is text or bytes: those are grouped by their codes. */
static bool
may_list(const struct firn_query_plan *plan)
{
    bool has_values = false;
    for (size_t i = 0; i < plan->value_count; i++) {
        has_values = has_values || plan->values[i].expr != NULL;
        if (i < plan->group.count &&
            firn_physical_of(plan->values[i].type.type) == FIRN_PHYSICAL_BYTES) {
            return false;
        }
    }
    return has_values;
}

static void
destroy_plan(struct firn_query_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    firn_expr_groups_deinit(&plan->groups);
    firn_expr_where_deinit(&plan->split);
    firn_expr_destroy(plan->where);
    firn_expr_list_deinit(&plan->order);
    firn_expr_list_deinit(&plan->group);
    firn_expr_list_deinit(&plan->select);
    firn_free(plan->places);
    firn_free(plan->columns);
    firn_free(plan->calls);
    firn_free(plan->values);
    firn_free(plan->outputs);
    firn_free(plan->sort);
    firn_free(plan->text);
    firn_schema_unref(plan->schema);
    firn_free(plan);
}

static void
destroy_spare(struct firn_rows_spare *spare)
{
    destroy_plan((struct firn_query_plan *)spare);
}

static int
create_plan(struct firn_schema *schema, const struct firn_query_options *options,
            struct firn_query_plan **out, firn_error *err)
{
    const struct firn_expr **exprs = NULL;
    int rc;
    *out = NULL;
    struct firn_query_plan *plan = firn_alloc_zeroed(sizeof *plan);
    if (plan == NULL) {
        return firn_error_no_memory(err, "a query");
    }
    plan->spare.destroy = destroy_spare;
    plan->schema = schema;
    firn_schema_ref(schema);
    FIRN_TRY(read_texts(plan, options, err));
    plan->is_grouped =
        options->group_by != NULL || has_aggregates(&plan->select) || has_aggregates(&plan->order);
    if (options->is_descending && (plan->is_grouped || plan->order.count > 0)) {
        rc = firn_error_set(
            err, FIRN_INVALID,
            "descending is for rows in the order of a key; in order_by write \"desc\"");
        goto out;
    }
    plan->is_descending = options->is_descending;
    if (!plan->is_grouped && options->index == NULL && is_order_of_key(plan)) {
        plan->is_descending = plan->order.items[0].is_descending;
        firn_expr_list_deinit(&plan->order);
        plan->order = (struct firn_expr_list){.count = 0};
    }
    exprs =
        firn_alloc_zeroed((plan->select.count + plan->order.count) * sizeof(struct firn_expr *));
    if (exprs == NULL) {
        rc = firn_error_no_memory(err, "a query");
        goto out;
    }
    FIRN_TRY(plan_outputs(plan, exprs, err));
    FIRN_TRY(plan->is_grouped ? plan_groups(plan, exprs, err) : plan_rows(plan, exprs, err));
    FIRN_TRY(plan_columns(plan, err));
    /* A visitor may ask where rows are stored, which a list does not know. */
    plan->may_list = !options->is_visited && may_list(plan);
    *out = plan;
    plan = NULL;
out:
    firn_free(exprs);
    destroy_plan(plan);
    return rc;
}

/* Whether a plan depends on what is selected alone. */
static bool
is_plain(const struct firn_query_options *options)
{
    return options->select != NULL && options->where == NULL && options->group_by == NULL &&
           options->order_by == NULL && options->parameter_count == 0 && !options->is_visited;
}

int
firn_query_plan_open(struct firn_table *table, struct firn_schema *schema,
                     const struct firn_query_options *options, struct firn_query_plan **out,
                     firn_error *err)
{
    const bool may_share = is_plain(options);
    if (may_share) {
        struct firn_query_plan *plan = (struct firn_query_plan *)firn_rows_take_spare(table);
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
        (*out)->text = firn_strdup(options->select); /* without memory it is not left */
    }
    return rc;
}

void
firn_query_plan_close(struct firn_table *table, struct firn_query_plan *plan)
{
    if (plan != NULL && plan->text != NULL) {
        firn_rows_leave_spare(table, &plan->spare);
    } else {
        destroy_plan(plan);
    }
}

size_t
firn_query_plan_find(const struct firn_query_plan *plan, uint32_t place)
{
    size_t i = 0;
    while (i < plan->place_count && plan->places[i] < place) {
        i++;
    }
    DCHECK(i < plan->place_count && plan->places[i] == place);
    return i;
}

const struct firn_expr *
firn_query_plan_output(const struct firn_query_plan *plan, size_t i)
{
    DCHECK(i < plan->output_count);
    return plan->is_grouped ? plan->groups.exprs[i] : plan->values[i].expr;
}
