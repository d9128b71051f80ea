/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_providers.h: where keys come from: the first of these that has some.
 *
 *   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
 *   2. the profile: its keys, else its credential_process
 *   3. AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, by the token service
 *   4. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *   5. the metadata service of the machine (IMDSv2), unless AWS_EC2_METADATA_DISABLED
 *
 * One thread at a time.
 */
#ifndef FIRN_S3_S3_PROVIDERS_H
#define FIRN_S3_S3_PROVIDERS_H

#include "s3/s3_credentials.h"

/* Finds credentials; replaces *out only if there are some. profile: as for fi_s3_settings_load.
 * region: of the token service. FIRN_DENIED: there are none; the text says what can be done. */
FIRN_MUST_CHECK int fi_s3_providers_find(struct fi_s3_http *http, const char *profile,
                                         const char *region, struct fi_s3_credentials *out,
                                         firn_error *err);

#endif
