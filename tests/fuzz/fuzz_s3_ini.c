/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/s3_ini: what sets the use of object storage, made of hostile text: a file of credentials, a command in it
 * and what it prints, a URL of a bucket, times.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "bucket/bucket.h"
#include "s3/s3_credentials.h"
#include "s3/s3_ini.h"
#include "s3/s3_time.h"
#include "s3/s3_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_files(firn_slice text)
{
    static const char *const keys[] = {NULL, "aws_access_key_id", "region"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (int is_config = 0; is_config < 2; is_config++) {
            firn_slice value;
            bool is_found = fi_s3_ini_parse(text, is_config == 1, "default", keys[i], &value);
            CHECK(is_found || value.size == 0);
            CHECK(value.size == 0 ||
                  (value.data >= text.data && value.data + value.size <= text.data + text.size));
            CHECK(value.size == 0 || memchr(value.data, '\n', value.size) == NULL);
        }
    }
}

static void
read_command(firn_slice text)
{
    enum { WORDS = 8 };
    const char *words[WORDS];
    char *memory = fi_alloc(text.size + 1);
    CHECK(memory != NULL);
    size_t count = fi_s3_ini_parse_words(text, memory, words, WORDS);
    CHECK(count <= WORDS);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(words[i] == memory + used);
        used += strlen(words[i]) + 1;
    }
    CHECK(used <= text.size + 1);
    fi_free(memory);
}

static void
read_json(firn_slice text)
{
    struct fi_s3_credentials found = {NULL, NULL, NULL, 0};
    firn_error err;
    int rc = fi_s3_credentials_parse(text, &found, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_INVALID);
    CHECK(rc != FIRN_OK || (found.access_key != NULL && found.secret_key != NULL));
    fi_s3_credentials_deinit(&found);
}

static void
read_url(firn_slice text)
{
    struct fi_s3_url url;
    firn_error err;
    struct fi_buf path = {0};
    char host[FI_S3_URL_REQUEST_HOST_SIZE];
    char *copy = fi_strndup((const char *)text.data, text.size);
    CHECK(copy != NULL);
    for (int is_endpoint = 0; is_endpoint < 2; is_endpoint++) {
        const char *given = is_endpoint == 1 ? "s3://bucket/p" : copy;
        int rc = fi_s3_url_parse(given, is_endpoint == 1 ? copy : NULL, NULL, 0, &url, &err);
        CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && err.code == rc));
        if (rc == FIRN_OK) {
            size_t prefix = strlen(url.prefix);
            CHECK(prefix == 0 || url.prefix[prefix - 1] == '/');
            fi_s3_url_host(&url, host);
            CHECK(strpbrk(host, "/?#@ \r\n") == NULL);
            CHECK(fi_s3_url_path(&url, "name", &path) == FIRN_OK);
            for (size_t i = 0; i < path.size; i++) {
                CHECK(path.data[i] > ' ' && path.data[i] < 0x7f &&
                      strchr("?#%", path.data[i]) == NULL);
            }
            fi_buf_deinit(&path);
        }
    }
    fi_free(copy);
}

static void
read_times(firn_slice text)
{
    int64_t seconds;
    char compact[FI_S3_TIME_COMPACT_SIZE];
    if (fi_s3_time_parse_http(text, &seconds) || fi_s3_time_parse_iso(text, &seconds)) {
        fi_s3_time_write_compact(seconds, compact);
        CHECK(strlen(compact) == FI_S3_TIME_COMPACT_SIZE - 1);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice text = firn_bytes(data, size);
    if (size == 0) {
        text = firn_str("");
    }
    read_files(text);
    read_command(text);
    read_json(text);
    read_url(text);
    read_times(text);
    return 0;
}
