/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_url.c: URLs of buckets. Prefixes have the letters of names of objects (bucket.h), so a path
 * is never encoded, and what is signed is what is sent.
 *
 * A bucket with dots has no certificate for its host: it is asked for by its path, also of AWS.
 */
#include "s3/s3_url.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "bucket/bucket.h"

enum { HOST_TEXT_MAX = 255 };

static const char aws_domain[] = ".amazonaws.com";

static bool
is_between(char byte, char first, char last)
{
    return byte >= first && byte <= last;
}

static bool
is_letter_or_digit(char byte)
{
    return is_between(byte, 'a', 'z') || is_between(byte, 'A', 'Z') || is_between(byte, '0', '9');
}

bool
fi_s3_url_split(const char *text, bool *out_is_https, firn_slice *out_host, const char **out_rest)
{
    static const char secure[] = "https://";
    static const char plain[] = "http://";
    bool is_https = strncmp(text, secure, sizeof secure - 1) == 0;
    if (!is_https && strncmp(text, plain, sizeof plain - 1) != 0) {
        return false;
    }
    const char *host = text + (is_https ? sizeof secure : sizeof plain) - 1;
    const char *end = host;
    while (is_letter_or_digit(*end) || (*end != 0 && strchr(".-_:[]", *end) != NULL)) {
        end++;
    }
    for (const char *at = end; *at != 0; at++) {
        if (*at <= ' ' || *at >= 0x7f || strchr("?#@\\\"<>", *at) != NULL) {
            return false;
        }
    }
    *out_is_https = is_https;
    *out_host = firn_bytes(host, (size_t)(end - host));
    *out_rest = end;
    return end > host && (size_t)(end - host) <= HOST_TEXT_MAX && (*end == 0 || *end == '/');
}

/* In lower case, without the port that the scheme has anyway. */
static void
set_host(struct fi_s3_url *url, bool is_https, firn_slice host)
{
    firn_slice usual = firn_str(is_https ? ":443" : ":80");
    if (host.size > usual.size &&
        memcmp(host.data + host.size - usual.size, usual.data, usual.size) == 0) {
        host.size -= usual.size;
    }
    DCHECK(host.size < sizeof url->host);
    for (size_t i = 0; i < host.size; i++) {
        uint8_t byte = host.data[i];
        url->host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
    }
    url->host[host.size] = 0;
    url->is_https = is_https;
}

/* Up to the next '/', or all. */
static size_t
size_of_part(const char *path)
{
    const char *slash = strchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) : strlen(path);
}

static bool
is_bucket(firn_slice name)
{
    if (name.size < 3 || name.size >= FI_S3_URL_BUCKET_SIZE) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        char byte = (char)name.data[i];
        bool is_end = i == 0 || i == name.size - 1;
        if (!is_letter_or_digit(byte) && (is_end || strchr("-._", byte) == NULL)) {
            return false;
        }
    }
    return true;
}

/* Slashes at the ends do not count; parts are those of names of objects. */
static bool
set_path(const char *text, char out[FI_S3_URL_PREFIX_SIZE])
{
    while (*text == '/') {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == '/') {
        size--;
    }
    if (size > FI_S3_URL_PREFIX_SIZE - 2) {
        return false;
    }
    memcpy(out, text, size);
    out[size] = 0;
    for (size_t at = 0; at < size;) {
        char part[FI_BUCKET_NAME_SIZE_MAX + 1];
        size_t part_size = size_of_part(out + at);
        if (part_size >= sizeof part) {
            return false;
        }
        memcpy(part, out + at, part_size);
        part[part_size] = 0;
        if (!fi_bucket_is_name(part)) {
            return false;
        }
        at += part_size + 1;
    }
    return true;
}

bool
fi_s3_url_is_region(firn_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char byte = (char)text.data[i];
        if (!is_between(byte, 'a', 'z') && !is_between(byte, '0', '9') && byte != '-') {
            return false;
        }
    }
    return text.size > 0 && text.size < FI_S3_URL_REGION_SIZE;
}

void
fi_s3_url_set_region(struct fi_s3_url *url, const char *region)
{
    DCHECK(fi_s3_url_is_region(firn_str(region)));
    (void)snprintf(url->region, sizeof url->region, "%s", region);
    if (url->is_aws) {
        (void)snprintf(url->host, sizeof url->host, "s3.%s%s%s", region, aws_domain,
                       strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    }
}

/* "s3.REGION.amazonaws.com", "s3-REGION.amazonaws.com", "s3.amazonaws.com", also with ".cn". */
static int
look_for_aws(struct fi_s3_url *url, firn_error *err)
{
    const char *domain = strstr(url->host, aws_domain);
    if (domain == NULL ||
        (strcmp(domain, aws_domain) != 0 && strcmp(domain + sizeof aws_domain - 1, ".cn") != 0)) {
        return FIRN_OK;
    }
    firn_slice name = firn_bytes(url->host, (size_t)(domain - url->host));
    if (strstr(url->host, ".s3.") != NULL || strstr(url->host, ".s3-") != NULL) {
        return fi_error_set(err, FIRN_INVALID,
                            "the URL of a bucket of AWS is s3://BUCKET/PREFIX, not that of its "
                            "host '%s'",
                            url->host);
    }
    firn_slice region = firn_bytes(name.data + 3, name.size < 3 ? 0 : name.size - 3);
    if (name.size == 2 && memcmp(name.data, "s3", 2) == 0) {
        url->is_aws = true;
    } else if (name.size > 3 && memcmp(name.data, "s3", 2) == 0 &&
               (name.data[2] == '.' || name.data[2] == '-') && fi_s3_url_is_region(region)) {
        url->is_aws = true;
        memcpy(url->region, region.data, region.size);
        url->region[region.size] = 0;
    }
    return FIRN_OK;
}

static int
set_endpoint(struct fi_s3_url *url, const char *endpoint, firn_error *err)
{
    bool is_https;
    firn_slice host;
    const char *rest;
    if (!fi_s3_url_split(endpoint, &is_https, &host, &rest) || !set_path(rest, url->base + 1)) {
        return fi_error_set(err, FIRN_INVALID,
                            "an endpoint of object storage is https://HOST[:PORT], without user, "
                            "password and query");
    }
    url->base[0] = url->base[1] == 0 ? 0 : '/';
    set_host(url, is_https, host);
    return look_for_aws(url, err);
}

/* "bucket/prefix" */
static int
set_bucket(struct fi_s3_url *url, const char *text, firn_error *err)
{
    size_t size = size_of_part(text);
    if (!is_bucket(firn_bytes(text, size))) {
        return fi_error_set(err, FIRN_INVALID,
                            "the URL names no bucket: it is s3://BUCKET/PREFIX or "
                            "https://HOST/BUCKET/PREFIX");
    }
    memcpy(url->bucket, text, size);
    url->bucket[size] = 0;
    if (!set_path(text + size, url->prefix)) {
        return fi_error_set(err, FIRN_INVALID,
                            "the path of a bucket's URL has parts of letters, digits, '.', '-' and "
                            "'_', and no more than %d bytes",
                            FI_S3_URL_PREFIX_SIZE - 2);
    }
    size_t prefix_size = strlen(url->prefix);
    if (prefix_size > 0) {
        url->prefix[prefix_size] = '/';
        url->prefix[prefix_size + 1] = 0;
    }
    return FIRN_OK;
}

static int
check_region(const char *region, firn_error *err)
{
    return fi_s3_url_is_region(firn_str(region))
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID,
                              "a region has lower-case letters, digits and '-', as us-east-1");
}

int
fi_s3_url_parse(const char *text, const char *endpoint, const char *region, enum fi_s3_style style,
                struct fi_s3_url *out, firn_error *err)
{
    static const char scheme[] = "s3://";
    struct fi_s3_url url = {.is_https = true};
    bool has_region = region != NULL && *region != 0;
    if (has_region) {
        FI_TRY_RETURN(check_region(region, err));
    }
    if (strncmp(text, scheme, sizeof scheme - 1) == 0) {
        FI_TRY_RETURN(set_bucket(&url, text + sizeof scheme - 1, err));
        if (endpoint != NULL && *endpoint != 0) {
            FI_TRY_RETURN(set_endpoint(&url, endpoint, err));
        } else {
            url.is_aws = true;
        }
    } else {
        bool is_https;
        firn_slice host;
        const char *rest;
        if (!fi_s3_url_split(text, &is_https, &host, &rest)) {
            return fi_error_set(err, FIRN_INVALID,
                                "the URL of a bucket is s3://BUCKET/PREFIX or "
                                "https://HOST[:PORT]/BUCKET/PREFIX, without user, password and "
                                "query");
        }
        set_host(&url, is_https, host);
        FI_TRY_RETURN(look_for_aws(&url, err));
        FI_TRY_RETURN(set_bucket(&url, *rest == '/' ? rest + 1 : rest, err));
    }
    if (url.region[0] == 0) {
        fi_s3_url_set_region(&url, has_region ? region : "us-east-1");
    }
    url.is_host_style = style == FI_S3_STYLE_HOST || (style == FI_S3_STYLE_DEFAULT && url.is_aws &&
                                                      strchr(url.bucket, '.') == NULL);
    *out = url;
    return FIRN_OK;
}

void
fi_s3_url_host(const struct fi_s3_url *url, char out[FI_S3_URL_REQUEST_HOST_SIZE])
{
    (void)snprintf(out, FI_S3_URL_REQUEST_HOST_SIZE, "%s%s%s",
                   url->is_host_style ? url->bucket : "", url->is_host_style ? "." : "", url->host);
}

int
fi_s3_url_path(const struct fi_s3_url *url, const char *name, struct fi_buf *out)
{
    return fi_buf_append_format(out, "%s/%s%s%s%s", url->base,
                                url->is_host_style ? "" : url->bucket,
                                url->is_host_style || name == NULL ? "" : "/",
                                name == NULL ? "" : url->prefix, name == NULL ? "" : name);
}

int
fi_s3_url_encode(const char *text, struct fi_buf *out)
{
    for (const char *at = text; *at != 0; at++) {
        int rc = is_letter_or_digit(*at) || strchr("-._~", *at) != NULL
                     ? fi_buf_append(out, at, 1)
                     : fi_buf_append_format(out, "%%%02X", (unsigned)(uint8_t)*at);
        FI_TRY_RETURN(rc);
    }
    return FIRN_OK;
}
