/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_metadata.c: three services, as AWS documents them: AssumeRoleWithWebIdentity of its token
 * service; the endpoint of containers (ECS, EKS Pod Identity); the metadata service of machines,
 * version 2, which wants a session first.
 *
 * The last one is asked on any machine where nothing else is set: so it has a second to answer, and
 * no answer means that there is none. The others were set by somebody: they fail aloud.
 *
 * A container's service may be at an address over plain http only if it is on this machine or one
 * of the two that AWS has for it; the token it is asked with goes nowhere else.
 */
#include "s3/s3_metadata.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "s3/s3_answer.h"
#include "s3/s3_url.h"

enum {
    ANSWER_SIZE_MAX = 64 << 10,
    TOKEN_SIZE_MAX = 16 << 10,
    LOCAL_TIMEOUT_MS = 1000,
    SERVICE_TIMEOUT_MS = 20000
};

/* The body of a request, and what comes back. */
struct question {
    struct fi_buf url;
    struct fi_buf headers;
    struct fi_buf form;
    struct fi_buf out;
    int status; /* 0: no answer */
    char reason[FI_S3_CURL_ERROR_SIZE];
    struct fi_s3_answer_error error;
};

static void
question_deinit(struct question *question)
{
    struct fi_buf *const all[] = {&question->url, &question->headers, &question->form,
                                  &question->out};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->size > 0) {
            memset(all[i]->data, 0, all[i]->size);
        }
        fi_buf_deinit(all[i]);
    }
}

static int
ask(struct fi_s3_http *http, struct question *question, const char *method, int64_t timeout_ms,
    bool is_direct, firn_error *err)
{
    struct fi_s3_http_answer answer;
    const char *url = fi_buf_text(&question->url);
    if (url == NULL) {
        return fi_error_no_memory(err, "a URL");
    }
    fi_buf_clear(&question->out);
    const struct fi_s3_http_request request = {
        .method = method,
        .url = url,
        .headers = fi_buf_slice(&question->headers),
        .form = fi_buf_slice(&question->form),
        .is_direct = is_direct,
        .timeout_ms = timeout_ms,
        .out = &question->out,
        .size_max = ANSWER_SIZE_MAX,
    };
    int rc = fi_s3_http_perform(http, &request, &answer, err);
    question->status = answer.status;
    memcpy(question->reason, answer.curl_text, sizeof question->reason);
    fi_s3_answer_parse_error(fi_buf_slice(&answer.error_body), &question->error);
    fi_buf_deinit(&answer.error_body);
    return rc;
}

static bool
is_success(const struct question *question)
{
    return question->status >= 200 && question->status < 300;
}

static int
failed(const struct question *question, const char *who, firn_error *err)
{
    if (question->status == 0) {
        return fi_error_set(err, FIRN_DENIED, "%s did not answer: %.200s", who, question->reason);
    }
    return fi_error_set(err, FIRN_DENIED, "%s gives no keys: it answered %d%s%s", who,
                        question->status, question->error.code[0] != 0 ? " " : "",
                        question->error.code);
}

static int
add_header(struct question *question, const char *name, firn_slice value, firn_error *err)
{
    while (value.size > 0 && value.data[value.size - 1] <= ' ') {
        value.size--;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < ' ' || value.data[i] >= 0x7f) {
            return fi_error_set(err, FIRN_DENIED, "a token has a byte that no token has");
        }
    }
    if (fi_buf_append_format(&question->headers, "%s: %.*s", name, (int)value.size,
                             value.size > 0 ? (const char *)value.data : "") != FIRN_OK ||
        fi_buf_append_u8(&question->headers, 0) != FIRN_OK) {
        return fi_error_no_memory(err, "a header");
    }
    return FIRN_OK;
}

/* ==== the token service ==== */

struct role {
    struct fi_s3_credentials *found;
    firn_error *err;
};

static int
take_role(void *ctx, firn_slice name, const char *text)
{
    struct role *role = ctx;
    return fi_s3_credentials_set(role->found, name, firn_str(text), role->err);
}

static int
add_field(struct question *question, const char *name, const char *value)
{
    FI_TRY_RETURN(
        fi_buf_append_format(&question->form, "%s%s=", question->form.size > 0 ? "&" : "", name));
    return fi_s3_url_encode(value, &question->form);
}

static int
make_role_form(struct fi_os *os, struct question *question, const char *token)
{
    const char *name = fi_s3_settings_environment(os, "AWS_ROLE_SESSION_NAME");
    FI_TRY_RETURN(add_field(question, "Action", "AssumeRoleWithWebIdentity"));
    FI_TRY_RETURN(add_field(question, "RoleArn", fi_s3_settings_environment(os, "AWS_ROLE_ARN")));
    FI_TRY_RETURN(add_field(question, "RoleSessionName", name != NULL ? name : "firn"));
    FI_TRY_RETURN(add_field(question, "Version", "2011-06-15"));
    return add_field(question, "WebIdentityToken", token);
}

static int
ask_for_role(struct fi_s3_http *http, struct question *question, const char *region,
             const char *token_file, struct fi_s3_credentials *found, firn_error *err)
{
    static const char who[] = "the token service (AWS_WEB_IDENTITY_TOKEN_FILE)";
    const char *endpoint = fi_s3_settings_environment(http->os, "AWS_ENDPOINT_URL_STS");
    struct fi_buf token = {0};
    struct role role = {found, err};
    int rc;
    FI_TRY(fi_s3_settings_read_file(http->os, token_file, TOKEN_SIZE_MAX, &token, err));
    while (token.size > 0 && token.data[token.size - 1] <= ' ') {
        token.size--;
    }
    const char *text = fi_buf_text(&token);
    rc = text != NULL ? make_role_form(http->os, question, text) : FIRN_NO_MEMORY;
    rc = rc != FIRN_OK ? rc
         : endpoint != NULL
             ? fi_buf_append_format(&question->url, "%s/", endpoint)
             : fi_buf_append_format(&question->url, "https://sts.%s.amazonaws.com%s/", region,
                                    strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(err, "a request");
        goto out;
    }
    FI_TRY(ask(http, question, "POST", SERVICE_TIMEOUT_MS, false, err));
    if (!is_success(question)) {
        rc = failed(question, who, err);
    } else if (!fi_s3_answer_parse_role(fi_buf_slice(&question->out), take_role, &role, &rc)) {
        rc = fi_error_set(err, FIRN_DENIED, "%s gives no keys", who);
    }
out:
    if (token.size > 0) {
        memset(token.data, 0, token.size);
    }
    fi_buf_deinit(&token);
    return rc;
}

/* ==== the container's service ==== */

static bool
is_local_host(firn_slice host)
{
    static const char *const known[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                        "localhost", "[::1]"};
    const uint8_t *colon = NULL;
    for (size_t i = 0; i < host.size && !(host.data[0] == '[' && host.data[i] == ']'); i++) {
        colon = host.data[0] != '[' && host.data[i] == ':' ? host.data + i : colon;
    }
    if (host.data[0] == '[') {
        const uint8_t *end = memchr(host.data, ']', host.size);
        host.size = end != NULL ? (size_t)(end - host.data) + 1 : host.size;
    } else if (colon != NULL) {
        host.size = (size_t)(colon - host.data);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (fi_slice_equal(host, firn_str(known[i]))) {
            return true;
        }
    }
    bool is_number = fi_slice_has_prefix(host, firn_str("127."));
    for (size_t i = 0; i < host.size; i++) {
        is_number =
            is_number && ((host.data[i] >= '0' && host.data[i] <= '9') || host.data[i] == '.');
    }
    return is_number;
}

static int
add_container_token(struct fi_s3_http *http, struct question *question, firn_error *err)
{
    const char *file =
        fi_s3_settings_environment(http->os, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = fi_s3_settings_environment(http->os, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (file == NULL) {
        return token == NULL ? FIRN_OK
                             : add_header(question, "Authorization", firn_str(token), err);
    }
    struct fi_buf text = {0};
    int rc = fi_s3_settings_read_file(http->os, file, TOKEN_SIZE_MAX, &text, err);
    if (rc == FIRN_OK) {
        rc = add_header(question, "Authorization", fi_buf_slice(&text), err);
    }
    if (text.size > 0) {
        memset(text.data, 0, text.size);
    }
    fi_buf_deinit(&text);
    return rc;
}

static int
ask_container(struct fi_s3_http *http, struct question *question, const char *relative,
              const char *full, struct fi_s3_credentials *found, firn_error *err)
{
    static const char who[] = "the container's service (AWS_CONTAINER_CREDENTIALS_...)";
    bool is_https = false;
    bool is_local = true;
    if (relative == NULL) {
        firn_slice host;
        const char *rest;
        bool is_url = fi_s3_url_split(full, &is_https, &host, &rest);
        is_local = is_url && is_local_host(host);
        if (!is_url || (!is_https && !is_local)) {
            return fi_error_set(err, FIRN_DENIED,
                                "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an "
                                "address of this machine");
        }
    } else if (*relative != '/') {
        return fi_error_set(err, FIRN_DENIED,
                            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
    }
    if (fi_buf_append_format(&question->url, "%s%s", relative != NULL ? "http://169.254.170.2" : "",
                             relative != NULL ? relative : full) != FIRN_OK) {
        return fi_error_no_memory(err, "a URL");
    }
    FI_TRY_RETURN(add_container_token(http, question, err));
    FI_TRY_RETURN(ask(http, question, "GET", SERVICE_TIMEOUT_MS, is_local, err));
    if (!is_success(question)) {
        return failed(question, who, err);
    }
    return fi_s3_credentials_parse(fi_buf_slice(&question->out), found, err);
}

/* ==== the machine's service ==== */

static int
ask_machine_for(struct fi_s3_http *http, struct question *question, const char *base,
                const char *path, firn_slice role, firn_error *err)
{
    fi_buf_clear(&question->url);
    if (fi_buf_append_format(&question->url, "%s/latest/%s", base, path) != FIRN_OK ||
        fi_buf_append_slice(&question->url, role) != FIRN_OK) {
        return fi_error_no_memory(err, "a URL");
    }
    return ask(http, question, strcmp(path, "api/token") == 0 ? "PUT" : "GET", LOCAL_TIMEOUT_MS,
               true, err);
}

static bool
is_role(firn_slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        if (byte <= ' ' || byte >= 0x7f || strchr("/?#%\\", byte) != NULL) {
            return false;
        }
    }
    return name.size > 0 && name.size <= 128;
}

static int
ask_machine(struct fi_s3_http *http, struct question *question, struct fi_s3_credentials *found,
            firn_error *err)
{
    static const char path[] = "meta-data/iam/security-credentials/";
    const char *base = fi_s3_settings_environment(http->os, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    char name[128];
    base = base != NULL ? base : "http://169.254.169.254";
    FI_TRY_RETURN(
        add_header(question, "X-aws-ec2-metadata-token-ttl-seconds", firn_str("21600"), err));
    FI_TRY_RETURN(ask_machine_for(http, question, base, "api/token", firn_str(""), err));
    if (!is_success(question) || question->out.size > TOKEN_SIZE_MAX) {
        return FIRN_OK; /* this is no machine of AWS */
    }
    fi_buf_clear(&question->headers);
    FI_TRY_RETURN(
        add_header(question, "X-aws-ec2-metadata-token", fi_buf_slice(&question->out), err));
    FI_TRY_RETURN(ask_machine_for(http, question, base, path, firn_str(""), err));
    firn_slice role = fi_buf_slice(&question->out);
    const uint8_t *end = role.size > 0 ? memchr(role.data, '\n', role.size) : NULL;
    role.size = end != NULL ? (size_t)(end - role.data) : role.size;
    if (!is_success(question) || !is_role(role)) {
        return FIRN_OK; /* it has no role */
    }
    memcpy(name, role.data, role.size);
    FI_TRY_RETURN(ask_machine_for(http, question, base, path, firn_bytes(name, role.size), err));
    if (!is_success(question)) {
        return failed(question, "the metadata service of this machine", err);
    }
    return fi_s3_credentials_parse(fi_buf_slice(&question->out), found, err);
}

int
fi_s3_metadata_find(struct fi_s3_http *http, const char *region, struct fi_s3_credentials *found,
                    firn_error *err)
{
    struct fi_os *os = http->os;
    struct question question;
    const char *token_file = fi_s3_settings_environment(os, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *relative = fi_s3_settings_environment(os, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = fi_s3_settings_environment(os, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    int rc = FIRN_OK;
    memset(&question, 0, sizeof question);
    if (token_file != NULL && fi_s3_settings_environment(os, "AWS_ROLE_ARN") != NULL) {
        rc = ask_for_role(http, &question, region, token_file, found, err);
    } else if (relative != NULL || full != NULL) {
        rc = ask_container(http, &question, relative, full, found, err);
    } else if (!fi_s3_settings_is_true(os, "AWS_EC2_METADATA_DISABLED")) {
        rc = ask_machine(http, &question, found, err);
    }
    question_deinit(&question);
    return rc;
}
