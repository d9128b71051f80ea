/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_fail.c: failures of this room, as those of the library.
 */
#include "migrate/migrate_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

int
fi_migrate_fail(firn_error *err, int code, const char *format, ...)
{
    assert(code != FIRN_OK);
    if (err != NULL) {
        va_list values;
        va_start(values, format);
        memset(err, 0, sizeof(*err));
        err->code = code;
        (void)vsnprintf(err->text, sizeof(err->text), format, values);
        va_end(values);
    }
    return code;
}
