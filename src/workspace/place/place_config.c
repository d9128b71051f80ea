/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_config.c: where settings are kept, and which one counts.
 *
 * There are two files: the user's, $XDG_CONFIG_HOME/firn/config or ~/.config/firn/config, and the
 * store's, "config" in its directory. What the store says goes before what the user says. Both are
 * text (place_config_text.h), made to be edited; firn writes them whole, under another name first, so
 * that a crash leaves the old or the new one (I1; not checked: tests cut the power). Of two changes
 * at the same instant one may be lost.
 *
 * A file that cannot be read is an error where settings are asked for; where something else is to be
 * done it counts as if it said nothing, and is told of. What is then not known must not delete
 * anything. A change mends the file that it changes: what could not be read stays as comments.
 *
 * The library keeps settings but takes none of them by itself: what an application asks of it must
 * not depend on files in somebody's home (I2; not checked: it is about who calls this).
 */
#include "place/place_config.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "place/place.h"
#include "place/place_config_text.h"

static const char file_name[] = FIRN_PLACE_CONFIG_FILE;
static const char new_name[] = "config.new";
enum { ASIDE_MAX = 1000, ASIDE_NAME_SIZE = 32 };

int
firn_place_config_size(const char *text, uint64_t *out, firn_error *err)
{
    if (firn_place_config_text_size(firn_str(text), out)) {
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
    if (firn_buf_set_size(out, FIRN_PLACE_CONFIG_TEXT_SIZE_MAX + 1) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the settings");
    } else {
        rc = firn_os_file_read(file, 0, out->data, out->size, &size, err);
    }
    firn_os_file_close(file);
    DCHECK(size <= out->size);
    if (rc == FIRN_OK) {
        rc = firn_buf_set_size(out, size);
    }
    return rc;
}

/* The text of the file in a folder and what it says. The error does not name the file if it is about
 * the text. */
static int
read_file(struct firn_os_dir *dir, struct firn_buf *text, struct firn_place_config_text *out,
          firn_error *err)
{
    *out = (struct firn_place_config_text){0};
    int rc = read_text(dir, text, err);
    return rc == FIRN_OK ? firn_place_config_text_read(firn_buf_slice(text), out, err) : rc;
}

/* folder may be NULL, or not be there. */
static int
read_folder(struct firn_os *os, const char *folder, struct firn_place_config_text *out,
            firn_error *err)
{
    struct firn_os_dir *dir;
    struct firn_buf text = {0};
    *out = (struct firn_place_config_text){0};
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

/* ---- listing ---- */

struct files {
    struct firn_place_config_text of_user;
    struct firn_place_config_text of_store;
    bool is_any_unread;
};

/* What is done about a file that cannot be read. */
struct telling {
    bool goes_on;
    void (*on_notice)(void *ctx, const firn_notice *notice);
    void *ctx;
};

static int
tell_unread(const struct telling *telling, const char *folder, const char *why, firn_error *err)
{
    struct firn_buf path = {0};
    int rc = FIRN_OK;
    if (telling->on_notice == NULL) {
        return FIRN_OK;
    }
    if (firn_buf_append_format(&path, "%s/%s", folder, file_name) == FIRN_OK) {
        firn_notice notice = {
            .kind = FIRN_NOTICE_SETTINGS, .path = firn_buf_slice(&path), .text = why};
        telling->on_notice(telling->ctx, &notice);
    } else {
        rc = firn_error_no_memory(err, "the path of the settings");
    }
    firn_buf_deinit(&path);
    return rc;
}

static int
read_one(struct firn_os *os, const char *folder, const struct telling *telling, bool *is_unread,
         struct firn_place_config_text *out, firn_error *err)
{
    firn_error why;
    DCHECK(telling->goes_on || !*is_unread);
    int rc = read_folder(os, folder, out, &why);
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (rc == FIRN_NO_MEMORY) {
        return firn_error_no_memory(err, "the settings");
    }
    if (telling->goes_on) {
        *is_unread = true;
        return tell_unread(telling, folder, why.text, err);
    }
    return firn_error_set(err, rc, "'%.500s/%s': %.400s", folder, file_name, why.text);
}

static int
read_both(struct firn_os *os, const char *store_path, const struct telling *telling,
          struct files *out, firn_error *err)
{
    char *folder = NULL;
    int rc;
    out->is_any_unread = false;
    FIRN_TRY(user_folder(os, &folder, err));
    FIRN_TRY(read_one(os, folder, telling, &out->is_any_unread, &out->of_user, err));
    FIRN_TRY(read_one(os, store_path, telling, &out->is_any_unread, &out->of_store, err));
out:
    firn_free(folder);
    return rc;
}

/* value is the room for it. */
static firn_config_setting
setting_of(const struct files *files, enum firn_place_config_key key, char *value)
{
    DCHECK(key < FIRN_PLACE_CONFIG_KEYS);
    const char *cautious = firn_place_config_text_cautious(key);
    firn_config_setting setting = {.key = firn_place_config_text_name(key),
                                   .value = value,
                                   .source = files->of_store.is_set[key]  ? FIRN_SETTING_STORE
                                             : files->of_user.is_set[key] ? FIRN_SETTING_USER
                                                                          : FIRN_SETTING_DEFAULT};
    firn_place_config_text_show(files->of_store.is_set[key] ? &files->of_store : &files->of_user,
                                key, value);
    /* Whichever file it is, it might have said what goes before what the other one says. */
    if (files->is_any_unread && cautious != NULL && setting.source != FIRN_SETTING_STORE) {
        setting.value = cautious;
        setting.source = FIRN_SETTING_DEFAULT;
    }
    return setting;
}

static int
list(struct firn_os *os, const char *store_path, const struct telling *telling,
     int (*visit)(void *ctx, const firn_config_setting *setting), void *ctx, firn_error *err)
{
    struct files files;
    int rc = read_both(os, store_path, telling, &files, err);
    for (unsigned i = 0; rc == FIRN_OK && i < FIRN_PLACE_CONFIG_KEYS; i++) {
        char value[FIRN_PLACE_CONFIG_TEXT_VALUE_SIZE];
        firn_config_setting setting = setting_of(&files, (enum firn_place_config_key)i, value);
        rc = visit(ctx, &setting);
        if (rc != FIRN_OK) {
            rc = firn_error_set(err, rc, "stopped by the caller");
        }
    }
    return rc;
}

int
firn_place_config_list(struct firn_os *os, const char *store_path,
                       int (*visit)(void *ctx, const firn_config_setting *setting), void *ctx,
                       firn_error *err)
{
    const struct telling telling = {.goes_on = false};
    return list(os, store_path, &telling, visit, ctx, err);
}

int
firn_place_config_list_readable(struct firn_os *os, const char *store_path,
                                int (*visit)(void *ctx, const firn_config_setting *setting),
                                void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx,
                                firn_error *err)
{
    const struct telling telling = {.goes_on = true, .on_notice = on_notice, .ctx = ctx};
    return list(os, store_path, &telling, visit, ctx, err);
}

/* ---- changing ---- */

static int
write_new(struct firn_os_dir *dir, firn_slice text, firn_error *err)
{
    struct firn_os_file *file = NULL;
    int rc;
    FIRN_TRY(firn_os_file_open(
        dir, new_name, FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER | FIRN_OS_TRUNCATE, 0600,
        &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, text.data, text.size, err));
    FIRN_TRY(firn_os_file_sync(file, err));
out:
    firn_os_file_close(file);
    return rc;
}

static bool
is_readable(firn_slice text)
{
    struct firn_place_config_text config;
    return firn_place_config_text_read(text, &config, NULL) == FIRN_OK;
}

static int
write_text(struct firn_os_dir *dir, firn_slice text, firn_error *err)
{
    int rc;
    DCHECK(is_readable(text));
    FIRN_TRY(write_new(dir, text, err));
    FIRN_TRY(firn_os_rename(dir, new_name, dir, file_name, FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(dir, err));
out:
    return rc;
}

/* FIRN_INVALID would blame whoever calls. */
static int
refuse(struct firn_os_dir *dir, int rc, const firn_error *why, firn_error *err)
{
    return firn_error_set(err, rc == FIRN_INVALID ? FIRN_UNSUPPORTED : rc, "'%.500s/%s': %.400s",
                          firn_os_dir_path(dir), file_name, why->text);
}

/* The text of the file, made readable: *was_sound tells whether it was so already. */
static int
read_mended(struct firn_os_dir *dir, struct firn_buf *out, bool *was_sound, firn_error *err)
{
    struct firn_place_config_text config;
    struct firn_buf text = {0};
    firn_error why;
    DCHECK(out->size == 0);
    *was_sound = false;
    int rc = read_text(dir, &text, &why);
    if (rc != FIRN_OK) {
        goto out;
    }
    rc = firn_place_config_text_read(firn_buf_slice(&text), &config, &why);
    *was_sound = rc == FIRN_OK;
    if (rc == FIRN_OK) {
        rc = firn_buf_append_slice(out, firn_buf_slice(&text));
    } else if (rc == FIRN_INVALID) {
        rc = firn_place_config_text_mend(firn_buf_slice(&text), out);
    }
    if (rc == FIRN_OK && out->size > FIRN_PLACE_CONFIG_TEXT_SIZE_MAX) {
        rc = firn_error_set(&why, FIRN_LIMIT, "too much of it cannot be read");
    }
out:
    firn_buf_deinit(&text);
    if (rc == FIRN_NO_MEMORY) {
        return firn_error_no_memory(err, "the settings");
    }
    return rc == FIRN_OK ? FIRN_OK : refuse(dir, rc, &why, err);
}

/* Whether reading the one text gives what reading the other gives, but for one setting: (I1) and (I2)
 * of place_config_text.c. */
static bool
differs_only_in(firn_slice before, firn_slice after, enum firn_place_config_key key, bool is_set)
{
    struct firn_place_config_text old;
    struct firn_place_config_text new;
    bool is_so = firn_place_config_text_read(before, &old, NULL) == FIRN_OK &&
                 firn_place_config_text_read(after, &new, NULL) == FIRN_OK &&
                 new.is_set[key] == is_set;
    for (unsigned i = 0; is_so && i < FIRN_PLACE_CONFIG_KEYS; i++) {
        is_so = i == key || (old.is_set[i] == new.is_set[i] && old.values[i] == new.values[i] &&
                             strcmp(old.texts[i], new.texts[i]) == 0);
    }
    return is_so;
}

static int
change(struct firn_os_dir *dir, enum firn_place_config_key key, const char *value, firn_error *err)
{
    struct firn_buf before = {0};
    struct firn_buf after = {0};
    bool was_sound;
    int rc;
    FIRN_TRY(read_mended(dir, &before, &was_sound, err));
    if (firn_place_config_text_change(firn_buf_slice(&before), key, value, &after) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the settings");
        goto out;
    }
    if (after.size > FIRN_PLACE_CONFIG_TEXT_SIZE_MAX) {
        rc = firn_error_set(
            err, FIRN_LIMIT,
            "'%.500s/%s' would have more than %d bytes: take comments out of it first",
            firn_os_dir_path(dir), file_name, FIRN_PLACE_CONFIG_TEXT_SIZE_MAX);
        goto out;
    }
    DCHECK(differs_only_in(firn_buf_slice(&before), firn_buf_slice(&after), key, value != NULL));
    if (!was_sound || !firn_slice_equal(firn_buf_slice(&before), firn_buf_slice(&after))) {
        FIRN_TRY(write_text(dir, firn_buf_slice(&after), err));
    }
out:
    firn_buf_deinit(&before);
    firn_buf_deinit(&after);
    return rc;
}

int
firn_place_config_set(struct firn_os *os, const char *store_path, const char *key_name,
                      const char *value, firn_error *err)
{
    enum firn_place_config_key key;
    struct firn_os_dir *dir = NULL;
    char *folder = NULL;
    uint64_t number;
    int rc;
    FIRN_TRY(firn_place_config_text_find(firn_str(key_name), &key, err));
    if (value != NULL) {
        FIRN_TRY(firn_place_config_text_value(key, firn_str(value), &number, err));
    }
    if (store_path == NULL) {
        FIRN_TRY(user_folder(os, &folder, err));
    }
    bool is_there = true;
    if (store_path != NULL) {
        FIRN_TRY(firn_place_is_store(os, store_path, &is_there, err));
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
    FIRN_TRY(firn_place_open_dir(os, store_path != NULL ? store_path : folder, store_path == NULL,
                                 &dir, err));
    rc = change(dir, key, value, err);
out:
    firn_os_dir_close(dir);
    firn_free(folder);
    return rc;
}

/* ---- the settings of a store that is checked or repaired ---- */

int
firn_place_config_check(struct firn_os_dir *dir, const firn_callbacks *callbacks,
                        bool *out_is_sound, firn_error *err)
{
    const struct telling telling = {.on_notice = callbacks->on_notice, .ctx = callbacks->ctx};
    struct firn_place_config_text config;
    struct firn_buf text = {0};
    firn_error why;
    int rc = read_file(dir, &text, &config, &why);
    firn_buf_deinit(&text);
    *out_is_sound = rc == FIRN_OK;
    if (rc == FIRN_NO_MEMORY) {
        return firn_error_no_memory(err, "the settings");
    }
    return rc == FIRN_OK ? FIRN_OK : tell_unread(&telling, firn_os_dir_path(dir), why.text, err);
}

/* Writes a file in the place of one that cannot be mended, which gets a name that is free. In one
 * step: without any file more would expire than with one that says that nothing does. */
static int
replace_file(struct firn_os_dir *dir, firn_error *err)
{
    char name[ASIDE_NAME_SIZE];
    struct firn_buf text = {0};
    int rc;
    if (firn_place_config_text_mend(firn_bytes(NULL, 0), &text) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the settings");
        goto out;
    }
    DCHECK(is_readable(firn_buf_slice(&text)));
    FIRN_TRY(write_new(dir, firn_buf_slice(&text), err));
    FIRN_TRY(firn_os_rename(dir, new_name, dir, file_name, FIRN_OS_RENAME_EXCHANGE, err));
    rc = FIRN_EXISTS;
    for (unsigned i = 1; rc == FIRN_EXISTS && i <= ASIDE_MAX; i++) {
        (void)snprintf(name, sizeof name, "%s.unread-%u", file_name, i);
        rc = firn_os_rename(dir, new_name, dir, name, FIRN_OS_RENAME_NO_REPLACE, err);
    }
    FIRN_TRY(rc);
    FIRN_TRY(firn_os_dir_sync(dir, err));
out:
    firn_buf_deinit(&text);
    return rc;
}

int
firn_place_config_mend(struct firn_os_dir *dir, firn_error *err)
{
    struct firn_buf text = {0};
    bool was_sound;
    int rc = read_mended(dir, &text, &was_sound, err);
    if (rc == FIRN_OK && !was_sound) {
        rc = write_text(dir, firn_buf_slice(&text), err);
    } else if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) {
        rc = replace_file(dir, err);
    }
    firn_buf_deinit(&text);
    return rc;
}

int
firn_place_config_lost(struct firn_os_dir *dir, firn_error *err)
{
    struct firn_buf text = {0};
    int rc = firn_place_config_text_mend(firn_bytes(NULL, 0), &text) == FIRN_OK
                 ? write_text(dir, firn_buf_slice(&text), err)
                 : firn_error_no_memory(err, "the settings");
    firn_buf_deinit(&text);
    return rc;
}
