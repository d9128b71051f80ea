/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/html_difference.h: what a checkpoint changed, as HTML.
 */
#ifndef FIRN_CLI_HTML_DIFFERENCE_H
#define FIRN_CLI_HTML_DIFFERENCE_H

#include "firn/firn.h"

/* What a page holds at most. */
struct firn_html_difference {
    bool with_lines;
    uint64_t page_bytes_max; /* behind them no more lines are shown */
    uint64_t entries;        /* met so far of this checkpoint */
    uint64_t entries_cut; /* files of all checkpoints whose lines were left out, in part or all */
    bool is_out_of_memory;
};

/* For firn_workspace_diff; ctx is a struct firn_html_difference. */
int firn_html_difference_visit(void *ctx, const firn_workspace_difference *difference);

enum {
    FIRN_HTML_DIFFERENCE_ENTRIES_MAX = 1000
}; /* of a checkpoint; what more there is is counted */

#endif
