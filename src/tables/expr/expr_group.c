/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_group.c: expressions over groups.
 *
 * All keys and expressions are grafted into one array, where equal parts are one node. So a part
 * that equals a key has the key's number, and equal aggregates have one number. Then each
 * expression is copied, and keys and aggregates become inputs in the copy. A column that the copy
 * reaches is in neither, which is an error.
 */
#include "base/check.h"
#include "base/mem.h"
#include "expr/expr_internal.h"
#include "text/text_value.h"

struct grouping {
    const struct fi_expr_group_input *input;
    struct fi_expr_groups *out;
    struct fi_expr_builder all;
    uint32_t *keys; /* numbers in all */
    uint32_t *exprs;
    uint32_t *aggregates;
    size_t aggregate_capacity;
    size_t out_capacity;
    struct fi_expr_builder *target;
};

static int
graft_all(struct grouping *grouping, const struct fi_expr *const *exprs, size_t count,
          uint32_t *out, firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct fi_expr_graft graft = {.nodes = exprs[i]->nodes, .root = fi_expr_root(exprs[i])};
        FI_TRY_RETURN(fi_expr_builder_graft(&grouping->all, &graft, &out[i], err));
    }
    return FIRN_OK;
}

/* The number of an aggregate, which is added if it is new. */
static int
find_aggregate(struct grouping *grouping, const struct fi_expr_node *nodes, uint32_t node,
               uint32_t *out, firn_error *err)
{
    struct fi_expr_groups *groups = grouping->out;
    DCHECK(nodes[node].op == FI_EXPR_OP_AGGREGATE);
    for (size_t i = 0; i < groups->aggregate_count; i++) {
        if (grouping->aggregates[i] == node) {
            *out = (uint32_t)i;
            return FIRN_OK;
        }
    }
    size_t count = groups->aggregate_count + 1;
    FI_TRY_RETURN(FI_VEC_RESERVE(grouping->aggregates, count, grouping->aggregate_capacity, err));
    uint32_t *numbers = grouping->aggregates;
    FI_TRY_RETURN(FI_VEC_RESERVE(groups->aggregates, count, grouping->out_capacity, err));
    struct fi_expr_aggregate *aggregates = groups->aggregates;
    struct fi_expr_aggregate *aggregate = &aggregates[groups->aggregate_count];
    *aggregate = (struct fi_expr_aggregate){.function = (enum fi_expr_function)nodes[node].detail,
                                            .type = nodes[node].type};
    *out = (uint32_t)groups->aggregate_count;
    numbers[groups->aggregate_count++] = node;
    return nodes[node].arg_count == 0
               ? FIRN_OK
               : fi_expr_extract(nodes, nodes[node].args[0], &aggregate->argument, err);
}

static bool
expr_group_replace(void *ctx, const struct fi_expr_node *nodes, uint32_t node, uint32_t *out,
                   int *rc, firn_error *err)
{
    struct grouping *grouping = ctx;
    struct fi_expr_node input = {.type = nodes[node].type};
    DCHECK(nodes == grouping->all.nodes && node < grouping->all.count);
    for (size_t i = 0; i < grouping->input->key_count && input.op == 0; i++) {
        if (grouping->keys[i] == node) {
            input.op = FI_EXPR_OP_KEY;
            input.number = (uint32_t)i;
        }
    }
    if (input.op == 0 && nodes[node].op == FI_EXPR_OP_AGGREGATE) {
        input.op = FI_EXPR_OP_RESULT;
        *rc = find_aggregate(grouping, nodes, node, &input.number, err);
    } else if (input.op == 0 && nodes[node].op == FI_EXPR_OP_COLUMN) {
        char name[FI_TEXT_VALUE_SHORT_SIZE];
        fi_text_value_shorten(nodes[node].a.as.bytes, name);
        *rc = fi_error_set(err, FIRN_INVALID,
                           "column \"%s\" is neither grouped by nor in an aggregate", name);
    }
    if (input.op == 0 && *rc == FIRN_OK) {
        return false;
    }
    if (*rc == FIRN_OK) {
        *rc = fi_expr_builder_add(grouping->target, &input, out, err);
    }
    return true;
}

static int
rewrite(struct grouping *grouping, size_t i, firn_error *err)
{
    struct fi_expr_builder target = {.arena = {.chunk_size = 1024}};
    struct fi_expr_graft graft = {.nodes = grouping->all.nodes,
                                  .root = grouping->exprs[i],
                                  .replace = expr_group_replace,
                                  .ctx = grouping};
    uint32_t root;
    int rc;
    grouping->target = &target;
    FI_TRY(fi_expr_builder_graft(&target, &graft, &root, err));
    FI_TRY(fi_expr_extract(target.nodes, root, &grouping->out->exprs[i], err));
    DCHECK(!grouping->out->exprs[i]->has_aggregates);
out:
    fi_expr_builder_deinit(&target);
    return rc;
}

int
fi_expr_group(const struct fi_expr_group_input *input, struct fi_expr_groups *out, firn_error *err)
{
    struct grouping grouping = {.input = input, .out = out};
    int rc;
    *out = (struct fi_expr_groups){.exprs = NULL};
    grouping.all.arena.chunk_size = 4096;
    grouping.keys = fi_alloc_array(input->key_count + 1, sizeof *grouping.keys);
    grouping.exprs = fi_alloc_array(input->expr_count + 1, sizeof *grouping.exprs);
    out->exprs = fi_alloc_zeroed((input->expr_count + 1) * sizeof(struct fi_expr *));
    if (grouping.keys == NULL || grouping.exprs == NULL || out->exprs == NULL) {
        FI_TRY(fi_error_no_memory(err, "expressions over groups"));
    }
    FI_TRY(graft_all(&grouping, input->keys, input->key_count, grouping.keys, err));
    FI_TRY(graft_all(&grouping, input->exprs, input->expr_count, grouping.exprs, err));
    out->expr_count = input->expr_count;
    for (size_t i = 0; i < input->expr_count; i++) {
        FI_TRY(rewrite(&grouping, i, err));
    }
out:
    fi_free(grouping.keys);
    fi_free(grouping.exprs);
    fi_free(grouping.aggregates);
    fi_expr_builder_deinit(&grouping.all);
    if (rc != FIRN_OK) {
        fi_expr_groups_deinit(out);
    }
    return rc;
}
