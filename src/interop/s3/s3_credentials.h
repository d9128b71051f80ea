/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_credentials.h: the keys that requests are signed with, and where they come from: the first
 * of these that has some.
 *
 *   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
 *   2. the profile: its keys, else its credential_process
 *   3. AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, by the token service
 *   4. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *   5. the metadata service of the machine (IMDSv2), unless AWS_EC2_METADATA_DISABLED
 *
 * One thread at a time.
 */
#ifndef FIRN_S3_S3_CREDENTIALS_H
#define FIRN_S3_S3_CREDENTIALS_H

#include "s3/s3_http.h"
#include "s3/s3_settings.h"

/* A zeroed struct is empty. */
struct fi_s3_credentials {
    char *access_key;
    char *secret_key;
    char *token;       /* NULL: none */
    int64_t expires_s; /* since 1970; 0: never */
};

void fi_s3_credentials_deinit(struct fi_s3_credentials *credentials);
FIRN_MUST_CHECK int fi_s3_credentials_copy(const struct fi_s3_credentials *from,
                                           struct fi_s3_credentials *out, firn_error *err);

/* Finds credentials; replaces *out only if there are some. profile: as for fi_s3_settings_load.
 * region: of the token service. FIRN_DENIED: there are none; the text says what can be done. */
FIRN_MUST_CHECK int fi_s3_credentials_find(struct fi_s3_http *http, const char *profile,
                                           const char *region, struct fi_s3_credentials *out,
                                           firn_error *err);

/* What is in a JSON object of a credential_process, a container's or a machine's metadata; *found
 * is empty before. FIRN_CORRUPT: it has no keys; no text has any of the bytes. */
FIRN_MUST_CHECK int fi_s3_credentials_parse(firn_slice bytes, struct fi_s3_credentials *found,
                                            firn_error *err);
/* One of its members: "AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration";
 * others do not count. */
FIRN_MUST_CHECK int fi_s3_credentials_set(struct fi_s3_credentials *credentials, firn_slice name,
                                          firn_slice value, firn_error *err);

#endif
