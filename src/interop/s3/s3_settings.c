/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_settings.c: reads the files as a whole, since they are small. Links are followed: these are
 * files of the user's own, and programs that manage them, or mount secrets, make links.
 */
#include "s3/s3_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "os/os_user_path.h"
#include "s3/s3_ini.h"

const char *
fi_s3_settings_environment(struct fi_os *os, const char *name)
{
    const char *value = fi_os_environment(os, name);
    return value != NULL && *value != 0 ? value : NULL;
}

bool
fi_s3_settings_is_true(struct fi_os *os, const char *name)
{
    const char *value = fi_s3_settings_environment(os, name);
    return value != NULL && fi_slice_is_word(firn_str(value), "true");
}

int
fi_s3_settings_read_file(struct fi_os *os, const char *path, size_t max, struct fi_buf *out,
                         firn_error *err)
{
    struct fi_os_user_path place = {0};
    struct fi_os_file *file = NULL;
    size_t got;
    int rc;
    fi_buf_clear(out);
    FI_TRY(fi_os_user_path_init_followed(&place, os, path, err));
    FI_TRY(fi_os_file_open(place.dir, place.name, FI_OS_READ, 0, &file, err));
    do {
        enum { PIECE = 4096 };
        if (out->size > max) {
            rc = fi_error_set(err, FIRN_LIMIT, "%.300s is too large", path);
            break;
        }
        if (fi_buf_reserve(out, PIECE) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a file of settings");
            break;
        }
        FI_TRY(fi_os_file_read(file, out->size, out->data + out->size, PIECE, &got, err));
        out->size += got;
    } while (got > 0);
out:
    fi_os_file_close(file);
    fi_os_user_path_deinit(&place);
    return rc;
}

/* A file that is not there is empty. */
static int
read_settings(struct fi_os *os, const char *variable, const char *usual, struct fi_buf *out,
              firn_error *err)
{
    const char *path = fi_s3_settings_environment(os, variable);
    const char *home = fi_s3_settings_environment(os, "HOME");
    struct fi_buf text = {0};
    int rc = FIRN_OK;
    if (path == NULL && home != NULL) {
        rc = fi_buf_append_format(&text, "%s/.aws/%s", home, usual);
        path = rc == FIRN_OK ? fi_buf_text(&text) : NULL;
        rc = path == NULL ? fi_error_no_memory(err, "a path") : FIRN_OK;
    }
    if (path != NULL) {
        rc = fi_s3_settings_read_file(os, path, FI_S3_SETTINGS_FILE_MAX, out, err);
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    fi_buf_deinit(&text);
    return rc;
}

static bool
has_profile(const struct fi_s3_settings *settings)
{
    firn_slice none;
    return fi_s3_ini_parse(fi_buf_slice(&settings->credentials), false, settings->profile, NULL,
                           &none) ||
           fi_s3_ini_parse(fi_buf_slice(&settings->config), true, settings->profile, NULL, &none);
}

int
fi_s3_settings_load(struct fi_s3_settings *settings, struct fi_os *os, const char *profile,
                    firn_error *err)
{
    memset(settings, 0, sizeof *settings);
    settings->os = os;
    settings->is_given_profile = profile != NULL;
    if (profile == NULL) {
        profile = fi_s3_settings_environment(os, "AWS_PROFILE");
    }
    settings->has_named_profile = profile != NULL;
    int size = snprintf(settings->profile, sizeof settings->profile, "%s",
                        profile != NULL ? profile : "default");
    if (size < 0 || (size_t)size >= sizeof settings->profile) {
        return fi_error_set(err, FIRN_INVALID, "the name of the profile is too long");
    }
    int rc = read_settings(os, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &settings->credentials,
                           err);
    if (rc == FIRN_OK) {
        rc = read_settings(os, "AWS_CONFIG_FILE", "config", &settings->config, err);
    }
    if (rc == FIRN_OK && settings->has_named_profile && !has_profile(settings)) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "there is no profile '%s' in ~/.aws/credentials or ~/.aws/config; name "
                          "another one with AWS_PROFILE",
                          settings->profile);
    }
    if (rc != FIRN_OK) {
        fi_s3_settings_deinit(settings);
    }
    return rc;
}

void
fi_s3_settings_deinit(struct fi_s3_settings *settings)
{
    /* There are secrets among them. */
    if (settings->credentials.size > 0) {
        memset(settings->credentials.data, 0, settings->credentials.size);
    }
    if (settings->config.size > 0) {
        memset(settings->config.data, 0, settings->config.size);
    }
    fi_buf_deinit(&settings->credentials);
    fi_buf_deinit(&settings->config);
}

bool
fi_s3_settings_get(const struct fi_s3_settings *settings, const char *key, firn_slice *out)
{
    return (fi_s3_ini_parse(fi_buf_slice(&settings->credentials), false, settings->profile, key,
                            out) &&
            out->size > 0) ||
           (fi_s3_ini_parse(fi_buf_slice(&settings->config), true, settings->profile, key, out) &&
            out->size > 0);
}
