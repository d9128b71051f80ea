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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATTERN_SIZE_MAX = 4096,
    MESSAGE_SIZE = 256,
    MODEST_SIZE_MAX = 256,
    MODEST_REPEATS_MAX = 100
};

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
fi_past_pattern_compile(struct fi_past_pattern *out, const char *text, bool is_fixed,
                        bool ignores_case, char *message, size_t message_size)
{
    *out = (struct fi_past_pattern){.literal = NULL};
    if (strlen(text) > PATTERN_SIZE_MAX) {
        (void)snprintf(message, message_size, "the pattern has more than %d bytes",
                       PATTERN_SIZE_MAX);
        return FIRN_INVALID;
    }
    if (strchr(text, '\n') != NULL) {
        (void)snprintf(message, message_size, "the pattern has more than one line");
        return FIRN_INVALID;
    }
    bool is_plain = is_fixed || strpbrk(text, special) == NULL;
    if (is_plain && !ignores_case) {
        out->literal = text;
        return FIRN_OK;
    }
    char *escaped = is_fixed ? escape(text) : NULL;
    if (is_fixed && escaped == NULL) {
        return FIRN_NO_MEMORY;
    }
    int rc = regcomp(&out->regex, is_fixed ? escaped : text,
                     REG_EXTENDED | (ignores_case ? REG_ICASE : 0));
    free(escaped);
    if (rc != 0) {
        char why[MESSAGE_SIZE];
        (void)regerror(rc, &out->regex, why, sizeof why);
        (void)snprintf(message, message_size, "'%s' is not a regular expression: %s", text, why);
        return rc == REG_ESPACE ? FIRN_NO_MEMORY : FIRN_INVALID;
    }
    out->has_regex = true;
    return FIRN_OK;
}

int
fi_past_pattern_init(struct fi_past_pattern *out, struct fi_cli *cli, const char *text,
                     bool is_fixed, bool ignores_case)
{
    char message[PATTERN_SIZE_MAX + MESSAGE_SIZE + 64];
    int code = fi_past_pattern_compile(out, text, is_fixed, ignores_case, message, sizeof message);
    return code == FIRN_OK          ? FI_EXIT_OK
           : code == FIRN_NO_MEMORY ? fi_command_report_no_memory(cli)
                                    : fi_command_misused(cli, "%s", message);
}

/* The C library takes time and memory by the product of nested repetitions, since it copies what is
 * repeated, also for "+" after a group or another repetition; and with back references time that
 * grows without a bound. Here all repetitions count as nested. */
bool
fi_past_pattern_is_modest(const char *text)
{
    uint64_t product = 1;
    if (strlen(text) > MODEST_SIZE_MAX) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] != '\0') {
            at++;
            if (*at >= '1' && *at <= '9') {
                return false;
            }
        } else if (*at == '+' && at > text && strchr(")}+*?", at[-1]) != NULL) {
            product *= 2;
        } else if (*at == '{') {
            uint64_t most = 2;
            for (const char *digit = at + 1; *digit != '\0' && *digit != '}';) {
                char *end;
                uint64_t number = strtoull(digit, &end, 10);
                most = number > most ? number : most;
                digit = end > digit ? end : digit + 1;
            }
            product *= most < MODEST_REPEATS_MAX + 1 ? most : MODEST_REPEATS_MAX + 1;
        }
        if (product > MODEST_REPEATS_MAX) {
            return false;
        }
    }
    return true;
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
