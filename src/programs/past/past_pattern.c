/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_pattern.c: regular expressions, and texts, that a line is searched for.
 *
 * The C library's regexec gets one line at a time, as a string: it needs memory for the text that
 * it is given. A pattern without special characters is searched for as it is, which is much faster.
 * The program sets no locale: a pattern matches bytes, and only ASCII letters have a case.
 */
#include "past/past.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN_SIZE_MAX = 4096, MESSAGE_SIZE = 256 };

static const char special[] = "\\.[]{}()*+?^$|";

/* The pattern with a backslash before each special character, on the heap. */
static char *
escape(const char *text)
{
    char *escaped = malloc(2 * strlen(text) + 1);
    char *to = escaped;
    for (; escaped != NULL && *text != '\0'; text++) {
        if (strchr(special, *text) != NULL) {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    if (escaped != NULL) {
        *to = '\0';
    }
    return escaped;
}

int
fi_past_pattern_init(struct fi_past_pattern *out, struct fi_cli *cli, const char *text,
                     bool is_fixed, bool ignores_case)
{
    char message[MESSAGE_SIZE];
    *out = (struct fi_past_pattern){.literal = NULL};
    if (strlen(text) > PATTERN_SIZE_MAX) {
        return fi_command_misused(cli, "the pattern has more than %d bytes", PATTERN_SIZE_MAX);
    }
    if (strchr(text, '\n') != NULL) {
        return fi_command_misused(cli, "the pattern has more than one line");
    }
    bool is_plain = is_fixed || strpbrk(text, special) == NULL;
    if (is_plain && !ignores_case) {
        out->literal = text;
        return FI_EXIT_OK;
    }
    char *escaped = is_fixed ? escape(text) : NULL;
    if (is_fixed && escaped == NULL) {
        return fi_command_report_no_memory(cli);
    }
    int rc = regcomp(&out->regex, is_fixed ? escaped : text,
                     REG_EXTENDED | (ignores_case ? REG_ICASE : 0));
    free(escaped);
    if (rc == REG_ESPACE) {
        return fi_command_report_no_memory(cli);
    }
    if (rc != 0) {
        (void)regerror(rc, &out->regex, message, sizeof(message));
        return fi_command_misused(cli, "'%s' is not a regular expression: %s", text, message);
    }
    out->has_regex = true;
    return FI_EXIT_OK;
}

void
fi_past_pattern_deinit(struct fi_past_pattern *pattern)
{
    if (pattern->has_regex) {
        regfree(&pattern->regex);
    }
    free(pattern->line);
    *pattern = (struct fi_past_pattern){.literal = NULL};
}

/* The line as a string; a NUL in it as a line feed, which no line has. NULL if memory is out. */
static const char *
copy_line(struct fi_past_pattern *pattern, firn_slice line)
{
    if (line.size >= pattern->capacity) {
        size_t capacity = line.size + line.size / 2 + 256;
        char *grown = realloc(pattern->line, capacity);
        if (grown == NULL) {
            return NULL;
        }
        pattern->line = grown;
        pattern->capacity = capacity;
    }
    if (line.size > 0) {
        memcpy(pattern->line, line.data, line.size);
    }
    pattern->line[line.size] = '\0';
    for (char *nul = pattern->line;
         (nul = memchr(nul, '\0', line.size - (size_t)(nul - pattern->line))) != NULL;) {
        *nul = '\n';
    }
    return pattern->line;
}

bool
fi_past_pattern_matches(struct fi_past_pattern *pattern, firn_slice line)
{
    assert(pattern->has_regex || pattern->literal != NULL);
    if (pattern->literal != NULL) {
        const char *data = line.size == 0 ? "" : (const char *)line.data;
        return memmem(data, line.size, pattern->literal, strlen(pattern->literal)) != NULL;
    }
    const char *text = copy_line(pattern, line);
    int rc = text == NULL ? REG_ESPACE : regexec(&pattern->regex, text, 0, NULL, 0);
    pattern->is_out_of_memory = pattern->is_out_of_memory || rc == REG_ESPACE;
    return rc == 0;
}

bool
fi_past_pattern_find(struct fi_past_pattern *pattern, firn_slice line, size_t from, firn_slice *out)
{
    assert(from <= line.size);
    if (pattern->literal != NULL) {
        size_t size = strlen(pattern->literal);
        const uint8_t *hit =
            size == 0 || line.size == from
                ? NULL
                : memmem(line.data + from, line.size - from, pattern->literal, size);
        *out = firn_bytes(hit, hit != NULL ? size : 0);
        return hit != NULL;
    }
    regmatch_t match = {0, 0};
    assert(pattern->line != NULL && line.size < pattern->capacity);
    while (from < line.size) {
        int rc =
            regexec(&pattern->regex, pattern->line + from, 1, &match, from > 0 ? REG_NOTBOL : 0);
        pattern->is_out_of_memory = pattern->is_out_of_memory || rc == REG_ESPACE;
        if (rc != 0) {
            return false;
        }
        if (match.rm_eo > match.rm_so) {
            *out = firn_bytes(line.data + from + match.rm_so, (size_t)(match.rm_eo - match.rm_so));
            return true;
        }
        from += (size_t)match.rm_eo + 1;
    }
    return false;
}

bool
fi_past_pattern_next(struct fi_past_pattern *pattern, struct fi_show_lines *walk,
                     firn_slice *out_line)
{
    while (walk->left.size > 0 && !pattern->is_out_of_memory) {
        if (pattern->literal != NULL && pattern->literal[0] != '\0') {
            const uint8_t *hit = memmem(walk->left.data, walk->left.size, pattern->literal,
                                        strlen(pattern->literal));
            if (hit == NULL) {
                return false;
            }
            while (memchr(walk->left.data, '\n', (size_t)(hit - walk->left.data)) != NULL) {
                (void)fi_show_lines_next(walk);
            }
        }
        firn_slice line = fi_show_lines_next(walk);
        line.size -= line.data[line.size - 1] == '\n';
        if (fi_past_pattern_matches(pattern, line)) {
            *out_line = line;
            return true;
        }
    }
    return false;
}
