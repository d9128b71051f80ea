/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_credentials.c: the providers of this machine: the environment, files and a program. Those
 * that answer over HTTP are in s3_metadata.c.
 *
 * Keys go into headers, so a key has no space and no control character: nothing can be added to a
 * request by a file. A provider that is set but fails ends the search: the next one would be a
 * surprise.
 */
#include "s3/s3_credentials.h"

#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "posix/os_command.h"
#include "s3/s3_ini.h"
#include "s3/s3_metadata.h"
#include "s3/s3_time.h"
#include "json/json_reader.h"

enum { KEY_SIZE_MAX = 16 << 10, OUTPUT_SIZE_MAX = 64 << 10, WORD_MAX = 64 };
#define PROCESS_TIMEOUT_NS INT64_C(60000000000)

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

static bool
is_whole(const struct fi_s3_credentials *credentials)
{
    return credentials->access_key != NULL && credentials->secret_key != NULL;
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
    return is_whole(found) ? FIRN_OK
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
                                                   .line_size_max = OUTPUT_SIZE_MAX + 1};
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

/* ==== providers ==== */

static int
find_in_environment(struct fi_os *os, struct fi_s3_credentials *found, firn_error *err)
{
    static const struct {
        const char *variable;
        const char *name;
    } parts[] = {{"AWS_ACCESS_KEY_ID", "AccessKeyId"},
                 {"AWS_SECRET_ACCESS_KEY", "SecretAccessKey"},
                 {"AWS_SESSION_TOKEN", "SessionToken"}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *value = fi_s3_settings_environment(os, parts[i].variable);
        if (value != NULL) {
            FI_TRY_RETURN(
                fi_s3_credentials_set(found, firn_str(parts[i].name), firn_str(value), err));
        }
    }
    if (found->access_key != NULL && found->secret_key == NULL) {
        return fi_error_set(err, FIRN_DENIED,
                            "AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY");
    }
    return FIRN_OK;
}

static int
run_process(struct fi_os *os, firn_slice command, struct fi_s3_credentials *found, firn_error *err)
{
    const char *words[WORD_MAX + 1] = {NULL};
    struct fi_buf output = {0};
    char *memory = fi_alloc(command.size + 1);
    int rc = FIRN_OK;
    if (memory == NULL) {
        return fi_error_no_memory(err, "a command");
    }
    size_t count = fi_s3_ini_parse_words(command, memory, words, WORD_MAX);
    if (count == 0) {
        rc = fi_error_set(err, FIRN_INVALID, "it is no command");
    } else {
        words[count] = NULL;
        FI_TRY(fi_os_command_run(os, words, OUTPUT_SIZE_MAX, PROCESS_TIMEOUT_NS, &output, err));
        rc = fi_s3_credentials_parse(fi_buf_slice(&output), found, err);
    }
out:
    if (output.size > 0) {
        memset(output.data, 0, output.size);
    }
    fi_buf_deinit(&output);
    fi_free(memory);
    if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) {
        rc = FIRN_DENIED;
        if (err != NULL) {
            err->code = rc;
            (void)fi_error_prefix(err, "credential_process");
        }
    }
    return rc;
}

static int
find_in_profile(const struct fi_s3_settings *settings, struct fi_s3_credentials *found,
                firn_error *err)
{
    static const struct {
        const char *key;
        const char *name;
    } parts[] = {{"aws_access_key_id", "AccessKeyId"},
                 {"aws_secret_access_key", "SecretAccessKey"},
                 {"aws_session_token", "SessionToken"}};
    firn_slice value;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (fi_s3_settings_get(settings, parts[i].key, &value)) {
            FI_TRY_RETURN(fi_s3_credentials_set(found, firn_str(parts[i].name), value, err));
        }
    }
    if (found->access_key != NULL && found->secret_key == NULL) {
        return fi_error_set(err, FIRN_DENIED, "profile '%s' has no aws_secret_access_key",
                            settings->profile);
    }
    if (found->access_key == NULL && fi_s3_settings_get(settings, "credential_process", &value)) {
        fi_s3_credentials_deinit(found);
        return run_process(settings->os, value, found, err);
    }
    return FIRN_OK;
}

static int
none_found(const struct fi_s3_settings *settings, firn_error *err)
{
    firn_slice value;
    if (fi_s3_settings_get(settings, "sso_session", &value) ||
        fi_s3_settings_get(settings, "sso_start_url", &value) ||
        fi_s3_settings_get(settings, "role_arn", &value)) {
        return fi_error_set(err, FIRN_DENIED,
                            "profile '%s' signs in with SSO or a role, which firn does not do "
                            "itself; put into it: credential_process = aws configure "
                            "export-credentials --profile %s",
                            settings->profile, settings->profile);
    }
    return fi_error_set(err, FIRN_DENIED,
                        "there are no keys for the object storage: set AWS_ACCESS_KEY_ID and "
                        "AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws/credentials with "
                        "AWS_PROFILE");
}

static int
find_in_order(struct fi_s3_http *http, const struct fi_s3_settings *settings, const char *region,
              struct fi_s3_credentials *found, firn_error *err)
{
    if (!settings->is_given_profile) {
        FI_TRY_RETURN(find_in_environment(http->os, found, err));
    }
    if (!is_whole(found)) {
        fi_s3_credentials_deinit(found);
        FI_TRY_RETURN(find_in_profile(settings, found, err));
    }
    if (!is_whole(found)) {
        fi_s3_credentials_deinit(found);
        FI_TRY_RETURN(fi_s3_metadata_find(http, region, found, err));
    }
    return is_whole(found) ? FIRN_OK : none_found(settings, err);
}

int
fi_s3_credentials_find(struct fi_s3_http *http, const char *profile, const char *region,
                       struct fi_s3_credentials *out, firn_error *err)
{
    struct fi_s3_settings settings;
    struct fi_s3_credentials found = {NULL, NULL, NULL, 0};
    FI_TRY_RETURN(fi_s3_settings_load(&settings, http->os, profile, err));
    int rc = find_in_order(http, &settings, region, &found, err);
    fi_s3_settings_deinit(&settings);
    if (rc == FIRN_OK) {
        fi_s3_credentials_deinit(out);
        *out = found;
    } else {
        fi_s3_credentials_deinit(&found);
    }
    return rc;
}
