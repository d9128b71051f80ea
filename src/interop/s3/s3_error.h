/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_error.h: what an answer that says no, or none at all, means to the user. Only files of this
 * folder include it.
 */
#ifndef FIRN_S3_S3_ERROR_H
#define FIRN_S3_S3_ERROR_H

#include "s3/s3_call.h"

/* Fills *err and returns its code. tries: of the call. */
int fi_s3_error_of_answer(const struct fi_s3_bucket *s3, const struct fi_s3_call *call,
                          const struct fi_s3_http_answer *answer,
                          const struct fi_s3_answer_error *error, int tries, firn_error *err);
int fi_s3_error_of_silence(const struct fi_s3_bucket *s3, const struct fi_s3_call *call,
                           const struct fi_s3_http_answer *answer, int tries, firn_error *err);
/* What answered is no object storage. */
int fi_s3_error_foreign(const struct fi_s3_bucket *s3, const struct fi_s3_http_answer *answer,
                        firn_error *err);

#endif
