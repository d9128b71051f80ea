/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_notice.c: what the library tells while it works, as an object: the same in --json and
 * MCP.
 */
#include "show/show.h"

#include <assert.h>

void
firn_show_notice_write(struct firn_term_writer *out, const struct firn_show_notice *notice)
{
    assert(notice->kind != NULL && notice->text != NULL);
    firn_term_writer_object(out, NULL);
    firn_term_writer_string(out, "kind", notice->kind);
    firn_term_writer_bytes(out, "path", notice->path);
    firn_term_writer_bytes(out, "text", firn_str(notice->text));
    if (notice->checkpoint != NULL) {
        firn_term_writer_string(out, "checkpoint", notice->checkpoint);
    }
    firn_term_writer_end(out);
}
