/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/json_edit.h: changing a JSON document that somebody else formatted.
 */
#ifndef FIRN_CLI_JSON_EDIT_H
#define FIRN_CLI_JSON_EDIT_H

#include <jansson.h>
#include <stddef.h>

struct firn_json_edit;

/* Notes where each value of a document stands in its text. `root` is what jansson made of the text,
 * which it accepted, from `start` on, with JSON_REJECT_DUPLICATES; what stands before `start` is kept.
 * The text is borrowed until the edit ends. NULL if there is no memory. */
struct firn_json_edit *firn_json_edit_begin(const char *text, size_t size, size_t start,
                                            json_t *root);

/* The text of the document as `root` is now, to be freed. Values that are still the same json_t stand
 * as they stood: spaces, escapes and the spelling of numbers included. Members and elements may have
 * been removed, replaced, and appended; these are written in the style of their neighbours. NULL if
 * there is no memory. */
char *firn_json_edit_text(const struct firn_json_edit *edit);

/* May be NULL. */
void firn_json_edit_end(struct firn_json_edit *edit);

#endif
