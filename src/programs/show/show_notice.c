/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_notice.c: what the library tells while it works, as an object: the same in --json and MCP.
 */
#include "show/show.h"

const char *
firn_show_notice_kind(firn_notice_kind kind)
{
    switch (kind) {
    case FIRN_NOTICE_EXCLUDED:
        return "excluded";
    case FIRN_NOTICE_SPECIAL:
        return "special";
    case FIRN_NOTICE_UNREADABLE:
        return "unreadable";
    case FIRN_NOTICE_CHANGING:
        return "changing";
    case FIRN_NOTICE_GROWING:
        return "growing";
    case FIRN_NOTICE_CARRIED:
        return "carried";
    case FIRN_NOTICE_NEWER:
        return "newer";
    case FIRN_NOTICE_DATE:
        return "date";
    case FIRN_NOTICE_VANISHED:
        return "vanished";
    case FIRN_NOTICE_METADATA:
        return "metadata";
    case FIRN_NOTICE_KEPT:
        return "kept";
    case FIRN_NOTICE_RESUMED:
        return "resumed";
    case FIRN_NOTICE_FOREIGN:
        return "foreign";
    case FIRN_NOTICE_DAMAGED:
        return "damaged";
    case FIRN_NOTICE_BAD_RULE:
        return "bad rule";
    case FIRN_NOTICE_STORE:
        return "store";
    case FIRN_NOTICE_SETTINGS:
        return "settings";
    case FIRN_NOTICE_RESERVED:
        return "reserved";
    case FIRN_NOTICE_LEFT_ALONE:
        return "left alone";
    case FIRN_NOTICE_NOT_RESTORED:
        return "not restored";
    }
    return "other";
}

void
firn_show_notice_write(struct firn_term_writer *out, const struct firn_show_notice *notice)
{
    firn_term_writer_object(out, NULL);
    firn_term_writer_string(out, "kind", notice->kind);
    firn_term_writer_bytes(out, "path", notice->path);
    firn_term_writer_bytes(out, "text", firn_str(notice->text));
    if (notice->checkpoint != NULL) {
        firn_term_writer_string(out, "checkpoint", notice->checkpoint);
    }
    firn_term_writer_end(out);
}
