/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_change.c: how a difference between two states of a workspace is shown: as a row for
 * people, as one letter and a path, and in JSON.
 *
 * In rows the path of a directory ends in a slash; in JSON the member `type` tells directories from
 * files.
 */
#include "show/show.h"

#include <assert.h>

#include "term/term.h"

static const firn_workspace_entry *
entry_of(const firn_workspace_change *change)
{
    assert(change->before != NULL || change->after != NULL);
    return change->after != NULL ? change->after : change->before;
}

static char
letter_of(const firn_workspace_change *change)
{
    switch (change->kind) {
    case FIRN_CHANGE_ADDED:
        return 'A';
    case FIRN_CHANGE_REMOVED:
        return 'D';
    case FIRN_CHANGE_CONTENT:
        return (change->what & FIRN_CHANGED_TYPE) != 0 ? 'T' : 'M';
    case FIRN_CHANGE_METADATA:
        return 'm';
    case FIRN_CHANGE_RENAMED:
        return 'R';
    }
    return '?';
}

/* That of the word or letter. */
static const char *
colour_of(const firn_workspace_change *change)
{
    switch (change->kind) {
    case FIRN_CHANGE_ADDED:
        return FI_TERM_GREEN;
    case FIRN_CHANGE_REMOVED:
        return FI_TERM_RED;
    case FIRN_CHANGE_CONTENT:
        return FI_TERM_YELLOW;
    case FIRN_CHANGE_RENAMED:
        return FI_TERM_CYAN;
    case FIRN_CHANGE_METADATA:
        break;
    }
    return FI_TERM_PLAIN;
}

void
fi_show_change_print_path(const firn_workspace_change *change)
{
    fi_term_path_print(entry_of(change)->path);
    fi_term_out_text(entry_of(change)->type == FIRN_ENTRY_DIRECTORY ? "/\n" : "\n");
}

static void
print_paths(const firn_workspace_change *change)
{
    assert(change->kind != FIRN_CHANGE_RENAMED || change->before != NULL);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        fi_term_path_print(change->before->path);
        fi_term_out_text(" -> ");
    }
    fi_show_change_print_path(change);
}

void
fi_show_change_print_kind(const firn_workspace_change *change)
{
    fi_term_colour(colour_of(change));
    fi_term_out_format("%-8s", firn_workspace_change_kind_name(change->kind));
    fi_term_colour(FI_TERM_PLAIN);
    fi_term_out_text("  ");
}

void
fi_show_change_print(const firn_workspace_change *change)
{
    fi_show_change_print_kind(change);
    print_paths(change);
}

void
fi_show_change_print_short(const firn_workspace_change *change)
{
    fi_term_colour(colour_of(change));
    fi_term_out_format("%c", letter_of(change));
    fi_term_colour(FI_TERM_PLAIN);
    fi_term_out_text(" ");
    print_paths(change);
}

void
fi_show_change_json_what(unsigned what)
{
    static const struct {
        firn_workspace_changed bit;
        const char *name;
    } names[] = {
        {FIRN_CHANGED_TYPE, "type"},     {FIRN_CHANGED_CONTENT, "content"},
        {FIRN_CHANGED_LINKS, "links"},   {FIRN_CHANGED_MODE, "mode"},
        {FIRN_CHANGED_OWNER, "owner"},   {FIRN_CHANGED_MTIME, "mtime"},
        {FIRN_CHANGED_XATTRS, "xattrs"},
    };
    fi_term_json_array("what");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((what & names[i].bit) != 0) {
            fi_term_json_string(NULL, names[i].name);
        }
    }
    fi_term_json_end();
}

void
fi_show_change_json_path(const firn_workspace_change *change)
{
    fi_term_json_string("change", firn_workspace_change_kind_name(change->kind));
    fi_term_json_bytes("path", entry_of(change)->path);
}

void
fi_show_change_json_members(const firn_workspace_change *change)
{
    fi_show_change_json_path(change);
    if (change->before != NULL && change->after != NULL) {
        fi_show_change_json_what(change->what);
    }
    if (change->before != NULL) {
        fi_show_checkpoint_entry_json("before", change->before);
    }
    if (change->after != NULL) {
        fi_show_checkpoint_entry_json("after", change->after);
    }
}

void
fi_show_change_json(const firn_workspace_change *change)
{
    fi_term_json_object(NULL);
    fi_show_change_json_members(change);
    fi_term_json_end();
}

/* ---- how many entries differ, or were written ---- */

void
fi_show_change_counts_print_one(uint64_t count, const char *what)
{
    assert(what != NULL);
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_out_format("%s %s", fi_term_text_number(count, number), what);
}

void
fi_show_change_counts_print(const struct fi_show_counts *counts)
{
    fi_show_change_counts_print_one(counts->changed, "changed");
    if (counts->times_only > 0) {
        fi_term_out_text(" (");
        fi_show_change_counts_print_one(counts->times_only, "times only)");
    }
    fi_term_out_text(", ");
    fi_show_change_counts_print_one(counts->added, "added, ");
    fi_show_change_counts_print_one(counts->removed, "removed");
}

void
fi_show_change_counts_json(const struct fi_show_counts *counts)
{
    fi_term_json_u64("added", counts->added);
    fi_term_json_u64("changed", counts->changed);
    fi_term_json_u64("removed", counts->removed);
}
