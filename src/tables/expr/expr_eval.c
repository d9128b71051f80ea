/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval.c: expressions over batches of rows.
 *
 * The nodes of all expressions of an evaluator are grafted into one array, where equal nodes are
 * one. A node is evaluated after its arguments, for all wanted rows, by a loop over arrays. Its
 * values stay until the next batch. If they are numbers that only one node uses, they stay until
 * that node has been evaluated: then the next node reuses their memory while it is in the
 * processor's cache.
 *
 * The walk passes down a mask of the wanted rows. "case", coalesce, "and" and "or" pass on only the
 * rows for which they need a part; all other nodes pass on their own mask. A node that is used
 * twice remembers the rows for which it was evaluated: if more rows are wanted later, it is
 * evaluated again.
 *
 * Truth is two bits for each row, yes and no; a null has neither. "and" and "or" work on words of
 * 64 rows. Truth becomes numbers only where it is used as a value.
 *
 * Invariants:
 *   (I1) A mask that is passed down is a subset of the mask above it. So evaluating the second
 *        argument of a node does not evaluate again, and overwrite, values that the node holds of
 *        the first.
 *   (I2) Masks have no bits after the last row.
 *   (I3) Rows that are wanted and null have the value 0, or no bytes.
 */
#include "expr/expr_eval.h"

#include "base/check.h"
#include "base/mem.h"

enum { SLOT_SIZE = FI_CHUNK_BLOCK * sizeof(firn_slice) };

/* Memory of one node's values. */
struct slot {
    struct slot *next; /* of all slots */
    struct slot *next_free;
    bool is_constant; /* kept from batch to batch */
    uint64_t valid[FI_EXPR_MASK_WORDS];
    struct fi_buf memory;
    _Alignas(16) uint8_t data[SLOT_SIZE];
};

struct state {
    struct fi_chunk_values values;
    struct slot *slot;
    uint32_t uses; /* nodes and expressions that use it */
    bool has_values;
    uint64_t mask[FI_EXPR_MASK_WORDS]; /* the rows that have values */
};

struct fi_expr_eval {
    struct fi_expr_builder builder;
    uint32_t *roots;
    size_t root_count;
    struct state *states; /* of each node */
    uint32_t *columns;
    size_t column_count;
    struct slot *slots;
    struct slot *free_slots;
    struct fi_expr_batch batch;
    uint64_t wanted[FI_EXPR_MASK_WORDS];
};

/* ---- making ---- */

static int
graft_all(struct fi_expr_eval *eval, const struct fi_expr *const *exprs, firn_error *err)
{
    for (size_t i = 0; i < eval->root_count; i++) {
        struct fi_expr_graft graft = {.nodes = exprs[i]->nodes, .root = fi_expr_root(exprs[i])};
        CHECK(!exprs[i]->has_aggregates);
        FI_TRY_RETURN(fi_expr_builder_graft(&eval->builder, &graft, &eval->roots[i], err));
    }
    return FIRN_OK;
}

static void
list_columns(struct fi_expr_eval *eval)
{
    for (size_t i = 0; i < eval->builder.count; i++) {
        const struct fi_expr_node *node = &eval->builder.nodes[i];
        if (node->op == FI_EXPR_OP_COLUMN) {
            size_t at = eval->column_count++;
            for (; at > 0 && eval->columns[at - 1] > node->number; at--) {
                eval->columns[at] = eval->columns[at - 1];
            }
            eval->columns[at] = node->number;
        }
        for (uint32_t arg = 0; arg < node->arg_count; arg++) {
            eval->states[node->args[arg]].uses++;
        }
    }
    for (size_t i = 0; i < eval->root_count; i++) {
        eval->states[eval->roots[i]].uses += 2; /* its values stay */
    }
}

int
fi_expr_eval_create(const struct fi_expr *const *exprs, size_t count, struct fi_expr_eval **out,
                    firn_error *err)
{
    struct fi_expr_eval *eval = fi_alloc_zeroed(sizeof *eval);
    int rc = FIRN_OK;
    *out = NULL;
    if (eval == NULL) {
        return fi_error_no_memory(err, "the evaluation of an expression");
    }
    eval->builder.arena.chunk_size = 4096;
    eval->root_count = count;
    eval->roots = fi_alloc_zeroed((count + 1) * sizeof *eval->roots);
    if (eval->roots == NULL) {
        FI_TRY(fi_error_no_memory(err, "the evaluation of an expression"));
    }
    FI_TRY(graft_all(eval, exprs, err));
    eval->states = fi_alloc_zeroed((eval->builder.count + 1) * sizeof *eval->states);
    eval->columns = fi_alloc_array(eval->builder.count + 1, sizeof *eval->columns);
    if (eval->states == NULL || eval->columns == NULL) {
        FI_TRY(fi_error_no_memory(err, "the evaluation of an expression"));
    }
    list_columns(eval);
    *out = eval;
    eval = NULL;
out:
    fi_expr_eval_destroy(eval);
    return rc;
}

void
fi_expr_eval_destroy(struct fi_expr_eval *eval)
{
    if (eval == NULL) {
        return;
    }
    while (eval->slots != NULL) {
        struct slot *slot = eval->slots;
        eval->slots = slot->next;
        fi_buf_deinit(&slot->memory);
        fi_free(slot);
    }
    fi_expr_builder_deinit(&eval->builder);
    fi_free(eval->roots);
    fi_free(eval->states);
    fi_free(eval->columns);
    fi_free(eval);
}

const uint32_t *
fi_expr_eval_columns(const struct fi_expr_eval *eval, size_t *out_count)
{
    *out_count = eval->column_count;
    return eval->columns;
}

/* ---- memory ---- */

static int
take_slot(struct fi_expr_eval *eval, struct slot **out, firn_error *err)
{
    struct slot *slot = eval->free_slots;
    if (slot != NULL) {
        eval->free_slots = slot->next_free;
    } else {
        slot = fi_alloc(sizeof *slot);
        if (slot == NULL) {
            return fi_error_no_memory(err, "values of an expression");
        }
        slot->memory = (struct fi_buf){.data = NULL};
        memset(slot->data, 0, sizeof slot->data);
        slot->next = eval->slots;
        eval->slots = slot;
    }
    fi_buf_clear(&slot->memory);
    slot->is_constant = false;
    *out = slot;
    return FIRN_OK;
}

/* Slots of bytes are not reused before the next batch: other values may point into them. */
static void
give_slot(struct fi_expr_eval *eval, struct state *state)
{
    if (state->slot != NULL && state->values.kind == FI_PHYSICAL_BYTES) {
        state->slot = NULL;
    }
    if (state->slot != NULL) {
        state->slot->next_free = eval->free_slots;
        eval->free_slots = state->slot;
        state->slot = NULL;
    }
    state->has_values = false;
}

/* Frees the values of the arguments of a node that has been evaluated, unless something else uses
 * them. */
static void
release_args(struct fi_expr_eval *eval, const struct fi_expr_node *node)
{
    for (uint32_t i = 0; i < node->arg_count; i++) {
        struct state *state = &eval->states[node->args[i]];
        enum fi_expr_op op = eval->builder.nodes[node->args[i]].op;
        if (state->uses == 1 && state->has_values && op != FI_EXPR_OP_CONSTANT &&
            op != FI_EXPR_OP_CAST) {
            give_slot(eval, state);
        }
    }
}

void
fi_expr_eval_begin(struct fi_expr_eval *eval, const struct fi_expr_batch *batch)
{
    CHECK(batch->count >= 1 && batch->count <= FI_EXPR_BATCH_ROWS_MAX);
    eval->batch = *batch;
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        size_t rows = batch->count > word * 64 ? batch->count - word * 64 : 0;
        uint64_t all = rows >= 64 ? UINT64_MAX : (UINT64_C(1) << rows) - 1;
        eval->wanted[word] = batch->wanted != NULL ? batch->wanted[word] & all : all;
    }
    for (size_t i = 0; i < eval->builder.count; i++) {
        if (eval->builder.nodes[i].op != FI_EXPR_OP_CONSTANT) {
            eval->states[i].slot = NULL;
            eval->states[i].has_values = false;
        }
    }
    eval->free_slots = NULL;
    for (struct slot *slot = eval->slots; slot != NULL; slot = slot->next) {
        if (!slot->is_constant) {
            slot->next_free = eval->free_slots;
            eval->free_slots = slot;
        }
    }
}

/* ---- values ---- */

static int eval_node(struct fi_expr_eval *eval, uint32_t number, const uint64_t *mask,
                     firn_error *err);
static int eval_truth(struct fi_expr_eval *eval, uint32_t number, const uint64_t *mask,
                      struct fi_expr_truth *out, firn_error *err);

static bool
is_part(const uint64_t *mask, const uint64_t *whole)
{
    uint64_t more = 0;
    for (size_t i = 0; i < FI_EXPR_MASK_WORDS; i++) {
        more |= mask[i] & ~whole[i];
    }
    return more == 0;
}

static bool
is_empty(const uint64_t *mask)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FI_EXPR_MASK_WORDS; i++) {
        any |= mask[i];
    }
    return any == 0;
}

/* Whether no row is both, and only rows of the mask are either. */
static bool
is_truth_of(const struct fi_expr_truth *truth, const uint64_t *mask)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < FI_EXPR_MASK_WORDS; i++) {
        wrong |= (truth->yes[i] & truth->no[i]) | ((truth->yes[i] | truth->no[i]) & ~mask[i]);
    }
    return wrong == 0;
}

static void
point_to(struct fi_chunk_values *values, const void *data)
{
    switch (values->kind) {
    case FI_PHYSICAL_I64:
        values->as.i64 = data;
        break;
    case FI_PHYSICAL_U64:
        values->as.u64 = data;
        break;
    case FI_PHYSICAL_F32:
        values->as.f32 = data;
        break;
    case FI_PHYSICAL_F64:
        values->as.f64 = data;
        break;
    default:
        DCHECK(values->kind == FI_PHYSICAL_BYTES);
        values->as.bytes = data;
        break;
    }
}

/* The values of a node that has its slot. */
static struct fi_chunk_values
values_of(const struct fi_expr_eval *eval, const struct fi_expr_node *node, struct slot *slot)
{
    struct fi_chunk_values values = {.kind = fi_expr_physical(node->type.type),
                                     .count = eval->batch.count};
    values.fixed_size = fi_type_bytes_size(node->type.type, node->type.dimensions);
    point_to(&values, slot->data);
    return values;
}

static int
eval_constant(struct fi_expr_eval *eval, const struct fi_expr_node *node, struct state *state,
              firn_error *err)
{
    if (state->slot == NULL) {
        FI_TRY_RETURN(take_slot(eval, &state->slot, err));
        state->slot->is_constant = true;
        firn_slice *bytes = (firn_slice *)(void *)state->slot->data;
        float *f32 = (float *)(void *)state->slot->data;
        uint64_t *u64 = (uint64_t *)(void *)state->slot->data;
        for (size_t i = 0; i < FI_EXPR_BATCH_ROWS_MAX; i++) {
            if (fi_expr_physical(node->type.type) == FI_PHYSICAL_BYTES) {
                bytes[i] = node->a.kind == FI_PHYSICAL_NONE ? firn_bytes(state->slot->data, 0)
                                                            : node->a.as.bytes;
            } else if (node->a.kind == FI_PHYSICAL_F32) {
                f32[i] = node->a.as.f32;
            } else {
                u64[i] = node->a.kind == FI_PHYSICAL_NONE ? 0 : node->a.as.u64;
            }
        }
        memset(state->slot->valid, 0, sizeof state->slot->valid);
    }
    state->values = values_of(eval, node, state->slot);
    state->values.valid = node->a.kind == FI_PHYSICAL_NONE ? state->slot->valid : NULL;
    return FIRN_OK;
}

static void
eval_input(const struct fi_expr_eval *eval, const struct fi_expr_node *node, struct state *state)
{
    const struct fi_chunk_values *inputs = node->op == FI_EXPR_OP_COLUMN ? eval->batch.columns
                                           : node->op == FI_EXPR_OP_KEY  ? eval->batch.keys
                                                                         : eval->batch.aggregates;
    CHECK(inputs != NULL);
    state->values = inputs[node->number];
    CHECK(state->values.kind == fi_expr_physical(node->type.type));
    CHECK(state->values.count >= eval->batch.count);
    state->values.count = eval->batch.count;
}

/* Whether (I3) holds for the rows in `mask`. */
static bool
are_nulls_zero(const struct fi_chunk_values *values, const uint64_t *mask)
{
    for (size_t word = 0; values->valid != NULL && word < FI_EXPR_MASK_WORDS; word++) {
        uint64_t left = mask[word] == 0 ? 0 : mask[word] & ~values->valid[word];
        for (; left != 0; left &= left - 1) {
            size_t row = word * 64 + (size_t)__builtin_ctzll(left);
            if (values->kind == FI_PHYSICAL_BYTES ? values->as.bytes[row].size != 0
                : values->kind == FI_PHYSICAL_F32 ? values->as.f32[row] != 0
                                                  : values->as.u64[row] != 0) {
                return false;
            }
        }
    }
    return true;
}

/* Rows that are null get the value 0 (I3). */
static void
clear_nulls(struct fi_chunk_values *values, struct slot *slot, const uint64_t *mask)
{
    uint64_t *u64 = (uint64_t *)(void *)slot->data;
    float *f32 = (float *)(void *)slot->data;
    firn_slice *bytes = (firn_slice *)(void *)slot->data;
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        for (uint64_t left = mask[word] & ~slot->valid[word]; left != 0; left &= left - 1) {
            size_t row = word * 64 + (size_t)__builtin_ctzll(left);
            if (values->kind == FI_PHYSICAL_BYTES) {
                bytes[row] = firn_bytes(slot->data, 0);
            } else if (values->kind == FI_PHYSICAL_F32) {
                f32[row] = 0;
            } else {
                u64[row] = 0;
            }
        }
    }
}

/* Copies the values of some rows. */
static void
copy_rows(const struct fi_chunk_values *from, const uint64_t *rows, struct slot *slot)
{
    size_t size = from->kind == FI_PHYSICAL_BYTES ? sizeof(firn_slice)
                  : from->kind == FI_PHYSICAL_F32 ? sizeof(float)
                                                  : sizeof(uint64_t);
    const uint8_t *source =
        from->kind == FI_PHYSICAL_BYTES ? (const uint8_t *)(const void *)from->as.bytes
        : from->kind == FI_PHYSICAL_F32 ? (const uint8_t *)(const void *)from->as.f32
                                        : (const uint8_t *)(const void *)from->as.u64;
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        if (rows[word] == 0) {
            continue; /* valid may have no words after the last row */
        }
        slot->valid[word] |= rows[word] & (from->valid != NULL ? from->valid[word] : UINT64_MAX);
        if (rows[word] == UINT64_MAX) {
            memcpy(slot->data + word * 64 * size, source + word * 64 * size, 64 * size);
            continue;
        }
        for (uint64_t left = rows[word]; left != 0; left &= left - 1) {
            size_t row = word * 64 + (size_t)__builtin_ctzll(left);
            if (size == sizeof(uint64_t)) {
                memcpy(slot->data + row * 8, source + row * 8, 8);
            } else {
                memcpy(slot->data + row * size, source + row * size, size);
            }
        }
    }
}

/* Evaluates one part of a choice for some rows. */
static int
take_part(struct fi_expr_eval *eval, uint32_t arg, const uint64_t *rows, struct slot *slot,
          firn_error *err)
{
    if (!is_empty(rows)) {
        FI_TRY_RETURN(eval_node(eval, arg, rows, err));
        copy_rows(&eval->states[arg].values, rows, slot);
    }
    return FIRN_OK;
}

static int
eval_choice(struct fi_expr_eval *eval, const struct fi_expr_node *node, struct slot *slot,
            const uint64_t *mask, firn_error *err)
{
    uint64_t open[FI_EXPR_MASK_WORDS];
    memcpy(open, mask, sizeof open);
    memset(slot->valid, 0, sizeof slot->valid);
    bool is_case = node->op == FI_EXPR_OP_CASE;
    for (uint32_t i = 0; i < node->arg_count && !is_empty(open); i += is_case ? 2 : 1) {
        bool is_last = i + 1 == node->arg_count;
        struct fi_expr_truth truth;
        if (is_case && !is_last) {
            FI_TRY_RETURN(eval_truth(eval, node->args[i], open, &truth, err));
            DCHECK(is_part(truth.yes, open)); /* (I1) */
            FI_TRY_RETURN(take_part(eval, node->args[i + 1], truth.yes, slot, err));
            for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
                open[word] &= ~truth.yes[word];
            }
        } else {
            FI_TRY_RETURN(take_part(eval, node->args[i], open, slot, err));
            for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
                open[word] &= ~slot->valid[word];
            }
        }
    }
    return FIRN_OK;
}

static int
run_values(struct fi_expr_work *work)
{
    switch (work->node->op) {
    case FI_EXPR_OP_LEAST:
    case FI_EXPR_OP_GREATEST:
        return fi_expr_eval_arith_choose(work);
    case FI_EXPR_OP_CAST:
        return fi_expr_eval_cast(work);
    case FI_EXPR_OP_LENGTH:
    case FI_EXPR_OP_LOWER:
    case FI_EXPR_OP_UPPER:
    case FI_EXPR_OP_SUBSTR:
    case FI_EXPR_OP_CONCAT:
        return fi_expr_eval_text(work);
    case FI_EXPR_OP_EXTRACT:
    case FI_EXPR_OP_TRUNCATE:
        return fi_expr_eval_time(work);
    default:
        return fi_expr_eval_arith(work);
    }
}

/* Whether a cast leaves every value as it is. */
static bool
is_cast_free(const struct fi_expr_node *nodes, const struct fi_expr_node *node)
{
    const struct fi_expr_type *from = &nodes[node->args[0]].type;
    const struct fi_expr_type *to = &node->type;
    if (from->type == FIRN_TYPE_DECIMAL && to->type == FIRN_TYPE_DECIMAL) {
        return from->scale == to->scale && from->precision <= to->precision;
    }
    if (from->type == to->type) {
        return true;
    }
    return fi_type_is_integer(from->type) && fi_type_is_integer(to->type) &&
           fi_type_is_unsigned(from->type) == fi_type_is_unsigned(to->type) &&
           from->type <= to->type;
}

struct args {
    const struct fi_expr_node *few_nodes[4];
    const struct fi_chunk_values *few_values[4];
    const struct fi_expr_node **nodes;
    const struct fi_chunk_values **values;
};

static void
deinit_args(struct args *args)
{
    if (args->nodes != args->few_nodes) {
        fi_free(args->nodes);
    }
    if (args->values != args->few_values) {
        fi_free(args->values);
    }
}

/* Evaluates all arguments of a node. */
static int
eval_args(struct fi_expr_eval *eval, const struct fi_expr_node *node, const uint64_t *mask,
          struct args *args, firn_error *err)
{
    bool are_few = node->arg_count <= sizeof args->few_nodes / sizeof args->few_nodes[0];
    args->nodes = are_few ? args->few_nodes : fi_alloc_array(node->arg_count, sizeof(void *));
    args->values = are_few ? args->few_values : fi_alloc_array(node->arg_count, sizeof(void *));
    if (args->nodes == NULL || args->values == NULL) {
        return fi_error_no_memory(err, "values of an expression");
    }
    for (uint32_t i = 0; i < node->arg_count; i++) {
        FI_TRY_RETURN(eval_node(eval, node->args[i], mask, err));
        args->nodes[i] = &eval->builder.nodes[node->args[i]];
        args->values[i] = &eval->states[node->args[i]].values;
    }
    return FIRN_OK;
}

/* The rows for which no argument is null; returns whether there may be others. */
static bool
join_valid(const struct args *args, uint32_t count, uint64_t *valid)
{
    bool has_nulls = false;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *other = args->values[i]->valid;
        size_t words = (args->values[i]->count + 63) / 64;
        for (size_t word = 0; other != NULL && word < words; word++) {
            valid[word] = has_nulls ? valid[word] & other[word] : other[word];
        }
        has_nulls |= other != NULL;
    }
    return has_nulls;
}

static int
eval_strict(struct fi_expr_eval *eval, const struct fi_expr_node *node, struct state *state,
            const uint64_t *mask, firn_error *err)
{
    struct args args = {.nodes = args.few_nodes, .values = args.few_values};
    int rc;
    FI_TRY(eval_args(eval, node, mask, &args, err));
    if (node->op == FI_EXPR_OP_CAST && is_cast_free(eval->builder.nodes, node)) {
        DCHECK(args.values[0] != NULL);  /* a cast has an argument */
        state->values = *args.values[0]; /* release_args does not free their memory */
        goto out;
    }
    FI_TRY(take_slot(eval, &state->slot, err));
    struct fi_expr_work work = {.node = node,
                                .arg_nodes = args.nodes,
                                .args = args.values,
                                .arg_count = node->arg_count,
                                .count = eval->batch.count,
                                .wanted = mask,
                                .valid = state->slot->valid,
                                .memory = &state->slot->memory,
                                .err = err};
    work.out.u64 = (uint64_t *)(void *)state->slot->data;
    memset(state->slot->valid, 0, sizeof state->slot->valid);
    work.has_nulls = join_valid(&args, node->arg_count, state->slot->valid);
    state->values = values_of(eval, node, state->slot);
    FI_TRY(run_values(&work));
    if (work.has_nulls) {
        state->values.valid = state->slot->valid;
        clear_nulls(&state->values, state->slot, mask);
    }
    release_args(eval, node);
out:
    deinit_args(&args);
    return rc;
}

static int
eval_truth_values(struct fi_expr_eval *eval, uint32_t number, struct state *state,
                  const uint64_t *mask, firn_error *err)
{
    const struct fi_expr_node *node = &eval->builder.nodes[number];
    struct fi_expr_truth truth;
    bool has_nulls = false;
    FI_TRY_RETURN(eval_truth(eval, number, mask, &truth, err));
    DCHECK(is_truth_of(&truth, mask)); /* (I1), (I2) */
    FI_TRY_RETURN(take_slot(eval, &state->slot, err));
    uint64_t *out = (uint64_t *)(void *)state->slot->data;
    for (size_t i = 0; i < eval->batch.count; i++) {
        out[i] = truth.yes[i / 64] >> (i % 64) & 1;
    }
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        state->slot->valid[word] = truth.yes[word] | truth.no[word];
        has_nulls |= (mask[word] & ~state->slot->valid[word]) != 0;
    }
    state->values = values_of(eval, node, state->slot);
    state->values.valid = has_nulls ? state->slot->valid : NULL;
    return FIRN_OK;
}

/* Recursive: nodes are not deep. */
static int
eval_node(struct fi_expr_eval *eval, uint32_t number, const uint64_t *mask, firn_error *err)
{
    const struct fi_expr_node *node = &eval->builder.nodes[number];
    struct state *state = &eval->states[number];
    DCHECK(is_part(mask, eval->wanted)); /* (I1), (I2) */
    if (state->has_values && is_part(mask, state->mask)) {
        return FIRN_OK;
    }
    if (node->op != FI_EXPR_OP_CONSTANT) {
        give_slot(eval, state);
    }
    switch (node->op) {
    case FI_EXPR_OP_COLUMN:
    case FI_EXPR_OP_KEY:
    case FI_EXPR_OP_RESULT:
        eval_input(eval, node, state);
        memcpy(state->mask, eval->wanted, sizeof state->mask);
        state->has_values = true;
        return FIRN_OK;
    case FI_EXPR_OP_CONSTANT:
        FI_TRY_RETURN(eval_constant(eval, node, state, err));
        return FIRN_OK;
    case FI_EXPR_OP_CASE:
    case FI_EXPR_OP_COALESCE:
        FI_TRY_RETURN(take_slot(eval, &state->slot, err));
        FI_TRY_RETURN(eval_choice(eval, node, state->slot, mask, err));
        state->values = values_of(eval, node, state->slot);
        state->values.valid = is_part(mask, state->slot->valid) ? NULL : state->slot->valid;
        clear_nulls(&state->values, state->slot, mask);
        release_args(eval, node);
        break;
    default:
        if (fi_expr_is_truth(node->op)) {
            FI_TRY_RETURN(eval_truth_values(eval, number, state, mask, err));
        } else {
            FI_TRY_RETURN(eval_strict(eval, node, state, mask, err));
        }
        break;
    }
    DCHECK(are_nulls_zero(&state->values, mask)); /* (I3) */
    memcpy(state->mask, mask, sizeof state->mask);
    state->has_values = true;
    return FIRN_OK;
}

/* ---- truth ---- */

static void
truth_of_bits(const uint64_t *bits, const uint64_t *known, struct fi_expr_truth *out)
{
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        out->yes[word] = known[word] & bits[word];
        out->no[word] = known[word] & ~bits[word];
    }
}

/* Values as truth. */
static int
truth_of_values(struct fi_expr_eval *eval, uint32_t number, const uint64_t *mask,
                struct fi_expr_truth *out, firn_error *err)
{
    const struct fi_chunk_values *values = &eval->states[number].values;
    uint64_t bits[FI_EXPR_MASK_WORDS] = {0};
    uint64_t known[FI_EXPR_MASK_WORDS];
    FI_TRY_RETURN(eval_node(eval, number, mask, err));
    DCHECK(values->kind == FI_PHYSICAL_U64);
    for (size_t i = 0; i < eval->batch.count; i++) {
        bits[i / 64] |= (uint64_t)(values->as.u64[i] != 0) << i % 64;
    }
    size_t words = (eval->batch.count + 63) / 64;
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        known[word] =
            values->valid != NULL && word < words ? mask[word] & values->valid[word] : mask[word];
    }
    truth_of_bits(bits, known, out);
    return FIRN_OK;
}

static int
truth_of_joined(struct fi_expr_eval *eval, const struct fi_expr_node *node, const uint64_t *mask,
                struct fi_expr_truth *out, firn_error *err)
{
    bool is_and = node->op == FI_EXPR_OP_AND;
    /* For "and": all parts are yes, any part is no. For "or", the other way around. */
    uint64_t *all = is_and ? out->yes : out->no;
    uint64_t *one = is_and ? out->no : out->yes;
    uint64_t open[FI_EXPR_MASK_WORDS];
    memcpy(open, mask, sizeof open);
    memcpy(all, mask, sizeof out->yes);
    memset(one, 0, sizeof out->no);
    for (uint32_t i = 0; i < node->arg_count && !is_empty(open); i++) {
        struct fi_expr_truth part;
        FI_TRY_RETURN(eval_truth(eval, node->args[i], open, &part, err));
        DCHECK(is_truth_of(&part, open)); /* (I1) */
        for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
            all[word] &= is_and ? part.yes[word] : part.no[word];
            one[word] |= is_and ? part.no[word] : part.yes[word];
            open[word] &= ~one[word];
        }
    }
    return FIRN_OK;
}

static int
truth_of_null(struct fi_expr_eval *eval, const struct fi_expr_node *node, const uint64_t *mask,
              struct fi_expr_truth *out, firn_error *err)
{
    uint64_t bits[FI_EXPR_MASK_WORDS] = {0};
    const struct state *state = &eval->states[node->args[0]];
    FI_TRY_RETURN(eval_node(eval, node->args[0], mask, err));
    size_t words = (eval->batch.count + 63) / 64;
    for (size_t word = 0; word < words; word++) {
        bits[word] = state->values.valid != NULL ? ~state->values.valid[word] : 0;
    }
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        bits[word] = node->is_negated ? ~bits[word] : bits[word];
    }
    truth_of_bits(bits, mask, out);
    release_args(eval, node);
    return FIRN_OK;
}

static int
truth_of_test(struct fi_expr_eval *eval, const struct fi_expr_node *node, const uint64_t *mask,
              struct fi_expr_truth *out, firn_error *err)
{
    uint64_t bits[FI_EXPR_MASK_WORDS] = {0};
    uint64_t known[FI_EXPR_MASK_WORDS] = {0};
    struct args args = {.nodes = args.few_nodes, .values = args.few_values};
    int rc;
    FI_TRY(eval_args(eval, node, mask, &args, err));
    struct fi_expr_work work = {.node = node,
                                .arg_nodes = args.nodes,
                                .args = args.values,
                                .arg_count = node->arg_count,
                                .count = eval->batch.count,
                                .wanted = mask,
                                .valid = known,
                                .err = err};
    work.has_nulls = join_valid(&args, node->arg_count, known);
    if (node->op == FI_EXPR_OP_LIKE || node->op == FI_EXPR_OP_PREFIX) {
        fi_expr_eval_text_match(&work, bits);
    } else {
        fi_expr_eval_compare(&work, bits);
    }
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        bits[word] = node->is_negated ? ~bits[word] : bits[word];
        known[word] = work.has_nulls ? known[word] & mask[word] : mask[word];
    }
    truth_of_bits(bits, known, out);
    release_args(eval, node);
out:
    deinit_args(&args);
    return rc;
}

static int
eval_truth(struct fi_expr_eval *eval, uint32_t number, const uint64_t *mask,
           struct fi_expr_truth *out, firn_error *err)
{
    const struct fi_expr_node *node = &eval->builder.nodes[number];
    struct fi_expr_truth part;
    int rc;
    switch (node->op) {
    case FI_EXPR_OP_AND:
    case FI_EXPR_OP_OR:
        return truth_of_joined(eval, node, mask, out, err);
    case FI_EXPR_OP_NOT:
        rc = eval_truth(eval, node->args[0], mask, &part, err);
        memcpy(out->yes, part.no, sizeof out->yes);
        memcpy(out->no, part.yes, sizeof out->no);
        return rc;
    case FI_EXPR_OP_IS_TRUE:
        rc = eval_truth(eval, node->args[0], mask, &part, err);
        for (size_t word = 0; rc == FIRN_OK && word < FI_EXPR_MASK_WORDS; word++) {
            uint64_t is = node->detail != 0 ? part.yes[word] : part.no[word];
            out->yes[word] = mask[word] & (node->is_negated ? ~is : is);
            out->no[word] = mask[word] & ~out->yes[word];
        }
        return rc;
    case FI_EXPR_OP_IS_NULL:
        return truth_of_null(eval, node, mask, out, err);
    case FI_EXPR_OP_COMPARE:
    case FI_EXPR_OP_RANGE:
    case FI_EXPR_OP_IN:
    case FI_EXPR_OP_LIKE:
    case FI_EXPR_OP_PREFIX:
        return truth_of_test(eval, node, mask, out, err);
    default:
        return truth_of_values(eval, number, mask, out, err);
    }
}

/* ---- calls ---- */

int
fi_expr_eval_values(struct fi_expr_eval *eval, size_t i, struct fi_chunk_values *out,
                    firn_error *err)
{
    CHECK(i < eval->root_count && eval->batch.count > 0);
    FI_TRY_RETURN(eval_node(eval, eval->roots[i], eval->wanted, err));
    *out = eval->states[eval->roots[i]].values;
    return FIRN_OK;
}

int
fi_expr_eval_filter(struct fi_expr_eval *eval, size_t i, uint64_t *mask, firn_error *err)
{
    struct fi_expr_truth truth;
    uint64_t wanted[FI_EXPR_MASK_WORDS];
    CHECK(i < eval->root_count && eval->batch.count > 0);
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        wanted[word] = mask[word] & eval->wanted[word];
    }
    FI_TRY_RETURN(eval_truth(eval, eval->roots[i], wanted, &truth, err));
    DCHECK(is_truth_of(&truth, wanted));
    memcpy(mask, truth.yes, sizeof truth.yes);
    return FIRN_OK;
}
