/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_holder.h: which process has a store locked, and what it says it is doing.
 */
#ifndef FIRN_STORE_DB_HOLDER_H
#define FIRN_STORE_DB_HOLDER_H

#include "store/db.h"

enum { FIRN_DB_HOLDER_NOTE_SIZE_MAX = 64 };

struct firn_db_holder {
    bool is_held;     /* by a handle other than the one that asks */
    uint64_t process; /* 0: unknown */
    size_t size;      /* of its note; 0: it has none */
    uint8_t note[FIRN_DB_HOLDER_NOTE_SIZE_MAX];
};

/* Says what the handle, which writes, is doing. It is said until the handle says something else, or is
 * closed. At most FIRN_DB_HOLDER_NOTE_SIZE_MAX bytes; none: nothing. A failure is ignored: nothing
 * depends on it. One thread at a time. */
void firn_db_holder_tell(struct firn_db *db, const void *note, size_t size);
/* What the present holder of the lock says. `db` need not be open for writing, and sees what is said
 * now, not what was when it was opened. Nothing is concluded from the note but what to tell a person:
 * who may write to the store may write anything there. */
FIRN_MUST_CHECK int firn_db_holder_ask(struct firn_db *db, struct firn_db_holder *out,
                                       firn_error *err);

#endif
