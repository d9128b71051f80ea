/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_config_text.c: reading and changing the text of files of settings.
 *
 * The reader is strict: a setting that is misspelt, or set twice, or has an invalid value, is an
 * error with its line: if it were silently ignored, its author would believe it to be in effect. A
 * file of a later version with unknown keys is refused for the same reason. A command that
 * continues without its settings must lose nothing: nothing expires, and no garbage is collected
 * automatically (fi_place_config_text_cautious).
 *
 * (I1) A change keeps all other lines byte for byte, comments too. A missing line end at the end of
 *      the file is added.
 * (I2) Reading the result of a change gives the old settings with that one changed.
 * (I3) A repair makes comments of wrong lines and keeps all others byte for byte; the result is
 *      readable, unless it has become too large.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "firn/remote.h"
#include "place/place.h"
#include "threads/os_callback.h"

enum { WAIT_MAX = INT32_MAX };
_Static_assert((int)FI_CATALOG_POLICY_TEXT_SIZE_MAX < (int)FI_PLACE_CONFIG_TEXT_VALUE_SIZE,
               "a policy fits");

struct key {
    const char *name;
    const char *unset;    /* the default */
    uint64_t max;         /* of a number; 1: a switch; or one of the kinds below */
    const char *cautious; /* the value if a file cannot be read; NULL: unset */
};

/* Kinds of values other than numbers: a policy, a size, when to do something, a remote. */
enum { MAX_POLICY = 0 };
#define MAX_SIZE UINT64_MAX
#define MAX_WHEN (UINT64_MAX - 1)   /* always, never or auto */
#define MAX_REMOTE (UINT64_MAX - 2) /* the name of one, or false */

static const struct key keys[FI_PLACE_CONFIG_KEYS] = {
    [FI_PLACE_CONFIG_GC_AUTO] = {"gc.auto", "true", 1, "false"},
    [FI_PLACE_CONFIG_KEEP] = {"keep", "all:1d hourly:7d daily:90d", MAX_POLICY, "forever"},
    [FI_PLACE_CONFIG_PUSH_AUTO] = {"push.auto", "false", MAX_REMOTE, "false"},
    [FI_PLACE_CONFIG_SAVE_GIT] = {"save.git", "true", 1, NULL},
    [FI_PLACE_CONFIG_SAVE_GITIGNORE] = {"save.gitignore", "false", 1, NULL},
    [FI_PLACE_CONFIG_SAVE_INCLUDE_DEPS] = {"save.include-deps", "false", 1, NULL},
    [FI_PLACE_CONFIG_SAVE_MAX_FILE_SIZE] = {"save.max-file-size", "none", MAX_SIZE, NULL},
    [FI_PLACE_CONFIG_SAVE_WARN_SIZE] = {"save.warn-size", "1G", MAX_SIZE, NULL},
    [FI_PLACE_CONFIG_SAVE_STRICT] = {"save.strict", "false", 1, NULL},
    [FI_PLACE_CONFIG_UI_COLOR] = {"ui.color", "auto", MAX_WHEN, NULL},
    [FI_PLACE_CONFIG_UI_PAGER] = {"ui.pager", "true", 1, NULL},
    [FI_PLACE_CONFIG_WAIT] = {"wait", "60", WAIT_MAX, NULL},
};

/* ---- keys and values ---- */

const char *
fi_place_config_text_name(enum fi_place_config_key key)
{
    DCHECK(key < FI_PLACE_CONFIG_KEYS);
    return keys[key].name;
}

int
fi_place_config_text_find(firn_slice name, enum fi_place_config_key *out, firn_error *err)
{
    for (unsigned i = 0; i < FI_PLACE_CONFIG_KEYS; i++) {
        if (fi_slice_equal(name, firn_str(keys[i].name))) {
            *out = (enum fi_place_config_key)i;
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_INVALID,
                        "there is no setting '%.*s'; there are gc.auto, keep, push.auto, save.git, "
                        "save.gitignore, save.include-deps, save.max-file-size, save.strict, "
                        "save.warn-size, ui.color, ui.pager and wait",
                        name.size < 80 ? (int)name.size : 80, (const char *)name.data);
}

static bool
read_number(firn_slice value, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || number > max) {
            return false;
        }
        number = number * 10 + (uint64_t)(value.data[i] - '0');
    }
    *out = number;
    return value.size > 0 && number <= max;
}

bool
fi_place_config_text_size(firn_slice text, uint64_t *out)
{
    static const char units[] = "KMGT";
    uint64_t number;
    uint64_t factor = 1;
    size_t digits = 0;
    if (fi_slice_equal(text, firn_str("none"))) {
        *out = 0;
        return true;
    }
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    if (!read_number(firn_bytes(text.data, digits), INT64_MAX, &number)) {
        return false;
    }
    firn_slice unit = firn_bytes(text.data + digits, text.size - digits);
    const char *letter = unit.size == 0 ? NULL : memchr(units, unit.data[0], sizeof units - 1);
    if (unit.size > 0 && letter == NULL) {
        return false;
    }
    firn_slice rest = unit.size == 0 ? unit : firn_bytes(unit.data + 1, unit.size - 1);
    bool is_decimal = fi_slice_equal(rest, firn_str("B"));
    if (rest.size > 0 && !is_decimal && !fi_slice_equal(rest, firn_str("iB"))) {
        return false;
    }
    for (size_t i = 0; letter != NULL && i <= (size_t)(letter - units); i++) {
        factor *= is_decimal ? 1000 : 1024;
    }
    if (number > INT64_MAX / factor) {
        return false;
    }
    *out = number * factor;
    return true;
}

static bool
is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether a remote can have this name; "true" is a mistake for one. "false" is no name either, but
 * looks like one. */
static bool
is_remote(firn_slice text)
{
    bool is_name = text.size > 0 && text.size <= FIRN_REMOTE_NAME_SIZE_MAX &&
                   is_letter_or_digit(text.data[0]) && !fi_slice_equal(text, firn_str("true"));
    for (size_t i = 0; i < text.size && is_name; i++) {
        const uint8_t byte = text.data[i];
        is_name = is_letter_or_digit(byte) || byte == '.' || byte == '_' || byte == '-';
    }
    return is_name;
}

int
fi_place_config_text_value(enum fi_place_config_key key, firn_slice value, uint64_t *out,
                           firn_error *err)
{
    if (value.size >= FI_PLACE_CONFIG_TEXT_VALUE_SIZE) {
        return fi_error_set(err, FIRN_INVALID, "the value of %s is too long", keys[key].name);
    }
    if (keys[key].max == MAX_SIZE) {
        return fi_place_config_text_size(value, out)
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_INVALID, "%s takes a size such as 500M, 2G or none",
                                  keys[key].name);
    }
    if (keys[key].max == MAX_POLICY) {
        struct fi_catalog_policy keep;
        *out = 0;
        return fi_catalog_policy_read(value, &keep, err);
    }
    if (keys[key].max == MAX_WHEN) {
        *out = 0;
        return fi_slice_equal(value, firn_str("auto")) ||
                       fi_slice_equal(value, firn_str("always")) ||
                       fi_slice_equal(value, firn_str("never"))
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_INVALID, "%s takes always, never or auto",
                                  keys[key].name);
    }
    if (keys[key].max == MAX_REMOTE) {
        *out = 0;
        return is_remote(value)
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_INVALID, "%s takes the name of a remote, or false",
                                  keys[key].name);
    }
    if (keys[key].max > 1) {
        if (read_number(value, keys[key].max, out)) {
            return FIRN_OK;
        }
        return fi_error_set(err, FIRN_INVALID, "%s takes a number of seconds from 0 to %llu",
                            keys[key].name, (unsigned long long)keys[key].max);
    }
    *out = fi_slice_equal(value, firn_str("true"));
    if (*out == 1 || fi_slice_equal(value, firn_str("false"))) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_INVALID, "%s takes true or false", keys[key].name);
}

void
fi_place_config_text_show(const struct fi_place_config_text *config, enum fi_place_config_key key,
                          char out[FI_PLACE_CONFIG_TEXT_VALUE_SIZE])
{
    (void)snprintf(out, FI_PLACE_CONFIG_TEXT_VALUE_SIZE, "%s",
                   config->is_set[key] ? config->texts[key] : keys[key].unset);
}

const char *
fi_place_config_text_cautious(enum fi_place_config_key key)
{
    DCHECK(key < FI_PLACE_CONFIG_KEYS);
    return keys[key].cautious;
}

/* ---- lines ---- */

static bool
is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static firn_slice
place_config_trim(firn_slice text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text = firn_bytes(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Removes the next line, with its end, from the text; *out is its content. */
static firn_slice
take_line(firn_slice *text, firn_slice *out)
{
    DCHECK(text->size > 0); /* so each call removes something */
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->data) + 1;
    firn_slice line = firn_bytes(text->data, size);
    size_t said = end == NULL ? size : size - 1;
    if (end != NULL && said > 0 && line.data[said - 1] == '\r') {
        said--;
    }
    *out = place_config_trim(firn_bytes(line.data, said));
    *text = firn_bytes(text->data + size, text->size - size);
    return line;
}

static bool
says_nothing(firn_slice said)
{
    return said.size == 0 || said.data[0] == '#';
}

static int
read_setting(firn_slice said, enum fi_place_config_key *out_key, firn_slice *out_text,
             uint64_t *out_value, firn_error *err)
{
    const uint8_t *sign = memchr(said.data, '=', said.size);
    if (sign == NULL) {
        return fi_error_set(err, FIRN_INVALID, "a setting is written as key = value");
    }
    size_t size = (size_t)(sign - said.data);
    firn_slice value = place_config_trim(firn_bytes(sign + 1, said.size - size - 1));
    int rc =
        fi_place_config_text_find(place_config_trim(firn_bytes(said.data, size)), out_key, err);
    *out_text = value;
    return rc == FIRN_OK ? fi_place_config_text_value(*out_key, value, out_value, err) : rc;
}

/* Puts the setting of a line into *out; FIRN_INVALID if the line is wrong, or sets a key a second
 * time. */
static int
take_setting(firn_slice said, struct fi_place_config_text *out, firn_error *err)
{
    enum fi_place_config_key key = FI_PLACE_CONFIG_KEYS;
    firn_slice written;
    uint64_t value;
    int rc = read_setting(said, &key, &written, &value, err);
    DCHECK(rc != FIRN_OK || key < FI_PLACE_CONFIG_KEYS);
    if (rc == FIRN_OK && out->is_set[key]) {
        rc = fi_error_set(err, FIRN_INVALID, "%s is set twice", keys[key].name);
    }
    if (rc == FIRN_OK) {
        CHECK(written.size < sizeof out->texts[key]);
        out->is_set[key] = true;
        out->values[key] = value;
        memcpy(out->texts[key], written.data, written.size); /* fits: the value was accepted */
    }
    return rc;
}

int
fi_place_config_text_read(firn_slice text, struct fi_place_config_text *out, firn_error *err)
{
    *out = (struct fi_place_config_text){0};
    if (text.size > FI_PLACE_CONFIG_TEXT_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "it has more than %d bytes",
                            FI_PLACE_CONFIG_TEXT_SIZE_MAX);
    }
    for (unsigned number = 1; text.size > 0; number++) {
        firn_slice said;
        firn_error why;
        (void)take_line(&text, &said);
        int rc = says_nothing(said) ? FIRN_OK : take_setting(said, out, &why);
        if (rc != FIRN_OK) {
            *out = (struct fi_place_config_text){0};
            return fi_error_set(err, rc, "line %u: %.900s", number, why.text);
        }
    }
    return FIRN_OK;
}

int
fi_place_config_text_repair(firn_slice text, struct fi_buf *out)
{
    struct fi_place_config_text config = {0};
    while (text.size > 0) {
        firn_slice said;
        firn_slice line = take_line(&text, &said);
        if (says_nothing(said) || take_setting(said, &config, NULL) == FIRN_OK) {
            FI_TRY_RETURN(fi_buf_append_slice(out, line));
        } else {
            FI_TRY_RETURN(fi_buf_append_str(out, "# could not be read: "));
            FI_TRY_RETURN(fi_buf_append_slice(out, said));
            FI_TRY_RETURN(fi_buf_append_str(out, "\n"));
        }
    }
    if (!config.is_set[FI_PLACE_CONFIG_KEEP]) {
        if (out->size > 0 && out->data[out->size - 1] != '\n') {
            FI_TRY_RETURN(fi_buf_append_str(out, "\n"));
        }
        FI_TRY_RETURN(fi_buf_append_format(out, "%s = %s\n", keys[FI_PLACE_CONFIG_KEEP].name,
                                           keys[FI_PLACE_CONFIG_KEEP].cautious));
    }
    DCHECK(out->size > FI_PLACE_CONFIG_TEXT_SIZE_MAX ||
           fi_place_config_text_read(fi_buf_slice(out), &config, NULL) == FIRN_OK); /* (I3) */
    return FIRN_OK;
}

int
fi_place_config_text_change(firn_slice text, enum fi_place_config_key key, const char *value,
                            struct fi_buf *out)
{
    bool is_done = value == NULL;
    while (text.size > 0) {
        firn_slice said;
        firn_slice line = take_line(&text, &said);
        enum fi_place_config_key found;
        firn_slice written;
        uint64_t ignored;
        bool is_it = !says_nothing(said) &&
                     read_setting(said, &found, &written, &ignored, NULL) == FIRN_OK &&
                     found == key;
        if (!is_it) {
            FI_TRY_RETURN(fi_buf_append_slice(out, line));
        } else if (value != NULL) {
            FI_TRY_RETURN(fi_buf_append_format(out, "%s = %s\n", keys[key].name, value));
            is_done = true;
        }
    }
    if (!is_done) {
        if (out->size > 0 && out->data[out->size - 1] != '\n') {
            FI_TRY_RETURN(fi_buf_append_str(out, "\n"));
        }
        FI_TRY_RETURN(fi_buf_append_format(out, "%s = %s\n", keys[key].name, value));
    }
    return FIRN_OK;
}
