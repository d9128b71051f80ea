/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets_internal.h: what the files of this room share. Only secrets*.c include it.
 */
#ifndef FIRN_SECRETS_SECRETS_INTERNAL_H
#define FIRN_SECRETS_SECRETS_INTERNAL_H

#include <limits.h>

#include "secrets/secrets.h"
#include "task/task.h"

extern const struct fi_command fi_secrets_change_decrypt;
extern const struct fi_command fi_secrets_change_encrypt;
extern const struct fi_command fi_secrets_list;
extern const struct fi_command fi_secrets_slots_add;
extern const struct fi_command fi_secrets_slots_change;
extern const struct fi_command fi_secrets_slots_recover;
extern const struct fi_command fi_secrets_slots_remove;
extern const struct fi_command fi_secrets_slots_rotate;
extern const struct fi_command fi_secrets_session_unlock;
extern const struct fi_command fi_secrets_session_lock;

/* The store that a command is about. */
struct fi_secrets_store {
    char path[PATH_MAX];
    firn_keys_info info;
    firn_keys_options options; /* a person is asked for what opens it */
};
/* The argument at this place, or the store of the workspace if there is none. Reports one that is
 * not there, or in clear. Returns an exit code. */
int fi_secrets_find(struct fi_cli *cli, int place, struct fi_secrets_store *out);

/* The same, also of one in clear. */
int fi_secrets_find_any(struct fi_cli *cli, int place, struct fi_secrets_store *out);

/* What to do after a failure of the library; NULL: its text says it. */
const char *fi_secrets_hint(int code);

/* A secret, in memory for secrets. Zeroed, there is none. */
struct fi_secrets_given {
    firn_keys_kind kind;
    uint8_t *bytes;
    size_t room;
    size_t size;
};
/* Fine on a zeroed one. */
void fi_secrets_given_deinit(struct fi_secrets_given *given);
firn_keys_secret fi_secrets_given_secret(const struct fi_secrets_given *given);
/* Asks for a new passphrase on the terminal, twice, or reads a line of standard input where that is
 * none. Returns an exit code. */
int fi_secrets_given_passphrase(struct fi_cli *cli, const struct fi_secrets_store *store,
                                struct fi_secrets_given *out);

/* ---- key files: secrets_file.c ---- */

/* Reads what is in it. Returns an exit code. */
int fi_secrets_file_read(struct fi_cli *cli, const char *path, struct fi_secrets_given *out);
/* Makes it first, of random bytes. Returns an exit code. */
int fi_secrets_file_make(struct fi_cli *cli, const char *path);

#endif
