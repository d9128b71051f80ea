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
extern const struct fi_command fi_secrets_slots_replace;
extern const struct fi_command fi_secrets_slots_rotate;
extern const struct fi_command fi_secrets_session_unlock;
extern const struct fi_command fi_secrets_session_lock;

/* The store that a command is about, or the remote. */
struct fi_secrets_store {
    char path[PATH_MAX];       /* or what the user called the remote */
    char asked[PATH_MAX];      /* what a person is asked about: the path, or the URL */
    bool is_remote;            /* then of this workspace */
    firn_workspace *workspace; /* NULL unless it is a remote */
    firn_keys_info info;
    firn_keys_options options; /* a person is asked for what opens it */
};
/* The argument at this place, or the store of the workspace if there is none; with --remote that
 * remote. Reports one that is not there, or in clear; otherwise runs the rest of the command.
 * Returns an exit code. */
int fi_secrets_with(struct fi_cli *cli, int place,
                    int (*run)(struct fi_cli *cli, struct fi_secrets_store *store));
/* The same, also of one in clear. */
int fi_secrets_with_any(struct fi_cli *cli, int place,
                        int (*run)(struct fi_cli *cli, struct fi_secrets_store *store));
/* For texts: "the store", "the remote". */
const char *fi_secrets_word(const struct fi_secrets_store *store);

/* The functions of firn/encryption.h, or those of firn/remote.h. */
int fi_secrets_keys_list(struct fi_secrets_store *store,
                         int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
                         firn_error *err);
int fi_secrets_keys_add(struct fi_secrets_store *store, const firn_keys_secret *secret,
                        const char *label, unsigned *out_number, firn_error *err);
int fi_secrets_keys_change(struct fi_secrets_store *store, unsigned number,
                           const firn_keys_secret *secret, firn_error *err);
int fi_secrets_keys_remove(struct fi_secrets_store *store, unsigned number, firn_error *err);
int fi_secrets_keys_rotate(struct fi_secrets_store *store, firn_error *err);
int fi_secrets_keys_replace(struct fi_secrets_store *store, const firn_keys_secret *secret,
                            const char *label, unsigned *out_number, firn_error *err);
int fi_secrets_keys_remember(struct fi_secrets_store *store, uint32_t seconds, firn_error *err);
int fi_secrets_keys_forget(struct fi_secrets_store *store, size_t *out_count, firn_error *err);

/* For a command's options. */
#define FI_SECRETS_REMOTE                                                       \
    {                                                                           \
        "remote", 0, "REMOTE", "of an encrypted remote, by its name or its URL" \
    }

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
