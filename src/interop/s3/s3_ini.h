/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_ini.h: the files in which users of AWS keep credentials and settings: ~/.aws/credentials
 * and ~/.aws/config. Any thread.
 */
#ifndef FIRN_S3_S3_INI_H
#define FIRN_S3_S3_INI_H

#include <stdbool.h>

#include "firn/types.h"

/* The value of a key of a profile, borrowed from the text; of several the last. A section is
 * [NAME], or [profile NAME] in a config file, where only the profile "default" goes without the
 * word. key NULL: whether the profile is there; *out is then empty. */
bool fi_s3_ini_parse(firn_slice text, bool is_config, const char *profile, const char *key,
                     firn_slice *out);

/* Takes a command apart as a shell would take plain words: at spaces, but for those in quotes or
 * after a backslash. The words are put into memory, which has at least text.size + 1 bytes, each
 * with a NUL; their number is at most max. 0 if there are none, more of them, an open quote or a
 * NUL. */
size_t fi_s3_ini_parse_words(firn_slice text, char *memory, const char **words, size_t max);

#endif
