/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_create.c: an expression from a text: parsing, then binding.
 */
#include "base/check.h"
#include "expr/expr_bind.h"

int
fi_expr_create(firn_slice text, const struct fi_expr_env *env, struct fi_expr **out,
               firn_error *err)
{
    struct fi_arena arena = {.chunk_size = 2048};
    struct fi_expr_parse_input input = {.text = text, .of = env->of};
    struct fi_expr_syntax_item *items;
    size_t count;
    size_t first = 0;
    struct fi_expr_binder binder = {.env = env,
                                    .text = text,
                                    .next_parameter =
                                        env->next_parameter != NULL ? env->next_parameter : &first,
                                    .err = err};
    int rc;
    *out = NULL;
    FI_TRY(fi_expr_parse(&input, &arena, &items, &count, err));
    DCHECK(count == 1);
    FI_TRY(fi_expr_bind_expression(&binder, items[0].root, out));
out:
    fi_arena_deinit(&arena);
    return rc;
}
