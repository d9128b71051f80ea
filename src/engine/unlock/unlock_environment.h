/* SPDX-License-Identifier: Apache-2.0
 *
 * unlock/unlock_environment.h: the secret that the environment names. Only files of this folder
 * include it.
 */
#ifndef FIRN_UNLOCK_UNLOCK_ENVIRONMENT_H
#define FIRN_UNLOCK_UNLOCK_ENVIRONMENT_H

#include "unlock/unlock.h"

struct fi_unlock_environment {
    const char *variable; /* that is set; NULL: none is */
    enum fi_keys_kind kind;
    void *memory; /* for secrets; fi_os_secret_free frees it, after a failure, too */
    size_t size;
};

/* Reads the file, or runs the command. is_remote: variables for remotes come before the others.
 * step may be NULL. *out is complete but for memory and size even after a failure. */
FIRN_MUST_CHECK int fi_unlock_environment_get(struct fi_os *os, bool is_remote,
                                              const struct fi_step *step,
                                              struct fi_unlock_environment *out, firn_error *err);

#endif
