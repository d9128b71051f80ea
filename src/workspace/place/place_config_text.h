/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_config_text.h: the text of a file of settings.
 *
 *   file := line*, of at most 64 KiB
 *   line := (setting | comment)? ("\n" | "\r\n" | end of the file), with spaces and tabs around each
 *   setting := key blanks "=" blanks value
 *   comment := "#" anything
 *
 * Only the keys of this version, each at most once.
 */
#ifndef FIRN_PLACE_PLACE_CONFIG_TEXT_H
#define FIRN_PLACE_PLACE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum { FIRN_PLACE_CONFIG_TEXT_SIZE_MAX = 64 << 10, FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE = 208 };

enum firn_place_config_key {
    FIRN_PLACE_CONFIG_GC_AUTO,
    FIRN_PLACE_CONFIG_KEEP,
    FIRN_PLACE_CONFIG_SAVE_GITIGNORE,
    FIRN_PLACE_CONFIG_SAVE_INCLUDE_DEPS,
    FIRN_PLACE_CONFIG_SAVE_MAX_FILE_SIZE,
    FIRN_PLACE_CONFIG_SAVE_STRICT,
    FIRN_PLACE_CONFIG_SAVE_WARN_SIZE,
    FIRN_PLACE_CONFIG_WAIT,
    FIRN_PLACE_CONFIG_KEYS
};

struct firn_place_config_text {
    bool is_set[FIRN_PLACE_CONFIG_KEYS];
    uint64_t values[FIRN_PLACE_CONFIG_KEYS]; /* of a switch 0 or 1; of text 0 */
    char texts[FIRN_PLACE_CONFIG_KEYS][FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE]; /* as they stand */
};

/* FIRN_INVALID names the line; nothing is set then, nor at another failure. */
FIRN_MUST_CHECK int firn_place_config_text_read(firn_slice text, struct firn_place_config_text *out,
                                                firn_error *err);
/* Appends the text with every line that cannot be read, or sets what is set already, as a comment. A
 * policy that cannot be read might have been any: unless another is set, nothing expires. */
FIRN_MUST_CHECK int firn_place_config_text_mend(firn_slice text, struct firn_buf *out);
/* Appends the text with one setting changed, or, for value NULL, taken out; everything else stays
 * as it is. The text must be readable. */
FIRN_MUST_CHECK int firn_place_config_text_change(firn_slice text, enum firn_place_config_key key,
                                                  const char *value, struct firn_buf *out);

/* A size (firn_config_size); false, and nothing written, if it is none. */
bool firn_place_config_text_size(firn_slice text, uint64_t *out);
const char *firn_place_config_text_name(enum firn_place_config_key key);
/* FIRN_INVALID, with the names that there are. */
FIRN_MUST_CHECK int firn_place_config_text_find(firn_slice name, enum firn_place_config_key *out,
                                                firn_error *err);
/* FIRN_INVALID, with what the key takes. */
FIRN_MUST_CHECK int firn_place_config_text_value(enum firn_place_config_key key, firn_slice value,
                                                 uint64_t *out, firn_error *err);
/* The value as text; what stands for a key that is not set, if it is not. */
void firn_place_config_text_show(const struct firn_place_config_text *config,
                                 enum firn_place_config_key key,
                                 char out[FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE]);
/* What stands for a key while nobody knows what a file says about it; NULL: as if it said nothing. */
const char *firn_place_config_text_cautious(enum firn_place_config_key key);

#endif
