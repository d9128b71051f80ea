/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_text.c: what the program prints elsewhere, as lines that scroll.
 *
 * A patch is printed in colours into memory (show_patch.c), and the colour at the beginning of a
 * line says what the line is. Its text cannot begin so, because control characters of files are
 * escaped there.
 *
 * Lines are places in the bytes, and are made anew when their width changes.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What is at the beginning of a line, in the order of `styles`; and at its end. */
static const char *const colours[] = {"\033[31m", "\033[32m", "\033[36m", "\033[1m"};
static const enum fi_browse_style styles[] = {FI_BROWSE_REMOVED, FI_BROWSE_ADDED, FI_BROWSE_RANGE,
                                              FI_BROWSE_STRONG};
static const char no_colour[] = "\033[m";

static bool
begins_with(firn_slice text, const char *with)
{
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

static bool
add_line(struct fi_browse_text *text, struct fi_browse_text_line line)
{
    assert(text->count <= text->capacity && line.at + line.size <= text->size);
    if (text->count == text->capacity) {
        size_t capacity = text->capacity == 0 ? 64 : 2 * text->capacity;
        struct fi_browse_text_line *lines = realloc(text->lines, capacity * sizeof(*lines));
        if (lines == NULL) {
            return false;
        }
        text->lines = lines;
        text->capacity = capacity;
    }
    text->lines[text->count++] = line;
    return true;
}

/* How many bytes of a line fit: up to the last blank, if there is one. */
static size_t
fitting(firn_slice line, size_t columns)
{
    assert(columns > 0);
    size_t fits = 0;
    size_t blank = 0;
    size_t used = 0;
    while (fits < line.size) {
        uint32_t point;
        firn_slice rest = firn_bytes(line.data + fits, line.size - fits);
        size_t size = fi_term_text_decode(rest, &point);
        size = size > 0 ? size : 1;
        used += fi_term_width_of(firn_bytes(rest.data, size));
        if (used > columns && fits > 0) {
            return blank > 0 ? blank : fits;
        }
        fits += size;
        blank = rest.data[0] == ' ' ? fits : blank;
    }
    return fits;
}

/* One that was printed, without its line feed. */
static bool
add_lines(struct fi_browse_text *text, firn_slice line, size_t columns)
{
    struct fi_browse_text_line made = {.style = FI_BROWSE_PLAIN};
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (begins_with(line, colours[i])) {
            size_t size = strlen(colours[i]);
            made.style = styles[i];
            line = firn_bytes(line.data + size, line.size - size);
        }
    }
    size_t end_size = sizeof(no_colour) - 1;
    if (line.size >= end_size &&
        memcmp(line.data + line.size - end_size, no_colour, end_size) == 0) {
        line.size -= end_size;
    }
    do {
        made.at = (size_t)((const char *)line.data - text->bytes);
        made.size = columns == 0 ? line.size : fitting(line, columns);
        line = firn_bytes(line.data + made.size, line.size - made.size);
        if (!add_line(text, made)) {
            return false;
        }
    } while (line.size > 0);
    return true;
}

bool
fi_browse_text_wrap(struct fi_browse_text *text, size_t columns)
{
    text->count = 0;
    for (size_t at = 0; at < text->size;) {
        const char *begin = text->bytes + at;
        const char *end = memchr(begin, '\n', text->size - at);
        size_t size = end != NULL ? (size_t)(end - begin) : text->size - at;
        if (!add_lines(text, firn_bytes(begin, size), columns)) {
            return false;
        }
        at += size + 1;
    }
    return true;
}

bool
fi_browse_text_set(struct fi_browse_text *text, firn_slice printed)
{
    char *bytes = malloc(printed.size + 1);
    if (bytes != NULL) {
        if (printed.size > 0) {
            memcpy(bytes, printed.data, printed.size);
        }
        bytes[printed.size] = '\0';
        free(text->bytes);
        text->bytes = bytes;
        text->size = printed.size;
        if (fi_browse_text_wrap(text, 0)) {
            return true;
        }
    }
    fi_browse_text_deinit(text);
    return false;
}

firn_slice
fi_browse_text_line(const struct fi_browse_text *text, size_t index)
{
    assert(index < text->count);
    return firn_bytes(text->bytes + text->lines[index].at, text->lines[index].size);
}

void
fi_browse_text_deinit(struct fi_browse_text *text)
{
    free(text->bytes);
    free(text->lines);
    *text = (struct fi_browse_text){.bytes = NULL};
}
