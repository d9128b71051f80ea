/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_credentials.c: keys, as texts and as a JSON object.
 *
 * Keys go into headers, so a key has no space and no control character: nothing can be added to a
 * request by a file.
 */
#include "s3/s3_credentials.h"

#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "s3/s3_time.h"
#include "json/json_reader.h"

enum { KEY_SIZE_MAX = 16 << 10 };

static void
free_secret(char *secret)
{
    if (secret != NULL) {
        memset(secret, 0, strlen(secret));
        fi_free(secret);
    }
}

void
fi_s3_credentials_deinit(struct fi_s3_credentials *credentials)
{
    free_secret(credentials->access_key);
    free_secret(credentials->secret_key);
    free_secret(credentials->token);
    memset(credentials, 0, sizeof *credentials);
}

static char *
copy_text(const char *text, bool *is_out)
{
    char *copy = text != NULL ? fi_strdup(text) : NULL;
    *is_out = *is_out || (text != NULL && copy == NULL);
    return copy;
}

int
fi_s3_credentials_copy(const struct fi_s3_credentials *from, struct fi_s3_credentials *out,
                       firn_error *err)
{
    bool is_out = false;
    out->access_key = copy_text(from->access_key, &is_out);
    out->secret_key = copy_text(from->secret_key, &is_out);
    out->token = copy_text(from->token, &is_out);
    out->expires_s = from->expires_s;
    if (is_out) {
        fi_s3_credentials_deinit(out);
        return fi_error_no_memory(err, "keys");
    }
    return FIRN_OK;
}

static int
set_text(char **out, const char *what, firn_slice value, firn_error *err)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] <= ' ' || value.data[i] >= 0x7f) {
            return fi_error_set(err, FIRN_INVALID, "the %s has a byte that no key has", what);
        }
    }
    if (value.size > KEY_SIZE_MAX) {
        return fi_error_set(err, FIRN_INVALID, "the %s has more than %d bytes", what, KEY_SIZE_MAX);
    }
    char *copy = value.size > 0 ? fi_strndup((const char *)value.data, value.size) : NULL;
    if (value.size > 0 && copy == NULL) {
        return fi_error_no_memory(err, "keys");
    }
    free_secret(*out);
    *out = copy;
    return FIRN_OK;
}

int
fi_s3_credentials_set(struct fi_s3_credentials *credentials, firn_slice name, firn_slice value,
                      firn_error *err)
{
    if (fi_slice_equal(name, firn_str("AccessKeyId"))) {
        return set_text(&credentials->access_key, "access key", value, err);
    }
    if (fi_slice_equal(name, firn_str("SecretAccessKey"))) {
        return set_text(&credentials->secret_key, "secret access key", value, err);
    }
    if (fi_slice_equal(name, firn_str("Token")) || fi_slice_equal(name, firn_str("SessionToken"))) {
        return set_text(&credentials->token, "session token", value, err);
    }
    if (fi_slice_equal(name, firn_str("Expiration")) && value.size > 0 &&
        !fi_s3_time_parse_iso(value, &credentials->expires_s)) {
        return fi_error_set(err, FIRN_CORRUPT, "credentials expire at a time that is none");
    }
    return FIRN_OK;
}

/* ==== JSON ==== */

static const char *const members[] = {"AccessKeyId", "SecretAccessKey", "Token", "SessionToken",
                                      "Expiration"};
enum { MEMBERS = sizeof members / sizeof members[0] };

static int
take_record(const struct fi_json_record *record, struct fi_s3_credentials *found, firn_error *err)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const firn_value *value = &record->values[i];
        if (value->type == FIRN_TYPE_TEXT) {
            FI_TRY_RETURN(fi_s3_credentials_set(found, firn_str(members[i]), value->as.bytes, err));
        }
    }
    return fi_s3_credentials_are_whole(found)
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "credentials came without keys");
}

int
fi_s3_credentials_parse(firn_slice bytes, struct fi_s3_credentials *found, firn_error *err)
{
    struct fi_text_value_column columns[MEMBERS];
    struct fi_buf line = {0};
    struct fi_json_reader *reader = NULL;
    struct fi_json_record record;
    firn_error no_text; /* it would quote what is read */
    int rc;
    memset(columns, 0, sizeof columns);
    for (size_t i = 0; i < MEMBERS; i++) {
        columns[i].name = firn_str(members[i]);
        columns[i].type.type = FIRN_TYPE_TEXT;
    }
    const struct fi_json_reader_options options = {.columns = columns,
                                                   .count = MEMBERS,
                                                   .ignores_unknown = true,
                                                   .line_size_max =
                                                       FI_S3_CREDENTIALS_JSON_SIZE_MAX + 1};
    FI_TRY(fi_buf_append_slice(&line, bytes));
    for (size_t i = 0; i < line.size; i++) {
        line.data[i] = line.data[i] == '\n' || line.data[i] == '\r' ? ' ' : line.data[i];
    }
    FI_TRY(fi_json_reader_create(&options, &reader, &no_text));
    fi_json_reader_feed(reader, fi_buf_slice(&line));
    rc = fi_json_reader_next(reader, &record, &no_text);
    if (rc == FIRN_OK && record.values == NULL) {
        fi_json_reader_finish(reader);
        rc = fi_json_reader_next(reader, &record, &no_text);
    }
    if (rc == FIRN_OK && record.values != NULL) {
        FI_TRY(take_record(&record, found, err));
    } else if (rc != FIRN_NO_MEMORY) {
        rc = fi_error_set(err, FIRN_CORRUPT, "credentials came as what is no JSON object");
    }
out:
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "credentials");
    }
    fi_json_reader_destroy(reader);
    if (line.size > 0) {
        memset(line.data, 0, line.size);
    }
    fi_buf_deinit(&line);
    return rc;
}
