/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_providers.c: the providers of this machine: the environment, files and a program; then
 * those that answer over HTTP (s3_metadata.c). One that is set but fails ends the search: the next
 * one would be a surprise.
 */
#include "s3/s3_providers.h"

#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "posix/os_command.h"
#include "s3/s3_ini.h"
#include "s3/s3_metadata.h"

enum { WORD_MAX = 64 };
#define PROCESS_TIMEOUT_NS INT64_C(60000000000)

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
    const struct fi_os_stream_limits limits = {.size_max = FI_S3_CREDENTIALS_JSON_SIZE_MAX,
                                               .timeout_ns = PROCESS_TIMEOUT_NS};
    size_t count = fi_s3_ini_parse_words(command, memory, words, WORD_MAX);
    if (count == 0) {
        rc = fi_error_set(err, FIRN_INVALID, "it is no command");
    } else {
        words[count] = NULL;
        FI_TRY(fi_os_command_run(os, words, &limits, &output, err));
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
            fi_error_prefix(err, "credential_process");
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
    if (!fi_s3_credentials_are_whole(found)) {
        fi_s3_credentials_deinit(found);
        FI_TRY_RETURN(find_in_profile(settings, found, err));
    }
    if (!fi_s3_credentials_are_whole(found)) {
        fi_s3_credentials_deinit(found);
        FI_TRY_RETURN(fi_s3_metadata_find(http, region, found, err));
    }
    return fi_s3_credentials_are_whole(found) ? FIRN_OK : none_found(settings, err);
}

int
fi_s3_providers_find(struct fi_s3_http *http, const char *profile, const char *region,
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
