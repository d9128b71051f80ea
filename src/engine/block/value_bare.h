/* SPDX-License-Identifier: Apache-2.0
 *
 * block/value_bare.h: values that lie as they are in a file that was made for something else
 * (block/value_file.h draws the references).
 */
#ifndef FIRN_BLOCK_VALUE_BARE_H
#define FIRN_BLOCK_VALUE_BARE_H

#include "block/value_file.h"

struct firn_value_bare;

/* *out is NULL, and FIRN_OK returned, where the file is a sealed one: it begins like one, or is
 * too short for anything else. */
FIRN_MUST_CHECK int firn_value_bare_open(const struct firn_run_env *env, const char *name,
                                         struct firn_value_bare **out, firn_error *err);
/* NULL is fine. */
void firn_value_bare_close(struct firn_value_bare *bare);
uint64_t firn_value_bare_size_bytes(const struct firn_value_bare *bare);
uint64_t firn_value_bare_identity(const struct firn_value_bare *bare);
const char *firn_value_bare_path(const struct firn_value_bare *bare);

/* As firn_value_file_read, of a reference that is_bare. A failure may leave bytes behind what out
 * had. */
FIRN_MUST_CHECK int firn_value_bare_read(struct firn_value_bare *bare,
                                         const struct firn_value_file_reference *reference,
                                         enum firn_block_cache_use use, struct firn_buf *out,
                                         firn_error *err);

#endif
