/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_running.c: the restore that is under way, told to other processes.
 *
 * Beside a restore a directory is in part the old state and in part the new one, and its journal says
 * of it what it says of one that was killed. What tells the two apart is the lock of the store: the
 * process that restores holds it from before the first look until after the last rename, and says in
 * its note (db_holder.c) whose workspace it is about, and how far it has come. A restore that was
 * killed holds no lock, and its note counts for nothing.
 *
 * The note is shown to a person and nothing else is concluded from it (docs/formats/store.md draws it). What
 * it holds may be written by anybody who can write to the store, so what is not known is no note, and
 * numbers are only numbers.
 */
#include "handle/ws_running.h"

#include "base/bytes.h"
#include "base/check.h"
#include "store/db.h"

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
firn_ws_running_tell(struct firn_db *db, const struct firn_ws_running *running)
{
    struct firn_ws_running read;
    uint8_t note[NOTE_SIZE] = {VERSION, (uint8_t)running->kind, number_of(running->phase),
                               running->has_begun ? 1 : 0};
    firn_store_le32(note + 4, running->workspace);
    memcpy(note + ID_OFFSET, running->target, sizeof running->target);
    firn_store_le64(note + 24, (uint64_t)running->started_ns);
    firn_store_le64(note + 32, running->done);
    firn_store_le64(note + 40, running->total);
    DCHECK(firn_ws_running_decode(firn_bytes(note, sizeof note), &read));
    DCHECK(running->phase == NULL || strcmp(read.phase, running->phase) == 0);
    firn_db_holder_tell(db, note, sizeof note);
}

bool
firn_ws_running_decode(firn_slice note, struct firn_ws_running *out)
{
    const uint8_t *bytes = note.data;
    if (note.size != NOTE_SIZE || bytes[0] != VERSION || bytes[1] < FIRN_WS_RUNNING_RESTORE ||
        bytes[1] > FIRN_WS_RUNNING_REVERT || bytes[2] >= PHASE_COUNT || bytes[3] > 1) {
        return false;
    }
    *out = (struct firn_ws_running){.kind = (enum firn_ws_running_kind)bytes[1],
                                    .phase = PHASES[bytes[2]],
                                    .has_begun = bytes[3] == 1,
                                    .workspace = firn_load_le32(bytes + 4),
                                    .started_ns = (int64_t)firn_load_le64(bytes + 24),
                                    .done = firn_load_le64(bytes + 32),
                                    .total = firn_load_le64(bytes + 40)};
    memcpy(out->target, bytes + ID_OFFSET, sizeof out->target);
    return true;
}

int
firn_ws_running_ask(struct firn_db *db, uint32_t workspace, struct firn_ws_running *out,
                    bool *out_is_running, firn_error *err)
{
    struct firn_db_holder holder;
    *out = (struct firn_ws_running){0};
    *out_is_running = false;
    int rc = firn_db_holder_ask(db, &holder, err);
    if (rc == FIRN_OK && holder.is_held && holder.size > 0) {
        *out_is_running = firn_ws_running_decode(firn_bytes(holder.note, holder.size), out) &&
                          out->workspace == workspace;
        out->process = holder.process;
    }
    return rc;
}
