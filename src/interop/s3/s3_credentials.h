/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_credentials.h: the keys that requests are signed with. One thread at a time.
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

static inline bool
fi_s3_credentials_are_whole(const struct fi_s3_credentials *credentials)
{
    return credentials->access_key != NULL && credentials->secret_key != NULL;
}

enum { FI_S3_CREDENTIALS_JSON_SIZE_MAX = 64 << 10 };
/* What is in a JSON object of a credential_process, a container's or a machine's metadata; *found
 * is empty before. FIRN_CORRUPT: it has no keys; no text has any of the bytes. */
FIRN_MUST_CHECK int fi_s3_credentials_parse(firn_slice bytes, struct fi_s3_credentials *found,
                                            firn_error *err);
/* One of its members: "AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration";
 * others do not count. */
FIRN_MUST_CHECK int fi_s3_credentials_set(struct fi_s3_credentials *credentials, firn_slice name,
                                          firn_slice value, firn_error *err);

#endif
