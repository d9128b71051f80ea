/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_metadata.h: credentials that a service gives to what runs on its machines. One thread at a
 * time.
 */
#ifndef FIRN_S3_S3_METADATA_H
#define FIRN_S3_S3_METADATA_H

#include "s3/s3_credentials.h"

/* Asks the token service, the container's service and the machine's, as s3_credentials.h says.
 * *found stays empty if none of them is there. */
FIRN_MUST_CHECK int fi_s3_metadata_find(struct fi_s3_http *http, const char *region,
                                        struct fi_s3_credentials *found, firn_error *err);

#endif
