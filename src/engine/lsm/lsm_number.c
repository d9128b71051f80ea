/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_number.c: the number of a file, from its name.
 */
#include "lsm/lsm_handle.h"

#include <string.h>

const char *
fi_lsm_number_skip(const char *text)
{
    while (*text >= '0' && *text <= '9') {
        text++;
    }
    return text;
}

uint64_t
fi_lsm_number_in_name(const char *name)
{
    uint64_t number = 0;
    const char *rest = fi_lsm_number_skip(name);
    if (rest - name < 6 || rest - name > 18 || *rest != '.') {
        return 0;
    }
    for (const char *at = name; at < rest; at++) {
        number = 10 * number + (uint64_t)(*at - '0');
    }
    const char *suffix = ++rest;
    while (*rest >= 'a' && *rest <= 'z') {
        rest++;
    }
    bool is_whole = *rest == '\0' || strcmp(rest, ".tmp") == 0;
    return rest > suffix && is_whole && strlen(name) < FI_VERSION_FILE_NAME_SIZE ? number : 0;
}
