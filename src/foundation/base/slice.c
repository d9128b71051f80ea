/* SPDX-License-Identifier: Apache-2.0
 *
 * base/slice.c: words of commands and definitions, which are ASCII.
 */
#include "base/slice.h"

bool
fi_slice_is_word(firn_slice text, const char *word)
{
    bool is_same = text.size == strlen(word);
    for (size_t i = 0; is_same && i < text.size; i++) {
        uint8_t byte = text.data[i];
        is_same = (byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte) == (uint8_t)word[i];
    }
    return is_same;
}
