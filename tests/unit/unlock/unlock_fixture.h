/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/unlock: a keys file with a slot of each kind, and the environment of a test. Requires: a variable `firn_error err`.
 */
#ifndef FIRN_UNIT_UNLOCK_FIXTURE_H
#define FIRN_UNIT_UNLOCK_FIXTURE_H

#include <linux/keyctl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keys/keys.h"
#include "posix/os_default.h"
#include "support/test_ok.h"
#include "unlock/unlock.h"

enum { UNLOCK_FIXTURE_FILE_SIZE = 64 };
#define UNLOCK_FIXTURE_CODE "S34W0-NJYCG-SQ7CD-ZM6H1-TB9XE-9NEPQ-TZCDV-KPPVY"

static inline void
unlock_fixture_add(struct fi_keys *keys, enum fi_keys_kind kind, const void *bytes, size_t size)
{
    firn_error err;
    uint16_t number;
    const struct fi_keys_secret secret = {
        .kind = kind, .bytes = firn_bytes(bytes, size), .cost = {1, 8}};
    OK(fi_keys_add_slot(keys, fi_os_default(), &secret, firn_str(""), &number, &err));
}

/* Encodes keys as another process finds them. */
static inline struct fi_keys *
unlock_fixture_reread(struct fi_keys *keys)
{
    firn_error err;
    struct fi_buf file = {0};
    struct fi_keys *read;
    OK(fi_keys_encode(keys, fi_os_default(), &file, &err));
    OK(fi_keys_decode(fi_buf_slice(&file), &read, &err));
    fi_buf_deinit(&file);
    return read;
}

/* No variable is set, and this process has a session of its own, where that is possible. */
static inline bool
unlock_fixture_begin(void)
{
    (void)unsetenv("FIRN_KEY_FILE");
    (void)unsetenv("FIRN_KEY_COMMAND");
    (void)unsetenv("FIRN_REMOTE_KEY_FILE");
    (void)unsetenv("FIRN_REMOTE_KEY_COMMAND");
    return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) > 0;
}

#endif
