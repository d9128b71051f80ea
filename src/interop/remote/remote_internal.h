/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_internal.h: what the files of this room share. Only remote*.c include it.
 */
#ifndef FIRN_REMOTE_REMOTE_INTERNAL_H
#define FIRN_REMOTE_REMOTE_INTERNAL_H

#include "remote/remote.h"

/* FIRN_NOT_FOUND: there is none of that number. */
FIRN_MUST_CHECK int fi_remote_read_state(struct fi_remote *remote, uint64_t number,
                                         struct fi_remote_record *out, firn_error *err);
/* Makes the record's the present state; bytes are its own. After an error nothing is known of the
 * remote. */
FIRN_MUST_CHECK int fi_remote_apply(struct fi_remote *remote, const struct fi_remote_record *record,
                                    firn_slice bytes, firn_error *err);
/* Whether the last look at the states is too old to be relied on (g). */
bool fi_remote_look_is_old(const struct fi_remote *remote);
/* Which numbers of states there are; they are listed in ascending order, each once. */
struct fi_remote_numbers {
    uint64_t first; /* the least and the greatest; 0: there is none */
    uint64_t last;
    uint64_t count;
    uint64_t listed; /* objects, foreign ones too */
};
/* Those from `first` on. FIRN_LIMIT: more than FI_REMOTE_LISTED_MAX objects. */
FIRN_MUST_CHECK int fi_remote_list_numbers(struct fi_remote *remote, uint64_t first,
                                           struct fi_remote_numbers *numbers, firn_error *err);
/* Waits a random time of at most so long: machines that lost a race do not meet again at once. */
FIRN_MUST_CHECK int fi_remote_pause(struct fi_remote *remote, int64_t max_ns, firn_error *err);
/* Forgets uploads that the present state names, for they are files now, or dead ones. */
void fi_remote_resolve_uploads(struct fi_remote *remote);

#endif
