/* SPDX-License-Identifier: Apache-2.0
 *
 * table_words.h: the text that comments of lineitem are cut out of.
 */
#ifndef BENCH_TABLE_WORDS_H
#define BENCH_TABLE_WORDS_H

#include <stddef.h>

/* Fills pool[size] with sentences: the same for each call, the shorter a prefix of the longer. */
void table_words_fill(char *pool, size_t size);

#endif
