/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/encryption.h: encrypted stores, and the keys that open them.
 *
 * A store is encrypted from its creation on (firn_store_options.cipher and
 * firn_workspace_options.cipher say so), or becomes it by firn_keys_encrypt. Its file FIRN.keys has the keys, locked by one or more
 * slots: passphrases, key files, recovery codes. Each of them opens the store. Without any of them
 * nothing in the store can be read again, by nobody: docs/encryption.md says how to lose nothing,
 * and what a thief still sees.
 *
 * What opens a store is looked for in this order: the session keyring of the kernel
 * (firn_keys_remember); the file that FIRN_KEY_FILE names; the output of the command in
 * FIRN_KEY_COMMAND; last, the source that the program gives. A variable that is set counts, and
 * nothing after it is tried. FIRN_DENIED: nothing that opens the store was given. For an encrypted
 * remote FIRN_REMOTE_KEY_FILE and FIRN_REMOTE_KEY_COMMAND come before these two.
 *
 * Secrets are wiped from memory when they are no longer needed, and are in no message. What a
 * program passes it wipes itself.
 *
 * The functions here change the file FIRN.keys alone, but for firn_keys_rekey, and take the store's
 * lock meanwhile: FIRN_BUSY names a process that has the store open for writing. Any thread.
 */
#ifndef FIRN_ENCRYPTION_H
#define FIRN_ENCRYPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are on disk. */
typedef enum firn_cipher {
    FIRN_CIPHER_NONE = 0,               /* in clear */
    FIRN_CIPHER_XCHACHA20_POLY1305 = 1, /* on every machine */
    FIRN_CIPHER_AES_256_GCM = 2,        /* cheaper where the processor has instructions for it */
    FIRN_CIPHER_AEGIS_256 = 3,          /* with libsodium 1.0.19 and newer */
    /* AES-256-GCM for a store of firn_store_open on a processor with instructions for it, else
     * XChaCha20-Poly1305. */
    FIRN_CIPHER_AUTOMATIC = 255
} firn_cipher;
/* The name of a cipher ("AES-256-GCM"), constant; never NULL. Any thread. */
FIRN_API const char *firn_cipher_name(firn_cipher cipher);

typedef enum firn_keys_kind {
    FIRN_KEYS_PASSPHRASE = 1, /* 1 to 1,024 bytes */
    FIRN_KEYS_FILE = 2,       /* what is in a key file: 32 bytes to 1 MiB, of which 32 are random */
    FIRN_KEYS_RECOVERY = 3    /* a recovery code, as it is typed */
} firn_keys_kind;

typedef struct firn_keys_request {
    const char *path; /* of the store */
    unsigned attempt; /* from 1; above 1, the answer before was wrong. 3 are asked for */
    bool is_new;      /* for a store that is being created */
} firn_keys_request;

typedef struct firn_keys_answer {
    firn_keys_kind kind; /* PASSPHRASE unless it is set; as such a recovery code is taken, too */
    uint8_t *bytes;      /* where the secret goes */
    size_t room;         /* 4,096 bytes */
    size_t used;         /* of them; 0 unless it is set */
} firn_keys_answer;

/* Asks a person or another program for a secret. A failure ends the opening, which returns it;
 * FIRN_NOT_FOUND: there is nobody to ask. The rules for callbacks (notice.h) apply. */
typedef struct firn_keys_source {
    int (*get)(void *ctx, const firn_keys_request *request, firn_keys_answer *answer,
               firn_error *err);
    void *ctx;
} firn_keys_source;

/* A secret that is given directly. */
typedef struct firn_keys_secret {
    firn_keys_kind kind;
    firn_slice bytes;
} firn_keys_secret;

typedef struct firn_keys_options {
    size_t size;                    /* sizeof(firn_keys_options) */
    const firn_keys_source *source; /* borrowed for the call; NULL: the environment alone */
    int64_t lock_timeout_ms;        /* how long to wait for another writer; default 60 s */
} firn_keys_options;
#define FIRN_KEYS_OPTIONS_INIT                 \
    {                                          \
        sizeof(firn_keys_options), NULL, 60000 \
    }

enum { FIRN_KEYS_LABEL_SIZE_MAX = 64, FIRN_KEYS_SLOTS_MAX = 16, FIRN_KEYS_RECOVERY_SIZE = 48 };

/* A slot, as everyone can see it. Borrowed until the callback returns. */
typedef struct firn_keys_slot {
    unsigned number; /* from 1; never used again for another slot */
    firn_keys_kind kind;
    const char *label; /* for people; may be empty */
    int64_t added_ns;  /* since 1970 */
} firn_keys_slot;

typedef enum firn_keys_state {
    FIRN_KEYS_STATE_SETTLED = 0,
    FIRN_KEYS_STATE_ENCRYPTING = 1, /* firn_keys_encrypt has begun */
    FIRN_KEYS_STATE_DECRYPTING = 2  /* firn_keys_decrypt has begun */
} firn_keys_state;

/* What there is of the keys of a store. */
typedef struct firn_keys_info {
    size_t size;        /* sizeof(firn_keys_info) */
    firn_cipher cipher; /* of new files; NONE: the store is in clear, and the rest is 0 */
    unsigned slots;
    unsigned master_keys; /* 1 more with each rotation, 1 after firn_keys_rekey; 2 once encrypted */
    bool is_remembered;   /* the session keyring opens it */
    bool is_kept;         /* of a remote: the store, which is encrypted, has what opens it */
    firn_keys_state state;
} firn_keys_info;
#define FIRN_KEYS_INFO_INIT                                                                   \
    {                                                                                         \
        sizeof(firn_keys_info), FIRN_CIPHER_NONE, 0, 0, false, false, FIRN_KEYS_STATE_SETTLED \
    }

/* path is that of a store, or of an exported one. Needs no key. on_slot may be NULL; what it returns
 * other than FIRN_OK ends the list, and is returned. */
FIRN_API FIRN_MUST_CHECK int firn_keys_list(const char *path,
                                            int (*on_slot)(void *ctx, const firn_keys_slot *slot),
                                            void *ctx, firn_keys_info *out, firn_error *err);

/* Adds a slot that this secret opens; *out_number, which may be NULL, is its number. label may be
 * NULL. FIRN_LIMIT: there are too many. FIRN_INVALID: the store is in clear, or the secret or the
 * label cannot be used. */
FIRN_API FIRN_MUST_CHECK int firn_keys_add(const char *path, const firn_keys_secret *secret,
                                           const char *label, const firn_keys_options *options,
                                           unsigned *out_number, firn_error *err);
/* Adds a slot for a recovery code, which is made up here: text of FIRN_KEYS_RECOVERY_SIZE bytes with
 * the NUL, to be written down. It is nowhere else. */
FIRN_API FIRN_MUST_CHECK int firn_keys_add_recovery(const char *path, const char *label,
                                                    const firn_keys_options *options,
                                                    char out_code[FIRN_KEYS_RECOVERY_SIZE],
                                                    unsigned *out_number, firn_error *err);
/* Another secret of the same kind for a slot. This is no rotation: the master keys stay, and the
 * old secret still opens older copies of FIRN.keys. FIRN_NOT_FOUND. */
FIRN_API FIRN_MUST_CHECK int firn_keys_change(const char *path, unsigned number,
                                              const firn_keys_secret *secret,
                                              const firn_keys_options *options, firn_error *err);
/* Removes a slot. FIRN_NOT_FOUND. FIRN_INVALID: it is the last one. */
FIRN_API FIRN_MUST_CHECK int firn_keys_remove(const char *path, unsigned number,
                                              const firn_keys_options *options, firn_error *err);
/* Adds a master key, with which all new files are encrypted. Files that are there keep theirs until
 * firn_keys_rekey. */
FIRN_API FIRN_MUST_CHECK int firn_keys_rotate(const char *path, const firn_keys_options *options,
                                              firn_error *err);

/* Removes all slots, adds one that this secret opens, and adds a master key as firn_keys_rotate does.
 * For when what opens the store became known together with a copy of FIRN.keys: nothing that opened
 * the store before, and no older FIRN.keys, opens what is written from now on; after firn_keys_rekey
 * it opens nothing in the store. A copy of the store still opens its remotes: firn_remote_keys_replace. Otherwise as
 * firn_keys_add. */
FIRN_API FIRN_MUST_CHECK int firn_keys_replace(const char *path, const firn_keys_secret *secret,
                                               const char *label, const firn_keys_options *options,
                                               unsigned *out_number, firn_error *err);

/* ---- writing a store anew ---- */

/* Begins to make a store in clear an encrypted one: gives it keys, with one slot, for what the environment
 * gives, or else the source. New files are encrypted from then on; firn_keys_rekey, or
 * firn_workspace_gc with `rekey`, does the rest, in as many calls as it takes, and ends the change. Until
 * then the store can be used as ever, with its key, and its older files are still in clear. Handles
 * that are open only to read have to be opened again. Files that are removed are overwritten with zeros
 * first. Whether that destroys the old bytes depends on file system and disk; other copies stay.
 * FIRN_EXISTS: the store is encrypted already, or what a repair has left is beside it. */
FIRN_API FIRN_MUST_CHECK int firn_keys_encrypt(const char *path, firn_cipher cipher,
                                               const firn_keys_options *options, firn_error *err);
/* The other way, likewise. FIRN_INVALID: the store is in clear. FIRN_CONFLICT: it has remotes, and
 * keeps what opens them, which would be in clear. */
FIRN_API FIRN_MUST_CHECK int firn_keys_decrypt(const char *path, const firn_keys_options *options,
                                               firn_error *err);

typedef struct firn_keys_rekey_options {
    size_t size;                    /* sizeof(firn_keys_rekey_options) */
    const firn_keys_source *source; /* as in firn_keys_options, and the next */
    int64_t lock_timeout_ms;
    firn_callbacks callbacks;
} firn_keys_rekey_options;
#define FIRN_KEYS_REKEY_OPTIONS_INIT                                      \
    {                                                                     \
        sizeof(firn_keys_rekey_options), NULL, 60000, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_keys_rekey_result {
    size_t size;      /* sizeof(firn_keys_rekey_result) */
    uint64_t rekeyed; /* files that were written anew */
    uint64_t left;    /* for another call: readers use them, they are damaged, or they are packs */
    uint64_t packs; /* of these, packs of workspaces: firn_workspace_gc with `rekey` is for them */
} firn_keys_rekey_result;
#define FIRN_KEYS_REKEY_RESULT_INIT             \
    {                                           \
        sizeof(firn_keys_rekey_result), 0, 0, 0 \
    }
/* Opens the store and writes every file anew that is not encrypted with its newest master key, or that
 * is not as it is to be while a store is changing: the data, checkpoints included, the log, and the
 * list of files. If nothing is left then, older master keys are dropped, or the change has ended. *out
 * may be NULL. If it is cancelled or interrupted, nothing is lost, and another call does the rest.
 * FIRN_INVALID: the store is in clear. */
FIRN_API FIRN_MUST_CHECK int firn_keys_rekey(const char *path,
                                             const firn_keys_rekey_options *options,
                                             firn_keys_rekey_result *out, firn_error *err);

/* Lets all programs of this login session open the store for so many seconds.
 * FIRN_UNSUPPORTED: this system has no session keyring. */
FIRN_API FIRN_MUST_CHECK int firn_keys_remember(const char *path, uint32_t seconds,
                                                const firn_keys_options *options, firn_error *err);
/* Ends that; path NULL: for all stores. *out_count, which may be NULL, is for how many. */
FIRN_API FIRN_MUST_CHECK int firn_keys_forget(const char *path, size_t *out_count, firn_error *err);

#ifdef __cplusplus
}
#endif

#endif
