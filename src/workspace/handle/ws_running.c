/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_running.c: reporting a running restore to other processes.
 *
 * While a restore runs, the directory is partly in the old state and partly in the new one, and the
 * journal looks like that of a killed restore. The lock of the store tells the two apart: the
 * restoring process holds it from before the scan until after the last rename. The note of the
 * lock's holder (db_holder.c) says which workspace is being restored, and how far. A killed restore
 * holds no lock, and its note is ignored.
 *
 * The note is only shown to people; no decision depends on its contents (docs/formats/store.md
 * draws it). Every process that can write to the store can write the note, so one that does not
 * make sense is ignored.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "handle/ws_opened.h"

enum { VERSION = 1, NOTE_SIZE = 48, ID_OFFSET = 8 };

/* In the order of their numbers in the note. */
static const char *const PHASES[] = {"scan", "compare", "verify", "write", "sync",
                                     "look", "place",   "remove", "finish"};
enum { PHASE_COUNT = sizeof PHASES / sizeof *PHASES };

static uint8_t
number_of(const char *phase)
{
    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        if (phase != NULL && strcmp(phase, PHASES[i]) == 0) {
            return (uint8_t)i;
        }
    }
    return 0;
}

void
fi_ws_running_report(struct firn_db *db, const struct fi_ws_running *running)
{
    struct fi_ws_running read;
    uint8_t note[NOTE_SIZE] = {VERSION, (uint8_t)running->kind, number_of(running->phase),
                               running->has_begun ? 1 : 0};
    fi_store_le32(note + 4, running->workspace);
    memcpy(note + ID_OFFSET, running->target, sizeof running->target);
    fi_store_le64(note + 24, (uint64_t)running->started_ns);
    fi_store_le64(note + 32, running->done);
    fi_store_le64(note + 40, running->total);
    DCHECK(fi_ws_running_decode(firn_bytes(note, sizeof note), &read));
    DCHECK(running->phase == NULL || strcmp(read.phase, running->phase) == 0);
    fi_db_holder_report(db, note, sizeof note);
}

bool
fi_ws_running_decode(firn_slice note, struct fi_ws_running *out)
{
    const uint8_t *bytes = note.data;
    if (note.size != NOTE_SIZE || bytes[0] != VERSION || bytes[1] < FI_CATALOG_JOURNAL_RESTORE ||
        bytes[1] > FI_CATALOG_JOURNAL_REDO || bytes[2] >= PHASE_COUNT || bytes[3] > 1) {
        return false;
    }
    *out = (struct fi_ws_running){.kind = (enum fi_catalog_journal_kind)bytes[1],
                                  .phase = PHASES[bytes[2]],
                                  .has_begun = bytes[3] == 1,
                                  .workspace = fi_load_le32(bytes + 4),
                                  .started_ns = (int64_t)fi_load_le64(bytes + 24),
                                  .done = fi_load_le64(bytes + 32),
                                  .total = fi_load_le64(bytes + 40)};
    memcpy(out->target, bytes + ID_OFFSET, sizeof out->target);
    return true;
}

int
fi_ws_running_query(struct firn_db *db, uint32_t workspace, struct fi_ws_running *out,
                    bool *out_is_running, firn_error *err)
{
    struct fi_db_holder holder;
    *out = (struct fi_ws_running){0};
    *out_is_running = false;
    int rc = fi_db_holder_query(db, &holder, err);
    if (rc == FIRN_OK && holder.is_held && holder.size > 0) {
        *out_is_running = fi_ws_running_decode(firn_bytes(holder.note, holder.size), out) &&
                          out->workspace == workspace;
        out->process = holder.process;
    }
    return rc;
}
