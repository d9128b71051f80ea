/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_ini.c: lines of "[section]" and "key = value". Lines that begin with '#' or ';' are
 * comments; those that begin with a space belong to a setting above them (as below "s3 =") and none
 * of those is wanted here. What is none of this is passed over, as by other programs.
 */
#include "s3/s3_ini.h"

#include <string.h>

#include "base/slice.h"

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static firn_slice
trim(firn_slice text)
{
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

/* The name of the profile that a line begins; false if it begins none. */
static bool
read_section(firn_slice line, bool is_config, firn_slice *out)
{
    const uint8_t *end = memchr(line.data, ']', line.size);
    if (line.data[0] != '[' || end == NULL) {
        return false;
    }
    firn_slice name = trim(firn_bytes(line.data + 1, (size_t)(end - line.data) - 1));
    firn_slice word = firn_str("profile");
    if (is_config && name.size > word.size && fi_slice_has_prefix(name, word) &&
        is_space(name.data[word.size])) {
        name = trim(firn_bytes(name.data + word.size, name.size - word.size));
    } else if (is_config && !fi_slice_equal(name, firn_str("default"))) {
        name = firn_bytes(name.data, 0);
    }
    if (name.size >= 2 && (name.data[0] == '"' || name.data[0] == '\'') &&
        name.data[name.size - 1] == name.data[0]) {
        name = firn_bytes(name.data + 1, name.size - 2);
    }
    *out = name;
    return true;
}

bool
fi_s3_ini_parse(firn_slice text, bool is_config, const char *profile, const char *key,
                firn_slice *out)
{
    bool is_inside = false;
    bool is_found = false;
    const firn_slice wanted = firn_str(profile);
    *out = firn_bytes(NULL, 0);
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        firn_slice line = firn_bytes(text.data, size);
        size_t used = end != NULL ? size + 1 : size;
        text = firn_bytes(text.data + used, text.size - used);
        firn_slice section;
        if (line.size == 0 || is_space(line.data[0]) || line.data[0] == '#' ||
            line.data[0] == ';') {
            continue;
        }
        if (read_section(line, is_config, &section)) {
            is_inside = section.size > 0 && fi_slice_equal(section, wanted);
            is_found = is_found || (is_inside && key == NULL);
            continue;
        }
        const uint8_t *equals = memchr(line.data, '=', line.size);
        if (is_inside && key != NULL && equals != NULL) {
            size_t before = (size_t)(equals - line.data);
            if (fi_slice_is_word(trim(firn_bytes(line.data, before)), key)) {
                *out = trim(firn_bytes(equals + 1, line.size - before - 1));
                is_found = true;
            }
        }
    }
    return is_found;
}

size_t
fi_s3_ini_parse_words(firn_slice text, char *memory, const char **words, size_t max)
{
    size_t count = 0;
    char *out = memory;
    size_t at = 0;
    for (;;) {
        while (at < text.size && is_space(text.data[at])) {
            at++;
        }
        if (at == text.size) {
            return count;
        }
        if (count == max) {
            return 0;
        }
        words[count++] = out;
        uint8_t quote = 0;
        for (; at < text.size && (quote != 0 || !is_space(text.data[at])); at++) {
            uint8_t byte = text.data[at];
            bool has_next = at + 1 < text.size;
            if (byte == 0) {
                return 0;
            }
            if (quote == 0 && (byte == '"' || byte == '\'')) {
                quote = byte;
            } else if (byte == quote) {
                quote = 0;
            } else if (byte == '\\' && has_next && text.data[at + 1] != 0 &&
                       (quote == 0 || (quote == '"' &&
                                       (text.data[at + 1] == '"' || text.data[at + 1] == '\\')))) {
                *out++ = (char)text.data[++at];
            } else {
                *out++ = (char)byte;
            }
        }
        if (quote != 0) {
            return 0;
        }
        *out++ = 0;
    }
}
