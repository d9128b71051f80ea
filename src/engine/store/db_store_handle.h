/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_store_handle.h: the store for the rooms that work on its structures or its files: txn/,
 * copy/, inspect/ and rescue/.
 */
#ifndef FIRN_STORE_DB_STORE_HANDLE_H
#define FIRN_STORE_DB_STORE_HANDLE_H

#include "commit/db_commit_handle.h"
#include "instance/db_handle.h"
#include "reading/db_reading_handle.h"
#include "store/db.h"
#include "upkeep/db_upkeep_handle.h"

/* ---- db.c ---- */

/* The kinds of runs that stores have, as in struct fi_lsm_options. Tests set another list before
 * they open a store, and restore this one afterwards. */
extern const struct fi_run_kind *const *fi_db_image_kinds;

/* ---- db_create.c ---- */

/* FIRN_INVALID or FIRN_CORRUPT if no store may be created in such a directory; FIRN_EXISTS if it is
 * a store already. */
FIRN_MUST_CHECK int fi_db_create_may(struct fi_os_dir *dir, firn_error *err);
/* Whether a name in a store's directory belongs to its data, as a file or a directory of files. */
bool fi_db_create_is_data(const char *name);
/* Reads the file FIRN; FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_db_create_read_identity(struct fi_os_dir *dir,
                                               struct fi_storefile_identity *out, firn_error *err);
/* Overwrites the file FIRN, durably. Requires: the store's lock is held. */
FIRN_MUST_CHECK int fi_db_create_set_identity(struct fi_os_dir *dir,
                                              const struct fi_storefile_identity *identity,
                                              firn_error *err);
/* The first and the last step of creating a store in a directory whose lock is held. The first
 * clears what an earlier attempt left, and writes an identity under its temporary name, of which
 * the caller sets the cipher; the last one renames it, durably. */
FIRN_MUST_CHECK int fi_db_create_begin(struct fi_os_dir *dir, struct fi_storefile_identity *out,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_db_create_end(struct fi_os_dir *dir, firn_error *err);
/* Removes the data of a store that has no identity yet. Requires: its lock is held. */
FIRN_MUST_CHECK int fi_db_create_clear(struct fi_os_dir *dir, firn_error *err);

/* ---- db_keys.c ---- */

struct fi_keys;
struct fi_unlock_source;

/* The keys of an encrypted store, locked. FIRN_CORRUPT: the file is damaged or missing. */
FIRN_MUST_CHECK int fi_db_keys_read(struct fi_os_dir *dir, struct fi_keys **out, firn_error *err);
/* FIRN_DENIED while the store is becoming encrypted or clear: for operations without a key. */
FIRN_MUST_CHECK int fi_db_keys_refuse_change(struct fi_os_dir *dir, const struct fi_keys *keys,
                                             firn_error *err);
/* Replaces them, durably. Requires: the store's lock is held, and they are unlocked. */
FIRN_MUST_CHECK int fi_db_keys_write(struct fi_os_dir *dir, struct fi_keys *keys, firn_error *err);
/* Another handle of the directory of an encrypted store, with its keys attached; new files get the
 * cipher. FIRN_DENIED as for fi_db_open. Requires: the handle has no keys. */
FIRN_MUST_CHECK int fi_db_keys_open(struct fi_os_dir *dir, unsigned cipher,
                                    const struct fi_unlock_source *source, struct fi_os_dir **out,
                                    firn_error *err);
/* The same with keys that are unlocked. */
FIRN_MUST_CHECK int fi_db_keys_attach(struct fi_os_dir *dir, const struct fi_keys *keys,
                                      unsigned cipher, struct fi_os_dir **out, firn_error *err);
/* Gives a store that is being created the keys file, and its handle the keys, of the one at `from`,
 * if that has keys. */
FIRN_MUST_CHECK int fi_db_keys_copy(struct fi_os_dir *from, struct fi_os_dir *to, firn_error *err);

/* ---- db_path.c ---- */

struct fi_archive;

/* Opens the directory of the store at a user's path, to look at it. If the path leads to an
 * exported store, it is the directory in that file, and the caller closes *out_archive after it;
 * otherwise *out_archive is NULL. */
FIRN_MUST_CHECK int fi_db_path_open_dir(struct fi_os *os, const char *path,
                                        struct fi_archive **out_archive, struct fi_os_dir **out,
                                        firn_error *err);

/* FIRN_BUSY while a repair, which replaces the files of the store and keeps their names, has not
 * ended. */
FIRN_MUST_CHECK int fi_db_path_refuse_repair(struct fi_os_dir *dir, firn_error *err);

/* Opens the directory at a user's path, and creates its last component (0700) if necessary. */
FIRN_MUST_CHECK int fi_db_path_make(struct fi_os *os, const char *path, struct fi_os_dir **out,
                                    firn_error *err);

#endif
