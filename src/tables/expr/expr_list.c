/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_list.c: lists of expressions, with names, numbers and directions.
 *
 * Each expression of a list has its own nodes; the evaluator finds parts that they share
 * (expr_eval.c). An item that refers to a selected item by name or number is a copy of its
 * expression, so users of a list need not resolve references.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "expr/expr_bind.h"

/* A text with one space for each run of blanks outside of quotes, cut between characters if it is
 * too long. */
static int
set_name(struct fi_expr_item *item, firn_slice text, bool is_source)
{
    const bool is_copy = !is_source && text.size <= FI_EXPR_NAME_SIZE_MAX;
    uint8_t *name = fi_alloc((is_copy ? text.size : FI_EXPR_NAME_SIZE_MAX) + 1);
    size_t size = 0;
    uint8_t quote = 0;
    if (name == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (is_copy) {
        memcpy(name, text.data, text.size);
        name[text.size] = 0;
        item->name = firn_bytes(name, text.size);
        return FIRN_OK;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool is_blank = is_source && quote == 0 && byte != 0 && strchr(" \t\r\n", byte) != NULL;
        if (byte == '\'' || byte == '"') {
            quote = quote == 0 ? byte : quote == byte ? 0 : quote;
        }
        if (is_blank && size > 0 && name[size - 1] == ' ') {
            continue;
        }
        if (size == FI_EXPR_NAME_SIZE_MAX) {
            while (size > 0 && (byte & 0xc0) == 0x80) {
                byte = name[--size];
            }
            break;
        }
        name[size++] = is_blank ? ' ' : byte;
    }
    DCHECK(size <= FI_EXPR_NAME_SIZE_MAX);
    name[size] = 0;
    item->name = firn_bytes(name, size);
    return FIRN_OK;
}

static int
grow_list(struct fi_expr_list *list, size_t *capacity, struct fi_expr_item **out, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(list->items, list->count + 1, *capacity, err));
    struct fi_expr_item *items = list->items;
    *out = &items[list->count++];
    **out = (struct fi_expr_item){.selected = FI_EXPR_NONE};
    return FIRN_OK;
}

static int
add_columns(const struct fi_schema *schema, struct fi_expr_list *list, size_t *capacity,
            firn_error *err)
{
    struct fi_expr_item *item;
    for (size_t i = 0; i < schema->column_count; i++) {
        FI_TRY_RETURN(grow_list(list, capacity, &item, err));
        FI_TRY_RETURN(fi_expr_create_column(schema, (uint32_t)i, &item->expr, err));
        if (set_name(item, schema->columns[i].name, false) != FIRN_OK) {
            return fi_error_no_memory(err, "a list of expressions");
        }
    }
    return FIRN_OK;
}

/* The selected item that a tree refers to by number or name, or FI_EXPR_NONE. */
static int
find_selected(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, size_t *out)
{
    const struct fi_expr_list *selected = binder->env->selected;
    *out = FI_EXPR_NONE;
    if (selected == NULL) {
        return FIRN_OK;
    }
    if (syntax->kind == FI_EXPR_SYNTAX_NUMBER) {
        size_t number = 0;
        for (size_t i = 0; i < syntax->text.size && number <= selected->count; i++) {
            uint8_t byte = syntax->text.data[i];
            number = byte >= '0' && byte <= '9' ? number * 10 + (size_t)(byte - '0') : SIZE_MAX;
        }
        if (number == 0 || number > selected->count) {
            return fi_expr_typed_fail(binder, syntax->at,
                                      "a number here is that of a selected item, from 1 to %zu",
                                      selected->count);
        }
        *out = number - 1;
        return FIRN_OK;
    }
    if (syntax->kind != FI_EXPR_SYNTAX_NAME ||
        (!binder->env->selected_first &&
         fi_schema_find(binder->env->schema, syntax->text) != NULL)) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < selected->count && *out == FI_EXPR_NONE; i++) {
        if (fi_slice_equal(selected->items[i].name, syntax->text)) {
            *out = i;
        }
    }
    return FIRN_OK;
}

/* A name that is just that of a column, which needs no binding; *out is NULL for another tree. */
static int
create_plain(const struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax,
             struct fi_expr **out)
{
    const struct fi_schema *schema = binder->env->schema;
    const struct fi_schema_column *column =
        syntax->kind == FI_EXPR_SYNTAX_NAME ? fi_schema_find(schema, syntax->text) : NULL;
    *out = NULL;
    return column != NULL ? fi_expr_create_column(schema, (uint32_t)(column - schema->columns), out,
                                                  binder->err)
                          : FIRN_OK;
}

static int
add_item(struct fi_expr_binder *binder, const struct fi_expr_syntax_item *syntax,
         enum fi_expr_list_kind kind, struct fi_expr_item *item)
{
    firn_slice source = firn_bytes(binder->text.data + syntax->start, syntax->end - syntax->start);
    bool is_column = syntax->root->kind == FI_EXPR_SYNTAX_NAME;
    int rc;
    DCHECK(syntax->start <= syntax->end && syntax->end <= binder->text.size);
    item->is_descending = syntax->is_descending;
    FI_TRY(kind != FI_EXPR_SELECT ? find_selected(binder, syntax->root, &item->selected) : FIRN_OK);
    if (item->selected != FI_EXPR_NONE) {
        const struct fi_expr *expr = binder->env->selected->items[item->selected].expr;
        if (expr->has_aggregates && binder->env->no_aggregates) {
            return fi_expr_typed_fail(binder, syntax->root->at, "there can be no aggregates here");
        }
        FI_TRY(fi_expr_extract(expr->nodes, fi_expr_root(expr), &item->expr, binder->err));
    } else {
        FI_TRY(create_plain(binder, syntax->root, &item->expr));
        if (item->expr == NULL) {
            FI_TRY(fi_expr_bind_expression(binder, syntax->root, &item->expr));
        }
    }
    DCHECK(item->expr != NULL);
    if (syntax->name.data != NULL) {
        rc = set_name(item, syntax->name, false);
    } else {
        rc = set_name(item, is_column ? syntax->root->text : source, !is_column);
    }
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(binder->err, "a list of expressions");
    }
out:
    return rc;
}

int
fi_expr_list_create(firn_slice text, enum fi_expr_list_kind kind, const struct fi_expr_env *env,
                    struct fi_expr_list *out, firn_error *err)
{
    struct fi_arena arena = {.chunk_size = 2048};
    struct fi_expr_parse_input input = {.text = text, .of = env->of, .kind = &kind};
    struct fi_expr_syntax_item *items = NULL;
    size_t count = 0;
    size_t capacity = 0;
    size_t first = 0;
    struct fi_expr_binder binder = {.env = env,
                                    .text = text,
                                    .next_parameter =
                                        env->next_parameter != NULL ? env->next_parameter : &first,
                                    .err = err};
    struct fi_expr_item *item;
    int rc;
    *out = (struct fi_expr_list){.items = NULL};
    FI_TRY(fi_expr_parse(&input, &arena, &items, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (items[i].root->kind == FI_EXPR_SYNTAX_STAR) {
            FI_TRY(add_columns(env->schema, out, &capacity, err));
            continue;
        }
        FI_TRY(grow_list(out, &capacity, &item, err));
        FI_TRY(add_item(&binder, &items[i], kind, item));
    }
    if (out->count > FI_EXPR_ITEMS_MAX) {
        rc = fi_error_set(err, FIRN_LIMIT, "%s%sthe list has %zu items, and at most %d are read",
                          env->of != NULL ? env->of : "", env->of != NULL ? ": " : "", out->count,
                          FI_EXPR_ITEMS_MAX);
    }
out:
    fi_arena_deinit(&arena);
    if (rc != FIRN_OK) {
        fi_expr_list_deinit(out);
    }
    return rc;
}

void
fi_expr_list_deinit(struct fi_expr_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        union {
            const uint8_t *data;
            void *memory;
        } name = {.data = list->items[i].name.data};
        fi_expr_destroy(list->items[i].expr);
        fi_free(name.memory);
    }
    fi_free(list->items);
    *list = (struct fi_expr_list){.items = NULL};
}
