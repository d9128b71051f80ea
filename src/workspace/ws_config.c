/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_config.c: where settings are kept, and which one counts.
 *
 * There are two files: the user's, $XDG_CONFIG_HOME/firn/config or ~/.config/firn/config, and the
 * store's, "config" in its directory. What the store says goes before what the user says. Both are
 * text (ws_config_text.h), made to be edited; firn writes them whole, under another name first, so
 * that a crash leaves the old or the new one (I1). Of two changes at the same instant one may be
 * lost.
 *
 * The library keeps settings but takes none of them by itself: what an application asks of it must
 * not depend on files in somebody's home (I2).
 */
#include "workspace/ws_config.h"

#include "base/mem.h"
#include "base/slice.h"
#include "workspace/ws_config_text.h"
#include "workspace/ws_place.h"

static const char file_name[] = FIRN_WS_CONFIG_FILE;
static const char new_name[] = "config.new";

int
firn_ws_config_size(const char *text, uint64_t *out, firn_error *err)
{
    if (firn_ws_config_text_size(firn_str(text), out)) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_INVALID, "'%.80s' is no size such as 500M, 2G, 100MB or none",
                          text);
}

/* The folder of the user's file: allocated; NULL in *out where the environment names none. */
static int
user_folder(struct firn_os *os, char **out, firn_error *err)
{
    const char *config_home = firn_os_environment(os, "XDG_CONFIG_HOME");
    const char *home = firn_os_environment(os, "HOME");
    struct firn_buf path = {0};
    int rc = FIRN_OK;
    *out = NULL;
    if (config_home != NULL && config_home[0] == '/') {
        rc = firn_buf_append_format(&path, "%s/firn", config_home);
    } else if (home != NULL && home[0] == '/') {
        rc = firn_buf_append_format(&path, "%s/.config/firn", home);
    }
    if (rc == FIRN_OK && path.size > 0) {
        *out = firn_strndup((const char *)path.data, path.size);
        rc = *out == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    }
    firn_buf_deinit(&path);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "the path of the settings");
}

/* The text of the file in a folder; nothing where there is none. */
static int
read_text(struct firn_os_dir *dir, struct firn_buf *out, firn_error *err)
{
    struct firn_os_file *file;
    size_t size = 0;
    int rc = firn_os_file_open(dir, file_name, FIRN_OS_READ, 0, &file, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    if (firn_buf_set_size(out, FIRN_WS_CONFIG_TEXT_SIZE_MAX + 1) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the settings");
    } else {
        rc = firn_os_file_read(file, 0, out->data, out->size, &size, err);
    }
    firn_os_file_close(file);
    if (rc == FIRN_OK) {
        rc = firn_buf_set_size(out, size);
    }
    return rc;
}

/* The text of the file in a folder and what it says. */
static int
read_file(struct firn_os_dir *dir, struct firn_buf *text, struct firn_ws_config_text *out,
          firn_error *err)
{
    struct firn_buf path = {0};
    int rc;
    FIRN_TRY(read_text(dir, text, err));
    if (firn_buf_append_format(&path, "%s/%s", firn_os_dir_path(dir), file_name) != FIRN_OK ||
        firn_buf_text(&path) == NULL) {
        rc = firn_error_no_memory(err, "the path of the settings");
        goto out;
    }
    rc = firn_ws_config_text_read(firn_buf_slice(text), (const char *)path.data, out, err);
out:
    firn_buf_deinit(&path);
    return rc;
}

/* folder may be NULL, or not be there. */
static int
read_folder(struct firn_os *os, const char *folder, struct firn_ws_config_text *out,
            firn_error *err)
{
    struct firn_os_dir *dir;
    struct firn_buf text = {0};
    *out = (struct firn_ws_config_text){0};
    if (folder == NULL) {
        return FIRN_OK;
    }
    int rc = firn_os_dir_open_path(os, folder, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = read_file(dir, &text, out, err);
    firn_os_dir_close(dir);
    firn_buf_deinit(&text);
    return rc;
}

int
firn_ws_config_list(struct firn_os *os, const char *store_path,
                    int (*visit)(void *ctx, const firn_setting *setting), void *ctx,
                    firn_error *err)
{
    struct firn_ws_config_text of_user;
    struct firn_ws_config_text of_store;
    char *folder = NULL;
    int rc;
    FIRN_TRY(user_folder(os, &folder, err));
    FIRN_TRY(read_folder(os, folder, &of_user, err));
    FIRN_TRY(read_folder(os, store_path, &of_store, err));
    for (unsigned i = 0; i < FIRN_WS_CONFIG_KEYS; i++) {
        char value[FIRN_WS_CONFIG_TEXT_VALUE_SIZE];
        enum firn_ws_config_key key = (enum firn_ws_config_key)i;
        firn_setting setting = {.key = firn_ws_config_text_name(key),
                                .value = value,
                                .source = of_store.is_set[key]  ? FIRN_SETTING_STORE
                                          : of_user.is_set[key] ? FIRN_SETTING_USER
                                                                : FIRN_SETTING_DEFAULT};
        firn_ws_config_text_show(of_store.is_set[key] ? &of_store : &of_user, key, value);
        rc = visit(ctx, &setting);
        if (rc != FIRN_OK) {
            rc = firn_error_set(err, rc, "stopped by the caller");
            goto out;
        }
    }
out:
    firn_free(folder);
    return rc;
}

/* ---- changing ---- */

static int
write_text(struct firn_os_dir *dir, firn_slice text, firn_error *err)
{
    struct firn_os_file *file = NULL;
    int rc;
    FIRN_TRY(firn_os_file_open(dir, new_name, FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_TRUNCATE,
                               0600, &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, text.data, text.size, err));
    FIRN_TRY(firn_os_file_sync(file, err));
    FIRN_TRY(firn_os_rename(dir, new_name, dir, file_name, FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(dir, err));
out:
    firn_os_file_close(file);
    return rc;
}

static int
change(struct firn_os_dir *dir, enum firn_ws_config_key key, const char *value, firn_error *err)
{
    struct firn_ws_config_text config;
    struct firn_buf before = {0};
    struct firn_buf after = {0};
    int rc;
    FIRN_TRY(read_file(dir, &before, &config, err));
    if (firn_ws_config_text_change(firn_buf_slice(&before), key, value, &after) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the settings");
        goto out;
    }
    if (!firn_slice_equal(firn_buf_slice(&before), firn_buf_slice(&after))) {
        FIRN_TRY(write_text(dir, firn_buf_slice(&after), err));
    }
out:
    firn_buf_deinit(&before);
    firn_buf_deinit(&after);
    return rc;
}

int
firn_ws_config_set(struct firn_os *os, const char *store_path, const char *key_name,
                   const char *value, firn_error *err)
{
    enum firn_ws_config_key key;
    struct firn_os_dir *dir = NULL;
    char *folder = NULL;
    uint64_t number;
    int rc;
    FIRN_TRY(firn_ws_config_text_find(firn_str(key_name), &key, err));
    if (value != NULL) {
        FIRN_TRY(firn_ws_config_text_value(key, firn_str(value), &number, err));
    }
    if (store_path == NULL) {
        FIRN_TRY(user_folder(os, &folder, err));
    }
    bool is_there = true;
    if (store_path != NULL) {
        FIRN_TRY(firn_ws_place_is_store(os, store_path, &is_there, err));
    }
    if (!is_there) {
        rc = firn_error_set(err, FIRN_NOT_FOUND, "there is no store at '%.900s'", store_path);
        goto out;
    }
    if (store_path == NULL && folder == NULL) {
        rc = firn_error_set(err, FIRN_INVALID,
                            "no place for the settings: neither XDG_CONFIG_HOME nor HOME is set to "
                            "an absolute path");
        goto out;
    }
    FIRN_TRY(firn_ws_place_open_dir(os, store_path != NULL ? store_path : folder,
                                    store_path == NULL, &dir, err));
    rc = change(dir, key, value, err);
out:
    firn_os_dir_close(dir);
    firn_free(folder);
    return rc;
}
