/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_config.c: where settings are kept, and which one applies.
 *
 * There are two files: the user's, $XDG_CONFIG_HOME/firn/config or ~/.config/firn/config, and the
 * store's, "config" in its directory. The store's settings override the user's. Both files are text
 * (place.h) that users may edit; firn writes a whole file under another name first, so that a crash
 * leaves the old or the new one (I1; not checked: tests cut the power). Of two simultaneous changes
 * one may be lost.
 *
 * A file that cannot be read is an error for a command about settings. Any other command reports
 * the error and continues as if the file were empty; settings that may be in that file then get
 * values that delete nothing. A change repairs the file that it changes: unreadable lines stay as
 * comments.
 *
 * In a store inside a tree only settings count that this user made (trust_settings.c): others may
 * have come with the tree. They are handled like a file that cannot be read, and a change does not
 * touch them.
 *
 * The library stores settings but applies none of them by itself: the result of a call must not
 * depend on files in a user's home (I2; not checked: it concerns the callers).
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "place/place.h"
#include "threads/os_callback.h"

static const char file_name[] = FI_PLACE_CONFIG_FILE;
static const char new_name[] = "config.new";
enum { ASIDE_MAX = 1000, ASIDE_NAME_SIZE = 32 };

int
fi_place_config_size(const char *text, uint64_t *out, firn_error *err)
{
    if (fi_place_config_text_size(firn_str(text), out)) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_INVALID, "'%.80s' is not a size such as 500M, 2G, 100MB or none",
                        text);
}

/* The folder of the user's file: allocated; *out is NULL if the environment names none. */
static int
user_folder(struct fi_os *os, char **out, firn_error *err)
{
    const char *config_home = fi_os_environment(os, "XDG_CONFIG_HOME");
    const char *home = fi_os_environment(os, "HOME");
    struct fi_buf path = {0};
    int rc = FIRN_OK;
    *out = NULL;
    if (config_home != NULL && config_home[0] == '/') {
        rc = fi_buf_append_format(&path, "%s/firn", config_home);
    } else if (home != NULL && home[0] == '/') {
        rc = fi_buf_append_format(&path, "%s/.config/firn", home);
    }
    if (rc == FIRN_OK && path.size > 0) {
        *out = fi_strndup((const char *)path.data, path.size);
        rc = *out == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    }
    fi_buf_deinit(&path);
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the path of the settings");
}

/* The text of the file in a folder; empty if there is no file. */
static int
read_text(struct fi_os_dir *dir, struct fi_buf *out, firn_error *err)
{
    struct fi_os_file *file;
    size_t size = 0;
    int rc = fi_os_file_open(dir, file_name, FI_OS_READ, 0, &file, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    if (fi_buf_set_size(out, FI_PLACE_CONFIG_TEXT_SIZE_MAX + 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the settings");
    } else {
        rc = fi_os_file_read(file, 0, out->data, out->size, &size, err);
    }
    fi_os_file_close(file);
    DCHECK(size <= out->size);
    if (rc == FIRN_OK) {
        rc = fi_buf_set_size(out, size);
    }
    return rc;
}

/* FIRN_UNTRUSTED if the folder is a store inside a tree, and this user did not write that text. */
static int
check_known(struct fi_os_dir *dir, firn_slice text, firn_error *err)
{
    bool is_known;
    int rc = fi_trust_settings_is_known(dir, text, &is_known, err);
    if (rc != FIRN_OK || is_known) {
        return rc;
    }
    return fi_error_set(err, FIRN_UNTRUSTED, "%s",
                        text.size > 0
                            ? "these settings were not made by firn config here, so they do "
                              "not count: accept them with firn trust, or remove the file"
                            : "the settings that were here are gone, and not by firn config: "
                              "accept that with firn trust");
}

/* The text of the file in a folder, and its settings. An error in the text does not name the
 * file. */
static int
read_file(struct fi_os_dir *dir, struct fi_buf *text, struct fi_place_config_text *out,
          firn_error *err)
{
    *out = (struct fi_place_config_text){0};
    int rc = read_text(dir, text, err);
    rc = rc == FIRN_OK ? check_known(dir, fi_buf_slice(text), err) : rc;
    return rc == FIRN_OK ? fi_place_config_text_read(fi_buf_slice(text), out, err) : rc;
}

/* folder may be NULL, or not exist. */
static int
read_folder(struct fi_os *os, const char *folder, struct fi_place_config_text *out, firn_error *err)
{
    struct fi_os_dir *dir;
    struct fi_buf text = {0};
    *out = (struct fi_place_config_text){0};
    if (folder == NULL) {
        return FIRN_OK;
    }
    int rc = fi_os_dir_open_path(os, folder, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = read_file(dir, &text, out, err);
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc;
}

/* ---- listing ---- */

struct files {
    struct fi_place_config_text of_user;
    struct fi_place_config_text of_store;
    bool is_any_unread;
};

/* How an unreadable file is handled. */
struct telling {
    bool goes_on;
    void (*on_notice)(void *ctx, const firn_notice *notice);
    void *ctx;
};

static int
report_unread(const struct telling *telling, const char *folder, const char *why, firn_error *err)
{
    struct fi_buf path = {0};
    int rc = FIRN_OK;
    if (telling->on_notice == NULL) {
        return FIRN_OK;
    }
    if (fi_buf_append_format(&path, "%s/%s", folder, file_name) == FIRN_OK) {
        firn_notice notice = {
            .kind = FIRN_NOTICE_SETTINGS, .path = fi_buf_slice(&path), .text = why};
        const firn_callbacks callbacks = {.on_notice = telling->on_notice, .ctx = telling->ctx};
        fi_os_callback_notice(&callbacks, &notice);
    } else {
        rc = fi_error_no_memory(err, "the path of the settings");
    }
    fi_buf_deinit(&path);
    return rc;
}

static int
read_one(struct fi_os *os, const char *folder, const struct telling *telling, bool *is_unread,
         struct fi_place_config_text *out, firn_error *err)
{
    firn_error why;
    DCHECK(telling->goes_on || !*is_unread);
    int rc = read_folder(os, folder, out, &why);
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the settings");
    }
    if (telling->goes_on) {
        *is_unread = true;
        return report_unread(telling, folder, why.text, err);
    }
    return fi_error_set(err, rc, "'%.500s/%s': %.400s", folder, file_name, why.text);
}

static int
read_both(struct fi_os *os, const char *store_path, const struct telling *telling,
          struct files *out, firn_error *err)
{
    char *folder = NULL;
    int rc;
    out->is_any_unread = false;
    FI_TRY(user_folder(os, &folder, err));
    FI_TRY(read_one(os, folder, telling, &out->is_any_unread, &out->of_user, err));
    FI_TRY(read_one(os, store_path, telling, &out->is_any_unread, &out->of_store, err));
out:
    fi_free(folder);
    return rc;
}

/* value is the memory for the setting's value. */
static firn_config_setting
setting_of(const struct files *files, enum fi_place_config_key key, char *value)
{
    DCHECK(key < FI_PLACE_CONFIG_KEYS);
    const char *cautious = fi_place_config_text_cautious(key);
    firn_config_setting setting = {.key = fi_place_config_text_name(key),
                                   .value = value,
                                   .source = files->of_store.is_set[key] ? FIRN_CONFIG_SOURCE_STORE
                                             : files->of_user.is_set[key]
                                                 ? FIRN_CONFIG_SOURCE_USER
                                                 : FIRN_CONFIG_SOURCE_DEFAULT};
    fi_place_config_text_show(files->of_store.is_set[key] ? &files->of_store : &files->of_user, key,
                              value);
    /* Either file might have had a setting that overrides the other one's. */
    if (files->is_any_unread && cautious != NULL && setting.source != FIRN_CONFIG_SOURCE_STORE) {
        setting.value = cautious;
        setting.source = FIRN_CONFIG_SOURCE_DEFAULT;
    }
    return setting;
}

static int
place_config_list(struct fi_os *os, const char *store_path, const struct telling *telling,
                  int (*visit)(void *ctx, const firn_config_setting *setting), void *ctx,
                  firn_error *err)
{
    struct files files;
    int rc = read_both(os, store_path, telling, &files, err);
    for (unsigned i = 0; rc == FIRN_OK && i < FI_PLACE_CONFIG_KEYS; i++) {
        char value[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
        firn_config_setting setting = setting_of(&files, (enum fi_place_config_key)i, value);
        rc = visit(ctx, &setting);
        if (rc != FIRN_OK) {
            rc = fi_error_set(err, rc, "stopped by the caller");
        }
    }
    return rc;
}

int
fi_place_config_list(struct fi_os *os, const char *store_path,
                     int (*visit)(void *ctx, const firn_config_setting *setting), void *ctx,
                     firn_error *err)
{
    const struct telling telling = {.goes_on = false};
    return place_config_list(os, store_path, &telling, visit, ctx, err);
}

int
fi_place_config_list_readable(struct fi_os *os, const char *store_path,
                              int (*visit)(void *ctx, const firn_config_setting *setting),
                              void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx,
                              firn_error *err)
{
    const struct telling telling = {.goes_on = true, .on_notice = on_notice, .ctx = ctx};
    return place_config_list(os, store_path, &telling, visit, ctx, err);
}

/* ---- changing ---- */

static int
write_new(struct fi_os_dir *dir, firn_slice text, firn_error *err)
{
    struct fi_os_file *file = NULL;
    /* It may be left of a crash, or have come with the tree, as a link or a fifo. */
    int rc = fi_os_remove_file(dir, new_name, err);
    FI_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    FI_TRY(fi_os_file_open(
        dir, new_name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_EXCLUSIVE | FI_OS_CLEAR,
        0600, &file, err));
    FI_TRY(fi_os_file_write(file, 0, text.data, text.size, err));
    FI_TRY(fi_os_file_sync(file, err));
out:
    fi_os_file_close(file);
    return rc;
}

static bool
is_readable(firn_slice text)
{
    struct fi_place_config_text config;
    return fi_place_config_text_read(text, &config, NULL) == FIRN_OK;
}

static int
write_text(struct fi_os_dir *dir, firn_slice text, firn_error *err)
{
    DCHECK(is_readable(text));
    FI_TRY_RETURN(fi_trust_settings_expect(dir, text, err));
    FI_TRY_RETURN(write_new(dir, text, err));
    FI_TRY_RETURN(fi_os_rename(dir, new_name, dir, file_name, FI_OS_RENAME_REPLACE, err));
    FI_TRY_RETURN(fi_os_dir_sync(dir, err));
    FI_IGNORE(fi_trust_settings_expect(dir, text, NULL));
    return FIRN_OK;
}

/* Passes on an error in the file; FIRN_INVALID would mean an error of the caller. */
static int
place_config_refuse(struct fi_os_dir *dir, int rc, const firn_error *why, firn_error *err)
{
    return fi_error_set(err, rc == FIRN_INVALID ? FIRN_UNSUPPORTED : rc, "'%.500s/%s': %.400s",
                        fi_os_dir_path(dir), file_name, why->text);
}

/* The text of the file, made readable; *was_sound is true if it was readable already. */
static int
read_repaired(struct fi_os_dir *dir, struct fi_buf *out, bool *was_sound, firn_error *err)
{
    struct fi_place_config_text config;
    struct fi_buf text = {0};
    firn_error why;
    DCHECK(out->size == 0);
    *was_sound = false;
    int rc = read_text(dir, &text, &why);
    if (rc == FIRN_OK) {
        rc = check_known(dir, fi_buf_slice(&text), &why);
    }
    if (rc != FIRN_OK) {
        goto out;
    }
    rc = fi_place_config_text_read(fi_buf_slice(&text), &config, &why);
    *was_sound = rc == FIRN_OK;
    if (rc == FIRN_OK) {
        rc = fi_buf_append_slice(out, fi_buf_slice(&text));
    } else if (rc == FIRN_INVALID) {
        rc = fi_place_config_text_repair(fi_buf_slice(&text), out);
    }
    if (rc == FIRN_OK && out->size > FI_PLACE_CONFIG_TEXT_SIZE_MAX) {
        rc = fi_error_set(&why, FIRN_LIMIT, "too much of it cannot be read");
    }
out:
    fi_buf_deinit(&text);
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the settings");
    }
    return rc == FIRN_OK ? FIRN_OK : place_config_refuse(dir, rc, &why, err);
}

/* Whether the settings of two texts differ at most in one key, and is_set says whether the new text
 * has that key: (I1) and (I2) of place_config_text.c. */
static bool
differs_only_in(firn_slice before, firn_slice after, enum fi_place_config_key key, bool is_set)
{
    struct fi_place_config_text old;
    struct fi_place_config_text new;
    bool is_so = fi_place_config_text_read(before, &old, NULL) == FIRN_OK &&
                 fi_place_config_text_read(after, &new, NULL) == FIRN_OK &&
                 new.is_set[key] == is_set;
    for (unsigned i = 0; is_so && i < FI_PLACE_CONFIG_KEYS; i++) {
        is_so = i == key || (old.is_set[i] == new.is_set[i] && old.values[i] == new.values[i] &&
                             strcmp(old.texts[i], new.texts[i]) == 0);
    }
    return is_so;
}

static int
place_config_change(struct fi_os_dir *dir, enum fi_place_config_key key, const char *value,
                    firn_error *err)
{
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    bool was_sound;
    int rc;
    FI_TRY(read_repaired(dir, &before, &was_sound, err));
    if (fi_place_config_text_change(fi_buf_slice(&before), key, value, &after) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the settings");
        goto out;
    }
    if (after.size > FI_PLACE_CONFIG_TEXT_SIZE_MAX) {
        rc =
            fi_error_set(err, FIRN_LIMIT,
                         "'%.500s/%s' would have more than %d bytes: take comments out of it first",
                         fi_os_dir_path(dir), file_name, FI_PLACE_CONFIG_TEXT_SIZE_MAX);
        goto out;
    }
    DCHECK(differs_only_in(fi_buf_slice(&before), fi_buf_slice(&after), key,
                           value != NULL)); /* (I1), (I2) of place_config_text.c */
    if (!was_sound || !fi_slice_equal(fi_buf_slice(&before), fi_buf_slice(&after))) {
        FI_TRY(write_text(dir, fi_buf_slice(&after), err));
    }
out:
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
    return rc;
}

int
fi_place_config_set(struct fi_os *os, const char *store_path, const char *key_name,
                    const char *value, firn_error *err)
{
    enum fi_place_config_key key;
    struct fi_os_dir *dir = NULL;
    char *folder = NULL;
    uint64_t number;
    int rc;
    FI_TRY(fi_place_config_text_find(firn_str(key_name), &key, err));
    if (value != NULL) {
        FI_TRY(fi_place_config_text_value(key, firn_str(value), &number, err));
    }
    if (store_path == NULL) {
        FI_TRY(user_folder(os, &folder, err));
    }
    bool is_there = true;
    if (store_path != NULL) {
        FI_TRY(fi_place_is_store(os, store_path, &is_there, err));
    }
    if (!is_there) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "there is no store at '%.900s'", store_path);
        goto out;
    }
    if (store_path == NULL && folder == NULL) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "no place for the settings: neither XDG_CONFIG_HOME nor HOME is set to "
                          "an absolute path");
        goto out;
    }
    FI_TRY(fi_trust_home_open_dir(os, store_path != NULL ? store_path : folder, store_path == NULL,
                                  &dir, err));
    rc = place_config_change(dir, key, value, err);
out:
    fi_os_dir_close(dir);
    fi_free(folder);
    return rc;
}

/* ---- the settings of a store that is checked or repaired ---- */

int
fi_place_config_check(struct fi_os_dir *dir, const firn_callbacks *callbacks, bool *out_is_sound,
                      firn_error *err)
{
    const struct telling telling = {.on_notice = callbacks->on_notice, .ctx = callbacks->ctx};
    struct fi_place_config_text config;
    struct fi_buf text = {0};
    firn_error why;
    int rc = read_file(dir, &text, &config, &why);
    fi_buf_deinit(&text);
    *out_is_sound = rc == FIRN_OK;
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the settings");
    }
    return rc == FIRN_OK ? FIRN_OK : report_unread(&telling, fi_os_dir_path(dir), why.text, err);
}

/* Writes a new file in place of one that cannot be repaired, which gets a free name. The two are
 * exchanged in one step: without any file the default policy would apply, but the new one says that
 * nothing expires. */
static int
replace_file(struct fi_os_dir *dir, firn_error *err)
{
    char name[ASIDE_NAME_SIZE];
    struct fi_buf text = {0};
    int rc;
    if (fi_place_config_text_repair(firn_bytes(NULL, 0), &text) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the settings");
        goto out;
    }
    DCHECK(is_readable(fi_buf_slice(&text)));
    FI_TRY(fi_trust_settings_expect(dir, fi_buf_slice(&text), err));
    FI_TRY(write_new(dir, fi_buf_slice(&text), err));
    FI_TRY(fi_os_rename(dir, new_name, dir, file_name, FI_OS_RENAME_EXCHANGE, err));
    rc = FIRN_EXISTS;
    for (unsigned i = 1; rc == FIRN_EXISTS && i <= ASIDE_MAX; i++) {
        (void)snprintf(name, sizeof name, "%s.unread-%u", file_name, i);
        rc = fi_os_rename(dir, new_name, dir, name, FI_OS_RENAME_NO_REPLACE, err);
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_sync(dir, err));
out:
    fi_buf_deinit(&text);
    return rc;
}

int
fi_place_config_repair(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_buf text = {0};
    bool was_sound;
    int rc = read_repaired(dir, &text, &was_sound, err);
    if (rc == FIRN_OK && !was_sound) {
        rc = write_text(dir, fi_buf_slice(&text), err);
    } else if (rc == FIRN_UNTRUSTED) {
        rc = FIRN_OK; /* for the user to accept or remove */
    } else if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) {
        rc = replace_file(dir, err);
    }
    fi_buf_deinit(&text);
    return rc;
}

int
fi_place_config_lost(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_buf text = {0};
    int rc = fi_place_config_text_repair(firn_bytes(NULL, 0), &text) == FIRN_OK
                 ? write_text(dir, fi_buf_slice(&text), err)
                 : fi_error_no_memory(err, "the settings");
    fi_buf_deinit(&text);
    return rc;
}
