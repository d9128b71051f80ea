/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/line_intern.h: the lines of two texts as numbers: equal lines have equal numbers.
 */
#ifndef FIRN_LINES_LINE_INTERN_H
#define FIRN_LINES_LINE_INTERN_H

#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

enum {
    FIRN_LINE_INTERN_TEXT_SIZE_MAX = 32 << 20, /* bytes of one text */
    FIRN_LINE_INTERN_LINES_MAX = 1 << 20       /* lines of one text */
};

struct firn_line_intern {
    uint32_t *before; /* the number of each line, below number_count */
    uint32_t *after;
    uint32_t before_count;
    uint32_t after_count;
    uint32_t number_count;
};

/* A line ends behind its '\n'; what follows the last one is a line too, and another than the same
 * bytes with a '\n'. The texts are not needed afterwards. FIRN_LIMIT if one is too large. */
FIRN_MUST_CHECK int firn_line_intern_init(struct firn_line_intern *out, firn_slice before,
                                          firn_slice after, firn_error *err);
/* A zeroed struct is fine. */
void firn_line_intern_deinit(struct firn_line_intern *lines);

#endif
