/* SPDX-License-Identifier: Apache-2.0
 *
 * unlock/unlock.h: opens the keys of an encrypted store, by the first of these that there is:
 *
 *     the session keyring of the kernel: what fi_unlock_remember has put there
 *     FIRN_KEY_FILE       the path of a key file: a regular file or a fifo
 *     FIRN_KEY_COMMAND    a command line for /bin/sh that prints the passphrase or a recovery code
 *                         For the keys of a remote FIRN_REMOTE_KEY_FILE and FIRN_REMOTE_KEY_COMMAND
 *                         come before these two: it has keys of its own.
 *     the source          a person at a terminal, a callback of the program
 *
 * A variable that is set to nothing is not set. What is set counts: if it is wrong, nothing after
 * it is tried, since another secret would be a surprise. Only the session keyring is passed over,
 * as it may have the key of a file that was renewed meanwhile.
 *
 * Any thread; one at a time uses a struct fi_keys.
 */
#ifndef FIRN_UNLOCK_UNLOCK_H
#define FIRN_UNLOCK_UNLOCK_H

#include "base/step.h"
#include "cipher/cipher_keyring.h"
#include "firn/encryption.h"
#include "keys/keys.h"

/* How often a source is asked, and how long it is waited for a command, or for the writer of a
 * fifo. */
enum { FI_UNLOCK_ATTEMPTS_MAX = 3, FI_UNLOCK_TIMEOUT_S = 300 };

enum { FI_UNLOCK_SECRET_SIZE_MAX = 4096 };

struct fi_unlock_request {
    const char *path; /* of the store, as it was given */
    unsigned attempt; /* 1 to FI_UNLOCK_ATTEMPTS_MAX; above 1, the one before was wrong */
    bool is_new;      /* for a store that is being made: nothing can be wrong yet */
};

/* What a source fills. */
struct fi_unlock_secret {
    uint8_t *bytes; /* room for FI_UNLOCK_SECRET_SIZE_MAX bytes, in memory for secrets */
    size_t size;    /* 0: not filled yet */
    /* FI_KEYS_PASSPHRASE at first; as such a recovery code is taken, too, if the keys have one. */
    enum fi_keys_kind kind;
};

/* Keeps what opened the keys of a store, for a handle that opens it again and again. Zeroed, it has
 * nothing. One thread at a time. */
struct fi_unlock_memory {
    void *ring_key; /* in memory for secrets */
};
void fi_unlock_memory_deinit(struct fi_unlock_memory *memory);

/* Whose secret was wrong. */
struct fi_unlock_wrong {
    bool environment;
    bool source;
};

/* Asks for a secret. */
struct fi_unlock_source {
    /* FIRN_NOT_FOUND: there is nobody to ask. Another failure ends the unlocking, which returns it.
     * NULL: this source has only a step. */
    int (*get)(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
               firn_error *err);
    void *ctx;
    /* Told without progress, every tenth of a second, while FIRN_KEY_COMMAND or a fifo is waited
     * for; its failure ends the command and the unlocking. NULL: only time ends them. */
    const struct fi_step *step;
    /* Asked before everything else, and told what opened the keys. NULL: there is none. */
    struct fi_unlock_memory *memory;
    /* Only the memory and the session keyring count: the store is one of several that are looked
     * through. */
    bool is_quiet;
    /* The environment does not count: what is given is for this store, not for others. */
    bool is_only;
    /* The keys are those of a remote: others can take their time to guess a passphrase, so trying
     * one costs more. */
    bool is_remote;
    /* How often it is asked; 0: FI_UNLOCK_ATTEMPTS_MAX. */
    unsigned attempts_max;
    /* NULL, or told of a secret that was given and opened nothing: later keys may know it. */
    struct fi_unlock_wrong *wrong;
    /* Of a store that is not where people know it; NULL: as the caller has it. The machine whose
     * environment and session keyring count; the path that is shown. */
    struct fi_os *os;
    const char *path;
};

/* A source that asks the program's; NULL: that asks nobody. given is borrowed. */
struct fi_unlock_source fi_unlock_source_of(const firn_keys_source *given);

/* Unlocks the keys of the store at this path, which is only shown; unlocked ones stay so. source
 * may be NULL.
 *
 * FIRN_DENIED: nothing was given, or it is wrong; the text says which, and what to do. A variable
 * whose file or command is of no use is this error, too, with the reason. As fi_keys_unlock:
 * FIRN_CORRUPT, FIRN_UNSUPPORTED, FIRN_MISUSE. FIRN_NO_MEMORY. Failures of the source and its step.
 * FIRN_INTERNAL: the source gave more than it may. */
FIRN_MUST_CHECK int fi_unlock_keys(struct fi_os *os, const char *path, struct fi_keys *keys,
                                   const struct fi_unlock_source *source, firn_error *err);

/* Keys for a store that is being made at this path, with one slot: for what the environment gives,
 * else for what the source gives. Codes of fi_keys_add_slot and fi_unlock_keys. */
FIRN_MUST_CHECK int fi_unlock_new_keys(struct fi_os *os, const char *path,
                                       const struct fi_unlock_source *source, struct fi_keys **out,
                                       firn_error *err);

/* What an encrypted store is opened with: all master keys. New files get the cipher and the newest
 * key. Codes of fi_cipher_keyring_create; FIRN_MISUSE: the keys are locked. */
FIRN_MUST_CHECK int fi_unlock_keyring(const struct fi_keys *keys, unsigned cipher,
                                      struct fi_cipher_keyring **out, firn_error *err);

/* Gives it the master keys of a later version of the same keys. Codes as above. */
FIRN_MUST_CHECK int fi_unlock_keyring_extend(const struct fi_keys *keys,
                                             struct fi_cipher_keyring *keyring, firn_error *err);

/* ==== the session keyring; FIRN_UNSUPPORTED where there is none ==== */

/* From now on, for so many seconds, every program of this login session can open these keys.
 * FIRN_INVALID: for no time. FIRN_MISUSE: they are locked. */
FIRN_MUST_CHECK int fi_unlock_remember(struct fi_os *os, const struct fi_keys *keys,
                                       uint32_t seconds, firn_error *err);
/* Ends that, for the keys with this id (fi_keys_id), or for all if it is NULL. *out_count is how
 * many there were; it may be NULL. */
FIRN_MUST_CHECK int fi_unlock_forget(struct fi_os *os, const uint8_t *id, size_t *out_count,
                                     firn_error *err);

#endif
