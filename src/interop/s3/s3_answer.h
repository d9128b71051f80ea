/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_answer.h: the documents that object storage answers with: lists, errors, and credentials of
 * its token service. Any thread.
 */
#ifndef FIRN_S3_S3_ANSWER_H
#define FIRN_S3_S3_ANSWER_H

#include "bucket/bucket.h"

/* Visits the objects of an answer to ListObjectsV2 by what comes after prefix in their keys; a key
 * that does not begin with it is FIRN_CORRUPT, as is what is no such document. Nothing is visited
 * of a document that does not end as it should. now_s: the time of the answer, 0 if it is not
 * known. */
FIRN_MUST_CHECK int fi_s3_answer_parse_list(firn_slice bytes, const char *prefix, int64_t now_s,
                                            int (*visit)(void *ctx,
                                                         const struct fi_bucket_object *object),
                                            void *ctx, bool *out_has_more, firn_error *err);

struct fi_s3_answer_error {
    char code[64];     /* "NoSuchKey"; letters, digits and '.'; "" if the bytes are no error */
    char region[40];   /* where the bucket is; "" if it does not say */
    char message[200]; /* printable ASCII */
};
void fi_s3_answer_parse_error(firn_slice bytes, struct fi_s3_answer_error *out);

/* What AssumeRoleWithWebIdentity answers; the names are those of the document: "AccessKeyId",
 * "SecretAccessKey", "SessionToken", "Expiration". found is called for each of them once at most,
 * and gets a text that is borrowed. False: it is no such document. */
bool fi_s3_answer_parse_role(firn_slice bytes,
                             int (*found)(void *ctx, firn_slice name, const char *text), void *ctx,
                             int *out_rc);

#endif
