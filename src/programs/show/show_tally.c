/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_tally.c: how much differs, in a few words for one row: "3 files +12 −4".
 */
#include "show/show.h"

#include <stdio.h>
#include <string.h>

#include "term/term.h"

static bool
is_directory(const firn_workspace_change *change)
{
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    return entry->type == FIRN_ENTRY_DIRECTORY;
}

bool
fi_show_tally_add(struct fi_show_tally *tally, const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    if (change->kind == FIRN_CHANGE_METADATA && change->what == FIRN_CHANGED_MTIME) {
        tally->times++;
        return false;
    }
    tally->directories += is_directory(change);
    tally->files += !is_directory(change);
    tally->added += difference->lines_added;
    tally->removed += difference->lines_removed;
    tally->is_partial = tally->is_partial || difference->lines == FIRN_LINES_TOO_LARGE;
    return true;
}

void
fi_show_tally_text(const struct fi_show_tally *tally, char *out)
{
    enum { SIZE = FI_SHOW_TALLY_TEXT_SIZE };
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char other[FI_TERM_TEXT_NUMBER_SIZE];
    uint64_t count = tally->files > 0 ? tally->files : tally->directories;
    const char *what = tally->files > 0 ? fi_term_text_plural(count, "file", "files")
                                        : fi_term_text_plural(count, "directory", "directories");
    if (count == 0 && tally->times > 0) {
        (void)snprintf(out, SIZE, "%s %s only", fi_term_text_number(tally->times, number),
                       fi_term_text_plural(tally->times, "time", "times"));
        return;
    }
    if (count == 0) {
        (void)snprintf(out, SIZE, "no change");
        return;
    }
    int size = snprintf(out, SIZE, "%s %s", fi_term_text_number(count, number), what);
    if (!tally->is_partial && tally->added + tally->removed > 0) {
        (void)snprintf(out + size, SIZE - (size_t)size, " +%s %s%s",
                       fi_term_text_number(tally->added, number), fi_term_text_minus(),
                       fi_term_text_number(tally->removed, other));
    }
}

void
fi_show_tally_print(const char *text)
{
    const char *added = strstr(text, " +");
    const char *removed = added != NULL ? strchr(added + 1, ' ') : NULL;
    if (removed == NULL) {
        fi_term_out_text(text);
        return;
    }
    fi_term_out_format("%.*s", (int)(added + 1 - text), text);
    fi_term_colour(FI_TERM_GREEN);
    fi_term_out_format("%.*s", (int)(removed - added - 1), added + 1);
    fi_term_colour(FI_TERM_PLAIN);
    fi_term_out_text(" ");
    fi_term_colour(FI_TERM_RED);
    fi_term_out_text(removed + 1);
    fi_term_colour(FI_TERM_PLAIN);
}

void
fi_show_tally_json(const struct fi_show_tally *tally, uint64_t renamed)
{
    fi_term_json_u64("files", tally->files);
    fi_term_json_u64("directories", tally->directories);
    fi_term_json_u64("times_only", tally->times);
    fi_term_json_u64("renamed", renamed);
    fi_term_json_u64_if("lines_added", tally->added, !tally->is_partial);
    fi_term_json_u64_if("lines_removed", tally->removed, !tally->is_partial);
}
