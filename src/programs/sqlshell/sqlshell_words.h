/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_words.h: the words of a line for the shell itself.
 */
#ifndef FIRN_SQLSHELL_SQLSHELL_WORDS_H
#define FIRN_SQLSHELL_SQLSHELL_WORDS_H

#include <stddef.h>

enum { FI_SQLSHELL_WORDS_MAX = 4 };

struct fi_sqlshell_words {
    char *memory; /* owned: free */
    const char *items[FI_SQLSHELL_WORDS_MAX];
    size_t count;
};

/* Divides a line; out->memory is freed by the caller in any case. NULL, or what is wrong with the
 * line: of static memory. */
const char *fi_sqlshell_words_split(const char *line, struct fi_sqlshell_words *out);

#endif
