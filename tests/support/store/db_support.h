/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/db_support.h: what the tests of the store share: stores on a machine in memory or on
 * the real disk, and short forms of calls that must succeed.
 */
#ifndef FIRN_TEST_DB_SUPPORT_H
#define FIRN_TEST_DB_SUPPORT_H

#include "base/buf.h"
#include "os/os.h"
#include "store/db.h"
#include "support/test.h"

/* Asserts FIRN_OK and shows the error's text where it is something else. */
#define DB_OK(expression) db_support_ok((expression), &err, __FILE__, __LINE__)
/* Asserts another code and a piece of the error's text. */
#define DB_FAILS(expression, code, piece) \
    db_support_fails((expression), (code), (piece), &err, __FILE__, __LINE__)

void db_support_ok(int rc, const firn_error *err, const char *file, int line);
void db_support_fails(int rc, int code, const char *piece, const firn_error *err, const char *file,
                      int line);

extern const struct fi_db_options db_support_create;    /* creates where needed */
extern const struct fi_db_options db_support_existing;  /* does not */
extern const struct fi_db_options db_support_read_only; /* does not write at all */

/* A machine in memory with an empty directory /store. */
struct db_support {
    struct fi_os *os;
    struct fi_os_dir *dir;
};
void db_support_init(struct db_support *support, uint64_t seed);
void db_support_deinit(struct db_support *support);
/* Cuts the power, and opens the directory again. */
void db_support_cut(struct db_support *support, uint64_t seed);

/* Whether this run encrypts every store (encrypted.c). */
bool db_support_is_encrypted(void);

/* An empty directory on the real disk, gone with deinit. */
struct db_support_disk {
    char path[64];
    struct fi_os_dir *dir;
};
void db_support_disk_init(struct db_support_disk *disk);
void db_support_disk_deinit(struct db_support_disk *disk);

struct firn_db *db_support_open(struct fi_os_dir *dir);
struct firn_db_keyspace *db_support_keyspace(struct firn_db *db, const char *name);
void db_support_put(struct firn_db_keyspace *keyspace, const char *key, const char *value);
/* The value as text, or NULL where the key is missing; good until the next call. */
const char *db_support_get(struct firn_db_keyspace *keyspace, const char *key);
/* Keys in order, each followed by a space; with is_back in reverse. Good until the next call. */
const char *db_support_keys(struct firn_db_keyspace *keyspace,
                            const struct fi_db_cursor_options *options, bool is_back);

/* A whole directory copied to another, which is emptied before. */
void db_support_copy(struct fi_os_dir *from, struct fi_os_dir *to);

/* How many files of a directory, and of all below it, have this text in them or in their name.
 * *out_files, which may be NULL: how many there are. */
unsigned db_support_search(struct fi_os_dir *dir, const char *text, unsigned *out_files);

#endif
