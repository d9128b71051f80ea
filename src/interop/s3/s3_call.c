/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_call.c: the loop of tries.
 *
 * A put is tried again only if no connection was made (S1). Others are tried again for as long as
 * retry_ms says, with pauses that double, half of each random, so that machines do not come back
 * together; and once at once, if the answer says in which region of AWS the bucket is, or that the
 * session token has expired, and there is another one. A put that learns either fails with FIRN_IO,
 * and the next call goes right.
 *
 * The payload's SHA-256 is signed, also over TLS: so the storage checks what it stores, whichever
 * other checksums it knows, for a fraction of a second each gigabyte. The body is read twice.
 *
 * Keys that expire are replaced five minutes before; if that fails, the old ones are used while
 * they are good.
 */
#include "s3/s3_call.h"

#include <string.h>

#include "base/check.h"
#include "codec/hex.h"
#include "codec/sha256.h"
#include "s3/s3_error.h"
#include "s3/s3_providers.h"
#include "s3/s3_sign.h"

#define SECOND_NS INT64_C(1000000000)
#define RENEW_PAUSE_NS (30 * SECOND_NS)
#define PAUSE_FIRST_NS (SECOND_NS / 4)
#define PAUSE_MAX_NS (8 * SECOND_NS)
enum { RENEW_BEFORE_S = 300, PIECE_SIZE = 64 << 10 };

static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* One try. */
struct attempt {
    struct fi_buf headers;
    struct fi_buf url;
    struct fi_buf path;
    char payload_hash[FI_SHA256_HEX_SIZE];
};

static void
attempt_deinit(struct attempt *attempt)
{
    if (attempt->headers.size > 0) {
        memset(attempt->headers.data, 0, attempt->headers.size);
    }
    fi_buf_deinit(&attempt->headers);
    fi_buf_deinit(&attempt->url);
    fi_buf_deinit(&attempt->path);
}

static int
hash_body(const struct fi_bucket_body *body, char out[FI_SHA256_HEX_SIZE], firn_error *err)
{
    struct fi_sha256 hash;
    uint8_t bytes[FI_SHA256_SIZE];
    struct fi_buf piece = {0};
    int rc = FIRN_OK;
    memcpy(out, empty_hash, sizeof empty_hash);
    if (body == NULL || body->size_bytes == 0) {
        return FIRN_OK;
    }
    if (fi_buf_reserve(&piece, PIECE_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "a piece of a file");
    }
    fi_sha256_init(&hash);
    for (uint64_t at = 0; at < body->size_bytes;) {
        uint64_t left = body->size_bytes - at;
        size_t part = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        FI_TRY(body->read(body->ctx, at, piece.data, part, err));
        fi_sha256_update(&hash, piece.data, part);
        at += part;
    }
    fi_sha256_final(&hash, bytes);
    fi_hex_encode(bytes, sizeof bytes, out);
out:
    fi_buf_deinit(&piece);
    return rc;
}

static const char *
method_of(enum fi_s3_call_kind kind)
{
    return kind == FI_S3_CALL_PUT      ? "PUT"
           : kind == FI_S3_CALL_HEAD   ? "HEAD"
           : kind == FI_S3_CALL_REMOVE ? "DELETE"
                                       : "GET";
}

static int
build(struct fi_s3_bucket *s3, const struct fi_s3_call *call, struct attempt *attempt)
{
    char host[FI_S3_URL_REQUEST_HOST_SIZE];
    const char *query = call->query != NULL ? call->query : "";
    fi_buf_clear(&attempt->headers);
    fi_buf_clear(&attempt->url);
    fi_buf_clear(&attempt->path);
    fi_s3_url_host(&s3->url, host);
    FI_TRY_RETURN(fi_s3_url_path(&s3->url, call->name, &attempt->path));
    const char *path = fi_buf_text(&attempt->path);
    if (path == NULL) {
        return FIRN_NO_MEMORY;
    }
    const struct fi_s3_sign_request request = {
        .method = method_of(call->kind),
        .host = host,
        .path = path,
        .query = query,
        .if_none_match = call->kind == FI_S3_CALL_PUT ? "*" : NULL,
        .range = call->range,
        .payload_hash = attempt->payload_hash,
    };
    FI_TRY_RETURN(fi_s3_sign(&request, s3->credentials.access_key, s3->credentials.secret_key,
                             s3->credentials.token, s3->url.region,
                             fi_os_now_ns(s3->os) / SECOND_NS, &attempt->headers));
    FI_TRY_RETURN(fi_buf_append_format(&attempt->url, "%s://%s%s%s%s",
                                       s3->url.is_https ? "https" : "http", host, path,
                                       *query != 0 ? "?" : "", query));
    return fi_buf_text(&attempt->url) != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
send(struct fi_s3_bucket *s3, const struct fi_s3_call *call, struct attempt *attempt,
     struct fi_s3_http_answer *answer, firn_error *err)
{
    if (build(s3, call, attempt) != FIRN_OK) {
        memset(answer, 0, sizeof *answer);
        return fi_error_no_memory(err, "a request");
    }
    if (call->out != NULL) {
        fi_buf_clear(call->out);
    }
    const struct fi_s3_http_request request = {
        .method = method_of(call->kind),
        .url = (const char *)attempt->url.data,
        .headers = fi_buf_slice(&attempt->headers),
        .body = call->body,
        .is_once = call->kind == FI_S3_CALL_PUT,
        .out = call->out,
        .size_max = call->out != NULL ? call->size_max : FI_S3_HTTP_ERROR_BODY_MAX,
    };
    FI_TRY_RETURN(fi_s3_http_perform(&s3->http, &request, answer, err));
    if (answer->status != 0 && answer->date_s != 0) {
        s3->bucket.answered_s = answer->date_s;
    }
    return FIRN_OK;
}

/* ==== credentials ==== */

static int
renew_in_time(struct fi_s3_bucket *s3, firn_error *err)
{
    const int64_t expires_s = s3->credentials.expires_s;
    const int64_t now_s = fi_os_now_ns(s3->os) / SECOND_NS;
    const bool is_good = now_s < expires_s;
    if (expires_s == 0 || now_s < expires_s - RENEW_BEFORE_S ||
        (is_good && fi_os_boottime_ns(s3->os) < s3->renew_after_ns)) {
        return FIRN_OK;
    }
    int rc = fi_s3_providers_find(&s3->http, s3->profile, s3->url.region, &s3->credentials, err);
    s3->renew_after_ns = rc == FIRN_OK ? 0 : fi_os_boottime_ns(s3->os) + RENEW_PAUSE_NS;
    return is_good && rc != FIRN_NO_MEMORY ? FIRN_OK : rc;
}

/* Whether there are others by now. */
static bool
has_others(struct fi_s3_bucket *s3)
{
    struct fi_s3_credentials found = {NULL, NULL, NULL, 0};
    if (fi_s3_providers_find(&s3->http, s3->profile, s3->url.region, &found, NULL) != FIRN_OK) {
        return false;
    }
    bool is_other = strcmp(found.access_key, s3->credentials.access_key) != 0 ||
                    (found.token != NULL && (s3->credentials.token == NULL ||
                                             strcmp(found.token, s3->credentials.token) != 0));
    fi_s3_credentials_deinit(&s3->credentials);
    s3->credentials = found;
    return is_other;
}

/* ==== tries ==== */

static bool
is_of(const struct fi_s3_answer_error *error, const char *code)
{
    return strcmp(error->code, code) == 0;
}

static bool
is_temporary(const struct fi_s3_http_answer *answer, const struct fi_s3_answer_error *error)
{
    int status = answer->status;
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504 ||
           is_of(error, "SlowDown") || is_of(error, "RequestTimeout");
}

/* What may go away by itself: not a name, a certificate or a proxy that are wrong. */
static bool
is_worth_another(const struct fi_s3_http_answer *answer)
{
    switch (answer->curl_code) {
    case FI_S3_CURL_COULDNT_RESOLVE_HOST:
    case FI_S3_CURL_COULDNT_CONNECT:
    case FI_S3_CURL_PARTIAL_FILE:
    case FI_S3_CURL_OPERATION_TIMEDOUT:
    case FI_S3_CURL_GOT_NOTHING:
    case FI_S3_CURL_SEND_ERROR:
    case FI_S3_CURL_RECV_ERROR:
        return true;
    default:
        return false;
    }
}

/* Whether an answer with this status can be that of object storage. */
static bool
is_storage(const struct fi_s3_call *call, const struct fi_s3_http_answer *answer,
           const struct fi_s3_answer_error *error)
{
    /* Some send the document of an error as a web page. A HEAD has none, so a GET follows; a
     * removal has none, either. */
    if (answer->is_from_s3 || answer->has_etag || !is_of(error, "") ||
        (call->kind == FI_S3_CALL_HEAD && answer->status == 404) ||
        (call->kind == FI_S3_CALL_REMOVE && answer->status == 204)) {
        return true;
    }
    if (answer->is_html) {
        return false;
    }
    /* Of a list the document itself tells. */
    return answer->status < 200 || answer->status >= 300 || call->kind == FI_S3_CALL_LIST;
}

/* *out_again: at once, after what was learned. */
static void
learn(struct fi_s3_bucket *s3, const struct fi_s3_http_answer *answer,
      const struct fi_s3_answer_error *error, bool *has_moved, bool *has_renewed, bool *out_again)
{
    const char *region = answer->region[0] != 0 ? answer->region : error->region;
    bool is_elsewhere = s3->url.is_aws && fi_s3_url_is_region(firn_str(region)) &&
                        strcmp(region, s3->url.region) != 0;
    *out_again = false;
    if (is_elsewhere && !*has_moved &&
        (answer->status == 301 || answer->status == 307 || answer->status == 400)) {
        *has_moved = *out_again = true;
    } else if ((is_of(error, "ExpiredToken") || is_of(error, "InvalidToken")) && !*has_renewed) {
        *has_renewed = true;
        *out_again = has_others(s3);
    }
}

enum outcome { DONE = 1, AGAIN, FAILED, FOREIGN };

static enum outcome
assess(const struct fi_s3_call *call, const struct fi_s3_http_answer *answer,
       const struct fi_s3_answer_error *error)
{
    bool is_put = call->kind == FI_S3_CALL_PUT;
    if (answer->status == 0) {
        bool is_safe = !is_put || !answer->is_connected;
        return is_safe && is_worth_another(answer) ? AGAIN : FAILED;
    }
    if (answer->status >= 200 && answer->status < 300) {
        if (!is_storage(call, answer, error) || answer->is_too_large) {
            return FOREIGN;
        }
        return call->is_whole == NULL || call->is_whole(call, answer) ? DONE : AGAIN;
    }
    if (is_temporary(answer, error)) {
        return is_put ? FAILED : AGAIN;
    }
    if (!is_storage(call, answer, error)) {
        return FOREIGN;
    }
    /* A bucket or a key that is not there is a 404, too; a HEAD has no code. */
    bool is_missing = is_of(error, "NoSuchKey") || is_of(error, "NotFound") || is_of(error, "");
    bool is_known = (answer->status == 404 && is_missing) || answer->status == 409 ||
                    answer->status == 412 || answer->status == 416;
    return is_known ? DONE : FAILED;
}

/* Sleeps before the next try; false if there is no time for one. */
static bool
wait_for_next(struct fi_s3_bucket *s3, int64_t began_ns, int tries)
{
    int64_t pause_ns = tries < 6 ? PAUSE_FIRST_NS << (tries - 1) : PAUSE_MAX_NS;
    uint32_t random = 0;
    FI_IGNORE(fi_os_random(s3->os, &random, sizeof random, NULL));
    pause_ns = pause_ns / 2 + (int64_t)((uint64_t)(pause_ns / 2) * random >> 32);
    int64_t left_ns = s3->retry_ms * INT64_C(1000000) - (fi_os_boottime_ns(s3->os) - began_ns);
    if (left_ns < pause_ns) {
        return false;
    }
    fi_os_sleep_ns(s3->os, pause_ns);
    return true;
}

static int
try_until_done(struct fi_s3_bucket *s3, const struct fi_s3_call *call, struct attempt *attempt,
               struct fi_s3_http_answer *answer, struct fi_s3_answer_error *error, firn_error *err)
{
    const int64_t began_ns = fi_os_boottime_ns(s3->os);
    bool has_moved = false;
    bool has_renewed = false;
    for (int tries = 1;; tries++) {
        bool is_at_once;
        DCHECK(tries == 1 || call->kind != FI_S3_CALL_PUT || !answer->is_connected); /* (S1) */
        fi_buf_deinit(&answer->error_body);
        FI_TRY_RETURN(send(s3, call, attempt, answer, err));
        fi_s3_answer_parse_error(fi_buf_slice(&answer->error_body), error);
        enum outcome outcome = assess(call, answer, error);
        if (outcome == DONE) {
            return FIRN_OK;
        }
        learn(s3, answer, error, &has_moved, &has_renewed, &is_at_once);
        int rc = outcome == FOREIGN    ? fi_s3_error_foreign(s3, answer, err)
                 : answer->status == 0 ? fi_s3_error_of_silence(s3, call, answer, tries, err)
                                       : fi_s3_error_of_answer(s3, call, answer, error, tries, err);
        if (has_moved && is_at_once) {
            fi_s3_url_set_region(&s3->url, answer->region[0] != 0 ? answer->region : error->region);
        }
        if (is_at_once && call->kind != FI_S3_CALL_PUT) {
            continue;
        }
        if (is_at_once && rc == FIRN_DENIED) {
            rc = fi_error_set(err, FIRN_IO,
                              "%s did not accept keys that have expired; the next call has others",
                              s3->url.host);
        }
        if (outcome != AGAIN || !wait_for_next(s3, began_ns, tries)) {
            return rc;
        }
    }
}

int
fi_s3_call(struct fi_s3_bucket *s3, const struct fi_s3_call *call, struct fi_s3_http_answer *answer,
           struct fi_s3_answer_error *error, firn_error *err)
{
    struct attempt attempt;
    memset(&attempt, 0, sizeof attempt);
    memset(answer, 0, sizeof *answer);
    memset(error, 0, sizeof *error);
    int rc;
    FI_TRY(renew_in_time(s3, err));
    FI_TRY(hash_body(call->body, attempt.payload_hash, err));
    rc = try_until_done(s3, call, &attempt, answer, error, err);
out:
    attempt_deinit(&attempt);
    return rc;
}
