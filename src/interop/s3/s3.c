/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3.c: opening a bucket, and its six calls as requests. s3_call.c decides what an answer means;
 * this file handles the answers that the contract of a call names.
 *
 * A get knows how many bytes it wants. It refuses more; after fewer it tries again, unless
 * Content-Range says that the object ends there.
 */
#include "s3/s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "posix/os_default.h"
#include "s3/s3_call.h"
#include "s3/s3_error.h"
#include "s3/s3_providers.h"

enum {
    RETRY_MS = 60000,
    CONNECT_MS = 10000,
    STALL_S = 30,
    GRACE_MS = 60000,
    LIST_SIZE_MAX = 8 << 20 /* 1,000 keys as in URLs, and what is around them */
};

static struct fi_s3_bucket *
s3_of(struct fi_bucket *bucket)
{
    return (struct fi_s3_bucket *)bucket;
}

/* For an answer that this call has no meaning for, such as 404 where nothing can be missing. */
static int
unexpected(const struct fi_s3_bucket *s3, const struct fi_s3_call *call,
           const struct fi_s3_http_answer *answer, const struct fi_s3_answer_error *error,
           firn_error *err)
{
    return fi_s3_error_of_answer(s3, call, answer, error, 1, err);
}

static bool
is_success(const struct fi_s3_http_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

static int
not_there(const char *name, firn_error *err)
{
    return fi_error_set_named(err, FIRN_NOT_FOUND, "the bucket has no object '", name, "'");
}

static int
put(struct fi_bucket *bucket, const char *name, const struct fi_bucket_body *body, firn_error *err)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    struct fi_s3_http_answer answer;
    struct fi_s3_answer_error error;
    const struct fi_s3_call call = {.kind = FI_S3_CALL_PUT, .name = name, .body = body};
    int rc = fi_s3_call(s3, &call, &answer, &error, err);
    /* 409: another put of the name was under way (ConditionalRequestConflict), and won. */
    bool is_lost = answer.status == 412 ||
                   (answer.status == 409 &&
                    (error.code[0] == 0 || strcmp(error.code, "ConditionalRequestConflict") == 0 ||
                     strcmp(error.code, "OperationAborted") == 0));
    if (rc == FIRN_OK && is_lost) {
        rc = fi_error_set_named(err, FIRN_EXISTS, "the bucket has an object '", name, "' already");
    } else if (rc == FIRN_OK && !is_success(&answer)) {
        rc = unexpected(s3, &call, &answer, &error, err);
    }
    fi_buf_deinit(&answer.error_body);
    return rc;
}

/* What came is what was asked for, or the end of the object. */
static bool
is_whole_get(const struct fi_s3_call *call, const struct fi_s3_http_answer *answer)
{
    if (answer->status == 206) {
        uint64_t size = answer->range_end - answer->range_begin;
        bool reaches = size == call->size_max || answer->range_end == answer->range_total;
        return call->range != NULL && answer->has_range && answer->range_begin == call->offset &&
               size == call->out->size && reaches;
    }
    /* The whole object, also if a part was asked for that it does not exceed. */
    return answer->status == 200 && call->offset == 0 && answer->has_size &&
           answer->size_bytes == call->out->size;
}

static int head(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes,
                firn_error *err);

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *err)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    struct fi_s3_http_answer answer;
    struct fi_s3_answer_error error;
    char range[64];
    struct fi_s3_call call = {.kind = FI_S3_CALL_GET,
                              .name = name,
                              .out = out,
                              .size_max = size,
                              .is_whole = is_whole_get,
                              .offset = offset};
    if (size == 0) {
        uint64_t whole_bytes;
        return head(bucket, name, &whole_bytes, err);
    }
    if (size > UINT64_MAX - offset) {
        (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-", offset);
    } else {
        (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset,
                       offset + size - 1);
    }
    call.range = offset == 0 && size == UINT64_MAX ? NULL : range;
    int rc = fi_s3_call(s3, &call, &answer, &error, err);
    if (rc == FIRN_OK && answer.status == 404) {
        rc = not_there(name, err);
    } else if (rc == FIRN_OK && answer.status == 416) {
        fi_buf_clear(out); /* it ends before offset */
    } else if (rc == FIRN_OK && !is_success(&answer)) {
        rc = unexpected(s3, &call, &answer, &error, err);
    }
    fi_buf_deinit(&answer.error_body);
    return rc;
}

static bool
is_whole_head(const struct fi_s3_call *call, const struct fi_s3_http_answer *answer)
{
    (void)call;
    return answer->has_size;
}

/* A HEAD that fails has no document that says why: a GET has. */
static int
ask_why_missing(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    struct fi_buf first = {0};
    int rc = get(bucket, name, 0, 1, &first, err);
    fi_buf_deinit(&first);
    return rc;
}

static int
head(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes, firn_error *err)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    struct fi_s3_http_answer answer;
    struct fi_s3_answer_error error;
    const struct fi_s3_call call = {
        .kind = FI_S3_CALL_HEAD, .name = name, .is_whole = is_whole_head};
    *out_size_bytes = 0;
    int rc = fi_s3_call(s3, &call, &answer, &error, err);
    if (rc == FIRN_OK && answer.status == 404) {
        rc = ask_why_missing(bucket, name, err);
        if (rc == FIRN_OK) { /* it has been made meanwhile */
            fi_buf_deinit(&answer.error_body);
            rc = fi_s3_call(s3, &call, &answer, &error, err);
        }
    }
    if (rc == FIRN_OK && !is_success(&answer)) {
        rc = answer.status == 404 ? not_there(name, err)
                                  : unexpected(s3, &call, &answer, &error, err);
    } else if (rc == FIRN_OK) {
        *out_size_bytes = answer.size_bytes;
    }
    fi_buf_deinit(&answer.error_body);
    return rc;
}

/* Names are in ascending order, as signing wants them. */
static int
make_list_query(const struct fi_s3_bucket *s3, const char *prefix, const char *after,
                size_t count_max, struct fi_buf *out)
{
    FI_TRY_RETURN(
        fi_buf_append_format(out, "encoding-type=url&list-type=2&max-keys=%zu&prefix=", count_max));
    FI_TRY_RETURN(fi_s3_url_encode(s3->url.prefix, out));
    FI_TRY_RETURN(fi_s3_url_encode(prefix, out));
    if (after != NULL) {
        FI_TRY_RETURN(fi_buf_append_str(out, "&start-after="));
        FI_TRY_RETURN(fi_s3_url_encode(s3->url.prefix, out));
        FI_TRY_RETURN(fi_s3_url_encode(after, out));
    }
    return FIRN_OK;
}

static int
list(struct fi_bucket *bucket, const char *prefix, const char *after, size_t count_max,
     int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx, bool *out_has_more,
     firn_error *err)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    struct fi_s3_http_answer answer = {.status = 0};
    struct fi_s3_answer_error error;
    struct fi_buf query = {0};
    struct fi_buf bytes = {0};
    int rc = make_list_query(s3, prefix, after, count_max, &query);
    const char *text = rc == FIRN_OK ? fi_buf_text(&query) : NULL;
    if (text == NULL) {
        rc = fi_error_no_memory(err, "a request");
        goto out;
    }
    const struct fi_s3_call call = {
        .kind = FI_S3_CALL_LIST, .query = text, .out = &bytes, .size_max = LIST_SIZE_MAX};
    FI_TRY(fi_s3_call(s3, &call, &answer, &error, err));
    if (!is_success(&answer)) {
        rc = unexpected(s3, &call, &answer, &error, err);
        goto out;
    }
    rc = fi_s3_answer_parse_list(fi_buf_slice(&bytes), s3->url.prefix, answer.date_s, visit, ctx,
                                 out_has_more, err);
out:
    fi_buf_deinit(&answer.error_body);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&query);
    return rc;
}

static int
remove_object(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    struct fi_s3_http_answer answer;
    struct fi_s3_answer_error error;
    const struct fi_s3_call call = {.kind = FI_S3_CALL_REMOVE, .name = name};
    int rc = fi_s3_call(s3, &call, &answer, &error, err);
    if (rc == FIRN_OK && !is_success(&answer) && answer.status != 404) {
        rc = unexpected(s3, &call, &answer, &error, err);
    }
    fi_buf_deinit(&answer.error_body);
    return rc;
}

/* ==== handles ==== */

static void
close_bucket(struct fi_bucket *bucket)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    fi_s3_credentials_deinit(&s3->credentials);
    fi_s3_http_deinit(&s3->http);
    fi_free(s3->profile);
    fi_free(s3);
}

static int open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *err);

static const struct fi_bucket_ops ops = {
    .put = put,
    .get = get,
    .head = head,
    .list = list,
    .remove = remove_object,
    .open_again = open_again,
    .close = close_bucket,
};

/* Without credentials. */
static int
make(struct fi_os *os, const struct fi_s3_url *url, const struct fi_s3_http_options *http,
     const char *profile, int64_t retry_ms, struct fi_s3_bucket **out, firn_error *err)
{
    struct fi_s3_bucket *s3 = fi_alloc_zeroed(sizeof *s3);
    *out = NULL;
    if (s3 == NULL) {
        return fi_error_no_memory(err, "a bucket");
    }
    fi_bucket_init(&s3->bucket, &ops);
    if (http->bytes_per_second_max == 0) {
        s3->bucket.stream_count = FI_BUCKET_STREAMS_MAX;
    }
    s3->os = os;
    s3->url = *url;
    s3->retry_ms = retry_ms;
    int rc;
    if (profile != NULL) {
        s3->profile = fi_strdup(profile);
        if (s3->profile == NULL) {
            rc = fi_error_no_memory(err, "a bucket");
            goto out;
        }
    }
    FI_TRY(fi_s3_http_init(&s3->http, os, http, err));
    *out = s3;
    s3 = NULL;
out:
    if (s3 != NULL) {
        fi_free(s3->profile);
        fi_free(s3);
    }
    return rc;
}

static int
open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *err)
{
    struct fi_s3_bucket *s3 = s3_of(bucket);
    struct fi_s3_bucket *second;
    *out = NULL;
    FI_TRY_RETURN(
        make(s3->os, &s3->url, &s3->http.options, s3->profile, s3->retry_ms, &second, err));
    int rc = fi_s3_credentials_copy(&s3->credentials, &second->credentials, err);
    if (rc != FIRN_OK) {
        close_bucket(&second->bucket);
        return rc;
    }
    *out = &second->bucket;
    return FIRN_OK;
}

/* ==== opening ==== */

struct setting {
    const char *text;  /* NULL: there is none */
    char memory[1024]; /* has the text of a profile */
};

/* What is set in several places: the option, variables, the profile. FIRN_INVALID: too long. */
static int
find_setting(const struct fi_s3_settings *settings, const char *option,
             const char *const *variables, const char *key, struct setting *out, firn_error *err)
{
    firn_slice value;
    out->text = option;
    if (option != NULL) {
        return FIRN_OK;
    }
    for (; *variables != NULL; variables++) {
        const char *text = fi_s3_settings_environment(settings->os, *variables);
        if (text != NULL) {
            out->text = text;
            return FIRN_OK;
        }
    }
    if (key == NULL || !fi_s3_settings_get(settings, key, &value)) {
        return FIRN_OK;
    }
    if (value.size >= sizeof out->memory) {
        return fi_error_set(err, FIRN_INVALID, "%s of profile '%s' is too long", key,
                            settings->profile);
    }
    memcpy(out->memory, value.data, value.size);
    out->memory[value.size] = 0;
    out->text = out->memory;
    return FIRN_OK;
}

static int
open_with(struct fi_os *os, const char *text, const struct fi_s3_options *options,
          const struct fi_s3_settings *settings, struct fi_s3_bucket **out, firn_error *err)
{
    static const char *const regions[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    static const char *const endpoints[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL};
    static const char *const bundles[] = {"AWS_CA_BUNDLE", NULL};
    static const char *const nothing[] = {NULL};
    struct setting endpoint;
    struct setting region;
    struct setting bundle;
    bool ignores = fi_s3_settings_is_true(os, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    struct fi_s3_url url;
    FI_TRY_RETURN(find_setting(settings, options->region, regions, "region", &region, err));
    FI_TRY_RETURN(find_setting(settings, options->endpoint, ignores ? nothing : endpoints,
                               ignores ? NULL : "endpoint_url", &endpoint, err));
    FI_TRY_RETURN(find_setting(settings, options->ca_file, bundles, "ca_bundle", &bundle, err));
    FI_TRY_RETURN(fi_s3_url_parse(text, endpoint.text, region.text, options->style, &url, err));
    const struct fi_s3_http_options http = {
        .ca_file = bundle.text,
        .bytes_per_second_max = options->bytes_per_second_max,
        .connect_ms = options->connect_ms > 0 ? options->connect_ms : CONNECT_MS,
        .stall_s = options->stall_s > 0 ? options->stall_s : STALL_S,
        .grace_ms = options->grace_ms > 0 ? options->grace_ms : GRACE_MS,
    };
    return make(os, &url, &http, options->profile,
                options->retry_ms > 0 ? options->retry_ms : RETRY_MS, out, err);
}

int
fi_s3_open(struct fi_os *os, const char *url, const struct fi_s3_options *options,
           struct fi_bucket **out, firn_error *err)
{
    static const struct fi_s3_options defaults = {.endpoint = NULL};
    struct fi_s3_settings settings;
    struct fi_s3_bucket *s3 = NULL;
    *out = NULL;
    options = options != NULL ? options : &defaults;
    if (os != fi_os_default()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "there is no network here");
    }
    FI_TRY_RETURN(fi_s3_settings_load(&settings, os, options->profile, err));
    int rc = open_with(os, url, options, &settings, &s3, err);
    fi_s3_settings_deinit(&settings);
    if (rc == FIRN_OK) {
        rc = fi_s3_providers_find(&s3->http, s3->profile, s3->url.region, &s3->credentials, err);
        if (rc != FIRN_OK) {
            close_bucket(&s3->bucket);
            return rc;
        }
        *out = &s3->bucket;
    }
    return rc;
}
