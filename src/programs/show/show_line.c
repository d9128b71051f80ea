/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_line.c: how the lines of remotes, and their checkpoints, are named.
 */
#include "show/show.h"

#include <stdio.h>

int
fi_show_line_name(const firn_workspace_line *line, char out[FI_SHOW_LINE_NAME_SIZE])
{
    const int limit = FI_SHOW_LINE_NAME_SIZE / 2 - 1;
    if (line->remote.size > (size_t)limit || line->name.size > (size_t)limit) {
        return FIRN_LIMIT;
    }
    (void)snprintf(out, FI_SHOW_LINE_NAME_SIZE, "%.*s/%.*s", (int)line->remote.size,
                   (const char *)line->remote.data, (int)line->name.size,
                   (const char *)line->name.data);
    return FIRN_OK;
}

const char *
fi_show_line_reference(const char *line, const firn_workspace_checkpoint *checkpoint,
                       char out[FI_SHOW_LINE_REFERENCE_SIZE])
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    (void)snprintf(out, FI_SHOW_LINE_REFERENCE_SIZE, "%s/%s", line,
                   fi_show_checkpoint_name(checkpoint, name));
    return out;
}

const char *
fi_show_line_hint(int code)
{
    return code == FIRN_NOT_FOUND || code == FIRN_CONFLICT
               ? "firn remote show REMOTE shows its lines; a checkpoint of one is no line: firn "
                 "show REMOTE/REF"
               : NULL;
}
