/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue.h: builds a sound store, in another directory, from what is left of a damaged one;
 * and reads single entries of one that cannot be opened.
 */
#ifndef FIRN_RESCUE_RESCUE_H
#define FIRN_RESCUE_RESCUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/entry.h"
#include "base/error.h"
#include "os/os.h"
#include "storefile/storefile.h"

struct fi_unlock_source;

/* What became of the data. */
enum fi_rescue_state {
    FI_RESCUE_KEPT,      /* everything is there */
    FI_RESCUE_SHORTENED, /* commits at the end of the log are gone, or runs */
    FI_RESCUE_LOST       /* the new store is empty */
};

struct fi_rescue_result {
    enum fi_rescue_state state;
    bool log_was_cut;
    bool was_gathered; /* MANIFEST was not the newest: the runs describe themselves */
    uint64_t runs_lost;
    uint64_t runs_taken; /* that MANIFEST did not name */
};

struct fi_rescue_options {
    void (*on_damage)(void *ctx, const char *text); /* never NULL */
    void *ctx;
    const struct fi_unlock_source *unlock; /* as in struct fi_db_options; if `from` has no keys */
};

/* Creates a store in `to` from the store in `from`, which is not changed. Requires: `to` has no
 * store, and the caller holds the lock of `from`. Sealed files are shared. The caller handles
 * packs. FIRN_NEWER if `from` is of a newer firn; damage is reported and is no failure. After a
 * failure the caller removes what is left.
 *
 * A new store of an encrypted one has the same keys and cipher. Failures of fi_rescue_keys_unlock;
 * and FIRN_DENIED for a file that was encrypted with a master key that FIRN.keys does not have: an
 * older copy of that file was put there. */
FIRN_MUST_CHECK int fi_rescue(struct fi_os_dir *from, struct fi_os_dir *to,
                              const struct fi_rescue_options *options, struct fi_rescue_result *out,
                              firn_error *err);

/* Another handle of the directory of a damaged store, with its keys if it is encrypted. out_cipher:
 * of its new files; 0: it is in clear; may be NULL. FIRN_DENIED: as fi_db_open. FIRN_CORRUPT,
 * FIRN_IO: its keys cannot be read. */
FIRN_MUST_CHECK int fi_rescue_keys_unlock(struct fi_os_dir *dir,
                                          const struct fi_unlock_source *unlock,
                                          struct fi_os_dir **out, unsigned *out_cipher,
                                          firn_error *err);

/* The following functions take a handle of fi_rescue_keys_unlock, if the store is encrypted. */

/* Looks for files of runs that the MANIFEST of the damaged store does not name. They count as lost
 * runs, and the data as shortened. For a store that has lost other things too: by themselves such
 * files are no damage, because a crash leaves them. */
FIRN_MUST_CHECK int fi_rescue_doubt(struct fi_os_dir *from, const struct fi_rescue_options *options,
                                    struct fi_rescue_result *result, firn_error *err);

/* Whether a name in a store's directory is that of one of the store's own files or directories. */
bool fi_rescue_is_own_name(const char *name);

/* Whether a failure is due to the files that are read, not to the machine: never FIRN_NEWER. */
static inline bool
fi_rescue_is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO;
}

/* The result of reading, of which `found` is the error: FIRN_OK if it was read or is damaged, which
 * *out_is_sound shows; any other failure is copied to *err and returned. */
FIRN_MUST_CHECK int fi_rescue_sift(int rc, const firn_error *found, bool *out_is_sound,
                                   firn_error *err);

/* ---- rescue_salvage.c ---- */

/* An entry that was found. */
struct fi_rescue_salvage_entry {
    bool is_of_log;    /* else it is in a run, and its keyspace is unknown */
    uint64_t keyspace; /* the number of its keyspace */
    uint64_t sequence;
    enum fi_entry_kind kind;
    firn_slice key;
    firn_slice value;
};
/* Shows the entries of every readable commit in the log, and of every readable run, in any order,
 * some of them twice, including what was replaced, deleted, or never acknowledged. Values in value
 * files are not shown. Borrowed until visit returns; a return other than FIRN_OK ends the walk and
 * is returned. */
FIRN_MUST_CHECK int fi_rescue_salvage(struct fi_os_dir *dir,
                                      int (*visit)(void *ctx,
                                                   const struct fi_rescue_salvage_entry *entry,
                                                   firn_error *err),
                                      void *ctx, firn_error *err);

#endif
