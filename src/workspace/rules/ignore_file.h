/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/ignore_file.h: the patterns of one rule file.
 */
#ifndef FIRN_RULES_IGNORE_FILE_H
#define FIRN_RULES_IGNORE_FILE_H

#include "base/error.h"
#include "rules/ignore_pattern.h"

enum {
    FIRN_IGNORE_FILE_SIZE_MAX = 1 << 20,
    FIRN_IGNORE_FILE_PATTERNS_MAX = 1 << 16 /* those beyond are bad lines */
};

/* Does not change once it is made: any thread. */
struct firn_ignore_file;

/* Reads at most FIRN_IGNORE_FILE_SIZE_MAX bytes, of which it keeps a copy. on_bad (may be NULL) is
 * called for each line that cannot be used, from 1. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int
firn_ignore_file_create(firn_slice content,
                        void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx,
                        struct firn_ignore_file **out, firn_error *err);
/* NULL is fine. */
void firn_ignore_file_destroy(struct firn_ignore_file *file);

/* The bytes it was made from. */
firn_slice firn_ignore_file_content(const struct firn_ignore_file *file);

/* The pattern that decides about an entry below the file's directory: the last one that matches.
 * NULL if none does. */
const struct firn_ignore_pattern *
firn_ignore_file_find(const struct firn_ignore_file *file,
                      const struct firn_ignore_pattern_entry *entry);

#endif
