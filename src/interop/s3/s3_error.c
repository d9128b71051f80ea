/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_error.c: texts of errors. Each names the host and the next step. Of what the storage sends,
 * texts have the code, and of errors that nothing here knows the message: of refusals they do not,
 * as a server may repeat there what it was sent (S2).
 */
#include "s3/s3_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SKEW_MIN_S = 300 };

static const char *
permission_for(enum fi_s3_call_kind kind)
{
    return kind == FI_S3_CALL_PUT      ? "s3:PutObject"
           : kind == FI_S3_CALL_LIST   ? "s3:ListBucket"
           : kind == FI_S3_CALL_REMOVE ? "s3:DeleteObject"
                                       : "s3:GetObject, and s3:ListBucket to hear of missing ones";
}

static bool
is_code(const struct fi_s3_answer_error *error, const char *code)
{
    return strcmp(error->code, code) == 0;
}

/* The second one is versitygw's, with 404. */
static bool
is_unknown_key(const struct fi_s3_answer_error *error)
{
    return is_code(error, "InvalidAccessKeyId") || is_code(error, "XAdminUserNotFound");
}

/* How far the clock of this machine is ahead of the storage's; 0: it does not say, or little. */
static int64_t
skew_of(const struct fi_s3_bucket *s3, const struct fi_s3_http_answer *answer)
{
    int64_t ahead_s = fi_os_now_ns(s3->os) / INT64_C(1000000000) - answer->date_s;
    bool is_large = ahead_s > SKEW_MIN_S || ahead_s < -SKEW_MIN_S;
    return answer->date_s != 0 && is_large ? ahead_s : 0;
}

static int
wrong_clock(const char *host, int64_t ahead_s, firn_error *err)
{
    int64_t by_s = ahead_s < 0 ? -ahead_s : ahead_s;
    return fi_error_set(err, FIRN_DENIED,
                        "%s refuses the request because the clock of this machine is %" PRId64
                        " %s %s; set it right",
                        host, by_s < 7200 ? by_s / 60 : by_s / 3600,
                        by_s < 7200 ? "minutes" : "hours", ahead_s < 0 ? "behind" : "ahead");
}

static int
refused(const struct fi_s3_bucket *s3, const struct fi_s3_call *call,
        const struct fi_s3_http_answer *answer, const struct fi_s3_answer_error *error,
        firn_error *err)
{
    const char *host = s3->url.host;
    int64_t ahead_s = skew_of(s3, answer);
    if (is_code(error, "RequestTimeTooSkewed") ||
        ((is_code(error, "SignatureDoesNotMatch") || error->code[0] == 0) && ahead_s != 0)) {
        return ahead_s != 0 ? wrong_clock(host, ahead_s, err)
                            : fi_error_set(err, FIRN_DENIED,
                                           "%s says that the clock of this machine is wrong", host);
    }
    if (is_code(error, "SignatureDoesNotMatch")) {
        return fi_error_set(err, FIRN_DENIED,
                            "%s does not accept the signature: the secret access key is not that "
                            "of the access key",
                            host);
    }
    if (is_unknown_key(error)) {
        return fi_error_set(err, FIRN_DENIED,
                            "%s does not know the access key: use one of this storage", host);
    }
    if (is_code(error, "ExpiredToken") || is_code(error, "InvalidToken") ||
        is_code(error, "TokenRefreshRequired")) {
        return fi_error_set(err, FIRN_DENIED,
                            "%s does not accept the session token, which has expired or belongs to "
                            "other keys: sign in again",
                            host);
    }
    if (call->kind == FI_S3_CALL_REMOVE) {
        return fi_error_set(err, FIRN_DENIED,
                            "%s does not let these keys remove objects of bucket '%s': they need "
                            "%s, or Object Lock keeps the object%s%s",
                            host, s3->url.bucket, permission_for(call->kind),
                            error->code[0] != 0 ? "; it answered " : "", error->code);
    }
    return fi_error_set(err, FIRN_DENIED,
                        "%s does not let these keys %s bucket '%s': they need %s%s%s", host,
                        call->kind == FI_S3_CALL_PUT    ? "make objects in"
                        : call->kind == FI_S3_CALL_LIST ? "list"
                                                        : "read objects of",
                        s3->url.bucket, permission_for(call->kind),
                        error->code[0] != 0 ? "; it answered " : "", error->code);
}

static bool
is_about_space(const struct fi_s3_http_answer *answer, const struct fi_s3_answer_error *error)
{
    return answer->status == 507 || strstr(error->code, "Quota") != NULL ||
           strstr(error->code, "StorageFull") != NULL || is_code(error, "InsufficientStorage");
}

/* A put that the storage did not carry out may still be (S1), and is never repeated. */
static const char *
put_note(const struct fi_s3_call *call)
{
    return call->kind == FI_S3_CALL_PUT ? "; whether the object was made is not known" : "";
}

/* Gateways may say what they were sent, keys and signature too. */
static bool
quotes_request(const struct fi_s3_bucket *s3, const char *message)
{
    const struct fi_s3_credentials *keys = &s3->credentials;
    return strstr(message, "ignature") != NULL ||
           (keys->access_key != NULL && strstr(message, keys->access_key) != NULL) ||
           (keys->secret_key != NULL && strstr(message, keys->secret_key) != NULL) ||
           (keys->token != NULL && strstr(message, keys->token) != NULL);
}

int
fi_s3_error_of_answer(const struct fi_s3_bucket *s3, const struct fi_s3_call *call,
                      const struct fi_s3_http_answer *answer,
                      const struct fi_s3_answer_error *error, int tries, firn_error *err)
{
    const char *host = s3->url.host;
    const char *region = answer->region[0] != 0 ? answer->region : error->region;
    if (is_code(error, "NoSuchBucket")) {
        return fi_error_set(err, FIRN_INVALID,
                            "there is no bucket '%s' at %s: make it, or mend the URL",
                            s3->url.bucket, host);
    }
    if (is_about_space(answer, error)) {
        return fi_error_set(err, FIRN_NO_SPACE, "%s has no room left for bucket '%s'%s", host,
                            s3->url.bucket, put_note(call));
    }
    if (region[0] != 0 && strcmp(region, s3->url.region) != 0 &&
        (answer->status == 301 || answer->status == 307 || answer->status == 400 ||
         answer->status == 403)) {
        return fi_error_set(err, FIRN_IO,
                            "bucket '%s' is in region %s, not in %s: set AWS_REGION%s",
                            s3->url.bucket, region, s3->url.region, put_note(call));
    }
    if (answer->status == 403 || answer->status == 401 || is_unknown_key(error) ||
        is_code(error, "ExpiredToken") || is_code(error, "InvalidToken") ||
        is_code(error, "RequestTimeTooSkewed")) {
        return refused(s3, call, answer, error, err);
    }
    if (answer->status >= 300 && answer->status < 400) {
        return fi_s3_error_foreign(s3, answer, err);
    }
    if (answer->status == 501) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "%s cannot %s, which firn needs", host,
                            call->kind == FI_S3_CALL_PUT ? "make an object only if there is none"
                                                         : "do what was asked");
    }
    if (answer->status >= 200 && answer->status < 300) {
        return fi_error_set(err, FIRN_IO, "%s sends less or other than it was asked for", host);
    }
    char times[40] = "";
    const char *message = quotes_request(s3, error->message) ? "" : error->message;
    if (tries > 1) {
        (void)snprintf(times, sizeof times, " %d times", tries);
    }
    return fi_error_set(err, FIRN_IO, "%s answered%s %d%s%s%s%s%s", host, times, answer->status,
                        error->code[0] != 0 ? " " : "", error->code, message[0] != 0 ? ": " : "",
                        message, put_note(call));
}

int
fi_s3_error_of_silence(const struct fi_s3_bucket *s3, const struct fi_s3_call *call,
                       const struct fi_s3_http_answer *answer, int tries, firn_error *err)
{
    const char *host = s3->url.host;
    const char *reason = answer->curl_text[0] != 0
                             ? answer->curl_text
                             : s3->http.curl->easy_strerror(answer->curl_code);
    const char *next = "";
    switch (answer->curl_code) {
    case FI_S3_CURL_ABORTED_BY_CALLBACK: /* it would have sent a put again */
        reason = "the connection broke";
        break;
    case FI_S3_CURL_COULDNT_RESOLVE_HOST:
        next = "; is this machine online, and the name right?";
        break;
    case FI_S3_CURL_COULDNT_RESOLVE_PROXY:
    case FI_S3_CURL_PROXY_ERROR:
        next = "; the proxy comes from https_proxy or http_proxy";
        break;
    case FI_S3_CURL_COULDNT_CONNECT:
        next = "; is something listening there, and does a firewall let it through?";
        break;
    case FI_S3_CURL_SSL_CONNECT_ERROR:
        next = "; does the server speak https there?";
        break;
    case FI_S3_CURL_PEER_FAILED_VERIFICATION:
    case FI_S3_CURL_CACERT_BADFILE:
        next = "; a certificate authority of your own is named by AWS_CA_BUNDLE";
        break;
    default:
        break;
    }
    char times[40] = "";
    if (tries > 1) {
        (void)snprintf(times, sizeof times, " (tried %d times)", tries);
    }
    return fi_error_set(err, FIRN_IO, "could not reach %s%s: %.200s%s%s", host, times, reason, next,
                        answer->is_connected ? put_note(call) : "");
}

int
fi_s3_error_foreign(const struct fi_s3_bucket *s3, const struct fi_s3_http_answer *answer,
                    firn_error *err)
{
    if (answer->is_too_large) {
        return fi_error_set(err, FIRN_IO, "%s sends more than it was asked for", s3->url.host);
    }
    return fi_error_set(err, FIRN_IO,
                        "what answers for %s is no object storage (status %d%s): perhaps a login "
                        "page of the network, a proxy, or a wrong URL",
                        s3->url.host, answer->status, answer->is_html ? ", a web page" : "");
}
