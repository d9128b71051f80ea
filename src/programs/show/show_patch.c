/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_patch.c: differences as a patch.
 *
 *    diff --git a/src/main.c b/src/main.c
 *    old mode 100644
 *    new mode 100755
 *    --- a/src/main.c
 *    +++ b/src/main.c
 *    @@ -5,7 +5,8 @@
 *
 * The form is that of git: git apply and patch -p1 make the second state of the first, as far as a
 * patch can say it. Files, their permissions and symbolic links it can; a link that leads
 * elsewhere, or becomes a file, is one removed and one added. Changes that it cannot express, of
 * directories, owners, times and files that are not text, are in lines that begin with #, which
 * both programs pass over.
 *
 * A renamed file is said as git says it. Its content is the same; only its mode may be another.
 *
 * Hunks of the comparison that lie closer together than twice the context become one, as equal
 * lines must not be shown twice. Lines are found by walking along each text once: nothing is kept
 * but how far one is.
 *
 * By words, hunks have no column of signs (show_words.c): that is to be read only.
 *
 * Names are quoted as git quotes them, where they need it or have a space. Content goes out byte
 * for byte, but for a terminal: there a file must not be able to move the cursor (term.h).
 *
 * Invariants
 * (I1) A line of the patch begins with what this file writes. Bytes of a content or a target stand
 *      after a sign, with one line feed at most, the last byte; names and remarks have no line
 *      feed, because they are escaped. So nothing in a tree can begin a patch of its own. (Checked
 *      in print_line.)
 */

#include "show/show.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

enum { MODE_FILE = 0100000, MODE_LINK = 0120000 };

static const char head_colour[] = FI_TERM_BOLD;
static const char range_colour[] = FI_TERM_CYAN;
static const char removed_colour[] = FI_TERM_RED;
static const char added_colour[] = FI_TERM_GREEN;

void
fi_show_patch_init(struct fi_show_patch *out)
{
    out->context = FI_SHOW_PATCH_CONTEXT_DEFAULT;
    out->is_terminal = isatty(STDOUT_FILENO) == 1;
}

/* ---- lines ---- */

/* The lines from the next one up to, without, one of that number. */
static firn_slice
lines_to(struct fi_show_lines *walk, uint32_t line)
{
    const uint8_t *from = walk->left.data;
    while (walk->line < line) {
        (void)fi_show_lines_next(walk);
    }
    return firn_bytes(from, from == NULL ? 0 : (size_t)(walk->left.data - from));
}

/* How many more lines there are, but at most max. */
static uint32_t
count_left(const struct fi_show_lines *walk, uint32_t max)
{
    struct fi_show_lines ahead = *walk;
    while (ahead.left.size > 0 && ahead.line - walk->line < max) {
        (void)fi_show_lines_next(&ahead);
    }
    return ahead.line - walk->line;
}

/* ---- pieces of the output ---- */

static void
unpaint(void)
{
    fi_term_colour(FI_TERM_PLAIN);
}

static void
print_line(const struct fi_show_patch *patch, char sign, firn_slice line)
{
    assert(sign == ' ' || sign == '-' || sign == '+');
    bool is_ended = line.size > 0 && line.data[line.size - 1] == '\n';
    firn_slice text = firn_bytes(line.data, line.size - (is_ended ? 1 : 0));
    assert(text.size == 0 || memchr(text.data, '\n', text.size) == NULL); /* (I1) */
    if (sign != ' ') {
        fi_term_colour(sign == '-' ? removed_colour : added_colour);
    }
    if (sign != ' ' || !patch->is_by_words) {
        fi_term_out_write(&sign, 1);
    }
    if (patch->is_terminal) {
        fi_show_words_write_text(text);
    } else {
        fi_term_out_write(text.data, text.size);
    }
    if (sign != ' ') {
        unpaint();
    }
    fi_term_out_text(is_ended ? "\n" : "\n\\ No newline at end of file\n");
}

static void
print_lines(const struct fi_show_patch *patch, char sign, struct fi_show_lines *walk, uint32_t to)
{
    while (walk->line < to) {
        print_line(patch, sign, fi_show_lines_next(walk));
    }
}

static void
put_quoted(const void *data, size_t size)
{
    assert(data != NULL || size == 0);
    const char *text = data;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') {
            fi_term_out_text("\\");
        }
        fi_term_out_write(&text[i], 1);
    }
}

static bool needs_quotes;
static size_t escaped_size;

static void
inspect_escaped(const void *data, size_t size)
{
    needs_quotes = needs_quotes || (size > 0 && memchr(data, '"', size) != NULL);
    escaped_size += size;
}

/* "a/path", or "path" where there is no side, quoted where git would, or if it has a space: of
 * unquoted names with spaces git apply and patch lose the end, take it for a date, or cannot tell
 * two in one line apart. */
static void
print_name(const char *side, firn_slice path)
{
    const char *between = side[0] != '\0' ? "/" : "";
    needs_quotes = path.size > 0 && memchr(path.data, ' ', path.size) != NULL;
    escaped_size = 0;
    fi_term_text_escape(path, inspect_escaped);
    if (!needs_quotes && escaped_size == path.size) {
        fi_term_out_format("%s%s", side, between);
        fi_term_out_write(path.data, path.size);
        return;
    }
    fi_term_out_format("\"%s%s", side, between);
    fi_term_text_escape(path, put_quoted);
    fi_term_out_text("\"");
}

/* "--- a/path" or "+++ b/path". */
static void
print_file_line(const char *signs, const char *side, const firn_workspace_entry *entry)
{
    fi_term_colour(head_colour);
    fi_term_out_format("%s ", signs);
    if (entry == NULL) {
        fi_term_out_text("/dev/null");
    } else {
        print_name(side, entry->path);
    }
    unpaint();
    fi_term_out_text("\n");
}

/* ---- hunks ---- */

/* ",count", which 1 does without; an empty range is named by the line before it. */
static void
print_range(char sign, uint32_t at, uint32_t count)
{
    assert(sign == '-' || sign == '+');
    fi_term_out_format("%c%lu", sign, (unsigned long)at + (count > 0 ? 1 : 0));
    if (count != 1) {
        fi_term_out_format(",%lu", (unsigned long)count);
    }
}

static void
print_range_line(uint32_t before_at, uint32_t before_count, uint32_t after_at, uint32_t after_count)
{
    fi_term_colour(range_colour);
    fi_term_out_text("@@ ");
    print_range('-', before_at, before_count);
    fi_term_out_text(" ");
    print_range('+', after_at, after_count);
    fi_term_out_text(" @@");
    unpaint();
    fi_term_out_text("\n");
}

/* The hunks from `first` on that form one group; returns the hunk after them. */
static size_t
end_of_group(const struct fi_show_patch *patch, const firn_hunk *hunks, size_t count, size_t first)
{
    assert(first < count);
    size_t end = first + 1;
    while (end < count &&
           hunks[end].before_at - hunks[end - 1].before_at - hunks[end - 1].before_count <=
               2 * (uint64_t)patch->context) {
        end++;
    }
    return end;
}

/* Prints a group. The walks are at or before its first line, and afterwards after its last. Returns
 * false if memory is out. */
static bool
print_group(const struct fi_show_patch *patch, const firn_hunk *hunks, size_t count,
            struct fi_show_lines *before, struct fi_show_lines *after)
{
    assert(count > 0);
    const firn_hunk *first = hunks;
    const firn_hunk *last = hunks + count - 1;
    uint32_t lead = first->before_at < patch->context ? first->before_at : patch->context;
    (void)lines_to(before, first->before_at - lead);
    (void)lines_to(after, first->after_at - lead);
    struct fi_show_lines after_group = *before;
    (void)lines_to(&after_group, last->before_at + last->before_count);
    uint32_t trail = count_left(&after_group, patch->context);
    uint32_t before_end = after_group.line + trail;
    uint32_t after_end = last->after_at + last->after_count + trail;
    print_range_line(before->line, before_end - before->line, after->line, after_end - after->line);
    for (const firn_hunk *hunk = first; hunk <= last; hunk++) {
        print_lines(patch, ' ', before, hunk->before_at);
        (void)lines_to(after, hunk->after_at);
        if (!patch->is_by_words) {
            print_lines(patch, '-', before, hunk->before_at + hunk->before_count);
            print_lines(patch, '+', after, hunk->after_at + hunk->after_count);
        } else if (!fi_show_words_print(lines_to(before, hunk->before_at + hunk->before_count),
                                        lines_to(after, hunk->after_at + hunk->after_count),
                                        patch->is_terminal)) {
            return false;
        }
    }
    print_lines(patch, ' ', before, before_end);
    (void)lines_to(after, after_end);
    return true;
}

/* ---- one file, or link, on either side ---- */

static unsigned
mode_of(const firn_workspace_entry *entry)
{
    return entry->type == FIRN_ENTRY_SYMLINK ? MODE_LINK : MODE_FILE | (unsigned)entry->mode;
}

static void
print_mode_line(const char *what, const firn_workspace_entry *entry)
{
    fi_term_colour(head_colour);
    fi_term_out_format("%s mode %o", what, mode_of(entry));
    unpaint();
    fi_term_out_text("\n");
}

static void
print_head(const firn_workspace_entry *before, const firn_workspace_entry *after)
{
    fi_term_colour(head_colour);
    fi_term_out_text("diff --git ");
    print_name("a", (before != NULL ? before : after)->path);
    fi_term_out_text(" ");
    print_name("b", (after != NULL ? after : before)->path);
    unpaint();
    fi_term_out_text("\n");
    if (before == NULL) {
        print_mode_line("new file", after);
    } else if (after == NULL) {
        print_mode_line("deleted file", before);
    } else if (mode_of(before) != mode_of(after)) {
        print_mode_line("old", before);
        print_mode_line("new", after);
    }
}

void
fi_show_patch_print_head(const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    print_head(change->before, change->after);
    print_file_line("---", "a", change->before);
    print_file_line("+++", "b", change->after);
}

size_t
fi_show_patch_group_end(const struct fi_show_patch *patch,
                        const firn_workspace_difference *difference, size_t first)
{
    return end_of_group(patch, difference->hunks, difference->hunk_count, first);
}

bool
fi_show_patch_print_group(const struct fi_show_patch *patch,
                          const firn_workspace_difference *difference, size_t first, size_t end)
{
    struct fi_show_lines from = {difference->content_before, 0};
    struct fi_show_lines to = {difference->content_after, 0};
    assert(first < end && end <= difference->hunk_count);
    return print_group(patch, &difference->hunks[first], end - first, &from, &to);
}

static bool
print_file(const struct fi_show_patch *patch, const firn_workspace_entry *before,
           const firn_workspace_entry *after, const firn_workspace_difference *difference)
{
    assert(before != NULL || after != NULL);
    struct fi_show_lines from = {difference->content_before, 0};
    struct fi_show_lines to = {difference->content_after, 0};
    const firn_hunk *hunks = difference->hunks;
    size_t count = difference->hunk_count;
    print_head(before, after);
    if (count == 0) {
        return true;
    }
    print_file_line("---", "a", before);
    print_file_line("+++", "b", after);
    for (size_t i = 0; i < count;) {
        size_t end = end_of_group(patch, hunks, count, i);
        if (!print_group(patch, &hunks[i], end - i, &from, &to)) {
            return false;
        }
        i = end;
    }
    return true;
}

/* Links are files whose content is the target. That may have line feeds, so it is split into lines
 * as any content is: each byte of it stands after a sign (I1). One of the two is NULL. */
static void
print_link(const struct fi_show_patch *patch, const firn_workspace_entry *before,
           const firn_workspace_entry *after)
{
    assert((before == NULL) != (after == NULL));
    struct fi_show_lines target = {(before != NULL ? before : after)->link_target, 0};
    uint32_t count = count_left(&target, UINT32_MAX);
    print_head(before, after);
    if (count == 0) {
        return;
    }
    print_file_line("---", "a", before);
    print_file_line("+++", "b", after);
    print_range_line(0, before != NULL ? count : 0, 0, after != NULL ? count : 0);
    print_lines(patch, before != NULL ? '-' : '+', &target, count);
}

static void
print_rename_line(const char *what, firn_slice path)
{
    fi_term_colour(head_colour);
    fi_term_out_format("rename %s ", what);
    print_name("", path);
    unpaint();
    fi_term_out_text("\n");
}

static void
print_rename(const firn_workspace_change *change)
{
    assert(change->before != NULL && change->after != NULL);
    print_head(change->before, change->after);
    fi_term_colour(head_colour);
    fi_term_out_text("similarity index 100%");
    unpaint();
    fi_term_out_text("\n");
    print_rename_line("from", change->before->path);
    print_rename_line("to", change->after->path);
}

/* ---- a difference ---- */

static const firn_workspace_entry *
of_type(const firn_workspace_entry *entry, firn_workspace_entry_type type)
{
    return entry != NULL && entry->type == type ? entry : NULL;
}

static bool
print_remark(const firn_workspace_difference *difference)
{
    char *name = fi_show_remark_name(&difference->change);
    char *remark = fi_show_remark(difference);
    bool is_complete = name != NULL && remark != NULL;
    if (is_complete) {
        fi_term_colour(head_colour);
        fi_term_out_format("# %s: %s", name, remark);
        unpaint();
        fi_term_out_text("\n");
    }
    free(name);
    free(remark);
    return is_complete;
}

/* Whether a patch can say all that is to be said of the difference. */
static bool
is_sayable(const firn_workspace_difference *difference)
{
    const unsigned sayable = FIRN_CHANGED_TYPE | FIRN_CHANGED_CONTENT | FIRN_CHANGED_MODE;
    /* A new content has a new time; that need not be said. */
    const unsigned unsaid = ~(sayable | FIRN_CHANGED_MTIME);
    const firn_workspace_change *change = &difference->change;
    bool has_dir = of_type(change->before, FIRN_ENTRY_DIRECTORY) != NULL ||
                   of_type(change->after, FIRN_ENTRY_DIRECTORY) != NULL;
    bool is_unread =
        difference->lines != FIRN_LINES_NONE && difference->lines != FIRN_LINES_COUNTED;
    bool is_there_still = change->before != NULL && change->after != NULL;
    bool is_renamed = change->kind == FIRN_CHANGE_RENAMED;
    bool has_more = is_there_still && ((change->what & unsaid) != 0 ||
                                       ((change->what & sayable) == 0 && !is_renamed));
    return !has_dir && !is_unread && !has_more;
}

bool
fi_show_patch_print(const struct fi_show_patch *patch, const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *old_file = of_type(change->before, FIRN_ENTRY_FILE);
    const firn_workspace_entry *new_file = of_type(change->after, FIRN_ENTRY_FILE);
    const firn_workspace_entry *old_link = of_type(change->before, FIRN_ENTRY_SYMLINK);
    const firn_workspace_entry *new_link = of_type(change->after, FIRN_ENTRY_SYMLINK);
    bool is_complete = is_sayable(difference) || print_remark(difference);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        print_rename(change);
        return is_complete;
    }
    if (difference->lines != FIRN_LINES_NONE && difference->lines != FIRN_LINES_COUNTED) {
        old_file = NULL;
        new_file = NULL;
    }
    bool is_two_files = old_file != NULL && new_file != NULL;
    bool has_said_file =
        is_two_files && difference->hunk_count == 0 && mode_of(old_file) == mode_of(new_file);
    if (old_link != NULL && new_link != NULL && (change->what & FIRN_CHANGED_CONTENT) == 0) {
        return is_complete;
    }
    if (old_link != NULL) {
        print_link(patch, old_link, NULL);
    }
    if ((old_file != NULL || new_file != NULL) && !has_said_file) {
        is_complete = print_file(patch, old_file, new_file, difference) && is_complete;
    }
    if (new_link != NULL) {
        print_link(patch, NULL, new_link);
    }
    return is_complete;
}

/* ---- JSON ---- */

void
fi_show_patch_json(const firn_workspace_difference *difference)
{
    struct fi_show_lines before = {difference->content_before, 0};
    struct fi_show_lines after = {difference->content_after, 0};
    fi_term_json_array("hunks");
    for (size_t i = 0; i < difference->hunk_count; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        (void)lines_to(&before, hunk->before_at);
        (void)lines_to(&after, hunk->after_at);
        fi_term_json_object(NULL);
        fi_term_json_u64("before_line", (uint64_t)hunk->before_at + 1);
        fi_term_json_u64("after_line", (uint64_t)hunk->after_at + 1);
        fi_term_json_bytes("removed", lines_to(&before, hunk->before_at + hunk->before_count));
        fi_term_json_bytes("added", lines_to(&after, hunk->after_at + hunk->after_count));
        fi_term_json_end();
    }
    fi_term_json_end();
}
