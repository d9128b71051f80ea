/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_sign.c: the canonical request is hashed as it is made; nothing of it is kept. All headers
 * that decide what a request does are signed, and sent in the same order.
 *
 * libcurl could sign as well (CURLOPT_AWS_SIGV4): versions that are in use differ in what they make
 * of queries and of headers such as that of a session token.
 */
#include "s3/s3_sign.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "codec/hex.h"
#include "codec/sha256.h"
#include "s3/s3_time.h"

enum {
    HEADER_MAX = 7,
    NAMES_SIZE = 128,
    SCOPE_SIZE = 96,
    DAY_SIZE = 8,
    CHECKSUM_SIZE = 45 /* 32 bytes in base64, and a NUL */
};

struct header {
    const char *name;
    const char *value;
};

static void
add(struct fi_sha256 *hash, const char *text)
{
    fi_sha256_update(hash, text, strlen(text));
}

static void
hash_request(const struct fi_s3_sign_request *request, const struct header *headers, size_t count,
             const char *names, char out[FI_SHA256_HEX_SIZE])
{
    struct fi_sha256 hash;
    uint8_t bytes[FI_SHA256_SIZE];
    fi_sha256_init(&hash);
    const char *const lines[] = {request->method, request->path, request->query};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        add(&hash, lines[i]);
        add(&hash, "\n");
    }
    for (size_t i = 0; i < count; i++) {
        add(&hash, headers[i].name);
        add(&hash, ":");
        add(&hash, headers[i].value);
        add(&hash, "\n");
    }
    add(&hash, "\n");
    add(&hash, names);
    add(&hash, "\n");
    add(&hash, request->payload_hash);
    fi_sha256_final(&hash, bytes);
    fi_hex_encode(bytes, sizeof bytes, out);
}

/* The key of a day, a region and a service, and with it the signature. */
static int
sign_text(const char *secret_key, const char *day, const char *region, const char *text,
          char out[FI_SHA256_HEX_SIZE])
{
    struct fi_buf first = {0};
    uint8_t key[FI_SHA256_SIZE];
    int rc;
    FI_TRY(fi_buf_append_format(&first, "AWS4%s", secret_key));
    fi_sha256_hmac(first.data, first.size, day, DAY_SIZE, key);
    const char *const parts[] = {region, "s3", "aws4_request", text};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fi_sha256_hmac(key, sizeof key, parts[i], strlen(parts[i]), key);
    }
    fi_hex_encode(key, sizeof key, out);
    memset(first.data, 0, first.size);
out:
    fi_buf_deinit(&first);
    return rc;
}

/* Hexadecimal digits of a hash, in base64. */
static void
write_checksum(const char *digits, char out[CHECKSUM_SIZE])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[FI_SHA256_SIZE + 1] = {0};
    CHECK(fi_hex_decode(digits, bytes, FI_SHA256_SIZE));
    size_t at = 0;
    for (size_t i = 0; i < FI_SHA256_SIZE; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 |
                         (i + 2 < FI_SHA256_SIZE ? bytes[i + 2] : 0);
        for (int shift = 18; shift >= 0; shift -= 6) {
            out[at++] = letters[group >> shift & 63];
        }
    }
    out[at - 1] = '='; /* 32 bytes lack one of a group of three */
    out[at] = 0;
}

/* A put has a checksum header beside the signed hash: buckets with Object Lock ask for one. */
static size_t
list_headers(const struct fi_s3_sign_request *request, const char *token, const char *date,
             const char *checksum, struct header out[HEADER_MAX])
{
    const struct header all[HEADER_MAX] = {
        {"host", request->host},
        {"if-none-match", request->if_none_match},
        {"range", request->range},
        {"x-amz-checksum-sha256", checksum},
        {"x-amz-content-sha256", request->payload_hash},
        {"x-amz-date", date},
        {"x-amz-security-token", token},
    };
    size_t count = 0;
    for (size_t i = 0; i < HEADER_MAX; i++) {
        if (all[i].value != NULL) {
            out[count++] = all[i];
        }
    }
    return count;
}

int
fi_s3_sign(const struct fi_s3_sign_request *request, const char *access_key, const char *secret_key,
           const char *token, const char *region, int64_t now_s, struct fi_buf *headers)
{
    char date[FI_S3_TIME_COMPACT_SIZE];
    char scope[SCOPE_SIZE];
    char names[NAMES_SIZE] = "";
    char hash[FI_SHA256_HEX_SIZE];
    char signature[FI_SHA256_HEX_SIZE];
    char text[SCOPE_SIZE + 2 * FI_SHA256_HEX_SIZE];
    struct header list[HEADER_MAX];
    char checksum[CHECKSUM_SIZE];
    bool is_put = request->if_none_match != NULL;
    fi_s3_time_write_compact(now_s, date);
    if (is_put) {
        write_checksum(request->payload_hash, checksum);
    }
    size_t count = list_headers(request, token, date, is_put ? checksum : NULL, list);
    for (size_t i = 0, at = 0; i < count; i++) {
        at +=
            (size_t)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ";" : "", list[i].name);
    }
    hash_request(request, list, count, names, hash);
    (void)snprintf(scope, sizeof scope, "%.8s/%.40s/s3/aws4_request", date, region);
    (void)snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hash);
    FI_TRY_RETURN(sign_text(secret_key, date, region, text, signature));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(fi_buf_append_format(headers, "%s: %s", list[i].name, list[i].value));
        FI_TRY_RETURN(fi_buf_append_u8(headers, 0));
    }
    FI_TRY_RETURN(fi_buf_append_format(headers,
                                       "authorization: AWS4-HMAC-SHA256 Credential=%s/%s,"
                                       "SignedHeaders=%s,Signature=%s",
                                       access_key, scope, names, signature));
    return fi_buf_append_u8(headers, 0);
}
