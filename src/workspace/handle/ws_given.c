/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_given.c: the memory of results.
 *
 * An operation describes checkpoints, entries and paths in memory that outlives it: one allocation
 * each, with all texts. The handle owns this memory at first, so that an operation that fails has
 * nothing to release. A caller takes memory with fi_ws_given_take to keep it; api does so for the
 * results of a successful call, and releases the rest.
 *
 * (I1) Memory is allocated before an operation changes anything, so that no operation runs out of
 *      memory for its result when its work is done. If the result is known only afterwards, room is
 *      reserved (fi_ws_given_reserve) and filled later, which cannot fail.
 * (I2) An operation that may run inside a callback of another one releases nothing: the other one's
 *      result is in use. This is fi_gc, which a watch's on_event may call when it is
 *      notified of a save. (Not checked here: the list does not record whose memory it has.)
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "handle/ws_opened.h"

int
fi_ws_given_expect(struct firn_ws *ws, firn_error *err)
{
    return fi_buf_reserve(&ws->given, sizeof(void *)) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a result");
}

void
fi_ws_given_own(struct firn_ws *ws, void *memory)
{
    CHECK(fi_buf_append(&ws->given, &memory, sizeof memory) ==
          FIRN_OK); /* (I1): fi_ws_given_expect */
}

/* Memory of this size, zeroed and owned by the handle; NULL if there is none. */
static void *
ws_given_allocate(struct firn_ws *ws, size_t size, firn_error *err)
{
    void *memory = NULL;
    if (fi_ws_given_expect(ws, err) == FIRN_OK) {
        memory = fi_alloc_zeroed(size);
        if (memory != NULL) {
            fi_ws_given_own(ws, memory);
        } else {
            (void)fi_error_no_memory(err, "a result");
        }
    }
    return memory;
}

/* Copies the bytes of a slice to *room, sets the slice to the copy, and advances *room. */
static void
move_slice(firn_slice *slice, uint8_t **room)
{
    if (slice->size == 0) {
        *slice = firn_bytes(NULL, 0);
        return;
    }
    memcpy(*room, slice->data, slice->size);
    *slice = firn_bytes(*room, slice->size);
    *room += slice->size;
}

size_t
fi_ws_given_text_size(const struct fi_catalog_record *record)
{
    const firn_workspace_turn *turn = &record->turn;
    return record->message.size + turn->agent.size + turn->session.size + turn->prompt.size +
           record->run.command.size + record->tried.command.size;
}

int
fi_ws_given_reserve(struct firn_ws *ws, size_t text_size, firn_workspace_checkpoint **out,
                    firn_error *err)
{
    *out = ws_given_allocate(ws, sizeof **out + text_size, err);
    return *out != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

void
fi_ws_given_fill(firn_workspace_checkpoint *checkpoint, const struct fi_catalog_record *record)
{
    uint8_t *room = (uint8_t *)(checkpoint + 1);
    DCHECK(checkpoint->number == 0 && checkpoint->id[0] == '\0');
    fi_catalog_record_to_checkpoint(record, checkpoint);
    move_slice(&checkpoint->message, &room);
    move_slice(&checkpoint->turn.agent, &room);
    move_slice(&checkpoint->turn.session, &room);
    move_slice(&checkpoint->turn.prompt, &room);
    move_slice(&checkpoint->run.command, &room);
    move_slice(&checkpoint->tried.command, &room);
}

int
fi_ws_given_checkpoint(struct firn_ws *ws, const struct fi_catalog_record *record,
                       firn_workspace_checkpoint **out, firn_error *err)
{
    int rc = fi_ws_given_reserve(ws, fi_ws_given_text_size(record), out, err);
    if (rc == FIRN_OK) {
        fi_ws_given_fill(*out, record);
    }
    return rc;
}

int
fi_ws_given_entry(struct firn_ws *ws, const firn_workspace_entry *entry, firn_workspace_entry **out,
                  firn_error *err)
{
    size_t size =
        entry->path.size + entry->link_target.size + entry->hard_link.size + entry->xattrs.size;
    *out = ws_given_allocate(ws, sizeof *entry + size, err);
    if (*out == NULL) {
        return FIRN_NO_MEMORY;
    }
    uint8_t *room = (uint8_t *)(*out + 1);
    **out = *entry;
    move_slice(&(*out)->path, &room);
    move_slice(&(*out)->link_target, &room);
    move_slice(&(*out)->hard_link, &room);
    move_slice(&(*out)->xattrs, &room);
    DCHECK(room == (uint8_t *)(*out + 1) + size);
    return FIRN_OK;
}

void
fi_ws_given_take(struct firn_ws *ws, const void *memory)
{
    void **owned = (void **)(void *)ws->given.data;
    DCHECK(ws->given.size % sizeof *owned == 0);
    for (size_t i = 0; i < ws->given.size / sizeof *owned; i++) {
        if (owned[i] == memory) {
            owned[i] = NULL;
        }
    }
}

void
fi_ws_given_release(struct firn_ws *ws)
{
    void **owned = (void **)(void *)ws->given.data;
    DCHECK(ws->given.size % sizeof *owned == 0);
    for (size_t i = 0; i < ws->given.size / sizeof *owned; i++) {
        fi_free(owned[i]);
    }
    fi_buf_clear(&ws->given);
}
