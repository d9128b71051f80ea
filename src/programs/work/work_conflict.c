/* SPDX-License-Identifier: Apache-2.0
 *
 * work/work_conflict.c: how a path that a revert cannot merge is shown: for people what came since,
 * with the lines of the file as it lies on the disk, where they would look; in JSON all three sides.
 *
 * A row for people is a message: it goes to standard error, because nothing was done.
 */
#include "work/work.h"

#include <stdio.h>
#include <string.h>

#include "show/show.h"
#include "term/term.h"

enum { TEXT_SIZE = 256, REGIONS_SHOWN = 8 };

static const char *
name_of(firn_revert_conflict_kind kind)
{
    switch (kind) {
    case FIRN_REVERT_LINES:
        return "lines";
    case FIRN_REVERT_CONTENT:
        return "content";
    case FIRN_REVERT_REMOVED:
        return "removed";
    case FIRN_REVERT_CHANGED:
        return "changed";
    case FIRN_REVERT_ADDED:
        return "added";
    case FIRN_REVERT_KIND:
        return "kind";
    case FIRN_REVERT_ATTRIBUTES:
        return "attributes";
    case FIRN_REVERT_HARD_LINKS:
        return "hard_links";
    }
    return "other";
}

static const char *
meaning_of(firn_revert_conflict_kind kind)
{
    switch (kind) {
    case FIRN_REVERT_LINES:
        return "changed since as well: ";
    case FIRN_REVERT_CONTENT:
        return "changed since as well, and cannot be merged line by line";
    case FIRN_REVERT_REMOVED:
        return "removed since";
    case FIRN_REVERT_CHANGED:
        return "would be removed, and was changed since";
    case FIRN_REVERT_ADDED:
        return "would come back, and something else is there since";
    case FIRN_REVERT_KIND:
        return "became something else (file, directory or link) while the other side was changed";
    case FIRN_REVERT_ATTRIBUTES:
        return "changed since as well: ";
    case FIRN_REVERT_HARD_LINKS:
        return "is another name (hard link) of a file that would become something else";
    }
    return "cannot be merged";
}

static void
append(char *text, const char *more)
{
    size_t size = strlen(text);
    (void)snprintf(text + size, TEXT_SIZE - size, "%s", more);
}

/* "lines 10-12, 40". A place where lines are missing now is that of the line before. */
static void
append_regions(char *text, const firn_revert_conflict *conflict)
{
    char part[48];
    append(text, "lines ");
    for (size_t i = 0; i < conflict->region_count && i < REGIONS_SHOWN; i++) {
        const firn_merge_region *region = &conflict->regions[i];
        unsigned long from = (unsigned long)region->ours_at + 1;
        unsigned long to = (unsigned long)region->ours_at + region->ours_count;
        if (region->ours_count == 0) {
            (void)snprintf(part, sizeof(part), "behind %lu", from - 1);
        } else if (from == to) {
            (void)snprintf(part, sizeof(part), "%lu", from);
        } else {
            (void)snprintf(part, sizeof(part), "%lu-%lu", from, to);
        }
        append(text, i == 0 ? "" : ", ");
        append(text, part);
    }
    if (conflict->region_count > REGIONS_SHOWN) {
        append(text, ", and more");
    }
}

static void
append_attributes(char *text, unsigned what)
{
    static const struct {
        firn_change_what bit;
        const char *name;
    } names[] = {{FIRN_CHANGED_MODE, "mode"},
                 {FIRN_CHANGED_OWNER, "owner"},
                 {FIRN_CHANGED_XATTRS, "extended attributes"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((what & names[i].bit) != 0) {
            append(text, between);
            append(text, names[i].name);
            between = ", ";
        }
    }
}

void
firn_work_conflict_report(const firn_revert_conflict *conflict)
{
    char text[TEXT_SIZE] = "";
    append(text, meaning_of(conflict->kind));
    if (conflict->kind == FIRN_REVERT_LINES) {
        append_regions(text, conflict);
    } else if (conflict->kind == FIRN_REVERT_ATTRIBUTES) {
        append_attributes(text, conflict->what);
    }
    firn_command_report_path("conflict", conflict->path, text);
}

static void
side_json(const char *key, uint64_t at, uint64_t count)
{
    firn_term_json_object(key);
    firn_term_json_u64("line", at + 1);
    firn_term_json_u64("lines", count);
    firn_term_json_end();
}

void
firn_work_conflict_json(const firn_revert_conflict *conflict)
{
    firn_term_json_object(NULL);
    firn_term_json_string("conflict", name_of(conflict->kind));
    firn_term_json_bytes("path", conflict->path);
    if (conflict->kind == FIRN_REVERT_ATTRIBUTES) {
        firn_show_change_json_what(conflict->what);
    }
    if (conflict->before != NULL) {
        firn_show_checkpoint_entry_json("before", conflict->before);
    }
    if (conflict->after != NULL) {
        firn_show_checkpoint_entry_json("after", conflict->after);
    }
    if (conflict->now != NULL) {
        firn_show_checkpoint_entry_json("now", conflict->now);
    }
    if (conflict->kind == FIRN_REVERT_LINES) {
        firn_term_json_array("regions");
        for (size_t i = 0; i < conflict->region_count; i++) {
            const firn_merge_region *region = &conflict->regions[i];
            firn_term_json_object(NULL);
            side_json("before", region->theirs_at, region->theirs_count);
            side_json("after", region->base_at, region->base_count);
            side_json("now", region->ours_at, region->ours_count);
            firn_term_json_end();
        }
        firn_term_json_end();
    }
    firn_term_json_end();
}
