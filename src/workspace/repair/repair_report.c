/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_report.c: what a repair reports while it works.
 *
 * Damage is seen in the copies, in the new store, but users know the store by its own name: the
 * path of the new one is replaced in texts. Several attempts to read a store find the same damage;
 * it is reported once, and a second attempt to build one reports nothing.
 */
#include "repair/repair_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "lsm/lsm.h"
#include "os/os_names.h"
#include "rows/rows.h"
#include "threads/os_callback.h"

enum { TICK_INTERVAL_NS = 200 * 1000 * 1000 };

static void
name_the_store(const struct fi_repair_place *place, const char *text,
               char out[FIRN_ERROR_TEXT_SIZE])
{
    DCHECK(place->new_name[0] != '\0');
    size_t name_size = strlen(place->name);
    size_t used = 0;
    while (*text != '\0' && used < FIRN_ERROR_TEXT_SIZE - 1) {
        bool is_named = strncmp(text, place->new_name, strlen(place->new_name)) == 0;
        size_t size = is_named ? name_size : 1;
        size = size < FIRN_ERROR_TEXT_SIZE - 1 - used ? size : FIRN_ERROR_TEXT_SIZE - 1 - used;
        memcpy(out + used, text, size);
        used += size;
        text += is_named ? strlen(place->new_name) : 1;
    }
    out[used] = '\0';
}

static bool
was_told(struct fi_repair *repair, const char *text)
{
    DCHECK(strlen(text) < sizeof repair->told);
    bool was = strcmp(repair->told, text) == 0;
    memcpy(repair->told, text, strlen(text) + 1);
    return was;
}

void
fi_repair_report(struct fi_repair *repair, firn_slice path, const char *text)
{
    const firn_callbacks *callbacks = &repair->options->callbacks;
    char named[FIRN_ERROR_TEXT_SIZE];
    if (text[0] == '\0' || repair->is_thorough) {
        return;
    }
    name_the_store(&repair->place, text, named);
    if (path.size > 0 || !was_told(repair, named)) {
        firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .path = path, .text = named};
        fi_os_callback_notice(callbacks, &notice);
    }
}

int
fi_repair_report_progress(struct fi_repair *repair, const char *phase, uint64_t done,
                          firn_error *err)
{
    const firn_callbacks *callbacks = &repair->options->callbacks;
    const firn_progress progress = {.phase = phase, .files_done = done};
    DCHECK(fi_os_callback_is_phase(phase));
    return fi_os_callback_progress(callbacks, &progress) == FIRN_OK
               ? FIRN_OK
               : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
fi_repair_report_tick(void *ctx, firn_error *err)
{
    struct fi_repair *repair = ctx;
    int64_t now = fi_os_monotonic_ns(repair->ws->os);
    if (now < repair->tick_due_ns) {
        return FIRN_OK;
    }
    repair->tick_due_ns = now + TICK_INTERVAL_NS;
    return fi_repair_report_progress(repair, "read", 0, err);
}

void
fi_repair_report_damage(void *ctx, const char *text)
{
    fi_repair_report(ctx, firn_bytes(NULL, 0), text);
}

/* A report that needs names of tables and columns waits: the new store must be open for these. */
void
fi_repair_report_damage_of_run(void *ctx, const char *text)
{
    struct fi_repair *repair = ctx;
    if (!fi_slice_has_prefix(firn_str(text), firn_str(FI_LSM_DAMAGE_KEYSPACE)) ||
        fi_buf_append(&repair->losses, text, strlen(text) + 1) != FIRN_OK) {
        fi_repair_report_damage(ctx, text);
    }
}

void
fi_repair_report_losses(struct fi_repair *repair)
{
    char named[FIRN_ERROR_TEXT_SIZE];
    const char *text = NULL;
    while ((text = fi_os_names_next(&repair->losses, text)) != NULL) {
        fi_rows_mend_name(repair->opened.db, text, named);
        fi_repair_report_damage(repair, named);
    }
    fi_buf_clear(&repair->losses);
}
