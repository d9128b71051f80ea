/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_encoding.c: the names of encodings.
 */
#include "chunk/chunk_encoding.h"

const char *
fi_chunk_encoding_name(unsigned encoding)
{
    static const char *const names[] = {NULL,    "plain", "constant", "rle",  "dictionary",
                                        "frame", "delta", "alp",      "fsst", "front"};
    return encoding < sizeof names / sizeof names[0] ? names[encoding] : NULL;
}
