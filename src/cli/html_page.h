/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/html_page.h: what surrounds the checkpoints of a report: head, style, chart, foot.
 */
#ifndef FIRN_CLI_HTML_PAGE_H
#define FIRN_CLI_HTML_PAGE_H

#include <stddef.h>

#include "firn/firn.h"

struct firn_html_page {
    const char *root;                             /* of the workspace */
    const firn_workspace_checkpoint *checkpoints; /* newest first */
    size_t count;
    bool has_older; /* than the last one */
};

/* Everything up to the first checkpoint. */
void firn_html_page_begin(const struct firn_html_page *page);
/* Everything behind the last one. cut: how many files' lines were left out, in part or all. */
void firn_html_page_end(const struct firn_html_page *page, uint64_t cut);

#endif
