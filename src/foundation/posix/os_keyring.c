/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_keyring.c: keys of the type "user" in the session keyring, by system calls: libkeyutils
 * is not needed.
 *
 * The keyring is always named by its serial number. By the number that stands for "the session
 * keyring of this process", add_key makes a new keyring for a process that has none, which ends
 * with the process. Asked for the serial number, the kernel gives that process the keyring that all
 * sessions of its user share, as keyctl(1) does.
 *
 * The permissions are those of a possessor alone: a process whose session keyring has the key.
 * Another session of the same user is none, nor is another user, but for what a program such as
 * sudo runs in the same session. Between its making and that change a key has the kernel's usual
 * permissions, by which nobody else can read it either.
 */
#include "posix/os_keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "posix/os_default.h"

#define KEY_TYPE "user"
/* All that a possessor may do (KEY_POS_ALL of keyutils.h), and nothing for others. */
#define POSSESSOR_ONLY 0x3f000000L

enum { DESCRIPTION_SIZE = 512, LIST_SIZE_MAX = 4 << 20 };

static long
keyctl(int operation, long a, long b, long c, long d)
{
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

static int
fail(int error_number, const char *name, firn_error *err)
{
    switch (error_number) {
    case ENOKEY:
    case EKEYEXPIRED:
    case EKEYREVOKED:
        return fi_error_set(err, FIRN_NOT_FOUND, "the session keyring has no key '%s'", name);
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EOPNOTSUPP:
        (void)fi_error_set_errno(err, error_number, "the kernel's session keyring cannot be used");
        if (err != NULL) {
            err->code = FIRN_UNSUPPORTED;
        }
        return FIRN_UNSUPPORTED;
    default:
        return fi_error_set_errno(err, error_number, "the session keyring, key '%s'", name);
    }
}

static int
find_keyring(struct fi_os *os, long *out, firn_error *err)
{
    *out = -1;
    if (os != fi_os_default()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "there are no keyrings here");
    }
    *out = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    if (*out >= 0) {
        return FIRN_OK;
    }
    /* It may be revoked itself, after its session has ended. */
    int error_number = errno;
    return error_number == ENOKEY || error_number == EKEYREVOKED || error_number == EKEYEXPIRED
               ? fi_error_set(err, FIRN_UNSUPPORTED, "this process has no session keyring")
               : fail(error_number, "", err);
}

static int
find_key(struct fi_os *os, const char *name, long *out_keyring, long *out_key, firn_error *err)
{
    DCHECK(strlen(name) > 0 && strlen(name) <= FI_OS_KEYRING_NAME_SIZE_MAX);
    FI_TRY_RETURN(find_keyring(os, out_keyring, err));
    *out_key =
        keyctl(KEYCTL_SEARCH, *out_keyring, (long)(uintptr_t)KEY_TYPE, (long)(uintptr_t)name, 0);
    return *out_key >= 0 ? FIRN_OK : fail(errno, name, err);
}

/* Wipes the key. Its place in the keyring does not matter any more. */
static bool
revoke_key(long keyring, long key)
{
    bool is_revoked = keyctl(KEYCTL_REVOKE, key, 0, 0, 0) == 0;
    int error_number = errno;
    (void)keyctl(KEYCTL_UNLINK, key, keyring, 0, 0);
    errno = error_number;
    return is_revoked;
}

int
fi_os_keyring_put(struct fi_os *os, const char *name, firn_slice secret, uint32_t seconds,
                  firn_error *err)
{
    long keyring;
    DCHECK(strlen(name) > 0 && strlen(name) <= FI_OS_KEYRING_NAME_SIZE_MAX && seconds > 0);
    FI_TRY_RETURN(find_keyring(os, &keyring, err));
    long key = syscall(SYS_add_key, KEY_TYPE, name, secret.data, secret.size, keyring);
    if (key < 0) {
        return fail(errno, name, err);
    }
    if (keyctl(KEYCTL_SET_TIMEOUT, key, (long)seconds, 0, 0) != 0 ||
        keyctl(KEYCTL_SETPERM, key, POSSESSOR_ONLY, 0, 0) != 0) {
        int error_number = errno;
        (void)revoke_key(keyring, key);
        return fail(error_number, name, err);
    }
    return FIRN_OK;
}

int
fi_os_keyring_get(struct fi_os *os, const char *name, void *out, size_t size, size_t *out_size,
                  firn_error *err)
{
    long keyring;
    long key;
    *out_size = 0;
    FI_TRY_RETURN(find_key(os, name, &keyring, &key, err));
    long got = keyctl(KEYCTL_READ, key, (long)(uintptr_t)out, (long)size, 0);
    if (got < 0) {
        return fail(errno, name, err);
    }
    if ((size_t)got > size) {
        return fi_error_set(err, FIRN_LIMIT, "the key '%s' of the session keyring has %ld bytes",
                            name, got);
    }
    *out_size = (size_t)got;
    return FIRN_OK;
}

int
fi_os_keyring_remove(struct fi_os *os, const char *name, firn_error *err)
{
    long keyring;
    long key;
    FI_TRY_RETURN(find_key(os, name, &keyring, &key, err));
    return revoke_key(keyring, key) ? FIRN_OK : fail(errno, name, err);
}

/* The serial numbers of the keys in a keyring. *out_size is in bytes. */
static int
list_keys(long keyring, int32_t **out, size_t *out_size, firn_error *err)
{
    long size = keyctl(KEYCTL_READ, keyring, 0, 0, 0);
    *out = NULL;
    while (size >= 0 && size <= LIST_SIZE_MAX) {
        int32_t *list = fi_alloc((size_t)size + sizeof *list);
        if (list == NULL) {
            return fi_error_no_memory(err, "a list of keys");
        }
        const long had = size;
        size = keyctl(KEYCTL_READ, keyring, (long)(uintptr_t)list, had, 0);
        if (size >= 0 && size <= had) {
            *out = list;
            *out_size = (size_t)size;
            return FIRN_OK;
        }
        fi_free(list); /* another process has added one */
    }
    return size < 0 ? fail(errno, "", err)
                    : fi_error_set(err, FIRN_LIMIT, "the session keyring has too many keys");
}

/* "user;1000;1000;3f010000;name" */
static bool
is_named_so(long key, const char *prefix)
{
    char description[DESCRIPTION_SIZE];
    long size = keyctl(KEYCTL_DESCRIBE, key, (long)(uintptr_t)description, sizeof description, 0);
    if (size <= 0 || size > (long)sizeof description) {
        return false; /* gone, or longer than any of ours */
    }
    description[size - 1] = '\0';
    const char *name = strrchr(description, ';');
    return name != NULL && strncmp(description, KEY_TYPE ";", strlen(KEY_TYPE ";")) == 0 &&
           strncmp(name + 1, prefix, strlen(prefix)) == 0;
}

int
fi_os_keyring_remove_all(struct fi_os *os, const char *prefix, size_t *out_count, firn_error *err)
{
    long keyring;
    int32_t *keys;
    size_t size;
    *out_count = 0;
    DCHECK(strchr(prefix, ';') == NULL);
    FI_TRY_RETURN(find_keyring(os, &keyring, err));
    FI_TRY_RETURN(list_keys(keyring, &keys, &size, err));
    for (size_t i = 0; i < size / sizeof *keys; i++) {
        if (is_named_so(keys[i], prefix) && revoke_key(keyring, keys[i])) {
            ++*out_count;
        }
    }
    fi_free(keys);
    return FIRN_OK;
}
