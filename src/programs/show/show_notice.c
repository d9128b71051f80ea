/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_notice.c: what the library tells while it works, as an object: the same in --json and
 * MCP.
 */
#include "show/show.h"

#include <assert.h>

void
fi_show_notice_write(struct fi_term_writer *out, const struct fi_show_notice *notice)
{
    assert(notice->kind != NULL && notice->text != NULL);
    fi_term_writer_object(out, NULL);
    fi_term_writer_string(out, "kind", notice->kind);
    fi_term_writer_bytes(out, "path", notice->path);
    fi_term_writer_bytes(out, "text", firn_str(notice->text));
    if (notice->checkpoint != NULL) {
        fi_term_writer_string(out, "checkpoint", notice->checkpoint);
    }
    fi_term_writer_end(out);
}
