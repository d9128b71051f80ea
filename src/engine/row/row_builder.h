/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_builder.h: writing a run. See block/run_kind.h.
 */
#ifndef FIRN_ROW_ROW_BUILDER_H
#define FIRN_ROW_ROW_BUILDER_H

#include "row/row.h"

FIRN_MUST_CHECK int firn_row_builder_create(const struct firn_run_env *env, const char *name,
                                            const struct firn_run_builder_options *options,
                                            struct firn_run_builder **out, firn_error *err);
FIRN_MUST_CHECK int firn_row_builder_add(struct firn_run_builder *builder,
                                         const struct firn_entry *entry, firn_error *err);
FIRN_MUST_CHECK int firn_row_builder_add_range(struct firn_run_builder *builder,
                                               const struct firn_range *range, firn_error *err);
FIRN_MUST_CHECK int firn_row_builder_set_origin(struct firn_run_builder *builder,
                                                const struct firn_run_origin *origin,
                                                firn_error *err);
uint64_t firn_row_builder_size_bytes(const struct firn_run_builder *builder);
FIRN_MUST_CHECK int firn_row_builder_finish(struct firn_run_builder *builder,
                                            struct firn_run_summary *out, firn_error *err);
void firn_row_builder_destroy(struct firn_run_builder *builder);

#endif
