/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_walk.c: the changes that a pass visits.
 *
 * All passes visit the same changes in the same order: those that the plan recorded, or, if there
 * are many, those of another walk over the same two trees (checkout_record.c). Entries that are
 * left as they are (checkout_left.c) are skipped.
 */
#include "checkout/checkout_internal.h"

bool
fi_checkout_walk_needs_content(const struct fi_difference_walk_change *change)
{
    const unsigned rewrite =
        FI_DIFFERENCE_WALK_TYPE | FI_DIFFERENCE_WALK_CONTENT | FI_DIFFERENCE_WALK_GROUP;
    return change->after != NULL && change->after->kind != FI_TREE_DIR &&
           (change->kind == FI_DIFFERENCE_WALK_ADDED ||
            (change->kind == FI_DIFFERENCE_WALK_CHANGED && (change->what & rewrite) != 0));
}

bool
fi_checkout_walk_makes_dir(const struct fi_difference_walk_change *change)
{
    return change->path.size > 0 && change->after != NULL && change->after->kind == FI_TREE_DIR &&
           (change->kind == FI_DIFFERENCE_WALK_ADDED ||
            (change->what & FI_DIFFERENCE_WALK_TYPE) != 0);
}

static bool
has_tail(const void *ctx, firn_slice path)
{
    return fi_checkout_stores_has_tail(ctx, path);
}

struct fi_difference_walk_options
fi_checkout_walk_options(const struct fi_checkout *checkout)
{
    return (struct fi_difference_walk_options){
        .filter = checkout->options.filter,
        .is_to_replace = checkout->options.stores != NULL ? has_tail : NULL,
        .ctx = checkout->options.stores,
        .without_reserved = true};
}

struct walking {
    struct fi_checkout *checkout;
    int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err);
    void *ctx;
};

/* Skips the entries that are left as they are. */
static int
visit_unless_left(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct walking *walking = ctx;
    return fi_checkout_left_has(walking->checkout, change->path)
               ? FIRN_OK
               : walking->visit(walking->ctx, change, err);
}

int
fi_checkout_walk_with(struct fi_checkout *checkout,
                      int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                                   firn_error *err),
                      void *ctx, firn_error *err)
{
    struct fi_difference_walk_options options = fi_checkout_walk_options(checkout);
    struct walking walking = {.checkout = checkout, .visit = visit, .ctx = ctx};
    if (checkout->record.is_whole) {
        return fi_checkout_record_replay(&checkout->record, visit_unless_left, &walking, err);
    }
    return fi_difference_walk(&checkout->options.before, &checkout->options.after, &options,
                              visit_unless_left, &walking, err);
}

int
fi_checkout_walk(struct fi_checkout *checkout,
                 int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                              firn_error *err),
                 firn_error *err)
{
    return fi_checkout_walk_with(checkout, visit, checkout, err);
}
