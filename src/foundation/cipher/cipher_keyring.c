/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_keyring.c: see cipher_keyring.h.
 */
#include "cipher/cipher_keyring.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "os/os_secret.h"

struct master {
    uint32_t number;
    uint8_t key[FI_CIPHER_KEY_SIZE];
    uint8_t check[FI_CIPHER_DERIVE_CHECK_SIZE];
};

struct secrets {
    size_t count; /* 0 in a child of fork */
    struct fi_cdc_table cut_table;
    struct master masters[];
};

/* What a keyring had at a time. Earlier ones stay until its end: a thread may be reading one. */
struct generation {
    struct secrets *secrets; /* os/os_secret.h */
    struct generation *before;
};

struct fi_cipher_keyring {
    struct fi_os_seal seal; /* first */
    atomic_uint owners;
    unsigned cipher; /* of new files; 0: they are in clear */
    bool is_changing;
    _Atomic(struct generation *) newest;
};

static void
destroy(struct fi_os_seal *seal)
{
    fi_cipher_keyring_destroy((struct fi_cipher_keyring *)seal);
}

static void
fill_secrets(struct secrets *secrets, const struct fi_cipher_keyring_master *masters, size_t count)
{
    secrets->count = count;
    for (size_t i = 0; i < count; i++) {
        struct master *master = &secrets->masters[i];
        CHECK(masters[i].number > (i == 0 ? 0 : masters[i - 1].number));
        master->number = masters[i].number;
        memcpy(master->key, masters[i].key, sizeof master->key);
        fi_cipher_derive_check(master->key, master->check);
    }
    fi_cipher_derive_cut_table(secrets->masters[0].key, &secrets->cut_table);
}

static int
create_generation(const struct fi_cipher_keyring_master *masters, size_t count,
                  struct generation *before, struct generation **out, firn_error *err)
{
    void *secrets;
    *out = NULL;
    CHECK(count > 0);
    struct generation *generation = fi_alloc_zeroed(sizeof *generation);
    if (generation == NULL) {
        return fi_error_no_memory(err, "the keys of a store");
    }
    int rc = fi_os_secret_allocate(sizeof(struct secrets) + count * sizeof(struct master), &secrets,
                                   err);
    if (rc != FIRN_OK) {
        fi_free(generation);
        return rc;
    }
    fill_secrets(secrets, masters, count);
    generation->secrets = secrets;
    generation->before = before;
    *out = generation;
    return FIRN_OK;
}

int
fi_cipher_keyring_create(unsigned cipher, const struct fi_cipher_keyring_master *masters,
                         size_t count, struct fi_cipher_keyring **out, firn_error *err)
{
    struct generation *first;
    *out = NULL;
    FI_TRY_RETURN(cipher == 0 ? FIRN_OK : fi_cipher_check(cipher, err));
    struct fi_cipher_keyring *keyring = fi_alloc_zeroed(sizeof *keyring);
    if (keyring == NULL) {
        return fi_error_no_memory(err, "the keys of a store");
    }
    int rc = create_generation(masters, count, NULL, &first, err);
    if (rc != FIRN_OK) {
        fi_free(keyring);
        return rc;
    }
    keyring->seal.destroy = destroy;
    atomic_init(&keyring->owners, 1);
    atomic_init(&keyring->newest, first);
    keyring->cipher = cipher;
    *out = keyring;
    return FIRN_OK;
}

int
fi_cipher_keyring_extend(struct fi_cipher_keyring *keyring,
                         const struct fi_cipher_keyring_master *masters, size_t count,
                         firn_error *err)
{
    struct generation *before = atomic_load_explicit(&keyring->newest, memory_order_relaxed);
    struct generation *extended;
    FI_TRY_RETURN(create_generation(masters, count, before, &extended, err));
    /* Pairs with the load in secrets_of. */
    atomic_store_explicit(&keyring->newest, extended, memory_order_release);
    return FIRN_OK;
}

struct fi_cipher_keyring *
fi_cipher_keyring_retain(struct fi_os_seal *seal)
{
    struct fi_cipher_keyring *keyring = (struct fi_cipher_keyring *)seal;
    /* Relaxed: the owner that has it keeps it alive meanwhile. */
    unsigned before = atomic_fetch_add_explicit(&keyring->owners, 1, memory_order_relaxed);
    DCHECK(before > 0);
    return keyring;
}

void
fi_cipher_keyring_destroy(struct fi_cipher_keyring *keyring)
{
    /* Release and acquire: all use of the keys comes before their end. */
    if (keyring != NULL &&
        atomic_fetch_sub_explicit(&keyring->owners, 1, memory_order_acq_rel) == 1) {
        struct generation *at = atomic_load_explicit(&keyring->newest, memory_order_relaxed);
        while (at != NULL) {
            struct generation *before = at->before;
            fi_os_secret_free(at->secrets);
            fi_free(at);
            at = before;
        }
        fi_free(keyring);
    }
}

void
fi_cipher_keyring_set_changing(struct fi_cipher_keyring *keyring)
{
    keyring->is_changing = true;
    keyring->seal.wipes = keyring->cipher != 0; /* what is removed may be in clear */
}

bool
fi_cipher_keyring_is_changing(const struct fi_cipher_keyring *keyring)
{
    return keyring->is_changing;
}

bool
fi_cipher_keyring_encrypts(const struct fi_cipher_keyring *keyring)
{
    DCHECK(keyring->cipher != 0 || keyring->is_changing);
    return keyring->cipher != 0;
}

struct fi_os_seal *
fi_cipher_keyring_seal(struct fi_cipher_keyring *keyring)
{
    return &keyring->seal;
}

const struct fi_cipher_keyring *
fi_cipher_keyring_of(const struct fi_os_seal *seal)
{
    return (const struct fi_cipher_keyring *)seal;
}

/* ==== master keys ==== */

static const struct secrets *
secrets_of(const struct fi_cipher_keyring *keyring)
{
    /* Pairs with the store in fi_cipher_keyring_extend. */
    return atomic_load_explicit(&keyring->newest, memory_order_acquire)->secrets;
}

const struct fi_cdc_table *
fi_cipher_keyring_cut_table(const struct fi_cipher_keyring *keyring)
{
    return &secrets_of(keyring)->cut_table;
}

/* The newest master key, for something new. */
static int
begin_use(const struct fi_cipher_keyring *keyring, struct fi_cipher_keyring_use *out_use,
          const struct master **out, firn_error *err)
{
    const struct secrets *secrets = secrets_of(keyring);
    CHECK(keyring->cipher != 0);
    if (secrets->count == 0) {
        return fi_error_set(err, FIRN_MISUSE, "the keys belong to a process that was forked");
    }
    const struct master *newest = &secrets->masters[secrets->count - 1];
    *out_use = (struct fi_cipher_keyring_use){.cipher = keyring->cipher, .number = newest->number};
    memcpy(out_use->check, newest->check, sizeof out_use->check);
    *out = newest;
    return FIRN_OK;
}

bool
fi_cipher_keyring_is_newest(const struct fi_cipher_keyring *keyring,
                            const struct fi_cipher_keyring_use *use)
{
    const struct secrets *secrets = secrets_of(keyring);
    if (secrets->count == 0) {
        return false;
    }
    const struct master *newest = &secrets->masters[secrets->count - 1];
    return newest->number == use->number &&
           memcmp(newest->check, use->check, sizeof use->check) == 0;
}

static int
find_master(const struct fi_cipher_keyring *keyring, const struct fi_cipher_keyring_use *use,
            const struct master **out, firn_error *err)
{
    const struct secrets *secrets = secrets_of(keyring);
    for (size_t i = 0; i < secrets->count; i++) {
        const struct master *master = &secrets->masters[i];
        if (master->number == use->number &&
            memcmp(master->check, use->check, sizeof use->check) == 0) {
            *out = master;
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_DENIED,
                        "it is encrypted with a master key, number %u, that is not among the "
                        "store's: it is of another store, or the keys were rotated after this "
                        "store was opened, which then has to be opened again",
                        use->number);
}

/* ==== keys of files ==== */

static int
make_file_key(const struct master *master, unsigned cipher, const uint8_t *identity,
              struct fi_cipher_key **out, firn_error *err)
{
    uint8_t key[FI_CIPHER_KEY_SIZE];
    fi_cipher_derive_file(master->key, identity, key);
    int rc = fi_cipher_key_create(cipher, key, out, err);
    fi_os_secret_wipe(key, sizeof key);
    return rc;
}

int
fi_cipher_keyring_file_begin(const struct fi_cipher_keyring *keyring, const uint8_t *identity,
                             struct fi_cipher_keyring_use *out_use, struct fi_cipher_key **out,
                             firn_error *err)
{
    const struct master *newest;
    *out = NULL;
    FI_TRY_RETURN(begin_use(keyring, out_use, &newest, err));
    return make_file_key(newest, keyring->cipher, identity, out, err);
}

int
fi_cipher_keyring_file_open(const struct fi_cipher_keyring *keyring,
                            const struct fi_cipher_keyring_use *use, const uint8_t *identity,
                            struct fi_cipher_key **out, firn_error *err)
{
    const struct master *master;
    *out = NULL;
    FI_TRY_RETURN(find_master(keyring, use, &master, err));
    return make_file_key(master, use->cipher, identity, out, err);
}

/* ==== keys of logs ==== */

static int
make_log_key(const struct master *master, unsigned cipher,
             const struct fi_cipher_derive_log_place *place, struct fi_cipher_key **out,
             firn_error *err)
{
    uint8_t key[FI_CIPHER_KEY_SIZE];
    fi_cipher_derive_log(master->key, place, key);
    int rc = fi_cipher_key_create(cipher, key, out, err);
    fi_os_secret_wipe(key, sizeof key);
    return rc;
}

int
fi_cipher_keyring_log_begin(const struct fi_cipher_keyring *keyring,
                            const struct fi_cipher_derive_log_place *place,
                            struct fi_cipher_keyring_use *out_use, struct fi_cipher_key **out,
                            firn_error *err)
{
    const struct master *newest;
    *out = NULL;
    FI_TRY_RETURN(begin_use(keyring, out_use, &newest, err));
    return make_log_key(newest, keyring->cipher, place, out, err);
}

int
fi_cipher_keyring_log_open(const struct fi_cipher_keyring *keyring,
                           const struct fi_cipher_keyring_use *use,
                           const struct fi_cipher_derive_log_place *place,
                           struct fi_cipher_key **out, firn_error *err)
{
    const struct master *master;
    *out = NULL;
    FI_TRY_RETURN(find_master(keyring, use, &master, err));
    return make_log_key(master, use->cipher, place, out, err);
}
