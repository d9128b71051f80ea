/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_notices.c: notices of a scan that may begin once more.
 *
 * A scan beside a watch that meets a new name of a file begins once more, and tells once more what it
 * has to tell of the directories that it visited (watchlink.c). Callers count: so the notices of the
 * first attempt are kept until it has succeeded. Progress is passed on at once; it may be seen to go
 * back.
 *
 * Where memory is out a notice is told at once: rather twice than not at all.
 */
#include "scan/scan_notices.h"

#include <string.h>

#include "base/check.h"

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct firn_scan_notices *notices = ctx;
    const uint8_t *path = firn_arena_copy(&notices->arena, notice->path.data, notice->path.size);
    const firn_notice kept = {
        .kind = notice->kind,
        .path = {path, notice->path.size},
        .text = firn_arena_str(&notices->arena, notice->text, strlen(notice->text)),
        .is_reserved = notice->is_reserved};
    if (path == NULL || kept.text == NULL ||
        firn_buf_append(&notices->kept, &kept, sizeof kept) != FIRN_OK) {
        notices->callbacks.on_notice(notices->callbacks.ctx, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct firn_scan_notices *notices = ctx;
    DCHECK(notices->callbacks.on_progress != NULL);
    return notices->callbacks.on_progress(notices->callbacks.ctx, progress);
}

firn_callbacks
firn_scan_notices_keep(struct firn_scan_notices *notices, const firn_callbacks *callbacks)
{
    DCHECK(notices->kept.size == 0);
    notices->callbacks = *callbacks;
    return (firn_callbacks){.on_notice = callbacks->on_notice != NULL ? on_notice : NULL,
                            .on_progress = callbacks->on_progress != NULL ? on_progress : NULL,
                            .ctx = notices};
}

void
firn_scan_notices_tell(struct firn_scan_notices *notices)
{
    const firn_notice *kept = (const void *)notices->kept.data;
    DCHECK(notices->kept.size == 0 || notices->callbacks.on_notice != NULL);
    for (size_t i = 0; i < notices->kept.size / sizeof *kept; i++) {
        notices->callbacks.on_notice(notices->callbacks.ctx, &kept[i]);
    }
    firn_scan_notices_drop(notices);
}

void
firn_scan_notices_drop(struct firn_scan_notices *notices)
{
    firn_buf_deinit(&notices->kept);
    firn_arena_deinit(&notices->arena);
}
