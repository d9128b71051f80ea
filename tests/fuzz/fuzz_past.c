/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/past: hostile patterns. Byte 0 says what the rest is: even, a glob and a path; odd, a regular
 * expression and a line. Byte 1 is the size of the first.
 *
 * A glob gives what a matcher gives that tries every way. An expression that counts as modest is
 * compiled, or refused with a message; what it finds in a line is a part of the line, and there is a
 * match where the line matches.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "past/past.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GLOB_SIZE_MAX = 96, PATH_SIZE_MAX = 96, EXPRESSION_SIZE_MAX = 255 };

static void
check(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

/* ---- globs ---- */

struct reference {
    firn_slice glob;
    firn_slice path;
    bool has_failed[GLOB_SIZE_MAX + 1][PATH_SIZE_MAX + 1];
};

static bool reach(struct reference *reference, size_t g, size_t p);

static size_t
token_size(firn_slice glob, size_t g)
{
    if (glob.data[g] == '\\') {
        return g + 1 < glob.size ? 2 : 1;
    }
    if (glob.data[g] != '[') {
        return 1;
    }
    size_t first = g + 1;
    first += first < glob.size && (glob.data[first] == '!' || glob.data[first] == '^');
    for (size_t i = first; i < glob.size; i++) {
        if (glob.data[i] == ']' && i > first) {
            return i + 1 - g;
        }
        i += glob.data[i] == '\\' && i + 1 < glob.size;
    }
    return 1;
}

static bool
follow_star(struct reference *reference, size_t g, size_t p)
{
    const firn_slice glob = reference->glob;
    const firn_slice path = reference->path;
    bool is_double = g + 1 < glob.size && glob.data[g + 1] == '*';
    bool is_by_names = is_double && (g == 0 || glob.data[g - 1] == '/') && g + 2 < glob.size &&
                       glob.data[g + 2] == '/';
    size_t rest = g + 1 + is_double + is_by_names;
    for (size_t i = p;; i++) {
        bool may_go_on = !is_by_names || i == p || path.data[i - 1] == '/';
        if (may_go_on && reach(reference, rest, i)) {
            return true;
        }
        if (i == path.size || (!is_double && path.data[i] == '/')) {
            return false;
        }
    }
}

static bool
reach(struct reference *reference, size_t g, size_t p)
{
    const firn_slice glob = reference->glob;
    const firn_slice path = reference->path;
    bool matches;
    if (reference->has_failed[g][p]) {
        return false;
    }
    if (g == glob.size) {
        matches = p == path.size;
    } else if (glob.data[g] == '*') {
        matches = follow_star(reference, g, p);
    } else {
        size_t token = token_size(glob, g);
        matches = p < path.size &&
                  fi_past_glob_matches(firn_bytes(glob.data + g, token),
                                       firn_bytes(path.data + p, 1), false) &&
                  reach(reference, g + token, p + 1);
    }
    reference->has_failed[g][p] = !matches;
    return matches;
}

static void
try_glob(firn_slice glob, firn_slice path)
{
    static struct reference reference;
    if (glob.size > GLOB_SIZE_MAX || path.size > PATH_SIZE_MAX) {
        return;
    }
    memset(&reference, 0, sizeof reference);
    reference.glob = glob;
    reference.path = path;
    bool matches = fi_past_glob_matches(glob, path, false);
    check(reach(&reference, 0, 0) == matches);
    check(!matches || fi_past_glob_matches(glob, path, true) ||
          memchr(glob.data, '[', glob.size) != NULL);
}

/* ---- expressions ---- */

static void
try_expression(firn_slice expression, firn_slice line)
{
    char text[EXPRESSION_SIZE_MAX + 1];
    char message[64];
    struct fi_past_pattern pattern;
    firn_slice found = {NULL, 0};
    if (expression.size > EXPRESSION_SIZE_MAX || memchr(line.data, '\n', line.size) != NULL) {
        return;
    }
    memcpy(text, expression.data, expression.size);
    text[expression.size] = '\0';
    if (!fi_past_pattern_is_modest(text) ||
        fi_past_pattern_compile(&pattern, text, false, false, message, sizeof message) != FIRN_OK) {
        return;
    }
    bool matches = fi_past_pattern_matches(&pattern, line);
    if (matches && fi_past_pattern_find(&pattern, line, 0, &found)) {
        check(found.size > 0 && found.data >= line.data &&
              found.data + found.size <= line.data + line.size);
    }
    fi_past_pattern_deinit(&pattern);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size - 2 < data[1] || size > 4096) {
        return 0;
    }
    const firn_slice first = firn_bytes(data + 2, data[1]);
    const firn_slice second = firn_bytes(data + 2 + data[1], size - 2 - data[1]);
    if (data[0] % 2 == 0) {
        try_glob(first, second);
    } else {
        try_expression(first, second);
    }
    return 0;
}
