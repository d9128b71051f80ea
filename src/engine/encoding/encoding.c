/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/encoding.c: the names of encodings.
 */
#include "encoding/encoding.h"

const char *
fi_encoding_name(unsigned encoding)
{
    static const char *const names[] = {NULL,    "plain", "constant", "rle",  "dictionary",
                                        "frame", "delta", "alp",      "fsst", "front"};
    return encoding < sizeof names / sizeof names[0] ? names[encoding] : NULL;
}
