/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history_find.h: checkpoints of a history by what they are called.
 */
#ifndef FIRN_HISTORY_HISTORY_FIND_H
#define FIRN_HISTORY_HISTORY_FIND_H

#include "base/slice.h"
#include "history/history.h"

/* NULL if there is none; the newest of more than one. */
struct firn_db_checkpoint *firn_history_find(const struct firn_history *history,
                                             const uint8_t id[FIRN_HISTORY_ID_SIZE]);
/* name is not empty. */
struct firn_db_checkpoint *firn_history_find_name(const struct firn_history *history,
                                                  firn_slice name);
/* number is not 0. */
struct firn_db_checkpoint *firn_history_find_number(const struct firn_history *history,
                                                    uint64_t number);
/* Which one it is, in the order of their making. */
size_t firn_history_find_place(const struct firn_history *history,
                               const struct firn_db_checkpoint *checkpoint);

/* ---- for changes of a history ---- */

/* Room for one more; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_history_find_reserve(struct firn_history *history);
/* It can be found from now on. There is room, and it stays where it is. */
void firn_history_find_add(struct firn_history *history, struct firn_db_checkpoint *checkpoint);
void firn_history_find_remove(struct firn_history *history, struct firn_db_checkpoint *checkpoint);
void firn_history_find_deinit(struct firn_history *history);

#endif
