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
        return FIRN_TERM_GREEN;
    case FIRN_CHANGE_REMOVED:
        return FIRN_TERM_RED;
    case FIRN_CHANGE_CONTENT:
        return FIRN_TERM_YELLOW;
    case FIRN_CHANGE_RENAMED:
        return FIRN_TERM_CYAN;
    case FIRN_CHANGE_METADATA:
        break;
    }
    return FIRN_TERM_PLAIN;
}

void
firn_show_change_print_path(const firn_workspace_change *change)
{
    firn_term_path_print(entry_of(change)->path);
    firn_term_out_text(entry_of(change)->type == FIRN_ENTRY_DIRECTORY ? "/\n" : "\n");
}

static void
print_paths(const firn_workspace_change *change)
{
    assert(change->kind != FIRN_CHANGE_RENAMED || change->before != NULL);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        firn_term_path_print(change->before->path);
        firn_term_out_text(" -> ");
    }
    firn_show_change_print_path(change);
}

void
firn_show_change_print_kind(const firn_workspace_change *change)
{
    firn_term_colour(colour_of(change));
    firn_term_out_format("%-8s", firn_workspace_change_kind_name(change->kind));
    firn_term_colour(FIRN_TERM_PLAIN);
    firn_term_out_text("  ");
}

void
firn_show_change_print(const firn_workspace_change *change)
{
    firn_show_change_print_kind(change);
    print_paths(change);
}

void
firn_show_change_print_short(const firn_workspace_change *change)
{
    firn_term_colour(colour_of(change));
    firn_term_out_format("%c", letter_of(change));
    firn_term_colour(FIRN_TERM_PLAIN);
    firn_term_out_text(" ");
    print_paths(change);
}

void
firn_show_change_json_what(unsigned what)
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
    firn_term_json_array("what");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((what & names[i].bit) != 0) {
            firn_term_json_string(NULL, names[i].name);
        }
    }
    firn_term_json_end();
}

void
firn_show_change_json_path(const firn_workspace_change *change)
{
    firn_term_json_string("change", firn_workspace_change_kind_name(change->kind));
    firn_term_json_bytes("path", entry_of(change)->path);
}

void
firn_show_change_json_members(const firn_workspace_change *change)
{
    firn_show_change_json_path(change);
    if (change->before != NULL && change->after != NULL) {
        firn_show_change_json_what(change->what);
    }
    if (change->before != NULL) {
        firn_show_checkpoint_entry_json("before", change->before);
    }
    if (change->after != NULL) {
        firn_show_checkpoint_entry_json("after", change->after);
    }
}

void
firn_show_change_json(const firn_workspace_change *change)
{
    firn_term_json_object(NULL);
    firn_show_change_json_members(change);
    firn_term_json_end();
}

/* ---- how many entries differ, or were written ---- */

void
firn_show_change_counts_print_one(uint64_t count, const char *what)
{
    assert(what != NULL);
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_term_out_format("%s %s", firn_term_text_number(count, number), what);
}

void
firn_show_change_counts_print(const struct firn_show_counts *counts)
{
    firn_show_change_counts_print_one(counts->changed, "changed");
    if (counts->times_only > 0) {
        firn_term_out_text(" (");
        firn_show_change_counts_print_one(counts->times_only, "times only)");
    }
    firn_term_out_text(", ");
    firn_show_change_counts_print_one(counts->added, "added, ");
    firn_show_change_counts_print_one(counts->removed, "removed");
}

void
firn_show_change_counts_json(const struct firn_show_counts *counts)
{
    firn_term_json_u64("added", counts->added);
    firn_term_json_u64("changed", counts->changed);
    firn_term_json_u64("removed", counts->removed);
}
