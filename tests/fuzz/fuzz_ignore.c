/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/ignore: hostile rules. Byte 0 modulo 3 says what the rest is: 0 a glob and a text, each with
 * its size (one byte) before it; 1 a path, with its size before it, and a rule file; 2 the rules
 * object of a checkpoint.
 *
 * A glob gives what a matcher gives that tries every way, and one with a defect matches nothing. Of
 * a rule file every line is a rule, nothing or told as bad; the rule that is found matches, and
 * none after it does. A rules object that is read and written again has the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "rules/rules.h"
#include "rules/rules_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GLOB_SIZE_MAX = 96, TEXT_SIZE_MAX = 96 };

static bool
read_part(struct fi_reader *reader, size_t size_max, firn_slice *out)
{
    uint8_t size;
    return fi_reader_u8(reader, &size) && size <= size_max && fi_reader_bytes(reader, size, out);
}

/* ---- globs: every way is tried, and what did not lead on is remembered ---- */

struct reference {
    firn_slice glob;
    firn_slice text;
    bool is_path;
    bool has_failed[GLOB_SIZE_MAX + 1][TEXT_SIZE_MAX + 1];
};

static bool reach(struct reference *reference, size_t g, size_t t);

/* The size of the token at g, which is no star. */
static size_t
token_size(firn_slice glob, size_t g)
{
    if (glob.data[g] == '\\') {
        return 2;
    }
    size_t size = 1;
    while (glob.data[g] == '[' && fi_rules_glob_defect(firn_bytes(glob.data + g, size)) != NULL) {
        size++;
    }
    return size;
}

/* A token is a glob by itself. */
static bool
follow_token(struct reference *reference, size_t g, size_t t)
{
    firn_slice glob = reference->glob;
    if (t == reference->text.size) {
        return false;
    }
    size_t size = token_size(glob, g);
    bool is_equal =
        fi_rules_glob_matches(firn_bytes(glob.data + g, size),
                              reference->is_path ? FI_RULES_GLOB_PATH : FI_RULES_GLOB_NAME,
                              firn_bytes(reference->text.data + t, 1));
    return is_equal && reach(reference, g + size, t + 1);
}

static bool
follow_star(struct reference *reference, size_t g, size_t t)
{
    firn_slice glob = reference->glob;
    firn_slice text = reference->text;
    size_t end = g;
    while (end < glob.size && glob.data[end] == '*') {
        end++;
    }
    bool is_deep = reference->is_path && end - g > 1 && (g == 0 || glob.data[g - 1] == '/') &&
                   (end == glob.size || glob.data[end] == '/' ||
                    (end + 1 < glob.size && glob.data[end] == '\\' && glob.data[end + 1] == '/'));
    if (is_deep && end < glob.size && glob.data[end] == '/' && reach(reference, end + 1, t)) {
        return true;
    }
    for (; !reach(reference, end, t); t++) {
        if (t == text.size || (reference->is_path && !is_deep && text.data[t] == '/')) {
            return false;
        }
    }
    return true;
}

static bool
reach(struct reference *reference, size_t g, size_t t)
{
    if (reference->has_failed[g][t]) {
        return false;
    }
    bool matches;
    if (g == reference->glob.size) {
        matches = t == reference->text.size;
    } else if (reference->glob.data[g] == '*') {
        matches = follow_star(reference, g, t);
    } else {
        matches = follow_token(reference, g, t);
    }
    reference->has_failed[g][t] = !matches;
    return matches;
}

static void
try_glob(struct fi_reader *reader)
{
    static struct reference reference;
    firn_slice glob;
    firn_slice text;
    if (!read_part(reader, GLOB_SIZE_MAX, &glob) || !read_part(reader, TEXT_SIZE_MAX, &text)) {
        return;
    }
    bool has_defect = fi_rules_glob_defect(glob) != NULL;
    size_t literal = fi_rules_glob_literal_size(glob);
    for (unsigned is_path = 0; is_path < 2; is_path++) {
        bool matches = fi_rules_glob_matches(
            glob, is_path != 0 ? FI_RULES_GLOB_PATH : FI_RULES_GLOB_NAME, text);
        CHECK(!matches || !has_defect);
        CHECK(!matches || fi_slice_has_prefix(text, firn_bytes(glob.data, literal)));
        if (!has_defect) {
            memset(&reference, 0, sizeof reference);
            reference.glob = glob;
            reference.text = text;
            reference.is_path = is_path != 0;
            CHECK(reach(&reference, 0, 0) == matches);
        }
    }
}

/* ---- rule files ---- */

static void
note_bad(void *ctx, uint32_t line, const char *defect)
{
    uint32_t *last = ctx;
    CHECK(line > *last && defect != NULL);
    *last = line;
}

/* Every line is read by itself, and its number counted: returns that of the last rule that
 * matches. */
static uint32_t
last_match(firn_slice content, const struct fi_rules_ignore_pattern_entry *entry)
{
    uint32_t found = 0;
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    size_t at = fi_slice_has_prefix(content, firn_bytes(mark, sizeof mark)) ? sizeof mark : 0;
    for (uint32_t line = 1; at < content.size; line++) {
        size_t end = at;
        while (end < content.size && content.data[end] != '\n') {
            end++;
        }
        size_t size = end - at;
        size -= size > 0 && content.data[end - 1] == '\r' ? 1 : 0;
        struct fi_rules_ignore_pattern pattern;
        const char *defect;
        enum fi_rules_ignore_pattern_line read =
            fi_rules_ignore_pattern_read(firn_bytes(content.data + at, size), &pattern, &defect);
        CHECK((read == FI_RULES_IGNORE_PATTERN_BAD) == (defect != NULL));
        if (read == FI_RULES_IGNORE_PATTERN_RULE &&
            fi_rules_ignore_pattern_matches(&pattern, entry)) {
            found = line;
        }
        at = end + 1;
    }
    return found;
}

static void
try_file(struct fi_reader *reader)
{
    firn_slice path;
    firn_slice content;
    if (!read_part(reader, 255, &path) || path.size == 0) {
        return;
    }
    CHECK(fi_reader_bytes(reader, fi_reader_left(reader), &content));
    size_t name = path.size;
    while (name > 0 && path.data[name - 1] != '/') {
        name--;
    }
    if (content.size > FI_RULES_IGNORE_FILE_SIZE_MAX || name == path.size) {
        return;
    }
    struct fi_rules_ignore_file *file;
    uint32_t last_bad = 0;
    CHECK(fi_rules_ignore_file_create(content, note_bad, &last_bad, &file, NULL) == FIRN_OK);
    CHECK(fi_slice_equal(fi_rules_ignore_file_content(file), content));
    struct fi_rules_ignore_pattern_entry entry = {
        .name = firn_bytes(path.data + name, path.size - name), .path = path};
    for (unsigned is_dir = 0; is_dir < 2; is_dir++) {
        entry.is_dir = is_dir != 0;
        const struct fi_rules_ignore_pattern *pattern = fi_rules_ignore_file_find(file, &entry);
        CHECK(pattern == NULL || fi_rules_ignore_pattern_matches(pattern, &entry));
        CHECK((pattern != NULL ? pattern->line : 0) == last_match(content, &entry));
    }
    fi_rules_ignore_file_destroy(file);
}

/* ---- rules objects ---- */

static void
try_rules(struct fi_reader *reader)
{
    firn_slice bytes;
    struct fi_rules_list rules = {0};
    firn_error err = {0};
    CHECK(fi_reader_bytes(reader, fi_reader_left(reader), &bytes));
    int rc = fi_rules_list_decode(bytes, &rules, &err);
    if (rc == FIRN_OK) {
        struct fi_buf again = {0};
        for (size_t i = 0; i < rules.set_count; i++) {
            const struct fi_rules_list_set *set = &rules.sets[i];
            for (size_t k = 0; k < set->file_count; k++) {
                firn_slice dir = set->files[k].dir;
                CHECK(dir.size == 0 || (dir.data[0] != '/' && dir.data[dir.size - 1] != '/'));
            }
        }
        CHECK(fi_rules_list_encode(&rules, &again, NULL) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), bytes));
        fi_buf_deinit(&again);
    } else {
        CHECK(err.code == rc && (rc == FIRN_CORRUPT || rc == FIRN_NEWER));
    }
    fi_rules_list_deinit(&rules);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_reader reader = fi_reader_of(firn_bytes(data, size));
    uint8_t kind;
    if (!fi_reader_u8(&reader, &kind)) {
        return 0;
    }
    if (kind % 3 == 0) {
        try_glob(&reader);
    } else if (kind % 3 == 1) {
        try_file(&reader);
    } else {
        try_rules(&reader);
    }
    return 0;
}
