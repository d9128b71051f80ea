/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/alxsv1_verify.c: reads all of a table and reports each damaged part.
 *
 * The checks are those of opening (alxsv1_check.c); here they go on behind what they find. The
 * format's one checksum tells that something in the records is wrong, not where; sizes that lead
 * nowhere and keys out of order say it nearer.
 */
#include <inttypes.h>

#include "compat/alxsv1.h"

int
firn_alxsv1_verify(struct firn_os_dir *dir, const char *name, const firn_alxs_options *options,
                   void (*on_damage)(void *ctx, const char *text), void *ctx, firn_alxs_info *out,
                   firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_os_file *file = NULL;
    struct firn_alxsv1_sink sink = {.on_damage = on_damage, .ctx = ctx};
    *out = (firn_alxs_info){.size = sizeof *out};
    FIRN_TRY(firn_os_file_open(dir, name, FIRN_OS_READ, 0, &file, err));
    FIRN_TRY(firn_alxsv1_check(file, options, NULL, &sink, out, err));
    if (sink.count > 0) {
        FIRN_TRY(firn_error_set(err, FIRN_CORRUPT, "'%s' is damaged: %" PRIu64 " %s",
                                firn_os_file_path(file), sink.count,
                                sink.count == 1 ? "finding" : "findings"));
    }
out:
    firn_os_file_close(file);
    return rc;
}
