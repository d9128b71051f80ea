/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_remark.c: remarks about a difference, besides the lines that differ.
 *
 * Text is composed in one static buffer, because the callback of fi_term_text_escape has no
 * context. So only one thread may use this file.
 */
#include "show/show.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

struct growing {
    char *text;
    size_t size;
    size_t capacity;
    bool is_out_of_memory;
};

static struct growing growing;

static void
show_remark_grow(const void *data, size_t size)
{
    assert(growing.capacity == 0 || growing.size < growing.capacity);
    if (growing.size + size + 1 > growing.capacity) {
        size_t capacity = 2 * (growing.size + size + 1);
        char *text = realloc(growing.text, capacity);
        if (text == NULL) {
            growing.is_out_of_memory = true;
            return;
        }
        growing.text = text;
        growing.capacity = capacity;
    }
    memcpy(growing.text + growing.size, data, size);
    growing.size += size;
    growing.text[growing.size] = '\0';
}

static void
grow_text(const char *text)
{
    show_remark_grow(text, strlen(text));
}

static void grow_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
grow_format(const char *format, ...)
{
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    grow_text(text);
}

/* The text so far, on the heap; NULL when memory was out. The next one is begun. */
static char *
take_grown(void)
{
    assert(growing.text == NULL || growing.text[growing.size] == '\0');
    struct growing taken = growing;
    memset(&growing, 0, sizeof(growing));
    if (taken.is_out_of_memory) {
        free(taken.text);
        return NULL;
    }
    return taken.text;
}

/* A comma, if something was said before. */
static void
remark(const char *text)
{
    if (growing.size > 0) {
        grow_text(", ");
    }
    grow_text(text);
}

static void
remark_content(const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    switch (difference->lines) {
    case FIRN_LINES_BINARY:
        remark("binary");
        break;
    case FIRN_LINES_TOO_LARGE:
        remark("too large to count lines");
        break;
    case FIRN_LINES_UNREADABLE:
        remark("could not be read");
        break;
    case FIRN_LINES_NONE:
    case FIRN_LINES_COUNTED:
        return;
    }
    bool was_file = change->before != NULL && change->before->type == FIRN_ENTRY_FILE;
    bool is_file = change->after != NULL && change->after->type == FIRN_ENTRY_FILE;
    if (was_file && is_file) {
        grow_format(", %" PRIu64 " -> %" PRIu64 " bytes", change->before->size_bytes,
                    change->after->size_bytes);
    } else if (was_file) {
        grow_format(", %" PRIu64 " bytes", change->before->size_bytes);
    } else if (is_file) {
        grow_format(", %" PRIu64 " bytes", change->after->size_bytes);
    }
}

static void
remark_came_or_went(const firn_workspace_entry *entry, const char *what)
{
    assert(entry != NULL);
    if (entry->type == FIRN_ENTRY_FILE) {
        remark(what);
    } else {
        remark(entry->type == FIRN_ENTRY_DIRECTORY ? "directory " : "link ");
        grow_text(what);
    }
}

static void
remark_change(const firn_workspace_change *change)
{
    const firn_workspace_entry *before = change->before;
    const firn_workspace_entry *after = change->after;
    unsigned what = change->what;
    if ((what & FIRN_CHANGED_TYPE) != 0) {
        remark(firn_workspace_entry_type_name(before->type));
        grow_format(" -> %s", firn_workspace_entry_type_name(after->type));
    }
    if ((what & FIRN_CHANGED_CONTENT) != 0 && after->type == FIRN_ENTRY_SYMLINK) {
        remark("link to ");
        fi_term_text_escape(before->link_target, show_remark_grow);
        grow_text(" -> ");
        fi_term_text_escape(after->link_target, show_remark_grow);
    }
    if ((what & FIRN_CHANGED_MODE) != 0) {
        remark("mode ");
        grow_format("%04o -> %04o", (unsigned)before->mode, (unsigned)after->mode);
    }
    if ((what & FIRN_CHANGED_OWNER) != 0) {
        remark("owner ");
        grow_format("%u:%u -> %u:%u", (unsigned)before->uid, (unsigned)before->gid,
                    (unsigned)after->uid, (unsigned)after->gid);
    }
    if ((what & FIRN_CHANGED_XATTRS) != 0) {
        remark("attributes");
    }
    if ((what & FIRN_CHANGED_LINKS) != 0) {
        remark("hard links");
    }
    if (what == FIRN_CHANGED_MTIME) { /* a new content has a new time: not worth saying */
        remark("time");
    }
}

/* "src/{old.c => new.c}": what both paths begin and end with, up to a slash, stands once. In
 * a directory below the root both are written out. */
static void
grow_rename(firn_slice before, firn_slice after)
{
    if (!fi_term_path_is_from_root()) {
        fi_term_path_escape(before, show_remark_grow);
        grow_text(" => ");
        fi_term_path_escape(after, show_remark_grow);
        return;
    }
    size_t shorter = before.size < after.size ? before.size : after.size;
    size_t start = 0;
    size_t end = 0;
    for (size_t i = 0; i < shorter && before.data[i] == after.data[i]; i++) {
        start = before.data[i] == '/' ? i + 1 : start;
    }
    /* The slash at the end of the start may be the one that the end begins with. */
    for (size_t i = 1; i <= shorter - start + (start > 0) &&
                       before.data[before.size - i] == after.data[after.size - i];
         i++) {
        end = before.data[before.size - i] == '/' ? i : end;
    }
    bool has_braces = start + end > 0;
    size_t before_middle = before.size > start + end ? before.size - start - end : 0;
    size_t after_middle = after.size > start + end ? after.size - start - end : 0;
    fi_term_text_escape(firn_bytes(before.data, start), show_remark_grow);
    grow_text(has_braces ? "{" : "");
    fi_term_text_escape(firn_bytes(before.data + start, before_middle), show_remark_grow);
    grow_text(" => ");
    fi_term_text_escape(firn_bytes(after.data + start, after_middle), show_remark_grow);
    grow_text(has_braces ? "}" : "");
    fi_term_text_escape(firn_bytes(after.data + after.size - end, end), show_remark_grow);
}

char *
fi_show_remark_name(const firn_workspace_change *change)
{
    assert(growing.text == NULL && growing.size == 0);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        grow_rename(change->before->path, change->after->path);
        return take_grown();
    }
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    fi_term_path_escape(entry->path, show_remark_grow);
    grow_text(entry->type == FIRN_ENTRY_DIRECTORY ? "/" : "");
    return take_grown();
}

char *
fi_show_remark(const firn_workspace_difference *difference)
{
    assert(growing.text == NULL && growing.size == 0);
    const firn_workspace_change *change = &difference->change;
    grow_text("");
    remark_content(difference);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        remark("renamed");
    }
    if (change->before == NULL) {
        remark_came_or_went(change->after, "added");
    } else if (change->after == NULL) {
        remark_came_or_went(change->before, "removed");
    } else {
        remark_change(change);
    }
    return take_grown();
}
