/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_settings.h: what the user has set for all programs that use object storage: variables of
 * the environment and the profile of ~/.aws/credentials and ~/.aws/config. One thread at a time.
 */
#ifndef FIRN_S3_S3_SETTINGS_H
#define FIRN_S3_S3_SETTINGS_H

#include "base/buf.h"
#include "os/os.h"

enum { FI_S3_SETTINGS_FILE_MAX = 1 << 20, FI_S3_SETTINGS_PROFILE_SIZE = 128 };

/* A zeroed struct is empty. */
struct fi_s3_settings {
    struct fi_os *os;
    struct fi_buf credentials; /* the files; empty if there is none */
    struct fi_buf config;
    char profile[FI_S3_SETTINGS_PROFILE_SIZE];
    bool has_named_profile; /* the user asked for it */
    bool is_given_profile;  /* by the caller, not by the environment */
};

/* profile: NULL for that of the environment. FIRN_INVALID: there is no profile of the name. */
FIRN_MUST_CHECK int fi_s3_settings_load(struct fi_s3_settings *settings, struct fi_os *os,
                                        const char *profile, firn_error *err);
void fi_s3_settings_deinit(struct fi_s3_settings *settings);

/* A variable that is set and not empty, or NULL. */
const char *fi_s3_settings_environment(struct fi_os *os, const char *name);
bool fi_s3_settings_is_true(struct fi_os *os, const char *name);
/* A value of the profile, of the first of both files that has it; false if none has. */
bool fi_s3_settings_get(const struct fi_s3_settings *settings, const char *key, firn_slice *out);
/* The bytes of a file of the user's, at most max of them. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_s3_settings_read_file(struct fi_os *os, const char *path, size_t max,
                                             struct fi_buf *out, firn_error *err);

#endif
